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
	rm -rf --one-file-system "$T/ws" "$T/trees" "$T/marks" "$T/all"
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
		EDITOR=true timeout 20 git $what </dev/null || true
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
	for how in 'rm -f HEAD' 'echo garbage >HEAD' 'rm -f HEAD; mkdir HEAD; touch HEAD/x' \
		'mkdir -p x/y; touch x/y/z; i=0; until [ -d HEAD ] || [ $i = 50 ]; do rm -f HEAD; mv x HEAD; i=$((i + 1)); done' 'rm -f HEAD; ln -s ../file HEAD' \
		'rm -f HEAD; mkfifo HEAD' ': >HEAD' 'mv HEAD x; head -c 100000 /dev/zero >HEAD'; do
		as_root sh -c "cd /workspace/.git && { $how; }" || true # it may be put back in between
		within 5 head_is main
	done
	# Moved aside: we remove nothing of which we do not know whose it was.
	ls .git/HEAD.not-git-*/y/z
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

# ---- work trees and submodules: .git is a file, and the repository lies elsewhere ----

# A repository at PATH-repo with a submodule, and two work trees of it at PATH and PATH-b.
make_trees() { # PATH
	git init -q "$1-repo"
	echo one >"$1-repo/file"
	git -C "$1-repo" add .
	git -C "$1-repo" submodule -q add "$T/lib" sub
	git -C "$1-repo" commit -q -m one
	git -C "$1-repo" worktree add -q "$1" 2>/dev/null
	git -C "$1-repo" worktree add -q "$1-b" 2>/dev/null
	git -C "$1" submodule -q update --init
	chown -R 1234:1234 "$1-repo" "$1" "$1-b"
}

tree_attacks="config hook hookspath attributes mainconfig maincommondir gitfile gitfilemoved owncommondir
	ownconfig othercommondir otherconfig othermoved listmoved moduleconfig modulehook treemodule
	treemodulecommondir submodulefile"

# Each puts "touch MARKS/NAME" where git on the host would run it, in one of the trees.
tree_script() {
	cat <<-'END'
	evil() { echo "touch $marks/$1"; }
	monitor() { printf '[core]\n\tfsmonitor = "%s; false"\n' "$(evil "$1")"; }
	program() { printf '#!/bin/sh\n%s\nexit 0\n' "$(evil "$1")" >"$2"; chmod 755 "$2"; }
	worktree_config() { printf '[extensions]\n\tworktreeConfig = true\n' >>"$git/config"; }
	# A copy of a repository in the work tree, with a program in its settings.
	copy_of() { # DIRECTORY NAME KIND
		rm -rf "$2"; cp -a "$1" "$2"; rm -f "$2/config"; monitor "$3" >"$2/config"
	}
	again() { # DIRECTORY: moved away, and a copy put there
		mv "$1" "$1.away"; cp -a "$1.away" "$1"; rm -rf "$1.away"
	}
	attack() {
		case $1 in
		config) monitor "$1" >>"$git/config" ;;
		hook) program "$1" "$git/hooks/post-commit" ;;
		hookspath) mkdir -p hooks; program "$1" hooks/post-commit
			printf '[core]\n\thooksPath = hooks\n' >>"$git/config" ;;
		attributes) echo '* filter=evil' >>"$git/info/attributes"
			printf '[filter "evil"]\n\tclean = "%s; cat"\n' "$(evil "$1")" >>"$git/config" ;;
		mainconfig) worktree_config; monitor "$1" >>"$git/config.worktree" ;;
		maincommondir) copy_of "$git" c1 "$1"; echo "$host/c1" >"$git/commondir" ;;
		gitfile) copy_of "$git" c2 "$1"; echo "gitdir: $host/c2" >.git ;;
		gitfilemoved) copy_of "$git" c3 "$1"; mv .git x; echo "gitdir: $host/c3" >.git ;;
		owncommondir) copy_of "$git" c4 "$1"; echo "$host/c4" >"$git/worktrees/$own/commondir" ;;
		ownconfig) worktree_config; monitor "$1" >>"$git/worktrees/$own/config.worktree" ;;
		othercommondir) copy_of "$git" c5 "$1"; echo "$host/c5" >"$git/worktrees/$own-b/commondir" ;;
		otherconfig) worktree_config; monitor "$1" >>"$git/worktrees/$own-b/config.worktree" ;;
		othermoved) copy_of "$git" c6 "$1"; again "$git/worktrees/$own-b"
			echo "$host/c6" >"$git/worktrees/$own-b/commondir" ;;
		listmoved) copy_of "$git" c7 "$1"; again "$git/worktrees"
			echo "$host/c7" >"$git/worktrees/$own/commondir" ;;
		moduleconfig) monitor "$1" >>"$git/modules/sub/config" ;;
		modulehook) program "$1" "$git/modules/sub/hooks/post-commit" ;;
		treemodule) monitor "$1" >>"$git/worktrees/$own/modules/sub/config" ;;
		treemodulecommondir) copy_of "$git/worktrees/$own/modules/sub" c8 "$1"
			echo "$host/c8" >"$git/worktrees/$own/modules/sub/commondir" ;;
		submodulefile) copy_of "$git/worktrees/$own/modules/sub" c9 "$1"; echo "gitdir: $host/c9" >sub/.git ;;
		esac
	}
	marks=$1 git=$2 own=$3 host=$4
	shift 4
	for kind; do attack "$kind" >/dev/null 2>&1; done
	END
}

