/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/usb.h"
#include "base/parse.h"
#include "base/tree.h"
#include <errno.h>
#include <string.h>

#define FOLDER "/sys/bus/usb/devices"

static bool wants_any(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_HOSTDEV &&
			domain->devices[i].hostdev.type == PP_HOSTDEV_USB)
			return true;
	return false;
}

static bool read_number(
	struct pp_tree *tree, const char *device, const char *name, int base, unsigned *ret_value)
{
	char path[PP_PATH_MAX];
	uint64_t value;

	if (pp_path(path, sizeof(path), FOLDER "/%s/%s", device, name) < 0 ||
		pp_tree_u64(tree, path, base, &value) < 0 || value > 0xffff)
		return false;
	*ret_value = (unsigned)value;
	return true;
}

int pp_usb_nodes(struct pp_context *context, const struct pp_domain *domain, struct pp_arena *arena,
	struct pp_launch_options *options, struct pp_error *error)
{
	size_t count = 0, known = 0;
	char **names = NULL;

	if (!wants_any(domain))
		return 0;
	int r = pp_tree_list(context->tree, arena, FOLDER, &names, &count);
	if (r < 0 && r != -ENOENT)
		return pp_error_errno(error, r, "cannot read " FOLDER);
	struct pp_usb_node *nodes = pp_arena_array(arena, count + 1, sizeof(*nodes));
	if (!nodes)
		return pp_error_oom(error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct pp_usb_node *node = &nodes[known];

		/* The others are interfaces of a device ("1-1:1.0"). */
		if (!strchr(names[i], ':') &&
			read_number(context->tree, names[i], "idVendor", 16, &node->vendor) &&
			read_number(context->tree, names[i], "idProduct", 16, &node->product) &&
			read_number(context->tree, names[i], "busnum", 10, &node->bus) &&
			read_number(context->tree, names[i], "devnum", 10, &node->device))
			known++;
	}
	options->usb = nodes;
	options->n_usb = known;
	return 0;
}
