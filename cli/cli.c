/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"
#include "base/buffer.h"
#include "cli/verb.h"
#include <poll.h>
#include <string.h>

/* ---- one run ---- */

bool cli_lacks_root(const struct cli *cli)
{
	return !cli->dry_run && pp_context_is_live(cli->context) && geteuid() != 0;
}

/* The process that should have undone it was killed: whoever comes next does. True: it was tried.
 */
static bool end_trials(struct cli *cli, const struct pp_unfinished_list *list)
{
	struct pp_error error = {0};
	struct pp_apply_options options = {.progress = cli_progress, .data = cli};
	bool changed = false, over = false;
	for (size_t i = 0; i < list->n_items; i++)
		over |= list->items[i].trial;
	if (!over || cli->dry_run || cli_lacks_root(cli))
		return false;
	if (pp_trials_end(cli->context, &options, &changed, &error) < 0)
		cli_fail(cli, &error);
	cli_progress_end(cli);
	return true;
}

static void say_unfinished(struct cli *cli)
{
	struct pp_unfinished_list *list = NULL;
	/* Without permission to look there is nothing to say; a verb that writes finds out itself.
	 */
	if (pp_unfinished_list(cli->context, &list, NULL) < 0)
		return;
	if (end_trials(cli, list)) {
		pp_unfinished_free(list);
		if (pp_unfinished_list(cli->context, &list, NULL) < 0)
			return;
	}
	for (size_t i = 0; i < list->n_items; i++)
		cli_say(cli, "unfinished: %s", list->items[i].text);
	if (list->n_items > 0)
		cli_say(cli, "            pcipass recover puts it right");
	pp_unfinished_free(list);
}

int cli_need_root(struct cli *cli)
{
	struct pp_error error = {0};
	if (!cli_lacks_root(cli))
		return PP_STATUS_OK;
	pp_error_set(&error, PP_STATUS_FAILED, EPERM,
		"%s changes this machine, which only root may do", cli->verb->name);
	pp_error_remedy(&error, "run it as root: sudo pcipass %s ...; or look first: --dry-run",
		cli->verb->name);
	return cli_fail(cli, &error);
}

int cli_open(struct cli *cli)
{
	struct pp_error error = {0};
	if (cli->context)
		return PP_STATUS_OK;
	int r = pp_context_open(cli->root, &cli->context, &error);
	if (r < 0)
		return cli_fail(cli, &error);
	if (cli->verb && cli->verb->writes && !cli->verb->may_not_write) {
		int status = cli_need_root(cli);
		if (status) {
			pp_context_close(cli->context);
			cli->context = NULL;
			return status;
		}
	}
	pp_context_notices(cli->context, cli_progress, cli);
	say_unfinished(cli);
	return PP_STATUS_OK;
}

void cli_done(struct cli *cli)
{
	pp_owned_list_free(cli->owned);
	pp_binding_list_free(cli->bindings);
	pp_context_close(cli->context);
	pp_json_free(cli->result);
	cli->owned = NULL;
	cli->bindings = NULL;
	cli->context = NULL;
	cli->result = NULL;
}

/* ---- stdout ---- */

void cli_print(struct cli *cli, const char *format, ...)
{
	if (cli->json)
		return;
	va_list args;
	va_start(args, format);
	vfprintf(stdout, format, args);
	va_end(args);
}

void cli_end(struct cli *cli)
{
	cli_print(cli, "\n");
}

/* ---- stderr ---- */

/* One message: the first line behind PREFIX, further ones indented. */
static void message(struct cli *cli, const char *prefix, const char *indent, const char *text)
{
	cli_progress_end(cli);
	PP_FREE char *clean = cli_clean(text);
	const char *line = clean ? clean : text;
	const char *before = prefix;
	do {
		size_t length = strcspn(line, "\n");
		fprintf(stderr, "%s%.*s\n", before, (int)length, line);
		line += length;
		line += *line == '\n';
		before = indent;
	} while (*line);
}

