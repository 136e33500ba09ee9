/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool: devices of this host that a cluster engine may give away under one resource name. It is
 * an explicit list of devices by address and identity, never "all that match". The file is JSON:
 *
 *   {"pools": [{"resource": "example.com/nvme", "units": [
 *     {"address": "0000:01:00.0", "id": "1b36:0010", "subsystem": "1af4:1100", "serial": "0x12"},
 *     {"bundle": [{"address": ...}, {"address": ...}], "prepare": ["/path", "word"],
 *      "release": ["/path"], "deadline": 20, "reset": "none"}]}]}
 *
 * A unit is given and taken as a whole: the IOMMU groups of its devices. The first device leads. */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "base/jsonreader.h"
#include <pcipass.h>

struct pp_pool_device {
	struct pp_address address;
	const char *name; /* "0000:01:00.0" */
	struct pp_json_identity identity;
};
struct pp_pool_unit {
	const struct pp_pool_device *devices; /* the leader first */
	size_t n_devices;
	const char *place; /* in the file: "pools[0].units[2]" */
	bool no_reset;     /* its author wants it given on without a reset */
	const char *const *prepare, *const *release; /* commands; NULL: none */
	int deadline_ms;                             /* of each command */
};
struct pp_pool {
	const char *resource; /* "example.com/nvme" */
	const char *variable; /* "PCI_RESOURCE_EXAMPLE_COM_NVME", what KubeVirt makes of it */
	bool cdi;             /* its units are named for CDI too */
	const struct pp_pool_unit *units;
	size_t n_units;
};
struct pp_pools {
	const char *file;
	const struct pp_pool *items;
	size_t n_items;
	struct pp_arena *arena;
};

#define PP_POOL_FILE_MAX (1 << 20)
#define PP_POOL_UNITS_MAX 1024

/* FILE: what messages call it. All of it is right, or there is an error that names the place. */
int pp_pools_parse(const char *text, size_t length, const char *file, struct pp_pools **ret_pools,
	struct pp_error *error);
/* The same of a file, which no other user than its owner may be able to write: commands in it run
 * as root. */
int pp_pools_load(const char *path, struct pp_pools **ret_pools, struct pp_error *error);
void pp_pools_free(struct pp_pools *pools);
PP_DEFINE_CLEANUP(struct pp_pools *, pp_pools_free)

/* What Kubernetes takes as the name of an extended resource; else why not. NULL: it does. */
const char *pp_resource_fault(const char *resource);
/* "PCI_RESOURCE_EXAMPLE_COM_NVME": in capitals, `/` and `.` as `_`. */
char *pp_resource_variable(struct pp_arena *arena, const char *resource);

#endif
