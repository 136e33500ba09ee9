/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/ram.h"
#include "base/parse.h"
#include <string.h>

#define GIB ((uint64_t)1 << 30)
#define HYPERTRANSPORT UINT64_C(0xfd00000000) /* its hole ends at 1 TiB */

size_t pp_ram_lay_out(uint64_t memory, bool q35, bool relocates, struct pp_ram_piece pieces[2])
{
	uint64_t split = q35 ? UINT64_C(0xb0000000) : UINT64_C(0xe0000000);
	uint64_t low = memory < split ? memory : q35 ? 2 * GIB : 3 * GIB;
	uint64_t high = memory - low, start = 4 * GIB;

	pieces[0] = (struct pp_ram_piece){0, low};
	if (!high)
		return 1;
	if (relocates && start + high > HYPERTRANSPORT)
		start = 1024 * GIB;
	pieces[1] = (struct pp_ram_piece){start, high};
	return 2;
}

bool pp_machine_is_before(const char *machine, unsigned major, unsigned minor)
{
	const char *dash = machine ? strrchr(machine, '-') : NULL, *end;
	uint64_t its_major, its_minor;

	if (!dash || pp_parse_prefix(dash + 1, 10, 1000, &its_major, &end) < 0 || *end != '.' ||
		pp_parse_prefix(end + 1, 10, 1000, &its_minor, &end) < 0)
		return false;
	return its_major < major || (its_major == major && its_minor < minor);
}
