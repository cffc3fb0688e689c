#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes in comes out: owners, times, attributes, access lists, holes, links.

load lib.bash

setup() { image_setup; }
teardown() { image_teardown; }

make_tree() { # DIRECTORY: one of everything that an image may hold
	local t=$1
	mkdir -p "$t"/{etc,usr/bin,var/lib/shared,home/code,dev}
	echo 'ID=coi-test' >"$t/etc/os-release"
	echo 'VERSION_ID=7' >>"$t/etc/os-release"
	# GNU tar writes lists of access by the names that this machine has.
	getent passwd 0 1000 1001 1002 >"$t/etc/passwd" || true
	getent group 0 7 >"$t/etc/group"
	printf 'a\0b\377' >"$t/etc/bytes"
	: >"$t/etc/empty"
	ln "$t/etc/bytes" "$t/var/lib/hardlink"
	ln "$t/etc/bytes" "$t/zz-hardlink"
	ln -s ../etc/bytes "$t/usr/link"
	ln -s /outside/of/everything "$t/usr/absolute-link"
	ln "$t/usr/link" -P "$t/usr/link-to-link" 2>/dev/null || true
	mkfifo -m 0620 "$t/var/fifo"
	cp /bin/true "$t/usr/bin/suid"
	cp /bin/true "$t/usr/bin/capable"
	chown 0:5 "$t/usr/bin/suid"
	chmod 6755 "$t/usr/bin/suid"
	setcap cap_net_raw,cap_net_bind_service=ep "$t/usr/bin/capable"
	setfattr -n user.note -v 'some text' "$t/etc/bytes"
	setfattr -n user.binary -v 0x00ff10 "$t/etc/bytes"
	setfattr -n user.empty "$t/etc/empty"
	setfattr -n user.dir -v d "$t/var/lib"
	setfacl -m u:1000:rwx,g:7:r "$t/etc/bytes"
	setfacl -m u:1001:rx -d -m u:1002:rwx,g::r "$t/var/lib/shared"
	truncate -s 20M "$t/var/sparse"
	printf x | dd of="$t/var/sparse" bs=1 seek=9000000 conv=notrunc status=none
	truncate -s 1M "$t/var/hole"
	dd if=/dev/urandom of="$t/var/random" bs=100001 count=7 status=none
	printf '%0300d' 0 | tr 0 n | cut -c1-250 | xargs -I{} touch "$t/etc/{}"
	mkdir -p "$t/$(printf 'd%.0s/' $(seq 100))"
	touch "$t/etc/$(printf 'latin-\351')" "$t/etc/$(printf 'utf8-\303\251')" "$t/etc/new
line" "$t/etc/ blank " "$t/etc/back\\slash"
	chown -R 1000:1000 "$t/home/code"
	chmod 0700 "$t/home/code"
	chown -h 65535:65535 "$t/usr/link"
	chmod 1777 "$t/var"
	find "$t" -exec touch -h -d '2001-02-03 04:05:06.123456789' {} +
	touch -h -d '1969-12-31 23:00:00 UTC' "$t/etc/empty"
}

@test "a directory comes in exactly, and out of an export again" {
	make_tree "$DIR/tree"
	"$TOOL" import "$DIR/tree" one
	diff <(describe "$DIR/tree") <(describe "$(layer_of one)")
	for compression in none gzip xz zstd; do
		"$TOOL" export one $compression >"$DIR/$compression"
		"$TOOL" export one $compression | cmp - "$DIR/$compression"
		run "$TOOL" import "$DIR/$compression" "by-$compression"
		[ "$status" = 0 ]
		grep -q '^dropped 0$' <<<"$output"
		diff <(describe "$DIR/tree") <(describe "$(layer_of "by-$compression")")
		"$TOOL" export "by-$compression" $compression | cmp - "$DIR/$compression"
	done
	# Holes stay holes.
	[ "$(stat -c %b "$(layer_of one)/var/sparse")" -le 32 ]
	[ "$(stat -c %b "$(layer_of by-xz)/var/hole")" = 0 ]
}

@test "the same directory has the same fingerprint, another content another one" {
	make_tree "$DIR/tree"
	"$TOOL" import "$DIR/tree" one
	run "$TOOL" import "$DIR/tree" two
	grep -q '^existed 1$' <<<"$output"
	[ "$(ls "$COI_ROOT/images" | grep -c .)" = 2 ] # the image and the aliases
	touch -d @5 "$DIR/tree/etc/empty"
	run "$TOOL" import "$DIR/tree" three
	grep -q '^existed 0$' <<<"$output"
}

