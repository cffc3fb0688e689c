#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The name service of a guest, with an upstream server of the test's own.

setup_file() {
	load stage
	stage_setup
	on world ip addr add $NAMESERVER/32 dev lo
	on world ip addr add 203.0.113.55/32 dev lo
	printf 'search example\nnameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	start upstream world "$COI_TEST_BUILD/net-dnstool" serve $NAMESERVER
	for name in a b c; do
		guest_make $name
	done
	netctl ensure
	serve_names a restricted
	serve_names b restricted
	serve_names c open
}

teardown_file() {
	load stage
	stage_teardown
}

setup() {
	load stage
	stage_load
}

# The resolver of a guest, and then its link, as at a start.
serve_names() {
	start "dns-$1" host "$COI_TEST_BUILD/netctl" resolver "$1" "$2" "$T/resolv.conf"
	await "$T/dns-$1.out" RESOLVER=
	tr ' ' '\n' <"$T/dns-$1.out" >"$T/$1.env"
	netctl attach "$1" "$(cat "$T/$1.pid")"
}

ask() { # GUEST NAME [TYPE [tcp] [size=N]]
	local from=$1 name=$2 type=${3-1}
	shift 2
	on "$from" "$COI_TEST_BUILD/net-dnstool" ask "$(of a GATEWAY)" "$name" "$type" "${@:2}"
}

tool() { # GUEST COMMAND WORDS...: of the client, to the name service
	on "$1" "$COI_TEST_BUILD/net-dnstool" "$2" "$(of a GATEWAY)" "${@:3}"
}

seen() { # PATTERN: how often the upstream server was asked
	grep -c "$1" "$T/upstream.out" || true
}

