#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# limits.disk.size: a file system of its own holds what a container writes. Full inside at
# its size; used by every command when it is stopped; cut off at every step; nothing of it
# on the host but the one file.

setup_file() {
	load ../lib/common
	coi_setup
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	size 64MiB
}

# No disk is mounted, and no file system came to harm.
teardown() {
	load ../lib/common
	within 10 no_loops
	local image
	for image in "$COI_ROOT"/containers/*/disk.img; do
		[ ! -e "$image" ] || coi container stop --force "$(basename "$(dirname "$image")")" >/dev/null 2>&1 || true
		[ ! -e "$image" ] || e2fsck -fn "$image" >"$T/fsck" 2>&1 || { cat "$T/fsck"; return 1; }
	done
	coi container delete --force box >/dev/null 2>&1 || true
}

size() { # SIZE: of the settings; "" is none
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	[ -z "$1" ] || printf '[limits.disk]\nsize = "%s"\n' "$1" >>"$HOME/.coi/config.toml"
}

# Loop devices of this state directory.
loops() {
	grep -l "^$COI_ROOT/" /sys/block/loop*/loop/backing_file 2>/dev/null || true
}

no_loops() {
	local running
	running=$(coi container list --format json | jq '[.[] | select(.status == "Running")] | length')
	[ "$(loops | wc -l)" -le "$running" ]
}

