/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include "base/buffer.h"
#include "base/parse.h"

#define NVME "pci0000:00/0000:01:00.0"
#define SATA "pci0000:00/0000:00:1f.2"
#define NIC "pci0000:00/0000:02:00.0"
#define GPU "pci0000:00/0000:03:00.0"
#define XHCI "pci0000:00/0000:00:14.0"
#define DISK "/sys/devices/" NVME "/nvme/nvme0/nvme0n1"
#define SDA "/sys/devices/" SATA "/ata1/host0/target0:0:0/0:0:0:0/block/sda"

static const char hardware[] = DEVICE_LINK("pci0000:00", "0000:01:00.0") UEVENT(
	NVME, "DRIVER=nvme\\n", "10802", "144D:A808", "0000:0000") DEVICE_LINK("pci0000:00",
	"0000:00:1f.2") UEVENT(SATA, "DRIVER=ahci\\n", "10601", "8086:2922",
	"0000:0000") DEVICE_LINK("pci0000:00", "0000:02:00.0") UEVENT(NIC, "DRIVER=e1000e\\n",
	"20000", "8086:10D3", "0000:0000") DEVICE_LINK("pci0000:00", "0000:03:00.0") UEVENT(GPU,
	"DRIVER=nvidia\\n", "30000", "10DE:2484", "0000:0000") DEVICE_LINK("pci0000:00",
	"0000:00:14.0") UEVENT(XHCI, "DRIVER=xhci_hcd\\n", "C0330", "8086:A0ED",
	"0000:0000") "/sys/class/block/nvme0n1 -> ../../devices/" NVME "/nvme/nvme0/nvme0n1\n"
		     "/sys/class/block/nvme0n1p1 -> ../../devices/" NVME
		     "/nvme/nvme0/nvme0n1/nvme0n1p1\n"
		     "/sys/class/block/nvme0n1p2 -> ../../devices/" NVME
		     "/nvme/nvme0/nvme0n1/nvme0n1p2\n"
		     "/sys/dev/block/259:0 -> ../../devices/" NVME "/nvme/nvme0/nvme0n1\n"
		     "/sys/dev/block/259:1 -> ../../devices/" NVME "/nvme/nvme0/nvme0n1/nvme0n1p1\n"
		     "/sys/dev/block/259:2 -> ../../devices/" NVME
		     "/nvme/nvme0/nvme0n1/nvme0n1p2\n" DISK "/nvme0n1p1/dev = 259:1\n" DISK
		     "/nvme0n1p2/dev = 259:2\n" DISK "/dev = 259:0\n"
		     "/sys/class/block/sda -> ../../devices/" SATA
		     "/ata1/host0/target0:0:0/0:0:0:0/block/sda\n"
		     "/sys/dev/block/8:0 -> ../../devices/" SATA
		     "/ata1/host0/target0:0:0/0:0:0:0/block/sda\n" SDA "/dev = 8:0\n"
		     "/sys/class/net/eth0 -> ../../devices/" NIC "/net/eth0\n"
		     "/sys/devices/" NIC "/net/eth0/flags = 0x1003\n"
		     "/sys/class/net/lo -> ../../devices/virtual/net/lo\n"
		     "/sys/devices/virtual/net/lo/flags = 0x9\n";

static struct machine machine;

static void with(const char *text)
{
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	pp_buffer_puts(&all, hardware);
	pp_buffer_puts(&all, text);
	machine_open(&machine, pp_buffer_text(&all), PP_READ_USES);
}

/* There is one like that, and COUNT in all. */
static void has(size_t count, enum pp_use_kind kind, const char *device, const char *name,
	const char *text, bool blocking)
{
	for (size_t i = 0; i < machine.host->n_uses; i++) {
		const struct pp_use *use = &machine.host->uses[i];
		assert_non_null(use->evidence);
		if (use->kind == kind && strcmp(use->device->name, device) == 0 &&
			strcmp(use->name, name) == 0 && strcmp(use->text, text) == 0) {
			assert_int_equal(use->blocking, blocking);
			assert_int_equal(machine.host->n_uses, count);
			return;
		}
	}
	for (size_t i = 0; i < machine.host->n_uses; i++)
		print_message("%d %s %s | %s\n", machine.host->uses[i].kind,
			machine.host->uses[i].device->name, machine.host->uses[i].name,
			machine.host->uses[i].text);
	fail_msg("%s is not said to be used: %s", device, text);
}

static void done(void)
{
	machine_close(&machine);
}

#define SHARE                                                                                      \
	"/sys/bus/virtio/drivers/9pnet_virtio/virtio1 -> "                                         \
	"../../../../devices/" XHCI "/virtio1\n"                                                   \
	"/sys/bus/virtio/drivers/9pnet_virtio/bind = \n"                                           \
	"/sys/devices/" XHCI "/virtio1/mount_tag = store\n"
