#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi run --prompt: one question to the agent, whose place a script takes here.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default box
	coi container exec box -- sh -c 'cat >/usr/bin/dummy && chmod 755 /usr/bin/dummy' <<-'END'
		#!/bin/sh
		case " $* " in *" --version "*) echo 1; exit 0 ;; esac
		read -r question
		echo "$question" >asked
		echo "answer to $question"
		echo trouble >&2
		exit 5
	END
	coi image publish box coi-dummy >/dev/null
	coi container delete --force box
	printf '[container]\nimage = "coi-dummy"\ninit = "coi-init"\n[tool]\nname = "pi"\n[prompts]\ngreet = "named"\n' >"$HOME/.coi/config.toml"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	export COI_USE_DUMMY=1
}

@test "the agent is asked, its exit code is ours, and nothing of it stays" {
	run --separate-stderr coi run --prompt "what's up?"
	expect_status 5
	expect_equal "$output" "answer to what's up?"
	expect_stderr trouble
	expect_equal "$(cat asked)" "what's up?"
	expect_equal "$(stat -c %u asked)" 1234
	echo "from a file" >text
	run --separate-stderr coi run --prompt-file text
	expect_status 5
	expect_equal "$output" "answer to from a file"
	run --separate-stderr coi run --prompt-name greet
	expect_equal "$output" "answer to named"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
	rm asked text
}

@test "as json: result, duration, session id and the files that changed" {
	touch -d 2001-01-01 old
	run --separate-stderr coi run --prompt hello --format json
	expect_status 5
	expect_equal "$(jq -r '.result, .exit_code, .tool' <<<"$output" | xargs)" "answer to hello 5 pi"
	expect_equal "$(jq -r '.duration_ms | type' <<<"$output")" number
	[[ "$(jq -r .session_id <<<"$output")" =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4 ]]
	expect_equal "$(jq -r '.files_changed | index("asked") != null and index("old") == null' <<<"$output")" true
	rm asked old
}

@test "what is no prompt is a usage error, and costs no container" {
	local words
	for words in "--prompt a --prompt-name greet" "--prompt a true" "--prompt-file missing" \
		"--prompt-name missing" "--format json true" "--prompt-file /dev/null"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi run $words
		expect_status 2
		expect_one_error
	done
	run --separate-stderr coi run --prompt ' '
	expect_status 2
	sed -i 's/^name = "pi"/&\npermission_mode = "interactive"/' "$HOME/.coi/config.toml"
	run --separate-stderr coi run --prompt hello
	expect_status 2
	sed -i '/permission_mode/d' "$HOME/.coi/config.toml"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
}
