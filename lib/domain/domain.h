/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain: a guest's definition, libvirt's domain XML as plain structs. It is made by one call
 * from a buffer, owned by its arena, and never changed after. What the XML says and pcipass cannot
 * give to a guest is an error with its line: nothing is dropped. The author's text is kept by
 * whoever stores it.
 *
 * pp_domain_assign (address.h) makes a second one of it, in which everything is settled: the
 * devices that libvirt would add, and each device's guest address and alias. QEMU's arguments are
 * made of that. */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/domain/set.h"
#include <pcipass.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_DOMAIN_MAX_SIZE (16 << 20) /* bytes of XML */
#define PP_DOMAIN_MAX_DEVICES 4096    /* more than any guest has slots for */

/* Not said, no, yes. */
enum pp_tristate { PP_UNSET, PP_OFF, PP_ON };

/* ---- where a device sits in the guest ---- */

enum pp_place_type {
	PP_PLACE_NONE, /* not said (before pp_domain_assign), or it has none (a chardev) */
	PP_PLACE_PCI,
	PP_PLACE_DRIVE, /* on a disk controller */
	PP_PLACE_USB,
	PP_PLACE_VIRTIO_SERIAL,
	PP_PLACE_ISA,
	PP_PLACE_UNASSIGNED, /* a host device that is taken but not shown to the guest */
};
/* <address>. Bus and controller are the index of the controller that makes it. */
struct pp_place {
	enum pp_place_type type;
	int line;
	uint8_t slot, function;         /* PCI */
	enum pp_tristate multifunction; /* PCI */
	unsigned bus;                   /* PCI, drive, USB, virtio-serial */
	unsigned controller;            /* drive, virtio-serial */
	unsigned target, unit;          /* drive */
	const char *port;               /* USB "1.2", virtio-serial "1" */
	uint32_t iobase, irq;           /* ISA; 0 not said */
};

/* ---- devices ---- */

enum pp_domain_device_kind {
	PP_DEV_DISK,
	PP_DEV_CONTROLLER,
	PP_DEV_INTERFACE,
	PP_DEV_HOSTDEV,
	PP_DEV_SERIAL,
	PP_DEV_PARALLEL,
	PP_DEV_CONSOLE,
	PP_DEV_CHANNEL,
	PP_DEV_VIDEO,
	PP_DEV_GRAPHICS,
	PP_DEV_INPUT,
	PP_DEV_MEMBALLOON,
	PP_DEV_RNG,
	PP_DEV_PANIC,
	PP_DEV_WATCHDOG,
	PP_DEV_SOUND,
	PP_DEV_AUDIO,
	PP_DEV_HUB,
	PP_DEV_REDIRDEV,
	PP_DEV_TPM,
	PP_DEV_FILESYSTEM,
	PP_DEV_SHMEM,
	PP_DEV_IOMMU,
	PP_DEV_VSOCK,
	PP_DEV_KINDS,
};

enum pp_disk_type { PP_DISK_FILE, PP_DISK_BLOCK };
enum pp_disk_device { PP_DISK_DISK, PP_DISK_CDROM, PP_DISK_FLOPPY };
enum pp_disk_bus {
	PP_BUS_VIRTIO,
	PP_BUS_SATA,
	PP_BUS_IDE,
	PP_BUS_SCSI,
	PP_BUS_USB,
	PP_BUS_FDC,
	PP_BUS_NVME,
};
struct pp_disk {
	enum pp_disk_type type;
	enum pp_disk_device device;
	enum pp_disk_bus bus;
	const char *source;    /* a file or block device; NULL: an empty drive */
	const char *format;    /* "raw", "qcow2" ... */
	const char *target;    /* "vda" */
	unsigned target_index; /* 0 of "vda" */
	const char *cache, *io, *discard, *detect_zeroes, *error_policy,
		*rerror_policy; /* or NULL */
	const char *serial, *wwn, *vendor, *product;
	bool readonly, shareable;
	bool no_backing;   /* <backingStore/>: whatever the image says, it has no backing file */
	unsigned queues;   /* 0 not said */
	unsigned iothread; /* 1 and up; 0 none */
	unsigned logical_block, physical_block;
	unsigned rotation_rate;
	enum pp_tristate removable;
};

