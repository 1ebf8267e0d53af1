# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154,SC2034 # variables of the row, and the caller's
# Running rows: prepare, start, wait, judge. Sourced after scripts/lib.sh, with VM_SRC (this folder)
# and BUILD (where to work) set.

PATH=$PATH:/usr/sbin:/sbin
umask 022
# shellcheck source=tests/vm/rows.sh
. "$VM_SRC/rows.sh"
# shellcheck source=tests/vm/fetch.sh
. "$VM_SRC/fetch.sh"
# shellcheck source=tests/vm/modules.sh
. "$VM_SRC/modules.sh"
# shellcheck source=tests/vm/initramfs.sh
. "$VM_SRC/initramfs.sh"
# shellcheck source=tests/vm/build.sh
. "$VM_SRC/build.sh"

CACHE=$(cache_dir)
FETCH_LOG=$BUILD/vm/fetch.log
VM_TIMEOUT=${VM_TIMEOUT:-1800}
VM_KILLS=${VM_KILLS:-10}
VM_KILL_SEED=${VM_KILL_SEED:-$((RANDOM * 32768 + RANDOM))}
mkdir -p "$BUILD/vm"

# use_row NAME: the row's variables, those of its architecture, and DIR, its folder.
use_row()
{
	load_row "$1" || die "no row is called '$1'; there are: $rows"
	smp=2 icount='' cross=''
	# shellcheck source=tests/vm/arch/x86_64.sh
	. "$VM_SRC/arch/$arch.sh"
	DIR=$BUILD/vm/$row
}

# fetch_row: sets KERNEL, BUSYBOX and TOOLS, folders of unpacked packages.
fetch_row()
{
	local package

	: >>"$FETCH_LOG"
	if [ -n "$source" ]; then
		fetch_rebuilt "$kernel"
	else
		fetch_package "$kernel"
	fi
	KERNEL=$PACKAGE
	fetch_package any:busybox-static
	BUSYBOX=$PACKAGE
	TOOLS=()
	for package in $packages; do
		fetch_package "any:$package"
		TOOLS+=("$PACKAGE")
	done
}

# prepare_row PROGRAMS: a new folder with initramfs and drives of random data.
prepare_row()
{
	rm -rf "$DIR"
	mkdir -p "$DIR"
	make_initramfs "$KERNEL" "$BUSYBOX" "$1" "$DIR/initrd" "${TOOLS[@]}" \
		>"$DIR/initramfs.log" 2>&1 || {
		show_tail "$DIR/initramfs.log"
		return 1
	}
	head -c 64M /dev/urandom >"$DIR/drive.img"
	head -c 8M /dev/urandom >"$DIR/pair.img"
	: >"$DIR/console.log"
	: >"$DIR/results.log"
}

# drives: what is behind the drives that devices has.
drives()
{
	echo "-drive if=none,id=drive,file=drive.img,format=raw,cache=unsafe" \
		"-drive if=none,id=pair,file=pair.img,format=raw,cache=unsafe" \
		"-drive if=none,id=mate,driver=null-co,size=16M,read-zeroes=on"
}

# functions DRIVE PAIR MATE EDU EDU2 EDUS EDUS WIDE...: where each is: the drive of the tests by itself;
# two drives that share a group; edu by itself, another by itself, and two that share a group; and
# such as drive all address bits.
functions()
{
	echo "-device nvme,drive=drive,serial=IOMDRIVE,$1" \
		"-device nvme,drive=pair,serial=IOMPAIR,$2,multifunction=on" \
		"-device nvme,drive=mate,serial=IOMMATE,$3" \
		"-device edu,$4 -device edu,$5" \
		"-device edu,$6,multifunction=on -device edu,$7"
	shift 7
	printf -- '-device edu,%s,dma_mask=0xffffffffffffffff\n' "$@"
}

# wire BUS BUS: two network cards, each with a socket of the host as its peer, which send to each other.
# They are of a kind that loses nothing, and whose sender is told to wait; of a stream QEMU leaves
# one end so that it blocks the guest, which then cannot take what the other end waits to hand over.
wire()
{
	local unix=remote.type=unix,local.type=unix

	echo "-netdev dgram,id=wire,$unix,local.path=wire,remote.path=wire2" \
		"-netdev dgram,id=wire2,$unix,local.path=wire2,remote.path=wire" \
		"-device e1000e,netdev=wire,mac=52:54:00:69:6f:01,romfile=,$1" \
		"-device e1000e,netdev=wire2,mac=52:54:00:69:6f:02,romfile=,$2"
}

