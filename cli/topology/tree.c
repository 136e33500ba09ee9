/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From functions to a tree, and what repeats to one node. */
#include "base/parse.h"
#include "cli/topology/topology.h"
#include <errno.h>
#include <string.h>

/* So many siblings are drawn as one: of chipset, of what nobody uses, of all else. */
enum { CHIPSET_RUN = 2, FREE_RUN = 3, USED_RUN = 6 };

struct maker {
	const struct topology_facts *facts;
	struct pp_arena *arena;
	const struct pp_device **parents; /* of each function, as it is drawn */
	bool failed;
};

static const struct topology_function *first(
	const struct topology_facts *facts, const struct topology_node *node)
{
	return &facts->functions[node->functions[0]];
}

/* A virtual function hangs on its physical one. */
static const struct pp_device *drawn_parent(const struct pp_device *device)
{
	const struct pp_device *physical = device->physical_function;
	return physical && physical != device && !physical->physical_function ? physical
									      : device->parent;
}

/* What nobody would give to a guest: memory controllers, ISA bridges, timers, counters, SMBus,
 * dummies. */
static bool is_chipset(const struct pp_device *device)
{
	unsigned base = device->class_code >> 16, sub = device->class_code >> 8 & 0xff;
	if (device->header != PP_HEADER_ENDPOINT)
		return false;
	return base == 0x05 || base == 0x06 || base == 0x08 || base == 0x11 || base == 0x13 ||
	       (base == 0x0c && (sub == 0x05 || sub == 0x80));
}

static struct topology_node *make_node(struct maker *maker, enum topology_kind kind, size_t number)
{
	struct topology_node *node = pp_arena_alloc(maker->arena, sizeof(*node));
	size_t *functions = pp_arena_alloc(maker->arena, sizeof(*functions));
	if (!node || !functions) {
		maker->failed = true;
		return NULL;
	}
	functions[0] = number;
	node->kind = kind;
	node->functions = functions;
	node->n_functions = 1;
	return node;
}

static void add_child(struct maker *maker, struct topology_node *node, struct topology_node *child)
{
	size_t n = node->n_children;
	if (!child)
		return;
	if ((n & (n - 1)) == 0) {
		size_t room = n ? n * 2 : 1;
		struct topology_node **more = pp_arena_grow(
			maker->arena, node->children, n * sizeof(*more), room * sizeof(*more));
		if (!more) {
			maker->failed = true;
			return;
		}
		node->children = more;
	}
	node->children[node->n_children++] = child;
}

/* ---- groups ---- */

static void own_groups(struct maker *maker, struct topology_node *node)
{
	int *groups = pp_arena_array(maker->arena, node->n_functions, sizeof(*groups));
	if (!groups) {
		maker->failed = true;
		return;
	}
	bool same = true;
	for (size_t i = 0; i < node->n_functions; i++) {
		groups[i] = maker->facts->functions[node->functions[i]].device->group;
		same = same && groups[i] == groups[0];
	}
	node->groups = groups;
	node->n_groups = same ? 1 : node->n_functions;
}

static bool same_groups(const struct topology_node *a, const struct topology_node *b)
{
	return a->n_groups > 0 && a->n_groups == b->n_groups && a->groups[0] >= 0 &&
	       memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) == 0;
}

/* Whether all below and the node itself lie in the same group, for each of the functions. */
static bool whole(const struct topology_node *node)
{
	for (size_t i = 0; i < node->n_children; i++)
		if (!same_groups(node, node->children[i]) || !whole(node->children[i]))
			return false;
	return node->n_groups > 0;
}

/* Siblings of one group side by side: behind the first of them. */
static void bring_together(struct topology_node *node)
{
	for (size_t i = 0; i + 1 < node->n_children; i++) {
		size_t at = i + 1;
		for (size_t j = at; j < node->n_children; j++) {
			struct topology_node *other = node->children[j];
			if (!same_groups(node->children[i], other) || !whole(other) ||
				!whole(node->children[i]))
				continue;
			memmove(&node->children[at + 1], &node->children[at],
				(j - at) * sizeof(*node->children));
			node->children[at++] = other;
		}
	}
}

