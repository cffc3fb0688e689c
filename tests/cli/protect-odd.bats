#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Protected paths where things go wrong: power cuts, file systems that are full, read-only or
# of user space, and what is made while a container runs.

setup_file() {
	load ../lib/common
	coi_setup
	git config --global --add safe.directory '*'
	git config --global user.name x
	git config --global user.email x@example.invalid
	git config --global init.defaultBranch main
	cp "$HOME/.coi/config.toml" "$T/config.base"
	cd "$T"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	within 15 quiet
	cp "$T/config.base" "$HOME/.coi/config.toml"
	remove_workspaces
	mkdir "$T/place"
	make_repo "$T/ws"
	cd "$T/ws"
}

teardown() {
	cd "$T"
	unset COI_CRASH_AT
	coi kill --all --force >/dev/null 2>&1 || true
	coi clean --orphans --force >/dev/null 2>&1 || true
	within 15 quiet
	umount -l "$T/place" 2>/dev/null || true
	remove_workspaces
}

remove_workspaces() {
	cd "$T" || return 1
	chattr -R -i "$T/ws" 2>/dev/null || true
	rm -rf --one-file-system "$T/ws" "$T/place" "$T/back"
}

make_repo() {
	mkdir -p "$1"
	git -C "$1" init -q
	echo one >"$1/file"
	git -C "$1" add file
	git -C "$1" commit -q -m one
	chown -R 1234:1234 "$1"
}

settings() { # LINE... below [security]
	{ cat "$T/config.base"; echo "[security]"; printf '%s\n' "$@"; } >"$HOME/.coi/config.toml"
}

tree() {
	(cd "${1:-.}" && find . -path ./.git/objects -prune -o -printf '%y %p %l\n' | sort)
}

immutable() { # PATH...: those that are immutable
	lsattr -d "$@" | sed -n 's/^[^ ]*i[^ ]* //p'
}

session_begin() {
	coi shell --debug --background "$@" >"$T/begin.log" 2>&1 || {
		cat "$T/begin.log"
		return 1
	}
	name=$(container_name 1)
}

as_root() {
	coi container exec "$name" -- "$@"
}

as_owner() {
	setpriv --reuid 1234 --regid 1234 --clear-groups "$@"
}