#define SHARE_FS                                                                                   \
	"/sys/fs/virtiofs/0/device -> ../../../devices/" GPU "/virtio2\n"                          \
	"/sys/fs/virtiofs/0/tag = home\n"                                                          \
	"/sys/devices/" GPU "/virtio2/driver/\n"

/* A folder of the machine around this one, by its tag. */
static void shares(void **state)
{
	with(SHARE SHARE_FS "/proc/self/mountinfo = 31 1 0:26 / / rw - 9p store rw,trans=virtio\n");
	has(1, PP_USE_MOUNT, "0000:00:14.0", "store", "the shared folder store is mounted on /",
		true);
	done();
	with(SHARE SHARE_FS "/proc/self/mountinfo = 31 1 0:26 / /home rw - virtiofs home rw\n");
	has(1, PP_USE_MOUNT, "0000:03:00.0", "home", "the shared folder home is mounted on /home",
		true);
	done();
	with(SHARE SHARE_FS "/proc/self/mountinfo = 31 1 0:26 / / rw - 9p other rw\\n"
			    "32 1 0:27 / /x rw - tmpfs store rw\n");
	assert_int_equal(machine.host->n_uses, 0);
	done();
	/* a root of layers, the lowest of which is out of sight; and one that is seen */
	with(SHARE "/proc/self/mountinfo = 31 1 0:26 / / rw - overlay root "
		   "rw,lowerdir=/lower,upperdir=/rw/upper\n");
	has(1, PP_USE_MOUNT, "0000:00:14.0", "store",
		"the shared folder store may be the lowest layer of /, which is out of sight",
		true);
	done();
	with(SHARE "/proc/self/mountinfo = 31 1 0:26 / / rw - overlay root rw,lowerdir=/ro/fs\\n"
		   "32 31 259:1 / /ro rw - squashfs /dev/nvme0n1p1 ro\n");
	has(1, PP_USE_MOUNT, "0000:01:00.0", "nvme0n1p1", "nvme0n1p1 is mounted on /ro", true);
	done();
}

static void nothing(void **state)
{
	with("");
	assert_int_equal(machine.host->n_uses, 0);
	done();
}

static void mounts(void **state)
{
	with("/proc/self/mountinfo = "
	     "22 27 0:21 / /proc rw - proc proc rw\\n"
	     "27 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw\\n"
	     "28 27 259:1 /x /mnt/with\\\\040blank rw - ext4 /dev/nvme0n1p1 rw\\n"
	     "29 27 259:1 /y /snap rw - ext4 /dev/nvme0n1p1 rw\\n"
	     "30 27 8:0 / /mnt/a\\\\040b rw - xfs /dev/sda rw\\n"
	     "31 27 7:0 / /loop rw - squashfs /dev/loop0 ro\\n"
	     "32 27 0:50 / /btr rw - btrfs /dev/nvme0n1p2 rw\\n"
	     "33 27 0:51 / /net rw - nfs4 server:/x rw\\n\n");
	has(3, PP_USE_MOUNT, "0000:01:00.0", "nvme0n1p1",
		"nvme0n1p1 is mounted on / and 2 more places", true);
	has(3, PP_USE_MOUNT, "0000:00:1f.2", "sda", "sda is mounted on /mnt/a b", true);
	has(3, PP_USE_MOUNT, "0000:01:00.0", "nvme0n1p2", "nvme0n1p2 is mounted on /btr", true);
	done();
}

static void bad_mounts(void **state)
{
	with("/proc/self/mountinfo = \\n\\n \\nx\\n1 2 3\\n1 2 259:1\\n1 2 259:1 / \\n1 2 259:1 / "
	     "/m rw\\n"
	     "1 2 259:1 / /m rw -\\n1 2 259:1 / /m rw - ext4\\n1 2 259: / /m rw - ext4 /dev/x rw\\n"
	     "1 2 99999999999:1 / /m rw - ext4 /dev/x rw\\n1 2 0:1 / /m rw - ext4 /dev/ rw\\n"
	     "1 2 0:1 / /m rw - ext4 /dev/../../x rw\\n\\x00\\xff\\\\04\n"
	     "/proc/swaps = Filename\\n/dev/\\n/dev/sda\\n/\\n/dev/sda file 1\\n\n");
	assert_int_equal(machine.host->n_uses, 0);
	done();
}

static void swap(void **state)
{
	with("/proc/swaps = Filename Type Size Used Priority\\n"
	     "/dev/nvme0n1p2                         partition\\t8388604\\t0\\t-2\\n"
	     "/swapfile                              file\\t8388604\\t0\\t-2\\n\n");
	has(1, PP_USE_SWAP, "0000:01:00.0", "nvme0n1p2", "nvme0n1p2 is swap space", true);
	done();
}

#define DM(number) "/sys/devices/virtual/block/dm-" number
#define VOLUME(number, name, uuid)                                                                 \
	"/sys/class/block/dm-" number " -> ../../devices/virtual/block/dm-" number "\n"            \
	"/sys/dev/block/253:" number " -> ../../devices/virtual/block/dm-" number                  \
	"\n" DM(number) "/dm/name = " name "\n" DM(number) "/dm/uuid = " uuid "\n"

