#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# install.sh [--url URL] [--prefix DIR] [--version VERSION] [--yes]: install a release of coi
#
#   URL      https address of the directory with releases.json   ($COI_RELEASE_URL)
#   DIR      where to, default /usr/local                        ($PREFIX)
#   VERSION  default: the latest                                 ($VERSION)
#   --yes    do not ask                      ($NONINTERACTIVE or $CI, anything but empty)
#
# What it fetches is verified: the list of releases has to be signed with the key below
# (Ed25519), the archive has to have the SHA-256 of the list. It lies then as
# DIR/lib/coi/releases/VERSION, with DIR/lib/coi/current and DIR/bin/coi as links to it,
# and `coi update core` replaces it. Needs curl, openssl (3), tar, xz and sha256sum.
#
# To remove it all: rm -r DIR/lib/coi DIR/bin/coi (state and images: /var/lib/coi).
set -eu
umask 022

# Filled in by contrib/release: the public key, and where the releases are.
release_key=
release_url=

say() {
	printf '%s\n' "$1"
}

fail() {
	printf 'install.sh: %s\n' "$1" >&2
	exit 1
}

usage() {
	sed -n '4,16s/^# \{0,1\}//p' "$0" 2>/dev/null >&2 || say "usage: install.sh [--url URL] [--prefix DIR]" >&2
	exit 2
}

prefix=${PREFIX:-/usr/local}
version=${VERSION:-latest}
url=${COI_RELEASE_URL:-$release_url}
yes=${NONINTERACTIVE:-${CI:-}}
while [ $# -gt 0 ]; do
	case $1 in
	--url | --prefix | --version)
		[ $# -ge 2 ] || usage
		case $1 in
		--url) url=$2 ;;
		--prefix) prefix=$2 ;;
		*) version=$2 ;;
		esac
		shift
		;;
	--yes) yes=1 ;;
	*) usage ;;
	esac
	shift
done

# Nothing of this is begun when a part of the script did not arrive (curl | sh).
main() {
	check_all
	work=$(mktemp -d "${TMPDIR:-/tmp}/coi-install.XXXXXX")
	tree=
	trap 'rm -rf "$work" ${tree:+"$tree"}' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	fetch_index
	choose
	ask
	fetch_archive
	place
	say "coi v$version is installed: $prefix/bin/coi"
	say "Next: sudo $prefix/bin/coi build   (the default image; once)"
	say "      sudo $prefix/bin/coi health  (does this machine have what it takes?)"
}

