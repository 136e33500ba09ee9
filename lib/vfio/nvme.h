/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An NVMe controller brought up from user space, as far as one Identify: its own DMA into guest
 * memory, its own interrupt. Registers: NVM Express Base Specification 1.4, section 3.1. */
#ifndef LIB_VFIO_NVME_H
#define LIB_VFIO_NVME_H

#include <stddef.h>
#include <stdint.h>

struct pp_nvme {
	volatile uint8_t *registers; /* BAR 0, mapped */
	size_t size;
	uint8_t *memory; /* that the device reaches by DMA; at least 3 pages from OFFSET on */
	uint32_t offset; /* of the first page that may be used, and its address for the device */
	int deadline_ms; /* of each change of state */
};
struct pp_nvme_identity {
	uint16_t vendor;
	char serial[21], model[41];
};

/* Disables, sets the admin queues up, enables; interrupts of vector 0 are left as they are. */
int pp_nvme_enable(struct pp_nvme *nvme);
int pp_nvme_submit_identify(struct pp_nvme *nvme);
/* After its completion has been signalled: 0, -EAGAIN (no completion), -EIO (status). */
int pp_nvme_identity(struct pp_nvme *nvme, struct pp_nvme_identity *ret_identity);
int pp_nvme_disable(struct pp_nvme *nvme);

#endif
