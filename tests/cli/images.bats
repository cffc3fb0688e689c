#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Images: what is imported, what is refused, export, publish, delete.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir "$T/rootfs"
	tar -C "$T/rootfs" -xf "${COI_TEST_IMAGE:-$T/image.tar}"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

store() { # what the store holds
	(cd "$COI_ROOT" && find images layers -mindepth 1 -maxdepth 2 | sort)
}

imports_and_runs() { # FILE...
	run --separate-stderr coi image import "$@" --alias under-test
	expect_status 0
	run --separate-stderr coi run --image under-test -- id -un
	expect_status 0
	expect_equal "$output" code
	within 15 quiet
	coi image delete under-test
}

@test "a plain tarball" {
	imports_and_runs "${COI_TEST_IMAGE:-$T/image.tar}"
}

@test "gzip, xz and zstd" {
	local image=${COI_TEST_IMAGE:-$T/image.tar}
	gzip -1 -c "$image" >"$T/i.tar.gz"
	imports_and_runs "$T/i.tar.gz"
	xz -0 -c "$image" >"$T/i.tar.xz"
	imports_and_runs "$T/i.tar.xz"
	zstd -q -1 -c "$image" >"$T/i.tar.zst"
	imports_and_runs "$T/i.tar.zst"
	rm "$T"/i.tar.*
}

@test "a directory" {
	imports_and_runs "$T/rootfs"
}

@test "a unified tarball: metadata.yaml beside rootfs/" {
	mkdir -p "$T/unified/templates"
	printf 'architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  description: unified test\n  os: coi\n' \
		>"$T/unified/metadata.yaml"
	mv "$T/rootfs" "$T/unified/rootfs"
	tar -C "$T/unified" --numeric-owner -czf "$T/unified.tar.gz" metadata.yaml templates rootfs
	mv "$T/unified/rootfs" "$T/rootfs"
	imports_and_runs "$T/unified.tar.gz"
}

@test "a split image: metadata tarball and rootfs tarball" {
	tar -C "$T/unified" -czf "$T/meta.tar.gz" metadata.yaml templates
	gzip -1 -c "${COI_TEST_IMAGE:-$T/image.tar}" >"$T/rootfs.tar.gz"
	imports_and_runs "$T/meta.tar.gz" "$T/rootfs.tar.gz"
}

@test "an image of layers: the one that is named, with its environment" {
	local python=/usr/bin/python3
	[ -x "$python" ] || python=python3
	"$python" - "$COI_TEST_SRC" "$T" "${COI_TEST_IMAGE:-$T/image.tar}" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/tests/image")
		from oci import Layout, END, file
		lay = Layout(sys.argv[2] + "/layout")
		base = open(sys.argv[3], "rb").read()
		for name in "one", "two":
		    lay.add(lay.image([base, file("etc/name", name.encode()) + END], config={
		        "Env": ["PATH=/opt/bin:/bin", "NAME=" + name, "HOME=/wrong", "TWO=a\tb \u001b[31m"],
		        "Cmd": ["/bin/\u001b[31msh"], "User": "nobody"}), name=name)
		lay.done()
	END
	run --separate-stderr coi image import "$T/layout" --alias layered
	expect_status 1
	expect_stderr "'--reference NAME': one, two"
	run --separate-stderr coi image import "$T/layout" --alias layered --reference one
	expect_status 0
	run --separate-stderr coi run --image layered -- sh -c 'cat /etc/name; echo ":$NAME:$HOME:$PATH"'
	expect_status 0
	expect_equal "$output" "one:one:/home/code:/opt/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin"
	# The second one has the first layer in common with it.
	tar -C "$T/layout" -cf "$T/layout.tar" .
	run --separate-stderr coi image import - --alias second --reference two <"$T/layout.tar"
	expect_status 0
	expect_stderr "1 of its 2 layers were there already"
	run --separate-stderr coi image info second --format json
	expect_equal "$(jq -r '.reference, .user, .env[1], (.layers | length)' <<<"$output" | tr '\n' ' ')" \
		"two nobody NAME=two 2 "
	# Nothing of it gets to a terminal as it is.
	run --separate-stderr coi image info second
	[[ "$output" != *$'\e'* ]]
	# An image that is made of a container of it says the same.
	coi container launch layered src
	coi image publish src published
	coi container delete --force src
	run --separate-stderr coi run --image published -- sh -c 'echo "$NAME"'
	expect_equal "$output" one
	within 15 quiet
	coi image delete published
	coi image delete layered
	coi image delete second
	run --separate-stderr coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias x --reference y
	expect_status 1
	expect_stderr "nothing to choose from"
	rm -r "$T/layout" "$T/layout.tar"
}

