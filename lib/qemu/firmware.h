/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware for guests: what the host's packages offer (QEMU's firmware descriptors,
 * docs/interop/firmware.json of QEMU), and which of it a guest gets. */
#ifndef QEMU_FIRMWARE_H
#define QEMU_FIRMWARE_H

#include "base/arena.h"
#include "base/tree.h"
#include "lib/domain/domain.h"
#include "lib/qemu/capabilities.h"

/* UEFI in flash, for x86_64. */
struct pp_firmware {
	const char *code, *code_format;
	const char *template, *template_format; /* its variables' first state; NULL: stateless */
	const char *const *machines;            /* patterns, "pc-q35-*" */
	size_t n_machines;
	bool secure_boot, enrolled_keys, requires_smm, acpi_s3, acpi_s4;
};
struct pp_firmwares {
	const struct pp_firmware *items; /* the first that suits is taken */
	size_t n_items;
	const char *broken; /* a descriptor that could not be understood; NULL: none */
};
/* Of /usr/share/qemu/firmware and /etc/qemu/firmware: a name in the second stands for that of the
 * first. */
int pp_firmwares_read(struct pp_tree *tree, struct pp_arena *arena,
	struct pp_firmwares *ret_firmwares, struct pp_error *error);

/* What a guest's two flash devices hold. */
struct pp_flash {
	const char *code, *code_format;
	const char *variables, *variables_format; /* NULL: it keeps none */
	const char *template; /* what the variables are made of where there are none; NULL: not
				 known */
	bool secure;          /* written by the firmware in SMM alone */
};
/* Pure. VARIABLES: where they are kept when the definition does not say. FILE: what messages call
 * the definition. The flash borrows from all of these. */
int pp_flash_choose(const struct pp_domain *domain, const struct pp_qemu_machine *machine,
	const struct pp_firmwares *firmwares, const char *variables, const char *file,
	struct pp_flash *ret_flash, struct pp_error *error);

#endif
