/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/definition.h"
#include "base/file.h"
#include "base/parse.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FOLDER "/etc/pcipass/guests"
#define NAME_MAX_BYTES                                                                             \
	200 /* with ".xml" and what a temporary file adds, below the limit of 255                  \
	     */

int pp_guest_name_check(const char *name, struct pp_error *error)
{
	const char *why = NULL;

	if (!name || !*name)
		why = "it is empty";
	else if (strlen(name) > NAME_MAX_BYTES)
		why = "it is longer than 200 bytes";
	else if (name[0] == '.' || name[0] == '-')
		why = "it begins with . or -";
	else if (strchr(name, '/'))
		why = "it has a / in it";
	for (const char *c = name; !why && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			why = "it has a control character in it";
	if (!why)
		return 0;
	return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
		"%s%s%s cannot be the name of a guest: %s", name && *name ? "'" : "",
		name && *name && !strpbrk(name, "\n\r\033") ? name : "", name && *name ? "'" : "",
		why);
}

void pp_definition_free(struct pp_definition *definition)
{
	if (!definition)
		return;
	pp_domain_free(definition->domain);
	pp_arena_free(definition->arena);
}

/* Takes the arena also when it fails. */
static int load_file(struct pp_context *context, struct pp_arena *arena, const char *name,
	const char *path, bool live, struct pp_definition **ret_definition, struct pp_error *error)
{
	struct pp_definition *definition = pp_arena_alloc(arena, sizeof(*definition));
	char *text = NULL;
	if (!definition) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	definition->arena = arena;
	definition->name = pp_arena_strdup(arena, name);
	definition->path = pp_arena_printf(arena, "%s%s", context->root, path);
	int r = definition->name && definition->path
			? pp_tree_read(context->tree, arena, path, &text, &definition->length)
			: -ENOMEM;
	definition->text = text;
	if (r >= 0 && (live ? pp_domain_parse_live : pp_domain_parse)(text, definition->length,
			      definition->path, &definition->domain, &definition->fault) == -ENOMEM)
		r = -ENOMEM;
	if (r >= 0) {
		*ret_definition = definition;
		return 0;
	}
	if (r == -ENOENT)
		pp_error_clear(error);
	else
		pp_error_errno(error, r, "guest %s: cannot read %s%s", name, context->root, path);
	pp_definition_free(definition);
	return r;
}

int pp_definition_load(struct pp_context *context, const char *name,
	struct pp_definition **ret_definition, struct pp_error *error)
{
	char path[PP_PATH_MAX];

	if (pp_guest_name_check(name, NULL) < 0 ||
		pp_path(path, sizeof(path), FOLDER "/%s.xml", name) < 0) {
		pp_error_clear(error);
		return -ENOENT;
	}
	struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	return load_file(context, arena, name, path, false, ret_definition, error);
}

bool pp_definition_exists(struct pp_context *context, const char *name)
{
	char path[PP_PATH_MAX];

	return pp_guest_name_check(name, NULL) >= 0 &&
	       pp_path(path, sizeof(path), FOLDER "/%s.xml", name) >= 0 &&
	       pp_tree_exists(context->tree, path);
}

int pp_definition_load_live(struct pp_context *context, const char *name,
	struct pp_definition **ret_definition, struct pp_error *error)
{
	char path[PP_PATH_MAX];

	if (pp_guest_name_check(name, NULL) < 0 ||
		pp_path(path, sizeof(path), "/run/pcipass/guests/%s/live.xml", name) < 0) {
		pp_error_clear(error);
		return -ENOENT;
	}
	struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	return load_file(context, arena, name, path, true, ret_definition, error);
}

