/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <devices>: what all devices have, disks, controllers, interfaces, host devices. */
#include "base/parse.h"
#include "lib/domain/parse_device.h"
#include <ctype.h>
#include <string.h>

#define VLAN_MAX 4094

static const char *const element_names[PP_DEV_KINDS] = {
	[PP_DEV_DISK] = "disk",
	[PP_DEV_CONTROLLER] = "controller",
	[PP_DEV_INTERFACE] = "interface",
	[PP_DEV_HOSTDEV] = "hostdev",
	[PP_DEV_SERIAL] = "serial",
	[PP_DEV_PARALLEL] = "parallel",
	[PP_DEV_CONSOLE] = "console",
	[PP_DEV_CHANNEL] = "channel",
	[PP_DEV_VIDEO] = "video",
	[PP_DEV_GRAPHICS] = "graphics",
	[PP_DEV_INPUT] = "input",
	[PP_DEV_MEMBALLOON] = "memballoon",
	[PP_DEV_RNG] = "rng",
	[PP_DEV_PANIC] = "panic",
	[PP_DEV_WATCHDOG] = "watchdog",
	[PP_DEV_SOUND] = "sound",
	[PP_DEV_AUDIO] = "audio",
	[PP_DEV_HUB] = "hub",
	[PP_DEV_REDIRDEV] = "redirdev",
	[PP_DEV_TPM] = "tpm",
	[PP_DEV_FILESYSTEM] = "filesystem",
	[PP_DEV_SHMEM] = "shmem",
	[PP_DEV_IOMMU] = "iommu",
	[PP_DEV_VSOCK] = "vsock",
};

const char *pp_domain_device_element(enum pp_domain_device_kind kind)
{
	return element_names[kind];
}

static bool kind_of(const char *name, enum pp_domain_device_kind *ret_kind)
{
	for (unsigned i = 0; i < PP_DEV_KINDS; i++)
		if (pp_text_is(name, element_names[i])) {
			*ret_kind = i;
			return true;
		}
	return false;
}

static void parse_place_pci(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_place *place)
{
	struct pp_address address;

	pp_parsing_pci(parsing, element, &address);
	if (address.domain)
		pp_parsing_fail(parsing, element->line, "a guest has only PCI domain 0, not 0x%04x",
			address.domain);
	place->bus = address.bus;
	place->slot = address.slot;
	place->function = address.function;
	place->multifunction = pp_parsing_switch(element, "multifunction");
}

static void parse_port(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_place *place)
{
	place->bus = pp_parsing_number(parsing, element, "bus", 255, 0);
	place->port = pp_parsing_attribute(parsing, element, "port");
	if (place->port && (!*place->port || strlen(place->port) > 16 ||
				   strspn(place->port, "0123456789.") != strlen(place->port)))
		pp_parsing_fail(parsing, element->line, "port='%.40s' of <address> is not a port",
			place->port);
}

static void parse_place(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_place *place)
{
	static const char *const types[] = {
		"", "pci", "drive", "usb", "virtio-serial", "isa", "unassigned", NULL};

	if (!element)
		return;
	place->line = element->line;
	place->type = pp_parsing_word(element, "type", types, PP_PLACE_NONE);
	switch (place->type) {
	case PP_PLACE_PCI:
		parse_place_pci(parsing, element, place);
		break;
	case PP_PLACE_DRIVE:
		place->controller = pp_parsing_number(parsing, element, "controller", 255, 0);
		place->bus = pp_parsing_number(parsing, element, "bus", 255, 0);
		place->target = pp_parsing_number(parsing, element, "target", 255, 0);
		place->unit = pp_parsing_number(parsing, element, "unit", 16383, 0);
		break;
	case PP_PLACE_VIRTIO_SERIAL:
		place->controller = pp_parsing_number(parsing, element, "controller", 255, 0);
		parse_port(parsing, element, place);
		break;
	case PP_PLACE_USB:
		parse_port(parsing, element, place);
		break;
	case PP_PLACE_ISA:
		place->iobase = pp_parsing_number(parsing, element, "iobase", 0xffff, 0);
		place->irq = pp_parsing_number(parsing, element, "irq", 15, 0);
		break;
	default:
		break;
	}
}

