/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/launch.h"
#include "base/parse.h"
#include "lib/domain/bus.h"
#include "lib/domain/text.h"
#include "lib/guest/claim.h"
#include "lib/guest/definition.h"
#include "lib/guest/demand.h"
#include "lib/guest/descriptor.h"
#include "lib/guest/engine.h"
#include "lib/guest/guest.h"
#include "lib/guest/network.h"
#include "lib/guest/nvram.h"
#include "lib/guest/pins.h"
#include "lib/guest/prepare.h"
#include "lib/guest/usb.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* As libvirt's, but for the last, which there is 65535. */
#define SPICE_PORT_FIRST 5900
#define SPICE_PORT_LAST 5999
#define CPUINFO_FIRST 4096 /* the first CPU's vendor is in them */

/* QEMU answers when all of its memory is there, which with host devices means pinned (slowly: pages
 * are cleared), and each device was reset. Emulation inside emulation takes twenty times as long.
 */
#define START_MS 180000
#define START_GIB_MS 10000
#define START_DEVICE_MS 20000
#define STOP_MS 30000
#define STOP_GIB_MS 1000
#define STOP_DEVICE_MS 5000
#define DEADLINE_MAX_MS (24 * 3600 * 1000)

static int deadline(int base, int per_gib, int per_device, uint64_t memory, size_t devices)
{
	uint64_t gib = memory >> 30;
	uint64_t ms = (uint64_t)base + devices * (uint64_t)per_device;
	if (devices > 0)
		ms += (gib > 100000 ? 100000 : gib) * (uint64_t)per_gib;
	return ms > DEADLINE_MAX_MS ? DEADLINE_MAX_MS : (int)ms;
}

/* QEMU's own arguments, and the second monitor. */
static const char *const *copy_argv(
	struct pp_arena *arena, const struct pp_launch *launch, bool *oom)
{
	static const char *const more[] = {
		"-chardev", "", "-mon", "chardev=charverbs,id=verbs,mode=control"};
	size_t count = launch->n_arguments;
	const char **argv = pp_arena_array(arena, count + PP_COUNT(more) + 1, sizeof(*argv));

	*oom |= !argv;
	if (!argv)
		return NULL;
	for (size_t i = 0; i < count; i++)
		argv[i] = pp_arena_strdup(arena, launch->argv[i]);
	for (size_t i = 0; i < PP_COUNT(more); i++)
		argv[count + i] = more[i];
	argv[count + 1] = pp_arena_printf(
		arena, "socket,id=charverbs,fd=%d,server=on,wait=off", PP_ENGINE_VERBS_FD);
	for (size_t i = 0; i < count + PP_COUNT(more); i++)
		*oom |= !argv[i];
	return argv;
}

static const char *const *copy_devices(
	struct pp_arena *arena, const struct pp_domain *domain, size_t *ret_count, bool *oom)
{
	const struct pp_domain_device *device = NULL;
	size_t count = 0;

	while ((device = pp_domain_next_hostdev(domain, device)))
		count++;
	const char **devices = pp_arena_array(arena, count + 1, sizeof(*devices));
	*oom |= !devices;
	for (size_t i = 0; devices && i < count; i++) {
		char text[PP_ADDRESS_SIZE];
		device = pp_domain_next_hostdev(domain, device);
		devices[i] = pp_arena_strdup(arena, pp_address_text(&device->hostdev.source, text));
		*oom |= !devices[i];
	}
	*ret_count = count;
	return devices;
}

static const char *copy(struct pp_arena *arena, const char *text, bool *oom)
{
	char *result = text ? pp_arena_strdup(arena, text) : NULL;
	*oom |= text && !result;
	return result;
}

static const char *const *copy_pins(
	struct pp_arena *arena, const struct pp_launch *launch, bool *oom)
{
	size_t count = 0;

	while (launch->pins[count])
		count++;
	const char **pins = pp_arena_array(arena, count + 1, sizeof(*pins));
	*oom |= !pins;
	for (size_t i = 0; pins && i < count; i++)
		pins[i] = copy(arena, launch->pins[i], oom);
	return pins;
}

