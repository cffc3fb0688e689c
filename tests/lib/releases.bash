# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For suites of updates: releases 0.9.9, 1.0.0 and 1.1.0 of what was built, behind a server
# of our own (release-server.py), and 1.0.0 installed in $T/prefix.

releases_setup() { # for setup_file
	coi_setup_bare
	mkdir "$T/tls" "$T/releases" "$T/tree"
	chmod 0755 "$T/tls" "$T/releases"
	tree_of 1.0.0 "$T/tree"
	# Another version of the same length is the same program in all else.
	archive_of 1.0.0
	archive_of 1.1.0
	archive_of 0.9.9
	sign
	cp -R "$T/releases" "$T/good"
	serve_releases
}

serve_releases() {
	python3 "$COI_TEST_SRC/tests/lib/release-server.py" "$T/tls" "$T/releases" 3>&- &
	echo $! >"$T/tls.pid"
	within 30 test -e "$T/tls/port"
}

releases_begin() { # for setup
	rm -rf "$T/prefix" "$T/releases"/* "$T/tls/mode"
	cp -R "$T/good/." "$T/releases"
	: >"$T/tls/log"
	install_tree
	name_releases
	COI=$T/prefix/bin/coi
	cd "$T" || return 1
}

# The settings name the server.
name_releases() {
	URL=https://127.0.0.1:$(cat "$T/tls/port")
	export SSL_CERT_FILE=$T/tls/ca.pem
	mkdir -p "$HOME/.coi"
	printf '[update]\nurl = "%s"\n' "$URL" >"$HOME/.coi/config.toml"
}

# VERSION: a later one of the same length (9 is followed by 0 and one more before it).
next_version() {
	local IFS=. parts i next
	read -r -a parts <<<"$1"
	for ((i = ${#parts[@]} - 1; i >= 0; i--)); do
		next=$((parts[i] + 1))
		[ ${#next} = ${#parts[i]} ] && break
		# Of as many digits, and no 0 before others.
		next=$((10 ** (${#parts[i]} - 1)))
		[ "$next" != 1 ] || next=0
		parts[i]=$next
	done
	[ "$i" -ge 0 ] || return 1
	parts[i]=$next
	echo "${parts[*]}"
}

# FROM-VERSION VERSION FILE TO: the program in FILE under another version of the same length.
as_version() {
	python3 - "$@" <<-'END'
		import sys
		was, now, source, to = sys.argv[1:]
		data = open(source, "rb").read()
		marks = [b"\x00%s\x00" % v.encode() for v in (was, now)]
		assert data.count(marks[0]) == 1 and len(was) == len(now), source
		open(to, "wb").write(data.replace(*marks))
	END
}

tree_of() { # VERSION DIRECTORY: a release, of what was built
	mkdir -p "$2/bin" "$2/libexec/coi" "$2/share/coi" "$2/share/man/man1" \
		"$2/share/bash-completion/completions"
	cp "$COI_TEST_SRC/docs/coi.1" "$COI_TEST_SRC/docs/commands/coi-run.1" "$2/share/man/man1"
	cp "$COI_TEST_SRC/contrib/completion/bash/coi" "$2/share/bash-completion/completions/coi"
	as_version 1.0.0 "$1" "$COI_TEST_BUILD/coi-updatable" "$2/bin/coi"
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

# SED-SCRIPT: the good list, changed by it, and signed as it is then.
sign_changed() {
	local list=$T/releases/releases.json
	sed "$1" "$T/good/releases.json" >"$list"
	openssl pkeyutl -sign -rawin -inkey "$COI_TEST_SRC/tests/lib/release-key.pem" -in "$list" \
		-out "$list.sig"
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

# ENVIRONMENT...: install.sh of the releases, into $FRESH.
install_sh() {
	env -u CI CURL_CA_BUNDLE="$T/tls/ca.pem" PREFIX="$FRESH" "$@" sh "$T/releases/install.sh"
}
