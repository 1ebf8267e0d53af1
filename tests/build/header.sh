#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The public header compiles alone, twice, beside the kernel's, as old and new C and C++, in silence.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

scratch
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wundef -Werror'

cat > "$scratch/alone.c" <<'EOC'
#include <libiommu.h>
#include <libiommu.h>
EOC
cat > "$scratch/before.c" <<'EOC'
#include <libiommu.h>
#include <linux/vfio.h>
EOC
cat > "$scratch/after.c" <<'EOC'
#include <linux/vfio.h>
#include <libiommu.h>
EOC

# compiles COMPILER LANGUAGE STANDARD SOURCE
compiles() {
	# shellcheck disable=SC2086 # a compiler may come with flags
	$1 -x "$2" -std="$3" $warnings -I"$srcdir/include" -c -o "$scratch/object.o" "$4"
}

for std in c99 c11 c17 gnu11; do
	passes "$std" compiles "$CC" c "$std" "$scratch/alone.c"
done
passes 'before <linux/vfio.h>' compiles "$CC" c gnu11 "$scratch/before.c"
passes 'after <linux/vfio.h>' compiles "$CC" c gnu11 "$scratch/after.c"
for std in c++11 c++17 c++20; do
	if [ "$CXX" = no ]; then
		skip "$std" 'no C++ compiler'
	else
		passes "$std" compiles "$CXX" c++ "$std" "$scratch/alone.c"
	fi
done
tap_end
