#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a guest with all rights over its own link may reach, and what it may not. Each
# attack is counted where it would arrive, and succeeds once its defence is off.

setup_file() {
	load stage
	stage_setup
	host_state >"$T/before"
	guest a restricted
	guest b restricted
	guest c open
	start web host "$COI_TEST_BUILD/net-probe" serve 8888
	start service world "$COI_TEST_BUILD/net-probe" serve 9000
	start inside b "$COI_TEST_BUILD/net-probe" serve 9000
}

teardown_file() {
	load stage
	stage_teardown
}

setup() {
	load stage
	stage_load
}

reach() { # FROM ADDRESS PORT [udp]: the outcome in one word, and who the server saw
	local from=$1
	shift
	on "$from" "$COI_TEST_BUILD/net-probe" connect "$@"
}

@test "public addresses are reached, as the host's own" {
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	[ "$(reach a $PUBLIC 9000 udp)" = "open $UPLINK" ]
	[ "$(reach c $PUBLIC 9000)" = "open $UPLINK" ]
	on a busybox ping -c 1 -W 2 $PUBLIC
	on a busybox ping -c 1 -W 2 127.0.0.1
	[ -z "$(on a ip -6 addr show dev eth0)" ]
}

@test "restricted: private, shared, LAN and metadata addresses are refused at once" {
	local address
	for address in $PRIVATE 172.16.5.5 192.168.50.1 100.64.0.9; do
		[ "$(reach a "$address" 9000)" = refused ]
		[[ $(reach a "$address" 9000 udp) =~ ^(unreachable|silent)$ ]]
	done
	[ "$(reach a $METADATA 9000)" = refused ]
}

@test "open: they are reached" {
	local address
	for address in $PRIVATE 172.16.5.5 192.168.50.1 $METADATA; do
		[[ $(reach c "$address" 9000) = open* ]]
	done
}

@test "the blocks can be lifted one by one, and put back, while it runs" {
	netctl put a restricted-p
	[[ $(reach a $PRIVATE 9000) = open* ]]
	[ "$(reach a $METADATA 9000)" = refused ]
	netctl put a restricted-m
	[ "$(reach a $PRIVATE 9000)" = refused ]
	[[ $(reach a $METADATA 9000) = open* ]]
	netctl put a restricted
	[ "$(reach a $PRIVATE 9000)" = refused ]
	[ "$(reach a $METADATA 9000)" = refused ]
}

@test "the host is refused in every mode, by every address" {
	local from address
	for from in a c; do
		for address in "$(of a GATEWAY)" $UPLINK 192.168.50.2; do
			[ "$(reach $from "$address" 8888)" = refused ]
			# The kernel limits how many ICMP errors it sends.
			[[ $(reach $from "$address" 8888 udp) =~ ^(unreachable|silent)$ ]]
			[ "$(reach $from "$address" 53)" = refused ]
		done
	done
	on a busybox ping -c 1 -W 2 "$(of a GATEWAY)"
}

@test "another container is out of reach in every mode" {
	[ "$(reach a "$(of b ADDRESS)" 9000)" != "open $(of a ADDRESS)" ]
	[ "$(reach c "$(of b ADDRESS)" 9000)" != "open $(of c ADDRESS)" ]
	not on c busybox ping -c 1 -W 1 "$(of b ADDRESS)"
}

@test "the host reaches a container" {
	[ "$(reach host "$(of b ADDRESS)" 9000)" = "open $(of b GATEWAY)" ]
	[ "$(reach host "$(of b ADDRESS)" 9000 udp)" = "open $(of b GATEWAY)" ]
}

@test "a stranger who routes to the range does not" {
	on world ip route add "$(of b ADDRESS)" via $UPLINK
	[ "$(reach world "$(of b ADDRESS)" 9000)" = silent ]
	on world ip route del "$(of b ADDRESS)"
}

