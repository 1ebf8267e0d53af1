#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl selftest: what it hands to the suite, and what it makes of the answers.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

bdf=0000:00:05.0
IOMMUCTL_LIBEXEC=$scratch/libexec
export IOMMUCTL_LIBEXEC
mkdir "$IOMMUCTL_LIBEXEC"

# suite LINE...: a suite that notes its arguments and says this
suite()
{
	{
		echo '#!/bin/sh'
		echo "echo \"\$*\" >'$scratch/arguments'"
		printf "echo '%s'\n" "$@"
	} >"$IOMMUCTL_LIBEXEC/conformance"
	chmod 755 "$IOMMUCTL_LIBEXEC/conformance"
}

# The program opens no device below a root, so that this would be refused: one stands in that takes
# the root for the machine.
iommuctl()
{
	tests/tools/iommuctl_real --root "$root" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

machine
passes 'there is no suite' says 1 'cannot run .*/libexec/conformance' selftest "$bdf"
suite 1..3 'ok 1 - a' 'ok 2 - b # SKIP no edu device' 'ok 3 - c'
passes 'all holds' says 0 '^2 cases hold, 0 fail, 1 could not be tried' selftest "$bdf"
passes 'the machine is left alone' grep -qx -- "--device $bdf --leave-alone" "$scratch/arguments"
device 0000:00:06.0 1234 11e8 00ff00 vfio-pci 13
passes 'with all' says 0 '2 cases hold' selftest --all --backend type1 --edu 00:06.0 "$bdf"
passes 'what was asked for is handed on' grep -qx -- \
	"--device $bdf --backend type1 --edu 0000:00:06.0" "$scratch/arguments"
passes 'TAP as it comes' says 0 '^ok 2 - b # SKIP no edu device$' selftest --tap "$bdf"
suite 1..2 'ok 1 - a' 'not ok 2 - b' '# map.c:7: why'
passes 'one fails' says 1 '^iommuctl: 1 of 2 cases failed$' selftest "$bdf"
passes 'and says why' says 1 '^     map.c:7: why$' selftest "$bdf"
suite 1..3 'ok 1 - a' 'ok 2 - b'
passes 'it breaks off' says 1 'broke off after 2 of 3 cases' selftest "$bdf"
suite 1..1 'ok 1 - a # SKIP no device'
passes 'nothing could be tried' says 1 'none of the cases could be tried' selftest "$bdf"

# sooner STATUS PATTERN ARGUMENT...: that is said, in place of what each case would say
sooner()
{
	rm -f "$scratch/arguments"
	says "$@" && [ ! -s "$scratch/out" ] && [ ! -e "$scratch/arguments" ]
}
passes 'no such backend' sooner 2 'backend.*"?x"?' selftest --backend x "$bdf"
passes 'no such edu' sooner 1 'no PCI device 0000:00:07.0' selftest --edu 00:07.0 "$bdf"
passes 'an edu that is none' sooner 1 "--edu: $bdf is 1b36:0010" selftest --edu "$bdf" 00:06.0
driver 0000:00:06.0 none
device 0000:00:08.0 8086 10d3 020000 e1000e 14
passes 'nor is that to be bound' sooner 1 '--edu: 0000:00:08.0 is 8086:10d3' \
	selftest --edu 00:08.0 "$bdf"
passes 'an edu that is not bound' sooner 1 'bound to no driver; iommuctl bind 0000:00:06.0' \
	selftest --edu 00:06.0 "$bdf"
device 0000:00:00.0 8086 29c0 060000 none 0
passes 'a bridge' sooner 1 '0000:00:00.0 is a bridge' selftest 0000:00:00.0
driver "$bdf" nvme
passes 'the kernel has the device' says 1 "bound to nvme; iommuctl bind $bdf" selftest "$bdf"

# The suite itself.
passes 'the suite takes what it is handed' tests/conformance/conformance --help
passes 'and knows how to leave the machine alone' sh -c \
	'tests/conformance/conformance --help | grep -q -- --leave-alone'
tap_end
