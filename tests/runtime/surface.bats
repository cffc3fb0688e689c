#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# How much of the kernel container root gets to talk to: calls, device nodes, capabilities.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	cp "$COI_TEST_BUILD/runtime-probe" "$RT/image/probe"
	printf '2\ndenylist\n[all]\n' >"$RT/none.seccomp"
	# What the kernel itself says.
	probe default seccomp="$RT/none.seccomp" && mv "$RT/default.got" "$RT/none.got"
}
teardown_file() { runtime_teardown_file; }
teardown() { runtime_teardown; }

# probe MODE [key=value...]: what root in such a container got, in $RT/MODE.got
probe() {
	local mode=$1 nesting=0
	shift
	[ "$mode" != default ] || nesting=1
	up a surface="$mode" nesting=$nesting "$@"
	as_root a /probe >"$RT/$mode.got"
	down a
}

# compare MODE COLUMN: prints each row that is not as meant
compare() {
	awk -F '\t' -v column="$2" -v mode="$1" '
		FILENAME == ARGV[1] { if (!/^#/) meant[$1] = $column; next }
		FILENAME == ARGV[2] { bare[$1] = $2; next }
		{ seen++; want = meant[$1] }
		want == "" { print mode ": no row for " $1; next }
		want == "=" { want = bare[$1] }
		want == "no" ? $2 != "ok" : $2 == want { next }
		{ print mode ": " $1 ": " $2 ", not " want }
		END { if (seen < 120) print mode ": only " seen " rows" }' \
		"$COI_TEST_SRC/tests/runtime/surface.tsv" "$RT/none.got" "$RT/$1.got"
}

@test "the table of calls and devices: default" {
	probe default
	run compare default 2
	echo "$output"
	[ -z "$output" ]
}

@test "the table of calls and devices: reduce_kernel_surface" {
	probe reduced
	run compare reduced 3
	echo "$output"
	[ -z "$output" ]
}

@test "the table of calls and devices: reduce_kernel_surface_strict" {
	probe strict
	run compare strict 4
	echo "$output"
	[ -z "$output" ]
}

@test "one whose policy file is gone, as after an update: entered, under the same table" {
	up a nesting=1
	rm "$(dir_of a)/calls.seccomp"
	as_root a /probe >"$RT/default.got"
	run compare default 2
	echo "$output"
	[ -z "$output" ]
	[ "$(as_code a 'grep NoNewPrivs: /proc/self/status' | cut -f2)" = 0 ]
	down a
}

@test "the policy is what refuses: without it the kernel's own code answers" {
	probe default
	# A call that only the policy stops.
	grep -q "^open_by_handle_at	EPERM$" "$RT/default.got"
	run ! grep -q "^open_by_handle_at	EPERM$" "$RT/none.got"
	[ "$(diff "$RT/none.got" "$RT/default.got" | grep -c '^>')" -ge 10 ]
}

@test "every call that is said to be refused has its row in the table" {
	local name missing=
	for name in $(sed -n \
		's/^\t\(REFUSED\|OBSOLETE\|REDUCED\|STRICT\)("\([a-z0-9_]*\)".*/\2/p' \
		"$COI_TEST_SRC/src/runtime/surface.c"); do
		grep -q "^\(i386 \)\?$name	" "$COI_TEST_SRC/tests/runtime/surface.tsv" ||
			missing="$missing $name"
	done
	[ -z "$missing" ] || { echo "no row:$missing"; return 1; }
}

@test "capabilities: the bounding set of init and of who enters is the one of the table" {
	local who
	up a nesting=1
	for who in /proc/1/status /proc/self/status; do
		[ "$(as_root a "grep CapBnd: $who" | cut -f2)" = 00000000a8ec7dfb ]
		[ "$(as_code a "grep CapBnd: $who" | cut -f2)" = 00000000a8ec7dfb ]
	done
	# A user has none, and gets no others by what root may give.
	[ "$(as_code a 'grep CapEff: /proc/self/status' | cut -f2)" = 0000000000000000 ]
	[ "$(as_root a 'grep CapEff: /proc/self/status' | cut -f2)" = 00000000a8ec7dfb ]
	down a
}

@test "SECURITY.md has each capability in its table, as it is" {
	"$COI_TEST_BUILD/coi" security show --json |
		jq -r '.capabilities[] | [.capability, .stays, .why] | @tsv' |
		sed 's/\(.*\)\t\(.*\)\t\(.*\)/  | `\1` | \3 |/' | sort >"$RT/meant"
	sed -n '/^- \*\*Capabilities/,/^- \*\*The command/p' "$COI_TEST_SRC/SECURITY.md" |
		grep '^  | `' | sort | diff "$RT/meant" -
	[ "$(wc -l <"$RT/meant")" = 41 ]
}
