/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network interfaces as node devices. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/host/node_devlink.h"
#include "lib/host/node_reader.h"
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

const char *const pp_node_feature_names[PP_NODE_FEATURES] = {"rx", "tx", "sg", "tso", "gso", "gro",
	"lro", "rxvlan", "txvlan", "ntuple", "rxhash", "rdma", "txudptnl", "switchdev"};
enum { FEATURE_LRO = 6, FEATURE_RDMA = 11, FEATURE_TXUDPTNL = 12, FEATURE_SWITCHDEV = 13 };

int pp_node_net_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_net *net = &record->net;
	const char *devtype = pp_udev_property(udev, "DEVTYPE");
	uint64_t length;
	net->interface = pp_udev_property(udev, "INTERFACE");
	if (!net->interface)
		return -ENODEV;
	net->wireless = devtype && strcmp(devtype, "wlan") == 0;
	int r = pp_udev_text(udev, "address", &net->address);
	if (r >= 0)
		r = pp_udev_number(udev, "addr_len", 0, UINT32_MAX, &length);
	return r == -EINVAL ? -ENODEV : r;
}

/* The speed of a link that is up. Some drivers have none and refuse to be read; -1 is not known,
 * and virsh shows it as the unsigned number that it is in C. */
static int read_speed(const struct pp_udev *udev, struct pp_node_net *net)
{
	const char *text;
	int64_t sign = 1;
	uint64_t speed;
	int r = pp_udev_attribute(udev, "speed", &text);
	if (r < 0 || !text)
		return r;
	if (*text == '-') {
		sign = -1;
		text++;
	}
	if (pp_parse_u64(text, 10, UINT32_MAX, &speed) < 0)
		return -ENODEV;
	net->speed = (unsigned)(sign * (int64_t)speed);
	return 0;
}

static int read_state(const struct pp_udev *udev, struct pp_node_net *net)
{
	static const char *const states[] = {
		"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};
	const char *text;
	int r = pp_udev_attribute(udev, "operstate", &text);
	if (r < 0)
		return r;
	for (size_t i = 0; text && i < PP_COUNT(states); i++)
		if (strcmp(states[i], text) == 0)
			net->state = states[i];
	if (!net->state)
		return -ENODEV;
	return strcmp(net->state, "up") == 0 ? read_speed(udev, net) : 0;
}

/* ---- features ---- */

static bool ask(int fd, struct ifreq *request, void *command)
{
	request->ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, request) == 0;
}

static unsigned ask_flags(int fd, struct ifreq *request)
{
	static const uint32_t flags[] = {
		ETH_FLAG_LRO, ETH_FLAG_RXVLAN, ETH_FLAG_TXVLAN, ETH_FLAG_NTUPLE, ETH_FLAG_RXHASH};
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	unsigned features = 0;
	if (!ask(fd, request, &value))
		return 0;
	for (unsigned i = 0; i < PP_COUNT(flags); i++)
		if (value.data & flags[i])
			features |= 1u << (FEATURE_LRO + i);
	return features;
}

/* Segmentation of UDP tunnels is bit 25 (NETIF_F_GSO_UDP_TUNNEL_BIT) of the first active word. */
static unsigned ask_tunnels(int fd, struct ifreq *request)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block blocks[2];
	} command = {.head = {.cmd = ETHTOOL_GFEATURES, .size = 2}};
	if (!ask(fd, request, &command))
		return 0;
	return command.blocks[0].active >> 25 & 1 ? 1u << FEATURE_TXUDPTNL : 0;
}

static int ask_kernel(const char *interface, unsigned *ret_features)
{
	static const uint32_t commands[] = {ETHTOOL_GRXCSUM, ETHTOOL_GTXCSUM, ETHTOOL_GSG,
		ETHTOOL_GTSO, ETHTOOL_GGSO, ETHTOOL_GGRO};
	struct ifreq request = {0};
	size_t length = strlen(interface);
	if (length >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, interface, length);
	PP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unsigned features = 0;
	for (unsigned i = 0; i < PP_COUNT(commands); i++) {
		struct ethtool_value value = {.cmd = commands[i]};
		if (ask(fd, &request, &value) && value.data)
			features |= 1u << i;
	}
	*ret_features = features | ask_flags(fd, &request) | ask_tunnels(fd, &request);
	return 0;
}

