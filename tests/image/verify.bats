#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a layer consists of is written down when it is made, and found out when it changes.

load lib.bash

setup() {
	image_setup
	local t=$DIR/tree
	mkdir -p "$t"/{etc,usr/bin,var/lib/d,home/code}
	printf 'a\0b\377' >"$t/etc/bytes"
	: >"$t/etc/empty"
	echo one >"$t/etc/one"
	ln "$t/etc/one" "$t/var/one-too"
	ln -s one "$t/etc/link"
	mkfifo "$t/var/fifo"
	cp /bin/true "$t/usr/bin/capable"
	setcap cap_net_raw=ep "$t/usr/bin/capable"
	cp /bin/true "$t/usr/bin/suid"
	chmod 4755 "$t/usr/bin/suid"
	setfattr -n user.note -v text "$t/etc/bytes"
	getent passwd 0 >"$t/etc/passwd" # tar writes lists of access by name
	setfacl -m u:0:r "$t/var/lib/d"
	truncate -s 9M "$t/var/sparse"
	printf x | dd of="$t/var/sparse" bs=1 seek=5000000 conv=notrunc status=none
	truncate -s 1M "$t/var/hole"
	head -c 300001 /dev/urandom >"$t/var/random"
	touch "$t/etc/$(printf 'latin-\351')" "$t/etc/new
line" "$t/etc/ blank " "$t/etc/back\\x41slash" "$t/etc/.."data
	mkdir "$t/etc/a" "$t/etc/a.b"
	touch "$t/etc/a/x" "$t/etc/a.b/x"
	find "$t" -exec touch -h -d '2001-02-03 04:05:06.123456789' {} +
}
teardown() { image_teardown; }

verify() { # REF: its output in $output
	run "$TOOL" verify "$1"
}

is_whole() { # REF
	verify "$1"
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	! grep -v '^verified .* differences 0$' <<<"$output"
}

# Change a layer, have it told, and put it back. MESSAGE as grep has it; the directory that the
# change is made in differs in its time too.
tampered() { # MESSAGE COMMAND…
	local message=$1 parent
	shift
	rm -rf "$DIR/saved"
	cp -a "$LAYER/fs" "$DIR/saved"
	(cd "$LAYER/fs" && "$@")
	verify x
	[ "$status" = 1 ] || { echo "not found: $*"; return 1; }
	grep -q -- "$message" <<<"$output" || { echo "$*: $output"; return 1; }
	rm -rf "$LAYER/fs"
	cp -a "$DIR/saved" "$LAYER/fs"
	is_whole x
}

import_x() {
	"$TOOL" import "$1" x >/dev/null
	LAYER=$(dirname "$(layer_of x)")
}

quietly() { # the same time as before, as somebody would do it who does not want it seen
	local file=$1 when
	shift
	when=$(stat -c %y "$file")
	"$@"
	touch -h -d "$when" "$file"
}

@test "every kind of change is found and named" {
	import_x "$DIR/tree"
	is_whole x
	tampered 'var/random: content$' quietly var/random another_byte var/random 200000
	tampered 'etc/bytes: content$' quietly etc/bytes truncate -s 5 etc/bytes
	tampered 'etc/bytes: content, time$' sh -c 'echo x >etc/bytes'
	tampered 'etc/one: content$' quietly etc/one sh -c 'printf two\\n >etc/one'
	tampered 'usr/bin/suid: mode$' chmod 0755 usr/bin/suid
	tampered 'usr/bin/suid: owner$' sh -c 'chown 7 usr/bin/suid; chmod 4755 usr/bin/suid'
	tampered 'etc/empty: owner$' chgrp 7 etc/empty
	tampered 'etc/empty: time$' touch -d @5 etc/empty
	tampered 'etc/bytes: attributes$' setfattr -n user.note -v texT etc/bytes
	tampered 'etc/bytes: attributes$' setfattr -x user.note etc/bytes
	tampered 'etc/bytes: attributes$' setfattr -n user.more -v 1 etc/bytes
	tampered 'usr/bin/suid: attributes$' setcap cap_sys_admin=ep usr/bin/suid
	tampered 'usr/bin/capable: attributes$' setcap -r usr/bin/capable
	tampered 'var/lib/d: mode, attributes$' setfacl -m u:0:-w- var/lib/d
	tampered 'etc/link: content$' quietly etc/link ln -sfn two etc/link
	tampered 'etc/added: added$' quietly etc touch etc/added
	tampered 'etc/a.b/x: missing$' quietly etc/a.b rm etc/a.b/x
	tampered 'etc/a: missing$' quietly etc rm -r etc/a
	tampered 'etc/a/x: missing$' quietly etc rm -r etc/a
	tampered 'var/fifo: type$' quietly var sh -c 'rm var/fifo; touch var/fifo'
	tampered 'var/one-too: hard link$' quietly var sh -c 'cp -p var/one-too t; mv t var/one-too'
	tampered 'etc/ blank : missing$' rm 'etc/ blank '
	tampered "$(printf 'etc/latin-\351: missing')" quietly etc sh -c 'rm etc/latin*'
	tampered '^[0-9a-f]* : mode$' chmod 0711 .
	tampered 'var/lib/d/new: added$' mkdir -p var/lib/d/new/er
	tampered 'var/lib/d/new/er: added$' mkdir -p var/lib/d/new/er
	tampered 'var/w: added$' mknod var/w c 0 0
	# A change that leaves one thing alone names that thing alone.
	(cd "$LAYER/fs" && quietly etc/one sh -c 'printf two\\n >etc/one')
	verify x
	[ "$(grep -c ': ' <<<"$output")" = 2 ] # and the tool's own error
}

