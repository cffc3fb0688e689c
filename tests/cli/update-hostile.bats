#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Updates of the program among servers that show old lists or send without end, people who
# update at the same time, places that are full or read-only, packages of others.

setup_file() {
	load ../lib/common
	load ../lib/releases
	releases_setup
	cc -shared -fPIC -o "$T/kill-at.so" "$COI_TEST_SRC/tests/image/kill-at.c" -ldl
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/tls.pid")"
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/releases
	releases_begin
	COI_RELEASE_URL=$URL sign
	cp "$T/releases/"releases.json* "$T/good"
	FRESH=$T/fresh
	rm -rf "$FRESH"
}

teardown() {
	# In the order in which they were made.
	for where in "$T/prefix" "$FRESH" "$T/noexec"; do
		! mountpoint -q "$where" || umount "$where"
	done
}

made_at() { # SECONDS [SED-SCRIPT]
	sign_changed "s/\"made\": [0-9]*/\"made\": $1/; ${2-}"
}

@test "a list that is older than one that was seen is refused, by install.sh too" {
	local now
	now=$(date +%s)
	# Seen is also what brought nothing new, by people who may write it down.
	made_at $((now - 100)) 's/"latest": "[^"]*"/"latest": "1.0.0"/'
	run --separate-stderr "$COI" update core --check
	expect_text "coi v1.0.0 is the latest release."
	[ ! -L "$T/prefix/lib/coi/newest-list" ]
	run --separate-stderr "$COI" update core
	expect_status 0
	expect_equal "$(readlink "$T/prefix/lib/coi/newest-list")" $((now - 100))
	made_at $((now - 101))
	refused "this machine has seen a newer one" -f
	refused "this machine has seen a newer one" --check
	refused "rm $T/prefix/lib/coi/newest-list" -f --version 0.9.9
	made_at $((now - 50))
	run --separate-stderr "$COI" update core -f
	expect_status 0
	is_whole 1.1.0
	expect_equal "$(readlink "$T/prefix/lib/coi/newest-list")" $((now - 50))
	# The same for who installs anew.
	FRESH=$T/prefix
	made_at $((now - 51)) 's/"latest": "[^"]*"/"latest": "1.0.0"/'
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "older than one that this machine has seen"
	is_whole 1.1.0
	made_at $((now - 49)) 's/"latest": "[^"]*"/"latest": "1.0.0"/'
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 0
	is_whole 1.0.0
	expect_equal "$(readlink "$T/prefix/lib/coi/newest-list")" $((now - 49))
	made_at $((now + 200000))
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "in the future of this machine's clock"
}

@test "a list that has expired is believed by nobody, whatever is said" {
	local now
	now=$(date +%s)
	made_at $((now - 90000)) "s/^  \"latest\"/  \"expires\": $((now - 1)),\n&/"
	refused "the list of releases has expired" -f
	refused "the list of releases has expired" -f --version 1.1.0
	refused "the list of releases has expired" --check
	FRESH=$T/prefix
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "has expired at $(date -u -d "@$((now - 1))")"
	untouched
	# As contrib/release writes it, whose list is good until then.
	COI_RELEASE_URL=$URL COI_RELEASE_DAYS=2 sign
	expect_equal "$(jq '.expires - .made' "$T/releases/releases.json")" $((2 * 86400))
	"$COI" update core -f
	is_whole 1.1.0
	run --separate-stderr install_sh NONINTERACTIVE=1 VERSION=1.0.0
	expect_status 0
	is_whole 1.0.0
}

# As file systems of networks are: no file without a name.
@test "a file system that has no files without a name" {
	local peer
	mkdir "$T/back" "$T/place"
	mv "$T/prefix/lib" "$T/back/lib"
	/usr/bin/python3 "$COI_TEST_SRC/tests/lib/fuse-peer.py" "$T/back" "$T/place" >"$T/fuse.log" 2>&1 3>&- &
	peer=$!
	within 5 grep -q mounted "$T/fuse.log"
	ln -s "$T/place/lib" "$T/prefix/lib"
	COI=$T/place/lib/coi/current/bin/coi
	run python3 -c 'import os, sys; os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)' "$T/place/lib/coi/releases"
	expect_status 1
	run --separate-stderr "$COI" update core -f
	expect_status 0
	expect_equal "$("$COI" --version)" "coi v1.1.0"
	expect_equal "$(ls -A "$T/back/lib/coi/releases" | paste -s -d' ')" "1.0.0 1.1.0"
	umount "$T/place"
	wait "$peer" || true
}

