/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a node of the topology is called, and what is said of it. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/topology/topology.h"
#include <string.h>

/* Lines break behind the dot, and not before it. */
#define DOT "\xc2\xa0\xc2\xb7 "
#define DASH "\xe2\x80\x93"
#define DOTS " \xe2\x80\xa6 "
#define TIMES "\xc3\x97"

static const struct topology_function *function_at(
	const struct topology_facts *facts, const struct topology_node *node, size_t i)
{
	return &facts->functions[node->functions[i]];
}

static const char *taken(struct pp_arena *arena, const struct pp_buffer *buffer)
{
	return buffer->failed ? NULL : pp_arena_strdup(arena, pp_buffer_text(buffer));
}

static const char *port_word(const struct pp_device *device)
{
	switch (device->capabilities.express_type) {
	case 4:
		return "root port";
	case 5:
		return "switch";
	case 6:
		return "switch port";
	case 7:
		return "bridge to PCI";
	default:
		return "bridge";
	}
}

static const char *bus_name(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_printf(&text, "root bus%s ", node->n_functions > 1 ? "es" : "");
	for (size_t i = 0; i < node->n_functions; i++) {
		const struct pp_address *address = &function_at(facts, node, i)->device->address;
		pp_buffer_printf(
			&text, "%s%04x:%02x", i ? ", " : "", address->domain, address->bus);
	}
	return taken(arena, &text);
}

const char *topology_name(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	const struct topology_function *function = function_at(facts, node, 0);
	const char *word = function->name;
	if (node->kind == TOPOLOGY_BUS)
		return bus_name(facts, arena, node);
	if (node->kind == TOPOLOGY_CHIPSET && node->n_functions > 1)
		return pp_arena_printf(arena, "%zu functions of the chipset", node->n_functions);
	if (node->kind == TOPOLOGY_PORT)
		word = port_word(function->device);
	if (node->n_functions == 1)
		return word;
	if (node->kind != TOPOLOGY_PORT)
		return pp_arena_printf(arena, "%zu " TIMES " %s", node->n_functions, word);
	return pp_arena_printf(arena, "%zu %s%s", node->n_functions, word,
		pp_text_ends(word, "switch") ? "es" : "s");
}

const char *topology_addresses(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	const char *from = function_at(facts, node, 0)->address;
	const char *to = function_at(facts, node, node->n_functions - 1)->address;
	if (node->n_functions == 1)
		return from;
	return pp_arena_printf(arena, "%s%s%s", from, node->n_functions == 2 ? ", " : DOTS, to);
}

const char *topology_groups(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	size_t n = node->n_groups;
	if (n == 0 || node->groups[0] < 0)
		return "";
	if (n == 1)
		return pp_arena_printf(arena, "group %d", node->groups[0]);
	int least = node->groups[0], most = least;
	bool row = true;
	for (size_t i = 1; i < n; i++) {
		row = row && node->groups[i] == node->groups[i - 1] + 1;
		least = node->groups[i] < least ? node->groups[i] : least;
		most = node->groups[i] > most ? node->groups[i] : most;
	}
	return pp_arena_printf(arena, "groups %d%s%d", least, row ? DASH : DOTS, most);
}

/* The names of chipset functions, each once. */
static void put_names(const struct topology_facts *facts, const struct topology_node *node,
	struct pp_buffer *text)
{
	size_t shown = 0, left = 0;
	for (size_t i = 0; i < node->n_functions; i++) {
		const char *kind = function_at(facts, node, i)->kind;
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = pp_text_is(function_at(facts, node, j)->kind, kind);
		if (seen)
			continue;
		if (shown == 4) {
			left++;
			continue;
		}
		pp_buffer_printf(text, "%s%s", shown++ ? ", " : "", kind);
	}
	if (left > 0)
		pp_buffer_puts(text, ", ...");
}

