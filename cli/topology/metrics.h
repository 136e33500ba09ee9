/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much room text takes, whatever sans serif font it will be drawn in: measured with the widest
 * of those in use. */
#ifndef CLI_TOPOLOGY_METRICS_H
#define CLI_TOPOLOGY_METRICS_H

#include "base/arena.h"

enum topology_font { TOPOLOGY_PLAIN, TOPOLOGY_BOLD, TOPOLOGY_MONO };

/* In pixels, for a font of SIZE pixels. */
int topology_text_width(const char *text, size_t length, enum topology_font font, int size);
/* The lines of TEXT in which none is wider than WIDTH, at most MOST of them (the last then ends
 * with an ellipsis); FIRST: the width of the first. NULL for lack of memory. */
const char **topology_text_wrap(struct pp_arena *arena, const char *text, enum topology_font font,
	int size, int first, int width, size_t most, size_t *ret_count);

#endif
