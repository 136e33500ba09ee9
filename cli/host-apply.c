/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host-apply: a host's passthrough as a file says. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/road.h"
#include "cli/verb.h"

/* Plans that follow each other: what goes back, a card's number of functions, what they get. */
#define PLANS_MAX 256

PP_DEFINE_CLEANUP(struct pp_setup *, pp_setup_free)
PP_DEFINE_CLEANUP(struct pp_host_file *, pp_host_file_free)
PP_DEFINE_CLEANUP(struct pp_drifts *, pp_drifts_free)

static const char *forced[256];
static size_t n_forced;
static bool check;
static const struct pp_option options[] = {
	{"check", 0, NULL, "is it as FILE says; if not (exit status 3), what differs", &check},
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses a device; may be repeated", NULL,
		NULL, forced, &n_forced, PP_COUNT(forced) - 1},
};

static char *blame_of(const char *file)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_printf(&text, "Failed to make this host as %s says", file);
	return pp_buffer_take(&text);
}

/* ---- what differs ---- */

static int show_drift(struct cli *cli, const struct pp_host *host, const struct pp_host_file *file,
	size_t *ret_count)
{
	PP_CLEANUP(pp_drifts_freep) struct pp_drifts *drifts = NULL;
	struct pp_error error = {0};
	if (pp_host_file_drift(cli->context, host, file, &drifts, &error) < 0)
		return cli_fail(cli, &error);
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < drifts->n_items; i++) {
		const struct pp_drift *drift = &drifts->items[i];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "subject", drift->subject);
		pp_json_set_string(object, "setting", drift->setting);
		pp_json_set_string(object, "is", drift->is);
		pp_json_set_string(object, "wanted", drift->wanted);
		pp_json_add(array, object);
		if (check || cli->dry_run)
			cli_print(cli, "%s: %s: %s -> %s\n", drift->subject, drift->setting,
				drift->is, drift->wanted);
	}
	cli_set(cli, "drift", array);
	*ret_count = drifts->n_items;
	return PP_STATUS_OK;
}

/* ---- devices ---- */

/* The devices that a plan takes from the host. */
static int take_devices(struct cli *cli, const struct pp_host *host, const struct pp_plan *plan,
	struct cli_devices *devices)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct pp_step *step = &plan->steps[i];
		struct pp_address address;
		const struct pp_device *device = NULL;
		if (step->kind == PP_STEP_DRIVER && step->to.driver[0] &&
			pp_text_is(step->to.driver, step->to.override) &&
			pp_address_parse(step->subject, &address) >= 0)
			device = pp_host_device(host, &address);
		if (device && cli_devices_add(devices, device, device->name) < 0)
			return cli_oom(cli);
	}
	return PP_STATUS_OK;
}

static int heed(
	struct cli *cli, const struct pp_host *host, const struct pp_plan *plan, const char *blame)
{
	CLI_DEVICES struct cli_devices devices = {0};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options how = {.force = forced, .act = true};
	struct pp_error error = {0};
	int status = take_devices(cli, host, plan, &devices);
	for (size_t i = 0; !status && i < plan->n_steps; i++) {
		struct pp_address address;
		if (plan->steps[i].kind == PP_STEP_VFS &&
			pp_address_parse(plan->steps[i].subject, &address) >= 0)
			status = cli_heed_functions(
				cli, host, pp_host_device(host, &address), forced, blame);
	}
	if (status || devices.count == 0)
		return status;
	if (pp_check_devices(host, devices.items, devices.count, &how, &findings, &error) < 0)
		return cli_fail(cli, &error);
	return cli_heed(cli, findings, blame);
}

/* The next plan, when nothing refuses it. */
static int next(struct cli *cli, const struct pp_host *host, const struct pp_host_file *file,
	const char *blame, struct pp_plan **ret_plan)
{
	struct pp_error error = {0};
	if (pp_host_file_plan(cli->context, host, file, ret_plan, &error) < 0) {
		cli_blame(cli, "%s", blame);
		return cli_fail(cli, &error);
	}
	return (*ret_plan)->n_steps ? heed(cli, host, *ret_plan, blame) : PP_STATUS_OK;
}

static int move(struct cli *cli, const struct pp_host_file *file, const char *blame,
	struct pp_host **host, bool *ret_changed)
{
	for (int i = 0; i < PLANS_MAX; i++) {
		PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
		int status = next(cli, *host, file, blame, &plan);
		bool more = !status && plan->n_steps > 0;
		if (more)
			status = cli_apply(cli, plan, blame);
		if (status || !more || cli->dry_run)
			return status;
		*ret_changed = true;
		pp_host_free(*host);
		*host = NULL;
		status = cli_read(cli, CLI_READ_TO_ACT, host);
		if (status)
			return status;
	}
	return cli_refuse(cli, PP_STATUS_FAILED,
		"%s: it was not so after %d plans: something else changes it back", blame,
		PLANS_MAX);
}

