/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Into a guest that runs: its devices leave the host, QEMU gets what it needs to open them, and
 * takes them; or nothing was. */
#include "lib/guest/plug.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/domain/plug.h"
#include "lib/domain/text.h"
#include "lib/guest/change.h"
#include "lib/guest/inside.h"
#include "lib/guest/prepare.h"
#include "lib/guest/settle.h"
#include "lib/guest/steer.h"
#include "lib/guest/taken.h"
#include "lib/plan/plan.h"
#include "lib/qemu/hotplug.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)

struct plugging {
	struct pp_context *context;
	const struct pp_change_options *options;
	struct pp_guest *guest;
	struct pp_arena *arena;
	const char *file; /* of the devices' texts */
	struct pp_definition *live;
	struct pp_domain **alone; /* each device that is not there yet; owned */
	const char **texts;
	struct pp_domain_device *devices; /* the same */
	size_t n_devices;
	const char **all; /* for the definition; NULL: it does not change */
	size_t n_all;
	struct pp_domain *assigned; /* the guest with them */
	char *text;                 /* of live.xml then */
	struct pp_plan *own_plan;
	int folder_fd, lock_fd, verb_fd;
};

static void plugging_done(struct plugging *p)
{
	for (size_t i = 0; i < p->n_devices; i++)
		pp_domain_free(p->alone[i]);
	pp_domain_free(p->assigned);
	pp_definition_free(p->live);
	pp_plan_free(p->own_plan);
	pp_arena_free(p->arena);
	free(p->text);
	pp_closep(&p->folder_fd);
	pp_closep(&p->verb_fd);
	pp_closep(&p->lock_fd);
}

static void say(const struct plugging *p, enum pp_event_kind kind, const char *format, ...)
	PP_PRINTF(3, 4);
static void say(const struct plugging *p, enum pp_event_kind kind, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	if (!p->options->apply.progress)
		return;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	p->options->apply.progress(kind, pp_buffer_text(&text), p->options->apply.data);
}

int pp_plug_may(const struct pp_guest *guest, struct pp_error *error)
{
	const struct pp_record *record = guest->record;
	enum pp_phase phase = record->state.life.phase;
	const char *reason;
	enum pp_guest_state state = pp_record_show(record, &reason);

	if (!record->state.fault && (phase == PP_PHASE_RUNNING || phase == PP_PHASE_PAUSED) &&
		record->state.life.monitor)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EBUSY,
		"its devices cannot be changed now: it is %s (%s)", pp_guest_state_text(state),
		reason);
	pp_error_remedy(error, "`pcipass domstate %s` shows how it goes on", guest->name);
	return -EBUSY;
}

/* ---- what comes, and where it goes ---- */

static bool has_hostdev(const struct pp_domain *domain, const struct pp_address *source)
{
	const struct pp_domain_device *device = NULL;

	while ((device = pp_domain_next_hostdev(domain, device)))
		if (pp_address_compare(&device->hostdev.source, source) == 0)
			return true;
	return false;
}

/* QEMU is in a room of its own, and finds a file by a descriptor alone. */
static int refuse_rom(
	const struct plugging *p, const struct pp_domain_device *device, struct pp_error *error)
{
	if (!device->rom_file || device->rom_enabled == PP_OFF || !p->guest->record->launch.own)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -ENOTSUP,
		"%s:%d: a device with a ROM of its own (%s) cannot be plugged into a guest that "
		"runs",
		p->file, device->line, device->rom_file);
	pp_error_remedy(error, "leave <rom file=...> out, or --config: from its next start");
	return -ENOTSUP;
}

static int read_device(struct plugging *p, const char *text, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *alone = NULL;

	int r = pp_domain_text_device(text, strlen(text), p->file, p->live->domain, &alone, error);
	if (r < 0)
		return r;
	const struct pp_domain_device *device = &alone->devices[0];
	if (device->kind == PP_DEV_HOSTDEV && has_hostdev(p->live->domain, &device->hostdev.source))
		return 0;
	r = refuse_rom(p, device, error);
	if (r < 0)
		return r;
	p->devices[p->n_devices] = *device;
	p->texts[p->n_devices] = text;
	p->alone[p->n_devices++] = PP_TAKE(alone);
	return 0;
}

