/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition as a struct; the author's text; the limits of the reader. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/domain.h"
#include "lib/domain/element.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define START                                                                                      \
	"<domain type='kvm'><name>x</name><memory unit='MiB'>64</memory><os><type>hvm</type></os>"
#define DEVICES(text) START "<devices>" text "</devices></domain>"

static struct pp_domain *parse(const char *text)
{
	struct pp_domain *domain;
	struct pp_error error = {0};

	if (pp_domain_parse(text, strlen(text), "x.xml", &domain, &error) < 0)
		fail_msg("%s", error.text);
	return domain;
}

static void refuse_bytes(const char *text, size_t length, int code, const char *message)
{
	struct pp_domain *domain = NULL;
	struct pp_error error = {0};
	int r = pp_domain_parse(text, length, "x.xml", &domain, &error);

	if (r == 0)
		fail_msg("accepted, but should say: %s", message);
	assert_null(domain);
	assert_int_equal(r, -code);
	assert_int_equal(error.code, code);
	if (!strstr(error.text, message))
		fail_msg("\"%s\" does not say \"%s\"", error.text, message);
}

static void refuse(const char *text, const char *message)
{
	refuse_bytes(text, strlen(text), EINVAL, message);
}

static void defaults(void **state)
{
	struct pp_domain *domain = parse(START "</domain>");

	assert_string_equal(domain->name, "x");
	assert_null(domain->uuid);
	assert_int_equal(domain->type, PP_DOMAIN_KVM);
	assert_int_equal(domain->memory, 64 << 20);
	assert_int_equal(domain->current_memory, 64 << 20);
	assert_int_equal(domain->vcpus, 1);
	assert_false(domain->os.q35);
	assert_false(domain->features.acpi);
	assert_int_equal(domain->on_reboot, PP_LIFECYCLE_RESTART);
	assert_int_equal(domain->on_crash, PP_LIFECYCLE_DESTROY);
	assert_int_equal(domain->n_devices, 0);
	assert_int_equal(pp_domain_memlock(domain), 0);
	pp_domain_free(domain);
}

static void memory_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"<memory>65536</memory>", 64 << 20},
		{"<memory unit='b'>67108864</memory>", 64 << 20},
		{"<memory unit='bytes'>67108863</memory>", 64 << 20},
		{"<memory unit='k'>65536</memory>", 64 << 20},
		{"<memory unit='KB'>70000</memory>", 67 << 20},
		{"<memory unit='M'>64</memory>", 64 << 20},
		{"<memory unit='MiB'> 64 </memory>", 64 << 20},
		{"<memory unit='GiB'>2</memory>", UINT64_C(2) << 30},
		{"<memory unit='G' dumpCore='on'>2</memory>", UINT64_C(2) << 30},
		{"<memory unit='TiB'>1</memory>", UINT64_C(1) << 40},
	};

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct pp_domain *domain;

		pp_buffer_printf(&text,
			"<domain type='qemu'><name>x</name>%s<os><type>hvm</type></os></domain>",
			cases[i].text);
		domain = parse(text.data);
		assert_int_equal(domain->memory, cases[i].bytes);
		pp_domain_free(domain);
	}
}

static void host_devices(void **state)
{
	const struct pp_domain_device *device = NULL;
	struct pp_domain *domain = parse(DEVICES(
		"<!-- one -->\n<hostdev mode='subsystem' type='pci' managed='yes'><driver "
		"name='vfio' model='mlx5'/>"
		"<source><address domain='0x0001' bus='0x1a' slot='0x1f' function='0x7'/></source>"
		"<boot order='2'/><rom bar='off' file='/x.rom'/><alias name='ua-a'/>"
		"<address type='pci' bus='0' slot='5' multifunction='on'/></hostdev>\n"
		"<hostdev mode='subsystem' type='pci'>"
		"<source><address bus='26' slot='0' function='0'/></source></hostdev>"));

	device = pp_domain_next_hostdev(domain, device);
	assert_non_null(device);
	assert_int_equal(device->line, 2);
	assert_int_equal(device->hostdev.source.domain, 1);
	assert_int_equal(device->hostdev.source.bus, 0x1a);
	assert_int_equal(device->hostdev.source.slot, 0x1f);
	assert_int_equal(device->hostdev.source.function, 7);
	assert_true(device->hostdev.managed);
	assert_string_equal(device->hostdev.driver_model, "mlx5");
	assert_int_equal(device->boot_order, 2);
	assert_int_equal(device->rom_bar, PP_OFF);
	assert_string_equal(device->rom_file, "/x.rom");
	assert_string_equal(device->alias, "ua-a");
	assert_int_equal(device->place.type, PP_PLACE_PCI);
	assert_int_equal(device->place.slot, 5);
	device = pp_domain_next_hostdev(domain, device);
	assert_int_equal(device->line, 3);
	assert_int_equal(device->hostdev.source.bus, 26);
	assert_false(device->hostdev.managed);
	assert_int_equal(device->place.type, PP_PLACE_NONE);
	assert_null(pp_domain_next_hostdev(domain, device));
	assert_int_equal(pp_domain_memlock(domain), (64 << 20) + (UINT64_C(1) << 30));
	pp_domain_free(domain);
}

