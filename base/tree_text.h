/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine written down as text: its files in memory. The grammar stands in base/tree.h. */
#ifndef BASE_TREE_TEXT_H
#define BASE_TREE_TEXT_H

#include "base/tree.h"

struct pp_tree_node {
	const char *name;
	const struct pp_tree_node *parent; /* of the root: itself */
	char type;                         /* f d l c b, or ! for an error */
	int error;                         /* positive errno with type ! */
	const char *data;                  /* contents of a file, target of a link */
	size_t length;
	struct pp_tree_stat stat;       /* of c and b */
	struct pp_tree_node **children; /* of d, by name */
	size_t n_children, room;
};

struct pp_tree_text;
int pp_tree_text_parse(const char *name, const char *text, size_t length,
	struct pp_tree_text **ret_text, struct pp_error *error);
void pp_tree_text_free(struct pp_tree_text *text);
/* FOLLOW: also a link that is the last part of the path. */
int pp_tree_text_find(const struct pp_tree_text *text, const char *path, bool follow,
	const struct pp_tree_node **ret_node);

#endif
