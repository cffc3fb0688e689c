#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Sessions: shell in the background, attach, what is typed, list, kill, shutdown, slots.
# The tool is a shell script in the workspace-independent image: `--debug` is bash.

setup_file() {
	load ../lib/common
	coi_setup
	export TMUX_TMPDIR=$T/tmp
	unset TMUX
}

teardown_file() {
	load ../lib/common
	tmux -L outer kill-server 2>/dev/null || true
	coi_teardown
}

setup() {
	load ../lib/common
	export TMUX_TMPDIR=$T/tmp
	cd "$T/ws"
}

teardown() {
	tmux -L outer kill-server 2>/dev/null || true
	coi kill --all --force >/dev/null 2>&1 || true
}

# A terminal of ours, in which a command runs, and what its screen shows.
terminal() {
	tmux -L outer -f /dev/null new-session -d -x 120 -y 40 "$@"
}

screen_shows() {
	tmux -L outer capture-pane -p 2>/dev/null | grep -qF -- "$1"
}

@test "shell --background, then attach, typed into through tmux" {
	run --separate-stderr coi shell --debug --background
	expect_status 0
	local name
	name=$(container_name 1)
	expect_equal "$(coi list --format json | jq -r '.active_containers[].name')" "$name"
	[[ "$output$stderr" == *"coi-$name"* ]]

	terminal "$COI_TEST_BUILD/coi attach; echo ended with \$?; sleep 1000"
	within 20 screen_shows '$'
	tmux -L outer send-keys 'echo typed-$((20+3)) >typed; id -un; pwd' Enter
	within 20 test -s typed
	expect_equal "$(cat typed)" typed-23
	expect_equal "$(stat -c %u typed)" 1234
	within 10 screen_shows code
	within 10 screen_shows /workspace

	# Detached by its own key: the session goes on.
	tmux -L outer send-keys C-b d
	within 10 screen_shows "ended with 0"
	coi container running "$name"
	rm typed
}

@test "tmux send, capture and list reach the session" {
	coi shell --debug --background
	local name
	name=$(container_name 1)
	coi tmux send "$name" 'echo sent-$((40+2)) "a  b" >sent'
	within 20 test -s sent
	expect_equal "$(cat sent)" "sent-42 a  b"
	captured() { coi tmux capture "$name" | grep -q 'echo sent'; }
	within 10 captured
	run --separate-stderr coi tmux list
	expect_status 0
	expect_text "$name"
	expect_text "coi-$name"
	run --separate-stderr coi tmux list --format json
	expect_equal "$(jq -r '.[0].session' <<<"$output")" "coi-$name"
	run --separate-stderr coi tmux capture coi-00000000-1
	[ "$status" != 0 ]
	rm sent
}

@test "a directory's name cannot fake lines of ours" {
	local odd=$T/ws/$'a\nError: fake'
	make_workspace "$odd"
	run coi -w "$odd" shell --debug --background
	expect_status 0
	expect_text '/a\x0aError: fake'
	run ! grep '^Error: fake' <<<"$output"
	run coi list
	expect_text '/a\x0aError: fake'
	run ! grep '^Error: fake' <<<"$output"
	coi kill --all --force
	rm -rf "$odd"
}

@test "what calls itself tmux inside cannot drive our terminal" {
	local name
	coi shell --debug --background
	name=$(container_name 1)
	coi container exec "$name" -- sh -c 'printf "#!/bin/sh\nprintf \"\\033]0;owned\\007x\"\n" >/usr/local/bin/tmux 2>/dev/null ||
		{ mkdir -p /usr/local/bin && printf "#!/bin/sh\nprintf \"\\033]0;owned\\007x\"\n" >/usr/local/bin/tmux; }; chmod 755 /usr/local/bin/tmux'
	python3 "$COI_TEST_SRC/tests/runtime/terminal.py" 'expect:\\x1b]0;owned\\x07x' status:0 -- \
		"$COI" tmux capture "$name"
	run coi tmux capture "$name"
	expect_equal "$output" $'\033]0;owned\ax'
}

