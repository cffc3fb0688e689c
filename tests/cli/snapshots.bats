#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Snapshots: taken, listed, compared, restored, deleted, merged; cut off at every step.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default snapbox >"$T/out" 2>&1
	coi container exec snapbox --user 0 -- mkdir -p /srv
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	C=snapbox
	export COI_CONTAINER=$C
	coi container stop --force "$C" >/dev/null 2>&1 || true
	coi snapshot delete -c "$C" --all --force --flatten >/dev/null 2>&1 || true
}

in_it() { # COMMAND: as root inside, the container started and stopped again
	coi container start "$C" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	coi container exec "$C" --user 0 -- sh -c "$1"
	local status=$?
	coi container stop --force "$C" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	return $status
}

layers() {
	ls "$COI_ROOT/layers" | sort
}

# The container's files as a list with all metadata, read from inside.
tree() {
	in_it 'cd / && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \
		-o -path ./tmp -o -path ./workspace \) -prune -o -print | sort |
		while read -r f; do test -d "$f" && stat -c "%n %a %u %g" "$f" || stat -c "%n %a %u %g %s" "$f"; done
		find ./srv -type f -exec md5sum {} + | sort'
}

@test "what was there at a snapshot is there after a restore, what came later is kept beside" {
	in_it 'mkdir -p /srv/a && echo one >/srv/a/f && ln /srv/a/f /srv/a/g && chmod 4711 /srv/a/f &&
		ln -s f /srv/a/l && mknod /srv/a/p p && rm -f /etc/motd'
	run --separate-stderr coi snapshot create first --description 'the first one'
	expect_status 0
	in_it 'echo two >/srv/a/f; rm -r /srv/a/l; mkdir /srv/b; mv /srv/a /srv/c'
	run --separate-stderr coi snapshot restore first --force
	expect_status 0
	[[ $stderr == *before-restore-* ]]
	safety=$(grep -o 'before-restore-[0-9-]*' <<<"$stderr" | head -1)
	run in_it 'cat /srv/a/f; stat -c "%a %h" /srv/a/g; readlink /srv/a/l; test -p /srv/a/p && echo fifo
		ls /srv; test -e /etc/motd || echo no motd'
	expect_status 0
	expect_equal "$output" "$(printf 'one\n4711 2\nf\nfifo\na\nno motd')"
	run --separate-stderr coi snapshot restore "$safety" --force
	expect_status 0
	run in_it 'ls /srv; cat /srv/c/f'
	expect_equal "$output" "$(printf 'b\nc\ntwo')"
}

@test "a snapshot of a running container stands still, says so, and is complete" {
	coi container start "$C"
	coi container exec "$C" --user 0 -- sh -c 'echo live >/srv/live; (while :; do date +%s%N >/srv/clock; done) >/dev/null 2>&1 &'
	run --separate-stderr coi snapshot create hot
	expect_status 0
	[[ $stderr == *"stood still"* ]]
	coi container exec "$C" -- true
	coi container exec "$C" --user 0 -- rm /srv/live
	run --separate-stderr coi snapshot restore hot --force
	expect_status 1
	[[ $stderr == *"must be stopped"* ]]
	coi container stop --force "$C"
	coi snapshot restore hot --force
	run in_it 'cat /srv/live'
	expect_equal "$output" live
}

