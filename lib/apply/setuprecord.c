/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/setuprecord.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/apply/store.h"
#include <errno.h>
#include <string.h>

#define FOLDER "/var/lib/pcipass"
#define NAME "setup.json"
#define PATH FOLDER "/" NAME
#define VERSION 1
#define WORDS_MAX 64

static const char *const kinds[] = {
	[PP_SETUP_FILE] = "file", [PP_SETUP_VALUE] = "value", [PP_SETUP_COMMAND] = "command"};

void pp_setup_record_free(struct pp_setup_record *record)
{
	if (record)
		pp_arena_free(record->arena);
}

/* ---- from text ---- */

static const char *copy(struct pp_arena *arena, const char *text, bool *failed)
{
	const char *own = text ? pp_arena_strdup(arena, text) : NULL;
	*failed |= text && !own;
	return own;
}

static const char *const *copy_list(struct pp_arena *arena, const char *const *list, bool *failed)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	const char **own = list ? pp_arena_array(arena, n + 1, sizeof(*own)) : NULL;
	*failed |= list && !own;
	for (size_t i = 0; own && i < n; i++)
		own[i] = copy(arena, list[i], failed);
	return own;
}

static const char *const *parse_list(struct pp_arena *arena, const struct pp_json *array)
{
	size_t n = pp_json_length(array);
	const char **list =
		array && n <= WORDS_MAX ? pp_arena_array(arena, n + 1, sizeof(*list)) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		const char *word = pp_json_text_of(pp_json_at(array, i));
		list[i] = word ? pp_arena_strdup(arena, word) : NULL;
	}
	return list;
}

/* A path that a record may name: it is written to. */
static bool is_path(const char *path)
{
	return path && *path == '/' && !strstr(path, "/../") && !pp_text_ends(path, "/..") &&
	       strlen(path) < PP_PATH_MAX;
}

static int parse_step(struct pp_setup_record *record, const struct pp_json *object)
{
	const char *kind = pp_json_get_string(object, "kind");
	struct pp_setup_step step = {.subject = pp_json_get_string(object, "subject"),
		.from = pp_json_get_string(object, "from"),
		.to = pp_json_get_string(object, "to"),
		.format = pp_json_get_string(object, "format")};
	bool made = false;
	size_t k = 0;
	while (k < PP_COUNT(kinds) && !pp_text_is(kinds[k], kind))
		k++;
	step.kind = (enum pp_setup_kind)k;
	pp_json_get_bool(object, "refresh", &step.refresh);
	pp_json_get_bool(object, "trial", &step.trial);
	pp_json_get_bool(object, "made", &made);
	step.add = parse_list(record->arena, pp_json_get(object, "add"));
	step.remove = parse_list(record->arena, pp_json_get(object, "remove"));
	step.argv = parse_list(record->arena, pp_json_get(object, "argv"));
	step.undo = parse_list(record->arena, pp_json_get(object, "undo"));
	bool sound = k < PP_COUNT(kinds) && step.subject &&
		     (step.kind == PP_SETUP_COMMAND ? step.argv && is_path(step.argv[0]) &&
							      (!step.undo || is_path(step.undo[0]))
						    : is_path(step.subject));
	return sound ? pp_setup_record_add(record, &step, made) : -EINVAL;
}

static int parse(struct pp_setup_record *record, const struct pp_json *object)
{
	int64_t version = 0, base = -1;
	const struct pp_json *steps = pp_json_get(object, "steps");
	bool failed = false;
	if (pp_json_get_int(object, "version", &version) < 0 || version != VERSION || !steps)
		return -EINVAL;
	pp_json_get_int(object, "base", &base);
	pp_json_get_int(object, "when", &record->when);
	record->boot = copy(record->arena, pp_json_get_string(object, "boot"), &failed);
	record->loader = copy(record->arena, pp_json_get_string(object, "loader"), &failed);
	record->add = parse_list(record->arena, pp_json_get(object, "add"));
	record->remove = parse_list(record->arena, pp_json_get(object, "remove"));
	int r = failed ? -ENOMEM : 0;
	for (size_t i = 0; r >= 0 && i < pp_json_length(steps); i++)
		r = parse_step(record, pp_json_at(steps, i));
	record->base = base >= 0 && (size_t)base <= record->n_steps ? (ssize_t)base : -1;
	return r;
}

int pp_setup_record_load(
	struct pp_context *context, struct pp_setup_record **ret_record, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_json_freep) struct pp_json *object = NULL;
	struct pp_setup_record *record = arena ? pp_arena_alloc(arena, sizeof(*record)) : NULL;
	char *text;
	size_t length;
	if (!record)
		return pp_error_oom(error);
	*record = (struct pp_setup_record){.arena = arena, .base = -1};
	int r = pp_tree_read(context->tree, arena, PATH, &text, &length);
	if (r != -ENOENT && r != -ENOTDIR) {
		if (r >= 0)
			r = pp_json_parse(text, length, &object, NULL);
		if (r >= 0)
			r = parse(record, object);
		if (r < 0) {
			pp_error_errno(error, r, "reading %s" PATH ", the record of host-setup",
				context->root);
			pp_error_remedy(error, "it was not written by this pcipass, or is damaged; "
					       "what it says was changed is in its text");
			return r;
		}
	}
	arena = NULL; /* the record is in it */
	*ret_record = record;
	return 0;
}

