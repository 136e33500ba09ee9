/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI functions as node devices. */
#include "base/parse.h"
#include "lib/host/config.h"
#include "lib/host/node_reader.h"
#include "lib/host/node_vpd.h"
#include "lib/host/reader.h"
#include <string.h>

static int read_ids(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	uint64_t vendor = UINT64_MAX, product = UINT64_MAX;
	int r = pp_udev_number(udev, "vendor", 16, 0xffff, &vendor);
	if (r >= 0)
		r = pp_udev_number(udev, "device", 16, 0xffff, &product);
	if (r < 0 || vendor == UINT64_MAX || product == UINT64_MAX)
		return r == -ENOMEM ? r : -ENODEV;
	pci->vendor = (uint16_t)vendor;
	pci->product = (uint16_t)product;
	return 0;
}

static int read_numa_node(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	const char *text;
	pci->numa_node = -1;
	int r = pp_udev_attribute(udev, "numa_node", &text);
	if (r < 0 || !text)
		return r;
	return pp_parse_int(text, &pci->numa_node) < 0 ? -ENODEV : 0;
}

/* The header's kind, by the one byte that says it. */
static int read_header(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	uint8_t bytes[0x0f];
	char path[PP_PATH_MAX];
	if (pp_path(path, sizeof(path), "%s/config", udev->path) < 0)
		return -ENODEV;
	ssize_t n = pp_tree_read_bytes(udev->tree, path, bytes, sizeof(bytes));
	if (n < 0)
		return -ENODEV;
	unsigned type = n == sizeof(bytes) ? bytes[0x0e] & 0x7fu : 0;
	if (type > PP_HEADER_CARDBUS)
		return -ENODEV;
	pci->header = (enum pp_header)type;
	return 0;
}

int pp_node_pci_look(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record)
{
	unsigned class_code;
	struct pp_node_pci *pci = &record->pci;
	pci->group = -1;
	if (pp_udev_property_number(udev, "PCI_CLASS", 16, &class_code) < 0 ||
		pp_address_parse(udev->name, &pci->address) < 0 || !pp_udev_has(udev, "config"))
		return -ENODEV;
	pci->class_code = (int)class_code;
	int r = read_ids(udev, pci);
	if (r >= 0)
		r = read_numa_node(udev, pci);
	if (r >= 0 && reader->privileged)
		r = read_header(udev, pci);
	if (r < 0 || !pp_udev_has(udev, "mdev_supported_types"))
		return r;
	r = pp_node_mdev_types(udev, &pci->mdev_types, &pci->n_mdev_types);
	if (pci->n_mdev_types > 0)
		record->caps |= 1u << PP_NODE_MDEV_TYPES;
	return r;
}

/* ---- what only the XML shows ---- */

static int read_names(const struct pp_node_reader *reader, struct pp_node_pci *pci)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *scratch = pp_arena_new();
	if (!scratch)
		return -ENOMEM;
	struct pp_device device = {.vendor = pci->vendor, .product = pci->product};
	struct pp_reader names = {.tree = reader->tree,
		.arena = reader->arena,
		.scratch = scratch,
		.devices = &device,
		.n_devices = 1};
	int r = pp_names_read(&names);
	pci->vendor_name = device.vendor_name;
	pci->product_name = device.product_name;
	return r;
}

/* The address that a link leads to. */
static int read_target(const struct pp_udev *udev, const char *name, struct pp_address *ret_address)
{
	char path[PP_PATH_MAX], *real;
	if (pp_path(path, sizeof(path), "%s/%s", udev->path, name) < 0)
		return -ENOENT;
	int r = pp_tree_real(udev->tree, udev->arena, path, &real);
	if (r < 0)
		return r;
	return pp_address_parse(strrchr(real, '/') + 1, ret_address);
}

static int add_address(struct pp_arena *arena, struct pp_address **list, size_t *count,
	const struct pp_address *address)
{
	if ((*count & (*count - 1)) == 0) { /* full at every power of two */
		struct pp_address *larger = pp_arena_grow(arena, *list, *count * sizeof(**list),
			(*count ? 2 * *count : 1) * sizeof(**list));
		if (!larger)
			return -ENOMEM;
		*list = larger;
	}
	(*list)[(*count)++] = *address;
	return 0;
}