static int read_devices(
	struct plugging *p, const char *const *devices, size_t count, struct pp_error *error)
{
	int r = pp_definition_load_live(p->context, p->guest->name, &p->live, error);
	if (r == -ENOENT)
		return pp_error_errno(error, r, "cannot read what it runs with");
	if (r < 0)
		return r;
	if (!p->live->domain) {
		if (error)
			*error = p->live->fault;
		return -p->live->fault.code;
	}
	p->arena = pp_arena_new();
	p->alone = p->arena ? pp_arena_array(p->arena, count + 1, sizeof(*p->alone)) : NULL;
	p->texts = p->arena ? pp_arena_array(p->arena, count + 1, sizeof(*p->texts)) : NULL;
	p->devices = p->arena ? pp_arena_array(p->arena, count + 1, sizeof(*p->devices)) : NULL;
	if (!p->alone || !p->texts || !p->devices)
		return pp_error_oom(error);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = read_device(p, devices[i], error);
	return r;
}

static int write_text(struct plugging *p, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *again = NULL;
	PP_FREE char *text = strndup(p->live->text, p->live->length);
	int r = text ? 0 : pp_error_oom(error);

	for (size_t i = 0; r >= 0 && i < p->n_devices; i++) {
		char *more;
		r = pp_domain_text_add(text, strlen(text), p->texts[i], &more, error);
		if (r < 0)
			return r;
		free(text);
		text = more;
	}
	if (r >= 0)
		r = pp_domain_text_live(text, strlen(text), p->assigned, &p->text, error);
	/* What comes out must be read by whoever goes on with it. */
	return r < 0 ? r : pp_domain_parse_live(p->text, strlen(p->text), p->file, &again, error);
}

static int find_places(struct plugging *p, const struct pp_host *host, struct pp_error *error)
{
	struct pp_domain coming = {.devices = p->devices, .n_devices = p->n_devices};
	struct pp_hostdev_fact *facts;
	size_t n_facts;

	int r = pp_guest_hostdev_facts(host, &coming, p->arena, &facts, &n_facts, error);
	if (r >= 0)
		r = pp_domain_plug(p->live->domain, p->devices, p->n_devices, facts, n_facts,
			p->file, &p->assigned, error);
	return r < 0 ? r : write_text(p, error);
}

/* ---- checks and plan ---- */

static const struct pp_domain_device *first_new(const struct plugging *p)
{
	return p->assigned->devices + p->live->domain->n_devices;
}

/* The guest as checks look at it: its memory and its buses, and of its devices those alone that
 * come. What else it has was looked at when it started. */
static int check_and_plan(const struct plugging *p, const struct pp_host *host,
	const struct pp_check_options *check, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	struct pp_domain part = *p->assigned;
	struct pp_domain_device *devices =
		pp_arena_array(p->arena, p->assigned->n_devices + 1, sizeof(*devices));
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	PP_FREE char *owner = NULL;

	if (!devices || asprintf(&owner, "guest:%s", p->guest->name) < 0)
		return pp_error_oom(error);
	part.devices = devices;
	part.n_devices = 0;
	part.os.kernel = part.os.initrd = part.os.loader = NULL;
	for (size_t i = 0; i < p->assigned->n_devices; i++) {
		const struct pp_domain_device *device = &p->assigned->devices[i];
		if (device->kind == PP_DEV_CONTROLLER || device >= first_new(p))
			devices[part.n_devices++] = *device;
	}
	int r = pp_guest_prepare_loaded(
		p->context, host, p->guest, &part, check, ret_findings, &plan, error);
	if (r >= 0)
		r = pp_plan_name(plan, "attach-device", owner, error);
	if (r < 0)
		return r;
	*ret_plan = PP_TAKE(plan);
	return 0;
}

int pp_guest_plug_prepare(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const char *const *devices, size_t n_devices,
	const char *file, const struct pp_check_options *check, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_CLEANUP(plugging_done)
	struct plugging p = {.context = context,
		.guest = (struct pp_guest *)guest,
		.file = file,
		.folder_fd = -1,
		.lock_fd = -1,
		.verb_fd = -1};

	int r = pp_plug_may(guest, error);
	if (r >= 0)
		r = read_devices(&p, devices, n_devices, error);
	if (r >= 0 && p.n_devices > 0)
		r = find_places(&p, host, error);
	if (r < 0 || p.n_devices == 0)
		return r;
	return check_and_plan(&p, host, check, ret_findings, ret_plan, error);
}

