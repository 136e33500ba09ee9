/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that runs, stopped and let go: suspend, resume, reboot, reset. */
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/verb.h"

#define TIMEOUT 300
#define TIMEOUT_MAX 86400

static const char *mode, *timeout;
static const struct pp_option reboot_options[] = {
	{"mode", 0, "MODE", "acpi, the only one", NULL, &mode},
	{"timeout", 0, "SECONDS", "how long it may take to shut down (300)", NULL, &timeout},
};

typedef int steer_function(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error);

static int steer(struct cli *cli, const char *name, steer_function *function, const char *plan,
	const char *verb, const char *done)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_error error = {0};
	bool changed = false;

	int status = cli_guest(cli, name, &list);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		cli_print(cli, "%s guest %s\n", plan, list->items[0].name);
		return PP_STATUS_OK;
	}
	if (function(cli->context, name, &changed, &error) < 0) {
		cli_blame(cli, "Failed to %s domain '%s'", verb, name);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", changed);
	cli_print(cli, "Domain '%s' %s\n", name, done);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run_suspend(struct cli *cli, const char *const *words, size_t n_words)
{
	return steer(cli, words[0], pp_guest_suspend, "stop the CPUs of", "suspend", "suspended");
}

static int run_resume(struct cli *cli, const char *const *words, size_t n_words)
{
	return steer(cli, words[0], pp_guest_resume, "let run the CPUs of", "resume", "resumed");
}

static int run_reset(struct cli *cli, const char *const *words, size_t n_words)
{
	return steer(cli, words[0], pp_guest_reset, "reset", "reset", "was reset");
}

static int run_reboot(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_error error = {0};
	uint64_t seconds = TIMEOUT;
	if (mode && !pp_text_is(mode, "acpi"))
		return cli_usage(cli, "--mode %s: only acpi is known", mode);
	if (timeout && (pp_parse_u64(timeout, 10, TIMEOUT_MAX, &seconds) < 0 || seconds == 0))
		return cli_usage(
			cli, "--timeout takes seconds, 1 to %d, not '%s'", TIMEOUT_MAX, timeout);
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		cli_print(cli, "ask guest %s to shut down (ACPI), and start it anew\n",
			list->items[0].name);
		return PP_STATUS_OK;
	}
	if (pp_guest_reboot(cli->context, words[0], (int)seconds * 1000, &error) < 0) {
		cli_blame(cli, "Failed to reboot domain '%s'", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", true);
	cli_print(cli, "Domain '%s' is being rebooted\n", words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_suspend = {
	.name = "suspend",
	.group = CLI_GUESTS,
	.summary = "stop a guest's CPUs; it keeps its memory and devices",
	.example = "  # pcipass suspend win11\n"
		   "  Domain 'win11' suspended\n",
	.usage = "DOMAIN",
	.details = "It answers when the CPUs stand. A device of the host that the guest has goes "
		   "on with what the\n"
		   "guest gave it to do last.\n",
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_suspend,
};

const struct cli_verb cli_verb_resume = {
	.name = "resume",
	.group = CLI_GUESTS,
	.summary = "let a suspended guest run on",
	.example = "  # pcipass resume win11\n"
		   "  Domain 'win11' resumed\n",
	.usage = "DOMAIN",
	.details = "Also one that was started with --paused. A guest that panicked has to be reset "
		   "first.\n",
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_resume,
};

const struct cli_verb cli_verb_reboot = {
	.name = "reboot",
	.group = CLI_GUESTS,
	.summary = "ask a guest to shut down, and start it anew when it has",
	.example = "  # pcipass reboot win11\n"
		   "  Domain 'win11' is being rebooted\n",
	.usage = "DOMAIN [--timeout SECONDS]",
	.details =
		"It is asked by ACPI, and keeps its QEMU and its devices, which are reset. "
		"The answer comes when\n"
		"it runs again; virsh's comes when it was asked. A guest that does not shut down "
		"in time runs on.\n",
	.options = reboot_options,
	.n_options = PP_COUNT(reboot_options),
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_reboot,
};

const struct cli_verb cli_verb_reset = {
	.name = "reset",
	.group = CLI_GUESTS,
	.summary = "press a guest's reset button: it is not asked, and starts anew",
	.example = "  # pcipass reset win11\n"
		   "  Domain 'win11' was reset\n",
	.usage = "DOMAIN",
	.details = "What the guest had not written to its disks is lost. Its devices stay with "
		   "it.\n",
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_reset,
};
