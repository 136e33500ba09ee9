/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The health of a unit: a state machine, fed with events; what is to be done about them comes back.
 * Pure. It knows no engine: "given" is that someone was promised the unit. */
#ifndef POOL_HEALTH_H
#define POOL_HEALTH_H

#include "pool/unit.h"

#define PP_SAID_SIZE (PP_REASON_SIZE + 64)
struct pp_unit_health {
	struct pp_unit_facts facts; /* as last seen */
	bool seen;                  /* there are facts */
	bool cordoned;              /* a person took it out */
	bool quarantined;           /* it failed a reset or its release */
	char why[PP_REASON_SIZE];   /* of the two above */
	bool given;                 /* promised; stays so until it was open and is no more */
	bool open;                  /* given, and in use */
	bool busy;                  /* a job (prepare, release) works on it */
	bool preparing;             /* the job is for the one whom it is given to */
	bool prepared;              /* that job succeeded, and nobody was told yet */
	bool readied;               /* it was prepared for the one whom it is given to */
	bool dirty;                 /* it was in use since its last reset */
	bool healthy;               /* what is said of it */
	char said[PP_SAID_SIZE];    /* why it is not */
};

enum pp_health_event {
	PP_HEALTH_SEEN,        /* facts */
	PP_HEALTH_GIVEN,       /* promised */
	PP_HEALTH_WANTED,      /* the one whom it is given to is about to use it */
	PP_HEALTH_TOLD,        /* that it is prepared */
	PP_HEALTH_DONE,        /* the job succeeded */
	PP_HEALTH_FAILED,      /* the job failed: text; quarantine it */
	PP_HEALTH_POSTPONED,   /* the job could not be done now */
	PP_HEALTH_LEFT,        /* the one whom it is given to is gone, says the engine */
	PP_HEALTH_CORDONED,    /* text */
	PP_HEALTH_QUARANTINED, /* text; as it stands on record */
	PP_HEALTH_UNCORDONED,  /* neither */
};
enum pp_health_action {
	PP_DO_TELL = 1,        /* healthy changed */
	PP_DO_RECORD = 2,      /* given or open changed: who has it stands on record */
	PP_DO_PREPARE = 4,     /* begin the job: prepare and reset */
	PP_DO_RELEASE = 8,     /* begin the job: release and reset */
	PP_DO_QUARANTINE = 16, /* put the failure on record */
};

/* A unit of which nothing was seen yet is not healthy. */
void pp_health_init(struct pp_unit_health *health);
/* As the record says after a restart. */
void pp_health_restore(struct pp_unit_health *health, bool open);
/* FACTS with PP_HEALTH_SEEN, TEXT where the event has one; else NULL. Returns actions. */
unsigned pp_health_step(struct pp_unit_health *health, enum pp_health_event event,
	const struct pp_unit_facts *facts, const char *text);
/* Why it cannot be promised now, for good; NULL: it can. */
const char *pp_health_refusal(const struct pp_unit_health *health);
/* Why the one whom it is given to has to wait; NULL: he need not. */
const char *pp_health_wait(const struct pp_unit_health *health);

#endif
