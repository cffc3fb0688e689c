#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# All that root in a container can make of its files (tests/lib/odd.py): published, exported,
# imported, snapshot, compared, merged, pulled. What comes out is what went in, or it is said.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default first >"$T/out" 2>&1
	coi container exec first --user 0 -- mkdir -p /srv/odd
	odd first base
	coi container stop --force first
	coi image publish first odd-base >"$T/out" 2>&1
	coi container launch odd-base box >"$T/out" 2>&1
	odd box make
	odd box list >"$T/want"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

odd() { # CONTAINER VERB...: on its files, as its root
	local pid verb=$2
	pid=$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$1/container.ini")
	shift 2
	nsenter -t "$pid" --user python3 - "$verb" "/proc/$pid/root/srv/odd" "$@" \
		<"$COI_TEST_SRC/tests/lib/odd.py"
}

same_in() { # CONTAINER [LIST]
	coi container start "$1" >"$T/out" 2>&1 || true
	odd "$1" list >"$T/got"
	diff "${2-$T/want}" "$T/got" >"$T/diff" || { cut -c1-500 "$T/diff" | head -n 20; return 1; }
}

raw() { # FILE...: does it hold bytes that a terminal acts on?
	LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$@"
}

@test "published while it runs and while it stands, and launched again" {
	coi image publish box odd-running >"$T/out" 2>&1
	coi container launch odd-running again >"$T/out" 2>&1
	same_in again
	coi container delete --force again
	coi container stop --force box
	run --separate-stderr coi image publish box odd-image
	expect_status 0
	not raw <<<"$output$stderr"
	coi container launch odd-image again >"$T/out" 2>&1
	same_in again
	coi container delete --force again
	coi image verify odd-image
}

@test "exported and imported again; what no archive can have is said" {
	coi container stop --force box || true
	coi image publish box odd-export >"$T/out" 2>&1
	run --separate-stderr coi image export odd-export "$T/tmp/odd.tar.zst"
	expect_status 0
	not raw <<<"$output$stderr"
	expect_stderr "1 sockets were left out"
	expect_stderr "extended attributes were left out"
	expect_stderr "2 files and directories were left out: their names begin with '.wh.'"
	run --separate-stderr coi image import "$T/tmp/odd.tar.zst" --alias odd-import
	expect_status 0
	not raw <<<"$output$stderr"
	coi container launch odd-import again >"$T/out" 2>&1
	grep -v "socket'\|/\.wh\." "$T/want" |
		sed "s/ 'security.\(x\|ima\|selinux\)'=79//; s/ 'user.overlay[^ ]*=[^ ]*//g; s/ 'user[^ ']*[\\%][^ ]*=79//" >"$T/want.export"
	same_in again "$T/want.export"
	coi container delete --force again
}

@test "snapshot, compared, restored, merged" {
	coi container start box || true
	coi snapshot create -c box one
	coi container exec box --user 0 -- rm -rf /srv/odd/renamed-now /srv/odd/names
	run --separate-stderr coi snapshot diff -c box one
	expect_status 0
	grep -qx 'D  /srv/odd/names/' <<<"$output"
	not raw <<<"$output$stderr"
	run --separate-stderr coi diff box
	expect_status 0
	grep -qx 'm  /srv/odd/touched-attr' <<<"$output"
	grep -qx 'D  /srv/odd/renamed/' <<<"$output"
	not raw <<<"$output$stderr"
	run --separate-stderr coi snapshot diff -c box --format json
	expect_status 0
	coi container stop --force box
	coi snapshot restore -c box one --force
	same_in box
	coi container stop --force box
	coi snapshot create -c box two
	coi snapshot delete -c box --all --force --flatten
	same_in box
}

@test "pulled" {
	coi container start box || true
	run --separate-stderr coi file pull -r box:/srv/odd "$T/tmp/pulled"
	not raw <<<"$output$stderr"
	expect_status 0
	expect_stderr "were left out"
	[ -z "$(find "$T/tmp/pulled" ! -type f ! -type d)" ]
	[ "$(stat -c %s "$T/tmp/pulled/links_and_holes/nothing")" = 1099511627776 ]
	[ "$(du -sk "$T/tmp/pulled/links_and_holes" | cut -f1)" -lt 1000 ]
	# No set-uid file of the container's root appears on the host.
	[ -z "$(find "$T/tmp/pulled" -perm /7000)" ]
}

@test "a tree of 300 levels is published and launched again; an export names it" {
	coi container start box >"$T/out" 2>&1 || true
	coi container exec box --user 0 -- mkdir /srv/odd/d
	odd box deep d 300
	coi image publish box odd-deep >"$T/out" 2>&1
	coi container exec box --user 0 -- rm -rf /srv/odd/d
	run --separate-stderr coi image export odd-deep "$T/tmp/deep.tar"
	expect_status 1
	expect_stderr "is nested too deeply"
	[ ! -e "$T/tmp/deep.tar" ]
	coi container launch odd-deep again >"$T/out" 2>&1
	expect_equal "$(coi container exec again --user 0 -- find /srv/odd/d -name bottom | wc -l)" 1
	coi container delete --force again
	coi image delete odd-deep
}
