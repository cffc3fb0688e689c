#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# Each source of programs by itself, on programs that no container runs: the process
# connector answers only in the machine's own network namespace, and sends nothing there.

setup() {
	load ../lib/common
	source=$COI_TEST_BUILD/watch-source
}

value() { # KEY
	jq ".$1" <<<"$output"
}

@test "the process connector: each program is told, if not all with their words, and that is said" {
	run "$source" exec connector 1000
	echo "$output"
	[[ $output != *"does not answer"* ]] || skip "this network namespace has no process connector"
	[ "$status" = 0 ]
	echo "# $output" >&3
	# Where the kernel had no room for its messages it does not say for how many.
	[ $(($(value whole) + $(value gone))) = 1000 ] || [ "$(value lost)" -gt 0 ]
	[ "$(value whole)" -gt 0 ]
	[ $(($(value whole) + $(value gone))) -gt 900 ]
}

@test "what no build has a source for is missed, and not silent" {
	run -0 "$source" list
	for one in exec connect volume files counters auth; do
		grep -q "^$one=" <<<"$output"
	done
}

@test "programs in the kernel: each is told with its words" {
	run "$source" list
	[[ $output == *exec=bpf* ]] || skip "this build has no BPF"
	run -0 "$source" exec bpf 1000
	echo "# $output" >&3
	[ "$(value whole)" = 1000 ]
	[ "$(value gone)" = 0 ]
	[ "$(value lost)" = 0 ]
}
