#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A release as people get it: packed by contrib/release, put in place by install.sh from a
# server of our own, containers at work with it, and another release in its place meanwhile.

setup_file() {
	load ../lib/common
	load ../lib/releases
	coi_setup_bare
	mkdir "$T/tls" "$T/releases" "$T/later" "$T/up" "$T/work" "$T/next"
	# What runs as nobody is started where nobody may go, too.
	mkdir -m 0700 "$T/private"
	chmod 0755 "$T/tls" "$T/releases"
	pack_release >"$T/log" 2>&1 || {
		tail -n 30 "$T/log"
		return 1
	}
	VERSION=$(sed -n 's/^AC_INIT(\[coi\], \[\([^]]*\)\].*/\1/p' "$COI_TEST_SRC/configure.ac")
	# The one after it is the same in all but its name.
	NEXT=$(next_version "$VERSION")
	export VERSION NEXT
	pack_next
	COI_RELEASE_URL="" sign
	serve_releases
}

teardown_file() {
	load ../lib/common
	[ ! -s "$T/tls.pid" ] || kill "$(cat "$T/tls.pid")"
	TMUX_TMPDIR=$T/tmp tmux -L outer kill-server 2>/dev/null || true
	export COI_TEST_BIN=$T/private/opt/bin/coi
	coi_teardown
}

setup() {
	load ../lib/common
	load ../lib/releases
	export TMUX_TMPDIR=$T/tmp
	unset TMUX
	name_releases
	printf '[container]\ninit = "coi-init"\n' >>"$HOME/.coi/config.toml"
	LIB=$T/private/opt/lib/coi
	COI=$T/private/opt/bin/coi
	export COI_TEST_BIN=$COI
	cd "$T/ws"
}

# What was built, linked anew as "configure --enable-relocatable --with-release-key" has it.
# All of that is in a layer above the build directory, which stays as it is.
pack_release() {
	unshare --mount --propagation private bash -eu -c '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$T/up,workdir=$T/work" "$1"
		touch -r "$1/build-config.h" "$T/time"
		key=$(openssl pkey -in "$2/tests/lib/release-key.pem" -pubout -outform DER | tail -c 32 |
			od -An -v -tx1 | tr -d " \n")
		sed -i "s/^#define COI_RELOCATABLE .*/#define COI_RELOCATABLE true/
			s/^#define COI_RELEASE_KEY .*/#define COI_RELEASE_KEY \"$key\"/" "$1/build-config.h"
		touch -r "$T/time" "$1/build-config.h"
		rm "$1/src/base/libbase_a-build.o"
		make -s -C "$1" -j 2
		"$2/contrib/release" pack "$T/releases" "$1"' - "$COI_TEST_BUILD" "$COI_TEST_SRC"
}

pack_next() {
	local name=coi-$NEXT-linux-$ARCH file
	tar -C "$T/next" -xf "$T/releases/coi-$VERSION-linux-$ARCH.tar.xz"
	mv "$T/next/coi-$VERSION-linux-$ARCH" "$T/next/$name"
	for file in "$T/next/$name"/bin/* "$T/next/$name"/libexec/coi/*; do
		! grep -qaP "\\x00${VERSION//./\\.}\\x00" "$file" || as_version "$VERSION" "$NEXT" "$file" "$file"
	done
	tar -C "$T/next" -cf - "$name" | xz -0 >"$T/later/$name.tar.xz"
}

# The programs that run out of releases: "VERSION NAME".
running() {
	local pid exe
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
		exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
		[[ "$exe" != "$LIB/releases/"* ]] || printf '%s %s\n' "$(cut -d/ -f1 <<<"${exe#"$LIB/releases/"}")" "${exe##*/}"
	done | sort | uniq
}

terminal() {
	tmux -L outer -f /dev/null new-session -d -x 120 -y 40 "$@"
}

screen_shows() {
	tmux -L outer capture-pane -p 2>/dev/null | grep -qF -- "$1"
}

