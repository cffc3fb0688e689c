#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What becomes of a session, and what is said about it: one table for every way in which it
# can be left or end. And starts that do not come to be.

setup_file() {
	load ../lib/common
	coi_setup
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	NAME=$(container_name 1)
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	within 15 quiet || true
	rm -rf "$T"/ws/* "$HOME/.coi/sessions-claude" "$T/out"
}

# A session on a terminal of its own, in the background; WORD... are terminal.py's.
on_terminal() { # WORD...
	python3 "$COI_TEST_SRC/tests/runtime/terminal.py" "$@" cooked -- \
		"$COI" shell --debug "${FLAGS[@]}" >"$T/out" 2>&1 &
	TERMINAL=$!
	typed() { [ -e up ]; }
	within 60 typed
}

state() {
	coi list --format json | jq -r --arg name "$NAME" '.active_containers[] | select(.name == $name) | .status'
}

# EVENT MODE → state afterwards, what is said
table() {
	cat <<-'END'
		exit      ephemeral  Running  is still running
		exit      persistent Running  is still running
		detach    ephemeral  Running  is still running
		detach    persistent Running  is still running
		poweroff  ephemeral  -        was powered off and is deleted
		poweroff  persistent Stopped  was powered off and is kept
		halt      ephemeral  -        was powered off and is deleted
		halt      persistent Stopped  was powered off and is kept
		reboot    ephemeral  -        was powered off and is deleted
		reboot    persistent Stopped  was powered off and is kept
		stop      ephemeral  Stopped  is stopped
		stop      persistent Stopped  was powered off and is kept
		shutdown  ephemeral  -        is deleted
		shutdown  persistent -        is deleted
		kill      ephemeral  -        is deleted
		kill      persistent -        is deleted
		hangup    ephemeral  Running  .
		hangup    persistent Running  .
		terminate ephemeral  -        was powered off and is deleted
		terminate persistent Stopped  was powered off and is kept
		interrupt ephemeral  -        was powered off and is deleted
	END
}

happen() { # EVENT
	case $1 in
	poweroff | halt | reboot) coi container exec "$NAME" -- "$1" >/dev/null 2>&1 || true ;;
	stop) coi container stop "$NAME" >/dev/null 2>&1 ;;
	shutdown) coi shutdown --timeout 5 "$NAME" >/dev/null ;;
	kill) coi kill --force "$NAME" >/dev/null ;;
	terminate) kill -TERM "$(pgrep -P $TERMINAL)" ;;
	interrupt) kill -INT "$(pgrep -P $TERMINAL)" ;;
	esac
}

@test "each way to leave or end a session does what it says, and says what it did" {
	local event mode after text FLAGS bad=
	while read -r event mode after text; do
		FLAGS=()
		[ $mode = ephemeral ] || FLAGS=(--persistent)
		rm -f up
		case $event in
		exit) on_terminal 'expect:bash-' 'send:touch up; echo do""ne; exit\n' 'expect:done' 'expect:bash-' 'send:exit\n' "expect:$text" status:0 ;;
		detach) on_terminal 'expect:bash-' 'send:touch up; echo do""ne\n' 'expect:done' 'send:\x02d' "expect:$text" status:0 ;;
		hangup) on_terminal 'expect:bash-' 'send:touch up; echo do""ne\n' 'expect:done' close ;;
		*) on_terminal 'expect:bash-' 'send:touch up\n' "expect:$text" status:0 ;;
		esac
		happen $event
		if [ $event != hangup ]; then
			wait $TERMINAL || bad="$bad
$event $mode: $(tail -n 8 "$T/out")"
		fi
		is_so() { [ "$(state)" = "${after#-}" ]; }
		within 20 is_so || bad="$bad
$event $mode: '$(state)', not '$after'"
		coi kill --all --force >"$T/out" 2>&1 || true
		within 40 quiet || bad="$bad
$event $mode: $(own_processes) $(cat "$T/out")"
	done < <(table)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}

@test "who enters a session that runs and is terminated leaves it as it was" {
	coi shell --debug --background >/dev/null
	local FLAGS=(--container "$NAME")
	on_terminal 'expect:bash-' 'send:touch up\n' 'expect:is still running' status:0
	kill -TERM "$(pgrep -P $TERMINAL)"
	wait $TERMINAL || { cat "$T/out"; return 1; }
	expect_equal "$(state)" Running
}

@test "interrupted while its terminal starts, nothing of a session stays" {
	coi container launch coi-default box
	coi container exec box -- sh -c 'rm /usr/bin/tmux && cat >/usr/bin/tmux && chmod 755 /usr/bin/tmux' <<-'END'
		#!/bin/sh
		[ "$1" != has-session ] || exit 1
		touch /workspace/started
		exec sleep 1000
	END
	coi image publish box slow >/dev/null
	coi container delete --force box
	local signal pid
	for signal in TERM HUP; do
		"$COI" shell --debug --background --image slow >"$T/out" 2>&1 &
		pid=$!
		within 30 test -e started
		kill -$signal $pid
		gone() { ! kill -0 $pid 2>/dev/null; }
		within 20 gone
		expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
		rm started
	done
	coi image delete slow
}

@test "an image without tmux costs no container" {
	coi container launch coi-default box
	coi container exec box -- rm /usr/bin/tmux
	coi image publish box bare >/dev/null
	coi container delete --force box
	run --separate-stderr coi shell --debug --background --image bare
	expect_status 1
	expect_one_error
	expect_stderr "--tmux=false"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	coi image delete bare
}

@test "no terminal, a tiny one, an unknown one, and one that changes its size all the time" {
	run --separate-stderr coi shell --debug </dev/null
	expect_status 1
	expect_stderr "needs a terminal"
	run --separate-stderr coi shell --tool nosuch </dev/null
	expect_status 1
	expect_stderr "there is no tool 'nosuch'"
	expect_one_error
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	local FLAGS=() sizes=() i
	on_terminal size:1x1 'expect:Mode' size:30x90 'expect:bash-' 'send:touch up; echo do""ne\n' 'expect:done' 'send:\x02d' 'expect:still running' status:0
	wait $TERMINAL || { cat "$T/out"; return 1; }
	coi kill --all --force
	rm up
	for i in $(seq 100); do
		sizes+=("size:$((i % 40 + 1))x$((i % 90 + 1))")
	done
	TERM=no-such-terminal on_terminal 'expect:bash-' "${sizes[@]}" size:24x80 'send:touch up; echo do""ne\n' 'expect:done' 'send:\x02d' \
		'expect:still running' status:0
	wait $TERMINAL || { cat "$T/out"; return 1; }
}

@test "a tmux server that died says so, and what runs is left alone" {
	coi shell --debug --background >/dev/null
	coi container exec "$NAME" -- sh -c 'kill -9 $(pidof tmux)' || true
	run --separate-stderr coi attach --bash "$NAME" </dev/null
	run --separate-stderr coi tmux send "$NAME" x
	[ "$status" != 0 ]
	expect_one_error
	run --separate-stderr coi tmux list
	expect_status 0
	expect_text "No active sessions"
	coi container running "$NAME"
}

@test "an alias that another workspace has costs no container" {
	local command
	make_workspace "$T/second"
	mkdir -p "$T/second/.coi" .coi
	printf '[container]\nalias = "web"\n' | tee "$T/second/.coi/config.toml" >.coi/config.toml
	coi shell --debug --background >/dev/null
	run --separate-stderr coi -w "$T/second" shell --debug --background
	expect_status 1
	expect_one_error
	expect_stderr "belongs to the workspace"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 1
	# By the alias, from anywhere.
	(cd / && coi tmux send "$NAME" 'touch seen')
	within 20 test -e seen
	run --separate-stderr bash -c 'cd / && "$COI" shell --dry-run web'
	expect_status 0
	expect_text "$T/ws"
	expect_text "$(container_name 2) (new)"
	for command in "snapshot list -c" logs audit; do
		# shellcheck disable=SC2086
		(cd / && coi $command web >"$T/out")
	done
	run --separate-stderr bash -c 'cd / && "$COI" shell --dry-run none'
	[[ "$output" != *"$T/ws"* ]]
	coi kill --force web
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	rm -rf "$T/second" .coi
}

@test "shell --dry-run says what would be done, and does nothing" {
	run --separate-stderr coi shell --dry-run --persistent
	expect_status 0
	expect_text "$NAME (new)"
	expect_text "$T/ws"
	expect_text persistent
	expect_text "claim its user ids"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	coi shell --debug --background >/dev/null
	run --separate-stderr coi shell --dry-run --resume
	expect_text "$NAME (Running)"
	run --separate-stderr coi shell --dry-run
	expect_text "$(container_name 2) (new)"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 1
}

@test "a state directory that cannot be written is listed all the same, and nothing starts" {
	coi container launch coi-default "$NAME"
	coi snapshot create -c "$NAME" one
	coi container stop --force "$NAME"
	mount --bind "$COI_ROOT" "$COI_ROOT"
	mount -o remount,bind,ro "$COI_ROOT"
	run --separate-stderr coi list --format json
	local listed=$output code=$status look bad=
	for look in "list --all" "container list" "container info $NAME" "image list" "image info coi-default" \
		"snapshot list -c $NAME" "snapshot info -c $NAME one"; do
		run --separate-stderr coi $look
		[ "$status" = 0 ] && [ -z "$stderr" ] || bad="$bad $look: $status $stderr"
	done
	run --separate-stderr coi run -- true
	umount "$COI_ROOT"
	expect_equal "$code" 0
	expect_equal "$bad" ""
	expect_equal "$(jq -r '.active_containers[].name' <<<"$listed")" "$NAME"
	expect_status 1
	expect_stderr "cannot write to the state directory"
}

@test "a second, more urgent stop shortens the wait of the first" {
	stubborn() {
		coi container launch coi-default stubborn >/dev/null 2>&1
		"$COI" container exec stubborn -- sh -c 'trap "" TERM; echo up >/tmp/up; while :; do sleep 1; done' >/dev/null 2>&1 3>&- &
		within 10 coi container exec stubborn -- test -e /tmp/up
	}
	stubborn
	begin=$(date +%s%N)
	coi shutdown --timeout 60 --force stubborn
	alone=$((($(date +%s%N) - begin) / 1000000))
	stubborn
	begin=$(date +%s%N)
	"$COI" shutdown --timeout 60 --force stubborn 3>&- &
	first=$!
	within 10 sh -c "grep -q '^state *= *stopping' '$COI_ROOT/containers/stubborn/container.ini'"
	coi shutdown --timeout 1 --force stubborn || true
	wait $first
	both=$((($(date +%s%N) - begin) / 1000000))
	[ $((both * 2)) -lt "$alone" ] || { echo "$both against $alone"; return 1; }
}

@test "an end that waits for who uses the container's files says for whom" {
	coi shell --debug --background --persistent >/dev/null
	# What an image being made of it holds, as long as it wants.
	flock "$COI_ROOT/run/$NAME.lock" sh -c 'echo $$ >"$1"; touch held; exec sleep 1000' - \
		"$COI_ROOT/run/$NAME.lock" 3>&- &
	local flock=$! holder
	within 10 test -e held
	holder=$(tr -d ' ' <"$COI_ROOT/run/$NAME.lock")
	run --separate-stderr timeout 60 "$COI" kill "$NAME"
	local code=$status told=$stderr
	# Again, while that goes on.
	run --separate-stderr timeout 60 "$COI" kill "$NAME"
	local again="$status $stderr"
	kill "$holder"
	wait $flock || true
	gone() { ! coi container exists "$NAME"; }
	within 20 gone
	expect_equal "$code" 0
	[[ "$told" == *"process $holder uses its files"* ]] || { echo "$told"; return 1; }
	[[ "$again" == *"process $holder uses its files"* ]] || { echo "$again"; return 1; }
}

@test "container.ready_timeout: a system that never gets ready is given up in time, and nothing stays" {
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	coi container launch coi-default sleeper 2>/dev/null
	printf '#!/bin/sh\nexec sleep 1000\n' >"$T/init"
	chmod 755 "$T/init"
	coi container exec sleeper -- sh -c 'rm -f /sbin/init'
	coi file push "$T/init" sleeper:/sbin/init
	coi container exec sleeper -- chmod 755 /sbin/init
	coi container stop --force sleeper
	coi image publish sleeper never-ready
	coi container delete --force sleeper
	printf '[container]\ninit = "systemd"\nimage = "never-ready"\nready_timeout = 1\n' >"$HOME/.coi/config.toml"
	run --separate-stderr timeout 25 "$COI" container launch never-ready waits
	expect_status 1
	expect_stderr "was not ready within 1 s"
	run ! coi container exists waits
	rm "$HOME/.coi/config.toml"
	coi image delete never-ready
}
