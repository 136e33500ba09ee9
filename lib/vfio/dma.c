/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's memory, mapped for the device at the guest's own addresses. */
#include "base/cleanup.h"
#include "lib/vfio/proof.h"
#include <string.h>
#include <sys/mman.h>

#define LOW_END 0x80000000ull /* q35 gives a guest at most so much below 4 GiB */
#define HIGH_START 0x100000000ull

struct piece {
	uint64_t address, size, offset;
};

/* As QEMU lays a guest's memory out: below 2 GiB, the rest from 4 GiB on. */
static size_t lay_out(uint64_t memory, struct piece pieces[2])
{
	uint64_t low = memory < LOW_END ? memory : LOW_END;

	pieces[0] = (struct piece){0, low, 0};
	if (memory == low)
		return 1;
	pieces[1] = (struct piece){HIGH_START, memory - low, low};
	return 2;
}

static bool in_ranges(const struct pp_vfio *vfio, const struct piece *piece)
{
	if (!vfio->n_ranges)
		return true;
	for (size_t i = 0; i < vfio->n_ranges; i++)
		if (piece->address >= vfio->ranges[i].start &&
			piece->address + piece->size - 1 <= vfio->ranges[i].end)
			return true;
	return false;
}

static int map_pieces(struct pp_trial *trial, uint8_t *memory, const struct piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = pp_vfio_map(
			&trial->vfio, memory + pieces[i].offset, pieces[i].size, pieces[i].address);
		if (r < 0) {
			while (i--)
				pp_vfio_unmap(&trial->vfio, pieces[i].size, pieces[i].address);
			return r;
		}
	}
	return 0;
}

static const char *map_finding(int code)
{
	switch (code) {
	case -ENOMEM:
		return "memlock";
	case -EINVAL:
	case -EPERM:
		return "guest-address-width";
	case -ENOSPC:
		return "dma-entry-limit";
	default:
		return NULL;
	}
}

static void try_map(struct pp_trial *trial, const char *id, int advice, const char *pages)
{
	struct piece pieces[2];
	uint64_t size = (trial->options.memory + 0x1fffff) & ~0x1fffffull;
	size_t n = lay_out(size, pieces);

	pp_trial_begin(trial);
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		pp_trial_not_proven(trial, id, "memory-short", "%llu MiB of memory: %s",
			(unsigned long long)(size >> 20), strerror(errno));
		return;
	}
	madvise(memory, size, advice);
	for (size_t i = 0; i < n; i++)
		if (!in_ranges(&trial->vfio, &pieces[i]))
			pp_trial_not_proven(trial, "address-range", "guest-address-width",
				"the guest's memory at 0x%llx is outside of what the IOMMU can map",
				(unsigned long long)pieces[i].address);
	int r = map_pieces(trial, memory, pieces, n);
	if (r < 0) {
		pp_trial_not_proven(trial, id, map_finding(r), "mapping %llu MiB for DMA: %s",
			(unsigned long long)(size >> 20), strerror(-r));
	} else {
		pp_trial_proven(trial, id, "%llu MiB mapped for DMA at the guest's addresses, %s",
			(unsigned long long)(size >> 20), pages);
		for (size_t i = 0; i < n; i++)
			pp_vfio_unmap(&trial->vfio, pieces[i].size, pieces[i].address);
	}
	munmap(memory, size);
}

void pp_trial_dma(struct pp_trial *trial)
{
	const struct pp_memory *memory = trial->host->memory;

	if (memory && trial->options.memory > memory->available) {
		pp_trial_not_proven(trial, "dma-map", "memory-short",
			"%llu MiB are more than the %llu MiB that are free: not tried",
			(unsigned long long)(trial->options.memory >> 20),
			(unsigned long long)(memory->available >> 20));
		return;
	}
	try_map(trial, "dma-map", MADV_NOHUGEPAGE, "in pages of 4 KiB");
	try_map(trial, "dma-map-huge", MADV_HUGEPAGE, "with huge pages where the kernel has them");
}