enum pp_controller_type {
	PP_CONTROLLER_PCI,
	PP_CONTROLLER_USB,
	PP_CONTROLLER_SATA,
	PP_CONTROLLER_IDE,
	PP_CONTROLLER_SCSI,
	PP_CONTROLLER_VIRTIO_SERIAL,
	PP_CONTROLLER_FDC,
	PP_CONTROLLER_CCID,
	PP_CONTROLLER_NVME,
};
struct pp_controller {
	enum pp_controller_type type;
	int index;              /* -1 not said (before assignment) */
	const char *model;      /* NULL: the machine's own choice */
	const char *model_name; /* <model name=>: QEMU's device, "pcie-root-port", "ioh3420" ... */
	int ports, vectors, queues, max_sectors, cmd_per_lun; /* -1 not said */
	int chassis_nr, chassis, port, bus_nr, node;          /* PCI target; -1 not said */
	enum pp_tristate hotplug;
	uint64_t hole64; /* pcihole64 in bytes */
	bool has_hole64;
	uint64_t mem_reserve;  /* bytes */
	int master_start_port; /* USB companion; -1 none */
	unsigned iothread;     /* SCSI: 1 and up; 0 none */
	const char *serial;    /* NVMe; NULL: its alias */
};

struct pp_interface {
	enum pp_interface_type {
		PP_INTERFACE_USER,
		PP_INTERFACE_BRIDGE,
		PP_INTERFACE_NETWORK,
	} type;
	const char *model; /* "virtio", "e1000", "e1000e", "rtl8139" */
	uint8_t mac[6];
	bool has_mac;
	const char *source; /* bridge or network */
	const char *target; /* name of the tap; NULL: the next "vnet" */
	const char *driver; /* "vhost", "qemu"; NULL: vhost where the host has it */
	int vlan;           /* in a network of virtual functions; 0: none */
};

struct pp_hostdev {
	enum pp_hostdev_type { PP_HOSTDEV_PCI, PP_HOSTDEV_USB } type;
	struct pp_address source; /* PCI: the host's address */
	int source_line;
	bool managed;
	const char *driver_name;  /* "vfio" */
	const char *driver_model; /* host driver to bind ("mlx5_vfio_pci"), NULL: pcipass chooses */
	unsigned usb_vendor, usb_product; /* USB; both or neither */
	unsigned usb_bus, usb_device;     /* USB; 0 not said */
	bool interface; /* PCI: an <interface>, to which its physical function gives these: */
	bool has_mac;
	uint8_t mac[6];
	int vlan; /* 0: none */
};

/* serial, parallel, console, channel, redirdev */
struct pp_chardev {
	enum pp_chardev_type {
		PP_CHARDEV_PTY,
		PP_CHARDEV_FILE,
		PP_CHARDEV_UNIX,
		PP_CHARDEV_NULL,
		PP_CHARDEV_DEV,
		PP_CHARDEV_SPICEVMC,
		PP_CHARDEV_PIPE,
		PP_CHARDEV_TCP,
		PP_CHARDEV_UDP,
		PP_CHARDEV_STDIO,
	} type;
	const char *path;        /* file, unix, dev, pipe */
	enum pp_tristate append; /* file */
	bool listen;             /* unix, tcp: mode='bind' */
	const char *host, *service;
	const char *target_type;  /* "isa-serial", "virtio", "serial" ... */
	const char *target_model; /* "isa-serial", "pci-serial", "16550a" ... */
	int target_port;          /* -1 not said */
	const char *target_name;  /* channel "org.qemu.guest_agent.0" */
	bool duplicate;           /* <console> that is the first <serial> once more: no device */
};

