#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The state directory, the person's home and the workspace on other file systems than the
# machine's: xfs, and btrfs with subvolumes, where one file system has many device numbers.

setup_file() {
	load ../lib/common
	coi_setup_bare
	local kind
	truncate -s 3G "$T/xfs.disk" "$T/btrfs.disk"
	mkfs.xfs -q "$T/xfs.disk"
	mkfs.btrfs -q "$T/btrfs.disk"
	for kind in xfs btrfs; do
		mkdir "$T/$kind"
		grep -qw "$kind" /proc/filesystems || continue
		mount -o loop "$T/$kind.disk" "$T/$kind"
	done
}

teardown_file() {
	load ../lib/common
	local kind
	for kind in xfs btrfs; do
		COI_ROOT=$T/$kind/root timeout 60 "$COI" kill --all --force >/dev/null 2>&1 || true
	done
	coi_teardown
}

setup() {
	load ../lib/common
	SUBVOLUME=mkdir
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
}

# KIND: all that coi writes is there from now on, and the current directory, too.
on() {
	[ "$(stat -f -c %T "$T/$1")" = "$1" ] || skip "this kernel has no $1"
	[ "$1" != btrfs ] || SUBVOLUME='btrfs -q subvolume create'
	export COI_ROOT=$T/$1/root HOME=$T/$1/home A=$T/$1/home/.coi/audit
	if [ ! -d "$COI_ROOT" ]; then
		$SUBVOLUME "$COI_ROOT"
		$SUBVOLUME "$HOME"
		$SUBVOLUME "$T/$1/ws"
		chmod 0755 "$COI_ROOT" "$HOME" "$T/$1/ws"
		chown 1234:1234 "$T/$1/ws"
		mkdir "$HOME/.coi"
		coi image import "${COI_TEST_IMAGE:?}" --alias coi-default
	fi
	cd "$T/$1/ws" || return 1
	settings
}

settings() { # LINE...
	printf '%s\n' '[container]' 'init = "coi-init"' "$@" >"$HOME/.coi/config.toml"
}

inside() { # NAME SCRIPT: by root
	coi container exec "$1" --user 0 -- bash -c "$2"
}

has() { # FILE JQ-CONDITION
	jq -e "select($2)" "$1" 2>/dev/null | grep -q .
}

# KIND: a command, its files and whose they are; nothing stays.
runs() {
	on "$1"
	run --separate-stderr coi run -- sh -c 'id -u; echo made >made; chmod 4755 made; ln made made2; stat -c %u:%h made'
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "1000 1000:2"
	expect_equal "$(stat -c %u:%g:%h made)" 1234:1234:2
	rm made made2
	within 15 quiet
	expect_equal "$(ls "$COI_ROOT/containers")" ""
}

@test "xfs: a command, and whose its files are" {
	runs xfs
}

@test "btrfs: a command, and whose its files are" {
	runs btrfs
}

# KIND: what is locked stays locked, by every way into it.
locks() {
	on "$1"
	git init -q . && chown -R 1234:1234 .git
	run coi run -- sh -c 'echo x >.git/hooks/pre-commit; mv .git/hooks .git/h; echo x >>.git/config; echo y >free; cat free'
	expect_text y
	[ ! -e .git/hooks/pre-commit ]
	[ -d .git/hooks ]
	expect_equal "$(git config -f .git/config core.bare)" false
	rm -rf .git free
}

@test "xfs: protected paths" {
	locks xfs
}

@test "btrfs: protected paths" {
	locks btrfs
}

# KIND: snapshots of a running and of a stopped container, and what shares their bytes.
snapshots() {
	on "$1"
	coi container launch coi-default s1
	inside s1 'mkdir -p /srv/d; head -c 20000000 /dev/urandom >/srv/big; ln /srv/big /srv/d/hard; echo one >/srv/f'
	coi snapshot create -c s1 running
	inside s1 'echo two >/srv/f; rm /srv/big; rm -rf /srv/d; rm /bin/true'
	coi container stop --force s1
	coi snapshot create -c s1 stopped
	coi snapshot restore -c s1 running --force
	coi container start s1
	expect_equal "$(inside s1 'cat /srv/f; stat -c %h /srv/big; cmp /srv/big /srv/d/hard && echo same; /bin/true && echo true' | xargs)" \
		"one 2 same true"
	coi container stop --force s1
	coi snapshot restore -c s1 stopped --force
	coi container start s1
	expect_equal "$(inside s1 'cat /srv/f; ls /srv')" "two"$'\n'"f"
	inside s1 'not=$(/bin/true 2>&1) || echo gone' | grep -qx gone
	coi container delete --force s1
	expect_equal "$(ls "$COI_ROOT/containers")" ""
}

@test "xfs: snapshots" {
	snapshots xfs
}

@test "btrfs: snapshots" {
	snapshots btrfs
}

