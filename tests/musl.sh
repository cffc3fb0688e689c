#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each C file compiles with the headers of musl (which Alpine and OpenWrt have), and without
# the calls that only a new glibc knows (base/linux.h). It is looked at, not linked: Debian
# has no libraries for musl, whose headers stand last here.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if ! command -v musl-gcc >/dev/null; then
	echo "1..0 # SKIP no musl-gcc here (musl-tools)"
	exit 0
fi
sed -e '/define HAVE_OPEN_TREE/d; /define HAVE_STATX/d; /define HAVE_RENAMEAT2/d' \
	"$COI_TEST_BUILD/build-config.h" >"$tmp/build-config.h"
triplet=$(${COI_TEST_CC:-cc} -print-multiarch 2>/dev/null)
one() { # FILE
	musl-gcc -std=gnu17 -fsyntax-only -Wall -Werror -Wno-attributes -D_GNU_SOURCE \
		-include "$tmp/build-config.h" -include "$src/src/base/banned.h" -I"$src/src" \
		-DCOI_BUILD_DIR='"b"' -DCOI_DOCDIR='"d"' -DCOI_LIBEXECDIR='"l"' \
		-DCOI_DATADIR='"d"' -DCOI_SOURCE_DIR='"s"' -DWATCH_BPF_OBJECT='"w"' \
		-idirafter /usr/include -idirafter "/usr/include/$triplet" "$1"
}
bad=
for file in $(cd "$src" && find src -name '*.c' ! -path '*/bpf/*' | sort); do
	one "$src/$file" >"$tmp/out" 2>&1 || {
		bad="$bad $file"
		sed 's/^/# /' "$tmp/out" | grep -m 5 -E 'error|warning'
	}
done
verdict "the sources are for musl too" "$bad"
tap_end
