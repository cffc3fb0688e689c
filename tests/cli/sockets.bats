#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Sockets of the host in containers: [[sockets]] and ssh.forward_agent.

load ../lib/common

setup_file() {
	coi_setup
	PEER=$COI_TEST_BUILD/relay-peer
	cp "$PEER" "$T/ws/peer"
	mkdir "$T/srv"
	chmod 0755 "$T/srv"
	export PEER
}

teardown_file() {
	coi_teardown
}

setup() {
	cd "$T/ws" || return 1
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	SERVERS=
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	local pid
	for pid in $SERVERS; do kill -9 "$pid" 2>/dev/null || true; done
	rm -rf "$T/ws/.coi" "$T"/srv/*
}

configure() { # TEXT
	printf '%s\n' "$1" >>"$HOME/.coi/config.toml"
}

socket() { # [INSIDE]
	configure "$(printf '[[sockets]]\nhost = "%s"\ncontainer = "%s"\nenv = "SVC"\n' "$T/srv/s" \
		"${1:-/home/code/deep/down/svc.sock}")"
}

host_server() { # MODE [PATH]
	rm -f "$T/server.log"
	"$PEER" serve "unix:${2:-$T/srv/s}" "$1" >"$T/server.log" 2>&1 3>&- &
	SERVERS="$SERVERS $!"
	SERVER=$!
	within 5 grep -q serving "$T/server.log"
	chmod 0777 "${2:-$T/srv/s}"
}

session() {
	coi shell --debug --background >/dev/null 2>"$T/shell.log" || {
		cat "$T/shell.log"
		return 1
	}
	NAME=$(container_name)
}

# As the user, in the session.
inside() { # SCRIPT
	timeout 60 "$COI" container exec "$NAME" --user 1000 -- sh -c "$1"
}

echoes() { # TEXT
	[ "$(inside "printf $1 | ./peer talk unix:/run/coi/sockets/0")" = "$1" ]
}

@test "a socket is there, of code, and its variable names it" {
	host_server echo
	socket
	run --separate-stderr coi run -- sh -c 'echo "$SVC"; ls -lnL "$SVC"; printf hi | ./peer talk "unix:$SVC"'
	expect_status 0
	[ "${lines[0]}" = /home/code/deep/down/svc.sock ]
	[[ "${lines[1]}" == srw-------*\ 1000\ *1000\ * ]]
	[ "${lines[2]}" = hi ]
	session
	run inside 'echo $SVC; ls -lnd /home/code/deep | cut -c1-40'
	[ "${lines[0]}" = /home/code/deep/down/svc.sock ]
	[[ "${lines[1]}" == *1000* ]]
	# Nothing but bytes, and whoever sends more is told.
	[ "$(inside './peer give unix:/run/coi/sockets/0')" = EPERM ]
}

@test "the server outside sees the person, under sudo too" {
	host_server who
	socket
	run --separate-stderr coi run -- sh -c './peer talk "unix:$SVC" </dev/null'
	expect_equal "$output" "uid 0"
	chown -R 4321 "$HOME"
	run --separate-stderr env SUDO_UID=4321 SUDO_GID=4321 SUDO_USER=nobody4321 "$COI" run -- \
		sh -c './peer talk "unix:$SVC" </dev/null'
	chown -R 0 "$HOME"
	expect_equal "$output" "uid 4321"
}

hold() { # COUNT: descriptors of the person's that are on their way between programs of hers
	rm -f "$T/hold.log"
	"$PEER" hold "$1" 4321 >"$T/hold.log" 2>&1 3>&- &
	SERVERS="$SERVERS $!"
	HOLDER=$!
	within 5 grep -q holding "$T/hold.log"
}

@test "descriptors that the person's programs pass on hold up nobody for good" {
	host_server echo
	socket
	hold 300
	rm -f "$T"/ws/first "$T"/ws/go "$T"/ws/second
	chown -R 4321 "$HOME"
	env SUDO_UID=4321 SUDO_GID=4321 SUDO_USER=nobody4321 "$COI" run -- sh -c '
		printf few | ./peer talk "unix:$SVC" >first.new; mv first.new first
		while [ ! -e go ]; do sleep 0.1; done
		printf many | ./peer talk "unix:$SVC" >second.new; mv second.new second
		while [ -e go ]; do sleep 0.1; done
		printf again | ./peer talk "unix:$SVC"' >"$T/run.out" 2>"$T/run.err" 3>&- &
	local run=$! relay
	within 20 test -e "$T/ws/first"
	expect_equal "$(cat "$T/ws/first")" few
	relay=$(pgrep -x coi-relay | sort | tr '\n' ' ')
	# As many as the kernel lets nobody have who passes on one more.
	hold 5000
	touch "$T/ws/go"
	within 20 test -e "$T/ws/second"
	expect_equal "$(cat "$T/ws/second")" ""
	expect_equal "$(pgrep -x coi-relay | sort | tr '\n' ' ')" "$relay"
	kill -9 "$HOLDER"
	rm "$T/ws/go"
	wait "$run"
	chown -R 0 "$HOME"
	expect_equal "$(cat "$T/run.out")" again
}

@test "the agent is forwarded, and where there is none nothing is set" {
	configure "$(printf '[ssh]\nforward_agent = true\n')"
	host_server echo "$T/srv/agent"
	SSH_AUTH_SOCK=$T/srv/agent run --separate-stderr coi run -- \
		sh -c 'echo "$SSH_AUTH_SOCK"; printf key | ./peer talk "unix:$SSH_AUTH_SOCK"; printf key | ./peer talk unix:/tmp/ssh-agent.sock'
	expect_equal "$output" "$(printf '/run/coi/sockets/ssh-agent\nkeykey')"
	run --separate-stderr env -u SSH_AUTH_SOCK "$COI" run -- sh -c 'echo "[$SSH_AUTH_SOCK]"; ls -A /run/coi'
	[ "${lines[0]}" = "[]" ]
	[[ "$output" != *sockets* ]]
	expect_stderr "SSH_AUTH_SOCK is not set"
	SSH_AUTH_SOCK=/etc/passwd run --separate-stderr coi run -- sh -c 'echo "[$SSH_AUTH_SOCK]"'
	expect_equal "$output" "[]"
	expect_stderr "it is no socket"
}

@test "what is missing or no socket is left out, with a word" {
	socket
	run --separate-stderr coi run -- sh -c 'echo "[$SVC]"'
	expect_status 0
	expect_equal "$output" "[]"
	expect_stderr "is not forwarded"
	echo text >"$T/srv/s"
	run --separate-stderr coi run -- sh -c 'echo "[$SVC]"'
	expect_equal "$output" "[]"
	expect_stderr "it is no socket"
}

@test "where something else is, it stays, and the variable is not set" {
	host_server echo
	socket /etc/passwd
	run --separate-stderr coi run -- sh -c 'echo "[$SVC]"; head -c 5 /etc/passwd'
	expect_status 0
	expect_equal "$output" "$(printf '[]\nroot:')"
	expect_stderr "something else is at '/etc/passwd'"
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	socket /run/coi/sockets/mine
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
}

@test "a project's socket waits for trust, and is what was judged" {
	host_server echo
	mkdir -p .coi
	printf '[[sockets]]\nhost = "%s"\ncontainer = "/tmp/s"\nenv = "SVC"\n' "$T/srv/s" >.coi/config.toml
	run --separate-stderr coi run -- sh -c 'echo "[$SVC]"'
	expect_equal "$output" "[]"
	coi trust </dev/null >/dev/null 2>&1
	run --separate-stderr coi run -- sh -c 'echo "[$SVC]"'
	expect_equal "$output" "[/tmp/s]"
	session
	echoes one
	# Replaced by a link to another server: that is not what was agreed to.
	host_server pour "$T/srv/other"
	mv "$T/srv/s" "$T/srv/old"
	ln -s other "$T/srv/s"
	run inside './peer talk unix:/run/coi/sockets/0 </dev/null | head -c 10 | wc -c'
	expect_equal "$output" 0
	rm "$T/srv/s"
	mv "$T/srv/old" "$T/srv/s"
	echoes two
}

@test "root inside cannot put another socket in its place" {
	host_server echo
	socket /tmp/s
	session
	run coi container exec "$NAME" -- sh -c '
		cd /run/coi/sockets || exit 9
		rm -f 0; mv 0 1; ln -sf /tmp/x 0; chmod 666 0; chown 0 0
		umount /run/coi/sockets; mount -o remount,rw /run/coi/sockets
		mv /run/coi/sockets /run/coi/other; rm -rf /run/coi/sockets
		touch /run/coi/sockets/new && echo MADE
		ls -ln /run/coi/sockets'
	[[ "$output" != *MADE* ]]
	[[ "$output" == *srw-------*1000*1000*" 0"* ]]
	# Its link is the container's own, and only that.
	coi container exec "$NAME" -- ln -sf /nowhere /tmp/s
	echoes still
}

@test "a server that is started again is found again" {
	host_server echo
	socket
	session
	echoes one
	kill -9 "$SERVER"
	run inside 'echo x | timeout 5 ./peer talk unix:/run/coi/sockets/0'
	expect_equal "$output" ""
	rm "$T/srv/s"
	host_server echo
	echoes two
}

@test "each half ends by itself, in each order" {
	host_server count
	socket
	session
	run inside 'head -c 2000000 /dev/zero | ./peer talk unix:/run/coi/sockets/0'
	expect_equal "$output" "2000000 bytes"
	kill -9 "$SERVER"
	host_server first
	run inside '(sleep 0.5; head -c 70000 /dev/zero) | ./peer talk unix:/run/coi/sockets/0'
	expect_equal "$output" hello
	within 5 grep -q 'then 70000 bytes' "$T/server.log"
}

@test "two thousand at once: a thousand are served, and what comes later too" {
	host_server echo
	socket
	session
	inside 'timeout 20 ./peer open unix:/run/coi/sockets/0 1000 </dev/null' >"$T/open.log"
	grep -q '^1000 answered' "$T/open.log"
	"$COI" container exec "$NAME" --user 1000 -- sh -c \
		'sleep 60 | timeout 6 ./peer open unix:/run/coi/sockets/0 2000' >/dev/null 2>&1 3>&- &
	sleep 2
	[ "$(ls "/proc/$(pgrep -o -x coi-relay)/fd" | wc -l)" -lt 2100 ]
	within 20 echoes later
}

@test "who pours and who does not read stay within bounds" {
	host_server deaf
	socket
	session
	run inside './peer push unix:/run/coi/sockets/0 3'
	[ "$output" -lt 50000000 ]
	kill -9 "$SERVER"
	host_server pour
	run inside 'for i in 1 2 3 4 5 6 7 8; do sleep 3 | ./peer push unix:/run/coi/sockets/0 2 >/dev/null & done; wait'
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/$(pgrep -o -x coi-relay)/status")" -lt 20000 ]
}

# How often each process of coi's that this container has was woken.
woken() {
	local pid
	for pid in $(pgrep '^coi-(supervisor|relay|resolver|nodes)'); do
		echo "$(cat "/proc/$pid/comm") $pid $(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$pid/status")"
	done
}

@test "while nothing happens nobody is woken" {
	local before
	host_server echo
	socket
	configure "$(printf '[ports]\n[[ports.map]]\nname = "web"\ncontainer = 3000\n')"
	session
	echoes before
	sleep 4 # what a start leaves for later
	before=$(woken)
	[ "$(grep -c coi-relay <<<"$before")" = 2 ]
	sleep 7
	echo "$before"
	expect_equal "$(woken)" "$before"
}

@test "killed relays and supervisors: it is there again" {
	host_server echo
	socket
	session
	kill -9 "$(pgrep -o -x coi-relay)"
	within 5 echoes back
	kill -9 "$(pgrep -n -x coi-relay)"
	within 5 echoes again
	kill -9 "$(pgrep -o -x coi-supervisor)"
	within 5 sh -c '! pgrep -x coi-relay'
	coi list >/dev/null
	within 10 echoes adopted
	run inside 'echo $SVC'
	expect_equal "$output" /home/code/deep/down/svc.sock
}

@test "the process that connects is the person and has no capability" {
	host_server echo
	socket
	session
	local status
	status=/proc/$(pgrep -n -x coi-relay)/status
	grep -q '^Seccomp:.*2$' "$status"
	# Root keeps what opens files; see connect.c.
	grep -q '^CapEff:.*0000000000000002$' "$status"
	[ "$(readlink "/proc/$(pgrep -n -x coi-relay)/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
