#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode allowlist: listed addresses, names that are learnt, and what tries to get around them.

setup_file() {
	load stage
	stage_setup
	host_state >"$T/before"
	local n
	on world ip addr add $NAMESERVER/32 dev lo
	for n in {100..109} 111 112; do
		on world ip addr add 203.0.113.$n/32 dev lo
	done
	on world ip addr add 198.51.100.77/32 dev lo
	printf 'nameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	start upstream world "$COI_TEST_BUILD/net-dnstool" serve $NAMESERVER
	start service world "$COI_TEST_BUILD/net-probe" serve 9000
	start service2 world "$COI_TEST_BUILD/net-probe" serve 9443
	start web host "$COI_TEST_BUILD/net-probe" serve 8888
	netctl ensure
	for n in a b; do
		guest_make $n
	done
	cat >"$T/allowed.a" <<-END
	public.test rotate.test *.sub.test chain.test loop.test rogue.test rebind.test private.test
	smuggle.test forged.test big.test silent.test mixed.test:9443 aliases-16.test aliases-17.test
	zero.test *.thousand.test
	192.168.50.0/24:9000 172.16.5.5
	END
	cp "$T/allowed.a" "$T/allowed.first"
	: >"$T/allowed.b"
	serve_names a
	serve_names b
}

teardown_file() {
	load stage
	stage_teardown
}

setup() {
	load stage
	stage_load
}

# Whatever a test has made of the list, and however it ended: the next one has the first one.
teardown() {
	[ -e "$T/dns-a.pid" ] && ! cmp -s "$T/allowed.first" "$T/allowed.a" || return 0
	cp "$T/allowed.first" "$T/allowed.a"
	change a
}

serve_names() {
	COI_ALLOWED=$T/allowed.$1 start "dns-$1" host "$COI_TEST_BUILD/netctl" resolver "$1" "${2-allowlist}" "$T/resolv.conf"
	await "$T/dns-$1.out" RESOLVER=
	grep RESOLVER= "$T/dns-$1.out" | tr ' ' '\n' >"$T/$1.env"
	netctl attach "$1" "$(cat "$T/$1.pid")"
}

change() { # GUEST: its list has changed
	local before
	before=$(grep -c '^changed$' "$T/dns-$1.out") || true
	printf a >"$T/dns-$1.in"
	for ((n = 0; n < 200; n++)); do
		[ "$(grep -c '^changed$' "$T/dns-$1.out")" = "$before" ] || return 0
		sleep 0.01
	done
	return 1
}

ask() { # GUEST NAME [TYPE [tcp]]
	local from=$1
	shift
	on "$from" "$COI_TEST_BUILD/net-dnstool" ask "$(of a GATEWAY)" "$1" "${2-1}" ${3-}
}

reach() { # FROM ADDRESS PORT [udp]: the outcome in one word, and who the server saw
	local from=$1
	shift
	on "$from" "$COI_TEST_BUILD/net-probe" connect "$@"
}

@test "what is not listed is refused, by address and by name, and nobody is asked" {
	[ "$(reach a 203.0.113.100 9000)" = refused ]
	[[ $(reach a 203.0.113.100 9000 udp) =~ ^(unreachable|silent)$ ]]
	[ "$(ask a nobody.test)" = "rcode=3 tc=0" ]
	[ "$(ask a nobody.test 1 tcp)" = "rcode=3 tc=0" ]
	[ "$(ask a nobody.test 16)" = "rcode=3 tc=0" ]
	[ "$(ask a sub.test)" = "rcode=3 tc=0" ]
	not grep -q nobody "$T/upstream.out"
	await "$T/dns-a.out" 'refused nobody.test'
}

# The fastest of twenty, in microseconds.
fastest() { # COMMAND...
	local best=1000000000 before i took
	for i in {1..20}; do
		before=${EPOCHREALTIME/./}
		"$@" >/dev/null
		took=$((${EPOCHREALTIME/./} - before))
		[ "$took" -ge "$best" ] || best=$took
	done
	echo "$best"
}

@test "a refusal takes no longer than an answer" {
	local refused answered
	answered=$(fastest ask a nx.sub.test)
	refused=$(fastest ask a nobody.test)
	echo "answered after $answered us, refused after $refused us" >&3
	[ "$refused" -lt $((answered * 5)) ]
}

@test "an empty list is nothing at all" {
	[ "$(ask b public.test)" = "rcode=3 tc=0" ]
	[ "$(reach b $PUBLIC 9000)" = refused ]
	[ "$(reach b $PRIVATE 9000)" = refused ]
	not on b busybox ping -c 1 -W 1 $PUBLIC
	on b busybox ping -c 1 -W 2 "$(of b GATEWAY)"
}

