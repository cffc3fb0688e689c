#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# tests/run ends what it started when it is interrupted.

setup() {
	load ../lib/common
	T=$(mktemp -d "/var/tmp/coi-test.$$.XXXXXX")
	mkdir "$T/tmp" "$T/suites"
	# One in namespaces of its own, and one without.
	for kind in staged outside; do
		{
			[ $kind = staged ] || echo "# coi: outside"
			echo "@test \"$kind\" {"
			echo "	touch '$T/$kind'"
			echo "	sleep 3333 # $T"
			echo "}"
		} >"$T/suites/$kind.bats"
	done
}

teardown() {
	ours | xargs -r kill -9 2>/dev/null || true
	rm -rf "$T"
}

# Processes of this test: those that have its scratch directory in their environment.
ours() {
	grep -lsz "^TMPDIR=$T/tmp\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

@test "interrupted, it ends its suites and leaves nothing of its own" {
	local signal pid status
	for signal in TERM HUP INT; do
		TMPDIR=$T/tmp env --default-signal=INT "$COI_TEST_SRC/tests/run" --build "$COI_TEST_BUILD" \
			"$T/suites/staged.bats" "$T/suites/outside.bats" >"$T/log" 2>&1 3>&- &
		pid=$!
		within 60 test -e "$T/staged" -a -e "$T/outside"
		[ "$(ours | wc -l)" -gt 5 ]
		kill -"$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		expect_equal "$signal $((status - 128))" "$signal $(kill -l "$signal")"
		expect_equal "$(ours)" ""
		[ -z "$(find "$T/tmp" -maxdepth 1 -name 'coi-*')" ]
		rm "$T/staged" "$T/outside"
	done
}
