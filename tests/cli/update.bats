#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Updates of the program, from a server of our own: what is verified, what is left alone,
# and that there is a whole release whatever ends an update.

setup_file() {
	load ../lib/common
	load ../lib/releases
	releases_setup
	cc -shared -fPIC -o "$T/kill-at.so" "$COI_TEST_SRC/tests/image/kill-at.c" -ldl
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/tls.pid")"
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/releases
	releases_begin
}

@test "a check says what there is, and changes nothing" {
	run --separate-stderr "$COI" update core --check
	expect_status 0
	expect_text "coi v1.0.0 is installed, v1.1.0 is there."
	expect_text "$T/prefix/bin/coi update core"
	run --separate-stderr "$COI" update core --dry-run
	expect_status 0
	expect_text "coi-1.1.0-linux-$ARCH.tar.xz"
	untouched
	expect_equal "$(grep -c tar.xz "$T/tls/log" || true)" 0
}

@test "an update asks, installs beside, keeps the one before, and goes back to it" {
	run --separate-stderr "$COI" update core </dev/null
	expect_status 0
	expect_text "Cancelled."
	untouched
	run --separate-stderr "$COI" update core <<<y
	expect_status 0
	expect_text "Update coi from v1.0.0 to v1.1.0? [y/N]: "
	expect_text "coi v1.1.0 is installed, v1.0.0 is kept beside it."
	is_whole 1.1.0
	run --separate-stderr "$COI" update core
	expect_status 0
	expect_text "coi v1.1.0 is the latest release."
	run --separate-stderr "$COI" update core --rollback -f
	expect_status 0
	expect_text "coi v1.0.0 is back, v1.1.0 is kept beside it."
	is_whole 1.0.0
	run --separate-stderr "$COI" update core --rollback <<<y
	is_whole 1.1.0
}

@test "what is not verified is not installed: signature, hash, versions that lie, other keys" {
	sed -i 's/"latest"/"Latest"/' "$T/releases/releases.json"
	refused "not signed" -f
	cp "$T/good/releases.json" "$T/releases"
	head -c 40 "$T/good/releases.json.sig" >"$T/releases/releases.json.sig"
	refused "not signed" -f
	openssl genpkey -algorithm ed25519 -out "$T/other.pem"
	"$COI_TEST_SRC/contrib/release" index "$T/releases" "$T/other.pem" >/dev/null
	refused "not signed" -f
	sign
	printf x >>"$T/releases/coi-1.1.0-linux-$ARCH.tar.xz"
	refused "more than" -f
	cp "$T/good/coi-1.1.0-linux-$ARCH.tar.xz" "$T/releases"
	another_byte "$T/releases/coi-1.1.0-linux-$ARCH.tar.xz" 100
	refused "has the SHA-256" -f
	# Signed, and another program than the list says; and no archive at all.
	cp "$T/good/coi-0.9.9-linux-$ARCH.tar.xz" "$T/releases/coi-1.1.0-linux-$ARCH.tar.xz"
	sign
	refused "does not run on this machine" -f
	echo none >"$T/releases/coi-1.1.0-linux-$ARCH.tar.xz"
	sign
	refused "tar cannot unpack" -f
}

@test "signed lists that say nothing sensible are refused" {
	broken() { # TEXT SED-SCRIPT
		sign_changed "$2"
		refused "$1" -f
	}
	broken "no JSON" 's/{/{{/'
	broken "can read" 's/coi-releases-1/coi-releases-2/'
	broken "which one is the latest" 's/"latest": "[^"]*"/"latest": "..\/x"/'
	broken "nothing sensible" "s#\"file\": \"#&../#"
	broken "nothing sensible" 's/"size": [0-9]*/"size": -1/'
	broken "has one with the version" 's/"version": "0.9.9"/"version": "\\u001b[2J"/'
	[[ $stderr != *$'\e'* ]]
	broken "the clock of this machine says" 's/"made": [0-9]*/"made": 4102444800/'
	broken "there is no release 1.1.0 for $ARCH" "s/\"$ARCH\"/\"pdp11\"/"
}

