/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where everything stands. */
#include "cli/topology/layout.h"
#include "base/parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	MARGIN = 24,
	STEP_Y = 12,     /* between siblings */
	ANCHOR = 22,     /* where lines meet a card, below its top */
	LINK_GAP = 148,  /* right of a bridge: the words at its link, and where its lines bend */
	BEND = 20,       /* before what a line leads to */
	BUS_INDENT = 44, /* of what is on a root bus */
	BUS_HEAD = 40,
	GROUP_HEAD = 26,
	GROUP_PAD = 12,
	VF_INDENT = 36,
	NUMA_HEAD = 34,
	GUEST_GAP = 110,
	PANEL_GAP = 16,
	GUESTS_RUN = 6, /* so many alike are drawn as one */
};

/* Of PCI Express: an upper port faces the root. */
enum { PORT_ROOT = 4, PORT_UPPER = 5, PORT_LOWER = 6 };

struct layer {
	struct topology_picture *picture;
	const struct topology_facts *facts;
	int *boxes; /* of each function, -1: none */
	int x_bus, x_device;
};

/* ---- columns ---- */

static int bridges_deep(const struct topology_node *node)
{
	int deep = 0;
	for (size_t i = 0; i < node->n_children; i++) {
		int below = bridges_deep(node->children[i]);
		deep = below > deep ? below : deep;
	}
	return deep + (node->kind == TOPOLOGY_PORT && node->n_children > 0);
}

static int port_x(const struct layer *layer, int depth)
{
	return layer->x_bus + BUS_INDENT + depth * (PORT_WIDTH + LINK_GAP);
}

static int thickness(unsigned lanes)
{
	return lanes >= 16 ? 6 : lanes >= 8 ? 4 : lanes >= 4 ? 3 : 2;
}

/* ---- the tree ---- */

static int place(struct layer *layer, const struct topology_node *node, int depth, int y,
	int inside, bool grouped, int *ret_box);

static size_t count_boxes(const struct topology_node *node)
{
	size_t count = 1;
	for (size_t i = 0; i < node->n_children; i++)
		count += count_boxes(node->children[i]);
	return count;
}

/* "group 1, goes as a whole", and how much of it stands elsewhere. */
static const char *group_words(struct layer *layer, const struct topology_node *node, size_t drawn)
{
	struct pp_arena *arena = layer->picture->arena;
	const char *groups = topology_groups(layer->facts, arena, node);
	const struct pp_group *group =
		node->n_groups == 1 ? pp_host_group(layer->facts->host, node->groups[0]) : NULL;
	if (!groups)
		return NULL;
	if (group && group->n_devices > drawn)
		return pp_arena_printf(arena, "IOMMU %s: %zu of its %zu functions", groups, drawn,
			group->n_devices);
	return pp_arena_printf(arena, "IOMMU %s", groups);
}

static int place_run(struct layer *layer, struct topology_node *const *nodes, size_t n, int depth,
	int y, int inside, int *boxes)
{
	struct topology_picture *picture = layer->picture;
	size_t drawn = 0;
	bool ports = false;
	for (size_t i = 0; i < n; i++) {
		drawn += topology_node_count(nodes[i]);
		ports = ports || nodes[i]->kind == TOPOLOGY_PORT;
	}
	int x = (ports ? port_x(layer, depth) : layer->x_device) - GROUP_PAD;
	int box = topology_add_box(picture, SHAPE_GROUP, x, y, inside);
	topology_label(picture, box, x + GROUP_PAD, y + 18, STYLE_LABEL,
		group_words(layer, nodes[0], drawn));
	int bottom = y + GROUP_HEAD;
	for (size_t i = 0; i < n && !picture->failed; i++)
		bottom = place(
			layer, nodes[i], depth, bottom + (i ? STEP_Y : 0), box, true, &boxes[i]);
	if (picture->failed)
		return bottom;
	picture->boxes[box].width = layer->x_device + CARD_WIDTH + GROUP_PAD - x;
	picture->boxes[box].height = bottom + GROUP_PAD - y;
	return bottom + GROUP_PAD;
}

