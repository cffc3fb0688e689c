#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Saved sessions: what is left of one, where, and how it goes on. `--debug` runs bash, and
# what the tool would have written is written by hand.

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
	cd "$T/ws"
	SESSIONS=$HOME/.coi/sessions-claude
}

teardown() {
	unset COI_CRASH_AT
	coi kill --all --force >/dev/null 2>&1 || true
	within 15 quiet || true
	rm -rf "$SESSIONS"
	rm -f "$T/out"
}

# A session in the background; its name is NAME, its id ID.
start() { # [FLAG...]
	coi shell --debug --background "$@" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	NAME=$(sed -n 's/^ *Container: \([^ ]*\).*/\1/p' "$T/out")
	ID=$(sed -n 's/^ *Session: *//p' "$T/out")
	[ -n "$NAME" ] && [ -n "$ID" ]
}

as_code() { # COMMAND: in the container, as its user
	coi container exec "$NAME" --user 1000 --cwd /home/code -- sh -c "$1"
}

@test "what the tool keeps is saved at shutdown, and back in a new container on --resume" {
	start
	as_code 'mkdir -p .claude/projects/x && echo talk >.claude/projects/x/t.jsonl && echo {} >.claude.json &&
		touch -d "2001-02-03 00:00:00" .claude/projects/x/t.jsonl && echo no >other'
	coi shutdown --timeout 5 "$NAME"
	run coi container exists "$NAME"
	expect_status 1
	expect_equal "$(cat "$SESSIONS/$ID/.claude/projects/x/t.jsonl")" talk
	[ ! -e "$SESSIONS/$ID/other" ]
	expect_equal "$(jq -r '.session_id, .container_name, .workspace, .persistent' "$SESSIONS/$ID/metadata.json" | xargs)" \
		"$ID $NAME $T/ws false"

	run --separate-stderr coi list --all --format json
	expect_equal "$(jq -r '.saved_sessions[0] | .ID, .Workspace' <<<"$output" | xargs)" "$ID $T/ws"
	jq -e '.saved_sessions[0] | keys == ["ID", "SavedAt", "Workspace"] and (.SavedAt | length) > 0' <<<"$output"
	run --separate-stderr coi info
	expect_status 0
	expect_text "$ID"
	expect_text present
	run --separate-stderr coi info "$ID"
	expect_status 0

	local first=$ID
	start --resume
	expect_equal "$ID" "$first"
	as_code 'cat .claude/projects/x/t.jsonl >/workspace/back; stat -c "%u %Y" .claude/projects/x/t.jsonl >>/workspace/back; id -u >>/workspace/back'
	expect_equal "$(xargs <back)" "talk 1000 $(TZ=UTC date -d 2001-02-03 +%s) 1000"
	rm back
	# By its id too, in another slot.
	coi kill --force "$NAME"
	start --continue="$ID" --slot 3
	expect_equal "$ID $NAME" "$first $(container_name 3)"
	as_code 'test -s .claude/projects/x/t.jsonl'
}

@test "poweroff inside saves too, and kill" {
	local how
	for how in poweroff kill; do
		start
		as_code "mkdir -p .claude && echo $how >.claude/how"
		if [ $how = poweroff ]; then
			coi container exec "$NAME" -- poweroff || true
			gone() { ! coi container exists "$NAME"; }
			within 20 gone
		else
			coi kill --force "$NAME"
		fi
		expect_equal "$(cat "$SESSIONS/$ID/.claude/how")" $how
	done
}

@test "a running session is entered by --resume, not started anew" {
	start
	local name=$NAME id=$ID
	start --resume
	expect_equal "$NAME $ID" "$name $id"
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 1
}

