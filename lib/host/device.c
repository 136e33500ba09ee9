/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/config.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "/sys/bus/pci/devices"

struct pp_device *pp_reader_device_of_path(const struct pp_reader *reader, const char *path)
{
	struct pp_device *found = NULL;
	const char *word;
	size_t length;
	while (pp_text_word(&path, "/", &word, &length)) {
		char text[PP_ADDRESS_SIZE];
		struct pp_address address;
		if (length >= sizeof(text) || !memchr(word, '.', length))
			continue;
		memcpy(text, word, length);
		text[length] = '\0';
		if (pp_address_parse(text, &address) < 0)
			continue;
		struct pp_device *device = pp_reader_device(reader, &address);
		if (device)
			found = device;
	}
	return found;
}

/* "../../../devices/pci0000:00/0000:00:1a.7" -> "/sys/devices/pci0000:00/0000:00:1a.7" */
static int read_path(struct pp_reader *reader, struct pp_device *device)
{
	char link[PP_PATH_MAX];
	char *target;
	pp_path(link, sizeof(link), DEVICES "/%s", device->name);
	int r = pp_tree_link(reader->tree, reader->arena, link, &target);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		device->path = pp_arena_strdup(reader->arena, link);
		return device->path ? 0 : -ENOMEM;
	}
	while (pp_text_starts(target, "../"))
		target += 3;
	if (pp_text_starts(target, "devices/")) {
		device->path = pp_arena_printf(reader->arena, "/sys/%s", target);
		return device->path ? 0 : -ENOMEM;
	}
	char *real;
	r = pp_tree_real(reader->tree, reader->arena, link, &real);
	if (r == -ENOMEM)
		return r;
	device->path = r < 0 ? pp_arena_strdup(reader->arena, link) : real;
	return device->path ? 0 : -ENOMEM;
}

static int read_line(struct pp_reader *reader, const struct pp_device *device, const char *name,
	const char **ret_line)
{
	char path[PP_PATH_MAX];
	char *line;
	int r = pp_path(path, sizeof(path), "%s/%s", device->path, name);
	if (r == 0)
		r = pp_tree_line(reader->tree, reader->arena, path, &line);
	if (r == 0)
		*ret_line = line;
	return r;
}

static uint64_t read_hex(
	struct pp_reader *reader, const struct pp_device *device, const char *name, uint64_t max)
{
	char path[PP_PATH_MAX];
	uint64_t value;
	int r = pp_path(path, sizeof(path), "%s/%s", device->path, name);
	if (r == 0)
		r = pp_tree_u64(reader->tree, path, 16, &value);
	return r == 0 && value <= max ? value : 0;
}

static int read_number(
	struct pp_reader *reader, const struct pp_device *device, const char *name, int otherwise)
{
	char path[PP_PATH_MAX];
	int value;
	int r = pp_path(path, sizeof(path), "%s/%s", device->path, name);
	if (r == 0)
		r = pp_tree_int(reader->tree, path, &value);
	return r == 0 ? value : otherwise;
}

static bool exists(struct pp_reader *reader, const struct pp_device *device, const char *name)
{
	char path[PP_PATH_MAX];
	return pp_path(path, sizeof(path), "%s/%s", device->path, name) == 0 &&
	       pp_tree_exists(reader->tree, path);
}

/* "8086:293C" */
static bool parse_pair(const char *text, uint16_t *ret_first, uint16_t *ret_second)
{
	uint64_t first, second;
	const char *end;
	if (pp_parse_prefix(text, 16, 0xffff, &first, &end) < 0 || *end != ':' ||
		pp_parse_u64(end + 1, 16, 0xffff, &second) < 0)
		return false;
	*ret_first = (uint16_t)first;
	*ret_second = (uint16_t)second;
	return true;
}

