/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices without much to say: character devices, display, input, and the rest. */
#include "base/parse.h"
#include "lib/domain/parse_device.h"
#include <string.h>

void pp_parsing_chardev(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	static const char *const types[] = {"pty", "file", "unix", "null", "dev", "spicevmc",
		"pipe", "tcp", "udp", "stdio", NULL};
	struct pp_chardev *chardev = &device->chardev;
	const struct pp_element *source = pp_element_child(element, "source");
	const struct pp_element *target = pp_element_child(element, "target");
	const char *model = pp_element_child_attribute(target, "model", "name");

	chardev->type = pp_parsing_word(element, "type", types, PP_CHARDEV_PTY);
	if (chardev->type != PP_CHARDEV_PTY)
		chardev->path = pp_parsing_path(parsing, source, "path");
	chardev->append = pp_parsing_switch(source, "append");
	chardev->listen = !pp_parsing_is(source, "mode", "connect");
	chardev->target_type = pp_parsing_attribute(parsing, target, "type");
	chardev->target_model = pp_parsing_copy(parsing, model);
	if (!chardev->target_type)
		chardev->target_type = chardev->target_model;
	chardev->target_port = pp_parsing_int(parsing, target, "port", 255);
	chardev->target_name = pp_parsing_attribute(parsing, target, "name");
	if (chardev->type == PP_CHARDEV_UNIX && chardev->path && strlen(chardev->path) > 107)
		pp_parsing_fail(parsing, source->line,
			"the path of a socket can have at most 107 bytes, this one has %zu",
			strlen(chardev->path));
	if (chardev->target_name && (!*chardev->target_name || strlen(chardev->target_name) > 255))
		pp_parsing_fail(parsing, target->line, "the name of a channel has 1 to 255 bytes");
	if (chardev->target_model && chardev->target_type &&
		strcmp(chardev->target_model, chardev->target_type))
		pp_parsing_fail(parsing, target->line,
			"type='%s' and model '%s' of a serial port do not fit",
			chardev->target_type, chardev->target_model);
}

/* libvirt writes heads='1' for all of them, and a vram for those that have none of their own
 * choice. */
static void check_video(
	struct pp_parsing *parsing, const struct pp_element *element, const struct pp_video *video)
{
	bool qxl = pp_text_is(video->model, "qxl");
	bool has_heads = qxl || pp_text_is(video->model, "virtio");
	const char *name = NULL;

	if (video->heads > 1 && !has_heads)
		name = "heads";
	else if (video->ram && !qxl)
		name = "ram";
	else if (video->vgamem && !qxl)
		name = "vgamem";
	else if (video->vram64 && !qxl)
		name = "vram64";
	else if (video->vram &&
		 (pp_text_is(video->model, "virtio") || pp_text_is(video->model, "none")))
		name = "vram";
	else if (!video->width != !video->height)
		name = "resolution";
	if (name)
		pp_parsing_fail(parsing, element->line,
			"<video> of type '%s' has no %s that could be set", video->model, name);
}

void pp_parsing_video(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_video *video = &device->video;
	const struct pp_element *model = pp_element_child(element, "model");
	const struct pp_element *resolution = pp_element_child(model, "resolution");

	video->model = pp_parsing_attribute(parsing, model, "type");
	video->primary = pp_parsing_switch(model, "primary");
	video->heads = pp_parsing_number(parsing, model, "heads", 16, 0);
	video->ram = pp_parsing_number(parsing, model, "ram", UINT32_MAX, 0) << 10;
	video->vram = pp_parsing_number(parsing, model, "vram", UINT32_MAX, 0) << 10;
	video->vgamem = pp_parsing_number(parsing, model, "vgamem", UINT32_MAX, 0) << 10;
	video->vram64 = pp_parsing_number(parsing, model, "vram64", UINT32_MAX, 0) << 10;
	video->width = pp_parsing_number(parsing, resolution, "x", 65535, 0);
	video->height = pp_parsing_number(parsing, resolution, "y", 65535, 0);
	check_video(parsing, model, video);
}

