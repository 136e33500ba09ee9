/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's own words about a device, from its log, between two moments. */
#ifndef LIB_APPLY_KMSG_H
#define LIB_APPLY_KMSG_H

#include "lib/context.h"

/* A descriptor that stands at the end of the log, -1 where it cannot be read. */
int pp_kmsg_open(struct pp_context *context);
/* The last lines since then that hold NEEDLE, joined; "" when there are none. */
void pp_kmsg_find(int fd, const char *needle, char *text, size_t size);

#endif
