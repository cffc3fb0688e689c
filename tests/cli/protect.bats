#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Protected paths of the workspace: root in the container against them, placeholders and
# their end, settings, what cannot be protected, mounts that show the same files.

setup_file() {
	load ../lib/common
	coi_setup
	git config --global --add safe.directory '*'
	git config --global user.name x
	git config --global user.email x@example.invalid
	git config --global init.defaultBranch main
	cp "$HOME/.coi/config.toml" "$T/config.base"
	cd "$T"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	within 15 quiet
	cp "$T/config.base" "$HOME/.coi/config.toml"
	remove_workspaces
	make_repo "$T/ws"
	cd "$T/ws"
}

teardown() {
	cd "$T"
	unset COI_CRASH_AT COI_CONFIG
	coi kill --all --force >/dev/null 2>&1 || true
	coi clean --orphans --force >/dev/null 2>&1 || true
	within 15 quiet
	remove_workspaces
}

remove_workspaces() {
	cd "$T" || return 1
	chattr -R -i "$T"/ws "$T"/other "$T"/main 2>/dev/null || true
	rm -rf --one-file-system "$T"/ws "$T"/other "$T"/main
}

make_repo() {
	mkdir -p "$1"
	git -C "$1" init -q
	echo one >"$1/file"
	git -C "$1" add file
	git -C "$1" commit -q -m one
	chown -R 1234:1234 "$1"
}

settings() { # LINE... below [security]
	{ cat "$T/config.base"; echo "[security]"; printf '%s\n' "$@"; } >"$HOME/.coi/config.toml"
}

tree() { # what is there, with what is in it
	(cd "${1:-.}" && find . -path ./.git/objects -prune -o -printf '%y %p %l\n' | sort
		find . -path ./.git/objects -prune -o -type f ! -path ./.git/index -exec sha256sum {} + | sort)
}

session_begin() {
	coi shell --debug --background "$@" >"$T/begin.log" 2>&1 || {
		cat "$T/begin.log"
		return 1
	}
	name=$(container_name 1)
}

as_owner() {
	setpriv --reuid 1234 --regid 1234 --clear-groups "$@"
}

as_root() {
	coi container exec "$name" -- "$@"
}

paths=".git/hooks .git/config .git/config.worktree .git/info/attributes .git/commondir .husky .vscode .coi"

# Each of these ends in a write by a name of the protected path; the host tells whether it
# arrived.
attack_script() {
	cat <<-'END'
	cd /workspace
	put() { # PATH MARK
		if [ -d "$1" ]; then touch "$1/evil-$2"; else echo "evil-$2" >>"$1"; fi
	}
	again() { # move away, and put a copy there
		mv "$1" "$1.away" && cp -a "$1.away" "$1" && rm -rf "$1.away"
	}
	attack() {
		case $2 in
		write) ;;
		remove) cp -a "$1" /tmp/keep; rm -rf "$1"; cp -a /tmp/keep "$1" ;;
		rename) again "$1" ;;
		parent) again "$(dirname "$1")" ;;
		top) again "${1%%/*}" ;;
		replace) [ -d "$1" ] || { cp -a "$1" new; mv -f new "$1"; } ;;
		exchange) mkdir -p away; mv "$1" away/; cp -a "away/$(basename "$1")" "$1" ;;
		umount) umount "$1" ;;
		lazy) umount -l "$1"; umount -l "$(dirname "$1")" ;;
		remount) mount -o remount,rw "$1"; mount -o remount,bind,rw "$1" ;;
		move) mkdir -p /tmp/moved; mount --move "$1" /tmp/moved ;;
		bind) mkdir -p /tmp/b; mount --bind /workspace /tmp/b && put "/tmp/b/$1" "$2"; umount /tmp/b ;;
		bindparent) mkdir -p /tmp/p; mount --bind "/workspace/$(dirname "$1")" /tmp/p && put "/tmp/p/$(basename "$1")" "$2"; umount /tmp/p ;;
		rbind) mkdir -p /tmp/r; mount --rbind /workspace /tmp/r; umount -l "/tmp/r/$1"
			mount -o remount,bind,rw "/tmp/r/$1"; put "/tmp/r/$1" "$2" ;;
		unshare) unshare -m sh -c "umount -l '$1'; mount -o remount,bind,rw '$1'; $(command -V put | sed 1d); put '$1' '$2'" ;;
		userns) unshare -r -m sh -c "umount -l '$1'; mount -o remount,bind,rw '$1'; $(command -V put | sed 1d); put '$1' '$2'" ;;
		proc) put "/proc/1/root/workspace/$1" "$2" ;;
		chmod) chmod -R 777 "$1"; chown -R 0:0 "$1" ;;
		esac
		put "$1" "$2"
	}
	for kind in $2; do
		( attack "$1" "$kind" ) >/dev/null 2>&1
		rm -rf /tmp/keep away new /tmp/moved
	done
	END
}

attacks="write remove rename parent top replace exchange umount lazy remount move bind bindparent rbind unshare userns proc chmod"

arrived_at() { # PATH: the attacks that arrived there
	if [ -d "$1" ]; then
		(cd "$1" && ls -A) | sed -n 's/^evil-//p'
	else
		sed -n 's/^evil-//p' "$1"
	fi | sort -u | tr '\n' ' '
}

