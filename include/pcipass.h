/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcipass: PCI devices of a Linux host, given to KVM guests and taken back.
 *
 * The road: pp_host_read (facts) -> pp_check_* (findings) -> pp_plan_* (steps) -> pp_apply (the
 * only writer), and pp_guest_* for guests. Functions return 0 or positive on success and -errno on
 * failure; a struct pp_error, which may be NULL, says what was tried, on what, why it failed and
 * what to do. Structs are only read by callers; pointers in them live as long as the struct that
 * they came in. */
#ifndef PCIPASS_H
#define PCIPASS_H

#include <pcipass-error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- context: which machine, and where pcipass keeps things ---- */

/* Where a machine's facts are read and its state is kept. */
struct pp_context;

/* ROOT: NULL for this machine; a directory with sys, proc, dev, etc, run, boot in it (there the
 * kernel's side of writes is played by a model); or a machine as text (read only). */
int pp_context_open(const char *root, struct pp_context **ret_context, struct pp_error *error);
void pp_context_close(struct pp_context *context);
bool pp_context_is_live(const struct pp_context *context); /* this machine, not another root */

enum pp_event_kind { PP_EVENT_STEP, PP_EVENT_DONE, PP_EVENT_WAIT, PP_EVENT_UNDO, PP_EVENT_NOTE };
/* What is happening, for people who wait. */
typedef void pp_progress(enum pp_event_kind kind, const char *text, void *data);

/* Who is told of what happens beside a verb's own work: a guest whose supervisor was killed is
 * adopted, devices of a guest that is gone are given back; and what is waited for, by functions
 * that take no progress of their own. NULL (the start): nobody. */
void pp_context_notices(struct pp_context *context, pp_progress *progress, void *data);

/* A folder for a program's own state: NAME below run/pcipass, which a boot empties, or (LASTING)
 * below var/lib/pcipass; made where it is missing. The caller closes *ret_fd. */
int pp_state_open(struct pp_context *context, bool lasting, const char *name, int *ret_fd,
	struct pp_error *error);

/* ---- host facts (lib/host) ---- */

struct pp_address {
	uint32_t domain;
	uint8_t bus, slot, function;
};
#define PP_ADDRESS_SIZE 24 /* of its text, "0000:00:1a.7" */

int pp_address_parse(const char *text, struct pp_address *ret_address); /* with or without domain */
const char *pp_address_text(const struct pp_address *address, char text[PP_ADDRESS_SIZE]);
int pp_address_compare(const struct pp_address *a, const struct pp_address *b);

enum pp_bar_flags {
	PP_BAR_IO = 1,
	PP_BAR_64BIT = 2,
	PP_BAR_PREFETCH = 4,
	PP_BAR_DISABLED =
		8, /* the kernel gave it no address though it has a size, or none at all */
};
struct pp_bar {
	uint64_t start; /* host physical address */
	uint64_t size;  /* bytes, 0: not there */
	unsigned flags; /* enum pp_bar_flags */
};

enum pp_device_flags {
	PP_DEVICE_BOOT_VGA = 1 << 0,
	PP_DEVICE_HAS_ROM = 1 << 1,      /* a rom file is there */
	PP_DEVICE_VANISHED = 1 << 2,     /* went away while it was read */
	PP_DEVICE_CONFIG_DEAD = 1 << 3,  /* config space is all ones */
	PP_DEVICE_CONFIG_SHORT = 1 << 4, /* shorter than its header (64 bytes; 256 for root) */
	PP_DEVICE_CONFIG_UNREAD = 1 << 5,
	PP_DEVICE_REMOVABLE = 1 << 6,
};

enum pp_header {
	PP_HEADER_ENDPOINT = 0,
	PP_HEADER_BRIDGE = 1,
	PP_HEADER_CARDBUS = 2,
	PP_HEADER_UNKNOWN = 0x7f,
};

/* What config space says (lib/host/config.c); offsets are 0 where a capability is missing. */
struct pp_capabilities {
	bool read;            /* false: only 64 bytes or nothing could be read */
	uint16_t express;     /* offset of the PCI Express capability */
	uint8_t express_type; /* 0 endpoint, 4 root port, 5 upstream, 6 downstream, 7 to PCI, 9
				 RCiEP ... */
	bool flr;             /* DevCap bit 28 */
	bool af_flr;          /* Advanced Features FLR */
	uint16_t pm;          /* power management */
	bool pm_no_soft_reset;
	uint16_t msi, msix;
	unsigned msix_vectors;
	uint16_t acs;
	uint16_t acs_cap, acs_control;
	uint16_t aer, sriov, ari, rebar, dsn;
	uint64_t serial; /* Device Serial Number, 0 if none */
	unsigned link_cap_speed, link_cap_width,
		link_port; /* speed code 1.. = 2.5 5 8 16 32 64 GT/s */
	unsigned link_speed, link_width;
	bool link; /* has a link (not RCiEP, RCEC) and it could be read */
	uint8_t interrupt_pin;
	uint8_t secondary, subordinate; /* bridges */
};

/* What only checks ask about a device (with PP_READ_CHECKS). */
struct pp_rebar {
	uint64_t sizes;   /* bit n: 2^n MiB is supported; 0: this BAR cannot be resized */
	unsigned current; /* the n of its size now */
};
struct pp_health {
	unsigned irq;  /* its line interrupt, 0: none */
	bool messages; /* it is driven by messages (MSI, MSI-X) now, not by its line */
	uint64_t aer_fatal, aer_nonfatal; /* errors counted since it was found */
	const char *aer;                  /* the lines that counted, NULL: none */
	const char *runtime_status;       /* "active", "suspended"; NULL: not said */
	int d3cold_allowed;               /* 1, 0, -1 not said */
	bool rom_shadow; /* what is read as its ROM is the firmware's copy in memory */
	bool vgpu;       /* a virtual GPU of NVIDIA's driver */
	const char
		*framebuffer; /* the host's framebuffer in one of its BARs: "vesafb"; NULL: none */
	const char *framebuffer_line; /* of /proc/iomem */
	const char *net;              /* its first network interface */
	int carrier;                  /* of that: 1, 0, -1 not said */
	struct pp_bar vf_bars[6];     /* room for all virtual functions that it could have */
	struct pp_rebar rebars[6];
};

