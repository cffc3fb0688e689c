#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Tools as descriptions: what a session copies, merges, writes and starts for one. The
# agents themselves are not in the small image; a script stands in for each.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir -p "$T/stand-in"
	cat >"$T/stand-in/agent" <<-'END'
		#!/bin/bash
		{ printf '%s\n' "$*"; } >/workspace/argv
		env >/workspace/env.new && mv /workspace/env.new /workspace/env
		exec sleep 1000
	END
	chmod -R a+rx "$T/stand-in"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	# The supervisor of the test before may be writing its last line there.
	within 10 rm -rf "$HOME"
	find "$T/ws" -mindepth 1 -delete
	chmod 0755 "$T/ws"
	mkdir -p "$HOME/.coi"
	make_workspace "$T/ws"
	cd "$T/ws"
	settings
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	within 20 quiet
}

# The user's settings: what every test needs.
settings() {
	cat >"$HOME/.coi/config.toml" <<-END
		[container]
		init = "coi-init"
		[[mounts.default]]
		host = "$T/stand-in"
		container = "/opt/stand-in"
		readonly = true
	END
}

more() { # lines of TOML on standard input
	cat >>"$HOME/.coi/config.toml"
}

# A session in the background with the stand-in for TOOL; it has run when this returns.
start() { # TOOL [FLAGS]
	rm -f env argv
	printf '[tool]\nname = "%s"\nbinary = "/opt/stand-in/agent"\n%s\n' "$1" "${TOOL_LINES-}" \
		>>"$HOME/.coi/config.toml"
	shift
	run --separate-stderr coi shell --background "$@"
	expect_status 0
	within 20 test -s env
}

inside() { # a line for a shell of the user code
	coi container exec --user 1000 "$(container_name "${SLOT:-1}")" -- sh -c "cd; $1"
}

not() {
	! "$@"
}

containers() {
	coi container list --format json | jq -r '.[].name'
}

@test "a tool of the settings runs with its words, variables, directory, files and context" {
	echo data >"$HOME/.mine.conf"
	more <<-'END'
		[tool.custom.mine]
		binary = "/opt/stand-in/agent"
		new = ["--first", "a b; $(id)", "{workspace}"]
		bypass = ["--yes"]
		directory = ".mine"
		files = [".mine.conf"]
		environment = ["MINE_HOME={home}"]
		context_file = ".mine/RULES.md"
		[tool]
		name = "mine"
	END
	run --separate-stderr coi shell --background
	expect_status 0
	within 20 test -s env
	expect_equal "$(cat argv)" '--first a b; $(id) /workspace --yes'
	grep -qx MINE_HOME=/home/code env
	expect_equal "$(inside 'cat .mine.conf')" data
	expect_equal "$(inside 'grep -c "^# You are in a sandbox" .mine/RULES.md')" 1
	expect_equal "$(inside 'stat -c %U:%a .mine')" code:700
}

@test "a project brings no tool, and chooses among those that are there" {
	mkdir .coi
	printf '[tool]\nname = "evil"\n[tool.custom.evil]\nbinary = "sh"\n' >.coi/config.toml
	run --separate-stderr coi shell --background
	[ "$status" != 0 ]
	expect_stderr "tool.custom"
	expect_stderr "there is no tool 'evil'"
	[ -z "$(containers)" ]
}

@test "a tool that is not in the image is told before anything is made, with how to build it in" {
	run --separate-stderr coi shell --background --tool codex
	expect_status 1
	expect_stderr "the tool 'codex' is not in the image"
	expect_stderr 'add "codex" to container.build.agents'
	expect_one_error
	[ -z "$(containers)" ]
	run --separate-stderr coi shell --background --tool nothing
	[ "$status" != 0 ]
	expect_stderr "claude, codex, omp, opencode, pi"
	# In a container that is there: looked for in it.
	start pi
	run --separate-stderr coi shell --background --tool codex --container "$(container_name)"
	expect_status 0
	sed -i '/^binary/d' "$HOME/.coi/config.toml"
	run --separate-stderr coi shell --background --tool codex --container "$(container_name)"
	expect_status 1
	expect_stderr "is not in container"
}