static void volumes(void **state)
{
	with(VOLUME("0", "luks-1", "CRYPT-LUKS2-aa") VOLUME("1", "vg-root", "LVM-bb") VOLUME(
		"2", "vg-idle", "LVM-cc")
			DM("0") "/slaves/nvme0n1p2 -> ../../../../" NVME
				"/nvme/nvme0/nvme0n1/nvme0n1p2\n" DM(
					"1") "/slaves/dm-0 -> ../../dm-0\n" DM("2") "/slaves/dm-0 "
										    "-> "
										    "../../dm-0\n"
										    "/sys/class/"
										    "block/md0 -> "
										    "../../devices/"
										    "virtual/block/"
										    "md0\n"
										    "/sys/devices/"
										    "virtual/block/"
										    "md0/slaves/"
										    "sda -> "
										    "../../../"
										    "../" SATA
										    "/ata1/host0/"
										    "target0:0:0/"
										    "0:0:0:0/block/"
										    "sda\n"
										    "/proc/self/"
										    "mountinfo = "
										    "27 1 253:1 / "
										    "/ rw - ext4 "
										    "/dev/mapper/"
										    "vg-root "
										    "rw\\n\n");
	has(4, PP_USE_MOUNT, "0000:01:00.0", "vg-root", "vg-root is mounted on /", true);
	has(4, PP_USE_HOLDER, "0000:01:00.0", "luks-1",
		"the open encrypted volume luks-1 lies on it", true);
	has(4, PP_USE_HOLDER, "0000:01:00.0", "vg-idle", "the logical volume vg-idle lies on it",
		true);
	has(4, PP_USE_HOLDER, "0000:00:1f.2", "md0", "the RAID array md0 lies on it", true);
	done();
}

static void btrfs(void **state)
{
	with("/proc/self/mountinfo = 32 27 0:50 / /btr rw - btrfs /dev/nvme0n1p2 rw\\n\n"
	     "/sys/fs/btrfs/features/x = 1\n"
	     "/sys/fs/btrfs/1234-ab/devices/nvme0n1p2 -> x\n"
	     "/sys/fs/btrfs/1234-ab/devices/sda -> x\n");
	has(2, PP_USE_MOUNT, "0000:01:00.0", "nvme0n1p2", "nvme0n1p2 is mounted on /btr", true);
	has(2, PP_USE_HOLDER, "0000:00:1f.2", "sda", "sda is a member of the mounted btrfs 1234-ab",
		true);
	done();
}

static void zfs(void **state)
{
	static const char member[] =
		"/run/udev/data/b8:0 = "
		"S:x\\nE:ID_FS_TYPE=zfs_member\\nE:ID_FS_LABEL=tank\\n\n"
		"/run/udev/data/b259:1 = E:ID_FS_TYPE=ext4\\nE:ID_FS_LABEL=tank\\n\n";
	char text[512];
	with(member); /* not imported: nothing uses it */
	assert_int_equal(machine.host->n_uses, 0);
	done();
	snprintf(text, sizeof(text), "%s/proc/spl/kstat/zfs/tank/state = ONLINE\n", member);
	with(text);
	has(1, PP_USE_HOLDER, "0000:00:1f.2", "sda",
		"sda is a member of the imported ZFS pool tank", true);
	done();
}

#define EFI "/sys/firmware/efi/efivars/"
#define GUID "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
/* Boot0003: description "A", a disk path with partition 00112233-4455-6677-8899-aabbccddeeff, an
 * end */
#define OPTION                                                                                     \
	"07000000 01000000 2e00 41000000 04012a00 01000000 0008000000000000 0000100000000000 "     \
	"33221100 5544 7766 8899aabbccddeeff 02 02 7fff0400"

static void boot_partition(void **state)
{
	static const char node[] =
		"/dev/disk/by-partuuid/00112233-4455-6677-8899-aabbccddeeff -> ../../nvme0n1p1\n"
		"/dev/nvme0n1p1 % b 259 1 0660 0 6\n";
	char text[2048];
	snprintf(text, sizeof(text), "%s%s", node,
		EFI "BootCurrent" GUID " : 06000000 0300\n" EFI "Boot0003" GUID " : " OPTION "\n");
	with(text);
	has(1, PP_USE_HOLDER, "0000:01:00.0", "nvme0n1p1",
		"nvme0n1p1 is the EFI system partition that this host booted from", true);
	done();
	/* every way to be cut short */
	static const char digits[] = "0700000001000000"
				     "2e0041000000"
				     "04012a00010000000008000000000000"
				     "0000100000000000"
				     "33221100554477668899aabbccddeeff"
				     "0202"
				     "7fff0400";
	for (size_t length = 0; length < sizeof(digits) - 1; length += 2) {
		snprintf(text, sizeof(text), "%s%s%.*s\n", node,
			EFI "BootCurrent" GUID " : 06000000 0300\n" EFI "Boot0003" GUID " : ",
			(int)length, digits);
		with(text);
		assert_true(machine.host->n_uses == (length >= sizeof(digits) - 1 - 8));
		done();
	}
}

