/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder, the lock and the ids; record_json.c has the files. */
#include "lib/guest/record.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/store.h"
#include "lib/guest/plugrecord.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

int pp_record_folder(struct pp_context *context, const char *name, bool make, int *ret_fd,
	struct pp_error *error)
{
	char path[PP_PATH_MAX];
	int r = pp_path(path, sizeof(path), "%s/guests/%s", context->run, name);
	if (r >= 0 && make)
		r = pp_file_mkdirs(AT_FDCWD, path, 0700);
	if (r < 0)
		return pp_error_errno(
			error, r, "cannot make the folder %s/guests/%s", context->run, name);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open %s", path);
	*ret_fd = fd;
	return 0;
}

int pp_record_lock(int folder_fd, int wait_ms, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int fd =
		openat(folder_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open the guest's lock");
	int r = pp_lock_wait(fd, wait_ms);
	if (r == -EAGAIN || r == -ETIMEDOUT)
		r = -EBUSY;
	if (r < 0)
		return pp_error_errno(error, r, "cannot lock the guest");
	pp_file_sweep(folder_fd, "state.json");
	pp_file_sweep(folder_fd, "launch.json");
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

int pp_record_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error)
{
	int r = pp_tree_list(context->tree, arena, "/run/pcipass/guests", ret_names, ret_count);
	if (r == -ENOENT || r == -ENOTDIR) {
		*ret_names = NULL;
		*ret_count = 0;
		return 0;
	}
	if (r < 0)
		return pp_error_errno(error, r, "cannot read %s/guests", context->run);
	return 0;
}

int pp_record_next_id(struct pp_context *context, int *ret_id, struct pp_error *error)
{
	char path[PP_PATH_MAX];
	int r = pp_path(path, sizeof(path), "%s/last-id", context->run);
	if (r < 0)
		return pp_error_errno(error, r, "cannot give the guest an id");
	PP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return pp_error_errno(error, -errno, "cannot give the guest an id: %s", path);

	char text[16] = "";
	int last = 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (pp_parse_int(text, &last) < 0 || last < 0 || last >= 999999999)
			last = 0;
	}
	/* Of constant length: one write that leaves nothing of the old number behind. */
	int length = snprintf(text, sizeof(text), "%09d\n", last + 1);
	if (pwrite(fd, text, (size_t)length, 0) != length)
		return pp_error_errno(
			error, errno ? -errno : -EIO, "cannot give the guest an id: %s", path);
	*ret_id = last + 1;
	return 0;
}

int pp_record_save_engine(int engine_fd)
{
	struct pp_process self;
	int r = pp_process_self(&self);
	if (r < 0)
		return r;
	char text[64];
	int length = snprintf(
		text, sizeof(text), "%d %llu\n", (int)self.pid, (unsigned long long)self.start);
	ssize_t n = pwrite(engine_fd, text, (size_t)length, 0);
	return n == length ? 0 : n < 0 ? -errno : -EIO;
}

int pp_record_clear(int folder_fd)
{
	static const char *const names[] = {"engine", PP_RECORD_QMP, PP_RECORD_VERBS, "state.json",
		"launch.json", PP_RECORD_LIVE, PP_PLUG_FILES};
	for (size_t i = 0; i < PP_COUNT(names); i++)
		if (unlinkat(folder_fd, names[i], 0) < 0 && errno != ENOENT)
			return -errno;
	pp_file_sweep(folder_fd, NULL);
	int r = pp_file_remove_tree(folder_fd, PP_RECORD_OWN);
	return r == -ENOENT ? 0 : r;
}

void pp_record_free(struct pp_record *record)
{
	if (record)
		pp_arena_free(record->arena);
}

bool pp_record_is_over(const struct pp_record *record)
{
	return !record->exists ||
	       (!record->state.fault && record->state.life.phase == PP_PHASE_ENDED &&
		       !record->state.life.unreleased);
}

/* ---- how it is shown ---- */

