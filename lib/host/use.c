/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/reader.h"

int pp_uses_read(struct pp_reader *reader)
{
	return 0;
}