@test "transfers that break off, missing files, redirections to http, unknown authorities" {
	echo "half releases.json" >"$T/tls/mode"
	refused "bytes remaining" -f
	echo "half *.tar.xz" >"$T/tls/mode"
	refused "bytes remaining" -f
	: >"$T/tls/log"
	echo "cut *.tar.xz" >"$T/tls/mode"
	run --separate-stderr "$COI" update core -f
	expect_status 0
	expect_equal "$(grep -c 'tar.xz bytes=' "$T/tls/log")" 2
	is_whole 1.1.0
	rm -rf "$T/prefix"
	install_tree
	echo "none *.sig" >"$T/tls/mode"
	refused "the server answered 404" -f
	echo "plain *.tar.xz" >"$T/tls/mode"
	refused "not https" -f
	rm "$T/tls/mode"
	SSL_CERT_FILE=/dev/null refused "certificate" -f
	expect_stderr "the clock of this machine says"
	expect_stderr "a file that everybody may read"
	printf '[update]\nurl = "http://127.0.0.1/x"\n' >"$HOME/.coi/config.toml"
	refused "is no https address" -f
	: >"$HOME/.coi/config.toml"
	refused "it is not said where releases lie" -f
}

@test "older ones want --force, versions are named with or without a v" {
	refused "coi v0.9.9 is older than v1.0.0" --version v0.9.9
	refused "there is no release 7.0.0" --version 7.0.0
	run --separate-stderr "$COI" update core --version vv1.0.0
	expect_status 2
	run --separate-stderr "$COI" update core --check --version v1.0.0
	expect_status 0
	expect_text "coi v1.0.0 is what is installed."
	untouched
	run --separate-stderr "$COI" update core -f --version v0.9.9
	expect_status 0
	is_whole 0.9.9
	rm "$T/releases/coi-1."*
	sign
	run --separate-stderr "$COI" update core
	expect_text "coi v0.9.9 is the latest release."
}

@test "a directory that is not writable: the line for sudo, and nothing is fetched" {
	chmod -R go+rX "$T/prefix"
	: >"$T/tls/log"
	run --separate-stderr setpriv --reuid=1234 --regid=1234 --clear-groups "$COI" update core -f
	expect_status 1
	expect_stderr "cannot write to"
	expect_stderr "sudo $T/prefix/bin/coi update core"
	untouched
	expect_equal "$(grep -c tar.xz "$T/tls/log" || true)" 0
}

@test "who else brought it: a build tree, make install, a package" {
	run --separate-stderr "$COI_TEST_BUILD/coi" update core
	expect_status 0
	expect_text "development build"
	run --separate-stderr "$COI_TEST_BUILD/coi" update core -f
	expect_status 1
	expect_stderr "build tree"
	mkdir -p "$T/installed/bin" "$T/fake"
	cp "$COI_TEST_BUILD/coi" "$T/installed/bin/coi"
	run --separate-stderr "$T/installed/bin/coi" update core
	expect_status 1
	expect_stderr "make install"
	run --separate-stderr "$T/installed/bin/coi" update core --check
	expect_status 1
	expect_stderr "no key"
	printf '#!/bin/sh\n[ "$3" = %s ] && echo "coi: $3"\n' "$T/installed/bin/coi" >"$T/fake/dpkg-query"
	chmod 0755 "$T/fake/dpkg-query"
	PATH=$T/fake:$PATH run --separate-stderr "$T/installed/bin/coi" update core
	expect_status 1
	expect_stderr "belongs to package 'coi' (dpkg)"
	expect_stderr "apt-get install --only-upgrade coi"
	[ ! -s "$T/tls/log" ]
}

