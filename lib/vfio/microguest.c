/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/microguest.h"
#include "base/cleanup.h"
#include <string.h>

#if defined(__x86_64__)
#include "base/file.h"
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

/* Where things are in the guest's memory. */
enum {
	AT_GDT = 0x1000,
	AT_IDT = 0x2000,
	AT_READ = 0x3000,
	AT_ARM = 0x3100,
	AT_HANDLER = 0x3200,
	AT_VALUE = 0x4000,
	AT_COUNT = 0x4004,
	AT_STACK = 0x8000,
	AT_BAR = 0x40000000,
	VECTOR = 0x40,
	GSI = 24,
	PORT_DONE = 0x10,
	PORT_INTERRUPT = 0x11,
};

/* mov eax,[ebx]; mov [0x4000],eax; out 0x10,al */
static const uint8_t code_read[] = {
	0x8b, 0x03, 0xa3, 0x00, 0x40, 0x00, 0x00, 0xe6, PORT_DONE, 0xf4};
/* mov dword [0xfee000f0],0x1ff (local APIC on); out 0x10,al; sti; hlt; jmp to hlt */
static const uint8_t code_arm[] = {0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00, 0x00, 0xe6,
	PORT_DONE, 0xfb, 0xf4, 0xeb, 0xfd};
/* inc dword [0x4004]; mov dword [0xfee000b0],0 (end of interrupt); out 0x11,al; iret */
static const uint8_t code_handler[] = {0xff, 0x05, 0x04, 0x40, 0x00, 0x00, 0xc7, 0x05, 0xb0, 0x00,
	0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00, 0xe6, PORT_INTERRUPT, 0xcf};

