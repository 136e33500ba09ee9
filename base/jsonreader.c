/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/jsonreader.h"
#include "base/parse.h"
#include <errno.h>
#include <string.h>

int pp_json_fault(struct pp_json_reader *reader, const char *place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = pp_arena_vprintf(reader->arena, format, args);
	va_end(args);
	return pp_error_set(reader->error, PP_STATUS_USAGE, -EINVAL, "%s: %s: %s", reader->file,
		place, text ? text : "not understood");
}

struct keys {
	struct pp_json_reader *reader;
	const char *place;
	const char *const *known;
};

static int check_key(const char *key, const struct pp_json *value, void *data)
{
	struct keys *keys = data;
	(void)value;
	for (size_t i = 0; keys->known[i]; i++)
		if (pp_text_is(keys->known[i], key))
			return 0;
	const char *nearest = pp_text_nearest(key, keys->known);
	return pp_json_fault(keys->reader, keys->place, "unknown key '%s'%s%s%s", key,
		nearest ? ": did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

int pp_json_check_object(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, const char *const *known)
{
	struct keys keys = {reader, place, known};
	if (!pp_json_is_object(value))
		return pp_json_fault(reader, place, "it is no object");
	return pp_json_each(value, check_key, &keys);
}

int pp_json_read_text(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, const char *key, const char **ret_text)
{
	const struct pp_json *value = pp_json_get(object, key);
	const char *text = pp_json_text_of(value);
	if (value && !text)
		return pp_json_fault(reader, place, "'%s' is to be a text", key);
	*ret_text = text;
	return 0;
}

/* "1b36:0010" */
static bool parse_ids(const char *text, uint16_t *ret_first, uint16_t *ret_second)
{
	const char *end;
	uint64_t first, second;
	if (strlen(text) != 9 || pp_parse_prefix(text, 16, 0xffff, &first, &end) < 0 ||
		end != text + 4 || *end != ':' || pp_parse_u64(end + 1, 16, 0xffff, &second) < 0)
		return false;
	*ret_first = (uint16_t)first;
	*ret_second = (uint16_t)second;
	return true;
}

int pp_json_read_identity(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, struct pp_json_identity *ret_identity)
{
	const char *id = NULL, *subsystem = NULL, *serial = NULL;
	struct pp_json_identity identity = {0};
	int r = pp_json_read_text(reader, place, object, "id", &id);
	if (r >= 0)
		r = pp_json_read_text(reader, place, object, "subsystem", &subsystem);
	if (r >= 0)
		r = pp_json_read_text(reader, place, object, "serial", &serial);
	if (r < 0)
		return r;
	if (!id)
		return pp_json_fault(reader, place,
			"there is no 'id': an address alone does not say which device it is "
			"(pcipass nodedev-list --long shows the ids)");
	if (!parse_ids(id, &identity.vendor, &identity.product))
		return pp_json_fault(reader, place, "'%s' is no id like 10de:1eb8", id);
	identity.has_subsystem = subsystem;
	if (subsystem && !parse_ids(subsystem, &identity.subvendor, &identity.subproduct))
		return pp_json_fault(
			reader, place, "'%s' is no subsystem like 10de:12a2", subsystem);
	if (serial &&
		(pp_parse_u64(serial, 16, UINT64_MAX, &identity.serial) < 0 || !identity.serial))
		return pp_json_fault(reader, place,
			"'%s' is no serial number of PCI Express like 0x48b02dffff3c6d00", serial);
	*ret_identity = identity;
	return 0;
}
