# SPDX-License-Identifier: LGPL-2.1-or-later
# For the scripts that run inside the emulated host: each fact is a line `ok` or `not ok`.
# shellcheck shell=bash
failures=0
pcipass=${PCIPASS:-$PWD/build/dev/cli/pcipass}
pcipass() { "$pcipass" "$@"; }

ok() { echo "ok $*"; }
not_ok() {
	echo "not ok $*"
	failures=$((failures + 1))
}
# holds TEXT COMMAND...: the command succeeds; else its output is shown
holds() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$text"; else
		not_ok "$text (exit $?): $*"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
# same TEXT A B
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else
		not_ok "$1"
		printf '  | is:        %s\n  | should be: %s\n' "$2" "$3"
	fi
}
# refused TEXT STATUS PATTERN COMMAND...: exit status, and what stderr must say (extended regular expression)
refused() {
	local text=$1 status=$2 pattern=$3 out is=0
	shift 3
	out=$("$@" 2>&1 >/dev/null) || is=$?
	if [ "$is" = "$status" ] && grep -Eq -- "$pattern" <<<"$out"; then ok "$text"; else
		not_ok "$text: exit $is (should be $status), said:"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
driver() { # of an address; "none". Without processes: in software emulation each costs more than all else
	local link
	for link in /sys/bus/pci/drivers/*/"$1"; do
		link=${link%/*}
		[ -e "$link/$1" ] && echo "${link##*/}" || echo none
		return
	done
}
# guest_xml NAME MACHINE CMDLINE [DEVICES-XML] [TYPE]: a small guest that boots the lab's guest kernel
guest_xml() {
	cat <<-XML
	<domain type='${5:-kvm}'>
	  <name>$1</name>
	  <!-- the author's comment stays -->
	  <memory unit='MiB'>${GUEST_MIB:-256}</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='$2'>hvm</type>
	    <kernel>$LAB_GUEST_KERNEL</kernel>
	    <initrd>$LAB_GUEST_INITRD</initrd>
	    <cmdline>console=ttyS0 quiet $3</cmdline>
	  </os>
	  <features><acpi/></features>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <serial type='file'><source path='/tmp/$1.serial'/><target port='0'/></serial>
	${4:-}
	  </devices>
	</domain>
	XML
}
hostdev_xml() { # ADDRESS [MANAGED]
	local d b s f
	IFS=:. read -r d b s f <<<"$1"
	cat <<-XML
	    <hostdev mode='subsystem' type='pci' managed='${2:-yes}'>
	      <source><address domain='0x$d' bus='0x$b' slot='0x$s' function='0x$f'/></source>
	    </hostdev>
	XML
}
# the disk that hangs on a function: disk_of 0000:00:1a.7
disk_of() {
	local path
	for path in /sys/class/block/*; do
		case $(readlink -f "$path") in
		*"/$1/"*/block/*/*) ;; # a partition
		*"/$1/"*/block/* | *"/$1/nvme/"*) basename "$path" && return 0 ;;
		esac
	done
	return 1
}
# the address of the first function of a class (hex prefix): class_at 0c0320
class_at() {
	local d class
	for d in /sys/bus/pci/devices/*; do
		read -r class <"$d/class"
		case $class in 0x$1*) echo "${d##*/}"; return ;; esac
	done
	return 1
}
state_is() { [ "$("$pcipass" domstate "$1" 2>/dev/null | head -n 1)" = "$2" ]; }
done_testing() { exit $((failures > 0)); }
