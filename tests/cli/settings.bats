#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# Settings, their layers, what a project's file may say, and trust: what needs no container.

setup_file() {
	load ../lib/common
	T=$(mktemp -d "/var/tmp/coi-test.$$.XXXXXX")
	chmod 0755 "$T"
	export T COI_ROOT=$T/root HOME=$T/home
	unset COI_CONFIG COI_PROFILE COI_CONTAINER COI_CONTAINER_PREFIX COI_TRUST_ALL COI_DEBUG SUDO_UID SUDO_GID
}

teardown_file() {
	cd / && rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
	cd "$T"
	within 10 rm -rf "$HOME" "$T/ws" "$T/other" "$T/env"
	mkdir -p "$HOME/.coi" "$T/ws/.coi" "$T/other/.coi" "$T/env"
	cd "$T/ws"
}

user() { cat >"$HOME/.coi/config.toml"; }
project() { cat >"$T/ws/.coi/config.toml"; }
get() { # KEY: the value that counts, as TOML, and who said it
	coi config show --all --format json 2>/dev/null |
		jq -r --arg k "$1" '.[] | select(.key == $k) | "\(.value) \(.layer)"'
}

# --- what holds

@test "config show --origin names layer, file and line of every layer" {
	printf '[container]\nimage = "a"\npersistent = true\n[limits.cpu]\ncount = "2"\n' | user
	printf '[container]\nimage = "b"\nalias = "c"\n' | project
	printf '[container]\n\nready_timeout = 77\n' >"$T/env/c.toml"
	mkdir -p "$HOME/.coi/profiles/p"
	printf '[git]\nwritable_hooks = true\n' >"$HOME/.coi/profiles/p/config.toml"
	printf '\n\n[container]\nshutdown_timeout = 7\n' >"$T/other/.coi/config.toml"
	COI_CONFIG=$T/env/c.toml COI_LIMIT_MEMORY=512MiB \
		run --separate-stderr coi config show --origin -w "$T/other" --profile p --image f
	expect_status 0
	expect_text "image = \"f\" # flag --image"
	expect_text "persistent = true # user $HOME/.coi/config.toml:3:14"
	expect_text "alias = \"c\" # project $T/ws/.coi/config.toml:3:9"
	expect_text "ready_timeout = 77 # COI_CONFIG $T/env/c.toml:3:17"
	expect_text "limit = \"512MiB\" # environment COI_LIMIT_MEMORY"
	expect_text "writable_hooks = true # profile $HOME/.coi/profiles/p/config.toml:2:18"
	expect_text "shutdown_timeout = 7 # workspace $T/other/.coi/config.toml:4:20"
}

@test "config show as json has key, value, layer, trust and place" {
	printf '[container]\nimage = "a"\n' | project
	run --separate-stderr coi config show --format json
	expect_status 0
	jq -e '.[0] == {key: "container.image", value: "\"a\"", layer: "project", trusted: false,
		file: $f, line: 2, column: 9}' --arg f "$T/ws/.coi/config.toml" <<<"$output"
	run --separate-stderr coi config show --json --all
	expect_status 0
	jq -e 'length > 50 and all(.[]; has("key") and has("value") and has("layer"))' <<<"$output"
}

@test "config show is a config.toml that says the same" {
	cat >"$HOME/.coi/config.toml" <<-'EOF'
		[container]
		image = "a"
		persistent = false
		[defaults.environment]
		A = "x \" \\ y"
		[[mounts.default]]
		host = "/srv"
		container = "/srv"
		readonly = true
		[network]
		allowed_domains = []
		[limits.runtime]
		max_duration = "90m"
	EOF
	coi config show --secrets >"$T/once" 2>/dev/null
	cp "$T/once" "$HOME/.coi/config.toml"
	coi config show --secrets >"$T/twice" 2>/dev/null
	diff "$T/once" "$T/twice"
	grep -q 'persistent = false' "$T/once"
	run --separate-stderr coi validate config "$T/once"
	expect_status 0
}

@test "config show masks values of variables, and foreign bytes" {
	printf '[defaults.environment]\nTOKEN = "hunter2"\n[container]\nalias = "a"\n[timezone]\nname = "\\u001b[31m"\n' | user
	run --separate-stderr coi config show
	[[ "$output" != *hunter2* ]]
	[[ "$output$stderr" != *$'\033'* ]]
	run --separate-stderr coi config show --secrets
	expect_text hunter2
}

@test "config path lists the files from weak to strong" {
	echo | user
	COI_CONFIG=$T/env/none.toml run --separate-stderr coi config path -w "$T/other" --format json
	expect_status 0
	expect_equal "$(jq -r '.[] | "\(.layer) \(.trusted) \(.exists) \(.path)"' <<<"$output")" \
"user true true $HOME/.coi/config.toml
project false false $T/ws/.coi/config.toml
COI_CONFIG true false $T/env/none.toml
workspace false false $T/other/.coi/config.toml"
	run --separate-stderr coi config path
	expect_status 0
	expect_text "LAYER"
}

