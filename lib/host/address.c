/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include <errno.h>
#include <pcipass.h>
#include <stdio.h>
#include <string.h>

#define HEX_DIGITS "0123456789abcdefABCDEF"

/* A number of at most DIGITS hex digits with AFTER behind it; *cursor goes behind AFTER. */
static int parse_part(
	const char **cursor, size_t digits, uint32_t max, char after, uint32_t *ret_value)
{
	size_t length = strspn(*cursor, HEX_DIGITS);
	if (length == 0 || length > digits || (*cursor)[length] != after)
		return -EINVAL;

	uint64_t value;
	const char *end;
	int r = pp_parse_prefix(*cursor, 16, UINT32_MAX, &value, &end);
	if (r < 0)
		return r;
	if (value > max)
		return -ERANGE;
	*cursor += length + (after != '\0');
	*ret_value = (uint32_t)value;
	return 0;
}

int pp_address_parse(const char *text, struct pp_address *ret_address)
{
	if (!text)
		return -EINVAL;
	const char *cursor = text;
	const char *colon = strchr(text, ':');
	bool has_domain = colon && strchr(colon + 1, ':');
	uint32_t domain = 0, bus, slot, function;

	int r = has_domain ? parse_part(&cursor, 8, UINT32_MAX, ':', &domain) : 0;
	if (r == 0)
		r = parse_part(&cursor, 2, 0xff, ':', &bus);
	if (r == 0)
		r = parse_part(&cursor, 2, 0x1f, '.', &slot);
	if (r == 0)
		r = parse_part(&cursor, 1, 7, '\0', &function);
	if (r < 0)
		return r;

	*ret_address = (struct pp_address){
		.domain = domain, .bus = bus, .slot = slot, .function = function};
	return 0;
}

const char *pp_address_text(const struct pp_address *address, char text[PP_ADDRESS_SIZE])
{
	snprintf(text, PP_ADDRESS_SIZE, "%04x:%02x:%02x.%x", address->domain, address->bus,
		address->slot, address->function);
	return text;
}

int pp_address_compare(const struct pp_address *a, const struct pp_address *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	return 0;
}