@test "what runs goes on with its release, which stays as long" {
	local pid
	# A process of each release before: its files are there until it has ended.
	mkfifo "$T/wait"
	"$T/prefix/lib/coi/releases/1.0.0/libexec/coi/coi-verify" "$(printf '0%.0s' {1..64})" \
		"$(printf '0%.0s' {1..128})" <"$T/wait" 3>&- &
	pid=$!
	exec 9>"$T/wait"
	"$COI" update core -f --version 0.9.9 >/dev/null
	"$COI" update core -f >/dev/null
	expect_equal "$(ls "$T/prefix/lib/coi/releases" | paste -s -d' ')" "0.9.9 1.0.0 1.1.0"
	exec 9>&-
	wait "$pid" || true
	run --separate-stderr "$COI" update core -f
	expect_text "coi v1.1.0 is the latest release."
	# The same once more takes its place; the one that runs is kept for as long.
	"$COI" update core -f --version 1.1.0 >/dev/null
	is_whole 1.1.0
	expect_equal "$(ls "$T/prefix/lib/coi/releases" | paste -s -d' ')" "0.9.9 1.1.0"
}

after_update() { # STATUS: either version, whole
	local now
	now=$("$COI" --version)
	case $now in
	"coi v1.0.0") [ "$1" != 0 ] && is_whole 1.0.0 ;;
	"coi v1.1.0") is_whole 1.1.0 && [ "$(readlink "$T/prefix/lib/coi/previous")" = releases/1.0.0 ] ;;
	*) return 1 ;;
	esac
}

@test "killed before each change, or without space: the old release or the new one, whole" {
	local how n status each
	! nm -D "$COI_TEST_BUILD/coi-updatable" | grep -q __asan_ ||
		skip "a sanitizer and a preloaded library do not go together"
	for how in KILL FAIL; do
		each=1
		[ $how = KILL ] || each=$(long 3 1)
		for ((n = 1; ; n += each)); do
			rm -rf "$T/tmp/failed" "$T/prefix/lib/coi/previous"
			[ -d "$T/prefix/lib/coi/releases/1.0.0" ] || cp -R "$T/tree" "$T/prefix/lib/coi/releases/1.0.0"
			ln -sfn releases/1.0.0 "$T/prefix/lib/coi/current"
			status=0
			{ LD_PRELOAD=$T/kill-at.so COI_TEST_PROGRAM=coi COI_TEST_FAILED=$T/tmp/failed \
				env "COI_TEST_${how}_AT=$n" "$COI" update core -f >"$T/out" 2>&1; } 2>"$T/shell" || status=$?
			after_update "$status" || { echo "$how at step $n: status $status"; cat "$T/out"; return 1; }
			[ -e "$T/tmp/failed" ] || break
		done
		expect_equal "$status" 0 || { echo "$how at step $n"; cat "$T/out"; return 1; }
		is_whole 1.1.0
		[ "$n" -gt 8 ]
		# What was left behind goes with the update that comes through.
		expect_equal "$(ls -A "$T/prefix/lib/coi/releases" | paste -s -d' ')" "1.0.0 1.1.0"
	done
}

@test "install.sh: what is verified, into an empty prefix, and coi update goes on from there" {
	FRESH=$T/fresh
	COI_RELEASE_URL=$URL sign
	# Without anybody to ask it does not.
	run --separate-stderr setsid -w env -u CI CURL_CA_BUNDLE="$T/tls/ca.pem" PREFIX="$FRESH" \
		sh "$T/releases/install.sh" </dev/null
	expect_status 1
	expect_stderr "NONINTERACTIVE=1"
	[ ! -e "$FRESH" ]
	run --separate-stderr install_sh NONINTERACTIVE=1 VERSION=v1.1.0
	expect_status 0
	expect_equal "$("$FRESH/bin/coi" --version)" "coi v1.1.0"
	run --separate-stderr "$FRESH/bin/coi" update core --check
	expect_text "coi v1.1.0 is the latest release."
	run --separate-stderr install_sh NONINTERACTIVE=1 VERSION=0.9.9
	expect_equal "$("$FRESH/bin/coi" --version)" "coi v0.9.9"
	expect_equal "$(readlink "$FRESH/lib/coi/previous")" releases/1.1.0
	# Nothing else comes through.
	rm -rf "$FRESH"
	echo "plain *" >"$T/tls/mode"
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	rm "$T/tls/mode"
	another_byte "$T/releases/coi-1.1.0-linux-$ARCH.tar.xz" 100
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "has the SHA-256"
	sed -i 's/1.1.0/1.1.1/' "$T/releases/releases.json"
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 1
	expect_stderr "not signed"
	[ ! -e "$FRESH/lib/coi/current" ]
}

