/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots for every device. Two runs, as libvirt does it: a dry one, in which buses are added where
 * one is missing, and the real one, in which the controllers of these buses are placed first, like
 * all others. */
#include "base/parse.h"
#include "lib/domain/assign.h"
#include <string.h>

struct run {
	struct pp_assigning *assigning;
	struct pp_bus_set *set;
	bool *placed; /* device N has its place in this run */
	bool dry;
};

static bool is_wanted(const struct run *run, size_t index)
{
	const struct pp_assigning *assigning = run->assigning;

	return assigning->needs[index] && !run->placed[index] &&
	       assigning->devices[index].place.type == PP_PLACE_NONE;
}

/* Takes PLACE for a device; the real run writes it down. */
static int settle(struct run *run, size_t index, const struct pp_place *place, unsigned needs,
	bool is_explicit)
{
	struct pp_domain_device *device = &run->assigning->devices[index];
	int r = pp_bus_take(run->set, place, needs, is_explicit, device);

	if (r < 0)
		return r;
	run->placed[index] = true;
	if (!run->dry)
		device->place = *place;
	return 0;
}

static int settle_anywhere(struct run *run, size_t index)
{
	unsigned needs = run->assigning->needs[index];
	struct pp_place place;
	int r = pp_bus_find(run->set, needs, run->assigning->devices[index].line, &place);

	return r < 0 ? r : settle(run, index, &place, needs, false);
}

/* ---- what the chipset fixes
 * ----------------------------------------------------------------------- */

static int take_chipset(struct run *run, unsigned slot, unsigned function)
{
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot, .function = function};

	return pp_bus_take(run->set, &place, PP_CONNECT_PCI | PP_CONNECT_PCIE, true, NULL);
}

/* A controller that is part of the chipset: its address is what it is. */
static int fix_controller(
	struct run *run, enum pp_controller_type type, unsigned slot, unsigned function)
{
	struct pp_domain_device *device = pp_assigning_controller(run->assigning, type, 0);
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot, .function = function};

	if (!device ||
		(type == PP_CONTROLLER_USB && !pp_text_is(device->controller.model, "piix3-uhci")))
		return 0;
	if (device->place.type == PP_PLACE_PCI &&
		(device->place.bus || device->place.slot != slot ||
			device->place.function != function))
		return pp_assigning_fail(run->assigning, device->place.line,
			"this controller is part of the chipset, and its address is bus 0x00, slot "
			"0x%02x, "
			"function 0x%x",
			slot, function);
	run->placed[device - run->assigning->devices] = true;
	if (!run->dry)
		device->place = place;
	return 0;
}

static int fix_chipset(struct run *run)
{
	static const struct {
		unsigned slot, function;
	} piix[] = {{1, 0}, {1, 1}, {1, 2}, {1, 3}}, ich9[] = {{0x1f, 0}, {0x1f, 2}, {0x1f, 3}};
	bool q35 = run->assigning->domain->os.q35;
	int r = 0;

	for (size_t i = 0; r == 0 && !q35 && i < PP_COUNT(piix); i++)
		r = take_chipset(run, piix[i].slot, piix[i].function);
	for (size_t i = 0; r == 0 && q35 && i < PP_COUNT(ich9); i++)
		r = take_chipset(run, ich9[i].slot, ich9[i].function);
	if (r < 0)
		return r;
	if (q35)
		return fix_controller(run, PP_CONTROLLER_SATA, 0x1f, 2);
	r = fix_controller(run, PP_CONTROLLER_IDE, 1, 1);
	return r ? r : fix_controller(run, PP_CONTROLLER_USB, 1, 2);
}

/* ---- what the author fixes
 * ------------------------------------------------------------------------ */

static int take_explicit(struct run *run)
{
	struct pp_assigning *assigning = run->assigning;
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->place.type != PP_PLACE_PCI || run->placed[i] || !assigning->needs[i])
			continue;
		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_PCI &&
			(unsigned)device->controller.index <= device->place.bus)
			return pp_assigning_fail(assigning, device->place.line,
				"PCI controller %d cannot be on bus 0x%02x: its index must be "
				"larger than that",
				device->controller.index, device->place.bus);
		r = settle(run, i, &device->place, assigning->needs[i], true);
	}
	return r;
}

/* ---- where people and guests expect it
 * -------------------------------------------------------------- */