static void locked_memory(void **state)
{
	static const struct {
		const char *extra;
		uint64_t bytes;
	} cases[] = {
		{"<memtune><hard_limit unit='GiB'>3</hard_limit></memtune>", UINT64_C(3) << 30},
		{"<memoryBacking><locked/></memoryBacking>", UINT64_MAX},
	};

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct pp_domain *domain;

		pp_buffer_printf(&text, START "%s</domain>", cases[i].extra);
		domain = parse(text.data);
		assert_int_equal(pp_domain_memlock(domain), cases[i].bytes);
		pp_domain_free(domain);
	}
}

static void uuid_is_put_behind_the_name(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{"<domain type='kvm'>\n\t<!-- mine -->\n\t<name>x</name>  <!-- keep "
		 "-->\n\t<memory>65536</memory>\n"
		 "<os><type>hvm</type></os></domain>\n",
			"<domain type='kvm'>\n\t<!-- mine -->\n\t<name>x</name>\n\t<uuid>U</uuid>  "
			"<!-- keep -->\n"
			"\t<memory>65536</memory>\n<os><type>hvm</type></os></domain>\n"},
		{START "</domain>", "<domain type='kvm'><name>x</name><uuid>U</uuid><memory "
				    "unit='MiB'>64</memory>"
				    "<os><type>hvm</type></os></domain>"},
		{"<domain type='kvm'>\r\n  <name>\xc3\xbc</name>\r\n<memory>65536</memory>"
		 "<os><type>hvm</type></os></domain>",
			"<domain type='kvm'>\r\n  <name>\xc3\xbc</name>\r\n  <uuid>U</uuid>\r\n"
			"<memory>65536</memory><os><type>hvm</type></os></domain>"},
		{"\xef\xbb\xbf<domain type='kvm'>\n<name><![CDATA[x]]></name "
		 ">\n<memory>65536</memory>"
		 "<os><type>hvm</type></os></domain>",
			"\xef\xbb\xbf<domain type='kvm'>\n<name><![CDATA[x]]></name "
			">\n<uuid>U</uuid>\n"
			"<memory>65536</memory><os><type>hvm</type></os></domain>"},
	};

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct pp_domain *domain = parse(cases[i].text);
		char *text;
		size_t length;

		assert_int_equal(pp_domain_text_with_uuid(cases[i].text, strlen(cases[i].text),
					 domain, "U", &text, &length),
			0);
		assert_string_equal(text, cases[i].result);
		assert_int_equal(length, strlen(text));
		pp_domain_free(domain);
		free(text);
	}
}

static void uuid_is_found_again(void **state)
{
	static const char uuid[] = "0c6fd1b5-2a52-4b37-8cb8-1f0d6ab1c2f3";
	struct pp_domain *domain = parse(START "</domain>"), *again;
	char *text;
	size_t length;

	assert_int_equal(pp_domain_text_with_uuid(START "</domain>", strlen(START "</domain>"),
				 domain, uuid, &text, &length),
		0);
	again = parse(text);
	assert_string_equal(again->uuid, uuid);
	assert_int_equal(
		pp_domain_text_with_uuid(text, length, again, uuid, &text, &length), -EINVAL);
	pp_domain_free(again);
	pp_domain_free(domain);
	free(text);
}

static void uuids_are_written_in_any_way(void **state)
{
	static const char *const ways[] = {"0C6FD1B5-2A52-4B37-8CB8-1F0D6AB1C2F3",
		"0c6fd1b52a524b378cb81f0d6ab1c2f3", "  0c6fd1b5-2a52-4b37-8cb8-1f0d6ab1c2f3\n"};

	for (size_t i = 0; i < PP_COUNT(ways); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct pp_domain *domain;

		pp_buffer_printf(&text, START "<uuid>%s</uuid></domain>", ways[i]);
		domain = parse(text.data);
		assert_string_equal(domain->uuid, "0c6fd1b5-2a52-4b37-8cb8-1f0d6ab1c2f3");
		pp_domain_free(domain);
	}
	refuse(START "<uuid>00000000-0000-0000-0000-000000000000</uuid></domain>", "not a UUID");
	refuse(START "<uuid>0c6fd1b5-2a52-4b37-8cb8-1f0d6ab1c2f34</uuid></domain>", "not a UUID");
}

