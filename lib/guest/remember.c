/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/remember.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/guest/definition.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define VERSION 1
#define FOLDER "/var/lib/pcipass/guests"

struct known {
	struct pp_address address;
	struct pp_guest_identity identity;
};
struct known_list {
	struct known *items;
	size_t count;
};

/* ---- what is there now ---- */

/* The first line of a file below the device: "nvme/nvme0/serial". NULL: none. */
static int line_below(struct pp_context *context, struct pp_arena *arena,
	const struct pp_device *device, const char *folder, const char *file, char **ret_line)
{
	char path[PP_PATH_MAX];
	char **names;
	size_t count;

	*ret_line = NULL;
	if (pp_path(path, sizeof(path), "%s/%s", device->path, folder) < 0)
		return 0;
	int r = pp_tree_list(context->tree, arena, path, &names, &count);
	if (r < 0 || count == 0)
		return r == -ENOMEM ? r : 0;
	if (pp_path(path, sizeof(path), "%s/%s/%s/%s", device->path, folder, names[0], file) < 0)
		return 0;
	r = pp_tree_line(context->tree, arena, path, ret_line);
	return r == -ENOMEM ? r : 0;
}

/* A MAC that somebody set (a bond does) tells nothing of the card. */
static int permanent_mac(struct pp_context *context, struct pp_arena *arena,
	const struct pp_device *device, char **ret_line)
{
	char *type;
	int r = line_below(context, arena, device, "net", "addr_assign_type", &type);

	*ret_line = NULL;
	if (r < 0 || !pp_text_is(type, "0"))
		return r;
	return line_below(context, arena, device, "net", "address", ret_line);
}

/* What tells it from others of its kind, and by which number. Its own serial number can be read
 * whatever its driver is, by root; the others only while the host's driver has it. */
static int serial_of(struct pp_context *context, struct pp_arena *arena,
	const struct pp_device *device, const char **ret_serial)
{
	char *line;

	*ret_serial = NULL;
	if (device->capabilities.serial) {
		*ret_serial =
			pp_arena_printf(arena, "PCI:%016" PRIx64, device->capabilities.serial);
		return *ret_serial ? 0 : -ENOMEM;
	}
	const char *kind = "NVMe";
	int r = line_below(context, arena, device, "nvme", "serial", &line);
	if (r == 0 && !line) {
		kind = "MAC";
		r = permanent_mac(context, arena, device, &line);
	}
	if (r < 0 || !line || !*line)
		return r;
	*ret_serial = pp_arena_printf(arena, "%s:%s", kind, line);
	return *ret_serial ? 0 : -ENOMEM;
}

static int identify(struct pp_context *context, struct pp_arena *arena, const struct pp_host *host,
	const struct pp_device *device, struct pp_guest_identity *ret_identity)
{
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(host, device->group) : NULL;
	struct pp_guest_identity identity = {.vendor = device->vendor,
		.product = device->product,
		.subvendor = device->subvendor,
		.subproduct = device->subproduct,
		.revision = device->revision,
		.group = group ? pp_group_endpoints(arena, group) : NULL};

	int r = serial_of(context, arena, device, &identity.serial);
	if (r < 0 || (group && !identity.group))
		return -ENOMEM;
	*ret_identity = identity;
	return 0;
}

/* ---- the file ---- */

static bool read_number(const struct pp_json *object, const char *key, int64_t max, int64_t *ret)
{
	return pp_json_get_int(object, key, ret) == 0 && *ret >= 0 && *ret <= max;
}

static int read_text(
	struct pp_arena *arena, const struct pp_json *object, const char *key, const char **ret)
{
	const char *text = pp_json_get_string(object, key);

