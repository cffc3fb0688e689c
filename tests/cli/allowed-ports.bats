#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# [network] allowed_ports: what it closes, who is told, and how it changes while it runs.
# What is reached in each mode is the business of tests/net/truth.tap.

setup_file() {
	load ../lib/common
	coi_setup
	settings 'allowed_ports = [80, "9000-9001"]'
	coi container launch coi-default p1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

teardown() {
	rm -rf "$T/ws/.coi"
}

settings() { # LINES of [network]
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\n%b\n' "$1" >>"$HOME/.coi/config.toml"
}

project() { # LINES of [network] in the project's file
	mkdir -p "$T/ws/.coi"
	printf '[network]\n%b\n' "$1" >"$T/ws/.coi/config.toml"
	chown -R 1234:1234 "$T/ws/.coi"
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

@test "ports that are not listed are refused at once, in every mode; names are found nevertheless" {
	get p1 public.test 80 | grep -q hello
	refused_at_once p1 public.test 8080
	coi network mode p1 open
	get p1 10.9.8.7 80 | grep -q hello
	refused_at_once p1 10.9.8.7 8080
	coi network mode p1 allowlist
	coi network allow p1 public.test:80,8080
	get p1 public.test 80 | grep -q hello
	refused_at_once p1 public.test 8080
	coi network mode p1 restricted
}

@test "the reason names the setting, and the command that it names helps, as it stands" {
	local command
	refused_at_once p1 198.51.100.10 8080
	within 10 denied p1 '198\.51\.100\.10 port 8080/tcp: .*network\.allowed_ports'
	command=$(denied p1 '198\.51\.100\.10 port 8080/tcp' | sed -n 's/.*can allow it outside: coi //p')
	expect_equal "$command" 'network ports p1 80,8080,9000-9001'
	# shellcheck disable=SC2086 # words, as a person would type them
	coi $command
	get p1 198.51.100.10 8080 | grep -q hello
	jq -e 'select(.port == 8080) | .allow == "coi network ports p1 80,8080,9000-9001"' \
		"$HOME/.coi/logs/network.log"
	coi network ports p1 80 9000-9001
	refused_at_once p1 198.51.100.10 8080
}

@test "network show and network ports tell them" {
	run coi network show p1
	expect_status 0
	expect_text 'Ports: 80, 9000-9001'
	coi network show p1 --json | jq -e '.allowed_ports == ["80", "9000-9001"]'
	run --separate-stderr coi network ports p1 443
	expect_status 0
	expect_stderr "Container 'p1' may reach the ports 443 of what its mode allows"
	refused_at_once p1 public.test 80
	run --separate-stderr coi network ports p1 all
	expect_stderr "Container 'p1' may reach all ports of what its mode allows"
	coi network show p1 | grep -q '^Ports: all$'
	get p1 public.test 8080 | grep -q hello
	coi network ports p1 80 9000-9001
}

@test "what is open to another port is cut when they change, and nothing else" {
	local port server
	coi network ports p1 all
	coi container exec p1 -- sh -c 'cat >/tmp/net-probe && chmod 755 /tmp/net-probe' \
		<"$COI_TEST_BUILD/net-probe"
	mkfifo "$T/in7" "$T/in9000"
	in_world "$COI_TEST_BUILD/net-probe" serve 9000 < <(sleep 60) >/dev/null 2>&1 3>&- &
	server=$!
	for port in 7 9000; do
		"$COI" container exec p1 -- /tmp/net-probe hold 203.0.113.10 $port udp \
			<"$T/in$port" >"$T/held$port" 2>&1 3>&- &
	done
	exec 7>"$T/in7" 8>"$T/in9000"
	held() { grep -q "$2" "$T/held$1"; }
	within 10 held 7 ready
	within 10 held 9000 ready
	coi network ports p1 9000
	echo x >&7
	echo x >&8
	within 10 held 7 gone
	within 10 held 9000 'still 1'
	exec 7>&- 8>&-
	kill $server
	coi network ports p1 80 9000-9001
}

@test "words that make no sense are usage errors, and change nothing" {
	local words
	for words in 0 70000 http 90-80 '80 x' 80, "$(seq -s ' ' 1 2 35)"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi network ports p1 $words
		expect_status 2
	done
	run coi network ports nobody 80
	expect_status 1
	coi network show p1 | grep -q '^Ports: 80, 9000-9001$'
}

@test "a foreign flush and another supervisor leave them closed" {
	local pid
	nft flush ruleset
	again() { get p1 public.test 80; }
	within 5 again
	refused_at_once p1 public.test 8080
	pid=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/p1/container.ini")
	kill -9 "$pid"
	until [ ! -e "/proc/$pid" ]; do sleep 0.02; done
	refused_at_once p1 203.0.113.10 8080
	# Nobody knows them at this moment, and whoever comes first makes everything anew.
	nft flush ruleset
	coi run -- true
	refused_at_once p1 203.0.113.10 8080
	shown() { coi network show p1 | grep -q '^Ports: 80, 9000-9001$'; }
	within 20 shown
	within 5 again
	refused_at_once p1 public.test 8080
}

@test "bad settings: one clear line that names the key, nothing is started" {
	local list
	for list in 0 70000 '"90-80"' '"http"' '"80-"' "$(seq -s , 1 2 35)"; do
		settings "allowed_ports = [$list]"
		run --separate-stderr coi run -- true
		expect_status 1
		expect_one_error
		expect_stderr allowed_ports
	done
	settings 'allowed_ports = [80, "9000-9001"]'
}

@test "a project takes ports away and adds none" {
	project 'allowed_ports = [80]'
	run --separate-stderr coi run -- fetch public.test 80
	expect_status 0
	[[ $stderr != *allowed_ports* ]]
	project 'allowed_ports = [80, 8080]'
	run --separate-stderr coi run -- fetch public.test 8080
	[ "$status" != 0 ]
	expect_stderr 'network.allowed_ports'
	# Where there are none it may name some.
	settings 'allowed_ports = []'
	project 'allowed_ports = [8080]'
	run --separate-stderr coi run -- fetch public.test 80
	[ "$status" != 0 ]
	run --separate-stderr coi run -- fetch public.test 8080
	expect_status 0
	settings 'allowed_ports = [80, "9000-9001"]'
}

@test "what is listed with other ports is told to stay closed" {
	run --separate-stderr coi network allow p1 other.test:8080
	expect_stderr "'other.test:8080' stays closed"
	run --separate-stderr coi network allow p1 both.test:80,8080 both.test
	[[ $stderr != *"stays closed"* ]]
	run --separate-stderr coi hosts add p1 10.9.8.7 db.lan --ports 5432
	expect_status 0
	expect_stderr '10.9.8.7 stays closed'
	refused_at_once p1 db.lan 5432
	coi hosts remove p1 db.lan
	settings 'mode = "allowlist"\nallowed_ports = [80]\nallowed_domains = ["public.test:8080", "other.test"]\n[[network.hosts]]\nip = "10.9.8.7"\nhostnames = ["db.lan"]\nports = ["5432"]'
	run --separate-stderr coi run -- fetch public.test 8080
	[ "$status" != 0 ]
	expect_stderr "'public.test:8080' in network.allowed_domains stays closed: network.allowed_ports has none of its ports"
	expect_stderr "'10.9.8.7:5432' in network.hosts stays closed"
	[[ $stderr != *"'other.test'"* ]]
	settings 'allowed_ports = [80, "9000-9001"]'
}