@test "a setting left out never overwrites one that was made; a later one can say false, 0 and empty" {
	# The 13 booleans of the migration guide, as the user sets them.
	cat >"$HOME/.coi/config.toml" <<-'EOF'
		[container]
		persistent = true
		[network]
		block_private_networks = true
		block_metadata_endpoint = true
		allow_local_network_access = true
		[limits.runtime]
		auto_stop = true
		stop_graceful = true
		[monitoring]
		enabled = true
		auto_pause_on_high = true
		auto_kill_on_critical = true
		[monitoring.nft]
		enabled = true
		log_dns_queries = true
		[git]
		writable_hooks = true
		[ssh]
		forward_agent = true
		[tool]
		auto_context = true
		[defaults]
		forward_env = ["A"]
	EOF
	printf '[container]\nimage = "x"\n[network]\n[monitoring]\n[git]\n' | project
	printf '[monitoring.nft]\nrate_limit_per_second = 9\n' >"$T/env/c.toml"
	local key
	for key in container.persistent network.block_private_networks network.block_metadata_endpoint \
		network.allow_local_network_access limits.runtime.auto_stop limits.runtime.stop_graceful \
		monitoring.enabled monitoring.auto_pause_on_high monitoring.auto_kill_on_critical \
		monitoring.nft.enabled monitoring.nft.log_dns_queries git.writable_hooks \
		ssh.forward_agent tool.auto_context; do
		COI_CONFIG=$T/env/c.toml expect_equal "$key $(get $key)" "$key true user"
	done
	printf '[ssh]\nforward_agent = false\n[container]\npersistent = false\nimage = ""\n[defaults]\nforward_env = []\n' \
		>"$T/env/c.toml"
	export COI_CONFIG=$T/env/c.toml
	expect_equal "$(get ssh.forward_agent)" "false COI_CONFIG"
	expect_equal "$(get container.persistent)" "false COI_CONFIG"
	expect_equal "$(get defaults.forward_env)" "[] COI_CONFIG"
}

# --- schema, starter, validate

@test "schema is a JSON Schema of draft 2020-12, and settings files are measured by it" {
	local kind
	for kind in config profile; do
		run --separate-stderr coi schema $kind
		expect_status 0
		[ -z "$stderr" ]
		jq -e '."$schema" == "https://json-schema.org/draft/2020-12/schema" and
			.type == "object" and .additionalProperties == false' <<<"$output"
	done
	run coi schema config
	jq -e '.properties.network.properties.mode.enum | index("restricted")' <<<"$output"
	run coi schema profile
	jq -e '.properties | has("inherits") and has("context") and (has("defaults") | not)' <<<"$output"
	# Every key that config show knows is in it.
	coi schema config >"$T/schema"
	coi config show --all --json 2>/dev/null | jq -r '.[].key' | while read -r key; do
		jq -e --arg k "$key" 'getpath($k / "." | map("properties", .)) != null' "$T/schema" \
			>/dev/null || { echo "no $key in the schema"; exit 1; }
	done
}

@test "schema, validate and version do not read settings that are broken" {
	echo '[' | user
	echo '[' | project
	run --separate-stderr coi schema config
	expect_status 0
	[ -z "$stderr" ]
	echo >"$T/env/c.toml"
	run --separate-stderr coi validate config "$T/env/c.toml"
	expect_status 0
	expect_equal "$output" "Config is valid."
}

@test "profile create default scaffolds a documented starter config" {
	run --separate-stderr coi profile create default
	expect_status 0
	expect_stderr "$HOME/.coi/config.toml"
	# All of it is comment: valid, and it changes nothing.
	run grep -vE '^(#.*|\[.*\]|)$' "$HOME/.coi/config.toml"
	[ -z "$output" ]
	run --separate-stderr coi validate config "$HOME/.coi/config.toml"
	expect_status 0
	run --separate-stderr coi config show
	expect_status 0
	[ -z "$output" ]
	# With each key uncommented it says the defaults and is valid too.
	sed '/^# \[\[/,$d; s/^# \([a-z_]* = \)/\1/' "$HOME/.coi/config.toml" >"$T/env/all.toml"
	[ "$(grep -c '^[a-z_]* = ' "$T/env/all.toml")" -gt 50 ]
	run --separate-stderr coi validate config "$T/env/all.toml"
	expect_status 0
}

@test "profile create default never overwrites" {
	echo '# mine' | user
	run --separate-stderr coi profile create default
	expect_status 1
	expect_one_error
	expect_equal "$(cat "$HOME/.coi/config.toml")" "# mine"
	rm "$HOME/.coi/config.toml"
	ln -s "$T/env/elsewhere" "$HOME/.coi/config.toml"
	run --separate-stderr coi profile create default
	expect_status 1
	[ ! -e "$T/env/elsewhere" ]
	[ -z "$(find "$HOME/.coi" -name '.*tmp*')" ]
}

@test "profile create default --project makes .coi/config.toml, --inherits is refused" {
	rm -rf "$T/ws/.coi"
	run --separate-stderr coi profile create default --inherits hardened
	expect_status 2
	run --separate-stderr coi profile create default --project
	expect_status 0
	[ -s "$T/ws/.coi/config.toml" ]
	[ ! -e "$HOME/.coi/config.toml" ]
}

@test "validate says each mistake with its pointer and place" {
	printf '[container]\nimage = 3\nnonsense = 1\n[network]\nmode = "closed"\n' >"$T/env/c.toml"
	run --separate-stderr coi validate config "$T/env/c.toml"
	expect_status 1
	[ -z "$output" ]
	expect_stderr "/container/image: "
	expect_stderr "(line 2, column 9)"
	expect_stderr "/container/nonsense: "
	expect_stderr "/network/mode: "
	run --separate-stderr coi validate config --format json "$T/env/c.toml"
	expect_status 1
	jq -e '.valid == false and (.errors | length == 3) and all(.errors[]; .path and .message)' <<<"$output"
}

@test "validate points at keys of any name" {
	printf '"a/b~c" = 1\n"" = 2\n[container]\n"x y" = 3\n' >"$T/env/c.toml"
	run --separate-stderr coi validate config --json "$T/env/c.toml"
	expect_status 1
	expect_equal "$(jq -r '.errors[].path' <<<"$output")" "/a~1b~0c
/
/container/x y"
}

@test "validate reports what is no TOML as one mistake of the root" {
	printf '[container\n' >"$T/env/c.toml"
	local kind
	for kind in profile config; do
		run --separate-stderr coi validate $kind --json "$T/env/c.toml"
		expect_status 1
		jq -e '.valid == false and (.errors | length == 1) and
			.errors[0].path == "(root)" and (.errors[0].message | length > 0)' <<<"$output"
	done
	run --separate-stderr coi validate profile --format yaml "$T/env/c.toml"
	expect_status 2
	run --separate-stderr coi validate profile "$T/env/none.toml"
	expect_status 1
	expect_one_error
	run --separate-stderr coi validate profile
	expect_status 1
}

