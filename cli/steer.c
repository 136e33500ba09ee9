/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that runs, stopped and let go: suspend, resume, reset. */
#include "cli/guests.h"
#include "cli/verb.h"

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