#define ROUTE                                                                                      \
	"/proc/net/route = "                                                                       \
	"Iface\\tDestination\\tGateway\\tFlags\\tRefCnt\\tUse\\tMetric\\tMask\\n"
#define TRIE "/proc/net/fib_trie = Main:\\n  |-- 9.9.9.9\\n /32 host LOCAL\\nLocal:\\n"

static void routes(void **state)
{
	with(ROUTE
		"eth0\\t00000000\\t010200C0\\t0003\\t0\\t0\\t0\\t00000000\\t0\\t0\\t0\\n"
		"eth0\\t000200C0\\t00000000\\t0001\\t0\\t0\\t0\\t00FFFFFF\\t0\\t0\\t0\\n"
		"lo\\t00000000\\t00000000\\t0003\\t0\\t0\\t0\\t00000000\\t0\\t0\\t0\\n\n" TRIE
		"   |-- 127.0.0.1\\n      /32 host LOCAL\\n   |-- 192.0.2.2\\n      /32 host "
		"LOCAL\\n"
		"   |-- 192.0.2.255\\n      /32 link BROADCAST\\n\n"
		"/proc/net/ipv6_route = 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 "
		"00000001 00000000 00000003     eth0\\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\\n\n"
		"/proc/net/if_inet6 = fe80000000000000505400fffe123456 02 40 20 80     eth0\\n"
		"20010db8000000000000000000000002 02 40 00 80     eth0\\n"
		"00000000000000000000000000000001 01 80 10 80       lo\\n\n");
	has(4, PP_USE_ROUTE, "0000:02:00.0", "eth0", "eth0 carries the default route", true);
	has(4, PP_USE_ROUTE, "0000:02:00.0", "eth0", "eth0 carries the default route of IPv6",
		true);
	has(4, PP_USE_ADDRESS, "0000:02:00.0", "eth0", "eth0 is up with the address 192.0.2.2",
		true);
	has(4, PP_USE_ADDRESS, "0000:02:00.0", "eth0", "eth0 is up with the address 2001:db8::2",
		true);
	done();
}

static void bad_routes(void **state)
{
	with("/proc/net/route = "
	     "Iface\\n\\neth0\\neth0\\t0\\t0\\neth0\\txx\\t0\\t3\\t0\\t0\\t0\\t0\\n"
	     "eth0\\t00000000\\t0\\t0200\\t0\\t0\\t0\\t0\\n"
	     "../x\\t0\\t0\\t3\\t0\\t0\\t0\\t0\\n\n"
	     "/proc/net/ipv6_route = 00000000000000000000000000000000 00 "
	     "\\n00000000000000000000000000000000 "
	     "00 a b c d e f g\\n\n"
	     "/proc/net/if_inet6 = x\\n1 2 3 4 5 eth0\\nzz010db8000000000000000000000002 02 40 00 "
	     "80 eth0\\n\n"
	     "/proc/net/fib_trie = Local:\\n/32 host LOCAL\\n|-- \\n/32 host LOCAL\\n|-- x\\n/32 "
	     "host LOCAL\\n"
	     "|-- 999.1.1.1\\n/32 host LOCAL\\n\n");
	assert_int_equal(machine.host->n_uses, 0);
	done();
}

static void a_bridge(void **state)
{
	with("/sys/class/net/br0 -> ../../devices/virtual/net/br0\n"
	     "/sys/devices/virtual/net/br0/bridge/x = 1\n"
	     "/sys/devices/virtual/net/br0/flags = 0x1003\n"
	     "/sys/devices/virtual/net/br0/lower_eth0 -> ../../../" NIC "/net/eth0\n"
	     "/sys/devices/" NIC "/net/eth0/master -> ../../../../virtual/net/br0\n"
	     "/sys/devices/" NIC "/net/eth0/upper_br0 -> ../../../../virtual/net/br0\n" ROUTE
	     "br0\\t00000000\\t010200C0\\t0003\\t0\\t0\\t0\\t00000000\\n"
	     "br0\\t000200C0\\t00000000\\t0001\\t0\\t0\\t0\\t00FFFFFF\\n\n" TRIE
	     "   |-- 192.0.2.2\\n      /32 host LOCAL\\n\n");
	has(3, PP_USE_BRIDGE_PORT, "0000:02:00.0", "eth0", "eth0 is a port of the bridge br0",
		true);
	has(3, PP_USE_ROUTE, "0000:02:00.0", "br0", "br0 carries the default route", true);
	has(3, PP_USE_ADDRESS, "0000:02:00.0", "br0", "br0 is up with the address 192.0.2.2", true);
	done();
}

