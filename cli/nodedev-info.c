/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/device-columns.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <string.h>

static bool full;
static const struct pp_option options[] = {
	{"full", 'f', NULL, "also BARs, capabilities, link and health", &full},
};

static void line(struct cli *cli, const char *name, const char *format, ...) PP_PRINTF(3, 4);
static void line(struct cli *cli, const char *name, const char *format, ...)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	va_list args;
	va_start(args, format);
	pp_buffer_vprintf(&buffer, format, args);
	va_end(args);
	PP_FREE char *clean = cli_clean(pp_buffer_text(&buffer));
	if (clean && *clean)
		cli_print(cli, "%-12s %s\n", name, clean);
}

/* ---- in words ---- */

static void driver_line(struct cli *cli, const struct pp_device *device)
{
	char owner[256] = "";
	struct pp_driver_state origin = {0};
	bool out = pp_device_owner(cli->context, &device->address, owner, sizeof(owner), &origin,
			   NULL) >= 0 &&
		   *owner;
	line(cli, "Driver", "%s%s%s", device->driver ? device->driver : "none",
		device->driver_override ? ", override " : "",
		device->driver_override ? device->driver_override : "");
	bool guest = pp_text_starts(owner, "guest:");
	if (out)
		line(cli, "Out", "%s%s; it had %s%s", guest ? "with guest " : "detached by hand",
			guest ? owner + strlen("guest:") : "", *origin.driver ? "driver " : "",
			*origin.driver ? origin.driver : "no driver");
}

static void group_line(struct cli *cli, const struct pp_host *host, const struct pp_device *device)
{
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(host, device->group) : NULL;
	if (!group) {
		line(cli, "IOMMU group", "none");
		return;
	}
	PP_BUFFER struct pp_buffer with = PP_BUFFER_INIT;
	for (size_t i = 0; i < group->n_devices; i++)
		if (group->devices[i] != device)
			pp_buffer_printf(&with, "%s%s", with.length ? ", " : " with ",
				group->devices[i]->name);
	line(cli, "IOMMU group", "%d%s%s", group->number, with.length ? "" : ", alone",
		pp_buffer_text(&with));
}

static void go_line(struct cli *cli, const struct pp_host *host, const struct pp_device *device)
{
	PP_FREE char *why = NULL;
	switch (cli_device_go(host, device, &why, NULL)) {
	case CLI_GO_YES:
		line(cli, "Can go", "yes");
		break;
	case CLI_GO_GROUP:
		line(cli, "Can go", "with its whole group (--group)");
		break;
	case CLI_GO_NO:
		line(cli, "Can go", "no: %s (pcipass nodedev-check %s)", why ? why : "",
			device->name);
		break;
	case CLI_GO_UNKNOWN:
		break;
	}
}

static void use_lines(struct cli *cli, const struct pp_host *host, const struct pp_device *device)
{
	for (size_t i = 0; i < host->n_uses; i++)
		if (host->uses[i].device == device)
			line(cli, "Used", "%s", host->uses[i].text);
}

static void base_lines(struct cli *cli, const struct pp_host *host, const struct pp_device *device)
{
	PP_FREE char *title = cli_device_title(device);
	char node[CLI_NODE_SIZE];
	line(cli, "Device", "%s (%s)", device->name, cli_node_name(device, node));
	line(cli, "Is", "%s%s%s", device->class_name ? device->class_name : "",
		device->class_name ? ": " : "", title ? title : "");
	line(cli, "Subsystem", "%s", device->subsystem_name ? device->subsystem_name : "");
	line(cli, "Numbers", "%04x:%04x, subsystem %04x:%04x, class %06x, revision %02x",
		device->vendor, device->product, device->subvendor, device->subproduct,
		device->class_code, device->revision);
	driver_line(cli, device);
	group_line(cli, host, device);
	if (device->numa_node >= 0)
		line(cli, "NUMA node", "%d", device->numa_node);
	line(cli, "Behind", "%s", device->parent ? device->parent->name : "");
	line(cli, "Reset", "%s",
		!device->reset_methods   ? "none that the kernel names"
		: *device->reset_methods ? device->reset_methods
					 : "none");
	if (device->physical_function)
		line(cli, "Virtual of", "%s", device->physical_function->name);
	if (device->sriov_total)
		line(cli, "Functions", "%u virtual of %u", device->sriov_count,
			device->sriov_total);
	use_lines(cli, host, device);
	go_line(cli, host, device);
}

/* ---- --full ---- */

static const char *size_text(uint64_t bytes, char text[32])
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;
	while (bytes >= 1024 && bytes % 1024 == 0 && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 32, "%llu %c%s", (unsigned long long)bytes, units[unit], unit ? "iB" : "");
	return text;
}

