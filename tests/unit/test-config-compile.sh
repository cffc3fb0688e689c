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
	another type|{ TABLES("x", sockets, FREE, struct setting_mounts, mount_table), .summary = "X." }
	no trust rule|{ BOOL("x", container.persistent), .summary = "X." }
	no trust rule|{ BOOL("x", container.persistent, ), .summary = "X." }
	unknown trust rule|{ BOOL("x", container.persistent, SOMETIMES), .summary = "X." }
	no member|{ BOOL("x", container.nothing, FREE), .summary = "X." }
END
tap_end
