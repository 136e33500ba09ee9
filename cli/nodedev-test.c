/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <string.h>
#include <unistd.h>

static const char *memory, *domain;
static bool no_reset, deep, alone, anyway;

static const struct pp_option options[] = {
	{"memory", 0, "SIZE[@ADDRESS]",
		"of the guest whose memory is mapped for the device (16M), where QEMU puts it",
		NULL, &memory},
	{"domain", 0, "DOM", "as much memory as this guest has", NULL, &domain},
	{"no-reset", 0, NULL, "leave the reset out (VFIO itself resets at its opening and closing)",
		&no_reset},
	{"deep", 0, NULL, "NVMe: bring it up and let it answer by its own DMA and interrupt",
		&deep},
	{"alone", 0, NULL, "leave the others of its IOMMU group as they are", &alone},
	{"anyway", 0, NULL, "try also what the checks say that a guest could not do", &anyway},
};

static const char *const states[] = {[PP_PROVEN] = "proven",
	[PP_NOT_APPLICABLE] = "not-applicable",
	[PP_NOT_PROVEN] = "not-proven"};
static const char *const words_of[] = {
	[PP_PROVEN] = "proven", [PP_NOT_APPLICABLE] = "-", [PP_NOT_PROVEN] = "NOT PROVEN"};

PP_DEFINE_CLEANUP(struct pp_proofs *, pp_proofs_free)
PP_DEFINE_CLEANUP(struct pp_explanations *, pp_explanations_free)

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
		/* an entry about its line interrupt names no reset_method */
		if (pp_text_is(finding->id, "known-bad") && finding->severity >= PP_WARN &&
			pp_text_is(finding->subject, device->name) && finding->evidence &&
			strstr(finding->evidence, "reset_method"))
			return finding->text;
	}
	return NULL;
}

/* What to do about a failure: as the checks of this host said, else as the table of failures does.
 * The text lives as long as *EXPLANATIONS and the findings. */
static const char *remedy_of(const struct rehearsal *rehearsal, const struct pp_device *device,
	const char *id, const struct pp_explanations *explanations)
{
	for (size_t i = 0; i < rehearsal->findings->n_items; i++) {
		const struct pp_finding *finding = &rehearsal->findings->items[i];
		if (finding->remedy && finding->severity > PP_PASS && pp_text_is(finding->id, id) &&
			(pp_text_is(finding->subject, device->name) ||
				pp_text_is(finding->subject, "host")))
			return finding->remedy;
	}
	return explanations && explanations->n_items ? explanations->items[0].remedy : NULL;
}

static struct pp_json *proof_json(const struct pp_proof *proof,
	const struct pp_explanations *explanations, const char *remedy)
{
	struct pp_json *object = pp_json_object();
	pp_json_set_string(object, "id", proof->id);
	pp_json_set_string(object, "state", states[proof->state]);
	pp_json_set_string(object, "text", proof->text);
	if (proof->finding)
		pp_json_set_string(object, "finding", proof->finding);
	if (explanations && explanations->n_items)
		pp_json_set_string(object, "rows", explanations->items[0].rows);
	if (remedy)
		pp_json_set_string(object, "remedy", remedy);
	pp_json_set_int(object, "nanoseconds", (int64_t)proof->nanoseconds);
	return object;
}

static struct pp_json *show_proof(const struct rehearsal *rehearsal, const struct pp_device *device,
	const struct pp_proof *proof)
{
	PP_CLEANUP(pp_explanations_freep) struct pp_explanations *explanations = NULL;
	const char *remedy = NULL;

	if (proof->finding) {
		/* without an explanation the line stands alone */
		pp_explain(proof->finding, strlen(proof->finding), NULL, &explanations, NULL);
		remedy = remedy_of(rehearsal, device, proof->finding, explanations);
	}
	cli_print(rehearsal->cli, "  %-11s %-16s %9.3f ms  %s", words_of[proof->state], proof->id,
		(double)proof->nanoseconds / 1e6, proof->text);
	if (proof->finding)
		cli_print(rehearsal->cli, " [%s]", proof->finding);
	cli_print(rehearsal->cli, "\n");
	for (const char *line = remedy; line && *line;) {
		size_t length = strcspn(line, "\n");
		cli_print(rehearsal->cli, "%14s%.*s\n", "", (int)length, line);
		line += length + (line[length] == '\n');
	}
	return proof_json(proof, explanations, remedy);
}