/* Only the author's own aliases ("ua-...") count; the others are libvirt's and are made anew. Of a
 * guest that runs all count: QEMU knows its devices by them. */
static void parse_alias(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	const char *name = pp_element_attribute(element, "name");

	bool made = parsing->live && device->kind != PP_DEV_CONTROLLER;

	if (!name || (!made && !pp_text_starts(name, "ua-")))
		return;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && (*c != '.' || !made)) {
			pp_parsing_fail(parsing, element->line,
				"alias '%.40s' may only have letters, digits, - and _", name);
			return;
		}
	/* Devices name the bus that they are on after its controller. */
	if (device->kind == PP_DEV_CONTROLLER)
		pp_parsing_fail(parsing, element->line,
			"alias '%.40s': a <controller> has the name that pcipass gives it", name);
	device->alias = pp_parsing_copy(parsing, name);
}

static void parse_common(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	const struct pp_element *rom = pp_element_child(element, "rom");
	const struct pp_element *boot = pp_element_child(element, "boot");

	device->line = element->line;
	parse_place(parsing, pp_element_child(element, "address"), &device->place);
	parse_alias(parsing, pp_element_child(element, "alias"), device);
	device->boot_order = pp_parsing_number(parsing, boot, "order", 1000000, 0);
	if (boot && device->boot_order == 0)
		pp_parsing_fail(parsing, boot->line, "<boot order> begins with 1");
	device->acpi_index =
		pp_parsing_number(parsing, pp_element_child(element, "acpi"), "index", 16383, 0);
	device->rom_enabled = pp_parsing_switch(rom, "enabled");
	device->rom_bar = pp_parsing_switch(rom, "bar");
	device->rom_file = pp_parsing_path(parsing, rom, "file");
	if (device->rom_enabled == PP_OFF && (device->rom_bar || device->rom_file))
		pp_parsing_fail(parsing, rom->line,
			"a <rom> that is not enabled can have no bar and no file");
}

/* "vda" is 0, "vdz" 25, "vdaa" 26. */
static bool target_index(const char *target, const char *prefix, unsigned *ret_index)
{
	const char *c = target + strlen(prefix);
	unsigned index = 0;

	if (!pp_text_starts(target, prefix) || !*c || strlen(c) > 3)
		return false;
	for (; *c; c++) {
		if (*c < 'a' || *c > 'z')
			return false;
		index = index * 26 + (*c - 'a' + 1);
	}
	*ret_index = index - 1;
	return true;
}

/* "nvme0n1" is 0, "nvme0n2" 1, "nvme1n1" 256. */
static bool namespace_index(const char *target, unsigned *ret_index)
{
	uint64_t controller, number;
	const char *end;

	if (!pp_text_starts(target, "nvme") ||
		pp_parse_prefix(target + strlen("nvme"), 10, 255, &controller, &end) < 0 ||
		*end != 'n' || pp_parse_u64(end + 1, 10, 256, &number) < 0 || number == 0)
		return false;
	*ret_index = (unsigned)(controller * 256 + number - 1);
	return true;
}

static void parse_target(
	struct pp_parsing *parsing, const struct pp_element *target, struct pp_disk *disk)
{
	static const char *const buses[] = {
		"virtio", "sata", "ide", "scsi", "usb", "fdc", "nvme", NULL};
	static const struct {
		const char *prefix;
		enum pp_disk_bus bus;
	} prefixes[] = {
		{"vd", PP_BUS_VIRTIO}, {"hd", PP_BUS_IDE}, {"sd", PP_BUS_SCSI}, {"fd", PP_BUS_FDC}};
	bool found = false;

