/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settling: what QEMU has of the host's devices, and what is written down of it, made one again.
 * Devices that the guest has let go of are given back; what a verb began and did not end is ended
 * where all of it is in QEMU, else taken back. The supervisor does it when QEMU tells of a device
 * that went, and when a verb has ended; verbs do it before they begin. */
#ifndef LIB_GUEST_SETTLE_H
#define LIB_GUEST_SETTLE_H

#include "lib/guest/guest.h"
#include "lib/guest/plugrecord.h"

struct pp_settle_options {
	bool undo; /* what began to go in goes out again, also where all of it is there */
	const struct pp_apply_options *apply; /* of what is given back; NULL: silent */
};
/* Under the lock of pp_plug_lock; GUEST's record is of this run. Nothing to do is no error, nor is
 * a QEMU that has ended: then all devices go back anyway. */
int pp_guest_settle(struct pp_context *context, const struct pp_guest *guest, int folder_fd,
	const struct pp_settle_options *options, bool *ret_changed, struct pp_error *error);
/* The same for a guest by its name, with the lock: what the supervisor's worker runs. */
int pp_guest_settle_name(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error);

/* QEMU's devices that have an id, as pp_hotplug_has reads them. */
struct pp_json;
int pp_settle_ask(struct pp_context *context, const struct pp_guest *guest,
	struct pp_json **ret_peripherals, struct pp_error *error);
/* Asks QEMU to ask the guest. That it was asked already is no error. */
int pp_settle_unplug(struct pp_context *context, const struct pp_guest *guest, const char *alias,
	struct pp_error *error);

#endif
