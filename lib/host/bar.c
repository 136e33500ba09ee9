/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/reader.h"

/* Flags as the kernel prints them in `resource` (its IORESOURCE_ bits). */
enum {
	RESOURCE_IO = 0x100,
	RESOURCE_MEMORY = 0x200,
	RESOURCE_PREFETCH = 0x2000,
	RESOURCE_64BIT = 0x100000,
	RESOURCE_DISABLED = 0x10000000,
	RESOURCE_UNSET = 0x20000000,
};
#define ROM_LINE 6

static unsigned bar_flags(uint64_t start, uint64_t resource)
{
	unsigned flags = 0;
	if (resource & RESOURCE_IO)
		flags |= PP_BAR_IO;
	if (resource & RESOURCE_64BIT)
		flags |= PP_BAR_64BIT;
	if (resource & RESOURCE_PREFETCH)
		flags |= PP_BAR_PREFETCH;
	/* an address that the kernel could not assign is printed as 0 or as unset */
	if (start == 0 || resource & (RESOURCE_UNSET | RESOURCE_DISABLED))
		flags |= PP_BAR_DISABLED;
	return flags;
}

bool pp_bar_line(const char **cursor, struct pp_bar *ret_bar)
{
	uint64_t values[3];
	const char *at = *cursor;
	for (size_t i = 0; i < 3; i++) {
		at += *at == ' ';
		if (!pp_text_starts(at, "0x") ||
			pp_parse_prefix(at + 2, 16, UINT64_MAX, &values[i], &at) < 0)
			return false;
	}
	if (*at != '\n' && *at != '\0')
		return false;
	*cursor = at + (*at == '\n');

	*ret_bar = (struct pp_bar){0};
	if (!(values[2] & (RESOURCE_IO | RESOURCE_MEMORY)))
		return true;
	ret_bar->flags = bar_flags(values[0], values[2]);
	ret_bar->start = values[0];
	if (values[1] > values[0])
		ret_bar->size = values[1] - values[0] + 1;
	return true;
}

void pp_bars_parse(const char *text, struct pp_device *device)
{
	for (size_t line = 0; line <= ROM_LINE && *text; line++) {
		struct pp_bar bar;
		if (!pp_bar_line(&text, &bar))
			return;
		if (line == ROM_LINE)
			device->rom = bar;
		else
			device->bars[line] = bar;
	}
}

const char *pp_bar_kind(const struct pp_bar *bar)
{
	if (bar->flags & PP_BAR_IO)
		return "io";
	bool prefetch = bar->flags & PP_BAR_PREFETCH;
	if (bar->flags & PP_BAR_64BIT)
		return prefetch ? "mem64 pref" : "mem64";
	return prefetch ? "mem32 pref" : "mem32";
}
