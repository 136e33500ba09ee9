/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The author's text of a definition with a device more or less; all else stays byte for byte. */
#ifndef DOMAIN_TEXT_H
#define DOMAIN_TEXT_H

#include "lib/domain/domain.h"

/* Puts DEVICE, the text of one element, behind the last device. The caller frees. */
int pp_domain_text_add(const char *text, size_t length, const char *device, char **ret_text,
	struct pp_error *error);
/* Takes the <hostdev> of a host's device out: -ENOENT, without a text, where there is none. */
int pp_domain_text_remove(const char *text, size_t length, const struct pp_address *source,
	char **ret_text, struct pp_error *error);
/* The text as the guest runs: with the addresses and aliases of ASSIGNED, which was made of it, and
 * with the controllers and devices that it implies. Read by pp_domain_parse_live and assigned, it
 * comes out the same. The caller frees. */
int pp_domain_text_live(const char *text, size_t length, const struct pp_domain *assigned,
	char **ret_text, struct pp_error *error);
/* The text of a run: its <interface> of this NUMBER, from 0, is SOURCE of the host, written as
 * libvirt writes one that has a virtual function of a network of them. The caller frees. */
int pp_domain_text_function(const char *text, size_t length, size_t number,
	const struct pp_address *source, bool managed, char **ret_text, struct pp_error *error);
/* DEVICE must be one element that can be in <devices> of a guest like DOMAIN. Faults are said with
 * FILE and its line. Made of it: a domain of this device alone. */
int pp_domain_text_device(const char *device, size_t length, const char *file,
	const struct pp_domain *domain, struct pp_domain **ret_alone, struct pp_error *error);

#endif