@test "the files of each tool are copied with their modes, and the person's are never written" {
	local f
	mkdir -p "$HOME"/.pi/agent "$HOME"/.claude "$HOME"/.config/opencode "$HOME"/.codex
	for f in .pi/agent/settings.json .pi/agent/models.json .pi/agent/auth.json \
		.claude/settings.json .claude/.credentials.json .claude.json \
		.config/opencode/opencode.json .codex/auth.json; do
		printf '{"of":"%s"}' "$f" >"$HOME/$f"
	done
	echo 'mine' >"$HOME/.pi/agent/APPEND_SYSTEM.md"
	echo 'mine too' >"$HOME/.claude/CLAUDE.md"
	echo 'model = "x"' >"$HOME/.codex/config.toml"
	echo 'not for coi' >"$HOME/.pi/agent/trust.json"
	chmod 0644 "$HOME/.pi/agent/auth.json"
	local before
	before=$(cd "$HOME" && find .pi .claude .claude.json .config .codex -type f -exec sha256sum {} + &&
		find .pi .claude .claude.json .config .codex -printf '%p %T@ %m\n')
	start pi
	expect_equal "$(inside 'cat .pi/agent/settings.json')" '{"of":".pi/agent/settings.json"}'
	expect_equal "$(inside 'stat -c "%a %U" .pi/agent/auth.json')" "600 code"
	# pi's own answer about the project is given inside only.
	expect_equal "$(inside 'cat .pi/agent/trust.json' | jq -c .)" '{"/workspace":true}'
	[ "$(inside 'head -n 1 .pi/agent/APPEND_SYSTEM.md')" = mine ]
	inside 'grep -q "You are in a sandbox" .pi/agent/APPEND_SYSTEM.md'
	coi kill -f "$(container_name)"
	setup_keep start claude
	expect_equal "$(inside 'cat .claude.json' | jq -r .of)" .claude.json
	expect_equal "$(inside 'cat .claude/settings.json' | jq -r '.permissions.defaultMode')" \
		bypassPermissions
	[ "$(inside 'head -n 1 .claude/CLAUDE.md')" = "mine too" ]
	coi kill -f "$(container_name)"
	setup_keep start opencode
	expect_equal "$(inside 'cat .config/opencode/opencode.json' | jq -c '[.of,.permission,.instructions]')" \
		'[".config/opencode/opencode.json",{"*":"allow"},["/home/code/SANDBOX_CONTEXT.md"]]'
	coi kill -f "$(container_name)"
	setup_keep start codex
	expect_equal "$(inside 'cat .codex/config.toml')" 'model = "x"'
	inside 'grep -q "You are in a sandbox" .codex/AGENTS.md'
	expect_equal "$(cd "$HOME" && find .pi .claude .claude.json .config .codex -type f -exec sha256sum {} + &&
		find .pi .claude .claude.json .config .codex -printf '%p %T@ %m\n')" "$before"
}

# The same home, new settings.
setup_keep() {
	settings
	"$@"
}

@test "settings are merged at every level: theirs stay, in their order; ours are added" {
	mkdir -p "$HOME/.claude"
	cat >"$HOME/.claude/settings.json" <<-'END'
		{"env":{"AWS_REGION":"eu","N":0.1},"permissions":{"deny":["Bash(rm:*)"],"defaultMode":"plan","x":{"y":1}},"apiKeyHelper":"/bin/h","zeta":1,"alpha":2}
	END
	start claude
	run -0 inside 'cat .claude/settings.json'
	expect_equal "$(jq -c '[.env, .permissions.deny, .permissions.x, .permissions.defaultMode, .apiKeyHelper,
		.disableAutoMode]' <<<"$output")" \
		'[{"AWS_REGION":"eu","N":0.1},["Bash(rm:*)"],{"y":1},"bypassPermissions","/bin/h","disable"]'
	expect_equal "$(jq -c 'keys_unsorted[:5]' <<<"$output")" \
		'["env","permissions","apiKeyHelper","zeta","alpha"]'
	expect_text '"N": 0.1'
	coi kill -f "$(container_name)"
	# Asked not to bypass, nothing says so.
	settings
	TOOL_LINES='permission_mode = "interactive"' start claude
	expect_equal "$(inside 'cat .claude/settings.json' | jq -c '[.permissions.defaultMode, .bypassPermissionsModeAccepted,
		.disableAutoMode]')" '["plan",null,null]'
	[[ "$(cat argv)" != *bypass* ]]
}

