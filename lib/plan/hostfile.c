/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/plan/hostfile.h"
#include "base/jsonreader.h"
#include "base/parse.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <string.h>

#define DEVICES_MAX 4096
#define NODES_MAX 64
#define NUMBER_MAX 65535

PP_DEFINE_CLEANUP(struct pp_host_file *, pp_host_file_free)

void pp_host_file_free(struct pp_host_file *file)
{
	if (file)
		pp_arena_free(file->arena);
}

/* ---- values ---- */

/* *ret_array NULL where the key is not there. */
static int get_array(struct pp_json_reader *reader, const char *place, const struct pp_json *object,
	const char *key, size_t max, const struct pp_json **ret_array)
{
	const struct pp_json *array = pp_json_get(object, key);
	if (array && !pp_json_is_array(array))
		return pp_json_fault(reader, place, "'%s' is to be a list", key);
	if (array && pp_json_length(array) > max)
		return pp_json_fault(reader, place, "'%s' has more than %zu entries", key, max);
	*ret_array = array;
	return 0;
}

static int get_number(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, const char *key, int64_t max, int64_t *ret_number)
{
	int64_t number = -1;
	if (pp_json_get(object, key) &&
		(pp_json_get_int(object, key, &number) < 0 || number < 0 || number > max))
		return pp_json_fault(
			reader, place, "'%s' is to be a number up to %lld", key, (long long)max);
	*ret_number = number;
	return 0;
}

static int get_switch(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, const char *key, int *ret_on)
{
	bool on = false;
	*ret_on = -1;
	if (!pp_json_get(object, key))
		return 0;
	if (pp_json_get_bool(object, key, &on) < 0)
		return pp_json_fault(reader, place, "'%s' is to be true or false", key);
	*ret_on = on;
	return 0;
}

static int get_driver(struct pp_json_reader *reader, const char *place, const struct pp_json *value,
	const char **ret_driver)
{
	const char *driver = NULL;
	int r = pp_json_read_text(reader, place, value, "driver", &driver);
	if (r < 0 || !driver)
		return r;
	if (!pp_text_is(driver, "host") && !(pp_driver_valid(driver) && pp_driver_passes(driver)))
		return pp_json_fault(reader, place,
			"'%s' is no driver that holds a device for a guest: vfio-pci, its variants "
			"and pci-stub are, and 'host' is the host's own",
			driver);
	*ret_driver = pp_arena_strdup(reader->arena, driver);
	return *ret_driver ? 0 : pp_error_oom(reader->error);
}

/* ---- entries ---- */

static int parse_function(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, int64_t count, struct pp_host_function *function)
{
	static const char *const known[] = {
		"number", "mac", "vlan", "trust", "spoofcheck", "driver", NULL};
	const char *mac = NULL;
	int64_t number = -1;
	int r = pp_json_check_object(reader, place, value, known);
	if (r >= 0)
		r = get_number(reader, place, value, "number", NUMBER_MAX, &number);
	if (r >= 0)
		r = pp_json_read_text(reader, place, value, "mac", &mac);
	if (r >= 0)
		r = get_number(reader, place, value, "vlan", 4094, &function->vlan);
	if (r >= 0)
		r = get_switch(reader, place, value, "trust", &function->trust);
	if (r >= 0)
		r = get_switch(reader, place, value, "spoofcheck", &function->spoof);
	if (r >= 0)
		r = get_driver(reader, place, value, &function->driver);
	if (r < 0)
		return r;
	if (number < 0 || number >= count)
		return pp_json_fault(reader, place,
			"'number' is to be one of the %lld functions, from 0", (long long)count);
	const char *end = NULL;
	if (mac && (!pp_parse_mac(mac, function->mac, &end) || *end || (function->mac[0] & 1)))
		return pp_json_fault(reader, place, "'%s' is no MAC address of one device", mac);
	if (pp_text_is(function->driver, "host"))
		return pp_json_fault(reader, place,
			"functions are made without a driver of the host: leave 'driver' away");
	function->number = (unsigned)number;
	function->has_mac = mac;
	return 0;
}

