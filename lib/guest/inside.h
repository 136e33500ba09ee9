/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU needs of the host to take a device while it runs, and must not keep when it is gone:
 * the node of its IOMMU group in QEMU's own /dev, and how much memory it may lock. */
#ifndef LIB_GUEST_INSIDE_H
#define LIB_GUEST_INSIDE_H

#include "lib/domain/domain.h"
#include "lib/guest/record.h"

/* For the host devices of DOMAIN: what is missing is made. */
int pp_inside_prepare(
	const struct pp_record *record, const struct pp_domain *domain, struct pp_error *error);
/* Until QEMU has closed the IOMMU group of the device at GONE, unless another of DOMAIN, which has
 * all that is left, is in that: 0, or -ETIMEDOUT. */
int pp_inside_await_closed(const struct pp_record *record, const struct pp_domain *domain,
	const struct pp_address *gone, int wait_ms);
/* DOMAIN has all that is left; the device at GONE is not. What fails is not worth a word: QEMU has
 * let go of all of it. */
void pp_inside_withdraw(const struct pp_record *record, const struct pp_domain *domain,
	const struct pp_address *gone);

#endif