	disk->target = pp_parsing_attribute(parsing, target, "dev");
	for (size_t i = 0; disk->target && i < PP_COUNT(prefixes) && !found; i++) {
		found = target_index(disk->target, prefixes[i].prefix, &disk->target_index);
		disk->bus = prefixes[i].bus;
	}
	if (!found && namespace_index(disk->target, &disk->target_index)) {
		found = true;
		disk->bus = PP_BUS_NVME;
	}
	if (!found) {
		pp_parsing_fail(parsing, target->line,
			"target dev='%.40s' is not a disk's name in the guest (vda, sda, hda, fda, "
			"nvme0n1 ...)",
			disk->target ? disk->target : "");
		return;
	}
	if (disk->device == PP_DISK_FLOPPY)
		disk->bus = PP_BUS_FDC;
	disk->bus = pp_parsing_word(target, "bus", buses, disk->bus);
	disk->removable = pp_parsing_switch(target, "removable");
	disk->rotation_rate = pp_parsing_number(parsing, target, "rotation_rate", 65534, 0);
	if ((disk->bus == PP_BUS_FDC) != (disk->device == PP_DISK_FLOPPY))
		pp_parsing_fail(parsing, target->line,
			"a floppy belongs on bus='fdc', and nothing else does");
	if (disk->device == PP_DISK_CDROM &&
		(disk->bus == PP_BUS_VIRTIO || disk->bus == PP_BUS_NVME))
		pp_parsing_fail(parsing, target->line,
			"a CD-ROM cannot be on bus='%s'; use sata, scsi, ide or usb",
			buses[disk->bus]);
	if (found && (disk->bus == PP_BUS_NVME) != pp_text_starts(disk->target, "nvme"))
		pp_parsing_fail(parsing, target->line,
			"a disk on bus='nvme' has a name like nvme0n1, and no other has");
}

static void parse_disk_driver(
	struct pp_parsing *parsing, const struct pp_element *driver, struct pp_disk *disk)
{
	const char *cache = pp_element_attribute(driver, "cache");

	disk->format = pp_parsing_attribute(parsing, driver, "type");
	if (!disk->format)
		disk->format = "raw";
	disk->cache = pp_text_is(cache, "default") ? NULL : pp_parsing_copy(parsing, cache);
	disk->io = pp_parsing_attribute(parsing, driver, "io");
	disk->discard = pp_parsing_attribute(parsing, driver, "discard");
	disk->detect_zeroes = pp_parsing_attribute(parsing, driver, "detect_zeroes");
	disk->error_policy = pp_parsing_attribute(parsing, driver, "error_policy");
	disk->rerror_policy = pp_parsing_attribute(parsing, driver, "rerror_policy");
	disk->queues = pp_parsing_number(parsing, driver, "queues", 1024, 0);
	disk->iothread = pp_parsing_number(parsing, driver, "iothread", 4096, 0);
	if ((disk->queues || disk->iothread) && disk->bus != PP_BUS_VIRTIO)
		pp_parsing_fail(parsing, driver->line, "%s for disks with bus='virtio'",
			disk->queues ? "queues are" : "an iothread is");
	if (pp_text_is(disk->io, "native") && !pp_text_is(disk->cache, "none") &&
		!pp_text_is(disk->cache, "directsync"))
		pp_parsing_fail(
			parsing, driver->line, "io='native' needs cache='none' or 'directsync'");
}

static bool is_short_word(const char *text, size_t max)
{
	return !text || (*text && strlen(text) <= max && !strpbrk(text, ",\"\\\n"));
}

