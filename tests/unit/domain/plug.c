/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a device goes that comes into a guest while it runs, and what can leave it again. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/plug.h"
#include "lib/domain/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PORT(index) "<controller type='pci' index='" #index "' model='pcie-root-port'/>"
#define BRIDGE                                                                                     \
	"<controller type='pci' index='9' model='pcie-to-pci-bridge'><address type='pci' bus='1' " \
	"slot='0'/></controller>"
#define PORTS PORT(1) PORT(2) PORT(3) PORT(4) PORT(5) PORT(6) PORT(7) PORT(8)
#define NOTHING "<memballoon model='none'/><controller type='usb' model='none'/>"
#define HOSTDEV(bus, slot, function, more)                                                         \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='" bus \
	"' slot='" slot "' function='" function "'/></source>" more "</hostdev>"
#define AT(bus, slot, function)                                                                    \
	"<address type='pci' bus='" bus "' slot='" slot "' function='" function "'/>"

struct plug {
	struct pp_domain *live, *assigned;
	struct pp_domain *alone[4];
	struct pp_error error;
	char *text;
};

static void plug_done(struct plug *plug)
{
	pp_domain_free(plug->assigned);
	pp_domain_free(plug->live);
	for (size_t i = 0; i < PP_COUNT(plug->alone); i++)
		pp_domain_free(plug->alone[i]);
	free(plug->text);
}

/* A guest as it runs. */
static void start(struct plug *plug, const char *machine, const char *features, const char *devices)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	*plug = (struct plug){0};
	pp_buffer_printf(&text,
		"<domain type='kvm'><name>g</name><memory>65536</memory><os><type "
		"machine='%s'>hvm</type></os><features>%s</features><devices>%s</devices></domain>",
		machine, features, devices);
	if (pp_domain_parse(text.data, text.length, "g.xml", &domain, &plug->error) < 0 ||
		pp_domain_assign(domain, NULL, 0, "g.xml", &assigned, &plug->error) < 0 ||
		pp_domain_text_live(text.data, text.length, assigned, &plug->text, &plug->error) <
			0 ||
		pp_domain_parse_live(
			plug->text, strlen(plug->text), "g.xml", &plug->live, &plug->error) < 0)
		fail_msg("%s", plug->error.text);
}

/* Conventional those on bus 0 of the host, others Express. */
static int come(struct plug *plug, const char *const *devices)
{
	struct pp_domain_device list[4];
	struct pp_hostdev_fact facts[4];
	size_t count = 0;

	for (; devices[count]; count++) {
		int r = pp_domain_text_device(devices[count], strlen(devices[count]), "d.xml",
			plug->live, &plug->alone[count], &plug->error);
		if (r < 0)
			return r;
		list[count] = plug->alone[count]->devices[0];
		facts[count] = (struct pp_hostdev_fact){.address = list[count].hostdev.source,
			.express = list[count].hostdev.source.bus != 0};
	}
	return pp_domain_plug(
		plug->live, list, count, facts, count, "d.xml", &plug->assigned, &plug->error);
}

/* "1:0.0 hostdev0 multi, ..." of what came */
static void goes(struct plug *plug, const char *const *devices, const char *expected)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	if (come(plug, devices) < 0)
		fail_msg("%s", plug->error.text);
	for (size_t i = plug->live->n_devices; i < plug->assigned->n_devices; i++) {
		const struct pp_domain_device *device = &plug->assigned->devices[i];
		pp_buffer_printf(&text, "%s%u:%x.%x %s%s", text.length ? ", " : "",
			device->place.bus, device->place.slot, device->place.function,
			device->alias, device->place.multifunction == PP_ON ? " multi" : "");
	}
	assert_string_equal(pp_buffer_text(&text), expected);
	plug_done(plug);
}

static void refuses(struct plug *plug, const char *const *devices, const char *why)
{
	assert_true(come(plug, devices) < 0);
	if (!strstr(plug->error.text, why))
		fail_msg("'%s' is not in '%s'", why, plug->error.text);
	assert_null(plug->assigned);
	plug_done(plug);
}

static const char *const express[] = {HOSTDEV("1", "0", "0", ""), NULL};
static const char *const conventional[] = {HOSTDEV("0", "26", "7", ""), NULL};
static const char *const pair[] = {HOSTDEV("0", "26", "0", ""), HOSTDEV("0", "26", "7", ""), NULL};