static void bar_lines(struct cli *cli, const struct pp_device *device)
{
	char size[32], name[16];
	for (size_t i = 0; i < PP_COUNT(device->bars); i++) {
		const struct pp_bar *bar = &device->bars[i];
		snprintf(name, sizeof(name), "BAR %zu", i);
		if (bar->size)
			line(cli, name, "%s at 0x%llx, %s%s", pp_bar_kind(bar),
				(unsigned long long)bar->start, size_text(bar->size, size),
				bar->flags & PP_BAR_DISABLED ? ", disabled" : "");
	}
	if (device->rom.size)
		line(cli, "ROM", "%s", size_text(device->rom.size, size));
}

static void capability_lines(struct cli *cli, const struct pp_device *device)
{
	const struct pp_capabilities *caps = &device->capabilities;
	if (!caps->read) {
		line(cli, "Capabilities", "not read (only root can)");
		return;
	}
	line(cli, "Capabilities", "%s%s%s%s%s%s%s%s", caps->express ? "Express " : "",
		caps->msi ? "MSI " : "", caps->msix ? "MSI-X " : "", caps->pm ? "power " : "",
		caps->acs ? "ACS " : "", caps->aer ? "AER " : "", caps->sriov ? "SR-IOV " : "",
		caps->flr || caps->af_flr ? "function-level-reset" : "");
	if (caps->msix)
		line(cli, "MSI-X", "%u vectors", caps->msix_vectors);
	if (caps->serial)
		line(cli, "Serial", "%016llx", (unsigned long long)caps->serial);
}

static void health_lines(struct cli *cli, const struct pp_device *device)
{
	line(cli, "Power", "%s", device->power_state ? device->power_state : "");
	if (device->flags & PP_DEVICE_CONFIG_DEAD)
		line(cli, "Health",
			"its config space is all ones: it has fallen off the bus, or sleeps");
	if (device->health && device->health->aer)
		line(cli, "Errors", "%s", device->health->aer);
	if (device->health && device->health->irq)
		line(cli, "Interrupt", "%u", device->health->irq);
}

/* ---- JSON ---- */

static struct pp_json *bars_json(const struct pp_device *device)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < PP_COUNT(device->bars); i++) {
		const struct pp_bar *bar = &device->bars[i];
		struct pp_json *object = pp_json_object();
		if (bar->size == 0) {
			pp_json_free(object);
			continue;
		}
		pp_json_set_int(object, "bar", (int64_t)i);
		pp_json_set_string(object, "kind", pp_bar_kind(bar));
		pp_json_set_int(object, "start", (int64_t)bar->start);
		pp_json_set_int(object, "size", (int64_t)bar->size);
		pp_json_add(array, object);
	}
	return array;
}

static struct pp_json *uses_json(const struct pp_host *host, const struct pp_device *device)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < host->n_uses; i++) {
		const struct pp_use *use = &host->uses[i];
		if (use->device != device)
			continue;
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "name", use->name);
		pp_json_set_string(object, "text", use->text);
		pp_json_set_string(object, "evidence", use->evidence);
		pp_json_set_bool(object, "blocking", use->blocking);
		pp_json_add(array, object);
	}
	return array;
}

static int put_json(struct cli *cli, const struct pp_host *host, const struct pp_device *device)
{
	static const char all[] =
		"ADDRESS,NODE,ID,SUB-ID,CLASS-CODE,CLASS,REVISION,DRIVER,OVERRIDE,GROUP,NUMA,"
		"CAN-GO,WHY,RESET,USED-BY,OWNER,PARENT,LINK,VFS,PF,POWER,SERIAL,SUBSYSTEM,NAME";
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	struct pp_error error = {0};
	if (cli_table_new(cli_device_columns, cli_n_device_columns, all, NULL, &table, &error) < 0)
		return cli_fail(cli, &error);
	if (cli_device_row(cli, table, host, device) < 0)
		return cli_oom(cli);
	PP_CLEANUP(pp_json_freep) struct pp_json *rows = cli_table_json(table);
	struct pp_json *object = pp_json_copy(pp_json_at(rows, 0));
	pp_json_set(object, "uses", uses_json(host, device));
	pp_json_set(object, "bars", bars_json(device));
	cli_set(cli, "device", object);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	int status = cli_read(cli, PP_READ_ALL, &host);
	if (!status)
		status = cli_devices_find(cli, host, words, n_words, &devices);
	if (status)
		return status;
	const struct pp_device *device = devices.items[0];
	if (cli->json)
		return put_json(cli, host, device);
	base_lines(cli, host, device);
	if (full) {
		bar_lines(cli, device);
		capability_lines(cli, device);
		health_lines(cli, device);
	}
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_nodedev_info = {
	.name = "nodedev-info",
	.group = CLI_LOOK,
	.summary = "what is known of a device, in words",
	.example = "  $ pcipass nodedev-info eth0\n",
	.usage = "DEVICE [--full]",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_ONE_DEVICE,
	.run = run,
};
