/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts of a guest of libvirt's for its checks: its memory, machine, and how it has its devices, as
 * the XML says that libvirt writes (defined or live). What else is in it may be unknown here. */
#ifndef LIBVIRT_FACTS_H
#define LIBVIRT_FACTS_H

#include "base/arena.h"
#include "lib/check/guest.h"
#include <pcipass.h>

/* TEXT: its <domain>, whole (pp_libvirt_parse took it), or NULL where only its devices are known.
 * In the arena; 0 or -ENOMEM. */
int pp_libvirt_facts(const struct pp_host *host, const struct pp_libvirt_guest *guest,
	const char *text, size_t length, struct pp_arena *arena, struct pp_guest_facts *ret_facts);

/* Every check for it, with these facts and what the hook remembered of its devices. */
int pp_libvirt_check_guest(struct pp_context *context, const struct pp_host *host,
	const struct pp_libvirt_guest *guest, const char *text, size_t length,
	struct pp_arena *arena, const struct pp_check_options *options,
	struct pp_findings **ret_findings, struct pp_error *error);

#endif
