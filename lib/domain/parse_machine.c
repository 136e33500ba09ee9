/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <os>, <features>, <cpu>, <clock>. */
#include "base/parse.h"
#include "lib/domain/parse.h"
#include <string.h>

static bool machine_is_q35(const char *machine)
{
	return pp_text_is(machine, "q35") || pp_text_starts(machine, "pc-q35-");
}

static bool machine_is_pc(const char *machine)
{
	return pp_text_is(machine, "pc") || pp_text_starts(machine, "pc-i440fx-") ||
	       pp_text_starts(machine, "pc-1.") || pp_text_starts(machine, "pc-0.");
}

static void parse_machine_type(struct pp_parsing *parsing, const struct pp_element *type)
{
	struct pp_domain_os *os = &parsing->domain->os;
	const char *kind = pp_parsing_text(parsing, type);

	if (kind && !pp_text_is(kind, "hvm")) {
		pp_parsing_fail(parsing, type->line,
			"<type>%.40s</type> is not understood by pcipass; it knows hvm", kind);
		return;
	}
	os->arch = pp_parsing_attribute(parsing, type, "arch");
	if (!os->arch)
		os->arch = "x86_64";
	os->machine = pp_parsing_attribute(parsing, type, "machine");
	os->machine_line = type->line;
	os->q35 = machine_is_q35(os->machine);
	if (os->machine && !os->q35 && !machine_is_pc(os->machine))
		pp_parsing_fail(parsing, type->line,
			"machine='%.60s' is not understood by pcipass; it knows pc, q35 and their "
			"versions "
			"(pc-i440fx-7.2, pc-q35-7.2)",
			os->machine);
}

static void parse_boot_order(struct pp_parsing *parsing, const struct pp_element *os_element)
{
	static const char *const words[] = {"hd", "cdrom", "network", "fd", NULL};
	struct pp_domain_os *os = &parsing->domain->os;

	for (const struct pp_element *boot = pp_element_child(os_element, "boot"); boot;
		boot = pp_element_again(boot)) {
		enum pp_boot_device device = pp_parsing_word(boot, "dev", words, 0);

		for (unsigned i = 0; i < os->n_boot; i++)
			if (os->boot[i] == device)
				pp_parsing_fail(parsing, boot->line,
					"<boot dev='%s'/> is there twice", words[device]);
		if (parsing->failed)
			return;
		os->boot[os->n_boot++] = device;
	}
}

void pp_parsing_os(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain_os *os = &parsing->domain->os;
	const struct pp_element *menu = pp_element_child(element, "bootmenu");
	const struct pp_element *bios = pp_element_child(element, "bios");

	const struct pp_element *kernel = pp_element_child(element, "kernel");
	const struct pp_element *initrd = pp_element_child(element, "initrd");

	os->kernel = pp_parsing_path(parsing, kernel, NULL);
	os->initrd = pp_parsing_path(parsing, initrd, NULL);
	os->kernel_line = kernel ? kernel->line : 0;
	os->initrd_line = initrd ? initrd->line : 0;
	os->cmdline = pp_parsing_text(parsing, pp_element_child(element, "cmdline"));
	os->line = element->line;
	if (!os->kernel && (os->initrd || os->cmdline))
		pp_parsing_fail(parsing, element->line, "<%s> needs a <kernel>",
			os->initrd ? "initrd" : "cmdline");
	os->boot_menu = pp_parsing_switch(menu, "enable");
	os->boot_menu_timeout = pp_parsing_number(parsing, menu, "timeout", 65535, 0);
	os->bios_serial = pp_parsing_switch(bios, "useserial");
	os->reboot_timeout = pp_parsing_int(parsing, bios, "rebootTimeout", 65535);
	parse_machine_type(parsing, pp_element_child(element, "type"));
	parse_boot_order(parsing, element);
	pp_parsing_firmware(parsing, element);
}

static enum pp_tristate child_state(const struct pp_element *element, const char *name)
{
	const struct pp_element *child = pp_element_child(element, name);

	if (!child)
		return PP_UNSET;
	return pp_parsing_is(child, "state", "off") ? PP_OFF : PP_ON;
}

