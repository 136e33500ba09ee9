/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/supervisor.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/engine.h"
#include "lib/guest/log.h"
#include "lib/guest/news.h"
#include "lib/guest/pins.h"
#include "lib/guest/plugrecord.h"
#include "lib/guest/record.h"
#include "lib/guest/release.h"
#include "lib/guest/trialwatch.h"
#include "lib/guest/wake.h"
#include "lib/guest/worker.h"
#include "lib/qemu/qmp.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define MONITOR_MS 60000    /* an adopted QEMU answers within this, or is left to itself */
#define KILL_MS 30000       /* what was killed is gone after this, or hangs in the kernel */
#define MESSAGES_AT_ONCE 64 /* then others have their turn */
#define LOG_TAIL 1200
#define QUEUE_MAX 16
#define WORKER_MS 60000 /* for what is at work on its devices when QEMU has ended */

struct supervisor {
	struct pp_context *context;
	const char *name;
	struct pp_record *record;     /* as it was found; launch is used on */
	struct pp_record_state state; /* as it is; texts are owned */
	char *text, *devices, *console;
	int folder_fd, lock_fd, status_fd;
	int wake_fd;   /* keeps the host from sleeping; -1: it may */
	int engine_fd; /* a pidfd; -1: no QEMU */
	bool child;    /* QEMU is ours to reap */
	struct pp_qmp *qmp;
	uint64_t ask_id, console_id, continue_id, vcpus_id, iothreads_id;
	struct pp_trial_watch trial;
	struct pp_worker worker;
	struct pp_happening queue[QUEUE_MAX];
	size_t n_queue;
	sd_event *event;
	sd_event_source *engine_source, *log_source, *qmp_source, *more_source, *timer_source;
};

static void happen(struct supervisor *s, enum pp_happening_kind kind, int detail)
{
	/* What does not fit is a monitor that talks faster than it is listened to; the end of QEMU
	 * always comes through, for the queue is empty when its source is served. */
	if (s->n_queue < QUEUE_MAX)
		s->queue[s->n_queue++] = (struct pp_happening){kind, detail};
}

static void replace_text(char **text, const char **shown, char *fresh)
{
	free(*text);
	*text = fresh;
	*shown = fresh;
}

static void keep_text(struct supervisor *s, const char *text)
{
	replace_text(&s->text, &s->state.text, text && *text ? strdup(text) : NULL);
}

/* ---- the monitor ---- */

static void close_monitor(struct supervisor *s)
{
	s->qmp_source = sd_event_source_disable_unref(s->qmp_source);
	s->more_source = sd_event_source_disable_unref(s->more_source);
	pp_qmp_free(PP_TAKE(s->qmp));
}

static void lose_monitor(struct supervisor *s)
{
	close_monitor(s);
	happen(s, PP_HAPPENED_MONITOR_LOST, 0);
}

static void tell_with(
	struct supervisor *s, const char *command, struct pp_json *arguments, uint64_t *ret_id)
{
	uint64_t id = 0;
	if (!s->qmp) {
		pp_json_free(arguments);
		return;
	}
	if (pp_qmp_send(s->qmp, command, arguments, &id, NULL) < 0) {
		lose_monitor(s);
		return;
	}
	if (ret_id)
		*ret_id = id;
	if (pp_qmp_writing(s->qmp))
		sd_event_source_set_io_events(s->qmp_source, EPOLLIN | EPOLLOUT);
}

static void tell(struct supervisor *s, const char *command, uint64_t *ret_id)
{
	tell_with(s, command, NULL, ret_id);
}

static void set_balloon(struct supervisor *s)
{
	struct pp_json *arguments = pp_json_object();

	if (!arguments ||
		pp_json_set_int(arguments, "value", (int64_t)s->record->launch.balloon) < 0) {
		pp_json_free(arguments);
		return;
	}
	tell_with(s, "balloon", arguments, NULL);
}

