/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's host devices: are they those that were meant, and do they fit into this guest? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <string.h>

/* What libvirt's hook remembered of the devices of a guest (lib/guest/remember.h) */
#define MEMORY "'/var/lib/pcipass/guests/libvirt:%s.json'"

static const char *address_of(struct pp_check_run *run, const struct pp_guest_hostdev *hostdev)
{
	char text[PP_ADDRESS_SIZE];

	return pp_check_join(run, NULL, "%s", pp_address_text(&hostdev->address, text));
}

/* What changes its definition. */
static const char *edit_of(const struct pp_check_run *run)
{
	return run->guest->libvirt ? "virsh edit" : "pcipass edit";
}

void pp_check_device_missing(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];

		if (hostdev->device)
			continue;
		const char *address = address_of(run, hostdev);
		pp_finding_add(run, PP_FAIL, "its device %s is not on this host", address);
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s: not there", address);
		pp_finding_remedy(run, "pcipass nodedev-list --long shows where it is now; %s %s",
			edit_of(run), run->guest->name);
	}
}

static const struct pp_device *find_moved(
	struct pp_check_run *run, const struct pp_guest_identity *wanted)
{
	const struct pp_device *found = NULL;

	for (size_t i = 0; i < run->host->n_devices; i++) {
		const struct pp_device *device = &run->host->devices[i];

		if (device->vendor != wanted->vendor || device->product != wanted->product ||
			device->subvendor != wanted->subvendor ||
			device->subproduct != wanted->subproduct)
			continue;
		if (found)
			return NULL; /* not certain */
		found = device;
	}
	return found;
}

static bool is_remembered(const struct pp_guest_hostdev *hostdev)
{
	const struct pp_guest_identity *wanted = hostdev->remembered;
	const struct pp_device *device = hostdev->device;

	return wanted->vendor == device->vendor && wanted->product == device->product &&
	       wanted->subvendor == device->subvendor && wanted->subproduct == device->subproduct &&
	       wanted->revision == device->revision &&
	       (!wanted->serial || !hostdev->serial || pp_text_is(wanted->serial, hostdev->serial));
}

void pp_check_identity_changed(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_guest_identity *wanted = hostdev->remembered;
		const struct pp_device *device = hostdev->device;

		if (!wanted || !device || is_remembered(hostdev))
			continue;
		const struct pp_device *moved = find_moved(run, wanted);
		pp_finding_add(run, PP_FAIL,
			"at %s is another device than the one that was meant: %04x:%04x%s%s, not "
			"%04x:%04x%s%s",
			device->name, device->vendor, device->product,
			hostdev->serial ? " serial " : "", hostdev->serial ? hostdev->serial : "",
			wanted->vendor, wanted->product, wanted->serial ? " serial " : "",
			wanted->serial ? wanted->serial : "");
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/vendor, device, subsystem_vendor, "
			"subsystem_device, "
			"revision: %04x:%04x %04x:%04x %02x; remembered: %04x:%04x %04x:%04x %02x",
			device->name, device->vendor, device->product, device->subvendor,
			device->subproduct, device->revision, wanted->vendor, wanted->product,
			wanted->subvendor, wanted->subproduct, wanted->revision);
		const char *name = run->guest->name;
		if (moved && moved != device)
			pp_finding_remedy(
				run, "it is now at %s: %s %s", moved->name, edit_of(run), name);
		else if (run->guest->libvirt)
			pp_finding_remedy(run,
				"pcipass nodedev-list --long, then virsh edit %s; where this one "
				"is "
				"meant now: rm " MEMORY,
				name, name);
		else
			pp_finding_remedy(
				run, "pcipass nodedev-list --long, then pcipass edit %s", name);
	}
}

const char *pp_group_endpoints(struct pp_arena *arena, const struct pp_group *group)
{
	const char *list = "";

	for (size_t i = 0; list && i < group->n_devices; i++) {
		if (group->devices[i]->header != PP_HEADER_ENDPOINT)
			continue;
		list = pp_arena_printf(
			arena, "%s%s%s", list, *list ? " " : "", group->devices[i]->name);
	}
	return list;
}

