/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small machine in a directory, for the model of the kernel: six functions, each alone or two in
 * a group, on drivers of their own, without one, and with an override that was there before. */
#ifndef TESTS_APPLY_MACHINE_H
#define TESTS_APPLY_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "lib/apply/apply.h"
#include "lib/apply/driver.h"
#include "lib/apply/journal.h"
#include "lib/context.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	const char *address, *driver, *override, *modalias;
	int group;
};
static const struct fixture fixtures[] = {
	{"0000:00:1a.0", "uhci_hcd", "", "pci:v00008086d00002937sv00001AF4sd00001100bc0Csc03i00",
		4},
	{"0000:00:1a.7", "ehci-pci", "", "pci:v00008086d00003A6Csv00001AF4sd00001100bc0Csc03i20",
		4},
	{"0000:00:1f.3", "", "", "pci:v00008086d00002930sv00001AF4sd00001100bc0Csc05i00", 7},
	{"0000:01:00.0", "nvme", "", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", 5},
	{"0000:02:00.0", "e1000e", "", "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00", 6},
	{"0000:03:00.0", "igb_uio", "igb_uio",
		"pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00", 8},
};
#define N_FIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))
enum { UHCI, EHCI, SMBUS, NVME, NIC, CUSTOM };

struct machine {
	char root[128];
	struct pp_context *context;
	struct pp_device devices[N_FIXTURES]; /* as the facts would say it, read by machine_look */
	struct pp_driver_state states[N_FIXTURES];
	struct pp_host host;
};

static inline void put(const struct machine *machine, const char *path, const char *text)
{
	char full[512], folder[512];
	snprintf(full, sizeof(full), "%s%s", machine->root, path);
	snprintf(folder, sizeof(folder), "%s", full);
	*strrchr(folder, '/') = '\0';
	FILE *file = fopen(full, "we");
	if (!file) {
		assert_int_equal(pp_file_mkdirs(AT_FDCWD, folder, 0755), 0);
		file = fopen(full, "we");
	}
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline void put_link(const struct machine *machine, const char *path, const char *target)
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", machine->root, path);
	unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

static inline void put_folder(const struct machine *machine, const char *path)
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", machine->root, path);
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, full, 0755), 0);
}

static inline void put_driver(const struct machine *machine, const char *driver, const char *rules)
{
	char path[256];
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", driver);
	put_folder(machine, path);
	snprintf(path, sizeof(path), "/model/drivers/%s", driver);
	if (rules)
		put(machine, path, rules);
}

static inline void put_device(const struct machine *machine, const struct fixture *fixture)
{
	char path[256], target[256], text[256];
	const char *d = fixture->address;
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/driver_override", d);
	snprintf(text, sizeof(text), "%s\n", fixture->override[0] ? fixture->override : "(null)");
	put(machine, path, text);
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/modalias", d);
	snprintf(text, sizeof(text), "%s\n", fixture->modalias);
	put(machine, path, text);
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/iommu_group", d);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", fixture->group);
	put_link(machine, path, target);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", d);
	snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s", d);
	put_link(machine, path, target);
	if (!fixture->driver[0])
		return;
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/driver", d);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", fixture->driver);
	put_link(machine, path, target);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", fixture->driver, d);
	snprintf(target, sizeof(target), "../../../../devices/pci0000:00/%s", d);
	put_link(machine, path, target);
}

static inline void machine_remove(const struct machine *machine, const char *path)
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", machine->root, path);
	int r = pp_file_remove_tree(AT_FDCWD, full);
	assert_true(r == 0 || r == -ENOENT);
}

static inline void machine_build(struct machine *machine)
{
	char path[256];
	put_folder(machine, "/sys/bus/pci/devices");
	put_driver(machine, "uhci_hcd", "match pci:v*d*sv*sd*bc0Csc03i00*\n");
	put_driver(machine, "ehci-pci", "match pci:v*d*sv*sd*bc0Csc03i20*\n");
	put_driver(machine, "nvme", "match pci:v*d*sv*sd*bc01sc08i02*\n");
	put_driver(machine, "e1000e", "match pci:v00008086d000010D3sv*\n");
	put_driver(machine, "igb_uio", "");
	put_driver(machine, "pci-stub", NULL);
	put(machine, "/model/drivers/vfio-pci", "");
	for (size_t i = 0; i < N_FIXTURES; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d", fixtures[i].group);
		put_folder(machine, path);
		put_device(machine, &fixtures[i]);
	}
}

/* Back to the first state of all devices, no journals, and vfio-pci not loaded. */
static inline void machine_reset(struct machine *machine)
{
	char path[512];
	machine_remove(machine, "/run");
	snprintf(path, sizeof(path), "%s/var/lib/pcipass/last-change", machine->root);
	unlink(path);
	for (size_t i = 0; i < N_FIXTURES; i++) {
		struct pp_driver_state now = {0};
		pp_driver_read(machine->context, fixtures[i].address, &now);
		snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s/%s", machine->root,
			now.driver, fixtures[i].address);
		if (now.driver[0])
			unlink(path);
		snprintf(path, sizeof(path), "%s/sys/devices/pci0000:00/%s/driver", machine->root,
			fixtures[i].address);
		unlink(path);
		put_device(machine, &fixtures[i]);
	}
	machine_remove(machine, "/sys/bus/pci/drivers/vfio-pci");
}

