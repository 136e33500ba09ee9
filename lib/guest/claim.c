/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/claim.h"
#include "base/parse.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

PP_DEFINE_CLEANUP(DIR *, closedir)

/* One bit a user. */
struct users {
	unsigned char taken[PP_CLAIM_USERS / 8 + 1];
};

static void take(struct users *users, uint64_t uid)
{
	if (uid >= PP_CLAIM_FIRST_USER && uid - PP_CLAIM_FIRST_USER < PP_CLAIM_USERS)
		users->taken[(uid - PP_CLAIM_FIRST_USER) / 8] |= (unsigned char)(1 << (uid % 8));
}

static bool is_taken(const struct users *users, uint32_t index)
{
	return users->taken[index / 8] & (1 << (index % 8));
}

bool pp_claim_has_user(const struct pp_context *context)
{
	return context->live && geteuid() == 0;
}

/* ---- images ---- */

static bool is_conflict(const struct pp_launch_file *a, const struct pp_launch_file *b)
{
	bool written = a->use == PP_FILE_WRITE || b->use == PP_FILE_WRITE;
	return written && !(a->shared && b->shared);
}

static int compare_images(const char *other, const struct pp_record_launch *theirs,
	const struct pp_record_launch *ours, struct pp_error *error)
{
	for (size_t i = 0; i < ours->n_files; i++)
		for (size_t j = 0; j < theirs->n_files; j++) {
			if (!ours->ids[i] || !pp_text_is(theirs->ids[j], ours->ids[i]) ||
				!is_conflict(&ours->files[i], &theirs->files[j]))
				continue;
			pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
				"its disk %s is in use by the guest %s, which runs and %s it",
				ours->files[i].path, other,
				theirs->files[j].use == PP_FILE_WRITE ? "writes" : "reads");
			pp_error_id(error, "image-in-use");
			pp_error_remedy(error,
				"`pcipass shutdown %s` first; or <shareable/> in both, where both "
				"know how to share it",
				other);
			return -EBUSY;
		}
	return 0;
}

/* ---- users ---- */

static int look_at_others(struct pp_context *context, const char *name,
	const struct pp_record_launch *launch, struct users *users, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names = NULL;
	size_t count = 0;

	if (!arena)
		return pp_error_oom(error);
	int r = pp_record_names(context, arena, &names, &count, error);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
		if (pp_text_is(names[i], name))
			continue;
		r = pp_record_load(context, names[i], &record, error);
		if (r < 0)
			break;
		if (pp_record_is_over(record) && !pp_process_alive(&record->engine))
			continue;
		if (record->launch.set_ids)
			take(users, record->launch.uid);
		r = compare_images(names[i], &record->launch, launch, error);
	}
	return r;
}

/* Whatever a record says, or fails to: no user that has a process is given out. */
static int look_at_processes(struct users *users, struct pp_error *error)
{
	PP_CLEANUP(closedirp) DIR *folder = opendir("/proc");
	const struct dirent *entry;
	struct stat found;

	if (!folder)
		return pp_error_errno(error, -errno, "cannot look at the processes in /proc");
	while ((entry = readdir(folder)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
			fstatat(dirfd(folder), entry->d_name, &found, 0) == 0)
			take(users, found.st_uid);
	return 0;
}

/* As the guest's id counts up, so do the users: one that was just given back rests. */
static int choose(
	const struct users *users, struct pp_record_launch *launch, struct pp_error *error)
{
	for (uint32_t i = 0; i < PP_CLAIM_USERS; i++) {
		uint32_t index = ((uint32_t)launch->id + i) % PP_CLAIM_USERS;
		if (is_taken(users, index))
			continue;
		launch->set_ids = true;
		launch->uid = launch->gid = PP_CLAIM_FIRST_USER + index;
		return 0;
	}
	return pp_error_set(error, PP_STATUS_FAILED, -EUSERS,
		"no user is left for it: all %u are taken", PP_CLAIM_USERS);
}

int pp_claim_make(struct pp_context *context, const char *name, struct pp_record_launch *launch,
	int *ret_lock_fd, struct pp_error *error)
{
	PP_FREE struct users *users = calloc(1, sizeof(*users));
	char path[PP_PATH_MAX];

	if (!users)
		return pp_error_oom(error);
	int r = pp_path(path, sizeof(path), "%s/claims", context->run);
	PP_CLOSE int fd = r < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r >= 0 && (fd < 0 || flock(fd, LOCK_EX) < 0))
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r, "cannot lock %s", path);
	r = look_at_others(context, name, launch, users, error);
	if (r >= 0 && launch->own)
		r = look_at_processes(users, error);
	if (r >= 0 && launch->own)
		r = choose(users, launch, error);
	if (r < 0)
		return r;
	*ret_lock_fd = PP_TAKE_FD(fd);
	return 0;
}
