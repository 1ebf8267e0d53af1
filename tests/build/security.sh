#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# docs/security.md names the test of each of its claims, and each of these is there and is run.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

scratch
tests=$srcdir/tests
page=$srcdir/docs/security.md

# claims: each item of a list and each row of a table on one line, but those of what is not claimed
claims() {
	awk '
		/^## What is not claimed/ { exit }
		/^- / || /^\| / { if (text) print text; text = $0; next }
		/^  / && text ~ /^- / { text = text " " $0; next }
		{ if (text) print text; text = "" }
		END { if (text) print text }' "$page" | grep -vE '^\| (after|what) \|'
}

# The words in backquotes that name tests; in capitals: how they do.
# shellcheck disable=SC2016 # backquotes of the text
named() {
	tr '\n' ' ' < "$page" | grep -oE '`[^`]*`' | tr -d '`' |
		grep -E '^(unit|conformance|build|tools)/[^A-Z]' | sed 's/  */ /g' | sort -u
}

unproven() {
	# shellcheck disable=SC2016 # backquotes, too
	claims | grep -vE '`(unit|conformance|build|tools)/'
}

# unit PROGRAM/CASE
unit() {
	file=$tests/unit/${1%%/*}.c
	[ -e "$file" ] && grep -q "^START_TEST(${1#*/})" "$file" &&
		grep -q "tcase_add_[a-z_]*test(.*[ (]${1#*/}[,)]" "$file" &&
		grep -qE "[[:space:]]%D%/${1%%/*}( |$)" "$tests/unit/local.mk"
}

conformance() {
	grep -q "^	{ \"$1\", " "$tests"/conformance/*.c
}

# script FOLDER "FILE: WORDS"
script() {
	[ -e "$tests/$1/${2%%:*}" ] && grep -qF -e "${2#*: }" "$tests/$1/${2%%:*}"
}

# missing: the names of which there is no such test
missing() {
	while read -r name; do
		kind=${name%%/*} rest=${name#*/}
		case $kind in
		unit)		unit "$rest" ;;
		conformance)	conformance "$rest" ;;
		*)		script "$kind" "$rest" ;;
		esac || echo "$name"
	done < "$scratch/named"
}

named > "$scratch/named"
passes 'docs/security.md makes claims' test "$(claims | wc -l)" -ge 40
passes 'and names tests' test "$(wc -l < "$scratch/named")" -ge 60
nothing 'each claim names one' unproven
nothing 'each of them is there' missing
tap_end
