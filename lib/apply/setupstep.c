/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/setupstep.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/apply/store.h"
#include "lib/setup/revert.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A generator that looks for other systems on all disks takes its time. */
#define RUN_MS 600000

/* ---- programs ---- */

static int run_live(const char *const *argv, struct pp_error *error)
{
	PP_FREE char *output = NULL;
	int r = pp_process_run(argv, RUN_MS, &output);
	if (r == 0)
		return 0;
	if (r < 0)
		return pp_error_errno(error, r, "running %s", argv[0]);
	size_t length = output ? strlen(output) : 0;
	while (length > 0 && output[length - 1] == '\n')
		output[--length] = '\0';
	const char *tail = length > 600 ? output + length - 600 : output;
	return pp_error_set(error, PP_STATUS_FAILED, -EIO, "%s ended with status %d: %s", argv[0],
		r, length > 0 ? tail : "without a word");
}

int pp_setupstep_run(struct pp_setup_hands *hands, const char *const *argv, struct pp_error *error)
{
	struct pp_effects *effects = hands->effects;
	PP_BUFFER struct pp_buffer words = PP_BUFFER_INIT;
	for (size_t i = 0; argv[i]; i++)
		pp_buffer_printf(&words, "%s%s", i ? " " : "", argv[i]);
	int r = pp_effects_point(effects);
	if (r < 0)
		return pp_error_errno(error, r, "running %s", argv[0]);
	if (!hands->run && !effects->context->live) {
		pp_effects_say(effects, PP_EVENT_NOTE, "not run below %s: %s",
			effects->context->root, pp_buffer_text(&words));
		return 0;
	}
	pp_effects_say(effects, PP_EVENT_WAIT, "%s", pp_buffer_text(&words));
	return hands->run ? hands->run(argv, hands->data, error) : run_live(argv, error);
}

/* ---- files ---- */

/* The folder of a path, opened; *ret_name is in the path. */
static int open_folder(
	struct pp_context *context, const char *path, bool make, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	PP_FREE char *folder = strndup(path, (size_t)(slash - path));
	*ret_name = slash + 1;
	return folder ? pp_store_inside(context, folder, make, 0755) : -ENOMEM;
}

int pp_setupstep_text(
	struct pp_context *context, const char *path, char **ret_text, struct pp_error *error)
{
	const char *name;
	PP_CLOSE int folder = open_folder(context, path, false, &name);
	PP_CLOSE int fd =
		folder < 0 ? folder
			   : openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t length;
	if (folder >= 0 && fd < 0)
		fd = -errno;
	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret_text = NULL;
		return 0;
	}
	int r = fd < 0 ? fd : pp_file_read_fd(fd, (size_t)16 << 20, ret_text, &length);
	if (r == -ELOOP)
		return pp_error_set(
			error, PP_STATUS_FAILED, r, "%s: it is a link; it is left as it is", path);
	return r < 0 ? pp_error_errno(error, r, "reading %s", path) : 0;
}

bool pp_setupstep_makes_folder(struct pp_context *context, const struct pp_setup_step *step)
{
	const char *name;
	if (step->kind != PP_SETUP_FILE || step->from)
		return false;
	PP_CLOSE int folder = open_folder(context, step->subject, false, &name);
	return folder == -ENOENT;
}

static int replace(
	struct pp_setup_hands *hands, const char *path, const char *text, struct pp_error *error)
{
	const char *name;
	struct stat st = {.st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid()};
	PP_CLOSE int folder = open_folder(hands->effects->context, path, true, &name);
	int r = folder < 0 ? folder : pp_effects_point(hands->effects);
	if (r >= 0) {
		fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW);
		r = pp_file_replace(folder, name, text, strlen(text), st.st_mode & 07777);
	}
	if (r >= 0 && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
		fchownat(folder, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r >= 0)
		return 0;
	pp_error_errno(error, r, "writing %s", path);
	pp_error_remedy(error, "the file is whole, as it was; mend what is said and run it again");
	return r;
}

static int remove_file(
	struct pp_setup_hands *hands, const char *path, bool made, struct pp_error *error)
{
	const char *name;
	PP_CLOSE int folder = open_folder(hands->effects->context, path, false, &name);
	int r = folder < 0 ? folder : pp_effects_point(hands->effects);
	if (r >= 0 && unlinkat(folder, name, 0) < 0)
		r = -errno;
	if (r < 0 && r != -ENOENT)
		return pp_error_errno(error, r, "removing %s", path);
	PP_FREE char *above = strndup(path, (size_t)(name - 1 - path));
	PP_CLOSE int upper =
		made && above ? open_folder(hands->effects->context, above, false, &name) : -1;
	if (upper >= 0) /* another's file keeps it */
		unlinkat(upper, name, AT_REMOVEDIR);
	return 0;
}