@test "verify: all is well, or what is not is named; as text, as json, for all" {
	local layer
	coi image import "$T/rootfs" --alias checked
	run --separate-stderr coi image verify checked
	expect_status 0
	expect_text "✓ checked: 1 layer, "
	run --separate-stderr coi image verify --all --format json
	expect_status 0
	jq -e '[.images[].status] | length == 2 and all(. == "ok")' <<<"$output"
	jq -e '[.layers[] | .objects > 100 and .difference_count == 0] | length == 2 and all' <<<"$output"
	layer=$COI_ROOT/layers/$(coi image info checked --format json | jq -r '.layers[0]')
	echo evil >>"$layer/fs/etc/passwd"
	printf x >"$layer/fs/etc/"$'\e[31mred'
	rm "$layer/fs/etc/shadow"
	run --separate-stderr coi image verify checked
	expect_status 1
	expect_text "✗ checked: not as it was made"
	expect_text "'etc/passwd': content, time"
	expect_text "'etc/shadow': missing"
	expect_text ": added"
	[[ "$output" != *$'\e'* ]]
	run --separate-stderr coi image verify --all --format json
	expect_status 1
	expect_equal "$(jq -c '[.images[] | select(.aliases == ["checked"]).status]' <<<"$output")" '["damaged"]'
	expect_equal "$(jq -c '[.images[] | select(.aliases == ["coi-default"]).status]' <<<"$output")" '["ok"]'
	expect_equal "$(jq -c '[.layers[].differences[] | select(.path == "etc/shadow")]' <<<"$output")" \
		'[{"path":"etc/shadow","what":"missing"}]'
	coi image delete checked
	run --separate-stderr coi image verify
	expect_status 2
	run --separate-stderr coi image verify coi-default --all
	expect_status 2
	run --separate-stderr coi image verify nonexistent
	expect_status 1
	expect_one_error
}

@test "verify: what a container, a snapshot and a build made" {
	coi container launch coi-default src
	coi container exec src -- sh -c 'echo 1 >/root/one; rm /etc/hostname 2>/dev/null; rm -r /opt; mkdir /opt'
	coi container stop --force src
	coi snapshot create first --container src
	coi container start src
	coi container exec src -- sh -c 'echo 2 >/root/two'
	coi container stop --force src
	coi image publish src pub
	run --separate-stderr coi image verify pub
	expect_status 0
	expect_text "3 layers"
	coi container delete --force src
	run --separate-stderr coi image verify pub
	expect_status 0
	coi image delete pub
}

@test "the progress of an import goes to standard error" {
	run --separate-stderr coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias progress
	expect_status 0
	[ -n "$stderr" ]
	[[ "$stderr" != *$'\r'* ]]
	coi image delete progress
}

@test "what is no image is refused, and the store is as before" {
	local before file
	before=$(store)
	: >"$T/empty"
	echo "not a tarball" >"$T/text"
	head -c 100000 /dev/urandom >"$T/noise"
	gzip -1 -c "${COI_TEST_IMAGE:-$T/image.tar}" | head -c 500000 >"$T/cut.tar.gz"
	head -c 3000000 "${COI_TEST_IMAGE:-$T/image.tar}" >"$T/cut.tar"
	# A directory given by mistake, and an archive of one.
	mkdir "$T/nothing"
	tar -C "$T/nothing" -cf "$T/nothing.tar" .
	for file in empty text noise cut.tar.gz cut.tar nonexistent nothing nothing.tar; do
		run --separate-stderr coi image import "$T/$file" --alias bad
		expect_status 1
		expect_one_error
		expect_equal "$(store)" "$before"
		run coi image exists bad
		expect_status 1
	done
}