static void other_uppers(void **state)
{
	with("/sys/class/net/v5 -> ../../devices/virtual/net/v5\n"
	     "/sys/devices/virtual/net/v5/flags = 0x1002\n"
	     "/sys/class/net/v6 -> ../../devices/virtual/net/v6\n"
	     "/sys/devices/virtual/net/v6/flags = 0x1003\n"
	     "/sys/devices/" NIC "/net/eth0/upper_v5 -> ../../../../virtual/net/v5\n"
	     "/sys/devices/" NIC "/net/eth0/upper_v6 -> ../../../../virtual/net/v6\n"
	     "/sys/devices/" NIC "/net/eth0/master -> ../../../../virtual/net/ovs-system\n");
	has(3, PP_USE_BRIDGE_PORT, "0000:02:00.0", "eth0", "v5 lies on eth0", false);
	has(3, PP_USE_BRIDGE_PORT, "0000:02:00.0", "eth0", "v6 lies on eth0", true);
	has(3, PP_USE_BRIDGE_PORT, "0000:02:00.0", "eth0", "eth0 belongs to ovs-system", true);
	done();
}

static void an_interface_that_is_down(void **state)
{
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	pp_buffer_puts(&all, hardware);
	char *flags = strstr(all.data, "0x1003");
	memcpy(flags, "0x1002", 6);
	pp_buffer_puts(&all,
		"/proc/net/if_inet6 = 20010db8000000000000000000000002 02 40 00 80 eth0\\n\n");
	machine_open(&machine, pp_buffer_text(&all), PP_READ_USES);
	has(1, PP_USE_ADDRESS, "0000:02:00.0", "eth0",
		"eth0 is down, but has the address 2001:db8::2", false);
	done();
}

/* The caller is a shell below sshd; somebody else is logged in too. */
static void sessions(void **state)
{
	with(ROUTE "eth0\\t000200C0\\t00000000\\t0001\\t0\\t0\\t0\\t00FFFFFF\\n\n" TRIE
		   "   |-- 192.0.2.2\\n      /32 host LOCAL\\n\n"
		   "/proc/self/stat = 50 (pcipass) S 40 1 1\n"
		   "/proc/40/stat = 40 (my (odd) bash) S 30 1 1\n"
		   "/proc/30/stat = 30 (sshd) S 1 1 1\n"
		   "/proc/30/fd/3 -> socket:[777]\n"
		   "/proc/30/fd/4 -> /dev/null\n"
		   "/proc/31/fd/3 -> socket:[778]\n"
		   "/run/systemd/sessions/c1 = REMOTE=1\\nLEADER=31\n"
		   "/run/systemd/sessions/c2 = REMOTE=0\\nLEADER=32\n"
		   "/run/systemd/sessions/c1.ref = x\n"
		   "/proc/net/tcp = sl local_address\\n"
		   " 0: 020200C0:0016 00000000:0000 0A 0:0 0:0 0 0 0 777 1\\n"
		   " 1: 020200C0:0016 050200CB:C350 01 0:0 0:0 0 0 0 777 1\\n\n"
		   "/proc/net/tcp6 = sl local_address\\n"
		   " 1: 0000000000000000FFFF0000020200C0:0016 "
		   "0000000000000000FFFF0000070200CB:C350 01 "
		   "0:0 0:0 0 0 0 778 1\\n\n");
	has(3, PP_USE_SESSION, "0000:02:00.0", "eth0",
		"eth0 carries your own session from 203.0.2.5", true);
	has(3, PP_USE_SESSION, "0000:02:00.0", "eth0", "eth0 carries a session from 203.0.2.7",
		true);
	done();
}

/* Ancestors that go round. */
static void odd_ancestors(void **state)
{
	with("/proc/net/if_inet6 = 20010db8000000000000000000000002 02 40 00 80 eth0\\n\n"
	     "/proc/self/stat = 50 (x) S 40 1 1\n/proc/40/stat = 40 (x) S 50\n/proc/50/stat = 50 "
	     "(x) S 40\n"
	     "/proc/self/fd/1 -> socket:[\n/proc/self/fd/2 -> socket:[]\n/proc/self/fd/3 -> "
	     "socket:[1]\n"
	     "/proc/net/tcp = \\n 1: x x 01 0 0 0 0 0 1\\n 1: 0:0 0:0 01 0 0 0 0 0 1\\n\n");
	assert_int_equal(machine.host->n_uses, 1);
	done();
}

