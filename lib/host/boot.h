/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a machine is booted, as files: those of every boot loader that there is, the tools that make
 * and change them, what the firmware says of itself, SELinux's switches. Only read here; which of
 * them count is found out by lib/setup. */
#ifndef LIB_HOST_BOOT_H
#define LIB_HOST_BOOT_H

#include "base/arena.h"
#include "base/cleanup.h"
#include <pcipass.h>

struct pp_boot_file {
	const char *path;
	const char *text; /* NULL: it could not be read, or is only known to be there */
	size_t length;
	int error;        /* why not, -errno; 0: it was not to be read */
	const char *link; /* where it leads, a path; NULL: it is no link */
	bool writable;    /* by its owner */
};
struct pp_boot {
	const struct pp_boot_file *files; /* by path; what is not there is not in it */
	size_t n_files;
	struct pp_arena *arena;
};
int pp_boot_read(struct pp_context *context, const struct pp_host *host, struct pp_boot **ret_boot,
	struct pp_error *error);
void pp_boot_free(struct pp_boot *boot);
PP_DEFINE_CLEANUP(struct pp_boot *, pp_boot_free)

/* NULL: it is not there. */
const struct pp_boot_file *pp_boot_file(const struct pp_boot *boot, const char *path);
/* Its text; NULL: not there, or not read. */
const char *pp_boot_text(const struct pp_boot *boot, const char *path);
/* The path of a program; NULL: it is not installed. */
const char *pp_boot_program(const struct pp_boot *boot, const char *name);
/* Does a path lie in a folder; is anything there that does. */
bool pp_boot_under(const char *path, const char *folder);
bool pp_boot_has_under(const struct pp_boot *boot, const char *folder);

#endif
