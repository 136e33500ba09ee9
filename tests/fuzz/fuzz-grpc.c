/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes to the server behind HTTP/2's preface, as a message of one call, and as the kubelet's
 * messages themselves: it neither ends nor hangs, and each whole call has exactly one answer. */
#include "base/cleanup.h"
#include "device-plugin/grpc/server.h"
#include "v1beta1.pb-c.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answered;

static void run_echo(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	answered++;
	if (length % 3 == 0)
		grpc_call_fail(call, GRPC_NOT_FOUND, "no such \x01 %\xff");
	else
		grpc_call_answer(call, message, length);
}

static void run_stream(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	grpc_call_send(call, message, length);
	grpc_call_send(call, message, length / 2);
}

static const struct grpc_method methods[] = {
	{"/v1beta1.DevicePlugin/Allocate", run_echo},
	{"/v1beta1.DevicePlugin/ListAndWatch", run_stream},
};

static void serve(const uint8_t *data, size_t size)
{
	static char path[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct loop *loop = NULL;
	struct grpc_server *server = NULL;
	char bytes[4096];
	snprintf(path, sizeof(path), "/tmp/fuzz-grpc-%d.sock", (int)getpid());
	memcpy(address.sun_path, path, sizeof(path));
	if (loop_new(&loop, NULL) < 0 ||
		grpc_server_open(loop, path, methods, PP_COUNT(methods), NULL, &server, NULL) < 0)
		abort();
	PP_CLOSE int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		fcntl(peer, F_SETFL, O_NONBLOCK) < 0)
		abort();
	for (size_t at = 0, idle = 0; at < size && idle < 50;) {
		size_t length = size - at < 700 ? size - at : 700;
		ssize_t n = send(peer, data + at, length, MSG_NOSIGNAL);
		at += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		if (loop_turn(loop, 0) < 0)
			abort();
		while (recv(peer, bytes, sizeof(bytes), 0) > 0)
			;
		if (n < 0 && errno == EPIPE)
			break;
	}
	for (int i = 0; i < 4; i++)
		if (loop_turn(loop, 0) < 0)
			abort();
	grpc_server_close(server);
	loop_free(loop);
}

static void take(const uint8_t *data, size_t size)
{
	struct grpc_inbox inbox = {0};
	const uint8_t *message;
	size_t length;
	for (size_t at = 0; at < size;) {
		size_t part = 1 + data[at] % 7;
		part = part < size - at ? part : size - at;
		grpc_inbox_feed(&inbox, data + at, part);
		at += part;
	}
	bool whole = grpc_inbox_take(&inbox, &message, &length);
	if (whole && (length + GRPC_PREFIX != size || memcmp(message, data + GRPC_PREFIX, length)))
		abort();
	if (!whole && (!inbox.fault || !inbox.why))
		abort();
	grpc_inbox_done(&inbox);
}

static void decode(const uint8_t *data, size_t size)
{
	char *text = grpc_text_decode((const char *)data, size);
	char *coded = text ? grpc_text_encode(text) : NULL;
	char *again = coded ? grpc_text_decode(coded, strlen(coded)) : NULL;
	if (!again || strcmp(text, again) != 0)
		abort();
	free(text);
	free(coded);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Kubelet__AllocateRequest *allocate = kubelet__allocate_request__unpack(NULL, size, data);
	Kubelet__PreferRequest *prefer = kubelet__prefer_request__unpack(NULL, size, data);
	if (allocate)
		kubelet__allocate_request__free_unpacked(allocate, NULL);
	if (prefer)
		kubelet__prefer_request__free_unpacked(prefer, NULL);
	take(data, size);
	decode(data, size);
	serve(data, size);
	return 0;
}
