#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Archives that mean harm: nothing outside, nothing left in the store, one clear line.

load lib.bash

setup() {
	image_setup
	CANARY=$DIR/canary
	mkdir -m 0755 "$CANARY"
	echo precious >"$CANARY/precious"
	touch -d @1 "$CANARY" "$CANARY/precious"
}
teardown() { image_teardown; }

canary() { describe "$CANARY"; }

@test "each way out works on an extractor that trusts the archive" {
	before=$(canary)
	python3 "$SRC/tests/image/hostile.py" list | awk -F'\t' '$2 == "escape" { print $1 }' >"$DIR/escapes"
	[ "$(wc -l <"$DIR/escapes")" -ge 15 ]
	while read -r name; do
		python3 "$SRC/tests/image/hostile.py" make "$name" "$DIR/$name.tar" "$CANARY"
		mkdir "$DIR/naive"
		python3 "$SRC/tests/image/hostile.py" naive "$DIR/$name.tar" "$DIR/naive" || true
		if [ "$(canary)" = "$before" ]; then
			echo "$name: changes nothing even where nobody defends" >&2
			return 1
		fi
		rm -rf "$DIR/naive" "$CANARY"
		mkdir -m 0755 "$CANARY"
		echo precious >"$CANARY/precious"
		touch -d @1 "$CANARY" "$CANARY/precious"
	done <"$DIR/escapes"
}

@test "no hostile archive is imported, touches anything outside or stays in the store" {
	python3 "$SRC/tests/image/hostile.py" make cut-between-entries "$DIR/good.tar" "$CANARY"
	head -c 1024 /dev/zero >>"$DIR/good.tar"
	"$TOOL" import "$DIR/good.tar" good
	before=$(canary)
	layer=$(layer_of good)
	store_before=$(store; describe "$layer")
	failures=0 cases=0
	while IFS=$'\t' read -r name _ message; do
		cases=$((cases + 1))
		python3 "$SRC/tests/image/hostile.py" make "$name" "$DIR/x.tar" "$CANARY"
		status=0
		out=$("$TOOL" import "$DIR/x.tar" bad 2>&1) || status=$?
		if [ "$status" != 1 ]; then
			echo "$name: status $status: $out" >&2
			failures=$((failures + 1))
		fi
		if ! grep -Eq -- "$message" <<<"$out"; then
			echo "$name: said '$out', not '$message'" >&2
			failures=$((failures + 1))
		fi
		if [ "$(canary)" != "$before" ]; then
			echo "$name: changed something outside" >&2
			failures=$((failures + 1))
		fi
		if [ "$(store; describe "$layer")" != "$store_before" ]; then
			echo "$name: left something in the store" >&2
			failures=$((failures + 1))
		fi
	done < <(python3 "$SRC/tests/image/hostile.py" list)
	echo "$cases archives, $failures failures" >&3
	[ "$failures" = 0 ] && [ "$cases" -ge 55 ]
}

@test "hostile archives over standard input end the same way" {
	for name in dotdot cut-in-content trailing-bomb symlink-then-file; do
		python3 "$SRC/tests/image/hostile.py" make "$name" "$DIR/x.tar" "$CANARY"
		run bash -c '"$0" import - bad <"$1"' "$TOOL" "$DIR/x.tar"
		[ "$status" = 1 ]
	done
	# A stream that never ends.
	run timeout 60 bash -c 'head -c 4G /dev/zero | "$0" import - bad' "$TOOL"
	[ "$status" = 1 ]
	[ -z "$(ls "$COI_ROOT/layers" "$COI_ROOT/images" | grep -v ':$' | grep -v '^$' || true)" ]
}

@test "a bomb stops at the reserve of a small disk and leaves it as it was" {
	mkdir "$DIR/small"
	truncate -s 96M "$DIR/small.img"
	mkfs.ext4 -q "$DIR/small.img"
	mount -o loop "$DIR/small.img" "$DIR/small" || skip "no loop devices"
	export COI_ROOT=$DIR/small/root
	python3 - "$DIR/bomb.tgz" <<-END
		import gzip, sys
		sys.argv = [sys.argv[0], "none"] + sys.argv[1:]
		sys.path.insert(0, "$SRC/tests/image")
		from hostile import file, folder, END
		with gzip.open(sys.argv[2], "wb") as out:
		    out.write(folder("./"))
		    for n in range(64):
		        out.write(file("zeros%d" % n, bytes(4 << 20)))
		    out.write(END)
	END
	"$TOOL" repair # makes the directories and the lock's file with a pid in it
	# ext4 gives blocks back when its journal commits.
	sync -f "$DIR/small"
	free=$(stat -f -c '%a %d' "$DIR/small")
	run "$TOOL" import "$DIR/bomb.tgz" bomb
	umounted() { umount "$DIR/small"; }
	if ! { [ "$status" = 1 ] && grep -q 'no space left on the disk' <<<"$output"; }; then
		umounted
		false
	fi
	left=$(store)
	sync -f "$DIR/small"
	now=$(stat -f -c '%a %d' "$DIR/small")
	umounted
	[ "$left" = "./containers
./images
./layers" ]
	[ "$now" = "$free" ]
}

@test "the archive process has no network, no rights, and no other directory" {
	! nm -D "$BUILD/coi-archive" | grep -q __asan_ || skip "a sanitizer does not fit in the cage"
	mkfifo "$DIR/slow"
	"$TOOL" import - bad <"$DIR/slow" &
	importer=$!
	exec 7>"$DIR/slow"
	python3 "$SRC/tests/image/hostile.py" make cut-between-entries "$DIR/x.tar" "$CANARY"
	cat "$DIR/x.tar" >&7
	# Both wait for more in their cages: the one that undoes a compression, and the one that unpacks.
	caged() {
		helpers=$(pgrep -P "$importer" coi-archive | sort -n | tr '\n' ' ')
		[ "$(wc -w <<<"$helpers")" = 2 ] || return 1
		local pid
		for pid in $helpers; do
			grep -q '^Seccomp:.*2' "/proc/$pid/status" || return 1
		done
	}
	for _ in $(seq 200); do
		! caged || break
		read -rt 0.05 <> <(:) || true
	done
	mine=$(readlink /proc/self/ns/net)
	outside= caps=
	for helper in $helpers; do
		status=$(cat "/proc/$helper/status")
		mounts=$(wc -l <"/proc/$helper/mountinfo")
		cage=$(cut -d' ' -f1 "/proc/$helper/mountinfo")
		for fd in "/proc/$helper/fd"/*; do # a directory that is not in the cage
			grep -q "^mnt_id:[[:space:]]*$cage\$" "/proc/$helper/fdinfo/${fd##*/}" || [ ! -d "$fd/." ] ||
				outside="$outside $(readlink "$fd")"
		done
		[ "$(readlink "/proc/$helper/ns/net")" != "$mine" ] || outside="$outside network"
		[ "$mounts" = 1 ] || outside="$outside $mounts mounts"
		grep -Eq '^NoNewPrivs:.*1' <<<"$status" || outside="$outside privileges"
		grep -Eq '^CapBnd:.*0000000000000000' <<<"$status" || outside="$outside bounding set"
		caps="$caps $(sed -n 's/^CapPrm:[[:space:]]*//p' <<<"$status")"
	done
	exec 7>&-
	wait "$importer" || true
	# None; CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP.
	[ "$caps" = " 0000000000000000 000000008000001b" ]
	[ -z "$outside" ] || { echo "outside: $outside"; false; }
}
