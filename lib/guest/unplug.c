/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of a guest that runs: QEMU asks the guest, the guest lets go when it likes, and then its
 * supervisor gives the devices back. What is here asks, and waits for all of that. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/domain/plug.h"
#include "lib/guest/plug.h"
#include "lib/guest/settle.h"
#include "lib/guest/steer.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TELL_MS 10000 /* a word now and then */
#define SLOT_MAX 8

/* ---- waiting ---- */

struct waiting {
	struct pp_context *context;
	struct pp_guest *guest;
	const struct pp_address *addresses;
	size_t n_addresses;
	const struct pp_change_options *options;
	int notify_fd;
	long long begin;
	int deadline_ms;
};

static void put_addresses(
	struct pp_buffer *text, const struct pp_address *addresses, size_t n_addresses)
{
	char host[PP_ADDRESS_SIZE];

	for (size_t i = 0; i < n_addresses; i++)
		pp_buffer_printf(text, "%s%s", i ? ", " : "", pp_address_text(&addresses[i], host));
}

/* Those that the guest still has, into TEXT. */
static int look(const struct waiting *w, struct pp_buffer *text, struct pp_error *error)
{
	PP_CLEANUP(pp_definition_freep) struct pp_definition *live = NULL;
	const struct pp_domain_device *device = NULL;
	char host[PP_ADDRESS_SIZE];

	pp_buffer_reset(text);
	int r = pp_definition_load_live(w->context, w->guest->name, &live, error);
	if (r == -ENOENT)
		return pp_error_errno(error, r, "cannot read what it runs with");
	if (r < 0 || !live->domain)
		return r < 0 ? r
			     : pp_error_set(
				       error, PP_STATUS_FAILED, -EBADMSG, "%s", live->fault.text);
	while ((device = pp_domain_next_hostdev(live->domain, device)))
		for (size_t i = 0; i < w->n_addresses; i++)
			if (!pp_address_compare(&device->hostdev.source, &w->addresses[i]))
				pp_buffer_printf(text, "%s%s", text->length ? ", " : "",
					pp_address_text(&device->hostdev.source, host));
	return text->failed ? pp_error_oom(error) : 0;
}

/* Until something is written into the guest's folder, or its supervisor has gone. */
static int doze(const struct waiting *w, int ms, struct pp_error *error)
{
	struct pp_process carer = pp_record_carer(w->guest->record);
	PP_CLOSE int carer_fd = carer.pid ? pp_process_fd(&carer) : -1;
	struct pollfd wait[] = {
		{.fd = w->notify_fd, .events = POLLIN}, {.fd = carer_fd, .events = POLLIN}};
	char events[4096];

	int r = poll(wait, carer_fd < 0 ? 1 : 2, ms);
	if (r < 0 && errno != EINTR)
		return pp_error_errno(error, -errno, "cannot wait for the guest");
	if (r > 0 && (wait[0].revents & POLLIN) && read(w->notify_fd, events, sizeof(events)) < 0)
		return pp_error_errno(error, -errno, "cannot watch its record");
	return 0;
}

static void tell_waiting(const struct waiting *w, const char *devices)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	if (!w->options->apply.progress)
		return;
	pp_buffer_printf(&text, "%s: the guest has not let go yet (%lld s; it is waited for %d s)",
		devices, (pp_clock_ms() - w->begin) / 1000, w->deadline_ms / 1000);
	w->options->apply.progress(PP_EVENT_NOTE, pp_buffer_text(&text), w->options->apply.data);
}

