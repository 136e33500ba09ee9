/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/networkpool.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/store.h"
#include "lib/domain/text.h"
#include "lib/host/libvirt.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOCK "pools" /* beside those of devices */
#define LOCK_MS 60000

struct pool {
	struct pp_context *context;
	const struct pp_host *host;
	const struct pp_definition *definition;
	struct pp_arena *arena;
	struct pp_address *chosen; /* for the interfaces before */
	size_t n_chosen;
	struct pp_error *error;
};

/* ---- what is asked for ---- */

static int network_of(struct pp_context *context, struct pp_arena *arena,
	const struct pp_domain_device *device, struct pp_libvirt_network *ret_network)
{
	struct pp_libvirt_network network = {0};
	if (device->kind != PP_DEV_INTERFACE || device->interface.type != PP_INTERFACE_NETWORK)
		return 0;
	int r = pp_libvirt_network(context->tree, arena, device->interface.source, &network);
	if (r < 0) /* what is wrong with it is said where bridges are looked for */
		return r == -ENOMEM ? r : 0;
	if (!pp_text_is(network.mode, "hostdev"))
		return 0;
	*ret_network = network;
	return 1;
}

int pp_networkpool_asked(struct pp_context *context, const struct pp_domain *domain,
	bool *ret_asked, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	int r = arena ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < domain->n_devices; i++) {
		struct pp_libvirt_network network;
		r = network_of(context, arena, &domain->devices[i], &network);
	}
	if (r < 0)
		return pp_error_oom(error);
	*ret_asked = r > 0;
	return 0;
}

/* ---- which there are ---- */

static int refuse(struct pool *pool, const struct pp_domain_device *device, const char *id,
	const char *why, const char *remedy)
{
	pp_error_set(pool->error, PP_STATUS_NOT_READY, -ENODEV, "%s:%d: the network '%s' %s",
		pool->definition->path, device->line, device->interface.source, why);
	pp_error_id(pool->error, id);
	pp_error_remedy(pool->error, "%s", remedy);
	return -ENODEV;
}

static const struct pp_device *device_of_port(struct pool *pool, const char *port)
{
	char path[PP_PATH_MAX], *real;
	struct pp_address address;
	if (pp_path(path, sizeof(path), "/sys/class/net/%s/device", port) < 0 ||
		pp_tree_real(pool->context->tree, pool->arena, path, &real) < 0 ||
		pp_address_parse(strrchr(real, '/') + 1, &address) < 0)
		return NULL;
	return pp_host_device(pool->host, &address);
}

static int functions_of(struct pool *pool, const struct pp_domain_device *device,
	struct pp_libvirt_network *network)
{
	char why[160], remedy[160] = "name an interface of this host in its <pf dev=>";
	if (!network->pf && network->n_addresses == 0)
		return refuse(pool, device, "pool-empty",
			"has neither a <pf> nor an <address> in its <forward mode='hostdev'>",
			"virsh net-edit, or net-dumpxml to look");
	if (!network->pf)
		return 0;
	const struct pp_device *pf = device_of_port(pool, network->pf);
	if (!pf) {
		snprintf(why, sizeof(why), "is of the card %.40s, which is not on this host",
			network->pf);
		return refuse(pool, device, "pool-no-card", why, remedy);
	}
	if (pf->n_virtual_functions == 0) {
		snprintf(why, sizeof(why),
			"is of the card %.40s (%s), which has no virtual functions now",
			network->pf, pf->name);
		snprintf(remedy, sizeof(remedy), "pcipass nodedev-setvfs %s %u --persistent",
			pf->name, pf->sriov_total);
		return refuse(pool, device, "pool-empty", why, remedy);
	}
	struct pp_address *addresses =
		pp_arena_array(pool->arena, pf->n_virtual_functions, sizeof(*addresses));
	if (!addresses)
		return pp_error_oom(pool->error);
	for (size_t i = 0; i < pf->n_virtual_functions; i++)
		addresses[i] = pf->virtual_functions[i]->address;
	network->addresses = addresses;
	network->n_addresses = pf->n_virtual_functions;
	return 0;
}

/* ---- which is free ---- */

static bool is_own(const struct pool *pool, const struct pp_address *address)
{
	const struct pp_domain_device *hostdev = NULL;
	for (size_t i = 0; i < pool->n_chosen; i++)
		if (pp_address_compare(&pool->chosen[i], address) == 0)
			return true;
	while ((hostdev = pp_domain_next_hostdev(pool->definition->domain, hostdev)))
		if (pp_address_compare(&hostdev->hostdev.source, address) == 0)
			return true;
	return false;
}

/* 1: nobody has it; 0: *WHO says who. */
static int is_free(struct pool *pool, const struct pp_address *address, const char **ret_who)
{
	const struct pp_device *device = pp_host_device(pool->host, address);
	char owner[160];
	*ret_who = NULL;
	if (!device)
		*ret_who = "not on this host";
	else if (is_own(pool, address))
		*ret_who = "this guest itself";
	for (size_t i = 0; device && !*ret_who && i < pool->host->n_uses; i++) {
		const struct pp_use *use = &pool->host->uses[i];
		if (use->device == device && use->blocking)
			*ret_who = use->owner ? use->owner : use->text;
	}
	if (*ret_who)
		return 0;
	int r = pp_device_owner(pool->context, address, owner, sizeof(owner), NULL, pool->error);
	if (r < 0)
		return r;
	const char *guest = pp_owner_guest(owner);
	if (!guest)
		return 1;
	*ret_who = pp_arena_printf(
		pool->arena, "guest %s%s", guest, pp_owner_is_libvirt(owner) ? ", libvirt" : "");
	return *ret_who ? 0 : pp_error_oom(pool->error);
}

