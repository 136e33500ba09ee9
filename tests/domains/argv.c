/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain-argv QEMU.json FILE...: what each definition becomes, with this host's firmware and a
 * network `default`, and without its devices. A line for each file: {"argv": [...], "live":
 * "<domain>..."} or
 * {"error": "..."}. */
#include "base/file.h"
#include "base/json.h"
#include "lib/domain/text.h"
#include "lib/qemu/argv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int read_qemu(const char *path, struct pp_qemu_capabilities **ret_capabilities)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	PP_FREE char *text = NULL;
	struct pp_error error = {0};
	size_t length;

	if (pp_file_read(AT_FDCWD, path, 4 << 20, &text, &length) < 0 ||
		pp_json_parse(text, length, &json, &error) < 0)
		return -EINVAL;
	return pp_qemu_capabilities_from_json(json, ret_capabilities, &error);
}

static int read_firmwares(struct pp_arena *arena, struct pp_firmwares *ret_firmwares)
{
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = NULL;
	struct pp_error error = {0};

	if (!arena || pp_tree_open("/", &tree, &error) < 0)
		return -EINVAL;
	return pp_firmwares_read(tree, arena, ret_firmwares, &error);
}

static void print_one(const char *path, const struct pp_qemu_capabilities *capabilities,
	const struct pp_firmwares *firmwares)
{
	static const struct pp_network_bridge bridges[] = {{"default", "virbr0"}, {NULL, NULL}};
	const struct pp_launch_options options = {.folder = "/run/pcipass/guest",
		.now = 1700000000,
		.firmwares = firmwares,
		.bridges = bridges,
		.nvram = "/var/lib/pcipass/nvram/g_VARS.fd"};
	PP_CLEANUP(pp_json_freep) struct pp_json *result = pp_json_object();
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	PP_CLEANUP(pp_launch_freep) struct pp_launch *launch = NULL;
	PP_FREE char *text = NULL;
	PP_FREE char *live = NULL;
	PP_FREE char *line = NULL;
	struct pp_error error = {0};
	size_t length = 0;
	int r = pp_file_read(AT_FDCWD, path, PP_DOMAIN_MAX_SIZE, &text, &length);

	if (r == 0)
		r = pp_domain_parse(text, length, path, &domain, &error);
	if (r == 0)
		r = pp_launch_build(domain, NULL, capabilities, &options, path, &launch, &error);
	if (r < 0) {
		pp_json_set_string(result, "error", error.text);
	} else {
		struct pp_json *argv = pp_json_array();

		for (size_t i = 0; i < launch->n_arguments; i++)
			pp_json_add_string(argv, launch->argv[i]);
		pp_json_set(result, "argv", argv);
		r = pp_domain_text_live(text, length, launch->assigned, &live, &error);
		pp_json_set_string(result, "live", r < 0 ? error.text : live);
	}
	line = pp_json_print(result, false);
	puts(line);
}

int main(int argc, char **argv)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_qemu_capabilities *capabilities;
	struct pp_firmwares firmwares;

	if (argc < 2 || read_firmwares(arena, &firmwares) < 0 ||
		read_qemu(argv[1], &capabilities) < 0)
		return 1;
	for (int i = 2; i < argc; i++)
		print_one(argv[i], capabilities, &firmwares);
	pp_qemu_capabilities_free(capabilities);
	return 0;
}
