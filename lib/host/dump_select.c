/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of some files only a part matters: a machine's text stays short enough to be read by people. */
#include "base/parse.h"
#include "lib/host/config.h"
#include "lib/host/dump.h"
#include "lib/host/names.h"
#include <string.h>

#define MODULES "/lib/modules/"

/* Is the line LINE kept? NULL words end the list. */
static bool has_any(const char *line, size_t length, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (memmem(line, length, words[i], strlen(words[i])))
			return true;
	return false;
}

/* Keeps the lines with one of WORDS, at most MOST of them. */
static int keep_lines(
	struct pp_dump *dump, struct pp_dump_entry *entry, const char *const *words, size_t most)
{
	char *kept = pp_arena_alloc(dump->arena, entry->length + 1);
	size_t length = 0;
	if (!kept)
		return -ENOMEM;
	const char *line = entry->data, *end = line + entry->length;
	for (const char *next; line < end && most > 0; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		next = newline ? newline + 1 : end;
		if (words && !has_any(line, (size_t)(next - line), words))
			continue;
		memcpy(kept + length, line, (size_t)(next - line));
		length += (size_t)(next - line);
		most--;
	}
	entry->data = kept;
	entry->length = length;
	return 0;
}

/* The first processor stands for all. */
static int keep_cpu(struct pp_dump *dump, struct pp_dump_entry *entry)
{
	static const char *const words[] = {
		"processor", "vendor_id", "model name", "flags", "CPU implementer", NULL};
	char *second = strstr(entry->data, "\nprocessor");
	if (second)
		entry->length = (size_t)(second + 1 - entry->data);
	return keep_lines(dump, entry, words, SIZE_MAX);
}

/* ---- config space ---- */

/* Reads, and remembers where. */
struct recorder {
	struct pp_tree_file file;
	uint8_t *bytes;
	size_t length; /* behind the last byte that could be read */
};

static ssize_t record(void *data, unsigned offset, void *bytes, size_t size)
{
	struct recorder *recorder = data;
	ssize_t n = pp_tree_file_read(&recorder->file, offset, bytes, size);
	if (n <= 0 || offset + (size_t)n > PP_CONFIG_EXTENDED)
		return n;
	memcpy(recorder->bytes + offset, bytes, (size_t)n);
	if (offset + (size_t)n > recorder->length)
		recorder->length = offset + (size_t)n;
	return n;
}

/* Only what the parser asks for is read here too, the rest is zeros. The length keeps its meaning:
 * the header, 256 bytes, or more. */
int pp_dump_read_config(struct pp_dump *dump, const char *path, char **ret_data, size_t *ret_length)
{
	struct recorder recorder = {.bytes = pp_arena_alloc(dump->arena, PP_CONFIG_EXTENDED)};
	struct pp_config_source source = {record, &recorder};
	struct pp_config config;
	uint8_t probe[4];
	if (!recorder.bytes)
		return -ENOMEM;
	int r = pp_tree_file_open(dump->tree, path, &recorder.file);
	if (r < 0)
		return r;
	pp_config_parse(&source, &config);
	(void)record(&recorder, PP_CONFIG_CONVENTIONAL - sizeof(probe), probe, sizeof(probe));
	(void)record(&recorder, PP_CONFIG_CONVENTIONAL, probe, sizeof(probe));
	pp_tree_file_close(&recorder.file);
	if (dump->anonymize && config.capabilities.dsn)
		memset(recorder.bytes + config.capabilities.dsn + 4, 0, 8);
	*ret_data = (char *)recorder.bytes;
	*ret_length = recorder.length;
	return 0;
}

/* ---- text ---- */

/* "1432 (bash) S 1431": whose child it is. */
static int keep_parent(struct pp_dump_entry *entry)
{
	char *at = memrchr(entry->data, ')', entry->length);
	for (size_t i = 0; at && i < 3; i++)
		at = strchr(at + 1, ' ');
	if (at) {
		at[0] = '\n';
		entry->length = (size_t)(at + 1 - entry->data);
	}
	return 0;
}

static int keep_names(struct pp_dump *dump, struct pp_dump_entry *entry)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_names_select(
		entry->data, entry->length, dump->host->devices, dump->host->n_devices, &text);
	if (text.failed)
		return -ENOMEM;
	entry->data = pp_arena_strndup(dump->arena, pp_buffer_text(&text), text.length);
	entry->length = text.length;
	return entry->data ? 0 : -ENOMEM;
}

int pp_dump_select(struct pp_dump *dump, struct pp_dump_entry *entry)
{
	static const char *const modules[] = {"vfio", "kvm", "iommufd", "pci-stub", NULL};
	static const char *const aliases[] = {"alias vfio_pci:", NULL};
	static const char *const status[] = {"Uid:", "CapEff:", NULL};
	static const char *const functions[] = {"[", "Name", "Path", "Driver", "MACAddress",
		"VirtualFunction", "DEVICE", "HWADDR", "SRIOV", NULL};
	static const char *const limits[] = {"Max locked memory", NULL};
	const char *path = entry->path;
	if (pp_text_is(path, "/proc/cpuinfo"))
		return keep_cpu(dump, entry);
	if (pp_text_is(path, "/proc/interrupts"))
		return keep_lines(dump, entry, NULL, 16);
	if (pp_text_is(path, "/proc/self/status"))
		return keep_lines(dump, entry, status, 2);
	if (pp_text_is(path, "/proc/self/limits"))
		return keep_lines(dump, entry, limits, 1);
	if (pp_text_starts(path, "/proc/") && pp_text_ends(path, "/stat"))
		return keep_parent(entry);
	if (pp_text_ends(path, "/modules.dep") || pp_text_ends(path, "/modules.builtin"))
		return keep_lines(dump, entry, modules, SIZE_MAX);
	if (pp_text_ends(path, "/modules.alias"))
		return keep_lines(dump, entry, aliases, SIZE_MAX);
	if (strstr(path, "/systemd/network/") || strstr(path, "/network-scripts/"))
		return keep_lines(dump, entry, functions, SIZE_MAX);
	if (pp_text_ends(path, "/pci.ids"))
		return keep_names(dump, entry);
	return 0;
}

/* Secrets stay where they are, whoever asks. Who is logged in from where is nobody's business;
 * product data are serial numbers for the most part. */
bool pp_dump_omits(const struct pp_dump *dump, const char *path)
{
	/* there are passwords in them */
	if (strstr(path, "/NetworkManager/") || strstr(path, "/netplan/"))
		return true;
	if (!dump->anonymize)
		return false;
	return pp_text_starts(path, "/proc/net/tcp") ||
	       pp_text_starts(path, "/run/systemd/sessions") ||
	       (pp_text_starts(path, "/proc/") && pp_text_ends(path, "/stat")) ||
	       (pp_text_starts(path, "/sys/") && pp_text_ends(path, "/vpd"));
}
