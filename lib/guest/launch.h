/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The launch of a guest: from its definition to what the supervisor starts. */
#ifndef LIB_GUEST_LAUNCH_H
#define LIB_GUEST_LAUNCH_H

#include "lib/guest/definition.h"
#include "lib/guest/record.h"
#include "lib/qemu/argv.h"

/* Fills what comes from the definition (not id, paused); in the arena. */
int pp_guest_launch_make(struct pp_context *context, const char *name,
	const struct pp_definition *definition, const struct pp_host *host, struct pp_arena *arena,
	struct pp_record_launch *ret_launch, struct pp_error *error);

#endif
