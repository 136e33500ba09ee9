/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices into a guest and out of it: its definition, its run, or both. */
#include "lib/domain/text.h"
#include "lib/guest/change.h"
#include "lib/guest/guest.h"
#include "lib/guest/plug.h"
#include <errno.h>
#include <string.h>

/* ---- which of the two ---- */

static int refuse_live(const struct pp_guest *guest, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, -ESRCH,
		"guest %s: it does not run, so its run cannot be changed", guest->name);
	pp_error_id(error, "guest-not-running");
	pp_error_remedy(error, "--config changes its definition");
	return -ESRCH;
}

static int judge_scope(const struct pp_guest *guest, enum pp_change_scope scope, bool *ret_live,
	bool *ret_config, struct pp_error *error)
{
	bool runs = pp_guest_is_active(guest);

	if (!runs && (scope == PP_SCOPE_LIVE || scope == PP_SCOPE_BOTH))
		return refuse_live(guest, error);
	*ret_live = runs && scope != PP_SCOPE_CONFIG;
	*ret_config = !*ret_live || scope == PP_SCOPE_BOTH || scope == PP_SCOPE_PERSISTENT;
	return 0;
}

int pp_guest_scope(struct pp_context *context, const char *name, enum pp_change_scope scope,
	bool *ret_live, bool *ret_config, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_guest_load(context, name, &guest, error);
	return r < 0 ? r : judge_scope(guest, scope, ret_live, ret_config, error);
}

struct change {
	struct pp_context *context;
	const struct pp_change_options *options;
	struct pp_guest *guest;
	bool live, config;
};

static void change_done(struct change *change)
{
	pp_guest_free(change->guest);
}

static int load(struct change *change, const char *name, struct pp_error *error)
{
	int r = pp_guest_may_write(change->context, "change a guest", error);
	if (r >= 0)
		r = pp_guest_load(change->context, name, &change->guest, error);
	if (r >= 0)
		r = judge_scope(change->guest, change->options->scope, &change->live,
			&change->config, error);
	return r;
}

static int wrap(const struct change *change, int r, struct pp_error *error)
{
	return r < 0 && error ? pp_error_wrap(error, "guest %s", change->guest->name) : r;
}

int pp_guest_attach(struct pp_context *context, const char *name, const char *const *devices,
	size_t n_devices, const char *file, const struct pp_change_options *options,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(change_done) struct change change = {.context = context, .options = options};
	bool changed = false;

	int r = load(&change, name, error);
	/* That it would be a good definition is known before the run changes. */
	if (r >= 0 && change.config)
		r = pp_change_add(context, change.guest->name, devices, n_devices, file,
			options->dry || change.live, &changed, error);
	if (r >= 0 && change.live)
		r = wrap(&change,
			pp_guest_plug(context, change.guest, devices, n_devices, file,
				change.config, options, &changed, error),
			error);
	if (r >= 0 && ret_changed)
		*ret_changed = changed;
	return r;
}

int pp_guest_attach_prepare(struct pp_context *context, const struct pp_host *host,
	const char *name, const char *const *devices, size_t n_devices, const char *file,
	enum pp_change_scope scope, const struct pp_check_options *check,
	struct pp_findings **ret_findings, struct pp_plan **ret_plan, struct pp_error *error)
{
	const struct pp_change_options options = {.scope = scope};
	PP_CLEANUP(change_done) struct change change = {.context = context, .options = &options};

	int r = load(&change, name, error);
	if (r < 0)
		return r;
	*ret_findings = NULL;
	*ret_plan = NULL;
	if (!change.live)
		return 0;
	return wrap(&change,
		pp_guest_plug_prepare(context, host, change.guest, devices, n_devices, file, check,
			ret_findings, ret_plan, error),
		error);
}

/* The supervisor changes the definition as the guest lets go; where it could not, or the run has
 * had none of them, it is done here. */
int pp_guest_detach(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_change_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(change_done) struct change change = {.context = context, .options = options};
	bool changed = false;

	int r = load(&change, name, error);
	if (r >= 0 && change.config)
		r = pp_change_remove(context, change.guest->name, addresses, n_addresses,
			options->dry || change.live, &changed, error);
	if (r >= 0 && change.live)
		r = wrap(&change,
			pp_guest_unplug(context, change.guest, addresses, n_addresses,
				change.config, options, &changed, error),
			error);
	if (r >= 0 && change.live && change.config && !options->dry)
		r = pp_change_remove(context, change.guest->name, addresses, n_addresses, false,
			&changed, error);
	if (r >= 0 && ret_changed)
		*ret_changed = changed;
	return r;
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
