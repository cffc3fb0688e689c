#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# Profiles: which there are, what they say, and how they are made, edited and deleted.

setup_file() {
	load ../lib/common
	T=$(mktemp -d "/var/tmp/coi-test.$$.XXXXXX")
	chmod 0755 "$T"
	export T COI_ROOT=$T/root HOME=$T/home
	unset COI_CONFIG COI_PROFILE COI_CONTAINER COI_CONTAINER_PREFIX COI_TRUST_ALL COI_DEBUG SUDO_UID SUDO_GID
	unset VISUAL EDITOR
}

teardown_file() {
	cd / && rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
	cd "$T"
	within 10 rm -rf "$HOME" "$T/ws" "$T/env" "$T/bin"
	mkdir -p "$HOME/.coi" "$T/ws" "$T/env" "$T/bin"
	cd "$T/ws"
}

mine() { # NAME: the text on standard input
	mkdir -p "$HOME/.coi/profiles/$1"
	cat >"$HOME/.coi/profiles/$1/config.toml"
}
theirs() {
	mkdir -p "$T/ws/.coi/profiles/$1"
	cat >"$T/ws/.coi/profiles/$1/config.toml"
}

@test "profile list shows the built-in ones, with fillers" {
	run --separate-stderr coi profile list
	expect_status 0
	[ -z "$stderr" ]
	[[ "${lines[0]}" =~ ^NAME\ +IMAGE\ +PERSISTENT\ +INHERITS\ +SOURCE$ ]]
	[[ "${lines[1]}" =~ ^default\ +\(default\)\ +-\ +-\ +\(built-in\)$ ]]
	[[ "${lines[2]}" =~ ^hardened\ +\(default\)\ +false\ +-\ +\(built-in\)$ ]]
}

@test "profile list as json has name, image, persistent, and what is set of the others" {
	printf 'inherits = "hardened"\n[container]\nimage = "i"\npersistent = true\nstorage_pool = "p"\n' | mine a
	run --separate-stderr coi profile list --format json
	expect_status 0
	jq -e '.[0] == {name: "a", image: "i", persistent: true, storage_pool: "p",
		inherits: "hardened", source: $f}' --arg f "$HOME/.coi/profiles/a/config.toml" <<<"$output"
	jq -e '.[1] == {name: "default", image: "", persistent: null}' <<<"$output"
	run --separate-stderr coi profile list --format table
	expect_status 2
}

@test "profile list says what the profile says, not what other files say" {
	printf '[container]\nimage = "main"\npersistent = true\n' >"$HOME/.coi/config.toml"
	printf '[network]\n' | mine a
	run --separate-stderr coi profile list --json
	jq -e '.[] | select(.name == "a") | .image == "" and .persistent == null' <<<"$output"
}

@test "profiles of the person, of the project and beside COI_CONFIG" {
	echo | mine a
	echo | theirs b
	mkdir -p "$T/env/profiles/c"
	echo >"$T/env/profiles/c/config.toml"
	COI_CONFIG=$T/env/c.toml run --separate-stderr coi profile list --json
	expect_equal "$(jq -r '.[].name' <<<"$output" | tr '\n' ' ')" "a b c default hardened "
}

@test "directories without a config.toml and files are no profiles" {
	mkdir -p "$HOME/.coi/profiles/empty" "$HOME/.coi/profiles/.hidden"
	echo >"$HOME/.coi/profiles/.hidden/config.toml"
	echo >"$HOME/.coi/profiles/file"
	run --separate-stderr coi profile list --json
	expect_equal "$(jq length <<<"$output")" 2
}

@test "a clashing project profile is left out with a warning, and never stands in" {
	printf '[container]\nimage = "mine"\n' | mine a
	printf '[container]\nimage = "theirs"\n' | theirs a
	printf '[network]\nmode = "open"\n' | theirs hardened
	run --separate-stderr coi profile list --json
	expect_status 0
	expect_stderr "the project's profile 'a' is left out"
	expect_stderr "the project's profile 'hardened' is left out"
	jq -e '.[] | select(.name == "a") | .image == "mine"' <<<"$output"
	run --separate-stderr coi --profile a config show
	expect_status 0
	expect_text '"mine"'
	expect_stderr "left out"
	run --separate-stderr coi list
	expect_status 0
	[ -z "$stderr" ]
}

@test "a broken profile of the person breaks only what uses it" {
	echo '[' | mine a
	printf '[container]\nimage = 3\n' | mine b
	run --separate-stderr coi list
	expect_status 0
	[ -z "$stderr" ]
	run --separate-stderr coi profile list
	expect_status 0
	expect_stderr "profile 'a' is left out: $HOME/.coi/profiles/a/config.toml:1:"
	expect_stderr "profile 'b' is left out: $HOME/.coi/profiles/b/config.toml:2:9:"
	run --separate-stderr coi --profile a list
	expect_status 1
	expect_one_error
	run --separate-stderr coi --profile b run -- true
	expect_status 1
	expect_one_error
}

