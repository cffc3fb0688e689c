#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# From the start to the end of a container, and what crashes leave behind.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() { runtime_setup_file; }
teardown_file() { runtime_teardown_file; }
teardown() { runtime_teardown; }

@test "the machine can do it" {
	"$MINI" check "$RT"
}

@test "a container starts, runs a command as code, stops, and leaves nothing" {
	up a
	run as_code a 'id -un; id -u; pwd; cat /proc/self/uid_map; hostname'
	[ "$status" = 0 ]
	[ "${lines[0]}" = code ]
	[ "${lines[1]}" = 1000 ]
	[ "${lines[2]}" = /home/code ]
	read -r inside outside count <<<"${lines[3]}"
	[ "$inside" = 0 ] && [ "$outside" = 1000000 ] && [ "$count" = 65536 ]
	[ "${lines[4]}" = "$(name_of a)" ]
	down a
	[ -z "$(groups_of "$TAG")" ]
	run ! ctl alive a
	[ -z "$(grep -l "$RT" /proc/[0-9]*/mountinfo 2>/dev/null)" ]
}

@test "layers by path, as on older kernels, give the same tree" {
	export COI_RUNTIME_NO_OVERLAY_FD=1
	up a
	unset COI_RUNTIME_NO_OVERLAY_FD
	as_root a 'echo x >/etc/new && mv /usr/share /usr/moved && test -d /usr/moved && rm /etc/hosts'
	[ "$(stat -c %u "$(dir_of a)/upper/etc/new")" = 0 ]
	[ -z "$(mount | grep "$RT")" ]
	# The lowest directory of the staging is not seen inside.
	run as_root a 'grep -c overlay /proc/mounts'
	[ "$output" = 1 ]
	down a
}

@test "a kernel that refuses layers by descriptor gets them by path, however it says so" {
	local error mini=$MINI
	for error in EOPNOTSUPP EINVAL EBADF; do
		printf '#!/bin/sh\nexec strace -D -o "%s" -e trace=fsconfig -e inject=fsconfig:error=%s:when=1 "%s" "$@"\n' \
			"$RT/trace" $error "$mini" >"$RT/refusing"
		chmod 755 "$RT/refusing"
		MINI=$RT/refusing up a
		grep -q "FSCONFIG_SET_FD.*$error.*INJECTED" "$RT/trace"
		[ "$(as_root a 'grep -c overlay /proc/mounts')" = 1 ]
		down a
	done
}

@test "what is written stays in the upper directory, with the ids of the archive" {
	up a
	as_root a 'echo x >/etc/new; chown 1000:1000 /etc/new'
	as_code a 'echo y >/home/code/mine'
	down a
	[ "$(stat -c %u:%g "$(dir_of a)/upper/etc/new")" = 1000:1000 ]
	[ "$(stat -c %u:%g "$(dir_of a)/upper/home/code/mine")" = 1000:1000 ]
	# Another range, another start: the same content, its owners as before.
	up a base=2000000
	run as_code a 'cat /home/code/mine; stat -c %u /etc/new /etc/passwd'
	[ "${lines[0]}" = y ] && [ "${lines[1]}" = 1000 ] && [ "${lines[2]}" = 0 ]
	down a
}

@test "two containers share a layer at the same time under different ranges" {
	up a base=1000000
	up b base=1200000 count=131072
	[ "$(as_code a 'stat -c %u /home/code')" = 1000 ]
	[ "$(as_code b 'stat -c %u /home/code')" = 1000 ]
	as_root a 'echo a >/etc/who'
	as_root b 'echo b >/etc/who'
	[ "$(as_code a 'cat /etc/who')$(as_code b 'cat /etc/who')" = ab ]
	[ "$(stat -c %u "/proc/$(init_pid a)")" = 1000000 ]
	[ "$(stat -c %u "/proc/$(init_pid b)")" = 1200000 ]
	down a
	down b
}

@test "several layers: the newest wins" {
	mkdir -p "$RT/top/etc" "$RT/mid/etc"
	echo top >"$RT/top/etc/which"
	echo mid >"$RT/mid/etc/which"
	echo mid >"$RT/mid/etc/mid"
	NO_LAYER=1 up a layer="$RT/top" layer="$RT/mid" layer="$RT/image"
	[ "$(as_code a 'cat /etc/which /etc/mid')" = "$(printf 'top\nmid')" ]
	down a
}

