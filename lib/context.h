/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: one machine (a tree), and the folders in which pcipass keeps things on it. */
#ifndef LIB_CONTEXT_H
#define LIB_CONTEXT_H

#include "base/tree.h"
#include <pcipass.h>

struct pp_context {
	struct pp_tree *tree;
	bool live;            /* this machine */
	bool read_only;       /* a machine as text */
	char *root;           /* "" or the directory: put before every path that is written */
	char *etc;            /* ROOT/etc/pcipass: definitions, persistent bindings */
	char *lib;            /* ROOT/var/lib/pcipass: records, NVRAM */
	char *run;            /* ROOT/run/pcipass: journal, state, locks */
	pp_progress *notices; /* pp_context_notices; may be NULL */
	void *notices_data;
};

/* Tells the one who asked for notices: a note, or another kind of event. */
void pp_context_note(struct pp_context *context, const char *format, ...) PP_PRINTF(2, 3);
void pp_context_say(struct pp_context *context, enum pp_event_kind kind, const char *format, ...)
	PP_PRINTF(3, 4);

#endif