@test "interactive shell in a terminal; exit keeps it, attach comes back" {
	local name
	name=$(container_name 1)
	terminal "$COI_TEST_BUILD/coi shell --debug; echo ended with \$?; sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'touch here' Enter; sleep 0.3; test -e here; }
	within 30 typed_arrives
	tmux -L outer send-keys C-b d
	within 20 screen_shows "ended with 0"
	coi container running "$name"
	rm here
	# A shell beside the session, not the session.
	tmux -L outer respawn-pane -k "$COI_TEST_BUILD/coi attach --bash $name; echo ended with \$?; sleep 1000"
	bash_answers() { tmux -L outer send-keys 'echo "[$TMUX]" >bash' Enter; sleep 0.3; test -s bash; }
	within 30 bash_answers
	expect_equal "$(cat bash)" "[]"
	tmux -L outer send-keys 'exit' Enter
	within 20 screen_shows "ended with 0"
	coi container running "$name"
	rm bash
}

@test "direct mode without tmux runs in the terminal and ends with the tool" {
	terminal "$COI_TEST_BUILD/coi shell --debug --tmux=false; echo ended with \$?; sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'touch direct' Enter; sleep 0.3; test -e direct; }
	within 30 typed_arrives
	tmux -L outer send-keys C-d
	within 20 screen_shows "ended with 0"
	rm direct
	# The setting says the same; without a terminal it reads what it is given.
	cp "$HOME/.coi/config.toml" "$T/kept.toml"
	printf '[shell]\nuse_tmux = false\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr coi shell --debug <<<'touch direct'
	mv "$T/kept.toml" "$HOME/.coi/config.toml"
	expect_status 0
	rm direct
}

@test "list shows the session, in text and json" {
	coi shell --debug --background
	local name
	name=$(container_name 1)
	run --separate-stderr coi list
	expect_status 0
	expect_text "$name (ephemeral)"
	expect_text "Status: Running"
	expect_text "Workspace: $T/ws"
	expect_text "IPv4:"
	run --separate-stderr coi list --format json
	local row
	row=$(jq '.active_containers[0]' <<<"$output")
	expect_equal "$(jq -r .status <<<"$row")" Running
	expect_equal "$(jq -r .persistent <<<"$row")" false
	expect_equal "$(jq -r .workspace <<<"$row")" "$T/ws"
	jq -e --arg n "$name" '.name == $n and (.image | test("coi-default")) and
		(.ipv4 | test("^10[.]")) and has("alias") and has("pool")' <<<"$row"
	[[ "$(jq -r .created_at <<<"$row")" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}$ ]]
	expect_equal "$(jq -r 'keys_unsorted == (keys_unsorted | sort)' <<<"$row")" true
}

@test "list shows those of a status only" {
	coi shell --debug --background >/dev/null
	coi container launch coi-default "$(container_name 2)"
	coi container stop --force "$(container_name 2)"
	names() { coi list "$@" --format json | jq -r '.active_containers[].name' | xargs; }
	expect_equal "$(names --running)" "$(container_name 1)"
	expect_equal "$(names --stopped)" "$(container_name 2)"
	expect_equal "$(names --status STOPPED)" "$(container_name 2)"
	expect_equal "$(names --status frozen)" ""
	run -0 coi list --stopped
	expect_equal "${lines[0]} ${lines[1]} ${lines[2]}" \
		"Stopped Containers: -------------------   $(container_name 2) (persistent)"
	run -0 coi list --status frozen
	expect_equal "${lines[0]} ${lines[2]}" "Frozen Containers:   (none)"
	run -2 coi list --running --stopped
	run -2 coi list --status ''
	run -2 coi list --running --status frozen
	run -2 --separate-stderr coi list --status asleep
	expect_stderr "'asleep' is no status of a container"
	expect_one_error
}

