/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reason of what failed all the same: QEMU's, VFIO's or the kernel's words in an error, known
 * from the catalogue of failures. The words stay; cause, finding and remedy are put beside them. */
#ifndef LIB_APPLY_REASON_H
#define LIB_APPLY_REASON_H

#include "lib/context.h"

/* Of an error that has no finding's id yet; where its text is not understood nothing changes. */
void pp_reason_add(struct pp_context *context, struct pp_error *error);

#endif
