/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/cordon.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define RECORD "/var/lib/pcipass/" PP_POOL_STATE "/" PP_CORDONS_FILE
#define RECORD_MAX (4 << 20)

static int fault(struct pp_error *error, const char *why)
{
	pp_error_set(error, PP_STATUS_FAILED, -EBADMSG, "%s is not understood: %s", RECORD, why);
	pp_error_remedy(error, "mend or remove it: what is in it would be given away again");
	return -EBADMSG;
}

static int parse_ids(const char *text, struct pp_cordon *cordon)
{
	const char *end;
	uint64_t vendor, product;
	if (!text || pp_parse_prefix(text, 16, 0xffff, &vendor, &end) < 0 || *end != ':' ||
		pp_parse_u64(end + 1, 16, 0xffff, &product) < 0)
		return -EINVAL;
	cordon->vendor = (uint16_t)vendor;
	cordon->product = (uint16_t)product;
	return 0;
}

static int parse_item(struct pp_arena *arena, const struct pp_json *value, struct pp_cordon *cordon)
{
	char text[PP_ADDRESS_SIZE];
	const char *address = pp_json_get_string(value, "address");
	const char *reason = pp_json_get_string(value, "reason");
	if (!address || !reason || pp_address_parse(address, &cordon->address) < 0 ||
		parse_ids(pp_json_get_string(value, "id"), cordon) < 0 ||
		pp_json_get_bool(value, "quarantine", &cordon->quarantine) < 0 ||
		pp_json_get_int(value, "when", &cordon->when) < 0)
		return -EBADMSG;
	cordon->name = pp_arena_strdup(arena, pp_address_text(&cordon->address, text));
	cordon->reason = pp_arena_strdup(arena, reason);
	return cordon->name && cordon->reason ? 0 : -ENOMEM;
}

static int parse_items(const struct pp_json *value, struct pp_arena *arena,
	struct pp_cordons *cordons, struct pp_error *error)
{
	const struct pp_json *array = pp_json_get(value, "devices");
	if (!pp_json_is_array(array))
		return fault(error, "there is no list 'devices'");
	size_t count = pp_json_length(array);
	struct pp_cordon *items = pp_arena_array(arena, count + 1, sizeof(*items));
	if (!items)
		return pp_error_oom(error);
	for (size_t i = 0; i < count; i++) {
		int r = parse_item(arena, pp_json_at(array, i), &items[i]);
		if (r == -ENOMEM)
			return pp_error_oom(error);
		if (r < 0)
			return fault(error, "one of its devices");
	}
	cordons->items = items;
	cordons->n_items = count;
	return 0;
}

int pp_cordons_parse(
	const char *text, size_t length, struct pp_cordons **ret_cordons, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_json_freep) struct pp_json *value = NULL;
	struct pp_cordons *cordons = arena ? pp_arena_alloc(arena, sizeof(*cordons)) : NULL;
	if (!cordons)
		return pp_error_oom(error);
	int r = length == 0 ? 0 : pp_json_parse(text, length, &value, NULL);
	if (r < 0)
		return fault(error, "it is no JSON");
	if (value)
		r = parse_items(value, arena, cordons, error);
	if (r < 0)
		return r;
	cordons->arena = PP_TAKE(arena);
	*ret_cordons = cordons;
	return 0;
}

static int load(int folder, struct pp_cordons **ret_cordons, struct pp_error *error)
{
	PP_FREE char *text = NULL;
	size_t length = 0;
	int r = pp_file_read(folder, PP_CORDONS_FILE, RECORD_MAX, &text, &length);
	if (r < 0 && r != -ENOENT)
		return pp_error_errno(error, r, "reading %s", RECORD);
	return pp_cordons_parse(text ? text : "", length, ret_cordons, error);
}

int pp_cordons_load(
	struct pp_context *context, struct pp_cordons **ret_cordons, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	int r = pp_state_open(context, true, PP_POOL_STATE, &folder, error);
	return r < 0 ? r : load(folder, ret_cordons, error);
}

void pp_cordons_free(struct pp_cordons *cordons)
{
	if (cordons)
		pp_arena_free(cordons->arena);
}

const struct pp_cordon *pp_cordons_find(const struct pp_cordons *cordons,
	const struct pp_address *address, uint16_t vendor, uint16_t product)
{
	for (size_t i = 0; i < cordons->n_items; i++) {
		const struct pp_cordon *cordon = &cordons->items[i];
		if (pp_address_compare(&cordon->address, address) == 0 &&
			cordon->vendor == vendor && cordon->product == product)
			return cordon;
	}
	return NULL;
}