@test "list, info and the default name; JSON as scripts know it" {
	run --separate-stderr coi snapshot list
	expect_status 0
	expect_text 'has no snapshots'
	coi snapshot create
	coi snapshot create named --description 'why'
	run --separate-stderr coi snapshot list
	expect_status 0
	[[ $output =~ NAME\ +CREATED\ +STATEFUL ]]
	[[ $output =~ snap-[0-9]{8}-[0-9]{6}\ .*no ]]
	expect_text 'Total: 2 snapshots'
	run --separate-stderr coi snapshot list --format json
	expect_equal "$(jq -r '.container, (.snapshots | length), .snapshots[1].name, .snapshots[1].stateful, .snapshots[1].description' <<<"$output" | tr '\n' ' ')" "$C 2 named false why "
	run --separate-stderr coi snapshot list --all --format json
	expect_equal "$(jq -r --arg c "$C" '.[$c] | length' <<<"$output")" 2
	jq -e --arg c "$C" '.[$c] | all(.created_at | test("^[0-9]{4}-"))' <<<"$output"
	run --separate-stderr coi snapshot info named --format json
	expect_equal "$(jq -r '.container + " " + .snapshot.name' <<<"$output")" "$C named"
	run --separate-stderr coi snapshot info named
	expect_text 'Description: why'
}

@test "several without a name within a second: each has one of its own" {
	for k in 1 2 3 4; do
		coi snapshot create
	done
	run --separate-stderr coi snapshot list --format json
	expect_equal "$(jq '[.snapshots[].name | select(startswith("snap-"))] | unique | length' <<<"$output")" 4
}

@test "what is refused: names, duplicates, memory, unknown ones, no name to delete" {
	coi snapshot create there
	run --separate-stderr coi snapshot create there
	expect_status 1
	[[ $stderr == *"already"* ]]
	for name in ../x .x 'a b' a/b "$(printf 'a\033[31mb')" "$(printf '%0100d' 1)" -; do
		run --separate-stderr coi snapshot create -- "$name"
		[ "$status" -eq 2 ]
		[[ $stderr != *$'\033'* ]]
	done
	run --separate-stderr coi snapshot create --stateful
	expect_status 2
	[[ $stderr == *"running processes"* ]]
	run --separate-stderr coi snapshot restore there --stateful
	expect_status 2
	run --separate-stderr coi snapshot restore nowhere --force
	expect_status 1
	[[ $stderr == *"no snapshot 'nowhere'"* ]]
	run --separate-stderr coi snapshot delete
	expect_status 2
	run --separate-stderr coi snapshot info ../../../etc/passwd
	expect_status 1
	COI_CONTAINER=nobody run --separate-stderr coi snapshot list
	expect_status 1
	[[ $stderr == *'$COI_CONTAINER'* ]]
}

@test "restore and delete --all ask first; a no changes nothing" {
	coi snapshot create keep
	run --separate-stderr bash -c '"$COI" snapshot restore keep <<<n'
	expect_status 0
	[[ $stderr == *Cancelled* ]]
	run --separate-stderr bash -c '"$COI" snapshot delete --all <<<no'
	expect_status 0
	[[ $stderr == *keep* ]]
	coi snapshot info keep >/dev/null
	run --separate-stderr bash -c '"$COI" snapshot delete --all <<<yes'
	expect_status 0
	run --separate-stderr coi snapshot info keep
	expect_status 1
	# With a yes it is done; with --force nobody is asked.
	in_it 'echo one >/srv/asked'
	coi snapshot create keep
	in_it 'echo two >/srv/asked'
	run --separate-stderr bash -c '"$COI" snapshot restore keep <<<y'
	expect_status 0
	run in_it 'cat /srv/asked'
	expect_equal "$output" one
	run --separate-stderr coi snapshot delete --all --force </dev/null
	expect_status 0
	[[ $stderr != *"[y/N]"* ]]
	run --separate-stderr coi snapshot info keep
	expect_status 1
}

