/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/check/subjects.h"
#include "lib/check/knownbad.h"
#include "base/parse.h"
#include <string.h>

const char pp_known_bad_list[] =
#include "known-bad.inc"
	;

static int parse_hex(const char **at, uint64_t max, uint64_t *ret_value)
{
	const char *end;
	int r = pp_parse_prefix(*at, 16, max, ret_value, &end);

	if (r == 0)
		*at = end;
	return r;
}

/* VENDOR:DEVICE[/MASK][-REVISION] and a blank */
static int parse_device(const char **at, struct pp_known_bad *entry)
{
	uint64_t vendor, device, mask = 0xffff, revision = 0;

	if (parse_hex(at, 0xffff, &vendor) < 0 || *(*at)++ != ':' ||
		parse_hex(at, 0xffff, &device) < 0)
		return -EINVAL;
	if (**at == '/' && (++*at, parse_hex(at, 0xffff, &mask) < 0))
		return -EINVAL;
	entry->revision = -1;
	if (**at == '-') {
		++*at;
		if (parse_hex(at, 0xff, &revision) < 0)
			return -EINVAL;
		entry->revision = (int)revision;
	}
	if (*(*at)++ != ' ')
		return -EINVAL;
	entry->vendor = (uint16_t)vendor;
	entry->device = (uint16_t)device;
	entry->mask = (uint16_t)mask;
	return 0;
}

static int parse_kind(const char **at, struct pp_known_bad *entry)
{
	static const char *const words[] = {
		[PP_BAD_RESET] = "reset ",
		[PP_BAD_FLR] = "flr ",
		[PP_BAD_BUS] = "bus ",
		[PP_BAD_PM] = "pm ",
		[PP_BAD_INTX] = "intx ",
		[PP_BAD_DENYLIST] = "denylist ",
	};

	for (size_t i = 0; i < PP_COUNT(words); i++) {
		if (!pp_text_starts(*at, words[i]))
			continue;
		entry->kind = (enum pp_bad_kind)i;
		*at += strlen(words[i]);
		return 0;
	}
	return -EINVAL;
}

static int parse_line(const char *at, const char *end, struct pp_known_bad *ret_entry)
{
	struct pp_known_bad entry = {0};

	if (parse_device(&at, &entry) < 0 || at > end || parse_kind(&at, &entry) < 0 || at > end)
		return -EINVAL;
	const char *open = memchr(at, '[', (size_t)(end - at));
	const char *stop = open ? open : end;

	entry.text = at;
	while (stop > at && stop[-1] == ' ')
		stop--;
	entry.text_length = (int)(stop - at);
	entry.source = "";
	if (open && end[-1] == ']') {
		entry.source = open + 1;
		entry.source_length = (int)(end - 1 - entry.source);
	}
	if (entry.text_length == 0 || (open && end[-1] != ']'))
		return -EINVAL;
	*ret_entry = entry;
	return 1;
}

int pp_known_bad_next(const char **cursor, struct pp_known_bad *ret_entry)
{
	while (**cursor) {
		const char *line = *cursor, *end = line + strcspn(line, "\n");

		*cursor = *end ? end + 1 : end;
		if (line == end || *line == '#')
			continue;
		return parse_line(line, end, ret_entry);
	}
	return 0;
}

bool pp_known_bad_is(const struct pp_known_bad *entry, const struct pp_device *device)
{
	return entry->vendor == device->vendor &&
	       entry->device == (device->product & entry->mask) &&
	       (entry->revision < 0 || entry->revision == device->revision);
}

static const char *method_of(enum pp_bad_kind kind)
{
	return kind == PP_BAD_FLR ? "flr" : kind == PP_BAD_BUS ? "bus" : "pm";
}

