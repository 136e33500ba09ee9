/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing that a definition may say is without effect: tests/domains/effects has a line for each
 * word of the grammar, and says how it is written. */
#include "definitions.h"
#include "lib/domain/grammar.h"

#define MAX_ROWS 1000
#define MAX_VALUES 32

struct row {
	int line;
	const char *rule, *word;
	const char *values, *document, *except; /* NULL: without effect, by nature */
	bool used;
};
struct table {
	char *text;
	struct row rows[MAX_ROWS];
	size_t n_rows;
	const char *pieces[64][2];
	size_t n_pieces;
};

static struct pp_launch_options options = {.folder = "/run/pcipass/guest",
	.now = 1700000000,
	.nvram = "/nvram/g_VARS.fd",
	.bridges = definitions_bridges,
	.first_fd = 12,
	.vhost = true};

/* ---- the table ---- */

static char *trimmed(char *text)
{
	char *end;

	if (!text)
		return NULL;
	text += strspn(text, " ");
	end = text + strlen(text);
	while (end > text && end[-1] == ' ')
		*--end = '\0';
	return text;
}

static void read_line(struct table *table, char *line, int number)
{
	struct row *row = &table->rows[table->n_rows];
	char *word, *first = line;

	if (!*line || *line == '#')
		return;
	if (*line == '%') {
		char *name = strsep(&line, " ");

		assert_true(table->n_pieces < PP_COUNT(table->pieces));
		table->pieces[table->n_pieces][0] = name;
		table->pieces[table->n_pieces++][1] = line;
		return;
	}
	*row = (struct row){.line = number, .rule = strsep(&first, " ")};
	word = strsep(&first, " ");
	row->word = word;
	if (!word || !first)
		fail_msg("effects:%d: a rule, a word, and what it does", number);
	if (*first == '|') {
		strsep(&first, "|");
		row->values = trimmed(strsep(&first, "|"));
		row->document = trimmed(strsep(&first, "|"));
		row->except = trimmed(first);
		if (!row->document)
			fail_msg("effects:%d: no definition", number);
	} else if (strncmp(first, "- ", 2) || !first[2]) {
		fail_msg("effects:%d: no reason", number);
	}
	assert_true(++table->n_rows < MAX_ROWS);
}

static struct table *read_table(void)
{
	struct table *table = calloc(1, sizeof(*table));
	char *rest, *line;
	int number = 0;

	table->text = definitions_read("effects", "", NULL);
	assert_non_null(table->text);
	rest = table->text;
	while ((line = strsep(&rest, "\n")))
		read_line(table, line, ++number);
	return table;
}

static void table_free(struct table *table)
{
	free(table->text);
	free(table);
}

/* "disk.*" is disk.file and disk.block; "disk" is that too where CHILD. */
static bool rule_fits(const struct row *row, const char *rule, bool child)
{
	size_t length = strcspn(row->rule, "*");

	if (row->rule[length])
		return !strncmp(row->rule, rule, length);
	if (!child)
		return !strcmp(row->rule, rule);
	return strlen(row->rule) == strcspn(rule, ".") && !strncmp(row->rule, rule, length);
}

static bool word_fits(const struct row *row, const char *word)
{
	if (!strcmp(row->word, word))
		return true;
	return row->word[0] == word[0] && row->word[1] == '*';
}

static struct row *find_row(struct table *table, const char *rule, const char *word)
{
	for (size_t i = 0; i < table->n_rows; i++)
		if (rule_fits(&table->rows[i], rule, *word == '<') &&
			word_fits(&table->rows[i], word))
			return &table->rows[i];
	return NULL;
}

/* ---- a definition and what it becomes ---- */

static void put_pieces(const struct table *table, struct pp_buffer *buffer, const char *text)
{
	for (const char *c = text; *c; c++) {
		bool put = false;

		for (size_t i = 0; *c == '%' && !put && i < table->n_pieces; i++) {
			const char *name = table->pieces[i][0], *body = table->pieces[i][1];
			const char *at = strchr(body, '@');

			if (!pp_text_starts(c, name))
				continue;
			c += strlen(name);
			pp_buffer_append(buffer, body, at ? (size_t)(at - body) : strlen(body));
			put_pieces(table, buffer, at && *c ? c + 1 : c);
			if (at)
				pp_buffer_puts(buffer, at + 1);
			put = true;
		}
		if (put)
			return;
		pp_buffer_putc(buffer, *c);
	}
}

