/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose virtual functions are whose: files of systemd, netplan, NetworkManager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "lib/context.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PF "0000:01:00.0"
#define DEVICE "/sys/devices/pci0000:00/" PF

static const char machine[] =
	"/sys/bus/pci/devices/" PF " -> ../../../devices/pci0000:00/" PF "\n" DEVICE
	"/vendor = 0x8086\n" DEVICE "/device = 0x1572\n" DEVICE "/class = 0x020000\n" DEVICE
	"/subsystem_vendor = 0x8086\n" DEVICE "/subsystem_device = 0x0001\n" DEVICE
	"/sriov_totalvfs = 64\n" DEVICE "/sriov_numvfs = 0\n" DEVICE
	"/driver -> ../../../bus/pci/drivers/i40e\n"
	"/sys/bus/pci/drivers/i40e/\n" DEVICE "/net/enp1s0f0np0/address = 3c:fd:fe:00:00:01\n";

static const struct {
	const char *path, *text; /* \\n for each end of line, as in a .host file */
	const char *tool;        /* NULL: it does not mean this device */
	unsigned line;
} cases[] = {
	{"/etc/systemd/network/10-pf.link",
		"[Match]\\nOriginalName=enp1s0*\\n\\n[Link]\\nSR-IOVVirtualFunctions=4\\n",
		"systemd", 5},
	{"/etc/systemd/network/10-pf.link",
		"[Match]\\nOriginalName=enp2s0*\\n[Link]\\nSR-IOVVirtualFunctions=4\\n", NULL, 0},
	{"/etc/systemd/network/10-pf.link",
		"[Match]\\nOriginalName=enp1s0*\\n[Link]\\nMTUBytes=9000\\n", NULL, 0},
	{"/etc/systemd/network/10-pf.link",
		"[Match]\\nPath=pci-" PF "\\n[SR-IOV]\\nVirtualFunction=0\\nTrust=yes\\n",
		"systemd", 4},
	{"/run/systemd/network/a.network",
		"# of the installer\\n[Match]\\nName=eth0 enp1s0f0np0\\n[SR-IOV]\\nVirtualFunction "
		"= 1\\n",
		"systemd", 5},
	{"/etc/systemd/network/a.network",
		"[Match]\\nName=!enp1s0f0np0\\n[SR-IOV]\\nVirtualFunction=1\\n", NULL, 0},
	{"/etc/systemd/network/a.network",
		"[Match]\\nName=enp1*\\nDriver=ixgbe\\n[SR-IOV]\\nVirtualFunction=1\\n", NULL, 0},
	{"/etc/systemd/network/a.network", "[SR-IOV]\\nVirtualFunction=1\\n", NULL, 0},
	{"/etc/NetworkManager/system-connections/pf.nmconnection",
		"[connection]\\nid=pf\\ninterface-name=enp1s0f0np0\\n[sriov]\\ntotal-vfs=8\\n",
		"NetworkManager", 5},
	{"/etc/NetworkManager/system-connections/pf.nmconnection",
		"[ethernet]\\nmac-address=3C:FD:FE:00:00:01\\n[sriov]\\ntotal-vfs=8\\n",
		"NetworkManager", 4},
	{"/etc/NetworkManager/system-connections/pf.nmconnection",
		"[ethernet]\\nmac-address=3C:FD:FE:00:00:02\\n[sriov]\\ntotal-vfs=8\\n", NULL, 0},
	{"/etc/sysconfig/network-scripts/ifcfg-pf", "DEVICE=\"enp1s0f0np0\"\\nSRIOV_TOTAL_VFS=2\\n",
		"NetworkManager", 2},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  version: 2\\n  ethernets:\\n    enp1s0f0np0:\\n      "
		"virtual-function-count: 4\\n",
		"netplan", 5},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  ethernets:\\n    other:\\n      virtual-function-count: 4\\n    "
		"enp1s0f0np0:\\n      dhcp4: true\\n",
		NULL, 0},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  ethernets:\\n    card:\\n      match:\\n        name: enp1s0f0*\\n   "
		"   "
		"virtual-function-count: 4\\n",
		"netplan", 6},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  ethernets:\\n    card:\\n      virtual-function-count: 4\\n      "
		"match:\\n        macaddress: \"3c:fd:fe:00:00:01\"\\n  vlans:\\n    v:\\n     "
		" id: 1\\n",
		"netplan", 4},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  ethernets:\\n    enp1s0f0np0: {}\\n    vf0:\\n      link: "
		"enp1s0f0np0\\n",
		"netplan", 5},
	{"/etc/netplan/50-pf.yaml",
		"network:\\n  vlans:\\n    enp1s0f0np0:\\n      virtual-function-count: 4\\n", NULL,
		0},
	{"/etc/netplan/50-pf.yaml", "ethernets:\\n:\\n  :\\n -\\n\\t:::", NULL, 0},
	{"/etc/systemd/network/bad.link", "[\\n=\\n[]\\n==\\nSR-IOVVirtualFunctions", NULL, 0},
};

static struct pp_host *read_with(
	const char *path, const char *text, struct pp_context **ret_context)
{
	char file[] = "/tmp/pcipass-test-XXXXXX";
	struct pp_host *host = NULL;
	struct pp_error error = {0};
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	dprintf(fd, "%s%s = %s\n", machine, path, text);
	close(fd);
	if (pp_context_open(file, ret_context, &error) < 0)
		fail_msg("%s", error.text);
	unlink(file);
	if (pp_host_read(*ret_context, PP_READ_CONFIG | PP_READ_SETTINGS, &host, &error) < 0)
		fail_msg("%s", error.text);
	return host;
}

static const struct pp_setting *owned(const struct pp_host *host)
{
	for (size_t i = 0; i < host->n_settings; i++)
		if (host->settings[i].kind == PP_SETTING_FUNCTIONS)
			return &host->settings[i];
	return NULL;
}

static void test_files(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pp_context *context = NULL;
		struct pp_host *host = read_with(cases[i].path, cases[i].text, &context);
		const struct pp_setting *setting = owned(host);
		if (!setting != !cases[i].tool)
			fail_msg("case %zu, %s: %s", i, cases[i].path,
				setting ? "owned" : "not owned");
		if (setting) {
			assert_string_equal(setting->tool, cases[i].tool);
			assert_string_equal(setting->name, PF);
			assert_string_equal(setting->file, cases[i].path);
			assert_int_equal(setting->line, cases[i].line);
		}
		pp_host_free(host);
		pp_context_close(context);
	}
}

/* They are named, and left alone. */
static void test_plan(void **state)
{
	struct pp_context *context = NULL;
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	struct pp_host *host = read_with(cases[0].path, cases[0].text, &context);
	assert_int_equal(
		pp_plan_setvfs(context, host, &host->devices[0], 2, &plan, &error), -EBUSY);
	assert_string_equal(error.id, "vfs-owned");
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	assert_non_null(strstr(error.text, "systemd"));
	assert_non_null(strstr(error.text, "10-pf.link, line 5: SR-IOVVirtualFunctions=4"));
	/* what is so already is nothing to be done */
	assert_int_equal(pp_plan_setvfs(context, host, &host->devices[0], 0, &plan, &error), 0);
	assert_int_equal(plan->n_steps, 0);
	pp_plan_free(plan);
	pp_host_free(host);
	pp_context_close(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_plan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
