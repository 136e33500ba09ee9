/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "cli/device-columns.h"
#include "cli/devices.h"
#include "cli/nodes.h"
#include "cli/verb.h"
#include <string.h>

static bool tree, wide, no_headings, inactive, all;
static const char *caps, *columns;
static const struct pp_option options[] = {
	{"tree", 0, NULL, "what hangs on what", &tree},
	{"cap", 0, "LIST", "only these: pci, net, storage, usb, usb_device, scsi, drm ...", NULL,
		&caps},
	{"long", 'l', NULL, "a table of the PCI devices", &wide},
	{"output", 'o', "COLUMNS", "columns of the table (and --long)", NULL, &columns},
	{"noheadings", 'n', NULL, "no headings above the columns", &no_headings},
	{"inactive", 0, NULL, "devices that are defined and not there: none", &inactive},
	{"all", 0, NULL, "those too", &all},
};

/* ---- a table ---- */

/* A binding that does not hold is nowhere else to be seen: its device is another one, or gone. */
static void say_bindings(struct cli *cli, const struct pp_binding_list *bindings)
{
	for (size_t i = 0; i < bindings->n_items; i++) {
		const struct pp_binding *binding = &bindings->items[i];
		if (binding->fault && binding->functions)
			cli_say(cli,
				"note: %u virtual functions were to be made at each boot, and are "
				"not: %s",
				binding->functions, binding->fault);
		else if (binding->fault)
			cli_say(cli, "note: what was to go to %s at each boot is not: %s",
				binding->driver, binding->fault);
	}
}

static int list_long(struct cli *cli)
{
	struct pp_error error = {0};
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *bindings = NULL;
	int opened = cli_open(cli);
	if (opened)
		return opened;
	if (pp_bindings_list(cli->context, &bindings, &error) < 0)
		return cli_fail(cli, &error);
	const char *defaults = bindings->n_items ? CLI_DEVICE_DEFAULTS_BOUND : CLI_DEVICE_DEFAULTS;
	if (cli_table_new(cli_device_columns, cli_n_device_columns, defaults, columns, &table,
		    &error) < 0)
		return cli_fail(cli, &error);
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	unsigned depth = cli_table_depth(table);
	if ((depth & ~(unsigned)PP_READ_NAMES) == 0) /* no column asks for more */
		depth |= PP_READ_BRIEF;
	int status = cli_read(cli, depth, &host);
	if (status)
		return status;
	for (size_t i = 0; i < host->n_devices; i++)
		if (cli_device_row(cli, table, host, &host->devices[i]) < 0)
			return cli_oom(cli);
	say_bindings(cli, bindings);
	if (cli->json)
		cli_set(cli, "devices", cli_table_json(table));
	else if (cli_table_print(table, stdout, !no_headings, -1) < 0)
		return cli_oom(cli);
	return PP_STATUS_OK;
}

/* ---- as virsh ---- */

static struct pp_json *node_json(const struct pp_node *node)
{
	struct pp_json *object = pp_json_object();
	pp_json_set_string(object, "name", node->name);
	pp_json_set_string(object, "parent", node->parent);
	pp_json_set_string(object, "type", node->type);
	pp_json_set_string(object, "path", node->path);
	return object;
}

static int list_names(struct cli *cli, const struct pp_nodes *nodes)
{
	struct pp_error error = {0};
	PP_FREE const struct pp_node **list = NULL;
	size_t count = 0;
	if (pp_nodes_list(nodes, caps, &list, &count, &error) < 0)
		return cli_fail(cli, &error);
	if (inactive)
		count = 0;
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < count; i++) {
		cli_print(cli, "%s\n", list[i]->name);
		if (cli->json)
			pp_json_add(array, node_json(list[i]));
	}
	cli_set(cli, "nodes", array);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int list_tree(struct cli *cli, const struct pp_nodes *nodes)
{
	struct pp_error error = {0};
	PP_FREE char *text = NULL;
	if (cli->json)
		return list_names(cli, nodes);
	if (pp_nodes_tree(nodes, &text, &error) < 0)
		return cli_fail(cli, &error);
	cli_print(cli, "%s", text);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (tree && (caps || inactive))
		return cli_usage(cli, "Option --tree is incompatible with --cap and --inactive");
	if (all && inactive)
		return cli_usage(cli, "Option --all is incompatible with --inactive");
	if ((wide || columns) && (tree || caps))
		return cli_usage(cli, "Option --long is incompatible with --tree and --cap");
	if (wide || columns)
		return list_long(cli);
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(pp_nodes_freep) struct pp_nodes *nodes = NULL;
	bool deep = caps && strstr(caps, "vpd");
	if (pp_nodes_read(cli->context, deep ? "" : NULL, &nodes, &error) < 0)
		return cli_fail(cli, &error);
	return tree ? list_tree(cli, nodes) : list_names(cli, nodes);
}

static char *more(void)
{
	return cli_table_help(cli_device_columns, cli_n_device_columns, CLI_DEVICE_DEFAULTS);
}

const struct cli_verb cli_verb_nodedev_list = {
	.name = "nodedev-list",
	.group = CLI_LOOK,
	.summary = "devices of this host",
	.example = "  $ pcipass nodedev-list --long -o ADDRESS,DRIVER,GROUP,CAN-GO,NAME\n"
		   "  $ pcipass nodedev-list --tree\n",
	.usage = "[--tree] [--cap LIST] | --long [-o COLUMNS] [--noheadings]",
	.more = more,
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
