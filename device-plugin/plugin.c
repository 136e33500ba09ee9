/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/plugin.h"
#include "base/file.h"
#include "base/parse.h"
#include "device-plugin/notify.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#define CHECK_AGAIN_MS 10000
#define LOOK (PP_READ_CONFIG | PP_READ_HOLDERS)

void plugin_log(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

struct plugin_unit *plugin_unit_find(struct plugin_resource *resource, const char *id)
{
	for (size_t i = 0; i < resource->n_units; i++)
		if (pp_text_is(resource->units[i].id, id))
			return &resource->units[i];
	return NULL;
}

/* ---- steps ---- */

static void record_quarantine(struct plugin_unit *unit)
{
	const struct pp_pool_device *leader = &unit->entry->devices[0];
	struct pp_cordon cordon = {.address = leader->address,
		.name = leader->name,
		.vendor = leader->identity.vendor,
		.product = leader->identity.product,
		.quarantine = true,
		.reason = unit->health.why,
		.when = (int64_t)time(NULL)};
	struct pp_error error = {0};
	bool changed;
	int r = pp_cordon_add(unit->resource->plugin->context, &cordon, &changed, &error);
	unit->unrecorded = r < 0;
	if (r < 0)
		plugin_log("%s: %s: its quarantine ends with this process: %s",
			unit->resource->pool->resource, unit->id, error.text);
}

void plugin_step(struct plugin_unit *unit, enum pp_health_event event,
	const struct pp_unit_facts *facts, const char *text)
{
	struct plugin_resource *resource = unit->resource;
	struct pp_error error = {0};
	char said[PP_SAID_SIZE];
	memcpy(said, unit->health.said, sizeof(said));
	bool had = unit->health.given;
	unsigned actions = pp_health_step(&unit->health, event, facts, text);
	if (event == PP_HEALTH_GIVEN || (unit->health.given && !had)) {
		unit->given_ms = pp_clock_ms();
		unit->listed = false;
	}
	if (strcmp(said, unit->health.said) != 0)
		plugin_log("%s: %s: %s%s", resource->pool->resource, unit->id,
			unit->health.healthy ? "Healthy" : "Unhealthy: ", unit->health.said);
	resource->changed = resource->changed || actions & PP_DO_TELL;
	if (actions & PP_DO_QUARANTINE)
		record_quarantine(unit);
	if (actions & PP_DO_RECORD && plugin_record_save(resource, &error) < 0)
		plugin_log("%s: %s", resource->pool->resource, error.text);
	if (actions & (PP_DO_PREPARE | PP_DO_RELEASE))
		plugin_job_start(unit, actions & PP_DO_PREPARE);
}

void plugin_tell(struct plugin *plugin)
{
	for (size_t i = 0; i < plugin->n_resources; i++) {
		struct plugin_resource *resource = &plugin->resources[i];
		if (resource->changed)
			plugin_service_tell(resource);
		resource->changed = false;
		plugin_service_wake(resource);
	}
}

/* ---- looking ---- */

static const struct pp_cordon *cordon_of(const struct plugin_unit *unit,
	const struct pp_cordons *cordons, const struct pp_host *host)
{
	PP_FREE const struct pp_device **members = NULL;
	const struct pp_cordon *found = NULL;
	size_t count = 0;
	for (size_t i = 0; i < unit->entry->n_devices && !found; i++) {
		const struct pp_pool_device *listed = &unit->entry->devices[i];
		found = pp_cordons_find(cordons, &listed->address, listed->identity.vendor,
			listed->identity.product);
	}
	if (found || pp_unit_members(unit->entry, host, &members, &count) < 0)
		return found;
	for (size_t i = 0; i < count && !found; i++)
		found = pp_cordons_find(
			cordons, &members[i]->address, members[i]->vendor, members[i]->product);
	return found;
}

static void look_at_cordon(
	struct plugin_unit *unit, const struct pp_cordons *cordons, const struct pp_host *host)
{
	const struct pp_unit_health *health = &unit->health;
	const struct pp_cordon *cordon = cordon_of(unit, cordons, host);
	bool same = cordon && strncmp(cordon->reason, health->why, sizeof(health->why) - 1) == 0;
	if (cordon && (!same || cordon->quarantine != health->quarantined ||
			      cordon->quarantine == health->cordoned))
		plugin_step(unit, cordon->quarantine ? PP_HEALTH_QUARANTINED : PP_HEALTH_CORDONED,
			NULL, cordon->reason);
	else if (!cordon && (health->cordoned || health->quarantined) && !unit->unrecorded)
		plugin_step(unit, PP_HEALTH_UNCORDONED, NULL, NULL);
}

/* What cannot be read later is said once, and what holds goes on to hold. */
static int load_cordons(
	struct plugin *plugin, struct pp_cordons **ret_cordons, struct pp_error *error)
{
	int r = pp_cordons_load(plugin->context, ret_cordons, error);
	if (r < 0 && !plugin->cordons_fault)
		plugin_log("%s", error->text);
	plugin->cordons_fault = r < 0;
	return r;
}

/* What is new, sick, or was sick is looked at with all checks: at once where something changed,
 * else now and then. Until then what they said stands. */
static bool wants_checks(struct plugin_unit *unit, struct pp_unit_facts *facts)
{
	const struct pp_unit_facts *before = &unit->health.facts;
	bool same =
		unit->plain == facts->sickness && strcmp(unit->plain_reason, facts->reason) == 0;
	unit->plain = facts->sickness;
	memcpy(unit->plain_reason, facts->reason, sizeof(facts->reason));
	if (unit->health.seen && !before->sickness && !facts->sickness)
		return false;
	if (!unit->checked_ms || !same || pp_clock_ms() - unit->checked_ms >= CHECK_AGAIN_MS)
		return true;
	facts->sickness = before->sickness;
	memcpy(facts->reason, before->reason, sizeof(facts->reason));
	return false;
}

static int look_at_units(
	struct plugin *plugin, const struct pp_host *host, bool *ret_again, struct pp_error *error)
{
	bool checked = (host->depth & PP_READ_ALL) == PP_READ_ALL;
	*ret_again = false;
	for (size_t i = 0; i < plugin->n_resources; i++)
		for (size_t j = 0; j < plugin->resources[i].n_units; j++) {
			struct plugin_unit *unit = &plugin->resources[i].units[j];
			struct pp_unit_facts facts;
			int r = pp_unit_look(unit->entry, host, &facts, error);
			if (r < 0)
				return r;
			if (checked)
				unit->checked_ms = pp_clock_ms();
			if (!checked && wants_checks(unit, &facts))
				*ret_again = true;
			else
				plugin_step(unit, PP_HEALTH_SEEN, &facts, NULL);
		}
	return 0;
}

int plugin_look(struct plugin *plugin, struct pp_error *error)
{
	struct pp_host *host PP_CLEANUP(pp_host_freep) = NULL;
	PP_CLEANUP(pp_cordons_freep) struct pp_cordons *cordons = NULL;
	bool again = false;
	int r = pp_host_read(plugin->context, LOOK, &host, error);
	if (r < 0)
		return r;
	int cordoned = load_cordons(plugin, &cordons, error);
	for (size_t i = 0; cordoned == 0 && i < plugin->n_resources; i++)
		for (size_t j = 0; j < plugin->resources[i].n_units; j++)
			look_at_cordon(&plugin->resources[i].units[j], cordons, host);
	r = look_at_units(plugin, host, &again, error);
	if (r < 0 || !again)
		return r < 0 ? r : cordoned;
	pp_host_free(host);
	host = NULL;
	r = pp_host_read(plugin->context, PP_READ_ALL | PP_READ_HOLDERS, &host, error);
	if (r == 0)
		r = look_at_units(plugin, host, &again, error);
	return r < 0 ? r : cordoned;
}

static void on_poll(uint32_t events, void *data)
{
	struct plugin *plugin = data;
	struct pp_error error = {0};
	if (plugin_look(plugin, &error) < 0 && !plugin->cordons_fault)
		plugin_log("looking at the host: %s", error.text);
	plugin_watch_again(plugin->watch);
	for (size_t i = 0; i < plugin->n_resources; i++)
		plugin_attend(&plugin->resources[i]);
	plugin_tell(plugin);
	plugin_pods_ask(plugin);
	loop_set(plugin->poll, plugin->options.poll_ms);
}

/* ---- begin and end ---- */

/* "example.com/nvme" as a name of a file, unlike any other resource's. The path of a socket has
 * room for 107 bytes. */
static char *socket_name(const char *resource)
{
	uint32_t hash = 2166136261u;
	char text[64];
	size_t length = 0;
	for (const char *c = resource; *c; c++) {
		hash = (hash ^ (unsigned char)*c) * 16777619u;
		if (length < 40)
			text[length++] = *c == '/' ? '_' : *c;
	}
	text[length] = '\0';
	char *name = NULL;
	return asprintf(&name, "pcipass-%s-%08x.sock", text, hash) < 0 ? NULL : name;
}

static int make_resource(struct plugin *plugin, const struct pp_pool *pool,
	struct plugin_resource *resource, struct pp_error *error)
{
	const char *folder = plugin->options.registry_dir ? plugin->options.registry_dir
							  : plugin->options.kubelet_dir;
	resource->plugin = plugin;
	resource->pool = pool;
	resource->lock_fd = -1;
	resource->name = socket_name(pool->resource);
	resource->units = calloc(pool->n_units, sizeof(*resource->units));
	if (!resource->name || !resource->units ||
		asprintf(&resource->socket, "%s/%s", folder, resource->name) < 0)
		return pp_error_oom(error);
	resource->n_units = pool->n_units;
	for (size_t i = 0; i < pool->n_units; i++) {
		struct plugin_unit *unit = &resource->units[i];
		unit->resource = resource;
		unit->entry = &pool->units[i];
		unit->id = pool->units[i].devices[0].name;
		pp_health_init(&unit->health);
	}
	return 0;
}

static int make_resources(struct plugin *plugin, struct pp_error *error)
{
	struct pp_host *host PP_CLEANUP(pp_host_freep) = NULL;
	int r = pp_host_read(plugin->context, LOOK, &host, error);
	if (r == 0)
		r = pp_pools_match(plugin->pools, host, true, error);
	plugin->resources = calloc(plugin->pools->n_items, sizeof(*plugin->resources));
	if (r == 0 && !plugin->resources)
		r = pp_error_oom(error);
	for (size_t i = 0; r == 0 && i < plugin->pools->n_items; i++) {
		plugin->n_resources++;
		r = make_resource(plugin, &plugin->pools->items[i], &plugin->resources[i], error);
	}
	for (size_t i = 0; r == 0 && i < plugin->n_resources; i++)
		r = plugin_seen_check(&plugin->resources[i], host, error);
	return r;
}

static void on_signal(uint32_t events, void *data)
{
	loop_end(((struct plugin *)data)->loop, PP_STATUS_OK);
}

static int listen_to_signals(struct plugin *plugin, int *ret_fd, struct pp_error *error)
{
	struct loop_source *source;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return pp_error_errno(error, -errno, "blocking signals");
	PP_CLOSE int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	int r = fd < 0 ? -errno : loop_add(plugin->loop, fd, EPOLLIN, on_signal, plugin, &source);
	if (r < 0)
		return pp_error_errno(error, r, "listening to signals");
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int begin(struct plugin *plugin, struct pp_error *error)
{
	int r = make_resources(plugin, error);
	for (size_t i = 0; r == 0 && i < plugin->n_resources; i++)
		r = plugin_serve(&plugin->resources[i], error);
	for (size_t i = 0; r == 0 && i < plugin->n_resources; i++)
		plugin_record_load(&plugin->resources[i]);
	if (r == 0)
		r = plugin_look(plugin, error);
	if (r == 0)
		r = plugin_watch_open(plugin, &plugin->watch, error);
	if (r == 0)
		r = loop_add_timer(plugin->loop, on_poll, plugin, &plugin->poll) < 0
			    ? pp_error_oom(error)
			    : 0;
	if (r < 0)
		return r;
	loop_set(plugin->poll, plugin->options.poll_ms);
	for (size_t i = 0; i < plugin->n_resources; i++)
		plugin_attend(&plugin->resources[i]);
	return 0;
}

static void end(struct plugin *plugin)
{
	grpc_request_cancel(plugin->pods_request);
	for (size_t i = 0; i < plugin->n_resources; i++) {
		struct plugin_resource *resource = &plugin->resources[i];
		plugin_serve_end(resource);
		for (size_t j = 0; j < resource->n_units; j++)
			plugin_job_forget(resource->units[j].job);
		pp_closep(&resource->lock_fd);
		free(resource->units);
		free(resource->name);
		free(resource->socket);
	}
	free(plugin->resources);
	plugin_watch_close(plugin->watch);
	loop_free(plugin->loop);
}

int plugin_run(const struct plugin_options *options, struct pp_context *context,
	const struct pp_pools *pools, struct pp_error *error)
{
	struct plugin plugin = {.options = *options, .context = context, .pools = pools};
	PP_CLOSE int signals = -1;
	int r = loop_new(&plugin.loop, error);
	if (r == 0)
		r = listen_to_signals(&plugin, &signals, error);
	if (r == 0)
		r = begin(&plugin, error);
	if (r == 0) {
		plugin_notify("READY=1");
		r = loop_run(plugin.loop);
		if (r < 0)
			pp_error_errno(error, r, "waiting for events");
	}
	end(&plugin);
	return r;
}
