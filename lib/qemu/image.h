/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disk images and what they lie on: the backing files that a qcow2's header names, down to the
 * last. QEMU would open them by itself; one that may open nothing is given them. */
#ifndef QEMU_IMAGE_H
#define QEMU_IMAGE_H

#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

struct pp_image {
	const char *path, *format;
	bool device;                    /* a block device */
	const struct pp_image *backing; /* NULL: it lies on nothing */
};

/* What a qcow2's header says of its backing file. The bytes from the file's begin, as many as there
 * are up to PP_IMAGE_HEADER. -EBADMSG: no qcow2, or its fields make no sense; -ENOTSUP: its data is
 * in a file beside it. */
#define PP_IMAGE_HEADER ((size_t)64 << 10)
struct pp_image_header {
	const char *backing; /* as it is written there, in the arena; NULL: none */
	const char *format;  /* of the backing file; NULL: not said */
};
int pp_image_header_read(const void *data, size_t length, struct pp_arena *arena,
	struct pp_image_header *ret_header);

/* The image at PATH and all that it lies on, in the arena. Formats other than qcow2 are taken as
 * they are. */
int pp_image_chain(const char *path, const char *format, struct pp_arena *arena,
	const struct pp_image **ret_image, struct pp_error *error);

#endif
