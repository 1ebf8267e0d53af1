#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A program that has more rights than who starts it takes no word from his environment.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

[ "${cross_compiling:?}" = no ] || skip_all 'cross build'
[ -z "$SANITIZE" ] || skip_all 'sanitized build'
[ -e .libs/libiommu.a ] || skip_all 'no static library was built'
[ "$(id -u)" = 0 ] || skip_all 'only root can make a program of another user'

scratch
cat > "$scratch/open.c" <<'EOC'
#include <errno.h>
#include <libiommu.h>
#include <stdio.h>
#include <sys/auxv.h>

int main(int argc, char **argv)
{
	struct iom_domain *dom;
	int ret;

	(void)argv;
	if (argc > 1)
		return !getauxval(AT_SECURE);
	ret = iom_open(&dom, NULL);
	if (!ret)
		iom_close(dom);
	puts(ret == -EINVAL ? "heard" : ret ? iom_errmsg() : "deaf");
	return 0;
}
EOC
# shellcheck disable=SC2046,SC2086 # lists of flags
$CC ${LINK_FLAGS:-} -I"$srcdir/include" -o "$scratch/open" "$scratch/open.c" .libs/libiommu.a \
	$(sed -n 's/^Libs.private: *//p' libiommu.pc) -pthread
cp "$scratch/open" "$scratch/another"
chown nobody "$scratch/another"
chmod u+s "$scratch/another"
"$scratch/another" asked || skip_all 'a file system without set-uid programs'

# answers WORD PROGRAM VARIABLE
answers() {
	tap_output=$(env "$3=nonsense" "$scratch/$2" 2>/dev/null)
	echo "$tap_output"
	[ "$tap_output" = "$1" ]
}

for name in LIBIOMMU_BACKEND LIBIOMMU_LOG LIBIOMMU_STRICT; do
	passes "$name" answers heard open $name
	passes "$name, set-uid" answers deaf another $name
done
tap_end
