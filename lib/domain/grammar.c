/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/grammar.h"
#include "base/buffer.h"
#include "base/parse.h"
#include <string.h>

struct checking {
	const char *file;
	struct pp_error *error;
};

/* One word of a rule: "name!=a|b" or "name*:rule?attribute". */
struct word {
	const char *text;
	size_t length; /* of all */
	size_t name_length;
	bool required, many;
	const char *rest; /* behind the name and its mark: "=a|b", ":rule?attribute", "" */
	size_t rest_length;
};

static bool next_word(const char **cursor, struct word *word)
{
	const char *c;

	if (!pp_text_word(cursor, " ", &word->text, &word->length))
		return false;
	word->name_length = 0;
	while (word->name_length < word->length && !strchr("!=*+:?", word->text[word->name_length]))
		word->name_length++;
	c = word->text + word->name_length;
	word->required = word->name_length < word->length && (*c == '!' || *c == '+');
	word->many = word->name_length < word->length && *c == '*';
	if (word->required || word->many)
		c++;
	word->rest = c;
	word->rest_length = word->text + word->length - c;
	return true;
}

static bool word_is(const struct word *word, const char *name)
{
	return strlen(name) == word->name_length && !memcmp(name, word->text, word->name_length);
}

static bool find_word(const char *words, const char *name, struct word *word)
{
	while (next_word(&words, word))
		if (word_is(word, name))
			return true;
	return false;
}

static bool has_word(const char *words, const char *name)
{
	struct word word;

	return find_word(words, name, &word);
}

static const struct pp_rule *find_rule(const char *name, size_t length)
{
	for (size_t i = 0; i < pp_grammar_n_rules; i++) {
		const struct pp_rule *rule = &pp_grammar_rules[i];

		if (strlen(rule->name) == length && !memcmp(rule->name, name, length))
			return rule;
	}
	return NULL;
}

/* "a, b, c" of the names of a rule's words. */
static void put_names(struct pp_buffer *buffer, const char *words)
{
	struct word word;
	bool first = true;

	while (next_word(&words, &word)) {
		if (*word.text == '#')
			continue;
		pp_buffer_printf(
			buffer, "%s%.*s", first ? "" : ", ", (int)word.name_length, word.text);
		first = false;
	}
}

/* Whether VALUE is among "a|b|c". */
static bool value_allowed(const char *values, size_t length, const char *value)
{
	size_t wanted = strlen(value);

	while (length) {
		const char *bar = memchr(values, '|', length);
		size_t part = bar ? (size_t)(bar - values) : length;

		if (part == wanted && !memcmp(values, value, part))
			return true;
		if (!bar)
			return false;
		values += part + 1;
		length -= part + 1;
	}
	return false;
}

static int fail_value(const struct checking *checking, const struct pp_element *element,
	const struct pp_attribute *attribute, const char *values, size_t length)
{
	PP_BUFFER struct pp_buffer known = PP_BUFFER_INIT;

	for (size_t i = 0; i < length; i++)
		pp_buffer_puts(&known, values[i] == '|' ? ", " : (char[]){values[i], 0});
	return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
		"%s:%d: attribute %s='%.80s' of <%s> is not understood by pcipass; it knows %s",
		checking->file, element->line, attribute->name, attribute->value, element->name,
		pp_buffer_text(&known));
}

static int check_attribute(const struct checking *checking, const struct pp_element *element,
	const struct pp_rule *rule, const struct pp_attribute *attribute)
{
	PP_BUFFER struct pp_buffer known = PP_BUFFER_INIT;
	struct word word;

	if (!find_word(rule->attributes, attribute->name, &word)) {
		put_names(&known, rule->attributes);
		return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: attribute %s='%.80s' of <%s> is not understood by pcipass%s%s",
			checking->file, element->line, attribute->name, attribute->value,
			element->name, known.length ? "; it knows " : "", pp_buffer_text(&known));
	}
	if (word.rest_length && *word.rest == '=' &&
		!value_allowed(word.rest + 1, word.rest_length - 1, attribute->value))
		return fail_value(
			checking, element, attribute, word.rest + 1, word.rest_length - 1);
	return 0;
}

static int check_attributes(const struct checking *checking, const struct pp_element *element,
	const struct pp_rule *rule)
{
	const char *words = rule->attributes;
	struct word word;
	int r;

	for (const struct pp_attribute *a = element->attributes; a; a = a->next) {
		r = check_attribute(checking, element, rule, a);
		if (r < 0)
			return r;
	}
	while (next_word(&words, &word)) {
		PP_FREE char *name = strndup(word.text, word.name_length);

		if (!name)
			return pp_error_oom(checking->error);
		if (word.required && !pp_element_attribute(element, name))
			return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
				"%s:%d: <%s> needs an attribute %s", checking->file, element->line,
				element->name, name);
	}
	return 0;
}

