/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's own reset. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/effects.h"
#include "lib/apply/holder.h"
#include "lib/apply/kmsg.h"
#include "lib/apply/lanes.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

#define PCI "/sys/bus/pci/devices"
#define DEADLINE_MS 90000 /* the kernel itself waits up to 60 s for a device to answer again */

/* The other functions on the device's bus: a reset of the bus would hit them too. */
static char *siblings(struct pp_context *context, struct pp_arena *arena, const char *address)
{
	char path[PP_PATH_MAX];
	char *real = NULL, **names = NULL;
	size_t count = 0;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct pp_address sibling;
	pp_path(path, sizeof(path), PCI "/%s", address);
	if (pp_tree_real(context->tree, arena, path, &real) < 0)
		return NULL;
	char *slash = strrchr(real, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	if (pp_tree_list(context->tree, arena, real, &names, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (strchr(names[i], '.') && pp_address_parse(names[i], &sibling) == 0 &&
			!pp_text_is(names[i], address))
			pp_buffer_printf(&text, "%s%s", text.length ? ", " : "", names[i]);
	return text.length ? pp_arena_strdup(arena, pp_buffer_text(&text)) : NULL;
}

static int refuse(struct pp_error *error, const char *id, const char *remedy)
{
	pp_error_id(error, id);
	pp_error_remedy(error, "%s", remedy);
	return error ? -error->code : -ENOTTY;
}

/* The kernel goes through its list until a method applies; it caches the list when it finds the
 * device, so that `bus` can stand there for one that has siblings by now, for which it does not
 * apply. */
static int choose_method(struct pp_context *context, struct pp_arena *arena, const char *address,
	const char **ret_method, struct pp_error *error)
{
	char path[PP_PATH_MAX];
	char *methods = NULL;
	const char *word;
	size_t length;
	pp_path(path, sizeof(path), PCI "/%s/reset_method", address);
	int r = pp_tree_line(context->tree, arena, path, &methods);
	if (r < 0 && r != -ENOENT)
		return pp_error_errno(error, r, "reading %s", path);
	const char *others = siblings(context, arena, address);
	bool bus = false;
	for (const char *cursor = methods; cursor && pp_text_word(&cursor, " ", &word, &length);) {
		bool is_bus = length == 3 && memcmp(word, "bus", 3) == 0;
		bus = bus || is_bus;
		if (is_bus && others)
			continue;
		*ret_method = pp_arena_strndup(arena, word, length);
		return *ret_method ? 0 : pp_error_oom(error);
	}
	if (bus) {
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOTTY,
			"%s can only be reset together with its bus, on which there are also %s",
			address, others);
		return refuse(error, "reset-bus-siblings",
			"give all functions of that bus to one guest, or none");
	}
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOTTY,
		"%s cannot be reset: it has no FLR, no reset by power management, and its bus "
		"cannot "
		"be reset for it alone (%s is %s)",
		address, path, r == -ENOENT ? "not there" : "empty");
	return refuse(error, "no-reset",
		"a device without reset is clean only after a reboot of "
		"the host");
}

static int check_owner(struct pp_context *context, struct pp_holders *holders,
	const struct pp_address *address, struct pp_error *error)
{
	char owner[128], text[PP_ADDRESS_SIZE];
	struct pp_holder holder;
	pp_address_text(address, text);
	int r = pp_device_owner(context, address, owner, sizeof(owner), NULL, error);
	if (r < 0)
		return r;
	if (pp_text_starts(owner, "guest:")) {
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "%s is in guest %s", text,
			owner + strlen("guest:"));
		refuse(error, "device-in-guest", "shut the guest down first");
		return -EBUSY;
	}
	if (pp_holders_find(context, holders, text, &holder) <= 0)
		return 0;
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "%s: %s (pid %d) holds %s", text, holder.name,
		(int)holder.pid, holder.node);
	refuse(error, "vfio-held", "end that process or its guest first");
	return -EBUSY;
}