@test "list, exists and info" {
	run --separate-stderr coi image list
	expect_status 0
	expect_text coi-default
	run --separate-stderr coi image list --format json
	expect_status 0
	jq -e '.[] | select(.aliases | index("coi-default")) | .fingerprint and (.size > 0) and .created_at' <<<"$output"
	run coi image exists coi-default
	expect_status 0
	[ -z "$output" ]
	run coi image exists nonexistent
	expect_status 1
	[ -z "$output" ]
	run --separate-stderr coi image info coi-default
	expect_status 0
	expect_text coi-default
	run --separate-stderr coi image info coi-default --format json
	expect_status 0
	jq -e '.aliases == [{name: "coi-default"}] and (.fingerprint | length) == 64 and .size > 0' <<<"$output"
	run --separate-stderr coi image info nonexistent
	expect_status 1
	expect_one_error
	coi image import "$T/rootfs" --alias an-other
	run --separate-stderr coi image list
	[[ "$output" != *an-other* ]]
	run --separate-stderr coi image list --all
	expect_status 0
	grep -Eqx 'ALIAS +SIZE +UPLOAD DATE' <<<"$output"
	grep -q '^an-other ' <<<"$output"
	run --separate-stderr coi image list --prefix an- --format text
	expect_status 0
	grep -Eqx 'ALIAS +SIZE +CREATED' <<<"$output"
	expect_text an-other
	[[ "$output" != *coi-default* ]]
	run --separate-stderr coi image list --prefix an- --format json
	jq -e 'map(.aliases) == [["an-other"]]' <<<"$output"
	coi image delete an-other
	run --separate-stderr coi image list --prefix none- --format text
	expect_status 0
	expect_text "No images found"
}

@test "export and import again are the same image" {
	run --separate-stderr coi image export coi-default "$T/out.tar.gz"
	expect_status 0
	[ -s "$T/out.tar.gz" ]
	coi image import "$T/out.tar.gz" --alias again
	run --separate-stderr coi run --image again -- sh -c 'id -un; stat -c %a /tmp; stat -c %u /home/code'
	expect_status 0
	expect_equal "${lines[*]}" "code 1777 1000"
	within 15 quiet
	coi image delete again
	coi image export coi-default - >"$T/stream"
	[ -s "$T/stream" ]
	run --separate-stderr coi image export nonexistent "$T/none"
	expect_status 1
	[ ! -e "$T/none" ]
	rm "$T/out.tar.gz" "$T/stream"
}

@test "a pipe and a device are written to, not replaced; a directory is refused before the work" {
	mkfifo "$T/pipe"
	cat "$T/pipe" >"$T/came" 3>&- &
	local reader=$!
	coi image export coi-default "$T/pipe" --compression none
	wait "$reader"
	[ -p "$T/pipe" ]
	coi image export coi-default "$T/file" --compression none
	cmp "$T/came" "$T/file"
	# A device of our own: the host's is not for trying.
	mknod "$T/null" c 1 3
	coi image export coi-default "$T/null"
	[ -c "$T/null" ]
	# Whose link that is nobody knows: in a workspace it may be a container's, and lead to a disk.
	ln -s null "$T/link"
	run --separate-stderr coi image export coi-default "$T/link"
	expect_status 1
	expect_one_error "'$T/link' is a link"
	not grep -q Exporting <<<"$stderr"
	[ "$(readlink "$T/link")" = null ]
	rm "$T/link"
	coi image export coi-default /dev/stdout --compression none >"$T/came"
	[ -L /dev/stdout ]
	cmp "$T/came" "$T/file"
	mkdir "$T/folder"
	run --separate-stderr coi image export coi-default "$T/folder"
	expect_status 1
	expect_one_error "folder"
	not grep -q Exporting <<<"$stderr"
	[ -z "$(find "$T" -maxdepth 1 -name '*.tmp-*')" ]
	rm -r "$T/pipe" "$T/came" "$T/file" "$T/null" "$T/folder"
}

@test "an import that waits for its archive and an export that nobody reads hear a signal" {
	local before job waiter words
	before=$(store)
	mkfifo "$T/pipe"
	sleep 60 <>"$T/pipe" 3>&- &
	waiter=$!
	for words in "import $T/pipe" "export coi-default $T/pipe --compression none"; do
		rm -f "$T/log"
		# shellcheck disable=SC2086
		"$COI" image $words >"$T/log" 2>&1 3>&- &
		job=$!
		within 10 grep -q 'porting …' "$T/log"
		kill -TERM "$job"
		gone() { ! kill -0 "$job" 2>/dev/null; }
		within 10 gone
		grep stopped "$T/log" || { cat "$T/log"; return 1; }
		[ "$(store)" = "$before" ]
		rm "$T/log" # before the next one is looked for
	done
	kill "$waiter"
	rm "$T/pipe"
}

