/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A setting: a line of a file in which people or other tools say what is to be done with devices.
 */
#ifndef HOST_SETTING_H
#define HOST_SETTING_H

#include "lib/host/reader.h"

/* One more, zeroed; NULL without memory. The next one may move it. */
struct pp_setting *pp_setting_add(struct pp_reader *reader, enum pp_setting_kind kind,
	const char *tool, const char *file, unsigned line);
/* A copy without blanks around it; NULL without memory. */
char *pp_setting_text(struct pp_reader *reader, const char *text, size_t length);

/* Calls EACH for each line of a file that is neither empty nor a comment; 0 where there is no file.
 */
typedef int pp_setting_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data);
int pp_setting_lines(struct pp_reader *reader, const char *path, pp_setting_line *each, void *data);
/* The same for each file of a folder whose name ends in SUFFIX. */
int pp_setting_folder(struct pp_reader *reader, const char *folder, const char *suffix,
	pp_setting_line *each, void *data);

/* use_guest.c: the devices in libvirt's definitions. */
int pp_libvirt_settings(struct pp_reader *reader);

#endif