struct pp_device {
	struct pp_address address;
	const char *name; /* "0000:00:1a.7" */
	const char *path; /* "/sys/devices/pci0000:00/0000:00:1a.7" */
	uint16_t vendor, product, subvendor, subproduct;
	uint32_t class_code; /* 0x0c0320 */
	uint8_t revision;
	enum pp_header header;
	bool multifunction;
	unsigned flags;              /* enum pp_device_flags */
	const char *driver;          /* NULL: none */
	const char *driver_override; /* NULL: none */
	const char *modalias;
	int group;                      /* IOMMU group, -1: none */
	int numa_node;                  /* -1: none or not said */
	const struct pp_device *parent; /* the bridge above, NULL on a root bus */
	const char *vendor_name, *product_name, *subsystem_name,
		*class_name;       /* pci.ids; NULL: unknown */
	const char *reset_methods; /* "flr bus", "" none, NULL: the file is not there */
	const char *power_state;   /* "D0", NULL: not said */
	struct pp_bar bars[6];
	struct pp_bar rom;
	unsigned sriov_total, sriov_count;
	const struct pp_device *physical_function;  /* of a VF */
	const struct pp_device **virtual_functions; /* of a PF, in order */
	size_t n_virtual_functions;
	struct pp_capabilities capabilities; /* with PP_READ_CONFIG */
	const char *vfio_module;        /* the best that the kernel's aliases name: "vfio_pci" or a
					 * variant; NULL: none said (with PP_READ_PLATFORM) */
	const struct pp_health *health; /* with PP_READ_CHECKS, else NULL */
};

struct pp_reserved_region {
	uint64_t start, end; /* guest (bus) addresses, both included */
	const char *type;    /* "direct", "direct-relaxable", "reserved", "msi" */
};
struct pp_group {
	int number;
	const char *type;                 /* "DMA", "DMA-FQ", "identity", NULL: not said */
	const struct pp_device **devices; /* by address */
	size_t n_devices;
	const struct pp_reserved_region *regions;
	size_t n_regions;
	const char *fault; /* what of it could not be read, or is not as its devices say (the
			    * latter with PP_READ_CHECKS); NULL: nothing */
};

enum pp_vendor { PP_VENDOR_UNKNOWN, PP_VENDOR_INTEL, PP_VENDOR_AMD, PP_VENDOR_ARM };
struct pp_iommu_unit {
	const char *name; /* "dmar0", "ivhd0" */
	bool registers;   /* cap and ecap could be read (Intel) */
	uint64_t cap, ecap;
};
/* Memory that the firmware wants mapped one to one for devices (RMRR of DMAR, IVMD of IVRS). */
struct pp_firmware_region {
	uint64_t start, end; /* both included */
	const struct pp_device **devices;
	size_t n_devices;
};
struct pp_iommu {
	enum pp_vendor cpu;      /* from /proc/cpuinfo */
	bool in_guest;           /* "hypervisor" among the CPU's flags */
	bool virtualization;     /* vmx or svm */
	const char *table;       /* "DMAR", "IVRS", "IORT", NULL: none */
	int table_error;         /* -errno where it is there but cannot be read or understood */
	const char *table_fault; /* what is wrong with its bytes, NULL: nothing */
	bool table_intremap;     /* DMAR flags bit 0 */
	unsigned table_width;    /* DMAR host address width, bits; 0 unknown */
	const struct pp_firmware_region *regions;
	size_t n_regions;
	const struct pp_iommu_unit *units; /* /sys/class/iommu */
	size_t n_units;
	unsigned address_width;  /* smallest guest address width of the units in bits, 0 unknown */
	int interrupt_remapping; /* 1 on, 0 off, -1 not known */
};

struct pp_kernel {
	const char *release;
	const char *command_line;
	const char *config;      /* path of its configuration or NULL */
	const char *lockdown;    /* "none", "integrity", "confidentiality", NULL */
	bool vfio_pci_available; /* loaded, built in, or a module of this kernel */
	bool vfio_pci_loaded;
	bool vfio_node;          /* /dev/vfio/vfio */
	bool iommufd_node;       /* /dev/iommu */
	bool kvm_node;           /* /dev/kvm */
	int unsafe_interrupts;   /* vfio_iommu_type1.allow_unsafe_interrupts: 1, 0, -1 not loaded */
	int64_t dma_entry_limit; /* -1 not loaded */
	int denylist_disabled;   /* vfio_pci.disable_denylist: 1, 0, -1 not loaded */
	bool vfio_pci_builtin;
	const char *security; /* security modules, "lockdown,capability,apparmor"; NULL: not said */
};
struct pp_node_memory {
	int node;
	uint64_t total, free; /* bytes; free: caches that give way are counted */
};
struct pp_memory {
	uint64_t total, available; /* bytes */
	uint64_t swap;             /* bytes of swap space that there is */
	uint64_t hugepage_size, hugepages_total, hugepages_free;
	uint64_t zfs_cache;                 /* held by ZFS, given back slowly; 0: none */
	const struct pp_node_memory *nodes; /* by NUMA node */
	size_t n_nodes;
};

/* Who runs pcipass. */
struct pp_caller {
	uid_t uid;
	bool may_write;        /* to the drivers' files of the PCI bus */
	bool may_raise;        /* limits of resources (CAP_SYS_RESOURCE) */
	uint64_t memlock;      /* bytes that a process of the caller may lock; UINT64_MAX: any */
	uint64_t memory_limit; /* bytes left below the limit of the caller's control group;
				  UINT64_MAX: none */
	const char *memory_limit_file;
};

/* What people and other tools have set on this host that concerns passthrough: one line of a file
 * each. */
enum pp_setting_kind {
	PP_SETTING_PARAMETERS, /* kernel parameters of a boot loader: name "grub", value the
				  parameters */
	PP_SETTING_OPTIONS,  /* of a module in modprobe.d: name "vfio_pci", value "ids=10de:1b80" */
	PP_SETTING_LOAD,     /* a module to be loaded at boot: name; known: this kernel has it */
	PP_SETTING_OVERRIDE, /* driverctl's: name an address, value a driver */
	PP_SETTING_GUEST,    /* a device of a guest that another tool runs: name the guest, value an
			      * address; autostart */
	PP_SETTING_HOOK, /* a script that libvirt runs: name what it calls ("virsh"), value the line
			  */
	PP_SETTING_PORT, /* an interface that the network's settings name: name; known: it is there
			  */
	PP_SETTING_FUNCTIONS, /* virtual functions that another tool makes: name the address of
				 their physical one, value the line */
};
struct pp_setting {
	enum pp_setting_kind kind;
	const char *file;
	unsigned line; /* 0: the file as a whole */
	const char *name, *value;
	const char
		*tool; /* "grub", "modprobe", "driverctl", "libvirt", "proxmox", "ifupdown" ... */
	bool known, autostart;
};

enum pp_use_kind {
	PP_USE_MOUNT,
	PP_USE_SWAP,
	PP_USE_HOLDER,
	PP_USE_ROUTE,
	PP_USE_ADDRESS,
	PP_USE_BRIDGE_PORT,
	PP_USE_SESSION,
	PP_USE_DISPLAY,
	PP_USE_SOUND,
	PP_USE_INPUT,
	PP_USE_VFIO,
	PP_USE_GUEST,
	PP_USE_VIRTUAL_FUNCTIONS,
};
/* One way in which something uses a device. The words are for people. */
struct pp_use {
	enum pp_use_kind kind;
	const struct pp_device *device;
	const char *name;     /* the disk, interface, node: what --force-for takes */
	const char *text;     /* "nvme0n1p1 is mounted on /mnt" */
	const char *evidence; /* "/proc/self/mountinfo: 36 1 259:1 / /mnt rw ..." */
	bool blocking;        /* taking the device away would hurt */
	bool root;            /* the host cannot start without it: / or /usr lies on it */
	const char *tool;  /* of a guest's: who runs it: "libvirt", "pcipass", "qemu"; else NULL */
	const char *owner; /* of a guest's: "win11, libvirt, running"; else NULL */
};

