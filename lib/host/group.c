/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS "/sys/kernel/iommu_groups"

/* "0x00000000fee00000 0x00000000feefffff msi" */
static bool parse_region(char *line, struct pp_reserved_region *ret_region)
{
	uint64_t start, end;
	const char *at;
	if (!pp_text_starts(line, "0x") ||
		pp_parse_prefix(line + 2, 16, UINT64_MAX, &start, &at) < 0 ||
		!pp_text_starts(at, " 0x") ||
		pp_parse_prefix(at + 3, 16, UINT64_MAX, &end, &at) < 0 || *at != ' ' || !at[1])
		return false;
	*ret_region = (struct pp_reserved_region){.start = start, .end = end, .type = at + 1};
	return true;
}

/* The first of what is wrong with it is kept. */
static int set_fault(
	struct pp_reader *reader, struct pp_group *group, const char *file, const char *what)
{
	if (group->fault)
		return 0;
	group->fault =
		pp_arena_printf(reader->arena, GROUPS "/%d/%s: %s", group->number, file, what);
	return group->fault ? 0 : -ENOMEM;
}

static int read_regions(struct pp_reader *reader, struct pp_group *group)
{
	char path[PP_PATH_MAX];
	char *text;
	size_t length, lines = 1;
	pp_path(path, sizeof(path), GROUPS "/%d/reserved_regions", group->number);
	int r = pp_tree_read(reader->tree, reader->arena, path, &text, &length);
	if (r == -ENOMEM || r == -ENOENT)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return set_fault(reader, group, "reserved_regions", strerror(-r));

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	struct pp_reserved_region *regions = pp_arena_array(reader->arena, lines, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (parse_region(line, &regions[group->n_regions]))
			group->n_regions++;
		else if (*line && set_fault(reader, group, "reserved_regions", line) < 0)
			return -ENOMEM;
	}
	group->regions = regions;
	return 0;
}

static bool is_member(const struct pp_group *group, const struct pp_address *address)
{
	for (size_t i = 0; i < group->n_devices; i++)
		if (pp_address_compare(&group->devices[i]->address, address) == 0)
			return true;
	return false;
}

/* The kernel's own list: a device that came or went meanwhile is in one of the two only. Others
 * than PCI's can be in it. */
static int compare_members(struct pp_reader *reader, struct pp_group *group)
{
	char path[PP_PATH_MAX], **names;
	size_t count, known = 0;
	struct pp_address address;
	pp_path(path, sizeof(path), GROUPS "/%d/devices", group->number);
	int r = pp_tree_list(reader->tree, reader->scratch, path, &names, &count);
	if (r == -ENOMEM || r == -ENOENT)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return set_fault(reader, group, "devices", strerror(-r));
	for (size_t i = 0; i < count; i++) {
		if (pp_address_parse(names[i], &address) < 0)
			continue;
		if (!is_member(group, &address))
			return set_fault(reader, group, "devices", names[i]);
		known++;
	}
	return known == group->n_devices
		       ? 0
		       : set_fault(reader, group, "devices", "not all that say they are in it");
}

static int read_group(struct pp_reader *reader, struct pp_group *group)
{
	char path[PP_PATH_MAX];
	char *type;
	pp_path(path, sizeof(path), GROUPS "/%d/type", group->number);
	int r = pp_tree_line(reader->tree, reader->arena, path, &type);
	if (r == 0)
		group->type = type;
	r = r == -ENOMEM ? r : read_regions(reader, group);
	return r < 0 || !(reader->depth & PP_READ_CHECKS) ? r : compare_members(reader, group);
}

static int compare(const void *a, const void *b)
{
	const struct pp_device *first = *(const struct pp_device *const *)a;
	const struct pp_device *second = *(const struct pp_device *const *)b;
	if (first->group != second->group)
		return first->group < second->group ? -1 : 1;
	return pp_address_compare(&first->address, &second->address);
}

/* Members are taken from the devices' own links, so that devices and groups never disagree. */
int pp_groups_read(struct pp_reader *reader)
{
	const struct pp_device **members =
		pp_arena_array(reader->arena, reader->n_devices + 1, sizeof(*members));
	reader->groups =
		pp_arena_array(reader->arena, reader->n_devices + 1, sizeof(*reader->groups));
	if (!members || !reader->groups)
		return -ENOMEM;

	size_t count = 0;
	for (size_t i = 0; i < reader->n_devices; i++)
		if (reader->devices[i].group >= 0)
			members[count++] = &reader->devices[i];
	qsort(members, count, sizeof(*members), compare);

	struct pp_group *group = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!group || group->number != members[i]->group) {
			group = &reader->groups[reader->n_groups++];
			*group = (struct pp_group){
				.number = members[i]->group, .devices = &members[i]};
		}
		group->n_devices++;
	}
	int r = 0;
	bool read = reader->depth & PP_READ_GROUPS;
	for (size_t i = 0; read && r == 0 && i < reader->n_groups; i++)
		r = read_group(reader, &reader->groups[i]);
	return r;
}
