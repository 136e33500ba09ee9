/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/firmware.h"
#include "base/json.h"
#include "base/parse.h"
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

static const char *const folders[] = {"/usr/share/qemu/firmware", "/etc/qemu/firmware"};

/* ---- one descriptor ---- */

static bool lists(const struct pp_json *array, const char *word)
{
	for (size_t i = 0; i < pp_json_length(array); i++)
		if (pp_text_is(pp_json_text_of(pp_json_at(array, i)), word))
			return true;
	return false;
}

static int copy_text(struct pp_arena *arena, const struct pp_json *object, const char *key,
	const char **ret_text)
{
	const char *text = pp_json_get_string(object, key);

	if (!text)
		return -EBADMSG;
	*ret_text = pp_arena_strdup(arena, text);
	return *ret_text ? 0 : -ENOMEM;
}

static int copy_file(struct pp_arena *arena, const struct pp_json *object, const char **ret_path,
	const char **ret_format)
{
	int r = copy_text(arena, object, "filename", ret_path);

	if (r >= 0)
		r = copy_text(arena, object, "format", ret_format);
	if (r < 0)
		return r;
	return **ret_path == '/' &&
			       (pp_text_is(*ret_format, "raw") || pp_text_is(*ret_format, "qcow2"))
		       ? 0
		       : -EBADMSG;
}

/* The machines of its targets of our architecture. */
static int copy_machines(
	struct pp_arena *arena, const struct pp_json *targets, struct pp_firmware *firmware)
{
	const char **machines = NULL;
	size_t count = 0;

	for (size_t i = 0; i < pp_json_length(targets); i++) {
		const struct pp_json *target = pp_json_at(targets, i);
		const struct pp_json *list = pp_json_get(target, "machines");
		size_t more = pp_json_length(list);

		if (!pp_text_is(pp_json_get_string(target, "architecture"), "x86_64") || !more)
			continue;
		machines = pp_arena_grow(arena, machines, count * sizeof(*machines),
			(count + more) * sizeof(*machines));
		if (!machines)
			return -ENOMEM;
		for (size_t j = 0; j < more; j++) {
			const char *text = pp_json_text_of(pp_json_at(list, j));

			machines[count] = text ? pp_arena_strdup(arena, text) : NULL;
			if (!machines[count++])
				return text ? -ENOMEM : -EBADMSG;
		}
	}
	firmware->machines = machines;
	firmware->n_machines = count;
	return 0;
}

/* 1: it is one that a guest of ours can have; 0: it is for others. */
static int read_descriptor(
	struct pp_arena *arena, const struct pp_json *json, struct pp_firmware *ret_firmware)
{
	const struct pp_json *mapping = pp_json_get(json, "mapping");
	const struct pp_json *features = pp_json_get(json, "features");
	const char *mode = pp_json_get_string(mapping, "mode");
	struct pp_firmware firmware = {
		.secure_boot = lists(features, "secure-boot"),
		.enrolled_keys = lists(features, "enrolled-keys"),
		.requires_smm = lists(features, "requires-smm"),
		.acpi_s3 = lists(features, "acpi-s3"),
		.acpi_s4 = lists(features, "acpi-s4"),
	};

	if (!pp_json_get_string(mapping, "device") || !pp_json_get(json, "targets"))
		return -EBADMSG;
	if (!lists(pp_json_get(json, "interface-types"), "uefi") ||
		!pp_text_is(pp_json_get_string(mapping, "device"), "flash") ||
		pp_text_is(mode, "combined"))
		return 0;
	int r = copy_file(
		arena, pp_json_get(mapping, "executable"), &firmware.code, &firmware.code_format);
	if (r >= 0 && !pp_text_is(mode, "stateless"))
		r = copy_file(arena, pp_json_get(mapping, "nvram-template"), &firmware.template,
			&firmware.template_format);
	if (r >= 0)
		r = copy_machines(arena, pp_json_get(json, "targets"), &firmware);
	if (r < 0)
		return r;
	*ret_firmware = firmware;
	return firmware.n_machines > 0;
}

/* ---- all of them ---- */

struct names {
	const char *name, *path;
};

static struct names *find_name(struct names *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (pp_text_is(names[i].name, name))
			return &names[i];
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct names *)a)->name, ((const struct names *)b)->name);
}

static int list_names(
	struct pp_tree *tree, struct pp_arena *arena, struct names **ret_names, size_t *ret_count)
{
	struct names *names = NULL;
	size_t count = 0;

	for (unsigned i = 0; i < PP_COUNT(folders); i++) {
		char **files = NULL;
		size_t n_files = 0;
		int r = pp_tree_list(tree, arena, folders[i], &files, &n_files);

		if (r == -ENOMEM)
			return r;
		if (r < 0 || n_files == 0)
			continue;
		names = pp_arena_grow(
			arena, names, count * sizeof(*names), (count + n_files) * sizeof(*names));
		if (!names)
			return -ENOMEM;
		for (size_t j = 0; j < n_files; j++) {
			struct names *name = find_name(names, count, files[j]);

			if (!pp_text_ends(files[j], ".json"))
				continue;
			if (!name)
				name = &names[count++];
			*name = (struct names){
				files[j], pp_arena_printf(arena, "%s/%s", folders[i], files[j])};
			if (!name->path)
				return -ENOMEM;
		}
	}
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

static int read_file(struct pp_tree *tree, struct pp_arena *arena, const char *path,
	struct pp_firmware *ret_firmware)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	char *text;
	size_t length;

