/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The headers of disk images, sound and not, and chains of files. */
#include "lib/qemu/image.h"
#include "base/cleanup.h"
#include "base/file.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* A qcow2 header of version 3 as docs/interop/qcow2 describes it. */
struct sample {
	unsigned char data[1024];
	size_t length;
};

static void put_32(struct sample *sample, size_t offset, uint32_t value)
{
	value = htobe32(value);
	memcpy(sample->data + offset, &value, sizeof(value));
}

static struct sample sample_make(const char *backing, const char *format)
{
	struct sample sample = {.length = 512};

	put_32(&sample, 0, 0x514649fb);
	put_32(&sample, 4, 3);
	put_32(&sample, 100, 104);
	if (format) {
		put_32(&sample, 104, 0xe2792aca);
		put_32(&sample, 108, (uint32_t)strlen(format));
		memcpy(sample.data + 112, format, strlen(format));
	}
	if (backing) {
		put_32(&sample, 12, 200);
		put_32(&sample, 16, (uint32_t)strlen(backing));
		memcpy(sample.data + 200, backing, strlen(backing));
	}
	return sample;
}

static int sample_read(
	const struct sample *sample, struct pp_arena *arena, struct pp_image_header *ret_header)
{
	return pp_image_header_read(sample->data, sample->length, arena, ret_header);
}

static void headers_are_read(void **state)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_image_header header;
	struct sample sample = sample_make("/a/base", "raw");

	assert_int_equal(sample_read(&sample, arena, &header), 0);
	assert_string_equal(header.backing, "/a/base");
	assert_string_equal(header.format, "raw");
	sample = sample_make("base", NULL);
	assert_int_equal(sample_read(&sample, arena, &header), 0);
	assert_string_equal(header.backing, "base");
	assert_null(header.format);
	sample = sample_make(NULL, NULL);
	assert_int_equal(sample_read(&sample, arena, &header), 0);
	assert_null(header.backing);
}

static void bad_headers_are_refused(void **state)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_image_header header;
	const struct {
		size_t offset;
		uint32_t value;
		int result;
	} wrong[] = {
		{0, 0x514649fa, -EBADMSG},   /* another format */
		{4, 9, -EBADMSG},            /* another version */
		{16, 5000, -EBADMSG},        /* a name that no file has */
		{16, 0, -EBADMSG},           /* none, though it has a place */
		{12, 1000, -EBADMSG},        /* behind the end */
		{8, 0x80000000, -EBADMSG},   /* far behind it */
		{100, 8, -EBADMSG},          /* a header shorter than itself */
		{108, 0x7fffffff, -EBADMSG}, /* an extension that is longer than all */
		{76, 4, -ENOTSUP},           /* data in another file */
	};

	for (size_t i = 0; i < PP_COUNT(wrong); i++) {
		struct sample sample = sample_make("/a/base", "raw");
		put_32(&sample, wrong[i].offset, wrong[i].value);
		assert_int_equal(sample_read(&sample, arena, &header), wrong[i].result);
	}
	struct sample sample = sample_make("/a/base", "raw");
	sample.data[203] = '\0';
	assert_int_equal(sample_read(&sample, arena, &header), -EBADMSG);
	/* Cut short anywhere it is refused, or has nothing wrong in it. */
	for (size_t length = 0; length < 207; length++) {
		sample = sample_make("/a/base", "raw");
		sample.length = length;
		assert_int_equal(sample_read(&sample, arena, &header), -EBADMSG);
	}
}

static char *put_file(const char *folder, const char *name, const struct sample *sample)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	assert_int_equal(pp_file_replace(AT_FDCWD, path, sample->data, sample->length, 0600), 0);
	return path;
}

static void chains_are_followed(void **state)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char folder[] = "/tmp/pcipass-image-XXXXXX";
	const struct pp_image *image = NULL;
	struct pp_error error = {0};
	struct sample base = {.length = 512}, middle = sample_make("base.raw", "raw");

	assert_non_null(mkdtemp(folder));
	PP_FREE char *low = put_file(folder, "base.raw", &base);
	PP_FREE char *mid = put_file(folder, "mid.qcow2", &middle);
	struct sample top = sample_make(mid, "qcow2");
	PP_FREE char *high = put_file(folder, "top.qcow2", &top);

	assert_int_equal(pp_image_chain(high, "qcow2", arena, &image, &error), 0);
	assert_string_equal(image->path, high);
	assert_string_equal(image->backing->path, mid);
	assert_string_equal(image->backing->format, "qcow2");
	assert_string_equal(image->backing->backing->path, low);
	assert_null(image->backing->backing->backing);
	assert_false(image->backing->backing->device);
	/* What a guest that has a raw disk writes there means nothing. */
	assert_int_equal(pp_image_chain(high, "raw", arena, &image, &error), 0);
	assert_null(image->backing);

	struct sample itself = sample_make("loop.qcow2", "qcow2");
	PP_FREE char *loop = put_file(folder, "loop.qcow2", &itself);
	assert_int_equal(pp_image_chain(loop, "qcow2", arena, &image, &error), -ELOOP);
	static const char *const bad[] = {"nbd://host/x", "json:{\"driver\":\"file\"}", "fat:rw:/"};
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		struct sample other = sample_make(bad[i], "raw");
		PP_FREE char *path = put_file(folder, "bad.qcow2", &other);
		assert_int_equal(pp_image_chain(path, "qcow2", arena, &image, &error), -EINVAL);
		assert_non_null(strstr(error.text, bad[i]));
	}
	struct sample unsaid = sample_make("base.raw", NULL);
	PP_FREE char *path = put_file(folder, "unsaid.qcow2", &unsaid);
	assert_int_equal(pp_image_chain(path, "qcow2", arena, &image, &error), -EINVAL);
	assert_int_equal(pp_image_chain("/no/such", "qcow2", arena, &image, &error), -ENOENT);
	assert_int_equal(pp_image_chain(low, "qcow2", arena, &image, &error), -EBADMSG);
	assert_int_equal(pp_image_chain(folder, "qcow2", arena, &image, &error), -EINVAL);
	pp_file_remove_tree(AT_FDCWD, folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(bad_headers_are_refused),
		cmocka_unit_test(chains_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
