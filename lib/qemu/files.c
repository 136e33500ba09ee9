/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the host in QEMU's arguments: their paths, or descriptors that are opened for it. A
 * block node, a chardev and the like take /dev/fdset/N, of which QEMU makes itself a copy; what is
 * opened by a plain open() takes /proc/self/fd/N, which must then be of an inode that QEMU may
 * open. */
#include "lib/qemu/arguments.h"
#include <stdio.h>
#include <string.h>

static struct pp_launch_file *add_file(
	struct pp_arguments *arguments, enum pp_file_use use, const char *path)
{
	if (arguments->n_files == arguments->files_size) {
		size_t size = arguments->files_size ? arguments->files_size * 2 : 16;
		struct pp_launch_file *files = pp_arena_grow(arguments->arena, arguments->files,
			arguments->files_size * sizeof(*files), size * sizeof(*files));

		if (!files) {
			arguments->failed = pp_error_oom(arguments->error);
			return NULL;
		}
		arguments->files = files;
		arguments->files_size = size;
	}
	char *copy = pp_arena_strdup(arguments->arena, path);
	if (!copy) {
		arguments->failed = pp_error_oom(arguments->error);
		return NULL;
	}
	struct pp_launch_file *file = &arguments->files[arguments->n_files];
	*file = (struct pp_launch_file){.use = use,
		.path = copy,
		.fd = arguments->options->first_fd + (int)arguments->n_files};
	arguments->n_files++;
	return file;
}

const char *pp_arguments_file(
	struct pp_arguments *arguments, enum pp_file_use use, const char *path)
{
	if (!path || !*path || arguments->options->first_fd <= 0)
		return path;
	const struct pp_launch_file *file = add_file(arguments, use, path);
	if (!file)
		return "";
	const char *name = pp_arena_printf(arguments->arena,
		use == PP_FILE_COPY || use == PP_FILE_SHMEM ? "/proc/self/fd/%d" : "/dev/fdset/%d",
		file->fd);
	if (!name)
		arguments->failed = pp_error_oom(arguments->error);
	return name ? name : "";
}

const char *pp_arguments_image(
	struct pp_arguments *arguments, const char *path, bool write, bool shared)
{
	size_t before = arguments->n_files;
	const char *name = pp_arguments_file(arguments, write ? PP_FILE_WRITE : PP_FILE_READ, path);

	if (arguments->n_files == before)
		return name;
	arguments->files[before].image = true;
	arguments->files[before].shared = shared;
	return name;
}

void pp_arguments_socket(struct pp_arguments *arguments, const char *path, bool listen)
{
	if (arguments->options->first_fd <= 0) {
		pp_arguments_prop(arguments, "path", path);
		return;
	}
	const struct pp_launch_file *file =
		add_file(arguments, listen ? PP_FILE_LISTEN : PP_FILE_CONNECT, path);
	if (file)
		pp_arguments_propf(arguments, "fd", "%d", file->fd);
}

int pp_arguments_tap(
	struct pp_arguments *arguments, const struct pp_interface *interface, const char *bridge)
{
	struct pp_launch_file *file =
		arguments->options->first_fd > 0 ? add_file(arguments, PP_FILE_TAP, bridge) : NULL;

	if (!file)
		return 0;
	file->tap = interface->target ? interface->target : "vnet%d";
	memcpy(file->mac, interface->mac, sizeof(file->mac));
	return file->fd;
}

const char *pp_arguments_shmem(struct pp_arguments *arguments, const char *path, uint64_t size)
{
	size_t before = arguments->n_files;
	const char *name = pp_arguments_file(arguments, PP_FILE_SHMEM, path);

	if (arguments->n_files > before)
		arguments->files[before].size = size;
	return name;
}

int pp_arguments_share(
	struct pp_arguments *arguments, const struct pp_filesystem *filesystem, const char *more)
{
	struct pp_launch_file *file =
		arguments->options->first_fd > 0
			? add_file(arguments, PP_FILE_SHARE, filesystem->source)
			: NULL;

	if (!file)
		return 0;
	file->readonly = filesystem->readonly;
	file->more = more;
	return file->fd;
}

const char *pp_arguments_node(struct pp_arguments *arguments, const char *path)
{
	if (arguments->options->first_fd > 0)
		add_file(arguments, PP_FILE_NODE, path);
	return path;
}

int pp_arguments_tpm(struct pp_arguments *arguments)
{
	const struct pp_launch_file *file =
		arguments->options->first_fd > 0
			? add_file(arguments, PP_FILE_TPM,
				  arguments->options->tpm ? arguments->options->tpm : "")
			: NULL;

	return file ? file->fd : 0;
}

int pp_arguments_vhost(struct pp_arguments *arguments)
{
	const struct pp_launch_file *file =
		arguments->options->first_fd > 0
			? add_file(arguments, PP_FILE_DEVICE, "/dev/vhost-net")
			: NULL;

	return file ? file->fd : 0;
}

void pp_arguments_files(struct pp_arguments *arguments)
{
	for (size_t i = 0; i < arguments->n_files; i++) {
		const struct pp_launch_file *file = &arguments->files[i];
		char text[64];

		if (file->use >= PP_FILE_COPY)
			continue;
		snprintf(text, sizeof(text), "fd=%d,set=%d", file->fd, file->fd);
		pp_arguments_pair(arguments, "-add-fd", text);
	}
}
