/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has: domblklist, domiflist, domdisplay, vncdisplay. */
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_guest_devices *, pp_guest_devices_free)

static bool inactive, details, all;
static const char *type;
static const struct pp_option disk_options[] = {
	{"inactive", 0, NULL, "as it is for the next start", &inactive},
	{"details", 0, NULL, "with what each is", &details},
};
static const struct pp_option interface_options[] = {
	{"inactive", 0, NULL, "as it is for the next start", &inactive},
};
static const struct pp_option display_options[] = {
	{"type", 0, "TYPE", "vnc or spice", NULL, &type},
	{"all", 0, NULL, "all of them, a line each", &all},
};

static int open_devices(struct cli *cli, const char *name, struct pp_guest_devices **ret_devices)
{
	struct pp_error error = {0};
	int status = cli_open(cli);
	if (status)
		return status;
	return pp_guest_devices(cli->context, name, inactive, ret_devices, &error) < 0
		       ? cli_fail(cli, &error)
		       : PP_STATUS_OK;
}

static struct pp_json *object(const char *const *texts, const char *const *keys, size_t n)
{
	struct pp_json *made = pp_json_object();
	for (size_t i = 0; i < n; i++)
		pp_json_set_string(made, keys[i], texts[i]);
	return made;
}

static int run_disks(struct cli *cli, const char *const *words, size_t n_words)
{
	static const char *const headings[] = {"Type", "Device", "Target", "Source"};
	static const char *const keys[] = {"type", "device", "target", "source"};
	PP_CLEANUP(pp_guest_devices_freep) struct pp_guest_devices *devices = NULL;
	int status = open_devices(cli, words[0], &devices);
	if (status)
		return status;
	size_t first = details ? 0 : 2, n = 0;
	PP_FREE const char **texts = calloc((devices->n_disks + 1) * 4, sizeof(*texts));
	if (!texts)
		return cli_oom(cli);
	struct pp_json *array = pp_json_array();
	for (size_t c = first; c < 4; c++)
		texts[n++] = headings[c];
	for (size_t i = 0; i < devices->n_disks; i++) {
		const struct pp_guest_disk *disk = &devices->disks[i];
		const char *const row[] = {disk->type, disk->device, disk->target, disk->source};
		for (size_t c = first; c < 4; c++)
			texts[n++] = row[c];
		pp_json_add(array, object(row, keys, 4));
	}
	cli_set(cli, "disks", array);
	status = cli_virsh_table(cli, texts, 4 - first, n / (4 - first));
	cli_end(cli);
	return status;
}

static int run_interfaces(struct cli *cli, const char *const *words, size_t n_words)
{
	static const char *const headings[] = {"Interface", "Type", "Source", "Model", "MAC"};
	static const char *const keys[] = {"interface", "type", "source", "model", "mac"};
	PP_CLEANUP(pp_guest_devices_freep) struct pp_guest_devices *devices = NULL;
	int status = open_devices(cli, words[0], &devices);
	if (status)
		return status;
	size_t n = 0;
	PP_FREE const char **texts = calloc((devices->n_interfaces + 1) * 5, sizeof(*texts));
	if (!texts)
		return cli_oom(cli);
	struct pp_json *array = pp_json_array();
	for (size_t c = 0; c < 5; c++)
		texts[n++] = headings[c];
	for (size_t i = 0; i < devices->n_interfaces; i++) {
		const struct pp_guest_interface *net = &devices->interfaces[i];
		const char *const row[] = {net->name, net->type, net->source, net->model, net->mac};
		for (size_t c = 0; c < 5; c++)
			texts[n++] = row[c];
		pp_json_add(array, object(row, keys, 5));
	}
	cli_set(cli, "interfaces", array);
	status = cli_virsh_table(cli, texts, 5, n / 5);
	cli_end(cli);
	return status;
}

/* ---- displays ---- */

static bool is_any(const char *host)
{
	return !host || pp_text_is(host, "0.0.0.0") || pp_text_is(host, "::") ||
	       pp_text_is(host, "*");
}

/* "vnc://127.0.0.1:0": of VNC the number behind 5900. The caller frees. */
static char *uri_of(const struct pp_guest_display *display)
{
	bool vnc = pp_text_is(display->type, "vnc");
	const char *host = is_any(display->host) ? "localhost" : display->host;
	bool six = strchr(host, ':');
	char *uri = NULL;
	int r;
	if (display->socket)
		r = asprintf(&uri, "%s+unix://%s", display->type, display->socket);
	else
		r = asprintf(&uri, "%s://%s%s%s:%d", display->type, six ? "[" : "", host,
			six ? "]" : "", display->port - (vnc ? 5900 : 0));
	return r < 0 ? NULL : uri;
}

