/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/export.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/tree.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define POOLS "/etc/pcipass/pools.json"
#define FILE_MAX (16 << 20)

static const char *pool_file, *resource, *node, *output, *check;
static const struct pp_option options[] = {
	{"pool", 0, "FILE", "the pools; without it " POOLS, NULL, &pool_file},
	{"resource", 0, "NAME", "of this resource alone", NULL, &resource},
	{"node", 0, "NAME", "what the engine calls this host; without it the host's name", NULL,
		&node},
	{"output", 'o', "FILE", "write it there, whole or not at all", NULL, &output},
	{"check", 0, "FILE", "say whether FILE still is what would be written; exit status 3: not",
		NULL, &check},
};

static const struct cli_export_format *find_format(const char *name)
{
	for (size_t i = 0; i < cli_n_export_formats; i++)
		if (pp_text_is(cli_export_formats[i].name, name))
			return &cli_export_formats[i];
	return NULL;
}

static int unknown_format(struct cli *cli, const char *name)
{
	const char *names[16] = {NULL};
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	for (size_t i = 0; i < cli_n_export_formats; i++) {
		names[i] = cli_export_formats[i].name;
		pp_buffer_printf(&all, "%s%s", i ? ", " : "", names[i]);
	}
	const char *nearest = pp_text_nearest(name, names);
	return cli_usage(cli, "export: unknown format '%s'%s%s; there are %s", name,
		nearest ? ": did you mean " : "", nearest ? nearest : "", pp_buffer_text(&all));
}

/* ---- what is written ---- */

static int host_name(struct cli *cli, struct pp_arena *arena, const char **ret_name)
{
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = NULL;
	struct pp_error error = {0};
	char *name = NULL;
	if (pp_tree_open(cli->root, &tree, &error) < 0)
		return cli_fail(cli, &error);
	if (pp_tree_line(tree, arena, "/proc/sys/kernel/hostname", &name) < 0 &&
		pp_tree_line(tree, arena, "/etc/hostname", &name) < 0)
		name = NULL;
	*ret_name = name && *name ? name : "localhost";
	return PP_STATUS_OK;
}

static int choose_pool(
	struct cli *cli, const struct pp_pools *pools, const struct pp_pool **ret_pool)
{
	for (size_t i = 0; resource && i < pools->n_items; i++)
		if (pp_text_is(pools->items[i].resource, resource)) {
			*ret_pool = &pools->items[i];
			return PP_STATUS_OK;
		}
	if (!resource)
		return PP_STATUS_OK;
	return cli_refuse(cli, PP_STATUS_USAGE, "%s has no resource %s", pools->file, resource);
}

static int make(struct cli *cli, const struct cli_export_format *format, struct pp_buffer *out)
{
	PP_CLEANUP(pp_pools_freep) struct pp_pools *pools = NULL;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct cli_export export = {.node = node};
	struct pp_error error = {0};
	if (!arena)
		return cli_oom(cli);
	if (pp_pools_load(pool_file ? pool_file : POOLS, &pools, &error) < 0)
		return cli_fail(cli, &error);
	int status = choose_pool(cli, pools, &export.only);
	if (status == PP_STATUS_OK)
		status = cli_read(cli, PP_READ_CONFIG, &host);
	if (status == PP_STATUS_OK && !node)
		status = host_name(cli, arena, &export.node);
	if (status)
		return status;
	export.pools = pools;
	export.host = host;
	if (pp_pools_match(pools, host, false, &error) < 0 ||
		format->write(&export, out, &error) < 0)
		return cli_fail(cli, &error);
	return out->failed ? cli_oom(cli) : PP_STATUS_OK;
}

/* ---- where it goes ---- */

/* With --root, below it: a folder that leads out of it is not written to. */
static int open_folder(struct cli *cli, const char *path, int *ret_fd, const char **ret_name,
	char *folder, size_t size)
{
	char real[PATH_MAX], top[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) + 1 : 0;
	if (pp_path(folder, size, "%s%s%.*s", cli->root ? cli->root : "",
		    length      ? ""
		    : cli->root ? "/"
				: "./",
		    length, path) < 0)
		return -ENAMETOOLONG;
	if (cli->root && (!realpath(cli->root, top) || !realpath(folder, real) ||
				 !pp_text_starts(real, top)))
		return errno ? -errno : -EXDEV;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	*ret_name = path + length;
	return 0;
}