@test "each attack on each path arrives without protection" {
	settings 'disable_protection = true'
	mkdir -p .git/info .husky .vscode .coi
	touch .git/config.worktree .git/info/attributes .git/commondir
	chown -R 1234:1234 .
	session_begin
	local path wanted
	wanted=$(tr ' ' '\n' <<<"$attacks" | sort | tr '\n' ' ')
	for path in $paths; do
		as_root bash -c "$(attack_script)" attack "$path" "$attacks"
		# One that replaced the whole may have taken the marks before it along.
		expect_equal "$path: $(arrived_at "$path")" "$path: $wanted"
	done
}

@test "none of them arrives with protection, by mounts alone" {
	settings 'host_immutable = false'
	local before path
	session_begin
	before=$(tree)
	for path in $paths; do
		[ -e "$path" ]
		as_root bash -c "$(attack_script)" attack "$path" "$attacks"
		expect_equal "$path: $(arrived_at "$path")" "$path: "
	done
	expect_equal "$(tree)" "$before"
}

@test "what exists and has content is as safe" {
	settings 'host_immutable = false'
	mkdir -p .vscode .coi .husky .git/info
	echo '{}' >.vscode/settings.json
	echo '# mine' >.coi/config.toml
	echo hook >.husky/pre-commit
	echo '* text' >.git/info/attributes
	git config --file .git/config.worktree a.b c
	chown -R 1234:1234 .
	local before during path
	before=$(tree)
	session_begin
	during=$(tree)
	for path in $paths; do
		as_root bash -c "$(attack_script)" attack "$path" "$attacks"
	done
	as_root sh -c 'echo evil >/workspace/.coi/config.toml; rm -f /workspace/.husky/pre-commit' || true
	expect_equal "$(tree)" "$during"
	coi kill --all --force
	expect_equal "$(tree)" "$before"
}

@test "the rest of the workspace and of .git is writable as ever" {
	run --separate-stderr coi run -- sh -c 'echo two >file; mkdir sub; mv sub sub2;
		echo x >.git/new; mv .git/new .git/new2; echo ref >.git/refs/heads/other; echo e >.git/info/x'
	expect_status 0
	expect_equal "$(cat file .git/new2 .git/refs/heads/other .git/info/x)" $'two\nx\nref\ne'
	[ -d sub2 ]
}

@test "git status is the same before, during and after, and so is the tree" {
	local before status_before
	before=$(tree)
	status_before=$(git status --porcelain --ignored)
	session_begin
	expect_equal "$(git status --porcelain --ignored)" "$status_before"
	coi kill --all --force
	expect_equal "$(git status --porcelain --ignored)" "$status_before"
	expect_equal "$(tree)" "$before"
	git fsck --no-progress
}

@test "placeholders are gone as soon as a run has ended; used ones stay" {
	settings 'host_immutable = false'
	local before
	before=$(tree)
	coi run -- true
	expect_equal "$(tree)" "$before"
	session_begin
	[ -d .coi ] && [ -d .husky ]
	expect_equal "$(stat -c %u:%g .coi)" 1234:1234
	echo mine >.coi/config.toml
	coi kill --all --force
	expect_equal "$(cat .coi/config.toml)" mine
	[ ! -e .husky ] && [ ! -e .vscode ] && [ ! -e .git/info/attributes ]
}

@test "without a repository nothing of git's is made" {
	rm -rf .git
	session_begin
	[ ! -e .git ] && [ -d .coi ]
	run as_root sh -c 'touch /workspace/.coi/x'
	[ "$status" != 0 ]
	as_root sh -c 'mkdir /workspace/.git'
}

@test "the last of two containers of a workspace takes the placeholders away" {
	session_begin
	coi shell --debug --background
	[ -d .coi ]
	coi kill "$(container_name 1)"
	within 15 test ! -e "$COI_ROOT/containers/$(container_name 1)"
	[ -d .coi ] && [ -e .git/config.worktree ]
	run coi container exec "$(container_name 2)" -- sh -c 'touch /workspace/.coi/x'
	[ "$status" != 0 ]
	coi kill "$(container_name 2)"
	within 5 test ! -e .coi
	[ ! -e .git/config.worktree ] && [ ! -e .husky ]
}

@test "a crash at any point leaves no placeholder after the next command" {
	local before at
	before=$(tree)
	for at in start:protect:before start:protect:after start:rootfs:after start:start:after \
		serve:ended:after start:protect:undo create:spawn:before; do
		COI_CRASH_AT=$at coi run -- true >/dev/null 2>&1 || true
		coi clean --orphans --force >/dev/null 2>&1 || true
		within 15 quiet
		expect_equal "$at $(tree)" "$at $before"
	done
	session_begin
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\) .*/\1/p' "$COI_ROOT/containers/$name/container.ini")"
	coi kill --all --force
	within 15 quiet
	expect_equal "$(tree)" "$before"
}

@test "a stopped container has none, and gets them again" {
	coi shell --debug --background --persistent
	name=$(container_name 1)
	[ -d .coi ]
	coi container stop "$name"
	[ ! -e .coi ]
	coi container start "$name"
	run as_root sh -c 'touch /workspace/.coi/x'
	[ "$status" != 0 ]
	coi container delete --force "$name"
	within 10 test ! -e .coi
}

@test "writable_paths, writable_hooks and additional paths" {
	cat >>"$HOME/.coi/config.toml" <<-'END'
		[git]
		writable_hooks = true
		[security]
		additional_protected_paths = ["deploy/keys", "deploy/prod/"]
		writable_paths = [".vscode", "deploy/prod/log"]
	END
	mkdir -p deploy/prod/log
	chown -R 1234:1234 deploy
	local before
	before=$(tree)
	run --separate-stderr coi run -- sh -c '
		echo x >.git/hooks/made && rm .git/hooks/made && echo hooks
		mkdir .vscode && rmdir .vscode && echo vscode
		touch deploy/keys/x 2>/dev/null || echo keys
		touch deploy/prod/x 2>/dev/null || echo prod
		touch deploy/prod/log/x && rm deploy/prod/log/x && echo log
		mv deploy deploy2 2>/dev/null || echo parent'
	expect_status 0
	expect_equal "$output" $'hooks\nvscode\nkeys\nprod\nlog\nparent'
	expect_equal "$(tree)" "$before"
}

