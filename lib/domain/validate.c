/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold between the parts of a definition, each with the line that breaks it. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/address.h"
#include "lib/domain/parse.h"
#include <inttypes.h>
#include <string.h>

struct validation {
	const struct pp_domain *domain;
	const char *file;
	struct pp_error *error;
};

static int fail(const struct validation *v, int line, const char *format, ...) PP_PRINTF(3, 4);
static int fail(const struct validation *v, int line, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	return pp_error_set(v->error, PP_STATUS_FAILED, -EINVAL, "%s:%d: %s", v->file, line,
		pp_buffer_text(&text));
}

static int validate_cpu(const struct validation *v)
{
	const struct pp_domain *domain = v->domain;
	const struct pp_domain_cpu *cpu = &domain->cpu;
	uint64_t count = (uint64_t)cpu->sockets * cpu->dies * cpu->cores * cpu->threads;

	if (cpu->sockets && count != domain->max_vcpus)
		return fail(v, cpu->topology_line,
			"<topology> makes %" PRIu64 " CPUs, but <vcpu> says %u", count,
			domain->max_vcpus);
	if (pp_text_is(cpu->address_mode, "emulate") && !cpu->address_bits)
		return fail(v, cpu->line, "<maxphysaddr mode='emulate'> needs bits");
	if (domain->type == PP_DOMAIN_QEMU && cpu->mode == PP_CPU_HOST_PASSTHROUGH)
		return fail(v, cpu->line,
			"<cpu mode='host-passthrough'> needs <domain type='kvm'>: without "
			"KVM the guest cannot have the host's CPU");
	if (cpu->migratable != PP_UNSET && cpu->mode != PP_CPU_HOST_PASSTHROUGH &&
		cpu->mode != PP_CPU_MAXIMUM)
		return fail(v, cpu->line,
			"migratable belongs to <cpu mode='host-passthrough'> and 'maximum'");
	for (size_t i = 0; i < cpu->n_features; i++)
		if (cpu->enforce && cpu->features[i].conditional)
			return fail(v, cpu->features[i].line,
				"policy='optional' and 'forbid' of <feature> need check='none': "
				"QEMU checks all features or none");
	for (size_t i = 0; i < cpu->n_features; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(cpu->features[i].name, cpu->features[j].name))
				return fail(v, cpu->features[i].line,
					"the CPU feature '%s' is there already on "
					"line %d",
					cpu->features[i].name, cpu->features[j].line);
	return 0;
}

static int validate_memory(const struct validation *v)
{
	const struct pp_domain *domain = v->domain;

	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_MEMBALLOON &&
			pp_text_is(domain->devices[i].memballoon.model, "none") &&
			domain->current_memory < domain->memory)
			return fail(v, domain->memory_line,
				"<currentMemory> below <memory> needs a <memballoon>, and the one "
				"on line %d is none",
				domain->devices[i].line);
	return 0;
}

static int validate_clock(const struct validation *v)
{
	const struct pp_domain_clock *clock = &v->domain->clock;

	for (size_t i = 0; i < clock->n_timers; i++)
		if (v->domain->type == PP_DOMAIN_QEMU && pp_text_is(clock->timers[i].name, "pit") &&
			pp_text_is(clock->timers[i].tickpolicy, "discard"))
			return fail(v, clock->timers[i].line,
				"tickpolicy='discard' of the pit needs <domain type='kvm'>");
	return 0;
}

static int validate_bios(const struct validation *v)
{
	const struct pp_domain *domain = v->domain;

	if (domain->os.bios_serial != PP_ON)
		return 0;
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_SERIAL ||
			domain->devices[i].kind == PP_DEV_CONSOLE)
			return 0;
	return fail(v, domain->os.line, "<bios useserial='yes'> needs a <serial>");
}

static int validate_firmware(const struct validation *v)
{
	const struct pp_domain_os *os = &v->domain->os;
	int line = os->loader_line ? os->loader_line : os->line;

	if (!os->efi)
		return 0;
	if (!v->domain->features.acpi)
		return fail(v, line, "UEFI needs <features><acpi/></features>");
	if (os->bios_serial == PP_ON)
		return fail(v, os->line, "<bios useserial='yes'> is for guests without UEFI");
	if (os->loader_secure != PP_ON)
		return 0;
	if (!os->q35)
		return fail(v, line, "<loader secure='yes'> needs a q35 guest");
	if (v->domain->features.smm == PP_OFF)
		return fail(v, line, "<loader secure='yes'> needs <smm state='on'/>");
	return 0;
}

