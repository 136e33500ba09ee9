/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/overview.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include <string.h>

#define ROWS_MAX 12

enum section { CAN_GO, HELD, KEEP, OUT, SECTIONS };
static const struct {
	const char *title, *key;
} sections[SECTIONS] = {
	[CAN_GO] = {"Can go", "can_go"},
	[HELD] = {"Held", "held"},
	[KEEP] = {"Keep", "keep"},
	[OUT] = {"Out", "out"},
};

/* What goes together: the endpoints of an IOMMU group, or of a slot where there is none. */
struct unit {
	enum section section;
	struct cli_devices devices; /* the first is the one that it is called by */
	const char *text;
};
struct page {
	struct cli *cli;
	struct pp_arena *arena;
	struct pp_host *host;
	struct unit *units;
	size_t n_units;
	struct pp_findings *findings; /* of the host */
	bool ready;
	const char *host_text;
	struct pp_unfinished_list *unfinished;
	struct pp_change_list *changes;
};

static void page_done(struct page *page)
{
	for (size_t i = 0; i < page->n_units; i++)
		cli_devices_done(&page->units[i].devices);
	free(page->units);
	pp_findings_free(page->findings);
	pp_unfinished_free(page->unfinished);
	pp_change_list_free(page->changes);
	pp_host_free(page->host);
	pp_arena_free(page->arena);
}

/* ---- units ---- */

/* What people give to guests; bridges, timers and the like are the machine itself. */
static bool interesting(const struct pp_device *device)
{
	unsigned base = device->class_code >> 16, sub = device->class_code >> 8 & 0xff;
	if (device->header != PP_HEADER_ENDPOINT)
		return false;
	switch (base) {
	case 0x01:
	case 0x02:
	case 0x03:
	case 0x04:
	case 0x0b:
	case 0x0d:
	case 0x10:
	case 0x12:
		return true;
	case 0x0c:
		return sub == 0x00 || sub == 0x03 || sub == 0x04;
	default:
		return false;
	}
}

static bool together(const struct pp_device *a, const struct pp_device *b)
{
	if (a->group >= 0 || b->group >= 0)
		return a->group == b->group;
	return a->address.domain == b->address.domain && a->address.bus == b->address.bus &&
	       a->address.slot == b->address.slot;
}