@test "protected_paths: one's own list in place of the usual one" {
	settings 'protected_paths = ["deploy/keys/", ".coi"]'
	mkdir -p deploy
	chown -R 1234:1234 deploy
	run --separate-stderr coi run -- sh -c '
		mkdir .vscode && rmdir .vscode && echo vscode
		echo x >.git/hooks/made && rm .git/hooks/made && echo hooks
		mkdir -p deploy/keys; touch deploy/keys/x 2>/dev/null || echo keys
		touch .coi/x 2>/dev/null || echo coi'
	expect_status 0
	expect_equal "$output" $'vscode\nhooks\nkeys\ncoi'
}

@test "an entry that is no path of the workspace is refused, by file and line" {
	local bad
	for bad in ../up /abs a/../../b . ''; do
		settings "additional_protected_paths = [\"$bad\", \"good\"]"
		run --separate-stderr coi run -- true
		expect_status 1
		expect_stderr "config.toml:4:"
		expect_stderr "additional_protected_paths"
		[ ! -e good ]
	done
}

@test "a link in place of a protected path, or on the way to it, ends the launch" {
	local before bad
	mkdir elsewhere
	for bad in .husky .git/hooks .git/info .coi; do
		rm -rf "$bad"
		ln -s "$T/ws/elsewhere" "$bad"
		before=$(tree)
		run --separate-stderr coi run -- true
		expect_status 1
		expect_one_error
		expect_stderr "cannot protect '$T/ws/"
		expect_stderr "symbolic link"
		expect_stderr "writable_paths = ["
		expect_equal "$(tree)" "$before"
		rm "$bad"
		mkdir "$bad"
	done
	mv .git real
	ln -s real .git
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "cannot protect '$T/ws/.git': it is a symbolic link"
	[ -z "$(ls elsewhere)" ]
}

@test "a FIFO or a socket in place of one ends the launch" {
	mkfifo .coi
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "cannot protect '$T/ws/.coi': it is neither a directory nor a file"
	rm .coi
}

@test "configurations of work trees, and a work tree as workspace" {
	settings 'host_immutable = false'
	git worktree add -q ../other 2>/dev/null
	git config extensions.worktreeConfig true
	git -C ../other config --worktree a.b c
	chown -R 1234:1234 . ../other
	session_begin
	run as_root sh -c 'cd /workspace/.git/worktrees/other && echo evil >>config.worktree'
	[ "$status" != 0 ]
	run as_root sh -c 'cd /workspace/.git && mv worktrees worktrees2'
	[ "$status" != 0 ]
	coi kill --all --force
	within 15 quiet
	cd ../other
	local before
	before=$(cat .git)
	run --separate-stderr coi run -- sh -c 'echo "gitdir: /workspace/evil" >.git; mv .git x; rm -f .git; pwd'
	expect_equal "$output" "$T/other"
	expect_equal "$(cat .git)" "$before"
}

@test "a mount that shows the workspace elsewhere is no way round" {
	cat >>"$HOME/.coi/config.toml" <<-END
		[security]
		host_immutable = false
		[[mounts.default]]
		host = "$T/ws"
		container = "/again"
		[[mounts.default]]
		host = "$T/ws/.git"
		container = "/git"
		[[mounts.default]]
		host = "$T/ws/.git/hooks"
		container = "/hooks"
	END
	local before
	before=$(tree)
	session_begin
	run as_root sh -c 'echo evil >/again/.git/hooks/evil'
	[ "$status" != 0 ]
	run as_root sh -c 'echo evil >>/git/config'
	[ "$status" != 0 ]
	run as_root sh -c 'mv /again/.git /again/.git2'
	[ "$status" != 0 ]
	run as_root sh -c 'echo evil >/hooks/evil'
	[ "$status" != 0 ]
	as_root sh -c 'echo fine >/git/fine'
	rm .git/fine
	coi kill --all --force
	expect_equal "$(tree)" "$before"
}