static void parse_hyperv(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_hyperv *hyperv = &parsing->domain->features.hyperv;
	const struct pp_element *spinlocks = pp_element_child(element, "spinlocks");
	const struct pp_element *vendor = pp_element_child(element, "vendor_id");
	const struct {
		const char *name;
		enum pp_tristate *state;
	} states[] = {
		{"relaxed", &hyperv->relaxed},
		{"vapic", &hyperv->vapic},
		{"spinlocks", &hyperv->spinlocks},
		{"vpindex", &hyperv->vpindex},
		{"runtime", &hyperv->runtime},
		{"synic", &hyperv->synic},
		{"stimer", &hyperv->stimer},
		{"reset", &hyperv->reset},
		{"frequencies", &hyperv->frequencies},
		{"reenlightenment", &hyperv->reenlightenment},
		{"tlbflush", &hyperv->tlbflush},
		{"ipi", &hyperv->ipi},
		{"evmcs", &hyperv->evmcs},
		{"avic", &hyperv->avic},
	};

	for (size_t i = 0; i < PP_COUNT(states); i++)
		*states[i].state = child_state(element, states[i].name);
	hyperv->passthrough = pp_parsing_is(element, "mode", "passthrough");
	hyperv->stimer_direct = child_state(pp_element_child(element, "stimer"), "direct");
	hyperv->spinlock_retries = pp_parsing_number(parsing, spinlocks, "retries", UINT32_MAX, 0);
	if (hyperv->spinlocks == PP_ON && hyperv->spinlock_retries < 4095)
		pp_parsing_fail(
			parsing, spinlocks->line, "<spinlocks> needs retries of at least 4095");
	if (!vendor || pp_parsing_is(vendor, "state", "off"))
		return;
	hyperv->vendor_id = pp_parsing_attribute(parsing, vendor, "value");
	if (!hyperv->vendor_id || strlen(hyperv->vendor_id) > 12 || strchr(hyperv->vendor_id, ','))
		pp_parsing_fail(parsing, vendor->line,
			"<vendor_id> needs a value of at most 12 characters without a comma");
}

void pp_parsing_features(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain_features *features = &parsing->domain->features;
	const struct pp_element *kvm = pp_element_child(element, "kvm");
	const struct pp_element *apic = pp_element_child(element, "apic");

	if (!element)
		return;
	features->acpi = pp_element_child(element, "acpi");
	features->pae = pp_element_child(element, "pae");
	features->apic = apic ? PP_ON : PP_UNSET;
	features->apic_eoi = pp_parsing_switch(apic, "eoi");
	features->kvm_hidden = child_state(kvm, "hidden");
	features->kvm_hint_dedicated = child_state(kvm, "hint-dedicated");
	features->kvm_poll_control = child_state(kvm, "poll-control");
	features->pvspinlock = child_state(element, "pvspinlock");
	features->pmu = child_state(element, "pmu");
	features->vmport = child_state(element, "vmport");
	features->smm = child_state(element, "smm");
	features->vmcoreinfo = child_state(element, "vmcoreinfo");
	features->ioapic =
		pp_parsing_attribute(parsing, pp_element_child(element, "ioapic"), "driver");
	if (pp_element_child(element, "hyperv"))
		parse_hyperv(parsing, pp_element_child(element, "hyperv"));
}

static size_t count_children(const struct pp_element *element, const char *name)
{
	size_t count = 0;

	for (const struct pp_element *child = pp_element_child(element, name); child;
		child = pp_element_again(child))
		count++;
	return count;
}

static void parse_cpu_features(struct pp_parsing *parsing, const struct pp_element *cpu)
{
	size_t count = count_children(cpu, "feature");
	struct pp_cpu_feature *features =
		pp_arena_array(parsing->arena, count + 1, sizeof(*features));
	size_t n = 0;

	if (!features) {
		pp_parsing_oom(parsing);
		return;
	}
	for (const struct pp_element *f = pp_element_child(cpu, "feature"); f;
		f = pp_element_again(f)) {
		const char *name = pp_parsing_attribute(parsing, f, "name");

		if (parsing->failed)
			return;
		if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_.-") != strlen(name)) {
			pp_parsing_fail(
				parsing, f->line, "'%.40s' is not the name of a CPU feature", name);
			return;
		}
		features[n++] = (struct pp_cpu_feature){name,
			!pp_parsing_is(f, "policy", "disable") &&
				!pp_parsing_is(f, "policy", "forbid"),
			pp_parsing_is(f, "policy", "optional") ||
				pp_parsing_is(f, "policy", "forbid"),
			f->line};
	}
	parsing->domain->cpu.features = features;
	parsing->domain->cpu.n_features = n;
}

const char *pp_cpu_vendor_id(const char *vendor)
{
	static const char *const ids[][2] = {
		{"Intel", "GenuineIntel"}, {"AMD", "AuthenticAMD"}, {"Hygon", "HygonGenuine"}};

	for (size_t i = 0; i < PP_COUNT(ids); i++)
		if (pp_text_is(ids[i][0], vendor))
			return ids[i][1];
	return NULL;
}

static void parse_topology(struct pp_parsing *parsing, const struct pp_element *topology)
{
	struct pp_domain_cpu *cpu = &parsing->domain->cpu;

	if (!topology)
		return;
	cpu->topology_line = topology->line;
	cpu->sockets = pp_parsing_number(parsing, topology, "sockets", 4096, 1);
	cpu->dies = pp_parsing_number(parsing, topology, "dies", 4096, 1);
	cpu->cores = pp_parsing_number(parsing, topology, "cores", 4096, 1);
	cpu->threads = pp_parsing_number(parsing, topology, "threads", 4096, 1);
	if (!cpu->sockets || !cpu->dies || !cpu->cores || !cpu->threads)
		pp_parsing_fail(parsing, topology->line, "none of <topology>'s numbers may be 0");
}

