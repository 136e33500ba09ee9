/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 64

struct pp_json *pp_json_object(void)
{
	return json_object_new_object();
}

struct pp_json *pp_json_array(void)
{
	return json_object_new_array();
}

struct pp_json *pp_json_string(const char *text)
{
	if (!text)
		return NULL;
	size_t length = strlen(text);
	if (length > INT_MAX / 8)
		return NULL;
	if (pp_utf8_valid(text, length))
		return json_object_new_string_len(text, (int)length);
	PP_FREE char *clean = pp_utf8_clean(text, length);
	return clean ? json_object_new_string(clean) : NULL;
}

struct pp_json *pp_json_int(int64_t value)
{
	return json_object_new_int64(value);
}

struct pp_json *pp_json_bool(bool value)
{
	return json_object_new_boolean(value);
}

struct pp_json *pp_json_copy(const struct pp_json *value)
{
	struct pp_json *copy = NULL;
	if (!value || json_object_deep_copy((struct pp_json *)value, &copy, NULL) < 0)
		return NULL;
	return copy;
}

void pp_json_free(struct pp_json *value)
{
	json_object_put(value);
}

int pp_json_set(struct pp_json *object, const char *key, struct pp_json *value)
{
	PP_FREE char *clean = pp_utf8_clean(key, strlen(key));
	if (!clean || !object || json_object_object_add(object, clean, value) < 0) {
		pp_json_free(value);
		return -ENOMEM;
	}
	return 0;
}

int pp_json_set_string(struct pp_json *object, const char *key, const char *text)
{
	struct pp_json *value = pp_json_string(text);
	if (text && !value)
		return -ENOMEM;
	return pp_json_set(object, key, value);
}

int pp_json_set_int(struct pp_json *object, const char *key, int64_t number)
{
	struct pp_json *value = pp_json_int(number);
	return value ? pp_json_set(object, key, value) : -ENOMEM;
}

int pp_json_set_bool(struct pp_json *object, const char *key, bool yes)
{
	struct pp_json *value = pp_json_bool(yes);
	return value ? pp_json_set(object, key, value) : -ENOMEM;
}

int pp_json_add(struct pp_json *array, struct pp_json *value)
{
	if (!array || json_object_array_add(array, value) < 0) {
		pp_json_free(value);
		return -ENOMEM;
	}
	return 0;
}

int pp_json_add_string(struct pp_json *array, const char *text)
{
	struct pp_json *value = pp_json_string(text);
	if (text && !value)
		return -ENOMEM;
	return pp_json_add(array, value);
}

const struct pp_json *pp_json_get(const struct pp_json *object, const char *key)
{
	struct pp_json *value = NULL;
	if (!pp_json_is_object(object) || !json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

const char *pp_json_text_of(const struct pp_json *string)
{
	if (!json_object_is_type(string, json_type_string))
		return NULL;
	return json_object_get_string((struct pp_json *)string);
}

const char *pp_json_get_string(const struct pp_json *object, const char *key)
{
	return pp_json_text_of(pp_json_get(object, key));
}

int pp_json_get_int(const struct pp_json *object, const char *key, int64_t *ret_value)
{
	const struct pp_json *value = pp_json_get(object, key);
	if (!json_object_is_type(value, json_type_int))
		return -EINVAL;
	*ret_value = json_object_get_int64(value);
	return 0;
}

int pp_json_get_bool(const struct pp_json *object, const char *key, bool *ret_value)
{
	const struct pp_json *value = pp_json_get(object, key);
	if (!json_object_is_type(value, json_type_boolean))
		return -EINVAL;
	*ret_value = json_object_get_boolean(value);
	return 0;
}

size_t pp_json_length(const struct pp_json *array)
{
	return pp_json_is_array(array) ? json_object_array_length(array) : 0;
}

const struct pp_json *pp_json_at(const struct pp_json *array, size_t index)
{
	return index < pp_json_length(array) ? json_object_array_get_idx(array, index) : NULL;
}

bool pp_json_is_object(const struct pp_json *value)
{
	return json_object_is_type(value, json_type_object);
}

bool pp_json_is_array(const struct pp_json *value)
{
	return json_object_is_type(value, json_type_array);
}

int pp_json_each(const struct pp_json *object,
	int (*each)(const char *key, const struct pp_json *value, void *data), void *data)
{
	if (!pp_json_is_object(object))
		return -EINVAL;
	json_object_object_foreach((struct pp_json *)object, key, value)
	{
		int r = each(key, value, data);
		if (r != 0)
			return r;
	}
	return 0;
}

static int parse_error(struct pp_error *error, const char *text, size_t at, const char *why)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < at; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	return pp_error_set(error, PP_STATUS_FAILED, EINVAL,
		"JSON is not valid at line %zu, column %zu: %s", line, column, why);
}

/* The length of the number at the start of TEXT, 0 where it is none. */
static size_t number_length(const char *text, size_t length)
{
	static const char digits[] = "0123456789";
	/* The text is not always followed by a NUL. */
	char number[128];
	size_t n = length < sizeof(number) - 1 ? length : sizeof(number) - 1;
	memcpy(number, text, n);
	number[n] = '\0';
	const char *at = number + (number[0] == '-');
	size_t whole = strspn(at, digits);
	if (whole == 0 || (whole > 1 && at[0] == '0'))
		return 0;
	at += whole;
	if (*at == '.') {
		size_t part = strspn(at + 1, digits);
		if (part == 0)
			return 0;
		at += 1 + part;
	}
	if (*at == 'e' || *at == 'E') {
		at += 1 + (at[1] == '+' || at[1] == '-');
		size_t part = strspn(at, digits);
		if (part == 0)
			return 0;
		at += part;
	}
	return *at || n == length ? (size_t)(at - number) : 0;
}

/* The length of a true, false, null or number at the start of TEXT, 0 where there is none. */
static size_t scalar_length(const char *text, size_t length)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < PP_COUNT(words); i++)
		if (length >= strlen(words[i]) && memcmp(text, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return number_length(text, length);
}

/* What json-c lets pass though JSON (RFC 8259) does not: NaN and Infinity, "1.", comments, bare
 * control characters, any case of words. */
static const char *find_lax(const char *text, size_t length, size_t *ret_at)
{
	bool in_string = false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		*ret_at = i;
		if (in_string) {
			if (c < 0x20)
				return "a control character in a string";
			if (c == '\\')
				i++;
			in_string = c != '"';
			continue;
		}
		in_string = c == '"';
		if (c != '\0' && strchr("\" \t\r\n{}[]:,", c))
			continue;
		size_t n = scalar_length(text + i, length - i);
		if (n == 0)
			return "unexpected character";
		i += n - 1;
	}
	return NULL;
}

