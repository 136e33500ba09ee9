/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition: a guest's domain XML under ETC/guests/NAME.xml, its author's text kept to the byte
 * (but for a uuid, which is added where there is none). */
#ifndef LIB_GUEST_DEFINITION_H
#define LIB_GUEST_DEFINITION_H

#include "base/arena.h"
#include "lib/context.h"
#include "lib/domain/domain.h"

struct pp_definition {
	struct pp_arena *arena;
	const char *name;
	const char *path; /* what messages call it */
	const char *text;
	size_t length;
	struct pp_domain *domain; /* NULL where the text cannot be understood: see fault */
	struct pp_error fault;
};

/* A name is one part of a path, and is shown on terminals and in QEMU's arguments. */
int pp_guest_name_check(const char *name, struct pp_error *error);

/* -ENOENT without an error text when there is none. A text that is not understood is no error here.
 */
int pp_definition_load(struct pp_context *context, const char *name,
	struct pp_definition **ret_definition, struct pp_error *error);
bool pp_definition_exists(struct pp_context *context, const char *name);
/* The definition of a run: RUN/guests/NAME/live.xml. */
int pp_definition_load_live(struct pp_context *context, const char *name,
	struct pp_definition **ret_definition, struct pp_error *error);
void pp_definition_free(struct pp_definition *definition);
PP_DEFINE_CLEANUP(struct pp_definition *, pp_definition_free)

/* The names of all definitions, by byte. */
int pp_definition_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error);
/* The name that a word means: a name, or a uuid, of a definition. -ENOENT when it is neither. */
int pp_definition_resolve(struct pp_context *context, struct pp_arena *arena, const char *word,
	const char **ret_name, struct pp_error *error);

/* Keeps a definition, as pp_guest_define. */
int pp_definition_store(struct pp_context *context, const char *xml, size_t length,
	const char *file, char **ret_name, bool *ret_changed, struct pp_error *error);
/* Its definition goes; a run of it does not. */
int pp_definition_remove(struct pp_context *context, const char *name, struct pp_error *error);

#endif
