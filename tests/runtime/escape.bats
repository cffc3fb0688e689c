#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Known ways out of a container, each tried by its root, with containers inside allowed
# and with reduce_kernel_surface; each without effect. Where it can be shown without harm
# to the machine, the same attempt works where the defence is not.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	runtime_setup_file
	cp "$COI_TEST_BUILD/runtime-escape" "$RT/image/escape"
	# What a way out would leave: the host's shell runs it, a container cannot name it.
	printf '#!/bin/sh\ntouch %s/out\n' "$RT" >"$RT/image/payload"
	chmod 755 "$RT/image/payload"
	echo "secret of the host" >"$RT/secret"
	# An overlay wants a plain file system under it, not another overlay.
	mkdir "$RT/plain-files" "$RT/small-files"
	chown 1000:1000 "$RT/plain-files" "$RT/small-files"
	up plain nesting=1 count=131072 bind="$RT/plain-files:/files:container"
	up small base=3000000 surface=reduced bind="$RT/small-files:/files:container"
}
teardown_file() {
	for name in plain small; do
		down $name
		leftovers $name
	done
	runtime_teardown_file
}
teardown() { [ ! -e "$RT/out" ]; }

# refused COMMAND [STATUS]: by root in both, and it fails
refused() {
	local name
	for name in plain small; do
		run as_root $name "$1"
		echo "$name: $1: $status $output"
		[ "$status" != 0 ] && [ "$status" != 127 ] || return 1
		[ -z "${2-}" ] || [ "$status" = "$2" ] || return 1
		[ ! -e "$RT/out" ] || return 1
	done
}

@test "the payload is one: the host that runs it has the mark" {
	sh "$RT/image/payload"
	[ -e "$RT/out" ]
	rm "$RT/out"
	as_root plain 'test -x /payload'
	refused /payload 1
}

@test "release_agent: no hierarchy of control groups takes one" {
	local name tree
	for name in plain small; do
		for tree in $(awk '!/^#/ { print $1 }' /proc/cgroups) none,name=systemd none,name=mine; do
			run as_root $name "
				mkdir -p /tmp/cg && mount -t cgroup -o $tree cg /tmp/cg || exit 0
				mkdir -p /tmp/cg/x
				echo 1 >/tmp/cg/x/notify_on_release
				echo $RT/image/payload >/tmp/cg/release_agent && echo WRITTEN
				sh -c 'echo \$\$ >/tmp/cg/x/cgroup.procs'
				rmdir /tmp/cg/x; umount /tmp/cg; true"
			[[ "$output" != *WRITTEN* ]]
			run as_root $name "unshare -Ur sh -c 'unshare -mC sh -c \"
				mkdir -p /tmp/cg2 && mount -t cgroup -o $tree cg /tmp/cg2 &&
				echo $RT/image/payload >/tmp/cg2/release_agent\"'"
			[ "$status" != 0 ]
		done
	done
	# None that is on the host has it now.
	run ! grep -rlsF "$RT" /sys/fs/cgroup --include=release_agent
}