static void parse_cpu_vendor(struct pp_parsing *parsing, const struct pp_element *element)
{
	const char *vendor = pp_parsing_text(parsing, element);

	parsing->domain->cpu.vendor = vendor;
	if (vendor && !pp_cpu_vendor_id(vendor))
		pp_parsing_fail(parsing, element->line,
			"<vendor>%.40s</vendor> is not understood by pcipass; it knows Intel, AMD, "
			"Hygon",
			vendor);
}

void pp_parsing_cpu(struct pp_parsing *parsing, const struct pp_element *element)
{
	static const char *const modes[] = {
		"custom", "host-model", "host-passthrough", "maximum", NULL};
	struct pp_domain_cpu *cpu = &parsing->domain->cpu;
	const struct pp_element *model = pp_element_child(element, "model");
	const struct pp_element *cache = pp_element_child(element, "cache");
	const struct pp_element *address = pp_element_child(element, "maxphysaddr");
	const char *name;

	cpu->cache_level = -1;
	if (!element)
		return;
	cpu->line = element->line;
	name = pp_parsing_text(parsing, model);
	if (pp_element_attribute(element, "mode"))
		cpu->mode = PP_CPU_CUSTOM + pp_parsing_word(element, "mode", modes, 0);
	else if (model)
		cpu->mode = PP_CPU_CUSTOM;
	if (cpu->mode == PP_CPU_CUSTOM) {
		cpu->model = name;
		if (!name || !*name || strpbrk(name, ", \t"))
			pp_parsing_fail(
				parsing, element->line, "<cpu mode='custom'> needs a <model>");
	}
	parse_cpu_vendor(parsing, pp_element_child(element, "vendor"));
	cpu->vendor_id = pp_parsing_attribute(parsing, model, "vendor_id");
	if (cpu->vendor_id && (strlen(cpu->vendor_id) != 12 || strchr(cpu->vendor_id, ',')))
		pp_parsing_fail(parsing, model->line,
			"vendor_id='%.40s' must have 12 characters, no comma", cpu->vendor_id);
	/* The host's own CPU lacks nothing that the host has. */
	cpu->enforce = pp_parsing_is(element, "check", "full") ||
		       (pp_parsing_is(element, "check", "partial") && cpu->mode == PP_CPU_CUSTOM);
	cpu->migratable = pp_parsing_switch(element, "migratable");
	cpu->cache = pp_parsing_attribute(parsing, cache, "mode");
	cpu->cache_level = pp_parsing_int(parsing, cache, "level", 3);
	cpu->address_mode = pp_parsing_attribute(parsing, address, "mode");
	cpu->address_bits = pp_parsing_number(parsing, address, "bits", 64, 0);
	parse_topology(parsing, pp_element_child(element, "topology"));
	parse_cpu_features(parsing, element);
}

static int parse_timer(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_timer *timer)
{
	*timer = (struct pp_timer){
		.name = pp_parsing_attribute(parsing, element, "name"),
		.tickpolicy = pp_parsing_attribute(parsing, element, "tickpolicy"),
		.track = pp_parsing_attribute(parsing, element, "track"),
		.present = pp_parsing_switch(element, "present"),
		.frequency = pp_parsing_number(parsing, element, "frequency", INT64_MAX, 0),
		.line = element->line,
	};
	for (const struct pp_element *other = pp_element_again(element); other;
		other = pp_element_again(other))
		if (pp_parsing_is(other, "name", timer->name))
			return pp_parsing_fail(parsing, other->line,
				"<timer name='%s'/> is there twice", timer->name);
	return parsing->failed;
}

void pp_parsing_clock(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain_clock *clock = &parsing->domain->clock;
	size_t count = count_children(element, "timer");
	struct pp_timer *timers = pp_arena_array(parsing->arena, count + 1, sizeof(*timers));
	const char *adjustment = pp_element_attribute(element, "adjustment");
	int seconds = 0;

	if (!timers) {
		pp_parsing_oom(parsing);
		return;
	}
	clock->offset = element ? pp_parsing_attribute(parsing, element, "offset") : "utc";
	if (adjustment && pp_parse_int(adjustment, &seconds) < 0)
		pp_parsing_fail(parsing, element->line,
			"adjustment='%.40s' of <clock> is not a number of seconds", adjustment);
	clock->adjustment = seconds;
	if (seconds && pp_text_is(clock->offset, "localtime"))
		pp_parsing_fail(parsing, element->line,
			"adjustment of <clock> belongs to offset='utc' and 'variable'");
	for (const struct pp_element *t = pp_element_child(element, "timer"); t;
		t = pp_element_again(t))
		if (parse_timer(parsing, t, &timers[clock->n_timers++]) < 0)
			return;
	clock->timers = timers;
}
