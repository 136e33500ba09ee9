/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A setup: what is to be done so that a host can give devices to guests. From facts alone. */
#ifndef LIB_SETUP_SETUP_H
#define LIB_SETUP_SETUP_H

#include "lib/host/boot.h"
#include "lib/setup/words.h"

PP_DEFINE_CLEANUP(struct pp_setup *, pp_setup_free)

/* What the record says of earlier setups. */
struct pp_setup_past {
	bool any;
	bool trial;                    /* an entry for one boot is set */
	bool rebooted;                 /* since then */
	const char *loader;            /* that was set; NULL: none */
	struct pp_words_change change; /* its kernel parameters */
	const char *image; /* the command that makes the initramfs anew, which lacks a binding as it
			    * is now; NULL: it has them, or there is none */
};
/* CONFIRM: those of PAST are made permanent; else what is missing is found out. */
int pp_setup_make(const struct pp_host *host, const struct pp_boot *boot,
	const struct pp_setup_options *options, const struct pp_setup_past *past, bool confirm,
	struct pp_setup **ret_setup, struct pp_error *error);
/* A line of it, and of a command its words; the caller frees. */
char *pp_setup_step_text(const struct pp_setup_step *step, bool back);
/* What begins each file of ours. */
#define PP_SETUP_MARK "# Written by `pcipass host-setup`; `pcipass host-setup --undo` removes it.\n"
#define PP_SETUP_TRIAL "pcipass-trial"

#endif