@test "what is no JSON is left as it is, with a warning" {
	mkdir -p "$HOME/.claude"
	printf '{"a": 1,\n  // mine\n}' >"$HOME/.claude/settings.json"
	printf '[1]' >"$HOME/.claude.json"
	start claude
	expect_stderr "'~/.claude/settings.json' is no JSON (line 2)"
	expect_stderr "'~/.claude.json' is no JSON object"
	expect_equal "$(inside 'cat .claude/settings.json')" "$(cat "$HOME/.claude/settings.json")"
	expect_equal "$(inside 'cat .claude.json')" '[1]'
}

@test "a pipe, a directory, a huge file and an unreadable link are no files to copy" {
	mkdir -p "$HOME/.pi/agent/models.json"
	mkfifo "$HOME/.pi/agent/settings.json"
	truncate -s 1G "$HOME/.pi/agent/auth.json"
	ln -s AGENTS.md "$HOME/.pi/agent/AGENTS.md"
	start pi
	expect_stderr "'~/.pi/agent/settings.json' is not copied into the container: it is no regular file"
	expect_stderr "'~/.pi/agent/models.json' is not copied into the container: it is no regular file"
	expect_stderr "'~/.pi/agent/auth.json' is not copied into the container: it is larger than 16 MiB"
	expect_stderr "'~/.pi/agent/AGENTS.md' is not copied into the container"
	expect_equal "$(inside 'ls .pi/agent/settings.json .pi/agent/models.json 2>/dev/null')" ""
}

@test "a directory of settings that is a link is followed; one in the workspace leads nowhere else" {
	mkdir -p "$HOME/dotfiles/pi" "$HOME/.pi"
	echo '{"dot":1}' >"$HOME/dotfiles/settings.json"
	ln -s ../dotfiles/pi "$HOME/.pi/agent"
	ln -s ../settings.json "$HOME/dotfiles/pi/settings.json"
	start pi
	expect_equal "$(inside 'cat .pi/agent/settings.json')" '{"dot":1}'
	coi kill -f "$(container_name)"
	# The agent can write there: a link of its making would bring it any file.
	rm "$HOME/.pi/agent"
	mkdir pi
	chown 1234:1234 pi
	echo key >"$HOME/id_rsa"
	ln -s "$HOME/id_rsa" pi/auth.json
	ln -s "$PWD/pi" "$HOME/.pi/agent"
	[ "$(cat "$HOME/.pi/agent/auth.json")" = key ]
	setup_keep start pi
	expect_stderr "it is a symbolic link in the workspace"
	[ -z "$(inside 'cat .pi/agent/auth.json 2>/dev/null')" ]
}

@test "in a container that was used before no link leads the copies elsewhere" {
	mkdir -p "$HOME/.pi/agent"
	echo '{"t":"token"}' >"$HOME/.pi/agent/auth.json"
	start pi --persistent
	local name
	name=$(container_name)
	# The link works for who follows it.
	mkdir trap
	chown 1234:1234 trap
	inside 'rm -rf .pi && mkdir .pi && ln -s /workspace/trap .pi/agent && echo x >.pi/agent/x'
	[ -e trap/x ]
	coi container stop --force "$name"
	settings
	rm -f env
	printf '[tool]\nname = "pi"\nbinary = "/opt/stand-in/agent"\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr coi shell --background --persistent
	expect_status 0
	expect_stderr "a symbolic link is in the way to '~/.pi/agent"
	expect_equal "$(ls trap)" x
	# Nor for files: the link goes, what it led to stays.
	coi container stop --force "$name"
	coi container start "$name"
	inside 'rm -rf .pi SANDBOX_CONTEXT.md; mkdir -p .pi/agent; echo keep >/workspace/kept
		ln -s /workspace/kept SANDBOX_CONTEXT.md; ln -s /workspace/kept .pi/agent/APPEND_SYSTEM.md'
	run --separate-stderr coi shell --background --container "$name"
	expect_status 0
	expect_equal "$(cat kept)" keep
	inside 'test ! -L SANDBOX_CONTEXT.md && grep -q sandbox SANDBOX_CONTEXT.md'
}