static void parse_disk(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	static const char *const devices[] = {"disk", "cdrom", "floppy", NULL};
	struct pp_disk *disk = &device->disk;
	const struct pp_element *source = pp_element_child(element, "source");
	const struct pp_element *blockio = pp_element_child(element, "blockio");

	disk->type = pp_parsing_is(element, "type", "block") ? PP_DISK_BLOCK : PP_DISK_FILE;
	disk->device = pp_parsing_word(element, "device", devices, PP_DISK_DISK);
	disk->source =
		pp_parsing_path(parsing, source, disk->type == PP_DISK_BLOCK ? "dev" : "file");
	parse_target(parsing, pp_element_child(element, "target"), disk);
	parse_disk_driver(parsing, pp_element_child(element, "driver"), disk);
	disk->readonly = pp_element_child(element, "readonly") || disk->device == PP_DISK_CDROM;
	disk->shareable = pp_element_child(element, "shareable");
	disk->no_backing = pp_element_child(element, "backingStore");
	disk->serial = pp_parsing_text(parsing, pp_element_child(element, "serial"));
	disk->wwn = pp_parsing_text(parsing, pp_element_child(element, "wwn"));
	disk->vendor = pp_parsing_text(parsing, pp_element_child(element, "vendor"));
	disk->product = pp_parsing_text(parsing, pp_element_child(element, "product"));
	disk->logical_block = pp_parsing_number(parsing, blockio, "logical_block_size", 2 << 20, 0);
	disk->physical_block =
		pp_parsing_number(parsing, blockio, "physical_block_size", 2 << 20, 0);
	if (!disk->source && disk->device == PP_DISK_DISK)
		pp_parsing_fail(parsing, element->line, "disk %s needs a <source>", disk->target);
	if (pp_element_attribute(element, "model") && disk->bus != PP_BUS_VIRTIO)
		pp_parsing_fail(parsing, element->line, "model='virtio' needs bus='virtio'");
	if (!is_short_word(disk->serial, 36) || !is_short_word(disk->vendor, 8) ||
		!is_short_word(disk->product, 16))
		pp_parsing_fail(parsing, element->line,
			"disk %s: serial (36 characters), vendor (8) or product (16) is too long "
			"or has a "
			"comma, quote or backslash",
			disk->target);
	if (disk->wwn &&
		(strlen(disk->wwn) != 16 || strspn(disk->wwn, "0123456789abcdefABCDEF") != 16))
		pp_parsing_fail(parsing, element->line,
			"disk %s: <wwn> must be 16 hexadecimal digits", disk->target);
	if (disk->readonly && disk->device == PP_DISK_DISK &&
		(disk->bus == PP_BUS_IDE || disk->bus == PP_BUS_SATA))
		pp_parsing_fail(parsing, element->line,
			"disk %s: a readonly disk cannot be on ide or sata; use virtio, scsi or "
			"usb",
			disk->target);
}

/* The guest's cell that an expander bus is near to; -1: none. */
static int parse_node(struct pp_parsing *parsing, const struct pp_element *element)
{
	const char *text = pp_parsing_text(parsing, element);
	uint64_t node = 0;

	if (!text)
		return -1;
	if (pp_parse_u64(text, 10, INT32_MAX, &node) < 0 || node >= parsing->domain->n_cells)
		pp_parsing_fail(parsing, element->line,
			"the guest has no cell %.20s, for its <cpu><numa> has %zu", text,
			parsing->domain->n_cells);
	return (int)node;
}

