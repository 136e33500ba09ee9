/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pcipass understands of libvirt's domain XML. A word is only here when a guest really gets
 * it, or when it asks for what every guest of pcipass has. */
#include "lib/domain/grammar.h"
#include "base/cleanup.h"

#define ON_OFF "=on|off"
#define YES_NO "=yes|no"
#define ADDRESS " address?type alias"
#define PCI_NUMBERS "domain bus! slot! function"

const struct pp_rule pp_grammar_rules[] = {
	{"domain", "type!=kvm|qemu id",
		"name+ uuid title description metadata memory+ currentMemory vcpu os+ features cpu "
		"clock "
		"on_poweroff on_reboot on_crash pm devices memoryBacking memtune seclabel* "
		"resource iothreads numatune cputune"},
	{"name", "", "#text"},
	{"uuid", "", "#text"},
	{"title", "", "#text"},
	{"description", "", "#text"},
	{"metadata", "", "#any"},
	{"memory", "unit dumpCore" ON_OFF, "#text"},
	{"currentMemory", "unit", "#text"},
	{"iothreads", "", "#text"},
	{"vcpu", "placement=static current cpuset", "#text"},
	{"cputune", "", "vcpupin* emulatorpin iothreadpin*"},
	{"vcpupin", "vcpu! cpuset!", ""},
	{"emulatorpin", "cpuset!", ""},
	{"iothreadpin", "iothread! cpuset!", ""},
	{"numatune", "", "memory:numatune.memory memnode*"},
	{"numatune.memory", "mode=strict|preferred|interleave nodeset! placement=static", ""},
	{"memnode", "cellid! mode!=strict|preferred|interleave nodeset!", ""},
	{"on_poweroff", "", "#text"},
	{"on_reboot", "", "#text"},
	{"on_crash", "", "#text"},
	{"pm", "", "suspend-to-mem:pm.state suspend-to-disk:pm.state"},
	{"pm.state", "enabled!" YES_NO, ""},
	{"memtune", "", "hard_limit"},
	{"hard_limit", "unit", "#text"},
	{"memoryBacking", "",
		"locked:empty nosharepages:empty hugepages source:memory-source "
		"access:memory-access allocation"},
	{"hugepages", "", "page*"},
	{"page", "size! unit nodeset", ""},
	{"memory-source", "type!=anonymous|memfd", ""},
	{"memory-access", "mode!=shared|private", ""},
	{"allocation", "mode=immediate|ondemand threads", ""},
	/* What libvirt writes into the XML of a guest that runs, about its own machinery. */
	{"resource", "", "partition"},
	{"partition", "", "#text"},
	{"seclabel", "type=none|dynamic model=none|dac|selinux|apparmor relabel" YES_NO,
		"label:partition imagelabel:partition"},
	{"empty", "", ""},

	/* ---- os ---- */
	{"os", "firmware=bios|efi",
		"type+:os.type boot*:os.boot kernel:path initrd:path cmdline:path bootmenu bios "
		"smbios firmware:os.firmware loader nvram"},
	{"os.type", "arch=x86_64 machine", "#text"},
	{"os.boot", "dev!=hd|cdrom|network|fd", ""},
	{"path", "", "#text"},
	{"bootmenu", "enable!" YES_NO " timeout", ""},
	{"bios", "useserial" YES_NO " rebootTimeout", ""},
	{"smbios", "mode!=emulate", ""},
	{"os.firmware", "", "feature*:os.feature"},
	{"os.feature", "name!=secure-boot|enrolled-keys enabled!" YES_NO, ""},
	{"loader",
		"type=rom|pflash readonly" YES_NO " secure" YES_NO " stateless" YES_NO
		" format=raw|qcow2",
		"#text"},
	{"nvram", "type=file template templateFormat=raw|qcow2 format=raw|qcow2",
		"#text source:nvram.source"},
	{"nvram.source", "file!", ""},

	/* ---- features, cpu, clock ---- */
	{"features", "",
		"acpi:empty apic pae:empty hap hyperv kvm:features.kvm pvspinlock:state "
		"pmu:state "
		"vmport:state smm:state ioapic vmcoreinfo:state"},
	{"state", "state" ON_OFF, ""},
	{"hap", "state=on", ""},
	{"apic", "eoi" ON_OFF, ""},
	{"ioapic", "driver!=kvm|qemu", ""},
	{"features.kvm", "", "hidden:state hint-dedicated:state poll-control:state"},
	{"hyperv", "mode=custom|passthrough",
		"relaxed:state vapic:state spinlocks vpindex:state runtime:state synic:state "
		"stimer "
		"reset:state vendor_id frequencies:state reenlightenment:state tlbflush:state "
		"ipi:state "
		"evmcs:state avic:state"},
	{"spinlocks", "state" ON_OFF " retries", ""},
	{"stimer", "state" ON_OFF, "direct:state"},
	{"vendor_id", "state" ON_OFF " value", ""},
	{"cpu",
		"mode=custom|host-model|host-passthrough|maximum match=exact "
		"check=none|partial|full migratable=on|off",
		"model:cpu.model vendor:path topology feature*:cpu.feature cache:cpu.cache "
		"maxphysaddr numa"},
	{"numa", "", "cell*"},
	{"cell", "id cpus memory! unit memAccess=shared|private", "distances"},
	{"distances", "", "sibling*"},
	{"sibling", "id! value!", ""},
	{"cpu.model", "fallback=allow|forbid vendor_id", "#text"},
	{"topology", "sockets! dies cores! threads!", ""},
	{"cpu.feature", "policy=force|require|optional|disable|forbid name!", ""},
	{"cpu.cache", "mode!=emulate|passthrough|disable level=3", ""},
	{"maxphysaddr", "mode!=passthrough|emulate bits", ""},
	{"clock", "offset!=utc|localtime|variable adjustment basis=utc", "timer*?name"},
	{"timer.rtc", "name tickpolicy=delay|catchup track=guest|wall present=yes", ""},
	{"timer.pit", "name tickpolicy=delay|discard present" YES_NO, ""},
	{"timer.hpet", "name present" YES_NO, ""},
	{"timer.tsc", "name frequency present=yes", ""},
	{"timer.kvmclock", "name present" YES_NO, ""},
	{"timer.hypervclock", "name present" YES_NO, ""},

	/* ---- devices ---- */
	{"devices", "",
		"emulator:path disk*?type controller*?type interface*?type hostdev*?type "
		"serial*?type console*?type channel*?type parallel*?type video* graphics*?type "
		"input* "
		"memballoon rng* panic* watchdog sound* audio* hub* redirdev*?type tpm "
		"shmem* filesystem*"},
	{"alias", "name!", ""},
	{"boot", "order!", ""},
	{"address.pci", "type " PCI_NUMBERS " multifunction" ON_OFF, ""},
	{"address.drive", "type controller bus target unit", ""},
	{"address.usb", "type bus port", ""},
	{"address.virtio-serial", "type controller bus port", ""},
	{"address.isa", "type iobase irq", ""},
	{"address.unassigned", "type", ""},
	{"rom", "enabled" YES_NO " bar" ON_OFF " file", ""},
	{"acpi", "index!", ""},

#define DISK "type device=disk|cdrom|floppy snapshot=internal|external|no|manual model=virtio"
#define DISK_CHILDREN                                                                              \
	"target+:disk-target driver:disk-driver readonly:empty shareable:empty "                   \
	"serial:path wwn:path vendor:path product:path boot blockio backingStore:empty" ADDRESS    \
	" "
	{"disk.file", DISK, DISK_CHILDREN "source:disk-source.file"},
	{"disk.block", DISK, DISK_CHILDREN "source:disk-source.block"},
	{"disk-source.file", "file! index startupPolicy=mandatory", "seclabel*"},
	{"disk-source.block", "dev! index startupPolicy=mandatory", "seclabel*"},
	{"disk-target",
		"dev! bus=virtio|sata|ide|scsi|usb|fdc|nvme removable" ON_OFF " rotation_rate", ""},
	{"disk-driver",
		"name=qemu type=raw|qcow2|vmdk|vdi|vpc|vhdx|qed "
		"cache=default|none|writethrough|writeback|directsync|unsafe "
		"error_policy=stop|report|ignore|enospace rerror_policy=stop|report|ignore "
		"io=threads|native|io_uring discard=unmap|ignore detect_zeroes=off|on|unmap queues "
		"iothread",
		""},
	{"blockio", "logical_block_size physical_block_size", ""},

#define CONTROLLER "type index model"
	{"controller.usb",
		CONTROLLER "=piix3-uhci|piix4-uhci|ehci|ich9-ehci1|ich9-uhci1|ich9-uhci2|"
			   "ich9-uhci3|pci-ohci|nec-xhci|qemu-xhci|none ports",
		"master:usb.master" ADDRESS},
	{"usb.master", "startport!", ""},
	{"controller.sata", CONTROLLER "=ahci", ADDRESS},
	{"controller.ide", CONTROLLER "=piix3", ADDRESS},
	{"controller.fdc", "type index", "alias"},
	{"controller.scsi",
		CONTROLLER "=virtio-scsi|lsilogic|lsisas1068|lsisas1078|vmpvscsi|am53c974|dc390",
		"driver:scsi.driver" ADDRESS},
	{"scsi.driver", "queues cmd_per_lun max_sectors iothread", ""},
	{"controller.nvme", "type index", "serial:path" ADDRESS},
	{"controller.virtio-serial", CONTROLLER "=virtio ports vectors", ADDRESS},
	{"controller.pci",
		CONTROLLER "=pci-root|pcie-root|pci-bridge|dmi-to-pci-bridge|pcie-to-pci-bridge|"
			   "pcie-root-port|pcie-switch-upstream-port|pcie-switch-downstream-port|"
			   "pci-expander-bus|"
			   "pcie-expander-bus",
		"model:pci.model target:pci.target pcihole64" ADDRESS},
	{"pci.model",
		"name!=pci-bridge|i82801b11-bridge|pcie-pci-bridge|pcie-root-port|ioh3420|"
		"x3130-upstream|xio3130-downstream|pxb|pxb-pcie",
		""},
	{"pci.target", "chassisNr chassis port busNr hotplug" ON_OFF, "node"},
	{"node", "", "#text"},
	{"pcihole64", "unit", "#text"},

#define INTERFACE "mac model:interface-model link boot rom acpi" ADDRESS
#define TAP " target:interface-target driver:interface-driver"
	{"interface.user", "type", INTERFACE},
	{"interface.bridge", "type", INTERFACE TAP " source+:interface-source.bridge"},
	{"interface.network", "type", INTERFACE TAP " vlan source+:interface-source.network"},
	{"interface.hostdev", "type managed" YES_NO,
		"mac vlan driver:hostdev-driver source+:hostdev-source boot rom acpi" ADDRESS},
	{"vlan", "", "tag+:vlan-tag"},
	{"vlan-tag", "id!", ""},
	{"interface-source.bridge", "bridge!", ""},
	{"interface-source.network", "network! bridge portid", ""},
	{"interface-target", "dev!", ""},
	{"interface-driver", "name=vhost|qemu queues=1", ""},
	{"mac", "address!", ""},
	{"interface-model",
		"type!=virtio|virtio-net|e1000|e1000e|rtl8139|ne2k_pci|pcnet|i82551|i82557b|"
		"i82559er|vmxnet3|igb",
		""},
	{"link", "state!=up", ""},

	{"hostdev.pci", "mode=subsystem type managed" YES_NO,
		"driver:hostdev-driver source+:hostdev-source boot rom acpi" ADDRESS},
	{"hostdev.usb", "mode=subsystem type managed" YES_NO, "source+:usb-source boot" ADDRESS},
	{"usb-source", "startupPolicy=mandatory",
		"vendor:usb-id product:usb-id address:usb-address"},
	{"usb-id", "id!", ""},
	{"usb-address", "bus! device! port", ""},
	{"hostdev-driver", "name=vfio model", ""},
	{"hostdev-source", "", "address+:hostdev-address"},
	{"hostdev-address", "type=pci domain bus! slot! function!", ""},

#define SERIAL "alias address?type target:serial-target "
	{"serial.pty", "type tty", SERIAL "source:source.any"},
	{"serial.file", "type", SERIAL "source+:source.file"},
	{"serial.unix", "type", SERIAL "source+:source.unix"},
	{"serial.dev", "type", SERIAL "source+:source.path"},
	{"serial.pipe", "type", SERIAL "source+:source.path"},
	{"serial.null", "type", SERIAL},
	{"serial-target", "type=isa-serial|pci-serial|usb-serial port", "model:serial-model"},
	{"serial-model", "name!=isa-serial|pci-serial|usb-serial", ""},
	{"source.any", "path", ""},
	{"source.path", "path!", ""},
	{"source.file", "path! append" ON_OFF, "seclabel*"},
	{"source.unix", "mode=bind|connect path!", "seclabel*"},
#define CONSOLE "alias address?type target:console-target "
	{"console.pty", "type tty", CONSOLE "source:source.any"},
	{"console.file", "type", CONSOLE "source+:source.file"},
	{"console.unix", "type", CONSOLE "source+:source.unix"},
	{"console.null", "type", CONSOLE},
	{"console-target", "type=serial|virtio port", ""},
#define PARALLEL "alias address?type target:parallel-target "
	{"parallel.pty", "type tty", PARALLEL "source:source.any"},
	{"parallel.file", "type", PARALLEL "source+:source.file"},
	{"parallel.null", "type", PARALLEL},
	{"parallel-target", "type=isa-parallel port", ""},
#define CHANNEL "alias address?type target+:channel-target "
	{"channel.pty", "type", CHANNEL "source:source.any"},
	{"channel.file", "type", CHANNEL "source+:source.file"},
	{"channel.unix", "type", CHANNEL "source:source.channel"},
	{"channel.null", "type", CHANNEL},
	{"channel.spicevmc", "type", CHANNEL},
	{"channel-target", "type!=virtio name state=connected|disconnected", ""},
	{"source.channel", "mode=bind|connect path", ""},

	{"video", "", "model+:video.model" ADDRESS},
	{"video.model",
		"type!=none|vga|cirrus|virtio|qxl|bochs|vmvga ram vram vgamem vram64 heads "
		"primary" YES_NO,
		"resolution acceleration"},
	{"resolution", "x! y!", ""},
	{"acceleration", "accel3d=no accel2d=no", ""},
	{"graphics.vnc",
		"type port autoport" YES_NO " websocket listen keymap socket "
		"sharePolicy=allow-exclusive|force-shared|ignore",
		"listen*?type alias"},
	{"graphics.spice",
		"type port tlsPort autoport" YES_NO " listen keymap "
		"defaultMode=any|insecure",
		"listen*?type image clipboard filetransfer mouse "
		"streaming gl:graphics-gl alias"},
	{"listen.address", "type address", ""},
	{"listen.socket", "type socket!", ""},
	{"listen.none", "type", ""},
	{"image", "compression!=auto_glz|auto_lz|quic|glz|lz|off", ""},
	{"clipboard", "copypaste!" YES_NO, ""},
	{"filetransfer", "enable!" YES_NO, ""},
	{"mouse", "mode!=server|client", ""},
	{"streaming", "mode!=filter|all|off", ""},
	{"graphics-gl", "enable!=no", ""},
	{"input", "type!=tablet|mouse|keyboard|evdev|passthrough bus=usb|ps2|virtio model=virtio",
		"source:input-source" ADDRESS},
	{"input-source",
		"evdev dev grab=all repeat" ON_OFF
		" grabToggle=ctrl-ctrl|alt-alt|shift-shift|meta-meta|scrolllock|ctrl-scrolllock",
		""},
	{"hub", "type!=usb", ADDRESS},
	{"memballoon", "model!=virtio|none autodeflate" ON_OFF " freePageReporting" ON_OFF,
		"stats" ADDRESS},
	{"stats", "period!", ""},
	{"rng", "model!=virtio", "backend+:rng.backend?model rate" ADDRESS},
	{"rng.backend.random", "model", "#text"},
	{"rng.backend.builtin", "model", ""},
	{"rate", "bytes! period", ""},
	{"panic", "model=isa|hyperv", ADDRESS},
	{"watchdog", "model!=i6300esb|ib700 action=reset|shutdown|poweroff|pause|none|inject-nmi",
		ADDRESS},
	{"sound", "model!=ich6|ich9|ac97|es1370|sb16|usb|pcspk",
		"codec* audio:sound.audio" ADDRESS},
	{"codec", "type!=duplex|micro|output", ""},
	{"sound.audio", "id!", ""},
	{"audio", "id! type!=none|spice", ""},
	{"redirdev.spicevmc", "bus!=usb type", "boot" ADDRESS},
	{"shmem", "name! role=peer|master",
		"model+:shmem.model size server:shmem.server msi:shmem.msi" ADDRESS},
	{"shmem.model", "type!=ivshmem-plain|ivshmem-doorbell", ""},
	{"size", "unit", "#text"},
	{"shmem.server", "path!", ""},
	{"shmem.msi", "enabled=on vectors ioeventfd" ON_OFF, ""},
	{"filesystem", "type=mount accessmode=passthrough",
		"driver+:filesystem.driver binary:filesystem.binary source+:filesystem.source "
		"target+:filesystem.target readonly:empty" ADDRESS},
	{"filesystem.driver", "type!=virtiofs queue", ""},
	{"filesystem.binary", "xattr" ON_OFF, "cache:filesystem.cache"},
	{"filesystem.cache", "mode!=none|always", ""},
	{"filesystem.source", "dir!", ""},
	{"filesystem.target", "dir!", ""},
	{"tpm", "model=tpm-tis|tpm-crb", "backend+:tpm-backend?type alias"},
	{"tpm-backend.emulator", "type version=2.0", ""},
};
const size_t pp_grammar_n_rules = PP_COUNT(pp_grammar_rules);