supervised_by() { # VERSION
	expect_equal "$(running | grep coi-supervisor)" "$1 coi-supervisor"
}

no_supervisor() {
	not grep -q coi-supervisor <(running)
}

version_is() { # VERSION
	expect_equal "$("$COI" version --format json | jq -r .version)" "v$1"
}

@test "install.sh puts the release in place, and a container runs with it" {
	FRESH=$T/private/opt
	run --separate-stderr install_sh COI_RELEASE_URL="$URL" NONINTERACTIVE=1
	expect_status 0
	expect_text "$COI"
	version_is "$VERSION"
	"$COI" image import "$COI_TEST_IMAGE" --alias coi-default
	run --separate-stderr "$COI" run -- sh -c 'id -un; echo made >file'
	expect_status 0
	expect_equal "$output" code
	expect_equal "$(stat -c %u file) $(cat file)" "1234 made"
	within 20 no_supervisor
	# Its recipes are beside it.
	run --separate-stderr "$COI" build no-such-recipe
	expect_status 1
	expect_stderr coi-slim
}

@test "another release takes its place under a container, which both attend to" {
	local name
	"$COI" shell --debug --background
	name=$(container_name 1)
	supervised_by "$VERSION"
	cp "$T/later/"*.tar.xz "$T/releases"
	sign
	run --separate-stderr "$COI" update core --check
	expect_status 0
	expect_text "coi v$VERSION is installed, v$NEXT is there."
	run --separate-stderr "$COI" update core --dry-run
	expect_status 0
	expect_text "coi-$NEXT-linux-$ARCH.tar.xz"
	version_is "$VERSION"
	run --separate-stderr "$COI" update core -f
	expect_status 0
	expect_text "coi v$NEXT is installed, v$VERSION is kept beside it."
	version_is "$NEXT"

	# The old supervisor goes on, and answers the new program.
	supervised_by "$VERSION"
	expect_equal "$("$COI" list --format json | jq -r '.active_containers[].name')" "$name"
	expect_equal "$("$COI" container exec "$name" -- cat /workspace/file)" made
	"$COI" tmux send "$name" 'echo typed-$((40+2)) >typed'
	within 20 test -s typed
	terminal "$COI attach; echo ended with \$?; sleep 1000"
	within 20 screen_shows '$'
	tmux -L outer send-keys 'echo by-hand-$((3*7)) >by-hand' Enter
	within 20 test -s by-hand
	expect_equal "$(cat typed by-hand | xargs)" "typed-42 by-hand-21"
	tmux -L outer send-keys C-b d
	within 10 screen_shows "ended with 0"
	tmux -L outer kill-server
	"$COI" kill --force "$name"
	within 20 no_supervisor
}

@test "what is started then is the new release's, and the old one takes it over when it is back" {
	"$COI" container launch coi-default web
	supervised_by "$NEXT"
	run --separate-stderr "$COI" update core --rollback -f
	expect_status 0
	version_is "$VERSION"
	supervised_by "$NEXT"
	expect_equal "$("$COI" container exec web -- echo up)" up
	"$COI" container stop web --force
	within 20 no_supervisor
	"$COI" container start web
	supervised_by "$VERSION"
	"$COI" container exec web -- true
	"$COI" container delete web --force
	within 20 no_supervisor
	expect_equal "$(ls "$LIB/releases" | xargs)" "$VERSION $NEXT"
}

@test "whatever this version is, there is a next one of the same length" {
	local version next
	for version in 0.9.0 0.9.8 0.9.9 0.19.9 0.9.19 1.2.99 1.99.99 8.9.9 10.9.9; do
		next=$(next_version "$version")
		expect_equal "${#next}" "${#version}"
		expect_equal "$(printf '%s\n' "$next" "$version" | sort -V | head -n 1)" "$version"
		[[ "$next" != "$version" && "$next" =~ ^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$ ]]
	done
	not next_version 9.9.9
}