	*ret = text ? pp_arena_strdup(arena, text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* 1: it is whole. */
static int read_one(struct pp_arena *arena, const struct pp_json *object, struct known *ret_known)
{
	const char *address = pp_json_get_string(object, "address");
	int64_t vendor, product, subvendor, subproduct, revision;
	struct known known = {0};

	if (!address || pp_address_parse(address, &known.address) < 0 ||
		!read_number(object, "vendor", 0xffff, &vendor) ||
		!read_number(object, "product", 0xffff, &product) ||
		!read_number(object, "subvendor", 0xffff, &subvendor) ||
		!read_number(object, "subproduct", 0xffff, &subproduct) ||
		!read_number(object, "revision", 0xff, &revision))
		return 0;
	known.identity = (struct pp_guest_identity){.vendor = (uint16_t)vendor,
		.product = (uint16_t)product,
		.subvendor = (uint16_t)subvendor,
		.subproduct = (uint16_t)subproduct,
		.revision = (uint8_t)revision};
	if (read_text(arena, object, "serial", &known.identity.serial) < 0 ||
		read_text(arena, object, "group", &known.identity.group) < 0)
		return -ENOMEM;
	*ret_known = known;
	return 1;
}

static int load(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct known_list *ret_list)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	char path[PP_PATH_MAX];
	char *text;
	size_t length;
	int64_t version;

	*ret_list = (struct known_list){0};
	if (pp_guest_name_check(name, NULL) < 0 ||
		pp_path(path, sizeof(path), FOLDER "/%s.json", name) < 0)
		return 0;
	int r = pp_tree_read(context->tree, arena, path, &text, &length);
	if (r >= 0)
		r = pp_json_parse(text, length, &json, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!pp_json_is_object(json) || pp_json_get_int(json, "version", &version) < 0 ||
		version != VERSION || !pp_text_is(pp_json_get_string(json, "name"), name))
		return 0;
	const struct pp_json *devices = pp_json_get(json, "devices");
	size_t count = pp_json_is_array(devices) ? pp_json_length(devices) : 0;
	struct known_list list = {.items = pp_arena_array(arena, count + 1, sizeof(*list.items))};
	if (!list.items)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		r = read_one(arena, pp_json_at(devices, i), &list.items[list.count]);
		if (r < 0)
			return r;
		list.count += (size_t)r;
	}
	*ret_list = list;
	return 0;
}

static const struct pp_guest_identity *find(
	const struct known_list *list, const struct pp_address *address)
{
	for (size_t i = 0; i < list->count; i++) {
		if (pp_address_compare(&list->items[i].address, address) == 0)
			return &list->items[i].identity;
	}
	return NULL;
}

static struct pp_json *one_json(const struct known *known)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	const struct pp_guest_identity *identity = &known->identity;
	char address[PP_ADDRESS_SIZE];

	if (!object ||
		pp_json_set_string(object, "address", pp_address_text(&known->address, address)) <
			0 ||
		pp_json_set_int(object, "vendor", identity->vendor) < 0 ||
		pp_json_set_int(object, "product", identity->product) < 0 ||
		pp_json_set_int(object, "subvendor", identity->subvendor) < 0 ||
		pp_json_set_int(object, "subproduct", identity->subproduct) < 0 ||
		pp_json_set_int(object, "revision", identity->revision) < 0 ||
		pp_json_set_string(object, "serial", identity->serial) < 0 ||
		pp_json_set_string(object, "group", identity->group) < 0)
		return NULL;
	return PP_TAKE(object);
}

static struct pp_json *list_json(const char *name, const struct known_list *list)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	PP_CLEANUP(pp_json_freep) struct pp_json *devices = pp_json_array();

	if (!object || !devices || pp_json_set_int(object, "version", VERSION) < 0 ||
		pp_json_set_string(object, "name", name) < 0)
		return NULL;
	for (size_t i = 0; i < list->count; i++) {
		struct pp_json *one = one_json(&list->items[i]);
		if (!one || pp_json_add(devices, one) < 0)
			return NULL;
	}
	if (pp_json_set(object, "devices", PP_TAKE(devices)) < 0)
		return NULL;
	return PP_TAKE(object);
}

