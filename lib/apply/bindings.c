/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bindings of this machine: listed, added, removed. Each is a file that is there whole or not
 * at all, so that nothing is to be undone after a crash. */
#include "base/arena.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/binding.h"
#include "lib/apply/effects.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULT_SIZE 512

void pp_binding_list_free(struct pp_binding_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}

/* ---- listing ---- */

static int64_t written(struct pp_context *context, const char *address)
{
	char path[PP_PATH_MAX];
	struct stat stat;
	if (context->read_only ||
		pp_path(path, sizeof(path), "%s/bindings/%s", context->etc, address) < 0 ||
		lstat(path, &stat) < 0)
		return 0;
	return stat.st_mtime;
}

static int add_item(struct pp_context *context, struct pp_arena *arena, const char *name,
	struct pp_binding *ret_item)
{
	struct pp_binding_record record;
	char fault[FAULT_SIZE];
	int r = pp_binding_load(context, name, &record);
	if (r >= 0)
		r = pp_binding_fault(context, &record, fault, sizeof(fault));
	if (r < 0)
		return r;
	*ret_item = (struct pp_binding){
		.address = pp_arena_strdup(arena, name),
		.driver = pp_arena_strdup(arena, record.driver),
		.identity = pp_arena_strdup(arena, record.identity),
		.functions = record.functions,
		.when = written(context, name),
		.fault = fault[0] ? pp_arena_strdup(arena, fault) : NULL,
	};
	return ret_item->address && ret_item->driver && ret_item->identity ? 1 : -ENOMEM;
}

int pp_bindings_list(
	struct pp_context *context, struct pp_binding_list **ret_list, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names;
	size_t count;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_binding_names(context, arena, &names, &count);
	if (r < 0)
		return pp_error_errno(error, r, "reading %s/bindings", context->etc);
	struct pp_binding_list *list = pp_arena_alloc(arena, sizeof(*list));
	struct pp_binding *items = pp_arena_array(arena, count + 1, sizeof(*items));
	if (!list || !items)
		return pp_error_oom(error);
	*list = (struct pp_binding_list){.items = items, .arena = arena};
	for (size_t i = 0; i < count; i++) {
		r = add_item(context, arena, names[i], &items[list->n_items]);
		if (r == -ENOENT) /* it has gone meanwhile */
			continue;
		if (r < 0)
			return pp_error_errno(
				error, r, "reading %s/bindings/%s", context->etc, names[i]);
		list->n_items++;
	}
	arena = NULL; /* the list is in it */
	*ret_list = list;
	return 0;
}

/* ---- checking ---- */

static int check_root(const struct pp_use *use, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"%s carries the root of this host (%s): it would not start again",
		use->device->name, use->text);
	pp_error_id(error, "in-use-mount");
	return -EBUSY;
}

int pp_binding_check(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, struct pp_error *error)
{
	for (size_t i = 0; i < n_devices; i++) {
		int r = pp_device_movable(devices[i], error);
		if (r < 0)
			return r;
		for (size_t j = 0; j < host->n_uses; j++)
			if (host->uses[j].root && host->uses[j].device == devices[i])
				return check_root(&host->uses[j], error);
	}
	return 0;
}

/* ---- adding ---- */

struct change {
	char path[PP_PATH_MAX];
	char *old; /* its text before; NULL: it was not there */
	bool done;
};

static void change_done(struct change *change)
{
	free(change->old);
}

static int write_text(const char *path, const char *text)
{
	return pp_file_replace(AT_FDCWD, path, text, strlen(text), 0644);
}

/* Back to what was; what cannot be is left. */
static void change_undo(const struct change *change)
{
	if (change->done && change->old)
		write_text(change->path, change->old);
	else if (change->done)
		unlink(change->path);
}

/* What the host's driver knew of it (a serial number, a MAC) is kept when it is no longer there to
 * be asked. */
static void keep_more(
	struct pp_context *context, const char *address, struct pp_binding_record *record)
{
	struct pp_binding_record old;
	if (pp_binding_load(context, address, &old) >= 0 && !old.fault[0] &&
		pp_binding_is(&old, record) && strlen(old.identity) > strlen(record->identity))
		memcpy(record->identity, old.identity, sizeof(record->identity));
}

