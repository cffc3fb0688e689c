#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# The real agents of the default image, in sessions as people start them, against a small
# model of the test's own on the internet side of the stage.

setup_file() {
	load ../lib/common
	[ -n "${COI_TEST_DEFAULT-}" ] || { echo "no default image was made" >&2; return 1; }
	coi_setup_bare
	export COI_ROOT=$COI_TEST_DEFAULT/root MODEL=$T/model.log
	: >"$MODEL"
	mkfifo "$T/ready"
	in_world /usr/bin/python3 "$COI_TEST_SRC/tests/lib/model.py" 203.0.113.10 9000 "$MODEL" "$T/ready" \
		'echo made-in-the-sandbox >>/workspace/made.txt' >/dev/null 2>"$T/model.err" 3>&- 4>&- &
	echo $! >"$T/model.pid"
	read -r _ <"$T/ready"
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/model.pid")" 2>/dev/null || true
	cd /
	coi kill --all --force >/dev/null 2>&1 || true
	remove_cgroups
	rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
	cd "$T/ws"
	find . -mindepth 1 -delete
	rm -rf "$HOME"
	mkdir -p "$HOME/.coi" "$HOME/.pi/agent" "$HOME/.claude"
	: >"$MODEL"
	pi_home
}

teardown() {
	[ -n "${NAME-}" ] && coi kill --force "$NAME" >/dev/null 2>&1 || true
}

pi_home() {
	cat >"$HOME/.pi/agent/models.json" <<-'END'
		{"providers":{"test":{"baseUrl":"http://203.0.113.10:9000/v1","api":"openai-completions",
		 "apiKey":"$TEST_KEY","models":[{"id":"test-model"}]}}}
	END
	echo '{"defaultProvider":"test","defaultModel":"test-model","quietStartup":true,"enableInstallTelemetry":false}' \
		>"$HOME/.pi/agent/settings.json"
	cat >"$HOME/.coi/config.toml" <<-'END'
		[defaults.environment]
		TEST_KEY = "test"
		ANTHROPIC_BASE_URL = "http://203.0.113.10:9000"
		ANTHROPIC_AUTH_TOKEN = "test"
		DISABLE_AUTOUPDATER = "1"
	END
}

start() { # TOOL [FLAG...]
	local tool=$1
	shift
	run --separate-stderr coi shell --tool "$tool" --background "$@"
	expect_status 0
	NAME=$(container_name "${SLOT:-1}")
}

# What the screen shows, for whoever waits in vain.
screen() {
	coi tmux capture "$NAME"
}

shows() {
	screen | grep -q -- "$1"
}

wait_for() { # SECONDS TEXT on the screen
	within "$1" shows "$2" >/dev/null || { echo "no '$2' on:"; screen; tail -c 2000 "$MODEL"; return 1; }
}

# pi has read its settings and waits when it names the model.
pi_ready() {
	wait_for 60 test-model
}

say() {
	coi tmux send "$NAME" "$1"
}

system_prompts() {
	jq -r '.body | (.system // .messages[] | if type == "array" then .[] else . end)
		| if type == "string" then . elif .role? then select(.role == "system" or .role == "developer") | .content
		else .text? end | if type == "array" then .[].text else . end // empty' "$MODEL"
}

@test "pi starts, runs a command that writes into the workspace, and is told where it is" {
	start pi
	pi_ready
	say 'ask:one'
	within 60 test -s made.txt || { screen; return 1; }
	expect_equal "$(stat -c %u made.txt)" 1234
	wait_for 30 'answer: 1 asked, first ask:one'
	system_prompts | grep -q 'You are in a sandbox'
	system_prompts | grep -q 'Mode: `restricted`'
	# Its conversation is the slot's, the owner's, in the workspace.
	[ -n "$(find .pi-sessions -maxdepth 1 -name '*.jsonl' -uid 1234)" ]
	# The person's own files stay as they were.
	[ ! -e "$HOME/.pi/agent/trust.json" ]
}

@test "pi goes on with its conversation, and that of another slot is another" {
	start pi
	pi_ready
	say 'ask:first'
	wait_for 60 'answer: 1 asked, first ask:first'
	coi shutdown --force --timeout 20 "$NAME"
	start pi --resume
	pi_ready
	say 'ask:second'
	wait_for 60 'answer: 2 asked, first ask:first'
	SLOT=2 start pi --slot 2
	pi_ready
	say 'ask:other'
	wait_for 60 'answer: 1 asked, first ask:other'
	[ -n "$(find .pi-sessions/slot-2 -name '*.jsonl')" ]
	coi kill --force "$(container_name 1)"
}

# An id of the session that has just been started.
id() {
	sed -n 's/^ *Session: *//p' <<<"$stderr"
}

@test "pi goes on with the session whose id is given, in another slot too; and with one of 0.9" {
	local first second
	start pi
	first=$(id)
	pi_ready
	say 'ask:first'
	wait_for 60 'answer: 1 asked, first ask:first'
	coi shutdown --force --timeout 20 "$NAME"
	start pi
	second=$(id)
	pi_ready
	say 'ask:other'
	wait_for 60 'answer: 1 asked, first ask:other'
	coi shutdown --force --timeout 20 "$NAME"
	start pi --resume="$first"
	pi_ready
	say 'ask:again'
	wait_for 60 'answer: 2 asked, first ask:first'
	coi shutdown --force --timeout 20 "$NAME"
	SLOT=3 start pi --slot 3 --resume="$second"
	pi_ready
	say 'ask:again'
	wait_for 60 'answer: 2 asked, first ask:other'
	coi shutdown --force --timeout 20 "$NAME"
	[ ! -d .pi-sessions/slot-3 ] || [ -z "$(ls .pi-sessions/slot-3)" ]

	# What coi 0.9 has left of one: no format, no start.
	local saved=$HOME/.coi/sessions-pi old=22222222-3333-4444-8555-666666666666
	rm -rf "$saved"
	find .pi-sessions -name '*.jsonl' ! -newermt "$(date -d '1 hour ago')" -delete
	mkdir -p "$saved/$old/.pi/agent"
	cp "$HOME/.pi/agent/settings.json" "$HOME/.pi/agent/models.json" "$saved/$old/.pi/agent/"
	printf '{"session_id":"%s","container_name":"%s","persistent":false,"workspace":"%s","saved_at":"%s"}\n' \
		$old "$(container_name 1)" "$PWD" "$(date +%Y-%m-%dT%H:%M:%S%:z)" >"$saved/$old/metadata.json"
	start pi --resume
	expect_equal "$(id)" $old
	pi_ready
	say 'ask:more'
	wait_for 60 'answer: 3 asked, first ask:other'
}

