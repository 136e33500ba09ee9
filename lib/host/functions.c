/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual functions that the network's own settings make: systemd's .link and .network files,
 * netplan, NetworkManager, ifcfg files. Who sets a number there would set it again. */
#include "base/parse.h"
#include "lib/host/setting.h"
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define KEYS_MAX 16

/* A file that says something of virtual functions, and of which device. What it says beside that is
 * taken to hold. */
struct file {
	const char *tool, *path;
	const char *section; /* that the lines are in */
	unsigned line;       /* of the first that concerns functions; 0: none does */
	const char *said;    /* that line */
	struct {
		const char *key, *value; /* by what it names the device */
	} match[KEYS_MAX];
	size_t n_match;
};

/* ---- whether a device is meant ---- */

struct port {
	const struct pp_device *device;
	char **names; /* of its interfaces */
	size_t n_names;
};

/* Any of the patterns in a list with blanks; one with "!" in front of the list turns it round. */
static bool any_matches(struct pp_reader *reader, const char *list, const char *text)
{
	bool not = *list == '!';
	const char *word;
	size_t length;
	for (const char *at = list + not ; pp_text_word(&at, " \t\"'", &word, &length);) {
		char *pattern = pp_arena_strndup(reader->scratch, word, length);
		if (pattern && fnmatch(pattern, text, FNM_CASEFOLD) == 0)
			return !not ;
	}
	return not ;
}

static bool any_name(struct pp_reader *reader, const struct port *port, const char *list)
{
	for (size_t i = 0; i < port->n_names; i++)
		if (any_matches(reader, list, port->names[i]))
			return true;
	return false;
}

static bool any_mac(struct pp_reader *reader, const struct port *port, const char *list)
{
	for (size_t i = 0; i < port->n_names; i++) {
		char path[PP_PATH_MAX], *line;
		if (pp_path(path, sizeof(path), "%s/net/%s/address", port->device->path,
			    port->names[i]) == 0 &&
			pp_tree_line(reader->tree, reader->scratch, path, &line) == 0 &&
			any_matches(reader, list, line))
			return true;
	}
	return false;
}

static bool key_matches(
	struct pp_reader *reader, const struct port *port, const char *key, const char *value)
{
	static const char *const names[] = {
		"Name", "OriginalName", "interface-name", "DEVICE", "name", "id"};
	static const char *const macs[] = {
		"MACAddress", "PermanentMACAddress", "mac-address", "HWADDR", "macaddress"};
	char path[64];
	for (size_t i = 0; i < PP_COUNT(names); i++)
		if (pp_text_is(key, names[i]))
			return any_name(reader, port, value);
	for (size_t i = 0; i < PP_COUNT(macs); i++)
		if (pp_text_is(key, macs[i]))
			return any_mac(reader, port, value);
	pp_path(path, sizeof(path), "pci-%s", port->device->name);
	if (pp_text_is(key, "Path"))
		return any_matches(reader, value, path);
	if (pp_text_is(key, "Driver") || pp_text_is(key, "driver"))
		return port->device->driver && any_matches(reader, value, port->device->driver);
	return true;
}

static bool file_means(struct pp_reader *reader, const struct file *file, const struct port *port)
{
	for (size_t i = 0; i < file->n_match; i++)
		if (!key_matches(reader, port, file->match[i].key, file->match[i].value))
			return false;
	return file->n_match > 0;
}

/* Each device that it means and that can have functions. */
static int file_add(struct pp_reader *reader, const struct file *file)
{
	for (size_t i = 0; file->line && i < reader->n_devices; i++) {
		struct port port = {.device = &reader->devices[i]};
		char path[PP_PATH_MAX];
		if (!port.device->sriov_total ||
			pp_path(path, sizeof(path), "%s/net", port.device->path) < 0)
			continue;
		int r = pp_tree_list(
			reader->tree, reader->scratch, path, &port.names, &port.n_names);
		if (r == -ENOMEM)
			return r;
		if (!file_means(reader, file, &port))
			continue;
		struct pp_setting *setting = pp_setting_add(
			reader, PP_SETTING_FUNCTIONS, file->tool, file->path, file->line);
		if (!setting)
			return -ENOMEM;
		setting->name = port.device->name;
		setting->value = file->said;
	}
	return 0;
}