/* FUNCTIONS 0: DRIVER, as pp_bindings_add. */
static int add_one(struct pp_effects *effects, const struct pp_device *device, const char *driver,
	unsigned functions, struct change *change, struct pp_error *error)
{
	struct pp_context *context = effects->context;
	struct pp_binding_record record;
	char address[PP_ADDRESS_SIZE];
	size_t length;
	pp_address_text(&device->address, address);
	int r = pp_binding_look(context, address, &record);
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading what it is", address);
	record.functions = functions;
	if (!functions)
		strcpy(record.driver, pp_driver_target(device, driver));
	keep_more(context, address, &record);
	PP_FREE char *text = pp_binding_text(&record);
	if (!text)
		return pp_error_oom(error);
	r = pp_path(change->path, sizeof(change->path), "%s/bindings/%s", context->etc, address);
	if (r >= 0)
		r = pp_file_read(AT_FDCWD, change->path, 65536, &change->old, &length);
	if (r >= 0 && pp_text_is(change->old, text))
		return 0;
	if (r >= 0 || r == -ENOENT)
		r = pp_effects_point(effects);
	if (r >= 0)
		r = write_text(change->path, text);
	if (r < 0)
		return pp_error_errno(error, r, "writing %s", change->path);
	change->done = true;
	return 1;
}

static int make_folder(struct pp_context *context, struct pp_error *error)
{
	char folder[PP_PATH_MAX];
	int r = pp_path(folder, sizeof(folder), "%s/bindings", context->etc);
	if (r >= 0)
		r = pp_file_mkdirs(AT_FDCWD, folder, 0755);
	return r < 0 ? pp_error_errno(error, r, "making the folder %s", folder) : 0;
}

static int check_driver(const char *driver, struct pp_error *error)
{
	if (!driver || (pp_driver_valid(driver) && pp_driver_passes(driver)))
		return 0;
	return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
		"\"%s\" is no driver that holds a device for a guest; vfio-pci, its variants and "
		"pci-stub are",
		driver);
}

int pp_bindings_add(struct pp_context *context, const struct pp_device *const *devices,
	size_t n_devices, const char *driver, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	bool changed = false;
	int r = check_driver(driver, error);
	if (r >= 0)
		r = pp_effects_init(&effects, context, NULL, error);
	for (size_t i = 0; r >= 0 && i < n_devices; i++)
		r = pp_device_movable(devices[i], error);
	if (r < 0)
		return r;
	r = make_folder(context, error);
	if (r < 0)
		return r;
	PP_FREE struct change *changes = calloc(n_devices + 1, sizeof(*changes));
	if (!changes)
		return pp_error_oom(error);
	for (size_t i = 0; r >= 0 && i < n_devices; i++) {
		r = add_one(&effects, devices[i], driver, 0, &changes[i], error);
		changed |= r > 0;
	}
	for (size_t i = n_devices; i-- > 0;) {
		if (r < 0)
			change_undo(&changes[i]);
		change_done(&changes[i]);
	}
	if (r >= 0)
		*ret_changed = changed;
	return r < 0 ? r : 0;
}

int pp_bindings_add_functions(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *pf, unsigned count, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	struct change change = {0};
	int r = pp_functions_check(host, pf, count, error);
	if (r >= 0)
		r = pp_effects_init(&effects, context, NULL, error);
	if (r >= 0)
		r = make_folder(context, error);
	if (r < 0)
		return r;
	r = add_one(&effects, pf, NULL, count, &change, error);
	if (r < 0)
		change_undo(&change);
	change_done(&change);
	if (r < 0)
		return r;
	*ret_changed = r > 0;
	return 0;
}

/* ---- removing ---- */

int pp_bindings_remove(struct pp_context *context, const struct pp_address *addresses,
	size_t n_addresses, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	bool changed = false;
	int r = pp_effects_init(&effects, context, NULL, error);
	for (size_t i = 0; r >= 0 && i < n_addresses; i++) {
		char path[PP_PATH_MAX], address[PP_ADDRESS_SIZE];
		pp_address_text(&addresses[i], address);
		r = pp_path(path, sizeof(path), "%s/bindings/%s", context->etc, address);
		if (r >= 0)
			r = pp_effects_point(&effects);
		if (r >= 0 && unlink(path) == 0)
			changed = true;
		else if (r >= 0 && errno != ENOENT && errno != ENOTDIR)
			r = -errno;
		if (r < 0)
			pp_error_errno(error, r, "removing %s", path);
	}
	if (r >= 0 || changed)
		*ret_changed = changed;
	return r < 0 ? r : 0;
}
