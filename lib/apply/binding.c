/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/binding.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/driver.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/etc/pcipass/bindings"
#define PCI "/sys/bus/pci/devices"
#define HEAD "pcipass-binding 1"
#define FUNCTIONS "functions "

static const char functions_remark[] =
	"# Written by `pcipass nodedev-setvfs --config`: at boot this device, and no other, gets "
	"so many\n"
	"# virtual functions. `pcipass nodedev-setvfs DEVICE 0 --config` ends it.\n";
static const char remark[] =
	"# Written by `pcipass nodedev-detach --config`: at boot this device, and no other, goes "
	"to\n"
	"# this driver before the host's own can take it. `pcipass nodedev-reattach --config` ends "
	"it.\n";

/* ---- what is there ---- */

/* "/sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0" is pci0000:00/1c.0/00.0. */
static int read_slot(struct pp_context *context, struct pp_arena *arena, const char *address,
	char slot[PP_BINDING_SLOT_SIZE])
{
	char path[PP_PATH_MAX], *real;
	const char *word;
	size_t length, n = 0;
	pp_path(path, sizeof(path), PCI "/%s", address);
	int r = pp_tree_real(context->tree, arena, path, &real);
	if (r < 0 || !pp_text_starts(real, "/sys/devices/"))
		return r < 0 ? r : -EINVAL;
	const char *cursor = real + strlen("/sys/devices/");
	while (pp_text_word(&cursor, "/", &word, &length)) {
		char part[PP_ADDRESS_SIZE], shown[8];
		struct pp_address parsed;
		bool is_device = length < sizeof(part);
		snprintf(part, sizeof(part), "%.*s", (int)length, word);
		is_device = is_device && pp_address_parse(part, &parsed) == 0;
		if (is_device)
			snprintf(shown, sizeof(shown), "%02x.%x", parsed.slot, parsed.function);
		int more = snprintf(slot + n, PP_BINDING_SLOT_SIZE - n, "%s%.*s", n ? "/" : "",
			is_device ? (int)strlen(shown) : (int)length, is_device ? shown : word);
		if (more < 0 || n + (size_t)more >= PP_BINDING_SLOT_SIZE)
			return -ENAMETOOLONG;
		n += (size_t)more;
	}
	return n > 0 ? 0 : -EINVAL;
}

int pp_binding_look(
	struct pp_context *context, const char *address, struct pp_binding_record *ret_record)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_binding_record record = {0};
	if (!arena)
		return -ENOMEM;
	snprintf(record.address, sizeof(record.address), "%s", address);
	int r = read_slot(context, arena, address, record.slot);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	r = pp_identity_read(context, address, record.identity);
	if (r < 0 || !record.identity[0])
		return r < 0 ? r : -ENODEV;
	*ret_record = record;
	return 0;
}

/* ---- the file ---- */

char *pp_binding_text(const struct pp_binding_record *record)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_printf(&text, "%s" HEAD "\n", record->functions ? functions_remark : remark);
	if (record->functions)
		pp_buffer_printf(&text, "functions %u\n", record->functions);
	else
		pp_buffer_printf(&text, "driver %s\n", record->driver);
	pp_buffer_printf(&text, "slot %s\nidentity %s\n", record->slot, record->identity);
	return pp_buffer_take(&text);
}

static bool put_value(char *to, size_t size, const char *value, size_t length)
{
	if (to[0] || length == 0 || length >= size || memchr(value, '\0', length))
		return false;
	memcpy(to, value, length);
	to[length] = '\0';
	return true;
}

static bool parse_functions(struct pp_binding_record *record, const char *value, size_t length)
{
	char text[8] = "";
	uint64_t number;
	if (record->functions || !put_value(text, sizeof(text), value, length) ||
		pp_parse_u64(text, 10, UINT16_MAX, &number) < 0 || number == 0)
		return false;
	record->functions = (unsigned)number;
	return true;
}

static bool parse_line(struct pp_binding_record *record, const char *line, size_t length)
{
	static const struct {
		const char *key;
		size_t offset, size;
	} keys[] = {
		{"driver ", offsetof(struct pp_binding_record, driver), PP_DRIVER_SIZE},
		{"slot ", offsetof(struct pp_binding_record, slot), PP_BINDING_SLOT_SIZE},
		{"identity ", offsetof(struct pp_binding_record, identity), PP_IDENTITY_SIZE},
	};
	if (pp_text_starts(line, FUNCTIONS))
		return parse_functions(
			record, line + strlen(FUNCTIONS), length - strlen(FUNCTIONS));
	for (size_t i = 0; i < PP_COUNT(keys); i++) {
		size_t key = strlen(keys[i].key);
		if (length > key && memcmp(line, keys[i].key, key) == 0)
			return put_value((char *)record + keys[i].offset, keys[i].size, line + key,
				length - key);
	}
	return false;
}

