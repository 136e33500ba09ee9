/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU binary can do: asked of it once over QMP, then cached by the file's identity. */
#ifndef QEMU_CAPABILITIES_H
#define QEMU_CAPABILITIES_H

#include "base/arena.h"
#include "base/json.h"
#include <pcipass.h>
#include <stdbool.h>
#include <stddef.h>

struct pp_qemu_machine {
	const char *name;  /* "pc-q35-7.2" */
	const char *alias; /* "q35" or NULL */
	unsigned cpu_max;
	bool is_default, deprecated;
};
struct pp_qemu_capabilities {
	struct pp_arena *arena;
	const char *binary;  /* absolute path */
	unsigned version;    /* 7002022 for 7.2.22 */
	const char *package; /* "Debian 1:7.2+dfsg-7" or "" */
	const char *arch;    /* "x86_64" */
	bool kvm;            /* built with KVM */
	bool sandbox;        /* built with seccomp */
	const struct pp_qemu_machine *machines;
	size_t n_machines;
	const char *const *devices; /* QOM device types, sorted */
	size_t n_devices;
	const char *const *properties; /* "vfio-pci.display", sorted */
	size_t n_properties;
	const char *const *cpus; /* CPU models, sorted */
	size_t n_cpus;
	const char *const *cpu_features; /* properties of the "max" CPU, sorted */
	size_t n_cpu_features;
};

/* BINARY: NULL for the default emulator (the first qemu-system-x86_64 of PATH's usual folders,
 * qemu-kvm). Read from the cache in the context's folders, else asked (one QEMU that runs for a
 * moment) and cached; a cache that cannot be written is no error. */
int pp_qemu_capabilities_load(struct pp_context *context, const char *binary,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error);
/* Asks the binary itself. */
int pp_qemu_capabilities_ask(
	const char *binary, struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error);
/* To and from the cache's text. */
struct pp_json *pp_qemu_capabilities_to_json(const struct pp_qemu_capabilities *capabilities);
int pp_qemu_capabilities_from_json(const struct pp_json *json,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error);
void pp_qemu_capabilities_free(struct pp_qemu_capabilities *capabilities);
PP_DEFINE_CLEANUP(struct pp_qemu_capabilities *, pp_qemu_capabilities_free)

bool pp_qemu_has_device(const struct pp_qemu_capabilities *capabilities, const char *type);
bool pp_qemu_has_property(
	const struct pp_qemu_capabilities *capabilities, const char *type, const char *property);
/* By name or alias; NULL: unknown. NAME NULL: the default "pc". */
const struct pp_qemu_machine *pp_qemu_machine(
	const struct pp_qemu_capabilities *capabilities, const char *name);

#endif