@test "an unknown profile is an error for every command" {
	local command
	for command in "list" "profile list" "run -- true" "config show" "trust"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi --profile none $command
		expect_status 1
		expect_one_error
		expect_stderr "'none'"
		expect_stderr "coi profile list"
	done
}

@test "COI_PROFILE names a profile as --profile does, which wins" {
	printf '[container]\nimage = "a"\n' | mine a
	printf '[container]\nimage = "b"\n' | mine b
	COI_PROFILE=a run --separate-stderr coi config show
	expect_status 0
	expect_text 'image = "a"'
	COI_PROFILE=a run --separate-stderr coi --profile b config show
	expect_text 'image = "b"'
	COI_PROFILE=a run --separate-stderr coi --profile= config show
	expect_status 0
	[ -z "$output" ]
	COI_PROFILE='' run --separate-stderr coi config show
	expect_status 0
	[ -z "$output" ]
	COI_PROFILE=none run --separate-stderr coi list
	expect_status 1
	expect_one_error
	expect_stderr "'none'"
	COI_PROFILE=none run --separate-stderr coi schema config
	expect_status 0
}

@test "a project's profile that is named by hand beats the workspace's file, in [container]" {
	printf '[container]\nimage = "profile"\n[network]\nmode = "allowlist"\n' | theirs p
	mkdir -p "$T/env/ws/.coi"
	printf '[container]\nimage = "workspace"\n' >"$T/env/ws/.coi/config.toml"
	run --separate-stderr coi --profile p -w "$T/env/ws" config show --origin
	expect_status 0
	expect_text "image = \"profile\" # profile $T/ws/.coi/profiles/p/config.toml:2:9"
	COI_PROFILE=p run --separate-stderr coi -w "$T/env/ws" config show --origin
	expect_text "image = \"profile\" # profile $T/ws/.coi/profiles/p/config.toml:2:9"
	# Not so one that a setting chooses.
	printf '[defaults]\nprofile = "p"\n' >"$HOME/.coi/config.toml"
	run --separate-stderr coi -w "$T/env/ws" config show --origin
	expect_text "image = \"workspace\" # workspace $T/env/ws/.coi/config.toml:2:9"
}

@test "an unknown defaults.profile fails what starts something and warns elsewhere" {
	printf '[defaults]\nprofile = "none"\n' >"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	run --separate-stderr coi list
	expect_status 0
	expect_stderr "'none'"
	# A project's file may not choose one.
	rm "$HOME/.coi/config.toml"
	mkdir -p .coi
	printf '[defaults]\nprofile = "none"\n' >.coi/config.toml
	run --separate-stderr coi config show
	expect_status 0
	expect_stderr "'defaults.profile' is ignored"
}

@test "profile info shows source, ancestors and what is set, masked" {
	printf 'inherits = "b"\ncontext = "c.md"\n[environment]\nTOKEN = "hunter2"\n[[mounts]]\nhost = "/srv"\ncontainer = "/srv"\n' | mine a
	printf '[container]\nimage = "i"\n' | mine b
	run --separate-stderr coi profile info a
	expect_status 0
	expect_equal "${lines[0]}" "Source: $HOME/.coi/profiles/a/config.toml"
	expect_text "Inherits: b"
	expect_text "Context: $HOME/.coi/profiles/a/c.md"
	expect_text 'image = "i"'
	expect_text TOKEN
	expect_text mounts
	[[ "$output" != *hunter2* ]]
	local first=$output
	run --separate-stderr coi profile show a
	expect_equal "$output" "$first"
	run --separate-stderr coi profile info hardened
	expect_status 0
	expect_text "Source: (built-in)"
	expect_text "forward_agent = false"
	run --separate-stderr coi profile info none
	expect_status 1
	expect_one_error
	run --separate-stderr coi profile info
	expect_status 1
}

@test "profile info says what a project's profile may not" {
	printf '[network]\nmode = "open"\n[[mounts]]\nhost = "/etc"\ncontainer = "/x"\n' | theirs p
	run --separate-stderr coi profile info p
	expect_status 0
	expect_stderr "$T/ws/.coi/profiles/p/config.toml:2:8: 'network.mode"
	expect_stderr "approve it with coi --profile p trust"
	[[ "$output" != *open* && "$output" != *etc* ]]
}

