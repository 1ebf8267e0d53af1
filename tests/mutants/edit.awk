# SPDX-License-Identifier: BSD-3-Clause
# Replaces the one line that is, but for its indentation, ENVIRON["FROM"] by ENVIRON["TO"]. Status 1
# if there is none or more than one.
{
	text = $0
	sub(/^[ \t]+/, "", text)
	if (text == ENVIRON["FROM"]) {
		found++
		print substr($0, 1, length($0) - length(text)) ENVIRON["TO"]
	} else {
		print
	}
}
END { exit found != 1 }
