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

# every function's override and driver; without processes, which cost seconds here
drivers() {
	local link override
	for link in /sys/bus/pci/devices/*; do
		read -r override <"$link/driver_override"
		echo "${link##*/} ${override/"(null)"/}"
	done
	for link in /sys/bus/pci/drivers/*/*:*; do
		[ -e "$link" ] && echo "${link#/sys/bus/pci/drivers/}"
	done
}
has_driver() { [ -e "/sys/bus/pci/drivers/$2/$1" ]; }
nothing_remembered() { ! compgen -G '/run/pcipass/journal/*' >/dev/null; }
# all is as it was, and nothing is remembered as out
is_back() { nothing_remembered && [ "$(drivers)" = "$1" ]; }
# libvirt removes its status when it has done all that it does at a guest's end, the hook's call too
shut_off() { ! [ -e "/run/libvirt/qemu/$1.xml" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
qemu_of() { cat "/run/libvirt/qemu/$1.pid"; }
libvirtd_up() { virsh version >/dev/null 2>&1; }
