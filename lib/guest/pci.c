/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's PCI: of its run, of its definition, or of a text. */
#include "lib/domain/topology.h"
#include "lib/guest/guest.h"
#include "lib/guest/prepare.h"

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)

void pp_guest_pci_free(struct pp_guest_pci *pci)
{
	if (pci)
		pp_arena_free(pci->arena);
}

static int make(struct pp_context *context, const struct pp_domain *domain,
	const struct pp_domain *next, const char *file, struct pp_guest_pci **ret_pci,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	struct pp_hostdev_fact *facts;
	size_t count;

	if (!arena)
		return pp_error_oom(error);
	/* Without a host all are taken for PCI Express, as a start does. */
	if (pp_domain_next_hostdev(domain, NULL) || pp_domain_next_hostdev(next, NULL))
		pp_host_read(context, PP_READ_CONFIG, &host, NULL);
	int r = pp_guest_hostdev_facts(host, next, arena, &facts, &count, error);
	return r < 0 ? r : pp_topology_make(domain, next, facts, count, file, ret_pci, error);
}

static int make_of_guest(struct pp_context *context, const char *name,
	struct pp_guest_pci **ret_pci, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	PP_CLEANUP(pp_definition_freep) struct pp_definition *now = NULL;

	int r = pp_guest_load(context, name, &guest, error);
	if (r >= 0)
		r = pp_guest_current(context, guest, false, &now, error);
	if (r < 0)
		return r;
	const struct pp_definition *next = guest->definition ? guest->definition : now;
	if (!now->domain || !next->domain) {
		const struct pp_definition *bad = now->domain ? next : now;
		if (error)
			*error = bad->fault;
		return -bad->fault.code;
	}
	return make(context, now->domain, next->domain, now->path, ret_pci, error);
}

int pp_guest_pci(struct pp_context *context, const char *name, const char *xml, size_t length,
	struct pp_guest_pci **ret_pci, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;

	if (!xml)
		return make_of_guest(context, name, ret_pci, error);
	int r = pp_domain_parse(xml, length, name, &domain, error);
	return r < 0 ? r : make(context, domain, domain, name, ret_pci, error);
}
