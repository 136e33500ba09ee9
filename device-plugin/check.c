/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/check.h"
#include "pool/cordon.h"
#include "pool/health.h"
#include "pool/host.h"
#include <stdio.h>

static const struct pp_cordon *cordon_of(const struct pp_cordons *cordons,
	const struct pp_pool_unit *unit, const struct pp_host *host)
{
	PP_FREE const struct pp_device **members = NULL;
	const struct pp_cordon *found = NULL;
	size_t count = 0;
	if (pp_unit_members(unit, host, &members, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count && !found; i++)
		found = pp_cordons_find(
			cordons, &members[i]->address, members[i]->vendor, members[i]->product);
	return found;
}

static int check_unit(const struct pp_pool_unit *unit, const struct pp_host *host,
	const struct pp_cordons *cordons, bool *ret_ready, struct pp_error *error)
{
	struct pp_unit_facts facts;
	struct pp_unit_health health;
	int r = pp_unit_look(unit, host, &facts, error);
	if (r < 0)
		return r;
	pp_health_init(&health);
	const struct pp_cordon *cordon = cordon_of(cordons, unit, host);
	if (cordon)
		pp_health_step(&health,
			cordon->quarantine ? PP_HEALTH_QUARANTINED : PP_HEALTH_CORDONED, NULL,
			cordon->reason);
	pp_health_step(&health, PP_HEALTH_SEEN, &facts, NULL);
	const char *refusal = pp_health_refusal(&health);
	printf("  %s  %s%s\n", unit->devices[0].name, refusal ? "not ready: " : "ready",
		refusal ? refusal : "");
	*ret_ready = !refusal;
	return 0;
}

int plugin_check(struct pp_context *context, const struct pp_pools *pools, struct pp_error *error)
{
	struct pp_host *host PP_CLEANUP(pp_host_freep) = NULL;
	PP_CLEANUP(pp_cordons_freep) struct pp_cordons *cordons = NULL;
	int r = pp_host_read(context, PP_READ_ALL, &host, error);
	if (r == 0)
		r = pp_pools_match(pools, host, false, error);
	if (r == 0)
		r = pp_cordons_load(context, &cordons, error);
	if (r < 0)
		return r;
	bool all = true;
	for (size_t i = 0; i < pools->n_items; i++) {
		const struct pp_pool *pool = &pools->items[i];
		printf("%s  %s\n", pool->resource, pool->variable);
		for (size_t j = 0; j < pool->n_units; j++) {
			bool ready = false;
			r = check_unit(&pool->units[j], host, cordons, &ready, error);
			if (r < 0)
				return r;
			all = all && ready;
		}
	}
	return all ? PP_STATUS_OK : PP_STATUS_NOT_READY;
}
