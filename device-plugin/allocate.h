/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocate: units are promised to a container, and it is told what it needs to use them. */
#ifndef DEVICE_PLUGIN_ALLOCATE_H
#define DEVICE_PLUGIN_ALLOCATE_H

#include "device-plugin/plugin.h"
#include "v1beta1.pb-c.h"

/* All that the request names, or nothing. What is refused is refused for good: the pod fails, and
 * its user reads the error's text. The response lives in the arena. */
enum grpc_code plugin_allocate(struct plugin_resource *resource, struct pp_arena *arena,
	const Kubelet__AllocateRequest *request, Kubelet__AllocateResponse *response,
	struct pp_error *error);

#endif
