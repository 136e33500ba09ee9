/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices that a verb was given, by the names that the user wrote. */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include "base/arena.h"
#include "cli/cli.h"

#define CLI_NODE_SIZE 32 /* of "pci_0000_00_1a_7" */
struct cli_devices {
	const struct pp_device **items;
	const char **names; /* as they were written; NULL: came along with its group */
	size_t count, room;
};
void cli_devices_done(struct cli_devices *devices);
#define CLI_DEVICES PP_CLEANUP(cli_devices_done)

/* Reads the machine; an error is said. Returns an exit status. */
int cli_read(struct cli *cli, unsigned depth, struct pp_host **ret_host);
PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)
PP_DEFINE_CLEANUP(struct pp_unfinished_list *, pp_unfinished_free)
PP_DEFINE_CLEANUP(struct pp_change_list *, pp_change_list_free)
PP_DEFINE_CLEANUP(struct pp_binding_list *, pp_binding_list_free)
PP_DEFINE_CLEANUP(struct pp_plan *, pp_plan_free)
/* Finds each, once. The words must outlive the list. Returns an exit status. */
int cli_devices_find(struct cli *cli, const struct pp_host *host, const char *const *words,
	size_t n_words, struct cli_devices *devices);
/* Both, with the devices in the result; GROUPS: their IOMMU groups come along. */
int cli_devices_read(struct cli *cli, unsigned depth, const char *const *words, size_t n_words,
	bool groups, struct pp_host **ret_host, struct cli_devices *devices);
/* Adds the other endpoints of their IOMMU groups. 0 or -ENOMEM. */
int cli_devices_add_groups(const struct pp_host *host, struct cli_devices *devices);
int cli_devices_add(struct cli_devices *devices, const struct pp_device *device, const char *name);

/* Who has a device that is out, "host" or "guest:NAME"; "": it is not out, or that cannot be read.
 * Of all devices as they were when the first was asked for: for verbs that only look. */
const char *cli_owner(struct cli *cli, const struct pp_device *device);
/* What devices get at each boot, likewise; NULL: that cannot be read. */
const struct pp_binding_list *cli_bindings(struct cli *cli);

/* virsh's name of a function. */
const char *cli_node_name(const struct pp_device *device, char text[CLI_NODE_SIZE]);
/* As lspci writes it: "Intel Corporation 82801JI (ICH10 Family) USB2 EHCI Controller #2"; free. */
char *cli_device_title(const struct pp_device *device);
/* Without the domain where it is 0000. */
const char *cli_short_address(const struct pp_device *device);
/* "GeForce RTX 3070" of "GA104 [GeForce RTX 3070]"; of what has no name its class. */
const char *cli_short_name(struct pp_arena *arena, const struct pp_device *device);
/* How the user calls it: the word, else virsh's name. */
const char *cli_device_called(
	const struct cli_devices *devices, size_t index, char text[CLI_NODE_SIZE]);
/* "Failed to WHAT device NAME..."; free. NULL without memory. */
char *cli_devices_blame(const struct cli_devices *devices, const char *what);
/* "Device NAME WHAT" for each, as virsh ends. */
void cli_devices_say(struct cli *cli, const struct cli_devices *devices, const char *what);
/* [{"name", "address"}] */
struct pp_json *cli_devices_json(const struct cli_devices *devices);

/* Bindings were changed, or not: says what has to be run for an initramfs that holds them. */
void cli_boot_image(struct cli *cli, bool changed);

#endif