static void parse_controller(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	static const char *const types[] = {
		"pci", "usb", "sata", "ide", "scsi", "virtio-serial", "fdc", "ccid", "nvme", NULL};
	struct pp_controller *controller = &device->controller;
	const struct pp_element *target = pp_element_child(element, "target");
	const struct pp_element *hole = pp_element_child(element, "pcihole64");
	const struct pp_element *driver = pp_element_child(element, "driver");
	const struct pp_element *master = pp_element_child(element, "master");

	controller->type = pp_parsing_word(element, "type", types, 0);
	controller->index = pp_parsing_int(parsing, element, "index", 255);
	controller->model = pp_parsing_attribute(parsing, element, "model");
	controller->model_name =
		pp_parsing_copy(parsing, pp_element_child_attribute(element, "model", "name"));
	controller->ports = pp_parsing_int(parsing, element, "ports", 31);
	controller->vectors = pp_parsing_int(parsing, element, "vectors", 2048);
	controller->queues = pp_parsing_int(parsing, driver, "queues", 1024);
	controller->max_sectors = pp_parsing_int(parsing, driver, "max_sectors", INT32_MAX);
	controller->cmd_per_lun = pp_parsing_int(parsing, driver, "cmd_per_lun", INT32_MAX);
	controller->iothread = pp_parsing_number(parsing, driver, "iothread", 4096, 0);
	controller->serial = pp_parsing_text(parsing, pp_element_child(element, "serial"));
	controller->chassis_nr = pp_parsing_int(parsing, target, "chassisNr", 255);
	controller->chassis = pp_parsing_int(parsing, target, "chassis", 255);
	controller->port = pp_parsing_int(parsing, target, "port", 255);
	controller->bus_nr = pp_parsing_int(parsing, target, "busNr", 254);
	controller->hotplug = pp_parsing_switch(target, "hotplug");
	controller->node = parse_node(parsing, pp_element_child(target, "node"));
	controller->master_start_port = pp_parsing_int(parsing, master, "startport", 15);
	controller->has_hole64 = hole;
	controller->hole64 = pp_parsing_bytes(parsing, hole, NULL, "KiB");
	if (!is_short_word(controller->serial, 20))
		pp_parsing_fail(parsing, element->line,
			"the <serial> of an NVMe has 1 to 20 characters, no comma, quote or "
			"backslash");
	if (controller->type == PP_CONTROLLER_PCI && !controller->model)
		pp_parsing_fail(parsing, element->line, "<controller type='pci'> needs a model");
	if (controller->type == PP_CONTROLLER_USB && controller->ports >= 0 &&
		!pp_text_ends(controller->model, "-xhci"))
		pp_parsing_fail(parsing, element->line,
			"ports of a USB controller can be set for nec-xhci and qemu-xhci");
	if (master && !pp_text_starts(controller->model, "ich9-uhci"))
		pp_parsing_fail(parsing, master->line,
			"<master> belongs to ich9-uhci1, ich9-uhci2 and ich9-uhci3");
	if (target && (pp_text_is(controller->model, "pci-root") ||
			      pp_text_is(controller->model, "pcie-root")))
		pp_parsing_fail(parsing, target->line, "%s has no <target> that could be set",
			controller->model);
	if (hole && !pp_text_is(controller->model, "pci-root") &&
		!pp_text_is(controller->model, "pcie-root"))
		pp_parsing_fail(
			parsing, hole->line, "<pcihole64> belongs to pci-root or pcie-root");
	if (controller->node >= 0 && !pp_text_ends(controller->model, "expander-bus"))
		pp_parsing_fail(parsing, target->line,
			"<node> belongs to pcie-expander-bus and pci-expander-bus");
	if (controller->hotplug == PP_OFF && !pp_text_is(controller->model, "pcie-root-port") &&
		!pp_text_is(controller->model, "pcie-switch-downstream-port"))
		pp_parsing_fail(parsing, target->line,
			"hotplug='off' belongs to pcie-root-port and pcie-switch-downstream-port");
}

void pp_parsing_mac(struct pp_parsing *parsing, const struct pp_element *interface, uint8_t mac[6],
	bool *ret_has)
{
	const struct pp_element *element = pp_element_child(interface, "mac");
	const char *text = pp_element_attribute(element, "address"), *end = NULL;

	if (!element)
		return;
	*ret_has = pp_parse_mac(text, mac, &end) && !*end;
	if (!*ret_has)
		pp_parsing_fail(parsing, element->line,
			"address='%.40s' of <mac> is not an address like "
			"52:54:00:12:34:56",
			text);
	else if (mac[0] & 1)
		pp_parsing_fail(parsing, element->line,
			"address='%s' of <mac> is a multicast address", text);
}

int pp_parsing_vlan(struct pp_parsing *parsing, const struct pp_element *interface)
{
	const struct pp_element *tag = pp_element_child(pp_element_child(interface, "vlan"), "tag");

	return (int)pp_parsing_number(parsing, tag, "id", VLAN_MAX, 0);
}

/* Of the host: IFNAMSIZ with its NUL, and what the kernel takes (dev_valid_name). */
static const char *parse_interface_name(
	struct pp_parsing *parsing, const struct pp_element *element, const char *attribute)
{
	const char *name = pp_parsing_attribute(parsing, element, attribute);

	if (name && (!*name || strlen(name) > 15 || pp_text_is(name, ".") ||
			    pp_text_is(name, "..") || strpbrk(name, "/:% \t\n")))
		pp_parsing_fail(parsing, element->line,
			"%s='%.40s' of <%s> cannot be the name of a network interface", attribute,
			name, element->name);
	return name;
}

