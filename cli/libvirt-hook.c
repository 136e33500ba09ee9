/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-hook: turned on and off by people, run by libvirt. */
#include "base/file.h"
#include "base/parse.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <fcntl.h>

#define XML_MAX ((size_t)16 << 20)

static bool enable, disable, show;
static const struct pp_option options[] = {
	{"enable", 0, NULL, "from now on libvirt's guests start and end with pcipass", &enable},
	{"disable", 0, NULL, "no longer; everything is as it was before --enable", &disable},
	{"status", 0, NULL, "is it on", &show},
};

/* ---- run by libvirt: what is said goes into the error that virsh shows ---- */

static void say_failure(
	struct cli *cli, const struct pp_findings *findings, const struct pp_error *error)
{
	bool told = findings && pp_findings_worst(findings) == PP_FAIL;
	cli_say(cli, "pcipass: %s", error->text);
	if (told)
		cli_findings(cli, stderr, findings, PP_FAIL);
	else if (*error->remedy)
		cli_say(cli, "     %s", error->remedy);
}

static int run_hook(struct cli *cli, const char *const *words, size_t n_words)
{
	struct pp_error error = {0};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_FREE char *xml = NULL;
	size_t length = 0;
	if (n_words < 4)
		return cli_usage(
			cli, "libvirt-hook run is for libvirt: run GUEST OPERATION PHASE ...");
	int r = pp_context_open(cli->root, &cli->context, &error);
	if (r >= 0 && pp_file_read_fd(STDIN_FILENO, XML_MAX, &xml, &length) < 0)
		length = 0;
	if (r >= 0)
		r = pp_libvirt_hook(cli->context, words[1], words[2], words[3], xml ? xml : "",
			length, cli_progress, cli, &findings, &error);
	cli_progress_end(cli);
	if (r >= 0)
		return PP_STATUS_OK;
	say_failure(cli, findings, &error);
	return error.status > 0 && error.status != PP_STATUS_USAGE ? (int)error.status
								   : PP_STATUS_FAILED;
}

/* ---- turned on and off ---- */

static const char *const state_words[] = {
	[PP_HOOK_OFF] = "off",
	[PP_HOOK_ON] = "on",
	[PP_HOOK_UNSEEN] = "on, but libvirt has not seen it yet",
	[PP_HOOK_CHANGED] = "on, but not as this pcipass writes it",
	[PP_HOOK_FOREIGN] = "off: a file that is not ours is in its place",
};
static const char *const state_keys[] = {[PP_HOOK_OFF] = "off",
	[PP_HOOK_ON] = "on",
	[PP_HOOK_UNSEEN] = "unseen",
	[PP_HOOK_CHANGED] = "changed",
	[PP_HOOK_FOREIGN] = "foreign"};

static int say_state(struct cli *cli)
{
	struct pp_error error = {0};
	struct pp_libvirt_hook_info info;
	if (pp_libvirt_hook_info(cli->context, &info, &error) < 0)
		return cli_fail(cli, &error);
	cli_set_string(cli, "state", state_keys[info.state]);
	cli_set_string(cli, "path", info.path);
	cli_set_bool(cli, "libvirt", info.libvirt);
	cli_print(cli, "libvirt's hook is %s (%s)\n", state_words[info.state], info.path);
	if (!info.libvirt)
		cli_say(cli, "libvirt is not on this host");
	if (info.state == PP_HOOK_UNSEEN)
		cli_say(cli, "libvirt looks for hooks when it starts: systemctl restart libvirtd "
			     "(guests go on running)");
	if (info.state == PP_HOOK_CHANGED)
		cli_say(cli, "pcipass libvirt-hook --enable writes it anew");
	return PP_STATUS_OK;
}

/* What it gave to guests that still run comes back without it only when it is asked for. */
static void say_held(struct cli *cli)
{
	struct pp_libvirt_list *list = NULL;
	if (pp_libvirt_list(cli->context, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_libvirt_guest *guest = &list->items[i];
		char owner[128] = "";
		if (guest->status && guest->n_devices > 0 &&
			pp_device_owner(cli->context, &guest->devices[0].address, owner,
				sizeof(owner), NULL, NULL) >= 0 &&
			pp_text_starts(owner, "libvirt:"))
			cli_say(cli,
				"guest %s runs with devices that pcipass gave to it: pcipass "
				"recover gives them back when it has ended",
				guest->name);
	}
	pp_libvirt_list_free(list);
}

static int change(struct cli *cli)
{
	struct pp_error error = {0};
	bool changed = false;
	if (cli->dry_run) {
		cli_print(
			cli, "%s /etc/libvirt/hooks/qemu.d/pcipass\n", enable ? "write" : "remove");
		return PP_STATUS_OK;
	}
	PP_FREE char *program = NULL;
	int r = pp_file_link(AT_FDCWD, "/proc/self/exe", &program);
	if (r < 0)
		pp_error_errno(&error, r, "cannot tell where this program is");
	else if (enable)
		r = pp_libvirt_hook_enable(cli->context, program, &changed, &error);
	else
		r = pp_libvirt_hook_disable(cli->context, &changed, &error);
	if (r < 0)
		return cli_fail(cli, &error);
	cli_set_bool(cli, "changed", changed);
	if (disable && changed)
		say_held(cli);
	return say_state(cli);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (n_words > 0 && pp_text_is(words[0], "run"))
		return run_hook(cli, words, n_words);
	if (n_words > 0)
		return cli_usage(cli, "libvirt-hook: '%s' is one word too many", words[0]);
	if (enable + disable + show > 1)
		return cli_usage(cli, "--enable, --disable and --status do not go together");
	int status = cli_open(cli);
	if (status)
		return status;
	if ((enable || disable) && cli_lacks_root(cli))
		return cli_refuse(cli, PP_STATUS_FAILED,
			"libvirt-hook changes this machine, which only root may do: sudo pcipass "
			"libvirt-hook ...");
	return enable || disable ? change(cli) : say_state(cli);
}

const struct cli_verb cli_verb_libvirt_hook = {
	.name = "libvirt-hook",
	.group = CLI_HOST,
	.summary = "check, give and take back devices for the guests that libvirt starts",
	.example = "  # pcipass libvirt-hook --enable\n"
		   "  libvirt's hook is on (/etc/libvirt/hooks/qemu.d/pcipass)\n"
		   "  # virsh start win11\n",
	.usage = "[--enable | --disable | --status]",
	.details =
		"Before a guest of libvirt's with devices of the host starts, they are checked; "
		"what "
		"is\nin the way stops it and is in virsh's error. What shares their IOMMU groups "
		"goes "
		"out\nwith them. After it has ended, in whatever way, all are reset and back with "
		"their drivers.\nGuests without devices of the host are never held up. Hooks of "
		"others "
		"are not touched.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 0,
	.max_words = 16,
	.run = run,
};
