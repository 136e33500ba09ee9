/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cleanup attribute for owned locals. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PP_CLEANUP(function) __attribute__((cleanup(function)))
/* PP_DEFINE_CLEANUP(struct pp_x *, pp_x_free) makes pp_x_freep for PP_CLEANUP(pp_x_freep). */
#define PP_DEFINE_CLEANUP(type, function)                                                          \
	static inline void function##p(type *p)                                                    \
	{                                                                                          \
		if (*p)                                                                            \
			function(*p);                                                              \
	}

static inline void pp_freep(void *p)
{
	free(*(void **)p);
}
static inline void pp_closep(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}
#define PP_FREE PP_CLEANUP(pp_freep)
#define PP_CLOSE PP_CLEANUP(pp_closep)

/* Takes the pointer out of an owned local: `*ret_x = PP_TAKE(x);` */
#define PP_TAKE(p)                                                                                 \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define PP_TAKE_FD(fd)                                                                             \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
#define PP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