@test "validate profile knows the keys of profiles" {
	printf 'inherits = "default"\ncontext = "c.md"\nforward_env = ["A"]\n[[mounts]]\nhost = "/a"\ncontainer = "/a"\n[[sockets]]\nhost = "/s"\ncontainer = "/s"\n[env_commands]\nA = "id"\n[monitoring]\nprocess_count_threshold = 5\n' >"$T/env/p.toml"
	run --separate-stderr coi validate profile "$T/env/p.toml"
	expect_status 0
	expect_text "Profile is valid."
	printf 'inherits = 3\n[defaults]\nprofile = "x"\n[detection]\n' >"$T/env/p.toml"
	run --separate-stderr coi validate profile "$T/env/p.toml"
	expect_status 1
	expect_stderr "/inherits: "
	expect_stderr "/defaults: "
	expect_stderr "/detection: "
}

# --- mistakes

@test "an unknown key is a warning with the nearest one" {
	printf '[contaner]\nimage = "x"\n[container]\nimagee = "x"\n' | user
	run --separate-stderr coi config show
	expect_status 0
	expect_stderr "$HOME/.coi/config.toml:4:1: unknown key 'container.imagee': did you mean 'container.image'?"
}

@test "a wrong type is an error where something starts and a warning elsewhere" {
	printf '[container]\nimage = 3\n' | user
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "$HOME/.coi/config.toml:2:9: "
	run --separate-stderr coi list
	expect_status 0
	expect_stderr "Warning: $HOME/.coi/config.toml:2:9: "
}

@test "keys that moved say their new place, all in one message" {
	printf '[defaults]\nimage = "x"\npersistent = true\n[build]\nbase = "y"\n' | user
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "container.image"
	expect_stderr "container.persistent"
	expect_stderr "container.build"
	[ "$(grep -c 'is now' <<<"$stderr")" = 1 ]
}

@test "mounts under the other kind of file's key are read, with a note" {
	printf '[[mounts]]\nhost = "/srv"\ncontainer = "/srv"\n' | user
	run --separate-stderr coi config show
	expect_status 0
	expect_text '/srv'
	expect_stderr '[[mounts.default]]'
	echo | user
	mkdir -p "$HOME/.coi/profiles/p"
	printf '[[mounts.default]]\nhost = "/srv"\ncontainer = "/srv"\n' >"$HOME/.coi/profiles/p/config.toml"
	run --separate-stderr coi config show --profile p
	expect_status 0
	expect_text '/srv'
	expect_stderr '[[mounts]]'
}

# --- old layouts

@test "a .coi.toml without .coi/config.toml warns at every start, and is not read" {
	rm -rf "$T/ws/.coi"
	printf '[container]\nimage = "old"\n' >.coi.toml
	local i
	for i in 1 2; do
		run --separate-stderr coi config show
		expect_status 0
		expect_stderr "mkdir -p $T/ws/.coi && mv -nT $T/ws/.coi.toml $T/ws/.coi/config.toml"
		[ -z "$output" ]
	done
	mkdir .coi
	echo >.coi/config.toml
	run --separate-stderr coi config show
	[ -z "$stderr" ]
}

@test "old directories of profiles and old files warn once, with the commands that move them" {
	mkdir -p "$HOME/.coi-profiles" .coi-profiles "$HOME/.config/coi"
	echo >"$HOME/.config/coi/config.toml"
	run --separate-stderr coi config show
	expect_status 0
	expect_stderr "mv -nT $HOME/.coi-profiles $HOME/.coi/profiles"
	expect_stderr "mv -nT $T/ws/.coi-profiles $T/ws/.coi/profiles"
	expect_stderr "mv -nT $HOME/.config/coi/config.toml $HOME/.coi/config.toml"
	run --separate-stderr coi config show
	expect_status 0
	[ -z "$stderr" ]
	# Another project's is news.
	mkdir "$T/other/.coi-profiles"
	cd "$T/other"
	run --separate-stderr coi config show
	expect_stderr "$T/other/.coi-profiles"
	expect_equal "$(stat -c %a "$HOME/.coi/told")" 600
}

# The commands that coi config show prints, typed as they stand.
type_commands() {
	rm -f "$HOME/.coi/told"
	coi config show 2>&1 >/dev/null | sed -n 's/^  //p' >"$T/commands"
	[ -s "$T/commands" ]
	bash -e "$T/commands"
}

@test "the printed commands move old layouts, in directories of any name" {
	local name
	for name in 'plain' 'a b' "it's" '$(touch pwned) `id` "x" \' $'new\nline\001' '-n' '~' 'ä*?[x]'; do
		rm -rf "$T/ws" "$HOME"
		mkdir -p "$T/ws/$name" "$T/ws/home $name/.config/coi"
		cd "$T/ws/$name"
		HOME="$T/ws/home $name"
		printf '[container]\nimage = "moved"\n' >.coi.toml
		mkdir -p .coi-profiles/p "$HOME/.coi-profiles/q"
		printf '[container]\nalias = "p"\n' >.coi-profiles/p/config.toml
		printf '[container]\nalias = "q"\n' >"$HOME/.coi-profiles/q/config.toml"
		printf '[container]\npersistent = true\n' >"$HOME/.config/coi/config.toml"
		type_commands
		run --separate-stderr coi config show
		expect_status 0
		[[ "$stderr" != *"not read"* ]] || { echo "$name: $stderr"; return 1; }
		expect_equal "$(get container.image)" '"moved" project'
		expect_equal "$(get container.persistent)" 'true user'
		run --separate-stderr coi --profile p config show
		expect_text 'alias = "p"'
		run --separate-stderr coi --profile q config show
		expect_text 'alias = "q"'
		[ ! -e .coi-profiles ] && [ ! -e "$HOME/.coi-profiles" ] && [ ! -e .coi.toml ]
		[ -z "$(find "$T" -name pwned)" ]
		HOME=$T/home
	done
}

