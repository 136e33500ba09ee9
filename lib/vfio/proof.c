/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/proof.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include <linux/vfio.h>
#include <string.h>

#define MEMORY_MAX (1ull << 52)

void pp_trial_begin(struct pp_trial *trial)
{
	trial->since = pp_clock_ns();
}

static void add(struct pp_trial *trial, const char *id, enum pp_proof_state state,
	const char *finding, const char *format, va_list args)
{
	uint64_t took = (uint64_t)(pp_clock_ns() - trial->since);

	if (trial->n_items == trial->room) {
		size_t room = trial->room ? trial->room * 2 : 32;
		struct pp_proof *grown = pp_arena_grow(trial->arena, trial->items,
			trial->room * sizeof(*grown), room * sizeof(*grown));
		if (!grown) {
			trial->failed = -ENOMEM;
			return;
		}
		trial->items = grown;
		trial->room = room;
	}
	const char *text = pp_arena_vprintf(trial->arena, format, args);
	if (!text)
		trial->failed = -ENOMEM;
	trial->items[trial->n_items++] = (struct pp_proof){.id = id,
		.state = state,
		.text = text ? text : "",
		.finding = finding,
		.nanoseconds = took};
	pp_trial_begin(trial);
}

void pp_trial_proven(struct pp_trial *trial, const char *id, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(trial, id, PP_PROVEN, NULL, format, args);
	va_end(args);
}

void pp_trial_not_applicable(struct pp_trial *trial, const char *id, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(trial, id, PP_NOT_APPLICABLE, NULL, format, args);
	va_end(args);
}

void pp_trial_not_proven(
	struct pp_trial *trial, const char *id, const char *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(trial, id, PP_NOT_PROVEN, finding, format, args);
	va_end(args);
}

/* Whether the firmware keeps memory of the group mapped one to one, as its file says. */
static bool has_direct(const struct pp_trial *trial)
{
	const struct pp_group *group = pp_host_group(trial->host, trial->device->group);

	for (size_t i = 0; group && i < group->n_regions; i++)
		if (pp_text_is(group->regions[i].type, "direct"))
			return true;
	return false;
}

/* Which failure of the catalogue a refused open is: the stage and errno decide. Kernels differ in
 * errno and stage for a mapping that firmware wants: there the group's own file decides. */
static const char *refusal_finding(const struct pp_trial *trial, enum pp_vfio_stage stage, int code)
{
	switch (stage) {
	case PP_VFIO_NODE:
		if (code == -EBUSY)
			return "in-use-vfio";
		return code == -EACCES || code == -EPERM ? "permission" : "vfio-missing";
	case PP_VFIO_VIABLE:
		return "group-not-viable";
	case PP_VFIO_CONTAINER:
	case PP_VFIO_IOMMU:
		if (has_direct(trial))
			return "reserved-direct";
		return code == -EPERM ? "no-interrupt-remapping" : NULL;
	default:
		return NULL;
	}
}

static bool open_group(struct pp_trial *trial)
{
	static const char *const stages[] = {[PP_VFIO_NODE] = "group-open",
		[PP_VFIO_VIABLE] = "group-viable",
		[PP_VFIO_CONTAINER] = "iommu-attach",
		[PP_VFIO_IOMMU] = "iommu-attach",
		[PP_VFIO_INFO] = "iommu-attach"};
	enum pp_vfio_stage stage = PP_VFIO_NODE;
	struct pp_error error = {0};

	int r = pp_vfio_open(trial->device->group, &trial->vfio, &stage, &error);
	if (r < 0) {
		pp_trial_not_proven(
			trial, stages[stage], refusal_finding(trial, stage, r), "%s", error.text);
		return false;
	}
	pp_trial_proven(trial, "group-viable", "IOMMU group %d is viable", trial->device->group);
	pp_trial_proven(trial, "iommu-attach",
		"its IOMMU context accepts the group, interrupt remapping included");
	return true;
}

/* The newer interface, a node for each device: not used, since no kernel was there to try it with.
 */
