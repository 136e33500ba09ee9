/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices into a guest and out of it, its run or its definition: attach-device, detach-device, and
 * the same by the host's device. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <string.h>

#define TIMEOUT_MAX 86400

static bool live, config, persistent, current;
static const char *timeout;
static const char *forced[256];
static size_t n_forced;
#define SCOPE_OPTIONS                                                                              \
	{"live", 0, NULL, "the guest that runs", &live},                                           \
		{"config", 0, NULL, "the definition: from its next start", &config},               \
		{"persistent", 0, NULL, "both, where it runs", &persistent},                       \
	{                                                                                          \
		"current", 0, NULL, "the guest that runs, else the definition (the default)",      \
			&current                                                                   \
	}
static const struct pp_option attach_options[] = {
	SCOPE_OPTIONS,
	{"timeout", 0, "SECONDS", "how long the guest may take to switch it on (15)", NULL,
		&timeout},
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses the device; may be repeated", NULL,
		NULL, forced, &n_forced, PP_COUNT(forced) - 1},
};
static const struct pp_option detach_options[] = {
	SCOPE_OPTIONS,
	{"timeout", 0, "SECONDS", "how long the guest may take to let go (60)", NULL, &timeout},
};

/* An exit status when they contradict each other. */
static int read_options(struct cli *cli, struct pp_change_options *ret_options)
{
	uint64_t seconds = 0;

	if (current && (live || config || persistent))
		return cli_usage(cli, "--current does not go together with --live, --config and "
				      "--persistent");
	if (timeout && (pp_parse_u64(timeout, 10, TIMEOUT_MAX, &seconds) < 0 || seconds == 0))
		return cli_usage(
			cli, "--timeout takes seconds, 1 to %d, not '%s'", TIMEOUT_MAX, timeout);
	*ret_options = (struct pp_change_options){
		.scope = PP_SCOPE_CURRENT, .dry = cli->dry_run, .deadline_ms = (int)seconds * 1000};
	cli_apply_options(cli, &ret_options->apply);
	if (live)
		ret_options->scope = config || persistent ? PP_SCOPE_BOTH : PP_SCOPE_LIVE;
	else if (persistent)
		ret_options->scope = PP_SCOPE_PERSISTENT;
	else if (config)
		ret_options->scope = PP_SCOPE_CONFIG;
	return PP_STATUS_OK;
}

/* What is changed of it as it is; an exit status. */
static int read_scope(struct cli *cli, const char *name, const struct pp_change_options *options,
	bool *ret_live, bool *ret_config)
{
	struct pp_error error = {0};

	int r = pp_guest_scope(cli->context, name, options->scope, ret_live, ret_config, &error);
	if (r < 0) {
		cli_set_bool(cli, "changed", false);
		cli_blame(cli, "Failed to %s device",
			options->scope == PP_SCOPE_CURRENT ? "change its" : "change the");
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "live", *ret_live);
	cli_set_bool(cli, "config", *ret_config);
	return PP_STATUS_OK;
}

static int finish(struct cli *cli, int r, bool changed, const struct pp_error *error,
	const char *what, const char *done)
{
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", r >= 0 && changed);
	if (r < 0) {
		cli_blame(cli, "Failed to %s device", what);
		return cli_fail(cli, error);
	}
	if (cli->dry_run)
		return PP_STATUS_OK;
	if (!changed)
		cli_say(cli, "it is so already");
	cli_print(cli, "Device %s\n", done);
	cli_end(cli);
	return PP_STATUS_OK;
}

/* ---- into it ---- */

struct attaching {
	struct cli *cli;
	const char *name; /* of the guest */
	const char *const *devices;
	size_t n_devices;
	const char *file;
	struct pp_change_options options;
	bool live;
};

/* The run: all checks, and the plan. */
static int prepare(
	struct attaching *attaching, const struct pp_host *host, struct pp_plan **ret_plan)
{
	static const char *const blame = "Failed to attach device";
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct cli *cli = attaching->cli;
	struct pp_check_options check = {.force = forced, .act = true};
	struct pp_error error = {0};

	int r = pp_guest_attach_prepare(cli->context, host, attaching->name, attaching->devices,
		attaching->n_devices, attaching->file, attaching->options.scope, &check, &findings,
		ret_plan, &error);
	if (r < 0)
		return finish(cli, r, false, &error, "attach", NULL);
	int status = findings ? cli_heed(cli, findings, blame) : PP_STATUS_OK;
	if (!status && *ret_plan)
		cli_show_plan(cli, *ret_plan);
	return status;
}

