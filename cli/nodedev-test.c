/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"

static const char *memory, *domain;
static bool no_reset, deep;

static const struct pp_option options[] = {
	{"memory", 0, "SIZE", "of the guest whose memory is mapped for the device (64M)", NULL,
		&memory},
	{"domain", 0, "DOM", "as much memory as this guest has", NULL, &domain},
	{"no-reset", 0, NULL, "leave the reset out", &no_reset},
	{"deep", 0, NULL, "NVMe: bring it up and let it answer by its own DMA and interrupt",
		&deep},
};

static const char *const states[] = {[PP_PROVEN] = "proven",
	[PP_NOT_APPLICABLE] = "not-applicable",
	[PP_NOT_PROVEN] = "not-proven"};
static const char *const words_of[] = {
	[PP_PROVEN] = "proven", [PP_NOT_APPLICABLE] = "-", [PP_NOT_PROVEN] = "NOT PROVEN"};

PP_DEFINE_CLEANUP(struct pp_proofs *, pp_proofs_free)

/* What the rehearsal needs while the devices are out. */
struct rehearsal {
	struct cli *cli;
	const struct pp_host *host;        /* as it was before */
	const struct cli_devices *devices; /* those that were named come first */
	size_t n_named;
	const struct pp_findings *findings;
	struct pp_proof_options options;
	struct pp_json *results;
	int status;
};

/* Why a reset of this device would hurt, as its checks said. */
static const char *bad_reset(const struct rehearsal *rehearsal, const struct pp_device *device)
{
	for (size_t i = 0; i < rehearsal->findings->n_items; i++) {
		const struct pp_finding *finding = &rehearsal->findings->items[i];
		if (pp_text_is(finding->id, "known-bad") && finding->severity >= PP_WARN &&
			pp_text_is(finding->subject, device->name))
			return finding->text;
	}
	return NULL;
}

static struct pp_json *proof_json(const struct pp_proof *proof)
{
	struct pp_json *object = pp_json_object();
	pp_json_set_string(object, "id", proof->id);
	pp_json_set_string(object, "state", states[proof->state]);
	pp_json_set_string(object, "text", proof->text);
	if (proof->finding)
		pp_json_set_string(object, "finding", proof->finding);
	pp_json_set_int(object, "nanoseconds", (int64_t)proof->nanoseconds);
	return object;
}

static void show(
	struct rehearsal *rehearsal, const struct pp_device *device, const struct pp_proofs *proofs)
{
	struct pp_json *object = pp_json_object(), *list = pp_json_array();
	bool failed = false;

	cli_progress_end(rehearsal->cli);
	cli_print(rehearsal->cli, "%s\n", device->name);
	for (size_t i = 0; i < proofs->n_items; i++) {
		const struct pp_proof *proof = &proofs->items[i];
		pp_json_add(list, proof_json(proof));
		/* a missing reset alone does not keep a guest from driving it */
		failed |= proof->state == PP_NOT_PROVEN && !pp_text_is(proof->id, "reset");
		cli_print(rehearsal->cli, "  %-11s %-16s %9.3f ms  %s", words_of[proof->state],
			proof->id, (double)proof->nanoseconds / 1e6, proof->text);
		if (proof->finding)
			cli_print(rehearsal->cli, " [%s]", proof->finding);
		cli_print(rehearsal->cli, "\n");
	}
	pp_json_set_string(object, "device", device->name);
	pp_json_set(object, "proofs", list);
	pp_json_add(rehearsal->results, object);
	if (failed)
		rehearsal->status = PP_STATUS_NOT_READY;
}

static int prove(void *data, struct pp_error *error)
{
	struct rehearsal *rehearsal = data;

	for (size_t i = 0; i < rehearsal->n_named; i++) {
		const struct pp_device *device = rehearsal->devices->items[i];
		PP_CLEANUP(pp_proofs_freep) struct pp_proofs *proofs = NULL;
		rehearsal->options.no_reset_reason = bad_reset(rehearsal, device);
		int r = pp_device_prove(
			rehearsal->host, device, &rehearsal->options, &proofs, error);
		if (r < 0)
			return r;
		show(rehearsal, device, proofs);
	}
	return 0;
}

