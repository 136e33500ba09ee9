# SPDX-License-Identifier: LGPL-2.1-or-later
# For scripts that kill pcipass at its system calls, or let them fail. (strace --seccomp-bpf lets calls fail at full
# speed, but its signals do not arrive: hence tests/lab/killer.c.)
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
# memory: how many journals there are, applied or not. (One that says at its end that it was released is nothing to anyone.)
memory() {
	local file lines
	remembered=0
	for file in "$journals"/[0-9]*; do
		{ mapfile -t lines <"$file"; } 2>/dev/null || continue
		[ ${#lines[@]} -gt 0 ] && [ "${lines[-1]}" = released ] || remembered=$((remembered + 1))
	done
}

# owners ADDRESS: how many QEMU have it, in $owners. (Without a process: pgrep takes a second.)
owners() {
	local file name words
	owners=0
	for file in /proc/[0-9]*/comm; do
		{ read -r name <"$file"; } 2>/dev/null || continue
		[[ $name == qemu-system* ]] || continue
		mapfile -d '' words <"${file%comm}cmdline"
		[[ "${words[*]}" != *"host=$1"* ]] || owners=$((owners + 1))
	done
} 2>/dev/null

# Verbs without the start of a program for each (tests/lab/verbs.c), many times as quick here.
verbs_begin() {
	local fifo=/tmp/verbs.$BASHPID
	mkfifo "$fifo.ask" "$fifo.answer"
	"$PWD/build/dev/tests/verbs" <"$fifo.ask" >"$fifo.answer" &
	exec {verbs_ask}>"$fifo.ask" {verbs_answer}<"$fifo.answer"
}
verbs_end() { exec {verbs_ask}>&- {verbs_answer}<&-; }
# verb OUT WORDS...: exit status; what it says is in OUT
verb() {
	local IFS=$'\t' answer=125
	echo "$*" >&"$verbs_ask"
	read -r -u "$verbs_answer" answer || answer=125
	return "$answer"
}
# domstate GUEST: in $word
domstate() {
	local lines line
	word=
	verb /tmp/domstate.out pcipass domstate "$1"
	mapfile -t lines </tmp/domstate.out
	for line in "${lines[@]}"; do
		case $line in
		"shut off" | crashed | paused | running | starting | "in shutdown") word=$line ;;
		esac
	done
}
# A QEMU without a guest, which is there in no time (tests/lab/stand-in.c), under its name
stand_in() {
	mkdir -p /usr/local/lib/stand-in
	cp "$PWD/build/dev/tests/qemu-system-stand-in" /usr/local/lib/stand-in/qemu-system-x86_64
	echo /usr/local/lib/stand-in/qemu-system-x86_64
}

callkill=$PWD/build/dev/tests/callkill
killer=$PWD/build/dev/tests/killer
numbers=/usr/include/x86_64-linux-gnu/asm/unistd_64.h
declare -A call_number=()
while read -r define name number; do
	[ "$define" != "#define" ] || call_number[${name#__NR_}]=$number
done <"$numbers"

# killed CALL N WHO -- VERB...: before its Nth call of this kind; WHO as in tests/lab/killer.c. What was hit is in /tmp/hit
killed() {
	local call=$1 n=$2 who=$3
	shift 4
	# (bash itself says that something was killed, to the group's stderr)
	{
		timeout 120 "$killer" /tmp/hit "${call_number[$call]}" "$n" "$who" "$pcipass" "$@" >/tmp/killed.out 2>&1
	} 2>/dev/null
}

# numbers_of CALL...: their numbers, with commas
numbers_of() {
	local call list=
	for call in "$@"; do
		list+=,${call_number[$call]}
	done
	echo "${list#,}"
}
