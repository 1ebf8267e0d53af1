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

full()
{
	! tools/iommuctl --help 2>"$scratch/err" >/dev/full &&
		grep -q '^iommuctl: standard output: No space left' "$scratch/err"
}
passes 'standard output is full' full
tap_end
