/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done at boot: udev, or the first script of an initramfs, says that a bound device is
 * there; if it is the one that was meant, its driver is named before any other can take it. */
#include "base/arena.h"
#include "base/parse.h"
#include "lib/apply/binding.h"
#include "lib/apply/driver.h"
#include "lib/apply/vfs.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EARLY "/etc/pcipass/early" /* only an initramfs has this file */
#define OFF "pcipass.bind=0"       /* kernel parameter: this boot goes without bindings */
#define FAULT_SIZE 512

static bool is_off(struct pp_context *context, struct pp_arena *arena)
{
	char *line;
	const char *word;
	size_t length;
	if (pp_tree_line(context->tree, arena, "/proc/cmdline", &line) < 0)
		return false;
	const char *cursor = line;
	while (pp_text_word(&cursor, " ", &word, &length))
		if (length == strlen(OFF) && memcmp(word, OFF, length) == 0)
			return true;
	return false;
}

/* Named first: while the module is loaded, another driver can be too. */
static int take(struct pp_effects *effects, const struct pp_binding_record *record,
	const struct pp_driver_state *now, struct pp_error *error)
{
	struct pp_driver_state to = {0};
	char path[PP_PATH_MAX];
	strcpy(to.driver, record->driver);
	strcpy(to.override, record->driver);
	if (!pp_text_is(now->override, record->driver)) {
		pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
			record->address);
		int r = pp_effects_write(
			effects, path, record->driver, "its driver_override to be set");
		if (r < 0)
			return pp_error_errno(error, r, "%s: writing \"%s\" to %s", record->address,
				record->driver, path);
	}
	int r = pp_driver_move(effects, record->address, &to, error);
	if (r >= 0)
		pp_effects_say(
			effects, PP_EVENT_DONE, "%s: bound to %s", record->address, record->driver);
	return r;
}

/* Its own driver has it, else the bind of that will be told as well. */
static int make_functions(struct pp_effects *effects, const struct pp_binding_record *record,
	const struct pp_driver_state *now, struct pp_error *error)
{
	const char *address = record->address;
	unsigned count;
	bool on = false;
	if (!now->driver[0])
		return 0;
	int r = pp_vfs_read(effects->context, address, &count);
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading its sriov_numvfs", address);
	if (count == record->functions)
		return 0;
	if (count > 0)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"%s has %u virtual functions already, made by another program than "
			"pcipass: they are left alone, %u were asked for",
			address, count, record->functions);
	bool known = pp_vfs_autoprobe_read(effects->context, address, &on) >= 0 && on;
	if (known)
		r = pp_vfs_autoprobe_move(effects, address, false, error);
	if (r >= 0)
		r = pp_vfs_move(effects, address, record->functions, error);
	int s = known ? pp_vfs_autoprobe_move(effects, address, true, r < 0 ? NULL : error) : 0;
	if (r >= 0 && s >= 0)
		pp_effects_say(effects, PP_EVENT_DONE, "%s: %u virtual functions made", address,
			record->functions);
	return r < 0 ? r : s;
}

enum what { WHAT_ALL, WHAT_EARLY, WHAT_FUNCTIONS };

static int apply_one(
	struct pp_effects *effects, const char *address, enum what what, struct pp_error *error)
{
	struct pp_context *context = effects->context;
	struct pp_binding_record record;
	struct pp_driver_state now = {0};
	char fault[FAULT_SIZE];
	int r = pp_binding_load(context, address, &record);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = pp_binding_fault(context, &record, fault, sizeof(fault));
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading its binding", address);
	if (what == WHAT_FUNCTIONS && !record.functions)
		return 0;
	if (fault[0])
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			record.functions ? "no virtual functions are made (%s): %s"
					 : "nothing is bound to %s: %s",
			record.functions   ? address
			: record.driver[0] ? record.driver
					   : "a driver",
			fault);
	r = pp_driver_read(context, address, &now);
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading its driver", address);
	if (record.functions)
		return make_functions(effects, &record, &now, error);
	if (pp_text_is(now.driver, record.driver))
		return 0;
	if (now.driver[0] && what != WHAT_EARLY)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"%s: %s took it before it could be bound to %s: the initramfs is older "
			"than the "
			"binding, or was made without pcipass",
			address, now.driver, record.driver);
	return take(effects, &record, &now, error);
}

static int apply(struct pp_context *context, const char *address, bool functions,
	const struct pp_apply_options *options, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_effects effects;
	char **names = NULL;
	size_t count = 0;
	int first = 0;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_effects_init(&effects, context, options, error);
	if (r >= 0)
		r = pp_binding_names(context, arena, &names, &count);
	if (r < 0)
		return r;
	if (count > 0 && is_off(context, arena)) {
		pp_effects_say(
			&effects, PP_EVENT_NOTE, "nothing is bound: the kernel was given " OFF);
		return 0;
	}
	enum what what = functions                              ? WHAT_FUNCTIONS
			 : pp_tree_exists(context->tree, EARLY) ? WHAT_EARLY
								: WHAT_ALL;
	for (size_t i = 0; i < count; i++) {
		struct pp_error own = {0};
		if (address && !pp_text_is(names[i], address))
			continue;
		r = apply_one(&effects, names[i], what, &own);
		if (r >= 0)
			continue;
		if (!address)
			pp_effects_say(&effects, PP_EVENT_NOTE, "%s", own.text);
		if (first >= 0 && error)
			*error = own;
		first = first < 0 ? first : r;
	}
	return first;
}

int pp_bindings_apply(struct pp_context *context, const char *address,
	const struct pp_apply_options *options, struct pp_error *error)
{
	return apply(context, address, false, options, error);
}

int pp_bindings_apply_functions(struct pp_context *context, const char *address,
	const struct pp_apply_options *options, struct pp_error *error)
{
	return apply(context, address, true, options, error);
}
