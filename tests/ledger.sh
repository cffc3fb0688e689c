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
tap_end