/* A fixed slot of bus 0 if it is free; else nothing happens. */
static int settle_slot(struct run *run, size_t index, unsigned slot, bool *ret_settled)
{
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot};

	*ret_settled = pp_bus_slot_is_free(run->set, 0, slot);
	return *ret_settled ? settle(run, index, &place, PP_CONNECT_PCI | PP_CONNECT_PCIE, true)
			    : 0;
}

static int prefer_slots(struct run *run, size_t index)
{
	const struct pp_domain_device *device = &run->assigning->devices[index];
	bool q35 = run->assigning->domain->os.q35, settled = false;
	int r = 0;

	if (device->kind == PP_DEV_VIDEO && device->video.primary == PP_ON)
		return settle_slot(run, index, q35 ? 1 : 2, &settled);
	if (!q35)
		return 0;
	if (device->kind == PP_DEV_SOUND && pp_text_is(device->sound.model, "ich9"))
		return settle_slot(run, index, 0x1b, &settled);
	if (device->kind != PP_DEV_CONTROLLER)
		return 0;
	if (pp_text_is(device->controller.model, "dmi-to-pci-bridge"))
		return settle_slot(run, index, 0x1e, &settled);
	if (!pp_text_is(device->controller.model, "ich9-uhci1"))
		return 0;
	r = settle_slot(run, index, 0x1d, &settled);
	return r < 0 || settled ? r : settle_slot(run, index, 0x1a, &settled);
}

static int fix_preferred(struct run *run)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->assigning->n_devices; i++)
		if (is_wanted(run, i))
			r = prefer_slots(run, i);
	return r;
}

/* ---- ICH9's USB: an EHCI at function 7 and its companions, in one slot
 * ------------------------------- */

static unsigned ich9_function(const char *model)
{
	if (pp_text_is(model, "ich9-ehci1"))
		return 7;
	return model[strlen("ich9-uhci")] - '1';
}

static bool is_ich9(const struct pp_domain_device *device, int index)
{
	return device->kind == PP_DEV_CONTROLLER && device->controller.type == PP_CONTROLLER_USB &&
	       pp_usb_is_ich9(device->controller.model) && device->controller.index == index;
}

/* In the dry run the others' places are only in the set. */
static bool ich9_slot(const struct run *run, int index, struct pp_place *place)
{
	for (unsigned bus = 0; bus < run->set->n_buses; bus++)
		for (unsigned slot = 0; slot < 32; slot++)
			for (unsigned function = 0; function < 8; function++) {
				const struct pp_domain_device *owner =
					run->set->buses[bus].slots[slot].owners[function];

				if (!owner || !is_ich9(owner, index))
					continue;
				*place = (struct pp_place){
					.type = PP_PLACE_PCI, .bus = bus, .slot = slot};
				return true;
			}
	return false;
}

static int settle_ich9(struct run *run, size_t index)
{
	const struct pp_domain_device *device = &run->assigning->devices[index];
	unsigned needs = run->assigning->needs[index];
	struct pp_place place;
	int r = 0;

	if (!ich9_slot(run, device->controller.index, &place))
		r = pp_bus_find(run->set, needs, device->line, &place);
	if (r < 0)
		return r;
	place.function = ich9_function(device->controller.model);
	return settle(run, index, &place, needs, true);
}

/* ---- host devices: functions of one host slot stay together
 * ------------------------------------------ */

static bool is_virtual_function(
	const struct pp_assigning *assigning, const struct pp_address *address)
{
	for (size_t i = 0; i < assigning->n_facts; i++)
		if (!pp_address_compare(&assigning->facts[i].address, address))
			return assigning->facts[i].virtual_function;
	return false;
}

static bool same_slot(const struct run *run, size_t a, size_t b)
{
	const struct pp_address *one = &run->assigning->devices[a].hostdev.source;
	const struct pp_address *two = &run->assigning->devices[b].hostdev.source;

	return one->domain == two->domain && one->bus == two->bus && one->slot == two->slot &&
	       !is_virtual_function(run->assigning, one) &&
	       !is_virtual_function(run->assigning, two);
}

static bool is_member(const struct run *run, size_t index, size_t first)
{
	return run->assigning->devices[index].kind == PP_DEV_HOSTDEV && is_wanted(run, index) &&
	       (index == first || same_slot(run, index, first));
}

