#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Beside others on the same host: what they set up before, or do while containers run. After
# each of it what is allowed is reached, what is not is not, and what was taken from us is
# back and said in the log.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default a
	# A service of the host on every address, which no container may reach.
	mkdir "$T/www"
	echo host >"$T/www/index.html"
	(cd "$T/www" && exec /usr/bin/python3 -m http.server 9999 --bind 0.0.0.0 >/dev/null 2>&1 3>&-) &
	echo $! >"$T/host-web.pid"
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/host-web.pid")" || true
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

gateway() {
	coi container exec "$1" -- ip route | awk '/^default/ { print $3 }'
}

reaches() { # CONTAINER: what is allowed
	get "$1" public.test | grep -q 'hello from 203.0.113.10' &&
		get "$1" 198.51.100.10 8080 | grep -q hello
}

blocked() { # CONTAINER: what is not
	local address
	for address in 10.9.8.7:80 192.168.50.1:80 169.254.169.254:80 "$(gateway "$1"):9999" \
		192.0.2.2:9999 192.168.50.2:9999; do
		! get "$1" "${address%:*}" "${address#*:}" 2>/dev/null | grep . ||
			{ echo "$address answered"; return 1; }
	done
}

as_meant() { # CONTAINER
	reaches "$1" || { echo "what is allowed is not reached"; return 1; }
	blocked "$1"
}

@test "a host that checks the way back, strictly or loosely, before and while containers run" {
	local value link
	as_meant a
	for value in 1 2; do
		for link in all default uplink; do
			echo $value >"/proc/sys/net/ipv4/conf/$link/rp_filter"
		done
		as_meant a
		coi container launch coi-default b
		as_meant b
		# The host opens connections to containers too.
		coi container exec b -- sh -c 'mkdir -p /tmp/w && echo inside >/tmp/w/index.html &&
			httpd -p 8000 -h /tmp/w'
		curl -sf -m 5 "http://$(coi container exec b -- ip -4 -o addr show dev eth0 |
			awk '{ sub(/\/.*/, "", $4); print $4 }'):8000/" | grep -q inside
		coi kill b --force
		[ "$(ip rule | wc -l)" = 3 ]
	done
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	as_meant a
	echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	for link in all default uplink; do
		echo 0 >"/proc/sys/net/ipv4/conf/$link/rp_filter"
	done
}