@test "a second shell of the workspace gets the second slot, and one of its name" {
	coi shell --debug --background
	coi shell --debug --background
	expect_equal "$(coi list --format json | jq -r '.active_containers[].name' | sort | xargs)" \
		"$(container_name 1) $(container_name 2)"
	# An explicit slot that is taken moves up, and says so.
	run --separate-stderr coi shell --debug --background --slot 1
	expect_status 0
	[[ "$output$stderr" == *3* ]]
	coi container running "$(container_name 3)"
	# Freed in the middle: the lowest comes next.
	coi kill --force "$(container_name 2)"
	coi shell --debug --background
	coi container running "$(container_name 2)"
}

# What ends a container removes its record, then its directories, then lets the name go.
@test "a name that is held without a record is waited for: the slot is the one it was" {
	local name lock
	name=$(container_name 1)
	lock=$COI_ROOT/run/$name.lock
	exec 9>"$lock"
	flock 9
	{ sleep 0.3 9>&-; rm -f "$lock"; } 3>&- &
	exec 9>&-
	coi shell --debug --background
	coi container running "$name"
	wait $!
	coi kill --force "$name"

	lock=$COI_ROOT/run/chosen.lock
	exec 9>"$lock"
	flock 9
	{ sleep 0.3 9>&-; rm -f "$lock"; } 3>&- &
	exec 9>&-
	coi container launch coi-default chosen
	wait $!
	coi container delete --force chosen

	# For ever held: the next slot.
	exec 9>"$COI_ROOT/run/$name.lock"
	flock 9
	coi shell --debug --background 9>&-
	exec 9>&-
	coi container running "$(container_name 2)"
}

@test "ten slots of a workspace, and no more" {
	local i
	for i in $(seq 10); do
		coi container launch coi-default "$(container_name "$i")"
	done
	run --separate-stderr coi shell --debug --background
	expect_status 1
	expect_one_error
	expect_stderr "all 10 slots of workspace '$T/ws' are in use"
	coi container delete --force "$(container_name 10)"
	coi shell --debug --background
	coi container running "$(container_name 10)"
}

@test "two launches at once never collide" {
	local i pids=() rc=0
	for i in 1 2 3 4; do
		"$COI" shell --debug --background >"$T/launch.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || rc=1
	done
	[ "$rc" = 0 ] || { cat "$T"/launch.*; return 1; }
	expect_equal "$(coi list --format json | jq -r '.active_containers[].name' | sort | xargs)" \
		"$(container_name 1) $(container_name 2) $(container_name 3) $(container_name 4)"
	local maps
	maps=$(for i in 1 2 3 4; do
		coi container exec "$(container_name $i)" -- cat /proc/self/uid_map | head -n 1
	done | sort -u | wc -l)
	expect_equal "$maps" 4
}

@test "attach with several running lists them" {
	coi shell --debug --background
	coi shell --debug --background
	run coi attach
	expect_status 0
	expect_text "$(container_name 1)"
	expect_text "$(container_name 2)"
	# One of them, by its name.
	terminal "$COI_TEST_BUILD/coi attach $(container_name 2); sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'echo "$(hostname) $TMUX" >name' Enter; sleep 0.3; test -s name; }
	within 30 typed_arrives
	[[ "$(cat name)" == "$(container_name 2) /"* ]]
	rm name
}

@test "names are made of the workspace's path" {
	make_workspace "$T/second"
	coi shell --debug --background -w "$T/second"
	local hash
	hash=$(printf %s "$T/second" | sha256sum | cut -c1-8)
	coi container running "coi-$hash-1"
	# What is protected in it cannot be removed while it runs, by root neither.
	coi kill --force "coi-$hash-1"
	rm -rf "$T/second"
}

