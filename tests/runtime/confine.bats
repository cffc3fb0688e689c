#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Container root is the attacker: ids, binds, devices, ways out.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	# A person's directory, with things that must not be written.
	mkdir -p "$RT/ws/.git/hooks" "$RT/ws/sub"
	echo hook >"$RT/ws/.git/hooks/pre-commit"
	echo config >"$RT/ws/.git/config"
	chown -R 1234:1234 "$RT/ws"
}
teardown_file() { runtime_teardown_file; }
teardown() { runtime_teardown; }

with_workspace() {
	up a bind="$RT/ws:/workspace" "$@"
}

@test "the container's map does not hold 0, nor anybody's id" {
	up a
	run as_code a 'cat /proc/self/uid_map /proc/self/gid_map'
	[ "$(xargs <<<"$output")" = "0 1000000 65536 0 1000000 65536" ]
	down a
}

@test "code's files in the workspace are the owner's outside, root's are nobody's" {
	with_workspace
	as_code a 'cd /workspace && stat -c %u:%g . && touch made && mkdir dir && ln -s x link'
	as_root a 'touch /workspace/by-root && mkdir /workspace/dir-root'
	[ "$(stat -c %u:%g "$RT/ws/made" "$RT/ws/dir" "$RT/ws/link" | sort -u)" = 1234:1234 ]
	[ "$(stat -c %u:%g "$RT/ws/by-root" "$RT/ws/dir-root" | sort -u)" = 1000000:1000000 ]
	[ "$(as_code a 'stat -c %U /workspace/made')" = code ]
	[ "$(as_code a 'stat -c %U /workspace/by-root')" = root ]
	# The owner outside and code inside see each other's changes.
	su_owner() { setpriv --reuid=1234 --regid=1234 --clear-groups "$@"; }
	chmod 711 "$RT"
	su_owner sh -c "echo host >$RT/ws/from-host && rm $RT/ws/made"
	as_code a 'cat /workspace/from-host && echo more >>/workspace/from-host && test ! -e /workspace/made'
	rm -rf "$RT"/ws/{by-root,dir,dir-root,link,from-host}
	chmod 700 "$RT"
	down a
}

@test "files of other people in the workspace cannot be written" {
	echo x >"$RT/ws/of-root" && chmod 600 "$RT/ws/of-root"
	with_workspace
	run ! as_root a 'echo y >>/workspace/of-root'
	run ! as_root a 'chown 1000 /workspace/of-root'
	run ! as_root a 'cat /workspace/of-root'
	run ! as_code a 'cat /workspace/of-root'
	[ "$(cat "$RT/ws/of-root")" = x ]
	down a
	rm "$RT/ws/of-root"
}

@test "a set-uid file of root in a bind gives nothing, and none can be made" {
	cp /bin/busybox "$RT/ws/busybox" && chown 0:0 "$RT/ws/busybox" && chmod 4755 "$RT/ws/busybox"
	with_workspace
	run as_code a '/workspace/busybox id -u'
	[ "$output" = 1000 ]
	as_root a 'cp /bin/busybox /workspace/mine && chown 0:0 /workspace/mine && chmod 4755 /workspace/mine'
	[ "$(stat -c %u "$RT/ws/mine")" = 1000000 ]
	# That number inside is another one outside.
	as_root a 'chown 1234 /workspace/mine'
	[ "$(stat -c %u "$RT/ws/mine")" = 1001234 ]
	down a
	rm "$RT/ws/busybox" "$RT/ws/mine"
}

