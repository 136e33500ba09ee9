/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only a guest can show: its read of a register through the mapping, the interrupt in its
 * handler, and, with `deep`, the device's own DMA into its memory. */
#include "base/cleanup.h"
#include "lib/vfio/nvme.h"
#include "lib/vfio/proof.h"
#include "lib/vfio/register.h"
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define CLASS_NVME 0x010802
#define COMMAND_MEMORY_MASTER 0x0006

static bool open_guest(struct pp_trial *trial, const char *id)
{
	struct pp_error error = {0};

	if (trial->guest.vm >= 0)
		return true;
	if (pp_microguest_open(&trial->guest, &error) == 0)
		return true;
	pp_trial_not_proven(trial, id, "no-kvm", "%s", error.text);
	return false;
}

/* Memory decoding and bus mastering; vfio-pci leaves both off at open. */
static int enable_memory(struct pp_trial *trial)
{
	uint16_t command;

	int r = pp_vfio_config_read(&trial->handle, 4, &command, sizeof(command));
	if (r < 0)
		return r;
	command |= COMMAND_MEMORY_MASTER;
	return pp_vfio_config_write(&trial->handle, 4, &command, sizeof(command));
}

/* The guest's vCPU reads the register through the mapping that the host reads as well. */
static void compare_register(
	struct pp_trial *trial, const struct pp_register *reg, uint8_t *memory, uint32_t offset)
{
	uint32_t guests = 0, hosts = *(volatile uint32_t *)(memory + offset);

	int r = pp_microguest_read(&trial->guest, memory + (offset & ~(PAGE - 1)), PAGE,
		offset & (PAGE - 1), trial->options.deadline_ms, &guests);
	if (r == -EREMOTEIO)
		pp_trial_not_proven(trial, "register-read", NULL,
			"%s: the guest's read did not go through the mapping", reg->name);
	else if (r < 0)
		pp_trial_not_proven(
			trial, "register-read", NULL, "%s: %s", reg->name, strerror(-r));
	else if (hosts == UINT32_MAX || guests != hosts || (reg->never_zero && !hosts))
		pp_trial_not_proven(trial, "register-read", "config-dead",
			"%s: the guest read 0x%08x, the host 0x%08x", reg->name, guests, hosts);
	else
		pp_trial_proven(trial, "register-read",
			"%s: the guest read 0x%08x through the mapping, as the host", reg->name,
			guests);
	if (r < 0) /* nobody knows where it stands */
		pp_microguest_close(&trial->guest);
}

static void prove_register(struct pp_trial *trial)
{
	const struct pp_register *reg = pp_register_of(trial->device);
	void *memory = NULL;
	size_t size = 0;

	pp_trial_begin(trial);
	if (!reg) {
		pp_trial_not_applicable(trial, "register-read",
			"no register of this device is known to be without side effects: "
			"configuration space only");
		return;
	}
	const struct pp_vfio_region *region = &trial->handle.regions[reg->bar];
	int r = enable_memory(trial);
	if (r == 0)
		r = pp_vfio_region_map(&trial->handle, reg->bar, &memory, &size);
	if (r == -EOPNOTSUPP || (r == 0 && (reg->offset < region->map_offset ||
						   reg->offset - region->map_offset + 4 > size)))
		pp_trial_not_applicable(trial, "register-read",
			"%s cannot be mapped (BAR %u): a guest reads it through QEMU", reg->name,
			reg->bar);
	else if (r < 0)
		pp_trial_not_proven(
			trial, "register-read", NULL, "mapping BAR %u: %s", reg->bar, strerror(-r));
	else if (open_guest(trial, "register-read"))
		compare_register(trial, reg, memory, (uint32_t)(reg->offset - region->map_offset));
	if (memory)
		munmap(memory, size);
}

static const char *const interrupt_names[] = {"INTx", "MSI", "MSI-X"};

/* The strongest message-signalled kind that it has; -1: none. */
static int message_kind(const struct pp_trial *trial)
{
	for (int kind = VFIO_PCI_MSIX_IRQ_INDEX; kind >= VFIO_PCI_MSI_IRQ_INDEX; kind--)
		if (trial->handle.interrupts[kind].count && trial->handle.interrupts[kind].eventfd)
			return kind;
	return -1;
}

static void prove_message(struct pp_trial *trial, int kind)
{
	PP_CLOSE int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const char *what = "an eventfd";
	uint32_t count = 0;
	int r = event < 0 ? -errno : 0;

	if (!open_guest(trial, "interrupt"))
		return;
	if (r == 0) {
		what = "arming the micro-guest";
		r = pp_microguest_interrupt(&trial->guest, event);
	}
	if (r == 0)
		r = pp_microguest_arm(&trial->guest, trial->options.deadline_ms);
	if (r == 0) {
		what = "taking the vector";
		r = pp_vfio_interrupt_set(&trial->handle, (unsigned)kind, event);
	}
	if (r == 0) {
		what = "signalling it";
		r = pp_vfio_interrupt_trigger(&trial->handle, (unsigned)kind);
	}
	if (r == 0) {
		what = "waiting for the guest's handler";
		r = pp_microguest_wait(&trial->guest, trial->options.deadline_ms, &count);
	}
	if (r < 0)
		pp_trial_not_proven(trial, "interrupt", NULL, "%s: %s: %s", interrupt_names[kind],
			what, strerror(-r));
	else
		pp_trial_proven(trial, "interrupt",
			"%s: signalled by VFIO, taken by the guest's handler",
			interrupt_names[kind]);
	pp_vfio_interrupt_set(&trial->handle, (unsigned)kind, -1);
	/* an interrupt that comes late must not be taken for one of the next proof */
	pp_microguest_close(&trial->guest);
}

