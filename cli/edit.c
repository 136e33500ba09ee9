/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* edit: the definition in the user's own editor. What was typed is never lost: as long as it is not
 * defined, it stays in its file. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define XML_MAX ((size_t)16 << 20)

struct edit {
	struct cli *cli;
	const char *name;
	char *path;     /* the file being edited */
	char *original; /* the definition as it was */
};

static void edit_done(struct edit *edit)
{
	free(edit->path);
	free(edit->original);
}

static int make_file(struct edit *edit, struct pp_error *error)
{
	const char *folder = getenv("TMPDIR");
	if (!folder || *folder != '/')
		folder = "/tmp";
	if (asprintf(&edit->path, "%s/pcipass-XXXXXX.xml", folder) < 0) {
		edit->path = NULL;
		return pp_error_oom(error);
	}
	PP_CLOSE int fd = mkostemps(edit->path, 4, O_CLOEXEC);
	int r = fd < 0 ? -errno : pp_file_write_all(fd, edit->original, strlen(edit->original));
	return r < 0 ? pp_error_errno(error, r, "cannot write the definition to %s", edit->path)
		     : 0;
}

/* ---- the editor ---- */

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The variable may hold a command with arguments, so the shell reads it. */
static int run_editor(struct edit *edit, struct pp_error *error)
{
	const char *editor = getenv("VISUAL");
	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	PP_FREE char *command = NULL;
	if (asprintf(&command, "%s \"$1\"", editor) < 0) {
		command = NULL;
		return pp_error_oom(error);
	}
	const char *const argv[] = {"/bin/sh", "-c", command, editor, edit->path, NULL};
	const struct pp_spawn_fd fds[] = {{0, 0}, {1, 1}, {2, 2}};
	struct pp_spawn spawn = {.argv = argv,
		.envp = (const char *const *)environ,
		.fds = fds,
		.n_fds = PP_COUNT(fds),
		.chdir = "."};
	/* The terminal sends these to both; the editor answers them. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid_t pid;
	int r = pp_process_spawn(&spawn, &pid, error);
	if (r >= 0) {
		r = wait_for(pid);
		if (r != 0)
			r = pp_error_set(error, PP_STATUS_FAILED, ECHILD,
				"the editor (%s) ended with status %d", editor, r);
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	return r;
}

/* ---- what comes of it ---- */

static int check_untouched(struct edit *edit, struct pp_error *error)
{
	PP_FREE char *now = NULL;
	int r = pp_guest_xml(edit->cli->context, edit->name, true, &now, error);
	if (r >= 0 && strcmp(now, edit->original) != 0)
		r = pp_error_set(error, PP_STATUS_FAILED, EBUSY,
			"the definition of %s was changed by someone else meanwhile", edit->name);
	return r;
}

static int define(
	struct edit *edit, const char *xml, size_t length, bool force, struct pp_error *error)
{
	PP_FREE char *name = NULL;
	bool changed = false;
	int r = force ? 0 : check_untouched(edit, error);
	if (r >= 0 && edit->cli->dry_run) {
		PP_CLEANUP(pp_strv_freep) char **argv = NULL;
		r = pp_guest_argv(edit->cli->context, NULL, xml, length, &argv, error);
	} else if (r >= 0) {
		r = pp_guest_define(
			edit->cli->context, xml, length, edit->path, &name, &changed, error);
	}
	if (r >= 0)
		cli_set_bool(edit->cli, "changed", changed);
	return r;
}

static void say_choices(struct cli *cli)
{
	cli_say(cli, "y - yes, start editor again\n"
		     "n - no, throw away my changes\n"
		     "f - force, try to redefine again\n"
		     "? - print this help");
}

/* 'y', 'n' or 'f'; without a terminal 'n'. */
static char ask(struct cli *cli)
{
	PP_FREE char *line = NULL;
	size_t size = 0;
	if (!isatty(STDIN_FILENO))
		return 'n';
	for (;;) {
		fputs("Failed. Try again? [y,n,f,?]: ", stderr);
		fflush(stderr);
		if (getline(&line, &size, stdin) < 0)
			return 'n';
		char c = (char)(line[0] | 0x20);
		if ((c == 'y' || c == 'n' || c == 'f') && (line[1] == '\n' || !line[1]))
			return c;
		say_choices(cli);
	}
}

static int unchanged(struct edit *edit)
{
	unlink(edit->path);
	cli_set_bool(edit->cli, "changed", false);
	cli_print(edit->cli, "Domain '%s' XML configuration not changed.\n", edit->name);
	cli_end(edit->cli);
	return PP_STATUS_OK;
}

static int edited(struct edit *edit)
{
	unlink(edit->path);
	if (edit->cli->dry_run) {
		cli_print(edit->cli, "define guest %s\n", edit->name);
		return PP_STATUS_OK;
	}
	cli_print(edit->cli, "Domain '%s' XML configuration edited.\n", edit->name);
	cli_end(edit->cli);
	return PP_STATUS_OK;
}

/* One round: the editor (unless FORCE), and an attempt. 1: it failed, and can be tried again. */
static int attempt(struct edit *edit, bool force, int *ret_status)
{
	struct pp_error error = {0};
	PP_FREE char *xml = NULL;
	size_t length = 0;
	int r = force ? 0 : run_editor(edit, &error);
	if (r >= 0)
		r = pp_file_read(AT_FDCWD, edit->path, XML_MAX, &xml, &length);
	if (r < 0 && !error.code)
		pp_error_errno(&error, r, "cannot read %s", edit->path);
	if (r >= 0 && strlen(xml) == length && strcmp(xml, edit->original) == 0) {
		*ret_status = unchanged(edit);
		return 0;
	}
	if (r >= 0)
		r = define(edit, xml, length, force, &error);
	if (r >= 0) {
		*ret_status = edited(edit);
		return 0;
	}
	*ret_status = cli_fail(edit->cli, &error);
	return 1;
}

/* The definition was not taken: what was typed stays where the user can find it. */
static void keep(struct edit *edit)
{
	PP_FREE char *xml = NULL;
	cli_set_bool(edit->cli, "changed", false);
	if (pp_file_read(AT_FDCWD, edit->path, XML_MAX, &xml, NULL) >= 0 &&
		strcmp(xml, edit->original) == 0) {
		unlink(edit->path);
		return;
	}
	cli_set_string(edit->cli, "file", edit->path);
	cli_say(edit->cli, "nothing was changed; your text is in %s", edit->path);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(edit_done) struct edit edit = {.cli = cli, .name = words[0]};
	if (pp_guest_xml(cli->context, words[0], true, &edit.original, &error) < 0)
		return cli_fail(cli, &error);
	if (make_file(&edit, &error) < 0)
		return cli_fail(cli, &error);
	bool force = false;
	while (attempt(&edit, force, &status) > 0) {
		char answer = ask(cli);
		force = answer == 'f';
		if (answer != 'n')
			continue;
		keep(&edit);
		break;
	}
	return status;
}

const struct cli_verb cli_verb_edit = {
	.name = "edit",
	.group = CLI_GUESTS,
	.summary = "change a guest's definition in your editor",
	.example = "  # EDITOR=nano pcipass edit win11\n"
		   "  Domain 'win11' XML configuration edited.\n",
	.usage = "DOMAIN",
	.details = "The editor is $VISUAL, $EDITOR or vi. A definition that is not understood is "
		   "not taken;\n"
		   "what you typed is kept.\n",
	CLI_ONE_GUEST,
	.writes = true,
	.run = run,
};
