/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The firmware's IOMMU tables: Intel's DMAR and AMD's IVRS. Pure: any bytes in, what could be
 * understood and the first fault out. */
#ifndef HOST_ACPI_H
#define HOST_ACPI_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which devices a region is for: from a bus, down by slot and function (DMAR), or a range (IVRS).
 */
struct pp_acpi_scope {
	bool below; /* everything below the bridge that the path leads to, too */
	uint8_t bus;
	const uint8_t *path;  /* pairs of slot and function; NULL: the range */
	size_t n_path;        /* pairs */
	uint16_t first, last; /* bus << 8 | slot << 3 | function */
};

/* Memory that the firmware wants mapped one to one for some devices (RMRR, IVMD). */
struct pp_acpi_region {
	uint64_t start, end; /* both included */
	uint16_t segment;
	struct pp_acpi_scope *scopes;
	size_t n_scopes;
};

struct pp_acpi {
	const char *fault; /* NULL: nothing is wrong */
	bool usable;       /* its header could be read */
	bool intremap;     /* DMAR: flags, bit 0 */
	unsigned width; /* bits of a guest address; DMAR: host address width, IVRS: virtual width */
	size_t n_units;
	struct pp_acpi_region *regions;
	size_t n_regions;
};

/* SIGNATURE: "DMAR" or "IVRS". Scopes point into BYTES. -ENOMEM is the only error. */
int pp_acpi_parse(const char *signature, const uint8_t *bytes, size_t length,
	struct pp_arena *arena, struct pp_acpi *ret_acpi);

#endif
