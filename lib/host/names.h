/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: what pci.ids calls vendors, devices, subsystems and classes, as lspci says them. One pass
 * over its text finds those of all devices. */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include "base/arena.h"
#include "base/buffer.h"
#include <pcipass.h>

/* Sets the names of DEVICES, copied into the arena. 0 or -ENOMEM. */
int pp_names_find(const char *ids, size_t length, struct pp_arena *arena, struct pp_device *devices,
	size_t n_devices);

/* Only those lines of it that name DEVICES. */
void pp_names_select(const char *ids, size_t length, const struct pp_device *devices,
	size_t n_devices, struct pp_buffer *text);

#endif