@test "read-only binds cannot be written, remounted, unmounted or moved away" {
	with_workspace bind="$RT/ws/.git:/workspace/.git:strict" bind="$RT/ws/.git/hooks:/workspace/.git/hooks:ro:strict" \
		bind="$RT/ws/.git/config:/workspace/.git/config:ro:strict"
	for cmd in \
		'echo evil >/workspace/.git/hooks/pre-commit' \
		'echo evil >/workspace/.git/hooks/new' \
		'rm /workspace/.git/hooks/pre-commit' \
		'mount -o remount,rw,bind /workspace/.git/hooks' \
		'umount /workspace/.git/hooks' \
		'umount -l /workspace/.git/hooks' \
		'unshare -m umount /workspace/.git/hooks' \
		'unshare -m mount -o remount,rw,bind /workspace/.git/hooks' \
		'unshare -Urm umount /workspace/.git/hooks' \
		'unshare -m sh -c "mount --bind /workspace /mnt && echo evil >/mnt/.git/hooks/new"' \
		'unshare -m sh -c "mount --rbind /workspace /tmp && umount /tmp/.git/hooks"' \
		'mv /workspace/.git /workspace/.git2' \
		'mv /workspace/.git/hooks /workspace/.git/hooks2' \
		'rmdir /workspace/.git/hooks' \
		'echo evil >/workspace/.git/config' \
		'rm /workspace/.git/config' \
		'echo evil >/tmp/c && mv /tmp/c /workspace/.git/config' \
		'umount /workspace/.git/config' \
		'umount /workspace'; do
		run as_root a "$cmd"
		echo "$cmd: $status $output"
		[ "$status" != 0 ] || return 1
	done
	[ "$(cat "$RT/ws/.git/hooks/pre-commit" "$RT/ws/.git/config" | xargs)" = "hook config" ]
	[ "$(ls "$RT/ws/.git/hooks")" = pre-commit ]
	[ "$(ls -A "$RT/ws")" = "$(printf '.git\nsub')" ]
	# The rest of .git can be written.
	as_code a 'echo ref >/workspace/.git/HEAD'
	rm "$RT/ws/.git/HEAD"
	down a
}

@test "the same attacks work where nothing is bound read-only" {
	with_workspace
	as_root a 'echo evil >/workspace/.git/hooks/new'
	as_root a 'mv /workspace/.git /workspace/.git2'
	[ -e "$RT/ws/.git2/hooks/new" ]
	down a
	mv "$RT/ws/.git2" "$RT/ws/.git" && rm "$RT/ws/.git/hooks/new"
}

@test "what protects a path does not follow a link in the workspace" {
	mv "$RT/ws/.git" "$RT/ws/git-real"
	ln -s /etc "$RT/ws/.git"
	run "$MINI" up "$(name_of b)" "$RT" layer="$RT/image" container_dir="$RT" bind="$RT/ws:/workspace" \
		bind="$RT/ws/git-real/hooks:/workspace/.git/hooks:ro:strict"
	rm "$RT/ws/.git" && mv "$RT/ws/git-real" "$RT/ws/.git"
	rm -rf "$RT/upper" "$RT/work"
	"$MINI" leftovers "$(name_of b)" x 0:0
	[ "$status" = 1 ]
	[[ "$output" == *"symbolic link is in the way"* ]]
}

@test "hidden things read empty" {
	echo secret >"$RT/ws/.env"
	with_workspace bind="$RT/ws/.env:/workspace/.env:hidden:strict" bind="$RT/ws/sub:/workspace/sub:hidden:strict"
	echo in >"$RT/ws/sub/file"
	[ -z "$(as_root a 'cat /workspace/.env; ls -A /workspace/sub')" ]
	run ! as_root a 'echo x >/workspace/.env'
	run ! as_root a 'umount /workspace/.env'
	run ! as_root a 'umount /workspace/sub'
	down a
	rm "$RT/ws/.env" "$RT/ws/sub/file"
}

@test "mount points are made, for directories and files" {
	echo f >"$RT/file"
	up a bind="$RT/ws:/deep/new/place" bind="$RT/file:/opt/x/file:ro"
	[ "$(as_code a 'cat /opt/x/file; ls /deep/new/place/.git/config; stat -c %U /deep/new')" = "$(printf 'f\n/deep/new/place/.git/config\nroot')" ]
	down a
}

