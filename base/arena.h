/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An arena: memory that is given out in pieces and freed at once. Zeroed. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/cleanup.h"
#include "base/error.h"
#include <stdarg.h>
#include <stddef.h>

struct pp_arena;

struct pp_arena *pp_arena_new(void);
void pp_arena_free(struct pp_arena *arena);
PP_DEFINE_CLEANUP(struct pp_arena *, pp_arena_free)

/* All return NULL when memory is out. */
void *pp_arena_alloc(struct pp_arena *arena, size_t size);
void *pp_arena_array(struct pp_arena *arena, size_t count, size_t size);
/* A larger copy of an array that lives in the arena (the old one stays until the arena goes). */
void *pp_arena_grow(struct pp_arena *arena, const void *old, size_t old_size, size_t new_size);
char *pp_arena_strdup(struct pp_arena *arena, const char *text);
char *pp_arena_strndup(struct pp_arena *arena, const char *text, size_t length);
char *pp_arena_printf(struct pp_arena *arena, const char *format, ...) PP_PRINTF(2, 3);
char *pp_arena_vprintf(struct pp_arena *arena, const char *format, va_list args);
size_t pp_arena_used(const struct pp_arena *arena);

#endif