static int fail_variant(const struct checking *checking, const struct pp_element *element,
	const char *prefix, size_t length, const char *attribute)
{
	PP_BUFFER struct pp_buffer known = PP_BUFFER_INIT;
	const char *value = pp_element_attribute(element, attribute);

	for (size_t i = 0; i < pp_grammar_n_rules; i++) {
		const char *name = pp_grammar_rules[i].name;

		if (!strncmp(name, prefix, length) && name[length] == '.' && name[length + 1] &&
			!strchr(name + length + 1, '.'))
			pp_buffer_printf(
				&known, "%s%s", known.length ? ", " : "", name + length + 1);
	}
	if (!value)
		return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: <%s> needs an attribute %s; pcipass knows %s", checking->file,
			element->line, element->name, attribute, pp_buffer_text(&known));
	return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
		"%s:%d: attribute %s='%.80s' of <%s> is not understood by pcipass; it knows %s",
		checking->file, element->line, attribute, value, element->name,
		pp_buffer_text(&known));
}

/* The rule of a child: "", ":rule", "?attribute" or ":rule?attribute" follows its name. */
static int rule_of(const struct checking *checking, const struct pp_element *child,
	const struct word *word, const struct pp_rule **ret_rule)
{
	const char *name = word->text, *question = memchr(word->rest, '?', word->rest_length);
	size_t length = word->name_length, base;
	PP_BUFFER struct pp_buffer full = PP_BUFFER_INIT;
	PP_FREE char *attribute = NULL;
	const char *value;

	if (word->rest_length && *word->rest == ':') {
		name = word->rest + 1;
		length = question ? (size_t)(question - name) : word->rest_length - 1;
	}
	if (!question) {
		*ret_rule = find_rule(name, length);
		return *ret_rule ? 0
				 : pp_error_set(checking->error, PP_STATUS_FAILED, -ENOENT,
					   "the grammar has no rule %.*s", (int)length, name);
	}
	base = word->rest + word->rest_length - question - 1;
	attribute = strndup(question + 1, base);
	if (!attribute)
		return pp_error_oom(checking->error);
	value = pp_element_attribute(child, attribute);
	pp_buffer_printf(&full, "%.*s.%s", (int)length, name, value ? value : "");
	if (full.failed)
		return pp_error_oom(checking->error);
	*ret_rule = value && strchr(value, '.') ? NULL : find_rule(full.data, full.length);
	return *ret_rule ? 0 : fail_variant(checking, child, name, length, attribute);
}

static int fail_child(const struct checking *checking, const struct pp_element *element,
	const struct pp_element *child, const struct pp_rule *rule)
{
	PP_BUFFER struct pp_buffer near = PP_BUFFER_INIT;
	const char *words = rule->children;
	struct word word;

	while (next_word(&words, &word) && !near.length) {
		PP_FREE char *name = strndup(word.text, word.name_length);
		const char *const list[] = {name, NULL};

		if (name && *name != '#' && pp_text_nearest(child->name, list))
			pp_buffer_printf(&near, "; did you mean <%s>?", name);
	}
	pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
		"%s:%d: element <%s> in <%s> is not understood by pcipass%s", checking->file,
		child->line, child->name, element->name, pp_buffer_text(&near));
	pp_error_remedy(checking->error,
		"pcipass starts no guest without something that its definition asks "
		"for; take the element out if the guest can do without it");
	return -EINVAL;
}

static int check_element(const struct checking *checking, const struct pp_element *element,
	const struct pp_rule *rule);

static int check_child(const struct checking *checking, const struct pp_element *element,
	const struct pp_element *child, const struct pp_rule *rule)
{
	const struct pp_rule *child_rule;
	const struct pp_element *again;
	struct word word;
	int r;

	if (!find_word(rule->children, child->name, &word))
		return fail_child(checking, element, child, rule);
	again = pp_element_again(child);
	if (!word.many && again)
		return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: <%s> may stand only once in <%s>, and is there already on line %d",
			checking->file, again->line, child->name, element->name, child->line);
	r = rule_of(checking, child, &word, &child_rule);
	return r < 0 ? r : check_element(checking, child, child_rule);
}

static int check_required(const struct checking *checking, const struct pp_element *element,
	const struct pp_rule *rule)
{
	const char *words = rule->children;
	struct word word;

	while (next_word(&words, &word)) {
		PP_FREE char *name = strndup(word.text, word.name_length);

		if (!name)
			return pp_error_oom(checking->error);
		if (word.required && !pp_element_child(element, name))
			return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
				"%s:%d: <%s> needs an element <%s>", checking->file, element->line,
				element->name, name);
	}
	return 0;
}

static int check_element(const struct checking *checking, const struct pp_element *element,
	const struct pp_rule *rule)
{
	int r = check_attributes(checking, element, rule);

	if (r < 0 || has_word(rule->children, "#any"))
		return r;
	if (!has_word(rule->children, "#text") && !pp_element_is_blank(element->text)) {
		const char *text = element->text + strspn(element->text, " \t\r\n");
		size_t length = strcspn(text, "\r\n");

		return pp_error_set(checking->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: the text '%.*s' in <%s> is not understood by pcipass",
			checking->file, element->line, (int)(length < 40 ? length : 40), text,
			element->name);
	}
	for (const struct pp_element *child = element->first; child; child = child->next) {
		r = check_child(checking, element, child, rule);
		if (r < 0)
			return r;
	}
	return check_required(checking, element, rule);
}

int pp_grammar_check(const struct pp_element *root, const char *file, struct pp_error *error)
{
	const struct checking checking = {file, error};
	const struct pp_rule *rule = find_rule(root->name, strlen(root->name));

	if (!rule || strchr(root->name, '.'))
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: <%s> is not a definition", file, root->line, root->name);
	return check_element(&checking, root, rule);
}
