/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the table: over the host, or over devices that go together. */
#include "lib/check/check.h"
#include "base/parse.h"

#define NEEDS_DEVICES (PP_READ_CONFIG | PP_READ_GROUPS | PP_READ_PLATFORM | PP_READ_USES)

static int deep_enough(const struct pp_host *host, unsigned depth, struct pp_error *error)
{
	if ((host->depth & depth) == depth)
		return 0;
	return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
		"the facts to be checked were not read (depth %x of %x)", host->depth, depth);
}

static void run_scope(struct pp_check_run *run, const char *scope, enum pp_gate gate)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (!pp_text_is(table[i].scope, scope) || table[i].check->gate < gate)
			continue;
		run->info = &table[i];
		table[i].check->run(run);
	}
}

static int finish(
	struct pp_check_run *run, struct pp_findings **ret_findings, struct pp_error *error)
{
	int r = pp_check_run_take(run, ret_findings);

	return r < 0 ? pp_error_oom(error) : 0;
}

int pp_check_host(
	const struct pp_host *host, struct pp_findings **ret_findings, struct pp_error *error)
{
	PP_CHECK_RUN struct pp_check_run run = {0};
	int r = deep_enough(host, PP_READ_PLATFORM, error);

	if (r < 0)
		return r;
	if (pp_check_run_init(&run, host, NULL) < 0)
		return pp_error_oom(error);
	run_scope(&run, "host", PP_GATE_NONE);
	return finish(&run, ret_findings, error);
}

/* Adds DEVICE, and with --group the endpoints of its group, once. */
static size_t add_device(struct pp_check_run *run, const struct pp_device **all, size_t count,
	const struct pp_device *device)
{
	for (size_t i = 0; i < count; i++) {
		if (all[i] == device)
			return count;
	}
	all[count++] = device;
	return count;
}

static int expand(
	struct pp_check_run *run, const struct pp_device *const *devices, size_t n_devices)
{
	const struct pp_device **all =
		pp_arena_array(run->arena, run->host->n_devices + n_devices, sizeof(*all));
	size_t count = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n_devices; i++)
		count = add_device(run, all, count, devices[i]);
	run->n_asked = count;
	for (size_t i = 0; run->options->group && i < n_devices; i++) {
		const struct pp_group *group =
			devices[i]->group < 0 ? NULL : pp_host_group(run->host, devices[i]->group);

		for (size_t j = 0; group && j < group->n_devices; j++) {
			if (group->devices[j]->header == PP_HEADER_ENDPOINT)
				count = add_device(run, all, count, group->devices[j]);
		}
	}
	run->devices = all;
	run->n_devices = count;
	return 0;
}

static void keep_worse(struct pp_check_run *run, size_t from, enum pp_severity least)
{
	size_t kept = from;

	for (size_t i = from; i < run->n_items; i++) {
		if (run->items[i].severity >= least)
			run->items[kept++] = run->items[i];
	}
	run->n_items = kept;
}

/* What of the host stands in the way of VFIO is in the way of these devices; that it is fine is not
 * said again for each. */
static void run_gates(struct pp_check_run *run)
{
	run_scope(run, "host", pp_check_to_vfio(run) ? PP_GATE_VFIO : PP_GATE_ALWAYS);
	keep_worse(run, 0, PP_WARN);
}

static void run_devices(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->n_devices; i++) {
		run->device = run->devices[i];
		run_scope(run, "device", PP_GATE_NONE);
	}
	run->device = NULL;
}

int pp_check_devices(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error)
{
	PP_CHECK_RUN struct pp_check_run run = {0};
	int r = deep_enough(host, NEEDS_DEVICES, error);

	if (r < 0)
		return r;
	if (pp_check_run_init(&run, host, options) < 0 || expand(&run, devices, n_devices) < 0)
		return pp_error_oom(error);
	run_gates(&run);
	run_devices(&run);
	return finish(&run, ret_findings, error);
}

/* The devices of the guest that are there; with the guest's own name among the options. */
static int guest_run_init(struct pp_check_run *run, const struct pp_host *host,
	const struct pp_guest_facts *guest, const struct pp_check_options *options)
{
	if (pp_check_run_init(run, host, options) < 0)
		return -ENOMEM;
	struct pp_check_options *own = pp_arena_alloc(run->arena, sizeof(*own));
	const struct pp_device **devices =
		pp_arena_array(run->arena, guest->n_hostdevs + 1, sizeof(*devices));
	size_t count = 0;

	if (!own || !devices)
		return -ENOMEM;
	*own = *run->options;
	own->guest = guest->name;
	run->options = own;
	run->guest = guest;
	for (size_t i = 0; i < guest->n_hostdevs; i++) {
		if (guest->hostdevs[i].device)
			devices[count++] = guest->hostdevs[i].device;
	}
	return expand(run, devices, count);
}

int pp_check_guest(const struct pp_host *host, const struct pp_guest_facts *guest,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error)
{
	PP_CHECK_RUN struct pp_check_run run = {0};
	int r = guest->n_hostdevs ? deep_enough(host, NEEDS_DEVICES, error) : 0;

	if (r < 0)
		return r;
	if (guest_run_init(&run, host, guest, options) < 0)
		return pp_error_oom(error);
	if (guest->n_hostdevs)
		run_gates(&run);
	run_devices(&run);
	run_scope(&run, "guest", PP_GATE_NONE);
	return finish(&run, ret_findings, error);
}

static void run_ids(struct pp_check_run *run, const char *ids, const char *scope)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (!pp_text_is(table[i].scope, scope) || !pp_check_word(ids, table[i].id))
			continue;
		run->info = &table[i];
		table[i].check->run(run);
	}
}

int pp_check_ids(const struct pp_host *host, const char *ids,
	const struct pp_device *const *devices, size_t n_devices, bool named,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	PP_CHECK_RUN struct pp_check_run run = {0};
	int r = deep_enough(host, NEEDS_DEVICES, error);

	if (r < 0)
		return r;
	if (pp_check_run_init(&run, host, NULL) < 0)
		return pp_error_oom(error);
	run_ids(&run, ids, "host");
	size_t of_host = run.n_items;
	for (size_t i = 0; i < n_devices; i++) {
		run.device = devices[i];
		run.devices = &devices[i];
		run.n_devices = run.n_asked = 1;
		run_ids(&run, ids, "device");
	}
	keep_worse(&run, of_host, named ? PP_PASS : PP_WARN);
	return finish(&run, ret_findings, error);
}
