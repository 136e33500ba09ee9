/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices into a guest that runs, and out of it. */
#ifndef LIB_GUEST_PLUG_H
#define LIB_GUEST_PLUG_H

#include "lib/guest/guest.h"

#define PP_PLUG_LOCK_MS 10000 /* another verb has it for as long as devices move */
#define PP_UNPLUG_MS 60000    /* for a guest to let go */

/* That devices of GUEST can be changed now: it runs, and QEMU is to be talked to. */
int pp_plug_may(const struct pp_guest *guest, struct pp_error *error);

/* What pp_guest_attach_prepare does for the run. */
int pp_guest_plug_prepare(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const char *const *devices, size_t n_devices,
	const char *file, const struct pp_check_options *check, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error);
/* CONFIG: into the definition too, once they are in the run. */
int pp_guest_plug(struct pp_context *context, struct pp_guest *guest, const char *const *devices,
	size_t n_devices, const char *file, bool config, const struct pp_change_options *options,
	bool *ret_changed, struct pp_error *error);

/* CONFIG: out of the definition too, once they are out of the run. */
int pp_guest_unplug(struct pp_context *context, struct pp_guest *guest,
	const struct pp_address *addresses, size_t n_addresses, bool config,
	const struct pp_change_options *options, bool *ret_changed, struct pp_error *error);
/* Waits until the guest has let go of all of them and they are back; -ETIMEDOUT. */
int pp_unplug_await(struct pp_context *context, struct pp_guest *guest,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_change_options *options, struct pp_error *error);

#endif
