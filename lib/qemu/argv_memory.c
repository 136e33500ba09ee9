/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory: what it is made of, from which of the host's nodes it comes, and the guest's cells. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>

#define BACKEND "pc.ram"

static bool has_backend(const struct pp_domain *domain)
{
	return domain->n_cells == 0 &&
	       (domain->hugepages || domain->memory_memfd || domain->memory_preallocated ||
		       domain->memory_from.mode != PP_NUMA_UNSET);
}

void pp_arguments_memory_name(struct pp_arguments *arguments)
{
	if (has_backend(arguments->domain))
		pp_arguments_prop(arguments, "memory-backend", BACKEND);
}

static void set_nodes(struct pp_json *object, const struct pp_numa_memory *from)
{
	static const char *const policies[] = {
		[PP_NUMA_STRICT] = "bind",
		[PP_NUMA_PREFERRED] = "preferred",
		[PP_NUMA_INTERLEAVE] = "interleave",
	};
	struct pp_json *nodes = pp_json_array();

	for (unsigned node = pp_set_next(&from->nodes, 0); node < PP_SET_MAX;
		node = pp_set_next(&from->nodes, node + 1))
		pp_json_add(nodes, pp_json_int(node));
	pp_json_set(object, "host-nodes", nodes);
	pp_json_set_string(object, "policy", policies[from->mode]);
}

/* Memory that is more than pages as they come. Huge pages need no file system of the host that way,
 * and nothing of them is left when QEMU ends. */
static void put_backend(
	struct pp_arguments *arguments, const char *id, const struct pp_numa_cell *memory)
{
	const struct pp_domain *domain = arguments->domain;
	bool shared = memory->shared == PP_UNSET ? domain->memory_shared : memory->shared == PP_ON;
	bool memfd = memory->hugepages || domain->memory_memfd || shared;
	unsigned threads = domain->memory_threads ? domain->memory_threads : domain->vcpus;
	struct pp_json *object = pp_json_object();

	pp_json_set_string(
		object, "qom-type", memfd ? "memory-backend-memfd" : "memory-backend-ram");
	pp_json_set_string(object, "id", id);
	pp_json_set_int(object, "size", (int64_t)memory->memory);
	if (memory->hugepages)
		pp_json_set_bool(object, "hugetlb", true);
	if (memory->hugepage_size)
		pp_json_set_int(object, "hugetlbsize", (int64_t)memory->hugepage_size);
	if (memfd)
		pp_json_set_bool(object, "share", shared);
	if (memory->hugepages || domain->memory_preallocated) {
		pp_json_set_bool(object, "prealloc", true);
		pp_json_set_int(object, "prealloc-threads", threads);
	}
	if (memory->from.mode != PP_NUMA_UNSET)
		set_nodes(object, &memory->from);
	pp_arguments_json(arguments, "-object", object);
}

void pp_arguments_memory(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_numa_cell all = {
		.memory = domain->memory,
		.hugepages = domain->hugepages,
		.hugepage_size = domain->hugepage_size,
		.from = domain->memory_from,
	};

	pp_arguments_begin(arguments, "-m", NULL);
	pp_arguments_propf(arguments, "size", "%" PRIu64 "M", domain->memory >> 20);
	pp_arguments_end(arguments);
	if (has_backend(domain))
		put_backend(arguments, BACKEND, &all);
	pp_arguments_pair(
		arguments, "-overcommit", domain->memory_locked ? "mem-lock=on" : "mem-lock=off");
}

/* ---- cells ---- */

static void put_cpus(struct pp_arguments *arguments, const struct pp_set *cpus)
{
	/* QEMU takes ranges, each as a property of its own. */
	for (unsigned cpu = pp_set_next(cpus, 0); cpu < PP_SET_MAX;) {
		unsigned last = cpu;

		while (pp_set_has(cpus, last + 1))
			last++;
		if (last > cpu)
			pp_arguments_propf(arguments, "cpus", "%u-%u", cpu, last);
		else
			pp_arguments_propf(arguments, "cpus", "%u", cpu);
		cpu = pp_set_next(cpus, last + 1);
	}
}

static void put_cell(struct pp_arguments *arguments, size_t id)
{
	const struct pp_numa_cell *cell = &arguments->domain->cells[id];
	const char *name = pp_arena_printf(arguments->arena, "ram-node%zu", id);

	if (!name) {
		arguments->failed = pp_error_oom(arguments->error);
		return;
	}
	put_backend(arguments, name, cell);
	pp_arguments_begin(arguments, "-numa", "node");
	pp_arguments_propf(arguments, "nodeid", "%zu", id);
	put_cpus(arguments, &cell->cpus);
	pp_arguments_prop(arguments, "memdev", name);
	pp_arguments_end(arguments);
}

static void put_distances(struct pp_arguments *arguments, size_t from)
{
	const struct pp_numa_cell *cell = &arguments->domain->cells[from];

	for (size_t to = 0; cell->distances && to < arguments->domain->n_cells; to++) {
		if (!cell->distances[to])
			continue;
		pp_arguments_begin(arguments, "-numa", "dist");
		pp_arguments_propf(arguments, "src", "%zu", from);
		pp_arguments_propf(arguments, "dst", "%zu", to);
		pp_arguments_propf(arguments, "val", "%u", cell->distances[to]);
		pp_arguments_end(arguments);
	}
}

void pp_arguments_numa(struct pp_arguments *arguments)
{
	for (size_t i = 0; i < arguments->domain->n_cells; i++)
		put_cell(arguments, i);
	for (size_t i = 0; i < arguments->domain->n_cells; i++)
		put_distances(arguments, i);
}