@test "a container's file that never answers ends in a message, not in a hang" {
	start pi --persistent
	local name
	name=$(container_name)
	inside 'rm -f .pi/agent/trust.json; mkfifo .pi/agent/trust.json'
	coi container stop --force "$name"
	run --separate-stderr timeout 60 "$COI" shell --background --persistent
	expect_status 0
	expect_stderr "'~/.pi/agent/trust.json' is no regular file in the container"
}

@test "a directory of the host that is mounted in the home is not written" {
	mkdir -p "$HOME/.claude"
	echo '{"mine":1}' >"$HOME/.claude/settings.json"
	printf '[[mounts.default]]\nhost = "~/.claude"\ncontainer = "/home/code/.claude"\n' | more
	start claude
	expect_stderr "is a mount in the container and is left alone"
	expect_equal "$(cat "$HOME/.claude/settings.json")" '{"mine":1}'
	expect_equal "$(ls -A "$HOME/.claude")" settings.json
}

@test "the conversations of two slots do not mix, and git overlooks them where it is wanted" {
	mkdir -p .git/info
	echo '*.o' >.git/info/exclude
	chown -R 1234:1234 .git
	start pi
	grep -qx PI_CODING_AGENT_SESSION_DIR=/workspace/.pi-sessions env
	expect_equal "$(cat .git/info/exclude)" '*.o'
	settings
	TOOL_LINES='git_exclude = true' start pi --slot 2
	grep -qx PI_CODING_AGENT_SESSION_DIR=/workspace/.pi-sessions/slot-2 env
	expect_equal "$(stat -c %u .pi-sessions/slot-2)" 1234
	expect_equal "$(cat .git/info/exclude)" "$(printf '*.o\n/.pi-sessions/')"
	# Once is enough.
	settings
	TOOL_LINES='git_exclude = true' start pi --slot 3
	expect_equal "$(grep -c pi-sessions .git/info/exclude)" 1
}

@test "a place for conversations that cannot be written is told" {
	mkdir .pi-sessions
	chmod 0555 .
	chown -R root:root .pi-sessions
	chmod 0700 .
	run --separate-stderr coi shell --background --tool pi </dev/null
	printf '[tool]\nname = "pi"\nbinary = "/opt/stand-in/agent"\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr coi shell --background
	expect_status 1
	expect_stderr "cannot write '/workspace/.pi-sessions' in the container"
	expect_one_error
}

@test "variables come in their order, and no value is in an argument of a host process" {
	more <<-'END'
		[defaults]
		forward_env = ["ONE", "TWO"]
		[defaults.environment]
		ONE = "settings"
		TWO = "settings"
		THREE = "settings"
		PI_CODING_AGENT_SESSION_DIR = "/nowhere"
		TERM = "xterm-kitty"
		[defaults.env_commands]
		TWO = "printf ' from a command-7f3a\n '"
	END
	ONE=forwarded-7f3a TWO=forwarded-7f3a start pi
	grep -qx ONE=forwarded-7f3a env
	grep -qx 'TWO=from a command-7f3a' env
	grep -qx THREE=settings env
	grep -qx IS_SANDBOX=1 env
	grep -qx LANG=C.UTF-8 env
	grep -qx PI_CODING_AGENT_SESSION_DIR=/workspace/.pi-sessions env
	local cmd
	for cmd in /proc/[0-9]*/cmdline; do
		if tr '\0' ' ' <"$cmd" 2>/dev/null | grep -q '7f3a'; then
			tr '\0' ' ' <"$cmd"
			return 1
		fi
	done
	coi kill -f "$(container_name)"
	run --separate-stderr env ONE=f TWO=f "$COI" run -- sh -c 'echo "$ONE $TWO"'
	expect_equal "$output" "f from a command-7f3a"
}