/* Children below each other. BOXES gets the box of each. */
static int place_children(struct layer *layer, const struct topology_node *node, int depth, int y,
	int inside, bool grouped, int *boxes)
{
	struct topology_picture *picture = layer->picture;
	int bottom = y;
	for (size_t i = 0; i < node->n_children && !picture->failed;) {
		struct topology_node **from = &node->children[i];
		size_t n = 1, drawn = count_boxes(from[0]);
		while (from[0]->run && i + n < node->n_children && from[n]->run == from[0]->run)
			drawn += count_boxes(from[n++]);
		int top = bottom + (i ? STEP_Y : 0);
		if (from[0]->run && drawn > 1 && !grouped) {
			bottom = place_run(layer, from, n, depth, top, inside, &boxes[i]);
		} else {
			n = 1;
			bottom = place(layer, from[0], depth, top, inside, grouped, &boxes[i]);
		}
		i += n;
	}
	return bottom;
}

/* Lines from a box to what hangs on it. */
static void join(struct layer *layer, int from, int x1, int y1, int bend, const int *boxes,
	size_t n, int thick)
{
	struct topology_picture *picture = layer->picture;
	for (size_t i = 0; i < n && !picture->failed; i++) {
		struct topology_box *to = &picture->boxes[boxes[i]];
		to->above = from;
		topology_add_line(picture, (struct topology_line){.from = from,
						   .to = boxes[i],
						   .x1 = x1,
						   .y1 = y1,
						   .x2 = to->x,
						   .y2 = to->y + ANCHOR,
						   .bend = bend < 0 ? to->x - BEND : bend,
						   .thickness = thick});
	}
}

/* The end below a bridge knows what it could have. A port's registers speak of what is below it,
 * but those of the upper port of a switch of what is above; within a switch there is no link. */
static const struct pp_device *link_of(const struct layer *layer, const struct topology_node *node)
{
	const struct pp_device *device = layer->facts->functions[node->functions[0]].device;
	const struct pp_device *below =
		layer->facts->functions[node->children[0]->functions[0]].device;
	unsigned type = below->capabilities.express_type;
	bool port = type == PORT_ROOT || type == PORT_LOWER;
	if (device->capabilities.express_type == PORT_UPPER || port)
		return device;
	return below->capabilities.link && below->capabilities.link_width > 0 ? below : device;
}

static void add_link_words(struct layer *layer, const struct topology_node *node, int port)
{
	struct topology_picture *picture = layer->picture;
	const struct pp_device *end = link_of(layer, node);
	const char *best, *now = topology_link(picture->arena, end, &best);
	if (end->capabilities.express_type == PORT_UPPER &&
		end == layer->facts->functions[node->functions[0]].device)
		return;
	if (picture->failed || !now || !*now || !best)
		return;
	int x = picture->boxes[port].x + PORT_WIDTH + 5, y = picture->boxes[port].y + ANCHOR;
	int box = topology_add_box(picture, SHAPE_LINK, x, y - 19, picture->boxes[port].inside);
	int width = topology_label(picture, box, x + 2, y - 7, STYLE_LABEL, now), more = 0;
	if (*best)
		more = topology_label(picture, box, x + 2, y + 15, STYLE_LABEL, best);
	if (picture->failed)
		return;
	picture->boxes[box].above = port;
	picture->boxes[box].width = (width > more ? width : more) + 4;
	picture->boxes[box].height = *best ? 38 : 15;
}

static int place_port(struct layer *layer, const struct topology_node *node, int depth, int y,
	int inside, bool grouped, int *ret_box)
{
	struct topology_picture *picture = layer->picture;
	int *boxes = pp_arena_array(picture->arena, node->n_children + 1, sizeof(*boxes));
	if (!boxes)
		picture->failed = true;
	int bottom = y;
	if (node->n_children > 0 && !picture->failed)
		bottom = place_children(layer, node, depth + 1, y, inside, grouped, boxes);
	if (node->n_children > 0 && !picture->failed)
		y = picture->boxes[boxes[0]].y; /* in line with the first */
	int box = *ret_box = topology_add_box(picture, SHAPE_PORT, port_x(layer, depth), y, inside);
	if (picture->failed)
		return bottom;
	struct topology_box *port = &picture->boxes[box];
	port->width = PORT_WIDTH;
	topology_card_port(picture, layer->facts, node, box, grouped);
	port = &picture->boxes[box];
	if (node->n_children > 0) {
		int next = picture->boxes[boxes[0]].x;
		for (size_t i = 1; i < node->n_children; i++)
			if (picture->boxes[boxes[i]].x < next)
				next = picture->boxes[boxes[i]].x;
		join(layer, box, port->x + PORT_WIDTH, y + ANCHOR, next - BEND, boxes,
			node->n_children, thickness(link_of(layer, node)->capabilities.link_width));
		add_link_words(layer, node, box);
	}
	port = &picture->boxes[box];
	int own = port->y + port->height;
	return own > bottom ? own : bottom;
}