/* A port that is free now, for a SPICE display that leaves it open: QEMU itself chooses none. */
static int find_spice_port(const struct pp_domain *domain)
{
	const struct pp_graphics *graphics = NULL;

	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_GRAPHICS &&
			domain->devices[i].graphics.type == PP_GRAPHICS_SPICE)
			graphics = &domain->devices[i].graphics;
	if (!graphics || graphics->port > 0)
		return 0;
	for (int port = SPICE_PORT_FIRST; port <= SPICE_PORT_LAST; port++) {
		PP_CLOSE int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in6 any = {
			.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		struct sockaddr_in any4 = {
			.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

		/* Of all addresses, of both families where there are two. */
		if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0)
			return port;
		if (fd >= 0)
			continue;
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&any4, sizeof(any4)) == 0)
			return port;
	}
	return 0;
}

/* <cpu><vendor>: a guest made for one vendor's CPU does not run on another's. */
static int check_vendor(struct pp_context *context, const struct pp_domain *domain,
	const char *file, struct pp_error *error)
{
	char text[CPUINFO_FIRST + 1] = "";
	const char *wanted = domain->cpu.vendor ? pp_cpu_vendor_id(domain->cpu.vendor) : NULL;
	const char *line, *value;

	if (!wanted || domain->type == PP_DOMAIN_QEMU)
		return 0;
	ssize_t n = pp_tree_read_bytes(context->tree, "/proc/cpuinfo", text, CPUINFO_FIRST);
	if (n < 0)
		return pp_error_errno(error, (int)n, "cannot read /proc/cpuinfo");
	text[n] = '\0';
	line = strstr(text, "vendor_id");
	value = line ? strchr(line, ':') : NULL;
	if (value && pp_text_starts(value, ": ") && pp_text_starts(value + 2, wanted))
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
		"%s:%d: the guest's <cpu> needs a CPU of vendor %s, which this host has not", file,
		domain->cpu.line, domain->cpu.vendor);
	pp_error_remedy(error, "take <vendor> out if the guest can do without it");
	return -EINVAL;
}

/* A guest whose firmware would stop before it looks for a system is not started. */
static int check_firmware(
	const struct pp_domain *assigned, const char *file, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *again = NULL;
	const struct pp_bus_set *set;

	int r = pp_domain_assign_buses(assigned, NULL, 0, file, &again, &set, error);
	if (r < 0 || pp_bus_windows_fit(set, assigned))
		return r;
	pp_error_set(error, PP_STATUS_FAILED, -ENOSPC,
		"%s: its firmware (SeaBIOS) has I/O addresses for %u conventional PCI buses with "
		"devices, and it has %u: it would stop with \"PCI: out of I/O address space\"",
		file, pp_bus_windows_max(assigned->os.q35), pp_bus_windows(set, 0));
	pp_error_remedy(error,
		"`pcipass dompcilist %s` shows them; fewer devices, or machine q35 "
		"with Express ones",
		assigned->name);
	return -ENOSPC;
}

/* The chain of each disk image that may lie on others. */
static int read_images(const struct pp_domain *domain, struct pp_arena *arena,
	const struct pp_image *const **ret_images, struct pp_error *error)
{
	const struct pp_image **images =
		pp_arena_array(arena, domain->n_devices + 1, sizeof(*images));
	size_t count = 0;

	if (!images)
		return pp_error_oom(error);
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_disk *disk = &domain->devices[i].disk;
		if (domain->devices[i].kind != PP_DEV_DISK || !disk->source ||
			!pp_text_is(disk->format, "qcow2") || disk->no_backing)
			continue;
		int r = pp_image_chain(disk->source, disk->format, arena, &images[count], error);
		if (r < 0)
			return r;
		count++;
	}
	*ret_images = images;
	return 0;
}

/* What the host has for the guest: UEFI, and the bridges of networks. STARTS: they must be there.
 */
static int read_offers(struct pp_context *context, const struct pp_domain *domain, const char *file,
	bool starts, struct pp_arena *arena, struct pp_launch_options *options,
	struct pp_error *error)
{
	struct pp_firmwares *firmwares = pp_arena_alloc(arena, sizeof(*firmwares));

	options->nvram = pp_nvram_path(context, domain->name, arena);
	if (!firmwares || !options->nvram)
		return pp_error_oom(error);
	options->firmwares = firmwares;
	options->vhost = pp_tree_exists(context->tree, "/dev/vhost-net");
	int r = domain->os.efi ? pp_firmwares_read(context->tree, arena, firmwares, error) : 0;
	return r < 0 ? r
		     : pp_network_bridges(
			       context, domain, file, starts, arena, &options->bridges, error);
}

