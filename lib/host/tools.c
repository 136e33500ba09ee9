/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What other tools want with devices: driverctl, libvirt, Proxmox, the network's settings. */
#include "base/parse.h"
#include "lib/host/setting.h"
#include <errno.h>
#include <string.h>

#define DRIVERCTL "/etc/driverctl.d"
#define HOOKS "/etc/libvirt/hooks"
#define PROXMOX "/etc/pve/qemu-server"

/* /etc/driverctl.d/pci-0000:00:1a.7 = "vfio-pci" */
static int read_driverctl(struct pp_reader *reader)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->arena, DRIVERCTL, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		char *file = pp_arena_printf(reader->arena, DRIVERCTL "/%s", names[i]), *line;
		if (!file)
			return -ENOMEM;
		if (!pp_text_starts(names[i], "pci-"))
			continue;
		r = pp_tree_line(reader->tree, reader->arena, file, &line);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		struct pp_setting *setting =
			pp_setting_add(reader, PP_SETTING_OVERRIDE, "driverctl", file, 0);
		if (!setting)
			return -ENOMEM;
		setting->name = names[i] + strlen("pci-");
		setting->value = line;
	}
	return 0;
}

static int add_guest(struct pp_reader *reader, const char *tool, const char *file, const char *name,
	const struct pp_address *address, bool autostart)
{
	char text[PP_ADDRESS_SIZE];
	char *value = pp_arena_strdup(reader->arena, pp_address_text(address, text));
	struct pp_setting *setting =
		value ? pp_setting_add(reader, PP_SETTING_GUEST, tool, file, 0) : NULL;
	if (!setting)
		return -ENOMEM;
	setting->name = name;
	setting->value = value;
	setting->autostart = autostart;
	return 0;
}

/* ---- libvirt ---- */

/* A script that waits for libvirt while libvirt waits for it. */
static int hook_line(struct pp_reader *reader, const char *file, unsigned number, const char *line,
	size_t length, void *data)
{
	const char *word;
	size_t size;
	for (const char *at = line; pp_text_word(&at, " \t;&|()`\"'$=/\n", &word, &size);) {
		if (word >= line + length || *word == '#')
			break;
		if (size != strlen("virsh") || strncmp(word, "virsh", size) != 0)
			continue;
		char *value = pp_setting_text(reader, line, length);
		struct pp_setting *setting =
			value ? pp_setting_add(reader, PP_SETTING_HOOK, "libvirt", file, number)
			      : NULL;
		if (!setting)
			return -ENOMEM;
		setting->name = "virsh";
		setting->value = value;
		break;
	}
	return 0;
}

/* ---- Proxmox ---- */

struct proxmox {
	const char *name;
	bool autostart;
};

static int proxmox_boot(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	struct proxmox *guest = data;
	if (pp_text_starts(line, "onboot: 1"))
		guest->autostart = true;
	return 0;
}

