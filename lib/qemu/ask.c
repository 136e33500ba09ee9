/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking a QEMU binary what it can do: one run without a machine, over QMP on a pair of sockets. */
#include "base/buffer.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/qemu/capabilities.h"
#include "lib/qemu/qmp.h"
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DEADLINE_MS 120000 /* of each answer */
/* Who is asked is not trusted more than what it is going to run: the last user of the range that
 * guests have theirs of (lib/guest/claim.h). */
#define USER 0x7a00ffffu

enum asked { VERSION, TARGET, KVM, MACHINES, TYPES, CPUS, OPTIONS, VFIO, PORT, MAX_CPU, N_ASKED };
static const struct question {
	const char *command;
	const char *argument, *value; /* one string argument, or NULL */
	bool optional;                /* a QEMU without this device answers with an error */
} questions[N_ASKED] = {
	[VERSION] = {"query-version", NULL, NULL, false},
	[TARGET] = {"query-target", NULL, NULL, false},
	[KVM] = {"query-kvm", NULL, NULL, false},
	[MACHINES] = {"query-machines", NULL, NULL, false},
	[TYPES] = {"qom-list-types", "implements", "device", false},
	[CPUS] = {"query-cpu-definitions", NULL, NULL, true},
	[OPTIONS] = {"query-command-line-options", NULL, NULL, false},
	[VFIO] = {"device-list-properties", "typename", "vfio-pci", true},
	[PORT] = {"device-list-properties", "typename", "pcie-root-port", true},
	[MAX_CPU] = {"device-list-properties", "typename", "max-x86_64-cpu", true},
};

struct answers {
	struct pp_json *all[N_ASKED];
};

static void answers_done(struct answers *answers)
{
	for (size_t i = 0; i < N_ASKED; i++)
		pp_json_free(answers->all[i]);
}

static int ask_one(struct pp_qmp *qmp, const struct question *question, struct pp_json **ret_answer,
	struct pp_error *error)
{
	struct pp_json *arguments = NULL;
	int r;

	if (question->argument) {
		arguments = pp_json_object();
		if (!arguments ||
			pp_json_set_string(arguments, question->argument, question->value) < 0) {
			pp_json_free(arguments);
			return pp_error_oom(error);
		}
	}
	r = pp_qmp_call(qmp, question->command, arguments, DEADLINE_MS, ret_answer, error);
	if (r != -EREMOTEIO || !question->optional)
		return r;
	pp_error_clear(error);
	return 0;
}

static int ask_all(struct pp_qmp *qmp, struct answers *answers, struct pp_error *error)
{
	int r = pp_qmp_negotiate(qmp, DEADLINE_MS, error);

	for (size_t i = 0; r >= 0 && i < N_ASKED; i++)
		r = ask_one(qmp, &questions[i], &answers->all[i], error);
	return r;
}

/* ---- what the answers say ---- */

/* The name of each object of an array, as a new array. */
static struct pp_json *pluck(const struct pp_json *array, const char *prefix)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *list = pp_json_array();
	size_t count = pp_json_is_array(array) ? pp_json_length(array) : 0;

	for (size_t i = 0; list && i < count; i++) {
		const char *name = pp_json_get_string(pp_json_at(array, i), "name");
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

		if (!name)
			continue;
		pp_buffer_printf(&text, "%s%s", prefix, name);
		if (text.failed || pp_json_add_string(list, text.data) < 0)
			return NULL;
	}
	return PP_TAKE(list);
}

static int set_properties(struct pp_json *object, const struct answers *answers)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *vfio = pluck(answers->all[VFIO], "vfio-pci.");
	PP_CLEANUP(pp_json_freep)
	struct pp_json *port = pluck(answers->all[PORT], "pcie-root-port.");

	if (!vfio || !port)
		return -ENOMEM;
	for (size_t i = 0; i < pp_json_length(port); i++)
		if (pp_json_add_string(vfio, pp_json_text_of(pp_json_at(port, i))) < 0)
			return -ENOMEM;
	return pp_json_set(object, "properties", PP_TAKE(vfio));
}