static void mark_runs(struct topology_node *node, bool inside)
{
	int run = 0;
	for (size_t i = 0; i < node->n_children; i++) {
		struct topology_node *child = node->children[i];
		struct topology_node *before = i ? node->children[i - 1] : NULL;
		bool is_whole = !inside && whole(child);
		if (is_whole && before && before->run && same_groups(before, child))
			child->run = before->run;
		else if (is_whole)
			child->run = ++run;
		mark_runs(child, inside || is_whole);
	}
}

/* ---- what repeats ---- */

static bool used(const struct topology_facts *facts, const struct topology_node *node)
{
	for (size_t i = 0; i < node->n_functions; i++) {
		const struct topology_function *function = &facts->functions[node->functions[i]];
		if (function->n_uses > 0 || function->holder)
			return true;
	}
	for (size_t i = 0; i < node->n_children; i++)
		if (used(facts, node->children[i]))
			return true;
	return false;
}

static size_t members(const struct topology_facts *facts, int number)
{
	const struct pp_group *group = number >= 0 ? pp_host_group(facts->host, number) : NULL;
	return group ? group->n_devices : 0;
}

static bool alike_functions(const struct topology_facts *facts, const struct topology_function *a,
	const struct topology_function *b)
{
	const struct pp_device *x = a->device, *y = b->device;
	return x->vendor == y->vendor && x->product == y->product &&
	       x->class_code == y->class_code && pp_text_is(x->driver, y->driver) &&
	       a->verdict == b->verdict && pp_text_is(a->why_id, b->why_id) &&
	       !a->holder == !b->holder && !a->n_uses == !b->n_uses &&
	       !x->physical_function == !y->physical_function &&
	       x->capabilities.link_speed == y->capabilities.link_speed &&
	       x->capabilities.link_width == y->capabilities.link_width;
}

static bool alike(const struct topology_facts *facts, const struct topology_node *a,
	const struct topology_node *b)
{
	if (a->kind != b->kind || a->n_children != b->n_children)
		return false;
	const struct topology_function *x = first(facts, a), *y = first(facts, b);
	if (a->kind == TOPOLOGY_BUS &&
		(x->device->numa_node != y->device->numa_node || used(facts, a)))
		return false;
	if (a->kind != TOPOLOGY_BUS && !(a->n_groups && same_groups(a, b)) &&
		members(facts, x->device->group) != members(facts, y->device->group))
		return false;
	if (a->kind == TOPOLOGY_PORT || a->kind == TOPOLOGY_DEVICE)
		if (a->n_functions != b->n_functions || !alike_functions(facts, x, y))
			return false;
	for (size_t i = 0; i < a->n_children; i++)
		if (!alike(facts, a->children[i], b->children[i]))
			return false;
	return true;
}

static void merge(struct maker *maker, struct topology_node *into, const struct topology_node *from)
{
	size_t n = into->n_functions, total = n + from->n_functions;
	size_t *functions = pp_arena_grow(
		maker->arena, into->functions, n * sizeof(*functions), total * sizeof(*functions));
	if (!functions) {
		maker->failed = true;
		return;
	}
	memcpy(functions + n, from->functions, from->n_functions * sizeof(*functions));
	into->functions = functions;
	into->n_functions = total;
	for (size_t i = 0; i < into->n_children; i++)
		merge(maker, into->children[i], from->children[i]);
	own_groups(maker, into);
}

/* The chipset of a bus in one place: behind the first of it. */
static void bring_chipset_together(struct maker *maker, struct topology_node *node)
{
	size_t at = 0;
	while (at < node->n_children && node->children[at]->kind != TOPOLOGY_CHIPSET)
		at++;
	for (size_t i = at + 1; i < node->n_children; i++) {
		struct topology_node *other = node->children[i];
		if (!alike(maker->facts, node->children[at], other))
			continue;
		memmove(&node->children[at + 2], &node->children[at + 1],
			(i - at - 1) * sizeof(*node->children));
		node->children[++at] = other;
	}
}

