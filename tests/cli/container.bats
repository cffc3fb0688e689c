#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `coi container …`: the thin layer.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default c1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

ensure_running() {
	coi container running c1 || coi container start c1
}

@test "launch, and a second of that name" {
	ensure_running
	run --separate-stderr coi container launch coi-default c1
	expect_status 1
	expect_one_error
	expect_stderr c1
	coi container running c1
	run --separate-stderr coi container launch no-such-image c2
	expect_status 1
	expect_stderr no-such-image
	run --separate-stderr coi container exists c2
	expect_status 1
}

@test "exists and running are silent" {
	ensure_running
	run coi container exists c1
	expect_status 0
	[ -z "$output" ]
	run coi container running c1
	expect_status 0
	[ -z "$output" ]
	run coi container exists nonexistent
	expect_status 1
	[ -z "$output" ]
}

@test "exec runs as root by default, in the workspace directory" {
	ensure_running
	run --separate-stderr coi container exec c1 -- sh -c 'id -u; pwd'
	expect_status 0
	expect_equal "${lines[0]}" 0
	expect_equal "${lines[1]}" /workspace
}

@test "exec as user, group, with environment and directory" {
	ensure_running
	run --separate-stderr coi container exec c1 --user 1000 -- sh -c 'id -u; id -g'
	expect_status 0
	expect_equal "${lines[*]}" "1000 1000"
	run --separate-stderr coi container exec c1 --user=1000 --group 5 --env A=1 --env "B=x y" \
		--env dropped --cwd /tmp -- sh -c 'id -g; echo "$A|$B"; pwd'
	expect_status 0
	expect_equal "${lines[0]}" 5
	expect_equal "${lines[1]}" "1|x y"
	expect_equal "${lines[2]}" /tmp
}

@test "exec with a directory that is not there fails, it does not run elsewhere" {
	ensure_running
	run --separate-stderr coi container exec c1 --cwd /no/such -- pwd
	[ "$status" != 0 ]
	[ -z "$output" ]
}

@test "exec passes exit codes, input and signals" {
	ensure_running
	run --separate-stderr coi container exec c1 -- sh -c 'exit 37'
	expect_status 37
	run --separate-stderr coi container exec c1 -- sh -c 'kill -9 $$'
	expect_status 137
	run -127 --separate-stderr coi container exec c1 -- no-such-command
	run --separate-stderr bash -c 'echo hello | "$0" container exec c1 -- cat' "$COI_TEST_BUILD/coi"
	expect_equal "$output" hello
	rm -f "$T/out"
	"$COI" container exec c1 -- sh -c 'trap "echo got >&2; exit 5" TERM; echo up; while :; do sleep 0.05; done' \
		>"$T/out" 2>"$T/err" &
	local pid=$! rc=0
	within 10 grep -q up "$T/out"
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	grep -q got "$T/err"
	expect_equal "$rc" 5
}

@test "exec --capture as json is 0, with the code inside" {
	ensure_running
	run --separate-stderr coi container exec c1 --capture -- sh -c 'echo out; exit 3'
	expect_status 0
	expect_equal "$(jq -r .exit_code <<<"$output")" 3
	expect_equal "$(jq -r .stdout <<<"$output")" out
	jq -e 'keys == ["exit_code","stderr","stdout"]' <<<"$output"
}

@test "exec --capture --format raw gives the code" {
	ensure_running
	run --separate-stderr coi container exec c1 --capture --format raw -- sh -c 'echo out; exit 3'
	expect_status 3
	expect_equal "$output" out
}

@test "exec refuses combinations that mean nothing" {
	ensure_running
	run --separate-stderr coi container exec c1 --format json -- true
	expect_status 2
	run --separate-stderr coi container exec c1 --capture --format yaml -- true
	expect_status 2
	run --separate-stderr coi container exec c1 --tty --capture -- true
	expect_status 2
	run --separate-stderr coi container exec c1
	[ "$status" != 0 ]
}

@test "exec --tty gives a terminal of the container's own, with our size" {
	ensure_running
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "stty rows 31 cols 99; '$COI_TEST_BUILD/coi' container exec -t c1 -- sh -c 'tty; stty size; ls -l \$(tty)'" /dev/null
	expect_text /dev/pts/
	expect_text "31 99"
	run --separate-stderr coi container exec c1 -- tty
	[ "$status" != 0 ]
}

@test "exec as a user without a name" {
	ensure_running
	run --separate-stderr coi container exec c1 --user 4242 -- id -u
	expect_status 0
	expect_equal "$output" 4242
}

@test "stop and start keep the files" {
	ensure_running
	coi container exec c1 -- sh -c 'echo kept >/root/kept'
	run --separate-stderr coi container stop c1
	expect_status 0
	run coi container running c1
	expect_status 1
	run coi container exists c1
	expect_status 0
	run --separate-stderr coi container stop c1
	expect_status 1
	run --separate-stderr coi container exec c1 -- true
	[ "$status" != 0 ]
	run --separate-stderr coi container start c1
	expect_status 0
	run --separate-stderr coi container start c1
	expect_status 1
	run --separate-stderr coi container exec c1 -- cat /root/kept
	expect_equal "$output" kept
}

@test "stop --force" {
	ensure_running
	# An init that stands still does not power off; it is given a minute.
	kill -STOP "$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/c1/container.ini")"
	run --separate-stderr timeout 30 "$COI" container stop --force c1
	expect_status 0
	run coi container running c1
	expect_status 1
	run --separate-stderr coi container stop nonexistent
	expect_status 1
}