/* VALUE NULL: the absence. */
static void put_value(struct pp_buffer *buffer, const char *text, const char *value)
{
	bool inside = false;

	for (; *text; text++) {
		if (*text == '{' || *text == '}')
			inside = *text == '{';
		else if (inside && !value)
			continue;
		else if (*text == '$')
			pp_buffer_puts(buffer, value ? value : "");
		else
			pp_buffer_putc(buffer, *text);
	}
}

static void put_document(struct pp_buffer *buffer, const char *text)
{
	bool pc = pp_text_starts(text, "pc,");
	const char *rest = strchr(text, ':') + 1;
	const char *top = "", *os = "", *dev = "";

	text += pc ? 3 : 0;
	if (pp_text_starts(text, "all:")) {
		pp_buffer_puts(buffer, rest);
		return;
	}
	if (pp_text_starts(text, "top:"))
		top = rest;
	else if (pp_text_starts(text, "os:"))
		os = rest;
	else
		dev = rest;
	pp_buffer_printf(buffer,
		"<domain type='kvm'><name>g</name><memory>65536</memory>%s<os><type "
		"machine='%s'>hvm</type>%s</os><devices>%s</devices></domain>",
		top, pc ? "pc" : "q35", os, dev);
}

/* All that a definition leads to: the command line, what its owner does, and the plan. */
static void put_launch(
	struct pp_buffer *buffer, const struct pp_launch *launch, const struct pp_domain *domain)
{
	const struct pp_domain_device *device = NULL;

	for (size_t i = 0; i < launch->n_arguments; i++)
		pp_buffer_printf(buffer, "%s\n", launch->argv[i]);
	pp_buffer_printf(buffer, "%llu %llu %d %s %u\n", (unsigned long long)launch->memlock,
		(unsigned long long)launch->balloon, launch->on_crash,
		launch->stats_path ? launch->stats_path : "", launch->stats_period);
	for (size_t i = 0; i < launch->n_files; i++) {
		const struct pp_launch_file *file = &launch->files[i];

		pp_buffer_printf(buffer, "%d %s %d %s\n", file->use, file->path, file->shared,
			file->tap ? file->tap : "");
	}
	for (size_t i = 0; launch->pins[i]; i++)
		pp_buffer_printf(buffer, "%s\n", launch->pins[i]);
	pp_buffer_printf(buffer, "%s\n", domain->cpu.vendor ? domain->cpu.vendor : "");
	pp_buffer_printf(buffer, "%s\n", launch->flash.template ? launch->flash.template : "");
	while ((device = pp_domain_next_hostdev(domain, device)))
		pp_buffer_printf(buffer, "%d %s\n", device->hostdev.managed,
			device->hostdev.driver_model ? device->hostdev.driver_model : "");
}

/* For who looks at the definitions themselves: $PCIPASS_DEFINITIONS/LINE-VALUE.xml
 * (tests/domains/schema). */
static void keep_definition(const struct row *row, const char *value, const struct pp_buffer *text)
{
	const char *folder = getenv("PCIPASS_DEFINITIONS");
	PP_BUFFER struct pp_buffer path = PP_BUFFER_INIT;
	static unsigned number;

	if (!folder)
		return;
	pp_buffer_printf(&path, "%s/%d-%s-%u.xml", folder, row->line,
		value && !strchr(value, '/') ? value : "", number++);
	FILE *file = fopen(path.data, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->length, file), text->length);
	assert_int_equal(fclose(file), 0);
}

