/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -cpu: the model, its features, and what the guest is told of its host. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>

static bool has_word(const char *const *list, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], word))
			return true;
	return false;
}

/* libvirt writes sse4_1 and lahf_lm where QEMU lists sse4-1 and lahf-lm. */
static bool feature_known(const struct pp_qemu_capabilities *capabilities, const char *name)
{
	PP_FREE char *dashed = strdup(name);

	if (!capabilities->n_cpu_features || !dashed)
		return true;
	for (char *c = dashed; *c; c++)
		if (*c == '_')
			*c = '-';
	return has_word(capabilities->cpu_features, capabilities->n_cpu_features, name) ||
	       has_word(capabilities->cpu_features, capabilities->n_cpu_features, dashed);
}

static const char *model_of(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_qemu_capabilities *capabilities = arguments->capabilities;
	const struct pp_domain_cpu *cpu = &domain->cpu;

	switch (cpu->mode) {
	case PP_CPU_CUSTOM:
		if (capabilities->n_cpus &&
			!has_word(capabilities->cpus, capabilities->n_cpus, cpu->model))
			pp_arguments_fail(arguments, cpu->line,
				"CPU model '%s' is not known to %s; `%s -cpu help` lists those "
				"that are",
				cpu->model, capabilities->binary, capabilities->binary);
		return cpu->model;
	case PP_CPU_HOST_PASSTHROUGH:
		return "host";
	/* A guest with host devices does not migrate: the nearest to the host's model is the host's
	 * CPU. */
	case PP_CPU_HOST_MODEL:
		return domain->type == PP_DOMAIN_KVM ? "host" : "max";
	case PP_CPU_MAXIMUM:
		return "max";
	default:
		return "qemu64";
	}
}

static void put_hyperv(struct pp_arguments *arguments)
{
	const struct pp_hyperv *hyperv = &arguments->domain->features.hyperv;
	const struct {
		const char *name;
		enum pp_tristate state;
	} states[] = {
		{"hv-relaxed", hyperv->relaxed},
		{"hv-vapic", hyperv->vapic},
		{"hv-vpindex", hyperv->vpindex},
		{"hv-runtime", hyperv->runtime},
		{"hv-synic", hyperv->synic},
		{"hv-stimer", hyperv->stimer},
		{"hv-stimer-direct", hyperv->stimer_direct},
		{"hv-reset", hyperv->reset},
		{"hv-frequencies", hyperv->frequencies},
		{"hv-reenlightenment", hyperv->reenlightenment},
		{"hv-tlbflush", hyperv->tlbflush},
		{"hv-ipi", hyperv->ipi},
		{"hv-evmcs", hyperv->evmcs},
		{"hv-avic", hyperv->avic},
	};

	if (hyperv->passthrough)
		pp_arguments_raw(arguments, "hv-passthrough=on");
	for (size_t i = 0; i < PP_COUNT(states); i++)
		if (states[i].state == PP_ON)
			pp_arguments_prop(arguments, states[i].name, "on");
	if (hyperv->spinlocks == PP_ON)
		pp_arguments_propf(arguments, "hv-spinlocks", "0x%x", hyperv->spinlock_retries);
	pp_arguments_prop(arguments, "hv-vendor-id", hyperv->vendor_id);
}

static void put_timers(struct pp_arguments *arguments)
{
	const struct pp_domain_clock *clock = &arguments->domain->clock;

	for (size_t i = 0; i < clock->n_timers; i++) {
		const struct pp_timer *timer = &clock->timers[i];

		if (pp_text_is(timer->name, "kvmclock"))
			pp_arguments_switch(arguments, "kvmclock", timer->present);
		else if (pp_text_is(timer->name, "hypervclock") && timer->present == PP_ON)
			pp_arguments_prop(arguments, "hv-time", "on");
		else if (pp_text_is(timer->name, "tsc") && timer->frequency)
			pp_arguments_propf(
				arguments, "tsc-frequency", "%" PRIu64, timer->frequency);
	}
}

static void put_cache(struct pp_arguments *arguments)
{
	const char *mode = arguments->domain->cpu.cache;

	if (!mode)
		return;
	pp_arguments_prop(
		arguments, "host-cache-info", pp_text_is(mode, "passthrough") ? "on" : "off");
	pp_arguments_prop(arguments, "l3-cache", pp_text_is(mode, "emulate") ? "on" : "off");
}

static void put_kvm_features(struct pp_arguments *arguments)
{
	const struct pp_domain_features *features = &arguments->domain->features;
	const struct pp_domain *domain = arguments->domain;

	pp_arguments_switch(arguments, "kvm-pv-eoi", features->apic_eoi);
	pp_arguments_switch(arguments, "kvm-pv-unhalt", features->pvspinlock);
	pp_arguments_switch(arguments, "pmu", features->pmu);
	if (features->kvm_hidden == PP_ON)
		pp_arguments_prop(arguments, "kvm", "off");
	pp_arguments_switch(arguments, "kvm-hint-dedicated", features->kvm_hint_dedicated);
	pp_arguments_switch(arguments, "kvm-poll-control", features->kvm_poll_control);
	put_hyperv(arguments);
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_PANIC &&
			pp_text_is(domain->devices[i].model, "hyperv"))
			pp_arguments_raw(arguments, "hv-crash");
}

static void put_features(struct pp_arguments *arguments)
{
	const struct pp_domain_cpu *cpu = &arguments->domain->cpu;

	for (size_t i = 0; i < cpu->n_features; i++) {
		const struct pp_cpu_feature *feature = &cpu->features[i];

		if (!feature_known(arguments->capabilities, feature->name))
			pp_arguments_fail(arguments, feature->line,
				"CPU feature '%s' is not known to %s", feature->name,
				arguments->capabilities->binary);
		pp_arguments_prop(arguments, feature->name, feature->enable ? "on" : "off");
	}
}

void pp_arguments_cpu(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;
	const struct pp_domain_cpu *cpu = &domain->cpu;

	pp_arguments_begin(arguments, "-cpu", model_of(arguments));
	pp_arguments_switch(arguments, "migratable", cpu->migratable);
	pp_arguments_prop(arguments, "vendor", cpu->vendor_id);
	put_features(arguments);
	if (cpu->enforce)
		pp_arguments_prop(arguments, "enforce", "on");
	if (pp_text_is(cpu->address_mode, "passthrough")) {
		pp_arguments_prop(arguments, "host-phys-bits", "on");
		if (cpu->address_bits)
			pp_arguments_propf(
				arguments, "host-phys-bits-limit", "%u", cpu->address_bits);
	} else if (cpu->address_mode) {
		pp_arguments_propf(arguments, "phys-bits", "%u", cpu->address_bits);
	}
	put_cache(arguments);
	put_timers(arguments);
	put_kvm_features(arguments);
	pp_arguments_end(arguments);
}
