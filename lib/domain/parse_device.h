/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers of single devices. Inside lib/domain only. */
#ifndef DOMAIN_PARSE_DEVICE_H
#define DOMAIN_PARSE_DEVICE_H

#include "lib/domain/parse.h"

#define PP_DEVICE_PARSER(name)                                                                     \
	void pp_parsing_##name(struct pp_parsing *parsing, const struct pp_element *element,       \
		struct pp_domain_device *device)
PP_DEVICE_PARSER(chardev);
PP_DEVICE_PARSER(video);
PP_DEVICE_PARSER(graphics);
PP_DEVICE_PARSER(input);
PP_DEVICE_PARSER(memballoon);
PP_DEVICE_PARSER(rng);
PP_DEVICE_PARSER(watchdog);
PP_DEVICE_PARSER(sound);
PP_DEVICE_PARSER(audio);
PP_DEVICE_PARSER(model);
/* parse_backend.c */
PP_DEVICE_PARSER(hostdev);
PP_DEVICE_PARSER(function); /* <interface type='hostdev'> */
PP_DEVICE_PARSER(redirdev);
PP_DEVICE_PARSER(tpm);
/* parse_share.c */
PP_DEVICE_PARSER(shmem);
PP_DEVICE_PARSER(filesystem);

/* What an <interface> says, and its address where it says one. */
void pp_parsing_mac(struct pp_parsing *parsing, const struct pp_element *interface, uint8_t mac[6],
	bool *ret_has);
int pp_parsing_vlan(struct pp_parsing *parsing, const struct pp_element *interface); /* 0: none */

#endif
