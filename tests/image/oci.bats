#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of layers: OCI layouts and what `docker save` writes.

load lib.bash

setup() { image_setup; }
teardown() { image_teardown; }

oci() { python3 "$SRC/tests/image/oci.py" "$@"; }

import() { # FILE ALIAS: its output in $output
	run "$TOOL" import "$@"
	[ "$status" = 0 ] || { echo "$output"; return 1; }
}

value() { sed -n "s/^$1 //p" <<<"$output"; }

merged() { # ALIAS: its tree, unpacked to $DIR/out
	rm -rf "$DIR/out"
	mkdir "$DIR/out"
	"$TOOL" export "$1" none | tar -C "$DIR/out" --xattrs --xattrs-include='*' --acls \
		--numeric-owner -xpf -
}

expect_three_layers() { # ALIAS MARK
	merged "$1"
	local t=$DIR/out/rootfs
	[ ! -e "$t/var/lib/old" ]
	[ "$(cat "$t/var/lib/new")" = "$2" ]
	[ "$(cat "$t/var/lib/kept" "$t/var/lib/linked")" = "kept
kept" ]
	# A directory that no layer above mentions keeps what it was.
	[ "$(stat -c '%a %u:%g %Y' "$t/var/lib")" = "2750 7:8 1700000000" ]
	[ "$(ls "$t/opt/a")" = three ]
	# The layer's "lib/module", through the link of the layer below.
	[ -L "$t/lib" ] && [ "$(cat "$t/usr/lib/module")" = "through a link" ]
	# A directory took the place of a file.
	[ -d "$t/etc/passwd" ]
}

@test "a layout as directory and as archive, its layers packed each way, is one image" {
	local packed first=
	for packed in none gzip xz zstd; do
		oci good "$DIR/$packed" --packed=$packed
		tar -C "$DIR/$packed" -cf "$DIR/$packed.tar" .
		zstd -q -1 "$DIR/$packed.tar" -o "$DIR/$packed.tar.zst"
		for from in "$DIR/$packed" "$DIR/$packed.tar" "$DIR/$packed.tar.zst"; do
			import "$from" image
			[ -n "$first" ] || first=$(value fingerprint)
			# The identity is that of the config, whatever it came in.
			[ "$(value fingerprint)" = "$first" ]
		done
		"$TOOL" delete "$first"
		[ -z "$(ls "$COI_ROOT/layers")" ]
	done
	import - image <"$DIR/gzip.tar"
	[ "$(grep -c '^layer ' <<<"$output")" = 3 ]
	[ "$(value platform)" = "$(uname -m | sed 's/x86_64/linux\/amd64/; s/aarch64/linux\/arm64/')" ]
	[ "$(value created)" = 1709288430 ]
	[ "$(value os)" = layered ]
	[ "$(value description)" = "three layers" ]
	[ "$(value env)" = "PATH=/opt/bin:/usr/bin:/bin
GREETING=hello world
NO_VALUE" ]
	[ "$(value entrypoint)" = /bin/sh ]
	[ "$(value cmd)" = "-c
true" ]
	[ "$(value user) $(value dir) $(value reference)" = "1000:1000 /srv latest" ]
	expect_three_layers image latest
}

@test "what docker save writes: the old form, the new one, as a directory and as an archive" {
	local how
	for how in old new; do
		oci good "$DIR/$how" --docker=$how
		tar -C "$DIR/$how" -cf "$DIR/$how.tar" .
		import "$DIR/$how.tar" "$how"
		grep -q '^existed 0$' <<<"$output"
		expect_three_layers "$how" latest
		import "$DIR/$how" "$how"
		grep -q '^existed 1$' <<<"$output"
	done
	# Duplicate layers are links in old archives.
	local layers
	layers=$(cd "$DIR/old" && ls -d */)
	set -- $layers
	mv "$DIR/old/$1/layer.tar" "$DIR/old/moved.tar"
	ln -s ../moved.tar "$DIR/old/$1/layer.tar"
	"$TOOL" delete "$(value fingerprint)"
	"$TOOL" delete old
	tar -C "$DIR/old" -cf "$DIR/old.tar" .
	import "$DIR/old.tar" old
	expect_three_layers old latest
}

@test "a name that is longer than any is none, and the store stays readable" {
	local names
	oci good "$DIR/docker" --docker=old
	for names in '[";" * 90000]' '[";" * 90000, "a:b"]'; do
		python3 - "$DIR/docker/manifest.json" <<-END
			import json, sys
			doc = json.load(open(sys.argv[1]))
			doc[0]["RepoTags"] = $names
			json.dump(doc, open(sys.argv[1], "w"))
		END
		import "$DIR/docker" image
		# The one that is there already keeps what it has been told of itself.
		[ -z "$(value reference)" ]
	done
	"$TOOL" list | grep 'alias image'
	"$TOOL" delete image
	import "$DIR/docker" image
	[ "$(value reference)" = a:b ]
}

@test "of several platforms this machine's is taken, also out of an index in an index" {
	local ours
	ours=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	oci good "$DIR/flat" --platforms=linux/s390x,linux/$ours,linux/arm/v5,windows/$ours
	import "$DIR/flat" flat
	[ "$(value platform)" = linux/$ours ]
	expect_three_layers flat linux/$ours
	"$TOOL" delete flat
	oci good "$DIR/nested" --platforms=linux/s390x,linux/$ours,linux/riscv64 --nested
	import "$DIR/nested" nested
	[ "$(value platform) $(value reference)" = "linux/$ours multi" ]
	expect_three_layers nested linux/$ours
	# One for another machine alone may be what is wanted; the caller says so.
	oci good "$DIR/other" --platforms=linux/s390x
	import "$DIR/other" other
	[ "$(value architecture)" = s390x ]
}

@test "of several images the one that is named" {
	oci good "$DIR/both" --names=one,two
	run "$TOOL" import "$DIR/both" x
	[ "$status" = 1 ]
	grep -q "holds several images" <<<"$output"
	grep -q -- "'--reference NAME': one, two" <<<"$output"
	COI_TEST_REFERENCE=two import "$DIR/both" two
	expect_three_layers two two
	COI_TEST_REFERENCE=one import "$DIR/both" one
	# What they have in common at the bottom is there once.
	[ "$(value shared)" = 1 ]
	expect_three_layers one one
	expect_three_layers two two
	COI_TEST_REFERENCE=three run "$TOOL" import "$DIR/both" x
	[ "$status" = 1 ]
	grep -q "there is no image 'three' in it" <<<"$output"
	oci good "$DIR/saved" --names=one,two --docker=old
	COI_TEST_REFERENCE=me/thing:two import "$DIR/saved" saved
	expect_three_layers saved two
	tar -C "$DIR/both" -cf "$DIR/plain.tar" blobs
	COI_TEST_REFERENCE=two run "$TOOL" import "$DIR/plain.tar" x
	[ "$status" = 1 ]
	grep -q "nothing to choose from" <<<"$output"
}

@test "shared layers go with the last image that has them" {
	oci good "$DIR/both" --names=one,two
	COI_TEST_REFERENCE=one import "$DIR/both" one
	COI_TEST_REFERENCE=two import "$DIR/both" two
	[ "$(ls "$COI_ROOT/layers" | wc -l)" = 5 ]
	"$TOOL" delete one
	[ "$(ls "$COI_ROOT/layers" | wc -l)" = 3 ]
	expect_three_layers two two
	"$TOOL" delete two
	[ -z "$(ls "$COI_ROOT/layers")" ]
}

@test "random layers: the tree is what the specification says" {
	local n seed from=1
	n=${COI_TEST_LONG:+300}
	[ -z "${COI_TEST_LONG-}" ] || from=1000
	for seed in $(seq "$from" $((from + ${n:-25}))); do
		oci random "$DIR/r" "$seed"
		import "$DIR/r" random
		merged random
		diff "$DIR/r.model" <(oci tree "$DIR/out/rootfs") || { echo "seed $seed"; return 1; }
		"$TOOL" delete random
		rm -r "$DIR/r"
	done
}

@test "what replaces a directory takes its attributes, and what is below stays" {
	mkdir -p "$DIR/one/d" "$DIR/two/d"
	echo x >"$DIR/one/d/x"
	setfattr -n user.old -v 1 "$DIR/one/d"
	setfacl -m u:5:rwx -d -m u:6:rx "$DIR/one/d"
	setfattr -n user.new -v 2 "$DIR/two/d"
	chmod 0711 "$DIR/two/d"
	for t in one two; do
		tar -C "$DIR/$t" --xattrs --xattrs-include='*' --acls --format=pax --numeric-owner \
			-cf "$DIR/$t.tar" d
	done
	python3 - "$SRC" "$DIR" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout
		lay = Layout(sys.argv[2] + "/lay")
		lay.add(lay.image([open(f"{sys.argv[2]}/{t}.tar", "rb").read() for t in ("one", "two")]))
		lay.done()
	END
	import "$DIR/lay" attributes
	merged attributes
	[ "$(cat "$DIR/out/rootfs/d/x")" = x ]
	rm "$DIR/out/rootfs/d/x"
	touch -r "$DIR/two/d" "$DIR/out/rootfs/d"
	diff <(describe "$DIR/two/d") <(describe "$DIR/out/rootfs/d")
}

@test "links that lead out lead into the image, and removals through them too" {
	mkdir "$DIR/canary"
	echo precious >"$DIR/canary/precious"
	python3 - "$SRC" "$DIR" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout, BASE, END, file, folder, symlink
		out = sys.argv[2] + "/canary"
		lay = Layout(sys.argv[2] + "/lay")
		inner = "".join(p + "/" for p in out.strip("/").split("/"))
		lay.add(lay.image(BASE + [
		    symlink("abs", out) + symlink("rel", "../" * 20 + out.strip("/")) + END,
		    file("abs/a", b"a\n") + file("rel/b", b"b\n") + END,
		    file("abs/.wh.precious", b"") + file("rel/.wh.a", b"") + file("rel/.wh..wh..opq", b"") +
		    file("abs/c", b"c\n") + END]))
		lay.done()
	END
	import "$DIR/lay" links
	[ "$(ls "$DIR/canary")" = precious ]
	[ "$(cat "$DIR/canary/precious")" = precious ]
	merged links
	[ "$(ls "$DIR/out/rootfs$DIR/canary")" = c ]
}

@test "no hostile image is imported, touches anything outside or stays in the store" {
	oci good "$DIR/good"
	import "$DIR/good" good
	mkdir "$DIR/canary"
	echo precious >"$DIR/canary/precious"
	canary=$(describe "$DIR/canary")
	layers() { for l in "$COI_ROOT"/layers/*; do describe "$l"; done; }
	before=$(store; layers)
	failures=0 cases=0
	while IFS=$'\t' read -r name message; do
		cases=$((cases + 1))
		oci make "$name" "$DIR/x" "$DIR/canary"
		tar -C "$DIR/x" -cf "$DIR/x.tar" .
		for from in "$DIR/x" "$DIR/x.tar"; do
			# A FIFO or a link out of an archive does not get as far as from a directory.
			[ "$name" != layer-is-a-fifo ] || [ "$from" = "$DIR/x" ] || continue
			status=0
			out=$(timeout 120 "$TOOL" import "$from" bad 2>&1) || status=$?
			if [ "$status" != 1 ]; then
				echo "$name: status $status: $out" >&2
				failures=$((failures + 1))
			fi
			if ! grep -Eq -- "$message" <<<"$out"; then
				echo "$name: said '$out', not '$message'" >&2
				failures=$((failures + 1))
			fi
			if [ "$(describe "$DIR/canary")" != "$canary" ]; then
				echo "$name: changed something outside" >&2
				failures=$((failures + 1))
			fi
			if [ "$(store; layers)" != "$before" ]; then
				echo "$name: left something in the store" >&2
				failures=$((failures + 1))
			fi
		done
		rm -rf "$DIR/x" "$DIR/x.tar" "$DIR/outside"
	done < <(oci list)
	echo "$cases images, $failures failures" >&3
	[ "$failures" = 0 ] && [ "$cases" -ge 60 ]
}

@test "each refusal is of the fault: the same images without it are taken" {
	# What the hostile ones are made from; else a mistake in making them would pass for a refusal.
	python3 - "$SRC" "$DIR" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout, BASE, END, file
		lay = Layout(sys.argv[2] + "/plain")
		lay.add(lay.image(BASE))
		lay.done()
		lay = Layout(sys.argv[2] + "/more")
		lay.add(lay.image(BASE + [file("etc/y") + file("etc/.wh.x", b"") + END, bytes(1024)]))
		lay.done()
	END
	import "$DIR/plain" plain
	import "$DIR/more" more
	[ "$(value shared)" = 1 ]
	merged more
	[ "$(ls "$DIR/out/rootfs/etc")" = y ]
}

@test "a layer that was changed on disk is not what the next image gets under its name" {
	# The id of a layer is the hash of the archive that was unpacked, and nothing else's.
	oci good "$DIR/good" --packed=none
	import "$DIR/good" good
	id=$("$TOOL" list | sed -n 's/^layer default://p' | head -n 1)
	base=$(sha256sum "$DIR"/good/blobs/sha256/* | awk '{ print $1 }')
	not grep -q "$id" <<<"$base"
	# The archive of the first layer alone is another image with another layer.
	first=$(python3 -c '
		import glob, json, sys
		for f in glob.glob(sys.argv[1] + "/blobs/sha256/*"):
		    try: d = json.load(open(f))
		    except Exception: continue
		    if "layers" in d: print(d["layers"][0]["digest"][7:])' "$DIR/good" 2>/dev/null ||
		python3 - "$DIR/good" <<-'END'
			import glob, json, sys
			for f in glob.glob(sys.argv[1] + "/blobs/sha256/*"):
			    try:
			        d = json.load(open(f))
			    except Exception:
			        continue
			    if "layers" in d:
			        print(d["layers"][0]["digest"][7:])
		END
	)
	import "$DIR/good/blobs/sha256/$first" alone
	[ "$(value layer)" = "default:$first" ]
	[ "$first" != "$id" ]
}

@test "kill -9 and a full disk at every step: the store is the old one or the new one" {
	! nm -D "$TOOL" | grep -q __asan_ || skip "a sanitizer and a preloaded library do not go together"
	cc -shared -fPIC -o "$DIR/kill-at.so" "$SRC/tests/image/kill-at.c" -ldl
	oci good "$DIR/lay"
	oci good "$DIR/other" --names=other
	tar -C "$DIR/lay" -cf "$DIR/x.tar" .
	import "$DIR/other" other
	import "$DIR/lay" x
	fp=$(value fingerprint)
	"$TOOL" delete x
	x_there() { "$TOOL" exists "$fp" && [ "$("$TOOL" export "$fp" none | tar -t | wc -l)" -ge 15 ]; }
	drop_x() { "$TOOL" delete "$fp"; }
	for from in "$DIR/x.tar" "$DIR/lay"; do
		walk x_there drop_x import "$from" x
		x_there
		drop_x
		walk_failing x_there drop_x import "$from" x
		x_there
		drop_x
	done
	expect_three_layers other other
}

@test "a layer that grows without end stops at the reserve of a small disk" {
	mkdir "$DIR/small"
	truncate -s 96M "$DIR/small.img"
	mkfs.ext4 -q "$DIR/small.img"
	mount -o loop "$DIR/small.img" "$DIR/small" || skip "no loop devices"
	export COI_ROOT=$DIR/small/root
	oci good "$DIR/good"
	python3 - "$SRC" "$DIR" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout, BASE, END, header
		lay = Layout(sys.argv[2] + "/bomb")
		size = 200 << 20
		lay.add(lay.image(BASE + [header("etc/zeros", size) + bytes(size) + END]))
		lay.done()
	END
	ok=1
	"$TOOL" import "$DIR/good" good >/dev/null || ok=
	before=$(store)
	free=$(stat -f -c '%f %d' "$DIR/small")
	run "$TOOL" import "$DIR/bomb" bomb
	[ "$status" = 1 ] && grep -q 'no space left on the disk' <<<"$output" || ok=
	[ "$(store)" = "$before" ] && [ "$(stat -f -c '%f %d' "$DIR/small")" = "$free" ] || ok=
	umount "$DIR/small"
	[ "$ok" = 1 ] || { echo "$output"; false; }
}

@test "stopping half-way leaves nothing" {
	python3 - "$SRC" "$DIR" <<-'END'
		import os, sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout, BASE, END, header
		lay = Layout(sys.argv[2] + "/large")
		size = 40 << 20
		lay.add(lay.image(BASE + [header("etc/large", size) + os.urandom(size) + END]))
		lay.done()
	END
	oci good "$DIR/good"
	import "$DIR/good" good
	before=$(store)
	COI_TEST_STOP_AT=20000000 run "$TOOL" import "$DIR/large" x
	[ "$status" = 1 ]
	grep -q stopped <<<"$output"
	[ "$(store)" = "$before" ]
	import "$DIR/large" x
}

@test "two imports of the same image at once, and one while another is deleted" {
	oci good "$DIR/both" --names=one,two
	for n in 1 2 3; do
		(COI_TEST_REFERENCE=one exec "$TOOL" import "$DIR/both" one >/dev/null) & a=$!
		(COI_TEST_REFERENCE=one exec "$TOOL" import "$DIR/both" again >/dev/null) & b=$!
		(COI_TEST_REFERENCE=two exec "$TOOL" import "$DIR/both" two >/dev/null) & c=$!
		wait "$a" && wait "$b" && wait "$c"
		expect_three_layers two two
		# The bottom layer may go in the midst of an import that counts on it, which begins again.
		"$TOOL" delete "$("$TOOL" list | awk '/^fingerprint/ { f = $2 } /^alias one$/ { print f }')"
		(COI_TEST_REFERENCE=one exec "$TOOL" import "$DIR/both" one >"$DIR/log" 2>&1) & a=$!
		"$TOOL" delete two
		wait "$a" || { cat "$DIR/log"; return 1; }
		expect_three_layers one one
		"$TOOL" delete one 2>/dev/null || true
		"$TOOL" repair >/dev/null
		[ -z "$(ls "$COI_ROOT/layers")" ]
	done
}

@test "umoci and skopeo: what they write is read, and is what umoci unpacks" {
	cd "$DIR"
	umoci init --layout lay
	umoci new --image lay:one
	umoci unpack --image lay:one bundle 2>/dev/null
	mkdir -p bundle/rootfs/{etc,bin,var/lib/a/b,opt}
	cp /bin/true bundle/rootfs/bin/suid
	chmod 4755 bundle/rootfs/bin/suid
	cp /bin/true bundle/rootfs/bin/capable
	setcap cap_net_raw=ep bundle/rootfs/bin/capable
	ln bundle/rootfs/bin/suid bundle/rootfs/bin/other
	echo 1 >bundle/rootfs/var/lib/a/b/one
	echo 2 >bundle/rootfs/var/lib/a/two
	setfattr -n user.note -v text bundle/rootfs/var/lib/a/two
	ln -s ../nowhere bundle/rootfs/etc/link
	umoci repack --image lay:one bundle 2>/dev/null
	rm -rf bundle
	umoci unpack --image lay:one bundle 2>/dev/null
	rm -r bundle/rootfs/var/lib/a/b bundle/rootfs/etc/link
	mkdir bundle/rootfs/etc/link
	echo 3 >bundle/rootfs/opt/three
	chmod 0711 bundle/rootfs/opt
	umoci repack --image lay:two bundle 2>/dev/null
	umoci config --image lay:two --config.env A=b --config.user 7 --tag three
	rm -rf bundle
	umoci unpack --image lay:three bundle 2>/dev/null
	COI_TEST_REFERENCE=three import lay three
	fp=$(value fingerprint)
	[ "$(value env) $(value user)" = "A=b 7" ]
	merged three
	diff <(describe bundle/rootfs) <(describe out/rootfs)
	# The other way of the same: an archive for docker.
	skopeo --insecure-policy copy -q oci:lay:three docker-archive:saved.tar:me/three:1
	import saved.tar saved
	[ "$(value fingerprint)" = "$fp" ]
	skopeo --insecure-policy copy -q oci:lay:three oci-archive:archive.tar:three
	import archive.tar archive
	[ "$(value fingerprint)" = "$fp" ]
}