enum pp_read {
	PP_READ_DEVICES = 0,     /* ids, class, driver, NUMA, tree, who is in which group: always */
	PP_READ_CONFIG = 1 << 0, /* config space, BARs, ROM, link, reset, SR-IOV */
	PP_READ_NAMES = 1 << 1,  /* pci.ids */
	PP_READ_GROUPS = 1 << 2, /* type and reserved regions of groups */
	PP_READ_PLATFORM = 1 << 3, /* IOMMU, ACPI tables, kernel, modules, memory */
	PP_READ_USES = 1 << 4,     /* who uses what */
	PP_READ_CHECKS = 1 << 5, /* health of devices, and PP_READ_SETTINGS: what only checks ask */
	PP_READ_ALL = 0x3f,
	PP_READ_HOLDERS = 1 << 6,  /* of the uses only who holds devices through VFIO */
	PP_READ_SETTINGS = 1 << 7, /* settings, kernel log: what only checks of the host ask */
	PP_READ_BRIEF = 1 << 8,    /* without NUMA nodes and driver_override: two files of each
				    * device less, for lists of many */
};

/* One instant of a machine; immutable. */
struct pp_host {
	unsigned depth;                  /* enum pp_read, what was read */
	const struct pp_device *devices; /* by address */
	size_t n_devices;
	const struct pp_group *groups; /* by number */
	size_t n_groups;
	const struct pp_iommu *iommu;   /* NULL without PP_READ_PLATFORM */
	const struct pp_kernel *kernel; /* the same */
	const struct pp_memory *memory; /* the same */
	const struct pp_caller *caller; /* the same */
	const struct pp_use *uses;
	size_t n_uses;
	const struct pp_setting *settings; /* with PP_READ_SETTINGS */
	size_t n_settings;
	const char *const *log; /* lines of the kernel's log about PCI, IOMMU and VFIO */
	size_t n_log;
	const char *known_bad; /* the host's own list of known-bad devices; NULL: none */
};

int pp_host_read(struct pp_context *context, unsigned depth, struct pp_host **ret_host,
	struct pp_error *error);
void pp_host_free(struct pp_host *host);
const struct pp_device *pp_host_device(
	const struct pp_host *host, const struct pp_address *address);
const struct pp_group *pp_host_group(const struct pp_host *host, int number);
/* Any way in which people write a device: 0000:00:1a.7, 00:1a.7, pci_0000_00_1a_7, 8086:3a6c,
 * pci_8086_3a6c, eth0, nvme0n1, /dev/nvme0n1. Several that match are an error that lists them. */
int pp_device_find(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_device **ret_device, struct pp_error *error);
/* The facts of this machine, and what virsh shows of it, as the text of a .host file (base/tree.h):
 * exactly the files that lib/host reads. ANONYMIZE blanks serial numbers, MACs and the host's name,
 * and leaves out who is logged in. The caller frees. */
int pp_host_dump(
	struct pp_context *context, bool anonymize, char **ret_text, struct pp_error *error);
const char *pp_bar_kind(const struct pp_bar *bar); /* "mem64 pref", "mem32", "io" */

struct pp_findings;

/* ---- guests that libvirt runs (lib/host/libvirt.c) ---- */

struct pp_libvirt_device {
	struct pp_address address;
	bool managed; /* libvirt takes it from the host and gives it back */
};
struct pp_libvirt_guest {
	const char *name, *uuid;
	const char *file;    /* its definition, NULL: it has none */
	const char *status;  /* the file that says how it runs, NULL: it does not */
	const char *state;   /* "running", "paused", "shut off" */
	const char *session; /* whose: a home or run folder; NULL: the system's */
	pid_t qemu;          /* 0: it does not run */
	bool autostart;
	const struct pp_libvirt_device *devices; /* of its run, else of its definition */
	size_t n_devices;
};
struct pp_libvirt_list {
	const struct pp_libvirt_guest *items; /* the system's first, by name */
	size_t n_items;
	struct pp_arena *arena;
};
/* By files and processes; libvirt is not asked. */
int pp_libvirt_list(
	struct pp_context *context, struct pp_libvirt_list **ret_list, struct pp_error *error);
void pp_libvirt_list_free(struct pp_libvirt_list *list);
/* NULL where it has none of this name or uuid; of several the one that runs. */
const struct pp_libvirt_guest *pp_libvirt_find(
	const struct pp_libvirt_list *list, const char *name);

/* What libvirt's hook is called for, as libvirt calls it: "prepare" "begin" checks the devices of a
 * guest and takes them (FAIL: an error that has it all), "release" "end" gives them back. Nothing
 * is done for any other operation. XML: the guest's, as it comes. (lib/libvirt) */
int pp_libvirt_hook(struct pp_context *context, const char *guest, const char *operation,
	const char *phase, const char *xml, size_t length, pp_progress *progress, void *data,
	struct pp_findings **ret_findings, struct pp_error *error);

/* The guest of this name or uuid, in a list that is the caller's; -ENOENT without an error's text.
 */
int pp_libvirt_guest_find(struct pp_context *context, const char *name,
	struct pp_libvirt_list **ret_list, const struct pp_libvirt_guest **ret_guest,
	struct pp_error *error);
/* Its <domain>: as it runs (LIVE, and it does), else as it is defined; the caller frees. */
int pp_libvirt_xml(struct pp_context *context, const struct pp_libvirt_guest *guest, bool live,
	char **ret_xml, size_t *ret_length, struct pp_error *error);
struct pp_host;
struct pp_check_options;
/* All checks for one of its guests; -ENOENT without an error's text where it has none of this name.
 */
int pp_libvirt_check(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error);
/* The same for XML as libvirt writes it, that of a running guest too; FILE: what messages call it.
 */
int pp_libvirt_check_xml(struct pp_context *context, const struct pp_host *host, const char *xml,
	size_t length, const char *file, const struct pp_check_options *options, char **ret_name,
	struct pp_findings **ret_findings, struct pp_error *error);
/* Its definition as one that pcipass understands; *ret_lost: what it had to leave out, a line each,
 * "" where that is nothing. The caller frees both. */
int pp_libvirt_takeover(struct pp_context *context, const char *name, char **ret_xml,
	char **ret_lost, struct pp_error *error);