@test "ids that are none, sessions that are not there, and one of a later version" {
	run --separate-stderr coi shell --debug --background --resume=../../etc
	expect_status 2
	expect_stderr "is no session id"
	run --separate-stderr coi info ../x
	expect_status 2
	run --separate-stderr coi shell --debug --background --resume
	expect_status 1
	expect_one_error
	run --separate-stderr coi shell --debug --background --resume=7e9e4bd2-0000-4000-8000-000000000000
	expect_status 1
	expect_stderr "coi list --all"
	run --separate-stderr coi info
	expect_status 1
	mkdir -p "$SESSIONS/later/.claude"
	echo '{"format": 2, "session_id": "later", "saved_at": "2030-01-01T00:00:00Z"}' >"$SESSIONS/later/metadata.json"
	run --separate-stderr coi shell --debug --background --resume=later
	expect_status 1
	expect_stderr "later version of coi"
	# What tells nothing about itself is shown all the same.
	mkdir -p "$SESSIONS/odd/.claude"
	echo 'no json' >"$SESSIONS/odd/metadata.json"
	run --separate-stderr coi info odd
	expect_status 0
	expect_stderr Warning
	expect_equal "$(coi list --format json | jq '.active_containers | length')" 0
}

@test "info of a container that was never saved says what shows it" {
	coi container launch coi-default unsaved
	run --separate-stderr coi info unsaved
	expect_status 1
	expect_stderr "coi monitor unsaved"
	run --separate-stderr coi info nobody
	expect_status 1
	not grep -q "coi monitor" <<<"$stderr"
	coi container delete --force unsaved
}

