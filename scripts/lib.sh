# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What scripts/ and tests/vm/ share: words on the screen, the cache folder, and an apt of our own.
# Sourced by bash scripts that have set -u.

LIB_NAME=${LIB_NAME:-${0##*/}}

# say WORDS...: with $INDENT before them, for those who call others that say something.
say() { printf '%s%s\n' "${INDENT:-}" "$*"; }
die() { printf '%s: %s\n' "$LIB_NAME" "$*" >&2; exit 1; }

case ${SRC:-} in
*[[:space:]]*)	die "the source folder, '$SRC', must not have a blank in its name" ;;
esac

# seconds_since START: START is a value of $EPOCHREALTIME; prints whole seconds.
seconds_since()
{
	local now=$EPOCHREALTIME
	echo $((${now%[.,]*} - ${1%[.,]*}))
}

# show_tail LOG [LINES]: the end of a log, indented, for a step that failed.
show_tail()
{
	[ -s "$1" ] || return 0
	say "    --- end of $1"
	tail -n "${2:-25}" "$1" | sed 's/^/    | /'
}

# show_failure LOG: what looks like the reason, and the end.
show_failure()
{
	local reason='(error|warning):|^not ok |^FAIL|^ERROR|\*\*\*|SUMMARY: [1-9]|runtime error'

	grep -nE "$reason" "$1" | head -n 20 | sed 's/^/    | /' || true
	show_tail "$1" 15
}

# The cache outlives builds: apt lists, kernels, busybox. HOME may be unset or belong to somebody
# else.
cache_dir()
{
	local dir=${LIBIOMMU_CACHE:-}

	[ -n "$dir" ] || dir=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/libiommu
	if ! mkdir -p "$dir" 2>/dev/null || [ ! -w "$dir" ]; then
		[ -z "${LIBIOMMU_CACHE:-}" ] || die "LIBIOMMU_CACHE=$dir cannot be written"
		dir=${TMPDIR:-/tmp}/libiommu-cache-$(id -u)
		if ! mkdir -p "$dir" 2>/dev/null || [ ! -O "$dir" ] || [ ! -w "$dir" ]; then
			die "no folder for the cache: set LIBIOMMU_CACHE"
		fi
	fi
	case $dir in
	*[[:space:]]*)	die "the cache folder, '$dir', must not have a blank in its name" ;;
	esac
	(cd "$dir" && pwd)
}

is_bookworm()
{
	# shellcheck source=/dev/null
	(. /etc/os-release 2>/dev/null && [ "${ID:-} ${VERSION_ID:-}" = "debian 12" ])
}

os_name()
{
	# shellcheck source=/dev/null
	(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-an unknown system}") ||
		echo "an unknown system"
}

# quiet_log NAME: prints the path of a log file in the cache, one per purpose, started anew.
quiet_log()
{
	local log
	log=$(cache_dir)/log/$1.log
	mkdir -p "${log%/*}"
	: >"$log"
	echo "$log"
}

# --- apt, with lists and sources of our own -----------------------------------------------------
#
# Debian 12 with bookworm-backports, which machines rarely have configured. Mirrors are those that
# the machine's own apt uses; its configuration, lists and pins stay as they are.

# machine_sources: "URI RELEASE CODENAME" of each Debian 12 source that the machine knows.
machine_sources()
{
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT) $(ORIGIN)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$3 ~ /^bookworm(-updates|-security|-backports)?$/ && $4 == "main" &&
			$5 ~ /^Debian/ && !seen[$1, $3]++ { print $1, $2, $3 }'
}

# apt_sources NEEDED MORE LOG: writes our sources.list: those that all of our packages can come from,
# and those that may have newer ones.
apt_sources()
{
	local found main

	found=$(machine_sources)
	if ! grep -q ' bookworm$' <<<"$found" && [ "$(id -u)" = 0 ]; then
		# A fresh root has no lists, and without them apt does not tell which release a
		# source is.
		apt-get -q update >>"$3" 2>&1 || true
		found=$(machine_sources)
	fi
	main=$(awk '$3 == "bookworm" { print $1; exit }' <<<"$found")
	if [ -z "$main" ]; then
		say "apt knows no Debian 12 (bookworm) source:" \
			"check its sources and run 'apt-get update' as root"
		return 1
	fi
	{
		awk '$3 ~ /^bookworm(-backports)?$/ { print "deb", $1, $2, "main" }' <<<"$found"
		grep -q ' bookworm-backports$' <<<"$found" ||
			echo "deb $main bookworm-backports main"
	} >"$1"
	awk '$3 !~ /^bookworm(-backports)?$/ { print "deb", $1, $2, "main" }' <<<"$found" >"$2"
}

# apt_world ARCH LOG: sets APT, the options that make apt-get and apt-cache use our lists for ARCH.
apt_world()
{
	local dir native
	dir=$(cache_dir)/apt/$1
	native=$(dpkg --print-architecture)

	mkdir -p "$dir/sources.d" "$dir/lists/partial" "$dir/archives/partial"
	APT_DIR=$dir
	APT=(-q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$dir/sources.d"
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir"
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
		-o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin
		-o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
		-o DPkg::Lock::Timeout=300)
	if [ "$1" != "$native" ]; then
		: >"$dir/status"
		APT+=(-o "APT::Architecture=$1" -o "APT::Architectures=$1"
			-o "Dir::State::status=$dir/status")
	fi
	if [ ! -e "$dir/updated" ] || [ -n "$(find "$dir/updated" -mtime +7)" ]; then
		# Old lists still serve when the mirror cannot be reached.
		apt_update "$2" || [ -e "$dir/updated" ]
	fi
}

