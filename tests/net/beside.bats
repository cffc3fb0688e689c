#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Beside others on the same host: what they set up before, or do while containers run. After
# each of it what is allowed is reached, what is not is not, and what was taken from us or
# stood in the way is mended and said in the log.

setup_file() {
	load ../lib/common
	load ../lib/reach
	coi_setup
	host_service_start
	coi container launch coi-default a
}

teardown_file() {
	load ../lib/common
	load ../lib/reach
	host_service_end
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/reach
	cd "$T/ws"
}

# said PATTERN: in the log, since the test began to listen.
listen() {
	wc -c <"$COI_ROOT/containers/a/supervisor.log" >"$T/log.at"
}

said() {
	tail -c +$(($(cat "$T/log.at") + 1)) "$COI_ROOT/containers/a/supervisor.log" | grep -q "$1"
}

# What the supervisor does by itself; a command of ours would do it too.
mended() { # PATTERN
	local start=${EPOCHREALTIME/./}
	within 20 said "$1"
	echo "# mended after $(((${EPOCHREALTIME/./} - start) / 1000)) ms" >&3
}

link_between() { # NAME ADDRESS WORLD-ADDRESS [MTU]: one more uplink
	ip link add "$1" mtu "${4:-1500}" type veth peer name "$1" mtu "${4:-1500}" netns "$COI_STAGE_WORLD"
	ip addr add "$2" dev "$1"
	in_world ip addr add "$3" dev "$1"
	ip link set "$1" up
	in_world ip link set "$1" up
}

