/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/plugrecord.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/apply/store.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FILE_NAME "plug.json"
#define FILE_MAX ((size_t)64 << 20) /* two definitions */
#define VERSION 1

void pp_plug_record_free(struct pp_plug_record *record)
{
	if (record)
		pp_arena_free(record->arena);
}

/* ---- reading ---- */

static bool read_address(const struct pp_json *json, struct pp_address *ret_address)
{
	const char *text = pp_json_get_string(json, "device");

	return text && pp_address_parse(text, ret_address) == 0;
}

static const char *read_text(
	struct pp_arena *arena, const struct pp_json *json, const char *key, bool *oom)
{
	const char *text = pp_json_get_string(json, key);
	char *copy = text ? pp_arena_strdup(arena, text) : NULL;

	*oom |= text && !copy;
	return copy;
}

static void read_coming(struct pp_plug_record *record, const struct pp_json *array, bool *oom)
{
	size_t count = pp_json_length(array);
	struct pp_plug_coming *list = pp_arena_array(record->arena, count + 1, sizeof(*list));

	*oom |= !list;
	for (size_t i = 0; list && i < count; i++) {
		struct pp_plug_coming *item = &list[record->n_coming];
		item->alias = read_text(record->arena, pp_json_at(array, i), "alias", oom);
		if (item->alias && read_address(pp_json_at(array, i), &item->device))
			record->n_coming++;
	}
	record->coming = list;
}

static void read_leaving(struct pp_plug_record *record, const struct pp_json *array, bool *oom)
{
	size_t count = pp_json_length(array);
	struct pp_plug_leaving *list = pp_arena_array(record->arena, count + 1, sizeof(*list));

	*oom |= !list;
	for (size_t i = 0; list && i < count; i++) {
		struct pp_plug_leaving *item = &list[record->n_leaving];
		pp_json_get_bool(pp_json_at(array, i), "config", &item->config);
		if (read_address(pp_json_at(array, i), &item->device))
			record->n_leaving++;
	}
	record->leaving = list;
}

static void read_failed(struct pp_plug_record *record, const struct pp_json *array, bool *oom)
{
	size_t count = pp_json_length(array);
	struct pp_plug_failed *list = pp_arena_array(record->arena, count + 1, sizeof(*list));

	*oom |= !list;
	for (size_t i = 0; list && i < count; i++) {
		struct pp_plug_failed *item = &list[record->n_failed];
		item->text = read_text(record->arena, pp_json_at(array, i), "text", oom);
		if (read_address(pp_json_at(array, i), &item->device))
			record->n_failed++;
	}
	record->failed = list;
}

static void read_config(struct pp_plug_record *record, const struct pp_json *array, bool *oom)
{
	size_t count = pp_json_length(array), used = 0;

	if (!pp_json_is_array(array))
		return;
	const char **texts = pp_arena_array(record->arena, count + 1, sizeof(*texts));
	*oom |= !texts;
	for (size_t i = 0; texts && i < count; i++) {
		const char *text = pp_json_text_of(pp_json_at(array, i));
		if (!text)
			continue;
		texts[used] = pp_arena_strdup(record->arena, text);
		*oom |= !texts[used++];
	}
	record->config = texts;
}

static void read_record(struct pp_plug_record *record, const struct pp_json *json, bool *oom)
{
	int64_t version = 0;

	if (pp_json_get_int(json, "version", &version) < 0 || version != VERSION)
		return;
	read_coming(record, pp_json_get(json, "coming"), oom);
	record->live = read_text(record->arena, json, "live", oom);
	read_config(record, pp_json_get(json, "config"), oom);
	if (!record->live)
		record->n_coming = 0;
	read_leaving(record, pp_json_get(json, "leaving"), oom);
	read_failed(record, pp_json_get(json, "failed"), oom);
}

int pp_plug_record_load(int folder_fd, struct pp_plug_record **ret_record, struct pp_error *error)
{
	struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_plug_record_freep)
	struct pp_plug_record *record = arena ? pp_arena_alloc(arena, sizeof(*record)) : NULL;
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	PP_FREE char *text = NULL;
	size_t length = 0;
	bool oom = false;

	if (!record) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	record->arena = arena;
	if (pp_file_read(folder_fd, FILE_NAME, FILE_MAX, &text, &length) >= 0 &&
		pp_json_parse(text, length, &json, NULL) >= 0)
		read_record(record, json, &oom);
	if (oom)
		return pp_error_oom(error);
	*ret_record = PP_TAKE(record);
	return 0;
}

