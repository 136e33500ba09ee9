/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/journal.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/apply/identity.h"
#include "lib/apply/journalread.h"
#include "lib/apply/store.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FOLDER "journal"
#define NEW_PREFIX ".new-"
#define LAST "last-change" /* beside the folder */
#define KEPT_FOLDER "/var/lib/pcipass"
#define LAST_WAIT_MS 5000
#define NUMBER_MAX 999999

void pp_journal_free(struct pp_journal *journal)
{
	if (!journal)
		return;
	pp_journal_done(journal);
	free(journal);
}

/* ---- writing ---- */

/* One write, all of it or nothing: half a line is taken back. */
static int write_line(struct pp_effects *effects, int fd, const char *line, size_t length)
{
	int r = pp_effects_point(effects);
	if (r < 0)
		return r;
	off_t end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	ssize_t n = write(fd, line, length);
	if (n == (ssize_t)length)
		return 0;
	r = n < 0 ? -errno : -ENOSPC;
	if (ftruncate(fd, end) < 0)
		return -errno;
	return r;
}

static int write_buffer(struct pp_effects *effects, int fd, const struct pp_buffer *line)
{
	return line->failed ? line->failed : write_line(effects, fd, line->data, line->length);
}

int pp_journal_write(
	struct pp_effects *effects, struct pp_journal *journal, const char *word, ssize_t step)
{
	char line[64];
	int n = step < 0 ? snprintf(line, sizeof(line), "%s\n", word)
			 : snprintf(line, sizeof(line), "%s %zd\n", word, step + 1);
	int r = write_line(effects, journal->fd, line, (size_t)n);
	if (r < 0)
		return r;
	if (step < 0)
		pp_journal_note(journal, word);
	else if (pp_text_is(word, "try"))
		journal->tried[step] = true;
	else if (pp_text_is(word, "undone"))
		journal->undone[step] = true;
	return 0;
}

int pp_journal_write_until(struct pp_effects *effects, struct pp_journal *journal, int64_t until)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "until %" PRId64 "\n", until);
	int r = write_line(effects, journal->fd, line, (size_t)n);
	if (r >= 0)
		journal->until = until;
	return r;
}

static struct pp_json *plan_line(struct pp_context *context, const struct pp_plan *plan)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_plan_object(plan);
	PP_CLEANUP(pp_json_freep) struct pp_json *identities = pp_json_array();
	if (!object || !identities)
		return NULL;
	for (size_t i = 0; i < plan->n_steps; i++) {
		char text[PP_IDENTITY_SIZE] = "";
		if (pp_step_of_device(&plan->steps[i]))
			pp_identity_read(context, plan->steps[i].subject, text);
		if (pp_json_add_string(identities, text) < 0)
			return NULL;
	}
	if (pp_json_set(object, "identities", PP_TAKE(identities)) < 0)
		return NULL;
	return PP_TAKE(object);
}

static int write_head(struct pp_effects *effects, int fd, const struct pp_plan *plan)
{
	PP_BUFFER struct pp_buffer head = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer line = PP_BUFFER_INIT;
	PP_FREE char *boot = pp_journal_boot(effects->context);
	PP_CLEANUP(pp_json_freep) struct pp_json *object = plan_line(effects->context, plan);
	PP_FREE char *text = object ? pp_json_print(object, false) : NULL;
	if (!boot || !text)
		return -ENOMEM;
	pp_buffer_printf(&head, "pcipass-journal %d %s %d %lld\n", PP_JOURNAL_VERSION, boot,
		(int)getpid(), (long long)time(NULL));
	pp_buffer_printf(&line, "plan %016" PRIx64 " %s\n", pp_journal_sum(text), text);
	int r = write_buffer(effects, fd, &head);
	return r < 0 ? r : write_buffer(effects, fd, &line);
}

