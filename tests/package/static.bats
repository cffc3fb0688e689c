#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# --enable-static-libs: what has an archive is in the program, and it is the same program.

setup_file() {
	load ../lib/common
	T=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	export T
	cd "$T"
	"$COI_TEST_SRC/configure" --enable-static-libs >configure.log 2>&1 || { tail configure.log >&2; return 1; }
	make -j2 coi-patterns >make.log 2>&1 || { tail make.log >&2; return 1; }
}

teardown_file() {
	rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
}

# PROGRAM: the libraries that it asks for
asks_for() {
	objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }' | sort | xargs
}

@test "the libraries are in the program, and the C library is not" {
	[[ "$(asks_for "$COI_TEST_BUILD/coi-patterns")" == *libyaml* ]]
	[[ "$(asks_for "$T/coi-patterns")" =~ ^(ld-linux[^ ]* )?libc\.so\.6$ ]]
	# What is put in is said, and what has no archive is not among it.
	line=$(sed -n 's/^ *put in *//p' "$T/configure.log")
	[[ " $line " == *" libseccomp "* ]]
	[[ " $line " != *" lxc "* ]]
}

@test "it works as the other one does" {
	local one
	for one in "$COI_TEST_BUILD" "$T"; do
		run "$one/coi-patterns" </dev/null
		echo "$status $output" | sed "s#$one#DIR#g" >"$T/said.$(basename "$one")"
	done
	cmp "$T/said.$(basename "$COI_TEST_BUILD")" "$T/said.$(basename "$T")"
}
