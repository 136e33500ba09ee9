/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors of what QEMU works on: files, devices and sockets that its definition names, opened
 * by root after its own checks, so that QEMU needs to open nothing of the host. */
#ifndef LIB_GUEST_DESCRIPTOR_H
#define LIB_GUEST_DESCRIPTOR_H

#include "base/error.h"
#include "lib/qemu/argv.h"

/* "DEVICE:INODE", or of what is behind a device node, so that two paths of one disk are one. Owned
 * by the caller. */
int pp_descriptor_id(const char *path, char **ret_id, struct pp_error *error);

/* ID: what an image must still be; NULL: anything. */
int pp_descriptor_open(
	const struct pp_launch_file *file, const char *id, int *ret_fd, struct pp_error *error);

/* A socket that listens: connecting works from now on, whenever someone accepts. An old socket of
 * that name goes, anything else stays: -EEXIST. */
int pp_descriptor_listen(int folder_fd, const char *name, int *ret_fd);

#endif
