/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts of a guest that its checks need, as plain data: lib/guest fills them from the
 * definition, the engine and the state. */
#ifndef LIB_CHECK_GUEST_H
#define LIB_CHECK_GUEST_H

#include <pcipass.h>

struct pp_guest_facts {
	const char *name;
};

#endif