@test "a layer goes with its last user, and all of them with the container" {
	before=$(layers)
	in_it 'echo x >/srv/x'
	coi snapshot create one
	in_it 'echo y >/srv/y'
	coi snapshot create two
	n=$(layers | wc -l)
	coi snapshot delete two
	# The container itself stands on both.
	[ "$(layers | wc -l)" -eq "$n" ]
	coi snapshot restore one --force >/dev/null 2>&1
	safety=$(coi snapshot list --format json | jq -r '.snapshots[].name' | grep before-restore)
	coi snapshot delete "$safety"
	[ "$(layers | wc -l)" -lt "$((n + 1))" ]
	n=$(layers | wc -l)
	for state in stopped running; do
		coi container launch coi-default gone
		coi container stop --force gone
		coi snapshot create -c gone s1
		coi snapshot create -c gone s2
		[ "$(layers | wc -l)" -gt "$n" ]
		[ $state = stopped ] || coi container start gone
		coi container delete --force gone
		expect_equal "$(layers | wc -l)" "$n"
	done
	run --separate-stderr coi clean --orphans --force
	expect_status 0
	for l in $(layers); do
		grep -rq "$l" "$COI_ROOT/containers" "$COI_ROOT/images" || { echo "orphan $l"; return 1; }
	done
}

@test "--flatten makes one layer of many, and every file is what it was" {
	in_it 'mkdir -p /srv/d/e /srv/gone; echo 1 >/srv/d/1; echo s >/srv/gone/s; setfattr -n user.k -v v /srv/d/1 2>/dev/null; ln /srv/d/1 /srv/d/link; chown 1000:1000 /srv/d'
	coi snapshot create s1
	in_it 'rm -r /srv/gone; mv /srv/d/e /srv/d/moved; echo 2 >/srv/d/moved/2; rm /bin/busybox.none 2>/dev/null; : >/srv/gone'
	coi snapshot create s2
	in_it 'rm /srv/gone; mkdir -m 1777 /srv/gone; echo 3 >/srv/gone/3; dd if=/dev/zero of=/srv/sparse bs=1 count=1 seek=1M 2>/dev/null; rm /srv/d/link; rm -f /etc/hostname.orig'
	coi snapshot create s3
	want=$(tree)
	chain() { grep -c '^[0-9]* *=' <(sed -n '/^\[layers\]/,/^\[/p' "$COI_ROOT/containers/$C/container.ini"); }
	n=$(chain)
	coi snapshot delete s1
	coi snapshot delete s2
	run --separate-stderr coi snapshot delete --flatten
	expect_status 0
	[[ $stderr == *fewer* ]]
	[ "$(chain)" -lt "$n" ]
	got=$(tree)
	[ "$want" = "$got" ] || { diff <(echo "$want") <(echo "$got"); return 1; }
	run --separate-stderr coi snapshot restore s3 --force
	expect_status 0
	got=$(tree)
	[ "$want" = "$got" ] || { diff <(echo "$want") <(echo "$got"); return 1; }
}

@test "diff: added, modified, mode, deleted; against the image, a snapshot, between two" {
	coi snapshot create base
	in_it 'mkdir /srv/n; echo a >/srv/n/f; echo mod >>/etc/passwd; chmod 600 /etc/group; touch /etc/hosts; ln -s q "/srv/n/$(printf "bad\033[31m")"'
	run --separate-stderr coi snapshot diff base
	expect_status 0
	grep -qx 'A  /srv/n/' <<<"$output"
	grep -qx 'A  /srv/n/f' <<<"$output"
	grep -qx 'M  /etc/passwd' <<<"$output"
	grep -qx 'm  /etc/group' <<<"$output"
	[[ $output != *$'\033'* ]]
	[[ $output != *"/etc/hosts"* ]]
	coi snapshot create later
	in_it 'rm -r /srv/n'
	run --separate-stderr coi snapshot diff later
	expect_status 0
	grep -qx 'D  /srv/n/' <<<"$output"
	[[ $output != *"/srv/n/f"* ]]
	run --separate-stderr coi snapshot diff base later --format json
	expect_status 0
	expect_equal "$(jq -r '.changes[] | select(.path == "/etc/group") | .change' <<<"$output")" mode
	run --separate-stderr coi snapshot diff later base
	grep -qx 'D  /srv/n/' <<<"$output"
	run --separate-stderr coi diff "$C"
	expect_status 0
	grep -qx 'M  /etc/passwd' <<<"$output"
	coi container start "$C"
	coi container exec "$C" --user 0 -- touch /srv/running
	run --separate-stderr coi diff "$C"
	expect_status 0
	grep -qx 'A  /srv/running' <<<"$output"
	coi container exec "$C" --user 0 -- sh -c 'echo still works >/srv/after'
}

