/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tells one machine or person from others is blanked: serial numbers, MACs, the host's name.
 * What is found as such in one file is blanked in all of them, each to its own word, so that what
 * was equal stays equal and lengths stay as they are. */
#include "base/parse.h"
#include "lib/host/dump.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHORTEST 5 /* shorter ones are found in everything */
#define MAC_TEXT 17

struct secret {
	const char *text;
	size_t length;
	char *blank;
};
struct secrets {
	struct pp_arena *arena;
	struct secret *items;
	size_t count;
	bool oom;
};

/* ---- finding them ---- */

/* Digits and letters that do tell something: not "None", "To be filled by O.E.M.", "00000000", nor
 * the address that root hubs have for a serial number. */
static bool tells(const char *text, size_t length)
{
	bool digit = false, varied = false;
	char copy[PP_ADDRESS_SIZE];
	struct pp_address address;
	for (size_t i = 0; i < length; i++) {
		if (!isgraph((unsigned char)text[i]))
			return false;
		digit = digit || isdigit((unsigned char)text[i]);
		varied = varied || text[i] != text[0];
	}
	if (length < sizeof(copy)) {
		memcpy(copy, text, length);
		copy[length] = '\0';
		if (pp_address_parse(copy, &address) == 0)
			return false;
	}
	return length >= SHORTEST && digit && varied;
}

static void add_secret(struct secrets *secrets, const char *text, size_t length, const char *blank)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (secrets->items[i].length == length &&
			memcmp(secrets->items[i].text, text, length) == 0)
			return;
	struct secret *items = pp_arena_grow(secrets->arena, secrets->items,
		secrets->count * sizeof(*items), (secrets->count + 1) * sizeof(*items));
	char number[24], *word = pp_arena_strndup(secrets->arena, text, length);
	if (!items || !word) {
		secrets->oom = true;
		return;
	}
	items[secrets->count] =
		(struct secret){word, length, pp_arena_strdup(secrets->arena, word)};
	secrets->items = items;
	char *own = items[secrets->count].blank;
	if (!own) {
		secrets->oom = true;
		return;
	}
	/* "XXXX07": as long as it was, and its own */
	int digits = snprintf(number, sizeof(number), "%zu", secrets->count + 1);
	memset(own, 'X', length);
	if (digits > 0 && (size_t)digits <= length)
		memcpy(own + length - (size_t)digits, number, (size_t)digits);
	if (blank)
		memcpy(own, blank, length);
	secrets->count++;
}

static void add_value(struct secrets *secrets, const char *text, size_t length)
{
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	if (tells(text, length))
		add_secret(secrets, text, length, NULL);
}

