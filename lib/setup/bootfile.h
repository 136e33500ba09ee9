/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of a boot loader: where in it the kernel's parameters stand, and an edit of just them.
 * Comments, titles, white space and what belongs to other systems stay as they are; what cannot be
 * understood is refused with file and line. */
#ifndef LIB_SETUP_BOOTFILE_H
#define LIB_SETUP_BOOTFILE_H

#include "base/arena.h"
#include "lib/setup/words.h"

enum pp_bootfile_format {
	PP_BOOTFILE_GRUB,           /* /etc/default/grub and its drop-ins */
	PP_BOOTFILE_LIMINE_DEFAULT, /* /etc/default/limine */
	PP_BOOTFILE_CMDLINE,        /* /etc/kernel/cmdline: nothing but parameters */
	PP_BOOTFILE_ENTRY,          /* loader/entries/NAME.conf */
	PP_BOOTFILE_LEGACY,         /* /boot/grub/grub.conf, menu.lst */
	PP_BOOTFILE_LIMINE,         /* limine.conf, limine.cfg */
	PP_BOOTFILE_FORMATS,
};
/* A word for records, "grub"; and back, PP_BOOTFILE_FORMATS: none. */
const char *pp_bootfile_name(enum pp_bootfile_format format);
enum pp_bootfile_format pp_bootfile_of(const char *name);

bool pp_bootfile_is_blank(const char *text, size_t length); /* nothing but white space */
/* Text that an edit may be made in: UTF-8, Unix line ends, neither empty nor huge. */
int pp_bootfile_check(const char *path, const char *text, size_t length, struct pp_error *error);
/* The text with the change, the same where there is nothing to be done. */
int pp_bootfile_edit(enum pp_bootfile_format format, const char *path, const char *text,
	size_t length, const struct pp_words_change *change, struct pp_buffer *out,
	struct pp_error *error);

extern const char *const pp_grub_names[]; /* the variables of /etc/default/grub */

#endif