@test "cut off at every step of the plan: the files are there, nothing is left" {
	in_it 'echo precious >/srv/precious'
	points=$("$COI_TEST_BUILD/coi-supervisor" --plans | awk -F '\t' '/^snapshot:/ { print $1 }')
	[ "$(wc -w <<<"$points")" -ge 5 ]
	before=$(layers)
	for state in stopped running; do
		[ $state = stopped ] || coi container start "$C"
		for point in $points; do
			for phase in before after; do
				run env COI_CRASH_AT="$point:$phase" "$COI" snapshot create "s-$state"
				# Behind its last step it is there; before, it never was.
				if [ "$point:$phase" = snapshot:record:after ]; then
					coi snapshot delete "s-$state" || return 1
					continue
				fi
				[ "$status" -ne 0 ] || { echo "$point:$phase did not end it"; return 1; }
				run --separate-stderr coi snapshot list
				[[ $output != *"s-$state"* ]] || { echo "$point:$phase"; echo "$output"; return 1; }
				coi list >/dev/null
				if [ $state = running ]; then
					run coi container exec "$C" -- cat /srv/precious
				else
					run in_it 'cat /srv/precious'
				fi
				[ "$output" = precious ] || { echo "$state $point:$phase: $output"; return 1; }
			done
		done
	done
	coi container stop --force "$C"
	coi snapshot delete --flatten
	run --separate-stderr coi clean --orphans --force
	expect_status 0
	for l in $(layers); do
		grep -rq "$l" "$COI_ROOT/containers" "$COI_ROOT/images" || { echo "orphan $l"; return 1; }
	done
}

@test "cut off in restore, delete and flatten: every command works and every byte is there" {
	in_it 'echo one >/srv/v'
	coi snapshot create one
	in_it 'echo two >/srv/v'
	coi snapshot create two
	in_it 'echo three >/srv/v'
	for point in restore:record:before restore:record:after; do
		COI_CRASH_AT=$point "$COI" snapshot restore one --force >"$T/out" 2>&1 || true
		run in_it 'cat /srv/v'
		[[ $output = one || $output = three ]] || { echo "$point: $output"; return 1; }
		safety=$(coi snapshot list --format json | jq -r '[.snapshots[].name | select(startswith("before"))] | last')
		coi snapshot restore "$safety" --force
		run in_it 'cat /srv/v'
		expect_equal "$output" three
	done
	for point in intent:after layer:after snapshot:after record:after; do
		in_it 'echo extra >>/srv/w'
		coi snapshot create extra1
		in_it 'echo extra >>/srv/w'
		coi snapshot create extra2
		COI_CRASH_AT=snapshot-delete:record:after "$COI" snapshot delete extra1 >"$T/out" 2>&1 || true
		run --separate-stderr coi snapshot info extra1
		expect_status 1
		want=$(tree)
		COI_CRASH_AT=flatten:$point "$COI" snapshot delete --flatten >"$T/out" 2>&1 || true
		got=$(tree)
		[ "$want" = "$got" ] || { echo "$point"; diff <(echo "$want") <(echo "$got"); return 1; }
		coi snapshot restore two --force
		run in_it 'cat /srv/v'
		expect_equal "$output" two
		coi snapshot restore extra2 --force
		coi snapshot delete extra2
	done
	coi snapshot delete --all --force --flatten
	run --separate-stderr coi clean --orphans --force
	expect_status 0
	for l in $(layers); do
		grep -rq "$l" "$COI_ROOT/containers" "$COI_ROOT/images" || { echo "orphan $l"; return 1; }
	done
}

