/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One of the two runs in which each PCI device of a guest gets its slot. Inside lib/domain only. */
#ifndef DOMAIN_PLACING_H
#define DOMAIN_PLACING_H

#include "lib/domain/assign.h"

struct pp_placing {
	struct pp_assigning *assigning;
	struct pp_bus_set *set;
	bool *placed; /* device N has its place in this run */
	bool dry;
	bool tight; /* no slot is kept free for later */
};

/* pci.c. A device that still has to get a place from us. */
bool pp_placing_wants(const struct pp_placing *placing, size_t index);
/* Takes PLACE for a device; the real run writes it down. */
int pp_placing_settle(struct pp_placing *placing, size_t index, const struct pp_place *place,
	unsigned needs, bool is_explicit);
int pp_placing_anywhere(struct pp_placing *placing, size_t index);

/* chipset.c: slots that the machine itself has, and those where people and guests expect a
 * device. */
int pp_placing_chipset(struct pp_placing *placing);
int pp_placing_preferred(struct pp_placing *placing);

/* slotmates.c: functions that stay together in one slot. */
bool pp_placing_is_ich9(const struct pp_domain_device *device, int index);
int pp_placing_ich9(struct pp_placing *placing, size_t index);
int pp_placing_hostdev(struct pp_placing *placing, size_t first);

/* bridge.c: what PCI controllers say of themselves, once they have their places. */
int pp_placing_bridges(struct pp_assigning *assigning);

#endif
