/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots for every device. Two runs, as libvirt does it: a dry one, in which buses are added where
 * one is missing, and the real one, in which the controllers of these buses are placed first, like
 * all others. */
#include "base/parse.h"
#include "lib/domain/placing.h"
#include <string.h>

bool pp_placing_wants(const struct pp_placing *placing, size_t index)
{
	const struct pp_assigning *assigning = placing->assigning;

	return assigning->needs[index] && !placing->placed[index] &&
	       assigning->devices[index].place.type == PP_PLACE_NONE;
}

/* Takes PLACE for a device; the real run writes it down. */
int pp_placing_settle(struct pp_placing *placing, size_t index, const struct pp_place *place,
	unsigned needs, bool is_explicit)
{
	struct pp_domain_device *device = &placing->assigning->devices[index];
	int r = pp_bus_take(placing->set, place, needs, is_explicit, device);

	if (r < 0)
		return r;
	placing->placed[index] = true;
	if (!placing->dry)
		device->place = *place;
	return 0;
}

int pp_placing_anywhere(struct pp_placing *placing, size_t index)
{
	unsigned needs = placing->assigning->needs[index];
	struct pp_place place;
	const struct pp_domain_device *device = &placing->assigning->devices[index];
	/* In the dry run controllers come last, when all that counts is how many slots there are.
	 */
	int r = pp_bus_find_for(placing->set, needs, device->line,
		placing->dry ? -1 : pp_bus_behind(device), &place);

	return r < 0 ? r : pp_placing_settle(placing, index, &place, needs, false);
}

/* ---- what the author fixes ---- */

static int take_explicit(struct pp_placing *placing)
{
	struct pp_assigning *assigning = placing->assigning;
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->place.type != PP_PLACE_PCI || placing->placed[i])
			continue;
		if (!assigning->needs[i])
			return pp_assigning_fail(assigning, device->place.line,
				"this <%s> is not on the guest's PCI, and can have no address "
				"there",
				pp_domain_device_element(device->kind));
		if (pp_bus_is_below(placing->set, device->place.bus, pp_bus_behind(device)))
			return pp_assigning_fail(assigning, device->place.line,
				"PCI controller %d cannot be on bus 0x%02x, which is %s",
				device->controller.index, device->place.bus,
				(unsigned)device->controller.index == device->place.bus
					? "its own"
					: "itself behind that controller");
		r = pp_placing_settle(placing, i, &device->place, assigning->needs[i], true);
	}
	return r;
}

/* ---- the order ---- */

typedef bool filter_function(const struct pp_domain_device *device);

static bool is_filesystem(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_FILESYSTEM;
}

static bool is_interface(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_INTERFACE;
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

static bool is_shmem(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_SHMEM;
}

static bool is_input(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_INPUT;
}

static bool is_serial(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_SERIAL;
}

static int place_kind(struct pp_placing *placing, filter_function *filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < placing->assigning->n_devices; i++) {
		if (!filter(&placing->assigning->devices[i]) || !pp_placing_wants(placing, i))
			continue;
		r = filter == is_hostdev ? pp_placing_hostdev(placing, i)
					 : pp_placing_anywhere(placing, i);
	}
	return r;
}

/* The author's own controllers come first, in the order of their indexes; then those that were
 * added. */
static int place_pci_controllers(struct pp_placing *placing, bool added)
{
	int r = 0;

	for (int index = 1; r == 0 && index < PP_BUS_MAX; index++) {
		const struct pp_domain_device *device =
			pp_assigning_controller(placing->assigning, PP_CONTROLLER_PCI, index);

		if (device && !device->line == added &&
			pp_placing_wants(placing, device - placing->assigning->devices))
			r = pp_placing_anywhere(placing, device - placing->assigning->devices);
	}
	return r;
}

static int place_controller(struct pp_placing *placing, size_t index)
{
	const struct pp_domain_device *device = &placing->assigning->devices[index];

	if (!pp_placing_wants(placing, index))
		return 0;
	return pp_placing_is_ich9(device, device->controller.index)
		       ? pp_placing_ich9(placing, index)
		       : pp_placing_anywhere(placing, index);
}

