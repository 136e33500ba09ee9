/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache of capabilities: a file for each binary, good as long as the binary, and the folder
 * with QEMU's modules, are the same. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/context.h"
#include "lib/qemu/capabilities.h"
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT 1 /* raised when the questions change */
#define MAX_SIZE (4 << 20)

static const char *const binaries[] = {
	"/usr/bin/qemu-system-x86_64",
	"/usr/local/bin/qemu-system-x86_64",
	"/usr/libexec/qemu-kvm",
	"/usr/bin/qemu-kvm",
	NULL,
};
/* A module that is installed later brings devices without changing the binary. */
static const char *const module_folders[] = {
	"/usr/lib/x86_64-linux-gnu/qemu",
	"/usr/lib64/qemu-kvm",
	"/usr/lib64/qemu",
	"/usr/lib/qemu",
	"/usr/local/lib/qemu",
};

static void put_identity(struct pp_buffer *buffer, const char *path)
{
	struct stat stat_of;

	if (stat(path, &stat_of) == 0)
		pp_buffer_printf(buffer, "%s:%" PRIu64 ":%" PRIu64 ":%lld.%09ld:%lld;", path,
			(uint64_t)stat_of.st_dev, (uint64_t)stat_of.st_ino,
			(long long)stat_of.st_mtim.tv_sec, stat_of.st_mtim.tv_nsec,
			(long long)stat_of.st_size);
}

static int identify(const char *binary, struct pp_buffer *buffer, struct pp_error *error)
{
	if (access(binary, X_OK) < 0) {
		int r = pp_error_set(error, PP_STATUS_NOT_READY, -errno,
			"QEMU %s cannot be run: %s", binary, strerror(errno));

		pp_error_remedy(error,
			"install QEMU (Debian: apt install qemu-system-x86), or correct "
			"<emulator> in the definition");
		return r;
	}
	pp_buffer_printf(buffer, "%d;", FORMAT);
	put_identity(buffer, binary);
	for (size_t i = 0; i < PP_COUNT(module_folders); i++)
		put_identity(buffer, module_folders[i]);
	return buffer->failed;
}

static const char *default_binary(void)
{
	const char *binary = pp_process_program(binaries);

	return binary ? binary : binaries[0];
}

static void cache_path(const char *folder, const char *binary, struct pp_buffer *path)
{
	pp_buffer_printf(path, "%s/cache/qemu", folder);
	for (const char *c = binary; *c; c++)
		pp_buffer_putc(path, *c == '/' ? '-' : *c);
	pp_buffer_puts(path, ".json");
}

static int read_cache(
	const char *path, const char *identity, struct pp_qemu_capabilities **ret_capabilities)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	PP_FREE char *text = NULL;
	size_t length;
	int r = pp_file_read(AT_FDCWD, path, MAX_SIZE, &text, &length);

	if (r < 0)
		return r;
	r = pp_json_parse(text, length, &json, NULL);
	if (r < 0)
		return r;
	if (!pp_text_is(pp_json_get_string(json, "identity"), identity))
		return -ESTALE;
	return pp_qemu_capabilities_from_json(json, ret_capabilities, NULL);
}

/* A cache that cannot be written is asked for again the next time: no error. */
static void write_cache(
	const char *path, const char *identity, const struct pp_qemu_capabilities *capabilities)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = pp_qemu_capabilities_to_json(capabilities);
	PP_FREE char *folder = strdup(path);
	PP_FREE char *text = NULL;

	if (!json || !folder || pp_json_set_string(json, "identity", identity) < 0)
		return;
	text = pp_json_print(json, true);
	*strrchr(folder, '/') = '\0';
	if (text && pp_file_mkdirs(AT_FDCWD, folder, 0755) >= 0)
		(void)pp_file_replace(AT_FDCWD, path, text, strlen(text), 0644);
}

int pp_qemu_capabilities_load(struct pp_context *context, const char *binary,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer identity = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer path = PP_BUFFER_INIT;
	int r;

	if (!binary)
		binary = default_binary();
	r = identify(binary, &identity, error);
	if (r < 0)
		return r == -ENOMEM ? pp_error_oom(error) : r;
	cache_path(context->run, binary, &path);
	if (identity.failed || path.failed)
		return pp_error_oom(error);
	if (read_cache(path.data, identity.data, ret_capabilities) == 0)
		return 0;
	r = pp_qemu_capabilities_ask(binary, ret_capabilities, error);
	if (r == 0 && !context->read_only)
		write_cache(path.data, identity.data, *ret_capabilities);
	return r;
}
