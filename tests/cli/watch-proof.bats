#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the watching says it sees, proved with processes: each line of the corpus of
# tests/unit/monitor, connections counted at both ends, secrets by every way that leads to
# them, a bomb, and what is told too fast or by hostile names.

setup_file() {
	load ../lib/common
	coi_setup
	settings
	cp "$COI_TEST_BUILD/watch-actor" "$T/watch-actor"
	chmod 0755 "$T/watch-actor"
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
	settings
}

settings() { # LINE...: watched, and nothing is done about what is found
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_pause_on_high = false\nauto_kill_on_critical = false\n' \
		>"$HOME/.coi/config.toml"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$HOME/.coi/config.toml"
}

with_actor() { # NAME
	launch "$1"
	inside "$1" mkdir /opt/actor
	coi file push "$T/watch-actor" "$1:/opt/actor/watch-actor"
}

actor() { # NAME WORD...
	inside "$1" /opt/actor/watch-actor "${@:2}"
}

@test "each attack and its disguises, run: every one is recorded as what it is" {
	settings '[limits.runtime]' 'max_processes = 200'
	with_actor c1
	actor c1 attacks /opt/actor 2>"$T/actor.err" # one of them writes into /etc/ld.so.preload
	within 10 has "$A/c1.jsonl" '.type == "exec" and .args == "mark 1000000"'
	run ! has "$A/c1.jsonl" '.msg == "source.lost"'
	"$COI_TEST_BUILD/watch-corpus" attacks "$A/c1.jsonl" >"$T/said" || { cat "$T/said"; false; }
	tail -n 1 "$T/said" | sed 's/^/# /' >&3
	coi audit verify c1
	gone c1
}

@test "each line of ordinary work, run: recorded, and silent" {
	settings '[limits.runtime]' 'max_processes = 200'
	with_actor c2
	actor c2 ordinary /opt/actor
	within 10 has "$A/c2.jsonl" '.type == "exec" and .args == "mark 1000000"'
	"$COI_TEST_BUILD/watch-corpus" ordinary "$A/c2.jsonl" >"$T/said" || { cat "$T/said"; false; }
	tail -n 1 "$T/said" | sed 's/^/# /' >&3
	gone c2
}

from_kernel() { # KEY of /proc/net/snmp's Tcp, of the internet side
	in_world awk -v key="$1" '$1 == "Tcp:" { if (!n) for (i = 2; i <= NF; i++) { if ($i == key) n = i } else print $n }' \
		/proc/self/net/snmp
}

@test "connections: as many in the record as were made, and as many at the other end" {
	local n before
	n=$(long 300 4000)
	with_actor c3
	before=$(from_kernel PassiveOpens)
	run -0 actor c3 connect 203.0.113.10 7 "$n"
	[ "$output" = "$n" ]
	[ $(($(from_kernel PassiveOpens) - before)) = "$n" ]
	# And none arrives of what is refused.
	before=$(from_kernel PassiveOpens)
	run -0 actor c3 connect 10.9.8.7 7 50
	[ "$output" = 0 ]
	[ "$(from_kernel PassiveOpens)" = "$before" ]
	inside c3 /bin/true the-end
	within 10 has "$A/c3.jsonl" '.type == "exec" and .args == "/bin/true the-end"'
	[ "$(count "$A/c3.jsonl" '.type == "net" and .peer == "203.0.113.10:7" and .state == "connect" and .comm == "watch-actor"')" = "$n" ]
	[ "$(count "$A/c3.jsonl" '.type == "net" and .peer == "10.9.8.7:7" and .state == "refused"')" = 50 ]
	run ! has "$A/c3.jsonl" '.msg == "source.lost"'
	gone c3
}

is_counted() { # FILE JQ-CONDITION NUMBER
	[ "$(count "$1" "$2")" = "$3" ]
}

