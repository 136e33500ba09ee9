/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A setup carried out: files by a rename, commands of the system's own, each in the record before
 * it is done. */
#ifndef LIB_APPLY_SETUP_H
#define LIB_APPLY_SETUP_H

#include "lib/apply/effects.h"
#include "lib/setup/setup.h"

/* Runs a program of the machine: 0, or a failure with its words in *error. */
typedef int pp_setup_run(const char *const *argv, void *data, struct pp_error *error);
struct pp_setup_hands {
	struct pp_effects *effects;
	pp_setup_run *run; /* NULL: on the live machine itself; below a root nothing is run */
	void *data;
};
int pp_setup_apply_on(struct pp_setup_hands *hands, const struct pp_setup *setup, bool *ret_changed,
	struct pp_error *error);
int pp_setup_undo_on(struct pp_setup_hands *hands, bool *ret_changed, struct pp_error *error);

/* For `changes` and `recover`. */
struct pp_setup_state {
	bool any, unfinished;
	int64_t when;
	char *text; /* a line a step; the caller frees */
};
int pp_setup_look(struct pp_context *context, struct pp_setup_state *ret_state);
/* Takes back what an interrupted run left. */
int pp_setup_recover_on(struct pp_setup_hands *hands, bool *ret_changed, struct pp_error *error);

#endif
