/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows: the ways in which passthrough fails, numbered, and what of each is seen beforehand. */
#ifndef LIB_CHECK_ROWS_H
#define LIB_CHECK_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define PP_CHECK_ROWS 65

struct pp_check_row {
	unsigned number;    /* 1 to PP_CHECK_ROWS */
	const char *cause;  /* one sentence */
	const char *remedy; /* in brief; a finding says it for its host and device */
	const char *limit;  /* what of it no check can see beforehand, and why; NULL: nothing */
};
const struct pp_check_row *pp_check_rows(size_t *ret_count);
bool pp_check_row_listed(const char *rows, unsigned number); /* is it in "2 3"? */

/* A text that QEMU, libvirt or the kernel say, and what it means. */
struct pp_explain_entry {
	const char *fragment; /* parts of a line, with * between them; case does not count */
	const char *rows, *ids;
	const char *cause, *remedy;
};
const struct pp_explain_entry *pp_explain_table(size_t *ret_count);

/* An id of a finding or an error that is no check's. */
struct pp_explain_id {
	const char *id, *cause, *remedy;
};
const struct pp_explain_id *pp_explain_ids(size_t *ret_count);

#endif
