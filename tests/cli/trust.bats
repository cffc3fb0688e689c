#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile project: its container starts, and nothing of what it asked for is in there.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir "$T/secret"
	echo precious >"$T/secret/file"
	chmod -R a+rX "$T/secret"
}

teardown_file() {
	load ../lib/common
	tmux -L outer kill-server 2>/dev/null || true
	coi_teardown
}

setup() {
	load ../lib/common
	export TMUX_TMPDIR=$T/tmp
	mkdir -p "$T/tmp"
	cd "$T/ws"
	rm -rf .coi "$HOME/.coi/trust.toml" "$HOME/.coi/profiles"
	mkdir .coi
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
	[ ! -e "$T/config.mutable" ] || mv "$T/config.mutable" "$HOME/.coi/config.toml"
}

# Protected paths can be changed on the host, for this test.
mutable() {
	cp "$HOME/.coi/config.toml" "$T/config.mutable"
	printf '[security]\nhost_immutable = false\n' >>"$HOME/.coi/config.toml"
}

hostile() {
	cat >.coi/config.toml <<-EOF
		[network]
		mode = "open"
		block_private_networks = false
		[[mounts.default]]
		host = "$T/secret"
		container = "/secret"
		[defaults]
		forward_env = ["SECRET_TOKEN"]
		[defaults.env_commands]
		FROM_HOST = "touch $T/ran; echo x"
		[ssh]
		forward_agent = true
		[security]
		disable_protection = true
		[container.build]
		commands = ["touch /built"]
	EOF
}

# What a start must say about the file above: each item with its line.
expect_hostile_told() {
	local line
	for line in 2 3 4 8 9 12 14; do
		grep -q "^Warning: $T/ws/.coi/config.toml:$line:" <<<"$stderr" ||
			{ echo "line $line is not told: $stderr"; return 1; }
	done
}

@test "a hostile project file: run starts, each item is named by file and line, none is inside" {
	hostile
	SECRET_TOKEN=hunter2 run --separate-stderr coi run -- sh -c 'ls -d /secret; env; cat /secret/file'
	[ "$status" != 0 ]
	[[ "$output$stderr" != *hunter2* && "$output$stderr" != *precious* && "$output" != *FROM_HOST* ]]
	expect_hostile_told
	[ ! -e "$T/ran" ]
	# Where nothing starts nothing is lost, and nothing said.
	run --separate-stderr coi list
	expect_status 0
	[ -z "$stderr" ]
	# But to who asks.
	run --separate-stderr coi config show
	expect_status 0
	expect_stderr "$T/ws/.coi/config.toml:2:8: 'network.mode"
	expect_stderr "Waits for approval: $T/ws/.coi/config.toml:4:1: mount '$T/secret' at '/secret'"
}

@test "a hostile project file: shell starts too" {
	hostile
	SECRET_TOKEN=hunter2 run --separate-stderr coi shell --debug --background
	expect_status 0
	expect_hostile_told
	run --separate-stderr coi container exec "$(container_name 1)" -- sh -c 'env; ls /'
	expect_status 0
	[[ "$output" != *hunter2* && "$output" != *secret* ]]
	[ ! -e "$T/ran" ]
}

# A terminal: 100 lines high, so that all that is said is on it.
terminal() {
	tmux -L outer kill-server 2>/dev/null || true
	SECRET_TOKEN=hunter2 PATH=$COI_TEST_BUILD:$PATH PS1='$ ' \
		tmux -L outer -f /dev/null new-session -d -x 200 -y 100 bash --norc --noprofile
}
type_line() { tmux -L outer send-keys -l "$1" && tmux -L outer send-keys Enter; }
screen() { tmux -L outer capture-pane -p; }
screen_has() { screen | grep -qF -- "$1"; }
in_session() { coi container exec "$(container_name 1)" -- sh -c 'ls /; env'; }

@test "typed in a terminal: a hostile file, coi trust that asks, and one byte changed" {
	local name
	name=$(container_name 1)
	hostile
	terminal
	type_line 'coi shell --debug; echo left with $?'
	within 60 coi container running "$name"
	run in_session
	[[ "$output" != *hunter2* && "$output" != *secret* && "$output" != *FROM_HOST* ]]
	within 20 screen_has '[coi-'
	tmux -L outer send-keys C-b d
	within 20 screen_has "left with 0"
	screen >"$T/screen"
	local line
	for line in 2:8 3:26 4:1 8:16 9:1 12:17 14:22; do
		grep -q "^Warning: $T/ws/.coi/config.toml:$line: " "$T/screen" ||
			{ echo "$line is not told"; cat "$T/screen"; return 1; }
	done
	coi kill --force "$name"
	# Asked, and answered.
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/secret"\n' "$T/secret" >.coi/config.toml
	type_line 'clear; coi trust'
	within 20 screen_has "Approve this? [y/N]"
	screen_has "$T/ws/.coi/config.toml:1:1: mount '$T/secret' at '/secret' (writable)"
	type_line y
	within 20 screen_has "Approved 1 item"
	type_line 'clear; coi shell --debug; echo left with $?'
	within 60 coi container running "$name"
	run in_session
	[[ "$output" == *secret* ]]
	within 20 screen_has '[coi-'
	tmux -L outer send-keys C-b d
	within 20 screen_has "left with 0"
	coi kill --force "$name"
	# One byte.
	sed -i 's,"/secret","/secreu",' .coi/config.toml
	type_line 'clear; coi shell --debug; echo left with $?'
	within 60 coi container running "$name"
	run in_session
	[[ "$output" != *secre* ]]
	within 20 screen_has '[coi-'
	tmux -L outer send-keys C-b d
	within 20 screen_has "left with 0"
	screen_has "$T/ws/.coi/config.toml:1:1: mount '$T/secret' at '/secreu' (writable): ignored until it is approved"
	tmux -L outer kill-server
}

