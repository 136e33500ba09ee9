/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/trouble.h"
#include "base/parse.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

ssize_t pp_trouble_note(struct pp_trouble *trouble, const char *path, ssize_t result)
{
	/* Firmware has faults for as long as the machine lives, and its answers keep nobody safe.
	 */
	bool firmware = pp_text_starts(path, "/sys/firmware/");
	bool scarce =
		result == -ENOMEM || result == -EMFILE || result == -ENFILE || result == -ENOBUFS;
	if (!scarce && (result != -EIO || firmware || trouble->code))
		return result;
	if (trouble->code && trouble->code != -EIO)
		return result;
	trouble->code = (int)result;
	snprintf(trouble->path, sizeof(trouble->path), "%s", path);
	return result;
}

struct pp_trouble pp_trouble_take(struct pp_trouble *trouble)
{
	struct pp_trouble taken = *trouble;
	*trouble = (struct pp_trouble){0};
	return taken;
}
