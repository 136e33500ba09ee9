/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to guests, as it happens. */
#include "base/file.h"
#include "base/parse.h"
#include "cli/guests.h"
#include "cli/verb.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#define TIMEOUT_MAX 31536000
#define STAMP_SIZE 48

PP_DEFINE_CLEANUP(struct pp_events *, pp_events_close)

static bool all, loop, names, timestamp;
static const char *kind, *timeout;
static const struct pp_option options[] = {
	{"event", 0, "NAME", "this kind alone: lifecycle, reboot, device-added, device-removed",
		NULL, &kind},
	{"all", 0, NULL, "every kind", &all},
	{"loop", 0, NULL, "go on after the first one", &loop},
	{"timeout", 0, "SECONDS", "wait no longer than that in all", NULL, &timeout},
	{"timestamp", 0, NULL, "begin each line with the time", &timestamp},
	{"list", 0, NULL, "the events that there are", &names},
};
const char *const cli_events[] = {"lifecycle", "reboot", "device-added", "device-removed", NULL};

/* virsh's words for ours; those of details are ours with a capital. */
static const struct {
	const char *ours, *words;
} reasons_of[] = {
	{"booted", "Booted"},
	{"paused", "Paused"},
	{"io-error", "I/O Error"},
	{"watchdog", "Watchdog"},
	{"unpaused", "Unpaused"},
	{"panicked", "Panicked"},
	{"guest", "Finished after guest request"},
	{"host", "Finished after host request"},
	{"shutdown", "Shutdown"},
	{"reset", "Shutdown"},
	{"destroyed", "Destroyed"},
	{"trial", "Destroyed"},
	{"terminated", "Destroyed"},
	{"panic", "Crashed"},
	{"signal", "Crashed"},
	{"exit", "Crashed"},
	{"unseen", "Crashed"},
	{"died", "Crashed"},
	{"failed", "Failed"},
	{"timeout", "Failed"},
};

static const char *reason_words(const char *reason)
{
	for (size_t i = 0; i < PP_COUNT(reasons_of); i++)
		if (pp_text_is(reasons_of[i].ours, reason))
			return reasons_of[i].words;
	return reason ? reason : "";
}

static void format_stamp(int64_t when_ms, char stamp[STAMP_SIZE])
{
	time_t seconds = (time_t)(when_ms / 1000);
	struct tm parts;
	char text[32];

	stamp[0] = '\0';
	if (gmtime_r(&seconds, &parts) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts))
		snprintf(stamp, STAMP_SIZE, "%s.%03d+0000", text, (int)(when_ms % 1000));
}

static void print_json(const struct pp_guest_event *event, const char *stamp)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *line = pp_json_object();

	pp_json_set_string(line, "time", stamp);
	pp_json_set_string(line, "domain", event->guest);
	pp_json_set_string(line, "event", event->event);
	pp_json_set_string(line, "detail", event->detail);
	pp_json_set_string(line, "reason", event->reason);
	pp_json_set_string(line, "device", event->device);
	PP_FREE char *text = line ? pp_json_print(line, false) : NULL;
	if (text)
		printf("%s\n", text);
}

static void print_event(struct cli *cli, const struct pp_guest_event *event)
{
	char stamp[STAMP_SIZE];
	PP_FREE char *guest = cli_clean(event->guest);

	format_stamp(event->when_ms, stamp);
	if (cli->json) {
		print_json(event, stamp);
		return;
	}
	if (timestamp)
		cli_print(cli, "%s: ", stamp);
	cli_print(cli, "event '%s' for domain '%s'", event->event, guest ? guest : "");
	if (event->detail)
		cli_print(cli, ": %c%s %s", toupper((unsigned char)*event->detail),
			*event->detail ? event->detail + 1 : "", reason_words(event->reason));
	else if (event->device)
		cli_print(cli, ": %s", event->device);
	cli_print(cli, "\n");
}

static bool is_wanted(const struct pp_guest_event *event, const char *guest)
{
	return (!guest || pp_text_is(guest, event->guest)) &&
	       (!kind || pp_text_is(kind, event->event));
}

/* All that is there now. *ret_over: enough was seen, or nobody reads what we say. */
static int take(struct cli *cli, struct pp_events *events, const char *guest, unsigned *count,
	bool *ret_over, struct pp_error *error)
{
	struct pp_guest_event event;
	int r = 0;

	while (!*ret_over && (r = pp_events_next(events, &event, error)) > 0) {
		if (!is_wanted(&event, guest))
			continue;
		print_event(cli, &event);
		(*count)++;
		*ret_over = fflush(stdout) != 0 || !loop;
	}
	return r;
}

enum outcome { SEEN, INTERRUPTED, TIMED_OUT };