void pp_check_group_changed(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_guest_identity *wanted = hostdev->remembered;
		const struct pp_group *group =
			hostdev->device && hostdev->device->group >= 0
				? pp_host_group(run->host, hostdev->device->group)
				: NULL;

		if (!wanted || !wanted->group || !group)
			continue;
		const char *now = pp_group_endpoints(run->arena, group);
		run->failed |= !now;
		if (!now || pp_text_is(now, wanted->group))
			continue;
		pp_finding_add(run, PP_WARN,
			"the IOMMU group of %s is not what it was (a new kernel, firmware or card)",
			hostdev->device->name);
		pp_finding_evidence(run, "/sys/kernel/iommu_groups/%d/devices: %s; remembered: %s",
			group->number, now, wanted->group);
		if (run->guest->libvirt)
			pp_finding_remedy(run,
				"look with pcipass nodedev-check %s; where it is right: rm " MEMORY,
				hostdev->device->name, run->guest->name);
		else
			pp_finding_remedy(run,
				"look with pcipass nodedev-check %s; pcipass define the guest "
				"again "
				"where it is right",
				hostdev->device->name);
	}
}

void pp_check_not_detached(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_device *device = hostdev->device;

		if (!device || hostdev->managed || pp_driver_is_vfio(device->driver) ||
			(device->health && device->health->vgpu))
			continue;
		pp_finding_add(run, PP_FAIL,
			"its device %s is not managed, and still on the host's driver %s",
			device->name, device->driver ? device->driver : "(none)");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/driver: %s", device->name,
			device->driver ? device->driver : "not there");
		pp_finding_remedy(run,
			"pcipass nodedev-detach %s first, or managed='yes' in its <hostdev>",
			device->name);
		pp_finding_can_do(run);
	}
}

/* libvirt's rule that every port above has ACS; newer ones leave that to VFIO, and say nothing. */
void pp_check_libvirt_policy(struct pp_check_run *run)
{
	if (!run->guest->libvirt)
		return;
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_device *device = run->guest->hostdevs[i].device;

		for (const struct pp_device *port = device ? device->parent : NULL; port;
			port = port->parent) {
			const struct pp_capabilities *capabilities = &port->capabilities;

			if (!capabilities->read || !capabilities->express ||
				capabilities->express_type != 6 || capabilities->acs)
				continue;
			pp_finding_add(run, PP_WARN,
				"libvirt may refuse %s: it is behind a switch lacking ACS (%s)",
				device->name, port->name);
			pp_finding_evidence(run,
				"/sys/bus/pci/devices/%s/config: no ACS capability", port->name);
			pp_finding_remedy(run,
				"use a slot that is not behind that switch; or start it "
				"with pcipass, or libvirt with relaxed_acs_check=1 in "
				"/etc/libvirt/qemu.conf");
			break;
		}
	}
}

/* Is FUNCTION of the same card given, and on the same slot of the guest? */
static const char *split_problem(struct pp_check_run *run, const struct pp_guest_hostdev *one,
	const struct pp_device *function)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *other = &run->guest->hostdevs[i];

		if (other->device != function)
			continue;
		if (!one->placed || !other->placed ||
			(one->bus == other->bus && one->slot == other->slot))
			return NULL;
		return "goes to another slot of the guest";
	}
	return "stays on the host";
}

void pp_check_slot_split(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_device *device = hostdev->device;

		/* Each card once, by its function 0. VFs are functions of another kind. */
		if (!device || device->address.function != 0 || device->physical_function)
			continue;
		for (size_t j = 0; j < run->host->n_devices; j++) {
			const struct pp_device *other = &run->host->devices[j];
			const char *problem;

			if (!pp_device_same_slot(device, other) || other->physical_function ||
				other->header != PP_HEADER_ENDPOINT)
				continue;
			problem = split_problem(run, hostdev, other);
			if (!problem)
				continue;
			pp_finding_add(run, pp_device_is_display(device) ? PP_WARN : PP_NOTE,
				"%s is a function of the same card as %s, but %s: the guest's "
				"driver may "
				"not start",
				other->name, device->name, problem);
			pp_finding_evidence(
				run, "/sys/bus/pci/devices/%s, %s", device->name, other->name);
			pp_finding_remedy(run,
				"a <hostdev> for each function of the card, all in one slot "
				"(multifunction='on'): %s %s",
				edit_of(run), run->guest->name);
		}
	}
}

void pp_check_express_as_conventional(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;

	for (size_t i = 0; guest->q35 && i < guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &guest->hostdevs[i];
		const struct pp_device *device = hostdev->device;

		if (!device || !hostdev->shared_bus || !device->capabilities.express)
			continue;
		pp_finding_add(run, PP_WARN,
			"%s%s%s is a PCI Express device, and bus %u of the guest a conventional "
			"one: it is without its extended configuration and its link there, and "
			"drivers of graphics cards refuse that",
			hostdev->written ? hostdev->written : "", hostdev->written ? ": " : "",
			device->name, hostdev->bus);
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/config: PCI Express capability at 0x%x",
			device->name, device->capabilities.express);
		pp_finding_remedy(run,
			"take the <address> of its <hostdev> away, and it gets a port of its own: "
			"%s %s",
			edit_of(run), guest->name);
	}
}

