#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The judge of guests, with guests that are made up: each thing that must turn a row red does.
# Prints TAP.
# shellcheck disable=SC2317 # called by given
set -eu
judge=${srcdir:-.}/tests/vm/judge.awk
dir=$PWD/tests/vm/judge-test.tmp
rm -rf "$dir"
mkdir -p "$dir"
count=0 failures=0

# A row that is as it must be; each case changes one file of it.
fresh()
{
	printf '%s\n' '# comment' 'a/one' 'a/two words' 'a/three # n/a no such device' \
		'b/other suite' >"$dir/manifest"
	printf '%s\n' '@@ hello' 'ok a/one' 'ok a/two words' 'ok a/three # SKIP not here' \
		'# note' >"$dir/results"
	printf '%s\n' '[    0.1] Linux version' '[    3.0] VFIO - User Level' \
		'[    4.0] guest: suite a begins' '[    5.0] guest: suite a ends' >"$dir/console"
	whole=
	printf '%s\n' 'rowX something known to be harmless.*WARNING: it  # because' >"$dir/allow"
}

# expect NAME LINE: the judge's words have this line, and no more "fail" lines than it.
expect()
{
	count=$((count + 1))
	awk -f "$judge" -v row=rowX -v edu=0000:00:05.0 -v suites="a" -v whole="$whole" \
		kind=allow "$dir/allow" kind=manifest "$dir/manifest" \
		kind=console "$dir/console" kind=results "$dir/results" >"$dir/out"
	case $2 in
	fail*) wanted=1 ;;
	*) wanted=0 ;;
	esac
	if grep -Fxq -- "$2" "$dir/out" && [ "$(grep -c '^fail' "$dir/out")" = "$wanted" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# wanted: $2"
		sed 's/^/# | /' "$dir/out"
		failures=1
	fi
	fresh
}

log() { echo "[    9.9] $1" >>"$dir/console"; }
say() { echo "$1" >>"$dir/results"; }
fault='DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0x1002000 [fault reason 0x05]'
unannounced="fail row/kernel-log - DMA fault that nobody announced: [    9.9]"

fresh
expect "a row as it must be: passed" "pass a/two words"
expect "a row as it must be: not applicable" "n/a a/three - not here"
expect "a row as it must be: kernel log" "pass row/kernel-log"

sed -i '/a.one/d' "$dir/results"
expect "a case that did not run" "fail a/one - did not run"
say "ok a/new"
expect "a case that the manifest does not know" "fail a/new - passed, but it is not in the manifest"
say "not ok a/new - broken"
expect "an unknown case that failed" "fail a/new - failed, but it is not in the manifest: broken"
sed -i 's/^ok a.one/not ok a\/one - it broke/' "$dir/results"
expect "a failed case" "fail a/one - it broke"
say "ok a/one"
expect "a case that reports twice" "fail a/one - reported twice"
sed -i 's/^ok a.one/ok a\/one # SKIP too hard/' "$dir/results"
expect "a skip that the manifest does not allow" \
	"fail a/one - skipped (too hard), but the manifest wants it to run"
sed -i 's/^ok a.three.*/ok a\/three/' "$dir/results"
expect "a run of what does not apply" \
	"fail a/three - passed, but the manifest says n/a: no such device"
sed -i 's/^ok a.three.*/ok a\/three/' "$dir/results"
echo a/three >>"$dir/manifest"
expect "a row that has what others have not" "pass a/three"
sed -i '/a.three/d' "$dir/results"
expect "what does not apply must be reported, too" \
	"fail a/three - did not run; the manifest says n/a"
: >"$dir/results"
sed -i '/one/d; /three/d' "$dir/manifest"
expect "a guest that says nothing" "fail a/two words - did not run"

log "WARNING: CPU: 0 PID: 1 at drivers/vfio"
expect "a warning of the kernel" \
	"fail row/kernel-log - [    9.9] WARNING: CPU: 0 PID: 1 at drivers/vfio"
log "UBSAN: shift-out-of-bounds"
expect "undefined behaviour in the kernel" \
	"fail row/kernel-log - [    9.9] UBSAN: shift-out-of-bounds"
log "something known to be harmless: WARNING: it"
expect "an allowed line" "pass row/kernel-log"
log "something known to be harmless: WARNING: it"
sed -i 's/^rowX/rowY/' "$dir/allow"
expect "a line that is allowed elsewhere" \
	"fail row/kernel-log - [    9.9] something known to be harmless: WARNING: it"
echo "* some line" >>"$dir/allow"
expect "an allowance without a reason" \
	"fail row/kernel-log - allow-list: no reason given: * some line"
