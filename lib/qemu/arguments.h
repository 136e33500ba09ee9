/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of QEMU in the making: options with properties, values escaped as QEMU reads them (a
 * comma is doubled). The first failure is kept; nothing is checked before the end. Inside lib/qemu
 * only. */
#ifndef QEMU_ARGUMENTS_H
#define QEMU_ARGUMENTS_H

#include "base/buffer.h"
#include "base/json.h"
#include "lib/qemu/argv.h"

struct pp_arguments {
	const struct pp_domain *domain;
	const struct pp_qemu_capabilities *capabilities;
	const struct pp_launch_options *options;
	const char *file;
	struct pp_error *error;
	struct pp_arena *arena;
	char **list;
	size_t count, size;
	struct pp_buffer current; /* the value of the option that is being written */
	bool plain;               /* nothing of it is written yet */
	unsigned n_nodes;         /* block nodes so far */
	struct pp_launch_file *files;
	size_t n_files, files_size;
	struct pp_flash flash; /* with UEFI */
	int failed;
};

int pp_arguments_fail(struct pp_arguments *arguments, int line, const char *format, ...)
	PP_PRINTF(3, 4);
void pp_arguments_add(struct pp_arguments *arguments, const char *text);
void pp_arguments_pair(struct pp_arguments *arguments, const char *option, const char *value);

/* begin("-machine", "q35"), prop("usb", "off") ..., end(). FIRST may be NULL. */
void pp_arguments_begin(struct pp_arguments *arguments, const char *option, const char *first);
void pp_arguments_prop(
	struct pp_arguments *arguments, const char *name, const char *value); /* NULL: skip */
void pp_arguments_propf(struct pp_arguments *arguments, const char *name, const char *format, ...)
	PP_PRINTF(3, 4);
void pp_arguments_switch(struct pp_arguments *arguments, const char *name, enum pp_tristate state);
/* As it is: CPU flags and the like. */
void pp_arguments_raw(struct pp_arguments *arguments, const char *text);
void pp_arguments_end(struct pp_arguments *arguments);
/* begin("-device", TYPE): this QEMU must have it, else it is DEVICE's line that asks for too much.
 */
void pp_arguments_device(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *type);
/* An option with a JSON value; takes the object. */
void pp_arguments_json(struct pp_arguments *arguments, const char *option, struct pp_json *object);
/* What QEMU is to open, and the name under which it finds it: the path itself, or that of a
 * descriptor. NULL stays NULL. */
const char *pp_arguments_file(
	struct pp_arguments *arguments, enum pp_file_use use, const char *path);
/* As pp_arguments_file, for an image: of two guests that have it, none may write it, unless both
 * say that it is SHARED. */
const char *pp_arguments_image(
	struct pp_arguments *arguments, const char *path, bool write, bool shared);
/* A node of the host in QEMU's own /dev, under its own path. */
const char *pp_arguments_node(struct pp_arguments *arguments, const char *path);
/* The descriptor's number of a socket to its TPM; 0: none are passed. */
int pp_arguments_tpm(struct pp_arguments *arguments);
/* Memory of the host's, which QEMU opens by the name that comes back. */
const char *pp_arguments_shmem(struct pp_arguments *arguments, const char *path, uint64_t size);
/* The descriptor's number of a socket to who serves a directory; 0: none are passed. MORE, in the
 * arena: options of virtiofsd, or NULL. */
int pp_arguments_share(
	struct pp_arguments *arguments, const struct pp_filesystem *filesystem, const char *more);
/* The descriptor's number of a tap, and of vhost; 0: none are passed. */
int pp_arguments_tap(
	struct pp_arguments *arguments, const struct pp_interface *interface, const char *bridge);
int pp_arguments_vhost(struct pp_arguments *arguments);
/* -add-fd for all of them. */
void pp_arguments_files(struct pp_arguments *arguments); /* files.c */
/* path=, or fd= of a socket that is made for QEMU. */
void pp_arguments_socket(struct pp_arguments *arguments, const char *path, bool listen);
/* bus=,multifunction=,addr= of a device on the guest's PCI. */
void pp_arguments_place(struct pp_arguments *arguments, const struct pp_domain_device *device);
/* bus=,port= of a device on the guest's USB. */
void pp_arguments_usb_place(struct pp_arguments *arguments, const struct pp_place *place);
/* rombar=,romfile=; bootindex=; acpi-index= */
void pp_arguments_rom(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_boot(struct pp_arguments *arguments, const struct pp_domain_device *device);

/* Chooses the flash, before anything else; its properties of -machine. */
void pp_arguments_flash(struct pp_arguments *arguments);
void pp_arguments_flash_names(struct pp_arguments *arguments);

/* The parts, in the order of the command line. */
void pp_arguments_machine(struct pp_arguments *arguments);     /* argv_machine.c */
void pp_arguments_cpu(struct pp_arguments *arguments);         /* argv_cpu.c */
void pp_arguments_memory_name(struct pp_arguments *arguments); /* argv_memory.c */
void pp_arguments_memory(struct pp_arguments *arguments);
void pp_arguments_numa(struct pp_arguments *arguments);
void pp_arguments_clock(struct pp_arguments *arguments);       /* argv_machine.c */
void pp_arguments_firmware(struct pp_arguments *arguments);    /* argv_firmware.c: boot, kernel */
void pp_arguments_controllers(struct pp_arguments *arguments); /* argv_controller.c */
void pp_arguments_disk(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_chardev(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_displays(struct pp_arguments *arguments); /* argv_display.c */
void pp_arguments_video(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_interface(struct pp_arguments *arguments, const struct pp_domain_device *device,
	unsigned number); /* argv_interface.c */
/* argv_backend.c */
void pp_arguments_hostdev(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_redirdev(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_input(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_swtpm(struct pp_arguments *arguments, const struct pp_domain_device *device);
/* argv_share.c */
void pp_arguments_shmem_device(
	struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_filesystem(struct pp_arguments *arguments, const struct pp_domain_device *device);
void pp_arguments_sound(struct pp_arguments *arguments, const struct pp_domain_device *device);
/* Which device a boot device of <os> means; NULL: none. */
const struct pp_domain_device *pp_boot_target(
	const struct pp_domain *domain, enum pp_boot_device boot);

#endif
