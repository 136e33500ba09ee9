/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Assignment in progress: the growing list of devices of the second domain. Inside lib/domain only.
 */
#ifndef DOMAIN_ASSIGN_H
#define DOMAIN_ASSIGN_H

#include "lib/domain/address.h"
#include "lib/domain/bus.h"

struct pp_assigning {
	struct pp_domain *domain; /* the result; its devices are `devices` */
	const char *file;
	struct pp_error *error;
	struct pp_domain_device *devices;
	size_t n_devices, size; /* the array never moves: others point into it */
	const struct pp_hostdev_fact *facts;
	size_t n_facts;
	unsigned *needs; /* of each device: enum pp_connect, 0: no PCI device */
	struct pp_bus_set set;
};

int pp_assigning_fail(struct pp_assigning *assigning, int line, const char *format, ...)
	PP_PRINTF(3, 4);
/* A new device of KIND at the end; NULL when memory or room is out (the error is set). */
struct pp_domain_device *pp_assigning_add(
	struct pp_assigning *assigning, enum pp_domain_device_kind kind);
struct pp_domain_device *pp_assigning_controller(
	struct pp_assigning *assigning, enum pp_controller_type type, int index);
struct pp_domain_device *pp_assigning_add_controller(
	struct pp_assigning *assigning, enum pp_controller_type type, int index, const char *model);

/* implied.c: controllers and devices that the definition implies. */
int pp_assigning_implied(struct pp_assigning *assigning);
/* nodes.c: host devices in the guest's cell that has their node's memory. */
int pp_assigning_nodes(struct pp_assigning *assigning);
/* drive.c: places on disk controllers, virtio-serial ports. */
int pp_assigning_drives(struct pp_assigning *assigning);
int pp_assigning_serial_ports(struct pp_assigning *assigning);
/* usb.c */
int pp_assigning_usb(struct pp_assigning *assigning);
/* connect.c: what each device needs of a PCI bus. */
void pp_assigning_needs(struct pp_assigning *assigning);
bool pp_usb_is_companion(const char *model); /* ich9-uhci1..3: sits in the slot of its EHCI */
bool pp_usb_is_ich9(const char *model);
/* pci.c, with placing.h */
int pp_assigning_pci(struct pp_assigning *assigning);
/* alias.c */
int pp_assigning_aliases(struct pp_assigning *assigning);

#endif
