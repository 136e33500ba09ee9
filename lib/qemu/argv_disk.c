/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks: a block node for the file, one for its format, and the guest's device on top. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>

struct cache {
	bool direct, no_flush, write_back;
};

static bool cache_of(const struct pp_disk *disk, struct cache *ret_cache)
{
	static const struct {
		const char *name;
		struct cache cache;
	} modes[] = {
		{"none", {true, false, true}},
		{"writethrough", {false, false, false}},
		{"writeback", {false, false, true}},
		{"directsync", {true, false, false}},
		{"unsafe", {false, true, true}},
	};

	for (size_t i = 0; disk->cache && i < PP_COUNT(modes); i++)
		if (pp_text_is(disk->cache, modes[i].name)) {
			*ret_cache = modes[i].cache;
			return true;
		}
	return false;
}

static void set_cache(struct pp_json *node, const struct pp_disk *disk)
{
	struct pp_json *object;
	struct cache cache;

	if (!cache_of(disk, &cache))
		return;
	object = pp_json_object();
	pp_json_set_bool(object, "direct", cache.direct);
	pp_json_set_bool(object, "no-flush", cache.no_flush);
	pp_json_set(node, "cache", object);
}

static const char *storage_driver(const struct pp_disk *disk)
{
	if (disk->type == PP_DISK_FILE)
		return "file";
	return disk->device == PP_DISK_CDROM && (pp_text_starts(disk->source, "/dev/sr") ||
							pp_text_starts(disk->source, "/dev/cdrom"))
		       ? "host_cdrom"
		       : "host_device";
}

/* A file of which QEMU has one descriptor cannot be opened again to be written. */
static void set_access(struct pp_arguments *arguments, struct pp_json *node, bool readonly)
{
	bool passed = arguments->options->first_fd > 0;

	if (passed)
		pp_json_set_bool(node, "read-only", readonly);
	pp_json_set_bool(node, "auto-read-only", !passed);
}

static void put_storage(
	struct pp_arguments *arguments, const struct pp_disk *disk, const char *name)
{
	struct pp_json *node = pp_json_object();

	pp_json_set_string(node, "driver", storage_driver(disk));
	pp_json_set_string(node, "filename",
		pp_arguments_image(arguments, disk->source, !disk->readonly, disk->shareable));
	if (disk->io)
		pp_json_set_string(node, "aio", disk->io);
	pp_json_set_string(node, "node-name", name);
	set_cache(node, disk);
	set_access(arguments, node, disk->readonly);
	pp_json_set_string(node, "discard", disk->discard ? disk->discard : "unmap");
	pp_arguments_json(arguments, "-blockdev", node);
}

static void put_format(struct pp_arguments *arguments, const struct pp_disk *disk, const char *name,
	const char *storage, const char *backing)
{
	struct pp_json *node = pp_json_object();

	pp_json_set_string(node, "node-name", name);
	pp_json_set_bool(node, "read-only", disk->readonly);
	if (disk->discard)
		pp_json_set_string(node, "discard", disk->discard);
	if (disk->detect_zeroes)
		pp_json_set_string(node, "detect-zeroes", disk->detect_zeroes);
	set_cache(node, disk);
	pp_json_set_string(node, "driver", disk->format);
	pp_json_set_string(node, "file", storage);
	if (backing || (disk->no_backing && pp_text_is(disk->format, "qcow2")))
		pp_json_set_string(node, "backing", backing);
	pp_arguments_json(arguments, "-blockdev", node);
}

static const struct pp_image *image_of(
	const struct pp_arguments *arguments, const struct pp_disk *disk)
{
	const struct pp_image *const *image = arguments->options->images;

	for (; image && *image && arguments->options->first_fd > 0; image++)
		if (pp_text_is((*image)->path, disk->source))
			return *image;
	return NULL;
}

/* The nodes of one backing image; what it lies on itself is named already. */
static void put_backing(struct pp_arguments *arguments, const struct pp_disk *disk,
	const struct pp_image *image, const char *name, const char *below)
{
	struct pp_json *node = pp_json_object();
	PP_BUFFER struct pp_buffer storage = PP_BUFFER_INIT;

	pp_buffer_printf(&storage, "%s-storage", name);
	pp_json_set_string(node, "driver", image->device ? "host_device" : "file");
	pp_json_set_string(node, "filename",
		pp_arguments_image(arguments, image->path, false, disk->shareable));
	pp_json_set_string(node, "node-name", pp_buffer_text(&storage));
	set_cache(node, disk);
	set_access(arguments, node, true);
	pp_arguments_json(arguments, "-blockdev", node);
	node = pp_json_object();
	pp_json_set_string(node, "node-name", name);
	pp_json_set_bool(node, "read-only", true);
	set_cache(node, disk);
	pp_json_set_string(node, "driver", image->format);
	pp_json_set_string(node, "file", pp_buffer_text(&storage));
	if (pp_text_is(image->format, "qcow2"))
		pp_json_set_string(node, "backing", below);
	pp_arguments_json(arguments, "-blockdev", node);
}