static int guest_memory(struct cli *cli, uint64_t *ret_bytes)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;

	if (memory) {
		if (pp_parse_size(memory, 1, ret_bytes) < 0 || !*ret_bytes)
			return cli_usage(cli, "--memory %s is not a size; 64M, 16G", memory);
		return PP_STATUS_OK;
	}
	if (!domain)
		return PP_STATUS_OK;
	int status = cli_guest(cli, domain, &list);
	if (status)
		return status;
	*ret_bytes = list->items[0].memory;
	return PP_STATUS_OK;
}

static int rehearse(struct cli *cli, struct rehearsal *rehearsal, const struct pp_plan *plan)
{
	struct pp_apply_options apply;
	struct pp_error error = {0};

	cli_apply_options(cli, &apply);
	cli_show_plan(cli, plan);
	if (cli->dry_run)
		return PP_STATUS_OK;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PP_STEP_DRIVER)
			cli_say(cli, "%s leaves the host for a moment", plan->steps[i].subject);
	int r = pp_rehearse(cli->context, plan, &apply, prove, rehearsal, &error);
	cli_progress_end(cli);
	cli_set(cli, "devices", rehearsal->results);
	rehearsal->results = NULL;
	/* what it moved is back */
	cli_set_bool(cli, "changed", false);
	if (r < 0) {
		cli_blame(cli, "Failed to test");
		return cli_fail(cli, &error);
	}
	if (plan->n_steps)
		cli_say(cli, "all are back with the drivers that they had");
	return rehearsal->status;
}

static int test(struct cli *cli, struct pp_host *host, struct cli_devices *devices, size_t n_named)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_check_options check = {.group = true, .act = true};
	struct pp_error error = {0};

	if (pp_check_devices(host, devices->items, devices->count, &check, &findings, &error) < 0)
		return cli_fail(cli, &error);
	int status = cli_heed(cli, findings, "Failed to test");
	if (status)
		return status;
	if (pp_plan_detach(host, devices->items, devices->count, NULL, &plan, &error) < 0)
		return cli_fail(cli, &error);
	struct rehearsal rehearsal = {.cli = cli,
		.host = host,
		.devices = devices,
		.n_named = n_named,
		.findings = findings,
		.options = {.no_reset = no_reset, .deep = deep},
		.results = pp_json_array()};
	status = guest_memory(cli, &rehearsal.options.memory);
	if (!status)
		status = rehearse(cli, &rehearsal, plan);
	pp_json_free(rehearsal.results);
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};

	int status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (!status)
		status = cli_devices_find(cli, host, words, n_words, &devices);
	if (status)
		return status;
	size_t n_named = devices.count;
	if (cli_devices_add_groups(host, &devices) < 0)
		return cli_oom(cli);
	return test(cli, host, &devices, n_named);
}

const struct cli_verb cli_verb_nodedev_test = {
	.name = "nodedev-test",
	.group = CLI_LOOK,
	.summary = "prove, without a guest, that a guest can drive a device",
	.example = "  # pcipass nodedev-test 01:00.0 --deep\n"
		   "  0000:01:00.0\n"
		   "    proven      group-viable         0.412 ms  IOMMU group 9 is viable\n"
		   "    proven      register-read        0.110 ms  NVMe VS: the guest read "
		   "0x00010400 ...\n",
	.usage = "DEVICE... [--memory SIZE | --domain DOM] [--no-reset] [--deep]",
	.details =
		"Takes the devices and their IOMMU groups away from the host for a moment, in one\n"
		"transaction: checks, detach, proof, and back to the drivers that they had. Each "
		"line\n"
		"is one fact with the time that it took; what is not proven names the check that\n"
		"explains it. Exit status 3: something that a guest needs is not proven.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run,
};
