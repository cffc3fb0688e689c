# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the suites that watch containers. A is where their records are; each has settings of its own.

launch() { # NAME
	coi container launch coi-default "$1" 2>"$T/launch.err" || { cat "$T/launch.err"; return 1; }
}

gone() { # NAME
	coi container delete --force "$1" >/dev/null 2>&1 || true
}

inside() { # NAME COMMAND...
	"$COI" container exec "$1" -- "${@:2}"
}

running() { # NAME
	coi container running "$1"
}

not_running() { # NAME
	! coi container running "$1" 2>/dev/null
}

frozen() { # NAME
	[ "$(coi container list --format json | jq -r --arg n "$1" '.[] | select(.name == $n).status')" = Frozen ]
}

has() { # FILE JQ-CONDITION
	jq -e "select($2)" "$1" 2>/dev/null | grep -q .
}

count() { # FILE JQ-CONDITION
	jq -c "select($2)" "$1" | wc -l
}

pid_of() { # NAME KEY: a number of its record
	sed -n "s/^$2 *= *\([0-9]*\).*/\1/p" "$COI_ROOT/containers/$1/container.ini"
}

watcher_of() { # NAME: pid of one that has not ended
	ps -eo pid=,ppid=,stat=,comm= |
		awk -v s="$(pid_of "$1" supervisor)" '$2 == s && $3 !~ /Z/ && $4 == "coi-watch" { print $1 }'
}

another_watcher() { # NAME PID: than that
	local now
	now=$(watcher_of "$1")
	[ -n "$now" ] && [ "$now" != "$2" ]
}

# Without another program.
read_quietly() { # NAME FILE
	inside "$1" bash -c 'f=$1; exec 3<"$f"; read -r x <&3' x "$2"
}

