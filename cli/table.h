/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table: columns chosen by name, rows of text, printed for people (libsmartcols) or as JSON. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/json.h"
#include <stdio.h>

/* CLI_LIST: words; CLI_PHRASES: with blanks and commas in them, a ; between. */
enum cli_cell { CLI_TEXT, CLI_NUMBER, CLI_YES_NO, CLI_LIST, CLI_PHRASES };
struct cli_column {
	const char *
		name; /* "ADDRESS"; its key in JSON is the same in small letters, "-" becomes "_" */
	const char *help;
	enum cli_cell type;
	bool cut;       /* may be cut where the terminal is narrow */
	unsigned depth; /* enum pp_read: what of the host it shows */
	int id;         /* which one it is, for the code that fills it */
};

struct cli_table;
/* CHOICE: "A,B", "+C" (behind the DEFAULTS), or NULL for them. */
int cli_table_new(const struct cli_column *all, size_t n_all, const char *defaults,
	const char *choice, struct cli_table **ret_table, struct pp_error *error);
void cli_table_free(struct cli_table *table);
PP_DEFINE_CLEANUP(struct cli_table *, cli_table_free)
size_t cli_table_columns(const struct cli_table *table);
const struct cli_column *cli_table_column(const struct cli_table *table, size_t index);
unsigned cli_table_depth(const struct cli_table *table); /* of all its columns together */

/* A new row below PARENT (a row's number) or -1; returns its number or -ENOMEM. */
int cli_table_row(struct cli_table *table, int parent);
/* NULL and "" are nothing: "-" for people, null in JSON. A list is separated by commas or blanks.
 */
int cli_table_set(struct cli_table *table, int row, size_t column, const char *text);

/* The column TREE (its index, or -1: flat) shows which row stands below which. */
int cli_table_print(const struct cli_table *table, FILE *to, bool headings, int tree);
struct pp_json *cli_table_json(const struct cli_table *table);
/* Lines of help: the columns there are. The caller frees. */
char *cli_table_help(const struct cli_column *all, size_t n_all, const char *defaults);

#endif
