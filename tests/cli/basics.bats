#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What needs no container: help, version, completion, usage errors, missing rights.

setup_file() {
	load ../lib/common
	coi_setup_bare
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

@test "version prints product, version and address" {
	run --separate-stderr coi version
	expect_status 0
	[[ "${lines[0]}" =~ ^[^\ ].*\ v[0-9]+\.[0-9]+\.[0-9]+ ]]
	[ "${#lines[@]}" = 2 ]
	local first=${lines[0]}
	run --separate-stderr coi --version
	expect_status 0
	expect_equal "$output" "$first"
}

@test "version as json is one line" {
	run --separate-stderr coi version --format json
	expect_status 0
	[ "${#lines[@]}" = 1 ]
	[[ "$(jq -r .version <<<"$output")" == v*.*.* ]]
	jq -e 'has("url")' <<<"$output"
	run --separate-stderr coi version --json
	expect_status 0
	jq -e .version <<<"$output"
}

@test "a bad format is a usage error" {
	run --separate-stderr coi version --format yaml
	expect_status 2
	expect_one_error
	expect_stderr yaml
}

@test "an unknown command is named, with what was meant" {
	run --separate-stderr coi shel
	expect_status 1
	expect_stderr "shel"
	expect_stderr "shell"
	expect_stderr "--help"
	[ -z "$output" ]
	run --separate-stderr coi xyzzy
	[ "$status" != 0 ]
	expect_stderr xyzzy
}

@test "an unknown flag is named, with the usage" {
	run --separate-stderr coi run --nonsense -- true
	expect_status 1
	expect_stderr "--nonsense"
	[[ "${stderr,,}" == *usage* ]]
}

@test "a wrong number of arguments is a usage error" {
	local command
	for command in "attach one two" "container exists" "image delete"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $command
		expect_status 1
		expect_one_error
		[[ "${stderr,,}" == *usage* ]]
	done
	# Not for what fails later.
	run --separate-stderr coi container delete nonexistent
	expect_status 1
	[[ "${stderr,,}" != *usage* ]]
}

@test "a flag of an earlier version says which key replaces it" {
	local flag key
	while read -r flag key; do
		run --separate-stderr coi shell "--$flag" x
		expect_status 1
		expect_stderr "unknown flag '--$flag'"
		expect_stderr "This is a setting: $key."
	done <<-'END'
		env [defaults] environment
		mount [[mounts.default]]
		network [network] mode
		ssh-agent [ssh] forward_agent
		storage [container] storage_pool
		limit-memory [limits.memory] limit
		monitor [monitoring] enabled
		writable-git-hooks [git] writable_hooks
	END
}

@test "a foreign name in a message is escaped" {
	run --separate-stderr coi $'\033[31mred'
	[ "$status" != 0 ]
	[[ "$stderr" != *$'\033'* ]]
	expect_stderr 'red'
}

@test "help of every command fits 80 columns and goes to standard output" {
	run --separate-stderr coi help
	expect_status 0
	[ -z "$stderr" ]
	local path wide=
	for path in "" shell run attach list build kill shutdown version completion help clean \
		image "image list" "image import" "image export" "image exists" "image info" \
		"image publish" "image delete" "image cleanup" container "container launch" \
		"container start" "container stop" "container delete" "container exec" \
		"container exists" "container running" "container mount" "container list" \
		"container info"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $path --help
		expect_status 0
		[[ "$output" == *Usage:* ]] || { echo "no help for '$path'"; return 1; }
		wide=$(awk 'length($0) > 80' <<<"$output")
		[ -z "$wide" ] || { echo "$path: $wide"; return 1; }
	done
}

@test "help for a command is the same as its --help" {
	run coi help run
	expect_status 0
	local first=$output
	run coi run --help
	expect_equal "$output" "$first"
	run coi run -h
	expect_equal "$output" "$first"
	run --separate-stderr coi help nonsense
	[ "$status" != 0 ]
}

@test "completion is valid for each shell" {
	coi completion bash >"$T/c.bash"
	bash -n "$T/c.bash"
	grep -q coi "$T/c.bash"
	coi completion zsh >"$T/c.zsh"
	coi completion fish >"$T/c.fish"
	grep -q __complete "$T/c.zsh"
	grep -q 'complete -c coi' "$T/c.fish"
	! command -v zsh >/dev/null || zsh -n "$T/c.zsh"
	! command -v fish >/dev/null || {
		fish -n "$T/c.fish"
		PATH=$COI_TEST_BUILD:$PATH fish -c 'source $argv[1]; complete -C "coi ver"' "$T/c.fish" | grep -q '^version'
	}
	run --separate-stderr coi completion tcsh
	[ "$status" != 0 ]
}

@test "completion of bash offers the commands" {
	coi completion bash >"$T/c.bash"
	PATH=$COI_TEST_BUILD:$PATH run bash -c '
		source "$1"
		COMP_WORDS=(coi ver) COMP_CWORD=1 COMP_LINE="coi ver" COMP_POINT=7
		spec=$(complete -p coi); fn=${spec##*-F }; fn=${fn%% *}
		"$fn" coi ver coi
		printf "%s\n" "${COMPREPLY[@]}"' _ "$T/c.bash"
	expect_status 0
	expect_text version
}

@test "without root it says what to do" {
	local reader
	reader=$(command -v setpriv) || skip "no setpriv"
	chmod 0755 "$T"
	cp "$COI_TEST_BUILD/coi" "$T/coi-copy"
	chmod 0755 "$T/coi-copy"
	HOME=/tmp run --separate-stderr "$reader" --reuid=1234 --regid=1234 --clear-groups \
		"$T/coi-copy" run -- true
	expect_status 1
	expect_one_error
	expect_stderr sudo
}

@test "without root, version and help work" {
	cp "$COI_TEST_BUILD/coi" "$T/coi-copy"
	chmod 0755 "$T/coi-copy"
	HOME=/tmp run --separate-stderr setpriv --reuid=1234 --regid=1234 --clear-groups "$T/coi-copy" version
	expect_status 0
	HOME=/tmp run --separate-stderr setpriv --reuid=1234 --regid=1234 --clear-groups "$T/coi-copy" help
	expect_status 0
}

@test "no network namespace, mount or rule comes from a command that only reads" {
	snapshot before
	coi list
	coi image list
	snapshot after
	# Only the state directory's own skeleton may have come.
	cp "$T/snap.after/state" "$T/snap.before/state"
	same before after
}

@test "list without anything" {
	run --separate-stderr coi list
	expect_status 0
	expect_text "Active Containers:"
	expect_text "(none)"
	run --separate-stderr coi list --format json
	expect_status 0
	jq -e '.active_containers == []' <<<"$output"
	jq -e 'has("saved_sessions") | not' <<<"$output"
	run --separate-stderr coi container list --format json
	expect_status 0
	jq -e '. == []' <<<"$output"
}

@test "kill and shutdown of nothing" {
	run --separate-stderr coi kill
	[ "$status" != 0 ]
	run --separate-stderr coi kill --all
	expect_status 0
	run --separate-stderr coi shutdown --all --force
	expect_status 0
	local command
	for command in kill shutdown; do
		run --separate-stderr coi "$command" --force nonexistent
		expect_status 1
		expect_stderr nonexistent
	done
}

@test "attach with nothing running says so" {
	run coi attach
	expect_status 0
	expect_text "No active sessions"
	run --separate-stderr coi attach coi-00000000-1
	expect_status 1
	expect_one_error
}
