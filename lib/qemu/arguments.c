/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/arguments.h"
#include "base/parse.h"
#include <string.h>

int pp_arguments_fail(struct pp_arguments *arguments, int line, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	if (arguments->failed)
		return arguments->failed;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	arguments->failed = pp_error_set(arguments->error, PP_STATUS_FAILED, -EINVAL, "%s:%d: %s",
		arguments->file, line, pp_buffer_text(&text));
	return arguments->failed;
}

static void fail_memory(struct pp_arguments *arguments)
{
	if (!arguments->failed)
		arguments->failed = pp_error_oom(arguments->error);
}

void pp_arguments_add(struct pp_arguments *arguments, const char *text)
{
	char *copy;

	if (arguments->failed)
		return;
	if (arguments->count + 1 >= arguments->size) {
		size_t size = arguments->size ? arguments->size * 2 : 64;
		char **list = pp_arena_grow(arguments->arena, arguments->list,
			arguments->size * sizeof(*list), size * sizeof(*list));

		if (!list) {
			fail_memory(arguments);
			return;
		}
		arguments->list = list;
		arguments->size = size;
	}
	copy = pp_arena_strdup(arguments->arena, text);
	if (!copy)
		fail_memory(arguments);
	arguments->list[arguments->count++] = copy;
	arguments->list[arguments->count] = NULL;
}

void pp_arguments_pair(struct pp_arguments *arguments, const char *option, const char *value)
{
	pp_arguments_add(arguments, option);
	pp_arguments_add(arguments, value);
}

static void put_escaped(struct pp_buffer *buffer, const char *text)
{
	for (; *text; text++) {
		pp_buffer_putc(buffer, *text);
		if (*text == ',')
			pp_buffer_putc(buffer, ',');
	}
}

void pp_arguments_begin(struct pp_arguments *arguments, const char *option, const char *first)
{
	pp_arguments_add(arguments, option);
	pp_buffer_reset(&arguments->current);
	arguments->plain = true;
	if (first) {
		put_escaped(&arguments->current, first);
		arguments->plain = false;
	}
}

static void put_separator(struct pp_arguments *arguments)
{
	if (!arguments->plain)
		pp_buffer_putc(&arguments->current, ',');
	arguments->plain = false;
}

void pp_arguments_raw(struct pp_arguments *arguments, const char *text)
{
	put_separator(arguments);
	pp_buffer_puts(&arguments->current, text);
}

void pp_arguments_prop(struct pp_arguments *arguments, const char *name, const char *value)
{
	if (!value)
		return;
	put_separator(arguments);
	pp_buffer_printf(&arguments->current, "%s=", name);
	put_escaped(&arguments->current, value);
}

void pp_arguments_propf(struct pp_arguments *arguments, const char *name, const char *format, ...)
{
	PP_BUFFER struct pp_buffer value = PP_BUFFER_INIT;
	va_list args;

	va_start(args, format);
	pp_buffer_vprintf(&value, format, args);
	va_end(args);
	if (value.failed)
		fail_memory(arguments);
	pp_arguments_prop(arguments, name, pp_buffer_text(&value));
}

void pp_arguments_switch(struct pp_arguments *arguments, const char *name, enum pp_tristate state)
{
	if (state != PP_UNSET)
		pp_arguments_prop(arguments, name, state == PP_ON ? "on" : "off");
}

void pp_arguments_end(struct pp_arguments *arguments)
{
	if (arguments->current.failed)
		fail_memory(arguments);
	pp_arguments_add(arguments, pp_buffer_text(&arguments->current));
}

void pp_arguments_device(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *type)
{
	if (!pp_qemu_has_device(arguments->capabilities, type))
		pp_arguments_fail(arguments, device->line,
			"<%s> needs QEMU's device '%s', which %s does not have; a package with "
			"QEMU's modules "
			"may be missing",
			pp_domain_device_element(device->kind), type,
			arguments->capabilities->binary);
	pp_arguments_begin(arguments, "-device", type);
}

void pp_arguments_json(struct pp_arguments *arguments, const char *option, struct pp_json *object)
{
	PP_FREE char *text = object ? pp_json_print(object, false) : NULL;

	pp_json_free(object);
	if (!text) {
		fail_memory(arguments);
		return;
	}
	pp_arguments_pair(arguments, option, text);
}

void pp_arguments_place(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;

	if (place->type != PP_PLACE_PCI)
		return;
	pp_arguments_propf(arguments, "bus", "%s.%u",
		place->bus == 0 && arguments->domain->os.q35 ? "pcie" : "pci", place->bus);
	if (place->multifunction != PP_UNSET)
		pp_arguments_switch(arguments, "multifunction", place->multifunction);
	if (place->function)
		pp_arguments_propf(arguments, "addr", "0x%x.0x%x", place->slot, place->function);
	else
		pp_arguments_propf(arguments, "addr", "0x%x", place->slot);
	if (device->acpi_index)
		pp_arguments_propf(arguments, "acpi-index", "%u", device->acpi_index);
}

void pp_arguments_usb_place(struct pp_arguments *arguments, const struct pp_place *place)
{
	if (place->bus == 0)
		pp_arguments_prop(arguments, "bus", "usb.0");
	else
		pp_arguments_propf(arguments, "bus", "usb%u.0", place->bus);
	pp_arguments_prop(arguments, "port", place->port);
}

void pp_arguments_rom(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (device->rom_enabled == PP_OFF) {
		pp_arguments_prop(arguments, "romfile", "");
		return;
	}
	if (device->rom_bar != PP_UNSET)
		pp_arguments_prop(arguments, "rombar", device->rom_bar == PP_ON ? "1" : "0");
	pp_arguments_prop(
		arguments, "romfile", pp_arguments_file(arguments, PP_FILE_COPY, device->rom_file));
}

static bool boots_from(const struct pp_domain_device *device, enum pp_boot_device boot)
{
	if (boot == PP_BOOT_NETWORK)
		return device->kind == PP_DEV_INTERFACE;
	if (device->kind != PP_DEV_DISK)
		return false;
	switch (device->disk.device) {
	case PP_DISK_CDROM:
		return boot == PP_BOOT_CDROM;
	case PP_DISK_FLOPPY:
		return boot == PP_BOOT_FD;
	default:
		return boot == PP_BOOT_HD;
	}
}

/* The first of its kind; of disks on one bus, the first by name. */
const struct pp_domain_device *pp_boot_target(
	const struct pp_domain *domain, enum pp_boot_device boot)
{
	const struct pp_domain_device *target = NULL;

	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (!boots_from(device, boot))
			continue;
		if (!target ||
			(device->kind == PP_DEV_DISK && device->disk.bus == target->disk.bus &&
				device->disk.target_index < target->disk.target_index))
			target = device;
	}
	return target;
}

static bool any_boot_order(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].boot_order)
			return true;
	return false;
}

void pp_arguments_boot(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	static const enum pp_boot_device hard_disk[] = {PP_BOOT_HD};
	const struct pp_domain *domain = arguments->domain;
	const enum pp_boot_device *boot = domain->os.boot;
	unsigned n_boot = domain->os.n_boot;

	if (device->boot_order)
		pp_arguments_propf(arguments, "bootindex", "%u", device->boot_order);
	if (any_boot_order(domain))
		return;
	if (n_boot == 0) {
		boot = hard_disk;
		n_boot = 1;
	}
	for (unsigned i = 0; i < n_boot; i++)
		if (pp_boot_target(domain, boot[i]) == device)
			pp_arguments_propf(arguments, "bootindex", "%u", i + 1);
}
