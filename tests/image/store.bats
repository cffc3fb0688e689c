#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Names, deletion, clean-up, crashes, full disks, several at once.

load lib.bash

setup() {
	image_setup
	mkdir -p "$DIR/tree/etc"
	echo one >"$DIR/tree/etc/one"
}
teardown() { image_teardown; }

import() { # ALIAS CONTENT
	echo "$2" >"$DIR/tree/etc/content"
	"$TOOL" import "$DIR/tree" "$1" >/dev/null
}

@test "names: alias, prefix of the fingerprint, unknown, moved" {
	import first 1
	import second 2
	fp=$("$TOOL" list | awk '/^fingerprint/ { f = $2 } /^alias first$/ { print f }')
	"$TOOL" exists first
	"$TOOL" exists "${fp:0:12}"
	"$TOOL" exists "$fp"
	run "$TOOL" exists third
	[ "$status" = 1 ]
	run "$TOOL" exists "${fp:0:3}"
	[ "$status" = 1 ]
	"$TOOL" alias second "$fp"
	[ "$("$TOOL" list | grep -c '^alias')" = 2 ]
	for bad in '' 'a b' '-x' '../x' 'ä' "$(printf 'a%.0s' $(seq 101))" 'a:b' 'a=b' '.a' 'a;b'; do
		run "$TOOL" alias "$bad" "$fp"
		[ "$status" = 1 ]
		run "$TOOL" import "$DIR/tree" "$bad"
		[ "$status" = 1 ] || [ "$bad" = '' ]
	done
	nothing_left
}

@test "delete takes the aliases and the layers that nobody else has" {
	import base 1
	mkdir -p "$DIR/k/upper"
	echo x >"$DIR/k/upper/x"
	"$TOOL" publish-move "$DIR/k" upper base derived >/dev/null
	"$TOOL" alias other base
	base=$("$TOOL" paths base)
	"$TOOL" delete base
	[ -d "$base" ] # the other image stands on it
	run "$TOOL" exists other
	[ "$status" = 1 ]
	"$TOOL" delete derived
	[ ! -e "$base" ]
	[ -z "$(ls "$COI_ROOT/layers")" ]
	[ "$(ls "$COI_ROOT/images")" = aliases.ini ]
	run "$TOOL" delete derived
	[ "$status" = 1 ]
	grep -q "image 'derived' not found" <<<"$output"
}

@test "an image that a container uses stays" {
	import base 1
	fp=$("$TOOL" list | sed -n 's/^fingerprint //p')
	export COI_TEST_USER="coi-abc-1 $fp $fp"
	before=$(store)
	run "$TOOL" delete base
	[ "$status" = 1 ]
	grep -q "used by container 'coi-abc-1'" <<<"$output"
	[ "$(store)" = "$before" ]
	# One that only shares a layer of an image which stays does not keep the image.
	mkdir -p "$DIR/k/upper"
	"$TOOL" publish-move "$DIR/k" upper base derived >/dev/null
	export COI_TEST_USER="coi-abc-1 - $fp"
	"$TOOL" delete base
	[ -d "$COI_ROOT/layers/$fp" ]
	# Nor one that is the last to stand on a layer: it keeps that alone.
	"$TOOL" delete derived
	[ "$(ls "$COI_ROOT/layers")" = "$fp" ]
	unset COI_TEST_USER
	"$TOOL" repair
	[ -z "$(ls "$COI_ROOT/layers")" ]
}

