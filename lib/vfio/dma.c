/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's memory, mapped for the device at the guest's own addresses. */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/host/ram.h"
#include "lib/vfio/proof.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((uint64_t)4096)
#define HUGE_PAGE ((uint64_t)2 << 20)
#define MIB(bytes) ((uint64_t)(bytes) >> 20)

struct layout {
	struct pp_ram_piece pieces[2];
	size_t count;
};

static struct layout lay_out(const struct pp_trial *trial)
{
	const struct pp_proof_options *options = &trial->options;
	const struct pp_iommu *iommu = trial->host->iommu;
	bool q35 = !options->machine || strstr(options->machine, "q35");
	bool relocates = iommu && iommu->cpu == PP_VENDOR_AMD &&
			 !pp_machine_is_before(options->machine, 7, 1);
	struct layout layout = {.pieces = {{options->address, options->memory}}, .count = 1};

	if (!options->address)
		layout.count = pp_ram_lay_out(options->memory, q35, relocates, layout.pieces);
	return layout;
}

static uint64_t last_of(const struct pp_ram_piece *piece)
{
	return piece->address + piece->size - 1;
}

/* Whether VFIO says that all of a piece can be mapped. */
static bool in_ranges(const struct pp_vfio *vfio, const struct pp_ram_piece *piece)
{
	for (size_t i = 0; i < vfio->n_ranges; i++)
		if (piece->address >= vfio->ranges[i].start &&
			last_of(piece) <= vfio->ranges[i].end)
			return true;
	return vfio->n_ranges == 0;
}

/* The kernel's own verdict on an address: a page is mapped there. */
static int map_page(struct pp_trial *trial, void *page, uint64_t address)
{
	int r = pp_vfio_map(&trial->vfio, page, PAGE, address);

	return r < 0 ? r : pp_vfio_unmap(&trial->vfio, PAGE, address);
}

static int map_ends(struct pp_trial *trial, void *page, const struct pp_ram_piece *piece)
{
	int r = map_page(trial, page, piece->address & ~(PAGE - 1));

	return r < 0 ? r : map_page(trial, page, last_of(piece) & ~(PAGE - 1));
}

/* Above all that can be mapped the IOMMU is too narrow; between, it keeps addresses for itself. */
static const char *range_finding(const struct pp_vfio *vfio, const struct pp_ram_piece *piece)
{
	uint64_t top = 0;

	for (size_t i = 0; i < vfio->n_ranges; i++)
		if (vfio->ranges[i].end > top)
			top = vfio->ranges[i].end;
	return !top || last_of(piece) > top ? "guest-address-width" : "guest-memory-hole";
}

/* "0x0-0xfedfffff, 0xfef00000-0x7fffffffff" */
static const char *ranges_text(struct pp_trial *trial)
{
	const char *text = "";

	for (size_t i = 0; text && i < trial->vfio.n_ranges; i++)
		text = pp_arena_printf(trial->arena, "%s%s%#" PRIx64 "-%#" PRIx64, text,
			*text ? ", " : "", trial->vfio.ranges[i].start, trial->vfio.ranges[i].end);
	return !text || !*text ? "what it does not say" : text;
}

static void prove_addresses(struct pp_trial *trial, const struct layout *layout)
{
	const char *text = "";

	pp_trial_begin(trial);
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		trial->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; text && i < layout->count; i++) {
		const struct pp_ram_piece *piece = &layout->pieces[i];
		int r = map_ends(trial, page, piece);
		if (r < 0 || !in_ranges(&trial->vfio, piece)) {
			bool address = r == -EINVAL || r == 0;
			pp_trial_not_proven(trial, "address-range",
				address ? range_finding(&trial->vfio, piece)
					: pp_map_finding(trial, r),
				"the guest's memory at %#" PRIx64 "-%#" PRIx64
				"%s%s; the IOMMU maps %s",
				piece->address, last_of(piece), r < 0 ? ": " : " meets a hole",
				r < 0 ? strerror(-r) : "", ranges_text(trial));
			munmap(page, PAGE);
			return;
		}
		text = pp_arena_printf(trial->arena, "%s%s%#" PRIx64 "-%#" PRIx64, text,
			*text ? ", " : "", piece->address, last_of(piece));
	}
	munmap(page, PAGE);
	pp_trial_proven(trial, "address-range", "the guest's addresses %s are among %s",
		text ? text : "", ranges_text(trial));
}

static int map_pieces(struct pp_trial *trial, uint8_t *memory, const struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct pp_ram_piece *piece = &layout->pieces[i];
		int r = pp_vfio_map(&trial->vfio, memory, piece->size, piece->address);
		if (r < 0) {
			while (i--)
				pp_vfio_unmap(&trial->vfio, layout->pieces[i].size,
					layout->pieces[i].address);
			return r;
		}
		memory += piece->size;
	}
	return 0;
}

static void unmap_pieces(struct pp_trial *trial, const struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		pp_vfio_unmap(&trial->vfio, layout->pieces[i].size, layout->pieces[i].address);
}

const char *pp_map_finding(const struct pp_trial *trial, int code)
{
	const struct pp_caller *caller = trial->host->caller;

	switch (code) {
	case -ENOMEM:
		return !caller || caller->memlock < trial->options.memory ? "memlock"
									  : "memory-short";
	case -EINVAL:
		return "guest-address-width";
	case -ENOSPC:
		return "dma-entry-limit";
	default:
		return NULL;
	}
}

static void prove_map(struct pp_trial *trial, const struct layout *layout, const char *id,
	int advice, const char *pages)
{
	const uint64_t size = trial->options.memory;

	pp_trial_begin(trial);
	/* huge pages need memory that begins with one */
	uint8_t *room = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED) {
		pp_trial_not_proven(trial, id, "memory-short", "%" PRIu64 " MiB of memory: %s",
			MIB(size), strerror(errno));
		return;
	}
	uint8_t *memory = room + (HUGE_PAGE - (uintptr_t)room % HUGE_PAGE) % HUGE_PAGE;
	madvise(memory, size, advice);
	int r = map_pieces(trial, memory, layout);
	if (r < 0) {
		const char *finding = r == -EINVAL ? range_finding(&trial->vfio,
							     &layout->pieces[layout->count - 1])
						   : pp_map_finding(trial, r);
		pp_trial_not_proven(trial, id, finding, "mapping %" PRIu64 " MiB for DMA: %s",
			MIB(size), strerror(-r));
	} else {
		pp_trial_proven(trial, id,
			"%" PRIu64 " MiB mapped for DMA at the guest's addresses, %s", MIB(size),
			pages);
		unmap_pieces(trial, layout);
	}
	munmap(room, size + HUGE_PAGE);
}

void pp_trial_dma(struct pp_trial *trial)
{
	const struct pp_memory *memory = trial->host->memory;

	trial->options.memory = (trial->options.memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	trial->options.address &= ~(PAGE - 1);
	const struct layout layout = lay_out(trial);
	prove_addresses(trial, &layout);
	if (memory && trial->options.memory > memory->available) {
		pp_trial_not_proven(trial, "dma-map", "memory-short",
			"%" PRIu64 " MiB are more than the %" PRIu64
			" MiB that are free: not tried",
			MIB(trial->options.memory), MIB(memory->available));
		return;
	}
	prove_map(trial, &layout, "dma-map", MADV_NOHUGEPAGE, "in pages of 4 KiB");
	prove_map(trial, &layout, "dma-map-huge", MADV_HUGEPAGE,
		"with huge pages where the kernel has them");
}
