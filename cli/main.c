/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program: global options, the verb, its options, and the exit status. */
#include "base/parse.h"
#include "cli/overview.h"
#include "cli/verb.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

static struct {
	bool json, dry_run, yes, help, version;
	const char *root;
} globals;

const struct pp_option cli_global_options[] = {
	{"root", 0, "DIR",
		"another machine: a folder with sys, proc, dev, etc; or a file that describes one",
		NULL, &globals.root},
	{"json", 0, NULL, "print one JSON object", &globals.json},
	{"dry-run", 0, NULL, "print the steps and change nothing", &globals.dry_run},
	{"yes", 'y', NULL, "answer plain questions with yes", &globals.yes},
	{"help", 'h', NULL, "how to use it", &globals.help},
	{"version", 'V', NULL, "the version", &globals.version},
};
const size_t cli_n_global_options = PP_COUNT(cli_global_options);

/* Where a standard descriptor is closed, the next file to be opened would become it, and be written
 * to. What is put there cannot be written (or read), so that the lack is still noticed. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(PP_STATUS_FAILED);
}

/* The place of the verb in ARGV: the first word that is neither an option nor the root; argc: none.
 */
static int verb_at(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--root") == 0)
			i++;
		else if (argv[i][0] != '-' || !argv[i][1])
			return i;
	}
	return argc;
}

/* All options of the verb: its own, its name for the first word, and the global ones. The caller
 * frees. */
static struct pp_option *all_options(
	const struct cli_verb *verb, const char **word, size_t *ret_count)
{
	size_t own = verb ? verb->n_options : 0;
	struct pp_option *options = calloc(own + 1 + cli_n_global_options, sizeof(*options));
	if (!options)
		return NULL;
	if (own > 0)
		memcpy(options, verb->options, own * sizeof(*options));
	if (verb && verb->word_option)
		options[own++] = (struct pp_option){
			.name = verb->word_option, .argument = "NAME", .value = word};
	memcpy(options + own, cli_global_options, sizeof(cli_global_options));
	*ret_count = own + cli_n_global_options;
	return options;
}

static int check_words(struct cli *cli, size_t n_words, const char *extra)
{
	const struct cli_verb *verb = cli->verb;
	if (n_words < verb->min_words)
		return cli_usage(cli, "%s needs %s: pcipass %s %s", verb->name, verb->words,
			verb->name, verb->usage);
	if (n_words > verb->max_words)
		return cli_usage(cli, "%s: '%s' is one word too many", verb->name, extra);
	return PP_STATUS_OK;
}

static int run_verb(struct cli *cli, const char **words, size_t n_words)
{
	const struct cli_verb *verb = cli->verb;
	cli->root = globals.root;
	cli->json = globals.json;
	cli->dry_run = globals.dry_run;
	cli->yes = globals.yes;
	if (globals.help) {
		cli->json = false;
		cli_help_verb(verb);
		return PP_STATUS_OK;
	}
	int status =
		check_words(cli, n_words, n_words > verb->max_words ? words[verb->max_words] : "");
	return status ? status : verb->run(cli, words, n_words);
}

static int unknown_verb(struct cli *cli, const char *name)
{
	struct pp_error error;
	pp_error_set(&error, PP_STATUS_USAGE, EINVAL, "unknown verb '%s'", name);
	const char *nearest = cli_verb_nearest(name);
	if (nearest)
		pp_error_remedy(&error, "did you mean %s?", nearest);
	else
		pp_error_remedy(&error, "pcipass help lists the verbs");
	return cli_fail(cli, &error);
}

static int run_alone(struct cli *cli)
{
	if (globals.version) {
		printf("pcipass %s\n", PCIPASS_VERSION);
		return PP_STATUS_OK;
	}
	if (globals.help) {
		cli_help_all();
		return PP_STATUS_OK;
	}
	cli->root = globals.root;
	cli->json = globals.json;
	return cli_overview(cli);
}

static int run(struct cli *cli, int argc, char **argv)
{
	int at = verb_at(argc, argv);
	if (at < argc) {
		cli->verb = cli_verb_find(argv[at]);
		if (!cli->verb)
			return unknown_verb(cli, argv[at]);
	}
	const char *first = NULL;
	size_t n_options = 0, n_words = 0;
	PP_FREE struct pp_option *options = all_options(cli->verb, &first, &n_options);
	PP_FREE char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	PP_FREE const char **words = calloc((size_t)argc + 2, sizeof(*words));
	if (!options || !rest || !words)
		return cli_oom(cli);
	int n = 0;
	for (int i = 1; i < argc; i++)
		if (i != at)
			rest[n++] = argv[i];
	struct pp_error error = {0};
	/* One place is kept free at the front for the word that an option gave. */
	if (pp_options_parse(options, n_options, n, rest, words + 1, &n_words, &error) < 0)
		return cli_fail(cli, &error);
	if (!cli->verb)
		return run_alone(cli);
	if (first)
		words[0] = first;
	return run_verb(cli, first ? words : words + 1, n_words + (first ? 1 : 0));
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	/* Only characters: numbers and messages stay as they are. */
	setlocale(LC_CTYPE, "");
	/* A reader that went away must not end a verb in the middle of its writes. */
	signal(SIGPIPE, SIG_IGN);
	struct cli cli = {0};
	int status = run(&cli, argc, argv);
	status = cli_flush(&cli, status);
	cli_done(&cli);
	if (status == -EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return status < 0 ? PP_STATUS_FAILED : status;
}
