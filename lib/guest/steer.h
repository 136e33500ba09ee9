/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What verbs ask of a guest that runs, through the monitor that is theirs. */
#ifndef LIB_GUEST_STEER_H
#define LIB_GUEST_STEER_H

#include "base/json.h"
#include "lib/guest/guest.h"

/* A guest that has to run: 1, or 0 (loaded, too) when it does not. WHAT: "end a guest". */
int pp_steer_load(struct pp_context *context, const char *word, const char *what,
	struct pp_guest **ret_guest, struct pp_error *error);
/* "guest X: cannot WHAT: it does not run" */
int pp_steer_refuse(const struct pp_guest *guest, const char *what, struct pp_error *error);
/* A descriptor of inotify that tells of each file that is replaced in the guest's folder. */
int pp_steer_watch(struct pp_context *context, const struct pp_guest *guest, int *ret_fd,
	struct pp_error *error);
/* One command; ARGUMENTS (may be NULL) are given away, *ret_value may be NULL. QEMU serves one
 * client of this monitor at a time: others wait in line. */
int pp_steer_command(struct pp_context *context, const struct pp_guest *guest, const char *command,
	struct pp_json *arguments, struct pp_json **ret_value, struct pp_error *error);

#endif
