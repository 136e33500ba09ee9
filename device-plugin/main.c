/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcipass-device-plugin: advertises the pools of a file to the kubelet of this host. */
#include "base/options.h"
#include "base/parse.h"
#include "device-plugin/check.h"
#include "device-plugin/plugin.h"
#include "pool/host.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define POOLS "/etc/pcipass/pools.json"
#define KUBELET_DIR "/var/lib/kubelet/device-plugins"
#define REGISTRY_DIR "/var/lib/kubelet/plugins_registry"
#define PODS_SOCKET "/var/lib/kubelet/pod-resources/kubelet.sock"
#define POLL_MS 5000

static struct {
	const char *root, *pool, *check, *kubelet_dir, *registry_dir, *pods, *poll;
	bool help, version;
} globals;
static const struct pp_option options[] = {
	{"pool", 0, "FILE", "the pools; without it " POOLS, NULL, &globals.pool},
	{"check", 0, "FILE", "say what these pools would be on this host, and end", NULL,
		&globals.check},
	{"kubelet-dir", 0, "DIR", "the kubelet's folder; without it " KUBELET_DIR, NULL,
		&globals.kubelet_dir},
	{"registry-dir", 0, "DIR",
		"where the kubelet finds plugins by itself, " REGISTRY_DIR
		"; then nothing is registered in its folder",
		NULL, &globals.registry_dir},
	{"pod-resources", 0, "SOCKET",
		"where the kubelet says which pod has what; without it " PODS_SOCKET, NULL,
		&globals.pods},
	{"poll", 0, "MS", "how often the host is looked at without an event; without it 5000", NULL,
		&globals.poll},
	{"root", 0, "DIR", "another machine's files, for tests", NULL, &globals.root},
	{"help", 'h', NULL, "how to use it", &globals.help},
	{"version", 'V', NULL, "the version", &globals.version},
};

static int fail(const struct pp_error *error)
{
	fprintf(stderr, "error: %s\n", error->text);
	if (error->remedy[0])
		fprintf(stderr, "  %s\n", error->remedy);
	return error->status ? (int)error->status : PP_STATUS_FAILED;
}

static int help(void)
{
	printf("pcipass-device-plugin: devices of this host for the guests of a cluster\n\n");
	for (size_t i = 0; i < PP_COUNT(options); i++)
		printf("  --%s %s\n        %s\n", options[i].name,
			options[i].argument ? options[i].argument : "", options[i].help);
	printf("\ndocs/device-plugin.md has a whole example.\n");
	return PP_STATUS_OK;
}

static int run(struct pp_error *error)
{
	struct pp_context *context PP_CLEANUP(pp_context_closep) = NULL;
	PP_CLEANUP(pp_pools_freep) struct pp_pools *pools = NULL;
	const char *file = globals.check ? globals.check : globals.pool ? globals.pool : POOLS;
	struct plugin_options plugin = {.root = globals.root,
		.kubelet_dir = globals.kubelet_dir ? globals.kubelet_dir : KUBELET_DIR,
		.registry_dir = globals.registry_dir,
		.pods_socket = globals.pods ? globals.pods : PODS_SOCKET,
		.poll_ms = POLL_MS};
	if (globals.poll && (pp_parse_int(globals.poll, &plugin.poll_ms) < 0 ||
				    plugin.poll_ms < 10 || plugin.poll_ms > 3600000))
		return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"--poll %s: milliseconds, from 10 to 3600000", globals.poll);
	int r = pp_pools_load(file, &pools, error);
	if (r == 0)
		r = pp_context_open(globals.root, &context, error);
	if (r < 0)
		return r;
	return globals.check ? plugin_check(context, pools, error)
			     : plugin_run(&plugin, context, pools, error);
}

int main(int argc, char **argv)
{
	struct pp_error error = {0};
	size_t n_words = 0;
	PP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	signal(SIGPIPE, SIG_IGN);
	if (!words || pp_options_parse(options, PP_COUNT(options), argc - 1, argv + 1, words,
			      &n_words, &error) < 0)
		return fail(&error);
	if (n_words > 0) {
		fprintf(stderr, "error: '%s' is no option\n", words[0]);
		return PP_STATUS_USAGE;
	}
	if (globals.help)
		return help();
	if (globals.version) {
		printf("pcipass-device-plugin %s\n", PCIPASS_VERSION);
		return PP_STATUS_OK;
	}
	int r = run(&error);
	if (r < 0)
		return fail(&error);
	return fflush(stdout) < 0 || ferror(stdout) ? PP_STATUS_FAILED : r;
}
