/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking a QEMU binary what it can do: one run without a machine, all questions at once over QMP on
 * a pair of sockets, and the answers by their ids. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/qemu/capabilities.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DEADLINE_MS 20000
#define MAX_ANSWER (16 << 20)

static const struct question {
	const char *command;
	const char *argument, *value; /* one string argument, or NULL */
} questions[] = {
	{"qmp_capabilities", NULL, NULL},
	{"query-version", NULL, NULL},
	{"query-target", NULL, NULL},
	{"query-kvm", NULL, NULL},
	{"query-machines", NULL, NULL},
	{"qom-list-types", "implements", "device"},
	{"query-cpu-definitions", NULL, NULL},
	{"query-command-line-options", NULL, NULL},
	{"device-list-properties", "typename", "vfio-pci"},
	{"device-list-properties", "typename", "max-x86_64-cpu"},
	{"device-list-properties", "typename", "pcie-root-port"},
	{"quit", NULL, NULL},
};
enum {
	ASK_VERSION = 1,
	ASK_TARGET,
	ASK_KVM,
	ASK_MACHINES,
	ASK_TYPES,
	ASK_CPUS,
	ASK_OPTIONS,
	ASK_VFIO,
	ASK_MAX_CPU,
	ASK_PORT,
	ASK_QUIT,
	ASK_COUNT
};

struct answers {
	struct pp_json *all[ASK_COUNT]; /* whole replies */
};

static void answers_done(struct answers *answers)
{
	for (size_t i = 0; i < ASK_COUNT; i++)
		pp_json_free(answers->all[i]);
}

static char *question_text(size_t index)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	const struct question *question = &questions[index];

	if (!object || pp_json_set_string(object, "execute", question->command) < 0 ||
		pp_json_set_int(object, "id", (int64_t)index) < 0)
		return NULL;
	if (question->argument) {
		struct pp_json *arguments = pp_json_object();

		if (!arguments ||
			pp_json_set_string(arguments, question->argument, question->value) < 0 ||
			pp_json_set(object, "arguments", arguments) < 0)
			return NULL;
	}
	return pp_json_print(object, false);
}