@test "a name is resolved, by UDP and by TCP" {
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a public.test 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "0x20: the case of the question comes back as it was, also when the server changes it" {
	[ "$(ask a PuBLiC.tEsT)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a PuBLiC.tEsT 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a oTherWise.TEST)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a pUBlic.test 28)" = "rcode=0 tc=0" ]
}

@test "the host's search domains are not added to what a container asks" {
	# "search example" stands in the host's file.
	ask a nowhere
	not grep -q 'nowhere.*example' "$T/upstream.out"
	[ "$(seen '^nowhere ')" = 1 ]
}

@test "EDNS: what the client takes decides what it gets, within reason" {
	[ "$(ask a medium.test)" = "rcode=0 tc=1" ]
	[ "$(ask a medium.test 1 size=512)" = "rcode=0 tc=1 edns=1232" ]
	[ "$(ask a medium.test 1 size=100)" = "rcode=0 tc=1 edns=1232" ]
	[ "$(ask a medium.test 1 size=600)" = "rcode=0 tc=1 edns=1232" ]
	[ "$(ask a medium.test 1 size=700)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 40 edns=1232" ]
	[ "$(ask a medium.test 1 size=1232)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 40 edns=1232" ]
	[ "$(ask a medium.test 1 size=65535)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 40 edns=1232" ]
	# More than passes everywhere in one datagram is for TCP, whatever the client says.
	[ "$(ask a big.test 1 size=65535)" = "rcode=0 tc=1 edns=1232" ]
	[ "$(ask a medium.test 1 tcp)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 40" ]
	[ "$(ask a medium.test 28 size=4096)" = "rcode=0 tc=0 edns=1232" ]
}

@test "a server that knows no EDNS is asked without" {
	[ "$(ask a noedns.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a noedns.test 1 size=1232)" = "rcode=0 tc=0 198.51.100.10 edns=1232" ]
}

@test "answers that make no sense are failures, after all tries, and nothing of them is passed on" {
	local name before
	for name in half lies pointer cutoff; do
		before=$(seen "^$name ")
		[ "$(ask a $name.test)" = "rcode=2 tc=0" ]
		[ "$(seen "^$name ")" -gt $((before + 1)) ]
	done
	[ "$(ask a junk.test)" = "rcode=2 tc=0" ]
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "TCP: pipelined, byte by byte, closed behind the question, and byte by byte upstream" {
	[ "$(tool a pipeline public.test 200)" = "in order: 200, with an address: 100" ]
	[ "$(tool a drip public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(tool a halfway public.test)" = $'rcode=0 tc=0 198.51.100.10\nclosed' ]
	[ "$(tool a halfway nx.test)" = $'rcode=3 tc=0\nclosed' ]
	[ "$(ask a drip.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "TCP: so many connections at a time; the rest is closed, and UDP is served meanwhile" {
	[ "$(tool a crowd public.test 10)" = "open=10 served=10" ]
	[ "$(tool a crowd public.test 40)" = "open=16 served=16" ]
	[ "$(tool a crowd public.test 16)" = "open=16 served=16" ]
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "what is no question is refused or dropped, by UDP and by TCP, and it goes on" {
	[ "$(tool a garbage public.test)" = $'refused=some\nrcode=0 tc=0 198.51.100.10' ]
	[ -d "/proc/$(of a RESOLVER)" ]
	[ "$(tool a garbage nx.test)" = $'refused=some\nrcode=3 tc=0' ]
	[ "$(ask a public.test 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "a name that does not exist, and a server that fails" {
	[ "$(ask a nx.test)" = "rcode=3 tc=0" ]
	[ "$(ask a fail.test)" = "rcode=2 tc=0" ]
}

@test "AAAA is empty, and nobody is asked" {
	[ "$(ask a public.test 28)" = "rcode=0 tc=0" ]
	[ "$(ask c public.test 28)" = "rcode=0 tc=0" ]
	not grep -q '^public 28' "$T/upstream.out"
}

@test "restricted: private and metadata addresses are taken out of answers" {
	[ "$(ask a private.test)" = "rcode=0 tc=0" ]
	[ "$(ask a metadata.test)" = "rcode=0 tc=0" ]
	[ "$(ask a mixed.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a smuggle.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a smuggle.test 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "open: they are passed on, AAAA never" {
	[ "$(ask c private.test)" = "rcode=0 tc=0 10.20.0.1" ]
	[ "$(ask c metadata.test)" = "rcode=0 tc=0 169.254.169.254" ]
	[ "$(ask c smuggle.test)" = "rcode=0 tc=0 198.51.100.10 10.20.0.1" ]
}

@test "a long answer is cut off by UDP and whole by TCP, which is asked upstream" {
	[ "$(ask a big.test)" = "rcode=0 tc=1" ]
	[ "$(ask a big.test 1 tcp)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 100" ]
	grep -q '^big 1 tcp' "$T/upstream.out"
}

@test "forged answers are passed over" {
	[ "$(ask a forged.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "zone transfers are not made" {
	[ "$(ask a public.test 252 tcp)" = "rcode=4 tc=0" ]
	not grep -q '^public 252' "$T/upstream.out"
}

@test "too many questions at once are refused, and it goes on" {
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" flood "$(of a GATEWAY)" 300)" = "refused=some" ]
	# Who asks next is served all the same.
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "it has no rights, no files, and a user id of its own" {
	local pid=$(of a RESOLVER) other
	other=$(of b RESOLVER)
	cat "/proc/$pid/status"
	grep -q '^CapEff:.0000000000000000' "/proc/$pid/status"
	grep -q '^CapPrm:.0000000000000000' "/proc/$pid/status"
	grep -q '^NoNewPrivs:.1' "/proc/$pid/status"
	grep -q '^Seccomp:.2' "/proc/$pid/status"
	[ "$(ls -A "/proc/$pid/root/")" = "" ]
	[ "$(awk '/^Uid/ { print $2 }' "/proc/$pid/status")" -gt 2000000000 ]
	[ "$(awk '/^Uid/ { print $2 }' "/proc/$pid/status")" != "$(awk '/^Uid/ { print $2 }' "/proc/$other/status")" ]
	[ "$(awk '/^Groups/ { print NF }' "/proc/$pid/status")" = 1 ]
}

@test "nobody else is served: not the host, not another guest, not the outside" {
	local port=$(of a DNS)
	[ "$(on b "$COI_TEST_BUILD/net-probe" connect "$(of a GATEWAY)" "$port")" = refused ]
	# The host's own connections count as the bridge's, and are closed without a word.
	[ "$(on host "$COI_TEST_BUILD/net-probe" connect "$(of a GATEWAY)" "$port")" = open ]
	[[ $(on host "$COI_TEST_BUILD/net-probe" connect "$(of a GATEWAY)" "$port" udp) != open* ]]
	[[ $(on world "$COI_TEST_BUILD/net-probe" connect $UPLINK "$port") != open* ]]
	on world ip route add "$(of a GATEWAY)/32" via $UPLINK
	[[ $(on world "$COI_TEST_BUILD/net-probe" connect "$(of a GATEWAY)" "$port") != open* ]]
	on world ip route del "$(of a GATEWAY)/32"
}

@test "port 53 without a resolver is refused, also when the host has a server there" {
	start hostdns host "$COI_TEST_BUILD/net-dnstool" serve 0.0.0.0
	guest d restricted
	[ "$(on d "$COI_TEST_BUILD/net-dnstool" ask "$(of d GATEWAY)" public.test 1 tcp)" = "no connection" ]
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	not grep -q public "$T/hostdns.out"
	finish hostdns
	guest_end d
	netctl down d
}

@test "other name servers are subject to the mode" {
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" ask $NAMESERVER public.test 1)" = "rcode=0 tc=0 198.51.100.10" ]
	start inner world "$COI_TEST_BUILD/net-dnstool" serve 10.9.8.7
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" ask 10.9.8.7 public.test 1 tcp)" = "no connection" ]
	[ "$(on c "$COI_TEST_BUILD/net-dnstool" ask 10.9.8.7 public.test 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
	finish inner
}

@test "a second server is asked when the first is dead" {
	finish dns-b
	printf 'nameserver 203.0.113.55\nnameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	start dns-b host "$COI_TEST_BUILD/netctl" resolver b restricted "$T/resolv.conf"
	await "$T/dns-b.out" RESOLVER=
	[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "servers that change are told to it while it runs" {
	printf 'nameserver 203.0.113.55\n' >"$T/resolv.conf"
	printf r >"$T/dns-b.in"
	[ "$(ask b public.test)" = "rcode=2 tc=0" ]
	printf 'nameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	printf r >"$T/dns-b.in"
	[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "a server on the host's loopback, or at a private address, is asked, and stays closed itself" {
	local at
	for at in 127.0.0.53 10.9.8.7; do
		case $at in
		127.*) start local host "$COI_TEST_BUILD/net-dnstool" serve $at ;;
		*) start local world "$COI_TEST_BUILD/net-dnstool" serve $at ;;
		esac
		printf 'nameserver %s\noptions edns0 trust-ad\nsearch .\n' $at >"$T/resolv.conf"
		printf r >"$T/dns-b.in"
		[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
		[ "$(ask b big.test 1 tcp)" = "rcode=0 tc=0 198.51.100.1 198.51.100.2 198.51.100.3 … 100" ]
		grep -q '^public 1 udp' "$T/local.out"
		: >"$T/local.out"
		[ "$(on b timeout 3 "$COI_TEST_BUILD/net-dnstool" ask $at sly.test 1 tcp)" != "rcode=0 tc=0" ]
		on b timeout 3 "$COI_TEST_BUILD/net-dnstool" ask $at sly.test 1 || true
		not grep -q sly "$T/local.out"
		finish local
	done
	printf 'nameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	printf r >"$T/dns-b.in"
}

@test "no server at all is a failure in time" {
	finish dns-b
	printf 'nameserver 203.0.113.55\n' >"$T/resolv.conf"
	start dns-b host "$COI_TEST_BUILD/netctl" resolver b restricted "$T/resolv.conf"
	await "$T/dns-b.out" RESOLVER=
	[ "$(ask b public.test)" = "rcode=2 tc=0" ]
}

@test "it ends with its supervisor, however that ends" {
	local pid=$(of a RESOLVER) parent
	parent=$(cat "$T/dns-a.pid")
	[ -d "/proc/$pid" ]
	kill -9 "$parent"
	for ((n = 0; n < 100; n++)); do
		[ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" || break
		sleep 0.02
	done
	[ "$n" -lt 100 ]
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" ask "$(of a GATEWAY)" public.test 1 tcp)" = "no connection" ]
}
