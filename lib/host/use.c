/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/use.h"
#include "base/parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pp_use_add(struct pp_reader *reader, struct pp_use use)
{
	if (!use.name || !use.text || !use.evidence)
		return -ENOMEM;
	if (reader->n_uses == reader->size_uses) {
		size_t size = reader->size_uses ? reader->size_uses * 2 : 16;
		struct pp_use *uses = pp_arena_grow(reader->arena, reader->uses,
			reader->n_uses * sizeof(use), size * sizeof(use));
		if (!uses)
			return -ENOMEM;
		reader->uses = uses;
		reader->size_uses = size;
	}
	reader->uses[reader->n_uses++] = use;
	return 0;
}

int pp_use_add_all(struct pp_reader *reader, const struct pp_owners *owners, struct pp_use use)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < owners->count; i++) {
		use.device = owners->items[i];
		r = pp_use_add(reader, use);
	}
	return r;
}

bool pp_use_known(const struct pp_reader *reader, const struct pp_device *device, const char *name)
{
	for (size_t i = 0; i < reader->n_uses; i++)
		if (reader->uses[i].device == device && pp_text_is(reader->uses[i].name, name))
			return true;
	return false;
}

static const struct pp_use *blocking_use(
	const struct pp_reader *reader, const struct pp_device *device)
{
	for (size_t i = 0; i < reader->n_uses; i++)
		if (reader->uses[i].device == device && reader->uses[i].blocking)
			return &reader->uses[i];
	return NULL;
}

/* A physical function is in use when one of its virtual functions is. */
static int add_functions(struct pp_reader *reader, const struct pp_device *device)
{
	for (size_t i = 0; i < device->n_virtual_functions; i++) {
		const struct pp_device *function = device->virtual_functions[i];
		const struct pp_use *use = blocking_use(reader, function);
		bool vfio = function->driver && strstr(function->driver, "vfio");
		if (!use && !vfio)
			continue;
		struct pp_use added = {.kind = PP_USE_VIRTUAL_FUNCTIONS,
			.device = device,
			.name = function->name,
			.blocking = true};
		added.text = use ? pp_arena_printf(reader->arena,
					   "its virtual function %s is in use: %s", function->name,
					   use->text)
				 : pp_arena_printf(reader->arena,
					   "its virtual function %s is out with %s", function->name,
					   function->driver);
		added.evidence = pp_arena_printf(
			reader->arena, "%s/virtfn%zu: %s", device->path, i, function->name);
		return pp_use_add(reader, added);
	}
	if (device->n_virtual_functions == 0)
		return 0;
	return pp_use_add(
		reader, (struct pp_use){.kind = PP_USE_VIRTUAL_FUNCTIONS,
				.device = device,
				.name = device->name,
				.text = pp_arena_printf(reader->arena,
					"it has %zu virtual function%s, none in use",
					device->n_virtual_functions,
					device->n_virtual_functions == 1 ? "" : "s"),
				.evidence = pp_arena_printf(reader->arena, "%s/sriov_numvfs: %u",
					device->path, device->sriov_count)});
}

static int compare(const void *a, const void *b)
{
	const struct pp_use *first = a, *second = b;
	if (first->device != second->device)
		return pp_address_compare(&first->device->address, &second->device->address);
	if (first->blocking != second->blocking)
		return first->blocking ? -1 : 1;
	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	int order = strcmp(first->name, second->name);
	return order ? order : strcmp(first->text, second->text);
}

/* Looking into every process costs most of all: not where there is nothing to be held. */
static bool any_on_vfio(const struct pp_reader *reader)
{
	for (size_t i = 0; i < reader->n_devices; i++)
		if (reader->devices[i].driver && strstr(reader->devices[i].driver, "vfio"))
			return true;
	return false;
}

static int read_all(struct pp_reader *reader)
{
	int r = pp_uses_read_disks(reader);
	if (r == 0)
		r = pp_uses_read_volumes(reader);
	if (r == 0)
		r = pp_uses_read_nets(reader);
	if (r == 0)
		r = pp_uses_read_files(reader);
	if (r == 0)
		r = pp_uses_read_guests(reader);
	if (r == 0)
		r = pp_uses_read_consoles(reader);
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++)
		r = add_functions(reader, &reader->devices[i]);
	return r;
}

int pp_uses_read(struct pp_reader *reader)
{
	int r = 0;
	if (reader->depth & PP_READ_USES)
		r = read_all(reader);
	else if (any_on_vfio(reader))
		r = pp_uses_read_files(reader);
	if (r == 0 && reader->n_uses > 1)
		qsort(reader->uses, reader->n_uses, sizeof(*reader->uses), compare);
	return r;
}
