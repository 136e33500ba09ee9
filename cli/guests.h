/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs about guests share. */
#ifndef CLI_GUESTS_H
#define CLI_GUESTS_H

#include "cli/cli.h"

PP_DEFINE_CLEANUP(struct pp_guest_list *, pp_guest_list_free)
PP_DEFINE_CLEANUP(char **, pp_strv_free)
PP_DEFINE_CLEANUP(struct pp_guest_paths *, pp_guest_paths_free)

/* Looks a guest up; an error is said. Returns an exit status. The guest is (*ret_list)->items[0].
 */
int cli_guest(struct cli *cli, const char *name, struct pp_guest_list **ret_list);
bool cli_guest_runs(const struct pp_guest_info *guest);
/* Whether a word is meant as a file: it has a slash, or ends in .xml, or is "-". */
bool cli_is_file(const char *word);
/* Reads an XML file ("-" is standard input); an error is said. Returns an exit status. */
int cli_read_xml(struct cli *cli, const char *file, char **ret_xml, size_t *ret_length);
/* Connects this terminal with its console until Ctrl+]. Returns an exit status. */
int cli_console(struct cli *cli, const char *name);
/* A table as virsh prints them: rows of N_COLUMNS texts, the first of headings; "" and NULL are
 * "-". Returns an exit status. */
int cli_virsh_table(struct cli *cli, const char *const *texts, size_t n_columns, size_t n_rows);
/* The kinds of events that there are, ends with NULL. */
extern const char *const cli_events[];
/* What dominfo shows, as JSON; into OBJECT. */
void cli_guest_json(struct pp_json *object, const struct pp_guest_info *guest);

#endif
