/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/device-columns.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/devices.h"
#include <string.h>

enum {
	ADDRESS,
	NODE,
	ID,
	SUBSYSTEM_ID,
	CLASS_CODE,
	CLASS,
	REVISION,
	DRIVER,
	OVERRIDE,
	GROUP,
	NUMA,
	GO,
	WHY,
	RESET,
	USED_BY,
	OWNER,
	BOOT,
	PARENT,
	LINK,
	VFS,
	PF,
	POWER,
	SERIAL,
	ROM,
	SUBSYSTEM,
	NAME
};

/* What a check looks at. */
#define DEEP (PP_READ_ALL & ~(unsigned)PP_READ_NAMES)

const struct cli_column cli_device_columns[] = {
	{"ADDRESS", "domain:bus:slot.function", CLI_TEXT, false, 0, ADDRESS},
	{"NODE", "virsh's name", CLI_TEXT, false, 0, NODE},
	{"ID", "vendor:product", CLI_TEXT, false, 0, ID},
	{"SUB-ID", "subsystem's vendor:product", CLI_TEXT, false, 0, SUBSYSTEM_ID},
	{"CLASS-CODE", "class, subclass and interface", CLI_TEXT, false, 0, CLASS_CODE},
	{"CLASS", "what it is", CLI_TEXT, true, PP_READ_NAMES, CLASS},
	{"REVISION", "revision", CLI_TEXT, false, 0, REVISION},
	{"DRIVER", "driver that has it", CLI_TEXT, false, 0, DRIVER},
	{"OVERRIDE", "driver_override", CLI_TEXT, false, PP_READ_CONFIG, OVERRIDE},
	{"GROUP", "IOMMU group", CLI_NUMBER, false, 0, GROUP},
	{"NUMA", "NUMA node", CLI_NUMBER, false, PP_READ_CONFIG, NUMA},
	{"CAN-GO", "can it go to a guest: yes, group (with its whole group), no", CLI_TEXT, false,
		DEEP, GO},
	{"WHY", "the first reason why not", CLI_TEXT, false, DEEP, WHY},
	{"RESET", "the kernel's ways to reset it", CLI_LIST, true, PP_READ_CONFIG, RESET},
	{"USED-BY", "what on the host uses it", CLI_PHRASES, true, PP_READ_USES, USED_BY},
	{"OWNER", "who took it: host, guest:NAME", CLI_TEXT, false, 0, OWNER},
	{"BOOT",
		"what it gets at each boot: a driver (nodedev-detach --config), virtual functions "
		"(nodedev-setvfs --config)",
		CLI_TEXT, false, 0, BOOT},
	{"PARENT", "the bridge above", CLI_TEXT, false, 0, PARENT},
	{"LINK", "PCI Express link: now, and at best", CLI_TEXT, false, PP_READ_CONFIG, LINK},
	{"VFS", "virtual functions: now, and at most", CLI_TEXT, false, PP_READ_CONFIG, VFS},
	{"PF", "physical function of a virtual one", CLI_TEXT, false, PP_READ_CONFIG, PF},
	{"POWER", "power state", CLI_TEXT, false, PP_READ_CONFIG, POWER},
	{"SERIAL", "device serial number", CLI_TEXT, false, PP_READ_CONFIG, SERIAL},
	{"ROM", "size of its ROM", CLI_NUMBER, false, PP_READ_CONFIG, ROM},
	{"SUBSYSTEM", "name of its subsystem", CLI_TEXT, true, PP_READ_NAMES, SUBSYSTEM},
	{"NAME", "vendor and product", CLI_TEXT, true, PP_READ_NAMES, NAME},
};
const size_t cli_n_device_columns = PP_COUNT(cli_device_columns);

/* ---- can it go ---- */

