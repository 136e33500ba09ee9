/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/network.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Of a bridge's ports the lowest address becomes its own, unless it has one: this one is high. */
#define TAP_FIRST_BYTE 0xfe

/* ---- which bridge ---- */

static int refuse_network(
	const char *file, int line, const char *name, const char *why, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT, "%s:%d: the network '%s' %s", file, line,
		name, why);
	pp_error_id(error, "no-network");
	pp_error_remedy(error, "`virsh net-list --all` lists libvirt's networks; <interface "
			       "type='bridge'> names a bridge of the host itself");
	return -ENOENT;
}

static int find_bridge(struct pp_context *context, const struct pp_domain_device *device,
	const char *file, struct pp_arena *arena, const char **ret_bridge, struct pp_error *error)
{
	static const char *const bridged[] = {"nat", "route", "open", "bridge"};
	const char *name = device->interface.source;
	struct pp_libvirt_network network = {0};
	bool known = false;

	int r = pp_libvirt_network(context->tree, arena, name, &network);
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r == -ENOENT)
		return refuse_network(file, device->line, name, "is none of libvirt's", error);
	if (r < 0)
		return refuse_network(
			file, device->line, name, "is libvirt's, but cannot be read", error);
	if (pp_text_is(network.mode, "hostdev"))
		return refuse_network(file, device->line, name,
			"is one of virtual functions: a start chooses one that is free", error);
	if (device->interface.vlan)
		return refuse_network(file, device->line, name,
			"is a bridge, and a <vlan> is for virtual functions", error);
	for (unsigned i = 0; i < PP_COUNT(bridged); i++)
		known |= !network.mode || pp_text_is(network.mode, bridged[i]);
	if (!known || !network.bridge)
		return refuse_network(file, device->line, name,
			"has no bridge (its <forward> is of another kind)", error);
	*ret_bridge = network.bridge;
	return 0;
}

static int check_bridge(struct pp_context *context, const struct pp_domain_device *device,
	const char *bridge, const char *file, struct pp_error *error)
{
	const struct pp_interface *interface = &device->interface;
	char path[PP_PATH_MAX];

	if (pp_path(path, sizeof(path), "/sys/class/net/%s/bridge", bridge) >= 0 &&
		pp_tree_exists(context->tree, path))
		return 0;
	bool there = pp_path(path, sizeof(path), "/sys/class/net/%s", bridge) >= 0 &&
		     pp_tree_exists(context->tree, path);
	pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV, "%s:%d: %s is %s", file, device->line,
		bridge, there ? "no bridge" : "not on this host");
	pp_error_id(error, "no-bridge");
	if (interface->type == PP_INTERFACE_NETWORK)
		pp_error_remedy(error, "virsh net-start %s", interface->source);
	else
		pp_error_remedy(
			error, "`ip link add %s type bridge` makes one until the reboot", bridge);
	return -ENODEV;
}

int pp_network_bridges(struct pp_context *context, const struct pp_domain *domain, const char *file,
	bool check, struct pp_arena *arena, const struct pp_network_bridge **ret_bridges,
	struct pp_error *error)
{
	struct pp_network_bridge *bridges =
		pp_arena_array(arena, domain->n_devices + 1, sizeof(*bridges));
	size_t count = 0;

	if (!bridges)
		return pp_error_oom(error);
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];
		const char *bridge = device->interface.source;
		int r = 0;

		if (device->kind != PP_DEV_INTERFACE || device->interface.type == PP_INTERFACE_USER)
			continue;
		if (device->interface.type == PP_INTERFACE_NETWORK)
			r = find_bridge(context, device, file, arena, &bridge, error);
		if (r >= 0 && check)
			r = check_bridge(context, device, bridge, file, error);
		if (r < 0)
			return r;
		if (device->interface.type == PP_INTERFACE_NETWORK)
			bridges[count++] =
				(struct pp_network_bridge){device->interface.source, bridge};
	}
	*ret_bridges = bridges;
	return 0;
}

/* ---- a tap ---- */

static int ask(int fd, unsigned long request, struct ifreq *ifreq)
{
	return ioctl(fd, request, ifreq) < 0 ? -errno : 0;
}

/* An address, the bridge's MTU (a smaller port would make the bridge's smaller), the bridge, up. */
static int set_up(int control, const struct pp_launch_file *file, const char *tap)
{
	struct ifreq of_tap = {0}, of_bridge = {0};

	snprintf(of_tap.ifr_name, sizeof(of_tap.ifr_name), "%s", tap);
	snprintf(of_bridge.ifr_name, sizeof(of_bridge.ifr_name), "%s", file->path);
	of_tap.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(of_tap.ifr_hwaddr.sa_data, file->mac, sizeof(file->mac));
	of_tap.ifr_hwaddr.sa_data[0] = (char)TAP_FIRST_BYTE;
	int r = ask(control, SIOCSIFHWADDR, &of_tap);
	if (r >= 0)
		r = ask(control, SIOCGIFMTU, &of_bridge);
	if (r >= 0) {
		of_tap.ifr_mtu = of_bridge.ifr_mtu;
		r = ask(control, SIOCSIFMTU, &of_tap);
	}
	if (r >= 0)
		r = ask(control, SIOCGIFINDEX, &of_tap);
	if (r >= 0) {
		of_bridge.ifr_ifindex = of_tap.ifr_ifindex;
		r = ask(control, SIOCBRADDIF, &of_bridge);
	}
	if (r >= 0)
		r = ask(control, SIOCGIFFLAGS, &of_tap);
	if (r < 0)
		return r;
	of_tap.ifr_flags |= IFF_UP;
	return ask(control, SIOCSIFFLAGS, &of_tap);
}

int pp_network_tap(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error)
{
	struct ifreq made = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	PP_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open /dev/net/tun");
	snprintf(made.ifr_name, sizeof(made.ifr_name), "%s", file->tap);
	int r = ask(fd, TUNSETIFF, &made);
	if (r < 0)
		return pp_error_errno(error, r, "cannot make the network interface %s", file->tap);
	PP_CLOSE int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = control < 0 ? -errno : set_up(control, file, made.ifr_name);
	if (r < 0)
		return pp_error_errno(error, r, "cannot make %s a port of the bridge %s",
			made.ifr_name, file->path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}