/* The caller's plan, else one of our own, whose checks refuse. */
static int settle_plan(struct plugging *p, const struct pp_host *host, struct pp_error *error)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options check = {.act = true};

	if (p->options->plan)
		return 0;
	int r = check_and_plan(p, host, &check, &findings, &p->own_plan, error);
	return r < 0 ? r : pp_findings_refuse(findings, error);
}

/* ---- into QEMU ---- */

/* By slot; in each the function 0 comes last: with it the guest looks at the slot. */
static int compare_order(const void *a, const void *b)
{
	const struct pp_place *one = &(*(const struct pp_domain_device *const *)a)->place;
	const struct pp_place *two = &(*(const struct pp_domain_device *const *)b)->place;

	if (one->bus != two->bus)
		return one->bus < two->bus ? -1 : 1;
	if (one->slot != two->slot)
		return one->slot < two->slot ? -1 : 1;
	return (int)two->function - (int)one->function;
}

static int add_one(
	const struct plugging *p, const struct pp_domain_device *device, struct pp_error *error)
{
	char host[PP_ADDRESS_SIZE];
	struct pp_json *arguments = pp_hotplug_arguments(p->assigned, device, device->rom_file);

	if (!arguments)
		return pp_error_oom(error);
	pp_address_text(&device->hostdev.source, host);
	say(p, PP_EVENT_STEP, "%s: into the guest, at %02x:%02x.%x", host, device->place.bus,
		device->place.slot, device->place.function);
	int r = pp_steer_command(p->context, p->guest, "device_add", arguments, NULL, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "QEMU does not take %s", host) : r;
	say(p, PP_EVENT_DONE, "%s: into the guest", host);
	return 0;
}

static int add_all(const struct plugging *p, struct pp_error *error)
{
	const struct pp_domain_device **order =
		pp_arena_array(p->arena, p->n_devices + 1, sizeof(*order));
	int r = order ? 0 : pp_error_oom(error);

	for (size_t i = 0; r >= 0 && i < p->n_devices; i++)
		order[i] = &first_new(p)[i];
	if (r >= 0)
		qsort(order, p->n_devices, sizeof(*order), compare_order);
	for (size_t i = 0; r >= 0 && i < p->n_devices; i++)
		r = add_one(p, order[i], error);
	return r;
}

/* ---- the transaction ---- */

static int begin(struct plugging *p, const char *const *config, struct pp_error *error)
{
	PP_CLEANUP(pp_plug_record_freep) struct pp_plug_record *plug = NULL;
	struct pp_plug_coming *coming = pp_arena_array(p->arena, p->n_devices + 1, sizeof(*coming));

	if (!coming)
		return pp_error_oom(error);
	for (size_t i = 0; i < p->n_devices; i++)
		coming[i] = (struct pp_plug_coming){
			first_new(p)[i].hostdev.source, first_new(p)[i].alias};
	int r = pp_plug_record_load(p->folder_fd, &plug, error);
	if (r < 0)
		return r;
	plug->coming = coming;
	plug->n_coming = p->n_devices;
	plug->live = p->text;
	plug->config = config;
	return pp_plug_record_save(p->folder_fd, p->guest->name, plug, error);
}

static struct pp_address *addresses_of(const struct plugging *p)
{
	struct pp_address *addresses =
		pp_arena_array(p->arena, p->n_devices + 1, sizeof(*addresses));

	for (size_t i = 0; addresses && i < p->n_devices; i++)
		addresses[i] = p->devices[i].hostdev.source;
	return addresses;
}

/* All as it was; what the guest has seen already it has to let go of again. */
static int take_back(struct plugging *p, struct pp_error *error)
{
	struct pp_settle_options how = {.undo = true, .apply = &p->options->apply};
	struct pp_error own = {0};
	bool changed = false;
	const struct pp_address *addresses = addresses_of(p);

	int r = addresses
			? pp_guest_settle(p->context, p->guest, p->folder_fd, &how, &changed, &own)
			: pp_error_oom(&own);
	/* Whoever hears of devices that go needs the lock. */
	pp_closep(&p->lock_fd);
	p->lock_fd = -1;
	if (r >= 0)
		r = pp_unplug_await(
			p->context, p->guest, addresses, p->n_devices, p->options, &own);
	if (!error)
		return r;
	struct pp_error first = *error;
	if (r >= 0) {
		pp_error_set(error, first.status, first.code, "%s; everything is as it was before",
			first.text);
		pp_error_id(error, first.id);
		pp_error_remedy(error, "%s", first.remedy);
		return 0;
	}
	pp_error_set(error, PP_STATUS_RECOVER, first.code,
		"%s\nand not all of it could be taken back: %s", first.text, own.text);
	pp_error_remedy(error, "%s", own.remedy[0] ? own.remedy : "`pcipass recover` tries again");
	return r;
}

