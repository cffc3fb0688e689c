#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# curl in a container with an allowlist, as an agent uses it: the first try counts.

setup_file() {
	load ../lib/common
	default_setup
	printf '[network]\nmode = "allowlist"\nallowed_domains = ["rotate.test"]\n' >"$HOME/.coi/config.toml"
	# N of N that get an answer; what one took, in milliseconds, is on the last line.
	cat >"$T/ws/tries" <<-'END'
		good=0 start=$(date +%s%N)
		for i in $(seq "$1"); do
			! curl -sS -m 10 -o /dev/null "$2" 2>/dev/null || good=$((good + 1))
		done
		echo "$good of $1"
		echo "$((($(date +%s%N) - start) / $1 / 1000000)) ms each"
	END
}

teardown_file() {
	load ../lib/common
	default_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

@test "an allowed name works at the first try, 500 times of 500, with TTL 1 and other addresses each time" {
	run coi run -- sh tries 500 http://rotate.test:8088/
	echo "# ${lines[*]: -2}" >&3
	expect_text "500 of 500"
}

@test "a name that is not allowed fails at once: nothing waits for anything" {
	local allowed refused
	allowed=$(coi run -- sh tries 50 http://rotate.test:8088/ 2>/dev/null | tail -n 1)
	refused=$(coi run -- sh tries 50 http://one.example/ 2>/dev/null)
	echo "# allowed: $allowed, refused: ${refused##*$'\n'}" >&3
	[[ $refused == "0 of 50"* ]]
	allowed=${allowed%% *} refused=${refused##*$'\n'}
	[ "${refused%% *}" -le $((5 * allowed)) ]
}