@test "the printed commands overwrite nothing, also when they are typed late" {
	mkdir -p "$HOME/.coi-profiles/a" "$HOME/.coi-profiles/b" "$HOME/.coi/profiles/a" "$HOME/.config/coi"
	echo '# old a' >"$HOME/.coi-profiles/a/config.toml"
	echo '# old b' >"$HOME/.coi-profiles/b/config.toml"
	echo '# new a' >"$HOME/.coi/profiles/a/config.toml"
	echo '# old' >"$HOME/.config/coi/config.toml"
	echo '# new' | user
	echo '# first' >"$HOME/.coi/config.toml.old"
	run type_commands
	# The one whose name is taken stays where it is, and that is said.
	[ "$status" != 0 ]
	expect_equal "$(cat "$HOME/.coi-profiles/a/config.toml" "$HOME/.coi/profiles/a/config.toml" \
		"$HOME/.coi/profiles/b/config.toml")" "# old a
# new a
# old b"
	[ ! -e "$HOME/.coi-profiles/b" ]
	rm -r "$HOME/.coi-profiles" "$HOME/.coi/told"
	run --separate-stderr coi config show
	expect_stderr "where there is one already"
	type_commands
	expect_equal "$(cat "$HOME/.coi/config.toml" "$HOME/.coi/config.toml.old" "$HOME/.coi/config.toml.old2")" \
		"# new
# first
# old"
	# Commands that were printed when nothing was there yet.
	within 10 rm -rf "$HOME/.coi"
	mkdir -p "$HOME/.config/coi" "$HOME/.coi-profiles/a"
	echo '# old' >"$HOME/.config/coi/config.toml"
	coi config show 2>&1 >/dev/null | sed -n 's/^  //p' >"$T/commands"
	mkdir -p "$HOME/.coi/profiles/a"
	echo '# new' | user
	bash "$T/commands"
	expect_equal "$(cat "$HOME/.coi/config.toml")" "# new"
	expect_equal "$(cat "$HOME/.config/coi/config.toml")" "# old"
	[ -d "$HOME/.coi-profiles/a" ] && [ ! -e "$HOME/.coi/profiles/.coi-profiles" ]
}

@test "the settings of the machine are copied, not moved: others may want them" {
	mkdir -p "$T/env/etc/coi"
	cp -a /etc/passwd /etc/group /etc/nsswitch.conf "$T/env/etc/"
	printf '[container]\npersistent = true\n' >"$T/env/etc/coi/config.toml"
	export T COI
	run unshare -m bash -c 'mount --bind "$T/env/etc" /etc && "$COI" config show'
	expect_status 0
	expect_text "'/etc/coi/config.toml' is not read: its place is '$HOME/.coi/config.toml' now"
	expect_text "mkdir -p $HOME/.coi && cp -nT /etc/coi/config.toml $HOME/.coi/config.toml"
	run unshare -m bash -c 'mount --bind "$T/env/etc" /etc && "$COI" config show'
	expect_status 0
	[ -z "$output" ]
}

@test "nothing is moved through a link of the project to the person's own" {
	rm -rf "$T/ws/.coi"
	ln -s "$HOME/.coi" .coi
	mkdir -p .coi-profiles/evil
	echo '[network]' >.coi-profiles/evil/config.toml
	echo '[network]' >.coi.toml
	run --separate-stderr coi config show
	expect_status 0
	expect_stderr "'$T/ws/.coi' is a symbolic link"
	[[ "$stderr" != *"mv "* ]]
	# Nor what is a link itself: it is moved as a link.
	rm .coi .coi.toml
	rm -r .coi-profiles
	mkdir -p "$T/env/victim/x" .coi/profiles
	ln -s "$T/env/victim" .coi-profiles
	type_commands || true
	[ -d "$T/env/victim/x" ]
	[ -z "$(ls .coi/profiles)" ]
}

@test "what was told once is told again when that cannot be remembered" {
	mkdir "$HOME/.coi-profiles"
	rmdir "$HOME/.coi"
	echo 'no directory' >"$HOME/.coi"
	local i
	for i in 1 2; do
		run --separate-stderr coi config show
		expect_status 0
		expect_stderr "$HOME/.coi-profiles"
	done
}

# --- a cloned repository

