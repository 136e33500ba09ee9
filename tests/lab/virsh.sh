# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For the scripts that use libvirt inside the emulated host, after say.sh.
export LIBVIRT_DEFAULT_URI=qemu:///system
# libvirt's guests run as a user who cannot look into root's folders
images=/var/lib/libvirt/images
mkdir -p $images
cp "$LAB_GUEST_KERNEL" $images/kernel
cp "$LAB_GUEST_INITRD" $images/initrd
LAB_GUEST_KERNEL=$images/kernel LAB_GUEST_INITRD=$images/initrd

# every function's driver and override
drivers() {
	local d
	for d in /sys/bus/pci/devices/*; do echo "${d##*/} $(driver "${d##*/}") $(cat "$d/driver_override")"; done
}
has_driver() { [ "$(driver "$1")" = "$2" ]; }
journals() { ls /run/pcipass/journal 2>/dev/null; }
# all is as it was, and nothing is remembered as out
is_back() { [ "$(drivers)" = "$1" ] && [ -z "$(journals)" ]; }
shut_off() { [ "$(virsh domstate "$1" 2>/dev/null | head -n 1)" = "shut off" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
qemu_of() { cat "/run/libvirt/qemu/$1.pid"; }
libvirtd_up() { virsh version >/dev/null 2>&1; }
