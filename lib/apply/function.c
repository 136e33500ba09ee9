/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/function.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/apply/vflink.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
#define MODEL "/model/functions" /* where a machine that is a folder keeps it */
#define ANSWER_MAX 262144        /* of a card with 256 functions; each has some 250 bytes */
#define ANSWER_S 10

/* ---- which card, and which of its functions it is ---- */

struct place {
	char port[64]; /* the card's first interface */
	int index;     /* of that */
	unsigned function;
};

static int find_number(struct pp_context *context, struct pp_arena *arena, const char *pf,
	const char *address, unsigned *ret_number)
{
	for (unsigned i = 0;; i++) {
		char path[PP_PATH_MAX], *name;
		pp_path(path, sizeof(path), "%s/virtfn%u", pf, i);
		int r = pp_tree_link_name(context->tree, arena, path, &name);
		if (r < 0)
			return r == -ENOENT ? -EOPNOTSUPP : r;
		if (pp_text_is(name, address)) {
			*ret_number = i;
			return 0;
		}
	}
}

static int find_place(struct pp_context *context, const char *address, struct place *ret_place)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX], *pf, **ports;
	struct place place = {0};
	size_t count = 0;
	if (!arena)
		return -ENOMEM;
	pp_path(path, sizeof(path), DEVICES "/%s", address);
	if (!pp_tree_exists(context->tree, path))
		return -ENODEV;
	pp_path(path, sizeof(path), DEVICES "/%s/physfn", address);
	int r = pp_tree_real(context->tree, arena, path, &pf);
	if (r >= 0)
		r = find_number(context, arena, pf, address, &place.function);
	if (r < 0)
		return r == -ENOENT ? -EOPNOTSUPP : r;
	pp_path(path, sizeof(path), "%s/net", pf);
	r = pp_tree_list(context->tree, arena, path, &ports, &count);
	if (r == -ENOENT || (r >= 0 && count == 0))
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	snprintf(place.port, sizeof(place.port), "%s", ports[0]);
	pp_path(path, sizeof(path), "%s/net/%s/ifindex", pf, ports[0]);
	r = pp_tree_int(context->tree, path, &place.index);
	if (r < 0 && context->live)
		return r;
	*ret_place = place;
	return 0;
}

/* ---- the kernel's side ---- */

/* One question and its answer, in ANSWER; its length or -errno. */
static ssize_t talk(const uint8_t *bytes, size_t length, uint8_t *answer, size_t size)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = ANSWER_S};
	PP_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	if (sendto(fd, bytes, length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	ssize_t n;
	do
		n = recv(fd, answer, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (size_t)n > size ? -EMSGSIZE : n;
}

static int live_read(const struct place *place, struct pp_function_state *ret_state)
{
	uint8_t bytes[PP_VFLINK_MAX];
	PP_FREE uint8_t *answer = malloc(ANSWER_MAX);
	if (!answer)
		return -ENOMEM;
	size_t length = pp_vflink_ask(bytes, place->index, 1);
	ssize_t n = talk(bytes, length, answer, ANSWER_MAX);
	if (n < 0)
		return (int)n;
	int r = pp_vflink_parse(answer, (size_t)n, place->function, ret_state);
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

struct work {
	const struct place *place;
	enum pp_vflink_what what;
	const struct pp_function_state *to;
};

static int live_set(void *data)
{
	const struct work *work = data;
	uint8_t bytes[PP_VFLINK_MAX], answer[PP_VFLINK_MAX * 2];
	size_t length = pp_vflink_set(
		bytes, work->place->index, 1, work->place->function, work->what, work->to);
	ssize_t n = talk(bytes, length, answer, sizeof(answer));
	return n < 0 ? (int)n : pp_vflink_acknowledged(answer, (size_t)n);
}

/* ---- a machine that is a folder ---- */

static int model_read(
	struct pp_context *context, const char *address, struct pp_function_state *ret_state)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX], *line;
	struct pp_function_state state = {.spoof = 1};
	if (!arena)
		return -ENOMEM;
	pp_path(path, sizeof(path), MODEL "/%s", address);
	int r = pp_tree_line(context->tree, arena, path, &line);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0 && !pp_function_parse(line, &state))
		return -EBADMSG;
	*ret_state = state;
	return 0;
}

static int model_write(
	struct pp_context *context, const char *address, const struct pp_function_state *state)
{
	char path[PP_PATH_MAX], text[PP_DRIVER_SIZE];
	pp_function_text(state, text);
	int r = pp_path(path, sizeof(path), "%s" MODEL, context->root);
	if (r >= 0)
		r = pp_file_mkdirs(AT_FDCWD, path, 0755);
	if (r < 0)
		return r;
	PP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : pp_file_replace(fd, address, text, strlen(text), 0644);
}

/* ---- both ---- */

