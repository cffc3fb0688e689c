#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The JSON Schemas, measured by a validator that is not ours: what coi writes and what the
# manual shows is valid, and schema and loader agree on what is right and wrong, key by key.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
for python in python3 /usr/bin/python3 none; do
	"$python" -c 'import jsonschema, tomllib' 2>/dev/null && break
done
if [ $python = none ]; then
	echo '1..0 # SKIP python3-jsonschema is not here'
	exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/home"
cd "$tmp" || exit 1
HOME=$tmp/home COI_ROOT=$tmp/state PYTHONDONTWRITEBYTECODE=1
export HOME COI_ROOT PYTHONDONTWRITEBYTECODE
unset COI_CONFIG COI_PROFILE
"$python" "$src/tests/lib/schema.py" "$build/coi" "$src" "$tmp" >"$tmp/verdicts" 2>&1
status=$?
while IFS='	' read -r word name why; do
	case $word in
	ok) ok "$name" ;;
	"not ok") not_ok "$name" "$why" ;;
	*) not_ok "$word $name $why" ;;
	esac
done <"$tmp/verdicts"
[ $status = 0 ] || not_ok "tests/lib/schema.py ends well" "status $status"
tap_end
