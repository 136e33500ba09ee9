/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading journals: as far as their text can be understood, whoever wrote it and wherever it was
 * cut. */
#ifndef LIB_APPLY_JOURNALREAD_H
#define LIB_APPLY_JOURNALREAD_H

#include "lib/apply/journal.h"

#define PP_JOURNAL_VERSION 1
#define PP_JOURNAL_MAX ((size_t)1 << 20)

/* Of a plan's line: "plan SUM {...}". A flipped bit in an address would move another device. */
uint64_t pp_journal_sum(const char *text);
/* Fills *journal (zeroed but for fd) from TEXT, which is changed. -ENOMEM alone is an error: what
 * cannot be understood is said in its fields. */
int pp_journal_parse(struct pp_context *context, const char *name, char *text, size_t length,
	struct pp_journal *journal);
/* What a line of one word says of it; false: there is no such word. */
bool pp_journal_note(struct pp_journal *journal, const char *word);
/* Room for one flag a step, and a copy of the plan. */
int pp_journal_room(struct pp_journal *journal, const struct pp_plan *plan);
/* What is in it, and its descriptor; not the struct itself. */
void pp_journal_done(struct pp_journal *journal);
/* The id of this boot, "-" where there is none; the caller frees. */
char *pp_journal_boot(struct pp_context *context);
/* The highest number that is in use, 0: none. */
int pp_journal_last(struct pp_context *context, unsigned *ret_number);

#endif