static int place_device(struct layer *layer, const struct topology_node *node, int depth, int y,
	int inside, bool grouped, int *ret_box)
{
	struct topology_picture *picture = layer->picture;
	bool virtual = layer->facts->functions[node->functions[0]].device->physical_function;
	int indent = virtual ? VF_INDENT : 0;
	int box = *ret_box = topology_add_box(picture,
		node->kind == TOPOLOGY_CHIPSET ? SHAPE_CHIPSET : SHAPE_DEVICE,
		layer->x_device + indent, y, inside);
	int *boxes = pp_arena_array(picture->arena, node->n_children + 1, sizeof(*boxes));
	if (picture->failed || !boxes) {
		picture->failed = true;
		return y;
	}
	picture->boxes[box].width = CARD_WIDTH - indent;
	topology_card_device(picture, layer->facts, node, box, grouped);
	for (size_t i = 0; i < node->n_functions; i++)
		layer->boxes[node->functions[i]] = box;
	int bottom = picture->boxes[box].y + picture->boxes[box].height;
	if (node->n_children == 0)
		return bottom;
	int x = layer->x_device + VF_INDENT / 2, below = bottom;
	bottom = place_children(layer, node, depth, bottom + STEP_Y, inside, grouped, boxes);
	join(layer, box, x, below, x, boxes, node->n_children, 2);
	return bottom;
}

static int place(struct layer *layer, const struct topology_node *node, int depth, int y,
	int inside, bool grouped, int *ret_box)
{
	if (node->kind == TOPOLOGY_PORT)
		return place_port(layer, node, depth, y, inside, grouped, ret_box);
	return place_device(layer, node, depth, y, inside, grouped, ret_box);
}

/* ---- buses and NUMA nodes ---- */

static int panel_end(const struct layer *layer)
{
	return layer->x_device + CARD_WIDTH + GROUP_PAD + PAD;
}

static int place_bus(struct layer *layer, const struct topology_node *bus, int y, int inside)
{
	struct topology_picture *picture = layer->picture;
	int x = layer->x_bus;
	int *boxes = pp_arena_array(picture->arena, bus->n_children + 1, sizeof(*boxes));
	int box = topology_add_box(picture, SHAPE_BUS, x, y, inside);
	if (!boxes)
		picture->failed = true;
	topology_label(picture, box, x + PAD + 4, y + 25, STYLE_NAME,
		topology_name(layer->facts, picture->arena, bus));
	int bottom = y + BUS_HEAD;
	if (!picture->failed)
		bottom = place_children(layer, bus, 0, bottom, box, false, boxes);
	if (picture->failed)
		return bottom;
	join(layer, box, x + PAD + 8, y + BUS_HEAD - 6, x + PAD + 8, boxes, bus->n_children, 2);
	picture->boxes[box].width = panel_end(layer) - x;
	picture->boxes[box].height = bottom + PAD + 4 - y;
	return bottom + PAD + 4;
}

static int node_of(const struct topology_facts *facts, const struct topology_node *bus)
{
	return facts->functions[bus->functions[0]].device->numa_node;
}

static bool several_nodes(const struct topology_facts *facts, const struct topology_tree *tree)
{
	for (size_t i = 1; i < tree->n_buses; i++)
		if (node_of(facts, tree->buses[i]) != node_of(facts, tree->buses[0]))
			return true;
	return false;
}

static int place_node(struct layer *layer, const struct topology_tree *tree, int number, int y)
{
	struct topology_picture *picture = layer->picture;
	int box = topology_add_box(picture, SHAPE_NUMA, MARGIN, y, -1), bottom = y + NUMA_HEAD;
	topology_label(picture, box, MARGIN + PAD + 4, y + 23, STYLE_NAME,
		number < 0 ? "on no NUMA node"
			   : pp_arena_printf(picture->arena, "NUMA node %d", number));
	for (size_t i = 0; i < tree->n_buses && !picture->failed; i++)
		if (node_of(layer->facts, tree->buses[i]) == number)
			bottom = place_bus(layer, tree->buses[i], bottom, box) + PAD;
	if (picture->failed)
		return bottom;
	picture->boxes[box].width = panel_end(layer) + PAD - MARGIN;
	picture->boxes[box].height = bottom - y;
	return bottom;
}

