# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For scripts that provoke the rows of the catalogue: the stages (described in tests/lab/checks), and raw
# binding, as guides do it.
sys=/sys/bus/pci/devices
shown='' # the facts so far, a line each
ok() {
	echo "ok $*"
	shown+="$*"$'\n'
}

# run_scenario NAME: the function of that name, and whether it showed all that is recorded of it. A script that is
# sourced (tests/lab/sidebyside) runs none.
run_scenario() {
	local row stage
	[ "${BASH_SOURCE[1]}" = "$0" ] || return 0
	echo "scenario: ${0##*/}/$1"
	"$1"
	while read -r _ row stage _; do
		grep -q "^row $row $stage: " <<<"$shown" || not_ok "row $row $stage: recorded in tests/lab/rows.seen, not shown"
	done < <(grep "^${0##*/}/$1 " tests/lab/rows.seen)
	done_testing
}

# before ROW SEVERITY ID COMMAND...: the command names the finding
before() {
	local row=$1 severity=$2 id=$3 out
	shift 3
	out=$("$@" 2>&1)
	if grep -Eq "^$severity +\[$id\]" <<<"$out"; then ok "row $row before: $severity $id"; else
		not_ok "row $row before: no $severity [$id] from $*"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
# provoked ROW PATTERN COMMAND...: it fails or complains, in these words ($said)
provoked() {
	local row=$1 pattern=$2 out
	shift 2
	out=$("$@" 2>&1)
	if said=$(grep -Em1 -- "$pattern" <<<"$out"); then
		said=${said#(qemu) }
		ok "row $row provoked: $said"
	else
		not_ok "row $row provoked: nobody says /$pattern/"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
# explained ROW ID: what was said last means this finding
explained() {
	local out
	if out=$(pcipass explain - <<<"$said" 2>&1) && grep -Eq "^ +checks:.*\<$2\>" <<<"$out"; then
		ok "row $1 explained: $2"
	else
		not_ok "row $1 explained: $2 is not named for: $said"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
# remedied ROW ID COMMAND...: neither FAIL nor WARN any more
remedied() {
	local row=$1 id=$2 out
	shift 2
	out=$("$@" 2>&1)
	if ! grep -Eq "^(FAIL|WARN) +\[$id\]" <<<"$out"; then ok "row $row remedied: $id is silent"; else
		not_ok "row $row remedied: $id still speaks"
		printf '%s\n' "$out" | sed 's/^/  | /'
	fi
}
# works ROW TEXT COMMAND...: with the remedy
works() {
	local row=$1 text=$2
	shift 2
	holds "row $row works: $text" "$@"
}

check() { pcipass nodedev-check "$@"; }
# raw binding, without anybody's checks
bind() { # DRIVER ADDRESS...
	local to=$1 address
	shift
	modprobe -q "$to"
	for address; do
		echo "$to" >"$sys/$address/driver_override"
		[ -e "$sys/$address/driver" ] && echo "$address" >"$sys/$address/driver/unbind"
		echo "$address" >/sys/bus/pci/drivers_probe
	done 2>/dev/null
}
unbind() { echo "$1" >"$sys/$1/driver/unbind"; }
back() { # ADDRESS...
	local address
	for address; do
		echo >"$sys/$address/driver_override"
		[ -e "$sys/$address/driver" ] && unbind "$address"
		echo "$address" >/sys/bus/pci/drivers_probe
	done
}
group_of() { basename "$(readlink "$sys/$1/iommu_group")"; }
# qemu ADDRESS...: a guest's machine with the devices, which ends at once. Its output.
qemu_args=(-M q35 -accel tcg -m 64)
qemu() {
	local address args=()
	for address; do args+=(-device "vfio-pci,host=$address"); done
	timeout 100 qemu-system-x86_64 "${qemu_args[@]}" -nodefaults -display none -S -monitor stdio "${args[@]}" \
		<<<"${qemu_says:-quit}" 2>&1
}
# The kernel's log since the last mark.
mark() { echo "mark $$-$((++marks))" >/dev/kmsg; }
marks=0
log() { dmesg | sed "1,/mark $$-$marks\$/d"; }
log_says() { # SECONDS PATTERN: waits for it; the log
	lab_wait "$1" eval 'log | grep -Eq "$2"'
	log
}
nvme_back() { lab_wait 20 test -e /dev/nvme0n1; }
