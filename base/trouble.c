/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/trouble.h"
#include "base/parse.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* Several threads may read one tree. */
static pthread_mutex_t notes = PTHREAD_MUTEX_INITIALIZER;

ssize_t pp_trouble_note(struct pp_trouble *trouble, const char *path, ssize_t result)
{
	/* Firmware has faults for as long as the machine lives, and its answers keep nobody safe.
	 */
	bool firmware = pp_text_starts(path, "/sys/firmware/");
	bool scarce =
		result == -ENOMEM || result == -EMFILE || result == -ENFILE || result == -ENOBUFS;
	if (!scarce && (result != -EIO || firmware))
		return result;
	pthread_mutex_lock(&notes);
	if (!trouble->code || (scarce && trouble->code == -EIO)) {
		trouble->code = (int)result;
		snprintf(trouble->path, sizeof(trouble->path), "%s", path);
	}
	pthread_mutex_unlock(&notes);
	return result;
}

struct pp_trouble pp_trouble_take(struct pp_trouble *trouble)
{
	struct pp_trouble taken = *trouble;
	*trouble = (struct pp_trouble){0};
	return taken;
}