/* ---- changes ---- */

int pp_setup_record_add(struct pp_setup_record *record, const struct pp_setup_step *step, bool made)
{
	bool failed = false;
	if (record->n_steps == record->room) {
		size_t room = record->room ? record->room * 2 : 8;
		struct pp_setup_step *steps = pp_arena_grow(record->arena, record->steps,
			record->n_steps * sizeof(*steps), room * sizeof(*steps));
		bool *flags = pp_arena_grow(record->arena, record->made,
			record->n_steps * sizeof(*flags), room * sizeof(*flags));
		if (!steps || !flags)
			return -ENOMEM;
		record->steps = steps;
		record->made = flags;
		record->room = room;
	}
	struct pp_setup_step own = *step;
	own.subject = copy(record->arena, step->subject, &failed);
	own.from = copy(record->arena, step->from, &failed);
	own.to = copy(record->arena, step->to, &failed);
	own.format = copy(record->arena, step->format, &failed);
	own.add = copy_list(record->arena, step->add, &failed);
	own.remove = copy_list(record->arena, step->remove, &failed);
	own.argv = copy_list(record->arena, step->argv, &failed);
	own.undo = copy_list(record->arena, step->undo, &failed);
	if (failed)
		return -ENOMEM;
	record->made[record->n_steps] = made;
	record->steps[record->n_steps++] = own;
	return 0;
}

void pp_setup_record_remove(struct pp_setup_record *record, size_t at)
{
	size_t behind = record->n_steps - at - 1;
	memmove(&record->steps[at], &record->steps[at + 1], behind * sizeof(*record->steps));
	memmove(&record->made[at], &record->made[at + 1], behind * sizeof(*record->made));
	record->n_steps--;
}

bool pp_setup_record_has_trial(const struct pp_setup_record *record)
{
	for (size_t i = 0; i < record->n_steps; i++)
		if (record->steps[i].trial)
			return true;
	return false;
}

/* ---- to text ---- */

static void put_list(struct pp_json *object, const char *key, const char *const *list)
{
	if (!list)
		return;
	struct pp_json *array = pp_json_array();
	for (; *list; list++)
		pp_json_add_string(array, *list);
	pp_json_set(object, key, array);
}

static struct pp_json *step_object(const struct pp_setup_step *step, bool made)
{
	struct pp_json *object = pp_json_object();
	pp_json_set_string(object, "kind", kinds[step->kind]);
	pp_json_set_string(object, "subject", step->subject);
	if (step->kind != PP_SETUP_COMMAND) {
		pp_json_set_string(object, "from", step->from);
		pp_json_set_string(object, "to", step->to);
		pp_json_set_string(object, "format", step->format);
		pp_json_set_bool(object, "made", made);
	}
	pp_json_set_bool(object, "refresh", step->refresh);
	pp_json_set_bool(object, "trial", step->trial);
	put_list(object, "add", step->add);
	put_list(object, "remove", step->remove);
	put_list(object, "argv", step->argv);
	put_list(object, "undo", step->undo);
	return object;
}

static char *print(const struct pp_setup_record *record)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	struct pp_json *steps = pp_json_array();
	pp_json_set_int(object, "version", VERSION);
	pp_json_set_int(object, "when", record->when);
	pp_json_set_string(object, "boot", record->boot);
	pp_json_set_string(object, "loader", record->loader);
	put_list(object, "add", record->add);
	put_list(object, "remove", record->remove);
	if (record->base >= 0)
		pp_json_set_int(object, "base", record->base);
	for (size_t i = 0; i < record->n_steps; i++)
		pp_json_add(steps, step_object(&record->steps[i], record->made[i]));
	pp_json_set(object, "steps", steps);
	return pp_json_print(object, true);
}

void pp_setup_record_sweep(struct pp_context *context)
{
	PP_CLOSE int folder = pp_store_inside(context, FOLDER, false, 0755);
	if (folder >= 0)
		pp_file_sweep(folder, NAME);
}

int pp_setup_record_save(
	struct pp_effects *effects, const struct pp_setup_record *record, struct pp_error *error)
{
	PP_FREE char *text = print(record);
	PP_CLOSE int folder = pp_store_inside(effects->context, FOLDER, true, 0755);
	int r = text ? folder : -ENOMEM;
	if (r >= 0)
		r = pp_effects_point(effects);
	if (r >= 0 && record->n_steps == 0)
		r = unlinkat(folder, NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
	else if (r >= 0)
		r = pp_file_replace(folder, NAME, text, strlen(text), 0600);
	return r < 0 ? pp_error_errno(error, r, "writing %s" PATH ", the record of what is changed",
			       effects->context->root)
		     : 0;
}