# Every way in which a project's file can be broken, one a line: a name, and the commands.
broken_projects() {
	cat <<-'EOF'
		no-toml	printf '[[[' >.coi/config.toml
		nul	printf 'a\0b = 1\n' >.coi/config.toml
		control	printf 'a = "\033[31m\001"\n\033]0;x\007 = 1\n' >.coi/config.toml
		no-utf8	printf 'a = "\377\376"\n' >.coi/config.toml
		large	head -c 10485760 /dev/zero | tr '\0' '#' >.coi/config.toml
		deep	printf 'a = %s' "$(printf '[%.0s' $(seq 5000))" >.coi/config.toml
		deep-tables	printf '[%s]\n' "$(printf 'a.%.0s' $(seq 3000))a" >.coi/config.toml
		many	seq 20000 | sed 's/.*/k& = 1/' >.coi/config.toml
		twice	printf 'a = 1\na = 2\n' >.coi/config.toml
		directory	mkdir .coi/config.toml
		fifo	mkfifo .coi/config.toml
		device	ln -s /dev/zero .coi/config.toml
		terminal	ln -s /dev/tty .coi/config.toml
		loop	ln -s config.toml .coi/config.toml
		dangling	ln -s /nonexistent/x .coi/config.toml
		host-file	ln -s /etc/shadow .coi/config.toml
		no-directory	rm -rf .coi; echo x >.coi
		link-loop	rm -rf .coi; ln -s .coi .coi
		proc	rm -rf .coi; ln -s /proc/self/fd .coi
		wrong-types	printf 'container = 1\nnetwork = []\n[mounts]\ndefault = 3\n' >.coi/config.toml
		moved	printf '[defaults]\nimage = "x"\n' >.coi/config.toml
		unknown-profile	printf '[defaults]\nprofile = "none"\n' >.coi/config.toml
		bad-profile	mkdir -p .coi/profiles/p; echo '[' >.coi/profiles/p/config.toml
		cycle	mkdir -p .coi/profiles/p; echo 'inherits = "p"' >.coi/profiles/p/config.toml
		clash	mkdir -p .coi/profiles/mine; echo '[network]' >.coi/profiles/mine/config.toml
		hardened	mkdir -p .coi/profiles/hardened; echo '[' >.coi/profiles/hardened/config.toml
		default	mkdir -p .coi/profiles/default; echo '[' >.coi/profiles/default/config.toml
		profile-fifo	mkdir -p .coi/profiles/p; mkfifo .coi/profiles/p/config.toml
		profiles-file	echo x >.coi/profiles
		profiles-loop	ln -s profiles .coi/profiles
		old	echo '[' >.coi.toml
		old-fifo	mkfifo .coi.toml
		old-profiles	mkdir .coi-profiles
	EOF
}

@test "a cloned repository cannot break coi list, image list, config show or profile list" {
	mkdir -p "$HOME/.coi/profiles/mine"
	printf '[container]\nimage = "mine"\n' >"$HOME/.coi/profiles/mine/config.toml"
	local name how command
	while IFS=$'\t' read -r name how; do
		rm -rf "$T/ws"
		mkdir -p "$T/ws/.coi"
		cd "$T/ws"
		eval "$how"
		for command in "list" "list --format json" "image list" "config show" "config path" \
			"profile list" "profile info mine" "--profile mine list" "trust --list"; do
			# shellcheck disable=SC2086
			run --separate-stderr timeout 20 "$COI" $command
			[ "$status" = 0 ] || { echo "$name: coi $command: $status: $stderr"; return 1; }
			[[ "$output$stderr" != *$'\033'* ]] || { echo "$name: $command: raw bytes"; return 1; }
			[ "$(wc -l <<<"$stderr")" -lt 600 ]
		done
		run --separate-stderr timeout 20 "$COI" profile list --json
		jq -e '.[] | select(.name == "mine") | .image == "mine"' <<<"$output" >/dev/null ||
			{ echo "$name: profile mine: $output"; return 1; }
	done < <(broken_projects)
}

@test "a broken project file stops what starts something with one line, and reveals nothing" {
	local how
	for how in no-toml nul large deep directory fifo device host-file wrong-types; do
		rm -rf "$T/ws"
		mkdir -p "$T/ws/.coi"
		cd "$T/ws"
		eval "$(broken_projects | awk -F '\t' -v n=$how '$1 == n { print $2 }')"
		run --separate-stderr timeout 20 "$COI" run -- true
		[ "$status" = 1 ] || { echo "$how: $status: $stderr"; return 1; }
		expect_one_error
		expect_stderr "$T/ws/.coi/config.toml"
		[[ "$stderr" != *root:* ]]
	done
}

# Ways in which any file can be broken: a name, and what makes it so at $1.
break_file() { # HOW FILE
	mkdir -p "$(dirname "$2")"
	rm -rf "$2"
	case $1 in
	no-toml) printf '[[[' >"$2" ;;
	nul) printf 'a\0b = 1\n' >"$2" ;;
	nul-late) printf '[container]\nimage = "x"\n\0' >"$2" ;;
	control) printf 'a = "\033[31m\001"\n\033]0;x\007 = 1\n' >"$2" ;;
	no-utf8) printf 'a = "\377\376"\n' >"$2" ;;
	large) head -c 10485760 /dev/zero | tr '\0' '#' >"$2" ;;
	endless) ln -s /dev/zero "$2" ;;
	deep) printf 'a = %s' "$(printf '[%.0s' $(seq 5000))" >"$2" ;;
	deep-tables) printf '[%s]\n' "$(printf 'a.%.0s' $(seq 3000))a" >"$2" ;;
	twice) printf 'a = 1\na = 2\n' >"$2" ;;
	directory) mkdir "$2" ;;
	fifo) mkfifo "$2" ;;
	terminal) ln -s /dev/tty "$2" ;;
	loop) ln -s "$(basename "$2")" "$2" ;;
	wrong-type) printf 'container = 1\n' >"$2" ;;
	wrong-value) printf '[network]\nmode = "shut"\n' >"$2" ;;
	no-settings) printf '\377\330\377\340JFIF' >"$2" ;;
	esac
}

