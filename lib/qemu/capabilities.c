/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts themselves: looked up, and to and from JSON (the cache). */
#include "lib/qemu/capabilities.h"
#include "base/parse.h"
#include <stdlib.h>
#include <string.h>

void pp_qemu_capabilities_free(struct pp_qemu_capabilities *capabilities)
{
	if (capabilities)
		pp_arena_free(capabilities->arena);
}

static int compare_words(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static bool has_word(const char *const *list, size_t count, const char *word)
{
	return count && bsearch(word, list, count, sizeof(*list), compare_words);
}

bool pp_qemu_has_device(const struct pp_qemu_capabilities *capabilities, const char *type)
{
	return has_word(capabilities->devices, capabilities->n_devices, type);
}

bool pp_qemu_has_property(
	const struct pp_qemu_capabilities *capabilities, const char *type, const char *property)
{
	char name[128];
	size_t length = strlen(type);

	if (length + strlen(property) + 2 > sizeof(name))
		return false;
	memcpy(name, type, length);
	name[length] = '.';
	strcpy(name + length + 1, property);
	return has_word(capabilities->properties, capabilities->n_properties, name);
}

const struct pp_qemu_machine *pp_qemu_machine(
	const struct pp_qemu_capabilities *capabilities, const char *name)
{
	for (size_t i = 0; i < capabilities->n_machines; i++) {
		const struct pp_qemu_machine *machine = &capabilities->machines[i];

		if (!name ? pp_text_is(machine->alias, "pc")
			  : pp_text_is(machine->name, name) || pp_text_is(machine->alias, name))
			return machine;
	}
	return NULL;
}

/* ---- to and from JSON ---- */

static int set_words(struct pp_json *object, const char *key, const char *const *list, size_t count)
{
	struct pp_json *array = pp_json_array();
	int r = array ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = pp_json_add_string(array, list[i]);
	if (r < 0) {
		pp_json_free(array);
		return r;
	}
	return pp_json_set(object, key, array);
}

static int set_machines(struct pp_json *object, const struct pp_qemu_capabilities *capabilities)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *array = pp_json_array();

	for (size_t i = 0; array && i < capabilities->n_machines; i++) {
		const struct pp_qemu_machine *machine = &capabilities->machines[i];
		struct pp_json *item = pp_json_object();

		if (!item || pp_json_set_string(item, "name", machine->name) < 0 ||
			(machine->alias && pp_json_set_string(item, "alias", machine->alias) < 0) ||
			pp_json_set_int(item, "cpu-max", machine->cpu_max) < 0 ||
			pp_json_set_bool(item, "is-default", machine->is_default) < 0 ||
			pp_json_set_bool(item, "deprecated", machine->deprecated) < 0) {
			pp_json_free(item);
			return -ENOMEM;
		}
		if (pp_json_add(array, item) < 0)
			return -ENOMEM;
	}
	return array ? pp_json_set(object, "machines", PP_TAKE(array)) : -ENOMEM;
}

struct pp_json *pp_qemu_capabilities_to_json(const struct pp_qemu_capabilities *capabilities)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();

	if (!object || pp_json_set_string(object, "binary", capabilities->binary) < 0 ||
		pp_json_set_int(object, "version", capabilities->version) < 0 ||
		pp_json_set_string(object, "package", capabilities->package) < 0 ||
		pp_json_set_string(object, "arch", capabilities->arch) < 0 ||
		pp_json_set_bool(object, "kvm", capabilities->kvm) < 0 ||
		pp_json_set_bool(object, "sandbox", capabilities->sandbox) < 0 ||
		set_machines(object, capabilities) < 0 ||
		set_words(object, "devices", capabilities->devices, capabilities->n_devices) < 0 ||
		set_words(object, "properties", capabilities->properties,
			capabilities->n_properties) < 0 ||
		set_words(object, "cpus", capabilities->cpus, capabilities->n_cpus) < 0 ||
		set_words(object, "cpu-features", capabilities->cpu_features,
			capabilities->n_cpu_features) < 0)
		return NULL;
	return PP_TAKE(object);
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Strings of an array, sorted; -EINVAL where one is none. */
static int get_words(struct pp_arena *arena, const struct pp_json *object, const char *key,
	const char *const **ret_list, size_t *ret_count)
{
	const struct pp_json *array = pp_json_get(object, key);
	size_t count = pp_json_is_array(array) ? pp_json_length(array) : 0;
	const char **list;

	if (!pp_json_is_array(array))
		return -EINVAL;
	list = pp_arena_array(arena, count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *text = pp_json_text_of(pp_json_at(array, i));

		if (!text)
			return -EINVAL;
		list[i] = pp_arena_strdup(arena, text);
		if (!list[i])
			return -ENOMEM;
	}
	qsort(list, count, sizeof(*list), compare_items);
	*ret_list = list;
	*ret_count = count;
	return 0;
}