@test "connections where BPF does not tell: each that passes and each that is refused, once" {
	settings '[monitoring.nft]' 'enabled = true'
	COI_WATCH_BACKENDS=connect=conntrack with_actor c7
	has "$A/c7.jsonl" '.msg == "source.unavailable" and .source == "connect" and .backend == "bpf"'
	has "$A/c7.jsonl" '.msg == "source.start" and .source == "connect" and .backend == "conntrack" and (.raw | test("which process"))'
	run -0 actor c7 connect 203.0.113.10 7 50
	[ "$output" = 50 ]
	run -0 actor c7 connect 10.9.8.7 7 50
	[ "$output" = 0 ]
	within 10 is_counted "$A/c7.jsonl" '.type == "net" and .peer == "203.0.113.10:7" and .state == "connect" and .proto == "tcp"' 50
	within 10 is_counted "$A/c7.jsonl" '.type == "net" and .peer == "10.9.8.7:7" and .state == "refused"' 50
	# Others' are others'.
	COI_WATCH_BACKENDS=connect=conntrack with_actor c8
	run -0 actor c8 connect 203.0.113.10 80 1
	within 10 is_counted "$A/c8.jsonl" '.type == "net" and .peer == "203.0.113.10:80"' 1
	# Judged as if BPF had told of them.
	inside c7 bash -c ': >/dev/tcp/169.254.169.254/80' || true
	inside c7 bash -c ': >/dev/tcp/203.0.113.10/31337' || true
	within 10 has "$A/c7-nft.jsonl" '.level == "warning" and .rule == "network.metadata"'
	within 10 has "$A/c7-nft.jsonl" '.level == "critical" and .rule == "network.control-port" and
		.evidence.network.connection.remote_addr == "203.0.113.10:31337"'
	# Once, also after all of it; nothing of the other container's; and nothing is missing.
	is_counted "$A/c7.jsonl" '.type == "net" and (.peer | endswith(":7"))' 100
	not has "$A/c7.jsonl" '.type == "net" and .peer == "203.0.113.10:80"'
	not has "$A/c8.jsonl" '.type == "net" and (.peer | endswith(":7"))'
	not has "$A/c7.jsonl" '.msg == "source.lost"'
	coi audit verify c7
	# The next supervisor, and its watcher.
	kill -9 "$(pid_of c8 supervisor)"
	COI_WATCH_BACKENDS=connect=conntrack "$COI" container exec c8 -- true
	within 10 is_counted "$A/c8.jsonl" '.msg == "source.start" and .source == "connect" and .backend == "conntrack"' 2
	run -0 actor c8 connect 203.0.113.10 7 5
	[ "$output" = 5 ]
	run -0 actor c8 connect 10.9.8.7 7 5
	within 10 is_counted "$A/c8.jsonl" '.type == "net" and .peer == "203.0.113.10:7" and .state == "connect"' 5
	within 10 is_counted "$A/c8.jsonl" '.type == "net" and .peer == "10.9.8.7:7" and .state == "refused"' 5
	gone c8
	gone c7
}

@test "connections where BPF does not tell: open to all, metadata are critical; a flood is counted" {
	local watcher told
	settings '[network]' 'mode = "open"'
	COI_WATCH_BACKENDS=connect=conntrack launch c9
	inside c9 timeout 1 bash -c ': >/dev/tcp/169.254.169.254/80' || true
	within 10 has "$A/c9-nft.jsonl" '.level == "critical" and .rule == "network.metadata"'
	# More than the socket holds while nobody reads it.
	watcher=$(watcher_of c9)
	kill -STOP "$watcher"
	inside c9 bash -c 'for ((i = 1; i <= 12000; i++)); do echo >/dev/udp/203.0.113.10/$i; done'
	kill -CONT "$watcher"
	within 10 has "$A/c9.jsonl" '.msg == "source.lost" and .source == "connect" and .count > 0'
	told=$(count "$A/c9.jsonl" '.type == "net" and .proto == "udp" and (.peer | startswith("203.0.113.10:"))')
	echo "# told $told of 12000" >&3
	[ "$told" -gt 1000 ]
	gone c9
}

secret_seen() { # FILE
	has "$A/c4.jsonl" '.level == "high" and .category == "credential_access" and .evidence.sensitive_file.path == "/root/.ssh/'"$1"'"'
}

