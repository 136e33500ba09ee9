/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/devices.h"
#include "cli/verb.h"
#include "pool/cordon.h"
#include <time.h>

static const char *reason;
static const struct pp_option cordon_options[] = {
	{"reason", 0, "TEXT", "why; who asks for the device reads it", NULL, &reason},
};

static int cordon_one(struct cli *cli, const struct pp_device *device, bool *changed)
{
	struct pp_error error = {0};
	struct pp_cordon cordon = {.address = device->address,
		.name = device->name,
		.vendor = device->vendor,
		.product = device->product,
		.reason = reason,
		.when = (int64_t)time(NULL)};
	bool this_one = false;
	if (!cli->dry_run && pp_cordon_add(cli->context, &cordon, &this_one, &error) < 0)
		return cli_fail(cli, &error);
	*changed = *changed || this_one;
	cli_print(cli, cli->dry_run ? "cordon %s\n" : "Device %s cordoned\n", device->name);
	return PP_STATUS_OK;
}

static int run_cordon(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	bool changed = false;
	if (!reason || !*reason)
		return cli_usage(cli,
			"nodedev-cordon needs --reason TEXT: who asks for the device reads it");
	int status = cli_devices_read(cli, PP_READ_DEVICES, words, n_words, false, &host, &devices);
	for (size_t i = 0; status == PP_STATUS_OK && i < devices.count; i++)
		status = cordon_one(cli, devices.items[i], &changed);
	cli_set_bool(cli, "changed", changed);
	if (status == PP_STATUS_OK)
		cli_end(cli);
	return status;
}

const struct cli_verb cli_verb_nodedev_cordon = {
	.name = "nodedev-cordon",
	.group = CLI_HOST,
	.summary = "keep a device from the guests of a cluster",
	.example = "  # pcipass nodedev-cordon 01:00.0 --reason 'its fan is being replaced'\n"
		   "  Device 0000:01:00.0 cordoned\n",
	.usage = "DEVICE... --reason TEXT",
	.details = "Units of pools (docs/device-plugin.md) that it belongs to are not given away\n"
		   "any more; who has one keeps it. It outlives a restart of the host.\n",
	.options = cordon_options,
	.n_options = PP_COUNT(cordon_options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run_cordon,
};

/* ---- and back ---- */

/* A device that is gone has an address all the same. */
static int address_of(struct cli *cli, const struct pp_host *host, const char *word,
	struct pp_address *ret_address)
{
	const struct pp_device *device = NULL;
	struct pp_error error = {0};
	if (pp_address_parse(word, ret_address) == 0)
		return PP_STATUS_OK;
	if (pp_device_find(cli->context, host, word, &device, &error) < 0)
		return cli_fail(cli, &error);
	*ret_address = device->address;
	return PP_STATUS_OK;
}

static int uncordon_one(struct cli *cli, const struct pp_address *address, bool *changed)
{
	struct pp_error error = {0};
	char text[PP_ADDRESS_SIZE];
	bool this_one = false;
	pp_address_text(address, text);
	if (cli->dry_run) {
		cli_print(cli, "uncordon %s\n", text);
		return PP_STATUS_OK;
	}
	if (pp_cordon_remove(cli->context, address, &this_one, &error) < 0)
		return cli_fail(cli, &error);
	*changed = *changed || this_one;
	cli_print(cli, "Device %s %s\n", text, this_one ? "uncordoned" : "was not cordoned");
	return PP_STATUS_OK;
}

static int run_uncordon(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	bool changed = false;
	int status = cli_read(cli, PP_READ_DEVICES, &host);
	for (size_t i = 0; status == PP_STATUS_OK && i < n_words; i++) {
		struct pp_address address;
		status = address_of(cli, host, words[i], &address);
		if (status == PP_STATUS_OK)
			status = uncordon_one(cli, &address, &changed);
	}
	cli_set_bool(cli, "changed", changed);
	if (status == PP_STATUS_OK)
		cli_end(cli);
	return status;
}

const struct cli_verb cli_verb_nodedev_uncordon = {
	.name = "nodedev-uncordon",
	.group = CLI_HOST,
	.summary = "end a cordon, or a quarantine after a failed reset",
	.example = "  # pcipass nodedev-uncordon 01:00.0\n"
		   "  Device 0000:01:00.0 uncordoned\n",
	.usage = "DEVICE...",
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run_uncordon,
};
