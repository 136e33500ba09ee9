/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/argv.h"
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <string.h>

static void put_identity(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;

	pp_arguments_begin(arguments, "-name", NULL);
	pp_arguments_prop(arguments, "guest", domain->name);
	pp_arguments_prop(arguments, "debug-threads", "on");
	pp_arguments_end(arguments);
	pp_arguments_add(arguments, "-S");
}

static void put_monitor(struct pp_arguments *arguments)
{
	const struct pp_launch_options *options = arguments->options;

	pp_arguments_pair(arguments, "-display", "none");
	pp_arguments_add(arguments, "-no-user-config");
	pp_arguments_add(arguments, "-nodefaults");
	pp_arguments_begin(arguments, "-chardev", "socket");
	pp_arguments_prop(arguments, "id", "charmonitor");
	if (options->qmp_fd > 0)
		pp_arguments_propf(arguments, "fd", "%d", options->qmp_fd);
	else if (options->qmp)
		pp_arguments_prop(arguments, "path", options->qmp);
	else
		pp_arguments_propf(arguments, "path", "%s/qmp", options->folder);
	pp_arguments_prop(arguments, "server", "on");
	pp_arguments_prop(arguments, "wait", "off");
	pp_arguments_end(arguments);
	pp_arguments_pair(arguments, "-mon", "chardev=charmonitor,id=monitor,mode=control");
}

static void put_hub(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_device(arguments, device, "usb-hub");
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_usb_place(arguments, &device->place);
	pp_arguments_end(arguments);
}

static void put_balloon(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (!pp_text_is(device->memballoon.model, "virtio"))
		return;
	pp_arguments_device(arguments, device, "virtio-balloon-pci");
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_place(arguments, device);
	pp_arguments_switch(arguments, "deflate-on-oom", device->memballoon.deflate);
	pp_arguments_switch(
		arguments, "free-page-reporting", device->memballoon.free_page_reporting);
	pp_arguments_end(arguments);
}