@test "publish keeps its source" {
	coi container launch coi-default src
	coi container exec src -- sh -c 'echo published >/root/published'
	coi container stop --force src
	run --separate-stderr coi image publish src pub --description "a description" --compression xz
	expect_status 0
	expect_equal "$(jq -r .alias <<<"$output")" pub
	[[ "$(jq -r .fingerprint <<<"$output")" =~ ^[0-9a-f]{12,64}$ ]]
	expect_equal "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")" "alias fingerprint"
	expect_equal "$(coi image info pub --format json | jq -r .properties.description)" "a description"
	run --separate-stderr coi image publish src pub2 --compression rar
	expect_status 2
	coi container exists src
	run --separate-stderr coi run --image pub -- true
	expect_status 0
	coi container launch pub copy
	run --separate-stderr coi container exec copy -- cat /root/published
	expect_equal "$output" published
	# The source goes on working on its own.
	coi container start src
	coi container exec src -- sh -c 'echo more >>/root/published'
	run --separate-stderr coi container exec copy -- cat /root/published
	expect_equal "$output" published
	coi container delete --force src
	coi container delete --force copy
	coi image delete pub
	run --separate-stderr coi image publish nonexistent pub
	expect_status 1
}

@test "a container goes on when who copies it is killed, or its terminal goes" {
	local job signal
	coi container launch coi-default src
	coi container exec src -- sh -c 'head -c 300000000 /dev/zero >/root/large'
	is() { [ "$(coi container list --format json | jq -r '.[] | select(.name == "src").status')" = "$1" ]; }
	within 10 is Running
	for signal in KILL HUP; do
		for words in "image publish src pub" "snapshot create -c src cut-$signal"; do
			# shellcheck disable=SC2086
			"$COI" $words >/dev/null 2>&1 3>&- &
			job=$!
			within 20 is Frozen
			kill "-$signal" "$job"
			within 10 is Running
			coi container exec src -- true
		done
	done
	coi container delete --force src
}

@test "an image that a container uses is not deleted" {
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias used
	coi container launch used user
	run --separate-stderr coi image delete used
	coi container exec user -- true
	coi container stop --force user
	coi container start user
	coi container exec user -- true
	coi container delete --force user
	coi image delete used 2>/dev/null || true
}

@test "delete" {
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias away
	run --separate-stderr coi image delete away
	expect_status 0
	run --separate-stderr coi image delete away
	expect_status 1
	expect_one_error
	run --separate-stderr coi run --image away -- true
	expect_status 1
	coi run -- true
}

@test "an image can be deleted at once when its run has ended" {
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias at-once
	coi run --image at-once -- true
	run --separate-stderr coi image delete at-once
	expect_status 0
}

@test "cleanup keeps the newest" {
	local stamp
	for stamp in 20250101-000000 20250102-000000 20250103-000000; do
		echo "$stamp" >"$T/rootfs/etc/stamp"
		coi image import "$T/rootfs" --alias "old-$stamp"
	done
	rm "$T/rootfs/etc/stamp"
	run --separate-stderr coi image cleanup old-
	[ "$status" != 0 ]
	run --separate-stderr coi image cleanup old- --keep 0
	expect_status 2
	run --separate-stderr coi image cleanup old- --keep 1
	expect_status 0
	expect_stderr old-20250101-000000
	run coi image exists old-20250103-000000
	expect_status 0
	run coi image exists old-20250102-000000
	expect_status 1
	coi image delete old-20250103-000000
}

@test "aliases that are none are refused" {
	local name
	for name in "" . .. ../x "a b" $'a\nb' -x; do
		run --separate-stderr coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias="$name"
		[ "$status" != 0 ] || { echo "taken: '$name'"; return 1; }
	done
}

