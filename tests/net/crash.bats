#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is left when somebody stops half-way, or meddles; several roots and callers at once.

setup_file() {
	load stage
	stage_setup
	host_state >"$T/before"
}

teardown_file() {
	load stage
	stage_teardown
}

setup() {
	load stage
	stage_load
}

same_as_before() {
	host_state >"$T/after"
	diff "$T/before" "$T/after"
}

@test "nothing is made by looking" {
	[ -z "$(netctl list)" ]
	same_as_before
}

@test "what nft lists can be read back by it" {
	guest a restricted
	guest b open
	nft list ruleset >"$T/listed"
	nft -c -f "$T/listed"
	netctl down a
	netctl down b
	guest_end a
	guest_end b
	netctl remove
	same_as_before
}

@test "an intact base is left alone" {
	[[ $(netctl ensure) = made=1* ]]
	host_state >"$T/first"
	[[ $(netctl ensure) = made=0* ]]
	host_state | diff "$T/first" -
	[ "$(netctl remove)" = removed=1 ]
	same_as_before
}

@test "a base that is damaged in any place is mended" {
	netctl ensure
	local table chain damage
	table=$(table_name)
	for damage in "flush ruleset" "delete table bridge $table" "delete table inet $table" \
		"flush table inet $table" "flush chain inet $table deny" \
		"flush set inet $table private4" "flush chain bridge $table port" \
		"insert rule inet $table forw accept" "add table inet $table { flags dormant; }"; do
		nft "$damage"
		[[ $(netctl ensure) = made=1* ]] || { echo "$damage: not noticed"; return 1; }
		host_state | diff "$T/first" - || { echo "$damage: not mended"; return 1; }
	done
	for damage in "qdisc del dev $(bridge_name) clsact" "filter del dev $(bridge_name) ingress"; do
		# shellcheck disable=SC2086
		tc $damage
		[[ $(netctl ensure) = made=1* ]] || { echo "$damage: not noticed"; return 1; }
		host_state | diff "$T/first" - || { echo "$damage: not mended"; return 1; }
	done
	tc filter del dev "$(bridge_name)" ingress
	tc filter add dev "$(bridge_name)" ingress prio 1 handle 1 protocol all bpf da bytecode '1,6 0 0 0'
	[[ $(netctl ensure) = made=1* ]]
	host_state | diff "$T/first" -
	tc qdisc del dev "$(bridge_name)" clsact
	tc qdisc add dev "$(bridge_name)" ingress
	[[ $(netctl ensure) = made=1* ]]
	ip link set "$(bridge_name)" down
	[[ $(netctl ensure) = made=1* ]]
	ip link del "$(bridge_name)"
	[[ $(netctl ensure) = made=1* ]]
	echo 0 >/proc/sys/net/ipv4/ip_forward
	[[ $(netctl ensure) = made=1* ]]
	host_state | diff "$T/first" -
	netctl remove
	same_as_before
}

@test "rules of ports come back with the base" {
	guest a restricted
	guest b open
	nft list ruleset >"$T/whole"
	nft flush ruleset
	netctl ensure
	nft list ruleset | diff "$T/whole" -
	on a busybox ping -c 1 -W 2 "$(of a GATEWAY)"
}

@test "a port whose rules are damaged is mended" {
	local table damage address
	table=$(table_name)
	address=$(of a ADDRESS)
	[ "$(netctl mend a)" = made=0 ]
	for damage in "flush set inet $table restricted" "flush set inet $table noprivate" \
		"add element inet $table open { $address }" "flush set bridge $table bind4" \
		"delete element inet $table nometadata { $address }" \
		"add element inet $table dns4 { $address : 53 }" "flush set bridge $table bindarp"; do
		nft "$damage"
		[ "$(netctl mend a)" = made=1 ] || { echo "$damage: not noticed"; return 1; }
		netctl mend b
		nft -s list ruleset | diff "$T/whole" - || { echo "$damage: not mended"; return 1; }
	done
}

@test "somebody who watches puts it back by himself" {
	start watch host "$COI_TEST_BUILD/netctl" watch a
	await "$T/watch.out" watching
	# Another port's life is none of its business.
	netctl put e restricted
	netctl down e
	not grep mended "$T/watch.out"
	nft flush ruleset
	await "$T/watch.out" mended
	nft list ruleset | diff "$T/whole" -
	finish watch
}