host_trees() { # PATH as of make_trees
	local tree
	for tree in "$1-repo" "$1" "$1-b"; do
		host_git "$tree" "$1-b"
	done
}

@test "work tree: without protection each way makes the host's git run something" {
	local kind
	printf '[security]\ndisable_protection = true\n' >"$HOME/.coi/config.toml"
	printf '[container]\ninit = "coi-init"\n' >>"$HOME/.coi/config.toml"
	mkdir -p "$T/all"
	for kind in $tree_attacks; do make_trees "$T/all/$kind"; done
	chown 1234:1234 "$T/all"
	cd "$T/all"
	session_begin
	for kind in $tree_attacks; do
		as_root sh -c "cd /workspace/$kind || exit; $(tree_script)" attack "$T/marks" \
			"/workspace/$kind-repo/.git" "$kind" "$T/all/$kind" "$kind"
	done
	coi kill --all --force
	for kind in $tree_attacks; do
		host_trees "$T/all/$kind" >"$T/host.$kind.log" 2>&1
		[ -e "$T/marks/$kind" ] || {
			echo "$kind"
			cat "$T/host.$kind.log"
			return 1
		}
	done
}

# Of the host, without what git itself changes there.
tree_state() { # PATH
	(cd "$1-repo/.git" && find . -path ./objects -prune -o -path '*/modules/*/objects' -prune -o -type f \
		! -name index ! -path '*logs*' ! -name COMMIT_EDITMSG -exec sha256sum {} + | sort)
	cat "$1/.git" "$1-b/.git" "$1/sub/.git"
}

