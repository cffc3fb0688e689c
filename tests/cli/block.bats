#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# monitoring.block: what nobody in a container may open is refused before it happens, on
# whatever way it is tried; the host's own programs are not in its way; and whoever of those
# that refuse it dies, it stays refused.

setup_file() {
	load ../lib/common
	coi_setup
	cp "$COI_TEST_BUILD/block-actor" "$T/actor"
	chmod 0755 "$T/actor"
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

settings() { # LINE... of [monitoring]
	printf '[container]\ninit = "coi-init"\n[monitoring]\nblock = true\n' >"$HOME/.coi/config.toml"
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$HOME/.coi/config.toml"
}

start() { # NAME
	coi container start "$1" 2>"$T/start.err" || { cat "$T/start.err"; return 1; }
}

# A container with a secret and a tool that are there when it starts.
prepared() { # NAME
	launch "$1"
	coi file push "$T/actor" "$1:/opt/actor" >/dev/null
	inside "$1" sh -c 'mkdir -m 700 /root/.ssh && echo K3Y >/root/.ssh/id_rsa &&
		echo public >/root/.ssh/id_rsa.pub && cp /opt/actor /usr/bin/nmap'
	coi container stop --force "$1"
	start "$1"
}

answerer() { # NAME: the child that answers
	pgrep -P "$(pid_of "$1" block)"
}

has_process() { # NAME KEY
	[ -n "$(pid_of "$1" "$2")" ]
}

has_ended() { # PID
	[ ! -e "/proc/$1" ]
}

is_other() { # THAN COMMAND...
	local now
	now=$("${@:2}") && [ -n "$now" ] && [ "$now" != "$1" ]
}

# NAME: of the secret. Whoever was asked and died took the question with him: then the program
# that would open it may have been refused itself.
refused() {
	[ "$(inside "$1" /opt/actor open /root/.ssh/id_rsa 2>"$T/refused")" = EPERM ] ||
		grep -qF "'/opt/actor': cannot run the command: Operation not permitted" "$T/refused"
}

# Each way to the secret, and what it says when there is nothing in the way.
WAYS=(
	'cat /root/.ssh/id_rsa'
	'cp /root/.ssh/id_rsa /tmp/z && cat /tmp/z'
	'/opt/actor open /root/.ssh/id_rsa'
	'/opt/actor uring /root/.ssh/id_rsa'
	'/opt/actor thread /root/.ssh/id_rsa'
	'ln /root/.ssh/id_rsa /root/other && cat /root/other'
	'ln -s /root/.ssh/id_rsa /tmp/link && cat /tmp/link'
	'mv /root/.ssh/id_rsa /root/.ssh/moved && cat /root/.ssh/moved; r=$?; mv /root/.ssh/moved /root/.ssh/id_rsa; exit $r'
	'mkdir /tmp/b && mount --bind /root/.ssh /tmp/b && cat /tmp/b/id_rsa'
	'unshare -m sh -c "mkdir /tmp/c && mount --rbind /root /tmp/c && cat /tmp/c/.ssh/id_rsa"'
	'unshare -m sh -c "mkdir /tmp/d /tmp/e && mount -t overlay o -o lowerdir=/root/.ssh:/tmp/d /tmp/e && cat /tmp/e/id_rsa"'
	'cat /proc/self/root/root/.ssh/id_rsa'
	'cd /root/.ssh && cat ../.ssh/./id_rsa'
)

@test "without block nothing is refused: each way to a secret leads there" {
	settings 'block = false'
	sed -i '/^block = true/d' "$HOME/.coi/config.toml"
	prepared b0
	[ -z "$(pid_of b0 block)" ]
	for way in "${WAYS[@]}"; do
		inside b0 sh -c "$way" | grep -q K3Y || { echo "does not work: $way"; return 1; }
	done
	inside b0 nmap open /etc/hostname
	gone b0
}

@test "a secret: no way leads there, each is told, and the container goes on" {
	prepared b1
	for way in "${WAYS[@]}"; do
		out=$(inside b1 sh -c "$way" 2>&1) && { echo "not refused: $way: $out"; return 1; }
		not grep -q K3Y <<<"$out"
	done
	# It stays what it is and where it is.
	not inside b1 sh -c 'rm -f /root/.ssh/id_rsa; umount /root/.ssh/id_rsa 2>/dev/null || test ! -e /root/.ssh/id_rsa'
	# What is beside it is open, to all.
	[ "$(inside b1 cat /root/.ssh/id_rsa.pub)" = public ]
	inside b1 sh -c 'echo h >>/root/.ssh/known_hosts'
	within 10 has "$A/b1.jsonl" '.action == "blocked" and .level == "high" and .category == "credential_access" and
		.title == "Read refused" and .evidence.sensitive_file.path == "/root/.ssh/id_rsa" and
		.evidence.sensitive_file.comm == "cat"'
	# Once, and its equals are counted.
	[ "$(jq -s '[.[] | select(.action == "blocked")] | length' "$A/b1.jsonl")" = 1 ]
	coi container running b1
	coi container stop --force b1
	within 10 has "$A/b1.jsonl" '.action == "deduplicated" and .title == "Read refused" and .count >= 8'
	gone b1
}

@test "a tool: by every name, not to be copied, and by its name where it comes later" {
	prepared b2
	local try
	for try in 'nmap open /etc/hostname' \
		'ln -s /usr/bin/nmap /opt/l && /opt/l open /etc/hostname' \
		'ln /usr/bin/nmap /opt/h && /opt/h open /etc/hostname' \
		'mv /usr/bin/nmap /opt/m && /opt/m open /etc/hostname' \
		'cp /opt/m /opt/copy' \
		'/opt/actor memfd /opt/m' \
		'mkdir /tmp/n && mount --bind /opt /tmp/n && /tmp/n/m open /etc/hostname' \
		'mkdir -p /usr/local/bin; cp /opt/actor /usr/local/bin/sqlmap && sqlmap open /etc/hostname' \
		'cp /opt/actor /tmp/masscan && /tmp/masscan open /etc/hostname'; do
		not inside b2 sh -c "$try"
	done
	within 10 has "$A/b2.jsonl" '.action == "blocked" and .title == "Program refused" and .category == "process" and
		.evidence.sensitive_file.path == "/usr/bin/nmap"'
	within 10 has "$A/b2.jsonl" '.title == "Program refused" and .evidence.sensitive_file.path == "/usr/local/bin/sqlmap" and
		.evidence.sensitive_file.access == "run"'
	# As the manual says: another name for what came later, and another file system.
	inside b2 sh -c 'mv /usr/local/bin/sqlmap /opt/s && /opt/s open /etc/hostname'
	inside b2 sh -c 'cp /opt/actor /dev/shm/nmap && /dev/shm/nmap open /etc/hostname'
	# It is read, not run: nobody asks after the name.
	inside b2 sh -c 'echo x >/opt/zmap && cat /opt/zmap'
	gone b2
}

@test "a lease on a program: it is refused at once, and nobody waits for its end" {
	prepared b11
	local child n
	inside b11 cp /opt/actor /opt/leased
	child=$(answerer b11)
	# More of them than its child may fail in a row.
	for ((n = 0; n < 3; n++)); do
		[ "$(inside b11 /opt/actor leased /opt/leased)" = EPERM ]
	done
	inside b11 sh -c 'n=0; while [ $n -lt 120 ]; do /opt/actor leased /opt/leased; n=$((n + 1)); done' >"$T/leased"
	[ "$(sort "$T/leased" | uniq -c | tr -s ' ')" = ' 120 EPERM' ]
	refused b11
	[ "$(answerer b11)" = "$child" ]
	within 10 has "$A/b11.jsonl" '.msg == "source.lost" and (.raw | contains("further opens were refused"))'
	not has "$A/b11.jsonl" '.msg == "source.gap"'
	gone b11
}

@test "links in a layer: closed through each name, whatever the kernel forgets" {
	settings 'block_tools = ["nmap", "/opt/tools/scan"]'
	coi container launch coi-default b12 2>"$T/launch.err"
	coi file push "$T/actor" b12:/opt/actor >/dev/null
	inside b12 sh -c 'mkdir -m 700 /root/.ssh && cd /root/.ssh && echo K3Y >id_rsa && ln id_rsa spare && ln id_rsa id_ed25519
		mkdir -p /usr/local/bin && cp /opt/actor /usr/bin/nmap && ln /usr/bin/nmap /usr/local/bin/mapper && ln /usr/bin/nmap /usr/bin/map
		mkdir /opt/tools && ln /usr/bin/nmap /opt/tools/scan'
	coi container stop --force b12
	coi snapshot create first --container b12
	start b12
	local path round
	for round in 1 2; do
		for path in /root/.ssh/id_rsa /root/.ssh/id_ed25519 /root/.ssh/spare /usr/bin/nmap /usr/bin/map \
			/usr/local/bin/mapper /opt/tools/scan; do
			[ "$(inside b12 /opt/actor open "$path")" = EPERM ] || { echo "$round: $path is open"; return 1; }
			not inside b12 cp "$path" /tmp/copy
		done
		# What no program uses is forgotten, and looked up anew.
		echo 2 >/proc/sys/vm/drop_caches
	done
	# Nobody puts another inode in its place.
	not inside b12 mv /usr/bin/nmap /opt/moved
	not inside b12 rm -f /usr/bin/map
	gone b12
}

@test "a tool that is one file with the shell is not refused, and that is said" {
	settings 'block_tools = ["busybox", "nc", "nmap"]'
	coi container launch coi-default b3 2>"$T/launch.err"
	grep -q "one file with a shell or the like, and are not refused.*busybox" "$T/launch.err"
	inside b3 sh -c 'busybox true'
	gone b3
}

@test "the host reads the same files, at once, and the container does not" {
	settings 'block_secrets = ["/workspace/.env", "/workspace/keys"]'
	mkdir -p keys/deep
	echo HOSTS3CRET | tee .env keys/deep/one >/dev/null
	chmod -R a+rX .
	"$COI" run -- sh -c 'cat .env; cat keys/deep/one; touch ready; while [ ! -e over ]; do sleep 0.1; done
		cat .env' >"$T/run.out" 2>&1 3>&- &
	local pid=$! name
	within 20 test -e ready
	[ "$(cat .env)" = HOSTS3CRET ]
	cp keys/deep/one "$T/copied"
	tar cf /dev/null .
	# For a moment only: compared with what an open of a file costs that nobody asks about.
	local ours other
	ours=$("$T/actor" times .env 500)
	other=$("$T/actor" times "$T/copied" 500)
	echo "an open from the host: $ours ns, of another file $other ns"
	[ "$ours" -lt $((other * 2000)) ]
	# Who answers is stopped: who waits is let through all the same, by the next one.
	name=$(coi container list --format json | jq -r '.[0].name')
	kill -STOP "$(answerer "$name")"
	[ "$(cat .env)" = HOSTS3CRET ]
	touch over
	wait $pid || true
	[ "$(grep -c 'Operation not permitted' "$T/run.out")" = 3 ]
	not grep -q HOSTS3CRET "$T/run.out"
	rm -rf .env keys ready over
}

@test "who answers is killed, or stopped, or killed with who holds it: refused all the same" {
	prepared b4
	local first holder i
	for i in 1 2 3; do
		first=$(answerer b4)
		kill -9 "$first"
		refused b4
		within 10 is_other "$first" answerer b4
	done
	within 10 has "$A/b4.jsonl" '.msg == "source.gap" and (.raw | contains("it has died"))'
	first=$(answerer b4)
	kill -STOP "$first"
	refused b4
	within 10 is_other "$first" answerer b4
	within 10 has "$A/b4.jsonl" '.msg == "source.gap" and (.raw | contains("it did not answer"))'
	holder=$(pid_of b4 block)
	kill -9 "$holder"
	refused b4
	within 10 is_other "$holder" pid_of b4 block
	refused b4
	# None of this has stopped the container.
	coi container running b4
	gone b4
}

@test "its supervisor is killed: refused meanwhile, and by the next one; both: it is ended" {
	prepared b5
	local holder supervisor pid
	holder=$(pid_of b5 block) supervisor=$(pid_of b5 supervisor)
	# One that is inside already, when no supervisor is there.
	mkfifo "$T/go"
	rm -f "$T/out"
	inside b5 sh -c 'echo in; read x; /opt/actor open /root/.ssh/id_rsa' <"$T/go" >"$T/out" 3>&- &
	pid=$!
	exec 4>"$T/go"
	within 20 grep -q in "$T/out"
	kill -9 "$supervisor"
	within 20 has_ended "$supervisor"
	echo >&4
	exec 4>&-
	wait $pid || true
	[ "$(tail -n 1 "$T/out")" = EPERM ]
	# The next one takes over what is marked, by inode, and tells what happened meanwhile.
	refused b5
	within 10 is_other "$supervisor" pid_of b5 supervisor
	[ "$(pid_of b5 block)" = "$holder" ]
	within 10 has "$A/b5.jsonl" '.msg == "source.lost" and (.raw | contains("were refused"))'
	again() { refused b5 && has "$A/b5.jsonl" '.action == "blocked"'; }
	within 10 again
	supervisor=$(pid_of b5 supervisor)
	kill -9 "$supervisor" "$holder"
	stopped() { [ "$(coi container list --format json | jq -r '.[] | select(.name == "b5").status')" = Stopped ]; }
	within 20 stopped
	within 10 has "$A/b5.jsonl" '.msg == "source.gap" and .level == "high"'
	start b5
	refused b5
	gone b5
}

@test "its supervisor dies before who answers does: that one is known, and ended" {
	local child pid
	mkdir "$T/libexec"
	ln -s "$COI_TEST_BUILD"/coi-* "$T/libexec"
	rm "$T/libexec/coi-block"
	# It never answers, and does not hear that its supervisor has ended.
	printf '#!/bin/sh\nexec /bin/sleep 300\n' >"$T/libexec/coi-block"
	chmod 755 "$T/libexec/coi-block"
	COI_LIBEXEC=$T/libexec "$COI" container launch coi-default b13 >/dev/null 2>&1 3>&- &
	pid=$!
	within 20 has_process b13 block
	child=$(pid_of b13 block)
	kill -9 "$(pid_of b13 supervisor)"
	wait $pid || true
	coi clean --orphans --force >/dev/null
	within 10 has_ended "$child"
	gone b13
}

@test "ten thousand opens: each refused, none hangs, few records" {
	prepared b6
	local n own other
	n=$(long 10000 200000)
	[ "$(inside b6 /opt/actor bomb /root/.ssh/id_rsa "$n")" = "$n" ]
	own=$(inside b6 /opt/actor times /root/.ssh/id_rsa 500)
	other=$(inside b6 /opt/actor times /opt/actor 500)
	echo "an open that is refused: $own ns; one that is not asked about: $other ns"
	[ "$(jq -s '[.[] | select(.title == "Read refused" and .action == "blocked")] | length' "$A/b6.jsonl")" = 1 ]
	within 10 has "$A/b6.jsonl" '.msg == "source.lost" and (.raw | contains("further opens were refused"))'
	# Past a limit of what waits the kernel would let them through: there is none (0x10).
	local flags
	flags=$(sed -n 's/^fanotify flags:\([0-9a-f]*\).*/\1/p' "/proc/$(pid_of b6 block)/fdinfo/5")
	[ $((0x$flags & 0x10)) -ne 0 ]
	gone b6
}

@test "a kernel that does not ask: the container is not started, and the message says why" {
	COI_WATCH_BACKENDS=block=none run coi container launch coi-default b7
	[ "$status" -ne 0 ]
	[[ $output == *CONFIG_FANOTIFY_ACCESS_PERMISSIONS* ]]
	[[ $output == *monitoring.block* ]]
	not coi container running b7
	gone b7
}

@test "lists: one's own, a bait stays one, more than can be closed is an error" {
	settings 'canaries = true' 'enabled = true' 'auto_kill_on_critical = false' 'auto_pause_on_high = false' \
		'block_secrets = ["~/mine*", "~/.pypirc", "/etc/a?c"]'
	coi container launch coi-default b8 2>/dev/null
	inside b8 sh -c 'mkdir -p /home/code/mine.d /root/.ssh; for f in /home/code/mine.d/x /root/mine /etc/abc /root/.ssh/id_rsa; do echo S >$f; done'
	coi container stop --force b8
	start b8
	local f
	for f in /home/code/mine.d/x /root/mine /etc/abc; do
		not inside b8 cat "$f"
	done
	# Not in the list any more; and who takes the bait is to be seen.
	[ "$(inside b8 cat /root/.ssh/id_rsa)" = S ]
	inside b8 cat /root/.pypirc >/dev/null
	within 10 has "$A/b8.jsonl" '.title == "Bait taken"'
	inside b8 sh -c 'i=0; while [ $i -lt 600 ]; do echo >/home/code/mine.d/$i; i=$((i + 1)); done'
	coi container stop --force b8
	run coi container start b8
	[ "$status" -ne 0 ]
	[[ $output == *"more files than can be kept closed (512)"* ]]
	gone b8
}

@test "a project may close more, and open nothing" {
	mkdir -p .coi
	settings 'block_secrets = ["~/.netrc"]'
	printf '[monitoring]\nblock = false\nblock_secrets = ["~/x"]\nblock_tools = []\n' >.coi/config.toml
	run coi config show
	[[ $output == *"block = true"* ]]
	run coi config show --format json
	coi config show 2>/dev/null | grep -q '~/.netrc'
	not grep -q 'block_tools = \[\]' <(coi config show 2>/dev/null)
	rm -r .coi
}

@test "nothing is left of it" {
	prepared b9
	local holder answerer
	holder=$(pid_of b9 block) answerer=$(answerer b9)
	# Without rights, and nobody's to look at.
	grep -q '^CapEff:[[:space:]]*0000000000000000' "/proc/$answerer/status"
	grep -q '^CapPrm:[[:space:]]*0000000000000000' "/proc/$holder/status"
	grep -q '^Seccomp:[[:space:]]*2' "/proc/$answerer/status"
	[ "$(stat -c %u "/proc/$answerer/fd")" = 0 ] # not dumpable
	coi container stop --force b9
	has_ended "$holder"
	within 10 has_ended "$answerer"
	[ "$(cat "$COI_ROOT/containers/b9/upper/root/.ssh/id_rsa")" = K3Y ]
	gone b9
}
