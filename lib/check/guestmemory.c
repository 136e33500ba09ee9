/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's memory: with a host device all of it is pinned at its start, and mapped by the IOMMU at
 * the guest's own addresses. */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include "lib/host/ram.h"
#include <inttypes.h>

#define GIB (UINT64_C(1) << 30)
#define OVERHEAD (UINT64_C(256) << 20) /* QEMU itself, its tables */

static void short_of(struct pp_check_run *run, const char *what, uint64_t need, uint64_t have,
	const char *evidence, const char *remedy)
{
	pp_finding_add(run, PP_FAIL,
		"it needs %s of %s, all at once (host devices pin it), and there are %s",
		pp_check_size(run, need), what, pp_check_size(run, have));
	pp_finding_evidence(run, "%s", evidence);
	pp_finding_remedy(run, "%s", remedy);
}

static void hugepages_short(struct pp_check_run *run)
{
	const struct pp_memory *memory = run->host->memory;
	const struct pp_guest_facts *guest = run->guest;
	uint64_t size = memory->hugepage_size;
	uint64_t have = memory->hugepages_free * size;

	if (!size || (guest->hugepage_size && guest->hugepage_size != size) ||
		have >= guest->memory)
		return;
	short_of(run, "huge pages", guest->memory, have,
		pp_check_join(run, NULL,
			"/proc/meminfo: HugePages_Free: %" PRIu64 ", Hugepagesize: %s",
			memory->hugepages_free, pp_check_size(run, size)),
		pp_check_join(run, NULL, "echo %" PRIu64 " > /proc/sys/vm/nr_hugepages",
			memory->hugepages_total - memory->hugepages_free +
				(guest->memory + size - 1) / size));
}

/* More than there ever is: the kernel would not even promise it. */
static bool is_beyond(struct pp_check_run *run)
{
	const struct pp_memory *memory = run->host->memory;
	const struct pp_guest_facts *guest = run->guest;

	if (!memory || !memory->total || guest->running)
		return false;
	/* What is pinned or locked is never in the swap. */
	bool swaps = !guest->memory_locked && !guest->hugepages && guest->n_hostdevs == 0;
	uint64_t most = memory->total + (swaps ? memory->swap : 0);
	if (guest->memory <= most)
		return false;
	pp_finding_add(run, PP_FAIL, "%s%sits <memory> is %s, and the host has %s%s",
		guest->memory_place ? guest->memory_place : "", guest->memory_place ? ": " : "",
		pp_check_size(run, guest->memory), pp_check_size(run, most),
		most > memory->total ? ", swap and all" : "");
	pp_finding_evidence(run, "/proc/meminfo: MemTotal: %s, SwapTotal: %s",
		pp_check_size(run, memory->total), pp_check_size(run, memory->swap));
	pp_finding_remedy(run, "give it less <memory>");
	return true;
}

void pp_check_memory_short(struct pp_check_run *run)
{
	const struct pp_memory *memory = run->host->memory;
	const struct pp_guest_facts *guest = run->guest;
	const struct pp_caller *caller = run->host->caller;
	uint64_t need = guest->memory + OVERHEAD;

	if (is_beyond(run) || !memory || !memory->total || guest->n_hostdevs == 0 ||
		(guest->running && !guest->resident))
		return;
	size_t before = run->n_items;
	/* Of one that runs, what it has not touched yet: a device that is plugged pins that too. */
	if (guest->running)
		need = guest->hugepages || guest->resident >= guest->memory
			       ? 0
			       : guest->memory - guest->resident;
	if (guest->hugepages && !guest->running) {
		hugepages_short(run);
	} else if (need > memory->available) {
		short_of(run, "memory", need, memory->available,
			pp_check_join(run, NULL, "/proc/meminfo: MemAvailable: %s of %s%s%s",
				pp_check_size(run, memory->available),
				pp_check_size(run, memory->total),
				memory->zfs_cache ? "; ZFS holds " : "",
				memory->zfs_cache ? pp_check_size(run, memory->zfs_cache) : ""),
			pp_check_join(run, NULL,
				"give it less <memory>, end other guests%s; ballooning and swap do "
				"not help",
				memory->zfs_cache ? ", or lower zfs_arc_max" : ""));
	}
	/* libvirt's guests are in a group of their own. */
	if (caller && !guest->libvirt && caller->memory_limit != UINT64_MAX &&
		need > caller->memory_limit)
		short_of(run, "memory", need, caller->memory_limit,
			pp_check_join(run, NULL, "%s: %s are left",
				caller->memory_limit_file ? caller->memory_limit_file
							  : "memory.max",
				pp_check_size(run, caller->memory_limit)),
			"start it from a session or unit without MemoryMax=");
	if (run->n_items == before) {
		pp_finding_add(run, PP_PASS, "there is memory for it: %s",
			pp_check_size(run, guest->memory));
		pp_finding_evidence(run, "/proc/meminfo: MemAvailable: %s",
			pp_check_size(run, memory->available));
	}
}

