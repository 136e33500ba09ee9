/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A journal: what a transaction is about to do, did, and undid, in run/pcipass/journal/NNNNNN; one
 * line, one write(2). The next line comes only after the one before it is there, and an effect only
 * after its "try":
 *
 *   pcipass-journal 1 BOOT-ID PID TIME
 *   plan SUM {"verb": ..., "owner": "host", "returns": false, "steps": [...], "identities": [...]}
 *   until MILLISECONDS      (since boot, of a trial)
 *   try 1
 *   applied
 *   kept
 *   undo                    (what was applied goes back: it is unfinished until all of it has)
 *   undone 1
 *   released
 *
 * The file gets its name when the plan is in it; the transaction that writes it holds its lock.
 * Without "applied" and without a lock it is unfinished: recovery undoes what was tried. With
 * "applied" it stays for as long as a device is out, as the memory of where that came from and of
 * whose it is: a guest's until the guest has ended, the host's until a reattach. With "until" and
 * without "kept" it is a trial, undone by whoever finds it after that time. */
#ifndef LIB_APPLY_JOURNAL_H
#define LIB_APPLY_JOURNAL_H

#include "lib/apply/effects.h"

struct pp_journal {
	char name[16];
	unsigned version;     /* 0: not a journal that can be read */
	pid_t pid;            /* who wrote it */
	int64_t made;         /* when, in seconds since 1970; 0: not said */
	struct pp_plan *plan; /* NULL: cannot be read */
	char **identities;    /* one a step (identity.h); NULL where none is known */
	bool *tried, *undone; /* one a step */
	int64_t until;        /* of a trial, milliseconds since boot; 0: it is none */
	bool applied, kept, released;
	bool undoing; /* it was applied, and goes back */
	bool running; /* its transaction holds it */
	bool stale;   /* of another boot: drivers are bound anew, nothing of it holds */
	bool damaged; /* a line was not understood: every step counts as tried */
	bool foreign; /* of another version, and not all understood: it is left alone */
	int fd;       /* the open and locked file, else -1 */
};
struct pp_journals {
	struct pp_journal *items; /* oldest first */
	size_t n_items;
};

/* All of this machine; nothing is changed or locked. */
int pp_journals_load(
	struct pp_context *context, struct pp_journals **ret_journals, struct pp_error *error);
void pp_journals_free(struct pp_journals *journals);
PP_DEFINE_CLEANUP(struct pp_journals *, pp_journals_free)
void pp_journal_free(struct pp_journal *journal);
PP_DEFINE_CLEANUP(struct pp_journal *, pp_journal_free)

/* Makes and locks one for PLAN. */
int pp_journal_begin(struct pp_effects *effects, const struct pp_plan *plan,
	struct pp_journal **ret_journal, struct pp_error *error);
/* Opens and locks one that is there, reads it again, and cuts off half a line. -EAGAIN: another has
 * it, -ENOENT: it has gone. */
int pp_journal_own(struct pp_effects *effects, const char *name, int wait_ms,
	struct pp_journal **ret_journal, struct pp_error *error);
/* "try" and "undone" are followed by the number of a step, from 0 here; others by none (-1). */
int pp_journal_write(
	struct pp_effects *effects, struct pp_journal *journal, const char *word, ssize_t step);
/* It is a trial until then. */
int pp_journal_write_until(struct pp_effects *effects, struct pp_journal *journal, int64_t until);
/* It has ended: "released", and the file goes. */
int pp_journal_end(struct pp_effects *effects, struct pp_journal *journal);
/* Out of the way, but kept for who wants to look: "bad-NNNNNN". */
int pp_journal_set_aside(struct pp_effects *effects, const char *name);
/* What processes left that died before their journal had a name. */
void pp_journal_sweep(struct pp_effects *effects);

/* Out of the reach of recovery: it was applied, and it is not one that gives back. */
bool pp_journal_finished(const struct pp_journal *journal);
/* A step counts until it is undone; in an unfinished journal only if it was tried. */
bool pp_journal_counts(const struct pp_journal *journal, size_t step);
/* How long a trial that nobody has kept has left, in milliseconds; 0: it is over, -1: it is none.
 */
int64_t pp_journal_trial_left(const struct pp_journal *journal);
/* The guest's name, NULL for the host's. */
const char *pp_journal_guest(const struct pp_journal *journal);

#endif