@test "GNU tar's own archives: pax with attributes, gnu, ustar; plain and compressed" {
	make_tree "$DIR/tree"
	rm -f "$DIR"/tree/etc/*line # ustar and gnu have no trouble with it, -tv output has
	tar -C "$DIR/tree" --format=pax --xattrs --xattrs-include='*' --acls --sparse \
		--numeric-owner -cf "$DIR/pax.tar" .
	"$TOOL" import "$DIR/pax.tar" pax
	diff <(describe "$DIR/tree") <(describe "$(layer_of pax)")
	# Access lists as plain attributes, which is what mmdebstrap writes.
	tar -C "$DIR/tree" --format=pax --xattrs --xattrs-include='*' --no-acls --sparse \
		--numeric-owner -cf "$DIR/raw.tar" .
	run "$TOOL" import "$DIR/raw.tar" raw
	grep -q '^dropped 0$' <<<"$output"
	diff <(describe "$DIR/tree") <(describe "$(layer_of raw)")
	run "$TOOL" import "$DIR/pax.tar" again
	[ "$(sed -n 's/^fingerprint //p' <<<"$output")" = "$(sha256sum <"$DIR/pax.tar" | cut -d' ' -f1)" ]
	for how in "gnu gzip" "gnu xz" "gnu zstd" "ustar gzip"; do
		set -- $how
		sparse=--sparse
		if [ "$1" = ustar ]; then # has neither long names, nor holes, nor old times
			rm -rf "$DIR"/tree/d "$DIR"/tree/etc/n* "$DIR/tree/etc/empty"
			sparse=
		fi
		tar -C "$DIR/tree" --format="$1" $sparse --numeric-owner -cf - . |
			"$2" -qc - >"$DIR/x"
		"$TOOL" import - "$1-$2" <"$DIR/x"
		diff <(cd "$DIR/tree" && find . -printf '%y %m %U:%G %s %n %p %l\n' | sort) \
			<(cd "$(layer_of "$1-$2")" && find . -printf '%y %m %U:%G %s %n %p %l\n' | sort)
	done
}

@test "GNU tar unpacks an export to the same tree" {
	make_tree "$DIR/tree"
	"$TOOL" import "$DIR/tree" one
	mkdir "$DIR/out"
	"$TOOL" export one gzip | tar -C "$DIR/out" --xattrs --xattrs-include='*' --acls \
		--numeric-owner -xpzf -
	diff <(describe "$DIR/tree") <(describe "$DIR/out/rootfs")
	grep -q '^architecture: "x86_64"$\|^architecture: "aarch64"$' "$DIR/out/metadata.yaml"
	grep -q '^  os: "coi-test"$' "$DIR/out/metadata.yaml"
}

make_metadata() { # DIRECTORY
	mkdir -p "$1/templates"
	cat >"$1/metadata.yaml" <<-'END'
		architecture: amd64
		creation_date: 1700000000
		properties:
		  description: 'A "small" thing: it''s a test'
		  os: Testix
		  release: "1.5"
		templates:
		  /etc/hostname:
		    when: [create]
		    template: hostname.tpl
	END
	echo '{{ container.name }}' >"$1/templates/hostname.tpl"
}

@test "a unified image, in any order, with a compressed root" {
	make_tree "$DIR/u/rootfs"
	make_metadata "$DIR/u"
	tar -C "$DIR/u" --xattrs --xattrs-include='*' --acls --sparse --numeric-owner --format=pax \
		-cJf "$DIR/first.tar.xz" metadata.yaml rootfs templates
	tar -C "$DIR/u" --xattrs --xattrs-include='*' --acls --sparse --numeric-owner --format=pax \
		-czf "$DIR/last.tar.gz" rootfs templates metadata.yaml
	for f in first.tar.xz last.tar.gz; do
		run "$TOOL" import "$DIR/$f" "$f"
		[ "$status" = 0 ]
		grep -q '^architecture amd64$' <<<"$output"
		grep -q '^os Testix$' <<<"$output"
		grep -q '^release 1.5$' <<<"$output"
		grep -q '^created 1700000000$' <<<"$output"
		grep -qF "description A \"small\" thing: it's a test" <<<"$output"
		diff <(describe "$DIR/u/rootfs") <(describe "$(layer_of "$f")")
	done
	"$TOOL" import "$DIR/u" as-directory
	diff <(describe "$DIR/u/rootfs") <(describe "$(layer_of as-directory)")
}

@test "a split image; its halves in wrong places" {
	make_tree "$DIR/s/rootfs"
	make_metadata "$DIR/s"
	tar -C "$DIR/s" -cJf "$DIR/meta.tar.xz" metadata.yaml templates
	tar -C "$DIR/s/rootfs" --xattrs --xattrs-include='*' --acls --sparse --numeric-owner \
		--format=pax --zstd -cf "$DIR/root.tar.zst" .
	run "$TOOL" import "$DIR/meta.tar.xz" split "$DIR/root.tar.zst"
	[ "$status" = 0 ]
	grep -q '^os Testix$' <<<"$output"
	[ "$(sed -n 's/^fingerprint //p' <<<"$output")" = \
		"$(cat "$DIR/meta.tar.xz" "$DIR/root.tar.zst" | sha256sum | cut -d' ' -f1)" ]
	diff <(describe "$DIR/s/rootfs") <(describe "$(layer_of split)")
	before=$(store)
	run "$TOOL" import "$DIR/meta.tar.xz" x
	[ "$status" = 1 ]
	grep -q 'only the metadata half' <<<"$output"
	run "$TOOL" import "$DIR/root.tar.zst" x "$DIR/meta.tar.xz"
	[ "$status" = 1 ]
	grep -q 'holds no metadata.yaml' <<<"$output"
	printf 'hsqs0000000000000' >"$DIR/root.squashfs"
	run "$TOOL" import "$DIR/meta.tar.xz" x "$DIR/root.squashfs"
	[ "$status" = 1 ]
	grep -q 'unsquashfs -d' <<<"$output"
	[ "$(store)" = "$before" ]
}

@test "what an image cannot have is left out and counted" {
	mkdir -p "$DIR/tree/dev" "$DIR/tree/etc"
	mknod "$DIR/tree/dev/null" c 1 3
	mknod "$DIR/tree/dev/tty12" c 4 12
	echo x >"$DIR/tree/etc/x"
	setfattr -n trusted.thing -v 1 "$DIR/tree/etc/x"
	setfattr -n security.other -v 1 "$DIR/tree/etc/x"
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$DIR/tree/etc/sock"
	tar -C "$DIR/tree" --xattrs --xattrs-include='*' --format=pax -cf "$DIR/x.tar" . 2>/dev/null
	run "$TOOL" import "$DIR/x.tar" x
	[ "$status" = 0 ]
	grep -q '^skipped 2$' <<<"$output"
	grep -q '^dropped 2$' <<<"$output"
	[ -z "$(ls "$(layer_of x)/dev")" ]
	[ -z "$(getfattr -d -m - "$(layer_of x)/etc/x")" ]
	run "$TOOL" import "$DIR/tree" y
	[ "$status" = 0 ]
	grep -q '^skipped 2$' <<<"$output"
	[ ! -e "$(layer_of y)/etc/sock" ]
}

@test "layers: publish by move and by copy, export of the merged tree, whiteouts inside" {
	mkdir -p "$DIR/tree/a/b" "$DIR/tree/c"
	echo 1 >"$DIR/tree/a/one"
	echo 2 >"$DIR/tree/a/b/two"
	echo 3 >"$DIR/tree/c/three"
	"$TOOL" import "$DIR/tree" base
	mkdir -p "$DIR/k"/{upper,work,merged}
	mount -t overlay -o "lowerdir=$(layer_of base),upperdir=$DIR/k/upper,workdir=$DIR/k/work,redirect_dir=on" \
		overlay "$DIR/k/merged"
	(cd "$DIR/k/merged" && rm a/one && rm -r a/b && mkdir a/b && echo 22 >a/b/new &&
		mv c moved && echo x >moved/added && ln moved/added hard && setfattr -n user.k -v v moved/added &&
		mkfifo pipe)
	expected=$(describe "$DIR/k/merged" | grep -v overlay)
	umount "$DIR/k/merged"
	upper=$(describe "$DIR/k/upper")
	"$TOOL" publish-copy "$DIR/k" upper base copied
	[ "$(describe "$DIR/k/upper")" = "$upper" ]
	[ "$(describe "$(layer_of copied)")" = "$upper" ]
	"$TOOL" publish-move "$DIR/k" upper base moved
	[ ! -e "$DIR/k/upper" ]
	[ "$(describe "$(layer_of moved)")" = "$upper" ]
	[ "$("$TOOL" paths moved | wc -l)" = 2 ]
	[ "$("$TOOL" paths moved | tail -n 1)" = "$(layer_of base)" ]
	"$TOOL" export moved none >"$DIR/moved.tar"
	"$TOOL" export copied none >"$DIR/copied.tar"
	for f in moved copied; do
		"$TOOL" import "$DIR/$f.tar" "flat-$f"
		flat=$(describe "$(layer_of "flat-$f")")
		diff <(grep -v '^d' <<<"$expected") <(grep -v '^d' <<<"$flat")
		diff <(grep '^d' <<<"$expected" | cut -d' ' -f1-3,6-) <(grep '^d' <<<"$flat" | cut -d' ' -f1-3,6-) || true
	done
}

@test "a chain of 60 layers is one tree" {
	mkdir "$DIR/tree"
	echo 0 >"$DIR/tree/n"
	"$TOOL" import "$DIR/tree" l0
	for n in $(seq 60); do
		mkdir -p "$DIR/k/upper"
		echo "$n" >"$DIR/k/upper/n"
		echo "$n" >"$DIR/k/upper/file$n"
		"$TOOL" publish-move "$DIR/k" upper "l$((n - 1))" "l$n" >/dev/null
	done
	mkdir "$DIR/out"
	"$TOOL" export l60 zstd | tar -C "$DIR/out" --zstd -xf -
	[ "$(cat "$DIR/out/rootfs/n")" = 60 ]
	[ "$(find "$DIR/out/rootfs" -name 'file*' | wc -l)" = 60 ]
}
