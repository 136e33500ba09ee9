/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/settle.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/domain/text.h"
#include "lib/guest/change.h"
#include "lib/guest/inside.h"
#include "lib/guest/news.h"
#include "lib/guest/release.h"
#include "lib/guest/steer.h"
#include "lib/qemu/hotplug.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOCK_MS 120000
#define CLOSE_MS 30000 /* for QEMU to close what it has said to be gone */

struct settling {
	struct pp_context *context;
	const struct pp_guest *guest;
	const struct pp_settle_options *options;
	int folder_fd;
	struct pp_plug_record *plug;
	struct pp_definition *live;
	struct pp_domain *wanted; /* with all that was to come */
	struct pp_json *peripherals;
	struct pp_address *gone; /* of them, not in QEMU */
	size_t n_gone;
	bool complete; /* all that was to come is there */
	char *text;    /* of live.xml, as it becomes */
	struct pp_plug_record next;
	bool changed;
};

static void settling_done(struct settling *s)
{
	pp_plug_record_free(s->plug);
	pp_definition_free(s->live);
	pp_domain_free(s->wanted);
	pp_json_free(s->peripherals);
	free(s->gone);
	free(s->text);
}

/* ---- QEMU ---- */

int pp_settle_ask(struct pp_context *context, const struct pp_guest *guest,
	struct pp_json **ret_peripherals, struct pp_error *error)
{
	struct pp_json *arguments = pp_json_object();

	if (!arguments || pp_json_set_string(arguments, "path", "/machine/peripheral") < 0) {
		pp_json_free(arguments);
		return pp_error_oom(error);
	}
	return pp_steer_command(context, guest, "qom-list", arguments, ret_peripherals, error);
}

int pp_settle_unplug(struct pp_context *context, const struct pp_guest *guest, const char *alias,
	struct pp_error *error)
{
	struct pp_json *arguments = pp_json_object();
	struct pp_error own = {0};

	if (!arguments || pp_json_set_string(arguments, "id", alias) < 0) {
		pp_json_free(arguments);
		return pp_error_oom(error);
	}
	int r = pp_steer_command(context, guest, "device_del", arguments, NULL, &own);
	/* "... is already in the process of unplug"; or it went a moment ago. */
	if (r == -EREMOTEIO &&
		(strstr(own.text, "already in the process") || strstr(own.text, "not found")))
		return 0;
	if (r < 0 && error)
		*error = own;
	return r;
}

/* ---- what is there ---- */

static bool is_gone(const struct settling *s, const struct pp_address *address)
{
	for (size_t i = 0; i < s->n_gone; i++)
		if (pp_address_compare(&s->gone[i], address) == 0)
			return true;
	return false;
}

/* A slot comes and goes whole: what is left of one holds all of it. */
static bool slot_is_held(const struct settling *s, const struct pp_place *place)
{
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(s->wanted, device)))
		if (device->place.bus == place->bus && device->place.slot == place->slot &&
			pp_hotplug_has(s->peripherals, device->alias))
			return true;
	return false;
}

static int compare(struct settling *s)
{
	const struct pp_domain_device *device = NULL;

	s->gone = calloc(s->wanted->n_devices + 1, sizeof(*s->gone));
	if (!s->gone)
		return -ENOMEM;
	while ((device = pp_domain_next_hostdev(s->wanted, device)))
		if (device->place.type == PP_PLACE_PCI && !slot_is_held(s, &device->place))
			s->gone[s->n_gone++] = device->hostdev.source;
	s->complete = s->plug->n_coming > 0 && !s->options->undo;
	for (size_t i = 0; i < s->plug->n_coming; i++)
		s->complete =
			s->complete && pp_hotplug_has(s->peripherals, s->plug->coming[i].alias);
	return 0;
}

