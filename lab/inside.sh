# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What scripts inside the emulated host need often: . "$LAB_DIR/inside.sh"

# A pause without a process: a fork costs more than the pause in software emulation.
exec {lab_never}<> <(:)
lab_pause() {
	read -r -t "${1:-0.1}" -u "$lab_never" || true
}

# lab_wait SECONDS COMMAND...: until COMMAND succeeds; 1 when the time is over
lab_wait() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		lab_pause 0.1
	done
}

# lab_driver ADDRESS: the driver's name, or nothing
lab_driver() {
	local link
	link=$(readlink "/sys/bus/pci/devices/$1/driver") && echo "${link##*/}"
}

# lab_find VENDOR:DEVICE: addresses of the functions with this identity
lab_find() {
	local dir vendor device
	for dir in /sys/bus/pci/devices/*; do
		read -r vendor <"$dir/vendor"
		read -r device <"$dir/device"
		[ "${vendor#0x}:${device#0x}" = "$1" ] && echo "${dir##*/}"
	done
	return 0
}

# lab_drivers: loads the modules of the hardware present, as a distribution's coldplug does, and waits
# until the devices that this kind of hardware promises are there. (Not those of the processor but
# kvm-amd: a dozen ciphers take seconds to load.)
lab_drivers() {
	local -A seen=()
	local file alias path new=(kvm-amd)
	while [ ${#new[@]} -gt 0 ]; do # a driver brings new devices: controller, bus, disk
		modprobe -qab "${new[@]}" || true
		new=()
		for file in /sys/bus/{pci,usb,scsi,virtio,hid}/devices/*/modalias; do
			read -r alias 2>/dev/null <"$file" || continue
			[ -n "${seen[$alias]:-}" ] || new+=("$alias")
			seen[$alias]=1
		done
	done
	set -f # the paths are patterns, for compgen
	for path in ${LAB_EXPECT:-}; do
		lab_wait 30 compgen -G "$path" || echo "lab: $path did not appear" >&2
	done
	set +f
}

# lab_udev: udevd, with all devices' events replayed
lab_udev() {
	[ -S /run/udev/control ] || /lib/systemd/systemd-udevd --daemon
	udevadm trigger --type=subsystems --action=add
	udevadm trigger --type=devices --action=add
	udevadm settle -t "${1:-60}"
}

# lab_settle FILE: until a device's file is there, and udev does not have it open
lab_settle() { lab_wait 60 test -e "$1" && udevadm settle -t 60; }

# lab_libvirt: libvirtd and what it needs, until it answers
lab_libvirt() {
	mkdir -p /run/dbus /run/libvirt /run/lock /var/log/libvirt/qemu
	[ -S /run/dbus/system_bus_socket ] || dbus-daemon --system --fork
	[ -S /run/udev/control ] || lab_udev
	pgrep -x virtlogd >/dev/null || virtlogd -d
	pgrep -x libvirtd >/dev/null || libvirtd -d
	lab_wait "${1:-120}" virsh -c qemu:///system version
}