static int file_say(struct pp_reader *reader, struct file *file, unsigned number, const char *line,
	size_t length)
{
	if (file->line)
		return 0;
	file->said = pp_setting_text(reader, line, length);
	file->line = number;
	return file->said ? 0 : -ENOMEM;
}

static int file_name(struct pp_reader *reader, struct file *file, const char *key,
	const char *value, size_t length)
{
	if (file->n_match == KEYS_MAX)
		return 0;
	char *copy = pp_setting_text(reader, value, length);
	if (!copy)
		return -ENOMEM;
	file->match[file->n_match].key = key;
	file->match[file->n_match++].value = copy;
	return 0;
}

/* ---- files of sections and KEY=VALUE ---- */

static const struct key {
	const char *section, *key;
	bool names; /* the device, else it sets functions */
} keys[] = {
	{"Match", "Name", true},
	{"Match", "OriginalName", true},
	{"Match", "Path", true},
	{"Match", "Driver", true},
	{"Match", "MACAddress", true},
	{"Match", "PermanentMACAddress", true},
	{"Link", "SR-IOVVirtualFunctions", false},
	{"SR-IOV", "VirtualFunction", false},
	{"connection", "interface-name", true},
	{"ethernet", "mac-address", true},
	{"sriov", "total-vfs", false},
	{"", "DEVICE", true},
	{"", "HWADDR", true},
	{"", "SRIOV_TOTAL_VFS", false},
};

static int section_line(struct pp_reader *reader, const char *path, unsigned number,
	const char *line, size_t length, void *data)
{
	struct file *file = data;
	file->path = path;
	if (*line == '[') {
		const char *end = memchr(line, ']', length);
		file->section = pp_arena_strndup(reader->scratch, line + 1,
			(size_t)((end ? end : line + length) - line - 1));
		return file->section ? 0 : -ENOMEM;
	}
	const char *equal = *line == ';' ? NULL : memchr(line, '=', length);
	size_t name = equal ? (size_t)(equal - line) : 0;
	while (name > 0 && (line[name - 1] == ' ' || line[name - 1] == '\t'))
		name--;
	for (size_t i = 0; equal && i < PP_COUNT(keys); i++) {
		if (strlen(keys[i].key) != name || strncmp(keys[i].key, line, name) != 0 ||
			!pp_text_is(keys[i].section, file->section))
			continue;
		return keys[i].names ? file_name(reader, file, keys[i].key, equal + 1,
					       (size_t)(line + length - equal - 1))
				     : file_say(reader, file, number, line, length);
	}
	return 0;
}

static int read_sections(
	struct pp_reader *reader, const char *folder, const char *like, const char *tool)
{
	char **names, path[PP_PATH_MAX];
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct file file = {.tool = tool, .section = ""};
		if (fnmatch(like, names[i], 0) != 0 ||
			pp_path(path, sizeof(path), "%s/%s", folder, names[i]) < 0)
			continue;
		r = pp_setting_lines(reader, path, section_line, &file);
		if (r == 0)
			r = file_add(reader, &file);
	}
	return r;
}

/* ---- netplan ---- */

/* As far as indentation goes: under `ethernets:` each entry is one interface, known by its id or by
 * what stands in `match:`; `virtual-function-count:` in it, or another entry's `link:` to it, is
 * about functions. */
struct plan {
	struct pp_reader *reader;
	const char *path;
	struct file entry;
	unsigned depth;       /* of `ethernets:` + 1; 0: not in it */
	unsigned entry_depth; /* of the ids; 0: not known yet */
	bool matched;         /* the id is no interface: `match:` says which */
};

static int entry_end(struct plan *plan)
{
	int r = file_add(plan->reader, &plan->entry);
	plan->entry = (struct file){.tool = "netplan", .path = plan->path};
	plan->matched = false;
	return r;
}

static int entry_begin(struct plan *plan, const char *key, size_t length, unsigned depth)
{
	int r = entry_end(plan);
	plan->entry_depth = depth;
	return r < 0 ? r : file_name(plan->reader, &plan->entry, "id", key, length);
}

/* LINK: an entry that is a virtual function of another one. */
static int add_link(struct plan *plan, unsigned number, const char *line, size_t length,
	const char *value, size_t size)
{
	struct file link = {.tool = "netplan", .path = plan->path};
	int r = file_name(plan->reader, &link, "id", value, size);
	if (r == 0)
		r = file_say(plan->reader, &link, number, line, length);
	return r < 0 ? r : file_add(plan->reader, &link);
}

