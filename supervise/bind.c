/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcipass-bind: gives the devices that `pcipass nodedev-detach --config` named to their drivers, at
 * boot: called by udev for each device that appears, and first of all in an initramfs. */
#include "base/cleanup.h"
#include "base/options.h"
#include <fcntl.h>
#include <pcipass.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: pcipass-bind [--root DIR] [--functions] [ADDRESS]\n"
	"Gives the device at ADDRESS, or all that are bound in /etc/pcipass/bindings, to the "
	"driver\n"
	"that `pcipass nodedev-detach --config` chose, or makes the virtual functions that\n"
	"`pcipass nodedev-setvfs --config` asked for. The system runs this at boot.\n"
	"The kernel parameter pcipass.bind=0 switches it off for one boot.\n";

/* The kernel's log is the only place that is there this early. */
static void tell(const char *text, bool live)
{
	PP_FREE char *line = NULL;
	fprintf(stderr, "pcipass: %s\n", text);
	if (!live || asprintf(&line, "<5>pcipass: %s\n", text) < 0)
		return;
	PP_CLOSE int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		return;
}

static void progress(enum pp_event_kind kind, const char *text, void *data)
{
	if (kind == PP_EVENT_DONE || kind == PP_EVENT_NOTE)
		tell(text, data != NULL);
}

int main(int argc, char **argv)
{
	bool help = false, functions = false;
	const char *root = NULL;
	const struct pp_option options[] = {
		{"root", 0, "DIR", "another root than /", NULL, &root},
		{"functions", 0, NULL, "virtual functions alone", &functions, NULL},
		{"help", 'h', NULL, "this text", &help, NULL},
	};
	PP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	struct pp_error error = {0};
	struct pp_context *context = NULL;
	size_t n_words = 0;
	if (!words)
		return PP_STATUS_FAILED;
	if (pp_options_parse(
		    options, PP_COUNT(options), argc - 1, argv + 1, words, &n_words, &error) < 0) {
		tell(error.text, false);
		return error.status;
	}
	if (help || n_words > 1) {
		fputs(usage, help ? stdout : stderr);
		return help ? PP_STATUS_OK : PP_STATUS_USAGE;
	}
	int r = pp_context_open(root, &context, &error);
	struct pp_apply_options how = {.progress = progress, .data = root ? NULL : &how};
	if (r >= 0)
		r = (functions ? pp_bindings_apply_functions : pp_bindings_apply)(
			context, n_words ? words[0] : NULL, &how, &error);
	pp_context_close(context);
	if (r < 0 && n_words) /* of all, each was told */
		tell(error.text, !root);
	return r < 0 ? error.status : PP_STATUS_OK;
}