static int write_out(struct cli *cli, const struct pp_buffer *text)
{
	char folder[PP_PATH_MAX];
	const char *name = NULL;
	PP_CLOSE int fd = -1;
	PP_FREE char *old = NULL;
	size_t length = 0;
	errno = 0;
	int r = open_folder(cli, output, &fd, &name, folder, sizeof(folder));
	if (r == 0 && pp_file_read(fd, name, FILE_MAX, &old, &length) == 0 &&
		length == text->length && memcmp(old, text->data, length) == 0) {
		cli_set_bool(cli, "changed", false);
		cli_print(cli, "%s already is so\n", output);
		return PP_STATUS_OK;
	}
	if (r == 0 && !cli->dry_run)
		r = pp_file_replace(fd, name, text->data, text->length, 0644);
	if (r < 0)
		return cli_refuse(cli, PP_STATUS_FAILED, "writing %s: %s", output, strerror(-r));
	cli_set_bool(cli, "changed", !cli->dry_run);
	cli_print(cli, "%s %s\n", output, cli->dry_run ? "would be written" : "written");
	return PP_STATUS_OK;
}

static unsigned first_difference(const char *a, const char *b)
{
	unsigned line = 1;
	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	return line;
}

static int compare(struct cli *cli, const char *format, const struct pp_buffer *text)
{
	char folder[PP_PATH_MAX];
	const char *name = NULL;
	PP_CLOSE int fd = -1;
	PP_FREE char *old = NULL;
	size_t length = 0;
	errno = 0;
	int r = open_folder(cli, check, &fd, &name, folder, sizeof(folder));
	if (r == 0)
		r = pp_file_read(fd, name, FILE_MAX, &old, &length);
	if (r < 0)
		return cli_refuse(cli, PP_STATUS_NOT_READY, "%s: %s", check, strerror(-r));
	if (length == text->length && memcmp(old, text->data, length) == 0) {
		cli_print(cli, "%s still holds\n", check);
		return PP_STATUS_OK;
	}
	return cli_refuse(cli, PP_STATUS_NOT_READY,
		"%s is not what this host is now, from line %u on; pcipass export %s --output %s "
		"writes it anew",
		check, first_difference(old, text->data), format, check);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	const struct cli_export_format *format = find_format(words[0]);
	if (!format)
		return unknown_format(cli, words[0]);
	if (output && check)
		return cli_usage(cli, "export: --output or --check, not both");
	int status = make(cli, format, &text);
	if (status)
		return status;
	if (check)
		return compare(cli, words[0], &text);
	if (output)
		return write_out(cli, &text);
	cli_set_string(cli, "text", pp_buffer_text(&text));
	cli_print(cli, "%s", pp_buffer_text(&text));
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_export = {
	.name = "export",
	.group = CLI_HOST,
	.summary = "pools of devices as other engines read them",
	.example = "  # pcipass export slurm --output /etc/slurm/gres.conf\n"
		   "  /etc/slurm/gres.conf written\n"
		   "  # pcipass export slurm --check /etc/slurm/gres.conf\n"
		   "  /etc/slurm/gres.conf still holds\n",
	.usage = "FORMAT [--pool FILE] [--resource NAME] [--node NAME] [--output FILE | --check "
		 "FILE]",
	.details = "FORMAT: cdi (the Container Device Interface), kubevirt (its list of permitted\n"
		   "devices), nfd (Node Feature Discovery), nova ([pci] of nova.conf), proxmox\n"
		   "(mapping/pci.cfg), slurm (gres.conf). docs/device-plugin.md has what is in a\n"
		   "file of pools.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 1,
	.words = "a format",
	.writes = true,
	.may_not_write = true,
	.run = run,
};
