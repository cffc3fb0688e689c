#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# systemd as process 1, which knows nothing of us.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	if [ -n "${COI_TEST_SYSTEMD_ROOT-}" ]; then
		export SYSTEMD=$COI_TEST_SYSTEMD_ROOT
	else
		export SYSTEMD=$RT/systemd
		rc=0
		"$COI_TEST_SRC/tests/runtime/mksystemd" "$SYSTEMD" || rc=$?
		[ "$rc" != 77 ] || skip "no systemd on this machine to make an image of"
		[ "$rc" = 0 ]
	fi
}
teardown_file() { runtime_teardown_file; }
teardown() { runtime_teardown; }

boot() {
	NO_LAYER=1 up a layer="$SYSTEMD" init=systemd "$@"
}

@test "ready means that systemd-tmpfiles-setup has ended" {
	boot
	run in_c a uid=0 -- systemctl show -p ActiveState -p SubState systemd-tmpfiles-setup.service
	[[ "$output" == *ActiveState=active* ]]
	# What is put into /tmp and /run from now on stays.
	as_root a 'echo x >/tmp/mine; echo x >/run/mine'
	in_c a uid=0 -- systemctl is-system-running --wait || true
	as_root a 'cat /tmp/mine /run/mine /run/coi/ready </dev/null & sleep 0.2; test -e /tmp/mine && test -e /run/mine'
	[ "$(field a ready_us)" -lt 20000000 ]
	down a
	[ -z "$(groups_of "$TAG")" ]
}

@test "it comes up without a failed unit, and powers off when asked" {
	boot nesting=1 count=131072
	run in_c a uid=0 -- systemctl is-system-running --wait
	echo "$output"
	in_c a uid=0 -- systemctl --failed --no-legend
	[ "$output" = running ]
	before=$(date +%s)
	down a
	[ $(($(date +%s) - before)) -le 10 ]
	grep -q 'stop: 0 ' "$(dir_of a)/err"
}

@test "poweroff and reboot from inside end it" {
	boot
	in_c a uid=0 -- systemctl poweroff || true
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
	boot
	in_c a uid=0 -- systemctl reboot || true
	gone "$(super_pid a)"
	[ -z "$(groups_of "$TAG")" ]
}

@test "services with a file system of their own see a hot mount" {
	boot
	mkdir -p "$RT/hot"
	echo hot >"$RT/hot/file"
	as_root a 'mkdir -p /etc/systemd/system; printf "[Service]\nPrivateTmp=yes\nProtectHome=read-only\nExecStart=/bin/sleep 1000\n" >/etc/systemd/system/own.service; systemctl start own'
	ctl mount a 1000000 65536 "$RT/hot:/hot"
	pid=$(in_c a uid=0 -- systemctl show -p MainPID --value own)
	[ "$(as_root a "cat /proc/$pid/root/hot/file")" = hot ]
	down a
}

@test "a system that never gets ready is an error, and cleaned up" {
	mkdir -p "$RT/stuck/etc/systemd/system"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nTimeoutSec=infinity\nExecStart=/bin/sleep 1000\n' \
		>"$RT/stuck/etc/systemd/system/systemd-tmpfiles-setup.service"
	mkdir -p "$(dir_of b)" && echo "init 0:0 monitor 0:0 " >"$(dir_of b)/info"
	run "$MINI" up "$(name_of b)" "$(dir_of b)" layer="$RT/stuck" layer="$SYSTEMD" init=systemd ready_ms=2000
	[ "$status" = 1 ]
	[[ "$output" == *"was not ready within 2 seconds"* ]]
	leftovers b
	[ -z "$(groups_of "$TAG")" ]
}

@test "the container cannot use the ready pipe against its supervisor" {
	boot
	as_root a 'rm /run/coi/ready; mkdir /run/coi/ready; umount /run/coi/init; rm -rf /run/systemd/system' || true
	as_root a true
	down a
}

@test "with the smallest surface too it comes up without a failed unit" {
	boot surface=strict
	run in_c a uid=0 -- systemctl is-system-running --wait
	echo "$output"
	in_c a uid=0 -- systemctl --failed --no-legend
	[ "$output" = running ]
	down a
	grep -q 'stop: 0 ' "$(dir_of a)/err"
}
