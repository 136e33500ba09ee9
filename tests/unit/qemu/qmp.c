/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP against a QEMU that says what it likes. */
#include "lib/qemu/qmp.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, "        \
	"\"capabilities\": [\"oob\"]}}\r\n"

struct talk {
	struct pp_qmp *qmp;
	int peer;
	struct pp_error error;
};

static int setup(void **state)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	talk->peer = fds[1];
	assert_int_equal(pp_qmp_open(fds[0], &talk->qmp, NULL), 0);
	*state = talk;
	return 0;
}

static int teardown(void **state)
{
	struct talk *talk = *state;
	pp_qmp_free(talk->qmp);
	if (talk->peer >= 0)
		close(talk->peer);
	free(talk);
	return 0;
}

static void say(struct talk *talk, const char *text)
{
	assert_int_equal(pp_file_write_all(talk->peer, text, strlen(text)), 0);
}

static void hang_up(struct talk *talk)
{
	close(talk->peer);
	talk->peer = -1;
}

static int hear(struct talk *talk, struct pp_qmp_message *message)
{
	memset(message, 0, sizeof(*message));
	return pp_qmp_receive(talk->qmp, message, &talk->error);
}

static void greet(struct talk *talk)
{
	struct pp_qmp_message message;
	say(talk, GREETING);
	assert_int_equal(hear(talk, &message), 1);
	assert_int_equal(message.kind, PP_QMP_GREETING);
	assert_non_null(pp_json_get(message.data, "version"));
}

static void assert_protocol_error(struct talk *talk, const char *text, const char *why)
{
	struct pp_qmp_message message;
	say(talk, text);
	assert_int_equal(hear(talk, &message), -EPROTO);
	assert_non_null(strstr(talk->error.text, why));
}

static void test_messages(void **state)
{
	struct talk *talk = *state;
	struct pp_qmp_message message;
	uint64_t id = 0, other = 0;

	assert_int_equal(hear(talk, &message), 0);
	greet(talk);
	assert_int_equal(pp_qmp_send(talk->qmp, "query-status", NULL, &id, &talk->error), 0);
	assert_int_equal(pp_qmp_send(talk->qmp, "cont", NULL, &other, &talk->error), 0);
	char sent[256];
	ssize_t n = read(talk->peer, sent, sizeof(sent) - 1);
	assert_true(n > 0);
	sent[n] = '\0';
	assert_non_null(strstr(sent, "\"execute\":\"query-status\""));
	/* Events come between, answers in another order, and bytes in pieces. */
	char text[256];
	snprintf(text, sizeof(text), "{\"return\": {}, \"id\": %d}", (int)other);
	say(talk, "{\"event\": \"STOP\", \"timestamp\": {}}");
	say(talk, text);
	snprintf(text, sizeof(text),
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": %d}",
		(int)id);
	for (const char *c = text; c[1]; c++) {
		char one[2] = {*c, '\0'};
		say(talk, one);
		if (c > text + 3)
			continue;
		while (hear(talk, &message) > 0)
			;
	}
	assert_int_equal(hear(talk, &message), 0);
	say(talk, "}");
	assert_int_equal(hear(talk, &message), 1);
	assert_int_equal(message.kind, PP_QMP_ERROR);
	assert_int_equal(message.id, id);
	assert_string_equal(message.name, "GenericError");
	assert_string_equal(message.text, "no");
}

static void test_event_data(void **state)
{
	struct talk *talk = *state;
	struct pp_qmp_message message;

	greet(talk);
	say(talk, "{\"timestamp\": {\"seconds\": 1}, \"event\": \"SHUTDOWN\", \"data\": "
		  "{\"guest\": true, "
		  "\"reason\": \"guest-shutdown\"}}\n{\"event\": \"RESET\"}");
	assert_int_equal(hear(talk, &message), 1);
	assert_string_equal(message.name, "SHUTDOWN");
	assert_string_equal(pp_json_get_string(message.data, "reason"), "guest-shutdown");
	assert_int_equal(hear(talk, &message), 1);
	assert_string_equal(message.name, "RESET");
	assert_null(message.data);
	hang_up(talk);
	assert_int_equal(hear(talk, &message), -ECONNRESET);
	assert_int_equal(hear(talk, &message), -ECONNRESET);
}

static void test_last_words(void **state)
{
	struct talk *talk = *state;
	struct pp_qmp_message message;

	greet(talk);
	say(talk, "{\"event\": \"SHUTDOWN\"}");
	hang_up(talk);
	/* Writing fails first, and what was said is still heard. */
	assert_int_equal(pp_qmp_send(talk->qmp, "quit", NULL, NULL, &talk->error), 0);
	assert_int_equal(hear(talk, &message), 1);
	assert_string_equal(message.name, "SHUTDOWN");
	assert_int_equal(hear(talk, &message), -ECONNRESET);
}

