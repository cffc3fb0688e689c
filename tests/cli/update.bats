#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Updates of the program, from a server of our own: what is verified, what is left alone,
# and that there is a whole release whatever ends an update.

setup_file() {
	load ../lib/common
	coi_setup_bare
	mkdir "$T/tls" "$T/releases" "$T/tree"
	chmod 0755 "$T/tls" "$T/releases"
	tree_of 1.0.0 "$T/tree"
	# Another version of the same length is the same program in all else.
	archive_of 1.1.0
	archive_of 0.9.9
	sign
	cp -R "$T/releases" "$T/good"
	python3 "$BATS_TEST_DIRNAME/../lib/release-server.py" "$T/tls" "$T/releases" 3>&- &
	echo $! >"$T/tls.pid"
	within 30 test -e "$T/tls/port"
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/tls.pid")"
	coi_teardown
}

setup() {
	load ../lib/common
	rm -rf "$T/prefix" "$T/releases"/* "$T/tls/mode"
	cp -R "$T/good/." "$T/releases"
	: >"$T/tls/log"
	install_tree
	URL=https://127.0.0.1:$(cat "$T/tls/port")
	export SSL_CERT_FILE=$T/tls/ca.pem
	mkdir -p "$HOME/.coi"
	printf '[update]\nurl = "%s"\n' "$URL" >"$HOME/.coi/config.toml"
	COI=$T/prefix/bin/coi
	cd "$T"
}

tree_of() { # VERSION DIRECTORY: a release, of what was built
	mkdir -p "$2/bin" "$2/libexec/coi" "$2/share/coi"
	python3 - "$COI_TEST_BUILD/coi-updatable" "$2/bin/coi" "$1" <<-'END'
		import sys
		data = open(sys.argv[1], "rb").read()
		assert data.count(b"\x001.0.0\x00") == 1
		open(sys.argv[2], "wb").write(data.replace(b"\x001.0.0\x00", b"\x00%s\x00" % sys.argv[3].encode()))
	END
	chmod 0755 "$2/bin/coi"
	strip "$2/bin/coi"
	cp "$COI_TEST_BUILD/coi-fetch" "$COI_TEST_BUILD/coi-verify" "$2/libexec/coi"
}

ARCH=$(dpkg --print-architecture)
archive_of() { # VERSION
	local name=coi-$1-linux-$ARCH
	tree_of "$1" "$T/make/$name"
	tar -C "$T/make" -cf - "$name" | xz -0 >"$T/releases/$name.tar.xz"
}

sign() {
	"$COI_TEST_SRC/contrib/release" index "$T/releases" "$COI_TEST_SRC/tests/lib/release-key.pem" >/dev/null
}

install_tree() {
	mkdir -p "$T/prefix/bin" "$T/prefix/lib/coi/releases"
	cp -R "$T/tree" "$T/prefix/lib/coi/releases/1.0.0"
	ln -s releases/1.0.0 "$T/prefix/lib/coi/current"
	ln -s ../lib/coi/current/bin/coi "$T/prefix/bin/coi"
}

is_whole() { # VERSION: it is what is run, and nothing of it is missing
	expect_equal "$("$COI" --version)" "coi v$1"
	expect_equal "$(readlink "$T/prefix/lib/coi/current")" "releases/$1"
	[ -x "$T/prefix/lib/coi/releases/$1/libexec/coi/coi-fetch" ]
}

untouched() {
	is_whole 1.0.0
	expect_equal "$(ls -A "$T/prefix/lib/coi/releases")" 1.0.0
	[ ! -e "$T/prefix/lib/coi/previous" ]
}

refused() { # TEXT ARGUMENT...: and all is as before
	local text=$1
	shift
	run --separate-stderr "$COI" update core "$@"
	expect_status 1
	expect_stderr "$text"
	untouched
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
