/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"

static bool paused, console;
static const char *trial;
static const char *forced[256];
static size_t n_forced;
static const struct pp_option options[] = {
	{"paused", 0, NULL, "leave it paused", &paused},
	{"console", 0, NULL, "connect this terminal with its console then", &console},
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses a device; may be repeated", NULL,
		NULL, forced, &n_forced, PP_COUNT(forced) - 1},
	CLI_TRY_OPTION(&trial),
};

static int already(struct cli *cli, const char *name)
{
	cli_set_bool(cli, "changed", false);
	cli_say(cli, "it runs already");
	if (cli->dry_run)
		return PP_STATUS_OK;
	cli_print(cli, "Domain '%s' started\n", name);
	cli_end(cli);
	return PP_STATUS_OK;
}

/* The time ran while QEMU started: what is left of it is what matters. */
static void say_trial(struct cli *cli, const char *name)
{
	PP_CLEANUP(pp_change_list_freep) struct pp_change_list *list = NULL;
	if (cli->try_seconds == 0 || pp_changes_list(cli->context, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_change *change = &list->items[i];
		if (change->try_ms < 0 || !pp_text_is(change->guest, name))
			continue;
		cli_set_int(cli, "try_seconds", cli->try_seconds);
		cli_say(cli,
			"on trial: in %lld s the guest is ended and its devices are back, unless "
			"`pcipass keep` comes first",
			(long long)(change->try_ms + 999) / 1000);
		return;
	}
}

static int start(struct cli *cli, const char *name)
{
	PP_BUFFER struct pp_buffer blame = PP_BUFFER_INIT;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	pp_buffer_printf(&blame, "Failed to start domain '%s'", name);
	int status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (status)
		return status;
	struct pp_check_options check = {.force = forced, .guest = name, .act = true};
	int r = pp_guest_prepare(cli->context, host, name, &check, &findings, &plan, &error);
	if (r < 0) {
		cli_blame(cli, "%s", pp_buffer_text(&blame));
		return cli_fail(cli, &error);
	}
	status = cli_heed(cli, findings, pp_buffer_text(&blame));
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	cli_show_plan(cli, plan);
	if (cli->dry_run) {
		cli_print(cli, "start QEMU for guest %s\n", name);
		return PP_STATUS_OK;
	}
	bool changed = false;
	struct pp_start_options how = {.paused = paused};
	cli_apply_options(cli, &how.apply);
	r = pp_guest_start(cli->context, name, plan, &how, &changed, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", changed);
	if (r < 0) {
		cli_blame(cli, "%s", pp_buffer_text(&blame));
		return cli_fail(cli, &error);
	}
	cli_print(cli, "Domain '%s' started\n", name);
	cli_end(cli);
	say_trial(cli, name);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (console && cli->json)
		return cli_usage(cli, "--console and --json do not go together");
	if (cli_try(cli, trial) != PP_STATUS_OK)
		return PP_STATUS_USAGE;
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	const struct pp_guest_info *guest = &list->items[0];
	status = cli_guest_runs(guest) ? already(cli, words[0]) : start(cli, words[0]);
	if (status || !console || cli->dry_run)
		return status;
	return cli_console(cli, words[0]);
}

const struct cli_verb cli_verb_start = {
	.name = "start",
	.group = CLI_GUESTS,
	.summary = "start a guest, with its devices",
	.example = "  # pcipass start win11 --dry-run\n"
		   "  # pcipass start win11\n"
		   "  Domain 'win11' started\n",
	.usage = "DOMAIN [--paused] [--console] [--force-for NAME]... [--try SECONDS]",
	.details =
		"Devices that are managed='yes' are taken from the host first, and come back "
		"when the guest\n"
		"ends, in whatever way it ends.\n"
		"With --try, the time begins before the first device leaves the host, and QEMU's "
		"start is in it:\n"
		"then the guest is ended, as by `destroy`, unless `pcipass keep` came. Its "
		"supervisor does that;\n"
		"a killed one comes back under systemd, elsewhere a process that waits for the "
		"end, or the next\n"
		"verb, sees to it.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 1,
	.words = "a guest (name or uuid)",
	.word_option = "domain",
	.writes = true,
	.run = run,
};