@test "cleanup keeps the newest versions, and what has another name or a user" {
	n=0
	for v in 20260101-000000 20260102-000000 20260103-000000 20260104-000000 20260105-000000; do
		n=$((n + 1))
		import "img-$v" "$n"
	done
	import img-20260106 6 # no version
	import other-20250101-000000 7
	"$TOOL" alias img img-20260101-000000
	run "$TOOL" cleanup img 2
	[ "$status" = 0 ]
	[ "$output" = "deleted img-20260102-000000
deleted img-20260103-000000
kept img-20260105-000000
kept img-20260104-000000
in-use img-20260101-000000" ]
	"$TOOL" exists img-20260106
	"$TOOL" exists other-20250101-000000
	run "$TOOL" cleanup img 0
	[ "$status" = 1 ]
	[ "$(ls "$COI_ROOT/layers" | wc -l)" = 5 ]
	nothing_left
}

@test "a damaged record is named, a newer one is refused, unknown keys stay readable" {
	import base 1
	record=$(ls -d "$COI_ROOT"/images/*/image.ini)
	cp "$record" "$DIR/saved"
	printf '\nnew_key = something\n' >>"$record"
	"$TOOL" exists base
	sed -i 's/^format = 1/format = 2/' "$record"
	run "$TOOL" list
	[ "$status" = 1 ]
	grep -q 'newer coi' <<<"$output"
	: >"$record"
	run "$TOOL" list
	[ "$status" = 1 ]
	grep -q 'image.ini' <<<"$output"
	cp "$DIR/saved" "$record"
	"$TOOL" list
}

@test "stopping half-way leaves nothing" {
	head -c 60M /dev/urandom >"$DIR/tree/big"
	tar -C "$DIR/tree" -cf "$DIR/big.tar" .
	"$TOOL" list
	before=$(store)
	COI_TEST_STOP_AT=20000000 run "$TOOL" import "$DIR/big.tar" x
	[ "$status" = 1 ]
	grep -q 'stopped' <<<"$output"
	[ "$(store)" = "$before" ]
}

@test "kill -9 at every step: after a repair the store is the old one or the new one" {
	! nm -D "$TOOL" | grep -q __asan_ || skip "a sanitizer and a preloaded library do not go together"
	cc -shared -fPIC -o "$DIR/kill-at.so" "$SRC/tests/image/kill-at.c" -ldl
	for n in $(seq 30); do echo "$n" >"$DIR/tree/file$n"; done
	import good 1
	echo 2 >"$DIR/tree/etc/content"
	tar -C "$DIR/tree" -cf "$DIR/x.tar" .
	x_there() { "$TOOL" exists x && [ "$("$TOOL" export x none | tar -t | wc -l)" -ge 30 ]; }
	x_image() { # the image may be there without its name yet
		x_there || "$TOOL" exists "$(sha256sum <"$DIR/x.tar" | cut -c1-64)"
	}
	drop_x() { "$TOOL" delete x 2>/dev/null || "$TOOL" delete "$(sha256sum <"$DIR/x.tar" | cut -c1-64)"; }
	walk x_image drop_x import "$DIR/x.tar" x
	x_there

	add_x() { "$TOOL" import "$DIR/x.tar" x >/dev/null; }
	gone() { ! "$TOOL" exists x 2>/dev/null; }
	walk gone add_x delete x
	gone

	mkdir -p "$DIR/k/upper"
	cp -r "$DIR/tree/." "$DIR/k/upper"
	upper=$(describe "$DIR/k/upper")
	p_there() { [ "$("$TOOL" list | grep -c '^fingerprint')" = 2 ]; }
	drop_p() {
		"$TOOL" delete p 2>/dev/null ||
			"$TOOL" delete "$("$TOOL" list | awk '/^fingerprint/ { print $2; exit }')"
	}
	walk p_there drop_p publish-copy "$DIR/k" upper good p
	[ "$(describe "$DIR/k/upper")" = "$upper" ]
	"$TOOL" delete p

	second() { "$TOOL" list | grep -q '^alias second$'; }
	unalias() { "$TOOL" unalias second; }
	walk second unalias alias second good
}

@test "a living import is not repaired away" {
	mkfifo "$DIR/slow"
	"$TOOL" import - slow <"$DIR/slow" >/dev/null &
	pid=$!
	exec 7>"$DIR/slow"
	for _ in $(seq 200); do
		[ -z "$(ls -A "$COI_ROOT/layers" 2>/dev/null)" ] || break
		python3 -c 'import time; time.sleep(0.02)'
	done
	[ "$("$TOOL" repair)" = "removed 0" ]
	# Nor by one that cannot open whatever it is: it may be alive.
	if ! nm -D "$TOOL" | grep -q __asan_; then
		cc -shared -fPIC -o "$DIR/kill-at.so" "$SRC/tests/image/kill-at.c" -ldl
		for n in $(seq 60); do
			LD_PRELOAD=$DIR/kill-at.so COI_TEST_SHUT_AT=$n COI_TEST_FAILED=$DIR/shut \
				"$TOOL" repair >/dev/null 2>&1 || true
			[ -e "$DIR/shut" ] || break
			rm "$DIR/shut"
			[ -n "$(ls -A "$COI_ROOT/layers")" ] || { echo "opening $n"; return 1; }
		done
		[ "$n" -gt 10 ] && [ "$n" -lt 60 ]
	fi
	tar -C "$DIR/tree" -cf - . >&7
	exec 7>&-
	wait "$pid"
	"$TOOL" exists slow
}

@test "a layer that nobody refers to goes with a repair, an alias of no image too" {
	import base 1
	before=$(store)
	mkdir -p "$COI_ROOT/layers/$(printf '%064d' 7)/fs" "$COI_ROOT/layers/.tmp-0123456789abcdef/in/x"
	printf 'lost = %s\n' "$(printf '%064d' 7)" >>"$COI_ROOT/images/aliases.ini"
	[ "$("$TOOL" repair)" = "removed 3" ]
	[ "$(store)" = "$before" ]
}

@test "a directory that cannot be read to its end: nothing of it counts as nobody's" {
	! nm -D "$TOOL" | grep -q __asan_ || skip "a sanitizer and a preloaded library do not go together"
	cc -shared -fPIC -o "$DIR/kill-at.so" "$SRC/tests/image/kill-at.c" -ldl
	import one 1
	import two 2
	local n=0 failed=0 before
	before=$(store)
	while :; do
		n=$((n + 1))
		rm -f "$DIR/blind"
		LD_PRELOAD=$DIR/kill-at.so COI_TEST_BLIND_AT=$n COI_TEST_FAILED=$DIR/blind \
			"$TOOL" repair >/dev/null 2>"$DIR/log" || failed=$((failed + 1))
		[ -e "$DIR/blind" ] || break
		[ "$(store)" = "$before" ] || { echo "entry $n"; cat "$DIR/log"; return 1; }
	done
	[ "$failed" -gt 3 ]
	grep . "$DIR/log" && return 1
	"$TOOL" exists one && "$TOOL" exists two
}

@test "a full disk: a clear line, the store as it was" {
	mkdir "$DIR/small"
	truncate -s 64M "$DIR/small.img"
	mkfs.ext4 -q "$DIR/small.img"
	mount -o loop "$DIR/small.img" "$DIR/small" || skip "no loop devices"
	export COI_ROOT=$DIR/small/root
	import good 1
	head -c 80M /dev/urandom >"$DIR/tree/big"
	tar -C "$DIR/tree" -cf "$DIR/big.tar" .
	before=$(store)
	free=$(stat -f -c '%f %d' "$DIR/small")
	ok=1
	run "$TOOL" import "$DIR/big.tar" big
	[ "$status" = 1 ] && grep -q 'no space left on the disk' <<<"$output" || ok=
	[ "$(store)" = "$before" ] && [ "$(stat -f -c '%f %d' "$DIR/small")" = "$free" ] || ok=
	# Publishing a copy of something large, and files without number.
	mkdir -p "$DIR/k/upper"
	cp "$DIR/tree/big" "$DIR/k/upper/"
	run "$TOOL" publish-copy "$DIR/k" upper good big
	[ "$status" = 1 ] && grep -q 'no space left on the disk' <<<"$output" || ok=
	[ "$(store)" = "$before" ] || ok=
	rm "$DIR/tree/big"
	for n in $(seq 20000); do : >"$DIR/tree/$n"; done
	run "$TOOL" import "$DIR/tree" many
	[ "$status" = 1 ] && grep -Eq 'no (inodes|space) left on the disk' <<<"$output" || ok=
	[ "$(store)" = "$before" ] || ok=
	umount "$DIR/small"
	[ "$ok" = 1 ]
}

@test "eight imports at once, four of them of the same archive" {
	pids=
	for n in 1 2 3 4; do
		tar -C "$DIR/tree" -cf "$DIR/same.tar" . 2>/dev/null || true
	done
	for n in 1 2 3 4; do
		cp -r "$DIR/tree" "$DIR/tree$n"
		echo "$n" >"$DIR/tree$n/etc/n"
		"$TOOL" import "$DIR/tree$n" "own$n" >/dev/null & pids="$pids $!"
		"$TOOL" import "$DIR/same.tar" "same$n" >/dev/null & pids="$pids $!"
	done
	for pid in $pids; do wait "$pid"; done
	[ "$(ls "$COI_ROOT/layers" | wc -l)" = 5 ]
	[ "$("$TOOL" list | grep -c '^alias')" = 8 ]
	nothing_left
}

@test "nothing half-made when the directory cannot be used" {
	run "$TOOL" import "$DIR/absent.tar" x
	[ "$status" = 1 ]
	grep -q "cannot open '$DIR/absent.tar'" <<<"$output"
	run env COI_ROOT=/proc/coi "$TOOL" list
	[ "$status" = 1 ]
	grep -q /proc/coi <<<"$output"
	run env COI_LIBEXEC=/nonexistent "$TOOL" import "$DIR/tree" x
	[ "$status" = 1 ]
	grep -q coi-archive <<<"$output"
	nothing_left
}
