/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/lanes.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/holder.h"
#include "lib/plan/plan.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LANES_MAX 64 /* at the same time */
#define STACK (1 << 20)

struct lane {
	struct lanes *lanes;
	size_t number;
	pthread_t thread;
	bool started;
};

struct lanes {
	struct pp_effects *effects;
	const struct pp_locks *locks;
	struct pp_move *moves;
	size_t *lane_of; /* one a move */
	struct pp_holders *holders;
	size_t count, n_lanes;
	pp_move_work *work;
	bool stop, failed;
	pthread_mutex_t say; /* who listens is told by one at a time */
};

/* ---- which go together ---- */

/* The physical function of a virtual one. */
static bool physical_of(
	struct pp_context *context, const char *address, struct pp_address *ret_physical)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX];
	char *name = NULL;
	pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", address);
	return arena && pp_tree_link_name(context->tree, arena, path, &name) >= 0 &&
	       pp_address_parse(name, ret_physical) == 0;
}

struct place {
	struct pp_address address, physical;
	bool known, virtual;
};

static bool same_slot(const struct pp_address *a, const struct pp_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot;
}

/* A virtual function goes with its physical one, which makes it, and with no other neighbour. */
static bool same_lane(const struct place *a, const struct place *b)
{
	if (!a->known || !b->known || pp_address_compare(&a->address, &b->address) == 0)
		return true;
	if (a->virtual && b->virtual)
		return false;
	if (a->virtual)
		return pp_address_compare(&a->physical, &b->address) == 0;
	if (b->virtual)
		return pp_address_compare(&b->physical, &a->address) == 0;
	return same_slot(&a->address, &b->address);
}

static struct place *places_read(
	struct pp_context *context, const struct pp_move *moves, size_t count)
{
	struct place *places = calloc(count + 1, sizeof(*places));
	for (size_t i = 0; places && i < count; i++) {
		const char *subject = moves[i].step->subject;
		places[i].known = pp_address_parse(subject, &places[i].address) == 0;
		places[i].virtual = physical_of(context, subject, &places[i].physical);
	}
	return places;
}

/* Joins the lane of MOVES[I] with those of all before it that it must not run beside. */
static void join(const struct place *places, size_t i, size_t *lane_of)
{
	lane_of[i] = i;
	for (size_t j = 0; j < i; j++) {
		size_t other = lane_of[j];
		if (other == lane_of[i] || !same_lane(&places[i], &places[j]))
			continue;
		size_t kept = other < lane_of[i] ? other : lane_of[i];
		size_t gone = other < lane_of[i] ? lane_of[i] : other;
		for (size_t k = 0; k <= i; k++)
			lane_of[k] = lane_of[k] == gone ? kept : lane_of[k];
	}
}

/* Numbers the lanes into LANE_OF. 0: without memory. */
static size_t divide(
	struct pp_context *context, const struct pp_move *moves, size_t count, size_t *lane_of)
{
	PP_FREE struct place *places = places_read(context, moves, count);
	size_t n_lanes = 0;
	for (size_t i = 0; places && i < count; i++)
		join(places, i, lane_of);
	for (size_t i = 0; places && i < count; i++)
		lane_of[i] = lane_of[i] == i ? n_lanes++ : lane_of[lane_of[i]];
	return n_lanes;
}

size_t pp_lanes_count(struct pp_context *context, const struct pp_move *moves, size_t count)
{
	PP_FREE size_t *lane_of = count > 1 ? calloc(count, sizeof(*lane_of)) : NULL;
	return lane_of ? divide(context, moves, count, lane_of) : count > 0;
}

/* ---- running ---- */

static void say(enum pp_event_kind kind, const char *text, void *data)
{
	struct lanes *lanes = data;
	pthread_mutex_lock(&lanes->say);
	pp_effects_say(lanes->effects, kind, "%s", text);
	pthread_mutex_unlock(&lanes->say);
}

static bool may_begin(struct lanes *lanes)
{
	return !lanes->stop ||
	       (!__atomic_load_n(&lanes->failed, __ATOMIC_RELAXED) && !pp_effects_asked_to_end());
}

static void move_run(struct lanes *lanes, struct pp_move *move)
{
	struct pp_effects own = *lanes->effects;
	if (!may_begin(lanes)) {
		move->result = -ECANCELED;
		return;
	}
	own.counter = lanes->effects->counter ? lanes->effects->counter : &lanes->effects->count;
	own.stuck = 0;
	own.holders = lanes->holders;
	own.progress = say;
	own.data = lanes;
	pp_locks_focus(lanes->locks, &own, move->step->subject);
	move->result = lanes->work(&own, move);
	move->stuck = move->result == -ETIMEDOUT ? own.stuck : 0;
	if (move->result < 0)
		__atomic_store_n(&lanes->failed, true, __ATOMIC_RELAXED);
}

static void *lane_run(void *data)
{
	struct lane *lane = data;
	struct lanes *lanes = lane->lanes;
	for (size_t i = 0; i < lanes->count; i++)
		if (lanes->lane_of[i] % LANES_MAX == lane->number)
			move_run(lanes, &lanes->moves[i]);
	return NULL;
}

/* A lane that gets no thread is run by the caller. */
static void lanes_run(struct lanes *lanes)
{
	struct lane lane[LANES_MAX];
	pthread_attr_t attributes;
	size_t n = lanes->n_lanes < LANES_MAX ? lanes->n_lanes : LANES_MAX;
	bool set = pthread_attr_init(&attributes) == 0 &&
		   pthread_attr_setstacksize(&attributes, STACK) == 0;
	for (size_t i = 0; i < n; i++) {
		lane[i] = (struct lane){.lanes = lanes, .number = i};
		lane[i].started =
			set && i + 1 < n &&
			pthread_create(&lane[i].thread, &attributes, lane_run, &lane[i]) == 0;
	}
	for (size_t i = 0; i < n; i++)
		if (!lane[i].started)
			lane_run(&lane[i]);
	for (size_t i = 0; i < n; i++)
		if (lane[i].started)
			pthread_join(lane[i].thread, NULL);
	if (set)
		pthread_attr_destroy(&attributes);
}

void pp_lanes_run(struct pp_effects *effects, const struct pp_locks *locks, struct pp_move *moves,
	size_t count, pp_move_work *work, bool stop)
{
	PP_FREE size_t *lane_of = calloc(count + 1, sizeof(*lane_of));
	struct lanes lanes = {.effects = effects,
		.locks = locks,
		.moves = moves,
		.lane_of = lane_of,
		.count = count,
		.work = work,
		.stop = stop,
		.say = PTHREAD_MUTEX_INITIALIZER};
	lanes.n_lanes = lane_of && count > 1 ? divide(effects->context, moves, count, lane_of) : 1;
	if (lanes.n_lanes > 1) {
		lanes.holders = pp_holders_new();
		lanes_run(&lanes);
		pp_holders_free(lanes.holders);
		return;
	}
	for (size_t i = 0; i < count; i++)
		move_run(&lanes, &moves[i]);
}