static void parse_listen(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_graphics *graphics)
{
	const struct pp_element *listen = pp_element_child(element, "listen");
	const char *attribute = pp_element_attribute(element, "listen");

	graphics->listen = pp_parsing_copy(parsing, attribute);
	graphics->socket = pp_parsing_path(parsing, element, "socket");
	if (!listen)
		return;
	if (pp_element_again(listen))
		pp_parsing_fail(parsing, pp_element_again(listen)->line,
			"a second <listen> of <graphics> is not understood by pcipass");
	if (pp_parsing_is(listen, "type", "none"))
		graphics->no_listen = true;
	else if (pp_parsing_is(listen, "type", "socket"))
		graphics->socket = pp_parsing_path(parsing, listen, "socket");
	else if (pp_element_attribute(listen, "address"))
		graphics->listen = pp_parsing_attribute(parsing, listen, "address");
	if (attribute && graphics->listen && strcmp(attribute, graphics->listen))
		pp_parsing_fail(parsing, listen->line,
			"<graphics listen='%.60s'> and <listen address='%.60s'> "
			"differ",
			attribute, graphics->listen);
}

/* A port of -1 or 0 is chosen at the start. */
static int parse_port(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name)
{
	const char *text = pp_element_attribute(element, name);
	int port = -1;

	if (!text)
		return -1;
	if (pp_parse_int(text, &port) < 0 || port < -1 || port > 65535)
		pp_parsing_fail(parsing, element->line, "%s='%.40s' of <graphics> is not a port",
			name, text);
	return port <= 0 ? -1 : port;
}

static void check_ports(struct pp_parsing *parsing, const struct pp_element *element,
	const struct pp_graphics *graphics)
{
	bool off = graphics->socket || graphics->no_listen;

	if (parse_port(parsing, element, "tlsPort") > 0)
		pp_parsing_fail(parsing, element->line,
			"tlsPort of <graphics> is not understood by pcipass: it gives a display no "
			"TLS");
	if (pp_element_attribute(element, "websocket") && graphics->websocket < 0)
		pp_parsing_fail(parsing, element->line,
			"websocket of <graphics> must be a port: pcipass chooses none for it");
	if (off && (graphics->port > 0 || graphics->websocket > 0))
		pp_parsing_fail(parsing, element->line,
			"a port of <graphics> belongs to a <listen> with an address");
	if (!off && graphics->port < 0 && pp_parsing_is(element, "autoport", "no"))
		pp_parsing_fail(parsing, element->line, "autoport='no' of <graphics> needs a port");
}

void pp_parsing_graphics(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_graphics *graphics = &device->graphics;

	graphics->type =
		pp_parsing_is(element, "type", "spice") ? PP_GRAPHICS_SPICE : PP_GRAPHICS_VNC;
	graphics->port = parse_port(parsing, element, "port");
	graphics->websocket = parse_port(parsing, element, "websocket");
	/* What stands beside autoport='yes' is the port of a run that is over. */
	if (pp_parsing_is(element, "autoport", "yes"))
		graphics->port = -1;
	graphics->keymap = pp_parsing_attribute(parsing, element, "keymap");
	graphics->share_policy = pp_parsing_attribute(parsing, element, "sharePolicy");
	graphics->image_compression = pp_parsing_copy(
		parsing, pp_element_child_attribute(element, "image", "compression"));
	graphics->streaming =
		pp_parsing_copy(parsing, pp_element_child_attribute(element, "streaming", "mode"));
	graphics->mouse =
		pp_parsing_copy(parsing, pp_element_child_attribute(element, "mouse", "mode"));
	graphics->copy_paste =
		pp_parsing_switch(pp_element_child(element, "clipboard"), "copypaste");
	graphics->file_transfer =
		pp_parsing_switch(pp_element_child(element, "filetransfer"), "enable");
	parse_listen(parsing, element, graphics);
	check_ports(parsing, element, graphics);
	if (graphics->type == PP_GRAPHICS_VNC && graphics->port != -1 && graphics->port < 5900)
		pp_parsing_fail(parsing, element->line, "a VNC port is 5900 or higher, not %d",
			graphics->port);
}

/* QEMU opens it by its name: it is a node in /dev of its own. */
static void parse_input_source(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_input *input)
{
	const struct pp_element *source = pp_element_child(element, "source");
	bool evdev = pp_text_is(input->type, "evdev");
	bool passed = pp_text_is(input->type, "passthrough");

	if (evdev && pp_element_attribute(element, "bus"))
		pp_parsing_fail(parsing, element->line, "<input type='evdev'> has no bus");
	if (evdev)
		input->bus = "none";
	if (passed && !pp_text_is(input->bus, "virtio"))
		pp_parsing_fail(
			parsing, element->line, "<input type='passthrough'> needs bus='virtio'");
	if (source && !evdev && !passed)
		pp_parsing_fail(parsing, source->line, "<source> is for evdev and passthrough");
	if (!evdev && !passed)
		return;
	/* libvirt calls it evdev where it is passed through as it is. */
	input->source = pp_parsing_path(parsing, source, evdev ? "dev" : "evdev");
	input->grab_all = pp_parsing_is(source, "grab", "all");
	input->repeat = pp_parsing_switch(source, "repeat");
	input->grab_toggle = pp_parsing_attribute(parsing, source, "grabToggle");
	if (!input->source || !pp_text_starts(input->source, "/dev/") ||
		strstr(input->source, "/.."))
		pp_parsing_fail(parsing, source ? source->line : element->line,
			"<input type='%s'> needs a <source %s=> in /dev", input->type,
			evdev ? "dev" : "evdev");
	if (passed && (input->grab_all || input->repeat || input->grab_toggle))
		pp_parsing_fail(parsing, source->line, "grab, repeat and grabToggle are for evdev");
}

