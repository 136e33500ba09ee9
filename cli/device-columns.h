/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The columns that a PCI function has in tables. */
#ifndef CLI_DEVICE_COLUMNS_H
#define CLI_DEVICE_COLUMNS_H

#include "cli/cli.h"
#include "cli/table.h"

extern const struct cli_column cli_device_columns[];
extern const size_t cli_n_device_columns;
#define CLI_DEVICE_DEFAULTS "ADDRESS,ID,CLASS,DRIVER,GROUP,NUMA,CAN-GO,RESET,USED-BY,NAME"
/* Where any device is bound at each boot. */
#define CLI_DEVICE_DEFAULTS_BOUND                                                                  \
	"ADDRESS,ID,CLASS,DRIVER,BOOT,GROUP,NUMA,CAN-GO,RESET,USED-BY,NAME"

/* Adds a row. 0 or -ENOMEM. */
int cli_device_row(struct cli *cli, struct cli_table *table, const struct pp_host *host,
	const struct pp_device *device);

enum cli_go { CLI_GO_YES, CLI_GO_GROUP, CLI_GO_NO, CLI_GO_UNKNOWN };
/* Can it go to a guest: alone, only with its whole group, or not; *ret_why (free) is the first
 * reason, *ret_text (free) says it. Each may be NULL. */
enum cli_go cli_device_go(const struct pp_host *host, const struct pp_device *device,
	char **ret_why, char **ret_text);

#endif
