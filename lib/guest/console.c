/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's console: this terminal's descriptors and a pty or socket, until Ctrl+] or the end. A
 * terminal is raw meanwhile: what is typed is the guest's, Ctrl+C too. */
#include "base/file.h"
#include "base/parse.h"
#include "base/tree.h"
#include "lib/guest/guest.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <termios.h>

#define ESCAPE 0x1d /* Ctrl+] */
#define PTY_MAJOR_FIRST 136
#define PTY_MAJOR_LAST 143

static int open_pty(const char *path, int *ret_fd, struct pp_error *error)
{
	struct stat status;

	/* The name came from QEMU: it must be what a pty is, before it is opened. */
	if (lstat(path, &status) < 0)
		return pp_error_errno(error, -errno, "cannot open its console %s", path);
	unsigned type = major(status.st_rdev);
	if (!S_ISCHR(status.st_mode) || type < PTY_MAJOR_FIRST || type > PTY_MAJOR_LAST)
		return pp_error_set(error, PP_STATUS_FAILED, -ENOTTY,
			"its console %s is not a pseudo terminal", path);
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open its console %s", path);
	*ret_fd = fd;
	return 0;
}

static int open_socket(const char *path, int *ret_fd, struct pp_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	int r = pp_path(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (r < 0)
		return pp_error_errno(error, r, "cannot connect to its console %s", path);
	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return pp_error_errno(error, -errno, "cannot connect to its console %s", path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int open_console(const struct pp_guest *guest, int *ret_fd, struct pp_error *error)
{
	const char *path = guest->record->state.console;
	struct stat status;

	if (!path) {
		pp_error_set(error, PP_STATUS_FAILED, -ENODEV, "it has no console");
		pp_error_remedy(error,
			"add <console type='pty'/> to its devices with `pcipass edit %s`, "
			"and start it again",
			guest->name);
		return -ENODEV;
	}
	if (pp_text_starts(path, "/dev/pts/"))
		return open_pty(path, ret_fd, error);
	if (stat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		return open_socket(path, ret_fd, error);
	pp_error_set(error, PP_STATUS_FAILED, -ENOTTY, "its console is the file %s", path);
	pp_error_remedy(error, "`tail -f %s` shows it", path);
	return -ENOTTY;
}

/* ---- this terminal ---- */

struct terminal {
	int fd; /* -1: none, or not a terminal */
	int signal_fd;
	struct termios before;
	sigset_t mask;
};

static void terminal_done(struct terminal *terminal)
{
	if (terminal->fd < 0)
		return;
	tcsetattr(terminal->fd, TCSADRAIN, &terminal->before);
	if (terminal->signal_fd >= 0) {
		close(terminal->signal_fd);
		sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
	}
}

/* A signal that would end us with the terminal still raw ends us when it is as before. */
static int terminal_init(struct terminal *terminal, int fd)
{
	sigset_t ends;

	*terminal = (struct terminal){.fd = -1, .signal_fd = -1};
	if (tcgetattr(fd, &terminal->before) < 0)
		return 0; /* a pipe, or a file */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	terminal->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (terminal->signal_fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &ends, &terminal->mask);
	terminal->fd = fd;

	struct termios raw = terminal->before;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSADRAIN, &raw) < 0 ? -errno : 0;
}

/* ---- the streams ---- */

/* A console is a stream with two ends, and each direction has a buffer of its own. */
struct stream {
	int from, to;
	char bytes[4096];
	size_t done, length;
	bool closed;
};

/* Waiting for FROM when it is empty, for TO when it is not. */
static struct pollfd stream_wait(const struct stream *stream)
{
	if (stream->length > 0)
		return (struct pollfd){.fd = stream->to, .events = POLLOUT};
	return (struct pollfd){.fd = stream->closed ? -1 : stream->from, .events = POLLIN};
}

/* 0, 1 when the escape was typed, -errno. */
static int stream_move(struct stream *stream, bool typed)
{
	if (stream->length > 0) {
		ssize_t n = write(stream->to, stream->bytes + stream->done, stream->length);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		stream->done += (size_t)n;
		stream->length -= (size_t)n;
		return 0;
	}
	ssize_t n = read(stream->from, stream->bytes, sizeof(stream->bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* The other side of a pty that is closed reads as an error. */
	if (n < 0 && errno != EIO)
		return -errno;
	if (n <= 0) {
		stream->closed = true;
		return 0;
	}
	const char *escape = typed ? memchr(stream->bytes, ESCAPE, (size_t)n) : NULL;
	stream->done = 0;
	stream->length = escape ? (size_t)(escape - stream->bytes) : (size_t)n;
	return escape != NULL;
}

/* GUEST_FD, the terminal, the end of QEMU, and a signal to us. */
static int connect_streams(int guest_fd, int in_fd, int out_fd, int engine_fd, int signal_fd)
{
	struct stream typed = {.from = in_fd, .to = guest_fd};
	struct stream shown = {.from = guest_fd, .to = out_fd};

	for (;;) {
		struct pollfd waits[] = {stream_wait(&typed), stream_wait(&shown),
			{.fd = engine_fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
		if (poll(waits, PP_COUNT(waits), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (waits[3].revents)
			return -EINTR;
		int r = waits[0].revents ? stream_move(&typed, true) : 0;
		if (r > 0)
			return 0;
		if (r == 0 && waits[1].revents)
			r = stream_move(&shown, false);
		if (r < 0)
			return r == -EPIPE || r == -EIO ? 0 : r;
		if (shown.closed && shown.length == 0)
			return 0;
		/* What it said last is shown before its end is noticed. */
		if (waits[2].revents && !waits[1].revents)
			return 0;
	}
}

int pp_guest_console(
	struct pp_context *context, const char *name, int in_fd, int out_fd, struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;

	int r = pp_guest_load(context, name, &guest, error);
	if (r < 0)
		return r;
	if (!pp_guest_is_active(guest)) {
		pp_error_set(
			error, PP_STATUS_FAILED, -ESRCH, "guest %s: it does not run", guest->name);
		pp_error_remedy(error, "`pcipass start %s` starts it", guest->name);
		return -ESRCH;
	}
	PP_CLOSE int guest_fd = -1;
	PP_CLOSE int engine_fd = pp_process_fd(&guest->record->engine);
	r = open_console(guest, &guest_fd, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s", guest->name) : r;
	PP_CLEANUP(terminal_done) struct terminal terminal = {.fd = -1};
	r = terminal_init(&terminal, in_fd);
	if (r >= 0)
		r = connect_streams(guest_fd, in_fd, out_fd, engine_fd, terminal.signal_fd);
	if (r < 0)
		return pp_error_errno(error, r, "guest %s: its console", guest->name);
	return 0;
}
