/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/driver.h"
#include "base/arena.h"
#include "base/parse.h"
#include "lib/apply/holder.h"
#include "lib/apply/kmsg.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

#define PCI "/sys/bus/pci"

/* ---- reading ---- */

int pp_driver_read(
	struct pp_context *context, const char *address, struct pp_driver_state *ret_state)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_driver_state state = {0};
	char path[PP_PATH_MAX];
	char *text = NULL;
	if (!arena)
		return -ENOMEM;
	pp_path(path, sizeof(path), PCI "/devices/%s", address);
	if (!pp_tree_exists(context->tree, path))
		return -ENODEV;
	pp_path(path, sizeof(path), PCI "/devices/%s/driver", address);
	int r = pp_tree_link_name(context->tree, arena, path, &text);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0 && strlen(text) >= sizeof(state.driver))
		return -ENAMETOOLONG;
	strcpy(state.driver, r >= 0 ? text : "");

	pp_path(path, sizeof(path), PCI "/devices/%s/driver_override", address);
	r = pp_tree_line(context->tree, arena, path, &text);
	if (r < 0 && r != -ENOENT)
		return r;
	bool none = r < 0 || pp_text_is(text, "(null)");
	if (!none && strlen(text) >= sizeof(state.override))
		return -ENAMETOOLONG;
	strcpy(state.override, none ? "" : text);
	*ret_state = state;
	return 0;
}

/* "" where it has none. */
static int read_modalias(struct pp_context *context, const char *address, char *text, size_t size)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX];
	char *line = NULL;
	if (!arena)
		return -ENOMEM;
	pp_path(path, sizeof(path), PCI "/devices/%s/modalias", address);
	bool read = pp_tree_line(context->tree, arena, path, &line) == 0;
	snprintf(text, size, "%s", read ? line : "");
	return 0;
}

bool pp_module_loaded(struct pp_context *context, const char *module)
{
	char path[PP_PATH_MAX], name[PP_DRIVER_SIZE];
	snprintf(name, sizeof(name), "%s", module);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	pp_path(path, sizeof(path), "/sys/module/%s/initstate", name);
	if (pp_tree_exists(context->tree, path))
		return true;
	/* Built in, or a driver whose module has another name. */
	pp_path(path, sizeof(path), PCI "/drivers/%s", module);
	return pp_tree_exists(context->tree, path);
}

/* ---- moving ---- */

struct move {
	struct pp_effects *effects;
	const char *address;
	const struct pp_driver_state *to;
	struct pp_driver_state now;
	int reason;       /* the last error that a write gave, -errno */
	const char *what; /* what that write was to do */
	int kmsg;         /* the kernel's log from the start of the move on */
	struct pp_error *error;
};

static const char *driver_word(const char *driver)
{
	return driver[0] ? driver : "no driver";
}

static int move_hung(struct move *move, const char *what)
{
	struct pp_effects *effects = move->effects;
	struct pp_holder holder;
	char words[192] = "";
	bool held = pp_holder_find(effects->context, move->address, &holder) > 0;
	if (held)
		snprintf(words, sizeof(words), "; %s (pid %d) holds %s", holder.name,
			(int)holder.pid, holder.node);
	pp_error_set(move->error, PP_STATUS_FAILED, -ETIMEDOUT,
		"%s: waited %d s for %s; pid %d still hangs in the kernel%s", move->address,
		effects->deadline_ms / 1000, what, (int)effects->stuck, words);
	pp_error_id(move->error, "write-hangs");
	pp_error_remedy(move->error, "%s, then `pcipass recover`",
		held ? "end that process" : "see the kernel's log for what it waits for");
	return -ETIMEDOUT;
}

static int move_read(struct move *move)
{
	int r = pp_driver_read(move->effects->context, move->address, &move->now);
	if (r == -ENODEV) {
		pp_error_set(move->error, PP_STATUS_NOT_READY, r, "%s is no longer there",
			move->address);
		pp_error_id(move->error, "device-vanished");
	} else if (r < 0) {
		pp_error_errno(move->error, r, "%s: reading its driver", move->address);
	}
	return r;
}

/* Writes; whether it worked is read afterwards, so that only a write that hangs is an error here.
 */
static int move_write(struct move *move, const char *path, const char *text, const char *what)
{
	int r = pp_effects_write(move->effects, path, text, what);
	if (r == -ETIMEDOUT)
		return move_hung(move, what);
	if (r < 0) {
		move->reason = r;
		move->what = what;
	}
	return move_read(move);
}

static int set_override(struct move *move, const char *override)
{
	char path[PP_PATH_MAX], line[PP_DRIVER_SIZE + 1];
	if (pp_text_is(move->now.override, override))
		return 0;
	pp_path(path, sizeof(path), PCI "/devices/%s/driver_override", move->address);
	snprintf(line, sizeof(line), "%s\n", override); /* a newline alone clears it */
	int r = move_write(move, path, line, "its driver_override to be set");
	if (r < 0)
		return r;
	if (pp_text_is(move->now.override, override))
		return 0;
	return pp_error_errno(move->error, move->reason ? move->reason : -EIO,
		"%s: writing \"%s\" to %s", move->address, override, path);
}

static int find_holder(const struct move *move, struct pp_holder *ret_holder)
{
	struct pp_effects *effects = move->effects;
	if (effects->holders)
		return pp_holders_find(
			effects->context, effects->holders, move->address, ret_holder);
	return pp_holder_find(effects->context, move->address, ret_holder);
}

