/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Effects: everything that this folder does to a machine goes through here. Two kernels can be
 * behind it: the live one, where each write has a deadline (poke.h), for an unbind can
 * block for ever; and, for a machine that is a directory, a model of it (model.h). A machine as
 * text is read only. */
#ifndef LIB_APPLY_EFFECTS_H
#define LIB_APPLY_EFFECTS_H

#include "base/cleanup.h"
#include "lib/context.h"
#include <signal.h>

/* What tests make happen at the Nth effect. Lines of journals count as effects too. */
enum pp_fault_kind { PP_FAULT_NONE, PP_FAULT_FAIL, PP_FAULT_DIE, PP_FAULT_HANG };
struct pp_fault {
	enum pp_fault_kind kind;
	unsigned at;    /* the first effect that it hits, from 1 */
	unsigned count; /* how many it hits; 0: one */
	int error;      /* what PP_FAULT_FAIL gives, -errno */
};
#define PP_FAULT_EXIT 99 /* exit status of a process that PP_FAULT_DIE ended */

struct pp_effects {
	struct pp_context *context;
	int deadline_ms;
	pp_progress *progress;
	void *data;
	unsigned try_seconds; /* a plan is on trial for so long; 0: it stays */
	bool unwatched;       /* tests: no process waits for the end of the trial */
	/* The time of a guest's trial is over: whoever waits for that says so, now and then, until
	 * its journal has gone. */
	void (*trial_over)(struct pp_context *context, const char *guest);
	int keep_fd; /* all that a child keeps open: the lock of the device that it writes for */
	pid_t stuck; /* the child that the last -ETIMEDOUT left behind, else 0 */
	struct pp_fault fault;
	unsigned count;             /* effects so far */
	struct pp_holders *holders; /* of several lanes: shared by them; may be NULL */
	unsigned *counter; /* of one lane of several: where all of them count; NULL: in count */
};

/* Refuses what cannot be written: a machine as text, a directory whose sys is a live sysfs. */
int pp_effects_init(struct pp_effects *effects, struct pp_context *context,
	const struct pp_apply_options *options, struct pp_error *error);

/* A signal that asks for an end waits, blocked. */
bool pp_effects_asked_to_end(void);
/* The signals that do. */
void pp_effects_signals(sigset_t *set);
/* To be called before each effect that does not go through the functions below: 0 or -errno. */
int pp_effects_point(struct pp_effects *effects);
/* One write(2) of TEXT to PATH ("/sys/bus/pci/drivers_probe"). -ETIMEDOUT: a child still hangs in
 * it. WHAT is said, as "waiting for WHAT", when it takes long. */
int pp_effects_write(
	struct pp_effects *effects, const char *path, const char *text, const char *what);
/* Loads a module (a name or a modalias). */
int pp_effects_load(struct pp_effects *effects, const char *module, struct pp_error *error);
/* Tells who waits. */
void pp_effects_say(struct pp_effects *effects, enum pp_event_kind kind, const char *format, ...)
	PP_PRINTF(3, 4);

#endif
