/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware and what it boots: flash, boot order, a kernel. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>

#define CODE "pflash0"
#define VARIABLES "pflash1"

void pp_arguments_flash(struct pp_arguments *arguments)
{
	static const struct pp_firmwares none;
	const struct pp_launch_options *options = arguments->options;
	const struct pp_domain *domain = arguments->domain;
	const struct pp_qemu_machine *machine =
		pp_qemu_machine(arguments->capabilities, domain->os.machine);

	if (!domain->os.efi || !machine || arguments->failed)
		return;
	arguments->failed =
		pp_flash_choose(domain, machine, options->firmwares ? options->firmwares : &none,
			options->nvram, arguments->file, &arguments->flash, arguments->error);
}

/* Of -machine. */
void pp_arguments_flash_names(struct pp_arguments *arguments)
{
	if (arguments->flash.code)
		pp_arguments_prop(arguments, CODE, CODE "-format");
	if (arguments->flash.variables)
		pp_arguments_prop(arguments, VARIABLES, VARIABLES "-format");
}

static void put_flash(struct pp_arguments *arguments, const char *name, const char *path,
	const char *format, bool write)
{
	struct pp_json *storage = pp_json_object(), *node = pp_json_object();
	char *storage_name = pp_arena_printf(arguments->arena, "%s-storage", name);
	char *node_name = pp_arena_printf(arguments->arena, "%s-format", name);

	if (!storage_name || !node_name)
		arguments->failed = pp_error_oom(arguments->error);
	pp_json_set_string(storage, "driver", "file");
	pp_json_set_string(storage, "filename", pp_arguments_image(arguments, path, write, false));
	pp_json_set_string(storage, "node-name", storage_name);
	pp_json_set_bool(storage, "read-only", !write);
	pp_arguments_json(arguments, "-blockdev", storage);
	pp_json_set_string(node, "node-name", node_name);
	pp_json_set_bool(node, "read-only", !write);
	pp_json_set_string(node, "driver", format);
	pp_json_set_string(node, "file", storage_name);
	if (pp_text_is(format, "qcow2"))
		pp_json_set_string(node, "backing", NULL);
	pp_arguments_json(arguments, "-blockdev", node);
}

static void put_loader(struct pp_arguments *arguments)
{
	const struct pp_domain_os *os = &arguments->domain->os;
	const struct pp_flash *flash = &arguments->flash;

	if (os->loader && !os->efi)
		pp_arguments_pair(
			arguments, "-bios", pp_arguments_file(arguments, PP_FILE_COPY, os->loader));
	if (flash->code)
		put_flash(arguments, CODE, flash->code, flash->code_format, false);
	if (flash->variables)
		put_flash(arguments, VARIABLES, flash->variables, flash->variables_format, true);
	if (flash->secure)
		pp_arguments_pair(
			arguments, "-global", "driver=cfi.pflash01,property=secure,value=on");
}

static void put_hole(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;

	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

		if (device->kind != PP_DEV_CONTROLLER || !device->controller.has_hole64)
			continue;
		pp_buffer_printf(&text, "%s.pci-hole64-size=%" PRIu64 "K",
			domain->os.q35 ? "q35-pcihost" : "i440FX-pcihost",
			device->controller.hole64 >> 10);
		pp_arguments_pair(arguments, "-global", pp_buffer_text(&text));
	}
}

void pp_arguments_firmware(struct pp_arguments *arguments)
{
	const struct pp_domain_os *os = &arguments->domain->os;

	put_loader(arguments);
	put_hole(arguments);
	pp_arguments_begin(arguments, "-boot", NULL);
	pp_arguments_prop(arguments, "strict", "on");
	pp_arguments_switch(arguments, "menu", os->boot_menu);
	if (os->boot_menu == PP_ON && os->boot_menu_timeout)
		pp_arguments_propf(arguments, "splash-time", "%u", os->boot_menu_timeout);
	if (os->reboot_timeout >= 0)
		pp_arguments_propf(arguments, "reboot-timeout", "%d", os->reboot_timeout);
	pp_arguments_end(arguments);
	if (!os->kernel)
		return;
	pp_arguments_pair(
		arguments, "-kernel", pp_arguments_file(arguments, PP_FILE_COPY, os->kernel));
	if (os->initrd)
		pp_arguments_pair(arguments, "-initrd",
			pp_arguments_file(arguments, PP_FILE_COPY, os->initrd));
	if (os->cmdline)
		pp_arguments_pair(arguments, "-append", os->cmdline);
}
