/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One write(2) to a file of the kernel, which can hang for as long as the machine runs: so a child
 * makes it. The child shares our memory (vfork(2)), for to copy that would cost many times what the
 * write does; and a thread of our own, not the caller, stands still until the child has ended. */
#ifndef LIB_APPLY_POKE_H
#define LIB_APPLY_POKE_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <sys/types.h>

struct pp_poke;
struct pp_poke_order {
	const char *path, *text;
	int keep_fd; /* all that the child keeps open: the lock of the device; -1: nothing */
	bool hang;   /* tests: it hangs, and writes nothing */
};

int pp_poke_start(const struct pp_poke_order *order, struct pp_poke **ret_poke);
/* False: it has not ended after WAIT_MS. *ret_result: 0, what write(2) said as -errno, or -ECHILD
 * when the child was killed. */
bool pp_poke_wait(struct pp_poke *poke, int wait_ms, int *ret_result);
/* Of the child; 0: it has not begun. */
pid_t pp_poke_pid(struct pp_poke *poke);
/* A child that hangs goes on, and is reaped when it ends. */
void pp_poke_leave(struct pp_poke *poke);
PP_DEFINE_CLEANUP(struct pp_poke *, pp_poke_leave)

#endif