@test "publish from a container with snapshots, and a copy of the image outlives them" {
	in_it 'echo p1 >/srv/p1'
	coi snapshot create p
	in_it 'echo p2 >/srv/p2'
	coi image publish "$C" snappub >/dev/null
	coi snapshot delete p
	coi snapshot delete --flatten
	run --separate-stderr coi run --image snappub -- sh -c 'cat /srv/p1 /srv/p2'
	expect_status 0
	expect_equal "$output" "$(printf 'p1\np2')"
	within 15 quiet
	coi image delete snappub
}

@test "a merge cut off between two records: the snapshot that has the new layer keeps it" {
	in_it 'rm -f /srv/w'
	for k in a b c; do
		in_it "echo $k >>/srv/w"
		coi snapshot create $k
	done
	coi snapshot delete a
	run env COI_CRASH_AT=flatten:snapshot:after "$COI" snapshot delete --flatten
	[ "$status" -eq 137 ]
	coi list >/dev/null
	coi snapshot restore b --force
	run in_it 'cat /srv/w'
	expect_equal "$output" "$(printf 'a\nb')"
}

@test "a record that cannot be written: the snapshot fails, the container keeps its files" {
	in_it 'mkdir -p /srv; echo precious >/srv/precious'
	for mode in once always; do
		for k in 1 2 3 4; do
			when=$k
			[ $mode = once ] || when=$k+
			st=0
			strace -f -o "$T/trace" -e trace=rename,renameat \
				-e inject=rename,renameat:error=EIO:when=$when \
				"$COI" snapshot create "$mode-$k" >"$T/out" 2>&1 || st=$?
			expect_equal "$st" 1
			grep -q INJECTED "$T/trace"
			run in_it 'cat /srv/precious'
			[ "$output" = precious ] || { echo "$mode $k: $output"; return 1; }
		done
	done
	run --separate-stderr coi snapshot list
	[[ $output != *once-* && $output != *always-* ]]
}

@test "a disk that is full: the snapshot fails, the container is what it was" {
	truncate -s 256M "$T/disk"
	mkfs.ext4 -q -O ^has_journal "$T/disk"
	mkdir -p "$T/small"
	mount -o loop "$T/disk" "$T/small"
	small=$T/small/root
	COI_ROOT=$small coi image import "${COI_TEST_IMAGE:-$T/image.tar}" --alias coi-default >/dev/null 2>&1
	COI_ROOT=$small coi container launch coi-default full >/dev/null 2>&1
	COI_ROOT=$small coi container exec full --user 0 -- sh -c 'mkdir -p /srv; dd if=/dev/zero of=/srv/big bs=1M count=60 2>/dev/null; md5sum /srv/big' >"$T/want"
	dd if=/dev/zero of="$T/small/fill" bs=64k 2>/dev/null || true
	COI_ROOT=$small COI_CONTAINER=full run --separate-stderr coi snapshot create hot
	expect_status 1
	[[ $stderr == *"no space left"* || $stderr == *"No space left"* ]]
	rm "$T/small/fill"
	COI_ROOT=$small coi container exec full --user 0 -- md5sum /srv/big >"$T/got"
	cmp "$T/want" "$T/got"
	COI_ROOT=$small COI_CONTAINER=full coi snapshot list | grep -q 'no snapshots'
	COI_ROOT=$small coi container stop --force full
	dd if=/dev/zero of="$T/small/fill" bs=4k 2>/dev/null || true
	COI_ROOT=$small COI_CONTAINER=full run --separate-stderr coi snapshot create cold
	rm "$T/small/fill"
	COI_ROOT=$small coi container start full
	COI_ROOT=$small coi container exec full --user 0 -- md5sum /srv/big >"$T/got"
	cmp "$T/want" "$T/got"
	COI_ROOT=$small coi container delete --force full
	within 20 umount "$T/small"
}

