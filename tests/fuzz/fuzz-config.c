/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Config space: any bytes of any length. */
#include "lib/host/config.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pp_config_bytes bytes = {data, size};
	struct pp_config_source source = {pp_config_bytes_read, &bytes};
	struct pp_config config;
	pp_config_parse(&source, &config);
	const struct pp_capabilities *capabilities = &config.capabilities;
	if (config.length > PP_CONFIG_HEADER || config.length > size ||
		capabilities->express >= PP_CONFIG_CONVENTIONAL ||
		capabilities->acs >= PP_CONFIG_EXTENDED || capabilities->msix_vectors > 2048 ||
		(config.dead && capabilities->read))
		abort();
	return 0;
}
