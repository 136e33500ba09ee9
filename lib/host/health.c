/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only checks ask about devices: errors, interrupts, power, framebuffers in their memory. */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>

#define CLASS_NETWORK 0x02
#define CLASS_DISPLAY 0x03
#define SHADOW_ROM 0xc0000
#define ROM_LINE 6

static int read_text(
	struct pp_reader *reader, const struct pp_device *device, const char *name, char **ret_text)
{
	char path[PP_PATH_MAX];
	size_t length;
	int r = pp_path(path, sizeof(path), "%s/%s", device->path, name);
	if (r == 0)
		r = pp_tree_read(reader->tree, reader->scratch, path, ret_text, &length);
	if (r < 0)
		*ret_text = NULL;
	return r == -ENOMEM ? r : 0;
}

static int read_int(struct pp_reader *reader, const struct pp_device *device, const char *name)
{
	char path[PP_PATH_MAX];
	int value;
	if (pp_path(path, sizeof(path), "%s/%s", device->path, name) < 0 ||
		pp_tree_int(reader->tree, path, &value) < 0)
		return -1;
	return value;
}

/* "DLP 2\nTOTAL_ERR_FATAL 2": the total, and what counted. */
static int add_errors(
	struct pp_reader *reader, char *text, struct pp_health *health, uint64_t *ret_total)
{
	const char *line;
	size_t length;
	for (const char *at = text; at && pp_text_word(&at, "\n", &line, &length);) {
		const char *blank = memchr(line, ' ', length), *end;
		uint64_t value;
		if (!blank || pp_parse_prefix(blank + 1, 10, UINT64_MAX, &value, &end) < 0 ||
			value == 0)
			continue;
		if (pp_text_starts(line, "TOTAL_")) {
			*ret_total = value;
			continue;
		}
		health->aer = pp_arena_printf(reader->arena, "%s%s%.*s",
			health->aer ? health->aer : "", health->aer ? ", " : "", (int)length, line);
		if (!health->aer)
			return -ENOMEM;
	}
	return 0;
}

static int read_errors(
	struct pp_reader *reader, const struct pp_device *device, struct pp_health *health)
{
	char *text;
	if (!device->capabilities.aer)
		return 0;
	int r = read_text(reader, device, "aer_dev_fatal", &text);
	if (r == 0)
		r = add_errors(reader, text, health, &health->aer_fatal);
	if (r == 0)
		r = read_text(reader, device, "aer_dev_nonfatal", &text);
	if (r == 0)
		r = add_errors(reader, text, health, &health->aer_nonfatal);
	return r;
}

static int read_power(
	struct pp_reader *reader, const struct pp_device *device, struct pp_health *health)
{
	char path[PP_PATH_MAX], *line;
	health->d3cold_allowed = -1;
	/* only of interest where it is not fully on */
	if (!device->power_state || pp_text_is(device->power_state, "D0"))
		return 0;
	health->d3cold_allowed = read_int(reader, device, "d3cold_allowed");
	int r = pp_path(path, sizeof(path), "%s/power/runtime_status", device->path);
	if (r == 0)
		r = pp_tree_line(reader->tree, reader->arena, path, &line);
	if (r == 0)
		health->runtime_status = line;
	return r == -ENOMEM ? r : 0;
}

/* The lines behind the ROM's: room for all virtual functions. */
static int read_vf_bars(
	struct pp_reader *reader, const struct pp_device *device, struct pp_health *health)
{
	char *text;
	if (!device->sriov_total)
		return 0;
	int r = read_text(reader, device, "resource", &text);
	const char *at = text;
	struct pp_bar bar;
	for (size_t line = 0; at && *at && line <= ROM_LINE + PP_COUNT(health->vf_bars); line++) {
		if (!pp_bar_line(&at, &bar))
			break;
		if (line > ROM_LINE)
			health->vf_bars[line - ROM_LINE - 1] = bar;
	}
	return r;
}

