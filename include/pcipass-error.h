/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An error: a fixed-size record that the caller owns, so that reporting cannot fail. */
#ifndef PCIPASS_ERROR_H
#define PCIPASS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Exit statuses of the program, and what an error means to a caller. */
enum pp_status {
	PP_STATUS_OK = 0,
	PP_STATUS_FAILED = 1,    /* tried and failed */
	PP_STATUS_USAGE = 2,     /* the request itself is wrong */
	PP_STATUS_NOT_READY = 3, /* the host or device is not ready (or differs, for checks) */
	PP_STATUS_IN_USE = 4,    /* the host, a guest or a process uses it */
	PP_STATUS_RECOVER = 5,   /* something unfinished is in the way: `pcipass recover` */
};

struct pp_error {
	enum pp_status status;
	int code;         /* positive errno, 0 where none applies */
	char id[48];      /* finding id ("group-not-viable"), "" where none applies */
	char text[1536];  /* what was tried, on what, why it failed; one or more lines */
	char remedy[512]; /* what to do; "" where the text says it */
};

#ifdef __cplusplus
}
#endif
#endif
