/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host made as a file says (lib/plan/hostfile.h): what differs, and the next plan towards it. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/binding.h"
#include "lib/apply/function.h"
#include "lib/plan/hostfile.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)4 << 20)
#define VERB "host-apply"

PP_DEFINE_CLEANUP(struct pp_drifts *, pp_drifts_free)
PP_DEFINE_CLEANUP(struct pp_binding_list *, pp_binding_list_free)
PP_DEFINE_CLEANUP(struct pp_setup *, pp_setup_free)

int pp_host_file_load(const char *path, struct pp_host_file **ret_file, struct pp_error *error)
{
	PP_FREE char *text = NULL;
	size_t length;
	int r = pp_file_read(AT_FDCWD, path, FILE_MAX, &text, &length);
	if (r < 0)
		return pp_error_errno(error, r, "cannot read %s", path);
	return pp_host_file_parse(path, text, length, ret_file, error);
}

/* *ret_devices: one an entry; the caller frees it. */
static int find_all(const struct pp_host_file *file, const struct pp_host *host,
	const struct pp_device ***ret_devices, struct pp_error *error)
{
	PP_FREE const struct pp_device **devices = calloc(file->n_entries + 1, sizeof(*devices));
	if (!devices)
		return pp_error_oom(error);
	int r = pp_host_file_find(file, host, devices, error);
	if (r >= 0)
		*ret_devices = PP_TAKE(devices);
	return r;
}

static bool wants_guest(const char *driver)
{
	return driver && !pp_text_is(driver, "host");
}

static bool has_driver(const struct pp_device *device, const char *driver)
{
	if (wants_guest(driver))
		return pp_text_is(device->driver, driver);
	return !driver || !device->driver || !pp_driver_passes(device->driver);
}

static const struct pp_device *function_of(const struct pp_device *pf, unsigned number)
{
	return number < pf->n_virtual_functions ? pf->virtual_functions[number] : NULL;
}

/* What its card gives it now, and what the file says of it; false: nothing of it is said. */
static bool wish(const struct pp_host_function *function, const struct pp_function_state *now,
	struct pp_function_state *ret_wanted)
{
	*ret_wanted = *now;
	if (function->has_mac)
		memcpy(ret_wanted->mac, function->mac, sizeof(function->mac));
	if (function->vlan >= 0 && (unsigned)function->vlan != now->vlan) {
		ret_wanted->vlan = (unsigned)function->vlan;
		ret_wanted->qos = 0;
	}
	if (function->trust >= 0)
		ret_wanted->trust = function->trust;
	if (function->spoof >= 0)
		ret_wanted->spoof = function->spoof;
	return function->has_mac || function->vlan >= 0 || function->trust >= 0 ||
	       function->spoof >= 0;
}

static int read_function(struct pp_context *context, const struct pp_device *device,
	const struct pp_host_function *function, struct pp_step *ret_step, struct pp_error *error)
{
	struct pp_function_state now = {0}, wanted;
	struct pp_step step = {.kind = PP_STEP_FUNCTION};
	snprintf(step.subject, sizeof(step.subject), "%s", device->name);
	bool any = wish(function, &now, &wanted);
	int r = any ? pp_function_read(context, device->name, &now) : 0;
	if (r == -EOPNOTSUPP) {
		pp_error_set(error, PP_STATUS_NOT_READY, r,
			"%s is no virtual function of a network card with its driver on this host, "
			"so it cannot be given a MAC, VLAN, trust or spoof check",
			device->name);
		pp_error_id(error, "function-not-set");
		return r;
	}
	if (r < 0)
		return pp_error_errno(
			error, r, "%s: reading what its physical function gives it", device->name);
	wish(function, &now, &wanted);
	if (any) {
		pp_function_text(&now, step.from.driver);
		pp_function_text(&wanted, step.to.driver);
	}
	*ret_step = step;
	return 0;
}

/* ---- what differs ---- */

