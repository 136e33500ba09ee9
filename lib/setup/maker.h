/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A maker: a setup while it is made, from the facts. Without memory it goes on and is failed in the
 * end. */
#ifndef LIB_SETUP_MAKER_H
#define LIB_SETUP_MAKER_H

#include "base/arena.h"
#include "lib/host/boot.h"
#include "lib/setup/bootfile.h"

struct pp_maker {
	const struct pp_host *host;
	const struct pp_boot *boot;
	const struct pp_setup_options *options;
	struct pp_arena *arena;
	bool permanent;                /* no boot once: it is not wanted, or was confirmed */
	struct pp_words_change change; /* kernel parameters that the machine is to be booted with */
	struct pp_setup setup;
	struct pp_setup_step *steps;
	size_t n_steps, room_steps;
	struct pp_finding *findings;
	size_t n_findings, room_findings;
	bool failed;
};

/* ---- maker.c ---- */
char *pp_maker_printf(struct pp_maker *maker, const char *format, ...) PP_PRINTF(2, 3);
/* A copy of a list of words that ends with NULL. */
const char *const *pp_maker_list(struct pp_maker *maker, const char *first, ...)
	__attribute__((sentinel));
void pp_maker_step(struct pp_maker *maker, const struct pp_setup_step *step);
/* A file of ours: TO is its whole text. Nothing where it is so already. */
void pp_maker_file(struct pp_maker *maker, const char *path, const char *to);
/* UNDO and ARGV: from pp_maker_list. */
void pp_maker_command(struct pp_maker *maker, const char *const *argv, const char *const *undo);
void pp_maker_refresh(struct pp_maker *maker, const char *const *argv);
struct pp_finding *pp_maker_find(struct pp_maker *maker, enum pp_severity severity, const char *id,
	const char *text, const char *evidence, const char *remedy);
/* The file as it can be edited: there, readable, no link, writable; *ret_file NULL: not there. */
int pp_maker_look(struct pp_maker *maker, const char *path, const struct pp_boot_file **ret_file,
	struct pp_error *error);
/* An edit of a loader's file, as a step where it changes anything. CHANGE: NULL for all of it. */
int pp_maker_edit(struct pp_maker *maker, enum pp_bootfile_format format, const char *path,
	const struct pp_words_change *change, struct pp_error *error);
/* Was the running kernel given it. */
bool pp_maker_running(const struct pp_maker *maker, const char *parameter);

/* setup.c: copies of all that comes from the facts */
void pp_maker_own(struct pp_maker *maker);

/* ---- need.c: which parameters, and what only a person can do ---- */
void pp_need_iommu(struct pp_maker *maker);
void pp_need_interrupts(struct pp_maker *maker);
/* firmware.c: "VT-d" on this board, where its vendor has put it; NULL: not known */
const char *pp_firmware_setting(struct pp_maker *maker);
/* kernelfiles.c: modules at boot, initramfs, huge pages; policy.c: SELinux, AppArmor */
void pp_need_modules(struct pp_maker *maker);
int pp_need_pages(struct pp_maker *maker, struct pp_error *error);
void pp_need_image(struct pp_maker *maker, const char *command); /* the initramfs */
void pp_need_policy(struct pp_maker *maker);

/* ---- loader.c: the loader that is really used, and its files ---- */
enum pp_loader_kind {
	PP_LOADER_GRUB,
	PP_LOADER_BLS, /* GRUB that reads loader/entries */
	PP_LOADER_LEGACY,
	PP_LOADER_ENTRIES, /* systemd-boot */
	PP_LOADER_UKI,
	PP_LOADER_LIMINE,
	PP_LOADER_OSTREE,
	PP_LOADERS,
};
int pp_loader_find(struct pp_maker *maker, enum pp_loader_kind *ret_kind, struct pp_error *error);
const char *pp_loader_limine(const struct pp_maker *maker); /* its file; NULL: none */
/* loaderfiles.c */
int pp_loader_edit(struct pp_maker *maker, enum pp_loader_kind kind, struct pp_error *error);
const char *pp_loader_entries(const struct pp_maker *maker);      /* their folder; NULL: none */
int pp_grub_edit(struct pp_maker *maker, struct pp_error *error); /* grub.c */
/* once.c: an entry beside the others for the next boot alone; false: it cannot be had here */
bool pp_grub_once(struct pp_maker *maker);
bool pp_entries_once(struct pp_maker *maker, const char *folder);
#define PP_ONCE_ENTRY "0-pcipass-trial.conf" /* sorts behind all others in systemd-boot's menu */
const char *pp_grub_config(const struct pp_maker *maker); /* its path; NULL: there is none */

#endif