static int refuse_taken(
	struct pool *pool, const struct pp_domain_device *device, const struct pp_buffer *taken)
{
	pp_error_set(pool->error, PP_STATUS_IN_USE, -EBUSY,
		"%s:%d: no virtual function of the network '%s' is free: %s",
		pool->definition->path, device->line, device->interface.source,
		pp_buffer_text(taken));
	pp_error_id(pool->error, "pool-taken");
	pp_error_remedy(pool->error, "shut one of those guests down, or make more functions "
				     "(pcipass nodedev-setvfs, which needs all of them free)");
	return -EBUSY;
}

static int choose(struct pool *pool, const struct pp_domain_device *device,
	struct pp_libvirt_network *network)
{
	PP_BUFFER struct pp_buffer taken = PP_BUFFER_INIT;
	int r = functions_of(pool, device, network);
	for (size_t i = 0; r >= 0 && i < network->n_addresses; i++) {
		const struct pp_address *address = &network->addresses[i];
		char text[PP_ADDRESS_SIZE];
		const char *who;
		r = is_free(pool, address, &who);
		if (r > 0) {
			pool->chosen[pool->n_chosen++] = *address;
			return 0;
		}
		pp_buffer_printf(&taken, "%s%s: %s", taken.length ? "; " : "",
			pp_address_text(address, text), r < 0 ? "" : who);
	}
	return r < 0 ? r : refuse_taken(pool, device, &taken);
}

/* ---- the definition of the run ---- */

static int parse(const struct pp_definition *like, const char *text,
	struct pp_definition **ret_definition, struct pp_error *error)
{
	struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_definition_freep)
	struct pp_definition *definition =
		arena ? pp_arena_alloc(arena, sizeof(*definition)) : NULL;
	if (!definition) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	definition->arena = arena;
	definition->name = pp_arena_strdup(arena, like->name);
	definition->path = pp_arena_strdup(arena, like->path);
	definition->text = pp_arena_strdup(arena, text);
	definition->length = strlen(text);
	if (!definition->name || !definition->path || !definition->text)
		return pp_error_oom(error);
	int r = pp_domain_parse(
		text, definition->length, definition->path, &definition->domain, error);
	if (r < 0)
		return r;
	*ret_definition = PP_TAKE(definition);
	return 0;
}

static bool is_interface(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_INTERFACE ||
	       (device->kind == PP_DEV_HOSTDEV && device->hostdev.interface);
}

/* Replaces in *TEXT, which is owned, what the interface with this number asks for. */
static int put_choice(
	struct pool *pool, char **text, size_t number, const struct pp_libvirt_network *network)
{
	char *more = NULL;
	int r = pp_domain_text_function(*text, strlen(*text), number,
		&pool->chosen[pool->n_chosen - 1], network->managed, &more, pool->error);
	if (r < 0)
		return r;
	free(*text);
	*text = more;
	return 0;
}

int pp_networkpool_choose(struct pp_context *context, const struct pp_host *host,
	const struct pp_definition *definition, struct pp_definition **ret_run,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_FREE char *text = strndup(definition->text, definition->length);
	const struct pp_domain *domain = definition->domain;
	struct pool pool = {.context = context,
		.host = host,
		.definition = definition,
		.arena = arena,
		.error = error};
	size_t number = 0;
	if (!arena || !text)
		return pp_error_oom(error);
	pool.chosen = pp_arena_array(arena, domain->n_devices + 1, sizeof(*pool.chosen));
	if (!pool.chosen)
		return pp_error_oom(error);
	int r = 0;
	for (size_t i = 0; r >= 0 && i < domain->n_devices; i++) {
		struct pp_libvirt_network network;
		r = network_of(context, arena, &domain->devices[i], &network);
		if (r > 0)
			r = choose(&pool, &domain->devices[i], &network);
		else if (r == 0)
			goto next;
		if (r >= 0)
			r = put_choice(&pool, &text, number, &network);
	next:
		number += is_interface(&domain->devices[i]);
	}
	if (r < 0)
		return r == -ENOMEM ? pp_error_oom(error) : r;
	*ret_run = NULL;
	return pool.n_chosen ? parse(definition, text, ret_run, error) : 0;
}

int pp_networkpool_lock(struct pp_context *context, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	int r = pp_store_open(context, "locks", true, &folder, error);
	if (r < 0)
		return r;
	PP_CLOSE int fd = openat(folder, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : pp_lock_wait(fd, LOCK_MS);
	if (r == -ETIMEDOUT)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another start has been choosing a virtual function for %d s",
			LOCK_MS / 1000);
	if (r < 0)
		return pp_error_errno(error, r, "taking the lock of pools");
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}
