/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/unit.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/library.h"
#include "lib/guest/record.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SOCKET "handover.sock"
#define PRIVATE_BUS                                                                                \
	"unix:path=/run/systemd/private" /* systemd's own: there without a bus daemon              \
					  */
#define BUS_USEC (30ULL * 1000000)
#define HANDOVER_MS 60000
#define N_FDS 2

/* ---- libsystemd, where systemd is asked ---- */

static struct {
	__typeof__(sd_bus_call) *call;
	__typeof__(sd_bus_error_free) *error_free;
	__typeof__(sd_bus_error_has_name) *error_has_name;
	__typeof__(sd_bus_flush_close_unref) *flush_close_unref;
	__typeof__(sd_bus_message_append) *message_append;
	__typeof__(sd_bus_message_new_method_call) *message_new_method_call;
	__typeof__(sd_bus_message_unref) *message_unref;
	__typeof__(sd_bus_new) *new;
	__typeof__(sd_bus_set_address) *set_address;
	__typeof__(sd_bus_start) *start;
} libsystemd;

static const struct pp_library_function libsystemd_functions[] = {
	{"sd_bus_call", &libsystemd.call},
	{"sd_bus_error_free", &libsystemd.error_free},
	{"sd_bus_error_has_name", &libsystemd.error_has_name},
	{"sd_bus_flush_close_unref", &libsystemd.flush_close_unref},
	{"sd_bus_message_append", &libsystemd.message_append},
	{"sd_bus_message_new_method_call", &libsystemd.message_new_method_call},
	{"sd_bus_message_unref", &libsystemd.message_unref},
	{"sd_bus_new", &libsystemd.new},
	{"sd_bus_set_address", &libsystemd.set_address},
	{"sd_bus_start", &libsystemd.start},
};

static struct pp_library libsystemd_library = {
	.soname = "libsystemd.so.0",
	.package = "libsystemd0",
	.functions = libsystemd_functions,
	.n_functions = PP_COUNT(libsystemd_functions),
};

static void bus_close(sd_bus **bus)
{
	libsystemd.flush_close_unref(*bus);
}

static void message_free(sd_bus_message **message)
{
	libsystemd.message_unref(*message);
}

char *pp_unit_name(const char *guest)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789:_.";
	pp_buffer_puts(&text, "pcipass-guest@");
	for (const char *c = guest; *c; c++)
		if (strchr(plain, *c) && !(c == guest && *c == '.'))
			pp_buffer_putc(&text, *c);
		else
			pp_buffer_printf(&text, "\\x%02x", (unsigned char)*c);
	pp_buffer_puts(&text, ".service");
	return pp_buffer_take(&text);
}

/* ---- asking systemd ---- */

static int bus_open(sd_bus **ret_bus)
{
	sd_bus *bus __attribute__((cleanup(bus_close))) = NULL;
	int r = libsystemd.new(&bus);
	if (r >= 0)
		r = libsystemd.set_address(bus, PRIVATE_BUS);
	if (r >= 0)
		r = libsystemd.start(bus);
	if (r < 0)
		return r;
	*ret_bus = bus;
	bus = NULL;
	return 0;
}

/* -EOPNOTSUPP: it has no such unit. */
static int ask(const char *unit, struct pp_error *error)
{
	sd_bus *bus __attribute__((cleanup(bus_close))) = NULL;
	sd_bus_message *call __attribute__((cleanup(message_free))) = NULL;
	sd_bus_error said = SD_BUS_ERROR_NULL;
	int r = bus_open(&bus);
	if (r < 0)
		return pp_error_errno(error, r, "cannot reach systemd");
	r = libsystemd.message_new_method_call(bus, &call, "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartUnit");
	if (r >= 0)
		r = libsystemd.message_append(call, "ss", unit, "replace");
	if (r >= 0)
		r = libsystemd.call(bus, call, BUS_USEC, &said, NULL);
	if (libsystemd.error_has_name(&said, "org.freedesktop.systemd1.NoSuchUnit"))
		r = -EOPNOTSUPP;
	else if (r < 0)
		pp_error_errno(error, r, "systemd does not start %s%s%s", unit,
			said.message ? ": " : "", said.message ? said.message : "");
	libsystemd.error_free(&said);
	return r < 0 ? r : 0;
}

