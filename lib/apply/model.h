/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model of the kernel's side of writes, played on a directory tree that looks like a machine:
 * bind, unbind, drivers_probe, driver_override, reset and modules as Linux 6.12 has them. What the
 * tree's sys does not say stands in ROOT/model/drivers/NAME, a file a driver, line by line:
 *
 *   match pci:v00008086d00003A6C*     devices that it takes by itself (a pattern of modalias)
 *   fail 0000:00:1a.7 16              its probe of this device fails with this errno
 *   slow 0000:00:1a.7 100             it takes so many milliseconds to let go of this device
 *   reset 0000:00:1a.7 100            a reset of this device, which is with it, takes so many
 *   vfs 0000:01:00.0 12               it fails to make virtual functions of it with this errno
 *
 * A driver with such a file and no folder in sys/bus/pci/drivers is a module that is not loaded.
 * vfio-pci and pci-stub need no file. For another driver without one the model learns: a device
 * that sits on it without an override is one that it takes. */
#ifndef LIB_APPLY_MODEL_H
#define LIB_APPLY_MODEL_H

#include "lib/context.h"

/* PATH as in a live machine: "/sys/bus/pci/drivers/ehci-pci/unbind". 0 or what write(2) would give.
 */
int pp_model_write(struct pp_context *context, const char *path, const char *text);
/* A module's name, or a modalias. */
int pp_model_load(struct pp_context *context, const char *module);

#endif
