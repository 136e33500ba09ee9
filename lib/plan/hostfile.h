/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file says that a host's passthrough is to be (docs/host-apply.md). JSON, devices by what
 * they are:
 *
 *   {"devices": [
 *     {"address": "0000:41:00.0", "id": "144d:a80a", "driver": "vfio-pci"},
 *     {"id": "8086:1572", "serial": "0x90e2baffff123456", "functions": 4, "each": [
 *       {"number": 0, "mac": "52:54:00:1a:b0:01", "vlan": 7, "trust": false,
 *        "driver": "vfio-pci"}]}],
 *    "hugepages": [{"node": 0, "pages": 512}]}
 *
 * Pure: what is there is given as facts. */
#ifndef LIB_PLAN_HOSTFILE_H
#define LIB_PLAN_HOSTFILE_H

#include "base/jsonreader.h"
#include <pcipass.h>

struct pp_host_function {
	unsigned number;
	bool has_mac;
	uint8_t mac[6];
	int64_t vlan;       /* -1: not said; 0: none */
	int trust, spoof;   /* -1: not said */
	const char *driver; /* NULL: not said */
};
struct pp_host_entry {
	const char *place; /* "devices[0]", for messages */
	bool has_address;
	struct pp_address address;
	struct pp_json_identity identity;
	const char *driver; /* "host", or one that holds it for a guest; NULL: not said */
	int64_t functions;  /* -1: not said */
	const struct pp_host_function *each;
	size_t n_each;
};
struct pp_host_file {
	const char *name;
	const struct pp_host_entry *entries;
	size_t n_entries;
	const struct pp_setup_pages *pages;
	size_t n_pages;
	struct pp_arena *arena;
};

int pp_host_file_parse(const char *name, const char *text, size_t length,
	struct pp_host_file **ret_file, struct pp_error *error);
/* The device that each entry means, one an entry; HOST with PP_READ_CONFIG. An error for one that
 * is not there, is another device, or is meant twice. */
int pp_host_file_find(const struct pp_host_file *file, const struct pp_host *host,
	const struct pp_device **ret_devices, struct pp_error *error);

#endif
