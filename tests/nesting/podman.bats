#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# Podman and docker without systemd, in `coi run` and in containers of coi-init, with images
# that are made in there; and what an engine needs of a container, row by row.

setup_file() {
	load ../lib/common
	default_setup "$T/ws"
	load engines
	engine_files
	# All that people do with podman; prints one word a step.
	cat >"$T/ws/use-podman" <<-'END_OF_FILE'
		set -eu
		sh /workspace/make-image podman
		podman run --rm small sh -c 'echo id-$(id -u)'
		dir=$(mktemp -d)
		printf 'FROM small\nRUN echo built >/made\nCMD ["cat", "/made"]\n' >"$dir/Dockerfile"
		podman build -q -t made "$dir" >/dev/null
		podman run --rm made
		podman volume create data >/dev/null
		podman run --rm -v data:/srv small sh -c 'echo volume >/srv/index.html'
		podman pod create --name pod -p 8080:80 >/dev/null
		podman run -d --pod pod -v data:/srv:ro small httpd -f -p 80 -h /srv >/dev/null
		podman run --rm --pod pod small sh -c 'until curl -sS -m 5 http://127.0.0.1/ 2>/dev/null; do sleep 0.1; done'
		echo "port-$(curl -sS -m 5 http://127.0.0.1:8080/)"
		podman network create net >/dev/null
		podman run -d --network net --name web -v data:/srv:ro small httpd -f -p 80 -h /srv >/dev/null
		echo "name-$(podman run --rm --network net small sh -c 'until curl -sS -m 5 http://web/ 2>/dev/null; do sleep 0.1; done')"
		podman pod rm -f -t 0 pod >/dev/null
		podman rm -f -t 0 web >/dev/null
		echo "left-$(podman ps -aq | wc -l)"
	END_OF_FILE
	chown -R 1234:1234 "$T/ws"
}

teardown_file() {
	load ../lib/common
	default_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	printf '[container]\nimage = "coi-podman"\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
}

up() {
	coi shell --debug --background
}
# Root in the container of the first slot, in the workspace.
inside() {
	coi container exec "$(container_name 1)" --cwd /workspace -- "$@"
}
as_user() {
	coi container exec "$(container_name 1)" --cwd /workspace --user 1000 -- "$@"
}

@test "podman of root: run, build, a pod of two, volumes, ports, a network with names" {
	up
	run --separate-stderr inside sh /workspace/use-podman
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "id-0 built volume port-volume name-volume left-0"
}

@test "the same by the user, without root" {
	up
	run --separate-stderr as_user sh /workspace/use-podman
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "id-0 built volume port-volume name-volume left-0"
}

@test "podman with systemd as process 1, by root and by the user" {
	sed -i '/^init/d' "$HOME/.coi/config.toml"
	up
	local who
	for who in inside as_user; do
		run --separate-stderr $who sh -ec 'sh /workspace/make-image podman; podman run --rm small id -u'
		expect_status 0
		expect_equal "$output" 0
	done
}

@test "in each mode podman's containers reach what the container reaches, and no more" {
	local mode gateway outer
	for mode in restricted allowlist open; do
		printf '[network]\nmode = "%s"\nallowed_domains = ["203.0.113.10"]\n' $mode >>"$HOME/.coi/config.toml"
		up
		inside sh /workspace/make-image podman
		as_user sh /workspace/make-image podman
		gateway=$(inside sh -c "ip route show default | cut -d ' ' -f 3")
		outer=$(inside sh /workspace/reach '' "$gateway")
		expect_equal "$mode: $(inside sh /workspace/reach 'podman run --rm small' "$gateway")" "$mode: $outer"
		expect_equal "$mode: $(as_user sh /workspace/reach 'podman run --rm small' "$gateway")" "$mode: $outer"
		grep -qx "203.0.113.10 answers" <<<"$outer"
		grep -qx "$gateway does not" <<<"$outer"
		[ $mode = open ] || grep -qx "169.254.169.254 does not" <<<"$outer"
		coi kill --force "$(container_name 1)"
		sed -i '/^\[network/,$d' "$HOME/.coi/config.toml"
	done
}

@test "docker without systemd: run, build and compose in coi run" {
	cat >compose.yml <<-'END'
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
	cat >use-docker <<-'END'
		set -eu
		dockerd >/tmp/dockerd.log 2>&1 &
		until docker info >/dev/null 2>&1; do kill -0 $! || { cat /tmp/dockerd.log >&2; exit 1; }; sleep 0.1; done
		sh /workspace/make-image docker
		docker run --rm small sh -c 'echo id-$(id -u)'
		printf 'FROM small\nRUN echo built >/made\nCMD ["cat", "/made"]\n' >/root/Dockerfile
		docker build -q -t made /root >/dev/null
		docker run --rm made
		docker compose up --abort-on-container-exit 2>/dev/null | grep -o from-the-volume
		docker run --rm small sh -c 'curl -sS -m 2 http://169.254.169.254/ >/dev/null 2>&1 || echo no-metadata'
		docker run --rm --pids-limit 20 --memory 64m small echo limited
	END
	sed -i 's/^image = .*/image = "coi-default"/' "$HOME/.coi/config.toml"
	run --separate-stderr coi run -- sudo sh use-docker
	expect_status 0
	expect_equal "$(xargs <<<"$output")" "id-0 built from-the-volume no-metadata limited"
}

# ---- what engines need, and what is left of it where they are not allowed

# WHO runs COMMAND of each row of openings.tsv; a line "NAME yes" or "NAME no" each.
try_rows() {
	local who name script='' by
	for by in root code; do
		script='cd /tmp
'
		while IFS=$'\t' read -r name who _ _ _ command; do
			[ "$who" = $by ] || continue
			script+="if ($command) >/dev/null 2>&1; then echo '$name yes'; else echo '$name no'; fi
"
		done < <(grep -v '^#' "$COI_TEST_SRC/tests/nesting/openings.tsv")
		if [ $by = root ]; then inside bash -c "$script"; else as_user bash -c "$script"; fi
	done | sort
}

# The expectations of one of the columns 3 to 5. "host": as on this machine itself.
meant() { # COLUMN
	local line name command word
	grep -v '^#' "$COI_TEST_SRC/tests/nesting/openings.tsv" | while IFS= read -r line; do
		name=$(cut -f 1 <<<"$line") word=$(cut -f "$1" <<<"$line") command=$(cut -f 6 <<<"$line")
		if [ "$word" = host ]; then
			word=no
			! unshare --net bash -c "$command" >/dev/null 2>&1 || word=yes
		fi
		echo "$name $word"
	done | sort
}

rows_are() { # COLUMN
	local seen
	seen=$(try_rows)
	[ "$(wc -l <<<"$seen")" -gt 10 ]
	diff <(meant "$1") <(echo "$seen")
}

@test "what engines need of a container is there" {
	up
	rows_are 3
	coi security show --format json "$(container_name 1)" | jq -e .nesting
}

@test "container.docker = false: nothing of it is there" {
	printf 'docker = false\n' >>"$HOME/.coi/config.toml"
	expect_equal "$(coi security show --format json | jq .nesting)" false
	up
	rows_are 4
	run coi security show "$(container_name 1)"
	expect_status 0
	expect_text "Containers inside: no"
}

@test "reduce_kernel_surface_strict turns it off, and key rings with it" {
	printf '[security]\nreduce_kernel_surface_strict = true\n' >>"$HOME/.coi/config.toml"
	up
	rows_are 5
	run coi security show "$(container_name 1)"
	expect_status 0
	expect_text "System calls: strict"
	expect_text "Containers inside: no"
}