@test "a command for a variable that fails costs no container and tells nothing of itself" {
	snapshot before
	printf '[defaults.env_commands]\nTOKEN = "echo secret-9d1; echo secret-9d1 >&2; exit 3"\n' | more
	for how in shell run; do
		case $how in
		shell) run --separate-stderr coi shell --background --debug ;;
		run) run --separate-stderr coi run -- true ;;
		esac
		expect_status 1
		expect_stderr "the command for the variable 'TOKEN' has failed with status 3"
		[[ "$output$stderr" != *secret-9d1* ]]
		expect_one_error
	done
	settings
	printf '[defaults]\nenv_command_timeout = "300ms"\n[defaults.env_commands]\nTOKEN = "sleep 4711 & echo secret-9d1; wait"\n' | more
	run --separate-stderr timeout 60 "$COI" shell --background --debug
	expect_status 1
	expect_stderr "the command for the variable 'TOKEN' is not done after 0.3 s"
	not pgrep -f '^sleep 4711$'
	settings
	printf '[defaults.env_commands]\nTOKEN = "head -c 100000 /dev/zero"\n' | more
	run --separate-stderr coi shell --background --debug
	expect_status 1
	expect_stderr "more than 65536 bytes"
	expect_settled before
}

@test "a profile brings commands for variables, one of a project waits for trust" {
	mkdir -p "$HOME/.coi/profiles/mine" .coi/profiles/theirs
	printf '[env_commands]\nTOKEN = "echo from-the-profile"\n' >"$HOME/.coi/profiles/mine/config.toml"
	printf '[env_commands]\nTOKEN = "touch %s/ran; echo x"\n' "$T" >.coi/profiles/theirs/config.toml
	# shellcheck disable=SC2016
	run -0 --separate-stderr coi run --profile mine -- sh -c 'echo "$TOKEN"'
	expect_equal "$output" from-the-profile
	# shellcheck disable=SC2016
	run --separate-stderr coi run --profile theirs -- sh -c 'echo "[$TOKEN]"'
	[ ! -e "$T/ran" ]
	[[ "$output" != *x* ]]
}

@test "under sudo a command for a variable has the person's groups, not root's" {
	getent passwd 1234 >/dev/null && skip "there is a user 1234"
	printf '[defaults.env_commands]\nGROUPS_OF = "id -G"\n' | more
	cp /etc/passwd "$T/passwd"
	cp /etc/group "$T/group"
	echo "person:x:1234:1234::$HOME:/bin/sh" >>"$T/passwd"
	printf 'person:x:1234:\nfirst:x:4001:person\nsecond:x:4002:nobody,person\n' >>"$T/group"
	chown 1234:1234 "$HOME" "$HOME/.coi" "$HOME/.coi/config.toml"
	# shellcheck disable=SC2016
	run --separate-stderr unshare -m --propagation private bash -c '
		mount --bind "$T/passwd" /etc/passwd && mount --bind "$T/group" /etc/group &&
		SUDO_UID=1234 SUDO_GID=1234 exec "$COI" run -- sh -c "echo \$GROUPS_OF"'
	expect_status 0
	expect_equal "$(xargs -n1 <<<"$output" | sort -n | xargs)" "1234 4001 4002"
}

