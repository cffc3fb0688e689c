#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# After a reboot: what is marked for it runs again, for whom it was made; nothing else does.

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
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
}

# The end of everything at once, and then records of another boot.
reboot_machine() {
	local pid file
	for pid in $(pids_of coi-supervisor) $(pids_of coi-init); do
		kill -9 "$pid" 2>/dev/null || true
	done
	# One that dies has its locks for a moment.
	all_gone() { [ -z "$(pids_of coi-supervisor)$(pids_of coi-init)" ]; }
	within 20 all_gone
	for file in "$COI_ROOT"/containers/*/container.ini; do
		sed -i 's/^boot_id *=.*/boot_id = 00000000-1111-2222-3333-444444444444/' "$file"
	done
}

state_of() { # NAME
	coi container list --format json | jq -r --arg n "$1" '.[] | select(.name == $n) | .status'
}

@test "what is marked for it runs again after a reboot, and as often as it is asked for" {
	local name
	for name in coi-yes coi-no coi-taken-back; do
		coi container launch coi-default "$name"
	done
	coi persist --at-boot coi-yes
	coi persist --at-boot coi-taken-back
	run coi persist --not-at-boot coi-taken-back
	expect_status 0
	[[ "$output" == *"'coi-taken-back' is not started when this machine has been"* ]]
	# The supervisor's own record keeps the mark.
	coi container stop --force coi-yes
	coi container start coi-yes
	reboot_machine
	coi clean --orphans --force
	expect_equal "$(state_of coi-yes)" Stopped
	coi container start --at-boot
	expect_equal "$(state_of coi-yes)" Running
	expect_equal "$(state_of coi-no)" Stopped
	expect_equal "$(state_of coi-taken-back)" Stopped
	run coi container start --at-boot
	expect_status 0
	expect_equal "$output" ""
}

@test "one that was to go and is kept after all may have lost what it wrote, and that is said" {
	local how name job
	for how in kept after-all; do
		if [ $how = kept ]; then
			coi container launch coi-default coi-kept
			name=coi-kept
		else
			"$COI" run -- sleep 600 >/dev/null 2>&1 3>&- &
			one() { name=$(coi container list --format json | jq -er '.[] | select(.status == "Running").name'); }
			job=$!
			within 10 one
			coi persist --force "$name"
			kill -STOP "$job"
		fi
		reboot_machine
		[ $how = kept ] || kill -9 "$job"
		run --separate-stderr coi container list
		expect_status 0
		expect_stderr "Repairing container '$name', which was left running"
		[ $how = kept ] || expect_stderr "what '$name' wrote last may be lost or damaged"
		[ $how != kept ] || not grep -q "lost or damaged" <<<"$stderr"
		# Once: from its next start on it is as any other.
		coi container start "$name"
		reboot_machine
		run --separate-stderr coi container list
		not grep -q "lost or damaged" <<<"$stderr"
		coi container delete --force "$name"
	done
}

@test "one that cannot be started is told of, and is no reason not to start the others" {
	coi container launch coi-default coi-a
	coi container launch coi-default coi-b
	coi persist --all --force --at-boot
	reboot_machine
	coi clean --orphans --force
	sed -i 's/^workspace *=.*/workspace = \/nowhere\/at\/all/' "$COI_ROOT/containers/coi-a/container.ini"
	run coi container start --at-boot
	[ "$status" != 0 ]
	[[ "$output" == *"1 of the containers that are marked for it could not be started"* ]]
	expect_equal "$(state_of coi-b)" Running
}

@test "each starts with the settings of whom it was made for" {
	mkdir -p "$T/person"
	chown 1234:1234 "$T/person"
	env SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=person HOME="$T/person" \
		"$COI" container launch coi-default coi-theirs
	coi persist --at-boot coi-theirs
	reboot_machine
	coi clean --orphans --force
	# Settings that are broken are a reason not to start anything, and these are the person's.
	mkdir -p "$T/person/.coi"
	printf 'mode = [\n' >"$T/person/.coi/config.toml"
	run coi container start --at-boot
	[ "$status" != 0 ]
	[[ "$output" == *"$T/person/.coi/config.toml"* ]]
	rm "$T/person/.coi/config.toml"
	# Root's are not theirs.
	cp "$HOME/.coi/config.toml" "$T/config.toml"
	printf 'mode = [\n' >"$HOME/.coi/config.toml"
	coi container start --at-boot
	mv "$T/config.toml" "$HOME/.coi/config.toml"
	expect_equal "$(state_of coi-theirs)" Running
	grep -q '^person_uid *= *1234' "$COI_ROOT/containers/coi-theirs/container.ini"
}

@test "each starts with the profile that it was made with" {
	mkdir -p "$HOME/.coi/profiles/wide"
	printf '[network]\nmode = "open"\n' >"$HOME/.coi/profiles/wide/config.toml"
	coi --profile wide container launch coi-default coi-wide
	coi --profile wide --persistent run -- true
	coi persist --force --at-boot coi-wide "$(container_name 1)"
	reboot_machine
	coi clean --orphans --force
	coi container start --at-boot
	local name
	for name in coi-wide "$(container_name 1)"; do
		coi network show "$name" >"$T/out"
		cat "$T/out"; grep -qi '^mode: *open' "$T/out"
	done
}

@test "a name and --at-boot are not for each other" {
	run --separate-stderr coi container start --at-boot coi-x
	expect_status 2
	expect_one_error
	run --separate-stderr coi container start
	expect_status 2
	expect_one_error
	run --separate-stderr coi persist --at-boot --not-at-boot coi-x
	expect_status 2
	expect_one_error
}

@test "systemd finds nothing wrong with the units" {
	local unit
	mkdir "$T/units"
	for unit in cleanup restore; do
		sed "s|^ExecStart=[^ ]*|ExecStart=$COI|" \
			"$COI_TEST_BUILD/contrib/systemd/coi-$unit.service" >"$T/units/coi-$unit.service"
		not grep '@' "$COI_TEST_BUILD/contrib/systemd/coi-$unit.service"
	done
	run systemd-analyze verify --man=no --recursive-errors=no "$T"/units/*.service
	expect_status 0
	expect_equal "$output" ""
	# What it says of one that is wrong.
	sed -i 's/^Type=.*/Type=never/; s/^ExecStart=.*/ExecStart=/' "$T/units/coi-cleanup.service"
	run systemd-analyze verify --man=no --recursive-errors=no "$T/units/coi-cleanup.service"
	[ -n "$output" ]
}
