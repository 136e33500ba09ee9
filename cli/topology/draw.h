/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture as a file: SVG without scripts, or a page that holds it. Both are light or dark as
 * their reader is, and need no other file. */
#ifndef CLI_TOPOLOGY_DRAW_H
#define CLI_TOPOLOGY_DRAW_H

#include "base/buffer.h"
#include "cli/topology/layout.h"

/* A lack of memory is remembered by the buffer. */
void topology_draw_svg(const struct topology_picture *picture, struct pp_buffer *svg);
void topology_draw_html(const struct topology_picture *picture, struct pp_buffer *html);

/* The <svg> alone. PAGE: within a page, which has the hover of its own. */
void topology_draw(const struct topology_picture *picture, bool page, struct pp_buffer *svg);

#endif
