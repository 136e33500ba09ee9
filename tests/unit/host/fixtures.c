/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machines of tests/hosts: what they are, and that nothing of them can be broken so that
 * reading crashes, hangs or forgets what is not broken. */
#include "machine.h"
#include "base/parse.h"
#include "print.h"

static const char *const names[] = {
	"desktop", "laptop", "server", "lab-intel", "lab-amd", "lab-no-iommu"};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void open_machine(struct machine *machine, const char *name)
{
	size_t length;
	char *text = machine_text(name, &length);
	machine_open_n(machine, text, length, PP_READ_ALL);
	free(text);
}

static size_t blocking_uses(const struct machine *machine, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < machine->host->n_uses; i++)
		count += machine->host->uses[i].blocking &&
			 strcmp(machine->host->uses[i].device->name, name) == 0;
	return count;
}

static const struct pp_use *find_use(
	const struct machine *machine, const char *device, enum pp_use_kind kind)
{
	for (size_t i = 0; i < machine->host->n_uses; i++)
		if (machine->host->uses[i].kind == kind &&
			strcmp(machine->host->uses[i].device->name, device) == 0)
			return &machine->host->uses[i];
	fail_msg("%s has no use of kind %d", device, kind);
	return NULL;
}

static void desktop(void **state)
{
	struct machine machine;
	open_machine(&machine, "desktop");
	assert_int_equal(machine.host->n_devices, 14);
	assert_int_equal(machine.host->iommu->cpu, PP_VENDOR_AMD);
	assert_int_equal(machine.host->iommu->interrupt_remapping, 1);
	const struct pp_device *gpu = machine_device(&machine, "01:00.0");
	assert_string_equal(gpu->product_name, "GA104 [GeForce RTX 3070]");
	assert_true(gpu->flags & PP_DEVICE_BOOT_VGA);
	assert_true(gpu->multifunction);
	assert_string_equal(pp_bar_kind(&gpu->bars[1]), "mem64 pref");
	assert_true(gpu->bars[1].size == 256 << 20);
	assert_string_equal(gpu->health->framebuffer, "BOOTFB");
	assert_true(gpu->health->rebars[1].sizes == 0x3fc0);
	assert_int_equal(gpu->health->rebars[1].current, 8);
	assert_int_equal(pp_host_group(machine.host, 20)->n_devices, 2);
	assert_string_equal(
		find_use(&machine, "0000:01:00.0", PP_USE_DISPLAY)->name, "gnome-shell");
	assert_string_equal(
		find_use(&machine, "0000:02:00.1", PP_USE_VFIO)->name, "qemu-system-x86");
	assert_string_equal(find_use(&machine, "0000:03:00.0", PP_USE_HOLDER)->name, "luks-root");
	assert_true(find_use(&machine, "0000:05:00.3", PP_USE_INPUT)->blocking);
	assert_int_equal(blocking_uses(&machine, "0000:05:00.4"), 3); /* btrfs twice, swap */
	assert_string_equal(find_use(&machine, "0000:04:00.0", PP_USE_BRIDGE_PORT)->name, "enp4s0");
	machine_close(&machine);
}

static void laptop(void **state)
{
	struct machine machine;
	open_machine(&machine, "laptop");
	assert_int_equal(machine.host->n_groups, 0);
	assert_null(machine.host->iommu->table);
	assert_int_equal(machine.host->iommu->n_units, 0);
	const struct pp_device *box = machine_device(&machine, "02:00.0");
	assert_int_equal(box->flags, PP_DEVICE_CONFIG_DEAD | PP_DEVICE_REMOVABLE);
	assert_int_equal(box->header, PP_HEADER_UNKNOWN);
	assert_int_equal(box->revision, 0xa1);
	assert_string_equal(box->power_state, "D3cold");
	const struct pp_device *igd = machine_device(&machine, "00:02.0");
	assert_int_equal(igd->capabilities.express_type, 9);
	assert_false(igd->capabilities.link);
	assert_true(find_use(&machine, "0000:00:14.3", PP_USE_ROUTE)->blocking);
	machine_close(&machine);
}

static void server(void **state)
{
	struct machine machine;
	open_machine(&machine, "server");
	const struct pp_iommu *iommu = machine.host->iommu;
	assert_string_equal(iommu->table, "DMAR");
	assert_null(iommu->table_fault);
	assert_int_equal(iommu->n_units, 2);
	assert_int_equal(iommu->address_width, 48);
	assert_int_equal(iommu->n_regions, 1);
	assert_int_equal(iommu->regions[0].n_devices, 1);
	assert_string_equal(iommu->regions[0].devices[0]->name, "0000:01:00.0");
	assert_string_equal(pp_host_group(machine.host, 2)->regions[0].type, "direct");
	const struct pp_device *card = machine_device(&machine, "af:00.0");
	assert_int_equal(card->sriov_total, 8);
	assert_int_equal(card->sriov_count, 4);
	assert_int_equal(card->n_virtual_functions, 4);
	assert_true(card->health->vf_bars[0].size == 16 << 20);
	assert_true(card->capabilities.serial == 0x0c42a10300aabbcc);
	assert_int_equal(card->numa_node, 1);
	const struct pp_device *function = machine_device(&machine, "af:00.2");
	assert_ptr_equal(function->physical_function, card);
	assert_false(function->flags & PP_DEVICE_CONFIG_DEAD);
	assert_string_equal(function->vfio_module, "mlx5_vfio_pci");
	assert_string_equal(
		find_use(&machine, "0000:af:00.0", PP_USE_VIRTUAL_FUNCTIONS)->name, "0000:af:00.2");
	assert_string_equal(find_use(&machine, "0000:af:00.0", PP_USE_SESSION)->text,
		"ens1np0 carries your own session from 192.0.2.99");
	assert_string_equal(find_use(&machine, "0000:3e:00.0", PP_USE_HOLDER)->name, "nvme1n1");
	assert_int_equal(blocking_uses(&machine, "0000:3d:00.0"), 0);
	const struct pp_device *below = machine_device(&machine, "3d:00.0");
	assert_string_equal(below->parent->parent->parent->name, "0000:3a:00.0");
	assert_int_equal(below->parent->capabilities.express_type, 6);
	assert_int_not_equal(below->parent->capabilities.acs, 0);
	assert_int_equal(below->parent->parent->capabilities.acs, 0);
	assert_int_equal(machine.host->memory->n_nodes, 2);
	assert_true(machine.host->memory->zfs_cache == 8ULL << 30);
	machine_close(&machine);
}