@test "the text about the sandbox says what this session has" {
	printf 'SECRET=1\n' >.env
	mkdir "$T/data"
	more <<-END
		[network]
		mode = "allowlist"
		allowed_domains = ["only.test"]
		allowed_ports = [443, "8000-8100"]
		[security]
		additional_protected_paths = ["Makefile"]
		secret_paths = [".env"]
		[limits.runtime]
		max_processes = 321
		max_duration = "2h"
		[[mounts.default]]
		host = "$T/data"
		container = "/data"
		readonly = true
		[defaults]
		forward_env = ["GH_TOKEN"]
		[ports]
		pool = 1
		[[ports.map]]
		name = "web"
		container = 3000
	END
	GH_TOKEN=x start pi
	run -0 inside 'cat SANDBOX_CONTEXT.json'
	expect_equal "$(jq -c '[.schema_version,.tool_name,.network.mode,.network.allowed_domains,.network.allowed_ports,.gh_cli_authenticated,.forwarded_env_vars,.limits.max_processes,.limits.max_duration,.hidden_paths,.persistent]' <<<"$output")" \
		'[1,"pi","allowlist",["only.test"],["443","8000-8100"],true,["GH_TOKEN"],"321","7200 s",[".env"],false]'
	expect_equal "$(jq -c '.extra_mounts[] | select(.path=="/data")' <<<"$output")" '{"path":"/data","readonly":true}'
	jq -e '.protected_paths | index("Makefile")' <<<"$output"
	local ports
	ports=$(jq -r '.published_ports | join(", ")' <<<"$output")
	[[ "$ports" =~ ^[0-9]+,\ web:[0-9]+-\>3000$ ]] || { echo "ports: $ports"; return 1; }
	run -0 inside 'cat SANDBOX_CONTEXT.md; stat -c %a:%U SANDBOX_CONTEXT.md'
	expect_text '- `only.test`'
	expect_text '- `8000-8100`'
	expect_text '- `Makefile`'
	expect_text "- \`${ports##*, }\`"
	run -0 --separate-stderr coi info
	grep -qx 'Status: *Running' <<<"$output"
	grep -qx "Ports: *$ports" <<<"$output"
	run -0 inside 'cat SANDBOX_CONTEXT.md; stat -c %a:%U SANDBOX_CONTEXT.md'
	expect_text '/run/coi/denied'
	expect_text '600:code'
	[[ "$output" != *'`sudo` works'* ]]
	[[ "$output" != *"GH_TOKEN=x"* ]]
	# Where the program's own start would ask hosts that are out of reach, it is told.
	grep -qx PI_OFFLINE=1 env
}

@test "one's own text replaces it; without auto_context the agent is not given it" {
	echo 'only this' >"$T/context.md"
	echo '{"only": "that"}' >"$T/context.json"
	TOOL_LINES="context_file = \"$T/context.md\"
context_json_file = \"$T/context.json\"" start pi --persistent
	expect_equal "$(inside 'cat SANDBOX_CONTEXT.md')" 'only this'
	expect_equal "$(inside 'cat SANDBOX_CONTEXT.json')" '{"only": "that"}'
	expect_equal "$(inside 'grep -c "only this" .pi/agent/APPEND_SYSTEM.md')" 1
	# Used again: it is replaced in its place, and taken away.
	inside 'echo "mine" >>.pi/agent/APPEND_SYSTEM.md'
	coi container stop --force "$(container_name)"
	echo 'something else' >"$T/context.md"
	run --separate-stderr coi shell --background --persistent
	expect_status 0
	inside 'grep -q "something else" .pi/agent/APPEND_SYSTEM.md'
	not inside 'grep -q "only this" .pi/agent/APPEND_SYSTEM.md'
	coi container stop --force "$(container_name)"
	settings
	TOOL_LINES='auto_context = false' start pi --persistent
	expect_equal "$(inside 'cat .pi/agent/APPEND_SYSTEM.md')" mine
	inside 'grep -q "You are in a sandbox" SANDBOX_CONTEXT.md'
	settings
	coi kill -f "$(container_name)"
	TOOL_LINES="context_file = \"$T/missing.md\"
context_json = false" start pi
	expect_stderr "the context file '$T/missing.md' is not used"
	inside 'test ! -e SANDBOX_CONTEXT.md && test ! -e SANDBOX_CONTEXT.json'
}

