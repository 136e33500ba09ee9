/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's facts for checks: its definition settled, and what the host says of its devices and
 * files. */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/domain/address.h"
#include "lib/guest/prepare.h"
#include "lib/guest/remember.h"
#include "lib/host/ram.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int pp_guest_hostdev_facts(const struct pp_host *host, const struct pp_domain *domain,
	struct pp_arena *arena, struct pp_hostdev_fact **ret_facts, size_t *ret_count,
	struct pp_error *error)
{
	size_t count = 0;
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(domain, device)))
		count++;
	struct pp_hostdev_fact *facts = pp_arena_array(arena, count + 1, sizeof(*facts));
	if (!facts)
		return pp_error_oom(error);
	size_t known = 0;
	while (host && (device = pp_domain_next_hostdev(domain, device))) {
		const struct pp_device *there = pp_host_device(host, &device->hostdev.source);
		if (!there || !(host->depth & PP_READ_CONFIG))
			continue;
		facts[known++] = (struct pp_hostdev_fact){.address = there->address,
			.express = there->capabilities.express != 0,
			.virtual_function = there->physical_function != NULL,
			.has_node = there->numa_node >= 0,
			.node = there->numa_node >= 0 ? (unsigned)there->numa_node : 0};
	}
	*ret_facts = facts;
	*ret_count = known;
	return 0;
}

static int settle(const struct pp_host *host, const struct pp_domain *domain, const char *file,
	struct pp_arena *arena, struct pp_domain **ret_assigned, struct pp_error *error)
{
	struct pp_hostdev_fact *facts;
	size_t count;

	int r = pp_guest_hostdev_facts(host, domain, arena, &facts, &count, error);
	return r < 0 ? r : pp_domain_assign(domain, facts, count, file, ret_assigned, error);
}

static bool is_conventional(const struct pp_domain *assigned, unsigned bus)
{
	for (size_t i = 0; i < assigned->n_devices; i++) {
		const struct pp_domain_device *device = &assigned->devices[i];
		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_PCI &&
			device->controller.index == (int)bus)
			return pp_text_is(device->controller.model, "pcie-to-pci-bridge") ||
			       pp_text_is(device->controller.model, "pci-bridge") ||
			       pp_text_is(device->controller.model, "dmi-to-pci-bridge");
	}
	return false;
}

static int fill_hostdevs(struct pp_context *context, const struct pp_host *host, const char *name,
	const char *file, const struct pp_domain *assigned, struct pp_arena *arena,
	struct pp_guest_facts *facts)
{
	size_t count = 0;
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(assigned, device)))
		count++;
	struct pp_guest_hostdev *list = pp_arena_array(arena, count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; (device = pp_domain_next_hostdev(assigned, device)); i++) {
		list[i] = (struct pp_guest_hostdev){
			.address = device->hostdev.source,
			.device = pp_host_device(host, &device->hostdev.source),
			.managed = device->hostdev.managed,
			.placed = device->place.type == PP_PLACE_PCI,
			.bus = device->place.bus,
			.slot = device->place.slot,
			.function = device->place.function,
			.shared_bus = device->place.type == PP_PLACE_PCI &&
				      is_conventional(assigned, device->place.bus),
			.rom_off = device->rom_bar == PP_OFF || device->rom_enabled == PP_OFF,
			.boot_order = device->boot_order,
			.written = pp_arena_printf(arena, "%s:%d", file, device->line),
		};
		if (!list[i].written)
			return -ENOMEM;
		if (!device->rom_file)
			continue;
		list[i].rom_file = pp_arena_strdup(arena, device->rom_file);
		if (!list[i].rom_file)
			return -ENOMEM;
	}
	facts->hostdevs = list;
	facts->n_hostdevs = count;
	return pp_guest_recall(context, name, arena, list, count);
}

struct file_list {
	struct pp_arena *arena;
	struct pp_guest_file *items;
	size_t count, room;
	bool oom;
};

/* QEMU takes none that is empty; a PCI ROM begins with 55 aa. */
static enum pp_rom_kind rom_kind(const char *path)
{
	PP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	uint8_t begin[2];

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return PP_ROM_UNREAD;
	ssize_t size = read(fd, begin, sizeof(begin));
	if (size < 0)
		return PP_ROM_UNREAD;
	if (size == 0)
		return PP_ROM_EMPTY;
	return size == sizeof(begin) && begin[0] == 0x55 && begin[1] == 0xaa ? PP_ROM_WHOLE
									     : PP_ROM_FOREIGN;
}

static void add_file(struct file_list *list, const char *what, const char *path)
{
	if (!path || list->oom)
		return;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct pp_guest_file *items = pp_arena_grow(list->arena, list->items,
			list->room * sizeof(*items), room * sizeof(*items));
		list->oom = !items;
		if (!items)
			return;
		list->items = items;
		list->room = room;
	}
	const char *copy = pp_arena_strdup(list->arena, path);
	list->oom = !copy;
	list->items[list->count++] = (struct pp_guest_file){.what = what,
		.path = copy,
		.error = access(path, R_OK) < 0 ? -errno : 0,
		.rom = pp_text_is(what, "rom") ? rom_kind(path) : PP_ROM_UNREAD};
}

