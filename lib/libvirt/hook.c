/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's hook does. libvirt waits for it and holds the guest's lock: nothing here asks
 * libvirt anything, and every wait has an end. libvirt itself neither looks whether the host needs
 * a device nor whether the group is viable, and finds a device that is out already where it is,
 * before and after; so the devices and the companions of their groups go out here, checked, and
 * come back here. */
#include "base/parse.h"
#include "lib/apply/apply.h"
#include "lib/check/check.h"
#include "lib/guest/remember.h"
#include "lib/host/libvirt.h"
#include "lib/libvirt/facts.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WRITE_MS 20000 /* of one write; the hook as a whole has a limit too */

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)

struct hook {
	struct pp_context *context;
	const char *name;
	char *owner; /* "libvirt:NAME" */
	struct pp_arena *arena;
	struct pp_libvirt_guest guest;
	struct pp_host *host;
	const struct pp_device **devices; /* the guest's, then companions */
	size_t n_hostdevs, n_devices;
	struct pp_apply_options options;
};

static void hook_done(struct hook *hook)
{
	free(hook->owner);
	pp_arena_free(hook->arena);
	pp_host_free(hook->host);
}

static void say(struct hook *hook, enum pp_event_kind kind, const char *format, ...)
	PP_PRINTF(3, 4);
static void say(struct hook *hook, enum pp_event_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = pp_arena_vprintf(hook->arena, format, args);
	va_end(args);
	if (text && hook->options.progress)
		hook->options.progress(kind, text, hook->options.data);
}

/* ---- before it starts ---- */

static int read_guest(struct hook *hook, const char *xml, size_t length, struct pp_error *error)
{
	int r = pp_libvirt_parse(hook->arena, xml, length, &hook->guest);
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r >= 0)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, r,
		"the definition that came with the call is not whole (%zu bytes), so nobody can "
		"tell "
		"whether it has devices of the host",
		length);
	pp_error_id(error, "hook-input");
	pp_error_remedy(error, "start it again; to do without this check: pcipass libvirt-hook "
			       "--disable");
	return r;
}

/* One that was taken over: both have its disks. */
static int refuse_twin(struct hook *hook, struct pp_error *error)
{
	int r = pp_qemu_lives(hook->context->tree, hook->name, "pcipass");
	if (r < 0)
		return pp_error_oom(error);
	if (r == 0)
		return 0;
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"the guest that pcipass took over from it runs (%s, pcipass, running; process %d)",
		hook->name, r);
	pp_error_id(error, "taken-over-runs");
	pp_error_remedy(error, "pcipass shutdown %s", hook->name);
	return -EBUSY;
}

/* What a run of this guest left whose end nobody told us: its daemon was killed. */
static int release_last(struct hook *hook, struct pp_error *error)
{
	PP_FREE struct pp_address *addresses = NULL;
	size_t count = 0;
	int r = pp_journal_devices(hook->context, hook->owner, &addresses, &count, error);
	if (r < 0 || count == 0)
		return r;
	r = pp_qemu_lives(hook->context->tree, hook->name, "libvirt");
	if (r < 0)
		return pp_error_oom(error);
	if (r > 0)
		return 0;
	return pp_journal_release(hook->context, hook->owner, NULL, 0, &hook->options, NULL, error);
}

static bool has_device(const struct hook *hook, const struct pp_device *device)
{
	for (size_t i = 0; i < hook->n_devices; i++)
		if (hook->devices[i] == device)
			return true;
	return false;
}