	int r = pp_tree_read(tree, arena, path, &text, &length);
	if (r < 0 || length == 0) /* an empty one is there to hide another */
		return r;
	r = pp_json_parse(text, length, &json, NULL);
	return r < 0 ? r : read_descriptor(arena, json, ret_firmware);
}

int pp_firmwares_read(struct pp_tree *tree, struct pp_arena *arena,
	struct pp_firmwares *ret_firmwares, struct pp_error *error)
{
	struct names *names = NULL;
	size_t count = 0;

	int r = list_names(tree, arena, &names, &count);
	struct pp_firmware *items = r < 0 ? NULL : pp_arena_array(arena, count + 1, sizeof(*items));
	if (!items)
		return pp_error_oom(error);
	struct pp_firmwares firmwares = {.items = items};
	for (size_t i = 0; i < count; i++) {
		r = read_file(tree, arena, names[i].path, &items[firmwares.n_items]);
		if (r == -ENOMEM)
			return pp_error_oom(error);
		if (r < 0)
			firmwares.broken = names[i].path;
		firmwares.n_items += r > 0;
	}
	*ret_firmwares = firmwares;
	return 0;
}

/* ---- which of them ---- */

static bool agrees(enum pp_tristate wanted, bool has)
{
	return wanted == PP_UNSET || (wanted == PP_ON) == has;
}

static bool fits_machine(const struct pp_firmware *firmware, const char *machine)
{
	for (size_t i = 0; i < firmware->n_machines; i++)
		if (fnmatch(firmware->machines[i], machine, 0) == 0)
			return true;
	return false;
}

/* The rules of libvirt (qemuFirmwareMatchDomain). */
static bool suits(
	const struct pp_firmware *firmware, const struct pp_domain *domain, const char *machine)
{
	const struct pp_domain_os *os = &domain->os;

	if (!fits_machine(firmware, machine))
		return false;
	if ((domain->suspend_to_mem == PP_ON && !firmware->acpi_s3) ||
		(domain->suspend_to_disk == PP_ON && !firmware->acpi_s4))
		return false;
	if (!agrees(os->secure_boot, firmware->secure_boot) ||
		!agrees(os->enrolled_keys, firmware->enrolled_keys) ||
		!agrees(os->loader_secure, firmware->requires_smm))
		return false;
	if (firmware->requires_smm && domain->features.smm == PP_OFF)
		return false;
	return (os->loader_stateless == PP_ON) == (firmware->template == NULL);
}

static int refuse(const struct pp_domain *domain, const char *machine,
	const struct pp_firmwares *firmwares, const char *file, struct pp_error *error)
{
	if (firmwares->n_items == 0)
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"%s:%d: this host has no UEFI for guests: %s describes none%s%s", file,
			domain->os.line, folders[0],
			firmwares->broken ? ", and cannot be understood: " : "",
			firmwares->broken ? firmwares->broken : "");
	else
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"%s:%d: none of the %zu UEFI images that this host has for guests (%s) is "
			"for machine %s with what <os> asks for",
			file, domain->os.line, firmwares->n_items, folders[0], machine);
	pp_error_id(error, "no-firmware");
	pp_error_remedy(error, firmwares->n_items == 0
				       ? "install the package ovmf (edk2-ovmf, qemu-ovmf-x86_64)"
				       : "leave <firmware>, secure= or stateless= of <loader> out, "
					 "or take another machine type");
	return -ENOENT;
}

static const struct pp_firmware *find_code(const struct pp_firmwares *firmwares, const char *code)
{
	for (size_t i = 0; i < firmwares->n_items; i++)
		if (pp_text_is(firmwares->items[i].code, code))
			return &firmwares->items[i];
	return NULL;
}

static void put_variables(const struct pp_domain_os *os, const struct pp_firmware *firmware,
	const char *variables, struct pp_flash *flash)
{
	const char *format = firmware ? firmware->template_format : flash->code_format;

	if (os->loader_stateless == PP_ON)
		return;
	flash->variables = os->nvram ? os->nvram : variables;
	flash->variables_format = os->nvram_format ? os->nvram_format : format ? format : "raw";
	if (os->nvram_template)
		flash->template = os->nvram_template;
	/* A template is copied as it is. */
	else if (firmware && pp_text_is(firmware->template_format, flash->variables_format))
		flash->template = firmware->template;
}

int pp_flash_choose(const struct pp_domain *domain, const struct pp_qemu_machine *machine,
	const struct pp_firmwares *firmwares, const char *variables, const char *file,
	struct pp_flash *ret_flash, struct pp_error *error)
{
	const struct pp_domain_os *os = &domain->os;
	const struct pp_firmware *firmware = NULL;
	struct pp_flash flash = {0};

	if (os->loader)
		firmware = find_code(firmwares, os->loader);
	for (size_t i = 0; !os->loader && !firmware && i < firmwares->n_items; i++)
		if (suits(&firmwares->items[i], domain, machine->name))
			firmware = &firmwares->items[i];
	if (!firmware && !os->loader)
		return refuse(domain, machine->name, firmwares, file, error);
	flash.code = os->loader ? os->loader : firmware->code;
	flash.code_format = os->loader_format ? os->loader_format
			    : firmware        ? firmware->code_format
					      : "raw";
	flash.secure = os->loader_secure == PP_ON || (!os->loader && firmware->requires_smm);
	put_variables(os, firmware, variables, &flash);
	*ret_flash = flash;
	return 0;
}