@test "delete wants --force for a running one, and leaves it closed" {
	coi container launch coi-default c3
	run --separate-stderr coi container delete c3
	expect_status 1
	coi container running c3
	# Still filtered: its rules are not gone before it is.
	run coi container exec c3 -- fetch 169.254.169.254
	[ "$status" != 0 ]
	run --separate-stderr coi container delete --force c3
	expect_status 0
	run coi container exists c3
	expect_status 1
	run --separate-stderr coi container delete c3
	expect_status 1
}

@test "launch --ephemeral is gone after its stop" {
	coi container launch --ephemeral coi-default c4
	coi container stop --force c4
	within 10 bash -c '! "$0" container exists c4' "$COI_TEST_BUILD/coi"
}

@test "poweroff from inside stops it" {
	ensure_running
	coi container exec c1 -- kill -s PWR 1 || true
	within 20 bash -c '! "$0" container running c1' "$COI_TEST_BUILD/coi"
	coi container exists c1
}

@test "list and info" {
	ensure_running
	run --separate-stderr coi container list --format json
	expect_status 0
	expect_equal "$(jq -r '.[] | select(.name == "c1") | .status' <<<"$output")" Running
	jq -e '.[] | select(.name == "c1") | (.created_at | length > 0) and (.config | type == "object") and
		.expanded_devices.root.path == "/" and
		(.state.network.eth0.addresses[0].address | test("^10[.]"))' <<<"$output"
	run --separate-stderr coi container info c1 --format json
	expect_status 0
	expect_text '"c1"'
	run --separate-stderr coi container list
	expect_status 0
	grep -q '^c1 .*Running' <<<"$output"
	run --separate-stderr coi container info c1
	expect_status 0
	expect_text c1
	run --separate-stderr coi container info nonexistent
	expect_status 1
	run --separate-stderr coi container list --format xml
	expect_status 2
}

@test "mount into a running container, read-only and read-write" {
	ensure_running
	make_workspace "$T/data"
	echo content >"$T/data/file"
	chown 1234:1234 "$T/data/file"
	run --separate-stderr coi container mount c1 data "$T/data" /mnt/data
	expect_status 0
	run --separate-stderr coi container exec c1 --user 1000 -- sh -c 'cat /mnt/data/file; touch /mnt/data/new'
	expect_status 0
	expect_equal "$output" content
	expect_equal "$(stat -c %u "$T/data/new")" 1234
	run --separate-stderr coi container mount --readonly c1 ro "$T/data" /mnt/ro
	expect_status 0
	run --separate-stderr coi container exec c1 -- sh -c 'cat /mnt/ro/file; touch /mnt/ro/x'
	[ "$status" != 0 ]
	run --separate-stderr coi container exec c1 -- sh -c 'mount -o remount,rw,bind /mnt/ro && touch /mnt/ro/x'
	[ "$status" != 0 ]
	[ ! -e "$T/data/x" ]
	run --separate-stderr coi container mount c1 none "$T/none" /mnt/none
	expect_status 1
	run --separate-stderr coi container mount nonexistent data "$T/data" /mnt/data
	expect_status 1
	run --separate-stderr coi container mount c1 bad "$T/data" relative
	[ "$status" != 0 ]
}

@test "mount --shift=false: the files are nobody's inside, after a restart too" {
	local i
	ensure_running
	make_workspace "$T/plain"
	echo content >"$T/plain/file"
	chown 1234:1234 "$T/plain/file"
	coi container mount --shift=false c1 plain "$T/plain" /mnt/plain
	for i in 1 2; do
		run --separate-stderr coi container exec c1 -- sh -c 'stat -c %u /mnt/plain/file; cat /mnt/plain/file'
		expect_equal "${lines[*]}" "65534 content"
		run coi container exec c1 --user 1000 -- touch /mnt/plain/new
		[ "$status" != 0 ]
		coi container stop --force c1
		coi container start c1
	done
}

@test "a mount is there after a restart too" {
	ensure_running
	coi container stop --force c1
	coi container start c1
	run --separate-stderr coi container exec c1 -- cat /mnt/data/file
	expect_status 0
	expect_equal "$output" content
}

@test "names that are none are refused" {
	local name
	for name in "" . .. a/b ../x "-x" "a b" $'a\nb' "$(printf 'x%.0s' {1..300})"; do
		run --separate-stderr coi container launch coi-default -- "$name"
		[ "$status" != 0 ] || { echo "taken: '$name'"; return 1; }
	done
	[ ! -e "$COI_ROOT/x" ]
}

@test "two containers never have the same ids, address or link" {
	coi container launch coi-default c5
	ensure_running
	local a b
	a=$(coi container exec c1 -- cat /proc/self/uid_map)
	b=$(coi container exec c5 -- cat /proc/self/uid_map)
	[ "$a" != "$b" ]
	a=$(coi container exec c1 -- ip -4 -o addr show dev eth0 | awk '{ print $4 }')
	b=$(coi container exec c5 -- ip -4 -o addr show dev eth0 | awk '{ print $4 }')
	[ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ]
	coi container delete --force c5
}

@test "after deleting all nothing is left" {
	coi kill --all --force || true
	coi container delete --force c1 || true
	coi run -- true
	within 15 quiet
	snapshot before
	coi container launch coi-default c9
	coi container exec c9 -- true
	coi container delete --force c9
	expect_settled before
	coi container launch coi-default c1
}

@test "one that is just being deleted does not exist" {
	mkdir "$COI_ROOT/containers/coi-half"
	run coi container exec coi-half -- true
	[ "$status" != 0 ]
	expect_text "container 'coi-half' does not exist"
	rmdir "$COI_ROOT/containers/coi-half" 2>/dev/null || true
}
