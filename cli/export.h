/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools as other engines read them. Pure: the same pools on the same host are the same text. */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "base/buffer.h"
#include "pool/unit.h"

struct cli_export {
	const struct pp_pools *pools;
	const struct pp_pool *only; /* of one resource; NULL: of all */
	const struct pp_host *host;
	const char *node; /* the name of this host */
};
struct cli_export_format {
	const char *name;
	const char *what; /* for the manual */
	int (*write)(
		const struct cli_export *export, struct pp_buffer *out, struct pp_error *error);
};
extern const struct cli_export_format cli_export_formats[];
extern const size_t cli_n_export_formats;

#endif