static int save(struct pp_context *context, const char *name, const struct known_list *list,
	struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = list_json(name, list);
	PP_FREE char *text = json ? pp_json_print(json, true) : NULL;
	char path[PP_PATH_MAX];

	if (!text)
		return pp_error_oom(error);
	int r = pp_path(path, sizeof(path), "%s/guests", context->lib);
	if (r >= 0)
		r = pp_file_mkdirs(AT_FDCWD, path, 0700);
	if (r >= 0)
		r = pp_path(path, sizeof(path), "%s/guests/%s.json", context->lib, name);
	if (r >= 0)
		r = pp_file_replace(AT_FDCWD, path, text, strlen(text), 0600);
	return r < 0 ? pp_error_errno(error, r, "cannot remember the devices of guest %s in %s",
			       name, path)
		     : 0;
}

int pp_guest_remember_at(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_address *addresses, size_t n_addresses, bool anew, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct known_list old, list = {0};
	size_t fresh = 0;

	int r = pp_guest_name_check(name, error);
	if (r < 0)
		return r;
	if (!arena || load(context, name, arena, &old) < 0)
		return pp_error_oom(error);
	list.items = pp_arena_array(arena, n_addresses + 1, sizeof(*list.items));
	if (!list.items)
		return pp_error_oom(error);
	for (size_t i = 0; i < n_addresses; i++) {
		const struct pp_address *address = &addresses[i];
		const struct pp_guest_identity *known = anew ? NULL : find(&old, address);
		const struct pp_device *device = pp_host_device(host, address);
		struct known *item = &list.items[list.count];

		if (!known && !device)
			continue;
		item->address = *address;
		if (known)
			item->identity = *known;
		else if (identify(context, arena, host, device, &item->identity) < 0)
			return pp_error_oom(error);
		list.count++;
		fresh += !known;
	}
	if (!fresh && list.count == old.count)
		return 0;
	return save(context, name, &list, error);
}

int pp_guest_remember(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_domain *domain, bool anew, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	const struct pp_domain_device *hostdev = NULL;
	size_t count = 0;

	while ((hostdev = pp_domain_next_hostdev(domain, hostdev)))
		count++;
	struct pp_address *addresses =
		arena ? pp_arena_array(arena, count + 1, sizeof(*addresses)) : NULL;
	if (!addresses)
		return pp_error_oom(error);
	count = 0;
	while ((hostdev = pp_domain_next_hostdev(domain, hostdev)))
		addresses[count++] = hostdev->hostdev.source;
	return pp_guest_remember_at(context, host, name, addresses, count, anew, error);
}

int pp_guest_forget(struct pp_context *context, const char *name, struct pp_error *error)
{
	char path[PP_PATH_MAX];

	if (pp_path(path, sizeof(path), "%s/guests/%s.json", context->lib, name) < 0 ||
		unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return pp_error_errno(error, -errno, "cannot forget the devices of guest %s", name);
}

/* A number of another kind says neither that it is the same nor that it is not. */
static bool comparable(const char *a, const char *b)
{
	size_t length = strcspn(a, ":");

	return strncmp(a, b, length + 1) == 0;
}

int pp_guest_recall(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct pp_guest_hostdev *hostdevs, size_t n_hostdevs)
{
	struct known_list list;
	int r = load(context, name, arena, &list);

	for (size_t i = 0; r >= 0 && i < n_hostdevs; i++) {
		struct pp_guest_hostdev *hostdev = &hostdevs[i];
		hostdev->remembered = find(&list, &hostdev->address);
		if (hostdev->device)
			r = serial_of(context, arena, hostdev->device, &hostdev->serial);
		if (hostdev->serial && hostdev->remembered && hostdev->remembered->serial &&
			!comparable(hostdev->serial, hostdev->remembered->serial))
			hostdev->serial = NULL;
	}
	return r;
}
