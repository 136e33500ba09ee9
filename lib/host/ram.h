/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where QEMU puts a guest's memory: its addresses, which are those of its devices' DMA. */
#ifndef LIB_HOST_RAM_H
#define LIB_HOST_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_ram_piece {
	uint64_t address, size; /* bytes */
};
/* Below 4 GiB as far as the machine has room, the rest above; RELOCATES (hosts of AMD, machines of
 * QEMU 7.1 or newer): above 1 TiB where it would meet HyperTransport's hole. Returns how many
 * pieces there are. */
size_t pp_ram_lay_out(uint64_t memory, bool q35, bool relocates, struct pp_ram_piece pieces[2]);
/* "pc-q35-6.2" is a machine type of QEMU before MAJOR.MINOR; false where it names no version, or is
 * NULL. */
bool pp_machine_is_before(const char *machine, unsigned major, unsigned minor);

#endif