# start_guest SUITES: sets GUEST, the process to wait for. Words of append become init's
# environment.
start_guest()
{
	local append_all
	append_all="$append_arch $append panic=-1 oops=panic printk.devkmsg=on"
	# An emulated machine on a busy host stalls, and that says nothing.
	append_all="$append_all nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
	append_all="$append_all tells=$tells chosen=$chosen usable=$usable why=$why"
	append_all="$append_all huge_pages=$hugepages kills=$VM_KILLS kill_seed=$VM_KILL_SEED"
	append_all="$append_all${cases:+ cases=$cases}"
	append_all="$append_all ${unsafe:+unsafe=$unsafe }suites=${1// /,} ${guest_devices//[[:space:]]/ }"

	# QEMU runs in the row's folder: paths with blanks or commas never reach its options.
	# shellcheck disable=SC2046,SC2086 # options, several to a word
	(
		cd "$DIR" &&
		exec timeout -k 5 "$VM_TIMEOUT" "$qemu" $machine -accel tcg,thread=single $icount \
			-smp "$smp" -m "$memory" -nodefaults -no-user-config -no-reboot \
			-display none -monitor none -kernel $KERNEL/$kernel_image -initrd initrd \
			-append "$append_all" $iommu $(devices) $(channels console.log results.log)
	) >"$DIR/qemu.log" 2>&1 </dev/null &
	GUEST=$!
}

# wait_guest: sets GUEST_STATUS, QEMU's exit status (124: out of time).
wait_guest()
{
	GUEST_STATUS=0
	wait "$GUEST" || GUEST_STATUS=$?
	GUEST=
}

# result WORD NAME [WHY]
result() { echo "$1 $2${3:+ - $3}" >>"$DIR/results"; }

judge_end()
{
	if [ "$GUEST_STATUS" = 124 ]; then
		result fail row/finished "out of time after $VM_TIMEOUT s, last: $(last_words)"
	elif [ "$GUEST_STATUS" != 0 ]; then
		result fail row/finished \
			"QEMU ended with status $GUEST_STATUS: $(tail -n 1 "$DIR/qemu.log")"
	elif ! grep -q '^@@ hello ' "$DIR/results.log"; then
		result fail row/finished "the guest did not boot: $(last_words)"
	elif ! grep -q '^@@ done ' "$DIR/results.log"; then
		result fail row/finished "the guest ended early: $(last_words)"
	else
		result pass row/finished
	fi
}

# last_words: the end of what the guest said, on one line.
last_words()
{
	{
		grep -h 'Kernel panic' "$DIR/console.log" ||
			tail -n 1 "$DIR/results.log" | grep . ||
			tail -n 1 "$DIR/console.log"
	} | tr -d '\r' | tail -n 1
}

# judge_image: what the guest's kernel read from the drive is what the file holds, whose checksum is
# left in IMAGE_SUM.
judge_image()
{
	local offset sum bytes found
	IMAGE_SUM=

	read -r offset sum bytes < <(tr -d '\r' <"$DIR/results.log" |
		sed -n 's/^@@ image //p' | tail -n 1) || true
	if [ -z "${bytes:-}" ]; then
		result fail row/image "the guest named no checksum of its drive"
		return
	fi
	found=$(cksum < <(tail -c "+$((offset + 1))" "$DIR/drive.img" | head -c "$bytes"))
	IMAGE_SUM=${found% *}
	if [ "$found" = "$sum $bytes" ]; then
		result pass row/image
	else
		result fail row/image "the guest reads $sum, the file holds ${found% *}"
	fi
}

# judge_row SUITES: fills $DIR/results, one line for each name, and sets PASSED, FAILED and NA.
judge_row()
{
	: >"$DIR/results"
	awk -f "$VM_SRC/judge.awk" -v "row=$row" -v "suites=$1" \
		-v "whole=$([ "$1" != "$suites" ] || echo 1)" \
		-v "edu=$(sed -nE 's/^edus?2?=//p' <<<"${guest_devices//[[:space:]]/$'\n'}" |
			paste -sd,)" \
		kind=allow "$VM_SRC/allow" kind=manifest "$(manifest_file)" \
		kind=console "$DIR/console.log" kind=results "$DIR/results.log" >>"$DIR/results" ||
		result fail row/judge "the judge itself failed"
	judge_end
	case " $1 " in *" after "*|*" demo "*|*" noddw "*) judge_image ;; esac
	PASSED=$(grep -c '^pass ' "$DIR/results") || true
	FAILED=$(grep -c '^fail ' "$DIR/results") || true
	NA=$(grep -c '^n/a ' "$DIR/results") || true
}

# manifest_file: the row's manifest with lines "include FILE [BACKEND]" replaced by that file, whose
# names become those of suites with this backend forced; of conformance only the cases asked for.
manifest_file()
{
	local word file backend
	while read -r word file backend; do
		if [ "$word" = include ]; then
			sed -E "${backend:+s,^([a-z]+)/,\\1-$backend/,}" "$VM_SRC/manifest/$file"
		else
			echo "$word${file:+ $file}${backend:+ $backend}"
		fi
	done <"$VM_SRC/manifest/$row" | awk -v cases="${cases:-}" '
		BEGIN { n = split(cases, list, ","); while (n) wanted[list[n--]] }
		cases == "" || !/^conformance[^\/]*\// { print; next }
		{ name = $1; sub(/.*\//, "", name) }
		name in wanted || name == "plan-and-exit"' >"$DIR/manifest"
	echo "$DIR/manifest"
}