sed -i '/suite a begins/d' "$dir/console"
expect "a mute console" \
	"fail row/kernel-log - the console does not show where suite a begins and ends"
whole=1
expect "a suite that the row has lost" "fail b/other suite - did not run"
: >"$dir/console"
expect "no kernel log" "fail row/kernel-log - the kernel wrote nothing"

log "$fault"
expect "a DMA fault" "$unannounced $fault"
log "test: expect-fault 0000:00:05.0 0x1002000"
log "$fault"
expect "an announced DMA fault" "pass row/kernel-log"
log "test: expect-fault 0000:00:05.0 0x1000000 0x10020ff"
log "$fault"
expect "a DMA fault in an announced range" "pass row/kernel-log"
log "$fault"
log "test: expect-fault 0000:00:05.0 0x1002000"
expect "a DMA fault before it is announced" "$unannounced $fault"
log "test: expect-fault 0000:00:05.0 0x1001000 0x1001fff"
log "$fault"
expect "a DMA fault at another address" "$unannounced $fault"
log "test: expect-fault 0000:00:03.0 0x1002000"
log "$fault"
expect "a DMA fault of another device" "$unannounced $fault"
log "test: DMA faults follow on purpose"
log "$fault"
expect "a DMA fault of edu, on purpose" "pass row/kernel-log"
log "test: DMA faults follow on purpose"
log "guest: suite a ends"
log "$fault"
expect "a DMA fault of edu after its suite" "$unannounced $fault"
fault='DMAR: [DMA Read NO_PASID] Request device [00:03.0] fault addr 0x1002000 [fault reason 0x06]'
log "test: DMA faults follow on purpose"
log "$fault"
expect "a DMA fault of the drive" "$unannounced $fault"

fault='virtio_iommu virtio0: page fault from EP 40 at 0x1002000 [W]'
log "$fault"
expect "a DMA fault that virtio-iommu tells of" "$unannounced $fault"
log "test: expect-fault 0000:00:05.0 0x1002000"
log "$fault"
expect "an announced DMA fault that virtio-iommu tells of" "pass row/kernel-log"
log "test: expect-fault 0000:00:05.0 0x1002000"
log "virtio_iommu virtio0: page fault from EP 40 at 0x1002ffc [W]"
expect "an announced DMA fault at the end of the page" "pass row/kernel-log"
log "test: expect-fault 0000:00:05.1 0x1002000"
log "$fault"
expect "a DMA fault of another device that virtio-iommu tells of" "$unannounced $fault"

smmu='arm-smmu-v3 9050000.smmuv3:'
# smmu_fault FUNCTION: five lines of it
smmu_fault()
{
	log "$smmu event 0x10 received:"
	for word in "0x000000${1}00000010" 0x0000020000000000 0x0000000001002000 0x0000000000000000; do
		log "$smmu 	$word"
	done
}
smmu_fault 28
expect "a DMA fault that an SMMUv3 tells of" "$unannounced $smmu 	0x0000000001002000"
log "test: expect-fault 0000:00:05.0 0x1002000"
smmu_fault 28
expect "an announced DMA fault that an SMMUv3 tells of" "pass row/kernel-log"
log "test: expect-fault 0000:00:05.0 0x1001000"
smmu_fault 28
expect "a DMA fault elsewhere that an SMMUv3 tells of" "$unannounced $smmu 	0x0000000001002000"
log "test: expect-fault 0000:00:05.1 0x1002000"
smmu_fault 28
expect "a DMA fault of another device that an SMMUv3 tells of" \
	"$unannounced $smmu 	0x0000000001002000"
zpci='zpci: 0001:00:00.0: Event 0x3b reports an error for PCI function 0x0'
log "$zpci"
expect "a fault that zPCI tells of" "$unannounced $zpci"
log "test: expect-fault 0001:00:00.0 0x0"
log "$zpci"
expect "an announced fault that zPCI tells of" "pass row/kernel-log"
log "test: expect-fault 0002:00:00.0 0x0"
log "$zpci"
expect "a fault of another function that zPCI tells of" "$unannounced $zpci"

printf '%s\n' 'row* WARNING: it  # because' >"$dir/allow"
log "WARNING: it"
expect "a line that is allowed in rows that begin so" "pass row/kernel-log"
printf '%s\n' 'rowY* WARNING: it  # because' >"$dir/allow"
log "WARNING: it"
expect "a line that is allowed in rows that begin otherwise" \
	"fail row/kernel-log - [    9.9] WARNING: it"

echo "1..$count"
rm -rf "$dir"
exit "$failures"