int pp_json_parse(
	const char *text, size_t length, struct pp_json **ret_value, struct pp_error *error)
{
	size_t at = 0;
	if (length > INT_MAX)
		return pp_error_set(
			error, PP_STATUS_FAILED, EFBIG, "JSON of %zu bytes is too large", length);
	if (!pp_utf8_valid(text, length))
		return parse_error(error, text, pp_utf8_valid_length(text, length), "not UTF-8");
	const char *lax = find_lax(text, length, &at);
	if (lax)
		return parse_error(error, text, at, lax);

	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return pp_error_oom(error);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct pp_json *value = json_tokener_parse_ex(tokener, text, (int)length);
	enum json_tokener_error fault = json_tokener_get_error(tokener);
	/* A number at the very end is complete only when something follows it. */
	if (fault == json_tokener_continue) {
		value = json_tokener_parse_ex(tokener, "", 1);
		fault = json_tokener_get_error(tokener);
		at = length;
	} else {
		at = json_tokener_get_parse_end(tokener);
	}
	json_tokener_free(tokener);
	if (fault != json_tokener_success) {
		pp_json_free(value);
		if (fault == json_tokener_continue)
			return parse_error(error, text, length, "it ends too early");
		return parse_error(error, text, at, json_tokener_error_desc(fault));
	}
	*ret_value = value;
	return 0;
}

char *pp_json_print(const struct pp_json *value, bool pretty)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			    : JSON_C_TO_STRING_PLAIN);
	const char *text = json_object_to_json_string_ext((struct pp_json *)value, flags);
	return text ? strdup(text) : NULL;
}

/* ---- a stream of values ---- */

struct pp_json_stream {
	struct pp_buffer buffer;
	size_t max;
	size_t start;   /* where the value begins */
	size_t scanned; /* bytes of the buffer that were looked at */
	size_t depth;
	bool in_string, escaped, started;
};

struct pp_json_stream *pp_json_stream_new(size_t max)
{
	struct pp_json_stream *stream = calloc(1, sizeof(*stream));
	if (stream)
		stream->max = max;
	return stream;
}

void pp_json_stream_free(struct pp_json_stream *stream)
{
	if (!stream)
		return;
	pp_buffer_done(&stream->buffer);
	free(stream);
}

int pp_json_stream_feed(struct pp_json_stream *stream, const char *data, size_t length)
{
	return pp_buffer_append(&stream->buffer, data, length);
}

/* Drops what was scanned. */
static void stream_drop(struct pp_json_stream *stream)
{
	struct pp_buffer *buffer = &stream->buffer;
	memmove(buffer->data, buffer->data + stream->scanned, buffer->length - stream->scanned + 1);
	buffer->length -= stream->scanned;
	stream->start = stream->scanned = 0;
	stream->depth = 0;
	stream->started = stream->in_string = stream->escaped = false;
}

/* Looks at one byte; 1 when it ends a value. */
static int stream_byte(struct pp_json_stream *stream, char c)
{
	if (stream->in_string) {
		if (stream->escaped)
			stream->escaped = false;
		else if (c == '\\')
			stream->escaped = true;
		else if (c == '"')
			stream->in_string = false;
		return 0;
	}
	if (c == '"') {
		stream->in_string = true;
	} else if (c == '{' || c == '[') {
		stream->depth++;
		stream->started = true;
	} else if (c == '}' || c == ']') {
		return stream->depth == 0 ? -EINVAL : --stream->depth == 0;
	}
	return stream->started ? 0 : -EINVAL;
}

int pp_json_stream_next(struct pp_json_stream *stream, struct pp_json **ret_value)
{
	struct pp_buffer *buffer = &stream->buffer;
	if (buffer->failed)
		return buffer->failed;
	while (stream->scanned < buffer->length) {
		char c = buffer->data[stream->scanned];
		bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
		stream->scanned++;
		if (!stream->started && blank) {
			stream->start = stream->scanned;
			continue;
		}
		int r = stream_byte(stream, c);
		if (r == 0 && stream->scanned - stream->start > stream->max)
			r = -EFBIG;
		if (r == 0)
			continue;
		struct pp_json *value = NULL;
		if (r > 0)
			r = pp_json_parse(buffer->data, stream->scanned, &value, NULL);
		stream_drop(stream);
		if (r < 0)
			return r;
		*ret_value = value;
		return 1;
	}
	if (stream->scanned > 0 && !stream->started)
		stream_drop(stream); /* blanks between values must not pile up */
	*ret_value = NULL;
	return 0;
}
