#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What "make install DESTDIR=" puts somewhere is all below it and nowhere of the build's own
# directories, and "make uninstall" takes it away again.
. "${COI_TEST_SRC:-.}/tests/lib/tap.sh"
build=${COI_TEST_BUILD:-.}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# Not a part of the make that runs this.
unset MAKEFLAGS MAKELEVEL MFLAGS
made() { # WHAT
	make -s -C "$build" "$1" DESTDIR="$tmp/root" >"$tmp/out" 2>&1 || tail -n 3 "$tmp/out"
}

mkdir "$tmp/root"
verdict "it is installed" "$(made install)"
verdict "programs, recipes and manuals are there" "$(for name in coi coi-supervisor coi.1 'coi.fish'; do
	find "$tmp/root" -type f -name "$name" | grep -q . || echo "no $name"
done)"
# A person's own file stays.
own=$(find "$tmp/root" -type d -path '*/share/coi' | head -n 1)/own
echo mine >"$own"
verdict "it is uninstalled" "$(made uninstall)"
verdict "a file of another's stays" "$([ -f "$own" ] || echo "'$own' is gone")"
rm -f "$own"
verdict "it is installed and uninstalled once more" "$(made install; made uninstall)"
verdict "nothing stays" "$(find "$tmp/root" ! -type d | sed "s|$tmp/root||"
	find "$tmp/root" -type d -name coi | sed "s|$tmp/root||")"
tap_end
