/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest has taken a device that was plugged in: QEMU has it then, but a guest that hangs,
 * or has no driver, never looks at it. */
#ifndef LIB_GUEST_TAKEN_H
#define LIB_GUEST_TAKEN_H

#include "lib/guest/guest.h"

/* Waits until the guest has switched on all of DEVICES, and tells the progress of OPTIONS of those
 * that it has not: that is no failure. */
void pp_taken_await(struct pp_context *context, const struct pp_guest *guest,
	const struct pp_domain_device *devices, size_t n_devices,
	const struct pp_change_options *options);

/* Pure: whether the device of ALIAS has an address in query-pci's answer. */
struct pp_json;
bool pp_taken_is(const struct pp_json *buses, const char *alias);

#endif
