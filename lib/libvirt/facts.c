/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/libvirt/facts.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/domain.h"
#include "lib/host/ram.h"
#include "lib/host/tag.h"
#include <errno.h>
#include <string.h>

#define WORD_SIZE 64
#define PATH_SIZE 128 /* no path that is looked for is longer */
#define BUSES 256

/* A device that QEMU takes from the host, while its element is read. */
struct taken {
	struct pp_guest_hostdev hostdev; /* what of it is said here */
	bool found;                      /* its address on the host is known */
};

struct reading {
	struct pp_arena *arena;
	struct pp_guest_facts *facts;
	struct pp_guest_hostdev *hostdevs;
	char path[PATH_SIZE]; /* of elements below <domain>: "os/type" */
	size_t length;
	unsigned beyond; /* elements that had no room in the path */
	struct taken taken;
	bool ports[BUSES]; /* of the guest: a root port makes it, and a device can be plugged in */
	bool used[BUSES];
	bool conventional[BUSES];
	bool failed; /* out of memory */
};

/* ---- values ---- */

static bool number(const struct pp_tag *tag, const char *name, uint64_t max, uint64_t *ret_value)
{
	char text[WORD_SIZE];
	return pp_tag_attribute(tag, name, text, sizeof(text)) &&
	       pp_parse_u64(text, 0, max, ret_value) == 0;
}

/* "262144" in KiB where UNIT is none. */
static bool amount(const char *text, const char *unit, uint64_t *ret_bytes)
{
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	bool bytes = pp_text_is(unit, "b") || pp_text_is(unit, "bytes");
	pp_buffer_printf(&all, "%s%s", text, unit && !bytes ? unit : "");
	return pp_parse_size(pp_buffer_text(&all), bytes ? 1 : 1024, ret_bytes) == 0;
}

static bool text_of(const struct pp_tag *tag, char text[WORD_SIZE])
{
	const char *at = tag->text;
	size_t length = tag->text_length;
	while (length > 0 && strchr(" \t\r\n", *at)) {
		at++;
		length--;
	}
	while (length > 0 && strchr(" \t\r\n", at[length - 1]))
		length--;
	if (length == 0 || length >= WORD_SIZE || memchr(at, '\0', length))
		return false;
	memcpy(text, at, length);
	text[length] = '\0';
	return true;
}

/* <memory unit='KiB'>262144</memory> */
static bool size_of(const struct pp_tag *tag, uint64_t *ret_bytes)
{
	char text[WORD_SIZE], unit[WORD_SIZE];
	bool said = pp_tag_attribute(tag, "unit", unit, sizeof(unit));
	return text_of(tag, text) && amount(text, said ? unit : NULL, ret_bytes);
}

static enum pp_guest_switch read_switch(const struct pp_tag *tag, const char *name)
{
	char text[WORD_SIZE];
	if (!pp_tag_attribute(tag, name, text, sizeof(text)))
		return PP_SWITCH_UNSAID;
	return pp_text_is(text, "on") ? PP_SWITCH_ON : PP_SWITCH_OFF;
}

/* ---- the machine ---- */

static void read_memory(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t bytes;
	if (size_of(tag, &bytes))
		reading->facts->memory = bytes;
}

static void read_machine(struct reading *reading, const struct pp_tag *tag)
{
	char machine[WORD_SIZE];
	if (!pp_tag_attribute(tag, "machine", machine, sizeof(machine)))
		return;
	reading->facts->q35 = strstr(machine, "q35");
	reading->facts->machine_before_7_1 = pp_machine_is_before(machine, 7, 1);
}

static void read_os(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->efi |= pp_tag_says(tag, "firmware", "efi");
}

static void read_loader(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->efi |= pp_tag_says(tag, "type", "pflash");
}

static void read_hugepages(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->hugepages = true;
}

static void read_page(struct reading *reading, const struct pp_tag *tag)
{
	char size[WORD_SIZE], unit[WORD_SIZE];
	bool said = pp_tag_attribute(tag, "unit", unit, sizeof(unit));
	uint64_t bytes;
	if (pp_tag_attribute(tag, "size", size, sizeof(size)) &&
		amount(size, said ? unit : NULL, &bytes))
		reading->facts->hugepage_size = bytes;
}

/* Memory that may be of one node only. */
static void read_numa(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t node;
	char mode[WORD_SIZE];
	bool strict =
		!pp_tag_attribute(tag, "mode", mode, sizeof(mode)) || pp_text_is(mode, "strict");
	if (strict && number(tag, "nodeset", INT32_MAX, &node))
		reading->facts->numa_node = (int)node;
}