static char *repeated(
	const char *start, const char *middle, size_t count, const char *end, size_t *ret_length)
{
	struct pp_buffer text = PP_BUFFER_INIT;

	pp_buffer_puts(&text, start);
	for (size_t i = 0; i < count; i++)
		pp_buffer_puts(&text, middle);
	pp_buffer_puts(&text, end);
	*ret_length = text.length;
	return pp_buffer_take(&text);
}

static void limits(void **state)
{
	static const struct {
		const char *start, *middle;
		size_t count;
		const char *end;
		int code;
		const char *message;
	} cases[] = {
		{"<domain>", "<a>", 1000000, "", EFBIG, "nested more than 64 deep"},
		{START "<metadata>", "<a/>", 200000, "</metadata></domain>", EFBIG,
			"more than 100000 elements"},
		{START "<metadata a='", "0123456789abcdef", 5000, "'/></domain>", EFBIG,
			"attribute a of <metadata>"},
		{START "<description>", "0123456789abcdef", 70000, "</description></domain>", EFBIG,
			"longer than 1048576 bytes"},
		{START "<!--", "0123456789abcdef", 1200000, "--></domain>", EFBIG,
			"too large for a definition"},
		{START "<metadata ", "a", 40000, "='x'/></domain>", EFBIG, "a name of 40000 bytes"},
		{START "<metadata>&#x", "0", 100000, "41;</metadata></domain>", 0, NULL},
		{START "<devices>", "<input type='mouse' bus='ps2'/>", 4200, "</devices></domain>",
			EINVAL, "more than 4096 devices"},
		{"<domain type='kvm'><name>x</name><memory>65536</memory><os><type "
		 "machine='pc'>hvm</type></os>"
		 "<devices>",
			"<rng model='virtio'><backend model='builtin'/></rng>", 2040,
			"</devices></domain>", 0, NULL},
		{"", "<", 100000, "", EBADMSG, "not well-formed"},
		{"<domain>", "]]>", 100000, "", EBADMSG, "not well-formed"},
		{START "<metadata ", "xmlns:a='b' ", 60000, "/></domain>", EBADMSG,
			"not well-formed"},
	};

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		size_t length;
		char *text = repeated(
			cases[i].start, cases[i].middle, cases[i].count, cases[i].end, &length);

		if (cases[i].message)
			refuse_bytes(text, length, cases[i].code, cases[i].message);
		else
			pp_domain_free(parse(text));
		free(text);
	}
}

static void text_that_is_too_large(void **state)
{
	size_t length = PP_DOMAIN_MAX_SIZE + 1;
	char *text = malloc(length);

	memset(text, ' ', length);
	refuse_bytes(text, length, EFBIG, "16 MiB");
	free(text);
}

static void comments_and_metadata_are_the_authors(void **state)
{
	struct pp_domain *domain =
		parse("<?xml version='1.0' encoding='utf-8'?><!-- a --><?pi x?>" START
		      "<metadata><app:x xmlns:app='http://a/b' y='1'><z>&lt;&amp;</z><!-- c "
		      "--></app:x></metadata>"
		      "<title>a &#x41; b</title><description> two\nlines "
		      "</description></domain><!-- end -->");

	assert_string_equal(domain->title, "a A b");
	assert_string_equal(domain->description, "two\nlines");
	pp_domain_free(domain);
}

static void what_is_wrong_has_its_line(void **state)
{
	refuse("<domain "
	       "type='kvm'>\n\n<name>x</name>\n<memory>65536</memory>\n<os>\n<type>hvm</type>\n</"
	       "os>\n"
	       "<devices>\n<!-- \n -->\n<disk type='file'\n device='cd'/></devices></domain>",
		"x.xml:12: attribute device='cd' of <disk>");
	refuse(START "\n<features>\n<acip/></features></domain>",
		"x.xml:3: element <acip> in <features> is not "
		"understood by pcipass; did you mean <acpi>?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(memory_units),
		cmocka_unit_test(host_devices),
		cmocka_unit_test(locked_memory),
		cmocka_unit_test(uuid_is_put_behind_the_name),
		cmocka_unit_test(uuid_is_found_again),
		cmocka_unit_test(uuids_are_written_in_any_way),
		cmocka_unit_test(limits),
		cmocka_unit_test(text_that_is_too_large),
		cmocka_unit_test(comments_and_metadata_are_the_authors),
		cmocka_unit_test(what_is_wrong_has_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