@test "work tree: with protection none of them does, and git works inside" {
	make_trees "$T/all/tree"
	cd "$T/all/tree"
	local before kind
	before=$(tree_state "$T/all/tree")
	session_begin
	expect_equal "$(as_root pwd)" "$T/all/tree"
	as_root sh -c "cd '$T/all/tree' || exit; $(tree_script)" attack "$T/marks" "$T/all/tree-repo/.git" tree \
		"$T/all/tree" $tree_attacks || true
	host_trees "$T/all/tree" >"$T/host.during.log" 2>&1
	expect_equal "$(ls "$T/marks")" ""
	run as_root sh -c "cd '$T/all/tree-repo/.git' && echo 0 >HEAD || rm -f HEAD || mv HEAD x || mv refs x || mv objects x"
	[ "$status" != 0 ]
	coi kill --all --force
	host_trees "$T/all/tree" >"$T/host.after.log" 2>&1
	expect_equal "$(ls "$T/marks")" ""
	git -C "$T/all/tree-repo" fsck --no-progress
	rm -rf "$T"/all/tree*

	# The same repository anew: what git does inside, seen from outside.
	make_trees "$T/all/tree"
	cd "$T/all/tree"
	before=$(tree_state "$T/all/tree")
	local status_before
	status_before=$(git -C "$T/all/tree-repo" status --porcelain; git -C "$T/all/tree-b" status --porcelain)
	run --separate-stderr coi run -- bash -c '
		git config --global user.name y && git config --global user.email y@example.invalid
		git config --global --add safe.directory "*"
		git status --porcelain && echo two >file && git commit -q -a -m inside && git log --format=%s -1
		git branch extra && git branch -D extra >/dev/null && git stash list && git gc -q && git fsck --no-progress
		git worktree prune; git worktree list | wc -l; git -C sub status --porcelain'
	expect_status 0
	expect_equal "$output" $'inside\n3'
	[[ "$stderr" != *Warning* ]]
	expect_equal "$(git log --format=%s%an -1)" insidey
	expect_equal "$(git -C "$T/all/tree-repo" log --format=%s -1 tree)" inside
	expect_equal "$(git -C "$T/all/tree-repo" status --porcelain; git -C "$T/all/tree-b" status --porcelain)" "$status_before"
	git worktree list --porcelain | grep -qx "worktree $T/all/tree-b"
	# By code and not by root of the container.
	[ -z "$(find "$T/all" -uid +60000)" ]
	# The commit and what gc packs; no placeholder is left.
	expect_equal "$(find "$T/all" -name commondir -newer "$T/lib" | sort)" \
		"$T/all/tree-repo/.git/worktrees/tree-b/commondir
$T/all/tree-repo/.git/worktrees/tree/commondir"
	[ ! -e "$T/all/tree-repo/.git/config.worktree" ]
}

@test "a submodule as workspace: its repository in the one above is mounted and protected" {
	make_trees "$T/all/tree"
	git -C "$T/all/tree-repo" submodule -q update --init
	chown -R 1234:1234 "$T/all"
	cd "$T/all/tree-repo/sub"
	local modules=$T/all/tree-repo/.git/modules/sub
	run --separate-stderr coi run -- bash -c '
		git config --global user.name y && git config --global user.email y@example.invalid
		git config --global --add safe.directory "*"
		git status --porcelain && echo two >file && git commit -q -a -m inside && git log --format=%s -1'
	expect_status 0
	expect_equal "$output" inside
	expect_equal "$(git log --format=%s -1)" inside
	session_begin
	run as_root sh -c "cd '$modules' && echo x >>config; echo x >hooks/x; echo .. >commondir; echo x >'$T/all/tree-repo/sub/.git'; mv refs x"
	[ ! -e "$modules/hooks/x" ] && [ -d "$modules/refs" ]
	git status
	# Nothing of the repository above is there.
	expect_equal "$(as_root ls "$T/all/tree-repo/.git" "$T/all/tree-repo")" \
		"$(printf '%s:\n' "$T/all/tree-repo"; printf '%s\n' sub; echo; printf '%s:\nmodules' "$T/all/tree-repo/.git")"
	coi kill --all --force
	within 5 test ! -e "$modules/commondir"
}

@test "work tree: what is protected of its repository is immutable on the host, and git works there" {
	printf '[container]\ninit = "coi-init"\n' >"$HOME/.coi/config.toml"
	make_trees "$T/all/tree"
	cd "$T/all/tree"
	local git=$T/all/tree-repo/.git first second
	immutable() {
		lsattr -d "$@" | sed -n 's/^[^ ]*i[^ ]* //p'
	}
	session_begin
	first=$name
	expect_equal "$(immutable "$git"/{config,hooks,commondir,HEAD,refs,worktrees/tree/gitdir,worktrees/tree-b})" \
		"$(printf '%s\n' "$git"/{config,hooks,commondir,worktrees/tree/gitdir})"
	git -C "$T/all/tree-b" commit -q --allow-empty -m b
	git -C "$T/all/tree-repo" checkout -q -b other
	git commit -q --allow-empty -m own
	# The main work tree as well: who ends first leaves the marks and placeholders to the other.
	cd "$T/all/tree-repo"
	coi shell --debug --background
	second=$(container_name 1)
	git commit -q --allow-empty -m main
	git -C "$T/all/tree" commit -q --allow-empty -m own
	coi kill "$first"
	within 15 test ! -e "$COI_ROOT/containers/$first"
	[ ! -e "$T/all/tree/.coi" ] && [ -e "$git/commondir" ]
	expect_equal "$(immutable "$git/config" "$git/commondir")" "$(printf '%s\n' "$git"/{config,commondir})"
	coi kill "$second"
	within 5 test ! -e "$git/commondir"
	[ -z "$(lsattr -Ra "$T/all" 2>/dev/null | sed -n 's/^[^ ]*i[^ ]* //p')" ]
}