@test "links, pipes and what they lead to stay out of what is saved" {
	start
	echo secret >"$T/secret"
	as_code 'mkdir -p .claude/d && cd .claude && echo fine >d/f && ln -s /etc/passwd link && ln -s / root &&
		mkfifo pipe && mkfifo d/pipe && ln -s ../../../../../../etc up && ln d/f hard &&
		: >"$(printf "a\nb\033[31m")" && mkdir -m 0 closed && chmod 4777 d/f'
	timeout 60 "$COI" shutdown --timeout 5 "$NAME"
	expect_equal "$(cd "$SESSIONS/$ID/.claude" && find . -type f ! -name CLAUDE.md ! -name settings.json | sort | grep -c .)" 4
	[ -z "$(find "$SESSIONS/$ID" ! -type f ! -type d)" ]
	[ -z "$(find "$SESSIONS/$ID" -perm /7077)" ]
}

@test "a link in the place of the directory, or of the home, leads nowhere" {
	start
	as_code 'rm -rf .claude && ln -s /etc .claude && echo {} >.claude.json'
	coi shutdown --timeout 5 "$NAME"
	[ -f "$SESSIONS/$ID/.claude.json" ]
	[ ! -e "$SESSIONS/$ID/.claude" ]
	start
	coi container exec "$NAME" -- sh -c 'mv /home/code /home/gone && ln -s /etc /home/code'
	run coi shutdown --timeout 5 "$NAME"
	[ ! -e "$SESSIONS/$ID/passwd" ]
	run coi kill --force "$NAME"
	[ -z "$(find "$SESSIONS" -name passwd)" ]
}

@test "under sudo what is saved belongs to the person" {
	mkdir -p "$T/person"
	chown 1234:1234 "$T/person"
	getent passwd 1234 >/dev/null && skip "there is a user 1234"
	SUDO_UID=1234 SUDO_GID=1234 HOME=$T/person coi shell --debug --background >"$T/out" 2>&1 || { cat "$T/out"; false; }
	NAME=$(sed -n 's/^ *Container: \([^ ]*\).*/\1/p' "$T/out")
	ID=$(sed -n 's/^ *Session: *//p' "$T/out")
	as_code 'mkdir -p .claude/a && echo x >.claude/a/b'
	# Whoever ends it.
	coi shutdown --timeout 5 "$NAME"
	[ -f "$T/person/.coi/sessions-claude/$ID/.claude/a/b" ]
	[ -z "$(find "$T/person" ! -uid 1234)" ]
	rm -rf "$T/person"
}

@test "a full disk keeps what was saved before, and the container" {
	truncate -s 12M "$T/small.img"
	mkfs.ext4 -q -F "$T/small.img"
	mkdir -p "$T/home2"
	mount -o loop "$T/small.img" "$T/home2" || skip "no loop devices"
	cp -r "$HOME/.coi" "$T/home2/"
	local HOME=$T/home2
	start
	as_code 'mkdir -p .claude && echo first >.claude/f'
	coi shutdown --timeout 5 "$NAME"
	local dir=$HOME/.coi/sessions-claude/$ID
	start --resume
	as_code 'echo second >.claude/f; head -c 30000000 /dev/zero >.claude/large'
	run coi shutdown --timeout 5 "$NAME"
	expect_text "No space left"
	expect_equal "$(cat "$dir/.claude/f")" first
	[ -f "$dir/metadata.json" ]
	expect_equal "$(find "$HOME/.coi/sessions-claude" -mindepth 1 -maxdepth 1 | wc -l)" 1
	# Nothing is lost: the container is there, and goes on.
	coi container exists "$NAME"
	start --resume
	as_code 'rm .claude/large; test "$(cat .claude/f)" = second'
	coi shutdown --timeout 5 "$NAME"
	expect_equal "$(cat "$dir/.claude/f")" second
	umount "$T/home2"
	rmdir "$T/home2"
	rm "$T/small.img"
}

@test "killed at every step of a save, the old or the new one is there" {
	local at id=
	start
	as_code 'mkdir -p .claude && echo 0 >.claude/f'
	coi shutdown --timeout 5 "$NAME"
	local round=0 was
	for at in saved:written:after saved:exchanged:after saved:ready:after saved:removed:after serve:ended:before; do
		was=$(cat "$SESSIONS/$ID/.claude/f")
		round=$((round + 1))
		COI_CRASH_AT=$at start --resume
		as_code "echo $round >.claude/f"
		run timeout 60 "$COI" shutdown --timeout 5 "$NAME"
		run --separate-stderr coi list --all --format json
		expect_equal "$(jq -r '.saved_sessions | length' <<<"$output")" 1
		id=$(cat "$SESSIONS/$ID/.claude/f")
		[ "$id" = "$was" ] || [ "$id" = "$round" ] || { echo "$at: '$id'"; return 1; }
		# The work of this round is somewhere: saved, or still in the container.
		start --resume
		expect_equal "$(as_code 'cat .claude/f')" "$round"
		coi shutdown --timeout 5 "$NAME"
		expect_equal "$(cat "$SESSIONS/$ID/.claude/f")" "$round"
		expect_equal "$(find "$SESSIONS" -mindepth 1 -maxdepth 1 | wc -l)" 1
	done
}

@test "where directories cannot be exchanged a save is put in place in two steps" {
	mkdir -p "$T/home2/lower/.coi/sessions-claude/x" "$T/home2/upper" "$T/home2/work" "$T/home2/merged"
	cp "$HOME/.coi/config.toml" "$T/home2/lower/.coi/"
	local HOME=$T/home2/merged at round=0
	start_over() {
		mount -t overlay overlay -o redirect_dir=off,lowerdir="$T/home2/lower",upperdir="$T/home2/upper",workdir="$T/home2/work" "$T/home2/merged"
	}
	start_over || skip "no overlay here"
	start
	as_code 'mkdir -p .claude && echo 0 >.claude/f'
	coi shutdown --timeout 5 "$NAME"
	local dir=$HOME/.coi/sessions-claude/$ID
	expect_equal "$(cat "$dir/.claude/f")" 0
	# Make the saved one a directory of the lower layer.
	for at in none saved:ready:after saved:removed:after; do
		umount "$T/home2/merged"
		cp -a "$T/home2/upper/." "$T/home2/lower/"
		rm -rf "$T/home2/upper" "$T/home2/work"
		mkdir "$T/home2/upper" "$T/home2/work"
		start_over
		round=$((round + 1))
		COI_CRASH_AT=$at start --resume
		as_code "echo $round >.claude/f"
		run timeout 60 "$COI" shutdown --timeout 5 "$NAME"
		coi list --all >"$T/out"
		expect_equal "$(cat "$dir/.claude/f")" "$round"
		expect_equal "$(ls -A "$HOME/.coi/sessions-claude" | xargs)" "$(printf '%s\n' "$ID" x | sort | xargs)"
		coi kill --all --force
	done
	umount "$T/home2/merged"
	rm -rf "$T/home2"
}

@test "a power cut leaves a session stopped, to be resumed, and a run gone" {
	start
	as_code 'mkdir -p .claude && echo work >.claude/f && echo more >more'
	"$COI" run --slot 5 -- sleep 1000 >/dev/null 2>&1 &
	running() { coi container running "$(container_name 5)"; }
	within 20 running
	# The end of everything at once, then records of another boot.
	local name
	power_off
	for name in "$NAME" "$(container_name 5)"; do
		sed -i 's/^boot_id *=.*/boot_id = 00000000-1111-2222-3333-444444444444/' "$COI_ROOT/containers/$name/container.ini"
	done
	run --separate-stderr coi list --format json
	expect_equal "$(jq -r '.active_containers[] | .name + " " + .status' <<<"$output")" "$NAME Stopped"
	start --resume
	as_code 'test "$(cat .claude/f more | xargs)" = "work more"'
}

# The end of everything at once, and then records of another boot.
cut_power() {
	power_off
	sed -i 's/^boot_id *=.*/boot_id = 00000000-1111-2222-3333-444444444444/' "$COI_ROOT/containers/$NAME/container.ini"
}

@test "a session that was never saved is saved before its container is deleted" {
	local how
	for how in "clean --force" "kill" "shutdown" "container delete"; do
		start
		as_code "mkdir -p .claude && echo '$how' >.claude/f"
		cut_power
		case $how in clean*) run --separate-stderr coi $how ;; *) run --separate-stderr coi $how "$NAME" ;; esac
		expect_status 0
		expect_stderr "Session $ID had not been saved, and is now"
		expect_equal "$(cat "$SESSIONS/$ID/.claude/f")" "$how"
		run coi container exists "$NAME"
		expect_status 1
	done
	start --resume
	expect_equal "$(as_code 'cat .claude/f')" "container delete"
}