# A megabyte each way, through whatever is narrow there.
much() { # CONTAINER
	rm -f "$T/much"
	in_world /usr/bin/python3 -c 'import socket
socket.setdefaulttimeout(60)
s = socket.create_server(("203.0.113.10", 7777))
print("ready", flush=True)
c, peer = s.accept()
got = 0
while got < 1000000:
    got += len(c.recv(65536))
c.sendall(bytes(1000000))' >"$T/much" 2>&1 3>&- &
	local server=$! count
	within 10 grep -q ready "$T/much"
	count=$(timeout 60 "$COI" container exec "$1" -- bash -c 'exec 9<>/dev/tcp/203.0.113.10/7777 || exit
		head -c 1000000 /dev/zero >&9; head -c 1000000 <&9 | wc -c') || true
	kill $server 2>/dev/null || true
	wait $server || true
	[ "$count" = 1000000 ]
}

# --- firewalls

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
		curl -sf -m 5 "http://$(address_of b):8000/" | grep -q inside
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

@test "everything is flushed" {
	listen
	nft flush ruleset
	blocked a
	mended 'somebody removed rules of ours'
	as_meant a
}

init_of() { # a process of the container, on the host
	local inode pid
	inode=$(cat "$T/$1.netns" 2>/dev/null || coi container exec "$1" -- readlink /proc/self/ns/net)
	echo "$inode" >"$T/$1.netns"
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
		[ "$(readlink "/proc/$pid/ns/net" 2>/dev/null)" != "$inode" ] || { echo "$pid"; return; }
	done
}

# Once, without a command of ours.
answers_to() { # PID ADDRESS/PORT
	nsenter -t "$1" -n timeout 2 bash -c "exec 9<>/dev/tcp/$2 || exit
		printf 'GET / HTTP/1.0\r\n\r\n' >&9; cat <&9" 2>/dev/null 3>&-
}

# Without a command of ours, which would mend.
blocked_from() { # PID
	local address gateway all=()
	gateway=$(nsenter -t "$1" -n ip route | awk '/^default/ { print $3 }')
	for address in 203.0.113.10/80 10.9.8.7/80 169.254.169.254/80 "$gateway/9999" 192.0.2.2/9999; do
		(answers_to "$1" "$address" || true) >"$T/blocked.${address/\//:}" &
		all+=($!)
	done
	wait "${all[@]}"
	none_answered
}

supervisor_of() {
	sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$1/container.ini"
}

@test "everything is flushed while the supervisor is stopped, or was killed" {
	local pid
	pid=$(supervisor_of a)
	kill -STOP "$pid"
	nft flush ruleset
	nsenter -t "$(init_of a)" -n true
	blocked_from "$(init_of a)"
	kill -CONT "$pid"
	within 20 reaches a
	kill -9 "$pid"
	nft flush ruleset
	nft list tables | awk '{ print "delete table", $2, $3 }' | nft -f - 2>/dev/null || true
	blocked_from "$(init_of a)"
	# The next command about it brings a supervisor, which brings the rules.
	coi network show a >/dev/null
	within 20 reaches a
	as_meant a
}

no_tables() {
	nft flush ruleset
	nft list tables | awk '{ print "delete table", $2, $3 }' | nft -f - 2>/dev/null || true
	[ -z "$(nft list tables)" ]
}

@test "whatever command comes first brings back a supervisor and the rules" {
	local pid command
	pid=$(init_of a)
	for command in "list" "container exec a -- true" "container list" "container running a" \
		"unfreeze a" "health"; do
		kill -9 "$(supervisor_of a)"
		# Its guard stands until the kernel has ended it.
		within 10 no_tables
		# shellcheck disable=SC2086
		timeout 30 "$COI" $command >"$T/out" 2>&1 || true
		is_back() { answers_to "$pid" 203.0.113.10/80 | grep -q hello; }
		within 10 is_back || { echo "after '$command' it is closed: $(cat "$T/out")"; return 1; }
	done
	as_meant a
}

# As docker's daemon sets up iptables, in the order in which it does.
docker_up() {
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
	iptables -P FORWARD DROP
	iptables -N DOCKER
	iptables -N DOCKER-ISOLATION-STAGE-1
	iptables -N DOCKER-ISOLATION-STAGE-2
	iptables -t nat -N DOCKER
	iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
	iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER
	iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
	iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
	iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
	iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
	iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
	iptables -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -I FORWARD -o docker0 -j DOCKER
	iptables -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
	iptables -I FORWARD -j DOCKER-ISOLATION-STAGE-1
	iptables -N DOCKER-USER
	iptables -A DOCKER-USER -j RETURN
	iptables -I FORWARD -j DOCKER-USER
}

iptables_down() {
	nft delete table ip filter
	nft delete table ip nat 2>/dev/null || true
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
}

@test "docker is started afterwards" {
	listen
	docker_up
	mended 'a firewall of this host dropped'
	as_meant a
	# It can still read its own tables, and starts them anew when it is started again.
	iptables -S FORWARD | grep -q -- '--comment.*\|-j DOCKER-USER'
	listen
	iptables -F FORWARD
	mended 'a firewall of this host dropped'
	as_meant a
	coi container launch coi-default b
	as_meant b
	coi kill b --force
	iptables_down
	as_meant a
}

@test "an iptables that drops what is forwarded was there before" {
	coi kill a --force
	iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -P INPUT DROP
	iptables -P FORWARD DROP
	coi container launch coi-default a
	as_meant a
	iptables_down
	coi kill a --force
	coi container launch coi-default a
	as_meant a
}

# As libvirt sets up its default network, with one machine in it that answers at port 80.
libvirt_up() {
	ip link add virbr0 type bridge
	ip addr add 192.168.122.1/24 dev virbr0
	ip link set virbr0 up
	: >"$T/vm"
	unshare --net="$T/vm" true
	ip link add vnet0 type veth peer name eth0 netns "$T/vm"
	ip link set vnet0 master virbr0 up
	in_vm ip addr add 192.168.122.2/24 dev eth0
	in_vm ip link set eth0 up
	in_vm ip route add default via 192.168.122.1
	(cd "$T/www" && in_vm /usr/bin/python3 -m http.server 80 >/dev/null 2>&1 3>&-) &
	echo $! >"$T/vm.pid"
	iptables -N LIBVIRT_INP
	iptables -A LIBVIRT_INP -i virbr0 -p udp --dport 53 -j ACCEPT
	iptables -I INPUT -j LIBVIRT_INP
	iptables -N LIBVIRT_FWO
	iptables -A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
	iptables -A LIBVIRT_FWO -i virbr0 -j REJECT
	iptables -I FORWARD -j LIBVIRT_FWO
	iptables -N LIBVIRT_FWI
	iptables -A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack \
		--ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -A LIBVIRT_FWI -o virbr0 -j REJECT
	iptables -I FORWARD -j LIBVIRT_FWI
	iptables -t nat -N LIBVIRT_PRT
	iptables -t nat -A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
	iptables -t nat -A POSTROUTING -j LIBVIRT_PRT
}

in_vm() {
	nsenter --net="$T/vm" "$@"
}

@test "libvirt's network: its machines and our containers do not meet, and each goes its way" {
	libvirt_up
	as_meant a
	within 10 curl -s -o /dev/null -m 5 http://192.168.122.2/
	run get a 192.168.122.2 80
	[[ "$output" != *host* ]]
	in_vm curl -s -m 10 http://203.0.113.10/ | grep -q hello
	run in_vm curl -s -m 2 "http://$(address_of a)/"
	[ "$status" != 0 ]
	coi container launch coi-default b
	as_meant b
	coi kill b --force
	kill "$(cat "$T/vm.pid")"
	iptables_down
	ip link del virbr0
	umount "$T/vm"
	as_meant a
}

@test "chains that reject in the end, whatever their policy is" {
	listen
	nft -f - <<-'END'
		table inet wall {
			chain last { counter reject; }
			chain forward {
				type filter hook forward priority filter + 10; policy accept;
				ct state established,related accept
				iifname "lo" accept
				goto last
			}
		}
	END
	mended 'a firewall of this host dropped'
	as_meant a
	nft list chain inet wall forward | head -n 4 | grep -q "iifname"
	nft delete table inet wall
	# One that only says what it knows of is left alone.
	nft -f - <<-'END'
		table inet wall {
			chain some { ip daddr 203.0.113.99 drop; return; drop; }
			chain forward {
				type filter hook forward priority filter + 10; policy accept;
				jump some
				tcp dport 9 reject
			}
		}
	END
	as_meant a
	# Whoever sees to a later one has seen that too.
	listen
	nft add table inet wall2
	nft add chain inet wall2 forward '{ type filter hook forward priority filter + 20; policy drop; }'
	mended 'a firewall of this host dropped'
	as_meant a
	not grep -q comment <(nft list table inet wall)
	nft delete table inet wall
	nft delete table inet wall2
}

@test "a table that belongs to somebody else: it is said, with what helps" {
	listen
	nft -i >"$T/nft.out" 2>&1 3>&- < <(
		echo 'add table inet walled { flags owner; }'
		echo 'add chain inet walled f { type filter hook forward priority 10; policy drop; }'
		exec sleep 60 2>/dev/null 3>&-) &
	local pid=$!
	within 10 said "nftables table 'walled' drops what containers send"
	run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr "table 'walled'"
	kill $pid
	wait $pid || true
	within 10 reaches a
	as_meant a
	# What helps is seen to help: nothing is said any more.
	nft -i >"$T/nft.out" 2>&1 3>&- < <(
		echo 'add table inet walled { flags owner; }'
		echo "add chain inet walled f { type filter hook forward priority 10; policy drop; }"
		echo "add rule inet walled f iifname $(bridge_name) accept"
		echo "add rule inet walled f oifname $(bridge_name) accept"
		exec sleep 60 2>/dev/null 3>&-) &
	pid=$!
	walled_lets_through() { nft list table inet walled 2>/dev/null | grep -q oifname; }
	within 10 walled_lets_through
	run --separate-stderr coi run -- true
	expect_status 0
	[[ "$stderr" != *walled* ]]
	as_meant a
	kill $pid
	wait $pid || true
}

@test "a chain that comes before ours, and rules as an older coi made them" {
	local bridge handle
	bridge=$(bridge_name)
	nft add table inet early
	nft 'add chain inet early f { type filter hook forward priority -20; policy drop; }'
	within 10 reaches a
	as_meant a
	nft delete table inet early

	nft add table inet wall
	nft 'add chain inet wall f { type filter hook forward priority 10; policy drop; }'
	within 10 reaches a
	nft flush chain inet wall f
	nft add rule inet wall f iifname "$bridge" counter accept comment "\"$bridge\""
	nft add rule inet wall f oifname "$bridge" counter accept comment "\"$bridge\""
	old_ones() { nft list chain inet wall f | grep -v mark | grep -q "comment"; }
	coi run -- true
	not old_ones
	expect_equal "$(nft list chain inet wall f | grep -c "mark.*comment")" 2
	as_meant a
	nft delete table inet wall
}

@test "iptables-legacy: it is said, with what helps, and that helps" {
	local bridge
	bridge=$(bridge_name)
	iptables-legacy -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables-legacy -P INPUT DROP
	run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr "send: iptables-legacy -I INPUT -i $bridge -j ACCEPT lets it"
	iptables-legacy -P FORWARD DROP
	run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr "iptables-legacy -I FORWARD -i $bridge -j ACCEPT"
	iptables-legacy -I INPUT -i "$bridge" -j ACCEPT
	iptables-legacy -I FORWARD -i "$bridge" -j ACCEPT
	iptables-legacy -I FORWARD -o "$bridge" -j ACCEPT
	as_meant a
	run --separate-stderr coi run -- true
	[[ $stderr != *iptables-legacy* ]]
	iptables-legacy -F
	iptables-legacy -P INPUT ACCEPT
	iptables-legacy -P FORWARD ACCEPT
	as_meant a
}

# The real one, with its settings in a copy.
ufw_up() {
	mkdir "$T/ufw"
	cp -a /etc/ufw "$T/ufw/etc"
	cp -a /etc/default/ufw "$T/ufw/default"
	sed -i 's/^IPV6=.*/IPV6=no/' "$T/ufw/default"
	mount --bind "$T/ufw/etc" /etc/ufw
	mount --bind "$T/ufw/default" /etc/default/ufw
	ufw --force enable
}

ufw_down() {
	ufw --force disable
	umount /etc/ufw /etc/default/ufw
	rm -rf "$T/ufw"
	iptables -P FORWARD ACCEPT
	nft delete table ip filter
}

@test "ufw is enabled, reloaded and disabled" {
	listen
	ufw_up
	iptables -S FORWARD | grep -q -- '-P FORWARD DROP'
	mended 'a firewall of this host dropped'
	as_meant a
	listen
	ufw reload
	within 20 reaches a
	as_meant a
	# A container of its own, with the firewall there before.
	coi container launch coi-default b
	as_meant b
	coi kill b --force
	# What ufw rejects instead of dropping.
	ufw default reject routed
	ufw reload
	within 20 reaches a
	as_meant a
	ufw_down
	as_meant a
}

# The real one too, on a message bus of its own.
firewalld_up() {
	mkdir -p "$T/fw/etc"
	cat >"$T/fw/bus.conf" <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>unix:path=$T/fw/bus</listen>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
		<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
	END
	dbus-daemon --config-file="$T/fw/bus.conf" --nofork --nopidfile >"$T/fw/bus.log" 2>&1 3>&- &
	echo $! >"$T/fw/bus.pid"
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/fw/bus
	within 10 test -S "$T/fw/bus"
	firewalld --nofork --nopid --system-config "$T/fw/etc" --log-file "$T/fw/log" \
		>"$T/fw/out" 2>&1 3>&- &
	echo $! >"$T/fw/pid"
	within 60 firewall-cmd --state
}

firewalld_down() {
	kill "$(cat "$T/fw/pid")"
	gone() { ! kill -0 "$(cat "$T/fw/pid")" 2>/dev/null; }
	within 30 gone
	kill "$(cat "$T/fw/bus.pid")"
	unset DBUS_SYSTEM_BUS_ADDRESS
	nft delete table inet firewalld 2>/dev/null || true
	rm -rf "$T/fw"
}

@test "firewalld is started, and reloaded" {
	listen
	firewalld_up
	nft list chain inet firewalld filter_FORWARD | grep -q reject
	mended 'a firewall of this host dropped'
	as_meant a
	listen
	firewall-cmd --reload
	mended 'a firewall of this host dropped'
	as_meant a
	firewall-cmd --complete-reload
	within 20 reaches a
	as_meant a
	firewalld_down
	as_meant a
}

@test "a VPN client that puts its marks over all packets, with bridge filters and without" {
	local value
	nft -f - <<-'END'
		table ip wg-quick-wg0 {
			chain preraw { type filter hook prerouting priority raw; policy accept;
				iifname != "wg0" ip daddr 10.64.0.2 fib saddr type != local drop; }
			chain premangle { type filter hook prerouting priority mangle; policy accept;
				meta l4proto udp meta mark set ct mark; }
			chain postmangle { type filter hook postrouting priority mangle; policy accept;
				meta l4proto udp meta mark 0xca6c ct mark set meta mark; }
		}
	END
	for value in 0 1; do
		echo $value >/proc/sys/net/bridge/bridge-nf-call-iptables
		as_meant a
		coi container exec a -- nslookup other.test | grep -q 198.51.100.10
	done
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
	nft delete table ip wg-quick-wg0
}

# --- ways out

@test "several uplinks, and a default route that changes" {
	link_between up2 192.0.3.2/24 192.0.3.1/24
	reaches a
	arrived 'http 203\.0\.113\.10:80 / 192\.0\.2\.2' >/dev/null
	ip route replace default via 192.0.3.1 dev up2
	as_meant a
	arrived 'http 203\.0\.113\.10:80 / 192\.0\.3\.2' >/dev/null
	# Both, and a strict look at the way back.
	ip route add default via 192.0.2.1 dev uplink metric 500
	echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
	as_meant a
	ip link set up2 down
	as_meant a
	echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
	ip link del up2
	ip route del default
	ip route add default via 192.0.2.1
	as_meant a
}

@test "no IPv4 uplink at all, from the start, and one that comes later" {
	ip route del default
	run --separate-stderr coi run -- true
	expect_status 0
	not grep hello <(get a public.test 2>/dev/null)
	blocked a
	coi container launch coi-default b
	ip route add default via 192.0.2.1
	as_meant a
	as_meant b
	ip link set uplink down
	[ -z "$(get a 203.0.113.10 2>/dev/null || true)" ]
	coi kill b --force
	ip link set uplink up
	ip route replace default via 192.0.2.1
	within 10 reaches a
	as_meant a
}

@test "a VPN: a tun device that everything goes through" {
	[ -c /dev/net/tun ]
	"$COI_TEST_SRC/tests/lib/tun-pair.py" tun0 "$COI_STAGE_WORLD" >"$T/tun" 2>&1 3>&- &
	echo $! >"$T/tun.pid"
	within 10 grep -q ready "$T/tun"
	ip addr add 10.8.0.2/24 dev tun0
	in_world ip addr add 10.8.0.1/24 dev tun0
	ip link set tun0 mtu 1280 up
	in_world ip link set tun0 mtu 1280 up
	ip route add 0.0.0.0/1 via 10.8.0.1
	ip route add 128.0.0.0/1 via 10.8.0.1
	as_meant a
	arrived 'http 203\.0\.113\.10:80 / 10\.8\.0\.2' >/dev/null
	much a
	# The VPN's own network is a private one.
	not grep . <(get a 10.8.0.1 2>/dev/null)
	coi run -- fetch 203.0.113.10 | grep -q hello
	kill "$(cat "$T/tun.pid")"
	gone() { ! ip link show tun0; }
	within 10 gone
	as_meant a
}

@test "an uplink with an MTU of 1280" {
	local link
	for link in uplink; do
		ip link set $link mtu 1280
	done
	in_world ip link set world mtu 1280
	as_meant a
	much a
	ip link set uplink mtu 1500
	in_world ip link set world mtu 1500
	much a
}

@test "our default range is in use" {
	local gateway
	gateway=$(gateway_of a)
	coi kill a --force
	coi clean --orphans --force >/dev/null
	rm -f "$COI_ROOT/network.ini"
	link_between other 10.77.9.1/24 10.77.9.2/24
	coi container launch coi-default a
	[ "$(gateway_of a)" != "$gateway" ]
	as_meant a
	# The host still reaches what was there, the container does not.
	in_world /usr/bin/python3 -m http.server 80 --bind 10.77.9.2 >/dev/null 2>&1 3>&- &
	local server=$!
	within 10 curl -sf -m 5 -o "$T/there" http://10.77.9.2/
	[ -z "$(get a 10.77.9.2 2>/dev/null || true)" ]
	kill $server
	wait $server || true
	ip link del other
	as_meant a
}
