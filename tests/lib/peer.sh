# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks that are a Python program: it prints "ok<TAB>name" or "not ok<TAB>name<TAB>why",
# and gets the words given and a scratch directory, with a home of its own. Source it
# after tap.sh; the check ends with it.

# peer_run MODULES SCRIPT WORD...
peer_run() {
	peer_modules=$1
	shift
	for peer_python in python3 /usr/bin/python3 none; do
		"$peer_python" -c "import $peer_modules" 2>/dev/null && break
	done
	if [ "$peer_python" = none ]; then
		echo "1..0 # SKIP no python3 with $peer_modules here"
		exit 0
	fi
	tmp=$(mktemp -d) || exit 1
	trap 'rm -rf "$tmp"' EXIT
	mkdir "$tmp/home"
	cd "$tmp" || exit 1
	HOME=$tmp/home COI_ROOT=$tmp/state PYTHONDONTWRITEBYTECODE=1
	export HOME COI_ROOT PYTHONDONTWRITEBYTECODE
	unset COI_CONFIG COI_PROFILE
	"$peer_python" "$@" "$tmp" >"$tmp/verdicts" 2>&1
	status=$?
	while IFS='	' read -r word name why; do
		case $word in
		ok) ok "$name" ;;
		"not ok") not_ok "$name" "$why" ;;
		*) not_ok "$word $name $why" ;;
		esac
	done <"$tmp/verdicts"
	[ $status = 0 ] || not_ok "$(basename "$1") ends well" "status $status"
	tap_end
}
