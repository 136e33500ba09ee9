/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/topology-facts.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/device-columns.h"
#include "cli/devices.h"
#include "cli/guests.h"
#include "cli/overview.h"
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_libvirt_list *, pp_libvirt_list_free)

struct gatherer {
	struct cli *cli;
	const struct pp_host *host;
	struct pp_arena *arena;
	struct topology_function *functions;
	struct topology_guest *guests;
	size_t n_guests, room;
	bool failed;
};

/* One line that nothing obeys. */
static const char *clean(struct gatherer *gatherer, const char *text)
{
	PP_FREE char *visible = cli_clean(text);
	char *copy = visible ? pp_arena_strdup(gatherer->arena, visible) : NULL;
	gatherer->failed = gatherer->failed || !copy;
	for (char *c = copy; c && *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return copy;
}

/* ---- functions ---- */

static void add_uses(struct gatherer *gatherer, struct topology_function *function)
{
	const struct pp_host *host = gatherer->host;
	const char **uses = pp_arena_array(gatherer->arena, host->n_uses + 2, sizeof(*uses));
	if (!uses) {
		gatherer->failed = true;
		return;
	}
	for (size_t i = 0; i < host->n_uses; i++) {
		const struct pp_use *use = &host->uses[i];
		if (use->device != function->device)
			continue;
		if (use->kind == PP_USE_GUEST && use->name)
			function->holder = clean(gatherer, use->name);
		else if (use->blocking && use->kind != PP_USE_VIRTUAL_FUNCTIONS)
			uses[function->n_uses++] = clean(gatherer, use->text);
	}
	const char *owner = cli_owner(gatherer->cli, function->device);
	if (pp_text_starts(owner, "guest:"))
		function->holder = clean(gatherer, owner + strlen("guest:"));
	else if (*owner)
		uses[function->n_uses++] = "detached from the host by hand";
	function->uses = uses;
}

static void add_verdict(struct gatherer *gatherer, struct topology_function *function)
{
	static const enum topology_verdict verdicts[] = {[CLI_GO_YES] = TOPOLOGY_GOES,
		[CLI_GO_GROUP] = TOPOLOGY_GROUP,
		[CLI_GO_NO] = TOPOLOGY_STAYS,
		[CLI_GO_UNKNOWN] = TOPOLOGY_NONE};
	PP_FREE char *why = NULL, *text = NULL;
	if (function->device->header != PP_HEADER_ENDPOINT)
		return;
	function->verdict = verdicts[cli_device_go(gatherer->host, function->device, &why, &text)];
	if (function->holder)
		function->verdict = TOPOLOGY_OUT;
	function->why = text ? clean(gatherer, text) : NULL;
	function->in_short = pp_text_is(why, "group-not-viable")
				     ? "others of its IOMMU group stay with the host"
				     : function->why;
	function->why_id = why ? pp_arena_strdup(gatherer->arena, why) : NULL;
}

/* What a look at the whole of it adds. */
static const char *more_of(struct gatherer *gatherer, const struct topology_function *function)
{
	const struct pp_device *device = function->device;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	PP_FREE char *title = cli_device_title(device);
	const char *whole = title ? clean(gatherer, title) : NULL;
	pp_buffer_puts(&text, whole ? whole : "");
	if (device->header == PP_HEADER_ENDPOINT)
		pp_buffer_printf(&text, "\nreset: %s",
			device->reset_methods && *device->reset_methods ? device->reset_methods
									: "none");
	if (function->verdict == TOPOLOGY_STAYS && function->why)
		pp_buffer_printf(&text, "\nstays [%s]: %s\npcipass nodedev-check %s",
			function->why_id, function->why, function->address);
	return pp_arena_strdup(gatherer->arena, pp_buffer_text(&text));
}

/* Graphics cards are known by what stands in the brackets; of others that is one word of several.
 */
static const char *name_of(struct gatherer *gatherer, const struct pp_device *device)
{
	bool display = device->class_code >> 16 == 0x03;
	return display || !device->product_name ? cli_short_name(gatherer->arena, device)
						: device->product_name;
}

static void gather_functions(struct gatherer *gatherer)
{
	const struct pp_host *host = gatherer->host;
	gatherer->functions =
		pp_arena_array(gatherer->arena, host->n_devices + 1, sizeof(*gatherer->functions));
	for (size_t i = 0; gatherer->functions && i < host->n_devices; i++) {
		struct topology_function *function = &gatherer->functions[i];
		const struct pp_device *device = &host->devices[i];
		function->device = device;
		function->address = cli_short_address(device);
		function->name = clean(gatherer, name_of(gatherer, device));
		function->kind = clean(gatherer,
			device->class_name ? device->class_name : "unknown kind of device");
		add_uses(gatherer, function);
		add_verdict(gatherer, function);
		function->more = more_of(gatherer, function);
	}
	gatherer->failed = gatherer->failed || !gatherer->functions;
}

/* ---- guests ---- */

static struct topology_guest *add_guest(
	struct gatherer *gatherer, const char *name, const char *state, bool runs, size_t devices)
{
	if (gatherer->n_guests == gatherer->room) {
		size_t room = gatherer->room ? gatherer->room * 2 : 8;
		struct topology_guest *more = pp_arena_grow(gatherer->arena, gatherer->guests,
			gatherer->n_guests * sizeof(*more), room * sizeof(*more));
		if (!more)
			return NULL;
		gatherer->guests = more;
		gatherer->room = room;
	}
	struct topology_guest *guest = &gatherer->guests[gatherer->n_guests];
	*guest = (struct topology_guest){.name = clean(gatherer, name),
		.state = clean(gatherer, state),
		.runs = runs,
		.n_together = 1,
		.functions = pp_arena_array(gatherer->arena, devices + 1, sizeof(size_t)),
		.held = pp_arena_array(gatherer->arena, devices + 1, sizeof(bool))};
	if (!guest->name || !guest->state || !guest->functions || !guest->held)
		return NULL;
	gatherer->n_guests++;
	return guest;
}

static void add_function(
	struct gatherer *gatherer, struct topology_guest *guest, const struct pp_address *address)
{
	const struct pp_device *device = pp_host_device(gatherer->host, address);
	if (!device)
		return;
	size_t number = (size_t)(device - gatherer->host->devices);
	((size_t *)guest->functions)[guest->n_functions] = number;
	guest->held[guest->n_functions++] =
		pp_text_is(gatherer->functions[number].holder, guest->name);
}

static void gather_libvirt(struct gatherer *gatherer)
{
	PP_CLEANUP(pp_libvirt_list_freep) struct pp_libvirt_list *list = NULL;
	if (pp_libvirt_list(gatherer->cli->context, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_libvirt_guest *item = &list->items[i];
		const char *state = pp_arena_printf(gatherer->arena, "libvirt, %s", item->state);
		struct topology_guest *guest = state ? add_guest(gatherer, item->name, state,
							       item->status, item->n_devices)
						     : NULL;
		if (!guest) {
			gatherer->failed = true;
			return;
		}
		for (size_t j = 0; j < item->n_devices; j++)
			add_function(gatherer, guest, &item->devices[j].address);
	}
}

static size_t count_words(const char *const *words)
{
	size_t n = 0;
	while (words && words[n])
		n++;
	return n;
}

static void gather_own(struct gatherer *gatherer)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	if (pp_guest_list(gatherer->cli->context, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_guest_info *item = &list->items[i];
		size_t n = count_words(item->devices);
		const char *state = pp_arena_printf(
			gatherer->arena, "pcipass, %s", pp_guest_state_text(item->state));
		struct topology_guest *guest =
			state ? add_guest(gatherer, item->name, state, cli_guest_runs(item), n)
			      : NULL;
		if (!guest) {
			gatherer->failed = true;
			return;
		}
		for (size_t j = 0; j < n; j++) {
			struct pp_address address;
			if (pp_address_parse(item->devices[j], &address) >= 0)
				add_function(gatherer, guest, &address);
		}
	}
}

/* Those that hold devices and are nobody's definition: a QEMU that somebody started by hand. */
static void gather_others(struct gatherer *gatherer)
{
	const struct pp_host *host = gatherer->host;
	for (size_t i = 0; i < host->n_uses && !gatherer->failed; i++) {
		const struct pp_use *use = &host->uses[i];
		struct topology_guest *guest = NULL;
		if (use->kind != PP_USE_GUEST || !use->name || !use->owner)
			continue;
		for (size_t j = 0; j < gatherer->n_guests && !guest; j++)
			if (pp_text_is(gatherer->guests[j].name, use->name))
				guest = &gatherer->guests[j];
		bool seen = false;
		for (size_t j = 0; guest && j < guest->n_functions; j++)
			seen = seen || &host->devices[guest->functions[j]] == use->device;
		const char *comma = strchr(use->owner, ',');
		if (!guest)
			guest = add_guest(gatherer, use->name, comma ? comma + 2 : use->owner, true,
				host->n_devices);
		else if (!seen)
			continue; /* it has no room for it, and its definition does not name it */
		if (guest && !seen)
			add_function(gatherer, guest, &use->device->address);
		gatherer->failed = gatherer->failed || !guest;
	}
}

/* ---- words ---- */

static const char *title_of(struct gatherer *gatherer)
{
	const char *root = gatherer->cli->root, *slash = root ? strrchr(root, '/') : NULL;
	const char *name = slash && slash[1] ? slash + 1 : root;
	if (!name)
		return "PCI devices of this host";
	size_t length = strlen(name) - (pp_text_ends(name, ".host") ? 5 : 0);
	const char *text =
		pp_arena_printf(gatherer->arena, "PCI devices of %.*s", (int)length, name);
	return text ? clean(gatherer, text) : NULL;
}

static const char *summary_of(struct gatherer *gatherer)
{
	const struct pp_host *host = gatherer->host;
	size_t goes = 0, out = 0, with = 0;
	for (size_t i = 0; i < host->n_devices; i++) {
		enum topology_verdict verdict = gatherer->functions[i].verdict;
		goes += verdict == TOPOLOGY_GOES || verdict == TOPOLOGY_GROUP;
		out += verdict == TOPOLOGY_OUT;
	}
	for (size_t i = 0; i < gatherer->n_guests; i++)
		with += gatherer->guests[i].n_functions > 0;
	bool on = host->n_groups > 0 || (host->iommu && host->iommu->n_units > 0);
	return pp_arena_printf(gatherer->arena,
		"%s %s; %zu functions in %zu IOMMU groups; can go to a guest: %zu; with a guest: "
		"%zu; guests with devices: %zu",
		cli_iommu_name(host->iommu), on ? "on" : "off", host->n_devices, host->n_groups,
		goes, out, with);
}

int cli_topology_facts(struct cli *cli, const struct pp_host *host, struct pp_arena *arena,
	struct topology_facts *ret_facts)
{
	struct gatherer gatherer = {.cli = cli, .host = host, .arena = arena};
	gather_functions(&gatherer);
	if (!gatherer.failed) {
		gather_libvirt(&gatherer);
		gather_own(&gatherer);
		gather_others(&gatherer);
	}
	if (gatherer.failed)
		return cli_oom(cli);
	*ret_facts = (struct topology_facts){.host = host,
		.functions = gatherer.functions,
		.guests = gatherer.guests,
		.n_guests = gatherer.n_guests,
		.title = title_of(&gatherer),
		.summary = summary_of(&gatherer)};
	return ret_facts->title && ret_facts->summary ? PP_STATUS_OK : cli_oom(cli);
}
