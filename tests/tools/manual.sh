#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl(1) is well formed, and has each command, option and cause that the program has.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

page=$srcdir/man/iommuctl.1

sed 's/\\-/-/g' "$page" >"$scratch/page"
# missing WORD...: those that the page has not
missing()
{
	for word; do
		grep -qwF -- "$word" "$scratch/page" || echo "$word"
	done
}

if command -v mandoc >/dev/null; then
	nothing 'mandoc has nothing to say' mandoc -Tlint "$page"
else
	skip 'mandoc has nothing to say' 'no mandoc'
fi
# shellcheck disable=SC2046 # lists of words
nothing 'commands' missing $(tools/iommuctl --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
# shellcheck disable=SC2046
nothing 'options' missing $(tools/iommuctl --help | grep -oE -- '--[a-z-]+' |
	sed 's/^--//' | sort -u)
causes=$(sed -nE 's/^	\{ "([a-z-]+)", ".*/\1/p; s/.*finding->id = "([a-z-]+)".*/\1/p' \
	"$srcdir"/tools/check_*.c)
passes 'there are causes' test "$(echo "$causes" | wc -w)" -ge 14
# shellcheck disable=SC2086
nothing 'causes' missing $causes
members=$(sed -nE 's/.*(json_[a-z]+|print_optional)\(&?json, "([a-z_]+)".*/\2/p
	s/.*holes \? "holes" : "(apertures)".*/\1 holes/p' "$srcdir"/tools/*.c)
passes 'there are members of JSON' test "$(echo "$members" | wc -w)" -ge 30
# shellcheck disable=SC2086
nothing 'members of JSON' missing $members
tap_end
