/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells systemd, where it listens: "READY=1" (sd_notify(3)). */
#ifndef DEVICE_PLUGIN_NOTIFY_H
#define DEVICE_PLUGIN_NOTIFY_H

void plugin_notify(const char *text);

#endif