enum pp_libvirt_hook_state {
	PP_HOOK_OFF,
	PP_HOOK_ON,
	PP_HOOK_UNSEEN,  /* on, but libvirt's daemon has to be restarted to see it */
	PP_HOOK_CHANGED, /* a file of ours is there that is not as we write it now */
	PP_HOOK_FOREIGN, /* a file of this name is there that is not ours */
};
struct pp_libvirt_hook_info {
	enum pp_libvirt_hook_state state;
	bool libvirt;  /* it is on this host */
	char path[64]; /* of the hook */
};
int pp_libvirt_hook_info(
	struct pp_context *context, struct pp_libvirt_hook_info *ret_info, struct pp_error *error);
/* PROGRAM: the path of pcipass that the hook is to run. */
int pp_libvirt_hook_enable(
	struct pp_context *context, const char *program, bool *ret_changed, struct pp_error *error);
int pp_libvirt_hook_disable(struct pp_context *context, bool *ret_changed, struct pp_error *error);

/* ---- node devices as virsh shows them (lib/host/node.c, lib/domain/nodexml.c) ---- */

struct pp_nodes;
struct pp_node {
	const char *name;   /* "pci_0000_00_1a_7", "block_sda_QEMU_HARDDISK_1" */
	const char *parent; /* another name; NULL for computer */
	const char *path;   /* /sys/devices/... */
	const char
		*type; /* "system", "pci", "usb_device", "usb", "net", "scsi_host", "storage" ... */
};
/* All node devices, with what lists and trees show. What the XML shows as well (and --cap vpd asks
 * for) costs more, above all of slow hardware: DETAIL is the name of the node to read it of, "" for
 * all, NULL for none. A name that no node has is not an error here. */
int pp_nodes_read(struct pp_context *context, const char *detail, struct pp_nodes **ret_nodes,
	struct pp_error *error);
void pp_nodes_free(struct pp_nodes *nodes);
/* In virsh's order. CAPS: NULL for all, or virsh's comma list (of details: vpd). */
int pp_nodes_list(const struct pp_nodes *nodes, const char *caps, const struct pp_node ***ret_list,
	size_t *ret_count, struct pp_error *error); /* free() the list */
/* What --tree prints, without the empty line that virsh puts behind every output. */
int pp_nodes_tree(const struct pp_nodes *nodes, char **ret_text, struct pp_error *error);
/* "<device>" to "</device>\n", of a node read in detail. */
int pp_node_xml(
	const struct pp_nodes *nodes, const char *name, char **ret_xml, struct pp_error *error);

/* ---- checks (lib/check) ---- */

enum pp_severity { PP_PASS, PP_NOTE, PP_WARN, PP_FAIL };
struct pp_finding {
	const char *id; /* "group-not-viable", never renamed */
	enum pp_severity severity;
	enum pp_status status; /* what a verb that is stopped by it exits with */
	const char *subject;   /* "host", "0000:00:1a.7", or a guest's name */
	const char *text;      /* one sentence */
	const char *evidence;  /* the file and what it said; NULL: none */
	const char *remedy;    /* a command where there is one; NULL: none */
	const char *name;      /* what --force-for takes; NULL: cannot be forced */
	bool can_do;           /* pcipass can do the remedy */
};
struct pp_findings {
	const struct pp_finding *items;
	size_t n_items;
	struct pp_arena *arena;
};
struct pp_check_options {
	const char *driver;       /* the driver that the device is to go to; NULL: vfio-pci */
	bool group;               /* the whole group goes along */
	const char *const *force; /* names that --force-for gave, NULL-terminated; NULL: none */
	const char *guest;        /* for which guest; NULL: none */
	bool libvirt;             /* which is libvirt's */
	bool act; /* the caller goes on to move them: what that needs is checked too */
};
/* One entry of the table that pcipass-checks(7) is made of. */
struct pp_check;
struct pp_check_info {
	const char *id, *scope; /* scope: "host", "device", "guest" */
	const char *title;      /* what holds when it passes */
	const char *reads;      /* the files that it looks at */
	const char *rows;       /* "2 3": which of the catalogue of failures it sees beforehand */
	const struct pp_check *check; /* inside */
};
const struct pp_check_info *pp_check_table(size_t *ret_count);

int pp_check_host(
	const struct pp_host *host, struct pp_findings **ret_findings, struct pp_error *error);
/* Everything about giving these devices away together. */
int pp_check_devices(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error);
/* Whether the driver that it has now keeps its IOMMU group from a guest (no bridge does). */
bool pp_device_holds_group(const struct pp_device *device);
bool pp_driver_is_vfio(const char *driver); /* vfio-pci or a variant of it; NULL is none */
void pp_findings_free(struct pp_findings *findings);
/* The worst severity; and the first finding of severity FAIL as an error (0 when there is none). */
enum pp_severity pp_findings_worst(const struct pp_findings *findings);
int pp_findings_refuse(const struct pp_findings *findings, struct pp_error *error);

/* What a text of QEMU, libvirt or the kernel means, or a finding's id. */
struct pp_explanation {
	const char *line;     /* of the text that was understood; the id */
	const char *fragment; /* what it was known by */
	const char *rows;     /* of the catalogue of failures, "16 17" */
	const char *ids;      /* of the checks that look for it, with blanks */
	const char *cause, *remedy;
};
struct pp_explanations {
	const struct pp_explanation *items; /* none: nothing in the text is known */
	size_t n_items;
	struct pp_findings
		*findings; /* what this host says to those checks now; NULL without HOST */
	struct pp_arena *arena;
};
/* TEXT may have many lines. HOST may be NULL; else it is read with PP_READ_ALL: its devices that
 * the text names are checked, or all where it names none. */
int pp_explain(const char *text, size_t length, const struct pp_host *host,
	struct pp_explanations **ret_explanations, struct pp_error *error);
void pp_explanations_free(struct pp_explanations *explanations);

/* ---- plans (lib/plan) ---- */

enum pp_step_kind {
	PP_STEP_MODULE,    /* subject: a module; from "absent", to "loaded"; not undone */
	PP_STEP_DRIVER,    /* subject: an address; states are a driver and an override */
	PP_STEP_VFS,       /* subject: a physical function; how many virtual ones it has */
	PP_STEP_AUTOPROBE, /* subject: the same; "0": its virtual functions that are made from
			      now on are left without a driver of the host; "1" */
	PP_STEP_FUNCTION,  /* subject: a virtual function; "mac=52:54:00:1a:b0:01 vlan=7 qos=0
			      spoof=1 trust=0", what its physical one gives it */
};
#define PP_DRIVER_SIZE 64
/* "" is none. In a wanted state, a driver of "*" is the kernel's own choice. */
struct pp_driver_state {
	char driver[PP_DRIVER_SIZE];
	char override[PP_DRIVER_SIZE];
};
struct pp_step {
	enum pp_step_kind kind;
	char subject[PP_DRIVER_SIZE];
	struct pp_driver_state from, to; /* all but PP_STEP_DRIVER use .driver as their one word */
};
struct pp_plan {
	char verb[32];   /* "nodedev-detach", "start" */
	char owner[128]; /* "host" or "guest:NAME" */
	bool returns; /* gives devices back: what remembers their origins is forgotten when applied
		       */
	struct pp_step
		*steps; /* one whose from is its to writes nothing; a guest's claims the device */
	size_t n_steps; /* 0: everything already is as asked */
};
/* DRIVER: NULL for vfio-pci (or the variant driver that the kernel's aliases name). */
int pp_plan_detach(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const char *driver, struct pp_plan **ret_plan, struct pp_error *error);
/* Back to the driver that each had, as the journals remember it, else to the kernel's own choice.
 */
