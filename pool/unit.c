/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/unit.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

static const struct pp_device *find(const struct pp_host *host, const struct pp_pool_device *device)
{
	return pp_host_device(host, &device->address);
}

static bool is_bridge(const struct pp_device *device)
{
	return device->header == PP_HEADER_BRIDGE || device->header == PP_HEADER_CARDBUS;
}

static bool in_unit(
	const struct pp_pool_unit *unit, const struct pp_host *host, const struct pp_device *device)
{
	for (size_t i = 0; i < unit->n_devices; i++) {
		const struct pp_device *listed = find(host, &unit->devices[i]);
		if (listed == device ||
			(listed && listed->group >= 0 && listed->group == device->group))
			return true;
	}
	return false;
}

int pp_unit_members(const struct pp_pool_unit *unit, const struct pp_host *host,
	const struct pp_device ***ret_members, size_t *ret_count)
{
	size_t count = 0;
	const struct pp_device **members = calloc(host->n_devices + 1, sizeof(struct pp_device *));
	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < host->n_devices; i++)
		if (!is_bridge(&host->devices[i]) && in_unit(unit, host, &host->devices[i]))
			members[count++] = &host->devices[i];
	*ret_members = members;
	*ret_count = count;
	return 0;
}

int pp_unit_groups(const struct pp_pool_unit *unit, const struct pp_host *host, int **ret_groups,
	size_t *ret_count)
{
	size_t count = 0;
	int *groups = calloc(unit->n_devices, sizeof(int));
	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < unit->n_devices; i++) {
		const struct pp_device *device = find(host, &unit->devices[i]);
		bool known = !device || device->group < 0;
		for (size_t j = 0; !known && j < count; j++)
			known = groups[j] == device->group;
		if (!known)
			groups[count++] = device->group;
	}
	*ret_groups = groups;
	*ret_count = count;
	return 0;
}

/* ---- sicknesses ---- */

static void sick(struct pp_unit_facts *facts, enum pp_sickness sickness, const char *format, ...)
	PP_PRINTF(3, 4);
