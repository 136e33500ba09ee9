/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host says of one unit of a pool at one instant. Pure: facts in, facts out. */
#ifndef POOL_UNIT_H
#define POOL_UNIT_H

#include "pool/pool.h"

enum pp_sickness {
	PP_SICK_NOT,
	PP_SICK_ABSENT, /* one of its devices is not there */
	PP_SICK_OTHER,  /* another device is at its address */
	PP_SICK_DEAD,   /* its config space is all ones */
	PP_SICK_GROUP,  /* no IOMMU group */
	PP_SICK_DRIVER, /* the host's driver has a member */
	PP_SICK_RESET,  /* it cannot be reset, and its pool wants that */
	PP_SICK_HELD,   /* someone has it who did not get it from here */
	PP_SICK_CHECK,  /* a check that a local guest would need fails */
};
#define PP_REASON_SIZE 512
struct pp_unit_facts {
	enum pp_sickness sickness;
	char reason[PP_REASON_SIZE]; /* one line for people; "" with PP_SICK_NOT */
	bool held;                   /* a process has it open through VFIO */
	char holder[PP_REASON_SIZE]; /* who */
	int numa_node;               /* -1: none, or several */
	char root[PP_ADDRESS_SIZE];  /* of its leader: "pci0000:00"; "": not there */
};

/* All endpoints in the IOMMU groups of its devices, by address; what has no group stands for
 * itself. free() the list. */
int pp_unit_members(const struct pp_pool_unit *unit, const struct pp_host *host,
	const struct pp_device ***ret_members, size_t *ret_count);
/* The numbers of its groups, each once, the leader's first; free() them. */
int pp_unit_groups(const struct pp_pool_unit *unit, const struct pp_host *host, int **ret_groups,
	size_t *ret_count);

/* HOST with PP_READ_CONFIG, and PP_READ_HOLDERS for who holds it; with PP_READ_ALL all checks of a
 * guest are made too. Who holds it is no sickness here. */
int pp_unit_look(const struct pp_pool_unit *unit, const struct pp_host *host,
	struct pp_unit_facts *ret_facts, struct pp_error *error);

/* What of the pools cannot be on this host, whatever its state: a device that is not there or is
 * another one, two units in one IOMMU group, a bridge. HOST with PP_READ_CONFIG. */
int pp_pools_match(const struct pp_pools *pools, const struct pp_host *host, bool absent_too,
	struct pp_error *error);

#endif
