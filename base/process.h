/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes: identity that survives reuse of a pid, children with deadlines, and the one way in
 * which a program is started (uid, groups, descriptors, limits). */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A process for good: its pid and its start time in clock ticks since boot (field 22 of stat). */
struct pp_process {
	pid_t pid;
	uint64_t start;
};
int pp_process_self(struct pp_process *ret_process);
int pp_process_of(pid_t pid, struct pp_process *ret_process);
bool pp_process_alive(const struct pp_process *process); /* a zombie is not alive */
/* A pidfd of just this process; -ESRCH when it is gone. */
int pp_process_fd(const struct pp_process *process);
int pp_process_name(pid_t pid, char *name, size_t size); /* comm */
/* When memory runs out, others are killed and not this process; what it starts from now on,
 * neither.
 */
int pp_process_spare(void);

/* Runs WORK(data) in a child; its result (0..255 or -errno) comes back. A child that has not ended
 * by the deadline is left alone (it may be stuck in the kernel) and -ETIMEDOUT is returned with its
 * pid in *ret_pid (may be NULL). */
int pp_process_work(int (*work)(void *data), void *data, int deadline_ms, pid_t *ret_pid);

/* The first of PATHS, which end with NULL, that is a program; NULL: none is. */
const char *pp_process_program(const char *const *paths);
/* Runs a program to its end and collects stdout and stderr together (at most 1 MiB).
 * Returns its exit status, 128+signal, or -errno; -ETIMEDOUT after killing it. */
int pp_process_run(const char *const *argv, int deadline_ms, char **ret_output);

struct pp_spawn_fd {
	int parent; /* descriptor here */
	int child;  /* its number there */
};
struct pp_spawn {
	const char *const *argv; /* argv[0] is a path */
	const char *const *envp; /* NULL: PATH and LC_ALL=C alone */
	const struct pp_spawn_fd *fds;
	size_t n_fds; /* everything else is closed; 0, 1, 2 are /dev/null unless given */
	bool set_ids;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	uint64_t memlock; /* bytes, 0: as it is, UINT64_MAX: unlimited */
	uint64_t nofile;  /* 0: as it is */
	bool new_session;
	bool no_new_privs;
	bool no_capabilities; /* none in any set, and none to be had again */
	bool die_with_parent;
	int (*before_ids)(void *data); /* while it is still the caller's user: namespaces, mounts */
	void *before_data;
	const char *chdir;           /* NULL: "/" */
	int (*in_child)(void *data); /* last thing before exec; returns 0 or -errno */
	void *data;
};
/* Returns the pid; a failure up to and including exec is an error here, not a dead child. */
int pp_process_spawn(const struct pp_spawn *spawn, pid_t *ret_pid, struct pp_error *error);

#endif
