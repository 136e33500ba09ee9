/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's disks, interfaces and displays: of its definition, and what a run made of them. */
#include "base/json.h"
#include "base/parse.h"
#include "lib/domain/address.h"
#include "lib/guest/guest.h"
#include "lib/guest/steer.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct listing {
	struct pp_context *context;
	const struct pp_guest *guest;
	const struct pp_domain *domain;
	struct pp_guest_devices *devices;
	struct pp_arena *arena;
	bool oom;
};

static const char *copy(struct listing *listing, const char *text)
{
	const char *made = text ? pp_arena_strdup(listing->arena, text) : NULL;

	listing->oom |= text && !made;
	return made;
}

static size_t count(const struct pp_domain *domain, enum pp_domain_device_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < domain->n_devices; i++)
		n += domain->devices[i].kind == kind;
	return n;
}

/* ---- disks ---- */

/* libvirt keeps those of a bus together as they came, by the number in their names. */
static size_t place_of(
	const struct pp_disk *const *disks, size_t n_disks, const struct pp_disk *disk)
{
	size_t place = n_disks;
	bool found = false;

	for (size_t i = n_disks; i-- > 0;) {
		if (disks[i]->bus != disk->bus)
			continue;
		if (disks[i]->target_index > disk->target_index) {
			place = i;
			found = true;
		} else if (!found) {
			place = i + 1;
			found = true;
		}
	}
	return place;
}

static void list_disks(struct listing *listing)
{
	static const char *const devices[] = {"disk", "cdrom", "floppy"};
	static const char *const buses[] = {"virtio", "sata", "ide", "scsi", "usb", "fdc", "nvme"};
	const struct pp_domain *domain = listing->domain;
	size_t size = count(domain, PP_DEV_DISK) + 1, n = 0;
	const struct pp_disk **sorted = pp_arena_array(listing->arena, size, sizeof(*sorted));
	struct pp_guest_disk *disks = pp_arena_array(listing->arena, size, sizeof(*disks));

	listing->oom |= !sorted || !disks;
	for (size_t i = 0; !listing->oom && i < domain->n_devices; i++) {
		const struct pp_disk *disk = &domain->devices[i].disk;

		if (domain->devices[i].kind != PP_DEV_DISK)
			continue;
		size_t place = place_of(sorted, n, disk);
		memmove(sorted + place + 1, sorted + place, (n - place) * sizeof(*sorted));
		sorted[place] = disk;
		n++;
	}
	for (size_t i = 0; !listing->oom && i < n; i++)
		disks[i] = (struct pp_guest_disk){
			.type = sorted[i]->type == PP_DISK_BLOCK ? "block" : "file",
			.device = devices[sorted[i]->device],
			.bus = buses[sorted[i]->bus],
			.target = copy(listing, sorted[i]->target),
			.source = copy(listing, sorted[i]->source),
		};
	listing->devices->disks = disks;
	listing->devices->n_disks = n;
}

/* ---- interfaces ---- */

/* The kernel says it of QEMU's own descriptor. */
static const char *read_tap(struct listing *listing, pid_t pid, int fd)
{
	char path[64], line[256];
	const char *name = NULL;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	FILE *file = fopen(path, "re");
	while (file && !name && fgets(line, sizeof(line), file))
		if (pp_text_starts(line, "iff:")) {
			char *start = line + strlen("iff:");
			start += strspn(start, " \t");
			start[strcspn(start, "\n")] = '\0';
			name = copy(listing, start);
		}
	if (file)
		fclose(file);
	return name;
}

/* The tap that was made for an interface, by its address. */
static const char *find_tap(struct listing *listing, const struct pp_interface *interface)
{
	const struct pp_record *record = listing->guest->record;

	if (!listing->devices->running || !pp_process_alive(&record->engine))
		return NULL;
	for (size_t i = 0; i < record->launch.n_files; i++) {
		const struct pp_launch_file *file = &record->launch.files[i];

		if (file->use == PP_FILE_TAP && !memcmp(file->mac, interface->mac, 6))
			return read_tap(listing, record->engine.pid, file->fd);
	}
	return NULL;
}