static void open_files(void **state)
{
	with("/dev/dri/card0 % c 226 0 0660 0 44\n/dev/dri/renderD128 % c 226 128 0660 0 44\n"
	     "/dev/nvidia0 % c 195 0 0666 0 0\n/dev/nvidiactl % c 195 255 0666 0 0\n"
	     "/dev/nvme0n1 % b 259 0 0660 0 6\n/dev/null % c 1 3 0666 0 0\n"
	     "/dev/snd/controlC0 % c 116 2 0660 0 29\n/dev/vfio/7 % c 240 0 0600 0 0\n"
	     "/sys/dev/char/226:0 -> ../../devices/" GPU "/drm/card0\n"
	     "/sys/dev/char/226:128 -> ../../devices/" GPU "/drm/renderD128\n"
	     "/sys/dev/char/116:2 -> ../../devices/" GPU "/sound/card0/controlC0\n"
	     "/sys/devices/" GPU "/drm/card0/x = 1\n/sys/devices/" GPU "/drm/renderD128/x = 1\n"
	     "/sys/devices/" GPU "/sound/card0/controlC0/x = 1\n"
	     "/proc/driver/nvidia/gpus/0000:03:00.0/information = Model: X\\nDevice Minor: \\t "
	     "0\\n\n"
	     "/proc/1432/comm = gnome-shell\n"
	     "/proc/1432/fd/0 -> /dev/null\n"
	     "/proc/1432/fd/10 -> /dev/dri/card0\n"
	     "/proc/1432/fd/11 -> /dev/dri/card0\n"
	     "/proc/1432/fd/12 -> /dev/dri/renderD128\n"
	     "/proc/1432/fd/13 -> /dev/nvidiactl\n"
	     "/proc/99/comm = pipewire\n/proc/99/fd/4 -> /dev/snd/controlC0\n"
	     "/proc/100/comm = python3\n/proc/100/fd/4 -> /dev/nvidia0\n"
	     "/proc/101/fd/4 -> /dev/nvme0n1\n"
	     "/proc/102/comm = x\n/proc/102/fd/4 -> /dev/gone\n/proc/102/fd/5 -> socket:[1]\n"
	     "/proc/103/fd ! EACCES\n");
	has(4, PP_USE_DISPLAY, "0000:03:00.0", "gnome-shell",
		"gnome-shell (1432) has /dev/dri/card0, /dev/dri/renderD128 open", true);
	has(4, PP_USE_DISPLAY, "0000:03:00.0", "python3", "python3 (100) has /dev/nvidia0 open",
		true);
	has(4, PP_USE_SOUND, "0000:03:00.0", "pipewire",
		"pipewire (99) has /dev/snd/controlC0 open", true);
	has(4, PP_USE_HOLDER, "0000:01:00.0", "process-101",
		"process-101 (101) has /dev/nvme0n1 open", true);
	done();
}

/* udev looks at what has just come; others of that name, and `udevadm lock`, hold it. */
static void udev(void **state)
{
	static const struct {
		const char *name, *program;
		bool blocking;
	} cases[] = {
		{"(udev-worker)", "/usr/bin/udevadm", false},
		{"systemd-udevd", "/lib/systemd/systemd-udevd", false},
		{"udevd", "/sbin/udevd", false},
		{"udevadm", "/usr/bin/udevadm", true},
		{"(udev-worker)", "/usr/bin/dd", true},
		{"(udev-worker)", "udevadm", true},
		{"(udev-worker)", NULL, true},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		char text[512], said[64];
		int n = snprintf(text, sizeof(text),
			"/dev/nvme0n1 %% b 259 0 0660 0 6\n/proc/101/fd/4 -> /dev/nvme0n1\n"
			"/proc/101/comm = %s\n",
			cases[i].name);
		if (cases[i].program)
			snprintf(text + n, sizeof(text) - (size_t)n, "/proc/101/exe -> %s\n",
				cases[i].program);
		snprintf(said, sizeof(said), "%s (101) has /dev/nvme0n1 open", cases[i].name);
		with(text);
		has(1, PP_USE_HOLDER, "0000:01:00.0", cases[i].name, said, cases[i].blocking);
		done();
	}
}

static const char vfio_held[] = DEVICE_LINK("pci0000:00", "0000:01:00.0")
	UEVENT("pci0000:00/0000:01:00.0", "DRIVER=vfio-pci\\n", "20000", "1:2", "0:0") DEVICE_LINK(
		"pci0000:00", "0000:01:00.1") UEVENT("pci0000:00/0000:01:00.1", "", "20000", "1:2",
		"0:0") "/sys/devices/pci0000:00/0000:01:00.0/iommu_group -> ../7\n"
		       "/sys/devices/pci0000:00/0000:01:00.1/iommu_group -> ../7\n"
		       "/sys/dev/char/240:0 -> ../../devices/virtual/vfio/7\n"
		       "/sys/devices/virtual/vfio/7/x = 1\n"
		       "/dev/vfio/7 % c 240 0 0600 0 0\n/dev/vfio/vfio % c 10 196 0666 0 0\n"
		       "/proc/5/comm = qemu-system-x86\n/proc/5/fd/9 -> /dev/vfio/7\n"
		       "/proc/5/fd/8 -> /dev/vfio/vfio\n";

static void vfio(void **state)
{
	static const unsigned depths[] = {PP_READ_USES, PP_READ_HOLDERS};
	for (size_t i = 0; i < PP_COUNT(depths); i++) {
		machine_open(&machine, vfio_held, depths[i]);
		has(1, PP_USE_VFIO, "0000:01:00.0", "qemu-system-x86",
			"qemu-system-x86 (5) has /dev/vfio/7 open", true);
		done();
	}
}

