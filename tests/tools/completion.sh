#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Completion of iommuctl in bash knows what the program knows.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

command -v bash >/dev/null || skip_all 'no bash'

# completed WORD...: what bash would offer for the last of these, sorted
completed()
{
	bash -c '. "$1/tools/iommuctl.bash"; shift; COMP_WORDS=(iommuctl "$@"); COMP_CWORD=$#; _iommuctl
		printf "%s\n" "${COMPREPLY[@]}"' bash "$srcdir" "$@" | LC_ALL=C sort >"$scratch/offered"
}

# offers WORDS WORD...: exactly these
offers()
{
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $1 | LC_ALL=C sort >"$scratch/expected"
	shift
	completed "$@" && diff "$scratch/expected" "$scratch/offered"
}

commands=$(tools/iommuctl --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
passes 'there are commands' test "$(echo "$commands" | wc -w)" = 8
passes 'all commands' offers "$commands help --root --help --version" ''
passes 'one of them' offers doctor 'do'
for command in $commands; do
	options=$(tools/iommuctl --help | awk -v command="$command" '
		/^  [a-z]/ { ours = $1 == command }
		/^$/ { ours = 0 }
		ours { while (match($0, /--[a-z-]+/)) {
			print substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) } }' |
		LC_ALL=C sort -u)
	passes "options of $command" offers "$options --help --version" "$command" --
done
passes 'backends' offers 'type1 type1-iommufd' show --backend t
mkdir -p "$scratch/roots/one"
passes 'a root is a folder' offers "$scratch/roots/one" --root "$scratch/roots/"
passes 'addresses' completed show ''
passes 'which are those of the machine' sh -c \
	"ls /sys/bus/pci/devices 2>/dev/null | diff - '$scratch/offered' || [ ! -s '$scratch/offered' ] ||
	[ ! -d /sys/bus/pci/devices ]"
tap_end