/* A run that was killed while it wrote leaves a file beside it. */
static void sweep(struct pp_setup_hands *hands, const char *path)
{
	const char *name;
	PP_CLOSE int folder = open_folder(hands->effects->context, path, false, &name);
	if (folder >= 0)
		pp_file_sweep(folder, name);
}

static int undo_file(struct pp_setup_hands *hands, const struct pp_setup_step *step, bool made,
	struct pp_error *error)
{
	PP_BUFFER struct pp_buffer back = PP_BUFFER_INIT;
	char *text = NULL;
	int r = pp_setupstep_text(hands->effects->context, step->subject, &text, error);
	PP_FREE char *now = text;
	if (r < 0)
		return r;
	sweep(hands, step->subject);
	if (!step->from)
		return now || made ? remove_file(hands, step->subject, made, error) : 0;
	if (pp_text_is(now, step->from))
		return 0;
	if (!now) {
		pp_effects_say(
			hands->effects, PP_EVENT_NOTE, "%s is no longer there", step->subject);
		return 0;
	}
	if (pp_text_is(now, step->to))
		return replace(hands, step->subject, step->from, error);
	pp_effects_say(hands->effects, PP_EVENT_NOTE,
		"%s was changed by others since: only what pcipass set is taken out",
		step->subject);
	r = pp_setup_revert(step, now, &back, error);
	if (r < 0 || pp_text_is(pp_buffer_text(&back), now))
		return r;
	return replace(hands, step->subject, pp_buffer_text(&back), error);
}

/* ---- values of the kernel ---- */

static int set_value(struct pp_setup_hands *hands, const struct pp_setup_step *step,
	const char *value, struct pp_error *error)
{
	const char *name;
	PP_FREE char *now = NULL;
	char *text = NULL;
	struct pp_context *context = hands->effects->context;
	int r = pp_setupstep_text(context, step->subject, &text, error);
	now = text;
	if (r < 0 || !now)
		return r; /* a module that is not loaded now has its file then */
	now[strcspn(now, "\n")] = '\0';
	if (pp_text_is(now, value))
		return 0;
	if (context->live) {
		r = pp_effects_write(hands->effects, step->subject, value, step->subject);
	} else {
		PP_CLOSE int folder = open_folder(context, step->subject, false, &name);
		r = folder < 0 ? folder : pp_effects_point(hands->effects);
		r = r < 0 ? r : pp_file_poke(folder, name, value);
	}
	return r < 0 ? pp_error_errno(error, r, "writing %s to %s", value, step->subject) : 0;
}

/* The kernel gives fewer pages than are asked for where memory is in pieces, and says nothing. */
static void look_again(struct pp_setup_hands *hands, const struct pp_setup_step *step)
{
	char *text = NULL;
	if (pp_setupstep_text(hands->effects->context, step->subject, &text, NULL) < 0 || !text)
		return;
	PP_FREE char *now = text;
	now[strcspn(now, "\n")] = '\0';
	if (!pp_text_is(now, step->to))
		pp_effects_say(hands->effects, PP_EVENT_NOTE,
			"%s is %s now, not %s; at the next boot there is more room", step->subject,
			now, step->to);
}

/* ---- all ---- */

int pp_setupstep_do(
	struct pp_setup_hands *hands, const struct pp_setup_step *step, struct pp_error *error)
{
	PP_FREE char *now = NULL;
	char *text = NULL;
	if (step->kind == PP_SETUP_COMMAND)
		return pp_setupstep_run(hands, step->argv, error);
	if (step->kind == PP_SETUP_VALUE) {
		int r = set_value(hands, step, step->to, error);
		if (r >= 0)
			look_again(hands, step);
		return r;
	}
	int r = step->to ? replace(hands, step->subject, step->to, error)
			 : remove_file(hands, step->subject, false, error);
	if (r >= 0)
		r = pp_setupstep_text(hands->effects->context, step->subject, &text, error);
	now = text;
	if (r >= 0 && !pp_text_is(now, step->to))
		return pp_error_set(error, PP_STATUS_FAILED, -EIO,
			"%s was written, and has another text when it is read again",
			step->subject);
	return r;
}

int pp_setupstep_undo(struct pp_setup_hands *hands, const struct pp_setup_step *step, bool made,
	struct pp_error *error)
{
	PP_FREE char *text = pp_setup_step_text(step, true);
	if (text && *text)
		pp_effects_say(hands->effects, PP_EVENT_UNDO, "%s", text);
	if (step->kind == PP_SETUP_FILE)
		return undo_file(hands, step, made, error);
	if (step->kind == PP_SETUP_VALUE)
		return set_value(hands, step, step->from, error);
	return step->undo ? pp_setupstep_run(hands, step->undo, error) : 0;
}
