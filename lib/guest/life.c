/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/life.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>

static bool is_before_running(const struct pp_life *life)
{
	return life->phase <= PP_PHASE_STARTING;
}

/* Asks QEMU to go; the deadline of that is armed by the caller's DO_ARM_STOP. */
static unsigned stop(struct pp_life *life)
{
	life->phase = PP_PHASE_STOPPING;
	return (life->monitor ? PP_DO_QUIT : PP_DO_TERMINATE) | PP_DO_ARM_STOP | PP_DO_SAVE;
}

static unsigned fail(struct pp_life *life, enum pp_end end)
{
	if (life->end == PP_END_NONE)
		life->end = end;
	return stop(life);
}

static unsigned run(struct pp_life *life, enum pp_phase phase, enum pp_run_state state)
{
	life->phase = phase;
	life->run = state;
	return PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT;
}

/* A guest that is found again without its monitor still is a guest: what remains is to wait for its
 * end. */
static unsigned run_unmonitored(struct pp_life *life)
{
	life->monitor = false;
	return run(life, PP_PHASE_RUNNING, PP_RUN_RUNNING);
}

static unsigned begin(struct pp_life *life, bool adopt)
{
	if (life->phase != PP_PHASE_LAUNCHING || life->monitor)
		return 0;
	life->adopted = adopt;
	/* The one before us was asked to end it, and was killed at that. */
	if (adopt && (life->end == PP_END_DESTROYED || life->end == PP_END_FAILED ||
			     life->end == PP_END_TIMEOUT || life->end == PP_END_TRIAL))
		return stop(life);
	if (adopt)
		return PP_DO_CONNECT | PP_DO_ARM_MONITOR | PP_DO_SAVE;
	return PP_DO_SPAWN | PP_DO_CONNECT | PP_DO_ARM_START | PP_DO_SAVE;
}

static unsigned greeted(struct pp_life *life)
{
	if (life->phase != PP_PHASE_LAUNCHING)
		return 0;
	life->phase = PP_PHASE_ASKING;
	life->monitor = true;
	return PP_DO_NEGOTIATE | PP_DO_ASK;
}

static unsigned answered_asking(struct pp_life *life, enum pp_run_state state)
{
	switch (state) {
	case PP_RUN_PRELAUNCH:
		if (life->start_paused)
			return run(life, PP_PHASE_PAUSED, state);
		life->phase = PP_PHASE_STARTING;
		return PP_DO_CONTINUE;
	case PP_RUN_RUNNING:
		return run(life, PP_PHASE_RUNNING, state);
	case PP_RUN_SHUTDOWN:
		return run(life, PP_PHASE_IN_SHUTDOWN, state);
	default:
		return run(life, PP_PHASE_PAUSED, state);
	}
}

static unsigned learned_status(struct pp_life *life, enum pp_run_state state)
{
	if (life->phase == PP_PHASE_ASKING) {
		life->answered = true;
		return answered_asking(life, state);
	}
	if (life->phase != PP_PHASE_PAUSED || state == PP_RUN_RUNNING || state == life->run)
		return 0;
	life->run = state;
	return PP_DO_SAVE;
}

static unsigned continued(struct pp_life *life)
{
	return life->phase == PP_PHASE_STARTING ? run(life, PP_PHASE_RUNNING, PP_RUN_RUNNING) : 0;
}

static unsigned refused(struct pp_life *life)
{
	if (!is_before_running(life))
		return 0;
	if (life->adopted)
		return run_unmonitored(life);
	return fail(life, PP_END_FAILED);
}

static unsigned lost_monitor(struct pp_life *life)
{
	bool had = life->monitor;

	life->monitor = false;
	if (is_before_running(life) && life->adopted && ++life->tries < PP_LIFE_TRIES) {
		life->phase = PP_PHASE_LAUNCHING;
		return PP_DO_CONNECT;
	}
	if (is_before_running(life))
		return life->adopted ? run_unmonitored(life) : fail(life, PP_END_FAILED);
	switch (life->phase) {
	case PP_PHASE_STOPPING:
		/* It may have gone before it read our word. */
		return had ? PP_DO_TERMINATE : 0;
	case PP_PHASE_RUNNING:
	case PP_PHASE_PAUSED:
		return had ? PP_DO_SAVE : 0;
	default:
		return 0;
	}
}