static void read_bits(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t bits;
	if (pp_tag_says(tag, "mode", "emulate") && number(tag, "bits", 64, &bits))
		reading->facts->phys_bits = (unsigned)bits;
}

static void read_hidden(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->kvm_hidden = pp_tag_says(tag, "state", "on");
}

static void read_vendor(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->vendor_id = pp_tag_says(tag, "state", "on");
}

static void read_windows(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->windows = pp_tag_says(tag, "state", "on");
}

static void read_ioapic(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->split_irqchip =
		pp_tag_says(tag, "driver", "qemu") ? PP_SWITCH_ON : PP_SWITCH_OFF;
}

static void read_iommu(struct reading *reading, const struct pp_tag *tag)
{
	reading->facts->iommu = true;
	reading->facts->iommu_intel = pp_tag_says(tag, "model", "intel");
}

static void read_iommu_driver(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t bits;
	reading->facts->iommu_caching = read_switch(tag, "caching_mode");
	reading->facts->iommu_intremap = read_switch(tag, "intremap");
	if (number(tag, "aw_bits", 64, &bits))
		reading->facts->iommu_width = (unsigned)bits;
}

static void read_controller(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t index;
	if (!pp_tag_says(tag, "type", "pci") || !number(tag, "index", BUSES - 1, &index))
		return;
	reading->ports[index] = pp_tag_says(tag, "model", "pcie-root-port");
	reading->conventional[index] = pp_tag_says(tag, "model", "pcie-to-pci-bridge") ||
				       pp_tag_says(tag, "model", "pci-bridge") ||
				       pp_tag_says(tag, "model", "dmi-to-pci-bridge");
}

static void read_hole(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t bytes;
	if (size_of(tag, &bytes))
		reading->facts->mmio_window = bytes;
}

/* ---- its devices of the host ---- */

static void read_hostdev(struct reading *reading, const struct pp_tag *tag)
{
	reading->taken = (struct taken){0};
}

static void read_source(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t domain = 0, bus, slot, function = 0;
	if (!number(tag, "bus", 0xff, &bus) || !number(tag, "slot", 0x1f, &slot))
		return;
	number(tag, "domain", UINT32_MAX, &domain);
	number(tag, "function", 7, &function);
	reading->taken.hostdev.address = (struct pp_address){.domain = (uint32_t)domain,
		.bus = (uint8_t)bus,
		.slot = (uint8_t)slot,
		.function = (uint8_t)function};
	reading->taken.found = true;
}

static void read_rom(struct reading *reading, const struct pp_tag *tag)
{
	char file[4096];
	struct pp_guest_hostdev *hostdev = &reading->taken.hostdev;
	hostdev->rom_off = pp_tag_says(tag, "bar", "off") || pp_tag_says(tag, "enabled", "no");
	if (!pp_tag_attribute(tag, "file", file, sizeof(file)))
		return;
	hostdev->rom_file = pp_arena_strdup(reading->arena, file);
	reading->failed |= !hostdev->rom_file;
}

static void read_boot(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t order;
	if (number(tag, "order", UINT32_MAX, &order))
		reading->taken.hostdev.boot_order = (unsigned)order;
}

static void read_place(struct reading *reading, const struct pp_tag *tag)
{
	uint64_t bus, slot, function = 0;
	struct pp_guest_hostdev *hostdev = &reading->taken.hostdev;
	if (!pp_tag_says(tag, "type", "pci") || !number(tag, "bus", 0xff, &bus) ||
		!number(tag, "slot", 0x1f, &slot))
		return;
	number(tag, "function", 7, &function);
	reading->used[bus] = true;
	hostdev->placed = true;
	hostdev->bus = (unsigned)bus;
	hostdev->slot = (uint8_t)slot;
	hostdev->function = (uint8_t)function;
}

/* The element of a device has ended: what was said of it belongs to one of the guest's. */
static void settle(struct reading *reading)
{
	const struct pp_guest_hostdev *said = &reading->taken.hostdev;
	for (size_t i = 0; reading->taken.found && i < reading->facts->n_hostdevs; i++) {
		struct pp_guest_hostdev *hostdev = &reading->hostdevs[i];
		if (pp_address_compare(&hostdev->address, &said->address) != 0)
			continue;
		hostdev->placed = said->placed;
		hostdev->bus = said->bus;
		hostdev->slot = said->slot;
		hostdev->function = said->function;
		hostdev->rom_off = said->rom_off;
		hostdev->rom_file = said->rom_file;
		hostdev->boot_order = said->boot_order;
	}
	reading->taken = (struct taken){0};
}

/* ---- all of it ---- */

