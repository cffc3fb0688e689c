# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For suites about what containers reach, behind common.bash: `host_service_start` in
# setup_file and `host_service_end` in teardown_file.

# A service of the host on every address, port 9999, which no container may reach.
host_service_start() {
	mkdir "$T/www"
	echo host >"$T/www/index.html"
	(cd "$T/www" && exec /usr/bin/python3 -m http.server 9999 --bind 0.0.0.0 >/dev/null 2>&1 3>&-) &
	echo $! >"$T/host-web.pid"
}

host_service_end() {
	kill "$(cat "$T/host-web.pid")" || true
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

# Of this COI_ROOT; others may have theirs.
bridge_name() {
	ip -o link show type bridge | awk -F ': ' '$2 ~ /^cb-/ { print $2; exit }'
}

gateway_of() {
	timeout 20 "$COI" container exec "$1" -- ip route | awk '/^default/ { print $3 }'
}

address_of() {
	timeout 20 "$COI" container exec "$1" -- ip -4 -o addr show dev eth0 |
		awk '{ sub(/\/.*/, "", $4); print $4 }'
}

reaches() { # CONTAINER: what is allowed
	get "$1" public.test | grep -q 'hello from 203.0.113.10' &&
		get "$1" 198.51.100.10 8080 | grep -q hello
}

blocked() { # CONTAINER: what is not, the host by all of its addresses included
	local address all=()
	for address in 10.9.8.7:80 192.168.50.1:80 169.254.169.254:80 "$(gateway_of "$1"):9999" \
		192.0.2.2:9999 192.168.50.2:9999; do
		# At once: each may wait for an answer that never comes.
		(get "$1" "${address%:*}" "${address#*:}" >"$T/blocked.$address" 2>/dev/null 3>&- || true) &
		all+=($!)
	done
	wait "${all[@]}"
	none_answered
}

none_answered() {
	local answer
	for answer in "$T"/blocked.*; do
		[ ! -s "$answer" ] || { echo "${answer##*/blocked.} answered"; return 1; }
		rm "$answer"
	done
}

as_meant() { # CONTAINER
	reaches "$1" || { echo "what is allowed is not reached"; return 1; }
	blocked "$1"
}