static void test_call(void **state)
{
	struct talk *talk = *state;
	struct pp_qmp_message message;
	struct pp_json *value = NULL;

	say(talk, GREETING "{\"return\": {}, \"id\": 1}{\"event\": \"RESUME\"}"
			   "{\"return\": {\"status\": \"running\"}, \"id\": 2}{\"event\": \"STOP\"}"
			   "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command "
			   "is not known\"}, \"id\": 3}");
	assert_int_equal(pp_qmp_negotiate(talk->qmp, 1000, &talk->error), 0);
	assert_int_equal(
		pp_qmp_call(talk->qmp, "query-status", NULL, 1000, &value, &talk->error), 0);
	assert_string_equal(pp_json_get_string(value, "status"), "running");
	pp_json_free(value);
	assert_int_equal(
		pp_qmp_call(talk->qmp, "nonsense", NULL, 1000, NULL, &talk->error), -EREMOTEIO);
	assert_string_equal(talk->error.text, "nonsense: The command is not known");
	/* Events are not lost on the way. */
	assert_int_equal(hear(talk, &message), 1);
	assert_string_equal(message.name, "RESUME");
	assert_int_equal(hear(talk, &message), 1);
	assert_string_equal(message.name, "STOP");
	assert_int_equal(hear(talk, &message), 0);
}

static void test_arguments(void **state)
{
	struct talk *talk = *state;
	struct pp_json *arguments = pp_json_object();
	char sent[256];

	pp_json_set_string(arguments, "id", "hostdev0");
	greet(talk);
	assert_int_equal(pp_qmp_send(talk->qmp, "device_del", arguments, NULL, &talk->error), 0);
	ssize_t n = read(talk->peer, sent, sizeof(sent) - 1);
	assert_true(n > 2);
	sent[n] = '\0';
	assert_non_null(strstr(sent, "\"arguments\":{\"id\":\"hostdev0\"}"));
	assert_int_equal(sent[n - 1], '\n');
}

static void test_no_answer(void **state)
{
	struct talk *talk = *state;

	long long begin = pp_clock_ms();
	assert_int_equal(pp_qmp_negotiate(talk->qmp, 50, &talk->error), -ETIMEDOUT);
	say(talk, GREETING);
	assert_int_equal(pp_qmp_negotiate(talk->qmp, 50, &talk->error), -ETIMEDOUT);
	assert_non_null(strstr(talk->error.text, "qmp_capabilities"));
	assert_true(pp_clock_ms() - begin < 5000);
	/* The late answer of a call that was given up is not taken for that of the next. */
	say(talk, "{\"return\": {}, \"id\": 1}{\"return\": {\"status\": \"x\"}, \"id\": 2}");
	struct pp_json *value = NULL;
	assert_int_equal(
		pp_qmp_call(talk->qmp, "query-status", NULL, 1000, &value, &talk->error), 0);
	assert_string_equal(pp_json_get_string(value, "status"), "x");
	pp_json_free(value);
}

static void test_hangs_up_in_a_call(void **state)
{
	struct talk *talk = *state;
	say(talk, GREETING "{\"return\"");
	hang_up(talk);
	assert_int_equal(pp_qmp_negotiate(talk->qmp, 1000, &talk->error), -ECONNRESET);
}

static void test_no_greeting(void **state)
{
	assert_protocol_error(*state, "{\"event\": \"STOP\"}", "no greeting");
}

static void test_garbage(void **state)
{
	assert_protocol_error(*state, "HTTP/1.1 400 Bad Request\r\n\r\n", "not JSON");
}

static void test_garbage_inside(void **state)
{
	greet(*state);
	assert_protocol_error(*state, "{\"event\": \"STOP\",,}", "not JSON");
}

static void test_not_an_object(void **state)
{
	greet(*state);
	assert_protocol_error(*state, "[1, 2]", "not an object");
}

static void test_neither(void **state)
{
	greet(*state);
	assert_protocol_error(*state, "{\"events\": 1}", "neither");
}

