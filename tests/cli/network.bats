#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The network that a container has without any setting: public yes, everything else no.

setup_file() {
	load ../lib/common
	load ../lib/reach
	coi_setup
	coi container launch coi-default n1
	coi container launch coi-default n2
	host_service_start
}

teardown_file() {
	load ../lib/common
	load ../lib/reach
	host_service_end
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/reach
	cd "$T/ws"
}

@test "public addresses answer" {
	get n1 203.0.113.10 | grep -q 'hello from 203.0.113.10'
	get n1 198.51.100.10 8080 | grep -q hello
}

@test "names are resolved inside" {
	get n1 public.test | grep -q hello
	get n1 alias.test | grep -q hello
	run get n1 nonexistent.test
	[ "$status" != 0 ]
}

@test "private, link-local, metadata and LAN addresses do not answer, and fail at once" {
	local address start
	for address in 10.9.8.7 172.16.5.5 192.168.50.1 100.64.0.9 169.254.169.254; do
		# The host itself reaches it: the attack works without the defence.
		curl -sf -m 5 "http://$address/" >/dev/null
		start=$SECONDS
		run get n1 "$address"
		[ "$status" != 0 ] || { echo "$address answered"; return 1; }
		[ $((SECONDS - start)) -lt 3 ] || { echo "$address was silent"; return 1; }
		! arrived "http $address:80 / 10\\." || { echo "$address was reached"; return 1; }
	done
}

@test "a public name that leads to a private address does not help" {
	local name
	for name in private.test lan.test metadata.test; do
		run get n1 "$name"
		[ "$status" != 0 ] || { echo "$name answered"; return 1; }
	done
}

@test "the host's services do not answer, on any of its addresses" {
	local gateway address
	gateway=$(gateway_of n1)
	[ -n "$gateway" ]
	curl -sf -m 5 "http://$gateway:9999/" | grep -q host
	for address in "$gateway" 192.0.2.2 192.168.50.2; do
		run get n1 "$address" 9999
		[ "$status" != 0 ] || { echo "$address answered"; return 1; }
	done
}

@test "one container does not reach another" {
	local other
	other=$(address_of n2)
	[ -n "$other" ]
	coi container exec n2 -- sh -c 'mkdir -p /tmp/w && echo other >/tmp/w/index.html && httpd -p 8000 -h /tmp/w'
	# The host may open connections to a container.
	curl -sf -m 5 "http://$other:8000/" | grep -q other
	run get n1 "$other" 8000
	[ "$status" != 0 ]
	run timeout 20 "$COI_TEST_BUILD/coi" container exec n1 -- ping -c 1 -W 2 "$other"
	[ "$status" != 0 ]
}

@test "there is no IPv6 beyond the container" {
	run --separate-stderr coi container exec n1 -- ip -6 route show default
	[ -z "$output" ]
	run --separate-stderr coi container exec n1 -- sh -c 'ip -6 addr show dev eth0 | grep -c "scope global"'
	expect_equal "$output" 0
}

@test "a forged address gets nowhere" {
	coi container exec n2 -- ip addr add 10.77.200.200/32 dev eth0 || true
	run timeout 20 "$COI_TEST_BUILD/coi" container exec n2 -- ping -c 1 -W 2 -I 10.77.200.200 203.0.113.10
	[ "$status" != 0 ]
	coi container exec n2 -- ip addr del 10.77.200.200/32 dev eth0 || true
	get n2 203.0.113.10 | grep -q hello
}

@test "nft flush ruleset by an administrator does not open the host, nor the private ranges" {
	local gateway
	gateway=$(gateway_of n1)
	nft flush ruleset || true
	run get n1 169.254.169.254
	[ "$status" != 0 ]
	run get n1 10.9.8.7
	[ "$status" != 0 ]
	run get n1 "$gateway" 9999
	[ "$status" != 0 ]
	# The next command puts the rules back.
	coi run -- true
	within 20 reaches n1
}

@test "from the first moment: a command at once sees the network closed" {
	local i
	for i in 1 2 3 4 5; do
		run --separate-stderr coi run -- fetch 169.254.169.254
		[ "$status" != 0 ]
	done
	run --separate-stderr coi run -- fetch 203.0.113.10
	expect_status 0
	expect_text hello
	! arrived 'http 169\.254\.169\.254:80 / (10|192)\.' || true
}

@test "restricted: each block is lifted by its setting, and by no other" {
	local key opens reached
	while read -r key opens; do
		printf '[network]\n%s = false\n' "$key" >>"$HOME/.coi/config.toml"
		reached=$(coi run -- sh -c 'fetch 10.9.8.7 >/dev/null 2>&1 && echo private
			fetch 169.254.169.254 >/dev/null 2>&1 && echo metadata; true' 2>/dev/null)
		sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
		expect_equal "$key: $reached" "$key: $opens"
	done <<-'END'
		block_private_networks private
		block_metadata_endpoint metadata
	END
}

@test "mode open still keeps the host and other containers out" {
	local gateway
	gateway=$(gateway_of n1)
	printf '[network]\nmode = "open"\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- fetch 10.9.8.7
	local status_private=$status
	run --separate-stderr coi run -- fetch "$gateway" 9999
	local status_host=$status
	sed -i '/\[network\]/,$d' "$HOME/.coi/config.toml"
	[ "$status_host" != 0 ]
	expect_equal "$status_private" 0
}
