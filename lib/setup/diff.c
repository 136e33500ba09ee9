/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/diff.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 3
#define CELLS_MAX ((size_t)4 << 20) /* above that what differs is shown as a whole */

struct line {
	const char *text;
	size_t length; /* with its newline */
};
struct side {
	struct line *lines;
	size_t n;
};

static int split(const char *text, struct side *side)
{
	size_t n = 0;
	for (const char *at = text ? text : ""; *at; n++)
		at = strchrnul(at, '\n') + (*strchrnul(at, '\n') == '\n');
	side->lines = calloc(n + 1, sizeof(*side->lines));
	if (!side->lines)
		return -ENOMEM;
	for (const char *at = text ? text : ""; *at;) {
		const char *end = strchrnul(at, '\n');
		end += *end == '\n';
		side->lines[side->n++] = (struct line){at, (size_t)(end - at)};
		at = end;
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* One operation a character: ' ' both, '-' the old line, '+' the new one. */
static char *operations(const struct side *a, const struct side *b)
{
	size_t head = 0, tail = 0, n = 0;
	while (head < a->n && head < b->n && same(&a->lines[head], &b->lines[head]))
		head++;
	while (tail < a->n - head && tail < b->n - head &&
		same(&a->lines[a->n - 1 - tail], &b->lines[b->n - 1 - tail]))
		tail++;
	size_t rows = a->n - head - tail, columns = b->n - head - tail, width = columns + 1;
	bool whole = (rows + 1) > CELLS_MAX / width;
	uint32_t *common = whole ? NULL : calloc((rows + 1) * width, sizeof(*common));
	char *ops = calloc(a->n + b->n + 1, 1);
	if (!ops || (!whole && !common)) {
		free(common);
		free(ops);
		return NULL;
	}
	for (size_t i = rows; common && i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			uint32_t down = common[(i + 1) * width + j],
				 right = common[i * width + j + 1];
			common[i * width + j] = same(&a->lines[head + i], &b->lines[head + j])
							? common[(i + 1) * width + j + 1] + 1
						: down > right ? down
							       : right;
		}
	memset(ops, ' ', head);
	n = head;
	for (size_t i = 0, j = 0; i < rows || j < columns;) {
		if (common && i < rows && j < columns &&
			same(&a->lines[head + i], &b->lines[head + j])) {
			ops[n++] = ' ';
			i++;
			j++;
		} else if (i < rows &&
			   (!common || j == columns ||
				   common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			ops[n++] = '-';
			i++;
		} else {
			ops[n++] = '+';
			j++;
		}
	}
	memset(ops + n, ' ', tail);
	free(common);
	return ops;
}

static void put(struct pp_buffer *out, char op, const struct line *line)
{
	pp_buffer_putc(out, op);
	pp_buffer_append(out, line->text, line->length);
	if (line->length == 0 || line->text[line->length - 1] != '\n')
		pp_buffer_puts(out, "\n\\ No newline at end of file\n");
}

static void put_range(struct pp_buffer *out, char sign, size_t start, size_t count)
{
	pp_buffer_printf(out, " %c%zu", sign, count ? start + 1 : start);
	if (count != 1)
		pp_buffer_printf(out, ",%zu", count);
}

/* The hunk of operations FIRST to LAST, whose first lines are I of the old and J of the new. */
static void put_hunk(struct pp_buffer *out, const char *ops, size_t first, size_t last, size_t i,
	size_t j, const struct side *a, const struct side *b)
{
	size_t old = 0, new = 0;
	for (size_t k = first; k < last; k++) {
		old += ops[k] != '+';
		new += ops[k] != '-';
	}
	pp_buffer_puts(out, "@@");
	put_range(out, '-', i, old);
	put_range(out, '+', j, new);
	pp_buffer_puts(out, " @@\n");
	for (size_t k = first; k < last; k++) {
		put(out, ops[k], ops[k] == '+' ? &b->lines[j] : &a->lines[i]);
		i += ops[k] != '+';
		j += ops[k] != '-';
	}
}

static void put_hunks(
	struct pp_buffer *out, const char *ops, const struct side *a, const struct side *b)
{
	size_t n = strlen(ops), done = 0, i = 0, j = 0;
	for (size_t k = 0; k < n;) {
		if (ops[k] == ' ') {
			k++;
			continue;
		}
		size_t first = k > done + CONTEXT ? k - CONTEXT : done, last = k;
		for (size_t gap = 0; k < n && gap <= 2 * CONTEXT; k++) {
			gap = ops[k] == ' ' ? gap + 1 : 0;
			if (gap == 0)
				last = k + 1;
		}
		for (; done < first; done++, i++, j++) /* all before are lines of both */
			;
		last = last + CONTEXT < n ? last + CONTEXT : n;
		put_hunk(out, ops, first, last, i, j, a, b);
		for (; done < last; done++) {
			i += ops[done] != '+';
			j += ops[done] != '-';
		}
		k = last;
	}
}

int pp_diff(const char *path, const char *from, const char *to, struct pp_buffer *out)
{
	struct side a = {0}, b = {0};
	int r = split(from, &a);
	if (r >= 0)
		r = split(to, &b);
	char *ops = r < 0 ? NULL : operations(&a, &b);
	if (ops) {
		pp_buffer_printf(out, "--- %s\n+++ %s\n", from ? path : "/dev/null",
			to ? path : "/dev/null");
		put_hunks(out, ops, &a, &b);
	}
	free(ops);
	free(a.lines);
	free(b.lines);
	return ops ? out->failed : -ENOMEM;
}
