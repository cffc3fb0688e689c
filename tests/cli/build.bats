#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of one's own: [container.build] of the settings and of profiles, and coi build.

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
	# The supervisor of the test before may be writing its last line there.
	within 10 rm -rf "$T/ws/.coi" "$HOME/.coi"
	mkdir -p "$T/ws/.coi" "$HOME/.coi"
	cd "$T/ws"
	local image
	for image in mine other third newer; do
		if coi image exists "$image"; then coi image delete "$image"; fi
	done
}

user() { cat >"$HOME/.coi/config.toml"; }
profile() { # NAME
	mkdir -p "$HOME/.coi/profiles/$1"
	cat >"$HOME/.coi/profiles/$1/config.toml"
}
fingerprint() { coi image info "$1" --format json | jq -r .fingerprint; }
in_image() { # IMAGE COMMAND...: what it prints
	local image=$1
	shift
	run --separate-stderr coi run --image "$image" -- "$@"
	expect_status 0
}
no_container() {
	[ -z "$(coi container list --format json | jq -r '.[].name' | grep build)" ] &&
		[ -z "$(ls "$COI_ROOT/containers")" ]
}
nothing_left() { # the clean-up of a run goes on after its answer
	within 20 no_container
	[ -z "$(find "$COI_ROOT" -name '.tmp-*')" ]
}

@test "commands of the settings make the image that they name, on coi-default" {
	user <<-'END'
		[container]
		image = "mine"
		[container.build]
		commands = ["echo one >/etc/built", "id -u >>/etc/built", "touch /root/b; pwd >>/etc/built"]
	END
	run --separate-stderr coi build
	expect_status 0
	expect_stderr "Built 'mine'"
	expect_stderr "Fingerprint:   $(fingerprint mine)"
	in_image mine cat /etc/built
	expect_equal "$output" $'one\n0\n/'
	coi image info mine --format json | jq -e '.base == "coi-default"'
	nothing_left
}

@test "the first command that fails ends the build, and no image is made" {
	user <<-'END'
		[container]
		image = "mine"
		[container.build]
		commands = ["echo before", "false", "echo behind"]
	END
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "building 'mine'"
	expect_stderr "status 1"
	[[ "$stderr" != *behind* ]]
	run coi image exists mine
	expect_status 1
	nothing_left
}

@test "an image that is there is not built again, but with --force" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["date +%%s.%%N >/etc/built"]\n' | user
	coi build
	local first
	first=$(fingerprint mine)
	run --separate-stderr coi build
	expect_status 0
	expect_stderr "'mine' already exists; --force builds it again"
	expect_equal "$(fingerprint mine)" "$first"
	run --separate-stderr coi build --force
	expect_status 0
	[ "$(fingerprint mine)" != "$first" ]
	# The old one stays until it is cleaned up.
	coi image info "$first" >/dev/null
	coi image delete "$first"
}

@test "--profile builds the profile's image: base, and a script that wins over commands" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["echo base >/etc/base"]\n' | user
	coi build
	profile p <<-'END'
		[container]
		image = "other"
		[container.build]
		base = "mine"
		script = "build.sh"
		commands = ["echo commands >/etc/built"]
	END
	printf '#!/bin/sh\necho script "$COI_NAME" >/etc/built\n' >"$HOME/.coi/profiles/p/build.sh"
	run --separate-stderr coi build --profile p
	expect_status 0
	in_image other cat /etc/base /etc/built
	expect_equal "$output" $'base\nscript other'
	# Without "#!", and not executable: a shell runs it.
	echo 'echo no head >/etc/built' >"$HOME/.coi/profiles/p/build.sh"
	run --separate-stderr coi build --force --profile p
	expect_status 0
	in_image other cat /etc/built
	expect_equal "$output" "no head"
	coi image info other --format json | jq -e '.base == "mine"'
}

@test "a build container has no network, no workspace and no file of the person" {
	echo secret >"$T/ws/file"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/mnt/x"\n[container]\nimage = "mine"\n' \
		"$HOME" | user
	cat >>"$HOME/.coi/config.toml" <<-'END'
		[defaults.environment]
		TOKEN = "hunter2"
		[container.build]
		commands = ["ls /sys/class/net >/net", "ls -A /workspace /mnt/x >/seen 2>/dev/null || :", "env >/env"]
	END
	run --separate-stderr coi build
	expect_status 0
	in_image mine cat /net
	expect_equal "$output" lo
	in_image mine cat /seen /env
	[[ "$output" == *COI_NAME=mine* && "$output" != *hunter2* ]]
	in_image mine cat /seen
	[[ "$output" != *file* && "$output" != *.coi* ]]
}

