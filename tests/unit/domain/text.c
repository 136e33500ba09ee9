/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device into a definition's text and out of it: nothing else in it changes. */
#include "base/buffer.h"
#include "base/file.h"
#include "lib/domain/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HOSTDEV                                                                                    \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "     \
	"bus='0x%02x' slot='0x1f' function='0x7'/></source></hostdev>"
#define START "<domain type='kvm'><name>x</name><memory>65536</memory><os><type>hvm</type></os>"

static const struct pp_address there = {.bus = 0xfe, .slot = 0x1f, .function = 7};

static char *add(const char *text, unsigned bus)
{
	PP_FREE char *device = NULL;
	struct pp_error error = {0};
	char *made;

	assert_true(asprintf(&device, HOSTDEV, bus) > 0);
	if (pp_domain_text_add(text, strlen(text), device, &made, &error) < 0)
		fail_msg("%s", error.text);
	return made;
}

/* How many host devices it has, as the parser sees it. */
static size_t count(const char *text)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	const struct pp_domain_device *device = NULL;
	struct pp_error error = {0};
	size_t found = 0;

	if (pp_domain_parse(text, strlen(text), "x.xml", &domain, &error) < 0)
		fail_msg("%s in:\n%s", error.text, text);
	while ((device = pp_domain_next_hostdev(domain, device)))
		found++;
	return found;
}

static void goes_in_and_out(const char *text, bool same)
{
	PP_FREE char *more = add(text, 0xfe);
	PP_FREE char *less = NULL;
	struct pp_error error = {0};

	assert_int_equal(count(more), count(text) + 1);
	assert_int_equal(pp_domain_text_remove(more, strlen(more), &there, &less, &error), 0);
	assert_int_equal(count(less), count(text));
	if (same)
		assert_string_equal(less, text);
}

static void each_form(void **state)
{
	static const struct {
		const char *text;
		bool same;
	} forms[] = {
		{START "</domain>", false},
		{START "<devices/></domain>", false},
		{START "<devices></devices></domain>", true},
		{START "<devices>\n</devices></domain>", true},
		{START "\n  <devices>\n    <rng model='virtio'><backend model='builtin'/></rng>\n  "
		       "</devices>\n</domain>\n<!-- </devices> -->\n",
			true},
		{START "<devices><!-- </devices> --></devices><!-- <devices> --></domain>", true},
		{START "\r\n<devices>\r\n\t</devices>\r\n</domain>\r\n", true},
		{START "<description>a > b </description><devices ></devices ></domain >", true},
	};

	for (size_t i = 0; i < PP_COUNT(forms); i++)
		goes_in_and_out(forms[i].text, forms[i].same);
}

static void each_definition(void **state)
{
	PP_FREE char *path = NULL;
	struct dirent *entry;
	size_t seen = 0;

	assert_true(asprintf(&path, "%s/tests/domains", getenv("PCIPASS_SOURCE")) > 0);
	DIR *folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		PP_FREE char *text = NULL;
		size_t length, name = strlen(entry->d_name);

		if (name < 4 || strcmp(entry->d_name + name - 4, ".xml") != 0)
			continue;
		assert_int_equal(
			pp_file_read(dirfd(folder), entry->d_name, 1 << 20, &text, &length), 0);
		goes_in_and_out(text, strstr(text, "</devices>"));
		seen++;
	}
	closedir(folder);
	assert_true(seen > 20);
}

static void what_is_not_there_stays(void **state)
{
	struct pp_error error = {0};
	PP_FREE char *text = add(START "<devices></devices></domain>", 0x12);
	char *less = NULL;

	assert_int_equal(pp_domain_text_remove(text, strlen(text), &there, &less, &error), -ENOENT);
	assert_null(less);
	assert_int_equal(
		pp_domain_text_remove(START, strlen(START), &there, &less, &error), -EBADMSG);
	assert_int_equal(pp_domain_text_add("", 0, "<rng/>", &less, &error), -EBADMSG);
	assert_null(less);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form),
		cmocka_unit_test(each_definition),
		cmocka_unit_test(what_is_not_there_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