/* All that can be Express go to an Express slot with the first one that needs it. The lowest
 * function becomes function 0 where the host's function 0 is not among them: without one a guest
 * sees nothing. */
static int settle_hostdev(struct run *run, size_t first)
{
	struct pp_assigning *assigning = run->assigning;
	unsigned needs = assigning->needs[first], lowest = 8;
	struct pp_place slot, place;
	int r;

	for (size_t i = first; i < assigning->n_devices; i++) {
		if (!is_member(run, i, first))
			continue;
		if (assigning->devices[i].hostdev.source.function < lowest)
			lowest = assigning->devices[i].hostdev.source.function;
		if (assigning->needs[i] & PP_CONNECT_PCIE)
			needs = assigning->needs[i];
	}
	r = pp_bus_find(run->set, needs, assigning->devices[first].line, &slot);
	/* From the last to the first: membership is asked of the first, which must not be placed
	 * yet. */
	for (size_t i = assigning->n_devices; r == 0 && i-- > first;) {
		unsigned function = assigning->devices[i].hostdev.source.function;

		if (!is_member(run, i, first))
			continue;
		place = slot;
		place.function = function == lowest ? 0 : function;
		r = settle(run, i, &place, needs, false);
	}
	return r;
}

/* ---- the order
 * ------------------------------------------------------------------------------------------ */

typedef bool filter_function(const struct pp_domain_device *device);

static bool is_interface(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_INTERFACE || device->kind == PP_DEV_FILESYSTEM;
}

static bool is_sound(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_SOUND;
}

static bool is_disk(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_DISK;
}

static bool is_hostdev(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_HOSTDEV;
}

static bool is_balloon(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_MEMBALLOON;
}

static bool is_rng(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_RNG;
}

static bool is_watchdog(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_WATCHDOG;
}

static bool is_video(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_VIDEO;
}

static bool is_input(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_INPUT;
}

static bool is_serial(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_SERIAL;
}

static int place_kind(struct run *run, filter_function *filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->assigning->n_devices; i++) {
		if (!filter(&run->assigning->devices[i]) || !is_wanted(run, i))
			continue;
		r = filter == is_hostdev ? settle_hostdev(run, i) : settle_anywhere(run, i);
	}
	return r;
}

/* The author's own controllers come first, in the order of their indexes; then those that were
 * added. */
static int place_pci_controllers(struct run *run, bool added)
{
	int r = 0;

	for (int index = 1; r == 0 && index < PP_BUS_MAX; index++) {
		const struct pp_domain_device *device =
			pp_assigning_controller(run->assigning, PP_CONTROLLER_PCI, index);

		if (device && !device->line == added &&
			is_wanted(run, device - run->assigning->devices))
			r = settle_anywhere(run, device - run->assigning->devices);
	}
	return r;
}

static int place_controller(struct run *run, size_t index)
{
	const struct pp_domain_device *device = &run->assigning->devices[index];

	if (!is_wanted(run, index))
		return 0;
	return is_ich9(device, device->controller.index) ? settle_ich9(run, index)
							 : settle_anywhere(run, index);
}

/* By index within a type. */
static int place_controllers(struct run *run, enum pp_controller_type type)
{
	struct pp_assigning *assigning = run->assigning;
	int r = 0;

	for (int index = 0; r == 0 && index < PP_BUS_MAX; index++)
		for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
			const struct pp_domain_device *device = &assigning->devices[i];

			if (device->kind == PP_DEV_CONTROLLER && device->controller.type == type &&
				device->controller.index == index && device->line)
				r = place_controller(run, i);
		}
	return r;
}

/* The author's by type in the order of the text, then those that were added, as they came. */
static int place_other_controllers(struct run *run)
{
	struct pp_assigning *assigning = run->assigning;
	unsigned done = 1 << PP_CONTROLLER_PCI;
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER || !device->line ||
			done & (1 << device->controller.type))
			continue;
		done |= 1 << device->controller.type;
		r = place_controllers(run, device->controller.type);
	}
	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type != PP_CONTROLLER_PCI)
			r = place_controller(run, i);
	}
	return r;
}