@test "pings of the gateway are few" {
	local answers
	answers=$(on a busybox ping -A -c 200 -w 2 -W 1 "$(of a GATEWAY)" | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
	echo "answers: $answers"
	[ "$answers" -gt 0 ]
	[ "$answers" -lt 120 ]
}

@test "no attack arrives" {
	attack a b | as_meant restricted
}

@test "no attack arrives in mode open either, but where the mode allows it" {
	# The same guest: of a protocol without ports the host has one flow to each address.
	netctl put a open
	attack a b | as_meant open
	netctl put a restricted
}

@test "ports: of mode open what goes to one of them arrives, and of protocols without any the echo" {
	netctl put a open:53,443
	attack a b | as_meant capped
	[ "$(reach a $PUBLIC 9000)" = refused ]
	[[ $(reach a $PUBLIC 9000 udp) =~ ^(unreachable|silent)$ ]]
	netctl put a restricted:80-443,9000-9001
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	[ "$(reach a $PUBLIC 9000 udp)" = "open $UPLINK" ]
	[ "$(reach a $PRIVATE 9000)" = refused ]
	on a busybox ping -c 1 -W 2 $PUBLIC
	netctl put a restricted
}

@test "ports that nobody knows any more, after a crash, are none" {
	netctl put a open:9000
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	nft flush ruleset
	# Whoever comes first puts all rules, from what the claims have.
	netctl ensure
	[ "$(reach a $PUBLIC 9000)" = refused ]
	[ "$(reach a $PRIVATE 9000)" = refused ]
	netctl put a restricted
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
}

@test "neighbours are not poisoned" {
	attack a b >/dev/null
	ip neigh show "$(of b ADDRESS)" | grep -q "$(of b MAC).*PERMANENT"
	# Somebody without a static entry: the gateway, as another guest sees it.
	on b busybox ping -c 1 -W 2 "$(of b GATEWAY)"
	on b ip neigh show "$(of b GATEWAY)" | grep -q "$(cat "/sys/class/net/$(bridge_name)/address")"
}

closed() { # nobody and nothing is reached from guest a
	attack a b >"$T/attacks"
	not grep . <(awk -F '\t' '$3 != 0' "$T/attacks")
	[[ $(reach a "$(of a GATEWAY)" 8888) =~ ^(unreachable|silent)$ ]]
	[[ $(reach a $UPLINK 8888) =~ ^(unreachable|silent)$ ]]
	[[ $(reach a $PUBLIC 9000) =~ ^(unreachable|silent)$ ]]
}

@test "flushed by somebody else: the barrier keeps it closed, with the guard and without" {
	start guard host "$COI_TEST_BUILD/netctl" guard
	grep -q held "$T/guard.out"
	nft flush ruleset
	not grep . <(nft list tables | grep -v guard)
	closed
	finish guard
	nft delete table inet "$(nft list tables | awk '/guard/ { print $3 }')"
	[ -z "$(nft list ruleset)" ]
	closed
}

@test "what judges is damaged alone: the guard keeps it closed" {
	netctl ensure
	local table damage address
	table=$(nft list tables | awk '$2 == "inet" && $3 !~ /guard/ { print $3 }')
	start guard host "$COI_TEST_BUILD/netctl" guard
	for damage in "delete table inet $table" "flush table inet $table" \
		"flush chain inet $table forw; flush chain inet $table inp" \
		"flush chain inet $table from_c; flush chain inet $table host" \
		"flush chain inet $table restricted" "flush chain inet $table deny" \
		"flush set inet $table restricted" "add table inet $table { flags dormant; }"; do
		nft "$damage"
		for address in "$(of a GATEWAY)" $UPLINK; do
			[[ $(reach a "$address" 8888) != open* ]] || { echo "$damage: $address"; return 1; }
			[[ $(reach a "$address" 8888 udp) != open* ]] || { echo "$damage: $address"; return 1; }
		done
		for address in $PRIVATE $METADATA; do
			[[ $(reach a "$address" 9000) != open* ]] || { echo "$damage: $address"; return 1; }
			[[ $(reach a "$address" 9000 udp) != open* ]] || { echo "$damage: $address"; return 1; }
		done
		netctl ensure
		netctl mend a
		netctl mend b
		netctl mend c
		[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	done
	finish guard
	nft delete table inet "$(nft list tables | awk '/guard/ { print $3 }')"
	# Without it that opens the way out: it is the guard that held.
	nft delete table inet "$table"
	attack a b >"$T/attacks"
	grep -q -P '^private-10\tinternet\t[1-9]' "$T/attacks"
	grep -q -P '^host-gateway\thost\t[1-9]' "$T/attacks"
}

@test "everything that was flushed is put back" {
	[ "$(netctl ensure | sed 's/ .*//')" = made=1 ]
	[ "$(reach a "$(of a GATEWAY)" 8888)" = refused ]
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	[[ $(reach c $PRIVATE 9000) = open* ]]
	[ "$(netctl ensure | sed 's/ .*//')" = made=0 ]
}

@test "with all defences off every attack arrives" {
	local bridge
	bridge=$(bridge_name)
	defences_off "$bridge" "$(of a HOST)" "$(of b HOST)"
	attack a b | as_meant off
	kernel_back "$bridge"
}

@test "and none when they are back" {
	netctl ensure
	for name in a b; do
		# A new link is a hardened one.
		guest_end "$name"
		netctl down "$name"
		guest "$name" restricted
	done
	attack a b | as_meant restricted
}

@test "the barrier alone: with it off, a flush opens the way out and the host" {
	nft flush ruleset
	tc qdisc del dev "$(bridge_name)" clsact
	attack a b >"$T/attacks"
	grep -q -P '^private-10\tinternet\t[1-9]' "$T/attacks"
	grep -q -P '^host-gateway\thost\t[1-9]' "$T/attacks"
	grep -q -P '^arp-.*\thost\t[1-9]' "$T/attacks"
	netctl ensure
	tc filter show dev "$(bridge_name)" ingress | grep -q bpf
	attack a b | as_meant restricted
}

@test "isolation alone: with it off and the tables flushed, one guest sees the other" {
	nft flush ruleset
	bridge link set dev "$(of a HOST)" isolated off
	attack a b >"$T/attacks"
	grep -q -P '^other-bridged\tother\t[1-9]' "$T/attacks"
	netctl ensure
	attack a b | as_meant restricted
}

# Somebody's marks over ours, as VPN clients do it with all UDP packets; and the same where the
# bridge hands packets to the host's own filters first, as Docker wants it.
@test "marks of others, before and after ours, change nothing" {
	local value
	nft -f - <<-'END'
		table inet others {
			chain early { type filter hook prerouting priority -310; meta mark set 0x77; }
			chain late { type filter hook prerouting priority mangle; meta mark set ct mark; }
			chain forw { type filter hook forward priority mangle; meta mark set 0x1; }
			chain inp { type filter hook input priority mangle; meta mark set 0x1; }
		}
	END
	for value in 0 1; do
		echo $value >/proc/sys/net/bridge/bridge-nf-call-iptables
		[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
		[ "$(reach a $PUBLIC 9000 udp)" = "open $UPLINK" ]
		attack a b | as_meant restricted
	done
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
	nft delete table inet others
}

@test "the mark is ours alone: who routes by marks of his own sees none" {
	nft -f - <<-'END'
		table inet others {
			chain pre { type filter hook prerouting priority mangle; iifname "c*" meta mark != 0 counter; }
		}
	END
	[ "$(reach a $PUBLIC 9000)" = "open $UPLINK" ]
	nft list table inet others | grep -q 'counter packets 0 '
	nft delete table inet others
}

@test "nobody else speaks in the name of a container" {
	local address
	address=$(of a ADDRESS)
	on world ip addr add "$address/32" dev lo
	on world ip route add 198.51.100.0/24 via $UPLINK src "$address" 2>/dev/null || true
	# The host would answer, or pass it on in the container's name.
	not on world busybox ping -c 1 -W 1 -I "$address" $UPLINK
	not grep icmp <(grep "src=$address dst=$UPLINK " /proc/net/nf_conntrack)
	on world ip addr del "$address/32" dev lo
}

@test "connections end at once when the mode is tightened" {
	mkfifo "$T/talk"
	start talk world sh -c 'echo ready; exec busybox nc -l -p 9100'
	on c bash -c "exec >/dev/tcp/$PRIVATE/9100 && cat" <"$T/talk" 3>&- &
	exec 7>"$T/talk"
	echo first >&7
	await "$T/talk.out" first
	netctl put c restricted
	echo second >&7
	sleep 0.3
	not grep -q second "$T/talk.out"
	exec 7>&-
	netctl put c open
}

@test "an address that is given back leaves no connections, few or many" {
	local address round
	for round in few many; do
		guest e open
		address=$(of e ADDRESS)
		[[ $(reach e $PUBLIC 9000) = open* ]]
		[[ $(reach e $PUBLIC 9000 udp) = open* ]]
		start seen e "$COI_TEST_BUILD/net-probe" serve 9000
		[[ $(reach host "$address" 9000 udp) = open* ]]
		finish seen
		[ $round = few ] || on c bash -c "for port in {1..300}; do
			echo >/dev/udp/$PUBLIC/\$port; done"
		[ "$(grep -c "=$address " /proc/net/nf_conntrack)" -ge 3 ]
		[[ $(reach c $PUBLIC 9000) = open* ]]
		guest_end e
		netctl down e
		cat /proc/net/nf_conntrack
		not grep "=$address " /proc/net/nf_conntrack
		# Those of others stay.
		grep -q "=$(of c ADDRESS) " /proc/net/nf_conntrack
	done
	[ "$(wc -l </proc/net/nf_conntrack)" -gt 256 ]
}

@test "afterwards the host is as before" {
	local name
	for name in web service inside; do
		finish "$name"
	done
	for name in a b c; do
		guest_end "$name"
		netctl down "$name"
	done
	[ "$(netctl remove)" = removed=1 ]
	host_state >"$T/after"
	diff "$T/before" "$T/after"
}