/* All its lines are there, and go together. */
static void judge(struct pp_binding_record *record)
{
	const char *fault = "";
	if ((!record->driver[0] && !record->functions) || !record->slot[0] || !record->identity[0])
		fault = "it is cut short";
	else if (record->driver[0] && record->functions)
		fault = "it is about a driver and about functions";
	else if (record->driver[0] &&
		 (!pp_driver_valid(record->driver) || !pp_driver_passes(record->driver)))
		fault = "its driver is none that holds a device for a guest";
	snprintf(record->fault, sizeof(record->fault), "%s", fault);
}

void pp_binding_parse(
	const char *address, const char *text, size_t length, struct pp_binding_record *ret_record)
{
	struct pp_binding_record record = {0};
	struct pp_address parsed;
	unsigned number = 0;
	bool head = false;
	snprintf(record.address, sizeof(record.address), "%s", address);
	if (pp_address_parse(address, &parsed) < 0)
		snprintf(record.fault, sizeof(record.fault), "its name is no address");
	for (const char *line = text, *end = text + length; line < end && !record.fault[0];) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((stop ? stop : end) - line);
		number++;
		if (size == 0 || *line == '#')
			;
		else if (!head && size == strlen(HEAD) && memcmp(line, HEAD, size) == 0)
			head = true;
		else if (!head || !parse_line(&record, line, size))
			snprintf(record.fault, sizeof(record.fault), "line %u is not understood",
				number);
		line = stop ? stop + 1 : end;
	}
	if (!record.fault[0])
		judge(&record);
	*ret_record = record;
}

int pp_binding_load(
	struct pp_context *context, const char *address, struct pp_binding_record *ret_record)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX], *text;
	size_t length;
	if (!arena)
		return -ENOMEM;
	int r = pp_path(path, sizeof(path), FOLDER "/%s", address);
	if (r >= 0)
		r = pp_tree_read(context->tree, arena, path, &text, &length);
	if (r >= 0)
		pp_binding_parse(address, text, length, ret_record);
	return r == -ENOTDIR ? -ENOENT : r;
}

int pp_binding_names(
	struct pp_context *context, struct pp_arena *arena, char ***ret_names, size_t *ret_count)
{
	char **names = NULL;
	size_t count = 0, kept = 0;
	int r = pp_tree_list(context->tree, arena, FOLDER, &names, &count);
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (names[i][0] != '.') /* what pp_file_replace left when it was killed */
			names[kept++] = names[i];
	*ret_names = names;
	*ret_count = kept;
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* ---- comparing ---- */

bool pp_binding_is(const struct pp_binding_record *record, const struct pp_binding_record *now)
{
	/* Its own number can be read whatever its driver is: if one of them has none, they differ.
	 */
	bool numbered = strstr(record->identity, " dsn=") != NULL;
	return pp_text_is(record->slot, now->slot) &&
	       numbered == (strstr(now->identity, " dsn=") != NULL) &&
	       pp_identity_same(record->identity, now->identity);
}

/* Where the device of a record is now: known by a number of its own; else by its slot, for another
 * card in front moves buses, not slots; else because only one of its kind is there. */
static int find_moved(struct pp_context *context, const struct pp_binding_record *record,
	char address[PP_ADDRESS_SIZE])
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names, found[PP_ADDRESS_SIZE] = "";
	size_t count = 0, alike = 0;
	if (!arena)
		return -ENOMEM;
	int r = pp_identity_find(context, record->identity, address);
	if (r != -ENOENT)
		return r;
	r = pp_tree_list(context->tree, arena, PCI, &names, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct pp_binding_record now;
		if (strlen(names[i]) >= PP_ADDRESS_SIZE ||
			pp_binding_look(context, names[i], &now) < 0 ||
			!pp_identity_same(record->identity, now.identity))
			continue;
		strcpy(found, names[i]);
		alike++;
		if (!pp_binding_is(record, &now))
			continue;
		alike = 1;
		break;
	}
	if (r < 0 || alike != 1)
		return r < 0 ? r : -ENOENT;
	strcpy(address, found);
	return 0;
}

int pp_binding_fault(
	struct pp_context *context, const struct pp_binding_record *record, char *text, size_t size)
{
	struct pp_binding_record now;
	char at[PP_ADDRESS_SIZE] = "";
	text[0] = '\0';
	if (record->fault[0]) {
		snprintf(text, size, "%s/bindings/%s: %s", context->etc, record->address,
			record->fault);
		return 0;
	}
	int r = pp_binding_look(context, record->address, &now);
	if (r < 0 && r != -ENODEV)
		return r;
	if (r == 0 && pp_binding_is(record, &now))
		return 0;
	const char *what = r < 0 ? "is not there" : "is another device now";
	bool other_slot = r == 0 && !pp_text_is(record->slot, now.slot);
	r = find_moved(context, record, at);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0)
		snprintf(text, size, "%s %s; the one that was meant is not found", record->address,
			what);
	else if (!pp_text_is(at, record->address))
		snprintf(text, size, "%s %s; the one that was meant is at %s", record->address,
			what, at);
	else
		snprintf(text, size, "%s is in another slot now: %s, and was in %s",
			record->address, other_slot ? now.slot : "the same", record->slot);
	return 0;
}