static bool needs_rom(const struct pp_domain_device *device)
{
	static const char *const models[] = {"vga", "cirrus", "qxl", "vmvga"};

	for (size_t i = 0; device->kind == PP_DEV_VIDEO && i < PP_COUNT(models); i++)
		if (pp_text_is(device->video.model, models[i]))
			return true;
	return false;
}

/* qboot: loads the kernel and nothing else, runs no ROM, knows no keys. */
static int validate_qboot(const struct validation *v)
{
	const struct pp_domain *domain = v->domain;
	const struct pp_domain_os *os = &domain->os;

	if (!pp_text_ends(os->loader, "/qboot.rom"))
		return 0;
	if (!os->q35)
		return fail(v, os->loader_line, "qboot is for a q35 guest");
	if (!os->kernel)
		return fail(v, os->loader_line,
			"qboot loads a <kernel> and nothing else: from disks, CDs and networks it "
			"cannot boot");
	if (os->n_boot || os->boot_menu == PP_ON || os->bios_serial == PP_ON ||
		os->reboot_timeout >= 0)
		return fail(v, os->line,
			"qboot loads the <kernel>, and asks nobody: <boot>, <bootmenu> and <bios> "
			"are "
			"for other firmware");
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->boot_order)
			return fail(v, device->line, "qboot boots the <kernel>, not this device");
		if (device->rom_file && device->rom_enabled != PP_OFF)
			return fail(v, device->line, "qboot runs no ROM, this one neither");
		if (needs_rom(device))
			return fail(v, device->line,
				"qboot runs no ROM, without which a display of model '%s' shows "
				"nothing: virtio or none",
				device->video.model);
	}
	return 0;
}

static int validate_boot(const struct validation *v)
{
	const struct pp_domain *domain = v->domain;

	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (!device->boot_order)
			continue;
		if (domain->os.n_boot)
			return fail(v, device->line,
				"<boot order> of a device and <boot dev> in <os> cannot be used "
				"together");
		for (size_t j = 0; j < i; j++)
			if (domain->devices[j].boot_order == device->boot_order)
				return fail(v, device->line,
					"boot order %u is used already by <%s> on line %d",
					device->boot_order,
					pp_domain_device_element(domain->devices[j].kind),
					domain->devices[j].line);
	}
	return 0;
}

static const char *const bus_names[] = {"virtio", "sata", "ide", "scsi", "usb", "fdc", "nvme"};

static bool disk_place_fits(const struct pp_disk *disk, enum pp_place_type type)
{
	switch (disk->bus) {
	case PP_BUS_VIRTIO:
		return type == PP_PLACE_PCI;
	case PP_BUS_USB:
		return type == PP_PLACE_USB;
	default:
		return type == PP_PLACE_DRIVE;
	}
}

static int validate_disk(const struct validation *v, const struct pp_domain_device *device)
{
	const struct pp_disk *disk = &device->disk;

	if (device->place.type != PP_PLACE_NONE && !disk_place_fits(disk, device->place.type))
		return fail(v, device->place.line,
			"a disk on bus='%s' cannot have an address of this type",
			bus_names[disk->bus]);
	if (disk->bus == PP_BUS_IDE && v->domain->os.q35)
		return fail(v, device->line,
			"disk %s: a q35 guest has no IDE controller; use bus='sata'", disk->target);
	if (disk->removable != PP_UNSET && disk->bus != PP_BUS_USB)
		return fail(v, device->line, "disk %s: removable is for bus='usb'", disk->target);
	if (disk->bus == PP_BUS_NVME && disk->serial)
		return fail(v, device->line,
			"disk %s: the <serial> of an NVMe is that of its <controller type='nvme'>",
			disk->target);
	if (disk->bus == PP_BUS_NVME &&
		(disk->removable || disk->error_policy || disk->rerror_policy))
		return fail(v, device->line,
			"disk %s: error_policy and rerror_policy are not for bus='nvme'",
			disk->target);
	if (disk->iothread > v->domain->iothreads)
		return fail(v, device->line,
			"disk %s: the guest has no iothread %u, for its <iothreads> are %u",
			disk->target, disk->iothread, v->domain->iothreads);
	if (disk->wwn && (disk->bus == PP_BUS_VIRTIO || disk->bus == PP_BUS_USB ||
				 disk->bus == PP_BUS_FDC || disk->bus == PP_BUS_NVME))
		return fail(
			v, device->line, "disk %s: <wwn> is for ide, sata and scsi", disk->target);
	if ((disk->vendor || disk->product) && disk->bus != PP_BUS_SCSI)
		return fail(v, device->line, "disk %s: <vendor> and <product> are for bus='scsi'",
			disk->target);
	if (disk->rotation_rate && disk->bus != PP_BUS_SCSI && disk->bus != PP_BUS_SATA &&
		disk->bus != PP_BUS_IDE)
		return fail(v, device->line, "disk %s: rotation_rate is for ide, sata and scsi",
			disk->target);
	if (disk->no_backing && strcmp(disk->format, "raw") && strcmp(disk->format, "qcow2"))
		return fail(v, device->line, "disk %s: <backingStore/> is for raw and qcow2",
			disk->target);
	return 0;
}

