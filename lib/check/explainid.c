/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `host-setup` says in brackets, and is no check. */
#include "lib/check/rows.h"
#include "base/cleanup.h"

static const struct pp_explain_id ids[] = {
	{"boot-once",
		"The new kernel parameters are for one boot first: an entry beside the others, "
		"which "
		"the boot loader takes once. A host that does not come up with it starts with the "
		"old ones at the next try. Where the loader cannot, the change is for good at "
		"once.",
		"Reboot; pcipass host-setup --check, then --confirm to keep it, or --undo."},
	{"reboot-missing",
		"The boot loader's files have the parameters already, the running kernel was not "
		"given them: it was started before, or by another loader.",
		"Reboot. If it stays so: pcipass host-setup --loader NAME."},
	{"setup-in-effect", "The running kernel was started with what host-setup has set.",
		"Nothing is to be done."},
	{"setup-not-booted", "The host was not rebooted since host-setup has changed its loader.",
		"Reboot, then pcipass host-setup --check."},
	{"setup-once-missed",
		"The entry for one boot was set, the host was rebooted since, and this boot is not "
		"with it: the loader did not take it, the host did not come up with it and fell "
		"back, or it was booted again without --confirm.",
		"pcipass host-setup --undo; try again and look at the screen, or --permanent."},
	{"setup-other-loader",
		"The host was rebooted, and its kernel lacks what was set: another loader, or "
		"another entry of its menu, starts this machine.",
		"pcipass host-setup --undo, then again; --loader NAME where it cannot be told."},
	{"loader-unknown",
		"It cannot be told which boot loader starts this machine: several are installed "
		"and "
		"neither the firmware nor /proc/cmdline says which, or there is none that is "
		"known.",
		"pcipass host-setup --loader NAME; or set the parameters by hand."},
	{"loader-file",
		"A file of the boot loader is not one that can be edited safely: a link, not "
		"writable, empty, not UTF-8, with Windows line ends, or with words that are not "
		"understood. It was left as it is.",
		"Mend what is said of the file and its line, or set the parameters by hand."},
	{"initramfs-stale",
		"A device was bound from the next boot on (--config), or is no longer, and the "
		"initramfs, which holds copies of the bindings, was made before that.",
		"pcipass host-setup makes it anew with the distribution's own tool."},
	{"selinux-boolean",
		"SELinux's policy has switches for guests with devices of the host (virt_use_vfio, "
		"virt_use_sysfs, of old virt_manage_sysfs); one that is off keeps libvirt's guests "
		"from their devices.",
		"pcipass host-setup switches it on, for now and for ever, as setsebool -P does."},
	{"apparmor",
		"AppArmor confines libvirt's guests by profiles that libvirt makes for each; those "
		"of pcipass have no profile, and need none.",
		"ROM files belong into /usr/share or /var/lib/libvirt, or a line into "
		"/etc/apparmor.d/local/abstractions/libvirt-qemu."},
};

const struct pp_explain_id *pp_explain_ids(size_t *ret_count)
{
	*ret_count = PP_COUNT(ids);
	return ids;
}
