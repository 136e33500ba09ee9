/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include <string.h>

#define TEXT_MAX ((size_t)16 << 20)

PP_DEFINE_CLEANUP(struct pp_explanations *, pp_explanations_free)

/* The words together, or what comes on standard input. */
static int take_text(struct cli *cli, const char *const *words, size_t n_words, char **ret_text,
	size_t *ret_length)
{
	struct pp_error error = {0};
	if (n_words == 1 && pp_text_is(words[0], "-")) {
		int r = pp_file_read_fd(STDIN_FILENO, TEXT_MAX, ret_text, ret_length);
		if (r < 0) {
			pp_error_errno(&error, r, "cannot read the text from standard input");
			return cli_fail(cli, &error);
		}
		return PP_STATUS_OK;
	}
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	for (size_t i = 0; i < n_words; i++)
		pp_buffer_printf(&buffer, "%s%s", i ? " " : "", words[i]);
	*ret_length = buffer.length;
	*ret_text = pp_buffer_take(&buffer);
	return *ret_text ? PP_STATUS_OK : cli_oom(cli);
}

static void put_indented(struct cli *cli, const char *text)
{
	PP_FREE char *clean = cli_clean(text);
	for (const char *line = clean; line && *line;) {
		size_t length = strcspn(line, "\n");
		cli_print(cli, "     %.*s\n", (int)length, line);
		line += length;
		line += *line == '\n';
	}
}

static struct pp_json *explanations_json(const struct pp_explanations *explanations)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < explanations->n_items; i++) {
		const struct pp_explanation *item = &explanations->items[i];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "line", item->line);
		pp_json_set_string(object, "ids", item->ids);
		pp_json_set_string(object, "cause", item->cause);
		pp_json_set_string(object, "remedy", item->remedy);
		pp_json_add(array, object);
	}
	return array;
}

static void put_explanations(struct cli *cli, const struct pp_explanations *explanations)
{
	for (size_t i = 0; i < explanations->n_items; i++) {
		const struct pp_explanation *item = &explanations->items[i];
		PP_FREE char *line = cli_clean(item->line);
		cli_print(cli, "%s%s\n", i ? "\n" : "", line ? line : "");
		put_indented(cli, item->cause);
		put_indented(cli, item->remedy);
		if (item->ids && *item->ids)
			cli_print(cli, "     checks: %s\n", item->ids);
	}
	if (!explanations->findings || explanations->findings->n_items == 0)
		return;
	cli_print(cli, "\nThis host\n");
	cli_findings(cli, stdout, explanations->findings, PP_PASS);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_FREE char *text = NULL;
	size_t length = 0;
	int status = take_text(cli, words, n_words, &text, &length);
	if (!status)
		status = cli_open(cli);
	if (status)
		return status;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	struct pp_error error = {0};
	/* A text of another machine can be explained where this one cannot be read. */
	if (pp_host_read(cli->context, PP_READ_ALL, &host, &error) < 0)
		cli_say(cli, "without this host's evidence: %s", error.text);
	PP_CLEANUP(pp_explanations_freep) struct pp_explanations *explanations = NULL;
	if (pp_explain(text, length, host, &explanations, &error) < 0)
		return cli_fail(cli, &error);
	cli_set(cli, "explanations", explanations_json(explanations));
	cli_set(cli, "findings", cli_findings_json(explanations->findings));
	if (explanations->n_items == 0)
		return cli_refuse(cli, PP_STATUS_FAILED, "nothing in this text is known");
	put_explanations(cli, explanations);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_explain = {
	.name = "explain",
	.group = CLI_HOST,
	.summary = "what a text of QEMU, libvirt or the kernel means, and what to do",
	.example = "  $ pcipass explain 'group 5 is not viable'\n"
		   "  $ dmesg | pcipass explain -\n",
	.usage = "TEXT... | ID | -",
	.details = "ID is what stands in brackets in a finding; - is standard input.\n",
	.min_words = 1,
	.max_words = CLI_ANY,
	.words = "a text",
	.run = run,
};