/* Which types of address a device of this kind can have. */
static bool place_fits(const struct pp_domain_device *device)
{
	enum pp_place_type type = device->place.type;

	switch (device->kind) {
	case PP_DEV_DISK:
		return true; /* validate_disk */
	case PP_DEV_HOSTDEV:
		if (device->hostdev.type == PP_HOSTDEV_USB)
			return type == PP_PLACE_USB;
		return type == PP_PLACE_PCI || type == PP_PLACE_UNASSIGNED;
	case PP_DEV_SERIAL:
		if (pp_text_is(device->chardev.target_type, "pci-serial"))
			return type == PP_PLACE_PCI;
		if (pp_text_is(device->chardev.target_type, "usb-serial"))
			return type == PP_PLACE_USB;
		return type == PP_PLACE_ISA;
	case PP_DEV_CONSOLE:
	case PP_DEV_CHANNEL:
		return type == PP_PLACE_VIRTIO_SERIAL;
	case PP_DEV_PARALLEL:
	case PP_DEV_PANIC:
		return type == PP_PLACE_ISA;
	case PP_DEV_INPUT:
		if (pp_text_is(device->input.bus, "ps2") || pp_text_is(device->input.bus, "none"))
			return false;
		return type ==
		       (pp_text_is(device->input.bus, "virtio") ? PP_PLACE_PCI : PP_PLACE_USB);
	case PP_DEV_HUB:
	case PP_DEV_REDIRDEV:
		return type == PP_PLACE_USB;
	case PP_DEV_SOUND:
		return type ==
		       (pp_text_is(device->sound.model, "usb") ? PP_PLACE_USB : PP_PLACE_PCI);
	case PP_DEV_GRAPHICS:
	case PP_DEV_AUDIO:
	case PP_DEV_TPM:
		return false;
	default:
		return type == PP_PLACE_PCI;
	}
}

static bool same_usb(const struct pp_hostdev *a, const struct pp_hostdev *b)
{
	return b->type == PP_HOSTDEV_USB && a->usb_vendor == b->usb_vendor &&
	       a->usb_product == b->usb_product && a->usb_bus == b->usb_bus &&
	       a->usb_device == b->usb_device;
}

static int validate_targets(const struct validation *v, size_t index)
{
	const struct pp_domain_device *device = &v->domain->devices[index];

	for (size_t i = 0; i < index; i++) {
		const struct pp_domain_device *other = &v->domain->devices[i];

		if (other->alias && pp_text_is(other->alias, device->alias))
			return fail(v, device->line, "alias '%s' is used already on line %d",
				device->alias, other->line);
		if (other->kind != device->kind)
			continue;
		if (device->kind == PP_DEV_DISK && !strcmp(device->disk.target, other->disk.target))
			return fail(v, device->line,
				"target dev='%s' is used already by the disk on line %d",
				device->disk.target, other->line);
		if (device->kind == PP_DEV_SHMEM && !strcmp(device->shmem.name, other->shmem.name))
			return fail(v, device->line,
				"<shmem name='%s'> is there already on line %d", device->shmem.name,
				other->line);
		if (device->kind == PP_DEV_FILESYSTEM &&
			!strcmp(device->filesystem.tag, other->filesystem.tag))
			return fail(v, device->line,
				"<target dir='%s'> is used already by the <filesystem> on line %d",
				device->filesystem.tag, other->line);
		if (device->kind == PP_DEV_AUDIO && device->audio.id == other->audio.id)
			return fail(v, device->line, "<audio id='%d'> is there already on line %d",
				device->audio.id, other->line);
		if (device->kind == PP_DEV_HOSTDEV && device->hostdev.type == PP_HOSTDEV_USB &&
			same_usb(&device->hostdev, &other->hostdev))
			return fail(v, device->hostdev.source_line,
				"this USB device is given to the guest already on line %d",
				other->hostdev.source_line);
		if (device->kind == PP_DEV_HOSTDEV && device->hostdev.type == PP_HOSTDEV_PCI &&
			other->hostdev.type == PP_HOSTDEV_PCI &&
			!pp_address_compare(&device->hostdev.source, &other->hostdev.source)) {
			char text[PP_ADDRESS_SIZE];

			return fail(v, device->hostdev.source_line,
				"the host's device %s is given to the guest already on line %d",
				pp_address_text(&device->hostdev.source, text),
				other->hostdev.source_line);
		}
	}
	return 0;
}

