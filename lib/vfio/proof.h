/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proofs of a device: what all of them share while they are tried, and what they found.
 * pp_device_prove (pcipass.h) is made of these; each adds lines, and none stops the others. */
#ifndef LIB_VFIO_PROOF_H
#define LIB_VFIO_PROOF_H

#include "base/arena.h"
#include "lib/vfio/microguest.h"
#include "lib/vfio/vfio.h"
#include <pcipass.h>

struct pp_trial {
	const struct pp_host *host;
	const struct pp_device *device;
	struct pp_proof_options options;
	struct pp_vfio vfio;
	struct pp_vfio_device handle;
	struct pp_microguest guest;
	struct pp_arena *arena;
	struct pp_proof *items;
	size_t n_items, room;
	long long since;  /* when what is being tried began, in ns */
	size_t hot_reset; /* functions that a hot reset takes along, all of its group; 0: none */
	int failed;       /* -ENOMEM */
};

/* Begins the time of the next proof. */
void pp_trial_begin(struct pp_trial *trial);
void pp_trial_proven(struct pp_trial *trial, const char *id, const char *format, ...)
	PP_PRINTF(3, 4);
void pp_trial_not_applicable(struct pp_trial *trial, const char *id, const char *format, ...)
	PP_PRINTF(3, 4);
void pp_trial_not_proven(struct pp_trial *trial, const char *id, const char *finding,
	const char *format, ...) PP_PRINTF(4, 5);

/* lib/vfio/dma.c */
void pp_trial_dma(struct pp_trial *trial);
/* Which failure of the catalogue a refused mapping is; NULL: none that is known. */
const char *pp_map_finding(const struct pp_trial *trial, int code);
/* lib/vfio/drive.c: with the micro-guest */
void pp_trial_drive(struct pp_trial *trial);

#endif
