/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A demand: what a definition asks of this host that no host could give, seen before anything was
 * changed; each with the line that asks for it. */
#ifndef LIB_GUEST_DEMAND_H
#define LIB_GUEST_DEMAND_H

#include "base/error.h"
#include "lib/domain/domain.h"

/* A directory where QEMU needs a file, or the other way round. What is not there at all is said by
 * whoever opens it. */
int pp_demand_files(const struct pp_domain *domain, const char *file, struct pp_error *error);

#endif
