#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi file push and pull: what arrives, what is refused, and a container that cheats.

setup_file() {
	load ../lib/common
	coi_setup
	coi container launch coi-default filebox >"$T/out" 2>&1
	coi container exec filebox --user 0 -- mkdir -p /srv
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	C=filebox
	coi container start "$C" >/dev/null 2>&1 || true
	coi container exec "$C" --user 0 -- sh -c 'rm -rf /srv/* /srv/.[!.]*'
	find "$T/tmp" "$T/ws" -mindepth 1 -delete
}

inside() {
	coi container exec "$C" --user 0 -- sh -c "$1"
}

tree_here() { # DIR: all that a copy keeps
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %s %l\n' | awk '{ if ($2 == "d") $4 = "-"; if ($2 == "l") { $3 = "-"; $4 = "-" } print }' | sort
		find . -type f -exec md5sum {} + | sort)
}

make_tree() { # DIR
	mkdir -p "$1/a/b" "$1/empty"
	printf 'one\n' >"$1/a/one"
	head -c 300000 /dev/urandom >"$1/a/b/random"
	truncate -s 50M "$1/a/sparse"
	printf x | dd of="$1/a/sparse" bs=1 seek=30000000 conv=notrunc 2>/dev/null
	chmod 0751 "$1/a"
	chmod 0400 "$1/a/one"
	: >"$1/a/$(printf 'n\303\244me with \001 and \\ and "')"
	: >"$1/a/$(printf 'no\377utf8')"
	ln -s ../a/one "$1/a/link"
	ln -s /etc/passwd "$1/a/out"
	touch -d '2001-02-03 04:05:06' "$1/a/one"
}

for_each_state() { # COMMAND...: with the container running, then stopped
	"$@" running
	coi container stop --force "$C" >/dev/null 2>&1
	"$@" stopped
	coi container start "$C" >/dev/null 2>&1
}

push_and_pull() {
	rm -rf "$T/tmp/src" "$T/tmp/back"
	make_tree "$T/tmp/src"
	run --separate-stderr coi file push -r "$T/tmp/src" "$C:/srv/$1"
	expect_status 0
	[[ $stderr == *"Pushed"* ]]
	run --separate-stderr coi file pull -r "$C:/srv/$1" "$T/tmp/back"
	expect_status 0
	[[ $stderr == *"2 symbolic links were left out"* ]]
	rm "$T/tmp/src/a/link" "$T/tmp/src/a/out"
	diff <(tree_here "$T/tmp/src") <(tree_here "$T/tmp/back")
	[ "$(stat -c %Y "$T/tmp/back/a/one")" = "$(date -d '2001-02-03 04:05:06' +%s)" ]
	# Holes stay holes.
	[ "$(stat -c %b "$T/tmp/back/a/sparse")" -lt 2000 ]
}

@test "a tree goes in and comes out again, running and stopped: modes, times, holes, any names" {
	for_each_state push_and_pull
	run inside 'readlink /srv/running/a/link; readlink /srv/running/a/out; readlink /srv/stopped/a/link
		stat -c %u:%g /srv/running/a/one /srv/stopped/a/one; du -k /srv/running/a/sparse | cut -f1'
	expect_status 0
	expect_equal "${lines[0]}" ../a/one
	expect_equal "${lines[1]}" /etc/passwd
	expect_equal "${lines[2]}" ../a/one
	[ "${lines[5]}" -lt 2000 ]
}

@test "owners: the workspace's is code inside, root is root; what is pulled is the person's" {
	printf 'mine\n' >f
	chown 1234:1234 f
	chmod 4755 f
	coi container launch coi-default owned -w "$T/ws" >/dev/null 2>&1 || true
	coi file push f "$C:/srv/f"
	run inside 'stat -c "%u %a" /srv/f'
	[[ $output == "1000 4755" || $output == "0 4755" ]]
	chown 0:0 f
	coi file push f "$C:/srv/rootfile"
	run inside 'stat -c %u /srv/rootfile'
	expect_equal "$output" 0
	inside 'echo x >/srv/suid; chown 1000:1000 /srv/suid; chmod 6755 /srv/suid'
	coi file pull "$C:/srv/suid" out
	expect_equal "$(stat -c '%a' out)" 755
	coi container delete --force owned >/dev/null 2>&1 || true
}

