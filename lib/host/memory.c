/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>

struct field {
	const char *name;
	uint64_t unit;
	uint64_t *value;
};

static void parse_field(const char *line, size_t length, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t name = strlen(fields[i].name);
		if (length <= name || strncmp(line, fields[i].name, name) != 0 || line[name] != ':')
			continue;
		const char *at = line + name + 1, *end;
		at += strspn(at, " ");
		uint64_t value;
		if (pp_parse_prefix(at, 10, UINT64_MAX / fields[i].unit, &value, &end) == 0)
			*fields[i].value = value * fields[i].unit;
		return;
	}
}

int pp_memory_read(struct pp_reader *reader)
{
	struct pp_memory *memory = pp_arena_alloc(reader->arena, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	reader->memory = memory;
	const struct field fields[] = {
		{"MemTotal", 1024, &memory->total},
		{"MemAvailable", 1024, &memory->available},
		{"SwapTotal", 1024, &memory->swap},
		{"HugePages_Total", 1, &memory->hugepages_total},
		{"HugePages_Free", 1, &memory->hugepages_free},
		{"Hugepagesize", 1024, &memory->hugepage_size},
	};

	char *text;
	size_t length;
	int r = pp_tree_read(reader->tree, reader->arena, "/proc/meminfo", &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char *line;
	size_t size;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &size);)
		parse_field(line, size, fields, PP_COUNT(fields));
	return 0;
}