void pp_check_numa_far(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;
	const struct pp_memory *memory = run->host->memory;

	if (guest->numa_node < 0 || !memory)
		return;
	for (size_t i = 0; i < memory->n_nodes; i++) {
		const struct pp_node_memory *node = &memory->nodes[i];

		if (node->node != guest->numa_node || guest->hugepages || guest->running ||
			guest->n_hostdevs == 0 || guest->memory + OVERHEAD <= node->free)
			continue;
		short_of(run, "memory on its NUMA node", guest->memory + OVERHEAD, node->free,
			pp_check_join(run, NULL,
				"/sys/devices/system/node/node%d/meminfo: %s free or cached",
				node->node, pp_check_size(run, node->free)),
			"bind it to another node, or mode='preferred' in its <numatune>");
	}
	for (size_t i = 0; i < guest->n_hostdevs; i++) {
		const struct pp_device *device = guest->hostdevs[i].device;

		if (!device || device->numa_node < 0 || device->numa_node == guest->numa_node)
			continue;
		pp_finding_add(run, PP_NOTE,
			"%s is on NUMA node %d, its memory on node %d: it is slower", device->name,
			device->numa_node, guest->numa_node);
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/numa_node: %d", device->name,
			device->numa_node);
	}
}

void pp_check_memlock(struct pp_check_run *run)
{
	const struct pp_caller *caller = run->host->caller;
	const struct pp_guest_facts *guest = run->guest;

	if (!caller || !guest->memlock || guest->n_hostdevs == 0)
		return;
	if (caller->may_raise || caller->memlock >= guest->memlock) {
		pp_finding_add(run, PP_PASS, "QEMU may lock the memory that it has to");
		return;
	}
	pp_finding_add(run, PP_FAIL,
		"QEMU must lock %s, but may lock %s here (\"VFIO_MAP_DMA failed: Cannot allocate "
		"memory\")",
		guest->memlock == UINT64_MAX ? "all memory" : pp_check_size(run, guest->memlock),
		pp_check_size(run, caller->memlock));
	pp_finding_evidence(run, "/proc/self/limits: Max locked memory: %" PRIu64, caller->memlock);
	pp_finding_remedy(run, "start it as root, or raise LimitMEMLOCK= of the unit (memlock in "
			       "/etc/security/limits.d) to that");
}

void pp_check_memory_slow(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;
	const uint64_t long_time = 32 * GIB;

	if (guest->hugepages || guest->n_hostdevs == 0 || guest->memory < long_time)
		return;
	pp_finding_add(run, PP_NOTE,
		"pinning %s in small pages takes its time: its start may seem to hang for a minute "
		"or "
		"more",
		pp_check_size(run, guest->memory));
	pp_finding_evidence(run, "its definition: <memory> without <hugepages/>");
	pp_finding_remedy(run, "<memoryBacking><hugepages/></memoryBacking> in its definition, and "
			       "huge pages on the host");
}

/* One piece of the guest's RAM. */
struct range {
	uint64_t start, end; /* both included; end 0: none */
};

static void ram_ranges(const struct pp_check_run *run, struct range low_high[2])
{
	const struct pp_guest_facts *guest = run->guest;
	bool amd = run->host->iommu && run->host->iommu->cpu == PP_VENDOR_AMD;
	struct pp_ram_piece pieces[2];
	size_t n = pp_ram_lay_out(
		guest->memory, guest->q35, amd && !guest->machine_before_7_1, pieces);

	for (size_t i = 0; i < 2; i++)
		low_high[i] = i < n && pieces[i].size
				      ? (struct range){pieces[i].address,
						pieces[i].address + pieces[i].size - 1}
				      : (struct range){0, 0};
}

void pp_check_guest_address_width(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;
	const struct pp_guest_facts *guest = run->guest;
	struct range ranges[2];

	if (!iommu || !iommu->address_width || iommu->address_width >= 64 || guest->n_hostdevs == 0)
		return;
	uint64_t limit = UINT64_C(1) << iommu->address_width;
	ram_ranges(run, ranges);
	uint64_t top = ranges[1].end ? ranges[1].end : ranges[0].end;
	const char *evidence =
		iommu->n_units && iommu->units[0].registers
			? pp_check_join(run, NULL, "/sys/class/iommu/%s/intel-iommu/cap: %" PRIx64,
				  iommu->units[0].name, iommu->units[0].cap)
			: "/sys/class/iommu";

	if (top >= limit) {
		pp_finding_add(run, PP_FAIL,
			"its memory reaches to %#" PRIx64
			", but the IOMMU only to %u bits (%#" PRIx64
			"): VFIO_MAP_DMA fails with \"Invalid argument\"",
			top, iommu->address_width, limit - 1);
		pp_finding_evidence(run, "%s", evidence);
		pp_finding_remedy(run, "give it less <memory>, or use a host whose IOMMU is wider");
	} else if (guest->efi && guest->phys_bits > iommu->address_width) {
		pp_finding_add(run, PP_WARN,
			"its processor shows addresses of %u bits, the IOMMU has %u: its firmware "
			"may put "
			"BARs where devices do not reach",
			guest->phys_bits, iommu->address_width);
		pp_finding_evidence(run, "%s", evidence);
		pp_finding_remedy(run, "<maxphysaddr mode='emulate' bits='%u'/> in its <cpu>",
			iommu->address_width);
	}
}