/* ---- writing ---- */

/* An object {"device": ADDRESS} in a new place of the array; borrowed. NULL: no memory. */
static struct pp_json *add_item(struct pp_json *array, const struct pp_address *address)
{
	struct pp_json *item = pp_json_object();
	char text[PP_ADDRESS_SIZE];

	if (!item || pp_json_set_string(item, "device", pp_address_text(address, text)) < 0) {
		pp_json_free(item);
		return NULL;
	}
	return pp_json_add(array, item) < 0 ? NULL : item;
}

static struct pp_json *add_array(struct pp_json *json, const char *key)
{
	struct pp_json *array = pp_json_array();

	return array && pp_json_set(json, key, array) >= 0 ? array : NULL;
}

static int fill_config(struct pp_json *json, const char *const *texts)
{
	struct pp_json *array = texts ? add_array(json, "config") : NULL;
	int r = texts && !array ? -ENOMEM : 0;

	for (; r >= 0 && texts && *texts; texts++)
		r = pp_json_add_string(array, *texts);
	return r;
}

static int fill(struct pp_json *json, const struct pp_plug_record *record)
{
	struct pp_json *coming = add_array(json, "coming");
	struct pp_json *leaving = add_array(json, "leaving");
	struct pp_json *failed = add_array(json, "failed");
	bool ok = coming && leaving && failed;

	for (size_t i = 0; ok && i < record->n_coming; i++) {
		struct pp_json *item = add_item(coming, &record->coming[i].device);
		ok = item && pp_json_set_string(item, "alias", record->coming[i].alias) >= 0;
	}
	for (size_t i = 0; ok && i < record->n_leaving; i++) {
		struct pp_json *item = add_item(leaving, &record->leaving[i].device);
		ok = item && pp_json_set_bool(item, "config", record->leaving[i].config) >= 0;
	}
	for (size_t i = 0; ok && i < record->n_failed; i++) {
		struct pp_json *item = add_item(failed, &record->failed[i].device);
		ok = item && pp_json_set_string(item, "text", record->failed[i].text) >= 0;
	}
	if (ok && record->n_coming > 0)
		ok = pp_json_set_string(json, "live", record->live) >= 0 &&
		     fill_config(json, record->config) >= 0;
	return ok ? 0 : -ENOMEM;
}

int pp_plug_record_save(int folder_fd, const char *name, const struct pp_plug_record *record,
	struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = pp_json_object();

	if (record->n_coming + record->n_leaving + record->n_failed == 0) {
		if (unlinkat(folder_fd, FILE_NAME, 0) < 0 && errno != ENOENT)
			return pp_error_errno(error, -errno, "cannot remove the guest's plug.json");
		return 0;
	}
	if (!json || pp_json_set_int(json, "version", VERSION) < 0 ||
		pp_json_set_string(json, "name", name) < 0 || fill(json, record) < 0)
		return pp_error_oom(error);
	PP_FREE char *text = pp_json_print(json, true);
	if (!text)
		return pp_error_oom(error);
	int r = pp_file_replace(folder_fd, FILE_NAME, text, strlen(text), 0600);
	return r < 0 ? pp_error_errno(error, r, "cannot write the guest's plug.json") : 0;
}

/* ---- the lock ---- */

int pp_plug_lock(int folder_fd, int wait_ms, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int fd =
		openat(folder_fd, "plug.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open the guest's plug.lock");
	int r = pp_lock_wait(fd, wait_ms);
	if (r == -EAGAIN || r == -ETIMEDOUT) {
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another pcipass is about to change its devices");
		pp_error_remedy(error, "try again when that has ended");
		return -EBUSY;
	}
	if (r < 0)
		return pp_error_errno(error, r, "cannot lock the guest's devices");
	pp_file_sweep(folder_fd, FILE_NAME);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}
