#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# Two builds of what is committed, in directories of other names, with other umasks, locales and
# time zones: the archive of the release is the same, byte by byte.

setup_file() {
	load ../lib/common
	T=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	export T
	# No test's limit of time: these are two full builds.
	TMPDIR=$T "$COI_TEST_SRC/contrib/check-reproducible" >"$T/said" 2>&1 || echo "status $?" >>"$T/said"
}

teardown_file() {
	rm -rf --one-file-system "$T"
}

@test "the archive of the release is the same, wherever it was built" {
	tail -n 20 "$T/said"
	[ "$(tail -n 1 "$T/said")" = "the same bytes" ]
	[ "$(grep -cE '^[0-9a-f]{64}  .*\.tar\.xz$' "$T/said")" = 2 ]
}
