/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vital product data: what a card says of itself, as bytes. Pure. */
#ifndef HOST_NODE_VPD_H
#define HOST_NODE_VPD_H

#include "lib/host/node.h"

/* -EINVAL where it has no valid read-only section, is cut short or has a false checksum; -ENOMEM.
 */
int pp_vpd_parse(
	const uint8_t *bytes, size_t length, struct pp_arena *arena, const struct pp_vpd **ret_vpd);

#endif
