/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tending: that each guest that runs has a supervisor, and each that is gone has nothing left out.
 */
#ifndef LIB_GUEST_TEND_H
#define LIB_GUEST_TEND_H

#include "lib/guest/record.h"

/* Who takes care of the guest now: the supervisor, or the verb that starts it; pid 0: nobody. */
struct pp_process pp_record_carer(const struct pp_record *record);

/* Starts a supervisor for NAME with the guest's LOCK_FD. The pipe that comes back says
 * PP_SUPERVISOR_RUNS once the guest runs, and ends with the supervisor. */
int pp_supervisor_spawn(struct pp_context *context, const char *name, bool adopt, int lock_fd,
	int *ret_status_fd, pid_t *ret_pid, struct pp_error *error);
/* Waits for its word: 1 the guest runs, 0 the supervisor has ended, -ETIMEDOUT. */
int pp_supervisor_await(int status_fd, int deadline_ms);

/* Looks whether somebody takes care of the guest; if not, and we may, a supervisor adopts it, and
 * gives devices back if QEMU has gone too. Tells the context's listener. RETRY: tries once more
 * what an earlier supervisor could not give back. *record is loaded again when anything was done
 * (1), else 0. */
int pp_guest_tend(struct pp_context *context, const char *name, bool retry,
	struct pp_record **record, struct pp_error *error);

#endif