const char *topology_facts_line(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node, bool group)
{
	const struct topology_function *function = function_at(facts, node, 0);
	const struct pp_device *device = function->device;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	if (node->kind == TOPOLOGY_CHIPSET && node->n_functions > 1)
		put_names(facts, node, &text);
	else if (!pp_text_is(function->kind, function->name))
		pp_buffer_puts(&text, function->kind);
	if (node->kind == TOPOLOGY_DEVICE)
		pp_buffer_printf(&text, "%s%s", text.length ? DOT : "",
			device->driver ? device->driver : "no driver");
	if (device->sriov_total > 0)
		pp_buffer_printf(&text, DOT "%u of %u virtual functions", device->sriov_count,
			device->sriov_total);
	const char *groups = group ? topology_groups(facts, arena, node) : "";
	if (!groups)
		return NULL;
	const char *blank = strchr(groups, ' ');
	if (blank)
		pp_buffer_printf(&text, "%s%.*s\xc2\xa0%s", text.length ? DOT : "",
			(int)(blank - groups), groups, blank + 1);
	return taken(arena, &text);
}

static size_t count_held(const struct topology_facts *facts, const struct topology_node *node)
{
	size_t held = 0;
	for (size_t i = 0; i < node->n_functions; i++)
		held += function_at(facts, node, i)->holder != NULL;
	return held;
}

const char *topology_verdict_text(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	const struct topology_function *function = function_at(facts, node, 0);
	bool many = node->n_functions > 1;
	switch (function->verdict) {
	case TOPOLOGY_GOES:
		return many ? "each can go to a guest" : "can go to a guest";
	case TOPOLOGY_GROUP:
		return "goes with its whole group only";
	case TOPOLOGY_OUT:
		if (many)
			return pp_arena_printf(
				arena, "%zu are with guests", count_held(facts, node));
		if (function->holder && *function->holder)
			return pp_arena_printf(arena, "with guest %s", function->holder);
		return function->holder ? "taken from the host" : "with a guest";
	case TOPOLOGY_STAYS:
		return pp_arena_printf(
			arena, "stays: %s", function->in_short ? function->in_short : "");
	default:
		return "";
	}
}

/* ---- links ---- */

static const char *speed_text(unsigned code)
{
	static const char *const speeds[] = {"?", "2.5", "5", "8", "16", "32", "64"};
	return speeds[code < sizeof(speeds) / sizeof(*speeds) ? code : 0];
}

const char *topology_link(
	struct pp_arena *arena, const struct pp_device *device, const char **ret_best)
{
	const struct pp_capabilities *link = &device->capabilities;
	*ret_best = "";
	if (!link->link || link->link_width == 0)
		return "";
	if (link->link_cap_width > link->link_width || link->link_cap_speed > link->link_speed)
		*ret_best = pp_arena_printf(arena, "of %s GT/s " TIMES "%u",
			speed_text(link->link_cap_speed), link->link_cap_width);
	return pp_arena_printf(
		arena, "%s GT/s " TIMES "%u", speed_text(link->link_speed), link->link_width);
}

/* ---- all of it ---- */

static void put_one(struct pp_buffer *text, const struct topology_function *function)
{
	const struct pp_device *device = function->device;
	pp_buffer_printf(text, "%s  %s\n%s, %04x:%04x, driver %s", device->name, function->name,
		function->kind, device->vendor, device->product,
		device->driver ? device->driver : "none");
	if (device->group >= 0)
		pp_buffer_printf(text, ", IOMMU group %d", device->group);
	if (device->numa_node >= 0)
		pp_buffer_printf(text, ", NUMA node %d", device->numa_node);
	for (size_t i = 0; i < function->n_uses; i++)
		pp_buffer_printf(text, "\n%s", function->uses[i]);
	if (function->more && *function->more)
		pp_buffer_printf(text, "\n%s", function->more);
}

const char *topology_node_title(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	if (node->n_functions == 1) {
		put_one(&text, function_at(facts, node, 0));
		return taken(arena, &text);
	}
	put_one(&text, function_at(facts, node, 0));
	pp_buffer_puts(&text, "\nand its like:");
	for (size_t i = 1; i < node->n_functions; i++) {
		const struct topology_function *function = function_at(facts, node, i);
		pp_buffer_printf(&text, "\n%s  %s%s%s", function->device->name, function->name,
			function->holder && *function->holder ? ", with guest " : "",
			function->holder ? function->holder : "");
	}
	return taken(arena, &text);
}
