#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Draws cost against the number of mappings, from what bench --json wrote.
#
#   plot.sh FIGURES.json PICTURE.svg
set -eu
figures=$1 picture=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v gnuplot > /dev/null || {
	echo "plot.sh: gnuplot is missing; 'scripts/setup bench' installs it" >&2
	exit 1
}

# One row a line (bench/json.c): title, number of mappings, median and quartiles. What a curve is
# named, and which rows it is made of, is here; that of a reference comes from the same rows.
awk -v work="$work" '
	function field(name,    at) {
		at = index($0, "\"" name "\": ")
		return at ? substr($0, at + length(name) + 4) : ""
	}
	function text(name,    rest) {
		rest = field(name)
		if (rest !~ /^"/)
			return ""
		rest = substr(rest, 2)
		return substr(rest, 1, index(rest, "\"") - 1)
	}
	function point(title, name,    rest, v) {
		rest = field(name)
		if (rest !~ /^\[/)
			return
		split(substr(rest, 2), v, /[],]/)
		if (!(title in file)) {
			file[title] = work "/" ++files
			print title > (work "/titles")
		}
		if (!((title, n) in drawn))
			print n, v[1], v[2], v[3] > file[title]
		drawn[title, n] = 1
	}
	BEGIN {
		ours["map+unmap/type1"] = "map + unmap, type1"
		ours["map+unmap/iommufd"] = "map + unmap, iommufd"
		ours["translate/dense"] = "translate"
		ours["iova to va/dense"] = "IOVA to VA"
		theirs["map+unmap/type1"] = "insert + remove"
		theirs["translate/dense"] = "find"
	}
	/^{"group": / {
		name = text("name")
		base = name
		sub(/: .*/, "", base)
		n = field("n") + 0
		if (!n || text("missing") != "")
			next
		if (name in ours)
			point(ours[name], "value")
		if (base in theirs)
			point(theirs[base] ", " text("reference"), "reference_value")
	}
' "$figures"
[ -s "$work/titles" ] || { echo "plot.sh: $figures has no row that is drawn" >&2; exit 1; }

machine=$(sed -n '1s/.*"cpu": "\([^"]*\)".*"load_at_start": "\([^" ]*\).*/\1, load \2/p' "$figures")
{
	cat <<-END
	set terminal svg size 860,620 font "sans-serif,13" background "white"
	set output "$work/picture"
	set title "Cost of a call, the kernel's part taken out\n$machine"
	set logscale xy
	set xlabel "mappings"
	set ylabel "per call: median, quartiles"
	set grid
	set key below
	set ytics ("1 ns" 1, "10 ns" 10, "100 ns" 100)
	set ytics add ("1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6)
	set xtics ("1" 1, "10" 10, "100" 100, "1k" 1e3, "10k" 1e4, "100k" 1e5, "1M" 1e6)
	END
	awk -v work="$work" '
		BEGIN {
			split("1b6ca8 c0392b 27864a b8860b 7d3c98 444444 d35400 0e7c7b a04070", rgb)
		}
		{
			reference = /^(find|insert)/
			printf "%s \"%s/%d\" using 1:2:3:4", NR == 1 ? "plot" : ",", work, NR
			printf " with yerrorlines lc rgb \"#%s\"", rgb[(NR - 1) % 9 + 1]
			printf " lw %d dt %d title \"%s\"", reference ? 1 : 2, reference ? 2 : 1, $0
		}
		END { print "" }' "$work/titles"
} > "$work/script"
gnuplot "$work/script"
{
	head -n 1 "$work/picture"
	echo '<!-- SPDX-License-Identifier: BSD-3-Clause -->'
	tail -n +2 "$work/picture"
} > "$picture"