int pp_plan_reattach(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *const *devices, size_t n_devices, struct pp_plan **ret_plan,
	struct pp_error *error);
/* PF gets COUNT virtual functions, without drivers; those that it has go first, also where it is to
 * have more (the kernel knows no other way). Refuses what has no SR-IOV or no driver that makes
 * them. Who uses those that go is the caller's to look at (pp_check_devices). HOST with
 * PP_READ_CONFIG and PP_READ_SETTINGS. */
int pp_plan_setvfs(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *pf, unsigned count, struct pp_plan **ret_plan,
	struct pp_error *error);
void pp_plan_free(struct pp_plan *plan);
char *pp_plan_text(const struct pp_plan *plan); /* a line a step; the caller frees */
char *pp_plan_json(const struct pp_plan *plan);

/* ---- apply (lib/apply): the only writer ---- */

struct pp_apply_options {
	int deadline_ms; /* of each write; 0: 30 s */
	pp_progress *progress;
	void *data;
	unsigned try_seconds; /* undone by itself after that time, unless pp_trials_keep comes
				 first; 0: it stays */
};
/* Journals, then writes, then reads again; undoes everything when a step fails. *ret_changed (may
 * be NULL): whether anything was written; true beside an error: all is done, but its journal could
 * not be closed (PP_STATUS_RECOVER). */
int pp_apply(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error);
/* For a PLAN without a step, of devices that are where they should be: refuses, as a step would,
 * where an interrupted move of them or one on trial is going to be undone. */
int pp_apply_none(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_device *const *devices, size_t n_devices,
	const struct pp_apply_options *options, struct pp_error *error);

/* Applies the plan, does WORK, and puts everything back: one transaction, which is undone also when
 * it was interrupted. Returns what WORK did, or what failed before and after it. */
int pp_rehearse(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_apply_options *options, int (*work)(void *data, struct pp_error *error),
	void *data, struct pp_error *error);

struct pp_unfinished {
	const char *journal; /* its name */
	const char *owner, *verb;
	const char *text; /* "nodedev-detach of 0000:00:1a.7 was interrupted at step 1 of 2" */
	bool trial;       /* it was on trial, and nobody kept it in time */
};
struct pp_unfinished_list {
	const struct pp_unfinished *items;
	size_t n_items;
	struct pp_arena *arena;
};
/* What interrupted runs left; nothing is changed. */
int pp_unfinished_list(
	struct pp_context *context, struct pp_unfinished_list **ret_list, struct pp_error *error);
void pp_unfinished_free(struct pp_unfinished_list *list);
/* Undoes unfinished transactions, releases the devices of guests that are gone, adopts those that
 * run. */
int pp_recover(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error);
/* What is on trial stays; *ret_count: how many that were. What was kept in time already is no
 * error, what was not is one. */
int pp_trials_keep(struct pp_context *context, const struct pp_apply_options *options,
	size_t *ret_count, struct pp_error *error);
/* Undoes what was on trial and was not kept in time: where the process that should have done so was
 * killed, the next verb does. */
int pp_trials_end(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error);

/* What pcipass has changed on this host and is still in effect; oldest first. */
struct pp_change {
	const char *id;    /* "3": what pp_change_undo takes */
	int64_t when;      /* seconds since 1970, 0: not known */
	const char *verb;  /* "nodedev-detach", "start", "libvirt-hook" */
	const char *guest; /* for which one, NULL: none */
	const char *text;  /* a line a step: "0000:02:00.0: e1000e -> vfio-pci" */
	const char *now;   /* what is no longer as the change left it; NULL: all is */
	int64_t try_ms;    /* on trial: what is left of it; -1: it stays */
};
struct pp_change_list {
	const struct pp_change *items;
	size_t n_items;
	struct pp_arena *arena;
};
int pp_changes_list(
	struct pp_context *context, struct pp_change_list **ret_list, struct pp_error *error);
void pp_change_list_free(struct pp_change_list *list);
/* Back to what was before it. A change on which a later one stands is refused, and so is a guest's.
 */
int pp_change_undo(struct pp_context *context, const char *id,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error);
/* The kernel's own reset; *ret_method (free) says which ran. */
int pp_device_reset(struct pp_context *context, const struct pp_device *device, char **ret_method,
	struct pp_error *error);
/* Of several at the same time: what the kernel waits for each is waited for once. RET_METHODS: one
 * a device (free), NULL where it was not done. All are looked at before the first is reset; one
 * that fails keeps no other from it. The error is the first one's. */
int pp_devices_reset(struct pp_context *context, const struct pp_device *const *devices,
	size_t count, char **ret_methods, struct pp_error *error);
/* Who holds a device that is out: "host" (detached by hand), "guest:NAME", "" not out. */
int pp_device_owner(struct pp_context *context, const struct pp_address *address, char *owner,
	size_t size, struct pp_driver_state *ret_origin, struct pp_error *error);
/* All that are out, by address: what pp_device_owner says of each, read once for all of them. */
struct pp_owned {
	struct pp_address address;
	const char *owner;
	struct pp_driver_state origin;
};
struct pp_owned_list {
	const struct pp_owned *items;
	size_t n_items;
	struct pp_arena *arena;
};
int pp_owned_list(
	struct pp_context *context, struct pp_owned_list **ret_list, struct pp_error *error);
/* NULL: it is not out. */
const struct pp_owned *pp_owned_find(
	const struct pp_owned_list *list, const struct pp_address *address);
void pp_owned_list_free(struct pp_owned_list *list);

/* ---- from the next boot on (lib/apply/binding.h) ---- */

/* A device that gets this driver at each boot, before the host's own can take it; or, on the host's
 * own, this many virtual functions. */
struct pp_binding {
	const char *address, *driver; /* driver "": its own */
	const char *identity;         /* what it is known by, words */
	int64_t when;                 /* written, seconds since 1970; 0: not known */
	const char *fault;  /* why it does not hold: another device is there now; NULL: it does */
	unsigned functions; /* 0: it is about a driver */
};
struct pp_binding_list {
	const struct pp_binding *items; /* by address */
	size_t n_items;
	struct pp_arena *arena;
};
int pp_bindings_list(
	struct pp_context *context, struct pp_binding_list **ret_list, struct pp_error *error);
