/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel says of a PCI function over devlink (generic netlink). */
#ifndef HOST_NODE_DEVLINK_H
#define HOST_NODE_DEVLINK_H

#include <stdbool.h>

/* Is its embedded switch in switchdev mode? ADDRESS: "0000:03:00.0". Also false where nobody knows.
 */
bool pp_devlink_is_switchdev(const char *address);

#endif