@test "inherits: child over parent, lists replaced, an empty variable deletes" {
	printf '[environment]\nA = "1"\nB = "2"\n[container]\nimage = "p"\npersistent = true\n[[mounts]]\nhost = "/p"\ncontainer = "/p"\n[[sockets]]\nhost = "/s"\ncontainer = "/s"\n' | mine parent
	printf 'inherits = "parent"\n[environment]\nB = ""\nC = "3"\n[container]\nimage = "c"\n[[mounts]]\nhost = "/c"\ncontainer = "/c"\n' | mine child
	run --separate-stderr coi --profile child config show --secrets
	expect_status 0
	expect_text 'image = "c"'
	expect_text 'persistent = true'
	expect_text 'A = "1"'
	expect_text 'C = "3"'
	[[ "$output" != *'B = '* ]]
	expect_text '"/c"'
	[[ "$output" != *'"/p"'* ]]
	expect_text '"/s"'
}

@test "inherits: cycle, depth and a missing parent are errors of that profile alone" {
	echo 'inherits = "b"' | mine a
	echo 'inherits = "a"' | mine b
	echo 'inherits = "gone"' | mine c
	local i
	for i in $(seq 1 11); do
		echo "inherits = \"d$((i + 1))\"" | mine "d$i"
	done
	echo | mine d12
	local name
	for name in a c d1; do
		run --separate-stderr coi --profile $name list
		expect_status 1
		expect_one_error
	done
	run --separate-stderr coi --profile d4 list
	expect_status 0
	run --separate-stderr coi list
	expect_status 0
}

@test "profile create writes a skeleton that is valid, in the home" {
	run --separate-stderr coi profile create rust
	expect_status 0
	[ -z "$output" ]
	expect_stderr "$HOME/.coi/profiles/rust/config.toml"
	run --separate-stderr coi validate profile "$HOME/.coi/profiles/rust"
	expect_status 0
	run --separate-stderr coi profile list
	expect_text "$HOME/.coi/profiles/rust/config.toml"
	run --separate-stderr coi profile create rust
	expect_status 1
	expect_one_error
	expect_stderr "already"
}

@test "profile create --full writes every key as a comment" {
	run --separate-stderr coi profile create a --full
	expect_status 0
	[ "$(grep -c '^# [a-z_]* = ' "$HOME/.coi/profiles/a/config.toml")" -gt 80 ]
	run --separate-stderr coi --profile a config show
	expect_status 0
	[ -z "$output$stderr" ]
	run --separate-stderr coi profile create b --full --inherits a
	expect_status 2
	expect_stderr "'--inherits' makes no sense"
	run --separate-stderr coi profile create b --full --image x
	expect_status 2
	[ ! -e "$HOME/.coi/profiles/b" ]
}

@test "profile create --inherits, --image and --persistent are written into it" {
	run --separate-stderr coi profile create a --inherits hardened --image img --persistent
	expect_status 0
	run --separate-stderr coi profile list --json
	jq -e '.[] | select(.name == "a") | .image == "img" and .persistent and .inherits == "hardened"' <<<"$output"
	run --separate-stderr coi profile create b --inherits gone
	expect_status 1
	expect_one_error
	[ ! -e "$HOME/.coi/profiles/b" ]
}

@test "profile create: the project's .coi when there is one, --user, --project" {
	mkdir .coi
	run --separate-stderr coi profile create a
	expect_status 0
	[ -f .coi/profiles/a/config.toml ]
	run --separate-stderr coi profile create b --user
	expect_status 0
	[ -f "$HOME/.coi/profiles/b/config.toml" ]
	rm -r .coi
	run --separate-stderr coi profile create c --project
	expect_status 0
	[ -f .coi/profiles/c/config.toml ]
	run --separate-stderr coi profile create d --user --project
	expect_status 2
	expect_one_error
	# A project's profile of that name is in nobody's way.
	run --separate-stderr coi profile create c --user
	expect_status 0
}

@test "profile create refuses names that are none" {
	local name
	for name in "" . .. ... a/b ../x /etc/x "a b" .hidden $'a\nb' "$(printf 'a%.0s' $(seq 65))"; do
		run --separate-stderr coi profile create -- "$name"
		[ "$status" = 2 ] || { echo "'$name': $status $stderr"; return 1; }
		expect_one_error
	done
	run --separate-stderr coi profile create hardened
	expect_status 1
	[ -z "$(find "$HOME/.coi" -type f)" ]
}

@test "profile create and edit follow no link of the project" {
	mkdir .coi
	ln -s "$T/env" .coi/profiles
	run --separate-stderr coi profile create a --project
	expect_status 1
	expect_one_error
	[ -z "$(ls "$T/env")" ]
	rm .coi/profiles
	mkdir -p .coi/profiles/p
	echo precious >"$T/env/victim"
	ln -s "$T/env/victim" .coi/profiles/p/config.toml
	EDITOR='sh -c "echo gone >\$1" x' run --separate-stderr coi profile edit p
	expect_status 1
	expect_equal "$(cat "$T/env/victim")" precious
	rm -r .coi/profiles
	mkdir -p "$T/env/d/p"
	echo >"$T/env/d/p/config.toml"
	ln -s "$T/env/d" .coi/profiles
	run --separate-stderr coi profile delete -f p
	expect_status 1
	[ -f "$T/env/d/p/config.toml" ]
}

