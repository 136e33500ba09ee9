/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/table.h"
#include "cli/topology-facts.h"
#include "cli/topology/draw.h"
#include "cli/verb.h"
#include <fcntl.h>
#include <string.h>

static const char *svg, *html;
static const struct pp_option options[] = {
	{"svg", 0, "FILE", "a picture, without scripts; - is standard output", NULL, &svg},
	{"html", 0, "FILE", "the picture as a page that can be searched; - is standard output",
		NULL, &html},
};

/* ---- a tree for terminals ---- */

enum { TREE, LINK, NAME, DRIVER, GROUP, GUEST };
static const struct cli_column columns[] = {
	{"TREE", "", CLI_TEXT, false, 0, TREE},
	{"LINK", "", CLI_TEXT, false, 0, LINK},
	{"GROUP", "", CLI_TEXT, false, 0, GROUP},
	{"DRIVER", "", CLI_TEXT, false, 0, DRIVER},
	{"NAME", "", CLI_TEXT, true, 0, NAME},
	{"GUEST", "", CLI_TEXT, true, 0, GUEST},
};

/* Where the terminal's characters are bytes, its own are written for those that it has not. */
static const char *shown(struct pp_arena *arena, const char *text)
{
	static const struct {
		const char *sign, *plain;
	} signs[] = {{"\xc3\x97", "x"}, {"\xe2\x80\xa6", "..."}, {"\xe2\x80\x93", "-"}};
	if (MB_CUR_MAX > 1 || !text)
		return text;
	PP_BUFFER struct pp_buffer plain = PP_BUFFER_INIT;
	while (*text) {
		size_t i = 0;
		while (i < PP_COUNT(signs) && !pp_text_starts(text, signs[i].sign))
			i++;
		if (i < PP_COUNT(signs))
			pp_buffer_puts(&plain, signs[i].plain);
		else
			pp_buffer_putc(&plain, *text);
		text += i < PP_COUNT(signs) ? strlen(signs[i].sign) : 1;
	}
	return pp_arena_strdup(arena, pp_buffer_text(&plain));
}

static const char *cell(int id, const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node)
{
	const struct topology_function *function = &facts->functions[node->functions[0]];
	bool bus = node->kind == TOPOLOGY_BUS;
	const char *best;
	switch (id) {
	case TREE:
		return bus ? topology_name(facts, arena, node)
			   : topology_addresses(facts, arena, node);
	case LINK:
		return bus ? "" : topology_link(arena, function->device, &best);
	case GROUP: {
		const char *groups = bus ? "" : topology_groups(facts, arena, node);
		return groups && *groups ? strchr(groups, ' ') + 1 : groups;
	}
	case DRIVER:
		return bus ? "" : function->device->driver;
	case NAME:
		return bus ? "" : topology_name(facts, arena, node);
	default:
		return node->kind == TOPOLOGY_DEVICE ? topology_verdict_text(facts, arena, node)
						     : "";
	}
}

static int add_node(struct cli_table *table, const struct topology_facts *facts,
	struct pp_arena *arena, const struct topology_node *node, int parent)
{
	int row = cli_table_row(table, parent);
	for (size_t c = 0; c < cli_table_columns(table); c++)
		if (cli_table_set(table, row, c,
			    shown(arena,
				    cell(cli_table_column(table, c)->id, facts, arena, node))) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < node->n_children; i++)
		if (add_node(table, facts, arena, node->children[i], row) < 0)
			return -ENOMEM;
	return 0;
}

