/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An identity: what a device is known by when its address may have become another one's, as words:
 *
 *   pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00 rev=00 dsn=525400ffff1ab001 mac=52:54:...
 *
 * The kernel's modalias (vendor, device, subsystem, class), then what else could be read: revision,
 * PCIe Device Serial Number, and, where the host's driver has it, an NVMe's serial or a card's MAC.
 */
#ifndef LIB_APPLY_IDENTITY_H
#define LIB_APPLY_IDENTITY_H

#include "lib/context.h"

#define PP_IDENTITY_SIZE 512

/* "" where the device is not there. */
int pp_identity_read(struct pp_context *context, const char *address, char text[PP_IDENTITY_SIZE]);
/* What both say is the same; what one does not say is not compared. */
bool pp_identity_same(const char *a, const char *b);
/* Where the device of an identity is now, by its serial number or MAC; -ENOENT: nowhere, or it has
 * none. */
int pp_identity_find(
	struct pp_context *context, const char *identity, char address[PP_ADDRESS_SIZE]);

#endif
