/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

static const char *file, *domain;
static const struct pp_option options[] = {
	{"xml", 0, "FILE", "a definition in a file (- is standard input)", NULL, &file},
	{"domain", 0, "DOMAIN", "a guest that is defined", NULL, &domain},
};

/* As a shell would need it. */
static void put_quoted(struct pp_buffer *buffer, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%^";
	if (*text && strspn(text, plain) == strlen(text)) {
		pp_buffer_puts(buffer, text);
		return;
	}
	pp_buffer_putc(buffer, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			pp_buffer_puts(buffer, "'\\''");
		else
			pp_buffer_putc(buffer, *text);
	}
	pp_buffer_putc(buffer, '\'');
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (!pp_text_is(words[0], "qemu-argv"))
		return cli_usage(cli, "domxml-to-native makes qemu-argv, not '%s'", words[0]);
	if ((n_words > 1) + (file != NULL) + (domain != NULL) != 1)
		return cli_usage(cli, "domxml-to-native needs one of a guest and a file");
	const char *word = n_words > 1 ? words[1] : domain;
	if (n_words > 1 && cli_is_file(word)) {
		file = word;
		word = NULL;
	}
	int status = cli_open(cli);
	PP_FREE char *xml = NULL;
	size_t length = 0;
	if (!status && file)
		status = cli_read_xml(cli, file, &xml, &length);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(pp_strv_freep) char **argv = NULL;
	if (pp_guest_argv(cli->context, file ? NULL : word, xml, length, &argv, &error) < 0) {
		if (file)
			pp_error_wrap(&error, "%s", file);
		return cli_fail(cli, &error);
	}
	PP_BUFFER struct pp_buffer line = PP_BUFFER_INIT;
	struct pp_json *array = pp_json_array();
	for (char **argument = argv; *argument; argument++) {
		if (line.length)
			pp_buffer_putc(&line, ' ');
		put_quoted(&line, *argument);
		pp_json_add_string(array, *argument);
	}
	cli_set(cli, "argv", array);
	cli_print(cli, "%s\n", pp_buffer_text(&line));
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_domxml_to_native = {
	.name = "domxml-to-native",
	.group = CLI_GUESTS,
	.summary = "the QEMU command line that a definition becomes",
	.example = "  $ pcipass domxml-to-native qemu-argv win11\n"
		   "  $ pcipass domxml-to-native qemu-argv ./win11.xml\n",
	.usage = "qemu-argv DOMAIN|FILE",
	.details = "A word with a slash, or that ends in .xml, is a file.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 2,
	.words = "a format and a guest or file",
	.run = run,
};
