#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# install.sh [--url URL] [--prefix DIR] [--version VERSION] [--yes]: install a release of coi
# install.sh --uninstall [--prefix DIR] [--yes]: take it away again
#
#   URL      https address of the directory with releases.json   ($COI_RELEASE_URL)
#   DIR      where to, default /usr/local                        ($PREFIX)
#   VERSION  default: the latest                                 ($VERSION)
#   --yes    do not ask                      ($NONINTERACTIVE or $CI, anything but empty)
#
# What it fetches is verified: the list of releases has to be signed with the key below
# (Ed25519), the archive has to have the SHA-256 of the list. It lies then as
# DIR/lib/coi/releases/VERSION, with DIR/lib/coi/current and DIR/bin/coi as links to it,
# and `coi update core` replaces it. Manual pages, completions of shells and, below /usr/local,
# units of systemd are links below DIR/share and DIR/lib/systemd. State, images and settings
# (/var/lib/coi, ~/.coi) are not touched by --uninstall. Needs curl, openssl (3), tar, xz and
# sha256sum.
set -eu
umask 022
unset TAR_OPTIONS XZ_OPT XZ_DEFAULTS # a person's habits

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
	sed -n '4,19s/^# \{0,1\}//p' "$0" 2>/dev/null >&2 || say "usage: install.sh [--url URL] [--prefix DIR]" >&2
	exit 2
}

prefix=${PREFIX:-/usr/local}
version=${VERSION:-latest}
url=${COI_RELEASE_URL:-$release_url}
yes=${NONINTERACTIVE:-${CI:-}}
uninstall=
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
	--uninstall) uninstall=1 ;;
	*) usage ;;
	esac
	shift
done

# Nothing of this is begun when a part of the script did not arrive (curl | sh).
main() {
	check_prefix
	if [ -n "$uninstall" ]; then
		take_away
		exit 0
	fi
	check_all
	work=$(mktemp -d "${TMPDIR:-/tmp}/coi-install.XXXXXX") ||
		fail "cannot make a directory in ${TMPDIR:-/tmp}; TMPDIR may name another place"
	tree=
	trap 'rm -rf "$work" ${tree:+"$tree"}' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	fetch_index
	choose
	ask "coi v$version for $arch, from $url, to $prefix." "Install it?"
	fetch_archive
	place
	offer
	say "coi v$version is installed: $prefix/bin/coi"
	say "Next: sudo $prefix/bin/coi build   (the default image; once)"
	say "      sudo $prefix/bin/coi health  (does this machine have what it takes?)"
}

