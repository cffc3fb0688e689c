#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of containers on the host: [ports] and [[ports.map]].

load ../lib/common

setup_file() {
	coi_setup
	PEER=$COI_TEST_BUILD/relay-peer
	cp "$PEER" "$T/ws/peer"
	export PEER
}

teardown_file() {
	coi_teardown
}

setup() {
	cd "$T/ws" || return 1
	printf '[container]\ninit = "coi-init"\n[shell]\nuse_tmux = true\n' >"$HOME/.coi/config.toml"
}

teardown() {
	rm -rf "$T/ws/.coi"
	coi kill --all --force >/dev/null 2>&1 || true
}

configure() { # TEXT
	printf '%s\n' "$1" >>"$HOME/.coi/config.toml"
}

# The first port that is chosen for this directory.
first_port() { # [SLOT]
	local hash
	hash=$(printf '%s' "$PWD" | sha256sum | cut -c1-4)
	echo $((20000 + 0x$hash % 400 * 100 + (${1:-1} - 1) * 10))
}

# A session with a server in it.
session_with() { # PORT MODE
	coi shell --debug --background >/dev/null 2>"$T/shell.log" || {
		cat "$T/shell.log"
		return 1
	}
	NAME=$(container_name)
	coi container exec "$NAME" --user 1000 -- sh -c "./peer serve tcp:$1 $2 >/tmp/server.log 2>&1 &"
	within 10 coi container exec "$NAME" -- grep -q serving /tmp/server.log
}

relay_pid() {
	pgrep -o -x coi-relay
}

says() { # PORT TEXT: a connection brings it back
	[ "$(printf '%s' "$2" | timeout 10 "$PEER" talk "tcp:$1")" = "$2" ]
}

@test "the numbers are those of the workspace and the slot, and variables tell them" {
	configure "$(printf '[ports]\npool = 2\n[[ports.map]]\nname = "my-web.1"\ncontainer = 3000\n')"
	sed -i 's/my-web.1/my-web/' "$HOME/.coi/config.toml"
	local first
	first=$(first_port)
	run --separate-stderr coi run -- sh -c 'echo "$COI_PORTS|$COI_PORT_MY_WEB"'
	expect_status 0
	expect_equal "$output" "$first $((first + 1))|$((first + 2))"
	run --separate-stderr coi run --slot 3 -- sh -c 'echo "$COI_PORTS"'
	expect_equal "$output" "$((first + 20)) $((first + 21))"
}

@test "a server inside is reached on the host, on loopback only, while it runs only" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 echo
	local first
	first=$(first_port)
	says "$first" hello
	coi list --format json | grep -q "\"web:$first->3000\""
	coi list | grep -q "web:$first->3000"
	run ss -Hltn "sport = :$first"
	[[ "$output" == *"127.0.0.1:$first"* ]]
	coi kill "$NAME"
	run "$PEER" talk "tcp:$first" </dev/null
	[ "$status" != 0 ]
}

@test "a port that is in use: one that was asked for is refused, a chosen one is the next" {
	local first
	first=$(first_port)
	"$PEER" serve "tcp:$first" echo >/dev/null 3>&- &
	local server=$!
	within 5 says "$first" up
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\nhost = %s\n' "$first")"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "port $first"
	[ -z "$(coi list --format json | grep '"name"')" ]
	sed -i 's/^host = .*//' "$HOME/.coi/config.toml"
	run --separate-stderr coi run -- sh -c 'echo "$COI_PORT_WEB"'
	kill "$server"
	expect_equal "$output" "$((first + 1))"
}

@test "what cannot be is refused before anything is made" {
	configure "$(printf '[ports]\npool = 9\n[[ports.map]]\nname = "a"\ncontainer = 1\n[[ports.map]]\nname = "b"\ncontainer = 2\n')"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "can be"
	sed -i 's/pool = 9/pool = 0/; s/name = "a"/name = "b_c"/; s/name = "b"/name = "b-c"/' "$HOME/.coi/config.toml"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "COI_PORT_B_C"
}

@test "a project's ports wait for trust" {
	mkdir -p .coi
	printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n' >.coi/config.toml
	run --separate-stderr coi run -- sh -c 'echo "[$COI_PORT_WEB]"'
	expect_equal "$output" "[]"
	coi trust </dev/null >/dev/null 2>&1
	run --separate-stderr coi run -- sh -c 'echo "[$COI_PORT_WEB]"'
	[[ "$output" == "[$(first_port | cut -c1-3)"?0] ]]
}

@test "each half ends by itself" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 count
	run timeout 20 sh -c "head -c 3000000 /dev/zero | '$PEER' talk tcp:$(first_port)"
	expect_equal "$output" "3000000 bytes"
	coi kill "$NAME"
	session_with 3000 first
	run timeout 20 sh -c "(sleep 0.5; head -c 100000 /dev/zero) | '$PEER' talk tcp:$(first_port)"
	expect_equal "$output" "hello"
	within 5 coi container exec "$NAME" -- grep -q 'then 100000 bytes' /tmp/server.log
}

@test "a thousand at once, and the rest when there is room" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 echo
	sleep 200 | timeout 120 "$PEER" open "tcp:$(first_port)" 1000 >"$T/open.log" 3>&- &
	within 60 grep -q answered "$T/open.log"
	expect_equal "$(cat "$T/open.log")" "1000 answered"
	kill "$(pgrep -f "open tcp:$(first_port)" | tail -1)" || true
	within 10 says "$(first_port)" again
}

@test "who does not read holds back who writes, and costs no memory" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 deaf
	run timeout 20 "$PEER" push "tcp:$(first_port)" 3
	expect_status 0
	[ "$output" -lt 50000000 ]
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/$(relay_pid)/status")" -lt 20000 ]
}

@test "a relay that is killed is back, and so is one whose supervisor was killed" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 echo
	local pid
	pid=$(relay_pid)
	kill -9 "$pid"
	within 5 says "$(first_port)" back
	[ "$(relay_pid)" != "$pid" ]
	kill -9 "$(pgrep -x -o coi-supervisor)"
	run timeout 5 "$PEER" talk "tcp:$(first_port)" </dev/null
	coi list >/dev/null
	within 10 says "$(first_port)" adopted
	run coi container exec "$NAME" -- sh -c 'echo "$COI_PORT_WEB"'
	expect_equal "$output" "$(first_port)"
}

@test "the relay has no rights" {
	configure "$(printf '[ports]\npool = 1\n')"
	session_with "$(first_port)" echo
	local status
	status=/proc/$(relay_pid)/status
	grep -q '^CapEff:.*0000000000000000$' "$status"
	grep -q '^Seccomp:.*2$' "$status"
	[ "$(awk '/^Uid:/ { print $2 }' "$status")" -gt 2000000000 ]
	[ -z "$(ls -A "/proc/$(relay_pid)/root/")" ]
}

@test "throughput beside a direct connection" {
	configure "$(printf '[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session_with 3000 count
	"$PEER" serve tcp:19999 count >/dev/null 3>&- &
	local server=$! direct relayed
	within 5 "$PEER" speed tcp:19999 1
	direct=$(timeout 60 "$PEER" speed tcp:19999 1000)
	relayed=$(timeout 60 "$PEER" speed "tcp:$(first_port)" 1000)
	kill "$server"
	echo "# direct $direct MB/s, relayed $relayed MB/s" >&3
	[ "$relayed" -gt 0 ]
}