static int attach(struct attaching *attaching, struct pp_host *host)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *own = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct cli *cli = attaching->cli;
	struct pp_error error = {0};
	bool changed = false;
	int status = PP_STATUS_OK;

	if (attaching->live && !host) {
		status = cli_read(cli, CLI_READ_TO_ACT, &own);
		host = own;
	}
	if (!status && attaching->live)
		status = prepare(attaching, host, &plan);
	if (status)
		return status;
	attaching->options.plan = plan;
	int r = pp_guest_attach(cli->context, attaching->name, attaching->devices,
		attaching->n_devices, attaching->file, &attaching->options, &changed, &error);
	return finish(cli, r, changed, &error, "attach", "attached successfully");
}

/* ---- by XML ---- */

/* A guest and a file. */
static int read_words(struct cli *cli, const char *const *words, struct pp_change_options *options,
	struct pp_guest_list **ret_list, char **ret_xml)
{
	size_t length;

	int status = read_options(cli, options);
	if (!status)
		status = cli_guest(cli, words[0], ret_list);
	return status ? status : cli_read_xml(cli, words[1], ret_xml, &length);
}

static int run_attach_device(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_FREE char *xml = NULL;
	struct attaching attaching = {.cli = cli, .n_devices = 1, .file = words[1]};
	bool of_definition;

	int status = read_words(cli, words, &attaching.options, &list, &xml);
	if (status)
		return status;
	const char *const devices[] = {xml};
	attaching.name = list->items[0].name;
	attaching.devices = devices;
	status = read_scope(
		cli, attaching.name, &attaching.options, &attaching.live, &of_definition);
	return status ? status : attach(&attaching, NULL);
}

static int run_detach_device(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_FREE char *xml = NULL;
	struct pp_error error = {0};
	struct pp_address address;
	struct pp_change_options options;
	bool changed = false, of_run, of_definition;

	int status = read_words(cli, words, &options, &list, &xml);
	if (!status)
		status = read_scope(cli, list->items[0].name, &options, &of_run, &of_definition);
	if (status)
		return status;
	int r = pp_guest_device_address(cli->context, xml, words[1], &address, &error);
	if (r >= 0)
		r = pp_guest_detach(
			cli->context, list->items[0].name, &address, 1, &options, &changed, &error);
	return finish(cli, r, changed, &error, "detach", "detached successfully");
}

/* ---- by the host's device ---- */

/* Other functions of its slot are parts of the same card, but for virtual ones. */
static bool is_part_of(const struct pp_device *one, const struct pp_device *other)
{
	return one->address.domain == other->address.domain &&
	       one->address.bus == other->address.bus && one->address.slot == other->address.slot &&
	       other->header == PP_HEADER_ENDPOINT && !one->physical_function &&
	       !other->physical_function && one->group == other->group;
}

static int add_slots(const struct pp_host *host, struct cli_devices *devices)
{
	for (size_t i = 0, count = devices->count; i < count; i++)
		for (size_t j = 0; j < host->n_devices; j++)
			if (is_part_of(devices->items[i], &host->devices[j]) &&
				cli_devices_add(devices, &host->devices[j], NULL) < 0)
				return -ENOMEM;
	return 0;
}

static char *device_xml(const struct pp_address *address)
{
	char *text = NULL;

	if (asprintf(&text,
		    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address "
		    "domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/></source>"
		    "</hostdev>",
		    address->domain, address->bus, address->slot, address->function) < 0)
		return NULL;
	return text;
}

static int attach_hostdevs(
	struct attaching *attaching, const struct cli_devices *devices, struct pp_host *host)
{
	PP_CLEANUP(pp_strv_freep) char **texts = calloc(devices->count + 1, sizeof(*texts));
	int r = texts ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < devices->count; i++) {
		texts[i] = device_xml(&devices->items[i]->address);
		r = texts[i] ? 0 : -ENOMEM;
	}
	if (r < 0)
		return cli_oom(attaching->cli);
	attaching->devices = (const char *const *)texts;
	attaching->n_devices = devices->count;
	attaching->file = "device";
	return attach(attaching, host);
}

static int detach_hostdevs(const struct attaching *attaching, const struct cli_devices *devices)
{
	PP_FREE struct pp_address *addresses = calloc(devices->count + 1, sizeof(*addresses));
	struct pp_error error = {0};
	bool changed = false;

	if (!addresses)
		return cli_oom(attaching->cli);
	for (size_t i = 0; i < devices->count; i++)
		addresses[i] = devices->items[i]->address;
	int r = pp_guest_detach(attaching->cli->context, attaching->name, addresses, devices->count,
		&attaching->options, &changed, &error);
	return finish(attaching->cli, r, changed, &error, "detach", "detached successfully");
}

