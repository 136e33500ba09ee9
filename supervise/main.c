/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcipass-supervise: takes care of one guest until it has ended. Started by pcipass, or by systemd.
 */
#include "base/cleanup.h"
#include "base/options.h"
#include "lib/guest/supervisor.h"
#include "lib/guest/unit.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 5 /* each waits for the lock for two seconds */

static const char usage[] =
	"usage: pcipass-supervise [--root DIR] [--adopt | --unit] NAME\n"
	"Takes care of the guest NAME, as `pcipass start` prepared it, until it has ended and its\n"
	"devices are back. --adopt: QEMU runs already, or has ended, and its supervisor is gone.\n"
	"--unit: in a unit of systemd's, which `pcipass start` asked for.\n"
	"`pcipass start` and the verbs that find a guest alone run this; SIGTERM ends the guest.\n";

static int fail(const struct pp_error *error)
{
	fprintf(stderr, "pcipass-supervise: %s\n", error->text);
	return error->status;
}

/* What the verb that asked for the unit hands over; else a supervisor was killed, and another one
 * comes back. */
static int take_over(struct pp_context *context, const char *name,
	struct pp_supervise_options *options, struct pp_error *error)
{
	struct pp_unit_fds fds = {.status = -1, .lock = -1, .adopt = true};
	int r = pp_unit_receive(context, name, &fds, error);
	if (r < 0 && r != -ENOENT)
		return r;
	*options = (struct pp_supervise_options){
		.adopt = fds.adopt, .status_fd = fds.status, .lock_fd = fds.lock};
	return 0;
}

/* A verb that found the guest alone at the same moment has its lock, and waits for us to come for
 * it. */
static int supervise_unit(struct pp_context *context, const char *name, struct pp_error *error)
{
	struct pp_supervise_options options;
	int r = -EBUSY;
	for (int i = 0; r == -EBUSY && i < TRIES; i++) {
		pp_error_clear(error);
		r = take_over(context, name, &options, error);
		if (r >= 0)
			r = pp_supervise(context, name, &options, error);
	}
	if (r == -ENOENT)
		return pp_error_set(error, PP_STATUS_USAGE, r,
			"guest %s has not been started: `pcipass start %s` asks for this unit",
			name, name);
	return r;
}

int main(int argc, char **argv)
{
	bool adopt = false, handed = false, unit = false, help = false;
	const char *root = NULL;
	const struct pp_option options[] = {
		{"root", 0, "DIR", "another root than /", NULL, &root},
		{"adopt", 0, NULL, "QEMU may be there already", &adopt, NULL},
		{"unit", 0, NULL, "in a unit of systemd's", &unit, NULL},
		{"handed", 0, NULL, "descriptors 3 and 4 are the status pipe and the lock", &handed,
			NULL},
		{"help", 'h', NULL, "this text", &help, NULL},
	};
	PP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	size_t n_words = 0;
	struct pp_error error = {0};

	if (!words)
		return PP_STATUS_FAILED;
	if (pp_options_parse(
		    options, PP_COUNT(options), argc - 1, argv + 1, words, &n_words, &error) < 0)
		return fail(&error);
	if (help || n_words != 1) {
		fputs(usage, help ? stdout : stderr);
		return help ? PP_STATUS_OK : PP_STATUS_USAGE;
	}
	umask(077);
	struct pp_context *context = NULL;
	if (pp_context_open(root, &context, &error) < 0)
		return fail(&error);
	struct pp_supervise_options supervise = {.adopt = adopt,
		.status_fd = handed ? PP_SUPERVISOR_STATUS_FD : -1,
		.lock_fd = handed ? PP_SUPERVISOR_LOCK_FD : -1};
	int r = unit ? supervise_unit(context, words[0], &error)
		     : pp_supervise(context, words[0], &supervise, &error);
	pp_context_close(context);
	return r < 0 ? fail(&error) : PP_STATUS_OK;
}
