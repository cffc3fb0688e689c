#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi tool spec: how an agent is started by somebody else. What it prints is run as it is.

setup_file() {
	load ../lib/common
	coi_setup
	coi shell --debug --background >/dev/null 2>&1
	# Scripts in the agents' places say what they were given.
	coi container exec "$(container_name 1)" -- sh -c '
		for a in claude pi codex opencode omp; do
			printf "#!/bin/sh\nfor w in \"\$@\"; do echo \"<\$w>\"; done\n" >/usr/bin/$a; chmod 755 /usr/bin/$a
		done'
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	NAME=$(container_name 1)
	ID=0f0e0d0c-1111-4222-8333-a1b2c3d4e5f6
}

spec() { # TOOL FLAGS
	printf '[container]\ninit = "coi-init"\n[tool]\nname = "%s"\n' "$1" >"$HOME/.coi/config.toml"
	run --separate-stderr coi tool spec --container "$NAME" --session-id "$ID" "${@:2}"
}

# What the agent is given when the printed command is run.
given() {
	local command
	command=$(jq -r '.command | join(" ")' <<<"$output")
	mapfile -t vars < <(jq -r '.env | to_entries[] | "--env", "\(.key)=\(.value)"' <<<"$output")
	coi container exec "$NAME" --user 1000 "${vars[@]}" -- sh -c "$command"
}

@test "the printed command starts each agent, with prompts of any content" {
	local odd=$'-n `id`\n$HOME "quoted" \'single\' \\ $(reboot)  two  spaces\ttab'
	printf '%s' "$odd" >q
	echo 'be brief' >sys
	spec claude --prompt-file q --system-prompt-file sys --json
	expect_status 0
	expect_equal "$(wc -l <<<"$output")" 1
	expect_equal "$(jq -r 'keys | join(" ")' <<<"$output")" "command env"
	expect_equal "$(given)" "$(printf '<%s>\n' --verbose --session-id $ID --permission-mode bypassPermissions \
		--append-system-prompt 'be brief' -- "$odd")"
	# Not in an argument, and for the user alone.
	[[ "$output" != *reboot* ]]
	run -0 coi container exec "$NAME" -- stat -c '%a %u %n' /home/code/.coi/runs/$ID.prompt /home/code/.coi/runs/$ID.sys
	expect_equal "$output" "$(printf '600 1000 /home/code/.coi/runs/%s\n' $ID.prompt $ID.sys)"

	spec pi --prompt-file q --system-prompt-file sys --json
	expect_equal "$(jq -r .env.PI_CODING_AGENT_SESSION_DIR <<<"$output")" /workspace/.pi-sessions
	expect_equal "$(given)" "$(printf '<%s>\n' --append-system-prompt /home/code/.pi/agent/APPEND_SYSTEM.md \
		--append-system-prompt 'be brief' -- "$odd")"
	[ -d .pi-sessions ]
	coi container exec "$NAME" -- grep -q 'You are in a sandbox' /home/code/.pi/agent/APPEND_SYSTEM.md
	spec codex --prompt-file q --json
	expect_equal "$(given)" "$(printf '<%s>\n' --dangerously-bypass-approvals-and-sandbox -- "$odd")"
	# One that cannot be given a question at its start gets it from whoever starts it.
	spec opencode --prompt-file q --json
	expect_equal "$(jq -r .prompt <<<"$output")" /home/code/.coi/runs/$ID.prompt
	expect_equal "$(given)" ""
	expect_equal "$(coi container exec "$NAME" -- cat /home/code/.coi/runs/$ID.prompt)" "$odd"
	# So does one whose question is too long for an argument.
	head -c 200000 /dev/zero | tr '\0' a >q
	spec claude --prompt-file q --json
	expect_equal "$(jq -r .prompt <<<"$output")" /home/code/.coi/runs/$ID.prompt
	COI_USE_DUMMY=1 spec claude --json
	expect_equal "$(jq -r '.command[0]' <<<"$output")" dummy
	rm q sys
}

@test "for people: words and variables, a line each" {
	spec pi
	expect_status 0
	expect_equal "$output" "$(printf 'command:\n  pi\nenv:\n  PI_CODING_AGENT_SESSION_DIR=/workspace/.pi-sessions')"
}

@test "what goes on: the last one, a certain one, one that is looked for, or a new one" {
	spec claude --resume-latest --json
	[[ "$(given)" == *"<--continue>"* ]]
	spec claude --resume-id abc --json
	[[ "$(given)" == *$'<--resume>\n<abc>'* ]]
	spec pi --resume-id abc --json
	expect_equal "$(given)" $'<--session>\n<abc>'
	spec codex --resume-id abc --json
	[[ "$(given)" == $'<resume>\n<abc>'* ]]
	spec omp --resume-id abc --json
	expect_status 1
	expect_stderr "goes on with its last conversation only"
	# Nothing of it is there yet; then it is.
	spec claude --continue --json
	[[ "$(given)" == *$'<--session-id>\n<'$ID'>'* ]]
	coi container exec --user 1000 "$NAME" -- sh -c "cd; mkdir -p .claude/projects/-workspace; echo {} >.claude/projects/-workspace/$ID.jsonl"
	spec claude --continue --json
	[[ "$(given)" == *$'<--resume>\n<'$ID'>'* ]]
	spec claude --continue=ffffffff-1111-4222-8333-a1b2c3d4e5f6 --json
	[[ "$(given)" == *$'<--session-id>\n<'$ID'>'* ]]
	coi container exec --user 1000 "$NAME" -- sh -c "mkdir -p .pi-sessions; echo {} >.pi-sessions/2026_$ID.jsonl"
	spec pi --continue --json
	expect_equal "$(given)" $'<--session>\n</workspace/.pi-sessions/2026_'$ID'.jsonl>'
	spec pi --continue=ffffffff-1111-4222-8333-a1b2c3d4e5f6 --json
	expect_equal "$(given)" ""
}

@test "what makes no sense is a usage error: 2" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		run --separate-stderr coi tool spec $words
		[ "$status" = 2 ] || { echo "$words: $status"; return 1; }
		expect_one_error
	done <<-END
		--session-id x
		--container $NAME
		--container $NAME --session-id ../x
		--container $NAME --session-id -x
		--container $NAME --session-id x --resume
		--container $NAME --session-id x --resume=y
		--container $NAME --session-id x --continue --resume-latest
		--container $NAME --session-id x --resume-id y --resume-latest
		--container $NAME --session-id x --continue=../y
		--container $NAME --session-id x --resume-id a/b
	END
	run --separate-stderr coi tool spec --container coi-00000000-1 --session-id x
	expect_status 1
	expect_one_error
	spec claude --prompt-file missing
	expect_status 1
	expect_stderr "cannot read 'missing'"
	printf 'a\0b' >nul
	spec claude --prompt-file nul
	expect_status 1
	spec codex --system-prompt-file /etc/hostname
	expect_status 1
	expect_stderr "cannot be given a system prompt"
	rm nul
	coi container launch coi-default gone
	coi container stop --force gone
	run --separate-stderr coi tool spec --container gone --session-id x
	expect_status 1
	expect_stderr "container 'gone' is not running"
	coi container delete gone
}
