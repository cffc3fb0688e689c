#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ARCHITECTURE.md against the tree: what it names is there, and what it has to name is named.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
cd "$src" || exit 1
doc=ARCHITECTURE.md

words() { # [LINES]: what stands between backticks, a word a line
	grep -o '`[^`]*`' "$@" | tr -d '`' | tr -s ' ' '\n' | sort -u
}

is_source() { # PATTERN below src, with or without .c and .h
	for f in src/$1 src/$1.c src/$1.h; do
		[ ! -e "$f" ] || return 0
	done
	return 1
}

folders=$(find src -mindepth 1 -type d | sed 's|^src/||' | sort)
top=$(echo "$folders" | grep -v / | paste -sd '|' -)

verdict "each folder of src is named" "$([ -n "$folders" ] || echo 'there are none'
	for f in $folders; do
		words "$doc" | sed 's|^src/||; s|/$||' | grep -qxF "$f" || echo "src/$f"
	done)"

verdict "each folder, file and test that is named by its path is there" "$(
	words "$doc" | grep -E "^(src/|tests/|docs/|contrib/|($top)/)" | while read -r w; do
		case $w in
		src/* | tests/* | docs/* | contrib/*) [ -e "$w" ] || echo "$w" ;;
		*) is_source "${w%/}" || echo "$w" ;;
		esac
	done)"

verdict "each source that is named by its name is there" "$(
	words "$doc" | grep -E '^[a-z0-9*-]+\.[ch]$' | while read -r w; do
		[ -n "$(find src tests -name "$w" | head -n 1)" ] || echo "$w"
	done)"

# Tables with the head "| file | does |": the first column has names without .c.
verdict "each row of the tables of files has files" "$(
	awk '/^\| file \|/ { on = 1; next } !/^\|/ { on = 0 } on && !/^\|---/ { split($0, c, "|"); print c[2] }' \
		"$doc" | words | while read -r w; do
		[ -n "$(find src -name "$w.[ch]" | head -n 1)" ] || echo "$w"
	done)"

verdict "each program that is built is in it, and no other" "$(
	built=$(sed -n 's/^\(bin\|pkglibexec\)_PROGRAMS [+=]*= *//p' src/*/Makemodule.am | tr ' ' '\n' | sort -u)
	[ "$(echo "$built" | wc -l)" -gt 5 ] || echo 'too few programs are read'
	for p in $built; do
		words "$doc" | grep -qx "$p" || echo "not in it: $p"
	done
	words "$doc" | grep -xE 'coi-[a-z]+' | while read -r p; do
		echo "$built" | grep -qx "$p" || echo "not built: $p"
	done)"
tap_end
