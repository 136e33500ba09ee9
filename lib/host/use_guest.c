/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that have devices: those of libvirt by its files, others by the QEMU that holds a group.
 */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include "lib/host/setting.h"
#include "lib/host/use.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A QEMU that holds a VFIO group is a guest, and has a name. */
int pp_use_name_guest(struct pp_reader *reader, const char *process, struct pp_use *use)
{
	const char *name, *tool;
	int r = pp_qemu_guest(reader->tree, reader->arena, process, &name, &tool);
	if (r < 0 || !name)
		return r;
	use->kind = PP_USE_GUEST;
	use->name = name;
	use->tool = tool;
	use->owner = pp_arena_printf(reader->arena, "%s, %s, running", name, tool);
	use->text = pp_arena_printf(
		reader->arena, "it is in guest %s (process %s)", use->owner, process);
	return use->owner ? 0 : -ENOMEM;
}

static int add_device(struct pp_reader *reader, const struct pp_libvirt_guest *guest,
	const struct pp_device *device)
{
	/* The state is known here; that QEMU has the device open says no more. */
	for (size_t i = 0; i < reader->n_uses; i++) {
		struct pp_use *use = &reader->uses[i];
		if (use->device != device || use->kind != PP_USE_GUEST ||
			!pp_text_is(use->tool, "libvirt") || !pp_text_is(use->name, guest->name))
			continue;
		use->owner = pp_arena_printf(
			reader->arena, "%s, libvirt, %s", guest->name, guest->state);
		use->text = pp_arena_printf(reader->arena, "it is in guest %s", use->owner);
		return use->owner && use->text ? 0 : -ENOMEM;
	}
	/* A user can write what he likes of his guests; the process shows what is true. */
	char process[16];
	snprintf(process, sizeof(process), "%d", (int)guest->qemu);
	int r = guest->session ? pp_qemu_holds_device(reader->tree, process) : 1;
	if (r <= 0)
		return r;
	struct pp_use use = {.kind = PP_USE_GUEST,
		.device = device,
		.name = guest->name,
		.tool = "libvirt",
		.blocking = true};
	use.owner = pp_arena_printf(reader->arena, "%s, libvirt, %s", guest->name, guest->state);
	use.text = pp_arena_printf(reader->arena, "it is in guest %s", use.owner);
	use.evidence = pp_arena_printf(
		reader->arena, "%s: its QEMU is process %d", guest->status, (int)guest->qemu);
	return use.owner ? pp_use_add(reader, use) : -ENOMEM;
}

int pp_uses_read_guests(struct pp_reader *reader)
{
	struct pp_libvirt_guest *guests;
	size_t count;
	int r = pp_libvirt_read(reader->tree, reader->arena, false, &guests, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		for (size_t j = 0; r == 0 && j < guests[i].n_devices; j++) {
			const struct pp_device *device =
				pp_reader_device(reader, &guests[i].devices[j].address);
			r = device ? add_device(reader, &guests[i], device) : 0;
		}
	return r;
}

/* ---- definitions ---- */

static int add_setting(struct pp_reader *reader, const struct pp_libvirt_guest *guest,
	const struct pp_address *address)
{
	char text[PP_ADDRESS_SIZE];
	char *value = pp_arena_strdup(reader->arena, pp_address_text(address, text));
	struct pp_setting *setting = value ? pp_setting_add(reader, PP_SETTING_GUEST, "libvirt",
						     guest->file ? guest->file : guest->status, 0)
					   : NULL;
	if (!setting)
		return -ENOMEM;
	setting->name = guest->name;
	setting->value = value;
	setting->autostart = guest->autostart;
	return 0;
}

int pp_libvirt_settings(struct pp_reader *reader)
{
	struct pp_libvirt_guest *guests;
	size_t count;
	int r = pp_libvirt_read(reader->tree, reader->arena, true, &guests, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		for (size_t j = 0; r == 0 && j < guests[i].n_devices; j++)
			r = add_setting(reader, &guests[i], &guests[i].devices[j].address);
	return r;
}
