/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who on the host uses a device: the kernel refuses nothing, so this is all there is. */
#include "lib/check/subjects.h"
#include "base/parse.h"

/* A volume of device mapper is named as in /dev/mapper ("vg-root"). */
static const char *node_of(struct pp_check_run *run, const char *name)
{
	static const char *const kernel[] = {"sd", "nvme", "vd", "md", "mmcblk", "xvd", "sr", "hd"};

	for (size_t i = 0; i < PP_COUNT(kernel); i++) {
		if (pp_text_starts(name, kernel[i]))
			return pp_check_join(run, NULL, "/dev/%s", name);
	}
	return pp_check_join(run, NULL, "/dev/mapper/%s", name);
}

/* "/proc/1234/fd/3 -> ..." */
static bool is_process(const char *evidence)
{
	return pp_text_starts(evidence, "/proc/") && evidence[6] >= '0' && evidence[6] <= '9';
}

static void add_remedy(struct pp_check_run *run, const struct pp_use *use)
{
	const char *name = use->name ? use->name : "it";

	switch (use->kind) {
	case PP_USE_MOUNT:
		pp_finding_remedy(run, "umount %s", node_of(run, name));
		return;
	case PP_USE_SWAP:
		pp_finding_remedy(run, "swapoff %s", node_of(run, name));
		return;
	case PP_USE_HOLDER:
		if (is_process(use->evidence))
			break;
		pp_finding_remedy(run,
			"close what holds %s (vgchange -an, mdadm --stop, cryptsetup close, zpool "
			"export)",
			name);
		return;
	case PP_USE_ROUTE:
		pp_finding_remedy(run, "move the default route to another interface than %s", name);
		return;
	case PP_USE_ADDRESS:
		pp_finding_remedy(run, "ip link set %s down", name);
		return;
	case PP_USE_BRIDGE_PORT:
		pp_finding_remedy(run, "ip link set %s nomaster", name);
		return;
	case PP_USE_SESSION:
		pp_finding_remedy(
			run, "log in by another way than %s (the console, another network)", name);
		return;
	case PP_USE_GUEST:
		pp_finding_remedy(run, "shut guest %s down%s%s, or take the device out of it", name,
			pp_text_is(use->tool, "libvirt") ? ": virsh shutdown " : "",
			pp_text_is(use->tool, "libvirt") ? name : "");
		return;
	case PP_USE_VIRTUAL_FUNCTIONS:
		pp_finding_remedy(run, "free its virtual function %s first", name);
		return;
	case PP_USE_INPUT:
		pp_finding_remedy(run, "plug the %s in at another controller", name);
		return;
	case PP_USE_VFIO:
	case PP_USE_DISPLAY:
	case PP_USE_SOUND:
		break;
	}
	pp_finding_remedy(run, "stop %s, or wait until it has let go", name);
}

static bool ours(const struct pp_check_run *run, const struct pp_use *use)
{
	bool libvirt = pp_text_is(use->tool, "libvirt");
	return (use->kind == PP_USE_GUEST || use->kind == PP_USE_VFIO) && run->options->guest &&
	       libvirt == run->options->libvirt && pp_text_is(use->name, run->options->guest);
}

/* One check for each kind of use: the argument is the kind. */
void pp_check_in_use(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->host->n_uses; i++) {
		const struct pp_use *use = &run->host->uses[i];

		if (use->device != run->device || (int)use->kind != run->info->check->argument ||
			ours(run, use))
			continue;
		pp_finding_add(run, use->blocking ? PP_FAIL : PP_NOTE, "%s", use->text);
		pp_finding_evidence(run, "%s", use->evidence ? use->evidence : "");
		if (!use->blocking)
			continue;
		add_remedy(run, use);
		pp_finding_force(run, use->name);
	}
}
