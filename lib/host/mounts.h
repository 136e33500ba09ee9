/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mounts: what /proc/self/mountinfo says. */
#ifndef HOST_MOUNTS_H
#define HOST_MOUNTS_H

#include "lib/host/owner.h"

#define PP_MOUNTS "/proc/self/mountinfo"

struct pp_mount {
	unsigned major, minor;
	const char *point, *type, *source;
	const char *options; /* of the file system: "rw,lowerdir=/lower" */
	const char *line;    /* all of it */
};

/* In the order of the file; lines that make no sense are left out. A file that cannot be read is
 * one without lines. 0 or -ENOMEM. */
int pp_mounts_read(struct pp_reader *reader, struct pp_mount **ret_mounts, size_t *ret_count);

/* The next word, in the arena, of a file that writes blanks and backslashes as three octal digits.
 * NULL: there is none, or no memory. */
const char *pp_mounts_word(struct pp_reader *reader, const char **cursor);

#endif