@test "a named session is the same from another directory, and says when it forks" {
	local hash name id before=$HOME HOME=$T/home2
	mkdir -p "$HOME/.coi"
	cp "$before/.coi/config.toml" "$HOME/.coi/"
	make_workspace "$T/moved"
	# What it had by its path is found from its name, too.
	coi shell --debug --background --persistent >"$T/out" 2>&1
	id=$(sed -n 's/^ *Session: *//p' "$T/out")
	coi container exec --user 1000 "$(container_name 1)" -- sh -c 'echo 1 >~/.claude/x'
	coi shutdown --timeout 5 "$(container_name 1)"
	sed -i 's/^\[container\]/&\nsession_name = "mine"/' "$HOME/.coi/config.toml"
	hash=$(printf session-name:mine | sha256sum | cut -c1-8)
	name=coi-$hash-1
	coi shell --debug --background --persistent --resume >"$T/out" 2>&1
	expect_equal "$(sed -n 's/^ *Session: *//p' "$T/out")" "$id"
	coi container running "$name"
	run --separate-stderr coi shell --debug --background
	expect_status 0
	expect_stderr "the session 'mine' has container '$name' already (Running)"
	expect_stderr "'coi-$hash-2' is a new one"
	coi kill "coi-$hash-2"
	coi container exec "$name" -- touch /root/kept
	coi container stop --force "$name"

	# From another directory: the same container, with that directory in it.
	run --separate-stderr coi -w "$T/moved" shell --debug --background --persistent
	expect_status 0
	expect_stderr "'$name' had '$T/ws' as its workspace, and has '$T/moved' from now on"
	coi container exec "$name" -- sh -c 'test -e /root/kept && touch /workspace/here'
	[ -e "$T/moved/here" ]
	run --separate-stderr coi -w "$T/moved" attach --slot 1 </dev/null
	expect_stderr "attaching needs a terminal"
	run -0 --separate-stderr coi -w "$T/moved" logs --tail 1
	# A project's file cannot take the name of another session.
	cp "$before/.coi/config.toml" "$HOME/.coi/"
	mkdir .coi
	printf '[container]\nsession_name = "mine"\n' >.coi/config.toml
	run --separate-stderr coi shell --dry-run
	expect_text "Container: $(container_name 1) (new)"
	rm -r .coi
	coi kill --all --force
	rm -rf "$T/moved" "$HOME"
}

@test "another prefix is another family" {
	COI_CONTAINER_PREFIX=other- coi shell --debug --background
	local name
	name=$(COI_CONTAINER_PREFIX=other- container_name 1)
	coi container running "$name"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	COI_CONTAINER_PREFIX=other- coi kill --all --force
}

@test "kill ends it and says so" {
	coi shell --debug --background
	run coi kill "$(container_name 1)"
	expect_status 0
	expect_text "Killed 1 container"
	run coi container exists "$(container_name 1)"
	expect_status 1
}

@test "kill and shutdown of several ask, and no is no; with --force nobody is asked" {
	local command said
	for command in kill shutdown; do
		said="Killed 2 containers"
		[ $command = kill ] || said="Shut down 2 containers"
		coi shell --debug --background
		coi shell --debug --background
		run "$COI" "$command" --all <<<n
		expect_status 0
		expect_text "[y/N]"
		coi container running "$(container_name 1)"
		coi container running "$(container_name 2)"
		run "$COI" "$command" --all <<<y
		expect_status 0
		expect_text "$said"
		expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
		coi shell --debug --background
		coi shell --debug --background
		run "$COI" "$command" --all --force </dev/null
		expect_status 0
		expect_text "$said"
		[[ "$output" != *"[y/N]"* ]]
		expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	done
}