static unsigned shut_down(struct pp_life *life, enum pp_end end)
{
	if (life->phase >= PP_PHASE_STOPPING)
		return 0;
	if (life->end == PP_END_NONE)
		life->end = end;
	life->phase = PP_PHASE_IN_SHUTDOWN;
	return PP_DO_SAVE | PP_DO_ARM_STOP;
}

static unsigned stopped(struct pp_life *life)
{
	if (life->phase != PP_PHASE_RUNNING)
		return 0;
	life->phase = PP_PHASE_PAUSED;
	life->run = life->panicked ? PP_RUN_PANICKED : PP_RUN_PAUSED;
	return PP_DO_SAVE | (life->monitor ? PP_DO_ASK : 0);
}

/* It was asked to shut down, QEMU was told to wait, and it begins anew. */
static unsigned rebooted(struct pp_life *life)
{
	life->end = PP_END_NONE;
	life->panicked = false;
	return run(life, PP_PHASE_RUNNING, PP_RUN_RUNNING) & ~(unsigned)PP_DO_REPORT;
}

static unsigned resumed(struct pp_life *life)
{
	if (life->phase == PP_PHASE_STARTING)
		return continued(life);
	if (life->phase == PP_PHASE_IN_SHUTDOWN)
		return rebooted(life);
	if (life->phase != PP_PHASE_PAUSED)
		return 0;
	life->phase = PP_PHASE_RUNNING;
	life->run = PP_RUN_RUNNING;
	life->panicked = false;
	return PP_DO_SAVE;
}

static unsigned panicked(struct pp_life *life)
{
	if (life->phase != PP_PHASE_RUNNING && life->phase != PP_PHASE_PAUSED)
		return 0;
	life->panicked = true;
	return life->restart_on_panic && life->monitor ? PP_DO_RESTART : 0;
}

static void judge_end(struct pp_life *life, int status)
{
	bool seen = status != PP_QEMU_UNSEEN;

	if (life->end != PP_END_NONE) {
		if (life->end == PP_END_FAILED && seen)
			life->end_detail = status;
		return;
	}
	life->end_detail = seen ? status : 0;
	if (is_before_running(life) && !life->adopted)
		life->end = PP_END_FAILED;
	else if (!seen)
		life->end = life->answered ? PP_END_DIED : PP_END_UNSEEN;
	else if (status < 0)
		life->end = PP_END_SIGNAL;
	else
		life->end = PP_END_EXIT;
	if (life->end == PP_END_SIGNAL)
		life->end_detail = -status;
}

static unsigned qemu_ended(struct pp_life *life, int status)
{
	if (life->phase >= PP_PHASE_RELEASING)
		return 0;
	judge_end(life, status);
	life->phase = PP_PHASE_RELEASING;
	life->monitor = false;
	life->stuck = false;
	return PP_DO_DISARM | PP_DO_SAVE | PP_DO_RELEASE;
}

static unsigned destroy(struct pp_life *life, enum pp_end end)
{
	if (life->phase >= PP_PHASE_STOPPING)
		return 0;
	return fail(life, end);
}

static unsigned deadline(struct pp_life *life)
{
	if (is_before_running(life))
		return life->adopted ? run_unmonitored(life) : fail(life, PP_END_TIMEOUT);
	/* QEMU waits for someone who was to start the guest anew. */
	if (life->phase == PP_PHASE_IN_SHUTDOWN)
		return stop(life);
	if (life->phase == PP_PHASE_STOPPING) {
		life->phase = PP_PHASE_KILLING;
		return PP_DO_KILL | PP_DO_ARM_KILL | PP_DO_SAVE;
	}
	if (life->phase != PP_PHASE_KILLING || life->stuck)
		return 0;
	life->stuck = true;
	return PP_DO_SAVE;
}

static unsigned released(struct pp_life *life, int result)
{
	if (life->phase != PP_PHASE_RELEASING)
		return 0;
	life->phase = PP_PHASE_ENDED;
	life->unreleased = result < 0;
	return PP_DO_SAVE | PP_DO_FINISH;
}

