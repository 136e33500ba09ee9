/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A binding: any bytes. What is understood of it says the same when it is written again. */
#include "lib/apply/binding.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char address[] = "0000:01:00.0";
	struct pp_binding_record record, again;
	pp_binding_parse(address, (const char *)data, size, &record);
	if (record.fault[0])
		return 0;
	char *text = pp_binding_text(&record);
	if (!text)
		return 0;
	pp_binding_parse(address, text, strlen(text), &again);
	if (again.fault[0] || strcmp(record.driver, again.driver) ||
		strcmp(record.slot, again.slot) || strcmp(record.identity, again.identity))
		abort();
	free(text);
	return 0;
}
