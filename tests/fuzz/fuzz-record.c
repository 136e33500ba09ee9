/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the files in which a guest's run is kept (state.json, launch.json, engine): a fault
 * that is said, or values that are within their bounds, and are the same when they were written and
 * read again. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/record.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "g"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/pcipass-fuzz-XXXXXX";
static int folder_fd = -1;

static void folder_remove(void)
{
	pp_file_remove_tree(AT_FDCWD, folder);
}

static void folder_make(void)
{
	if (folder_fd >= 0)
		return;
	if (!mkdtemp(folder))
		abort();
	atexit(folder_remove);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0)
		abort();
}

static void put(const char *file, const void *data, size_t size)
{
	PP_CLOSE int fd = openat(folder_fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || pp_file_write_all(fd, data, size) < 0)
		abort();
}

static struct pp_record *load(void)
{
	struct pp_record *record = NULL;
	struct pp_error error = {0};
	if (pp_record_load_at(folder_fd, NAME, &record, &error) < 0)
		abort();
	return record;
}

static void check_launch(const struct pp_record_launch *launch)
{
	if (launch->fault)
		return;
	if (launch->id < 1 || !launch->argv || !launch->argv[0] || !launch->devices ||
		launch->start_ms < 1 || launch->stop_ms < 1)
		abort();
	for (size_t i = 0; i < launch->n_files; i++) {
		const struct pp_launch_file *file = &launch->files[i];
		if (!file->path || file->fd < 3 || file->fd >= PP_RECORD_OWN_FD ||
			file->use > PP_FILE_CONNECT)
			abort();
	}
	if (pp_record_save_launch(folder_fd, NAME, launch, NULL) < 0)
		abort();
}

static void check_state(struct pp_record *record)
{
	const struct pp_record_state *state = &record->state;
	const char *reason = NULL;
	pp_record_show(record, &reason);
	if (!reason)
		abort();
	pp_record_is_over(record);
	if (record->engine.pid < 0 || state->supervisor.pid < 0 || state->starter.pid < 0)
		abort();
	if (state->fault || !record->exists)
		return;
	if (!pp_phase_word(state->life.phase) || !pp_end_word(state->life.end) ||
		!pp_run_state_word(state->life.run))
		abort();
	if (pp_record_save_state(folder_fd, NAME, state, NULL) < 0)
		abort();
}

static void check_again(const struct pp_record *record)
{
	struct pp_record *again = load();
	const struct pp_life *a = &record->state.life, *b = &again->state.life;
	if (!record->launch.fault &&
		(again->launch.fault || again->launch.id != record->launch.id ||
			again->launch.memlock != record->launch.memlock ||
			again->launch.uid != record->launch.uid ||
			again->launch.n_files != record->launch.n_files ||
			!pp_text_is(again->launch.argv[0], record->launch.argv[0])))
		abort();
	if (!record->state.fault &&
		(again->state.fault || a->phase != b->phase || a->run != b->run ||
			a->end != b->end || a->end_detail != b->end_detail))
		abort();
	pp_record_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	folder_make();
	put("state.json", data, size);
	put("launch.json", data, size);
	put("engine", data, size);
	struct pp_record *record = load();
	check_launch(&record->launch);
	check_state(record);
	check_again(record);
	pp_record_free(record);
	return 0;
}
