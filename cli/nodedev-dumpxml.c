/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/devices.h"
#include "cli/nodes.h"
#include "cli/verb.h"
#include <string.h>

static bool is_node(const struct pp_nodes *nodes, const char *name)
{
	const struct pp_node **list = NULL;
	size_t count = 0;
	if (pp_nodes_list(nodes, NULL, &list, &count, NULL) < 0)
		return false;
	bool found = false;
	for (size_t i = 0; i < count && !found; i++)
		found = strcmp(list[i]->name, name) == 0;
	free(list);
	return found;
}

/* Any other name of a PCI function. */
static int function_name(struct cli *cli, const char *word, char name[CLI_NODE_SIZE])
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	int status = cli_read(cli, PP_READ_DEVICES, &host);
	if (!status)
		status = cli_devices_find(cli, host, &word, 1, &devices);
	if (!status)
		cli_node_name(devices.items[0], name);
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(pp_nodes_freep) struct pp_nodes *nodes = NULL;
	if (pp_nodes_read(cli->context, words[0], &nodes, &error) < 0)
		return cli_fail(cli, &error);
	char name[CLI_NODE_SIZE];
	const char *node = words[0];
	if (!is_node(nodes, node)) {
		status = function_name(cli, words[0], name);
		if (status)
			return status;
		node = name;
		pp_nodes_free(PP_TAKE(nodes));
		if (pp_nodes_read(cli->context, node, &nodes, &error) < 0)
			return cli_fail(cli, &error);
	}
	PP_FREE char *xml = NULL;
	if (pp_node_xml(nodes, node, &xml, &error) < 0)
		return cli_fail(cli, &error);
	cli_set_string(cli, "name", node);
	cli_set_string(cli, "xml", xml);
	cli_print(cli, "%s", xml);
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_nodedev_dumpxml = {
	.name = "nodedev-dumpxml",
	.group = CLI_LOOK,
	.summary = "a device as libvirt's XML",
	.example = "  $ pcipass nodedev-dumpxml pci_0000_00_1a_7\n"
		   "  <device>\n"
		   "    <name>pci_0000_00_1a_7</name>\n"
		   "    ...\n",
	.usage = "DEVICE",
	CLI_ONE_DEVICE,
	.run = run,
};
