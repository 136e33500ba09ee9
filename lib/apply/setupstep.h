/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One step of a setup: done, and taken back by what it changed, so that what others have changed in
 * the same file since stays. */
#ifndef LIB_APPLY_SETUPSTEP_H
#define LIB_APPLY_SETUPSTEP_H

#include "lib/apply/setup.h"

/* The text of a file as it is now, NULL: not there; the caller frees. */
int pp_setupstep_text(
	struct pp_context *context, const char *path, char **ret_text, struct pp_error *error);
/* The folder of its file is not there yet. */
bool pp_setupstep_makes_folder(struct pp_context *context, const struct pp_setup_step *step);
/* Not for those that refresh. */
int pp_setupstep_do(
	struct pp_setup_hands *hands, const struct pp_setup_step *step, struct pp_error *error);
/* MADE: its folder goes too, where nothing else is in it. Twice is once. */
int pp_setupstep_undo(struct pp_setup_hands *hands, const struct pp_setup_step *step, bool made,
	struct pp_error *error);
int pp_setupstep_run(struct pp_setup_hands *hands, const char *const *argv, struct pp_error *error);

#endif
