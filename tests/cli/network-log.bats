#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Who is told of a refusal: the container, and the person; and what they then can do.

setup_file() {
	load ../lib/common
	coi_setup
	mode allowlist '"public.test:80"'
	coi container launch coi-default l1
	mode restricted
	coi container launch coi-default l2
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	LOG=$HOME/.coi/logs/network.log
}

mode() { # MODE [LIST, as in TOML]
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\nmode = "%s"\nallowed_domains = [%s]\n' "$1" "${2-}" >>"$HOME/.coi/config.toml"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

refused() {
	run get "$@"
	[ "$status" != 0 ] || { echo "$2 answered"; return 1; }
}

logged() { # JQ-CONDITION
	jq -e "select($1)" "$LOG" | grep -q .
}

# The command that the last line about it in the container names.
remedy() { # CONTAINER PATTERN
	"$COI" container exec "$1" -- cat /run/coi/denied | grep -E "$2" | tail -n 1 |
		sed -n 's/.*can allow it outside: \(coi .*\)$/\1/p'
}

has_remedy() {
	[ -n "$(remedy "$@")" ]
}

# What it names is run as it is, and then the thing works without a restart.
allow_it() { # CONTAINER PATTERN HOST [PORT]
	local command
	within 20 has_remedy "$1" "$2"
	command=$(remedy "$1" "$2")
	echo "$command"
	# shellcheck disable=SC2086 # words, as a person would type them
	coi ${command#coi }
	get "$1" "${@:3}" | grep -q hello
}

@test "a refused name: the command inside is the one that helps" {
	refused l1 other.test
	allow_it l1 'name other\.test' other.test
	coi network deny l1 other.test
}

@test "a refused address, in mode allowlist" {
	refused l1 198.51.100.10 8080
	allow_it l1 'connection to 198\.51\.100\.10 port 8080/tcp' 198.51.100.10 8080
	refused l1 198.51.100.10 80
}

@test "a name whose port is not listed: the name is what is allowed" {
	get l1 public.test | grep -q hello
	refused l1 public.test 8080
	within 20 has_remedy l1 '203\.0\.113\.10 port 8080/tcp'
	expect_equal "$(remedy l1 '203\.0\.113\.10 port 8080/tcp')" 'coi network allow l1 public.test:8080'
	allow_it l1 '203\.0\.113\.10 port 8080/tcp' public.test 8080
	within 20 logged '.address == "203.0.113.10" and .name == "public.test" and .port == 8080'
}

@test "a private address, in mode allowlist" {
	refused l1 10.9.8.7
	allow_it l1 'connection to 10\.9\.8\.7 port 80/tcp: private' 10.9.8.7
}

@test "a private address, in mode restricted" {
	refused l2 10.9.8.7
	allow_it l2 'connection to 10\.9\.8\.7 port 80/tcp: private' 10.9.8.7
	refused l2 172.16.5.5
}

@test "the name that has led to an address is told in every mode" {
	coi network ports l2 80
	get l2 public.test | grep -q hello
	refused l2 public.test 8081
	within 20 logged '.container == "l2" and .port == 8081 and .name == "public.test"'
	coi network mode l2 open
	get l2 alias.test | grep -q hello
	refused l2 alias.test 8082
	within 20 logged '.container == "l2" and .port == 8082 and .name == "alias.test"'
	coi network log l2 | grep -q 'connection to 203.0.113.10 port 8082/tcp (alias.test)'
	coi network mode l2 restricted
	coi network ports l2 all
}

@test "the process: of TCP, UDP, a ping and a name, with the number that the container has for it" {
	local pid
	coi container exec l1 -- sh -c 'cat >/tmp/rogue-$0 && chmod 755 /tmp/rogue-$0' probe \
		<"$COI_TEST_BUILD/net-probe"
	coi container exec l1 -- sh -c 'echo $$ >/tmp/pid; exec nc 10.9.8.7 2001 </dev/null' || true
	pid=$(coi container exec l1 -- cat /tmp/pid)
	within 20 logged ".port == 2001 and .process == \"nc\" and .pid == $pid"
	coi container exec l1 -- bash -c 'echo $$ >/tmp/pid; echo x >/dev/udp/10.9.8.7/2002' || true
	pid=$(coi container exec l1 -- cat /tmp/pid)
	within 20 logged ".port == 2002 and .protocol == \"udp\" and .process == \"bash\" and .pid == $pid"
	# With an address for each datagram, by another program.
	coi container exec l1 -- /tmp/rogue-probe connect 10.9.8.7 2003 udp || true
	within 20 logged '.port == 2003 and .process == "rogue-probe" and .pid > 0'
	coi container exec l1 -- ping -c 2 -W 1 172.16.5.5 || true
	within 20 logged '.protocol == "icmp" and .address == "172.16.5.5" and .process == "ping" and .pid > 0'
	coi container exec l1 -- nslookup whose.test || true
	within 20 logged '.name == "whose.test" and .process == "nslookup" and .pid > 0'
	coi network log l1 | grep -q 'connection to 10.9.8.7 port 2001/tcp by nc\[[0-9]*\]: '
	# As the person that the agent is, too.
	coi run -- nc 10.9.8.7 2004 </dev/null || true
	within 20 logged '.port == 2004 and .process == "nc" and .pid > 0'
}

@test "what was refused last is told, whoever is slow to read of it" {
	local p run_pid supervisor resolver init dir
	mkdir -p "$T/last"
	chown 1234:1234 "$T/last"
	cd "$T/last"
	mkfifo go
	chown 1234:1234 go
	coi run -- sh -c 'read x <go; for p in 2031 2032 2033; do nc 10.9.8.7 $p </dev/null; done' \
		</dev/null 3>&- &
	run_pid=$!
	begun() {
		dir=$(grep -l "$T/last" "$COI_ROOT"/containers/*/container.ini) &&
			init=$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$dir") && [ -n "$init" ] &&
			supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$dir") &&
			resolver=$(pgrep -P "$supervisor" coi-resolver)
	}
	within 20 begun
	kill -STOP "$resolver"
	echo >go
	ended() { [ ! -e "/proc/$init" ]; }
	within 20 ended
	kill -CONT "$resolver"
	wait "$run_pid" || true
	for p in 2031 2032 2033; do
		within 5 logged ".port == $p and .process == \"nc\""
	done
}

@test "the process has whatever name it likes, which is not printed raw" {
	coi container exec l1 -- bash -c 'printf "\033[31mx\nevil" >/proc/self/comm
		exec 3<>/dev/tcp/10.9.8.7/2010' || true
	within 20 logged '.port == 2010 and .pid > 0'
	not grep -q $'\x1b' "$LOG"
	run coi network log l1
	[[ $output != *$'\x1b'* ]]
	expect_text 'port 2010/tcp by '
}

@test "the process is told after another supervisor has taken over" {
	local pid
	pid=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/l1/container.ini")
	kill -9 "$pid"
	back() { coi network show l1; }
	within 20 back
	sleep 0.5
	coi container exec l1 -- nc 10.9.8.7 2020 </dev/null || true
	within 20 logged '.port == 2020 and .process == "nc" and .pid > 0'
}

@test "the host: nothing helps, and nothing is promised" {
	refused l2 192.0.2.2 9
	told() { coi container exec l2 -- grep 'to 192.0.2.2 port 9/tcp' /run/coi/denied; }
	within 20 told
	told | grep -q 'cannot be reached in any mode'
	not grep -q 'coi ' <(told)
}

@test "the file in the container cannot be written, replaced or led elsewhere, and is bounded" {
	local before
	before=$(coi container exec l1 -- cat /run/coi/denied | wc -l)
	run coi container exec l1 -- sh -c 'echo x >>/run/coi/denied'
	[ "$status" != 0 ]
	coi container exec l1 -- sh -c 'rm -f /run/coi/denied; mv /run/coi/denied /tmp/d; umount /run/coi/denied; ln -sf /etc/passwd /run/coi/denied; true'
	# What is told is bounded by the second, and the test before may have used that up.
	told() { refused l1 192.0.2.99 7 && coi container exec l1 -- grep -q '192.0.2.99 port 7/tcp' /run/coi/denied; }
	within 30 told
	[ "$(coi container exec l1 -- cat /run/coi/denied | wc -l)" -gt "$before" ]
	expect_equal "$(stat -c %s "$COI_ROOT/run/l1/denied" | awk '{ print ($1 <= 33792) }')" 1
}

@test "the log is the person's alone, one JSON object a line" {
	refused l1 203.0.113.53 80
	within 20 logged '.container == "l1" and .address == "203.0.113.53" and .port == 80 and .protocol == "tcp" and .type == "refused" and .count >= 1 and (.allow == "coi network allow l1 203.0.113.53:80")'
	expect_equal "$(stat -c %a "$LOG")" 600
	jq -e . "$LOG" >/dev/null
}

@test "one line a second for one destination, with the count of all" {
	local lines count
	coi container exec l2 -- sh -c 'for i in 1 2 3 4 5 6 7 8; do nc 10.9.8.7 5555 </dev/null & done; wait' || true
	counted() {
		[ "$(jq -s '[.[] | select(.port == 5555) | .count] | add' "$LOG")" -ge 8 ]
	}
	within 20 counted
	lines=$(jq -c 'select(.port == 5555)' "$LOG" | wc -l)
	[ "$lines" -le 4 ]
}

@test "network log prints the lines of one container, as text and as JSON" {
	refused l1 172.16.5.5
	shown() { coi network log l1 | grep 'connection to 172.16.5.5 port 80/tcp'; }
	within 20 shown
	shown | grep -q 'to allow it: coi network allow l1 172.16.5.5:80'
	coi network log l1 --json | jq -es 'all(.container == "l1") and length > 2'
	not grep -q . <(coi network log l1 --since 2035-01-01T00:00:00Z)
	coi network log l1 --since 1h | grep -q 172.16.5.5
	run --separate-stderr coi network log l1 --since yesterday
	expect_status 2
	expect_one_error
}

@test "following: what comes is shown, through rotation and the supervisor's end, until Ctrl-C" {
	local pid supervisor
	"$COI" network log l1 -f >"$T/followed" 2>"$T/followed.err" 3>&- &
	pid=$!
	seen() { grep -q "$1" "$T/followed"; }
	refused l1 172.16.5.5 1001
	within 20 seen 'port 1001/tcp'
	mv "$LOG" "$LOG.1"
	refused l1 172.16.5.5 1002
	within 20 seen 'port 1002/tcp'
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/l1/container.ini")
	kill -9 "$supervisor"
	back() { coi network show l1; }
	within 20 back
	refused l1 172.16.5.5 1003
	within 20 seen 'port 1003/tcp'
	kill -TERM $pid
	wait $pid
}

@test "a log that is a link is not written through" {
	echo untouched >"$T/victim"
	mv "$LOG" "$LOG.kept"
	ln -s "$T/victim" "$LOG"
	refused l1 172.16.5.5 1010
	told() { coi container exec l1 -- grep -q '172.16.5.5 port 1010/tcp' /run/coi/denied; }
	within 20 told
	expect_equal "$(cat "$T/victim")" untouched
	rm "$LOG"
	mv "$LOG.kept" "$LOG"
}

@test "no log is kept where the settings want none" {
	mode restricted
	printf '[network.logging]\nenabled = false\n' >>"$HOME/.coi/config.toml"
	coi container launch coi-default l3
	refused l3 172.16.5.5 1020
	told() { coi container exec l3 -- grep -q '172.16.5.5 port 1020/tcp' /run/coi/denied; }
	within 20 told
	not grep -q '"l3"' "$LOG"
	coi container delete --force l3
	sed -i '/^\[network.logging\]/,$d' "$HOME/.coi/config.toml"
	printf '[network.logging]\npath = "%s/elsewhere/n.log"\n' "$T" >>"$HOME/.coi/config.toml"
	coi run -- fetch 172.16.5.5 1021 || true
	grep -q '"port":1021' "$T/elsewhere/n.log"
	sed -i '/^\[network.logging\]/,$d' "$HOME/.coi/config.toml"
}
