/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All checks for a guest that libvirt runs: of its run while it runs, else of its definition. What
 * pcipass does not understand of it is libvirt's to do, and no fault here. */
#include "base/parse.h"
#include "lib/check/check.h"
#include "lib/domain/domain.h"
#include "lib/guest/remember.h"
#include "lib/host/libvirt.h"
#include "lib/libvirt/facts.h"
#include <errno.h>
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_libvirt_list *, pp_libvirt_list_free)

int pp_libvirt_guest_find(struct pp_context *context, const char *name,
	struct pp_libvirt_list **ret_list, const struct pp_libvirt_guest **ret_guest,
	struct pp_error *error)
{
	PP_CLEANUP(pp_libvirt_list_freep) struct pp_libvirt_list *list = NULL;
	int r = pp_libvirt_list(context, &list, error);
	if (r < 0)
		return r;
	const struct pp_libvirt_guest *guest = pp_libvirt_find(list, name);
	if (!guest)
		return -ENOENT;
	*ret_guest = guest;
	*ret_list = PP_TAKE(list);
	return 0;
}

/* The text of its <domain>: what libvirt notes around it is left out. */
static int read_domain(struct pp_context *context, struct pp_arena *arena,
	const struct pp_libvirt_guest *guest, bool live, const char **ret_text, size_t *ret_length,
	struct pp_error *error)
{
	const char *file = (live || !guest->file) && guest->status ? guest->status : guest->file;
	char *text;
	size_t length, start, size;
	int r = pp_libvirt_file(context->tree, arena, file, guest->session, &text, &length);
	if (r >= 0)
		r = pp_libvirt_domain_text(text, length, &start, &size);
	if (r < 0)
		return pp_error_errno(error, r, "reading %s", file);
	*ret_text = text + start;
	*ret_length = size;
	return 0;
}

int pp_libvirt_xml(struct pp_context *context, const struct pp_libvirt_guest *guest, bool live,
	char **ret_xml, size_t *ret_length, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	const char *text = NULL;
	size_t length = 0;
	if (!arena)
		return pp_error_oom(error);
	int r = read_domain(context, arena, guest, live, &text, &length, error);
	if (r < 0)
		return r;
	char *xml = strndup(text, length);
	if (!xml)
		return pp_error_oom(error);
	*ret_xml = xml;
	*ret_length = length;
	return 0;
}

/* What the hook remembered of its devices at earlier starts. */
static int recall(struct pp_context *context, struct pp_arena *arena, struct pp_guest_facts *facts)
{
	const char *owner = pp_arena_printf(arena, "libvirt:%s", facts->name);
	struct pp_guest_hostdev *hostdevs =
		pp_arena_array(arena, facts->n_hostdevs + 1, sizeof(*hostdevs));
	if (!owner || !hostdevs)
		return -ENOMEM;
	if (facts->n_hostdevs)
		memcpy(hostdevs, facts->hostdevs, facts->n_hostdevs * sizeof(*hostdevs));
	facts->hostdevs = hostdevs;
	return pp_guest_recall(context, owner, arena, hostdevs, facts->n_hostdevs);
}

int pp_libvirt_check_guest(struct pp_context *context, const struct pp_host *host,
	const struct pp_libvirt_guest *guest, const char *text, size_t length,
	struct pp_arena *arena, const struct pp_check_options *options,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	struct pp_check_options own = options ? *options : (struct pp_check_options){0};
	struct pp_guest_facts facts;
	own.guest = guest->name;
	own.libvirt = true;
	if (pp_libvirt_facts(host, guest, text, length, arena, &facts) < 0 ||
		recall(context, arena, &facts) < 0)
		return pp_error_oom(error);
	return pp_check_guest(host, &facts, &own, ret_findings, error);
}

/* With the hook on, the companions of its devices go along as they do with one of ours. */
static bool takes_group(struct pp_context *context)
{
	struct pp_libvirt_hook_info info;
	return pp_libvirt_hook_info(context, &info, NULL) >= 0 && info.state == PP_HOOK_ON;
}

int pp_libvirt_check(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_libvirt_list_freep) struct pp_libvirt_list *list = NULL;
	const struct pp_libvirt_guest *guest = NULL;
	struct pp_check_options own = options ? *options : (struct pp_check_options){0};
	const char *text = NULL;
	size_t length = 0;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_libvirt_guest_find(context, name, &list, &guest, error);
	if (r < 0)
		return r;
	r = read_domain(context, arena, guest, true, &text, &length, error);
	if (r < 0)
		return r;
	own.group |= takes_group(context);
	return pp_libvirt_check_guest(
		context, host, guest, text, length, arena, &own, ret_findings, error);
}

int pp_libvirt_check_xml(struct pp_context *context, const struct pp_host *host, const char *xml,
	size_t length, const char *file, const struct pp_check_options *options, char **ret_name,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_guest guest = {0};
	struct pp_check_options own = options ? *options : (struct pp_check_options){0};
	size_t start = 0, size = length;
	if (!arena)
		return pp_error_oom(error);
	int r = pp_libvirt_parse(arena, xml, length, &guest);
	if (r >= 0)
		r = pp_libvirt_domain_text(xml, length, &start, &size);
	if (r == -EBADMSG) {
		struct pp_domain *domain = NULL;
		/* The strict reader says where. */
		int strict = pp_domain_parse(xml, length, file, &domain, error);
		pp_domain_free(domain);
		return strict < 0 ? strict
				  : pp_error_set(error, PP_STATUS_FAILED, r,
					    "%s is no definition of a guest", file);
	}
	if (r < 0)
		return pp_error_oom(error);
	/* Whether it runs is asked of the machine, not of the file. */
	guest.qemu = pp_qemu_lives(context->tree, guest.name, "libvirt");
	guest.state = guest.qemu > 0 ? "running" : "shut off";
	PP_FREE char *name = strdup(guest.name);
	if (!name)
		return pp_error_oom(error);
	own.group |= takes_group(context);
	r = pp_libvirt_check_guest(
		context, host, &guest, xml + start, size, arena, &own, ret_findings, error);
	if (r >= 0)
		*ret_name = PP_TAKE(name);
	return r;
}
