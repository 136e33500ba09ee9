/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of a record: launch.json, state.json, engine. */
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/guest/record.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)4 << 20)

/* ---- writing ---- */

static int set_strings(struct pp_json *object, const char *key, const char *const *strings)
{
	struct pp_json *array = pp_json_array();
	if (!array)
		return -ENOMEM;
	for (; strings && *strings; strings++) {
		int r = pp_json_add_string(array, *strings);
		if (r < 0) {
			pp_json_free(array);
			return r;
		}
	}
	return pp_json_set(object, key, array);
}

static int set_process(struct pp_json *object, const char *key, const struct pp_process *process)
{
	if (process->pid == 0)
		return pp_json_set(object, key, NULL);
	struct pp_json *value = pp_json_object();
	if (!value)
		return -ENOMEM;
	int r = pp_json_set_int(value, "pid", process->pid);
	if (r >= 0)
		r = pp_json_set_int(value, "start", (int64_t)process->start);
	if (r < 0) {
		pp_json_free(value);
		return r;
	}
	return pp_json_set(object, key, value);
}

static int begin_file(const char *name, struct pp_json **ret_json)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = pp_json_object();
	if (!json || pp_json_set_int(json, "version", PP_RECORD_VERSION) < 0 ||
		pp_json_set_string(json, "name", name) < 0)
		return -ENOMEM;
	*ret_json = PP_TAKE(json);
	return 0;
}

static int save(int folder_fd, const char *file, const struct pp_json *json, struct pp_error *error)
{
	PP_FREE char *text = pp_json_print(json, true);
	if (!text)
		return pp_error_oom(error);
	int r = pp_file_replace(folder_fd, file, text, strlen(text), 0600);
	if (r < 0)
		return pp_error_errno(error, r, "cannot write the guest's %s", file);
	return 0;
}

static int set_ids(struct pp_json *json, const struct pp_record_launch *launch)
{
	if (!launch->set_ids)
		return 0;
	struct pp_json *groups = pp_json_array();
	if (!groups)
		return -ENOMEM;
	int r = pp_json_set(json, "groups", groups);
	for (size_t i = 0; r >= 0 && i < launch->n_groups; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", launch->groups[i]);
		r = pp_json_add_string(groups, text);
	}
	if (r >= 0)
		r = pp_json_set_int(json, "uid", launch->uid);
	return r < 0 ? r : pp_json_set_int(json, "gid", launch->gid);
}

static const char *const file_uses[] = {
	[PP_FILE_READ] = "read",
	[PP_FILE_WRITE] = "write",
	[PP_FILE_TRUNCATE] = "truncate",
	[PP_FILE_APPEND] = "append",
	[PP_FILE_COPY] = "copy",
	[PP_FILE_LISTEN] = "listen",
	[PP_FILE_CONNECT] = "connect",
	[PP_FILE_DEVICE] = "device",
	[PP_FILE_TAP] = "tap",
	[PP_FILE_NODE] = "node",
	[PP_FILE_TPM] = "tpm",
	[PP_FILE_SHARE] = "share",
	[PP_FILE_SHMEM] = "shmem",
};

static struct pp_json *file_json(const struct pp_launch_file *file, const char *id)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = pp_json_object();
	char mac[2 * sizeof(file->mac) + 1];

	for (size_t i = 0; i < sizeof(file->mac); i++)
		snprintf(mac + 2 * i, 3, "%02x", file->mac[i]);
	if (!json || pp_json_set_string(json, "use", file_uses[file->use]) < 0 ||
		pp_json_set_string(json, "path", file->path) < 0 ||
		pp_json_set_int(json, "fd", file->fd) < 0 ||
		pp_json_set_bool(json, "image", file->image) < 0 ||
		pp_json_set_bool(json, "shared", file->shared) < 0 ||
		pp_json_set_string(json, "id", id) < 0 ||
		pp_json_set_string(json, "tap", file->tap) < 0 ||
		(file->tap && pp_json_set_string(json, "mac", mac) < 0) ||
		(file->size && pp_json_set_int(json, "size", (int64_t)file->size) < 0) ||
		(file->readonly && pp_json_set_bool(json, "readonly", true) < 0) ||
		(file->more && pp_json_set_string(json, "more", file->more) < 0))
		return NULL;
	return PP_TAKE(json);
}