static void note_iommufd(struct pp_trial *trial)
{
	const struct pp_kernel *kernel = trial->host->kernel;

	if (kernel && kernel->iommufd_node)
		pp_trial_not_applicable(trial, "iommufd",
			"the kernel has it (/dev/iommu); only groups are tried here");
	else
		pp_trial_not_applicable(
			trial, "iommufd", "the kernel has none (no /dev/iommu): the group is used");
}

/* VFIO resets a device when it is opened and when it is closed, as far as the kernel can. */
static bool open_hurts(const struct pp_trial *trial)
{
	const char *methods = trial->device->reset_methods;

	return trial->options.no_reset_reason && (!methods || *methods);
}

static bool open_device(struct pp_trial *trial)
{
	struct pp_error error = {0};

	if (open_hurts(trial)) {
		pp_trial_not_proven(trial, "device-open", "known-bad",
			"not tried, for opening it resets it: %s", trial->options.no_reset_reason);
		return false;
	}
	int r = pp_vfio_device_open(&trial->vfio, trial->device->name, &trial->handle, &error);
	if (r < 0) {
		pp_trial_not_proven(
			trial, "device-open", r == -EBUSY ? "in-use-vfio" : NULL, "%s", error.text);
		return false;
	}
	pp_trial_proven(trial, "device-open", "VFIO opens it");
	return true;
}

static void prove_regions(struct pp_trial *trial)
{
	unsigned bars = 0, mappable = 0;

	for (unsigned i = 0; i < 6 && i < trial->handle.n_regions; i++) {
		bars += trial->handle.regions[i].size > 0;
		mappable += trial->handle.regions[i].mappable && trial->handle.regions[i].map_size;
	}
	if (!bars)
		pp_trial_not_applicable(trial, "regions", "it has no BARs");
	else
		pp_trial_proven(trial, "regions", "%u BARs, %u of them can be mapped into a guest",
			bars, mappable);
}

static void prove_interrupts(struct pp_trial *trial)
{
	const struct pp_vfio_interrupt *kinds = trial->handle.interrupts;

	if (!kinds[0].count && !kinds[1].count && !kinds[2].count)
		pp_trial_not_applicable(trial, "interrupts", "it has none");
	else
		pp_trial_proven(trial, "interrupts", "INTx %u, MSI %u, MSI-X %u", kinds[0].count,
			kinds[1].count, kinds[2].count);
}

/* What a hot reset would take along; it must stay within what is given away with the device. */
static void prove_hot_reset(struct pp_trial *trial)
{
	PP_FREE struct pp_vfio_dependent *list = NULL;
	char text[PP_ADDRESS_SIZE];
	size_t count = 0;

	int r = pp_vfio_hot_reset_set(&trial->handle, &list, &count);
	if (r < 0) {
		pp_trial_not_applicable(
			trial, "hot-reset", "its slot or bus has no hot reset (%s)", strerror(-r));
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].group != trial->device->group) {
			pp_trial_not_proven(trial, "hot-reset", "reset-shared-bus",
				"a hot reset would take %zu functions along, %s of group %d among "
				"them%s",
				count, pp_address_text(&list[i].address, text), list[i].group,
				trial->handle.reset ? "; it has a reset of its own" : "");
			return;
		}
	trial->hot_reset = count;
	pp_trial_proven(trial, "hot-reset",
		"a hot reset takes %zu function%s along, all of its group", count,
		count == 1 ? "" : "s");
}

static bool config_alive(struct pp_trial *trial)
{
	uint32_t ids = 0;

	int r = pp_vfio_config_read(&trial->handle, 0, &ids, sizeof(ids));
	return r == 0 && ids != UINT32_MAX && (ids & 0xffff) == trial->device->vendor &&
	       ids >> 16 == trial->device->product;
}

/* The kernel takes the first of its methods that works; for VFIO as for the file `reset`. */
static const char *reset_kind(struct pp_trial *trial)
{
	const char *methods = trial->device->reset_methods;
	size_t length = methods ? strcspn(methods, " ") : 0;
	const char *text = "";

	if (length)
		text = pp_arena_printf(
			trial->arena, ", by %.*s (of: %s)", (int)length, methods, methods);
	return text ? text : "";
}

