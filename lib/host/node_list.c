/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node devices as lists and trees. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/host/node.h"
#include <string.h>

/* ---- lists ---- */

static int refuse_cap(const char *word, size_t length, struct pp_error *error)
{
	const char *names[PP_NODE_CAPS + 1] = {NULL};
	PP_FREE char *text = strndup(word, length);
	memcpy(names, pp_node_cap_names, sizeof(pp_node_cap_names));
	const char *nearest = text ? pp_text_nearest(text, names) : NULL;
	pp_error_set(error, PP_STATUS_USAGE, EINVAL, "Invalid capability type");
	if (nearest)
		pp_error_remedy(error, "did you mean %s instead of %s?", nearest, text);
	else
		pp_error_remedy(error,
			"the types are system, pci, usb_device, usb, net, scsi_host, "
			"scsi_target, scsi, storage, fc_host, vports, scsi_generic, "
			"drm, mdev_types, mdev, ccw, css, vdpa, ap_card, ap_queue, "
			"ap_matrix, vpd; several with a comma between them");
	return -EINVAL;
}

/* "pci,net"; nothing at all means all. */
static int parse_caps(const char *caps, uint32_t *ret_mask, struct pp_error *error)
{
	uint32_t mask = 0;
	for (const char *at = caps; at && *caps; at = *at ? at + 1 : NULL) {
		size_t length = strcspn(at, ","), i = 0;
		while (i < PP_NODE_CAPS && (strlen(pp_node_cap_names[i]) != length ||
						   memcmp(pp_node_cap_names[i], at, length) != 0))
			i++;
		if (i == PP_NODE_CAPS)
			return refuse_cap(at, length, error);
		mask |= 1u << i;
		at += length;
	}
	*ret_mask = mask;
	return 0;
}

int pp_nodes_list(const struct pp_nodes *nodes, const char *caps, const struct pp_node ***ret_list,
	size_t *ret_count, struct pp_error *error)
{
	uint32_t mask = 0;
	int r = caps ? parse_caps(caps, &mask, error) : 0;
	if (r < 0)
		return r;
	const struct pp_node **list = calloc(nodes->n_records + 1, sizeof(*list));
	if (!list)
		return pp_error_oom(error);
	size_t count = 0;
	for (size_t i = 0; i < nodes->n_records; i++)
		if (!mask || (nodes->records[i].caps & mask))
			list[count++] = &nodes->records[i].node;
	*ret_list = list;
	*ret_count = count;
	return 0;
}

/* ---- trees ---- */

#define NONE SIZE_MAX

/* Indices of records: the first and the last below each, and the next below the same. */
struct family {
	size_t first, last, next;
};
struct printing {
	const struct pp_nodes *nodes;
	const struct family *family;
	struct pp_buffer text, indent;
};

static void print_node(struct printing *printing, size_t at, bool is_last)
{
	const struct family *family = &printing->family[at];
	const struct pp_node *node = &printing->nodes->records[at].node;
	struct pp_buffer *text = &printing->text, *indent = &printing->indent;
	const size_t outer = indent->length;

	pp_buffer_printf(
		text, "%s%s%s\n", pp_buffer_text(indent), node->parent ? "+- " : "", node->name);
	if (node->parent)
		pp_buffer_puts(indent, is_last ? "  " : "| ");
	if (family->first != NONE)
		pp_buffer_printf(text, "%s  |\n", pp_buffer_text(indent));
	const size_t inner = indent->length;
	pp_buffer_puts(indent, "  ");
	for (size_t child = family->first; child != NONE && !text->failed && !indent->failed;
		child = printing->family[child].next)
		print_node(printing, child, child == family->last);
	if (indent->failed)
		return;
	indent->length = inner;
	indent->data[inner] = '\0';
	if (family->first == NONE && is_last)
		pp_buffer_printf(text, "%s\n", pp_buffer_text(indent));
	indent->length = outer;
	indent->data[outer] = '\0';
}

/* A node whose parent is not among them is not printed. */
static struct family *link_family(const struct pp_nodes *nodes)
{
	struct family *family = malloc((nodes->n_records + 1) * sizeof(*family));
	if (!family)
		return NULL;
	for (size_t i = 0; i < nodes->n_records; i++)
		family[i] = (struct family){NONE, NONE, NONE};
	for (size_t i = 0; i < nodes->n_records; i++) {
		const char *name = nodes->records[i].node.parent;
		const struct pp_node_record *parent = name ? pp_node_find(nodes, name) : NULL;
		if (!parent)
			continue;
		struct family *above = &family[parent - nodes->records];
		if (above->first == NONE)
			above->first = i;
		else
			family[above->last].next = i;
		above->last = i;
	}
	return family;
}

int pp_nodes_tree(const struct pp_nodes *nodes, char **ret_text, struct pp_error *error)
{
	PP_FREE struct family *family = link_family(nodes);
	if (!family)
		return pp_error_oom(error);
	struct printing printing = {.nodes = nodes, .family = family};
	for (size_t i = 0; i < nodes->n_records; i++)
		if (!nodes->records[i].node.parent)
			print_node(&printing, i, true);
	bool failed = printing.indent.failed;
	pp_buffer_done(&printing.indent);
	char *text = pp_buffer_take(&printing.text);
	if (failed || !text) {
		free(text);
		return pp_error_oom(error);
	}
	*ret_text = text;
	return 0;
}
