/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's guests, as its files tell of them: definitions, and the status of those that run. Never
 * by a call of its daemon, which may be absent, old, or waiting for us. A file that is cut short,
 * or is something else, is no guest; nothing of it is believed. */
#ifndef HOST_LIBVIRT_H
#define HOST_LIBVIRT_H

#include "base/arena.h"
#include "base/tree.h"
#include "lib/context.h"
#include <pcipass.h>

/* From <domain>, or <domstatus> with one in it; in the arena. -EBADMSG: neither, or not whole. */
int pp_libvirt_parse(struct pp_arena *arena, const char *text, size_t length,
	struct pp_libvirt_guest *ret_guest);
/* Where the <domain> of a status file begins and ends (libvirt's own notes are around it). */
int pp_libvirt_domain_text(const char *text, size_t length, size_t *ret_start, size_t *ret_length);

/* A definition or status; SESSION not NULL: in a folder of a user, who may have put anything there.
 */
int pp_libvirt_file(struct pp_tree *tree, struct pp_arena *arena, const char *path,
	const char *session, char **ret_text, size_t *ret_length);

/* All guests of this machine: those that are defined, those that run, those that are both (once).
 * Of the system's daemon first, by name. DEFINED false: only those that run. 0 or -ENOMEM. */
int pp_libvirt_read(struct pp_tree *tree, struct pp_arena *arena, bool defined,
	struct pp_libvirt_guest **ret_guests, size_t *ret_count);

/* A network of libvirt's. */
struct pp_libvirt_network {
	const char *mode;   /* of <forward>: "nat", "bridge" ...; NULL: it is isolated */
	const char *bridge; /* NULL: it has none */
	/* with mode "hostdev": */
	const char *pf; /* an interface of the host, whose virtual functions it has; NULL: */
	const struct pp_address *addresses; /* those */
	size_t n_addresses;
	bool managed;
};
/* -ENOENT: there is none of this name; -EBADMSG: its file is not whole. */
int pp_libvirt_network(struct pp_tree *tree, struct pp_arena *arena, const char *name,
	struct pp_libvirt_network *ret_network);

/* The name of the guest that a process runs, by QEMU's own -name; NULL: none. *ret_tool: "libvirt",
 * "pcipass" or "qemu". -ENOMEM, else 0. */
int pp_qemu_guest(struct pp_tree *tree, struct pp_arena *arena, const char *process,
	const char **ret_name, const char **ret_tool);
/* Whether it has a VFIO group or device open, or that cannot be looked at: -ENOMEM, 0 or 1. */
int pp_qemu_holds_device(struct pp_tree *tree, const char *process);
/* Whether a QEMU that TOOL ("libvirt", "pcipass") started runs a guest of this name: -ENOMEM, 0, or
 * its pid. Any user's process can say that it is one: libvirt's is believed when libvirt noted it,
 * or when it has a device. */
int pp_qemu_lives(struct pp_tree *tree, const char *name, const char *tool);

#endif