void pp_binding_list_free(struct pp_binding_list *list);
/* Refuses what may not be taken from the host's start: bridges, and the disk of its root. */
int pp_binding_check(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, struct pp_error *error);
/* All of them or none. DRIVER: NULL for vfio-pci, or the variant that the kernel's aliases name.
 * Nothing is done to the devices now. */
int pp_bindings_add(struct pp_context *context, const struct pp_device *const *devices,
	size_t n_devices, const char *driver, bool *ret_changed, struct pp_error *error);
/* PF gets COUNT (not 0) virtual functions at each boot, once its own driver has it. Refuses what
 * pp_plan_setvfs does, but for a driver that is not bound now. */
int pp_bindings_add_functions(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *pf, unsigned count, bool *ret_changed, struct pp_error *error);
/* What is not bound is no error. The device need not be there. */
int pp_bindings_remove(struct pp_context *context, const struct pp_address *addresses,
	size_t n_addresses, bool *ret_changed, struct pp_error *error);
/* What the system does at boot: gives the bound devices (ADDRESS: that one alone; NULL: all) to
 * their drivers. One that is another device now is left alone, and said; so is one that its
 * driver has already, except in an initramfs. */
int pp_bindings_apply(struct pp_context *context, const char *address,
	const struct pp_apply_options *options, struct pp_error *error);
/* The same for the numbers of virtual functions alone: a device has got its driver. */
int pp_bindings_apply_functions(struct pp_context *context, const char *address,
	const struct pp_apply_options *options, struct pp_error *error);
/* The image that the host boots from holds copies of the bindings. */
struct pp_boot_image_info {
	const char *command; /* that makes it anew; NULL: this host has none, as far as is seen */
	bool stale;          /* a binding was changed since it was made */
	bool supported;      /* what makes it knows of bindings */
};
int pp_boot_image_info(
	struct pp_context *context, struct pp_boot_image_info *ret_info, struct pp_error *error);

/* ---- a host made ready (lib/setup, lib/apply/setup.c) ---- */

enum pp_setup_kind {
	PP_SETUP_FILE,    /* a file gets another text, comes, or goes */
	PP_SETUP_VALUE,   /* a file of the kernel's gets another value, for now */
	PP_SETUP_COMMAND, /* a program of the system's own runs */
};
struct pp_setup_step {
	enum pp_setup_kind kind;
	const char *subject;   /* a path; of a command its words */
	const char *from, *to; /* a file's text, a value; NULL: it is not there */
	const char *format;    /* of a boot loader's file: how it is edited; NULL: it is ours */
	const char *const *add, *const *remove; /* parameters that the edit brought or took away;
						 * NULL-terminated */
	const char *const *argv;                /* of a command, argv[0] a path; NULL-terminated */
	const char *const *undo; /* what takes it back; NULL: nothing is to be taken back */
	bool refresh; /* makes what is booted of the files: runs behind them, in both directions */
	bool trial;   /* of the boot once: taken back when it is confirmed */
};
struct pp_setup {
	const char *loader;   /* "GRUB", "systemd-boot" ...; NULL: none is needed, or known */
	const char *evidence; /* by what it was known */
	const struct pp_setup_step *steps; /* none: nothing is to be done */
	size_t n_steps;
	struct pp_findings findings; /* what was found, what only a person can do */
	const char *reboot;          /* why a reboot is needed; NULL: it is not */
	bool trial;   /* the parameters are for the next boot alone, until they are confirmed */
	bool confirm; /* it makes those of the last boot once permanent */
	const char *const *add, *const *remove; /* kernel parameters */
	struct pp_arena *arena;
};
struct pp_setup_pages {
	unsigned count;
	int node; /* of memory; -1: where the kernel likes */
};
struct pp_setup_options {
	const char *loader; /* which one it is; NULL: it is found out */
	bool permanent;     /* no boot once first */
	bool unsafe_interrupts;
	bool pages_only;                    /* huge pages, and nothing else that it lacks */
	const struct pp_setup_pages *pages; /* huge pages of the default size */
	size_t n_pages;
};
/* What this host lacks, and the steps to it; nothing is changed. HOST with PP_READ_GROUPS,
 * PP_READ_PLATFORM and PP_READ_CHECKS. */
int pp_setup_plan(struct pp_context *context, const struct pp_host *host,
	const struct pp_setup_options *options, struct pp_setup **ret_setup,
	struct pp_error *error);
void pp_setup_free(struct pp_setup *setup);
char *pp_setup_text(const struct pp_setup *setup); /* a diff, and commands; the caller frees */
/* Records, then does; everything is taken back when a step fails. */
int pp_setup_apply(struct pp_context *context, const struct pp_setup *setup,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error);
/* The steps that make the parameters of a boot once permanent. -ENOENT: none is to be confirmed. */
int pp_setup_confirm(struct pp_context *context, const struct pp_host *host,
	struct pp_setup **ret_setup, struct pp_error *error);
/* Is what was done in effect; if not, why. */
int pp_setup_check(struct pp_context *context, const struct pp_host *host,
	struct pp_findings **ret_findings, struct pp_error *error);
/* All that it ever changed goes back. */
int pp_setup_undo(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error);

/* ---- a host as a file says (lib/plan/hostfile.h, docs/host-apply.md) ---- */

struct pp_host_file;
int pp_host_file_load(const char *path, struct pp_host_file **ret_file, struct pp_error *error);
void pp_host_file_free(struct pp_host_file *file);
/* What is not as the file says: "0000:41:00.0", "driver", "nvme", "vfio-pci". */
struct pp_drift {
	const char *subject, *setting, *is, *wanted;
};
struct pp_drifts {
	const struct pp_drift *items;
	size_t n_items;
	struct pp_arena *arena;
};
/* HOST with PP_READ_ALL, here and below. */
int pp_host_file_drift(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_drifts **ret_drifts, struct pp_error *error);
void pp_drifts_free(struct pp_drifts *drifts);
/* The next plan towards it; without steps where there is none. What comes behind it is only known
 * when it has been applied and the host read again. Who uses what goes is the caller's to look at.
 */
int pp_host_file_plan(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_plan **ret_plan, struct pp_error *error);
/* What its devices get at each boot. */
int pp_host_file_bind(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, bool *ret_changed, struct pp_error *error);
/* Its huge pages, to be applied with pp_setup_apply. */
int pp_host_file_pages(struct pp_context *context, const struct pp_host *host,
	const struct pp_host_file *file, struct pp_setup **ret_setup, struct pp_error *error);

/* ---- proofs (lib/vfio) ---- */

