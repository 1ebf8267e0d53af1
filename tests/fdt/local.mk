# SPDX-License-Identifier: BSD-3-Clause

# Device trees of real machines: QEMU's, dumped where there is such a QEMU; no blob is in the tree.
if TESTS_WANTED
TESTS += %D%/qemu.sh
endif

EXTRA_DIST += %D%/dump.sh %D%/qemu.sh