@test "shutdown ends it within its time, persistent ones too" {
	coi shell --debug --background --persistent
	run coi shutdown --timeout 5 "$(container_name 1)"
	expect_status 0
	run coi container exists "$(container_name 1)"
	expect_status 1
	# The setting, where none is said: not the minute that it is without it.
	cp "$HOME/.coi/config.toml" "$T/kept.toml"
	printf '[container]\ninit = "coi-init"\nshutdown_timeout = 1\n' >"$HOME/.coi/config.toml"
	coi container launch coi-default stubborn
	# An init that stands still does not power off.
	kill -STOP "$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/stubborn/container.ini")"
	run timeout 40 "$COI" shutdown stubborn
	mv "$T/kept.toml" "$HOME/.coi/config.toml"
	expect_status 0
	run coi container exists stubborn
	expect_status 1
}

@test "a persistent one stays when it stops, and its slot is used again" {
	coi shell --debug --background --persistent
	local name
	name=$(container_name 1)
	coi container exec "$name" -- touch /root/kept
	coi container stop --force "$name"
	run coi container exists "$name"
	expect_status 0
	coi shell --debug --background --persistent --slot 1
	coi container running "$name"
	coi container exec "$name" -- test -e /root/kept
}

@test "shell --container enters a container as it is" {
	coi container launch coi-default plain
	run --separate-stderr coi shell --debug --background --container plain
	expect_status 0
	coi tmux send plain 'touch /tmp/entered'
	entered() { coi container exec plain -- test -e /tmp/entered; }
	within 20 entered
	run --separate-stderr coi shell --debug --background --container nonexistent
	expect_status 1
	expect_one_error
	coi container delete --force plain
}

@test "the session's variables are in the session, and not in a host process's arguments" {
	printf '[defaults.environment]\nFROM_CONFIG = "s3cret-%s"\n' x >>"$HOME/.coi/config.toml"
	coi shell --debug --background
	local name
	name=$(container_name 1)
	coi tmux send "$name" 'echo "$FROM_CONFIG $IS_SANDBOX $HOME" >vars'
	within 20 test -s vars
	expect_equal "$(cat vars)" "s3cret-x 1 /home/code"
	run ! grep -l s3cret-x /proc/[0-9]*/cmdline 2>/dev/null
	sed -i '/defaults.environment/,$d' "$HOME/.coi/config.toml"
	rm vars
}

# A tool that ends at once; the agents are not in the small image.
short_tool() {
	printf '[tool]\nbinary = "true"\n' >>"$HOME/.coi/config.toml"
}

@test "a tool that ends leaves a shell" {
	short_tool
	coi shell --background
	sed -i '/^\[tool\]/,$d' "$HOME/.coi/config.toml"
	coi tmux send "$(container_name 1)" 'touch still-a-shell'
	within 20 test -e still-a-shell
	rm still-a-shell
}

@test "SIGHUP detaches: the terminal is gone, the session is not" {
	terminal "$COI_TEST_BUILD/coi shell --debug"
	typed_arrives() { tmux -L outer send-keys 'touch there' Enter; sleep 0.3; test -e there; }
	within 30 typed_arrives
	tmux -L outer kill-server
	gone() { ! pgrep -f "$COI_TEST_BUILD/coi shell" >/dev/null; }
	within 10 gone
	coi container running "$(container_name 1)"
	rm there
}

@test "bare coi is shell" {
	short_tool
	terminal "$COI_TEST_BUILD/coi; echo ended with \$?; sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'touch bare' Enter; sleep 0.3; test -e bare; }
	within 30 typed_arrives
	coi container running "$(container_name 1)"
	sed -i '/^\[tool\]/,$d' "$HOME/.coi/config.toml"
	rm bare
}

@test "attach by slot" {
	coi shell --debug --background
	coi shell --debug --background
	terminal "$COI_TEST_BUILD/coi attach --slot 2; sleep 1000"
	typed_arrives() { tmux -L outer send-keys 'hostname >slot' Enter; sleep 0.3; test -s slot; }
	within 30 typed_arrives
	expect_equal "$(cat slot)" "$(container_name 2)"
	run --separate-stderr coi attach --slot 7
	expect_status 1
	rm slot
}
