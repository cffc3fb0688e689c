#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Inside the machine, as its root: is coi at home on a host like this one? TAP. The internet
# is a namespace of this machine (tests/lib/world.py); nothing leaves it. /srv/coi has the
# source (src), the package (coi.deb) and the small image (image.tar).
#
# host.sh start       the package, an image, the first run of a person: what the others begin with
# host.sh basics      limits, a disk, freezing, the network's modes
# host.sh watched     monitoring with the kernel's own sources
# host.sh sessions    a tool's session: entered, left, ended, gone on with
# host.sh engines     systemd, podman and docker inside (/srv/coi/engines.tar)
# host.sh package     installed again, and the next version, under a container
# host.sh leave_one   a container that runs when the machine is switched off
# host.sh again       the machine after that; the package is purged
set -u
n=0
export HOME=/root COI_NO_COLOR=1
# The time limits are for emulated processors.
slow=${COI_VM_SLOW:-600}

# NAME COMMAND...: one test.
check() {
	local name=$1 said
	shift
	n=$((n + 1))
	if said=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf '%s\n' "$said" | tail -n 30 | sed 's/^/# /'
	fi
}

. "$(dirname "$0")/rows.sh"

person() { # COMMAND: as a person calls it, by sudo, in a directory of theirs
	runuser -u person -- sh -c "cd ~/ws && $1"
}

settings() {
	mkdir -p ~/.coi ~person/.coi
	printf '[container]\ninit = "coi-init"\n%s\n' "${1-}" | tee ~/.coi/config.toml >~person/.coi/config.toml
	chown -R person: ~person/.coi
}

# The internet: name server, web servers, metadata, a private network (tests/lib/world.py).
world_up() {
	local address
	ip netns add world
	ip link add uplink type veth peer name world netns world
	ip addr add 192.0.2.2/24 dev uplink
	ip link set uplink up
	ip -n world link set lo up
	ip -n world addr add 192.0.2.1/24 dev world
	ip -n world link set world up
	for address in 203.0.113.10 203.0.113.53 198.51.100.10 10.9.8.7 172.16.5.5 100.64.0.9 \
		192.168.50.1 169.254.169.254 169.254.1.1; do
		ip -n world addr add "$address/32" dev lo
	done
	ip -n world route add local 203.0.113.128/25 dev lo
	ip route add default via 192.0.2.1
	rm -f /etc/resolv.conf
	printf 'nameserver 203.0.113.53\noptions timeout:20 attempts:2\n' >/etc/resolv.conf
	mkfifo /run/world.ready
	setsid ip netns exec world python3 /srv/coi/src/tests/lib/world.py /run/world.log \
		/run/world.ready </dev/null >/run/world.err 2>&1 &
	timeout 60 head -n 1 /run/world.ready | grep -q ready
}

sudo_run() {
	person 'sudo -n timeout '"$slow"' coi run -- sh -c "id -u; echo made >file"' >/tmp/said || return 1
	grep -qx 1000 /tmp/said && [ "$(stat -c %U ~person/ws/file)" = person ]
}

healthy() {
	timeout "$slow" coi health
}

confined() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || { echo "AppArmor is off"; return 0; }
	timeout "$slow" coi container exec box -- cat /proc/1/attr/current /proc/self/attr/current >/tmp/said
	[ "$(grep -c '^coi-container-.*(enforce)$' /tmp/said)" = 2 ] || { cat /tmp/said; return 1; }
	# It does not get out of it, and reaches nothing of the kernel's own.
	! coi container exec box -- sh -c 'echo changeprofile unconfined >/proc/self/attr/current'
}

enforcing() {
	[ "$(getenforce 2>/dev/null)" = Enforcing ]
}

first_pid() { # CONTAINER
	find /sys/fs/cgroup -path "*lxc.payload*$1*/cgroup.procs" -exec cat {} + | sort -n | head -n 1
}