static int read_net(
	struct pp_reader *reader, const struct pp_device *device, struct pp_health *health)
{
	char path[PP_PATH_MAX], **names;
	size_t count;
	health->carrier = -1;
	if (device->class_code >> 16 != CLASS_NETWORK ||
		pp_path(path, sizeof(path), "%s/net", device->path) < 0)
		return 0;
	int r = pp_tree_list(reader->tree, reader->arena, path, &names, &count);
	if (r < 0 || count == 0)
		return r == -ENOMEM ? r : 0;
	health->net = names[0];
	int carrier;
	if (pp_path(path, sizeof(path), "%s/net/%s/carrier", device->path, names[0]) == 0 &&
		pp_tree_int(reader->tree, path, &carrier) == 0)
		health->carrier = carrier;
	return 0;
}

static int read_device(struct pp_reader *reader, struct pp_device *device)
{
	char path[PP_PATH_MAX];
	/* where config space told of resizable BARs it is there already */
	struct pp_health *health = (struct pp_health *)device->health;
	if (!health)
		health = pp_arena_alloc(reader->arena, sizeof(*health));
	if (!health)
		return -ENOMEM;
	device->health = health;
	int irq = read_int(reader, device, "irq");
	health->irq = irq > 0 ? (unsigned)irq : 0;
	health->messages = (device->capabilities.msi || device->capabilities.msix) &&
			   pp_path(path, sizeof(path), "%s/msi_irqs", device->path) == 0 &&
			   pp_tree_exists(reader->tree, path);
	health->rom_shadow = device->rom.size && device->rom.start == SHADOW_ROM;
	health->vgpu =
		device->vendor == 0x10de && device->class_code >> 16 == CLASS_DISPLAY &&
		pp_path(path, sizeof(path), "%s/nvidia/current_vgpu_type", device->path) == 0 &&
		pp_tree_exists(reader->tree, path);
	int r = read_errors(reader, device, health);
	if (r == 0)
		r = read_power(reader, device, health);
	if (r == 0)
		r = read_vf_bars(reader, device, health);
	if (r == 0)
		r = read_net(reader, device, health);
	return r;
}

/* ---- framebuffers ---- */

static struct pp_device *device_at(const struct pp_reader *reader, uint64_t address)
{
	for (size_t i = 0; i < reader->n_devices; i++) {
		struct pp_device *device = &reader->devices[i];
		for (size_t k = 0; k < PP_COUNT(device->bars); k++) {
			const struct pp_bar *bar = &device->bars[k];
			if (bar->size && !(bar->flags & (PP_BAR_IO | PP_BAR_DISABLED)) &&
				address >= bar->start && address - bar->start < bar->size)
				return device;
		}
	}
	return NULL;
}

static bool is_framebuffer(const char *name, size_t length)
{
	static const char *const names[] = {"BOOTFB", "simpledrm", "simplefb", "simple-framebuffer",
		"efifb", "efi-framebuffer", "vesafb", "vesa-framebuffer", "efidrm", "vesadrm"};
	for (size_t i = 0; i < PP_COUNT(names); i++)
		if (strlen(names[i]) == length && strncmp(name, names[i], length) == 0)
			return true;
	return false;
}

/* "    e0000000-e02fffff : vesafb" (zeros for those who are not root) */
static int read_framebuffers(struct pp_reader *reader)
{
	char *text;
	size_t size;
	int r = pp_tree_read(reader->tree, reader->scratch, "/proc/iomem", &text, &size);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char *line;
	size_t length;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &length);) {
		size_t blanks = strspn(line, " ");
		const char *name = strstr(line, " : "), *end;
		uint64_t start;
		if (!name || name >= line + length ||
			!is_framebuffer(name + 3, (size_t)(line + length - name - 3)) ||
			pp_parse_prefix(line + blanks, 16, UINT64_MAX, &start, &end) < 0 || !start)
			continue;
		struct pp_device *device = device_at(reader, start);
		if (!device)
			continue;
		struct pp_health *health = (struct pp_health *)device->health; /* made here */
		health->framebuffer = pp_arena_strndup(
			reader->arena, name + 3, (size_t)(line + length - name - 3));
		health->framebuffer_line =
			pp_arena_strndup(reader->arena, line + blanks, length - blanks);
		if (!health->framebuffer || !health->framebuffer_line)
			return -ENOMEM;
	}
	return 0;
}

int pp_health_read(struct pp_reader *reader)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++)
		r = read_device(reader, &reader->devices[i]);
	return r < 0 ? r : read_framebuffers(reader);
}
