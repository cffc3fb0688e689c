#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the watching says it sees, proved with processes: each line of the corpus of
# tests/unit/monitor, connections counted at both ends, secrets by every way that leads to
# them, a bomb, and what is told too fast or by hostile names.

setup_file() {
	load ../lib/common
	coi_setup
	settings
	cp "$COI_TEST_BUILD/watch-actor" "$T/watch-actor"
	chmod 0755 "$T/watch-actor"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	A=$HOME/.coi/audit
	settings
}

settings() { # LINE...: watched, and nothing is done about what is found
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_pause_on_high = false\nauto_kill_on_critical = false\n' \
		>"$HOME/.coi/config.toml"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$HOME/.coi/config.toml"
}

launch() { # NAME
	coi container launch coi-default "$1" 2>"$T/launch.err" || { cat "$T/launch.err"; return 1; }
	inside "$1" mkdir /opt/actor
	coi file push "$T/watch-actor" "$1:/opt/actor/watch-actor"
}

gone() {
	coi container delete --force "$1" >/dev/null 2>&1 || true
}

inside() { # NAME COMMAND...
	"$COI" container exec "$1" -- "${@:2}"
}

actor() { # NAME WORD...
	inside "$1" /opt/actor/watch-actor "${@:2}"
}

has() { # FILE JQ-CONDITION
	jq -e "select($2)" "$1" 2>/dev/null | grep -q .
}

count() { # FILE JQ-CONDITION
	jq -c "select($2)" "$1" | wc -l
}

@test "each attack and its disguises, run: every one is recorded as what it is" {
	settings '[limits.runtime]' 'max_processes = 200'
	launch c1
	actor c1 attacks /opt/actor 2>"$T/actor.err" # one of them writes into /etc/ld.so.preload
	within 10 has "$A/c1.jsonl" '.type == "exec" and .args == "mark 1000000"'
	run ! has "$A/c1.jsonl" '.msg == "source.lost"'
	"$COI_TEST_BUILD/watch-corpus" attacks "$A/c1.jsonl" >"$T/said" || { cat "$T/said"; false; }
	tail -n 1 "$T/said" | sed 's/^/# /' >&3
	coi audit verify c1
	gone c1
}

@test "each line of ordinary work, run: recorded, and silent" {
	settings '[limits.runtime]' 'max_processes = 200'
	launch c2
	actor c2 ordinary /opt/actor
	within 10 has "$A/c2.jsonl" '.type == "exec" and .args == "mark 1000000"'
	"$COI_TEST_BUILD/watch-corpus" ordinary "$A/c2.jsonl" >"$T/said" || { cat "$T/said"; false; }
	tail -n 1 "$T/said" | sed 's/^/# /' >&3
	gone c2
}
