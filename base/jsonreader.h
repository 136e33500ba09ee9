/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading JSON that a person wrote: what is not as it should be is an error that names the file and
 * the place in it. */
#ifndef BASE_JSONREADER_H
#define BASE_JSONREADER_H

#include "base/arena.h"
#include "base/json.h"

struct pp_json_reader {
	struct pp_arena *arena;
	const char *file; /* as messages call it */
	struct pp_error *error;
};
/* What a device is, whatever its address. */
struct pp_json_identity {
	uint16_t vendor, product;
	bool has_subsystem;
	uint16_t subvendor, subproduct;
	uint64_t serial; /* of PCI Express; 0: not said */
};

/* PLACE: "devices[0]". Returns -EINVAL. */
int pp_json_fault(struct pp_json_reader *reader, const char *place, const char *format, ...)
	PP_PRINTF(3, 4);
/* An object with no other key than KNOWN, which ends with NULL. */
int pp_json_check_object(struct pp_json_reader *reader, const char *place,
	const struct pp_json *value, const char *const *known);
/* *ret_text is borrowed; NULL where the key is not there. */
int pp_json_read_text(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, const char *key, const char **ret_text);
/* "id": "1b36:0010", which has to be there, "subsystem", "serial". */
int pp_json_read_identity(struct pp_json_reader *reader, const char *place,
	const struct pp_json *object, struct pp_json_identity *ret_identity);

#endif
