/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Config space: what its bytes say. Pure: the bytes come from a source, and only those are asked
 * for that are understood, for some devices mind being read elsewhere. Any bytes are survived. */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include <pcipass.h>

#define PP_CONFIG_HEADER 64
#define PP_CONFIG_CONVENTIONAL 256
#define PP_CONFIG_EXTENDED 4096

struct pp_config_source {
	/* Reads SIZE bytes at OFFSET; returns how many there were, or -errno. */
	ssize_t (*read)(void *data, unsigned offset, void *bytes, size_t size);
	void *data;
};

struct pp_config {
	size_t length;    /* bytes of the header that could be read, at most 64 */
	bool dead;        /* they are all ones: nobody answers */
	bool cut;         /* a structure of the first 256 bytes is named but cannot be read */
	bool header_only; /* nothing behind the header can be read: what the kernel shows to all */
	uint16_t vendor, product; /* a virtual function has ffff here */
	uint32_t class_code;
	uint8_t revision;
	enum pp_header header;
	bool multifunction;
	struct pp_capabilities capabilities;
	struct pp_rebar rebars[6];
};

void pp_config_parse(const struct pp_config_source *source, struct pp_config *ret_config);

/* A source of bytes in memory. */
struct pp_config_bytes {
	const uint8_t *bytes;
	size_t length;
};
ssize_t pp_config_bytes_read(void *data, unsigned offset, void *bytes, size_t size);

#endif
