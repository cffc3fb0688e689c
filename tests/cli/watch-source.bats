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
	# When each of them began, and not when that was read.
	[ "$(value timed)" -ge $(($(value whole) + $(value gone))) ]
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

@test "the process connector: who has much to tell has his turn, and others theirs" {
	run "$source" turn exec connector /
	[[ $output != *"does not answer"* ]] || skip "this network namespace has no process connector"
	[ "$(value events)" -gt 0 ]
	[ "$(value events)" -lt 2000 ]
}

@test "by looking: the end of a first thread is no other program" {
	run -0 "$source" half poll
	expect_equal "$output" '{"told": 1}'
}

# What of a directory a script reads, run where the file is.
reads() { # DIR SCRIPT: a number of bytes
	run -0 "$source" read "$1" "cd '$1' && { $2; } >/dev/null"
	value read
}

@test "what is read of a file is counted once, in whatever order" {
	local p=4096 dir pages=64
	[ "$(getconf PAGESIZE)" = $p ] || p=$(getconf PAGESIZE)
	[[ $("$source" list) == *volume=bpf* ]] || skip "this build has no BPF"
	dir=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	head -c $((pages * p)) /dev/urandom >"$dir/f"
	sleep 1.1 # what has changed since the watching began is no part of it
	# So many pages from one on, at once.
	one="page() { dd if=f bs=\$(($p * \${2:-1})) iflag=skip_bytes skip=\$(($p * \$1)) count=1 status=none; };"
	expect_equal "$(reads "$dir" "$one cat f")" $((64 * p))
	expect_equal "$(reads "$dir" "$one page 63; cat f; cat f")" $((64 * p))
	expect_equal "$(reads "$dir" "$one page 63; page 63; page 63")" "$p"
	expect_equal "$(reads "$dir" "$one page 20 4; page 22 4; page 24 2; page 18 2; page 0; page 0 24")" $((26 * p))
	expect_equal "$(reads "$dir" "$one for ((i = 63; i >= 0; i--)); do page \$i; done; cat f")" $((64 * p))
	expect_equal "$(reads "$dir" "$one page 30 2; page 20 30; page 0 20; page 50 14")" $((64 * p))
	# All of these are read again; that may be counted, up to what the file has.
	expect_equal "$(reads "$dir" "$one for j in {1..20}; do page 10; page 30; page 50; page 12; done")" $((64 * p))
	rm -r "$dir"
}