@test "hostile archives write nothing outside and leave nothing" {
	local before
	before=$(store)
	python3 - "$T" <<-'END'
		import io, sys, tarfile
		top = sys.argv[1]
		def make(name, *members):
		    with tarfile.open(f"{top}/evil-{name}.tar", "w", format=tarfile.PAX_FORMAT) as t:
		        for m in members:
		            i = tarfile.TarInfo(m[0])
		            i.type = m[1]
		            data = b""
		            if m[1] == tarfile.REGTYPE:
		                data = b"evil"
		                i.size = 4
		            else:
		                i.linkname = m[2] if len(m) > 2 else ""
		            if m[1] in (tarfile.CHRTYPE, tarfile.BLKTYPE):
		                i.devmajor, i.devminor = m[3], m[4]
		            t.addfile(i, io.BytesIO(data))
		R, D, S, H, C, B = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
		                    tarfile.CHRTYPE, tarfile.BLKTYPE)
		out = f"{top}/escaped"
		make("absolute", (out, R))
		make("dotdot", ("a/../../../../../../../.." + out, R))
		make("symlink", ("l", S, top), ("l/escaped", R))
		make("symlink-root", ("l", S, "/"), ("l" + out, R))
		make("symlink-chain", ("a", S, "b"), ("b", S, top), ("a/escaped", R))
		make("hardlink", ("h", H, "/etc/passwd"), ("h", R))
		make("hardlink-up", ("h", H, "../../../../../../etc/passwd"))
		make("disk", ("dev", D), ("dev/sda", B, "", 8, 0))
		make("mem", ("dev", D), ("dev/mem", C, "", 1, 1))
		make("whiteout", ("gone", C, "", 0, 0))
	END
	cp /etc/passwd "$T/passwd.before"
	local file
	for file in "$T"/evil-*.tar; do
		run --separate-stderr coi image import "$file" --alias evil
		[ ! -e "$T/escaped" ] || { echo "$file escaped"; return 1; }
		cmp /etc/passwd "$T/passwd.before"
		if [ "$status" = 0 ]; then
			# Taken with the entry made harmless: then nothing of it may lead out.
			coi image delete evil
		fi
		expect_equal "$(store)" "$before"
	done
	rm "$T"/evil-*.tar
}

@test "an image of the year 30489 is one of today; a damaged record says what to do" {
	mkdir -p "$T/late/rootfs/etc"
	echo late >"$T/late/rootfs/etc/late"
	printf 'architecture: x86_64\ncreation_date: 900000000000\n' >"$T/late/metadata.yaml"
	tar -C "$T/late" -cf "$T/late.tar" metadata.yaml rootfs
	coi image import "$T/late.tar" --alias late
	local print
	# What cannot be is as if it was not said: it is from today.
	coi image list --format json | jq -r '.[] | select(.aliases[0] == "late").created_at' >"$T/at"
	grep -q "^$(date +%Y)" "$T/at"
	print=$(coi image info late --format json | jq -r .fingerprint)
	cp "$COI_ROOT/images/$print/image.ini" "$T/late.ini"
	sed -i 's/^created = .*/created = 30489-11-11T16:00:00+00:00/' "$COI_ROOT/images/$print/image.ini"
	run --separate-stderr coi image list
	expect_status 1
	expect_stderr "has no valid time"
	expect_stderr "rm -r $COI_ROOT/images/$print"
	rm "$COI_ROOT/images/$print/image.ini"
	run --separate-stderr coi image list
	expect_status 1
	expect_stderr "rm -r $COI_ROOT/images/$print"
	cp "$T/late.ini" "$COI_ROOT/images/$print/image.ini"
	# The names of all, damaged and something else than a file.
	mv "$COI_ROOT/images/aliases.ini" "$T/names"
	for how in 'echo noise >' 'mkdir' 'mkfifo'; do
		eval "$how \"\$COI_ROOT/images/aliases.ini\""
		run --separate-stderr coi image list
		expect_status 1
		expect_stderr "mv $COI_ROOT/images/aliases.ini"
		rm -r "$COI_ROOT/images/aliases.ini"
	done
	coi image info "${print:0:12}" >"$T/at"
	mv "$T/names" "$COI_ROOT/images/aliases.ini"
	coi image delete late
}

@test "two imports at once" {
	"$COI" image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias par-1 &
	local first=$!
	"$COI" image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias par-2 &
	local second=$!
	wait "$first"
	wait "$second"
	coi image exists par-1
	coi image exists par-2
	coi image delete par-1
	coi image delete par-2
	coi run -- true
}

@test "an import that is killed leaves nothing after the next one" {
	local before i pid
	before=$(store)
	for i in 0.01 0.05 0.1 0.2; do
		"$COI" image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias killed >/dev/null 2>&1 &
		pid=$!
		sleep "$i"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	coi image delete killed 2>/dev/null || true
	# What they had started ends a moment later, and holds what it writes to until then.
	over() { [ -z "$(pids_of coi-archive)" ]; }
	within 10 over
	coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias after
	coi image delete after
	clean() { diff <(echo "$before") <(store); }
	within 10 clean
}
