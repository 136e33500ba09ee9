/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a physical function gives one of its virtual ones, as a state of a step. */
#include "base/parse.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

void pp_function_text(const struct pp_function_state *state, char text[PP_DRIVER_SIZE])
{
	const uint8_t *mac = state->mac;
	snprintf(text, PP_DRIVER_SIZE,
		"mac=%02x:%02x:%02x:%02x:%02x:%02x vlan=%u qos=%u spoof=%d trust=%d", mac[0],
		mac[1], mac[2], mac[3], mac[4], mac[5], state->vlan & 0xfff, state->qos & 7,
		state->spoof != 0, state->trust != 0);
}

/* "KEY=NUMBER" at *CURSOR, and the blank behind it. */
static bool number_parse(const char **cursor, const char *key, uint64_t max, uint64_t *ret_number)
{
	const char *end;
	if (!pp_text_starts(*cursor, key) ||
		pp_parse_prefix(*cursor + strlen(key), 10, max, ret_number, &end) < 0 ||
		(*end && *end != ' '))
		return false;
	*cursor = *end ? end + 1 : end;
	return true;
}

bool pp_function_parse(const char *text, struct pp_function_state *ret_state)
{
	struct pp_function_state state = {0};
	uint64_t vlan, qos, spoof, trust;
	char again[PP_DRIVER_SIZE];
	const char *cursor;
	if (!pp_text_starts(text, "mac=") ||
		!pp_parse_mac(text + strlen("mac="), state.mac, &cursor) || *cursor++ != ' ')
		return false;
	if (!number_parse(&cursor, "vlan=", 4094, &vlan) ||
		!number_parse(&cursor, "qos=", 7, &qos) ||
		!number_parse(&cursor, "spoof=", 1, &spoof) ||
		!number_parse(&cursor, "trust=", 1, &trust))
		return false;
	state.vlan = (unsigned)vlan;
	state.qos = (unsigned)qos;
	state.spoof = (int)spoof;
	state.trust = (int)trust;
	pp_function_text(&state, again);
	if (strcmp(again, text) != 0) /* one way to write it, or states could not be compared */
		return false;
	*ret_state = state;
	return true;
}
