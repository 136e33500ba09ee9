/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/context.h"
#include <stdio.h>
#include <string.h>

int pp_context_open(const char *root, struct pp_context **ret_context, struct pp_error *error)
{
	struct pp_context *context = calloc(1, sizeof(*context));
	if (!context)
		return pp_error_oom(error);

	int r = pp_tree_open(root, &context->tree, error);
	if (r < 0) {
		pp_context_close(context);
		return r;
	}
	const char *at = pp_tree_root(context->tree);
	context->live = pp_tree_is_live(context->tree);
	context->read_only = pp_tree_is_text(context->tree);
	context->root = strdup(at);
	if (!context->root || asprintf(&context->etc, "%s/etc/pcipass", at) < 0 ||
		asprintf(&context->lib, "%s/var/lib/pcipass", at) < 0 ||
		asprintf(&context->run, "%s/run/pcipass", at) < 0) {
		pp_context_close(context);
		return pp_error_oom(error);
	}
	*ret_context = context;
	return 0;
}

void pp_context_close(struct pp_context *context)
{
	if (!context)
		return;
	pp_tree_free(context->tree);
	free(context->root);
	free(context->etc);
	free(context->lib);
	free(context->run);
	free(context);
}

void pp_context_notices(struct pp_context *context, pp_progress *progress, void *data)
{
	context->notices = progress;
	context->notices_data = data;
}

static void tell(struct pp_context *context, enum pp_event_kind kind, const char *format,
	va_list args) __attribute__((format(printf, 3, 0)));
static void tell(
	struct pp_context *context, enum pp_event_kind kind, const char *format, va_list args)
{
	PP_FREE char *text = NULL;
	if (!context->notices)
		return;
	if (vasprintf(&text, format, args) >= 0)
		context->notices(kind, text, context->notices_data);
	else
		text = NULL;
}

void pp_context_note(struct pp_context *context, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(context, PP_EVENT_NOTE, format, args);
	va_end(args);
}

void pp_context_say(struct pp_context *context, enum pp_event_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(context, kind, format, args);
	va_end(args);
}

bool pp_context_is_live(const struct pp_context *context)
{
	return context->live;
}