struct drifting {
	struct pp_context *context;
	const struct pp_binding_list *bindings;
	struct pp_drifts *drifts;
	struct pp_drift *items;
	size_t room;
};

void pp_drifts_free(struct pp_drifts *drifts)
{
	if (drifts)
		pp_arena_free(drifts->arena);
}

static int add(struct drifting *drifting, const char *subject, const char *setting, const char *is,
	const char *wanted)
{
	struct pp_arena *arena = drifting->drifts->arena;
	size_t n = drifting->drifts->n_items;
	if (n == drifting->room) {
		size_t room = n ? n * 2 : 16;
		struct pp_drift *items = pp_arena_array(arena, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		if (n)
			memcpy(items, drifting->items, n * sizeof(*items));
		drifting->items = items;
		drifting->room = room;
		drifting->drifts->items = items;
	}
	struct pp_drift *item = &drifting->items[n];
	*item = (struct pp_drift){.subject = pp_arena_strdup(arena, subject),
		.setting = setting,
		.is = pp_arena_strdup(arena, is),
		.wanted = pp_arena_strdup(arena, wanted)};
	drifting->drifts->n_items++;
	return item->subject && item->is && item->wanted ? 0 : -ENOMEM;
}

static const struct pp_binding *binding_of(
	const struct pp_binding_list *list, const struct pp_device *device)
{
	for (size_t i = 0; i < list->n_items; i++)
		if (pp_text_is(list->items[i].address, device->name))
			return &list->items[i];
	return NULL;
}

/* What it gets at boot: a driver, a number of functions, or nothing. */
static void at_boot(const struct pp_binding *binding, char *text, size_t size)
{
	if (!binding)
		snprintf(text, size, "the host's own");
	else if (binding->functions)
		snprintf(text, size, "%u functions", binding->functions);
	else
		snprintf(text, size, "%s", binding->driver);
}

static void wanted_at_boot(const struct pp_host_entry *entry, char *text, size_t size)
{
	struct pp_binding binding = {.driver = entry->driver, .functions = 0};
	if (entry->functions > 0)
		binding.functions = (unsigned)entry->functions;
	at_boot(entry->functions > 0 || wants_guest(entry->driver) ? &binding : NULL, text, size);
}

static bool boot_differs(const struct pp_host_entry *entry, const struct pp_binding *binding,
	char is[128], char wanted[128])
{
	at_boot(binding, is, 128);
	wanted_at_boot(entry, wanted, 128);
	return !pp_text_is(is, wanted) || (binding && binding->fault);
}

static int drift_function(struct drifting *drifting, const struct pp_device *pf,
	const struct pp_host_function *function, struct pp_error *error)
{
	const struct pp_device *device = function_of(pf, function->number);
	struct pp_step step;
	char subject[64];
	if (!device) {
		snprintf(subject, sizeof(subject), "%s function %u", pf->name, function->number);
		return add(drifting, subject, "function", "not there", "as said");
	}
	int r = read_function(drifting->context, device, function, &step, error);
	if (r >= 0 && !pp_step_idle(&step))
		r = add(drifting, device->name, "function", step.from.driver, step.to.driver);
	if (r >= 0 && !has_driver(device, function->driver))
		r = add(drifting, device->name, "driver", device->driver ? device->driver : "none",
			function->driver);
	return r;
}

static int drift_entry(struct drifting *drifting, const struct pp_host_entry *entry,
	const struct pp_device *device, struct pp_error *error)
{
	char is[128], wanted[128];
	int r = 0;
	if (!has_driver(device, entry->driver))
		r = add(drifting, device->name, "driver", device->driver ? device->driver : "none",
			wants_guest(entry->driver) ? entry->driver : "the host's own");
	if (r >= 0 && entry->functions >= 0 && device->sriov_count != (unsigned)entry->functions) {
		snprintf(is, sizeof(is), "%u", device->sriov_count);
		snprintf(wanted, sizeof(wanted), "%u", (unsigned)entry->functions);
		r = add(drifting, device->name, "functions", is, wanted);
	}
	const struct pp_binding *binding = binding_of(drifting->bindings, device);
	if (r >= 0 && boot_differs(entry, binding, is, wanted))
		r = add(drifting, device->name, "at boot", is, wanted);
	for (size_t i = 0; r >= 0 && i < entry->n_each; i++)
		r = drift_function(drifting, device, &entry->each[i], error);
	return r;
}

int pp_host_file_pages(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_setup **ret_setup, struct pp_error *error)
{
	struct pp_setup_options options = {
		.pages = file->pages, .n_pages = file->n_pages, .pages_only = true};
	return pp_setup_plan(context, host, &options, ret_setup, error);
}

static int drift_pages(struct drifting *drifting, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_error *error)
{
	PP_CLEANUP(pp_setup_freep) struct pp_setup *setup = NULL;
	int r = file->n_pages ? pp_host_file_pages(drifting->context, host, file, &setup, error)
			      : 0;
	for (size_t i = 0; setup && r >= 0 && i < setup->n_steps; i++) {
		const struct pp_setup_step *step = &setup->steps[i];
		bool value = step->kind == PP_SETUP_VALUE;
		r = add(drifting, step->subject, "huge pages",
			value && step->from ? step->from : "otherwise",
			value && step->to ? step->to : "as said");
	}
	return r;
}

int pp_host_file_drift(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_drifts **ret_drifts, struct pp_error *error)
{
	PP_FREE const struct pp_device **devices = NULL;
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *bindings = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_drifts *drifts = arena ? pp_arena_alloc(arena, sizeof(*drifts)) : NULL;
	if (!drifts)
		return pp_error_oom(error);
	int r = find_all(file, host, &devices, error);
	if (r >= 0)
		r = pp_bindings_list(context, &bindings, error);
	if (r < 0)
		return r;
	*drifts = (struct pp_drifts){.arena = arena};
	struct drifting drifting = {.context = context, .bindings = bindings, .drifts = drifts};
	for (size_t i = 0; r >= 0 && i < file->n_entries; i++)
		r = drift_entry(&drifting, &file->entries[i], devices[i], error);
	if (r >= 0)
		r = drift_pages(&drifting, host, file, error);
	if (r < 0)
		return r == -ENOMEM ? pp_error_oom(error) : r;
	arena = NULL; /* the list is in it */
	*ret_drifts = drifts;
	return 0;
}

/* ---- the next plan ---- */

/* Numbers of functions, one card a plan: those of the next step are only there behind it. */
static int plan_numbers(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, const struct pp_device *const *devices,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	for (size_t i = 0; i < file->n_entries; i++)
		if (file->entries[i].functions >= 0 &&
			devices[i]->sriov_count != (unsigned)file->entries[i].functions &&
			has_driver(devices[i], "host"))
			return pp_plan_setvfs(context, host, devices[i],
				(unsigned)file->entries[i].functions, ret_plan, error);
	return 0;
}

static int plan_return(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, const struct pp_device *const *devices,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_FREE const struct pp_device **back = calloc(file->n_entries + 1, sizeof(*back));
	size_t n = 0;
	if (!back)
		return pp_error_oom(error);
	for (size_t i = 0; i < file->n_entries; i++) {
		const struct pp_host_entry *entry = &file->entries[i];
		bool host_s = pp_text_is(entry->driver, "host") ||
			      (entry->functions > 0 && !entry->driver);
		if (host_s && !has_driver(devices[i], "host"))
			back[n++] = devices[i];
	}
	return n ? pp_plan_reattach(context, host, back, n, ret_plan, error) : 0;
}

static int add_moves(struct pp_plan *plan, const struct pp_host *host,
	const struct pp_device *device, const char *driver, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *moves = NULL;
	int r = pp_plan_detach(host, &device, 1, driver, &moves, error);
	for (size_t i = 0; r >= 0 && i < moves->n_steps; i++) {
		bool there = false;
		for (size_t j = 0; j < plan->n_steps; j++)
			there |= plan->steps[j].kind == PP_STEP_MODULE &&
				 moves->steps[i].kind == PP_STEP_MODULE &&
				 pp_text_is(plan->steps[j].subject, moves->steps[i].subject);
		if (!there)
			r = pp_plan_add(plan, &moves->steps[i], error);
	}
	return r;
}

static int plan_functions(struct pp_context *context, const struct pp_host_entry *entry,
	const struct pp_device *pf, struct pp_plan *plan, struct pp_error *error)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < entry->n_each; i++) {
		const struct pp_device *device = function_of(pf, entry->each[i].number);
		struct pp_step step;
		if (!device)
			continue;
		r = read_function(context, device, &entry->each[i], &step, error);
		if (r >= 0 && !pp_step_idle(&step))
			r = pp_plan_add(plan, &step, error);
	}
	return r;
}