/* Behind one conventional bridge both have its address space. */
static bool share_bus(const struct pp_guest_hostdev *one, const struct pp_guest_hostdev *two)
{
	return one->placed && two->placed && one->shared_bus && one->bus == two->bus;
}

void pp_check_viommu_group(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;

	for (size_t i = 0; guest->iommu && i < guest->n_hostdevs; i++) {
		const struct pp_device *one = guest->hostdevs[i].device;

		for (size_t j = i + 1; one && j < guest->n_hostdevs; j++) {
			const struct pp_device *two = guest->hostdevs[j].device;

			if (!two || one->group < 0 || one->group != two->group ||
				share_bus(&guest->hostdevs[i], &guest->hostdevs[j]))
				continue;
			pp_finding_add(run, PP_FAIL,
				"%s and %s are of one IOMMU group, and the guest has an IOMMU of "
				"its own, "
				"which wants each in an address space of its own",
				one->name, two->name);
			pp_finding_evidence(run, "/sys/bus/pci/devices/%s/iommu_group, %s: %d",
				one->name, two->name, one->group);
			pp_finding_remedy(run,
				"put both behind one pcie-to-pci-bridge in the guest, or "
				"take its <iommu> away");
		}
	}
}

void pp_check_viommu_options(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;
	const struct pp_iommu *host = run->host->iommu;

	if (!guest->iommu || !guest->iommu_intel || guest->n_hostdevs == 0)
		return;
	if (guest->iommu_caching != PP_SWITCH_ON) {
		pp_finding_add(run, PP_FAIL,
			"its own IOMMU does not tell of changes, so QEMU refuses host devices "
			"(\"We need "
			"to set caching-mode=on\")");
		pp_finding_evidence(run, "its definition: <iommu><driver caching_mode=...>");
		pp_finding_remedy(run, "<driver caching_mode='on'/> in its <iommu>");
	}
	if (guest->iommu_intremap == PP_SWITCH_ON && guest->kvm &&
		guest->split_irqchip != PP_SWITCH_ON) {
		pp_finding_add(run, PP_FAIL,
			"its own IOMMU remaps interrupts, which QEMU refuses with the kernel's "
			"IOAPIC");
		pp_finding_evidence(run, "its definition: <features><ioapic driver=...>");
		pp_finding_remedy(run, "<ioapic driver='qemu'/> in its <features>");
	}
	if (host && host->address_width && guest->iommu_width > host->address_width) {
		pp_finding_add(run, PP_FAIL,
			"its own IOMMU has addresses of %u bits, the host's only %u",
			guest->iommu_width, host->address_width);
		pp_finding_evidence(run, "its definition: aw_bits='%u'", guest->iommu_width);
		pp_finding_remedy(
			run, "<driver aw_bits='%u'/> in its <iommu>", host->address_width);
	}
}

void pp_check_file_unreadable(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_files; i++) {
		const struct pp_guest_file *file = &run->guest->files[i];

		if (!file->error)
			continue;
		pp_finding_add(run, PP_FAIL, "QEMU cannot open its %s %s: %s", file->what,
			file->path, strerror(-file->error));
		pp_finding_evidence(run, "%s: %s%s%s", file->path, strerror(-file->error),
			run->host->kernel && run->host->kernel->security ? "; security modules: "
									 : "",
			run->host->kernel && run->host->kernel->security
				? run->host->kernel->security
				: "");
		pp_finding_remedy(run, "put it where QEMU's user may read it (/var/lib/pcipass, "
				       "/usr/share/qemu), with the right owner and label");
	}
}

void pp_check_unplug_needs_guest(struct pp_check_run *run)
{
	if (!run->guest->running || !run->guest->paused || run->guest->n_hostdevs == 0)
		return;
	pp_finding_add(run, PP_NOTE,
		"it is paused: a device cannot be unplugged from it before it runs, for the guest "
		"has "
		"to let go itself");
	pp_finding_evidence(run, "its state: paused");
	if (run->guest->libvirt)
		pp_finding_remedy(run, "virsh resume %s", run->guest->name);
	else
		pp_finding_remedy(run, "let it run first, or start it without --paused");
}

void pp_check_no_free_port(struct pp_check_run *run)
{
	if (!run->guest->q35 || run->guest->free_ports > 0)
		return;
	pp_finding_add(run, PP_NOTE,
		"it has no free port, so nothing can be plugged into it while it runs");
	pp_finding_evidence(run, "its definition: no <controller model='pcie-root-port'> without a "
				 "device; q35's root bus takes none while it runs");
	pp_finding_remedy(run, "<controller type='pci' model='pcie-root-port'/> a few times more");
}