/* By index within a type. */
static int place_controllers(struct pp_placing *placing, enum pp_controller_type type)
{
	struct pp_assigning *assigning = placing->assigning;
	int r = 0;

	for (int index = 0; r == 0 && index < PP_BUS_MAX; index++)
		for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
			const struct pp_domain_device *device = &assigning->devices[i];

			if (device->kind == PP_DEV_CONTROLLER && device->controller.type == type &&
				device->controller.index == index && device->line)
				r = place_controller(placing, i);
		}
	return r;
}

/* The author's by type in the order of the text, then those that were added, as they came. */
static int place_other_controllers(struct pp_placing *placing)
{
	struct pp_assigning *assigning = placing->assigning;
	unsigned done = 1 << PP_CONTROLLER_PCI;
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER || !device->line ||
			done & (1 << device->controller.type))
			continue;
		done |= 1 << device->controller.type;
		r = place_controllers(placing, device->controller.type);
	}
	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type != PP_CONTROLLER_PCI)
			r = place_controller(placing, i);
	}
	return r;
}

static int place_devices(struct pp_placing *placing)
{
	static filter_function *const before[] = {is_filesystem, is_interface, is_sound};
	static filter_function *const after[] = {is_disk, is_hostdev, is_balloon, is_rng,
		is_watchdog, is_video, is_shmem, is_input, is_serial};
	int r = place_pci_controllers(placing, false);

	if (r == 0)
		r = place_pci_controllers(placing, true);
	for (size_t i = 0; r == 0 && i < PP_COUNT(before); i++)
		r = place_kind(placing, before[i]);
	if (r == 0)
		r = place_other_controllers(placing);
	for (size_t i = 0; r == 0 && i < PP_COUNT(after); i++)
		r = place_kind(placing, after[i]);
	return r;
}

/* ---- the two runs ---- */

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

static void set_up_buses(struct pp_placing *placing, unsigned n_buses)
{
	struct pp_assigning *assigning = placing->assigning;
	bool q35 = assigning->domain->os.q35;

	memset(placing->set->buses, 0, PP_BUS_MAX * sizeof(*placing->set->buses));
	memset(placing->placed, 0, assigning->size * sizeof(*placing->placed));
	placing->set->grows = placing->dry;
	placing->set->n_buses = n_buses;
	for (unsigned i = 0; i < n_buses; i++) {
		const struct pp_domain_device *device =
			pp_assigning_controller(assigning, PP_CONTROLLER_PCI, (int)i);
		enum pp_bus_model model = q35 ? PP_BUS_ROOT_PORT : PP_BUS_PCI_BRIDGE;

		if (device)
			model = pp_bus_model_of(device->controller.model);
		pp_bus_set_model(&placing->set->buses[i], model);
	}
	pp_assigning_needs(assigning);
}

/* A conventional guest keeps one slot free, so that a bridge can always be added. */
static int reserve_slot(struct pp_placing *placing)
{
	bool full = true;
	struct pp_place place;
	int r;

	if (!placing->dry || placing->tight || placing->assigning->domain->os.q35)
		return 0;
	for (unsigned i = 0; i < placing->set->n_buses; i++)
		for (unsigned slot = placing->set->buses[i].min_slot;
			slot <= placing->set->buses[i].max_slot; slot++)
			full = full && placing->set->buses[i].slots[slot].functions;
	if (full)
		return 0;
	r = pp_bus_find(placing->set, PP_CONNECT_PCI | PP_CONNECT_AUTO, 0, &place);
	return r < 0 ? r : pp_bus_take(placing->set, &place, PP_CONNECT_PCI, true, NULL);
}

/* Controllers for the buses that the dry run added; each needs a place itself, which may add more.
 */
