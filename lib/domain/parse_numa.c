/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's NUMA cells and the host's nodes, what memory is made of, and where threads run. */
#include "base/parse.h"
#include "lib/domain/parse.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MAX_CELLS 128 /* of QEMU */

void pp_parsing_set(struct pp_parsing *parsing, const struct pp_element *element, const char *name,
	struct pp_set *ret_set)
{
	const char *text = pp_element_attribute(element, name);
	int r = text ? pp_set_parse(text, ret_set) : 0;

	if (r < 0)
		pp_parsing_fail(parsing, element->line,
			"%s='%.60s' of <%s> is no set of numbers like 0-3,8%s", name, text,
			element->name, r == -ERANGE ? ", each below 1024" : "");
}

static size_t count(const struct pp_element *element)
{
	size_t n = 0;

	for (; element; element = pp_element_again(element))
		n++;
	return n;
}

/* ---- cells ---- */

static void parse_distances(struct pp_parsing *parsing, const struct pp_element *element,
	size_t n_cells, struct pp_numa_cell *cell)
{
	const struct pp_element *sibling =
		pp_element_child(pp_element_child(element, "distances"), "sibling");
	uint8_t *distances = sibling ? pp_arena_array(parsing->arena, n_cells, 1) : NULL;

	if (sibling && !distances)
		pp_parsing_oom(parsing);
	for (; sibling && distances; sibling = pp_element_again(sibling)) {
		uint64_t id = pp_parsing_number(parsing, sibling, "id", n_cells - 1, 0);
		uint64_t value = pp_parsing_number(parsing, sibling, "value", 255, 10);

		if (value < 10)
			pp_parsing_fail(parsing, sibling->line,
				"a distance between cells is 10 or more, not %" PRIu64, value);
		distances[id] = (uint8_t)value;
	}
	cell->distances = distances;
}

static void parse_cell(struct pp_parsing *parsing, const struct pp_element *element, size_t number,
	size_t n_cells, struct pp_numa_cell *cells)
{
	uint64_t id = pp_parsing_number(parsing, element, "id", n_cells - 1, number);
	struct pp_numa_cell *cell = &cells[id];
	const struct pp_domain *domain = parsing->domain;

	if (cell->line) {
		pp_parsing_fail(
			parsing, element->line, "<cell id='%" PRIu64 "'> is there twice", id);
		return;
	}
	cell->line = element->line;
	cell->from = domain->memory_from;
	pp_parsing_set(parsing, element, "cpus", &cell->cpus);
	cell->memory = pp_parsing_bytes(parsing, element, "memory", "KiB");
	if (pp_element_attribute(element, "memAccess"))
		cell->shared = pp_parsing_is(element, "memAccess", "shared") ? PP_ON : PP_OFF;
	parse_distances(parsing, element, n_cells, cell);
	if (cell->memory == 0 || cell->memory % (1 << 20))
		pp_parsing_fail(parsing, element->line,
			"the memory of a cell is a multiple of 1 MiB, and not 0");
	for (unsigned cpu = pp_set_next(&cell->cpus, 0); cpu < PP_SET_MAX;
		cpu = pp_set_next(&cell->cpus, cpu + 1))
		for (size_t other = 0; other < n_cells; other++)
			if (other != id && pp_set_has(&cells[other].cpus, cpu))
				pp_parsing_fail(parsing, element->line,
					"CPU %u is in the cell on line %d already", cpu,
					cells[other].line);
}

static void check_cells(struct pp_parsing *parsing, const struct pp_element *numa)
{
	const struct pp_domain *domain = parsing->domain;
	uint64_t memory = 0;
	unsigned cpus = 0;

	for (size_t i = 0; i < domain->n_cells; i++) {
		const struct pp_numa_cell *cell = &domain->cells[i];

		memory += cell->memory;
		cpus += pp_set_count(&cell->cpus);
		for (unsigned cpu = domain->max_vcpus; cpu < PP_SET_MAX; cpu++)
			if (pp_set_has(&cell->cpus, cpu))
				pp_parsing_fail(parsing, cell->line,
					"the guest has no CPU %u, for its <vcpu> says %u", cpu,
					domain->max_vcpus);
	}
	if (cpus != domain->max_vcpus)
		pp_parsing_fail(parsing, numa->line,
			"the cells have %u CPUs, but <vcpu> says %u: each CPU belongs into one",
			cpus, domain->max_vcpus);
	if (memory != domain->memory)
		pp_parsing_fail(parsing, numa->line,
			"the cells have %" PRIu64 " KiB of memory, but <memory> says %" PRIu64
			" KiB",
			memory >> 10, domain->memory >> 10);
}

