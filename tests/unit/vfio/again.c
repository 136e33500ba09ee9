/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* again ADDRESS TIMES: the proofs of a device that is with vfio-pci, many times in one process, as
 * a program that uses the library would. Every time they must say the same, and leave no
 * descriptor, mapping or memory behind. For tests/lab/proof-again. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include <dirent.h>
#include <fcntl.h>
#include <pcipass.h>
#include <stdio.h>
#include <string.h>

struct held {
	uint64_t descriptors, mappings, resident, locked; /* kB */
};

static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name), *end;
	uint64_t value;

	if (!at)
		return 0;
	at += strlen(name);
	at += strspn(at, " \t");
	return pp_parse_prefix(at, 10, UINT64_MAX, &value, &end) < 0 ? 0 : value;
}

static uint64_t count_lines(const char *text)
{
	uint64_t lines = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		lines++;
	}
	return lines;
}

static int look(struct held *held)
{
	PP_FREE char *status = NULL, *maps = NULL;
	size_t length;
	DIR *dir = opendir("/proc/self/fd");

	if (!dir || pp_file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &status, &length) < 0 ||
		pp_file_read(AT_FDCWD, "/proc/self/maps", 1 << 24, &maps, &length) < 0)
		return -1;
	held->descriptors = 0;
	while (readdir(dir))
		held->descriptors++;
	closedir(dir);
	held->mappings = count_lines(maps);
	held->resident = field(status, "VmRSS:");
	held->locked = field(status, "VmLck:") + field(status, "VmPin:");
	return 0;
}

/* "group-viable=0 iommu-attach=0 ..."; free */
static char *states(const struct pp_proofs *proofs)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;

	for (size_t i = 0; i < proofs->n_items; i++)
		pp_buffer_printf(&buffer, "%s=%d ", proofs->items[i].id, proofs->items[i].state);
	return pp_buffer_take(&buffer);
}

/* 1 when it is not as it was */
static unsigned check(const char *what, uint64_t was, uint64_t is)
{
	printf("%s %s: %llu, %llu\n", was == is ? "ok" : "not ok", what, (unsigned long long)was,
		(unsigned long long)is);
	return was != is;
}

static int again(const struct pp_host *host, const struct pp_device *device, uint64_t times,
	unsigned *ret_bad, struct pp_error *error)
{
	struct pp_proof_options options = {.memory = 2 << 20, .no_reset = true, .deep = true};
	struct held first = {0}, last = {0};
	PP_FREE char *said = NULL;
	uint64_t differ = 0;

	for (uint64_t i = 0; i < times; i++) {
		struct pp_proofs *proofs = NULL;
		if (pp_device_prove(host, device, &options, &proofs, error) < 0)
			return -1;
		PP_FREE char *now = states(proofs);
		pp_proofs_free(proofs);
		if (!said)
			said = PP_TAKE(now);
		else
			differ += !pp_text_is(said, now);
		if (look(i < 2 ? &first : &last) < 0)
			return -1;
	}
	printf("%s\n", said);
	printf("tested %llu times\n", (unsigned long long)times);
	unsigned bad = check("said something else", 0, differ);
	bad += check("descriptors", first.descriptors, last.descriptors);
	bad += check("mappings", first.mappings, last.mappings);
	bad += check("locked and pinned kB", first.locked, last.locked);
	/* within what the allocator keeps */
	bad += check("resident kB", first.resident,
		last.resident <= first.resident + 64 ? first.resident : last.resident);
	*ret_bad = bad;
	return 0;
}

int main(int argc, char **argv)
{
	struct pp_context *context = NULL;
	const struct pp_device *device;
	struct pp_host *host = NULL;
	struct pp_error error = {0};
	unsigned bad = 0;
	uint64_t times;

	if (argc != 3 || pp_parse_u64(argv[2], 10, 1000000, &times) < 0 || times < 3)
		return 2;
	int r = pp_context_open(NULL, &context, &error);
	if (r >= 0)
		r = pp_host_read(context, PP_READ_ALL, &host, &error);
	if (r >= 0)
		r = pp_device_find(context, host, argv[1], &device, &error);
	if (r >= 0)
		r = again(host, device, times, &bad, &error);
	if (r < 0)
		printf("not ok %s\n", error.text);
	pp_host_free(host);
	pp_context_close(context);
	return r < 0 || bad;
}
