#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi logs: what happened to a container, for one that has gone too.

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
	LOG=$HOME/.coi/logs/$NAME.session.log
	within 10 rm -rf "$HOME/.coi/logs"
}

teardown() {
	[ -z "${FOLLOWER-}" ] || kill "$FOLLOWER" 2>/dev/null || true
	coi kill --all --force >/dev/null 2>&1 || true
	within 15 quiet || true
}

has_line() { # PATTERN
	grep -qE -- "$1" "$LOG"
}

gone() {
	! coi container exists "$NAME"
}

@test "start and end, by whom and why, also when the container has gone" {
	coi shell --debug --background
	within 5 has_line "^[0-9T:+Z-]{20,} started by root \(uid 0\) after [0-9]+ ms: shell, deleted when it ends, image 'coi-default', network restricted, workspace '$T/ws'; session [0-9a-f-]{36} of claude$"
	expect_equal "$(stat -c %a "$LOG")" 600
	coi shutdown --timeout 5 "$NAME"
	run -0 --separate-stderr coi logs
	expect_text "ended: powered off; why: root (uid 0) wants it deleted"
	expect_text "is saved"
	[[ "$(tail -n 1 "$LOG")" == *" deleted" ]]
	expect_equal "$output" "$(cat "$LOG")"
	run -0 --separate-stderr coi logs "$NAME" --tail 1
	expect_equal "$output" "$(tail -n 1 "$LOG")"
	COI_CONTAINER=$NAME run -0 --separate-stderr coi logs --tail 0 -w /
	expect_equal "$output" ""
	COI_CONTAINER=$NAME run -0 --separate-stderr coi logs --tail 1 -w /
	expect_equal "$output" "$(tail -n 1 "$LOG")"
	run ! coi logs -w /
}

# How a container ends, and what the log says of it.
endings() {
	cat <<-'END'
		kill      ended: killed; why: root \(uid 0\) wants it deleted
		stop      ended: killed; why: root \(uid 0\) wants it stopped
		poweroff  ended: powered off from inside
		late      ended: killed, since it did not power off in time
		limit     ended: killed; why: it has run as long as it may \(limits\.runtime\.max_duration\)
		sigterm   ended: .*why: somebody ended its supervisor \(SIGTERM\)
		crash     a crash or a power cut left it running: it is cleaned up and kept, stopped
	END
}

supervisor_pid() {
	sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$NAME/container.ini"
}

init_pid() {
	sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$NAME/container.ini"
}

happen() {
	case $1 in
	kill) coi kill "$NAME" ;;
	stop) coi container stop --force "$NAME" ;;
	poweroff) coi container exec "$NAME" -- poweroff || true ;;
	late)
		# An init that stands still does not power off.
		kill -STOP "$(init_pid)"
		coi shutdown --timeout 1 "$NAME"
		;;
	limit) ;;
	sigterm) kill "$(supervisor_pid)" ;;
	crash)
		local init
		init=$(init_pid)
		kill -9 "$(supervisor_pid)"
		kill -9 "$init"
		coi list >/dev/null
		;;
	esac
}

@test "each way in which it can end is told" {
	local how text bad=
	while read -r how text; do
		rm -f "$LOG"
		if [ "$how" = limit ]; then
			printf '[limits.runtime]\nmax_duration = "1s"\nstop_graceful = false\n' >>"$HOME/.coi/config.toml"
		fi
		coi shell --debug --background >/dev/null 2>&1
		sed -i '/^\[limits.runtime\]/,$d' "$HOME/.coi/config.toml"
		happen "$how" >/dev/null 2>&1
		within 20 has_line "$text" || bad="$bad
$how: $(cat "$LOG")"
		coi kill --all --force >/dev/null 2>&1 || true
		within 20 quiet
	done < <(endings)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}

@test "an init that dies while a supervisor takes over: the same command puts it right" {
	local try supervisor init record=$COI_ROOT/containers/$NAME/container.ini
	dead() { ! kill -0 "$supervisor" 2>/dev/null; }
	over() { [ ! -e "$record" ] || grep -q "^state *= *stopped" "$record"; }
	for try in 0 0.005 0.01 0.02 0.04 0.08; do
		rm -f "$LOG"
		coi shell --debug --background >/dev/null 2>&1
		supervisor=$(supervisor_pid)
		init=$(init_pid)
		kill -9 "$supervisor"
		within 10 dead
		{ sleep $try; kill -9 "$init"; } 3>&- &
		coi list >"$T/list" 2>&1
		wait $!
		# Nobody says anything more: its new supervisor sees the end, or the command did.
		within 20 over || { echo "after $try s:"; cat "$T/list" "$LOG" "$COI_ROOT/containers/$NAME/supervisor.log"; return 1; }
		coi kill --all --force >/dev/null 2>&1 || true
		coi container delete "$NAME" >/dev/null 2>&1 || true
		within 20 quiet
	done
}

