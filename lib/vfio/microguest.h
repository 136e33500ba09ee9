/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of a few dozen bytes of machine code: one vCPU that reads a register of a device through
 * a BAR mapped as its memory, and takes the device's interrupt. x86-64; elsewhere _open says
 * -EOPNOTSUPP. */
#ifndef LIB_VFIO_MICROGUEST_H
#define LIB_VFIO_MICROGUEST_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_run;

#define PP_MICROGUEST_MEMORY 0x100000 /* bytes, at the guest's address 0 */
#define PP_MICROGUEST_FREE 0x10000    /* from here on the guest's memory is the caller's */

struct pp_microguest {
	int kvm, vm, vcpu; /* descriptors, -1 */
	struct kvm_run *run;
	size_t run_size;
	uint8_t *memory; /* PP_MICROGUEST_MEMORY bytes */
	unsigned n_slots;
	unsigned mmio_exits; /* accesses that did not go through a mapping */
};
#define PP_MICROGUEST_INIT                                                                         \
	{                                                                                          \
		.kvm = -1, .vm = -1, .vcpu = -1                                                    \
	}

int pp_microguest_open(struct pp_microguest *guest, struct pp_error *error);
void pp_microguest_close(struct pp_microguest *guest);

/* Puts a page of a BAR into the guest, lets it read four bytes at OFFSET in it, and takes it out
 * again. -EREMOTEIO when the read left the guest instead of going through the mapping. After any
 * failure here or below the guest can only be closed. */
int pp_microguest_read(struct pp_microguest *guest, void *page, size_t size, uint32_t offset,
	int deadline_ms, uint32_t *ret_value);
/* An eventfd that becomes a message-signalled interrupt of the guest. */
int pp_microguest_interrupt(struct pp_microguest *guest, int eventfd);
/* Lets the guest enable its interrupts; then waits until its handler ran. *ret_count: how often so
 * far. */
int pp_microguest_arm(struct pp_microguest *guest, int deadline_ms);
int pp_microguest_wait(struct pp_microguest *guest, int deadline_ms, uint32_t *ret_count);

#endif