int pp_function_read(
	struct pp_context *context, const char *address, struct pp_function_state *ret_state)
{
	struct place place;
	int r = find_place(context, address, &place);
	if (r < 0)
		return r;
	return context->live ? live_read(&place, ret_state)
			     : model_read(context, address, ret_state);
}

static int set_one(struct pp_effects *effects, const char *address, const struct place *place,
	enum pp_vflink_what what, const struct pp_function_state *to)
{
	struct work work = {.place = place, .what = what, .to = to};
	struct pp_function_state state;
	pid_t pid = 0;
	int r = pp_effects_point(effects);
	if (r < 0)
		return r;
	if (effects->context->live) {
		r = pp_process_work(live_set, &work, effects->deadline_ms, &pid);
		effects->stuck = r == -ETIMEDOUT ? pid : 0;
		return r;
	}
	r = model_read(effects->context, address, &state);
	if (r < 0)
		return r;
	if (what == PP_VFLINK_MAC)
		memcpy(state.mac, to->mac, sizeof(state.mac));
	else if (what == PP_VFLINK_VLAN)
		state.vlan = to->vlan, state.qos = to->qos;
	else if (what == PP_VFLINK_SPOOF)
		state.spoof = to->spoof;
	else
		state.trust = to->trust;
	return model_write(effects->context, address, &state);
}

static int fail(const char *address, const struct place *place, enum pp_vflink_what what, int code,
	struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, code,
		"%s: the driver of %s does not set the %s of its virtual function %u: %s", address,
		place->port, pp_vflink_word(what), place->function, strerror(-code));
	pp_error_id(error, "function-not-set");
	pp_error_remedy(
		error, "see the kernel's log; `ip link show %s` shows its functions", place->port);
	return code;
}

/* Zeroes are "none given", which not every driver takes back once it had one: no reason to hold a
 * device for ever. */
static bool is_no_mac(enum pp_vflink_what what, const struct pp_function_state *to)
{
	static const uint8_t none[6];
	return what == PP_VFLINK_MAC && memcmp(to->mac, none, sizeof(none)) == 0;
}

static int set_noted(struct pp_effects *effects, const char *address, const struct place *place,
	enum pp_vflink_what what, const struct pp_function_state *to)
{
	int r = set_one(effects, address, place, what, to);
	if (r != -EINVAL || !is_no_mac(what, to))
		return r;
	pp_effects_say(effects, PP_EVENT_NOTE,
		"%s keeps the MAC that it was given: the driver of %s takes none back", address,
		place->port);
	return 0;
}

int pp_function_move(struct pp_effects *effects, const char *address,
	const struct pp_function_state *to, struct pp_error *error)
{
	struct pp_function_state now;
	struct place place;
	int r = find_place(effects->context, address, &place);
	if (r >= 0)
		r = pp_function_read(effects->context, address, &now);
	if (r < 0)
		return pp_error_errno(
			error, r, "%s: reading what its physical function gives it", address);
	for (enum pp_vflink_what what = 0; what < PP_VFLINK_N; what++) {
		if (!pp_vflink_differs(what, &now, to))
			continue;
		r = set_noted(effects, address, &place, what, to);
		if (r < 0)
			return fail(address, &place, what, r, error);
	}
	r = pp_function_read(effects->context, address, &now);
	for (enum pp_vflink_what what = 0; r >= 0 && what < PP_VFLINK_N; what++)
		if (pp_vflink_differs(what, &now, to) && !is_no_mac(what, to))
			return fail(address, &place, what, -EIO, error);
	return r < 0 ? pp_error_errno(error, r, "%s: reading what was set", address) : 0;
}

int pp_function_plan(struct pp_context *context, const char *address, const uint8_t mac[6],
	unsigned vlan, struct pp_plan *plan, struct pp_error *error)
{
	struct pp_step step = {.kind = PP_STEP_FUNCTION};
	struct pp_function_state state;
	int r = pp_function_read(context, address, &state);
	if (r == -EOPNOTSUPP) {
		pp_error_set(error, PP_STATUS_NOT_READY, r,
			"%s is no virtual function of a network card with its driver on this host, "
			"so "
			"it cannot be given the <mac> or <vlan> of its <interface>",
			address);
		pp_error_id(error, "function-not-set");
		pp_error_remedy(error, "write it as a <hostdev>, or without these");
		return r;
	}
	if (r < 0)
		return pp_error_errno(
			error, r, "%s: reading what its physical function gives it", address);
	strcpy(step.subject, address);
	pp_function_text(&state, step.from.driver);
	if (mac)
		memcpy(state.mac, mac, sizeof(state.mac));
	if (vlan != state.vlan)
		state.qos = 0;
	state.vlan = vlan;
	pp_function_text(&state, step.to.driver);
	return pp_plan_add(plan, &step, error);
}