/* A node is known before another lies on it: the lowest image first. Returns the highest. */
static const char *put_chain(struct pp_arguments *arguments, const struct pp_disk *disk,
	const struct pp_image *image, unsigned number)
{
	const char *below = NULL;
	unsigned depth = 0;

	for (const struct pp_image *lower = image; lower; lower = lower->backing)
		depth++;
	for (; depth > 0; depth--) {
		const struct pp_image *lower = image;
		const char *name =
			pp_arena_printf(arguments->arena, "disk%u-backing%u", number, depth);

		for (unsigned i = 1; i < depth; i++)
			lower = lower->backing;
		if (!name)
			arguments->failed = pp_error_oom(arguments->error);
		if (!name)
			return NULL;
		put_backing(arguments, disk, lower, name, below);
		below = name;
	}
	return below;
}

/* The drive= of the device. */
static const char *put_nodes(struct pp_arguments *arguments, const struct pp_disk *disk)
{
	unsigned number = ++arguments->n_nodes;
	const char *storage = pp_arena_printf(arguments->arena, "disk%u-storage", number);
	const char *format = pp_arena_printf(arguments->arena, "disk%u-format", number);

	if (!storage || !format) {
		arguments->failed = pp_error_oom(arguments->error);
		return "";
	}
	const struct pp_image *image = disk->no_backing ? NULL : image_of(arguments, disk);
	const char *backing = put_chain(arguments, disk, image ? image->backing : NULL, number);
	put_storage(arguments, disk, storage);
	put_format(arguments, disk, format, storage, backing);
	return format;
}

static void put_policy(struct pp_arguments *arguments, const struct pp_disk *disk)
{
	const char *policy = disk->error_policy;

	if (pp_text_is(policy, "enospace"))
		policy = "enospc";
	pp_arguments_prop(arguments, "werror", policy);
	if (disk->rerror_policy)
		pp_arguments_prop(arguments, "rerror", disk->rerror_policy);
	else if (!pp_text_is(policy, "enospc"))
		pp_arguments_prop(arguments, "rerror", policy);
}

/* What all disks share behind bus and drive. */
static void put_common(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_disk *disk = &device->disk;
	struct cache cache;

	pp_arguments_boot(arguments, device);
	if (disk->logical_block)
		pp_arguments_propf(arguments, "logical_block_size", "%u", disk->logical_block);
	if (disk->physical_block)
		pp_arguments_propf(arguments, "physical_block_size", "%u", disk->physical_block);
	if (disk->shareable)
		pp_arguments_prop(arguments, "share-rw", "on");
	if (disk->wwn)
		pp_arguments_propf(arguments, "wwn", "0x%s", disk->wwn);
	if (disk->rotation_rate)
		pp_arguments_propf(arguments, "rotation_rate", "%u", disk->rotation_rate);
	pp_arguments_prop(arguments, "vendor", disk->vendor);
	pp_arguments_prop(arguments, "product", disk->product);
	if (disk->device == PP_DISK_DISK && cache_of(disk, &cache))
		pp_arguments_prop(arguments, "write-cache", cache.write_back ? "on" : "off");
	pp_arguments_prop(arguments, "serial", disk->serial);
	put_policy(arguments, disk);
	pp_arguments_end(arguments);
}

static void put_virtio(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	pp_arguments_device(arguments, device, "virtio-blk-pci");
	if (device->disk.iothread)
		pp_arguments_propf(arguments, "iothread", "iothread%u", device->disk.iothread);
	if (device->disk.queues)
		pp_arguments_propf(arguments, "num-queues", "%u", device->disk.queues);
	pp_arguments_place(arguments, device);
	pp_arguments_prop(arguments, "drive", node);
	pp_arguments_prop(arguments, "id", device->alias);
	put_common(arguments, device);
}