static const struct pp_finding *first_failure(const struct pp_findings *findings, const char *but)
{
	for (size_t i = 0; i < findings->n_items; i++)
		if (findings->items[i].severity == PP_FAIL &&
			!pp_text_is(findings->items[i].id, but))
			return &findings->items[i];
	return NULL;
}

static bool group_can_go(const struct pp_host *host, const struct pp_device *device)
{
	CLI_DEVICES struct cli_devices devices = {0};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options options = {.group = true};
	if (cli_devices_add(&devices, device, NULL) < 0 ||
		cli_devices_add_groups(host, &devices) < 0)
		return false;
	if (pp_check_devices(host, devices.items, devices.count, &options, &findings, NULL) < 0)
		return false;
	return !first_failure(findings, NULL);
}

enum cli_go cli_device_go(
	const struct pp_host *host, const struct pp_device *device, char **ret_why, char **ret_text)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options options = {0};
	if (pp_check_devices(host, &device, 1, &options, &findings, NULL) < 0)
		return CLI_GO_UNKNOWN;
	const struct pp_finding *failure = first_failure(findings, NULL);
	if (!failure)
		return CLI_GO_YES;
	const struct pp_finding *other = first_failure(findings, "group-not-viable");
	if (!other && group_can_go(host, device))
		return CLI_GO_GROUP;
	if (ret_why)
		*ret_why = strdup(other ? other->id : failure->id);
	if (ret_text)
		*ret_text = strdup(other ? other->text : failure->text);
	return CLI_GO_NO;
}

/* ---- cells ---- */

static void put_used_by(
	struct pp_buffer *cell, const struct pp_host *host, const struct pp_device *device)
{
	for (size_t i = 0; i < host->n_uses; i++) {
		const struct pp_use *use = &host->uses[i];
		if (use->device != device || !use->blocking || !use->name)
			continue;
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = host->uses[j].device == device && host->uses[j].blocking &&
			       pp_text_is(host->uses[j].name, use->name);
		if (!seen)
			pp_buffer_printf(cell, "%s%s", cell->length ? "; " : "",
				use->owner ? use->owner : use->name);
	}
}

/* Words with commas between them: a cell is one word for awk. */
static void put_list(struct pp_buffer *cell, const char *words)
{
	const char *word;
	size_t length;
	while (words && pp_text_word(&words, " ", &word, &length)) {
		pp_buffer_puts(cell, cell->length ? "," : "");
		pp_buffer_append(cell, word, length);
	}
}

static void put_owner(struct cli *cli, struct pp_buffer *cell, const struct pp_device *device)
{
	pp_buffer_puts(cell, cli_owner(cli, device));
}

static void put_boot(struct cli *cli, struct pp_buffer *cell, const struct pp_device *device)
{
	const struct pp_binding_list *list = cli_bindings(cli);
	for (size_t i = 0; list && i < list->n_items; i++) {
		const struct pp_binding *binding = &list->items[i];
		if (!pp_text_is(binding->address, device->name) || binding->fault)
			continue;
		if (binding->functions)
			pp_buffer_printf(cell, "%u functions", binding->functions);
		else
			pp_buffer_puts(cell, binding->driver);
	}
}

static const char *speed_text(unsigned code)
{
	static const char *const speeds[] = {"?", "2.5", "5", "8", "16", "32", "64"};
	return speeds[code < PP_COUNT(speeds) ? code : 0];
}

static void put_link(struct pp_buffer *cell, const struct pp_capabilities *capabilities)
{
	if (capabilities->link)
		pp_buffer_printf(cell, "%s GT/s x%u of %s x%u",
			speed_text(capabilities->link_speed), capabilities->link_width,
			speed_text(capabilities->link_cap_speed), capabilities->link_cap_width);
}