@test "names and addresses are written once, through no link of the container" {
	up a dns=10.77.0.1
	run as_code a 'cat /etc/hostname /etc/resolv.conf; grep -c "$(hostname)" /etc/hosts'
	[ "${lines[0]}" = "$(name_of a)" ]
	[ "${lines[1]}" = "nameserver 10.77.0.1" ]
	[ "${lines[2]}" = 1 ]
	echo precious >"$RT/precious"
	chmod 666 "$RT/precious"
	as_root a "ln -sf $RT/precious /etc/resolv.conf; rm /etc/hosts; ln -s $RT/precious /etc/hosts"
	down a
	up a dns=10.77.0.9
	[ "$(cat "$RT/precious")" = precious ]
	[ "$(as_code a 'cat /etc/resolv.conf')" = "nameserver 10.77.0.9" ]
	# A long list is somebody's own and stays.
	as_root a 'seq 45000 | sed "s/.*/0.0.0.0 ads&.example/" >/etc/hosts'
	down a
	up a
	[ "$(as_code a 'grep -c ads /etc/hosts')" = 45000 ]
	as_code a 'grep "$(hostname)" /etc/hosts'
	as_root a 'rm -f /etc/resolv.conf; mkdir -p /etc/resolv.conf/x'
	down a
	run "$MINI" up "$(name_of a)" "$(dir_of a)" layer="$RT/image" dns=10.77.0.1
	[[ "$output" == *"'/etc/resolv.conf' of the container: Is a directory"* ]]
}

@test "poweroff and reboot from inside end it" {
	up a
	as_root a 'poweroff -f' || true
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
	up a
	as_root a 'reboot -f' || true
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
}

@test "coi-init reaps, and ends everything when asked to" {
	up a
	as_code a '(sleep 0.1 & exec true) & sleep 0.3'
	run as_root a 'ps | grep -c "[Zz]ombie\|\[sleep\]"'
	[ "$output" = 0 ]
	as_code a 'trap "" TERM; (while :; do sleep 1; done) >/dev/null 2>&1 &' 
	before=$(date +%s)
	down a
	[ $(($(date +%s) - before)) -le 8 ]
	[ -z "$(groups_of "$TAG")" ]
}

@test "killing is through the control group, and quick under a fork bomb" {
	up a pids=2000
	ctl exec a env=PATH=/bin:/usr/bin no_stdin=1 uid=1000 -- sh -c 'bomb() { bomb | bomb & }; bomb; sleep 100' >/dev/null 2>&1 3>&- &
	# How quickly it grows is the machine's affair.
	for _ in $(seq 200); do
		# The group of attached commands is there once there is one.
		many=$(cat "$UNIFIED/lxc.payload.$(name_of a)/.lxc/cgroup.procs" 2>/dev/null | wc -l)
		[ "$many" -le 100 ] || break
		sleep 0.1
	done
	[ "$many" -gt 100 ]
	run ctl kill a
	echo "$output"
	[ "$status" = 0 ]
	us=$(echo "$output" | sed 's/.*kill: \([0-9]*\) us.*/\1/')
	[ "$us" -lt 2000000 ]
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
}

@test "freeze and thaw" {
	up a
	ctl freeze a
	ctl frozen a
	run as_code a true
	[ "$status" = 1 ]
	[[ "$output" == *"is frozen"* ]]
	ctl thaw a
	run ! ctl frozen a
	as_code a true
	ctl freeze a
	down a
	[ -z "$(groups_of "$TAG")" ]
}

@test "one that version 1 has frozen is killed, without version 2, too" {
	up a
	printf '#!/bin/sh\nexec unshare -m sh -c \047umount %s/unified 2>/dev/null; exec "$0" "$@"\047 "%s" "$@"\n' \
		/sys/fs/cgroup "$MINI" >"$RT/alone"
	chmod 755 "$RT/alone"
	MINI=$RT/alone ctl freeze a
	MINI=$RT/alone ctl kill a
	run ! ctl alive a
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
}

