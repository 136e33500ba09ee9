/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints pcipass-checks(7) from the tables that the program itself uses; with --lines the tables
 * themselves, for docs/failures: fields are separated by tabs. */
#include "lib/check/rows.h"
#include "base/buffer.h"
#include "base/parse.h"
#include <pcipass.h>
#include <stdio.h>
#include <string.h>

static void put(const char *text)
{
	PP_BUFFER struct pp_buffer escaped = PP_BUFFER_INIT;

	pp_buffer_put_scdoc(&escaped, text);
	fputs(pp_buffer_text(&escaped), stdout);
}

static void put_head(void)
{
	puts("pcipass-checks(7)\n\n# NAME\n\npcipass-checks - what is looked at before a device "
	     "goes to a "
	     "guest\n\n# DESCRIPTION\n\n"
	     "*pcipass host-validate*, *pcipass nodedev-check* and *pcipass domcheck* run the "
	     "checks of this "
	     "page; *pcipass nodedev-detach*, *pcipass start* and *pcipass attach-device* run them "
	     "before they "
	     "change anything. A finding has the id of its check, a severity, a sentence, the file "
	     "that it was "
	     "read from with what it said, and a remedy. Ids are never renamed.\n\n"
	     "FAIL\n\tIt would not work, or would hurt: verbs that write refuse (exit status 3; 4 "
	     "where "
	     "somebody uses the device).\n\n"
	     "WARN\n\tIt may hurt; verbs go on.\n\n"
	     "NOTE\n\tIt is good to know.\n\n"
	     "PASS\n\tIt was looked at and is in order.\n\n"
	     "*pcipass explain ID* says more of one, and what this host says to it now.\n");
}

static void put_scope(const char *scope, const char *title)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	printf("\n# %s\n", title);
	for (size_t i = 0; i < count; i++) {
		if (!pp_text_is(table[i].scope, scope))
			continue;
		printf("\n*%s*\n\t", table[i].id);
		put(table[i].title);
		printf(". Reads ");
		put(table[i].reads);
		printf(". (%s)\n", table[i].rows);
	}
}

static void put_rows(void)
{
	size_t count;
	const struct pp_check_row *rows = pp_check_rows(&count);

	puts("\n# WHAT GOES WRONG\n\nThe numbers behind the checks are these, each with its "
	     "remedy, and what of it no check can see beforehand.\n");
	for (size_t i = 0; i < count; i++) {
		printf("%u. ", rows[i].number);
		put(rows[i].cause);
		putchar(' ');
		put(rows[i].remedy);
		if (rows[i].limit) {
			putchar(' ');
			put(rows[i].limit);
		}
		puts("\n");
	}
}

static void put_texts(void)
{
	size_t count;
	const struct pp_explain_entry *table = pp_explain_table(&count);

	puts("# TEXTS\n\nWhat *pcipass explain* knows of the texts of QEMU, libvirt and the "
	     "kernel.\n");
	for (size_t i = 0; i < count; i++) {
		putchar('"');
		put(table[i].fragment);
		printf("\"\n\t");
		put(table[i].cause);
		if (*table[i].ids) {
			printf(" (");
			put(table[i].ids);
			putchar(')');
		}
		puts("\n");
	}
}

static void put_tail(void)
{
	puts("# KNOWN-BAD DEVICES\n\nA list of devices that behave badly is part of the program "
	     "(known-bad.txt). _/etc/pcipass/known-bad.txt_ adds to it, a line a device:\n\n"
	     "\tVENDOR:DEVICE\\[/MASK\\]\\[-REVISION\\] KIND SENTENCE \\[SOURCE\\]\n\n"
	     "in hexadecimal; KIND is reset, flr, bus, pm, intx or denylist.\n\n"
	     "# SEE ALSO\n\n*pcipass*(1)");
}

static void put_lines(void)
{
	size_t count;
	const struct pp_check_row *rows = pp_check_rows(&count);

	for (size_t i = 0; i < count; i++)
		printf("row\t%u\t%s\t%s\t%s\n", rows[i].number, rows[i].cause, rows[i].remedy,
			rows[i].limit ? rows[i].limit : "");
	const struct pp_check_info *checks = pp_check_table(&count);
	for (size_t i = 0; i < count; i++)
		printf("check\t%s\t%s\n", checks[i].id, checks[i].rows);
	const struct pp_explain_entry *texts = pp_explain_table(&count);
	for (size_t i = 0; i < count; i++)
		printf("text\t%s\t%s\n", texts[i].fragment, texts[i].rows);
}

int main(int argc, char **argv)
{
	if (argc == 2 && pp_text_is(argv[1], "--lines")) {
		put_lines();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	put_head();
	put_scope("host", "THE HOST");
	put_scope("device", "A DEVICE");
	put_scope("guest", "A GUEST");
	put_rows();
	put_texts();
	put_tail();
	return fflush(stdout) == 0 ? 0 : 1;
}