struct pp_video {
	const char *model; /* "none", "vga", "cirrus", "virtio", "qxl", "bochs", "vmvga", "ramfb" */
	enum pp_tristate primary;
	unsigned heads;
	uint64_t ram, vram, vgamem, vram64; /* bytes, 0 not said */
	unsigned width, height;
};
struct pp_graphics {
	enum pp_graphics_type { PP_GRAPHICS_VNC, PP_GRAPHICS_SPICE, PP_GRAPHICS_EGL } type;
	int port, websocket; /* -1: chosen at start */
	const char *listen;  /* address, NULL: 127.0.0.1 */
	const char *socket;  /* path, NULL: a port */
	bool no_listen;      /* <listen type='none'/> */
	const char *keymap, *share_policy;
	const char *image_compression, *streaming, *mouse; /* SPICE */
	enum pp_tristate copy_paste, file_transfer;        /* SPICE */
};
struct pp_input {
	const char *type;   /* "tablet", "mouse", "keyboard", "evdev" */
	const char *bus;    /* "usb", "ps2", "virtio"; "none" of evdev */
	const char *source; /* evdev, passthrough: "/dev/input/event3" */
	bool grab_all;
	enum pp_tristate repeat;
	const char *grab_toggle; /* "ctrl-ctrl" ...; NULL */
};
struct pp_memballoon {
	const char *model; /* "virtio", "none" */
	enum pp_tristate deflate, free_page_reporting;
	unsigned stats_period;
};
struct pp_rng {
	const char *backend; /* "random", "builtin" */
	const char *source;  /* "/dev/urandom" */
	unsigned rate_bytes, rate_period;
};
struct pp_watchdog {
	const char *model;  /* "i6300esb", "ib700", "itco" */
	const char *action; /* "reset" ... */
};
struct pp_sound {
	const char *model;
	const char *codecs[4];
	unsigned n_codecs;
	int audio; /* id of the <audio>, -1 not said */
};
struct pp_audio {
	int id;
	const char *type; /* "none", "spice" ... */
};
/* Memory that guests, and programs of the host, have together. */
struct pp_shmem {
	const char *name;
	uint64_t size;      /* bytes; plain */
	const char *server; /* doorbell: a socket of an ivshmem-server */
	bool master;
	unsigned vectors; /* 0 not said */
	enum pp_tristate ioeventfd;
};
/* A directory of the host, by virtiofs. */
struct pp_filesystem {
	const char *source, *tag;
	bool readonly;
	unsigned queue;    /* entries; 0 not said */
	const char *cache; /* "none", "always"; NULL */
	enum pp_tristate xattr;
};
struct pp_tpm {
	const char *model; /* "tpm-tis", "tpm-crb"; swtpm, version 2.0 */
};

struct pp_domain_device {
	enum pp_domain_device_kind kind;
	int line;          /* of its element; 0: added by pp_domain_assign */
	const char *alias; /* QEMU's id; before assignment the author's "ua-..." or NULL */
	struct pp_place place;
	unsigned boot_order; /* 0 not said */
	enum pp_tristate rom_enabled, rom_bar;
	const char *rom_file;
	unsigned acpi_index; /* 0 not said */
	const char
		*model; /* panic, shmem, iommu, vsock, hub, redirdev: its model or type; or NULL */
	union {
		struct pp_disk disk;
		struct pp_controller controller;
		struct pp_interface interface;
		struct pp_hostdev hostdev;
		struct pp_chardev chardev;
		struct pp_video video;
		struct pp_graphics graphics;
		struct pp_input input;
		struct pp_memballoon memballoon;
		struct pp_rng rng;
		struct pp_watchdog watchdog;
		struct pp_sound sound;
		struct pp_audio audio;
		struct pp_tpm tpm;
		struct pp_shmem shmem; /* model: "ivshmem-plain", "ivshmem-doorbell" */
		struct pp_filesystem filesystem;
	};
};
const char *pp_domain_device_element(enum pp_domain_device_kind kind); /* "disk", "hostdev" */

/* ---- the guest ---- */

enum pp_domain_type { PP_DOMAIN_KVM, PP_DOMAIN_QEMU };

