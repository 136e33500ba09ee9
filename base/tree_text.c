/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree_text.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40
#define NAME_LENGTH_MAX 255

struct pp_tree_text {
	struct pp_arena *arena;
	struct pp_tree_node *root;
	struct pp_tree_node **table; /* open addressing, by parent and name */
	size_t table_size, n_nodes;
};

struct reader {
	struct pp_tree_text *text;
	const char *name;
	size_t line;
	struct pp_error *error;
};

static int fault(struct reader *reader, const char *format, ...) PP_PRINTF(2, 3);
static int fault(struct reader *reader, const char *format, ...)
{
	char why[256];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return pp_error_set(reader->error, PP_STATUS_USAGE, EINVAL, "%s:%zu: %s", reader->name,
		reader->line, why);
}

/* ---- nodes ---- */

static size_t hash_of(const struct pp_tree_node *parent, const char *name, size_t length)
{
	uint64_t hash = 14695981039346656037ULL ^ (uint64_t)(uintptr_t)parent;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 1099511628211ULL;
	return (size_t)(hash ^ hash >> 29);
}

/* The place of a child in the table: its own, or the empty one where it belongs. */
static struct pp_tree_node **slot_of(const struct pp_tree_text *text,
	const struct pp_tree_node *parent, const char *name, size_t length)
{
	size_t at = hash_of(parent, name, length) & (text->table_size - 1);
	for (;; at = (at + 1) & (text->table_size - 1)) {
		struct pp_tree_node *node = text->table[at];
		if (!node || (node->parent == parent && strncmp(node->name, name, length) == 0 &&
				     !node->name[length]))
			return &text->table[at];
	}
}

