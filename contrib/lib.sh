# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Steps with progress, for quickstart and check. Sourced.
#
# begin NAME starts a step (and ends the one before); run COMMAND… writes into the step's
# log and, when it fails, names the step and shows the end of the log.

step=0
step_name=
step_start=0
# shellcheck disable=SC2034 # step_name is read by fail
log_dir=$(mktemp -d "${TMPDIR:-/tmp}/coi-steps.XXXXXX")
trap 'rm -rf "$log_dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now() {
	date +%s
}

end_steps() {
	[ -z "$step_name" ] || echo "   done in $(($(now) - step_start)) s"
	step_name=
}

begin() {
	end_steps
	step=$((step + 1))
	step_name=$1
	step_start=$(now)
	echo "== $step. $1"
}

fail() {
	echo
	echo "FAILED in step $step ($step_name): $1" >&2
	if [ -s "$log_dir/$step" ]; then
		echo "The last lines of what it said:" >&2
		tail -n 25 "$log_dir/$step" | sed 's/^/    /' >&2
		# Of a name that nobody knows before: root writes it where others may write too.
		kept=$(mktemp "${TMPDIR:-/tmp}/coi-step-$step.log.XXXXXX" 2>/dev/null) &&
			cp "$log_dir/$step" "$kept" && echo "All of it: $kept" >&2
	fi
	exit 1
}

# A command that takes long shows that it lives: a dot for every five seconds.
run() {
	"$@" >>"$log_dir/$step" 2>&1 &
	run_pid=$!
	(
		waited=0
		while kill -0 "$run_pid" 2>/dev/null; do
			sleep 1
			waited=$((waited + 1))
			[ $((waited % 5)) != 0 ] || printf .
			[ $waited -lt 5 ] || [ $((waited % 150)) != 0 ] || echo
		done
		[ $waited -lt 5 ] || echo
	) &
	dots=$!
	status=0
	wait "$run_pid" || status=$?
	wait "$dots" || true
	[ "$status" = 0 ] || fail "'$1' ended with status $status"
}

# The names of a package list.
package_names() {
	sed 's/#.*//; s/[ 	].*//; /^$/d' "$1"
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Install what is missing from a list. Without apt, say what has to be there.
need_packages() {
	missing=
	if ! command -v dpkg-query >/dev/null; then
		echo "   no Debian packages here; please see to it that these are there:"
		package_names "$1" | sed 's/^/     /'
		return 0
	fi
	for package in $(package_names "$1"); do
		is_installed "$package" || missing="$missing $package"
	done
	if [ -z "$missing" ]; then
		echo "   all there"
		return 0
	fi
	echo "   missing:$missing"
	[ "$(id -u)" = 0 ] || fail "only root can install packages; run: apt-get install$missing"
	export DEBIAN_FRONTEND=noninteractive
	# A machine that has just been set up knows of no packages yet; a broken third source
	# must not keep us from what is there.
	apt-get update >>"$log_dir/$step" 2>&1 || echo "   apt-get update complained; going on"
	# shellcheck disable=SC2086 # a list of words
	run apt-get install -y --no-install-recommends $missing
}

# build_tree SOURCE BUILD CONFIGURE-ARGUMENT…: configure where needed, and make.
build_tree() {
	tree=$1
	out=$2
	shift 2
	if [ ! -x "$tree/configure" ] || [ "$tree/configure.ac" -nt "$tree/configure" ]; then
		run "$tree/autogen.sh"
	fi
	mkdir -p "$out"
	echo "$tree $*" >"$out/.configured.new"
	if [ ! -f "$out/config.status" ] || ! cmp -s "$out/.configured" "$out/.configured.new"; then
		# A source that has moved leaves rules for files that are not there any more.
		find "$out" -type f \( -name '*.Po' -o -name '*.o' -o -name '*.a' \) -exec rm -f {} +
		rm -f "$out/.configured"
		(cd "$out" && run "$tree/configure" "$@")
	fi
	run make -C "$out" -j "$(getconf _NPROCESSORS_ONLN)"
	mv "$out/.configured.new" "$out/.configured" # only now: what did not build begins anew
}
