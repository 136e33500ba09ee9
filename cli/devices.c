/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/devices.h"
#include "base/buffer.h"
#include "base/parse.h"
#include <string.h>

void cli_devices_done(struct cli_devices *devices)
{
	free(devices->items);
	free(devices->names);
}

int cli_read(struct cli *cli, unsigned depth, struct pp_host **ret_host)
{
	struct pp_error error = {0};
	int status = cli_open(cli);
	if (status)
		return status;
	int r = pp_host_read(cli->context, depth, ret_host, &error);
	return r < 0 ? cli_fail(cli, &error) : PP_STATUS_OK;
}

int cli_devices_add(struct cli_devices *devices, const struct pp_device *device, const char *name)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->items[i] == device)
			return 0;
	if (devices->count == devices->room) {
		size_t room = devices->room ? devices->room * 2 : 8;
		const struct pp_device **items = realloc(devices->items, room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		devices->items = items;
		const char **names = realloc(devices->names, room * sizeof(*names));
		if (!names)
			return -ENOMEM;
		devices->names = names;
		devices->room = room;
	}
	devices->items[devices->count] = device;
	devices->names[devices->count++] = name;
	return 0;
}

int cli_devices_find(struct cli *cli, const struct pp_host *host, const char *const *words,
	size_t n_words, struct cli_devices *devices)
{
	for (size_t i = 0; i < n_words; i++) {
		struct pp_error error = {0};
		const struct pp_device *device = NULL;
		if (pp_device_find(cli->context, host, words[i], &device, &error) < 0)
			return cli_fail(cli, &error);
		if (cli_devices_add(devices, device, words[i]) < 0)
			return cli_oom(cli);
	}
	return PP_STATUS_OK;
}

int cli_devices_read(struct cli *cli, unsigned depth, const char *const *words, size_t n_words,
	bool groups, struct pp_host **ret_host, struct cli_devices *devices)
{
	int status = cli_read(cli, depth, ret_host);
	if (!status)
		status = cli_devices_find(cli, *ret_host, words, n_words, devices);
	if (!status && groups && cli_devices_add_groups(*ret_host, devices) < 0)
		status = cli_oom(cli);
	if (!status)
		cli_set(cli, "devices", cli_devices_json(devices));
	return status;
}

int cli_devices_add_groups(const struct pp_host *host, struct cli_devices *devices)
{
	size_t named = devices->count;
	for (size_t i = 0; i < named; i++) {
		int number = devices->items[i]->group;
		const struct pp_group *group = number >= 0 ? pp_host_group(host, number) : NULL;
		for (size_t j = 0; group && j < group->n_devices; j++) {
			const struct pp_device *member = group->devices[j];
			if (member->header != PP_HEADER_ENDPOINT)
				continue;
			if (cli_devices_add(devices, member, NULL) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

const char *cli_node_name(const struct pp_device *device, char text[CLI_NODE_SIZE])
{
	const struct pp_address *address = &device->address;
	snprintf(text, CLI_NODE_SIZE, "pci_%04x_%02x_%02x_%u", address->domain, address->bus,
		address->slot, address->function);
	return text;
}

char *cli_device_title(const struct pp_device *device)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	if (device->vendor_name)
		pp_buffer_puts(&buffer, device->vendor_name);
	else
		pp_buffer_printf(&buffer, "Vendor %04x", device->vendor);
	if (device->product_name)
		pp_buffer_printf(&buffer, " %s", device->product_name);
	else
		pp_buffer_printf(&buffer, " Device %04x", device->product);
	return pp_buffer_take(&buffer);
}

const char *cli_short_address(const struct pp_device *device)
{
	return pp_text_starts(device->name, "0000:") ? device->name + 5 : device->name;
}

const char *cli_short_name(struct pp_arena *arena, const struct pp_device *device)
{
	const char *name = device->product_name;
	const char *open = name ? strrchr(name, '[') : NULL;
	const char *close = open ? strchr(open, ']') : NULL;
	if (close && close > open + 1)
		return pp_arena_strndup(arena, open + 1, (size_t)(close - open - 1));
	if (name)
		return name;
	return device->class_name ? device->class_name : "unknown device";
}

const char *cli_device_called(
	const struct cli_devices *devices, size_t index, char text[CLI_NODE_SIZE])
{
	return devices->names[index] ? devices->names[index]
				     : cli_node_name(devices->items[index], text);
}

struct pp_json *cli_devices_json(const struct cli_devices *devices)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < devices->count; i++) {
		char text[CLI_NODE_SIZE];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "name", cli_device_called(devices, i, text));
		pp_json_set_string(object, "address", devices->items[i]->name);
		pp_json_add(array, object);
	}
	return array;
}

char *cli_devices_blame(const struct cli_devices *devices, const char *what)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	char text[CLI_NODE_SIZE];
	pp_buffer_printf(&buffer, "Failed to %s device%s", what, devices->count > 1 ? "s" : "");
	for (size_t i = 0; i < devices->count; i++)
		pp_buffer_printf(&buffer, " %s", cli_device_called(devices, i, text));
	return pp_buffer_take(&buffer);
}

void cli_devices_say(struct cli *cli, const struct cli_devices *devices, const char *what)
{
	char text[CLI_NODE_SIZE];
	for (size_t i = 0; i < devices->count; i++)
		cli_print(cli, "Device %s %s\n", cli_device_called(devices, i, text), what);
	cli_end(cli);
}

void cli_boot_image(struct cli *cli, bool changed)
{
	struct pp_boot_image_info info;
	if (pp_boot_image_info(cli->context, &info, NULL) < 0 || !info.command)
		return;
	if (!info.supported)
		cli_say(cli,
			"note: the initramfs of this host (%s) does not know of bindings: a driver "
			"that is loaded there comes first",
			info.command);
	else if (changed || info.stale)
		cli_say(cli, "note: the initramfs has to be made anew for it: %s", info.command);
	cli_set_string(cli, "initramfs", changed || info.stale ? info.command : NULL);
}

/* ---- who has them ---- */

const char *cli_owner(struct cli *cli, const struct pp_device *device)
{
	if (!cli->owned_read)
		pp_owned_list(cli->context, &cli->owned, NULL);
	cli->owned_read = true;
	const struct pp_owned *owned = pp_owned_find(cli->owned, &device->address);
	return owned ? owned->owner : "";
}

const struct pp_binding_list *cli_bindings(struct cli *cli)
{
	if (!cli->bindings_read)
		pp_bindings_list(cli->context, &cli->bindings, NULL);
	cli->bindings_read = true;
	return cli->bindings;
}
