/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest addresses: which bus and slot of the guest each device sits in. Explicit addresses are
 * kept, the rest is allocated as libvirt does it, so that a guest that comes from there finds its
 * devices where they were; and what libvirt lacks: functions of one host slot become one
 * multi-function device. */
#ifndef DOMAIN_ADDRESS_H
#define DOMAIN_ADDRESS_H

#include "lib/domain/domain.h"

/* What the rules want to know of a host device. One that is not told of is taken for PCI Express.
 */
struct pp_hostdev_fact {
	struct pp_address address;
	bool express;          /* has a PCI Express capability */
	bool virtual_function; /* its slot's other functions are no part of it */
	bool has_node;
	unsigned node; /* of the host, that it is nearest to */
};

/* Settles everything that the definition leaves open: adds the devices and controllers that it
 * implies, and gives each device its address and alias. The result borrows the texts of DOMAIN and
 * must not outlive it. Errors name the line. */
int pp_domain_assign(const struct pp_domain *domain, const struct pp_hostdev_fact *facts,
	size_t n_facts, const char *file, struct pp_domain **ret_assigned, struct pp_error *error);
/* The same, with its buses: they live as long as the result. */
struct pp_bus_set;
int pp_domain_assign_buses(const struct pp_domain *domain, const struct pp_hostdev_fact *facts,
	size_t n_facts, const char *file, struct pp_domain **ret_assigned,
	const struct pp_bus_set **ret_set, struct pp_error *error);

#endif