unsigned pp_life_step(struct pp_life *life, struct pp_happening happening)
{
	switch (happening.kind) {
	case PP_HAPPENED_BEGIN:
		return begin(life, happening.detail);
	case PP_HAPPENED_SPAWN_FAILED:
		if (life->end == PP_END_NONE)
			life->end = PP_END_FAILED;
		return qemu_ended(life, PP_QEMU_UNSEEN);
	case PP_HAPPENED_GREETING:
		return greeted(life);
	case PP_HAPPENED_STATUS:
		return learned_status(life, (enum pp_run_state)happening.detail);
	case PP_HAPPENED_CONTINUED:
		return continued(life);
	case PP_HAPPENED_REFUSED:
		return refused(life);
	case PP_HAPPENED_MONITOR_LOST:
		return lost_monitor(life);
	case PP_HAPPENED_SHUTDOWN:
		return shut_down(life, (enum pp_end)happening.detail);
	case PP_HAPPENED_PANIC:
		return panicked(life);
	case PP_HAPPENED_STOP:
		return stopped(life);
	case PP_HAPPENED_RESUME:
		return resumed(life);
	case PP_HAPPENED_QEMU_ENDED:
		return qemu_ended(life, happening.detail);
	case PP_HAPPENED_DESTROY:
		return destroy(life, PP_END_DESTROYED);
	case PP_HAPPENED_TRIAL_OVER:
		return destroy(life, PP_END_TRIAL);
	case PP_HAPPENED_DEADLINE:
		return deadline(life);
	case PP_HAPPENED_RELEASED:
		return released(life, happening.detail);
	}
	return 0;
}

/* ---- words ---- */

struct word {
	const char *word;
	int value;
};

static int find_word(const char *const *words, size_t n_words, const char *word, int *ret_value)
{
	for (size_t i = 0; word && i < n_words; i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		*ret_value = (int)i;
		return 0;
	}
	return -EINVAL;
}

static const char *const phase_words[PP_PHASE_COUNT] = {"launching", "asking", "starting",
	"running", "paused", "in-shutdown", "stopping", "killing", "releasing", "ended"};
static const char *const end_words[PP_END_COUNT] = {"none", "shutdown", "reset", "panic",
	"destroyed", "terminated", "signal", "exit", "unseen", "died", "failed", "timeout",
	"trial"};
static const char *const run_words[PP_RUN_COUNT] = {
	"prelaunch", "running", "paused", "io-error", "panicked", "watchdog", "shutdown"};

const char *pp_phase_word(enum pp_phase phase)
{
	return phase_words[phase];
}

const char *pp_end_word(enum pp_end end)
{
	return end_words[end];
}

const char *pp_run_state_word(enum pp_run_state state)
{
	return run_words[state];
}

int pp_phase_parse(const char *word, enum pp_phase *ret_phase)
{
	int value;
	int r = find_word(phase_words, PP_PHASE_COUNT, word, &value);
	if (r == 0)
		*ret_phase = (enum pp_phase)value;
	return r;
}

int pp_end_parse(const char *word, enum pp_end *ret_end)
{
	int value;
	int r = find_word(end_words, PP_END_COUNT, word, &value);
	if (r == 0)
		*ret_end = (enum pp_end)value;
	return r;
}

int pp_run_state_parse(const char *word, enum pp_run_state *ret_run)
{
	int value;
	int r = find_word(run_words, PP_RUN_COUNT, word, &value);
	if (r == 0)
		*ret_run = (enum pp_run_state)value;
	return r;
}

static int look_up(const struct word *words, size_t n_words, const char *word, int otherwise)
{
	for (size_t i = 0; word && i < n_words; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].value;
	return otherwise;
}

enum pp_run_state pp_run_state_of(const char *word)
{
	static const struct word words[] = {
		{"prelaunch", PP_RUN_PRELAUNCH},
		{"running", PP_RUN_RUNNING},
		{"io-error", PP_RUN_IO_ERROR},
		{"guest-panicked", PP_RUN_PANICKED},
		{"watchdog", PP_RUN_WATCHDOG},
		{"shutdown", PP_RUN_SHUTDOWN},
	};
	return (enum pp_run_state)look_up(
		words, sizeof(words) / sizeof(*words), word, PP_RUN_PAUSED);
}

enum pp_end pp_end_of_shutdown(const char *reason)
{
	static const struct word words[] = {
		{"guest-shutdown", PP_END_SHUTDOWN},
		{"guest-reset", PP_END_RESET},
		{"guest-panic", PP_END_PANIC},
		{"host-qmp-quit", PP_END_DESTROYED},
		{"host-ui", PP_END_DESTROYED},
		{"host-qmp-system-reset", PP_END_RESET},
		{"subsystem-reset", PP_END_RESET},
	};
	return (enum pp_end)look_up(
		words, sizeof(words) / sizeof(*words), reason, PP_END_TERMINATED);
}

bool pp_end_is_crash(enum pp_end end)
{
	return end == PP_END_PANIC || end == PP_END_SIGNAL || end == PP_END_EXIT ||
	       end == PP_END_DIED;
}
