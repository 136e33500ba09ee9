/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/pins.h"
#include "base/parse.h"
#include "base/tree.h"
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define ONLINE "/sys/devices/system/cpu/online"

static const char *const words[] = {"vcpu", "emulator", "iothread"};

/* ---- before the start ---- */

static int refuse(
	const char *file, int line, unsigned cpu, const char *online, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
		"%s:%d: the host has no CPU %u that is online; it has %s", file, line, cpu, online);
	return -ENODEV;
}

static int check_set(const struct pp_set *wanted, const struct pp_set *there, const char *file,
	int line, const char *online, struct pp_error *error)
{
	for (unsigned cpu = pp_set_next(wanted, 0); cpu < PP_SET_MAX;
		cpu = pp_set_next(wanted, cpu + 1))
		if (!pp_set_has(there, cpu))
			return refuse(file, line, cpu, online, error);
	return 0;
}

int pp_pins_check(struct pp_context *context, const struct pp_domain *domain, const char *file,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_set there;
	char *online = NULL;

	if (!arena)
		return pp_error_oom(error);
	if (domain->n_pins == 0 && pp_set_is_empty(&domain->cpus))
		return 0;
	int r = pp_tree_line(context->tree, arena, ONLINE, &online);
	if (r >= 0)
		r = pp_set_parse(online, &there);
	if (r < 0)
		return pp_error_errno(error, r, "cannot tell which CPUs are online (" ONLINE ")");
	r = check_set(&domain->cpus, &there, file, domain->vcpu_line, online, error);
	for (size_t i = 0; r >= 0 && i < domain->n_pins; i++)
		r = check_set(
			&domain->pins[i].cpus, &there, file, domain->pins[i].line, online, error);
	return r;
}

/* ---- threads ---- */

/* "vcpu 1 2-3": the set of one; "emulator 2-3" has no number. */
static bool read_pin(
	const char *pin, enum pp_pin_kind kind, uint64_t number, struct pp_set *ret_set)
{
	size_t length = strlen(words[kind]);
	const char *end = pin + length;
	uint64_t found;

	if (strncmp(pin, words[kind], length) || *end != ' ')
		return false;
	if (kind != PP_PIN_EMULATOR &&
		(pp_parse_prefix(end + 1, 10, UINT32_MAX, &found, &end) < 0 || found != number ||
			*end != ' '))
		return false;
	return pp_set_parse(end + 1, ret_set) >= 0;
}

static bool find_pin(const struct pp_record_launch *launch, enum pp_pin_kind kind, uint64_t number,
	struct pp_set *ret_set)
{
	for (size_t i = 0; launch->pins && launch->pins[i]; i++)
		if (read_pin(launch->pins[i], kind, number, ret_set))
			return true;
	return false;
}

bool pp_pins_any(const struct pp_record_launch *launch, enum pp_pin_kind kind)
{
	for (size_t i = 0; launch->pins && launch->pins[i]; i++)
		if (pp_text_starts(launch->pins[i], words[kind]) ||
			pp_text_starts(launch->pins[i], "emulator"))
			return true;
	return false;
}

static int move(pid_t thread, const struct pp_set *set)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (!set || pp_set_has(set, cpu))
			CPU_SET(cpu, &cpus);
	return sched_setaffinity(thread, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

int pp_pins_emulator(const struct pp_record_launch *launch)
{
	struct pp_set set;

	return find_pin(launch, PP_PIN_EMULATOR, 0, &set) ? move(0, &set) : 0;
}

/* "iothread3" is 3. */
static bool thread_number(const struct pp_json *thread, enum pp_pin_kind kind, int64_t *ret_number)
{
	const char *id = pp_json_get_string(thread, "id");
	uint64_t number;

	if (kind == PP_PIN_VCPU)
		return pp_json_get_int(thread, "cpu-index", ret_number) >= 0;
	if (!id || !pp_text_starts(id, "iothread") ||
		pp_parse_u64(id + strlen("iothread"), 10, INT32_MAX, &number) < 0)
		return false;
	*ret_number = (int64_t)number;
	return true;
}

int pp_pins_move(const struct pp_record_launch *launch, enum pp_pin_kind kind,
	const struct pp_json *threads, struct pp_error *error)
{
	for (size_t i = 0; i < pp_json_length(threads); i++) {
		const struct pp_json *thread = pp_json_at(threads, i);
		int64_t number, id;
		struct pp_set set;

		if (!thread_number(thread, kind, &number) ||
			pp_json_get_int(thread, "thread-id", &id) < 0 || id <= 0 || id > INT32_MAX)
			continue;
		/* One without a pin does not stay where the emulator is held. */
		bool pinned = find_pin(launch, kind, (uint64_t)number, &set);
		int r = move((pid_t)id, pinned ? &set : NULL);
		if (r < 0)
			return pp_error_errno(error, r,
				"cannot let %s %" PRId64 " run on its CPUs of the host alone",
				words[kind], number);
	}
	return 0;
}