static int copy_files(struct pp_arena *arena, const struct pp_launch *launch,
	struct pp_record_launch *made, struct pp_error *error)
{
	struct pp_launch_file *files = pp_arena_array(arena, launch->n_files + 1, sizeof(*files));
	const char **ids = pp_arena_array(arena, launch->n_files + 1, sizeof(*ids));
	bool oom = false;

	if (!files || !ids)
		return pp_error_oom(error);
	if (launch->n_files > PP_RECORD_OWN_FD - PP_ENGINE_FILES_FD)
		return pp_error_set(error, PP_STATUS_FAILED, -EMFILE,
			"it names %zu files of the host, of which there can be %d", launch->n_files,
			PP_RECORD_OWN_FD - PP_ENGINE_FILES_FD);
	for (size_t i = 0; i < launch->n_files; i++) {
		PP_FREE char *id = NULL;
		files[i] = launch->files[i];
		files[i].path = pp_arena_strdup(arena, files[i].path);
		files[i].tap = copy(arena, files[i].tap, &oom);
		files[i].more = copy(arena, files[i].more, &oom);
		int r = files[i].image ? pp_descriptor_id(files[i].path, &id, error) : 0;
		if (r < 0)
			return r;
		ids[i] = id ? pp_arena_strdup(arena, id) : NULL;
		if (oom || !files[i].path || (id && !ids[i]))
			return pp_error_oom(error);
	}
	made->files = files;
	made->ids = ids;
	made->n_files = launch->n_files;
	return 0;
}

static int build(struct pp_context *context, const char *name, const struct pp_domain *domain,
	const struct pp_host *host, const char *file, struct pp_arena *arena,
	struct pp_launch **ret_launch, struct pp_error *error)
{
	const struct pp_image *const *images = NULL;
	char folder[PP_PATH_MAX];
	int r = pp_path(folder, sizeof(folder), "%s/guests/%s", context->run, name);
	if (r >= 0 && pp_claim_has_user(context))
		r = pp_path(
			folder, sizeof(folder), "%s/guests/%s/" PP_RECORD_OWN, context->run, name);
	if (r < 0)
		return pp_error_errno(error, r, "the folder of its run");
	PP_CLEANUP(pp_qemu_capabilities_freep) struct pp_qemu_capabilities *capabilities = NULL;
	r = pp_qemu_capabilities_load(context, domain->emulator, &capabilities, error);
	if (r < 0)
		return r;
	r = pp_demand_files(domain, file, error);
	if (r >= 0)
		r = read_images(domain, arena, &images, error);
	if (r < 0)
		return r;
	struct pp_launch_options options = {.folder = folder,
		.qmp_fd = PP_ENGINE_QMP_FD,
		.first_fd = PP_ENGINE_FILES_FD,
		.images = images,
		.now = time(NULL),
		.spice_port = find_spice_port(domain)};
	options.tpm = domain->uuid ? pp_arena_printf(arena, "%s/tpm/%s", context->lib, domain->uuid)
				   : NULL;
	if (domain->uuid && !options.tpm)
		return pp_error_oom(error);
	r = read_offers(context, domain, file, true, arena, &options, error);
	if (r >= 0)
		r = pp_usb_nodes(context, domain, arena, &options, error);
	if (r >= 0)
		r = check_vendor(context, domain, file, error);
	if (r >= 0)
		r = pp_pins_check(context, domain, file, error);
	if (r < 0)
		return r;
	r = pp_launch_build(domain, host, capabilities, &options, file, ret_launch, error);
	return r < 0 ? r : check_firmware((*ret_launch)->assigned, file, error);
}

/* The definition as it runs, each device with the address and the alias that QEMU gives it. */
static int make_live(const struct pp_definition *definition, const struct pp_domain *assigned,
	struct pp_arena *arena, const char **ret_live, struct pp_error *error)
{
	PP_FREE char *text = NULL;

	int r = pp_domain_text_live(definition->text, definition->length, assigned, &text, error);
	if (r < 0)
		return r;
	*ret_live = pp_arena_strdup(arena, text);
	return *ret_live ? 0 : pp_error_oom(error);
}

int pp_guest_launch_make(struct pp_context *context, const char *name,
	const struct pp_definition *definition, const struct pp_host *host, struct pp_arena *arena,
	struct pp_record_launch *ret_launch, struct pp_error *error)
{
	PP_CLEANUP(pp_launch_freep) struct pp_launch *launch = NULL;
	const struct pp_domain *domain = definition->domain;
	const char *live = NULL;
	bool oom = false;
	size_t n_devices = 0;