# Root inside tries to write each of them in some ways, and none arrives.
expect_protected() { # PATH...
	local path
	for path; do
		as_root sh -c "cd /workspace || exit
			put() { if [ -d \"\$1\" ]; then touch \"\$1/evil\"; else echo evil >>\"\$1\"; fi; }
			put $path; umount -l $path; put $path; mount -o remount,bind,rw $path; put $path
			mv $path away && cp -a away $path && put $path; rm -rf $path; mkdir -p $path && put $path
			unshare -m sh -c 'umount -l $path; echo evil >>$path; touch $path/evil'; rm -rf away" >/dev/null 2>&1 || true
		[ -e "$path" ] && [ ! -e "$path/evil" ]
		[ -d "$path" ] || ! grep -q evil "$path"
	done
}

# The end of everything at once, then records of another boot.
power_cut() { # [DEVICE NUMBERS CHANGE]
	local file
	power_off
	for file in "$COI_ROOT"/containers/*/{container.ini,placeholders.ini,immutable.json}; do
		[ -e "$file" ] || continue
		sed -i "s/$(cat /proc/sys/kernel/random/boot_id)/00000000-1111-2222-3333-444444444444/" "$file"
		case $file in
		*placeholders.ini) sed -i 's/^dev *=.*/dev = 987654/' "$file" ;;
		*.json) sed -i 's/"dev": [0-9]*/"dev": 987654/' "$file" ;;
		esac
	done
}

@test "after a power cut nothing is immutable and no placeholder left, whatever the disk is called now" {
	local before
	before=$(tree)
	session_begin --persistent
	[ -e .git/commondir ]
	expect_equal "$(immutable .git/config .coi)" $'.git/config\n.coi'
	power_cut
	expect_equal "$(immutable .git/config)" .git/config
	coi list >/dev/null
	[ -z "$(immutable .git/config .git/hooks)" ]
	expect_equal "$(tree)" "$before"
	[ ! -e "$HOME/.coi/immutable-locks/$name.json" ]
	# And it starts again, protected as before.
	coi container start "$name"
	expect_protected .git/config .coi
	coi container stop --force "$name"
	expect_equal "$(tree)" "$before"
	# One that is ephemeral, and its own command.
	coi kill --all --force
	"$COI" run -- sleep 1000 >/dev/null 2>&1 3>&- &
	there() { [ -e .git/commondir ]; }
	within 20 there
	power_cut
	coi clean --orphans --force
	[ -z "$(immutable .git/config .git/hooks)" ]
	expect_equal "$(tree)" "$before"
}

@test "a directory of the same name is not taken for the one that was marked" {
	session_begin --persistent
	power_cut
	mv "$T/ws" "$T/back"
	make_repo "$T/ws"
	mkdir "$T/ws/.coi"
	chattr +i "$T/ws/.git/config"
	coi list >/dev/null
	expect_equal "$(immutable "$T/ws/.git/config")" "$T/ws/.git/config"
	[ -d "$T/ws/.coi" ]
	chattr -R -i "$T/ws" "$T/back" 2>/dev/null || true
}

@test "a workspace that is read-only on the host is told nothing and protected all the same" {
	local before
	before=$(tree)
	mount --bind "$T/ws" "$T/place"
	mount -o remount,bind,ro "$T/place"
	cd "$T/place"
	run --separate-stderr coi run -- sh -c 'touch x || cat file; touch .coi/x || touch .git/hooks/x'
	[ "$status" != 0 ]
	expect_equal "$output" one
	[[ "$stderr" != *arning* ]]
	session_begin
	run as_root sh -c 'mount -o remount,bind,rw /workspace; touch /workspace/.git/hooks/x /workspace/x'
	[ "$status" != 0 ]
	coi kill --all --force
	cd "$T/ws"
	expect_equal "$(tree)" "$before"
	[ -z "$(immutable .git/config)" ]
}

@test "a full disk: it is said what cannot be made, and nothing is left" {
	mount -t tmpfs -o size=1m,nr_inodes=80 tmpfs "$T/place"
	make_repo "$T/place/repo"
	cd "$T/place/repo"
	local i before
	# shellcheck disable=SC2188 # an empty file each
	for i in $(seq 100); do >"full-$i" || break; done 2>/dev/null
	before=$(tree)
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "cannot make the placeholder '.coi': No space left on device"
	within 10 quiet
	expect_equal "$(tree)" "$before"
	rm full-1 full-2 full-3
	run --separate-stderr coi run -- true
	expect_status 1
	within 10 quiet
	rm -f full-*
	run --separate-stderr coi run -- true
	expect_status 0
	within 5 test ! -e .coi
	[ ! -e .git/commondir ] && [ ! -e .husky ]
}

@test "a full disk under the records: what cannot be noted is not done" {
	local before root=$COI_ROOT
	before=$(tree)
	fill() { # so that little fits
		dd if=/dev/zero of="$T/place/fill" bs=1M 2>/dev/null || true
		dd if=/dev/zero of="$T/place/fill2" bs=4k 2>/dev/null || true
	}
	mount -t tmpfs -o size=64m tmpfs "$T/place"
	mkdir -m 0755 "$T/place/run"
	export COI_ROOT=$T/place/run
	# An image cannot be imported there without room: containers on a full disk come late.
	coi image import "$COI_TEST_IMAGE" --alias coi-default >/dev/null
	fill
	run --separate-stderr coi run -- true
	[ "$status" != 0 ]
	expect_one_error
	[ -z "$(immutable .git/config .git/hooks)" ]
	expect_equal "$(tree)" "$before"
	export COI_ROOT=$root
}

# A file system of user space has no id-mapped mounts and no immutable files.
@test "a file system of user space: protected by mounts, told once, re-attached" {
	mkdir "$T/back"
	rm -f "$T/fuse.log"
	/usr/bin/python3 "$COI_TEST_SRC/tests/lib/fuse-peer.py" "$T/back" "$T/place" >"$T/fuse.log" 2>&1 3>&- &
	local peer=$! before
	within 5 grep -q mounted "$T/fuse.log"
	make_repo "$T/place/repo"
	cd "$T/place/repo"
	before=$(tree)
	run --separate-stderr coi run -- sh -c 'git status --short; echo two >file && git commit -q -a -m two && git log --format=%s -1'
	expect_status 0
	expect_equal "$output" two
	expect_stderr "has no id-mapped mounts: its owner gets a place"
	expect_stderr "the file system of the workspace has no such mark"
	expect_equal "$(stat -c %u:%g file)" 1234:1234
	within 5 test ! -e .coi
	session_begin
	expect_protected .git/config .git/hooks .git/commondir .coi .husky
	sleep 0.5
	as_owner git config a.b c
	refused() {
		local said
		said=$(as_root sh -c "echo evil >>/workspace/.git/config" 2>&1) || true
		[[ "$said" == *"Read-only file system"* ]] || { echo "$said"; return 1; }
	}
	within 5 refused
	coi kill --all --force
	within 5 test ! -e .coi
	expect_equal "$(tree | grep -v 'logs\|COMMIT_EDITMSG\|ORIG_HEAD')" "$(grep -v 'logs\|COMMIT_EDITMSG\|ORIG_HEAD' <<<"$before")"
	git fsck --no-progress
	cd "$T"
	within 15 quiet
	umount "$T/place"
	wait "$peer" || true
}

@test "a look that takes long: the container is frozen meanwhile, and goes on when all is well" {
	mkdir "$T/back"
	rm -f "$T/fuse.log"
	/usr/bin/python3 "$COI_TEST_SRC/tests/lib/fuse-peer.py" "$T/back" "$T/place" >"$T/fuse.log" 2>&1 3>&- &
	local peer=$! log
	within 5 grep -q mounted "$T/fuse.log"
	# Without a repository: its HEAD would be looked at first.
	make_workspace "$T/place/dir"
	cd "$T/place/dir"
	session_begin
	log=$COI_ROOT/containers/$name/supervisor.log
	cd "$T"
	sleep 0.5
	touch "$T/back.slow"
	coi container exec "$name" --user 0 --cwd / -- sh -c 'mkdir /made && mount -t tmpfs none /made'
	within 10 test -e "$COI_ROOT/run/$name/still-protect"
	rm "$T/back.slow"
	within 10 test ! -e "$COI_ROOT/run/$name/still-protect"
	coi container exec "$name" --cwd / -- true
	not grep -E "not in place|were replaced" "$log"
	coi kill --all --force
	within 15 quiet
	umount "$T/place"
	wait "$peer" || true
}

@test "a file system of user space that ends while a container runs does not hang coi" {
	mkdir "$T/back"
	rm -f "$T/fuse.log"
	/usr/bin/python3 "$COI_TEST_SRC/tests/lib/fuse-peer.py" "$T/back" "$T/place" >"$T/fuse.log" 2>&1 3>&- &
	local peer=$!
	within 5 grep -q mounted "$T/fuse.log"
	make_repo "$T/place/repo"
	cd "$T/place/repo"
	session_begin
	cd "$T"
	kill -9 "$peer"
	wait "$peer" || true
	coi list >/dev/null
	run timeout 60 "$COI" kill "$name"
	expect_status 0
	run coi list --format json
	[[ "$output" != *"$name"* ]]
}
