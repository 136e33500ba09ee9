/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* News: what happens to guests, a line each at the end of RUN/events, for whoever reads along
 * (pp_events_open). Written when it is in the guest's state already, by the supervisor, and by what
 * settles a guest's devices. */
#ifndef LIB_GUEST_NEWS_H
#define LIB_GUEST_NEWS_H

#include "lib/context.h"
#include "lib/guest/life.h"

#define PP_NEWS_FILE "events"
#define PP_NEWS_MAX (256 << 10) /* bytes; then a new file begins */
#define PP_NEWS_LINE_MAX 8192

struct pp_news {
	const char *event;  /* "lifecycle", "reboot", "device-added", "device-removed" */
	const char *detail; /* of lifecycle: "started" ...; else NULL */
	const char *reason; /* "booted" ...; NULL */
	const char *device; /* its alias; NULL */
};
/* What one step of a guest's life means to others, at most two of them; pure. */
size_t pp_news_of(const struct pp_life *before, const struct pp_life *after,
	struct pp_happening happening, struct pp_news ret_news[2]);
/* Nobody's work fails because others could not be told. */
void pp_news_tell(struct pp_context *context, const char *guest, const struct pp_news *news);

#endif