static int find_devices(struct hook *hook, struct pp_error *error)
{
	hook->devices =
		pp_arena_array(hook->arena, hook->host->n_devices + 1, sizeof(*hook->devices));
	if (!hook->devices)
		return pp_error_oom(error);
	for (size_t i = 0; i < hook->guest.n_devices; i++) {
		const struct pp_address *address = &hook->guest.devices[i].address;
		const struct pp_device *device = pp_host_device(hook->host, address);
		char text[PP_ADDRESS_SIZE];
		if (device && !has_device(hook, device))
			hook->devices[hook->n_devices++] = device;
		if (device)
			continue;
		pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"its device %s is not on this host", pp_address_text(address, text));
		pp_error_id(error, "device-missing");
		pp_error_remedy(error,
			"`pcipass nodedev-list --long` shows what is; addresses move when cards "
			"do: "
			"virsh edit %s",
			hook->name);
		return -ENODEV;
	}
	hook->n_hostdevs = hook->n_devices;
	return 0;
}

/* libvirt's own condition, in words that say what to do. */
static int check_unmanaged(struct hook *hook, struct pp_error *error)
{
	for (size_t i = 0; i < hook->guest.n_devices; i++) {
		const struct pp_device *device =
			pp_host_device(hook->host, &hook->guest.devices[i].address);
		if (hook->guest.devices[i].managed ||
			(device->driver && pp_driver_passes(device->driver)))
			continue;
		pp_error_set(error, PP_STATUS_NOT_READY, -EBUSY,
			"its device %s is not managed, and still with the host's driver (%s)",
			device->name, device->driver ? device->driver : "none");
		pp_error_id(error, "not-detached");
		pp_error_remedy(error,
			"pcipass nodedev-detach %s --group, or managed='yes' in its <hostdev>: "
			"virsh "
			"edit %s",
			device->name, hook->name);
		return -EBUSY;
	}
	return 0;
}

static void add_companions(struct hook *hook)
{
	for (size_t i = 0; i < hook->n_hostdevs; i++) {
		int number = hook->devices[i]->group;
		const struct pp_group *group =
			number < 0 ? NULL : pp_host_group(hook->host, number);
		for (size_t j = 0; group && j < group->n_devices; j++) {
			const struct pp_device *member = group->devices[j];
			if (member->header == PP_HEADER_ENDPOINT && pp_device_holds_group(member) &&
				!has_device(hook, member))
				hook->devices[hook->n_devices++] = member;
		}
	}
}

/* Its devices, its memory and how both fit into it; XML was read whole before. */
static int check(struct hook *hook, const char *xml, size_t length,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	struct pp_check_options options = {.group = true, .act = true};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	size_t start = 0, size = 0;
	if (pp_libvirt_domain_text(xml, length, &start, &size) < 0)
		return pp_error_oom(error);
	int r = pp_libvirt_check_guest(hook->context, hook->host, &hook->guest, xml + start, size,
		hook->arena, &options, &findings, error);
	if (r >= 0)
		r = pp_findings_refuse(findings, error);
	if (findings && ret_findings)
		*ret_findings = PP_TAKE(findings);
	return r;
}

/* While the host's driver has them still, which knows more of them. It is no reason not to start.
 */
static void remember(struct hook *hook)
{
	struct pp_error error = {0};
	struct pp_address *addresses =
		pp_arena_array(hook->arena, hook->n_hostdevs + 1, sizeof(*addresses));
	for (size_t i = 0; addresses && i < hook->n_hostdevs; i++)
		addresses[i] = hook->devices[i]->address;
	if (addresses && !hook->context->read_only &&
		pp_guest_remember_at(hook->context, hook->host, hook->owner, addresses,
			hook->n_hostdevs, false, &error) < 0)
		say(hook, PP_EVENT_NOTE, "%s", error.text);
}

