# SPDX-License-Identifier: GPL-2.0-or-later
# For the suites of the image store. They need root, no network, and a directory on a real
# file system (IMAGE_TEST_DIR, default /var/tmp).

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
