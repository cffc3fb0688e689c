#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What coi says about itself: help of every command against the golden files, where it
# goes, how wide it is; the manual page; refusals. With UPDATE=1 the files are written.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
coi=$build/coi
golden=$src/tests/golden/help
if ! "$coi" --version >/dev/null; then
	not_ok "there is a program to test" "$coi"
	tap_end
	exit 1
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# No settings and no state of whoever runs the tests.
HOME=$tmp COI_ROOT=$tmp/state
export HOME COI_ROOT
unset COI_CONFIG COI_PROFILE

skip() { # NAME REASON
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

file_of() { # "coi image list" -> coi-image-list.txt
	printf '%s.txt' "$*" | tr ' ' -
}

"$coi" __man --commands >"$tmp/commands"
made_pages='coi.1 coi-config.5 coi-profile.5'
made_completion='bash/coi zsh/_coi fish/coi.fish'
for page in $made_pages; do
	"$coi" __man <"$src/docs/$page.in" >"$tmp/$page"
done

# A page for each command right below coi, and the list of them that make installs by.
mkdir "$tmp/commands.d"
{
	echo '# SPDX-License-Identifier: GPL-2.0-or-later'
	echo '# Made by make update-golden.'
	printf 'dist_man_MANS +='
	awk 'NF == 2 { print $2 }' "$tmp/commands" | sort | while read -r command; do
		"$coi" __man --page "$command" <"$src/docs/coi-command.1.in" \
			>"$tmp/commands.d/coi-$command.1"
		printf ' \\\n\tdocs/commands/coi-%s.1' "$command"
	done
	echo
} >"$tmp/commands.d/Makemodule.am"

if [ -n "${UPDATE-}" ]; then
	mkdir -p "$golden"
	rm -f "$golden"/*.txt
	while read -r command; do
		# shellcheck disable=SC2086 # words
		set -- $command
		shift
		"$coi" "$@" --help >"$golden/$(file_of $command)"
	done <"$tmp/commands"
	for page in $made_pages; do
		cp "$tmp/$page" "$src/docs/$page"
	done
	rm -rf "$src/docs/commands"
	cp -R "$tmp/commands.d" "$src/docs/commands"
	for file in $made_completion; do
		"$coi" completion "${file%%/*}" >"$src/contrib/completion/$file"
	done
	for kind in config profile; do
		"$coi" schema $kind >"$src/docs/schema/$kind.json"
	done
	echo "updated $golden, contrib/completion and in docs: schema, $made_pages"
	exit 0
fi

while read -r command; do
	# shellcheck disable=SC2086 # words
	set -- $command
	shift
	complaint=
	"$coi" "$@" --help >"$tmp/out" 2>"$tmp/err" || complaint="exit status $?"
	[ ! -s "$tmp/err" ] || complaint="$complaint
writes to standard error: $(cat "$tmp/err")"
	complaint="$complaint$(diff "$golden/$(file_of $command)" "$tmp/out" 2>&1)"
	complaint="$complaint$(awk 'length($0) > 80 { print FNR ": wider than 80 columns" }' "$tmp/out")"
	complaint="$complaint$(grep -n '[ 	]$' "$tmp/out")"
	"$coi" help "$@" | cmp -s - "$tmp/out" || complaint="$complaint
'coi help' says something else"
	verdict "help of '$command'" "$complaint"
	[ "$complaint" = "" ] || continue

	# A flag that is none: told on standard error, with the usage, and a failure.
	"$coi" "$@" --no-such-flag >"$tmp/out" 2>"$tmp/err"
	status=$?
	complaint=
	[ $status = 1 ] || complaint="exit status $status"
	[ ! -s "$tmp/out" ] || complaint="$complaint writes to standard output"
	grep -q "^Error: unknown flag '--no-such-flag'" "$tmp/err" || complaint="$complaint $(cat "$tmp/err")"
	grep -q '^Usage:' "$tmp/err" || complaint="$complaint no usage"
	verdict "unknown flag of '$command'" "$complaint"
done <"$tmp/commands"

verdict "no golden file without a command" "$(for f in "$golden"/*.txt; do
	name=$(basename "$f" .txt | tr - ' ')
	grep -qx "$name" "$tmp/commands" || echo "$f"
done)"

for page in $made_pages; do
	verdict "docs/$page is current (make update-golden)" "$(diff "$src/docs/$page" "$tmp/$page" 2>&1)"
	verdict "docs/$page has every slot filled" "$(grep -n '^@' "$tmp/$page")"
done
verdict "docs/commands is current (make update-golden)" \
	"$(diff -r "$src/docs/commands" "$tmp/commands.d" 2>&1)"
for file in $made_completion; do
	"$coi" completion "${file%%/*}" >"$tmp/script"
	verdict "contrib/completion/$file is current (make update-golden)" \
		"$(diff "$src/contrib/completion/$file" "$tmp/script" 2>&1)"
done
for kind in config profile; do
	"$coi" schema $kind >"$tmp/schema"
	verdict "docs/schema/$kind.json is current (make update-golden)" \
		"$(diff "$src/docs/schema/$kind.json" "$tmp/schema" 2>&1)"
done
for page in "$src"/docs/*.[1-9] "$src"/docs/commands/*.[1-9]; do
	name=docs/$(basename "$page")
	if command -v mandoc >/dev/null; then
		verdict "mandoc finds nothing in $name" "$(mandoc -Tlint -Wwarning "$page" 2>&1)"
	elif command -v man >/dev/null && man --version >/dev/null 2>&1; then
		verdict "man finds nothing in $name" "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 \
			man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
	else
		skip "$name is well formed" "neither mandoc nor man is here"
	fi
done
# Each settings file that a page for people shows is one.
for page in "$src/README.md" "$src"/docs/*.md; do
	complaint=$(awk -v to="$tmp/example" '
		/^```toml$/ { n++; on = 1; file = to "." n; printf "" >file; next }
		/^```/ { on = 0 }
		on { print >file }' "$page"
	for file in "$tmp"/example.*; do
		[ -f "$file" ] || continue
		"$coi" validate config "$file" >"$tmp/out" 2>&1 || cat "$tmp/out" "$file"
		rm "$file"
	done)
	verdict "settings shown in ${page#"$src"/} are valid" "$complaint"
done

# Nothing of the table is lost on the way into the pages.
"$coi" schema config >"$tmp/schema"
if command -v jq >/dev/null; then
	jq -r 'def keys_below: to_entries[] | .key as $k | .value |
		if .properties then .properties | keys_below | "\($k).\(.)" else $k end;
		.properties | keys_below' "$tmp/schema" >"$tmp/keys"
	verdict "coi-config(5) has every key of the schema" "$(
		[ "$(wc -l <"$tmp/keys")" -gt 100 ] || echo 'too few keys'
		while read -r key; do
			grep -qxF ".It Ic $key" "$tmp/coi-config.5" || echo "$key"
		done <"$tmp/keys")"
else
	skip "coi-config(5) has every key of the schema" "no jq here"
fi

# STATUS, a pattern that standard error has, the words
refuses() {
	want=$1 pattern=$2
	shift 2
	"$coi" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	complaint=
	[ $status = "$want" ] || complaint="exit status $status, not $want"
	grep -q -- "$pattern" "$tmp/err" || complaint="$complaint
$(cat "$tmp/err")"
	[ ! -s "$tmp/out" ] || complaint="$complaint
writes to standard output"
	verdict "refused: coi $*" "$complaint"
}

refuses 1 "unknown command 'shel'" shel
refuses 1 'Did you mean this' lsit
refuses 2 'is no version' update core --version vv1
refuses 1 "unknown command 'lst' for 'coi image'" image lst
refuses 1 'takes no arguments' list x
refuses 1 'takes at most 1 argument' attach a b
refuses 1 'neither a command nor a prompt' run
refuses 1 "Flags of the command inside stand behind" run ls -la
refuses 1 'is required' image cleanup x
refuses 1 'is a setting' run --network open -- true
refuses 2 "is no value for '--format'" list --format table
refuses 2 "is no value for '--init'" run --init upstart -- true
refuses 2 "greater than 0" image cleanup x --keep 0
refuses 2 "needs '--capture'" container exec a --format raw -- b
refuses 2 'exclude each other' container exec a --tty --capture -- b
refuses 2 'no container is named' kill
refuses 2 'no container is named' close
refuses 2 'must be absolute' container mount a b c d
refuses 2 "cannot be an alias" image publish box 'x y'
refuses 2 "no completion for" completion tcsh
refuses 1 'no help for' help nonsense
refuses 2 'is no session id' shell --resume=../x

if [ "$(id -u)" != 0 ]; then
	refuses 1 "cannot run 'coi list'" list
fi

for shell in bash zsh fish; do
	"$coi" completion $shell >"$tmp/script"
	if command -v $shell >/dev/null; then
		verdict "completion script for $shell" "$($shell -n "$tmp/script" 2>&1)"
	else
		skip "completion script for $shell" "no $shell here"
	fi
done

# What a person at bash sees: one line of words, then TAB.
completes() { # WANTED, then the words of the line, the last one unfinished
	want=$1
	shift
	got=$(PATH=$build:$PATH bash -c '
		source <(coi completion bash)
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_coi
		printf "%s " "${COMPREPLY[@]}"' bash "$@" 2>&1)
	[ "$got" = "$want" ] && got= || got="'$got', not '$want'"
	verdict "bash completes '$*'" "$got"
}
completes 'shell shutdown ' coi sh
completes 'list info exists import export publish verify delete cleanup ' coi image ''
completes '--format ' coi list --fo
completes 'text json ' coi list --format ''
completes 'json ' coi list --format = j
completes 'image ' coi help im

mkdir -p "$tmp/state/containers/coi-x-1" "$tmp/state/containers/coi-y-2" "$tmp/state/images"
printf 'format = 1\nstate = running\n' >"$tmp/state/containers/coi-x-1/container.ini"
printf 'format = 1\nstate = stopped\n' >"$tmp/state/containers/coi-y-2/container.ini"
printf 'format = 1\n[aliases]\ncoi-default = 1234\n' >"$tmp/state/images/aliases.ini"
completes 'coi-x-1 coi-y-2 ' coi kill ''
completes 'coi-x-1 ' coi attach ''
completes 'coi-default ' coi run --image ''

# A result that does not arrive is a failure.
for words in 'version' '--help' 'completion bash' 'help run' '--version'; do
	# shellcheck disable=SC2086 # words
	"$coi" $words >/dev/full 2>"$tmp/err"
	status=$?
	complaint=
	[ $status = 1 ] || complaint="exit status $status"
	grep -q 'cannot write to standard output' "$tmp/err" || complaint="$complaint $(cat "$tmp/err")"
	verdict "full disk: coi $words" "$complaint"
done

offers() { # WORDS-BEFORE: the candidates, in a line
	# shellcheck disable=SC2086 # words
	"$coi" __complete $1 '' | sed -n 's/^\([^:]*\)	.*/\1/p' | tr '\n' ' '
}
verdict "the values that help names are completed" "$(
	[ "$(offers 'shell --tool')" = "claude codex omp opencode pi " ] || offers 'shell --tool'
	[ "$(offers 'network mode web')" = "allowlist restricted open " ] || offers 'network mode web'
	[ "$(offers 'list --status' | wc -w)" = 6 ] || offers 'list --status'
	for word in $(offers 'list --status'); do
		"$coi" list --help | grep -q "[ ,]$word[,;]" || echo "help of list does not name $word"
	done)"

# These must not look at anything.
mkdir "$tmp/broken" "$tmp/broken/.coi"
printf '[[[' >"$tmp/broken/.coi/config.toml"
complaint=
for words in version --help 'completion zsh' '__complete im' 'help build'; do
	# shellcheck disable=SC2086 # words
	HOME=$tmp/broken COI_ROOT=$tmp/none "$coi" $words >/dev/null 2>"$tmp/err" ||
		complaint="$complaint '$words' fails"
	[ ! -s "$tmp/err" ] || complaint="$complaint '$words': $(cat "$tmp/err")"
	[ ! -e "$tmp/none" ] || complaint="$complaint '$words' makes a state directory"
done
verdict "version, help and completion read no settings and make no state" "$complaint"
tap_end