static size_t enough(const struct topology_facts *facts, const struct topology_node *node)
{
	if (node->kind == TOPOLOGY_CHIPSET || node->kind == TOPOLOGY_BUS)
		return CHIPSET_RUN;
	return used(facts, node) ? USED_RUN : FREE_RUN;
}

static void fold(struct maker *maker, struct topology_node ***nodes, size_t *n_nodes)
{
	const struct topology_facts *facts = maker->facts;
	struct topology_node **list = *nodes;
	size_t n = 0;
	for (size_t i = 0; i < *n_nodes && !maker->failed;) {
		size_t end = i + 1;
		while (end < *n_nodes && alike(facts, list[i], list[end]))
			end++;
		if (end - i < enough(facts, list[i]))
			end = i + 1;
		for (size_t j = i + 1; j < end; j++)
			merge(maker, list[i], list[j]);
		list[n++] = list[i];
		i = end;
	}
	*n_nodes = n;
}

/* ---- the tree ---- */

static struct topology_node *build(struct maker *maker, size_t number)
{
	const struct pp_host *host = maker->facts->host;
	const struct pp_device *device = &host->devices[number];
	enum topology_kind kind =
		device->header == PP_HEADER_ENDPOINT ? TOPOLOGY_DEVICE : TOPOLOGY_PORT;
	if (is_chipset(device))
		kind = TOPOLOGY_CHIPSET;
	struct topology_node *node = make_node(maker, kind, number);
	/* What hangs on a function has an address of its own behind it, or a bus below it. */
	for (size_t i = 0; node && i < host->n_devices && !maker->failed; i++)
		if (maker->parents[i] == device)
			add_child(maker, node, build(maker, i));
	if (!node || maker->failed)
		return NULL;
	if (kind == TOPOLOGY_CHIPSET && node->n_children > 0)
		node->kind = TOPOLOGY_DEVICE;
	own_groups(maker, node);
	bring_together(node);
	fold(maker, &node->children, &node->n_children);
	return node;
}

static bool same_bus(const struct pp_device *a, const struct pp_device *b)
{
	return a->address.domain == b->address.domain && a->address.bus == b->address.bus;
}

static int make_buses(struct maker *maker, struct topology_node *machine)
{
	const struct pp_host *host = maker->facts->host;
	struct topology_node *bus = NULL;
	for (size_t i = 0; i < host->n_devices && !maker->failed; i++) {
		if (maker->parents[i])
			continue;
		if (!bus || !same_bus(&host->devices[bus->functions[0]], &host->devices[i])) {
			bus = make_node(maker, TOPOLOGY_BUS, i);
			add_child(maker, machine, bus);
		}
		if (bus)
			add_child(maker, bus, build(maker, i));
	}
	for (size_t i = 0; i < machine->n_children && !maker->failed; i++) {
		bring_together(machine->children[i]);
		bring_chipset_together(maker, machine->children[i]);
		fold(maker, &machine->children[i]->children, &machine->children[i]->n_children);
	}
	if (!maker->failed)
		fold(maker, &machine->children, &machine->n_children);
	for (size_t i = 0; i < machine->n_children && !maker->failed; i++)
		mark_runs(machine->children[i], false);
	return maker->failed ? -ENOMEM : 0;
}

int topology_tree_make(
	const struct topology_facts *facts, struct pp_arena *arena, struct topology_tree *ret_tree)
{
	const struct pp_host *host = facts->host;
	struct maker maker = {.facts = facts, .arena = arena};
	maker.parents = pp_arena_array(arena, host->n_devices + 1, sizeof(*maker.parents));
	if (!maker.parents)
		return -ENOMEM;
	for (size_t i = 0; i < host->n_devices; i++)
		maker.parents[i] = drawn_parent(&host->devices[i]);
	struct topology_node machine = {0};
	int r = make_buses(&maker, &machine);
	if (r < 0)
		return r;
	ret_tree->buses = machine.children;
	ret_tree->n_buses = machine.n_children;
	return 0;
}

size_t topology_node_count(const struct topology_node *node)
{
	size_t count = node->kind == TOPOLOGY_BUS ? 0 : node->n_functions;
	for (size_t i = 0; i < node->n_children; i++)
		count += topology_node_count(node->children[i]);
	return count;
}