@test "profile edit runs VISUAL, else EDITOR, of several words, else vi" {
	echo | mine a
	VISUAL='sh -c "echo \"# visual\" >>\"\$1\"" x' EDITOR=false run --separate-stderr coi profile edit a
	expect_status 0
	grep -q '# visual' "$HOME/.coi/profiles/a/config.toml"
	EDITOR="sed -i -e s/visual/editor/" run --separate-stderr coi profile edit a
	expect_status 0
	grep -q '# editor' "$HOME/.coi/profiles/a/config.toml"
	printf '#!/bin/sh\necho "# vi" >>"$1"\n' >"$T/bin/vi"
	chmod 0755 "$T/bin/vi"
	PATH=$T/bin:$PATH run --separate-stderr coi profile edit a
	expect_status 0
	grep -q '# vi' "$HOME/.coi/profiles/a/config.toml"
	EDITOR=false run --separate-stderr coi profile edit a
	expect_status 1
	expect_one_error
	EDITOR=/no/such/editor run --separate-stderr coi profile edit a
	expect_status 1
}

@test "profile edit says what is wrong afterwards, and only warns" {
	echo | mine a
	EDITOR='sh -c "printf \"[container]\\\\nimage = 3\\\\n\" >\"\$1\"" x' run --separate-stderr coi profile edit a
	expect_status 0
	expect_stderr "Warning: $HOME/.coi/profiles/a/config.toml: /container/image: "
	run --separate-stderr coi profile edit default
	expect_status 1
	expect_stderr "built in"
	run --separate-stderr coi profile edit none
	expect_status 1
}

@test "under sudo the editor runs as the person" {
	echo | mine a
	chown -R 1234:1234 "$HOME"
	chmod 0777 "$T/env"
	SUDO_UID=1234 SUDO_GID=1234 EDITOR="sh -c 'id -u; echo \$HOME' >$T/env/who; :" \
		run --separate-stderr coi profile edit a
	expect_status 0
	expect_equal "$(cat "$T/env/who")" "1234
$HOME"
}

@test "profile delete asks, removes the whole directory and nothing else" {
	echo | mine a
	echo | mine b
	mkdir "$HOME/.coi/profiles/a/sub"
	ln -s "$T/env" "$HOME/.coi/profiles/a/link"
	echo x >"$T/env/keep"
	run --separate-stderr coi profile delete a <<<"n"
	expect_status 0
	expect_stderr "[y/N]"
	[ -d "$HOME/.coi/profiles/a" ]
	run --separate-stderr coi profile delete a </dev/null
	expect_status 0
	[ -d "$HOME/.coi/profiles/a" ]
	run --separate-stderr coi profile delete a <<<"Yes"
	expect_status 0
	[ ! -e "$HOME/.coi/profiles/a" ]
	[ -f "$T/env/keep" ]
	run --separate-stderr coi profile delete --force b
	expect_status 0
	[ ! -e "$HOME/.coi/profiles/b" ]
	run --separate-stderr coi profile delete -f hardened
	expect_status 1
	expect_stderr "built in"
	run --separate-stderr coi profile delete -f b
	expect_status 1
}

@test "deleting a project's profile takes its approval along" {
	printf '[[mounts]]\nhost = "/etc"\ncontainer = "/x"\n' | theirs p
	coi --profile p trust
	coi profile delete -f p
	run --separate-stderr coi trust --list
	[ -z "$output" ]
}

@test "names of profiles are completed" {
	echo | mine rusty
	echo | theirs rude
	run coi __complete --profile ru
	expect_text rusty
	expect_text rude
	run coi __complete profile info h
	expect_text hardened
	run coi __complete profile create x --inherits=h
	expect_text "--inherits=hardened"
	run coi __complete profile ""
	expect_text create
}

@test "links of the person are followed, and the home is no project" {
	mkdir -p "$T/env/dotfiles/a"
	printf '[container]\nimage = "dot"\n' >"$T/env/dotfiles/a/config.toml"
	ln -s "$T/env/dotfiles" "$HOME/.coi/profiles"
	run --separate-stderr coi profile list --json
	jq -e '.[] | select(.name == "a") | .image == "dot"' <<<"$output"
	run --separate-stderr coi profile create b --user
	expect_status 0
	[ -f "$T/env/dotfiles/b/config.toml" ]
	# The home as working directory: one place, not two.
	cd "$HOME"
	run --separate-stderr coi profile list --json
	expect_status 0
	[ -z "$stderr" ]
	expect_equal "$(jq -r '[.[] | select(.name == "a")] | length' <<<"$output")" 1
}