static int parse_each(
	struct pp_json_reader *reader, const struct pp_json *value, struct pp_host_entry *entry)
{
	const struct pp_json *array = NULL;
	int r = get_array(reader, entry->place, value, "each", NUMBER_MAX, &array);
	if (r < 0 || !array)
		return r;
	if (entry->functions < 0)
		return pp_json_fault(
			reader, entry->place, "'each' needs 'functions', how many there are");
	size_t count = pp_json_length(array);
	struct pp_host_function *each = pp_arena_array(reader->arena, count + 1, sizeof(*each));
	if (!each)
		return pp_error_oom(reader->error);
	for (size_t i = 0; i < count; i++) {
		const char *place = pp_arena_printf(reader->arena, "%s.each[%zu]", entry->place, i);
		if (!place)
			return pp_error_oom(reader->error);
		r = parse_function(reader, place, pp_json_at(array, i), entry->functions, &each[i]);
		for (size_t j = 0; r >= 0 && j < i; j++)
			if (each[j].number == each[i].number)
				r = pp_json_fault(reader, place, "function %u is there twice",
					each[i].number);
		if (r < 0)
			return r;
	}
	entry->each = each;
	entry->n_each = count;
	return 0;
}

static int parse_which(
	struct pp_json_reader *reader, const struct pp_json *value, struct pp_host_entry *entry)
{
	const char *address = NULL;
	int r = pp_json_read_text(reader, entry->place, value, "address", &address);
	if (r >= 0)
		r = pp_json_read_identity(reader, entry->place, value, &entry->identity);
	if (r < 0)
		return r;
	if (address && pp_address_parse(address, &entry->address) < 0)
		return pp_json_fault(
			reader, entry->place, "'%s' is no address like 0000:01:00.0", address);
	entry->has_address = address;
	return 0;
}

static int parse_entry(
	struct pp_json_reader *reader, const struct pp_json *value, struct pp_host_entry *entry)
{
	static const char *const known[] = {
		"address", "id", "subsystem", "serial", "driver", "functions", "each", NULL};
	int r = pp_json_check_object(reader, entry->place, value, known);
	if (r >= 0)
		r = parse_which(reader, value, entry);
	if (r >= 0)
		r = get_driver(reader, entry->place, value, &entry->driver);
	if (r >= 0)
		r = get_number(
			reader, entry->place, value, "functions", NUMBER_MAX, &entry->functions);
	if (r >= 0)
		r = parse_each(reader, value, entry);
	if (r < 0)
		return r;
	if (!entry->driver && entry->functions < 0)
		return pp_json_fault(
			reader, entry->place, "it says neither 'driver' nor 'functions'");
	if (entry->functions > 0 && entry->driver && !pp_text_is(entry->driver, "host"))
		return pp_json_fault(reader, entry->place,
			"virtual functions are made by the host's own driver, not by %s",
			entry->driver);
	return 0;
}

static int parse_entries(
	struct pp_json_reader *reader, const struct pp_json *root, struct pp_host_file *file)
{
	const struct pp_json *array = NULL;
	int r = get_array(reader, "devices", root, "devices", DEVICES_MAX, &array);
	size_t count = r >= 0 && array ? pp_json_length(array) : 0;
	struct pp_host_entry *entries = pp_arena_array(reader->arena, count + 1, sizeof(*entries));
	if (r < 0 || !entries)
		return r < 0 ? r : pp_error_oom(reader->error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		entries[i].place = pp_arena_printf(reader->arena, "devices[%zu]", i);
		r = entries[i].place ? parse_entry(reader, pp_json_at(array, i), &entries[i])
				     : pp_error_oom(reader->error);
	}
	file->entries = entries;
	file->n_entries = count;
	return r;
}

static int parse_pages(
	struct pp_json_reader *reader, const struct pp_json *root, struct pp_host_file *file)
{
	static const char *const known[] = {"node", "pages", NULL};
	const struct pp_json *array = NULL;
	int r = get_array(reader, "hugepages", root, "hugepages", NODES_MAX, &array);
	size_t count = r >= 0 && array ? pp_json_length(array) : 0;
	struct pp_setup_pages *pages = pp_arena_array(reader->arena, count + 1, sizeof(*pages));
	if (r < 0 || !pages)
		return r < 0 ? r : pp_error_oom(reader->error);
	for (size_t i = 0; i < count; i++) {
		const struct pp_json *value = pp_json_at(array, i);
		int64_t node = -1, number = -1;
		r = pp_json_check_object(reader, "hugepages", value, known);
		if (r >= 0)
			r = get_number(reader, "hugepages", value, "node", 1023, &node);
		if (r >= 0)
			r = get_number(reader, "hugepages", value, "pages", 1 << 24, &number);
		if (r >= 0 && number < 0)
			r = pp_json_fault(reader, "hugepages", "there is no 'pages'");
		if (r < 0)
			return r;
		pages[i] = (struct pp_setup_pages){.count = (unsigned)number, .node = (int)node};
	}
	file->pages = pages;
	file->n_pages = count;
	return 0;
}