/* ---- at boot, and memory ---- */

static int bind(struct cli *cli, const struct pp_host *host, const struct pp_host_file *file,
	const char *blame, bool *ret_changed)
{
	struct pp_error error = {0};
	bool changed = false;
	int r = pp_host_file_bind(cli->context, host, file, &changed, &error);
	*ret_changed |= changed;
	if (r < 0) {
		cli_blame(cli, "%s", blame);
		return cli_fail(cli, &error);
	}
	cli_boot_image(cli, changed);
	return PP_STATUS_OK;
}

static int set_pages(struct cli *cli, const struct pp_host *host, const struct pp_host_file *file,
	const char *blame, bool *ret_changed)
{
	PP_CLEANUP(pp_setup_freep) struct pp_setup *setup = NULL;
	struct pp_apply_options how;
	struct pp_error error = {0};
	bool changed = false;
	int r = pp_host_file_pages(cli->context, host, file, &setup, &error);
	cli_apply_options(cli, &how);
	if (r >= 0 && setup->n_steps > 0)
		r = pp_setup_apply(cli->context, setup, &how, &changed, &error);
	cli_progress_end(cli);
	*ret_changed |= changed;
	if (r >= 0)
		return PP_STATUS_OK;
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &error);
}

static int apply(
	struct cli *cli, const struct pp_host_file *file, const char *blame, struct pp_host **host)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *first = NULL;
	bool changed = false;
	/* what refuses it does so before anything holds from the next boot on */
	int status = next(cli, *host, file, blame, &first);
	if (!status)
		status = bind(cli, *host, file, blame, &changed);
	if (!status)
		status = move(cli, file, blame, host, &changed);
	if (!status)
		status = set_pages(cli, *host, file, blame, &changed);
	cli_set_bool(cli, "changed", changed);
	if (!status)
		cli_print(cli, changed ? "This host is as the file says now\n"
				       : "This host is as the file says\n");
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_host_file_freep) struct pp_host_file *file = NULL;
	PP_FREE char *blame = blame_of(words[0]);
	struct pp_error error = {0};
	size_t count = 0;
	bool changed = false;
	if (!blame)
		return cli_oom(cli);
	int status = cli_open(cli);
	if (!status && !check)
		status = cli_need_root(cli);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (pp_host_file_load(words[0], &file, &error) < 0)
		return cli_fail(cli, &error);
	status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (!status)
		status = show_drift(cli, host, file, &count);
	if (status)
		return status;
	if (check) {
		if (count == 0)
			cli_print(cli, "This host is as the file says\n");
		return count ? PP_STATUS_NOT_READY : PP_STATUS_OK;
	}
	if (!cli->dry_run)
		return apply(cli, file, blame, &host);
	return move(cli, file, blame, &host, &changed);
}

const struct cli_verb cli_verb_host_apply = {
	.name = "host-apply",
	.group = CLI_HOST,
	.summary = "make this host's passthrough as a file says; is it so",
	.example = "  # pcipass host-apply host.json --check\n"
		   "  0000:41:00.0: driver: nvme -> vfio-pci\n"
		   "  # pcipass host-apply host.json\n"
		   "  This host is as the file says now\n"
		   "  # cat host.json\n"
		   "  {\"devices\": [{\"address\": \"0000:41:00.0\", \"id\": \"144d:a80a\", "
		   "\"driver\": \"vfio-pci\"},\n"
		   "               {\"id\": \"8086:1572\", \"functions\": 2, \"each\": [\n"
		   "                 {\"number\": 0, \"mac\": \"52:54:00:1a:b0:01\", \"vlan\": 7, "
		   "\"driver\": \"vfio-pci\"}]}],\n"
		   "   \"hugepages\": [{\"node\": 0, \"pages\": 512}]}\n",
	.usage = "FILE [--check | --dry-run] [--force-for NAME]...",
	.details =
		"A device is what its 'id' says (with 'subsystem', 'serial'), at 'address' where "
		"that "
		"is said; another\none there is an error, and nothing is changed. 'driver' and "
		"'functions' hold now and at each boot, as\nwith --config; 'host' is the host's "
		"own "
		"driver. What 'each' function gets (MAC, VLAN, trust, spoof check,\ndriver) is set "
		"when this runs, and is gone with the function. Huge pages are of the default "
		"size, "
		"as with\nhost-setup --hugepages. What the file does not name is left as it is.\n"
		"A second run changes nothing. Each step is in the journal: `changes` lists and "
		"undoes "
		"them.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 1,
	.words = "a file",
	.word_option = "file",
	.writes = true,
	.may_not_write = true,
	.run = run,
};
