/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/guest.h"
#include "base/parse.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void pp_guest_free(struct pp_guest *guest)
{
	if (!guest)
		return;
	pp_definition_free(guest->definition);
	pp_record_free(guest->record);
	pp_arena_free(guest->arena);
}

bool pp_guest_is_active(const struct pp_guest *guest)
{
	const struct pp_record *record = guest->record;

	if (!record->exists)
		return false;
	if (record->state.fault)
		return pp_process_alive(&record->engine);
	return record->state.life.phase != PP_PHASE_ENDED;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int pp_guest_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error)
{
	char **defined, **recorded;
	size_t n_defined, n_recorded;

	int r = pp_definition_names(context, arena, &defined, &n_defined, error);
	if (r >= 0)
		r = pp_record_names(context, arena, &recorded, &n_recorded, error);
	if (r < 0)
		return r;
	char **names = pp_arena_array(arena, n_defined + n_recorded + 1, sizeof(*names));
	if (!names)
		return pp_error_oom(error);
	size_t count = 0;
	for (size_t i = 0; i < n_defined; i++)
		names[count++] = defined[i];
	for (size_t i = 0; i < n_recorded; i++)
		if (pp_guest_name_check(recorded[i], NULL) >= 0)
			names[count++] = recorded[i];
	qsort(names, count, sizeof(*names), compare_names);
	size_t unique = 0;
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	*ret_names = names;
	*ret_count = unique;
	return 0;
}

int pp_guest_load_name(struct pp_context *context, const char *name, struct pp_guest **ret_guest,
	struct pp_error *error)
{
	struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_guest_freep)
	struct pp_guest *guest = arena ? pp_arena_alloc(arena, sizeof(*guest)) : NULL;
	if (!guest) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	guest->arena = arena;
	guest->name = pp_arena_strdup(arena, name);
	if (!guest->name)
		return pp_error_oom(error);
	int r = pp_record_load(context, name, &guest->record, error);
	if (r >= 0)
		r = pp_guest_tend(context, name, false, &guest->record, error);
	if (r < 0)
		return r;
	r = pp_definition_load(context, name, &guest->definition, error);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!guest->definition && !pp_guest_is_active(guest) && pp_record_is_over(guest->record))
		return -ENOENT;
	*ret_guest = PP_TAKE(guest);
	return 0;
}

int pp_guest_reload(struct pp_context *context, struct pp_guest *guest, struct pp_error *error)
{
	struct pp_record *record = NULL;
	int r = pp_record_load(context, guest->name, &record, error);
	if (r < 0)
		return r;
	pp_record_free(guest->record);
	guest->record = record;
	r = pp_guest_tend(context, guest->name, false, &guest->record, error);
	return r < 0 ? r : 0;
}

/* A run whose id, or uuid, it is. */
static int resolve_run(struct pp_context *context, struct pp_arena *arena, const char *word,
	const char **ret_name, struct pp_error *error)
{
	char **names;
	size_t count;
	int id = 0;
	bool digits = pp_parse_int(word, &id) >= 0 && id > 0;

	int r = pp_record_names(context, arena, &names, &count, error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
		if (strcmp(names[i], word) == 0) {
			*ret_name = names[i];
			return 0;
		}
		if (!digits && strlen(word) != 36)
			continue;
		r = pp_record_load(context, names[i], &record, error);
		if (r < 0 || pp_record_is_over(record))
			continue;
		const char *uuid = record->launch.uuid;
		if ((digits && record->launch.id == id) || (uuid && strcasecmp(uuid, word) == 0)) {
			*ret_name = names[i];
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

static int resolve(struct pp_context *context, struct pp_arena *arena, const char *word,
	const char **ret_name, struct pp_error *error)
{
	int ignored;

	/* As virsh: what could be an id is one first. */
	if (pp_parse_int(word, &ignored) >= 0) {
		int r = resolve_run(context, arena, word, ret_name, error);
		if (r != -ENOENT)
			return r;
	}
	int r = pp_definition_resolve(context, arena, word, ret_name, error);
	if (r != -ENOENT)
		return r;
	return resolve_run(context, arena, word, ret_name, error);
}

static int unknown_guest(struct pp_context *context, struct pp_arena *arena, const char *word,
	struct pp_error *error)
{
	char **names = NULL;
	size_t count = 0;

	pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
		"failed to get domain '%s': no guest has this name, "
		"uuid or id",
		word);
	pp_error_id(error, "no-such-guest");
	if (pp_guest_names(context, arena, &names, &count, NULL) < 0 || count == 0) {
		pp_error_remedy(error, "`pcipass define FILE` makes one from domain XML");
		return -ENOENT;
	}
	names[count] = NULL;
	const char *nearest = pp_text_nearest(word, (const char *const *)names);
	if (nearest)
		pp_error_remedy(error, "did you mean '%s'?", nearest);
	else
		pp_error_remedy(error, "`pcipass list --all` shows them");
	return -ENOENT;
}

int pp_guest_load(struct pp_context *context, const char *word, struct pp_guest **ret_guest,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	const char *name = NULL;

	if (!arena)
		return pp_error_oom(error);
	int r = resolve(context, arena, word, &name, error);
	if (r >= 0)
		r = pp_guest_load_name(context, name, ret_guest, error);
	return r == -ENOENT ? unknown_guest(context, arena, word, error) : r;
}

int pp_guest_current(struct pp_context *context, const struct pp_guest *guest, bool inactive,
	struct pp_definition **ret_definition, struct pp_error *error)
{
	int r = -ENOENT;

	if (!inactive && pp_guest_is_active(guest))
		r = pp_definition_load_live(context, guest->name, ret_definition, error);
	if (r == -ENOENT)
		r = pp_definition_load(context, guest->name, ret_definition, error);
	if (r == -ENOENT)
		return pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"guest %s: it is not defined, it only runs", guest->name);
	return r;
}

int pp_guest_domain(
	const struct pp_guest *guest, const struct pp_domain **ret_domain, struct pp_error *error)
{
	if (!guest->definition)
		return pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"guest %s: it is not defined, it only runs", guest->name);
	if (!guest->definition->domain) {
		if (error)
			*error = guest->definition->fault;
		return -guest->definition->fault.code;
	}
	*ret_domain = guest->definition->domain;
	return 0;
}

int pp_guest_may_write(struct pp_context *context, const char *what, struct pp_error *error)
{
	if (context->read_only)
		return pp_error_set(error, PP_STATUS_FAILED, -EROFS,
			"cannot %s on %s: a machine as text is only read", what, context->root);
	if (geteuid() == 0)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EPERM, "cannot %s: only root may", what);
	pp_error_id(error, "permission");
	pp_error_remedy(error, "the same with sudo");
	return -EPERM;
}
