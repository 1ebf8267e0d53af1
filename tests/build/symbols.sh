#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What the libraries export: the functions of the public header, and no name that is not ours.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

shared=.libs/libiommu.so
static=.libs/libiommu.a
scratch
export LC_ALL=C

# Names that no user may meet; a sanitizer adds some of its own to each object.
foreign() {
	grep -v -e '^iom_' -e '^__odr_asan' "$1"
}

needed() {
	$OBJDUMP -p "$shared" | awk '$1 == "NEEDED" && $2 !~ /^(libc\.so|ld[-0-9a-z]*\.so|libfdt\.so|libnuma\.so)/ { print $2 }'
}

# lacks_backend FILE: each is built for each machine, where the simulation tests it.
lacks_backend() {
	backends | while read -r name; do
		grep -qx "iom_backend_$name" "$1" || echo "$name"
	done
}

soname() {
	$OBJDUMP -p "$shared" | grep -q 'SONAME *libiommu\.so\.0$'
}

not_in_archive() {
	comm -23 "$scratch/header" "$scratch/global"
}

# not_full_relro FILE: what the loader leaves writable, or binds later
not_full_relro() {
	$OBJDUMP -p "$1" > "$scratch/headers"
	grep -q '^ *RELRO ' "$scratch/headers" || echo 'no RELRO'
	awk '$1 == "BIND_NOW" || ($1 ~ /^FLAGS(_1)?$/ && $2 != "0x0") { found = 1 } END { exit !found }' \
		"$scratch/headers" || echo 'bound lazily'
}

executable_stack() {
	$OBJDUMP -p "$1" | awk '
		/^ *STACK / { getline; seen = 1; if ($NF ~ /x/) print }
		/^ *LOAD / { getline; if ($NF == "rwx") print "LOAD: " $0 }
		END { if (!seen) print "it says nothing of its stack" }'
}

text_relocations() {
	$OBJDUMP -p "$1" | grep -w TEXTREL
}

# Where the compiler makes such programs, by itself or told by configure, and who builds it lets it.
is_pie() {
	case " ${COMPILE_FLAGS:-} ${LINK_FLAGS:-} " in *' -no-pie '*) return 1 ;; esac
	# shellcheck disable=SC2086 # lists of flags
	echo 'int pie = __PIE__;' | $CC ${PIE:-} ${COMPILE_FLAGS:-} -E -x c - | grep -q 'pie = [12]'
}

at_fixed_address() {
	$OBJDUMP -f "$1" | grep -w EXEC_P
}

# For the next two the library has to have something that needs them, as it has.
lacks_canaries() {
	$NM -D --undefined-only "$1" | grep -q __stack_chk_fail || echo 'no canaries'
}

is_fortified() {
	# shellcheck disable=SC2086 # lists of flags
	echo 'int fortified = _FORTIFY_SOURCE;' | $CC ${COMPILE_FLAGS:-} ${FORTIFY:-} -E -x c - |
		grep -q 'fortified = [1-9]'
}

lacks_fortified() {
	$NM -D --undefined-only "$1" | grep -q '_chk\(@\|$\)' || echo 'nothing is fortified'
}

# protected NAME FILE
protected() {
	nothing "$1: what the loader has filled in stays read-only" not_full_relro "$2"
	nothing "$1: no stack and no segment is writable and executable" executable_stack "$2"
	nothing "$1: no relocations in its code" text_relocations "$2"
	case " ${HARDENING:-} ${COMPILE_FLAGS:-} " in
	*' -fno-stack-protector '*) skip "$1: canaries" 'who builds it wants none' ;;
	*' -fstack-protector '*|*' -fstack-protector-strong '*) nothing "$1: canaries" lacks_canaries "$2" ;;
	*) skip "$1: canaries" 'built without' ;;
	esac
	if [ -n "${HARDENING:-}" ] && is_fortified; then
		nothing "$1: fortified" lacks_fortified "$2"
	else
		skip "$1: fortified" 'built without'
	fi
}

constructors() {
	$OBJDUMP -h "$static" | grep -E '\.(init_array|ctors|preinit_array)'
}

declared > "$scratch/header"
map_names > "$scratch/map"
nothing 'every function in libiommu.h begins with iom_' foreign "$scratch/header"
same 'libiommu.map lists what libiommu.h declares' "$scratch/header" "$scratch/map"
sed -n 's/^ \(iom_[a-z_0-9]*\)@LIBIOMMU_[0-9]* .*/\1/p' "${srcdir:?}/debian/libiommu0.symbols" |
	sort > "$scratch/package"
same 'so does the list of the package' "$scratch/map" "$scratch/package"
sed -n 's/^	CALL(\([a-z_]*\), .*/iom_\1/p' "${srcdir:?}/tests/unit/every_call.h" | sort > "$scratch/every"
same 'tests/unit/every_call.h has each of them' "$scratch/map" "$scratch/every"

if [ -e "$shared" ]; then
	$NM -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort > "$scratch/versioned"
	sed 's/@.*//' "$scratch/versioned" > "$scratch/exported"
	same 'the shared library exports what libiommu.h declares' "$scratch/header" "$scratch/exported"
	$NM --defined-only "$shared" | awk '{ print $3 }' > "$scratch/inside"
	nothing 'the shared library has every backend' lacks_backend "$scratch/inside"
	nothing 'every export has a version' grep -v '@@LIBIOMMU_[0-9]*$' "$scratch/versioned"
	passes 'the soname is libiommu.so.0' soname
	if [ -z "$SANITIZE" ]; then
		nothing 'the shared library needs nothing but libc, libfdt and libnuma' needed
	else
		skip 'the shared library needs nothing but libc, libfdt and libnuma' 'sanitized build'
	fi
else
	skip 'exports of the shared library' 'not built'
fi

if [ -e "$static" ]; then
	$NM -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | sort > "$scratch/global"
	nothing 'the static library has all that libiommu.h declares' not_in_archive
	nothing 'the static library has every backend' lacks_backend "$scratch/global"
	nothing 'every global symbol of the static library begins with iom_' foreign "$scratch/global"
	if [ -z "$SANITIZE" ]; then
		nothing 'no object has a constructor' constructors
	else
		skip 'no object has a constructor' 'sanitized build'
	fi
else
	skip 'symbols of the static library' 'not built'
fi

preloaded=simulate/.libs/simulated.so
if [ -e "$preloaded" ]; then
	$NM -D --defined-only "$preloaded" | awk '$2 != "A" { print $3 }' | sort > "$scratch/preloaded"
	same 'what is preloaded has the exports of the library' "$scratch/versioned" "$scratch/preloaded"
	$NM -g --defined-only .libs/libiommu-sim.a | awk 'NF == 3 { print $3 }' | sort > "$scratch/sim"
	nothing 'every global symbol of the simulation begins with iom_' foreign "$scratch/sim"
else
	skip 'symbols of the simulation' 'not built'
fi
if [ -e "$shared" ]; then
	protected libiommu.so "$shared"
else
	skip 'protection of the shared library' 'not built'
fi
iommuctl=tools/iommuctl
[ ! -e tools/.libs/iommuctl ] || iommuctl=tools/.libs/iommuctl
if [ -e "$iommuctl" ]; then
	protected iommuctl "$iommuctl"
	if is_pie; then
		nothing 'iommuctl: at random addresses' at_fixed_address "$iommuctl"
	else
		skip 'iommuctl: at random addresses' 'built without'
	fi
else
	skip 'protection of iommuctl' 'not built'
fi
tap_end
