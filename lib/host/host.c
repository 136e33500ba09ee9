/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/context.h"
#include "lib/host/reader.h"

/* The host that callers see, and the arena that it and everything in it lives in. */
struct owned_host {
	struct pp_host host;
	struct pp_arena *arena;
};

static int read_for_checks(struct pp_reader *reader)
{
	int r = pp_health_read(reader);
	if (r == 0)
		r = pp_numa_read(reader);
	return r;
}

static int read_what_is_set(struct pp_reader *reader)
{
	int r = pp_settings_read(reader);
	if (r == 0)
		r = pp_tools_read(reader);
	if (r == 0)
		r = pp_functions_read(reader);
	if (r == 0)
		r = pp_log_read(reader);
	return r;
}

/* Whether something that could not be read was taken for missing: any of it may be what a device is
 * kept for. Serial numbers and the like of a device that does not answer are no such thing. */
static bool trouble_look(struct pp_reader *reader, bool strict)
{
	struct pp_trouble trouble = pp_tree_trouble_take(reader->tree);
	if (trouble.code && (strict || trouble.code != -EIO))
		reader->trouble = trouble;
	return reader->trouble.code != 0;
}

static int read_uses(struct pp_reader *reader)
{
	if (trouble_look(reader, false))
		return reader->trouble.code;
	int r = pp_uses_read(reader);
	return trouble_look(reader, true) ? reader->trouble.code : r;
}

static int read_depths(struct pp_reader *reader)
{
	int r = 0;
	if (reader->depth & PP_READ_CONFIG)
		r = pp_devices_read_deep(reader);
	if (r == 0 && reader->depth & PP_READ_NAMES)
		r = pp_names_read(reader);
	if (r == 0)
		r = pp_groups_read(reader);
	if (r == 0 && reader->depth & PP_READ_PLATFORM) {
		r = pp_kernel_read(reader);
		if (r == 0)
			r = pp_iommu_read(reader);
		if (r == 0)
			r = pp_memory_read(reader);
		if (r == 0)
			r = pp_caller_read(reader);
	}
	if (r == 0 && reader->depth & (PP_READ_USES | PP_READ_HOLDERS))
		r = read_uses(reader);
	if (r == 0 && reader->depth & PP_READ_CHECKS)
		r = read_for_checks(reader);
	if (r == 0 && reader->depth & PP_READ_SETTINGS)
		r = read_what_is_set(reader);
	return r;
}

int pp_host_read(struct pp_context *context, unsigned depth, struct pp_host **ret_host,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_arena_freep) struct pp_arena *scratch = pp_arena_new();
	struct owned_host *owned = arena && scratch ? pp_arena_alloc(arena, sizeof(*owned)) : NULL;
	if (!owned)
		return pp_error_oom(error);

	if (depth & PP_READ_CHECKS) /* they ask about what these say */
		depth |= PP_READ_CONFIG | PP_READ_SETTINGS;
	if (depth & PP_READ_SETTINGS)
		depth |= PP_READ_PLATFORM;
	struct pp_reader reader = {
		.tree = context->tree,
		.arena = arena,
		.scratch = scratch,
		.depth = depth,
		.privileged = context->live && geteuid() == 0,
	};
	pp_tree_trouble_take(context->tree);
	int r = pp_devices_read(&reader, error);
	if (r < 0)
		return r;
	r = read_depths(&reader);
	if (r >= 0 && trouble_look(&reader, false))
		r = reader.trouble.code;
	if (r < 0 && reader.trouble.code)
		return pp_error_errno(error, reader.trouble.code,
			"reading the host's facts failed at %s", reader.trouble.path);
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r < 0)
		return pp_error_errno(error, r, "reading the host's facts failed");

	owned->arena = PP_TAKE(arena);
	owned->host = (struct pp_host){
		.depth = depth,
		.devices = reader.devices,
		.n_devices = reader.n_devices,
		.groups = reader.groups,
		.n_groups = reader.n_groups,
		.iommu = reader.iommu,
		.kernel = reader.kernel,
		.memory = reader.memory,
		.caller = reader.caller,
		.uses = reader.uses,
		.n_uses = reader.n_uses,
		.settings = reader.settings,
		.n_settings = reader.n_settings,
		.log = reader.log,
		.n_log = reader.n_log,
		.known_bad = reader.known_bad,
	};
	*ret_host = &owned->host;
	return 0;
}

void pp_host_free(struct pp_host *host)
{
	if (!host)
		return;
	struct owned_host *owned = (struct owned_host *)host; /* host is its first member */
	pp_arena_free(owned->arena);
}

static const struct pp_device *search(
	const struct pp_device *devices, size_t count, const struct pp_address *address)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = pp_address_compare(address, &devices[middle].address);
		if (order == 0)
			return &devices[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct pp_device *pp_host_device(const struct pp_host *host, const struct pp_address *address)
{
	return search(host->devices, host->n_devices, address);
}

struct pp_device *pp_reader_device(const struct pp_reader *reader, const struct pp_address *address)
{
	return (struct pp_device *)search(reader->devices, reader->n_devices, address);
}

const struct pp_group *pp_host_group(const struct pp_host *host, int number)
{
	for (size_t i = 0; i < host->n_groups; i++)
		if (host->groups[i].number == number)
			return &host->groups[i];
	return NULL;
}