@test "an init that dies before its container is taken over: the same command puts it right" {
	local init record=$COI_ROOT/containers/$NAME/container.ini list
	coi shell --debug --background >/dev/null 2>&1
	init=$(init_pid)
	exec 9<"$COI_ROOT/run/$NAME.lock"
	flock 9
	kill -9 "$(supervisor_pid)"
	"$COI" list >"$T/list" 2>&1 3>&- 9>&- &
	list=$!
	# It has seen that there is somebody to be taken over, and waits.
	within 10 grep -q 'Waiting for process' "$T/list"
	kill -9 "$init"
	exec 9<&-
	wait "$list"
	[ ! -e "$record" ] || grep -q "^state *= *stopped" "$record" || { cat "$T/list"; return 1; }
	within 20 quiet
}

@test "warnings of the command and of the supervisor, and a start that fails" {
	cat >>"$HOME/.coi/config.toml" <<-END
		[[sockets]]
		host = "$T/no-such-socket"
		container = "/home/code/none.sock"
	END
	coi shell --debug --background >/dev/null 2>&1
	sed -i '/^\[\[sockets\]\]/,$d' "$HOME/.coi/config.toml"
	within 5 has_line "Warning: .*$T/no-such-socket.* is not forwarded"
	# Its name service ends: the supervisor starts it again, and says so.
	kill -9 "$(sed -n 's/^resolver *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$NAME/container.ini")"
	within 10 has_line "Warning: the name service of '$NAME' ended and is started again"
	coi kill "$NAME"

	within 15 quiet
	COI_CRASH_AT=start:start:before run coi shell --debug --background
	expect_status 1
	has_line "Error: the supervisor died while it was starting the container"
}

@test "several have gone: one has to be named; none, and no name at all" {
	run --separate-stderr coi logs
	expect_status 1
	expect_one_error
	expect_stderr "no container of '$T/ws' has a session log"
	mkdir -p "$HOME/.coi/logs"
	echo one >"$LOG"
	run -0 --separate-stderr coi logs
	expect_equal "$output" one
	echo two >"$HOME/.coi/logs/$(container_name 2).session.log"
	run --separate-stderr coi logs
	expect_status 1
	expect_stderr "$NAME, $(container_name 2)"
	run --separate-stderr coi logs coi-00000000-1
	expect_status 1
	expect_stderr "there is no session log of 'coi-00000000-1' ($HOME/.coi/logs/coi-00000000-1.session.log)"
	local odd
	for odd in ../logs/x a/b . ''; do
		run --separate-stderr coi logs "$odd"
		[ "$status" != 0 ]
		expect_one_error
	done
	run --separate-stderr coi logs --tail x
	[ "$status" != 0 ]
}

follows() { # TEXT has been printed by the follower
	grep -q -- "$1" "$T/out"
}

@test "--follow: the last ten, then what comes, over a rotation and before there is a file" {
	"$COI" logs --follow "$NAME" >"$T/out" 2>&1 3>&- &
	FOLLOWER=$!
	within 10 test -d "$HOME/.coi/logs"
	coi shell --debug --background >/dev/null 2>&1
	within 10 follows 'started by'
	# Just before its maximum: the next line finds the file full.
	yes 'a line of some length that fills the file' | head -c $((8 * 1024 * 1024)) >>"$LOG"
	coi kill "$NAME"
	within 10 follows ' deleted$'
	[ -s "$LOG.1" ]
	within 10 follows 'ended: killed'
	kill "$FOLLOWER"
	local code=0
	wait "$FOLLOWER" || code=$?
	FOLLOWER=
	expect_equal $code 0
	# Both files are one log.
	run -0 --separate-stderr coi logs "$NAME"
	[[ "$output" == *"started by"*"ended: killed"*deleted* ]]
	"$COI" logs -f "$NAME" >"$T/out" 2>&1 3>&- &
	FOLLOWER=$!
	within 10 follows ' deleted$'
	expect_equal "$(wc -l <"$T/out")" 10
}

