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

ms() { # COMMAND...: how long it takes; it must go well
	local begin
	begin=$(date +%s%N)
	"$@" >/dev/null 2>&1 || return 1
	echo $((($(date +%s%N) - begin) / 1000000))
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

@test "256 MiB: an allocation of 300 MiB is killed inside, and nothing of the host is" {
	settings '[limits.memory]
limit = "256MiB"
enforce = "hard"
swap = "false"'
	launch
	run group_file box memory.limit_in_bytes memory.max
	expect_equal "$output" 268435456
	sleep 1000 3>&- &
	witness=$!
	run coi container exec box -- sh -c 'head -c 314572800 /dev/zero | tail -c 314572800 >/dev/null; echo "ended with $?"'
	expect_text 'ended with 137'
	# By its own limit: the machine had room.
	run find /sys/fs/cgroup -path "*payload*$(root_tag)*box/*" \( -name memory.oom_control -o -name memory.events \) -exec sed -n 's/^oom_kill //p' {} +
	[ "$output" -gt 0 ]
	kill -0 $witness
	kill $witness
	run coi container exec box -- sh -c 'head -c 104857600 /dev/zero | tail -c 104857600 >/dev/null; echo "ended with $?"'
	expect_text 'ended with 0'
	coi container delete --force box
}

@test "processor time: a slice is all that it gets, a share only counts against others" {
	settings '[limits.cpu]
allowance = "20ms/100ms"
count = "1"'
	launch
	run coi container exec box -- nproc
	expect_equal "$output" 1
	throttled() { # the unified tree of a hybrid host has a file of that name too
		find /sys/fs/cgroup -path "*payload*$(root_tag)*box/cpu.stat" -exec sed -n 's/^nr_throttled //p' {} +
	}
	before=$(throttled)
	coi container exec box -- timeout 2 sh -c 'while :; do :; done' || true
	[ "$(throttled)" -gt "$before" ]
	coi container set box limits.cpu.allowance=40%
	run group_file box cpu.shares cpu.weight
	[[ $output == 409 || $output == 40 ]]
	run group_file box cpu.cfs_quota_us cpu.max
	[[ $output == -1 || $output == max* ]]
	before=$(throttled)
	coi container exec box -- timeout 1 sh -c 'while :; do :; done' || true
	[ "$(throttled)" -eq "$before" ]
	coi container delete --force box
}

@test "swap, priorities, processes, processors: read back as the kernel has them" {
	settings '[limits.memory]
limit = "128MiB"
enforce = "hard"
swap = "64MiB"
[limits.cpu]
count = "1"
priority = 5
[limits.runtime]
max_processes = 40'
	launch
	run group_file box memory.memsw.limit_in_bytes memory.swap.max
	[[ $output == 201326592 || $output == 67108864 ]]
	run group_file box cpu.shares cpu.weight
	[[ $output == 512 || $output == 50 ]]
	run coi container exec box -- nproc
	expect_equal "$output" 1
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
	# Three megabytes at one a second, less what the kernel lets through at first.
	[ "$(ms coi container exec box --user 0 -- dd if=/srv/f of=/dev/null bs=64k iflag=direct)" -gt 1500 ]
	# Fifty writes at twenty a second.
	[ "$(ms coi container exec box --user 0 -- dd if=/dev/zero of=/srv/g bs=4k count=50 oflag=direct)" -gt 1500 ]
	coi container delete --force box
	# The same through a disk of its own.
	settings '[limits.disk]
max = "1MiB/s"
size = "64MiB"'
	launch
	coi container exec box --user 0 -- sh -c 'mkdir -p /srv; head -c 3000000 /dev/urandom >/srv/f; sync'
	[ "$(ms coi container exec box --user 0 -- dd if=/srv/f of=/dev/null bs=64k iflag=direct)" -gt 1500 ]
	[ "$(ms coi container exec box --user 0 -- dd if=/dev/zero of=/srv/g bs=64k count=48 oflag=direct)" -gt 1500 ]
	coi container delete --force box
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

@test "max_duration: on a clock that goes on while the machine sleeps, also in one that took over" {
	settings '[limits.runtime]
max_duration = "1h"'
	launch
	for k in 1 2; do
		supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
		# CLOCK_BOOTTIME is 7; and it is the record's time.
		grep -hqs '^clockid: 7$' /proc/"$supervisor"/fdinfo/*
		deadline=$(sed -n 's/^deadline_ms *= *//p' "$COI_ROOT/containers/box/container.ini")
		[ -z "${before-}" ] || expect_equal "$deadline" "$before"
		before=$deadline
		kill -9 "$supervisor"
		within 10 sh -c "! kill -0 $supervisor"
		coi container list >/dev/null
		within 10 sh -c "! grep -q '^supervisor *= *$supervisor ' '$COI_ROOT/containers/box/container.ini'"
	done
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

@test "all limits are those of each start" {
	settings '[limits.memory]
limit = "100MiB"
enforce = "hard"
[limits.cpu]
allowance = "10ms/100ms"
count = "1"
priority = 3
[limits.disk]
tmpfs_size = "2MiB"
size = "64MiB"
[limits.runtime]
max_duration = "1h"'
	launch
	coi container stop --force box
	settings '[limits.memory]
limit = "200MiB"
enforce = "hard"
[limits.disk]
tmpfs_size = "5MiB"
size = "96MiB"'
	coi container start box
	run group_file box memory.limit_in_bytes memory.max
	expect_equal "$output" 209715200
	run group_file box cpu.cfs_quota_us cpu.max
	[[ $output == -1 || $output == max* ]]
	run group_file box cpu.shares cpu.weight
	[[ $output == 1024 || $output == 100 ]]
	run coi container exec box -- nproc
	expect_equal "$output" "$(nproc)"
	run coi container exec box -- sh -c 'head -c 10000000 /dev/zero >/tmp/f; stat -c %s /tmp/f'
	[[ $output == *5242880 ]]
	[ "$(coi container exec box -- df -m / | awk 'END { print $2 }')" -gt 70 ]
	grep -q '^deadline_ms *= *0' "$COI_ROOT/containers/box/container.ini"
	coi container delete --force box
}

@test "environment variables set limits" {
	COI_LIMIT_CPU=1 COI_LIMIT_CPU_ALLOWANCE=25% COI_LIMIT_MEMORY=96MiB COI_LIMIT_MEMORY_SWAP=false \
		COI_LIMIT_DURATION=1h coi container launch coi-default envbox >"$T/out" 2>&1
	run group_file envbox cpu.shares cpu.weight
	[[ $output == 256 || $output == 25 ]]
	run coi container exec envbox -- nproc
	expect_equal "$output" 1
	run group_file envbox memory.soft_limit_in_bytes memory.high
	expect_equal "$output" 100663296
	run group_file envbox memory.swap.max memory.swappiness
	expect_equal "$output" 0
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

@test "container set changes what it names, whatever settings hold where it is called" {
	settings '[limits.memory]
limit = "96MiB"
enforce = "hard"
[limits.runtime]
max_processes = 60'
	launch
	settings '[limits.runtime]
max_processes = 20'
	coi container set box limits.cpu.priority=5
	run group_file box memory.limit_in_bytes memory.max
	expect_equal "$output" 100663296
	run group_file box pids.max
	expect_equal "$output" 60
	coi container set box limits.runtime.max_processes=44
	coi container set box limits.runtime.max_processes=
	run group_file box pids.max
	expect_equal "$output" 60
	coi container stop --force box
	coi container start box
	run group_file box pids.max
	expect_equal "$output" 20
	coi container delete --force box
}

@test "container set: what cannot be done is undone, with what came before it" {
	settings ''
	launch
	coi container set box limits.runtime.max_processes=50
	coi container exec box --user 0 -- sh -c 'mkdir -p /dev/shm/x; mount -t tmpfs none /dev/shm/x; head -c 60000000 /dev/zero >/dev/shm/x/f'
	run --separate-stderr coi container set box limits.runtime.max_processes=44 limits.memory.limit=16MiB limits.memory.enforce=hard limits.memory.swap=false
	if [ "$status" -ne 0 ]; then
		[[ $stderr == *limits.memory* ]]
		run group_file box pids.max
		expect_equal "$output" 50
		run coi container set box
		expect_equal "$output" limits.runtime.max_processes=50
	fi
	run --separate-stderr coi container set box limits.runtime.max_processes=44 limits.cpu.count=4000
	[ "$status" -ne 0 ]
	[[ $stderr == *limits.cpu.count* ]]
	run group_file box pids.max
	[ "$output" = 50 ] || [ "$output" = 44 ]
	coi container exec box -- true
	coi container delete --force box
}

@test "container set: two at once, while it starts, stops, and while its supervisor is replaced" {
	settings ''
	launch
	n=$(long 8 60)
	for ((k = 1; k <= n; k++)); do
		"$COI" container set box limits.runtime.max_processes=$((100 + k)) 3>&- &
		a=$!
		"$COI" container set box limits.cpu.priority=$((k % 9 + 1)) 3>&- &
		b=$!
		wait $a
		wait $b
		run group_file box pids.max
		expect_equal "$output" $((100 + k))
		run coi container set box
		[ "$(wc -l <<<"$output")" -eq 2 ]
		# The next one finds no supervisor, or the one that takes over.
		supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/box/container.ini")
		kill -9 "$supervisor"
		coi container set box limits.runtime.max_processes=$((200 + k))
		within 10 sh -c "! kill -0 $supervisor 2>/dev/null"
		run group_file box pids.max
		expect_equal "$output" $((200 + k))
	done
	for ((k = 1; k <= n; k++)); do
		"$COI" container stop --force box >/dev/null 2>&1 3>&- &
		a=$!
		run --separate-stderr coi container set box limits.runtime.max_processes=$((300 + k))
		expect_status 0
		wait $a || true
		"$COI" container start box >/dev/null 2>&1 3>&- &
		a=$!
		want=$((300 + k))
		for value in $((400 + 10 * k)) $((401 + 10 * k)) $((402 + 10 * k)); do
			run --separate-stderr coi container set box "limits.runtime.max_processes=$value"
			[ "$status" -ne 0 ] || want=$value
			[ "$status" -eq 0 ] || [[ $stderr == *"just being started"* ]] || { echo "$stderr"; return 1; }
		done
		wait $a
		run group_file box pids.max
		expect_equal "$output" "$want"
		run coi container set box
		[[ $output == *"max_processes=$want"* ]]
	done
	coi container delete --force box
}