void pp_check_guest_memory_hole(struct pp_check_run *run)
{
	struct range ranges[2];

	ram_ranges(run, ranges);
	for (size_t i = 0; i < run->n_devices; i++) {
		const struct pp_group *group =
			run->devices[i]->group < 0
				? NULL
				: pp_host_group(run->host, run->devices[i]->group);

		for (size_t j = 0; group && j < group->n_regions; j++) {
			const struct pp_reserved_region *region = &group->regions[j];
			bool meets = false;

			for (size_t k = 0; k < 2; k++)
				meets |= ranges[k].end && region->start <= ranges[k].end &&
					 region->end >= ranges[k].start;
			if (!meets || pp_text_is(region->type, "direct-relaxable") ||
				pp_text_is(region->type, "direct"))
				continue;
			pp_finding_add(run, PP_FAIL,
				"its memory lies across addresses that the IOMMU of %s keeps for "
				"itself: "
				"%#" PRIx64 "-%#" PRIx64,
				run->devices[i]->name, region->start, region->end);
			pp_finding_evidence(run,
				"/sys/kernel/iommu_groups/%d/reserved_regions: 0x%016" PRIx64
				" 0x%016" PRIx64 " %s",
				group->number, region->start, region->end, region->type);
			pp_finding_remedy(run,
				"a machine type of QEMU 7.1 or newer puts it above 1 TiB "
				"on hosts of AMD; else give it less <memory>");
			return;
		}
	}
}

static uint64_t power_of_two(uint64_t value)
{
	uint64_t power = 1;

	while (power < value && power < UINT64_C(1) << 62)
		power <<= 1;
	return power;
}

/* Older OVMF keeps 32 GiB for 64-bit BARs unless it is told otherwise. */
void pp_check_mmio_window(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;
	uint64_t sum = 0, window = guest->mmio_window ? guest->mmio_window : 32 * GIB;
	const char *parts = NULL;

	if (!guest->efi)
		return;
	for (size_t i = 0; i < run->n_devices; i++) {
		const struct pp_device *device = run->devices[i];

		for (size_t j = 0; j < PP_COUNT(device->bars); j++) {
			const struct pp_bar *bar = &device->bars[j];

			if (!(bar->flags & PP_BAR_64BIT) || bar->size < (UINT64_C(64) << 20))
				continue;
			sum += power_of_two(bar->size);
			parts = pp_check_join(run, parts, "%s BAR %zu %s", device->name, j,
				pp_check_size(run, bar->size));
		}
	}
	if (sum == 0)
		return;
	if (sum <= window / 2 || (guest->mmio_window && sum <= window)) {
		pp_finding_add(run, PP_PASS,
			"the BARs of its devices (%s) fit into its window of %s",
			pp_check_size(run, sum), pp_check_size(run, window));
		return;
	}
	pp_finding_add(run, PP_WARN,
		"the BARs of its devices want %s, and its firmware keeps %s for them unless it is "
		"told "
		"otherwise: the guest hangs, or sees BARs of size 0",
		pp_check_size(run, sum), pp_check_size(run, window));
	pp_finding_evidence(run, "resource of %s", parts);
	uint64_t enough = power_of_two(sum * 2);
	pp_finding_remedy(run,
		"<pcihole64 unit='GiB'>%" PRIu64 "</pcihole64> in its <controller type='pci' "
		"index='0' model='pcie-root'>; or by QEMU's own words -fw_cfg "
		"name=opt/ovmf/X-PciMmio64Mb,string=%" PRIu64,
		(enough + GIB - 1) / GIB, enough >> 20);
}

void pp_check_guest_mappings(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;
	const struct pp_guest_facts *guest = run->guest;
	/* RAM around the holes below 1 MiB, the firmware, one BAR. */
	unsigned least = guest->mappings ? guest->mappings : 5;

	if (!kernel || kernel->dma_entry_limit < 0 || guest->n_hostdevs == 0 ||
		(int64_t)least <= kernel->dma_entry_limit)
		return;
	pp_finding_add(run, PP_FAIL,
		"VFIO has to map %s%u pieces of its memory, and may map %" PRId64,
		guest->mappings ? "" : "at least ", least, kernel->dma_entry_limit);
	pp_finding_evidence(run,
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit: %" PRId64,
		kernel->dma_entry_limit);
	pp_finding_remedy(
		run, "echo 65535 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit");
}
