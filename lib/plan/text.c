/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan as words for people and as JSON for journals and programs. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 4096
#define VFS_MAX UINT16_MAX /* what the capability has room for */

static const char *const kinds[] = {[PP_STEP_MODULE] = "module",
	[PP_STEP_DRIVER] = "driver",
	[PP_STEP_VFS] = "vfs",
	[PP_STEP_AUTOPROBE] = "autoprobe",
	[PP_STEP_FUNCTION] = "function"};

static const char *driver_word(const char *driver)
{
	if (!driver[0])
		return "no driver";
	return pp_text_is(driver, "*") ? "the kernel's choice" : driver;
}

static const char *override_word(const char *override)
{
	return override[0] ? override : "none";
}

static const char *switch_word(const char *number)
{
	return pp_text_is(number, "0") ? "off" : "on";
}

char *pp_step_text(const struct pp_step *step, bool back)
{
	const struct pp_driver_state *from = back ? &step->to : &step->from;
	const struct pp_driver_state *to = back ? &step->from : &step->to;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	if (step->kind == PP_STEP_MODULE) {
		pp_buffer_printf(&text, "module %s: load", step->subject);
		return pp_buffer_take(&text);
	}
	pp_buffer_printf(&text, "%s: ", step->subject);
	if (step->kind == PP_STEP_VFS)
		pp_buffer_printf(&text, "%s -> %s virtual function%s", from->driver, to->driver,
			pp_text_is(to->driver, "1") ? "" : "s");
	else if (step->kind == PP_STEP_FUNCTION)
		pp_buffer_printf(&text, "%s -> %s", from->driver, to->driver);
	else if (step->kind == PP_STEP_AUTOPROBE)
		pp_buffer_printf(&text, "drivers of the host for new virtual functions: %s -> %s",
			switch_word(from->driver), switch_word(to->driver));
	else if (pp_driver_same(from, to))
		pp_buffer_printf(&text, "stays with %s", driver_word(from->driver));
	else if (pp_text_is(from->driver, to->driver))
		pp_buffer_printf(&text, "%s, driver_override %s -> %s", driver_word(to->driver),
			override_word(from->override), override_word(to->override));
	else
		pp_buffer_printf(
			&text, "%s -> %s", driver_word(from->driver), driver_word(to->driver));
	return pp_buffer_take(&text);
}

char *pp_plan_text(const struct pp_plan *plan)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (pp_step_idle(&plan->steps[i]))
			continue;
		PP_FREE char *line = pp_step_text(&plan->steps[i], false);
		if (!line)
			return NULL;
		pp_buffer_printf(&text, "%s\n", line);
	}
	return pp_buffer_take(&text);
}

/* ---- JSON ---- */

static struct pp_json *state_object(const struct pp_step *step, const struct pp_driver_state *state)
{
	uint64_t number;
	if (step->kind == PP_STEP_MODULE || step->kind == PP_STEP_FUNCTION)
		return pp_json_string(state->driver);
	if (step->kind != PP_STEP_DRIVER)
		return pp_parse_u64(state->driver, 10, VFS_MAX, &number) < 0
			       ? NULL
			       : pp_json_int((int64_t)number);
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	if (!object)
		return NULL;
	if (pp_json_set_string(object, "driver", state->driver[0] ? state->driver : NULL) < 0 ||
		pp_json_set_string(
			object, "override", state->override[0] ? state->override : NULL) < 0)
		return NULL;
	return PP_TAKE(object);
}

static int step_add(struct pp_json *array, const struct pp_step *step)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	struct pp_json *from = state_object(step, &step->from);
	struct pp_json *to = state_object(step, &step->to);
	if (!object || !from || !to) {
		pp_json_free(from);
		pp_json_free(to);
		return -ENOMEM;
	}
	int r = pp_json_set_string(object, "kind", kinds[step->kind]);
	int s = pp_json_set_string(object, "subject", step->subject);
	int t = pp_json_set(object, "from", from);
	int u = pp_json_set(object, "to", to);
	if (r < 0 || s < 0 || t < 0 || u < 0)
		return -ENOMEM;
	return pp_json_add(array, PP_TAKE(object));
}

struct pp_json *pp_plan_object(const struct pp_plan *plan)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	PP_CLEANUP(pp_json_freep) struct pp_json *steps = pp_json_array();
	if (!object || !steps)
		return NULL;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (step_add(steps, &plan->steps[i]) < 0)
			return NULL;
	if (pp_json_set_string(object, "verb", plan->verb) < 0 ||
		pp_json_set_string(object, "owner", plan->owner) < 0 ||
		pp_json_set_bool(object, "returns", plan->returns) < 0 ||
		pp_json_set(object, "steps", PP_TAKE(steps)) < 0)
		return NULL;
	return PP_TAKE(object);
}

char *pp_plan_json(const struct pp_plan *plan)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_plan_object(plan);
	return object ? pp_json_print(object, true) : NULL;
}

/* ---- and back ---- */

