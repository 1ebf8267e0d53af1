# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091,SC2086 # init's environment, lists, guest paths
# What the kernel itself answers, call by call: the simulated kernel of the unit tests must say the
# same.

. /guest/tap.sh

bind "$drive" vfio-pci
tap /guest/bin/contract "$drive" $(echo "$type1" | tr , ' ')
