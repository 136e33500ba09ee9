/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manual pages' source, out of the table of verbs. */
#include "base/buffer.h"
#include "cli/verb.h"
#include <string.h>

static void put(const char *text)
{
	PP_BUFFER struct pp_buffer escaped = PP_BUFFER_INIT;

	pp_buffer_put_scdoc(&escaped, text);
	fputs(pp_buffer_text(&escaped), stdout);
}

/* Lines as they are. */
static void put_block(const char *text)
{
	printf("```\n%s", text);
	puts(*text && text[strlen(text) - 1] == '\n' ? "```" : "\n```");
}

static void put_options(const struct pp_option *options, size_t n_options)
{
	for (size_t i = 0; i < n_options; i++) {
		char text[80];
		printf("*");
		put(cli_option_text(&options[i], text, sizeof(text)));
		printf("*\n\t");
		put(options[i].help);
		printf("\n\n");
	}
}

static void put_statuses(void)
{
	puts("# EXIT STATUS\n\n"
	     "0\n\tDone, or already as asked; warnings are 0.\n\n"
	     "1\n\tTried and failed.\n\n"
	     "2\n\tThe command line is wrong.\n\n"
	     "3\n\tThe host or the device is not ready.\n\n"
	     "4\n\tIn use.\n\n"
	     "5\n\tSomething unfinished is in the way: *pcipass recover*.\n");
}

static void put_verb(const struct cli_verb *verb)
{
	PP_FREE char *more = verb->more ? verb->more() : NULL;

	printf("pcipass-%s(1)\n\n# NAME\n\npcipass-%s - ", verb->name, verb->name);
	put(verb->summary);
	printf("\n\n# SYNOPSIS\n\n*pcipass %s* ", verb->name);
	put(verb->usage);
	puts("\n\n# EXAMPLE\n");
	put_block(verb->example);
	if (verb->details || more)
		puts("\n# DESCRIPTION\n");
	if (verb->details && strstr(verb->details, "\n  "))
		put_block(verb->details);
	else if (verb->details)
		put(verb->details);
	if (more)
		put_block(more);
	puts("\n# OPTIONS\n");
	put_options(verb->options, verb->n_options);
	if (verb->alias)
		printf("Also written *pcipass %s*.\n\n", verb->alias);
	puts("The options that every verb knows are in *pcipass*(1).\n");
	put_statuses();
	puts("# SEE ALSO\n\n*pcipass*(1), *pcipass-checks*(7), *pcipass-json*(7)");
}

static void put_program(void)
{
	puts("pcipass(1)\n\n# NAME\n\npcipass - give a PCI device to a KVM guest, and take it "
	     "back\n\n"
	     "# SYNOPSIS\n\n*pcipass* \\[VERB\\] \\[OPTION...\\] \\[WORD...\\]\n\n"
	     "# DESCRIPTION\n\n"
	     "Alone, it shows what can go, what is held and what is out, and changes nothing. With "
	     "a verb it "
	     "does one thing; the verbs are virsh's where virsh has them, and the guests' "
	     "definitions are "
	     "libvirt's XML.\n\n"
	     "A device may be written as 00:1a.7, 0000:00:1a.7, pci\\_0000\\_00\\_1a\\_7, "
	     "8086:3a6c, eth0 or "
	     "/dev/nvme0n1.\n\n"
	     "Standard output is data, standard error is messages. Verbs that write do nothing "
	     "where all is "
	     "as asked already, and ask nothing where there is no terminal.");
	for (int group = 0; group < CLI_GROUPS; group++) {
		printf("\n# %s\n\n", cli_group_titles[group]);
		for (size_t i = 0; cli_verbs[i]; i++) {
			if ((int)cli_verbs[i]->group != group)
				continue;
			printf("*pcipass-%s*(1)\n\t", cli_verbs[i]->name);
			put(cli_verbs[i]->summary);
			printf("\n\n");
		}
	}
	puts("# OPTIONS OF EVERY VERB\n");
	put_options(cli_global_options, cli_n_global_options);
	put_statuses();
	puts("# FILES\n\n"
	     "/etc/pcipass\n\tDefinitions of guests; known-bad.txt.\n\n"
	     "/run/pcipass\n\tThe journal of what is out, state of the guests that run, locks.\n\n"
	     "# SEE ALSO\n\n*pcipass-checks*(7), *pcipass-json*(7), *libpcipass*(3), *virsh*(1), "
	     "*qemu-system-x86\\_64*(1)");
}

void cli_manual(const struct cli_verb *verb)
{
	if (verb)
		put_verb(verb);
	else
		put_program();
}