/* ---- changes ---- */

static int add_json(struct pp_json *array, const struct pp_cordon *cordon)
{
	char ids[16];
	struct pp_json *item = pp_json_object();
	snprintf(ids, sizeof(ids), "%04x:%04x", cordon->vendor, cordon->product);
	if (!item)
		return -ENOMEM;
	int r = pp_json_set_string(item, "address", cordon->name);
	r = r < 0 ? r : pp_json_set_string(item, "id", ids);
	r = r < 0 ? r : pp_json_set_bool(item, "quarantine", cordon->quarantine);
	r = r < 0 ? r : pp_json_set_string(item, "reason", cordon->reason);
	r = r < 0 ? r : pp_json_set_int(item, "when", cordon->when);
	int added = pp_json_add(array, item);
	return r < 0 ? r : added;
}

/* The record without what is at ADDRESS, and with CORDON (may be NULL). */
static int save(int folder, const struct pp_cordons *cordons, const struct pp_address *address,
	const struct pp_cordon *cordon, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *value = pp_json_object();
	struct pp_json *array = pp_json_array();
	bool put = !cordon;
	int r = value && array ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < cordons->n_items; i++) {
		int order = pp_address_compare(&cordons->items[i].address, address);
		if (order > 0 && !put) {
			r = add_json(array, cordon);
			put = true;
		}
		if (r == 0 && order != 0)
			r = add_json(array, &cordons->items[i]);
	}
	if (r == 0 && !put)
		r = add_json(array, cordon);
	if (r < 0) {
		pp_json_free(array);
		return pp_error_oom(error);
	}
	r = pp_json_set(value, "devices", array);
	PP_FREE char *text = r < 0 ? NULL : pp_json_print(value, true);
	if (!text)
		return pp_error_oom(error);
	r = pp_file_replace(folder, PP_CORDONS_FILE, text, strlen(text), 0600);
	return r < 0 ? pp_error_errno(error, r, "writing %s", RECORD) : 0;
}

/* Two who change it at once: one after the other. */
static int open_locked(
	struct pp_context *context, int *ret_folder, int *ret_lock, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	int r = pp_state_open(context, true, PP_POOL_STATE, &folder, error);
	if (r < 0)
		return r;
	PP_CLOSE int lock =
		openat(folder, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return pp_error_errno(error, -errno, "locking %s", RECORD);
	*ret_folder = PP_TAKE_FD(folder);
	*ret_lock = PP_TAKE_FD(lock);
	return 0;
}

static const struct pp_cordon *at(
	const struct pp_cordons *cordons, const struct pp_address *address)
{
	for (size_t i = 0; i < cordons->n_items; i++)
		if (pp_address_compare(&cordons->items[i].address, address) == 0)
			return &cordons->items[i];
	return NULL;
}

int pp_cordon_add(struct pp_context *context, const struct pp_cordon *cordon, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	PP_CLOSE int lock = -1;
	PP_CLEANUP(pp_cordons_freep) struct pp_cordons *cordons = NULL;
	int r = open_locked(context, &folder, &lock, error);
	if (r == 0)
		r = load(folder, &cordons, error);
	if (r < 0)
		return r;
	const struct pp_cordon *old = at(cordons, &cordon->address);
	bool same_device = old && old->vendor == cordon->vendor && old->product == cordon->product;
	struct pp_cordon now = *cordon;
	if (same_device && old->quarantine)
		now.quarantine = true;
	if (same_device && now.quarantine == old->quarantine &&
		pp_text_is(old->reason, now.reason)) {
		*ret_changed = false;
		return 0;
	}
	r = save(folder, cordons, &now.address, &now, error);
	if (r == 0)
		*ret_changed = true;
	return r;
}

int pp_cordon_remove(struct pp_context *context, const struct pp_address *address,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	PP_CLOSE int lock = -1;
	PP_CLEANUP(pp_cordons_freep) struct pp_cordons *cordons = NULL;
	int r = open_locked(context, &folder, &lock, error);
	if (r == 0)
		r = load(folder, &cordons, error);
	if (r < 0)
		return r;
	bool changed = at(cordons, address) != NULL;
	r = changed ? save(folder, cordons, address, NULL, error) : 0;
	if (r == 0)
		*ret_changed = changed;
	return r;
}
