/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include <ctype.h>
#include <libsmartcols.h>
#include <string.h>

struct row {
	int parent;
	const char **cells;
};
struct cli_table {
	struct pp_arena *arena;
	const struct cli_column **columns;
	size_t n_columns;
	struct row *rows;
	size_t n_rows, room;
};

void cli_table_free(struct cli_table *table)
{
	if (!table)
		return;
	pp_arena_free(table->arena);
	free(table);
}

static int unknown_column(
	const struct cli_column *all, size_t n_all, const char *name, struct pp_error *error)
{
	PP_FREE const char **names = calloc(n_all + 1, sizeof(*names));
	if (!names)
		return pp_error_oom(error);
	PP_BUFFER struct pp_buffer list = PP_BUFFER_INIT;
	for (size_t i = 0; i < n_all; i++) {
		names[i] = all[i].name;
		pp_buffer_printf(&list, "%s%s", i ? " " : "", all[i].name);
	}
	pp_error_set(error, PP_STATUS_USAGE, EINVAL, "there is no column '%s'", name);
	const char *nearest = pp_text_nearest(name, names);
	if (nearest)
		pp_error_remedy(error, "did you mean %s?", nearest);
	else
		pp_error_remedy(error, "there are: %s", pp_buffer_text(&list));
	return -EINVAL;
}

static int add_columns(struct cli_table *table, const struct cli_column *all, size_t n_all,
	const char *choice, struct pp_error *error)
{
	const char *word;
	size_t length;
	while (pp_text_word(&choice, ", ", &word, &length)) {
		char *name = pp_arena_strndup(table->arena, word, length);
		if (!name)
			return pp_error_oom(error);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		const struct cli_column *column = NULL;
		for (size_t i = 0; i < n_all && !column; i++)
			if (strcmp(all[i].name, name) == 0)
				column = &all[i];
		if (!column)
			return unknown_column(all, n_all, name, error);
		const struct cli_column **more = pp_arena_grow(table->arena, table->columns,
			table->n_columns * sizeof(*more), (table->n_columns + 1) * sizeof(*more));
		if (!more)
			return pp_error_oom(error);
		more[table->n_columns++] = column;
		table->columns = more;
	}
	return 0;
}

int cli_table_new(const struct cli_column *all, size_t n_all, const char *defaults,
	const char *choice, struct cli_table **ret_table, struct pp_error *error)
{
	PP_CLEANUP(cli_table_freep) struct cli_table *table = calloc(1, sizeof(*table));
	if (!table)
		return pp_error_oom(error);
	table->arena = pp_arena_new();
	if (!table->arena)
		return pp_error_oom(error);
	int r = 0;
	if (!choice || *choice == '+')
		r = add_columns(table, all, n_all, defaults, error);
	if (r >= 0 && choice)
		r = add_columns(table, all, n_all, choice + (*choice == '+'), error);
	if (r < 0)
		return r;
	if (table->n_columns == 0)
		return pp_error_set(error, PP_STATUS_USAGE, EINVAL, "no column was named");
	*ret_table = PP_TAKE(table);
	return 0;
}

size_t cli_table_columns(const struct cli_table *table)
{
	return table->n_columns;
}

const struct cli_column *cli_table_column(const struct cli_table *table, size_t index)
{
	return table->columns[index];
}

unsigned cli_table_depth(const struct cli_table *table)
{
	unsigned depth = 0;
	for (size_t i = 0; i < table->n_columns; i++)
		depth |= table->columns[i]->depth;
	return depth;
}

