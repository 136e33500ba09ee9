/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trouble: a file that is missing says something of the machine; one that could not be looked at
 * for want of memory or descriptors, or because a disk fails, says nothing, and must not be taken
 * for missing. */
#ifndef BASE_TROUBLE_H
#define BASE_TROUBLE_H

#include <sys/types.h>

/* The first that there was, lack of memory and descriptors before the others. */
struct pp_trouble {
	int code; /* -errno; 0: none */
	char path[256];
};

/* Passes RESULT on, and remembers it where it is trouble. */
ssize_t pp_trouble_note(struct pp_trouble *trouble, const char *path, ssize_t result);
/* What is remembered, and from then on nothing is. */
struct pp_trouble pp_trouble_take(struct pp_trouble *trouble);

#endif