@test "what cannot be built is named in one line" {
	local lines
	printf '[container]\nimage = "mine"\n' | user
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "nothing says how to build the image 'mine'"
	printf '[container]\nimage = "mine"\nbuild.base = "none"\nbuild.commands = ["true"]\n' | user
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "the base image 'none' does not exist"
	printf '[container]\nimage = "mine"\nbuild.base = "mine"\nbuild.commands = ["true"]\n' | user
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "cannot be its own base"
	printf '[container]\nimage = "mine"\nbuild.script = "none.sh"\n' | user
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "there is no file '$HOME/.coi/none.sh'"
	mkfifo "$HOME/.coi/none.sh"
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "no regular file"
	printf '[container.build]\nagents = ["nobody"]\n' | user
	run --separate-stderr coi build coi-default
	expect_status 1
	expect_stderr "knows no agent 'nobody'"
	run --separate-stderr coi build --all x
	expect_status 2
	run --separate-stderr coi build --all --profile p
	expect_status 2
	nothing_left
}

@test "a project's script waits, and what was approved is what runs" {
	cat >"$T/ws/.coi/config.toml" <<-'END'
		[container]
		image = "mine"
		[container.build]
		script = "build.sh"
	END
	echo 'echo approved >/etc/built' >"$T/ws/.coi/build.sh"
	run --separate-stderr coi build
	expect_status 1
	expect_stderr "$T/ws/.coi/config.toml:4:10: run '$T/ws/.coi/build.sh' as root"
	expect_stderr "nothing says how to build the image 'mine'"
	coi trust --yes
	run --separate-stderr coi build
	expect_status 0
	in_image mine cat /etc/built
	expect_equal "$output" approved
	# One byte of the script, and it waits again.
	echo 'echo approveD >/etc/built' >"$T/ws/.coi/build.sh"
	run --separate-stderr coi build --force
	expect_status 1
	expect_stderr "ignored until it is approved"
	# By a link to a file elsewhere too.
	rm "$T/ws/.coi/build.sh"
	echo 'echo approved >/etc/built' >"$T/elsewhere"
	ln -s "$T/elsewhere" "$T/ws/.coi/build.sh"
	run --separate-stderr coi build --force
	expect_status 1
}

@test "build --all: the settings' image and each profile that builds one" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["echo mine >/etc/built"]\n' | user
	profile a <<<'container = { image = "other", build = { commands = ["echo a >/etc/built"] } }'
	profile b <<<'container = { image = "third", build = { commands = ["false"] } }'
	profile c <<<'container = { image = "none" }'
	profile d <<<'['
	run --separate-stderr coi build --all
	expect_status 1
	expect_stderr "Built: 2  Skipped: 0  Failed: 2"
	expect_stderr "profile 'b': building 'third'"
	expect_stderr "profiles/d/config.toml:1:"
	in_image mine cat /etc/built
	expect_equal "$output" mine
	in_image other cat /etc/built
	expect_equal "$output" a
	rm -r "$HOME/.coi/profiles/b" "$HOME/.coi/profiles/d"
	run --separate-stderr coi build --all
	expect_status 0
	expect_stderr "Built: 0  Skipped: 2  Failed: 0"
	# A project's own waits and fails nothing.
	mkdir -p "$T/ws/.coi/profiles/e"
	printf '[container]\nimage = "newer"\nbuild.commands = ["echo e >/etc/built"]\n' \
		>"$T/ws/.coi/profiles/e/config.toml"
	run --separate-stderr coi build --all
	expect_status 0
	expect_stderr "profile 'e' is left out"
	run coi image exists newer
	expect_status 1
	# The hint is what opens it.
	coi --profile e trust --yes
	run --separate-stderr coi build --all
	expect_status 0
	expect_stderr "Built: 1  Skipped: 2  Failed: 0"
	in_image newer cat /etc/built
	expect_equal "$output" e
	# One byte, and it waits again; what is built stays.
	sed -i 's/echo e/echo f/' "$T/ws/.coi/profiles/e/config.toml"
	run --separate-stderr coi build --all --force
	expect_status 0
	expect_stderr "profile 'e' is left out"
	in_image newer cat /etc/built
	expect_equal "$output" e
}