static char *formatted(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *formatted(const char *format, va_list args)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_vprintf(&buffer, format, args);
	return pp_buffer_take(&buffer);
}

void cli_say(struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PP_FREE char *text = formatted(format, args);
	va_end(args);
	message(cli, "", "", text ? text : format);
}

void cli_blame(struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PP_FREE char *text = formatted(format, args);
	va_end(args);
	message(cli, "error: ", "       ", text ? text : format);
}

int cli_fail(struct cli *cli, const struct pp_error *error)
{
	enum pp_status status = error->status ? error->status : PP_STATUS_FAILED;
	message(cli, "error: ", "       ", *error->text ? error->text : "failed");
	if (*error->remedy)
		message(cli, "       ", "       ", error->remedy);
	struct pp_json *object = pp_json_object();
	pp_json_set_int(object, "status", status);
	pp_json_set_string(object, "id", *error->id ? error->id : NULL);
	pp_json_set_string(object, "text", error->text);
	pp_json_set_string(object, "remedy", *error->remedy ? error->remedy : NULL);
	cli_set(cli, "error", object);
	return status;
}

int cli_usage(struct cli *cli, const char *format, ...)
{
	struct pp_error error = {0};
	va_list args;
	va_start(args, format);
	PP_FREE char *text = formatted(format, args);
	va_end(args);
	pp_error_set(&error, PP_STATUS_USAGE, EINVAL, "%s", text ? text : format);
	if (cli->verb)
		pp_error_remedy(&error, "pcipass help %s", cli->verb->name);
	return cli_fail(cli, &error);
}

int cli_refuse(struct cli *cli, enum pp_status status, const char *format, ...)
{
	struct pp_error error = {0};
	va_list args;
	va_start(args, format);
	PP_FREE char *text = formatted(format, args);
	va_end(args);
	pp_error_set(&error, status, EINVAL, "%s", text ? text : format);
	return cli_fail(cli, &error);
}

int cli_oom(struct cli *cli)
{
	struct pp_error error = {0};
	pp_error_oom(&error);
	return cli_fail(cli, &error);
}

/* ---- progress ---- */

