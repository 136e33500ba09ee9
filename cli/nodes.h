/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cleanup for node devices. */
#ifndef CLI_NODES_H
#define CLI_NODES_H

#include "base/cleanup.h"
#include <pcipass.h>

PP_DEFINE_CLEANUP(struct pp_nodes *, pp_nodes_free)

#endif