static void parse_cells(struct pp_parsing *parsing, const struct pp_element *numa)
{
	const struct pp_element *element = pp_element_child(numa, "cell");
	size_t n_cells = count(element), number = 0;
	struct pp_numa_cell *cells = pp_arena_array(parsing->arena, n_cells + 1, sizeof(*cells));

	if (!cells) {
		pp_parsing_oom(parsing);
		return;
	}
	if (n_cells > MAX_CELLS) {
		pp_parsing_fail(parsing, numa->line, "a guest has at most %d cells", MAX_CELLS);
		return;
	}
	for (; element; element = pp_element_again(element))
		parse_cell(parsing, element, number++, n_cells, cells);
	parsing->domain->cells = cells;
	parsing->domain->n_cells = n_cells;
	if (n_cells && !parsing->failed)
		check_cells(parsing, numa);
}

/* ---- the host's nodes ---- */

static void parse_from(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_numa_memory *from)
{
	static const char *const modes[] = {"", "strict", "preferred", "interleave", NULL};

	if (!element)
		return;
	from->line = element->line;
	from->mode = pp_parsing_word(element, "mode", modes, PP_NUMA_STRICT);
	pp_parsing_set(parsing, element, "nodeset", &from->nodes);
	if (from->mode == PP_NUMA_PREFERRED && pp_set_count(&from->nodes) > 1)
		pp_parsing_fail(
			parsing, element->line, "mode='preferred' is for one node of the host");
}

void pp_parsing_numa(struct pp_parsing *parsing, const struct pp_element *root)
{
	const struct pp_element *tune = pp_element_child(root, "numatune");
	const struct pp_element *numa = pp_element_child(pp_element_child(root, "cpu"), "numa");
	struct pp_domain *domain = parsing->domain;

	parse_from(parsing, pp_element_child(tune, "memory"), &domain->memory_from);
	if (numa)
		parse_cells(parsing, numa);
	for (const struct pp_element *node = pp_element_child(tune, "memnode");
		node && !parsing->failed; node = pp_element_again(node)) {
		uint64_t id = pp_parsing_number(parsing, node, "cellid", MAX_CELLS, 0);

		if (id >= domain->n_cells) {
			pp_parsing_fail(parsing, node->line,
				"the guest has no cell %" PRIu64 ", for its <cpu><numa> has %zu",
				id, domain->n_cells);
			return;
		}
		parse_from(parsing, node, &((struct pp_numa_cell *)domain->cells)[id].from);
	}
}

/* ---- what memory is made of ---- */

static void check_page(struct pp_parsing *parsing, const struct pp_element *page, uint64_t size,
	uint64_t memory, const char *what)
{
	if (size < 4096 || (size & (size - 1)))
		pp_parsing_fail(
			parsing, page->line, "<page size> is a power of two, of 4 KiB or more");
	else if (memory % size)
		pp_parsing_fail(parsing, page->line,
			"%s is no multiple of the size of these huge pages", what);
}

/* A page is of the cells of its nodeset, or of all that have none. */
static void parse_page(struct pp_parsing *parsing, const struct pp_element *page)
{
	struct pp_domain *domain = parsing->domain;
	struct pp_numa_cell *cells = (struct pp_numa_cell *)domain->cells;
	uint64_t size = pp_parsing_bytes(parsing, page, "size", "KiB");
	struct pp_set nodes = {0};

	pp_parsing_set(parsing, page, "nodeset", &nodes);
	if (pp_set_is_empty(&nodes) && domain->hugepage_size) {
		pp_parsing_fail(parsing, page->line, "a second <page> needs a nodeset of its own");
		return;
	}
	if (pp_set_is_empty(&nodes))
		domain->hugepage_size = size;
	if (pp_set_is_empty(&nodes) && domain->n_cells == 0)
		check_page(parsing, page, size, domain->memory, "<memory>");
	for (unsigned id = pp_set_next(&nodes, 0); id < PP_SET_MAX;
		id = pp_set_next(&nodes, id + 1)) {
		if (id >= domain->n_cells) {
			pp_parsing_fail(parsing, page->line,
				"nodeset of <page> names cell %u, which the guest has not", id);
			return;
		}
		if (cells[id].hugepages)
			pp_parsing_fail(parsing, page->line, "cell %u has huge pages already", id);
		cells[id].hugepages = true;
		cells[id].hugepage_size = size;
	}
}

