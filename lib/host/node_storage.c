/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks as node devices. */
#include "base/parse.h"
#include "lib/host/node_reader.h"
#include <string.h>

/* What kind of drive, as udev's rules or else its name say. */
static const char *drive_type(const struct pp_udev *udev, const char *devnode)
{
	static const char *const hints[][2] = {
		{"ID_DRIVE_FLOPPY", "floppy"}, {"ID_CDROM", "cd"}, {"ID_DRIVE_FLASH_SD", "sd"}};
	static const char *const prefixes[] = {"/dev/vd", "/dev/nvme"};
	const char *type = pp_udev_property(udev, "ID_TYPE");
	if (type && strcmp(type, "generic") != 0)
		return type;
	for (size_t i = 0; i < PP_COUNT(hints); i++)
		if (pp_udev_property(udev, hints[i][0]))
			return hints[i][1];
	for (size_t i = 0; i < PP_COUNT(prefixes); i++)
		if (pp_text_starts(devnode, prefixes[i]))
			return "disk";
	return NULL;
}

int pp_node_storage_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	static const char *const known[] = {"cd", "cd/dvd", "disk", "floppy", "sd"};
	struct pp_node_storage *storage = &record->storage;
	const char *type = record->devnode ? drive_type(udev, record->devnode) : NULL;
	for (size_t i = 0; type && i < PP_COUNT(known); i++)
		if (strcmp(type, known[i]) == 0)
			storage->drive_type = i < 2 ? "cdrom" : known[i];
	if (!storage->drive_type)
		return -ENODEV;
	storage->serial = pp_udev_property(udev, "ID_SERIAL");
	return 0;
}

/* Without blanks around it; what is nothing but blanks stays, as "". */
static int read_trimmed(const struct pp_udev *udev, const char *name, const char **ret_text)
{
	int r = pp_udev_text(udev, name, ret_text);
	if (r < 0 || !*ret_text)
		return r;
	const char *text = *ret_text;
	while (*text == ' ')
		text++;
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == ' ')
		length--;
	*ret_text = pp_arena_strndup(udev->arena, text, length);
	return *ret_text ? 0 : -ENOMEM;
}

/* `size` counts 512 bytes whatever the block: virsh's product is kept. */
static int read_size(const struct pp_udev *udev, struct pp_node_storage *storage, uint64_t *size)
{
	int r = pp_udev_number(udev, "size", 0, UINT64_MAX, &storage->blocks);
	if (r >= 0)
		r = pp_udev_number(
			udev, "queue/logical_block_size", 0, UINT64_MAX, &storage->block_size);
	*size = storage->blocks * storage->block_size;
	return r;
}

static int read_removable(const struct pp_udev *udev, struct pp_node_storage *storage)
{
	uint64_t removable = 0;
	unsigned media = 0;
	int r = pp_udev_number(udev, "removable", 0, INT32_MAX, &removable);
	if (r < 0)
		return r;
	storage->removable = removable == 1;
	if (strcmp(storage->drive_type, "floppy") == 0)
		media = pp_udev_property(udev, "ID_FS_LABEL") ? 1 : 0;
	else if (pp_udev_property(udev, "ID_CDROM_MEDIA") &&
		 pp_udev_property_number(udev, "ID_CDROM_MEDIA", 0, &media) < 0)
		return -EINVAL;
	storage->media = media;
	if (!media)
		return 0;
	storage->media_label = pp_udev_property(udev, "ID_FS_LABEL");
	return read_size(udev, storage, &storage->media_size);
}

int pp_node_storage_detail(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_storage *storage = &record->storage;
	storage->bus = pp_udev_property(udev, "ID_BUS");
	int r = read_trimmed(udev, "device/vendor", &storage->vendor);
	if (r >= 0)
		r = read_trimmed(udev, "device/model", &storage->model);
	if (r < 0)
		return r;
	if (strcmp(storage->drive_type, "cdrom") == 0 || strcmp(storage->drive_type, "floppy") == 0)
		r = read_removable(udev, storage);
	else
		r = read_size(udev, storage, &storage->size);
	return r == -EINVAL ? -ENODEV : r;
}
