/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registers that may be read without a side effect, by the device's class or identity. */
#ifndef LIB_VFIO_REGISTER_H
#define LIB_VFIO_REGISTER_H

#include <pcipass.h>

struct pp_register {
	const char *name; /* "NVMe VS" */
	unsigned bar;
	uint32_t offset; /* bytes, in the BAR; four bytes are read */
	bool never_zero; /* where it is, the device does not answer */
};
/* NULL: none is known for this device. */
const struct pp_register *pp_register_of(const struct pp_device *device);

#endif