@test "the same directory at two places of the host, and mounts around and within the workspace" {
	mkdir -p "$T/other" "$T/main/sub" "$T/alias"
	mount --bind "$T" "$T/alias"
	cat >>"$HOME/.coi/config.toml" <<-END
		[security]
		host_immutable = false
		disable_protection = false
		[[mounts.default]]
		host = "$T/alias/ws"
		container = "/alias"
		[[mounts.default]]
		host = "$T/alias/ws/.git/info"
		container = "/info"
		[[mounts.default]]
		host = "$T/alias/home"
		container = "/h"
		[[mounts.default]]
		host = "$T"
		container = "/all"
		[[mounts.default]]
		host = "$T/ws/.husky"
		container = "/workspace/husky-too"
	END
	mkdir .husky
	chown -R 1234:1234 .husky
	local before
	before=$(tree)
	session_begin
	attack_each() {
		local way
		for way in /workspace /alias /all/ws; do
			as_root sh -c "cd $way || exit; echo evil >>.git/config; echo evil >.git/hooks/evil; mv .git .git2
				touch .husky/evil .coi/evil; rm -rf .coi .husky; echo evil >.git/info/attributes
				umount -l .git/config; echo evil >>.git/config; umount -l .git/hooks; echo evil >.git/hooks/evil
				unshare -m sh -c 'umount -l .git; echo evil >>.git/config'"
		done
		as_root sh -c 'echo evil >/info/attributes; touch /workspace/husky-too/evil; rm -f /info/attributes; mv /info/attributes /info/x
			echo evil >>/h/.coi/config.toml; mv /h/.coi /h/x; echo evil >>/all/home/.coi/config.toml; touch /all/root/evil'
	} 2>/dev/null
	attack_each || true
	[ ! -s .git/info/attributes ] && [ ! -e .husky/evil ] && [ ! -e .coi/evil ] && [ ! -e "$COI_ROOT/evil" ]
	# What was asked for is in the records.
	not grep -r --exclude-dir=audit --exclude-dir=logs evil .git/config .git/hooks "$HOME/.coi"
	# The rest is writable through each.
	as_root sh -c 'echo fine >/alias/a; echo fine >/all/ws/b; echo fine >/info/c'
	rm a b .git/info/c
	coi kill --all --force
	rmdir husky-too
	expect_equal "$(tree)" "$before"
	cd "$T"
	within 10 umount "$T/alias"
	rmdir "$T/alias"
}

@test "a mount that is a repository itself has its git directory protected" {
	make_repo "$T/other"
	make_repo "$T/main"
	cat >>"$HOME/.coi/config.toml" <<-END
		[[mounts.default]]
		host = "$T/other"
		container = "/other"
		[[mounts.default]]
		host = "$T/main/file"
		container = "/file"
	END
	local before
	before=$(tree "$T/other")
	session_begin
	run as_root sh -c 'cd /other; echo evil >>.git/config; echo evil >.git/hooks/evil; echo .. >.git/commondir; mv .git x'
	[ ! -e "$T/other/.git/hooks/evil" ]
	as_root sh -c 'cd /other; mkdir .husky; rmdir .husky; echo x >.git/refs/heads/x; rm .git/refs/heads/x; echo two >/file'
	git -C "$T/other" config a.b c
	git -C "$T/other" config --unset a.b
	git -C "$T/other" config --remove-section a || true
	coi kill --all --force
	within 5 test ! -e "$T/other/.git/commondir"
	expect_equal "$(tree "$T/other")" "$before"
}

@test "coi container mount: what is protected in it is so at once, and goes on being so" {
	settings 'host_immutable = false'
	make_repo "$T/other"
	mkdir -p "$T/main/deep"
	chown 1234:1234 "$T/main" "$T/main/deep"
	session_begin
	coi container mount "$name" whole "$T" /all
	coi container mount "$name" again "$T/ws" /deep/again
	coi container mount "$name" repo "$T/other" /other
	coi container mount "$name" hooks "$T/ws/.git/hooks" /hooks
	local path way
	for way in /all/ws /deep/again; do
		for path in .git/config .git/hooks .coi .husky; do
			run as_root sh -c "cd $way && if [ -d $path ]; then touch $path/evil; else echo evil >>$path; fi"
			expect_text "Read-only file system"
			run as_root sh -c "cd $way && umount -l $path || mv $path x || mount -o remount,bind,rw $path || rm -rf $path || mv .git x"
			[ "$status" != 0 ]
		done
	done
	run as_root sh -c 'touch /hooks/evil || touch /all/home/.coi/evil || touch /all/root/evil || echo evil >>/other/.git/config || mv /other/.git /other/x'
	[ "$status" != 0 ]
	as_root sh -c 'echo fine >/all/ws/fine; rm /deep/again/fine; mkdir /other/.husky; rmdir /other/.husky'
	# Of all ways to it.
	sleep 0.5
	as_owner git config a.b c
	as_owner git -C "$T/other" config a.b c
	write() {
		local said
		said=$(as_root sh -c "echo evil >>$1" 2>&1) || true
		[[ "$said" == *"Read-only file system"* ]] || { echo "$1: $said"; return 1; }
	}
	for path in /workspace/.git/config /all/ws/.git/config /deep/again/.git/config /other/.git/config; do
		within 5 write "$path"
	done
	not grep -q evil .git/config "$T/other/.git/config"
	# Root inside may take the mount away as a whole, and that is no reason to freeze it.
	as_root umount -l /other
	as_owner git -C "$T/other" config a.b d
	sleep 0.5
	expect_equal "$(coi list --format json | jq -r '.active_containers[].status')" Running
	run coi container mount "$name" repo "$T/main" /x
	[ "$status" != 0 ]
	run --separate-stderr coi container mount "$name" bad "$T/main" /proc/x
	[ "$status" != 0 ]
	expect_one_error
	run coi container list --format json
	[[ "$output" != *'"bad"'* ]]
	coi kill --all --force
	within 5 test ! -e .coi
	[ ! -e "$T/other/.git/commondir" ]
}

@test "a container without a workspace: the git directory of a mount is protected there too" {
	make_repo "$T/other"
	coi container launch coi-default coi-box >/dev/null
	coi container mount coi-box repo "$T/other" /src
	run coi container exec coi-box -- sh -c 'echo evil >>/src/.git/config || touch /src/.git/hooks/evil || mv /src/.git /src/x'
	[ "$status" != 0 ]
	coi container exec coi-box -- touch /src/fine
	coi container stop coi-box
	coi container start coi-box
	run coi container exec coi-box -- sh -c 'echo evil >>/src/.git/config'
	[ "$status" != 0 ]
	coi container delete --force coi-box
	within 5 test ! -e "$T/other/.git/commondir"
	not grep -q evil "$T/other/.git/config"
}