static void sick(struct pp_unit_facts *facts, enum pp_sickness sickness, const char *format, ...)
{
	va_list args;
	facts->sickness = sickness;
	va_start(args, format);
	vsnprintf(facts->reason, sizeof(facts->reason), format, args);
	va_end(args);
	for (char *c = facts->reason; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

/* "8086:10d3, not 1b36:0010 as listed"; NULL: it is the one. */
static const char *stranger(const struct pp_pool_device *listed, const struct pp_device *device,
	char *text, size_t size)
{
	const struct pp_json_identity *wanted = &listed->identity;
	if (wanted->vendor != device->vendor || wanted->product != device->product)
		snprintf(text, size, "%04x:%04x, not %04x:%04x", device->vendor, device->product,
			wanted->vendor, wanted->product);
	else if (wanted->has_subsystem && (wanted->subvendor != device->subvendor ||
						  wanted->subproduct != device->subproduct))
		snprintf(text, size, "of subsystem %04x:%04x, not %04x:%04x", device->subvendor,
			device->subproduct, wanted->subvendor, wanted->subproduct);
	/* Where config space is dead, so is its serial number. */
	else if (wanted->serial && !(device->flags & PP_DEVICE_CONFIG_DEAD) &&
		 device->capabilities.read && wanted->serial != device->capabilities.serial)
		snprintf(text, size, "the one with serial number 0x%llx, not 0x%llx",
			(unsigned long long)device->capabilities.serial,
			(unsigned long long)wanted->serial);
	else
		return NULL;
	return text;
}

static void look_at_listed(
	const struct pp_pool_unit *unit, const struct pp_host *host, struct pp_unit_facts *facts)
{
	char other[128];
	for (size_t i = 0; i < unit->n_devices && !facts->sickness; i++) {
		const struct pp_pool_device *listed = &unit->devices[i];
		const struct pp_device *device = find(host, listed);
		if (!device || device->flags & PP_DEVICE_VANISHED)
			sick(facts, PP_SICK_ABSENT, "%s is not there", listed->name);
		else if (stranger(listed, device, other, sizeof(other)))
			sick(facts, PP_SICK_OTHER, "the device at %s is %s as the pool says",
				listed->name, other);
		else if (device->group < 0)
			sick(facts, PP_SICK_GROUP, "%s is in no IOMMU group", listed->name);
	}
}

static void look_at_member(const struct pp_pool_unit *unit, const struct pp_host *host,
	const struct pp_device *member, struct pp_unit_facts *facts)
{
	bool listed = false;
	for (size_t i = 0; i < unit->n_devices; i++)
		listed = listed || find(host, &unit->devices[i]) == member;
	if (member->flags & PP_DEVICE_CONFIG_DEAD)
		sick(facts, PP_SICK_DEAD,
			"%s does not answer: its config space is all ones (it fell off the bus, or "
			"sleeps too deep)",
			member->name);
	else if (listed && !member->driver)
		sick(facts, PP_SICK_DRIVER, "%s has no driver, not vfio-pci", member->name);
	else if (listed && !pp_driver_is_vfio(member->driver))
		sick(facts, PP_SICK_DRIVER, "%s has the host's driver %s, not vfio-pci",
			member->name, member->driver);
	else if (pp_device_holds_group(member))
		sick(facts, PP_SICK_DRIVER,
			"%s, in the same IOMMU group %d, has the host's driver %s", member->name,
			member->group, member->driver);
	else if (!unit->no_reset && (!member->reset_methods || !*member->reset_methods))
		sick(facts, PP_SICK_RESET,
			"%s cannot be reset between two tenants (the pool may say "
			"\"reset\": \"none\")",
			member->name);
}

/* The check's own words stand behind what was seen without it. */
static void add_finding(struct pp_unit_facts *facts, const struct pp_finding *finding)
{
	if (!facts->sickness) {
		sick(facts, PP_SICK_CHECK, "[%s] %s: %s", finding->id, finding->subject,
			finding->text);
		return;
	}
	size_t length = strlen(facts->reason);
	snprintf(facts->reason + length, sizeof(facts->reason) - length, "; [%s] %s", finding->id,
		finding->text);
}

static bool counts(const struct pp_pool_unit *unit, const struct pp_finding *finding)
{
	/* Who holds it is asked elsewhere: it may be a guest that got it from us. */
	if (pp_text_is(finding->id, "in-use-vfio") || pp_text_is(finding->id, "in-use-guest"))
		return false;
	if (pp_text_is(finding->id, "reset-shared-bus"))
		return !unit->no_reset && finding->severity >= PP_WARN;
	return finding->severity == PP_FAIL;
}

static int run_checks(const struct pp_pool_unit *unit, const struct pp_host *host,
	const struct pp_device *const *members, size_t count, struct pp_unit_facts *facts,
	struct pp_error *error)
{
	struct pp_check_options options = {.group = true};
	struct pp_findings *findings = NULL;
	int r = pp_check_devices(host, members, count, &options, &findings, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < findings->n_items; i++)
		if (counts(unit, &findings->items[i])) {
			add_finding(facts, &findings->items[i]);
			break;
		}
	pp_findings_free(findings);
	return 0;
}

static void look_at_holders(const struct pp_host *host, const struct pp_device *const *members,
	size_t count, struct pp_unit_facts *facts)
{
	for (size_t i = 0; i < host->n_uses && !facts->held; i++) {
		const struct pp_use *use = &host->uses[i];
		for (size_t j = 0; j < count && !facts->held; j++)
			facts->held = use->device == members[j] && use->kind == PP_USE_VFIO;
		if (facts->held)
			snprintf(facts->holder, sizeof(facts->holder), "%s", use->text);
	}
}

/* One node for all, or none. */
static void look_at_place(
	const struct pp_pool_unit *unit, const struct pp_host *host, struct pp_unit_facts *facts)
{
	const struct pp_device *leader = find(host, &unit->devices[0]);
	facts->numa_node = leader ? leader->numa_node : -1;
	for (size_t i = 1; i < unit->n_devices; i++) {
		const struct pp_device *device = find(host, &unit->devices[i]);
		if (device && device->numa_node != facts->numa_node)
			facts->numa_node = -1;
	}
	static const char start[] = "/sys/devices/";
	if (!leader || !pp_text_starts(leader->path, start))
		return;
	const char *root = leader->path + strlen(start);
	snprintf(facts->root, sizeof(facts->root), "%.*s", (int)strcspn(root, "/"), root);
}

int pp_unit_look(const struct pp_pool_unit *unit, const struct pp_host *host,
	struct pp_unit_facts *ret_facts, struct pp_error *error)
{
	PP_FREE const struct pp_device **members = NULL;
	struct pp_unit_facts facts = {.numa_node = -1};
	size_t count = 0;
	int r = pp_unit_members(unit, host, &members, &count);
	if (r < 0)
		return pp_error_oom(error);
	look_at_place(unit, host, &facts);
	look_at_holders(host, members, count, &facts);
	look_at_listed(unit, host, &facts);
	for (size_t i = 0; i < count && !facts.sickness; i++)
		look_at_member(unit, host, members[i], &facts);
	bool there = facts.sickness == PP_SICK_NOT || facts.sickness == PP_SICK_DRIVER ||
		     facts.sickness == PP_SICK_GROUP;
	if (there && (host->depth & PP_READ_ALL) == PP_READ_ALL)
		r = run_checks(unit, host, members, count, &facts, error);
	if (r < 0)
		return r;
	*ret_facts = facts;
	return 0;
}

/* ---- the whole ---- */

static int match_device(const struct pp_pools *pools, const struct pp_pool_unit *unit,
	const struct pp_pool_device *listed, const struct pp_host *host, bool absent_too,
	struct pp_error *error)
{
	const struct pp_device *device = find(host, listed);
	char other[128];
	int r = 0;
	if (!device && !absent_too)
		r = pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s: %s: this host has no device %s", pools->file, unit->place,
			listed->name);
	else if (device && is_bridge(device))
		r = pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"%s: %s: %s is a bridge: bridges are not given away", pools->file,
			unit->place, listed->name);
	else if (device && stranger(listed, device, other, sizeof(other)))
		r = pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s: %s: the device at %s is %s", pools->file, unit->place, listed->name,
			other);
	if (r < 0)
		pp_error_remedy(error, "pcipass nodedev-list --long shows what is where; mend %s",
			pools->file);
	return r;
}