@test "limits are written to the right controller and hold" {
	up a pids=20 memory=67108864 cpu=50000
	run as_code a 'i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i + 1)); done; wait'
	[[ "$output" == *"fork"* ]]
	run as_root a 'head -c 200000000 /dev/zero | tail >/dev/null'
	[ "$status" != 0 ]
	down a
}

@test "after kill -9 of the supervisor the container lives and can be taken away" {
	up a
	kill -9 "$(super_pid a)"
	gone "$(super_pid a)"
	ctl alive a
	as_code a true
	leftovers a
	run ! ctl alive a
	[ -z "$(groups_of "$TAG")" ]
	leftovers a
}

@test "after kill -9 of the monitor nothing stays" {
	up a
	kill -9 "$(monitor_pid a)"
	run timeout 5 "$MINI" exec "$(name_of a)" "$(dir_of a)" "$(init_of a)" -- true
	[ "$status" = 1 ]
	kill -9 "$(super_pid a)" 2>/dev/null || true
	leftovers a
	run ! ctl alive a
	[ -z "$(groups_of "$TAG")" ]
	[ -z "$(grep -l "$RT" /proc/[0-9]*/mountinfo 2>/dev/null)" ]
	up a
	as_code a true
	down a
}

@test "after kill -9 of init the supervisor cleans up" {
	up a
	kill -9 "$(init_pid a)"
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
}

@test "after kill -9 of all three nothing stays" {
	up a
	kill -9 "$(super_pid a)" "$(monitor_pid a)" "$(init_pid a)"
	leftovers a
	[ -z "$(groups_of "$TAG")" ]
	[ -z "$(grep -l "$RT" /proc/[0-9]*/mountinfo 2>/dev/null)" ]
}

@test "a process number that is somebody else's by now is left alone" {
	up a
	info=$(init_of a)
	down a
	sleep 60 3>&- &
	other=$!
	echo "init $other:1 monitor $other:1 " >"$(dir_of a)/info"
	leftovers a
	kill -0 "$other"
	kill "$other"
}

@test "thousands of groups below a container's own do not stop the clean-up" {
	up a
	group=$UNIFIED/lxc.payload.$(name_of a)
	deep=$group
	for i in $(seq 60); do
		deep=$deep/d
	done
	mkdir -p "$deep"
	for i in $(seq 200); do mkdir "$group/w$i"; done
	down a
	[ -z "$(groups_of "$TAG")" ]
}

@test "a start that fails says why and leaves nothing" {
	run "$MINI" up "$(name_of a)" "$RT/nowhere" layer="$RT/image"
	[ "$status" = 1 ]
	[[ "$output" == *"cannot open '$RT/nowhere'"* ]]
	[ -z "$(groups_of "$TAG")" ]
	mkdir -p "$(dir_of a)"
	echo "init 0:0 monitor 0:0 " >"$(dir_of a)/info"
	run "$MINI" up "$(name_of a)" "$(dir_of a)" layer="$RT/image" init=/no/such/init
	[ "$status" = 1 ]
	[[ "$output" == *"/no/such/init"* ]] || [[ "$output" == *"No such file"* ]]
	run "$MINI" up "$(name_of a)" "$(dir_of a)" layer="$RT/image" seccomp=/no/policy
	[ "$status" = 1 ]
	leftovers a
	[ -z "$(groups_of "$TAG")" ]
}

@test "a link is moved in, named and given its address" {
	ip link add "p$$" type veth peer name "q$$"
	ip addr add 10.99.0.1/24 dev "p$$"
	ip link set "p$$" up
	up a link="q$$" address=10.99.0.2/24 gateway=10.99.0.1
	run as_root a 'ip -4 addr show dev eth0; ip route'
	[[ "$output" == *"10.99.0.2/24"* ]]
	[[ "$output" == *"default via 10.99.0.1"* ]]
	as_root a 'ping -c 1 -W 2 10.99.0.1'
	as_code a 'nc -l -p 80 -w 1 </dev/null; true'
	down a
	# The inner end may have come back under a name of liblxc's: it goes with ours.
	ip link del "p$$" 2>/dev/null || true
	[ -z "$(ip -o link | grep -v ' lo:\| uplink')" ] || ip -o link
}
