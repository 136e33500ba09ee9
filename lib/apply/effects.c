/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/effects.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/process.h"
#include "lib/apply/model.h"
#include "lib/apply/poke.h"
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#define DEADLINE_MS 30000
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

/* ---- one write ---- */

static int write_in_child(
	struct pp_effects *effects, const struct pp_poke_order *order, const char *what)
{
	PP_CLEANUP(pp_poke_leavep) struct pp_poke *poke = NULL;
	int deadline = effects->deadline_ms;
	int first = deadline < WORD_MS ? deadline : WORD_MS;
	int result = -EIO;
	int r = pp_poke_start(order, &poke);
	if (r < 0)
		return r;
	bool ended = pp_poke_wait(poke, first, &result);
	if (!ended && first < deadline) {
		pp_effects_say(effects, PP_EVENT_WAIT, "waiting for %s (at most %d s)", what,
			deadline / 1000);
		ended = pp_poke_wait(poke, deadline - first, &result);
	}
	if (!ended) {
		effects->stuck = pp_poke_pid(poke);
		return -ETIMEDOUT;
	}
	/* A driver whose device did not answer says the same, and hangs no longer. */
	return result == -ETIMEDOUT ? -EIO : result;
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

	struct pp_poke_order order = {
		.path = path, .text = text, .keep_fd = effects->keep_fd, .hang = hang};
	return write_in_child(effects, &order, what);
}

/* ---- modules ---- */

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