static int set_version(struct pp_json *object, const struct pp_json *version)
{
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

static bool has_option(const struct pp_json *options, const char *name)
{
	for (size_t i = 0; pp_json_is_array(options) && i < pp_json_length(options); i++)
		if (pp_text_is(pp_json_get_string(pp_json_at(options, i), "option"), name))
			return true;
	return false;
}

static int set_lists(struct pp_json *object, const struct answers *answers)
{
	static const struct {
		const char *key;
		enum asked asked;
	} lists[] = {{"devices", TYPES}, {"cpus", CPUS}, {"cpu-features", MAX_CPU}};
	int r = set_properties(object, answers);

	for (size_t i = 0; r == 0 && i < PP_COUNT(lists); i++) {
		struct pp_json *list = pluck(answers->all[lists[i].asked], "");

		r = list ? pp_json_set(object, lists[i].key, list) : -ENOMEM;
	}
	return r ? r : pp_json_set(object, "machines", pp_json_copy(answers->all[MACHINES]));
}

static int understand(const char *binary, const struct answers *answers,
	struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	const char *arch = pp_json_get_string(answers->all[TARGET], "arch");
	bool kvm = false;
	int r = object ? set_version(object, answers->all[VERSION]) : -ENOMEM;

	pp_json_get_bool(answers->all[KVM], "present", &kvm);
	if (r == 0 && !arch)
		r = -EPROTO;
	if (r == 0)
		r = set_lists(object, answers);
	if (r == 0 && (pp_json_set_string(object, "binary", binary) < 0 ||
			      pp_json_set_string(object, "arch", arch) < 0 ||
			      pp_json_set_bool(object, "kvm", kvm) < 0 ||
			      pp_json_set_bool(object, "sandbox",
				      has_option(answers->all[OPTIONS], "sandbox")) < 0))
		r = -ENOMEM;
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r < 0)
		return pp_error_set(
			error, PP_STATUS_NOT_READY, r, "its answers are not as expected");
	return pp_qemu_capabilities_from_json(object, ret_capabilities, error);
}

/* ---- the run ---- */

static int start(const char *binary, int qmp_fd, int log_fd, pid_t *ret_pid, struct pp_error *error)
{
	const char *const argv[] = {binary, "-S", "-no-user-config", "-nodefaults", "-display",
		"none", "-machine", "none", "-qmp", "stdio", NULL};
	const struct pp_spawn_fd fds[] = {{qmp_fd, 0}, {qmp_fd, 1}, {log_fd, 2}};
	const bool root = geteuid() == 0;
	const struct pp_spawn spawn = {
		.set_ids = root,
		.uid = USER,
		.gid = USER,
		.no_capabilities = root,
		.no_new_privs = root,
		.argv = argv,
		.fds = fds,
		.n_fds = PP_COUNT(fds),
		.new_session = true,
		.die_with_parent = true,
	};

	return pp_process_spawn(&spawn, ret_pid, error);
}

/* What QEMU said before it ended is the best reason. */
static void add_log(int log_fd, struct pp_error *error)
{
	char said[512];
	ssize_t length = recv(log_fd, said, sizeof(said) - 1, MSG_DONTWAIT);

	while (length > 0 && strchr("\n ", said[length - 1]))
		length--;
	if (length <= 0)
		return;
	said[length] = '\0';
	pp_error_wrap(error, "it said \"%s\"", said);
}

static int talk(int *qmp_fd, int log_fd, struct answers *answers, struct pp_error *error)
{
	PP_CLEANUP(pp_qmp_freep) struct pp_qmp *qmp = NULL;
	int r = pp_qmp_open(PP_TAKE_FD(*qmp_fd), &qmp, error);

	if (r >= 0)
		r = ask_all(qmp, answers, error);
	if (r < 0)
		add_log(log_fd, error);
	return r < 0 ? r : 0;
}

static int fail(const char *binary, int code, struct pp_error *error)
{
	pp_error_wrap(error, "asking %s what it can do", binary);
	if (error)
		error->status = PP_STATUS_NOT_READY;
	pp_error_remedy(error, "run `%s -machine none -display none` and see what it says", binary);
	return code;
}

int pp_qemu_capabilities_ask(
	const char *binary, struct pp_qemu_capabilities **ret_capabilities, struct pp_error *error)
{
	PP_CLEANUP(answers_done) struct answers answers = {0};
	PP_CLOSE int our_qmp = -1;
	PP_CLOSE int our_log = -1;
	int qmp[2], log[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) < 0)
		return pp_error_errno(
			error, -errno, "asking %s what it can do: a pair of sockets", binary);
	our_qmp = qmp[0];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, log) < 0) {
		close(qmp[1]);
		return pp_error_errno(
			error, -errno, "asking %s what it can do: a pair of sockets", binary);
	}
	our_log = log[0];
	r = start(binary, qmp[1], log[1], &pid, error);
	close(qmp[1]);
	close(log[1]);
	if (r < 0)
		return fail(binary, r, error);
	r = talk(&our_qmp, our_log, &answers, error);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r == 0)
		r = understand(binary, &answers, ret_capabilities, error);
	return r < 0 ? fail(binary, r, error) : 0;
}