int pp_definition_names(struct pp_context *context, struct pp_arena *arena, char ***ret_names,
	size_t *ret_count, struct pp_error *error)
{
	char **files = NULL;
	size_t n_files = 0, count = 0;

	int r = pp_tree_list(context->tree, arena, FOLDER, &files, &n_files);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return pp_error_errno(error, r, "cannot read %s%s", context->root, FOLDER);
	char **names = pp_arena_array(arena, n_files + 1, sizeof(*names));
	if (!names)
		return pp_error_oom(error);
	for (size_t i = 0; r >= 0 && i < n_files; i++) {
		if (!pp_text_ends(files[i], ".xml"))
			continue;
		char *name = pp_arena_strndup(arena, files[i], strlen(files[i]) - strlen(".xml"));
		if (!name)
			return pp_error_oom(error);
		if (pp_guest_name_check(name, NULL) >= 0)
			names[count++] = name;
	}
	*ret_names = names;
	*ret_count = count;
	return 0;
}

/* The one whose uuid it is: *ret_name NULL when there is none. */
static int find_uuid(struct pp_context *context, struct pp_arena *arena, const char *uuid,
	const char **ret_name, struct pp_error *error)
{
	char **names;
	size_t count;
	int r = pp_definition_names(context, arena, &names, &count, error);

	*ret_name = NULL;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		PP_CLEANUP(pp_definition_freep) struct pp_definition *definition = NULL;
		r = pp_definition_load(context, names[i], &definition, error);
		if (r == -ENOENT) /* undefined meanwhile */
			r = 0;
		if (!definition || !definition->domain || !definition->domain->uuid)
			continue;
		if (strcasecmp(definition->domain->uuid, uuid) == 0) {
			*ret_name = names[i];
			return 0;
		}
	}
	return r < 0 ? r : 0;
}

int pp_definition_resolve(struct pp_context *context, struct pp_arena *arena, const char *word,
	const char **ret_name, struct pp_error *error)
{
	if (pp_definition_exists(context, word)) {
		*ret_name = word;
		return 0;
	}
	if (strlen(word) != 36)
		return -ENOENT;
	const char *name;
	int r = find_uuid(context, arena, word, &name, error);
	if (r < 0)
		return r;
	if (!name)
		return -ENOENT;
	*ret_name = name;
	return 0;
}

/* ---- define and undefine ---- */

static void make_uuid(char text[37])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		memset(bytes, 0x5a, sizeof(bytes)); /* 16 bytes cannot be cut short or fail */
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	char *at = text;
	for (size_t i = 0; i < sizeof(bytes); i++)
		at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			bytes[i]);
}

static int refuse_other_uuid(
	const struct pp_definition *old, const struct pp_domain *domain, struct pp_error *error)
{
	if (!old || !old->domain || !old->domain->uuid || !domain->uuid ||
		strcasecmp(old->domain->uuid, domain->uuid) == 0)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EEXIST,
		"guest %s: cannot define it: a guest of this name exists with uuid %s, and the new "
		"definition says %s",
		domain->name, old->domain->uuid, domain->uuid);
	pp_error_remedy(error, "leave <uuid> out, or `pcipass undefine %s` first", domain->name);
	return -EEXIST;
}

static int refuse_other_name(
	struct pp_context *context, const struct pp_domain *domain, struct pp_error *error)
{
	const char *name = NULL;

	if (!domain->uuid)
		return 0;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	int r = find_uuid(context, arena, domain->uuid, &name, error);
	if (r < 0 || !name || strcmp(name, domain->name) == 0)
		return r;
	pp_error_set(error, PP_STATUS_FAILED, -EEXIST,
		"guest %s: cannot define it: guest %s has the uuid %s already", domain->name, name,
		domain->uuid);
	pp_error_remedy(error, "leave <uuid> out: a new one is made");
	return -EEXIST;
}

