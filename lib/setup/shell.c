/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/shell.h"
#include "base/parse.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32

struct scan {
	struct pp_arena *arena;
	const char *text, *at, *end;
	const char *const *names;
	struct pp_shell *shell;
	size_t room;
	unsigned line;
	int depth;   /* of if, case, loops, functions */
	bool failed; /* without memory */
};

static void fault(struct scan *scan, unsigned line, const char *text)
{
	if (scan->shell->fault_line)
		return;
	scan->shell->fault_line = line;
	scan->shell->fault = text;
}

static bool done(const struct scan *scan)
{
	return scan->at >= scan->end || scan->shell->fault_line || scan->failed;
}

static void step(struct scan *scan)
{
	scan->line += *scan->at == '\n';
	scan->at++;
}

/* Behind a quote's end; inside "..." and `...` a backslash takes the next character. */
static void skip_quote(struct scan *scan, char quote)
{
	unsigned line = scan->line;
	step(scan);
	while (scan->at < scan->end && *scan->at != quote) {
		if (quote != '\'' && *scan->at == '\\' && scan->at + 1 < scan->end)
			step(scan);
		step(scan);
	}
	if (scan->at >= scan->end)
		fault(scan, line, "a quote is not closed");
	else
		step(scan);
}

/* $( ... ), with quotes and further ones in it. */
static void skip_substitution(struct scan *scan)
{
	unsigned line = scan->line, depth = 0;
	scan->at++;
	while (!done(scan)) {
		char c = *scan->at;
		if (c == '\'' || c == '"' || c == '`') {
			skip_quote(scan, c);
			continue;
		}
		depth += c == '(';
		depth -= c == ')';
		step(scan);
		if (depth == 0)
			return;
		if (depth > DEPTH_MAX)
			break;
	}
	fault(scan, line, "$( is not closed");
}

/* One piece of a word: a quote, a substitution, an escaped character, a character. */
static void skip_piece(struct scan *scan)
{
	char c = *scan->at;
	if (c == '\'' || c == '"' || c == '`')
		skip_quote(scan, c);
	else if (c == '$' && scan->at + 1 < scan->end && scan->at[1] == '(')
		skip_substitution(scan);
	else if (c == '\\' && scan->at + 1 < scan->end) {
		step(scan);
		step(scan);
	} else
		step(scan);
}

static bool ends_word(char c)
{
	return strchr(" \t\n;&|<>()", c) && c;
}

/* Is it NAME= or NAME+=, of a name that is asked for. */
static const char *assigned(const struct scan *scan, bool *ret_append, size_t *ret_skip)
{
	for (const char *const *name = scan->names; *name; name++) {
		size_t length = strlen(*name), left = (size_t)(scan->end - scan->at);
		if (left <= length || strncmp(scan->at, *name, length) != 0)
			continue;
		const char *rest = scan->at + length;
		bool append = *rest == '+' && left > length + 1 && rest[1] == '=';
		if (*rest != '=' && !append)
			continue;
		*ret_append = append;
		*ret_skip = length + 1 + append;
		return *name;
	}
	return NULL;
}

static void add(struct scan *scan, const struct pp_shell_assignment *assignment)
{
	struct pp_shell *shell = scan->shell;
	if (shell->n_items == scan->room) {
		size_t room = scan->room ? scan->room * 2 : 8;
		struct pp_shell_assignment *items = pp_arena_grow(scan->arena, shell->items,
			shell->n_items * sizeof(*items), room * sizeof(*items));
		if (!items) {
			scan->failed = true;
			return;
		}
		shell->items = items;
		scan->room = room;
	}
	shell->items[shell->n_items++] = *assignment;
}

static void read_value(struct scan *scan, const char *name, bool append)
{
	struct pp_shell_assignment item = {
		.name = name, .append = append, .line = scan->line, .form = PP_SHELL_BARE};
	const char *start = scan->at;
	char first = start < scan->end ? *start : '\0';
	unsigned pieces = 0;
	bool special = false;
	while (!done(scan) && !ends_word(*scan->at)) {
		special |= strchr("'\"`\\$", *scan->at) != NULL;
		skip_piece(scan);
		pieces++;
	}
	bool quoted = (first == '"' || first == '\'') && pieces == 1;
	item.start = (size_t)(start - scan->text) + quoted;
	item.end = (size_t)(scan->at - scan->text) - quoted;
	if (quoted)
		item.form = first == '"' ? PP_SHELL_DOUBLE : PP_SHELL_SINGLE;
	else if (special)
		item.form = PP_SHELL_MIXED;
	if (scan->depth > 0)
		fault(scan, item.line, "it is set under a condition");
	if (!scan->shell->fault_line)
		add(scan, &item);
}