@test "a directory of ours has the container's own ids" {
	mkdir -p "$RT/docker"
	up a bind="$RT/docker:/var/lib/docker:container"
	as_root a 'touch /var/lib/docker/r; touch /var/lib/docker/c; chown 1000 /var/lib/docker/c'
	[ "$(stat -c %u "$RT/docker/r" "$RT/docker/c" | xargs)" = "0 1000" ]
	down a
	up a base=3000000 bind="$RT/docker:/var/lib/docker:container"
	[ "$(as_code a 'stat -c %u /var/lib/docker/r /var/lib/docker/c' | xargs)" = "0 1000" ]
	down a
}

@test "a file system without id-mapped mounts: a hole for the owner, none for root" {
	# An overlay is one that everybody has.
	mkdir -p "$RT"/ov/{l,u,w,m}
	chown 1234:1234 "$RT"/ov/l
	mount -t overlay overlay -o "lowerdir=$RT/ov/l,upperdir=$RT/ov/u,workdir=$RT/ov/w" "$RT/ov/m"
	chown 1234:1234 "$RT/ov/m"
	[ "$("$MINI" bindcheck "$RT/ov/m")" = hole ]
	[ "$("$MINI" bindcheck "$RT/ws")" = idmapped ]
	up a bind="$RT/ov/m:/workspace" bind="$RT/ws:/second"
	run as_code a 'cat /proc/self/uid_map; touch /workspace/made /home/code/mine /second/made; stat -c %U /home/code /workspace /second'
	[ "$status" = 0 ]
	[ "$(xargs <<<"$output")" = "0 1000000 1000 1000 1234 1 1001 1001001 64535 code code code" ]
	[ "$(stat -c %u "$RT/ov/m/made" "$RT/ws/made" "$(dir_of a)/upper/home/code/mine" | xargs)" = "1234 1234 1000" ]
	down a
	rm "$RT/ws/made"
	chown 0:0 "$RT/ov/m"
	run "$MINI" bindcheck "$RT/ov/m"
	[ "$status" = 1 ]
	[[ "$output" == *"belongs to root"* ]]
	mkdir -p "$(dir_of b)" && echo "init 0:0 monitor 0:0 " >"$(dir_of b)/info"
	run "$MINI" up "$(name_of b)" "$(dir_of b)" layer="$RT/image" bind="$RT/ov/m:/workspace"
	[ "$status" = 1 ]
	[[ "$output" == *"no id-mapped mounts"* ]]
	umount "$RT/ov/m"
}

@test "devices cannot be made or reached" {
	up a nesting=1
	run ! as_root a 'mknod /tmp/disk b 254 0'
	run ! as_root a 'mknod /tmp/mem c 1 1'
	run ! as_root a 'cat /dev/mem'
	run as_root a 'ls /dev'
	[[ "$output" != *vda* ]]
	[[ "$output" == *fuse* ]]
	as_code a 'exec 3<>/dev/fuse'
	as_code a 'exec 3<>/dev/net/tun'
	down a
}

@test "a device node that lies in a layer opens nothing" {
	mkdir -p "$RT/layer"
	mknod -m 666 "$RT/layer/zero" c 1 5
	head -c 1 "$RT/layer/zero" >/dev/null
	for forced in "" 1; do
		COI_RUNTIME_NO_OVERLAY_FD=$forced up a layer="$RT/layer"
		as_root a 'ls -l /zero' | grep '^crw-rw-rw-'
		run ! as_root a 'head -c 1 /zero'
		as_root a 'mount -o remount,dev / 2>/dev/null || true'
		run ! as_root a 'head -c 1 /zero'
		down a
		rm -rf "$(dir_of a)"
	done
}

