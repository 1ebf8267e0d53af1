#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The tarball holds what git holds, no less and no more, apart from what is generated.
# shellcheck source-path=SCRIPTDIR/../..
set -eu
. "${srcdir:?}/tests/build/common.sh"

[ -e "$srcdir/.git" ] || skip_all 'not a git checkout'
command -v git > /dev/null || skip_all 'no git'

scratch
git -C "$srcdir" ls-files --cached --others --exclude-standard | LC_ALL=C sort > "$scratch/git"
distributed > "$scratch/tarball"

# A file on one side only is missing in (or gone from) a source list or EXTRA_DIST in a local.mk.
same 'the tarball holds what git holds' "$scratch/git" "$scratch/tarball"
tap_end