@test "a chain of 300 layers starts, is compared, merged, and starts again" {
	in_it 'echo first >/srv/first'
	n=$(long 120 300)
	for ((k = 0; k < n; k++)); do
		"$COI" snapshot create "c$k" >/dev/null 2>&1 || { echo "$k"; return 1; }
	done
	run in_it 'cat /srv/first; echo last >/srv/last'
	expect_equal "$output" first
	run --separate-stderr coi snapshot diff c0
	expect_status 0
	grep -qx 'A  /srv/last' <<<"$output"
	coi snapshot restore c5 --force
	run in_it 'cat /srv/first; ls /srv/last 2>/dev/null'
	expect_equal "${lines[0]}" first
	coi snapshot delete --all --force --flatten
	run in_it 'cat /srv/first'
	expect_equal "$output" first
	[ "$(sed -n '/^\[layers\]/,/^\[/p' "$COI_ROOT/containers/$C/container.ini" | grep -c '^[0-9]')" -le 3 ]
}

@test "names that are no UTF-8, device nodes and deep trees go into a layer and out again" {
	in_it 'cd /srv && touch "$(printf "n\377\001x")" && mknod z c 1 5 2>/dev/null; mkfifo ff; d=deep; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do d=$d/deep; done; mkdir -p $d; echo x >$d/f'
	want=$(tree)
	coi snapshot create odd
	in_it 'rm -rf /srv/deep /srv/ff; rm -f /srv/n*'
	coi snapshot create gone
	coi snapshot restore odd --force
	got=$(tree)
	[ "$want" = "$got" ] || { diff <(echo "$want") <(echo "$got"); return 1; }
	coi snapshot delete gone
	coi snapshot delete --flatten
	got=$(tree)
	[ "$want" = "$got" ] || { diff <(echo "$want") <(echo "$got"); return 1; }
}

@test "two at once, and one of a container that is being deleted: one line each, nothing lost" {
	local pids=
	in_it 'echo keep >/srv/keep'
	for k in 1 2 3 4 5 6; do
		"$COI" snapshot create "race$k" >"$T/race.$k" 2>&1 3>&- &
		pids+=" $!"
	done
	wait $pids
	for k in 1 2 3 4 5 6; do
		coi snapshot info "race$k" >/dev/null || { cat "$T/race.$k"; return 1; }
	done
	"$COI" snapshot create same >"$T/same.1" 2>&1 3>&- &
	pids=$!
	"$COI" snapshot create same >"$T/same.2" 2>&1 3>&- &
	wait $pids || true
	wait $! || true
	[ "$(cat "$T/same.1" "$T/same.2" | grep -c 'has a snapshot .same. already')" = 1 ]
	run in_it 'cat /srv/keep'
	expect_equal "$output" keep
	coi container launch coi-default dying >/dev/null 2>&1
	"$COI" container delete --force dying >"$T/d" 2>&1 3>&- &
	pids=$!
	run coi snapshot create -c dying late
	wait $pids
	run coi container exists dying
	expect_status 1
	within 20 orphan_free
}

orphan_free() {
	local l
	for l in $(layers); do
		grep -rq "$l" "$COI_ROOT/containers" "$COI_ROOT/images" || return 1
	done
}