static bool is_word(const char *word, size_t length, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == length && strncmp(word, *list, length) == 0)
			return true;
	return false;
}

/* How deep the next lines are, by the first word of a line. */
static void count_depth(struct scan *scan)
{
	static const char *const opens[] = {"if", "case", "for", "while", "until", "{", NULL};
	static const char *const closes[] = {"fi", "esac", "done", "}", NULL};
	size_t length = 0;
	while (scan->at + length < scan->end && !strchr(" \t\n;&|", scan->at[length]))
		length++;
	const char *end = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
	size_t rest = (size_t)((end ? end : scan->end) - scan->at);
	bool function = length > 2 && memmem(scan->at, rest, "()", 2);
	if (is_word(scan->at, length, opens) || (function && memchr(scan->at, '{', rest)))
		scan->depth++;
	if (is_word(scan->at, length, closes) && scan->depth > 0)
		scan->depth--;
	/* "if ...; then ...; fi" on one line */
	if (scan->depth > 0 && rest > 3 &&
		(memmem(scan->at, rest, "; fi", 4) || memmem(scan->at, rest, "; done", 6) ||
			memmem(scan->at, rest, ";; esac", 7)))
		scan->depth--;
}

/* The rest of a line: a command, or what follows an assignment. It must not touch our variables. */
static void skip_line(struct scan *scan)
{
	bool fresh = true;
	while (!done(scan) && *scan->at != '\n') {
		bool append;
		size_t skip;
		if (*scan->at == '#' && fresh) {
			while (scan->at < scan->end && *scan->at != '\n')
				scan->at++;
			break;
		}
		if (fresh && assigned(scan, &append, &skip))
			fault(scan, scan->line, "it is set within a command");
		if (scan->at + 1 < scan->end && scan->at[0] == '<' && scan->at[1] == '<')
			fault(scan, scan->line, "a here-document");
		fresh = ends_word(*scan->at);
		skip_piece(scan);
	}
}

static void scan_line(struct scan *scan)
{
	static const char export[] = "export ";
	bool append;
	size_t skip;
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
	if ((size_t)(scan->end - scan->at) > strlen(export) &&
		strncmp(scan->at, export, strlen(export)) == 0)
		scan->at += strlen(export);
	const char *name = assigned(scan, &append, &skip);
	if (name) {
		scan->at += skip;
		read_value(scan, name, append);
	} else if (!done(scan) && *scan->at != '#') {
		count_depth(scan);
	}
	skip_line(scan);
	if (!done(scan))
		step(scan);
}

int pp_shell_parse(struct pp_arena *arena, const char *text, size_t length,
	const char *const *names, struct pp_shell *ret_shell)
{
	struct pp_shell shell = {0};
	struct scan scan = {.arena = arena,
		.text = text,
		.at = text,
		.end = text + length,
		.names = names,
		.shell = &shell,
		.line = 1};
	while (!done(&scan))
		scan_line(&scan);
	if (scan.failed)
		return -ENOMEM;
	*ret_shell = shell;
	return 0;
}

/* ---- values ---- */

/* The value as the shell would have it; only NAME itself is expanded. */
static void expand(const char *raw, size_t length, enum pp_shell_form form, const char *name,
	const char *value, struct pp_buffer *out)
{
	size_t size = strlen(name);
	const char *end = raw + length;
	while (raw < end) {
		size_t left = (size_t)(end - raw);
		bool brace = left > 1 && raw[0] == '$' && raw[1] == '{';
		size_t skip = 1 + brace;
		if (form != PP_SHELL_SINGLE && *raw == '$' && left >= skip + size + brace &&
			strncmp(raw + skip, name, size) == 0 &&
			(brace ? raw[skip + size] == '}'
			       : left == skip + size ||
						!(isalnum((unsigned char)raw[skip + size]) ||
							raw[skip + size] == '_'))) {
			pp_buffer_puts(out, value ? value : "");
			raw += skip + size + brace;
			continue;
		}
		if (form == PP_SHELL_DOUBLE && *raw == '\\' && left > 1 && strchr("\"\\$`", raw[1]))
			raw++;
		pp_buffer_putc(out, *raw++);
	}
}

