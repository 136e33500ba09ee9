/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of a guest that runs: to shut down, to end, and to be waited for. */
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/guest.h"
#include "lib/guest/steer.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/pidfd.h>

PP_DEFINE_CLEANUP(struct pp_guest_list *, pp_guest_list_free)

/* After the deadline to end and the one after being killed, devices have time to go back. */
#define RELEASE_MS 300000
#define KILL_MS 30000
#define WORD_MS 2000 /* after this long the one who waits hears what for */

/* ---- waiting ---- */

/* Until the process has gone: 0, or -ETIMEDOUT. */
static int await_process(const struct pp_process *process, long long end)
{
	PP_CLOSE int fd = pp_process_fd(process);
	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return fd;
	for (;;) {
		long long left = end < 0 ? -1 : end - pp_clock_ms();
		if (end >= 0 && left <= 0)
			return -ETIMEDOUT;
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int r = poll(&wait, 1,
			left < 0 || left > 1000000 ? (left < 0 ? -1 : 1000000) : (int)left);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static int fail_waiting(const struct pp_guest *guest, struct pp_error *error)
{
	const char *reason;
	enum pp_guest_state state = pp_record_show(guest->record, &reason);

	pp_error_set(error, PP_STATUS_FAILED, -ETIMEDOUT,
		"guest %s: it has not ended in time: it is %s (%s); QEMU is process %d, its "
		"supervisor %d",
		guest->name, pp_guest_state_text(state), reason, (int)guest->record->engine.pid,
		(int)guest->record->state.supervisor.pid);
	if (state == PP_GUEST_RUNNING)
		pp_error_remedy(error, "`pcipass destroy %s` ends it without asking the guest",
			guest->name);
	else
		pp_error_remedy(error, "`pcipass dominfo %s` shows what it does", guest->name);
	return -ETIMEDOUT;
}

static void say_waiting(struct pp_context *context, const struct pp_guest *guest, long long end)
{
	const char *reason;
	enum pp_guest_state state = pp_record_show(guest->record, &reason);
	PP_FREE char *most = NULL;
	if (end >= 0 && asprintf(&most, ", at most %lld s", (end - pp_clock_ms() + 999) / 1000) < 0)
		most = NULL;
	pp_context_say(context, PP_EVENT_WAIT, "waiting for guest %s to end: it is %s (%s)%s",
		guest->name, pp_guest_state_text(state), reason, most ? most : "");
}

/* As await_process; when that takes long, and when what it does then changes, it is said. */
static int await_carer(struct pp_context *context, struct pp_guest *guest,
	const struct pp_process *carer, long long end)
{
	PP_FREE char *before = NULL;
	const char *reason;
	for (;;) {
		long long word = pp_clock_ms() + WORD_MS;
		bool last = end >= 0 && end <= word;
		int r = await_process(carer, last ? end : word);
		if (r != -ETIMEDOUT || last)
			return r;
		if (pp_guest_reload(context, guest, NULL) < 0 || !pp_guest_is_active(guest))
			continue;
		pp_record_show(guest->record, &reason);
		if (pp_text_is(before, reason))
			continue;
		say_waiting(context, guest, end);
		free(before);
		before = strdup(reason);
	}
}

/* Who takes care of it ends when it has ended; when that one was killed, another adopts it. END <
 * 0: no deadline. */
static int await_end(
	struct pp_context *context, struct pp_guest *guest, long long end, struct pp_error *error)
{
	while (pp_guest_is_active(guest)) {
		struct pp_process carer = pp_record_carer(guest->record);
		int r = carer.pid ? await_carer(context, guest, &carer, end) : 0;
		if (r != -ETIMEDOUT && r < 0)
			return pp_error_errno(
				error, r, "guest %s: cannot wait for its end", guest->name);
		int reloaded = pp_guest_reload(context, guest, error);
		if (reloaded < 0)
			return reloaded;
		if (r == -ETIMEDOUT && pp_guest_is_active(guest))
			return fail_waiting(guest, error);
		if (pp_guest_is_active(guest) && pp_record_carer(guest->record).pid == 0)
			return pp_error_set(error, PP_STATUS_RECOVER, -EOWNERDEAD,
				"guest %s: nobody takes care of it", guest->name);
	}
	return 0;
}

/* Its end is only good when its devices are back. */
static int judge_end(const struct pp_guest *guest, struct pp_error *error)
{
	const struct pp_record_state *state = &guest->record->state;

	if (state->fault || !state->life.unreleased)
		return 0;
	pp_error_set(error, PP_STATUS_RECOVER, -EIO,
		"guest %s: it has ended, but its devices are not back: %s", guest->name,
		state->devices ? state->devices : "not known why");
	pp_error_id(error, "device-not-back");
	pp_error_remedy(error, "`pcipass recover` tries again");
	return -EIO;
}

int pp_guest_wait(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	long long end = deadline_ms > 0 ? pp_clock_ms() + deadline_ms : -1;

	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = await_end(context, guest, end, error);
	return r < 0 ? r : judge_end(guest, error);
}

/* ---- asking ---- */

int pp_guest_shutdown(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	long long end = pp_clock_ms() + deadline_ms;

	int r = pp_steer_load(context, name, "shut a guest down", &guest, error);
	if (r == 0)
		return pp_steer_refuse(guest, "shut it down", error);
	if (r > 0)
		r = pp_steer_command(context, guest, "system_powerdown", NULL, NULL, error);
	if (r < 0)
		return guest && error
			       ? pp_error_wrap(error, "guest %s: cannot shut it down", guest->name)
			       : r;
	if (deadline_ms <= 0)
		return 0;
	r = await_end(context, guest, end, error);
	return r < 0 ? r : judge_end(guest, error);
}

int pp_guest_destroy(struct pp_context *context, const char *name, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_steer_load(context, name, "end a guest", &guest, error);
	if (r <= 0)
		return r;
	const struct pp_process *supervisor = &guest->record->state.supervisor;
	PP_CLOSE int fd = pp_process_fd(supervisor);
	if (fd < 0) {
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"guest %s: cannot end it: it is being started by process %d", guest->name,
			(int)guest->record->state.starter.pid);
		pp_error_remedy(error, "end that process, or try again when it is done");
		return -EBUSY;
	}
	if (pidfd_send_signal(fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return pp_error_errno(error, -errno,
			"guest %s: cannot tell its supervisor (process %d)", guest->name,
			(int)supervisor->pid);
	long long end = pp_clock_ms() + guest->record->launch.stop_ms + KILL_MS + RELEASE_MS;
	r = await_end(context, guest, end, error);
	return r < 0 ? r : judge_end(guest, error);
}

/* ---- all of them ---- */

static void say(pp_progress *progress, void *data, const char *what, const char *name)
{
	PP_FREE char *text = NULL;
	if (progress && asprintf(&text, "guest %s: %s", name, what) >= 0)
		progress(PP_EVENT_NOTE, text, data);
}

/* Asked for as long as it may take, then ended. */
static int stop_one(struct pp_context *context, const char *name, int deadline_ms,
	pp_progress *progress, void *data, struct pp_error *error)
{
	struct pp_error own = {0};
	int r = pp_guest_shutdown(context, name, deadline_ms > 0 ? deadline_ms : 1, &own);
	if (r == -ESRCH || r == -ENOENT) /* it has ended meanwhile */
		return 0;
	if (r >= 0) {
		say(progress, data, "has shut down", name);
		return 0;
	}
	if (own.status != PP_STATUS_RECOVER) {
		say(progress, data, own.text, name);
		return pp_guest_destroy(context, name, error);
	}
	if (error)
		*error = own;
	return r;
}

int pp_guests_shutdown(struct pp_context *context, int deadline_ms, pp_progress *progress,
	void *data, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	long long end = pp_clock_ms() + deadline_ms;
	int first = 0, running = 0;
	int r = pp_guest_list_brief(context, &list, error);
	if (r < 0)
		return r;
	while ((size_t)running < list->n_items && list->items[running].id >= 0)
		running++;
	for (int i = running; i-- > 0;) { /* ids count up, and the list begins with the lowest */
		struct pp_error own = {0};
		long long left = (end - pp_clock_ms()) / (i + 1);
		r = stop_one(context, list->items[i].name, left > 0 ? (int)left : 1, progress, data,
			&own);
		if (r >= 0 || first < 0)
			continue;
		first = r;
		if (error)
			*error = own;
	}
	return first;
}
