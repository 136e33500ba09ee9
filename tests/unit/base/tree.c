/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void text_machine(void **state)
{
	static const char text[] = "# a machine\n"
				   "/sys/devices/pci0000:00/0000:00:1a.7/vendor = 0x8086\n"
				   "/sys/devices/pci0000:00/0000:00:1a.7/config : 8680 6c3a\n"
				   "/sys/bus/pci/devices/0000:00:1a.7 -> "
				   "../../../devices/pci0000:00/0000:00:1a.7\n"
				   "/sys/kernel/iommu_groups/\n"
				   "/dev/kvm % c 10 232 0660 0 109\n"
				   "/x ! EACCES\n";
	struct pp_tree *tree;
	struct pp_error error;
	assert_int_equal(pp_tree_parse("t", text, sizeof(text) - 1, &tree, &error), 0);
	struct pp_arena *arena = pp_arena_new();
	char *line;
	assert_int_equal(
		pp_tree_line(tree, arena, "/sys/bus/pci/devices/0000:00:1a.7/vendor", &line), 0);
	assert_string_equal(line, "0x8086");
	unsigned char bytes[64];
	assert_int_equal(pp_tree_read_bytes(tree, "/sys/bus/pci/devices/0000:00:1a.7/config",
				 bytes, sizeof(bytes)),
		4);
	assert_int_equal(bytes[3], 0x3a);
	assert_int_equal(pp_tree_read_bytes(tree, "/x", bytes, sizeof(bytes)), -EACCES);
	char *real;
	assert_int_equal(pp_tree_real(tree, arena, "/sys/bus/pci/devices/0000:00:1a.7", &real), 0);
	assert_string_equal(real, "/sys/devices/pci0000:00/0000:00:1a.7");
	pp_arena_free(arena);
	pp_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(text_machine)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
