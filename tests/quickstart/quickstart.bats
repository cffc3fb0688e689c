#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# quickstart, run once more where it has been run, and the default image at work. Its
# containers live in the namespaces of the suite and reach nobody.

setup_file() {
	load ../lib/common
	[ -n "${COI_TEST_DEFAULT-}" ] || { echo "no default image was made" >&2; return 1; }
	coi_setup_bare
	D=$COI_TEST_DEFAULT
	export D PREFIX=$D/prefix COI_ROOT=$D/root HOME=$D/home BUILD_DIR=$D/build
	export COI_TEST_BIN=$D/prefix/bin/coi
	export TMUX_TMPDIR=$T/tmp
	unset TMUX
	# The ranges that its first run gave to root.
	mount --bind "$D/subuid" /etc/subuid
	mount --bind "$D/subgid" /etc/subgid
}

teardown_file() {
	load ../lib/common
	tmux -L outer kill-server 2>/dev/null || true
	cd /
	COI_TEST_BIN=$COI_TEST_DEFAULT/prefix/bin/coi
	COI_ROOT=$COI_TEST_DEFAULT/root HOME=$COI_TEST_DEFAULT/home coi kill --all --force >/dev/null 2>&1 || true
	COI_ROOT=$COI_TEST_DEFAULT/root remove_cgroups
	rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

teardown() {
	tmux -L outer kill-server 2>/dev/null || true
	coi kill --all --force >/dev/null 2>&1 || true
}

@test "quickstart runs again and ends with the sample file of the sample's owner" {
	run timeout 900 "$COI_TEST_SRC/contrib/quickstart"
	expect_status 0
	expect_text "made by code in /workspace"
	expect_text "coi shell"
	[ -f "$HOME/coi-sample/made-by-coi" ]
	expect_equal "$(stat -c %u:%g "$HOME/coi-sample/made-by-coi")" "$(stat -c %u:%g "$HOME/coi-sample")"
	[ "$(stat -c %u "$HOME/coi-sample/made-by-coi")" != 0 ]
}

@test "quickstart names the step that failed, with the end of its log" {
	mkdir -p "$T/fake"
	printf '#!/bin/sh\necho cannot do it >&2\nexit 7\n' >"$T/fake/make"
	chmod +x "$T/fake/make"
	PATH=$T/fake:$PATH run --separate-stderr "$COI_TEST_SRC/contrib/quickstart"
	[ "$status" != 0 ]
	expect_stderr "FAILED in step 2"
	expect_stderr "cannot do it"
}

@test "quickstart gives root a range that overlaps nobody's" {
	printf 'alice:100000:65536\nbob:1000000:65536\n' >"$T/subuid"
	printf 'alice:100000:65536\ncarol:1048576:5' >"$T/subgid"
	sed "s,/etc/sub\([ug]id\),$T/sub\1,g" "$COI_TEST_SRC/contrib/root-ids" >"$T/root-ids"
	run sh -c 'sh "$1" "$2" && sh "$1" "$2"' - "$T/root-ids" "$T/note"
	expect_status 0
	expect_text "added to"
	expect_text "root has ids already"
	expect_equal "$(grep -c ^root: "$T/subuid")" 1
	expect_equal "$(grep ^root: "$T/subuid")" "$(grep ^root: "$T/subgid")"
	expect_equal "$(grep -c ^carol:1048576:5\$ "$T/subgid")" 1
	IFS=: read -r _ start count < <(grep ^root: "$T/subuid")
	[ "$start" -ge 1114112 ]
	[ "$count" -ge 131072 ]
	# What was added is written down, for who removes coi.
	expect_equal "$(cut -d ' ' -f 2 "$T/note" | sort -u)" "$(grep ^root: "$T/subuid")"
	# One that root has in one file only is of no use: both get the same.
	echo root:5000000:65536 >"$T/subuid"
	: >"$T/subgid"
	sh "$T/root-ids"
	expect_equal "$(grep -c ^root: "$T/subuid")" 2
	expect_equal "$(tail -n 1 "$T/subuid")" "$(cat "$T/subgid")"
}

@test "the default image is there, with what a session needs" {
	run --separate-stderr coi image list
	expect_status 0
	expect_text coi-default
	run --separate-stderr coi build
	expect_status 0
	[[ "$output$stderr" == *"already"* || "$output$stderr" == *"exists"* ]]
	run --separate-stderr coi run -- sh -c 'for p in bash tmux git sudo curl jq rg fd python3 gcc less strace node; do
		command -v $p >/dev/null || echo "missing: $p"; done; id -nG; sudo id -u'
	expect_status 0
	[[ "$output" != *missing:* ]]
	expect_equal "${lines[-1]}" 0
}

@test "it boots with systemd, is running and not degraded, and powers off" {
	coi container launch coi-default booted
	up() { coi container exec booted -- systemctl is-system-running | grep -q '^running$'; }
	within 30 up || { coi container exec booted -- systemctl --failed --no-pager; return 1; }
	run --separate-stderr coi container exec booted -- cat /proc/1/comm
	expect_equal "$output" systemd
	run --separate-stderr coi container stop booted
	expect_status 0
	coi container delete booted
}

@test "names are resolved in it, and the network is as closed as in any other" {
	run --separate-stderr coi run -- curl -sf -m 10 http://public.test/
	expect_status 0
	expect_text hello
	run --separate-stderr coi run -- curl -sf -m 10 http://169.254.169.254/
	[ "$status" != 0 ]
}

@test "shell --background, then attach, typed into through tmux" {
	run --separate-stderr coi shell --background --debug
	expect_status 0
	local name
	name=$(container_name 1)
	tmux -L outer -f /dev/null new-session -d -x 120 -y 40 "$COI_TEST_BIN attach; sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'id -un >typed' Enter; sleep 0.3; test -s typed; }
	within 30 typed_arrives
	expect_equal "$(cat typed)" code
	expect_equal "$(stat -c %u typed)" 1234
	# What is in /tmp and /run at the start of a session stays.
	coi tmux send "$name" 'touch /tmp/mine; ls /tmp >seen'
	within 20 test -s seen
	grep -q mine seen
	rm typed seen
}

@test "poweroff inside an ephemeral session deletes it" {
	coi shell --background --debug
	local name
	name=$(container_name 1)
	coi container exec "$name" -- poweroff || true
	gone() { ! coi container exists "$name"; }
	within 30 gone
}