static int put_questions(int fd)
{
	for (size_t i = 0; i < ASK_COUNT; i++) {
		PP_FREE char *text = question_text(i);
		int r;

		if (!text)
			return -ENOMEM;
		r = pp_file_write_all(fd, text, strlen(text));
		if (r == 0)
			r = pp_file_write_all(fd, "\n", 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static void keep_answer(struct answers *answers, struct pp_json *reply)
{
	int64_t id;

	if (pp_json_get_int(reply, "id", &id) < 0 || id < 0 || id >= ASK_COUNT ||
		answers->all[id]) {
		pp_json_free(reply); /* the greeting, an event */
		return;
	}
	answers->all[id] = reply;
}

static int read_answers(int fd, struct answers *answers)
{
	PP_CLEANUP(pp_json_stream_freep)
	struct pp_json_stream *stream = pp_json_stream_new(MAX_ANSWER);
	long long deadline = pp_clock_ms() + DEADLINE_MS;
	char bytes[16384];

	if (!stream)
		return -ENOMEM;
	while (!answers->all[ASK_QUIT]) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		long long left = deadline - pp_clock_ms();
		struct pp_json *reply = NULL;
		ssize_t length;
		int r = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno == EINTR)
			continue;
		length = r < 0 ? -1 : read(fd, bytes, sizeof(bytes));
		if (length < 0)
			return -errno;
		if (length == 0)
			return -EPIPE;
		r = pp_json_stream_feed(stream, bytes, (size_t)length);
		while (r >= 0 && (r = pp_json_stream_next(stream, &reply)) >= 0 && reply) {
			keep_answer(answers, reply);
			reply = NULL;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- what the answers say
 * ------------------------------------------------------------------------------ */

static const struct pp_json *returned(const struct answers *answers, size_t index)
{
	return pp_json_get(answers->all[index], "return");
}

/* The value of KEY of each object of an array, as a new array. */
static struct pp_json *pluck(const struct pp_json *array, const char *key, const char *prefix)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *list = pp_json_array();

	for (size_t i = 0; list && i < pp_json_length(array); i++) {
		const char *name = pp_json_get_string(pp_json_at(array, i), key);
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

		if (!name)
			continue;
		pp_buffer_printf(&text, "%s%s", prefix, name);
		if (text.failed || pp_json_add_string(list, text.data) < 0)
			return NULL;
	}
	return PP_TAKE(list);
}

static int append_all(struct pp_json *list, const struct pp_json *more)
{
	int r = more ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < pp_json_length(more); i++)
		r = pp_json_add_string(list, pp_json_text_of(pp_json_at(more, i)));
	return r;
}

static int set_properties(struct pp_json *object, const struct answers *answers)
{
	PP_CLEANUP(pp_json_freep)
	struct pp_json *vfio = pluck(returned(answers, ASK_VFIO), "name", "vfio-pci.");
	PP_CLEANUP(pp_json_freep)
	struct pp_json *port = pluck(returned(answers, ASK_PORT), "name", "pcie-root-port.");

	if (!vfio || append_all(vfio, port) < 0)
		return -ENOMEM;
	return pp_json_set(object, "properties", PP_TAKE(vfio));
}

static int set_version(struct pp_json *object, const struct answers *answers)
{
	const struct pp_json *version = returned(answers, ASK_VERSION);
	const struct pp_json *qemu = pp_json_get(version, "qemu");
	const char *package = pp_json_get_string(version, "package");
	int64_t major, minor, micro;

	if (pp_json_get_int(qemu, "major", &major) < 0 ||
		pp_json_get_int(qemu, "minor", &minor) < 0 ||
		pp_json_get_int(qemu, "micro", &micro) < 0 || major < 0 || major > 900 ||
		minor < 0 || minor > 900 || micro < 0 || micro > 900)
		return -EPROTO;
	if (pp_json_set_int(object, "version", major * 1000000 + minor * 1000 + micro) < 0)
		return -ENOMEM;
	return pp_json_set_string(object, "package", package ? package : "");
}

static bool has_option(const struct answers *answers, const char *name)
{
	const struct pp_json *options = returned(answers, ASK_OPTIONS);

	for (size_t i = 0; i < pp_json_length(options); i++)
		if (pp_text_is(pp_json_get_string(pp_json_at(options, i), "option"), name))
			return true;
	return false;
}

static int set_lists(struct pp_json *object, const struct answers *answers)
{
	static const struct {
		const char *key, *of;
		size_t index;
	} lists[] = {
		{"devices", "name", ASK_TYPES},
		{"cpus", "name", ASK_CPUS},
		{"cpu-features", "name", ASK_MAX_CPU},
	};
	int r = set_properties(object, answers);

	for (size_t i = 0; r == 0 && i < PP_COUNT(lists); i++) {
		struct pp_json *list = pluck(returned(answers, lists[i].index), lists[i].of, "");

		r = list ? pp_json_set(object, lists[i].key, list) : -ENOMEM;
	}
	if (r == 0 && !pp_json_is_array(returned(answers, ASK_MACHINES)))
		return -EPROTO;
	return r ? r
		 : pp_json_set(object, "machines", pp_json_copy(returned(answers, ASK_MACHINES)));
}

static int understand(const char *binary, const struct answers *answers,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	const char *arch = pp_json_get_string(returned(answers, ASK_TARGET), "arch");
	bool kvm = false;
	int r = object ? set_version(object, answers) : -ENOMEM;

	pp_json_get_bool(returned(answers, ASK_KVM), "present", &kvm);
	if (r == 0 && !arch)
		r = -EPROTO;
	if (r == 0)
		r = set_lists(object, answers);
	if (r == 0 &&
		(pp_json_set_string(object, "binary", binary) < 0 ||
			pp_json_set_string(object, "arch", arch) < 0 ||
			pp_json_set_bool(object, "kvm", kvm) < 0 ||
			pp_json_set_bool(object, "sandbox", has_option(answers, "sandbox")) < 0))
		r = -ENOMEM;
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r < 0)
		return pp_error_set(error, PP_STATUS_NOT_READY, r,
			"asking %s what it can do: its answers are not QMP's", binary);
	return pp_qemu_capabilities_from_json(object, ret_capabilities, error);
}

/* ---- the run
 * ---------------------------------------------------------------------------------------------- */

static int start(
	const char *binary, int *ret_fd, int log_fd, pid_t *ret_pid, struct pp_error *error)
{
	const char *const argv[] = {binary, "-S", "-no-user-config", "-nodefaults", "-display",
		"none", "-machine", "none", "-qmp", "stdio", NULL};
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return pp_error_errno(
			error, -errno, "asking %s what it can do: a pair of sockets", binary);
	const struct pp_spawn_fd fds[] = {{pair[1], 0}, {pair[1], 1}, {log_fd, 2}};
	const struct pp_spawn spawn = {
		.argv = argv,
		.fds = fds,
		.n_fds = log_fd >= 0 ? 3 : 2,
		.new_session = true,
		.die_with_parent = true,
	};

	r = pp_process_spawn(&spawn, ret_pid, error);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		pp_error_wrap(error, "asking %s what it can do", binary);
		return r;
	}
	*ret_fd = pair[0];
	return 0;
}

/* What QEMU said before it ended. */
static void take_log(int fd, char *text, size_t size)
{
	ssize_t length = fd >= 0 ? recv(fd, text, size - 1, MSG_DONTWAIT) : 0;

	text[length > 0 ? length : 0] = '\0';
	while (length > 0 && strchr("\n ", text[length - 1]))
		text[--length] = '\0';
}

static int talk(
	const char *binary, int fd, int log_fd, struct answers *answers, struct pp_error *error)
{
	char said[512];
	int r = put_questions(fd);

	if (r == 0)
		r = read_answers(fd, answers);
	if (r == 0)
		return 0;
	take_log(log_fd, said, sizeof(said));
	pp_error_set(error, PP_STATUS_NOT_READY, r, "asking %s what it can do: %s%s%s", binary,
		r == -ETIMEDOUT                   ? "no answer within 20 seconds"
		: r == -EPIPE || r == -ECONNRESET ? "it ended"
						  : strerror(-r),
		*said ? ": " : "", said);
	pp_error_remedy(error, "run `%s -machine none -display none` and see what it says", binary);
	return r;
}

int pp_qemu_capabilities_ask(
	const char *binary, struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_CLEANUP(answers_done) struct answers answers = {0};
	PP_CLOSE int fd = -1;
	PP_CLOSE int log_in = -1;
	PP_CLOSE int log_out = -1;
	int log[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, log) == 0) {
		log_in = log[0];
		log_out = log[1];
	}
	r = start(binary, &fd, log_out, &pid, error);
	if (r < 0)
		return r;
	r = talk(binary, fd, log_in, &answers, error);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : understand(binary, &answers, ret_capabilities, error);
}