/* A file without a name yet. It is locked before it can be seen to be nobody's. */
static int make_new(int folder, const char *name)
{
	for (int tries = 0; tries < 8; tries++) {
		struct stat st;
		PP_CLOSE int fd = openat(folder, name,
			O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST && unlinkat(folder, name, 0) == 0)
			continue; /* of a process that had our pid and died */
		if (fd < 0)
			return -errno;
		int r = pp_lock_try(fd);
		if (r < 0 && r != -EAGAIN)
			return r;
		if (r == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return PP_TAKE_FD(fd);
	}
	return -EBUSY;
}

/* 0: there is none, it is not ours, or all are used. */
static int read_last(int fd, unsigned *ret_last)
{
	char text[16] = "";
	uint32_t last = 0;
	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	text[strcspn(text, "\n")] = '\0';
	if (pp_parse_u32(text, 10, &last) < 0 || last >= NUMBER_MAX)
		last = 0;
	*ret_last = last;
	return 0;
}

/* A copy that outlives the boot. Where it cannot be written (a full disk, one that is not mounted
 * yet) numbers begin again at the next boot with what it says, which harms nothing. */
static int open_kept(struct pp_context *context, bool make)
{
	PP_CLOSE int folder = pp_store_inside(context, KEPT_FOLDER, make, 0700);
	if (folder < 0)
		return folder;
	int fd = openat(folder, LAST,
		(make ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* The last number that was given: what someone wrote down as change 3 stays that one, also when its
 * journal has gone. Locked until the descriptor is closed. */
static int open_last(struct pp_context *context, int folder, int *ret_fd, unsigned *ret_last)
{
	unsigned last = 0;
	PP_CLOSE int fd =
		openat(folder, "../" LAST, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : pp_lock_wait(fd, LAST_WAIT_MS);
	if (r >= 0)
		r = read_last(fd, &last);
	if (r < 0)
		return r;
	PP_CLOSE int kept = last == 0 ? open_kept(context, false) : -1;
	if (kept >= 0)
		read_last(kept, &last);
	*ret_fd = PP_TAKE_FD(fd);
	*ret_last = last;
	return 0;
}

/* Of constant length: nothing of an older number stays behind it. */
static int write_last(struct pp_effects *effects, int fd, unsigned number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%06u\n", number);
	int r = pp_effects_point(effects);
	if (r < 0)
		return r;
	ssize_t n = pwrite(fd, text, (size_t)length, 0);
	return n == length ? 0 : n < 0 ? -errno : -ENOSPC;
}

static void keep_last(struct pp_context *context, unsigned number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%06u\n", number);
	PP_CLOSE int fd = open_kept(context, true);
	if (fd >= 0 && pwrite(fd, text, (size_t)length, 0) != length)
		errno = 0;
}

static int give_name(struct pp_effects *effects, int folder, const char *from, char name[16])
{
	PP_CLOSE int fd = -1;
	unsigned last = 0, number = 0;
	int r = open_last(effects->context, folder, &fd, &last);
	if (r >= 0)
		r = pp_journal_last(effects->context, &number);
	if (r >= 0 && last > number)
		number = last;
	while (r >= 0 && number < NUMBER_MAX) {
		snprintf(name, 16, "%06u", ++number);
		r = write_last(effects, fd, number);
		if (r >= 0)
			r = pp_effects_point(effects);
		if (r >= 0 && renameat2(folder, from, folder, name, RENAME_NOREPLACE) == 0) {
			keep_last(effects->context, number);
			return 0;
		}
		if (r >= 0 && errno != EEXIST)
			r = -errno;
	}
	return r < 0 ? r : -ENOSPC;
}

int pp_journal_begin(struct pp_effects *effects, const struct pp_plan *plan,
	struct pp_journal **ret_journal, struct pp_error *error)
{
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = calloc(1, sizeof(*journal));
	PP_CLOSE int folder = -1;
	char from[32];
	if (!journal)
		return pp_error_oom(error);
	journal->fd = -1;
	int r = pp_journal_room(journal, plan);
	if (r < 0)
		return pp_error_oom(error);
	r = pp_store_open(effects->context, FOLDER, true, &folder, error);
	if (r < 0)
		return r;
	snprintf(from, sizeof(from), NEW_PREFIX "%d", (int)getpid());
	r = pp_effects_point(effects);
	if (r >= 0)
		r = journal->fd = make_new(folder, from);
	if (r >= 0) {
		r = write_head(effects, journal->fd, plan);
		if (r >= 0)
			r = give_name(effects, folder, from, journal->name);
		if (r < 0)
			unlinkat(folder, from, 0);
	}
	if (r < 0) {
		r = pp_error_errno(error, r, "writing a journal in %s/run/pcipass/%s",
			effects->context->root, FOLDER);
		pp_error_remedy(error, "nothing was changed; make room there and try again");
		return r;
	}
	*ret_journal = PP_TAKE(journal);
	return 0;
}

/* ---- one that is there ---- */

static int cut_half_line(int fd, const char *text, size_t length)
{
	size_t end = length;
	while (end > 0 && text[end - 1] != '\n')
		end--;
	if (end == length)
		return 0;
	return ftruncate(fd, (off_t)end) < 0 ? -errno : 0;
}

static int own(struct pp_effects *effects, const char *name, int wait_ms,
	struct pp_journal *journal, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	PP_FREE char *text = NULL;
	size_t length = 0;
	struct stat st;
	int r = pp_store_open(effects->context, FOLDER, false, &folder, error);
	if (r < 0)
		return r;
	journal->fd = openat(folder, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	r = journal->fd < 0 ? -errno : pp_lock_wait(journal->fd, wait_ms);
	if (r == -ETIMEDOUT)
		r = -EAGAIN;
	if (r >= 0 && (fstat(journal->fd, &st) < 0 || st.st_nlink == 0))
		r = -ENOENT;
	if (r >= 0)
		r = pp_file_read_fd(journal->fd, PP_JOURNAL_MAX, &text, &length);
	if (r >= 0)
		r = cut_half_line(journal->fd, text, length);
	if (r >= 0)
		r = pp_journal_parse(effects->context, name, text, length, journal);
	if (r < 0 && r != -EAGAIN && r != -ENOENT)
		return pp_error_errno(error, r, "opening the journal %s", name);
	return r;
}

int pp_journal_own(struct pp_effects *effects, const char *name, int wait_ms,
	struct pp_journal **ret_journal, struct pp_error *error)
{
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = calloc(1, sizeof(*journal));
	if (!journal)
		return pp_error_oom(error);
	journal->fd = -1;
	int r = own(effects, name, wait_ms, journal, error);
	if (r < 0)
		return r;
	*ret_journal = PP_TAKE(journal);
	return 0;
}

int pp_journal_end(struct pp_effects *effects, struct pp_journal *journal)
{
	PP_CLOSE int folder = -1;
	/* On a full disk the line is missing and the file goes all the same; with the line, the
	 * file is nothing to anyone, and the next `recover` removes it. */
	if (!journal->released)
		pp_journal_write(effects, journal, "released", -1);
	int r = pp_effects_point(effects);
	if (r >= 0)
		r = pp_store_open(effects->context, FOLDER, false, &folder, NULL);
	if (r >= 0 && unlinkat(folder, journal->name, 0) < 0 && errno != ENOENT)
		r = -errno;
	return journal->released ? 0 : r;
}

int pp_journal_set_aside(struct pp_effects *effects, const char *name)
{
	PP_CLOSE int folder = -1;
	char aside[64];
	snprintf(aside, sizeof(aside), "bad-%.40s", name);
	int r = pp_effects_point(effects);
	if (r >= 0)
		r = pp_store_open(effects->context, FOLDER, false, &folder, NULL);
	if (r >= 0 && renameat(folder, name, folder, aside) < 0)
		r = -errno;
	return r;
}

void pp_journal_sweep(struct pp_effects *effects)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLOSE int folder = -1;
	char **names = NULL;
	size_t count = 0;
	if (!arena || pp_store_open(effects->context, FOLDER, false, &folder, NULL) < 0)
		return;
	pp_tree_list(effects->context->tree, arena, "/run/pcipass/" FOLDER, &names, &count);
	for (size_t i = 0; i < count; i++) {
		if (!pp_text_starts(names[i], NEW_PREFIX))
			continue;
		PP_CLOSE int fd = openat(folder, names[i], O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && pp_lock_try(fd) == 0 && pp_effects_point(effects) == 0)
			unlinkat(folder, names[i], 0);
	}
}