static int place_devices(struct run *run)
{
	static filter_function *const before[] = {is_interface, is_sound};
	static filter_function *const after[] = {is_disk, is_hostdev, is_balloon, is_rng,
		is_watchdog, is_video, is_input, is_serial};
	int r = place_pci_controllers(run, false);

	if (r == 0)
		r = place_pci_controllers(run, true);
	for (size_t i = 0; r == 0 && i < PP_COUNT(before); i++)
		r = place_kind(run, before[i]);
	if (r == 0)
		r = place_other_controllers(run);
	for (size_t i = 0; r == 0 && i < PP_COUNT(after); i++)
		r = place_kind(run, after[i]);
	return r;
}

/* ---- the two runs
 * ---------------------------------------------------------------------------------------- */

static int max_index(const struct pp_assigning *assigning)
{
	int max = 0;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_PCI &&
			device->controller.index > max)
			max = device->controller.index;
	}
	return max;
}

static void set_up_buses(struct run *run, unsigned n_buses)
{
	struct pp_assigning *assigning = run->assigning;
	bool q35 = assigning->domain->os.q35;

	memset(run->set->buses, 0, PP_BUS_MAX * sizeof(*run->set->buses));
	memset(run->placed, 0, assigning->size * sizeof(*run->placed));
	run->set->grows = run->dry;
	run->set->n_buses = n_buses;
	for (unsigned i = 0; i < n_buses; i++) {
		const struct pp_domain_device *device =
			pp_assigning_controller(assigning, PP_CONTROLLER_PCI, (int)i);
		enum pp_bus_model model = q35 ? PP_BUS_ROOT_PORT : PP_BUS_PCI_BRIDGE;

		if (device)
			model = pp_bus_model_of(device->controller.model);
		pp_bus_set_model(&run->set->buses[i], model);
	}
	pp_assigning_needs(assigning);
}

/* A conventional guest keeps one slot free, so that a bridge can always be added. */
static int reserve_slot(struct run *run)
{
	bool full = true;
	struct pp_place place;
	int r;

	if (!run->dry || run->assigning->domain->os.q35)
		return 0;
	for (unsigned i = 0; i < run->set->n_buses; i++)
		for (unsigned slot = run->set->buses[i].min_slot;
			slot <= run->set->buses[i].max_slot; slot++)
			full = full && run->set->buses[i].slots[slot].functions;
	if (full)
		return 0;
	r = pp_bus_find(run->set, PP_CONNECT_PCI | PP_CONNECT_AUTO, 0, &place);
	return r < 0 ? r : pp_bus_take(run->set, &place, PP_CONNECT_PCI, true, NULL);
}

/* Controllers for the buses that the dry run added; each needs a place itself, which may add more.
 */
static int add_controllers(struct run *run)
{
	struct pp_assigning *assigning = run->assigning;

	for (unsigned i = 1; i < run->set->n_buses; i++) {
		struct pp_domain_device *device;
		int r;

		if (pp_assigning_controller(assigning, PP_CONTROLLER_PCI, (int)i))
			continue;
		device = pp_assigning_add_controller(assigning, PP_CONTROLLER_PCI, (int)i,
			pp_bus_model_name(run->set->buses[i].model));
		if (!device)
			return -ENOMEM;
		pp_assigning_needs(assigning);
		r = settle_anywhere(run, device - assigning->devices);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One Express port stays free for a hot plug in a guest whose author left the buses to us. */
static int add_spare_port(struct run *run, int author_max)
{
	struct pp_place place;
	int r;

	if (!run->dry || !run->assigning->domain->os.q35 || author_max > 0 ||
		run->set->n_buses <= 1)
		return 0;
	r = pp_bus_find(run->set, PP_CONNECT_PCIE | PP_CONNECT_AUTO, 0, &place);
	return r < 0 ? r : pp_bus_take(run->set, &place, PP_CONNECT_PCIE, true, NULL);
}

static int do_run(struct run *run, bool dry, unsigned n_buses, int author_max)
{
	int r;

	run->dry = dry;
	set_up_buses(run, n_buses);
	r = fix_chipset(run);
	if (r == 0)
		r = take_explicit(run);
	if (r == 0)
		r = fix_preferred(run);
	if (r == 0)
		r = reserve_slot(run);
	if (r == 0)
		r = place_devices(run);
	if (r == 0)
		r = add_spare_port(run, author_max);
	return r < 0 || !dry ? r : add_controllers(run);
}

/* ---- after it
 * ------------------------------------------------------------------------------------------------
 */

static int check_functions(struct pp_assigning *assigning)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];
		const struct pp_bus_slot *slot;

		if (device->place.type != PP_PLACE_PCI)
			continue;
		slot = &assigning->set.buses[device->place.bus].slots[device->place.slot];
		if (!(slot->functions & 1))
			return pp_assigning_fail(assigning,
				device->place.line ? device->place.line : device->line,
				"slot 0x%02x of bus 0x%02x has a function 0x%x but no function "
				"0x0: a guest "
				"would not look at it; give one of its devices function='0x0'",
				device->place.slot, device->place.bus, device->place.function);
		if (device->place.function || slot->functions == 1)
			continue;
		if (device->place.multifunction == PP_OFF)
			return pp_assigning_fail(assigning, device->place.line,
				"multifunction='off', but other functions of slot 0x%02x of bus "
				"0x%02x are in "
				"use",
				device->place.slot, device->place.bus);
		device->place.multifunction = PP_ON;
	}
	return 0;
}

