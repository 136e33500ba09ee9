/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A record: what is kept of a guest's run in RUN/guests/NAME, so that any process can go on with
 * it:
 *
 *   lock         held by whoever takes care of the guest: the verb that starts it, then its
 *                supervisor. Free: nobody does
 *   launch.json  what is started and how; written once a start
 *   live.xml     the definition of this run, with the address and the alias of each device
 *   engine       pid and start time of QEMU, written by QEMU's own process before it becomes QEMU
 *   state.json   where in its life the guest is; written by whoever holds the lock
 *   qmp.sock, verbs.sock   QEMU's two monitors: the supervisor's, and one for verbs
 *   qemu.log     what QEMU says, and qemu.log.old (log.h)
 *   own          QEMU's: the sockets that it makes by itself
 *
 * Files of another version, cut short, or not ours at all are faults that are said, never errors
 * that keep a guest from being taken care of. */
#ifndef LIB_GUEST_RECORD_H
#define LIB_GUEST_RECORD_H

#include "base/arena.h"
#include "base/process.h"
#include "lib/context.h"
#include "lib/guest/life.h"
#include "lib/qemu/argv.h"
#include <stdint.h>

#define PP_RECORD_VERSION 1
/* The supervisor's own descriptors lie from here on, above those that are placed in QEMU's process
 * before it becomes QEMU: there the lock must live until QEMU's pid is written down, or someone
 * could think that there is no QEMU. */
#define PP_RECORD_OWN_FD 256
#define PP_RECORD_QMP "qmp.sock"
#define PP_RECORD_VERBS "verbs.sock"
#define PP_RECORD_LIVE "live.xml"
#define PP_RECORD_OWN "own"

/* launch.json */
struct pp_record_launch {
	const char *fault; /* why it cannot be used; NULL: it is there and sound */
	const char *uuid;
	int id;
	const char *const *argv; /* QEMU's, NULL-terminated */
	uint64_t memlock;        /* as in struct pp_spawn */
	const char *own; /* the folder in which it may make sockets; NULL: QEMU runs as we do, and
			    sees what we see */
	bool kvm;        /* it opens /dev/kvm */
	bool set_ids;
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t n_groups;
	/* What QEMU is given as descriptors; ids are "DEVICE:INODE" of images as they were when the
	 * start looked at them, NULL for others. */
	const struct pp_launch_file *files;
	const char *const *ids;
	size_t n_files;
	bool paused;
	bool restart_on_panic;
	uint64_t balloon;         /* bytes that the guest begins with; 0: all that it has */
	const char *stats_path;   /* of the balloon in QEMU that asks for statistics; NULL: none */
	int stats_period;         /* seconds */
	int start_ms, stop_ms;    /* deadlines */
	const char *console;      /* QEMU's chardev, to be asked for its pty; NULL: none */
	const char *console_path; /* a file or socket that is known beforehand */
	const char *const *devices; /* host addresses, NULL-terminated */
	const char *live;           /* the text of live.xml, which is a file of its own */
	const char *const *pins;    /* where its threads run, as in struct pp_launch; NULL: all */
};

/* state.json and engine */
struct pp_record_state {
	const char *fault;
	struct pp_life life;
	struct pp_process starter, supervisor; /* pid 0: none */
	const char *text;                      /* QEMU's own words where it failed; NULL */
	const char *devices; /* why devices are not back, NULL: they are, or nobody tried */
	const char *console; /* path of the pty or socket */
};

struct pp_record {
	struct pp_arena *arena;
	bool exists;              /* there is (or was) a run */
	struct pp_process engine; /* QEMU; pid 0: never got that far */
	struct pp_record_launch launch;
	struct pp_record_state state;
};

/* The folder of a guest's run. Not there: -ENOENT, unless it is to be made. */
int pp_record_folder(struct pp_context *context, const char *name, bool make, int *ret_fd,
	struct pp_error *error);
/* Takes the lock; -EBUSY when another has it for longer than WAIT_MS. */
int pp_record_lock(int folder_fd, int wait_ms, int *ret_fd, struct pp_error *error);
/* How long to wait for one that nobody seems to have: a process on its way to be QEMU has it for
 * the last milliseconds before it is. */
#define PP_RECORD_LOCK_MS 2000
/* The names of all guests that have a folder. */
int pp_record_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error);
/* The id of the next guest that starts: they count up from 1 while the host is up. */
int pp_record_next_id(struct pp_context *context, int *ret_id, struct pp_error *error);

/* Faults are inside; an error is lack of memory or permission. */
int pp_record_load(struct pp_context *context, const char *name, struct pp_record **ret_record,
	struct pp_error *error);
int pp_record_load_at(
	int folder_fd, const char *name, struct pp_record **ret_record, struct pp_error *error);
void pp_record_free(struct pp_record *record);
PP_DEFINE_CLEANUP(struct pp_record *, pp_record_free)

int pp_record_save_launch(int folder_fd, const char *name, const struct pp_record_launch *launch,
	struct pp_error *error);
int pp_record_save_state(int folder_fd, const char *name, const struct pp_record_state *state,
	struct pp_error *error);
/* Called in the process that is going to be QEMU; the descriptor is of the file "engine". */
int pp_record_save_engine(int engine_fd);
/* What of an earlier run would mislead: engine, sockets, log. */
int pp_record_clear(int folder_fd);

/* The run is over and nothing of it is left to do. */
bool pp_record_is_over(const struct pp_record *record);
/* How the state is shown: the enum, and a reason in the arena of the record. */
enum pp_guest_state pp_record_show(const struct pp_record *record, const char **ret_reason);

#endif