static int plan_key(struct plan *plan, unsigned number, const char *line, size_t length)
{
	static const char *const names[] = {"name", "macaddress", "driver"};
	const char *colon = memchr(line, ':', length);
	size_t key = (size_t)(colon - line), size = length - key - 1;
	if (key == strlen("virtual-function-count") &&
		strncmp(line, "virtual-function-count", key) == 0)
		return file_say(plan->reader, &plan->entry, number, line, length);
	if (key == strlen("link") && strncmp(line, "link", key) == 0)
		return add_link(plan, number, line, length, colon + 1, size);
	if (key == strlen("match") && strncmp(line, "match", key) == 0) {
		plan->matched = true;
		plan->entry.n_match = 0;
	}
	for (size_t i = 0; plan->matched && i < PP_COUNT(names); i++)
		if (strlen(names[i]) == key && strncmp(line, names[i], key) == 0)
			return file_name(plan->reader, &plan->entry, names[i], colon + 1, size);
	return 0;
}

static int plan_line(struct plan *plan, unsigned number, const char *line, size_t length)
{
	unsigned depth = 1 + (unsigned)strspn(line, " ");
	const char *key = line + depth - 1;
	if (depth > length || *key == '#' || !memchr(key, ':', length - depth + 1))
		return 0;
	length -= depth - 1;
	if (plan->depth && depth <= plan->depth) {
		plan->depth = plan->entry_depth = 0;
		int r = entry_end(plan);
		if (r < 0)
			return r;
	}
	if (!plan->depth) {
		if (pp_text_starts(key, "ethernets:"))
			plan->depth = depth;
		return 0;
	}
	if (!plan->entry_depth || depth <= plan->entry_depth)
		return entry_begin(
			plan, key, (size_t)((const char *)memchr(key, ':', length) - key), depth);
	return plan_key(plan, number, key, length);
}

static int read_netplan(struct pp_reader *reader, const char *folder)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		char *text, *path = pp_arena_printf(reader->arena, "%s/%s", folder, names[i]);
		struct plan plan = {.reader = reader, .path = path};
		unsigned number = 0;
		if (!path)
			return -ENOMEM;
		if (!pp_text_ends(path, ".yaml"))
			continue;
		r = pp_tree_read(reader->tree, reader->scratch, path, &text, NULL);
		if (r == -ENOMEM)
			return r;
		plan.entry = (struct file){.tool = "netplan", .path = path};
		for (const char *at = text; r >= 0 && *at; at += *at == '\n') {
			size_t length = strcspn(at, "\n");
			r = plan_line(&plan, ++number, at, length);
			at += length;
		}
		if (r == -ENOMEM || (r >= 0 && entry_end(&plan) < 0))
			return -ENOMEM;
	}
	return 0;
}

int pp_functions_read(struct pp_reader *reader)
{
	static const struct {
		const char *folder, *like, *tool;
	} folders[] = {
		{"/etc/systemd/network", "*.link", "systemd"},
		{"/run/systemd/network", "*.link", "systemd"},
		{"/usr/lib/systemd/network", "*.link", "systemd"},
		{"/etc/systemd/network", "*.network", "systemd"},
		{"/run/systemd/network", "*.network", "systemd"},
		{"/usr/lib/systemd/network", "*.network", "systemd"},
		{"/etc/NetworkManager/system-connections", "*", "NetworkManager"},
		{"/run/NetworkManager/system-connections", "*", "NetworkManager"},
		{"/usr/lib/NetworkManager/system-connections", "*", "NetworkManager"},
		{"/etc/sysconfig/network-scripts", "ifcfg-*", "NetworkManager"},
	};
	static const char *const plans[] = {"/etc/netplan", "/run/netplan", "/usr/lib/netplan"};
	bool any = false;
	int r = 0;
	for (size_t i = 0; i < reader->n_devices; i++)
		any |= reader->devices[i].sriov_total > 0;
	for (size_t i = 0; any && r == 0 && i < PP_COUNT(folders); i++)
		r = read_sections(reader, folders[i].folder, folders[i].like, folders[i].tool);
	for (size_t i = 0; any && r == 0 && i < PP_COUNT(plans); i++)
		r = read_netplan(reader, plans[i]);
	return r;
}
