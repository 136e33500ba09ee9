/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/plan/plan.h"
#include "base/parse.h"
#include <string.h>

#define VFIO_PCI "vfio-pci"

const char *pp_owner_guest(const char *owner)
{
	if (pp_owner_is_libvirt(owner))
		return owner + strlen("libvirt:");
	return pp_text_starts(owner, "guest:") ? owner + strlen("guest:") : NULL;
}

bool pp_owner_is_libvirt(const char *owner)
{
	return pp_text_starts(owner, "libvirt:");
}

bool pp_driver_valid(const char *name)
{
	size_t length = strlen(name);
	if (length == 0 || length >= PP_DRIVER_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c == '/' || *c == '*' || *c == 0x7f)
			return false;
	return true;
}

bool pp_driver_passes(const char *name)
{
	return strstr(name, "vfio") || pp_text_is(name, "pci-stub") || pp_text_is(name, "pciback");
}

bool pp_driver_same(const struct pp_driver_state *a, const struct pp_driver_state *b)
{
	return pp_text_is(a->driver, b->driver) && pp_text_is(a->override, b->override);
}

bool pp_step_of_device(const struct pp_step *step)
{
	return step->kind != PP_STEP_MODULE;
}

bool pp_step_idle(const struct pp_step *step)
{
	return pp_driver_same(&step->from, &step->to);
}

/* Texts of facts are cut to the room of a state only where they are not names at all. */
static void state_set(char field[PP_DRIVER_SIZE], const char *text)
{
	size_t length = text ? strnlen(text, PP_DRIVER_SIZE - 1) : 0;
	if (length > 0)
		memcpy(field, text, length);
	memset(field + length, 0, PP_DRIVER_SIZE - length);
}

struct pp_driver_state pp_driver_of(const struct pp_device *device)
{
	struct pp_driver_state state;
	state_set(state.driver, device->driver);
	state_set(state.override, device->driver_override);
	return state;
}

int pp_plan_name(struct pp_plan *plan, const char *verb, const char *owner, struct pp_error *error)
{
	if (strlen(verb) >= sizeof(plan->verb) || strlen(owner) >= sizeof(plan->owner))
		return pp_error_set(error, PP_STATUS_USAGE, -ENAMETOOLONG,
			"\"%s\" for \"%s\": the name is longer than %zu bytes", verb, owner,
			sizeof(plan->owner) - 1);
	strcpy(plan->verb, verb);
	strcpy(plan->owner, owner);
	return 0;
}

int pp_plan_new(
	const char *verb, const char *owner, struct pp_plan **ret_plan, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = calloc(1, sizeof(*plan));
	if (!plan)
		return pp_error_oom(error);
	int r = pp_plan_name(plan, verb, owner, error);
	if (r < 0)
		return r;
	*ret_plan = PP_TAKE(plan);
	return 0;
}

void pp_plan_free(struct pp_plan *plan)
{
	if (!plan)
		return;
	free(plan->steps);
	free(plan);
}

int pp_plan_add(struct pp_plan *plan, const struct pp_step *step, struct pp_error *error)
{
	struct pp_step *steps = reallocarray(plan->steps, plan->n_steps + 1, sizeof(*steps));
	if (!steps)
		return pp_error_oom(error);
	plan->steps = steps;
	plan->steps[plan->n_steps++] = *step;
	return 0;
}

static bool plan_has(const struct pp_plan *plan, enum pp_step_kind kind, const char *subject)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == kind && pp_text_is(plan->steps[i].subject, subject))
			return true;
	return false;
}

static int add_driver(struct pp_plan *plan, const struct pp_device *device,
	const struct pp_driver_state *to, struct pp_error *error)
{
	struct pp_step step = {.kind = PP_STEP_DRIVER,
		.from = pp_driver_of(device),
		.to = to ? *to : pp_driver_of(device)};
	pp_address_text(&device->address, step.subject);
	if (plan_has(plan, PP_STEP_DRIVER, step.subject))
		return 0;
	return pp_plan_add(plan, &step, error);
}

int pp_plan_claim(struct pp_plan *plan, const struct pp_device *device, struct pp_error *error)
{
	return add_driver(plan, device, NULL, error);
}

