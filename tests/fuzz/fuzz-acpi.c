/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The firmware's tables: any bytes, read as DMAR and as IVRS, whatever their signature. */
#include "lib/host/acpi.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pp_acpi *acpi, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < acpi->n_regions; i++) {
		for (size_t k = 0; k < acpi->regions[i].n_scopes; k++) {
			const struct pp_acpi_scope *scope = &acpi->regions[i].scopes[k];
			if (scope->path && (scope->path < data ||
						   scope->path + 2 * scope->n_path > data + size))
				abort();
		}
	}
	/* nothing is taken from a table whose header cannot be read */
	if (!acpi->usable && (!acpi->fault || acpi->n_regions || acpi->n_units))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const signatures[] = {"DMAR", "IVRS"};
	for (size_t i = 0; i < 2; i++) {
		struct pp_acpi acpi;
		struct pp_arena *arena = pp_arena_new();
		if (!arena)
			return 0;
		if (pp_acpi_parse(signatures[i], data, size, arena, &acpi) == 0)
			check(&acpi, data, size);
		pp_arena_free(arena);
	}
	return 0;
}
