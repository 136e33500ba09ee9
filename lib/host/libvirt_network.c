/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's networks: which bridge one of them is. */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include "lib/host/tag.h"
#include <errno.h>
#include <string.h>

#define WORD 64

struct network {
	char mode[WORD], bridge[WORD];
	bool found;
};

/* What stands in <network> itself; a status file has that in <networkstatus>. */
static int read_network(const char *text, size_t length, struct network *ret_network)
{
	struct pp_tags tags = {.at = text, .end = text + length};
	struct network network = {0};
	struct pp_tag tag;
	size_t depth = 0, inside = 0; /* the depth of what is in <network>; 0: not yet */

	for (;;) {
		enum pp_tag_kind kind = pp_tag_next(&tags, &tag);

		if (kind == PP_TAG_BROKEN || (kind == PP_TAG_END && depth > 0))
			return -EBADMSG;
		if (kind == PP_TAG_END)
			break;
		if (kind == PP_TAG_CLOSE) {
			if (depth-- == 0)
				return -EBADMSG;
			continue;
		}
		if (!network.found && depth <= 1 && pp_tag_is(&tag, "network")) {
			network.found = true;
			inside = depth + 1;
		} else if (inside && depth == inside && pp_tag_is(&tag, "forward")) {
			if (!pp_tag_attribute(&tag, "mode", network.mode, sizeof(network.mode)))
				strcpy(network.mode, "nat");
		} else if (inside && depth == inside && pp_tag_is(&tag, "bridge")) {
			pp_tag_attribute(&tag, "name", network.bridge, sizeof(network.bridge));
		}
		depth += kind == PP_TAG_OPEN;
	}
	if (!network.found)
		return -EBADMSG;
	*ret_network = network;
	return 0;
}

/* Its status while it is up, which has what libvirt chose itself; else its definition. */
int pp_libvirt_network(struct pp_tree *tree, struct pp_arena *arena, const char *name,
	struct pp_libvirt_network *ret_network)
{
	static const char *const files[] = {
		"/run/libvirt/network/%s.xml", "/etc/libvirt/qemu/networks/%s.xml"};
	int r = -ENOENT;

	for (unsigned i = 0; i < PP_COUNT(files); i++) {
		struct network network;
		char path[PP_PATH_MAX];
		char *text;
		size_t length;

		if (strchr(name, '/') || pp_path(path, sizeof(path), files[i], name) < 0)
			return -ENOENT;
		int read = pp_tree_read(tree, arena, path, &text, &length);
		if (read >= 0)
			read = read_network(text, length, &network);
		if (read == -ENOENT)
			continue;
		r = read;
		if (r < 0)
			continue;
		ret_network->mode = *network.mode ? pp_arena_strdup(arena, network.mode) : NULL;
		ret_network->bridge =
			*network.bridge ? pp_arena_strdup(arena, network.bridge) : NULL;
		if ((*network.mode && !ret_network->mode) ||
			(*network.bridge && !ret_network->bridge))
			return -ENOMEM;
		return 0;
	}
	return r;
}