static int read_all(struct settling *s, struct pp_error *error)
{
	int r = pp_plug_record_load(s->folder_fd, &s->plug, error);
	if (r >= 0)
		r = pp_definition_load_live(s->context, s->guest->name, &s->live, error);
	if (r < 0)
		return r;
	bool coming = s->plug->n_coming > 0;
	const char *text = coming ? s->plug->live : s->live->text;
	r = pp_domain_parse_live(text, strlen(text), s->live->path, &s->wanted, error);
	if (r < 0)
		return r;
	s->text = strdup(text);
	if (!s->text)
		return pp_error_oom(error);
	r = pp_settle_ask(s->context, s->guest, &s->peripherals, error);
	if (r >= 0 && compare(s) < 0)
		r = pp_error_oom(error);
	return r;
}

/* ---- what becomes of it ---- */

static int remove_gone(struct settling *s, struct pp_error *error)
{
	for (size_t i = 0; i < s->n_gone; i++) {
		char *less;
		int r = pp_domain_text_remove(s->text, strlen(s->text), &s->gone[i], &less, error);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		free(s->text);
		s->text = less;
	}
	return 0;
}

static int remember_leaving(
	struct pp_plug_leaving *list, size_t *count, const struct pp_address *address, bool config)
{
	for (size_t i = 0; i < *count; i++)
		if (pp_address_compare(&list[i].device, address) == 0)
			return 0;
	list[(*count)++] = (struct pp_plug_leaving){*address, config};
	return 0;
}

/* What stays to be waited for: those that have not gone, and what goes out again. */
static int keep_leaving(struct settling *s)
{
	const struct pp_plug_record *plug = s->plug;
	struct pp_plug_leaving *list =
		pp_arena_array(plug->arena, plug->n_leaving + plug->n_coming + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < plug->n_leaving; i++)
		if (!is_gone(s, &plug->leaving[i].device))
			remember_leaving(
				list, &count, &plug->leaving[i].device, plug->leaving[i].config);
	for (size_t i = 0; !s->complete && i < plug->n_coming; i++) {
		if (is_gone(s, &plug->coming[i].device))
			continue;
		/* A function that the guest has not seen goes at once. */
		pp_settle_unplug(s->context, s->guest, plug->coming[i].alias, NULL);
		remember_leaving(list, &count, &plug->coming[i].device, false);
	}
	s->next.leaving = list;
	s->next.n_leaving = count;
	return 0;
}

/* ---- back to the host ---- */

static void give_back(struct settling *s, const struct pp_domain *left,
	const struct pp_address *address, int wait_ms, struct pp_plug_failed *failed, size_t *count)
{
	const struct pp_record *record = s->guest->record;
	struct pp_error own = {0};
	bool changed = false;

	/* QEMU's word that it is gone is not enough. */
	int r = pp_inside_await_closed(record, left, address, wait_ms);
	if (r < 0) {
		pp_error_set(&own, PP_STATUS_FAILED, r,
			"QEMU (process %d) still has its IOMMU group open",
			(int)record->engine.pid);
	} else {
		pp_inside_withdraw(record, left, address);
		r = pp_guest_release_some(
			s->context, s->guest->name, address, 1, s->options->apply, &changed, &own);
	}
	s->changed |= changed;
	if (r >= 0)
		return;
	const char *text = pp_arena_strdup(s->plug->arena, own.text);
	failed[(*count)++] = (struct pp_plug_failed){*address, text ? text : "out of memory"};
}

static int give_all_back(struct settling *s, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *left = NULL;
	struct pp_plug_failed *failed =
		pp_arena_array(s->plug->arena, s->n_gone + s->plug->n_failed + 1, sizeof(*failed));
	size_t count = 0;

	if (!failed)
		return pp_error_oom(error);
	int r = pp_domain_parse_live(s->text, strlen(s->text), s->live->path, &left, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_gone; i++)
		give_back(s, left, &s->gone[i], CLOSE_MS, failed, &count);
	for (size_t i = 0; i < s->plug->n_failed; i++)
		if (!is_gone(s, &s->plug->failed[i].device))
			give_back(s, left, &s->plug->failed[i].device, 0, failed, &count);
	s->next.failed = failed;
	s->next.n_failed = count;
	return 0;
}

/* ---- the definition ---- */

