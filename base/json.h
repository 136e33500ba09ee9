/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON values (json-c behind it): QMP, state and --json. A value is owned by one place; adding it
 * to an object or array gives it away. Setters take NULL values and texts (JSON null). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/cleanup.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
#define pp_json json_object

struct pp_json *pp_json_object(void);
struct pp_json *pp_json_array(void);
struct pp_json *pp_json_string(const char *text);
struct pp_json *pp_json_int(int64_t value);
struct pp_json *pp_json_bool(bool value);
struct pp_json *pp_json_copy(const struct pp_json *value);
void pp_json_free(struct pp_json *value);
PP_DEFINE_CLEANUP(struct pp_json *, pp_json_free)

/* 0 or -ENOMEM; the value is given away in both cases. */
int pp_json_set(struct pp_json *object, const char *key, struct pp_json *value);
int pp_json_set_string(struct pp_json *object, const char *key, const char *text);
int pp_json_set_int(struct pp_json *object, const char *key, int64_t value);
int pp_json_set_bool(struct pp_json *object, const char *key, bool value);
int pp_json_add(struct pp_json *array, struct pp_json *value);
int pp_json_add_string(struct pp_json *array, const char *text);

/* Borrowed; NULL where it is not there or of another type. */
const struct pp_json *pp_json_get(const struct pp_json *object, const char *key);
const char *pp_json_get_string(const struct pp_json *object, const char *key);
int pp_json_get_int(const struct pp_json *object, const char *key, int64_t *ret_value);
int pp_json_get_bool(const struct pp_json *object, const char *key, bool *ret_value);
size_t pp_json_length(const struct pp_json *array);
const struct pp_json *pp_json_at(const struct pp_json *array, size_t index);
const char *pp_json_text_of(const struct pp_json *string); /* NULL unless a string */
bool pp_json_is_object(const struct pp_json *value);
bool pp_json_is_array(const struct pp_json *value);
/* Calls EACH for every key of an object until it returns other than 0. */
int pp_json_each(const struct pp_json *object,
	int (*each)(const char *key, const struct pp_json *value, void *data), void *data);

/* Strict: the whole text is one value, at most 64 deep, valid UTF-8. */
int pp_json_parse(
	const char *text, size_t length, struct pp_json **ret_value, struct pp_error *error);
/* Owned text; PRETTY with two blanks. Invalid UTF-8 in strings is replaced by U+FFFD. */
char *pp_json_print(const struct pp_json *value, bool pretty);

/* Feeds bytes as they come and takes whole values out: one per call, NULL when more is needed. */
struct pp_json_stream;
struct pp_json_stream *pp_json_stream_new(size_t max);
void pp_json_stream_free(struct pp_json_stream *stream);
PP_DEFINE_CLEANUP(struct pp_json_stream *, pp_json_stream_free)
int pp_json_stream_feed(struct pp_json_stream *stream, const char *data, size_t length);
int pp_json_stream_next(struct pp_json_stream *stream, struct pp_json **ret_value);

#endif