@test "into directories, onto files; a trailing slash wants a directory" {
	echo 1 >f
	inside 'mkdir /srv/d; echo old >/srv/file; ln -s /srv/file /srv/l'
	coi file push f "$C:/srv/d"
	coi file push f "$C:/srv/d/"
	coi file push f "$C:/srv/file"
	coi file push f "$C:srv/rel"
	run inside 'cat /srv/d/f /srv/file /srv/rel'
	expect_equal "$output" "$(printf '1\n1\n1')"
	# The last component is replaced, not followed.
	inside 'echo kept >/srv/file'
	coi file push f "$C:/srv/l"
	run inside 'cat /srv/file; test -L /srv/l || echo no link'
	expect_equal "$output" "$(printf 'kept\nno link')"
	for bad in "$C:/srv/none/" "$C:/srv/none/f" "$C:/srv/file/"; do
		run --separate-stderr coi file push f "$bad"
		expect_status 1
		[[ $stderr == *"no directory"* ]]
	done
	mkdir -p tree/x
	echo a >tree/x/a
	coi file push -r tree "$C:/srv/tree"
	echo b >tree/x/b
	echo A >tree/x/a
	inside 'echo c >/srv/tree/x/c'
	# Again onto its own name: added to and replaced, nothing taken away, as scripts expect.
	coi file push -r tree "$C:/srv/tree"
	coi file push -r tree "$C:/srv/d"
	run inside 'cat /srv/tree/x/*; ls /srv/d/tree/x /srv/tree'
	expect_equal "$output" "$(printf 'A\nb\nc\n/srv/d/tree/x:\na\nb\n\n/srv/tree:\nx')"
}

@test "what is refused before anything moves: usage exits with 2" {
	mkdir dir
	echo keep >dir/keep
	echo f >f
	inside 'mkdir -p /srv/t/u; echo t >/srv/t/u/v; mkfifo /srv/fifo; ln -s t/u/v /srv/link; echo n >/srv/n'
	for args in "push f nocolon" "push f :x" "push f $C:" "push dir $C:/srv/x" "pull nocolon x" \
		"pull $C:/srv/t x" "pull -r $C:/ x" "pull -r $C:/srv/t f" "pull $C:/srv/n nodir/" \
		"pull $C:/srv/n nodir/x"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi file $args
		[ "$status" -eq 2 ] || { echo "$args: $status $stderr"; return 1; }
	done
	run --separate-stderr coi file pull "$C:/srv/t" x
	[[ $stderr == *"-r copies it"* ]]
	for args in "push none $C:/srv/x" "pull $C:/srv/none x" "pull $C:/srv/fifo x" \
		"pull $C:/srv/link x" "pull nobox:/etc/passwd x" "push f nobox:/x"; do
		# shellcheck disable=SC2086
		run --separate-stderr coi file $args
		[ "$status" -eq 1 ] || { echo "$args: $status $stderr"; return 1; }
	done
	# A link is told where it leads, and what it holds never reaches the terminal raw.
	run --separate-stderr coi file pull "$C:/srv/link" x
	expect_stderr "ask for what it leads to: 't/u/v'"
	inside 'ln -s "$(printf "a\033[2Jb")" /srv/raw'
	run --separate-stderr coi file pull "$C:/srv/raw" x
	expect_status 1
	[[ $stderr == *"ask for what it leads to"* && $stderr != *$'\e'* ]]
	# A directory takes it in; what is in it stays; a second time it is refused.
	coi file pull -r "$C:/srv/t" dir
	run --separate-stderr coi file pull -r "$C:/srv/t" dir
	expect_status 2
	run --separate-stderr coi file pull -r "$C:/srv/t" dir/t
	expect_equal "$(find dir -type f | sort | tr '\n' ' ')" "dir/keep dir/t/t/u/v dir/t/u/v "
	# The old ways to lose one's files.
	mkdir -p sub/deep
	(cd sub/deep && run --separate-stderr coi file pull -r "$C:/srv/t" ../)
	[ -d sub/deep ] && [ -f dir/keep ]
	HOME=$T/tmp run --separate-stderr coi file pull -r "$C:/srv/t" "$T/tmp/"
	[ -d "$T/tmp/t" ]
}

