/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plug: places for devices that come into a guest while it runs. Pure. */
#ifndef DOMAIN_PLUG_H
#define DOMAIN_PLUG_H

#include "lib/domain/address.h"

/* LIVE with DEVICES behind its own, each in a slot that can be plugged into and has nothing else:
 * functions of one slot of the host together. Aliases are those that are free. LIVE was read by
 * pp_domain_parse_live; FILE is what messages call the devices' text. The result borrows from both.
 */
int pp_domain_plug(const struct pp_domain *live, const struct pp_domain_device *devices,
	size_t n_devices, const struct pp_hostdev_fact *facts, size_t n_facts, const char *file,
	struct pp_domain **ret_assigned, struct pp_error *error);

/* Whether the host device at SOURCE can leave the guest while it runs. Fills *ret_first with the
 * function 0 of its slot (the one that QEMU is asked for), and ALSO (room for 8) with all host
 * devices of the slot, for they go together. -ENOENT, without a text: the guest has no such device.
 */
int pp_domain_unplug(const struct pp_domain *live, const struct pp_address *source,
	const struct pp_domain_device **ret_first, const struct pp_domain_device **also,
	size_t *ret_count, struct pp_error *error);

#endif
