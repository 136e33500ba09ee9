/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of CPUs or of NUMA nodes, as people write it: "0-3,8,^2". */
#ifndef DOMAIN_SET_H
#define DOMAIN_SET_H

#include "base/buffer.h"
#include <stdbool.h>
#include <stdint.h>

#define PP_SET_MAX 1024 /* its members are below that */

struct pp_set {
	uint64_t words[PP_SET_MAX / 64];
};

/* -EINVAL: no set; -ERANGE: a number is too large. An empty set is none. */
int pp_set_parse(const char *text, struct pp_set *ret_set);
bool pp_set_has(const struct pp_set *set, unsigned member);
void pp_set_add(struct pp_set *set, unsigned member);
bool pp_set_is_empty(const struct pp_set *set);
unsigned pp_set_count(const struct pp_set *set);
/* The smallest one that is at least FROM; PP_SET_MAX: none. */
unsigned pp_set_next(const struct pp_set *set, unsigned from);
/* "0-3,8" */
void pp_set_put(struct pp_buffer *buffer, const struct pp_set *set);

#endif
