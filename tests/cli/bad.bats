#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input: one clear line, the right exit code, nothing half-made left.

setup_file() {
	load ../lib/common
	coi_setup
	coi run -- true
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	within 15 quiet
	snapshot before
}

teardown() {
	cd "$T"
	expect_settled before
}

refused() { # STATUS TEXT COMMAND…
	local want=$1 text=$2
	shift 2
	run --separate-stderr coi "$@"
	expect_status "$want"
	expect_one_error
	expect_stderr "$text"
	[ -z "$output" ]
}

@test "a missing image says how to get it" {
	refused 1 no-such-image run --image no-such-image -- true
	COI_ROOT=$T/empty-root run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "coi build"
	rm -rf "$T/empty-root"
}

@test "a workspace that is not there, is a file, or is /" {
	refused 1 "$T/none" run -w "$T/none" -- true
	: >"$T/file"
	refused 1 "$T/file" run -w "$T/file" -- true
	refused 1 "'/'" run -w / -- true
	rm "$T/file"
}

@test "a working directory that is gone" {
	mkdir "$T/gone"
	cd "$T/gone"
	rmdir "$T/gone"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
}

@test "no command" {
	run --separate-stderr coi run
	[ "$status" != 0 ]
	run --separate-stderr coi run --
	[ "$status" != 0 ]
}

@test "a slot that is none" {
	run --separate-stderr coi run --slot -1 -- true
	[ "$status" != 0 ]
	run --separate-stderr coi run --slot x -- true
	[ "$status" != 0 ]
	run --separate-stderr coi run --slot 99999999999999999999 -- true
	[ "$status" != 0 ]
}

@test "no range for root in subuid names the line that is missing" {
	grep -v '^root:' /etc/subuid >"$T/subuid" || true
	run --separate-stderr unshare -m --propagation private bash -c '
		mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && exec "$0" run -- true' \
		"$COI_TEST_BUILD/coi" "$T/subuid"
	expect_status 1
	expect_one_error
	expect_stderr /etc/subuid
	expect_stderr root:
	rm "$T/subuid"
}

@test "a COI_ROOT that is no absolute path" {
	COI_ROOT=relative run --separate-stderr coi list
	expect_status 1
	expect_one_error
	expect_stderr COI_ROOT
	[ ! -e relative ]
}

@test "a read-only state directory" {
	mkdir -p "$T/ro-root"
	mount -t tmpfs -o ro tmpfs "$T/ro-root"
	COI_ROOT=$T/ro-root run --separate-stderr coi run -- true
	umount "$T/ro-root"
	rmdir "$T/ro-root"
	expect_status 1
	expect_one_error
	expect_stderr "$T/ro-root"
}

@test "a state directory that became read-only" {
	run --separate-stderr unshare -m --propagation private bash -c '
		mount --bind "$COI_ROOT" "$COI_ROOT" && mount -o remount,ro,bind "$COI_ROOT" &&
		exec "$0" run -- true' "$COI_TEST_BUILD/coi"
	expect_status 1
	expect_one_error
}

# A disk that has had errors is mounted read-only: what is on it can be looked at and saved.
@test "images of a read-only state directory are exported and verified" {
	run --separate-stderr unshare -m --propagation private bash -c '
		mount --bind "$COI_ROOT" "$COI_ROOT" && mount -o remount,ro,bind "$COI_ROOT" &&
		"$0" image verify coi-default && "$0" image export coi-default "$1"' \
		"$COI_TEST_BUILD/coi" "$T/saved"
	expect_status 0
	[ -s "$T/saved" ]
	rm "$T/saved"
}

@test "a state directory that is a file" {
	: >"$T/plain"
	COI_ROOT=$T/plain run --separate-stderr coi list
	expect_status 1
	expect_one_error
	rm "$T/plain"
}

# A file system of its own as COI_ROOT, of the size given.
on_small_disk() { # MEGABYTES
	truncate -s "$1M" "$T/disk"
	mkfs.ext4 -q -F "$T/disk"
	mkdir -p "$T/small"
	mount -o loop "$T/disk" "$T/small" || skip "no loop devices"
	export COI_ROOT=$T/small/root
}

