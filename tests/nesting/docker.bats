#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# Docker in containers of the default image, with images that are made in there: no
# registry is asked. What its containers reach is what the container around them reaches.

setup_file() {
	load ../lib/common
	default_setup "$T/ws"
	load engines
	engine_files
	cat >"$T/ws/compose.yml" <<-'END'
		version: "3"
		services:
		  web:
		    image: small
		    command: httpd -f -p 80 -h /srv
		    volumes: [ "data:/srv" ]
		  asker:
		    image: small
		    command: sh -c 'echo from-the-volume >/srv/index.html; until curl -sS -m 5 http://web/; do sleep 0.2; done'
		    volumes: [ "data:/srv" ]
		volumes:
		  data: {}
	END
	chown -R 1234:1234 "$T/ws"
}

teardown_file() {
	load ../lib/common
	default_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	: >"$HOME/.coi/config.toml"
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
}

# Root in the container of the first slot, in the workspace.
inside() {
	coi container exec "$(container_name 1)" --cwd /workspace -- "$@"
}

@test "docker run, build and compose in a container that has just started" {
	coi shell --debug --background
	run --separate-stderr inside sh /workspace/make-image docker
	expect_status 0
	expect_equal "$(inside docker info --format '{{.Driver}}')" fuse-overlayfs
	run --separate-stderr inside docker run --rm small sh -c 'id -u; echo 1 >/tmp/x; cat /tmp/x'
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "0 1"
	inside sh -c 'mkdir /root/context && cd /root/context &&
		printf "FROM small\nRUN echo built >/made\nCMD [\"cat\", \"/made\"]\n" >Dockerfile &&
		docker build -q -t made . >/dev/null'
	expect_equal "$(inside docker run --rm made)" built
	run --separate-stderr inside docker compose -f compose.yml up --abort-on-container-exit
	expect_status 0
	expect_text "from-the-volume"
	inside docker compose -f compose.yml down -v
	expect_equal "$(inside docker ps -aq)" ""
	# The user of the session may use it, too.
	expect_equal "$(coi container exec "$(container_name 1)" --user 1000 -- docker run --rm made)" built
}

@test "in each mode docker's containers reach what the container reaches, and no more" {
	local mode gateway inner
	for mode in restricted allowlist open; do
		printf '[network]\nmode = "%s"\nallowed_domains = ["203.0.113.10"]\n' $mode >"$HOME/.coi/config.toml"
		coi shell --debug --background
		inside sh /workspace/make-image docker
		gateway=$(inside sh -c "ip route show default | cut -d ' ' -f 3")
		inner=$(inside sh /workspace/reach 'docker run --rm small' "$gateway")
		expect_equal "$mode: $inner" "$mode: $(inside sh /workspace/reach '' "$gateway")"
		grep -qx "203.0.113.10 answers" <<<"$inner"
		grep -qx "$gateway does not" <<<"$inner"
		case $mode in
		restricted) expect_equal "$(grep -c answers <<<"$inner")" 2 ;;
		allowlist) expect_equal "$(grep -c answers <<<"$inner")" 1 ;;
		open) grep -qx "10.9.8.7 answers" <<<"$inner" ;;
		esac
		coi kill --force "$(container_name 1)"
	done
}

@test "all that docker can give its containers is nothing on the host" {
	coi shell --debug --background
	inside sh /workspace/make-image docker
	# More than the container around it has cannot be given.
	run inside docker run --rm --privileged small true
	[ "$status" != 0 ]
	expect_text "unable to apply caps"
	run inside docker run --rm --cap-add SYS_ADMIN --cap-add SYS_PTRACE --cap-add NET_ADMIN \
		--security-opt seccomp=unconfined --security-opt systempaths=unconfined \
		--pid host --net host -v /:/outer small sh -c '
		mount -t proc proc /tmp; echo $?
		for file in kernel/panic_on_oops kernel/core_pattern vm/drop_caches; do
			echo 1 >/proc/sys/$file; echo $?
			echo 1 >/tmp/sys/$file; echo $?
		done 2>/dev/null
		echo x >/tmp/sysrq-trigger; echo $?
		ls /outer/workspace >/dev/null; echo $?'
	expect_status 0
	expect_equal "$(grep -x '[0-9]*' <<<"$output" | xargs)" "0 1 1 1 1 1 1 1 0"
}

@test "user namespaces of the user's own have ids enough for an engine without root" {
	coi shell --debug --background
	run --separate-stderr coi container exec "$(container_name 1)" --user 1000 -- \
		unshare --user --map-auto --map-root-user --mount sh -c '
			awk "{ n += \$3 } END { print n }" /proc/self/uid_map
			mount -t tmpfs none /mnt && touch /mnt/x && chown 1000:1000 /mnt/x && stat -c %u /mnt/x'
	expect_status 0
	[ "${lines[0]}" -ge 65536 ]
	expect_equal "${lines[1]}" 1000
}