@test "a link at the destination is never followed" {
	echo victim >victim
	mkdir vdir
	ln -s victim l
	ln -s vdir dl
	inside 'echo new >/srv/n; mkdir /srv/t; echo t >/srv/t/f'
	coi file pull "$C:/srv/n" l
	expect_equal "$(cat victim)" victim
	[ ! -L l ]
	run --separate-stderr coi file pull -r "$C:/srv/t" dl
	expect_status 2
	run --separate-stderr coi file pull "$C:/srv/n" dl/
	expect_status 2
	[ -z "$(ls vdir)" ]
}

@test "links inside lead to places inside; the kernel's files are the container's" {
	echo host-secret >"$T/tmp/secret"
	chmod 600 "$T/tmp/secret"
	inside "ln -s / /srv/rootlink; ln -s '$T/tmp' /srv/abs; ln -s ../../../../../../.. /srv/up; ln -s /proc/1/root /srv/magic; ln -s /proc/sys/kernel /srv/k"
	for path in "abs/secret" "up$T/tmp/secret" "rootlink$T/tmp/secret" "magic$T/tmp/secret"; do
		run --separate-stderr coi file pull "$C:/srv/$path" got
		[ "$status" -ne 0 ]
		[ ! -e got ]
	done
	coi file pull "$C:/srv/rootlink/etc/passwd" got
	inside 'cat /etc/passwd' >want
	cmp want got
	before=$(cat /proc/sys/kernel/core_pattern)
	echo '|/tmp/evil' >pat
	run --separate-stderr coi file push pat "$C:/srv/k/core_pattern"
	[ "$status" -ne 0 ]
	expect_equal "$(cat /proc/sys/kernel/core_pattern)" "$before"
	# What cannot be made is called by its name, not by the one that it has for a while.
	run --separate-stderr coi file push pat "$C:/proc/new"
	expect_status 1
	expect_stderr "'new'"
	not grep -q coi-tmp <<<"$stderr"
	# A stopped one: the links are still its own.
	coi container stop --force "$C"
	run --separate-stderr coi file pull "$C:/srv/up$T/tmp/secret" got2
	[ "$status" -ne 0 ]
	run --separate-stderr coi file push pat "$C:/srv/abs/evil"
	[ "$status" -ne 0 ]
	[ ! -e "$T/tmp/evil" ]
	run --separate-stderr coi file push pat "$C:/srv/k/core_pattern"
	[ "$status" -ne 0 ]
}

swap_paths() { # TARGET: as root in the container, until it is told to end
	local pid
	pid=$(sed -n 's/^init *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$C/container.ini")
	exec nsenter -t "$pid" --user python3 - "/proc/$pid/root/srv/race" "$1" \
		<"$COI_TEST_SRC/tests/lib/swap.py"
}

@test "paths that are swapped while they are pulled and pushed: nothing leaves the container" {
	local n pulled=0 racer k from
	mkdir -p "$T/tmp/target" "$T/tmp/push"
	echo host-secret >"$T/tmp/target/f"
	echo pushed >"$T/tmp/push/x"
	inside 'mkdir -p /srv/race'
	swap_paths "$T/tmp/target" >"$T/out" 2>&1 3>&- &
	racer=$!
	within 20 inside 'test -e /srv/race/ready'
	n=$(long 150 1000)
	for ((k = 0; k < n; k++)); do
		rm -rf got
		case $((k % 3)) in
		0) "$COI" file pull "$C:/srv/race/x" got >/dev/null 2>&1 || true ;;
		1) "$COI" file pull "$C:/srv/race/x/f" got >/dev/null 2>&1 || true ;;
		2) "$COI" file pull -r "$C:/srv/race/x" got >/dev/null 2>&1 || true ;;
		esac
		if [ -e got ]; then pulled=$((pulled + 1)); fi
		! grep -rq host-secret got 2>/dev/null || { echo "got the host's file"; kill $racer; return 1; }
	done
	for ((k = 0; k < n; k += $(long 10 1))); do
		case $((k % 20)) in
		0) "$COI" file push -r "$T/tmp/push" "$C:/srv/race/x/d" >/dev/null 2>&1 || true ;;
		*) "$COI" file push "$T/tmp/push/x" "$C:/srv/race/x/f" >/dev/null 2>&1 || true ;;
		esac
		[ "$(cat "$T/tmp/target/f")" = host-secret ] && [ "$(ls "$T/tmp/target")" = f ] ||
			{ echo "wrote to the host"; kill $racer; return 1; }
	done
	kill "$racer"
	wait "$racer" || true
	# It was a race: the path was other things in between, and some pulls found something.
	echo "$n attempts, $pulled pulled; $(inside 'cat /srv/race/swapped') swaps" | tee "$T/race" >&2
	[ "$(inside 'cat /srv/race/swapped')" -gt $((10 * n)) ]
	[ "$pulled" -gt 0 ]
	[ -z "$(find . -name '.coi-*')" ]
}