/* Opens the folder of definitions and locks it against others that define. */
static int open_folder(struct pp_context *context, int *ret_fd, struct pp_error *error)
{
	char path[PP_PATH_MAX];

	if (context->read_only)
		return pp_error_set(error, PP_STATUS_FAILED, -EROFS,
			"cannot define guests on %s: a machine as text is only read",
			context->root);
	int r = pp_path(path, sizeof(path), "%s/guests", context->etc);
	if (r >= 0)
		r = pp_file_mkdirs(AT_FDCWD, path, 0700);
	if (r < 0)
		return pp_error_errno(error, r, "cannot make the folder %s/guests", context->etc);
	PP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return pp_error_errno(error, -errno, "cannot lock %s", path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

/* The text that is to be kept: with the old uuid, or a new one, where the author wrote none. */
static int settle_text(const char *xml, size_t length, const struct pp_domain *domain,
	const struct pp_definition *old, char **ret_text, size_t *ret_length,
	struct pp_error *error)
{
	char fresh[37];
	const char *uuid = old && old->domain ? old->domain->uuid : NULL;

	if (domain->uuid) {
		*ret_text = strndup(xml, length);
		*ret_length = length;
		return *ret_text ? 0 : pp_error_oom(error);
	}
	if (!uuid) {
		make_uuid(fresh);
		uuid = fresh;
	}
	int r = pp_domain_text_with_uuid(xml, length, domain, uuid, ret_text, ret_length);
	return r < 0 ? pp_error_errno(error, r, "guest %s: cannot put in its uuid", domain->name)
		     : 0;
}

static int save_text(int folder_fd, const char *name, const char *text, size_t length,
	const struct pp_definition *old, bool *ret_changed, struct pp_error *error)
{
	char file[NAME_MAX_BYTES + 8];

	if (old && old->length == length && memcmp(old->text, text, length) == 0) {
		*ret_changed = false;
		return 0;
	}
	snprintf(file, sizeof(file), "%s.xml", name);
	int r = pp_file_replace(folder_fd, file, text, length, 0600);
	if (r < 0)
		return pp_error_errno(error, r, "guest %s: cannot write its definition", name);
	*ret_changed = true;
	return 0;
}

static int define(struct pp_context *context, const char *xml, size_t length,
	const struct pp_domain *domain, bool *ret_changed, struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	int r = open_folder(context, &folder_fd, error);
	if (r < 0)
		return r;
	PP_CLEANUP(pp_definition_freep) struct pp_definition *old = NULL;
	r = pp_definition_load(context, domain->name, &old, error);
	if (r < 0 && r != -ENOENT)
		return r;
	r = refuse_other_uuid(old, domain, error);
	if (r >= 0)
		r = refuse_other_name(context, domain, error);
	if (r < 0)
		return r;
	PP_FREE char *text = NULL;
	size_t text_length = 0;
	r = settle_text(xml, length, domain, old, &text, &text_length, error);
	if (r < 0)
		return r;
	return save_text(folder_fd, domain->name, text, text_length, old, ret_changed, error);
}

int pp_definition_store(struct pp_context *context, const char *xml, size_t length,
	const char *file, char **ret_name, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	int r = pp_domain_parse(xml, length, file, &domain, error);
	if (r < 0)
		return r;
	r = pp_guest_name_check(domain->name, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "%s", file) : r;
	PP_FREE char *name = strdup(domain->name);
	if (!name)
		return pp_error_oom(error);
	bool changed = false;
	r = define(context, xml, length, domain, &changed, error);
	if (r < 0)
		return r;
	if (ret_name)
		*ret_name = PP_TAKE(name);
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int pp_definition_remove(struct pp_context *context, const char *name, struct pp_error *error)
{
	char file[NAME_MAX_BYTES + 8];
	PP_CLOSE int folder_fd = -1;

	int r = open_folder(context, &folder_fd, error);
	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "%s.xml", name);
	if (unlinkat(folder_fd, file, 0) < 0)
		return pp_error_errno(
			error, -errno, "guest %s: cannot remove its definition", name);
	if (fsync(folder_fd) < 0)
		return pp_error_errno(
			error, -errno, "guest %s: cannot remove its definition", name);
	return 0;
}
