/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

static const char *forced[256];
static size_t n_forced;
static const struct pp_option options[] = {
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses it; may be repeated", NULL, NULL,
		forced, &n_forced, PP_COUNT(forced) - 1},
};

/* A reset stops whoever works with the device; nothing else that a check says of giving it away
 * matters. */
static int refuse_in_use(struct cli *cli, const struct pp_host *host,
	const struct cli_devices *devices, const char *blame)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options check = {.group = true, .force = forced, .act = true};
	struct pp_error error = {0};
	if (pp_check_devices(host, devices->items, devices->count, &check, &findings, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		if (finding->severity != PP_FAIL || finding->status != PP_STATUS_IN_USE)
			continue;
		struct pp_findings one = {.items = finding, .n_items = 1};
		cli_blame(cli, "%s", blame);
		cli_findings(cli, stderr, &one, PP_WARN);
		cli_set(cli, "findings", cli_findings_json(&one));
		return PP_STATUS_IN_USE;
	}
	return PP_STATUS_OK;
}

static void say_plan(struct cli *cli, const struct cli_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		const char *methods = devices->items[i]->reset_methods;
		cli_print(cli, "reset %s: the first of its methods that works (%s)\n",
			devices->items[i]->name, methods && *methods ? methods : "none");
	}
}

/* What was reset, also where another one failed. Returns how many. */
static size_t say_done(struct cli *cli, const struct cli_devices *devices, char *const *methods)
{
	size_t done = 0;
	char node[CLI_NODE_SIZE];
	struct pp_json *resets = pp_json_array();
	for (size_t i = 0; i < devices->count; i++) {
		const char *name = cli_device_called(devices, i, node);
		if (!methods[i])
			continue;
		done++;
		struct pp_json *reset = pp_json_object();
		pp_json_set_string(reset, "address", devices->items[i]->name);
		pp_json_set_string(reset, "method", methods[i]);
		pp_json_add(resets, reset);
		if (devices->count == 1)
			cli_say(cli, "by %s", methods[i]);
		else
			cli_say(cli, "%s: by %s", name, methods[i]);
		cli_print(cli, "Device %s reset\n", name);
	}
	cli_set_bool(cli, "changed", done > 0);
	if (devices->count == 1 && done)
		cli_set_string(cli, "method", methods[0]);
	cli_set(cli, "resets", resets);
	return done;
}

static int reset(struct cli *cli, const struct cli_devices *devices, const char *blame)
{
	struct pp_error error = {0};
	PP_FREE char **methods = calloc(devices->count + 1, sizeof(*methods));
	if (!methods)
		return cli_oom(cli);
	int r = pp_devices_reset(cli->context, devices->items, devices->count, methods, &error);
	size_t done = say_done(cli, devices, methods);
	for (size_t i = 0; i < devices->count; i++)
		free(methods[i]);
	if (r < 0) {
		cli_blame(cli, "%s", blame);
		return cli_fail(cli, &error);
	}
	if (done)
		cli_end(cli);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	int status = cli_devices_read(cli, CLI_READ_TO_ACT, words, n_words, false, &host, &devices);
	if (status)
		return status;
	PP_FREE char *blame = cli_devices_blame(&devices, "reset");
	if (!blame)
		return cli_oom(cli);
	cli_set_bool(cli, "changed", false);
	status = refuse_in_use(cli, host, &devices, blame);
	if (status)
		return status;
	if (!cli->dry_run)
		return reset(cli, &devices, blame);
	say_plan(cli, &devices);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_nodedev_reset = {
	.name = "nodedev-reset",
	.group = CLI_TAKE_BACK,
	.summary = "reset devices, and say by which method",
	.example = "  # pcipass nodedev-reset 01:00.0\n"
		   "  by flr\n"
		   "  Device 01:00.0 reset\n"
		   "  # pcipass nodedev-reset 01:10.0 01:10.2 01:10.4\n",
	.usage = "DEVICE... [--force-for NAME]...",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run,
};
