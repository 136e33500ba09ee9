/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who on the host uses a device: the kernel refuses nothing, so this is all there is. */
#include "lib/check/subjects.h"
#include "base/parse.h"

static const char *remedy_of(enum pp_use_kind kind)
{
	switch (kind) {
	case PP_USE_MOUNT:
		return "umount %s";
	case PP_USE_SWAP:
		return "swapoff /dev/%s";
	case PP_USE_HOLDER:
		return "take %s out of the LVM, RAID, crypt or ZFS set that holds it";
	case PP_USE_ROUTE:
		return "move the route to another interface than %s first";
	case PP_USE_ADDRESS:
		return "ip address flush dev %s";
	case PP_USE_BRIDGE_PORT:
		return "ip link set %s nomaster";
	case PP_USE_SESSION:
		return "log in by another way than %s (the console, another network)";
	case PP_USE_VFIO:
		return "end %s first, or wait until it has let go";
	case PP_USE_GUEST:
		return "shut down guest %s, or take the device out of its definition";
	case PP_USE_VIRTUAL_FUNCTIONS:
		return "pcipass nodedev-setvfs %s 0";
	case PP_USE_DISPLAY:
	case PP_USE_SOUND:
	case PP_USE_INPUT:
		break;
	}
	return "stop what uses %s";
}

static bool ours(const struct pp_check_run *run, const struct pp_use *use)
{
	return (use->kind == PP_USE_GUEST || use->kind == PP_USE_VFIO) && run->options->guest &&
	       pp_text_is(use->name, run->options->guest);
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
		pp_finding_remedy(run, remedy_of(use->kind), use->name ? use->name : "it");
		pp_finding_force(run, use->name);
	}
}
