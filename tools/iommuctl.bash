# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2207 # words have no blanks
# Completion for iommuctl: commands, their options, PCI addresses, drivers, backends.

_iommuctl_command()
{
	local word commands=' list show bind unbind doctor selftest bench fdt '

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $commands == *" $word "* ]] && echo "$word" && return
	done
}

_iommuctl_options()
{
	case $1 in
	list)		echo --all --json ;;
	show)		echo --json --backend ;;
	bind)		echo --driver --dry-run --force ;;
	unbind)		echo --dry-run --force ;;
	doctor)		echo --memory --json --no-attach ;;
	selftest)	echo --all --tap --edu --backend ;;
	bench)		echo --seconds --backend ;;
	fdt)		echo --device ;;
	esac
	echo --help --version
}

_iommuctl_addresses()
{
	local device

	for device in /sys/bus/pci/devices/*; do
		[ -e "$device" ] && echo "${device##*/}"
	done
}

_iommuctl()
{
	local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command words

	# bash takes the colons of an address for the ends of words
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : -c now -p before
	fi
	command=$(_iommuctl_command)
	COMPREPLY=()
	case $before in
	--driver)		words='vfio-pci' ;;
	--backend)		words='iommufd type1 type1-iommufd powernv pseries' ;;
	--memory|--seconds)	return ;;
	--root)			COMPREPLY=($(compgen -d -- "$now")); return ;;
	--device|--edu)		words=$(_iommuctl_addresses) ;;
	*)
		case $command/$now in
		/*)		words='list show bind unbind doctor selftest bench fdt help --root --help --version' ;;
		*/-*)		words=$(_iommuctl_options "$command") ;;
		fdt/*)		COMPREPLY=($(compgen -f -- "$now")); return ;;
		list/*)		return ;;
		*)		words=$(_iommuctl_addresses) ;;
		esac ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$now"))
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$now"
	fi
}

complete -F _iommuctl iommuctl
