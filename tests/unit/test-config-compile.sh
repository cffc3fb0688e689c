#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Rows of settings that must not compile, each beside the one that does.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# compiles ROW: rows.c with one more row in front.
compiles() {
	awk -v row="$1" '{ print } /^static const struct setting_row rows\[\]/ { print row "," }' \
		"$src/src/config/rows.c" >"$tmp/rows.c"
	# shellcheck disable=SC2086 # both are lists of words
	$COI_TEST_CC $COI_TEST_CFLAGS -Werror -fsyntax-only "$tmp/rows.c" 2>"$tmp/out"
}

for row in \
	'{ BOOL("x", container.persistent, FREE), .summary = "X." }' \
	'{ CHOICE("x", network.mode, ONLY_LOWER, mode_names), .summary = "X." }'; do
	if compiles "$row"; then ok "compiles: $row"; else not_ok "compiles: $row" "$(cat "$tmp/out")"; fi
done
while IFS='|' read -r what row; do
	if compiles "$row"; then not_ok "$what: $row"; else ok "$what: $row"; fi
done <<-END
	another type|{ BOOL("x", container.image, FREE), .summary = "X." }
	another type|{ STRING("x", container.persistent, FREE), .summary = "X." }
	another type|{ INT("x", container.persistent, FREE), .summary = "X." }
	another type|{ CHOICE("x", container.image, FREE, mode_names), .summary = "X." }
	another type|{ SIZE("x", limits.runtime.max_duration, FREE), .summary = "X." }
	another type|{ DURATION("x", limits.memory.limit, FREE), .summary = "X." }
	another type|{ STRV("x", defaults.environment, FREE), .summary = "X." }
	another type|{ MAP("x", defaults.forward_env, FREE), .summary = "X." }
	another type|{ TABLES("x", sockets, FREE, struct setting_mounts, mount_table, APPEND), .summary = "X." }
	no trust rule|{ BOOL("x", container.persistent), .summary = "X." }
	no trust rule|{ BOOL("x", container.persistent, ), .summary = "X." }
	unknown trust rule|{ BOOL("x", container.persistent, SOMETIMES), .summary = "X." }
	no member|{ BOOL("x", container.nothing, FREE), .summary = "X." }
END

# covers SETTINGS_H ROWS_C: what the build says about them; they find each other first.
covers() {
	mkdir -p "$tmp/src/config"
	cp "$1" "$tmp/src/config/settings.h"
	cp "$2" "$tmp/src/config/rows.c"
	cp "$src"/src/config/rows.h "$src"/src/config/rows-cover-main.c "$tmp/src/config/"
	# shellcheck disable=SC2086 # both are lists of words
	$COI_TEST_CC -I"$tmp/src" $COI_TEST_CFLAGS -o "$tmp/cover" "$tmp/src/config/rows-cover-main.c" \
		"$tmp/src/config/rows.c" >"$tmp/out" 2>&1 && "$tmp/cover" >"$tmp/out" 2>&1
}

h=$src/src/config/settings.h
c=$src/src/config/rows.c
if covers "$h" "$c"; then ok 'each member has one row'; else not_ok 'each member has one row' "$(cat "$tmp/out")"; fi
sed 's/^\t\tchar \*image;/&\n\t\tchar *forgotten;/' "$h" >"$tmp/settings.h"
sed '0,/^\t{ BOOL("container.docker"/s//\t{ BOOL("x.y", container.docker, FREE), .summary = "X." },\n&/' "$c" >"$tmp/twice.c"
# Only gcc knows where padding is.
if printf '#if !__has_builtin(__builtin_clear_padding)\n#error\n#endif\n' |
	$COI_TEST_CC -fsyntax-only -x c - 2>/dev/null; then
	for what in "a member without a row|$tmp/settings.h|$c" "a member with two|$h|$tmp/twice.c"; do
		name=${what%%|*} files=${what#*|}
		if covers "${files%|*}" "${files#*|}"; then
			not_ok "$name does not build"
		elif grep -q 'has no row\|with another row' "$tmp/out"; then
			ok "$name does not build"
		else
			not_ok "$name is said" "$(cat "$tmp/out")"
		fi
	done
fi
tap_end