/* "01:00" is all functions of the slot. */
static int proxmox_address(
	struct pp_reader *reader, const char *file, const char *text, const struct proxmox *guest)
{
	struct pp_address address;
	bool slot = !strchr(text, '.');
	char *whole = slot ? pp_arena_printf(reader->scratch, "%s.0", text) : NULL;
	if (slot && !whole)
		return -ENOMEM;
	if (pp_address_parse(slot ? whole : text, &address) < 0)
		return 0;
	for (unsigned i = 0; i < (slot ? 8u : 1u); i++) {
		if (slot)
			address.function = (uint8_t)i;
		if (slot && i && !pp_reader_device(reader, &address))
			continue;
		int r = add_guest(reader, "proxmox", file, guest->name, &address, guest->autostart);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "hostpci0: 0000:01:00.0;0000:01:00.1,pcie=1,x-vga=1", "hostpci0: host=01:00" */
static int proxmox_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	const char *word;
	size_t size;
	if (*line == '[')
		return 1; /* what follows are snapshots */
	if (!pp_text_starts(line, "hostpci"))
		return 0;
	const char *at = memchr(line, ':', length);
	size_t list = at ? strcspn(++at, ",\n") : 0;
	const char *end = at ? at + list : NULL;
	while (at && pp_text_word(&at, " ;,\n", &word, &size) && word < end) {
		size_t skip = pp_text_starts(word, "host=") ? strlen("host=") : 0;
		char *text = pp_arena_strndup(reader->scratch, word + skip, size - skip);
		int r = text ? proxmox_address(reader, file, text, data) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_proxmox(struct pp_reader *reader)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, PROXMOX, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		char path[PP_PATH_MAX];
		if (!pp_text_ends(names[i], ".conf") ||
			pp_path(path, sizeof(path), PROXMOX "/%s", names[i]) < 0)
			continue;
		struct proxmox guest = {.name = pp_arena_strndup(reader->arena, names[i],
						strlen(names[i]) - strlen(".conf"))};
		r = guest.name ? pp_setting_lines(reader, path, proxmox_boot, &guest) : -ENOMEM;
		if (r == 0)
			r = pp_setting_lines(reader, path, proxmox_line, &guest);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the network's settings ---- */

static bool is_port_key(const char *word, size_t size)
{
	static const char *const keys[] = {
		"bridge_ports", "bridge-ports", "bond-slaves", "slaves", "bond_slaves"};
	for (size_t i = 0; i < PP_COUNT(keys); i++)
		if (strlen(keys[i]) == size && strncmp(word, keys[i], size) == 0)
			return true;
	return false;
}

/* Interfaces that are hardware's; others may be made later. */
static bool is_hardware_name(const char *name)
{
	return (pp_text_starts(name, "en") || pp_text_starts(name, "eth") ||
		       pp_text_starts(name, "wl")) &&
	       !strpbrk(name, ".:");
}

static int interface_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	const char *at = line, *word;
	size_t size;
	if (!pp_text_word(&at, " \t", &word, &size) || !is_port_key(word, size))
		return 0;
	while (pp_text_word(&at, " \t\n", &word, &size) && word < line + length) {
		char path[PP_PATH_MAX];
		char *name = pp_setting_text(reader, word, size);
		if (!name)
			return -ENOMEM;
		if (!is_hardware_name(name) ||
			pp_path(path, sizeof(path), "/sys/class/net/%s", name) < 0)
			continue;
		struct pp_setting *setting =
			pp_setting_add(reader, PP_SETTING_PORT, "ifupdown", file, number);
		if (!setting)
			return -ENOMEM;
		setting->name = name;
		setting->value = pp_setting_text(reader, line, length);
		setting->known = pp_tree_exists(reader->tree, path);
		if (!setting->value)
			return -ENOMEM;
	}
	return 0;
}

static int read_known_bad(struct pp_reader *reader)
{
	char *text;
	size_t length;
	int r = pp_tree_read(
		reader->tree, reader->arena, "/etc/pcipass/known-bad.txt", &text, &length);
	if (r == 0)
		reader->known_bad = text;
	return r == -ENOMEM ? r : 0;
}

int pp_tools_read(struct pp_reader *reader)
{
	static const char *const hooks[] = {HOOKS "/qemu", HOOKS "/daemon", HOOKS "/network"};
	int r = read_driverctl(reader);
	if (r == 0)
		r = pp_libvirt_settings(reader);
	for (size_t i = 0; r == 0 && i < PP_COUNT(hooks); i++)
		r = pp_setting_lines(reader, hooks[i], hook_line, NULL);
	if (r == 0)
		r = pp_setting_folder(reader, HOOKS "/qemu.d", "", hook_line, NULL);
	if (r == 0)
		r = read_proxmox(reader);
	if (r == 0)
		r = pp_setting_lines(reader, "/etc/network/interfaces", interface_line, NULL);
	if (r == 0)
		r = pp_setting_folder(
			reader, "/etc/network/interfaces.d", "", interface_line, NULL);
	if (r == 0)
		r = read_known_bad(reader);
	return r;
}