static void list_interfaces(struct listing *listing)
{
	static const char *const types[] = {"user", "bridge", "network"};
	const struct pp_domain *domain = listing->domain;
	struct pp_guest_interface *interfaces = pp_arena_array(
		listing->arena, count(domain, PP_DEV_INTERFACE) + 1, sizeof(*interfaces));
	size_t n = 0;

	listing->oom |= !interfaces;
	for (size_t i = 0; interfaces && i < domain->n_devices; i++) {
		const struct pp_interface *interface = &domain->devices[i].interface;
		const uint8_t *mac = interface->mac;

		if (domain->devices[i].kind != PP_DEV_INTERFACE)
			continue;
		interfaces[n++] = (struct pp_guest_interface){
			.name = find_tap(listing, interface),
			.type = types[interface->type],
			.source = copy(listing, interface->source),
			.model = copy(listing, interface->model),
			.mac = pp_arena_printf(listing->arena, "%02x:%02x:%02x:%02x:%02x:%02x",
				mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]),
		};
		listing->oom |= !interfaces[n - 1].mac;
	}
	listing->devices->interfaces = interfaces;
	listing->devices->n_interfaces = n;
}

/* ---- displays ---- */

static int port_of(const struct pp_json *answer, const char *name)
{
	const char *text = pp_json_get_string(answer, name);
	int64_t number;
	int port;

	if (text)
		return pp_parse_int(text, &port) < 0 ? -1 : port;
	return pp_json_get_int(answer, name, &number) < 0 ? -1 : (int)number;
}

/* QEMU knows which port it took. */
static int ask_display(struct listing *listing, const struct pp_graphics *graphics,
	struct pp_guest_display *display, struct pp_error *error)
{
	bool spice = graphics->type == PP_GRAPHICS_SPICE;
	PP_CLEANUP(pp_json_freep) struct pp_json *answer = NULL;

	*display = (struct pp_guest_display){.type = spice ? "spice" : "vnc", .port = -1};
	display->socket = copy(listing, graphics->socket);
	if (display->socket || graphics->no_listen)
		return 0;
	int r = pp_steer_command(listing->context, listing->guest,
		spice ? "query-spice" : "query-vnc", NULL, &answer, error);
	if (r < 0)
		return r;
	display->host = copy(listing, pp_json_get_string(answer, "host"));
	display->port = port_of(answer, spice ? "port" : "service");
	return 0;
}

/* virsh's order: VNC comes first. */
static int list_displays(struct listing *listing, struct pp_error *error)
{
	static const enum pp_graphics_type order[] = {PP_GRAPHICS_VNC, PP_GRAPHICS_SPICE};
	const struct pp_domain *domain = listing->domain;
	struct pp_guest_display *displays = pp_arena_array(
		listing->arena, count(domain, PP_DEV_GRAPHICS) + 1, sizeof(*displays));
	size_t n = 0;
	int r = 0;

	listing->oom |= !displays;
	for (size_t k = 0; displays && k < PP_COUNT(order); k++)
		for (size_t i = 0; r >= 0 && i < domain->n_devices; i++) {
			const struct pp_graphics *graphics = &domain->devices[i].graphics;

			if (domain->devices[i].kind != PP_DEV_GRAPHICS ||
				graphics->type != order[k])
				continue;
			r = ask_display(listing, graphics, &displays[n], error);
			n += displays[n].socket || displays[n].port >= 0;
		}
	listing->devices->displays = displays;
	listing->devices->n_displays = n;
	return r;
}

/* ---- all ---- */

static int list_all(struct listing *listing, struct pp_error *error)
{
	list_disks(listing);
	list_interfaces(listing);
	int r = listing->devices->running ? list_displays(listing, error) : 0;
	return r >= 0 && listing->oom ? pp_error_oom(error) : r;
}

int pp_guest_devices(struct pp_context *context, const char *name, bool inactive,
	struct pp_guest_devices **ret_devices, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_CLEANUP(pp_definition_freep) struct pp_definition *definition = NULL;
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_guest_devices *devices = arena ? pp_arena_alloc(arena, sizeof(*devices)) : NULL;

	if (!devices)
		return pp_error_oom(error);
	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = pp_guest_current(context, guest, inactive, &definition, error);
	if (r >= 0 && !definition->domain)
		r = pp_guest_domain(guest, &(const struct pp_domain *){NULL}, error);
	if (r >= 0)
		r = pp_domain_assign(
			definition->domain, NULL, 0, definition->path, &assigned, error);
	if (r < 0)
		return r;
	devices->arena = arena;
	devices->running = !inactive && pp_guest_is_active(guest);
	struct listing listing = {.context = context,
		.guest = guest,
		.domain = assigned,
		.devices = devices,
		.arena = arena};
	r = list_all(&listing, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s", guest->name) : r;
	arena = NULL;
	*ret_devices = devices;
	return 0;
}

void pp_guest_devices_free(struct pp_guest_devices *devices)
{
	if (devices)
		pp_arena_free(devices->arena);
}