static int unbind(struct move *move)
{
	char path[PP_PATH_MAX], what[128], driver[PP_DRIVER_SIZE];
	struct pp_holder holder;
	if (!move->now.driver[0])
		return 0;
	strcpy(driver, move->now.driver);
	if (pp_driver_passes(driver) && find_holder(move, &holder) > 0) {
		pp_error_set(move->error, PP_STATUS_IN_USE, -EBUSY,
			"%s: %s (pid %d) holds %s; taking the device from %s would wait for it for "
			"ever",
			move->address, holder.name, (int)holder.pid, holder.node, driver);
		pp_error_id(move->error, "vfio-held");
		pp_error_remedy(move->error, "end that process or its guest first");
		return -EBUSY;
	}
	pp_path(path, sizeof(path), PCI "/drivers/%s/unbind", driver);
	snprintf(what, sizeof(what), "%s to let go of %s", driver, move->address);
	int r = move_write(move, path, move->address, what);
	if (r < 0)
		return r;
	if (!move->now.driver[0] || !pp_text_is(move->now.driver, driver))
		return 0;
	return pp_error_errno(move->error, move->reason ? move->reason : -EBUSY,
		"%s: %s does not let go of it (%s)", move->address, driver, path);
}

static int probe(struct move *move)
{
	char what[128];
	snprintf(what, sizeof(what), "a driver to take %s", move->address);
	return move_write(move, PCI "/drivers_probe", move->address, what);
}

/* By name, which unlike the probe says why it did not work. */
static int bind(struct move *move, const char *driver)
{
	char path[PP_PATH_MAX], what[128];
	pp_path(path, sizeof(path), PCI "/drivers/%s/bind", driver);
	snprintf(what, sizeof(what), "%s to take %s", driver, move->address);
	return move_write(move, path, move->address, what);
}

static bool has_wanted(const struct move *move)
{
	return pp_text_is(move->now.driver, move->to->driver);
}

/* The device is free: to the driver that is named, whatever the kernel would choose. */
static int take(struct move *move)
{
	const char *driver = move->to->driver;
	int r = probe(move);
	if (r < 0 || has_wanted(move))
		return r;
	r = unbind(move); /* from another one that was quicker */
	if (r >= 0)
		r = bind(move, driver);
	if (r < 0 || has_wanted(move) || move->reason != -ENODEV)
		return r;
	/* It had that driver by an override that has since been taken back. */
	r = set_override(move, driver);
	if (r >= 0)
		r = bind(move, driver);
	int s = r == -ETIMEDOUT ? 0 : set_override(move, move->to->override);
	return r < 0 ? r : s;
}

/* A driver whose module has gone is loaded again, before the device leaves the one that it has. */
static int need_driver(struct move *move)
{
	const char *driver = move->to->driver;
	struct pp_context *context = move->effects->context;
	char path[PP_PATH_MAX], modalias[512];
	struct pp_error first = {0};
	pp_path(path, sizeof(path), PCI "/drivers/%s", driver);
	if (!driver[0] || pp_text_is(driver, "*") || pp_tree_exists(context->tree, path))
		return 0;
	int r = pp_effects_load(move->effects, driver, &first);
	if (pp_tree_exists(context->tree, path))
		return 0;
	if (read_modalias(context, move->address, modalias, sizeof(modalias)) == 0 && modalias[0])
		pp_effects_load(move->effects, modalias, NULL);
	if (pp_tree_exists(context->tree, path))
		return 0;
	return pp_error_set(move->error, PP_STATUS_NOT_READY, -ENOENT,
		"%s: this kernel has no driver %s%s%s", move->address, driver,
		r < 0 ? ": " : ", its module is loaded but registers none of that name",
		r < 0 ? first.text : "");
}

static int move_failed(struct move *move)
{
	char words[512];
	pp_kmsg_find(move->kmsg, move->address, words, sizeof(words));
	pp_error_set(move->error, PP_STATUS_FAILED, move->reason ? move->reason : -EIO,
		"%s: %s did not take it; it has %s now%s%s%s%s", move->address,
		driver_word(move->to->driver), driver_word(move->now.driver),
		move->reason ? ": " : "", move->reason ? strerror(-move->reason) : "",
		words[0] ? "\nthe kernel says: " : "", words);
	pp_error_id(move->error, "bind-failed");
	return move->reason ? move->reason : -EIO;
}

static int move_run(struct move *move)
{
	int r = move_read(move);
	if (r >= 0)
		r = need_driver(move);
	if (r >= 0)
		r = set_override(move, move->to->override);
	if (r < 0)
		return r;
	bool any = pp_text_is(move->to->driver, "*");
	if (!any && has_wanted(move))
		return 0;
	if (!any || pp_driver_passes(move->now.driver))
		r = unbind(move);
	if (r < 0 || !move->to->driver[0])
		return r;
	if (!any) {
		r = take(move);
		return r < 0 || has_wanted(move) ? r : move_failed(move);
	}
	r = probe(move);
	if (r >= 0 && !move->now.driver[0])
		pp_effects_say(move->effects, PP_EVENT_NOTE, "%s: no driver of this host took it",
			move->address);
	return r;
}

int pp_driver_move(struct pp_effects *effects, const char *address,
	const struct pp_driver_state *to, struct pp_error *error)
{
	PP_CLOSE int kmsg = pp_kmsg_open(effects->context);
	struct move move = {
		.effects = effects, .address = address, .to = to, .kmsg = kmsg, .error = error};
	return move_run(&move);
}
