/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files by descriptor: whole reads with a bound, whole writes, atomic replacement. O_CLOEXEC
 * everywhere. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file (NUL added, *ret_length without it), at most MAX bytes: -EFBIG above.
 * DIR_FD may be AT_FDCWD. The caller frees. */
int pp_file_read(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_length);
int pp_file_read_fd(int fd, size_t max, char **ret_data, size_t *ret_length);
/* One write(2) of the whole text to an existing file (sysfs). */
int pp_file_poke(int dir_fd, const char *path, const char *text);
int pp_file_write_all(int fd, const void *data, size_t length);
/* Old or new, never half: temporary file beside it, fsync, rename, fsync of the folder. */
int pp_file_replace(int dir_fd, const char *path, const void *data, size_t length, mode_t mode);
/* Takes away what an interrupted pp_file_replace of NAME (NULL: of any file) has left in FOLDER,
 * and not what one that goes on is writing. */
void pp_file_sweep(int folder, const char *name);
int pp_file_mkdirs(int dir_fd, const char *path, mode_t mode);
int pp_file_remove_tree(int dir_fd, const char *path);
/* The target of a link, NUL added; the caller frees. */
int pp_file_link(int dir_fd, const char *path, char **ret_target);
bool pp_file_exists(int dir_fd, const char *path);
/* CLOCK_MONOTONIC in milliseconds, and in nanoseconds. */
long long pp_clock_ms(void);
long long pp_clock_ns(void);

#endif