/* What one read of `uevent` gives; false where something that each device has is missing. */
static bool parse_uevent(char *text, struct pp_device *device)
{
	bool has_class = false, has_id = false, has_subsystem = false;
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		uint32_t number;
		if (pp_text_is(line, "DRIVER") && *value)
			device->driver = value;
		else if (pp_text_is(line, "MODALIAS"))
			device->modalias = value;
		else if (pp_text_is(line, "PCI_ID"))
			has_id = parse_pair(value, &device->vendor, &device->product);
		else if (pp_text_is(line, "PCI_SUBSYS_ID"))
			has_subsystem = parse_pair(value, &device->subvendor, &device->subproduct);
		else if (pp_text_is(line, "PCI_CLASS") && pp_parse_u32(value, 16, &number) == 0) {
			device->class_code = number & 0xffffff;
			has_class = true;
		}
	}
	return has_class && has_id && has_subsystem;
}

/* The same facts file by file, for kernels and trees whose uevent does not have them. */
static int read_files(struct pp_reader *reader, struct pp_device *device)
{
	device->vendor = (uint16_t)read_hex(reader, device, "vendor", 0xffff);
	device->product = (uint16_t)read_hex(reader, device, "device", 0xffff);
	device->subvendor = (uint16_t)read_hex(reader, device, "subsystem_vendor", 0xffff);
	device->subproduct = (uint16_t)read_hex(reader, device, "subsystem_device", 0xffff);
	device->class_code = (uint32_t)read_hex(reader, device, "class", 0xffffff);
	if (!device->modalias &&
		read_line(reader, device, "modalias", &device->modalias) == -ENOMEM)
		return -ENOMEM;

	char path[PP_PATH_MAX];
	char *driver;
	int r = pp_path(path, sizeof(path), "%s/driver", device->path);
	if (r == 0)
		r = pp_tree_link_name(reader->tree, reader->arena, path, &driver);
	if (r == 0)
		device->driver = driver;
	return r == -ENOMEM ? r : 0;
}

static int read_identity(struct pp_reader *reader, struct pp_device *device)
{
	char path[PP_PATH_MAX];
	char *text;
	size_t length;
	int r = pp_path(path, sizeof(path), "%s/uevent", device->path);
	if (r == 0)
		r = pp_tree_read(reader->tree, reader->arena, path, &text, &length);
	if (r == 0 && parse_uevent(text, device))
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0 && !pp_tree_exists(reader->tree, device->path))
		device->flags |= PP_DEVICE_VANISHED;
	return read_files(reader, device);
}

static int read_group(struct pp_reader *reader, struct pp_device *device)
{
	char path[PP_PATH_MAX];
	char *name;
	device->group = -1;
	int r = pp_path(path, sizeof(path), "%s/iommu_group", device->path);
	if (r == 0)
		r = pp_tree_link_name(reader->tree, reader->arena, path, &name);
	int number;
	if (r == 0 && pp_parse_int(name, &number) == 0 && number >= 0)
		device->group = number;
	return r == -ENOMEM ? r : 0;
}

static int read_place(struct pp_reader *reader, struct pp_device *device)
{
	device->numa_node = read_number(reader, device, "numa_node", -1);
	if (device->numa_node < -1)
		device->numa_node = -1;
	int r = read_line(reader, device, "driver_override", &device->driver_override);
	if (r == -ENOMEM)
		return r;
	if (pp_text_is(device->driver_override, "(null)") ||
		pp_text_is(device->driver_override, ""))
		device->driver_override = NULL;
	return 0;
}

static int read_device(struct pp_reader *reader, struct pp_device *device)
{
	int r = read_path(reader, device);
	if (r == 0)
		r = read_identity(reader, device);
	if (r == 0)
		r = read_group(reader, device);
	if (r < 0)
		return r;

	device->numa_node = -1;
	if (!(reader->depth & PP_READ_BRIEF))
		r = read_place(reader, device);
	if (r < 0)
		return r;

	/* config space says it better, where it is read */
	unsigned class = device->class_code >> 8;
	device->header = class == 0x0604   ? PP_HEADER_BRIDGE
			 : class == 0x0607 ? PP_HEADER_CARDBUS
					   : PP_HEADER_ENDPOINT;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct pp_device *first = a, *second = b;
	return pp_address_compare(&first->address, &second->address);
}

