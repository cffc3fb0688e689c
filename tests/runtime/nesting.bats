#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What container engines ask of the kernel before they start one: there where containers
# inside are allowed, and not with reduce_kernel_surface.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	cp "$COI_TEST_BUILD/runtime-escape" "$RT/image/escape"
	mkdir "$RT/plain-files"
	chown 1000:1000 "$RT/plain-files"
	up plain nesting=1 count=131072 bind="$RT/plain-files:/files:container"
	up small base=3000000 surface=reduced
}
teardown_file() {
	for name in plain small; do
		down $name
		leftovers $name
	done
	runtime_teardown_file
}
teardown() { :; }

@test "a user namespace inside mounts its own /proc and /sys" {
	local new='unshare -Urmnp --fork sh -c'
	[ "$(as_code plain "$new 'mount -t proc p /proc && echo \$\$ && mount -t sysfs s /mnt && ls -d /mnt/kernel'" |
		xargs)" = "1 /mnt/kernel" ]
	run as_code small "$new 'mount -t proc p /proc'"
	[ "$status" != 0 ]
	run as_code small "$new 'mount -t sysfs s /mnt'"
	[ "$status" != 0 ]
}

@test "there are ids enough for a whole range of them inside" {
	# 65536 of one's own for an inner container, beside those in use.
	as_root plain 'unshare -U sleep 20 >/dev/null 2>&1 & sleep=$!
		until [ "$(readlink /proc/$sleep/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do :; done
		echo "0 65536 65536" >/proc/$sleep/uid_map && cat /proc/$sleep/uid_map; r=$?; kill $sleep; exit $r' |
		xargs | grep -x '0 65536 65536'
	run as_root small 'unshare -U sleep 20 >/dev/null 2>&1 & sleep=$!
		until [ "$(readlink /proc/$sleep/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do :; done
		echo "0 65536 65536" >/proc/$sleep/uid_map; r=$?; kill $sleep; exit $r'
	[ "$status" != 0 ]
}

@test "an overlay inside, by a user, over a plain directory: written, removed, renamed" {
	as_code plain 'mkdir -p /files/l/d /files/u /files/w /files/m && echo a >/files/l/a && echo b >/files/l/d/b
		unshare -Urm sh -ec "
			mount -t overlay o -o lowerdir=/files/l,upperdir=/files/u,workdir=/files/w,userxattr /files/m
			cd /files/m; echo c >c; rm a; rm -r d; mkdir d; ! test -e a; ls"' | xargs | grep -x 'c d'
	# What is removed is a whiteout, which the kernel lets a user make there.
	[ "$(stat -c '%F %t %T' "$RT/plain-files/u/a")" = "character special file 0 0" ]
	[ "$(cat "$RT/plain-files/l/a")" = a ]
}

@test "a user binds ports below 1024, and ping works for users" {
	local name
	for name in plain small; do
		as_code $name 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/sys/net/ipv4/ping_group_range' |
			xargs | grep -x '0 0 65535'
		as_code $name 'nc -l -p 80 >/dev/null 2>&1 & p=$!
			until grep -q ":0050 0.*:0000 0A" /proc/net/tcp /proc/net/tcp6; do kill -0 $p || exit 1; done
			kill $p'
	done
}

@test "bridges, links and rules in the container's own network" {
	as_root plain 'ip link add br0 type bridge && ip addr add 172.30.0.1/24 dev br0 && ip link set br0 up &&
		ip link add v0 type veth peer name v1 && ip link set v0 master br0 && ip link del br0 && ip link del v0'
}
