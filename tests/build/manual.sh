#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What libiommu.h declares, libiommu.map exports and the pages describe are the same functions; and
# the pages have them as the header has.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

scratch
export LC_ALL=C
srcdir=$(cd "$srcdir" && pwd)
header=$srcdir/include/libiommu.h
pages=$(cd "$srcdir/man" && echo iom_*.3)

# In a folder with what is made of them: mandoc looks there for the pages that others name.
mkdir "$scratch/man"
cp "$srcdir"/man/*.[0-9] "$scratch/man"
cp man/links/*.3 "$scratch/man"
cd "$scratch/man"

# section PAGE NAME: its lines
section() {
	awk -v name="$2" '/^\.Sh / { on = $0 == ".Sh " name; next } on' "$1"
}

# page_names: PAGE and FUNCTION, as NAME has them
page_names() {
	for page in $pages; do
		section "$page" NAME | sed -nE "s/^\\.Nm ([a-z_0-9]+)( ,)?\$/$page \\1/p"
	done | sort
}

# One form for what is the same in C.
one_form() {
	sed -E 's/[[:space:]]+/ /g; s/^ ?(static inline )?//; s/ ?([*(),]) ?/\1/g' | sort
}

page_prototypes() {
	for page in $pages; do
		section "$page" SYNOPSIS | tr -d '"' | awk '
			/^\.Ft / { type = substr($0, 5) }
			/^\.Fn / { print type " " $2 "(" $3 ")" }
			/^\.Fo / { text = type " " $2 "("; comma = "" }
			/^\.Fa / { text = text comma substr($0, 5); comma = "," }
			/^\.Fc/ { print text ")" }'
	done
}

# header_errors: FUNCTION and ERRNO, of the comment right above each
header_errors() {
	awk '
		/^\/\*/ { comment = "" }
		/^(\/\*| \*)/ { comment = comment " " $0; next }
		/^[a-z].*[ *]iom_[a-z_]+\(/ {
			name = $0
			sub(/\(.*/, "", name)
			sub(/.*[ *]/, "", name)
			while (match(comment, /-E[A-Z0-9]+/)) {
				print name, substr(comment, RSTART + 1, RLENGTH - 1)
				comment = substr(comment, RSTART + RLENGTH)
			}
		}
		/^[a-z#}]/ { comment = "" }' "$header" | sort -u
}

page_errors() {
	while read -r page name; do
		section "$page" ERRORS | grep -oE 'Er E[A-Z0-9]+' | sed "s/^Er/$name/"
	done < "$scratch/page-names" | sort -u
}

# header_words: its constants, and the members of what the caller fills in
header_words() {
	sed -nE 's/^#define (IOM_[A-Z0-9_]+) .*/\1/p; s/^	(IOM_[A-Z0-9_]+)( = [0-9]+)?,?( .*)?$/\1/p' \
		"$header"
	awk '/^struct iom_[a-z_]+_opts \{/ { on = 1 } /^}/ { on = 0 }
		on && /^	[a-z].*;/ { sub(/;.*/, ""); sub(/\)\(.*/, ""); sub(/.*[ *]/, ""); print }' "$header"
}

unmentioned() {
	header_words | sort -u | while read -r word; do
		grep -qwF -e "$word" iom_*.3 || echo "$word"
	done
}

# What mandoc says of the system's own pages is not about ours.
lint() {
	mandoc -Tlint "$@" 2>&1 | grep -vE 'outdated mandoc.db|not found: Xr ([a-hj-z]|ioctl )'
}

# bad_links: a function without a page to see, or whose page does not have it
bad_links() {
	while read -r page name; do
		[ "$name.3" = "$page" ] || echo ".so man3/$page" | cmp -s - "$name.3" ||
			echo "$name.3 does not lead to $page"
	done < "$scratch/page-names"
}

# undescribed: operations of a backend that docs/backend.md does not name
undescribed() {
	operations | while read -r name; do
		grep -qF "\`$name\`" "$srcdir/docs/backend.md" || echo "$name"
	done
}

operations() {
	awk '/^struct iom_backend_ops \{/ { on = 1 } /^}/ { on = 0 } on' "$srcdir/backends/backend.h" |
		sed -nE 's/^	[a-z].*\(\*([a-z_]+)\)\(.*/\1/p'
}

prototypes > "$scratch/prototypes"
page_names > "$scratch/page-names"
cut -d ' ' -f 2 "$scratch/page-names" | sort > "$scratch/pages"
names_of < "$scratch/prototypes" > "$scratch/header"
grep -wE 'static' "$scratch/prototypes" | names_of > "$scratch/inline"
map_names > "$scratch/map"
comm -23 "$scratch/pages" "$scratch/inline" > "$scratch/exported"

same 'the pages name what libiommu.h declares, each function once' "$scratch/header" "$scratch/pages"
same 'the pages name what libiommu.map exports, and what is inline' "$scratch/map" "$scratch/exported"
comm -23 "$scratch/header" "$scratch/inline" > "$scratch/declared"
same 'libiommu.map exports what libiommu.h declares' "$scratch/declared" "$scratch/map"

one_form < "$scratch/prototypes" > "$scratch/header-prototypes"
page_prototypes | one_form > "$scratch/page-prototypes"
same 'SYNOPSIS is as libiommu.h has it' "$scratch/header-prototypes" "$scratch/page-prototypes"

header_errors > "$scratch/header-errors"
page_errors > "$scratch/page-errors"
passes 'libiommu.h names errors' test "$(wc -l < "$scratch/header-errors")" -ge 100
nothing 'ERRORS has each one that libiommu.h names' \
	comm -23 "$scratch/header-errors" "$scratch/page-errors"

passes 'libiommu.h has constants and options' test "$(header_words | wc -l)" -ge 80
nothing 'each constant and option is in a page' unmentioned
passes 'a backend has operations' test "$(operations | wc -l)" -ge 15
nothing 'docs/backend.md names each one' undescribed
nothing 'man finds the page by the name of each function' bad_links

if command -v mandoc > /dev/null; then
	# shellcheck disable=SC2086 # a list of words
	nothing 'mandoc has nothing to say' lint libiommu.7 $pages
else
	skip 'mandoc has nothing to say' 'no mandoc'
fi
tap_end
