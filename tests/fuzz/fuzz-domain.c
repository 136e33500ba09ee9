/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a definition: never a crash, and every refusal says why. With libFuzzer:
 *
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false
 * \ -Dc_args=-fsanitize=fuzzer-no-link && ninja -C build/fuzz tests/fuzz/fuzz-domain
 *   build/fuzz/tests/fuzz/fuzz-domain FOLDER tests/domains tests/domains/bad
 *
 * Where there is no libFuzzer it is a program that takes files, and mutates each COUNT times. */
#include "lib/domain/address.h"
#include "lib/domain/text.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What runs can be written down, and read again. */
static void write_down(const struct pp_domain *assigned, const char *text, size_t size)
{
	struct pp_domain *again = NULL;
	struct pp_error error = {0};
	char *live = NULL;

	if (pp_domain_text_live(text, size, assigned, &live, &error) < 0 ||
		pp_domain_parse_live(live, strlen(live), "x", &again, &error) < 0) {
		fprintf(stderr, "%s\n%s\n", error.text, live ? live : "");
		abort();
	}
	pp_domain_free(again);
	free(live);
}

static void use(const struct pp_domain *domain, const char *text, size_t size)
{
	static const char uuid[] = "0c6fd1b5-2a52-4b37-8cb8-1f0d6ab1c2f3";
	const struct pp_hostdev_fact fact = {.address = {0, 0, 0x1a, 7}};
	struct pp_domain *assigned = NULL, *again = NULL;
	struct pp_error error = {0};
	char *with_uuid = NULL;
	size_t length;

	if (pp_domain_assign(domain, &fact, 1, "x", &assigned, &error) < 0 && !*error.text)
		abort();
	for (size_t i = 0; assigned && i < assigned->n_devices; i++)
		if (!assigned->devices[i].alias)
			abort();
	if (assigned)
		write_down(assigned, text, size);
	pp_domain_free(assigned);
	if (domain->uuid ||
		pp_domain_text_with_uuid(text, size, domain, uuid, &with_uuid, &length) < 0)
		return;
	/* What was accepted is accepted with its uuid too. */
	if (pp_domain_parse(with_uuid, length, "x", &again, &error) < 0 ||
		strcmp(again->uuid, uuid))
		abort();
	pp_domain_free(again);
	free(with_uuid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pp_domain *domain = NULL;
	struct pp_error error = {0};
	int r = pp_domain_parse((const char *)data, size, "x", &domain, &error);

	if (r < 0 && (domain || !*error.text || error.code != -r))
		abort();
	if (r == 0)
		use(domain, (const char *)data, size);
	pp_domain_free(domain);
	return 0;
}
