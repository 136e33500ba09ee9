/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine itself: type, CPUs, clock. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

static const struct pp_timer *find_timer(const struct pp_domain *domain, const char *name)
{
	for (size_t i = 0; i < domain->clock.n_timers; i++)
		if (pp_text_is(domain->clock.timers[i].name, name))
			return &domain->clock.timers[i];
	return NULL;
}

static void put_features(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_domain_features *features = &domain->features;
	const struct pp_timer *hpet = find_timer(domain, "hpet"), *pit = find_timer(domain, "pit");

	pp_arguments_switch(arguments, "vmport", features->vmport);
	pp_arguments_switch(arguments, "smm", arguments->flash.secure ? PP_ON : features->smm);
	pp_arguments_flash_names(arguments);
	if (features->ioapic)
		pp_arguments_prop(arguments, "kernel-irqchip",
			pp_text_is(features->ioapic, "qemu") ? "split" : "on");
	if (domain->os.bios_serial == PP_ON)
		pp_arguments_prop(
			arguments, "graphics", "off"); /* SeaBIOS then talks on the serial port */
	if (!features->acpi)
		pp_arguments_prop(arguments, "acpi", "off");
	if (hpet)
		pp_arguments_switch(arguments, "hpet", hpet->present);
	if (pit)
		pp_arguments_switch(arguments, "pit", pit->present);
	pp_arguments_memory_name(arguments);
	if (domain->memory_nosharepages)
		pp_arguments_prop(arguments, "mem-merge", "off");
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_SOUND &&
			pp_text_is(domain->devices[i].sound.model, "pcspk"))
			pp_arguments_propf(arguments, "pcspk-audiodev", "audio%d",
				domain->devices[i].sound.audio < 0
					? 1
					: domain->devices[i].sound.audio);
}

static void put_accelerator(struct pp_arguments *arguments)
{
	if (arguments->domain->type == PP_DOMAIN_QEMU) {
		pp_arguments_pair(arguments, "-accel", "tcg");
		return;
	}
	if (!arguments->capabilities->kvm)
		pp_arguments_fail(arguments, 1,
			"<domain type='kvm'> needs a QEMU with KVM, which %s is not",
			arguments->capabilities->binary);
	pp_arguments_pair(arguments, "-accel", "kvm");
}

static void put_smp(struct pp_arguments *arguments, const struct pp_qemu_machine *machine)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_domain_cpu *cpu = &domain->cpu;

	if (domain->max_vcpus > machine->cpu_max && machine->cpu_max)
		pp_arguments_fail(arguments, domain->vcpu_line,
			"machine %s has at most %u CPUs, not %u", machine->name, machine->cpu_max,
			domain->max_vcpus);
	pp_arguments_begin(arguments, "-smp", NULL);
	pp_arguments_propf(arguments, "cpus", "%u", domain->vcpus);
	if (domain->vcpus != domain->max_vcpus)
		pp_arguments_propf(arguments, "maxcpus", "%u", domain->max_vcpus);
	pp_arguments_propf(
		arguments, "sockets", "%u", cpu->sockets ? cpu->sockets : domain->max_vcpus);
	if (cpu->dies > 1)
		pp_arguments_propf(arguments, "dies", "%u", cpu->dies);
	pp_arguments_propf(arguments, "cores", "%u", cpu->sockets ? cpu->cores : 1);
	pp_arguments_propf(arguments, "threads", "%u", cpu->sockets ? cpu->threads : 1);
	pp_arguments_end(arguments);
}

void pp_arguments_machine(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_qemu_machine *machine =
		pp_qemu_machine(arguments->capabilities, domain->os.machine);

	if (!machine) {
		pp_arguments_fail(arguments, domain->os.machine_line,
			"machine='%s' is not known to %s; `%s -machine help` lists those that are",
			domain->os.machine, arguments->capabilities->binary,
			arguments->capabilities->binary);
		return;
	}
	pp_arguments_begin(arguments, "-machine", machine->name);
	pp_arguments_prop(arguments, "usb", "off");
	pp_arguments_prop(arguments, "dump-guest-core", domain->dump_core == PP_ON ? "on" : "off");
	put_features(arguments);
	pp_arguments_end(arguments);
	put_accelerator(arguments);
	pp_arguments_cpu(arguments);
	pp_arguments_memory(arguments);
	put_smp(arguments, machine);
	pp_arguments_numa(arguments);
}

/* ---- clock ---- */

static void put_rtc_base(struct pp_arguments *arguments)
{
	const struct pp_domain_clock *clock = &arguments->domain->clock;
	time_t now = (time_t)(arguments->options->now + clock->adjustment);
	struct tm date;
	char text[32];

	if (pp_text_is(clock->offset, "localtime")) {
		pp_arguments_prop(arguments, "base", "localtime");
		return;
	}
	if (!clock->adjustment || !gmtime_r(&now, &date) ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &date) == 0) {
		pp_arguments_prop(arguments, "base", "utc");
		return;
	}
	pp_arguments_prop(arguments, "base", text);
}

static void put_power_management(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const char *device = domain->os.q35 ? "ICH9-LPC" : "PIIX4_PM";
	const struct {
		const char *name;
		enum pp_tristate state;
	} states[] = {
		{"disable_s3", domain->suspend_to_mem}, {"disable_s4", domain->suspend_to_disk}};

	for (size_t i = 0; i < PP_COUNT(states); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;

		if (states[i].state == PP_UNSET)
			continue;
		pp_buffer_printf(
			&text, "%s.%s=%d", device, states[i].name, states[i].state == PP_OFF);
		pp_arguments_pair(arguments, "-global", pp_buffer_text(&text));
	}
}

void pp_arguments_clock(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_timer *rtc = find_timer(domain, "rtc"), *pit = find_timer(domain, "pit");

	pp_arguments_begin(arguments, "-rtc", NULL);
	put_rtc_base(arguments);
	if (rtc && pp_text_is(rtc->track, "guest"))
		pp_arguments_prop(arguments, "clock", "vm");
	if (rtc && pp_text_is(rtc->tickpolicy, "catchup"))
		pp_arguments_prop(arguments, "driftfix", "slew");
	pp_arguments_end(arguments);
	if (pit && pit->tickpolicy && domain->type == PP_DOMAIN_KVM) {
		pp_arguments_add(arguments, "-global");
		pp_arguments_add(arguments, pp_text_is(pit->tickpolicy, "delay")
						    ? "kvm-pit.lost_tick_policy=delay"
						    : "kvm-pit.lost_tick_policy=discard");
	}
	put_power_management(arguments);
	if (domain->on_reboot == PP_LIFECYCLE_DESTROY)
		pp_arguments_add(arguments, "-no-reboot");
	pp_arguments_pair(arguments, "-action",
		domain->on_crash == PP_LIFECYCLE_DESTROY ? "panic=shutdown" : "panic=pause");
}