static int set_files(struct pp_json *json, const struct pp_record_launch *launch)
{
	struct pp_json *array = pp_json_array();
	if (!array || pp_json_set(json, "files", array) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < launch->n_files; i++) {
		struct pp_json *file = file_json(&launch->files[i], launch->ids[i]);
		int r = file ? pp_json_add(array, file) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_launch(struct pp_json *json, const struct pp_record_launch *launch)
{
	bool unlimited = launch->memlock == UINT64_MAX;

	if (pp_json_set_string(json, "uuid", launch->uuid) < 0 ||
		pp_json_set_int(json, "id", launch->id) < 0 ||
		set_strings(json, "argv", launch->argv) < 0 ||
		pp_json_set_int(json, "memlock", unlimited ? -1 : (int64_t)launch->memlock) < 0 ||
		pp_json_set_string(json, "own", launch->own) < 0 ||
		pp_json_set_bool(json, "kvm", launch->kvm) < 0 || set_ids(json, launch) < 0 ||
		set_files(json, launch) < 0 ||
		pp_json_set_bool(json, "paused", launch->paused) < 0 ||
		pp_json_set_bool(json, "restart_on_panic", launch->restart_on_panic) < 0 ||
		pp_json_set_int(json, "balloon", (int64_t)launch->balloon) < 0 ||
		pp_json_set_string(json, "stats_path", launch->stats_path) < 0 ||
		pp_json_set_int(json, "stats_period", launch->stats_period) < 0 ||
		pp_json_set_int(json, "start_ms", launch->start_ms) < 0 ||
		pp_json_set_int(json, "stop_ms", launch->stop_ms) < 0 ||
		pp_json_set_string(json, "console", launch->console) < 0 ||
		pp_json_set_string(json, "console_path", launch->console_path) < 0 ||
		set_strings(json, "devices", launch->devices) < 0 ||
		set_strings(json, "pins", launch->pins) < 0)
		return -ENOMEM;
	return 0;
}

int pp_record_save_launch(int folder_fd, const char *name, const struct pp_record_launch *launch,
	struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	if (begin_file(name, &json) < 0 || fill_launch(json, launch) < 0)
		return pp_error_oom(error);
	return save(folder_fd, "launch.json", json, error);
}

static int fill_state(struct pp_json *json, const struct pp_record_state *state)
{
	const struct pp_life *life = &state->life;

	if (pp_json_set_string(json, "phase", pp_phase_word(life->phase)) < 0 ||
		pp_json_set_string(json, "run", pp_run_state_word(life->run)) < 0 ||
		pp_json_set_string(json, "end", pp_end_word(life->end)) < 0 ||
		pp_json_set_int(json, "end_detail", life->end_detail) < 0 ||
		pp_json_set_bool(json, "monitor", life->monitor) < 0 ||
		pp_json_set_bool(json, "panicked", life->panicked) < 0 ||
		pp_json_set_bool(json, "stuck", life->stuck) < 0 ||
		pp_json_set_bool(json, "unreleased", life->unreleased) < 0 ||
		set_process(json, "starter", &state->starter) < 0 ||
		set_process(json, "supervisor", &state->supervisor) < 0 ||
		pp_json_set_string(json, "text", state->text) < 0 ||
		pp_json_set_string(json, "devices", state->devices) < 0 ||
		pp_json_set_string(json, "console", state->console) < 0)
		return -ENOMEM;
	return 0;
}

int pp_record_save_state(int folder_fd, const char *name, const struct pp_record_state *state,
	struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	if (begin_file(name, &json) < 0 || fill_state(json, state) < 0)
		return pp_error_oom(error);
	return save(folder_fd, "state.json", json, error);
}

/* ---- reading ---- */

struct reader {
	struct pp_arena *arena;
	const struct pp_json *json;
	bool oom;
	const char *fault;
};

static void find_fault(struct reader *reader, const char *key)
{
	if (reader->fault)
		return;
	reader->fault = pp_arena_printf(reader->arena, "\"%s\" is missing or makes no sense", key);
	reader->oom |= !reader->fault;
}

/* May be null. */
static const char *read_text(struct reader *reader, const char *key)
{
	const char *text = pp_json_get_string(reader->json, key);
	if (!text)
		return NULL;
	char *copy = pp_arena_strdup(reader->arena, text);
	reader->oom |= !copy;
	return copy;
}

static int64_t read_int(struct reader *reader, const char *key, int64_t low, int64_t high)
{
	int64_t value;
	if (pp_json_get_int(reader->json, key, &value) >= 0 && value >= low && value <= high)
		return value;
	find_fault(reader, key);
	return low;
}

static bool read_bool(struct reader *reader, const char *key)
{
	bool value = false;
	if (pp_json_get_bool(reader->json, key, &value) < 0)
		find_fault(reader, key);
	return value;
}

static const char *const *read_strings(struct reader *reader, const char *key)
{
	const struct pp_json *array = pp_json_get(reader->json, key);
	size_t count = pp_json_is_array(array) ? pp_json_length(array) : 0;
	const char **strings = pp_arena_array(reader->arena, count + 1, sizeof(*strings));
	reader->oom |= !strings;
	if (!pp_json_is_array(array))
		find_fault(reader, key);
	for (size_t i = 0; strings && i < count; i++) {
		const char *text = pp_json_text_of(pp_json_at(array, i));
		if (!text)
			find_fault(reader, key);
		strings[i] = pp_arena_strdup(reader->arena, text ? text : "");
		reader->oom |= !strings[i];
	}
	return strings;
}

static void read_process(struct reader *reader, const char *key, struct pp_process *ret_process)
{
	struct reader inner = *reader;
	inner.json = pp_json_get(reader->json, key);
	if (!inner.json)
		return;
	ret_process->pid = (pid_t)read_int(&inner, "pid", 1, 1 << 22);
	ret_process->start = (uint64_t)read_int(&inner, "start", 0, INT64_MAX);
	reader->oom |= inner.oom;
	if (inner.fault)
		find_fault(reader, key);
	if (inner.fault)
		*ret_process = (struct pp_process){0};
}

static void read_ids(struct reader *reader, struct pp_record_launch *launch)
{
	if (!pp_json_get(reader->json, "groups") && !pp_json_get(reader->json, "uid"))
		return;
	const char *const *groups = read_strings(reader, "groups");
	size_t count = 0;
	while (groups && groups[count])
		count++;
	uint32_t *list = pp_arena_array(reader->arena, count + 1, sizeof(*list));
	reader->oom |= !list;
	launch->set_ids = true;
	launch->uid = (uint32_t)read_int(reader, "uid", 0, UINT32_MAX - 1);
	launch->gid = (uint32_t)read_int(reader, "gid", 0, UINT32_MAX - 1);
	launch->groups = list;
	launch->n_groups = list ? count : 0;
	for (size_t i = 0; i < launch->n_groups; i++)
		if (pp_parse_u32(groups[i], 10, &list[i]) < 0)
			find_fault(reader, "groups");
}

static bool read_mac(const char *text, uint8_t mac[6])
{
	size_t length = 0;

	return text && pp_parse_hex_bytes(text, mac, 6, &length) >= 0 && length == 6;
}

static void read_file(struct reader *reader, const struct pp_json *json,
	struct pp_launch_file *ret_file, const char **ret_id)
{
	struct reader inner = {.arena = reader->arena, .json = json};
	const char *use = pp_json_get_string(json, "use");
	size_t word = 0;

	while (word < PP_COUNT(file_uses) && !pp_text_is(use, file_uses[word]))
		word++;
	*ret_file = (struct pp_launch_file){.use = (enum pp_file_use)word,
		.path = read_text(&inner, "path"),
		.fd = (int)read_int(&inner, "fd", 3, PP_RECORD_OWN_FD - 1),
		.image = read_bool(&inner, "image"),
		.shared = read_bool(&inner, "shared")};
	*ret_id = read_text(&inner, "id");
	ret_file->tap = read_text(&inner, "tap");
	ret_file->more = read_text(&inner, "more");
	ret_file->readonly = pp_json_get(json, "readonly") && read_bool(&inner, "readonly");
	if (pp_json_get(json, "size"))
		ret_file->size = (uint64_t)read_int(&inner, "size", 1, INT64_MAX);
	if (ret_file->tap && !read_mac(pp_json_get_string(json, "mac"), ret_file->mac))
		find_fault(reader, "files");
	reader->oom |= inner.oom;
	if (inner.fault || word == PP_COUNT(file_uses) || !ret_file->path)
		find_fault(reader, "files");
}

/* A guest that an older pcipass started has none. */
static void read_files(struct reader *reader, struct pp_record_launch *launch)
{
	const struct pp_json *array = pp_json_get(reader->json, "files");
	size_t count = pp_json_is_array(array) ? pp_json_length(array) : 0;
	struct pp_launch_file *files = pp_arena_array(reader->arena, count + 1, sizeof(*files));
	const char **ids = pp_arena_array(reader->arena, count + 1, sizeof(*ids));

	reader->oom |= !files || !ids;
	if (!files || !ids)
		return;
	for (size_t i = 0; i < count; i++)
		read_file(reader, pp_json_at(array, i), &files[i], &ids[i]);
	launch->files = files;
	launch->ids = ids;
	launch->n_files = count;
}

static void read_launch(struct reader *reader, struct pp_record_launch *launch)
{
	launch->uuid = read_text(reader, "uuid");
	launch->id = (int)read_int(reader, "id", 1, INT32_MAX);
	launch->argv = read_strings(reader, "argv");
	int64_t memlock = read_int(reader, "memlock", -1, INT64_MAX);
	launch->memlock = memlock < 0 ? UINT64_MAX : (uint64_t)memlock;
	launch->own = read_text(reader, "own");
	pp_json_get_bool(reader->json, "kvm", &launch->kvm); /* older ones do not say */
	read_ids(reader, launch);
	read_files(reader, launch);
	launch->paused = read_bool(reader, "paused");
	launch->restart_on_panic = read_bool(reader, "restart_on_panic");
	launch->balloon = (uint64_t)read_int(reader, "balloon", 0, INT64_MAX);
	launch->stats_path = read_text(reader, "stats_path");
	if (launch->stats_path)
		launch->stats_period = (int)read_int(reader, "stats_period", 1, INT32_MAX);
	launch->start_ms = (int)read_int(reader, "start_ms", 1, INT32_MAX);
	launch->stop_ms = (int)read_int(reader, "stop_ms", 1, INT32_MAX);
	launch->console = read_text(reader, "console");
	launch->console_path = read_text(reader, "console_path");
	launch->devices = read_strings(reader, "devices");
	if (pp_json_get(reader->json, "pins"))
		launch->pins = read_strings(reader, "pins");
	if (launch->argv && !launch->argv[0])
		find_fault(reader, "argv");
}

static void read_state(struct reader *reader, struct pp_record_state *state)
{
	struct pp_life *life = &state->life;

	if (pp_phase_parse(pp_json_get_string(reader->json, "phase"), &life->phase) < 0)
		find_fault(reader, "phase");
	if (pp_run_state_parse(pp_json_get_string(reader->json, "run"), &life->run) < 0)
		find_fault(reader, "run");
	if (pp_end_parse(pp_json_get_string(reader->json, "end"), &life->end) < 0)
		find_fault(reader, "end");
	life->end_detail = (int)read_int(reader, "end_detail", -100000, 100000);
	life->monitor = read_bool(reader, "monitor");
	life->panicked = read_bool(reader, "panicked");
	life->stuck = read_bool(reader, "stuck");
	life->unreleased = read_bool(reader, "unreleased");
	read_process(reader, "starter", &state->starter);
	read_process(reader, "supervisor", &state->supervisor);
	state->text = read_text(reader, "text");
	state->devices = read_text(reader, "devices");
	state->console = read_text(reader, "console");
}

/* Opens one of the files; what is wrong with it becomes reader->fault. 1: it is there, 0: it is
 * not. */
static int open_file(int folder_fd, const char *file, const char *name, struct reader *reader,
	struct pp_json **ret_json)
{
	PP_FREE char *text = NULL;
	size_t length = 0;
	int64_t version = -1;

	int r = pp_file_read(folder_fd, file, FILE_MAX, &text, &length);
	if (r == -ENOENT)
		return 0;
	if (r == -ENOMEM || r == -EACCES)
		return r;
	if (r < 0) {
		reader->fault = pp_arena_printf(reader->arena, "%s: %s", file, strerror(-r));
		return reader->fault ? 1 : -ENOMEM;
	}
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	r = pp_json_parse(text, length, &json, NULL);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !pp_json_is_object(json))
		reader->fault = pp_arena_printf(reader->arena, "%s is cut short or not ours", file);
	else if (pp_json_get_int(json, "version", &version) < 0 || version != PP_RECORD_VERSION)
		reader->fault = pp_arena_printf(reader->arena,
			"%s is of another version of pcipass (%lld)", file, (long long)version);
	else if (!pp_text_is(pp_json_get_string(json, "name"), name))
		reader->fault = pp_arena_printf(reader->arena, "%s is of another guest", file);
	else {
		*ret_json = PP_TAKE(json);
		return 1;
	}
	return reader->fault ? 1 : -ENOMEM;
}

static int load_launch(int folder_fd, const char *name, struct pp_record *record)
{
	struct reader reader = {.arena = record->arena};
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	int r = open_file(folder_fd, "launch.json", name, &reader, &json);
	if (r < 0)
		return r;
	reader.json = json;
	if (r == 0)
		reader.fault = "launch.json is missing";
	if (json)
		read_launch(&reader, &record->launch);
	/* Half of it is of no use: what is not known is not guessed. */
	if (reader.fault)
		record->launch = (struct pp_record_launch){
			.fault = reader.fault, .id = -1, .start_ms = 60000, .stop_ms = 30000};
	return reader.oom ? -ENOMEM : 0;
}

static int load_state(int folder_fd, const char *name, struct pp_record *record)
{
	struct reader reader = {.arena = record->arena};
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	int r = open_file(folder_fd, "state.json", name, &reader, &json);
	if (r < 0)
		return r;
	reader.json = json;
	record->exists = r > 0;
	if (json)
		read_state(&reader, &record->state);
	if (reader.fault)
		record->state = (struct pp_record_state){.fault = reader.fault};
	return reader.oom ? -ENOMEM : 0;
}

/* A file that does not make sense is as good as none: QEMU's process wrote it in one go. */
static int load_engine(int folder_fd, struct pp_record *record)
{
	PP_FREE char *text = NULL;
	const char *end;
	uint64_t pid, start;

	int r = pp_file_read(folder_fd, "engine", 4096, &text, NULL);
	if (r == -ENOMEM || r == -EACCES)
		return r;
	if (r < 0 || pp_parse_prefix(text, 10, 1 << 22, &pid, &end) < 0 || pid == 0 ||
		*end != ' ' || pp_parse_prefix(end + 1, 10, UINT64_MAX, &start, &end) < 0 ||
		*end != '\n')
		return 0;
	record->engine = (struct pp_process){.pid = (pid_t)pid, .start = start};
	return 0;
}

int pp_record_load_at(
	int folder_fd, const char *name, struct pp_record **ret_record, struct pp_error *error)
{
	struct pp_arena *arena = pp_arena_new();
	struct pp_record *record = arena ? pp_arena_alloc(arena, sizeof(*record)) : NULL;
	if (!record) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	record->arena = arena;
	int r = load_state(folder_fd, name, record);
	if (r >= 0)
		r = load_launch(folder_fd, name, record);
	if (r >= 0)
		r = load_engine(folder_fd, record);
	if (r < 0) {
		pp_record_free(record);
		return pp_error_errno(error, r, "cannot read the state of the guest %s", name);
	}
	*ret_record = record;
	return 0;
}

int pp_record_load(struct pp_context *context, const char *name, struct pp_record **ret_record,
	struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	struct pp_error inner = {0};
	/* A machine as text has no processes, so no runs. */
	int r = context->read_only ? -ENOENT
				   : pp_record_folder(context, name, false, &folder_fd, &inner);
	if (r == -ENOENT || r == -ENOTDIR) {
		struct pp_arena *arena = pp_arena_new();
		struct pp_record *record = arena ? pp_arena_alloc(arena, sizeof(*record)) : NULL;
		if (!record) {
			pp_arena_free(arena);
			return pp_error_oom(error);
		}
		record->arena = arena;
		record->launch.id = -1;
		*ret_record = record;
		return 0;
	}
	if (r < 0) {
		if (error)
			*error = inner;
		return r;
	}
	return pp_record_load_at(folder_fd, name, ret_record, error);
}
