/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The picture of a topology: boxes, words and lines with their places in pixels. From left to right
 * stand buses, bridges, devices, and the guests; every device has a band of its own, so that its
 * line to a guest crosses nothing. */
#ifndef CLI_TOPOLOGY_LAYOUT_H
#define CLI_TOPOLOGY_LAYOUT_H

#include "cli/topology/metrics.h"
#include "cli/topology/topology.h"

enum topology_shape {
	SHAPE_HEAD,
	SHAPE_LEGEND,
	SHAPE_NUMA, /* enclosures: a NUMA node, a root bus, an IOMMU group */
	SHAPE_BUS,
	SHAPE_GROUP,
	SHAPE_PORT,
	SHAPE_DEVICE,
	SHAPE_CHIPSET,
	SHAPE_LINK, /* the words at a link */
	SHAPE_GUEST,
};
enum topology_style {
	STYLE_NAME,
	STYLE_ADDRESS,
	STYLE_META,
	STYLE_USE,
	STYLE_VERDICT,
	STYLE_LABEL,
	STYLE_TITLE
};

struct topology_text {
	int x, y;      /* of its base line */
	bool from_end; /* X is where it ends */
	enum topology_style style;
	const char *text;
};
struct topology_box {
	enum topology_shape shape;
	int x, y, width, height;
	int inside; /* the enclosure that it stands in; -1: none */
	int above;  /* the box that it hangs on; -1: none */
	bool many;  /* drawn as a pile */
	bool runs;  /* of a guest */
	enum topology_verdict verdict;
	const char *title; /* all of it, for who asks; NULL */
	size_t first_text, n_texts;
};
struct topology_line {
	int from, to;             /* boxes */
	int x1, y1, x2, y2, bend; /* BEND: where it turns; of a guest's: none */
	int thickness;
	bool guest, held;
};
struct topology_picture {
	int width, height;
	struct topology_box *boxes;
	size_t n_boxes;
	struct topology_text *texts;
	size_t n_texts;
	struct topology_line *lines;
	size_t n_lines;
	const char *title;
	struct pp_arena *arena;
	bool failed;
};

/* 0 or -ENOMEM; all of it in ARENA. */
int topology_layout(const struct topology_facts *facts, const struct topology_tree *tree,
	struct pp_arena *arena, struct topology_picture *ret_picture);

/* ---- inside of layout: boxes and what stands in them (card.c) ---- */

enum {
	FONT_NAME = 14,
	FONT_TEXT = 12,
	FONT_SMALL = 11,
	LINE = 17,
	PAD = 10,
	CARD_WIDTH = 420,
	PORT_WIDTH = 168,
	GUEST_WIDTH = 330
};
/* Its number, -1 for lack of memory. */
int topology_add_box(
	struct topology_picture *picture, enum topology_shape shape, int x, int y, int inside);
void topology_add_text(struct topology_picture *picture, int box, int x, int y,
	enum topology_style style, const char *text);
void topology_add_line(struct topology_picture *picture, struct topology_line line);
enum topology_font topology_style_font(enum topology_style style);
int topology_style_size(enum topology_style style);
/* Cards fill a box of the given width and set its height. */
void topology_card_device(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_node *node, int box, bool grouped);
void topology_card_port(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_node *node, int box, bool grouped);
void topology_card_guest(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_guest *guest, int box);
/* At X, with its base line below Y; the width that it took. */
int topology_label(struct topology_picture *picture, int box, int x, int y,
	enum topology_style style, const char *text);

#endif