static int run_hostdev(struct cli *cli, const char *const *words, size_t n_words, bool in)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	struct attaching attaching = {.cli = cli};
	bool of_definition = false;

	int status = read_options(cli, &attaching.options);
	if (!status)
		status = cli_guest(cli, words[0], &list);
	if (!status) {
		attaching.name = list->items[0].name;
		status = read_scope(
			cli, attaching.name, &attaching.options, &attaching.live, &of_definition);
	}
	if (!status)
		status = cli_devices_read(cli,
			in && attaching.live ? CLI_READ_TO_ACT : PP_READ_CONFIG | PP_READ_GROUPS,
			words + 1, n_words - 1, false, &host, &devices);
	if (status)
		return status;
	if (add_slots(host, &devices) < 0)
		return cli_oom(cli);
	cli_set(cli, "devices", cli_devices_json(&devices));
	for (size_t i = 0; cli->dry_run && i < devices.count; i++)
		cli_print(cli, "%s %s: %s\n", in ? "into" : "out of", attaching.name,
			devices.items[i]->name);
	return in ? attach_hostdevs(&attaching, &devices, host)
		  : detach_hostdevs(&attaching, &devices);
}

static int run_attach_hostdev(struct cli *cli, const char *const *words, size_t n_words)
{
	return run_hostdev(cli, words, n_words, true);
}

static int run_detach_hostdev(struct cli *cli, const char *const *words, size_t n_words)
{
	return run_hostdev(cli, words, n_words, false);
}

#define DETAILS                                                                                    \
	"The definition is changed whole or not at all, and everything else in it stays as its "   \
	"author wrote it;\n"                                                                       \
	"of a guest that runs, that waits for its next start. --live changes the guest that "      \
	"runs, and both\n"                                                                         \
	"together (--live --config, or --persistent) change both or none. Only PCI devices of "    \
	"the host can be\n"                                                                        \
	"plugged into a guest that runs.\n"
#define INTO                                                                                       \
	"A device that is managed='yes' is taken from the host first, after the same checks as "   \
	"at a start;\n"                                                                            \
	"functions of one slot of the host become one device of the guest. Where no place is "     \
	"left in the guest,\n"                                                                     \
	"that is said before anything is done (pcipass-dompcilist(1)).\n"
#define OUT                                                                                        \
	"A guest that runs is asked, and lets go when it likes; only then the device is given "    \
	"back to the host,\n"                                                                      \
	"and only then this is a success. Where the guest does not let go in time, the exit "      \
	"status is 4: the\n"                                                                       \
	"request stays, and when the guest lets go later, its supervisor gives the device back, "  \
	"and takes it out\n"                                                                       \
	"of the definition where that was asked too. The same command waits again. Functions of "  \
	"one slot of the\n"                                                                        \
	"guest go together.\n"
#define SLOT "All functions of its slot that are in its IOMMU group go together.\n"
#define SCOPE_USAGE "[--live] [--config | --persistent] [--timeout SECONDS]"
#define COMMON .group = CLI_GUESTS, .min_words = 2, .word_option = "domain", .writes = true
#define ATTACH .options = attach_options, .n_options = PP_COUNT(attach_options)
#define DETACH .options = detach_options, .n_options = PP_COUNT(detach_options)

const struct cli_verb cli_verb_attach_device = {
	.name = "attach-device",
	.summary = "put a device, as XML, into a guest or its definition",
	.example = "  # pcipass attach-device win11 gpu.xml --live\n"
		   "  Device attached successfully\n",
	.usage = "DOMAIN FILE " SCOPE_USAGE " [--force-for NAME]...",
	.details = DETAILS INTO,
	.max_words = 2,
	.words = "a guest and a file",
	.run = run_attach_device,
	COMMON,
	ATTACH,
};

const struct cli_verb cli_verb_detach_device = {
	.name = "detach-device",
	.summary = "take a host device, as XML, out of a guest or its definition",
	.example = "  # pcipass detach-device win11 gpu.xml --live\n"
		   "  Device detached successfully\n",
	.usage = "DOMAIN FILE " SCOPE_USAGE,
	.details = DETAILS OUT,
	.max_words = 2,
	.words = "a guest and a file",
	.run = run_detach_device,
	COMMON,
	DETACH,
};

const struct cli_verb cli_verb_attach_hostdev = {
	.name = "attach-hostdev",
	.summary = "put a device of the host into a guest or its definition",
	.example = "  # pcipass attach-hostdev win11 01:00.0 --live\n"
		   "  Device attached successfully\n",
	.usage = "DOMAIN DEV... " SCOPE_USAGE " [--force-for NAME]...",
	.details = SLOT DETAILS INTO,
	.max_words = CLI_ANY,
	.words = "a guest and a device",
	.run = run_attach_hostdev,
	COMMON,
	ATTACH,
};

const struct cli_verb cli_verb_detach_hostdev = {
	.name = "detach-hostdev",
	.summary = "take a device of the host out of a guest or its definition",
	.example = "  # pcipass detach-hostdev win11 01:00.0 --live\n"
		   "  Device detached successfully\n",
	.usage = "DOMAIN DEV... " SCOPE_USAGE,
	.details = SLOT DETAILS OUT,
	.max_words = CLI_ANY,
	.words = "a guest and a device",
	.run = run_detach_hostdev,
	COMMON,
	DETACH,
};
