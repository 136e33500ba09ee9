/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recovery of everything: guests without a supervisor, and transactions that were interrupted. */
#include "base/file.h"
#include "base/process.h"
#include "lib/apply/apply.h"
#include "lib/guest/guest.h"
#include "lib/guest/settle.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* The locks of guests that were found to be gone, kept so that none begins anew while its devices
 * go back. */
struct kept_locks {
	int *fds;
	size_t count;
};

static void kept_locks_done(struct kept_locks *kept)
{
	for (size_t i = 0; i < kept->count; i++)
		close(kept->fds[i]);
	free(kept->fds);
}

/* Nobody takes care of it, QEMU is not there, and nobody begins to: the lock was free. */
static bool is_gone(struct pp_context *context, const char *guest, int *ret_lock_fd)
{
	PP_CLOSE int folder_fd = -1;
	PP_CLOSE int lock_fd = -1;
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;

	if (pp_guest_name_check(guest, NULL) < 0)
		return false;
	int r = pp_record_folder(context, guest, false, &folder_fd, NULL);
	if (r == -ENOENT)
		return true;
	if (r < 0 || pp_record_lock(folder_fd, 0, &lock_fd, NULL) < 0 ||
		pp_record_load_at(folder_fd, guest, &record, NULL) < 0 ||
		pp_process_alive(&record->engine))
		return false;
	*ret_lock_fd = PP_TAKE_FD(lock_fd);
	return true;
}

static bool judge_and_keep(struct pp_context *context, const char *guest, void *data)
{
	struct kept_locks *kept = data;
	int lock_fd = -1;

	int *fds = reallocarray(kept->fds, kept->count + 1, sizeof(*fds));
	if (!fds)
		return false;
	kept->fds = fds;
	if (!is_gone(context, guest, &lock_fd))
		return false;
	if (lock_fd >= 0)
		kept->fds[kept->count++] = lock_fd;
	return true;
}

/* For those who only look, perhaps without being allowed to lock. */
static bool judge(struct pp_context *context, const char *guest, void *data)
{
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;

	if (pp_guest_name_check(guest, NULL) < 0 ||
		pp_record_load(context, guest, &record, NULL) < 0)
		return false;
	return pp_record_carer(record).pid == 0 && !pp_process_alive(&record->engine);
}

static bool is_alone(struct pp_context *context, const char *guest, void *data)
{
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;

	return pp_guest_name_check(guest, NULL) >= 0 &&
	       pp_record_load(context, guest, &record, NULL) >= 0 &&
	       pp_record_carer(record).pid == 0;
}

int pp_unfinished_list(
	struct pp_context *context, struct pp_unfinished_list **ret_list, struct pp_error *error)
{
	struct pp_guest_judge by = {.gone = judge, .alone = is_alone};
	return pp_journal_unfinished(context, &by, ret_list, error);
}

/* Nothing is asked of a QEMU of which nothing is on its way. */
static int settle_guest(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_plug_record_freep) struct pp_plug_record *plug = NULL;
	PP_CLOSE int folder_fd = -1;

	int r = pp_record_folder(context, name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_plug_record_load(folder_fd, &plug, error);
	if (r < 0 || plug->n_coming + plug->n_leaving + plug->n_failed == 0)
		return r;
	r = pp_guest_settle_name(context, name, ret_changed, error);
	if (r < 0)
		return r;
	pp_plug_record_free(PP_TAKE(plug));
	r = pp_plug_record_load(folder_fd, &plug, error);
	if (r < 0 || plug->n_failed == 0)
		return r;
	return pp_error_set(error, PP_STATUS_RECOVER, -EIO,
		"guest %s: a device that it has let go of is not back: %s", name,
		plug->failed[0].text);
}

/* What a killed writer left beside the files of a guest that is off: whoever starts it has the lock
 * by then. */
static void sweep_guest(struct pp_context *context, const char *name)
{
	PP_CLOSE int folder_fd = -1;
	PP_CLOSE int lock_fd = -1;

	if (pp_record_folder(context, name, false, &folder_fd, NULL) >= 0 &&
		pp_record_lock(folder_fd, 0, &lock_fd, NULL) >= 0)
		pp_file_sweep(folder_fd, NULL);
}

static int recover_guests(struct pp_context *context, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names;
	size_t count;
	if (!arena)
		return pp_error_oom(error);
	int first = pp_guest_names(context, arena, &names, &count, error);
	for (size_t i = 0; first != -ENOMEM && names && i < count; i++) {
		PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
		struct pp_error own = {0};
		int r = pp_record_load(context, names[i], &record, &own);
		if (r >= 0)
			r = pp_guest_tend(context, names[i], true, &record, &own);
		*ret_changed |= r > 0;
		/* Of one that runs: what is on its way, or did not go back. */
		if (r >= 0 && !pp_record_is_over(record))
			r = settle_guest(context, names[i], ret_changed, &own);
		else if (r >= 0)
			sweep_guest(context, names[i]);
		if (r >= 0 && record->state.life.unreleased)
			r = pp_error_set(&own, PP_STATUS_RECOVER, -EIO,
				"guest %s: its devices are not back: %s", names[i],
				record->state.devices ? record->state.devices : "not known why");
		first = pp_error_keep_first(first, r, &own, error);
	}
	return first;
}

/* What writers of definitions, bindings and the like left when they were killed. */
static void sweep_settings(struct pp_context *context)
{
	const struct {
		const char *base, *folder, *name;
	} places[] = {
		{context->etc, "guests", NULL},
		{context->etc, "bindings", NULL},
		{context->lib, "guests", NULL},
		{context->root, "etc/libvirt/hooks/qemu.d", "pcipass"},
	};
	char path[PP_PATH_MAX];

	for (size_t i = 0; i < PP_COUNT(places); i++) {
		if (pp_path(path, sizeof(path), "%s/%s", places[i].base, places[i].folder) < 0)
			continue;
		PP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			pp_file_sweep(fd, places[i].name);
	}
}

int pp_recover(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(kept_locks_done) struct kept_locks kept = {0};
	struct pp_guest_judge by = {.gone = judge_and_keep, .data = &kept};
	bool guests = false, journals = false;
	struct pp_error own = {0};

	int r = pp_guest_may_write(context, "recover", error);
	if (r < 0)
		return r;
	sweep_settings(context);
	int first = recover_guests(context, &guests, error);
	r = pp_journal_recover(context, options, &by, &journals, &own);
	first = pp_error_keep_first(first, r, &own, error);
	if (ret_changed)
		*ret_changed = guests || journals;
	return first < 0 ? first : 0;
}
