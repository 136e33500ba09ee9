/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/taken.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/steer.h"
#include <poll.h>

#define TAKE_MS 15000
#define STEP_MS 200 /* QEMU has no event for it */
#define DEPTH 64

/* ---- query-pci ---- */

/* One without any BAR has nothing to be switched on. */
static bool is_on(const struct pp_json *device)
{
	const struct pp_json *regions = pp_json_get(device, "regions");
	size_t count = pp_json_length(regions);

	for (size_t i = 0; i < count; i++) {
		int64_t address = -1;
		pp_json_get_int(pp_json_at(regions, i), "address", &address);
		if (address > 0)
			return true;
	}
	return count == 0;
}

static const struct pp_json *find(const struct pp_json *devices, const char *alias, int depth)
{
	for (size_t i = 0; depth > 0 && i < pp_json_length(devices); i++) {
		const struct pp_json *device = pp_json_at(devices, i);
		if (pp_text_is(pp_json_get_string(device, "qdev_id"), alias))
			return device;
		const struct pp_json *below =
			pp_json_get(pp_json_get(device, "pci_bridge"), "devices");
		const struct pp_json *found = find(below, alias, depth - 1);
		if (found)
			return found;
	}
	return NULL;
}

bool pp_taken_is(const struct pp_json *buses, const char *alias)
{
	for (size_t i = 0; i < pp_json_length(buses); i++) {
		const struct pp_json *device =
			find(pp_json_get(pp_json_at(buses, i), "devices"), alias, DEPTH);
		if (device)
			return is_on(device);
	}
	return false;
}

/* ---- waiting ---- */

/* Those that it has not taken, by their addresses on the host; "" where it has all. */
static void list_untaken(const struct pp_json *buses, const struct pp_domain_device *devices,
	size_t n_devices, struct pp_buffer *text)
{
	char host[PP_ADDRESS_SIZE];

	pp_buffer_reset(text);
	for (size_t i = 0; i < n_devices; i++)
		if (!pp_taken_is(buses, devices[i].alias))
			pp_buffer_printf(text, "%s%s", text->length ? ", " : "",
				pp_address_text(&devices[i].hostdev.source, host));
}

static void tell(const struct pp_guest *guest, const struct pp_change_options *options,
	const char *devices, int seconds)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

	if (!options->apply.progress)
		return;
	if (guest->record->state.life.phase == PP_PHASE_PAUSED)
		pp_buffer_printf(&text,
			"%s: QEMU has it; the guest is paused, and finds it when it runs on",
			devices);
	else
		pp_buffer_printf(&text,
			"%s: QEMU has it, but the guest has not switched it on within %d s: it "
			"may still start, hang, or have no driver for it",
			devices, seconds);
	options->apply.progress(PP_EVENT_NOTE, pp_buffer_text(&text), options->apply.data);
}

void pp_taken_await(struct pp_context *context, const struct pp_guest *guest,
	const struct pp_domain_device *devices, size_t n_devices,
	const struct pp_change_options *options)
{
	PP_BUFFER struct pp_buffer untaken = PP_BUFFER_INIT;
	bool paused = guest->record->state.life.phase == PP_PHASE_PAUSED;
	int wait_ms = paused ? 0 : options->deadline_ms > 0 ? options->deadline_ms : TAKE_MS;
	long long end = pp_clock_ms() + wait_ms;

	for (;;) {
		PP_CLEANUP(pp_json_freep) struct pp_json *buses = NULL;
		if (pp_steer_command(context, guest, "query-pci", NULL, &buses, NULL) < 0)
			return;
		list_untaken(buses, devices, n_devices, &untaken);
		long long left = end - pp_clock_ms();
		if (untaken.length == 0 || left <= 0)
			break;
		poll(NULL, 0, left < STEP_MS ? (int)left : STEP_MS);
	}
	if (untaken.length > 0)
		tell(guest, options, pp_buffer_text(&untaken), wait_ms / 1000);
}