@test "the context of a profile is added; a link in the workspace leads nowhere else for it" {
	mkdir -p "$HOME/.coi/profiles/p" .coi/profiles/q
	printf 'context = "ctx.md"\n[container]\ninit = "coi-init"\n' >"$HOME/.coi/profiles/p/config.toml"
	echo 'words of the profile' >"$HOME/.coi/profiles/p/ctx.md"
	start pi --profile p
	run -0 inside 'cat SANDBOX_CONTEXT.md; tail -n 4 .pi/agent/APPEND_SYSTEM.md'
	expect_text 'User-Provided Profile Context'
	expect_text 'words of the profile'
	coi kill -f "$(container_name)"
	printf 'context = "ctx.md"\n' >.coi/profiles/q/config.toml
	echo 'of-the-host' >"$T/outside.md"
	ln -s "$T/outside.md" .coi/profiles/q/ctx.md
	settings
	start pi --profile q
	not inside 'grep -q of-the-host SANDBOX_CONTEXT.md'
	coi kill -f "$(container_name)"
	rm .coi/profiles/q/ctx.md "$T/outside.md"
	echo 'of-the-project' >.coi/profiles/q/ctx.md
	settings
	start pi --profile q
	inside 'grep -q of-the-project SANDBOX_CONTEXT.md'
}

@test "credentials are copied: bundles of a tool, and single files with their mode" {
	mkdir -p "$HOME/.codex" "$HOME/.ollama"
	echo '{"k":1}' >"$HOME/.codex/auth.json"
	echo key >"$HOME/.ollama/id_ed25519"
	echo token >"$HOME/token"
	more <<-'END'
		[[credentials]]
		bundle = "codex"
		[[credentials]]
		bundle = "ollama"
		[[credentials]]
		host = "~/token"
		container = "/home/code/.config/x/token"
		mode = "0400"
		[[credentials]]
		host = "~/missing"
		container = "/home/code/.missing"
	END
	start pi
	expect_equal "$(inside 'cat .codex/auth.json')" '{"k":1}'
	expect_equal "$(inside 'stat -c %a:%U .ollama/id_ed25519')" 600:code
	expect_equal "$(inside 'cat .config/x/token; stat -c %a .config/x/token')" "$(printf 'token\n400')"
	expect_stderr "missing' does not exist and is not copied"
}

@test "model and effort reach the tools that know them, and COI_USE_DUMMY replaces a program" {
	TOOL_LINES=$'[tool.claude]\nmodel = "opus"\neffort_level = "high"' start claude
	grep -qx ANTHROPIC_MODEL=opus env
	grep -qx CLAUDE_CODE_EFFORT_LEVEL=high env
	expect_equal "$(inside 'cat .claude/settings.json' | jq -r .effortLevel)" high
	grep -qE '^--verbose --session-id [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12} ' argv
	run --separate-stderr env COI_USE_DUMMY=1 "$COI" shell --background --slot 2
	expect_status 1
	expect_stderr "there is no program 'dummy'"
}

@test "pre_launch: commands in the container before the agent, whose failure stops nothing" {
	more <<-'END'
		[defaults.environment]
		SAID = "it's here"
	END
	TOOL_LINES='pre_launch = ["echo \"$SAID\" >before; id -un >>before; pwd >>before", "exit 3", "cat >>before; echo \u001b[31mred; test ! -e argv && echo last >>before"]' start pi
	expect_equal "$(cat before)" "it's here
code
/workspace
last"
	# What they print is where the agent is.
	run coi tmux capture "$(container_name)"
	expect_text "red"
	expect_text "coi: a command of tool.pre_launch ended with status 3"
	# Once in each session; not for a shell in the agent's place.
	rm before
	run --separate-stderr coi shell --background --debug --slot 2
	expect_status 0
	[ ! -e before ]
	# Not a project's.
	coi kill --all --force
	within 20 quiet
	mkdir -p .coi
	printf '[tool]\npre_launch = ["touch /workspace/evil"]\n' >.coi/config.toml
	settings
	start pi --slot 3
	expect_stderr "'tool.pre_launch' is ignored"
	[ ! -e evil ]
	settings
	printf '[tool]\nname = "pi"\nbinary = "/opt/stand-in/agent"\npre_launch = ["%s", "%s"]\n' "$(printf 'x%.0s' $(seq 60000))" \
		"$(printf 'y%.0s' $(seq 60000))" | more
	run --separate-stderr coi shell --background --slot 4
	expect_status 1
	expect_stderr "tool.pre_launch is longer than"
}
