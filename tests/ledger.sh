#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The ledger: what coi 0.9 has, and the test that proves it here, or why there is none.
# An empty row fails, and so does the name of a test that does not exist.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
ledger=$src/tests/ledger.tsv

verdict "each row has three fields" "$(awk -F '\t' '!/^#/ && (NF != 3 || $1 == "" || $2 == "" || $3 == "") {
	print FILENAME ":" FNR ": " $0 }' "$ledger")"

verdict "no item twice" "$(awk -F '\t' '!/^#/ { print $1 ": " $2 }' "$ledger" | sort | uniq -d)"

verdict "each reason is one" "$(awk -F '\t' '!/^#/ && $3 !~ /^later: .{10,}/ && $3 !~ /^[a-z0-9\/-]+: ./ {
	print FILENAME ":" FNR ": " $3 }' "$ledger")"

complaint=$(awk -F '\t' '!/^#/ && $3 !~ /^later: / { print $3 }' "$ledger" | sort -u |
	while IFS= read -r proof; do
		suite=${proof%%: *}
		name=${proof#*: }
		if [ -f "$src/tests/$suite.bats" ]; then
			grep -qF "@test \"$name\"" "$src/tests/$suite.bats" || echo "$suite: no test \"$name\""
		elif [ -f "$src/tests/$suite.c" ]; then
			grep -q "(void \*\*state)" "$src/tests/$suite.c" &&
				grep -q "[^a-z_]$name(void" "$src/tests/$suite.c" || echo "$suite: no test $name"
		else
			echo "$suite: no such suite"
		fi
	done)
verdict "each test exists" "$complaint"

# Every setting is in it, later ones and ours too; and no key that is none.
awk '/^static const struct setting_row rows\[\]/ { on = 1 }
	on && match($0, /\{ (BOOL|INT|FLOAT|STRING|PATH|CHOICE|DURATION|SIZE|STRV|MAP|TABLES)\("[^"]*"/) {
		row = substr($0, RSTART, RLENGTH)
		sub(/^[^"]*"/, "", row)
		sub(/"$/, "", row)
		print row
	}' "$src/src/config/rows.c" | sort >"${TMPDIR:-/tmp}/ledger-rows.$$"
verdict "the table of settings is read" "$([ "$(wc -l <"${TMPDIR:-/tmp}/ledger-rows.$$")" -gt 100 ] || echo 'too few rows')"
verdict "each setting is in the ledger, and each key a setting" "$(awk -F '\t' '$1 == "key" && $2 !~ /^profile: / {
	sub(/ \(.*\)$/, "", $2); print $2 }' "$ledger" | sort | diff "${TMPDIR:-/tmp}/ledger-rows.$$" - | grep '^[<>]')"
rm -f "${TMPDIR:-/tmp}/ledger-rows.$$"
tap_end