static int line_signals(struct pp_trial *trial, int event)
{
	uint64_t count;

	int r = pp_vfio_interrupt_trigger(&trial->handle, VFIO_PCI_INTX_IRQ_INDEX);
	if (r < 0)
		return r;
	return read(event, &count, sizeof(count)) == sizeof(count) ? 0 : -ENOMSG;
}

static void prove_line(struct pp_trial *trial)
{
	PP_CLOSE int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const char *what = "taking the line";
	int r = event < 0 ? -errno : 0;

	if (r == 0)
		r = pp_vfio_interrupt_set(&trial->handle, VFIO_PCI_INTX_IRQ_INDEX, event);
	if (r == 0) {
		what = "signalling it";
		r = line_signals(trial, event);
	}
	if (r == 0 && trial->handle.interrupts[0].maskable) {
		what = "masking and unmasking it";
		r = pp_vfio_interrupt_mask(&trial->handle, true);
		if (r == 0)
			r = pp_vfio_interrupt_mask(&trial->handle, false);
	}
	if (r < 0)
		pp_trial_not_proven(trial, "interrupt-line", "interrupt-shared", "INTx: %s: %s",
			what, strerror(-r));
	else
		pp_trial_proven(trial, "interrupt-line", "INTx: signalled, masked and unmasked");
	pp_vfio_interrupt_set(&trial->handle, VFIO_PCI_INTX_IRQ_INDEX, -1);
}

static void prove_interrupt(struct pp_trial *trial)
{
	int kind = message_kind(trial);

	pp_trial_begin(trial);
	if (kind > 0)
		prove_message(trial, kind);
	else
		pp_trial_not_applicable(trial, "interrupt", "it has neither MSI nor MSI-X");
	pp_trial_begin(trial);
	if (trial->handle.interrupts[VFIO_PCI_INTX_IRQ_INDEX].count)
		prove_line(trial);
	else
		pp_trial_not_applicable(trial, "interrupt-line", "it has no INTx");
}

static int identify(struct pp_trial *trial, struct pp_nvme *nvme, int event, const char **what,
	struct pp_nvme_identity *identity)
{
	uint32_t count = 0;

	*what = "mapping the micro-guest's memory for its DMA";
	int r = pp_vfio_map(&trial->vfio, trial->guest.memory, PP_MICROGUEST_MEMORY, 0);
	if (r < 0)
		return r;
	*what = "arming the micro-guest";
	r = pp_microguest_interrupt(&trial->guest, event);
	if (r == 0)
		r = pp_microguest_arm(&trial->guest, trial->options.deadline_ms);
	if (r == 0) {
		*what = "taking its MSI-X vector";
		r = pp_vfio_interrupt_set(&trial->handle, VFIO_PCI_MSIX_IRQ_INDEX, event);
	}
	if (r == 0) {
		*what = "enabling the controller";
		r = pp_nvme_enable(nvme);
	}
	if (r == 0) {
		*what = "waiting for its own interrupt after Identify";
		pp_nvme_submit_identify(nvme);
		r = pp_microguest_wait(&trial->guest, trial->options.deadline_ms, &count);
	}
	if (r == 0) {
		*what = "reading its answer";
		r = pp_nvme_identity(nvme, identity);
	}
	pp_nvme_disable(nvme);
	pp_vfio_interrupt_set(&trial->handle, VFIO_PCI_MSIX_IRQ_INDEX, -1);
	pp_vfio_unmap(&trial->vfio, PP_MICROGUEST_MEMORY, 0);
	return r;
}

static void prove_deep(struct pp_trial *trial)
{
	PP_CLOSE int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pp_nvme_identity identity;
	const char *what = "an eventfd";
	void *registers = NULL;
	size_t size = 0;

	pp_trial_begin(trial);
	if (trial->device->class_code != CLASS_NVME) {
		pp_trial_not_applicable(trial, "device-dma", "--deep knows NVMe controllers alone");
		return;
	}
	int r = event < 0 ? -errno : enable_memory(trial);
	if (r == 0) {
		what = "mapping BAR 0";
		r = pp_vfio_region_map(&trial->handle, 0, &registers, &size);
		if (r == 0 && trial->handle.regions[0].map_offset)
			r = -EOPNOTSUPP; /* its first registers are not in it */
	}
	if (r == 0 && open_guest(trial, "device-dma")) {
		struct pp_nvme nvme = {.registers = registers,
			.size = size,
			.memory = trial->guest.memory,
			.offset = PP_MICROGUEST_FREE,
			.deadline_ms = trial->options.deadline_ms};
		r = identify(trial, &nvme, event, &what, &identity);
		if (r == 0)
			pp_trial_proven(trial, "device-dma",
				"%s (serial %s) answered Identify by its own DMA and MSI-X "
				"interrupt",
				identity.model, identity.serial);
	}
	if (r < 0)
		pp_trial_not_proven(trial, "device-dma", NULL, "%s: %s", what, strerror(-r));
	if (registers)
		munmap(registers, size);
	pp_microguest_close(&trial->guest);
}

void pp_trial_drive(struct pp_trial *trial)
{
	prove_register(trial);
	prove_interrupt(trial);
	if (trial->options.deep)
		prove_deep(trial);
}