static int read_recorded(
	const struct pp_node_reader *reader, const char *interface, unsigned *ret_features)
{
	char path[PP_PATH_MAX], *line;
	const char *word;
	size_t length;
	unsigned features = 0;
	if (pp_path(path, sizeof(path), "/ethtool/%s", interface) < 0)
		return -ENOENT;
	int r = pp_tree_line(reader->tree, reader->arena, path, &line);
	if (r < 0)
		return r;
	for (const char *cursor = line; pp_text_word(&cursor, " ", &word, &length);)
		for (unsigned i = 0; i < PP_NODE_FEATURES; i++)
			if (strlen(pp_node_feature_names[i]) == length &&
				memcmp(pp_node_feature_names[i], word, length) == 0)
				features |= 1u << i;
	*ret_features = features;
	return 0;
}

/* The PCI function of an interface, of a virtual one its physical one, is asked for its switch. */
static int ask_switch(
	const struct pp_node_reader *reader, const char *interface, unsigned *features)
{
	static const char *const links[] = {"device/physfn", "device"};
	char path[PP_PATH_MAX], *real;
	for (size_t i = 0; i < PP_COUNT(links); i++) {
		struct pp_address address;
		if (pp_path(path, sizeof(path), "/sys/class/net/%s/%s", interface, links[i]) < 0)
			continue;
		int r = pp_tree_real(reader->tree, reader->arena, path, &real);
		if (r == -ENOMEM)
			return r;
		const char *name = r < 0 ? NULL : strrchr(real, '/') + 1;
		if (!name || pp_address_parse(name, &address) < 0)
			continue;
		if (pp_devlink_is_switchdev(name))
			*features |= 1u << FEATURE_SWITCHDEV;
		return 0;
	}
	return 0;
}

int pp_node_net_features(
	const struct pp_node_reader *reader, const char *interface, unsigned *ret_features)
{
	unsigned features;
	if (!reader->live)
		return read_recorded(reader, interface, ret_features);
	int r = ask_kernel(interface, &features);
	if (r == 0)
		r = ask_switch(reader, interface, &features);
	if (r == 0)
		*ret_features = features;
	return r;
}

int pp_node_net_features_text(
	const struct pp_node_reader *reader, const char *interface, char **ret_text)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	unsigned features;
	int r = pp_node_net_features(reader, interface, &features);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < PP_NODE_FEATURES; i++)
		if (features >> i & 1)
			pp_buffer_printf(
				&text, "%s%s", text.length ? " " : "", pp_node_feature_names[i]);
	pp_buffer_putc(&text, '\n');
	*ret_text = text.failed ? NULL : pp_arena_strdup(reader->arena, text.data);
	return *ret_text ? 0 : -ENOMEM;
}

/* RDMA: one of InfiniBand's devices is the same PCI function, known by its resources. */
static int read_rdma(const struct pp_udev *udev, struct pp_node_net *net)
{
	static const char folder[] = "/sys/class/infiniband";
	const char *own;
	char path[PP_PATH_MAX], **names, *text;
	size_t count;
	int r = pp_tree_list(udev->tree, udev->arena, folder, &names, &count);
	if (r < 0 || count == 0)
		return r == -ENOMEM ? r : 0;
	r = pp_udev_attribute(udev, "device/resource", &own);
	if (r < 0 || !own)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (pp_path(path, sizeof(path), "%s/%s/device/resource", folder, names[i]) < 0)
			continue;
		r = pp_tree_read(udev->tree, udev->arena, path, &text, NULL);
		if (r == -ENOMEM)
			return r;
		if (r >= 0 && pp_text_starts(text, own))
			net->features |= 1u << FEATURE_RDMA;
	}
	return 0;
}

int pp_node_net_detail(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record)
{
	struct pp_node_net *net = &record->net;
	int r = read_state(udev, net);
	if (r < 0)
		return r;
	r = pp_node_net_features(reader, net->interface, &net->features);
	if (r == -ENOMEM)
		return r;
	return read_rdma(udev, net);
}
