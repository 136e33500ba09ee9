/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/steer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/qemu/qmp.h"
#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>

#define MONITOR_MS 60000
/* Until the supervisor has heard of it too. QEMU has said so before: this is not waited for longer.
 */
#define HEARD_MS 10000

int pp_steer_refuse(const struct pp_guest *guest, const char *what, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, -ESRCH, "guest %s: cannot %s: it does not run",
		guest->name, what);
	pp_error_id(error, "guest-not-running");
	pp_error_remedy(error, "`pcipass start %s` starts it", guest->name);
	return -ESRCH;
}

int pp_steer_load(struct pp_context *context, const char *word, const char *what,
	struct pp_guest **ret_guest, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_guest_may_write(context, what, error);
	if (r >= 0)
		r = pp_guest_load(context, word, &guest, error);
	if (r < 0)
		return r;
	bool active = pp_guest_is_active(guest);
	*ret_guest = PP_TAKE(guest);
	return active;
}

int pp_steer_command(struct pp_context *context, const struct pp_guest *guest, const char *command,
	struct pp_json *arguments, struct pp_json **ret_value, struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	PP_CLEANUP(pp_qmp_freep) struct pp_qmp *qmp = NULL;

	int r = pp_record_folder(context, guest->name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_qmp_connect(folder_fd, PP_RECORD_VERBS, &qmp, error);
	if (r >= 0)
		r = pp_qmp_negotiate(qmp, MONITOR_MS, error);
	if (r < 0)
		pp_json_free(arguments);
	else
		r = pp_qmp_call(qmp, command, arguments, MONITOR_MS, ret_value, error);
	if (r == -ETIMEDOUT)
		pp_error_remedy(error,
			"QEMU (process %d) is busy or stuck; `pcipass destroy %s` ends it",
			(int)guest->record->engine.pid, guest->name);
	return r;
}

/* ---- stopped and let go ---- */

static int ask_running(struct pp_context *context, const struct pp_guest *guest, bool *ret_running,
	struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *status = NULL;

	int r = pp_steer_command(context, guest, "query-status", NULL, &status, error);
	if (r >= 0 && pp_json_get_bool(status, "running", ret_running) < 0)
		return pp_error_set(error, PP_STATUS_FAILED, -EPROTO,
			"QEMU's answer to query-status does not say whether it runs");
	return r;
}

static bool is_known(const struct pp_guest *guest, bool running)
{
	const char *reason;
	enum pp_guest_state state = pp_record_show(guest->record, &reason);

	return !pp_guest_is_active(guest) || (state == PP_GUEST_RUNNING) == running;
}

/* The supervisor hears it from QEMU and writes it down; what comes next finds it there. */
static int await_known(struct pp_context *context, struct pp_guest *guest, int notify_fd,
	bool running, struct pp_error *error)
{
	long long end = pp_clock_ms() + HEARD_MS, left = HEARD_MS;
	char events[4096];

	while (left > 0) {
		struct pollfd wait = {.fd = notify_fd, .events = POLLIN};
		int r = pp_guest_reload(context, guest, error);
		if (r < 0 || is_known(guest, running))
			return r < 0 ? r : 0;
		if (poll(&wait, 1, (int)left) > 0 && read(notify_fd, events, sizeof(events)) < 0)
			return pp_error_errno(error, -errno, "cannot watch its record");
		left = end - pp_clock_ms();
	}
	return 0;
}

int pp_steer_watch(struct pp_context *context, const struct pp_guest *guest, int *ret_fd,
	struct pp_error *error)
{
	char path[PP_PATH_MAX];
	PP_CLOSE int fd = inotify_init1(IN_CLOEXEC);

	int r = pp_path(path, sizeof(path), "%s/guests/%s", context->run, guest->name);
	if (r >= 0 && (fd < 0 || inotify_add_watch(fd, path, IN_MOVED_TO) < 0))
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r, "cannot watch its record");
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

/* QEMU is asked afterwards: success is what it says then, not that it took the command. */
static int set_running(struct pp_context *context, struct pp_guest *guest, bool running,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLOSE int notify_fd = -1;
	bool now = false;

	int r = pp_steer_watch(context, guest, &notify_fd, error);
	if (r >= 0)
		r = ask_running(context, guest, &now, error);
	if (r < 0 || now == running)
		return r;
	r = pp_steer_command(context, guest, running ? "cont" : "stop", NULL, NULL, error);
	if (r >= 0)
		r = ask_running(context, guest, &now, error);
	if (r < 0)
		return r;
	if (now != running)
		return pp_error_set(error, PP_STATUS_FAILED, -EAGAIN,
			"QEMU took the command, but the guest %s",
			now ? "still runs" : "does not run");
	*ret_changed = true;
	return await_known(context, guest, notify_fd, running, error);
}

static int steer(struct pp_context *context, const char *name, const char *what, bool running,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	bool changed = false;

	int r = pp_steer_load(context, name, what, &guest, error);
	if (r == 0)
		return pp_steer_refuse(guest, what, error);
	if (r > 0)
		r = set_running(context, guest, running, &changed, error);
	if (r < 0)
		return guest && error
			       ? pp_error_wrap(error, "guest %s: cannot %s", guest->name, what)
			       : r;
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int pp_guest_suspend(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error)
{
	return steer(context, name, "suspend it", false, ret_changed, error);
}

int pp_guest_resume(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error)
{
	return steer(context, name, "resume it", true, ret_changed, error);
}

/* ---- asked to begin anew ---- */

static int set_shutdown(struct pp_context *context, const struct pp_guest *guest,
	const char *action, struct pp_error *error)
{
	struct pp_json *arguments = pp_json_object();

	if (!arguments || pp_json_set_string(arguments, "shutdown", action) < 0) {
		pp_json_free(arguments);
		return pp_error_oom(error);
	}
	return pp_steer_command(context, guest, "set-action", arguments, NULL, error);
}

/* Until the guest has shut down: 1; 0: it has not within the time. */
static int await_shutdown(struct pp_context *context, struct pp_guest *guest, int notify_fd,
	int deadline_ms, struct pp_error *error)
{
	long long end = pp_clock_ms() + deadline_ms, left = deadline_ms;
	char events[4096];

	while (left > 0) {
		struct pollfd wait = {.fd = notify_fd, .events = POLLIN};
		const char *reason;
		int r = pp_guest_reload(context, guest, error);
		if (r < 0)
			return r;
		if (pp_record_show(guest->record, &reason) == PP_GUEST_IN_SHUTDOWN)
			return 1;
		if (!pp_guest_is_active(guest))
			return pp_error_set(error, PP_STATUS_FAILED, -ECANCELED,
				"it ended instead (%s)", reason);
		if (poll(&wait, 1, (int)left) > 0 && read(notify_fd, events, sizeof(events)) < 0)
			return pp_error_errno(error, -errno, "cannot watch its record");
		left = end - pp_clock_ms();
	}
	return 0;
}

static int begin_anew(
	struct pp_context *context, struct pp_guest *guest, int notify_fd, struct pp_error *error)
{
	int r = pp_steer_command(context, guest, "system_reset", NULL, NULL, error);
	if (r >= 0)
		r = set_shutdown(context, guest, "poweroff", error);
	if (r >= 0)
		r = pp_steer_command(context, guest, "cont", NULL, NULL, error);
	return r < 0 ? r : await_known(context, guest, notify_fd, true, error);
}

/* The guest is asked to shut down, and QEMU to wait when it has. If we are killed meanwhile, its
 * supervisor ends what waits. */
static int reboot(
	struct pp_context *context, struct pp_guest *guest, int deadline_ms, struct pp_error *error)
{
	PP_CLOSE int notify_fd = -1;

	int r = pp_steer_watch(context, guest, &notify_fd, error);
	if (r >= 0)
		r = set_shutdown(context, guest, "pause", error);
	if (r >= 0)
		r = pp_steer_command(context, guest, "system_powerdown", NULL, NULL, error);
	if (r >= 0)
		r = await_shutdown(context, guest, notify_fd, deadline_ms, error);
	if (r > 0)
		return begin_anew(context, guest, notify_fd, error);
	if (pp_guest_is_active(guest))
		set_shutdown(context, guest, "poweroff", NULL);
	if (r < 0)
		return r;
	pp_error_set(error, PP_STATUS_FAILED, -ETIMEDOUT,
		"it was asked to shut down and has not within %d s; it runs on",
		deadline_ms / 1000);
	pp_error_remedy(error, "`pcipass reset %s` does not ask it", guest->name);
	return -ETIMEDOUT;
}

/* on_reboot='destroy': QEMU takes a reset for the guest's end. */
static int refuse_end(
	struct pp_context *context, const struct pp_guest *guest, struct pp_error *error)
{
	PP_CLEANUP(pp_definition_freep) struct pp_definition *live = NULL;

	int r = pp_guest_current(context, guest, false, &live, error);
	if (r < 0 || !live->domain || live->domain->on_reboot != PP_LIFECYCLE_DESTROY)
		return r;
	pp_error_set(error, PP_STATUS_FAILED, -EOPNOTSUPP,
		"its definition says <on_reboot>destroy</on_reboot>: a reboot is its end");
	pp_error_remedy(
		error, "`pcipass shutdown %s`, then `pcipass start %s`", guest->name, guest->name);
	return -EOPNOTSUPP;
}

int pp_guest_reboot(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_steer_load(context, name, "reboot it", &guest, error);
	if (r == 0)
		return pp_steer_refuse(guest, "reboot it", error);
	if (r > 0)
		r = refuse_end(context, guest, error);
	if (r >= 0)
		r = reboot(context, guest, deadline_ms, error);
	if (r < 0)
		return guest && error
			       ? pp_error_wrap(error, "guest %s: cannot reboot it", guest->name)
			       : r;
	return 0;
}

int pp_guest_reset(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_steer_load(context, name, "reset it", &guest, error);
	if (r == 0)
		return pp_steer_refuse(guest, "reset it", error);
	if (r > 0)
		r = pp_steer_command(context, guest, "system_reset", NULL, NULL, error);
	if (r < 0)
		return guest && error
			       ? pp_error_wrap(error, "guest %s: cannot reset it", guest->name)
			       : r;
	if (ret_changed)
		*ret_changed = true;
	return 0;
}
