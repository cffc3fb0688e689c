#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Device nodes that root in a container makes: the harmless ones, in its own files only.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	cp "$COI_TEST_BUILD/runtime-noderace" "$RT/image/noderace"
	mkdir "$RT/plain-files"
	chown 1000:1000 "$RT/plain-files"
	up a nesting=1 count=131072 bind="$RT/plain-files:/files:container"
}
teardown_file() {
	for name in a b; do
		[ ! -d "$(dir_of $name)" ] || leftovers $name
	done
	runtime_teardown_file
}
teardown() { :; }

handler_of() { # NAME: its coi-nodes
	local pid
	for pid in $(pgrep -P "$(super_pid "$1")"); do
		[ "$(cat "/proc/$pid/comm")" != coi-nodes ] || echo "$pid"
	done
}

@test "null, zero, full, random, urandom and tty are made, belong to the caller and work" {
	run as_root a 'umask 022; mkdir /made && cd /made &&
		mknod -m 666 null c 1 3 && mknod zero c 1 5 && mknod full c 1 7 &&
		mknod random c 1 8 && mknod urandom c 1 9 && mknod tty c 5 0 &&
		echo x >null && [ "$(head -c 3 zero | wc -c)" = 3 ] && [ "$(head -c 3 urandom | wc -c)" = 3 ] &&
		! echo x >full 2>/dev/null && stat -c "%n %u:%g %a %t:%T" *'
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "full 0:0 644 1:7
null 0:0 666 1:3
random 0:0 644 1:8
tty 0:0 644 5:0
urandom 0:0 644 1:9
zero 0:0 644 1:5" ]
	# The errors are the kernel's.
	run as_root a 'mknod /made/null c 1 3'
	[[ "$output" == *"File exists"* ]]
	run as_root a 'mknod /nowhere/null c 1 3'
	[[ "$output" == *"No such file"* ]]
}

@test "no other device is made, by nobody but root of the container, and nowhere else" {
	local what
	for what in "b 8 0" "b 7 0" "c 1 1" "c 1 4" "c 1 11" "c 5 1" "c 4 1" "c 10 200" "c 10 232" "b 1 3"; do
		run as_root a "mknod /other $what"
		[ "$status" != 0 ]
		[[ "$output" == *"not permitted"* ]]
	done
	run as_code a 'mknod /tmp/null c 1 3'
	[ "$status" != 0 ]
	# In user namespaces of their own they are root, and may not.
	run as_code a 'unshare -Ur mknod /tmp/null c 1 3'
	[ "$status" != 0 ]
	run as_root a 'unshare -Ur mknod /inner c 1 3'
	[ "$status" != 0 ]
	# Where it could not be opened, the kernel refuses: who asks does without, as ever.
	run as_root a 'mkdir -p /t && mount -t tmpfs none /t && mknod /t/null c 1 3'
	[ "$status" != 0 ]
	run as_root a 'mknod /files/null c 1 3'
	[ "$status" != 0 ]
	[ -z "$(find "$RT/plain-files" -type c)" ]
}

@test "names are looked up as the caller does: chroot, working directory, links" {
	as_root a 'mkdir -p /jail/dev /jail/up && ln -s /dev /jail/link && ln -s ../../.. /jail/up/out'
	cp /bin/busybox "$RT/plain-files/busybox"
	as_root a 'cp /files/busybox /jail/ &&
		chroot /jail /busybox mknod /link/null c 1 3 && test -c /jail/dev/null &&
		chroot /jail /busybox mknod /up/out/zero c 1 5 && test -c /jail/zero &&
		cd /jail/up && mknod ../up/full c 1 7 && test -c /jail/up/full'
}

@test "a root file system for a package builder: debootstrap's test, and tar with nodes" {
	as_root a 'mkdir -p /stage/dev && cd /stage/dev && mknod -m 666 null c 1 3 && mknod -m 666 zero c 1 5 &&
		cd /stage && tar cf /nodes.tar dev && mkdir /unpacked && tar xf /nodes.tar -C /unpacked &&
		echo test >/unpacked/dev/null && test -c /unpacked/dev/zero'
}

@test "whoever rewrites the name, and exchanges directories, makes nothing but in the container" {
	local before
	before=$(find /dev -maxdepth 1 -type c | wc -l)
	run as_root a 'mkdir -p /race/in /race/dev && cd /race && /noderace 2000 /race'
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"2000 calls"* ]]
	[[ "$output" != *" 0 made"* ]]
	[ -z "$(find "$RT/plain-files" -type c)" ]
	[ ! -e /race ]
	[ "$(find /dev -maxdepth 1 -type c | wc -l)" = "$before" ]
}

@test "a file system that never answers holds up nobody but who asks it" {
	local stuck late
	cp "$COI_TEST_BUILD/runtime-stuckfs" "/proc/$(init_pid a)/root/run/stuckfs"
	as_root a 'mkdir -p /stuck; exec /run/stuckfs /stuck' >"$RT/stuck" 3>&- &
	stuck=$!
	timeout 120 sh -c 'until grep -q mounted "$1"; do sleep 0.05; done' sh "$RT/stuck"
	# coi-nodes may not look in there (the kernel's rule for such mounts): the caller does.
	as_root a 'mknod /stuck/d/null c 1 3; echo $?' >"$RT/late" 2>&1 3>&- &
	late=$!
	timeout 120 sh -c 'until grep -q asked "$1"; do sleep 0.05; done' sh "$RT/stuck"
	as_root a 'mknod /meanwhile c 1 3'
	[ ! -s "$RT/late" ]
	as_root a 'kill -9 $(pidof stuckfs)'
	wait $stuck || true
	wait $late
	grep -qx 1 "$RT/late"
}

@test "when coi-nodes is killed, who waits and who comes later gets an error" {
	local pid many status=0
	up b base=3000000 nesting=1 count=131072
	pid=$(handler_of b)
	[ -n "$pid" ]
	as_root b 'mknod /before c 1 3'
	as_root b 'mkdir /many; /noderace 100000000 /many' >"$RT/many" 2>&1 3>&- &
	many=$!
	timeout 120 sh -c 'until [ -e "$1/many/in" ] || [ -e "$1/many/kept" ]; do sleep 0.05; done' \
		sh "/proc/$(init_pid b)/root"
	kill -9 "$pid"
	# It ends at the first call that nobody is there for.
	wait $many || status=$?
	[ "$status" = 1 ]
	grep -q ' calls, ' "$RT/many"
	# Somebody who comes now has no filter: the kernel answers.
	run as_root b 'mknod /after c 1 3'
	[ "$status" != 0 ]
	[[ "$output" == *"not permitted"* ]]
	down b
}

@test "it ends with its container, is confined, and leaves nothing" {
	local pid
	pid=$(handler_of a)
	[ -n "$pid" ]
	grep -q '^Seccomp:.2$' "/proc/$pid/status"
	grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
	[ "$(sed -n 's/^CapEff:.//p' "/proc/$pid/status")" = 00000000080c00c2 ]
	down a
	[ ! -e "/proc/$pid" ]
	[ ! -e "/run/coi-lxc/$(name_of a).nodes" ]
}
