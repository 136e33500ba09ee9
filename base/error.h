/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setting and wrapping a struct pp_error. Every function takes a NULL error and then only returns.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <pcipass-error.h>
#include <stdarg.h>

#define PP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fills the error and returns CODE, which is negative (-errno) or 0 (then -EIO is returned). */
int pp_error_set(struct pp_error *error, enum pp_status status, int code, const char *format, ...)
	PP_PRINTF(4, 5);
/* As pp_error_set(PP_STATUS_FAILED) with ": <strerror>" appended. */
int pp_error_errno(struct pp_error *error, int code, const char *format, ...) PP_PRINTF(3, 4);
/* Puts "<format>: " before the text that is there; keeps status, code, id. Returns -error->code. */
int pp_error_wrap(struct pp_error *error, const char *format, ...) PP_PRINTF(2, 3);
void pp_error_remedy(struct pp_error *error, const char *format, ...) PP_PRINTF(2, 3);
void pp_error_id(struct pp_error *error, const char *id);
void pp_error_clear(struct pp_error *error);
/* Of several things that are all tried, the first failure is told: R (with OWN) becomes the error
 * unless FIRST is one. Returns what is first from now on. */
int pp_error_keep_first(int first, int r, const struct pp_error *own, struct pp_error *error);
/* Out of memory: sets the error without allocating; returns -ENOMEM. */
int pp_error_oom(struct pp_error *error);

#endif
