/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/names.h"
#include "lib/host/reader.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Where distributions put it. */
static const char *const places[] = {
	"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"};

/* What the lines above the present one said. */
struct search {
	struct pp_arena *arena;
	struct pp_device *devices;
	size_t n_devices;
	const char **subvendors;   /* names of the subsystems' vendors, by device */
	const char **subproducts;  /* of the subsystems, by device */
	uint64_t wanted[1024];     /* vendors and subsystem vendors that occur, a bit each */
	struct pp_device **family; /* devices of the present vendor */
	size_t n_family;
	bool in_class, in_vendor;
	unsigned product, class; /* the present ones */
	bool in_product;
	bool oom;
};

/* Exactly COUNT hex digits at TEXT; -1 where there are none. */
static long hex(const char *text, const char *end, int count)
{
	long value = 0;
	if (end - text < count)
		return -1;
	for (int i = 0; i < count; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static const char *copy_name(struct search *search, const char *text, const char *end)
{
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	const char *name = pp_arena_strndup(search->arena, text, (size_t)(end - text));
	search->oom = search->oom || !name;
	return name;
}

static void enter_vendor(struct search *search, const char *line, const char *end)
{
	long id = hex(line, end, 4);
	search->in_class = search->in_product = false;
	search->in_vendor = id >= 0 && search->wanted[id / 64] >> id % 64 & 1;
	search->n_family = 0;
	if (!search->in_vendor)
		return;
	const char *name = copy_name(search, line + 4, end);
	for (size_t i = 0; i < search->n_devices; i++) {
		struct pp_device *device = &search->devices[i];
		if (device->subvendor == id)
			search->subvendors[i] = name;
		if (device->vendor != id)
			continue;
		device->vendor_name = name;
		search->family[search->n_family++] = device;
	}
}

static void enter_product(struct search *search, const char *line, const char *end)
{
	const char *name = NULL;
	long id = hex(line, end, 4);
	search->product = (unsigned)id;
	for (size_t i = 0; id >= 0 && i < search->n_family; i++) {
		struct pp_device *device = search->family[i];
		if (device->product != id)
			continue;
		if (!name)
			name = copy_name(search, line + 4, end);
		device->product_name = name;
	}
	search->in_product = name;
}

/* "8086 a001  Some board" below a product */
static void match_subsystem(struct search *search, const char *line, const char *end)
{
	const char *name = NULL;
	long vendor = hex(line, end, 4);
	long product = end - line > 5 ? hex(line + 5, end, 4) : -1;
	for (size_t i = 0; vendor >= 0 && product >= 0 && i < search->n_family; i++) {
		struct pp_device *device = search->family[i];
		if (device->product != search->product || device->subvendor != vendor ||
			device->subproduct != product)
			continue;
		if (!name)
			name = copy_name(search, line + 9, end);
		search->subproducts[device - search->devices] = name;
	}
}

/* "C 0c  Serial bus controller", and below it "03  USB controller". A subclass without a name has
 * that of its class and its number: "Unassigned class [ffff]". */
static void match_class(struct search *search, const char *line, const char *end)
{
	long id = hex(line, end, 2);
	search->class = (unsigned)id;
	for (size_t i = 0; id >= 0 && i < search->n_devices; i++) {
		struct pp_device *device = &search->devices[i];
		if (device->class_code >> 16 != search->class)
			continue;
		const char *name = copy_name(search, line + 2, end);
		device->class_name = name ? pp_arena_printf(search->arena, "%s [%04x]", name,
						    device->class_code >> 8)
					  : NULL;
		search->oom = search->oom || !device->class_name;
	}
}

static void match_subclass(struct search *search, const char *line, const char *end)
{
	const char *name = NULL;
	long id = hex(line, end, 2);
	for (size_t i = 0; id >= 0 && i < search->n_devices; i++) {
		struct pp_device *device = &search->devices[i];
		if (device->class_code >> 8 != (search->class << 8 | (unsigned)id))
			continue;
		if (!name)
			name = copy_name(search, line + 2, end);
		device->class_name = name;
	}
}

static void match_line(struct search *search, const char *line, const char *end)
{
	if (line == end || *line == '#')
		return;
	if (*line == 'C' && end - line > 4 && line[1] == ' ') {
		search->in_class = true;
		search->in_vendor = false;
		match_class(search, line + 2, end);
	} else if (*line != '\t') {
		enter_vendor(search, line, end);
	} else if (end - line < 2 || line[1] != '\t') {
		if (search->in_class)
			match_subclass(search, line + 1, end);
		else if (search->in_vendor)
			enter_product(search, line + 1, end);
	} else if (search->in_vendor && search->in_product) {
		match_subsystem(search, line + 2, end);
	}
}

/* As lspci words a subsystem: its vendor, then its name; one that is the device itself has its
 * name. */
static void set_subsystem(struct search *search, size_t i)
{
	struct pp_device *device = &search->devices[i];
	const char *product = search->subproducts[i];
	if (!device->subvendor || device->subvendor == 0xffff || !search->subvendors[i])
		return;
	if (!product && device->subvendor == device->vendor &&
		device->subproduct == device->product)
		product = device->product_name;
	device->subsystem_name =
		product ? pp_arena_printf(search->arena, "%s %s", search->subvendors[i], product)
			: pp_arena_printf(search->arena, "%s Device %04x", search->subvendors[i],
				  device->subproduct);
	search->oom = search->oom || !device->subsystem_name;
}

int pp_names_find(const char *ids, size_t length, struct pp_arena *arena, struct pp_device *devices,
	size_t n_devices)
{
	PP_FREE struct search *search = calloc(1, sizeof(*search));
	PP_FREE const char **names = calloc(2 * n_devices + 1, sizeof(*names));
	PP_FREE struct pp_device **family = calloc(n_devices + 1, sizeof(struct pp_device *));
	if (!search || !names || !family)
		return -ENOMEM;
	*search = (struct search){.arena = arena,
		.devices = devices,
		.n_devices = n_devices,
		.subvendors = names,
		.subproducts = names + n_devices,
		.family = family};
	for (size_t i = 0; i < n_devices; i++) {
		search->wanted[devices[i].vendor / 64] |= 1ULL << devices[i].vendor % 64;
		search->wanted[devices[i].subvendor / 64] |= 1ULL << devices[i].subvendor % 64;
	}

	for (const char *line = ids, *end = ids + length; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		match_line(search, line, newline ? newline : end);
		line = newline ? newline + 1 : end;
	}
	for (size_t i = 0; i < n_devices; i++)
		set_subsystem(search, i);
	return search->oom ? -ENOMEM : 0;
}

/* This machine's own file is 1.4 MB: it is looked at, not copied. */
static int find_in_file(const char *path, struct pp_reader *reader)
{
	PP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -ENOENT;
	size_t length = (size_t)st.st_size;
	char *ids = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ids == MAP_FAILED)
		return -errno;
	int r = pp_names_find(ids, length, reader->arena, reader->devices, reader->n_devices);
	munmap(ids, length);
	return r;
}

static int find_in_tree(const char *path, struct pp_reader *reader)
{
	char *ids;
	size_t length;
	int r = pp_tree_read(reader->tree, reader->scratch, path, &ids, &length);
	if (r < 0)
		return r;
	return pp_names_find(ids, length, reader->arena, reader->devices, reader->n_devices);
}

/* Another machine's own list, else this machine's: names are names. */
int pp_names_read(struct pp_reader *reader)
{
	int r = -ENOENT;
	if (!pp_tree_is_live(reader->tree))
		for (size_t i = 0; r < 0 && r != -ENOMEM && i < PP_COUNT(places); i++)
			r = find_in_tree(places[i], reader);
	for (size_t i = 0; r < 0 && r != -ENOMEM && i < PP_COUNT(places); i++)
		r = find_in_file(places[i], reader);
	return r == -ENOMEM ? r : 0;
}
