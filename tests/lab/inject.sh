# SPDX-License-Identifier: LGPL-2.1-or-later
# For scripts that kill pcipass at its system calls, or let them fail. strace counts each call of each process for
# itself, and injects only into calls that it traces.
# shellcheck shell=bash disable=SC2034,SC2154

pci=/sys/bus/pci/devices
journals=/run/pcipass/journal

# bound ADDRESS DRIVER: without a process, for this is asked hundreds of times
bound() { [ -e "/sys/bus/pci/drivers/$2/$1" ]; }
# place ADDRESS: where the device is: in, out, or what it is else
place() {
	local override
	override=$(<"$pci/$1/driver_override")
	if bound "$1" "$host_driver" && [ "$override" = "(null)" ]; then
		where=in
	elif bound "$1" vfio-pci && [ "$override" = vfio-pci ]; then
		where=out
	else
		where="with $(driver "$1"), driver_override $override"
	fi
}
# memory: how many journals there are, applied or not
memory() {
	local files=("$journals"/[0-9]*)
	[ -e "${files[0]}" ] || files=()
	remembered=${#files[@]}
}

# killed CALL N [-P PATH] -- VERB...: what was hit is in /tmp/hit
killed() {
	local call=$1 n=$2 options=()
	shift 2
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	# (bash itself says that something was killed, to the group's stderr)
	{
		timeout 120 strace -f -q -o /tmp/hit -e trace="$call" "${options[@]}" \
			-e inject="$call:signal=KILL:when=$n" "$pcipass" "$@" >/tmp/killed.out 2>&1
	} 2>/dev/null
}