@test "broken files at every place: one line, what starts something fails, what looks does not" {
	local place file how words
	for place in user COI_CONFIG workspace "profile of the person" "profile of the project" \
		"profile beside COI_CONFIG"; do
		rm -rf "$HOME" "$T/env" "$T/other" "$T/ws/.coi"
		mkdir -p "$HOME/.coi" "$T/env" "$T/other"
		unset COI_CONFIG
		words=()
		case $place in
		user) file=$HOME/.coi/config.toml ;;
		COI_CONFIG) file=$T/env/c.toml; export COI_CONFIG=$file ;;
		workspace) file=$T/other/.coi/config.toml; words=(-w "$T/other") ;;
		"profile of the person") file=$HOME/.coi/profiles/p/config.toml; words=(--profile p) ;;
		"profile of the project") file=$T/ws/.coi/profiles/p/config.toml; words=(--profile p) ;;
		*) export COI_CONFIG=$T/env/c.toml; echo >"$COI_CONFIG"
			file=$T/env/profiles/p/config.toml; words=(--profile p) ;;
		esac
		for how in no-toml nul nul-late control no-utf8 large endless deep deep-tables twice directory \
			fifo terminal loop wrong-type wrong-value no-settings; do
			break_file $how "$file"
			# A link: only what the person trusts is followed, and none of these leads to settings.
			run --separate-stderr timeout 20 "$COI" "${words[@]}" run -- true
			[ "$status" = 1 ] || { echo "$place: $how: run: $status $stderr"; return 1; }
			expect_one_error || { echo "$place: $how: run"; return 1; }
			[[ "$stderr" == *"$file"* ]] || { echo "$place: $how: $stderr"; return 1; }
			[[ "$stderr" != *[$'\001'-$'\010'$'\013'-$'\037'$'\177']* ]] || { echo "$place: $how: raw"; return 1; }
			run --separate-stderr timeout 20 "$COI" list
			[ "$status" = 0 ] || { echo "$place: $how: list: $status $stderr"; return 1; }
			[ "$(grep -c . <<<"$stderr")" -le 1 ] || { echo "$place: $how: list: $stderr"; return 1; }
			run --separate-stderr timeout 20 "$COI" "${words[@]}" config show
			case $place in
			# A profile that is named and is no TOML at all is an error for each command.
			profile*) [ "$status" -le 1 ] ;;
			*) [ "$status" = 0 ] && [[ "$stderr" == *"$file"* ]] ;;
			esac || { echo "$place: $how: show: $status $stderr"; return 1; }
		done
	done
	unset COI_CONFIG
}

@test "what the person cannot read is said, and is nobody's secret" {
	cp "$COI" "$T/coi-copy"
	chmod 0755 "$T/coi-copy"
	printf '[container]\nimage = "hidden"\n' >"$T/env/c.toml"
	chmod 0600 "$T/env/c.toml"
	printf '[container]\nimage = "hidden"\n' | user
	chown -R 1234:1234 "$HOME" "$T/ws"
	chown 0:0 "$HOME/.coi/config.toml"
	chmod 0600 "$HOME/.coi/config.toml"
	local as=(setpriv --reuid=1234 --regid=1234 --clear-groups "$T/coi-copy")
	run --separate-stderr "${as[@]}" config show
	expect_status 0
	[ -z "$output" ]
	expect_stderr "cannot read '$HOME/.coi/config.toml'"
	COI_CONFIG=$T/env/c.toml run --separate-stderr "${as[@]}" config show
	expect_stderr "cannot read '$T/env/c.toml'"
	chmod 0700 "$HOME/.coi"
	chown 0:0 "$HOME/.coi"
	run --separate-stderr "${as[@]}" config show
	expect_stderr "cannot read '$HOME/.coi/config.toml'"
	[[ "$output$stderr" != *hidden* ]]
}

@test "a workspace that is a link: the same project, the same approvals" {
	ln -sfn "$T/ws" "$T/link"
	printf '[network]\nmode = "open"\n[[mounts.default]]\nhost = "/etc"\ncontainer = "/x"\n' | project
	cd "$T/env"
	run --separate-stderr coi -w "$T/link" config show
	expect_stderr "'network.mode = \"open\"' is ignored"
	[[ "$output" != *open* && "$output" != */etc* ]]
	coi -w "$T/link" trust
	run --separate-stderr coi -w "$T/ws" config show
	expect_text '/etc'
	cd "$T/link"
	run --separate-stderr coi config show
	expect_text '/etc'
	# The link is turned: what was approved was approved for the other directory.
	mkdir -p "$T/other/.coi"
	cp "$T/ws/.coi/config.toml" "$T/other/.coi/"
	ln -sfn "$T/other" "$T/link"
	cd "$T/env"
	run --separate-stderr coi -w "$T/link" config show
	[[ "$output" != */etc* ]]
	run --separate-stderr coi -w "$T/ws/../link" untrust
	expect_stderr "Nothing was approved"
	ln -sfn "$T/ws" "$T/link"
	run --separate-stderr coi -w "$T/link" untrust
	expect_stderr "1 file"
	rm "$T/link"
}

@test "a project's profile that is broken fails only the command that uses it" {
	mkdir -p .coi/profiles/p
	echo '[' >.coi/profiles/p/config.toml
	run --separate-stderr coi list
	expect_status 0
	[ -z "$stderr" ]
	run --separate-stderr coi profile list
	expect_status 0
	expect_stderr "profile 'p' is left out"
	run --separate-stderr coi --profile p run -- true
	expect_status 1
	expect_one_error
	expect_stderr "$T/ws/.coi/profiles/p/config.toml:1:"
	run --separate-stderr coi profile info p
	expect_status 1
}

@test "network settings that loosen are refused in a project file, with file, line and place to put it" {
	printf '[network]\nmode = "open"\nblock_private_networks = false\nblock_metadata_endpoint = false\nallow_local_network_access = true\n' | project
	run --separate-stderr coi config show
	expect_status 0
	[ -z "$output" ]
	local line=1 key
	for key in network.mode network.block_private_networks network.block_metadata_endpoint \
		network.allow_local_network_access; do
		line=$((line + 1))
		grep -q "^Warning: $T/ws/.coi/config.toml:$line:[0-9]*: '$key = " <<<"$stderr" ||
			{ echo "$key: $stderr"; return 1; }
	done
	[ "$(grep -c 'put it in ~/.coi/config.toml' <<<"$stderr")" = 4 ]
	# The person's own file and COI_CONFIG may say all of it.
	cp .coi/config.toml "$T/env/c.toml"
	rm .coi/config.toml
	COI_CONFIG=$T/env/c.toml expect_equal "$(COI_CONFIG=$T/env/c.toml get network.mode)" '"open" COI_CONFIG'
	cp "$T/env/c.toml" "$HOME/.coi/config.toml"
	expect_equal "$(get network.mode)" '"open" user'
}