static void put_ide(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	const struct pp_place *place = &device->place;
	bool chipset = arguments->domain->os.q35 && place->controller == 0;

	pp_arguments_device(
		arguments, device, device->disk.device == PP_DISK_CDROM ? "ide-cd" : "ide-hd");
	if (device->disk.bus == PP_BUS_IDE) {
		pp_arguments_propf(arguments, "bus", "ide.%u", place->bus);
		pp_arguments_propf(arguments, "unit", "%u", place->unit);
	} else if (chipset) {
		pp_arguments_propf(arguments, "bus", "ide.%u", place->unit);
	} else {
		pp_arguments_propf(arguments, "bus", "sata%u.%u", place->controller, place->unit);
	}
	pp_arguments_prop(arguments, "drive", node);
	pp_arguments_prop(arguments, "id", device->alias);
	put_common(arguments, device);
}

static bool is_wide(const struct pp_domain *domain, unsigned controller)
{
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_SCSI &&
			(unsigned)device->controller.index == controller)
			return pp_text_is(device->controller.model, "virtio-scsi") ||
			       pp_text_is(device->controller.model, "vmpvscsi") ||
			       pp_text_starts(device->controller.model, "lsisas");
	}
	return false;
}

static void put_scsi(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	const struct pp_place *place = &device->place;

	pp_arguments_device(
		arguments, device, device->disk.device == PP_DISK_CDROM ? "scsi-cd" : "scsi-hd");
	pp_arguments_propf(arguments, "bus", "scsi%u.%u", place->controller, place->bus);
	if (is_wide(arguments->domain, place->controller)) {
		pp_arguments_prop(arguments, "channel", "0");
		pp_arguments_propf(arguments, "scsi-id", "%u", place->target);
		pp_arguments_propf(arguments, "lun", "%u", place->unit);
	} else {
		if (place->target)
			pp_arguments_fail(
				arguments, place->line, "this SCSI controller has only target 0");
		pp_arguments_propf(arguments, "scsi-id", "%u", place->unit);
	}
	pp_arguments_propf(arguments, "device_id", "drive-%s", device->alias);
	pp_arguments_prop(arguments, "drive", node);
	pp_arguments_prop(arguments, "id", device->alias);
	put_common(arguments, device);
}

/* usb-storage is always a hard disk: a CD-ROM goes behind usb-bot, which has no medium of its own.
 */
static void put_usb(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	if (device->disk.device == PP_DISK_CDROM) {
		pp_arguments_device(arguments, device, "usb-bot");
		pp_arguments_usb_place(arguments, &device->place);
		pp_arguments_propf(arguments, "id", "%s-bot", device->alias);
		pp_arguments_end(arguments);
		pp_arguments_device(arguments, device, "scsi-cd");
		pp_arguments_propf(arguments, "bus", "%s-bot.0", device->alias);
		pp_arguments_prop(arguments, "drive", node);
		pp_arguments_prop(arguments, "id", device->alias);
	} else {
		pp_arguments_device(arguments, device, "usb-storage");
		pp_arguments_usb_place(arguments, &device->place);
		pp_arguments_prop(arguments, "drive", node);
		pp_arguments_prop(arguments, "id", device->alias);
		pp_arguments_prop(
			arguments, "removable", device->disk.removable == PP_ON ? "on" : "off");
	}
	put_common(arguments, device);
}

static void put_floppy(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	pp_arguments_device(arguments, device, "floppy");
	pp_arguments_propf(arguments, "unit", "%u", device->place.unit);
	pp_arguments_prop(arguments, "drive", node);
	pp_arguments_prop(arguments, "id", device->alias);
	put_common(arguments, device);
}

/* A namespace: its controller has the serial number, and what is done about errors is QEMU's. */
static void put_namespace(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *node)
{
	pp_arguments_device(arguments, device, "nvme-ns");
	pp_arguments_propf(arguments, "bus", "nvme%u", device->place.controller);
	pp_arguments_propf(arguments, "nsid", "%u", device->place.unit + 1);
	pp_arguments_prop(arguments, "drive", node);
	pp_arguments_prop(arguments, "id", device->alias);
	put_common(arguments, device);
}

void pp_arguments_disk(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const char *node = device->disk.source ? put_nodes(arguments, &device->disk) : NULL;

	switch (device->disk.bus) {
	case PP_BUS_VIRTIO:
		put_virtio(arguments, device, node);
		break;
	case PP_BUS_SATA:
	case PP_BUS_IDE:
		put_ide(arguments, device, node);
		break;
	case PP_BUS_SCSI:
		put_scsi(arguments, device, node);
		break;
	case PP_BUS_USB:
		put_usb(arguments, device, node);
		break;
	case PP_BUS_FDC:
		put_floppy(arguments, device, node);
		break;
	case PP_BUS_NVME:
		put_namespace(arguments, device, node);
		break;
	}
}
