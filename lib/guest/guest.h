/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest as verbs see it: its definition, and the record of its run. */
#ifndef LIB_GUEST_GUEST_H
#define LIB_GUEST_GUEST_H

#include "lib/guest/definition.h"
#include "lib/guest/record.h"

struct pp_guest {
	struct pp_arena *arena;
	const char *name;
	struct pp_definition *definition; /* NULL: it runs, but is not defined any more */
	struct pp_record *record;
};

/* WORD: an id, a uuid or a name. Whoever loads a guest that nobody takes care of any more sees to
 * it that somebody does (tend.h). */
int pp_guest_load(struct pp_context *context, const char *word, struct pp_guest **ret_guest,
	struct pp_error *error);
/* By its very name; -ENOENT without an error text when there is none. */
int pp_guest_load_name(struct pp_context *context, const char *name, struct pp_guest **ret_guest,
	struct pp_error *error);
void pp_guest_free(struct pp_guest *guest);
PP_DEFINE_CLEANUP(struct pp_guest *, pp_guest_free)
/* The record again, as it is now. */
int pp_guest_reload(struct pp_context *context, struct pp_guest *guest, struct pp_error *error);

/* It runs, or is on its way there or out. */
bool pp_guest_is_active(const struct pp_guest *guest);
/* The definition of the next start, understood; else the error that it is not. */
int pp_guest_domain(
	const struct pp_guest *guest, const struct pp_domain **ret_domain, struct pp_error *error);
/* The definition of this run while it runs; else the one of the next start. The caller frees. */
int pp_guest_current(struct pp_context *context, const struct pp_guest *guest, bool inactive,
	struct pp_definition **ret_definition, struct pp_error *error);
/* All names, of definitions and of runs that are not over, each once, by byte. */
int pp_guest_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error);
/* That the context's machine is written to by these verbs, and that we may. */
int pp_guest_may_write(struct pp_context *context, const char *what, struct pp_error *error);

#endif
