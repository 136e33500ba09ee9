/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Explains a text that somebody pastes, or an id, by the table of texts and by what the host says
 * now. */
#include "lib/check/check.h"
#include "lib/check/rows.h"
#include "base/buffer.h"
#include "base/parse.h"
#include <string.h>

struct explainer {
	struct pp_arena *arena;
	struct pp_explanation *items;
	size_t n_items, room;
	const char *ids; /* of all items */
};

/* The parts of FRAGMENT, between *, in this order. */
static bool matches(const char *line, const char *fragment)
{
	const char *part, *at = line;
	size_t size;

	while (at && pp_text_word(&fragment, "*", &part, &size)) {
		PP_FREE char *wanted = strndup(part, size);
		const char *found = wanted ? strcasestr(at, wanted) : NULL;
		at = found ? found + size : NULL;
	}
	return at;
}

static bool is_known(const struct explainer *explainer, const char *cause)
{
	for (size_t i = 0; i < explainer->n_items; i++) {
		if (pp_text_is(explainer->items[i].cause, cause))
			return true;
	}
	return false;
}

static int add(struct explainer *explainer, const struct pp_explanation *item)
{
	if (is_known(explainer, item->cause))
		return 0;
	if (explainer->n_items == explainer->room) {
		size_t room = explainer->room ? explainer->room * 2 : 4;
		struct pp_explanation *items = pp_arena_grow(explainer->arena, explainer->items,
			explainer->n_items * sizeof(*items), room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		explainer->items = items;
		explainer->room = room;
	}
	explainer->items[explainer->n_items++] = *item;
	explainer->ids = explainer->ids ? pp_arena_printf(explainer->arena, "%s %s", explainer->ids,
						  item->ids)
					: item->ids;
	return explainer->ids && item->line ? 0 : -ENOMEM;
}

static int explain_line(struct explainer *explainer, const char *line, size_t length)
{
	PP_FREE char *text = strndup(line, length);
	size_t count;
	const struct pp_explain_entry *table = pp_explain_table(&count);

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!matches(text, table[i].fragment))
			continue;
		struct pp_explanation item = {.line = pp_arena_strdup(explainer->arena, text),
			.fragment = table[i].fragment,
			.rows = table[i].rows,
			.ids = table[i].ids,
			.cause = table[i].cause,
			.remedy = table[i].remedy};
		return add(explainer, &item);
	}
	return 0;
}

/* ---- an id ---- */

static const char *cause_in(const struct pp_check_row *row)
{
	return row->cause;
}

static const char *remedy_in(const struct pp_check_row *row)
{
	return row->remedy;
}

/* What the rows of LIST say, one after another. */
static const char *said_by_rows(struct pp_arena *arena, const char *list,
	const char *(*said_in)(const struct pp_check_row *row))
{
	size_t count;
	const struct pp_check_row *rows = pp_check_rows(&count);
	const char *text = "";

	for (size_t i = 0; text && i < count; i++) {
		if (pp_check_row_listed(list, rows[i].number))
			text = pp_arena_printf(
				arena, "%s%s%s", text, *text ? " " : "", said_in(&rows[i]));
	}
	return text;
}

static int explain_id(struct explainer *explainer, const char *id)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (!pp_text_is(table[i].id, id))
			continue;
		struct pp_explanation item = {.line = table[i].id,
			.fragment = table[i].id,
			.rows = table[i].rows,
			.ids = table[i].id,
			.cause = said_by_rows(explainer->arena, table[i].rows, cause_in),
			.remedy = said_by_rows(explainer->arena, table[i].rows, remedy_in)};

		return item.cause && item.remedy ? add(explainer, &item) : -ENOMEM;
	}
	const struct pp_explain_id *others = pp_explain_ids(&count);
	for (size_t i = 0; i < count; i++) {
		if (!pp_text_is(others[i].id, id))
			continue;
		return add(explainer, &(struct pp_explanation){.line = others[i].id,
					      .fragment = others[i].id,
					      .rows = "",
					      .ids = "",
					      .cause = others[i].cause,
					      .remedy = others[i].remedy});
	}
	return 0;
}

/* ---- this host ---- */

static const struct pp_device *named_device(
	const struct pp_host *host, const char *word, size_t length)
{
	char text[PP_ADDRESS_SIZE];
	struct pp_address address;

	while (length && strchr(":.,", word[length - 1]))
		length--;
	if (length < 7 || length >= sizeof(text))
		return NULL;
	memcpy(text, word, length);
	text[length] = '\0';
	return pp_address_parse(text, &address) < 0 ? NULL : pp_host_device(host, &address);
}

/* The devices that the text names, or all endpoints. */
static const struct pp_device **devices_of(struct pp_arena *arena, const char *text,
	const struct pp_host *host, size_t *ret_count, bool *ret_named)
{
	const struct pp_device **devices =
		pp_arena_array(arena, host->n_devices + 1, sizeof(*devices));
	const char *word;
	size_t length, count = 0;

	while (devices && text && pp_text_word(&text, " \t\n'\"()[]<>=;,/", &word, &length)) {
		const struct pp_device *device = named_device(host, word, length);
		bool known = false;

		for (size_t i = 0; i < count; i++)
			known |= devices[i] == device;
		if (device && !known)
			devices[count++] = device;
	}
	*ret_named = count > 0;
	for (size_t i = 0; devices && !*ret_named && i < host->n_devices; i++) {
		if (host->devices[i].header == PP_HEADER_ENDPOINT)
			devices[count++] = &host->devices[i];
	}
	*ret_count = count;
	return devices;
}

static int ask_host(struct explainer *explainer, const char *text, const struct pp_host *host,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	size_t count;
	bool named;
	const struct pp_device **devices = devices_of(explainer->arena, text, host, &count, &named);

	if (!devices)
		return pp_error_oom(error);
	return pp_check_ids(host, explainer->ids ? explainer->ids : "", devices, count, named,
		ret_findings, error);
}

static int explain_lines(struct explainer *explainer, const char *text)
{
	const char *line;
	size_t length;
	int r = 0;

	for (const char *at = text; r == 0 && pp_text_word(&at, "\n", &line, &length);)
		r = explain_line(explainer, line, length);
	return r;
}

int pp_explain(const char *text, size_t length, const struct pp_host *host,
	struct pp_explanations **ret_explanations, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct explainer explainer = {.arena = arena};
	struct pp_explanations *explanations =
		arena ? pp_arena_alloc(arena, sizeof(*explanations)) : NULL;
	char *copy = arena ? pp_arena_strndup(arena, text, length) : NULL;

	if (!explanations || !copy)
		return pp_error_oom(error);
	while (length && strchr(" \t\r\n", copy[length - 1]))
		copy[--length] = '\0';
	int r = explain_id(&explainer, copy);
	if (r == 0 && explainer.n_items == 0)
		r = explain_lines(&explainer, copy);
	if (r < 0)
		return pp_error_oom(error);
	if (host && explainer.n_items) {
		r = ask_host(&explainer, copy, host, &explanations->findings, error);
		if (r < 0)
			return r;
	}
	explanations->items = explainer.items;
	explanations->n_items = explainer.n_items;
	explanations->arena = PP_TAKE(arena);
	*ret_explanations = explanations;
	return 0;
}

void pp_explanations_free(struct pp_explanations *explanations)
{
	if (!explanations)
		return;
	pp_findings_free(explanations->findings);
	pp_arena_free(explanations->arena);
}
