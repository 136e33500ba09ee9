/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host-setup: what this host lacks to give devices to guests, done and taken back. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <errno.h>
#include <string.h>

#define NODES_MAX 64
#define FACTS (PP_READ_GROUPS | PP_READ_PLATFORM | PP_READ_CHECKS)

PP_DEFINE_CLEANUP(struct pp_setup *, pp_setup_free)

static bool undo, check, confirm, permanent, unsafe_interrupts;
static const char *hugepages, *loader;
static const struct pp_option options[] = {
	{"check", 0, NULL, "is what was set in effect; if not, why", &check},
	{"confirm", 0, NULL, "make the parameters of this boot permanent", &confirm},
	{"undo", 0, NULL, "take back all that host-setup ever changed", &undo},
	{"permanent", 0, NULL, "no boot once first, for good at once", &permanent},
	{"hugepages", 0, "N[,NODE=N]", "set huge pages aside, now and at boot", NULL, &hugepages},
	{"accept-unsafe-interrupts", 0, NULL,
		"go on without interrupt remapping: a guest can attack the host",
		&unsafe_interrupts},
	{"loader", 0, "NAME", "the boot loader that starts this machine, where it cannot be told",
		NULL, &loader},
};

/* ---- huge pages: "512", "512,1=256", "0=256,1=256" ---- */

static int parse_pages(
	struct cli *cli, const char *text, struct pp_setup_pages *pages, size_t *ret_count)
{
	const char *at = text, *word;
	size_t length, n = 0;
	while (text && pp_text_word(&at, ",", &word, &length)) {
		PP_FREE char *item = strndup(word, length);
		char *equals = item ? strchr(item, '=') : NULL;
		uint32_t node = 0, count = 0;
		if (equals)
			*equals = '\0';
		if (!item || n == NODES_MAX ||
			pp_parse_u32(equals ? equals + 1 : item, 10, &count) < 0 ||
			(equals && pp_parse_u32(item, 10, &node) < 0) || node > 1023)
			return cli_usage(cli,
				"--hugepages takes a number, or NODE=N for nodes of memory, with "
				"commas, not '%s'",
				text);
		pages[n++] =
			(struct pp_setup_pages){.count = count, .node = equals ? (int)node : -1};
	}
	*ret_count = n;
	return PP_STATUS_OK;
}

/* ---- what is shown ---- */

static void put_steps(struct cli *cli, const struct pp_setup *setup)
{
	static const char *const kinds[] = {[PP_SETUP_FILE] = "file",
		[PP_SETUP_VALUE] = "value",
		[PP_SETUP_COMMAND] = "command"};
	struct pp_json *array = pp_json_array();
	PP_FREE char *text = pp_setup_text(setup);
	for (size_t i = 0; i < setup->n_steps; i++) {
		const struct pp_setup_step *step = &setup->steps[i];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "kind", kinds[step->kind]);
		pp_json_set_string(object, "subject", step->subject);
		pp_json_set_bool(object, "trial", step->trial);
		pp_json_add(array, object);
	}
	cli_set(cli, "steps", array);
	cli_set_string(cli, "diff", text);
	cli_set_string(cli, "loader", setup->loader);
	cli_set_string(cli, "loader_evidence", setup->evidence);
	cli_set_string(cli, "reboot", setup->reboot);
	cli_set_bool(cli, "once", setup->trial);
	cli_set_bool(cli, "changed", false);
}

static void show(struct cli *cli, const struct pp_setup *setup)
{
	PP_FREE char *text = pp_setup_text(setup);
	cli_set(cli, "findings", cli_findings_json(&setup->findings));
	cli_findings(cli, stdout, &setup->findings, PP_PASS);
	if (setup->loader)
		cli_print(cli, "This machine is started by %s (%s)\n", setup->loader,
			setup->evidence ? setup->evidence : "");
	if (text && *text)
		cli_print(cli, "\n%s", text);
	put_steps(cli, setup);
}