static int add_controllers(struct pp_placing *placing)
{
	struct pp_assigning *assigning = placing->assigning;

	for (unsigned i = 1; i < placing->set->n_buses; i++) {
		struct pp_domain_device *device;
		int r;

		if (pp_assigning_controller(assigning, PP_CONTROLLER_PCI, (int)i))
			continue;
		device = pp_assigning_add_controller(assigning, PP_CONTROLLER_PCI, (int)i,
			pp_bus_model_name(placing->set->buses[i].model));
		if (!device)
			return -ENOMEM;
		pp_assigning_needs(assigning);
		r = pp_placing_anywhere(placing, device - assigning->devices);
		if (r < 0 && placing->set->buses[i].line && r != -ENOMEM)
			return pp_assigning_fail(assigning, placing->set->buses[i].line,
				"no slot is left in the guest for another %s, which this device "
				"needs",
				device->controller.model);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The author has said of which buses the guest is made. */
static bool is_authored(const struct pp_assigning *assigning)
{
	for (size_t i = 0; i < assigning->n_devices; i++)
		if (assigning->devices[i].kind == PP_DEV_CONTROLLER &&
			assigning->devices[i].controller.type == PP_CONTROLLER_PCI &&
			assigning->devices[i].controller.index > 0 && assigning->devices[i].line)
			return true;
	return false;
}

/* One Express port stays free for a hot plug in a guest whose author left the buses to us. */
static int add_spare_port(struct pp_placing *placing)
{
	struct pp_place place;
	int r;

	if (!placing->dry || placing->tight || !placing->assigning->domain->os.q35 ||
		is_authored(placing->assigning) || placing->set->n_buses <= 1)
		return 0;
	r = pp_bus_find(placing->set, PP_CONNECT_PCIE | PP_CONNECT_AUTO, 0, &place);
	return r < 0 ? r : pp_bus_take(placing->set, &place, PP_CONNECT_PCIE, true, NULL);
}

static int do_run(struct pp_placing *placing, bool dry, unsigned n_buses)
{
	int r;

	placing->dry = dry;
	set_up_buses(placing, n_buses);
	r = pp_placing_chipset(placing);
	if (r == 0)
		r = take_explicit(placing);
	if (r == 0)
		r = pp_placing_preferred(placing);
	if (r == 0)
		r = reserve_slot(placing);
	if (r == 0)
		r = place_devices(placing);
	if (r == 0)
		r = add_spare_port(placing);
	return r < 0 || !dry ? r : add_controllers(placing);
}

/* ---- after it ---- */

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

/* Both runs, from the devices as they were BEFORE them. */
static int run_both(struct pp_placing *placing, const struct pp_domain_device *before,
	size_t n_before, int author_max, bool tight)
{
	struct pp_assigning *assigning = placing->assigning;
	int r;

	memset(assigning->devices, 0, assigning->size * sizeof(*before));
	memcpy(assigning->devices, before, n_before * sizeof(*before));
	assigning->n_devices = assigning->domain->n_devices = n_before;
	placing->tight = tight;
	r = do_run(placing, true, author_max + 1);
	return r ? r : do_run(placing, false, assigning->set.n_buses);
}

static bool is_good(const struct pp_assigning *assigning, int r)
{
	return r == 0 && pp_bus_windows_fit(&assigning->set, assigning->domain);
}

/* What is kept free for a bridge or a hot plug is given up where nothing else is left; if that is
 * no way out either, it is as libvirt has it. */
static int run_all(struct pp_placing *placing)
{
	struct pp_assigning *assigning = placing->assigning;
	size_t n_before = assigning->n_devices;
	PP_FREE struct pp_domain_device *before = calloc(n_before + 1, sizeof(*before));
	struct pp_error *error = assigning->error;
	int author_max = max_index(assigning), r;

	if (!before)
		return pp_error_oom(error);
	memcpy(before, assigning->devices, n_before * sizeof(*before));
	r = run_both(placing, before, n_before, author_max, false);
	if (is_good(assigning, r) || r == -ENOMEM)
		return r;
	assigning->error = assigning->set.error = NULL;
	r = run_both(placing, before, n_before, author_max, true);
	assigning->error = assigning->set.error = error;
	return is_good(assigning, r) ? 0 : run_both(placing, before, n_before, author_max, false);
}

int pp_assigning_pci(struct pp_assigning *assigning)
{
	PP_FREE bool *placed = calloc(assigning->size, sizeof(*placed));
	struct pp_placing placing = {
		.assigning = assigning, .set = &assigning->set, .placed = placed};
	int r;

	if (!placed)
		return pp_error_oom(assigning->error);
	r = run_all(&placing);
	if (r == 0)
		r = check_functions(assigning);
	return r ? r : pp_placing_bridges(assigning);
}
