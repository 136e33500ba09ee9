/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a definition and a host to a launch: what the host knows of the devices decides where they
 * go. */
#include "base/cleanup.h"
#include "lib/qemu/argv.h"
#include <stdlib.h>

static size_t read_facts(
	const struct pp_domain *domain, const struct pp_host *host, struct pp_hostdev_fact *facts)
{
	const struct pp_domain_device *device = NULL;
	size_t count = 0;

	while (host && (device = pp_domain_next_hostdev(domain, device))) {
		const struct pp_device *found = pp_host_device(host, &device->hostdev.source);

		/* Config space that cannot be read says nothing: then it is taken for Express. */
		if (!found || !found->capabilities.read)
			continue;
		facts[count++] = (struct pp_hostdev_fact){
			.address = found->address,
			.express = found->capabilities.express,
			.virtual_function = found->physical_function,
			.has_node = found->numa_node >= 0,
			.node = found->numa_node >= 0 ? (unsigned)found->numa_node : 0,
		};
	}
	return count;
}

int pp_launch_build(const struct pp_domain *domain, const struct pp_host *host,
	const struct pp_qemu_capabilities *capabilities, const struct pp_launch_options *options,
	const char *file, struct pp_launch **ret_launch, struct pp_error *error)
{
	PP_FREE struct pp_hostdev_fact *facts = calloc(domain->n_devices + 1, sizeof(*facts));
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	size_t n_facts;
	int r;

	if (!facts)
		return pp_error_oom(error);
	n_facts = read_facts(domain, host, facts);
	r = pp_domain_assign(domain, facts, n_facts, file, &assigned, error);
	if (r == 0)
		r = pp_argv_build(assigned, capabilities, options, file, ret_launch, error);
	if (r < 0)
		return r;
	(*ret_launch)->assigned = PP_TAKE(assigned);
	return 0;
}

void pp_launch_free(struct pp_launch *launch)
{
	if (!launch)
		return;
	pp_domain_free(launch->assigned);
	pp_arena_free(launch->arena);
}