launch() { # NAME
	coi container launch coi-default "$1" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

stop() { # NAME
	coi container stop --force "$1" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

start() { # NAME
	coi container start "$1" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

inside() { # NAME SCRIPT
	coi container exec "$1" --user 0 -- sh -c "$2"
}

megabytes() { # NAME: of the file system that it sees
	inside "$1" 'df -m / | tail -1' | awk '{ print $2 }'
}

@test "full inside at its size, said as such, and nothing is lost by it" {
	launch box
	inside box 'mkdir -p /srv; echo precious >/srv/precious'
	run inside box 'dd if=/dev/zero of=/srv/big bs=1M count=200'
	[ "$status" -ne 0 ]
	expect_text 'No space left on device'
	# More than four fifths of it are for files.
	run inside box 'stat -c %s /srv/big'
	[ "$output" -gt $((52 << 20)) ]
	[ "$output" -lt $((64 << 20)) ]
	[ "$(du -m "$COI_ROOT/containers/box/disk.img" | cut -f1)" -le 65 ]
	# Root inside has no way to more: it sees no device.
	run inside box 'mount -o remount,size=1g / 2>&1; ls /dev/loop* 2>&1; dd if=/dev/zero of=/srv/more bs=1M count=10'
	expect_text 'No space left on device'
	run inside box 'cat /srv/precious; rm -f /srv/big /srv/more; echo again >/srv/again; cat /srv/again'
	expect_equal "$output" "$(printf 'precious\nagain')"
	# What is deleted inside is given back below.
	inside box sync
	within 10 sh -c '[ "$(du -m "$COI_ROOT/containers/box/disk.img" | cut -f1)" -lt 30 ]'
	stop box
	start box
	run inside box 'cat /srv/precious /srv/again'
	expect_equal "$output" "$(printf 'precious\nagain')"
}

@test "the host sees one file and no mount; what ends by itself takes all with it" {
	launch box
	[ "$(loops | wc -l)" -eq 1 ]
	not grep -q 'coi-lxc/disk\|disk.img' /proc/self/mountinfo
	cat "$(loops)" | grep -qx "$COI_ROOT/containers/box/disk.img"
	coi container delete --force box
	within 10 no_loops
	[ ! -e "$COI_ROOT/containers/box" ]
	run --separate-stderr coi run -- sh -c 'dd if=/dev/zero of=/tmp/big bs=1M count=200 2>&1'
	[ "$status" -ne 0 ]
	expect_text 'No space left on device'
	within 15 quiet
	within 10 no_loops
}

@test "every command works on a stopped one, and leaves nothing mounted" {
	launch box
	inside box 'mkdir -p /srv/d; echo one >/srv/d/f; rm /etc/motd 2>/dev/null; chmod 600 /etc/group'
	stop box
	no_loops
	echo host >file
	coi file push file box:/srv/pushed
	coi file pull -r box:/srv/d got
	expect_equal "$(cat got/f)" one
	run --separate-stderr coi diff box
	expect_status 0
	grep -qx 'A  /srv/d/f' <<<"$output"
	grep -qx 'm  /etc/group' <<<"$output"
	run --separate-stderr coi snapshot create -c box s1
	expect_status 0
	[[ $stderr != *copied* ]]
	grep -q '^1 = @box:' "$COI_ROOT/containers/box/container.ini"
	start box
	inside box 'echo two >/srv/d/f; rm /srv/pushed'
	stop box
	run --separate-stderr coi snapshot diff -c box s1
	grep -qx 'M  /srv/d/f' <<<"$output"
	grep -qx 'D  /srv/pushed' <<<"$output"
	coi snapshot create -c box s2
	run --separate-stderr coi snapshot info -c box s1 --format json
	[ "$(jq .snapshot.size_bytes <<<"$output")" != 0 ] || [ "$(jq -r '.snapshot | has("size_bytes")' <<<"$output")" = false ]
	coi image publish box diskpub >/dev/null
	no_loops
	# The image stands on nothing of the container.
	run jq -r '.[0].layers[]?' <<<"$(coi image list --format json)"
	not grep -rq '@box' "$COI_ROOT/images"
	coi snapshot restore -c box s1 --force
	start box
	run inside box 'cat /srv/d/f /srv/pushed'
	expect_equal "$output" "$(printf 'one\nhost')"
	stop box
	coi snapshot delete -c box --all --force
	coi snapshot delete -c box --flatten
	no_loops
	start box
	run inside box 'cat /srv/d/f /srv/pushed'
	expect_equal "$output" "$(printf 'one\nhost')"
	coi container delete --force box
	size ''
	run --separate-stderr coi run --image diskpub -- sh -c 'cat /srv/d/f; ls /srv'
	expect_equal "$output" "$(printf 'two\nd')"
	within 15 quiet
	coi image delete diskpub
}

@test "a running one: snapshot, diff, files and publish, while it writes" {
	launch box
	inside box 'mkdir -p /srv; head -c 20000000 /dev/urandom >/srv/half; md5sum /srv/half' >"$T/want"
	inside box '(while :; do date >/srv/clock; done) >/dev/null 2>&1 &'
	# As much again would not fit into its disk: the copy is not there.
	inside box 'head -c 20000000 /dev/zero >/srv/other'
	run --separate-stderr coi snapshot create -c box hot
	expect_status 0
	coi diff box | grep -qx 'A  /srv/half'
	coi image publish box runpub >/dev/null
	inside box 'rm /srv/half'
	stop box
	coi snapshot restore -c box hot --force
	start box
	inside box 'md5sum /srv/half' >"$T/got"
	cmp "$T/want" "$T/got"
	coi container delete --force box
	size ''
	coi run --image runpub -- md5sum /srv/half >"$T/got" 2>/dev/null
	cmp "$T/want" "$T/got"
	within 15 quiet
	coi image delete runpub
}

@test "it grows when it is told to, live where the kernel lets us, and never shrinks" {
	launch box
	before=$(megabytes box)
	run --separate-stderr coi container set box limits.disk.size=160MiB
	expect_status 0
	after=$(megabytes box)
	if [[ $stderr == *"when it is started next"* ]]; then
		expect_equal "$after" "$before"
		stop box
		start box
		after=$(megabytes box)
	fi
	[ "$after" -gt $((before + 80)) ]
	run --separate-stderr coi container set box limits.disk.size=100MiB
	expect_status 1
	[[ $stderr == *"cannot shrink"* ]]
	run coi container set box
	expect_equal "$output" limits.disk.size=160MiB
	# Stopped: at once; the settings say less than it has, so a start wants to be told.
	stop box
	coi container set box limits.disk.size=200MiB
	start box
	[ "$(megabytes box)" -gt $((after + 30)) ]
	stop box
	run --separate-stderr coi container set box limits.disk.size=
	expect_status 1
	[[ $stderr == *"cannot shrink"* ]]
	size ''
	coi container set box limits.disk.size=
	start box
	[ "$(megabytes box)" -gt 1000 ]
	coi container delete --force box
	for bad in 1MiB 20TiB lots; do
		launch box
		run --separate-stderr coi container set box limits.disk.size=$bad
		[ "$status" -ne 0 ]
		[ -n "$stderr" ]
		coi container delete --force box
	done
}

@test "one that was made without gets one at its next start, with all that it has" {
	size ''
	launch box
	inside box 'mkdir -p /srv; head -c 10000000 /dev/urandom >/srv/a; ln /srv/a /srv/b; chmod 4711 /srv/a; ln -s a /srv/l; mknod /srv/p p; rm -f /etc/motd; cd /srv; stat -c "%n %a %u %g %h %F" a b l p; md5sum a' >"$T/want"
	run --separate-stderr coi container set box limits.disk.size=64MiB
	expect_status 1
	[[ $stderr == *"when it is started"* ]]
	stop box
	coi snapshot create -c box early
	start box
	inside box 'echo later >/srv/later'
	stop box
	size 64MiB
	for point in make fill rename; do
		COI_CRASH_AT=disk:$point:after run coi container start box
		[ "$status" -ne 0 ]
		coi file pull box:/srv/later "later.$point"
		expect_equal "$(cat "later.$point")" later
		coi list >/dev/null
	done
	run --separate-stderr coi container start box
	expect_status 0
	[ ! -e "$COI_ROOT/containers/box/upper" ]
	[ ! -e "$COI_ROOT/containers/box/disk.new" ]
	inside box 'cd /srv; stat -c "%n %a %u %g %h %F" a b l p; md5sum a; test ! -e /etc/motd' >"$T/got"
	cmp "$T/want" "$T/got"
	run inside box 'cat /srv/later'
	expect_equal "$output" later
	[ "$(megabytes box)" -lt 64 ]
	stop box
	coi snapshot restore -c box early --force
	start box
	run inside box 'test -e /srv/later'
	expect_status 1
	coi container delete --force box
	# What does not fit stays where it is.
	size ''
	launch box
	inside box 'mkdir -p /srv; head -c 70000000 /dev/zero >/srv/a; echo x >/srv/x'
	stop box
	size 40MiB
	run --separate-stderr coi container start box
	expect_status 1
	[[ $stderr == *"does not fit into limits.disk.size"* ]]
	size ''
	start box
	run inside box 'stat -c %s /srv/a; cat /srv/x'
	expect_equal "$output" "$(printf '70000000\nx')"
}

@test "killed while it starts, runs and is stopped: the next command repairs, no file is lost" {
	for point in start:rootfs:before start:rootfs:after start:start:after start:running:after; do
		COI_CRASH_AT=$point run coi container launch coi-default box
		coi list >/dev/null 2>&1
		coi container list >/dev/null 2>&1
		if coi container exists box; then
			inside box true || true
			coi container delete --force box
		fi
		within 10 no_loops
	done
	launch box
	inside box 'mkdir -p /srv; echo precious >/srv/precious; sync'
	for state in stopped running; do
		[ $state = running ] || stop box
		for point in create:disk:before create:disk:after start:rootfs:after start:start:after; do
			[ $state = stopped ] || continue
			COI_CRASH_AT=$point run coi container start box
			coi list >/dev/null 2>&1
			run coi container stop --force box
		done
		[ $state = running ] || start box
		supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
		kill -9 "$supervisor"
		within 10 sh -c "! kill -0 $supervisor"
		coi list >/dev/null 2>&1
		coi container list >/dev/null 2>&1
		within 10 coi container running box
		run inside box 'cat /srv/precious'
		expect_equal "$output" precious
		coi diff box | grep -qx 'A  /srv/precious'
	done
	# All of it at once.
	init=$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
	kill -9 "$supervisor" "$init"
	within 10 sh -c '! "$COI" container running box'
	start box
	run inside box 'cat /srv/precious'
	expect_equal "$output" precious
}

@test "cut off at every step of a snapshot, a merge and a publish" {
	launch box
	inside box 'mkdir -p /srv; echo precious >/srv/precious'
	stop box
	points=$("$COI_TEST_BUILD/coi-supervisor" --plans | awk -F '\t' '/^snapshot:/ { print $1 }')
	for point in $points; do
		for phase in before after; do
			run env COI_CRASH_AT="$point:$phase" "$COI" snapshot create -c box cut
			if [ "$point:$phase" = snapshot:record:after ]; then
				coi snapshot delete -c box cut
				continue
			fi
			[ "$status" -ne 0 ]
			no_loops
			run --separate-stderr coi snapshot list -c box
			[[ $output != *cut* ]]
			coi file pull box:/srv/precious precious
			expect_equal "$(cat precious)" precious
			rm precious
		done
	done
	for k in 1 2 3; do
		start box
		inside box "echo $k >>/srv/w"
		stop box
		coi snapshot create -c box s$k
	done
	coi snapshot delete -c box s1
	for point in intent layer snapshot record; do
		COI_CRASH_AT=flatten:$point:after run coi snapshot delete -c box --flatten
		coi list >/dev/null
		coi file pull box:/srv/w w
		expect_equal "$(cat w)" "$(printf '1\n2\n3')"
		rm w
	done
	coi snapshot restore -c box s2 --force
	coi file pull box:/srv/w w
	expect_equal "$(cat w)" "$(printf '1\n2')"
	coi snapshot delete -c box --all --force
	coi snapshot delete -c box --flatten
	start box
	run inside box 'cat /srv/precious /srv/w'
	expect_equal "$output" "$(printf 'precious\n1\n2')"
	# Layers that nobody refers to do not stay on the disk either.
	stop box
	coi diff box >/dev/null
	layers=$(debugfs -R 'ls -p /layers' "$COI_ROOT/containers/box/disk.img" 2>/dev/null | grep -c '/[0-9a-f]\{64\}/' || true)
	expect_equal "$layers" "$(grep -c '@box:' "$COI_ROOT/containers/box/container.ini")"
}

@test "many at once mount one file system, never two" {
	launch box
	inside box 'mkdir -p /srv; echo precious >/srv/precious'
	stop box
	n=$(long 6 40)
	for ((k = 0; k < n; k++)); do
		pids=()
		for job in "diff box" "file pull box:/srv/precious p.$k" "container start box" \
			"snapshot diff -c box none" "diff box" "snapshot create -c box s$k"; do
			# shellcheck disable=SC2086
			"$COI" $job >/dev/null 2>&1 3>&- &
			pids+=($!)
		done
		for ((i = 0; i < 10; i++)); do
			[ "$(loops | wc -l)" -le 1 ] || { echo "two devices"; loops; return 1; }
		done
		for pid in "${pids[@]}"; do wait "$pid" || true; done
		[ "$(cat "p.$k")" = precious ]
		coi container stop --force box >/dev/null 2>&1 || true
		coi container exists box
	done
	rm -f p.*
	start box
	run inside box 'cat /srv/precious'
	expect_equal "$output" precious
}

@test "one that is full can be started, snapshot and restored all the same" {
	launch box
	inside box 'mkdir -p /srv; echo precious >/srv/precious'
	stop box
	coi snapshot create -c box before
	start box
	inside box 'dd if=/dev/zero of=/srv/big bs=1M; i=0; while echo x >/srv/f$i; do i=$((i+1)); done; while mkdir /srv/d$i; do i=$((i+1)); done' >/dev/null 2>&1 || true
	run inside box 'cp /srv/precious /srv/copy'
	[ "$status" -ne 0 ]
	for k in 1 2 3; do
		stop box
		start box
	done
	stop box
	coi snapshot create -c box full
	coi file push /etc/hostname box:/etc/pushed
	coi snapshot restore -c box before --force
	coi snapshot delete -c box full
	coi snapshot list -c box --format json | jq -r '.snapshots[].name' | grep before-restore | while read -r name; do
		coi snapshot delete -c box "$name"
	done
	start box
	run inside box 'cat /srv/precious; ls /srv; head -c 30000000 /dev/zero >/srv/again && echo wrote'
	expect_equal "$output" "$(printf 'precious\nprecious\nwrote')"
}

@test "a file system below that has less room than its size: ENOSPC inside in time, nothing lost" {
	mkdir -p "$COI_ROOT/pools/small"
	truncate -s 200M "$T/small"
	mkfs.ext4 -q "$T/small"
	mount -o loop "$T/small" "$COI_ROOT/pools/small"
	size 1GiB
	run --separate-stderr coi container launch -s small coi-default box
	expect_status 0
	[[ $stderr == *"storage pool 'small' has room for "* ]]
	inside box 'mkdir -p /srv; head -c 20000000 /dev/urandom >/srv/precious; md5sum /srv/precious' >"$T/want"
	# What it is told it has written is on the disk below.
	run inside box 'dd if=/dev/zero of=/srv/big bs=1M count=400 2>&1'
	[ "$status" -ne 0 ]
	expect_text 'No space left on device'
	inside box 'sync; rm /srv/big; echo after >/srv/after; sync'
	# Somebody else fills it, while a supervisor that took over looks after it.
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
	kill -9 "$supervisor"
	within 10 sh -c "! kill -0 $supervisor"
	coi container list >/dev/null
	dd if=/dev/zero of="$COI_ROOT/pools/small/fill" bs=1M 2>/dev/null || true
	left() { inside box 'df -k / | tail -1' | awk '{ print $4 }'; }
	none_left() { [ "$(left)" -lt 1000 ]; }
	within 15 none_left
	run inside box 'dd if=/dev/zero of=/srv/more bs=1M count=20 2>&1'
	expect_text 'No space left on device'
	run inside box 'sync && cat /srv/after && touch /srv/writable && echo fine'
	expect_equal "$output" "$(printf 'after\nfine')"
	rm "$COI_ROOT/pools/small/fill"
	some_left() { [ "$(left)" -gt 20000 ]; }
	within 15 some_left
	stop box
	start box
	inside box 'md5sum /srv/precious' >"$T/got"
	cmp "$T/want" "$T/got"
	coi container delete --force box
	umount "$COI_ROOT/pools/small"
	rm -r "$COI_ROOT/pools"
}

@test "without mkfs.ext4 it is refused with the name of the package" {
	for dir in /usr/sbin /sbin /usr/bin; do
		[ ! -x $dir/mkfs.ext4 ] || real=$(readlink -f $dir/mkfs.ext4)
	done
	chmod_off() { mount --bind "$T/nothing" "$real"; }
	: >"$T/nothing"
	chmod 644 "$T/nothing"
	chmod_off
	run --separate-stderr coi run -- true
	umount "$real"
	expect_status 1
	[[ $stderr == *"limits.disk.size needs 'mkfs.ext4'"* ]]
	[[ $stderr == *e2fsprogs* ]]
	within 15 quiet
}
