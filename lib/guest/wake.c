/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/wake.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <systemd/sd-bus.h>

#define LOGIND "org.freedesktop.login1"
#define CALL_USEC (5ULL * 1000000) /* the guest's supervisor stands still meanwhile */

static void bus_close(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static void message_free(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

static int ask(sd_bus *bus, const char *why, int *ret_fd, sd_bus_error *said)
{
	sd_bus_message *call __attribute__((cleanup(message_free))) = NULL;
	sd_bus_message *reply __attribute__((cleanup(message_free))) = NULL;
	int fd = -1;
	int r = sd_bus_message_new_method_call(
		bus, &call, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager", "Inhibit");
	if (r >= 0)
		r = sd_bus_message_append(call, "ssss", "sleep", "pcipass", why, "block");
	if (r >= 0)
		r = sd_bus_call(bus, call, CALL_USEC, said, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "h", &fd); /* the message's own */
	if (r < 0)
		return r;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return -errno;
	*ret_fd = own;
	return 0;
}

int pp_wake_hold(struct pp_context *context, const char *guest, int *ret_fd, struct pp_error *error)
{
	sd_bus *bus __attribute__((cleanup(bus_close))) = NULL;
	sd_bus_error said = SD_BUS_ERROR_NULL;
	PP_BUFFER struct pp_buffer why = PP_BUFFER_INIT;
	if (!context->live || !pp_tree_exists(context->tree, "/run/systemd/system") ||
		!pp_tree_exists(context->tree, "/run/dbus/system_bus_socket"))
		return -EOPNOTSUPP;
	pp_buffer_printf(&why, "guest %s has devices of the host", guest);
	int r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = ask(bus, pp_buffer_text(&why), ret_fd, &said);
	if (r < 0)
		pp_error_errno(error, r, "cannot ask logind to keep the host awake%s%s",
			said.message ? ": " : "", said.message ? said.message : "");
	sd_bus_error_free(&said);
	return r < 0 ? r : 0;
}