@test "a secret: seen by whatever way it is opened, or refused" {
	with_actor c4
	inside c4 sh -c 'mkdir /root/.ssh; for i in hard soft bind unshare proc moved copied ring user written replaced; do echo key >/root/.ssh/id_$i; done'
	coi container stop --force c4
	coi container start c4
	has "$A/c4.jsonl" '.msg == "source.start" and .source == "files" and (.backend | startswith("fanotify"))'
	# No word of it on the command line of a program that a rule knows.
	inside c4 bash -c 'ln "$1" /tmp/hard; read -r x </tmp/hard' x /root/.ssh/id_hard
	within 10 secret_seen id_hard
	inside c4 bash -c 'ln -s "$1" /tmp/soft; read -r x </tmp/soft' x /root/.ssh/id_soft
	within 10 secret_seen id_soft
	inside c4 bash -c 'mkdir /tmp/bind; mount --bind /root/.ssh /tmp/bind; read -r x </tmp/bind/id_bind'
	within 10 secret_seen id_bind
	inside c4 unshare -m bash -c 'mkdir /opt/u; mount --bind /root/.ssh /opt/u; read -r x </opt/u/id_unshare'
	within 10 secret_seen id_unshare
	inside c4 bash -c 'cd /proc/self/root/root; exec 9<.; cd /; read -r x </proc/self/fd/9/.ssh/id_proc'
	within 10 secret_seen id_proc
	inside c4 bash -c 'mv "$1" /tmp/notes; read -r x </tmp/notes' x /root/.ssh/id_moved
	within 10 secret_seen id_moved
	inside c4 bash -c 'cd /root/.ssh && cp id_copied /tmp/copied'
	within 10 secret_seen id_copied
	run -0 actor c4 uring /root/.ssh/id_ring
	echo "# through io_uring: $output" >&3
	[ "$output" = refused ] || within 10 secret_seen id_ring
	# Changed, and another file under its name: still the secret.
	inside c4 bash -c 'echo new >>"$1"' x /root/.ssh/id_written
	within 10 secret_seen id_written
	inside c4 bash -c 'echo other >/tmp/o; mv /tmp/o "$1"; read -r x <"$1"' x /root/.ssh/id_replaced
	within 10 secret_seen id_replaced
	# By a user namespace of their own, as somebody else.
	if inside c4 unshare -rm true; then
		inside c4 unshare -rm bash -c 'mount --bind /root/.ssh /opt/u; read -r x </opt/u/id_user'
		within 10 secret_seen id_user
	fi
	gone c4
}

processes_of() { # NAME: all of them, by its control group
	coi monitor "$1" --json 2>/dev/null | jq '.processes.total_count'
}

