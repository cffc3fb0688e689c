#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Records: of containers that are gone, as they come, whole or not.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default one
	coi container exec one -- true
	coi container delete --force one
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	A=$HOME/.coi/audit
}

@test "a container that is gone: every record as it is in its file, one on each line" {
	run -0 --separate-stderr coi audit one
	diff <(echo "$output") "$A/one.jsonl"
	run -0 --separate-stderr coi audit one --format json
	diff <(echo "$output") "$A/one.jsonl"
	jq -es 'map(.type) | index("container.create") < index("container.exec") and
		index("container.exec") < index("container.delete")' <<<"$output"
}

@test "for people: when, how grave, what" {
	run -0 --separate-stderr coi audit one --format text
	echo "$output"
	grep -Eq '^[0-9-]+T[0-9:+-]+ info container\.exec command=\["true"\]' <<<"$output"
	not grep -q chain <<<"$output"
	# On a terminal that is what comes by itself.
	run -0 script -qec "$COI audit one" /dev/null
	grep -q ' info container\.create ' <<<"$output"
}

@test "since, level and category choose" {
	[ "$(coi audit one --since 1h | wc -l)" = "$(wc -l <"$A/one.jsonl")" ]
	[ -z "$(coi audit one --since 2099-01-01T00:00:00Z)" ]
	[ -z "$(coi audit one --level warning)" ]
	[ "$(coi audit one --category network | jq -r .type | sort -u)" = network.apply ] ||
		[ -z "$(coi audit one --category network)" ]
	[ "$(coi audit one --category container --category image | jq -r .type | cut -d. -f1 | sort -u)" = container ]
	run -2 coi audit one --category nonsense
	grep -q 'process' <<<"$output"
	run -2 coi audit one --level grave
	run -2 coi audit one --since yesterday
}

@test "who belongs to nobody is told whose records there are" {
	run -1 coi audit nobody
	grep -q "no records of 'nobody'" <<<"$output"
	grep -q 'one' <<<"$output"
	run -1 coi audit ../../etc/passwd
}

@test "verify: whole, then a byte is changed, a line cut in the middle, the end cut off" {
	cp -p "$A/one.jsonl" "$T/good"
	run -0 coi audit verify one
	grep -q "^one: whole, $(wc -l <"$T/good") records (1 to $(wc -l <"$T/good"))" <<<"$output"

	sed '2s/"uid"/"uiD"/' "$T/good" >"$A/one.jsonl"
	run -1 coi audit verify one
	grep -q 'record 2 was changed, line 2 of one.jsonl' <<<"$output"

	sed 2d "$T/good" >"$A/one.jsonl"
	run -1 coi audit verify one
	grep -q 'record 2 is missing' <<<"$output"

	sed '$d' "$T/good" >"$A/one.jsonl"
	run -1 coi audit verify one
	grep -q "the last record, $(wc -l <"$T/good"), is missing" <<<"$output"
	run -1 --separate-stderr coi audit verify one --json
	jq -e '.[0].whole == false and .[0].problem_count == 1 and .[0].end_known' <<<"$output"

	cat "$T/good" >"$A/one.jsonl"
	run -0 coi audit verify
	grep -q '^one: whole' <<<"$output"
}

@test "follow: what comes later, out of the file alone, with no container there at first" {
	timeout 60 "$COI" audit later -f >"$T/followed" 2>"$T/followed.err" 3>&- &
	local pid=$!
	coi container launch coi-default later
	coi container exec later -- true
	within 20 grep -q container.exec "$T/followed"
	coi container delete --force later
	within 20 grep -q container.delete "$T/followed"
	kill -TERM "$pid"
	wait "$pid" || true
	diff "$T/followed" "$A/later.jsonl"
	[ ! -s "$T/followed.err" ]
}

@test "a record that leads elsewhere is not followed, and nothing starts unrecorded" {
	echo keep >"$T/victim"
	ln -s "$T/victim" "$A/linked.jsonl"
	run -1 coi container launch coi-default linked
	grep -q 'linked.jsonl' <<<"$output"
	[ "$(cat "$T/victim")" = keep ]
	run -1 coi container exists linked
	rm "$A/linked.jsonl"
}

@test "with sudo the records are the person's, and the person reads them without root" {
	mkdir "$T/home/ann"
	chown 1234:1234 "$T/home/ann"
	HOME=$T/home/ann SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=ann coi container launch coi-default sudoed
	HOME=$T/home/ann SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=ann coi container delete --force sudoed
	[ "$(stat -c %u:%a "$T/home/ann/.coi/audit/sudoed.jsonl")" = 1234:600 ]
	[ "$(stat -c %u:%a "$T/home/ann/.coi/audit/sudoed.head")" = 1234:600 ]
	run -0 --separate-stderr setpriv --reuid 1234 --regid 1234 --clear-groups \
		env HOME="$T/home/ann" "$COI" audit sudoed
	grep -q container.delete <<<"$output"
	run -0 setpriv --reuid 1234 --regid 1234 --clear-groups \
		env HOME="$T/home/ann" "$COI" audit verify sudoed
	grep -q '^sudoed: whole' <<<"$output"
	# A head that somebody else has put there is not believed.
	rm "$T/home/ann/.coi/audit/sudoed.head"
	touch "$T/home/ann/.coi/audit/sudoed.head"
	HOME=$T/home/ann SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=ann run -0 coi audit verify sudoed
	grep -q 'nobody knows whether its end was cut off' <<<"$output"
}

@test "--file: any file; what is no record in it is counted and left out" {
	{ head -n 2 "$A/one.jsonl"; echo hello; printf '{"a":"\\u001b"}\n'; } >"$T/some"
	run -0 --separate-stderr coi audit --file "$T/some"
	[ "${#lines[@]}" = 2 ]
	grep -q '2 lines are no record' <<<"$stderr"
	# Those of coi 0.9 are records too.
	echo '{"id":"x","timestamp":"2026-01-01T00:00:00Z","level":"high","category":"process","title":"T","description":"D","evidence":{"process":{"pid":1,"command":"nc -e"}},"action":"paused"}' >"$T/old"
	run -0 coi audit --file "$T/old" --level high --format text
	grep -q '^2026-01-01T00:00:00Z high process T: D \[paused\] pid=1 command=nc -e$' <<<"$output"
}

@test "without a name: the workspace's container, also when it has gone" {
	make_workspace "$T/wsa"
	cd "$T/wsa"
	coi run -- true
	run -0 --separate-stderr coi audit
	[ "$(jq -rs '.[0].workspace' <<<"$output")" = "$T/wsa" ]
	make_workspace "$T/wsb"
	cd "$T/wsb"
	run -1 coi audit
	grep -q "no records of a container of '$T/wsb'" <<<"$output"
}