swap_for() { # PLACE: what is being pulled becomes a link to it
	local t
	t=$(echo .coi-pull-*/big)
	[ -f "$t" ] && mv "$t" aside && ln -s "$1" "$t"
}

@test "who can write to the directory that is pulled into cannot turn the modes of other files" {
	echo mine >"$T/tmp/victim"
	chmod 600 "$T/tmp/victim"
	inside 'mkdir /srv/t; dd if=/dev/zero of=/srv/t/big bs=1M count=200 2>/dev/null; chmod 666 /srv/t/big'
	"$COI" file pull -r "$C:/srv/t" got >"$T/out" 2>&1 3>&- &
	p=$!
	within 10 swap_for "$T/tmp/victim"
	wait "$p" || true
	[ -e aside ]
	expect_equal "$(stat -c %a "$T/tmp/victim")" 600
}

@test "the first ^C ends a transfer, and leaves nothing" {
	inside 'mkdir /srv/t; dd if=/dev/zero of=/srv/t/big bs=1M count=200 2>/dev/null'
	"$COI" file pull -r "$C:/srv/t" got >"$T/out" 2>&1 3>&- &
	p=$!
	within 10 sh -c 'ls -A | grep -q coi-pull'
	kill -INT $p
	status=0
	wait $p || status=$?
	[ "$status" -ne 0 ]
	[ ! -e got ]
	[ -z "$(find . -name '.coi-*')" ]
	[[ $(cat "$T/out") == *stopped* ]]
}

names_left() {
	find . -maxdepth 1 -name '.coi-pull-*' | wc -l
}

# A pull in the background that takes its time, and the pid of it once CONDITION holds.
slow_pull() { # CONDITION ARGUMENTS...
	local condition=$1 strace
	shift
	strace -f -o "$T/trace" -e trace=pwrite64 -e inject=pwrite64:delay_enter=100000 \
		"$COI" file pull "$@" >"$T/out" 2>&1 3>&- &
	slow=$!
	# Not a child by which strace finds out what it can do.
	within 10 pgrep -x coi -P $slow
	pulling=$(pgrep -x coi -P $slow)
	within 10 sh -c "${condition//PID/$pulling}"
}

@test "a pull that is killed leaves no file, and of a tree what the next one removes" {
	inside 'mkdir /srv/t; dd if=/dev/zero of=/srv/t/big bs=1M count=50 2>/dev/null; echo f >/srv/f'
	: >old
	for name in new old; do
		# It writes to what has no name.
		slow_pull "ls -l /proc/PID/fd 2>/dev/null | grep -q '$T/ws/#.*deleted'" "$C:/srv/t/big" $name
		kill -9 $pulling
		wait $slow || true
		expect_equal "$(names_left)" 0
	done
	[ ! -e new ]
	expect_equal "$(stat -c %s old)" 0
	for k in 1 2; do
		before=$(find . -maxdepth 1 -name '.coi-pull-*' -printf '%f')
		slow_pull "ls -d .coi-pull-*/big | grep -vF '${before:-none}'" -r "$C:/srv/t" got
		kill -9 $pulling
		wait $slow || true
		# That of the pull before has gone.
		expect_equal "$(names_left)" 1
	done
	# What is not ours to remove, and a name that only looks like it.
	mkdir .coi-pull-0000000000000000 .coi-pull-mine .coi-pull-00000000000000zz
	chown 4321 .coi-pull-0000000000000000
	ln -s "$T/tmp" .coi-pull-1111111111111111
	echo keep >"$T/tmp/keep"
	coi file pull "$C:/srv/f" f
	expect_equal "$(find . -name '.coi-*' | sort | tr '\n' ' ')" "./.coi-pull-0000000000000000 ./.coi-pull-00000000000000zz ./.coi-pull-1111111111111111 ./.coi-pull-mine "
	[ -e "$T/tmp/keep" ]
	rm -r .coi-pull-*
	# Two at once do not take each other's away.
	slow_pull 'ls -d .coi-pull-*/big' -r "$C:/srv/t" first
	coi file pull -r "$C:/srv/t" second
	expect_equal "$(names_left)" 1
	kill -INT $pulling
	wait $slow || true
	[ ! -e first ]
	expect_equal "$(names_left)" 0
}

