/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --check FILE: what the pools of a file would be on this host, without serving them. */
#ifndef DEVICE_PLUGIN_CHECK_H
#define DEVICE_PLUGIN_CHECK_H

#include "pool/pool.h"

/* Prints a line a unit. Returns an exit status: 3 where a unit is not ready. */
int plugin_check(struct pp_context *context, const struct pp_pools *pools, struct pp_error *error);

#endif
