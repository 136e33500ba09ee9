/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a topology shows, gathered: the checks' verdict on each function, who uses it, guests. */
#ifndef CLI_TOPOLOGY_FACTS_H
#define CLI_TOPOLOGY_FACTS_H

#include "cli/cli.h"
#include "cli/topology/topology.h"

/* HOST: read with PP_READ_ALL; all else in ARENA. An exit status. */
int cli_topology_facts(struct cli *cli, const struct pp_host *host, struct pp_arena *arena,
	struct topology_facts *ret_facts);

#endif
