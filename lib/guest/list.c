/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is shown of guests: lists, one guest's facts, its XML; and that definitions come and go. */
#include "base/parse.h"
#include "lib/guest/autostart.h"
#include "lib/guest/guest.h"
#include "lib/guest/nvram.h"
#include "lib/guest/remember.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)

const char *pp_guest_state_text(enum pp_guest_state state)
{
	switch (state) {
	case PP_GUEST_SHUT_OFF:
		return "shut off";
	case PP_GUEST_STARTING:
		return "starting";
	case PP_GUEST_RUNNING:
		return "running";
	case PP_GUEST_PAUSED:
		return "paused";
	case PP_GUEST_IN_SHUTDOWN:
		return "in shutdown";
	case PP_GUEST_CRASHED:
		return "crashed";
	}
	return "no state";
}

void pp_guest_list_free(struct pp_guest_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}
PP_DEFINE_CLEANUP(struct pp_guest_list *, pp_guest_list_free)

static const char *copy(struct pp_arena *arena, const char *text, bool *oom)
{
	if (!text)
		return NULL;
	char *result = pp_arena_strdup(arena, text);
	*oom |= !result;
	return result;
}

/* Of a run whose definition cannot be read, those that it began with. */
static const char *const *copy_devices(struct pp_arena *arena, const struct pp_domain *domain,
	const struct pp_record *record, bool live_is_read, bool active, bool *oom)
{
	size_t count = 0;
	const char *const *live = active && !live_is_read ? record->launch.devices : NULL;

	while (live && live[count])
		count++;
	const struct pp_domain_device *device = NULL;
	while (!live && domain && (device = pp_domain_next_hostdev(domain, device)))
		count++;
	const char **devices = pp_arena_array(arena, count + 1, sizeof(*devices));
	*oom |= !devices;
	for (size_t i = 0; devices && i < count; i++) {
		char text[PP_ADDRESS_SIZE];
		if (!live)
			device = pp_domain_next_hostdev(domain, device);
		devices[i] = copy(arena,
			live ? live[i] : pp_address_text(&device->hostdev.source, text), oom);
	}
	return devices;
}

static void fill_domain(struct pp_guest_info *info, struct pp_arena *arena,
	const struct pp_domain *domain, bool *oom)
{
	info->type = domain->type == PP_DOMAIN_KVM ? "kvm" : "qemu";
	info->arch = copy(arena, domain->os.arch, oom);
	info->machine = copy(arena, domain->os.machine, oom);
	info->emulator = copy(arena, domain->emulator, oom);
	info->vcpus = domain->vcpus;
	info->memory = domain->memory;
	if (!info->uuid)
		info->uuid = copy(arena, domain->uuid, oom);
}

static void fill_run(struct pp_guest_info *info, struct pp_arena *arena,
	const struct pp_guest *guest, bool active, bool *oom)
{
	const struct pp_record *record = guest->record;
	const char *reason;

	info->state = pp_record_show(record, &reason);
	struct pp_process carer = pp_record_carer(record);
	if (active && carer.pid == 0)
		info->reason =
			copy(arena, "its supervisor is gone: run `pcipass recover` as root", oom);
	else
		info->reason = copy(arena, reason, oom);
	info->id = -1;
	if (!active)
		return;
	info->id = record->launch.id;
	info->qemu = pp_process_alive(&record->engine) ? record->engine.pid : 0;
	info->supervisor =
		pp_process_alive(&record->state.supervisor) ? record->state.supervisor.pid : 0;
	info->console = copy(arena, record->state.console, oom);
	info->uuid = copy(arena, record->launch.uuid, oom);
	if (record->launch.argv && record->launch.argv[0])
		info->emulator = copy(arena, record->launch.argv[0], oom);
}

/* What is known of it without its definition. */
static void fill_known(struct pp_guest_info *info, struct pp_context *context,
	struct pp_arena *arena, const struct pp_guest *guest, bool defined, bool active, bool *oom)
{
	info->name = copy(arena, guest->name, oom);
	info->persistent = defined;
	info->autostart = pp_autostart_is(context, guest->name);
	fill_run(info, arena, guest, active, oom);
}