static void count_processes(enum pp_tree_access access, const char *path, void *data)
{
	if (pp_text_starts(path, "/proc"))
		++*(size_t *)data;
}

/* Where nothing is on a VFIO driver no process is looked into. */
static void no_holders(void **state)
{
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	struct pp_error error = {0};
	size_t count = 0;
	pp_buffer_puts(&all, hardware);
	pp_buffer_puts(&all, "/proc/101/fd/4 -> /dev/nvme0n1\n/dev/nvme0n1 % b 259 0 0660 0 6\n");
	machine = (struct machine){.context = {.read_only = true}};
	assert_int_equal(pp_tree_parse("test.host", pp_buffer_text(&all),
				 strlen(pp_buffer_text(&all)), &machine.context.tree, &error),
		0);
	pp_tree_watch(machine.context.tree, count_processes, &count);
	assert_int_equal(pp_host_read(&machine.context, PP_READ_HOLDERS, &machine.host, &error), 0);
	assert_int_equal(machine.host->n_uses, 0);
	assert_int_equal(count, 0);
	done();
}

static void consoles(void **state)
{
	with("/sys/class/drm/card0 -> ../../devices/" GPU "/drm/card0\n"
	     "/sys/class/drm/card0-HDMI-A-1 -> ../../devices/" GPU "/drm/card0/card0-HDMI-A-1\n"
	     "/sys/devices/" GPU "/drm/card0/card0-HDMI-A-1/x = 1\n"
	     "/sys/class/graphics/fb0 -> ../../devices/" GPU "/graphics/fb0\n"
	     "/sys/devices/" GPU "/graphics/fb0/x = 1\n"
	     "/sys/devices/" XHCI "/usb1/1-1/1-1:1.0/0003:1:2/input/input3/x = 1\n"
	     "/sys/devices/" XHCI "/usb1/1-2/1-2:1.0/0003:1:2/input/input4/x = 1\n"
	     "/proc/bus/input/devices = "
	     "I: Bus=0011\\nN: Name=\"AT keyboard\"\\nS: Sysfs=/devices/platform/i8042/x\\n"
	     "H: Handlers=sysrq kbd leds \\n\\n"
	     "I: Bus=0003\\nN: Name=\"A \"good\" keyboard\"\\nS: Sysfs=/devices/" XHCI
	     "/usb1/1-1/1-1:1.0/0003:1:2/input/input3\\nH: Handlers=sysrq kbd event3 leds \\n\\n"
	     "I: Bus=0003\\nN: Name=\"Mouse\"\\nS: Sysfs=/devices/" XHCI
	     "/usb1/1-2/1-2:1.0/0003:1:2/input/input4\\nH: Handlers=mouse0 event4 \\n\\n"
	     "I: Bus=0003\\nN: Name=\"Buttons\"\\nS: Sysfs=/devices/" XHCI
	     "/usb1/1-2/1-2:1.0/0003:1:2/input/input4\\nH: Handlers=kbd event5 \\n\\n"
	     "I:\\nN: Name=\"\\nH: Handlers=\\n\\n\\n\\n\n");
	has(3, PP_USE_DISPLAY, "0000:03:00.0", "card0", "no program has its display card0 open",
		false);
	has(3, PP_USE_INPUT, "0000:00:14.0", "keyboard",
		"the keyboard \"A \"good\" keyboard\" is plugged in there", true);
	has(3, PP_USE_INPUT, "0000:00:14.0", "mouse", "the mouse \"Mouse\" is plugged in there",
		false);
	done();
}

/* A disk behind VMD leaves with the VMD too, and a disk behind a bridge not with the bridge. */
static void behind_others(void **state)
{
	machine_open(&machine,
		DEVICE_LINK("pci0000:00", "0000:00:0e.0") UEVENT("pci0000:00/0000:00:0e.0",
			"DRIVER=vmd\\n", "10400", "8086:9A0B",
			"0:0") DEVICE_LINK("pci0000:00/0000:00:0e.0/pci10000:e0",
			"10000:e0:06.0") UEVENT("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0",
			"", "60400", "8086:1",
			"0:0") DEVICE_LINK("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0",
			"10000:e1:00.0") UEVENT("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/"
						"10000:e1:00.0",
			"", "10802", "144D:A808",
			"0:0") "/sys/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/"
			       "10000:e1:00.0/nvme/nvme0/"
			       "nvme0n1/dev = 259:0\n"
			       "/sys/dev/block/259:0 -> "
			       "../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/"
			       "10000:e1:00.0/nvme/nvme0/nvme0n1\n"
			       "/proc/self/mountinfo = 27 1 259:0 / / rw - ext4 /dev/nvme0n1 "
			       "rw\\n\n",
		PP_READ_USES);
	has(2, PP_USE_MOUNT, "10000:e1:00.0", "nvme0n1", "nvme0n1 is mounted on /", true);
	has(2, PP_USE_MOUNT, "0000:00:0e.0", "nvme0n1", "nvme0n1 is mounted on /", true);
	assert_ptr_equal(machine_device(&machine, "10000:e1:00.0")->parent,
		machine_device(&machine, "10000:e0:06.0"));
	done();
}

