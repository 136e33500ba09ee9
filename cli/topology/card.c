/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boxes, and the words in them. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/topology/layout.h"
#include <string.h>

enum { STRIP = 6, USES_SHOWN = 3, NAME_LINES = 3, TEXT_LINES = 4, GUEST_DEVICES = 12 };

static void *grown(struct topology_picture *picture, void *list, size_t count, size_t size)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return list;
	void *more =
		pp_arena_grow(picture->arena, list, count * size, (count ? count * 2 : 1) * size);
	picture->failed = picture->failed || !more;
	return more ? more : list;
}

int topology_add_box(
	struct topology_picture *picture, enum topology_shape shape, int x, int y, int inside)
{
	picture->boxes = grown(picture, picture->boxes, picture->n_boxes, sizeof(*picture->boxes));
	if (picture->failed)
		return -1;
	picture->boxes[picture->n_boxes] = (struct topology_box){
		.shape = shape, .x = x, .y = y, .inside = inside, .above = -1};
	return (int)picture->n_boxes++;
}

void topology_add_text(struct topology_picture *picture, int box, int x, int y,
	enum topology_style style, const char *text)
{
	picture->texts = grown(picture, picture->texts, picture->n_texts, sizeof(*picture->texts));
	if (picture->failed || box < 0 || !text) {
		picture->failed = true;
		return;
	}
	struct topology_box *of = &picture->boxes[box];
	if (of->n_texts++ == 0)
		of->first_text = picture->n_texts;
	picture->texts[picture->n_texts++] =
		(struct topology_text){.x = x, .y = y, .style = style, .text = text};
}

void topology_add_line(struct topology_picture *picture, struct topology_line line)
{
	picture->lines = grown(picture, picture->lines, picture->n_lines, sizeof(*picture->lines));
	if (!picture->failed)
		picture->lines[picture->n_lines++] = line;
}

enum topology_font topology_style_font(enum topology_style style)
{
	if (style == STYLE_ADDRESS)
		return TOPOLOGY_MONO;
	return style == STYLE_META || style == STYLE_USE ? TOPOLOGY_PLAIN : TOPOLOGY_BOLD;
}

int topology_style_size(enum topology_style style)
{
	switch (style) {
	case STYLE_TITLE:
		return 20;
	case STYLE_NAME:
		return FONT_NAME;
	case STYLE_LABEL:
		return FONT_SMALL;
	default:
		return FONT_TEXT;
	}
}

static int width_of(const char *text, enum topology_style style)
{
	return topology_text_width(
		text, strlen(text), topology_style_font(style), topology_style_size(style));
}

int topology_label(struct topology_picture *picture, int box, int x, int y,
	enum topology_style style, const char *text)
{
	topology_add_text(picture, box, x, y, style, text);
	return text ? width_of(text, style) : 0;
}

/* A card that is written from its top: where the next line goes. */
struct pen {
	struct topology_picture *picture;
	int box, left, width, y;
};

static struct pen pen_at(struct topology_picture *picture, int box, int left)
{
	const struct topology_box *of = &picture->boxes[box];
	return (struct pen){picture, box, of->x + left, of->width - left - PAD, of->y + PAD - 2};
}

/* Lines of TEXT; the first is SHORTER. */
static void put(
	struct pen *pen, enum topology_style style, const char *text, int shorter, size_t most)
{
	struct topology_picture *picture = pen->picture;
	size_t count = 0;
	if (!text) {
		picture->failed = true;
		return;
	}
	const char **lines = topology_text_wrap(picture->arena, text, topology_style_font(style),
		topology_style_size(style), pen->width - shorter, pen->width, most, &count);
	picture->failed = picture->failed || !lines;
	for (size_t i = 0; i < count && !picture->failed; i++) {
		pen->y += style == STYLE_NAME ? LINE + 1 : LINE;
		topology_add_text(picture, pen->box, pen->left, pen->y - 4, style, lines[i]);
	}
}

static void finish(struct pen *pen)
{
	struct topology_box *of = &pen->picture->boxes[pen->box];
	of->height = pen->y + PAD - 2 - of->y;
}

/* The address at the right end of the first line. What it takes, or 0 where it has no room there.
 */
static int put_address(struct pen *pen, const char *address, int most)
{
	struct topology_picture *picture = pen->picture;
	int width = width_of(address, STYLE_ADDRESS);
	if (width > most)
		return 0;
	topology_add_text(picture, pen->box, pen->left + pen->width, pen->y + LINE - 3,
		STYLE_ADDRESS, address);
	if (!picture->failed)
		picture->texts[picture->n_texts - 1].from_end = true;
	return width + PAD;
}

static void put_uses(
	struct pen *pen, const struct topology_facts *facts, const struct topology_node *node)
{
	size_t shown = 0, left = 0;
	for (size_t i = 0; i < node->n_functions; i++) {
		const struct topology_function *function = &facts->functions[node->functions[i]];
		for (size_t j = 0; j < function->n_uses; j++) {
			/* The verdict says it. */
			if (pp_text_is(function->uses[j], function->why))
				continue;
			if (shown == USES_SHOWN) {
				left++;
				continue;
			}
			shown++;
			put(pen, STYLE_USE,
				pp_arena_printf(
					pen->picture->arena, "\xe2\x80\xa2 %s", function->uses[j]),
				0, 2);
		}
	}
	if (left > 0)
		put(pen, STYLE_USE,
			pp_arena_printf(pen->picture->arena, "\xe2\x80\xa2 and %zu more", left), 0,
			1);
}