static int fill_info(struct pp_context *context, const struct pp_guest *guest,
	struct pp_arena *arena, struct pp_guest_info *info, struct pp_error *error)
{
	bool oom = false, active = pp_guest_is_active(guest);
	PP_CLEANUP(pp_definition_freep) struct pp_definition *live = NULL;
	const struct pp_definition *shown = guest->definition;

	if (active && pp_definition_load_live(context, guest->name, &live, NULL) >= 0 &&
		live->domain)
		shown = live;
	fill_known(info, context, arena, guest, guest->definition != NULL, active, &oom);
	const struct pp_domain *domain = shown ? shown->domain : NULL;
	const char *emulator = info->emulator;
	if (domain)
		fill_domain(info, arena, domain, &oom);
	else if (shown && !active)
		info->reason = pp_arena_printf(
			arena, "its definition cannot be understood: %s", shown->fault.text);
	if (emulator)
		info->emulator = emulator;
	info->devices =
		copy_devices(arena, domain, guest->record, live && live->domain, active, &oom);
	return oom ? pp_error_oom(error) : 0;
}

static int new_list(size_t count, struct pp_guest_list **ret_list, struct pp_guest_info **ret_items,
	struct pp_error *error)
{
	struct pp_arena *arena = pp_arena_new();
	struct pp_guest_list *list = arena ? pp_arena_alloc(arena, sizeof(*list)) : NULL;
	*ret_items = list ? pp_arena_array(arena, count + 1, sizeof(**ret_items)) : NULL;
	if (!*ret_items) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	list->arena = arena;
	list->items = *ret_items;
	*ret_list = list;
	return 0;
}

/* virsh's: those that run by id, then the others by name. */
static int compare_guests(const void *a, const void *b)
{
	const struct pp_guest_info *one = a, *two = b;

	if ((one->id > 0) != (two->id > 0))
		return one->id > 0 ? -1 : 1;
	if (one->id != two->id)
		return one->id < two->id ? -1 : 1;
	int order = strcasecmp(one->name, two->name);
	return order ? order : strcmp(one->name, two->name);
}

static int item(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct pp_guest_info *ret_info, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	int r = pp_guest_load_name(context, name, &guest, error);

	return r < 0 ? r : fill_info(context, guest, arena, ret_info, error);
}

static int brief_item(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct pp_guest_info *ret_info, struct pp_error *error)
{
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
	bool oom = false, defined = pp_definition_exists(context, name);
	int r = pp_record_load(context, name, &record, error);

	if (r >= 0)
		r = pp_guest_tend(context, name, false, &record, error);
	if (r < 0)
		return r;
	const struct pp_guest guest = {.name = name, .record = record};
	bool active = pp_guest_is_active(&guest);
	if (!defined && !active && pp_record_is_over(record))
		return -ENOENT;
	fill_known(ret_info, context, arena, &guest, defined, active, &oom);
	ret_info->devices = copy_devices(arena, NULL, record, true, active, &oom);
	return oom ? pp_error_oom(error) : 0;
}

typedef int list_item(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct pp_guest_info *ret_info, struct pp_error *error);

static int list_of(struct pp_context *context, list_item *item_of, struct pp_guest_list **ret_list,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names;
	size_t count;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_guest_names(context, arena, &names, &count, error);
	if (r < 0)
		return r;
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_guest_info *items;
	r = new_list(count, &list, &items, error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct pp_guest_info *info = &items[list->n_items];
		r = item_of(context, names[i], list->arena, info, error);
		if (r >= 0)
			list->n_items++;
		else if (r == -ENOENT) /* a run that is over, of a guest not defined any more */
			r = 0;
	}
	if (r < 0)
		return r;
	qsort(items, list->n_items, sizeof(*items), compare_guests);
	*ret_list = PP_TAKE(list);
	return 0;
}

int pp_guest_list(
	struct pp_context *context, struct pp_guest_list **ret_list, struct pp_error *error)
{
	return list_of(context, item, ret_list, error);
}

int pp_guest_list_brief(
	struct pp_context *context, struct pp_guest_list **ret_list, struct pp_error *error)
{
	return list_of(context, brief_item, ret_list, error);
}

