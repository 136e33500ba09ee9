/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What outlives the process: below /run/pcipass/pools who has which unit; below
 * /var/lib/pcipass/pools which devices were seen once. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/tree.h"
#include "device-plugin/plugin.h"
#include <stdio.h>
#include <string.h>

#define RECORD_MAX (1 << 20)

static int read_json(struct plugin_resource *resource, bool lasting, struct pp_json **ret_value)
{
	PP_CLOSE int folder = -1;
	PP_FREE char *text = NULL;
	char name[PP_PATH_MAX];
	size_t length;
	int r = pp_state_open(resource->plugin->context, lasting, PP_POOL_STATE, &folder, NULL);
	if (r == 0)
		r = pp_path(name, sizeof(name), "%s.json", resource->name);
	if (r == 0)
		r = pp_file_read(folder, name, RECORD_MAX, &text, &length);
	return r < 0 ? r : pp_json_parse(text, length, ret_value, NULL);
}

static int write_json(struct plugin_resource *resource, bool lasting, const struct pp_json *value,
	struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	PP_FREE char *text = pp_json_print(value, true);
	char name[PP_PATH_MAX];
	int r = pp_state_open(resource->plugin->context, lasting, PP_POOL_STATE, &folder, error);
	if (r < 0)
		return r;
	r = text ? pp_path(name, sizeof(name), "%s.json", resource->name) : -ENOMEM;
	if (r == 0)
		r = pp_file_replace(folder, name, text, strlen(text), 0600);
	return r < 0 ? pp_error_errno(error, r, "writing down who has which device") : 0;
}

/* ---- who has what ---- */

int plugin_record_save(struct plugin_resource *resource, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *value = pp_json_object();
	struct pp_json *given = pp_json_object();
	int r = value && given ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < resource->n_units; i++) {
		const struct plugin_unit *unit = &resource->units[i];
		if (unit->health.given)
			r = pp_json_set_bool(given, unit->id, unit->health.open);
	}
	if (r < 0) {
		pp_json_free(given);
		return pp_error_oom(error);
	}
	r = pp_json_set(value, "given", given);
	return r < 0 ? pp_error_oom(error) : write_json(resource, false, value, error);
}

void plugin_record_load(struct plugin_resource *resource)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *value = NULL;
	int r = read_json(resource, false, &value);
	const struct pp_json *given = pp_json_get(value, "given");
	if (r < 0 || !pp_json_is_object(given)) {
		if (r != -ENOENT)
			plugin_log("%s: who had which device could not be read; what is in use "
				   "counts as a stranger's until it is free",
				resource->pool->resource);
		return;
	}
	for (size_t i = 0; i < resource->n_units; i++) {
		struct plugin_unit *unit = &resource->units[i];
		bool open;
		if (pp_json_get_bool(given, unit->id, &open) == 0)
			pp_health_restore(&unit->health, open);
	}
}

/* ---- what was seen ---- */

/* "0000:01:00.0 1b36:0010" */
static int add_seen(struct pp_json *seen, const struct pp_pool_device *device)
{
	char ids[16];
	snprintf(ids, sizeof(ids), "%04x:%04x", device->identity.vendor, device->identity.product);
	return pp_json_set_string(seen, device->name, ids);
}

static bool was_seen(const struct pp_json *seen, const struct pp_pool_device *device)
{
	char ids[16];
	snprintf(ids, sizeof(ids), "%04x:%04x", device->identity.vendor, device->identity.product);
	return pp_text_is(pp_json_get_string(seen, device->name), ids);
}

int plugin_seen_check(
	struct plugin_resource *resource, const struct pp_host *host, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *old = NULL;
	PP_CLEANUP(pp_json_freep) struct pp_json *value = pp_json_object();
	struct pp_json *now = pp_json_object();
	int r = read_json(resource, true, &old);
	const struct pp_json *seen = r == 0 ? pp_json_get(old, "seen") : NULL;
	r = value && now ? pp_json_set(value, "seen", now) : -ENOMEM;
	if (r < 0)
		return pp_error_oom(error);
	for (size_t i = 0; i < resource->n_units; i++)
		for (size_t j = 0; j < resource->units[i].entry->n_devices; j++) {
			const struct pp_pool_device *device = &resource->units[i].entry->devices[j];
			if (!pp_host_device(host, &device->address) && !was_seen(seen, device)) {
				pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
					"%s: %s: this host has no device %s, and never had",
					resource->plugin->pools->file,
					resource->units[i].entry->place, device->name);
				pp_error_remedy(error,
					"pcipass nodedev-list --long shows what is where; mend %s",
					resource->plugin->pools->file);
				return -ENODEV;
			}
			if (add_seen(now, device) < 0)
				return pp_error_oom(error);
		}
	return write_json(resource, true, value, error);
}
