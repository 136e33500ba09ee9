/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/prepare.h"
#include "base/parse.h"
#include "lib/apply/function.h"
#include "lib/guest/demand.h"
#include "lib/guest/networkpool.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)

static bool passes_vfio(const struct pp_device *device)
{
	return device->driver && pp_driver_passes(device->driver) &&
	       !pp_text_is(device->driver, "pci-stub");
}

/* ---- the plan ---- */

static int add_steps(struct pp_plan *plan, const struct pp_plan *more, struct pp_error *error)
{
	for (size_t i = 0; i < more->n_steps; i++) {
		const struct pp_step *step = &more->steps[i];
		bool there = false;
		for (size_t j = 0; j < plan->n_steps && !there; j++)
			there = plan->steps[j].kind == step->kind &&
				pp_text_is(plan->steps[j].subject, step->subject);
		int r = there ? 0 : pp_plan_add(plan, step, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_detach(const struct pp_host *host, const struct pp_device *device,
	const char *driver, struct pp_plan *plan, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *part = NULL;
	int r = pp_plan_detach(host, &device, 1, driver, &part, error);
	return r < 0 ? r : add_steps(plan, part, error);
}

/* The other endpoints of a device's group, which would keep it from being viable. */
static int plan_group(const struct pp_host *host, const struct pp_device *device,
	struct pp_plan *plan, struct pp_error *error)
{
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(host, device->group) : NULL;

	for (size_t i = 0; group && i < group->n_devices; i++) {
		const struct pp_device *member = group->devices[i];
		if (member == device || member->header != PP_HEADER_ENDPOINT || !member->driver ||
			pp_driver_passes(member->driver))
			continue;
		int r = plan_detach(host, member, NULL, plan, error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* MANAGED: only moves; then claims, for a device that is out already is the guest's from now on
 * too. */
static int plan_hostdev(struct pp_context *context, const struct pp_host *host,
	const struct pp_domain_device *hostdev, bool group, struct pp_plan *plan,
	struct pp_error *error)
{
	const struct pp_device *device = pp_host_device(host, &hostdev->hostdev.source);
	char address[PP_ADDRESS_SIZE];
	int r = 0;

	if (!device) {
		pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"its device %s is not on this host",
			pp_address_text(&hostdev->hostdev.source, address));
		pp_error_id(error, "device-missing");
		return -ENODEV;
	}
	if (!hostdev->hostdev.managed && !passes_vfio(device)) {
		pp_error_set(error, PP_STATUS_NOT_READY, -EBUSY,
			"its device %s is not managed, and still on the host's driver %s",
			device->name, device->driver ? device->driver : "(none)");
		pp_error_id(error, "not-detached");
		pp_error_remedy(error,
			"`pcipass nodedev-detach %s` first, or managed='yes' in its "
			"<hostdev>",
			device->name);
		return -EBUSY;
	}
	if (hostdev->hostdev.interface && (hostdev->hostdev.has_mac || hostdev->hostdev.vlan))
		r = pp_function_plan(context, device->name,
			hostdev->hostdev.has_mac ? hostdev->hostdev.mac : NULL,
			(unsigned)hostdev->hostdev.vlan, plan, error);
	bool wanted = hostdev->hostdev.driver_model &&
		      !pp_text_is(device->driver, hostdev->hostdev.driver_model);
	if (r >= 0 && hostdev->hostdev.managed && (!passes_vfio(device) || wanted))
		r = plan_detach(host, device, hostdev->hostdev.driver_model, plan, error);
	if (r >= 0 && group)
		r = plan_group(host, device, plan, error);
	return r < 0 ? r : pp_plan_claim(plan, device, error);
}

static int make_plan(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_domain *domain, bool group, struct pp_plan **ret_plan,
	struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	PP_FREE char *owner = NULL;
	if (asprintf(&owner, "guest:%s", name) < 0)
		return pp_error_oom(error);
	int r = pp_plan_new("start", owner, &plan, error);
	const struct pp_domain_device *hostdev = NULL;
	while (r >= 0 && (hostdev = pp_domain_next_hostdev(domain, hostdev)))
		r = plan_hostdev(context, host, hostdev, group, plan, error);
	if (r < 0)
		return r;
	*ret_plan = PP_TAKE(plan);
	return 0;
}

/* ---- both ---- */

static int make_findings(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const struct pp_domain *domain,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_check_options own = options ? *options : (struct pp_check_options){0};
	struct pp_guest_facts facts;

	if (!arena)
		return pp_error_oom(error);
	own.guest = guest->name;
	int r = pp_guest_facts_fill(context, host, guest, domain, arena, &facts, error);
	return r < 0 ? r : pp_check_guest(host, &facts, &own, ret_findings, error);
}

/* Of one that runs, this was asked before. The paths of another machine are not looked at. */
static int check_demands(struct pp_context *context, const struct pp_guest *guest,
	const struct pp_domain *domain, struct pp_error *error)
{
	const char *file = guest->definition ? guest->definition->path : guest->name;

	if (pp_guest_is_active(guest) || !context->live)
		return 0;
	return pp_demand_files(domain, file, error);
}

int pp_guest_prepare_loaded(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const struct pp_domain *domain,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;

	int r = check_demands(context, guest, domain, error);
	if (r >= 0)
		r = make_findings(context, host, guest, domain, options, &findings, error);
	/* What a check refuses cannot always be planned; then its finding says why. */
	bool refused = r >= 0 && ret_findings && pp_findings_worst(findings) == PP_FAIL;
	if (r >= 0 && ret_plan)
		r = make_plan(context, host, guest->name, domain, options && options->group, &plan,
			refused ? NULL : error);
	if (r < 0 && refused && r != -ENOMEM)
		r = pp_plan_new("start", "host", &plan, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s", guest->name) : r;
	if (ret_findings)
		*ret_findings = PP_TAKE(findings);
	if (ret_plan)
		*ret_plan = PP_TAKE(plan);
	return 0;
}

int pp_guest_prepare(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_CLEANUP(pp_definition_freep) struct pp_definition *run = NULL;
	const struct pp_domain *domain;

	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = pp_guest_domain(guest, &domain, error);
	/* Those that a start would choose now; one that runs has its own. */
	if (r >= 0 && !pp_guest_is_active(guest))
		r = pp_networkpool_choose(context, host, guest->definition, &run, error);
	if (r < 0)
		return error && guest ? pp_error_wrap(error, "guest %s", guest->name) : r;
	if (run)
		domain = run->domain;
	return pp_guest_prepare_loaded(
		context, host, guest, domain, options, ret_findings, ret_plan, error);
}