enum pp_boot_device { PP_BOOT_HD, PP_BOOT_CDROM, PP_BOOT_NETWORK, PP_BOOT_FD };
struct pp_domain_os {
	const char *arch;    /* "x86_64" */
	const char *machine; /* as written: "q35", "pc-q35-7.2"; NULL: QEMU's own */
	int machine_line;
	bool q35;                              /* else i440fx */
	const char *kernel, *initrd, *cmdline; /* direct boot; or NULL */
	int kernel_line, initrd_line;
	int line;
	enum pp_boot_device boot[4];
	unsigned n_boot;
	enum pp_tristate boot_menu;
	unsigned boot_menu_timeout;
	bool efi;           /* firmware='efi', or a loader in flash */
	const char *loader; /* NULL: the machine's BIOS, or with efi what the host offers */
	int loader_line;
	const char *loader_format; /* "raw", "qcow2"; NULL not said */
	enum pp_tristate loader_secure, loader_stateless;
	const char *nvram; /* its variables; NULL: pcipass keeps them */
	const char *nvram_template, *nvram_format;
	enum pp_tristate secure_boot, enrolled_keys; /* what its firmware must, and must not, have
						      */
	enum pp_tristate bios_serial;                /* <bios useserial=> */
	int reboot_timeout;                          /* ms, -1 not said */
	const char *smbios;                          /* "host", "sysinfo", "emulate"; NULL */
};

struct pp_hyperv {
	enum pp_tristate relaxed, vapic, spinlocks, vpindex, runtime, synic, stimer, stimer_direct,
		reset, frequencies, reenlightenment, tlbflush, ipi, evmcs, avic;
	unsigned spinlock_retries;
	const char *vendor_id;
	bool passthrough;
};
struct pp_domain_features {
	bool acpi, pae, hap;
	enum pp_tristate apic, apic_eoi, kvm_hidden, kvm_hint_dedicated, kvm_poll_control, vmport,
		pmu, smm, pvspinlock, vmcoreinfo;
	const char *ioapic; /* "kvm", "qemu" */
	struct pp_hyperv hyperv;
};

enum pp_cpu_mode {
	PP_CPU_UNSET,
	PP_CPU_CUSTOM,
	PP_CPU_HOST_MODEL,
	PP_CPU_HOST_PASSTHROUGH,
	PP_CPU_MAXIMUM
};
struct pp_cpu_feature {
	const char *name;
	bool enable;      /* force, require, optional; else disable, forbid */
	bool conditional; /* optional, forbid: it depends on the host */
	int line;
};
struct pp_domain_cpu {
	enum pp_cpu_mode mode;
	const char *model;     /* custom */
	const char *vendor;    /* that the host must have, "Intel", "AMD"; NULL: any */
	const char *vendor_id; /* what CPUID says, 12 characters; NULL: the model's */
	int line, topology_line;
	bool enforce; /* no start when the host lacks a feature */
	enum pp_tristate migratable;
	unsigned sockets, dies, cores, threads; /* 0 not said */
	const struct pp_cpu_feature *features;
	size_t n_features;
	const char *cache;        /* "passthrough", "emulate", "disable" */
	int cache_level;          /* -1 not said */
	const char *address_mode; /* maxphysaddr: "passthrough", "emulate" */
	unsigned address_bits;
};

/* What CPUID says of a vendor: "GenuineIntel" of "Intel". NULL: not known. */
const char *pp_cpu_vendor_id(const char *vendor);

struct pp_timer {
	const char *name;       /* "rtc", "pit", "hpet", "tsc", "kvmclock", "hypervclock" */
	const char *tickpolicy; /* or NULL */
	enum pp_tristate present;
	const char *track;
	uint64_t frequency;
	int line;
};
struct pp_domain_clock {
	const char *offset; /* "utc", "localtime", "variable" */
	int64_t adjustment; /* seconds */
	const struct pp_timer *timers;
	size_t n_timers;
};

/* on_poweroff is always destroy. On a reboot QEMU resets by itself, unless it is to be destroyed.
 */
enum pp_lifecycle { PP_LIFECYCLE_DESTROY, PP_LIFECYCLE_RESTART, PP_LIFECYCLE_PRESERVE };

/* ---- NUMA nodes, of the guest (cells) and of the host; where threads may run ---- */

