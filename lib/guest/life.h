/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's life: a pure state machine. What happened goes in, what is to be done comes out; the
 * supervisor does it. Devices are given back once, and never while QEMU lives. */
#ifndef LIB_GUEST_LIFE_H
#define LIB_GUEST_LIFE_H

#include <stdbool.h>

enum pp_phase {
	PP_PHASE_LAUNCHING, /* QEMU is started (or found again), its monitor has not greeted */
	PP_PHASE_ASKING,    /* it greeted: how is it? */
	PP_PHASE_STARTING,  /* told to run */
	PP_PHASE_RUNNING,
	PP_PHASE_PAUSED,
	PP_PHASE_IN_SHUTDOWN, /* it ended by itself, QEMU is on its way out */
	PP_PHASE_STOPPING,    /* QEMU was asked to go */
	PP_PHASE_KILLING,     /* it did not, and was killed */
	PP_PHASE_RELEASING,   /* QEMU is gone, devices go back */
	PP_PHASE_ENDED,
};
#define PP_PHASE_COUNT (PP_PHASE_ENDED + 1)

/* How a guest ended. */
enum pp_end {
	PP_END_NONE,
	PP_END_SHUTDOWN, /* by itself */
	PP_END_RESET,    /* it wanted to restart and its definition says that this is its end */
	PP_END_PANIC,
	PP_END_DESTROYED,  /* asked for */
	PP_END_TERMINATED, /* QEMU was told to end by a signal that it obeyed */
	PP_END_SIGNAL,     /* QEMU died of a signal; detail: which */
	PP_END_EXIT,       /* QEMU gave up; detail: its exit status */
	PP_END_UNSEEN,     /* while nobody watched */
	PP_END_DIED,       /* not our child, and its monitor told of no end: SIGNAL or EXIT */
	PP_END_FAILED,  /* never ran; detail as SIGNAL (negative) or EXIT, 0: not started at all */
	PP_END_TIMEOUT, /* never ran: QEMU did not answer in time */
	PP_END_TRIAL,   /* it was on trial, and nobody kept it */
};
#define PP_END_COUNT (PP_END_TRIAL + 1)

enum pp_run_state {
	PP_RUN_PRELAUNCH,
	PP_RUN_RUNNING,
	PP_RUN_PAUSED,
	PP_RUN_IO_ERROR,
	PP_RUN_PANICKED,
	PP_RUN_WATCHDOG,
	PP_RUN_SHUTDOWN,
};
#define PP_RUN_COUNT (PP_RUN_SHUTDOWN + 1)

enum pp_happening_kind {
	PP_HAPPENED_BEGIN, /* detail: 1 adopt, 0 start */
	PP_HAPPENED_SPAWN_FAILED,
	PP_HAPPENED_GREETING,
	PP_HAPPENED_STATUS,       /* detail: enum pp_run_state */
	PP_HAPPENED_CONTINUED,    /* the command to run was answered */
	PP_HAPPENED_REFUSED,      /* QEMU refused a command of ours */
	PP_HAPPENED_MONITOR_LOST, /* closed, or not QMP */
	PP_HAPPENED_SHUTDOWN,     /* detail: enum pp_end that its reason means */
	PP_HAPPENED_PANIC,
	PP_HAPPENED_STOP,
	PP_HAPPENED_RESUME,
	PP_HAPPENED_QEMU_ENDED, /* detail: exit status, or minus a signal, or PP_STATUS_UNSEEN */
	PP_HAPPENED_DESTROY,    /* someone wants the guest gone */
	PP_HAPPENED_TRIAL_OVER, /* and nobody kept it */
	PP_HAPPENED_DEADLINE,
	PP_HAPPENED_RELEASED, /* detail: 0, or -errno: not all devices are back */
};
#define PP_HAPPENED_COUNT (PP_HAPPENED_RELEASED + 1)
/* QEMU is not our child: how it ended cannot be known from the kernel. */
#define PP_QEMU_UNSEEN (-1000)

struct pp_happening {
	enum pp_happening_kind kind;
	int detail;
};

/* To be done, in this order. */
enum pp_action {
	PP_DO_SPAWN = 1 << 0,
	PP_DO_CONNECT = 1 << 1,
	PP_DO_NEGOTIATE = 1 << 2, /* capabilities, then PP_DO_ASK */
	PP_DO_ASK = 1 << 3,       /* the run state */
	PP_DO_RESTART = 1 << 4,   /* a guest that panicked: reset it and let it run */
	PP_DO_CONTINUE = 1 << 5,
	PP_DO_QUIT = 1 << 6,      /* by the monitor */
	PP_DO_TERMINATE = 1 << 7, /* SIGTERM */
	PP_DO_KILL = 1 << 8,
	PP_DO_DISARM = 1 << 9,
	PP_DO_ARM_START = 1 << 10, /* one deadline at a time; arming replaces it */
	PP_DO_ARM_MONITOR = 1 << 11,
	PP_DO_ARM_STOP = 1 << 12,
	PP_DO_ARM_KILL = 1 << 13,
	PP_DO_SAVE = 1 << 14,
	PP_DO_REPORT = 1 << 15, /* who started it learns that it runs */
	PP_DO_RELEASE = 1 << 16,
	PP_DO_FINISH = 1 << 17, /* the supervisor's own end */
};

/* A monitor that was just left by another client may still be busy with its end. */
#define PP_LIFE_TRIES 3

struct pp_life {
	enum pp_phase phase;
	bool adopted;
	bool start_paused;
	bool restart_on_panic; /* its definition says so; QEMU pauses it then */
	bool monitor;          /* QMP can be used */
	bool answered;         /* an adopted QEMU: it would tell of a good end */
	unsigned tries;  /* how often the monitor of an adopted QEMU was lost before it answered */
	bool stuck;      /* was killed and does not go: it hangs in the kernel */
	bool unreleased; /* ended, but not all devices are back */
	bool panicked;   /* the guest said so */
	enum pp_run_state run; /* in PAUSED: why */
	enum pp_end end;
	int end_detail;
};

/* The one transition function: changes LIFE and returns what is to be done (enum pp_action). */
unsigned pp_life_step(struct pp_life *life, struct pp_happening happening);

/* Words of QMP. Unknown ones have a meaning too: the guest is there (PAUSED), QEMU ends
 * (TERMINATED). */
enum pp_run_state pp_run_state_of(const char *word);
enum pp_end pp_end_of_shutdown(const char *reason);
/* Words of the state file, and back; -EINVAL where there is no such word. */
const char *pp_phase_word(enum pp_phase phase);
int pp_phase_parse(const char *word, enum pp_phase *ret_phase);
const char *pp_end_word(enum pp_end end);
int pp_end_parse(const char *word, enum pp_end *ret_end);
const char *pp_run_state_word(enum pp_run_state run);
int pp_run_state_parse(const char *word, enum pp_run_state *ret_run);
bool pp_end_is_crash(enum pp_end end);

#endif
