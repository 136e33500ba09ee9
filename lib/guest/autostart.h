/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Autostart: guests that start with the host. A link for each, ETC/autostart/NAME.xml, as libvirt
 * has it. */
#ifndef LIB_GUEST_AUTOSTART_H
#define LIB_GUEST_AUTOSTART_H

#include "lib/context.h"

bool pp_autostart_is(struct pp_context *context, const char *name);
/* 1: it was not so before. */
int pp_autostart_set(struct pp_context *context, const char *name, bool on, struct pp_error *error);

#endif
