/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's networks: which bridge one of them is. */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include "lib/host/tag.h"
#include <errno.h>
#include <string.h>

#define WORD 64

#define ADDRESSES_MAX 256 /* of one card */

struct network {
	char mode[WORD], bridge[WORD], pf[WORD];
	struct pp_address addresses[ADDRESSES_MAX];
	size_t n_addresses;
	bool found, managed;
};

static unsigned number_of(const struct pp_tag *tag, const char *name)
{
	char text[WORD] = "";
	uint64_t number = 0;
	if (pp_tag_attribute(tag, name, text, sizeof(text)))
		pp_parse_u64(text, pp_text_starts(text, "0x") ? 16 : 10, UINT32_MAX, &number);
	return (unsigned)number;
}

/* <forward mode='hostdev' managed='yes'> has <pf dev='eth3'/> or <address type='pci' .../>, ... */
static void read_inside(const struct pp_tag *tag, struct network *network)
{
	char type[WORD] = "pci";
	if (pp_tag_is(tag, "pf"))
		pp_tag_attribute(tag, "dev", network->pf, sizeof(network->pf));
	if (!pp_tag_is(tag, "address") || network->n_addresses == ADDRESSES_MAX)
		return;
	pp_tag_attribute(tag, "type", type, sizeof(type));
	if (pp_text_is(type, "pci"))
		network->addresses[network->n_addresses++] =
			(struct pp_address){.domain = number_of(tag, "domain"),
				.bus = (uint8_t)number_of(tag, "bus"),
				.slot = (uint8_t)number_of(tag, "slot"),
				.function = (uint8_t)number_of(tag, "function")};
}

static void read_forward(const struct pp_tag *tag, struct network *network)
{
	char managed[WORD] = "";
	if (!pp_tag_attribute(tag, "mode", network->mode, sizeof(network->mode)))
		strcpy(network->mode, "nat");
	pp_tag_attribute(tag, "managed", managed, sizeof(managed));
	network->managed = pp_text_is(managed, "yes");
}

/* What stands in <network> itself; a status file has that in <networkstatus>. */
static int read_network(const char *text, size_t length, struct network *ret_network)
{
	struct pp_tags tags = {.at = text, .end = text + length};
	struct network network = {0};
	struct pp_tag tag;
	size_t depth = 0, inside = 0; /* the depth of what is in <network>; 0: not yet */
	bool forward = false;

	for (;;) {
		enum pp_tag_kind kind = pp_tag_next(&tags, &tag);

		if (kind == PP_TAG_BROKEN || (kind == PP_TAG_END && depth > 0))
			return -EBADMSG;
		if (kind == PP_TAG_END)
			break;
		if (kind == PP_TAG_CLOSE) {
			if (depth-- == 0)
				return -EBADMSG;
			forward = forward && depth > inside;
			continue;
		}
		if (!network.found && depth <= 1 && pp_tag_is(&tag, "network")) {
			network.found = true;
			inside = depth + 1;
		} else if (inside && depth == inside && pp_tag_is(&tag, "forward")) {
			read_forward(&tag, &network);
			forward = kind == PP_TAG_OPEN;
		} else if (forward && depth == inside + 1) {
			read_inside(&tag, &network);
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

static bool keep(struct pp_arena *arena, const struct network *network,
	struct pp_libvirt_network *ret_network)
{
	struct pp_address *addresses =
		pp_arena_array(arena, network->n_addresses + 1, sizeof(*addresses));
	if (!addresses)
		return false;
	memcpy(addresses, network->addresses, network->n_addresses * sizeof(*addresses));
	*ret_network = (struct pp_libvirt_network){
		.mode = *network->mode ? pp_arena_strdup(arena, network->mode) : NULL,
		.bridge = *network->bridge ? pp_arena_strdup(arena, network->bridge) : NULL,
		.pf = *network->pf ? pp_arena_strdup(arena, network->pf) : NULL,
		.addresses = addresses,
		.n_addresses = network->n_addresses,
		.managed = network->managed,
	};
	return (!*network->mode || ret_network->mode) &&
	       (!*network->bridge || ret_network->bridge) && (!*network->pf || ret_network->pf);
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
		if (!keep(arena, &network, ret_network))
			return -ENOMEM;
		return 0;
	}
	return r;
}