@test "a layer that is gone, and a state directory that is read-only: said, nothing half done" {
	in_it 'echo a >/srv/a'
	coi snapshot create whole
	id=$(sed -n 's/^.*= *default:\([0-9a-f]*\)$/\1/p' "$COI_ROOT/containers/$C/snapshots/whole.ini" | tail -1)
	mv "$COI_ROOT/layers/$id" "$T/hidden"
	run --separate-stderr coi container start "$C"
	[ "$status" -ne 0 ]
	[[ $stderr == *layer* ]]
	run --separate-stderr coi snapshot diff whole
	[ "$status" -ne 0 ]
	# Another's directory in its place, or in that of its tree.
	for part in "$id" "$id/fs"; do
		mkdir -p "$COI_ROOT/layers/$id"
		[ "$part" = "$id" ] && rmdir "$COI_ROOT/layers/$id" || cp "$T/hidden/layer.ini" "$COI_ROOT/layers/$id"
		ln -s "$T/hidden${part#"$id"}" "$COI_ROOT/layers/$part"
		for job in "container start $C" "diff $C" "snapshot diff whole" "image publish $C pub" \
			"file pull $C:/srv/a a"; do
			# shellcheck disable=SC2086
			run --separate-stderr coi $job
			[ "$status" -eq 1 ] && [[ $stderr == *"${id:0:12}"*"/layers/$id"* ]] ||
				{ echo "$part: $job: $status $stderr"; return 1; }
		done
		rm -r "$COI_ROOT/layers/$id" 2>/dev/null || rm "$COI_ROOT/layers/$id"
	done
	mv "$T/hidden" "$COI_ROOT/layers/$id"
	run in_it 'cat /srv/a'
	expect_equal "$output" a
	mount --bind "$COI_ROOT" "$COI_ROOT"
	mount -o remount,ro,bind "$COI_ROOT"
	run --separate-stderr coi snapshot create never
	umount "$COI_ROOT"
	[ "$status" -eq 1 ]
	[ -n "$stderr" ]
	run in_it 'cat /srv/a'
	expect_equal "$output" a
}

@test "a snapshot's record that makes no sense stops what needs it, and keeps its layers" {
	coi snapshot create sound
	coi snapshot create broken
	printf 'format = 1\ncreated = never\n[layers]\ncount = 99\n' >"$COI_ROOT/containers/$C/snapshots/broken.ini"
	run --separate-stderr coi snapshot list
	expect_status 1
	[[ $stderr == *broken* ]]
	n=$(layers | wc -l)
	run --separate-stderr coi snapshot delete sound
	[ "$(layers | wc -l)" -ge "$((n - 1))" ]
	run --separate-stderr coi clean --orphans --force
	run in_it true
	expect_status 0
	rm "$COI_ROOT/containers/$C/snapshots/broken.ini"
	coi list >/dev/null
}

@test "the first snapshot cut off, then everything is cleaned: nothing of the container is lost" {
	for point in layer:after freeze:before freeze:after snapshot:before; do
		coi container launch coi-default fresh >/dev/null 2>&1
		coi container exec fresh --user 0 -- sh -c 'echo precious >/precious'
		coi container stop --force fresh >/dev/null 2>&1
		COI_CRASH_AT=snapshot:$point "$COI" snapshot create -c fresh one >"$T/out" 2>&1 || true
		timeout 60 "$COI" clean --orphans --force >"$T/out" 2>&1
		coi container start fresh >/dev/null 2>&1
		run coi container exec fresh -- cat /precious
		expect_equal "$output" precious
		coi container delete --force fresh >/dev/null 2>&1
	done
}

@test "a slot whose container died while it was deleted, snapshots and all, is free again" {
	unset COI_CONTAINER
	coi run --persistent -- true >/dev/null 2>&1
	name=$(coi list --format json | jq -r '.active_containers[0].name')
	coi snapshot create -c "$name" one >/dev/null 2>&1
	COI_CRASH_AT=teardown:record:undo "$COI" container delete --force "$name" >"$T/out" 2>&1 || true
	grep -q '^state *= *deleting' "$COI_ROOT/containers/$name/container.ini"
	run timeout 60 "$COI" run -- echo again
	expect_status 0
	[[ $output == *again* ]]
	within 15 quiet
	within 10 orphan_free
}

@test "names of what monitoring has killed are nobody's to give" {
	run --separate-stderr coi snapshot create forensics-mine
	expect_status 1
	expect_stderr "forensics-"
	[ "$(coi snapshot list --format json | jq -r '.. | .name? // empty' | wc -l)" = 0 ]
}
