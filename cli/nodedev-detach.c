/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "cli/road.h"
#include "cli/verb.h"

static const char *driver, *trial, *forced[256];
static size_t n_forced;
static bool group, live, config, persistent;

static const struct pp_option options[] = {
	{"driver", 0, "NAME", "vfio-pci (usual), vfio-pci-... (a variant) or pci-stub", NULL,
		&driver},
	{"group", 0, NULL, "its whole IOMMU group goes along", &group},
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses it; may be repeated", NULL, NULL,
		forced, &n_forced, PP_COUNT(forced) - 1},
	{"live", 0, NULL, "now, until the host restarts: the usual", &live},
	{"config", 0, NULL, "from the next boot on, before the host's own driver; not now",
		&config},
	{"persistent", 0, NULL, "both", &persistent},
	CLI_TRY_OPTION(&trial),
};

/* libvirt's words for its backends are drivers too. */
static const char *driver_name(void)
{
	if (pp_text_is(driver, "vfio"))
		return "vfio-pci";
	return driver;
}

static bool in_guest(const struct pp_host *host, const struct cli_devices *devices)
{
	for (size_t i = 0; i < host->n_uses; i++)
		for (size_t j = 0; j < devices->count; j++)
			if (host->uses[i].kind == PP_USE_GUEST && host->uses[i].blocking &&
				host->uses[i].device == devices->items[j])
				return true;
	return false;
}

static int stay(struct cli *cli, const struct cli_devices *devices, const struct pp_plan *plan,
	const char *blame)
{
	struct pp_apply_options apply;
	struct pp_error error = {0};
	int status = cli_apply(cli, plan, blame);
	if (status || cli->dry_run)
		return status;
	cli_apply_options(cli, &apply);
	if (pp_apply_none(cli->context, plan, devices->items, devices->count, &apply, &error) >= 0)
		return PP_STATUS_OK;
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &error);
}

static int detach(struct cli *cli, const struct pp_host *host, struct cli_devices *devices)
{
	PP_FREE char *blame = cli_devices_blame(devices, "detach");
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_error error = {0}, plan_error = {0};
	if (!blame)
		return cli_oom(cli);
	int planned = pp_plan_detach(
		host, devices->items, devices->count, driver_name(), &plan, &plan_error);
	/* Already as asked: whatever a check would say of it now. But not where it is in a guest.
	 */
	if (planned >= 0 && plan->n_steps == 0 && !in_guest(host, devices))
		return stay(cli, devices, plan, blame);
	struct pp_check_options check = {
		.driver = driver_name(), .group = group, .force = forced, .act = true};
	int r = pp_check_devices(host, devices->items, devices->count, &check, &findings, &error);
	if (r < 0)
		return cli_fail(cli, &error);
	int status = cli_heed(cli, findings, blame);
	if (status)
		return status;
	if (planned >= 0)
		return cli_apply(cli, plan, blame);
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &plan_error);
}

/* What would wait for them, or miss them, at the next boot. */
static void warn(struct cli *cli, const struct pp_host *host, const struct cli_devices *devices)
{
	for (size_t i = 0; i < host->n_uses; i++) {
		const struct pp_use *use = &host->uses[i];
		for (size_t j = 0; j < devices->count; j++)
			if (use->device == devices->items[j] &&
				(use->kind == PP_USE_MOUNT || use->kind == PP_USE_SWAP))
				cli_say(cli,
					"note: %s; it will not be there at the next boot: see "
					"/etc/fstab",
					use->text);
	}
}

static int bind(struct cli *cli, const struct pp_host *host, const struct cli_devices *devices,
	bool *ret_changed)
{
	PP_FREE char *blame = cli_devices_blame(devices, "detach");
	struct pp_error error = {0};
	if (!blame)
		return cli_oom(cli);
	int r = pp_binding_check(host, devices->items, devices->count, &error);
	if (r >= 0 && cli->dry_run)
		for (size_t i = 0; i < devices->count; i++)
			cli_print(cli, "%s: to %s at each boot\n", devices->items[i]->name,
				driver ? driver_name() : "vfio-pci");
	else if (r >= 0)
		r = pp_bindings_add(cli->context, devices->items, devices->count, driver_name(),
			ret_changed, &error);
	if (r < 0) {
		cli_blame(cli, "%s", blame);
		return cli_fail(cli, &error);
	}
	warn(cli, host, devices);
	if (!cli->dry_run)
		cli_boot_image(cli, *ret_changed);
	return PP_STATUS_OK;
}

static bool was_bound(const struct pp_binding_list *before, const struct pp_device *device)
{
	for (size_t i = 0; i < before->n_items; i++)
		if (pp_text_is(before->items[i].address, device->name))
			return true;
	return false;
}

/* What is to hold both now and later holds later only if it could be done now. */
static void unbind(
	struct cli *cli, const struct pp_binding_list *before, const struct cli_devices *devices)
{
	bool changed;
	for (size_t i = 0; i < devices->count; i++)
		if (!was_bound(before, devices->items[i]))
			pp_bindings_remove(
				cli->context, &devices->items[i]->address, 1, &changed, NULL);
}

static int detach_chosen(struct cli *cli, const struct pp_host *host, struct cli_devices *devices)
{
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *before = NULL;
	struct pp_error error = {0};
	bool changed = false;
	if (!config)
		return detach(cli, host, devices);
	if (pp_bindings_list(cli->context, &before, &error) < 0)
		return cli_fail(cli, &error);
	int status = bind(cli, host, devices, &changed);
	cli_set_bool(cli, "changed", changed);
	if (status || !live)
		return status;
	status = detach(cli, host, devices);
	if (status && changed && !cli->dry_run)
		unbind(cli, before, devices);
	else if (changed)
		cli_set_bool(cli, "changed", true);
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (pp_text_is(driver, "kvm") || pp_text_is(driver, "xen"))
		return cli_usage(cli,
			"--driver %s is no longer supported; vfio-pci and pci-stub are", driver);
	int status = cli_try(cli, trial);
	if (status)
		return status;
	config |= persistent;
	live |= persistent || !config;
	if (trial && config)
		return cli_usage(cli, "--try is for what is done now: not with --config");
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	status = cli_devices_read(cli, CLI_READ_TO_ACT, words, n_words, group, &host, &devices);
	if (status)
		return status;
	status = detach_chosen(cli, host, &devices);
	if (status || cli->dry_run)
		return status;
	cli_devices_say(cli, &devices,
		!live    ? "detached from the next boot on"
		: config ? "detached, now and at each boot"
			 : "detached");
	return status;
}

const struct cli_verb cli_verb_nodedev_detach = {
	.name = "nodedev-detach",
	.alias = "nodedev-dettach",
	.group = CLI_GIVE,
	.summary = "take devices from the host, for a guest",
	.example = "  # pcipass nodedev-detach 00:1a.7 --group\n"
		   "  Device 00:1a.7 detached\n"
		   "  Device pci_0000_00_1a_0 detached\n",
	.usage = "DEVICE... [--driver NAME] [--group] [--config | --persistent] "
		 "[--force-for NAME]... [--try SECONDS]",
	.details =
		"All of them or none: when one cannot go, those that went are given back.\n"
		"With --try, a network card that takes your connection with it comes back by "
		"itself.\n"
		"What --config says holds for this very device at this address, and for no other "
		"that the next\n"
		"boot finds there; that it is in use now is no reason against it, unless the "
		"host's root lies\n"
		"on it. The kernel parameter pcipass.bind=0 goes without for one boot.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run,
};