static void check_lab(const char *name, const char *table, int remapping, size_t groups)
{
	struct machine machine;
	open_machine(&machine, name);
	if (table)
		assert_string_equal(machine.host->iommu->table, table);
	else
		assert_null(machine.host->iommu->table);
	assert_null(machine.host->iommu->table_fault);
	assert_int_equal(machine.host->iommu->interrupt_remapping, remapping);
	assert_int_equal(machine.host->n_groups, groups);
	const struct pp_device *ehci = machine_device(&machine, "00:1a.7");
	assert_string_equal(ehci->driver, "ehci-pci");
	assert_string_equal(ehci->product_name, "82801I (ICH9 Family) USB2 EHCI Controller #2");
	assert_int_equal(blocking_uses(&machine, "0000:00:1a.7"), 0);
	machine_close(&machine);
}

static void lab(void **state)
{
	check_lab("lab-intel", "DMAR", 1, 10);
	check_lab("lab-amd", "IVRS", 1, 8);
	check_lab("lab-no-iommu", NULL, 0, 0);
}

/* ---- broken ones ---- */

/* Reads everything of a text that may be no machine any more; its facts must hold together. */
static void try_reading(const char *text, size_t length)
{
	struct pp_context context = {.read_only = true};
	struct pp_error error = {0};
	struct pp_host *host;
	if (pp_tree_parse("broken.host", text, length, &context.tree, &error) < 0) {
		assert_int_not_equal(error.text[0], 0);
		return;
	}
	if (pp_host_read(&context, PP_READ_ALL, &host, &error) < 0) {
		assert_int_not_equal(error.text[0], 0);
		assert_int_not_equal(error.code, ENOMEM);
	} else {
		PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
		print_host(&out, host); /* touches everything */
		for (size_t i = 0; i + 1 < host->n_devices; i++)
			assert_int_equal(pp_address_compare(&host->devices[i].address,
						 &host->devices[i + 1].address),
				-1);
		pp_host_free(host);
	}
	pp_tree_free(context.tree);
}

/* Every line is the last one, with and without its newline, for the larger ones every few lines. */
static void cut_short(void **state)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		size_t length, lines = 0;
		char *text = machine_text(names[i], &length);
		size_t step = length > 60000 ? 5 : 1;
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			if (lines++ % step == 0)
				try_reading(text, (size_t)(at - text) + lines % 2);
		free(text);
	}
}

/* One line says something else. */
static void each_line_changed(void **state)
{
	static const char *const values[] = {" = \n", " = 99999999999999999999999999\n",
		" = -1\\n-1\\n\\x00\\xff\\n====\\n:::\\n[[]]\n", " ! EACCES\n", " -> /\n",
		" -> ..\n", "/\n", " : ff\n",
		" = 0x 0x 0x\\n 0x\\n00000000-ffffffff : BOOTFB\\n\n"};
	for (size_t i = 0; i < N_NAMES; i++) {
		size_t length, n = 0;
		char *text = machine_text(names[i], &length);
		char *changed = malloc(length + 256);
		size_t step = length > 60000 ? 3 : 1;
		for (char *line = text, *next; line < text + length; line = next, n++) {
			next = strchr(line, '\n') + 1;
			const char *blank = memchr(line, ' ', (size_t)(next - line));
			if (*line != '/' || !blank || n % step)
				continue;
			const char *value =
				values[(n / step) % (sizeof(values) / sizeof(values[0]))];
			size_t head = (size_t)(blank - text), size = strlen(value);
			memcpy(changed, text, head);
			memcpy(changed + head, value, size);
			memcpy(changed + head + size, next, (size_t)(text + length - next));
			try_reading(changed, head + size + (size_t)(text + length - next));
		}
		free(changed);
		free(text);
	}
}

/* Bytes anywhere. */
static void random_bytes(void **state)
{
	uint32_t seed = 3;
	for (size_t i = 0; i < 3; i++) {
		size_t length;
		char *text = machine_text(names[i], &length);
		char *changed = malloc(length);
		for (int n = 0; n < 150; n++) {
			memcpy(changed, text, length);
			for (int k = 0; k < 40; k++) {
				seed = seed * 1664525 + 1013904223;
				size_t at = (seed >> 4) % length;
				/* the grammar stays whole, so that what is behind it is reached */
				if (!strchr("\n /\\", changed[at]))
					changed[at] = "0f9x-:.\n"[(seed >> 28) % 7];
			}
			try_reading(changed, length);
		}
		free(changed);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(desktop),
		cmocka_unit_test(laptop),
		cmocka_unit_test(server),
		cmocka_unit_test(lab),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(each_line_changed),
		cmocka_unit_test(random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
