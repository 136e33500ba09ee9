/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be typed next: the shells' completion asks here, so that it never lags behind. */
#include "base/parse.h"
#include "cli/device-columns.h"
#include "cli/devices.h"
#include "cli/export.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

/* The last word, as far as it is typed. */
static const char *typed;
static size_t offered;

static void offer(const char *word, const char *about)
{
	PP_FREE char *clean = cli_clean(about);
	if (!pp_text_starts(word, typed))
		return;
	printf("%s\t%s\n", word, clean ? clean : "");
	offered++;
}

/* The shell knows files better. Where a file is one of several things, the others come first. */
static void offer_files(struct cli *cli)
{
	if (offered == 0)
		puts(":files");
}

static void offer_verbs(struct cli *cli)
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
	if (cli_open(cli) || pp_guest_list_brief(cli->context, &list, &error) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++)
		offer(list->items[i].name, pp_guest_state_text(list->items[i].state));
}

static void offer_changes(struct cli *cli)
{
	struct pp_error error = {0};
	PP_CLEANUP(pp_change_list_freep) struct pp_change_list *list = NULL;
	if (cli_open(cli) || pp_changes_list(cli->context, &list, &error) < 0)
		return;
	for (size_t i = 0; i < list->n_items; i++)
		offer(list->items[i].id, list->items[i].verb);
}

static void offer_checks(struct cli *cli)
{
	size_t n_checks = 0;
	const struct pp_check_info *checks = pp_check_table(&n_checks);
	for (size_t i = 0; i < n_checks; i++)
		offer(checks[i].id, checks[i].title);
}

static void offer_formats(struct cli *cli)
{
	for (size_t i = 0; i < cli_n_export_formats; i++)
		offer(cli_export_formats[i].name, cli_export_formats[i].what);
}

/* The last of a list with commas, behind what is there. */
static void offer_columns(struct cli *cli)
{
	const char *comma = strrchr(typed, ',');
	size_t before = comma ? (size_t)(comma + 1 - typed) : *typed == '+';
	for (size_t i = 0; i < cli_n_device_columns; i++) {
		char name[64];
		if (before >= sizeof(name) / 2)
			return;
		snprintf(name, sizeof(name), "%.*s%s", (int)before, typed,
			cli_device_columns[i].name);
		offer(name, cli_device_columns[i].help);
	}
}

/* What a word is, as it stands in the usage of verbs and of options. */
static const struct {
	const char *name;
	void (*offer)(struct cli *cli);
} kinds[] = {
	{"CHANGE", offer_changes},
	{"COLUMNS", offer_columns},
	{"DEV", offer_devices},
	{"DEVICE", offer_devices},
	{"DIR", offer_files},
	{"DOM", offer_guests},
	{"DOMAIN", offer_guests},
	{"FILE", offer_files},
	{"FORMAT", offer_formats},
	{"ID", offer_checks},
	{"VERB", offer_verbs},
};

/* NAME may be one of several: "DOMAIN|FILE"; "[DEVICE...]". */
static void offer_kind(struct cli *cli, const char *name, size_t length)
{
	while (length > 0) {
		size_t word = 0;
		while (word < length &&
			((name[word] >= 'A' && name[word] <= 'Z') || name[word] == '-' ||
				(name[word] >= 'a' && name[word] <= 'z')))
			word++;
		for (size_t i = 0; i < PP_COUNT(kinds); i++)
			if (strlen(kinds[i].name) == word &&
				strncmp(kinds[i].name, name, word) == 0)
				kinds[i].offer(cli);
		if (word > 1 && *name >= 'a') { /* it stands for itself */
			char literal[32];
			snprintf(literal, sizeof(literal), "%.*s", (int)word, name);
			offer(literal, "");
		}
		word += word == 0;
		name += word;
		length -= word;
	}
}

/* The word of number NTH (from 0) of a verb, out of its usage: words stand before options, "A | B"
 * is one, and what has "..." goes on. */
static void offer_word(struct cli *cli, const char *usage, size_t nth)
{
	size_t number = 0;
	bool either = true;
	for (size_t length; *usage; usage += length, usage += strspn(usage, " ")) {
		length = strcspn(usage, " ");
		if (length == 1 && *usage == '|') {
			either = true;
			continue;
		}
		if (pp_text_starts(usage, "--") || pp_text_starts(usage, "[-"))
			return;
		number += !either;
		either = false;
		if (number == nth || (number < nth && memmem(usage, length, "...", 3)))
			offer_kind(cli, usage, length);
	}
}

/* The option that WORD is, when its argument is the next word. */
static const struct pp_option *wants_argument(
	const struct pp_option *options, size_t n_options, const char *word)
{
	for (size_t i = 0; i < n_options; i++) {
		if (!options[i].argument || *word != '-')
			continue;
		if (word[1] == '-' ? pp_text_is(options[i].name, word + 2)
				   : options[i].letter && word[1] == options[i].letter && !word[2])
			return &options[i];
	}
	return NULL;
}

static const struct pp_option *argument_of(const struct cli_verb *verb, const char *word)
{
	const struct pp_option *option =
		wants_argument(cli_global_options, cli_n_global_options, word);
	return option || !verb ? option : wants_argument(verb->options, verb->n_options, word);
}

static void offer_argument(struct cli *cli, const struct pp_option *option)
{
	if (pp_text_is(option->name, "event")) {
		for (const char *const *event = cli_events; *event; event++)
			offer(*event, "");
	} else if (pp_text_is(option->name, "driver")) {
		offer("vfio-pci", "for a guest");
		offer("pci-stub", "held by nobody; keeps its group viable");
		return;
	}
	offer_kind(cli, option->argument, strlen(option->argument));
}

static void offer_options_of(const struct cli_verb *verb)
{
	if (verb)
		offer_options(verb->options, verb->n_options, true);
	offer_options(cli_global_options, cli_n_global_options, !verb || verb->writes);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	const struct cli_verb *verb = NULL;
	const struct pp_option *option = NULL; /* of which the next word is the argument */
	size_t n_own = 0;                      /* words of the verb, without options */
	cli->json = false;
	typed = words[n_words - 1];
	offered = 0;
	for (size_t i = 0; i + 1 < n_words; i++) {
		if (option) {
			if (pp_text_is(option->name, "root"))
				cli->root = words[i];
			option = NULL;
		} else if (*words[i] == '-') {
			option = argument_of(verb, words[i]);
		} else if (verb) {
			n_own++;
		} else if (!(verb = cli_verb_find(words[i]))) {
			return PP_STATUS_OK;
		}
	}
	if (option)
		offer_argument(cli, option);
	else if (*typed == '-')
		offer_options_of(verb);
	else if (verb)
		offer_word(cli, verb->usage, n_own);
	else
		offer_verbs(cli);
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
