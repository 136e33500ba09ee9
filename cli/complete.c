/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be typed next: the shells' completion asks here, so that it never lags behind. */
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

/* The last word, as far as it is typed. */
static const char *typed;

static void offer(const char *word, const char *about)
{
	PP_FREE char *clean = cli_clean(about);
	if (pp_text_starts(word, typed))
		printf("%s\t%s\n", word, clean ? clean : "");
}

/* The shell knows files better. */
static void offer_files(void)
{
	puts(":files");
}

static void offer_verbs(void)
{
	for (size_t i = 0; cli_verbs[i]; i++)
		if (cli_verbs[i]->group != CLI_UNLISTED)
			offer(cli_verbs[i]->name, cli_verbs[i]->summary);
}

static void offer_options(const struct pp_option *options, size_t n_options, bool writes)
{
	for (size_t i = 0; i < n_options; i++) {
		char name[64];
		if (!writes && (pp_text_is(options[i].name, "dry-run") ||
				       pp_text_is(options[i].name, "yes")))
			continue;
		snprintf(name, sizeof(name), "--%s", options[i].name);
		offer(name, options[i].help);
	}
}

/* By virsh's names, which no shell takes apart; by address where one was begun. */
static void offer_devices(struct cli *cli)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	if (cli_read(cli, PP_READ_NAMES, &host))
		return;
	for (size_t i = 0; i < host->n_devices; i++) {
		const struct pp_device *device = &host->devices[i];
		char text[CLI_NODE_SIZE];
		bool address = *typed >= '0' && *typed <= '9';
		PP_FREE char *title = cli_device_title(device);
		if (device->header != PP_HEADER_ENDPOINT)
			continue;
		offer(address ? device->name : cli_node_name(device, text), title ? title : "");
		if (address && device->address.domain == 0)
			offer(strchr(device->name, ':') + 1, title ? title : "");
	}
}

static void offer_guests(struct cli *cli)
{
	struct pp_error error = {0};
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	if (cli_open(cli) || pp_guest_list(cli->context, &list, &error) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++)
		offer(list->items[i].name, pp_guest_state_text(list->items[i].state));
}

static void offer_kind(struct cli *cli, const char *kind)
{
	if (pp_text_is(kind, "device"))
		offer_devices(cli);
	else if (pp_text_is(kind, "domain"))
		offer_guests(cli);
	else if (pp_text_is(kind, "file"))
		offer_files();
}

/* The option that WORD is, when its argument is the next word. */
static const struct pp_option *wants_argument(
	const struct pp_option *options, size_t n_options, const char *word)
{
	for (size_t i = 0; i < n_options; i++)
		if (options[i].argument && pp_text_starts(word, "--") &&
			pp_text_is(options[i].name, word + 2))
			return &options[i];
	return NULL;
}

static void offer_argument(struct cli *cli, const struct pp_option *option)
{
	if (pp_text_is(option->name, "driver")) {
		offer("vfio-pci", "for a guest");
		offer("pci-stub", "held by nobody; keeps its group viable");
	} else if (pp_text_is(option->argument, "FILE") || pp_text_is(option->argument, "DIR")) {
		offer_files();
	} else if (pp_text_is(option->argument, "DOMAIN")) {
		offer_guests(cli);
	}
}

static void offer_next(struct cli *cli, const struct cli_verb *verb, const char *before)
{
	const struct pp_option *option =
		wants_argument(cli_global_options, cli_n_global_options, before);
	if (!option && verb)
		option = wants_argument(verb->options, verb->n_options, before);
	if (option) {
		offer_argument(cli, option);
		return;
	}
	if (*typed == '-') {
		if (verb)
			offer_options(verb->options, verb->n_options, true);
		offer_options(cli_global_options, cli_n_global_options, !verb || verb->writes);
		return;
	}
	if (!verb || verb == cli_verb_find("help"))
		offer_verbs();
	else if (verb->word_option)
		offer_kind(cli, verb->word_option);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	const struct cli_verb *verb = NULL;
	cli->json = false;
	typed = words[n_words - 1];
	for (size_t i = 0; i + 1 < n_words && !verb; i++) {
		if (pp_text_is(words[i], "--root") && i + 2 < n_words)
			cli->root = words[++i];
		else if (*words[i] != '-')
			verb = cli_verb_find(words[i]);
	}
	offer_next(cli, verb, n_words > 1 ? words[n_words - 2] : "");
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_complete = {
	.name = "complete",
	.group = CLI_UNLISTED,
	.summary = "what can be typed next, for the completion of shells",
	.example = "  $ pcipass complete -- nodedev-detach pci_\n",
	.usage = "-- WORD...",
	.details =
		"The last word is what is being typed. A line for each candidate, with what it is "
		"behind a\n"
		"tabulator; or the one line :files.\n",
	.min_words = 1,
	.max_words = CLI_ANY,
	.words = "the words typed so far",
	.run = run,
};
