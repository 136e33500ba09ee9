/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/bootfile.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "lib/setup/shell.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX ((size_t)1 << 20)

/* Parameters of the normal entries first: those for all reach the recovery entry too. */
const char *const pp_grub_names[] = {"GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX", NULL};
static const char *const limine_names[] = {"KERNEL_CMDLINE[default]", NULL};

static const char *const format_names[PP_BOOTFILE_FORMATS] = {
	[PP_BOOTFILE_GRUB] = "grub",
	[PP_BOOTFILE_LIMINE_DEFAULT] = "limine-default",
	[PP_BOOTFILE_CMDLINE] = "cmdline",
	[PP_BOOTFILE_ENTRY] = "entry",
	[PP_BOOTFILE_LEGACY] = "grub-legacy",
	[PP_BOOTFILE_LIMINE] = "limine",
};

const char *pp_bootfile_name(enum pp_bootfile_format format)
{
	return format_names[format];
}

enum pp_bootfile_format pp_bootfile_of(const char *name)
{
	for (unsigned i = 0; i < PP_BOOTFILE_FORMATS; i++)
		if (pp_text_is(format_names[i], name))
			return (enum pp_bootfile_format)i;
	return PP_BOOTFILE_FORMATS;
}

/* ---- what can be edited ---- */

