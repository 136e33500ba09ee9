/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Security modules: SELinux's switches for guests with devices, AppArmor's rules for their files.
 */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <string.h>

#define BOOLEANS "/sys/fs/selinux/booleans/"

/* What the policies of their time have for it; a policy has some of them. */
static const char *const booleans[] = {"virt_use_vfio", "virt_use_sysfs", "virt_manage_sysfs"};

static void say_off(struct pp_maker *maker, const char *name, const char *state, bool can_do)
{
	struct pp_finding *finding = pp_maker_find(maker, PP_WARN, "selinux-boolean",
		pp_maker_printf(maker,
			"SELinux keeps libvirt's guests from their devices: %s is off%s", name,
			can_do ? "" : ", and setsebool is not installed"),
		pp_maker_printf(maker, BOOLEANS "%s: %.3s", name, state),
		can_do ? NULL
		       : pp_maker_printf(
				 maker, "install policycoreutils, then: setsebool -P %s on", name));
	finding->can_do = can_do;
}

/* All of them at once: each run compiles the policy anew. */
static void set_booleans(struct pp_maker *maker, const char *tool, const char *const *names)
{
	const char *on[PP_COUNT(booleans) + 3] = {tool, "-P"};
	const char *off[PP_COUNT(booleans) + 3] = {tool, "-P"};
	size_t n = 2;
	for (; *names; names++, n++) {
		on[n] = pp_maker_printf(maker, "%s=on", *names);
		off[n] = pp_maker_printf(maker, "%s=off", *names);
	}
	pp_maker_command(maker, pp_maker_list(maker, tool, "-P", on[2], on[3], on[4], NULL),
		pp_maker_list(maker, tool, "-P", off[2], off[3], off[4], NULL));
}

static void need_selinux(struct pp_maker *maker)
{
	const char *tool = pp_boot_program(maker->boot, "setsebool");
	const char *off[PP_COUNT(booleans) + 1] = {NULL};
	size_t have = 0, n_off = 0;
	for (size_t i = 0; i < PP_COUNT(booleans); i++) {
		char *path = pp_maker_printf(maker, BOOLEANS "%s", booleans[i]);
		const char *state = path ? pp_boot_text(maker->boot, path) : NULL;
		if (!state)
			continue;
		have++;
		if (*state != '1') {
			off[n_off++] = booleans[i];
			say_off(maker, booleans[i], state, tool);
			continue;
		}
		pp_maker_find(maker, PP_PASS, "selinux-boolean",
			pp_maker_printf(maker, "SELinux: %s is on", booleans[i]), path, NULL);
	}
	if (tool && n_off > 0)
		set_booleans(maker, tool, off);
	if (!pp_boot_text(maker->boot, BOOLEANS "virt_manage_sysfs"))
		pp_maker_find(maker, PP_NOTE, "selinux-boolean",
			have ? "virt_manage_sysfs, which old guides set, is no longer in this "
			       "policy: nothing is missing"
			     : "this policy has none of the switches that old guides set: nothing "
			       "is to be set",
			BOOLEANS "virt_manage_sysfs: not there", NULL);
}

void pp_need_policy(struct pp_maker *maker)
{
	const char *modules = maker->host->kernel ? maker->host->kernel->security : NULL;
	if (pp_boot_file(maker->boot, "/sys/fs/selinux/enforce"))
		need_selinux(maker);
	if (modules && strstr(modules, "apparmor"))
		pp_maker_find(maker, PP_NOTE, "apparmor",
			"AppArmor confines libvirt's guests: their devices are let through by "
			"libvirt itself, a ROM file only from folders that its profile names",
			"/sys/kernel/security/lsm: apparmor",
			"ROM files belong into /usr/share or /var/lib/libvirt; else a line in "
			"/etc/apparmor.d/local/abstractions/libvirt-qemu");
}