label_of() { # CONTAINER
	tr -d '\0' <"/proc/$(first_pid "$1")/attr/current"
}

unlabelled() { # before the policy knows it
	timeout "$slow" coi container launch coi-default box &&
		[ "$(label_of box)" = "$(tr -d '\0' </proc/self/attr/current)" ] &&
		coi security show box | grep -qx 'SELinux: containers get no label: semodule -i .*' || return 1
	timeout "$slow" coi container delete --force box
}

module_installs() { # what health says
	local said
	said=$(timeout "$slow" coi health) || true
	said=$(grep -o 'semodule -i .*' <<<"$said") || return 1
	echo "$said"
	$said
}

labelled() {
	local label
	enforcing || { echo "SELinux is not in force"; return 0; }
	label=$(label_of box)
	echo "$label"
	grep -qxE 'system_u:system_r:coi_container_t:s0-s0:c[0-9]+,c[0-9]+' <<<"$label" || return 1
	timeout "$slow" coi container exec box -- cat /proc/self/attr/current >/tmp/said || return 1
	[ "$(tr -d '\0' </tmp/said)" = "$label" ] &&
		timeout "$slow" coi container exec box -- grep -F \
			"context=\"system_u:object_r:coi_container_file_t:${label#*-}\"" /proc/mounts &&
		coi security show box | grep -qxF "SELinux: $label"
}

# What the file's mode allows; and nobody gives himself another label.
refused_by_label() {
	enforcing || { echo "SELinux is not in force"; return 0; }
	echo listed >~person/ws/list
	chmod 0666 ~person/ws/list
	person 'sudo -n timeout '"$slow"' coi run -- cat list' | grep -qx listed || return 1
	chcon -t shadow_t ~person/ws/list
	! person 'sudo -n timeout '"$slow"' coi run -- cat list' || return 1
	rm ~person/ws/list
	! coi container exec box -- sh -c \
		'echo unconfined_u:unconfined_r:unconfined_t:s0 >/proc/self/attr/current' || return 1
	dmesg -C
}

# Who got out of one container, as the user of another: what the ids allow the label does not.
parted_by_label() {
	local uid pid
	enforcing || { echo "SELinux is not in force"; return 0; }
	timeout "$slow" coi container launch coi-default other || return 1
	pid=$(first_pid other)
	uid=$(stat -c %u "/proc/$pid")
	as() { setpriv --reuid "$uid" --regid "$uid" --clear-groups runcon "$(label_of "$1")" kill -0 "$pid"; }
	as other && ! as box || return 1
	timeout "$slow" coi container delete --force other
	dmesg -C
}

not_refused() { # what containers did so far
	! dmesg | grep 'avc:  *denied.*:coi_container_t:'
}

limits() { # what the kernel has, wherever the controller is
	local file value want
	for want in memory.max:67108864 memory.limit_in_bytes:67108864 pids.max:50 cpu.max:"20000 100000"; do
		file=$(find /sys/fs/cgroup -path "*lxc.payload*box/${want%%:*}" | head -n 1)
		[ -n "$file" ] || continue
		value=$(cat "$file")
		echo "$file: $value"
		[ "$value" = "${want#*:}" ] || return 1
	done
	[ -n "$(find /sys/fs/cgroup -path '*lxc.payload*box/pids.max')" ]
}

eaten() { # past the limit it is killed inside, and the container goes on
	! timeout "$slow" coi container exec box -- sh -c 'head -c 200000000 /dev/zero | tail >/dev/null' &&
		[ "$(coi container exec box -- echo alive)" = alive ]
}

disk_grows() { # of a running container; needs CAP_SYS_RESOURCE
	local before after
	before=$(coi container exec box -- df -k / | awk 'END { print $2 }')
	coi container set box limits.disk.size=300MiB || return 1
	after=$(coi container exec box -- df -k / | awk 'END { print $2 }')
	echo "$before KiB, then $after"
	[ "$after" -gt $((before + 50000)) ]
}