static int get_machine(
	struct pp_arena *arena, const struct pp_json *item, struct pp_qemu_machine *machine)
{
	const char *name = pp_json_get_string(item, "name"),
		   *alias = pp_json_get_string(item, "alias");
	int64_t cpu_max = 0;

	if (!name)
		return -EINVAL;
	pp_json_get_int(item, "cpu-max", &cpu_max);
	pp_json_get_bool(item, "is-default", &machine->is_default);
	pp_json_get_bool(item, "deprecated", &machine->deprecated);
	machine->cpu_max = cpu_max > 0 && cpu_max < 1 << 20 ? (unsigned)cpu_max : 0;
	machine->name = pp_arena_strdup(arena, name);
	machine->alias = alias ? pp_arena_strdup(arena, alias) : NULL;
	return machine->name && (machine->alias || !alias) ? 0 : -ENOMEM;
}

static int get_machines(struct pp_arena *arena, const struct pp_json *object,
	struct pp_qemu_capabilities *capabilities)
{
	const struct pp_json *array = pp_json_get(object, "machines");
	size_t count = pp_json_is_array(array) ? pp_json_length(array) : 0;
	struct pp_qemu_machine *machines = pp_arena_array(arena, count + 1, sizeof(*machines));
	int r = count ? 0 : -EINVAL;

	if (!machines)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = get_machine(arena, pp_json_at(array, i), &machines[i]);
	capabilities->machines = machines;
	capabilities->n_machines = count;
	return r;
}

static int get_all(
	struct pp_arena *arena, const struct pp_json *json, struct pp_qemu_capabilities *c)
{
	const char *binary = pp_json_get_string(json, "binary");
	const char *package = pp_json_get_string(json, "package");
	const char *arch = pp_json_get_string(json, "arch");
	int64_t version;
	int r;

	if (!binary || !package || !arch || pp_json_get_int(json, "version", &version) < 0 ||
		version <= 0 || version > 999999999 || pp_json_get_bool(json, "kvm", &c->kvm) < 0 ||
		pp_json_get_bool(json, "sandbox", &c->sandbox) < 0)
		return -EINVAL;
	c->version = (unsigned)version;
	c->binary = pp_arena_strdup(arena, binary);
	c->package = pp_arena_strdup(arena, package);
	c->arch = pp_arena_strdup(arena, arch);
	if (!c->binary || !c->package || !c->arch)
		return -ENOMEM;
	r = get_machines(arena, json, c);
	if (r == 0)
		r = get_words(arena, json, "devices", &c->devices, &c->n_devices);
	if (r == 0)
		r = get_words(arena, json, "properties", &c->properties, &c->n_properties);
	if (r == 0)
		r = get_words(arena, json, "cpus", &c->cpus, &c->n_cpus);
	return r ? r : get_words(arena, json, "cpu-features", &c->cpu_features, &c->n_cpu_features);
}

int pp_qemu_capabilities_from_json(const struct pp_json *json,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_qemu_capabilities *capabilities =
		arena ? pp_arena_alloc(arena, sizeof(*capabilities)) : NULL;
	int r = capabilities ? get_all(arena, json, capabilities) : -ENOMEM;

	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r < 0)
		return pp_error_set(
			error, PP_STATUS_FAILED, r, "the capabilities of QEMU are not as expected");
	capabilities->arena = PP_TAKE(arena);
	*ret_capabilities = capabilities;
	return 0;
}
