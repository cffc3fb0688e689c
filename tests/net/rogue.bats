#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A name service that was taken over (rogue.c) in the place of the real one: what it may ask
# of the supervisor is typed and bounded, and nothing opens but what its list names anyway.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir "$T/libexec"
	local program
	for program in "$COI_TEST_BUILD"/coi-*; do
		[ ! -x "$program" ] || ln -s "$program" "$T/libexec/"
	done
	export COI_LIBEXEC=$T/libexec
	printf '[network]\nmode = "allowlist"\nallowed_domains = ["public.test"]\n' >>"$HOME/.coi/config.toml"
	coi container launch coi-default good
	rm "$T/libexec/coi-resolver"
	cp "$COI_TEST_BUILD/net-rogue" "$T/libexec/coi-resolver"
	coi container launch coi-default r1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

refused() {
	run get "$@"
	[ "$status" != 0 ] || { echo "$2 answered"; return 1; }
}

step() { # NAME: it has been there
	within "${2-60}" grep -qx "$1" "$T/libexec/rogue.log"
}

took() { # COMMAND...: ten times, in microseconds
	local before=${EPOCHREALTIME/./} i
	for i in {1..10}; do
		"$@" >/dev/null 2>&1 || return 1
	done
	echo $((${EPOCHREALTIME/./} - before))
}

supervisor() {
	sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$1/container.ini"
}

@test "bytes, forms and places: nothing is opened by them" {
	local address
	step places
	for address in 10.9.8.7 172.16.5.5 192.168.50.1 169.254.169.254 100.64.0.9 1.1.1.1 192.0.2.2; do
		refused r1 "$address"
	done
	coi network show r1 --json | jq -c .learnt
	coi network show r1 --json | jq -e '.learnt == []'
	coi network show r1 --json | jq -e '.mode == "allowlist" and .allowed == ["public.test"]'
}

@test "a flood is taken at its rate, while people are answered and others are served" {
	local here there
	step descriptors
	there=$(took coi network show good)
	touch "$T/libexec/go.floods"
	here=$(took coi network show r1)
	get good public.test | grep -q hello
	echo "ten answers after $here us, without a flood $there us"
	[ "$here" -lt $((there * 20)) ]
	step floods 120
}

within_kernel() { # how many addresses are learnt
	nft -j list ruleset |
		jq '[.nftables[].set? | select(.name // "" | test("^l[0-9]")) | .elem // [] | length] | max'
}

@test "addresses of a listed name are let through, up to the most that there may be, and no more" {
	step addresses 120
	echo "in the kernel: $(within_kernel)"
	[ "$(within_kernel)" -gt 1000 ]
	[ "$(within_kernel)" -le 4096 ]
	refused r1 10.9.8.7
	refused r1 198.51.100.10
}

@test "one that does not read is not waited for" {
	local here there
	change() { coi network allow "$1" x.test && coi network deny "$1" x.test; }
	there=$(took change good)
	touch "$T/libexec/go.deaf"
	step deaf
	here=$(took change r1)
	echo "ten changes after $here us, with one that reads $there us"
	[ "$here" -lt $((there * 20)) ]
}

@test "descriptors and memory stay as they were, and what it says reaches nobody raw" {
	local pid other
	step end 120
	pid=$(supervisor r1)
	other=$(supervisor good)
	fds() { ls "/proc/$1/fd" | wc -l; }
	echo "descriptors $(fds "$pid"), of the good one $(fds "$other")"
	[ "$(fds "$pid")" -le $(($(fds "$other") + 3)) ]
	rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
	echo "kB $(rss "$pid"), of the good one $(rss "$other")"
	[ "$(rss "$pid")" -lt $(($(rss "$other") * 3)) ]
	coi network show r1 >"$T/shown"
	coi container exec r1 -- cat /run/coi/denied >"$T/denied"
	not grep -q $'\x1b' "$T/shown" "$T/denied" "$HOME/.coi/logs/network.log" "$COI_ROOT/containers/r1/supervisor.log"
	[ "$(stat -c %s "$COI_ROOT/run/r1/denied")" -le 33792 ]
	# Ten a second of a flood of thousands, and their counts.
	[ "$(wc -l <"$COI_ROOT/containers/r1/supervisor.log")" -lt 3000 ]
}

@test "when it is ended the real one takes its place, and what was learnt makes room" {
	local pid child
	rm "$T/libexec/coi-resolver"
	ln -s "$COI_TEST_BUILD/coi-resolver" "$T/libexec/coi-resolver"
	pid=$(supervisor r1)
	for child in $(cat "/proc/$pid/task/$pid/children"); do
		[ "$(cat "/proc/$child/comm")" != coi-resolver ] || kill -9 "$child"
	done
	back() { get r1 public.test | grep -q hello; }
	within 20 back
	refused r1 other.test
	[ "$(supervisor r1)" = "$pid" ]
}
