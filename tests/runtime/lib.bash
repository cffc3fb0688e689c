# SPDX-License-Identifier: GPL-2.0-or-later
# Containers of the runtime library, started by runtime-mini (mini.c).

MINI=${COI_TEST_BUILD:?}/runtime-mini
UNIFIED=/sys/fs/cgroup/unified
[ -d "$UNIFIED" ] || UNIFIED=/sys/fs/cgroup

runtime_setup_file() {
	[ "${COI_STAGE-}" = 1 ] || { echo "not in the namespaces of tests/lib/netns-stage" >&2; return 1; }
	RT=$(mktemp -d /var/tmp/coi-runtime.XXXXXX)
	export RT TAG="rt${RT##*.}"
	mkdir "$RT/image"
	tar -C "$RT/image" --numeric-owner -xpf "${COI_TEST_IMAGE:?}"
	mkdir -p "$RT/image/mnt"
}

# Everything that a test left is an error of that test, see runtime_teardown.
runtime_teardown_file() {
	rm -rf --one-file-system "$RT"
}

runtime_teardown() {
	local dir
	for dir in "$RT"/c-*; do
		[ -d "$dir" ] || continue
		[ ! -s "$dir/pid" ] || kill -9 "$(cat "$dir/pid")" 2>/dev/null || true
		leftovers "${dir##*/c-}"
		rm -rf --one-file-system "$dir"
	done
	[ -z "$(groups_of "$TAG")" ]
}

dir_of() { echo "$RT/c-$1"; }
name_of() { echo "$TAG-$1"; }
init_of() { sed 's/init \([^ ]*\) .*/\1/' "$(dir_of "$1")/info"; }
init_pid() { init_of "$1" | cut -d: -f1; }
monitor_pid() { sed 's/.* monitor \([0-9]*\):.*/\1/' "$(dir_of "$1")/info"; }
super_pid() { cat "$(dir_of "$1")/pid"; }
field() { sed "s/.* $2 \\([0-9]*\\).*/\\1/" "$(dir_of "$1")/info"; }

# up NAME [key=value...]: start, and return when it is ready
up() {
	local name=$1 dir
	dir=$(dir_of "$1")
	shift
	mkdir -p "$dir"
	: >"$dir/info"
	mkfifo "$dir/started" 2>/dev/null || true
	local layer=(layer="$RT/image")
	[ -z "${NO_LAYER-}" ] || layer=()
	{ "$MINI" up "$(name_of "$name")" "$dir" "${layer[@]}" "$@" 2>"$dir/err" 3>&- & echo $! >&4; } \
		4>"$dir/pid" | { head -n 1 >"$dir/info"; echo >"$dir/started"; cat >/dev/null; } 3>&- &
	read -r <"$dir/started"
	[ -s "$dir/info" ] || { cat "$dir/err" >&2; return 1; }
}

ctl() { # what NAME [args...]
	local what=$1 name=$2
	shift 2
	"$MINI" "$what" "$(name_of "$name")" "$(dir_of "$name")" "$(init_of "$name")" "$@"
}

# Stop by the supervisor and wait for its end.
down() {
	kill "$(super_pid "$1")"
	gone "$(super_pid "$1")"
}

gone() { # PID: until it is no more, at most 10 s
	timeout 10 tail --pid="$1" -s 0.02 -f /dev/null
}

leftovers() { ctl leftovers "$1"; }

# in_c NAME [key=value...] -- ARGV
in_c() { ctl exec "$1" env=PATH=/usr/bin:/bin:/sbin no_stdin=1 "${@:2}"; }
as_code() { in_c "$1" uid=1000 -- sh -c "$2"; }
as_root() { in_c "$1" uid=0 gid=0 -- sh -c "$2"; }

groups_of() { find /sys/fs/cgroup -name "*.$1-*" -prune 2>/dev/null; }
