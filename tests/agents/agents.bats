#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# The real agents of the default image, in sessions as people start them, against a small
# model of the test's own on the internet side of the stage.

setup_file() {
	load ../lib/common
	default_setup
	export MODEL=$T/model.log
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
	default_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	find . -mindepth 1 -delete
	within 10 rm -rf "$HOME"
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

opencode_home() {
	mkdir -p "$HOME/.config/opencode"
	echo '{"model":"test/test-model","autoupdate":false,"provider":{"test":{"npm":"@ai-sdk/openai-compatible",
		"options":{"baseURL":"http://203.0.113.10:9000/v1","apiKey":"x"},"models":{"test-model":{"name":"test-model"}}}}}' \
		>"$HOME/.config/opencode/opencode.json"
	echo 'OPENCODE_DISABLE_MODELS_FETCH = "1"' >>"$HOME/.coi/config.toml"
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

@test "what is sent before pi is there is asked when it is" {
	start pi
	say 'ask:early'
	within 60 test -s made.txt || { screen; return 1; }
	wait_for 30 'answer: 1 asked, first ask:early'
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

# Of every process here: its arguments, whoever reads them, and what others may read of its
# environment.
no_secret_in_sight() {
	local pid uid leak=
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
		if { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q s3cr3t; then
			leak="$leak arguments of $pid"
		fi
	done
	for uid in 1234 65534; do
		leak="$leak$(setpriv --reuid $uid --regid $uid --clear-groups \
			sh -c 'cat /proc/[0-9]*/environ' 2>/dev/null | tr '\0' '\n' | grep s3cr3t || true)"
	done
	[ -z "$leak" ] || { echo "$leak"; return 1; }
}

@test "a session in a repository of uid 1234: started, asked, ended, gone on with; no secret in sight" {
	git init -q .
	chown -R 1234:1234 .
	echo '{"test":{"type":"api_key","key":"s3cr3t-file"}}' >"$HOME/.pi/agent/auth.json"
	sed -i 's/"apiKey":"[^"]*",//' "$HOME/.pi/agent/models.json"
	cat >>"$HOME/.coi/config.toml" <<-'END'
		SET = "s3cr3t-set"
		[defaults.env_commands]
		COMMAND = "cat ~/.secret"
	END
	sed -i '1i [defaults]\nforward_env = ["FORWARDED"]' "$HOME/.coi/config.toml"
	echo s3cr3t-command >"$HOME/.secret"
	FORWARDED=s3cr3t-forwarded start pi
	pi_ready
	# All of them have arrived.
	coi container exec "$NAME" -- sh -c 'tr "\0" "\n" </proc/$(pidof -s pi)/environ' >"$T/env"
	for which in set forwarded command; do
		grep -q "=s3cr3t-$which\$" "$T/env"
	done
	rm "$T/env"
	no_secret_in_sight
	# It would be seen.
	local control
	bash -c 'exec -a s3cr3t-control sleep 1000' 3>&- &
	control=$!
	within 5 run -1 no_secret_in_sight
	kill $control
	setpriv --reuid 1234 --regid 1234 --clear-groups env CONTROL=s3cr3t-control sleep 1000 3>&- &
	control=$!
	within 5 run -1 no_secret_in_sight
	kill $control
	say 'ask:first'
	within 60 test -s made.txt || { screen; return 1; }
	expect_equal "$(stat -c %u:%g made.txt)" 1234:1234
	wait_for 30 'answer: 1 asked, first ask:first'
	no_secret_in_sight
	coi shutdown --force --timeout 20 "$NAME"
	[ -z "$(find . ! -uid 1234 | grep -v '^\./\.git/hooks$')" ]
	FORWARDED=s3cr3t-forwarded start pi --resume
	pi_ready
	say 'ask:second'
	wait_for 60 'answer: 2 asked, first ask:first'
	no_secret_in_sight
	run ! grep -rl s3cr3t "$HOME/.coi/logs" "$COI_ROOT/run" "$COI_ROOT/containers/$NAME/container.ini" "$COI_ROOT/containers/$NAME/supervisor.log"
}

@test "what is saved of pi survives a kill in the middle and a full disk" {
	local dir id
	start pi
	id=$(id)
	pi_ready
	say 'ask:first'
	wait_for 60 'answer: 1 asked, first ask:first'
	coi container exec --user 1000 "$NAME" -- sh -c 'echo one >/home/code/.pi/agent/mark'
	coi shutdown --force --timeout 20 "$NAME"
	dir=$HOME/.coi/sessions-pi/$id
	expect_equal "$(cat "$dir/.pi/agent/mark")" one
	# Killed when all is written and nothing is in its place yet.
	COI_CRASH_AT=saved:written:after start pi --resume
	coi container exec --user 1000 "$NAME" -- sh -c 'echo two >/home/code/.pi/agent/mark'
	run coi shutdown --force --timeout 20 "$NAME"
	expect_equal "$(cat "$dir/.pi/agent/mark")" one
	start pi --resume
	pi_ready
	expect_equal "$(id)" "$id"
	coi container exec "$NAME" -- grep -q two /home/code/.pi/agent/mark
	say 'ask:second'
	wait_for 60 'answer: 2 asked, first ask:first'
	coi shutdown --force --timeout 20 "$NAME"
	expect_equal "$(cat "$dir/.pi/agent/mark")" two

	# No room for all of it.
	truncate -s 24M "$T/small.img"
	mkfs.ext4 -q -F "$T/small.img"
	mkdir "$T/small"
	mount -o loop "$T/small.img" "$T/small" || skip "no loop devices"
	cp -a "$HOME/.coi/sessions-pi/." "$T/small"
	mount --bind "$T/small" "$HOME/.coi/sessions-pi"
	start pi --resume
	coi container exec --user 1000 "$NAME" -- sh -c 'echo three >/home/code/.pi/agent/mark; head -c 60000000 /dev/zero >/home/code/.pi/agent/large'
	run coi shutdown --force --timeout 20 "$NAME"
	expect_text "No space left"
	expect_equal "$(cat "$dir/.pi/agent/mark")" two
	start pi --resume
	coi container exec --user 1000 "$NAME" -- rm /home/code/.pi/agent/large
	pi_ready
	say 'ask:third'
	wait_for 60 'answer: 3 asked, first ask:first'
	coi shutdown --force --timeout 20 "$NAME"
	expect_equal "$(cat "$dir/.pi/agent/mark")" three
	umount "$HOME/.coi/sessions-pi" "$T/small"
	rm -r "$T/small" "$T/small.img"
}

@test "coi run --prompt asks the real agents: answer, file, exit status, what changed" {
	local tool
	opencode_home
	for tool in pi claude opencode; do
		printf '[tool]\nname = "%s"\n' $tool >>"$HOME/.coi/config.toml"
		rm -f made.txt
		run --separate-stderr timeout 120 "$COI" run --format json --prompt "ask:$tool"
		sed -i '/^\[tool\]/,$d' "$HOME/.coi/config.toml"
		expect_status 0
		jq -e --arg want "answer: 1 asked, first ask:$tool" \
			'(.result | contains($want)) and .exit_code == 0 and .duration_ms > 0
			and (.files_changed | index("made.txt") != null)' <<<"$output" || { echo "$tool: $output"; return 1; }
		expect_equal "$(stat -c %u made.txt)" 1234
	done
	# One that cannot reach its model fails, and so does the command.
	sed -i 's/203.0.113.10:9000/203.0.113.10:9/' "$HOME/.pi/agent/models.json"
	sed -i 's/"defaultModel/"retry":{"enabled":false},&/' "$HOME/.pi/agent/settings.json"
	printf '[tool]\nname = "pi"\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr timeout 120 "$COI" run --prompt "ask:x"
	[ "$status" != 0 ]
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
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

# The texts of an SVG's first or third screen, without what differs each time.
texts() { # SVG SCREEN
	awk -v screen="$2" '/^<text .*font-weight="bold">[0-9]\. / { n++ } n == screen && /^<text y=/' "$1" |
		sed 's/<[^>]*>//g' | tr -d '\n' |
		sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g; s/pid=[0-9]+/PID/g
			s/[0-9]{4}-[0-9-]+[ T][0-9:+]+/TIME/g; s/10\.77\.[0-9.]+/ADDRESS/g; s/ //g'
}

@test "the picture of README shows what the program does today" {
	local screen
	"$COI_TEST_SRC/contrib/picture/make" "$COI_TEST_BUILD" "$T/picture.svg"
	for screen in 1 3; do
		[ "$(texts "$T/picture.svg" "$screen" | wc -c)" -gt 200 ]
		# Else: contrib/picture/make BUILD docs/picture.svg
		expect_equal "$(texts "$COI_TEST_SRC/docs/picture.svg" "$screen")" "$(texts "$T/picture.svg" "$screen")"
	done
}
