#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command, with a standard output that has no room: full.tsv.

setup_file() {
	load ../lib/common
	coi_setup
	export TMUX_TMPDIR=$T/tmp
	unset TMUX
	mkdir "$T/bin"
	ln -s "$COI" "$T/bin/coi"
	printf '#!/bin/sh\necho %s\n' "$(container_name 1)" >"$T/bin/session"
	chmod 755 "$T/bin/session"
	export PATH=$T/bin:$PATH
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_pause_on_high = false\nauto_kill_on_critical = false\n' >"$HOME/.coi/config.toml"
}

teardown_file() {
	load ../lib/common
	chattr -i "$COI_ROOT"/containers/*/held 2>/dev/null || true
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	table=$COI_TEST_SRC/tests/cli/full.tsv
}

rows() {
	grep -v '^#' "$table"
}

@test "each command has a row" {
	local command missing=""
	while read -r command; do
		# Not those that are only there for others.
		coi __man --commands | grep -q "^$command " && continue
		rows | grep -qE "	([A-Z]+=[a-z]+ )?$command( |:|\$)" || missing+=" '$command'"
	done < <(coi __man --commands | sed 1d)
	expect_equal "$missing" ""
}

@test "what could not be printed is a failure, and said" {
	local how line status bad=0
	echo text >"$T/file"
	mkdir -p "$T/data" .coi
	printf '[defaults]\nforward_env = ["SOMETHING"]\n' >.coi/config.toml
	coi container launch coi-default web 2>/dev/null
	coi container launch coi-default idle 2>/dev/null
	coi container stop --force idle 2>/dev/null
	"$COI" container exec web -- timeout 2 fetch 172.16.5.5 80 || true
	within 10 grep -q 172.16.5.5 "$HOME/.coi/logs/network.log"
	while IFS=$'\t' read -r how line; do
		[ "$how" != no ] || continue
		status=0
		timeout -k 5 30 bash -c "$line" >/dev/full 2>"$T/err" </dev/null 3>&- 4>&- || status=$?
		case $how in
		none) [ "$status" = 0 ] && continue ;;
		*) [ "$status" = 1 ] && grep -q '^Error: cannot write .*: No space left on device' "$T/err" && continue ;;
		esac
		echo "# $how: $line: $status"
		head -n 5 "$T/err"
		bad=1
	done < <(rows)
	[ "$bad" = 0 ]
}

stays() { # NAME
	touch "$COI_ROOT/containers/$1/held"
	chattr +i "$COI_ROOT/containers/$1/held"
}

@test "one of several that cannot go: the others go, and it is a failure" {
	local i
	for i in 1 2 3 4 5; do
		coi container launch coi-default "coi-c$i" 2>/dev/null
		coi container stop --force "coi-c$i" 2>/dev/null
	done
	stays coi-c2
	run -1 coi kill -f coi-c1 coi-c2 coi-never
	expect_text "1 container could not be removed"
	expect_text "Operation not permitted"
	run -0 coi kill -f coi-c3 coi-never
	stays coi-c4
	run -1 coi clean -f
	expect_text "1 container could not be removed"
	# Also when the person does not want what comes next.
	coi container launch coi-default coi-c6 2>/dev/null
	coi container stop --force coi-c6 2>/dev/null
	stays coi-c6
	run -1 bash -c 'printf "y\nn\n" | "$0" clean --all' "$COI"
	expect_text "Cancelled."
	expect_text "1 container could not be removed"
	run -0 coi container list
	[[ "$output" != *c1* && "$output" != *c3* && "$output" != *c5* ]]
	chattr -i "$COI_ROOT"/containers/*/held
	run -0 coi clean -f --orphans
	expect_equal "$(ls "$COI_ROOT/containers")" ""
}
