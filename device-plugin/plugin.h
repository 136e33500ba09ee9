/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin: resources, their units, and the one event loop that keeps them. */
#ifndef DEVICE_PLUGIN_PLUGIN_H
#define DEVICE_PLUGIN_PLUGIN_H

#include "device-plugin/grpc/client.h"
#include "device-plugin/grpc/loop.h"
#include "device-plugin/grpc/server.h"
#include "pool/cordon.h"
#include "pool/health.h"
#include "pool/host.h"
#include <sys/types.h>
#include <time.h>

struct plugin_job;
struct plugin_unit {
	struct plugin_resource *resource;
	const struct pp_pool_unit *entry;
	const char *id; /* the leader's address: it outlives a boot, and is short enough */
	struct pp_unit_health health;
	struct plugin_job *job;
	char postponed[PP_REASON_SIZE]; /* why the last job could not be done then */
	enum pp_sickness plain;         /* as last seen without all checks */
	char plain_reason[PP_REASON_SIZE];
	long long checked_ms; /* when all checks were made; 0: never */
	bool unrecorded;      /* its quarantine could not be written down, and holds nevertheless */
	long long given_ms;   /* when it was promised */
	bool listed;          /* a pod had it since, says this kubelet */
};
/* One who is told of the list (ListAndWatch). */
struct plugin_listener {
	struct plugin_listener *next;
	struct plugin_resource *resource;
	struct grpc_call *call;
};
struct plugin_waiter; /* service.c: one who wants units (PreStartContainer) */

struct plugin_resource {
	struct plugin *plugin;
	const struct pp_pool *pool;
	struct plugin_unit *units;
	size_t n_units;
	char *name;   /* of its socket, without a folder */
	char *socket; /* its path */
	int lock_fd;
	struct grpc_server *server;
	struct plugin_listener *listeners;
	struct plugin_waiter *waiters;
	/* registration.c */
	struct grpc_request *request;
	struct loop_source *timer; /* the next try */
	int backoff_ms;
	bool registered, said_waiting;
	dev_t kubelet_device; /* of the kubelet's socket at which it is registered */
	ino_t kubelet_inode;
	bool changed; /* its listeners are to be told */
};
struct plugin_options {
	const char *root;
	const char *kubelet_dir;  /* "/var/lib/kubelet/device-plugins" */
	const char *registry_dir; /* NULL: it registers itself; else the kubelet finds it there */
	const char *pods_socket;  /* of the kubelet's pod resources API */
	int poll_ms;
};
struct plugin_socket {
	dev_t device;
	ino_t inode;
	struct timespec changed;
};
struct plugin {
	struct plugin_options options;
	struct pp_context *context;
	const struct pp_pools *pools;
	struct loop *loop;
	struct plugin_resource *resources;
	size_t n_resources;
	struct plugin_watch *watch;
	struct loop_source *poll;
	bool cordons_fault; /* said already */
	struct grpc_request *pods_request;
	struct plugin_socket pods_of; /* whose lists they are that said what is listed */
	long long pods_asked_ms;
	bool pods_fault; /* said already */
};

/* Until SIGTERM; returns an exit status or -errno. */
int plugin_run(const struct plugin_options *options, struct pp_context *context,
	const struct pp_pools *pools, struct pp_error *error);

/* Looks at the host, and does what follows. */
int plugin_look(struct plugin *plugin, struct pp_error *error);
/* An event of a unit, with all that follows from it but what its listeners are told. */
void plugin_step(struct plugin_unit *unit, enum pp_health_event event,
	const struct pp_unit_facts *facts, const char *text);
/* Those who listen are told what changed. */
void plugin_tell(struct plugin *plugin);
struct plugin_unit *plugin_unit_find(struct plugin_resource *resource, const char *id);
void plugin_log(const char *format, ...) PP_PRINTF(1, 2);

/* ---- job.c: what takes long, in a process of its own ---- */
/* Prepares (command, then reset) or releases (command, then reset) the unit; the end is a step. */
void plugin_job_start(struct plugin_unit *unit, bool prepare);
void plugin_job_forget(struct plugin_job *job);

/* ---- record.c: what outlives the process ---- */
int plugin_record_save(struct plugin_resource *resource, struct pp_error *error);
void plugin_record_load(struct plugin_resource *resource);
/* Units whose devices were seen once may be absent when it starts; others may not. */
int plugin_seen_check(
	struct plugin_resource *resource, const struct pp_host *host, struct pp_error *error);

/* ---- registration.c ---- */
int plugin_serve(struct plugin_resource *resource, struct pp_error *error);
/* Its socket and the kubelet's are looked at; what is not as it was is put right. */
void plugin_attend(struct plugin_resource *resource);
void plugin_serve_end(struct plugin_resource *resource);

/* ---- pods.c ---- */
/* Asks the kubelet, where it has a pod resources API, whether those who were promised a unit and
 * have not opened it are still there. The answer is a step. */
void plugin_pods_ask(struct plugin *plugin);

/* ---- service.c ---- */
extern const struct grpc_method plugin_methods[];
extern const size_t plugin_n_methods;
void plugin_service_tell(struct plugin_resource *resource);
/* A job of the unit ended, or it was seen anew: those who wait for it. */
void plugin_service_wake(struct plugin_resource *resource);
void plugin_service_end(struct plugin_resource *resource);

/* ---- nodes.c ---- */
/* Paths of the device nodes that whoever gets the unit needs; NULL-terminated, pp_strv_free. */
int plugin_unit_nodes(struct plugin *plugin, const struct plugin_unit *unit, char ***ret_nodes,
	struct pp_error *error);

/* ---- watch.c: what says that something changed ---- */
struct plugin_watch;
int plugin_watch_open(
	struct plugin *plugin, struct plugin_watch **ret_watch, struct pp_error *error);
/* Folders that were not there before may be now. */
void plugin_watch_again(struct plugin_watch *watch);
void plugin_watch_close(struct plugin_watch *watch);

#endif