/* Only of this machine: elsewhere the paths are not ours to look at. */
static int fill_files(
	const struct pp_domain *domain, struct pp_arena *arena, struct pp_guest_facts *facts)
{
	struct file_list list = {.arena = arena};

	add_file(&list, "kernel", domain->os.kernel);
	add_file(&list, "initrd", domain->os.initrd);
	add_file(&list, "firmware", domain->os.loader);
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];
		if (device->kind == PP_DEV_DISK)
			add_file(&list, "disk", device->disk.source);
		if (device->rom_enabled != PP_OFF)
			add_file(&list, "rom", device->rom_file);
	}
	facts->files = list.items;
	facts->n_files = list.count;
	return list.oom ? -ENOMEM : 0;
}

static unsigned count_free_ports(const struct pp_domain *assigned)
{
	unsigned count = 0;

	for (size_t i = 0; i < assigned->n_devices; i++) {
		const struct pp_domain_device *port = &assigned->devices[i];
		bool used = false;
		if (port->kind != PP_DEV_CONTROLLER || port->controller.type != PP_CONTROLLER_PCI ||
			!pp_text_is(port->controller.model, "pcie-root-port") ||
			port->controller.hotplug == PP_OFF)
			continue;
		for (size_t j = 0; j < assigned->n_devices && !used; j++)
			used = assigned->devices[j].place.type == PP_PLACE_PCI &&
			       assigned->devices[j].place.bus == (unsigned)port->controller.index;
		count += !used;
	}
	return count;
}

static void fill_kind(const struct pp_domain *domain, struct pp_guest_facts *facts)
{
	facts->kvm = domain->type == PP_DOMAIN_KVM;
	facts->q35 = domain->os.q35;
	facts->machine_before_7_1 = pp_machine_is_before(domain->os.machine, 7, 1);
	facts->efi = domain->os.efi;
	facts->memory = domain->memory;
	facts->memlock = pp_domain_memlock(domain);
	facts->hugepages = domain->hugepages;
	facts->hugepage_size = domain->hugepage_size;
	facts->phys_bits = domain->cpu.address_bits;
	facts->kvm_hidden = domain->features.kvm_hidden == PP_ON;
	facts->vendor_id = domain->features.hyperv.vendor_id != NULL;
	facts->windows = domain->features.hyperv.relaxed == PP_ON;
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];
		if (device->kind == PP_DEV_CONTROLLER && device->controller.has_hole64)
			facts->mmio_window = device->controller.hole64;
		if (device->kind != PP_DEV_IOMMU)
			continue;
		facts->iommu = true;
		facts->iommu_intel = pp_text_is(device->model, "intel");
	}
}

/* What QEMU has in memory; 0: not known. */
static uint64_t read_resident(struct pp_context *context, const struct pp_record *record)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[64], *text = NULL;
	uint64_t pages = 0;
	const char *end;
	size_t length;

	if (!arena || !context->live || record->engine.pid <= 0 ||
		pp_path(path, sizeof(path), "/proc/%d/statm", (int)record->engine.pid) < 0 ||
		pp_tree_read(context->tree, arena, path, &text, &length) < 0)
		return 0;
	const char *second = strchr(text, ' ');
	if (!second || pp_parse_prefix(second + 1, 10, UINT32_MAX, &pages, &end) < 0)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int pp_guest_facts_fill(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const struct pp_domain *domain, struct pp_arena *arena,
	struct pp_guest_facts *ret_facts, struct pp_error *error)
{
	struct pp_guest_facts facts = {.name = guest->name, .numa_node = -1};
	const char *reason;

	fill_kind(domain, &facts);
	if (domain->memory_from.mode == PP_NUMA_STRICT && domain->n_cells == 0 &&
		pp_set_count(&domain->memory_from.nodes) == 1)
		facts.numa_node = (int)pp_set_next(&domain->memory_from.nodes, 0);
	facts.running = pp_guest_is_active(guest);
	if (facts.running)
		facts.resident = read_resident(context, guest->record);
	facts.paused = pp_record_show(guest->record, &reason) == PP_GUEST_PAUSED;
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	const char *file = guest->definition ? guest->definition->path : guest->name;
	int r = settle(host, domain, file, arena, &assigned, error);
	if (r < 0)
		return r;
	facts.free_ports = count_free_ports(assigned);
	facts.memory_place = pp_arena_printf(arena, "%s:%d", file, domain->memory_line);
	if (!facts.memory_place)
		return pp_error_oom(error);
	facts.memory_locked = domain->memory_locked;
	if (fill_hostdevs(context, host, guest->name, file, assigned, arena, &facts) < 0 ||
		(context->live && fill_files(domain, arena, &facts) < 0))
		return pp_error_oom(error);
	*ret_facts = facts;
	return 0;
}
