#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl: its command line, and what is wrong with it in one sentence.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

machine
passes 'help' says 0 '^Usage: iommuctl' --help
passes 'help of a command' says 0 '^Usage: iommuctl' doctor --help
passes 'help by a letter' says 0 '^Usage: iommuctl' -h
passes 'help of a command by a letter' says 0 '^Usage: iommuctl' list -h
passes 'help as a word' says 0 '^Usage: iommuctl' help
for option in root no-attach; do
	passes "help knows --$option" says 0 "--$option" --help
done
passes 'version' says 0 '^iommuctl, libiommu [0-9]+\.[0-9]+\.[0-9]+$' --version
passes 'no command' says 2 'a command is needed'
passes 'no such command' says 2 "'lsit' is no command" lsit
passes 'no such option before a command' says 2 '^iommuctl: --frob: ' --frob list
passes 'no such option of a command' says 2 '^iommuctl: --frob: ' list --frob
passes 'a letter' says 2 '^iommuctl: -x: ' list -x
passes 'a flag with a value' says 2 '--json=1: this option takes no value' list --json=1
passes 'an option without its value' says 2 '--driver needs a value' bind --driver
passes 'a word too many' says 2 '^iommuctl: more: what is this' list more
passes 'two addresses' says 2 '0000:00:06.0: what is this' show 0000:00:05.0 0000:00:06.0
for command in show bind unbind selftest bench; do
	passes "$command without an address" says 2 "$command needs the PCI address" "$command"
done
for address in nothing 0:5.0 0000:00:05 0000:00:05.8 0000:00:20.0 0000:00:05.0x 0000:000:05.0 \
	''; do
	passes "not an address: '$address'" says 2 'is not a PCI address' show "$address"
done
passes 'an option behind the address' says 0 'all is well' doctor 0000:00:05.0 --memory 64m
passes 'a size that is none' says 2 '--memory: "much" is not a size' doctor --memory much
passes 'fdt: no such file' says 1 'iommuctl: .*/none.dtb' fdt "$scratch/none.dtb"
passes 'fdt: no device tree' says 1 'iommuctl: .*machine.sh' fdt "$srcdir/tests/tools/machine.sh"

# rooted PATTERN ARGUMENT...: refused as a wrong command line, in one sentence
rooted()
{
	pattern=$1 status=0
	shift
	tools/iommuctl "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
	words
	[ "$status" = 2 ] && [ ! -s "$scratch/out" ] && [ "$(wc -l <"$scratch/err")" = 1 ] &&
		grep -qE -- "$pattern" "$scratch/err"
}
passes 'a root without a name' rooted '^iommuctl: --root: "" is not a folder' --root '' list
passes 'a root that is not there' rooted '"/nonexistent" is not a folder: No such file' \
	--root /nonexistent list
passes 'a root that is a file' rooted 'not a folder: Not a directory' --root "$root/proc/cmdline" list
passes 'a root that is not given' rooted '^iommuctl: --root needs a value; see --help$' --root
for command in bench selftest; do
	passes "$command opens nothing below a root" says 2 \
		"^iommuctl: $command opens the device, and with --root none is opened$" \
		"$command" 0000:00:05.0
done
passes 'fdt: nor is this machine read' says 1 "$root/sys/firmware/fdt|without libfdt" fdt

full()
{
	! tools/iommuctl --help 2>"$scratch/err" >/dev/full &&
		grep -q '^iommuctl: standard output: No space left' "$scratch/err"
}
passes 'standard output is full' full
tap_end