static void set_statistics(struct supervisor *s)
{
	const struct pp_record_launch *launch = &s->record->launch;
	struct pp_json *arguments = pp_json_object();

	if (!arguments || pp_json_set_string(arguments, "path", launch->stats_path) < 0 ||
		pp_json_set_string(arguments, "property", "guest-stats-polling-interval") < 0 ||
		pp_json_set_int(arguments, "value", launch->stats_period) < 0) {
		pp_json_free(arguments);
		return;
	}
	tell_with(s, "qom-set", arguments, NULL);
}

/* The name of the pty behind the guest's console. */
static void learn_console(struct supervisor *s, const struct pp_json *chardevs)
{
	for (size_t i = 0; i < pp_json_length(chardevs); i++) {
		const struct pp_json *chardev = pp_json_at(chardevs, i);
		const char *file = pp_json_get_string(chardev, "filename");
		if (!pp_text_is(pp_json_get_string(chardev, "label"), s->record->launch.console))
			continue;
		if (file && pp_text_starts(file, "pty:/dev/pts/"))
			replace_text(&s->console, &s->state.console, strdup(file + strlen("pty:")));
	}
}

static void pin_threads(struct supervisor *s, enum pp_pin_kind kind, const struct pp_json *threads)
{
	struct pp_error error = {0};

	if (pp_pins_move(&s->record->launch, kind, threads, &error) >= 0)
		return;
	keep_text(s, error.text);
	happen(s, PP_HAPPENED_REFUSED, 0);
}

static void ask_for_threads(struct supervisor *s)
{
	if (pp_pins_any(&s->record->launch, PP_PIN_VCPU))
		tell(s, "query-cpus-fast", &s->vcpus_id);
	if (pp_pins_any(&s->record->launch, PP_PIN_IOTHREAD))
		tell(s, "query-iothreads", &s->iothreads_id);
}

static void hear_event(struct supervisor *s, const struct pp_qmp_message *message)
{
	if (strcmp(message->name, "SHUTDOWN") == 0)
		happen(s, PP_HAPPENED_SHUTDOWN,
			(int)pp_end_of_shutdown(pp_json_get_string(message->data, "reason")));
	else if (strcmp(message->name, "GUEST_PANICKED") == 0)
		happen(s, PP_HAPPENED_PANIC, 0);
	else if (strcmp(message->name, "STOP") == 0)
		happen(s, PP_HAPPENED_STOP, 0);
	else if (strcmp(message->name, "RESUME") == 0)
		happen(s, PP_HAPPENED_RESUME, 0);
	else if (strcmp(message->name, "DEVICE_DELETED") == 0)
		pp_worker_start(&s->worker);
	else if (strcmp(message->name, "RESET") == 0)
		pp_news_tell(s->context, s->name, &(struct pp_news){.event = "reboot"});
}

static void hear_status(struct supervisor *s, const char *word)
{
	if (word)
		happen(s, PP_HAPPENED_STATUS, (int)pp_run_state_of(word));
	else
		happen(s, PP_HAPPENED_REFUSED, 0);
}

static void hear(struct supervisor *s, const struct pp_qmp_message *message)
{
	switch (message->kind) {
	case PP_QMP_GREETING:
		happen(s, PP_HAPPENED_GREETING, 0);
		/* What went while nobody listened. */
		if (s->state.life.adopted)
			pp_worker_start(&s->worker);
		return;
	case PP_QMP_EVENT:
		hear_event(s, message);
		return;
	case PP_QMP_ERROR:
		if (s->state.life.phase <= PP_PHASE_STARTING)
			keep_text(s, message->text);
		happen(s, PP_HAPPENED_REFUSED, 0);
		return;
	case PP_QMP_RETURN:
		if (message->id == s->console_id)
			learn_console(s, message->data);
		else if (message->id == s->vcpus_id)
			pin_threads(s, PP_PIN_VCPU, message->data);
		else if (message->id == s->iothreads_id)
			pin_threads(s, PP_PIN_IOTHREAD, message->data);
		else if (message->id == s->ask_id)
			hear_status(s, pp_json_get_string(message->data, "status"));
		else if (message->id == s->continue_id)
			happen(s, PP_HAPPENED_CONTINUED, 0);
		return;
	}
}

