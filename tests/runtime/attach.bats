#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands in a running container: users, status, pipes, terminals, signals.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	printf 'root:x:0:\ntty:x:5:\nsudo:x:27:other,code\ncode:x:1000:\nhuge:x:999999:code\ndocker:x:998:code\n' \
		>"$RT/image/etc/group"
	up one
}
teardown_file() {
	runtime_teardown
	runtime_teardown_file
}

term() { # script words… -- argv…
	local words=()
	while [ "$1" != -- ]; do words+=("$1"); shift; done
	shift
	python3 "${COI_TEST_SRC:?}/tests/runtime/terminal.py" "${words[@]}" -- \
		"$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/usr/bin:/bin env=TERM=xterm tty=1 -- "$@"
}
bg() { # argv: in the background, output in $RT/sig, $pid
	(exec "$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/bin -- "$@" >"$RT/sig" 2>&1 3>&-) &
	pid=$!
}
x() { "$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/usr/bin:/bin "$@"; }

@test "exit statuses are the command's" {
	run in_c one -- sh -c 'exit 0'; [ "$status" = 0 ]
	run in_c one -- sh -c 'exit 37'; [ "$status" = 37 ]
	run in_c one -- sh -c 'exit 255'; [ "$status" = 255 ]
	run in_c one -- sh -c 'kill -9 $$'; [ "$status" = 137 ]
	run in_c one -- sh -c 'kill -TERM $$'; [ "$status" = 143 ]
	run -127 in_c one -- no-such-command; [ "$status" = 127 ]
	[[ "$output" == *"cannot run the command: No such file"* ]]
	run in_c one -- /etc/passwd; [ "$status" = 126 ]
	[[ "$output" == *"Permission denied"* ]]
	run -127 in_c one -- /no/such/command; [ "$status" = 127 ]
	run in_c one -- /tmp; [ "$status" = 126 ]
}

@test "a working directory that is not there is an error" {
	run in_c one cwd=/no/such -- pwd
	[ "$status" = 1 ]
	[[ "$output" == *"cannot enter the working directory"* ]]
	run in_c one cwd=/usr -- pwd
	[ "$output" = /usr ]
	run in_c one cwd=/root uid=1000 -- pwd
	[ "$status" = 1 ]
	run in_c one uid=1000 -- pwd
	[ "$output" = /home/code ]
	run in_c one uid=0 -- pwd
	[ "$output" = /root ]
	run in_c one uid=4242 -- pwd
	[ "$output" = / ]
}

@test "user, group and supplementary groups are those of the container" {
	run in_c one uid=1000 -- id -G
	# One of the lines names a group that the map does not have: it costs only itself.
	[ "$(tr ' ' '\n' <<<"$output" | sort -n | xargs)" = "27 998 1000" ]
	run in_c one uid=0 -- id -G
	[ "$output" = 0 ]
	run in_c one uid=1000 gid=5 -- id -g
	[ "$output" = 5 ]
	run in_c one uid=1000 no_groups=1 -- id -G
	[ "$output" = 1000 ]
	run in_c one uid=4242 -- sh -c 'id -u; id -g; id -G'
	[ "$(xargs <<<"$output")" = "4242 0 0" ]
}

@test "the environment is what was asked for, with the user's own put in" {
	run in_c one uid=1000 env=A=b env=HOME=/x -- env
	[ "$(sort <<<"$output" | grep -v '^_=' | xargs)" = "A=b HOME=/x LOGNAME=code PATH=/usr/bin:/bin:/sbin SHELL=/bin/bash USER=code" ]
}

@test "hostile databases do no harm" {
	as_root one 'cp /etc/passwd /etc/passwd.good; cp /etc/group /etc/group.good'
	as_root one 'rm /etc/passwd; mkfifo /etc/passwd; rm /etc/group; ln -s /dev/zero /etc/group'
	run timeout 10 "$MINI" exec "$(name_of one)" x "$(init_of one)" uid=1000 -- /bin/grep ^Uid: /proc/self/status
	[[ "$output" == *1000* ]]
	as_root one 'rm /etc/passwd /etc/group; head -c 3000000 /dev/urandom >/etc/passwd; yes ::::::: | head -n 300000 >/etc/group'
	run timeout 10 "$MINI" exec "$(name_of one)" x "$(init_of one)" uid=1000 -- /bin/grep ^Uid: /proc/self/status
	[[ "$output" == *1000* ]]
	as_root one 'mv /etc/passwd.good /etc/passwd; mv /etc/group.good /etc/group'
}

@test "no descriptor of the caller's reaches the command" {
	exec 9</etc/shadow 8<"$RT"
	run in_c one -- sh -c 'ls /proc/self/fd | wc -l'
	exec 9<&- 8<&-
	# 0, 1, 2 and the directory itself
	[ "$output" = 4 ]
}

# grab MS NAME: in the container as its root, in the background; waits until it watches.
grab() {
	cp "${COI_TEST_BUILD:?}/runtime-grab" "/proc/$(init_pid one)/root/run/grab"
	: >"$RT/grab"
	(exec "$MINI" exec "$(name_of one)" x "$(init_of one)" uid=0 gid=0 no_stdin=1 \
		-- /run/grab "$@" >"$RT/grab" 2>&1 3>&-) &
	grab_pid=$!
	timeout 120 sh -c 'until grep -q watching "$1"; do sleep 0.05; done' sh "$RT/grab"
}

@test "container root takes nothing from those who enter" {
	# What it can do with one who may be dumped.
	grab 6000 sleep
	for _ in 1 2 3 4 5; do
		nsenter -t "$(init_pid one)" --user --pid --preserve-credentials sleep 1
	done
	wait "$grab_pid"
	cat "$RT/grab"
	grep grabbed "$RT/grab"
	# And with us.
	grab 4000 runtime-mini
	for _ in $(seq 40); do in_c one -- true; done
	wait "$grab_pid"
	cat "$RT/grab"
	[ "$(sed -n 's/^seen //p' "$RT/grab")" -gt 10 ]
	run ! grep grabbed "$RT/grab"
}

@test "the caller's keyring stays outside" {
	keys=${COI_TEST_BUILD:?}/runtime-keys
	cp "$keys" "/proc/$(init_pid one)/root/run/keys"
	"$keys" give "$keys" find
	# Entering without us takes it along.
	"$keys" give nsenter -t "$(init_pid one)" --user --mount --pid /run/keys find
	run "$keys" give "$MINI" exec "$(name_of one)" x "$(init_of one)" no_stdin=1 uid=1000 -- /run/keys find
	[ "$status" = 1 ]
	run "$keys" give "$MINI" exec "$(name_of one)" x "$(init_of one)" no_stdin=1 uid=0 gid=0 -- /run/keys find
	[ "$status" = 1 ]
}

@test "the command is in the container's namespaces, groups, policy and bounding set" {
	init=$(init_pid one)
	run in_c one uid=0 -- sh -c 'grep -E "^(Seccomp|CapBnd|NoNewPrivs):" /proc/self/status; for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done'
	expected=$(grep -E '^(Seccomp|CapBnd|NoNewPrivs):' "/proc/$init/status"
		for n in user mnt pid net ipc uts cgroup; do readlink "/proc/$init/ns/$n"; done)
	sort_lines() { sort <<<"$1"; }
	[ "$(sort_lines "$output")" = "$(sort_lines "$expected")" ]
	in_c one -- sleep 20 3>&- &
	sleep 0.3
	pid=$(pgrep -f '^sleep 20$' | head -n 1)
	cgroups=$(cat "/proc/$pid/cgroup")
	kill "$pid"
	[ "$(grep -vc "lxc.payload.$(name_of one)" <<<"$cgroups")" = 0 ]
}

@test "plain pipes: input, half close, both outputs, and large ones" {
	[ "$(printf 'a\nb\n' | x -- sort -r)" = "$(printf 'b\na')" ]
	n=$(head -c 5000000 /dev/zero | x -- cat | wc -c)
	[ "$n" = 5000000 ]
	x -- sh -c 'echo out; echo err >&2' >"$RT/out" 2>"$RT/err"
	[ "$(cat "$RT/out")" = out ] && [ "$(cat "$RT/err")" = err ]
	# The caller's file is left with its owner and mode.
	[ "$(stat -c %u:%a "$RT/out")" = "0:$(stat -c %a "$RT/err")" ]
	[ "$(x -- sh -c 'while :; do echo y; done' | head -n 1)" = y ]
}

@test "what stays in the background does not keep the caller" {
	before=$(date +%s)
	in_c one uid=1000 capture=1000 -- sh -c 'sleep 5 & echo done'
	[ $(($(date +%s) - before)) -lt 4 ]
}

@test "capture: content, maximum, timeout" {
	run in_c one capture=1000 -- sh -c 'echo hello; echo bad >&2; exit 3'
	[ "$status" = 3 ]
	[[ "$output" == "status 3 out 6 err 4: hello"* ]]
	run in_c one capture=10 -- sh -c 'head -c 100000 /dev/zero | tr "\0" x'
	[[ "$output" == "status 0 out "*"+ err 0"* ]]
	run in_c one capture=10 timeout=300 -- sleep 10
	[ "$status" = 1 ]
	[[ "$output" == *"took longer than 300 ms"* ]]
}

@test "signals of the caller go to the command" {
	for sig in INT TERM HUP QUIT; do
		: >"$RT/sig"
		bg sh -c "trap 'echo got; exit 9' $sig; echo ready; while :; do sleep 0.1; done"
		for i in $(seq 100); do grep -q ready "$RT/sig" && break; sleep 0.05; done
		kill -"$sig" "$pid"
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" = 9 ] || { echo "$sig: $rc"; cat "$RT/sig"; return 1; }
	done
}

@test "a second interrupt within two seconds kills" {
	: >"$RT/sig"
	bg sh -c "trap '' INT TERM; echo ready; while :; do sleep 0.1; done"
	for i in $(seq 100); do grep -q ready "$RT/sig" && break; sleep 0.05; done
	kill -TERM "$pid"
	sleep 0.5
	kill -0 "$pid"
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" = 137 ]
}

@test "a terminal: it is the container's own, belongs to the user, and is controlling" {
	term expect:ok status:0 -- sh -c 'test -t 0 && test -t 1 && test -t 2 && tty && stat -c %u "$(tty)" && echo hi >/dev/tty && echo ok'
	run term status:0 -- sh -c 'tty; stat -c %u "$(tty)"'
	[[ "$output" == *"/dev/pts/"* ]]
	[[ "$output" == *1000* ]]
}

@test "a terminal: size at the start and when it changes" {
	term 'expect:24 80' 'size:50x132' 'expect:winch 50 132' status:0 -- \
		sh -c 'trap "echo winch \$(stty size); exit 0" WINCH; stty size; while :; do sleep 0.1; done'
}

@test "a terminal: raw meanwhile, as before afterwards, whatever ends it" {
	term expect:ready raw 'send:\x03' status:130 cooked -- sh -c 'echo ready; exec sleep 100'
	term expect:ready raw signal:SIGTERM status:143 cooked -- sh -c 'echo ready; exec sleep 100'
	term 'expect:$ ' raw 'send:exit 5\r' status:5 cooked -- sh
	term expect:ready eof status:0 cooked -- sh -c 'echo ready; cat'
}

@test "a terminal: all of the output comes" {
	run term status:0 -- sh -c 'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done; printf end-mark'
	[[ "$output" == *"line 2999"* ]]
	[[ "$output" == *"end-mark"* ]]
}

@test "a terminal that goes away takes the command along" {
	term expect:ready close status:1 -- sh -c 'echo ready; sleep 77' || true
	sleep 0.3
	run ! pgrep -f '^sleep 77$'
	term expect:ready close status:1 -- sh -c 'trap "" HUP; echo ready; sleep 78'
	pkill -f '^sleep 78$'
}

@test "without a terminal asked for, a terminal is not handed in" {
	python3 "$COI_TEST_SRC/tests/runtime/terminal.py" expect:none status:0 -- \
		"$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/bin -- \
		sh -c 'if test -t 0 || test -t 1 || test -t 2; then echo tty; else echo none; fi'
	run python3 "$COI_TEST_SRC/tests/runtime/terminal.py" status:0 -- \
		"$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/bin -- sh -c 'echo >/dev/tty && echo reached'
	[[ "$output" != *reached* ]]
}

@test "what is typed reaches a command without a terminal, its end too" {
	python3 "$COI_TEST_SRC/tests/runtime/terminal.py" 'send:b\na\n' eof 'expect:a\r\nb' status:0 -- \
		"$MINI" exec "$(name_of one)" x "$(init_of one)" env=PATH=/bin -- sort
}

@test "a directory as standard input does not get in" {
	out=$(x -- sh -c 'ls /proc/self/fd/0/ 2>&1; cd /proc/self/fd/0 && ls' </etc || true)
	[[ "$out" != *shadow* ]]
}

@test "a container that is not there, and one that ended" {
	run "$MINI" exec nothing x 999999:1 -- true
	[ "$status" = 1 ]
	[[ "$output" == *"is not running"* ]]
}