/* Reads the facts that plans are made from. */
static inline void machine_look(struct machine *machine)
{
	for (size_t i = 0; i < N_FIXTURES; i++) {
		struct pp_device *device = &machine->devices[i];
		struct pp_driver_state *state = &machine->states[i];
		*device =
			(struct pp_device){.name = fixtures[i].address, .group = fixtures[i].group};
		assert_int_equal(pp_address_parse(fixtures[i].address, &device->address), 0);
		memset(state, 0, sizeof(*state));
		if (pp_driver_read(machine->context, fixtures[i].address, state) < 0)
			device->flags = PP_DEVICE_VANISHED;
		device->driver = state->driver[0] ? state->driver : NULL;
		device->driver_override = state->override[0] ? state->override : NULL;
	}
	machine->host = (struct pp_host){.devices = machine->devices, .n_devices = N_FIXTURES};
}

static inline void machine_open(struct machine *machine)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(machine->root, sizeof(machine->root), "%s/pcipass-test-XXXXXX", base);
	assert_non_null(mkdtemp(machine->root));
	machine_build(machine);
	assert_int_equal(pp_context_open(machine->root, &machine->context, NULL), 0);
	machine_look(machine);
}

static inline void machine_close(struct machine *machine)
{
	pp_context_close(machine->context);
	pp_file_remove_tree(AT_FDCWD, machine->root);
}

/* All drivers and overrides in one line, to be compared. */
static inline void machine_text(const struct machine *machine, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < N_FIXTURES; i++) {
		struct pp_driver_state state = {.driver = "gone"};
		pp_driver_read(machine->context, fixtures[i].address, &state);
		used += (size_t)snprintf(text + used, size - used, "%s=%s,%s ",
			fixtures[i].address + 5, state.driver, state.override);
	}
}

static inline int take_devices(const struct machine *machine, const char *which,
	const struct pp_device *devices[N_FIXTURES])
{
	int n = 0;
	for (const char *c = which; *c; c++)
		devices[n++] = &machine->devices[*c - '0'];
	return n;
}

/* WHICH: digits, numbers of fixtures. */
static inline struct pp_plan *plan_detach(
	struct machine *machine, const char *which, const char *driver, const char *guest)
{
	const struct pp_device *devices[N_FIXTURES];
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	machine_look(machine);
	size_t n = (size_t)take_devices(machine, which, devices);
	if (pp_plan_detach(&machine->host, devices, n, driver, &plan, &error) < 0)
		fail_msg("%s", error.text);
	if (!guest)
		return plan;
	assert_int_equal(pp_plan_name(plan, "start", guest, &error), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pp_plan_claim(plan, devices[i], &error), 0);
	return plan;
}

static inline struct pp_plan *plan_reattach(struct machine *machine, const char *which)
{
	const struct pp_device *devices[N_FIXTURES];
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	machine_look(machine);
	size_t n = (size_t)take_devices(machine, which, devices);
	if (pp_plan_reattach(machine->context, &machine->host, devices, n, &plan, &error) < 0)
		fail_msg("%s", error.text);
	return plan;
}

/* Applies and frees. */
static inline int machine_apply(
	struct machine *machine, struct pp_plan *plan, struct pp_error *error)
{
	bool changed;
	int r = pp_apply(machine->context, plan, NULL, &changed, error);
	pp_plan_free(plan);
	return r < 0 ? r : changed;
}

static inline const char *owner_of(struct machine *machine, int device)
{
	static char owner[128];
	struct pp_address address;
	assert_int_equal(pp_address_parse(fixtures[device].address, &address), 0);
	assert_int_equal(
		pp_device_owner(machine->context, &address, owner, sizeof(owner), NULL, NULL), 0);
	return owner;
}

static inline size_t count_journals(struct machine *machine)
{
	struct pp_journals *journals = NULL;
	assert_int_equal(pp_journals_load(machine->context, &journals, NULL), 0);
	size_t n = journals->n_items;
	pp_journals_free(journals);
	return n;
}

static inline size_t count_unfinished(struct machine *machine, const struct pp_guest_judge *judge)
{
	struct pp_unfinished_list *list = NULL;
	assert_int_equal(pp_journal_unfinished(machine->context, judge, &list, NULL), 0);
	size_t n = list->n_items;
	pp_unfinished_free(list);
	return n;
}

/* For cmocka: a machine of its own for each test. */
static inline void machine_expect(
	struct machine *machine, int device, const char *driver, const char *override)
{
	struct pp_driver_state now;
	assert_int_equal(pp_driver_read(machine->context, fixtures[device].address, &now), 0);
	assert_string_equal(now.driver, driver);
	assert_string_equal(now.override, override);
}

static inline void machine_expect_first(struct machine *machine)
{
	for (size_t i = 0; i < N_FIXTURES; i++)
		machine_expect(machine, (int)i, fixtures[i].driver, fixtures[i].override);
}

static inline void expect_word(const char *text, const char *word)
{
	if (!text || !strstr(text, word))
		fail_msg("\"%s\" is not in: %s", word, text ? text : "(nothing)");
}

static inline int machine_recover(struct machine *machine, struct pp_error *error)
{
	bool changed = false;
	struct pp_apply_options options = {.deadline_ms = 300};
	int r = pp_recover(machine->context, &options, &changed, error);
	return r < 0 ? r : changed;
}

static inline void machine_hold(struct machine *machine, const char *target)
{
	put(machine, "/proc/4242/comm", "qemu-system-x86\n");
	put_folder(machine, "/proc/4242/fd");
	put_link(machine, "/proc/4242/fd/23", target);
}

static inline int machine_setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	machine_open(machine);
	*state = machine;
	return 0;
}

static inline int machine_teardown(void **state)
{
	machine_close(*state);
	free(*state);
	return 0;
}

#endif
