#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Watching a container: what it logs of logins, and which names it asks for.

setup_file() {
	load ../lib/common
	coi_setup
	settings true true
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/watched
	cd "$T/ws"
	A=$HOME/.coi/audit
	settings true true
}

settings() { # PAUSE KILL
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_pause_on_high = %s\nauto_kill_on_critical = %s\npoll_interval_sec = 1\n' \
		"$1" "$2" >"$HOME/.coi/config.toml"
}

auth_has() { # NAME TEXT: a threat with a line that has it
	jq -e --arg t "$2" 'select(.category == "auth" and (.evidence.auth_log.line | contains($t)))' \
		"$A/$1.jsonl" 2>/dev/null | grep -q .
}

@test "logins: what programs log is heard without any daemon, and only that" {
	launch au1
	# Of no interest, or of another kind; then one that is.
	inside au1 busybox logger -p user.notice "authentication failure of somebody else"
	inside au1 busybox logger -p authpriv.notice -t sudo "code : COMMAND=/bin/true"
	inside au1 busybox logger -p authpriv.notice -t su "FAILED SU (to root) code on pts/1"
	within 10 auth_has au1 "FAILED SU"
	[ "$(jq -c 'select(.category == "auth")' "$A/au1.jsonl" | wc -l)" -eq 1 ]
	jq -e 'select(.category == "auth") | .level == "warning" and .evidence.auth_log.log_file == "syslog"' \
		"$A/au1.jsonl"
	# The next supervisor hears it by the same name.
	kill -9 "$(pid_of au1 supervisor)"
	"$COI" container exec au1 -- true
	inside au1 busybox logger -p auth.notice -t useradd "new user: name=eve, UID=1001"
	within 10 auth_has au1 "new user: name=eve"
	# Nothing comes along that whoever reads would have to close.
	coi file push "$COI_TEST_BUILD/watch-actor" au1:/opt/actor >/dev/null
	inside au1 chmod 755 /opt/actor
	[ "$(inside au1 /opt/actor pass /dev/log)" = EPERM ]
	gone au1
}

@test "logins: where descriptors cannot be refused there is no socket, and auth.log is read" {
	settings false false
	COI_WATCH_BACKENDS=auth=file launch au3
	has "$A/au3.jsonl" '.msg == "source.unavailable" and .source == "auth" and .backend == "log"'
	has "$A/au3.jsonl" '.msg == "source.start" and .source == "auth" and .backend == "file"'
	inside au3 sh -c '[ ! -e /dev/log ] && [ ! -e /run/coi/log/socket ]'
	inside au3 sh -c 'mkdir -p /var/log; echo "su: FAILED SU (to root) one on pts/1" >>/var/log/auth.log'
	within 10 auth_has au3 "root) one on"
	gone au3
}

@test "logins: without a watcher nobody waits who logs" {
	local many
	many=$(($(cat /proc/sys/net/unix/max_dgram_qlen) + 10))
	mkdir "$T/libexec"
	ln -s "$COI_TEST_BUILD"/coi-* "$T/libexec"
	ln -sf /bin/false "$T/libexec/coi-watch"
	COI_LIBEXEC=$T/libexec launch au4
	grep -q "'au4' is not watched" "$T/launch.err"
	inside au4 test -S /run/coi/log/socket
	inside au4 timeout 20 sh -c 'n=0; while [ $n -lt "$1" ]; do busybox logger -p auth.notice x; n=$((n + 1)); done' x "$many"
	gone au4
}