@test "a work tree that is added on the host meanwhile is protected, one made inside is not held" {
	make_repo "$T/ws" main1
	cd "$T/ws"
	as_owner() {
		setpriv --reuid 1234 --regid 1234 --clear-groups git -c user.name=o -c user.email=o@x.invalid "$@"
	}
	chown 1234:1234 "$T/trees"
	session_begin
	sleep 0.5
	as_owner worktree add -q "$T/trees/more" 2>/dev/null
	held() {
		not as_root sh -c "echo evil >>/workspace/.git/worktrees/more/$1" 2>/dev/null
	}
	covered() {
		as_root grep -q '/workspace/.git/worktrees/more ro' /proc/self/mountinfo
	}
	within 5 covered
	held commondir && held config.worktree && held gitdir && held HEAD
	not as_root sh -c 'mv /workspace/.git/worktrees /workspace/.git/w2 || mv /workspace/.git/worktrees/more /workspace/x'
	expect_equal "$(cat .git/worktrees/more/commondir)" ../..
	as_owner -C "$T/trees/more" commit -q --allow-empty -m there
	as_owner worktree remove "$T/trees/more"
	[ ! -e .git/worktrees/more ]
	# The container's own: made, used and removed.
	coi container exec "$name" --user 1000 -- sh -c 'cd /workspace && git worktree add -q inner 2>/dev/null && cd inner &&
		git -c user.name=i -c user.email=i@x.invalid commit -q --allow-empty -m i && sleep 1 && cd .. && git worktree remove inner && git branch -q -D inner'
	[ ! -e .git/worktrees/inner ]
	# The first one of a repository.
	coi kill --all --force
	within 15 quiet
	cd "$T"
	rm -rf "$T/ws"
	git clone -q "$T/lib" "$T/ws"
	chown -R 1234:1234 "$T/ws"
	cd "$T/ws"
	session_begin
	sleep 0.5
	as_owner worktree add -q "$T/trees/more" 2>/dev/null
	within 5 covered
	held commondir
	not as_root sh -c 'mv /workspace/.git/worktrees /workspace/.git/w2'
}