@test "a link, a pipe or a second name in its place is left alone, and the container runs" {
	local what
	mkdir -p "$HOME/.coi/logs"
	echo mine >"$T/mine"
	for what in link dangling pipe hard; do
		rm -f "$LOG"
		case $what in
		link) ln -s "$T/mine" "$LOG" ;;
		dangling) ln -s "$T/new" "$LOG" ;;
		pipe) mkfifo "$LOG" ;;
		hard) ln "$T/mine" "$LOG" ;;
		esac
		timeout 60 "$COI" shell --debug --background >/dev/null 2>&1
		coi container running "$NAME"
		[ $what = hard ] || { run --separate-stderr timeout 20 "$COI" logs "$NAME"; expect_status 1; expect_one_error; }
		timeout 60 "$COI" kill "$NAME"
		within 15 quiet
		[ ! -e "$T/new" ]
		expect_equal "$(cat "$T/mine")" mine
	done
	rm "$T/mine"
}

@test "control characters from a directory's name are not in it" {
	local odd=$T/ws/$'a\n\033[31mred'
	make_workspace "$odd"
	coi -w "$odd" shell --debug --background >/dev/null 2>&1
	run ! grep -q $'\033' "$HOME"/.coi/logs/*.session.log
	expect_equal "$(grep -c red "$HOME"/.coi/logs/*.session.log)" 1
	coi kill --all --force
	rm -rf "$odd"
}

@test "under sudo it is the person's; without root it can be read, by name and by directory" {
	mkdir -p "$T/person"
	chown 1234:1234 "$T/person"
	getent passwd 1234 >/dev/null && skip "there is a user 1234"
	SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=ann HOME=$T/person coi shell --debug --background >/dev/null 2>&1
	LOG=$T/person/.coi/logs/$NAME.session.log
	within 5 has_line "started by .*\(uid 1234\)"
	[ -z "$(find "$T/person" ! -uid 1234)" ]
	# Root sees it, too: it is that container's.
	run -0 --separate-stderr coi logs "$NAME"
	expect_text "uid 1234"
	coi kill "$NAME"
	cp "$COI" "$T/coi-copy"
	run -0 --separate-stderr setpriv --reuid 1234 --regid 1234 --clear-groups env HOME="$T/person" "$T/coi-copy" logs
	expect_text "ended: killed"
	run -0 --separate-stderr setpriv --reuid 1234 --regid 1234 --clear-groups env HOME="$T/person" "$T/coi-copy" logs "$NAME" --tail 1
	expect_text "deleted"
	rm -rf "$T/person" "$T/coi-copy"
}

@test "paths.logs_dir says where" {
	printf '[paths]\nlogs_dir = "%s"\n' "$T/my-logs" >>"$HOME/.coi/config.toml"
	coi run -- true 2>/dev/null
	LOG=$T/my-logs/$NAME.session.log
	within 10 has_line "why: its command has ended"
	run -0 --separate-stderr coi logs "$NAME"
	sed -i '/^\[paths\]/,$d' "$HOME/.coi/config.toml"
	expect_text "started by root (uid 0)"
	[ ! -e "$HOME/.coi/logs/$NAME.session.log" ]
	rm -rf "$T/my-logs"
}

@test "a timeline: whose time a start took, for people and as JSON" {
	COI_TIMING_DEBUG=1 COI_TIMING_DEBUG_JSON=$T/t.json run -0 --separate-stderr coi shell --debug --background
	expect_stderr 'Timeline, in ms'
	local what
	for what in 'coi    read the settings' 'coi    start it' 'init   wait until it is ready' \
		'coi    start the session' 'agent  its prompt: the screen is at rest'; do
		expect_stderr "$what"
	done
	# In order, nothing twice, and the sums are all there is.
	jq -e '(.marks | map(.at_ms) | . == sort) and .marks[0].at_ms > 0
		and (.marks | map(.what) | length == (unique | length))
		and ([.marks[].took_ms] | add) - .total_ms < 0.01
		and (.coi_ms + .init_ms + .agent_ms - .total_ms | fabs) < 0.01
		and .agent_ms > 0' "$T/t.json" || { jq . "$T/t.json"; false; }
	coi kill --all --force
	COI_TIMING_DEBUG=1 run -0 --separate-stderr coi run -- sh -c 'sleep 0.2'
	expect_stderr 'agent  the command'
	expect_stderr 'coi    end the container'
	run -0 --separate-stderr coi run -- true
	[[ "$stderr" != *Timeline* ]]
	# A file that cannot be written costs a warning.
	COI_TIMING_DEBUG_JSON=$T run -0 --separate-stderr coi run -- true
	expect_stderr 'Warning: cannot write'
	rm "$T/t.json"
}