const char *pp_shell_value(struct pp_arena *arena, const char *text, const struct pp_shell *shell,
	const char *name, const char *value)
{
	for (size_t i = 0; i < shell->n_items; i++) {
		const struct pp_shell_assignment *item = &shell->items[i];
		PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
		if (!pp_text_is(item->name, name))
			continue;
		if (item->append)
			pp_buffer_puts(&out, value ? value : "");
		expand(text + item->start, item->end - item->start, item->form, name, value, &out);
		value = pp_arena_strdup(arena, pp_buffer_text(&out));
	}
	return value;
}

/* ---- the edit ---- */

/* The assignment to which a parameter is added; NULL: there is none. */
static const struct pp_shell_assignment *target_of(
	const struct pp_shell *shell, const char *const *names)
{
	for (; *names; names++)
		for (size_t i = shell->n_items; i-- > 0;)
			if (pp_text_is(shell->items[i].name, *names))
				return &shell->items[i];
	return NULL;
}

static bool mentions(const char *value, size_t length, const char *const *parameters)
{
	for (; parameters && *parameters; parameters++)
		if (memmem(value, length, *parameters, strlen(*parameters)))
			return true;
	return false;
}

static int edit_value(const char *value, const struct pp_shell_assignment *item,
	const struct pp_words_change *change, struct pp_buffer *out)
{
	size_t length = item->end - item->start;
	PP_BUFFER struct pp_buffer edited = PP_BUFFER_INIT;
	if (item->form == PP_SHELL_MIXED) {
		if ((change->add && *change->add) || mentions(value, length, change->remove))
			return -EINVAL;
		return pp_buffer_append(out, value, length);
	}
	int r = pp_words_edit(value, length,
		item->form == PP_SHELL_DOUBLE ? PP_WORDS_ESCAPED : PP_WORDS_PLAIN, change, &edited);
	if (r < 0)
		return r;
	bool same = edited.length == length && strncmp(pp_buffer_text(&edited), value, length) == 0;
	bool quote =
		!same && item->form == PP_SHELL_BARE && strpbrk(pp_buffer_text(&edited), " \t");
	if (quote)
		pp_buffer_putc(out, '"');
	pp_buffer_puts(out, pp_buffer_text(&edited));
	if (quote)
		pp_buffer_putc(out, '"');
	return out->failed;
}

int pp_shell_edit(struct pp_arena *arena, const char *text, size_t length, const char *const *names,
	const struct pp_words_change *change, struct pp_buffer *out, unsigned *ret_line,
	const char **ret_fault)
{
	struct pp_shell shell;
	int r = pp_shell_parse(arena, text, length, names, &shell);
	if (r < 0)
		return r;
	*ret_line = shell.fault_line;
	*ret_fault = shell.fault;
	if (shell.fault_line)
		return -EINVAL;
	const struct pp_shell_assignment *target = target_of(&shell, names);
	size_t last = 0;
	for (size_t i = 0; i < shell.n_items; i++) {
		const struct pp_shell_assignment *item = &shell.items[i];
		struct pp_words_change own = *change;
		if (item != target)
			own.add = NULL;
		pp_buffer_append(out, text + last, item->start - last);
		r = edit_value(text + item->start, item, &own, out);
		if (r == -EINVAL) {
			*ret_line = item->line;
			*ret_fault = "its value is not understood";
		}
		if (r < 0)
			return r;
		last = item->end;
	}
	pp_buffer_append(out, text + last, length - last);
	if (!target && change->add && *change->add) {
		PP_BUFFER struct pp_buffer value = PP_BUFFER_INIT;
		pp_words_edit("", 0, PP_WORDS_PLAIN, change, &value);
		pp_buffer_printf(out, "%s%s=\"%s\"\n",
			length > 0 && text[length - 1] != '\n' ? "\n" : "", names[0],
			pp_buffer_text(&value));
	}
	return out->failed;
}