@test "--force alone never goes back, and a list that nobody renews is told" {
	made_at $(($(date +%s) - 100 * 86400)) 's/"latest": "[^"]*"/"latest": "0.9.9"/'
	run --separate-stderr "$COI" update core --force
	expect_status 0
	expect_text "coi v1.0.0 is newer than the latest release, v0.9.9."
	untouched
	made_at $(($(date +%s) - 100 * 86400)) 's/"latest": "[^"]*"/"latest": "1.0.0"/'
	rm -f "$T/prefix/lib/coi/newest-list"
	run --separate-stderr "$COI" update core
	expect_text "100 days ago"
}

@test "two at once: one update is under way, and who was asked before another one is asked again" {
	local pid
	flock "$T/prefix/lib/coi/.lock" true
	exec 8<"$T/prefix/lib/coi/.lock"
	flock 8
	refused "another update of '$T/prefix/lib/coi' is under way" -f
	FRESH=$T/prefix
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "another installation or update"
	exec 8<&-
	untouched
	asked() { grep -q 'y/N' "$T/out"; }
	# ARGUMENT...: stays at its question until the other one is through.
	at_the_question() {
		rm -f "$T/answer" "$T/out"
		mkfifo "$T/answer"
		"$COI" update core "$@" <"$T/answer" >"$T/out" 2>&1 3>&- &
		pid=$!
		exec 8>"$T/answer"
		within 20 asked
	}
	at_the_question
	"$COI" update core -f 8>&- >/dev/null
	is_whole 1.1.0
	echo y >&8
	exec 8>&-
	not wait "$pid"
	grep -q "another update has put v1.1.0 in place of v1.0.0 meanwhile" "$T/out"
	at_the_question --rollback
	"$COI" update core --rollback -f 8>&- >/dev/null
	is_whole 1.0.0
	echo y >&8
	exec 8>&-
	not wait "$pid"
	grep -q "another update has put v1.0.0 in place of v1.1.0 meanwhile" "$T/out"
	is_whole 1.0.0
}

@test "what runs keeps its files when the disk fails behind the exchange of the same release" {
	local pid n status=1
	! nm -D "$COI_TEST_BUILD/coi-updatable" | grep -q __asan_ ||
		skip "a sanitizer and a preloaded library do not go together"
	mkfifo "$T/wait"
	"$T/prefix/lib/coi/releases/1.0.0/libexec/coi/coi-verify" "$(printf '0%.0s' {1..64})" \
		"$(printf '0%.0s' {1..128})" <"$T/wait" 3>&- &
	pid=$!
	exec 9>"$T/wait"
	for ((n = 1; status != 0; n++)); do
		status=0
		LD_PRELOAD=$T/kill-at.so COI_TEST_PROGRAM=coi COI_TEST_FAIL_AT=$n \
			"$COI" update core -f --version 1.0.0 >"$T/out" 2>&1 || status=$?
		[ -e "$(readlink "/proc/$pid/exe")" ] || { echo "gone at step $n"; cat "$T/out"; return 1; }
		is_whole 1.0.0
	done
	[ "$n" -gt 5 ]
	exec 9>&-
	wait "$pid" || true
}

@test "a server that sends without end, or names a host that moves the cursor" {
	echo "endless *" >"$T/tls/mode"
	refused "more than 1048576 bytes" -f
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "has more than 1048576 bytes"
	echo "odd releases.json" >"$T/tls/mode"
	refused "fetching" -f
	not grep -q $'[\x1b\x9b]' <(printf '%s' "$stderr" | LC_ALL=C cat)
}

@test "habits of a person (TAR_OPTIONS) leave nothing out of a release" {
	TAR_OPTIONS=--exclude=libexec "$COI" update core -f >/dev/null
	is_whole 1.1.0
	run --separate-stderr install_sh NONINTERACTIVE=1 TAR_OPTIONS=--exclude=libexec
	expect_status 0
	[ -x "$FRESH/lib/coi/current/libexec/coi/coi-fetch" ]
}

