/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a machine written down as text (a .host file): it is refused with a line's number,
 * or all that reads a machine reads it: facts, checks, node devices, libvirt's guests, journals,
 * and the dump of it, which is a machine again. */
#include "lib/context.h"
#include <stdlib.h>
#include <string.h>

#define MOST 8 /* devices that are checked one by one */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_findings(const struct pp_findings *findings)
{
	for (size_t i = 0; i < findings->n_items; i++)
		if (!findings->items[i].id || !findings->items[i].subject ||
			!findings->items[i].text)
			abort();
}

static void check_devices(const struct pp_host *host)
{
	const struct pp_check_options options = {.act = true};
	for (size_t i = 0; i < host->n_devices && i < MOST; i++) {
		const struct pp_device *device = &host->devices[i];
		struct pp_findings *findings = NULL;
		struct pp_error error = {0};
		if (pp_host_device(host, &device->address) != device)
			abort();
		if (pp_check_devices(host, &device, 1, &options, &findings, &error) < 0) {
			if (!error.text[0])
				abort();
			continue;
		}
		check_findings(findings);
		pp_findings_refuse(findings, &error);
		pp_findings_free(findings);
	}
}

static void read_host(struct pp_context *context)
{
	struct pp_host *host = NULL;
	struct pp_findings *findings = NULL;
	struct pp_error error = {0};
	if (pp_host_read(context, PP_READ_ALL | PP_READ_HOLDERS, &host, &error) < 0) {
		if (!error.text[0])
			abort();
		return;
	}
	check_devices(host);
	if (pp_check_host(host, &findings, &error) >= 0)
		check_findings(findings);
	pp_findings_free(findings);
	pp_host_free(host);
}

static void read_nodes(struct pp_context *context)
{
	struct pp_nodes *nodes = NULL;
	const struct pp_node **list = NULL;
	size_t count = 0;
	char *text = NULL;
	if (pp_nodes_read(context, "", &nodes, NULL) < 0)
		return;
	if (pp_nodes_tree(nodes, &text, NULL) >= 0)
		free(text);
	if (pp_nodes_list(nodes, NULL, &list, &count, NULL) >= 0)
		for (size_t i = 0; i < count; i++)
			if (pp_node_xml(nodes, list[i]->name, &text, NULL) >= 0)
				free(text);
	free(list);
	pp_nodes_free(nodes);
}

static void read_rest(struct pp_context *context)
{
	struct pp_libvirt_list *guests = NULL;
	struct pp_change_list *changes = NULL;
	if (pp_libvirt_list(context, &guests, NULL) >= 0)
		pp_libvirt_list_free(guests);
	if (pp_changes_list(context, &changes, NULL) >= 0)
		pp_change_list_free(changes);
}

static void read_dump(struct pp_context *context)
{
	struct pp_tree *tree = NULL;
	char *text = NULL;
	if (pp_host_dump(context, true, &text, NULL) < 0)
		return;
	if (pp_tree_parse("dump.host", text, strlen(text), &tree, NULL) < 0)
		abort();
	pp_tree_free(tree);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pp_context context = {.read_only = true,
		.root = (char[]){""},
		.etc = (char[]){"/etc/pcipass"},
		.lib = (char[]){"/var/lib/pcipass"},
		.run = (char[]){"/run/pcipass"}};
	struct pp_error error = {0};
	if (pp_tree_parse("fuzz.host", (const char *)data, size, &context.tree, &error) < 0) {
		if (!error.text[0])
			abort();
		return 0;
	}
	read_host(&context);
	read_nodes(&context);
	read_rest(&context);
	read_dump(&context);
	pp_tree_free(context.tree);
	return 0;
}
