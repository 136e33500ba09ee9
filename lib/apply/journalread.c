/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/journalread.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/apply/store.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FOLDER "/run/pcipass/journal"

char *pp_journal_boot(struct pp_context *context)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char *line = NULL;
	if (!arena)
		return NULL;
	int r = pp_tree_line(context->tree, arena, "/proc/sys/kernel/random/boot_id", &line);
	return strdup(r == 0 && line[0] && !strchr(line, ' ') ? line : "-");
}

void pp_journal_done(struct pp_journal *journal)
{
	size_t n = journal->plan ? journal->plan->n_steps : 0;
	for (size_t i = 0; journal->identities && i < n; i++)
		free(journal->identities[i]);
	free(journal->identities);
	free(journal->tried);
	free(journal->undone);
	pp_plan_free(journal->plan);
	pp_closep(&journal->fd);
}

static int room(struct pp_journal *journal, size_t n_steps)
{
	journal->tried = calloc(n_steps + 1, sizeof(bool));
	journal->undone = calloc(n_steps + 1, sizeof(bool));
	journal->identities = calloc(n_steps + 1, sizeof(char *));
	return journal->tried && journal->undone && journal->identities ? 0 : -ENOMEM;
}

int pp_journal_room(struct pp_journal *journal, const struct pp_plan *plan)
{
	int r = pp_plan_new(plan->verb, plan->owner, &journal->plan, NULL);
	for (size_t i = 0; r >= 0 && i < plan->n_steps; i++)
		r = pp_plan_add(journal->plan, &plan->steps[i], NULL);
	if (r < 0)
		return r;
	journal->plan->returns = plan->returns;
	journal->version = PP_JOURNAL_VERSION;
	return room(journal, plan->n_steps);
}

/* ---- lines ---- */

/* "pcipass-journal VERSION BOOT PID" */
static bool head_parse(const char *line, const char *boot, struct pp_journal *journal)
{
	uint64_t number;
	const char *end;
	if (!pp_text_starts(line, "pcipass-journal ") ||
		pp_parse_prefix(line + 16, 10, 1000000, &number, &end) < 0 || number == 0)
		return false;
	unsigned version = (unsigned)number;
	size_t length = *end == ' ' ? strcspn(end + 1, " ") : 0;
	if (length == 0)
		return false;
	journal->stale = strlen(boot) != length || memcmp(boot, end + 1, length) != 0;
	end += 1 + length;
	if (*end == ' ' && pp_parse_prefix(end + 1, 10, INT32_MAX, &number, &end) == 0)
		journal->pid = (pid_t)number;
	if (*end == ' ' && pp_parse_prefix(end + 1, 10, INT64_MAX, &number, &end) == 0)
		journal->made = (int64_t)number;
	journal->version = version;
	return true;
}

uint64_t pp_journal_sum(const char *text)
{
	uint64_t sum = 0xcbf29ce484222325; /* FNV-1a */
	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3;
	return sum;
}

/* "plan SUM {...}" */
static int plan_parse(const char *line, struct pp_journal *journal)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = NULL;
	uint64_t sum;
	const char *text;
	if (!pp_text_starts(line, "plan ") ||
		pp_parse_prefix(line + 5, 16, UINT64_MAX, &sum, &text) < 0 || *text != ' ' ||
		sum != pp_journal_sum(text + 1) ||
		pp_json_parse(text + 1, strlen(text + 1), &object, NULL) < 0)
		return 0;
	int r = pp_plan_parse(object, &journal->plan, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = room(journal, journal->plan->n_steps);
	if (r < 0)
		return r;
	const struct pp_json *identities = pp_json_get(object, "identities");
	for (size_t i = 0; i < journal->plan->n_steps; i++) {
		const char *identity = pp_json_text_of(pp_json_at(identities, i));
		if (identity && identity[0])
			journal->identities[i] = strdup(identity);
	}
	return 0;
}

static bool step_parse(const char *line, const char *word, bool *flags, size_t n_steps)
{
	uint64_t number;
	size_t length = strlen(word);
	if (strncmp(line, word, length) != 0 || line[length] != ' ' ||
		pp_parse_u64(line + length + 1, 10, n_steps, &number) < 0 || number == 0)
		return false;
	flags[number - 1] = true;
	return true;
}

bool pp_journal_note(struct pp_journal *journal, const char *word)
{
	if (pp_text_is(word, "applied") || pp_text_is(word, "undo")) {
		journal->applied = pp_text_is(word, "applied");
		journal->undoing = !journal->applied;
	} else if (pp_text_is(word, "kept")) {
		journal->kept = true;
	} else if (pp_text_is(word, "released")) {
		journal->released = true;
	} else {
		return false;
	}
	return true;
}

static void line_parse(const char *line, struct pp_journal *journal)
{
	size_t n_steps = journal->plan->n_steps;
	uint64_t until;
	if (!line[0] || step_parse(line, "try", journal->tried, n_steps) ||
		step_parse(line, "undone", journal->undone, n_steps))
		return;
	if (pp_text_starts(line, "until ") && pp_parse_u64(line + 6, 10, INT64_MAX, &until) == 0)
		journal->until = (int64_t)until;
	else if (!pp_journal_note(journal, line))
		journal->damaged = true;
}