struct claim {
	int group;
	const struct pp_pool_unit *unit;
	const struct pp_pool_device *device;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;
	return (one->group > other->group) - (one->group < other->group);
}

static int check_claims(
	const struct pp_pools *pools, struct claim *claims, size_t count, struct pp_error *error)
{
	qsort(claims, count, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < count; i++) {
		const struct claim *a = &claims[i - 1], *b = &claims[i];
		if (a->group != b->group || a->unit == b->unit)
			continue;
		pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"%s: %s and %s: %s and %s are both in IOMMU group %d, which is given away "
			"as a whole",
			pools->file, a->unit->place, b->unit->place, a->device->name,
			b->device->name, a->group);
		pp_error_remedy(error, "list the one that leads, or both as one 'bundle'");
		return -EINVAL;
	}
	return 0;
}

int pp_pools_match(const struct pp_pools *pools, const struct pp_host *host, bool absent_too,
	struct pp_error *error)
{
	size_t count = 0, room = 0;
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++)
			room += pools->items[i].units[j].n_devices;
	PP_FREE struct claim *claims = calloc(room + 1, sizeof(*claims));
	if (!claims)
		return pp_error_oom(error);
	for (size_t i = 0; i < pools->n_items; i++)
		for (size_t j = 0; j < pools->items[i].n_units; j++) {
			const struct pp_pool_unit *unit = &pools->items[i].units[j];
			for (size_t k = 0; k < unit->n_devices; k++) {
				const struct pp_pool_device *listed = &unit->devices[k];
				int r = match_device(pools, unit, listed, host, absent_too, error);
				if (r < 0)
					return r;
				const struct pp_device *device = find(host, listed);
				if (device && device->group >= 0)
					claims[count++] =
						(struct claim){device->group, unit, listed};
			}
		}
	return check_claims(pools, claims, count, error);
}