static int wait_for(struct cli *cli, struct pp_events *events, int signal_fd, const char *guest,
	long long end_ms, unsigned *count, enum outcome *ret_outcome, struct pp_error *error)
{
	bool over = false;

	for (;;) {
		int r = take(cli, events, guest, count, &over, error);
		if (r < 0 || over)
			return r;
		long long left = end_ms < 0 ? -1 : end_ms - pp_clock_ms();
		if (end_ms >= 0 && left <= 0) {
			*ret_outcome = TIMED_OUT;
			return 0;
		}
		/* A pipe that nobody reads any more is an error of its own. */
		struct pollfd polled[] = {{.fd = pp_events_fd(events), .events = POLLIN},
			{.fd = signal_fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
		if (poll(polled, PP_COUNT(polled), left > INT32_MAX ? INT32_MAX : (int)left) < 0 &&
			errno != EINTR)
			return pp_error_errno(error, -errno, "cannot wait for events");
		if (polled[2].revents & POLLERR)
			return 0;
		if (polled[1].revents) {
			*ret_outcome = INTERRUPTED;
			return 0;
		}
	}
}

static int open_signals(int *ret_fd, struct pp_error *error)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return pp_error_errno(error, -errno, "cannot wait for signals");
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot wait for signals");
	*ret_fd = fd;
	return 0;
}

static int follow(struct cli *cli, const char *guest, long long end_ms)
{
	PP_CLEANUP(pp_events_closep) struct pp_events *events = NULL;
	PP_CLOSE int signal_fd = -1;
	struct pp_error error = {0};
	enum outcome outcome = SEEN;
	unsigned count = 0;

	int r = open_signals(&signal_fd, &error);
	if (r >= 0)
		r = pp_events_open(cli->context, &events, &error);
	if (r >= 0)
		r = wait_for(cli, events, signal_fd, guest, end_ms, &count, &outcome, &error);
	if (r < 0)
		return cli_fail(cli, &error);
	if (outcome == INTERRUPTED)
		cli_print(cli, "event loop interrupted\n");
	if (outcome == TIMED_OUT)
		cli_print(cli, "event loop timed out\n");
	cli_print(cli, "events received: %u\n", count);
	cli_end(cli);
	return count > 0 ? PP_STATUS_OK : PP_STATUS_FAILED;
}

static int list_events(struct cli *cli)
{
	struct pp_json *array = pp_json_array();

	for (size_t i = 0; cli_events[i]; i++) {
		cli_print(cli, "%s\n", cli_events[i]);
		pp_json_add_string(array, cli_events[i]);
	}
	cli->lines = false;
	cli_set(cli, "events", array);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int check_kind(struct cli *cli)
{
	for (size_t i = 0; kind && cli_events[i]; i++)
		if (pp_text_is(kind, cli_events[i]))
			return PP_STATUS_OK;
	if (!kind && all)
		return PP_STATUS_OK;
	if (!kind)
		return cli_usage(cli, "event needs --event NAME, --all or --list");
	const char *nearest = pp_text_nearest(kind, cli_events);
	return cli_usage(cli, "there is no event '%s'%s%s; --list shows those that there are", kind,
		nearest ? ", perhaps " : "", nearest ? nearest : "");
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	uint64_t seconds = 0;

	if (names)
		return list_events(cli);
	if (kind && all)
		return cli_usage(cli, "--event and --all do not go together");
	int status = check_kind(cli);
	if (status)
		return status;
	if (timeout && (pp_parse_u64(timeout, 10, TIMEOUT_MAX, &seconds) < 0 || seconds == 0))
		return cli_usage(
			cli, "--timeout takes seconds, 1 to %d, not '%s'", TIMEOUT_MAX, timeout);
	long long end_ms = timeout ? pp_clock_ms() + (long long)seconds * 1000 : -1;
	status = n_words > 0 ? cli_guest(cli, words[0], &list) : cli_open(cli);
	if (status)
		return status;
	cli->lines = true;
	return follow(cli, list ? list->items[0].name : NULL, end_ms);
}

const struct cli_verb cli_verb_event = {
	.name = "event",
	.group = CLI_GUESTS,
	.summary = "what happens to guests, as it happens",
	.example = "  # pcipass event --all --loop\n"
		   "  event 'lifecycle' for domain 'win11': Started Booted\n"
		   "  event 'device-removed' for domain 'win11': hostdev1\n",
	.usage = "[DOMAIN] --event NAME|--all|--list [--loop] [--timeout SECONDS] [--timestamp]",
	.details =
		"Without --loop it ends with the first event; ^C ends it too. Nothing is asked "
		"again and again: the\n"
		"guests' supervisors write down what happens, and it wakes up with that. Guests "
		"may come and go\n"
		"meanwhile. `stopped` is said when a guest's devices are back on the host, "
		"`device-removed` when\n"
		"the guest has let go of a device. With --json each event is an object on a line. "
		"It ends with 1\n"
		"where there was no event. Guests of libvirt's are told of by virsh event.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.max_words = 1,
	.word_option = "domain",
	.run = run,
};
