/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/pool.h"
#include "base/file.h"
#include "base/jsonreader.h"
#include "base/parse.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEADLINE_S 20
#define DEADLINE_MAX_S 300
#define BUNDLE_MAX 64
#define COMMAND_MAX 64

static int no_memory(struct pp_json_reader *reader)
{
	return pp_error_oom(reader->error);
}

static int get_array(struct pp_json_reader *reader, const char *place, const struct pp_json *object,
	const char *key, size_t max, const struct pp_json **ret_array)
{
	const struct pp_json *array = pp_json_get(object, key);
	if (!pp_json_is_array(array) || pp_json_length(array) == 0)
		return pp_json_fault(
			reader, place, "'%s' is to be a list with something in it", key);
	if (pp_json_length(array) > max)
		return pp_json_fault(reader, place, "'%s' has more than %zu entries", key, max);
	*ret_array = array;
	return 0;
}

/* ---- devices ---- */

static int parse_device(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, struct pp_pool_device *device)
{
	const char *address = NULL;
	char text[PP_ADDRESS_SIZE];
	int r = pp_json_read_text(reader, place, value, "address", &address);
	if (r < 0)
		return r;
	if (!address)
		return pp_json_fault(reader, place, "there is no 'address'");
	if (pp_address_parse(address, &device->address) < 0)
		return pp_json_fault(
			reader, place, "'%s' is no address like 0000:01:00.0", address);
	device->name = pp_arena_strdup(reader->arena, pp_address_text(&device->address, text));
	if (!device->name)
		return no_memory(reader);
	if (!pp_json_get(value, "id"))
		return pp_json_fault(reader, place,
			"%s has no 'id': an address alone does not say which device it is (pcipass "
			"nodedev-list --long shows the ids)",
			device->name);
	return pp_json_read_identity(reader, place, value, &device->identity);
}