static int run_display(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_devices_freep) struct pp_guest_devices *devices = NULL;
	if (type && !pp_text_is(type, "vnc") && !pp_text_is(type, "spice"))
		return cli_usage(cli, "--type %s: vnc and spice are known", type);
	inactive = false;
	int status = open_devices(cli, words[0], &devices);
	if (status)
		return status;
	if (!devices->running)
		return cli_refuse(cli, PP_STATUS_FAILED, "Domain is not running");
	struct pp_json *array = pp_json_array();
	size_t n = 0;
	for (size_t i = 0; i < devices->n_displays && (all || n == 0); i++) {
		const struct pp_guest_display *display = &devices->displays[i];
		PP_FREE char *uri = uri_of(display);
		if (!uri || (type && !pp_text_is(type, display->type)))
			continue;
		pp_json_add_string(array, uri);
		cli_print(cli, "%s\n", uri);
		n++;
	}
	cli_set(cli, "displays", array);
	if (n == 0 && type)
		return cli_refuse(
			cli, PP_STATUS_FAILED, "No graphical display with type '%s' found", type);
	if (n == 0)
		return cli_refuse(cli, PP_STATUS_FAILED, "No graphical display found");
	if (all)
		cli_end(cli);
	return PP_STATUS_OK;
}

static int run_vnc(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_devices_freep) struct pp_guest_devices *devices = NULL;
	inactive = false;
	int status = open_devices(cli, words[0], &devices);
	if (status)
		return status;
	if (!devices->running)
		return cli_refuse(cli, PP_STATUS_FAILED, "Domain is not running");
	for (size_t i = 0; i < devices->n_displays; i++) {
		const struct pp_guest_display *display = &devices->displays[i];
		PP_FREE char *text = NULL;
		if (!pp_text_is(display->type, "vnc") || display->socket)
			continue;
		if (asprintf(&text, "%s:%d", is_any(display->host) ? "" : display->host,
			    display->port - 5900) < 0)
			return cli_oom(cli);
		cli_set_string(cli, "display", text);
		cli_print(cli, "%s\n", text);
		cli_end(cli);
		return PP_STATUS_OK;
	}
	return cli_refuse(
		cli, PP_STATUS_FAILED, "Failed to get VNC port. Is this domain using VNC?");
}

const struct cli_verb cli_verb_domblklist = {
	.name = "domblklist",
	.group = CLI_GUESTS,
	.summary = "a guest's disks",
	.example = "  $ pcipass domblklist win11\n"
		   "   Target   Source\n"
		   "  -------------------------------\n"
		   "   vda      /guests/win11.qcow2\n",
	.usage = "DOMAIN [--inactive] [--details]",
	.options = disk_options,
	.n_options = PP_COUNT(disk_options),
	CLI_ONE_GUEST,
	.run = run_disks,
};

const struct cli_verb cli_verb_domiflist = {
	.name = "domiflist",
	.group = CLI_GUESTS,
	.summary = "a guest's network interfaces",
	.example = "  # pcipass domiflist win11\n"
		   "   Interface   Type      Source    Model    MAC\n"
		   "  -------------------------------------------------------------\n"
		   "   vnet0       network   default   virtio   52:54:00:12:34:56\n",
	.usage = "DOMAIN [--inactive]",
	.details = "The name on the host is that of a run; root is told it.\n",
	.options = interface_options,
	.n_options = PP_COUNT(interface_options),
	CLI_ONE_GUEST,
	.run = run_interfaces,
};

const struct cli_verb cli_verb_domdisplay = {
	.name = "domdisplay",
	.group = CLI_GUESTS,
	.summary = "where a running guest's display is, for a viewer",
	.example = "  # pcipass domdisplay win11\n"
		   "  spice://127.0.0.1:5900\n",
	.usage = "DOMAIN [--type TYPE] [--all]",
	.details = "QEMU is asked for the port that it took.\n",
	.options = display_options,
	.n_options = PP_COUNT(display_options),
	CLI_ONE_GUEST,
	.run = run_display,
};

const struct cli_verb cli_verb_vncdisplay = {
	.name = "vncdisplay",
	.group = CLI_GUESTS,
	.summary = "the number of a running guest's VNC display",
	.example = "  # pcipass vncdisplay win11\n"
		   "  127.0.0.1:0\n",
	.usage = "DOMAIN",
	CLI_ONE_GUEST,
	.run = run_vnc,
};