/* Endpoints only: a probe of a bridge takes its port's driver away. */
int pp_device_movable(const struct pp_device *device, struct pp_error *error)
{
	if (device->flags & PP_DEVICE_VANISHED)
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENODEV,
			"%s went away while it was looked at", device->name);
	if (device->header == PP_HEADER_BRIDGE || device->header == PP_HEADER_CARDBUS) {
		pp_error_set(error, PP_STATUS_NOT_READY, -EINVAL,
			"%s is a bridge: it carries other devices and cannot be moved to another "
			"driver",
			device->name);
		pp_error_id(error, "device-bridge");
		return -EINVAL;
	}
	return 0;
}

/* Whether a driver is surely there: a device has it, or the kernel's facts say so. */
static bool driver_loaded(const struct pp_host *host, const char *driver)
{
	if (host->kernel && host->kernel->vfio_pci_loaded && pp_text_is(driver, VFIO_PCI))
		return true;
	for (size_t i = 0; i < host->n_devices; i++)
		if (pp_text_is(host->devices[i].driver, driver))
			return true;
	return false;
}

static int add_module(struct pp_plan *plan, const char *module, struct pp_error *error)
{
	struct pp_step step = {
		.kind = PP_STEP_MODULE, .from = {.driver = "absent"}, .to = {.driver = "loaded"}};
	strcpy(step.subject, module);
	return pp_plan_add(plan, &step, error);
}

/* vfio-pci, or the variant of it that the kernel's aliases name for this device. Drivers are named
 * as their modules are, but for these. */
const char *pp_driver_target(const struct pp_device *device, const char *driver)
{
	if (driver)
		return driver;
	const char *module = device->vfio_module;
	if (!module || !pp_driver_valid(module) || pp_text_is(module, "vfio_pci"))
		return VFIO_PCI;
	return pp_text_is(module, "pds_vfio_pci") ? "pds-vfio-pci" : module;
}

static int detach_one(struct pp_plan *plan, const struct pp_host *host,
	const struct pp_device *device, const char *target, struct pp_error *error)
{
	struct pp_driver_state to = {0};
	int r = pp_device_movable(device, error);
	if (r < 0 || pp_text_is(device->driver, target))
		return r;
	if (!driver_loaded(host, target) && !plan_has(plan, PP_STEP_MODULE, target))
		r = add_module(plan, target, error);
	strcpy(to.driver, target);
	strcpy(to.override, target);
	return r < 0 ? r : add_driver(plan, device, &to, error);
}

int pp_plan_detach(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const char *driver, struct pp_plan **ret_plan, struct pp_error *error)
{
	if (driver && !pp_driver_valid(driver))
		return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"\"%s\" cannot be a driver's name", driver);

	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = pp_plan_new("nodedev-detach", "host", &plan, error);
	for (size_t i = 0; r >= 0 && i < n_devices; i++)
		r = detach_one(plan, host, devices[i], pp_driver_target(devices[i], driver), error);
	if (r < 0)
		return r;
	*ret_plan = PP_TAKE(plan);
	return 0;
}

/* Where a device of which nothing is remembered should go; false: it already is the host's. */
static bool choose(const struct pp_device *device, struct pp_driver_state *ret_to)
{
	struct pp_driver_state now = pp_driver_of(device);
	if (now.driver[0] && !pp_driver_passes(now.driver))
		return false;
	*ret_to = (struct pp_driver_state){.driver = "*"};
	return true;
}

int pp_plan_restore(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const struct pp_origin *origins, struct pp_plan **ret_plan,
	struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = pp_plan_new("nodedev-reattach", "host", &plan, error);
	if (r < 0)
		return r;
	plan->returns = true;
	for (size_t i = 0; r >= 0 && i < n_devices; i++) {
		struct pp_driver_state to = origins[i].state;
		r = pp_device_movable(devices[i], error);
		/* A known origin is a step even where the device is there again: it ends the
		 * memory. */
		if (r >= 0 && (origins[i].known || choose(devices[i], &to)))
			r = add_driver(plan, devices[i], &to, error);
	}
	if (r < 0)
		return r;
	*ret_plan = PP_TAKE(plan);
	return 0;
}