static int parse_bundle(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, struct pp_pool_unit *unit)
{
	static const char *const known[] = {"address", "id", "subsystem", "serial", NULL};
	const struct pp_json *array = NULL;
	int r = get_array(reader, place, value, "bundle", BUNDLE_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool_device *devices = pp_arena_array(reader->arena, count, sizeof(*devices));
	if (!devices)
		return no_memory(reader);
	for (size_t i = 0; i < count; i++) {
		const char *where = pp_arena_printf(reader->arena, "%s.bundle[%zu]", place, i);
		if (!where)
			return no_memory(reader);
		r = pp_json_check_object(reader, where, pp_json_at(array, i), known);
		if (r == 0)
			r = parse_device(reader, where, pp_json_at(array, i), &devices[i]);
		if (r < 0)
			return r;
	}
	unit->devices = devices;
	unit->n_devices = count;
	return 0;
}

/* ---- units ---- */

static int parse_command(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, const char *key, const char *const **ret_argv)
{
	const struct pp_json *array = NULL;
	if (!pp_json_get(value, key))
		return 0;
	int r = get_array(reader, place, value, key, COMMAND_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	const char **argv = pp_arena_array(reader->arena, count + 1, sizeof(*argv));
	if (!argv)
		return no_memory(reader);
	for (size_t i = 0; i < count; i++) {
		const char *word = pp_json_text_of(pp_json_at(array, i));
		if (!word)
			return pp_json_fault(reader, place, "'%s' is to be a list of texts", key);
		argv[i] = pp_arena_strdup(reader->arena, word);
		if (!argv[i])
			return no_memory(reader);
	}
	if (argv[0][0] != '/')
		return pp_json_fault(
			reader, place, "'%s': '%s' is no absolute path of a program", key, argv[0]);
	*ret_argv = argv;
	return 0;
}

static int parse_manners(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, struct pp_pool_unit *unit)
{
	const char *reset = NULL;
	int64_t seconds = DEADLINE_S;
	int r = pp_json_read_text(reader, place, value, "reset", &reset);
	if (r == 0 && reset && !pp_text_is(reset, "none") && !pp_text_is(reset, "required"))
		r = pp_json_fault(
			reader, place, "'reset' is 'required' or 'none', not '%s'", reset);
	if (r == 0)
		r = parse_command(reader, place, value, "prepare", &unit->prepare);
	if (r == 0)
		r = parse_command(reader, place, value, "release", &unit->release);
	if (r < 0)
		return r;
	if (pp_json_get(value, "deadline") && (pp_json_get_int(value, "deadline", &seconds) < 0 ||
						      seconds < 1 || seconds > DEADLINE_MAX_S))
		return pp_json_fault(reader, place,
			"'deadline' is a number of seconds from 1 to %d", DEADLINE_MAX_S);
	unit->no_reset = pp_text_is(reset, "none");
	unit->deadline_ms = (int)seconds * 1000;
	return 0;
}

static int parse_unit(struct pp_json_reader *reader, const char *place, const struct pp_json *value,
	struct pp_pool_unit *unit)
{
	static const char *const known[] = {"address", "id", "subsystem", "serial", "bundle",
		"prepare", "release", "deadline", "reset", NULL};
	unit->place = place;
	int r = pp_json_check_object(reader, place, value, known);
	if (r < 0)
		return r;
	r = parse_manners(reader, place, value, unit);
	if (r < 0)
		return r;
	if (!pp_json_get(value, "bundle")) {
		struct pp_pool_device *device = pp_arena_alloc(reader->arena, sizeof(*device));
		unit->devices = device;
		unit->n_devices = 1;
		return device ? parse_device(reader, place, value, device) : no_memory(reader);
	}
	static const char *const single[] = {"address", "id", "subsystem", "serial"};
	for (size_t i = 0; i < PP_COUNT(single); i++)
		if (pp_json_get(value, single[i]))
			return pp_json_fault(reader, place,
				"'%s' stands beside 'bundle': it belongs to a device in it",
				single[i]);
	return parse_bundle(reader, place, value, unit);
}

/* ---- pools ---- */

static int parse_units(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, struct pp_pool *pool)
{
	const struct pp_json *array = NULL;
	int r = get_array(reader, place, value, "units", PP_POOL_UNITS_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool_unit *units = pp_arena_array(reader->arena, count, sizeof(*units));
	if (!units)
		return no_memory(reader);
	for (size_t i = 0; i < count; i++) {
		const char *where = pp_arena_printf(reader->arena, "%s.units[%zu]", place, i);
		r = where ? parse_unit(reader, where, pp_json_at(array, i), &units[i])
			  : no_memory(reader);
		if (r < 0)
			return r;
	}
	pool->units = units;
	pool->n_units = count;
	return 0;
}

static int parse_pool(struct pp_json_reader *reader, const char *place, const struct pp_json *value,
	struct pp_pool *pool)
{
	static const char *const known[] = {"resource", "units", "cdi", NULL};
	const char *resource = NULL;
	int r = pp_json_check_object(reader, place, value, known);
	if (r == 0)
		r = pp_json_read_text(reader, place, value, "resource", &resource);
	if (r < 0)
		return r;
	if (!resource)
		return pp_json_fault(reader, place, "there is no 'resource'");
	const char *why = pp_resource_fault(resource);
	if (why)
		return pp_json_fault(reader, place, "Kubernetes would refuse the resource '%s': %s",
			resource, why);
	if (pp_json_get(value, "cdi") && pp_json_get_bool(value, "cdi", &pool->cdi) < 0)
		return pp_json_fault(reader, place, "'cdi' is true or false");
	pool->resource = pp_arena_strdup(reader->arena, resource);
	pool->variable = pp_resource_variable(reader->arena, resource);
	if (!pool->resource || !pool->variable)
		return no_memory(reader);
	return parse_units(reader, place, value, pool);
}

/* One name, or what KubeVirt makes of two, twice: the pods of one would get the other's devices. */
static int check_names(struct pp_json_reader *reader, const struct pp_pools *pools)
{
	for (size_t i = 1; i < pools->n_items; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct pp_pool *a = &pools->items[j], *b = &pools->items[i];
			const char *place = pp_arena_printf(reader->arena, "pools[%zu]", i);
			if (!place)
				return no_memory(reader);
			if (pp_text_is(a->resource, b->resource))
				return pp_json_fault(reader, place,
					"the resource %s is there twice", b->resource);
			if (pp_text_is(a->variable, b->variable))
				return pp_json_fault(reader, place,
					"KubeVirt could not tell %s from %s: both become %s",
					b->resource, a->resource, b->variable);
		}
	}
	return 0;
}

struct seen {
	const struct pp_pool_device *device;
	const char *place;
};

static int compare_seen(const void *a, const void *b)
{
	const struct seen *one = a, *other = b;
	return pp_address_compare(&one->device->address, &other->device->address);
}

static int check_devices(struct pp_json_reader *reader, const struct pp_pools *pools)
{
	size_t count = 0, n = 0;
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++)
			count += pools->items[i].units[j].n_devices;
	struct seen *all = pp_arena_array(reader->arena, count, sizeof(*all));
	if (!all)
		return no_memory(reader);
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++) {
			const struct pp_pool_unit *unit = &pools->items[i].units[j];
			for (size_t k = 0; k < unit->n_devices; k++)
				all[n++] = (struct seen){&unit->devices[k], unit->place};
		}
	qsort(all, n, sizeof(*all), compare_seen);
	for (size_t i = 1; i < n; i++)
		if (compare_seen(&all[i - 1], &all[i]) == 0)
			return pp_json_fault(reader, all[i].place,
				"%s is listed twice (also in %s)", all[i].device->name,
				all[i - 1].place);
	return 0;
}