static int lowest_bus_nr(const struct pp_assigning *assigning)
{
	int lowest = 256;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_PCI &&
			device->controller.bus_nr >= 0 && device->controller.bus_nr < lowest)
			lowest = device->controller.bus_nr;
	}
	return lowest;
}

static void fill_controller(struct pp_assigning *assigning, struct pp_domain_device *device)
{
	static const char *const names[] = {
		[PP_BUS_PCI_BRIDGE] = "pci-bridge",
		[PP_BUS_DMI_BRIDGE] = "i82801b11-bridge",
		[PP_BUS_TO_PCI_BRIDGE] = "pcie-pci-bridge",
		[PP_BUS_ROOT_PORT] = "pcie-root-port",
		[PP_BUS_UPSTREAM] = "x3130-upstream",
		[PP_BUS_DOWNSTREAM] = "xio3130-downstream",
		[PP_BUS_EXPANDER] = "pxb",
		[PP_BUS_PCIE_EXPANDER] = "pxb-pcie",
	};
	struct pp_controller *controller = &device->controller;
	enum pp_bus_model model = pp_bus_model_of(controller->model);

	if (!controller->model_name && controller->index > 0)
		controller->model_name = names[model];
	if (model == PP_BUS_PCI_BRIDGE && controller->chassis_nr < 0)
		controller->chassis_nr = controller->index;
	if ((model == PP_BUS_EXPANDER || model == PP_BUS_PCIE_EXPANDER) && controller->bus_nr < 0)
		controller->bus_nr = lowest_bus_nr(assigning) - 2;
	if (model != PP_BUS_ROOT_PORT && model != PP_BUS_DOWNSTREAM)
		return;
	if (controller->chassis < 0)
		controller->chassis = controller->index;
	if (controller->port < 0)
		controller->port = (device->place.slot << 3) + device->place.function;
}

static int check_chassis(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	for (const struct pp_domain_device *other = assigning->devices; other < device; other++)
		if (other->kind == PP_DEV_CONTROLLER && other->controller.chassis >= 0 &&
			other->controller.chassis == device->controller.chassis)
			return pp_assigning_fail(assigning, device->line,
				"chassis %d is used already by the controller on line %d",
				device->controller.chassis, other->line);
	return 0;
}

static int fill_controllers(struct pp_assigning *assigning)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER ||
			device->controller.type != PP_CONTROLLER_PCI)
			continue;
		fill_controller(assigning, device);
		if (device->controller.chassis_nr == 0)
			r = pp_assigning_fail(
				assigning, device->line, "chassisNr='0' of a pci-bridge cannot be");
		else
			r = check_chassis(assigning, device);
	}
	return r;
}

int pp_assigning_pci(struct pp_assigning *assigning)
{
	PP_FREE bool *placed = calloc(assigning->size, sizeof(*placed));
	struct run run = {.assigning = assigning, .set = &assigning->set, .placed = placed};
	int author_max = max_index(assigning), r;

	if (!placed)
		return pp_error_oom(assigning->error);
	r = do_run(&run, true, author_max + 1, author_max);
	if (r == 0)
		r = do_run(&run, false, assigning->set.n_buses, author_max);
	if (r == 0)
		r = check_functions(assigning);
	return r ? r : fill_controllers(assigning);
}
