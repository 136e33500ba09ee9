/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A verb: what is typed after pcipass. Each file of verbs ends with its table entries; verbs.c
 * lists them. */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "base/options.h"
#include "cli/cli.h"

enum cli_group {
	CLI_LOOK,
	CLI_GIVE,
	CLI_TAKE_BACK,
	CLI_GUESTS,
	CLI_HOST,
	CLI_GROUPS,
	CLI_UNLISTED = CLI_GROUPS
};

struct cli_verb {
	const char *name;
	const char *alias; /* another spelling of it, NULL: none */
	enum cli_group group;
	const char *summary; /* for the list of verbs; no full stop */
	const char *example; /* complete lines: what help begins with */
	const char *usage;   /* behind the name: "DEV... [--driver NAME]" */
	const char *details; /* complete lines behind the options; NULL: none */
	char *(*more)(void); /* more of them, made at run time; NULL: none; the caller frees */
	const struct pp_option *options;
	size_t n_options;
	unsigned min_words, max_words; /* CLI_ANY: no limit */
	const char *words;             /* what is missing when there are too few: "a device" */
	/* A virsh option that gives the first word: "device" for --device NAME; NULL: none. */
	const char *word_option;
	bool writes;        /* knows --dry-run, wants root on the live machine */
	bool may_not_write; /* it asks for root (cli_need_root) once it knows that it is needed */
	int (*run)(struct cli *cli, const char *const *words, size_t n_words); /* enum pp_status */
};
#define CLI_ANY 100000
/* What most verbs are about: members of struct cli_verb. */
#define CLI_ONE_DEVICE .min_words = 1, .max_words = 1, .words = "a device", .word_option = "device"
#define CLI_SOME_DEVICES                                                                           \
	.min_words = 1, .max_words = CLI_ANY, .words = "a device", .word_option = "device"
#define CLI_ONE_GUEST                                                                              \
	.min_words = 1, .max_words = 1, .words = "a guest (name, uuid or id)",                     \
	.word_option = "domain"

/* All verbs, ends with NULL. */
extern const struct cli_verb *const cli_verbs[];
const struct cli_verb *cli_verb_find(const char *name);
/* The nearest verb's name, or NULL. */
const char *cli_verb_nearest(const char *name);

/* What every verb knows. */
extern const struct pp_option cli_global_options[];
extern const size_t cli_n_global_options;

void cli_help_all(void);
void cli_help_verb(const struct cli_verb *verb);
/* "-o, --columns NAME" */
const char *cli_option_text(const struct pp_option *option, char *text, size_t size);
/* The source, for scdoc, of pcipass-VERB(1); of pcipass(1) for NULL. */
void cli_manual(const struct cli_verb *verb);
extern const char *const cli_group_titles[CLI_GROUPS];

#endif