/* A guest can drive a device that has no reset, or whose bus others share. */
static bool is_needed(const struct pp_proof *proof)
{
	return !pp_text_is(proof->id, "reset") && !pp_text_is(proof->id, "hot-reset");
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
		pp_json_add(list, show_proof(rehearsal, device, proof));
		failed |= proof->state == PP_NOT_PROVEN && is_needed(proof);
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

/* "64M", "128M@0x10000000000" */
static int parse_memory(struct cli *cli, struct pp_proof_options *proof)
{
	const char *at = strchr(memory, '@');
	PP_FREE char *size = strndup(memory, at ? (size_t)(at - memory) : strlen(memory));

	if (!size)
		return cli_oom(cli);
	if (pp_parse_size(size, 1, &proof->memory) < 0 || !proof->memory)
		return cli_usage(cli, "--memory %s is not a size; 64M, 16G", memory);
	if (at && (pp_parse_u64(at + 1, 16, UINT64_MAX, &proof->address) < 0 || !proof->address))
		return cli_usage(
			cli, "--memory %s has no address behind the @; 1G@0x100000000", memory);
	return PP_STATUS_OK;
}

/* LIST keeps the name of the guest's machine. */
static int guest_memory(
	struct cli *cli, struct pp_proof_options *proof, struct pp_guest_list **list)
{
	if (memory && domain)
		return cli_usage(
			cli, "--memory and --domain both say how much memory: one of them");
	if (memory)
		return parse_memory(cli, proof);
	if (!domain)
		return PP_STATUS_OK;
	int status = cli_guest(cli, domain, list);
	if (status)
		return status;
	proof->memory = (*list)->items[0].memory;
	proof->machine = (*list)->items[0].machine;
	return PP_STATUS_OK;
}

static bool is_held(const struct pp_findings *findings)
{
	for (size_t i = 0; i < findings->n_items; i++)
		if (pp_text_is(findings->items[i].id, "in-use-guest") ||
			pp_text_is(findings->items[i].id, "in-use-vfio"))
			return true;
	return false;
}

/* That it is out already may be what an interrupted run left: it would be tested, and stay out. */
static int check_out(struct cli *cli, const struct rehearsal *rehearsal, const struct pp_plan *plan)
{
	struct pp_apply_options apply;
	struct pp_error error = {0};

	cli_apply_options(cli, &apply);
	if (plan->n_steps || geteuid() != 0 || is_held(rehearsal->findings) ||
		pp_apply_none(cli->context, plan, rehearsal->devices->items,
			rehearsal->devices->count, &apply, &error) >= 0)
		return PP_STATUS_OK;
	cli_blame(cli, "Failed to test");
	return cli_fail(cli, &error);
}

static int rehearse(struct cli *cli, struct rehearsal *rehearsal, const struct pp_plan *plan)
{
	struct pp_apply_options apply;
	struct pp_error error = {0};

	cli_apply_options(cli, &apply);
	cli_show_plan(cli, plan);
	if (cli->dry_run)
		return PP_STATUS_OK;
	int status = plan->n_steps ? cli_need_root(cli) : check_out(cli, rehearsal, plan);
	if (status)
		return status;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PP_STEP_DRIVER)
			cli_say(cli, "%s leaves the host for a moment", plan->steps[i].subject);
	/* what is out already may be tried by whoever may open its group */
	int r = plan->n_steps || geteuid() == 0
			? pp_rehearse(cli->context, plan, &apply, prove, rehearsal, &error)
			: prove(rehearsal, &error);
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

/* What VFIO itself refuses, and is to be seen doing so: nothing that would hurt the host. */
static bool is_tried(const struct pp_finding *finding, const struct pp_plan *plan)
{
	static const char *const ids[] = {"no-iommu", "group-none", "no-interrupt-remapping",
		"group-not-viable", "reserved-direct", "dma-entry-limit", "no-kvm"};
	static const char *const idle[] = {"in-use-vfio", "in-use-guest", "permission"};

	for (size_t i = 0; i < PP_COUNT(ids); i++)
		if (pp_text_is(finding->id, ids[i]))
			return true;
	/* who holds it is not disturbed where nothing is moved */
	for (size_t i = 0; i < PP_COUNT(idle) && plan && plan->n_steps == 0; i++)
		if (pp_text_is(finding->id, idle[i]))
			return true;
	return false;
}

static int heed(struct cli *cli, const struct pp_findings *findings, const struct pp_plan *plan)
{
	bool stops = !anyway;

	for (size_t i = 0; i < findings->n_items; i++)
		stops |= findings->items[i].severity == PP_FAIL &&
			 !is_tried(&findings->items[i], plan);
	if (stops)
		return cli_heed(cli, findings, "Failed to test");
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stderr, findings, PP_WARN);
	return PP_STATUS_OK;
}