secret_seen() { # NAME FILE
	has "$A/$1.jsonl" '.category == "credential_access" and .evidence.sensitive_file.path == "/root/.ssh/'"$2"'"'
}

# KIND: a secret is seen, and refused, and no program is missed.
watches() {
	on "$1"
	settings '[monitoring]' 'enabled = true' 'auto_pause_on_high = false' 'auto_kill_on_critical = false'
	coi container launch coi-default w1
	inside w1 'mkdir /root/.ssh; echo key >/root/.ssh/id_one; echo key >/root/.ssh/id_two'
	coi container stop --force w1
	coi container start w1
	within 10 has "$A/w1.jsonl" '.msg == "source.start" and .source == "files" and (.backend | startswith("fanotify"))'
	inside w1 'ln /root/.ssh/id_one /tmp/other; read -r x </tmp/other'
	within 10 secret_seen w1 id_one
	not secret_seen w1 id_two
	# And each program.
	inside w1 'for i in 1 2 3 4 5; do /bin/true "nr-$i"; done'
	within 10 has "$A/w1.jsonl" '.type == "exec" and .args == "/bin/true nr-5"'
	coi container delete --force w1
	settings '[monitoring]' 'enabled = true' 'block = true' 'auto_pause_on_high = false' 'auto_kill_on_critical = false'
	coi container launch coi-default w2
	inside w2 'mkdir /root/.ssh; echo key >/root/.ssh/id_one'
	coi container stop --force w2
	coi container start w2
	run inside w2 'cat /root/.ssh/id_one'
	[ "$status" != 0 ]
	not grep -q key <<<"$output"
	within 10 has "$A/w2.jsonl" '.action == "blocked"'
	coi container delete --force w2
}

@test "xfs: secrets" {
	watches xfs
}

@test "btrfs: secrets" {
	watches btrfs
}

reads() { # DIR SCRIPT: how many bytes of the directory are read, as they are counted
	"$COI_TEST_BUILD/watch-source" read "$1" "{ $2; } >/dev/null" | jq .read
}

# KIND: what is read of the workspace is told from what is read beside it, by whatever number.
counts() {
	on "$1"
	[[ $("$COI_TEST_BUILD/watch-source" list) == *volume=bpf* ]] || skip "this build has no BPF"
	local top=$T/$1
	mkdir "$top/count"
	$SUBVOLUME "$top/count/ws"
	$SUBVOLUME "$top/count/beside"
	$SUBVOLUME "$top/count/ws/a"
	$SUBVOLUME "$top/count/ws/b"
	for dir in beside ws ws/a ws/b; do
		head -c 1000000 /dev/urandom >"$top/count/$dir/f"
	done
	# On btrfs their tops have one number, and what was made first in each.
	expect_equal "$(stat -c %i "$top"/count/{ws,beside} | uniq | wc -l)" "$2"
	expect_equal "$(stat -c %i "$top"/count/ws/{a,b}/f | uniq | wc -l)" "$2"
	sleep 1.1
	expect_equal "$(reads "$top/count/ws" "cat '$top/count/beside/f'")" 0
	expect_equal "$(reads "$top/count/ws" "cat '$top/count/ws/f' '$top/count/ws/f'")" 1000000
	expect_equal "$(reads "$top/count/ws" "cat '$top'/count/ws/*/f '$top'/count/ws/*/f")" 2000000
	rm -rf "$top/count"
}

@test "xfs: what is read of the workspace" {
	counts xfs 2
}

@test "btrfs: what is read of the workspace" {
	counts btrfs 1
}

# KIND: a disk of its own has its size there, too, and a full file system is said.
fills() {
	on "$1"
	settings '[limits.disk]' 'size = "64MiB"'
	coi container launch coi-default d1
	run inside d1 'dd if=/dev/zero of=/root/x bs=1M count=200'
	expect_text "No space left on device"
	inside d1 'rm /root/x; echo still >/root/y; cat /root/y' | grep -qx still
	coi container delete --force d1
	within 10 quiet
	settings
	coi container launch coi-default d2
	fallocate -l "$(($(stat -f -c '%a * %S' "$T/$1") - 8000000))" "$T/$1/filler" ||
		dd if=/dev/zero of="$T/$1/filler" bs=1M 2>/dev/null || true
	dd if=/dev/zero of="$T/$1/filler2" bs=64k 2>/dev/null || true
	run --separate-stderr coi snapshot create -c d2 full
	[ "$status" = 0 ] || { expect_status 1; expect_one_error; grep -qi "no space left on" <<<"$stderr"; }
	run --separate-stderr coi image import "${COI_TEST_IMAGE:?}" --alias another
	expect_status 1
	expect_one_error
	grep -qi "no space left on" <<<"$stderr"
	coi container delete --force d2
	rm "$T/$1"/filler*
	run --separate-stderr coi run -- echo again
	expect_status 0
	expect_equal "$output" again
}

@test "xfs: full" {
	fills xfs
}

@test "btrfs: full" {
	fills btrfs
}
