/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine itself as a node device: "computer". */
#include "lib/host/node_reader.h"
#include <ctype.h>
#include <string.h>

#define DMI "/sys/devices/virtual/dmi/id"

/* 32 hexadecimal digits, dashes and blanks between them do not count. */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	uint8_t bytes[16] = {0};
	size_t digits = 0;
	for (; *text; text++) {
		const char *all = "0123456789abcdef";
		const char *digit = strchr(all, tolower((unsigned char)*text));
		if (*text == '-' || *text == ' ' || *text == '\n')
			continue;
		if (!digit || digits == 32)
			return false;
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | (digit - all));
		digits++;
	}
	if (digits != 32)
		return false;
	memcpy(uuid, bytes, sizeof(bytes));
	return true;
}

/* All bytes the same is what firmware says that does not know. */
static bool valid_uuid(const uint8_t uuid[16])
{
	for (size_t i = 1; i < 16; i++)
		if (uuid[i] != uuid[0])
			return true;
	return false;
}

/* The value of KEY = "value" in libvirtd.conf, NULL where it is not set. */
static int read_setting(
	const struct pp_node_reader *reader, const char *key, const char **ret_value)
{
	char *text;
	*ret_value = NULL;
	int r = pp_tree_read(
		reader->tree, reader->arena, "/etc/libvirt/libvirtd.conf", &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		line += strspn(line, " \t");
		size_t length = strcspn(line, " \t=\n");
		if (length != strlen(key) || memcmp(line, key, length) != 0)
			continue;
		const char *value = line + length + strspn(line + length, " \t=");
		char quote[] = {*value, '\n', '\0'};
		if (*value != '"' && *value != '\'')
			continue;
		*ret_value = pp_arena_strndup(reader->arena, value + 1, strcspn(value + 1, quote));
		return *ret_value ? 0 : -ENOMEM;
	}
	return 0;
}

/* What libvirt's daemon is told to be, else what the firmware says. Where neither says anything the
 * daemon makes one up at each start: that one is not ours to know, and zeros are shown. */
static int read_uuid(const struct pp_node_reader *reader, uint8_t uuid[16])
{
	const char *value;
	char *line;
	int r = read_setting(reader, "host_uuid", &value);
	if (r < 0)
		return r;
	if (value && parse_uuid(value, uuid) && valid_uuid(uuid))
		return 0;
	r = read_setting(reader, "host_uuid_source", &value);
	if (r < 0)
		return r;
	bool machine_id = value && strcmp(value, "machine-id") == 0;
	r = pp_tree_line(reader->tree, reader->arena,
		machine_id ? "/etc/machine-id" : DMI "/product_uuid", &line);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !parse_uuid(line, uuid) || !valid_uuid(uuid))
		memset(uuid, 0, 16);
	return 0;
}

int pp_node_system_detail(const struct pp_node_reader *reader, struct pp_node_record *record)
{
	struct pp_udev udev;
	struct pp_node_system *system = &record->system;
	int r = pp_udev_read(reader->tree, reader->arena, DMI, "dmi", &udev);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const struct {
		const char *name, **value;
	} texts[] = {{"product_name", &system->product}, {"sys_vendor", &system->vendor},
		{"product_version", &system->version}, {"product_serial", &system->serial},
		{"bios_vendor", &system->bios_vendor}, {"bios_version", &system->bios_version},
		{"bios_date", &system->bios_date}};
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		r = pp_udev_text(&udev, texts[i].name, texts[i].value);
		if (r < 0)
			return r;
	}
	return read_uuid(reader, system->uuid);
}
