#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `coi run`: who runs where, streams, exit codes, signals, and nothing left afterwards.

setup_file() {
	load ../lib/common
	coi_setup
	# One run first, so that what is made once (allocators, locks) is there.
	coi run -- true
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	within 15 quiet
	snapshot before
}

teardown() {
	expect_settled before
}

@test "code, /workspace, a file of the workspace's owner, and a map without host root" {
	run --separate-stderr coi run -- sh -c 'id -un; pwd; touch made; cat /proc/self/uid_map'
	expect_status 0
	expect_equal "${lines[0]}" code
	expect_equal "${lines[1]}" /workspace
	expect_equal "$(stat -c %u:%g made)" 1234:1234
	# No line of the map leads to host id 0 (the map is as this namespace sees it).
	local i
	for ((i = 2; i < ${#lines[@]}; i++)); do
		read -r _ outside _ <<<"${lines[i]}"
		[ "$outside" != 0 ]
	done
	[ "${#lines[@]}" -gt 2 ]
	rm made
}

@test "root in the container owns nothing of the host" {
	coi run -- true
	echo data >owned
	chown 1234:1234 owned
	run --separate-stderr coi run -- sh -c 'stat -c %u owned; id -u'
	expect_status 0
	expect_equal "${lines[0]}" 1000
	expect_equal "${lines[1]}" 1000
	rm owned
}

@test "home and login names are those of code" {
	run --separate-stderr coi run -- sh -c 'echo "$HOME $USER $LOGNAME"; cd && pwd'
	expect_status 0
	expect_equal "${lines[0]}" "/home/code code code"
	expect_equal "${lines[1]}" /home/code
}

@test "the exit code of the command is ours" {
	run --separate-stderr coi run -- sh -c 'exit 37'
	expect_status 37
	run --separate-stderr coi run -- sh -c 'kill -9 $$'
	expect_status 137
	run -127 --separate-stderr coi run -- no-such-command
	run --separate-stderr coi run -- /etc/passwd
	expect_status 126
	run --separate-stderr coi run -- false
	expect_status 1
}

@test "arguments arrive as they are, without a shell" {
	run --separate-stderr coi run -- printf '%s|' 'a b' '$HOME' '*' '' "it's" --flag
	expect_status 0
	expect_equal "$output" 'a b|$HOME|*||it'"'"'s|--flag|'
}

@test "standard output is the command's alone, narration goes to standard error" {
	run --separate-stderr coi run -- sh -c 'echo out; echo err >&2'
	expect_status 0
	expect_equal "$output" out
	expect_stderr err
}

@test "standard input passes, to its end" {
	run --separate-stderr bash -c 'seq 1 100000 | "$0" run -- wc -l' "$COI_TEST_BUILD/coi"
	expect_status 0
	expect_equal "$(tr -d ' ' <<<"$output")" 100000
	run --separate-stderr bash -c '"$0" run -- cat </dev/null' "$COI_TEST_BUILD/coi"
	expect_status 0
	expect_equal "$output" ""
}

@test "bytes pass unchanged in both directions" {
	head -c 3000000 /dev/urandom >"$T/random"
	coi run -- cat <"$T/random" >"$T/back"
	cmp "$T/random" "$T/back"
}

@test "output is streamed live" {
	mkfifo "$T/go"
	chown 1234 "$T/go"
	rm -f "$T/out"
	"$COI" run -- sh -c 'echo first; read -r line; echo "$line"' <"$T/go" >"$T/out" 2>/dev/null &
	local pid=$!
	exec 7>"$T/go"
	within 20 grep -q first "$T/out"
	kill -0 "$pid"
	echo second >&7
	exec 7>&-
	wait "$pid"
	grep -q second "$T/out"
	rm "$T/go"
}

@test "a closed reader of our output ends the run" {
	run bash -c '"$0" run -- sh -c "yes" 2>/dev/null | head -n 1' "$COI_TEST_BUILD/coi"
	expect_status 0
	expect_equal "$output" y
}

@test "output that cannot be written is a failure" {
	run -1 --separate-stderr bash -c '"$COI" run -- echo lost >/dev/full'
	[[ "$stderr" == *"Error: cannot write the output of the command: No space left on device"* ]]
	run -7 bash -c '"$COI" run -- sh -c "echo lost; exit 7" >/dev/full 2>&1'
}

@test "closed standard descriptors become nobody's file" {
	# A lock or a record that is opened as 2 would get the messages.
	bash -c '"$COI" run -- true <&- >&- 2>&-'
	run grep -rl Launching "$COI_ROOT" "$HOME"
	[ "$output" = "" ]
	run -1 bash -c '"$COI" run -- sh -c "echo lost || exit 1" >&-'
	run -1 bash -c '"$COI" list >&-'
	run -1 bash -c '"$COI" run -- cat <&-'
}

@test "few descriptors and small files: an error that says so, or it works" {
	run -1 bash -c 'ulimit -n 20; "$COI" run -- true'
	[[ "$output" == *"Error: "*"Too many open files"* ]]
	run -1 bash -c 'ulimit -f 1; "$COI" run -- true'
	[[ "$output" == *"Error: "*"File too large"* ]]
}

@test "on a terminal the command has one, with its size" {
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "stty rows 33 cols 101; '$COI_TEST_BUILD/coi' run -- sh -c 'tty; stty size'" /dev/null
	expect_text /dev/pts/
	expect_text "33 101"
}

@test "nothing of our environment or descriptors leaks into the container" {
	exec 9<"$T/home/.coi/config.toml"
	SECRET_OF_HOST=x run --separate-stderr coi run -- sh -c 'env; ls -l /proc/self/fd'
	exec 9<&-
	expect_status 0
	[[ "$output" != *SECRET_OF_HOST* ]]
	[[ "$output" != *config.toml* ]]
	[[ "$output" != *"$COI_ROOT"* ]]
}

@test "capabilities and system calls are reduced" {
	run --separate-stderr coi run -- grep -E '^(CapBnd|Seccomp|NoNewPrivs):' /proc/self/status
	expect_status 0
	expect_text "Seccomp:	2"
	local bounding
	bounding=$(sed -n 's/^CapBnd:[[:space:]]*//p' <<<"$output")
	# None of: sys_module(16) sys_rawio(17) sys_time(25) mac_admin(33) mac_override(32).
	(((0x$bounding & (1 << 16 | 1 << 17 | 1 << 25 | 1 << 33 | 1 << 32)) == 0))
}

@test "Ctrl-C ends the run and takes everything away" {
	# A shell starts what runs beside it with SIGINT ignored; a terminal does not.
	rm -f "$T/out"
	env --default-signal=INT "$COI_TEST_BUILD/coi" run -- sh -c 'echo up; sleep 1000' >"$T/out" 2>&1 &
	local pid=$!
	within 20 grep -q up "$T/out"
	kill -INT "$pid"
	local rc=0
	wait "$pid" || rc=$?
	[ "$rc" != 0 ]
}

@test "SIGTERM ends the run and takes everything away" {
	rm -f "$T/out"
	"$COI" run -- sh -c 'echo up; trap "" TERM; sleep 1000' >"$T/out" 2>&1 &
	local pid=$!
	within 20 grep -q up "$T/out"
	kill -TERM "$pid"
	local rc=0
	wait "$pid" || rc=$?
	[ "$rc" != 0 ]
}

@test "SIGTERM while it starts leaves nothing" {
	local i
	for i in 0 0.01 0.02 0.04 0.06 0.08 0.12; do
		"$COI" run -- true >/dev/null 2>&1 &
		local pid=$!
		sleep "$i"
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	expect_settled before
}

@test "processes that the command leaves behind end with it" {
	run --separate-stderr coi run -- sh -c 'sleep 1000 >/dev/null 2>&1 & (setsid sleep 1001 >/dev/null 2>&1 &); echo done'
	expect_status 0
	expect_equal "$output" done
}

@test "TERM is one that the image knows" {
	local outside inside
	while read -r outside inside; do
		TERM=${outside#-} run --separate-stderr coi run -- sh -c 'echo "$TERM"'
		expect_equal "$outside: $output" "$outside: $inside"
	done <<-'END'
		xterm-ghostty xterm-256color
		xterm-kitty xterm-256color
		alacritty xterm-256color
		tmux-256color xterm-256color
		screen-256color xterm-256color
		- xterm-256color
		vt100 vt100
	END
}

@test "the workspace flag chooses the directory" {
	make_workspace "$T/other" 4321:4321
	run --separate-stderr coi run -w "$T/other" -- sh -c 'touch here; pwd'
	expect_status 0
	expect_equal "$output" /workspace
	expect_equal "$(stat -c %u:%g "$T/other/here")" 4321:4321
	rm -rf "$T/other"
}

@test "what was there can be read, changed and deleted; modes and links stay" {
	mkdir -p dir
	echo old >dir/file
	ln -s file dir/link
	chown -Rh 1234:1234 dir
	chmod 0750 dir
	run --separate-stderr coi run -- sh -c 'cat dir/link; echo new >dir/file; rm dir/link; chmod 0640 dir/file; stat -c %a dir'
	expect_status 0
	expect_equal "${lines[0]}" old
	expect_equal "${lines[1]}" 750
	expect_equal "$(cat dir/file)" new
	expect_equal "$(stat -c %a dir/file)" 640
	[ ! -L dir/link ]
	rm -rf dir
}

@test "a workspace with an odd name" {
	local odd="$T/odd name '\"\$x"$'\n'"ü"
	make_workspace "$odd"
	run --separate-stderr coi run -w "$odd" -- sh -c 'touch made; ls'
	expect_status 0
	expect_equal "$output" made
	[ -f "$odd/made" ]
	rm -rf "$odd"
}

@test "changes of the root file system are gone with the container" {
	run --separate-stderr coi run -- sh -c 'echo x >/home/code/leftover; ls /home/code'
	expect_status 0
	expect_text leftover
	run --separate-stderr coi run -- ls /home/code
	expect_status 0
	[[ "$output" != *leftover* ]]
}

@test "five at once in one workspace get five slots" {
	local i pids=() names
	for i in 1 2 3 4 5; do
		mkfifo "$T/hold.$i"
		"$COI" run -- sh -c 'echo up; read -r line' <>"$T/hold.$i" >"$T/out.$i" 2>"$T/err.$i" &
		pids+=($!)
	done
	for i in 1 2 3 4 5; do
		within 60 grep -q up "$T/out.$i" || { cat "$T/err.$i"; return 1; }
	done
	names=$(coi list --format json | jq -r '.active_containers[].name' | sort)
	expect_equal "$names" "$(for i in 1 2 3 4 5; do container_name $i; done | sort)"
	for i in 1 2 3 4 5; do
		echo >"$T/hold.$i"
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	rm "$T"/hold.* "$T"/out.* "$T"/err.*
}

@test "an explicit slot is there again as soon as its run has ended" {
	local round
	for round in 1 2 3; do
		run --separate-stderr coi --slot 1 run -- hostname
		expect_status 0
		expect_equal "$output" "$(container_name 1)"
	done
}
