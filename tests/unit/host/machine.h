/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machines as text for the tests of lib/host. */
#ifndef TEST_HOST_MACHINE_H
#define TEST_HOST_MACHINE_H

#include "base/file.h"
#include "base/tree.h"
#include "lib/context.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A machine that was read. */
struct machine {
	struct pp_context context;
	struct pp_host *host;
};

/* The text of tests/hosts/NAME.host; free. */
static inline char *machine_text(const char *name, size_t *ret_length)
{
	char path[PP_PATH_MAX];
	char *text;
	const char *source = getenv("PCIPASS_SOURCE");
	pp_path(path, sizeof(path), "%s/tests/hosts/%s.host", source ? source : ".", name);
	if (pp_file_read(AT_FDCWD, path, 64 << 20, &text, ret_length) < 0)
		fail_msg("cannot read %s", path);
	return text;
}

static inline void machine_open_n(
	struct machine *machine, const char *text, size_t length, unsigned depth)
{
	struct pp_error error = {0};
	*machine = (struct machine){.context = {.read_only = true}};
	if (pp_tree_parse("test.host", text, length, &machine->context.tree, &error) < 0)
		fail_msg("%s", error.text);
	if (pp_host_read(&machine->context, depth, &machine->host, &error) < 0)
		fail_msg("%s", error.text);
}

static inline void machine_open(struct machine *machine, const char *text, unsigned depth)
{
	machine_open_n(machine, text, strlen(text), depth);
}

static inline void machine_close(struct machine *machine)
{
	pp_host_free(machine->host);
	pp_tree_free(machine->context.tree);
}

static inline const struct pp_device *machine_device(
	const struct machine *machine, const char *name)
{
	struct pp_address address;
	assert_int_equal(pp_address_parse(name, &address), 0);
	const struct pp_device *device = pp_host_device(machine->host, &address);
	if (!device)
		fail_msg("there is no %s", name);
	return device;
}

/* Lines of a device: its link, and its uevent without a driver. */
#define DEVICE_LINK(path, name)                                                                    \
	"/sys/bus/pci/devices/" name " -> ../../../devices/" path "/" name "\n"
#define UEVENT(path, driver, class, id, subsystem)                                                 \
	"/sys/devices/" path "/uevent = " driver                                                   \
	"PCI_CLASS=" class "\\nPCI_ID=" id "\\nPCI_SUBSYS_ID=" subsystem "\\nMODALIAS=pci:x\n"

#endif
