/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared libraries that most runs do without: loaded at their first use, for to load them costs
 * more than most verbs. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

struct pp_library_function {
	const char *name;
	void *ret_function; /* a pointer to the pointer to it */
};

struct pp_library {
	const char *soname;
	const char *package; /* Debian's, for who lacks it */
	const struct pp_library_function *functions;
	size_t n_functions;
	bool loaded;
};

/* Loads it once, and sets its functions. -ELIBACC: it is not installed, or lacks one of them. */
int pp_library_load(struct pp_library *library, struct pp_error *error);

#endif
