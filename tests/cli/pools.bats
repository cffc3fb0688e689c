#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Storage pools: named directories, on file systems of their own or not. What is in one stays
# there; one that is not there is said, and nothing of it is lost.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir -p "$COI_ROOT/pools/plain" "$T/elsewhere"
	chmod 755 "$COI_ROOT/pools/plain" "$T/elsewhere"
	ln -s "$T/elsewhere" "$COI_ROOT/pools/linked"
	# A file system of its own.
	truncate -s 200M "$T/disk"
	mkfs.ext4 -q -O ^has_journal "$T/disk"
	mkdir "$COI_ROOT/pools/own"
	mount -o loop "$T/disk" "$COI_ROOT/pools/own"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	settings
}

settings() { # TEXT: beside [container]
	printf '[container]\ninit = "coi-init"\n%s\n' "${1-}" >"$HOME/.coi/config.toml"
}

launch() { # POOL NAME
	coi container launch -s "$1" coi-default "$2" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

inside() { # NAME SCRIPT
	coi container exec "$1" --user 0 -- sh -c "$2"
}

stop() {
	coi container stop --force "$1" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

pool_of() {
	coi container list --format json | jq -r --arg n "$1" '.[] | select(.name == $n) | .expanded_devices.root.pool'
}

@test "a container's files and its snapshots are in its pool, its record is not" {
	for pool in plain linked own; do
		dir=$COI_ROOT/pools/$pool
		launch "$pool" box
		inside box 'mkdir -p /srv; echo one >/srv/f'
		grep -qx one "$dir/containers/box/upper/srv/f"
		[ ! -e "$COI_ROOT/containers/box/upper" ]
		expect_equal "$(pool_of box)" $pool
		run coi container info box
		[[ $output =~ Pool:\ +$pool ]]
		before=$(ls "$COI_ROOT/layers" | wc -l)
		# Running: a copy, in the same pool.
		coi snapshot create -c box hot
		inside box 'echo two >/srv/f; rm -f /etc/motd'
		stop box
		coi snapshot create -c box cold
		expect_equal "$(ls "$COI_ROOT/layers" | wc -l)" "$before"
		expect_equal "$(ls "$dir/layers" | wc -l)" 2
		coi file pull box:/srv/f f
		expect_equal "$(cat f)" two
		rm f
		coi file push /etc/hostname box:/srv/pushed
		coi diff box | grep -qx 'A  /srv/pushed'
		coi snapshot restore -c box hot --force
		coi container start box >"$T/out" 2>&1
		run inside box 'cat /srv/f; ls /srv'
		expect_equal "$output" "$(printf 'one\nf')"
		stop box
		coi snapshot restore -c box cold --force
		coi snapshot delete -c box hot
		coi snapshot delete -c box --flatten
		# An image stands on nothing of a pool.
		coi image publish box poolpub >/dev/null
		not grep -rq "$pool:" "$COI_ROOT/images"
		coi container delete --force box
		expect_equal "$(ls "$dir/layers")" ""
		expect_equal "$(ls "$dir/containers")" ""
		run --separate-stderr coi run --image poolpub -- sh -c 'cat /srv/f; ls /etc/motd'
		[[ $output == two* ]]
		within 15 quiet
		coi image delete poolpub
	done
}

@test "storage_pool names it for run and shell; a reused container keeps its own" {
	settings 'storage_pool = "plain"'
	mark=$(date +%s%N)
	run --separate-stderr coi run -- sh -c "echo $mark >/tmp/mark; sleep 3" 3>&-
	expect_status 0
	within 15 quiet
	expect_equal "$(ls "$COI_ROOT/pools/plain/containers")" ""
	settings 'storage_pool = "plain"
persistent = true'
	coi run -- sh -c 'echo kept >/tmp/kept'
	within 15 quiet
	name=$(coi list --format json | jq -r '.active_containers[0].name')
	expect_equal "$(coi list --format json | jq -r '.active_containers[0].pool')" plain
	coi list | grep -q 'Pool: plain'
	grep -qx kept "$COI_ROOT/pools/plain/containers/$name/upper/tmp/kept"
	settings 'persistent = true
storage_pool = "linked"'
	coi container start "$name" >"$T/out" 2>&1
	expect_equal "$(pool_of "$name")" plain
	coi container delete --force "$name"
}

@test "a pool that does not exist, has a bad name or a bad owner is refused before anything is made" {
	before=$(ls "$COI_ROOT/containers" | sort)
	for bad in nowhere ../x a/b .x '@box' 'x:y' 'x.ini' "$(printf 'a\033[31mb')"; do
		run --separate-stderr coi container launch -s "$bad" coi-default box
		expect_status 1
		[[ $stderr != *$'\033'* ]]
		[[ $stderr == *pool* ]]
	done
	run --separate-stderr coi container launch -s nowhere coi-default box
	[[ $stderr == *"mkdir -p $COI_ROOT/pools/nowhere"* ]]
	settings 'storage_pool = "nowhere"'
	run --separate-stderr coi run -- true
	expect_status 1
	run --separate-stderr coi build --force
	expect_status 1
	[[ $stderr == *"no storage pool 'nowhere'"* ]]
	settings
	mkdir "$COI_ROOT/pools/open"
	chmod 777 "$COI_ROOT/pools/open"
	run --separate-stderr coi container launch -s open coi-default box
	expect_status 1
	[[ $stderr == *"written to by others"* ]]
	chmod 755 "$COI_ROOT/pools/open"
	chown 1234 "$COI_ROOT/pools/open"
	run --separate-stderr coi container launch -s open coi-default box
	expect_status 1
	rmdir "$COI_ROOT/pools/open"
	expect_equal "$(ls "$COI_ROOT/containers" | sort)" "$before"
}

@test "a pool belongs to one state directory" {
	launch linked box
	coi container delete --force box
	other=$T/other
	mkdir -p "$other/pools"
	ln -s "$T/elsewhere" "$other/pools/linked"
	COI_ROOT=$other coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias coi-default >/dev/null 2>&1
	COI_ROOT=$other run --separate-stderr coi container launch -s linked coi-default box
	expect_status 1
	[[ $stderr == *"belongs to the state directory '$COI_ROOT'"* ]]
}

@test "one that is not mounted is said; its containers stay, and are there when it is back" {
	launch own box
	inside box 'mkdir -p /srv; echo precious >/srv/precious'
	stop box
	coi snapshot create -c box s1
	launch own coi-eph
	stop coi-eph
	umount "$COI_ROOT/pools/own"
	coi list | grep -q 'Pool: own (not there)'
	coi container info box | grep -q 'own (not there)'
	for command in "container start box" "container delete --force box" "snapshot create -c box s2" \
		"snapshot restore -c box s1 --force" "snapshot delete -c box s1" "diff box" \
		"file pull box:/srv/precious x" "file push /etc/hostname box:/srv/x" "image publish box x" \
		"kill coi-eph --force"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $command
		[ "$status" -ne 0 ] || { echo "$command went well: $output $stderr"; return 1; }
		[[ $stderr == *"storage pool 'own'"* ]] || { echo "$command: $stderr"; return 1; }
	done
	run --separate-stderr coi container start box
	[[ $stderr == *"Is its file system mounted?"* ]]
	run --separate-stderr coi clean --all --force
	[[ $stderr == *"storage pool 'own'"* ]]
	run --separate-stderr coi clean --orphans --force
	coi container list --format json | jq -r '.[].name' | grep -qx box
	coi container list --format json | jq -r '.[].name' | grep -qx coi-eph
	run --separate-stderr coi container launch -s own coi-default new
	expect_status 1
	# Nothing was put where it would be mounted.
	expect_equal "$(ls -A "$COI_ROOT/pools/own")" ""
	# Something else is mounted there.
	mount -t tmpfs none "$COI_ROOT/pools/own"
	run --separate-stderr coi container start box
	expect_status 1
	[[ $stderr == *"storage pool 'own' is not at"* ]]
	umount "$COI_ROOT/pools/own"
	rmdir "$COI_ROOT/pools/own"
	run --separate-stderr coi container start box
	expect_status 1
	[[ $stderr == *"storage pool 'own' is gone"* ]]
	mkdir "$COI_ROOT/pools/own"
	mount -o loop "$T/disk" "$COI_ROOT/pools/own"
	coi snapshot restore -c box s1 --force
	coi container start box >"$T/out" 2>&1
	run inside box 'cat /srv/precious'
	expect_equal "$output" precious
	coi container delete --force box
	coi container delete --force coi-eph
}

@test "clean --pools: those that nothing here names, after a loud question; the pool stays" {
	launch plain coi-a
	launch linked coi-b
	stop coi-b
	coi container launch coi-default coi-c >"$T/out" 2>&1
	settings 'storage_pool = "plain"'
	run --separate-stderr coi clean --pools --dry-run
	expect_status 0
	[[ $output == *WARNING*coi-b* ]]
	[[ $output != *coi-a* && $output != *coi-c* ]]
	run --separate-stderr bash -c '"$COI" clean --pools <<<n'
	coi container exists coi-b
	mkdir -p "$HOME/.coi/profiles/other"
	printf '[container]\nstorage_pool = "linked"\n' >"$HOME/.coi/profiles/other/config.toml"
	run --separate-stderr coi clean --pools --dry-run
	[[ $output != *coi-b* ]]
	# A profile that cannot be read may name any.
	settings
	printf '[container\n' >"$HOME/.coi/profiles/other/config.toml"
	run --separate-stderr coi clean --pools --force
	expect_status 1
	[[ $stderr == *"other"* ]]
	coi container exists coi-b
	rm -r "$HOME/.coi/profiles"
	run --separate-stderr coi clean --pools --force
	expect_status 0
	run coi container exists coi-a
	expect_status 1
	run coi container exists coi-b
	expect_status 1
	coi container exists coi-c
	[ -d "$COI_ROOT/pools/plain" ]
	coi container delete --force coi-c
}

@test "full: said inside and by commands, and nothing that was there is lost" {
	launch own box
	inside box 'mkdir -p /srv; head -c 20000000 /dev/urandom >/srv/big; md5sum /srv/big' >"$T/want"
	dd if=/dev/zero of="$COI_ROOT/pools/own/fill" bs=64k 2>/dev/null || true
	run inside box 'dd if=/dev/zero of=/srv/more bs=1M count=5 2>&1'
	[ "$status" -ne 0 ]
	expect_text 'No space left on device'
	run --separate-stderr coi snapshot create -c box hot
	expect_status 1
	[[ $stderr == *"o space left"* ]]
	stop box
	for command in "file push $T/disk box:/srv/x" "snapshot create -c box cold" "container start box"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $command
		[ "$status" -eq 0 ] || [[ $stderr == *"o space left"* ]] || { echo "$command: $stderr"; return 1; }
	done
	[[ $stderr == *"file system is full"* ]]
	rm "$COI_ROOT/pools/own/fill"
	coi container start box >"$T/out" 2>&1
	inside box 'md5sum /srv/big' >"$T/got"
	cmp "$T/want" "$T/got"
	coi container delete --force box
	expect_equal "$(ls "$COI_ROOT/pools/own/layers")" ""
}

@test "a disk in a pool; killed on the way; what is left there is found" {
	settings '[limits.disk]
size = "64MiB"'
	launch own box
	[ -f "$COI_ROOT/pools/own/containers/box/disk.img" ]
	inside box 'mkdir -p /srv; echo x >/srv/x'
	stop box
	coi snapshot create -c box s1
	coi container start box >"$T/out" 2>&1
	run inside box 'cat /srv/x'
	expect_equal "$output" x
	coi container delete --force box
	expect_equal "$(ls "$COI_ROOT/pools/own/containers")" ""
	settings
	for point in create:record:after create:disk:before create:spawn:before start:rootfs:after; do
		COI_CRASH_AT=$point run coi container launch -s own coi-default box
		coi list >/dev/null 2>&1
		coi container list >/dev/null 2>&1
		coi container delete --force box >/dev/null 2>&1 || true
		expect_equal "$(ls "$COI_ROOT/pools/own/containers")" ""
	done
	# Of a container that nobody knows any more; a new one of the name does not get it.
	mkdir -p "$COI_ROOT/pools/own/containers/box/upper/srv" "$COI_ROOT/pools/own/containers/gone/upper"
	echo old >"$COI_ROOT/pools/own/containers/box/upper/srv/old"
	launch own box
	run inside box 'test -e /srv/old'
	expect_status 1
	run --separate-stderr coi clean --orphans --dry-run
	[[ $output == *"files in storage pool 'own' without a container: 'gone'"* ]]
	coi clean --orphans --force >/dev/null
	expect_equal "$(ls "$COI_ROOT/pools/own/containers")" box
	coi container delete --force box
}
