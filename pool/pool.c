/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/pool.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEADLINE_S 20
#define DEADLINE_MAX_S 300
#define BUNDLE_MAX 64
#define COMMAND_MAX 64

struct parser {
	struct pp_arena *arena;
	const char *file;
	struct pp_error *error;
};

static int fault(struct parser *parser, const char *place, const char *format, ...) PP_PRINTF(3, 4);
static int fault(struct parser *parser, const char *place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = pp_arena_vprintf(parser->arena, format, args);
	va_end(args);
	return pp_error_set(parser->error, PP_STATUS_USAGE, -EINVAL, "%s: %s: %s", parser->file,
		place, text ? text : "not understood");
}

static int no_memory(struct parser *parser)
{
	return pp_error_oom(parser->error);
}

/* ---- keys -------------------------------------------------------------------------------------
 */

struct keys {
	struct parser *parser;
	const char *place;
	const char *const *known; /* NULL-terminated */
};

static int check_key(const char *key, const struct pp_json *value, void *data)
{
	struct keys *keys = data;
	(void)value;
	for (size_t i = 0; keys->known[i]; i++)
		if (pp_text_is(keys->known[i], key))
			return 0;
	const char *nearest = pp_text_nearest(key, keys->known);
	return fault(keys->parser, keys->place, "unknown key '%s'%s%s%s", key,
		nearest ? ": did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static int check_object(struct parser *parser, const char *place, const struct pp_json *value,
	const char *const *known)
{
	struct keys keys = {parser, place, known};
	if (!pp_json_is_object(value))
		return fault(parser, place, "it is no object");
	return pp_json_each(value, check_key, &keys);
}

static int get_array(struct parser *parser, const char *place, const struct pp_json *object,
	const char *key, size_t max, const struct pp_json **ret_array)
{
	const struct pp_json *array = pp_json_get(object, key);
	if (!pp_json_is_array(array) || pp_json_length(array) == 0)
		return fault(parser, place, "'%s' is to be a list with something in it", key);
	if (pp_json_length(array) > max)
		return fault(parser, place, "'%s' has more than %zu entries", key, max);
	*ret_array = array;
	return 0;
}

/* NULL where the key is not there. */
static int get_text(struct parser *parser, const char *place, const struct pp_json *object,
	const char *key, const char **ret_text)
{
	const struct pp_json *value = pp_json_get(object, key);
	const char *text = pp_json_text_of(value);
	if (value && !text)
		return fault(parser, place, "'%s' is to be a text", key);
	*ret_text = text;
	return 0;
}

/* ---- devices ----------------------------------------------------------------------------------
 */

/* "1b36:0010" */
static bool parse_ids(const char *text, uint16_t *ret_first, uint16_t *ret_second)
{
	const char *end;
	uint64_t first, second;
	if (strlen(text) != 9 || pp_parse_prefix(text, 16, 0xffff, &first, &end) < 0 ||
		end != text + 4 || *end != ':' || pp_parse_u64(end + 1, 16, 0xffff, &second) < 0)
		return false;
	*ret_first = (uint16_t)first;
	*ret_second = (uint16_t)second;
	return true;
}

static int parse_identity(struct parser *parser, const char *place, const struct pp_json *value,
	struct pp_pool_device *device)
{
	const char *id = NULL, *subsystem = NULL, *serial = NULL;
	int r = get_text(parser, place, value, "id", &id);
	if (r == 0)
		r = get_text(parser, place, value, "subsystem", &subsystem);
	if (r == 0)
		r = get_text(parser, place, value, "serial", &serial);
	if (r < 0)
		return r;
	if (!id)
		return fault(parser, place,
			"%s has no 'id': an address alone does not say which device it is (pcipass "
			"nodedev-list --long shows the ids)",
			device->name);
	if (!parse_ids(id, &device->vendor, &device->product))
		return fault(parser, place, "'%s' is no id like 10de:1eb8", id);
	device->has_subsystem = subsystem;
	if (subsystem && !parse_ids(subsystem, &device->subvendor, &device->subproduct))
		return fault(parser, place, "'%s' is no subsystem like 10de:12a2", subsystem);
	if (serial &&
		(pp_parse_u64(serial, 16, UINT64_MAX, &device->serial) < 0 || !device->serial))
		return fault(parser, place,
			"'%s' is no serial number of PCI Express like 0x48b02dffff3c6d00", serial);
	return 0;
}

static int parse_device(struct parser *parser, const char *place, const struct pp_json *value,
	struct pp_pool_device *device)
{
	const char *address = NULL;
	char text[PP_ADDRESS_SIZE];
	int r = get_text(parser, place, value, "address", &address);
	if (r < 0)
		return r;
	if (!address)
		return fault(parser, place, "there is no 'address'");
	if (pp_address_parse(address, &device->address) < 0)
		return fault(parser, place, "'%s' is no address like 0000:01:00.0", address);
	device->name = pp_arena_strdup(parser->arena, pp_address_text(&device->address, text));
	if (!device->name)
		return no_memory(parser);
	return parse_identity(parser, place, value, device);
}

static int parse_bundle(struct parser *parser, const char *place, const struct pp_json *value,
	struct pp_pool_unit *unit)
{
	static const char *const known[] = {"address", "id", "subsystem", "serial", NULL};
	const struct pp_json *array;
	int r = get_array(parser, place, value, "bundle", BUNDLE_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool_device *devices = pp_arena_array(parser->arena, count, sizeof(*devices));
	if (!devices)
		return no_memory(parser);
	for (size_t i = 0; i < count; i++) {
		const char *where = pp_arena_printf(parser->arena, "%s.bundle[%zu]", place, i);
		if (!where)
			return no_memory(parser);
		r = check_object(parser, where, pp_json_at(array, i), known);
		if (r == 0)
			r = parse_device(parser, where, pp_json_at(array, i), &devices[i]);
		if (r < 0)
			return r;
	}
	unit->devices = devices;
	unit->n_devices = count;
	return 0;
}

/* ---- units ------------------------------------------------------------------------------------
 */

static int parse_command(struct parser *parser, const char *place, const struct pp_json *value,
	const char *key, const char *const **ret_argv)
{
	const struct pp_json *array;
	if (!pp_json_get(value, key))
		return 0;
	int r = get_array(parser, place, value, key, COMMAND_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	const char **argv = pp_arena_array(parser->arena, count + 1, sizeof(*argv));
	if (!argv)
		return no_memory(parser);
	for (size_t i = 0; i < count; i++) {
		const char *word = pp_json_text_of(pp_json_at(array, i));
		if (!word)
			return fault(parser, place, "'%s' is to be a list of texts", key);
		argv[i] = pp_arena_strdup(parser->arena, word);
		if (!argv[i])
			return no_memory(parser);
	}
	if (argv[0][0] != '/')
		return fault(
			parser, place, "'%s': '%s' is no absolute path of a program", key, argv[0]);
	*ret_argv = argv;
	return 0;
}

static int parse_manners(struct parser *parser, const char *place, const struct pp_json *value,
	struct pp_pool_unit *unit)
{
	const char *reset = NULL;
	int64_t seconds = DEADLINE_S;
	int r = get_text(parser, place, value, "reset", &reset);
	if (r == 0 && reset && !pp_text_is(reset, "none") && !pp_text_is(reset, "required"))
		r = fault(parser, place, "'reset' is 'required' or 'none', not '%s'", reset);
	if (r == 0)
		r = parse_command(parser, place, value, "prepare", &unit->prepare);
	if (r == 0)
		r = parse_command(parser, place, value, "release", &unit->release);
	if (r < 0)
		return r;
	if (pp_json_get(value, "deadline") && (pp_json_get_int(value, "deadline", &seconds) < 0 ||
						      seconds < 1 || seconds > DEADLINE_MAX_S))
		return fault(parser, place, "'deadline' is a number of seconds from 1 to %d",
			DEADLINE_MAX_S);
	unit->no_reset = pp_text_is(reset, "none");
	unit->deadline_ms = (int)seconds * 1000;
	return 0;
}

static int parse_unit(struct parser *parser, const char *place, const struct pp_json *value,
	struct pp_pool_unit *unit)
{
	static const char *const known[] = {"address", "id", "subsystem", "serial", "bundle",
		"prepare", "release", "deadline", "reset", NULL};
	unit->place = place;
	int r = check_object(parser, place, value, known);
	if (r < 0)
		return r;
	r = parse_manners(parser, place, value, unit);
	if (r < 0)
		return r;
	if (!pp_json_get(value, "bundle")) {
		struct pp_pool_device *device = pp_arena_alloc(parser->arena, sizeof(*device));
		unit->devices = device;
		unit->n_devices = 1;
		return device ? parse_device(parser, place, value, device) : no_memory(parser);
	}
	static const char *const single[] = {"address", "id", "subsystem", "serial"};
	for (size_t i = 0; i < PP_COUNT(single); i++)
		if (pp_json_get(value, single[i]))
			return fault(parser, place,
				"'%s' stands beside 'bundle': it belongs to a device in it",
				single[i]);
	return parse_bundle(parser, place, value, unit);
}

/* ---- pools ------------------------------------------------------------------------------------
 */

static int parse_units(
	struct parser *parser, const char *place, const struct pp_json *value, struct pp_pool *pool)
{
	const struct pp_json *array;
	int r = get_array(parser, place, value, "units", PP_POOL_UNITS_MAX, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool_unit *units = pp_arena_array(parser->arena, count, sizeof(*units));
	if (!units)
		return no_memory(parser);
	for (size_t i = 0; i < count; i++) {
		const char *where = pp_arena_printf(parser->arena, "%s.units[%zu]", place, i);
		r = where ? parse_unit(parser, where, pp_json_at(array, i), &units[i])
			  : no_memory(parser);
		if (r < 0)
			return r;
	}
	pool->units = units;
	pool->n_units = count;
	return 0;
}

static int parse_pool(
	struct parser *parser, const char *place, const struct pp_json *value, struct pp_pool *pool)
{
	static const char *const known[] = {"resource", "units", "cdi", NULL};
	const char *resource = NULL;
	int r = check_object(parser, place, value, known);
	if (r == 0)
		r = get_text(parser, place, value, "resource", &resource);
	if (r < 0)
		return r;
	if (!resource)
		return fault(parser, place, "there is no 'resource'");
	const char *why = pp_resource_fault(resource);
	if (why)
		return fault(parser, place, "Kubernetes would refuse the resource '%s': %s",
			resource, why);
	if (pp_json_get(value, "cdi") && pp_json_get_bool(value, "cdi", &pool->cdi) < 0)
		return fault(parser, place, "'cdi' is true or false");
	pool->resource = pp_arena_strdup(parser->arena, resource);
	pool->variable = pp_resource_variable(parser->arena, resource);
	if (!pool->resource || !pool->variable)
		return no_memory(parser);
	return parse_units(parser, place, value, pool);
}

/* One name, or what KubeVirt makes of two, twice: the pods of one would get the other's devices. */
static int check_names(struct parser *parser, const struct pp_pools *pools)
{
	for (size_t i = 1; i < pools->n_items; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct pp_pool *a = &pools->items[j], *b = &pools->items[i];
			const char *place = pp_arena_printf(parser->arena, "pools[%zu]", i);
			if (!place)
				return no_memory(parser);
			if (pp_text_is(a->resource, b->resource))
				return fault(parser, place, "the resource %s is there twice",
					b->resource);
			if (pp_text_is(a->variable, b->variable))
				return fault(parser, place,
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

static int check_devices(struct parser *parser, const struct pp_pools *pools)
{
	size_t count = 0, n = 0;
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++)
			count += pools->items[i].units[j].n_devices;
	struct seen *all = pp_arena_array(parser->arena, count, sizeof(*all));
	if (!all)
		return no_memory(parser);
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++) {
			const struct pp_pool_unit *unit = &pools->items[i].units[j];
			for (size_t k = 0; k < unit->n_devices; k++)
				all[n++] = (struct seen){&unit->devices[k], unit->place};
		}
	qsort(all, n, sizeof(*all), compare_seen);
	for (size_t i = 1; i < n; i++)
		if (compare_seen(&all[i - 1], &all[i]) == 0)
			return fault(parser, all[i].place, "%s is listed twice (also in %s)",
				all[i].device->name, all[i - 1].place);
	return 0;
}

static int parse_pools(struct parser *parser, const struct pp_json *value, struct pp_pools *pools)
{
	static const char *const known[] = {"pools", NULL};
	const struct pp_json *array;
	int r = check_object(parser, "the whole", value, known);
	if (r == 0)
		r = get_array(parser, "the whole", value, "pools", 64, &array);
	if (r < 0)
		return r;
	size_t count = pp_json_length(array);
	struct pp_pool *items = pp_arena_array(parser->arena, count, sizeof(*items));
	if (!items)
		return no_memory(parser);
	pools->items = items;
	for (size_t i = 0; i < count; i++) {
		const char *place = pp_arena_printf(parser->arena, "pools[%zu]", i);
		r = place ? parse_pool(parser, place, pp_json_at(array, i), &items[i])
			  : no_memory(parser);
		if (r < 0)
			return r;
		pools->n_items++;
	}
	r = check_names(parser, pools);
	return r < 0 ? r : check_devices(parser, pools);
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
	struct parser parser = {arena, pools->file, error};
	int r = parse_pools(&parser, value, pools);
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