static int print_tree(struct cli *cli, const struct topology_facts *facts,
	const struct topology_tree *tree, struct pp_arena *arena)
{
	struct pp_error error = {0};
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	if (cli_table_new(columns, PP_COUNT(columns), "TREE,LINK,GROUP,DRIVER,NAME,GUEST", NULL,
		    &table, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < tree->n_buses; i++)
		if (add_node(table, facts, arena, tree->buses[i], -1) < 0)
			return cli_oom(cli);
	return cli_table_print(table, stdout, true, 0) < 0 ? cli_oom(cli) : PP_STATUS_OK;
}

/* ---- JSON ---- */

static struct pp_json *node_json(
	const struct topology_facts *facts, const struct topology_node *node)
{
	static const char *const kinds[] = {[TOPOLOGY_BUS] = "bus",
		[TOPOLOGY_PORT] = "bridge",
		[TOPOLOGY_DEVICE] = "device",
		[TOPOLOGY_CHIPSET] = "chipset"};
	struct pp_json *object = pp_json_object(), *functions = pp_json_array(),
		       *children = pp_json_array();
	pp_json_set_string(object, "kind", kinds[node->kind]);
	for (size_t i = 0; i < node->n_functions; i++) {
		const struct pp_device *device = facts->functions[node->functions[i]].device;
		char bus[16];
		snprintf(
			bus, sizeof(bus), "%04x:%02x", device->address.domain, device->address.bus);
		pp_json_add_string(functions, node->kind == TOPOLOGY_BUS ? bus : device->name);
	}
	for (size_t i = 0; i < node->n_children; i++)
		pp_json_add(children, node_json(facts, node->children[i]));
	pp_json_set(object, node->kind == TOPOLOGY_BUS ? "buses" : "functions", functions);
	pp_json_set(object, "children", children);
	return object;
}

static void set_json(
	struct cli *cli, const struct topology_facts *facts, const struct topology_tree *tree)
{
	struct pp_json *buses = pp_json_array(), *guests = pp_json_array();
	for (size_t i = 0; i < tree->n_buses; i++)
		pp_json_add(buses, node_json(facts, tree->buses[i]));
	for (size_t i = 0; i < facts->n_guests; i++) {
		const struct topology_guest *guest = &facts->guests[i];
		struct pp_json *object = pp_json_object(), *functions = pp_json_array();
		for (size_t j = 0; j < guest->n_functions; j++)
			pp_json_add_string(
				functions, facts->functions[guest->functions[j]].device->name);
		pp_json_set_string(object, "name", guest->name);
		pp_json_set_string(object, "state", guest->state);
		pp_json_set(object, "devices", functions);
		pp_json_add(guests, object);
	}
	cli_set(cli, "tree", buses);
	cli_set(cli, "guests", guests);
}

/* ---- files ---- */

static int put_file(struct cli *cli, const char *path, const struct pp_buffer *text)
{
	struct pp_error error = {0};
	if (text->failed)
		return cli_oom(cli);
	if (pp_text_is(path, "-")) {
		cli_print(cli, "%s", pp_buffer_text(text));
		return PP_STATUS_OK;
	}
	int r = pp_file_replace(AT_FDCWD, path, text->data, text->length, 0644);
	if (r >= 0)
		return PP_STATUS_OK;
	pp_error_errno(&error, r, "cannot write the picture to %s", path);
	return cli_fail(cli, &error);
}

static int draw(struct cli *cli, const struct topology_facts *facts,
	const struct topology_tree *tree, struct pp_arena *arena)
{
	struct topology_picture picture;
	PP_BUFFER struct pp_buffer image = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer page = PP_BUFFER_INIT;
	if (topology_layout(facts, tree, arena, &picture) < 0)
		return cli_oom(cli);
	int status = PP_STATUS_OK;
	if (svg) {
		topology_draw_svg(&picture, &image);
		status = put_file(cli, svg, &image);
	}
	if (html && !status) {
		topology_draw_html(&picture, &page);
		status = put_file(cli, html, &page);
	}
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct topology_facts facts;
	struct topology_tree tree;
	if ((svg && !*svg) || (html && !*html))
		return cli_usage(cli, "a file without a name cannot be written");
	if (cli->json && (pp_text_is(svg, "-") || pp_text_is(html, "-")))
		return cli_usage(cli, "standard output is either a picture or --json");
	if (!arena)
		return cli_oom(cli);
	int status = cli_read(cli, PP_READ_ALL, &host);
	if (!status)
		status = cli_topology_facts(cli, host, arena, &facts);
	if (status)
		return status;
	if (topology_tree_make(&facts, arena, &tree) < 0)
		return cli_oom(cli);
	if (cli->json)
		set_json(cli, &facts, &tree);
	if (svg || html)
		return draw(cli, &facts, &tree, arena);
	return cli->json ? PP_STATUS_OK : print_tree(cli, &facts, &tree, arena);
}

const struct cli_verb cli_verb_nodedev_topology = {
	.name = "nodedev-topology",
	.group = CLI_LOOK,
	.summary = "the host as a tree or a picture: buses, links, devices, guests",
	.example = "  $ pcipass nodedev-topology --html host.html\n",
	.usage = "[--svg FILE] [--html FILE]",
	.details = "Without a file it prints the tree. What repeats (virtual functions, empty "
		   "ports, equal\n"
		   "devices that nobody uses) is one line or one box. The picture is light or dark "
		   "as its\n"
		   "reader is; lines from bridges are as thick as their links are wide; frames are "
		   "IOMMU\n"
		   "groups. FILE is written also with --root.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