@test "logins: auth.log is read from outside, through rotation, cuts and what is put in its place" {
	local watcher
	settings false false
	launch au2
	inside au2 sh -c 'mkdir -p /var/log; echo "su: FAILED SU (to root) one on pts/1" >>/var/log/auth.log'
	within 10 auth_has au2 "root) one on"
	# Put aside, with a line that nobody has read yet; a new one.
	inside au2 sh -c 'cd /var/log; echo "su: FAILED SU (to root) two on pts/1" >>auth.log
		mv auth.log auth.log.1; echo "su: FAILED SU (to root) three on pts/1" >auth.log'
	within 10 auth_has au2 "root) two on"
	within 10 auth_has au2 "root) three on"
	# Cut, and written anew to more than it had.
	inside au2 sh -c 'cd /var/log; i=0; : >auth.log; while [ $i -lt 50 ]; do echo "nothing $i"; i=$((i + 1)); done >>auth.log
		echo "su: FAILED SU (to root) four on pts/1" >>auth.log'
	within 10 auth_has au2 "root) four on"
	within 10 has "$A/au2.jsonl" '.msg == "source.lost" and .source == "auth"'
	# A line that never ends, with bytes of all kinds: cut, and harmless.
	inside au2 sh -c 'printf "su: FAILED SU (to five\\033]0;x\\007\\377 " >>/var/log/auth.log
		head -c 300000 /dev/zero | tr "\\0" x >>/var/log/auth.log; echo >>/var/log/auth.log'
	within 10 auth_has au2 "to five"
	not env LC_ALL=C grep -q "$(printf '\033')" "$A/au2.jsonl"
	# Faster than it is read: said.
	inside au2 sh -c 'head -c 8000000 /dev/zero >>/var/log/auth.log; echo >>/var/log/auth.log'
	within 10 has "$A/au2.jsonl" '.msg == "source.lost" and .source == "auth" and .count > 1000000'
	# Put aside with more than is read at once.
	watcher=$(watcher_of au2)
	kill -STOP "$watcher"
	inside au2 sh -c 'cd /var/log; head -c 30000000 /dev/zero >>auth.log; mv auth.log auth.log.2; echo >auth.log'
	kill -CONT "$watcher"
	within 10 has "$A/au2.jsonl" '.msg == "source.lost" and .source == "auth" and (.raw | test("put aside"))'
	# What is no file is not opened, and that is said; then it goes on.
	for odd in 'ln -s /etc/shadow auth.log' 'mkfifo auth.log'; do
		inside au2 sh -c "cd /var/log; rm -rf auth.log; $odd"
		within 10 said_odd "$odd"
	done
	inside au2 sh -c 'cd /var/log; rm -rf auth.log; echo "su: FAILED SU (to root) six on pts/1" >auth.log'
	within 10 auth_has au2 "root) six on"
	inside au2 sh -c 'mount -t tmpfs none /var/log; echo x >/var/log/auth.log'
	within 10 has "$A/au2.jsonl" '.msg == "source.unavailable" and (.raw | contains("another file system"))'
	running au2
	gone au2
}

net_settings() { # MODE LINE... of [monitoring.nft]
	printf '[container]\ninit = "coi-init"\n[network]\nmode = "%s"\nallowed_domains = ["one.example.com"]\n[monitoring.nft]\nenabled = true\n' \
		"$1" >"$HOME/.coi/config.toml"
	printf '%s\n' "${@:2}" >>"$HOME/.coi/config.toml"
}

# Whether it is answered does not matter here.
ask() { # NAME HOST...
	inside "$1" sh -c 'for name; do busybox nslookup "$name" >/dev/null 2>&1; done; true' x "${@:2}"
}

query() { # NAME HOST [STATE]: its record
	has "$A/$1-nft.jsonl" ".rule == \"network.query\" and .evidence.network.remote_host == \"$2\" and
		.evidence.network.connection.state == \"${3:-asked}\""
}

@test "names that are asked for are recorded, without the rest of the watching, and may not be" {
	net_settings restricted 'lima_host = "x"'
	launch nq1
	grep -q "'monitoring.nft.lima_host' has no effect: there is no virtual machine" "$T/launch.err"
	not has "$A/nq1.jsonl" '.type == "exec"'
	has "$A/nq1.jsonl" '.msg == "source.start" and .source == "names"'
	ask nq1 one.example.com "odd name.example.com"
	within 10 query nq1 one.example.com
	within 10 query nq1 "odd?name.example.com"
	jq -e 'select(.rule == "network.query") | .level == "info" and .category == "network" and
		.action == "logged" and (.src | startswith("10.")) and .iif == "nq1" and
		(.evidence.network.reason | test("^[A-Z]"))' "$A/nq1-nft.jsonl" >/dev/null
	not has "$A/nq1.jsonl" '.rule == "network.query"'
	gone nq1
	net_settings restricted 'log_dns_queries = false' 'dns_query_threshold = 10'
	launch nq2
	ask nq2 a.example.com b.example.com c.example.com d.example.com e.example.com f.example.com
	within 10 has "$A/nq2-nft.jsonl" '.rule == "network.queries" and .level == "warning"'
	not has "$A/nq2-nft.jsonl" '.rule == "network.query"'
	gone nq2
}