/* Its supervisor may not have heard of it: we ask QEMU ourselves. */
static int settle_ourselves(const struct waiting *w, struct pp_error *error)
{
	const struct pp_settle_options how = {.apply = &w->options->apply};
	PP_CLOSE int folder_fd = -1;
	PP_CLOSE int lock_fd = -1;

	int r = pp_record_folder(w->context, w->guest->name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_plug_lock(folder_fd, PP_PLUG_LOCK_MS, &lock_fd, error);
	return r < 0 ? r : pp_guest_settle(w->context, w->guest, folder_fd, &how, NULL, error);
}

static int fail_waiting(const struct waiting *w, const char *devices, struct pp_error *error)
{
	const char *name = w->guest->name;

	pp_error_set(error, PP_STATUS_IN_USE, -ETIMEDOUT,
		"the guest has not let go of %s within %d s", devices, w->deadline_ms / 1000);
	pp_error_id(error, "unplug-needs-guest");
	pp_error_remedy(error,
		"it was asked, and that stays: when it lets go, the device is given back to the "
		"host by itself. In the guest, end what uses it (a mounted disk, a driver without "
		"hot plug); the same command waits again, longer with --timeout; `pcipass shutdown "
		"%s` or `pcipass destroy %s` ends it",
		name, name);
	return -ETIMEDOUT;
}

/* Until none is left: 0; its end is as good. */
static int await_none(const struct waiting *w, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer devices = PP_BUFFER_INIT;
	long long told = w->begin, end = w->begin + w->deadline_ms;

	for (;;) {
		int r = pp_guest_reload(w->context, w->guest, error);
		if (r < 0 || !pp_guest_is_active(w->guest))
			return r < 0 ? r : 0;
		r = look(w, &devices, error);
		if (r < 0 || devices.length == 0)
			return r < 0 ? r : 0;
		long long now = pp_clock_ms();
		if (now >= end)
			break;
		if (now - told >= TELL_MS) {
			tell_waiting(w, devices.data);
			told = now;
		}
		long long next = told + TELL_MS < end ? told + TELL_MS : end;
		r = doze(w, next > now ? (int)(next - now) : 1, error);
		if (r < 0)
			return r;
	}
	int r = settle_ourselves(w, error);
	if (r >= 0)
		r = look(w, &devices, error);
	if (r < 0 || devices.length == 0)
		return r;
	return fail_waiting(w, devices.data, error);
}

/* Out of the guest is not back on the host. */
static int judge(const struct waiting *w, struct pp_error *error)
{
	PP_CLEANUP(pp_plug_record_freep) struct pp_plug_record *plug = NULL;
	PP_CLOSE int folder_fd = -1;

	if (!pp_guest_is_active(w->guest) && w->guest->record->state.life.unreleased)
		return pp_error_set(error, PP_STATUS_RECOVER, -EIO,
			"it has ended, but its devices are not back: %s",
			w->guest->record->state.devices ? w->guest->record->state.devices
							: "not known why");
	int r = pp_record_folder(w->context, w->guest->name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_plug_record_load(folder_fd, &plug, error);
	for (size_t i = 0; r >= 0 && i < plug->n_failed; i++)
		for (size_t j = 0; j < w->n_addresses; j++) {
			char host[PP_ADDRESS_SIZE];
			if (pp_address_compare(&plug->failed[i].device, &w->addresses[j]))
				continue;
			pp_error_set(error, PP_STATUS_RECOVER, -EIO,
				"the guest has let go of %s, but it is not back on the host: %s",
				pp_address_text(&w->addresses[j], host), plug->failed[i].text);
			pp_error_id(error, "device-not-back");
			pp_error_remedy(error, "`pcipass recover` tries again");
			return -EIO;
		}
	return r;
}

int pp_unplug_await(struct pp_context *context, struct pp_guest *guest,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_change_options *options, struct pp_error *error)
{
	PP_CLOSE int notify_fd = -1;
	struct waiting waiting = {.context = context,
		.guest = guest,
		.addresses = addresses,
		.n_addresses = n_addresses,
		.options = options,
		.begin = pp_clock_ms(),
		.deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : PP_UNPLUG_MS};

	int r = pp_steer_watch(context, guest, &notify_fd, error);
	waiting.notify_fd = notify_fd;
	if (r >= 0)
		r = await_none(&waiting, error);
	return r < 0 ? r : judge(&waiting, error);
}

/* ---- asking ---- */

struct unplugging {
	struct pp_context *context;
	const struct pp_change_options *options;
	struct pp_guest *guest;
	struct pp_arena *arena;
	struct pp_definition *live;
	const struct pp_address *asked; /* by the caller */
	size_t n_asked;
	bool config;
	struct pp_address *addresses; /* of them, in the guest */
	size_t n_addresses;
	const char **aliases; /* what QEMU is asked for: one of each slot */
	size_t n_aliases;
	int folder_fd, lock_fd;
};

static void unplugging_done(struct unplugging *u)
{
	pp_definition_free(u->live);
	pp_arena_free(u->arena);
	pp_closep(&u->folder_fd);
	pp_closep(&u->lock_fd);
}

static bool was_asked(const struct unplugging *u, const struct pp_address *address)
{
	for (size_t i = 0; i < u->n_asked; i++)
		if (pp_address_compare(&u->asked[i], address) == 0)
			return true;
	return false;
}

/* A guest lets go of slots, and the host takes back IOMMU groups. */
static int refuse_part(const struct pp_address *address, const struct pp_address *other,
	const char *why, struct pp_error *error)
{
	char one[PP_ADDRESS_SIZE], two[PP_ADDRESS_SIZE];

	pp_address_text(address, one);
	pp_address_text(other, two);
	pp_error_set(error, PP_STATUS_FAILED, -EPERM, "%s cannot go alone: %s %s", one, two, why);
	pp_error_id(error, "slot-goes-whole");
	pp_error_remedy(error, "name both: `pcipass detach-hostdev DOMAIN %s %s`", one, two);
	return -EPERM;
}

static int check_slot(const struct unplugging *u, const struct pp_address *address,
	const struct pp_domain_device *const *also, size_t count, struct pp_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!was_asked(u, &also[i]->hostdev.source))
			return refuse_part(address, &also[i]->hostdev.source,
				"is in the same slot of the guest, which lets go of whole slots",
				error);
	return 0;
}

static int check_group(const struct unplugging *u, const struct pp_host *host,
	const struct pp_address *address, struct pp_error *error)
{
	const struct pp_device *own = pp_host_device(host, address);
	const struct pp_domain_device *device = NULL;

	while (own && own->group >= 0 &&
		(device = pp_domain_next_hostdev(u->live->domain, device))) {
		const struct pp_device *other = pp_host_device(host, &device->hostdev.source);
		if (other && other->group == own->group && !was_asked(u, &other->address))
			return refuse_part(address, &other->address,
				"is in the same IOMMU group and stays in the guest, so that no "
				"driver of the host could have it",
				error);
	}
	return 0;
}

static int add_device(struct unplugging *u, const struct pp_host *host,
	const struct pp_address *address, struct pp_error *error)
{
	const struct pp_domain_device *first, *also[SLOT_MAX];
	size_t count;

	int r = pp_domain_unplug(u->live->domain, address, &first, also, &count, error);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = check_slot(u, address, also, count, error);
	if (r >= 0)
		r = check_group(u, host, address, error);
	if (r < 0)
		return r;
	u->addresses[u->n_addresses++] = *address;
	for (size_t i = 0; i < u->n_aliases; i++)
		if (pp_text_is(u->aliases[i], first->alias))
			return 0;
	u->aliases[u->n_aliases++] = first->alias;
	return 0;
}

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)