enum pp_numa_mode {
	PP_NUMA_UNSET,
	PP_NUMA_STRICT,
	PP_NUMA_PREFERRED,
	PP_NUMA_INTERLEAVE,
};
/* From which of the host's nodes memory comes. */
struct pp_numa_memory {
	enum pp_numa_mode mode;
	struct pp_set nodes;
	int line;
};
struct pp_numa_cell {
	struct pp_set cpus; /* of the guest; empty: memory alone */
	uint64_t memory;    /* bytes */
	enum pp_tristate shared;
	const uint8_t *distances; /* to each cell, 0 not said; NULL: none is said */
	struct pp_numa_memory from;
	bool hugepages;
	uint64_t hugepage_size; /* bytes; 0: the host's default */
	int line;
};

enum pp_pin_kind { PP_PIN_VCPU, PP_PIN_EMULATOR, PP_PIN_IOTHREAD };
struct pp_pin {
	enum pp_pin_kind kind;
	unsigned number; /* vCPU from 0, iothread from 1 */
	struct pp_set cpus;
	int line;
};

struct pp_domain {
	struct pp_arena *arena;
	enum pp_domain_type type;
	const char *name;
	const char *uuid;   /* lower case with hyphens; NULL: the definition has none yet */
	size_t uuid_offset; /* byte of the text behind which a <uuid> is to be put (behind </name>)
			     */
	const char *title, *description; /* or NULL */
	uint64_t memory, current_memory; /* bytes */
	int memory_line;
	enum pp_tristate dump_core;
	bool memory_locked, memory_nosharepages;
	bool hugepages;
	uint64_t hugepage_size; /* bytes; 0: the host's default */
	bool memory_memfd, memory_shared, memory_preallocated;
	unsigned memory_threads;   /* that allocate it; 0: as many as it has CPUs */
	uint64_t hard_limit;       /* <memtune>, bytes; 0 not said */
	unsigned vcpus, max_vcpus; /* at the start, and how many there can be */
	unsigned iothreads;
	struct pp_set cpus; /* of the host, for threads without a pin of their own; empty: all */
	const struct pp_pin *pins;
	size_t n_pins;
	struct pp_numa_memory memory_from; /* without cells */
	const struct pp_numa_cell *cells;
	size_t n_cells;
	int vcpu_line;
	struct pp_domain_os os;
	struct pp_domain_features features;
	struct pp_domain_cpu cpu;
	struct pp_domain_clock clock;
	enum pp_lifecycle on_reboot, on_crash;
	enum pp_tristate suspend_to_mem, suspend_to_disk;
	const char *emulator;                   /* NULL: pcipass chooses */
	const struct pp_domain_device *devices; /* in the order of the text */
	size_t n_devices;
};

/* TEXT is the whole document; FILE is what messages call it ("/etc/x.xml", "guest win2k3"). Reads
 * nothing but the buffer. Errors begin "FILE:LINE: ". -EINVAL: not understood or not valid;
 * -EBADMSG: not XML; -EFBIG: over PP_DOMAIN_MAX_SIZE or another limit of the reader. */
int pp_domain_parse(const char *text, size_t length, const char *file,
	struct pp_domain **ret_domain, struct pp_error *error);
/* The same of the text of a guest that runs (pp_domain_text_live). */
int pp_domain_parse_live(const char *text, size_t length, const char *file,
	struct pp_domain **ret_domain, struct pp_error *error);
void pp_domain_free(struct pp_domain *domain);
PP_DEFINE_CLEANUP(struct pp_domain *, pp_domain_free)

/* The author's text with <uuid>UUID</uuid> put behind <name>; everything else byte for byte. For a
 * domain whose uuid is NULL. The caller frees. */
int pp_domain_text_with_uuid(const char *text, size_t length, const struct pp_domain *domain,
	const char *uuid, char **ret_text, size_t *ret_length);

/* How much memory QEMU must be allowed to lock, in bytes: 0: no need; UINT64_MAX: no limit.
 * libvirt's formula: memory + 1 GiB when a host device is given (VFIO pins all of it), times the
 * number of devices where the guest has an IOMMU of its own. */
uint64_t pp_domain_memlock(const struct pp_domain *domain);

/* Its PCI host devices in the order of the text: start with NULL, ends with NULL. */
const struct pp_domain_device *pp_domain_next_hostdev(
	const struct pp_domain *domain, const struct pp_domain_device *previous);

#endif
