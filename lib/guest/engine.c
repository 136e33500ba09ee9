/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/engine.h"
#include "base/file.h"
#include "lib/guest/descriptor.h"
#include "lib/guest/log.h"
#include "lib/guest/pins.h"
#include "lib/guest/room.h"
#include "lib/guest/shmem.h"
#include "lib/guest/swtpm.h"
#include "lib/guest/virtiofsd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int listen_at(int folder_fd, const char *name, int *ret_fd, struct pp_error *error)
{
	int r = pp_descriptor_listen(folder_fd, name, ret_fd);
	return r < 0 ? pp_error_errno(error, r, "cannot make the socket %s", name) : 0;
}

static int open_engine(int folder_fd, int *ret_fd, struct pp_error *error)
{
	int fd = openat(
		folder_fd, "engine", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot make the file engine");
	*ret_fd = fd;
	return 0;
}

struct becoming {
	int engine_fd;
	const struct pp_record_launch *launch;
};

static int write_engine(void *data)
{
	const struct becoming *becoming = data;
	int r = pp_pins_emulator(becoming->launch);

	return r < 0 ? r : pp_record_save_engine(becoming->engine_fd);
}

/* What is placed in QEMU: its words, its monitors, and what its definition names. */
struct placed {
	struct pp_spawn_fd *fds;
	size_t count;
};

static void placed_done(struct placed *placed)
{
	for (size_t i = 0; i < placed->count; i++)
		if (placed->fds[i].parent >= 0)
			close(placed->fds[i].parent);
	free(placed->fds);
}

static void place(struct placed *placed, int parent, int child)
{
	placed->fds[placed->count++] = (struct pp_spawn_fd){parent, child};
}

static int place_own(int folder_fd, struct placed *placed, struct pp_error *error)
{
	int log = -1, words = -1, qmp = -1, verbs = -1;

	int r = pp_log_begin(folder_fd, &log, error);
	if (r < 0)
		return r;
	place(placed, log, 1);
	words = fcntl(log, F_DUPFD_CLOEXEC, 3);
	if (words < 0)
		return pp_error_errno(error, -errno, "cannot place descriptors");
	place(placed, words, 2);
	r = listen_at(folder_fd, PP_RECORD_QMP, &qmp, error);
	if (r < 0)
		return r;
	place(placed, qmp, PP_ENGINE_QMP_FD);
	r = listen_at(folder_fd, PP_RECORD_VERBS, &verbs, error);
	if (r < 0)
		return r;
	place(placed, verbs, PP_ENGINE_VERBS_FD);
	return 0;
}

static int place_files(int folder_fd, const struct pp_record_launch *launch, struct placed *placed,
	struct pp_error *error)
{
	for (size_t i = 0; i < launch->n_files; i++) {
		const struct pp_launch_file *file = &launch->files[i];
		int fd = -1, r;
		if (file->use == PP_FILE_NODE)
			continue; /* room.c */
		if (file->use == PP_FILE_TPM)
			r = pp_swtpm_open(launch, file->path, placed->fds[0].parent, &fd, error);
		else if (file->use == PP_FILE_SHARE)
			r = pp_virtiofsd_open(
				launch, file, folder_fd, placed->fds[0].parent, &fd, error);
		else if (file->use == PP_FILE_SHMEM)
			r = pp_shmem_open(launch, file, &fd, error);
		else
			r = pp_descriptor_open(file, launch->ids[i], &fd, error);
		if (r < 0)
			return r;
		place(placed, fd, launch->files[i].fd);
	}
	return 0;
}

/* QEMU's own folder, fresh: what is in there was nobody else's before. */
static int make_own(int folder_fd, const struct pp_record_launch *launch, struct pp_error *error)
{
	int r = pp_file_remove_tree(folder_fd, PP_RECORD_OWN);
	if ((r < 0 && r != -ENOENT) || mkdirat(folder_fd, PP_RECORD_OWN, 0700) < 0 ||
		fchownat(folder_fd, PP_RECORD_OWN, launch->uid, launch->gid, AT_SYMLINK_NOFOLLOW) <
			0)
		return pp_error_errno(
			error, r < 0 && r != -ENOENT ? r : -errno, "cannot make %s", launch->own);
	return 0;
}

/* Why it was not started is partly said by the process that was to be QEMU. */
static int fail_spawn(int folder_fd, int code, struct pp_error *error)
{
	PP_FREE char *words = pp_log_last_words(folder_fd, 400);

	if (!words || !error)
		return code;
	struct pp_error why = *error;
	return pp_error_set(error, why.status, code, "%s (%s)", why.text, words);
}

int pp_engine_spawn(int folder_fd, const struct pp_record_launch *launch, int *ret_pidfd,
	struct pp_error *error)
{
	PP_CLEANUP(placed_done)
	struct placed placed = {calloc(launch->n_files + 4, sizeof(*placed.fds)), 0};
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLOSE int engine = -1;
	struct pp_room room = {0};

	if (!placed.fds || !arena)
		return pp_error_oom(error);
	int r = launch->own ? make_own(folder_fd, launch, error) : 0;
	if (r >= 0 && launch->own)
		r = pp_room_plan(launch, arena, &room, error);
	if (r >= 0)
		r = place_own(folder_fd, &placed, error);
	if (r >= 0)
		r = place_files(folder_fd, launch, &placed, error);
	if (r >= 0)
		r = open_engine(folder_fd, &engine, error);
	if (r < 0)
		return r;
	/* Above the numbers that are placed in the child, where it is written to. */
	PP_CLOSE int high = fcntl(engine, F_DUPFD_CLOEXEC, PP_RECORD_OWN_FD);
	if (high < 0)
		return pp_error_errno(error, -errno, "cannot place descriptors");

	struct pp_spawn spawn = {
		.argv = launch->argv,
		.fds = placed.fds,
		.n_fds = placed.count,
		.set_ids = launch->set_ids,
		.uid = launch->uid,
		.gid = launch->gid,
		.groups = launch->groups,
		.n_groups = launch->n_groups,
		.memlock = launch->memlock,
		.no_new_privs = launch->own,
		.no_capabilities = launch->own,
		.before_ids = launch->own ? pp_room_enter : NULL,
		.before_data = &room,
		.new_session = true,
		.in_child = write_engine,
		.data = &(struct becoming){high, launch},
	};
	pid_t pid;
	r = pp_process_spawn(&spawn, &pid, error);
	if (r < 0)
		return fail_spawn(folder_fd, r, error);
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		r = -errno;
		/* What cannot be watched must not run. */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return pp_error_errno(error, r, "cannot watch QEMU");
	}
	*ret_pidfd = pidfd;
	return 0;
}