check_prefix() {
	case $prefix in
	/*) ;;
	*) fail "'$prefix' is no absolute path" ;;
	esac
	lib=$prefix/lib/coi
	if [ -e "$prefix/bin/coi" ] || [ -L "$prefix/bin/coi" ]; then
		[ "$(readlink "$prefix/bin/coi")" = ../lib/coi/current/bin/coi ] ||
			fail "'$prefix/bin/coi' is there and is no release; remove it first (its package, or make uninstall)"
	fi
}

check_all() {
	[ -n "$release_key" ] || fail "this copy has no key to verify releases with; take the one that lies beside them"
	case $url in
	https://*) ;;
	'') fail "say where the releases are: --url https://…" ;;
	*) fail "'$url' is no https address" ;;
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
	nearest=$prefix
	while [ ! -e "$nearest" ]; do
		nearest=$(dirname "$nearest")
	done
	for dir in "$nearest" "$lib" "$prefix/bin"; do
		[ ! -e "$dir" ] || [ -w "$dir" ] ||
			fail "'$dir' is not writable for you; run this as root (sudo sh install.sh), or choose another place by --prefix"
	done
}

# The limit of the shell (units of 512 bytes, in some 1024) is for a server that does not
# say how much it sends: older ones of curl go on then.
fetch() { # NAME MAX-BYTES FILE
	(
		ulimit -c 0
		ulimit -f "$(($2 / 512 + 1))"
		exec curl --proto =https --proto-redir =https --fail --location --max-redirs 5 \
			--silent --show-error --connect-timeout 30 --speed-limit 1024 --speed-time 60 \
			--retry 3 --max-filesize "$2" --output "$3" "${url%/}/$1"
	) || {
		[ ! -e "$3" ] || [ "$(wc -c <"$3")" -lt "$2" ] || fail "'${url%/}/$1' has more than $2 bytes"
		fail "cannot fetch '${url%/}/$1'; is the network there, and $work not full?"
	}
	[ "$(wc -c <"$3")" -le "$2" ] || fail "'${url%/}/$1' has more than $2 bytes"
}

fetch_index() {
	fetch releases.json 1048576 "$work/releases.json"
	fetch releases.json.sig 64 "$work/releases.json.sig"
	printf -- '-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n' "$release_key" >"$work/key.pem"
	openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/releases.json" \
		-sigfile "$work/releases.json.sig" >/dev/null 2>&1 ||
		fail "the list of releases is not signed with the key of this script; nothing was changed"
	check_time
}

number_of() { # TEXT: it, or 0 where it is no number
	case $1 in
	'' | *[!0-9]*) echo 0 ;;
	*) echo "$1" ;;
	esac
}

# Who shows an old list holds back what was mended since: as coi update core has it.
check_time() {
	made=$(number_of "$(sed -n 's/^  "made": \([0-9]*\),$/\1/p' "$work/releases.json")")
	[ "$made" -gt 0 ] || fail "the list of releases does not say when it was made"
	[ "$made" -le $(($(date +%s) + 86400)) ] ||
		fail "the list of releases was made in the future of this machine's clock; set the clock and try again"
	expires=$(number_of "$(sed -n 's/^  "expires": \([0-9]*\),$/\1/p' "$work/releases.json")")
	[ "$expires" = 0 ] || [ "$(date +%s)" -lt "$expires" ] ||
		fail "the list of releases has expired at $(date -u -d "@$expires" 2>/dev/null || echo "$expires"); nothing was changed. If this machine's clock is right, ask the project"
	seen=$(number_of "$(readlink "$lib/newest-list" 2>/dev/null)")
	[ "$made" -ge "$seen" ] ||
		fail "this list of releases is older than one that this machine has seen; nothing was changed. If the project says that it is right: rm $lib/newest-list"
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

ask() { # WHAT QUESTION
	say "$1"
	[ -z "$yes" ] || return 0
	# What is piped into the shell is this script: a person is at the terminal.
	(: </dev/tty) 2>/dev/null || fail "there is no terminal to ask at; NONINTERACTIVE=1 goes on without"
	printf '%s [y/N]: ' "$2" >/dev/tty
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
	# One change at a time, with coi update core too.
	if command -v flock >/dev/null; then
		(umask 077 && : >>"$lib/.lock")
		exec 9<"$lib/.lock"
		flock -n 9 || fail "another installation or update of '$lib' is under way; try again when it is done"
		check_time
	fi
	tree=$(mktemp -d "$lib/releases/.tree-install.XXXXXX")
	chmod 0755 "$tree"
	tar -x -J -f "$work/archive" -C "$tree" --no-same-owner --no-same-permissions --strip-components=1 ||
		fail "tar cannot unpack '$file' to '$lib'; is there space left? Nothing was changed"
	said=$("$tree/bin/coi" --version 2>"$work/why") || said=
	if [ "$said" != "coi v$version" ]; then
		cat "$work/why" >&2
		ldd "$tree/bin/coi" 2>/dev/null | grep 'not found' >&2 || true
		fail "coi v$version does not run on this machine; is a library missing, or '$lib' mounted with noexec? Nothing was changed"
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
	[ "$made" = "$seen" ] || link "$made" "$lib/newest-list"
	link "releases/$version" "$lib/current"
	[ -L "$prefix/bin/coi" ] || link ../lib/coi/current/bin/coi "$prefix/bin/coi"
}

# What others look for in places of their own: pages, completions, units. The units name
# /usr/local/bin/coi.
places() {
	echo "share/man/man1 share/man/man5 share/man/man7 share/bash-completion/completions"
	echo "share/zsh/site-functions share/fish/vendor_completions.d"
	[ "$prefix" != /usr/local ] || echo "lib/systemd/system"
}

is_ours() { # LINK
	case $(readlink "$1" 2>/dev/null) in
	*../lib/coi/current/"${1#"$prefix/"}") ;;
	*) return 1 ;;
	esac
}

# Links of ours in one of those places; with "gone": those that lead nowhere.
take_links() { # PLACE [gone]
	for one in "$prefix/$1"/*; do
		if is_ours "$one" && { [ -z "${2-}" ] || [ ! -e "$one" ]; }; then
			rm -f "$one"
		fi
	done
}

# Through "current", so that an update changes what they lead to.
offer() {
	for dir in $(places); do
		take_links "$dir" gone
		[ -d "$lib/current/$dir" ] || continue
		mkdir -p "$prefix/$dir" 2>/dev/null || continue
		up=$(printf '%s\n' "$dir" | sed 's|[^/]*|..|g')
		for file in "$lib/current/$dir"/*; do
			name=$(basename "$file")
			here=$prefix/$dir/$name
			if [ -e "$here" ] || [ -L "$here" ]; then
				is_ours "$here" || say "'$here' is somebody else's and stays"
				continue
			fi
			ln -s "$up/lib/coi/current/$dir/$name" "$here" 2>/dev/null ||
				say "cannot make '$here'"
		done
	done
}

take_away() {
	[ -d "$lib" ] || fail "there is no release in '$lib'"
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe" 2>/dev/null) in
		"$(readlink -f "$lib")"/*) fail "programs of '$lib' are running, containers perhaps: $prefix/bin/coi kill --all" ;;
		esac
	done
	ask "coi below $prefix goes; state, images and settings (/var/lib/coi, ~/.coi) stay." "Remove it?"
	for dir in $(places); do
		take_links "$dir"
	done
	rm -f "$prefix/bin/coi"
	rm -rf "${lib:?}"
	say "coi is removed from $prefix."
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