@test "what makes it stricter is honoured in a project file" {
	printf '[network]\nmode = "open"\nblock_private_networks = false\nallow_local_network_access = true\n' | user
	printf '[network]\nmode = "allowlist"\nblock_private_networks = true\nallow_local_network_access = false\n' | project
	expect_equal "$(get network.mode)" '"allowlist" project'
	expect_equal "$(get network.block_private_networks)" 'true project'
	expect_equal "$(get network.allow_local_network_access)" 'false project'
}

@test "env_commands are for trusted files only" {
	printf '[defaults.env_commands]\nX = "touch %s/ran"\n[defaults]\nenv_command_timeout = "1h"\n' "$T" | project
	run --separate-stderr coi config show
	[ -z "$output" ]
	expect_stderr "$T/ws/.coi/config.toml:1:1: 'defaults.env_commands' is ignored"
	[ ! -e "$T/ran" ]
	printf '[defaults.env_commands]\nX = "true"\n' | user
	echo | project
	run --separate-stderr coi config show
	expect_text "[defaults]"
}

@test "COI_CONFIG is trusted; one in the workspace is said loudly" {
	printf '[network]\nmode = "open"\n' >"$T/env/c.toml"
	COI_CONFIG=$T/env/c.toml run --separate-stderr coi config show
	expect_text 'mode = "open"'
	[ -z "$stderr" ]
	cp "$T/env/c.toml" "$T/ws/.coi/config.toml"
	COI_CONFIG=$T/ws/.coi/config.toml run --separate-stderr coi config show
	expect_stderr "COI_CONFIG names a file in the workspace"
	COI_CONFIG=$T/env/none.toml run --separate-stderr coi config show
	expect_status 0
	expect_stderr "$T/env/none.toml"
}

# --- trust

gated() {
	mkdir -p "$T/env/data"
	cat >"$T/ws/.coi/config.toml" <<-EOF
		[[mounts.default]]
		host = "$T/env/data"
		container = "/data"
		readonly = true
		[[mounts.default]]
		host = "sub"
		container = "/sub"
		[[sockets]]
		host = "/run/x.sock"
		container = "/run/x.sock"
		env = "X_SOCK"
	EOF
}

@test "an out-of-workspace mount and a socket are left out until coi trust" {
	gated
	mkdir sub
	run --separate-stderr coi config show
	expect_status 0
	[[ "$output" != *"$T/env/data"* && "$output" != *x.sock* ]]
	# Of the workspace itself: never gated.
	expect_text '/sub'
	run --separate-stderr coi trust
	expect_status 0
	expect_stderr "$T/ws/.coi/config.toml:1:1: mount '$T/env/data' at '/data' (read-only)"
	expect_stderr "$T/ws/.coi/config.toml:8:1: socket '/run/x.sock' at '/run/x.sock', named by the variable X_SOCK"
	[[ "$stderr" != *"/sub"* ]]
	run --separate-stderr coi config show
	expect_text "$T/env/data"
	expect_text x.sock
	run --separate-stderr coi trust
	expect_status 0
	expect_stderr "approved already"
}

@test "trust --list shows fingerprint and file, untrust takes it back" {
	run --separate-stderr coi trust --list
	expect_status 0
	[ -z "$output" ]
	expect_stderr "No trusted project configs."
	gated
	coi trust
	run --separate-stderr coi trust --list
	expect_status 0
	[[ "$output" =~ ^[0-9a-f]{12}\ \ "$T/ws/.coi/config.toml"$ ]]
	cd "$T/other"
	run --separate-stderr coi untrust
	expect_status 0
	expect_stderr "Nothing was approved"
	run --separate-stderr coi untrust -w "$T/ws"
	expect_status 0
	expect_stderr "1 file"
	cd "$T/ws"
	run --separate-stderr coi config show
	[[ "$output" != *x.sock* ]]
}

@test "trust with nothing to approve says so" {
	run --separate-stderr coi trust
	expect_status 0
	expect_stderr "Nothing to approve"
	[ ! -e "$HOME/.coi/trust.toml" ]
	run --separate-stderr coi trust surplus
	expect_status 1
}

@test "the trust store is ~/.coi/trust.toml, 0600, made by the first coi trust" {
	gated
	[ ! -e "$HOME/.coi/trust.toml" ]
	coi trust
	expect_equal "$(stat -c %a "$HOME/.coi/trust.toml")" 600
	grep -qx '\[approvals\]' "$HOME/.coi/trust.toml"
	grep -qE "^\"$T/ws/.coi/config.toml\" = \"[0-9a-f]{64}\"$" "$HOME/.coi/trust.toml"
	[ -z "$(find "$HOME/.coi" -name '*tmp*')" ]
}

@test "any change of what was approved revokes it" {
	gated
	coi trust
	sed -i 's,readonly = true,readonly = false,' .coi/config.toml
	run --separate-stderr coi config show
	[[ "$output" != *"$T/env/data"* && "$output" != *x.sock* ]]
	sed -i 's,readonly = false,readonly = true,; 1i # a comment changes nothing' .coi/config.toml
	run --separate-stderr coi config show
	expect_text "$T/env/data"
}

@test "trust shows where a link leads" {
	ln -s /etc etc
	printf '[[mounts.default]]\nhost = "etc"\ncontainer = "/x"\n' | project
	run --separate-stderr coi trust
	expect_status 0
	expect_stderr "mount '$T/ws/etc' at '/x' (writable); the path leads to '/etc'"
	ln -sfn /root etc
	run --separate-stderr coi config show
	[[ "$output" != *"/x"* ]]
}