@test "a listed name opens what it leads to, when it has led there" {
	[ "$(reach a 198.51.100.10 9000)" = refused ]
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(reach a 198.51.100.10 9000)" = "open $UPLINK" ]
	[ "$(reach a 198.51.100.10 9000 udp)" = "open $UPLINK" ]
	on a busybox ping -c 1 -W 2 198.51.100.10
	# For the one that asked, not for others.
	[ "$(reach b 198.51.100.10 9000)" = refused ]
}

@test "listed addresses: with their ports, also private ones, and nothing beside them" {
	[ "$(reach a 192.168.50.1 9000)" = "open $UPLINK" ] || [ "$(reach a 192.168.50.1 9000)" = "open 192.168.50.2" ]
	[ "$(reach a 192.168.50.1 9443)" = refused ]
	on a busybox ping -c 1 -W 2 192.168.50.1
	[[ $(reach a 172.16.5.5 9443) = open* ]]
	[ "$(reach a $PRIVATE 9000)" = refused ]
	[ "$(reach a $METADATA 9000)" = refused ]
	# The host has an address in that network, and stays out of reach.
	[ "$(reach a 192.168.50.2 8888)" = refused ]
	[ "$(reach a 192.168.50.2 9000)" = refused ]
	[ "$(reach a "$(of a GATEWAY)" 8888)" = refused ]
}

@test "a name with ports opens these" {
	# 198.51.100.10 is open by another name: give that up first.
	sed -i 's/^public.test //' "$T/allowed.a"
	change a
	[ "$(reach a 198.51.100.10 9443)" = refused ]
	[ "$(ask a mixed.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(reach a 198.51.100.10 9443)" = "open $UPLINK" ]
	[ "$(reach a 198.51.100.10 9000)" = refused ]
	cp "$T/allowed.first" "$T/allowed.a"
	change a
	[ "$(reach a 198.51.100.10 9443)" = "open $UPLINK" ]
}

@test "the answer comes when the way is open: 500 of 500, new addresses all the time, TTL 1" {
	on a "$COI_TEST_BUILD/net-dnstool" race "$(of a GATEWAY)" rotate.test 9000 500 >"$T/race"
	cat "$T/race"
	grep -qE '^good=500 of 500$' "$T/race"
}

@test "CNAME chains count for the name that was asked for; circles and strangers do not" {
	[ "$(reach a 203.0.113.10 9000)" = refused ]
	[ "$(ask a chain.test)" = "rcode=0 tc=0 203.0.113.10" ]
	[[ $(reach a 203.0.113.10 9000) = open* ]]
	[ "$(ask a loop.test)" = "rcode=0 tc=0" ]
	# Sixteen aliases, and one more.
	[ "$(ask a aliases-17.test)" = "rcode=0 tc=0" ]
	[ "$(reach a 203.0.113.111 9000)" = refused ]
	[ "$(ask a aliases-16.test)" = "rcode=0 tc=0 203.0.113.111" ]
	[[ $(reach a 203.0.113.111 9000) = open* ]]
	[ "$(ask a one.example)" = "rcode=3 tc=0" ]
	[ "$(ask a rogue.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(reach a 198.51.100.77 9000)" = refused ]
}

@test "an answer that lasts no time opens its address for a while nevertheless" {
	[ "$(reach a 203.0.113.112 9000)" = refused ]
	[ "$(ask a zero.test)" = "rcode=0 tc=0 203.0.113.112" ]
	[[ $(reach a 203.0.113.112 9000) = open* ]]
	sleep 2.1
	[[ $(reach a 203.0.113.112 9000) = open* ]]
}

learnt_count() { # in the kernel
	nft -j list table inet "$(table_name)" |
		jq '[.nftables[].set? | select(.name // "" | test("^l[0-9]")) | .elem // [] | length] | add'
}

@test "a thousand names, each in the list or all by a wildcard" {
	local before
	before=$(learnt_count)
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" all "$(of a GATEWAY)" thousand.test 1000)" = "good=1000 of 1000" ]
	[ "$(learnt_count)" -ge $((before + 990)) ]
	seq -f 'h%g.thousand.test' 0 999 >"$T/allowed.a"
	change a
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" all "$(of a GATEWAY)" thousand.test 1000)" = "good=1000 of 1000" ]
	[ "$(ask a h1000.thousand.test)" = "rcode=3 tc=0" ]
	# What was learnt for them goes with them.
	printf 'nobody.test\n' >"$T/allowed.a"
	change a
	[ "$(learnt_count)" = 0 ]
}

