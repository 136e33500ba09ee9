/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/revert.h"
#include "base/parse.h"
#include "lib/setup/bootfile.h"
#include "lib/setup/setup.h"
#include <errno.h>
#include <string.h>

/* One line of ours: what it was, and is; FROM.length 0: it was put in. */
struct text {
	const char *at;
	size_t length; /* with its newline */
};
struct pair {
	struct text from, to;
	bool found;
};
struct pairs {
	struct pair *items;
	size_t n;
};

static struct text line_at(const char *at)
{
	const char *end = strchrnul(at, '\n');
	return (struct text){at, (size_t)(end - at) + (*end == '\n')};
}

static bool same(struct text a, struct text b)
{
	return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* An edit changes lines and puts some in, it never takes one away. */
static int find_pairs(struct pp_arena *arena, const char *from, const char *to, struct pairs *pairs)
{
	size_t room = 0;
	while (*to) {
		struct text a = line_at(from), b = line_at(to);
		struct text after = line_at(to + b.length);
		bool inserted = *from == '\0' || same(a, after);
		if (a.length > 0 && same(a, b)) {
			from += a.length;
			to += b.length;
			continue;
		}
		if (pairs->n == room) {
			size_t more = room ? room * 2 : 8;
			struct pair *items = pp_arena_grow(arena, pairs->items,
				pairs->n * sizeof(*items), more * sizeof(*items));
			if (!items)
				return -ENOMEM;
			pairs->items = items;
			room = more;
		}
		pairs->items[pairs->n++] =
			(struct pair){.from = inserted ? (struct text){from, 0} : a, .to = b};
		from += inserted ? 0 : a.length;
		to += b.length;
	}
	return 0;
}

static struct pair *pair_of(struct pairs *pairs, struct text line)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (!pairs->items[i].found && same(pairs->items[i].to, line))
			return &pairs->items[i];
	return NULL;
}

/* True: all that was ours was found as it was left. */
static bool put_lines(struct pairs *pairs, const char *now, struct pp_buffer *out)
{
	bool all = true;
	while (*now) {
		struct text line = line_at(now);
		struct pair *pair = pair_of(pairs, line);
		if (pair) {
			pair->found = true;
			line = pair->from;
		}
		pp_buffer_append(out, line.at, line.length);
		now += line_at(now).length;
	}
	for (size_t i = 0; i < pairs->n; i++)
		all &= pairs->items[i].found;
	return all;
}

int pp_setup_revert(const struct pp_setup_step *step, const char *now, struct pp_buffer *out,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer lines = PP_BUFFER_INIT;
	struct pairs pairs = {0};
	enum pp_bootfile_format format = pp_bootfile_of(step->format ? step->format : "");
	if (!arena || find_pairs(arena, step->from, step->to, &pairs) < 0)
		return pp_error_oom(error);
	bool all = put_lines(&pairs, now, &lines);
	if (lines.failed)
		return pp_error_oom(error);
	if (all || format == PP_BOOTFILE_FORMATS)
		return pp_buffer_puts(out, pp_buffer_text(&lines));
	const struct pp_words_change back = {.add = step->remove, .remove = step->add};
	return pp_bootfile_edit(
		format, step->subject, pp_buffer_text(&lines), lines.length, &back, out, error);
}