@test "install.sh: pages and completions where they are looked for, and --uninstall takes all away" {
	local pages=share/man/man1 words=share/bash-completion/completions name
	FRESH=$T/fresh
	COI_RELEASE_URL=$URL sign
	rm -rf "$FRESH"
	mkdir -p "$FRESH/$pages"
	echo theirs >"$FRESH/$pages/coi-run.1"
	echo theirs >"$FRESH/$pages/other.1"
	ln -s ../../../lib/coi/current/share/man/man1/coi-gone.1 "$FRESH/$pages/coi-gone.1"
	ln -s /nowhere "$FRESH/$pages/elsewhere.1"
	run --separate-stderr install_sh NONINTERACTIVE=1 VERSION=1.0.0
	expect_status 0
	expect_text "'$FRESH/$pages/coi-run.1' is somebody else's and stays"
	expect_equal "$(ls "$FRESH/$pages" | paste -s -d' ')" "coi-run.1 coi.1 elsewhere.1 other.1"
	cmp "$FRESH/$pages/coi.1" "$COI_TEST_SRC/docs/coi.1"
	cmp "$FRESH/$words/coi" "$COI_TEST_SRC/contrib/completion/bash/coi"
	# Its program's units name /usr/local/bin/coi, which this is not.
	[ ! -e "$FRESH/lib/systemd" ]
	# An update changes what they lead to.
	expect_equal "$(readlink -f "$FRESH/$pages/coi.1")" "$FRESH/lib/coi/releases/1.0.0/$pages/coi.1"
	"$FRESH/bin/coi" update core -f >/dev/null
	expect_equal "$(readlink -f "$FRESH/$pages/coi.1")" "$FRESH/lib/coi/releases/1.1.0/$pages/coi.1"
	run --separate-stderr install_sh NONINTERACTIVE=1
	expect_status 0
	# Where man is told to look by the path of programs.
	expect_equal "$(env -u MANPATH PATH="$FRESH/bin:$PATH" man -w coi 2>/dev/null | xargs -r readlink -f)" \
		"$FRESH/lib/coi/releases/1.1.0/$pages/coi.1"
	uninstall() {
		run --separate-stderr setsid -w env -u CI PREFIX="$FRESH" sh "$T/releases/install.sh" --uninstall "$@" </dev/null
	}
	# Not while something of it runs, nor without being told to.
	cp "$(command -v sleep)" "$FRESH/lib/coi/releases/1.1.0/bin/sleep"
	"$FRESH/lib/coi/releases/1.1.0/bin/sleep" 100 3>&- &
	uninstall --yes
	kill "$!"
	wait "$!" || true
	expect_status 1
	expect_stderr "are running"
	uninstall
	expect_status 1
	expect_stderr "NONINTERACTIVE=1"
	expect_equal "$("$FRESH/bin/coi" --version)" "coi v1.1.0"
	uninstall --yes
	expect_status 0
	expect_equal "$(cd "$FRESH" && find . ! -type d | sort | paste -s -d' ')" \
		"./$pages/coi-run.1 ./$pages/elsewhere.1 ./$pages/other.1"
	uninstall --yes
	expect_status 1
	expect_stderr "there is no release"
	rm -rf "$FRESH"
}