#define VF(name)                                                                                   \
	DEVICE_LINK("pci0000:00", name)                                                            \
	"/sys/devices/pci0000:00/" name "/vendor = 0x8086\n"

static void functions(void **state)
{
	static const char physical[] = DEVICE_LINK("pci0000:00", "0000:03:00.0")
		UEVENT("pci0000:00/0000:03:00.0", "", "20000", "8086:1572", "0:0") VF(
			"0000:03:02.0") "/sys/devices/pci0000:00/0000:03:00.0/sriov_totalvfs = 8\n"
					"/sys/devices/pci0000:00/0000:03:00.0/sriov_numvfs = 1\n"
					"/sys/devices/pci0000:00/0000:03:00.0/virtfn0 -> "
					"../0000:03:02.0\n";
	char text[2048];
	machine_open(&machine, physical, PP_READ_USES | PP_READ_CONFIG);
	has(1, PP_USE_VIRTUAL_FUNCTIONS, "0000:03:00.0", "0000:03:00.0",
		"it has 1 virtual function, none in use", false);
	done();
	snprintf(text, sizeof(text), "%s%s", physical,
		"/sys/devices/pci0000:00/0000:03:02.0/driver -> ../vfio-pci\n");
	machine_open(&machine, text, PP_READ_USES | PP_READ_CONFIG);
	has(1, PP_USE_VIRTUAL_FUNCTIONS, "0000:03:00.0", "0000:03:02.0",
		"its virtual function 0000:03:02.0 is out with vfio-pci", true);
	done();
	snprintf(text, sizeof(text), "%s%s", physical,
		"/sys/class/net/v0 -> ../../devices/pci0000:00/0000:03:02.0/net/v0\n"
		"/sys/devices/pci0000:00/0000:03:02.0/net/v0/flags = 0x1\n"
		"/proc/net/if_inet6 = 20010db8000000000000000000000002 02 40 00 80 v0\\n\n");
	machine_open(&machine, text, PP_READ_USES | PP_READ_CONFIG);
	has(2, PP_USE_VIRTUAL_FUNCTIONS, "0000:03:00.0", "0000:03:02.0",
		"its virtual function 0000:03:02.0 is in use: v0 is up with the address "
		"2001:db8::2",
		true);
	done();
}

/* What cannot be looked at is not taken for unused; what may not be read, or is not there, is said
 * elsewhere. */
static void unreadable(void **state)
{
	static const struct {
		const char *path, *error;
		bool fails;
	} cases[] = {
		{"/proc/self/mountinfo", "EIO", true},
		{"/proc/self/mountinfo", "EMFILE", true},
		{"/proc/swaps", "ENOMEM", true},
		{"/proc/net/route", "EIO", true},
		{"/sys/firmware/efi/efivars/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c",
			"EIO", false},
		{"/proc/swaps", "EACCES", false},
		{"/proc/swaps", "ENOENT", false},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct pp_context context = {.read_only = true};
		struct pp_host *host = NULL;
		struct pp_error error = {0};
		/* Lines for a path that has one already are refused. */
		const char *line = strstr(hardware, cases[i].path);
		pp_buffer_append(
			&text, hardware, line ? (size_t)(line - hardware) : strlen(hardware));
		pp_buffer_printf(&text, "%s ! %s\n", cases[i].path, cases[i].error);
		assert_int_equal(pp_tree_parse("test.host", pp_buffer_text(&text), text.length,
					 &context.tree, &error),
			0);
		int r = pp_host_read(&context, PP_READ_USES, &host, &error);
		if ((r < 0) != cases[i].fails)
			fail_msg("%s ! %s: %d %s", cases[i].path, cases[i].error, r, error.text);
		if (r < 0 && !strstr(error.text, strrchr(cases[i].path, '/')))
			fail_msg("%s ! %s: %s", cases[i].path, cases[i].error, error.text);
		pp_host_free(host);
		pp_tree_free(context.tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(shares),
		cmocka_unit_test(mounts),
		cmocka_unit_test(bad_mounts),
		cmocka_unit_test(swap),
		cmocka_unit_test(volumes),
		cmocka_unit_test(btrfs),
		cmocka_unit_test(zfs),
		cmocka_unit_test(boot_partition),
		cmocka_unit_test(routes),
		cmocka_unit_test(bad_routes),
		cmocka_unit_test(a_bridge),
		cmocka_unit_test(other_uppers),
		cmocka_unit_test(an_interface_that_is_down),
		cmocka_unit_test(sessions),
		cmocka_unit_test(odd_ancestors),
		cmocka_unit_test(open_files),
		cmocka_unit_test(udev),
		cmocka_unit_test(vfio),
		cmocka_unit_test(no_holders),
		cmocka_unit_test(consoles),
		cmocka_unit_test(behind_others),
		cmocka_unit_test(functions),
		cmocka_unit_test(unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