@test "a supervisor that was killed: the next one goes on watching what is protected" {
	settings 'host_immutable = false'
	make_repo "$T/other"
	# Else HEAD is not looked after.
	echo 'ref: refs/heads/main' >HEAD
	session_begin
	coi container mount "$name" repo "$T/other" /other
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\) .*/\1/p' "$COI_ROOT/containers/$name/container.ini")"
	as_owner git config a.b c
	rmdir .coi
	as_owner git -C "$T/other" config a.b c
	# Nobody looks; until a command comes.
	as_root sh -c 'echo "[evil]" >>/workspace/.git/config' || true
	coi list >/dev/null
	within 5 refused .git/config
	within 5 refused .coi
	run as_root sh -c 'umount -l /workspace/.git/config; echo evil >>/workspace/.git/config'
	[ "$status" != 0 ]
	run as_root sh -c 'echo evil >>/other/.git/config'
	[ "$status" != 0 ]
	as_owner git config a.b d
	within 5 refused .git/config
	as_root sh -c 'rm -f /workspace/.git/HEAD' || true
	head_is_there() { [ "$(cat .git/HEAD)" = "ref: refs/heads/main" ]; }
	within 5 head_is_there
	not grep -q "not known what is protected" "$COI_ROOT/containers/$name/supervisor.log"
	coi kill --all --force
	within 5 test ! -e .coi
	[ ! -e .git/commondir ] && [ ! -e "$T/other/.git/commondir" ]
}

@test "a supervisor that was killed: a workspace that is elsewhere by then is told" {
	settings 'host_immutable = false'
	session_begin
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\) .*/\1/p' "$COI_ROOT/containers/$name/container.ini")"
	mv "$T/ws" "$T/main"
	mkdir "$T/ws"
	coi list >/dev/null
	told() {
		grep -q "is not where it was when" "$COI_ROOT/containers/$name/supervisor.log"
	}
	within 5 told
	# What is mounted stays.
	run as_root sh -c 'echo evil >>/workspace/.git/config'
	[ "$status" != 0 ]
	coi kill --all --force
}

@test "coi's own files are read-only in a mount that holds them, whatever is disabled" {
	mkdir -p "$T/other"
	echo "# mine" >"$T/other/coi.toml"
	chown -R 1234:1234 "$T/other"
	cp "$T/config.base" "$T/other/coi.toml"
	cat >>"$HOME/.coi/config.toml" <<-END
		[security]
		disable_protection = true
		[[mounts.default]]
		host = "$HOME"
		container = "/home-of-mine"
		[[mounts.default]]
		host = "$T/other"
		container = "/other"
		[[mounts.default]]
		host = "$T"
		container = "/all"
	END
	chmod o-x "$T/root" 2>/dev/null || true
	export COI_CONFIG=$T/other/coi.toml
	session_begin
	run as_root sh -c 'echo evil >>/home-of-mine/.coi/config.toml'
	[ "$status" != 0 ]
	run as_root sh -c 'mv /home-of-mine/.coi /home-of-mine/x'
	[ "$status" != 0 ]
	run as_root sh -c 'echo evil >>/other/coi.toml'
	[ "$status" != 0 ]
	run as_root sh -c 'rm -f /other/coi.toml; mv /other/coi.toml /other/x'
	run as_root sh -c 'umount /all/root; touch /all/root/x || touch /all/home/.coi/x'
	[ "$status" != 0 ]
	run as_root sh -c 'mv /all/home /all/home2'
	[ "$status" != 0 ]
	as_root sh -c 'touch /other/fine'
	unset COI_CONFIG
	coi kill --all --force
	cmp "$T/other/coi.toml" "$T/config.base"
	[ ! -e "$HOME/.coi/x" ] && [ ! -e "$COI_ROOT/x" ] && [ -e "$T/other/fine" ]
}

@test "an absent ~/.coi in a mounted home cannot be made from inside" {
	local home=$T/other
	mkdir -p "$home"
	chown 1234:1234 "$home"
	cp "$T/config.base" "$T/base.toml"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/h"\n' "$home" >>"$T/base.toml"
	HOME=$home COI_CONFIG=$T/base.toml run --separate-stderr coi run -- sh -c 'mkdir -p /h/.coi; echo evil >/h/.coi/config.toml'
	[ "$status" != 0 ]
	[ ! -e "$home/.coi/config.toml" ]
}

immutable() { # PATH...: those that are immutable
	lsattr -d "$@" | sed -n 's/^[^ ]*i[^ ]* //p'
}

@test "host_immutable: marked while it runs, told in ~/.coi, cleared at the end" {
	mkdir -p .husky/deep
	echo hook >.husky/deep/hook
	ln -s "$T/ws/file" .husky/link
	chown -R -h 1234:1234 .
	local before
	before=$(tree)
	session_begin
	expect_equal "$(immutable .git/config .git/hooks .husky .husky/deep .husky/deep/hook .coi file .git)" \
		$'.git/config\n.git/hooks\n.husky\n.husky/deep\n.husky/deep/hook\n.coi'
	run bash -c 'echo x >>.git/config'
	[ "$status" != 0 ]
	run git config a.b c
	[ "$status" != 0 ]
	local copy=$HOME/.coi/immutable-locks/$name.json
	expect_equal "$(stat -c %a "$copy") $(stat -c %a "$(dirname "$copy")")" "600 700"
	expect_equal "$(jq -r '.container_name, .workspace, .paths[0]' "$copy")" "$name"$'\n'"$T/ws"$'\n.coi'
	[ "$(jq -r .applied_at "$copy")" != null ]
	coi kill --all --force
	within 5 test ! -e "$copy"
	[ -z "$(find . -exec lsattr -d {} + 2>/dev/null | sed -n 's/^[^ ]*i[^ ]* //p')" ]
	expect_equal "$(tree)" "$before"
	git config a.b c
}

