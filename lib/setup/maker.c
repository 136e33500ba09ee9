/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/maker.h"
#include "base/parse.h"
#include <errno.h>
#include <string.h>

char *pp_maker_printf(struct pp_maker *maker, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = pp_arena_vprintf(maker->arena, format, args);
	va_end(args);
	maker->failed |= !text;
	return text;
}

const char *const *pp_maker_list(struct pp_maker *maker, const char *first, ...)
{
	size_t n = 0;
	va_list args;
	va_start(args, first);
	for (const char *word = first; word; word = va_arg(args, const char *))
		n++;
	va_end(args);
	const char **list = pp_arena_array(maker->arena, n + 1, sizeof(*list));
	maker->failed |= !list;
	va_start(args, first);
	for (size_t i = 0; list && i < n; i++)
		list[i] = i == 0 ? first : va_arg(args, const char *);
	va_end(args);
	return list;
}

void pp_maker_step(struct pp_maker *maker, const struct pp_setup_step *step)
{
	if (maker->n_steps == maker->room_steps) {
		size_t room = maker->room_steps ? maker->room_steps * 2 : 16;
		struct pp_setup_step *steps = pp_arena_grow(maker->arena, maker->steps,
			maker->n_steps * sizeof(*steps), room * sizeof(*steps));
		maker->failed |= !steps;
		if (!steps)
			return;
		maker->steps = steps;
		maker->room_steps = room;
	}
	maker->steps[maker->n_steps++] = *step;
}

void pp_maker_file(struct pp_maker *maker, const char *path, const char *to)
{
	const char *from = pp_boot_text(maker->boot, path);
	struct pp_setup_step step = {
		.kind = PP_SETUP_FILE, .subject = path, .from = from, .to = to};
	if (!pp_text_is(from, to))
		pp_maker_step(maker, &step);
}

static void add_command(
	struct pp_maker *maker, const char *const *argv, const char *const *undo, bool refresh)
{
	PP_BUFFER struct pp_buffer words = PP_BUFFER_INIT;
	for (size_t i = 0; argv && argv[i]; i++)
		pp_buffer_printf(&words, "%s%s", i ? " " : "", argv[i]);
	struct pp_setup_step step = {.kind = PP_SETUP_COMMAND,
		.subject = pp_maker_printf(maker, "%s", pp_buffer_text(&words)),
		.argv = argv,
		.undo = undo,
		.refresh = refresh};
	maker->failed |= words.failed < 0 || !argv;
	pp_maker_step(maker, &step);
}

void pp_maker_command(struct pp_maker *maker, const char *const *argv, const char *const *undo)
{
	add_command(maker, argv, undo, false);
}

void pp_maker_refresh(struct pp_maker *maker, const char *const *argv)
{
	add_command(maker, argv, NULL, true);
}

struct pp_finding *pp_maker_find(struct pp_maker *maker, enum pp_severity severity, const char *id,
	const char *text, const char *evidence, const char *remedy)
{
	static struct pp_finding none;
	if (maker->n_findings == maker->room_findings) {
		size_t room = maker->room_findings ? maker->room_findings * 2 : 16;
		struct pp_finding *findings = pp_arena_grow(maker->arena, maker->findings,
			maker->n_findings * sizeof(*findings), room * sizeof(*findings));
		maker->failed |= !findings;
		if (!findings)
			return &none;
		maker->findings = findings;
		maker->room_findings = room;
	}
	struct pp_finding *finding = &maker->findings[maker->n_findings++];
	*finding = (struct pp_finding){.id = id,
		.severity = severity,
		.status = severity == PP_FAIL ? PP_STATUS_NOT_READY : PP_STATUS_OK,
		.subject = "host",
		.text = text,
		.evidence = evidence,
		.remedy = remedy};
	return finding;
}

static int refuse(struct pp_error *error, const char *path, const char *why, const char *remedy)
{
	pp_error_set(
		error, PP_STATUS_FAILED, -EPERM, "%s: %s; the file is left as it is", path, why);
	pp_error_id(error, "loader-file");
	pp_error_remedy(error, "%s", remedy);
	return -EPERM;
}

int pp_maker_look(struct pp_maker *maker, const char *path, const struct pp_boot_file **ret_file,
	struct pp_error *error)
{
	const struct pp_boot_file *file = pp_boot_file(maker->boot, path);
	if (file && file->link)
		return refuse(error, path, pp_maker_printf(maker, "it is a link to %s", file->link),
			"a link may be another tool's: set the parameters in what it leads to, or "
			"put a file in its place");
	if (file && !file->text)
		return refuse(error, path, "it cannot be read", strerror(-file->error));
	if (file && !file->writable)
		return refuse(error, path, "it is not writable: someone protects it",
			"chmod u+w it, if that was not meant");
	*ret_file = file;
	return 0;
}

/* Stands it in a text as a parameter, whatever is around it: "key=b" also in "key=a,b". */
static bool mentions(const char *text, const char *parameter)
{
	const char *element = strchr(parameter, '=');
	size_t key = element ? (size_t)(element - parameter) + 1 : 0;
	size_t length = strlen(parameter + key);
	for (const char *at = text; (at = strstr(at, key ? "=" : parameter)); at++) {
		const char *word = key ? at + 1 - key : at;
		if (word < text || strncmp(word, parameter, key) != 0 ||
			(word > text && !strchr(" \t\n\"'=:", word[-1])))
			continue;
		for (const char *part = word + key;; part += strcspn(part, ", \t\n\"'") + 1) {
			if (strcspn(part, ", \t\n\"'") == length &&
				strncmp(part, parameter + key, length) == 0)
				return true;
			if (part[strcspn(part, ", \t\n\"'")] != ',')
				break;
		}
	}
	return false;
}

/* Of a list those that are in A and not in B. */
static const char *const *changed(
	struct pp_maker *maker, const char *const *list, const char *a, const char *b)
{
	size_t n = 0, at = 0;
	while (list && list[n])
		n++;
	const char **own = pp_arena_array(maker->arena, n + 1, sizeof(*own));
	maker->failed |= !own;
	for (size_t i = 0; own && i < n; i++)
		if (mentions(a, list[i]) && !mentions(b, list[i]))
			own[at++] = list[i];
	return own;
}

int pp_maker_edit(struct pp_maker *maker, enum pp_bootfile_format format, const char *path,
	const struct pp_words_change *change, struct pp_error *error)
{
	const struct pp_boot_file *file;
	PP_BUFFER struct pp_buffer to = PP_BUFFER_INIT;
	change = change ? change : &maker->change;
	int r = pp_maker_look(maker, path, &file, error);
	if (r < 0 || !file)
		return r;
	r = pp_bootfile_edit(format, path, file->text, file->length, change, &to, error);
	if (r < 0 || pp_text_is(pp_buffer_text(&to), file->text))
		return r;
	const char *text = pp_maker_printf(maker, "%s", pp_buffer_text(&to));
	if (text)
		pp_maker_step(
			maker, &(struct pp_setup_step){.kind = PP_SETUP_FILE,
				       .subject = file->path,
				       .from = file->text,
				       .to = text,
				       .format = pp_bootfile_name(format),
				       .add = changed(maker, change->add, text, file->text),
				       .remove = changed(maker, change->remove, file->text, text)});
	return 0;
}

bool pp_maker_running(const struct pp_maker *maker, const char *parameter)
{
	const char *line = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	return line && pp_words_has(line, strlen(line), parameter);
}