@test "holes are no difference, and cost nothing" {
	truncate -s 300G "$DIR/tree/var/huge"
	import_x "$DIR/tree"
	is_whole x
	fallocate -o 0 -l 4096 "$LAYER/fs/var/hole" # no hole any more, the same zeros
	dd if=/dev/zero of="$LAYER/fs/var/hole" bs=4096 count=3 conv=notrunc status=none
	touch -d '2001-02-03 04:05:06.123456789' "$LAYER/fs/var/hole"
	is_whole x
	truncate -s 299G "$LAYER/fs/var/huge"
	verify x
	[ "$status" = 1 ]
	grep -q 'var/huge: content, time' <<<"$output"
}

@test "however it came in, and copied to another place" {
	import_x "$DIR/tree"
	local sum list=$LAYER/content
	cp "$list" "$DIR/first"
	sum=$(sed -n 's/^content = //p' "$LAYER/layer.ini")
	[ "$(sha256sum <"$list" | cut -d' ' -f1)" = "$sum" ]
	"$TOOL" delete x
	# An archive whose bytes come by a pipe, and an export: the hash is taken while unpacking.
	tar -C "$DIR/tree" --format=pax --xattrs --xattrs-include='*' --acls --sparse --numeric-owner \
		-cf "$DIR/x.tar" .
	for from in gzip xz zstd none; do
		if [ $from = none ]; then cp "$DIR/x.tar" "$DIR/x"; else $from -qc "$DIR/x.tar" >"$DIR/x"; fi
		import_x - <"$DIR/x"
		is_whole x
		diff "$DIR/first" "$LAYER/content"
		"$TOOL" export x none >"$DIR/out.tar"
		"$TOOL" import "$DIR/out.tar" out >/dev/null
		is_whole out
		"$TOOL" delete out
		"$TOOL" delete x
	done
	import_x "$DIR/x.tar"
	cp -a "$COI_ROOT" "$DIR/elsewhere"
	COI_ROOT=$DIR/elsewhere is_whole x
}

@test "layers of an OCI image, with what they remove" {
	python3 "$SRC/tests/image/oci.py" good "$DIR/lay"
	"$TOOL" import "$DIR/lay" x >/dev/null
	is_whole x
	[ "$(grep -c ^verified <<<"$output")" = 3 ]
	# No file was read again but one that is a link to another layer's: the hashes came
	# of unpacking.
	command -v strace >/dev/null
	"$TOOL" delete x
	strace -o "$DIR/trace" -e trace=openat "$TOOL" import "$DIR/lay" x >/dev/null
	not grep . <(grep NOATIME "$DIR/trace" | grep -v 'O_DIRECTORY\|"kept"')
	for dir in $("$TOOL" paths x); do
		[ -z "$(find "$dir" -type c)" ] || whiteout=$(find "$dir" -type c | head -n 1)
	done
	rm "$whiteout"
	verify x
	[ "$status" = 1 ]
	grep -q "$(basename "$whiteout"): missing" <<<"$output"
}

make_upper() { # what a container may have left: whiteouts, opaque directories, odd names
	mkdir -p "$DIR/k/upper/etc/gone" "$DIR/k/upper/opaque"
	mknod "$DIR/k/upper/etc/one" c 0 0
	ln "$DIR/k/upper/etc/one" "$DIR/k/upper/etc/two"
	setfattr -n trusted.overlay.opaque -v y "$DIR/k/upper/opaque"
	setfattr -n trusted.overlay.redirect -v /etc "$DIR/k/upper/etc/gone"
	setfattr -n user.note -v x "$DIR/k/upper/opaque"
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$DIR/k/upper/s"
	echo new >"$DIR/k/upper/new"
}

@test "published layers, by copy and by move" {
	import_x "$DIR/tree"
	make_upper
	"$TOOL" publish-copy "$DIR/k" upper x copied >/dev/null
	is_whole copied
	"$TOOL" publish-move "$DIR/k" upper x moved >/dev/null
	is_whole moved
	LAYER=$(dirname "$(layer_of moved)")
	setfattr -x trusted.overlay.opaque "$LAYER/fs/opaque"
	verify moved
	[ "$status" = 1 ]
	grep -q ' opaque: attributes$' <<<"$output"
	is_whole copied
	# Whiteouts are links of each other, or not: no difference.
	rm "$(layer_of copied)/etc/two"
	mknod "$(layer_of copied)/etc/two" c 0 0
	touch -r "$(layer_of copied)/etc/one" "$(layer_of copied)/etc/two"
	touch -r "$LAYER/fs/etc" "$(layer_of copied)/etc"
	verify copied
	not grep -q 'etc/two' <<<"$output"
}