static int read_functions(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	uint64_t max = 0;
	struct pp_address address;
	int r = read_target(udev, "physfn", &pci->physical_function);
	if (r == -ENOMEM)
		return r;
	pci->is_virtual_function = r >= 0;
	r = pp_udev_number(udev, "sriov_totalvfs", 10, UINT32_MAX, &max);
	if (r < 0)
		return r == -ENOMEM ? r : -ENODEV;
	pci->max_virtual_functions = (unsigned)max;
	for (size_t i = 0;; i++) {
		char name[32];
		if (pp_path(name, sizeof(name), "virtfn%zu", i) < 0)
			return 0;
		r = read_target(udev, name, &address);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			return 0;
		r = add_address(
			udev->arena, &pci->virtual_functions, &pci->n_virtual_functions, &address);
		if (r < 0)
			return r;
	}
}

/* virsh leaves the order of a group's addresses to chance: here it is that of the addresses. */
static int read_group(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	char path[PP_PATH_MAX], *name, **names;
	size_t count;
	struct pp_address address;
	uint64_t number;
	if (pp_path(path, sizeof(path), "%s/iommu_group", udev->path) < 0)
		return 0;
	int r = pp_tree_link_name(udev->tree, udev->arena, path, &name);
	if (r < 0 || pp_parse_u64(name, 10, INT32_MAX, &number) < 0)
		return r == -ENOMEM ? r : 0;
	pci->group = (int)number;
	if (pp_path(path, sizeof(path), "%s/iommu_group/devices", udev->path) < 0)
		return 0;
	r = pp_tree_list(udev->tree, udev->arena, path, &names, &count);
	if (r < 0) {
		/* as if it were alone */
		return r == -ENOMEM ? r
				    : add_address(udev->arena, &pci->group_devices,
					      &pci->n_group_devices, &pci->address);
	}
	for (size_t i = 0; i < count; i++) {
		if (pp_address_parse(names[i], &address) < 0)
			continue;
		r = add_address(udev->arena, &pci->group_devices, &pci->n_group_devices, &address);
		if (r < 0)
			return r;
	}
	return 0;
}

static void read_link(const struct pp_udev *udev, struct pp_node_pci *pci)
{
	uint8_t bytes[PP_CONFIG_CONVENTIONAL];
	char path[PP_PATH_MAX];
	struct pp_tree_stat stat;
	if (pp_path(path, sizeof(path), "%s/config", udev->path) < 0)
		return;
	ssize_t length = pp_tree_read_bytes(udev->tree, path, bytes, sizeof(bytes));
	if (length < 0)
		return;
	struct pp_config_bytes memory = {bytes, (size_t)length};
	struct pp_config_source source = {pp_config_bytes_read, &memory};
	struct pp_config config;
	pp_config_parse(&source, &config);
	const struct pp_capabilities *capabilities = &config.capabilities;
	/* Extended config space without the capability is PCI Express too: AMD's host bridges. */
	bool extended =
		pp_tree_stat(udev->tree, path, &stat) >= 0 && stat.size > PP_CONFIG_CONVENTIONAL;
	pci->express = capabilities->express || extended;
	pci->link = capabilities->link;
	pci->link_port = capabilities->link_port;
	pci->link_cap_speed = capabilities->link_cap_speed;
	pci->link_cap_width = capabilities->link_cap_width;
	pci->link_speed = capabilities->link_speed;
	pci->link_width = capabilities->link_width;
}

static int read_vpd(const struct pp_udev *udev, struct pp_node_record *record)
{
	char path[PP_PATH_MAX], *bytes;
	size_t length;
	if (pp_path(path, sizeof(path), "%s/vpd", udev->path) < 0)
		return 0;
	int r = pp_tree_read(udev->tree, udev->arena, path, &bytes, &length);
	if (r >= 0)
		r = pp_vpd_parse((const uint8_t *)bytes, length, udev->arena, &record->pci.vpd);
	if (r >= 0)
		record->caps |= 1u << PP_NODE_VPD;
	return r == -ENOMEM ? r : 0;
}

int pp_node_pci_detail(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record)
{
	struct pp_node_pci *pci = &record->pci;
	int r = read_names(reader, pci);
	if (r >= 0)
		r = read_functions(udev, pci);
	if (r >= 0)
		r = read_group(udev, pci);
	if (r >= 0)
		r = read_vpd(udev, record);
	if (r >= 0 && reader->privileged)
		read_link(udev, pci);
	return r;
}
