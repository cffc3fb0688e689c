#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may include whom (tests/layers.tsv), seen in the #include lines and, since a
# declaration can be typed by hand, in the symbols of the archives too.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
tab=$(printf '\t')

allowed() { # FOLDER: the folders it may include, itself first
	printf '%s %s\n' "$1" "$(sed -n "s/^$1$tab//p" "$src/tests/layers.tsv")"
}

known=$(sed -n "s/^\([a-z]*\)$tab.*/\1/p" "$src/tests/layers.tsv")
complaint=
for dir in "$src"/src/*/; do
	name=$(basename "$dir")
	printf '%s\n' $known | grep -qx "$name" ||
		complaint="$complaint
src/$name has no line in tests/layers.tsv"
done
verdict "each folder has its line" "$complaint"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for folder in $known; do
	[ -d "$src/src/$folder" ] || continue
	# "folder/file.h" from a folder that is not allowed, and paths that climb out.
	find "$src/src/$folder" -name '*.[ch]' -o -name '*.cc' | sort | xargs -r awk \
		-v allowed="$(allowed "$folder")" -v strip="$src/" '
		BEGIN { n = split(allowed, a, " "); for (i = 1; i <= n; i++) may[a[i]] = 1 }
		/^[ \t]*#[ \t]*include[ \t]*"/ {
			split($0, q, "\""); path = q[2]
			where = FILENAME; sub(strip, "", where)
			if (path ~ /(^|\/)\.\.(\/|$)/)
				print where ":" FNR ": " path " climbs out of its folder"
			else if (path ~ /\//) {
				split(path, part, "/")
				if (!(part[1] in may))
					print where ":" FNR ": includes " path
			}
		}' >"$tmp/complaints"
	verdict "$folder: includes" "$(cat "$tmp/complaints")"
done

for folder in $known; do
	archive=$build/lib$folder.a
	[ -f "$archive" ] || continue
	nm -g --defined-only "$archive" 2>/dev/null | awk -v f="$folder" 'NF == 3 { print $3, f }'
done >"$tmp/defined"
for folder in $known; do
	archive=$build/lib$folder.a
	[ -f "$archive" ] || continue
	nm -u "$archive" 2>/dev/null | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u |
		awk -v allowed="$(allowed "$folder")" '
		BEGIN { n = split(allowed, a, " "); for (i = 1; i <= n; i++) may[a[i]] = 1 }
		NR == FNR { home[$1] = $2; next }
		($1 in home) && !(home[$1] in may) { print "uses " $1 " of " home[$1] }
		' "$tmp/defined" - >"$tmp/complaints"
	verdict "$folder: symbols" "$(cat "$tmp/complaints")"
done
tap_end