static int place_host(struct layer *layer, const struct topology_tree *tree, int y)
{
	struct topology_picture *picture = layer->picture;
	if (!several_nodes(layer->facts, tree)) {
		for (size_t i = 0; i < tree->n_buses && !picture->failed; i++)
			y = place_bus(layer, tree->buses[i], y, -1) + PANEL_GAP;
		return y;
	}
	for (size_t i = 0; i < tree->n_buses && !picture->failed; i++) {
		int number = node_of(layer->facts, tree->buses[i]);
		bool done = false;
		for (size_t j = 0; j < i; j++)
			done = done || node_of(layer->facts, tree->buses[j]) == number;
		if (!done)
			y = place_node(layer, tree, number, y) + PANEL_GAP;
	}
	return y;
}

/* ---- guests ---- */

struct seat {
	struct topology_guest *guest; /* the first of those that are drawn as one */
	int wish;
};

static int box_of(const struct layer *layer, const struct topology_guest *guest, size_t i)
{
	return i < guest->n_functions ? layer->boxes[guest->functions[i]] : -1;
}

static bool same_seat(
	const struct layer *layer, const struct topology_guest *a, const struct topology_guest *b)
{
	if (a->n_functions != b->n_functions || !pp_text_is(a->state, b->state))
		return false;
	for (size_t i = 0; i < a->n_functions; i++)
		if (box_of(layer, a, i) != box_of(layer, b, i) || a->held[i] != b->held[i])
			return false;
	return true;
}

static int by_wish(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;
	return x->wish < y->wish ? -1 : x->wish > y->wish;
}

/* The middle of what it holds. */
static int wish_of(const struct layer *layer, const struct topology_guest *guest)
{
	long sum = 0, count = 0;
	for (size_t i = 0; i < guest->n_functions; i++) {
		int box = box_of(layer, guest, i);
		if (box < 0)
			continue;
		sum += layer->picture->boxes[box].y;
		count++;
	}
	return count ? (int)(sum / count) : 0;
}

/* A copy of the guests, those that are alike behind each other; the seats that they take. */
static struct seat *make_seats(struct layer *layer, size_t *ret_count)
{
	const struct topology_facts *facts = layer->facts;
	struct topology_picture *picture = layer->picture;
	size_t n = facts->n_guests, count = 0, done = 0;
	struct topology_guest *guests = pp_arena_array(picture->arena, n + 1, sizeof(*guests));
	bool *taken = pp_arena_array(picture->arena, n + 1, sizeof(*taken));
	struct seat *seats = pp_arena_array(picture->arena, n + 1, sizeof(*seats));
	if (!guests || !taken || !seats) {
		picture->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		size_t from = done, same = 0;
		if (taken[i] || facts->guests[i].n_functions == 0)
			continue;
		for (size_t j = i; j < n; j++) {
			if (taken[j] || !same_seat(layer, &facts->guests[i], &facts->guests[j]))
				continue;
			taken[j] = true;
			guests[done++] = facts->guests[j];
			same++;
		}
		bool one = same >= GUESTS_RUN;
		for (size_t j = from; j < done; j++)
			guests[j].n_together = one ? same : 1;
		for (size_t j = from; j < (one ? from + 1 : done); j++)
			seats[count++] = (struct seat){&guests[j], wish_of(layer, &guests[j])};
	}
	qsort(seats, count, sizeof(*seats), by_wish);
	*ret_count = count;
	return seats;
}

/* One line for each box that a guest has something of. */
static void join_guest(struct layer *layer, const struct topology_guest *guest, int box)
{
	struct topology_picture *picture = layer->picture;
	size_t drawn = 0;
	for (size_t i = 0; i < guest->n_functions && !picture->failed; i++) {
		int from = box_of(layer, guest, i);
		bool seen = from < 0;
		for (size_t j = 0; j < i && !seen; j++)
			seen = box_of(layer, guest, j) == from;
		if (seen)
			continue;
		const struct topology_box *device = &picture->boxes[from];
		const struct topology_box *to = &picture->boxes[box];
		int y2 = to->y + ANCHOR + (int)drawn++ * 7;
		if (y2 > to->y + to->height - 8)
			y2 = to->y + to->height - 8;
		topology_add_line(picture, (struct topology_line){.from = from,
						   .to = box,
						   .x1 = device->x + device->width,
						   .y1 = device->y + device->height / 2,
						   .x2 = to->x,
						   .y2 = y2,
						   .thickness = 2,
						   .guest = true,
						   .held = guest->held[i]});
	}
}