off_small_disk() {
	within 15 quiet
	export COI_ROOT=$T/root
	within 5 umount "$T/small"
	rmdir "$T/small"
	rm "$T/disk"
}

@test "a disk that is full half-way through an import leaves the store as it was" {
	on_small_disk 12
	coi list
	local before
	before=$(cd "$COI_ROOT" && find images layers -mindepth 1 | sort)
	# Something small that can be in the way, and not enough room for the image.
	head -c 4000000 /dev/zero >"$T/small/filler"
	run --separate-stderr coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias x
	expect_status 1
	expect_one_error
	expect_stderr "space left"
	expect_equal "$(cd "$COI_ROOT" && find images layers -mindepth 1 | sort)" "$before"
	off_small_disk
}

@test "a disk that gets full while a container is made" {
	on_small_disk 60
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias coi-default
	coi run -- true
	head -c 60000000 /dev/zero >"$T/small/filler" 2>/dev/null || true
	run --separate-stderr coi run -- true
	# With no room it may fail, clearly, or run; afterwards it works and nothing is left.
	if [ "$status" != 0 ]; then
		expect_status 1
		expect_one_error
	fi
	rm "$T/small/filler"
	run --separate-stderr coi run -- id -un
	expect_status 0
	expect_equal "$output" code
	expect_equal "$(coi container list --format json | jq length)" 0
	off_small_disk
}

@test "the disk full inside the container is the command's failure, not ours" {
	on_small_disk 60
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias coi-default
	run --separate-stderr coi run -- sh -c 'head -c 80000000 /dev/zero >/home/code/big'
	[ "$status" != 0 ]
	within 15 quiet
	run --separate-stderr coi run -- true
	expect_status 0
	off_small_disk
}

@test "a record that is damaged is named, and does not stop other containers" {
	coi container launch coi-default ok
	mkdir -p "$COI_ROOT/containers/broken"
	echo "garbage" >"$COI_ROOT/containers/broken/container.ini"
	run --separate-stderr coi run -- true
	expect_status 0
	run --separate-stderr coi container list
	expect_status 0
	expect_text ok
	rm -rf "$COI_ROOT/containers/broken"
	coi container delete --force ok
}

@test "clean goes on behind what it cannot put right, and tells the first of it" {
	coi container launch coi-default ok
	coi container delete --force ok
	mkdir -p "$COI_ROOT/containers/broken"
	echo "garbage" >"$COI_ROOT/containers/broken/container.ini"
	cp "$COI_ROOT/run/network-ports.ini" "$T/ports"
	echo noise >"$COI_ROOT/run/network-ports.ini"
	run --separate-stderr coi clean --orphans --force
	mv "$T/ports" "$COI_ROOT/run/network-ports.ini"
	rm -r "$COI_ROOT/containers/broken"
	expect_status 1
	expect_one_error
	expect_stderr "network-ports.ini"
}

@test "something else in place of a record does not make a container nobody's" {
	local record=$COI_ROOT/containers/odd/container.ini how
	coi container launch coi-default odd
	coi container exec odd -- sh -c 'echo precious >/root/precious'
	coi container stop --force odd
	mv "$record" "$T/record"
	for how in mkfifo mkdir "ln -s /nowhere"; do
		$how "$record"
		run coi container list
		run coi container start odd
		[ "$status" -ne 0 ]
		run coi clean --orphans --force
		rm -r "$record"
		cp "$T/record" "$record"
		coi container start odd
		run --separate-stderr coi container exec odd -- cat /root/precious
		expect_equal "$output" precious
		coi container stop --force odd
		rm "$record"
	done
	mv "$T/record" "$record"
	coi container delete odd
}

@test "a record of a newer version is refused, not half-read" {
	coi container launch coi-default new
	coi container stop --force new
	cp "$COI_ROOT/containers/new/container.ini" "$T/record"
	sed -i 's/^format = .*/format = 99/' "$COI_ROOT/containers/new/container.ini"
	run --separate-stderr coi container start new
	expect_status 1
	expect_stderr 99
	cp "$T/record" "$COI_ROOT/containers/new/container.ini"
	coi container delete new
	rm "$T/record"
}

