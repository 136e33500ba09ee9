/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's log, as far as it is about PCI, IOMMU and VFIO. */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>
#include <sys/klog.h>

#define READ_ALL 3
#define SIZE_BUFFER 10

/* The live kernel is asked itself; in the files of another machine its log is /dev/kmsg. */
static int read_text(struct pp_reader *reader, char **ret_text)
{
	size_t length;
	*ret_text = NULL;
	if (!pp_tree_is_live(reader->tree)) {
		int r = pp_tree_read(reader->tree, reader->scratch, "/dev/kmsg", ret_text, &length);
		return r == -ENOMEM ? r : 0;
	}
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	if (size <= 0)
		return 0; /* not allowed */
	char *text = pp_arena_alloc(reader->scratch, (size_t)size + 1);
	if (!text)
		return -ENOMEM;
	int n = klogctl(READ_ALL, text, size);
	text[n > 0 ? n : 0] = '\0';
	*ret_text = text;
	return 0;
}

static bool matters(const char *line, size_t length)
{
	static const char *const words[] = {"DMAR", "AMD-Vi", "IVRS", "IOMMU", "iommu", "vfio",
		"VFIO", "pci 0000:", "pci 1", "BAR ", "nobody cared", "not ready", "D3cold", "NVRM",
		"Unknown kernel command line", "AER:", "Firmware Bug"};
	for (size_t i = 0; i < PP_COUNT(words); i++)
		if (memmem(line, length, words[i], strlen(words[i])))
			return true;
	return false;
}

/* "<6>[    0.1] DMAR: ..." -> "DMAR: ..." */
static const char *without_head(const char *line, const char *end)
{
	if (*line == '<') {
		const char *close = memchr(line, '>', (size_t)(end - line));
		line = close ? close + 1 : line;
	}
	if (*line == '[') {
		const char *close = memchr(line, ']', (size_t)(end - line));
		line = close ? close + 1 : line;
	}
	while (line < end && *line == ' ')
		line++;
	return line;
}

int pp_log_read(struct pp_reader *reader)
{
	char *text;
	int r = read_text(reader, &text);
	if (r < 0 || !text)
		return r;
	size_t lines = 1, length;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	reader->log = pp_arena_array(reader->arena, lines, sizeof(*reader->log));
	if (!reader->log)
		return -ENOMEM;
	const char *line;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &length);) {
		const char *end = line + length, *start = without_head(line, end);
		if (!matters(start, (size_t)(end - start)))
			continue;
		char *copy = pp_arena_strndup(reader->arena, start, (size_t)(end - start));
		if (!copy)
			return -ENOMEM;
		reader->log[reader->n_log++] = copy;
	}
	return 0;
}
