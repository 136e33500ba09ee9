/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SCSI hosts, targets and devices as node devices. */
#include "base/parse.h"
#include "lib/host/node_reader.h"
#include <string.h>

/* A line of /sys/class/CLASS/NAME/KEY, NULL where it is not there. */
static int class_line(const struct pp_udev *udev, const char *class, const char *name,
	const char *key, const char **ret_line)
{
	char path[PP_PATH_MAX], *line;
	*ret_line = NULL;
	if (pp_path(path, sizeof(path), "/sys/class/%s/%s/%s", class, name, key) < 0)
		return 0;
	int r = pp_tree_line(udev->tree, udev->arena, path, &line);
	if (r >= 0)
		*ret_line = line;
	return r == -ENOMEM ? r : 0;
}

static bool class_has(
	const struct pp_udev *udev, const char *class, const char *name, const char *key)
{
	char path[PP_PATH_MAX];
	return pp_path(path, sizeof(path), "/sys/class/%s/%s%s", class, name, key) >= 0 &&
	       pp_tree_exists(udev->tree, path);
}

/* A world wide name, without 0x before it. */
static int read_wwn(const struct pp_udev *udev, const char *key, const char **ret_wwn)
{
	int r = class_line(udev, "fc_host", udev->name, key, ret_wwn);
	if (r < 0 || !*ret_wwn)
		return r;
	const char *digits = strstr(*ret_wwn, "0x");
	if (digits)
		*ret_wwn = digits + 2;
	return 0;
}

static int read_number(const struct pp_udev *udev, const char *key, int *ret_number)
{
	const char *line;
	int r = class_line(udev, "fc_host", udev->name, key, &line);
	if (r < 0)
		return r;
	return line ? pp_parse_int(line, ret_number) : -EINVAL;
}

/* Fibre channel: what is there in part only is not shown at all. */
static int read_fibre_channel(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_scsi_host *host = &record->scsi_host;
	uint32_t caps = 0;
	if (class_has(udev, "fc_host", udev->name, "")) {
		int r = read_wwn(udev, "port_name", &host->wwpn);
		if (r >= 0)
			r = read_wwn(udev, "node_name", &host->wwnn);
		if (r >= 0)
			r = read_wwn(udev, "fabric_name", &host->fabric_wwn);
		if (r < 0 || !host->wwpn || !host->wwnn)
			return r;
		caps |= 1u << PP_NODE_FC_HOST;
	}
	if (class_has(udev, "fc_host", udev->name, "/vport_create") ||
		class_has(udev, "scsi_host", udev->name, "/vport_create")) {
		int r = read_number(udev, "max_npiv_vports", &host->max_vports);
		if (r >= 0)
			r = read_number(udev, "npiv_vports_inuse", &host->vports);
		if (r < 0)
			return r == -ENOMEM ? r : 0;
		caps |= 1u << PP_NODE_VPORTS;
	}
	record->caps |= caps;
	return 0;
}

int pp_node_scsi_host_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_scsi_host *host = &record->scsi_host;
	const char *line;
	if (!pp_text_starts(udev->name, "host") ||
		pp_parse_u32(udev->name + 4, 10, &host->host) < 0)
		return -ENODEV;
	int r = class_line(udev, "scsi_host", udev->name, "unique_id", &line);
	if (r < 0)
		return r;
	if (!line || pp_parse_int(line, &host->unique_id) < 0 || host->unique_id < 0)
		host->unique_id = -1;
	return read_fibre_channel(udev, record);
}

int pp_node_scsi_target_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_scsi_target *target = &record->scsi_target;
	target->target = udev->name;
	/* .../host0/rport-0:0-0/target0:0:0 */
	const char *end = udev->name - 1, *start = end;
	while (start > udev->path && start[-1] != '/')
		start--;
	const char *above = pp_arena_strndup(udev->arena, start, (size_t)(end - start));
	if (!above)
		return -ENOMEM;
	if (!class_has(udev, "fc_remote_ports", above, ""))
		return 0;
	/* with its 0x, as virsh */
	int r = class_line(udev, "fc_remote_ports", above, "port_name", &target->wwpn);
	target->rport = target->wwpn ? above : NULL;
	return r;
}

static const char *type_name(uint64_t type)
{
	switch (type) {
	case 0x00:
		return "disk";
	case 0x01:
		return "tape";
	case 0x03:
		return "processor";
	case 0x04:
		return "worm";
	case 0x05:
		return "cdrom";
	case 0x06:
		return "scanner";
	case 0x07:
		return "mod";
	case 0x08:
		return "changer";
	case 0x0c:
		return "raid";
	case 0x0d:
		return "enclosure";
	default:
		return NULL;
	}
}

/* "2:0:0:1" */
int pp_node_scsi_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_scsi *scsi = &record->scsi;
	unsigned *const parts[] = {&scsi->host, &scsi->bus, &scsi->target, &scsi->lun};
	const char *at = udev->name;
	for (size_t i = 0; i < PP_COUNT(parts); i++) {
		uint64_t value;
		if (pp_parse_prefix(at, 10, UINT32_MAX, &value, &at) < 0 ||
			*at != (i + 1 < PP_COUNT(parts) ? ':' : '\0'))
			return -ENODEV;
		*parts[i] = (unsigned)value;
		at++;
	}
	uint64_t type = UINT64_MAX;
	int r = pp_udev_number(udev, "type", 0, UINT32_MAX, &type);
	if (r < 0)
		return r == -EINVAL ? -ENODEV : r;
	scsi->type = type_name(type);
	return 0;
}