static void put_go(struct pp_buffer *cell, const struct pp_host *host,
	const struct pp_device *device, bool reason)
{
	static const char *const words[] = {[CLI_GO_YES] = "yes",
		[CLI_GO_GROUP] = "group",
		[CLI_GO_NO] = "no",
		[CLI_GO_UNKNOWN] = "?"};
	PP_FREE char *why = NULL;
	enum cli_go go = cli_device_go(host, device, &why, NULL);
	if (!reason)
		pp_buffer_puts(cell, words[go]);
	else if (go == CLI_GO_GROUP)
		pp_buffer_puts(cell, "group-not-viable");
	else if (why)
		pp_buffer_puts(cell, why);
}

static const char *text_cell(int id, const struct pp_device *device)
{
	switch (id) {
	case ADDRESS:
		return device->name;
	case CLASS:
		return device->class_name;
	case DRIVER:
		return device->driver;
	case OVERRIDE:
		return device->driver_override;
	case PARENT:
		return device->parent ? device->parent->name : NULL;
	case PF:
		return device->physical_function ? device->physical_function->name : NULL;
	case POWER:
		return device->power_state;
	case SUBSYSTEM:
		return device->subsystem_name;
	default:
		return NULL;
	}
}

static void put_number(struct pp_buffer *cell, int id, const struct pp_device *device)
{
	if (id == ID)
		pp_buffer_printf(cell, "%04x:%04x", device->vendor, device->product);
	if (id == SUBSYSTEM_ID)
		pp_buffer_printf(cell, "%04x:%04x", device->subvendor, device->subproduct);
	if (id == CLASS_CODE)
		pp_buffer_printf(cell, "%06x", device->class_code);
	if (id == REVISION)
		pp_buffer_printf(cell, "%02x", device->revision);
	if (id == GROUP && device->group >= 0)
		pp_buffer_printf(cell, "%d", device->group);
	if (id == NUMA && device->numa_node >= 0)
		pp_buffer_printf(cell, "%d", device->numa_node);
	if (id == VFS && device->sriov_total > 0)
		pp_buffer_printf(cell, "%u of %u", device->sriov_count, device->sriov_total);
	if (id == SERIAL && device->capabilities.serial)
		pp_buffer_printf(cell, "%016llx", (unsigned long long)device->capabilities.serial);
	if (id == ROM && device->rom.size)
		pp_buffer_printf(cell, "%llu", (unsigned long long)device->rom.size);
}

static void put_cell(struct cli *cli, struct pp_buffer *cell, int id, const struct pp_host *host,
	const struct pp_device *device)
{
	const char *text = text_cell(id, device);
	char node[CLI_NODE_SIZE];
	if (text) {
		pp_buffer_puts(cell, text);
		return;
	}
	switch (id) {
	case NODE:
		pp_buffer_puts(cell, cli_node_name(device, node));
		break;
	case GO:
	case WHY:
		put_go(cell, host, device, id == WHY);
		break;
	case RESET:
		put_list(cell, device->reset_methods);
		break;
	case USED_BY:
		put_used_by(cell, host, device);
		break;
	case OWNER:
		put_owner(cli, cell, device);
		break;
	case BOOT:
		put_boot(cli, cell, device);
		break;
	case LINK:
		put_link(cell, &device->capabilities);
		break;
	case NAME: {
		PP_FREE char *title = cli_device_title(device);
		pp_buffer_puts(cell, title ? title : "");
		break;
	}
	default:
		put_number(cell, id, device);
		break;
	}
}

int cli_device_row(struct cli *cli, struct cli_table *table, const struct pp_host *host,
	const struct pp_device *device)
{
	int row = cli_table_row(table, -1);
	if (row < 0)
		return row;
	PP_BUFFER struct pp_buffer cell = PP_BUFFER_INIT;
	for (size_t i = 0; i < cli_table_columns(table); i++) {
		pp_buffer_reset(&cell);
		put_cell(cli, &cell, cli_table_column(table, i)->id, host, device);
		if (cell.failed || cli_table_set(table, row, i, pp_buffer_text(&cell)) < 0)
			return -ENOMEM;
	}
	return 0;
}