int pp_journal_parse(struct pp_context *context, const char *name, char *text, size_t length,
	struct pp_journal *journal)
{
	PP_FREE char *boot = pp_journal_boot(context);
	if (!boot)
		return -ENOMEM;
	snprintf(journal->name, sizeof(journal->name), "%s", name);
	unsigned n = 0;
	char *line = text;
	for (char *end; (end = memchr(line, '\n', length - (size_t)(line - text)));
		line = end + 1) {
		*end = '\0';
		if (strlen(line) != (size_t)(end - line)) /* a NUL in it */
			line[0] = '\1';
		n++;
		if (n == 1 && !head_parse(line, boot, journal))
			break;
		int r = n == 2 ? plan_parse(line, journal) : 0;
		if (r < 0)
			return r;
		if (n >= 2 && !journal->plan)
			break;
		if (n > 2)
			line_parse(line, journal);
	}
	/* A word that we do not know is damage in a journal of ours, and may mean anything in one
	 * of another version. */
	if (journal->version && journal->version != PP_JOURNAL_VERSION)
		journal->foreign = journal->damaged || !journal->plan;
	return 0;
}

/* ---- all of them ---- */

static bool is_number(const char *name)
{
	return strlen(name) == 6 && strspn(name, "0123456789") == 6;
}

int pp_journal_last(struct pp_context *context, unsigned *ret_number)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names = NULL;
	size_t count = 0;
	uint32_t last = 0, number;
	if (!arena)
		return -ENOMEM;
	int r = pp_tree_list(context->tree, arena, FOLDER, &names, &count);
	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < count; i++)
		if (is_number(names[i]) && pp_parse_u32(names[i], 10, &number) == 0 &&
			number > last)
			last = number;
	*ret_number = last;
	return 0;
}

void pp_journals_free(struct pp_journals *journals)
{
	if (!journals)
		return;
	for (size_t i = 0; i < journals->n_items; i++)
		pp_journal_done(&journals->items[i]);
	free(journals->items);
	free(journals);
}

/* The lock is looked at first: a transaction that ends in between has then written its last line.
 */
static int load_one(struct pp_context *context, struct pp_arena *arena, int folder,
	const char *name, struct pp_journal *journal)
{
	char path[PP_PATH_MAX];
	char *text = NULL;
	size_t length = 0;
	PP_CLOSE int fd = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (folder >= 0 && fd < 0)
		return -errno;
	bool running = fd >= 0 && pp_lock_held(fd);
	pp_path(path, sizeof(path), FOLDER "/%s", name);
	int r = pp_tree_read(context->tree, arena, path, &text, &length);
	if (r < 0)
		return r;
	journal->running = running;
	return pp_journal_parse(context, name, text, length, journal);
}

static int load(struct pp_context *context, struct pp_arena *arena, struct pp_journals *journals,
	struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	char **names = NULL;
	size_t count = 0;
	int r = pp_tree_list(context->tree, arena, FOLDER, &names, &count);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return pp_error_errno(error, r, "reading %s" FOLDER, context->root);
	if (!context->read_only) {
		r = pp_store_open(context, "journal", false, &folder, error);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
	}
	journals->items = calloc(count + 1, sizeof(*journals->items));
	if (!journals->items)
		return pp_error_oom(error);
	for (size_t i = 0; i < count; i++) {
		struct pp_journal *journal = &journals->items[journals->n_items];
		if (!is_number(names[i]))
			continue;
		*journal = (struct pp_journal){.fd = -1};
		r = load_one(context, arena, folder, names[i], journal);
		if (r == 0) {
			journals->n_items++;
			continue;
		}
		pp_journal_done(journal);
		if (r != -ENOENT)
			return pp_error_errno(error, r, "reading the journal %s", names[i]);
	}
	return 0;
}

int pp_journals_load(
	struct pp_context *context, struct pp_journals **ret_journals, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = calloc(1, sizeof(*journals));
	if (!arena || !journals)
		return pp_error_oom(error);
	int r = load(context, arena, journals, error);
	if (r < 0)
		return r;
	*ret_journals = PP_TAKE(journals);
	return 0;
}

/* ---- what it says ---- */

bool pp_journal_finished(const struct pp_journal *journal)
{
	return journal->plan && journal->applied && !journal->released && !journal->plan->returns;
}

bool pp_journal_counts(const struct pp_journal *journal, size_t step)
{
	bool tried = journal->applied || journal->damaged || journal->tried[step];
	return tried && !journal->undone[step];
}

int64_t pp_journal_trial_left(const struct pp_journal *journal)
{
	struct timespec now;
	if (journal->until == 0 || journal->kept || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return -1;
	int64_t left = journal->until - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	return left > 0 ? left : 0;
}

const char *pp_journal_guest(const struct pp_journal *journal)
{
	return journal->plan ? pp_owner_guest(journal->plan->owner) : NULL;
}