static void parse_tap(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_interface *interface)
{
	const struct pp_element *source = pp_element_child(element, "source");
	const struct pp_element *target = pp_element_child(element, "target");

	if (interface->type == PP_INTERFACE_BRIDGE)
		interface->source = parse_interface_name(parsing, source, "bridge");
	else
		interface->source = pp_parsing_attribute(parsing, source, "network");
	if (interface->source && (!*interface->source || strchr(interface->source, '/')))
		pp_parsing_fail(parsing, source->line,
			"network='%.40s' of <source> cannot be the name of a network",
			interface->source);
	interface->vlan = pp_parsing_vlan(parsing, element);
	/* Such a name libvirt gave to the interface of one run. */
	if (target && !pp_text_starts(pp_element_attribute(target, "dev"), "vnet"))
		interface->target = parse_interface_name(parsing, target, "dev");
	interface->driver =
		pp_parsing_copy(parsing, pp_element_child_attribute(element, "driver", "name"));
	if (pp_text_is(interface->driver, "vhost") && !pp_text_is(interface->model, "virtio"))
		pp_parsing_fail(parsing, element->line,
			"<driver name='vhost'> needs <model type='virtio'/>");
}

static void parse_interface(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_interface *interface = &device->interface;
	const char *model = pp_element_child_attribute(element, "model", "type");

	static const char *const types[] = {"user", "bridge", "network", NULL};

	if (pp_parsing_is(element, "type", "hostdev")) {
		pp_parsing_function(parsing, element, device);
		return;
	}
	interface->type = (enum pp_interface_type)pp_parsing_word(element, "type", types, 0);
	interface->model = model ? pp_parsing_copy(parsing, model) : "rtl8139";
	if (pp_text_is(model, "virtio-net"))
		interface->model = "virtio";
	pp_parsing_mac(parsing, element, interface->mac, &interface->has_mac);
	if (interface->type != PP_INTERFACE_USER)
		parse_tap(parsing, element, interface);
}

typedef void parse_function(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device);
static parse_function *const parsers[PP_DEV_KINDS] = {
	[PP_DEV_DISK] = parse_disk,
	[PP_DEV_CONTROLLER] = parse_controller,
	[PP_DEV_INTERFACE] = parse_interface,
	[PP_DEV_HOSTDEV] = pp_parsing_hostdev,
	[PP_DEV_SERIAL] = pp_parsing_chardev,
	[PP_DEV_PARALLEL] = pp_parsing_chardev,
	[PP_DEV_CONSOLE] = pp_parsing_chardev,
	[PP_DEV_CHANNEL] = pp_parsing_chardev,
	[PP_DEV_VIDEO] = pp_parsing_video,
	[PP_DEV_GRAPHICS] = pp_parsing_graphics,
	[PP_DEV_INPUT] = pp_parsing_input,
	[PP_DEV_MEMBALLOON] = pp_parsing_memballoon,
	[PP_DEV_RNG] = pp_parsing_rng,
	[PP_DEV_PANIC] = pp_parsing_model,
	[PP_DEV_WATCHDOG] = pp_parsing_watchdog,
	[PP_DEV_SOUND] = pp_parsing_sound,
	[PP_DEV_AUDIO] = pp_parsing_audio,
	[PP_DEV_HUB] = pp_parsing_model,
	[PP_DEV_REDIRDEV] = pp_parsing_redirdev,
	[PP_DEV_TPM] = pp_parsing_tpm,
	[PP_DEV_SHMEM] = pp_parsing_shmem,
	[PP_DEV_FILESYSTEM] = pp_parsing_filesystem,
};

void pp_parsing_devices(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain *domain = parsing->domain;
	struct pp_domain_device *devices;
	enum pp_domain_device_kind kind;
	size_t count = 0;

	for (const struct pp_element *e = element ? element->first : NULL; e; e = e->next)
		count++;
	devices = pp_arena_array(parsing->arena, count + 1, sizeof(*devices));
	if (!devices) {
		pp_parsing_oom(parsing);
		return;
	}
	domain->devices = devices;
	for (const struct pp_element *e = element ? element->first : NULL; e; e = e->next) {
		if (pp_text_is(e->name, "emulator")) {
			domain->emulator = pp_parsing_path(parsing, e, NULL);
			continue;
		}
		if (!kind_of(e->name, &kind) || !parsers[kind])
			continue; /* not in the grammar */
		devices[domain->n_devices].kind = kind;
		parse_common(parsing, e, &devices[domain->n_devices]);
		parsers[kind](parsing, e, &devices[domain->n_devices]);
		domain->n_devices++;
		if (parsing->failed)
			return;
	}
}