@test "one that cannot be saved goes by a kill alone" {
	start
	as_code 'mkdir -p .claude && echo x >.claude/f'
	cut_power
	rm -rf "$SESSIONS"
	echo file >"$SESSIONS"
	run --separate-stderr coi clean --force
	expect_stderr "is kept"
	coi container exists "$NAME"
	run --separate-stderr coi kill "$NAME"
	local code=$status
	rm -f "$SESSIONS"
	expect_equal "$code" 0
	expect_stderr "was never saved, and is lost"
	run coi container exists "$NAME"
	expect_status 1
}

@test "persist keeps it, and the metadata tells so" {
	start
	run --separate-stderr coi persist "$NAME"
	expect_status 0
	expect_text "$NAME"
	expect_equal "$(jq .persistent "$SESSIONS/$ID/metadata.json")" true
	coi container exec "$NAME" -- poweroff || true
	stopped() { [ "$(coi list --format json | jq -r '.active_containers[].status')" = Stopped ]; }
	within 20 stopped
	run coi persist --all --force
	expect_status 0
	expect_text "persistent already"
	# Of several one is asked, but with --force.
	local id=$ID
	start --slot 2
	run bash -c 'echo n | "$0" persist --all' "$COI"
	expect_status 0
	expect_equal "$(jq .persistent "$SESSIONS/$ID/metadata.json")" false
	run "$COI" persist --all --force </dev/null
	expect_status 0
	expect_equal "$(jq .persistent "$SESSIONS/$ID/metadata.json")" true
	coi kill --force "$NAME"
	rm -r "${SESSIONS:?}/$ID"
	run coi persist
	expect_status 2
	run coi persist coi-00000000-1
	expect_status 1
	start --resume
	expect_equal "$ID" "$id"
	expect_equal "$(coi list --format json | jq '.active_containers[0].persistent')" true
}

@test "clean --sessions removes what is saved, and nothing else" {
	start
	as_code 'mkdir -p .claude && echo x >.claude/f'
	coi shutdown --timeout 5 "$NAME"
	run --separate-stderr coi clean --sessions --dry-run
	expect_status 0
	expect_text "$ID"
	[ -d "$SESSIONS/$ID" ]
	run bash -c 'echo n | "$0" clean --sessions' "$COI"
	expect_status 0
	[ -d "$SESSIONS/$ID" ]
	coi container launch coi-default "$(container_name 4)"
	coi container stop --force "$(container_name 4)"
	run --separate-stderr coi clean --sessions --force
	expect_status 0
	expect_text "Cleaned 1 item"
	[ ! -e "$SESSIONS/$ID" ]
	coi container exists "$(container_name 4)"
	start
	as_code 'mkdir -p .claude && echo x >.claude/f'
	coi shutdown --timeout 5 "$NAME"
	run --separate-stderr coi clean --all --force
	expect_status 0
	[ ! -e "$SESSIONS/$ID" ]
	run coi container exists "$(container_name 4)"
	expect_status 1
}