@test "more names than can be kept: the oldest make room, and are closed" {
	local closed n
	printf '*.thousand.test\n' >"$T/allowed.a"
	change a
	[[ $(on a "$COI_TEST_BUILD/net-dnstool" all "$(of a GATEWAY)" thousand.test 1100) = "good=1100 of 1100" ]]
	echo "left: $(learnt_count)"
	[ "$(learnt_count)" -le 1024 ]
	[ "$(learnt_count)" -gt 800 ]
	nft list ruleset | grep -q '203\.1\.4\.75 '
	# Of the first hundred some may have been answered late, but not half of them.
	closed=$(seq 0 99 | grep -vxFf <(nft list ruleset | grep -oE '203\.1\.0\.[0-9]+' | sed 's/.*\.//'))
	[ "$(wc -l <<<"$closed")" -gt 50 ]
	# Asked for again, it is open again.
	n=$(head -n 1 <<<"$closed")
	[ "$(ask a "h$n.thousand.test")" = "rcode=0 tc=0 203.1.0.$n" ]
	nft list ruleset | grep -q "203\.1\.0\.$n "
	printf 'nobody.test\n' >"$T/allowed.a"
	change a
}

@test "a name that leads into a private network does not open it, not even later" {
	[ "$(ask a private.test)" = "rcode=0 tc=0" ]
	[ "$(ask a rebind.test)" = "rcode=0 tc=0 203.0.113.10" ]
	[ "$(ask a rebind.test)" = "rcode=0 tc=0" ]
	[ "$(reach a $PRIVATE 9000)" = refused ]
	[ "$(ask a smuggle.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a forged.test)" = "rcode=0 tc=0 198.51.100.10" ]
}

@test "AAAA is empty, records with addresses in them are not had, other types are" {
	[ "$(ask a public.test 28)" = "rcode=0 tc=0" ]
	[ "$(ask a public.test 65)" = "rcode=0 tc=0" ]
	not grep -q '^public 65' "$T/upstream.out"
	[ "$(ask a public.test 16)" = "rcode=0 tc=0" ]
	grep -q '^public 16' "$T/upstream.out"
}

# What is asked in the background, and its answers.
asks_begin() { # FILE COUNT NAME [TYPE [tcp]]
	local file=$1 count=$2 i
	shift 2
	rm -f "$T/$file".*
	for ((i = 0; i < count; i++)); do
		ask a "$@" >"$T/$file.$i" 3>&- &
		echo $! >"$T/$file.pid.$i"
	done
}

asks_are() { # FILE ANSWER: all of them
	local pid
	for pid in "$T/$1".pid.*; do
		wait "$(cat "$pid")"
		rm "$pid"
	done
	cat "$T/$1".* | sort | uniq -c
	[ "$(cat "$T/$1".* | sort -u)" = "$2" ]
}

seen_upstream() { # COUNT PATTERN
	local n
	for ((n = 0; n < 200; n++)); do
		[ "$(grep -c "$2" "$T/upstream.out")" -lt "$1" ] || return 0
		sleep 0.05
	done
	return 1
}

@test "a question that is on its way outlives changes of the list, by UDP and by TCP" {
	local i
	: >"$T/upstream.out"
	sed -i '1s/^/held.test /' "$T/allowed.a"
	change a
	asks_begin udp 6 held.test
	asks_begin tcp 4 held.test 1 tcp
	seen_upstream 10 '^held 1'
	for i in 1 2 3; do
		sed -i '1s/^/more'$i'.test /' "$T/allowed.a"
		change a
	done
	sed -i 's/more2.test //' "$T/allowed.a"
	change a
	printf x >"$T/upstream.in"
	asks_are udp "rcode=0 tc=0 198.51.100.10"
	asks_are tcp "rcode=0 tc=0 198.51.100.10"
	[[ $(reach a 198.51.100.10 9000) = open* ]]
}

@test "one whose addresses the rules are to learn at that moment is not lost either" {
	sed -i '1s/^/learning.sub.test /' "$T/allowed.a"
	printf h >"$T/dns-a.in"
	: >"$T/upstream.out"
	asks_begin udp 3 public.sub.test
	asks_begin tcp 3 public.sub.test 1 tcp
	seen_upstream 6 '^public 1'
	change a
	asks_are udp "rcode=0 tc=0 198.51.100.10"
	asks_are tcp "rcode=0 tc=0 198.51.100.10"
	[[ $(reach a 198.51.100.10 9000) = open* ]]
}

@test "one that is taken off the list meanwhile is refused at once, and opens nothing" {
	: >"$T/upstream.out"
	printf 'held.test\n' >"$T/allowed.a"
	change a
	asks_begin udp 3 held.test
	asks_begin tcp 3 held.test 1 tcp
	seen_upstream 6 '^held 1'
	printf '203.0.113.109\n' >"$T/allowed.a"
	change a
	asks_are udp "rcode=3 tc=0"
	asks_are tcp "rcode=3 tc=0"
	printf x >"$T/upstream.in"
	[ "$(reach a 198.51.100.10 9000)" = refused ]
	# The same for one whose addresses wait to be learnt.
	printf 'public.test\n' >"$T/allowed.a"
	change a
	: >"$T/upstream.out"
	printf h >"$T/dns-a.in"
	asks_begin udp 3 public.test
	seen_upstream 3 '^public 1'
	printf '203.0.113.109\n' >"$T/allowed.a"
	change a
	asks_are udp "rcode=3 tc=0"
	[ "$(reach a 198.51.100.10 9000)" = refused ]
}