@test "a layer of before, a damaged list, a missing tree: each is said" {
	import_x "$DIR/tree"
	cp -a "$LAYER" "$DIR/saved"
	again() { rm -rf "$LAYER"; cp -a "$DIR/saved" "$LAYER"; is_whole x; }
	sed -i '/^content/d' "$LAYER/layer.ini"
	rm "$LAYER/content"
	verify x
	[ "$status" = 1 ]
	grep -q 'differences 0 unknown$' <<<"$output"
	# Publishing something that stands on it writes it down.
	mkdir -p "$DIR/k/upper"
	"$TOOL" publish-copy "$DIR/k" upper x above >/dev/null
	is_whole above
	"$TOOL" delete above
	again
	sed -i 's/ etc\/one$/ etc\/onE/' "$LAYER/content"
	verify x
	[ "$status" = 1 ]
	grep -q ': the list of its content$' <<<"$output"
	again
	head -n 5 "$DIR/saved/content" >"$LAYER/content"
	verify x
	[ "$status" = 1 ]
	grep -q 'added$' <<<"$output"
	again
	head -c 100000 /dev/urandom >"$LAYER/content"
	verify x
	[ "$status" = 1 ]
	grep -q ': the list of its content$' <<<"$output"
	again
	# Nobody is made to wait, or to read something else.
	rm "$LAYER/content"
	mkfifo "$LAYER/content"
	run timeout 60 "$TOOL" verify x
	[ "$status" = 1 ]
	again
	rm "$LAYER/content"
	ln -s /etc/passwd "$LAYER/content"
	verify x
	[ "$status" = 1 ]
	grep -q 'list of its content is missing' <<<"$output"
	again
	rm -r "$LAYER/fs"
	verify x
	[ "$status" = 1 ]
	again
	rm "$LAYER/layer.ini"
	verify x
	[ "$status" = 1 ]
	grep -q 'its record$' <<<"$output"
	again
	rm -r "$LAYER"
	verify x
	[ "$status" = 1 ]
	grep -q ': missing$' <<<"$output"
}

@test "a link or a device in place of a file is not followed or opened" {
	import_x "$DIR/tree"
	rm "$LAYER/fs/etc/one" "$LAYER/fs/var/fifo" "$LAYER/fs/etc/empty"
	ln -s /etc/passwd "$LAYER/fs/etc/one"
	mknod "$LAYER/fs/etc/empty" c 1 3
	mkdir "$DIR/other" "$LAYER/fs/var/fifo"
	echo secret >"$DIR/other/secret"
	mount --bind "$DIR/other" "$LAYER/fs/var/fifo" || skip "no mounts"
	run timeout 60 "$TOOL" verify x
	umount "$LAYER/fs/var/fifo"
	[ "$status" = 1 ]
	not grep -q secret <<<"$output"
	rmdir "$LAYER/fs/var/fifo"
	run timeout 60 "$TOOL" verify x
	[ "$status" = 1 ]
	grep -q 'etc/one: type' <<<"$output"
	grep -q 'etc/empty: type' <<<"$output"
}

@test "the order of the walk is that of the list, whatever the names are" {
	python3 - "$DIR/tree/many" <<-'END'
		import os, random, sys
		top = sys.argv[1].encode()
		rng = random.Random(7)
		os.mkdir(top)
		dirs = [top]
		for _ in range(3000):
		    name = bytes(rng.choice(b"ab./! -\x01\x7f\x80\xff\\x\n~") for _ in range(rng.randrange(1, 6)))
		    name = name.replace(b"/", b"0")
		    if name in (b".", b".."):
		        continue
		    path = os.path.join(rng.choice(dirs), name)
		    if os.path.lexists(path):
		        continue
		    if rng.random() < 0.3 and path.count(b"/") < 40:
		        os.mkdir(path)
		        dirs.append(path)
		    else:
		        open(path, "w").close()
	END
	import_x "$DIR/tree"
	is_whole x
	[ "$(wc -l <"$LAYER/content")" -gt 1500 ]
}

@test "an image with 100 000 files in one directory: in, out, compared" {
	local n
	n=$([ -z "${COI_TEST_LONG-}" ] && echo 20000 || echo 100000)
	python3 - "$DIR/many.tar" "$n" <<-'END'
		import sys, tarfile
		with tarfile.open(sys.argv[1], "w") as t:
		    d = tarfile.TarInfo("many")
		    d.type, d.mode = tarfile.DIRTYPE, 0o755
		    t.addfile(d)
		    for n in range(int(sys.argv[2])):
		        t.addfile(tarfile.TarInfo("many/%d" % n))
	END
	import_x "$DIR/many.tar"
	is_whole x
	rm "$LAYER/fs/many/7777"
	: >"$LAYER/fs/many/7777x"
	verify x
	grep -q 'many/7777: missing' <<<"$output"
	grep -q 'many/7777x: added' <<<"$output"
	[ "$("$TOOL" export x none | tar -t | wc -l)" = $((n + 3)) ]
	"$TOOL" delete x
}
