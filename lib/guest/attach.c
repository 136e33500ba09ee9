/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices into a guest's definition and out of it. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/text.h"
#include "lib/guest/guest.h"
#include <errno.h>
#include <string.h>

static bool has_hostdev(const struct pp_domain *domain, const struct pp_address *source)
{
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(domain, device)))
		if (!pp_address_compare(&device->hostdev.source, source))
			return true;
	return false;
}

/* A run is not changed: that is said, never left to be believed. */
static int refuse_live(const struct pp_guest *guest, enum pp_change_scope scope, const char *what,
	struct pp_error *error)
{
	bool runs = pp_guest_is_active(guest);

	if (scope == PP_SCOPE_CONFIG || (scope == PP_SCOPE_CURRENT && !runs))
		return 0;
	if (!runs) {
		pp_error_set(error, PP_STATUS_FAILED, -ESRCH,
			"it does not run, so nothing can be %s its run", what);
		pp_error_id(error, "guest-not-running");
		pp_error_remedy(error, "--config changes its definition");
		return -ESRCH;
	}
	pp_error_set(error, PP_STATUS_FAILED, -ENOTSUP,
		"it runs, and pcipass cannot change which devices a running guest has");
	pp_error_id(error, "no-hot-plug");
	pp_error_remedy(error, "--config changes its definition: that counts from its next start");
	return -ENOTSUP;
}

static int load(struct pp_context *context, const char *name, enum pp_change_scope scope,
	const char *what, struct pp_guest **ret_guest, const struct pp_domain **ret_domain,
	struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_guest_may_write(context, "change a guest", error);
	if (r >= 0)
		r = pp_guest_load(context, name, &guest, error);
	if (r < 0)
		return r;
	r = refuse_live(guest, scope, what, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s", guest->name) : r;
	r = pp_guest_domain(guest, ret_domain, error);
	if (r >= 0)
		*ret_guest = PP_TAKE(guest);
	return r;
}

static int replace(struct pp_context *context, const struct pp_guest *guest, const char *text,
	bool dry, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	const char *file = guest->definition->path;

	int r = pp_domain_parse(text, strlen(text), file, &domain, error);
	if (r < 0 || dry)
		return r;
	return pp_guest_define(context, text, strlen(text), file, NULL, ret_changed, error);
}

/* Old or new, never half: it is one replacement of the file. ANY: the text differs. */
static int store(struct pp_context *context, const struct pp_guest *guest, const char *text,
	bool any, bool dry, const char *what, bool *ret_changed, struct pp_error *error)
{
	bool changed = false;

	if (!text)
		return pp_error_oom(error);
	int r = any ? replace(context, guest, text, dry, &changed, error) : 0;
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s %s the device", guest->name, what)
			     : r;
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int pp_guest_attach(struct pp_context *context, const char *name, const char *const *devices,
	size_t n_devices, const char *file, enum pp_change_scope scope, bool dry, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_FREE char *text = NULL;
	const struct pp_domain *domain;
	bool any = false;

	int r = load(context, name, scope, "attached to", &guest, &domain, error);
	if (r < 0)
		return r;
	text = strndup(guest->definition->text, guest->definition->length);
	for (size_t i = 0; text && i < n_devices; i++) {
		PP_CLEANUP(pp_domain_freep) struct pp_domain *alone = NULL;
		char *more;

		r = pp_domain_text_device(
			devices[i], strlen(devices[i]), file, domain, &alone, error);
		if (r < 0)
			return r;
		const struct pp_domain_device *hostdev = pp_domain_next_hostdev(alone, NULL);
		if (hostdev && has_hostdev(domain, &hostdev->hostdev.source))
			continue;
		r = pp_domain_text_add(text, strlen(text), devices[i], &more, error);
		if (r < 0)
			return r;
		free(text);
		text = more;
		any = true;
	}
	return store(context, guest, text, any, dry, "with", ret_changed, error);
}

int pp_guest_detach(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses, enum pp_change_scope scope,
	bool dry, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_FREE char *text = NULL;
	const struct pp_domain *domain;
	bool any = false;

	int r = load(context, name, scope, "detached from", &guest, &domain, error);
	if (r < 0)
		return r;
	text = strndup(guest->definition->text, guest->definition->length);
	for (size_t i = 0; text && i < n_addresses; i++) {
		char *less;

		r = pp_domain_text_remove(text, strlen(text), &addresses[i], &less, error);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		free(text);
		text = less;
		any = true;
	}
	return store(context, guest, text, any, dry, "without", ret_changed, error);
}

int pp_guest_device_address(struct pp_context *context, const char *xml, const char *file,
	struct pp_address *ret_address, struct pp_error *error)
{
	static const struct pp_domain any = {.os = {.q35 = true}};
	PP_CLEANUP(pp_domain_freep) struct pp_domain *alone = NULL;

	int r = pp_domain_text_device(xml, strlen(xml), file, &any, &alone, error);
	if (r < 0)
		return r;
	const struct pp_domain_device *hostdev = pp_domain_next_hostdev(alone, NULL);
	if (!hostdev)
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: only a <hostdev> can be detached; `pcipass edit` changes the rest",
			file, alone->devices[0].line);
	*ret_address = hostdev->hostdev.source;
	return 0;
}
