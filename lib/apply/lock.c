/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/lock.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/holder.h"
#include "lib/apply/store.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NOTE_MAX 4096
#define NOTE_MS 200

struct pp_locks {
	size_t n;
	struct pp_address *addresses;
	int *fds;
	bool *stuck; /* a child goes on holding it: what its file says stays */
};

void pp_locks_free(struct pp_locks *locks)
{
	if (!locks)
		return;
	for (size_t i = 0; i < locks->n; i++) {
		if (locks->fds[i] < 0)
			continue;
		if (!locks->stuck[i] && ftruncate(locks->fds[i], 0) < 0)
			errno = 0; /* an old name in it, nothing more */
		close(locks->fds[i]);
	}
	free(locks->fds);
	free(locks->stuck);
	free(locks->addresses);
	free(locks);
}

static int compare(const void *a, const void *b)
{
	return pp_address_compare(a, b);
}

static struct pp_locks *locks_new(const struct pp_plan *plan)
{
	struct pp_locks *locks = calloc(1, sizeof(*locks));
	if (!locks)
		return NULL;
	locks->addresses = calloc(plan->n_steps + 1, sizeof(*locks->addresses));
	locks->fds = calloc(plan->n_steps + 1, sizeof(*locks->fds));
	locks->stuck = calloc(plan->n_steps + 1, sizeof(*locks->stuck));
	if (!locks->addresses || !locks->fds || !locks->stuck) {
		locks->n = 0;
		pp_locks_free(locks);
		return NULL;
	}
	for (size_t i = 0; i < plan->n_steps; i++) {
		struct pp_address *address = &locks->addresses[locks->n];
		if (!pp_step_of_device(&plan->steps[i]) ||
			pp_address_parse(plan->steps[i].subject, address) < 0)
			continue;
		locks->fds[locks->n++] = -1;
	}
	qsort(locks->addresses, locks->n, sizeof(*locks->addresses), compare);
	return locks;
}

/* The file says "PID VERB" and, on a second line, "stuck PID". */
static void note_parse(char *note, pid_t *ret_pid, pid_t *ret_stuck, const char **ret_verb)
{
	const char *end = note;
	uint64_t number;
	*ret_pid = *ret_stuck = 0;
	*ret_verb = "pcipass";
	char *second = strchr(note, '\n');
	if (second)
		*second++ = '\0';
	if (pp_parse_prefix(note, 10, INT32_MAX, &number, &end) == 0 && *end == ' ') {
		*ret_pid = (pid_t)number;
		*ret_verb = end + 1;
	}
	if (second && pp_text_starts(second, "stuck ") &&
		pp_parse_prefix(second + 6, 10, INT32_MAX, &number, &end) == 0)
		*ret_stuck = (pid_t)number;
}

static int note_read(int fd, char **ret_note)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return pp_file_read_fd(fd, NOTE_MAX, ret_note, NULL);
}

/* How long it makes sense to wait: not for one that hangs; a moment for one that has just come or
 * is just going, for it to say who it is. */
static int wait_time(int fd, int wait_ms)
{
	PP_FREE char *note = NULL;
	if (note_read(fd, &note) < 0 || strstr(note, "\nstuck "))
		return 0;
	return !note[0] && wait_ms < NOTE_MS ? NOTE_MS : wait_ms;
}

static int say_who(struct pp_effects *effects, int fd, const char *address, struct pp_error *error)
{
	char words[192] = "";
	pid_t pid, stuck;
	const char *verb;
	PP_FREE char *note = NULL;
	struct pp_holder holder;
	if (note_read(fd, &note) < 0)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"%s is being moved by another pcipass", address);
	note_parse(note, &pid, &stuck, &verb);
	if (!stuck) {
		if (pid)
			snprintf(words, sizeof(words), "pid %d (%.128s)", (int)pid, verb);
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "%s is being moved by %s", address,
			pid ? words : "another pcipass");
		pp_error_id(error, "device-moving");
		return -EBUSY;
	}
	bool held = pp_holder_find(effects->context, address, &holder) > 0;
	if (held)
		snprintf(words, sizeof(words), "; %s (pid %d) holds %s", holder.name,
			(int)holder.pid, holder.node);
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"%s: pid %d of an earlier %.128s still hangs in the kernel with it%s", address,
		(int)stuck, verb, words);
	pp_error_id(error, "write-hangs");
	pp_error_remedy(error, "%s, then `pcipass recover`",
		held ? "end that process" : "see the kernel's log for what it waits for");
	return -EBUSY;
}