frozen() { # as monitoring leaves it, on version 2
	local group
	group=$(find /sys/fs/cgroup -path '*lxc.payload*box/cgroup.freeze' | head -n 1)
	[ -n "$group" ] || return 0
	echo 1 >"$group"
	! coi container exec box -- true && coi unfreeze box && timeout "$slow" coi container exec box -- true
}

# REACHED REFUSED (fetch gives up after 5 s, which may be too short): restricted, open and allowlist against the same addresses.
reach() {
	timeout "$slow" coi container exec box -- sh -c "
		tries() { for try in 1 2 3 4 5 6 7 8 9 10; do fetch \$1 >/dev/null && return; done; return 1; }
		for host in $1; do tries \$host || { echo \"\$host: not reached\"; exit 1; }; done
		for host in $2; do ! fetch \$host >/dev/null 2>&1 || { echo \"\$host: reached\"; exit 1; }; done"
}

launch() { # SETTINGS
	timeout "$slow" coi container delete --force box >/dev/null 2>&1
	settings "$1"
	timeout "$slow" coi container launch coi-default box
}

gone() {
	[ -z "$(find /sys/fs/cgroup -name 'lxc.payload.*' -o -name 'lxc.monitor.*' -o -name 'coi.supervisor.*')" ] &&
		! nft list tables | grep -q coi && ! ip -o link | grep -q coi
}

start() {
	check "the package installs" dpkg -i /srv/coi/coi.deb
	useradd -m person
	mkdir -p ~person/ws
	chown person: ~person/ws
	echo 'person ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/person
	settings
	check "an internet of its own" world_up
	check "an image is imported" timeout "$slow" coi image import /srv/coi/image.tar --alias coi-default
	if enforcing; then
		check "SELinux: without a policy for it a container has no label" unlabelled
		check "SELinux: the policy that health asks for is taken" module_installs
	fi
	check "health finds nothing broken" healthy
	check "run by sudo: files in the workspace are the person's" sudo_run
}

basics() {
	check "a container with limits starts" launch '[limits.memory]
limit = "64MiB"
enforce = "hard"
swap = "false"
[limits.cpu]
allowance = "20ms/100ms"
[limits.runtime]
max_processes = 50
[limits.disk]
size = "200MiB"'
	check "AppArmor confines it where there is AppArmor" confined
	check "SELinux labels it where there is SELinux" labelled
	check "the label refuses what the mode of a file allows" refused_by_label
	check "the label parts it from another container" parted_by_label
	check "the kernel has the limits" limits
	check "what goes past the memory is killed inside" eaten
	check "a disk of its own grows while it runs" disk_grows
	check "what froze is said so, and thaws" frozen
	check "restricted: the public is reached, private and metadata are not" \
		reach "203.0.113.10" "10.9.8.7 169.254.169.254"
	check "a container with an open network starts" launch '[network]
mode = "open"'
	check "open: the private network is reached too" reach "203.0.113.10 10.9.8.7" ""
	check "a container with an allowlist starts" launch '[network]
mode = "allowlist"
allowed_domains = ["203.0.113.10"]'
	check "allowlist: what is on it and nothing else" reach "203.0.113.10" "198.51.100.10 10.9.8.7"
}

# The machine is switched off under a container.
leave_one() {
	check "a container that is left running" launch ''
}

again() {
	check "an internet of its own" world_up
	check "the record of before says that it does not run" sh -c '! coi container running box'
	check "it starts again" timeout "$slow" coi container start box
	check "a command runs in it" timeout "$slow" coi container exec box -- true
	check "it is deleted" timeout "$slow" coi container delete --force box
	check "nothing is left: groups, rules, links" gone
	check "the package is purged" dpkg --purge coi
}

for part in "$@"; do
	"$part"
done
enforcing && check "SELinux has refused nothing that containers do" not_refused
echo "1..$n"