static int carry_out(struct plugging *p, struct pp_error *error)
{
	const struct pp_plan *plan = p->options->plan ? p->options->plan : p->own_plan;
	const struct pp_settle_options how = {.apply = &p->options->apply};
	bool changed = false;

	int r = begin(p, p->all, error);
	if (r < 0)
		return r;
	r = pp_apply(p->context, plan, &p->options->apply, NULL, error);
	if (r >= 0)
		r = pp_inside_prepare(p->guest->record, p->assigned, error);
	if (r >= 0)
		r = add_all(p, error);
	if (r >= 0 && p->all)
		r = pp_change_add(
			p->context, p->guest->name, p->all, p->n_all, p->file, false, NULL, error);
	if (r < 0) {
		take_back(p, error);
		return r;
	}
	return pp_guest_settle(p->context, p->guest, p->folder_fd, &how, &changed, error);
}

static int open_verb(struct plugging *p, struct pp_error *error)
{
	p->verb_fd = openat(
		p->folder_fd, PP_PLUG_VERB, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return p->verb_fd < 0
		       ? pp_error_errno(error, -errno, "cannot open the guest's %s", PP_PLUG_VERB)
		       : 0;
}

static int open_guest(struct plugging *p, struct pp_error *error)
{
	const struct pp_settle_options how = {.apply = &p->options->apply};
	bool changed = false;

	int r = pp_plug_may(p->guest, error);
	if (r < 0 || p->options->dry)
		return r;
	r = pp_record_folder(p->context, p->guest->name, false, &p->folder_fd, error);
	if (r >= 0)
		r = pp_plug_lock(p->folder_fd, PP_PLUG_LOCK_MS, &p->lock_fd, error);
	if (r >= 0)
		r = open_verb(p, error);
	/* What another began, and was killed at. */
	return r < 0 ? r
		     : pp_guest_settle(p->context, p->guest, p->folder_fd, &how, &changed, error);
}

/* All of them: the definition may lack what the run has. */
static int keep_texts(
	struct plugging *p, const char *const *devices, size_t n_devices, struct pp_error *error)
{
	p->all = pp_arena_array(p->arena, n_devices + 1, sizeof(*p->all));
	if (!p->all)
		return pp_error_oom(error);
	memcpy(p->all, devices, n_devices * sizeof(*p->all));
	p->n_all = n_devices;
	return 0;
}

static void let_go_of_locks(struct plugging *p)
{
	pp_closep(&p->lock_fd);
	pp_closep(&p->verb_fd);
	p->lock_fd = p->verb_fd = -1;
}

static int plug(struct plugging *p, const char *const *devices, size_t n_devices, bool config,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;

	int r = open_guest(p, error);
	if (r >= 0)
		r = read_devices(p, devices, n_devices, error);
	if (r < 0)
		return r;
	if (p->n_devices == 0)
		return config ? pp_change_add(p->context, p->guest->name, devices, n_devices,
					p->file, p->options->dry, ret_changed, error)
			      : 0;
	r = config ? keep_texts(p, devices, n_devices, error) : 0;
	if (r < 0)
		return r;
	r = pp_host_read(p->context,
		p->options->plan ? PP_READ_CONFIG | PP_READ_GROUPS : PP_READ_ALL, &host, error);
	if (r >= 0)
		r = find_places(p, host, error);
	if (r >= 0)
		r = settle_plan(p, host, error);
	if (r < 0 || p->options->dry)
		return r;
	r = carry_out(p, error);
	if (r < 0)
		return r;
	let_go_of_locks(p);
	*ret_changed = true;
	pp_taken_await(p->context, p->guest, first_new(p), p->n_devices, p->options);
	return 0;
}

int pp_guest_plug(struct pp_context *context, struct pp_guest *guest, const char *const *devices,
	size_t n_devices, const char *file, bool config, const struct pp_change_options *options,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(plugging_done)
	struct plugging p = {.context = context,
		.options = options,
		.guest = guest,
		.file = file,
		.folder_fd = -1,
		.lock_fd = -1,
		.verb_fd = -1};

	return plug(&p, devices, n_devices, config, ret_changed, error);
}
