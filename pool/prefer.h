/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which units of several go together best: on as few NUMA nodes, and there below as few root
 * complexes, as can be. Pure. */
#ifndef POOL_PREFER_H
#define POOL_PREFER_H

#include <stdbool.h>
#include <stddef.h>

struct pp_candidate {
	const char *id;
	int numa_node;    /* -1: none */
	const char *root; /* "pci0000:00" */
	bool must;        /* it is among them in any case */
	bool chosen;      /* the answer */
};
/* Chooses COUNT of them; -EINVAL where that cannot be. */
int pp_candidates_choose(struct pp_candidate *candidates, size_t n_candidates, size_t count);

#endif