void topology_card_device(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_node *node, int box, bool grouped)
{
	struct pp_arena *arena = picture->arena;
	const char *address = topology_addresses(facts, arena, node);
	if (picture->failed || !address) {
		picture->failed = true;
		return;
	}
	struct pen pen = pen_at(picture, box, STRIP + PAD);
	int taken = put_address(&pen, address, pen.width / 2);
	put(&pen, STYLE_NAME, topology_name(facts, arena, node), taken, NAME_LINES);
	if (taken == 0)
		put(&pen, STYLE_ADDRESS, address, 0, 2);
	put(&pen, STYLE_META, topology_facts_line(facts, arena, node, !grouped), 0, TEXT_LINES);
	if (node->kind == TOPOLOGY_DEVICE) {
		put_uses(&pen, facts, node);
		put(&pen, STYLE_VERDICT, topology_verdict_text(facts, arena, node), 0, TEXT_LINES);
	}
	finish(&pen);
	struct topology_box *of = &picture->boxes[box];
	of->many = node->n_functions > 1;
	of->verdict = node->kind == TOPOLOGY_CHIPSET ? TOPOLOGY_NONE
						     : facts->functions[node->functions[0]].verdict;
	of->title = topology_node_title(facts, arena, node);
}

void topology_card_port(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_node *node, int box, bool grouped)
{
	struct pp_arena *arena = picture->arena;
	const struct topology_function *function = &facts->functions[node->functions[0]];
	struct pen pen = pen_at(picture, box, PAD);
	put(&pen, STYLE_NAME, topology_name(facts, arena, node), 0, 2);
	put(&pen, STYLE_ADDRESS, topology_addresses(facts, arena, node), 0, 2);
	/* A switch is bought and has a name; ports come with their machine. */
	if (function->device->capabilities.express_type == 5)
		put(&pen, STYLE_META, function->name, 0, 2);
	const char *groups = topology_groups(facts, arena, node);
	if (!grouped && groups && *groups)
		put(&pen, STYLE_META, groups, 0, 2);
	if (node->n_children == 0)
		put(&pen, STYLE_META, "empty", 0, 1);
	finish(&pen);
	picture->boxes[box].many = node->n_functions > 1;
	picture->boxes[box].title = topology_node_title(facts, arena, node);
}

/* ---- guests ---- */

static const char *guest_title(struct pp_arena *arena, const struct topology_facts *facts,
	const struct topology_guest *guest)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (size_t g = 0; g < guest->n_together; g++) {
		const struct topology_guest *one = guest + g;
		pp_buffer_printf(&text, "%sguest %s, %s", g ? "\n" : "", one->name, one->state);
		for (size_t i = 0; i < one->n_functions; i++)
			pp_buffer_printf(&text, "\n%s  %s%s",
				facts->functions[one->functions[i]].device->name,
				facts->functions[one->functions[i]].name,
				one->held[i] ? "" : " (not with it now)");
	}
	return text.failed ? NULL : pp_arena_strdup(arena, pp_buffer_text(&text));
}

static void put_together(struct pen *pen, const struct topology_guest *guest)
{
	PP_BUFFER struct pp_buffer names = PP_BUFFER_INIT;
	for (size_t i = 0; i < guest->n_together; i++) {
		if (i == GUEST_DEVICES)
			break;
		pp_buffer_printf(&names, "%s%s", i ? ", " : "", guest[i].name);
	}
	if (guest->n_together > GUEST_DEVICES)
		pp_buffer_printf(&names, " and %zu more", guest->n_together - GUEST_DEVICES);
	put(pen, STYLE_META, pp_buffer_text(&names), 0, 2 * GUEST_DEVICES);
}

static void put_devices(
	struct pen *pen, const struct topology_facts *facts, const struct topology_guest *guest)
{
	struct pp_arena *arena = pen->picture->arena;
	for (size_t i = 0; i < guest->n_functions && i < GUEST_DEVICES; i++) {
		const struct topology_function *function = &facts->functions[guest->functions[i]];
		put(pen, STYLE_USE,
			pp_arena_printf(arena, "%s %s%s", function->address, function->name,
				guest->held[i] ? "" : " (not with it now)"),
			0, 2);
	}
	if (guest->n_functions > GUEST_DEVICES)
		put(pen, STYLE_USE,
			pp_arena_printf(arena, "and %zu more", guest->n_functions - GUEST_DEVICES),
			0, 1);
}

void topology_card_guest(struct topology_picture *picture, const struct topology_facts *facts,
	const struct topology_guest *guest, int box)
{
	struct pp_arena *arena = picture->arena;
	struct pen pen = pen_at(picture, box, STRIP + PAD);
	if (guest->n_together > 1) {
		put(&pen, STYLE_NAME, pp_arena_printf(arena, "%zu guests", guest->n_together), 0,
			2);
		put(&pen, STYLE_META, guest->state, 0, 2);
		put_together(&pen, guest);
	} else {
		put(&pen, STYLE_NAME, guest->name, 0, NAME_LINES);
		put(&pen, STYLE_META, guest->state, 0, 2);
		put_devices(&pen, facts, guest);
	}
	finish(&pen);
	struct topology_box *of = &picture->boxes[box];
	of->many = guest->n_together > 1;
	of->runs = guest->runs;
	of->title = guest_title(arena, facts, guest);
}