static void put_rng(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_rng *rng = &device->rng;

	pp_arguments_begin(arguments, "-object", rng->source ? "rng-random" : "rng-builtin");
	pp_arguments_propf(arguments, "id", "obj%s", device->alias);
	pp_arguments_prop(
		arguments, "filename", pp_arguments_file(arguments, PP_FILE_READ, rng->source));
	pp_arguments_end(arguments);
	pp_arguments_device(arguments, device, "virtio-rng-pci");
	pp_arguments_propf(arguments, "rng", "obj%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	if (rng->rate_bytes) {
		pp_arguments_propf(arguments, "max-bytes", "%u", rng->rate_bytes);
		pp_arguments_propf(arguments, "period", "%u", rng->rate_period);
	}
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

static void put_watchdog(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_device(arguments, device, device->watchdog.model);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
	pp_arguments_begin(arguments, "-action", NULL);
	pp_arguments_prop(arguments, "watchdog", device->watchdog.action);
	pp_arguments_end(arguments);
}

static void put_panic(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (pp_text_is(device->model, "hyperv"))
		return; /* a flag of the CPU */
	pp_arguments_device(arguments, device, "pvpanic");
	if (pp_text_starts(device->alias, "ua-"))
		pp_arguments_prop(arguments, "id", device->alias);
	if (device->place.type == PP_PLACE_ISA && device->place.iobase)
		pp_arguments_propf(arguments, "ioport", "%u", device->place.iobase);
	pp_arguments_end(arguments);
}

typedef void put_function(struct pp_arguments *arguments, const struct pp_domain_device *device);

/* The order of libvirt's command line. */
static const struct part {
	enum pp_domain_device_kind kind;
	put_function *put;
} parts[] = {
	{PP_DEV_HUB, put_hub},
	{PP_DEV_DISK, pp_arguments_disk},
	{PP_DEV_INTERFACE, NULL},
	{PP_DEV_SERIAL, pp_arguments_chardev},
	{PP_DEV_PARALLEL, pp_arguments_chardev},
	{PP_DEV_CHANNEL, pp_arguments_chardev},
	{PP_DEV_CONSOLE, pp_arguments_chardev},
	{PP_DEV_TPM, pp_arguments_swtpm},
	{PP_DEV_INPUT, pp_arguments_input},
	{PP_DEV_GRAPHICS, NULL},
	{PP_DEV_VIDEO, pp_arguments_video},
	{PP_DEV_SOUND, pp_arguments_sound},
	{PP_DEV_WATCHDOG, put_watchdog},
	{PP_DEV_REDIRDEV, pp_arguments_redirdev},
	{PP_DEV_HOSTDEV, pp_arguments_hostdev},
	{PP_DEV_MEMBALLOON, put_balloon},
	{PP_DEV_RNG, put_rng},
	{PP_DEV_SHMEM, pp_arguments_shmem_device},
	{PP_DEV_FILESYSTEM, pp_arguments_filesystem},
	{PP_DEV_PANIC, put_panic},
};

/* The primary display first: QEMU makes the first one the console. */
static bool comes_first(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_VIDEO && device->video.primary == PP_ON;
}

static void put_part(struct pp_arguments *arguments, const struct part *part)
{
	const struct pp_domain *domain = arguments->domain;
	unsigned number = 0;

	if (part->kind == PP_DEV_GRAPHICS)
		pp_arguments_displays(arguments);
	for (int later = 0; later < 2; later++)
		for (size_t i = 0; i < domain->n_devices; i++) {
			const struct pp_domain_device *device = &domain->devices[i];

			if (device->kind != part->kind || comes_first(device) == !!later)
				continue;
			if (device->kind == PP_DEV_INTERFACE)
				pp_arguments_interface(arguments, device, number++);
			else if (part->put)
				part->put(arguments, device);
		}
}

static void put_iothreads(struct pp_arguments *arguments)
{
	for (unsigned i = 1; i <= arguments->domain->iothreads; i++) {
		pp_arguments_begin(arguments, "-object", "iothread");
		pp_arguments_propf(arguments, "id", "iothread%u", i);
		pp_arguments_end(arguments);
	}
}

static void put_all(struct pp_arguments *arguments)
{
	pp_arguments_flash(arguments);
	pp_arguments_add(arguments, arguments->capabilities->binary);
	put_identity(arguments);
	pp_arguments_machine(arguments);
	put_iothreads(arguments);
	if (arguments->domain->uuid)
		pp_arguments_pair(arguments, "-uuid", arguments->domain->uuid);
	put_monitor(arguments);
	pp_arguments_clock(arguments);
	pp_arguments_firmware(arguments);
	pp_arguments_controllers(arguments);
	for (size_t i = 0; i < PP_COUNT(parts); i++)
		put_part(arguments, &parts[i]);
	if (arguments->domain->features.vmcoreinfo == PP_ON)
		pp_arguments_pair(arguments, "-device", "vmcoreinfo");
	pp_arguments_files(arguments);
	if (arguments->capabilities->sandbox)
		pp_arguments_pair(arguments, "-sandbox",
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/* ---- the launch ---- */

static void find_console(struct pp_arguments *arguments, struct pp_launch *launch)
{
	const struct pp_domain *domain = arguments->domain;

	for (size_t i = 0; i < domain->n_devices && !launch->console; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if ((device->kind != PP_DEV_SERIAL && device->kind != PP_DEV_CONSOLE) ||
			device->chardev.duplicate)
			continue;
		launch->console = pp_arena_printf(arguments->arena, "char%s", device->alias);
		launch->console_type = device->chardev.type;
		launch->console_path = device->chardev.path;
		if (device->chardev.type == PP_CHARDEV_UNIX && !device->chardev.path)
			launch->console_path = pp_arena_printf(arguments->arena, "%s/%s.sock",
				arguments->options->folder, device->alias);
		if (!launch->console)
			arguments->failed = pp_error_oom(arguments->error);
	}
}

static void find_statistics(struct pp_arguments *arguments, struct pp_launch *launch)
{
	const struct pp_domain *domain = arguments->domain;

	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->kind != PP_DEV_MEMBALLOON || !device->memballoon.stats_period)
			continue;
		launch->stats_period = device->memballoon.stats_period;
		launch->stats_path =
			pp_arena_printf(arguments->arena, "/machine/peripheral/%s", device->alias);
		if (!launch->stats_path)
			arguments->failed = pp_error_oom(arguments->error);
	}
}

static void list_hostdevs(struct pp_arguments *arguments, struct pp_launch *launch)
{
	const struct pp_domain_device *device = NULL;
	struct pp_address *addresses;
	const char **aliases;
	size_t count = 0;

	while ((device = pp_domain_next_hostdev(arguments->domain, device)))
		count++;
	aliases = pp_arena_array(arguments->arena, count + 1, sizeof(*aliases));
	addresses = pp_arena_array(arguments->arena, count + 1, sizeof(*addresses));
	if (!aliases || !addresses) {
		arguments->failed = pp_error_oom(arguments->error);
		return;
	}
	count = 0;
	while ((device = pp_domain_next_hostdev(arguments->domain, device))) {
		aliases[count] = device->alias;
		addresses[count++] = device->hostdev.source;
	}
	launch->hostdevs = aliases;
	launch->hostdev_addresses = addresses;
}

/* What a thread is pinned to, else what all are; NULL: it runs where it likes. */
static const char *pin_text(struct pp_arguments *arguments, enum pp_pin_kind kind, unsigned number)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_set *cpus = pp_set_is_empty(&domain->cpus) ? NULL : &domain->cpus;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	for (size_t i = 0; i < domain->n_pins; i++) {
		if (domain->pins[i].kind == kind && domain->pins[i].number == number)
			cpus = &domain->pins[i].cpus;
	}
	if (!cpus)
		return NULL;
	if (kind == PP_PIN_EMULATOR)
		pp_buffer_puts(&text, "emulator ");
	else
		pp_buffer_printf(&text, kind == PP_PIN_VCPU ? "vcpu %u " : "iothread %u ", number);
	pp_set_put(&text, cpus);
	char *copy = text.failed ? NULL : pp_arena_strdup(arguments->arena, text.data);
	if (!copy)
		arguments->failed = pp_error_oom(arguments->error);
	return copy;
}