@test "what waits says how to approve it" {
	hostile
	run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr "coi trust"
	expect_stderr "COI_TRUST_ALL=1"
	# From another directory it takes the same flag.
	cd "$T"
	run --separate-stderr coi run -w "$T/ws" -- true
	expect_status 0
	expect_stderr "approve it with coi -w $T/ws trust"
}

@test "coi trust, one byte changed, and the mount is gone again, and said" {
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/secret"\nreadonly = true\n' "$T/secret" >.coi/config.toml
	coi trust
	run --separate-stderr coi run -- cat /secret/file
	expect_status 0
	expect_equal "$output" precious
	[[ "$stderr" != *Warning* ]]
	sed -i 's,"/secret","/secreu",' .coi/config.toml
	run --separate-stderr coi run -- sh -c 'cat /secret/file /secreu/file'
	[ "$status" != 0 ]
	[[ "$output" != *precious* ]]
	expect_stderr "$T/ws/.coi/config.toml:1:"
	expect_stderr "/secreu"
	coi untrust
}

@test "COI_TRUST_ALL=1 admits what is gated and nothing that is refused" {
	hostile
	COI_TRUST_ALL=1 SECRET_TOKEN=hunter2 run --separate-stderr coi run -- sh -c 'cat /secret/file; env'
	expect_status 0
	expect_text precious
	[[ "$output" != *FROM_HOST* ]]
	[ ! -e "$T/ran" ]
	expect_stderr "'network.mode = \"open\"' is ignored"
}

@test "mounts inside the workspace are never gated, trusted ones neither" {
	mkdir -p sub
	echo inside >sub/file
	printf '[[mounts.default]]\nhost = "sub"\ncontainer = "/sub"\n' >.coi/config.toml
	cp "$HOME/.coi/config.toml" "$T/config.before"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/secret"\n' "$T/secret" >>"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- cat /sub/file /secret/file
	mv "$T/config.before" "$HOME/.coi/config.toml"
	expect_status 0
	expect_equal "$output" "inside
precious"
}

@test "mounts of the settings: as their owner's, and read-only for root inside too" {
	make_workspace "$T/rw"
	make_workspace "$T/ro"
	echo kept >"$T/ro/file"
	chown 1234:1234 "$T/ro/file"
	cp "$HOME/.coi/config.toml" "$T/config.before"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/rw"\n' "$T/rw" >>"$HOME/.coi/config.toml"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/ro"\nreadonly = true\n' "$T/ro" \
		>>"$HOME/.coi/config.toml"
	coi shell --debug --background >"$T/out" 2>&1
	mv "$T/config.before" "$HOME/.coi/config.toml"
	local who
	for who in 1000 0; do
		run coi container exec --user $who "$(container_name)" -- sh -c 'touch /rw/made-$(id -u) && echo rw
			cat /ro/file; touch /ro/made; echo evil >/ro/file; rm -f /ro/file; mv /ro/file /ro/x
			mount -o remount,bind,rw /ro; umount /ro; touch /ro/made
			unshare -m sh -c "mount -o remount,bind,rw /ro; umount /ro; touch /ro/made"'
		[[ "$output" == *"rw"*"kept"* ]]
		expect_equal "$(ls "$T/ro") $(cat "$T/ro/file")" "file kept"
	done
	expect_equal "$(stat -c %u "$T/rw/made-1000")" 1234
	[ -e "$T/rw/made-0" ]
	coi kill --force "$(container_name)"
	rm -r "$T/rw" "$T/ro"
}

@test "a read-only mount in a mount is seen, in whichever order they are said; others are refused" {
	mkdir -p "$T/outer/in" "$T/inner" sub
	echo inner >"$T/inner/file"
	echo outer >"$T/outer/file"
	chmod -R a+rX "$T/outer" "$T/inner"
	cp "$HOME/.coi/config.toml" "$T/config.before"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/o/in"\nreadonly = true\n' "$T/inner" \
		>>"$HOME/.coi/config.toml"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/o"\n' "$T/outer" >>"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- cat /o/in/file /o/file
	# A project's that would hide one of the person's gives way.
	printf '[[mounts.default]]\nhost = "sub"\ncontainer = "/o/in"\n' >.coi/config.toml
	local first=$output
	run --separate-stderr coi run -- cat /o/in/file
	sed -i 's/readonly = true/readonly = false/' "$HOME/.coi/config.toml"
	local second=$output warning=$stderr
	run --separate-stderr coi run -- true
	mv "$T/config.before" "$HOME/.coi/config.toml"
	expect_status 1
	expect_one_error
	expect_stderr "only a read-only one may"
	expect_equal "$first" "inner
outer"
	expect_equal "$second" inner
	[[ "$warning" == *"$T/ws/.coi/config.toml:1:1: the mount at '/o/in' is left out"* ]]
}