/* Of a MAC also the ways in which names and IPv6 addresses are made of it. */
static void add_mac(struct secrets *secrets, const char *text, size_t number)
{
	uint8_t bytes[6];
	size_t count;
	char digits[13], blank[40], word[40];
	for (size_t i = 0; i < 6; i++)
		memcpy(digits + 2 * i, text + 3 * i, 2);
	digits[12] = '\0';
	if (pp_parse_hex_bytes(digits, bytes, sizeof(bytes), &count) < 0 || count != 6)
		return;
	unsigned n = (unsigned)number & 0xffff;
	snprintf(blank, sizeof(blank), "02:00:00:00:%02x:%02x", n >> 8, n & 0xff);
	add_secret(secrets, text, MAC_TEXT, blank);
	snprintf(blank, sizeof(blank), "02000000%04x", n);
	add_secret(secrets, digits, 12, blank);
	for (unsigned flip = 0; flip <= 2; flip += 2) { /* EUI-64, and as an IPv6 address has it */
		snprintf(word, sizeof(word), "%02x%02x%02xfffe%02x%02x%02x", bytes[0] ^ flip,
			bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
		snprintf(blank, sizeof(blank), "%02x0000fffe00%04x", 2 ^ flip, n);
		add_secret(secrets, word, 16, blank);
	}
}

static bool is_mac(const char *text, size_t length)
{
	if (length < MAC_TEXT)
		return false;
	for (size_t i = 0; i < MAC_TEXT; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static void find_macs(struct secrets *secrets, const struct pp_dump_entry *entry, size_t *number)
{
	for (size_t i = 0; i + MAC_TEXT <= entry->length; i++) {
		const char *at = entry->data + i;
		bool whole =
			(i == 0 || !isxdigit((unsigned char)at[-1])) &&
			(i + MAC_TEXT == entry->length || !isxdigit((unsigned char)at[MAC_TEXT]));
		if (!whole || !is_mac(at, entry->length - i) ||
			strncmp(at, "00:00:00:00:00:00", MAC_TEXT) == 0 ||
			strncmp(at, "ff:ff:ff:ff:ff:ff", MAC_TEXT) == 0)
			continue;
		size_t before = secrets->count;
		add_mac(secrets, at, *number);
		*number += secrets->count > before;
	}
}

/* "E:ID_SERIAL_SHORT=S4EWNX0M" and the like, in udev's database. */
static void find_properties(struct secrets *secrets, const struct pp_dump_entry *entry)
{
	static const char *const keys[] = {"E:ID_SERIAL_SHORT=", "E:ID_SCSI_SERIAL=", "E:ID_WWN=",
		"E:ID_WWN_WITH_EXTENSION=", "E:ID_USB_SERIAL_SHORT=", "E:ID_ATA_SERIAL="};
	const char *line = entry->data, *end = line + entry->length;
	for (const char *next; line < end; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		next = newline ? newline + 1 : end;
		for (size_t i = 0; i < PP_COUNT(keys); i++) {
			size_t length = strlen(keys[i]);
			if ((size_t)(next - line) > length && strncmp(line, keys[i], length) == 0)
				add_value(secrets, line + length, (size_t)(next - line) - length);
		}
	}
}

static void find_secrets(struct secrets *secrets, const struct pp_dump_entry *entry, size_t *number)
{
	static const char *const files[] = {"/serial", "/wwid", "/product_serial", "/board_serial",
		"/chassis_serial", "/product_uuid", "/board_asset_tag", "/chassis_asset_tag",
		"/machine-id", "/nguid", "/eui", "/uuid"};
	if (entry->kind != PP_DUMP_FILE || memchr(entry->data, '\0', entry->length))
		return;
	for (size_t i = 0; i < PP_COUNT(files); i++)
		if (pp_text_ends(entry->path, files[i]) && !strstr(entry->path, "/dm/"))
			add_value(secrets, entry->data, entry->length);
	if (pp_text_starts(entry->path, "/run/udev/data/"))
		find_properties(secrets, entry);
	find_macs(secrets, entry, number);
}

/* ---- blanking them ---- */

static void blank_secret(const struct secret *secret, char *data, size_t length)
{
	char *end = data + length;
	for (char *at = data;
		(at = memmem(at, (size_t)(end - at), secret->text, secret->length));) {
		memcpy(at, secret->blank, secret->length);
		at += secret->length;
	}
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The host's name where it stands as a word, by "host". */
static int blank_name(struct pp_dump *dump, struct pp_dump_entry *entry, const char *name)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	size_t n = strlen(name);
	const char *from = entry->data, *end = from + entry->length;
	for (const char *at = from; (at = memmem(at, (size_t)(end - at), name, n)); at += n) {
		if ((at > entry->data && is_word(at[-1])) || (at + n < end && is_word(at[n])))
			continue;
		pp_buffer_append(&text, from, (size_t)(at - from));
		pp_buffer_puts(&text, "host");
		from = at + n;
	}
	if (from == entry->data)
		return 0;
	pp_buffer_append(&text, from, (size_t)(end - from));
	entry->data = pp_arena_strndup(dump->arena, pp_buffer_text(&text), text.length);
	entry->length = text.length;
	return entry->data && !text.failed ? 0 : -ENOMEM;
}

/* NULL: it has none that tells anything. */
static const char *host_name(struct pp_dump *dump)
{
	static const char *const files[] = {"/proc/sys/kernel/hostname", "/etc/hostname"};
	for (size_t i = 0; i < PP_COUNT(files); i++) {
		char *name;
		if (pp_tree_line(dump->tree, dump->arena, files[i], &name) < 0 ||
			strlen(name) < 2 || pp_text_is(name, "localhost") ||
			pp_text_is(name, "host"))
			continue;
		return name;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct secret *first = a, *second = b;
	if (first->length != second->length)
		return first->length > second->length ? -1 : 1;
	return memcmp(first->text, second->text, first->length);
}

int pp_dump_anonymize(struct pp_dump *dump)
{
	struct secrets secrets = {.arena = dump->arena};
	size_t number = 1;
	for (size_t i = 0; i < dump->n_entries; i++)
		find_secrets(&secrets, &dump->entries[i], &number);
	if (secrets.oom)
		return -ENOMEM;
	/* the longer ones first: one may be part of another */
	if (secrets.count > 1)
		qsort(secrets.items, secrets.count, sizeof(*secrets.items), compare);

	const char *name = host_name(dump);
	for (size_t i = 0; i < dump->n_entries; i++) {
		struct pp_dump_entry *entry = &dump->entries[i];
		if (!entry->data || pp_text_ends(entry->path, "/config") ||
			pp_text_ends(entry->path, "/pci.ids"))
			continue;
		for (size_t k = 0; k < secrets.count; k++)
			blank_secret(&secrets.items[k], entry->data, entry->length);
		int r = name && entry->kind == PP_DUMP_FILE ? blank_name(dump, entry, name) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
