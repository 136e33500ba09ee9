/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices into a guest's definition and out of it: attach-device, detach-device, and the same by
 * the host's device. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

static bool live, config, persistent, current;
static const struct pp_option options[] = {
	{"config", 0, NULL, "the definition: from its next start", &config},
	{"live", 0, NULL, "the guest that runs (refused: not built)", &live},
	{"persistent", 0, NULL, "both, where it runs", &persistent},
	{"current", 0, NULL, "the guest that runs, else the definition (the default)", &current},
};

/* An exit status when they contradict each other. */
static int scope_of(struct cli *cli, enum pp_change_scope *ret_scope)
{
	if (current && (live || config || persistent))
		return cli_usage(cli, "--current does not go together with --live, --config and "
				      "--persistent");
	*ret_scope = PP_SCOPE_CURRENT;
	if (live)
		*ret_scope = PP_SCOPE_LIVE;
	else if (config && !persistent)
		*ret_scope = PP_SCOPE_CONFIG;
	return PP_STATUS_OK;
}

static int finish(struct cli *cli, int r, bool changed, const struct pp_error *error,
	const char *what, const char *done)
{
	cli_set_bool(cli, "changed", r >= 0 && changed);
	if (r < 0) {
		cli_blame(cli, "Failed to %s device", what);
		return cli_fail(cli, error);
	}
	if (cli->dry_run)
		return PP_STATUS_OK;
	if (!changed)
		cli_say(cli, "its definition is so already");
	cli_print(cli, "Device %s\n", done);
	cli_end(cli);
	return PP_STATUS_OK;
}

/* ---- by XML ---- */

/* A guest and a file. */
static int read_words(struct cli *cli, const char *const *words, enum pp_change_scope *ret_scope,
	struct pp_guest_list **ret_list, char **ret_xml)
{
	size_t length;

	int status = scope_of(cli, ret_scope);
	if (!status)
		status = cli_guest(cli, words[0], ret_list);
	return status ? status : cli_read_xml(cli, words[1], ret_xml, &length);
}

static int run_attach_device(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_FREE char *xml = NULL;
	struct pp_error error = {0};
	enum pp_change_scope scope;
	bool changed = false;

	int status = read_words(cli, words, &scope, &list, &xml);
	if (status)
		return status;
	const char *const devices[] = {xml};
	int r = pp_guest_attach(cli->context, list->items[0].name, devices, 1, words[1], scope,
		cli->dry_run, &changed, &error);
	return finish(cli, r, changed, &error, "attach", "attached successfully");
}

static int run_detach_device(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_FREE char *xml = NULL;
	struct pp_error error = {0};
	struct pp_address address;
	enum pp_change_scope scope;
	bool changed = false;

	int status = read_words(cli, words, &scope, &list, &xml);
	if (status)
		return status;
	int r = pp_guest_device_address(cli->context, xml, words[1], &address, &error);
	if (r >= 0)
		r = pp_guest_detach(cli->context, list->items[0].name, &address, 1, scope,
			cli->dry_run, &changed, &error);
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

static int attach(struct cli *cli, const char *name, const struct cli_devices *devices,
	enum pp_change_scope scope, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_strv_freep) char **texts = calloc(devices->count + 1, sizeof(*texts));
	int r = texts ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < devices->count; i++) {
		texts[i] = device_xml(&devices->items[i]->address);
		r = texts[i] ? 0 : -ENOMEM;
	}
	if (r < 0)
		return pp_error_oom(error);
	return pp_guest_attach(cli->context, name, (const char *const *)texts, devices->count,
		"device", scope, cli->dry_run, ret_changed, error);
}

static int detach(struct cli *cli, const char *name, const struct cli_devices *devices,
	enum pp_change_scope scope, bool *ret_changed, struct pp_error *error)
{
	PP_FREE struct pp_address *addresses = calloc(devices->count + 1, sizeof(*addresses));

	if (!addresses)
		return pp_error_oom(error);
	for (size_t i = 0; i < devices->count; i++)
		addresses[i] = devices->items[i]->address;
	return pp_guest_detach(cli->context, name, addresses, devices->count, scope, cli->dry_run,
		ret_changed, error);
}

static int run_hostdev(struct cli *cli, const char *const *words, size_t n_words, bool in)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	struct pp_error error = {0};
	enum pp_change_scope scope;
	bool changed = false;

	int status = scope_of(cli, &scope);
	if (!status)
		status = cli_guest(cli, words[0], &list);
	if (!status)
		status = cli_devices_read(cli, PP_READ_CONFIG | PP_READ_GROUPS, words + 1,
			n_words - 1, false, &host, &devices);
	if (status)
		return status;
	if (add_slots(host, &devices) < 0)
		return cli_oom(cli);
	cli_set(cli, "devices", cli_devices_json(&devices));
	for (size_t i = 0; cli->dry_run && i < devices.count; i++)
		cli_print(cli, "%s %s: %s\n", in ? "into" : "out of", list->items[0].name,
			devices.items[i]->name);
	const char *name = list->items[0].name;
	int r = in ? attach(cli, name, &devices, scope, &changed, &error)
		   : detach(cli, name, &devices, scope, &changed, &error);
	return finish(cli, r, changed, &error, in ? "attach" : "detach",
		in ? "attached successfully" : "detached successfully");
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
	"author wrote it.\n"                                                                       \
	"While the guest runs, --config has to be given, and the change waits for its next "       \
	"start: a guest\n"                                                                         \
	"that runs cannot be given a device yet, and that is refused.\n"
#define SLOT "All functions of its slot that are in its IOMMU group go together.\n"
#define COMMON                                                                                     \
	.group = CLI_GUESTS, .options = options, .n_options = PP_COUNT(options), .min_words = 2,   \
	.word_option = "domain", .writes = true

const struct cli_verb cli_verb_attach_device = {
	.name = "attach-device",
	.summary = "put a device, as XML, into a guest's definition",
	.example = "  # pcipass attach-device win11 gpu.xml --config\n"
		   "  Device attached successfully\n",
	.usage = "DOMAIN FILE [--config]",
	.details = DETAILS,
	.max_words = 2,
	.words = "a guest and a file",
	.run = run_attach_device,
	COMMON,
};

const struct cli_verb cli_verb_detach_device = {
	.name = "detach-device",
	.summary = "take a host device, as XML, out of a guest's definition",
	.example = "  # pcipass detach-device win11 gpu.xml --config\n"
		   "  Device detached successfully\n",
	.usage = "DOMAIN FILE [--config]",
	.details = DETAILS,
	.max_words = 2,
	.words = "a guest and a file",
	.run = run_detach_device,
	COMMON,
};

const struct cli_verb cli_verb_attach_hostdev = {
	.name = "attach-hostdev",
	.summary = "put a device of the host into a guest's definition",
	.example = "  # pcipass attach-hostdev win11 01:00.0 --config\n"
		   "  Device attached successfully\n",
	.usage = "DOMAIN DEV... [--config]",
	.details = SLOT DETAILS,
	.max_words = CLI_ANY,
	.words = "a guest and a device",
	.run = run_attach_hostdev,
	COMMON,
};

const struct cli_verb cli_verb_detach_hostdev = {
	.name = "detach-hostdev",
	.summary = "take a device of the host out of a guest's definition",
	.example = "  # pcipass detach-hostdev win11 01:00.0 --config\n"
		   "  Device detached successfully\n",
	.usage = "DOMAIN DEV... [--config]",
	.details = SLOT DETAILS,
	.max_words = CLI_ANY,
	.words = "a guest and a device",
	.run = run_detach_hostdev,
	COMMON,
};