static const char *show_end(const struct pp_record *record)
{
	const struct pp_life *life = &record->state.life;

	switch (life->end) {
	case PP_END_SHUTDOWN:
		return "shutdown";
	case PP_END_RESET:
		return "ended at a restart";
	case PP_END_PANIC:
		return "guest panic";
	case PP_END_DESTROYED:
		return "destroyed";
	case PP_END_TERMINATED:
		return "QEMU was terminated";
	case PP_END_SIGNAL:
		return pp_arena_printf(record->arena, "killed by signal %d", life->end_detail);
	case PP_END_EXIT:
		return pp_arena_printf(
			record->arena, "QEMU ended with exit status %d", life->end_detail);
	case PP_END_DIED:
		return "QEMU was killed or gave up";
	case PP_END_UNSEEN:
		return "ended while its supervisor was gone";
	case PP_END_FAILED:
		return "failed";
	case PP_END_TIMEOUT:
		return "failed: QEMU did not answer in time";
	case PP_END_TRIAL:
		return "it was on trial, and nobody kept it in time";
	case PP_END_NONE:
		break;
	}
	return "unknown";
}

static const char *show_pause(enum pp_run_state run)
{
	switch (run) {
	case PP_RUN_PRELAUNCH:
		return "starting up";
	case PP_RUN_IO_ERROR:
		return "I/O error";
	case PP_RUN_PANICKED:
		return "guest panic";
	case PP_RUN_WATCHDOG:
		return "watchdog";
	default:
		return "user";
	}
}

static enum pp_guest_state show_over(const struct pp_record *record, const char **ret_reason)
{
	const struct pp_life *life = &record->state.life;
	const char *reason = show_end(record);

	if (life->unreleased)
		reason = pp_arena_printf(record->arena, "%s; its devices are not back: %s", reason,
			record->state.devices ? record->state.devices : "not known why");
	*ret_reason = reason;
	return pp_end_is_crash(life->end) ? PP_GUEST_CRASHED : PP_GUEST_SHUT_OFF;
}

static enum pp_guest_state show_faulty(const struct pp_record *record, const char **ret_reason)
{
	bool alive = pp_process_alive(&record->engine);

	*ret_reason =
		pp_arena_printf(record->arena, "its state cannot be read: %s", record->state.fault);
	return alive ? PP_GUEST_RUNNING : PP_GUEST_SHUT_OFF;
}

enum pp_guest_state pp_record_show(const struct pp_record *record, const char **ret_reason)
{
	const struct pp_life *life = &record->state.life;

	*ret_reason = "unknown";
	if (!record->exists)
		return PP_GUEST_SHUT_OFF;
	if (record->state.fault)
		return show_faulty(record, ret_reason);
	switch (life->phase) {
	case PP_PHASE_LAUNCHING:
	case PP_PHASE_ASKING:
	case PP_PHASE_STARTING:
		*ret_reason = "being started";
		return PP_GUEST_STARTING;
	case PP_PHASE_RUNNING:
		*ret_reason = life->monitor ? "booted" : "QEMU's monitor does not answer";
		return PP_GUEST_RUNNING;
	case PP_PHASE_PAUSED:
		*ret_reason = show_pause(life->run);
		return life->run == PP_RUN_PANICKED ? PP_GUEST_CRASHED : PP_GUEST_PAUSED;
	case PP_PHASE_IN_SHUTDOWN:
		*ret_reason = show_end(record);
		return PP_GUEST_IN_SHUTDOWN;
	case PP_PHASE_STOPPING:
		*ret_reason = "QEMU was asked to end";
		return PP_GUEST_IN_SHUTDOWN;
	case PP_PHASE_KILLING:
		*ret_reason =
			life->stuck ? "QEMU was killed and hangs in the kernel" : "QEMU was killed";
		return PP_GUEST_IN_SHUTDOWN;
	case PP_PHASE_RELEASING:
		*ret_reason = "its devices go back";
		return PP_GUEST_IN_SHUTDOWN;
	case PP_PHASE_ENDED:
		return show_over(record, ret_reason);
	}
	return PP_GUEST_SHUT_OFF;
}