@test "a wildcard is for what is below it" {
	[ "$(ask a x.sub.test)" = "rcode=0 tc=0" ]
	[ "$(ask a a.b.sub.test)" = "rcode=0 tc=0" ]
	[ "$(ask a xsub.test)" = "rcode=3 tc=0" ]
}

@test "more addresses than can be learnt at once: those that are passed on are open" {
	[[ $(ask a big.test 1 tcp) = *"… 64" ]]
}

@test "other name servers and other protocols are refused" {
	[ "$(on a "$COI_TEST_BUILD/net-dnstool" ask $NAMESERVER public.test 1 tcp)" = "no connection" ]
	await "$T/dns-a.out" "denied $NAMESERVER 53 proto 6"
}

@test "an old answer is better than none, when no server answers" {
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	printf 'nameserver 203.0.113.55\n' >"$T/resolv.conf"
	printf r >"$T/dns-a.in"
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	[ "$(ask a nx.sub.test)" = "rcode=2 tc=0" ]
	[ "$(reach a 198.51.100.10 9000)" = "open $UPLINK" ]
	# A server that is there and does not know, or talks nonsense, is no better.
	start failing world "$COI_TEST_BUILD/net-dnstool" serve 203.0.113.101 fail
	printf 'nameserver 203.0.113.101\n' >"$T/resolv.conf"
	printf r >"$T/dns-a.in"
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	finish failing
	start failing world "$COI_TEST_BUILD/net-dnstool" serve 203.0.113.101 half
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	finish failing
	printf 'nameserver %s\n' $NAMESERVER >"$T/resolv.conf"
	printf r >"$T/dns-a.in"
}

@test "echoes are few" {
	local answers
	answers=$(on a busybox ping -A -c 300 -w 2 -W 1 172.16.5.5 | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
	echo "answers: $answers"
	[ "$answers" -gt 0 ]
	[ "$answers" -lt 120 ]
}

@test "taking an address off the list cuts what is open to it, and nothing else" {
	start keep1 a "$COI_TEST_BUILD/net-probe" hold 172.16.5.5 9000
	start keep2 a "$COI_TEST_BUILD/net-probe" hold 198.51.100.10 9000
	printf x >"$T/keep1.in"
	await "$T/keep1.out" 'still 1'
	sed -i 's/ 172.16.5.5//' "$T/allowed.a"
	change a
	printf x >"$T/keep1.in"
	printf x >"$T/keep2.in"
	await "$T/keep1.out" gone
	await "$T/keep2.out" 'still 1'
	finish keep1
	finish keep2
	sed -i '$s/$/ 172.16.5.5/' "$T/allowed.a"
	change a
	[[ $(reach a 172.16.5.5 9000) = open* ]]
}

@test "a change is one transaction, and what was learnt outlives it" {
	[ "$(ask a public.test)" = "rcode=0 tc=0 198.51.100.10" ]
	sed -i '$s/$/ 203.0.113.109:9443/' "$T/allowed.a"
	change a
	[[ $(reach a 203.0.113.109 9443) = open* ]]
	[[ $(reach a 198.51.100.10 9000) = open* ]]
}

@test "after a foreign flush it is closed, and whole again when mended" {
	nft delete table inet "$(table_name)"
	[ "$(reach a 203.0.113.100 9000)" != open ]
	COI_ALLOWED=$T/allowed.a netctl mend a
	[[ $(reach a 172.16.5.5 9000) = open* ]]
	[ "$(reach a 203.0.113.100 9000)" = refused ]
}

@test "no attack arrives, but what goes to a listed address" {
	printf '198.51.100.10\n' >"$T/allowed.a"
	change a
	attack a b | as_meant allowlist
}

@test "the same attacks arrive when everything is listed" {
	printf '0.0.0.0/0 10.0.0.0/8 169.254.0.0/16\n' >"$T/allowed.a"
	change a
	attack a b >"$T/attacks"
	grep -q -P '^metadata-udp\tinternet\t[1-9]' "$T/attacks"
	grep -q -P '^private-10\tinternet\t[1-9]' "$T/attacks"
}

@test "nothing is left when both have gone" {
	finish dns-a
	finish dns-b
	guest_end a
	guest_end b
	netctl down a
	netctl down b
	netctl remove
	finish web
	host_state >"$T/after"
	diff "$T/before" "$T/after"
}