/* What stands in the file is for messages alone: a full disk is no reason to stop. */
static void note_write(int fd, const struct pp_plan *plan)
{
	const char *guest = pp_owner_guest(plan->owner) ? pp_owner_guest(plan->owner) : "";
	PP_BUFFER struct pp_buffer note = PP_BUFFER_INIT;
	pp_buffer_printf(
		&note, "%d pcipass %s%s%s\n", (int)getpid(), plan->verb, *guest ? " " : "", guest);
	if (ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 && note.data)
		pp_file_write_all(fd, note.data, note.length);
}

static int take_one(struct pp_effects *effects, int folder, const struct pp_plan *plan, int wait_ms,
	const char *address, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int fd = openat(folder, address, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "%s: making its lock", address);
	int r = pp_lock_try(fd);
	if (r == -EAGAIN && wait_ms > 0)
		pp_effects_say(effects, PP_EVENT_WAIT, "waiting for the lock of %s", address);
	if (r == -EAGAIN)
		r = pp_lock_wait(fd, wait_time(fd, wait_ms));
	if (r == -EAGAIN || r == -ETIMEDOUT)
		return say_who(effects, fd, address, error);
	if (r < 0)
		return pp_error_errno(error, r, "%s: taking its lock", address);
	note_write(fd, plan);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

int pp_locks_take(struct pp_effects *effects, const struct pp_plan *plan, int wait_ms,
	struct pp_locks **ret_locks, struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *locks = locks_new(plan);
	PP_CLOSE int folder = -1;
	if (!locks)
		return pp_error_oom(error);
	int r = pp_store_open(effects->context, "locks", true, &folder, error);
	for (size_t i = 0; r >= 0 && i < locks->n; i++) {
		char text[PP_ADDRESS_SIZE];
		if (i > 0 && compare(&locks->addresses[i], &locks->addresses[i - 1]) == 0)
			continue;
		r = take_one(effects, folder, plan, wait_ms,
			pp_address_text(&locks->addresses[i], text), &locks->fds[i], error);
	}
	if (r < 0)
		return r;
	*ret_locks = PP_TAKE(locks);
	return 0;
}

static size_t find(const struct pp_locks *locks, const char *address)
{
	struct pp_address wanted;
	if (pp_address_parse(address, &wanted) < 0)
		return locks->n;
	size_t i = 0;
	while (i < locks->n &&
		(locks->fds[i] < 0 || pp_address_compare(&locks->addresses[i], &wanted) != 0))
		i++;
	return i;
}

void pp_locks_focus(const struct pp_locks *locks, struct pp_effects *effects, const char *address)
{
	size_t i = find(locks, address);
	effects->keep_fd = i < locks->n ? locks->fds[i] : -1;
}

void pp_locks_stuck(struct pp_locks *locks, const char *address, pid_t pid)
{
	char text[32];
	size_t i = find(locks, address);
	int n = snprintf(text, sizeof(text), "stuck %d\n", (int)pid);
	if (i == locks->n)
		return;
	locks->stuck[i] = true;
	if (lseek(locks->fds[i], 0, SEEK_END) >= 0)
		pp_file_write_all(locks->fds[i], text, (size_t)n);
}

bool pp_locks_is_stuck(const struct pp_locks *locks, const char *address)
{
	size_t i = find(locks, address);
	return i < locks->n && locks->stuck[i];
}
