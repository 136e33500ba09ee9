/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/names.h"
#include "base/parse.h"
#include <string.h>

/* The lines above the present one, and whether they were kept. */
struct select {
	const struct pp_device *devices;
	size_t n_devices;
	bool in_class, in_vendor, in_product;
	uint64_t first, second; /* vendor and product, or class */
};

static bool parse_id(const char *text, const char *end, size_t digits, uint64_t *ret_id)
{
	char copy[5];
	if ((size_t)(end - text) < digits)
		return false;
	memcpy(copy, text, digits);
	copy[digits] = '\0';
	return pp_parse_u64(copy, 16, UINT16_MAX, ret_id) == 0;
}

static bool keeps_vendor(struct select *select, const char *line, const char *end)
{
	bool subvendor = false;
	select->in_class = select->in_product = select->in_vendor = false;
	if (!parse_id(line, end, 4, &select->first))
		return false;
	for (size_t i = 0; i < select->n_devices; i++) {
		const struct pp_device *device = &select->devices[i];
		select->in_vendor = select->in_vendor || device->vendor == select->first;
		subvendor = subvendor || device->subvendor == select->first;
	}
	return select->in_vendor || subvendor;
}

static bool keeps_product(struct select *select, const char *line, const char *end)
{
	select->in_product = false;
	if (!parse_id(line, end, 4, &select->second))
		return false;
	for (size_t i = 0; i < select->n_devices && !select->in_product; i++)
		select->in_product = select->devices[i].vendor == select->first &&
				     select->devices[i].product == select->second;
	return select->in_product;
}

static bool keeps_subsystem(const struct select *select, const char *line, const char *end)
{
	uint64_t vendor, product;
	if (end - line < 9 || !parse_id(line, end, 4, &vendor) ||
		!parse_id(line + 5, end, 4, &product))
		return false;
	for (size_t i = 0; i < select->n_devices; i++) {
		const struct pp_device *device = &select->devices[i];
		if (device->vendor == select->first && device->product == select->second &&
			device->subvendor == vendor && device->subproduct == product)
			return true;
	}
	return false;
}

static bool keeps_class(struct select *select, const char *line, const char *end, bool subclass)
{
	uint64_t id;
	if (!parse_id(line, end, 2, &id))
		return false;
	if (!subclass)
		select->first = id;
	for (size_t i = 0; i < select->n_devices; i++) {
		unsigned class = select->devices[i].class_code;
		if (class >> 16 == select->first && (!subclass || (class >> 8 & 0xff) == id))
			return true;
	}
	return false;
}

static bool keeps(struct select *select, const char *line, const char *end)
{
	if (line == end || *line == '#')
		return false;
	if (*line == 'C' && end - line > 4 && line[1] == ' ') {
		select->in_vendor = select->in_product = false;
		select->in_class = true;
		return keeps_class(select, line + 2, end, false);
	}
	if (*line != '\t')
		return keeps_vendor(select, line, end);
	if (end - line > 1 && line[1] == '\t')
		return select->in_vendor && select->in_product &&
		       keeps_subsystem(select, line + 2, end);
	if (select->in_class)
		return keeps_class(select, line + 1, end, true);
	return select->in_vendor && keeps_product(select, line + 1, end);
}

void pp_names_select(const char *ids, size_t length, const struct pp_device *devices,
	size_t n_devices, struct pp_buffer *text)
{
	struct select select = {.devices = devices, .n_devices = n_devices};
	for (const char *line = ids, *end = ids + length; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end;
		if (keeps(&select, line, stop)) {
			pp_buffer_append(text, line, (size_t)(stop - line));
			pp_buffer_putc(text, '\n');
		}
		line = newline ? newline + 1 : end;
	}
}
