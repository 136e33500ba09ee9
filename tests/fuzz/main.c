/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzz target without libFuzzer: COUNT FILE..., each file as it is, cut at every byte (up to 4
 * KiB), and COUNT mutations of it. The same seed gives the same bytes. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* A copy of exactly SIZE bytes, so that a sanitizer sees a read behind the end. */
static void run(const char *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

/* One change that a parser may trip over. */
static size_t mutate(char *data, size_t size, size_t room)
{
	static const char *const words[] = {"<", ">", "/>", "&", "&#0;", "'", "\"", "]]>", "<!--",
		"-->", "<![CDATA[", "<!DOCTYPE a>", "<a>", "</a>", "\xff", "\xc3", "0x", "-1",
		"4294967296", "99999999999", "",
		"<address type='pci' bus='1' slot='0' function='1'/>", " a='1'", "xmlns:x='y'",
		"x:", "\r"};
	size_t at = size ? draw(size) : 0, length;
	const char *word;

	switch (draw(5)) {
	case 0: /* another byte */
		data[at] = (char)draw(256);
		return size;
	case 1: /* a piece is gone */
		length = draw(size - at < 40 ? size - at + 1 : 40);
		memmove(data + at, data + at + length, size - at - length);
		return size - length;
	case 2: /* a piece is there twice */
		length = draw(size - at < 200 ? size - at + 1 : 200);
		if (size + length > room)
			return size;
		memmove(data + at + length, data + at, size - at);
		return size + length;
	case 3: /* cut */
		return at;
	default:
		word = words[draw(PP_COUNT(words))];
		length = strlen(word);
		if (size + length > room)
			return size;
		memmove(data + at + length, data + at, size - at);
		memcpy(data + at, word, length);
		return size + length;
	}
}

static void run_mutations(const char *text, size_t length, unsigned long count)
{
	size_t room = length + 4096;
	char *data = malloc(room);

	if (!data)
		abort();
	for (unsigned long i = 0; i < count; i++) {
		size_t size = length;

		memcpy(data, text, length);
		for (uint64_t j = draw(4) + 1; j > 0 && size > 0; j--)
			size = mutate(data, size, room);
		run(data, size);
	}
	free(data);
}

int main(int argc, char **argv)
{
	uint64_t count;

	if (argc < 2 || pp_parse_u64(argv[1], 10, 1000000000, &count) < 0)
		return 2;
	for (int i = 2; i < argc; i++) {
		char *text;
		size_t length;

		if (pp_file_read(AT_FDCWD, argv[i], 64 << 20, &text, &length) < 0)
			return 1;
		run(text, length);
		for (size_t cut = 0; cut < length && cut < 4096; cut++)
			run(text, cut);
		run_mutations(text, length, count);
		free(text);
	}
	printf("ok %d files, each cut and mutated\n", argc - 2);
	return 0;
}