static int plan_drivers(const struct pp_host *host, const struct pp_host_entry *entry,
	const struct pp_device *device, struct pp_plan *plan, struct pp_error *error)
{
	int r = 0;
	if (wants_guest(entry->driver) && !has_driver(device, entry->driver))
		r = add_moves(plan, host, device, entry->driver, error);
	for (size_t i = 0; r >= 0 && i < entry->n_each; i++) {
		const struct pp_device *function = function_of(device, entry->each[i].number);
		if (function && !has_driver(function, entry->each[i].driver))
			r = add_moves(plan, host, function, entry->each[i].driver, error);
	}
	return r;
}

int pp_host_file_plan(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_FREE const struct pp_device **devices = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = find_all(file, host, &devices, error);
	if (r >= 0)
		r = plan_return(context, host, file, devices, &plan, error);
	if (r >= 0 && !plan)
		r = plan_numbers(context, host, file, devices, &plan, error);
	if (r >= 0 && plan)
		r = pp_plan_name(plan, VERB, "host", error);
	else if (r >= 0)
		r = pp_plan_new(VERB, "host", &plan, error);
	bool first = r >= 0 && plan->n_steps == 0;
	for (size_t i = 0; first && r >= 0 && i < file->n_entries; i++)
		r = plan_functions(context, &file->entries[i], devices[i], plan, error);
	for (size_t i = 0; first && r >= 0 && i < file->n_entries; i++)
		r = plan_drivers(host, &file->entries[i], devices[i], plan, error);
	if (r >= 0)
		*ret_plan = PP_TAKE(plan);
	return r;
}