static int take(struct hook *hook, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	const struct pp_device **moved =
		pp_arena_array(hook->arena, hook->n_devices + 1, sizeof(*moved));
	size_t count = 0;
	if (!moved)
		return pp_error_oom(error);
	for (size_t i = 0; i < hook->n_devices; i++)
		if (!pp_driver_is_vfio(hook->devices[i]->driver))
			moved[count++] = hook->devices[i];
	int r = pp_plan_detach(hook->host, moved, count, NULL, &plan, error);
	if (r < 0)
		return r;
	r = pp_plan_name(plan, "libvirt-hook", hook->owner, error);
	if (r < 0)
		pp_error_remedy(error, "virsh domrename gives it a shorter one");
	for (size_t i = 0; r >= 0 && i < hook->n_devices; i++)
		r = pp_plan_claim(plan, hook->devices[i], error);
	return r < 0 ? r : pp_apply(hook->context, plan, &hook->options, NULL, error);
}

static int prepare(struct hook *hook, const char *xml, size_t length,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	int r = read_guest(hook, xml, length, error);
	if (r < 0 || hook->guest.n_devices == 0)
		return r;
	r = refuse_twin(hook, error);
	if (r >= 0)
		r = release_last(hook, error);
	if (r >= 0)
		r = pp_host_read(hook->context, PP_READ_ALL, &hook->host, error);
	if (r >= 0)
		r = find_devices(hook, error);
	if (r >= 0)
		r = check_unmanaged(hook, error);
	if (r >= 0)
		r = check(hook, xml, length, ret_findings, error);
	if (r < 0)
		return r;
	remember(hook);
	add_companions(hook);
	return take(hook, error);
}

/* ---- after it has ended ---- */

/* A reset that is known to harm is left out; one that fails does not keep a device from going back.
 */
static void reset(struct hook *hook, const struct pp_device *device)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_FREE char *method = NULL;
	struct pp_error error = {0};
	if (!pp_driver_is_vfio(device->driver))
		return;
	if (pp_check_ids(hook->host, "known-bad", &device, 1, true, &findings, NULL) >= 0 &&
		pp_findings_worst(findings) >= PP_WARN) {
		say(hook, PP_EVENT_NOTE, "%s is not reset: %s", device->name,
			findings->items[0].text);
		return;
	}
	if (pp_device_reset(hook->context, device, &method, &error) < 0)
		say(hook, PP_EVENT_NOTE, "%s", error.text);
	else
		say(hook, PP_EVENT_DONE, "%s reset (%s)", device->name, method);
}

static int release(struct hook *hook, struct pp_error *error)
{
	PP_FREE struct pp_address *addresses = NULL;
	size_t count = 0;
	int r = pp_journal_devices(hook->context, hook->owner, &addresses, &count, error);
	if (r < 0 || count == 0)
		return r;
	/* What cannot be read is not reset; what is out goes back in any case. */
	if (pp_host_read(
		    hook->context, PP_READ_ALL & ~(unsigned)PP_READ_NAMES, &hook->host, NULL) >= 0)
		for (size_t i = 0; i < count; i++) {
			const struct pp_device *device = pp_host_device(hook->host, &addresses[i]);
			if (device)
				reset(hook, device);
		}
	r = pp_journal_release(hook->context, hook->owner, NULL, 0, &hook->options, NULL, error);
	if (r < 0 && error && !*error->remedy)
		pp_error_remedy(error, "pcipass recover");
	return r;
}

int pp_libvirt_hook(struct pp_context *context, const char *guest, const char *operation,
	const char *phase, const char *xml, size_t length, pp_progress *progress, void *data,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	PP_CLEANUP(hook_done)
	struct hook hook = {.context = context,
		.name = guest,
		.arena = pp_arena_new(),
		.options = {.deadline_ms = WRITE_MS, .progress = progress, .data = data}};
	int r = 0;
	if (!hook.arena || asprintf(&hook.owner, "libvirt:%s", guest) < 0)
		return pp_error_oom(error);
	if (pp_text_is(operation, "prepare") && pp_text_is(phase, "begin"))
		r = prepare(&hook, xml, length, ret_findings, error);
	else if (pp_text_is(operation, "release") && pp_text_is(phase, "end"))
		r = release(&hook, error);
	return r < 0 && error ? pp_error_wrap(error, "guest %s", guest) : r;
}
