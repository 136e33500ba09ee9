/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/identity.h"
#include "base/arena.h"
#include "base/parse.h"
#include "lib/host/config.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PCI "/sys/bus/pci/devices"

/* ---- reading ---- */

static ssize_t read_piece(void *data, unsigned offset, void *bytes, size_t size)
{
	return pp_tree_file_read(data, offset, bytes, size);
}

/* 0: none, or not to be read (a device that sleeps reads as all ones). */
static uint64_t serial_number(struct pp_context *context, const char *address)
{
	struct pp_tree_file file;
	struct pp_config config;
	char path[PP_PATH_MAX];
	pp_path(path, sizeof(path), PCI "/%s/config", address);
	if (pp_tree_file_open(context->tree, path, &file) < 0)
		return 0;
	struct pp_config_source source = {read_piece, &file};
	pp_config_parse(&source, &config);
	pp_tree_file_close(&file);
	return config.dead ? 0 : config.capabilities.serial;
}

/* " KEY=VALUE"; blanks in the value become _. What has no room is left out. */
static void add_word(char text[PP_IDENTITY_SIZE], const char *key, const char *value)
{
	size_t length = strlen(text), more = strlen(key) + strlen(value) + 2;
	if (!*value || length + more >= PP_IDENTITY_SIZE)
		return;
	snprintf(text + length, PP_IDENTITY_SIZE - length, " %s=%s", key, value);
	for (char *c = text + length + 1; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			*c = '_';
}

/* FILE of the one thing of a class that hangs on the device: nvme/nvme0/serial. */
static void add_child(struct pp_context *context, struct pp_arena *arena, const char *address,
	const char *class, const char *file, const char *key, char text[PP_IDENTITY_SIZE])
{
	char path[PP_PATH_MAX];
	char **names = NULL, *line = NULL;
	size_t count = 0;
	pp_path(path, sizeof(path), PCI "/%s/%s", address, class);
	if (pp_tree_list(context->tree, arena, path, &names, &count) < 0 || count != 1)
		return;
	pp_path(path, sizeof(path), PCI "/%s/%s/%s/%s", address, class, names[0], file);
	if (pp_tree_line(context->tree, arena, path, &line) >= 0)
		add_word(text, key, line);
}

int pp_identity_read(struct pp_context *context, const char *address, char text[PP_IDENTITY_SIZE])
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX], number[20];
	char *line = NULL;
	if (!arena)
		return -ENOMEM;
	text[0] = '\0';
	pp_path(path, sizeof(path), PCI "/%s/modalias", address);
	if (pp_tree_line(context->tree, arena, path, &line) < 0 || !line[0])
		return 0;
	snprintf(text, PP_IDENTITY_SIZE / 2, "%s", line);
	pp_path(path, sizeof(path), PCI "/%s/revision", address);
	if (pp_tree_line(context->tree, arena, path, &line) >= 0)
		add_word(text, "rev", pp_text_starts(line, "0x") ? line + 2 : line);
	uint64_t serial = serial_number(context, address);
	snprintf(number, sizeof(number), "%016" PRIx64, serial);
	if (serial)
		add_word(text, "dsn", number);
	add_child(context, arena, address, "nvme", "serial", "serial", text);
	add_child(context, arena, address, "net", "address", "mac", text);
	return 0;
}

/* ---- comparing ---- */

/* The word of IDENTITY that begins with that KEY ("dsn="). */
static bool word_of(const char *identity, const char *key, size_t key_length, const char **ret_word,
	size_t *ret_length)
{
	const char *word;
	size_t length;
	while (pp_text_word(&identity, " ", &word, &length))
		if (length >= key_length && memcmp(word, key, key_length) == 0) {
			*ret_word = word;
			*ret_length = length;
			return true;
		}
	return false;
}

bool pp_identity_same(const char *a, const char *b)
{
	const char *cursor = a, *word, *other;
	size_t length, other_length;
	while (pp_text_word(&cursor, " ", &word, &length)) {
		const char *equals = memchr(word, '=', length);
		const char *key = equals ? word : "pci:";
		size_t key_length = equals ? (size_t)(equals - word) + 1 : 4;
		if (word_of(b, key, key_length, &other, &other_length) &&
			(length != other_length || memcmp(word, other, length) != 0))
			return false;
	}
	return true;
}

/* The same, and at least one number that is of one device alone is said by both. */
static bool is_it(const char *identity, const char *other)
{
	static const char *const keys[] = {"dsn=", "serial=", "mac="};
	const char *word;
	size_t length;
	if (!pp_identity_same(identity, other))
		return false;
	for (size_t i = 0; i < PP_COUNT(keys); i++)
		if (word_of(identity, keys[i], strlen(keys[i]), &word, &length) &&
			word_of(other, keys[i], strlen(keys[i]), &word, &length))
			return true;
	return false;
}

int pp_identity_find(
	struct pp_context *context, const char *identity, char address[PP_ADDRESS_SIZE])
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names = NULL;
	size_t count = 0;
	if (!arena)
		return -ENOMEM;
	int r = pp_tree_list(context->tree, arena, PCI, &names, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct pp_address parsed;
		char other[PP_IDENTITY_SIZE];
		if (pp_address_parse(names[i], &parsed) < 0 ||
			pp_identity_read(context, names[i], other) < 0 || !is_it(identity, other))
			continue;
		pp_address_text(&parsed, address);
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}
