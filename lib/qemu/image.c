/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/image.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 64
#define NAME_MAX_BYTES 1023 /* QEMU's own limit */

/* docs/interop/qcow2 of QEMU: all numbers are big endian. */
#define MAGIC 0x514649fbu
#define OFFSET_VERSION 4
#define OFFSET_BACKING 8
#define OFFSET_BACKING_SIZE 16
#define OFFSET_FEATURES 72
#define OFFSET_HEADER_LENGTH 100
#define HEADER_2 72
#define HEADER_3 104
#define FEATURE_DATA_FILE 4u
#define EXTENSION_FORMAT 0xe2792acau

struct bytes {
	const unsigned char *data;
	size_t length;
};

static bool get_32(const struct bytes *bytes, size_t offset, uint32_t *ret_value)
{
	if (bytes->length < 4 || offset > bytes->length - 4)
		return false;
	uint32_t value;
	memcpy(&value, bytes->data + offset, sizeof(value));
	*ret_value = be32toh(value);
	return true;
}

static bool get_64(const struct bytes *bytes, size_t offset, uint64_t *ret_value)
{
	uint32_t high, low;
	if (!get_32(bytes, offset, &high) || !get_32(bytes, offset + 4, &low))
		return false;
	*ret_value = (uint64_t)high << 32 | low;
	return true;
}

static int get_text(const struct bytes *bytes, uint64_t offset, uint32_t size,
	struct pp_arena *arena, const char **ret_text)
{
	if (size == 0 || size > NAME_MAX_BYTES || offset > bytes->length ||
		size > bytes->length - offset || memchr(bytes->data + offset, 0, size))
		return -EBADMSG;
	*ret_text = pp_arena_printf(arena, "%.*s", (int)size, (const char *)bytes->data + offset);
	return *ret_text ? 0 : -ENOMEM;
}

/* The extensions between the header and the backing file's name. */
static int find_format(const struct bytes *bytes, size_t offset, uint64_t end,
	struct pp_arena *arena, const char **ret_format)
{
	uint32_t type, size;

	while (offset < end && get_32(bytes, offset, &type) && get_32(bytes, offset + 4, &size) &&
		type != 0) {
		offset += 8;
		if (size > bytes->length - offset)
			return -EBADMSG;
		if (type == EXTENSION_FORMAT)
			return get_text(bytes, offset, size, arena, ret_format);
		offset += ((size_t)size + 7) & ~(size_t)7;
	}
	return 0;
}

int pp_image_header_read(
	const void *data, size_t length, struct pp_arena *arena, struct pp_image_header *ret_header)
{
	const struct bytes bytes = {data, length};
	struct pp_image_header header = {0};
	uint32_t magic, version, size, header_length = HEADER_2;
	uint64_t offset, features = 0;

	if (!get_32(&bytes, 0, &magic) || magic != MAGIC ||
		!get_32(&bytes, OFFSET_VERSION, &version) || version < 2 || version > 3 ||
		!get_64(&bytes, OFFSET_BACKING, &offset) ||
		!get_32(&bytes, OFFSET_BACKING_SIZE, &size))
		return -EBADMSG;
	if (version == 3 && (!get_64(&bytes, OFFSET_FEATURES, &features) ||
				    !get_32(&bytes, OFFSET_HEADER_LENGTH, &header_length) ||
				    header_length < HEADER_3))
		return -EBADMSG;
	if (features & FEATURE_DATA_FILE)
		return -ENOTSUP;
	if (offset != 0) {
		int r = get_text(&bytes, offset, size, arena, &header.backing);
		if (r >= 0)
			r = find_format(&bytes, header_length, offset, arena, &header.format);
		if (r < 0)
			return r;
	}
	*ret_header = header;
	return 0;
}

/* ---- the chain ---- */

static int read_header(const char *path, struct pp_arena *arena, bool *ret_device,
	struct pp_image_header *ret_header, struct pp_error *error)
{
	PP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return pp_error_errno(error, -errno, "cannot read the disk image %s", path);
	if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s is neither a file nor a block device", path);
	PP_FREE char *data = malloc(PP_IMAGE_HEADER);
	if (!data)
		return pp_error_oom(error);
	ssize_t length = pread(fd, data, PP_IMAGE_HEADER, 0);
	if (length < 0)
		return pp_error_errno(error, -errno, "cannot read the disk image %s", path);
	*ret_device = S_ISBLK(stat.st_mode);
	int r = pp_image_header_read(data, (size_t)length, arena, ret_header);
	if (r == -ENOTSUP)
		return pp_error_set(error, PP_STATUS_FAILED, r,
			"the disk image %s keeps its data in another file, which is not supported",
			path);
	if (r == -EBADMSG)
		return pp_error_set(error, PP_STATUS_FAILED, r,
			"%s is no qcow2 image, or its header makes no sense", path);
	return r < 0 ? pp_error_errno(error, r, "cannot read the disk image %s", path) : 0;
}

static int refuse_backing(const char *path, const struct pp_image_header *header, const char *why,
	struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, -EINVAL, "the disk image %s lies on '%s', %s", path,
		header->backing, why);
	pp_error_id(error, "backing-file");
	pp_error_remedy(error, "`qemu-img rebase -u -b FILE -F FORMAT %s` writes it anew", path);
	return -EINVAL;
}

/* A name is as QEMU takes it: relative to the image that says it; with a colon before any slash it
 * is no file. */
static int name_backing(const char *path, const struct pp_image_header *header,
	struct pp_arena *arena, const char **ret_path, struct pp_error *error)
{
	const char *name = header->backing, *slash = strrchr(path, '/');

	if (pp_text_starts(name, "file:"))
		name += strlen("file:");
	if (name[strcspn(name, ":/")] == ':')
		return refuse_backing(path, header, "which is not a file of this host", error);
	if (!header->format)
		return refuse_backing(
			path, header, "but does not say in which format that is", error);
	*ret_path = *name == '/' || !slash
			    ? pp_arena_strdup(arena, name)
			    : pp_arena_printf(arena, "%.*s/%s", (int)(slash - path), path, name);
	return *ret_path ? 0 : pp_error_oom(error);
}

static int is_device(const char *path, bool *ret_device, struct pp_error *error)
{
	struct stat found;

	if (stat(path, &found) < 0)
		return pp_error_errno(error, -errno, "cannot find the disk image %s", path);
	*ret_device = S_ISBLK(found.st_mode);
	return 0;
}

int pp_image_chain(const char *path, const char *format, struct pp_arena *arena,
	const struct pp_image **ret_image, struct pp_error *error)
{
	struct pp_image *first = NULL, **place = &first;

	for (unsigned depth = 0; path; depth++) {
		struct pp_image_header header = {0};
		struct pp_image *image = pp_arena_alloc(arena, sizeof(*image));
		const char *next = NULL;

		if (!image)
			return pp_error_oom(error);
		if (depth == DEPTH_MAX)
			return pp_error_set(error, PP_STATUS_FAILED, -ELOOP,
				"the disk image %s lies on more than %d others, or on itself",
				first->path, DEPTH_MAX);
		int r = pp_text_is(format, "qcow2")
				? read_header(path, arena, &image->device, &header, error)
				: is_device(path, &image->device, error);
		if (r >= 0 && header.backing)
			r = name_backing(path, &header, arena, &next, error);
		if (r < 0)
			return r;
		image->path = path;
		image->format = format;
		*place = image;
		place = (struct pp_image **)&image->backing;
		path = next;
		format = header.format;
	}
	*ret_image = first;
	return 0;
}
