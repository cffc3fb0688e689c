#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is shown to people beside the manual: the picture of README.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
coi=$build/coi
picture=$src/docs/picture.svg
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
HOME=$tmp COI_ROOT=$tmp/state
export HOME COI_ROOT
unset COI_CONFIG COI_PROFILE

# WORD...: is there such a command, with such flags?
is_command() {
	"$coi" __man --commands >"$tmp/commands"
	name=coi
	shift
	while [ $# -gt 0 ] && grep -qx "$name $1" "$tmp/commands"; do
		name="$name $1"
		shift
	done
	[ "$name" != coi ] || echo "there is no command '$1'"
	# shellcheck disable=SC2086 # words
	"$coi" ${name#coi} --help >"$tmp/help"
	for word in "$@"; do
		case $word in
		-*) grep -qE -- "^ +(-., )?${word%%=*}[ =[]" "$tmp/help" || echo "'$name' has no flag '$word'" ;;
		esac
	done
}

sed -n 's/^<text y=.*>\(# coi [^<]*\)<.*/\1/p' "$picture" >"$tmp/typed"
verdict "each command in the picture is one" "$(
	[ "$(wc -l <"$tmp/typed")" -ge 3 ] || echo 'too few commands'
	while read -r line; do
		# shellcheck disable=SC2086 # words
		set -- ${line#\# }
		is_command "$@"
	done <"$tmp/typed")"
verdict "a command that is none is found out" "$(
	[ -n "$(is_command coi lsit)" ] || echo "'coi lsit' is taken for one"
	[ -n "$(is_command coi list --levle high)" ] || echo "'coi list --levle' is taken for one")"
# It is opened by a page of others, maybe without a network.
verdict "the picture names nothing that is to be fetched" \
	"$(grep -nE '(href|src|style)=|url\(|@import|<(script|image|foreignObject|style|use)' "$picture")"
verdict "the picture has words for who cannot see it" "$(
	grep -q '^<title id="title">..*</title>$' "$picture" || echo no title
	grep -q '^<desc id="desc">..*</desc>$' "$picture" || echo no description
	grep -q 'role="img" aria-labelledby="title desc"' "$picture" || echo they are not named
	tr "\n" " " <"$src/README.md" | grep -q "!\[[^]]\{20,\}\](docs/picture.svg)" || echo README has none)"
verdict "the picture says nothing of the machine where it was made" \
	"$(grep -nE '/(tmp|var|root|work|mnt)/|/home/[^c]|@[a-z]' "$picture")"
tap_end
