/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's USB devices, for guests that are given one. */
#ifndef LIB_GUEST_USB_H
#define LIB_GUEST_USB_H

#include "lib/context.h"
#include "lib/qemu/argv.h"

/* All of them, where the definition wants any; in the arena. */
int pp_usb_nodes(struct pp_context *context, const struct pp_domain *domain, struct pp_arena *arena,
	struct pp_launch_options *options, struct pp_error *error);

#endif