static bool hyperv_with_place(const struct pp_domain_device *device)
{
	return pp_text_is(device->model, "hyperv") && device->place.type != PP_PLACE_NONE;
}

static int validate_iothread(const struct validation *v, const struct pp_domain_device *device)
{
	unsigned number = device->controller.iothread;

	if (number && !pp_text_is(device->controller.model, "virtio-scsi"))
		return fail(v, device->line,
			"an iothread is for SCSI controllers of model virtio-scsi");
	if (number > v->domain->iothreads)
		return fail(v, device->line,
			"the guest has no iothread %u, for its <iothreads> are %u", number,
			v->domain->iothreads);
	return 0;
}

/* QEMU would start, and nobody could ever speak to what hangs on it. */
static int validate_spice(const struct validation *v, const struct pp_domain_device *device)
{
	if (device->kind != PP_DEV_REDIRDEV &&
		(device->kind != PP_DEV_CHANNEL || device->chardev.type != PP_CHARDEV_SPICEVMC))
		return 0;
	for (size_t i = 0; i < v->domain->n_devices; i++)
		if (v->domain->devices[i].kind == PP_DEV_GRAPHICS &&
			v->domain->devices[i].graphics.type == PP_GRAPHICS_SPICE)
			return 0;
	return fail(v, device->line,
		"<%s type='spicevmc'> needs <graphics type='spice'>, which the guest has not",
		pp_domain_device_element(device->kind));
}

/* Whoever serves a directory works on the guest's memory. */
static bool all_memory_is_shared(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_cells; i++)
		if (domain->cells[i].shared == PP_OFF ||
			(domain->cells[i].shared == PP_UNSET && !domain->memory_shared))
			return false;
	return domain->memory_shared || domain->n_cells > 0;
}

static int validate_filesystem(const struct validation *v, const struct pp_domain_device *device)
{
	if (device->kind != PP_DEV_FILESYSTEM || all_memory_is_shared(v->domain))
		return 0;
	return fail(v, device->line,
		"virtiofs needs memory that is shared with whoever serves the directory: "
		"<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>");
}

static int validate_device(const struct validation *v, const struct pp_domain_device *device)
{
	if (device->place.type != PP_PLACE_NONE && !place_fits(device))
		return fail(v, device->place.line, "<%s> cannot have an address of this type",
			pp_domain_device_element(device->kind));
	if (device->kind == PP_DEV_PANIC && (device->place.irq || hyperv_with_place(device)))
		return fail(v, device->place.line, "<panic> has no %s",
			device->place.irq ? "irq" : "address when its model is hyperv");
	if (device->kind == PP_DEV_DISK)
		return validate_disk(v, device);
	if (device->kind == PP_DEV_CONTROLLER && device->controller.type == PP_CONTROLLER_IDE &&
		v->domain->os.q35)
		return fail(v, device->line, "a q35 guest has no IDE controller; use type='sata'");
	return device->kind == PP_DEV_CONTROLLER ? validate_iothread(v, device) : 0;
}

int pp_domain_validate(const struct pp_domain *domain, const char *file, struct pp_error *error)
{
	const struct validation v = {domain, file, error};
	struct pp_domain *trial = NULL;
	int r = validate_cpu(&v);

	if (domain->n_devices > PP_DOMAIN_MAX_DEVICES)
		return fail(&v, domain->devices[PP_DOMAIN_MAX_DEVICES].line, "more than %d devices",
			PP_DOMAIN_MAX_DEVICES);

	if (r == 0)
		r = validate_memory(&v);
	if (r == 0)
		r = validate_clock(&v);
	if (r == 0)
		r = validate_bios(&v);
	if (r == 0)
		r = validate_firmware(&v);
	if (r == 0)
		r = validate_qboot(&v);
	if (r == 0)
		r = validate_boot(&v);
	for (size_t i = 0; r == 0 && i < domain->n_devices; i++) {
		r = validate_device(&v, &domain->devices[i]);
		if (r == 0)
			r = validate_spice(&v, &domain->devices[i]);
		if (r == 0)
			r = validate_filesystem(&v, &domain->devices[i]);
		if (r == 0)
			r = validate_targets(&v, i);
	}
	if (r < 0)
		return r;
	/* Everything that is wrong with addresses and controllers comes out when they are
	 * allocated. */
	r = pp_domain_assign(domain, NULL, 0, file, &trial, error);
	pp_domain_free(trial);
	return r;
}
