#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: alone
# The machine before and after a hundred runs, twenty of them killed with -9.

setup_file() {
	load ../lib/common
	coi_setup
	coi run -- true
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

@test "rules, links, mounts, control groups, state: the same before and after 100 runs, 20 killed" {
	local total killed n pid # not i: `run` of bats changes that
	total=$(long 50 100)
	killed=$((total / 5))
	within 15 quiet
	snapshot before
	for ((n = 0; n < total; n++)); do
		if ((n % 5 == 4)); then
			"$COI" run -- sleep 1000 >/dev/null 2>&1 &
			pid=$!
			sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
			kill -9 "$pid"
			wait "$pid" 2>/dev/null || true
			killed=$((killed - 1))
		else
			run --separate-stderr coi run -- true
			expect_status 0
		fi
	done
	[ "$killed" = 0 ]
	coi run -- true
	expect_settled before
}

@test "many at once, all ended by kill --all" {
	local i count
	count=$(long 10 50)
	within 15 quiet
	snapshot before
	for ((i = 1; i <= count; i++)); do
		coi container launch coi-default "many-$i"
	done
	expect_equal "$(coi container list --format json | jq '[.[] | select(.status == "Running")] | length')" "$count"
	for ((i = 1; i <= count; i++)); do
		coi container delete --force "many-$i"
	done
	expect_settled before
}

@test "clean finds a range of user ids whose container is gone" {
	local claim=4000000000-65536
	# Not where all of the machine are: whoever starts a container takes such a claim away.
	local -x COI_IDS_DIR=$T/ids
	local claims=$COI_IDS_DIR
	mkdir -p "$claims"
	printf '%s\nclaimed\n%s\n%s\n' "$(cat /proc/sys/kernel/random/boot_id)" \
		"$(readlink -f "$COI_ROOT")" coi-gone >"$claims/$claim"
	run --separate-stderr coi clean --orphans --dry-run
	expect_text "range of user ids without a container: 'coi-gone'"
	[ -e "$claims/$claim" ]
	coi clean --orphans --force
	[ ! -e "$claims/$claim" ]
}

@test "layers whose images are not there are nobody's to remove" {
	local layers
	coi run -- true
	layers=$(ls "$COI_ROOT/layers")
	[ -n "$layers" ]
	# A file system of its own that is not mounted; made empty by whoever comes first.
	mv "$COI_ROOT/images" "$T/elsewhere"
	for command in "clean --orphans --force" "clean --orphans --dry-run" "image list" \
		"image import ${COI_TEST_IMAGE:-$T/image.tar} --alias other"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $command
		expect_status 1
		expect_stderr "images' is empty, and there are layers of images beside it"
		expect_stderr "is its file system mounted"
		expect_equal "$(ls "$COI_ROOT/layers")" "$layers"
	done
	rmdir "$COI_ROOT/images"
	# Nor are those of one that cannot be read.
	echo none >"$COI_ROOT/images"
	run --separate-stderr coi clean --orphans --force
	expect_status 1
	expect_equal "$(ls "$COI_ROOT/layers")" "$layers"
	rm "$COI_ROOT/images"
	mv "$T/elsewhere" "$COI_ROOT/images"
	coi clean --orphans --force
	coi run -- true
	# What is empty since all has been deleted is known.
	coi image delete coi-default
	run -0 coi image list
	coi clean --orphans --force
}
