/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/tag.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include <stdint.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return c && !is_blank(c) && !strchr("<>/='\"&", c);
}

/* Behind WORD, or NULL where the text ends before. */
static const char *behind(const char *at, const char *end, const char *word)
{
	const char *found = memmem(at, (size_t)(end - at), word, strlen(word));
	return found ? found + strlen(word) : NULL;
}

static bool begins(const char *at, const char *end, const char *word)
{
	size_t length = strlen(word);
	return (size_t)(end - at) >= length && memcmp(at, word, length) == 0;
}

/* At the < of a tag: skips what is none. NULL: broken; *ret_tag false: it was none. */
static const char *skip(const char *at, const char *end, bool *ret_tag)
{
	*ret_tag = false;
	if (begins(at, end, "<!--"))
		return behind(at + 4, end, "-->");
	if (begins(at, end, "<![CDATA["))
		return behind(at, end, "]]>");
	if (begins(at, end, "<?"))
		return behind(at, end, "?>");
	if (begins(at, end, "<!"))
		return NULL; /* a DTD: nobody who runs guests writes one */
	*ret_tag = true;
	return at;
}

/* The > that ends a tag: one within quotes does not. */
static const char *tag_end(const char *at, const char *end)
{
	char quote = '\0';
	for (; at < end; at++) {
		if (quote)
			quote = *at == quote ? '\0' : quote;
		else if (*at == '"' || *at == '\'')
			quote = *at;
		else if (*at == '>')
			return at;
		else if (*at == '<')
			return NULL;
	}
	return NULL;
}

static enum pp_tag_kind read_tag(struct pp_tags *tags, const char *at, struct pp_tag *ret_tag)
{
	struct pp_tag tag = {.kind = PP_TAG_OPEN};
	const char *close = tag_end(at + 1, tags->end);
	if (!close)
		return PP_TAG_BROKEN;
	tags->at = close + 1;
	at++;
	if (*at == '/') {
		tag.kind = PP_TAG_CLOSE;
		at++;
	} else if (close[-1] == '/') {
		tag.kind = PP_TAG_EMPTY;
		close--;
	}
	tag.name = at;
	while (at < close && is_name(*at))
		at++;
	tag.name_length = (size_t)(at - tag.name);
	if (tag.name_length == 0)
		return PP_TAG_BROKEN;
	tag.attributes = at;
	tag.attributes_length = (size_t)(close - at);
	const char *next = memchr(tags->at, '<', (size_t)(tags->end - tags->at));
	tag.text = tags->at;
	tag.text_length = (size_t)((next ? next : tags->end) - tags->at);
	*ret_tag = tag;
	return tag.kind;
}

enum pp_tag_kind pp_tag_next(struct pp_tags *tags, struct pp_tag *ret_tag)
{
	bool tag = false;
	const char *at = tags->at;
	while ((at = memchr(at, '<', (size_t)(tags->end - at)))) {
		const char *next = skip(at, tags->end, &tag);
		if (!next)
			return PP_TAG_BROKEN;
		if (tag)
			return read_tag(tags, at, ret_tag);
		at = next;
	}
	tags->at = tags->end;
	return PP_TAG_END;
}

bool pp_tag_is(const struct pp_tag *tag, const char *name)
{
	return strlen(name) == tag->name_length && memcmp(tag->name, name, tag->name_length) == 0;
}

/* One of &lt; &gt; &amp; &apos; &quot; &#9; &#x9; and its length; 0: it is none. */
static size_t entity(const char *text, size_t length, char *ret_char)
{
	static const struct {
		const char *text;
		char value;
	} known[] = {
		{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&apos;", '\''}, {"&quot;", '"'}};
	uint64_t number;
	const char *rest;
	for (size_t i = 0; i < PP_COUNT(known); i++)
		if (begins(text, text + length, known[i].text)) {
			*ret_char = known[i].value;
			return strlen(known[i].text);
		}
	bool hex = begins(text, text + length, "&#x");
	if (!memchr(text, ';', length) || !begins(text, text + length, "&#") ||
		pp_parse_prefix(text + (hex ? 3 : 2), hex ? 16 : 10, 0x7f, &number, &rest) < 0 ||
		*rest != ';' || number == 0)
		return 0;
	*ret_char = (char)number;
	return (size_t)(rest + 1 - text);
}

size_t pp_tag_unescape(const char *text, size_t length, char *to)
{
	size_t n = 0;
	for (size_t i = 0; i < length;) {
		char c;
		size_t skipped = text[i] == '&' ? entity(text + i, length - i, &c) : 0;
		to[n++] = skipped ? c : text[i];
		i += skipped ? skipped : 1;
	}
	to[n] = '\0';
	return n;
}

/* The next attribute: its name, and its value without quotes. */
static bool next_attribute(const char **cursor, const char *end, const char **ret_name,
	size_t *ret_name_length, const char **ret_value, size_t *ret_length)
{
	const char *at = *cursor;
	while (at < end && is_blank(*at))
		at++;
	const char *name = at;
	while (at < end && is_name(*at))
		at++;
	*ret_name = name;
	*ret_name_length = (size_t)(at - name);
	while (at < end && is_blank(*at))
		at++;
	if (at == name || at >= end || *at != '=')
		return false;
	at++;
	while (at < end && is_blank(*at))
		at++;
	if (at >= end || (*at != '\'' && *at != '"'))
		return false;
	const char *value = at + 1, *stop = memchr(value, *at, (size_t)(end - value));
	if (!stop)
		return false;
	*ret_value = value;
	*ret_length = (size_t)(stop - value);
	*cursor = stop + 1;
	return true;
}

bool pp_tag_attribute(const struct pp_tag *tag, const char *name, char *value, size_t size)
{
	const char *at = tag->attributes, *end = at + tag->attributes_length;
	const char *key, *text;
	size_t key_length, length;
	while (next_attribute(&at, end, &key, &key_length, &text, &length))
		if (strlen(name) == key_length && memcmp(key, name, key_length) == 0) {
			if (length >= size)
				return false;
			pp_tag_unescape(text, length, value);
			return true;
		}
	return false;
}

bool pp_tag_says(const struct pp_tag *tag, const char *attribute, const char *value)
{
	char text[64];
	return pp_tag_attribute(tag, attribute, text, sizeof(text)) && strcmp(text, value) == 0;
}
