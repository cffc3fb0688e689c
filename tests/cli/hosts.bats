#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Fixed names and what they open, name servers of one's own, and names that lead nowhere.

setup_file() {
	load ../lib/common
	coi_setup
	settings 'mode = "restricted"'
	coi container launch coi-default h1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

settings() { # LINES of [network]
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\n%b\n' "$1" >>"$HOME/.coi/config.toml"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

refused() {
	run get "$@"
	[ "$status" != 0 ]
}

@test "hosts add opens one private address by its name, at once, with its ports" {
	refused h1 10.9.8.7
	run --separate-stderr coi hosts add h1 10.9.8.7 db.lan Other.LAN --ports 80,9000-9001
	expect_status 0
	[[ $output == *"10.9.8.7"* ]]
	get h1 db.lan | grep -q hello
	get h1 other.lan | grep -q hello
	refused h1 db.lan 8080
	refused h1 172.16.5.5
	# In every mode, and by name without anybody being asked.
	for mode in allowlist open restricted; do
		coi network mode h1 $mode
		get h1 db.lan | grep -q hello
		[ $mode = open ] || refused h1 db.lan 8080
	done
	not arrived 'dns db.lan'
}

@test "hosts list: addresses, a tab, names; and as JSON" {
	run --separate-stderr coi hosts list h1
	expect_status 0
	expect_equal "$output" $'10.9.8.7\tdb.lan other.lan'
	expect_equal "$(coi hosts list h1 --format json | jq -c .)" \
		'[{"hostnames":["db.lan","other.lan"],"ip":"10.9.8.7","ports":["80","9000-9001"]}]'
}

etc_hosts() { # CONTAINER
	coi container exec "$1" -- cat /etc/hosts
}

@test "they stand in /etc/hosts too, for programs that ask nobody, and what else is there stays" {
	etc_hosts h1 | grep -qx $'10.9.8.7\tdb.lan other.lan'
	coi container exec h1 -- sh -c 'echo "203.0.113.10 mine.example" >>/etc/hosts'
	coi hosts add h1 198.51.100.10 web.lan
	etc_hosts h1 | grep -qx '203.0.113.10 mine.example'
	etc_hosts h1 | grep -qx $'198.51.100.10\tweb.lan'
	expect_equal "$(etc_hosts h1 | grep -c db.lan)" 1
	expect_equal "$(coi container exec h1 -- stat -c %a:%u /etc/hosts)" 644:0
	# As its user, and without the name service.
	coi container exec h1 -- sh -c 'mv /etc/resolv.conf /etc/resolv.away'
	get h1 db.lan | grep -q hello
	get h1 web.lan | grep -q hello
	coi container exec h1 -- sh -c 'mv /etc/resolv.away /etc/resolv.conf'
	coi hosts remove h1 web.lan
	not grep web.lan <(etc_hosts h1)
	etc_hosts h1 | grep -qx '203.0.113.10 mine.example'
	etc_hosts h1 | grep -q db.lan
}

@test "what lies in the place of /etc/hosts is replaced, not followed; what cannot be is told" {
	local made
	coi container exec h1 -- sh -c 'echo untouched >/tmp/victim; ln -sf /tmp/victim /etc/hosts'
	coi hosts add h1 198.51.100.10 web.lan
	expect_equal "$(coi container exec h1 -- cat /tmp/victim)" untouched
	coi container exec h1 -- test ! -L /etc/hosts
	etc_hosts h1 | grep -q web.lan
	etc_hosts h1 | grep -q localhost
	coi container exec h1 -- sh -c 'rm /etc/hosts; mkfifo /etc/hosts'
	coi hosts remove h1 web.lan
	etc_hosts h1 | grep -q db.lan
	# A directory, or one that is mounted upon: the names are answered all the same.
	for made in 'rm /etc/hosts; mkdir /etc/hosts' 'rmdir /etc/hosts; mv /etc /etc.away; ln -s /tmp /etc'; do
		coi container exec h1 -- sh -c "$made"
		run --separate-stderr coi hosts add h1 198.51.100.10 web.lan
		expect_status 0
		expect_stderr 'but not in its /etc/hosts'
		get h1 198.51.100.10 | grep -q hello
	done
	coi container exec h1 -- sh -c 'rm /etc; mv /etc.away /etc; echo "127.0.0.1 localhost" >/etc/hosts'
	coi hosts remove h1 web.lan
	etc_hosts h1 | grep -q db.lan
}

@test "several that change them at once end with the same in the file and in the rules" {
	local i pids=()
	for i in 1 2 3 4 5 6; do
		"$COI" hosts add h1 "203.0.113.$((150 + i))" "n$i.lan" >/dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in 1 2 3 4 5 6; do
		etc_hosts h1 | grep -qx "203.0.113.$((150 + i))"$'\t'"n$i.lan"
		coi hosts remove h1 "n$i.lan"
	done
	expect_equal "$(coi hosts list h1)" $'10.9.8.7\tdb.lan other.lan'
	not grep -q 'n[0-9].lan' <(etc_hosts h1)
}

@test "a foreign flush and another supervisor leave them open" {
	local pid
	nft flush ruleset
	within 3 get h1 db.lan
	refused h1 172.16.5.5
	pid=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/h1/container.ini")
	kill -9 "$pid"
	listed() { coi hosts list h1 | grep -q db.lan; }
	within 20 listed
	within 5 get h1 db.lan
}

@test "hosts remove closes with the last name" {
	coi hosts remove h1 other.lan
	get h1 db.lan | grep -q hello
	coi hosts remove h1 DB.lan.
	refused h1 db.lan
	refused h1 10.9.8.7
	run coi hosts list h1
	expect_status 0
	expect_text 'No hosts of its own in h1'
	expect_equal "$(coi hosts list h1 --format json)" '[]'
	run coi hosts remove h1 db.lan
	expect_status 1
	expect_text "'db.lan' is not in the list"
}

@test "hosts: what makes no sense is a usage error, and changes nothing" {
	local words
	for words in 'nonsense a.lan' '10.0.0.0/8 a.lan' '127.0.0.1 a.lan' '10.9.8.7 *.lan' \
		'10.9.8.7 10.9.8.8' '10.9.8.7 a.lan --ports 0' '10.9.8.7 a.lan --ports 70000' \
		'10.9.8.7 a.lan --ports x' '224.0.0.1 a.lan'; do
		# shellcheck disable=SC2086
		run coi hosts add h1 $words
		expect_status 2
	done
	run coi hosts add nobody 10.9.8.7 a.lan
	expect_status 1
	# Containers do not reach each other, whatever is said.
	address=$(coi network show h1 | sed -n 's/^Address: //p')
	run coi hosts add h1 "${address%.*}.250" peer.lan
	expect_status 1
	expect_text 'an address of containers'
	expect_equal "$(coi hosts list h1 --format json)" '[]'
}

@test "network.hosts of the settings" {
	settings 'mode = "allowlist"\nallowed_domains = []\n[[network.hosts]]\nip = "10.9.8.7"\nhostnames = ["db.lan", "b.lan"]\nports = ["80"]\n[[network.hosts]]\nip = "198.51.100.10"\nhostnames = ["web.lan"]'
	coi run -- fetch db.lan | grep -q hello
	coi run -- cat /etc/hosts | grep -qx $'10.9.8.7\tdb.lan b.lan'
	# What was added while it ran ends with the run; what the settings have comes again.
	coi container launch coi-default h5 --persistent
	coi hosts add h5 203.0.113.10 more.lan
	etc_hosts h5 | grep -q more.lan
	coi container stop h5
	coi container start h5
	not grep more.lan <(etc_hosts h5)
	etc_hosts h5 | grep -qx $'198.51.100.10\tweb.lan'
	expect_equal "$(etc_hosts h5 | grep -c '^# .*coi')" 2
	coi kill --force h5
	coi run -- fetch web.lan 8080 | grep -q hello
	run coi run -- fetch db.lan 8080
	[ "$status" != 0 ]
	run coi run -- fetch public.test
	[ "$status" != 0 ]
	# A project does not open what is private.
	mkdir -p .coi
	printf '[[network.hosts]]\nip = "172.16.5.5"\nhostnames = ["sly.lan"]\n' >.coi/config.toml
	run coi run -- fetch sly.lan
	[ "$status" != 0 ]
	expect_text 'network.hosts'
	rm -r .coi
	settings '[[network.hosts]]\nip = "10.9.8.7"\nhostnames = ["*.lan"]'
	run coi run -- true
	expect_status 1
	expect_text 'network.hosts'
	settings '[[network.hosts]]\nip = "10.9.8.7"\nhostnames = ["a.lan"]\nports = ["70000"]'
	run coi run -- true
	expect_status 1
	expect_text 'network.hosts'
}

@test "dns_servers are asked instead of the host's, also private ones, which stay closed" {
	settings 'dns_servers = ["10.9.8.7"]'
	nsenter --net="$COI_STAGE_WORLD" "$COI_TEST_BUILD/net-dnstool" serve 10.9.8.7 \
		< <(sleep 60) >"$T/dns.out" 2>&1 3>&- &
	server=$!
	within 5 grep -q . "$T/dns.out"
	coi run -- nslookup rotate.example || true
	within 5 grep -q '^rotate' "$T/dns.out"
	not arrived 'dns rotate.example'
	run coi run -- bash -c 'exec 3<>/dev/tcp/10.9.8.7/53'
	[ "$status" != 0 ]
	kill $server
}

@test "the host's name servers change while a container runs" {
	local server
	settings 'mode = "restricted"'
	coi container launch coi-default h4
	coi container exec h4 -- nslookup public.test | grep -q 203.0.113.10
	cp /etc/resolv.conf "$T/resolv.kept"
	in_world ip addr add 203.0.113.77/32 dev lo
	in_world "$COI_TEST_BUILD/net-dnstool" serve 203.0.113.77 < <(sleep 100) >"$T/other.out" 2>&1 3>&- &
	server=$!
	within 5 grep -q ready "$T/other.out"
	echo 'nameserver 203.0.113.77' >/etc/resolv.conf
	# What is on its way at that moment still goes to the old one.
	moved() { coi container exec h4 -- nslookup public.test | grep -q 198.51.100.10; }
	within 10 moved
	not arrived 'dns later.test'
	coi container exec h4 -- nslookup later.test || true
	grep -q '^later' "$T/other.out"
	not arrived 'dns later.test'
	cat "$T/resolv.kept" >/etc/resolv.conf
	kill $server
	back() { coi container exec h4 -- nslookup public.test | grep -q 203.0.113.10; }
	within 15 back
	coi kill h4
}

@test "dns_servers: not in allowlist mode, not four, and no nonsense" {
	settings 'mode = "allowlist"\ndns_servers = ["10.9.8.7"]'
	run coi run -- true
	expect_status 1
	expect_text 'network.dns_servers'
	expect_text 'allowlist'
	settings 'dns_servers = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]'
	run coi run -- true
	expect_status 1
	expect_text 'network.dns_servers'
	settings 'dns_servers = ["300.1.1.1"]'
	run coi run -- true
	expect_status 1
	expect_text 'network.dns_servers'
	# Nor later.
	settings 'dns_servers = ["203.0.113.53"]'
	coi container launch coi-default h2
	run coi network mode h2 allowlist
	expect_status 1
	expect_text 'network.dns_servers'
	coi network show h2 | grep -q 'Mode: restricted'
	coi kill h2
}

@test "listed names are asked for beforehand, and one that leads nowhere is told by its key" {
	settings 'mode = "allowlist"\nallowed_domains = ["other.test", "nowhere.test", "private.test"]'
	# It comes while the command runs, if that runs long enough.
	told() { coi run -- sleep 1 >"$T/told" 2>&1 && grep -q nowhere.test "$T/told"; }
	within 30 told
	run cat "$T/told"
	expect_text "network.allowed_domains: 'nowhere.test' does not exist"
	expect_text "'private.test' has no IPv4 address that may be reached"
	[[ $output != *"'other.test'"* ]]
	# Open by address before the container asks for anything.
	coi container launch coi-default h3
	within 5 get h3 198.51.100.10
	coi network show h3 | grep -q 'other.test 198.51.100.10'
	run coi network show h3
	expect_text $'Lead nowhere:\n  '
	expect_text '  nowhere.test does not exist'
	expect_text '  private.test has no IPv4 address that may be reached'
	coi network show h3 --json | jq -e '[.nowhere[].name] | sort == ["nowhere.test", "private.test"]'
	# What is taken off the list is not told any more, and what is added is.
	coi network deny h3 nowhere.test
	coi network allow h3 elsewhere.test
	elsewhere() {
		coi network show h3 --json | jq -e '[.nowhere[].name] | sort == ["elsewhere.test", "private.test"]'
	}
	within 10 elsewhere
	coi kill h3
}
