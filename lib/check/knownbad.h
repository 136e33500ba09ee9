/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of known-bad devices (data/known-bad.txt, compiled in): which, and what is wrong. */
#ifndef LIB_CHECK_KNOWNBAD_H
#define LIB_CHECK_KNOWNBAD_H

#include <pcipass.h>

enum pp_bad_kind { PP_BAD_RESET, PP_BAD_FLR, PP_BAD_BUS, PP_BAD_PM, PP_BAD_INTX, PP_BAD_DENYLIST };

/* One line; the texts are parts of it, not terminated. */
struct pp_known_bad {
	uint16_t vendor, device, mask;
	int revision; /* -1: any */
	enum pp_bad_kind kind;
	const char *text, *source;
	int text_length, source_length;
};

extern const char pp_known_bad_list[];

/* The next entry of *cursor: 1, 0 at the end, -EINVAL for a line that is none (*cursor is behind
 * it). */
int pp_known_bad_next(const char **cursor, struct pp_known_bad *ret_entry);
bool pp_known_bad_is(const struct pp_known_bad *entry, const struct pp_device *device);

#endif