@test "where a file cannot be nameless it has a name until it is complete" {
	inside 'dd if=/dev/zero of=/srv/big bs=1M count=50 2>/dev/null; echo f >/srv/f; chmod 640 /srv/f'
	tmpfile_fails() { # as on a file system without them
		strace -f -o "$T/trace" -P "$T/ws" -e trace=openat -e inject=openat:error=EOPNOTSUPP:when=3 \
			"$COI" file pull "$@"
	}
	tmpfile_fails "$C:/srv/f" f
	grep -q 'O_TMPFILE.*INJECTED' "$T/trace"
	expect_equal "$(cat f) $(stat -c %a f)" "f 640"
	echo old >f
	tmpfile_fails "$C:/srv/f" f
	expect_equal "$(cat f)" f
	expect_equal "$(names_left)" 0
	# What is left of one that was killed.
	echo half >.coi-pull-0123456789abcdef
	coi file pull "$C:/srv/f" f
	expect_equal "$(names_left)" 0
}

@test "full disks on either side: said, and what was there is there" {
	truncate -s 8M "$T/disk"
	mkfs.ext4 -q "$T/disk"
	mkdir -p "$T/small"
	mount -o loop "$T/disk" "$T/small"
	echo old >"$T/small/big"
	inside 'dd if=/dev/zero of=/srv/big bs=1M count=20 2>/dev/null'
	run --separate-stderr coi file pull "$C:/srv/big" "$T/small/big"
	expect_status 1
	[[ $stderr == *"o space left"* ]]
	expect_equal "$(cat "$T/small/big")" old
	expect_equal "$(ls -A "$T/small" | grep -v lost+found)" big
	umount "$T/small"
	inside 'mkdir -p /srv/tiny; mount -t tmpfs -o size=1m none /srv/tiny; echo old >/srv/tiny/f'
	head -c 3000000 /dev/urandom >f
	run --separate-stderr coi file push f "$C:/srv/tiny/f"
	[ "$status" -eq 1 ] || [ "$(inside 'test -e /srv/tiny/f && echo there')" = "" ]
	inside 'umount /srv/tiny' || true
}

@test "a frozen container says so; killed in the middle nothing is half there" {
	inside 'dd if=/dev/urandom of=/srv/big bs=1M count=100 2>/dev/null; echo old >/srv/old'
	echo old >old
	for delay in 0.02 0.03 0.05 0.08 0.1 0.15; do
		"$COI" file pull "$C:/srv/big" old >/dev/null 2>&1 3>&- &
		p=$!
		sleep $delay
		kill -9 $p 2>/dev/null || true
		wait $p 2>/dev/null || true
		size=$(stat -c %s old)
		[ "$size" = 4 ] || [ "$size" = 104857600 ]
	done
	head -c 100000000 /dev/zero >big
	for delay in 0.01 0.02 0.03 0.05 0.08 0.1 0.15; do
		"$COI" file push big "$C:/srv/old" >/dev/null 2>&1 3>&- &
		p=$!
		sleep $delay
		kill -9 $p 2>/dev/null || true
		wait $p 2>/dev/null || true
		run inside 'stat -c %s /srv/old'
		[ "$output" = 4 ] || [ "$output" = 100000000 ]
		within 10 inside '! ls -A /srv | grep coi-tmp'
	done
	frozen=$(find /sys/fs/cgroup -path "*payload*$(root_tag)*filebox/cgroup.freeze" | head -1)
	if [ -n "$frozen" ]; then
		echo 1 >"$frozen"
	else
		echo FROZEN >"$(find /sys/fs/cgroup -path "*payload*$(root_tag)*filebox/freezer.state" | head -1)"
	fi
	run --separate-stderr coi file pull "$C:/srv/old" frozen
	expect_status 1
	expect_stderr "is frozen: it was done by hand"
	coi unfreeze "$C"
	coi file pull "$C:/srv/old" thawed
}
