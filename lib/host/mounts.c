/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/mounts.h"
#include "base/parse.h"
#include <errno.h>
#include <string.h>

const char *pp_mounts_word(struct pp_reader *reader, const char **cursor)
{
	const char *word;
	size_t length;
	if (!pp_text_word(cursor, " \t", &word, &length))
		return NULL;
	char *text = pp_arena_strndup(reader->arena, word, length), *to = text;
	for (const char *at = text; at && *at;) {
		bool octal = at[0] == '\\' && strspn(at + 1, "01234567") >= 3 && at[1] <= '3';
		*to++ = octal ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'))
			      : *at;
		at += octal ? 4 : 1;
	}
	if (text)
		*to = '\0';
	return text;
}

/* "36 35 259:1 / /mnt rw,noatime shared:1 - ext4 /dev/nvme0n1p1 rw" */
static bool parse(struct pp_reader *reader, const char *line, struct pp_mount *ret_mount)
{
	const char *at = line, *word, *end;
	size_t length;
	uint64_t major, minor;
	if (!pp_text_word(&at, " ", &word, &length) || !pp_text_word(&at, " ", &word, &length) ||
		!pp_text_word(&at, " ", &word, &length) ||
		pp_parse_prefix(word, 10, UINT32_MAX, &major, &end) < 0 || *end != ':' ||
		pp_parse_prefix(end + 1, 10, UINT32_MAX, &minor, &end) < 0 || *end != ' ' ||
		!pp_text_word(&at, " ", &word, &length))
		return false;
	struct pp_mount mount = {.major = (unsigned)major, .minor = (unsigned)minor, .line = line};
	mount.point = pp_mounts_word(reader, &at);
	const char *dash = strstr(at, " - ");
	if (!mount.point || !dash)
		return false;
	dash += strlen(" - ");
	mount.type = pp_mounts_word(reader, &dash);
	mount.source = mount.type ? pp_mounts_word(reader, &dash) : NULL;
	if (!mount.source)
		return false;
	mount.options = pp_mounts_word(reader, &dash);
	if (!mount.options)
		mount.options = "";
	*ret_mount = mount;
	return true;
}

int pp_mounts_read(struct pp_reader *reader, struct pp_mount **ret_mounts, size_t *ret_count)
{
	char *text;
	size_t length, room = 1, count = 0;
	*ret_mounts = NULL;
	*ret_count = 0;
	int r = pp_tree_read(reader->tree, reader->scratch, PP_MOUNTS, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		room++;
	struct pp_mount *mounts = pp_arena_array(reader->scratch, room, sizeof(*mounts));
	if (!mounts)
		return -ENOMEM;
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		count += parse(reader, line, &mounts[count]);
	}
	*ret_mounts = mounts;
	*ret_count = count;
	return 0;
}