static void lay_out(uint8_t *memory)
{
	/* flat 4 GiB code (0x08) and data (0x10); one interrupt gate */
	static const uint64_t gdt[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	uint64_t gate = (AT_HANDLER & 0xffffu) | 0x08ull << 16 | 0x8e00ull << 32 |
			(uint64_t)(AT_HANDLER >> 16) << 48;

	memcpy(memory + AT_GDT, gdt, sizeof(gdt));
	memcpy(memory + AT_IDT + VECTOR * 8, &gate, sizeof(gate));
	memcpy(memory + AT_READ, code_read, sizeof(code_read));
	memcpy(memory + AT_ARM, code_arm, sizeof(code_arm));
	memcpy(memory + AT_HANDLER, code_handler, sizeof(code_handler));
}

static int add_slot(struct pp_microguest *guest, void *memory, size_t size, uint64_t address)
{
	struct kvm_userspace_memory_region region = {.slot = guest->n_slots,
		.guest_phys_addr = address,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory};

	if (ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -errno;
	guest->n_slots++;
	return 0;
}

static void drop_slot(struct pp_microguest *guest, uint64_t address)
{
	struct kvm_userspace_memory_region region = {
		.slot = --guest->n_slots, .guest_phys_addr = address};

	ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int flat_mode(struct pp_microguest *guest)
{
	struct kvm_sregs sregs;
	struct kvm_segment code = {.limit = 0xffffffff,
		.selector = 0x08,
		.type = 11,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1};
	struct kvm_segment data = code;

	if (ioctl(guest->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	data.selector = 0x10;
	data.type = 3;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.gdt.base = AT_GDT;
	sregs.gdt.limit = 3 * 8 - 1;
	sregs.idt.base = AT_IDT;
	sregs.idt.limit = 256 * 8 - 1;
	sregs.cr0 |= 1; /* protected mode */
	return ioctl(guest->vcpu, KVM_SET_SREGS, &sregs) < 0 ? -errno : 0;
}

static int set_up(struct pp_microguest *guest, const char **what)
{
	*what = "opening /dev/kvm";
	guest->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (guest->kvm < 0)
		return -errno;
	*what = "making a virtual machine";
	guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0);
	if (guest->vm < 0)
		return -errno;
	*what = "giving it an interrupt controller";
	if (ioctl(guest->vm, KVM_SET_TSS_ADDR, 0xfffbd000) < 0 ||
		ioctl(guest->vm, KVM_CREATE_IRQCHIP) < 0)
		return -errno;
	*what = "giving it memory";
	void *memory = mmap(NULL, PP_MICROGUEST_MEMORY, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	guest->memory = memory;
	lay_out(guest->memory);
	int r = add_slot(guest, guest->memory, PP_MICROGUEST_MEMORY, 0);
	if (r < 0)
		return r;
	*what = "giving it a processor";
	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	if (guest->vcpu < 0)
		return -errno;
	int size = ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return -errno;
	void *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	if (run == MAP_FAILED)
		return -errno;
	guest->run = run;
	guest->run_size = size;
	return flat_mode(guest);
}

int pp_microguest_open(struct pp_microguest *guest, struct pp_error *error)
{
	struct pp_microguest opened = PP_MICROGUEST_INIT;
	const char *what = NULL;

	int r = set_up(&opened, &what);
	if (r < 0) {
		pp_microguest_close(&opened);
		return pp_error_errno(error, r, "micro-guest: %s", what);
	}
	*guest = opened;
	return 0;
}

void pp_microguest_close(struct pp_microguest *guest)
{
	if (guest->run)
		munmap(guest->run, guest->run_size);
	pp_closep(&guest->vcpu);
	pp_closep(&guest->vm);
	pp_closep(&guest->kvm);
	if (guest->memory)
		munmap(guest->memory, PP_MICROGUEST_MEMORY);
	*guest = (struct pp_microguest)PP_MICROGUEST_INIT;
}

static int start_at(struct pp_microguest *guest, uint32_t address, uint32_t ebx)
{
	struct kvm_regs regs = {.rip = address, .rbx = ebx, .rsp = AT_STACK, .rflags = 2};

	return ioctl(guest->vcpu, KVM_SET_REGS, &regs) < 0 ? -errno : 0;
}

/* A timer whose signal is blocked but for the vCPU: KVM_RUN then returns EINTR, no handler runs. */
static int deadline_open(
	struct pp_microguest *guest, int signal, int deadline_ms, timer_t *ret_timer)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
	struct itimerspec when = {.it_value = {deadline_ms / 1000, deadline_ms % 1000 * 1000000L}};
	union {
		struct kvm_signal_mask head;
		uint8_t room[sizeof(struct kvm_signal_mask) + sizeof(uint64_t)];
	} mask = {.head.len = sizeof(uint64_t)};
	uint64_t blocked = ~(1ull << (signal - 1));
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	memcpy(mask.room + offsetof(struct kvm_signal_mask, sigset), &blocked, sizeof(blocked));
	if (ioctl(guest->vcpu, KVM_SET_SIGNAL_MASK, &mask.head) < 0)
		return -errno;
	if (timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0)
		return -errno;
	if (timer_settime(*ret_timer, 0, &when, NULL) < 0) {
		int r = -errno;
		timer_delete(*ret_timer);
		return r;
	}
	return 0;
}

static void deadline_close(int signal, timer_t timer)
{
	struct timespec now = {0};
	sigset_t set;

	timer_delete(timer);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigtimedwait(&set, NULL, &now); /* what is pending must not stay so */
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int run_until_port(struct pp_microguest *guest, uint16_t port)
{
	for (;;) {
		if (ioctl(guest->vcpu, KVM_RUN, 0) < 0)
			return errno == EINTR ? -ETIMEDOUT : -errno;
		switch (guest->run->exit_reason) {
		case KVM_EXIT_IO:
			if (guest->run->io.port == port)
				return 0;
			break;
		case KVM_EXIT_MMIO:
			guest->mmio_exits++;
			return -EREMOTEIO;
		case KVM_EXIT_INTR:
			return -ETIMEDOUT;
		default:
			return -ENOTRECOVERABLE;
		}
	}
}

static int run_with_deadline(struct pp_microguest *guest, uint16_t port, int deadline_ms)
{
	timer_t timer;
	int signal = SIGRTMIN + 3;

	int r = deadline_open(guest, signal, deadline_ms, &timer);
	if (r < 0)
		return r;
	r = run_until_port(guest, port);
	deadline_close(signal, timer);
	return r;
}

int pp_microguest_read(struct pp_microguest *guest, void *page, size_t size, uint32_t offset,
	int deadline_ms, uint32_t *ret_value)
{
	uint32_t value;

	int r = add_slot(guest, page, size, AT_BAR);
	if (r < 0)
		return r;
	r = start_at(guest, AT_READ, AT_BAR + offset);
	if (r == 0)
		r = run_with_deadline(guest, PORT_DONE, deadline_ms);
	drop_slot(guest, AT_BAR);
	if (r < 0)
		return r;
	memcpy(&value, guest->memory + AT_VALUE, sizeof(value));
	*ret_value = value;
	return 0;
}

int pp_microguest_interrupt(struct pp_microguest *guest, int eventfd)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {.head.nr = 1,
		.entry = {.gsi = GSI,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = 0xfee00000, .data = VECTOR}}};
	struct kvm_irqfd irqfd = {.fd = (uint32_t)eventfd, .gsi = GSI};

	if (ioctl(guest->vm, KVM_SET_GSI_ROUTING, &routing.head) < 0)
		return -errno;
	return ioctl(guest->vm, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

int pp_microguest_arm(struct pp_microguest *guest, int deadline_ms)
{
	int r = start_at(guest, AT_ARM, 0);

	return r < 0 ? r : run_with_deadline(guest, PORT_DONE, deadline_ms);
}

int pp_microguest_wait(struct pp_microguest *guest, int deadline_ms, uint32_t *ret_count)
{
	int r = run_with_deadline(guest, PORT_INTERRUPT, deadline_ms);

	if (r < 0)
		return r;
	memcpy(ret_count, guest->memory + AT_COUNT, sizeof(*ret_count));
	return 0;
}

#else

int pp_microguest_open(struct pp_microguest *guest, struct pp_error *error)
{
	return pp_error_set(error, PP_STATUS_FAILED, -EOPNOTSUPP,
		"the micro-guest's machine code is for x86-64");
}

void pp_microguest_close(struct pp_microguest *guest)
{
}

int pp_microguest_read(struct pp_microguest *guest, void *page, size_t size, uint32_t offset,
	int deadline_ms, uint32_t *ret_value)
{
	return -EOPNOTSUPP;
}

int pp_microguest_interrupt(struct pp_microguest *guest, int eventfd)
{
	return -EOPNOTSUPP;
}

int pp_microguest_arm(struct pp_microguest *guest, int deadline_ms)
{
	return -EOPNOTSUPP;
}

int pp_microguest_wait(struct pp_microguest *guest, int deadline_ms, uint32_t *ret_count)
{
	return -EOPNOTSUPP;
}
#endif