@test "the base stays while a port is claimed" {
	[ "$(netctl remove)" = removed=0 ]
	nft list ruleset | diff "$T/whole" -
	for name in a b; do
		guest_end $name
		netctl down $name
	done
	[ "$(netctl remove)" = removed=1 ]
	same_as_before
}

@test "stopped after any step: leftovers are found and taken away" {
	local step
	for step in alloc put up; do
		netctl ensure
		netctl $step gone
		netctl up stays
		[ "$(netctl leftovers stays)" = removed=1 ] || { echo "after $step"; return 1; }
		[ "$(netctl list)" = "$(netctl list | grep '^stays ')" ]
		ip link show type veth | grep -q .
		netctl down stays
		netctl remove
		same_as_before || { echo "after $step"; return 1; }
	done
}

@test "leftovers without any claim are found too" {
	netctl up one
	netctl up two
	rm "$COI_ROOT/run/network-ports.ini"
	[ "$(netctl leftovers)" = removed=2 ]
	[ "$(netctl leftovers)" = removed=0 ]
	netctl remove
	same_as_before
}

@test "half of a port removed by somebody else is no obstacle" {
	netctl up one
	nft delete table inet "$(table_name)"
	netctl down one
	netctl ensure
	netctl up one
	ip link del "$(ip -o link show type veth | sed -n 's/^[0-9]*: \(c[^@]*-[0-9]*\)@.*/\1/p' | head -n 1)"
	netctl down one
	netctl down one
	netctl remove
	same_as_before
}

@test "an address that was given back rests" {
	local first second third
	first=$(netctl alloc x)
	netctl down x
	second=$(netctl alloc y)
	[ "${first%% *}" != "${second%% *}" ]
	[ "$(netctl alloc y)" = "$second" ]
	netctl down y
	netctl remove
}

@test "many at once get different addresses" {
	local n pids=()
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		netctl up "many$n" >"$T/many$n" 2>&1 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	[ "$(netctl list | awk '{ print $2 }' | sort -u | wc -l)" = 12 ]
	[ "$(ip -o link show type veth | grep -c "master $(bridge_name)")" = 12 ]
	[ "$(netctl leftovers)" = removed=12 ]
	netctl remove
	same_as_before
}

@test "killed at any moment: the next command repairs" {
	local n pid ended=0 killed=0 status
	mkfifo "$T/never"
	for ((n = 0; n < ${COI_TEST_LONG:+10}60; n++)); do
		"$COI_TEST_BUILD/netctl" up victim >/dev/null 2>&1 3>&- &
		pid=$!
		# From at once to about when it is done.
		read -r -t "$(printf '0.%04d' $((n * 3 % 180)))" <>"$T/never" || true
		kill -9 $pid 2>/dev/null || true
		status=0
		wait $pid 2>/dev/null || status=$?
		[ $status = 0 ] && ended=$((ended + 1)) || killed=$((killed + 1))
		netctl leftovers >/dev/null
		netctl remove >/dev/null
		same_as_before || { echo "after $n"; return 1; }
	done
	echo "$ended ended, $killed killed"
	[ $killed -gt 10 ]
}

@test "two roots do not meet" {
	guest a restricted
	local first=$COI_ROOT range
	nft -s list ruleset | sort >"$T/one"
	COI_ROOT=$T/second
	guest_make z
	netctl ensure
	netctl put z open | tr ' ' '\n' >"$T/z.env"
	netctl attach z "$(cat "$T/z.pid")"
	[ "$(of z GATEWAY)" != "$(of a GATEWAY)" ]
	on z busybox ping -c 1 -W 2 "$(of z GATEWAY)"
	not on z busybox ping -c 1 -W 1 "$(of a GATEWAY)"
	not on z busybox ping -c 1 -W 1 "$(of a ADDRESS)"
	not on a busybox ping -c 1 -W 1 "$(of z ADDRESS)"
	# Each has its own barrier, and neither says anything to how the host routes.
	[ "$(tc qdisc show | grep -c '^qdisc clsact')" = 2 ]
	[ "$(ip rule | wc -l)" = 3 ]
	guest_end z
	netctl down z
	[ "$(netctl remove)" = removed=1 ]
	COI_ROOT=$first
	nft -s list ruleset | sort | diff "$T/one" -
	[[ $(netctl ensure) = made=0* ]]
	guest_end a
	netctl down a
	netctl remove
	same_as_before
}