static void test_wrong_ids(void **state)
{
	struct talk *talk = *state;
	greet(talk);
	assert_int_equal(pp_qmp_send(talk->qmp, "cont", NULL, NULL, &talk->error), 0);
	assert_protocol_error(talk, "{\"return\": {}, \"id\": 77}", "not asked");
	assert_protocol_error(talk, "{\"return\": {}, \"id\": \"1\"}", "without an id");
	assert_protocol_error(talk, "{\"return\": {}}", "without an id");
	assert_protocol_error(talk, "{\"return\": {}, \"id\": -1}", "without an id");
	assert_protocol_error(
		talk, "{\"error\": {\"class\": \"G\", \"desc\": \"bad JSON\"}}", "bad JSON");
	assert_protocol_error(talk, "{\"error\": 3, \"id\": 1}", "without class");
	say(talk, "{\"return\": {}, \"id\": 1}");
	struct pp_qmp_message message;
	assert_int_equal(hear(talk, &message), 1);
	assert_protocol_error(talk, "{\"return\": {}, \"id\": 1}", "not asked");
}

static void test_message_without_end(void **state)
{
	struct talk *talk = *state;
	static char piece[65536];
	struct pp_qmp_message message;
	int r = 0;

	greet(talk);
	memset(piece, 'x', sizeof(piece));
	say(talk, "{\"event\": \"");
	for (size_t i = 0; r == 0 && i < PP_QMP_MESSAGE_MAX / sizeof(piece) + 2; i++) {
		assert_int_equal(pp_file_write_all(talk->peer, piece, sizeof(piece)), 0);
		r = hear(talk, &message);
	}
	assert_int_equal(r, -EPROTO);
	assert_non_null(strstr(talk->error.text, "without end"));
}

static void test_events_without_end(void **state)
{
	struct talk *talk = *state;
	static char text[300 * 32];

	for (int i = 0; i < 300; i++)
		strcat(text, "{\"event\": \"STOP\"}");
	say(talk, GREETING);
	say(talk, text);
	assert_int_equal(pp_qmp_negotiate(talk->qmp, 5000, &talk->error), -EPROTO);
}

static void test_too_many_commands(void **state)
{
	struct talk *talk = *state;
	greet(talk);
	for (int i = 0; i < PP_QMP_PENDING_MAX; i++)
		assert_int_equal(pp_qmp_send(talk->qmp, "cont", NULL, NULL, &talk->error), 0);
	assert_int_equal(
		pp_qmp_send(talk->qmp, "cont", pp_json_object(), NULL, &talk->error), -EBUSY);
}

static void test_reader_that_does_not_read(void **state)
{
	struct talk *talk = *state;
	struct pp_qmp_message message;
	greet(talk);
	/* More than a socket holds: it waits, and goes on when there is room. */
	for (int i = 0; i < 4; i++) {
		struct pp_json *arguments = pp_json_object();
		char *text = calloc(1, 200001);
		memset(text, 'y', 200000);
		pp_json_set_string(arguments, "text", text);
		free(text);
		assert_int_equal(pp_qmp_send(talk->qmp, "x", arguments, NULL, &talk->error), 0);
	}
	assert_true(pp_qmp_writing(talk->qmp));
	size_t total = 0;
	char bytes[65536];
	while (total < 800000) {
		ssize_t n = read(talk->peer, bytes, sizeof(bytes));
		assert_true(n > 0);
		total += (size_t)n;
		assert_int_equal(hear(talk, &message), 0);
	}
	assert_false(pp_qmp_writing(talk->qmp));
}

static void test_connect(void **state)
{
	/* A folder whose path is longer than what a socket's address holds. */
	char folder[256] = "/tmp/pcipass-qmp-XXXXXX", name[200];
	struct pp_qmp *qmp = NULL;
	struct pp_error error;
	assert_non_null(mkdtemp(folder));
	memset(name, 'n', 120);
	name[120] = '\0';
	int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, name, 0700), 0);
	int deep = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(deep >= 0);

	assert_int_equal(pp_qmp_connect(deep, "qmp.sock", &qmp, &error), -ENOENT);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/qmp.sock", deep);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(pp_qmp_connect(deep, "qmp.sock", &qmp, &error), -ECONNREFUSED);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pp_qmp_connect(deep, "qmp.sock", &qmp, &error), 0);
	assert_true(pp_qmp_fd(qmp) >= 0);
	pp_qmp_free(qmp);
	pp_qmp_free(NULL);
	close(listener);
	close(deep);
	close(top);
	pp_file_remove_tree(AT_FDCWD, folder);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_messages),
		CASE(test_event_data),
		CASE(test_last_words),
		CASE(test_call),
		CASE(test_arguments),
		CASE(test_no_answer),
		CASE(test_hangs_up_in_a_call),
		CASE(test_no_greeting),
		CASE(test_garbage),
		CASE(test_garbage_inside),
		CASE(test_not_an_object),
		CASE(test_neither),
		CASE(test_wrong_ids),
		CASE(test_message_without_end),
		CASE(test_events_without_end),
		CASE(test_too_many_commands),
		CASE(test_reader_that_does_not_read),
		cmocka_unit_test(test_connect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