static void serve(struct supervisor *s);

/* Hears what the monitor has to say, at most MANY messages. 1: there may be more. */
static int listen_to_monitor(struct supervisor *s, int many)
{
	while (s->qmp && many-- > 0) {
		struct pp_qmp_message message;
		int r = pp_qmp_receive(s->qmp, &message, NULL);
		if (r == 0)
			return 0;
		if (r < 0)
			lose_monitor(s);
		else
			hear(s, &message);
		serve(s);
	}
	return s->qmp != NULL;
}

static int on_more(sd_event_source *source, void *data)
{
	struct supervisor *s = data;
	if (listen_to_monitor(s, MESSAGES_AT_ONCE) > 0)
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_monitor(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct supervisor *s = data;
	bool more = listen_to_monitor(s, MESSAGES_AT_ONCE) > 0;

	if (!s->qmp)
		return 0;
	sd_event_source_set_io_events(
		s->qmp_source, pp_qmp_writing(s->qmp) ? EPOLLIN | EPOLLOUT : EPOLLIN);
	if (more && !s->more_source)
		sd_event_add_defer(s->event, &s->more_source, on_more, s);
	else if (more)
		sd_event_source_set_enabled(s->more_source, SD_EVENT_ONESHOT);
	return 0;
}

static void connect_monitor(struct supervisor *s)
{
	struct pp_error error = {0};

	if (s->engine_fd < 0)
		return;
	int r = pp_qmp_connect(s->folder_fd, PP_RECORD_QMP, &s->qmp, &error);
	if (r >= 0)
		r = sd_event_add_io(
			s->event, &s->qmp_source, pp_qmp_fd(s->qmp), EPOLLIN, on_monitor, s);
	if (r < 0)
		lose_monitor(s);
}

/* ---- QEMU ---- */

static void signal_engine(struct supervisor *s, int number)
{
	if (s->engine_fd >= 0)
		pidfd_send_signal(s->engine_fd, number, NULL, 0);
}

static int reap_status(struct supervisor *s)
{
	siginfo_t info = {0};

	if (!s->child || waitid(P_PIDFD, (id_t)s->engine_fd, &info, WEXITED) < 0)
		return PP_QEMU_UNSEEN;
	return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static int on_engine(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct supervisor *s = data;

	/* Its last words come before its end. */
	while (listen_to_monitor(s, MESSAGES_AT_ONCE) > 0)
		;
	close_monitor(s);
	int status = reap_status(s);
	s->engine_source = sd_event_source_disable_unref(s->engine_source);
	close(s->engine_fd);
	s->engine_fd = -1;
	happen(s, PP_HAPPENED_QEMU_ENDED, status);
	serve(s);
	return 0;
}

static int watch_engine(struct supervisor *s)
{
	/* A log that cannot be watched is only longer. */
	pp_log_watch(s->event, s->folder_fd, &s->log_source);
	pp_log_trim(s->folder_fd);
	return sd_event_add_io(s->event, &s->engine_source, s->engine_fd, EPOLLIN, on_engine, s);
}

static void spawn_engine(struct supervisor *s)
{
	struct pp_error error = {0};

	int r = pp_engine_spawn(s->folder_fd, &s->record->launch, &s->engine_fd, &error);
	if (r < 0) {
		keep_text(s, error.text);
		happen(s, PP_HAPPENED_SPAWN_FAILED, 0);
		return;
	}
	s->child = true;
	if (watch_engine(s) >= 0)
		return;
	/* What cannot be watched must not run. */
	signal_engine(s, SIGKILL);
	waitid(P_PIDFD, (id_t)s->engine_fd, &(siginfo_t){0}, WEXITED);
	close(PP_TAKE_FD(s->engine_fd));
	keep_text(s, "cannot watch QEMU: out of memory");
	happen(s, PP_HAPPENED_SPAWN_FAILED, 0);
}

/* ---- what is to be done ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
	struct supervisor *s = data;
	happen(s, PP_HAPPENED_DEADLINE, 0);
	serve(s);
	return 0;
}

static void arm(struct supervisor *s, int ms)
{
	s->timer_source = sd_event_source_disable_unref(s->timer_source);
	sd_event_add_time_relative(s->event, &s->timer_source, CLOCK_MONOTONIC, (uint64_t)ms * 1000,
		0, on_deadline, s);
}

static void save(struct supervisor *s)
{
	/* A full disk keeps nobody from taking care of the guest; the next change is written again.
	 */
	pp_record_save_state(s->folder_fd, s->name, &s->state, NULL);
}

static void report(struct supervisor *s)
{
	const char *const *devices = s->record->launch.devices;
	sd_notify(0, "READY=1");
	if (s->status_fd >= 0) {
		pp_file_write_all(s->status_fd, PP_SUPERVISOR_RUNS, strlen(PP_SUPERVISOR_RUNS));
		close(s->status_fd);
		s->status_fd = -1;
	}
	/* QEMU is there by now, and the first to go; pinned memory is slow to come back, and until
	 * it has, the kernel would take whoever is next: the one that gives the devices back. */
	if (s->context->live)
		pp_process_spare();
	if (devices && devices[0] && s->wake_fd < 0)
		pp_wake_hold(s->context, s->name, &s->wake_fd, NULL);
}

static void release(struct supervisor *s)
{
	struct pp_error error = {0};
	PP_CLOSE int plug_fd = -1;

	/* Verbs that were about to plug find no QEMU any more, and let go. */
	pp_worker_finish(&s->worker, WORKER_MS);
	pp_plug_lock(s->folder_fd, WORKER_MS, &plug_fd, NULL);
	int r = pp_guest_release(s->context, s->name, &error);
	replace_text(&s->devices, &s->state.devices, r < 0 ? strdup(error.text) : NULL);
	happen(s, PP_HAPPENED_RELEASED, r);
}

/* QEMU's own words about an end that nobody asked for. */
static void keep_last_words(struct supervisor *s)
{
	enum pp_end end = s->state.life.end;
	bool wanted = end == PP_END_FAILED || end == PP_END_TIMEOUT || pp_end_is_crash(end);

	if (s->state.life.phase != PP_PHASE_RELEASING || !wanted || s->text)
		return;
	replace_text(&s->text, &s->state.text, pp_log_last_words(s->folder_fd, LOG_TAIL));
}

static void talk(struct supervisor *s, unsigned actions)
{
	if (actions & PP_DO_NEGOTIATE) {
		tell(s, "qmp_capabilities", NULL);
		if (s->record->launch.balloon && !s->state.life.adopted)
			set_balloon(s);
		if (s->record->launch.stats_path && !s->state.life.adopted)
			set_statistics(s);
		if (s->record->launch.console && !s->record->launch.console_path)
			tell(s, "query-chardev", &s->console_id);
		if (!s->state.life.adopted)
			ask_for_threads(s);
	}
	if (actions & PP_DO_ASK)
		tell(s, "query-status", &s->ask_id);
	if (actions & PP_DO_RESTART) {
		tell(s, "system_reset", NULL);
		tell(s, "cont", NULL);
	}
	if (actions & PP_DO_CONTINUE)
		tell(s, "cont", &s->continue_id);
	if (actions & PP_DO_QUIT)
		tell(s, "quit", NULL);
}

static void set_deadline(struct supervisor *s, unsigned actions)
{
	if (actions & PP_DO_DISARM)
		s->timer_source = sd_event_source_disable_unref(s->timer_source);
	if (actions & PP_DO_ARM_START)
		arm(s, s->record->launch.start_ms);
	if (actions & PP_DO_ARM_MONITOR)
		arm(s, MONITOR_MS);
	if (actions & PP_DO_ARM_STOP)
		arm(s, s->record->launch.stop_ms);
	if (actions & PP_DO_ARM_KILL)
		arm(s, KILL_MS);
}

static void finish(struct supervisor *s)
{
	unlinkat(s->folder_fd, PP_RECORD_QMP, 0);
	unlinkat(s->folder_fd, PP_RECORD_VERBS, 0);
	sd_event_exit(s->event, 0);
}

static void act(struct supervisor *s, unsigned actions)
{
	if (actions & PP_DO_SPAWN)
		spawn_engine(s);
	if (actions & PP_DO_CONNECT)
		connect_monitor(s);
	talk(s, actions);
	if (actions & PP_DO_TERMINATE)
		signal_engine(s, SIGTERM);
	if (actions & PP_DO_KILL)
		signal_engine(s, SIGKILL);
	set_deadline(s, actions);
	keep_last_words(s);
	if (actions & PP_DO_SAVE)
		save(s);
	if (actions & PP_DO_REPORT)
		report(s);
	if (actions & PP_DO_RELEASE)
		release(s);
	if (actions & PP_DO_FINISH)
		finish(s);
}

/* What is news is told when it is done. */
static void step(struct supervisor *s, struct pp_happening happening)
{
	const struct pp_life before = s->state.life;
	struct pp_news news[2];

	unsigned actions = pp_life_step(&s->state.life, happening);
	size_t n_news = pp_news_of(&before, &s->state.life, happening, news);
	act(s, actions);
	for (size_t i = 0; i < n_news; i++)
		pp_news_tell(s->context, s->name, &news[i]);
}

/* Until nothing more has happened. */
static void serve(struct supervisor *s)
{
	while (s->n_queue > 0) {
		struct pp_happening happening = s->queue[0];
		memmove(s->queue, s->queue + 1, --s->n_queue * sizeof(*s->queue));
		step(s, happening);
	}
}

/* ---- the beginning ---- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct supervisor *s = data;
	happen(s, PP_HAPPENED_DESTROY, 0);
	serve(s);
	return 0;
}

static void on_trial_over(void *data)
{
	struct supervisor *s = data;
	happen(s, PP_HAPPENED_TRIAL_OVER, 0);
	serve(s);
}

static int move_fd(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, PP_RECORD_OWN_FD);
	if (moved < 0)
		return -errno;
	close(*fd);
	*fd = moved;
	return 0;
}

static int prepare_descriptors(
	struct supervisor *s, const struct pp_supervise_options *options, struct pp_error *error)
{
	s->status_fd = options->status_fd;
	s->lock_fd = options->lock_fd;
	int r = pp_record_folder(s->context, s->name, false, &s->folder_fd, error);
	if (r < 0)
		return r;
	if (s->lock_fd < 0)
		r = pp_record_lock(s->folder_fd, PP_RECORD_LOCK_MS, &s->lock_fd, error);
	if (r == -EBUSY)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another process takes care of it already");
	if (r < 0)
		return r;
	r = move_fd(&s->lock_fd);
	if (r >= 0)
		r = move_fd(&s->folder_fd);
	if (r >= 0 && s->status_fd >= 0)
		r = move_fd(&s->status_fd);
	return r < 0 ? pp_error_errno(error, r, "cannot place its descriptors") : 0;
}

static int prepare_events(struct supervisor *s, struct pp_error *error)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	signal(SIGPIPE, SIG_IGN);

	int r = sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : sd_event_new(&s->event);
	if (r >= 0)
		r = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
	if (r >= 0)
		r = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
	if (r >= 0)
		pp_worker_init(
			&s->worker, s->context, s->name, s->event, s->folder_fd, &s->lock_fd);
	return r < 0 ? pp_error_errno(error, r, "cannot make an event loop") : 0;
}

/* The life as the one before us left it. */
static void take_over(struct supervisor *s)
{
	const struct pp_record *found = s->record;
	struct pp_life *life = &s->state.life;

	if (!found->state.fault) {
		life->end = found->state.life.end;
		life->end_detail = found->state.life.end_detail;
		life->panicked = found->state.life.panicked;
		keep_text(s, found->state.text);
		if (found->state.console)
			replace_text(&s->console, &s->state.console, strdup(found->state.console));
	}
	s->engine_fd = pp_process_fd(&found->engine);
	if (s->engine_fd >= 0 && watch_engine(s) >= 0) {
		happen(s, PP_HAPPENED_BEGIN, 1);
		return;
	}
	life->adopted = true;
	if (found->engine.pid > 0) {
		happen(s, PP_HAPPENED_QEMU_ENDED, PP_QEMU_UNSEEN);
		return;
	}
	if (!s->text)
		keep_text(s, "its start was interrupted");
	happen(s, PP_HAPPENED_SPAWN_FAILED, 0);
}

static int begin(struct supervisor *s, bool adopt, struct pp_error *error)
{
	int r = pp_record_load_at(s->folder_fd, s->name, &s->record, error);
	if (r < 0)
		return r;
	const struct pp_record_launch *launch = &s->record->launch;
	if (pp_record_is_over(s->record))
		return 0;
	if (!adopt && launch->fault)
		return pp_error_set(error, PP_STATUS_FAILED, -EBADMSG, "%s", launch->fault);

	s->state.life.start_paused = launch->paused;
	s->state.life.restart_on_panic = launch->restart_on_panic;
	if (launch->console_path)
		replace_text(&s->console, &s->state.console, strdup(launch->console_path));
	pp_process_self(&s->state.supervisor);
	if (adopt)
		take_over(s);
	else
		happen(s, PP_HAPPENED_BEGIN, 0);
	serve(s);
	s->trial = (struct pp_trial_watch){
		.context = s->context, .guest = s->name, .over = on_trial_over, .data = s};
	r = pp_trial_watch(&s->trial, s->event);
	if (r < 0) /* nobody would end it */
		on_trial_over(s);
	return 1;
}

static void supervisor_done(struct supervisor *s)
{
	close_monitor(s);
	pp_trial_watch_end(&s->trial);
	pp_worker_done(&s->worker);
	sd_event_source_disable_unref(s->engine_source);
	sd_event_source_disable_unref(s->log_source);
	sd_event_source_disable_unref(s->timer_source);
	sd_event_unref(s->event);
	pp_record_free(s->record);
	free(s->text);
	free(s->devices);
	free(s->console);
	int *fds[] = {&s->engine_fd, &s->status_fd, &s->folder_fd, &s->lock_fd, &s->wake_fd};
	for (size_t i = 0; i < PP_COUNT(fds); i++)
		pp_closep(fds[i]);
}

int pp_supervise(struct pp_context *context, const char *name,
	const struct pp_supervise_options *options, struct pp_error *error)
{
	PP_CLEANUP(supervisor_done)
	struct supervisor s = {.context = context,
		.name = name,
		.folder_fd = -1,
		.lock_fd = -1,
		.status_fd = -1,
		.wake_fd = -1,
		.engine_fd = -1,
		.worker = {.pidfd = -1}};

	int r = prepare_descriptors(&s, options, error);
	if (r >= 0)
		r = prepare_events(&s, error);
	if (r >= 0)
		r = begin(&s, options->adopt, error);
	if (r > 0) {
		r = sd_event_loop(s.event);
		if (r < 0)
			pp_error_errno(error, r, "cannot wait for events");
	}
	return r < 0 && error ? pp_error_wrap(error, "guest %s", name) : r;
}
