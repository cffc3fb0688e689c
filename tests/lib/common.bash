# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For the suites: `load ../lib/common`, `coi_setup` in setup_file, `coi_teardown` in
# teardown_file. Each file has a COI_ROOT on the machine's real file system, a HOME of its
# own, and the small test image under the name of the default image, so that plain
# `coi run` works.

. "$(dirname "${BASH_SOURCE[0]}")/words.bash"

bats_require_minimum_version 1.5.0
: "${COI_TEST_SRC:=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")}"
: "${COI_TEST_BUILD:=$COI_TEST_SRC/build}"
export COI_TEST_SRC COI_TEST_BUILD

# The program under test. In the background use "$COI": the function is a subshell there.
COI=${COI_TEST_BIN:-$COI_TEST_BUILD/coi}
export COI
coi() {
	"${COI_TEST_BIN:-$COI_TEST_BUILD/coi}" "$@"
}

# A hanging command is a failing test.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}

# How often a heavy loop runs: long SHORT LONG.
long() {
	if [ -n "${COI_TEST_LONG-}" ]; then echo "$2"; else echo "$1"; fi
}

# Make the directories, without any image.
coi_setup_bare() {
	[ "${COI_STAGE-}" = 1 ] || {
		echo "run this by tests/run or tests/lib/netns-stage" >&2
		return 1
	}
	T=$(mktemp -d "/var/tmp/coi-test.$$.XXXXXX")
	chmod 0755 "$T"
	echo "$T" >>"$COI_STAGE_DIR/made"
	export T COI_ROOT=$T/root HOME=$T/home
	unset COI_CONFIG COI_PROFILE COI_CONTAINER COI_CONTAINER_PREFIX COI_TRUST_ALL COI_DEBUG SUDO_UID SUDO_GID
	mkdir "$HOME" "$T/tmp"
	make_workspace "$T/ws"
	cd "$T/ws" || return 1
}

coi_setup() {
	coi_setup_bare || return 1
	local image=${COI_TEST_IMAGE-}
	if [ -z "$image" ]; then
		image=$T/image.tar
		"$COI_TEST_SRC/tests/lib/mkimage" "$image"
	fi
	coi image import "$image" --alias coi-default >"$T/import.log" 2>&1 || {
		cat "$T/import.log" >&2
		return 1
	}
	# The test image has no systemd, so shell and launch use the small init too.
	mkdir -p "$HOME/.coi"
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
}

# For files that say "# coi: default-image": the state directory that has that image.
default_setup() {
	[ -n "${COI_TEST_DEFAULT-}" ] || { echo "no default image was made" >&2; return 1; }
	coi_setup_bare || return 1
	export COI_ROOT=$COI_TEST_DEFAULT/root
	mkdir -p "$HOME/.coi"
}

default_teardown() {
	cd / || return 1
	coi kill --all --force >/dev/null 2>&1 || true
	remove_cgroups
	rm -rf --one-file-system "$T"
}

# A directory of an ordinary user (uid 1234, who needs no entry in passwd) to work in.
make_workspace() {
	mkdir -p "$1"
	chown "${2:-1234:1234}" "$1"
}

coi_teardown() {
	cd / || return 1
	[ -n "${T-}" ] && [ -d "$T" ] || return 0
	timeout 60 "${COI_TEST_BIN:-$COI_TEST_BUILD/coi}" kill --all --force >/dev/null 2>&1 || true
	# Supervisors go on cleaning up, what they marked immutable too.
	within 20 quiet >/dev/null 2>&1 || true
	remove_cgroups
	# Mounts below go with this namespace; nothing here may be one of the machine.
	if grep -q " $T" /proc/self/mountinfo; then
		grep " $T" /proc/self/mountinfo | awk '{ print $5 }' | sort -r |
			while read -r where; do umount -l "$where" || true; done
	fi
	rm -rf --one-file-system "$T"
}

# The tag that COI_ROOT has in machine-wide names (layout.h).
root_tag() {
	printf '%s' "$COI_ROOT" | sha256sum | cut -c1-6
}

# Control groups of this COI_ROOT: those with its tag in a component.
own_cgroups() {
	find /sys/fs/cgroup -type d -name "*$(root_tag)*" 2>/dev/null | sort
}

# After a test that failed: end what runs in them, by pid, then take them away.
remove_cgroups() {
	local dir pid try
	for try in 1 2 3 4 5; do
		own_cgroups | while read -r dir; do
			find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null |
				while read -r pid; do
					[ "$pid" = 0 ] || kill -9 "$pid" 2>/dev/null || true
				done
		done
		own_cgroups | sort -r | while read -r dir; do
			find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null || true
		done
		[ -n "$(own_cgroups)" ] || return 0
		sleep 0.2
	done
	return 0
}