@test "core_pattern and the other programs that the kernel starts stay the host's" {
	local file before
	before=$(cat /proc/sys/kernel/core_pattern)
	for file in kernel/core_pattern kernel/modprobe kernel/hotplug kernel/poweroff_cmd; do
		refused "echo '|$RT/image/payload' >/proc/sys/$file"
		# Nor by a /proc of one's own, with or without a user namespace.
		refused "mkdir -p /tmp/p && unshare -mp --fork sh -c 'mount -t proc p /tmp/p && echo \"|$RT/image/payload\" >/tmp/p/sys/$file'"
		refused "mkdir -p /tmp/p && unshare -Urmp --fork sh -c 'mount -t proc p /tmp/p && echo \"|$RT/image/payload\" >/tmp/p/sys/$file'"
	done
	refused "echo $RT/image/payload >/sys/kernel/uevent_helper"
	refused "mkdir -p /tmp/s && mount -t sysfs s /tmp/s && echo $RT/image/payload >/tmp/s/kernel/uevent_helper"
	refused "echo ':coi:M::COI::$RT/image/payload:' >/proc/sys/fs/binfmt_misc/register"
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "/proc/self/exe: a program of the host is not overwritten by who ran it" {
	local before name
	before=$(cat "$COI_TEST_BUILD/coi-init" "$MINI" | sha256sum)
	# It works with a program of the container's own.
	for name in plain small; do
		as_root $name 'cp /escape /victim && exec /escape exe /victim'
	done
	refused 'exec /escape exe /run/coi/init' 1
	# Not only while it runs.
	[[ "$output" == *"ermission denied"* || "$output" == *"ead-only"* ]]
	# And an enterer that is made to run its own program again.
	for name in plain small; do
		as_root $name 'printf "#!/proc/self/exe\n" >/evil && chmod 755 /evil'
		in_c $name uid=0 gid=0 -- /evil && return 1
	done
	[ "$(cat "$COI_TEST_BUILD/coi-init" "$MINI" | sha256sum)" = "$before" ]
}

@test "no descriptor of the host is left open in init or in who enters" {
	local name links
	for name in plain small; do
		links=$(as_root $name 'for p in 1 self; do for f in /proc/$p/fd/*; do readlink $f || true; done; done' \
			2>/dev/null)
		echo "$name: $links"
		run ! grep -vE '^(/dev/null|pipe:.*|anon_inode:.*|socket:.*|/run/coi/.*|/proc/[0-9]+/fd)$' <<<"$links"
		run as_root $name 'cat /proc/1/fd/*/secret /proc/self/fd/*/secret /proc/1/cwd/../../../secret \
			/proc/1/fd/*/../../../../../..'"$RT"'/secret 2>/dev/null'
		[[ "$output" != *"of the host"* ]]
	done
}

@test "mounts of control groups show and change nothing but the container's own" {
	local name
	for name in plain small; do
		run as_root $name 'mkdir -p /tmp/c2; mount -t cgroup2 c /tmp/c2 && find /tmp/c2 -name "lxc.*"'
		[[ "$output" != *lxc.* ]]
		run as_root $name 'unshare -C sh -c "mount -t cgroup2 c /tmp/c2 && find /tmp/c2 -name \"lxc.*\""'
		[[ "$output" != *lxc.* ]]
		# Others' processes cannot be named, so none can be moved or frozen.
		run as_root $name "echo $$ >/tmp/c2/cgroup.procs"
		[ "$status" != 0 ]
	done
	# Limits are those of the group above, which is not there inside.
	up limited pids=40
	run as_root limited 'for f in $(find /sys/fs/cgroup -name pids.max); do echo max >$f; done; mkdir -p /tmp/g;
		mount -t cgroup -o pids g /tmp/g; echo max >/tmp/g/pids.max;
		i=0; while [ $i -lt 100 ]; do sleep 30 >/dev/null 2>&1 & i=$((i + 1)); done; true'
	[[ "$output" == *"fork"* ]]
	down limited
	leftovers limited
}

@test "/proc/sys: what is not the container's own cannot be set" {
	local file before
	for file in kernel/panic kernel/sysrq vm/drop_caches vm/overcommit_memory vm/mmap_min_addr \
		kernel/randomize_va_space kernel/yama/ptrace_scope fs/protected_symlinks kernel/pid_max \
		kernel/unprivileged_bpf_disabled kernel/io_uring_disabled fs/suid_dumpable; do
		[ -e "/proc/sys/$file" ] || continue
		before=$(cat "/proc/sys/$file" 2>/dev/null || true)
		refused "echo 0 >/proc/sys/$file"
		refused "mkdir -p /tmp/p && unshare -Urmp --fork sh -c 'mount -t proc p /tmp/p && echo 0 >/tmp/p/sys/$file'"
		[ "$(cat "/proc/sys/$file" 2>/dev/null || true)" = "$before" ]
	done
	refused 'echo b >/proc/sysrq-trigger'
}

@test "user namespace, overlay and setxattr: the capabilities in the file count nowhere else" {
	local name made
	chmod 711 "$RT"
	mkdir -p "$RT/public"
	for name in plain small; do
		as_code $name 'exec /escape overlay /files'
		made=$RT/$name-files/u/x
		getfattr -n security.capability "$made"
		# Where it lies: no capability for who runs it, neither in the container nor on the host.
		run as_code $name '/files/u/x caps'
		[ "$status" = 1 ] && [ "$output" = 0000000000000000 ]
		cp --preserve=mode,xattr "$made" "$RT/public/x"
		getfattr -n security.capability "$RT/public/x"
		run setpriv --reuid 1234 --regid 1234 --clear-groups -- "$RT/public/x" caps
		[ "$status" = 1 ] && [ "$output" = 0000000000000000 ]
		rm "$RT/public/x"
	done
	# A file of which the host's root says so has them.
	cp "$COI_TEST_BUILD/runtime-escape" "$RT/public/x"
	setcap cap_net_raw=ep "$RT/public/x"
	setpriv --reuid 1234 --regid 1234 --clear-groups -- "$RT/public/x" caps
	chmod 700 "$RT"
}

@test "io_uring reaches nothing that the calls do not reach" {
	local name file before
	before=$(cat /proc/sys/kernel/core_pattern)
	# It is a way to write, where it is there and allowed.
	as_root plain 'exec /escape uring /tmp/by-ring text'
	[ "$(as_root plain 'cat /tmp/by-ring')" = text ]
	refused "exec /escape uring /proc/sys/kernel/core_pattern '|$RT/image/payload'" 1
	refused 'exec /escape uring /run/coi/init text' 1
	refused 'exec /escape uring /proc/sysrq-trigger b' 1
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
	# With the smaller surface there is no ring at all.
	run as_root small 'exec /escape uring /tmp/by-ring text'
	[ "$status" = 1 ]
	[[ "$output" == *"Operation not permitted"* ]]
}

@test "keys of the host are not found, neither by name nor in /proc/keys" {
	local name keys=$COI_TEST_BUILD/runtime-keys
	for name in plain small; do
		cp "$keys" "/proc/$(init_pid $name)/root/run/keys"
		run "$keys" give "$MINI" exec "$(name_of $name)" x "$(init_of $name)" no_stdin=1 uid=0 gid=0 \
			-- /run/keys find
		[ "$status" = 1 ]
		run "$keys" give "$MINI" exec "$(name_of $name)" x "$(init_of $name)" no_stdin=1 uid=0 gid=0 \
			env=PATH=/bin -- cat /proc/keys
		[[ "$output" != *coi-test-secret* ]]
	done
	# Whoever has it sees it there.
	[ ! -e /proc/keys ] || "$keys" give cat /proc/keys | grep -q coi-test-secret
}

@test "an image whose /proc, /sys or /dev is a link: nothing of the host is mounted over" {
	local what before surface status
	mkdir "$RT/target"
	before=$(cat /proc/self/mountinfo | cut -d' ' -f5- | sort)
	for what in proc sys dev; do
		for surface in default reduced; do
			mkdir -p "$RT/layer"
			rm -rf "$RT/layer/$what"
			ln -s "../../../../../..$RT/target" "$RT/layer/$what"
			mkdir -p "$(dir_of link)"
			timeout -k 5 150 "$MINI" up "$(name_of link)" "$(dir_of link)" surface=$surface \
				layer="$RT/layer" layer="$RT/image" >"$(dir_of link)/info" 2>&1 3>&- &
			status=$!
			timeout 120 sh -c 'until grep -q . "$1"; do sleep 0.02; done' sh "$(dir_of link)/info"
			[ -z "$(ls -A "$RT/target")" ]
			[ "$(cat /proc/self/mountinfo | cut -d' ' -f5- | sort)" = "$before" ]
			kill "$status" 2>/dev/null || true
			wait "$status" || true
			"$MINI" leftovers "$(name_of link)" x 0:0
			rm -rf --one-file-system "$(dir_of link)" "$RT/layer"
		done
	done
}

@test "what is masked in /proc and /sys opens nothing when it is unmounted or covered" {
	local before
	before=$(cat /proc/sys/kernel/core_pattern)
	for name in plain small; do
		as_root $name "unshare -m sh -c '
			umount -l /proc/sys; umount -l /proc/sysrq-trigger; umount -l /sys
			mount -o remount,rw /proc/sys; mount -o remount,rw,bind /proc/sys; mount -o remount,rw /sys
			mount -t tmpfs t /proc/sys; mkdir -p /proc/sys/kernel; umount /proc/sys
			mount --bind /proc /mnt; echo \"|$RT/image/payload\" >/mnt/sys/kernel/core_pattern
			echo b >/mnt/sysrq-trigger; echo \"|$RT/image/payload\" >/proc/sys/kernel/core_pattern
			echo $RT/image/payload >/sys/kernel/uevent_helper'; true" 2>/dev/null
		# Binds of ours are locked.
		run as_root $name 'unshare -m umount /run/coi/init'
		[ "$status" != 0 ]
		run as_root $name 'unshare -Urm umount /run/coi/init'
		[ "$status" != 0 ]
	done
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "the monitor and the supervisor are not traced, read or killed, even by their number" {
	local name pid out=$COI_TEST_BUILD/runtime-escape
	for name in plain small; do
		[ "$(as_root $name 'sed -n "s/^PPid:.//p" /proc/1/status')" = 0 ]
		run as_root $name 'grep -lE "[l]xc|[r]untime-mini" /proc/[0-9]*/cmdline 2>/dev/null'
		[ -z "$output" ]
		for pid in "$(monitor_pid $name)" "$(super_pid $name)"; do
			# Who had come as far as the host's process namespace, all capabilities inside kept.
			run nsenter -t "$(init_pid $name)" --user -S 0 -G 0 "$out" trace "$pid"
			echo "$name: $pid: $status $output"
			[ "$status" = 1 ]
			kill -0 "$pid"
		done
		# Init itself is its own to trace.
		run nsenter -t "$(init_pid $name)" --user -S 0 -G 0 "$out" trace "$(init_pid $name)"
		[ "$status" = 0 ]
	done
}

@test "opening by handle does not lead to the host's files" {
	refused "exec /escape handle $RT/secret" 1
	# Root of the host does so, where it lies below the root of a file system.
	[ "$(stat -c %d /)" != "$(stat -c %d "$RT")" ] ||
		(cd / && "$COI_TEST_BUILD/runtime-escape" handle "$RT/secret")
}
