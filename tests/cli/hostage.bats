#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A container, or whoever is root in it, does not hold the command that looks into it, nor
# the terminal; and the caller's own limits stay outside.

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
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	coi container delete --force box >/dev/null 2>&1 || true
	rm -f "$T"/ws/* "$T/out"
}

on_terminal() {
	python3 "$COI_TEST_SRC/tests/runtime/terminal.py" "$@"
}

@test "a command that was stopped in there lets go of the terminal at the first ^C" {
	coi container launch coi-default box
	# It stops itself, as root in there could stop it, and says so once it stands.
	local stop='(until grep -q "^State:.T" /proc/$$/status; do :; done; echo going) & kill -STOP $$; sleep 1000'
	on_terminal 'expect:going' 'send:\x03' 'expect:did not react' status:130 cooked -- \
		"$COI" container exec --tty box -- sh -c "$stop"
	coi container exec box -- true
}

@test "a command that answers nothing lets go after some of them, and one that answers does not" {
	coi container launch coi-default box
	on_terminal 'expect:going' 'send:\x03' 'send:\x03' 'send:\x03' 'send:\x03' 'send:\x03' \
		'expect:did not react' status:130 cooked -- \
		"$COI" container exec --tty box -- sh -c 'stty raw -echo; echo going; while :; do sleep 1; done'
	on_terminal 'expect:going' 'send:\x03' expect:hm 'send:\x03' expect:hm 'send:\x03' expect:hm \
		'send:\x03' expect:hm 'send:\x03' expect:hm 'send:\x03' expect:hm 'send:q' status:7 cooked -- \
		"$COI" container exec --tty box -- sh -c 'stty raw -echo; printf going; while :; do [ "$(dd bs=1 count=1 2>/dev/null)" != q ] || exit 7; printf hm; done'
}

@test "SIGTERM to the command ends it when what it runs was stopped" {
	coi container launch coi-default box
	"$COI" container exec box -- sh -c 'echo up >/run/up; kill -STOP $$; sleep 1000' >"$T/out" 2>&1 &
	local pid=$!
	is_up() { coi container exec box -- test -e /run/up; }
	within 20 is_up
	kill -TERM $pid
	gone() { ! kill -0 $pid 2>/dev/null; }
	within 10 gone
}

@test "whoever stops all that enters holds nobody" {
	coi container launch coi-default box
	coi container exec box -- sh -c '
		cat >/run/stopper <<-"END"
			while :; do
				for p in /proc/[0-9]*; do
					p=${p#/proc/}
					[ "$p" -le "$1" ] || [ "$p" = $$ ] || kill -STOP "$p" 2>/dev/null
				done
			done
		END
		setsid sh /run/stopper $$ >/dev/null 2>&1 </dev/null &'
	local round
	for round in 1 2 3; do
		"$COI" container exec box -- true >"$T/out" 2>&1 &
		local pid=$!
		gone() { kill -TERM $pid 2>/dev/null; ! kill -0 $pid 2>/dev/null; }
		within 30 gone
	done
	coi container delete --force box
}

@test "whoever puts over the workspace what never answers does not hold its supervisor" {
	local name held
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	git init -q
	coi shell --debug --background >/dev/null 2>&1
	name=$(container_name)
	coi file push "$COI_TEST_BUILD/runtime-stuckfs" "$name:/opt/stuckfs"
	coi container exec "$name" -- sh -c 'chmod 755 /opt/stuckfs; mkdir /stuck /other'
	rm -f "$T/out"
	"$COI" container exec "$name" -- /opt/stuckfs /stuck names >"$T/out" 2>&1 3>&- &
	held=$!
	within 10 grep -q mounted "$T/out"
	# An overlay asks with the rights of who has mounted it, whoever looks.
	"$COI" container exec "$name" -- sh -c 'mount -t overlay o -o lowerdir=/stuck:/other /workspace; sleep 1000' \
		>/dev/null 2>&1 3>&- &
	within 10 grep -q asked "$T/out"
	frozen() { [ "$(coi list --format json | jq -r '.active_containers[].status')" = Frozen ]; }
	within 20 frozen
	# It is still there to be asked for something.
	timeout 30 "$COI" kill "$name"
	wait $held $! || true
	rm -rf .git "$HOME/.coi/config.toml"
}

@test "nor where something is mounted later; and who waited for it leaves nothing" {
	local name held mount supervisor stopped
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	mkdir "$T/data"
	chown 1234 "$T/data"
	coi shell --debug --background >/dev/null 2>&1
	name=$(container_name)
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$name/container.ini")
	children() { ps --ppid "$supervisor" -o "$1" | grep -E "$2"; }
	no_zombies() { ! children stat= Z; }
	coi file push "$COI_TEST_BUILD/runtime-stuckfs" "$name:/opt/stuckfs"
	coi container exec "$name" -- sh -c 'chmod 755 /opt/stuckfs; mkdir /stuck'
	rm -f "$T/out"
	"$COI" container exec "$name" -- /opt/stuckfs /stuck names >"$T/out" 2>&1 3>&- &
	held=$!
	within 10 grep -q mounted "$T/out"
	run --separate-stderr timeout 60 "$COI" container mount "$name" data "$T/data" /stuck/data
	expect_status 1
	expect_stderr "does not answer"
	not children comm= coi-supervisor
	# One that does not even get that far.
	"$COI" container mount "$name" data "$T/data" /stuck/data >"$T/mount" 2>&1 3>&- &
	mount=$!
	while kill -0 "$mount" 2>/dev/null; do
		for stopped in $(children pid=,comm= coi-supervisor | awk '{ print $1 }'); do
			kill -STOP "$stopped" 2>/dev/null || true
		done
		sleep 0.05
	done
	wait "$mount" && return 1
	coi container exec "$name" -- sh -c 'kill -9 $(pidof stuckfs)'
	wait "$held" || true
	within 5 no_zombies
	# And there is nothing that the next one would have to wait for.
	coi container mount "$name" data "$T/data" /data
	coi kill "$name"
	rm "$HOME/.coi/config.toml"
}

@test "nor over what a watcher looks at" {
	local supervisor held
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\n' >"$HOME/.coi/config.toml"
	coi container launch coi-default box
	coi file push "$COI_TEST_BUILD/runtime-stuckfs" box:/opt/stuckfs
	coi container exec box -- sh -c 'chmod 755 /opt/stuckfs; mkdir /stuck /other'
	rm -f "$T/out"
	"$COI" container exec box -- /opt/stuckfs /stuck names >"$T/out" 2>&1 3>&- &
	held=$!
	within 10 grep -q mounted "$T/out"
	coi container exec box -- mount -t overlay o -o lowerdir=/stuck:/other /root
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
	kill -9 "$(pgrep -P "$supervisor" coi-watch)"
	within 10 grep -q asked "$T/out"
	# The next one is asked whether it turns, and killed.
	sleep 23
	timeout 30 "$COI" kill box
	wait $held || true
	rm "$HOME/.coi/config.toml"
}

@test "limits of the caller are not those of the container" {
	(
		ulimit -Sn 100
		ulimit -Sf 2000
		coi run -- sh -c 'ulimit -n; ulimit -f' >"$T/out"
	)
	expect_equal "$(xargs <"$T/out")" "1024 unlimited"
	(
		ulimit -Sn 100
		coi container launch coi-default box
	)
	coi container exec box -- grep 'Max open files' /proc/1/limits >"$T/out"
	expect_equal "$(awk '{ print $4 }' "$T/out")" 1024
}

@test "messages call a container by its name" {
	coi container launch coi-default box
	coi container exec box -- sh -c 'while :; do :; done' &
	run --separate-stderr coi container stop --force box
	run --separate-stderr coi container exec box -- true
	expect_status 1
	expect_stderr "'box' is not running"
	run ! grep -q "$(root_tag)" <<<"$stderr"
}
