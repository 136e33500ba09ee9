/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A unified diff of two texts, as patch(1) takes it. */
#ifndef LIB_SETUP_DIFF_H
#define LIB_SETUP_DIFF_H

#include "base/buffer.h"
#include <stdbool.h>

/* FROM or TO may be NULL: the file is not there. 0 or -ENOMEM. */
int pp_diff(const char *path, const char *from, const char *to, struct pp_buffer *out);

#endif