static void an_express_device_takes_a_spare_port(void **state)
{
	struct plug plug;

	start(&plug, "q35", "<acpi/>", PORTS NOTHING);
	goes(&plug, express, "1:0.0 hostdev0");
	/* A cold device keeps its port, and its name. */
	start(&plug, "q35", "<acpi/>", PORTS NOTHING HOSTDEV("2", "0", "0", ""));
	goes(&plug, express, "2:0.0 hostdev1");
	start(&plug, "q35", "<acpi/>",
		NOTHING "<controller type='pci' index='1' "
			"model='pcie-root-port'><target hotplug='off'/></controller>" PORT(2));
	goes(&plug, express, "2:0.0 hostdev0");
}

static void two_cards_take_two_ports(void **state)
{
	static const char *const cards[] = {HOSTDEV("1", "0", "1", ""), HOSTDEV("1", "0", "0", ""),
		HOSTDEV("3", "0", "0", ""), NULL};
	struct plug plug;

	start(&plug, "q35", "<acpi/>", PORTS NOTHING);
	goes(&plug, cards, "1:0.1 hostdev0, 1:0.0 hostdev1 multi, 2:0.0 hostdev2");
}

static void conventional_ones_go_behind_a_bridge(void **state)
{
	static const char *const lone[] = {HOSTDEV("0", "26", "3", ""), NULL};
	struct plug plug;

	start(&plug, "q35", "<acpi/>", PORTS BRIDGE NOTHING);
	goes(&plug, pair, "9:1.0 hostdev0 multi, 9:1.7 hostdev1");
	/* Without the function 0 of its slot it becomes that itself. */
	start(&plug, "q35", "<acpi/>", PORTS BRIDGE NOTHING);
	goes(&plug, lone, "9:1.0 hostdev0");
	start(&plug, "pc", "<acpi/>", NOTHING);
	goes(&plug, pair, "0:2.0 hostdev0 multi, 0:2.7 hostdev1");
	/* There all are conventional. */
	start(&plug, "pc", "<acpi/>", NOTHING);
	goes(&plug, express, "0:2.0 hostdev0");
}

static void where_no_place_is_left_it_says_what_to_add(void **state)
{
	struct plug plug;

	start(&plug, "q35", "<acpi/>", PORT(1) NOTHING HOSTDEV("2", "0", "0", ""));
	refuses(&plug, express,
		"no place is left in the guest for 0000:01:00.0 (PCI Express) while it runs: each "
		"root port has a device: a <controller type='pci' model='pcie-root-port'/> more");
	start(&plug, "q35", "<acpi/>", NOTHING);
	refuses(&plug, express, "it has no root port that takes one");
	start(&plug, "q35", "<acpi/>", PORT(1) NOTHING);
	refuses(&plug, conventional,
		"0000:00:1a.7 (conventional PCI) while it runs: it has no conventional bus that "
		"takes one: a <controller type='pci' model='pcie-to-pci-bridge'/>");
	start(&plug, "pc", "", NOTHING);
	refuses(&plug, express, "it has no ACPI, without which nothing tells it");
}

static void an_address_of_the_authors_is_kept_or_refused(void **state)
{
	static const char *const third[] = {HOSTDEV("1", "0", "0", AT("3", "0", "0")), NULL};
	static const char *const root[] = {HOSTDEV("1", "0", "0", AT("0", "9", "0")), NULL};
	static const char *const later[] = {HOSTDEV("1", "0", "0", AT("2", "0", "0")), NULL};
	static const char *const nowhere[] = {HOSTDEV("1", "0", "0", AT("40", "0", "0")), NULL};
	static const char *const headless[] = {HOSTDEV("1", "0", "0", AT("3", "0", "4")), NULL};
	static const char *const twice[] = {HOSTDEV("1", "0", "0", AT("3", "0", "0")),
		HOSTDEV("4", "0", "0", AT("3", "0", "0")), NULL};
	static const char *const own[] = {HOSTDEV("1", "0", "0", "<alias name='ua-disk'/>"), NULL};
	struct plug plug;
	const char *devices = PORTS NOTHING HOSTDEV("2", "0", "0", AT("2", "0", "0"));

	start(&plug, "q35", "<acpi/>", devices);
	goes(&plug, third, "3:0.0 hostdev1");
	start(&plug, "q35", "<acpi/>", devices);
	goes(&plug, own, "1:0.0 ua-disk");
	start(&plug, "q35", "<acpi/>", devices);
	refuses(&plug, root,
		"d.xml:1: the guest's bus 0x00 (pcie-root) takes no device while the guest runs");
	start(&plug, "q35", "<acpi/>", devices);
	refuses(&plug, later, "d.xml:1: slot 0x00 of the guest's bus 0x02 has a device already");
	start(&plug, "q35", "<acpi/>", devices);
	refuses(&plug, nowhere, "d.xml:1: the guest has no PCI bus 0x28");
	start(&plug, "q35", "<acpi/>", devices);
	refuses(&plug, headless, "no function 0x0");
	start(&plug, "q35", "<acpi/>", devices);
	refuses(&plug, twice, "03:00.0 is taken already");
}

