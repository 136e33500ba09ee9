/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/health.h"
#include <stdio.h>
#include <string.h>

void pp_health_init(struct pp_unit_health *health)
{
	*health = (struct pp_unit_health){.dirty = true};
	snprintf(health->said, sizeof(health->said), "it was not looked at yet");
}

void pp_health_restore(struct pp_unit_health *health, bool open)
{
	health->given = true;
	health->open = open;
	health->readied = true; /* it may have been */
}

/* What stands against it, the worst first. */
static const char *judge(const struct pp_unit_health *health, char *text, size_t size)
{
	if (health->quarantined)
		snprintf(text, size, "in quarantine: %s", health->why);
	else if (health->cordoned)
		snprintf(text, size, "cordoned: %s", health->why);
	else if (!health->seen)
		snprintf(text, size, "it was not looked at yet");
	else if (health->facts.sickness)
		snprintf(text, size, "%s", health->facts.reason);
	else if (health->facts.held && !health->given)
		snprintf(text, size, "in use: %s", health->facts.holder);
	else
		return NULL;
	return text;
}

static unsigned see(struct pp_unit_health *health, const struct pp_unit_facts *facts)
{
	unsigned actions = 0;
	health->facts = *facts;
	health->seen = true;
	if (facts->held) {
		health->dirty = true;
		health->prepared = false;
	}
	if (facts->held && health->given && !health->open) {
		health->open = true;
		actions |= PP_DO_RECORD;
	}
	if (!facts->held && health->open) {
		health->open = false;
		health->given = false;
		actions |= PP_DO_RECORD;
		/* What is not there cannot be released. */
		if (!health->busy && facts->sickness != PP_SICK_ABSENT) {
			health->busy = true;
			health->preparing = false;
			health->readied = false;
			actions |= PP_DO_RELEASE;
		}
	}
	return actions;
}

static unsigned give(struct pp_unit_health *health)
{
	if (health->given)
		return 0;
	health->given = true;
	health->open = false;
	health->readied = false;
	return PP_DO_RECORD;
}

/* He who never opened it; who did is gone when it is closed. */
static unsigned leave(struct pp_unit_health *health)
{
	if (!health->given || health->open || health->facts.held)
		return 0;
	bool readied = health->readied;
	health->given = health->prepared = health->preparing = health->readied = false;
	if (!readied || health->busy || health->facts.sickness == PP_SICK_ABSENT)
		return PP_DO_RECORD;
	health->busy = true;
	return PP_DO_RECORD | PP_DO_RELEASE;
}

static unsigned want(struct pp_unit_health *health)
{
	unsigned actions = give(health);
	if (health->busy || health->prepared || health->facts.held)
		return actions;
	health->busy = true;
	health->preparing = true;
	return actions | PP_DO_PREPARE;
}

static unsigned end_job(struct pp_unit_health *health, enum pp_health_event event, const char *text)
{
	if (!health->busy)
		return 0;
	health->busy = false;
	health->prepared = event == PP_HEALTH_DONE && health->preparing && !health->facts.held;
	health->readied = health->readied || health->prepared;
	health->preparing = false;
	if (event == PP_HEALTH_DONE && !health->facts.held)
		health->dirty = false;
	if (event != PP_HEALTH_FAILED)
		return 0;
	health->quarantined = true;
	snprintf(health->why, sizeof(health->why), "%s", text ? text : "its reset failed");
	return PP_DO_QUARANTINE;
}

static void take_out(struct pp_unit_health *health, bool quarantine, const char *text)
{
	health->quarantined = quarantine;
	health->cordoned = !quarantine;
	health->prepared = false;
	snprintf(health->why, sizeof(health->why), "%s", text ? text : "");
}

static unsigned apply(struct pp_unit_health *health, enum pp_health_event event,
	const struct pp_unit_facts *facts, const char *text)
{
	switch (event) {
	case PP_HEALTH_SEEN:
		return see(health, facts);
	case PP_HEALTH_GIVEN:
		/* Whoever had it before is gone, as far as the engine knows. */
		health->prepared = false;
		return give(health);
	case PP_HEALTH_WANTED:
		return want(health);
	case PP_HEALTH_TOLD:
		health->prepared = false;
		return 0;
	case PP_HEALTH_DONE:
	case PP_HEALTH_FAILED:
	case PP_HEALTH_POSTPONED:
		return end_job(health, event, text);
	case PP_HEALTH_LEFT:
		return leave(health);
	case PP_HEALTH_CORDONED:
	case PP_HEALTH_QUARANTINED:
		take_out(health, event == PP_HEALTH_QUARANTINED, text);
		return 0;
	case PP_HEALTH_UNCORDONED:
		health->cordoned = health->quarantined = false;
		health->why[0] = '\0';
		return 0;
	}
	return 0;
}

unsigned pp_health_step(struct pp_unit_health *health, enum pp_health_event event,
	const struct pp_unit_facts *facts, const char *text)
{
	char said[PP_SAID_SIZE];
	bool was = health->healthy;
	unsigned actions = apply(health, event, facts, text);
	const char *against = judge(health, said, sizeof(said));
	health->healthy = !against;
	snprintf(health->said, sizeof(health->said), "%s", against ? against : "");
	return actions | (was != health->healthy ? PP_DO_TELL : 0);
}

const char *pp_health_refusal(const struct pp_unit_health *health)
{
	return health->healthy ? NULL : health->said;
}

const char *pp_health_wait(const struct pp_unit_health *health)
{
	if (health->facts.held)
		return health->facts.holder;
	if (health->busy)
		return health->preparing ? "it is being reset"
					 : "it is being reset after its last use";
	return NULL;
}
