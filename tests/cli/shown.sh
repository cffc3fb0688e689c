#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is shown to people beside the manual: the picture of README, docs/examples.
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

examples=$src/docs/examples
for file in "$examples"/*/.coi/config.toml "$examples/editors/config.toml"; do
	verdict "settings of ${file#"$src"/} are valid" \
		"$("$coi" validate config "$file" 2>&1 | grep -v '^Config is valid.$')"
done
# Where editors look for the schemas is where they are installed, and for which files.
for file in config.toml taplo.toml vscode/settings.json; do
	sed -n 's|.*\(/usr/local/share/coi/[a-z/]*\.json\).*|\1|p' "$examples/editors/$file"
done | sort | uniq -c >"$tmp/named"
verdict "the editors' files name the schemas" "$(
	awk '{ print $2 }' "$tmp/named" | while read -r path; do
		[ -f "$src/docs/schema/${path##*/}" ] || echo "$path is not installed"
	done
	[ "$(awk '{ n += $1 } END { print n }' "$tmp/named")" = 5 ] || cat "$tmp/named")"
if command -v jq >/dev/null; then
	verdict "the JSON of examples is JSON" "$(
		find "$examples" -name '*.json' | while read -r file; do jq empty "$file" 2>&1; done)"
	keys=$(jq -r '."evenBetterToml.schema.associations" | keys[]' "$examples/editors/vscode/settings.json")
	verdict "VS Code takes settings and profiles for what they are" "$(
		for path in /w/.coi/config.toml /home/a/.coi/profiles/rust/config.toml; do
			for key in $keys; do echo "$path" | grep -cE "$key"; done | grep -qx 1 || echo "$path"
		done
		for key in $keys; do echo /w/config.toml | grep -E "$key"; done)"
	jq -r '.tasks[].command' "$examples/editors/vscode/tasks.json" >"$tmp/typed"
	sed -n 's/^\$ sudo \(coi [^#]*\).*/sudo \1/p' "$examples"/*/README.md >>"$tmp/typed"
	verdict "each command in the examples is one" "$(
		[ "$(wc -l <"$tmp/typed")" -ge 8 ] || echo 'too few commands'
		while read -r line; do
			line=${line#sudo }
			# shellcheck disable=SC2086 # words
			set -- ${line%% -- *}
			is_command "$@"
		done <"$tmp/typed")"
fi
tap_end
