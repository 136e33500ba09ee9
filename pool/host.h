/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cleanups for what comes from the library. */
#ifndef POOL_HOST_H
#define POOL_HOST_H

#include "base/cleanup.h"
#include <pcipass.h>

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_context *, pp_context_close)

#endif
