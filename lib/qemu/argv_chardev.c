/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: a backend on the host, and the guest's port in front of it. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <string.h>

static void put_socket(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_chardev *chardev = &device->chardev;
	PP_BUFFER struct pp_buffer own = PP_BUFFER_INIT;

	pp_buffer_printf(&own, "%s/%s.sock", arguments->options->folder, device->alias);
	pp_arguments_socket(
		arguments, chardev->path ? chardev->path : pp_buffer_text(&own), chardev->listen);
	if (chardev->listen) {
		pp_arguments_prop(arguments, "server", "on");
		pp_arguments_prop(arguments, "wait", "off");
	}
}

static enum pp_file_use use_of(const struct pp_chardev *chardev)
{
	if (chardev->type != PP_CHARDEV_FILE)
		return PP_FILE_WRITE;
	return chardev->append == PP_ON ? PP_FILE_APPEND : PP_FILE_TRUNCATE;
}

/* QEMU opens PATH.in and PATH.out by these names alone. */
static void put_pipe(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (arguments->options->first_fd > 0)
		pp_arguments_fail(arguments, device->line,
			"a pipe is opened by QEMU itself, whose user may open no file of the host; "
			"take type='unix' or type='file'");
	pp_arguments_prop(arguments, "path", device->chardev.path);
}

static void put_backend(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	static const char *const types[] = {
		[PP_CHARDEV_PTY] = "pty",
		[PP_CHARDEV_FILE] = "file",
		[PP_CHARDEV_UNIX] = "socket",
		[PP_CHARDEV_NULL] = "null",
		[PP_CHARDEV_DEV] = "serial",
		[PP_CHARDEV_SPICEVMC] = "spicevmc",
		[PP_CHARDEV_PIPE] = "pipe",
	};
	const struct pp_chardev *chardev = &device->chardev;
	bool parallel = device->kind == PP_DEV_PARALLEL && chardev->type == PP_CHARDEV_DEV;

	pp_arguments_begin(arguments, "-chardev", parallel ? "parallel" : types[chardev->type]);
	pp_arguments_propf(arguments, "id", "char%s", device->alias);
	switch (chardev->type) {
	case PP_CHARDEV_UNIX:
		put_socket(arguments, device);
		break;
	case PP_CHARDEV_SPICEVMC:
		pp_arguments_prop(arguments, "name", "vdagent");
		break;
	case PP_CHARDEV_PIPE:
		put_pipe(arguments, device);
		break;
	default:
		pp_arguments_prop(arguments, "path",
			pp_arguments_file(arguments, use_of(chardev), chardev->path));
		pp_arguments_switch(arguments, "append", chardev->append);
		break;
	}
	pp_arguments_end(arguments);
}

static void put_serial(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;

	pp_arguments_device(arguments, device, device->chardev.target_type);
	pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	if (pp_text_is(device->chardev.target_type, "isa-serial"))
		pp_arguments_propf(arguments, "index", "%d", device->chardev.target_port);
	if (place->type == PP_PLACE_ISA && place->iobase)
		pp_arguments_propf(arguments, "iobase", "0x%x", place->iobase);
	if (place->type == PP_PLACE_ISA && place->irq)
		pp_arguments_propf(arguments, "irq", "0x%x", place->irq);
	if (place->type == PP_PLACE_USB) {
		pp_arguments_propf(arguments, "bus", place->bus ? "usb%u.0" : "usb.%u", place->bus);
		pp_arguments_prop(arguments, "port", place->port);
	}
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

static void put_parallel(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_device(arguments, device, "isa-parallel");
	pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_propf(arguments, "index", "%d", device->chardev.target_port);
	if (device->place.iobase)
		pp_arguments_propf(arguments, "iobase", "0x%x", device->place.iobase);
	if (device->place.irq)
		pp_arguments_propf(arguments, "irq", "0x%x", device->place.irq);
	pp_arguments_end(arguments);
}

static void put_virtio_port(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;

	pp_arguments_device(arguments, device,
		device->kind == PP_DEV_CONSOLE ? "virtconsole" : "virtserialport");
	pp_arguments_propf(arguments, "bus", "virtio-serial%u.0", place->controller);
	pp_arguments_prop(arguments, "nr", place->port);
	pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_prop(arguments, "name", device->chardev.target_name);
	pp_arguments_end(arguments);
}

void pp_arguments_chardev(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (device->chardev.duplicate)
		return;
	put_backend(arguments, device);
	if (device->kind == PP_DEV_SERIAL)
		put_serial(arguments, device);
	else if (device->kind == PP_DEV_PARALLEL)
		put_parallel(arguments, device);
	else
		put_virtio_port(arguments, device);
}
