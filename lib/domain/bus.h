/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's PCI buses: what each accepts, which functions are taken, and the search for a free
 * slot. */
#ifndef DOMAIN_BUS_H
#define DOMAIN_BUS_H

#include "lib/domain/domain.h"

#define PP_BUS_MAX 256

/* What a bus accepts and what a device needs, in one alphabet. */
enum pp_connect {
	PP_CONNECT_PCI = 1 << 0,  /* conventional device */
	PP_CONNECT_PCIE = 1 << 1, /* PCI Express device */
	PP_CONNECT_ROOT_PORT = 1 << 2,
	PP_CONNECT_UPSTREAM = 1 << 3,
	PP_CONNECT_DOWNSTREAM = 1 << 4,
	PP_CONNECT_DMI_BRIDGE = 1 << 5,
	PP_CONNECT_TO_PCI_BRIDGE = 1 << 6,
	PP_CONNECT_PCI_BRIDGE = 1 << 7,
	PP_CONNECT_EXPANDER = 1 << 8,
	PP_CONNECT_PCIE_EXPANDER = 1 << 9,
	PP_CONNECT_TYPES = (1 << 10) - 1,
	PP_CONNECT_AUTO =
		1 << 10, /* needs, or is, a bus where slots are given without being asked for */
	PP_CONNECT_AGGREGATE = 1 << 11, /* may share a slot with its kind, a function each */
};

enum pp_bus_model {
	PP_BUS_NONE,
	PP_BUS_PCI_ROOT,
	PP_BUS_PCIE_ROOT,
	PP_BUS_PCI_BRIDGE,
	PP_BUS_DMI_BRIDGE,
	PP_BUS_TO_PCI_BRIDGE,
	PP_BUS_ROOT_PORT,
	PP_BUS_UPSTREAM,
	PP_BUS_DOWNSTREAM,
	PP_BUS_EXPANDER,
	PP_BUS_PCIE_EXPANDER,
};

struct pp_bus_slot {
	uint8_t functions; /* bit N: function N is taken */
	bool aggregate;
	const struct pp_domain_device *owners[8]; /* NULL: of the machine itself */
};
struct pp_bus {
	enum pp_bus_model model;
	unsigned accepts; /* enum pp_connect */
	unsigned min_slot, max_slot;
	unsigned below; /* the bus on which its controller sits, and 1; 0: not placed yet */
	int line;       /* of the device for which it was added; 0: the definition has it */
	struct pp_bus_slot slots[32];
};
struct pp_bus_set {
	struct pp_bus *buses; /* PP_BUS_MAX of them */
	unsigned n_buses;
	bool grows;       /* the first run: a bus is added where one is missing */
	const char *file; /* for messages */
	struct pp_error *error;
};

enum pp_bus_model pp_bus_model_of(const char *name); /* "pcie-root-port"; PP_BUS_NONE: unknown */
const char *pp_bus_model_name(enum pp_bus_model model);
unsigned pp_bus_model_needs(enum pp_bus_model model); /* what a controller of this model needs */
void pp_bus_set_model(struct pp_bus *bus, enum pp_bus_model model);

/* Takes a function. OWNER NULL: the machine's own. EXPLICIT: the author asked for it, which lets
 * conventional and Express devices sit on each other's buses. */
int pp_bus_take(struct pp_bus_set *set, const struct pp_place *place, unsigned needs,
	bool is_explicit, const struct pp_domain_device *owner);
/* The first free slot (or function of an aggregate) that fits; with AUTO buses may grow. */
int pp_bus_find(struct pp_bus_set *set, unsigned needs, int line, struct pp_place *ret_place);
/* For the controller of the bus BEHIND (-1: none), which cannot sit behind itself. */
int pp_bus_find_for(
	struct pp_bus_set *set, unsigned needs, int line, int behind, struct pp_place *ret_place);
bool pp_bus_slot_is_free(const struct pp_bus_set *set, unsigned bus, unsigned slot);

/* The bus that a controller makes; -1: it makes none. */
int pp_bus_behind(const struct pp_domain_device *device);
/* Whether a bus hangs, as far as is known by now, below the one that a controller makes. */
bool pp_bus_is_below(const struct pp_bus_set *set, unsigned bus, int controller);
/* SeaBIOS gives each conventional bus a window of 4 KiB of I/O addresses, and stops ("out of I/O
 * address space") where they do not fit below what the machine has. */
unsigned pp_bus_windows(const struct pp_bus_set *set, unsigned bus);
unsigned pp_bus_windows_max(bool q35);
bool pp_bus_windows_fit(const struct pp_bus_set *set, const struct pp_domain *domain);

#endif
