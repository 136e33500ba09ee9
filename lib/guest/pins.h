/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of QEMU that run on some of the host's CPUs alone. QEMU may not choose for itself: it
 * begins where its emulator belongs, and its supervisor moves the others before the guest runs. */
#ifndef LIB_GUEST_PINS_H
#define LIB_GUEST_PINS_H

#include "base/json.h"
#include "lib/context.h"
#include "lib/domain/domain.h"
#include "lib/guest/record.h"

/* The host has the CPUs that the definition names. */
int pp_pins_check(struct pp_context *context, const struct pp_domain *domain, const char *file,
	struct pp_error *error);

/* Whether QEMU is to be asked for its threads of this kind. */
bool pp_pins_any(const struct pp_record_launch *launch, enum pp_pin_kind kind);
/* In the process that is going to be QEMU: 0 or -errno. */
int pp_pins_emulator(const struct pp_record_launch *launch);
/* THREADS is what query-cpus-fast or query-iothreads answers. */
int pp_pins_move(const struct pp_record_launch *launch, enum pp_pin_kind kind,
	const struct pp_json *threads, struct pp_error *error);

#endif