static void bad_method(struct pp_check_run *run, const struct pp_known_bad *entry)
{
	const char *methods = run->device->reset_methods, *method = method_of(entry->kind);

	if (!pp_check_word(methods, method))
		return; /* this kernel knows, or it never had it */
	pp_finding_add(run, PP_WARN, "%.*s This kernel would use that reset (%s)",
		entry->text_length, entry->text, method);
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/reset_method: %s; known-bad list: %.*s",
		run->device->name, methods, entry->source_length, entry->source);
	pp_finding_remedy(run,
		"use a newer kernel, or another method: echo METHOD > "
		"/sys/bus/pci/devices/%s/reset_method (an empty line leaves none)",
		run->device->name);
}

static void bad_reset(struct pp_check_run *run, const struct pp_known_bad *entry)
{
	const char *methods = run->device->reset_methods;

	if (pp_check_word(methods, "flr") || pp_check_word(methods, "device_specific"))
		return;
	pp_finding_add(run, PP_WARN,
		"%.*s It can go to a guest once for each start of the host; a second start of a "
		"guest fails or stays black",
		entry->text_length, entry->text);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/vendor, device: %04x:%04x; reset_method: %s; known-bad "
		"list: %.*s",
		run->device->name, run->device->vendor, run->device->product,
		methods && *methods ? methods : "none", entry->source_length, entry->source);
	pp_finding_remedy(run,
		"with the module vendor-reset: echo device_specific > "
		"/sys/bus/pci/devices/%s/reset_method; else disable the card inside the guest "
		"before "
		"it shuts down",
		run->device->name);
}

static void bad_intx(struct pp_check_run *run, const struct pp_known_bad *entry)
{
	const struct pp_capabilities *capabilities = &run->device->capabilities;

	if (!capabilities->read || capabilities->msi || capabilities->msix)
		return;
	pp_finding_add(run, PP_WARN,
		"%.*s So it needs a line of its own: with a shared one VFIO cannot enable it",
		entry->text_length, entry->text);
	pp_finding_evidence(run, "known-bad list: %.*s", entry->source_length, entry->source);
	pp_finding_remedy(run,
		"move the card to another slot, or unload the driver that shares its "
		"line in /proc/interrupts");
}

static void denylisted(struct pp_check_run *run, const struct pp_known_bad *entry)
{
	const struct pp_kernel *kernel = run->host->kernel;

	if (!pp_check_to_vfio(run) || pp_driver_is_vfio(run->device->driver))
		return;
	if (kernel && kernel->denylist_disabled == 1)
		return;
	pp_finding_add(run, PP_FAIL, "vfio-pci refuses it: %.*s", entry->text_length, entry->text);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/vendor, device: %04x:%04x, on the kernel's denylist; "
		"/sys/module/vfio_pci/parameters/disable_denylist: %s",
		run->device->name, run->device->vendor, run->device->product,
		kernel && kernel->denylist_disabled == 0 ? "N" : "not loaded");
	pp_finding_remedy(run,
		"where the guest is trusted: modprobe -r vfio-pci; modprobe vfio-pci "
		"disable_denylist=1");
}

static void entry_found(struct pp_check_run *run, const struct pp_known_bad *entry)
{
	bool denylist = run->info->check->argument == PP_BAD_DENYLIST;

	if (denylist != (entry->kind == PP_BAD_DENYLIST))
		return;
	switch (entry->kind) {
	case PP_BAD_RESET:
		bad_reset(run, entry);
		break;
	case PP_BAD_FLR:
	case PP_BAD_BUS:
	case PP_BAD_PM:
		bad_method(run, entry);
		break;
	case PP_BAD_INTX:
		bad_intx(run, entry);
		break;
	case PP_BAD_DENYLIST:
		denylisted(run, entry);
		break;
	}
}

/* Two checks: the denylist (the argument is PP_BAD_DENYLIST), and everything else on the list. */
void pp_check_known_bad(struct pp_check_run *run)
{
	const char *lists[] = {pp_known_bad_list, run->host->known_bad};

	for (size_t i = 0; i < PP_COUNT(lists); i++) {
		const char *cursor = lists[i];
		struct pp_known_bad entry;
		int r;

		while (cursor && (r = pp_known_bad_next(&cursor, &entry)) != 0) {
			if (r == 1 && pp_known_bad_is(&entry, run->device))
				entry_found(run, &entry);
		}
	}
}
