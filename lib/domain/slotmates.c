/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that stay together in one slot: ICH9's EHCI at function 7 and its companions, and host
 * devices that are functions of one slot of the host. */
#include "base/parse.h"
#include "lib/domain/placing.h"
#include <string.h>

static unsigned ich9_function(const char *model)
{
	if (pp_text_is(model, "ich9-ehci1"))
		return 7;
	return model[strlen("ich9-uhci")] - '1';
}

bool pp_placing_is_ich9(const struct pp_domain_device *device, int index)
{
	return device->kind == PP_DEV_CONTROLLER && device->controller.type == PP_CONTROLLER_USB &&
	       pp_usb_is_ich9(device->controller.model) && device->controller.index == index;
}

/* libvirt's dry run does not remember the slots that it finds: there each of them takes one, and a
 * bridge is added a little early. We count like that where slots are not short. */
static bool is_remembered(
	const struct pp_placing *placing, const struct pp_domain_device *owner, unsigned bus)
{
	bool preferred = placing->assigning->domain->os.q35 && bus == 0;

	return !placing->dry || placing->tight || preferred || owner->place.type == PP_PLACE_PCI;
}

/* In the dry run the others' places are only in the set. */
static bool ich9_slot(const struct pp_placing *placing, int index, struct pp_place *place)
{
	for (unsigned bus = 0; bus < placing->set->n_buses; bus++)
		for (unsigned slot = 0; slot < 32; slot++)
			for (unsigned function = 0; function < 8; function++) {
				const struct pp_domain_device *owner =
					placing->set->buses[bus].slots[slot].owners[function];

				if (!owner || !pp_placing_is_ich9(owner, index) ||
					!is_remembered(placing, owner, bus))
					continue;
				*place = (struct pp_place){
					.type = PP_PLACE_PCI, .bus = bus, .slot = slot};
				return true;
			}
	return false;
}

int pp_placing_ich9(struct pp_placing *placing, size_t index)
{
	const struct pp_domain_device *device = &placing->assigning->devices[index];
	unsigned needs = placing->assigning->needs[index];
	struct pp_place place;
	int r = 0;

	if (!ich9_slot(placing, device->controller.index, &place))
		r = pp_bus_find(placing->set, needs, device->line, &place);
	if (r < 0)
		return r;
	place.function = ich9_function(device->controller.model);
	return pp_placing_settle(placing, index, &place, needs, true);
}

/* ---- host devices ---- */

static bool is_virtual_function(
	const struct pp_assigning *assigning, const struct pp_address *address)
{
	for (size_t i = 0; i < assigning->n_facts; i++)
		if (!pp_address_compare(&assigning->facts[i].address, address))
			return assigning->facts[i].virtual_function;
	return false;
}

static bool same_slot(const struct pp_placing *placing, size_t a, size_t b)
{
	const struct pp_address *one = &placing->assigning->devices[a].hostdev.source;
	const struct pp_address *two = &placing->assigning->devices[b].hostdev.source;

	return one->domain == two->domain && one->bus == two->bus && one->slot == two->slot &&
	       !is_virtual_function(placing->assigning, one) &&
	       !is_virtual_function(placing->assigning, two);
}

static bool is_member(const struct pp_placing *placing, size_t index, size_t first)
{
	return placing->assigning->devices[index].kind == PP_DEV_HOSTDEV &&
	       placing->assigning->devices[index].hostdev.type == PP_HOSTDEV_PCI &&
	       pp_placing_wants(placing, index) &&
	       (index == first || same_slot(placing, index, first));
}

/* All that can be Express go to an Express slot with the first one that needs it. The lowest
 * function becomes function 0 where the host's function 0 is not among them: without one a guest
 * sees nothing. */
int pp_placing_hostdev(struct pp_placing *placing, size_t first)
{
	struct pp_assigning *assigning = placing->assigning;
	unsigned needs = assigning->needs[first], lowest = 8;
	struct pp_place slot, place;
	int r;

	for (size_t i = first; i < assigning->n_devices; i++) {
		if (!is_member(placing, i, first))
			continue;
		if (assigning->devices[i].hostdev.source.function < lowest)
			lowest = assigning->devices[i].hostdev.source.function;
		if (assigning->needs[i] & PP_CONNECT_PCIE)
			needs = assigning->needs[i];
	}
	r = pp_bus_find(placing->set, needs, assigning->devices[first].line, &slot);
	/* From the last to the first: membership is asked of the first, which must not be placed
	 * yet. */
	for (size_t i = assigning->n_devices; r == 0 && i-- > first;) {
		unsigned function = assigning->devices[i].hostdev.source.function;

		if (!is_member(placing, i, first))
			continue;
		place = slot;
		place.function = function == lowest ? 0 : function;
		r = pp_placing_settle(placing, i, &place, needs, false);
	}
	return r;
}