static bool is_yes(struct cli *cli)
{
	char answer[8] = "";
	if (cli->yes)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fputs("Do this? [y/N] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

/* What only a person can do keeps the host from being ready. */
static int status_of(const struct pp_setup *setup)
{
	for (size_t i = 0; i < setup->findings.n_items; i++)
		if (setup->findings.items[i].severity == PP_FAIL)
			return PP_STATUS_NOT_READY;
	return PP_STATUS_OK;
}

static void say_next(struct cli *cli, const struct pp_setup *setup)
{
	if (setup->confirm) {
		cli_print(cli, "What this boot proved is permanent now\n");
		return;
	}
	if (!setup->reboot)
		return;
	cli_print(cli, "A reboot is needed: %s.%s\n", setup->reboot,
		setup->trial ? " It is for the next boot alone: a host that does not come up falls "
			       "back by itself."
			     : "");
	cli_print(cli, "Then: pcipass host-setup %s\n",
		setup->trial ? "--check, and --confirm to keep it" : "--check");
}

static int apply(struct cli *cli, const struct pp_setup *setup)
{
	struct pp_apply_options how;
	struct pp_error error = {0};
	bool changed = false;
	if (setup->n_steps == 0 && !setup->confirm) {
		cli_print(cli, "Nothing is to be done\n");
		if (setup->reboot)
			cli_print(cli, "A reboot is needed: %s\n", setup->reboot);
		return status_of(setup);
	}
	if (cli->dry_run)
		return status_of(setup);
	if (!is_yes(cli))
		return cli_refuse(
			cli, PP_STATUS_FAILED, "nothing was changed: --yes does what is shown");
	cli_apply_options(cli, &how);
	int r = pp_setup_apply(cli->context, setup, &how, &changed, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", changed);
	if (r < 0) {
		cli_blame(cli, "Failed to set up this host");
		return cli_fail(cli, &error);
	}
	say_next(cli, setup);
	return status_of(setup);
}

/* ---- the ways ---- */

static int run_check(struct cli *cli, const struct pp_host *host)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_error error = {0};
	if (pp_setup_check(cli->context, host, &findings, &error) < 0)
		return cli_fail(cli, &error);
	int status = cli_findings_status(findings);
	cli_set_bool(cli, "in_effect", !status);
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stdout, findings, PP_PASS);
	return status;
}

static int run_undo(struct cli *cli)
{
	struct pp_apply_options how;
	struct pp_error error = {0};
	PP_CLEANUP(pp_change_list_freep) struct pp_change_list *list = NULL;
	bool changed = false;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		if (pp_changes_list(cli->context, &list, &error) < 0)
			return cli_fail(cli, &error);
		for (size_t i = 0; i < list->n_items; i++)
			if (pp_text_is(list->items[i].id, "setup"))
				cli_print(cli, "undo:\n%s\n", list->items[i].text);
		return PP_STATUS_OK;
	}
	cli_apply_options(cli, &how);
	int r = pp_setup_undo(cli->context, &how, &changed, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", changed);
	if (r < 0) {
		cli_blame(cli, "Failed to take back what host-setup changed");
		return cli_fail(cli, &error);
	}
	cli_print(cli, changed ? "All that host-setup changed is taken back; kernel parameters "
				 "with the next reboot\n"
			       : "host-setup has changed nothing on this host\n");
	return PP_STATUS_OK;
}

static int run_setup(struct cli *cli, const struct pp_host *host)
{
	struct pp_setup_pages pages[NODES_MAX];
	struct pp_setup_options how = {.loader = loader,
		.permanent = permanent,
		.unsafe_interrupts = unsafe_interrupts,
		.pages = pages};
	PP_CLEANUP(pp_setup_freep) struct pp_setup *setup = NULL;
	struct pp_error error = {0};
	int status = parse_pages(cli, hugepages, pages, &how.n_pages);
	if (status)
		return status;
	int r = confirm ? pp_setup_confirm(cli->context, host, &setup, &error)
			: pp_setup_plan(cli->context, host, &how, &setup, &error);
	if (r < 0) {
		cli_set_bool(cli, "changed", false);
		return cli_fail(cli, &error);
	}
	show(cli, setup);
	return apply(cli, setup);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	if (undo + check + confirm > 1)
		return cli_usage(cli, "--check, --confirm and --undo do not go together");
	if ((undo || check || confirm) && (hugepages || loader || unsafe_interrupts || permanent))
		return cli_usage(cli, "--check, --confirm and --undo take no other option");
	int status = cli_open(cli);
	if (!status && !check)
		status = cli_need_root(cli);
	if (!status && undo)
		return run_undo(cli);
	if (!status)
		status = cli_read(cli, FACTS, &host);
	if (status)
		return status;
	return check ? run_check(cli, host) : run_setup(cli, host);
}

const struct cli_verb cli_verb_host_setup = {
	.name = "host-setup",
	.group = CLI_HOST,
	.summary = "make this host ready: kernel parameters, modules, SELinux; and back",
	.example = "  # pcipass host-setup\n"
		   "  WARN [no-iommu] host: this kernel does not use VT-d unless it is told to\n"
		   "  This machine is started by GRUB (/proc/cmdline: BOOT_IMAGE=, as GRUB gives "
		   "it)\n"
		   "  ...\n"
		   "  Do this? [y/N] y\n"
		   "  A reboot is needed: the kernel takes its parameters at its start. ...\n"
		   "  # reboot\n"
		   "  # pcipass host-setup --check\n"
		   "  # pcipass host-setup --confirm\n",
	.usage = "[--check | --confirm | --undo] [--permanent] [--hugepages N[,NODE=N]] ...",
	.details =
		"Only what is needed is set: intel_iommu=on where the kernel's own choice is off, "
		"nothing on AMD.\nWhat keeps an IOMMU off is taken out. The boot loader that "
		"really starts the machine is found by\nwhat the firmware, /proc/cmdline and the "
		"files say: GRUB 2, boot loader entries (grubby),\nlegacy GRUB, systemd-boot, "
		"unified kernel images, Limine, rpm-ostree, Proxmox. Its own generator is run.\n"
		"Where the loader can, the parameters are for one boot first; a host that does not "
		"come up\nfalls back by itself, and --confirm makes them permanent. A file that is "
		"not understood (a link,\nWindows line ends, not UTF-8, odd syntax) is refused and "
		"left as it is.\n"
		"Huge pages are of the default size; 0=256,1=256 sets them for each node of "
		"memory.\nWhat --undo takes back is just what was set, also from files that "
		"others have changed since.\nThe initramfs is made anew, by the system's own tool, "
		"only where a\ndevice was bound with --config since. "
		"Below --root files alone are changed; commands are named.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.writes = true,
	.may_not_write = true,
	.run = run,
};