	int r = build(context, name, domain, host, definition->path, arena, &launch, error);
	if (r >= 0)
		r = make_live(definition, launch->assigned, arena, &live, error);
	if (r >= 0)
		r = pp_nvram_make(context, &launch->flash, error);
	if (r < 0)
		return r;
	struct pp_record_launch made = {
		.uuid = copy(arena, domain->uuid, &oom),
		.argv = copy_argv(arena, launch, &oom),
		/* A folder has no device that pins memory. */
		.memlock = context->live ? launch->memlock : 0,
		.kvm = domain->type == PP_DOMAIN_KVM,
		.restart_on_panic = launch->on_crash == PP_LIFECYCLE_RESTART,
		.balloon = launch->balloon,
		.stats_path = copy(arena, launch->stats_path, &oom),
		.stats_period = (int)launch->stats_period,
		.console = copy(arena, launch->console, &oom),
		.console_path = copy(arena, launch->console_path, &oom),
		.devices = copy_devices(arena, domain, &n_devices, &oom),
		.live = live,
		.pins = copy_pins(arena, launch, &oom),
	};
	made.start_ms =
		deadline(START_MS, START_GIB_MS, START_DEVICE_MS, domain->memory, n_devices);
	made.stop_ms = deadline(STOP_MS, STOP_GIB_MS, STOP_DEVICE_MS, domain->memory, n_devices);
	if (oom)
		return pp_error_oom(error);
	if (pp_claim_has_user(context)) {
		made.own =
			pp_arena_printf(arena, "%s/guests/%s/" PP_RECORD_OWN, context->run, name);
		if (!made.own)
			return pp_error_oom(error);
	}
	r = copy_files(arena, launch, &made, error);
	if (r < 0)
		return r;
	*ret_launch = made;
	return 0;
}

/* ---- the command line alone ---- */

static int copy_strv(const struct pp_launch *launch, char ***ret_argv)
{
	char **argv = calloc(launch->n_arguments + 1, sizeof(*argv));
	for (size_t i = 0; argv && i < launch->n_arguments; i++) {
		argv[i] = strdup(launch->argv[i]);
		if (argv[i])
			continue;
		pp_strv_free(argv);
		argv = NULL;
	}
	if (!argv)
		return -ENOMEM;
	*ret_argv = argv;
	return 0;
}

static int argv_of(struct pp_context *context, const struct pp_domain *domain, const char *file,
	char ***ret_argv, struct pp_error *error)
{
	char folder[PP_PATH_MAX];
	struct pp_host *host = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_qemu_capabilities_freep) struct pp_qemu_capabilities *capabilities = NULL;
	PP_CLEANUP(pp_launch_freep) struct pp_launch *launch = NULL;

	if (!arena)
		return pp_error_oom(error);
	int r = pp_path(folder, sizeof(folder), "%s/guests/%s", context->run, domain->name);
	if (r < 0)
		return pp_error_errno(error, r, "the folder of its run");
	r = pp_qemu_capabilities_load(context, domain->emulator, &capabilities, error);
	if (r < 0)
		return r;
	struct pp_launch_options options = {.folder = folder, .now = time(NULL)};
	r = read_offers(context, domain, file, false, arena, &options, error);
	if (r < 0)
		return r;
	/* Which devices are PCI Express decides where they go; without a host all are taken for
	 * that. */
	if (pp_domain_next_hostdev(domain, NULL) &&
		pp_host_read(context, PP_READ_CONFIG, &host, NULL) < 0)
		host = NULL;
	r = pp_launch_build(domain, host, capabilities, &options, file, &launch, error);
	pp_host_free(host);
	if (r < 0)
		return r;
	return copy_strv(launch, ret_argv) < 0 ? pp_error_oom(error) : 0;
}

int pp_guest_argv(struct pp_context *context, const char *name, const char *xml, size_t length,
	char ***ret_argv, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *parsed = NULL;
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	const struct pp_domain *domain;

	if (xml) {
		int r = pp_domain_parse(xml, length, name ? name : "domain XML", &parsed, error);
		return r < 0 ? r
			     : argv_of(context, parsed, name ? name : "domain XML", ret_argv,
				       error);
	}
	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = pp_guest_domain(guest, &domain, error);
	return r < 0 ? r : argv_of(context, domain, guest->definition->path, ret_argv, error);
}