void cli_progress_end(struct cli *cli)
{
	if (!cli->line)
		return;
	cli->line = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

/* With --json: an object a line, beside the one object that is the result. */
static void print_event(enum pp_event_kind kind, const char *text)
{
	static const char *const kinds[] = {[PP_EVENT_STEP] = "step",
		[PP_EVENT_DONE] = "done",
		[PP_EVENT_WAIT] = "wait",
		[PP_EVENT_UNDO] = "undo",
		[PP_EVENT_NOTE] = "note"};
	PP_CLEANUP(pp_json_freep) struct pp_json *event = pp_json_object();
	pp_json_set_string(event, "event", kinds[kind]);
	pp_json_set_string(event, "text", text);
	PP_FREE char *line = event ? pp_json_print(event, false) : NULL;
	if (line)
		fprintf(stderr, "%s\n", line);
	fflush(stderr);
}

/* Whether a line can move on standard error. */
static bool line_moves(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

void cli_progress(enum pp_event_kind kind, const char *text, void *data)
{
	struct cli *cli = data;
	bool lasting = kind == PP_EVENT_UNDO || kind == PP_EVENT_NOTE;
	if (cli->json) {
		print_event(kind, text);
		return;
	}
	bool moves = line_moves();
	/* Elsewhere than on a terminal, only what takes long and what was not asked for is said. */
	if (lasting || (!moves && kind == PP_EVENT_WAIT)) {
		message(cli, "", "", text);
		return;
	}
	if (!moves)
		return;
	PP_FREE char *clean = cli_clean(text);
	if (!clean)
		return;
	size_t width = cli_terminal_width(STDERR_FILENO);
	clean[strcspn(clean, "\n")] = '\0';
	/* A line that wraps could not be taken away again. */
	clean[cli_fit(clean, width > 1 ? width - 1 : 79)] = '\0';
	cli_progress_end(cli);
	fputs(clean, stderr);
	fflush(stderr);
	cli->line = true;
}

/* ---- findings ---- */

static const char *const severity_words[] = {
	[PP_PASS] = "PASS", [PP_NOTE] = "NOTE", [PP_WARN] = "WARN", [PP_FAIL] = "FAIL"};
static const char *const severity_keys[] = {
	[PP_PASS] = "pass", [PP_NOTE] = "note", [PP_WARN] = "warn", [PP_FAIL] = "fail"};

static void indented(FILE *to, const char *text)
{
	PP_FREE char *clean = cli_clean(text);
	for (const char *line = clean; line && *line;) {
		size_t length = strcspn(line, "\n");
		fprintf(to, "     %.*s\n", (int)length, line);
		line += length;
		line += *line == '\n';
	}
}

void cli_findings(
	struct cli *cli, FILE *to, const struct pp_findings *findings, enum pp_severity least)
{
	if (to == stdout && cli->json)
		return;
	cli_progress_end(cli);
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		if (finding->severity < least)
			continue;
		PP_FREE char *subject = cli_clean(finding->subject);
		PP_FREE char *text = cli_clean(finding->text);
		fprintf(to, "%s [%s] %s: %s\n", severity_words[finding->severity], finding->id,
			subject ? subject : "", text ? text : "");
		if (finding->severity == PP_PASS)
			continue;
		indented(to, finding->evidence);
		indented(to, finding->remedy);
	}
}

struct pp_json *cli_findings_json(const struct pp_findings *findings)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; findings && i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "id", finding->id);
		pp_json_set_string(object, "severity", severity_keys[finding->severity]);
		pp_json_set_string(object, "subject", finding->subject);
		pp_json_set_string(object, "text", finding->text);
		pp_json_set_string(object, "evidence", finding->evidence);
		pp_json_set_string(object, "remedy", finding->remedy);
		pp_json_set_string(object, "name", finding->name);
		pp_json_set_bool(object, "can_do", finding->can_do);
		pp_json_add(array, object);
	}
	return array;
}

int cli_findings_status(const struct pp_findings *findings)
{
	int worst = PP_STATUS_OK;
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		int status = finding->status ? finding->status : PP_STATUS_NOT_READY;
		if (finding->severity == PP_FAIL && status > worst)
			worst = status;
	}
	return worst;
}

/* ---- the result object ---- */

void cli_set(struct cli *cli, const char *key, struct pp_json *value)
{
	if (!cli->result)
		cli->result = pp_json_object();
	if (cli->result)
		pp_json_set(cli->result, key, value);
	else
		pp_json_free(value);
}

void cli_set_string(struct cli *cli, const char *key, const char *text)
{
	cli_set(cli, key, pp_json_string(text));
}

void cli_set_int(struct cli *cli, const char *key, int64_t value)
{
	cli_set(cli, key, pp_json_int(value));
}

void cli_set_bool(struct cli *cli, const char *key, bool value)
{
	cli_set(cli, key, pp_json_bool(value));
}

/* At the end: what --json prints, and whether all could be written. */
/* Asked of the descriptor: the error may be of a write long before. */
static bool reader_is_gone(void)
{
	struct pollfd end = {.fd = STDOUT_FILENO};
	return poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP));
}

int cli_flush(struct cli *cli, int status)
{
	cli_progress_end(cli);
	if (cli->json && (!cli->lines || cli->result)) {
		if (!cli->result)
			cli->result = pp_json_object();
		PP_FREE char *text = pp_json_print(cli->result, !cli->lines);
		if (!text)
			return cli_oom(cli);
		fputs(text, stdout);
		fputc('\n', stdout);
	}
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	/* Who has closed the pipe does not want to know; main ends as the signal would have. */
	if (errno == EPIPE || (errno == 0 && reader_is_gone()))
		return -EPIPE;
	fprintf(stderr, "error: cannot write to standard output%s%s\n", errno ? ": " : "",
		errno ? strerror(errno) : "");
	return status ? status : PP_STATUS_FAILED;
}
