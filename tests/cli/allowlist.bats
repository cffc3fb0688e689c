#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode allowlist with real containers, changes while they run, and what the container is told.

setup_file() {
	load ../lib/common
	coi_setup
	mode_allowlist '"public.test", "198.51.100.10:8080", "private.test"'
	coi container launch coi-default a1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

mode_allowlist() { # LIST, as in TOML
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\nmode = "allowlist"\nallowed_domains = [%s]\n' "$1" >>"$HOME/.coi/config.toml"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

refused_at_once() { # CONTAINER HOST [PORT]
	local start=$SECONDS
	run get "$@"
	[ "$status" != 0 ] || { echo "$2 answered"; return 1; }
	[ $((SECONDS - start)) -lt 3 ] || { echo "$2 was silent"; return 1; }
}

denied() { # CONTAINER PATTERN
	coi container exec "$1" -- cat /run/coi/denied | grep -E "$2"
}

@test "a listed name is reached at the first try" {
	get a1 public.test | grep -q 'hello from 203.0.113.10'
	run --separate-stderr coi run -- fetch public.test
	expect_status 0
	expect_text 'hello from 203.0.113.10'
	# And no other.
	run coi run -- fetch other.test
	[ "$status" != 0 ]
}

@test "wget and curl reach it too, at the first try" {
	coi container exec a1 -- wget -q -O - http://public.test/ | grep -q hello
	coi container exec a1 -- nc public.test 80 </dev/null
}

@test "fifty new containers, each at its first try" {
	local i good=0 count
	count=$(long 5 50)
	for ((i = 0; i < count; i++)); do
		! coi run -- fetch public.test 2>/dev/null | grep -q hello || good=$((good + 1))
	done
	expect_equal "$good" "$count"
}

@test "a listed address has its port and no other" {
	get a1 198.51.100.10 8080 | grep -q hello
	refused_at_once a1 198.51.100.10 80
}

@test "everything else is refused at once, and the container is told why" {
	refused_at_once a1 203.0.113.53 80
	refused_at_once a1 other.test
	refused_at_once a1 10.9.8.7
	refused_at_once a1 169.254.169.254
	refused_at_once a1 private.test
	not arrived 'dns other.test'
	within 5 denied a1 'name other\.test: not in the list .*coi network allow a1 other\.test'
	within 5 denied a1 'connection to 203\.0\.113\.53 port 80/tcp: not in the list'
	within 5 denied a1 'connection to 10\.9\.8\.7 port 80/tcp: private networks are closed'
	within 5 denied a1 'connection to 169\.254\.169\.254 port 80/tcp: .*metadata'
	coi container exec a1 -- cat /run/coi/denied
	expect_equal "$(coi container exec a1 -- grep -c 'name other.test' /run/coi/denied)" 1
}

lookup_with() { # COMPILER…: as a static program of that C library, in the container
	command -v "$1" >/dev/null || skip "no $1"
	"$@" -static -o "$T/ws/lookup" "$COI_TEST_SRC/tests/net/lookup.c" 2>/dev/null
	chmod 0755 "$T/ws/lookup"
	coi run -- /workspace/lookup public.test | grep -q '^found'
	# Names that are not listed, and one that does not exist below one that is not.
	coi run -- bash -c 'for n in other.test a.b.other.test localhost.other.test; do
		/workspace/lookup $n; done; true' >"$T/looked"
	cat "$T/looked"
	expect_equal "$(grep -c '^none' "$T/looked")" 3
	expect_equal "$(awk '$2 >= 1000' "$T/looked")" ""
}

@test "musl takes a refusal for an answer, and does not wait" {
	lookup_with musl-gcc
}

@test "glibc takes a refusal for an answer, and not for a temporary one" {
	lookup_with gcc
}

@test "search domains of the container: what is not listed does not keep it from what is" {
	coi container launch coi-default searching
	coi container exec searching -- sh -c 'ns=$(grep nameserver /etc/resolv.conf)
		{ echo "$ns"; echo "search corp.example test other.example"; } >/etc/resolv.conf'
	# As a program of glibc has it, and of busybox: corp.example is refused, test is listed.
	get searching public | grep -q 'hello from 203.0.113.10'
	coi container exec searching -- wget -q -O - http://public/ | grep -q hello
	not arrived 'dns public.corp.example'
	not arrived 'dns public 1'
	run get searching other
	[ "$status" != 0 ]
	not arrived 'dns other'
	# A name that ends in a dot is not searched for.
	get searching public.test. | grep -q hello
	coi kill searching
}

@test "the container cannot write or remove what it is told" {
	run coi container exec a1 -- sh -c 'echo x >>/run/coi/denied'
	[ "$status" != 0 ]
	run coi container exec a1 -- rm -f /run/coi/denied
	coi container exec a1 -- test -s /run/coi/denied
	run --separate-stderr coi network log a1
	expect_status 0
	expect_text 'name other.test'
}

@test "network show: mode, list, what was learnt" {
	run --separate-stderr coi network show a1
	expect_status 0
	expect_text 'Mode: allowlist'
	expect_text '198.51.100.10:8080'
	expect_text 'public.test 203.0.113.10'
	coi network show a1 --json | jq -e '.mode == "allowlist" and (.allowed | length) == 3'
}

@test "network allow works at once, and deny takes it away again" {
	refused_at_once a1 both.test
	run --separate-stderr coi network allow a1 both.test
	expect_status 0
	get a1 both.test | grep -q hello
	run --separate-stderr coi network allow a1 both.test
	expect_status 0
	expect_stderr 'Nothing to change'
	run --separate-stderr coi network deny a1 both.test
	expect_status 0
	refused_at_once a1 both.test
	# What another name leads to stays.
	get a1 public.test | grep -q hello
	run --separate-stderr coi network deny a1 both.test
	expect_status 1
	expect_one_error
	expect_stderr "'both.test' is not in the list"
}

resolver_of() { # CONTAINER: the pid of its name service, a child of its supervisor
	local pid
	pid=$(cat "/proc/$(supervisor_of "$1")/task/$(supervisor_of "$1")/children" | tr ' ' '\n' |
		while read -r pid; do
			[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != coi-resolver ] || echo "$pid"
		done)
	echo "$pid"
}

@test "no question fails while the list and the hosts are changed" {
	local pid round before
	before=$(resolver_of a1)
	coi container exec a1 -- sh -c 'cat >/tmp/dnstool && chmod 755 /tmp/dnstool' <"$COI_TEST_BUILD/net-dnstool"
	coi network allow a1 rotate.test
	gateway=$(coi container exec a1 -- ip route | awk '/^default/ { print $3 }')
	"$COI" container exec a1 -- /tmp/dnstool race "$gateway" rotate.test 8088 "$(long 400 4000)" \
		>"$T/race" 2>&1 3>&- &
	pid=$!
	for ((round = 0; round < 200; round++)); do
		[ ! -s "$T/race" ] || break
		coi network allow a1 both.test "x$round.test"
		coi hosts add a1 10.9.8.7 db.lan
		coi network deny a1 both.test
		coi hosts remove a1 db.lan
	done
	wait $pid
	echo "$round rounds: $(cat "$T/race")"
	[ "$round" -ge 2 ]
	grep -qE '^good=([0-9]+) of \1$' "$T/race"
	expect_equal "$(resolver_of a1)" "$before"
	coi network deny a1 rotate.test
}

@test "entries that make no sense change nothing, in one line that says which and why" {
	local entry why before
	before=$(coi network show a1 --json | jq -c '[.mode, .allowed]')
	while IFS='|' read -r entry why; do
		run --separate-stderr coi network allow a1 both.test "$entry"
		expect_status 1
		expect_one_error
		expect_stderr "'$entry'"
		expect_stderr "$why"
		run --separate-stderr coi network deny a1 public.test "$entry"
		expect_status 1
		expect_one_error
		expect_equal "$(coi network show a1 --json | jq -c '[.mode, .allowed]')" "$before"
	done <<-'END'
		a.*.test|a wildcard stands at the beginning only
		10.0.0.1/8|10.0.0.0/8
		10.0.0.0/33|no IPv4 network
		public.test:0|from 1 to 65535
		public.test:70000|from 1 to 65535
		@nobody|there is no set of names
	END
	# More than there may be, of which none is taken.
	seq -f 'h%g.test' 10000 >"$T/many"
	run --separate-stderr coi network allow a1 $(cat "$T/many")
	expect_status 1
	expect_one_error
	expect_equal "$(coi network show a1 --json | jq -c '[.mode, .allowed]')" "$before"
	refused_at_once a1 both.test
	get a1 public.test
	run --separate-stderr coi network mode a1 closed
	expect_status 2
	run --separate-stderr coi network show nobody
	expect_status 1
	expect_one_error
}

@test "a wildcard allows what is below it" {
	coi network allow a1 '*.test:80'
	get a1 other.test | grep -q 'hello from 198.51.100.10'
	refused_at_once a1 198.51.100.10 22
	coi network deny a1 '*.test:80'
	refused_at_once a1 other.test
}

@test "the mode changes while it runs" {
	coi network mode a1 restricted
	get a1 other.test | grep -q hello
	refused_at_once a1 10.9.8.7
	coi network mode a1 open
	get a1 10.9.8.7 | grep -q hello
	coi network mode a1 allowlist
	refused_at_once a1 10.9.8.7
	refused_at_once a1 other.test
	get a1 public.test | grep -q hello
}

@test "going back to the list cuts a connection that is open" {
	coi network mode a1 open
	sleep 60 3>&- | in_world busybox nc -l -p 7777 >"$T/heard" 3>&- &
	local server=$!
	coi container exec a1 -- sh -c 'mkfifo /tmp/pipe; (nc 10.9.8.7 7777 </tmp/pipe; echo ended >/tmp/ended) >/dev/null 2>&1 & exec 9>/tmp/pipe; echo one >&9; sleep 600' >/dev/null 2>&1 3>&- &
	local holder=$!
	heard() { grep -q "$1" "$T/heard"; }
	within 10 heard one
	coi network mode a1 allowlist
	coi container exec a1 -- timeout 2 sh -c 'echo two >/tmp/pipe' || true
	coi container exec a1 -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do [ ! -e /tmp/ended ] || exit 0; sleep 0.3; done; exit 1'
	not heard two
	kill $server $holder 2>/dev/null || true
}

@test "a foreign flush of all rules is mended with the list" {
	get a1 public.test | grep -q hello
	nft flush ruleset || true
	reaches() { get a1 198.51.100.10 8080 | grep -q hello; }
	within 20 reaches
	refused_at_once a1 198.51.100.10 80
	# What was learnt is there too, without asking again.
	get a1 203.0.113.10 | grep -q hello
}

@test "the supervisor is killed: the list stays, also with the next one" {
	local pid
	pid=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/a1/container.ini")
	[ -n "$pid" ]
	kill -9 "$pid"
	refused_at_once a1 198.51.100.10 80
	coi list >/dev/null
	back() { coi network show a1 | grep -q '198.51.100.10:8080'; }
	within 20 back
	get a1 public.test | grep -q hello
	get a1 198.51.100.10 8080 | grep -q hello
	refused_at_once a1 other.test
	within 5 denied a1 'name other\.test'
}

supervisor_of() { # CONTAINER
	sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$1/container.ini"
}

@test "what was learnt outlives the supervisor" {
	local pid
	coi container launch coi-default adopted
	get adopted public.test | grep -q hello
	pid=$(supervisor_of adopted)
	kill -9 "$pid"
	until [ ! -e "/proc/$pid" ]; do sleep 0.02; done
	# Nobody is there to be asked; what was learnt is open, the rest closed.
	get adopted 203.0.113.10 | grep -q hello
	refused_at_once adopted 198.51.100.10 80
	# The next command gives it another one.
	within 10 adopted_again adopted "$pid"
	# By address, so nothing was asked for since.
	get adopted 203.0.113.10 | grep -q hello
	refused_at_once adopted 198.51.100.10 80
	coi network show adopted | grep -q 'public.test 203.0.113.10'
	# And with the next one, whose list has less.
	coi network deny adopted public.test
	refused_at_once adopted 203.0.113.10
	coi kill adopted
}

adopted_again() { # NAME OLD-PID
	local now
	coi network show "$1" || return 1
	now=$(supervisor_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && [ -e "/proc/$now" ]
}

@test "after a foreign flush every container has what it had learnt, within a second" {
	local name round good
	for name in f1 f2 f3 f4; do
		coi container launch coi-default "$name"
		get "$name" public.test | grep -q hello
	done
	for round in 1 2 3; do
		nft flush ruleset
		for name in f1 f2 f3 f4; do
			# By address: only what was learnt opens it.
			within 2 get "$name" 203.0.113.10
			refused_at_once "$name" 198.51.100.10 80
		done
	done
	coi kill f1 f2 f3 f4
}

@test "a name service that has to wait for the processor is not taken for one that hangs" {
	local pid
	pid=$(resolver_of a1)
	kill -STOP "$pid"
	"$COI" container exec a1 -- fetch public.test >"$T/late" 2>&1 3>&- &
	local asking=$!
	sleep 1.2
	kill -CONT "$pid"
	wait "$asking"
	grep -q hello "$T/late"
	expect_equal "$(resolver_of a1)" "$pid"
}

@test "a name service that hangs, or is killed, is there again within seconds" {
	local signal pid before
	for signal in STOP KILL; do
		sleep 1.1 # one that dies as soon as it was started is waited with
		pid=$(resolver_of a1)
		[ -n "$pid" ]
		kill -$signal "$pid"
		before=$(date +%s%N)
		refused_at_once a1 198.51.100.10 80
		within 8 get a1 public.test
		echo "$signal: $((($(date +%s%N) - before) / 1000000)) ms until a name was there" >&3
		[ "$(resolver_of a1)" != "$pid" ]
		refused_at_once a1 198.51.100.10 80
	done
}

@test "an empty list is nothing at all" {
	mode_allowlist ''
	run coi run -- fetch public.test
	[ "$status" != 0 ]
	run coi run -- fetch 203.0.113.10
	[ "$status" != 0 ]
	run --separate-stderr coi run -- true
	expect_status 0
}

@test "bad entries: one clear line that names the key, nothing is started" {
	local entry
	for entry in '"a.*.test"' '"10.0.0.1/8"' '"public.test:0"' '"public.test:70000"'; do
		mode_allowlist "$entry"
		run --separate-stderr coi run -- true
		expect_status 1
		expect_one_error
		expect_stderr allowed_domains
	done
	mode_allowlist "$(seq -f '"h%g.test"' -s, 10000)"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr allowed_domains
}

@test "@providers are names, and @registries those of the image" {
	mode_allowlist '"@providers", "@registries"'
	coi container launch coi-default a2
	coi network show a2 --json | jq -e '.allowed | index("api.anthropic.com")'
	coi container delete --force a2
}

@test "the local network opens both ways, and the host stays closed" {
	local gateway address
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\nallow_local_network_access = true\n' >>"$HOME/.coi/config.toml"
	coi container launch coi-default l1
	get l1 192.168.50.1 | grep -q hello
	get l1 lan.test | grep -q hello
	refused_at_once l1 169.254.169.254
	gateway=$(coi container exec l1 -- ip route | awk '/^default/ { print $3 }')
	address=$(coi container exec l1 -- ip -4 -o addr show dev eth0 | awk '{ sub(/\/.*/, "", $4); print $4 }')
	coi container exec l1 -- sh -c 'mkdir -p /tmp/w && echo inside >/tmp/w/index.html && httpd -p 8000 -h /tmp/w'
	in_world ip route add "$address" via 192.168.50.2 src 192.168.50.1
	in_world curl -sf -m 5 "http://$address:8000/" | grep -q inside
	# Not from a public address; and not once it is closed again.
	in_world ip route replace "$address" via 192.168.50.2 src 203.0.113.10
	run in_world curl -sf -m 2 "http://$address:8000/"
	[ "$status" != 0 ]
	in_world ip route del "$address"
	python3 -m http.server 9998 --bind 0.0.0.0 >/dev/null 2>&1 3>&- &
	local web=$!
	refused_at_once l1 "$gateway" 9998
	refused_at_once l1 192.168.50.2 9998
	kill $web
	coi container delete --force l1
}