static int parse_pools(
	struct pp_json_reader *reader, const struct pp_json *value, struct pp_pools *pools)
{
	static const char *const known[] = {"pools", NULL};
	const struct pp_json *array = NULL;
	int r = pp_json_check_object(reader, "the whole", value, known);
	if (r == 0)
		r = get_array(reader, "the whole", value, "pools", 64, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool *items = pp_arena_array(reader->arena, count, sizeof(*items));
	if (!items)
		return no_memory(reader);
	pools->items = items;
	for (size_t i = 0; i < count; i++) {
		const char *place = pp_arena_printf(reader->arena, "pools[%zu]", i);
		r = place ? parse_pool(reader, place, pp_json_at(array, i), &items[i])
			  : no_memory(reader);
		if (r < 0)
			return r;
		pools->n_items++;
	}
	r = check_names(reader, pools);
	return r < 0 ? r : check_devices(reader, pools);
}

int pp_pools_parse(const char *text, size_t length, const char *file, struct pp_pools **ret_pools,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_json_freep) struct pp_json *value = NULL;
	struct pp_pools *pools = arena ? pp_arena_alloc(arena, sizeof(*pools)) : NULL;
	if (!pools)
		return pp_error_oom(error);
	pools->file = pp_arena_strdup(arena, file);
	if (!pools->file)
		return pp_error_oom(error);
	if (pp_json_parse(text, length, &value, error) < 0) {
		if (error)
			error->status = PP_STATUS_USAGE;
		pp_error_wrap(error, "%s", file);
		return -EINVAL;
	}
	struct pp_json_reader reader = {arena, pools->file, error};
	int r = parse_pools(&reader, value, pools);
	if (r < 0)
		return r;
	pools->arena = PP_TAKE(arena);
	*ret_pools = pools;
	return 0;
}

int pp_pools_load(const char *path, struct pp_pools **ret_pools, struct pp_error *error)
{
	PP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	PP_FREE char *text = NULL;
	size_t length;
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return pp_error_errno(error, -errno, "reading the pools of %s", path);
	if (!S_ISREG(stat.st_mode))
		return pp_error_set(error, PP_STATUS_USAGE, -EINVAL, "%s is no file", path);
	if (stat.st_mode & (S_IWGRP | S_IWOTH) || (stat.st_uid != 0 && stat.st_uid != geteuid())) {
		pp_error_set(error, PP_STATUS_USAGE, -EPERM,
			"%s can be written by others than its owner, or is not root's: it says "
			"which devices are given away and which commands run",
			path);
		pp_error_remedy(error, "chown root:root %s; chmod 644 %s", path, path);
		return -EPERM;
	}
	int r = pp_file_read_fd(fd, PP_POOL_FILE_MAX, &text, &length);
	if (r < 0)
		return pp_error_errno(error, r, "reading the pools of %s", path);
	return pp_pools_parse(text, length, path, ret_pools, error);
}

void pp_pools_free(struct pp_pools *pools)
{
	if (pools)
		pp_arena_free(pools->arena);
}
