#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Limits: each is what the kernel has, each is proven by something that goes past it, and
# what cannot be enforced here is refused by name.

setup_file() {
	load ../lib/common
	coi_setup
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
}

settings() {
	printf '[container]\ninit = "coi-init"\n%s\n' "$1" >"$HOME/.coi/config.toml"
}

# A file of the container's group, wherever the controller is.
group_file() { # CONTAINER FILE...
	local name=$1 file found
	shift
	for file in "$@"; do
		found=$(find /sys/fs/cgroup -path "*payload*$(root_tag)*$name/$file" 2>/dev/null | head -1)
		[ -z "$found" ] || { cat "$found"; return 0; }
	done
	echo "no $*"
	return 1
}

launch() {
	coi container delete --force box >/dev/null 2>&1 || true
	coi container launch coi-default box >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

@test "memory: what goes past it is killed inside, the host goes on, the container too" {
	settings '[limits.memory]
limit = "64MiB"
enforce = "hard"
swap = "false"'
	launch
	before=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
	run coi container exec box -- sh -c 'head -c 200000000 /dev/zero | tail >/dev/null'
	[ "$status" -ne 0 ]
	run coi container exec box -- echo alive
	expect_equal "$output" alive
	[ "$before" -gt 0 ]
	coi container delete --force box
	# The same without the limit goes well.
	settings ''
	launch
	run coi container exec box -- sh -c 'head -c 200000000 /dev/zero | tail >/dev/null'
	expect_status 0
	coi container delete --force box
}

@test "swap, priorities, processes, processors: read back as the kernel has them" {
	settings '[limits.memory]
limit = "128MiB"
enforce = "hard"
swap = "64MiB"
[limits.cpu]
count = "1"
allowance = "50%"
priority = 5
[limits.runtime]
max_processes = 40'
	launch
	run group_file box memory.memsw.limit_in_bytes memory.swap.max
	[[ $output == 201326592 || $output == 67108864 ]]
	run group_file box cpu.shares cpu.weight
	[[ $output == 512 || $output == 50 ]]
	run group_file box pids.max
	expect_equal "$output" 40
	run group_file box cpuset.cpus
	expect_equal "$output" 0
	run coi container exec box -- sh -c 'i=0; while [ $i -lt 80 ]; do sleep 2 & i=$((i + 1)); done; wait'
	[[ $output == *"fork"* ]]
	coi container delete --force box
}

@test "disk rates: read back, and a direct read is as slow as it says" {
	settings '[limits.disk]
max = "1MiB/s"
write = "20iops"'
	if ! coi container launch coi-default box >"$T/out" 2>&1; then
		# No disk of its own, or no controller: refused by name.
		grep -q 'limits.disk' "$T/out"
		return
	fi
	run group_file box blkio.throttle.read_bps_device io.max
	[[ $output == *1048576* ]]
	run group_file box blkio.throttle.write_iops_device io.max
	[[ $output == *20* ]]
	COI_LIMIT_DISK_READ=2MB COI_LIMIT_DISK_WRITE=3MB coi container launch coi-default ratebox >"$T/out" 2>&1
	run group_file ratebox blkio.throttle.read_bps_device io.max
	[[ $output == *2000000* ]]
	run group_file ratebox blkio.throttle.write_bps_device io.max
	[[ $output == *3000000* ]]
	coi container delete --force ratebox
	coi container exec box --user 0 -- sh -c 'mkdir -p /srv; head -c 3000000 /dev/urandom >/srv/f; sync'
	slow=$(coi container exec box --user 0 -- sh -c 's=$(date +%s%N); dd if=/srv/f of=/dev/null bs=64k iflag=direct 2>/dev/null || exit 1; echo $((($(date +%s%N) - s) / 1000000))') || slow=
	coi container delete --force box
	[ -z "$slow" ] || [ "$slow" -gt 1500 ]
}

@test "what this machine cannot enforce is refused by its key" {
	if grep -q '\[bfq\]' /sys/block/*/queue/scheduler; then
		settings '[limits.disk]
priority = 5'
		launch
		run group_file box blkio.bfq.weight io.bfq.weight
		[[ $output == *50 ]]
		coi container delete --force box
		return
	fi
	settings '[limits.disk]
priority = 5'
	run --separate-stderr coi run -- true
	expect_status 1
	[[ $stderr == *"limits.disk.priority cannot be enforced"* || $stderr == *"limits.disk.priority needs"* ]]
	within 15 quiet
}

@test "tmpfs_size: /tmp is in memory and full at its size, whatever root inside says" {
	settings '[limits.disk]
tmpfs_size = "4MiB"'
	run coi run -- sh -c 'stat -f -c %T /tmp; stat -c %a /tmp; head -c 8000000 /dev/zero >/tmp/f; stat -c %s /tmp/f'
	[[ $output == *tmpfs*1777* ]]
	[[ $output == *4194304* ]]
	launch
	run coi container exec box --user 0 -- sh -c 'mount -o remount,size=64m /tmp; head -c 8000000 /dev/zero >/tmp/f; stat -c %s /tmp/f'
	[[ $output == *4194304* ]]
	coi container delete --force box
}

@test "max_duration: the supervisor ends it, also when nobody is there, and one that took over" {
	settings '[limits.runtime]
max_duration = "3s"'
	start=$SECONDS
	run coi run -- sleep 60
	[ "$status" -ne 0 ]
	[ $((SECONDS - start)) -lt 30 ]
	within 15 quiet
	launch
	within 20 sh -c 'coi() { "$COI" "$@"; }; ! coi container running box'
	run coi container exists box
	expect_status 0
	launch
	old=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
	kill -9 "$old"
	within 10 sh -c '! kill -0 '"$old"
	coi list >/dev/null 2>&1
	coi container list >/dev/null 2>&1
	within 25 sh -c '! "$COI" container running box'
	coi container delete --force box
}

@test "auto_stop = false only says so; one that may run on does" {
	settings '[limits.runtime]
max_duration = "1s"
auto_stop = false'
	launch
	within 15 grep -rq 'goes on' "$COI_ROOT/containers/box/supervisor.log"
	coi container running box
	coi container delete --force box
	settings '[limits.runtime]
max_duration = "1h"
stop_graceful = false'
	launch
	coi container running box
	grep -q '^deadline_ms *= *[1-9]' "$COI_ROOT/containers/box/container.ini"
	coi container delete --force box
}

@test "limits are those of each start: a reused container has the new ones" {
	settings '[limits.runtime]
max_processes = 50'
	launch
	run group_file box pids.max
	expect_equal "$output" 50
	coi container stop --force box
	settings '[limits.runtime]
max_processes = 70'
	coi container start box
	run group_file box pids.max
	expect_equal "$output" 70
	coi container delete --force box
}

@test "environment variables set limits" {
	COI_LIMIT_CPU=1 COI_LIMIT_CPU_ALLOWANCE=25% COI_LIMIT_MEMORY=96MiB COI_LIMIT_MEMORY_SWAP=false \
		COI_LIMIT_DURATION=1h coi container launch coi-default envbox >"$T/out" 2>&1
	run group_file envbox cpu.cfs_quota_us cpu.max
	[[ $output == 25000* ]]
	run group_file envbox memory.soft_limit_in_bytes memory.high
	expect_equal "$output" 100663296
	grep -q '^deadline_ms *= *[1-9]' "$COI_ROOT/containers/envbox/container.ini"
	coi container delete --force envbox
	COI_LIMIT_MEMORY=lots run --separate-stderr coi run -- true
	[ "$status" -ne 0 ]
	[[ $stderr == *COI_LIMIT_MEMORY* ]]
}

@test "container set: at once, at every later start, back again; nonsense changes nothing" {
	settings '[limits.runtime]
max_processes = 50'
	launch
	coi container set box limits.memory.limit=96MiB limits.memory.enforce=hard limits.runtime.max_processes=33 limits.cpu.allowance=40%
	run group_file box pids.max
	expect_equal "$output" 33
	run group_file box memory.limit_in_bytes memory.max
	expect_equal "$output" 100663296
	run coi container exec box -- sh -c 'head -c 300000000 /dev/zero | tail >/dev/null'
	[ "$status" -ne 0 ]
	# Larger, with swap: both grow in the right order.
	coi container set box limits.memory.limit=600MiB limits.memory.swap=64MiB
	run coi container exec box -- sh -c 'head -c 300000000 /dev/zero | tail >/dev/null'
	expect_status 0
	run coi container set box
	expect_equal "$output" "$(printf 'limits.memory.limit=600MiB\nlimits.memory.enforce=hard\nlimits.runtime.max_processes=33\nlimits.cpu.allowance=40%%\nlimits.memory.swap=64MiB')"
	coi container stop --force box
	coi container start box
	run group_file box pids.max
	expect_equal "$output" 33
	for bad in limits.memory.limit=lots limits.runtime.max_processes=-5 limits.nothing=1 \
		network.mode=open limits.runtime.max_duration=1h nonsense; do
		run --separate-stderr coi container set box limits.runtime.max_processes=44 "$bad"
		[ "$status" -eq 2 ] || { echo "$bad: $status $stderr"; return 1; }
		[ -n "$stderr" ]
	done
	run group_file box pids.max
	expect_equal "$output" 33
	coi container set box limits.memory.limit= limits.memory.enforce= limits.runtime.max_processes= limits.cpu.allowance= limits.memory.swap=
	run group_file box pids.max
	expect_equal "$output" 50
	run group_file box memory.limit_in_bytes memory.max
	[[ $output == max || $output -gt 10000000000 ]]
	run coi container set box
	expect_equal "$output" ""
	coi container delete --force box
}
