/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader: what the files of this folder share while one host is read. Everything that they make
 * lives in the arena. A fact that cannot be read is left empty or flagged; only lack of memory, and
 * a tree that is no machine's, is an error. */
#ifndef HOST_READER_H
#define HOST_READER_H

#include "base/arena.h"
#include "base/tree.h"
#include <pcipass.h>

struct pp_reader {
	struct pp_tree *tree;
	struct pp_arena *arena;
	struct pp_arena *scratch;  /* gone when the host has been read */
	unsigned depth;            /* enum pp_read */
	bool privileged;           /* the live machine, and root reads it */
	struct pp_device *devices; /* by address */
	size_t n_devices;
	struct pp_group *groups; /* by number */
	size_t n_groups;
	struct pp_iommu *iommu;
	struct pp_kernel *kernel;
	struct pp_memory *memory;
	struct pp_modules *modules;
	const char *release; /* of the kernel, NULL: not known */
	struct pp_use *uses;
	size_t n_uses, size_uses;
	struct pp_caller *caller;
	struct pp_setting *settings;
	size_t n_settings, size_settings;
	const char **log;
	size_t n_log;
	const char *known_bad;
	struct pp_trouble trouble; /* why not everything could be read */
};

/* device.c: PP_READ_DEVICES, and PP_READ_CONFIG */
int pp_devices_read(struct pp_reader *reader, struct pp_error *error);
int pp_devices_read_deep(struct pp_reader *reader);
struct pp_device *pp_reader_device(
	const struct pp_reader *reader, const struct pp_address *address);
/* The device lowest on a path of /sys/devices, NULL where there is none. */
struct pp_device *pp_reader_device_of_path(const struct pp_reader *reader, const char *path);

/* bar.c: the lines of `resource`: the next one of *cursor, and those of BARs and ROM */
bool pp_bar_line(const char **cursor, struct pp_bar *ret_bar);
void pp_bars_parse(const char *text, struct pp_device *device);

/* group.c: who is in which, always; the rest with PP_READ_GROUPS */
int pp_groups_read(struct pp_reader *reader);

/* names.c: PP_READ_NAMES */
int pp_names_read(struct pp_reader *reader);

/* PP_READ_PLATFORM */
int pp_iommu_read(struct pp_reader *reader);
int pp_kernel_read(struct pp_reader *reader);
int pp_memory_read(struct pp_reader *reader);
int pp_caller_read(struct pp_reader *reader);

/* use.c: PP_READ_USES, PP_READ_HOLDERS */
int pp_uses_read(struct pp_reader *reader);

/* PP_READ_CHECKS */
int pp_health_read(struct pp_reader *reader);
int pp_numa_read(struct pp_reader *reader);

/* PP_READ_SETTINGS */
int pp_settings_read(struct pp_reader *reader);  /* settings.c, of the kernel and its modules */
int pp_tools_read(struct pp_reader *reader);     /* tools.c, of other tools */
int pp_functions_read(struct pp_reader *reader); /* functions.c: virtual functions of others */
int pp_log_read(struct pp_reader *reader);

#endif
