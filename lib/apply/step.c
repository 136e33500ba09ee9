/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/step.h"
#include "base/parse.h"
#include "lib/apply/driver.h"
#include "lib/apply/function.h"
#include "lib/apply/vfs.h"
#include "lib/plan/plan.h"

static int read_function(
	struct pp_context *context, const char *subject, struct pp_driver_state *ret_state)
{
	struct pp_function_state function;
	struct pp_driver_state state = {0};
	int r = pp_function_read(context, subject, &function);
	if (r < 0)
		return r;
	pp_function_text(&function, state.driver);
	*ret_state = state;
	return 0;
}

int pp_step_read(
	struct pp_context *context, const struct pp_step *step, struct pp_driver_state *ret_state)
{
	unsigned count = 0;
	bool on = false;
	int r;
	if (step->kind == PP_STEP_DRIVER)
		return pp_driver_read(context, step->subject, ret_state);
	if (step->kind == PP_STEP_FUNCTION)
		return read_function(context, step->subject, ret_state);
	if (step->kind == PP_STEP_VFS)
		r = pp_vfs_read(context, step->subject, &count);
	else
		r = pp_vfs_autoprobe_read(context, step->subject, &on);
	if (r >= 0)
		*ret_state = pp_state_number(step->kind == PP_STEP_VFS ? count : on);
	return r;
}

int pp_step_move(struct pp_effects *effects, const struct pp_step *step,
	const struct pp_driver_state *to, struct pp_error *error)
{
	uint64_t number = 0;
	if (step->kind == PP_STEP_MODULE)
		return pp_effects_load(effects, step->subject, error);
	if (step->kind == PP_STEP_DRIVER)
		return pp_driver_move(effects, step->subject, to, error);
	if (step->kind == PP_STEP_FUNCTION) {
		struct pp_function_state function;
		if (!pp_function_parse(to->driver, &function))
			return pp_error_errno(error, -EBADMSG,
				"%s: \"%s\" is no state of a function", step->subject, to->driver);
		return pp_function_move(effects, step->subject, &function, error);
	}
	int r = pp_parse_u64(to->driver, 10, UINT16_MAX, &number);
	if (r < 0)
		return pp_error_errno(
			error, r, "%s: \"%s\" is no number", step->subject, to->driver);
	if (step->kind == PP_STEP_VFS)
		return pp_vfs_move(effects, step->subject, (unsigned)number, error);
	return pp_vfs_autoprobe_move(effects, step->subject, number != 0, error);
}
