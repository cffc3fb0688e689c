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

ask() { # GUEST NAME [TYPE [tcp]]
	local from=$1
	shift
	on "$from" "$COI_TEST_BUILD/net-dnstool" ask "$(of a GATEWAY)" "$1" "${2-1}" ${3-}
}

@test "a name is resolved, by UDP and by TCP" {
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a public.test 1 tcp)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask b public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a PuBLiC.test)" = "rcode=0 tc=0" ] || [ "$(ask a PuBLiC.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "a name that does not exist, and a server that fails" {
	[ "$(ask a nx.test)" = "rcode=3 tc=0" ]
	[ "$(ask a fail.test)" = "rcode=2 tc=0" ]
}

@test "AAAA is empty, and nobody is asked" {
	[ "$(ask a public.test 28)" = "rcode=0 tc=0" ]
	[ "$(ask c public.test 28)" = "rcode=0 tc=0" ]
	! grep -q '^public 28' "$T/upstream.out"
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
	! grep -q '^public 252' "$T/upstream.out"
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
	! grep -q public "$T/hostdns.out"
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