/* What QEMU does with a function that has no reset of its own. */
static void prove_hot(struct pp_trial *trial)
{
	const char *plural = trial->hot_reset == 1 ? "" : "s";

	int r = pp_vfio_hot_reset(&trial->vfio, &trial->handle);
	if (r < 0)
		pp_trial_not_proven(trial, "reset", "reset-shared-bus",
			"a hot reset of %zu function%s: %s", trial->hot_reset, plural,
			strerror(-r));
	else
		pp_trial_proven(trial, "reset", "it was reset, by a hot reset of %zu function%s",
			trial->hot_reset, plural);
}

static void prove_reset(struct pp_trial *trial)
{
	if (trial->options.no_reset) {
		pp_trial_not_applicable(trial, "reset", "left out as asked");
		return;
	}
	if (trial->options.no_reset_reason) {
		pp_trial_not_proven(trial, "reset", "known-bad", "not tried: %s",
			trial->options.no_reset_reason);
		return;
	}
	if (!trial->handle.reset && trial->hot_reset) {
		prove_hot(trial);
		return;
	}
	if (!trial->handle.reset) {
		pp_trial_not_proven(
			trial, "reset", "no-reset", "VFIO knows no reset of this function");
		return;
	}
	int r = pp_vfio_reset(&trial->handle);
	if (r < 0)
		pp_trial_not_proven(
			trial, "reset", "no-reset", "VFIO_DEVICE_RESET: %s", strerror(-r));
	else
		pp_trial_proven(trial, "reset", "it was reset%s", reset_kind(trial));
}

static void prove_config(struct pp_trial *trial, const char *when)
{
	if (config_alive(trial))
		pp_trial_proven(trial, "config-alive", "configuration space answers %s", when);
	else
		pp_trial_not_proven(trial, "config-alive", "config-dead",
			"configuration space does not answer with its identity %s", when);
}

static void prove_all(struct pp_trial *trial)
{
	pp_trial_begin(trial);
	note_iommufd(trial);
	if (!open_group(trial))
		return;
	pp_trial_dma(trial);
	if (!open_device(trial))
		return;
	prove_regions(trial);
	prove_interrupts(trial);
	prove_hot_reset(trial);
	prove_config(trial, "before");
	prove_reset(trial);
	pp_trial_drive(trial);
	prove_config(trial, "after");
}

int pp_device_prove(const struct pp_host *host, const struct pp_device *device,
	const struct pp_proof_options *options, struct pp_proofs **ret_proofs,
	struct pp_error *error)
{
	struct pp_trial trial = {.host = host,
		.device = device,
		.options = *options,
		.vfio = PP_VFIO_INIT,
		.handle = PP_VFIO_DEVICE_INIT,
		.guest = PP_MICROGUEST_INIT};

	if (device->group < 0)
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV, "%s is in no IOMMU group",
			device->name);
	if (options->memory > MEMORY_MAX || options->address > MEMORY_MAX)
		return pp_error_set(error, PP_STATUS_USAGE, -ERANGE,
			"no guest's memory is as large, or lies as high, as that (2^52 bytes)");
	if (!trial.options.memory)
		trial.options.memory = 16ull << 20;
	if (!trial.options.deadline_ms)
		trial.options.deadline_ms = 2000;
	trial.arena = pp_arena_new();
	struct pp_proofs *proofs =
		trial.arena ? pp_arena_alloc(trial.arena, sizeof(*proofs)) : NULL;
	if (!proofs) {
		pp_arena_free(trial.arena);
		return pp_error_oom(error);
	}
	prove_all(&trial);
	pp_microguest_close(&trial.guest);
	pp_vfio_device_close(&trial.handle);
	pp_vfio_close(&trial.vfio);
	if (trial.failed) {
		pp_arena_free(trial.arena);
		return pp_error_oom(error);
	}
	*proofs = (struct pp_proofs){
		.items = trial.items, .n_items = trial.n_items, .arena = trial.arena};
	*ret_proofs = proofs;
	return 0;
}

void pp_proofs_free(struct pp_proofs *proofs)
{
	if (proofs)
		pp_arena_free(proofs->arena);
}