/* A machine as text can say that two devices are each above the other: whoever goes up the bridges
 * must come to an end. */
static bool is_above(const struct pp_device *device, const struct pp_device *other)
{
	while (other && other != device)
		other = other->parent;
	return other == device;
}

/* The bridge above is the folder above: /sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0 */
static void set_parent(struct pp_reader *reader, struct pp_device *device)
{
	char parent[PP_PATH_MAX];
	const char *slash = strrchr(device->path, '/');
	size_t length = slash ? (size_t)(slash - device->path) : 0;
	if (length == 0 || length >= sizeof(parent))
		return;
	memcpy(parent, device->path, length);
	parent[length] = '\0';
	const char *name = strrchr(parent, '/');
	struct pp_address address;
	if (!name || pp_address_parse(name + 1, &address) < 0)
		return;
	const struct pp_device *bridge = pp_reader_device(reader, &address);
	if (bridge && !is_above(device, bridge))
		device->parent = bridge;
}

static int list_devices(struct pp_reader *reader, char **names, size_t count)
{
	reader->devices = pp_arena_array(reader->arena, count + 1, sizeof(*reader->devices));
	if (!reader->devices)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct pp_device *device = &reader->devices[reader->n_devices];
		if (pp_address_parse(names[i], &device->address) < 0)
			continue;
		device->name = names[i];
		reader->n_devices++;
	}
	qsort(reader->devices, reader->n_devices, sizeof(*reader->devices), compare);
	return 0;
}

int pp_devices_read(struct pp_reader *reader, struct pp_error *error)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->arena, DEVICES, &names, &count);
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r == -ENOENT && pp_tree_exists(reader->tree, "/sys/bus"))
		return 0; /* a machine without PCI */
	if (r < 0) {
		pp_error_errno(error, r, "reading the PCI devices in %s" DEVICES " failed",
			pp_tree_is_text(reader->tree) ? "" : pp_tree_root(reader->tree));
		pp_error_remedy(error,
			"sysfs has to be mounted on /sys; with --root, name a folder "
			"with a sys in it or a .host file");
		return r;
	}
	r = list_devices(reader, names, count);
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++)
		r = read_device(reader, &reader->devices[i]);
	if (r < 0)
		return pp_error_oom(error);
	for (size_t i = 0; i < reader->n_devices; i++)
		set_parent(reader, &reader->devices[i]);
	return 0;
}

/* ---- PP_READ_CONFIG ---- */

static int keep_config(
	struct pp_reader *reader, struct pp_device *device, const struct pp_config *config)
{
	/* without CAP_SYS_ADMIN the kernel shows the first 64 bytes alone */
	bool hidden = !reader->privileged && config->header_only;
	if (config->length < PP_CONFIG_HEADER || (config->cut && !hidden))
		device->flags |= PP_DEVICE_CONFIG_SHORT;
	if (config->length < PP_CONFIG_HEADER)
		return 0;
	device->capabilities = config->capabilities;
	device->header = config->header;
	if (config->dead) {
		device->flags |= PP_DEVICE_CONFIG_DEAD;
		return 0;
	}
	device->revision = config->revision;
	device->multifunction = config->multifunction;
	if (!(reader->depth & PP_READ_CHECKS) || !config->capabilities.rebar)
		return 0;
	struct pp_health *health = pp_arena_alloc(reader->arena, sizeof(*health));
	if (!health)
		return -ENOMEM;
	memcpy(health->rebars, config->rebars, sizeof(health->rebars));
	device->health = health;
	return 0;
}

static ssize_t read_piece(void *data, unsigned offset, void *bytes, size_t size)
{
	return pp_tree_file_read(data, offset, bytes, size);
}

