#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: alone
# What container engines ask of the kernel before they start one: there where containers
# inside are allowed, and not with reduce_kernel_surface. Alone, since one test gives the
# controllers of version 2 on, which crun takes amiss in the suite of podman.

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
	local show='cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/sys/net/ipv4/ping_group_range'
	local bind='nc -l -p 80 >/dev/null 2>&1 & p=$!
		until grep -q ":0050 0.*:0000 0A" /proc/net/tcp /proc/net/tcp6; do kill -0 $p || exit 1; done
		kill $p'
	as_code plain "$show" | xargs | grep -x '0 0 65535'
	as_code plain "$bind"
	# That is for engines without root; root binds them anyway.
	as_code small "$show" | xargs | grep -x '1024 0 65535'
	run as_code small "$bind"
	[ "$status" != 0 ]
	as_root small "$bind"
}

# What an engine asks of control groups, in the layout that the container is shown.
ENGINE='
	grep -q " /sys/fs/cgroup" /proc/self/mountinfo || { echo no groups; exit 1; }
	if [ -e /sys/fs/cgroup/cgroup.procs ]; then
		trees=/sys/fs/cgroup
	else
		trees=
		while IFS=: read -r number names path; do
			trees="$trees /sys/fs/cgroup/${names#name=}"
		done </proc/self/cgroup
		trees=$(echo "$trees" | sed "s,/sys/fs/cgroup/\( \|$\),/sys/fs/cgroup/unified\1,")
	fi
	for tree in $trees; do
		mkdir "$tree/inner" || exit 1
		[ ! -e "$tree/inner/pids.max" ] || echo 9 >"$tree/inner/pids.max" || exit 1
		for file in cpuset.cpus cpuset.mems; do
			[ ! -e "$tree/$file" ] || cat "$tree/$file" >"$tree/inner/$file"
		done
		sh -c "echo \$\$ >$tree/inner/cgroup.procs && grep -q :/inner /proc/self/cgroup" || exit 1
		rmdir "$tree/inner" || exit 1
	done
	echo "$trees" | wc -w'

# What decides about the container as a whole: what could be written, one a line.
LIMITS='n=0
	for file in $(find /sys/fs/cgroup -follow -maxdepth 2 -type f); do
		case $file in
		*/inner/* | */.lxc/* | */init/*) continue ;;
		*/cgroup.procs | */cgroup.threads | */tasks | */cgroup.subtree_control) continue ;;
		esac
		n=$((n + 1))
		{ : >>"$file"; } 2>/dev/null && echo "$file"
	done
	[ "$n" -gt 10 ] || echo "only $n files"'

@test "an engine has groups of its own in each hierarchy, and the container's limits are not its to change" {
	# Found by the path of process 1: one line for each hierarchy that is there.
	local trees
	trees=$(find /sys/fs/cgroup -maxdepth 1 -type d -exec test -e '{}/cgroup.procs' ';' -print | wc -l)
	[ "$trees" -gt 0 ]
	[ "$(as_root plain "$ENGINE" | tail -n 1)" = "$trees" ]
	[ -z "$(as_root plain "$LIMITS")" ]
	run as_code plain "mkdir /sys/fs/cgroup/inner /sys/fs/cgroup/*/inner"
	[ "$status" != 0 ]
	[ -z "$(as_root plain 'find /sys/fs/cgroup -name inner')" ]
	# Where containers inside are not allowed there is nothing mounted, but what a system needs.
	[ ! -d /sys/fs/cgroup/unified ] || [ -z "$(as_root small 'ls /sys/fs/cgroup')" ]
}

@test "the same where the host has version 2 and nothing else" {
	# The tree that the machine has of it, alone.
	unshare --mount bash -ec '
		source "$1/lib.bash"
		umount -R -l /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		# liblxc has all controllers given on there, and leaves it so.
		given=$(cat /sys/fs/cgroup/cgroup.subtree_control)
		back() {
			down two
			leftovers two
			for one in $(cat /sys/fs/cgroup/cgroup.subtree_control); do
				case " $given " in
				*" $one "*) ;;
				*) echo "-$one" >/sys/fs/cgroup/cgroup.subtree_control ;;
				esac
			done
		}
		up two base=6000000 nesting=1 count=131072 >&2
		trap back EXIT
		as_root two "cat /proc/1/cgroup" | grep "^0::" >&3
		as_root two "$2" >&3
		as_root two "$3" | sed "s/^/writable: /" >&3
		# With nobody in the outermost group it can give its controllers on.
		as_root two "
			read -r controllers </sys/fs/cgroup/cgroup.controllers
			for one in \$controllers; do
				echo +\$one >/sys/fs/cgroup/cgroup.subtree_control || echo cannot give \$one
			done" >&3
	' _ "$BATS_TEST_DIRNAME" "$ENGINE" "$LIMITS" 3>"$RT/two"
	cat "$RT/two"
	[ "$(xargs <"$RT/two")" = "0::/init 1" ]
}

@test "shared memory is there for who asks for it by name" {
	local name
	for name in plain small; do
		as_code $name 'echo x >/dev/shm/x && stat -f -c %T /dev/shm && stat -c %a /dev/shm && rm /dev/shm/x' |
			xargs | grep -x 'tmpfs 1777'
	done
}

@test "bridges, links and rules in the container's own network" {
	as_root plain 'ip link add br0 type bridge && ip addr add 172.30.0.1/24 dev br0 && ip link set br0 up &&
		ip link add v0 type veth peer name v1 && ip link set v0 master br0 && ip link del br0 && ip link del v0'
}
