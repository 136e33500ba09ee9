/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log: what QEMU says, in the folder of the guest's run. It is bounded, for /run is memory.
 * What was in it before it was trimmed, or in the run before, is "qemu.log.old"; what is older is
 * gone. */
#ifndef LIB_GUEST_LOG_H
#define LIB_GUEST_LOG_H

#include "base/error.h"
#include <systemd/sd-event.h>

#define PP_LOG "qemu.log"
#define PP_LOG_OLD "qemu.log.old"
#define PP_LOG_MAX (1 << 20) /* bytes of each of the two */

/* A new log for QEMU to append to; the one before becomes the old one. */
int pp_log_begin(int folder_fd, int *ret_fd, struct pp_error *error);
/* Whenever QEMU has written, the log is trimmed; until the source is disabled. */
int pp_log_watch(sd_event *event, int folder_fd, sd_event_source **ret_source);
/* When it is too long, it becomes the old log, and only its last words stay. 1: so it was. */
int pp_log_trim(int folder_fd);
/* The last lines, at most MAX bytes; NULL when QEMU said nothing. The caller frees. */
char *pp_log_last_words(int folder_fd, size_t max);

#endif