static int find_devices(struct unplugging *u, struct pp_error *error)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;

	int r = pp_definition_load_live(u->context, u->guest->name, &u->live, error);
	if (r == -ENOENT)
		return pp_error_errno(error, r, "cannot read what it runs with");
	if (r < 0)
		return r;
	if (!u->live->domain) {
		if (error)
			*error = u->live->fault;
		return -u->live->fault.code;
	}
	u->arena = pp_arena_new();
	u->addresses =
		u->arena ? pp_arena_array(u->arena, u->n_asked + 1, sizeof(*u->addresses)) : NULL;
	u->aliases =
		u->arena ? pp_arena_array(u->arena, u->n_asked + 1, sizeof(*u->aliases)) : NULL;
	if (!u->addresses || !u->aliases)
		return pp_error_oom(error);
	r = pp_host_read(u->context, PP_READ_GROUPS, &host, error);
	for (size_t i = 0; r >= 0 && i < u->n_asked; i++)
		r = add_device(u, host, &u->asked[i], error);
	return r;
}

/* QEMU cannot ask one that stands still, and would not be heard. */
static int refuse_paused(const struct unplugging *u, struct pp_error *error)
{
	if (u->guest->record->state.life.phase != PP_PHASE_PAUSED || u->n_addresses == 0)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EBUSY,
		"it is paused, and a guest lets go of a device only while it runs");
	pp_error_id(error, "unplug-needs-guest");
	pp_error_remedy(error, "`pcipass resume %s` first", u->guest->name);
	return -EBUSY;
}

