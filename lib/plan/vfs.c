/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual functions of a device: how many it has. */
#include "base/parse.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

struct pp_driver_state pp_state_number(unsigned number)
{
	struct pp_driver_state state = {0};
	snprintf(state.driver, sizeof(state.driver), "%u", number);
	return state;
}

/* ---- whether it can ---- */

static int refuse(struct pp_error *error, const char *id, int code)
{
	pp_error_id(error, id);
	return code;
}

static int check_kind(const struct pp_device *pf, struct pp_error *error)
{
	if (pf->flags & PP_DEVICE_VANISHED) {
		pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s went away while it was looked at", pf->name);
		return refuse(error, "device-vanished", -ENODEV);
	}
	if (pf->physical_function) {
		pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"%s is a virtual function itself, of %s", pf->name,
			pf->physical_function->name);
		pp_error_remedy(
			error, "name the physical function: %s", pf->physical_function->name);
		return refuse(error, "vfs-of-vf", -EINVAL);
	}
	if (pf->sriov_total)
		return 0;
	bool capable = pf->capabilities.read && pf->capabilities.sriov;
	pp_error_set(error, PP_STATUS_NOT_READY, -EOPNOTSUPP,
		"%s can have no virtual functions: %s", pf->name,
		capable ? "it has SR-IOV, but its firmware or the kernel allows none "
			  "(sriov_totalvfs)"
			: "it has no SR-IOV");
	if (capable)
		pp_error_remedy(
			error, "switch SR-IOV on in the firmware's setup, and in the card's own");
	return refuse(error, "vfs-none", -EOPNOTSUPP);
}

/* The kernel has the device's own driver make and end them. */
static int check_driver(const struct pp_device *pf, struct pp_error *error)
{
	if (pf->driver && !pp_driver_passes(pf->driver))
		return 0;
	if (pf->driver)
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"%s is with %s: its virtual functions are made by its own driver, on the "
			"host",
			pf->name, pf->driver);
	else
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"%s has no driver: its own has to be bound to it first, for it makes the "
			"virtual functions",
			pf->name);
	pp_error_remedy(error, "pcipass nodedev-reattach %s", pf->name);
	return refuse(error, "vfs-no-driver", -ENOENT);
}

/* Who sets the number in the network's settings would set it again. */
static int check_settings(
	const struct pp_host *host, const struct pp_device *pf, struct pp_error *error)
{
	for (size_t i = 0; i < host->n_settings; i++) {
		const struct pp_setting *setting = &host->settings[i];
		if (setting->kind != PP_SETTING_FUNCTIONS || !pp_text_is(setting->name, pf->name))
			continue;
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"%s: its virtual functions are %s's (%s, line %u: %s), and are left to it",
			pf->name, setting->tool, setting->file, setting->line, setting->value);
		pp_error_remedy(error, "change the number there; or take it out there, if pcipass "
				       "is to have them");
		return refuse(error, "vfs-owned", -EBUSY);
	}
	return 0;
}

int pp_functions_check(const struct pp_host *host, const struct pp_device *pf, unsigned count,
	struct pp_error *error)
{
	int r = check_kind(pf, error);
	if (r >= 0)
		r = check_settings(host, pf, error);
	if (r < 0 || count <= pf->sriov_total)
		return r;
	pp_error_set(error, PP_STATUS_USAGE, -ERANGE,
		"%s can have at most %u virtual functions, not %u", pf->name, pf->sriov_total,
		count);
	return refuse(error, "vfs-too-many", -ERANGE);
}

static int check(const struct pp_host *host, const struct pp_device *pf, unsigned count,
	struct pp_error *error)
{
	if (count == pf->sriov_count && pf->sriov_total)
		return 0;
	int r = pp_functions_check(host, pf, count, error);
	return r < 0 ? r : check_driver(pf, error);
}

/* ---- the steps ---- */

/* Those that go are claimed: locked, and seen not to have been taken by anyone since. A driver that
 * one has lets go of it first, and gets it back when they are made anew. */
static int add_release(
	struct pp_plan *plan, const struct pp_device *function, struct pp_error *error)
{
	struct pp_step step = {.kind = PP_STEP_DRIVER,
		.from = pp_driver_of(function),
		.to = pp_driver_of(function)};
	memset(step.to.driver, 0, sizeof(step.to.driver));
	pp_address_text(&function->address, step.subject);
	return pp_plan_add(plan, &step, error);
}

static int add_number(struct pp_plan *plan, enum pp_step_kind kind, const struct pp_device *pf,
	unsigned from, unsigned to, struct pp_error *error)
{
	struct pp_step step = {
		.kind = kind, .from = pp_state_number(from), .to = pp_state_number(to)};
	pp_address_text(&pf->address, step.subject);
	return pp_plan_add(plan, &step, error);
}

int pp_plan_vfs(const struct pp_host *host, const struct pp_device *pf, unsigned count,
	int autoprobe, bool returns, struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = check(host, pf, count, error);
	if (r >= 0)
		r = pp_plan_new("nodedev-setvfs", "host", &plan, error);
	if (r < 0)
		return r;
	bool idle = count == pf->sriov_count;
	for (size_t i = 0; r >= 0 && !idle && i < pf->n_virtual_functions; i++)
		r = add_release(plan, pf->virtual_functions[i], error);
	if (r >= 0 && !idle && autoprobe > 0)
		r = add_number(plan, PP_STEP_AUTOPROBE, pf, 1, 0, error);
	if (r >= 0 && !idle)
		r = add_number(plan, PP_STEP_VFS, pf, pf->sriov_count, count, error);
	if (r >= 0 && !idle && autoprobe > 0)
		r = add_number(plan, PP_STEP_AUTOPROBE, pf, 0, 1, error);
	if (r < 0)
		return r;
	plan->returns = returns;
	*ret_plan = PP_TAKE(plan);
	return 0;
}
