/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Displays, video, sound. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>

static const struct pp_domain_device *first_audio(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_AUDIO)
			return &domain->devices[i];
	return NULL;
}

static void put_audio(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_begin(arguments, "-audiodev", NULL);
	pp_arguments_prop(arguments, "driver", device->audio.type);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_end(arguments);
}

/* An IPv6 address stands in brackets before a port. */
static const char *listen_address(const struct pp_graphics *graphics)
{
	return graphics->listen && *graphics->listen ? graphics->listen : "127.0.0.1";
}

static void put_vnc(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_graphics *graphics = &device->graphics;
	const char *address = listen_address(graphics);
	PP_BUFFER struct pp_buffer where = PP_BUFFER_INIT;
	bool brackets = strchr(address, ':');

	if (graphics->socket || graphics->no_listen)
		pp_buffer_printf(&where, "unix:%s", graphics->socket ? graphics->socket : "");
	else
		pp_buffer_printf(&where, "%s%s%s:%d", brackets ? "[" : "", address,
			brackets ? "]" : "", graphics->port < 0 ? 0 : graphics->port - 5900);
	if (graphics->no_listen && !graphics->socket)
		pp_buffer_printf(&where, "%s/vnc.sock", arguments->options->folder);
	pp_arguments_begin(arguments, "-vnc", pp_buffer_text(&where));
	/* QEMU itself takes the first display that is free, as far as 99. */
	if (graphics->port < 0 && !graphics->socket && !graphics->no_listen)
		pp_arguments_prop(arguments, "to", "99");
	if (graphics->websocket > 0)
		pp_arguments_propf(arguments, "websocket", "%d", graphics->websocket);
	pp_arguments_prop(arguments, "share", graphics->share_policy);
	if (first_audio(arguments->domain))
		pp_arguments_prop(arguments, "audiodev", first_audio(arguments->domain)->alias);
	pp_arguments_end(arguments);
	if (graphics->keymap)
		pp_arguments_pair(arguments, "-k", graphics->keymap);
}

static void put_spice(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_graphics *graphics = &device->graphics;
	bool local = graphics->no_listen || graphics->socket;
	int chosen = arguments->options->spice_port;

	pp_arguments_begin(arguments, "-spice", NULL);
	if (local) {
		pp_arguments_prop(arguments, "unix", "on");
		if (graphics->socket)
			pp_arguments_prop(arguments, "addr", graphics->socket);
		else
			pp_arguments_propf(
				arguments, "addr", "%s/spice.sock", arguments->options->folder);
	} else {
		/* QEMU chooses no port for SPICE, as it does for VNC. */
		pp_arguments_propf(arguments, "port", "%d",
			graphics->port > 0 ? graphics->port
			: chosen > 0       ? chosen
					   : 5900);
		pp_arguments_prop(arguments, "addr", listen_address(graphics));
	}
	pp_arguments_prop(arguments, "disable-ticketing", "on");
	if (graphics->copy_paste == PP_OFF)
		pp_arguments_prop(arguments, "disable-copy-paste", "on");
	if (graphics->file_transfer == PP_OFF)
		pp_arguments_prop(arguments, "disable-agent-file-xfer", "on");
	pp_arguments_prop(arguments, "agent-mouse",
		!graphics->mouse                        ? NULL
		: pp_text_is(graphics->mouse, "client") ? "on"
							: "off");
	pp_arguments_prop(arguments, "image-compression", graphics->image_compression);
	pp_arguments_prop(arguments, "streaming-video", graphics->streaming);
	pp_arguments_end(arguments);
	if (graphics->keymap)
		pp_arguments_pair(arguments, "-k", graphics->keymap);
}

void pp_arguments_displays(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;

	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_AUDIO)
			put_audio(arguments, &domain->devices[i]);
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->kind != PP_DEV_GRAPHICS)
			continue;
		if (device->graphics.type == PP_GRAPHICS_VNC)
			put_vnc(arguments, device);
		else
			put_spice(arguments, device);
	}
}

/* ---- video ---- */

static const char *video_type(const struct pp_video *video)
{
	static const struct {
		const char *model, *primary, *secondary;
	} types[] = {
		{"vga", "VGA", "VGA"},
		{"cirrus", "cirrus-vga", "cirrus-vga"},
		{"virtio", "virtio-vga", "virtio-gpu-pci"},
		{"qxl", "qxl-vga", "qxl"},
		{"bochs", "bochs-display", "bochs-display"},
		{"vmvga", "vmware-svga", "vmware-svga"},
	};

	for (size_t i = 0; i < PP_COUNT(types); i++)
		if (pp_text_is(types[i].model, video->model))
			return video->primary == PP_ON ? types[i].primary : types[i].secondary;
	return NULL;
}

