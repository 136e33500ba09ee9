/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first page: pcipass alone. */
#ifndef CLI_OVERVIEW_H
#define CLI_OVERVIEW_H

#include "cli/cli.h"

int cli_overview(struct cli *cli); /* enum pp_status */

/* "VT-d", "AMD IOMMU" ... */
const char *cli_iommu_name(const struct pp_iommu *iommu);

#endif