/* Together with the run, or not at all. */
static int change_definition(struct settling *s, struct pp_error *error)
{
	const struct pp_plug_record *plug = s->plug;
	const char *name = s->guest->name;
	size_t count = 0;
	int r = 0;

	while (plug->config && plug->config[count])
		count++;
	if (s->complete && count > 0)
		r = pp_change_add(
			s->context, name, plug->config, count, name, false, &s->changed, error);
	for (size_t i = 0; r >= 0 && i < plug->n_leaving; i++)
		if (plug->leaving[i].config && is_gone(s, &plug->leaving[i].device))
			r = pp_change_remove(s->context, name, &plug->leaving[i].device, 1, false,
				&s->changed, error);
	return r;
}

/* ---- writing it down ---- */

/* A device is never in QEMU without being written down: what came is in live.xml before it leaves
 * plug.json, and why one is not back is known before it leaves live.xml. */
static int write_down(struct settling *s, struct pp_error *error)
{
	struct pp_plug_record both = s->next;
	bool same = strcmp(s->text, s->live->text) == 0;
	int r = 0;

	both.coming = s->plug->coming;
	both.n_coming = s->plug->n_coming;
	both.live = s->plug->live;
	both.config = s->plug->config;
	r = pp_plug_record_save(s->folder_fd, s->guest->name, &both, error);
	if (r < 0)
		return r;
	if (!same)
		r = pp_file_replace(s->folder_fd, PP_RECORD_LIVE, s->text, strlen(s->text), 0600);
	if (r < 0)
		return pp_error_errno(error, r, "cannot write down what the guest has");
	s->changed |= !same;
	if (both.n_coming > 0)
		r = pp_plug_record_save(s->folder_fd, s->guest->name, &s->next, error);
	return r;
}

static void tell_of(const struct settling *s, const char *event, const char *alias)
{
	pp_news_tell(
		s->context, s->guest->name, &(struct pp_news){.event = event, .device = alias});
}

static void tell(const struct settling *s)
{
	const struct pp_domain_device *device = NULL;

	for (size_t i = 0; s->complete && i < s->plug->n_coming; i++)
		tell_of(s, "device-added", s->plug->coming[i].alias);
	while ((device = pp_domain_next_hostdev(s->live->domain, device)))
		if (is_gone(s, &device->hostdev.source))
			tell_of(s, "device-removed", device->alias);
}

static int settle(struct settling *s, struct pp_error *error)
{
	int r = read_all(s, error);
	if (r < 0)
		return r;
	if (s->n_gone + s->plug->n_coming + s->plug->n_failed == 0)
		return 0;
	if (keep_leaving(s) < 0)
		return pp_error_oom(error);
	r = remove_gone(s, error);
	if (r >= 0)
		r = give_all_back(s, error);
	if (r < 0)
		return r;
	struct pp_error own = {0};
	int defined = change_definition(s, &own);
	r = write_down(s, error);
	if (r >= 0)
		tell(s);
	if (r >= 0 && defined < 0 && error)
		*error = own;
	return r < 0 ? r : defined;
}

int pp_guest_settle(struct pp_context *context, const struct pp_guest *guest, int folder_fd,
	const struct pp_settle_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(settling_done)
	struct settling s = {
		.context = context, .guest = guest, .options = options, .folder_fd = folder_fd};

	if (!pp_process_alive(&guest->record->engine))
		return 0;
	int r = settle(&s, error);
	if (ret_changed && s.changed)
		*ret_changed = true;
	/* It ended meanwhile: its supervisor gives back all that it had. */
	if (r < 0 && !pp_process_alive(&guest->record->engine)) {
		pp_error_clear(error);
		return 0;
	}
	return r;
}

int pp_guest_settle_name(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error)
{
	static const struct pp_settle_options options;
	struct pp_guest guest = {.name = name};
	PP_CLOSE int folder_fd = -1;
	PP_CLOSE int lock_fd = -1;

	int r = pp_record_folder(context, name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_plug_lock(folder_fd, LOCK_MS, &lock_fd, error);
	if (r >= 0)
		r = pp_record_load_at(folder_fd, name, &guest.record, error);
	if (r >= 0)
		r = pp_guest_settle(context, &guest, folder_fd, &options, ret_changed, error);
	pp_record_free(guest.record);
	return r;
}
