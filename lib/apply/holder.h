/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A holder: the process that has a device's VFIO node open, on whom an unbind would wait for ever.
 */
#ifndef LIB_APPLY_HOLDER_H
#define LIB_APPLY_HOLDER_H

#include "base/cleanup.h"
#include "lib/context.h"

struct pp_holder {
	pid_t pid;
	char name[64]; /* its command */
	char node[64]; /* "/dev/vfio/4" */
};

/* 1: *ret_holder says who; 0: nobody that can be seen. */
int pp_holder_find(struct pp_context *context, const char *address, struct pp_holder *ret_holder);
/* The same for many devices: what all processes have open is looked at once, and again when that is
 * a moment ago. */
struct pp_holders;
struct pp_holders *pp_holders_new(void); /* NULL: without memory */
void pp_holders_free(struct pp_holders *holders);
PP_DEFINE_CLEANUP(struct pp_holders *, pp_holders_free)
int pp_holders_find(struct pp_context *context, struct pp_holders *holders, const char *address,
	struct pp_holder *ret_holder);

#endif