@test "trust asks on a terminal, --yes answers" {
	gated
	run script -qec "'$COI' trust" /dev/null <<<"n"
	expect_status 0
	expect_text "Approve this? [y/N]"
	[ ! -e "$HOME/.coi/trust.toml" ]
	run script -qec "'$COI' trust" /dev/null <<<"y"
	expect_status 0
	[ -e "$HOME/.coi/trust.toml" ]
	rm "$HOME/.coi/trust.toml"
	run script -qec "'$COI' trust --yes" /dev/null
	expect_status 0
	[[ "$output" != *"[y/N]"* ]]
	[ -e "$HOME/.coi/trust.toml" ]
}

@test "foreign bytes in what waits are escaped" {
	printf '[[mounts.default]]\nhost = "/etc"\ncontainer = "/x\\u001b[2Jy\\u202e"\n[container.build]\ncommands = ["a\\nError: fake"]\n' | project
	run --separate-stderr coi trust
	expect_status 0
	[[ "$stderr" != *$'\033'* && "$stderr" != *$'\u202e'* ]]
	expect_equal "$(grep -c '^Error: fake' <<<"$stderr")" 0
	# Nor in warnings, errors and names of files.
	printf '"a\\nError: fake" = 1\n[container]\nimage = "b\\nError: fake"\n' | project
	local command
	for command in "config show" "validate config .coi/config.toml" "run -- true"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi $command
		[ -n "$stderr" ]
		expect_equal "$command $(grep -c '^Error: fake' <<<"$stderr")" "$command 0"
	done
}

@test "a project-scoped profile is gated and approved by itself" {
	mkdir -p .coi/profiles/p
	printf '[[mounts]]\nhost = "/etc"\ncontainer = "/x"\n' >.coi/profiles/p/config.toml
	run --separate-stderr coi --profile p config show
	[[ "$output" != *"/etc"* ]]
	coi --profile p trust
	run --separate-stderr coi --profile p config show
	expect_text "/etc"
	# It goes with the directory, and with coi untrust also when the profile is gone.
	rm -r .coi/profiles
	run --separate-stderr coi untrust
	expect_stderr "1 file"
	run --separate-stderr coi trust --list
	[ -z "$output" ]
}

@test "COI_TRUST_ALL opens the gate, from the environment only, and nothing else" {
	gated
	printf '[network]\nmode = "open"\n' >>.coi/config.toml
	local value
	for value in 1 true yes TRUE " 1 "; do
		COI_TRUST_ALL=$value run --separate-stderr coi config show
		expect_text x.sock
		[[ "$output" != *open* ]]
	done
	for value in 0 no "" on false; do
		COI_TRUST_ALL=$value run --separate-stderr coi config show
		[[ "$output" != *x.sock* ]] || { echo "COI_TRUST_ALL=$value"; return 1; }
	done
	printf '[defaults.environment]\nCOI_TRUST_ALL = "1"\n' >>.coi/config.toml
	run --separate-stderr coi config show
	[[ "$output" != *x.sock* ]]
	[ ! -e "$HOME/.coi/trust.toml" ]
	# With it set, coi trust still writes down what it approves.
	COI_TRUST_ALL=1 run --separate-stderr coi trust
	expect_stderr "mount '$T/env/data'"
	[ -e "$HOME/.coi/trust.toml" ]
}

@test "a trust store that is garbled or open to others approves nothing" {
	gated
	coi trust
	cp "$HOME/.coi/trust.toml" "$T/env/good"
	local how
	for how in 'echo "[" >' 'printf "a\0b" >' 'echo "[approvals]" >' 'echo "approvals = 1" >' \
		'chmod 0666' 'rm -f' 'rm -f X; mkfifo'; do
		rm -rf "$HOME/.coi/trust.toml"
		cp "$T/env/good" "$HOME/.coi/trust.toml"
		eval "${how/X/$HOME/.coi/trust.toml} $HOME/.coi/trust.toml"
		run --separate-stderr timeout 20 "$COI" config show
		expect_status 0
		[[ "$output" != *x.sock* ]] || { echo "$how"; return 1; }
	done
	rm -f "$HOME/.coi/trust.toml"
	echo '[' >"$HOME/.coi/trust.toml"
	coi trust
	run --separate-stderr coi config show
	expect_text x.sock
}

# --- who

@test "an ordinary user may look, validate, create and trust" {
	cp "$COI" "$T/coi-copy"
	chmod 0755 "$T/coi-copy"
	gated
	chown -R 1234:1234 "$HOME" "$T/ws"
	local as=(setpriv --reuid=1234 --regid=1234 --clear-groups "$T/coi-copy")
	run --separate-stderr "${as[@]}" config show
	expect_status 0
	run --separate-stderr "${as[@]}" profile create mine --user
	expect_status 0
	run --separate-stderr "${as[@]}" profile list
	expect_status 0
	expect_text mine
	run --separate-stderr "${as[@]}" trust
	expect_status 0
	[ -e "$HOME/.coi/trust.toml" ]
	run --separate-stderr "${as[@]}" schema config
	expect_status 0
}

@test "under sudo, files of the home belong to the person, and only their files are read" {
	gated
	chown -R 1234:1234 "$HOME" "$T/ws"
	echo secret >"$T/secret.toml"
	chmod 0600 "$T/secret.toml"
	export SUDO_UID=1234 SUDO_GID=1234
	coi profile create mine --user
	coi profile create default
	coi trust
	mkdir "$HOME/.coi-profiles"
	coi config show >/dev/null 2>&1
	[ -e "$HOME/.coi/told" ] && [ -e "$HOME/.coi/trust.toml" ]
	expect_equal "$(find "$HOME" ! -name .coi-profiles ! -user 1234)" ""
	COI_CONFIG=$T/secret.toml run --separate-stderr coi config show
	[[ "$output$stderr" != *"secret ="* ]]
	expect_stderr "secret.toml"
	run --separate-stderr coi validate config "$T/secret.toml"
	expect_status 1
}
