/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's PCI as people see it: buses, what is in each slot, and how much can still be added.
 * Pure. */
#ifndef DOMAIN_TOPOLOGY_H
#define DOMAIN_TOPOLOGY_H

#include "lib/domain/address.h"
#include "lib/domain/bus.h"

/* The machine's own function at an address of bus 0: "host bridge"; NULL: it has none there. */
const char *pp_chipset_function(bool q35, unsigned slot, unsigned function);

/* Whether a device can be plugged into this bus while the guest runs. */
bool pp_bus_is_hot(const struct pp_domain *assigned, const struct pp_bus_set *set, unsigned index);

/* What stands in the way of one more device while the guest runs. */
const char *pp_bus_hot_obstacle(
	const struct pp_domain *assigned, const struct pp_bus_set *set, bool express);

/* Tree and room of a guest. DOMAIN is as it runs, or as it is to start; NEXT (may be the same) is
 * what more is added to for its next start. */
int pp_topology_make(const struct pp_domain *domain, const struct pp_domain *next,
	const struct pp_hostdev_fact *facts, size_t n_facts, const char *file,
	struct pp_guest_pci **ret_pci, struct pp_error *error);

#endif
