/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/node_vpd.h"
#include <string.h>

enum {
	LARGE = 0x80, /* two bytes of length follow the tag */
	TAG_STRING = 0x82,
	TAG_READONLY = 0x90,
	TAG_READWRITE = 0x91,
	TAG_END = 0x0f,
	SPACE = 0x8000, /* addresses of vital product data have 15 bits */
};

enum format {
	FORMAT_UNKNOWN, /* is skipped */
	FORMAT_TEXT,
	FORMAT_BINARY,
	FORMAT_CHECKSUM,
	FORMAT_REST, /* of the writable section */
};

struct section {
	const uint8_t *bytes;
	size_t start, end;
	bool readonly;
};

static bool upper_or_digit(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static enum format format_of(const char keyword[2])
{
	static const struct {
		char keyword[3];
		enum format format;
	} formats[] = {{"CP", FORMAT_BINARY}, {"EC", FORMAT_TEXT}, {"MN", FORMAT_TEXT},
		{"PN", FORMAT_TEXT}, {"SN", FORMAT_TEXT}, {"YA", FORMAT_TEXT},
		{"RV", FORMAT_CHECKSUM}, {"RW", FORMAT_REST}};
	if (!upper_or_digit(keyword[0]) || !upper_or_digit(keyword[1]))
		return FORMAT_UNKNOWN;
	if (keyword[0] == 'V' || keyword[0] == 'Y')
		return FORMAT_TEXT;
	for (size_t i = 0; i < PP_COUNT(formats); i++)
		if (memcmp(formats[i].keyword, keyword, 2) == 0)
			return formats[i].format;
	return FORMAT_UNKNOWN;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Up to a NUL, without blanks around it; *ret_text is NULL where it has other than printable ASCII.
 */
static int copy_text(
	struct pp_arena *arena, const uint8_t *bytes, size_t length, const char **ret_text)
{
	const char *text = (const char *)bytes;
	*ret_text = NULL;
	length = strnlen(text, length);
	while (length > 0 && is_space(*text)) {
		text++;
		length--;
	}
	while (length > 0 && is_space(text[length - 1]))
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return 0;
	*ret_text = pp_arena_strndup(arena, text, length);
	return *ret_text ? 0 : -ENOMEM;
}

/* The latest value of an index counts, in its first place. */
static void set_custom(struct pp_vpd_custom *list, size_t *count, char index, const char *value)
{
	size_t i = 0;
	while (i < *count && list[i].index != index)
		i++;
	list[i] = (struct pp_vpd_custom){index, value};
	if (i == *count)
		*count = i + 1;
}

static void set_readonly(struct pp_vpd *vpd, const char keyword[2], const char *value)
{
	vpd->readonly = true;
	if (memcmp(keyword, "EC", 2) == 0)
		vpd->change_level = value;
	else if (memcmp(keyword, "MN", 2) == 0)
		vpd->manufacture_id = value;
	else if (memcmp(keyword, "PN", 2) == 0)
		vpd->part_number = value;
	else if (memcmp(keyword, "SN", 2) == 0)
		vpd->serial_number = value;
	else if (keyword[0] == 'V')
		set_custom(vpd->vendor, &vpd->n_vendor, keyword[1], value);
}

static void set_readwrite(struct pp_vpd *vpd, const char keyword[2], const char *value)
{
	vpd->readwrite = true;
	if (memcmp(keyword, "YA", 2) == 0)
		vpd->asset_tag = value;
	else if (keyword[0] == 'V')
		set_custom(vpd->vendor_rw, &vpd->n_vendor_rw, keyword[1], value);
	else if (keyword[0] == 'Y')
		set_custom(vpd->system_rw, &vpd->n_system_rw, keyword[1], value);
}

/* All bytes up to here, from the first, add up to 0. */
static bool checksum_holds(const uint8_t *bytes, size_t end)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < end; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum == 0;
}

static int parse_field(const struct section *section, struct pp_arena *arena, const char keyword[2],
	const uint8_t *data, size_t length, struct pp_vpd *vpd)
{
	const char *value = NULL;
	enum format format = format_of(keyword);
	if (format == FORMAT_UNKNOWN)
		return 0;
	if (format == FORMAT_TEXT) {
		int r = copy_text(arena, data, length, &value);
		if (r < 0 || !value)
			return r;
	}
	if (section->readonly)
		set_readonly(vpd, keyword, value);
	else
		set_readwrite(vpd, keyword, value);
	return 0;
}

static int parse_section(const struct section *section, struct pp_arena *arena, struct pp_vpd *vpd)
{
	size_t at = section->start;
	bool checked = false, last = false;
	while (!last && at + 3 <= section->end) {
		const uint8_t *bytes = section->bytes + at;
		const char keyword[2] = {(char)bytes[0], (char)bytes[1]};
		enum format format = format_of(keyword);
		size_t length = bytes[2];
		at += 3;
		if (at + length > section->end ||
			format == (section->readonly ? FORMAT_REST : FORMAT_CHECKSUM))
			return -EINVAL;
		if (format == FORMAT_CHECKSUM) {
			checked = at < section->end && checksum_holds(section->bytes, at + 1);
			if (!checked)
				return -EINVAL;
		}
		last = format == FORMAT_CHECKSUM || format == FORMAT_REST;
		if (!last) {
			int r = parse_field(
				section, arena, keyword, section->bytes + at, length, vpd);
			if (r < 0)
				return r;
		}
		at += length;
	}
	/* the checksum ends what can be read only */
	if (section->readonly && !checked)
		return -EINVAL;
	return at >= section->end ? 0 : -EINVAL;
}

static int parse_resource(unsigned tag, const uint8_t *bytes, size_t start, size_t end,
	struct pp_arena *arena, struct pp_vpd *vpd)
{
	const struct section section = {bytes, start, end, tag == TAG_READONLY};
	if (tag == TAG_READONLY || tag == TAG_READWRITE)
		return parse_section(&section, arena, vpd);
	if (tag != TAG_STRING)
		return 0;
	int r = copy_text(arena, bytes + start, end - start, &vpd->name);
	return r < 0 ? r : vpd->name ? 0 : -EINVAL;
}

int pp_vpd_parse(
	const uint8_t *bytes, size_t length, struct pp_arena *arena, const struct pp_vpd **ret_vpd)
{
	struct pp_vpd *vpd = pp_arena_alloc(arena, sizeof(*vpd));
	bool readonly = false;
	if (!vpd)
		return -ENOMEM;
	if (length > SPACE)
		length = SPACE;
	for (size_t at = 0; at < length;) {
		unsigned tag = bytes[at];
		size_t size = tag & 7;
		if (tag & LARGE) {
			if (at + 3 > length)
				return -EINVAL;
			size = (size_t)(bytes[at + 1] | bytes[at + 2] << 8);
			at += 3;
		} else {
			tag >>= 3;
			at += 1;
		}
		if (tag == TAG_END && !readonly)
			return -EINVAL;
		if (tag == TAG_END) {
			*ret_vpd = vpd;
			return 0;
		}
		if (size > length - at)
			return -EINVAL;
		int r = parse_resource(tag, bytes, at, at + size, arena, vpd);
		if (r < 0)
			return r;
		readonly = readonly || tag == TAG_READONLY;
		at += size;
	}
	return -EINVAL; /* no end tag */
}