# What must be the same before and after, one file for each kind.
snapshot() { # NAME
	local dir=$T/snap.$1
	rm -rf "$dir"
	mkdir "$dir"
	nft list ruleset >"$dir/nft"
	ip -o link | sed 's/^[0-9]*: //; s/ qlen [0-9]*//' | sort >"$dir/links"
	{ ip rule; ip -6 rule; } 2>/dev/null >"$dir/rules"
	ip route show table all | sort >"$dir/routes"
	findmnt -rno TARGET,SOURCE,FSTYPE | sort >"$dir/mounts"
	own_cgroups >"$dir/cgroups"
	if [ -n "${COI_TEST_ALONE-}" ]; then
		find /sys/fs/cgroup -type d 2>/dev/null | sort >"$dir/cgroups-all"
	fi
	# Names, not contents: an allocator may remember what it gave away. Lock files stay.
	(cd "$COI_ROOT" && find . -mindepth 1 \( -name '*.lock' -o -name lock \
		-o -path './layers/*/*/*' \) -prune -o -print) | sort >"$dir/state"
	own_processes >"$dir/processes"
}

# Processes of ours in this process namespace: by program, by control group.
own_processes() {
	local pid exe
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort -n); do
		exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
		case $exe in
		"$COI_TEST_BUILD"/* | */libexec/coi/*) echo "$exe" ;;
		*) grep -q "$(root_tag)" "/proc/$pid/cgroup" 2>/dev/null && echo "$exe (container)" ;;
		esac
	done | sort
	return 0
}

# Compare two snapshots; what differs is printed.
same() { # BEFORE AFTER
	diff -r -U1 "$T/snap.$1" "$T/snap.$2" >"$T/diff" || {
		echo "left behind or lost:"
		head -n 60 "$T/diff"
		return 1
	}
}

# Cleaning may go on after the answer: the condition is asked again until the limit.
within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { "$@"; return; }
		sleep 0.05
	done
}

# No process of ours is left, so what is cleaned after an answer has been cleaned.
quiet() {
	[ -z "$(own_processes)" ]
}

settled() { # BEFORE: nothing but what was there then
	snapshot now && same "$1" now
}

# All of ours ends at once, and nobody gets to clean up behind another, as when the power is cut.
power_off() {
	local signal pid
	for signal in STOP STOP KILL; do
		for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
			case $(readlink "/proc/$pid/exe" 2>/dev/null) in
			"$COI_TEST_BUILD"/*) kill -$signal "$pid" 2>/dev/null || true ;;
			esac
		done
	done
	remove_cgroups
	within 20 quiet
}

expect_settled() { # BEFORE
	within 15 quiet
	within 10 settled "$1"
}

# A command on the internet side.
in_world() {
	nsenter --net="$COI_STAGE_WORLD" "$@"
}

# Lines that arrived at the internet side and match.
arrived() {
	grep -E "$1" "$COI_STAGE_LOG"
}

# Assertions that say what they saw (after bats' `run`).
expect_status() {
	[ "$status" = "$1" ] || {
		echo "status $status, not $1; output:"
		echo "$output"
		[ -z "${stderr-}" ] || echo "stderr: $stderr"
		return 1
	}
}

expect_text() { # TEXT in the output
	[[ "$output" == *"$1"* ]] || {
		echo "no '$1' in:"
		echo "$output"
		return 1
	}
}

expect_stderr() {
	[[ "$stderr" == *"$1"* ]] || {
		echo "no '$1' on stderr:"
		echo "$stderr"
		return 1
	}
}

expect_equal() { # ACTUAL EXPECTED
	[ "$1" = "$2" ] || {
		echo "is:       $1"
		echo "expected: $2"
		return 1
	}
}

# One clear line: an error is "Error: …" and at most a few lines of what to do.
expect_one_error() {
	local count
	count=$(printf '%s\n' "$stderr" | grep -c '^Error: ')
	[ "$count" = 1 ] || {
		echo "$count lines of 'Error:' in:"
		echo "$stderr"
		return 1
	}
}

container_name() { # [SLOT] of the workspace in the current directory
	printf '%s%s-%s\n' "${COI_CONTAINER_PREFIX:-coi-}" \
		"$(printf '%s' "$PWD" | sha256sum | cut -c1-8)" "${1:-1}"
}

pids_of() { # PROGRAM: of ours, in this process namespace
	local pid
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
		[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$COI_TEST_BUILD/$1" ] && echo "$pid"
	done
	return 0
}