static void parse_hugepages(struct pp_parsing *parsing, const struct pp_element *huge)
{
	struct pp_domain *domain = parsing->domain;
	struct pp_numa_cell *cells = (struct pp_numa_cell *)domain->cells;
	const struct pp_element *page = pp_element_child(huge, "page"), *first = page;

	for (; page && !parsing->failed; page = pp_element_again(page))
		parse_page(parsing, page);
	for (size_t i = 0; i < domain->n_cells && !parsing->failed; i++) {
		/* Without a page for all, the others have none. */
		if (!cells[i].hugepages && (domain->hugepage_size || !first)) {
			cells[i].hugepages = true;
			cells[i].hugepage_size = domain->hugepage_size;
		}
		if (cells[i].hugepage_size)
			check_page(parsing, first, cells[i].hugepage_size, cells[i].memory,
				"a cell's memory");
	}
}

void pp_parsing_backing(struct pp_parsing *parsing, const struct pp_element *backing)
{
	struct pp_domain *domain = parsing->domain;
	const struct pp_element *huge = pp_element_child(backing, "hugepages");
	const struct pp_element *allocation = pp_element_child(backing, "allocation");

	if (!backing)
		return;
	domain->memory_locked = pp_element_child(backing, "locked");
	domain->memory_nosharepages = pp_element_child(backing, "nosharepages");
	domain->hugepages = huge;
	if (huge)
		parse_hugepages(parsing, huge);
	domain->memory_memfd =
		pp_text_is(pp_element_child_attribute(backing, "source", "type"), "memfd");
	domain->memory_shared =
		pp_text_is(pp_element_child_attribute(backing, "access", "mode"), "shared");
	domain->memory_preallocated = pp_parsing_is(allocation, "mode", "immediate");
	domain->memory_threads =
		(unsigned)pp_parsing_number(parsing, allocation, "threads", 256, 0);
	if (huge && pp_text_is(pp_element_child_attribute(backing, "source", "type"), "anonymous"))
		pp_parsing_fail(parsing, huge->line,
			"<hugepages> need <source type='memfd'/>, or none that is said");
	if (domain->memory_shared && !domain->memory_memfd && !huge)
		pp_parsing_fail(parsing, backing->line,
			"<access mode='shared'/> needs <source type='memfd'/> or <hugepages/>");
	if (pp_parsing_is(allocation, "mode", "ondemand") && huge)
		pp_parsing_fail(parsing, allocation->line,
			"huge pages are allocated at once: a guest that finds none left would be "
			"killed");
}

/* ---- threads ---- */

static void add_pin(struct pp_parsing *parsing, const struct pp_element *element,
	enum pp_pin_kind kind, const char *attribute, unsigned first, unsigned last)
{
	struct pp_domain *domain = parsing->domain;
	struct pp_pin *pins = (struct pp_pin *)domain->pins, *pin = &pins[domain->n_pins];

	*pin = (struct pp_pin){.kind = kind, .line = element->line};
	if (attribute)
		pin->number = pp_parsing_number(parsing, element, attribute, 4096, 0);
	if (attribute && (pin->number < first || pin->number > last))
		pp_parsing_fail(
			parsing, element->line, "the guest has no %s %u", attribute, pin->number);
	pp_parsing_set(parsing, element, "cpuset", &pin->cpus);
	for (size_t i = 0; i < domain->n_pins; i++)
		if (pins[i].kind == kind && pins[i].number == pin->number)
			pp_parsing_fail(parsing, element->line,
				"<%s> for %s %u is there already on line %d", element->name,
				attribute, pin->number, pins[i].line);
	domain->n_pins++;
}

void pp_parsing_pins(struct pp_parsing *parsing, const struct pp_element *root)
{
	const struct pp_element *tune = pp_element_child(root, "cputune");
	const struct pp_element *vcpu = pp_element_child(tune, "vcpupin");
	const struct pp_element *emulator = pp_element_child(tune, "emulatorpin");
	const struct pp_element *iothread = pp_element_child(tune, "iothreadpin");
	struct pp_domain *domain = parsing->domain;
	size_t most = count(vcpu) + count(iothread) + 2;

	pp_parsing_set(parsing, pp_element_child(root, "vcpu"), "cpuset", &domain->cpus);
	domain->pins = pp_arena_array(parsing->arena, most, sizeof(*domain->pins));
	if (!domain->pins) {
		pp_parsing_oom(parsing);
		return;
	}
	for (; vcpu; vcpu = pp_element_again(vcpu))
		add_pin(parsing, vcpu, PP_PIN_VCPU, "vcpu", 0, domain->max_vcpus - 1);
	if (emulator)
		add_pin(parsing, emulator, PP_PIN_EMULATOR, NULL, 0, 0);
	for (; iothread; iothread = pp_element_again(iothread))
		add_pin(parsing, iothread, PP_PIN_IOTHREAD, "iothread", 1, domain->iothreads);
}
