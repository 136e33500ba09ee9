/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of QEMU for a guest: a pure function of the definition, the binary's
 * capabilities and where this run keeps its sockets. */
#ifndef QEMU_ARGV_H
#define QEMU_ARGV_H

#include "lib/domain/address.h"
#include "lib/domain/domain.h"
#include "lib/qemu/capabilities.h"
#include "lib/qemu/firmware.h"
#include "lib/qemu/image.h"

/* How a file of the host reaches QEMU, when it is not to open it by itself. */
enum pp_file_use {
	PP_FILE_READ,
	PP_FILE_WRITE,    /* and read */
	PP_FILE_TRUNCATE, /* what it says is written; made, or emptied */
	PP_FILE_APPEND,   /* written behind what is there; or made */
	PP_FILE_COPY,     /* its bytes in memory, for what QEMU opens by name */
	PP_FILE_LISTEN,   /* a unix socket */
	PP_FILE_CONNECT,
	PP_FILE_DEVICE, /* a character device, by its number alone */
	PP_FILE_TAP,    /* a network interface made for it; PATH: the bridge that it is a port of */
	PP_FILE_NODE,   /* no descriptor: a node of its own in /dev, for what is opened by name */
	PP_FILE_TPM,    /* a socket of a swtpm that is started for it; PATH: where its state is */
	PP_FILE_SHARE,  /* a socket of a virtiofsd that is started for it; PATH: its directory */
	PP_FILE_SHMEM,  /* memory in /dev/shm; made, with its size, where it is not there */
};
struct pp_launch_file {
	enum pp_file_use use;
	const char *path;
	int fd;           /* its number in QEMU */
	bool image;       /* a disk's: two guests may not write it, */
	bool shared;      /* unless both say that it is shared */
	const char *tap;  /* its name, "vnet%d": the kernel puts in a number */
	uint8_t mac[6];   /* of the guest's side */
	uint64_t size;    /* of SHMEM */
	bool readonly;    /* of SHARE */
	const char *more; /* of SHARE: options of virtiofsd, "cache=always,xattr"; or NULL */
};

struct pp_network_bridge {
	const char *network, *bridge;
};

/* A USB device of the host. */
struct pp_usb_node {
	unsigned vendor, product, bus, device;
};

struct pp_launch_options {
	int first_fd; /* files of the host are passed as descriptors from this number on; 0: QEMU
			 opens them by their paths */
	const struct pp_image *const
		*images; /* with first_fd: of each disk with backing files, its chain; NULL: none */
	const char *folder; /* of this run: where sockets of the guest are made
			       ("/run/pcipass/guest/NAME") */
	int qmp_fd; /* a listening unix socket that QEMU inherits under this number; 0: none ... */
	const char *qmp; /* ... then QEMU makes one at this path; NULL: FOLDER/qmp */
	int64_t now;     /* seconds since 1970: what a clock with an adjustment counts from */
	const struct pp_firmwares *firmwares;    /* of the host; NULL: none */
	const struct pp_network_bridge *bridges; /* of each network that is named, ends with NULL */
	bool vhost;                              /* the host has /dev/vhost-net */
	const char *nvram; /* where variables are kept when the definition does not say */
	const char *tpm;   /* where the state of its TPM is kept */
	const struct pp_usb_node *usb; /* of the host; NULL: not asked */
	size_t n_usb;
	int spice_port; /* for a SPICE display that leaves its port open; 0: 5900 */
};

/* What starts one guest. */
struct pp_launch {
	struct pp_arena *arena;
	char **argv; /* NULL-terminated; argv[0] is the binary's path */
	size_t n_arguments;
	uint64_t memlock; /* bytes that QEMU must be able to lock, 0: no need, UINT64_MAX: no limit
			   */
	const char *qmp;  /* path of the socket, NULL with qmp_fd */
	/* The first serial or console: what `console` connects to. */
	const char *console; /* QEMU's chardev ("charserial0": ask query-chardev for a pty's path);
				NULL */
	enum pp_chardev_type console_type;
	const char *console_path; /* file or unix socket; NULL: a pty, known once QEMU runs */
	uint64_t balloon; /* bytes: ask for it with `balloon` before `cont`; 0: the guest has it all
			   */
	const char *stats_path; /* the balloon among QEMU's objects, which asks the guest for its
				   memory's statistics ... */
	unsigned stats_period;  /* ... every so many seconds; 0: it does not */
	const struct pp_launch_file *files; /* with first_fd: what is to be opened for it */
	size_t n_files;
	struct pp_flash flash; /* of UEFI: its variables must be there; else empty */
	/* Where its threads run: "vcpu 0 2-3", "emulator 0", "iothread 1 4"; NULL-terminated. */
	const char *const *pins;
	enum pp_lifecycle on_crash; /* RESTART: on GUEST_PANICKED the guest is paused; system_reset
				       and cont */
	const char *const
		*hostdevs; /* alias of each PCI host device ("hostdev0"), NULL-terminated */
	const struct pp_address *hostdev_addresses; /* the same order */
	struct pp_domain *assigned;                 /* everything settled: addresses, aliases */
};

/* QEMU starts stopped (-S): `cont` runs the guest. HOST may be NULL or read with PP_READ_CONFIG:
 * which devices are PCI Express decides where they go. FILE is what messages call the definition.
 * The launch borrows from DOMAIN, which must outlive it. */
int pp_launch_build(const struct pp_domain *domain, const struct pp_host *host,
	const struct pp_qemu_capabilities *capabilities, const struct pp_launch_options *options,
	const char *file, struct pp_launch **ret_launch, struct pp_error *error);
void pp_launch_free(struct pp_launch *launch);
PP_DEFINE_CLEANUP(struct pp_launch *, pp_launch_free)

/* The pure half: ASSIGNED comes from pp_domain_assign and must outlive the launch (which does not
 * own it). */
int pp_argv_build(const struct pp_domain *assigned, const struct pp_qemu_capabilities *capabilities,
	const struct pp_launch_options *options, const char *file, struct pp_launch **ret_launch,
	struct pp_error *error);

#endif