static void other_devices_are_refused(void **state)
{
	static const char *const rng[] = {
		"<rng model='virtio'><backend model='builtin'/></rng>", NULL};
	static const char *const hidden[] = {
		HOSTDEV("1", "0", "0", "<address type='unassigned'/>"), NULL};
	struct plug plug;

	start(&plug, "q35", "<acpi/>", PORTS NOTHING);
	refuses(&plug, rng, "d.xml:1: a <rng> cannot be plugged into a guest that runs");
	start(&plug, "q35", "<acpi/>", PORTS NOTHING);
	refuses(&plug, hidden, "<address type='unassigned'/>) cannot be plugged");
}

/* ---- out again ---- */

static void leaves(struct plug *plug, unsigned bus, unsigned slot, unsigned function,
	const char *first, size_t count, const char *why)
{
	const struct pp_address address = {.bus = bus, .slot = slot, .function = function};
	const struct pp_domain_device *found = NULL, *also[8];
	size_t n = 0;

	int r = pp_domain_unplug(plug->live, &address, &found, also, &n, &plug->error);
	if (first) {
		if (r < 0)
			fail_msg("%s", plug->error.text);
		assert_string_equal(found->alias, first);
		assert_int_equal(n, count);
	} else {
		assert_true(r < 0);
		if (!strstr(plug->error.text, why))
			fail_msg("'%s' is not in '%s'", why, plug->error.text);
	}
	plug_done(plug);
}

static void a_slot_leaves_whole(void **state)
{
	const struct pp_address nobody = {.bus = 7};
	const struct pp_domain_device *found, *also[8];
	struct plug plug;
	size_t n;

	start(&plug, "q35", "<acpi/>",
		PORTS NOTHING HOSTDEV("2", "0", "1", "") HOSTDEV("2", "0", "0", ""));
	assert_int_equal(
		pp_domain_unplug(plug.live, &nobody, &found, also, &n, &plug.error), -ENOENT);
	leaves(&plug, 2, 0, 1, "hostdev1", 2, NULL);
	start(&plug, "q35", "<acpi/>", PORTS NOTHING HOSTDEV("2", "0", "0", AT("0", "9", "0")));
	leaves(&plug, 2, 0, 0, NULL, 0, "it sits on the guest's bus 0x00 (pcie-root)");
	start(&plug, "pc", "", NOTHING HOSTDEV("2", "0", "0", ""));
	leaves(&plug, 2, 0, 0, NULL, 0, "from which nothing can be taken");
	start(&plug, "q35", "<acpi/>",
		PORTS NOTHING HOSTDEV("2", "0", "0",
			AT("2", "0", "1")) "<rng model='virtio'><backend model='builtin'/>" AT("2",
			"0", "0") "</rng>");
	leaves(&plug, 2, 0, 0, NULL, 0, "the <rng> rng0 is in its slot, and would go too");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_express_device_takes_a_spare_port),
		cmocka_unit_test(two_cards_take_two_ports),
		cmocka_unit_test(conventional_ones_go_behind_a_bridge),
		cmocka_unit_test(where_no_place_is_left_it_says_what_to_add),
		cmocka_unit_test(an_address_of_the_authors_is_kept_or_refused),
		cmocka_unit_test(other_devices_are_refused),
		cmocka_unit_test(a_slot_leaves_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
