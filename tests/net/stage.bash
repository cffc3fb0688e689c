# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the suites here share. They run on the stage of tests/lib/netns-stage and put
# network namespaces in the place of containers: the library does not know the difference.
# `stage_setup` in setup_file, `stage_load` in setup, `stage_teardown` in teardown_file.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/words.bash"

bats_require_minimum_version 1.5.0
: "${COI_TEST_SRC:=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")}"
: "${COI_TEST_BUILD:=$COI_TEST_SRC/build}"
export COI_TEST_SRC COI_TEST_BUILD

PUBLIC=203.0.113.10 PRIVATE=10.9.8.7 METADATA=169.254.169.254 UPLINK=192.0.2.2
NAMESERVER=203.0.113.54

# shellcheck source=tests/net/table.bash
. "$COI_TEST_SRC/tests/net/table.bash"

netctl() {
	"$COI_TEST_BUILD/netctl" "$@"
}

probe() {
	"$COI_TEST_BUILD/net-probe" "$@"
}

dnstool() {
	"$COI_TEST_BUILD/net-dnstool" "$@"
}

# on WHERE COMMAND…: "world", "host" or a guest of ours.
on() {
	local where=$1
	shift
	case $where in
	host) "$@" ;;
	world) nsenter --net="$COI_STAGE_WORLD" "$@" ;;
	*) nsenter --net="$T/$where.net" "$@" ;;
	esac
}

stage_setup() {
	[ "${COI_STAGE-}" = 1 ] || {
		echo "run this by tests/run or tests/lib/netns-stage" >&2
		return 1
	}
	T=$(mktemp -d "/var/tmp/coi-net.$$.XXXXXX")
	export T COI_ROOT=$T/root HOME=$T/home
	export COI_LIBEXEC=$COI_TEST_BUILD
	mkdir "$HOME"
}

stage_load() {
	cd "$T" || return 1
}

stage_teardown() {
	local pid
	for pid in "$T"/*.pid "$T"/*.hold; do
		[ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
	done
	for pid in "$T"/*.net; do
		[ ! -e "$pid" ] || umount "$pid" || true
	done
	rm -rf "$T"
}

# A namespace with a process in it, as a container that has no link yet.
guest_make() {
	local name=$1
	: >"$T/$name.net"
	unshare --net="$T/$name.net" true
	nsenter --net="$T/$name.net" sleep 3600 3>&- </dev/null >/dev/null 2>&1 &
	echo $! >"$T/$name.pid"
	# It has entered the namespace when it has become what it runs.
	until [ "$(cat "/proc/$!/comm")" = sleep ]; do :; done
}

# guest NAME MODE: with its link.
guest() {
	guest_make "$1"
	netctl ensure >/dev/null
	netctl put "$1" "$2" | tr ' ' '\n' >"$T/$1.env"
	netctl attach "$1" "$(cat "$T/$1.pid")" >/dev/null
}

guest_end() {
	kill "$(cat "$T/$1.pid")"
	umount "$T/$1.net"
	rm -f "$T/$1.pid" "$T/$1.net"
}

# of GUEST KEY: INDEX, HOST, ADDRESS, MAC, GATEWAY, DNS …
of() {
	sed -n "s/^$2=//p" "$T/$1.env"
}

# start NAME WHERE COMMAND…: in the background until `finish NAME`; waits for its "ready".
start() {
	local name=$1 where=$2
	shift 2
	mkfifo "$T/$name.in"
	case $where in
	host) ;;
	world) set -- nsenter --net="$COI_STAGE_WORLD" "$@" ;;
	*) set -- nsenter --net="$T/$where.net" "$@" ;;
	esac
	# Executed, so that the number is the program's own.
	(exec "$@") <"$T/$name.in" >"$T/$name.out" 2>&1 3>&- &
	echo $! >"$T/$name.pid"
	# The writing end lives in a process of its own, which finish ends.
	sleep 3600 >"$T/$name.in" 3>&- 2>/dev/null &
	echo $! >"$T/$name.hold"
	await "$T/$name.out" .
}

# await FILE PATTERN: until it is there, at most ten seconds.
await() {
	local n
	for ((n = 0; n < 200; n++)); do
		! grep -q "$2" "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	echo "no '$2' in $1: $(cat "$1")" >&2
	return 1
}

finish() {
	kill "$(cat "$T/$1.hold")"
	while [ -d "/proc/$(cat "$T/$1.pid")" ] && ! grep -q '^State:.Z' "/proc/$(cat "$T/$1.pid")/status"; do
		sleep 0.01
	done
	rm -f "$T/$1.in" "$T/$1.pid" "$T/$1.hold"
}

bridge_name() {
	ip -o link show type bridge | awk -F ': ' '{ print $2 }' | grep -E '^(coibr0|cb-)' | head -n 1
}

table_name() {
	nft list tables | awk '$2 == "bridge" { print $3 }' | head -n 1
}

# All attacks of the table from guest $1 with $2 as the other one: see sinks_table.
attack() {
	sinks_start "$T/$2.net"
	on "$1" "$COI_TEST_BUILD/net-probe" attack eth0 \
		my_mac="$(of "$1" MAC)" my_ip="$(of "$1" ADDRESS)" \
		gw_mac="$(cat "/sys/class/net/$(bridge_name)/address")" gw_ip="$(of "$1" GATEWAY)" \
		other_mac="$(of "$2" MAC)" other_ip="$(of "$2" ADDRESS)" uplink_ip=$UPLINK
	sinks_stop
	sinks_table
}

# as_meant MODE: the table on standard input; fails and prints what is not as expected.
as_meant() {
	judged "$1" >"$T/judged"
	[ "$(wc -l <"$T/judged")" -gt 180 ]
	! grep '^not' "$T/judged"
}

# Queues and filters, without the links' numbers and what was counted.
tc_state() {
	local link
	for link in /sys/class/net/*; do
		link=${link##*/}
		tc qdisc show dev "$link" | sed "s/^/$link: /"
		tc filter show dev "$link" ingress 2>/dev/null | sed "s/^/$link: /"
		tc filter show dev "$link" egress 2>/dev/null | sed "s/^/$link: /"
	done
}

# Everything that the host has of networks, for comparing before and after.
host_state() {
	nft list ruleset
	ip -o link show | sed 's/^[0-9]*: //; s/@if[0-9]*//; s/ qlen.*//'
	ip -o addr show | sed 's/^[0-9]*: //; s/ tentative//'
	ip rule
	ip route
	tc_state
	cat /proc/sys/net/ipv4/ip_forward
	ip neigh show nud permanent
}
