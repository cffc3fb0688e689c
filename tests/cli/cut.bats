#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands on a container's files, killed before each change that they make to a file
# system, and each of these refused for want of space: every command works afterwards, and
# every byte that was there is there.

setup_file() {
	load ../lib/common
	coi_setup
	cc -shared -fPIC -o "$T/kill-at.so" "$COI_TEST_SRC/tests/image/kill-at.c" -ldl
	export C=cutbox COI_CONTAINER=cutbox
	coi container launch coi-default $C >"$T/out" 2>&1
	coi container stop --force $C >"$T/out" 2>&1
	for k in one two three; do
		echo $k >v
		coi file push v $C:/root/v
		coi file push v $C:/root/of-$k
		[ $k = three ] || coi snapshot create $k
	done
	rm v
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	! nm -D "$COI" | grep -q __asan_ || skip "a sanitizer and a preloaded library do not go together"
	cd "$T/ws"
}

names() {
	coi snapshot list --format json | jq -r '[.snapshots[].name] | join(" ")'
}

has() { # SNAPSHOT
	[[ " $(names) " == *" $1 "* ]]
}

# /root as it is now, in directory got.
get() {
	rm -rf got
	coi file pull -r "$C:/root" got >"$T/pull" 2>&1 || { cat "$T/pull"; return 1; }
}

orphan_free() {
	local l
	for l in $(ls -A "$COI_ROOT/layers"); do
		grep -rq "$l" "$COI_ROOT/containers" "$COI_ROOT/images" || { echo "orphan $l"; return 1; }
	done
}

# All that was there is there; $1: what /root/v may be.
sound() {
	local now
	get || return 1
	[[ " $1 " == *" $(cat got/v) "* ]] || { echo "v is $(cat got/v)"; return 1; }
	expect_equal "$(cat got/of-one)" one || return 1
	now=" $(names) " || return 1
	[[ $now == *" one "* && $now == *" two "* ]] || { echo "snapshots: $now"; return 1; }
	# What a command has begun and not named goes with a repair at the latest.
	orphan_free >/dev/null || coi clean --orphans --force >/dev/null || return 1
	orphan_free
}

# Run a command killed at its first step, its second, …, and with the first call that wants
# space failing, the second, …, until it comes through.
walk() { # KILL|FAIL CHECK COMMAND...: CHECK STATUS puts back what it was before
	local how=$1 check=$2 n status each
	shift 2
	each=$(long 5 1)
	for ((n = 1; ; n += each)); do
		rm -f "$T/tmp/failed"
		status=0
		{ LD_PRELOAD=$T/kill-at.so COI_TEST_FAILED=$T/tmp/failed timeout 60 \
			env "COI_TEST_${how}_AT=$n" "$COI" "$@" >"$T/out" 2>&1; } 2>"$T/shell" || status=$?
		[ "$status" != 124 ] || { echo "$how $n: hangs"; return 1; }
		"$check" "$status" >"$T/check" 2>&1 || {
			echo "$how at step $n of '$*': status $status"
			cat "$T/out" "$T/check"
			return 1
		}
		[ -e "$T/tmp/failed" ] || break
		[ "$how" = KILL ] || [ "$status" = 0 ] || grep -q "^Error: " "$T/out" || {
			echo "$how $n: no error: $(cat "$T/out")"
			return 1
		}
	done
	expect_equal "$status" 0 || { cat "$T/out"; return 1; }
	[ "$n" -gt 6 ]
}

after_create() { # STATUS
	sound three || return 1
	if has cut; then
		[ "$1" != 1 ] && coi snapshot delete cut
	else
		[ "$1" != 0 ]
	fi
}

@test "snapshot create" {
	walk KILL after_create snapshot create cut
	walk FAIL after_create snapshot create cut
}

# What it was before the restore is kept, when it was restored.
after_restore() {
	local safety v
	sound "one three" || return 1
	v=$(cat got/v)
	[ "$1" != 0 ] || expect_equal "$v" one || return 1
	safety=$(names | tr ' ' '\n' | grep '^before-restore-') || { [ "$v" = three ]; return; }
	coi snapshot restore "$safety" --force || return 1
	get
	expect_equal "$(cat got/v)" three || return 1
	for safety in $(names); do
		[[ $safety != before-restore-* ]] || coi snapshot delete "$safety" || return 1
	done
	coi snapshot delete --flatten
}

@test "snapshot restore" {
	walk KILL after_restore snapshot restore one --force
	walk FAIL after_restore snapshot restore one --force
}

after_delete() {
	sound three || return 1
	if has gone; then
		[ "$1" != 0 ]
	else
		coi snapshot create gone
	fi
}

@test "snapshot delete" {
	coi snapshot create gone
	walk KILL after_delete snapshot delete gone
	walk FAIL after_delete snapshot delete gone
	coi snapshot delete --flatten
}

# Two layers that no snapshot needs apart.
two_more() {
	coi snapshot create a && coi snapshot create b && coi snapshot delete a && coi snapshot delete b
}

after_flatten() {
	sound three || return 1
	two_more
}

@test "snapshot delete --flatten" {
	two_more
	walk KILL after_flatten snapshot delete --flatten
	walk FAIL after_flatten snapshot delete --flatten
}

# It may be there without its name, when it was killed; never a name without it.
after_publish() {
	local fp
	sound three || return 1
	if coi image exists pub; then
		coi image verify pub && coi image delete pub || return 1
	elif [ "$1" = 0 ]; then
		return 1
	fi
	for fp in $(ls "$COI_ROOT/images" | grep -E '^[0-9a-f]{64}$'); do
		[ "$fp" = "$base" ] || coi image delete "$fp" || return 1
	done
}

@test "image publish" {
	base=$(ls "$COI_ROOT/images" | grep -E '^[0-9a-f]{64}$')
	walk KILL after_publish image publish $C pub
	walk FAIL after_publish image publish $C pub
}

after_push() {
	sound three || return 1
	if cmp -s got/p old; then
		[ "$1" != 0 ]
	else
		cmp got/p new && [ "$1" != 1 ] && coi file push old $C:/root/p
	fi
}

@test "file push" {
	echo old >old
	head -c 300000 /dev/urandom >new
	coi file push old $C:/root/p
	walk KILL after_push file push new $C:/root/p
	walk FAIL after_push file push new $C:/root/p
}

after_pull() {
	sound three || return 1
	if cmp -s here old; then
		[ "$1" != 0 ]
	else
		cmp here new && cp old here
	fi
}

@test "file pull" {
	echo old | tee here >old
	head -c 300000 /dev/urandom >new
	coi file push new $C:/root/p
	walk KILL after_pull file pull $C:/root/p here
	walk FAIL after_pull file pull $C:/root/p here
}