static void list_pins(struct pp_arguments *arguments, struct pp_launch *launch)
{
	const struct pp_domain *domain = arguments->domain;
	const char **pins = pp_arena_array(
		arguments->arena, domain->max_vcpus + domain->iothreads + 2, sizeof(*pins));
	size_t count = 0;

	if (!pins) {
		arguments->failed = pp_error_oom(arguments->error);
		return;
	}
	pins[count] = pin_text(arguments, PP_PIN_EMULATOR, 0);
	count += pins[count] != NULL;
	for (unsigned i = 0; i < domain->max_vcpus; i++) {
		pins[count] = pin_text(arguments, PP_PIN_VCPU, i);
		count += pins[count] != NULL;
	}
	for (unsigned i = 1; i <= domain->iothreads; i++) {
		pins[count] = pin_text(arguments, PP_PIN_IOTHREAD, i);
		count += pins[count] != NULL;
	}
	launch->pins = pins;
}

static void fill_launch(struct pp_arguments *arguments, struct pp_launch *launch)
{
	const struct pp_launch_options *options = arguments->options;
	const struct pp_domain *domain = arguments->domain;

	launch->argv = arguments->list;
	launch->n_arguments = arguments->count;
	launch->files = arguments->files;
	launch->n_files = arguments->n_files;
	launch->flash = arguments->flash;
	launch->memlock = pp_domain_memlock(domain);
	launch->on_crash = domain->on_crash;
	if (domain->current_memory < domain->memory)
		launch->balloon = domain->current_memory;
	find_statistics(arguments, launch);
	if (options->qmp_fd <= 0)
		launch->qmp =
			options->qmp ? pp_arena_strdup(arguments->arena, options->qmp)
				     : pp_arena_printf(arguments->arena, "%s/qmp", options->folder);
	if (options->qmp_fd <= 0 && !launch->qmp)
		arguments->failed = pp_error_oom(arguments->error);
	find_console(arguments, launch);
	list_pins(arguments, launch);
	list_hostdevs(arguments, launch);
}

int pp_argv_build(const struct pp_domain *assigned, const struct pp_qemu_capabilities *capabilities,
	const struct pp_launch_options *options, const char *file, struct pp_launch **ret_launch,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_arguments arguments = {
		.domain = assigned,
		.capabilities = capabilities,
		.options = options,
		.file = file,
		.error = error,
		.arena = arena,
	};
	struct pp_launch *launch = arena ? pp_arena_alloc(arena, sizeof(*launch)) : NULL;

	if (!launch)
		return pp_error_oom(error);
	put_all(&arguments);
	pp_buffer_done(&arguments.current);
	if (!arguments.failed)
		fill_launch(&arguments, launch);
	if (arguments.failed)
		return arguments.failed;
	launch->arena = PP_TAKE(arena);
	*ret_launch = launch;
	return 0;
}
