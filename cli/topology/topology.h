/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The topology of a host: its functions as a tree that people would draw, in which what repeats is
 * one node. Pure: facts and words come in, all texts clean (no control characters). */
#ifndef CLI_TOPOLOGY_TOPOLOGY_H
#define CLI_TOPOLOGY_TOPOLOGY_H

#include "base/arena.h"
#include <pcipass.h>

enum topology_verdict {
	TOPOLOGY_NONE, /* a bridge, or not known */
	TOPOLOGY_GOES,
	TOPOLOGY_GROUP, /* with its whole IOMMU group */
	TOPOLOGY_STAYS,
	TOPOLOGY_OUT, /* it is with a guest, or detached for one */
};
/* What is known of a function beside the host's own facts. */
struct topology_function {
	const struct pp_device *device;
	const char *address; /* without the domain where that is 0000 */
	const char *name, *kind;
	enum topology_verdict verdict;
	const char *why, *why_id; /* the first check that fails, in words and by its name; NULL */
	const char *in_short;     /* as WHY, for a card */
	const char *const *uses;  /* what on the host would be hurt, in words */
	size_t n_uses;
	const char *holder; /* the guest that has it now; "" somebody that is none; NULL: nobody */
	const char *more;   /* lines for who asks for all */
};
struct topology_guest {
	const char *name, *state;
	bool runs;
	const size_t *functions; /* their numbers, rising */
	size_t n_functions;
	bool *held;        /* of each: it is with this guest now */
	size_t n_together; /* guests that are drawn as this one; 1: it alone */
};
struct topology_facts {
	const struct pp_host *host;
	const struct topology_function *functions; /* as host->devices */
	const struct topology_guest *guests;
	size_t n_guests;
	const char *title, *summary;
};

enum topology_kind {
	TOPOLOGY_BUS,     /* a root bus; its functions are the first of each */
	TOPOLOGY_PORT,    /* a bridge of any kind */
	TOPOLOGY_DEVICE,  /* an endpoint */
	TOPOLOGY_CHIPSET, /* what the machine itself is made of */
};
struct topology_node {
	enum topology_kind kind;
	size_t *functions; /* more than one: they are alike, and so is what is below each */
	size_t n_functions;
	struct topology_node **children;
	size_t n_children;
	/* The IOMMU group of all that is below and of itself: of each of the functions where
	 * ONE_EACH; -1: none, or not one. */
	const int *groups;
	size_t n_groups;
	int run; /* siblings of one run share a group and stand side by side; 0: alone */
};
struct topology_tree {
	struct topology_node **buses;
	size_t n_buses;
};
/* 0 or -ENOMEM; all of it in ARENA. */
int topology_tree_make(
	const struct topology_facts *facts, struct pp_arena *arena, struct topology_tree *ret_tree);

/* How many functions NODE and what is below it stand for. */
size_t topology_node_count(const struct topology_node *node);

/* ---- words (words.c): NULL for lack of memory ---- */

const char *topology_name(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node);
/* "01:00.0", "81:00.2, 81:00.3", "81:00.2 … 81:1f.7" */
const char *topology_addresses(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node);
/* "group 20", "groups 60–313", "" none */
const char *topology_groups(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node);
/* "Display controller · nvidia · group 20" */
const char *topology_facts_line(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node, bool group);
const char *topology_verdict_text(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node);
/* "16 GT/s ×16"; *RET_BEST what it could be where that is more, else "". "" without a link. */
const char *topology_link(
	struct pp_arena *arena, const struct pp_device *device, const char **ret_best);
/* All of it, a line a fact. */
const char *topology_node_title(const struct topology_facts *facts, struct pp_arena *arena,
	const struct topology_node *node);

#endif
