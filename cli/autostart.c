/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that start with the host: which, and starting them, as the system does at boot. */
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"

static bool disable, start_all;
static const struct pp_option options[] = {
	{"disable", 0, NULL, "not any more", &disable},
	{"start", 0, NULL, "start all of them now: what the system does at boot", &start_all},
};

static int set(struct cli *cli, const char *name)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_error error = {0};
	bool changed = false;
	int status = cli_guest(cli, name, &list);
	if (status)
		return status;
	if (cli->dry_run)
		cli_print(cli, "guest %s: %s with the host\n", list->items[0].name,
			disable ? "do not start it" : "start it");
	else if (pp_guest_autostart(cli->context, name, !disable, &changed, &error) < 0) {
		cli_blame(cli, "Failed to %smark domain '%s' as autostarted", disable ? "un" : "",
			name);
		return cli_fail(cli, &error);
	} else {
		cli_print(cli, "Domain '%s' %smarked as autostarted\n", name, disable ? "un" : "");
		cli_end(cli);
	}
	cli_set_bool(cli, "changed", changed);
	return PP_STATUS_OK;
}

/* One that cannot start keeps no other from it. */
static int start_them(struct cli *cli)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_error error = {0};
	bool changed = false;
	int worst = cli_open(cli);
	if (worst)
		return worst;
	if (pp_guest_list(cli->context, &list, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_guest_info *guest = &list->items[i];
		struct pp_start_options how = {0};
		struct pp_error own = {0};
		bool started = false;
		if (!guest->autostart || cli_guest_runs(guest))
			continue;
		if (cli->dry_run) {
			cli_print(cli, "start guest %s\n", guest->name);
			continue;
		}
		cli_apply_options(cli, &how.apply);
		int r = pp_guest_start(cli->context, guest->name, NULL, &how, &started, &own);
		cli_progress_end(cli);
		changed |= started;
		if (r >= 0) {
			cli_print(cli, "Domain '%s' started\n", guest->name);
			continue;
		}
		cli_blame(cli, "Failed to start domain '%s'", guest->name);
		int status = cli_fail(cli, &own);
		worst = status > worst ? status : worst;
	}
	cli_set_bool(cli, "changed", changed);
	return worst;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (start_all ? disable || n_words > 0 : n_words == 0)
		return cli_usage(cli, "autostart needs a guest, or --start alone");
	return start_all ? start_them(cli) : set(cli, words[0]);
}

const struct cli_verb cli_verb_autostart = {
	.name = "autostart",
	.group = CLI_GUESTS,
	.summary = "start a guest with the host",
	.example = "  # pcipass autostart win11\n"
		   "  Domain 'win11' marked as autostarted\n",
	.usage = "DOMAIN [--disable] | --start",
	.details = "Where systemd runs the host, pcipass-autostart.service starts them at boot, "
		   "each as a unit\n"
		   "pcipass-guest@NAME.service. `pcipass dominfo` shows whether a guest is one of "
		   "them.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.max_words = 1,
	.words = "a guest (name or uuid)",
	.word_option = "domain",
	.writes = true,
	.run = run,
};