@test "a range that the host uses is not taken, and what was chosen is remembered" {
	COI_ROOT=$T/third
	ip link add taken type veth peer name taken2
	ip addr add 10.77.3.1/24 dev taken
	ip route add 10.78.0.0/16 via 192.0.2.1
	netctl ensure
	[[ $(netctl alloc q) = *GATEWAY=10.79.0.1* ]]
	ip link del taken
	ip route del 10.78.0.0/16
	netctl down q
	netctl remove
	[[ $(netctl alloc q) = *GATEWAY=10.79.0.1* ]]
	ip link del "$(bridge_name)"
	ip route add 10.79.128.0/24 via 192.0.2.1
	run netctl ensure
	[ "$status" != 0 ]
	[[ $output = *"10.79.0.0/16"*"in use on this host by '10.79.128.0/24'"* ]]
	ip route del 10.79.128.0/24
	netctl down q
	netctl remove
	same_as_before
}

@test "forwarding that was on stays on, and so it does when somebody else forwards" {
	echo 1 >/proc/sys/net/ipv4/ip_forward
	netctl ensure
	netctl remove
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
	echo 0 >/proc/sys/net/ipv4/ip_forward
	netctl ensure
	nft 'add table ip other; add chain ip other f { type filter hook forward priority 0 ; }'
	netctl remove
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
	nft delete table ip other
	echo 0 >/proc/sys/net/ipv4/ip_forward
	same_as_before
}

@test "a firewall that drops what is forwarded lets us through, and is left as it was" {
	local tables="$T/firewall.nft"
	cat >"$tables" <<-END
		table ip filter { chain FORWARD { type filter hook forward priority filter; policy drop; }; }
		table inet own { chain f { type filter hook forward priority 10; policy drop; counter; }; }
		table ip harmless { chain f { type filter hook forward priority 20; policy accept; }; }
	END
	nft -f "$tables"
	nft -s list ruleset >"$T/firewall"
	start web world "$COI_TEST_BUILD/net-probe" serve 9000
	guest a restricted
	[ "$(on a "$COI_TEST_BUILD/net-probe" connect $PUBLIC 9000)" = "open $UPLINK" ]
	[ "$(nft list ruleset | grep -c 'comment "cb-')" = 4 ]
	# They do not let in what we do not.
	on world ip route add "$(of a ADDRESS)" via $UPLINK
	start inside a "$COI_TEST_BUILD/net-probe" serve 9000
	[ "$(on world "$COI_TEST_BUILD/net-probe" connect "$(of a ADDRESS)" 9000)" = silent ]
	finish inside
	on world ip route del "$(of a ADDRESS)"
	# Without them the firewall would have the last word.
	nft flush chain ip filter FORWARD
	[ "$(on a "$COI_TEST_BUILD/net-probe" connect $PUBLIC 9000)" = silent ]
	[[ $(netctl ensure) = made=1* ]]
	[[ $(netctl ensure) = made=0* ]]
	[ "$(on a "$COI_TEST_BUILD/net-probe" connect $PUBLIC 9000)" = "open $UPLINK" ]
	finish web
	guest_end a
	netctl down a
	netctl remove
	nft -s list ruleset | diff "$T/firewall" -
	nft delete table ip filter
	nft delete table inet own
	nft delete table ip harmless
	echo 0 >/proc/sys/net/ipv4/ip_forward
	same_as_before
}

@test "the guard is held by one and taken over by the next" {
	netctl ensure
	start one host "$COI_TEST_BUILD/netctl" guard wait
	grep -q held "$T/one.out"
	start two host "$COI_TEST_BUILD/netctl" guard wait
	grep -q standby "$T/two.out"
	not nft delete table inet "$(nft list tables | awk '/guard/ { print $3 }')"
	kill -9 "$(cat "$T/one.pid")"
	await "$T/two.out" held
	nft list tables | grep -q guard
	not nft delete table inet "$(nft list tables | awk '/guard/ { print $3 }')"
	finish two
	netctl remove
	same_as_before
}
