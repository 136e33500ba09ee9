/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `pcipass help` prints, all of it out of the table of verbs. */
#include "base/parse.h"
#include "cli/verb.h"
#include <string.h>

const char *const cli_group_titles[CLI_GROUPS] = {
	[CLI_LOOK] = "Look (nothing is changed)",
	[CLI_GIVE] = "Give",
	[CLI_TAKE_BACK] = "Take back",
	[CLI_GUESTS] = "Guests",
	[CLI_HOST] = "Host",
};

const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; cli_verbs[i]; i++)
		if (strcmp(cli_verbs[i]->name, name) == 0 || pp_text_is(cli_verbs[i]->alias, name))
			return cli_verbs[i];
	return NULL;
}

const char *cli_verb_nearest(const char *name)
{
	size_t count = 0, n = 0;
	while (cli_verbs[count])
		count++;
	PP_FREE const char **names = calloc(count + 1, sizeof(*names));
	if (!names)
		return NULL;
	for (size_t i = 0; i < count; i++)
		names[n++] = cli_verbs[i]->name;
	return pp_text_nearest(name, names);
}

void cli_help_all(void)
{
	fputs("pcipass gives a PCI device of this host to a KVM guest, and takes it back.\n"
	      "Alone, it shows what can go, what is held and what is out.\n",
		stdout);
	for (int group = 0; group < CLI_GROUPS; group++) {
		printf("\n%s\n", cli_group_titles[group]);
		for (size_t i = 0; cli_verbs[i]; i++)
			if ((int)cli_verbs[i]->group == group)
				printf("  %-18s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
	}
	fputs("\nA device may be written as 00:1a.7, 0000:00:1a.7, pci_0000_00_1a_7, 8086:3a6c, "
	      "eth0 or "
	      "/dev/nvme0n1.\n"
	      "Every verb knows --json, --root DIR and --help; verbs that change something know "
	      "--dry-run.\n"
	      "pcipass help VERB shows an example.\n",
		stdout);
}

const char *cli_option_text(const struct pp_option *option, char *text, size_t size)
{
	char letter[] = {'-', option->letter, ',', ' ', '\0'};
	snprintf(text, size, "%s--%s%s%s", option->letter ? letter : "", option->name,
		option->argument ? " " : "", option->argument ? option->argument : "");
	return text;
}

static void print_option(const struct pp_option *option)
{
	char left[80];
	printf("  %-22s %s\n", cli_option_text(option, left, sizeof(left)), option->help);
}

void cli_help_verb(const struct cli_verb *verb)
{
	const char *usage = verb->usage;
	printf("%s\n", verb->example);
	printf("%s: %s\n\n", verb->name, verb->summary);
	printf("  pcipass %s%s%s\n", verb->name, *usage ? " " : "", usage);
	if (verb->n_options > 0)
		printf("\n");
	for (size_t i = 0; i < verb->n_options; i++)
		print_option(&verb->options[i]);
	if (verb->alias)
		printf("\nAlso written %s.\n", verb->alias);
	if (verb->details)
		printf("\n%s", verb->details);
	PP_FREE char *more = verb->more ? verb->more() : NULL;
	if (more)
		printf("\n%s", more);
}

static bool manual;
static const struct pp_option options[] = {
	{"scdoc", 0, NULL, "the manual page's source", &manual},
};

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	const struct cli_verb *verb = n_words ? cli_verb_find(words[0]) : NULL;
	cli->json = false;
	if (verb || n_words == 0) {
		if (manual)
			cli_manual(verb);
		else if (verb)
			cli_help_verb(verb);
		else
			cli_help_all();
		return PP_STATUS_OK;
	}
	struct pp_error error;
	pp_error_set(&error, PP_STATUS_USAGE, EINVAL, "unknown verb '%s'", words[0]);
	const char *nearest = cli_verb_nearest(words[0]);
	if (nearest)
		pp_error_remedy(&error, "did you mean %s?", nearest);
	return cli_fail(cli, &error);
}

const struct cli_verb cli_verb_help = {
	.name = "help",
	.group = CLI_HOST,
	.summary = "the verbs, or one of them",
	.example = "  $ pcipass help nodedev-detach\n",
	.usage = "[VERB]",
	.options = options,
	.n_options = PP_COUNT(options),
	.max_words = 1,
	.run = run,
};
