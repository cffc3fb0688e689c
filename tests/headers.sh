#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each header compiles alone, without what banned.h happens to bring along.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for header in $(cd "$src/src" && find . -name '*.h' | sed 's,^\./,,' | sort); do
	printf '#include "%s"\n' "$header" >"$tmp/alone.c"
	# shellcheck disable=SC2086 # both are lists of words
	if out=$($COI_TEST_CC $COI_TEST_CFLAGS -fsyntax-only "$tmp/alone.c" 2>&1); then
		verdict "$header" "$out"
	else
		not_ok "$header" "$out"
	fi
done
tap_end