static int write_asked(struct unplugging *u, struct pp_error *error)
{
	PP_CLEANUP(pp_plug_record_freep) struct pp_plug_record *plug = NULL;

	int r = pp_plug_record_load(u->folder_fd, &plug, error);
	if (r < 0)
		return r;
	struct pp_plug_leaving *list =
		pp_arena_array(u->arena, plug->n_leaving + u->n_addresses + 1, sizeof(*list));
	size_t count = 0;
	if (!list)
		return pp_error_oom(error);
	for (size_t i = 0; i < plug->n_leaving; i++)
		if (!was_asked(u, &plug->leaving[i].device))
			list[count++] = plug->leaving[i];
	for (size_t i = 0; i < u->n_addresses; i++)
		list[count++] = (struct pp_plug_leaving){u->addresses[i], u->config};
	plug->leaving = list;
	plug->n_leaving = count;
	return pp_plug_record_save(u->folder_fd, u->guest->name, plug, error);
}

static int ask(struct unplugging *u, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	int r = write_asked(u, error);
	for (size_t i = 0; r >= 0 && i < u->n_aliases; i++)
		r = pp_settle_unplug(u->context, u->guest, u->aliases[i], error);
	if (r < 0 || !u->options->apply.progress)
		return r;
	put_addresses(&text, u->addresses, u->n_addresses);
	pp_buffer_puts(&text, ": the guest is asked to let go");
	u->options->apply.progress(PP_EVENT_STEP, pp_buffer_text(&text), u->options->apply.data);
	return 0;
}

static int open_guest(struct unplugging *u, struct pp_error *error)
{
	const struct pp_settle_options how = {.apply = &u->options->apply};

	int r = pp_plug_may(u->guest, error);
	if (r < 0 || u->options->dry)
		return r;
	r = pp_record_folder(u->context, u->guest->name, false, &u->folder_fd, error);
	if (r >= 0)
		r = pp_plug_lock(u->folder_fd, PP_PLUG_LOCK_MS, &u->lock_fd, error);
	/* What another began, and was killed at. */
	return r < 0 ? r : pp_guest_settle(u->context, u->guest, u->folder_fd, &how, NULL, error);
}

static int unplug(struct unplugging *u, bool *ret_changed, struct pp_error *error)
{
	int r = open_guest(u, error);
	if (r >= 0)
		r = find_devices(u, error);
	if (r >= 0)
		r = refuse_paused(u, error);
	if (r < 0 || u->options->dry || u->n_addresses == 0)
		return r;
	r = ask(u, error);
	/* Whoever hears of devices that go needs the lock. */
	pp_closep(&u->lock_fd);
	u->lock_fd = -1;
	if (r >= 0)
		r = pp_unplug_await(
			u->context, u->guest, u->addresses, u->n_addresses, u->options, error);
	if (r >= 0)
		*ret_changed = true;
	return r;
}

int pp_guest_unplug(struct pp_context *context, struct pp_guest *guest,
	const struct pp_address *addresses, size_t n_addresses, bool config,
	const struct pp_change_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(unplugging_done)
	struct unplugging u = {.context = context,
		.options = options,
		.guest = guest,
		.asked = addresses,
		.n_asked = n_addresses,
		.config = config,
		.folder_fd = -1,
		.lock_fd = -1};

	return unplug(&u, ret_changed, error);
}
