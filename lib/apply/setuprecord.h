/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What host-setup has changed on this machine, in var/lib/pcipass/setup.json: it outlives boots, as
 * the changes do. It is written before each change, with the text that was there; with "base" it is
 * unfinished: the steps from there on were perhaps done. */
#ifndef LIB_APPLY_SETUPRECORD_H
#define LIB_APPLY_SETUPRECORD_H

#include "base/arena.h"
#include "lib/apply/effects.h"

struct pp_setup_record {
	struct pp_setup_step *steps;
	bool *made; /* one a step: the folder of its file was made for it */
	size_t n_steps, room;
	ssize_t base;                           /* -1: nothing is unfinished */
	int64_t when;                           /* of the last change, seconds since 1970 */
	const char *boot;                       /* of the last change */
	const char *loader;                     /* that was set; NULL: none */
	const char *const *add, *const *remove; /* kernel parameters that were set */
	struct pp_arena *arena;
};

/* One without steps where there is none. */
int pp_setup_record_load(
	struct pp_context *context, struct pp_setup_record **ret_record, struct pp_error *error);
void pp_setup_record_free(struct pp_setup_record *record);
PP_DEFINE_CLEANUP(struct pp_setup_record *, pp_setup_record_free)
/* Copies the step. */
int pp_setup_record_add(
	struct pp_setup_record *record, const struct pp_setup_step *step, bool made);
void pp_setup_record_remove(struct pp_setup_record *record, size_t at);
/* One without steps is removed. An effect. */
int pp_setup_record_save(
	struct pp_effects *effects, const struct pp_setup_record *record, struct pp_error *error);
/* What a killed save has left beside it; under the lock. */
void pp_setup_record_sweep(struct pp_context *context);
bool pp_setup_record_has_trial(const struct pp_setup_record *record);

#endif