/* Its effect as text; "x.xml:..." where it is refused. */
static char *effect_of(const struct table *table, const struct pp_qemu_capabilities *capabilities,
	const struct row *row, const char *value)
{
	PP_BUFFER struct pp_buffer pieces = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer filled = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer effect = PP_BUFFER_INIT;
	struct pp_domain *domain = NULL;
	struct pp_launch *launch = NULL;
	struct pp_error error = {0};
	int r;

	put_pieces(table, &pieces, row->document);
	put_value(&filled, pieces.data, value);
	put_document(&text, filled.data);
	r = pp_domain_parse(text.data, text.length, "x.xml", &domain, &error);
	if (r == 0)
		r = pp_launch_build(domain, NULL, capabilities, &options, "x.xml", &launch, &error);
	if (r == 0)
		keep_definition(row, value, &text);
	if (r == 0)
		put_launch(&effect, launch, domain);
	else
		pp_buffer_puts(&effect, error.text);
	if (r < 0 && (!pp_text_starts(error.text, "x.xml:") || !strstr(error.text, ": ")))
		fail_msg("effects:%d: no line: %s", row->line, error.text);
	pp_launch_free(launch);
	pp_domain_free(domain);
	return pp_buffer_take(&effect);
}

static bool is_refused(const char *effect)
{
	return pp_text_starts(effect, "x.xml:");
}

/* ---- the rows ---- */

static bool is_among(const char *list, const char *separators, const char *value)
{
	const char *word;
	size_t length;

	while (list && pp_text_word(&list, separators, &word, &length))
		if (strlen(value) == length && !strncmp(word, value, length))
			return true;
	return false;
}

struct variants {
	char *values[MAX_VALUES]; /* NULL: the absence */
	char *effects[MAX_VALUES];
	size_t count;
};

/* VALUES of the grammar are "a|b"; those of the row "a b". */
static void list_values(
	const struct row *row, const char *grammar, size_t length, struct variants *variants)
{
	PP_FREE char *known = strndup(grammar, length);
	const char *cursor = *row->values ? row->values : known, *word;
	size_t size;

	while (pp_text_word(&cursor, *row->values ? " " : "|", &word, &size)) {
		assert_true(variants->count < MAX_VALUES);
		variants->values[variants->count++] = strndup(word, size);
	}
	if (variants->count == 0)
		variants->values[variants->count++] = strdup("");
	cursor = known;
	while (*row->values && pp_text_word(&cursor, "|", &word, &size)) {
		PP_FREE char *value = strndup(word, size);

		if (!is_among(row->values, " ", value))
			fail_msg("effects:%d: '%s' is not tried", row->line, value);
	}
	if (strchr(row->document, '{') || strstr(row->document, "%pci"))
		variants->values[variants->count++] = NULL;
}

static unsigned compare_variants(const struct row *row, const struct variants *variants)
{
	unsigned faults = 0, accepted = 0, like_absent = 0;

	for (size_t i = 0; i < variants->count; i++) {
		const char *a = variants->values[i];

		accepted += !is_refused(variants->effects[i]);
		for (size_t j = 0; j < i; j++) {
			const char *b = variants->values[j];

			if (strcmp(variants->effects[i], variants->effects[j]) ||
				is_refused(variants->effects[i]) ||
				(a && is_among(row->except, " ", a)) ||
				(b && is_among(row->except, " ", b)))
				continue;
			/* One value may be what all have that say nothing. */
			if ((!a || !b) && variants->count > 2 && ++like_absent == 1)
				continue;
			print_error("effects:%d: %s %s: '%s' does what '%s' does\n", row->line,
				row->rule, row->word, a ? a : "(nothing)", b ? b : "(nothing)");
			faults++;
		}
	}
	if (accepted == 0) {
		print_error("effects:%d: refused: %s\n", row->line,
			variants->count ? variants->effects[0] : "");
		faults++;
	}
	return faults;
}

static unsigned try_row(const struct table *table, const struct pp_qemu_capabilities *capabilities,
	struct row *row, const char *grammar, size_t length)
{
	struct variants variants = {.count = 0};
	unsigned faults;

	row->used = true;
	if (!row->document)
		return 0;
	list_values(row, grammar, length, &variants);
	for (size_t i = 0; i < variants.count; i++)
		variants.effects[i] = effect_of(table, capabilities, row, variants.values[i]);
	faults = compare_variants(row, &variants);
	for (size_t i = 0; i < variants.count; i++) {
		free(variants.values[i]);
		free(variants.effects[i]);
	}
	return faults;
}