static int field_parse(
	const struct pp_json *object, const char *key, bool any, char field[PP_DRIVER_SIZE])
{
	const struct pp_json *value = pp_json_get(object, key);
	const char *text = pp_json_text_of(value);
	if (!value) /* null: none */
		return 0;
	if (!text || (!(any && pp_text_is(text, "*")) && !pp_driver_valid(text)))
		return -EBADMSG;
	strcpy(field, text);
	return 0;
}

/* null is "none", and a key that is missing is damage: a device would lose its driver by it. */
static int count_key(const char *key, const struct pp_json *value, void *data)
{
	*(int *)data += pp_text_is(key, "driver") || pp_text_is(key, "override");
	return 0;
}

static int driver_parse(const struct pp_json *object, bool any, struct pp_driver_state *ret_state)
{
	struct pp_driver_state state = {0};
	int keys = 0;
	if (!pp_json_is_object(object) || pp_json_each(object, count_key, &keys) != 0 || keys != 2)
		return -EBADMSG;
	if (field_parse(object, "driver", any, state.driver) < 0 ||
		field_parse(object, "override", false, state.override) < 0)
		return -EBADMSG;
	*ret_state = state;
	return 0;
}

static int number_parse(const struct pp_json *object, const char *key, int64_t max,
	struct pp_driver_state *ret_state)
{
	int64_t number;
	if (pp_json_get_int(object, key, &number) < 0 || number < 0 || number > max)
		return -EBADMSG;
	*ret_state = pp_state_number((unsigned)number);
	return 0;
}

static int function_parse(
	const struct pp_json *object, const char *key, struct pp_driver_state *ret_state)
{
	const char *text = pp_json_get_string(object, key);
	struct pp_function_state state;
	struct pp_driver_state made = {0};
	if (!text || !pp_function_parse(text, &state))
		return -EBADMSG;
	pp_function_text(&state, made.driver);
	*ret_state = made;
	return 0;
}

/* Of those whose subject is a device. */
static int kind_parse(const char *word, enum pp_step_kind *ret_kind)
{
	for (size_t i = PP_STEP_DRIVER; i < PP_COUNT(kinds); i++)
		if (pp_text_is(word, kinds[i])) {
			*ret_kind = (enum pp_step_kind)i;
			return 0;
		}
	return -EBADMSG;
}

static int step_parse(const struct pp_json *object, struct pp_step *ret_step)
{
	struct pp_step step = {0};
	const char *kind = pp_json_get_string(object, "kind");
	const char *subject = pp_json_get_string(object, "subject");
	if (!subject || !pp_driver_valid(subject))
		return -EBADMSG;
	strcpy(step.subject, subject);
	if (pp_text_is(kind, "module")) {
		step.kind = PP_STEP_MODULE;
		strcpy(step.from.driver, "absent");
		strcpy(step.to.driver, "loaded");
		*ret_step = step;
		return 0;
	}
	struct pp_address address;
	if (kind_parse(kind, &step.kind) < 0 || pp_address_parse(subject, &address) < 0)
		return -EBADMSG;
	pp_address_text(&address, step.subject);
	if (step.kind == PP_STEP_FUNCTION) {
		if (function_parse(object, "from", &step.from) < 0 ||
			function_parse(object, "to", &step.to) < 0)
			return -EBADMSG;
		*ret_step = step;
		return 0;
	}
	if (step.kind != PP_STEP_DRIVER) {
		int64_t max = step.kind == PP_STEP_VFS ? VFS_MAX : 1;
		if (number_parse(object, "from", max, &step.from) < 0 ||
			number_parse(object, "to", max, &step.to) < 0)
			return -EBADMSG;
		*ret_step = step;
		return 0;
	}
	if (driver_parse(pp_json_get(object, "from"), false, &step.from) < 0 ||
		driver_parse(pp_json_get(object, "to"), true, &step.to) < 0)
		return -EBADMSG;
	*ret_step = step;
	return 0;
}

int pp_plan_parse(const struct pp_json *object, struct pp_plan **ret_plan, struct pp_error *error)
{
	const char *verb = pp_json_get_string(object, "verb");
	const char *owner = pp_json_get_string(object, "owner");
	const struct pp_json *steps = pp_json_get(object, "steps");
	size_t n_steps = pp_json_length(steps);
	if (!verb || !owner || !pp_json_is_array(steps) || n_steps > STEPS_MAX)
		return pp_error_set(error, PP_STATUS_FAILED, -EBADMSG,
			"a plan needs a verb, an owner and at most %d steps", STEPS_MAX);

	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = pp_plan_new(verb, owner, &plan, error);
	if (r < 0)
		return r;
	pp_json_get_bool(object, "returns", &plan->returns);
	for (size_t i = 0; i < n_steps; i++) {
		struct pp_step step;
		if (step_parse(pp_json_at(steps, i), &step) < 0)
			return pp_error_set(error, PP_STATUS_FAILED, -EBADMSG,
				"step %zu of the plan cannot be understood", i + 1);
		r = pp_plan_add(plan, &step, error);
		if (r < 0)
			return r;
	}
	*ret_plan = PP_TAKE(plan);
	return 0;
}