static const struct {
	const char *path;
	void (*read)(struct reading *reading, const struct pp_tag *tag);
} rules[] = {
	{"memory", read_memory},
	{"os", read_os},
	{"os/type", read_machine},
	{"os/loader", read_loader},
	{"memoryBacking/hugepages", read_hugepages},
	{"memoryBacking/hugepages/page", read_page},
	{"numatune/memory", read_numa},
	{"cpu/maxphysaddr", read_bits},
	{"features/kvm/hidden", read_hidden},
	{"features/hyperv/vendor_id", read_vendor},
	{"features/hyperv/relaxed", read_windows},
	{"features/ioapic", read_ioapic},
	{"devices/iommu", read_iommu},
	{"devices/iommu/driver", read_iommu_driver},
	{"devices/controller", read_controller},
	{"devices/controller/pcihole64", read_hole},
	{"devices/hostdev", read_hostdev},
	{"devices/hostdev/source/address", read_source},
	{"devices/hostdev/rom", read_rom},
	{"devices/hostdev/boot", read_boot},
};

static bool is_place(const char *path)
{
	static const char devices[] = "devices/";
	const char *kind = path + strlen(devices), *slash;
	if (!pp_text_starts(path, devices) || !(slash = strchr(kind, '/')))
		return false;
	return pp_text_is(slash, "/address");
}

static void enter(struct reading *reading, const struct pp_tag *tag)
{
	size_t more = tag->name_length + (reading->length > 0);
	if (reading->beyond || reading->length + more >= PATH_SIZE) {
		reading->beyond++;
		return;
	}
	if (reading->length > 0)
		reading->path[reading->length++] = '/';
	memcpy(reading->path + reading->length, tag->name, tag->name_length);
	reading->length += tag->name_length;
	reading->path[reading->length] = '\0';
	for (size_t i = 0; i < PP_COUNT(rules); i++)
		if (pp_text_is(rules[i].path, reading->path))
			rules[i].read(reading, tag);
	if (is_place(reading->path))
		read_place(reading, tag);
}

static void leave(struct reading *reading)
{
	if (reading->beyond) {
		reading->beyond--;
		return;
	}
	if (pp_text_is(reading->path, "devices/hostdev"))
		settle(reading);
	char *slash = strrchr(reading->path, '/');
	reading->length = slash ? (size_t)(slash - reading->path) : 0;
	reading->path[reading->length] = '\0';
}

static void read_all(struct reading *reading, const char *text, size_t length)
{
	struct pp_tags tags = {.at = text, .end = text + length};
	struct pp_tag tag;
	enum pp_tag_kind kind = pp_tag_next(&tags, &tag); /* <domain> */
	reading->facts->kvm = kind == PP_TAG_OPEN && !pp_tag_says(&tag, "type", "qemu");
	while (kind != PP_TAG_END && kind != PP_TAG_BROKEN) {
		kind = pp_tag_next(&tags, &tag);
		if (kind == PP_TAG_OPEN || kind == PP_TAG_EMPTY)
			enter(reading, &tag);
		if (kind == PP_TAG_CLOSE || kind == PP_TAG_EMPTY)
			leave(reading);
	}
}

int pp_libvirt_facts(const struct pp_host *host, const struct pp_libvirt_guest *guest,
	const char *text, size_t length, struct pp_arena *arena, struct pp_guest_facts *ret_facts)
{
	/* Whoever starts it, libvirt's daemon raises the limit of locked memory itself. */
	struct pp_guest_facts facts = {.name = guest->name,
		.libvirt = true,
		.kvm = true,
		.running = guest->qemu > 0,
		.paused = pp_text_is(guest->state, "paused"),
		.numa_node = -1};
	PP_FREE struct reading *reading = calloc(1, sizeof(*reading));
	struct pp_guest_hostdev *list = pp_arena_array(arena, guest->n_devices + 1, sizeof(*list));
	if (!reading || !list)
		return -ENOMEM;
	for (size_t i = 0; i < guest->n_devices; i++)
		list[i] = (struct pp_guest_hostdev){.address = guest->devices[i].address,
			.device = pp_host_device(host, &guest->devices[i].address),
			.managed = guest->devices[i].managed};
	facts.hostdevs = list;
	facts.n_hostdevs = guest->n_devices;
	*reading = (struct reading){.arena = arena, .facts = &facts, .hostdevs = list};
	if (text)
		read_all(reading, text, length);
	for (size_t i = 0; i < BUSES; i++)
		facts.free_ports += reading->ports[i] && !reading->used[i];
	for (size_t i = 0; i < facts.n_hostdevs; i++)
		list[i].shared_bus = list[i].placed && reading->conventional[list[i].bus % BUSES];
	if (reading->failed)
		return -ENOMEM;
	*ret_facts = facts;
	return 0;
}