@test "a project's file that is replaced while coi runs changes nothing until the next start" {
	# Else nobody could replace it: it is immutable while a session runs.
	mutable
	printf '[container]\nalias = "first"\n' >.coi/config.toml
	run --separate-stderr coi shell --debug --background --persistent
	expect_status 0
	local name
	name=$(container_name 1)
	local kind
	for kind in hostile broken fifo gone; do
		rm -rf .coi/config.toml
		case $kind in
		hostile) hostile ;;
		broken) printf '[[[' >.coi/config.toml ;;
		fifo) mkfifo .coi/config.toml ;;
		esac
		SECRET_TOKEN=hunter2 run --separate-stderr coi container exec "$name" -- sh -c 'env; ls /'
		expect_status 0
		[[ "$output" != *hunter2* && "$output" != *secret* ]] || { echo "$kind"; return 1; }
		run --separate-stderr timeout 20 "$COI" list --format json
		expect_status 0
		[[ "$output" == *"$name"* ]] || { echo "$kind: $output"; return 1; }
	done
	run --separate-stderr coi shutdown "$name"
	expect_status 0
	# The next start judges what is there then.
	hostile
	SECRET_TOKEN=hunter2 run --separate-stderr coi shell --debug --background --persistent
	expect_status 0
	expect_hostile_told
	run --separate-stderr coi container exec "$(container_name 1)" -- sh -c 'env; ls /'
	[[ "$output" != *hunter2* && "$output" != *secret* ]]
}

@test "files that are swapped all the time while coi starts gain nothing" {
	mutable
	mkdir -p harmless
	echo harmless >harmless/file
	printf '[[mounts.default]]\nhost = "turned"\ncontainer = "/m"\n[tool]\ncontext_file = "../turned/file"\n' \
		>.coi/config.toml
	cp .coi/config.toml "$T/good.toml"
	sed 's,turned",'"$T/secret"'",' "$T/good.toml" >"$T/bad.toml"
	# A directory of the workspace and a link out of it, a good file and a bad one.
	cp -r harmless spare
	ln -s "$T/secret" out
	(
		set +e
		trap 'exit 0' TERM
		while :; do
			mv -T spare turned 2>/dev/null
			mv -T turned spare 2>/dev/null
			mv -T out turned 2>/dev/null
			cp "$T/bad.toml" .coi/next && mv .coi/next .coi/config.toml
			mv -T turned out 2>/dev/null
			cp "$T/good.toml" .coi/next && mv .coi/next .coi/config.toml
		done
	) 3>&- &
	local swapper=$! i seen=0
	for i in $(seq 12); do
		run --separate-stderr coi run -- cat /m/file
		[[ "$output" != *precious* ]] || break
		[ "$output" != harmless ] || seen=$((seen + 1))
	done
	kill "$swapper"
	wait "$swapper" || true
	[[ "$output" != *precious* ]]
	echo "mounted in $seen of 12 starts"
	rm -rf spare turned out harmless .coi/next
}

@test "a project's profile is gated as its main file is" {
	mkdir -p .coi/profiles/p
	printf '[[mounts]]\nhost = "%s"\ncontainer = "/secret"\n' "$T/secret" >.coi/profiles/p/config.toml
	run --separate-stderr coi --profile p run -- cat /secret/file
	[ "$status" != 0 ]
	expect_stderr "$T/ws/.coi/profiles/p/config.toml:1:"
	coi --profile p trust
	run --separate-stderr coi --profile p run -- cat /secret/file
	expect_status 0
	expect_equal "$output" precious
}

@test "a link that is turned after the approval gains nothing" {
	mkdir -p "$T/harmless"
	echo harmless >"$T/harmless/file"
	ln -sfn "$T/harmless" link
	printf '[[mounts.default]]\nhost = "link"\ncontainer = "/m"\n' >.coi/config.toml
	coi trust
	run --separate-stderr coi run -- cat /m/file
	expect_status 0
	expect_equal "$output" harmless
	ln -sfn "$T/secret" link
	run --separate-stderr coi run -- cat /m/file
	[ "$status" != 0 ]
	[[ "$output" != *precious* ]]
	rm link
}

@test "a profile's environment and forwarded variables are inside" {
	mkdir -p "$HOME/.coi/profiles/p"
	printf 'forward_env = ["FORWARDED"]\n[environment]\nSAID = "yes"\n' >"$HOME/.coi/profiles/p/config.toml"
	FORWARDED=too run --separate-stderr coi --profile p run -- sh -c 'echo "$SAID $FORWARDED"'
	expect_status 0
	expect_equal "$output" "yes too"
	FORWARDED=too run --separate-stderr coi run -- sh -c 'echo "$SAID $FORWARDED"'
	expect_equal "$output" " "
}