static int make_units(struct page *page)
{
	const struct pp_host *host = page->host;
	page->units = calloc(host->n_devices + 1, sizeof(*page->units));
	PP_FREE bool *taken = calloc(host->n_devices + 1, sizeof(*taken));
	if (!page->units || !taken)
		return -ENOMEM;
	for (size_t i = 0; i < host->n_devices; i++) {
		if (taken[i] || !interesting(&host->devices[i]))
			continue;
		struct unit *unit = &page->units[page->n_units++];
		for (size_t j = i; j < host->n_devices; j++) {
			const struct pp_device *other = &host->devices[j];
			if (taken[j] || !interesting(other) || !together(&host->devices[i], other))
				continue;
			taken[j] = true;
			if (cli_devices_add(&unit->devices, other, NULL) < 0)
				return -ENOMEM;
		}
		if (cli_devices_add_groups(host, &unit->devices) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- which section ---- */

/* "win11, libvirt, running": who has it now; NULL: no guest. */
static const char *guest_of(const struct page *page, const struct pp_device *device)
{
	for (size_t i = 0; i < page->host->n_uses; i++)
		if (page->host->uses[i].device == device && page->host->uses[i].owner)
			return page->host->uses[i].owner;
	return NULL;
}

static bool is_out(struct page *page, struct unit *unit)
{
	for (size_t i = 0; i < unit->devices.count; i++) {
		const struct pp_device *device = unit->devices.items[i];
		const char *owner = cli_owner(page->cli, device);
		bool stub = pp_text_is(device->driver, "vfio-pci") ||
			    pp_text_is(device->driver, "pci-stub");
		const char *guest = guest_of(page, device);
		if (guest) {
			unit->text = pp_arena_printf(page->arena, "with guest %s", guest);
			return true;
		}
		if (!*owner && !stub)
			continue;
		if (pp_text_starts(owner, "guest:"))
			unit->text = pp_arena_printf(page->arena, "with guest %s", owner + 6);
		else if (*owner)
			unit->text = pp_arena_printf(page->arena, "detached, with %s",
				device->driver ? device->driver : "no driver");
		else
			unit->text = pp_arena_printf(
				page->arena, "with %s, not by pcipass", device->driver);
		return true;
	}
	return false;
}

/* Held by what can be ended; or a part of how the host itself works. */
static enum section section_of_use(const struct pp_use *use)
{
	switch (use->kind) {
	case PP_USE_SESSION:
	case PP_USE_DISPLAY:
	case PP_USE_SOUND:
	case PP_USE_VFIO:
	case PP_USE_GUEST:
		return HELD;
	default:
		return KEEP;
	}
}

static const struct pp_use *blocking_use(const struct page *page, const struct unit *unit)
{
	for (size_t i = 0; i < page->host->n_uses; i++)
		for (size_t j = 0; j < unit->devices.count; j++)
			if (page->host->uses[i].blocking &&
				page->host->uses[i].device == unit->devices.items[j])
				return &page->host->uses[i];
	return NULL;
}

static int sort_unit(struct page *page, struct unit *unit)
{
	unit->section = OUT;
	if (is_out(page, unit))
		return 0;
	const struct pp_use *use = blocking_use(page, unit);
	if (use) {
		unit->section = section_of_use(use);
		unit->text = use->text;
		return 0;
	}
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options options = {.group = true};
	int r = pp_check_devices(
		page->host, unit->devices.items, unit->devices.count, &options, &findings, NULL);
	if (r < 0)
		return r;
	unit->section = CAN_GO;
	unit->text = "free";
	for (size_t i = 0; i < findings->n_items; i++) {
		if (findings->items[i].severity != PP_FAIL)
			continue;
		unit->section = KEEP;
		unit->text = pp_arena_strdup(page->arena, findings->items[i].text);
		break;
	}
	return unit->text ? 0 : -ENOMEM;
}

/* ---- the host ---- */

/* The firmware's table says whose IOMMU it is; without one the processor says what there could be.
 */
const char *cli_iommu_name(const struct pp_iommu *iommu)
{
	if (!iommu)
		return "IOMMU";
	if (pp_text_is(iommu->table, "DMAR"))
		return "VT-d";
	if (pp_text_is(iommu->table, "IVRS"))
		return "AMD IOMMU";
	switch (iommu->cpu) {
	case PP_VENDOR_INTEL:
		return "VT-d";
	case PP_VENDOR_AMD:
		return "AMD IOMMU";
	case PP_VENDOR_ARM:
		return "SMMU";
	default:
		return "IOMMU";
	}
}

static int describe_host(struct page *page)
{
	const struct pp_host *host = page->host;
	struct pp_error error = {0};
	if (pp_check_host(host, &page->findings, &error) < 0)
		return -cli_fail(page->cli, &error);
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	bool on = host->n_groups > 0 || (host->iommu && host->iommu->n_units > 0);
	pp_buffer_printf(&text, "%s %s", cli_iommu_name(host->iommu), on ? "on" : "off");
	if (host->kernel)
		pp_buffer_printf(&text, "; %s", host->kernel->kvm_node ? "KVM" : "no KVM");
	struct pp_libvirt_hook_info hook = {0};
	pp_libvirt_hook_info(page->cli->context, &hook, NULL);
	if (hook.libvirt)
		pp_buffer_printf(&text, "; libvirt here, its hook %s",
			hook.state == PP_HOOK_OFF || hook.state == PP_HOOK_FOREIGN ? "off" : "on");
	page->ready = true;
	for (size_t i = 0; i < page->findings->n_items; i++) {
		const struct pp_finding *finding = &page->findings->items[i];
		if (finding->severity != PP_FAIL)
			continue;
		pp_buffer_printf(
			&text, "%s%s", page->ready ? "; not ready: " : "; ", finding->text);
		page->ready = false;
	}
	page->host_text = pp_arena_strdup(page->arena, pp_buffer_text(&text));
	return page->host_text ? 0 : -ENOMEM;
}

/* ---- what next ---- */

static const struct unit *first_of(const struct page *page, enum section section)
{
	for (size_t i = 0; i < page->n_units; i++)
		if (page->units[i].section == section)
			return &page->units[i];
	return NULL;
}

/* Changes that are on trial, each as "what, 34 s left"; the index of the next one at or after I. */
static const char *next_trial(const struct page *page, size_t *i)
{
	for (; page->changes && *i < page->changes->n_items; (*i)++) {
		const struct pp_change *change = &page->changes->items[*i];
		if (change->try_ms < 0)
			continue;
		(*i)++;
		const char *more = strchr(change->text, '\n');
		return pp_arena_printf(page->arena, "%.*s%s: %lld s left",
			(int)strcspn(change->text, "\n"), change->text, more ? " ..." : "",
			(long long)(change->try_ms + 999) / 1000);
	}
	return NULL;
}

/* The next sensible commands; NULL-terminated. */
static void next_commands(struct page *page, const char *commands[3])
{
	const struct unit *free_one = first_of(page, CAN_GO), *out = first_of(page, OUT);
	size_t n = 0;
	memset(commands, 0, 3 * sizeof(*commands));
	if (page->unfinished && page->unfinished->n_items > 0)
		commands[n++] = "pcipass recover";
	size_t trial = 0;
	if (n == 0 && next_trial(page, &trial))
		commands[n++] = "pcipass keep";
	if (!page->ready) {
		commands[n] = "pcipass host-validate";
		return;
	}
	if (free_one) {
		const struct pp_device *device = free_one->devices.items[0];
		commands[n++] = pp_arena_printf(page->arena,
			"pcipass nodedev-detach %s%s --dry-run", cli_short_address(device),
			free_one->devices.count > 1 ? " --group" : "");
	}
	if (out && n < 2)
		commands[n++] = pp_arena_printf(page->arena, "pcipass nodedev-info %s",
			cli_short_address(out->devices.items[0]));
	if (n == 0)
		commands[n] = "pcipass nodedev-check";
}

/* ---- printing ---- */

/* One line, cut where the terminal ends: what is cut is in nodedev-info. */
static void put_line(struct cli *cli, const char *text)
{
	PP_FREE char *clean = cli_clean(text);
	size_t width = cli_terminal_width(STDOUT_FILENO);
	if (!clean)
		return;
	while (width > 0 && *clean && cli_width(clean) > width) {
		size_t n = strlen(clean) - 1;
		while (n > 0 && ((unsigned char)clean[n] & 0xc0) == 0x80)
			n--;
		clean[n] = '\0';
	}
	for (size_t n = strlen(clean); n > 0 && clean[n - 1] == ' '; n--)
		clean[n - 1] = '\0';
	cli_print(cli, "%s\n", clean);
}

static const char *unit_name(struct page *page, const struct unit *unit)
{
	PP_BUFFER struct pp_buffer name = PP_BUFFER_INIT;
	pp_buffer_puts(&name, cli_short_name(page->arena, unit->devices.items[0]));
	for (size_t i = 1; i < unit->devices.count && i < 3; i++)
		pp_buffer_printf(&name, " + %s", cli_short_address(unit->devices.items[i]));
	if (unit->devices.count > 3)
		pp_buffer_printf(&name, " + %zu more", unit->devices.count - 3);
	return pp_arena_strdup(page->arena, pp_buffer_text(&name));
}

static void put_section(struct page *page, enum section section)
{
	size_t wide = 0, shown = 0, left = 0;
	for (size_t i = 0; i < page->n_units; i++) {
		const char *name =
			page->units[i].section == section ? unit_name(page, &page->units[i]) : "";
		size_t width = name ? cli_width(name) : 0;
		if (width > wide && width <= 44)
			wide = width;
	}
	for (size_t i = 0; i < page->n_units; i++) {
		const struct unit *unit = &page->units[i];
		if (unit->section != section)
			continue;
		if (shown == ROWS_MAX) {
			left++;
			continue;
		}
		const char *name = unit_name(page, unit);
		size_t width = name ? cli_width(name) : 0;
		const char *line = pp_arena_printf(page->arena, "%-9s %-8s %s%*s  %s",
			shown ? "" : sections[section].title,
			cli_short_address(unit->devices.items[0]), name ? name : "",
			width < wide ? (int)(wide - width) : 0, "", unit->text);
		if (line)
			put_line(page->cli, line);
		shown++;
	}
	if (shown == 0)
		cli_print(page->cli, "%-9s none\n", sections[section].title);
	if (left > 0)
		cli_print(page->cli, "%-9s and %zu more: pcipass nodedev-list --long\n", "", left);
}

static void put_labelled(struct page *page, const char *label, const char *text)
{
	const char *line = pp_arena_printf(page->arena, "%-9s %s", label, text);
	if (line)
		put_line(page->cli, line);
}

static void put_json(struct page *page, const char *const *commands)
{
	struct cli *cli = page->cli;
	struct pp_json *next = pp_json_array(), *unfinished = pp_json_array();
	struct pp_json *trials = pp_json_array();
	cli_set_bool(cli, "ready", page->ready);
	cli_set_string(cli, "host", page->host_text);
	for (int section = 0; section < SECTIONS; section++) {
		struct pp_json *array = pp_json_array();
		for (size_t i = 0; i < page->n_units; i++) {
			const struct unit *unit = &page->units[i];
			if ((int)unit->section != section)
				continue;
			struct pp_json *object = pp_json_object();
			pp_json_set_string(object, "address", unit->devices.items[0]->name);
			pp_json_set_string(object, "name",
				cli_short_name(page->arena, unit->devices.items[0]));
			pp_json_set_string(object, "text", unit->text);
			pp_json_set(object, "devices", cli_devices_json(&unit->devices));
			pp_json_add(array, object);
		}
		cli_set(cli, sections[section].key, array);
	}
	for (size_t i = 0; page->unfinished && i < page->unfinished->n_items; i++)
		pp_json_add_string(unfinished, page->unfinished->items[i].text);
	for (; *commands; commands++)
		pp_json_add_string(next, *commands);
	size_t at = 0;
	for (const char *text; (text = next_trial(page, &at));)
		pp_json_add_string(trials, text);
	cli_set(cli, "on_trial", trials);
	cli_set(cli, "unfinished", unfinished);
	cli_set(cli, "next", next);
}

static void put_page(struct page *page)
{
	const char *commands[3];
	next_commands(page, commands);
	if (page->cli->json) {
		put_json(page, commands);
		return;
	}
	put_labelled(page, "Host", page->host_text);
	for (int section = 0; section < SECTIONS; section++)
		put_section(page, section);
	for (size_t i = 0; page->unfinished && i < page->unfinished->n_items; i++)
		put_labelled(page, i ? "" : "Unfinished", page->unfinished->items[i].text);
	size_t trial = 0;
	const char *label = "On trial", *text;
	for (; (text = next_trial(page, &trial)); label = "")
		put_labelled(page, label, text);
	for (size_t i = 0; i < 3 && commands[i]; i++)
		put_labelled(page, i ? "" : "Next", commands[i]);
}

int cli_overview(struct cli *cli)
{
	struct pp_error error = {0};
	PP_CLEANUP(page_done) struct page page = {.cli = cli, .arena = pp_arena_new()};
	if (!page.arena)
		return cli_oom(cli);
	/* Here the unfinished have a line of their own. */
	if (pp_context_open(cli->root, &cli->context, &error) < 0)
		return cli_fail(cli, &error);
	pp_context_notices(cli->context, cli_progress, cli);
	if (pp_unfinished_list(cli->context, &page.unfinished, NULL) < 0)
		page.unfinished = NULL;
	if (pp_changes_list(cli->context, &page.changes, NULL) < 0)
		page.changes = NULL;
	int status = cli_read(cli, PP_READ_ALL, &page.host);
	if (status)
		return status;
	int r = describe_host(&page);
	if (r == -ENOMEM || make_units(&page) < 0)
		return cli_oom(cli);
	if (r < 0)
		return -r;
	for (size_t i = 0; i < page.n_units; i++)
		if (sort_unit(&page, &page.units[i]) < 0)
			return cli_oom(cli);
	put_page(&page);
	return PP_STATUS_OK;
}