@test "build --all --force builds each anew" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["date +%%s.%%N >/etc/built"]\n' | user
	profile a <<<'container = { image = "other", build = { base = "mine", commands = ["true"] } }'
	coi build --all
	local mine other
	mine=$(fingerprint mine) other=$(fingerprint other)
	run --separate-stderr coi build --all --force
	expect_status 0
	expect_stderr "Built: 2  Skipped: 0  Failed: 0"
	[ "$(fingerprint mine)" != "$mine" ] && [ "$(fingerprint other)" != "$other" ]
	# On the base that was built in the same run.
	local built
	in_image mine cat /etc/built
	built=$output
	in_image other cat /etc/built
	expect_equal "$output" "$built"
}

@test "--compression and its setting count for exports" {
	printf '[container.build]\ncompression = "gzip"\n' | user
	coi image export coi-default "$T/image"
	expect_equal "$(head -c2 "$T/image" | od -An -tx1)" " 1f 8b"
	coi image export coi-default --compression none "$T/image"
	tar -tf "$T/image" >/dev/null
	printf '[container]\nimage = "mine"\nbuild.commands = ["true"]\n' | user
	run --separate-stderr coi build --compression xz
	expect_status 0
	run --separate-stderr coi build --compression rar
	expect_status 2
	rm "$T/image"
}

@test "stale_base_check: an image that is older than its base is said, refused or not looked at" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["echo 1 >/etc/base"]\n' | user
	coi build
	printf '[container]\nimage = "other"\nbuild.base = "mine"\nbuild.commands = ["true"]\n' >"$T/o.toml"
	COI_CONFIG=$T/o.toml coi build
	COI_CONFIG=$T/o.toml run --separate-stderr coi run -- true
	expect_status 0
	[[ "$stderr" != *older* ]]
	printf '[container]\nimage = "mine"\nbuild.commands = ["echo 2 >/etc/base"]\n' | user
	coi build --force
	COI_CONFIG=$T/o.toml run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr "image 'other' was built on an older 'mine'"
	echo 'stale_base_check = "error"' >>"$T/o.toml"
	COI_CONFIG=$T/o.toml run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "coi build --force"
	sed -i 's/"error"/"off"/' "$T/o.toml"
	COI_CONFIG=$T/o.toml run --separate-stderr coi run -- true
	expect_status 0
	[[ "$stderr" != *older* ]]
	sed -i 's/"off"/"error"/' "$T/o.toml"
	COI_CONFIG=$T/o.toml coi build --force
	COI_CONFIG=$T/o.toml run --separate-stderr coi run -- cat /etc/base
	expect_status 0
	expect_equal "$output" 2
}

@test "a build that is interrupted leaves no container, no image, and what it began to the next" {
	printf '[container]\nimage = "mine"\nbuild.commands = ["echo begun", "sleep 300"]\n' | user
	"$COI" build 2>"$T/log" &
	local pid=$!
	within 60 grep -q '^begun' "$T/log"
	kill -TERM "$pid"
	wait "$pid" && return 1
	within 30 no_container
	run coi image exists mine
	expect_status 1
	printf '[container]\nimage = "mine"\nbuild.commands = ["true"]\n' | user
	coi build
	nothing_left
}

@test "a recipe that stands on an image says what that one lacks, and follows nothing in it" {
	mkdir -p "$T/recipe"
	printf '[image]\nname = other\nscript = build.sh\n[base]\nimage = third\npackages = list\n' >"$T/recipe/image.ini"
	echo 'exit 0' >"$T/recipe/build.sh"
	echo tree >"$T/recipe/list"
	run --separate-stderr coi build "$T/recipe/"
	expect_status 1
	expect_one_error
	expect_stderr "the base image 'third' does not exist"
	# No Debian, and names that lead elsewhere: to a file of the host, to nobody who writes.
	local make
	for make in : 'mkfifo status' 'ln -s "/../../../../../../../../../etc/passwd" status' 'mkdir status'; do
		printf '[container]\nimage = "third"\n[container.build]\ncommands = ["mkdir -p /var/lib/dpkg && cd /var/lib/dpkg && rm /etc/passwd", %s]\n' \
			"$(jq -n --arg x "$make" '$x')" | user
		coi build --force
		: | user
		run --separate-stderr coi build "$T/recipe/"
		expect_status 1
		expect_one_error
		expect_stderr "image 'third' has no list of Debian packages"
	done
	nothing_left
	run coi image exists other
	expect_status 1
	# Its own base it cannot be.
	sed -i 's/third/other/' "$T/recipe/image.ini"
	run --separate-stderr coi build "$T/recipe/"
	expect_status 1
	expect_stderr "stands on no other image"
}
