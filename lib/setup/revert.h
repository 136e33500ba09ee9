/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file's step taken back after others have changed the file too: our lines become what they were;
 * what is on a line that others changed as well goes word by word. */
#ifndef LIB_SETUP_REVERT_H
#define LIB_SETUP_REVERT_H

#include "lib/setup/words.h"
#include <pcipass.h>

/* NOW: the file's text; STEP has a from and a to. */
int pp_setup_revert(const struct pp_setup_step *step, const char *now, struct pp_buffer *out,
	struct pp_error *error);

#endif
