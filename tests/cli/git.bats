#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the host's git runs after root in a container had the repository: nothing of it.

setup_file() {
	load ../lib/common
	coi_setup
	git config --global --add safe.directory '*'
	git config --global user.name x
	git config --global user.email x@example.invalid
	git config --global init.defaultBranch main
	git config --global protocol.file.allow always
	printf '[security]\nhost_immutable = false\n' >>"$HOME/.coi/config.toml"
	cp "$HOME/.coi/config.toml" "$T/config.base"
	mkdir -p "$T/lib"
	git -C "$T/lib" init -q
	echo lib >"$T/lib/file"
	git -C "$T/lib" add file
	git -C "$T/lib" commit -q -m lib
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
	cd "$T"
	rm -rf --one-file-system "$T/ws" "$T/trees" "$T/marks"
	mkdir "$T/marks" "$T/trees"
	chmod 777 "$T/marks"
}

teardown() {
	cd "$T"
	coi kill --all --force >/dev/null 2>&1 || true
	coi clean --orphans --force >/dev/null 2>&1 || true
	within 15 quiet
}

# A repository with a submodule, a work tree beside it ($T/trees/NAME), and settings that
# include a file of the work tree.
make_repo() { # PATH NAME
	mkdir -p "$1"
	git -C "$1" init -q
	echo one >"$1/file"
	echo '* text=auto' >"$1/.gitattributes"
	printf '[alias]\n\tst = status\n' >"$1/team.config"
	git -C "$1" add .
	git -C "$1" submodule -q add "$T/lib" sub
	git -C "$1" commit -q -m one
	git -C "$1" config include.path ../team.config
	git -C "$1" config remote.far.url ssh://far.invalid/x
	git -C "$1" worktree add -q "$T/trees/$2" 2>/dev/null
	chown -R 1234:1234 "$1" "$T/trees/$2"
}

session_begin() {
	coi shell --debug --background "$@" >"$T/begin.log" 2>&1 || {
		cat "$T/begin.log"
		return 1
	}
	name=$(container_name 1)
}

as_root() {
	coi container exec "$name" -- "$@"
}

attacks="fsmonitor hookspath hook hooklink filter commondir configworktree moduleconfig modulehook
	modulecommondir modulemoved gitfile gitfilemoved include included includeif textconv gpg
	sshcommand editor treecommondir treeconfig gitmoved toplevel tophead"

