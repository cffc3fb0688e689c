# SPDX-License-Identifier: GPL-2.0-or-later
# For the suites of the image store. They need root, no network, and a directory on a real
# file system (IMAGE_TEST_DIR, default /var/tmp).

. "$(dirname "${BASH_SOURCE[0]}")/../lib/words.bash"

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${COI_TEST_BUILD:-$SRC}
TOOL=$BUILD/image-tool
export COI_LIBEXEC=$BUILD

image_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x "$TOOL" ] || { echo "no $TOOL: run make check_PROGRAMS there" >&2; return 1; }
	DIR=$(mktemp -d "${IMAGE_TEST_DIR:-/var/tmp}/coi-image.XXXXXX")
	export COI_ROOT=$DIR/root
	unset COI_TEST_USER COI_TEST_STOP_AT
}

image_teardown() {
	[ -z "${DIR:-}" ] || rm -rf --one-file-system "$DIR"
}

# All that a tree is: type, mode, owner, size, times, links, target, content, attributes.
describe() { # DIRECTORY
	# overlayfs makes its whiteouts as links to one that lies elsewhere: not counted.
	(cd "$1" && find . -printf '%y %m %U:%G %s %T@ %n %p -> %l\n' | LC_ALL=C sort |
		sed -E 's/^(c .* )[0-9]+ (\.\/)/\1- \2/' &&
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum &&
		find . ! -type l -print0 | LC_ALL=C sort -z |
		xargs -0r getfattr -h -d -m - --absolute-names -e hex &&
		find . -links +1 -type f -printf '%i %p\n' | LC_ALL=C sort | awk '
			!($1 in first) { first[$1] = $2 } { print $2, "=", first[$1] }')
}

# What is in the store, by name; the lock files do not count.
store() {
	(cd "$COI_ROOT" && find . -mindepth 1 -path ./run -prune -o -print | LC_ALL=C sort &&
		cat images/aliases.ini 2>/dev/null || true)
}

layer_of() { # REF
	"$TOOL" paths "$1" | head -n 1
}

nothing_left() {
	[ -z "$(find "$COI_ROOT/layers" "$COI_ROOT/images" -maxdepth 1 -name '.tmp-*')" ]
}

# Run a command of the tool again and again, killed at its first step, its second, …
# until it comes to its end. $1: the store may be this afterwards, or as it was before.
walk() { # AFTER-FUNCTION UNDO-FUNCTION COMMAND…
	local after=$1 undo=$2 n=0 status
	shift 2
	local before killed=0
	before=$(store)
	while :; do
		n=$((n + 1))
		status=0
		(LD_PRELOAD=$DIR/kill-at.so COI_TEST_KILL_AT=$n exec "$TOOL" "$@" >/dev/null 2>"$DIR/log") \
			2>/dev/null || status=$?
		[ "$status" = 137 ] || break
		killed=$((killed + 1))
		# The helper follows its master; what it still held goes with the next repair.
		for _ in $(seq 200); do
			"$TOOL" repair >/dev/null
			[ -z "$(find "$COI_ROOT/layers" "$COI_ROOT/images" -maxdepth 1 -name '.*tmp*')" ] || continue
			break
		done
		nothing_left
		if [ "$(store)" != "$before" ]; then
			"$after" || { echo "killed at step $n: neither old nor new: $(store)" >&2; return 1; }
			"$undo"
			"$TOOL" repair >/dev/null
			[ "$(store)" = "$before" ] || { echo "killed at step $n: not undone" >&2; return 1; }
		fi
		[ "$n" -lt 600 ]
	done
	cat "$DIR/log" >&2
	[ "$status" = 0 ]
	echo "$1: killed at $killed steps" >&3
	[ "$killed" -ge 4 ]
}

# The same where each call fails in turn, for want of space, in place of a kill: the command
# says so, or does without, and the store is the one or the other.
walk_failing() { # AFTER-FUNCTION UNDO-FUNCTION COMMAND…
	local after=$1 undo=$2 n=0 status failed=0 before
	shift 2
	before=$(store)
	while :; do
		n=$((n + 1))
		status=0
		rm -f "$DIR/failed"
		(LD_PRELOAD=$DIR/kill-at.so COI_TEST_FAIL_AT=$n COI_TEST_FAILED=$DIR/failed \
			exec "$TOOL" "$@" >/dev/null 2>"$DIR/log") || status=$?
		[ -e "$DIR/failed" ] || break
		failed=$((failed + 1))
		[ "$status" -le 1 ] || { echo "step $n: status $status" >&2; return 1; }
		[ "$status" = 0 ] || [ -s "$DIR/log" ] || { echo "step $n: says nothing" >&2; return 1; }
		"$TOOL" repair >/dev/null
		nothing_left
		if [ "$(store)" = "$before" ]; then
			[ "$status" = 1 ] || { echo "step $n: success, and nothing is there" >&2; return 1; }
			continue
		fi
		"$after" || { echo "step $n: neither old nor new: $(store)" >&2; return 1; }
		"$undo"
		"$TOOL" repair >/dev/null
		[ "$(store)" = "$before" ] || { echo "step $n: not undone" >&2; return 1; }
		[ "$n" -lt 600 ]
	done
	cat "$DIR/log" >&2
	[ "$status" = 0 ]
	echo "$1: failed at $failed steps" >&3
	[ "$failed" -ge 4 ]
}