@test "the ways out of /proc and /sys are shut" {
	with_workspace
	run ! as_root a 'echo x >/proc/sys/kernel/core_pattern'
	run ! as_root a 'echo x >/proc/sysrq-trigger'
	run ! as_root a 'echo 1 >/proc/sys/kernel/panic'
	run ! as_root a 'ls /proc/1/root/../../var/tmp/coi* 2>/dev/null'
	run ! as_root a 'echo x >/sys/kernel/uevent_helper'
	run ! as_root a 'mount -t sysfs none /mnt && echo /x >/mnt/kernel/uevent_helper'
	run ! as_root a 'mount -t ext4 /dev/vda /mnt'
	run ! as_root a 'dmesg'
	run ! as_root a 'head -c 1 /proc/kcore'
	run as_root a 'ps | grep -c "[l]xc monitor"'
	[ "$output" = 0 ]
	# A mount of the groups shows its own ones only.
	run as_root a 'mount -t cgroup2 none /mnt; ls /mnt'
	[[ "$output" != *lxc.payload* ]]
	# Our program in the container cannot be changed.
	run ! as_root a 'echo x >/run/coi/init'
	run ! as_root a 'umount /run/coi/init'
	run ! as_root a 'umount /run'
	run ! as_root a 'echo x >/proc/1/exe'
	down a
}

@test "a nested user namespace gets no further" {
	up a count=131072
	run as_code a 'unshare -Ur id -u'
	[ "$output" = 0 ]
	run ! as_code a 'unshare -Urm sh -c "umount /run"'
	run ! as_code a 'unshare -Urm sh -c "mount -o remount,rw /sys"'
	down a
}

@test "hot mounts: ids, and read-only for good" {
	up a
	base=1000000
	ctl mount a $base 65536 "$RT/ws:/hot"
	as_code a 'touch /hot/made && ls /hot/.git/config'
	[ "$(stat -c %u "$RT/ws/made")" = 1234 ]
	rm "$RT/ws/made"
	ctl mount a $base 65536 "$RT/ws:/hot-ro:ro"
	run ! as_root a 'touch /hot-ro/x'
	run ! as_root a 'mount -o remount,rw,bind /hot-ro'
	run ! as_root a 'unshare -m mount -o remount,rw,bind /hot-ro'
	ctl mount a $base 65536 "$RT/ws/.git/config:/hot-file:ro"
	[ "$(as_code a 'cat /hot-file')" = config ]
	as_root a 'ln -s /etc /evil; mkdir /real'
	ctl mount a $base 65536 "$RT/ws:/evil"
	as_root a 'ls /etc/.git/config'
	[ ! -e /etc/.git/config ]
	run ctl mount a $base 65536 "$RT/nowhere:/x"
	[ "$status" = 1 ]
	down a
	[ -z "$(groups_of "$TAG")" ]
}

@test "a file system inside that never answers keeps nobody waiting" {
	local begin stuck
	up a nesting=1
	cp "${COI_TEST_BUILD:?}/runtime-stuckfs" "/proc/$(init_pid a)/root/run/stuckfs"
	as_root a 'mkdir -p /stuck; exec /run/stuckfs /stuck' >"$RT/stuck" 3>&- &
	stuck=$!
	timeout 120 sh -c 'until grep -q mounted "$1"; do sleep 0.05; done' sh "$RT/stuck"
	begin=$SECONDS
	run ctl mount a 1000000 65536 "$RT/ws:/stuck/x"
	[ "$status" = 1 ]
	[[ "$output" == *"does not answer"* ]]
	[ $((SECONDS - begin)) -lt 9 ]
	grep -q asked "$RT/stuck"
	down a
	wait "$stuck" || true
}

@test "a layer is never written" {
	before=$(cd "$RT/image" && find . -printf '%p %s %u %T@\n' | sort | sha256sum)
	up a
	as_root a 'rm -rf /usr/share /etc/hosts; echo x >>/etc/passwd; chown -R 1000 /opt; mv /home /home2'
	down a
	[ "$before" = "$(cd "$RT/image" && find . -printf '%p %s %u %T@\n' | sort | sha256sum)" ]
}