/* ---- the grammar ---- */

/* How many children RULE is the rule of; the same one of a parent's variants counts once. */
static unsigned count_parents(const char *child, size_t length)
{
	const char *last = NULL, *last_word = NULL;
	unsigned count = 0;

	for (size_t i = 0; i < pp_grammar_n_rules; i++) {
		const struct pp_rule *rule = &pp_grammar_rules[i];
		const char *cursor = rule->children, *word;
		size_t size, base = strcspn(rule->name, ".");

		while (pp_text_word(&cursor, " ", &word, &size)) {
			const char *colon = memchr(word, ':', size);
			const char *name = colon ? colon + 1 : word;
			size_t end = strcspn(name, "!=*+:? ");

			if (end != length || strncmp(name, child, length))
				continue;
			if (!last || strncmp(last, rule->name, base + 1) ||
				strncmp(last_word, word, strcspn(word, "!=*+:? ")))
				count++;
			last = rule->name;
			last_word = word;
		}
	}
	return count;
}

/* Whether the words of a child's own rule say all about it. */
static bool speaks_for_itself(const char *name, size_t length)
{
	bool found = false;

	for (size_t i = 0; i < pp_grammar_n_rules; i++) {
		const struct pp_rule *rule = &pp_grammar_rules[i];

		if (strncmp(rule->name, name, length) ||
			(rule->name[length] && rule->name[length] != '.'))
			continue;
		found = true;
		if (!*rule->attributes && (!*rule->children || strstr(rule->children, "#any")))
			return false;
	}
	return found && count_parents(name, length) == 1;
}

static unsigned try_word(struct table *table, const struct pp_qemu_capabilities *capabilities,
	const struct pp_rule *rule, const char *word, const char *values, size_t length)
{
	struct row *row = find_row(table, rule->name, word);

	if (row)
		return try_row(table, capabilities, row, values, length);
	print_error("%s %s: tests/domains/effects does not say what it does\n", rule->name, word);
	return 1;
}

static unsigned try_rule(struct table *table, const struct pp_qemu_capabilities *capabilities,
	const struct pp_rule *rule)
{
	const char *cursor = rule->attributes, *text;
	unsigned faults = 0;
	size_t size;

	while (pp_text_word(&cursor, " ", &text, &size)) {
		PP_BUFFER struct pp_buffer word = PP_BUFFER_INIT;
		const char *values = memchr(text, '=', size);

		pp_buffer_printf(&word, "@%.*s", (int)strcspn(text, "!= "), text);
		faults += try_word(table, capabilities, rule, word.data, values ? values + 1 : "",
			values ? (size_t)(text + size - values - 1) : 0);
	}
	cursor = rule->children;
	while (pp_text_word(&cursor, " ", &text, &size)) {
		PP_BUFFER struct pp_buffer word = PP_BUFFER_INIT;
		const char *colon = memchr(text, ':', size), *name = colon ? colon + 1 : text;

		if (!strncmp(text, "#text", size))
			pp_buffer_puts(&word, "#text");
		else if (*text != '#' && !speaks_for_itself(name, strcspn(name, "!=*+:? ")))
			pp_buffer_printf(&word, "<%.*s>", (int)strcspn(text, "!=*+:? "), text);
		if (word.length)
			faults += try_word(table, capabilities, rule, word.data, "", 0);
	}
	return faults;
}

static void nothing_is_without_effect(void **state)
{
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct table *table = read_table();
	unsigned faults = 0;

	for (size_t i = 0; i < pp_grammar_n_rules; i++)
		faults += try_rule(table, capabilities, &pp_grammar_rules[i]);
	for (size_t i = 0; i < table->n_rows; i++)
		if (!table->rows[i].used) {
			print_error("effects:%d: %s %s is not in the grammar\n",
				table->rows[i].line, table->rows[i].rule, table->rows[i].word);
			faults++;
		}
	table_free(table);
	pp_qemu_capabilities_free(capabilities);
	assert_int_equal(faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_without_effect)};

	options.firmwares = definitions_firmwares();

	return cmocka_run_group_tests(tests, NULL, NULL);
}
