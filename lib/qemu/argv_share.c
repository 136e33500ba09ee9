/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has together with others: memory, and directories of the host. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>

static void put_memory(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const char *path = pp_arena_printf(arguments->arena, "/dev/shm/%s", device->shmem.name);

	if (!path) {
		arguments->failed = pp_error_oom(arguments->error);
		return;
	}
	pp_arguments_begin(arguments, "-object", "memory-backend-file");
	pp_arguments_propf(arguments, "id", "shmmem-%s", device->alias);
	pp_arguments_prop(
		arguments, "mem-path", pp_arguments_shmem(arguments, path, device->shmem.size));
	pp_arguments_propf(arguments, "size", "%" PRIu64, device->shmem.size);
	pp_arguments_prop(arguments, "share", "on");
	pp_arguments_end(arguments);
}

static void put_server(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_begin(arguments, "-chardev", "socket");
	pp_arguments_propf(arguments, "id", "char%s", device->alias);
	pp_arguments_socket(arguments, device->shmem.server, false);
	pp_arguments_end(arguments);
}

void pp_arguments_shmem_device(
	struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_shmem *shmem = &device->shmem;

	if (shmem->server)
		put_server(arguments, device);
	else
		put_memory(arguments, device);
	pp_arguments_device(arguments, device, device->model);
	pp_arguments_prop(arguments, "id", device->alias);
	if (shmem->server)
		pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	else
		pp_arguments_propf(arguments, "memdev", "shmmem-%s", device->alias);
	if (shmem->vectors)
		pp_arguments_propf(arguments, "vectors", "%u", shmem->vectors);
	pp_arguments_switch(arguments, "ioeventfd", shmem->ioeventfd);
	if (shmem->master)
		pp_arguments_prop(arguments, "master", "on");
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

/* Options of virtiofsd, as it reads them. */
static const char *options_of(
	struct pp_arguments *arguments, const struct pp_filesystem *filesystem)
{
	const char *text = pp_arena_printf(arguments->arena, "%s%s%s",
		filesystem->cache ? "cache=" : "", filesystem->cache ? filesystem->cache : "",
		filesystem->xattr == PP_ON ? ",xattr"
					   : (filesystem->xattr == PP_OFF ? ",no_xattr" : ""));

	if (!text)
		arguments->failed = pp_error_oom(arguments->error);
	if (!text || !*text)
		return NULL;
	return *text == ',' ? text + 1 : text;
}

void pp_arguments_filesystem(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_filesystem *filesystem = &device->filesystem;
	int fd = pp_arguments_share(arguments, filesystem, options_of(arguments, filesystem));

	pp_arguments_begin(arguments, "-chardev", "socket");
	pp_arguments_propf(arguments, "id", "chr-vu-%s", device->alias);
	if (fd > 0)
		pp_arguments_propf(arguments, "fd", "%d", fd);
	else
		pp_arguments_propf(arguments, "path", "%s/%s-fs.sock", arguments->options->folder,
			device->alias);
	pp_arguments_end(arguments);
	pp_arguments_device(arguments, device, "vhost-user-fs-pci");
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_propf(arguments, "chardev", "chr-vu-%s", device->alias);
	if (filesystem->queue)
		pp_arguments_propf(arguments, "queue-size", "%u", filesystem->queue);
	pp_arguments_prop(arguments, "tag", filesystem->tag);
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}
