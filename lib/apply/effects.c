/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/effects.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/process.h"
#include "lib/apply/model.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define DEADLINE_MS 30000
#define LOOK_MS 20
#define WORD_MS 2000 /* after this long the one who waits hears what for */

/* With /sys of this machine mounted in it, a directory is no longer a machine of its own: the model
 * would write to real devices. */
static int check_directory(struct pp_context *context, struct pp_error *error)
{
	PP_FREE char *sys = NULL;
	if (asprintf(&sys, "%s/sys", context->root) < 0)
		return pp_error_oom(error);
	struct statfs fs;
	if (statfs(sys, &fs) == 0 && fs.f_type == SYSFS_MAGIC)
		return pp_error_set(error, PP_STATUS_USAGE, -EROFS,
			"%s is the /sys of the running kernel: with --root nothing is written "
			"outside that directory",
			sys);
	return 0;
}

int pp_effects_init(struct pp_effects *effects, struct pp_context *context,
	const struct pp_apply_options *options, struct pp_error *error)
{
	if (context->read_only)
		return pp_error_set(error, PP_STATUS_USAGE, -EROFS,
			"%s is a machine written down as text: it can be looked at, nothing can be "
			"changed on it",
			context->root);
	if (!context->live) {
		int r = check_directory(context, error);
		if (r < 0)
			return r;
	}
	*effects = (struct pp_effects){
		.context = context,
		.deadline_ms =
			options && options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS,
		.progress = options ? options->progress : NULL,
		.data = options ? options->data : NULL,
		.try_seconds = options ? options->try_seconds : 0,
		.keep_fd = -1,
	};
	return 0;
}

void pp_effects_say(struct pp_effects *effects, enum pp_event_kind kind, const char *format, ...)
{
	bool told = effects->progress || (kind == PP_EVENT_WAIT && effects->context->notices);
	if (!told)
		return;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	if (effects->progress)
		effects->progress(kind, pp_buffer_text(&text), effects->data);
	else
		pp_context_say(effects->context, kind, "%s", pp_buffer_text(&text));
}

static bool fault_hits(struct pp_effects *effects)
{
	const struct pp_fault *fault = &effects->fault;
	unsigned last = fault->at + (fault->count ? fault->count : 1);
	effects->count = __atomic_add_fetch(
		effects->counter ? effects->counter : &effects->count, 1, __ATOMIC_RELAXED);
	return fault->kind != PP_FAULT_NONE && effects->count >= fault->at && effects->count < last;
}

void pp_effects_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

bool pp_effects_asked_to_end(void)
{
	sigset_t asks, pending;
	pp_effects_signals(&asks);
	if (sigpending(&pending) < 0)
		return false;
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&asks, i) == 1 && sigismember(&pending, i) == 1)
			return true;
	return false;
}

int pp_effects_point(struct pp_effects *effects)
{
	if (!fault_hits(effects) || effects->fault.kind == PP_FAULT_HANG)
		return 0;
	if (effects->fault.kind == PP_FAULT_DIE)
		_exit(PP_FAULT_EXIT);
	return effects->fault.error;
}

/* ---- one write in a child ----------------------------------------------------------------------
 */

struct work {
	struct pp_effects *effects;
	const char *path, *text;
	bool hang;
	int *result; /* shared with the parent */
};

/* A child may hang in the kernel for as long as the machine runs. It keeps the lock of its device
 * and nothing else: no lock, socket or pipe on which someone waits for us. */
static void child_run(const struct work *work) __attribute__((noreturn));
static void child_run(const struct work *work)
{
	int keep = work->effects->keep_fd;
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(1);
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range(keep >= 3 ? (unsigned)keep + 1 : 3, ~0U, 0);
	while (work->hang)
		pause();
	*work->result = work->effects->context->live
				? pp_file_poke(AT_FDCWD, work->path, work->text)
				: -EOPNOTSUPP;
	_exit(0);
}

/* Without a descriptor to wait on: it has begun to write, and nobody may go on as if it had not. */
static int child_look(pid_t pid, long long end)
{
	for (;;) {
		pid_t ended = waitpid(pid, NULL, WNOHANG);
		if (ended == pid || (ended < 0 && errno != EINTR))
			return 0;
		if (pp_clock_ms() >= end)
			return -ETIMEDOUT;
		poll(NULL, 0, LOOK_MS);
	}
}

/* 0 when the child has ended, -ETIMEDOUT when not yet. */
static int child_wait(pid_t pid, int wait_ms)
{
	PP_CLOSE int fd = pidfd_open(pid, 0);
	long long end = pp_clock_ms() + wait_ms;
	if (fd < 0)
		return child_look(pid, end);
	for (;;) {
		long long left = end - pp_clock_ms();
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int r = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
		if (r > 0)
			break;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return child_look(pid, end);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int write_in_child(struct pp_effects *effects, struct work *work, const char *what)
{
	int deadline = effects->deadline_ms;
	int first = deadline < WORD_MS ? deadline : WORD_MS;
	*work->result = -ECHILD; /* of a child that was killed */
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_run(work);
	int r = child_wait(pid, first);
	if (r == -ETIMEDOUT && first < deadline) {
		pp_effects_say(effects, PP_EVENT_WAIT, "waiting for %s (at most %d s)", what,
			deadline / 1000);
		r = child_wait(pid, deadline - first);
	}
	if (r == -ETIMEDOUT)
		effects->stuck = pid;
	return r < 0 ? r : *work->result;
}

int pp_effects_write(
	struct pp_effects *effects, const char *path, const char *text, const char *what)
{
	effects->stuck = 0;
	int r = pp_effects_point(effects);
	if (r < 0)
		return r;
	bool hang = effects->fault.kind == PP_FAULT_HANG && effects->count == effects->fault.at;
	if (!effects->context->live && !hang)
		return pp_model_write(effects->context, path, text);

	struct work work = {.effects = effects, .path = path, .text = text, .hang = hang};
	work.result =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work.result == MAP_FAILED)
		return -errno;
	r = write_in_child(effects, &work, what);
	munmap(work.result, sizeof(int));
	return r;
}

/* ---- modules ------------------------------------------------------------------------------------
 */

static int load_live(struct pp_effects *effects, const char *module, struct pp_error *error)
{
	const char *const argv[] = {"/sbin/modprobe", "--", module, NULL};
	PP_FREE char *output = NULL;
	int r = pp_process_run(argv, effects->deadline_ms, &output);
	if (r == 0)
		return 0;
	if (r < 0)
		return pp_error_errno(
			error, r, "module %s could not be loaded: %s", module, argv[0]);
	size_t length = output ? strlen(output) : 0;
	while (length > 0 && output[length - 1] == '\n')
		output[--length] = '\0';
	return pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"module %s could not be loaded: %s", module,
		length > 0 ? output : "modprobe failed without a word");
}

int pp_effects_load(struct pp_effects *effects, const char *module, struct pp_error *error)
{
	int r = pp_effects_point(effects);
	if (r < 0)
		return pp_error_errno(error, r, "module %s could not be loaded", module);
	if (effects->context->live)
		return load_live(effects, module, error);
	r = pp_model_load(effects->context, module);
	if (r < 0)
		return pp_error_set(error, PP_STATUS_NOT_READY, r,
			"module %s could not be loaded: Module %s not found in %s", module, module,
			effects->context->root);
	return 0;
}