# Where .git leads is nobody's word: these get nothing, and it is said.
@test "a .git that leads to what is no repository of this workspace gets nothing" {
	make_trees "$T/all/tree"
	make_trees "$T/all/other"
	git init -q "$T/all/plain"
	mkdir -p "$HOME/.ssh" "$T/ws/mine"
	echo secret >"$HOME/.ssh/id"
	chown -R 1234:1234 "$T/all" "$T/ws"
	# One that its maker made to have another repository in common.
	mkdir -p "$T/all/fake/worktrees/x"
	echo "$T/ws/.git" >"$T/all/fake/worktrees/x/gitdir"
	echo "$T/all/other-repo/.git" >"$T/all/fake/worktrees/x/commondir"
	echo 'ref: refs/heads/main' >"$T/all/fake/worktrees/x/HEAD"
	ln -s "$T/all/tree-repo" "$T/all/link"
	ln -s "$T/all/other-repo/.git/worktrees/other" "$T/ws/link"
	cp -a "$T/all/other-repo" "$T/all/foreign"
	git -C "$T/all/foreign" config core.worktree "$T/ws"
	chown -R 4321:4321 "$T/all/foreign"
	chown -R 1234:1234 "$T/all/fake"
	chown -h 1234:1234 "$T/ws/link"
	cd "$T/ws"
	local target pointers=(
		/ /etc "$HOME/.ssh" "$T/all/plain/.git" "$T/all/other-repo/.git" "$T/all/tree-repo/.git/worktrees/tree"
		"$T/all/fake/worktrees/x" "$T/all/link/.git/worktrees/tree" "$T/ws/link" "$T/all/foreign/.git"
		"$T/nothing" ../all/other-repo/.git/worktrees/other "$T/ws/../all/plain/.git" /proc/self/root/etc
		/proc/1/root "$T/ws/file" "$HOME/../$(basename "$T")/all/plain/.git" . "$T/root" mine
	)
	echo x >file
	check() { # nothing of it is inside, and it runs
		run --separate-stderr coi run -- sh -c "ls -d '$T/all' /etc/shadow- '$HOME/.ssh' '$T/root' 2>/dev/null; mount | grep -c ' /var/tmp' || true"
		expect_status 0
		expect_equal "$output" 0
	}
	for target in "${pointers[@]}"; do
		echo "$target" >"$T/at"
		printf 'gitdir: %s\n' "$target" >.git
		chown 1234:1234 .git
		check
		case $target in
		. | mine) ;; # in the workspace: nothing to be mounted
		*)
			expect_stderr "is not mounted, so git does not work in the container"
			expect_stderr "'.git' of this workspace"
			;;
		esac
	done
	local how
	for how in 'head -c 1000000 /dev/zero | tr "\0" a' 'printf "gitdir: /etc\0x\n"' ':' 'printf "gitdir: \n"' \
		'printf "gitdir: /etc\n/etc\n"' 'printf "gitdir:/etc\n"' 'head -c 5000 /dev/urandom' \
		'{ printf "gitdir: /"; head -c 5000 /dev/zero | tr "\0" a; }' 'printf "gitdir: \033[31mx\n"'; do
		bash -c "$how" >.git
		check
		expect_stderr "is not mounted, so git does not work in the container"
		[[ "$stderr" != *$'\033'* ]]
	done
}

@test "a work tree in a bare repository's own directory, and .git that leads into the workspace" {
	git init -q "$T/first"
	git -C "$T/first" commit -q --allow-empty -m one
	git clone -q --bare "$T/first" "$T/all/proj.git"
	git -C "$T/all/proj.git" worktree add -q a 2>/dev/null
	git -C "$T/all/proj.git" worktree add -q b 2>/dev/null
	chown -R 1234:1234 "$T/all"
	cd "$T/all/proj.git/a"
	session_begin
	as_root sh -c 'git config --global --add safe.directory "*"; echo x >new && git status --porcelain' >"$T/out"
	grep -q 'new' "$T/out"
	run as_root sh -c "cd '$T/all/proj.git' && echo x >>config; echo x >hooks/x; echo x >b/x; echo x >worktrees/b/x; echo x >a/.coi/x"
	[ ! -e ../hooks/x ] && [ ! -e ../b/x ] && [ ! -e ../worktrees/b/x ] && [ ! -e .coi/x ] && [ -e new ]
	coi kill --all --force
	within 5 test ! -e .coi
	within 15 quiet

	mkdir "$T/ws"
	cd "$T/ws"
	git clone -q --bare "$T/first" .bare
	echo 'gitdir: ./.bare' >.git
	git worktree add -q tree 2>/dev/null
	chown -R 1234:1234 .
	run --separate-stderr coi run -- sh -c 'echo x >>.bare/config; echo x >.bare/hooks/x; echo x >.git; echo .. >.bare/commondir
		git config --global --add safe.directory "*"; git log --format=%s'
	expect_equal "$output" one
	[[ "$stderr" != *Warning* ]]
	[ ! -e .bare/hooks/x ] && [ ! -e .bare/commondir ]
	expect_equal "$(cat .git)" 'gitdir: ./.bare'
	git log --oneline
	rm -rf "$T/first"
}
