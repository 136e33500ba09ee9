/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/vfsuse.h"
#include "base/arena.h"
#include "base/parse.h"
#include "lib/apply/driver.h"
#include "lib/apply/holder.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)

struct guard {
	struct pp_effects *effects;
	const char *address;
	struct pp_plan *functions; /* a claim each */
	bool on_host;              /* one of them has a driver of the host's */
	struct pp_error *error;
};

static int refuse(struct guard *guard, const char *subject, const char *by)
{
	pp_error_set(guard->error, PP_STATUS_IN_USE, -EBUSY,
		"%s keeps its virtual functions: %s is in use: %s", guard->address, subject, by);
	pp_error_id(guard->error, "in-use-functions");
	pp_error_remedy(guard->error, "free %s first", subject);
	return -EBUSY;
}

/* The links virtfn0, virtfn1 ... are numbered without gaps. */
static int add_functions(struct guard *guard, struct pp_arena *arena)
{
	struct pp_context *context = guard->effects->context;
	for (unsigned i = 0;; i++) {
		struct pp_step step = {.kind = PP_STEP_DRIVER};
		struct pp_address address;
		char path[PP_PATH_MAX], *name;
		pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%u", guard->address, i);
		int r = pp_tree_link_name(context->tree, arena, path, &name);
		if (r == -ENOENT)
			return 0;
		if (r < 0 || pp_address_parse(name, &address) < 0)
			return pp_error_errno(
				guard->error, r < 0 ? r : -EINVAL, "reading %s", path);
		pp_address_text(&address, step.subject);
		r = pp_driver_read(context, step.subject, &step.from);
		if (r < 0)
			return pp_error_errno(
				guard->error, r, "%s: reading its driver", step.subject);
		step.to = step.from;
		guard->on_host |= step.from.driver[0] && !pp_driver_passes(step.from.driver);
		r = pp_plan_add(guard->functions, &step, guard->error);
		if (r < 0)
			return r;
	}
}

static bool holds(const struct pp_plan *plan, const char *subject)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PP_STEP_DRIVER &&
			pp_text_is(plan->steps[i].subject, subject))
			return true;
	return false;
}

static int lock(struct guard *guard, const struct pp_plan *held, struct pp_locks **ret_locks)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *wanted = NULL;
	int r = pp_plan_new("nodedev-setvfs", "host", &wanted, guard->error);
	for (size_t i = 0; r >= 0 && i < guard->functions->n_steps; i++)
		if (!holds(held, guard->functions->steps[i].subject))
			r = pp_plan_add(wanted, &guard->functions->steps[i], guard->error);
	return r < 0 ? r : pp_locks_take(guard->effects, wanted, 0, ret_locks, guard->error);
}

static int check_function(struct guard *guard, const char *subject)
{
	struct pp_address address;
	struct pp_holder holder;
	char owner[128], words[160];
	pp_address_parse(subject, &address);
	int r = pp_device_owner(
		guard->effects->context, &address, owner, sizeof(owner), NULL, guard->error);
	if (r < 0)
		return r;
	if (pp_owner_guest(owner)) {
		snprintf(words, sizeof(words), "guest %s has it", pp_owner_guest(owner));
		return refuse(guard, subject, words);
	}
	if (pp_holder_find(guard->effects->context, subject, &holder) <= 0)
		return 0;
	snprintf(words, sizeof(words), "%s (pid %d) holds %s", holder.name, (int)holder.pid,
		holder.node);
	return refuse(guard, subject, words);
}

static int check_host(struct guard *guard)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	int r = pp_host_read(
		guard->effects->context, PP_READ_CONFIG | PP_READ_USES, &host, guard->error);
	for (size_t i = 0; r >= 0 && i < host->n_uses; i++)
		if (host->uses[i].blocking && holds(guard->functions, host->uses[i].device->name))
			return refuse(guard, host->uses[i].device->name, host->uses[i].text);
	return r;
}

int pp_vfs_guard(struct pp_effects *effects, const char *address, const struct pp_plan *held,
	struct pp_locks **ret_locks, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_plan_freep) struct pp_plan *functions = NULL;
	PP_CLEANUP(pp_locks_freep) struct pp_locks *locks = NULL;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_plan_new("nodedev-setvfs", "host", &functions, error);
	if (r < 0)
		return r;
	struct guard guard = {
		.effects = effects, .address = address, .functions = functions, .error = error};
	r = add_functions(&guard, arena);
	if (r >= 0 && functions->n_steps > 0)
		r = lock(&guard, held, &locks);
	for (size_t i = 0; r >= 0 && i < functions->n_steps; i++)
		r = check_function(&guard, functions->steps[i].subject);
	if (r >= 0 && guard.on_host)
		r = check_host(&guard);
	if (r < 0)
		return r;
	*ret_locks = PP_TAKE(locks);
	return 0;
}
