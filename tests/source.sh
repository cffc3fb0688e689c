#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What every source file has to keep: licence, who prints, comments at prototypes.
src=${COI_TEST_SRC:-.}
. "$src/tests/lib/tap.sh"
cd "$src" || exit 1

files() { # the sources that are ours; docs and data have no licence line
	find src tests bench contrib images \( -name '*.[ch]' -o -name '*.cc' -o -name '*.sh' \
		-o -name '*.bash' -o -name '*.bats' -o -name '*.tap' -o -name '*.am' -o -name '*.py' \) -type f | sort
	for f in configure.ac Makefile.am m4/*.m4 autogen.sh .ci/run tests/run contrib/check \
		contrib/quickstart contrib/mkdeb contrib/release contrib/check-reproducible contrib/cross contrib/root-ids contrib/debian/rules \
		contrib/debian/coi.p*; do
		[ ! -f "$f" ] || echo "$f"
	done
}

verdict "each source names its licence" "$(for f in $(files); do
	head -n 5 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f"
done)"

verdict "the Debian package is built with what contrib/packages-build names" "$(
	sed 's/[ 	].*//' contrib/packages-build | grep -E -- '-dev$|^(clang|llvm|pkg-config)$' |
	grep -vx libc6-dev | while read -r package; do
		grep -qE "(^| )$package( |,|\$)" contrib/debian/control || echo "not in control: $package"
	done)"

verdict "what contrib/cross cannot see is there to be seen" "$(
	grep -v '^#' contrib/cross-lacks | while read -r _ lack program name; do
		grep -q "\"$lack\"" contrib/cross-probe.c || echo "nothing probes for '$lack'"
		grep -qsw "$name" "tests/unit/$program.c" tests/fuzz/*.[ch] || echo "no $name in $program"
	done
	${COI_TEST_CC:-cc} -fsyntax-only -Wall -Werror contrib/cross-probe.c 2>&1)"

# "! command" stops no test: 'not' (tests/lib/words.bash) does. As the last line of a
# function it is what that returns, and before "||" and "&&" it is a condition.
verdict "what must not be is asked so that a test can fail" "$(find tests -name '*.bats' | sort |
	xargs -r awk '
	FNR == 1 { held = "" }
	held != "" { if ($0 !~ /^}/) print held; held = "" }
	/^\t+! / && !/\|\|/ && !/&&/ && !/^\t+! -/ { held = FILENAME ":" FNR ": " $0 }')"

# Library folders return what went wrong; printing belongs to cli/ and to process mains.
# The exceptions are the places that printing goes through, and the waiter of lock.c.
printers='^src/(cli/|[a-z]+/[a-z0-9-]*main\.c|session/supervisor-log\.c|base/(log|json|table|progress|lock)\.[ch])'
verdict "library folders do not print" "$(find src -name '*.[ch]' | grep -Ev "$printers" |
	sort | xargs -r grep -nE \
	'(^|[^a-zA-Z0-9_.>"])(printf|vprintf|puts|putchar|perror|log_info|log_warn|log_error)[ ]?\(|(fprintf|vfprintf|fputs|fputc)[ ]?\(([^()]*, *)?(stdout|stderr)' |
	grep -vE ':[0-9]+:[ 	]*(/?\*|//)')"

# A prototype is explained by a comment right above it, on its line, or above the group
# of lines without a blank line that it is in. The words that end a life are the same
# everywhere (free, done: NULL and half-built is fine) and explain themselves.
verdict "each prototype in a header has a comment" "$(find src -name '*.h' | sort |
	xargs -r awk '
	FNR == 1 { covered = 0; depth = 0; in_comment = 0; text = "" }
	/^[ \t]*\/\*/ { covered = 1; if ($0 !~ /\*\//) in_comment = 1; if ($0 ~ /^[ \t]*\/\*.*\*\/[ \t]*$/) next }
	in_comment { if ($0 ~ /\*\//) in_comment = 0; next }
	/^[ \t]*$/ { if (depth == 0 && text == "") covered = 0; next }
	/^#/ { while ($0 ~ /\\$/ && (getline > 0)) ; next }
	{
		line = $0
		opened = gsub(/\{/, "{", line); closed = gsub(/\}/, "}", line)
		if (depth > 0 || opened > 0) { depth += opened - closed; text = ""; next }
		if (line ~ /\/\*/) covered = 1
		if (text == "") start = FNR
		text = text " " line
		if (line !~ /;/) next
		if (text ~ /^ (extern |const |struct |enum |union |unsigned |signed |static |void|bool|char|int|long|short|size_t|ssize_t|u?int[0-9]+_t|[a-z_]+_t|json_t|FILE|pid_t)/ &&
		    text ~ /[a-z0-9_]+\(/ && text !~ /^ (typedef|static)/ && !covered) {
			name = text; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
			if (name ~ /_(free|done|free_ptr|done_ptr)$/) { text = ""; next }
			print FILENAME ":" start ": " name
		}
		text = ""
	}')"

verdict "each header has its guard" "$(for f in $(find src -name '*.h' | sort); do
	guard=COI_$(printf '%s' "${f#src/}" | tr 'a-z/.-' 'A-Z___')
	grep -q "^#ifndef $guard\$" "$f" || echo "$f: no #ifndef $guard"
done)"

verdict "lines fit" "$(find src tests bench \( -name '*.[ch]' -o -name '*.cc' \) -type f | sort |
	xargs -r awk '{
		# A tab stands for up to eight columns; bytes of a UTF-8 tail take none.
		gsub(/[\200-\277]/, ""); out = 0
		for (i = 1; i <= length($0); i++)
			out += substr($0, i, 1) == "\t" ? 8 - out % 8 : 1
		if (out > 105)
			print FILENAME ":" FNR ": " out " columns"
	}')"

# Two that a macro cannot see: a header that bans is of no use when it is not read.
verdict "the build reads banned.h" "$(grep -q -- '-include \$(top_srcdir)/src/base/banned.h' \
	Makefile.am || echo 'Makefile.am: AM_CPPFLAGS does not include src/base/banned.h')"
tap_end
