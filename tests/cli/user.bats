#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The user of sessions with another id than the image's: incus.code_uid, incus.code_user.

setup_file() {
	load ../lib/common
	coi_setup
	cp "$HOME/.coi/config.toml" "$T/config"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	cp "$T/config" "$HOME/.coi/config.toml"
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	rm -rf "$T"/ws/* "$T/ro"
	within 20 quiet
}

code_is() { # UID [USER]
	printf '[incus]\ncode_uid = %s\ncode_user = "%s"\n' "$1" "${2:-code}" >>"$HOME/.coi/config.toml"
}

@test "the user follows code_uid, home included; files in the workspace are its owner's" {
	code_is 1500
	run --separate-stderr coi run -- sh -c 'id -u; id -g; id -un; id -gn; echo $HOME; stat -c %u $HOME; touch made $HOME/mine'
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "1500 1500 code code /home/code 1500"
	expect_equal "$(stat -c %u made)" 1234
}

@test "what is mounted below the home survives, and a container that is used again follows too" {
	mkdir -p "$T/ro/deep"
	echo theirs >"$T/ro/deep/file"
	cat >>"$HOME/.coi/config.toml" <<-END
		persistent = true
		[[mounts.default]]
		host = "$T/ro"
		container = "/home/code/.tool/skills"
		readonly = true
	END
	local name
	name=$(container_name 1)
	coi shell --debug --background
	coi container exec "$name" --user 1000 -- sh -c 'echo own >~/.tool/own'
	coi container stop --force "$name"
	code_is 1500
	coi shell --debug --background
	run --separate-stderr coi container exec "$name" --user 1500 -- sh -c 'cat ~/.tool/own ~/.tool/skills/deep/file; stat -c %u ~ ~/.tool/own; id -un'
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "own theirs 1500 1500 code"
	run ! coi container exec "$name" --user 0 -- touch /home/code/.tool/skills/x
	coi tmux send "$name" 'id -u >/workspace/uid'
	within 20 test -s uid
	expect_equal "$(cat uid)" 1500
	expect_equal "$(stat -c %u uid)" 1234
	coi container stop --force "$name"
	# And back.
	sed -i 's/^code_uid = 1500/code_uid = 1000/' "$HOME/.coi/config.toml"
	coi shell --debug --background
	run --separate-stderr coi container exec "$name" --user 1000 -- sh -c 'stat -c %u ~ ~/.tool/own; id -un'
	expect_equal "$(xargs <<<"$output")" "1000 1000 code"
}

@test "another name is made, with a home" {
	code_is 1600 dev
	run --separate-stderr coi run -- sh -c 'id -u; id -un; echo $HOME; touch ~/x made'
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "1600 dev /home/dev"
	expect_equal "$(stat -c %u made)" 1234
}

@test "an id that somebody has inside is refused, and nothing stays" {
	coi container launch coi-default src
	coi container exec src -- sh -c 'echo somebody:x:1700:1700::/:/bin/sh >>/etc/passwd'
	coi image publish src taken >/dev/null
	coi container delete --force src
	sed -i 's/^\[container\]/&\nimage = "taken"/' "$HOME/.coi/config.toml"
	code_is 1700
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "belongs to user 'somebody'"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
}
