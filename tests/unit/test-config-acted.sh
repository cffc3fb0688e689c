#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What people set is acted on or they are told that it is not: a row says so by
# ACTED, and this holds it against who reads the member.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# One line a row: member, yes or no.
awk '/^static const struct setting_row rows\[\]/ { on = 1; next }
	on && /^};/ { exit }
	on { text = text " " $0 }
	END {
		n = split(text, rows, /\{ (BOOL|INT|FLOAT|STRING|PATH|CHOICE|DURATION|SIZE|STRV|MAP|TABLES)\(/)
		for (i = 2; i <= n; i++) {
			split(rows[i], part, /,[ \t]*/)
			print part[2], (rows[i] ~ /[ \t]ACTED[,. \t}]/ ? "yes" : "no")
		}
	}' "$src/src/config/rows.c" >"$tmp/rows"
[ "$(wc -l <"$tmp/rows")" -gt 90 ] || not_ok 'rows.c is read' 'too few rows'
# Looking at profiles is not acting on them, nor is telling how healthy they are.
find "$src/src/session" "$src/src/cli" -name "*.c" ! -name "cmd-profile*" \
	! -path "*/health/*" -exec cat {} + >"$tmp/readers"
# What is opened for them.
cat "$src/src/config/texts.c" "$src/src/config/domain-sets.c" >>"$tmp/readers"
# Descriptions of tools name the settings that they take.
sed -n 's/.*"setting": "\([a-z_.]*\)".*/.\1;/p' "$src"/tools/*.json >>"$tmp/readers"
while read -r member acted; do
	pattern=$(printf '%s' "$member" | sed 's/\./\\./g')
	if grep -qE "[>.]$pattern([^a-z_]|\$)" "$tmp/readers"; then read=yes; else read=no; fi
	case $member in
	# Acted on where the settings are loaded.
	defaults.profile) read=yes ;;
	esac
	case $acted$read in
	yesno) not_ok "$member" 'is marked ACTED and nobody in session/ or cli/ reads it' ;;
	noyes) not_ok "$member" 'is read in session/ or cli/ and not marked ACTED: people are told that it does nothing' ;;
	*) ok "$member" ;;
	esac
done <"$tmp/rows"
tap_end
