/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump: a machine written down as text, of just those files that were asked for while it was
 * read. */
#ifndef HOST_DUMP_H
#define HOST_DUMP_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/tree.h"
#include <pcipass.h>

/* What is known of one path; the more telling kind wins. */
enum pp_dump_kind {
	PP_DUMP_EXISTS, /* a file whose contents nobody asked for */
	PP_DUMP_FOLDER,
	PP_DUMP_ERROR,
	PP_DUMP_NODE,
	PP_DUMP_LINK,
	PP_DUMP_FILE,
};
struct pp_dump_entry {
	const char *path; /* no link in it */
	enum pp_dump_kind kind;
	char *data; /* contents, or target */
	size_t length;
	int error; /* positive */
	struct pp_tree_stat stat;
};
struct pp_dump {
	struct pp_tree *tree;
	struct pp_arena *arena;
	const struct pp_host *host;
	bool anonymize;
	struct pp_dump_entry *entries; /* by path, when they are complete */
	size_t n_entries, size_entries;
};

/* dump_select.c: of some files only a part matters. Sets the entry's data; 0 or -ENOMEM. */
int pp_dump_select(struct pp_dump *dump, struct pp_dump_entry *entry);
/* Config space, as far as it is understood. */
int pp_dump_read_config(
	struct pp_dump *dump, const char *path, char **ret_data, size_t *ret_length);
/* Is this left out altogether? */
bool pp_dump_omits(const struct pp_dump *dump, const char *path);

/* dump_private.c: blanks serial numbers, MACs and the host's name in all entries; 0 or -ENOMEM. */
int pp_dump_anonymize(struct pp_dump *dump);

#endif