void pp_parsing_input(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_input *input = &device->input;
	const char *bus = pp_element_attribute(element, "bus");

	input->type = pp_parsing_attribute(parsing, element, "type");
	input->bus = bus                                        ? pp_parsing_copy(parsing, bus)
		     : pp_parsing_is(element, "type", "tablet") ? "usb"
								: "ps2";
	if (pp_text_is(input->type, "tablet") && pp_text_is(input->bus, "ps2"))
		pp_parsing_fail(parsing, element->line,
			"a tablet cannot be on bus='ps2'; use usb or virtio");
	if (pp_element_attribute(element, "model") && !pp_text_is(input->bus, "virtio"))
		pp_parsing_fail(parsing, element->line, "model='virtio' needs bus='virtio'");
	parse_input_source(parsing, element, input);
}

void pp_parsing_memballoon(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_memballoon *balloon = &device->memballoon;

	balloon->model = pp_parsing_attribute(parsing, element, "model");
	balloon->deflate = pp_parsing_switch(element, "autodeflate");
	balloon->free_page_reporting = pp_parsing_switch(element, "freePageReporting");
	balloon->stats_period = pp_parsing_number(
		parsing, pp_element_child(element, "stats"), "period", INT32_MAX, 0);
	if (pp_text_is(balloon->model, "none") &&
		(balloon->deflate || balloon->free_page_reporting || balloon->stats_period))
		pp_parsing_fail(parsing, element->line,
			"<memballoon model='none'> can have no autodeflate, freePageReporting or "
			"<stats>");
}

void pp_parsing_rng(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_rng *rng = &device->rng;
	const struct pp_element *backend = pp_element_child(element, "backend");
	const struct pp_element *rate = pp_element_child(element, "rate");

	rng->backend = pp_parsing_attribute(parsing, backend, "model");
	if (pp_text_is(rng->backend, "random")) {
		rng->source = pp_parsing_path(
			parsing, pp_element_is_blank(backend->text) ? NULL : backend, NULL);
		if (!rng->source)
			rng->source = "/dev/urandom";
	}
	rng->rate_bytes = pp_parsing_number(parsing, rate, "bytes", INT32_MAX, 0);
	rng->rate_period = pp_parsing_number(parsing, rate, "period", INT32_MAX, 1000);
}

void pp_parsing_watchdog(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	device->watchdog.model = pp_parsing_attribute(parsing, element, "model");
	device->watchdog.action = pp_parsing_attribute(parsing, element, "action");
	if (!device->watchdog.action)
		device->watchdog.action = "reset";
}

void pp_parsing_sound(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_sound *sound = &device->sound;

	sound->model = pp_parsing_attribute(parsing, element, "model");
	sound->audio = pp_parsing_int(parsing, pp_element_child(element, "audio"), "id", 255);
	for (const struct pp_element *codec = pp_element_child(element, "codec"); codec;
		codec = pp_element_again(codec)) {
		if (sound->n_codecs == PP_COUNT(sound->codecs)) {
			pp_parsing_fail(parsing, codec->line,
				"a sound device has at most %zu codecs", PP_COUNT(sound->codecs));
			return;
		}
		sound->codecs[sound->n_codecs++] = pp_parsing_attribute(parsing, codec, "type");
		if (!pp_text_is(sound->model, "ich6") && !pp_text_is(sound->model, "ich9"))
			pp_parsing_fail(
				parsing, codec->line, "<codec> is for sound of model ich6 or ich9");
	}
}

void pp_parsing_audio(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	device->audio.id = pp_parsing_int(parsing, element, "id", 255);
	device->audio.type = pp_parsing_attribute(parsing, element, "type");
}

void pp_parsing_model(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	device->model = pp_parsing_attribute(
		parsing, element, device->kind == PP_DEV_HUB ? "type" : "model");
}