static int table_grow(struct pp_tree_text *text)
{
	if (text->table && text->n_nodes * 2 < text->table_size)
		return 0;
	struct pp_tree_node **old = text->table;
	size_t old_size = text->table_size;
	text->table_size = old_size ? old_size * 2 : 1024;
	text->table = calloc(text->table_size, sizeof(*text->table));
	if (!text->table) {
		text->table = old;
		text->table_size = old_size;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			*slot_of(text, old[i]->parent, old[i]->name, strlen(old[i]->name)) = old[i];
	free(old);
	return 0;
}

static int child_add(struct pp_tree_text *text, struct pp_tree_node *parent, const char *name,
	size_t length, char type, struct pp_tree_node **ret_node)
{
	int r = table_grow(text);
	if (r < 0)
		return r;
	struct pp_tree_node *node = pp_arena_alloc(text->arena, sizeof(*node));
	char *copy = pp_arena_strndup(text->arena, name, length);
	if (!node || !copy)
		return -ENOMEM;
	if (parent->n_children == parent->room) {
		size_t room = parent->room ? parent->room * 2 : 4;
		struct pp_tree_node **more = pp_arena_grow(text->arena, parent->children,
			parent->n_children * sizeof(*more), room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		parent->children = more;
		parent->room = room;
	}
	*node = (struct pp_tree_node){.name = copy, .parent = parent, .type = type};
	parent->children[parent->n_children++] = node;
	*slot_of(text, parent, copy, length) = node;
	text->n_nodes++;
	*ret_node = node;
	return 0;
}

/* Makes the folders of PATH and a node at its end. */
static int node_make(
	struct reader *reader, const char *path, char type, struct pp_tree_node **ret_node)
{
	struct pp_tree_text *text = reader->text;
	struct pp_tree_node *at = text->root;
	const char *cursor = path, *name;
	size_t length;
	bool made = false;
	while (pp_text_word(&cursor, "/", &name, &length)) {
		if (length > NAME_LENGTH_MAX || (length == 1 && name[0] == '.') ||
			(length == 2 && memcmp(name, "..", 2) == 0))
			return fault(reader, "a part of the path is not a name: %.60s", name);
		if (at->type != 'd')
			return fault(reader, "%s is not a folder on another line", at->name);
		struct pp_tree_node *next = text->table ? *slot_of(text, at, name, length) : NULL;
		bool last = !cursor[strspn(cursor, "/")];
		made = false;
		if (!next) {
			int r = child_add(text, at, name, length, last ? type : 'd', &next);
			if (r < 0)
				return pp_error_oom(reader->error);
			made = true;
		}
		at = next;
	}
	if (!made && (type != 'd' || at->type != 'd'))
		return fault(reader, "%.200s is there already", path);
	*ret_node = at;
	return 0;
}

/* ---- lines ---- */

static int escape(const char **at, const char *end, char *ret_c)
{
	const char *c = *at + 1;
	if (c >= end)
		return -EINVAL;
	*at = c + 1;
	switch (*c) {
	case 'n':
		*ret_c = '\n';
		return 0;
	case 't':
		*ret_c = '\t';
		return 0;
	case 'r':
		*ret_c = '\r';
		return 0;
	case '\\':
		*ret_c = '\\';
		return 0;
	case 'x':
		break;
	default:
		return -EINVAL;
	}
	if (end - c < 3)
		return -EINVAL;
	uint8_t byte;
	size_t n;
	const char digits[] = {c[1], c[2], '\0'};
	if (pp_parse_hex_bytes(digits, &byte, 1, &n) < 0 || n != 1)
		return -EINVAL;
	*ret_c = (char)byte;
	*at = c + 3;
	return 0;
}

/* EXTRA: room for one more character. */
static int unescape(struct reader *reader, const char *from, const char *end, char **ret_data,
	size_t *ret_length)
{
	char *data = pp_arena_alloc(reader->text->arena, (size_t)(end - from) + 2);
	if (!data)
		return pp_error_oom(reader->error);
	size_t n = 0;
	while (from < end) {
		if (*from != '\\')
			data[n++] = *from++;
		else if (escape(&from, end, &data[n++]) < 0)
			return fault(
				reader, "an unknown escape; \\n \\t \\r \\\\ and \\xNN are known");
	}
	*ret_data = data;
	*ret_length = n;
	return 0;
}

static int hex_bytes(
	struct reader *reader, const char *value, const char *end, struct pp_tree_node *node)
{
	size_t size = (size_t)(end - value) / 2;
	uint8_t *bytes = pp_arena_alloc(reader->text->arena, size + 1);
	PP_FREE char *digits = strndup(value, (size_t)(end - value));
	if (!bytes || !digits)
		return pp_error_oom(reader->error);
	if (pp_parse_hex_bytes(digits, bytes, size, &node->length) < 0)
		return fault(reader, "after ':' stand bytes, two hex digits each");
	node->data = (const char *)bytes;
	return 0;
}

static int device_node(
	struct reader *reader, const char *value, const char *end, struct pp_tree_node *node)
{
	static const int bases[] = {10, 10, 8, 10, 10};
	uint64_t numbers[5];
	PP_FREE char *copy = strndup(value, (size_t)(end - value));
	if (!copy)
		return pp_error_oom(reader->error);
	const char *cursor = copy, *word;
	size_t length;
	char type = 0;
	size_t n = 0;
	bool good =
		pp_text_word(&cursor, " ", &word, &length) && length == 1 && strchr("cb", word[0]);
	if (good)
		type = word[0];
	while (good && pp_text_word(&cursor, " ", &word, &length)) {
		const char *after = word;
		good = n < PP_COUNT(numbers) &&
		       pp_parse_prefix(word, bases[n], UINT32_MAX, &numbers[n], &after) == 0 &&
		       after == word + length;
		n++;
	}
	if (!good || n != PP_COUNT(numbers))
		return fault(reader, "after '%%' stand: c or b, major, minor, mode, uid, gid");
	node->type = type;
	node->stat = (struct pp_tree_stat){.type = type,
		.major = (unsigned)numbers[0],
		.minor = (unsigned)numbers[1],
		.mode = (unsigned)numbers[2] & 07777,
		.uid = (unsigned)numbers[3],
		.gid = (unsigned)numbers[4]};
	return 0;
}

static int error_node(
	struct reader *reader, const char *value, const char *end, struct pp_tree_node *node)
{
	size_t length = (size_t)(end - value);
	for (int code = 1; code < 134; code++) {
		const char *name = strerrorname_np(code);
		if (name && strlen(name) == length && memcmp(name, value, length) == 0) {
			node->error = code;
			return 0;
		}
	}
	return fault(reader, "after '!' stands the name of an error such as EACCES");
}

static int file_text(
	struct reader *reader, const char *value, const char *end, struct pp_tree_node *node)
{
	char *data;
	int r = unescape(reader, value, end, &data, &node->length);
	if (r < 0)
		return r;
	data[node->length++] = '\n';
	node->data = data;
	return 0;
}

static int link_target(
	struct reader *reader, const char *value, const char *end, struct pp_tree_node *node)
{
	char *target;
	int r = unescape(reader, value, end, &target, &node->length);
	if (r < 0)
		return r;
	if (node->length == 0 || memchr(target, '\0', node->length))
		return fault(reader, "a link needs a target");
	node->data = target;
	return 0;
}

static const struct form {
	const char *sign;
	char type;
	int (*read)(struct reader *reader, const char *value, const char *end,
		struct pp_tree_node *node);
} forms[] = {
	{"=", 'f', file_text},
	{":", 'f', hex_bytes},
	{"->", 'l', link_target},
	{"%", 'c', device_node},
	{"!", '!', error_node},
};

static int read_line(struct reader *reader, const char *line, const char *end)
{
	if (line == end || *line == '#')
		return 0;
	if (memchr(line, '\0', (size_t)(end - line)))
		return fault(reader, "a NUL byte");
	if (*line != '/')
		return fault(reader, "a line begins with a path from /, or with #");
	const char *path_end = memchr(line, ' ', (size_t)(end - line));
	char *path;
	size_t length;
	int r = unescape(reader, line, path_end ? path_end : end, &path, &length);
	if (r < 0)
		return r;
	if (memchr(path, '\0', length))
		return fault(reader, "a NUL byte in a path");
	struct pp_tree_node *node;
	if (!path_end) {
		if (path[length - 1] != '/')
			return fault(reader, "nothing follows the path; a folder ends with /");
		return node_make(reader, path, 'd', &node);
	}
	const char *sign = path_end + 1;
	const char *blank = memchr(sign, ' ', (size_t)(end - sign));
	size_t sign_length = (size_t)((blank ? blank : end) - sign);
	for (size_t i = 0; i < PP_COUNT(forms); i++) {
		const struct form *form = &forms[i];
		if (strlen(form->sign) != sign_length || memcmp(sign, form->sign, sign_length) != 0)
			continue;
		const char *value = sign + sign_length;
		value += value < end;
		r = node_make(reader, path, form->type, &node);
		return r < 0 ? r : form->read(reader, value, end, node);
	}
	return fault(reader, "after the path stands one of = : -> %% !");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(
		(*(struct pp_tree_node *const *)a)->name, (*(struct pp_tree_node *const *)b)->name);
}

static void sort_children(struct pp_tree_text *text)
{
	for (size_t i = 0; i < text->table_size; i++) {
		struct pp_tree_node *node = text->table[i];
		if (node && node->n_children > 1)
			qsort(node->children, node->n_children, sizeof(*node->children),
				compare_names);
	}
	if (text->root->n_children > 1)
		qsort(text->root->children, text->root->n_children, sizeof(*text->root->children),
			compare_names);
}

int pp_tree_text_parse(const char *name, const char *bytes, size_t length,
	struct pp_tree_text **ret_text, struct pp_error *error)
{
	struct pp_tree_text *text = calloc(1, sizeof(*text));
	if (!text)
		return pp_error_oom(error);
	text->arena = pp_arena_new();
	text->root = text->arena ? pp_arena_alloc(text->arena, sizeof(*text->root)) : NULL;
	if (!text->root) {
		pp_tree_text_free(text);
		return pp_error_oom(error);
	}
	*text->root = (struct pp_tree_node){.name = "", .parent = text->root, .type = 'd'};
	struct reader reader = {.text = text, .name = name, .error = error};
	const char *at = bytes, *end = bytes + length;
	while (at < end) {
		reader.line++;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		int r = read_line(&reader, at, newline ? newline : end);
		if (r < 0) {
			pp_tree_text_free(text);
			return r;
		}
		at = newline ? newline + 1 : end;
	}
	sort_children(text);
	*ret_text = text;
	return 0;
}

void pp_tree_text_free(struct pp_tree_text *text)
{
	if (!text)
		return;
	pp_arena_free(text->arena);
	free(text->table);
	free(text);
}

/* ---- finding ---- */

/* LINKS is what is left of the links that one path may go through. */
static int walk(const struct pp_tree_text *text, const struct pp_tree_node *at, const char *path,
	bool follow, int *links, const struct pp_tree_node **ret_node)
{
	const char *cursor = path, *name;
	size_t length;
	if (*path == '/')
		at = text->root;
	while (pp_text_word(&cursor, "/", &name, &length)) {
		if (at->type == '!')
			return -at->error;
		if (at->type != 'd')
			return -ENOTDIR;
		if (length == 1 && name[0] == '.')
			continue;
		if (length == 2 && memcmp(name, "..", 2) == 0) {
			at = at->parent;
			continue;
		}
		const struct pp_tree_node *next =
			text->table ? *slot_of(text, at, name, length) : NULL;
		if (!next)
			return -ENOENT;
		bool last = !cursor[strspn(cursor, "/")];
		if (next->type == 'l' && (!last || follow || *cursor)) {
			if ((*links)-- == 0)
				return -ELOOP;
			int r = walk(text, at, next->data, true, links, &next);
			if (r < 0)
				return r;
		}
		at = next;
	}
	if (at->type != 'd' && at->type != '!' && pp_text_ends(path, "/"))
		return -ENOTDIR;
	*ret_node = at;
	return 0;
}

int pp_tree_text_find(const struct pp_tree_text *text, const char *path, bool follow,
	const struct pp_tree_node **ret_node)
{
	int links = LINKS_MAX;
	if (*path != '/')
		return -EINVAL;
	return walk(text, text->root, path, follow, &links, ret_node);
}