/* ---- handing over ---- */

static int address_of(int folder_fd, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return pp_path(ret_address->sun_path, sizeof(ret_address->sun_path),
		"/proc/self/fd/%d/" SOCKET, folder_fd);
}

int pp_unit_listen(int folder_fd)
{
	struct sockaddr_un address;
	int r = address_of(folder_fd, &address);
	PP_CLOSE int fd = r < 0 ? r : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return r < 0 ? r : -errno;
	unlinkat(folder_fd, SOCKET, 0);
	mode_t mask = umask(077);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0 || listen(fd, 1) < 0)
		return r < 0 ? r : -errno;
	return PP_TAKE_FD(fd);
}

static int await(int fd, int deadline_ms)
{
	long long end = pp_clock_ms() + deadline_ms;
	for (;;) {
		long long left = end - pp_clock_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int r = poll(&wait, 1, left > 0 ? (int)left : 0);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

static int send_fds(int to, const struct pp_unit_fds *fds)
{
	char word = fds->adopt ? 'a' : 's';
	union {
		char bytes[CMSG_SPACE(N_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec part = {&word, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	const int numbers[N_FDS] = {fds->status, fds->lock};
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(numbers));
	memcpy(CMSG_DATA(header), numbers, sizeof(numbers));
	return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* To the first of root's that asks. */
int pp_unit_hand_over(int listener, const struct pp_unit_fds *fds, pid_t *ret_pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int r = await(listener, HANDOVER_MS);
	PP_CLOSE int to = r < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (to < 0)
		return r < 0 ? r : -errno;
	if (getsockopt(to, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.uid != geteuid())
		return -EPERM;
	r = send_fds(to, fds);
	if (r >= 0)
		*ret_pid = peer.pid;
	return r;
}

int pp_unit_start(struct pp_context *context, const char *name, const struct pp_unit_fds *fds,
	pid_t *ret_pid, struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	if (!context->live || geteuid() != 0 ||
		!pp_tree_exists(context->tree, "/run/systemd/system"))
		return -EOPNOTSUPP;
	PP_FREE char *unit = pp_unit_name(name);
	if (!unit)
		return pp_error_oom(error);
	int r = pp_record_folder(context, name, false, &folder_fd, error);
	if (r < 0)
		return r;
	PP_CLOSE int listener = pp_unit_listen(folder_fd);
	if (listener < 0)
		return pp_error_errno(error, listener, "cannot make the socket for %s", unit);
	r = pp_library_load(&libsystemd_library, error);
	if (r >= 0)
		r = ask(unit, error);
	if (r >= 0) {
		r = pp_unit_hand_over(listener, fds, ret_pid);
		if (r < 0)
			pp_error_errno(error, r, "%s does not take the guest over", unit);
	}
	unlinkat(folder_fd, SOCKET, 0);
	return r;
}

/* ---- in the unit ---- */

static int receive(int from, struct pp_unit_fds *ret_fds)
{
	char word = 0;
	int numbers[N_FDS];
	union {
		char bytes[CMSG_SPACE(N_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {&word, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int r = await(from, HANDOVER_MS);
	if (r < 0)
		return r;
	ssize_t n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
		header->cmsg_len != CMSG_LEN(sizeof(numbers)))
		return -EBADMSG;
	memcpy(numbers, CMSG_DATA(header), sizeof(numbers));
	*ret_fds = (struct pp_unit_fds){
		.status = numbers[0], .lock = numbers[1], .adopt = word == 'a'};
	return 0;
}

int pp_unit_receive(struct pp_context *context, const char *name, struct pp_unit_fds *ret_fds,
	struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	struct sockaddr_un address;
	int r = pp_record_folder(context, name, false, &folder_fd, error);
	if (r < 0)
		return r;
	r = address_of(folder_fd, &address);
	PP_CLOSE int fd = r < 0 ? r : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return pp_error_errno(error, r < 0 ? r : -errno, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return -ENOENT;
		return pp_error_errno(error, -errno, "cannot ask for what is handed over");
	}
	r = receive(fd, ret_fds);
	return r < 0 ? pp_error_errno(error, r, "what is handed over does not come") : 0;
}