# Each puts "touch MARKS/NAME" where git on the host would run it.
attack_script() {
	cat <<-'END'
	evil() { echo "touch $marks/$1"; }
	monitor() { printf '[core]\n\tfsmonitor = "%s; false"\n' "$(evil "$1")"; }
	bare() { printf '[remote "far"]\n\turl = ssh://far.invalid/x\n[core]\n\tsshCommand = "%s; false"\n' "$(evil "$1")"; }
	program() { printf '#!/bin/sh\n%s\nexit 0\n' "$(evil "$1")" >"$2"; chmod 755 "$2"; }
	copy_of() { rm -rf "$2"; cp -a "$1" "$2"; }
	attack() {
		case $1 in
		fsmonitor) monitor "$1" >>.git/config ;;
		hookspath) mkdir -p evilhooks; program "$1" evilhooks/post-commit
			printf '[core]\n\thooksPath = evilhooks\n' >>.git/config ;;
		hook) program "$1" .git/hooks/post-commit ;;
		hooklink) mkdir -p linked; program "$1" linked/post-commit
			rm -rf .git/hooks; ln -s ../linked .git/hooks ;;
		filter) echo '* filter=evil' >>.git/info/attributes

			printf '[filter "evil"]\n\tclean = "%s; cat"\n' "$(evil "$1")" >>.git/config ;;
		commondir) copy_of .git evilrepo; rm -f evilrepo/config; monitor "$1" >evilrepo/config
			printf '../evilrepo\n' >.git/commondir ;;
		configworktree) printf '[extensions]\n\tworktreeConfig = true\n' >>.git/config
			monitor "$1" >>.git/config.worktree ;;
		moduleconfig) monitor "$1" >>.git/modules/sub/config ;;
		modulehook) program "$1" .git/modules/sub/hooks/post-commit ;;
		modulecommondir) copy_of .git/modules/sub evilsub; rm -f evilsub/config; monitor "$1" >evilsub/config
			printf '../../../evilsub\n' >.git/modules/sub/commondir ;;
		modulemoved) copy_of .git/modules/sub moved; monitor "$1" >>moved/config
			rm -rf .git/modules/sub; mv moved .git/modules/sub ;;
		gitfile) copy_of .git/modules/sub evilsub2; rm -f evilsub2/config; monitor "$1" >evilsub2/config
			echo 'gitdir: ../evilsub2' >sub/.git ;;
		gitfilemoved) copy_of .git/modules/sub evilsub3; rm -f evilsub3/config; monitor "$1" >evilsub3/config
			mv sub sub.away; cp -a sub.away sub; rm -f sub/.git; echo 'gitdir: ../evilsub3' >sub/.git ;;
		include) monitor "$1" >>team.config ;;
		included) rm -f team.config; monitor "$1" >team.config ;;
		includeif) monitor "$1" >other.config
			printf '[includeIf "gitdir:**"]\n\tpath = ../other.config\n' >>.git/config ;;
		textconv) echo '* diff=evil' >>.git/info/attributes
			printf '[diff "evil"]\n\ttextconv = "%s; cat"\n' "$(evil "$1")" >>.git/config ;;
		gpg) program "$1" gpg; printf '[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = ./gpg\n' >>.git/config ;;
		sshcommand) printf '[core]\n\tsshCommand = "%s; false"\n' "$(evil "$1")" >>.git/config ;;
		editor) program "$1" ed; printf '[core]\n\teditor = ./ed\n' >>.git/config ;;
		treecommondir) copy_of .git eviltree; rm -f eviltree/config; monitor "$1" >eviltree/config
			printf '../../../eviltree\n' >".git/worktrees/$2/commondir" ;;
		treeconfig) printf '[extensions]\n\tworktreeConfig = true\n' >>.git/config
			monitor "$1" >>".git/worktrees/$2/config.worktree" ;;
		gitmoved) mv .git .git.away; cp -a .git.away .git; monitor "$1" >>.git/config ;;
		toplevel) mv .git/refs .git/refs.away; rm -rf .git/refs .git/objects
			mkdir -p objects refs; echo 'ref: refs/heads/main' >HEAD
			bare "$1" >config ;;
		tophead) rm -f .git/HEAD; mkdir -p objects refs; echo 'ref: refs/heads/main' >HEAD
			bare "$1" >config ;;
		esac
	}
	marks=$1 tree=$2
	shift 2
	for kind; do attack "$kind" "$tree" >/dev/null 2>&1; done
	END
}

# What a person does afterwards.
host_git() { # DIRECTORY TREE
	local what
	cd "$1" || return 1
	for what in status diff 'diff HEAD' 'log -p -1' 'add .' 'commit -q --allow-empty -m x' \
		'-c core.pager=cat commit --allow-empty --amend' 'stash list' 'fetch -q far' 'submodule status' \
		'branch -a' 'log --show-signature -1' 'show' 'gc -q'; do
		# shellcheck disable=SC2086 # words
		timeout 20 git $what </dev/null || true
	done
	timeout 20 git -C sub status || true
	timeout 20 git -C sub commit -q --allow-empty -m x || true
	timeout 20 git -C "$2" status || true
	timeout 20 git -C "$2" commit -q --allow-empty -m x || true
	cd "$T"
}

@test "without protection each way makes the host's git run something" {
	local kind
	printf '[security]\ndisable_protection = true\n' >"$HOME/.coi/config.toml"
	printf '[container]\ninit = "coi-init"\n' >>"$HOME/.coi/config.toml"
	mkdir -p "$T/ws"
	for kind in $attacks; do make_repo "$T/ws/$kind" "$kind"; done
	chown 1234:1234 "$T/ws"
	cd "$T/ws"
	session_begin
	for kind in $attacks; do
		as_root sh -c "cd /workspace/$kind || exit; $(attack_script)" attack "$T/marks" "$kind" "$kind"
	done
	coi kill --all --force
	for kind in $attacks; do
		host_git "$T/ws/$kind" "$T/trees/$kind" >"$T/host.$kind.log" 2>&1
		[ -e "$T/marks/$kind" ] || {
			echo "$kind"
			cat "$T/host.$kind.log"
			return 1
		}
	done
}