@test "places that are read-only, immutable, full, or where nothing may be run" {
	mount --bind "$T/prefix" "$T/prefix"
	mount -o remount,bind,ro "$T/prefix"
	refused "remount,rw" -f
	umount "$T/prefix"
	if chattr +i "$T/prefix/lib/coi" 2>/dev/null; then
		refused "is it immutable" -f || { chattr -i "$T/prefix/lib/coi"; return 1; }
		chattr -i "$T/prefix/lib/coi"
	fi
	# Nothing is run out of the directory for temporary files.
	mkdir -p "$T/noexec"
	mount -t tmpfs -o noexec none "$T/noexec"
	TMPDIR=$T/noexec "$COI" update core -f >/dev/null
	is_whole 1.1.0
	run --separate-stderr install_sh NONINTERACTIVE=1 TMPDIR="$T/noexec"
	expect_status 0
	expect_equal "$(ls -A "$T/noexec")" ""
	FRESH=$T/noexec/here
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "noexec"
	expect_equal "$(ls -A "$T/noexec/here/lib/coi/releases")" ""
	umount "$T/noexec"
}

@test "a disk that is full at the archive, at the tree: all is as before" {
	local tree archive spare
	tree=$(du -sk "$T/tree" | cut -f1)
	archive=$(($(stat -c %s "$T/releases/coi-1.1.0-linux-$ARCH.tar.xz") / 1024))
	for spare in $((archive / 2)) $((archive + tree / 2)); do
		rm -rf "$T/prefix"
		mkdir "$T/prefix"
		mount -t tmpfs -o "size=$((tree + spare + 64))k,mode=0755" none "$T/prefix"
		install_tree
		run --separate-stderr "$COI" update core -f
		expect_status 1
		expect_stderr "space"
		untouched
		umount "$T/prefix"
		mount -t tmpfs -o "size=$((spare + 64))k,mode=0755" none "$T/prefix"
		FRESH=$T/prefix
		run --separate-stderr install_sh NONINTERACTIVE=1
		expect_status 1
		[ ! -e "$T/prefix/bin/coi" ]
		umount "$T/prefix"
	done
}

# MANAGER SCRIPT: a package manager that knows the one program, as the real one speaks.
manager() {
	printf '#!/bin/sh\n%s\n' "$2" >"$T/fake/$1"
	chmod 0755 "$T/fake/$1"
}

@test "a program of dpkg, rpm, apk or opkg is left to them, with the line for it" {
	local name
	mkdir -p "$T/installed/bin" "$T/fake"
	cp "$COI_TEST_BUILD/coi" "$T/installed/bin/coi"
	belongs_to() { # MANAGER LINE
		PATH=$T/fake:$PATH run --separate-stderr "$T/installed/bin/coi" update core
		expect_status 1
		expect_stderr "belongs to package 'coi' ($1), which updates it"
		expect_stderr "$2"
		PATH=$T/fake:$PATH run --separate-stderr "$T/installed/bin/coi" update
		expect_text "belongs to package 'coi' ($1)"
		expect_text "To update it, run: $2"
		rm "$T/fake/$1"*
	}
	for name in dpkg-query rpm apk opkg; do
		manager "$name" 'exit 1'
	done
	export P=$T/installed/bin/coi
	manager rpm '[ "$1 $3 $4" = "--query --file $P" ] && echo coi && exit
		echo "file $4 is not owned by any package"; exit 1'
	belongs_to rpm "sudo dnf upgrade coi"
	manager apk '[ "$1 $2 $3 $4" = "info --quiet --who-owns $P" ] && echo coi && exit
		echo "ERROR: $4: Could not find owner package" >&2; exit 1'
	belongs_to apk "sudo apk upgrade coi"
	manager opkg '[ "$1 $2" = "search $P" ] && echo "coi - 0.9.0-1"; exit 0'
	belongs_to opkg "opkg update && opkg upgrade coi"
	manager dpkg-query '[ "$1 $2 $3" = "--search -- $P" ] || exit 1
		echo "diversion by other from: $P"; echo "diversion by other to: $P.other"; echo "coi: $P"'
	belongs_to dpkg "sudo apt-get update && sudo apt-get install --only-upgrade coi"
	# One that says more than it should, and one that names nobody.
	manager opkg 'yes a-long-line-that-names-no-package'
	PATH=$T/fake:$PATH run --separate-stderr "$T/installed/bin/coi" update core
	expect_status 1
	expect_stderr "make install"
	manager opkg 'exit 0'
	PATH=$T/fake:$PATH run --separate-stderr "$T/installed/bin/coi" update core
	expect_stderr "make install"
}