# apt_update LOG: brings the lists of the current world up to date.
apt_update()
{
	local words needed=$APT_DIR/sources.d/debian.list more=$APT_DIR/sources.d/more.list

	words=$(apt_sources "$APT_DIR/needed.new" "$APT_DIR/more.new" "$1") ||
		{ say "$words"; return 1; }
	mv "$APT_DIR/needed.new" "$needed" && mv "$APT_DIR/more.new" "$more" || return 1
	apt_lists "$1" || apt_some_lists "$1" "$needed" "$more" || return 1
	touch "$APT_DIR/updated"
}

# apt_lists LOG OPTION...: succeeds if every list came.
apt_lists()
{
	local log=$1
	shift
	apt-get "${APT[@]}" -o APT::Update::Error-Mode=any "$@" update >>"$log" 2>&1
}

# apt_some_lists LOG NEEDED MORE: a mirror may lack a list, or have one that is not what its Release
# says, for days. The needed ones must come; of the others, older lists serve.
apt_some_lists()
{
	local source one=$APT_DIR/one.list
	local -a alone=(-o Dir::Etc::SourceParts=/dev/null -o APT::Get::List-Cleanup=0)

	echo "=== not all lists came; once more, those that are needed" >>"$1"
	apt_lists "$1" "${alone[@]}" -o "Dir::Etc::SourceList=$2" || return 1
	while read -r source; do
		echo "$source" >"$one"
		apt_lists "$1" "${alone[@]}" -o "Dir::Etc::SourceList=$one" </dev/null ||
			say "going on without the list of $source, see $1" | tee -a "$1"
	done <"$3"
	rm -f "$one"
}

# lock_cache ... unlock_cache: one process at a time changes the cache.
lock_cache()
{
	exec 9>"$(cache_dir)/lock"
	if ! flock -n 9; then
		say "waiting for another run that is filling $(cache_dir)"
		flock 9
	fi
}

unlock_cache() { exec 9>&-; }

# source_tree SOURCE BUILD: prints a source tree that can be built outside of itself: SOURCE, or a
# copy below BUILD when somebody has configured SOURCE in place, which VPATH builds refuse.
source_tree()
{
	if [ ! -e "$1/config.status" ]; then
		echo "$1"
		return
	fi
	copy_source "$1" "$2/source" >&2 && echo "$2/source"
}

# copy_source SOURCE COPY: the sources alone, without what builds in place have left; COPY may lie
# inside SOURCE, and so may build folders, which are left out.
copy_source()
{
	local list=$2.list

	rm -rf "$2"
	mkdir -p "$2"
	(
		cd "$1" &&
		find . -mindepth 1 \( -path "./${2#"$1"/}" -o -path ./.git -o -path ./build \
			-o -name .libs -o -name .deps -o -name autom4te.cache \
			-o -type d -exec test -e {}/config.status \; \) -prune \
			-o -type f ! -name '*.o' ! -name '*.lo' ! -name '*.la' ! -name '*.log' \
			! -name '*.trs' ! -path ./config.status ! -path ./config.h \
			! -path ./stamp-h1 ! -path ./Makefile ! -path ./libtool -print0
	) >"$list"
	(cd "$1" && tar -cf - --null -T "$list") | tar -xf - -C "$2"
	rm -f "$list"
}

# own_build_dir DIR: what is built before is removed, so it must be new, empty, or of ours.
own_build_dir()
{
	case $1 in
	*[[:space:]]*) die "LIBIOMMU_BUILD is '$1'; names with white space are not supported" ;;
	esac
	if [ ! -e "$1/.libiommu" ] && [ -n "$(ls -A "$1" 2>/dev/null)" ]; then
		die "LIBIOMMU_BUILD is $1, which holds other files; name a new or an empty folder"
	fi
	mkdir -p "$1" 2>/dev/null && touch "$1/.libiommu" 2>/dev/null || die "$1 cannot be written"
}

# lock_build DIR: until this program ends, no other builds there.
lock_build()
{
	exec 8>"$1/lock"
	flock -n 8 || die "another run is building in $1; wait for it, or set LIBIOMMU_BUILD"
}

# build_dir SOURCE [WISH]: prints the folder to build in: WISH (unless it is SOURCE itself),
# LIBIOMMU_BUILD, build/ of the source, which git then ignores, or a temporary one.
build_dir()
{
	local dir=${2:-}

	[ "$dir" != "$1" ] || dir=
	if [ -z "$dir" ] && [ -n "${LIBIOMMU_BUILD:-}" ]; then
		dir=$LIBIOMMU_BUILD
		own_build_dir "$dir"
	fi
	if [ -n "$dir" ]; then
		if ! mkdir -p "$dir" 2>/dev/null || [ ! -w "$dir" ]; then
			die "$dir cannot be written"
		fi
	elif mkdir -p "$1/build" 2>/dev/null && [ -w "$1/build" ]; then
		dir=$1/build
		echo '*' >"$dir/.gitignore"
	else
		dir=$(mktemp -d "${TMPDIR:-/tmp}/libiommu-build.XXXXXX") ||
			die "no folder to build in: set LIBIOMMU_BUILD"
	fi
	(cd "$dir" && pwd)
}

# ready_configure SOURCE: makes ./configure where it is missing or older than what it is made from.
ready_configure()
{
	local newer=
	[ ! -e "$1/configure" ] ||
		newer=$(find "$1" -path "$1/build" -prune -o \
			\( -name local.mk -o -name Makefile.am -o -name configure.ac \) \
			-newer "$1/configure" -print)
	if [ ! -e "$1/configure" ] || [ ! -e "$1/Makefile.in" ] || [ -n "$newer" ]; then
		(cd "$1" && autoreconf -fi)
	fi
}