static int read_config(struct pp_reader *reader, struct pp_device *device)
{
	char path[PP_PATH_MAX];
	struct pp_tree_file file;
	int r = pp_path(path, sizeof(path), "%s/config", device->path);
	if (r == 0)
		r = pp_tree_file_open(reader->tree, path, &file);
	if (r < 0) {
		device->flags |= PP_DEVICE_CONFIG_UNREAD;
		return 0;
	}
	struct pp_config_source source = {read_piece, &file};
	struct pp_config config;
	pp_config_parse(&source, &config);
	pp_tree_file_close(&file);
	return keep_config(reader, device, &config);
}

static int read_bars(struct pp_reader *reader, struct pp_device *device)
{
	char path[PP_PATH_MAX];
	char *text;
	size_t length;
	int r = pp_path(path, sizeof(path), "%s/resource", device->path);
	if (r == 0)
		r = pp_tree_read(reader->tree, reader->arena, path, &text, &length);
	if (r == 0)
		pp_bars_parse(text, device);
	return r == -ENOMEM ? r : 0;
}

static int read_deep(struct pp_reader *reader, struct pp_device *device)
{
	const char *removable = NULL;
	/* before config space, for reading that wakes a sleeping device */
	int r = read_line(reader, device, "power_state", &device->power_state);
	if (r != -ENOMEM)
		r = read_config(reader, device);
	if (r == 0)
		r = read_bars(reader, device);
	if (r == 0)
		r = read_line(reader, device, "reset_method", &device->reset_methods);
	if (r != -ENOMEM)
		r = read_line(reader, device, "removable", &removable);
	if (r == -ENOMEM)
		return r;

	bool display = device->class_code >> 16 == 3;
	if (device->flags & (PP_DEVICE_CONFIG_UNREAD | PP_DEVICE_CONFIG_DEAD))
		device->revision = (uint8_t)read_hex(reader, device, "revision", 0xff);
	if (pp_text_is(removable, "removable"))
		device->flags |= PP_DEVICE_REMOVABLE;
	if ((device->rom.size || display) && exists(reader, device, "rom"))
		device->flags |= PP_DEVICE_HAS_ROM;
	if (display && read_number(reader, device, "boot_vga", 0) == 1)
		device->flags |= PP_DEVICE_BOOT_VGA;
	return 0;
}

static struct pp_device *virtual_function(
	struct pp_reader *reader, const struct pp_device *device, size_t number, int *ret_error)
{
	char path[PP_PATH_MAX];
	char *name;
	int r = pp_path(path, sizeof(path), "%s/virtfn%zu", device->path, number);
	if (r == 0)
		r = pp_tree_link_name(reader->tree, reader->arena, path, &name);
	*ret_error = r == -ENOMEM ? r : 0;
	struct pp_address address;
	if (r < 0 || pp_address_parse(name, &address) < 0)
		return NULL;
	return pp_reader_device(reader, &address);
}

/* A PF knows its VFs by links, which are numbered without gaps. */
static int read_functions(struct pp_reader *reader, struct pp_device *device)
{
	bool known = device->capabilities.read && !device->capabilities.sriov;
	int total = known ? 0 : read_number(reader, device, "sriov_totalvfs", 0);
	if (total <= 0)
		return 0;
	int count = read_number(reader, device, "sriov_numvfs", 0);
	device->sriov_total = (unsigned)total;
	device->sriov_count = count > 0 ? (unsigned)count : 0;

	size_t room =
		device->sriov_count < reader->n_devices ? device->sriov_count : reader->n_devices;
	device->virtual_functions =
		pp_arena_array(reader->arena, room + 1, sizeof(*device->virtual_functions));
	if (!device->virtual_functions)
		return -ENOMEM;
	for (size_t i = 0; i < room; i++) {
		int error;
		struct pp_device *function = virtual_function(reader, device, i, &error);
		if (error < 0)
			return error;
		if (!function || function->physical_function || function == device)
			continue;
		function->physical_function = device;
		device->virtual_functions[device->n_virtual_functions++] = function;
	}
	return 0;
}

int pp_devices_read_deep(struct pp_reader *reader)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++)
		r = read_deep(reader, &reader->devices[i]);
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++)
		r = read_functions(reader, &reader->devices[i]);
	return r;
}