@test "a bomb: held by the limit, frozen while it goes on, and killed" {
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\npoll_interval_sec = 1\nprocess_count_threshold = 100\n[limits.runtime]\nmax_processes = 200\n' \
		>"$HOME/.coi/config.toml"
	with_actor c5
	# No word of it in a command line.
	printf 'b() { b | b & }\nb\n' >"$T/ws/b"
	coi file push "$T/ws/b" c5:/tmp/b
	inside c5 bash /tmp/b >/dev/null 2>&1 3>&- &
	within 10 frozen c5
	wait $! || true
	has "$A/c5.jsonl" '.level == "high" and .title == "Many processes" and .action == "paused"'
	[ "$(processes_of c5)" -gt 100 ]
	[ "$(processes_of c5)" -le 200 ]
	coi unfreeze c5
	within 10 frozen c5
	local from to
	coi unfreeze c5
	from=$(date +%s%N)
	coi kill c5 --force
	to=$(date +%s%N)
	echo "# killed while it bombs: $(((to - from) / 1000000)) ms" >&3
	run ! coi container running c5
	[ -z "$(find /sys/fs/cgroup -path "*$(root_tag)*payload*" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]
	gone c5
}

@test "names, words and paths of any bytes, and the longest: recorded, and nothing raw" {
	with_actor c6
	inside c6 bash -c 'mkdir /root/.ssh; n=$(printf "/tmp/\033]0;x\007\n\r\xff\xe2\x80\xae"); cp /opt/actor/watch-actor "$n"; "$n" || true; (exec -a "$(printf "\033[2J\nfake: line")" "$n") || true
		f=$(printf "/root/.ssh/id_\033]0;f\007\n\xff"); : >"$f"'
	inside c6 bash -c '/bin/true "$(printf %0131071d 7)"'
	inside c6 bash -c 'a=$(printf %0100000d 7); /bin/true "$a" "$a" "$a" "$a" "$a" "$a" "$a" "$a" "$a" the-last'
	within 10 has "$A/c6.jsonl" '.args_bytes == 131071 + 11'
	within 10 has "$A/c6.jsonl" '.args_bytes == 9 * 100001 + 10 + 9'
	has "$A/c6.jsonl" '.type == "exec" and (.comm | startswith("\\x1b]0;x\\x07\\x0a\\x0d\\xff")) and (.args | test("tmp"))'
	has "$A/c6.jsonl" '.type == "exec" and (.args | test("x1b.2J.x0afake: line"))'
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' "$A/c6.jsonl"
	coi audit c6 --format text >"$T/text"
	coi monitor c6 >>"$T/text" 2>&1
	coi top c6 -i 0.1 >>"$T/text" 2>&1
	coi logs c6 >>"$T/text" 2>&1
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' "$T/text"
	# A line of somebody's own is no line of the text.
	not grep -q '^fake: line' "$T/text"
	coi audit verify c6
	# The path of a file that is watched.
	coi container stop --force c6
	coi container start c6
	inside c6 bash -c 'for f in /root/.ssh/*; do read -r x <"$f"; done || true'
	within 10 has "$A/c6.jsonl" '.evidence.sensitive_file.path == "/root/.ssh/id_\\x1b]0;f\\x07\\x0a\\xff"'
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$A/c6.jsonl"
	gone c6
}

@test "a record that is replaced by a link while it is written: not followed, said, and counted" {
	with_actor c7
	inside c7 /bin/true before
	within 10 has "$A/c7.jsonl" '.type == "exec" and .args == "/bin/true before"'
	echo keep >"$T/victim"
	mv "$A/c7.jsonl" "$A/kept"
	ln -s "$T/victim" "$A/c7.jsonl"
	inside c7 /bin/true lost
	inside c7 bash -c 'mkfifo /tmp/f; : lost-too'
	complained() { coi logs c7 | grep -q 'c7.jsonl'; }
	within 10 complained
	[ "$(cat "$T/victim")" = keep ]
	mv "$A/kept" "$A/c7.jsonl"
	inside c7 /bin/true after
	within 10 has "$A/c7.jsonl" '.type == "exec" and .args == "/bin/true after"'
	has "$A/c7.jsonl" '.msg == "records.lost" and .count >= 2'
	coi audit verify c7
	gone c7
}

peak_of() { # PID: KiB
	awk '/^VmHWM/ { print $2 }' "/proc/$1/status"
}

sum_lost() { # FILE
	jq -r 'select(.msg == "source.lost" or .msg == "records.lost").count' "$1" | awk '{ n += $1 } END { print n + 0 }'
}

@test "who has much to tell has his turn, and others theirs" {
	local source
	mkdir -p "$T/turn/root/.ssh"
	echo key >"$T/turn/root/.ssh/id_rsa"
	nft 'add table ip turn; add chain ip turn out { type filter hook output priority 0; }; add rule ip turn out ct state new accept'
	for source in 'exec bpf' 'connect bpf' 'connect conntrack' 'files fanotify' 'files fanotify-fd'; do
		# shellcheck disable=SC2086 # two words
		run -0 "$COI_TEST_BUILD/watch-source" turn $source "$T/turn"
		echo "# $source: $output" >&3
		[ "$(jq .events <<<"$output")" -gt 0 ]
		[ "$(jq .events <<<"$output")" -lt 5000 ]
	done
	nft delete table ip turn
}

@test "ten thousand events a second: memory stays, and what is lost is counted" {
	local n watcher supervisor peak total told slack=0
	n=$(long 20000 600000)
	with_actor c8
	watcher=$(watcher_of c8)
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/c8/container.ini")
	actor c8 flood 7001 "$n" 10000
	inside c8 /bin/true half
	within 60 has "$A/c8.jsonl" '.type == "exec" and .args == "/bin/true half"'
	peak=$(($(peak_of "$watcher") + $(peak_of "$supervisor")))
	run -0 actor c8 flood 7002 "$n" 10000
	echo "# events a second: $output" >&3
	inside c8 /bin/true the-end
	within 60 has "$A/c8.jsonl" '.type == "exec" and .args == "/bin/true the-end"'
	[ "$(watcher_of c8)" = "$watcher" ] # not taken for one that hangs
	echo "# KiB of both: $peak, then $(($(peak_of "$watcher") + $(peak_of "$supervisor")))" >&3
	[ $(($(peak_of "$watcher") + $(peak_of "$supervisor"))) -lt $((peak + peak / 4)) ]
	told=$(count "$A/c8.jsonl" '.type == "net" and (.peer == "127.0.0.1:7001" or .peer == "127.0.0.1:7002")')
	if [ -e "$A/c8.jsonl.1" ]; then
		# Older ones went, as they should: the numbers of the rest say how many there were,
		# and a few of them were others.
		slack=100 told=$(($(tail -n 1 "$A/c8.jsonl" | jq .seq) - $(cat "$A"/c8.jsonl "$A"/c8.jsonl.[0-9] | grep -c '"type":"\(exec\|audit\|file\|container\|supervisor\|network\)')))
	fi
	total=$((told + $(cat "$A"/c8.jsonl "$A"/c8.jsonl.[0-9] 2>/dev/null | grep '"msg":".*\.lost"' | sum_lost /dev/stdin)))
	echo "# recorded $told of $((2 * n)), counted as lost $((total - told))" >&3
	[ "$total" -ge $((2 * n)) ] && [ "$total" -le $((2 * n + slack)) ]
	coi audit verify c8
	gone c8
}