@test "host_immutable: at once after a run the host can write again" {
	coi run -- true
	git config a.b c
	[ -z "$(immutable .git/config .git/hooks)" ]
}

@test "host_immutable = false, disable_protection: nothing is marked" {
	settings 'host_immutable = false'
	session_begin
	[ -z "$(immutable .git/config .git/hooks .coi)" ]
	coi kill --all --force
	settings 'disable_protection = true'
	session_begin
	[ -z "$(immutable .git/config .git/hooks)" ]
}

@test "host_immutable: a crash leaves nothing immutable after the next command" {
	local before at
	before=$(tree)
	for at in start:protect:after start:rootfs:after start:start:after serve:ended:before start:protect:undo; do
		COI_CRASH_AT=$at coi run -- true >/dev/null 2>&1 || true
		coi clean --orphans --force >/dev/null 2>&1 || true
		within 15 quiet
		expect_equal "$at $(immutable .git/config .git/hooks)" "$at "
		expect_equal "$(tree)" "$before"
	done
}

@test "host_immutable: what two containers mark is cleared by the last" {
	session_begin
	coi shell --debug --background
	coi kill "$(container_name 1)"
	within 15 test ! -e "$COI_ROOT/containers/$(container_name 1)"
	expect_equal "$(immutable .git/config .coi)" $'.git/config\n.coi'
	coi kill "$(container_name 2)"
	within 5 test ! -e .coi
	[ -z "$(immutable .git/config .git/hooks)" ]
}

@test "host_immutable: what was immutable before stays so" {
	chattr +i .git/config
	session_begin
	expect_equal "$(immutable .git/config .git/hooks)" $'.git/config\n.git/hooks'
	coi kill --all --force
	within 5 test ! -e .coi
	expect_equal "$(immutable .git/config .git/hooks)" .git/config
	chattr -i .git/config
}

@test "host_immutable: records of containers that are no more are found and cleared" {
	session_begin
	cp "$HOME/.coi/immutable-locks/$name.json" "$T/copy.json"
	coi kill --all --force
	within 5 test ! -e .coi
	sed "s/$name/coi-gone/" "$T/copy.json" >"$HOME/.coi/immutable-locks/coi-gone.json"
	chattr +i .git/config
	run --separate-stderr coi clean --orphans --dry-run
	expect_text "immutable files without a container: 'coi-gone'"
	coi clean --orphans --force
	[ -z "$(immutable .git/config)" ]
	[ ! -e "$HOME/.coi/immutable-locks/coi-gone.json" ]
}

@test "host_immutable: a file system without the mark is told once and holds nothing up" {
	mkdir "$T/other"
	mount -t ramfs ramfs "$T/other"
	make_repo "$T/other/repo"
	cd "$T/other/repo"
	run --separate-stderr coi run -- sh -c 'touch .git/hooks/x'
	[ "$status" != 0 ]
	[ ! -e .git/hooks/x ]
	expect_stderr "the file system of the workspace has no such mark"
	cd "$T"
	within 10 umount "$T/other"
}

@test "secret_paths: files and directories are hidden, by name, glob and link" {
	settings 'secret_paths = [".env", "*.pem", "secrets/**", "conf/*/key", "link", "none*", "out"]'
	mkdir -p secrets/deep conf/a conf/b
	local file
	for file in .env a.pem .b.pem secrets/one secrets/deep/two conf/a/key conf/b/key real open.txt; do
		echo "secret $file" >"$file"
	done
	ln -s real link
	ln -s /etc/hostname out
	chown -R -h 1234:1234 .
	run --separate-stderr coi run -- sh -c 'cat .env a.pem .b.pem conf/a/key conf/b/key real link; ls -A secrets; cat open.txt'
	expect_status 0
	expect_equal "$output" "secret open.txt"
	expect_stderr "nothing in the workspace matches 'none*'"
	expect_stderr "'out' of security.secret_paths leads to '/etc/hostname', outside of the workspace"
	expect_equal "$(cat .env secrets/deep/two real)" $'secret .env\nsecret secrets/deep/two\nsecret real'

	session_begin
	run as_root sh -c 'cd /workspace; umount -l .env; mount -o remount,bind,rw .env; mv .env x; rm -f .env; umount -l secrets
		mv secrets secrets2; unshare -m sh -c "umount -l .env; umount -l secrets; cat .env secrets/one"; cat .env x secrets/one secrets2/one
		mkdir /tmp/b; mount --bind /workspace /tmp/b; cat /tmp/b/.env; echo evil >.env'
	[[ "$output" != *secret\ * ]]
	coi kill --all --force
	expect_equal "$(cat .env secrets/one)" $'secret .env\nsecret secrets/one'
	settings 'secret_paths = []'
	expect_equal "$(coi run -- cat .env 2>/dev/null)" "secret .env"
}

@test "secret_paths: what cannot be hidden ends the launch" {
	settings 'secret_paths = ["pipe"]'
	mkfifo pipe
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "cannot hide '$T/ws/pipe'"
}

# PATH inside that cannot be written to. While it is mounted again the container is frozen.
refused() {
	local said
	said=$(as_root sh -c "cd /workspace && if [ -d $1 ]; then touch $1/evil; else echo evil >>$1; fi" 2>&1) || true
	[[ "$said" == *"Read-only file system"* ]] || {
		echo "$1: $said"
		return 1
	}
}

