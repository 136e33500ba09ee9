/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that only checks ask about: of each NUMA node, and what ZFS holds. */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>

#define NODES "/sys/devices/system/node"

/* "Node 0 MemFree:         12345 kB" */
static uint64_t node_field(const char *text, const char *name)
{
	const char *at = strstr(text, name), *end;
	uint64_t value;
	if (!at)
		return 0;
	at += strlen(name);
	at += strspn(at, " ");
	return pp_parse_prefix(at, 10, UINT64_MAX / 1024, &value, &end) < 0 ? 0 : value * 1024;
}

/* As the kernel counts MemAvailable, which it does not for a node: caches give way. */
static uint64_t node_free(const char *text)
{
	static const char *const fields[] = {
		"MemFree:", "Active(file):", "Inactive(file):", "SReclaimable:"};
	uint64_t sum = 0;
	for (size_t i = 0; i < PP_COUNT(fields); i++)
		if (__builtin_add_overflow(sum, node_field(text, fields[i]), &sum))
			return UINT64_MAX;
	return sum;
}

static int read_nodes(struct pp_reader *reader)
{
	char **names, path[PP_PATH_MAX], *text;
	size_t count, length;
	int r = pp_tree_list(reader->tree, reader->scratch, NODES, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	struct pp_node_memory *nodes = pp_arena_array(reader->arena, count + 1, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	reader->memory->nodes = nodes;
	for (size_t i = 0; i < count; i++) {
		int number;
		if (!pp_text_starts(names[i], "node") || pp_parse_int(names[i] + 4, &number) < 0 ||
			pp_path(path, sizeof(path), NODES "/%s/meminfo", names[i]) < 0)
			continue;
		r = pp_tree_read(reader->tree, reader->scratch, path, &text, &length);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		struct pp_node_memory *node = &nodes[reader->memory->n_nodes++];
		node->node = number;
		node->total = node_field(text, "MemTotal:");
		node->free = node_free(text);
	}
	return 0;
}

/* "size                            4    123456" */
static int read_zfs(struct pp_reader *reader)
{
	char *text;
	size_t length;
	int r = pp_tree_read(
		reader->tree, reader->scratch, "/proc/spl/kstat/zfs/arcstats", &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char *at = strstr(text, "\nsize "), *end;
	uint64_t kind, value;
	if (!at)
		return 0;
	at += strlen("\nsize ");
	at += strspn(at, " ");
	if (pp_parse_prefix(at, 10, UINT64_MAX, &kind, &end) < 0)
		return 0;
	end += strspn(end, " ");
	if (pp_parse_prefix(end, 10, UINT64_MAX, &value, &end) == 0)
		reader->memory->zfs_cache = value;
	return 0;
}

int pp_numa_read(struct pp_reader *reader)
{
	int r = reader->memory ? read_nodes(reader) : 0;
	return r < 0 || !reader->memory ? r : read_zfs(reader);
}