static int reset_write(
	struct pp_effects *effects, const char *address, const char *method, struct pp_error *error)
{
	char path[PP_PATH_MAX], words[512], what[64];
	PP_CLOSE int kmsg = pp_kmsg_open(effects->context);
	pp_path(path, sizeof(path), PCI "/%s/reset", address);
	snprintf(what, sizeof(what), "the reset of %s", address);
	int r = pp_effects_write(effects, path, "1", what);
	if (r >= 0)
		return 0;
	pp_kmsg_find(kmsg, address, words, sizeof(words));
	if (r == -ETIMEDOUT)
		return pp_error_set(error, PP_STATUS_FAILED, r,
			"%s: its reset by %s has not ended after %d s; pid %d hangs in the "
			"kernel%s%s",
			address, method, effects->deadline_ms / 1000, (int)effects->stuck,
			words[0] ? "\nthe kernel says: " : "", words);
	return pp_error_set(error, PP_STATUS_FAILED, r, "%s: its reset by %s failed: %s%s%s",
		address, method, strerror(-r), words[0] ? "\nthe kernel says: " : "", words);
}

/* One of several: with its method. */
struct wanted {
	const char *method;
	bool done;
};

static int reset_one(struct pp_effects *effects, struct pp_move *move)
{
	struct wanted *wanted = move->data;
	int r = reset_write(effects, move->step->subject, wanted->method, &move->error);
	wanted->done = r >= 0;
	return r;
}

static int reset_locked(struct pp_effects *effects, const struct pp_plan *plan,
	struct pp_move *moves, struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *locks = NULL;
	int r = pp_locks_take(effects, plan, 0, &locks, error);
	if (r < 0)
		return r;
	pp_lanes_run(effects, locks, moves, plan->n_steps, reset_one, false);
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (moves[i].stuck)
			pp_locks_stuck(locks, moves[i].step->subject, moves[i].stuck);
		if (moves[i].result >= 0 || r < 0)
			continue;
		r = moves[i].result;
		if (error)
			*error = moves[i].error;
	}
	return r;
}

/* All is looked at before the first is reset. */
static int prepare(struct pp_context *context, struct pp_arena *arena,
	const struct pp_device *const *devices, size_t count, struct pp_plan *plan,
	struct wanted *wanted, struct pp_error *error)
{
	PP_CLEANUP(pp_holders_freep) struct pp_holders *holders = pp_holders_new();
	int r = holders ? 0 : pp_error_oom(error);
	for (size_t i = 0; r >= 0 && i < count; i++) /* for its lock */
		r = pp_plan_claim(plan, devices[i], error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = choose_method(context, arena, plan->steps[i].subject, &wanted[i].method, error);
		if (r >= 0)
			r = check_owner(context, holders, &devices[i]->address, error);
	}
	return r;
}

int pp_devices_reset(struct pp_context *context, const struct pp_device *const *devices,
	size_t count, char **ret_methods, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	PP_FREE struct wanted *wanted = calloc(count + 1, sizeof(*wanted));
	PP_FREE struct pp_move *moves = calloc(count + 1, sizeof(*moves));
	struct pp_apply_options options = {.deadline_ms = DEADLINE_MS};
	struct pp_effects effects;
	if (!arena || !wanted || !moves)
		return pp_error_oom(error);
	int r = pp_effects_init(&effects, context, &options, error);
	if (r >= 0)
		r = pp_plan_new("nodedev-reset", "host", &plan, error);
	if (r >= 0)
		r = prepare(context, arena, devices, count, plan, wanted, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		moves[i] = (struct pp_move){.step = &plan->steps[i], .data = &wanted[i]};
	r = reset_locked(&effects, plan, moves, error);
	for (size_t i = 0; i < count; i++)
		ret_methods[i] = wanted[i].done ? strdup(wanted[i].method) : NULL;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (!ret_methods[i])
			r = pp_error_oom(error);
	return r;
}

int pp_device_reset(struct pp_context *context, const struct pp_device *device, char **ret_method,
	struct pp_error *error)
{
	char *method = NULL;
	int r = pp_devices_reset(context, &device, 1, &method, error);
	if (r >= 0)
		*ret_method = method;
	else
		free(method);
	return r;
}
