#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# Built for other machines, without a warning. Their unit tests, which take long in an emulator,
# are for contrib/cross by hand.

setup_file() {
	load ../lib/common
	local arch
	export BUILT=/var/tmp/coi-cross
	# No test's limit of time: the first time it fetches some hundreds of MB.
	for arch in arm64 armhf; do
		"$COI_TEST_SRC/contrib/cross" --until build "$arch" >&2
	done
}

setup() {
	load ../lib/common
}

# ARCH MACHINE: as file(1) says it of each program.
programs_are() {
	local file count=0
	for file in "$BUILT-$1"/coi/build/coi "$BUILT-$1"/coi/build/coi-*; do
		[[ "$(file -b "$file")" == ELF* ]] || continue
		[[ "$(file -b "$file")" == *", $2,"* ]] || { file "$file"; return 1; }
		count=$((count + 1))
	done
	[ "$count" -ge 10 ]
}

@test "arm64" {
	programs_are arm64 "ARM aarch64"
}

@test "armhf" {
	programs_are armhf ARM
}
