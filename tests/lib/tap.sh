# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# TAP for the checks that are shell scripts. Source it, call ok or not_ok, end with tap_end.
tap_count=0
tap_failed=0

ok() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$1"
}

# not_ok NAME [TEXT]: TEXT says what is wrong, one complaint a line.
not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
}

# verdict NAME TEXT: passed when there is no complaint.
verdict() {
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$2"
	fi
}

# The plan; what failed has been said line by line.
tap_end() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_count" -gt 0 ]
}
