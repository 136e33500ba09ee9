/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading what a machine's folder has open. PATH says of what kind the file is. */
#ifndef BASE_TREE_FD_H
#define BASE_TREE_FD_H

#include "base/arena.h"
#include <sys/types.h>

#define PP_TREE_PIECE 4096 /* an attribute of sysfs has no more */

/* Up to SIZE bytes; fewer only at the end. */
ssize_t pp_tree_fd_read(int fd, const char *path, char *data, size_t size);
/* All of it, which lives in the arena, with a zero behind. -EFBIG: more than MAX. RET_LENGTH may be
 * NULL. */
int pp_tree_fd_whole(int fd, const char *path, size_t max, struct pp_arena *arena, char **ret_data,
	size_t *ret_length);
int pp_tree_keep(struct pp_arena *arena, const char *data, size_t length, char **ret_data,
	size_t *ret_length);

#endif