static int place_guests(struct layer *layer, int y)
{
	struct topology_picture *picture = layer->picture;
	size_t count = 0;
	struct seat *seats = make_seats(layer, &count);
	int x = panel_end(layer) + PAD + GUEST_GAP;
	if (count == 0 || picture->failed)
		return y;
	picture->width = x + GUEST_WIDTH + MARGIN;
	for (size_t i = 0; i < count && !picture->failed; i++) {
		if (seats[i].wish > y)
			y = seats[i].wish;
		int box = topology_add_box(picture, SHAPE_GUEST, x, y, -1);
		if (picture->failed)
			break;
		picture->boxes[box].width = GUEST_WIDTH;
		topology_card_guest(picture, layer->facts, seats[i].guest, box);
		y = picture->boxes[box].y + picture->boxes[box].height + STEP_Y;
		join_guest(layer, seats[i].guest, box);
	}
	return y;
}

/* ---- title and legend ---- */

static int place_legend(struct topology_picture *picture, int y)
{
	static const struct {
		enum topology_verdict verdict;
		const char *text;
	} entries[] = {{TOPOLOGY_GOES, "can go to a guest"},
		{TOPOLOGY_GROUP, "goes with its whole group only"},
		{TOPOLOGY_STAYS, "stays with the host"}, {TOPOLOGY_OUT, "is with a guest"}};
	int x = MARGIN;
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries) && !picture->failed; i++) {
		int width = topology_text_width(entries[i].text, strlen(entries[i].text),
				    TOPOLOGY_PLAIN, FONT_TEXT) +
			    26;
		if (x > MARGIN && x + width > picture->width - MARGIN) {
			x = MARGIN;
			y += 32;
		}
		int box = topology_add_box(picture, SHAPE_LEGEND, x, y, -1);
		topology_add_text(picture, box, x + 16, y + 17, STYLE_META, entries[i].text);
		if (picture->failed)
			break;
		picture->boxes[box].verdict = entries[i].verdict;
		picture->boxes[box].width = width;
		picture->boxes[box].height = 24;
		x += width + 10;
	}
	return y + 24;
}

static int place_head(struct topology_picture *picture, const struct topology_facts *facts)
{
	size_t count = 0;
	int width = picture->width - 2 * MARGIN, y = MARGIN + 20;
	int box = topology_add_box(picture, SHAPE_HEAD, MARGIN, MARGIN - 4, -1);
	const char **lines = topology_text_wrap(
		picture->arena, facts->title, TOPOLOGY_BOLD, 20, width, width, 2, &count);
	for (size_t i = 0; lines && i < count; i++, y += 26)
		topology_add_text(picture, box, MARGIN, y, STYLE_TITLE, lines[i]);
	lines = topology_text_wrap(
		picture->arena, facts->summary, TOPOLOGY_PLAIN, FONT_TEXT, width, width, 6, &count);
	for (size_t i = 0; lines && i < count; i++, y += LINE)
		topology_add_text(picture, box, MARGIN, y - 4, STYLE_META, lines[i]);
	if (picture->failed || !lines) {
		picture->failed = true;
		return y;
	}
	picture->boxes[box].width = width;
	picture->boxes[box].height = y - MARGIN - 6;
	return place_legend(picture, y) + PANEL_GAP;
}

/* ---- all ---- */

/* Panels behind what stands in them, in the order in which they are drawn. */
int topology_layout(const struct topology_facts *facts, const struct topology_tree *tree,
	struct pp_arena *arena, struct topology_picture *ret_picture)
{
	struct topology_picture picture = {.arena = arena, .title = facts->title};
	struct layer layer = {.picture = &picture, .facts = facts};
	size_t n = facts->host->n_devices;
	layer.boxes = pp_arena_array(arena, n + 1, sizeof(*layer.boxes));
	if (!layer.boxes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		layer.boxes[i] = -1;
	int deep = 0;
	for (size_t i = 0; i < tree->n_buses; i++) {
		int below = bridges_deep(tree->buses[i]);
		deep = below > deep ? below : deep;
	}
	layer.x_bus = MARGIN + (several_nodes(facts, tree) ? PAD : 0);
	layer.x_device = port_x(&layer, deep) + (deep ? GROUP_PAD : 0);
	picture.width = panel_end(&layer) + PAD + MARGIN;
	/* The guests' column is known only then; the head is as wide as the host alone. */
	int top = place_head(&picture, facts), bottom = place_host(&layer, tree, top);
	int guests = place_guests(&layer, top);
	picture.height = (guests > bottom ? guests : bottom) + MARGIN - PANEL_GAP;
	if (picture.failed)
		return -ENOMEM;
	*ret_picture = picture;
	return 0;
}
