/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/arena.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT 16
#define CHUNK_MIN ((size_t)8 << 10)
#define CHUNK_MAX ((size_t)256 << 10)

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char data[];
};
struct pp_arena {
	struct chunk *first; /* the one that is being filled */
	size_t next_size;
	size_t total;
};

struct pp_arena *pp_arena_new(void)
{
	struct pp_arena *arena = calloc(1, sizeof(*arena));
	if (arena)
		arena->next_size = CHUNK_MIN;
	return arena;
}

void pp_arena_free(struct pp_arena *arena)
{
	if (!arena)
		return;
	for (struct chunk *chunk = arena->first, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(arena);
}

static struct chunk *chunk_add(struct pp_arena *arena, size_t need)
{
	size_t size = need > arena->next_size / 4 ? need : arena->next_size;
	if (size > SIZE_MAX - sizeof(struct chunk))
		return NULL;
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->size = size;
	if (size == need && arena->first) {
		/* A large piece has a chunk of its own; the one being filled stays in front. */
		chunk->next = arena->first->next;
		arena->first->next = chunk;
		return chunk;
	}
	chunk->next = arena->first;
	arena->first = chunk;
	if (size != need && arena->next_size < CHUNK_MAX)
		arena->next_size *= 2;
	return chunk;
}

void *pp_arena_alloc(struct pp_arena *arena, size_t size)
{
	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size_t need = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	struct chunk *chunk = arena->first;
	if (!chunk || chunk->size - chunk->used < need)
		chunk = chunk_add(arena, need);
	if (!chunk)
		return NULL;
	void *piece = chunk->data + chunk->used;
	chunk->used += need;
	arena->total += need;
	return piece;
}

void *pp_arena_array(struct pp_arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return pp_arena_alloc(arena, total);
}

void *pp_arena_grow(struct pp_arena *arena, const void *old, size_t old_size, size_t new_size)
{
	void *new = pp_arena_alloc(arena, new_size);
	if (new &&old)
		memcpy(new, old, old_size < new_size ? old_size : new_size);
	return new;
}

char *pp_arena_strndup(struct pp_arena *arena, const char *text, size_t length)
{
	if (length == SIZE_MAX)
		return NULL;
	char *copy = pp_arena_alloc(arena, length + 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}

char *pp_arena_strdup(struct pp_arena *arena, const char *text)
{
	return pp_arena_strndup(arena, text, strlen(text));
}

char *pp_arena_vprintf(struct pp_arena *arena, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return NULL;
	char *text = pp_arena_alloc(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *pp_arena_printf(struct pp_arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = pp_arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

size_t pp_arena_used(const struct pp_arena *arena)
{
	return arena->total;
}