enum pp_proof_state { PP_PROVEN, PP_NOT_APPLICABLE, PP_NOT_PROVEN };
/* One fact about a device that a guest would need, tried without a guest. */
struct pp_proof {
	const char *id; /* "group-viable", "dma-map", "register-read" ..., never renamed */
	enum pp_proof_state state;
	const char *text;     /* what was seen, or why it is not proven */
	const char *finding;  /* the check that explains a failure; NULL: none */
	uint64_t nanoseconds; /* that it took */
};
struct pp_proofs {
	const struct pp_proof *items;
	size_t n_items;
	struct pp_arena *arena;
};
struct pp_proof_options {
	uint64_t memory;     /* bytes of the guest whose memory is mapped for the device's DMA, laid
				out as QEMU does; 0: 16 MiB */
	uint64_t address;    /* where all of it lies instead (a memory device); 0: laid out;
				either at most 2^52 */
	const char *machine; /* the guest's machine type, "pc-q35-7.2"; NULL: q35 */
	bool no_reset;       /* leave the reset out (VFIO's own at open and close stay) */
	bool deep;           /* NVMe: bring it up and let it answer by its own DMA and interrupt */
	int deadline_ms;     /* of each wait for the device or the micro-guest; 0: 2 s */
	const char *no_reset_reason; /* why a reset would hurt (a known-bad device): it is not even
					opened where the kernel has a reset; NULL: it would not */
};
/* Tries DEVICE, which must be with vfio-pci (its group viable), and leaves it as it was found
 * there. A failed proof is a result, not an error. Needs PP_READ_CONFIG facts. */
int pp_device_prove(const struct pp_host *host, const struct pp_device *device,
	const struct pp_proof_options *options, struct pp_proofs **ret_proofs,
	struct pp_error *error);
void pp_proofs_free(struct pp_proofs *proofs);

/* ---- guests (lib/guest) ---- */

enum pp_guest_state {
	PP_GUEST_SHUT_OFF,
	PP_GUEST_STARTING,
	PP_GUEST_RUNNING,
	PP_GUEST_PAUSED,
	PP_GUEST_IN_SHUTDOWN,
	PP_GUEST_CRASHED,
};
struct pp_guest_info {
	const char *name, *uuid;
	enum pp_guest_state state;
	const char *reason;     /* "booted", "destroyed", "guest panic", "killed by signal 9" ... */
	int id;                 /* -1: not running */
	pid_t qemu, supervisor; /* 0: none */
	bool persistent;
	bool autostart;
	const char *type, *arch, *machine, *emulator;
	unsigned vcpus;
	uint64_t memory;            /* bytes */
	const char *const *devices; /* host addresses of its hostdevs, NULL-terminated */
	const char *console;        /* path of its console's pty or socket while it runs; NULL */
};
struct pp_guest_list {
	const struct pp_guest_info
		*items; /* virsh's order: running by id, then the others by name */
	size_t n_items;
	struct pp_arena *arena;
};
const char *pp_guest_state_text(
	enum pp_guest_state state); /* virsh's words: "running", "shut off" */

/* XML as libvirt writes it. A definition of the same name is replaced (if its uuid is the same). */
int pp_guest_define(struct pp_context *context, const char *xml, size_t length, const char *file,
	char **ret_name, bool *ret_changed, struct pp_error *error);
/* What a definition makes root open or run on this host, in its own order. */
struct pp_guest_path {
	const char *what; /* "emulator", "kernel", "initrd", "loader", "nvram",
			     "rom", or the element: "disk" ... */
	const char *path;
	bool written;
	const char *fault; /* of an emulator: why it is not run unless that is asked for; NULL */
};
struct pp_guest_paths {
	const struct pp_guest_path *items;
	size_t n_items;
	struct pp_arena *arena;
};
int pp_guest_paths(struct pp_context *context, const char *xml, size_t length, const char *file,
	struct pp_guest_paths **ret_paths, struct pp_error *error);
void pp_guest_paths_free(struct pp_guest_paths *paths);
/* It starts with the host, or not any more. */
int pp_guest_autostart(struct pp_context *context, const char *name, bool on, bool *ret_changed,
	struct pp_error *error);
/* NVRAM: what becomes of the variables of its UEFI; with ASK, -EEXIST where it has any. */
enum pp_nvram { PP_NVRAM_ASK, PP_NVRAM_KEEP, PP_NVRAM_REMOVE };
int pp_guest_undefine(
	struct pp_context *context, const char *name, enum pp_nvram nvram, struct pp_error *error);
/* NAME, uuid or id. INACTIVE: the definition of the next start, else the live one of a running
 * guest. */
int pp_guest_xml(struct pp_context *context, const char *name, bool inactive, char **ret_xml,
	struct pp_error *error);
int pp_guest_list(
	struct pp_context *context, struct pp_guest_list **ret_list, struct pp_error *error);
/* The same without what only definitions say, which takes most of the time: of one that does not
 * run there is no uuid, and of none its type, processors, memory or devices. */
int pp_guest_list_brief(
	struct pp_context *context, struct pp_guest_list **ret_list, struct pp_error *error);
void pp_guest_list_free(struct pp_guest_list *list);
/* One guest; a list of one. */
int pp_guest_info(struct pp_context *context, const char *name, struct pp_guest_list **ret_list,
	struct pp_error *error);
/* The QEMU command line, one argument an element, NULL-terminated; free with pp_strv_free. NAME is
 * a guest, or XML is given. */
int pp_guest_argv(struct pp_context *context, const char *name, const char *xml, size_t length,
	char ***ret_argv, struct pp_error *error);
void pp_strv_free(char **strv);

/* A guest's PCI: what is in which slot, and how much can still be added. */
enum pp_hold {
	PP_HOLD_MACHINE, /* the machine's own */
	PP_HOLD_COLD,    /* goes when the guest does not run */
	PP_HOLD_HOT,     /* can go while it runs */
};
struct pp_guest_function {
	unsigned bus, slot, function;
	enum pp_hold hold;
	const char *what;  /* "hostdev", "controller pcie-root-port", "host bridge (Q35)" */
	const char *alias; /* QEMU's id; NULL: it has none */
	int line;          /* of the definition; 0: it does not say it */
	int behind;        /* the bus that it makes, -1: none */
	bool is_host;
	struct pp_address host; /* of a host device */
};
struct pp_guest_bus {
	unsigned index;
	const char *model, *alias; /* "pcie-root-port", "pci.1" */
	unsigned min_slot, max_slot;
	uint32_t free_slots; /* bit N: slot N */
	bool hot;            /* takes devices while the guest runs */
};
struct pp_guest_room {
	unsigned devices, functions; /* slots that can be had, and functions with those that are
					free beside its own devices */
	const char *obstacle;        /* what stands in the way of one more device */
};
struct pp_guest_pci {
	const struct pp_guest_bus *buses; /* by index */
	size_t n_buses;
	const struct pp_guest_function *functions; /* by address */
	size_t n_functions;
	bool express;                   /* q35: */
	struct pp_guest_room cold, hot; /* for Express devices there, else for conventional ones */
	struct pp_guest_room cold_conventional, hot_conventional; /* with express */
	struct pp_arena *arena;
};
/* NAME is a guest, or XML is given, with NAME for messages. */
int pp_guest_pci(struct pp_context *context, const char *name, const char *xml, size_t length,
	struct pp_guest_pci **ret_pci, struct pp_error *error);
