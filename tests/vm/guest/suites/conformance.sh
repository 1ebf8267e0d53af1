# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# What libiommu.h promises, case by case.

. /guest/tap.sh

bind "$drive" vfio-pci
bind "$edu" vfio-pci
tap /guest/bin/conformance --backend "$backend" --device "$drive" --edu "$edu"
