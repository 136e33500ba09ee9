/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A binding: the driver that one device gets at each boot, before the host's own driver can take
 * it; a file of ours a device, ETC/bindings/ADDRESS:
 *
 *   pcipass-binding 1
 *   driver vfio-pci
 *   slot pci0000:00/1c.0/00.0
 *   identity pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02 rev=02 serial=LABNVME01
 *
 * or, with "functions 4" in the place of the driver, how many virtual functions it gets once its
 * own driver has it (`nodedev-setvfs --config`).
 *
 * The address, the slot (the way to it through bridges, without bus numbers, which move) and the
 * identity (identity.h) have to be of one device, else it is left to the host. */
#ifndef LIB_APPLY_BINDING_H
#define LIB_APPLY_BINDING_H

#include "lib/apply/identity.h"

#define PP_BINDING_SLOT_SIZE 256

struct pp_binding_record {
	char address[PP_ADDRESS_SIZE];
	char driver[PP_DRIVER_SIZE];
	char slot[PP_BINDING_SLOT_SIZE];
	char identity[PP_IDENTITY_SIZE];
	unsigned functions; /* 0: it is about a driver */
	char fault[128];    /* why it cannot be understood; "": it can */
};

/* What is said of a device now; -ENODEV: it is not there. DRIVER is left empty. */
int pp_binding_look(
	struct pp_context *context, const char *address, struct pp_binding_record *ret_record);
/* -ENOENT: there is none. What cannot be understood is in its fault. */
int pp_binding_load(
	struct pp_context *context, const char *address, struct pp_binding_record *ret_record);
/* TEXT as in the file; never fails: see fault. */
void pp_binding_parse(
	const char *address, const char *text, size_t length, struct pp_binding_record *ret_record);
char *pp_binding_text(const struct pp_binding_record *record); /* the caller frees; NULL: oom */
/* The device that is at its address now is the one that was meant: slot and identity say so. */
bool pp_binding_is(const struct pp_binding_record *record, const struct pp_binding_record *now);
/* Why it does not hold: "another device is there now", and where its own is. "" when it does. */
int pp_binding_fault(struct pp_context *context, const struct pp_binding_record *record, char *text,
	size_t size);
/* The names in the folder, by byte; in the arena. */
int pp_binding_names(
	struct pp_context *context, struct pp_arena *arena, char ***ret_names, size_t *ret_count);

#endif