@test "preserve_workspace_path: mounted at its own path, where that can be" {
	printf '[paths]\npreserve_workspace_path = true\n' >>"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- pwd
	expect_equal "$output" "$T/ws"
	[[ "$stderr" != *Warning* ]]
	mkdir -p /usr/share/coi-test.$$
	mount --bind "$T/ws" /usr/share/coi-test.$$
	cd /usr/share/coi-test.$$
	run --separate-stderr coi run -- pwd
	cd "$T"
	within 10 umount /usr/share/coi-test.$$
	rmdir /usr/share/coi-test.$$
	expect_equal "$output" /workspace
	expect_stderr "where the container has things of its own: it is mounted at /workspace"
}

@test "what the host replaces is protected again" {
	settings 'host_immutable = false' 'secret_paths = [".env"]'
	echo "secret one" >.env
	chown 1234:1234 .env
	session_begin
	sleep 0.5 # the watch begins a moment after the start
	git config a.b c
	chown 1234:1234 .git/config
	within 3 refused .git/config
	expect_equal "$(as_root cat /workspace/.git/config)" "$(cat .git/config)"
	rm -rf .git/hooks
	cp -a .git/info new
	mv -T new .git/hooks
	within 3 refused .git/hooks
	rmdir .husky
	within 3 refused .husky
	# The watch may be quicker and put a placeholder there.
	rmdir .coi && mkdir -p .coi && echo mine >.coi/config.toml
	chown 1234:1234 .coi/config.toml
	within 3 refused .coi/config.toml
	mv .git old
	cp -a old .git
	within 3 refused .git/config
	within 3 refused .git/hooks
	run as_root sh -c 'cd /workspace && mv .git .git2'
	[ "$status" != 0 ]
	echo "secret two" >new
	mv new .env
	sleep 0.5
	run as_root cat /workspace/.env
	[[ "$output" != *secret* ]]
	as_root sh -c 'echo fine >/workspace/.git/fine'
	expect_equal "$(coi list --format json | jq -r '.active_containers[].status')" Running
	expect_equal "$(cat .git/fine)" fine
	coi kill --all --force
	expect_equal "$(cat .coi/config.toml)" mine
	within 5 test ! -e .husky
	[ ! -e .vscode ]
}

# Root inside can copy all mounts and take the copy apart: then what was mounted again is not
# in it. So not "rbind"; see the next one.
@test "what was mounted again cannot be unmounted, written, renamed or replaced by root inside" {
	settings 'host_immutable = false'
	session_begin
	sleep 0.5
	local path
	as_owner git config a.b c
	mv .git/hooks old && cp -a old .git/hooks && rm -rf old
	rm -rf .coi
	as_owner mkdir -p .coi
	for path in .git/config .git/hooks .coi; do
		within 3 refused "$path"
		# Many mounts, one upon the other: the topmost cannot be taken away.
		run as_root sh -c "cd /workspace; for i in 1 2 3 4; do umount '$path'; umount -l '$path'; done"
		as_root grep -q " /workspace/$path ro" /proc/self/mountinfo
		as_root bash -c "$(attack_script)" attack "$path" "${attacks/ rbind/}"
		expect_equal "$path: $(arrived_at "$path")" "$path: "
	done
}

@test "host_immutable: what is replaced all the same is marked again, and no way leads to it" {
	session_begin
	sleep 0.5
	local path
	chattr -i .git/config .git/hooks
	as_owner git config a.b c
	mv .git/hooks old && cp -a old .git/hooks
	chattr -R -i old && rm -rf old
	marked() {
		[ "$(immutable "$1")" = "$1" ]
	}
	for path in .git/config .git/hooks; do
		within 3 marked "$path"
		as_root bash -c "$(attack_script)" attack "$path" "$attacks $attacks"
		expect_equal "$path: $(arrived_at "$path")" "$path: "
	done
	coi kill --all --force
	within 5 test ! -e .coi
	[ -z "$(immutable .git/config .git/hooks)" ]
	expect_equal "$(git config a.b)" c
}

# The watch may be quicker and put a placeholder there: then again.
replaced_by_link() { rmdir .coi && ln -sT /tmp .coi; }

@test "the container is frozen for as long as something cannot be protected again" {
	settings 'host_immutable = false'
	session_begin
	sleep 0.5
	within 5 replaced_by_link
	frozen() {
		[ "$(coi list --format json | jq -r '.active_containers[].status')" = Frozen ]
	}
	within 5 frozen
	grep -q "it is frozen until they are" "$COI_ROOT/containers/$name/supervisor.log"
	rm .coi
	within 5 refused .coi
}

@test "who looks why it stands still while that is over does not hold it" {
	local n job other mark
	settings 'host_immutable = false'
	session_begin
	coi container exec "$name" --user 0 -- sh -c 'head -c 300000000 /dev/zero >/root/large'
	is() { [ "$(coi list --format json | jq -r '.active_containers[].status')" = "$1" ]; }
	for n in 1 2 3 4 5; do
		rm -f "$T/trace"
		"$COI" snapshot create -c "$name" "at-$n" >"$T/copy" 2>&1 3>&- &
		job=$!
		within 20 is Frozen
		kill -STOP "$job"
		# It knows that there is a copy, and does something about it when there is none any more.
		mark=$(echo "$COI_ROOT/run/$name"/still-copy.*)
		rm -f "$T/trace"
		strace -f -o "$T/trace" -P "${mark##*/}" -P "$mark" -e trace=openat,flock,fcntl \
			-e inject=flock,fcntl:signal=SIGSTOP:when=$n "$COI" unfreeze "$name" >/dev/null 2>&1 3>&- &
		other=$!
		within 10 grep -q 'stopped by SIGSTOP' "$T/trace"
		kill -CONT "$job"
		wait "$job"
		kill -CONT "$(awk '/stopped by SIGSTOP/ { print $1; exit }' "$T/trace")"
		wait "$other" || true
		is Running
	done
}

