#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# [timezone]: host, fixed, utc.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default zonebox >"$T/out" 2>&1
	# A zone of our own, three hours ahead: the test image has no tzdata.
	printf 'TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\001\0\0\0\004\0\0\052\060\0\0XYZ\0' >"$T/zone"
	coi container exec zonebox --user 0 -- mkdir -p /usr/share/zoneinfo/Test
	coi file push "$T/zone" zonebox:/usr/share/zoneinfo/Test/Zone >/dev/null 2>&1
	coi container stop --force zonebox >/dev/null 2>&1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

zone() { # SETTINGS: what a container has that is started with them
	printf '[container]\ninit = "coi-init"\n[timezone]\n%s\n' "$1" >"$HOME/.coi/config.toml"
	coi container start zonebox >"$T/out" 2>"$T/err" || { cat "$T/err"; return 1; }
	coi container exec zonebox -- sh -c 'echo "$TZ"; cat /etc/timezone 2>/dev/null; readlink /etc/localtime'
	coi container stop --force zonebox >/dev/null 2>&1
}

@test "fixed: the files and TZ of the zone; one that the image lacks is UTC, and said" {
	run zone 'mode = "fixed"
name = "Test/Zone"'
	expect_equal "$output" "$(printf 'Test/Zone\nTest/Zone\n/usr/share/zoneinfo/Test/Zone')"
	[ ! -s "$T/err" ] || ! grep -q 'time zone' "$T/err"
	run zone 'mode = "fixed"
name = "No/Where"'
	expect_equal "${lines[0]}" UTC
	grep -q "does not know the time zone 'No/Where'" "$T/err"
	run zone 'mode = "fixed"'
	expect_equal "${lines[0]}" UTC
	grep -q 'timezone.name is not set' "$T/err"
}

@test "utc, and the host's as far as the image knows it; nothing said" {
	run zone 'mode = "utc"'
	expect_equal "$output" "$(printf 'UTC\nUTC\n/usr/share/zoneinfo/UTC')"
	mkdir -p "$T/etc"
	mount --bind /etc "$T/etc"
	printf 'Test/Zone\n' >"$T/timezone"
	if [ -e /etc/timezone ]; then
		mount --bind "$T/timezone" /etc/timezone
		run zone 'mode = "host"'
		umount /etc/timezone
		expect_equal "${lines[0]}" Test/Zone
	fi
	umount "$T/etc"
	run zone 'mode = "host"'
	[ "$status" -eq 0 ]
	not grep -q 'time zone' "$T/err"
}

@test "names that are no zone: an error of the settings, nothing of them gets in" {
	for bad in '../../etc/passwd' '/etc/passwd' 'A//B' 'a b' 'x;y'; do
		printf '[timezone]\nmode = "fixed"\nname = "%s"\n' "$bad" >"$HOME/.coi/config.toml"
		run --separate-stderr coi run -- true
		[ "$status" -ne 0 ] || { echo "$bad"; return 1; }
		[[ $stderr == *timezone.name* ]]
	done
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
}