@test "names: refused ones say so, and a supervisor that takes over goes on recording" {
	net_settings allowlist
	launch nq3
	ask nq3 one.example.com two.example.com
	within 10 query nq3 one.example.com
	within 10 query nq3 two.example.com refused
	kill -9 "$(pid_of nq3 supervisor)"
	"$COI" container exec nq3 -- true
	ask nq3 three.example.com
	within 10 query nq3 three.example.com refused
	gone nq3
}

@test "names over the rate are counted, and count for the threshold" {
	net_settings restricted 'rate_limit_per_second = 5' 'dns_query_threshold = 40'
	launch nq5
	nft list ruleset | grep -q 'limit rate 5/second burst 10 packets log'
	inside nq5 sh -c 'i=0; while [ $i -lt 60 ]; do busybox nslookup n$i.example.com >/dev/null 2>&1 & i=$((i + 1)); done; wait'
	within 10 has "$A/nq5.jsonl" '.msg == "source.lost" and .source == "names" and .count > 0'
	within 10 has "$A/nq5-nft.jsonl" '.rule == "network.queries"'
	[ "$(jq -c 'select(.rule == "network.query")' "$A/nq5-nft.jsonl" | wc -l)" -lt 60 ]
	gone nq5
}

sum_of() { # FILE JQ-CONDITION: of the counts
	jq -r "select($2).count" "$1" | awk '{ n += $1 } END { print n + 0 }'
}

# One write each, far quicker than who is asked by a process for each of them.
ask_many() { # NAME COUNT
	inside "$1" bash -c "exec 3>/dev/udp/\$(sed -n 's/^nameserver //p' /etc/resolv.conf)/53
		for ((i = 0; i < $2; i++)); do
			printf '\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x04many\\x07example\\0\\0\\x01\\0\\x01' >&3
		done"
}

@test "names that the kernel has no room for are counted: none is silent, whoever reads them ends" {
	local told lost
	net_settings restricted 'rate_limit_per_second = 100000'
	launch nq6
	kill -STOP "$(pgrep -P "$(pid_of nq6 supervisor)" coi-resolver)"
	ask_many nq6 3000
	# It hangs, so it is ended, and the next one reads what has waited.
	within 20 has "$A/nq6.jsonl" '.msg == "source.lost" and .source == "names" and (.raw | contains("were not seen"))'
	within 20 has "$A/nq6.jsonl" '.msg == "source.end" and .source == "names"'
	sleep 1
	told=$(jq -c 'select(.rule == "network.query" and .evidence.network.remote_host == "many.example")' "$A/nq6-nft.jsonl" | wc -l)
	lost=$(sum_of "$A/nq6.jsonl" '.msg == "source.lost" and .source == "names"')
	echo "# told $told, lost $lost" >&3
	[ "$lost" -gt 100 ]
	expect_equal "$((told + lost))" 3000
	gone nq6
}

@test "names of the last moment are recorded" {
	net_settings restricted
	for i in 1 2 3 4 5; do
		launch "nq7$i"
		ask_many "nq7$i" 1
		coi container stop --force "nq7$i"
		has "$A/nq7$i-nft.jsonl" '.rule == "network.query" and .evidence.network.remote_host == "many.example"'
		gone "nq7$i"
	done
}

said_odd() { # COMMAND
	local what
	case $1 in
	ln*) what='a symbolic link' ;;
	*) what='no regular file' ;;
	esac
	has "$A/au2.jsonl" ".msg == \"source.unavailable\" and .source == \"auth\" and (.raw | contains(\"$what\"))"
}
