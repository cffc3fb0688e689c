#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the host has of networks is the same when the last container has gone, whatever was
# done with it and whoever else filters here.

setup_file() {
	load ../lib/common
	coi_setup
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/reach
	cd "$T/ws"
}

# Without what only counts or numbers. The host's own questions to its name server, which the
# name service asks for the containers, are forgotten by the kernel when it wants.
host_networks() { # DIRECTORY
	local link
	mkdir "$1"
	nft -s list ruleset >"$1/nft-ruleset"
	ip rule >"$1/ip-rule"
	ip -6 rule >"$1/ip-6-rule"
	ip route show table all | sort >"$1/ip-route"
	ip -o link | sed 's/^[0-9]*: //' >"$1/ip-link"
	ip -o addr | sed 's/^[0-9]*: //' >"$1/ip-addr"
	ip neigh show nud permanent >"$1/ip-neigh"
	for link in /sys/class/net/*; do
		tc qdisc show dev "${link##*/}"
		tc filter show dev "${link##*/}" ingress
		tc filter show dev "${link##*/}" egress
	done >"$1/tc" 2>&1
	conntrack -L 2>/dev/null | grep -v 'dst=203.0.113.53 .*dport=53 ' |
		grep -o 'src=[^ ]* dst=[^ ]* .*port=[^ ]*' | sort >"$1/conntrack" || true
	cat /proc/sys/net/ipv4/ip_forward >"$1/ip-forward"
	grep -r . /proc/sys/net/ipv4/conf/{all,default,uplink} >"$1/sysctl"
}

supervisor_of() {
	sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$1/container.ini"
}

# All kinds of lives, and ends.
lives() {
	coi container launch coi-default one
	coi container launch coi-default two
	get one public.test | grep -q hello
	get two 198.51.100.10 8080 | grep -q hello
	coi network mode two allowlist
	coi network allow two 203.0.113.10
	get two 203.0.113.10 | grep -q hello
	not grep . <(get two 198.51.100.10 2>/dev/null)
	coi hosts add one 10.9.8.7 printer.lan
	get one printer.lan | grep -q hello
	coi run -- fetch public.test | grep -q hello
	# Something that goes on while it ends.
	coi container exec one -- sh -c 'nc 203.0.113.10 80 >/dev/null 2>&1 &'
	kill -9 "$(supervisor_of two)"
	coi container launch coi-default three
	get three public.test | grep -q hello
	# What is compared shows what is there now.
	local name kind
	rm -rf "$T/during"
	host_networks "$T/during"
	for kind in nft-ruleset ip-link ip-addr ip-route tc conntrack; do
		! cmp -s "$T/before/$kind" "$T/during/$kind" || { echo "$kind does not differ"; return 1; }
	done
	for name in one two three; do
		coi container delete "$name" --force
	done
}

all_gone() {
	quiet && [ -z "$(ip -o link show type bridge | grep -v docker0)" ]
}

as_before() {
	rm -rf "$T/after"
	host_networks "$T/after"
	diff -r "$T/before" "$T/after"
}

@test "alone on the host" {
	local forward
	for forward in 0 1; do
		echo $forward >/proc/sys/net/ipv4/ip_forward
		rm -rf "$T/before"
		host_networks "$T/before"
		lives
		within 20 all_gone
		within 10 as_before
	done
}

@test "beside firewalls that drop, and a bridge of somebody else" {
	ip link add docker0 type bridge
	ip addr add 172.17.0.1/16 dev docker0
	ip link set docker0 up
	iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -A INPUT -i lo -j ACCEPT
	iptables -P INPUT DROP
	iptables -P FORWARD DROP
	iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
	nft -f - <<-'END'
		table inet wall {
			chain last { reject; }
			chain forward {
				type filter hook forward priority filter + 10; policy accept;
				ct state established,related accept
				goto last
			}
		}
	END
	tc qdisc add dev uplink clsact
	rm -rf "$T/before"
	host_networks "$T/before"
	grep -q 'hook input priority filter; policy drop' "$T/before/nft-ruleset"
	lives
	within 20 all_gone
	within 10 as_before
}
