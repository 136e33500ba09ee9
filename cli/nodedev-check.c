/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/device-columns.h"
#include "cli/road.h"
#include "cli/verb.h"

static const char *driver, *forced[256];
static size_t n_forced;
static bool group, all;
static const struct pp_option options[] = {
	{"group", 0, NULL, "its whole IOMMU group goes along", &group},
	{"driver", 0, "NAME", "the driver that it is to go to; usually vfio-pci", NULL, &driver},
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses it; may be repeated", NULL, NULL,
		forced, &n_forced, PP_COUNT(forced) - 1},
	{"all", 'a', NULL, "also what passed", &all},
};

static void say_verdict(struct cli *cli, const struct cli_devices *devices, int status)
{
	PP_BUFFER struct pp_buffer names = PP_BUFFER_INIT;
	for (size_t i = 0; i < devices->count; i++)
		pp_buffer_printf(&names, "%s%s", i ? " " : "", devices->items[i]->name);
	if (status)
		cli_print(cli, "%s cannot go to a guest now\n", pp_buffer_text(&names));
	else
		cli_print(cli, "%s can go to a guest\n", pp_buffer_text(&names));
}

static int check_named(
	struct cli *cli, const struct pp_host *host, const char *const *words, size_t n_words)
{
	CLI_DEVICES struct cli_devices devices = {0};
	int status = cli_devices_find(cli, host, words, n_words, &devices);
	if (!status && group && cli_devices_add_groups(host, &devices) < 0)
		status = cli_oom(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	struct pp_check_options check = {.driver = driver, .group = group, .force = forced};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	if (pp_check_devices(host, devices.items, devices.count, &check, &findings, &error) < 0)
		return cli_fail(cli, &error);
	status = cli_findings_status(findings);
	cli_set(cli, "devices", cli_devices_json(&devices));
	cli_set_bool(cli, "can_go", !status);
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stdout, findings, all ? PP_PASS : PP_NOTE);
	say_verdict(cli, &devices, status);
	return status;
}

/* One line a device. What it is said of is every function that is not a bridge. */
static const struct cli_column columns[] = {
	{"ADDRESS", "", CLI_TEXT, false, 0, 0},
	{"CAN-GO", "", CLI_TEXT, false, 0, 1},
	{"WHY", "", CLI_TEXT, false, 0, 2},
	{"NAME", "", CLI_TEXT, true, PP_READ_NAMES, 3},
};

static int add_line(
	struct cli_table *table, const struct pp_host *host, const struct pp_device *device)
{
	static const char *const words[] = {[CLI_GO_YES] = "yes",
		[CLI_GO_GROUP] = "group",
		[CLI_GO_NO] = "no",
		[CLI_GO_UNKNOWN] = "?"};
	PP_FREE char *why = NULL;
	PP_FREE char *title = cli_device_title(device);
	enum cli_go go = cli_device_go(host, device, &why, NULL);
	int row = cli_table_row(table, -1);
	if (cli_table_set(table, row, 0, device->name) < 0 ||
		cli_table_set(table, row, 1, words[go]) < 0 ||
		cli_table_set(table, row, 2, go == CLI_GO_GROUP ? "group-not-viable" : why) < 0 ||
		cli_table_set(table, row, 3, title) < 0)
		return -ENOMEM;
	return 0;
}

static int check_all(struct cli *cli, const struct pp_host *host)
{
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	struct pp_error error = {0};
	if (cli_table_new(columns, PP_COUNT(columns), "ADDRESS,CAN-GO,WHY,NAME", NULL, &table,
		    &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < host->n_devices; i++)
		if (host->devices[i].header == PP_HEADER_ENDPOINT &&
			add_line(table, host, &host->devices[i]) < 0)
			return cli_oom(cli);
	if (cli->json)
		cli_set(cli, "devices", cli_table_json(table));
	else if (cli_table_print(table, stdout, true, -1) < 0)
		return cli_oom(cli);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	int status = cli_read(cli, n_words ? CLI_READ_TO_ACT : (unsigned)PP_READ_ALL, &host);
	if (status)
		return status;
	return n_words ? check_named(cli, host, words, n_words) : check_all(cli, host);
}

const struct cli_verb cli_verb_nodedev_check = {
	.name = "nodedev-check",
	.group = CLI_LOOK,
	.summary = "can a device go to a guest; if not, why, and what to do",
	.example = "  $ pcipass nodedev-check 00:1a.7\n"
		   "  FAIL [group-not-viable] 0000:00:1a.7: IOMMU group 5 is not viable, ...\n"
		   "       pcipass nodedev-detach 0000:00:1a.7 --group ...\n",
	.usage = "[DEVICE...] [--group] [--driver NAME] [--force-for NAME]... [--all]",
	.details = "Without a device: a line for each.\n"
		   "Exit status: 0 it can go, 3 it is not ready, 4 it is in use.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.max_words = CLI_ANY,
	.word_option = "device",
	.run = run,
};