int pp_guest_info(struct pp_context *context, const char *name, struct pp_guest_list **ret_list,
	struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	int r = pp_guest_load(context, name, &guest, error);
	if (r < 0)
		return r;
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_guest_info *items;
	r = new_list(1, &list, &items, error);
	if (r < 0)
		return r;
	list->n_items = 1;
	r = fill_info(context, guest, list->arena, &items[0], error);
	if (r < 0)
		return r;
	*ret_list = PP_TAKE(list);
	return 0;
}

int pp_guest_xml(struct pp_context *context, const char *name, bool inactive, char **ret_xml,
	struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_CLEANUP(pp_definition_freep) struct pp_definition *definition = NULL;

	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = pp_guest_current(context, guest, inactive, &definition, error);
	if (r < 0)
		return r;
	char *xml = strndup(definition->text, definition->length);
	if (!xml)
		return pp_error_oom(error);
	*ret_xml = xml;
	return 0;
}

/* That it is defined is what counts: what cannot be remembered is said, and not compared later. */
static void remember(struct pp_context *context, const char *name)
{
	PP_CLEANUP(pp_definition_freep) struct pp_definition *definition = NULL;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	struct pp_error error = {0};

	if (pp_definition_load(context, name, &definition, NULL) < 0 || !definition->domain)
		return;
	int r = 0;
	if (!pp_domain_next_hostdev(definition->domain, NULL))
		r = pp_guest_forget(context, name, &error);
	else
		r = pp_host_read(context, PP_READ_CONFIG | PP_READ_GROUPS, &host, &error);
	if (r >= 0 && host)
		r = pp_guest_remember(context, host, name, definition->domain, true, &error);
	if (r < 0)
		pp_context_note(context, "guest %s: %s", name, error.text);
}

int pp_guest_define(struct pp_context *context, const char *xml, size_t length, const char *file,
	char **ret_name, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_FREE char *name = NULL;
	bool changed = false;

	int r = pp_guest_may_write(context, "define a guest", error);
	if (r >= 0)
		r = pp_definition_store(context, xml, length, file, &name, &changed, error);
	if (r < 0)
		return r;
	remember(context, name);
	/* That it is kept is what counts; its run is looked at for the note alone. */
	if (changed && pp_guest_load_name(context, name, &guest, NULL) >= 0 &&
		pp_guest_is_active(guest))
		pp_context_note(context,
			"guest %s: it runs; the new definition is that of its next start", name);
	if (ret_name)
		*ret_name = PP_TAKE(name);
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

static int refuse_nvram(const struct pp_guest *guest, const char *nvram, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, -EEXIST,
		"guest %s: its UEFI has variables in %s: what is to become of them?", guest->name,
		nvram);
	pp_error_id(error, "nvram-left");
	pp_error_remedy(error, "--keep-nvram leaves the file, --nvram removes it");
	return -EEXIST;
}

int pp_guest_undefine(
	struct pp_context *context, const char *name, enum pp_nvram nvram, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_guest_may_write(context, "undefine a guest", error);
	if (r >= 0)
		r = pp_guest_load(context, name, &guest, error);
	if (r < 0)
		return r;
	if (!guest->definition)
		return 0;
	const char *variables = pp_nvram_find(context, guest);
	if (variables && nvram == PP_NVRAM_ASK)
		return refuse_nvram(guest, variables, error);
	if (variables && nvram == PP_NVRAM_REMOVE && pp_guest_is_active(guest))
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"guest %s: it runs, and writes its variables to %s", guest->name,
			variables);
	r = pp_autostart_set(context, guest->name, false, error);
	if (r >= 0)
		r = pp_definition_remove(context, guest->name, error);
	if (r >= 0)
		r = pp_guest_forget(context, guest->name, error);
	if (r >= 0 && variables && nvram == PP_NVRAM_REMOVE && unlink(variables) < 0 &&
		errno != ENOENT)
		r = pp_error_errno(error, -errno,
			"guest %s: its definition is gone, but %s cannot "
			"be removed",
			guest->name, variables);
	if (r >= 0 && pp_guest_is_active(guest))
		pp_context_note(context, "guest %s: it runs on, and is gone when it has ended",
			guest->name);
	return r;
}

void pp_strv_free(char **strv)
{
	for (char **at = strv; at && *at; at++)
		free(*at);
	free(strv);
}