@test "with protection none of them does, while it runs and afterwards" {
	make_repo "$T/ws" main1
	cd "$T/ws"
	local before kind
	before=$(cat .git/config .git/modules/sub/config team.config sub/.git)
	session_begin
	# In the order of the list: the last ones leave no repository.
	for kind in $attacks; do
		as_root sh -c "cd /workspace || exit; $(attack_script)" attack "$T/marks" main1 "$kind" || true
		# What no mount can hold is put back a moment later.
		within 5 test -s "$T/ws/.git/HEAD"
		host_git "$T/ws" "$T/trees/main1" >"$T/host.during.log" 2>&1
		expect_equal "$(ls "$T/marks")" ""
	done
	coi kill --all --force
	host_git "$T/ws" "$T/trees/main1" >"$T/host.after.log" 2>&1
	expect_equal "$(ls "$T/marks")" ""
	expect_equal "$(cat "$T/ws/.git/config" "$T/ws/.git/modules/sub/config" "$T/ws/team.config" "$T/ws/sub/.git")" "$before"
}

@test "git works as ever on the host while it is protected, and nothing is left behind" {
	make_repo "$T/ws" main1
	cd "$T/ws"
	local before
	before=$(cd .git && find . -path ./objects -prune -o -print | grep -v '/logs' | sort)
	session_begin
	[ -e .git/commondir ] && [ -e .git/modules/sub/commondir ]
	git status --porcelain
	git -C sub status --porcelain
	git -C "$T/trees/main1" status --porcelain
	git submodule status
	git worktree list
	git fsck --no-progress
	git gc -q
	expect_equal "$(git rev-parse --show-toplevel)" "$T/ws"
	git worktree add -q --detach "$T/trees/more"
	git worktree remove "$T/trees/more"
	as_root sh -c 'cd /workspace && echo two >file && echo x >.git/refs/heads/y && rm .git/refs/heads/y'
	git commit -q -a -m two
	git checkout -q -b other
	git checkout -q main
	git branch -q -D other
	expect_equal "$(git -C "$T/trees/main1" rev-parse main)" "$(git rev-parse HEAD)"
	coi kill --all --force
	within 5 test ! -e .git/commondir
	[ ! -e .git/modules/sub/commondir ] && [ ! -e .git/modules/sub/info/attributes ]
	[ ! -e .git/worktrees/main1/config.worktree ]
	git fsck --no-progress
}

@test "a repository without work tree as workspace" {
	make_repo "$T/main" main1
	git clone -q --bare "$T/main" "$T/ws"
	chown -R 1234:1234 "$T/ws"
	cd "$T/ws"
	session_begin
	run as_root sh -c 'cd /workspace; printf "[core]\n\tsshCommand = false\n" >>config; echo x >hooks/evil; echo ../evil >commondir; mv refs x'
	[ ! -e hooks/evil ] && [ -d refs ]
	[ -z "$(git config core.sshCommand)" ]
	git log --oneline
	coi kill --all --force
	within 5 test ! -e commondir
	rm -rf "$T/main"
}

head_is() { # BRANCH
	[ -f .git/HEAD ] && [ "$(cat .git/HEAD)" = "ref: refs/heads/$1" ]
}

@test "HEAD that is none is put back at once, and at the end" {
	make_repo "$T/ws" main1
	cd "$T/ws"
	local how
	# Without one in the work tree git finds no repository at all.
	echo 'ref: refs/heads/main' >HEAD
	session_begin
	for how in 'rm -f HEAD' 'echo garbage >HEAD' 'rm -f HEAD; mkdir HEAD; touch HEAD/x' 'rm -f HEAD; ln -s ../file HEAD' \
		'rm -f HEAD; mkfifo HEAD' ': >HEAD' 'mv HEAD x; head -c 100000 /dev/zero >HEAD'; do
		as_root sh -c "cd /workspace/.git && { $how; }" || true # it may be put back in between
		within 5 head_is main
	done
	git checkout -q -b next
	chown 1234:1234 .git/HEAD
	as_root sh -c 'rm /workspace/.git/HEAD'
	within 5 head_is next
	expect_equal "$(stat -c %u .git/HEAD)" 1234
	# Too late for the watch.
	as_root sh -c 'cd /workspace && (while :; do rm -f .git/HEAD; done) >/dev/null 2>&1 &' || true
	coi kill --all --force
	within 5 head_is next
	git status
}
