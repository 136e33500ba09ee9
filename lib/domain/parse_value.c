/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of attributes and texts: numbers, paths, amounts of memory, PCI addresses. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/parse.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

int pp_parsing_fail(struct pp_parsing *parsing, int line, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	if (parsing->failed)
		return parsing->failed;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	parsing->failed = pp_error_set(parsing->error, PP_STATUS_FAILED, -EINVAL, "%s:%d: %s",
		parsing->file, line, pp_buffer_text(&text));
	return parsing->failed;
}

int pp_parsing_oom(struct pp_parsing *parsing)
{
	if (!parsing->failed)
		parsing->failed = pp_error_oom(parsing->error);
	return parsing->failed;
}

/* "010" is eight for libvirt and ten for a reader: nobody shall get the wrong device by it. */
static bool is_ambiguous(const char *text)
{
	return text[0] == '0' && isdigit((unsigned char)text[1]) &&
	       (text[2] || text[1] == '8' || text[1] == '9') && text[strspn(text, "0")];
}

uint64_t pp_parsing_number(struct pp_parsing *parsing, const struct pp_element *element,
	const char *name, uint64_t max, uint64_t fallback)
{
	const char *text = pp_element_attribute(element, name);
	uint64_t value;
	int r;

	if (!text)
		return fallback;
	if (is_ambiguous(text)) {
		pp_parsing_fail(parsing, element->line,
			"%s='%.40s' of <%s> begins with 0 and could be octal or decimal; write it "
			"with 0x or "
			"without the 0",
			name, text, element->name);
		return fallback;
	}
	r = pp_parse_u64(text, 0, max, &value);
	if (r == 0)
		return value;
	pp_parsing_fail(parsing, element->line, "%s='%.40s' of <%s> %s (0 to %" PRIu64 ")", name,
		text, element->name, r == -ERANGE ? "is too large" : "is not a number", max);
	return fallback;
}

int pp_parsing_int(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name, int max)
{
	if (!pp_element_attribute(element, name))
		return -1;
	return (int)pp_parsing_number(parsing, element, name, (uint64_t)max, 0);
}

const char *pp_parsing_copy(struct pp_parsing *parsing, const char *text)
{
	const char *copy = text ? pp_arena_strdup(parsing->arena, text) : NULL;

	if (text && !copy)
		pp_parsing_oom(parsing);
	return copy;
}

const char *pp_parsing_text(struct pp_parsing *parsing, const struct pp_element *element)
{
	const char *text = element ? pp_element_trimmed(parsing->arena, element) : NULL;

	if (element && !text)
		pp_parsing_oom(parsing);
	return text;
}

const char *pp_parsing_attribute(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name)
{
	return pp_parsing_copy(parsing, pp_element_attribute(element, name));
}

const char *pp_parsing_path(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name)
{
	const char *path;

	if (!element || (name && !pp_element_attribute(element, name)))
		return NULL;
	path = name ? pp_parsing_attribute(parsing, element, name)
		    : pp_parsing_text(parsing, element);
	if (path && path[0] != '/')
		pp_parsing_fail(parsing, element->line, "'%.200s' in <%s> is not an absolute path",
			path, element->name);
	else if (path && (strlen(path) > 4095 || strchr(path, '\n')))
		pp_parsing_fail(parsing, element->line, "the path in <%s> is %s", element->name,
			strchr(path, '\n') ? "broken by a new line" : "longer than 4095 bytes");
	return path;
}

enum pp_tristate pp_parsing_switch(const struct pp_element *element, const char *name)
{
	const char *text = pp_element_attribute(element, name);

	if (!text)
		return PP_UNSET;
	return pp_text_is(text, "on") || pp_text_is(text, "yes") ? PP_ON : PP_OFF;
}

bool pp_parsing_is(const struct pp_element *element, const char *name, const char *value)
{
	return pp_text_is(pp_element_attribute(element, name), value);
}

int pp_parsing_word(
	const struct pp_element *element, const char *name, const char *const *words, int fallback)
{
	const char *text = pp_element_attribute(element, name);

	for (int i = 0; text && words[i]; i++)
		if (pp_text_is(text, words[i]))
			return i;
	return fallback;
}

static uint64_t unit_of(const char *unit)
{
	static const char letters[] = "kmgtpe";
	uint64_t size = 1;
	const char *letter;

	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes"))
		return 1;
	letter = unit[0] ? strchr(letters, tolower((unsigned char)unit[0])) : NULL;
	if (!letter || (unit[1] && strcasecmp(unit + 1, "iB") && strcasecmp(unit + 1, "B")))
		return 0;
	for (const char *c = letters; c <= letter; c++)
		size *= strlen(unit) == 2 ? 1000 : 1024;
	return size;
}

uint64_t pp_parsing_bytes(struct pp_parsing *parsing, const struct pp_element *element,
	const char *attribute, const char *default_unit)
{
	const char *unit = pp_element_attribute(element, "unit"), *text;
	uint64_t size, value, bytes;

	if (!element)
		return 0;
	text = attribute ? pp_element_attribute(element, attribute)
			 : pp_parsing_text(parsing, element);
	if (!text)
		return 0;
	size = unit_of(unit ? unit : default_unit);
	if (size == 0)
		return pp_parsing_fail(parsing, element->line,
			       "unit='%.20s' of <%s> is not a unit of memory (bytes, KiB, MiB, "
			       "GiB, TiB)",
			       unit, element->name),
		       0;
	if (pp_parse_u64(text, 10, UINT64_MAX, &value) < 0)
		return pp_parsing_fail(parsing, element->line,
			       "'%.40s' in <%s> is not an amount of memory", text, element->name),
		       0;
	if (__builtin_mul_overflow(value, size, &bytes) || bytes > (uint64_t)1 << 60)
		return pp_parsing_fail(parsing, element->line, "'%.40s' in <%s> is too large", text,
			       element->name),
		       0;
	return bytes;
}

void pp_parsing_pci(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_address *ret_address)
{
	ret_address->domain = pp_parsing_number(parsing, element, "domain", 0xffffffff, 0);
	ret_address->bus = pp_parsing_number(parsing, element, "bus", 255, 0);
	ret_address->slot = pp_parsing_number(parsing, element, "slot", 31, 0);
	ret_address->function = pp_parsing_number(parsing, element, "function", 7, 0);
}
