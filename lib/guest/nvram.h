/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The variables of a guest's UEFI: a file that outlives its runs. */
#ifndef LIB_GUEST_NVRAM_H
#define LIB_GUEST_NVRAM_H

#include "lib/guest/guest.h"
#include "lib/qemu/firmware.h"

/* Where they are when its definition does not say: LIB/nvram/NAME_VARS.fd. NULL: no memory. */
const char *pp_nvram_path(
	const struct pp_context *context, const char *name, struct pp_arena *arena);
/* The file is there, or is made of the template; an old one stays as it is. */
int pp_nvram_make(
	const struct pp_context *context, const struct pp_flash *flash, struct pp_error *error);
/* The file of a guest, whose definition goes; NULL: there is none. */
const char *pp_nvram_find(struct pp_context *context, const struct pp_guest *guest);

#endif