static void put_memory(struct pp_arguments *arguments, const char *name, uint64_t bytes)
{
	if (bytes)
		pp_arguments_propf(arguments, name, "%" PRIu64, bytes);
}

static void put_qxl_memory(struct pp_arguments *arguments, const struct pp_video *video)
{
	put_memory(arguments, "ram_size", video->ram);
	put_memory(arguments, "vram_size", video->vram);
	if (video->vram64)
		pp_arguments_propf(arguments, "vram64_size_mb", "%" PRIu64, video->vram64 >> 20);
	if (video->vgamem)
		pp_arguments_propf(arguments, "vgamem_mb", "%" PRIu64, video->vgamem >> 20);
}

void pp_arguments_video(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_video *video = &device->video;
	const char *type = video_type(video);
	bool heads = pp_text_is(video->model, "qxl") || pp_text_is(video->model, "virtio");

	if (!type)
		return; /* "none" */
	/* What libvirt writes for cirrus is no size that the device could have: it has its own. */
	pp_arguments_device(arguments, device, type);
	pp_arguments_prop(arguments, "id", device->alias);
	if (heads)
		pp_arguments_propf(arguments, "max_outputs", "%u", video->heads ? video->heads : 1);
	if (pp_text_is(video->model, "qxl"))
		put_qxl_memory(arguments, video);
	else if (pp_text_is(video->model, "bochs"))
		put_memory(arguments, "vgamem", video->vram);
	else if (!heads && !pp_text_is(video->model, "cirrus") && video->vram >> 20)
		pp_arguments_propf(arguments, "vgamem_mb", "%" PRIu64, video->vram >> 20);
	if (video->width && video->height) {
		pp_arguments_propf(arguments, "xres", "%u", video->width);
		pp_arguments_propf(arguments, "yres", "%u", video->height);
	}
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

/* ---- sound ---- */

static const char *audio_of(const struct pp_domain *domain, const struct pp_sound *sound)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_AUDIO &&
			(sound->audio < 0 || domain->devices[i].audio.id == sound->audio))
			return domain->devices[i].alias;
	return NULL;
}

static void put_codecs(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *audio)
{
	static const char *const duplex[] = {"duplex"};
	const struct pp_sound *sound = &device->sound;
	const char *const *codecs = sound->n_codecs ? sound->codecs : duplex;
	unsigned count = sound->n_codecs ? sound->n_codecs : 1;

	for (unsigned i = 0; i < count; i++) {
		const char *type = pp_text_is(codecs[i], "micro")    ? "hda-micro"
				   : pp_text_is(codecs[i], "output") ? "hda-output"
								     : "hda-duplex";

		pp_arguments_device(arguments, device, type);
		pp_arguments_propf(arguments, "id", "%s-codec%u", device->alias, i);
		pp_arguments_propf(arguments, "bus", "%s.0", device->alias);
		pp_arguments_propf(arguments, "cad", "%u", i);
		pp_arguments_prop(arguments, "audiodev", audio);
		pp_arguments_end(arguments);
	}
}

void pp_arguments_sound(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	static const struct {
		const char *model, *type;
		bool hda;
	} types[] = {
		{"ich6", "intel-hda", true},
		{"ich9", "ich9-intel-hda", true},
		{"ac97", "AC97", false},
		{"es1370", "ES1370", false},
		{"sb16", "sb16", false},
		{"usb", "usb-audio", false},
	};
	const char *audio = audio_of(arguments->domain, &device->sound);

	if (!audio)
		pp_arguments_fail(
			arguments, device->line, "<sound> names an <audio> that is not there");
	for (size_t i = 0; i < PP_COUNT(types); i++) {
		if (!pp_text_is(types[i].model, device->sound.model))
			continue;
		pp_arguments_device(arguments, device, types[i].type);
		pp_arguments_prop(arguments, "id", device->alias);
		if (!types[i].hda)
			pp_arguments_prop(arguments, "audiodev", audio);
		if (device->place.type == PP_PLACE_USB) {
			pp_arguments_propf(arguments, "bus",
				device->place.bus ? "usb%u.0" : "usb.%u", device->place.bus);
			pp_arguments_prop(arguments, "port", device->place.port);
		}
		pp_arguments_place(arguments, device);
		pp_arguments_end(arguments);
		if (types[i].hda)
			put_codecs(arguments, device, audio);
	}
}