void pp_guest_pci_free(struct pp_guest_pci *pci);

/* All checks of a guest, and the plan that its start would apply. Either may be NULL. */
int pp_guest_prepare(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error);
struct pp_start_options {
	bool paused;
	int deadline_ms; /* until it runs; 0: computed from its memory and devices */
	/* With try_seconds, counted from before the first device leaves the host: the guest is
	 * ended then, and its devices go back, unless pp_trials_keep comes first. */
	struct pp_apply_options apply;
};
/* Applies the plan and answers when the guest runs, or with QEMU's reason and everything undone. */
int pp_guest_start(struct pp_context *context, const char *name, const struct pp_plan *plan,
	const struct pp_start_options *options, bool *ret_changed, struct pp_error *error);
/* Asks the guest (ACPI); DEADLINE_MS 0: does not wait for its end. */
int pp_guest_shutdown(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error);
/* All that run, the youngest first, each asked and then ended, within DEADLINE_MS together; for a
 * host that goes down. The first failure is returned when all were tried. */
int pp_guests_shutdown(struct pp_context *context, int deadline_ms, pp_progress *progress,
	void *data, struct pp_error *error);
/* Ends QEMU and answers when its devices are back. */
int pp_guest_destroy(struct pp_context *context, const char *name, struct pp_error *error);
/* Its CPUs stop, and run on: answered when QEMU says that it is so. RESET is not asked of the
 * guest. *ret_changed (may be NULL). */
int pp_guest_suspend(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error);
int pp_guest_resume(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error);
int pp_guest_reset(
	struct pp_context *context, const char *name, bool *ret_changed, struct pp_error *error);
/* Asks the guest to shut down (ACPI), and starts it anew when it has; answers when it runs again.
 */
int pp_guest_reboot(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error);

/* Its disks, interfaces and displays. */
struct pp_guest_disk {
	const char *type, *device, *bus; /* "file", "disk", "virtio" */
	const char *target, *source;     /* "vda"; NULL: an empty drive */
};
struct pp_guest_interface {
	const char *name; /* on the host, while it runs; NULL */
	const char *type, *source, *model, *mac;
};
struct pp_guest_display {
	const char *type;   /* "vnc", "spice" */
	const char *host;   /* what it listens on; NULL */
	int port;           /* -1: none */
	const char *socket; /* NULL */
};
struct pp_guest_devices {
	bool running;
	const struct pp_guest_disk *disks; /* by bus and name, as virsh */
	size_t n_disks;
	const struct pp_guest_interface *interfaces;
	size_t n_interfaces;
	const struct pp_guest_display *displays; /* those that can be reached now */
	size_t n_displays;
	struct pp_arena *arena;
};
/* INACTIVE: of the next start, else those of a running guest. */
int pp_guest_devices(struct pp_context *context, const char *name, bool inactive,
	struct pp_guest_devices **ret_devices, struct pp_error *error);
void pp_guest_devices_free(struct pp_guest_devices *devices);
enum pp_change_scope {
	PP_SCOPE_CURRENT,    /* the guest that runs, else its definition */
	PP_SCOPE_LIVE,       /* the guest that runs */
	PP_SCOPE_CONFIG,     /* its definition, from its next start */
	PP_SCOPE_BOTH,       /* both or none of them */
	PP_SCOPE_PERSISTENT, /* both where it runs, else its definition */
};
struct pp_change_options {
	enum pp_change_scope scope;
	bool dry;                   /* everything is looked at, nothing is changed */
	const struct pp_plan *plan; /* of pp_guest_attach_prepare; NULL: one is made, and checked */
	int deadline_ms; /* for the guest to let go (0: 60 s), or to switch on what came (0: 15 s)
			  */
	struct pp_apply_options apply;
};
/* What a scope means for the guest as it is: whether its run changes, and its definition. -ESRCH:
 * it does not run. */
int pp_guest_scope(struct pp_context *context, const char *name, enum pp_change_scope scope,
	bool *ret_live, bool *ret_config, struct pp_error *error);
/* All checks of DEVICES that are to come into the guest while it runs, and the plan of it; both
 * NULL where it has them, or its run does not change. */
int pp_guest_attach_prepare(struct pp_context *context, const struct pp_host *host,
	const char *name, const char *const *devices, size_t n_devices, const char *file,
	enum pp_change_scope scope, const struct pp_check_options *check,
	struct pp_findings **ret_findings, struct pp_plan **ret_plan, struct pp_error *error);
/* DEVICES: each the text of one element, from FILE; host devices that it has are left out. The
 * definition is replaced whole or not at all; a run takes all of them, or none. */
int pp_guest_attach(struct pp_context *context, const char *name, const char *const *devices,
	size_t n_devices, const char *file, const struct pp_change_options *options,
	bool *ret_changed, struct pp_error *error);
/* Answers when the guest that runs has let go and the devices are back on the host. -ETIMEDOUT: it
 * has not; when it does later, they go back by themselves. */
int pp_guest_detach(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_change_options *options, bool *ret_changed, struct pp_error *error);
/* Which device of the host the text of a <hostdev> means. */
int pp_guest_device_address(struct pp_context *context, const char *xml, const char *file,
	struct pp_address *ret_address, struct pp_error *error);
/* What happens to guests, as it happens. */
struct pp_guest_event {
	int64_t when_ms;   /* since 1970 */
	const char *guest; /* its name */
	const char *event; /* "lifecycle", "reboot", "device-added", "device-removed" */
	/* Of lifecycle, else NULL: "started" (booted), "suspended" (paused, io-error, watchdog),
	 * "resumed" (unpaused), "crashed" (panicked), "shutdown" (guest, host: who wanted it),
	 * "stopped" (shutdown, reset, panic, destroyed, terminated, signal, exit, unseen, failed,
	 * timeout, trial): QEMU is gone, and its devices are back. */
	const char *detail, *reason;
	const char *device; /* of device-added and -removed: its alias; else NULL */
};
/* From now on. The events of guests that come later are among them. */
struct pp_events;
int pp_events_open(
	struct pp_context *context, struct pp_events **ret_events, struct pp_error *error);
void pp_events_close(struct pp_events *events);
/* Can be read (poll) when there may be more. */
int pp_events_fd(const struct pp_events *events);
/* 1: the next, until this is asked again; 0: there is none now. */
int pp_events_next(
	struct pp_events *events, struct pp_guest_event *ret_event, struct pp_error *error);
/* Waits until the guest has ended and its devices are back; *ret_list tells how (may be NULL). */
int pp_guest_wait(
	struct pp_context *context, const char *name, int deadline_ms, struct pp_error *error);
/* Connects this terminal's descriptors with the guest's console until Ctrl+] or its end. */
int pp_guest_console(struct pp_context *context, const char *name, int in_fd, int out_fd,
	struct pp_error *error);

#ifdef __cplusplus
}
#endif
#endif