@test "pi trusts the project without asking, and keeps the sandbox's text beside the project's" {
	mkdir .pi
	echo 'rules of the project' >.pi/APPEND_SYSTEM.md
	echo 'my own rules' >"$HOME/.pi/agent/APPEND_SYSTEM.md"
	chown -R 1234:1234 .pi
	start pi
	pi_ready
	say 'ask:x'
	wait_for 60 'answer: 1 asked'
	system_prompts | grep -q 'rules of the project'
	system_prompts | grep -q 'my own rules'
	system_prompts | grep -q 'You are in a sandbox'
}

@test "where the model is out of reach pi says so at once" {
	cat >>"$HOME/.coi/config.toml" <<-'END'
		[network]
		mode = "allowlist"
		allowed_domains = ["only.test"]
	END
	sed -i 's/"defaultModel/"retry":{"enabled":false},&/' "$HOME/.pi/agent/settings.json"
	start pi
	pi_ready
	say 'ask:one'
	wait_for 30 '[Ee]rror\|[Cc]onnection'
	[ ! -s "$MODEL" ]
	within 10 sh -c "$COI container exec $NAME -- grep 203.0.113.10 /run/coi/denied"
}

@test "claude starts, runs a command that writes into the workspace, and is told where it is" {
	echo '{"env":{"MINE":"1"},"permissions":{"deny":["WebFetch"]}}' >"$HOME/.claude/settings.json"
	start claude
	wait_for 60 'bypass permissions'
	say 'ask:one'
	within 60 test -s made.txt || { screen; return 1; }
	expect_equal "$(stat -c %u made.txt)" 1234
	wait_for 30 'answer: 1 asked'
	jq -r '.body | tostring' "$MODEL" | grep -q 'You are in a sandbox'
	run -0 coi container exec "$NAME" -- cat /home/code/.claude/settings.json
	expect_equal "$(jq -c '[.env, .permissions]' <<<"$output")" \
		'[{"MINE":"1"},{"deny":["WebFetch"],"defaultMode":"bypassPermissions"}]'
}

@test "claude goes on with its conversation" {
	start claude
	wait_for 60 'bypass permissions'
	say 'ask:first'
	wait_for 60 'answer: 1 asked'
	coi shutdown --force --timeout 20 "$NAME"
	start claude --resume
	wait_for 60 'bypass permissions'
	say 'ask:second'
	wait_for 60 'answer: 2 asked, first ask:first'
}

opencode_home() {
	mkdir -p "$HOME/.config/opencode"
	echo '{"model":"test/test-model","autoupdate":false,"provider":{"test":{"npm":"@ai-sdk/openai-compatible",
		"options":{"baseURL":"http://203.0.113.10:9000/v1","apiKey":"x"},"models":{"test-model":{"name":"test-model"}}}}}' \
		>"$HOME/.config/opencode/opencode.json"
	echo 'OPENCODE_DISABLE_MODELS_FETCH = "1"' >>"$HOME/.coi/config.toml"
}

@test "opencode goes on with its conversation, by id too, and that of another slot is another" {
	local first
	opencode_home
	start opencode
	first=$(id)
	wait_for 90 'test-model'
	say 'ask:first'
	wait_for 60 'answer: 1 asked, first ask:first'
	expect_equal "$(stat -c %u made.txt)" 1234
	jq -r '.body | tostring' "$MODEL" | grep -q 'You are in a sandbox'
	coi shutdown --force --timeout 20 "$NAME"
	start opencode
	wait_for 90 'test-model'
	say 'ask:other'
	wait_for 60 'answer: 1 asked, first ask:other'
	coi shutdown --force --timeout 20 "$NAME"
	start opencode --resume
	wait_for 90 'ask:other'
	say 'ask:again'
	wait_for 60 'answer: 2 asked, first ask:other'
	coi shutdown --force --timeout 20 "$NAME"
	start opencode --resume="$first"
	wait_for 90 'ask:first'
	say 'ask:again'
	wait_for 60 'answer: 2 asked, first ask:first'
	SLOT=2 start opencode --slot 2
	wait_for 90 'test-model'
	[ -d .local/slot-2/share/opencode ]
	coi kill --force "$(container_name 1)"
}

@test "each agent that is in the image answers its check" {
	local file agent found=0
	start pi
	for file in "$COI_TEST_SRC"/tools/*.json; do
		agent=$(jq -r .binary "$file")
		coi container exec "$NAME" -- sh -c "command -v $agent" >/dev/null || continue
		mapfile -t words < <(jq -r '.check[]' "$file")
		run -0 timeout 60 "$COI" container exec --user 1000 "$NAME" -- "$agent" "${words[@]}"
		expect_text .
		found=$((found + 1))
	done
	[ "$found" -ge 3 ]
}