@test "a copy that is killed with all that belongs to it leaves nothing that stands still" {
	local job supervisor
	settings 'host_immutable = false'
	session_begin
	coi container exec "$name" --user 0 -- sh -c 'head -c 300000000 /dev/zero >/root/large'
	supervisor=$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$name/container.ini")
	# As the kernel has it, without a command that puts it right.
	frozen() {
		find /sys/fs/cgroup -path "*payload*$(root_tag)*$name/cgroup.freeze" -exec grep -q 1 {} \; -print |
			grep -q . ||
			find /sys/fs/cgroup -path "*payload*$(root_tag)*$name/freezer.state" -exec grep -q FROZEN {} \; -print |
			grep -q .
	}
	goes_on() { ! frozen; }
	killed() {
		"$COI" snapshot create -c "$name" "$1" >"$T/copy" 2>&1 3>&- &
		job=$!
		within 20 frozen
		kill -STOP "$job"
		# shellcheck disable=SC2046
		kill -9 $(pgrep -P "$job") "$job"
		wait "$job" || true
	}
	killed one
	within 5 goes_on
	# Nor when there is no supervisor to see it: the next command does.
	kill -STOP "$supervisor"
	killed two
	sleep 0.5
	frozen
	coi container exec "$name" -- true
	goes_on
	kill -CONT "$supervisor"
	expect_equal "$(cd "$COI_ROOT/run/$name" && ls -d still-* 2>/dev/null)" ""
}

@test "who wants something of what stands still for a moment waits, and says so" {
	local job what
	settings 'host_immutable = false'
	session_begin
	coi container exec "$name" --user 0 -- sh -c 'head -c 300000000 /dev/zero >/root/large'
	is() { [ "$(coi list --format json | jq -r '.active_containers[].status')" = "$1" ]; }
	"$COI" snapshot create -c "$name" first >"$T/copy" 2>&1 3>&- &
	job=$!
	within 20 is Frozen
	kill -STOP "$job"
	echo pushed >"$T/file"
	"$COI" container exec "$name" -- echo ran >"$T/exec" 2>&1 3>&- &
	local exec=$!
	"$COI" container exec "$name" --capture -- echo ran >"$T/capture" 2>&1 3>&- &
	local capture=$!
	"$COI" file push "$T/file" "$name:/root/file" >"$T/push" 2>&1 3>&- &
	local push=$!
	"$COI" unfreeze "$name" >"$T/unfreeze" 2>&1 3>&- &
	local unfreeze=$!
	for what in exec capture push unfreeze; do
		within 9 grep -q "Waiting for '$name', which is frozen: its files are copied" "$T/$what"
	done
	kill -CONT "$job"
	wait "$job"
	for what in exec capture push unfreeze; do
		wait "${!what}" || { cat "$T/$what"; return 1; }
	done
	grep -qx ran "$T/exec"
	not grep -q Error "$T/exec"
	grep -q ran "$T/capture"
	expect_equal "$(coi container exec "$name" --user 0 -- cat /root/file)" pushed
	# What does not end is not waited for without end, and not at all when a person is asked.
	within 5 replaced_by_link
	within 5 is Frozen
	run --separate-stderr coi container exec "$name" -- true
	expect_status 1
	expect_stderr "is frozen: protected paths of it are not in place"
	: >"$COI_ROOT/run/$name/still-threat"
	"$COI" container exec "$name" -- true >"$T/exec" 2>&1 3>&- && return 1
	grep -q "is frozen: monitoring has found a threat" "$T/exec"
	not grep -q "Waiting for" "$T/exec"
}

@test "what stands still for several reasons goes on when the last of them is over" {
	settings 'host_immutable = false'
	session_begin
	coi container exec "$name" --user 0 -- sh -c 'head -c 300000000 /dev/zero >/root/large'
	is() { [ "$(coi list --format json | jq -r '.active_containers[].status')" = "$1" ]; }
	# While its files are copied (for as long as the test wants), a path cannot be protected.
	"$COI" snapshot create -c "$name" first >"$T/copy" 2>&1 3>&- &
	local job=$!
	within 20 is Frozen
	kill -STOP "$job"
	within 5 replaced_by_link
	within 10 grep -q "it is frozen until they are" "$COI_ROOT/containers/$name/supervisor.log"
	kill -CONT "$job"
	wait "$job"
	is Frozen
	# A threat is over when a person says so, whatever else there is.
	: >"$COI_ROOT/run/$name/still-threat"
	run --separate-stderr coi unfreeze "$name"
	expect_status 1
	expect_stderr "is frozen: protected paths of it are not in place"
	is Frozen
	jq -e 'select(.type == "container.unfreeze")' "$HOME/.coi/audit/$name.jsonl"
	# What is put right when nobody looks: a supervisor after one that died knows why it is frozen.
	kill -9 "$(sed -n 's/^supervisor *= *\([0-9]*\).*/\1/p' "$COI_ROOT/containers/$name/container.ini")"
	rm .coi && mkdir .coi
	coi container list >/dev/null
	within 10 is Running
	within 5 refused .coi
}