/* ---- at each boot ---- */

static int bind_one(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_entry *entry, const struct pp_device *device, bool *ret_changed,
	struct pp_error *error)
{
	if (entry->functions > 0)
		return pp_bindings_add_functions(
			context, host, device, (unsigned)entry->functions, ret_changed, error);
	if (!wants_guest(entry->driver))
		return pp_bindings_remove(context, &device->address, 1, ret_changed, error);
	int r = pp_binding_check(host, &device, 1, error);
	return r < 0 ? r : pp_bindings_add(context, &device, 1, entry->driver, ret_changed, error);
}

int pp_host_file_bind(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, bool *ret_changed, struct pp_error *error)
{
	PP_FREE const struct pp_device **devices = NULL;
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *bindings = NULL;
	int r = find_all(file, host, &devices, error);
	if (r >= 0)
		r = pp_bindings_list(context, &bindings, error);
	for (size_t i = 0; r >= 0 && i < file->n_entries; i++) {
		char is[128], wanted[128];
		bool changed = false;
		if (!boot_differs(&file->entries[i], binding_of(bindings, devices[i]), is, wanted))
			continue;
		r = bind_one(context, host, &file->entries[i], devices[i], &changed, error);
		*ret_changed |= changed;
	}
	return r < 0 ? r : 0;
}
