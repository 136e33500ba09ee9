/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that runs: shutdown, destroy, console. */
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/verb.h"

#define TIMEOUT 300
#define TIMEOUT_MAX 86400

static bool graceful, all;
static const char *mode, *timeout;
static const struct pp_option shutdown_options[] = {
	{"mode", 0, "MODE", "acpi, the only one", NULL, &mode},
	{"all", 0, NULL, "all that run, the youngest first; one that does not end in time is ended",
		&all},
	{"timeout", 0, "SECONDS", "how long --all may take (300)", NULL, &timeout},
};
static const struct pp_option destroy_options[] = {
	{"graceful", 0, NULL, "accepted; QEMU is always asked first", &graceful},
};

static const char *devices_text(const struct pp_guest_info *guest, char *text, size_t size)
{
	size_t n = 0;
	text[0] = '\0';
	for (const char *const *device = guest->devices; device && *device && n < size; device++) {
		int more = snprintf(text + n, size - n, " %s", *device);
		n += more > 0 ? (size_t)more : 0;
	}
	return text;
}

/* What happens to each is what was asked for: it is data. */
static void tell(enum pp_event_kind kind, const char *text, void *data)
{
	struct cli *cli = data;
	if (cli->json) {
		cli_progress(kind, text, data);
		return;
	}
	PP_FREE char *clean = cli_clean(text);
	cli_print(cli, "%s\n", clean ? clean : text);
	fflush(stdout);
}

static int shutdown_all(struct cli *cli)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	struct pp_error error = {0};
	uint64_t seconds = TIMEOUT;
	size_t running = 0;
	if (timeout && (pp_parse_u64(timeout, 10, TIMEOUT_MAX, &seconds) < 0 || seconds == 0))
		return cli_usage(
			cli, "--timeout takes seconds, 1 to %d, not '%s'", TIMEOUT_MAX, timeout);
	int status = cli_open(cli);
	if (status)
		return status;
	if (pp_guest_list_brief(cli->context, &list, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = list->n_items; i-- > 0;)
		if (cli_guest_runs(&list->items[i])) {
			running++;
			if (cli->dry_run)
				cli_print(cli, "ask guest %s to shut down (ACPI)\n",
					list->items[i].name);
		}
	cli_set_bool(cli, "changed", running > 0 && !cli->dry_run);
	if (cli->dry_run || running == 0)
		return PP_STATUS_OK;
	int r = pp_guests_shutdown(cli->context, (int)seconds * 1000, tell, cli, &error);
	return r < 0 ? cli_fail(cli, &error) : PP_STATUS_OK;
}

static int run_shutdown(struct cli *cli, const char *const *words, size_t n_words)
{
	if (mode && !pp_text_is(mode, "acpi"))
		return cli_usage(cli, "--mode %s: only acpi is known", mode);
	if (all ? n_words > 0 : n_words == 0 || timeout)
		return cli_usage(cli, "shutdown needs a guest (name, uuid or id), or --all, with "
				      "which --timeout goes");
	if (all)
		return shutdown_all(cli);
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	const struct pp_guest_info *guest = &list->items[0];
	struct pp_error error = {0};
	bool runs = cli_guest_runs(guest);
	cli_set_bool(cli, "changed", false);
	if (!runs)
		cli_say(cli, "it is shut off already");
	if (cli->dry_run) {
		if (runs)
			cli_print(cli, "ask guest %s to shut down (ACPI)\n", guest->name);
		return PP_STATUS_OK;
	}
	if (runs && pp_guest_shutdown(cli->context, words[0], 0, &error) < 0) {
		cli_blame(cli, "Failed to shutdown domain '%s'", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", runs);
	cli_print(cli, "Domain '%s' is being shutdown\n", words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run_destroy(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	const struct pp_guest_info *guest = &list->items[0];
	struct pp_error error = {0};
	bool runs = cli_guest_runs(guest);
	char devices[1024];
	cli_set_bool(cli, "changed", false);
	if (!runs)
		cli_say(cli, "it is shut off already");
	if (cli->dry_run) {
		if (runs)
			cli_print(
				cli, "end QEMU %ld of guest %s\n", (long)guest->qemu, guest->name);
		if (runs && guest->devices && guest->devices[0])
			cli_print(cli, "give back%s\n",
				devices_text(guest, devices, sizeof(devices)));
		return PP_STATUS_OK;
	}
	if (runs && pp_guest_destroy(cli->context, words[0], &error) < 0) {
		cli_blame(cli, "Failed to destroy domain '%s'", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", runs);
	cli_print(cli, "Domain '%s' destroyed\n", words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

int cli_console(struct cli *cli, const char *name)
{
	struct pp_error error = {0};
	cli_print(cli, "Connected to domain '%s'\nEscape character is ^] (Ctrl + ])\n", name);
	fflush(stdout);
	int r = pp_guest_console(cli->context, name, STDIN_FILENO, STDOUT_FILENO, &error);
	return r < 0 ? cli_fail(cli, &error) : PP_STATUS_OK;
}

static int run_console(struct cli *cli, const char *const *words, size_t n_words)
{
	if (cli->json)
		return cli_usage(cli, "console and --json do not go together");
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	if (!cli_guest_runs(&list->items[0]))
		return cli_refuse(cli, PP_STATUS_FAILED,
			"guest %s does not run, so it has no console", list->items[0].name);
	return cli_console(cli, words[0]);
}

const struct cli_verb cli_verb_shutdown = {
	.name = "shutdown",
	.group = CLI_GUESTS,
	.summary = "ask a guest to shut down",
	.example = "  # pcipass shutdown win11\n"
		   "  Domain 'win11' is being shutdown\n",
	.usage = "DOMAIN | --all [--timeout SECONDS]",
	.details = "It answers at once. The devices come back when the guest has ended. With --all "
		   "it waits: this is\n"
		   "what pcipass-shutdown.service does when the host goes down.\n",
	.options = shutdown_options,
	.n_options = PP_COUNT(shutdown_options),
	.max_words = 1,
	.words = "a guest (name, uuid or id)",
	.word_option = "domain",
	.writes = true,
	.run = run_shutdown,
};

const struct cli_verb cli_verb_destroy = {
	.name = "destroy",
	.group = CLI_GUESTS,
	.summary = "end a guest at once, as if its power went",
	.example = "  # pcipass destroy win11\n"
		   "  Domain 'win11' destroyed\n",
	.usage = "DOMAIN",
	.details = "It answers when the devices are back.\n",
	.options = destroy_options,
	.n_options = PP_COUNT(destroy_options),
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_destroy,
};

const struct cli_verb cli_verb_console = {
	.name = "console",
	.group = CLI_GUESTS,
	.summary = "connect this terminal with a guest's console",
	.example = "  # pcipass console debian\n"
		   "  Connected to domain 'debian'\n"
		   "  Escape character is ^] (Ctrl + ])\n",
	.usage = "DOMAIN",
	CLI_ONE_GUEST,
	.run = run_console,
};