@test "a settings file that is wrong is named with file and line" {
	cp "$HOME/.coi/config.toml" "$T/config.saved"
	printf '[network]\nmode = 5\n' >"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "config.toml:2"
	printf '[network\n' >"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "config.toml:1"
	cp "$T/config.saved" "$HOME/.coi/config.toml"
	rm "$T/config.saved"
}

@test "a workspace of root that others can reach is refused, with the chmod" {
	mkdir "$T/roots"
	run --separate-stderr coi run -w "$T/roots" -- true
	expect_status 1
	expect_one_error
	expect_stderr chmod
	chmod 0700 "$T/roots"
	run --separate-stderr coi run -w "$T/roots" -- sh -c 'touch made; id -un'
	expect_status 0
	expect_equal "$output" code
	expect_equal "$(stat -c %u "$T/roots/made")" 0
	rm -rf "$T/roots"
}

@test "sudo by a person: that person's home, uid and files" {
	local home=$T/person
	make_workspace "$home"
	make_workspace "$T/persons-ws"
	# No entry in passwd: HOME counts.
	SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=person HOME=$home run --separate-stderr \
		coi run -w "$T/persons-ws" -- sh -c 'touch made; id -un'
	expect_status 0
	expect_equal "$output" code
	expect_equal "$(stat -c %u:%g "$T/persons-ws/made")" 1234:1234
	# Never a file of root below that home.
	expect_equal "$(find "$home" "$T/persons-ws" ! -uid 1234 | head -n 5)" ""
	SUDO_UID=1234 SUDO_GID=1234 HOME=$home run --separate-stderr coi shell --debug --background \
		-w "$T/persons-ws"
	SUDO_UID=1234 SUDO_GID=1234 HOME=$home coi kill --all --force
	expect_equal "$(find "$home" "$T/persons-ws" ! -uid 1234 | head -n 5)" ""
	rm -rf "$home" "$T/persons-ws"
}

@test "a link in a person's home leads root nowhere" {
	local home=$T/person
	make_workspace "$home"
	echo precious >"$T/precious"
	chmod 0600 "$T/precious"
	mkdir "$home/.coi"
	ln -s "$T/precious" "$home/.coi/config.toml"
	chown -Rh 1234:1234 "$home"
	SUDO_UID=1234 SUDO_GID=1234 HOME=$home run --separate-stderr coi list
	[[ "$output$stderr" != *precious$'\n'* ]]
	[[ "$stderr" != *"precious"*":1"* ]] || [[ "$stderr" == *"ermission"* ]]
	expect_equal "$(cat "$T/precious")" precious
	rm -rf "$home" "$T/precious"
}

@test "all ten slots in use" {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		coi container launch coi-default "$(container_name $i)"
	done
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr 10
	coi kill --all --force
}

@test "COI_CONFIG is read too" {
	printf '[container]\nimage = "from-coi-config"\n' >"$T/extra.toml"
	COI_CONFIG=$T/extra.toml run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr from-coi-config
	printf '[container\n' >"$T/extra.toml"
	COI_CONFIG=$T/extra.toml run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr extra.toml
	rm "$T/extra.toml"
}

@test "settings name the image" {
	mkdir .coi
	printf '[container]\nimage = "from-project"\n' >.coi/config.toml
	chown -R 1234:1234 .coi
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr from-project
	# The command line wins.
	run --separate-stderr coi run --image coi-default -- true
	expect_status 0
	rm -r .coi
}

@test "settings name persistence" {
	cp "$HOME/.coi/config.toml" "$T/config.saved"
	printf '[container]\ninit = "coi-init"\npersistent = true\n' >"$HOME/.coi/config.toml"
	coi run -- touch /home/code/kept
	coi container exists "$(container_name 1)"
	run coi container running "$(container_name 1)"
	expect_status 1
	run --separate-stderr coi run -- ls /home/code
	expect_text kept
	cp "$T/config.saved" "$HOME/.coi/config.toml"
	rm "$T/config.saved"
	coi kill --force "$(container_name 1)"
}

@test "the variables of 0.9 that name an image and persistence" {
	CLAUDE_ON_INCUS_IMAGE=from-variable run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr from-variable
	CLAUDE_ON_INCUS_PERSISTENT=true coi run -- true
	coi container exists "$(container_name 1)"
	coi kill --force "$(container_name 1)"
}