int pp_host_file_parse(const char *name, const char *text, size_t length,
	struct pp_host_file **ret_file, struct pp_error *error)
{
	static const char *const known[] = {"devices", "hugepages", NULL};
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_json_freep) struct pp_json *root = NULL;
	struct pp_host_file *file = arena ? pp_arena_alloc(arena, sizeof(*file)) : NULL;
	struct pp_json_reader reader = {arena, name, error};
	if (!file)
		return pp_error_oom(error);
	*file = (struct pp_host_file){.arena = arena, .name = pp_arena_strdup(arena, name)};
	int r = pp_json_parse(text, length, &root, error);
	if (r < 0) {
		pp_error_wrap(error, "%s is no JSON", name);
		if (error && r != -ENOMEM)
			error->status = PP_STATUS_USAGE;
		return r;
	}
	r = pp_json_check_object(&reader, "the file", root, known);
	if (r >= 0)
		r = parse_entries(&reader, root, file);
	if (r >= 0)
		r = parse_pages(&reader, root, file);
	if (r < 0)
		return r;
	arena = NULL; /* the file is in it */
	*ret_file = file;
	return 0;
}

/* ---- which devices they are ---- */

static bool is_it(const struct pp_host_entry *entry, const struct pp_device *device)
{
	const struct pp_json_identity *wanted = &entry->identity;
	if (device->vendor != wanted->vendor || device->product != wanted->product)
		return false;
	if (wanted->has_subsystem && (device->subvendor != wanted->subvendor ||
					     device->subproduct != wanted->subproduct))
		return false;
	return !wanted->serial || device->capabilities.serial == wanted->serial;
}

static int not_it(const struct pp_host_file *file, const struct pp_host_entry *entry,
	const struct pp_device *device, struct pp_error *error)
{
	char address[PP_ADDRESS_SIZE];
	if (device)
		pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s: %s: %s is another device: it is %04x:%04x, subsystem %04x:%04x, "
			"serial "
			"number 0x%llx",
			file->name, entry->place, device->name, device->vendor, device->product,
			device->subvendor, device->subproduct,
			(unsigned long long)device->capabilities.serial);
	else
		pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s: %s: %s%s%04x:%04x is not on this host", file->name, entry->place,
			entry->has_address ? pp_address_text(&entry->address, address) : "",
			entry->has_address ? ", " : "", entry->identity.vendor,
			entry->identity.product);
	pp_error_id(error, "device-not-it");
	pp_error_remedy(error, "pcipass nodedev-list --long shows what there is");
	return -ENODEV;
}

static int find(const struct pp_host_file *file, const struct pp_host *host,
	const struct pp_host_entry *entry, const struct pp_device **ret_device,
	struct pp_error *error)
{
	const struct pp_device *found = NULL;
	if (entry->has_address) {
		found = pp_host_device(host, &entry->address);
		if (!found || !is_it(entry, found))
			return not_it(file, entry, found, error);
		*ret_device = found;
		return 0;
	}
	for (size_t i = 0; i < host->n_devices; i++) {
		const struct pp_device *device = &host->devices[i];
		if (!is_it(entry, device))
			continue;
		if (found)
			return pp_error_set(error, PP_STATUS_USAGE, -ENOTUNIQ,
				"%s: %s: %s and %s are both meant: say 'serial', or 'address'",
				file->name, entry->place, found->name, device->name);
		found = device;
	}
	if (!found)
		return not_it(file, entry, NULL, error);
	*ret_device = found;
	return 0;
}

int pp_host_file_find(const struct pp_host_file *file, const struct pp_host *host,
	const struct pp_device **ret_devices, struct pp_error *error)
{
	for (size_t i = 0; i < file->n_entries; i++) {
		int r = find(file, host, &file->entries[i], &ret_devices[i], error);
		for (size_t j = 0; r >= 0 && j < i; j++)
			if (ret_devices[j] == ret_devices[i])
				r = pp_error_set(error, PP_STATUS_USAGE, -EEXIST,
					"%s: %s and %s are the same device, %s", file->name,
					file->entries[j].place, file->entries[i].place,
					ret_devices[i]->name);
		if (r < 0)
			return r;
	}
	return 0;
}