static unsigned line_at(const char *text, size_t offset)
{
	unsigned line = 1;
	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int refuse(struct pp_error *error, const char *path, unsigned line, const char *why,
	const char *remedy)
{
	pp_error_set(error, PP_STATUS_FAILED, -EINVAL, "%s:%u: %s; the file is left as it is", path,
		line, why);
	pp_error_id(error, "loader-file");
	pp_error_remedy(error, "%s", remedy);
	return -EINVAL;
}

bool pp_bootfile_is_blank(const char *text, size_t length)
{
	while (length > 0 && memchr(" \t\n", text[length - 1], 3))
		length--;
	return length == 0;
}

int pp_bootfile_check(const char *path, const char *text, size_t length, struct pp_error *error)
{
	size_t valid = pp_utf8_valid_length(text, length);
	const char *odd = memchr(text, '\r', length);
	if (pp_bootfile_is_blank(text, length))
		return refuse(error, path, 1, "it is empty",
			"look why: a boot loader's settings are never empty");
	if (length > TEXT_MAX)
		return refuse(error, path, 1, "it is larger than 1 MiB",
			"look what it is: a boot loader's settings are small");
	if (valid < length)
		return refuse(error, path, line_at(text, valid), "it is not UTF-8",
			"convert it (iconv), or set the parameters by hand");
	if (odd)
		return refuse(error, path, line_at(text, (size_t)(odd - text)),
			"it has Windows line ends", "make them Unix's: sed -i 's/\\r$//' FILE");
	odd = memchr(text, '\0', length);
	if (odd)
		return refuse(error, path, line_at(text, (size_t)(odd - text)),
			"it has a NUL byte, it is no text", "look what it is");
	return 0;
}

/* ---- files of lines ---- */

struct line {
	const char *start, *end; /* END: the newline, or the end of the text */
	unsigned number;
};

static bool next_line(const char *text, size_t length, struct line *line)
{
	const char *end = text + length;
	const char *at = line->start ? line->end + 1 : text;
	if (at >= end)
		return false;
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	line->start = at;
	line->end = newline ? newline : end;
	line->number++;
	return true;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* What stands behind a keyword and blanks; NULL: the line begins with something else. */
static const char *behind(const struct line *line, const char *word)
{
	const char *at = skip_blanks(line->start, line->end);
	size_t length = strlen(word);
	if ((size_t)(line->end - at) < length || strncmp(at, word, length) != 0)
		return NULL;
	at += length;
	if (at < line->end && *at != ' ' && *at != '\t')
		return NULL;
	return skip_blanks(at, line->end);
}

struct edit {
	const char *path;
	const char *text;
	size_t length;
	const struct pp_words_change *change;
	struct pp_buffer *out;
	struct pp_error *error;
};

static int put_line(const struct edit *edit, const struct line *line)
{
	bool newline = line->end < edit->text + edit->length;
	return pp_buffer_append(
		edit->out, line->start, (size_t)(line->end - line->start) + newline);
}

/* A line whose parameters begin at FROM. */
static int edit_line(
	const struct edit *edit, const struct line *line, const char *from, bool with_add)
{
	struct pp_words_change own = *edit->change;
	PP_BUFFER struct pp_buffer words = PP_BUFFER_INIT;
	const char *end = line->end;
	if (!with_add)
		own.add = NULL;
	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	int r = pp_words_edit(from, (size_t)(end - from), PP_WORDS_PLAIN, &own, &words);
	if (r == -EINVAL)
		return refuse(edit->error, edit->path, line->number, "a quote is not closed",
			"mend the line; it is not understood by the kernel either");
	if (r < 0)
		return pp_error_oom(edit->error);
	bool same = words.length == (size_t)(end - from) &&
		    strncmp(pp_buffer_text(&words), from, words.length) == 0;
	if (same)
		return put_line(edit, line);
	pp_buffer_append(edit->out, line->start, (size_t)(from - line->start));
	if (from > line->start && !strchr(" \t:=", from[-1]) && words.length > 0 &&
		!strchr(" \t", words.data[0]))
		pp_buffer_putc(edit->out, ' ');
	pp_buffer_puts(edit->out, pp_buffer_text(&words));
	return pp_buffer_append(edit->out, end,
		(size_t)(line->end - end) + (line->end < edit->text + edit->length));
}

/* ---- /etc/kernel/cmdline ---- */

static int edit_cmdline(const struct edit *edit)
{
	struct line line = {0};
	bool added = false;
	int r = 0;
	while (r >= 0 && next_line(edit->text, edit->length, &line)) {
		const char *from = skip_blanks(line.start, line.end);
		if (from == line.end || *from == '#') {
			r = put_line(edit, &line);
			continue;
		}
		r = edit_line(edit, &line, from, !added);
		added = true;
	}
	if (r >= 0 && !added)
		return refuse(edit->error, edit->path, line.number, "it has no parameters",
			"put the kernel's command line into it, as /proc/cmdline says it");
	return r;
}

/* ---- loader/entries/NAME.conf ---- */

static int edit_entry(const struct edit *edit)
{
	struct line line = {0}, last = {0};
	bool linux_entry = false;
	int r = 0;
	while (next_line(edit->text, edit->length, &line)) {
		linux_entry |= behind(&line, "linux") != NULL;
		if (behind(&line, "options"))
			last = line;
	}
	line = (struct line){0};
	while (r >= 0 && next_line(edit->text, edit->length, &line)) {
		const char *from = linux_entry ? behind(&line, "options") : NULL;
		r = from ? edit_line(edit, &line, from, line.start == last.start)
			 : put_line(edit, &line);
	}
	if (r < 0 || !linux_entry || last.start || !edit->change->add || !*edit->change->add)
		return r;
	if (edit->length > 0 && edit->text[edit->length - 1] != '\n')
		pp_buffer_putc(edit->out, '\n');
	pp_buffer_puts(edit->out, "options ");
	pp_words_edit("", 0, PP_WORDS_PLAIN, edit->change, edit->out);
	return pp_buffer_putc(edit->out, '\n');
}

/* ---- legacy GRUB ---- */

/* The kernel of a `kernel` line: the first word that is no option. */
static const char *legacy_kernel(const char *at, const char *end, size_t *ret_length)
{
	const char *word;
	while (pp_words_next(&at, end, PP_WORDS_PLAIN, &word, ret_length) > 0)
		if (*word != '-')
			return word;
	return NULL;
}

/* Linux by its name; not Xen, memtest, another loader. */
static bool is_linux(const char *word, size_t length)
{
	static const char *const names[] = {"vmlinuz", "vmlinux", "bzImage", "linux", "kernel"};
	const char *name = word;
	for (const char *at = word; at < word + length; at++)
		if (*at == '/')
			name = at + 1;
	for (size_t i = 0; i < PP_COUNT(names); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int edit_legacy(const struct edit *edit)
{
	struct line line = {0};
	bool in_entry = false, any = false;
	int r = 0;
	while (r >= 0 && next_line(edit->text, edit->length, &line)) {
		size_t length = 0;
		in_entry |= behind(&line, "title") != NULL;
		const char *from = in_entry ? behind(&line, "kernel") : NULL;
		const char *kernel = from ? legacy_kernel(from, line.end, &length) : NULL;
		if (from && line.end > line.start && line.end[-1] == '\\')
			return refuse(edit->error, edit->path, line.number,
				"the line goes on in the next one", "write it on one line");
		if (!kernel || !is_linux(kernel, length)) {
			r = put_line(edit, &line);
			continue;
		}
		any = true;
		r = edit_line(edit, &line, kernel + length, true);
	}
	if (r >= 0 && !any)
		return refuse(edit->error, edit->path, line.number,
			"no entry (title) of it has a kernel line that starts Linux",
			"look whether this file starts the machine");
	return r;
}

/* ---- Limine: "key: value" in limine.conf, "KEY=value" in limine.cfg ---- */

static const char *limine_value(const struct line *line, const char *key)
{
	const char *at = skip_blanks(line->start, line->end);
	size_t length = strlen(key);
	if ((size_t)(line->end - at) <= length || strncasecmp(at, key, length) != 0 ||
		(at[length] != ':' && at[length] != '='))
		return NULL;
	return skip_blanks(at + length + 1, line->end);
}

static bool limine_title(const struct line *line)
{
	const char *at = skip_blanks(line->start, line->end);
	return at < line->end && (*at == '/' || *at == ':');
}

static const char *limine_cmdline(const struct line *line)
{
	const char *value = limine_value(line, "cmdline");
	return value ? value : limine_value(line, "kernel_cmdline");
}

struct limine_entry {
	bool linux_entry, cmdline;
	const char *kernel; /* the line that names it */
};

/* The entry that begins behind a title's line. */
static struct limine_entry limine_look(const struct edit *edit, struct line at)
{
	struct limine_entry entry = {0};
	while (next_line(edit->text, edit->length, &at) && !limine_title(&at)) {
		const char *protocol = limine_value(&at, "protocol");
		entry.linux_entry |= protocol && at.end - protocol >= 5 &&
				     strncasecmp(protocol, "linux", 5) == 0;
		entry.cmdline |= limine_cmdline(&at) != NULL;
		if (limine_value(&at, "path") || limine_value(&at, "kernel_path"))
			entry.kernel = at.start;
	}
	return entry;
}

/* An entry of Linux without parameters gets its line behind the kernel's, written as that one. */
static int limine_insert(const struct edit *edit, const struct line *kernel)
{
	const char *key = skip_blanks(kernel->start, kernel->end);
	bool old = strncmp(key, "KERNEL_PATH", 11) == 0 || strncmp(key, "PATH", 4) == 0;
	if (kernel->end == edit->text + edit->length)
		pp_buffer_putc(edit->out, '\n');
	pp_buffer_append(edit->out, kernel->start, (size_t)(key - kernel->start));
	pp_buffer_puts(edit->out, old ? "CMDLINE=" : "cmdline: ");
	pp_words_edit("", 0, PP_WORDS_PLAIN, edit->change, edit->out);
	return pp_buffer_putc(edit->out, '\n');
}

static int edit_limine(const struct edit *edit)
{
	struct line line = {0};
	struct limine_entry entry = {0};
	bool any = false;
	int r = 0;
	while (r >= 0 && next_line(edit->text, edit->length, &line)) {
		if (limine_title(&line))
			entry = limine_look(edit, line);
		const char *from = entry.linux_entry ? limine_cmdline(&line) : NULL;
		any |= entry.linux_entry;
		r = from ? edit_line(edit, &line, from, true) : put_line(edit, &line);
		if (r >= 0 && entry.linux_entry && !entry.cmdline && entry.kernel == line.start &&
			edit->change->add && *edit->change->add)
			r = limine_insert(edit, &line);
	}
	if (r >= 0 && !any)
		return refuse(edit->error, edit->path, line.number,
			"no entry of it has the protocol linux",
			"look whether this file starts the machine");
	return r;
}

/* ---- all ---- */

static int edit_shell(const struct edit *edit, const char *const *names)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	unsigned line = 0;
	const char *why = NULL;
	int r = arena ? pp_shell_edit(arena, edit->text, edit->length, names, edit->change,
				edit->out, &line, &why)
		      : -ENOMEM;
	if (r == -EINVAL && why)
		return refuse(edit->error, edit->path, line, why,
			"write the variable as a plain NAME=\"...\" on a line of its own, or set "
			"the parameters by hand");
	return r < 0 ? pp_error_oom(edit->error) : 0;
}

int pp_bootfile_edit(enum pp_bootfile_format format, const char *path, const char *text,
	size_t length, const struct pp_words_change *change, struct pp_buffer *out,
	struct pp_error *error)
{
	struct edit edit = {.path = path,
		.text = text,
		.length = length,
		.change = change,
		.out = out,
		.error = error};
	int r = pp_bootfile_check(path, text, length, error);
	if (r < 0)
		return r;
	switch (format) {
	case PP_BOOTFILE_GRUB:
		return edit_shell(&edit, pp_grub_names);
	case PP_BOOTFILE_LIMINE_DEFAULT:
		return edit_shell(&edit, limine_names);
	case PP_BOOTFILE_CMDLINE:
		r = edit_cmdline(&edit);
		break;
	case PP_BOOTFILE_ENTRY:
		r = edit_entry(&edit);
		break;
	case PP_BOOTFILE_LEGACY:
		r = edit_legacy(&edit);
		break;
	default:
		r = edit_limine(&edit);
	}
	return out->failed ? pp_error_oom(error) : r;
}