static int test(struct cli *cli, struct pp_host *host, const struct cli_devices *devices,
	size_t n_named, const struct pp_proof_options *proof)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_error error = {0};

	/* what is out already is not moved; what cannot be moved is said by its checks, if they
	 * know */
	int planned = pp_plan_detach(host, devices->items, devices->count, NULL, &plan, &error);
	struct pp_check_options check = {.group = !alone, .act = !plan || plan->n_steps > 0};
	struct pp_error own = {0};
	if (pp_check_devices(host, devices->items, devices->count, &check, &findings, &own) < 0)
		return cli_fail(cli, &own);
	int status = heed(cli, findings, plan);
	if (status)
		return status;
	if (planned < 0)
		return cli_fail(cli, &error);
	struct rehearsal rehearsal = {.cli = cli,
		.host = host,
		.devices = devices,
		.n_named = n_named,
		.findings = findings,
		.options = *proof,
		.results = pp_json_array()};
	status = rehearse(cli, &rehearsal, plan);
	pp_json_free(rehearsal.results);
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *guest = NULL;
	struct pp_proof_options proof = {.no_reset = no_reset, .deep = deep};
	CLI_DEVICES struct cli_devices devices = {0};

	int status = guest_memory(cli, &proof, &guest);
	if (!status)
		status = cli_open(cli);
	if (!status && !cli->dry_run && !pp_context_is_live(cli->context))
		status = cli_usage(cli, "a device can be tried on this machine alone; --root shows "
					"what would be done with --dry-run");
	if (!status)
		status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (!status)
		status = cli_devices_find(cli, host, words, n_words, &devices);
	if (status)
		return status;
	size_t n_named = devices.count;
	if (!alone && cli_devices_add_groups(host, &devices) < 0)
		return cli_oom(cli);
	return test(cli, host, &devices, n_named, &proof);
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
	.usage = "DEVICE... [--memory SIZE[@ADDRESS] | --domain DOM] [--no-reset] [--deep] "
		 "[--alone] [--anyway]",
	.details =
		"Takes the devices and their IOMMU groups away from the host for a moment, in one\n"
		"transaction: checks, detach, proof, and back to the drivers that they had. Each "
		"line\n"
		"is one fact with the time that it took: proven, not applicable (-), or not "
		"proven,\n"
		"with the check that explains it and what to do. Exit status 3: something that a\n"
		"guest needs is not proven. A device that is out already can be tested by anybody\n"
		"who may open its group.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.may_not_write = true,
	.run = run,
};
