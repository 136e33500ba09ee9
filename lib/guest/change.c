/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/change.h"
#include "base/parse.h"
#include "lib/domain/text.h"
#include "lib/guest/definition.h"
#include <errno.h>
#include <string.h>

struct change {
	struct pp_context *context;
	struct pp_definition *definition;
	char *text;
	bool any; /* the text is another one */
};

static void change_done(struct change *change)
{
	pp_definition_free(change->definition);
	free(change->text);
}

static int load(struct change *change, const char *name, struct pp_error *error)
{
	int r = pp_definition_load(change->context, name, &change->definition, error);

	if (r == -ENOENT)
		return pp_error_set(error, PP_STATUS_FAILED, r,
			"guest %s: it is not defined, it only runs", name);
	if (r < 0)
		return r;
	if (!change->definition->domain) {
		if (error)
			*error = change->definition->fault;
		return -change->definition->fault.code;
	}
	change->text = strndup(change->definition->text, change->definition->length);
	return change->text ? 0 : pp_error_oom(error);
}

static void take_text(struct change *change, char *text)
{
	free(change->text);
	change->text = text;
	change->any = true;
}

static int store(const struct change *change, const char *what, bool dry, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	const struct pp_definition *definition = change->definition;
	size_t length = strlen(change->text);
	bool changed = false;

	if (!change->any)
		return 0;
	int r = pp_domain_parse(change->text, length, definition->path, &domain, error);
	if (r >= 0 && !dry)
		r = pp_guest_define(change->context, change->text, length, definition->path, NULL,
			&changed, error);
	if (r < 0)
		return error ? pp_error_wrap(
				       error, "guest %s %s the device", definition->name, what)
			     : r;
	if (changed && ret_changed)
		*ret_changed = true;
	return 0;
}

/* ---- more ---- */

static bool has_hostdev(const struct pp_domain *domain, const struct pp_address *source)
{
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(domain, device)))
		if (!pp_address_compare(&device->hostdev.source, source))
			return true;
	return false;
}

static int add_device(
	struct change *change, const char *device, const char *file, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *alone = NULL;
	const struct pp_domain *domain = change->definition->domain;
	char *more;

	int r = pp_domain_text_device(device, strlen(device), file, domain, &alone, error);
	if (r < 0)
		return r;
	const struct pp_domain_device *hostdev = pp_domain_next_hostdev(alone, NULL);
	if (hostdev && has_hostdev(domain, &hostdev->hostdev.source))
		return 0;
	r = pp_domain_text_add(change->text, strlen(change->text), device, &more, error);
	if (r >= 0)
		take_text(change, more);
	return r;
}

int pp_change_add(struct pp_context *context, const char *name, const char *const *devices,
	size_t n_devices, const char *file, bool dry, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(change_done) struct change change = {.context = context};

	int r = load(&change, name, error);
	for (size_t i = 0; r >= 0 && i < n_devices; i++)
		r = add_device(&change, devices[i], file, error);
	return r < 0 ? r : store(&change, "with", dry, ret_changed, error);
}

/* ---- less ---- */

int pp_change_remove(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses, bool dry, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(change_done) struct change change = {.context = context};

	int r = load(&change, name, error);
	for (size_t i = 0; r >= 0 && i < n_addresses; i++) {
		char *less;
		r = pp_domain_text_remove(
			change.text, strlen(change.text), &addresses[i], &less, error);
		if (r >= 0)
			take_text(&change, less);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? r : store(&change, "without", dry, ret_changed, error);
}