int cli_table_row(struct cli_table *table, int parent)
{
	if (table->n_rows == table->room) {
		size_t room = table->room ? table->room * 2 : 64;
		struct row *more = pp_arena_grow(table->arena, table->rows,
			table->n_rows * sizeof(*more), room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		table->rows = more;
		table->room = room;
	}
	struct row *row = &table->rows[table->n_rows];
	row->parent = parent;
	row->cells = pp_arena_array(table->arena, table->n_columns, sizeof(*row->cells));
	return row->cells ? (int)table->n_rows++ : -ENOMEM;
}

int cli_table_set(struct cli_table *table, int row, size_t column, const char *text)
{
	if (row < 0)
		return -ENOMEM;
	if (!text || !*text)
		return 0;
	const char *copy = pp_arena_strdup(table->arena, text);
	table->rows[row].cells[column] = copy;
	return copy ? 0 : -ENOMEM;
}

/* ---- for people ---- */

static int fill(const struct cli_table *table, struct libscols_table *scols, int tree)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct cli_column *column = table->columns[i];
		int flags = 0;
		if (column->type == CLI_NUMBER)
			flags |= SCOLS_FL_RIGHT;
		if (column->cut)
			flags |= SCOLS_FL_TRUNC;
		if (tree == (int)i)
			flags |= SCOLS_FL_TREE;
		if (!scols_table_new_column(scols, column->name, 0, flags))
			return -ENOMEM;
	}
	PP_FREE struct libscols_line **lines = calloc(table->n_rows + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	for (size_t r = 0; r < table->n_rows; r++) {
		const struct row *row = &table->rows[r];
		struct libscols_line *parent =
			tree >= 0 && row->parent >= 0 ? lines[row->parent] : NULL;
		lines[r] = scols_table_new_line(scols, parent);
		if (!lines[r])
			return -ENOMEM;
		for (size_t c = 0; c < table->n_columns; c++)
			if (scols_line_set_data(lines[r], c, row->cells[c] ? row->cells[c] : "-") <
				0)
				return -ENOMEM;
	}
	return 0;
}

int cli_table_print(const struct cli_table *table, FILE *to, bool headings, int tree)
{
	if (table->n_rows == 0)
		return 0;
	struct libscols_table *scols = scols_new_table();
	if (!scols)
		return -ENOMEM;
	scols_table_set_stream(scols, to);
	scols_table_enable_noheadings(scols, !headings);
	int r = fill(table, scols, tree);
	if (r >= 0)
		r = scols_print_table(scols);
	scols_unref_table(scols);
	return r < 0 ? r : 0;
}

/* ---- JSON ---- */

static struct pp_json *list_json(const char *text, const char *separators)
{
	struct pp_json *array = pp_json_array();
	const char *word;
	size_t length;
	while (pp_text_word(&text, separators, &word, &length)) {
		while (*word == ' ' && length > 0) {
			word++;
			length--;
		}
		PP_FREE char *item = strndup(word, length);
		pp_json_add_string(array, item);
	}
	return array;
}

static struct pp_json *cell_json(const struct cli_column *column, const char *text)
{
	uint64_t number;
	int small;
	if (column->type == CLI_LIST || column->type == CLI_PHRASES)
		return list_json(text ? text : "", column->type == CLI_LIST ? ", " : ";");
	if (!text)
		return NULL;
	if (column->type == CLI_YES_NO)
		return pp_json_bool(strcmp(text, "yes") == 0);
	if (column->type == CLI_NUMBER && pp_parse_int(text, &small) == 0)
		return pp_json_int(small);
	if (column->type == CLI_NUMBER && pp_parse_u64(text, 10, INT64_MAX, &number) == 0)
		return pp_json_int((int64_t)number);
	return pp_json_string(text);
}

struct pp_json *cli_table_json(const struct cli_table *table)
{
	struct pp_json *array = pp_json_array();
	for (size_t r = 0; r < table->n_rows; r++) {
		struct pp_json *object = pp_json_object();
		for (size_t c = 0; c < table->n_columns; c++) {
			char key[64];
			snprintf(key, sizeof(key), "%s", table->columns[c]->name);
			for (char *k = key; *k; k++)
				*k = *k == '-' ? '_' : (char)tolower((unsigned char)*k);
			pp_json_set(
				object, key, cell_json(table->columns[c], table->rows[r].cells[c]));
		}
		pp_json_add(array, object);
	}
	return array;
}

char *cli_table_help(const struct cli_column *all, size_t n_all, const char *defaults)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_puts(&buffer, "Columns for -o (+COLUMN adds to the usual ones):\n");
	for (size_t i = 0; i < n_all; i++)
		pp_buffer_printf(&buffer, "  %-12s %s\n", all[i].name, all[i].help);
	pp_buffer_printf(&buffer, "The usual ones: %s\n", defaults);
	return pp_buffer_take(&buffer);
}