check_all() {
	[ -n "$release_key" ] || fail "this copy has no key to verify releases with; take the one that lies beside them"
	case $url in
	https://*) ;;
	'') fail "say where the releases are: --url https://…" ;;
	*) fail "'$url' is no https address" ;;
	esac
	case $prefix in
	/*) ;;
	*) fail "'$prefix' is no absolute path" ;;
	esac
	for tool in curl openssl tar xz sha256sum; do
		command -v "$tool" >/dev/null || fail "'$tool' is missing; on Debian: apt-get install curl openssl tar xz-utils coreutils"
	done
	case $(uname -s) in
	Linux) ;;
	*) fail "coi runs on Linux" ;;
	esac
	case $(uname -m):$(getconf LONG_BIT) in
	x86_64:64) arch=amd64 ;;
	x86_64:32 | i?86:*) arch=i386 ;;
	aarch64:64) arch=arm64 ;;
	aarch64:32 | armv7*:* | armv8*:32) arch=armhf ;;
	riscv64:*) arch=riscv64 ;;
	ppc64le:*) arch=ppc64el ;;
	s390x:*) arch=s390x ;;
	*) fail "there are no releases for $(uname -m)" ;;
	esac
	lib=$prefix/lib/coi
	if [ -e "$prefix/bin/coi" ] || [ -L "$prefix/bin/coi" ]; then
		[ "$(readlink "$prefix/bin/coi")" = ../lib/coi/current/bin/coi ] ||
			fail "'$prefix/bin/coi' is there and is no release; remove it first (its package, or make uninstall)"
	fi
	nearest=$prefix
	while [ ! -e "$nearest" ]; do
		nearest=$(dirname "$nearest")
	done
	for dir in "$nearest" "$lib" "$prefix/bin"; do
		[ ! -e "$dir" ] || [ -w "$dir" ] ||
			fail "'$dir' is not writable for you; run this as root (sudo sh install.sh), or choose another place by --prefix"
	done
}

fetch() { # NAME MAX-BYTES FILE
	curl --proto =https --proto-redir =https --fail --location --silent --show-error \
		--retry 3 --max-filesize "$2" --output "$3" "${url%/}/$1" ||
		fail "cannot fetch '${url%/}/$1'"
	[ "$(wc -c <"$3")" -le "$2" ] || fail "'${url%/}/$1' has more than $2 bytes"
}

fetch_index() {
	fetch releases.json 1048576 "$work/releases.json"
	fetch releases.json.sig 64 "$work/releases.json.sig"
	printf -- '-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n' "$release_key" >"$work/key.pem"
	openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/releases.json" \
		-sigfile "$work/releases.json.sig" >/dev/null 2>&1 ||
		fail "the list of releases is not signed with the key of this script; nothing was changed"
}

# Of what is signed, in the lines that contrib/release writes it in.
choose() {
	if [ "$version" = latest ]; then
		version=$(sed -n 's/^  "latest": "\([^"]*\)",$/\1/p' "$work/releases.json")
	fi
	version=${version#v}
	line=$(awk -v version="$version" -v arch="$arch" '
		/^    \{ "version": / { split($0, f, "\""); here = f[4] == version }
		here && index($0, "      \"" arch "\": {") == 1 { print }' "$work/releases.json")
	[ -n "$line" ] || fail "there is no release $version for $arch"
	file=$(printf '%s\n' "$line" | sed 's/.*"file": "\([^"]*\)".*/\1/')
	hash=$(printf '%s\n' "$line" | sed 's/.*"sha256": "\([^"]*\)".*/\1/')
	size=$(printf '%s\n' "$line" | sed 's/.*"size": \([0-9]*\).*/\1/')
}

ask() {
	say "coi v$version for $arch, from $url, to $prefix."
	[ -z "$yes" ] || return 0
	# What is piped into the shell is this script: a person is at the terminal.
	(: </dev/tty) 2>/dev/null || fail "there is no terminal to ask at; NONINTERACTIVE=1 installs without"
	printf 'Install it? [y/N]: ' >/dev/tty
	read -r answer </dev/tty || answer=
	case $answer in
	y | Y) ;;
	*)
		say "Cancelled."
		exit 0
		;;
	esac
}

fetch_archive() {
	fetch "$file" "$size" "$work/archive"
	have=$(sha256sum <"$work/archive" | cut -d' ' -f1)
	[ "$have" = "$hash" ] || fail "'$file' has the SHA-256 $have, and the list says $hash; nothing was changed"
}

# Whole before a name leads to it, and by rename(2): as coi update core does it.
place() {
	mkdir -p "$prefix/bin" "$lib/releases"
	tree=$(mktemp -d "$lib/releases/.tree-install.XXXXXX")
	chmod 0755 "$tree"
	tar -x -J -f "$work/archive" -C "$tree" --no-same-owner --no-same-permissions --strip-components=1
	said=$("$tree/bin/coi" --version 2>"$work/why") || said=
	if [ "$said" != "coi v$version" ]; then
		cat "$work/why" >&2
		ldd "$tree/bin/coi" 2>/dev/null | grep 'not found' >&2 || true
		fail "coi v$version does not run on this machine; is a library missing? Nothing was changed"
	fi
	sync
	if [ "$("$lib/releases/$version/bin/coi" --version 2>/dev/null)" = "coi v$version" ]; then
		rm -rf "$tree"
	else
		rm -rf "${lib:?}/releases/$version"
		mv "$tree" "$lib/releases/$version"
	fi
	tree=
	before=$(readlink "$lib/current" 2>/dev/null) || before=
	if [ -n "$before" ] && [ "$before" != "releases/$version" ]; then
		link "$before" "$lib/previous"
	fi
	link "releases/$version" "$lib/current"
	[ -L "$prefix/bin/coi" ] || link ../lib/coi/current/bin/coi "$prefix/bin/coi"
}

link() { # TARGET LINK
	rm -f "$2.new"
	ln -s "$1" "$2.new"
	mv -T "$2.new" "$2" 2>/dev/null || {
		rm -f "$2.new"
		fail "cannot switch the link '$2'"
	}
}

main
