/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checks, by the file that they live in; table.c names them all. */
#ifndef LIB_CHECK_SUBJECTS_H
#define LIB_CHECK_SUBJECTS_H

#include "lib/check/check.h"

typedef void pp_check_function(struct pp_check_run *run);

/* iommu.c */
pp_check_function pp_check_no_iommu, pp_check_vfio_missing, pp_check_no_interrupt_remapping;
/* device.c */
pp_check_function pp_check_device_vanished, pp_check_config_dead, pp_check_not_endpoint,
	pp_check_permission;
/* group.c */
pp_check_function pp_check_group_none, pp_check_group_not_viable;
/* inuse.c */
pp_check_function pp_check_in_use;

#endif
