#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of each of our processes, at random moments and at every step of every plan:
# no data lost, no network opened, nothing left after the next command.

setup_file() {
	load ../lib/common
	coi_setup
	coi run -- true
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	unset COI_CRASH_AT
	within 15 quiet
	snapshot before
}

# A test that failed must not fail the next one.
teardown() {
	local name
	unset COI_CRASH_AT
	for name in $(coi container list --format json 2>/dev/null | jq -r '.[].name'); do
		timeout 30 "$COI" container delete --force "$name" >/dev/null 2>&1 || true
	done
	timeout 30 "$COI" clean --orphans --force >/dev/null 2>&1 || true
	within 3 quiet || remove_cgroups
}

# What the next command has to have put right.
put_right() {
	coi clean --orphans --force >/dev/null 2>&1 || true
	expect_settled before
}

# The steps of the plans, out of the source: "plan step".
plan_steps() {
	awk '
		/^static const struct plan_step [a-z_]+\[\] = \{/ { array = $5; sub(/\[.*/, "", array); n = 0; next }
		array != "" && match($0, /^\t\{ *(\.name = )?"[a-z0-9-]+"/) {
			s = substr($0, RSTART, RLENGTH); gsub(/^.*"|"$/, "", s)
			split($0, q, "\""); steps[array, ++n] = q[2]; count[array] = n
		}
		/^};/ { array = "" }
		/^const struct plan [a-z_]+ = \{/ { plan = "?" }
		plan != "" && /\.name = "/ { split($0, q, "\""); plan = q[2] }
		plan != "" && /\.steps = / {
			a = $3; sub(/,.*/, "", a)
			for (i = 1; i <= count[a]; i++) print plan, steps[a, i]
			plan = ""
		}' "$COI_TEST_SRC"/src/session/*.c
	# Commands mark acts of their own that are in no list.
	sed -n 's/.*plan_crash_point("\([a-z]*\)", "\([a-z]*\)".*/\1 \2/p' \
		"$COI_TEST_SRC"/src/session/*.c | sort -u
}

@test "the plans were found" {
	local count
	count=$(plan_steps | wc -l)
	echo "$count steps"
	[ "$count" -ge 10 ]
	plan_steps | grep -q '^start '
	plan_steps | grep -q '^teardown '
}

@test "killed at every step of every plan of a run, nothing is left after the next command" {
	local plan step phase bad=
	while read -r plan step; do
		for phase in before after undo; do
			echo data >precious
			COI_CRASH_AT=$plan:$step:$phase timeout 60 "$COI_TEST_BUILD/coi" run -- true >"$T/out" 2>&1 || true
			unset COI_CRASH_AT
			expect_equal "$(cat precious)" data
			if ! timeout 60 "$COI_TEST_BUILD/coi" run -- true >"$T/next" 2>&1; then
				bad="$bad
$plan:$step:$phase: the next run failed: $(cat "$T/next")"
			fi
			put_right >"$T/left" 2>&1 || bad="$bad
$plan:$step:$phase: $(grep -E '^([+-]|left)' "$T/left" | grep -vE '^[+-](	|table|--)' | cut -c1-120 | head -n 12)"
			if [ -n "$bad" ] && [ "$(wc -l <<<"$bad")" -gt 120 ]; then
				break 2
			fi
		done
	done < <(plan_steps | sort -u)
	rm precious
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}

@test "killed at every step while a session is started, stopped and deleted" {
	local plan step bad= name
	name=$(container_name 1)
	while read -r plan step; do
		COI_CRASH_AT=$plan:$step:after timeout 60 "$COI_TEST_BUILD/coi" container launch coi-default crash >"$T/out" 2>&1 || true
		COI_CRASH_AT=$plan:$step:before timeout 60 "$COI_TEST_BUILD/coi" container stop --force crash >>"$T/out" 2>&1 || true
		COI_CRASH_AT=$plan:$step:undo timeout 60 "$COI_TEST_BUILD/coi" container delete --force crash >>"$T/out" 2>&1 || true
		timeout 60 "$COI_TEST_BUILD/coi" container delete --force crash >>"$T/out" 2>&1 || true
		put_right >"$T/left" 2>&1 || bad="$bad
$plan:$step: said: $(cat "$T/out")
$(grep -E '^([+-]|left)' "$T/left" | grep -vE '^[+-](	|table|--)' | cut -c1-120 | head -n 12)"
		teardown
		within 15 quiet || bad="$bad
$plan:$step: processes stay"
		# One failure is to be told once: what stays counts as there from now on.
		snapshot before
	done < <(plan_steps | sort -u)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}

@test "kill -9 of coi run: the container ends, nothing is left" {
	local i count
	count=$(long 5 30)
	for ((i = 0; i < count; i++)); do
		rm -f "$T/out"
		"$COI" run -- sh -c 'echo up; sleep 1000' >"$T/out" 2>/dev/null &
		local pid=$!
		within 20 grep -q up "$T/out"
		kill -9 "$pid"
		wait "$pid" 2>/dev/null || true
	done
	expect_settled before
}

@test "kill -9 of coi run at random moments" {
	local i count
	count=$(long 15 100)
	for ((i = 0; i < count; i++)); do
		"$COI" run -- true >/dev/null 2>&1 &
		local pid=$!
		sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	coi run -- true
	expect_settled before
}

@test "what a crash left in a higher slot is put right by the next start in the workspace" {
	local first second point
	for point in create:directory:after start:link:before teardown:ids:undo killed; do
		rm -f "$T/out" "$T/out2"
		"$COI" run -- sh -c 'echo up; sleep 1000' >"$T/out" 2>/dev/null 3>&- &
		first=$!
		within 20 grep -q up "$T/out"
		if [ "$point" = killed ]; then
			"$COI" run -- sh -c 'echo up; sleep 1000' >"$T/out2" 2>/dev/null 3>&- &
			second=$!
			within 20 grep -q up "$T/out2"
			kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$(container_name 2)/container.ini")" "$second"
			wait "$second" || true
		else
			COI_CRASH_AT=$point timeout 60 "$COI" run -- true >"$T/out2" 2>&1 || true
		fi
		echo "$point: $(ls "$COI_ROOT/containers")"
		kill -INT "$first"
		wait "$first" || true
		within 10 test ! -e "$COI_ROOT/containers/$(container_name 1)"
		coi run -- true
		expect_settled before
	done
}

@test "interrupted just when the container has started: undone, and at once" {
	local how pid begin
	for how in "container launch coi-default coi-late" "shell --background --debug"; do
		"$COI" $how >"$T/late" 2>&1 3>&- &
		pid=$!
		# Stopped before it can hear the supervisor: then both wait for it together.
		until grep -qs 'state = starting' "$COI_ROOT"/containers/*/container.ini; do
			kill -0 "$pid"
		done
		kill -STOP "$pid"
		within 15 grep -qr 'state = running' "$COI_ROOT/containers"
		sleep 0.2
		kill -TERM "$pid"
		begin=$SECONDS
		kill -CONT "$pid"
		wait "$pid" || true
		[ $((SECONDS - begin)) -lt 10 ]
		run coi container list --format json
		[ "$output" = "[]" ]
		expect_settled before
	done
}

@test "kill -9 of the supervisor: closed at once, repaired by the next command" {
	coi container launch coi-default victim
	coi container exec victim -- fetch 203.0.113.10 | grep -q hello
	local pid
	for pid in $(pids_of coi-supervisor); do
		kill -9 "$pid"
	done
	# Whatever still runs of it: private addresses and the metadata service stay out of reach.
	run ! timeout 20 "$COI_TEST_BUILD/coi" container exec victim -- fetch 169.254.169.254
	run ! timeout 20 "$COI_TEST_BUILD/coi" container exec victim -- fetch 10.9.8.7
	run --separate-stderr coi run -- true
	expect_status 0
	coi container delete --force victim
	put_right
}

@test "kill -9 of the liblxc monitor and of the container's init" {
	local round pid
	for round in monitor init; do
		coi container launch coi-default victim
		pid=$(cat /proc/[0-9]*/status 2>/dev/null | awk '/^Name:/ { name = $2 }
			/^Pid:/ { pid = $2 } /^NSpid:/ && NF > 2 && $NF == 1 && name ~ /init/ { print pid; exit }')
		# The monitor is what has started it.
		[ "$round" = init ] || pid=$(awk '/^PPid:/ { print $2 }' "/proc/${pid:-0}/status")
		[ -n "$pid" ] || { echo "no $round found"; ps axf; return 1; }
		kill -9 "$pid"
		stopped() { ! coi container running victim; }
		within 20 stopped
		coi container delete --force victim
		put_right
	done
}

@test "files of a persistent container survive the death of everything" {
	coi container launch coi-default keep
	coi container exec keep -- sh -c 'echo precious >/root/f; sync'
	local pid
	for pid in $(pids_of coi-supervisor); do
		kill -9 "$pid"
	done
	coi container stop --force keep || true
	coi container start keep
	run --separate-stderr coi container exec keep -- cat /root/f
	expect_equal "$output" precious
	coi container delete --force keep
	put_right
}

@test "one that was to go and is kept after all can be started, however it ended" {
	local name how pid
	for how in stop kill; do
		coi run -- sleep 600 3>&- &
		only_one() { name=$(coi container list --format json | jq -er '.[0] | select(.status == "Running").name'); }
		within 10 only_one
		coi container exec "$name" -- sh -c 'echo work >/root/f'
		coi persist --force "$name"
		if [ $how = stop ]; then
			coi container stop --force "$name"
		else
			for pid in $(pids_of coi-supervisor); do
				kill -9 "$pid"
			done
			coi container stop --force "$name" || true
		fi
		coi container start "$name"
		run --separate-stderr coi container exec "$name" -- cat /root/f
		expect_equal "$output" work
		# The mark is of the running one: nothing is written late from now on.
		coi container stop --force "$name"
		[ ! -e "$COI_ROOT/containers/$name/work/work/incompat/volatile" ]
		coi container start "$name"
		coi container delete --force "$name"
	done
	put_right
}

@test "clean --orphans removes what nobody has a record of, and keeps what has one" {
	coi container launch coi-default keep
	# Leftovers that look like ours.
	mkdir "$COI_ROOT/layers/.tmp-left"
	run --separate-stderr coi clean --force
	[ -d "$COI_ROOT/layers/.tmp-left" ]
	run --separate-stderr coi clean --orphans --force
	expect_status 0
	[ ! -e "$COI_ROOT/layers/.tmp-left" ]
	coi container running keep
	coi container exec keep -- true
	coi container delete --force keep
	put_right
}

@test "clean takes stopped containers" {
	coi container launch coi-default "$(container_name 1)"
	coi container launch coi-default "$(container_name 2)"
	coi container stop --force "$(container_name 2)"
	run --separate-stderr coi clean --dry-run
	expect_status 0
	[[ "$output$stderr" == *"$(container_name 2)"* ]]
	coi container exists "$(container_name 2)"
	run bash -c 'echo n | "$0" clean' "$COI_TEST_BUILD/coi"
	expect_status 0
	coi container exists "$(container_name 2)"
	run --separate-stderr coi clean --force
	expect_status 0
	run coi container exists "$(container_name 2)"
	expect_status 1
	coi container running "$(container_name 1)"
	coi container delete --force "$(container_name 1)"
	put_right
}
