#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# [git] of the settings, with the real git in the container: whose commits they are, what is
# taken out of messages, branches that are left alone, hooks of the repository.

setup_file() {
	load ../lib/common
	coi_setup
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
	rm -rf "$HOME/.gitconfig" "$HOME/.config" "$T/ws" "$T/other"
	make_repo "$T/ws"
	cd "$T/ws"
}

teardown() {
	cd "$T"
	coi kill --all --force >/dev/null 2>&1 || true
	coi clean --orphans --force >/dev/null 2>&1 || true
	within 15 quiet
}

# Its commit is by somebody else than all the others here.
make_repo() {
	mkdir -p "$1"
	git -C "$1" init -q -b main
	echo one >"$1/file"
	git -C "$1" add file
	git -C "$1" -c user.name=first -c user.email=first@host.invalid commit -q -m one
	chown -R 1234:1234 "$1"
}

settings() { # LINE... below [git]
	{ cat "$T/config.base"; echo "[git]"; printf '%s\n' "$@"; } >"$HOME/.coi/config.toml"
}

as_owner() {
	setpriv --reuid 1234 --regid 1234 --clear-groups git -c safe.directory='*' "$@"
}

# On the host, of the last commit: author, committer.
by() {
	as_owner -C "${1:-$T/ws}" log -1 --format='%an <%ae> %cn <%ce>'
}

message() {
	as_owner -C "$T/ws" log -1 --format=%B
}

@test "without an identity git makes none up, and says so" {
	run --separate-stderr coi run -- sh -c 'echo two >file; git commit -q -a -m two'
	[ "$status" != 0 ]
	expect_stderr "Author identity unknown"
	run --separate-stderr coi run -- sh -c 'git config --show-origin user.useConfigOnly'
	expect_text /run/coi/git/config
	# Root too, who has another environment.
	run --separate-stderr coi run -- sh -c 'git status --short'
	expect_status 0
	# The agent's own is taken, and its container keeps nothing of it elsewhere.
	coi run -- sh -c 'git config --global user.name a && git config --global user.email a@b.invalid && git commit -q -a -m two'
	expect_equal "$(by)" "a <a@b.invalid> a <a@b.invalid>"
}

@test "the identity of the host's git is taken over, of both files, unless it is not wanted" {
	mkdir -p "$HOME/.config/git"
	printf '[user]\n\tname = Old\n\temail = old@host.invalid\n' >"$HOME/.config/git/config"
	printf '[include]\n\tpath = elsewhere\n[user]\n\tname = "Jo \\"Quote\\" \xc3\x84"\n' >"$HOME/.gitconfig"
	local before
	before=$(cat "$HOME/.gitconfig")
	run --separate-stderr coi run -- sh -c 'echo two >file; git commit -q -a -m two; git config user.name; ls -A ~ | grep gitconfig'
	expect_equal "$output" 'Jo "Quote" Ä'
	expect_equal "$(by)" 'Jo "Quote" Ä <old@host.invalid> Jo "Quote" Ä <old@host.invalid>'
	expect_equal "$(cat "$HOME/.gitconfig")" "$before"
	# Its own settings inside go before.
	coi run -- sh -c 'git config --global user.name inside; git commit -q --allow-empty -m three'
	expect_equal "$(by)" 'inside <old@host.invalid> inside <old@host.invalid>'
	settings 'seed_host_identity = false'
	run --separate-stderr coi run -- git commit -q --allow-empty -m four
	[ "$status" != 0 ]
	# What is no identity is none.
	settings
	printf '[user]\n\tname = "a<b"\n' >"$HOME/.gitconfig"
	run --separate-stderr coi run -- git commit -q --allow-empty -m four
	[ "$status" != 0 ]
	expect_stderr "has characters that no commit can have"
	printf '[user]\n\tname = \n' >"$HOME/.gitconfig"
	run --separate-stderr coi run -- git commit -q --allow-empty -m four
	[ "$status" != 0 ]
}

@test "name and email of the settings go before the host's; one alone is told" {
	git config --global user.name host
	git config --global user.email host@host.invalid
	settings 'name = "set"' 'email = "set@host.invalid"'
	coi run -- git commit -q --allow-empty -m two
	expect_equal "$(by)" 'set <set@host.invalid> set <set@host.invalid>'
	settings 'name = "set"'
	run --separate-stderr coi run -- git commit -q --allow-empty -m three
	expect_status 0
	expect_stderr "git.name and git.email are used together only; 'set' alone is ignored"
	expect_equal "$(by)" 'host <host@host.invalid> host <host@host.invalid>'
	# A project cannot say whose commits they are.
	mkdir -p .coi
	printf '[git]\nname = "evil"\nemail = "evil@x.invalid"\n' >.coi/config.toml
	coi run -- git commit -q --allow-empty -m four
	expect_equal "$(by)" 'host <host@host.invalid> host <host@host.invalid>'
}

@test "readonly: what git commit makes is by that identity, whatever is said" {
	settings 'name = "set"' 'email = "set@host.invalid"' 'readonly = true'
	local way
	for way in 'git commit -q --allow-empty -m x' \
		'git -c user.name=evil -c user.email=evil@x commit -q --allow-empty -m x' \
		'git commit -q --allow-empty --author "evil <evil@x>" -m x' \
		'GIT_AUTHOR_NAME=evil GIT_COMMITTER_EMAIL=evil@x git commit -q --allow-empty -m x' \
		'unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL; git -c user.name=e -c user.email=e@x commit -q --allow-empty -m x' \
		'git config --global user.name evil; git commit -q --allow-empty -m x' \
		'git config user.name evil; git commit -q --allow-empty -m x' \
		'mkdir -p ~/.config/git; printf "[user]\n name = evil\n" >~/.config/git/config; env -u GIT_AUTHOR_NAME -u GIT_COMMITTER_NAME git commit -q --allow-empty -m x' \
		'rm -f ~/.gitconfig; echo "[user]" >~/.gitconfig; mv ~/.gitconfig ~/x; git commit -q --allow-empty -m x' \
		'git commit -q --allow-empty --no-verify --author "evil <evil@x>" -m x'; do
		run --separate-stderr coi run -- sh -c "$way"
		expect_status 0
		expect_equal "$way: $(by)" "$way: set <set@host.invalid> set <set@host.invalid>"
	done
	expect_equal "$(as_owner -C . log --format=%an | sort -u | tr '\n' ' ')" "first set "
	# What others did stays theirs when it is taken over.
	as_owner -C . switch -q -c others
	as_owner -C . -c user.name=other -c user.email=other@host.invalid commit -q --allow-empty -m theirs
	as_owner -C . switch -q main
	coi run -- git cherry-pick --allow-empty others
	expect_equal "$(by)" "other <other@host.invalid> set <set@host.invalid>"
	settings 'readonly = true'
	rm -f "$HOME/.gitconfig"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr "git.readonly is set, and there is no identity to be fixed"
	expect_stderr "git config --global user.name"
	within 5 test -z "$(ls "$COI_ROOT/containers")"
}

@test "strip_attribution: lines about agents go, the rest of the message stays" {
	settings 'name = "set"' 'email = "set@host.invalid"'
	local text=$'title: add Claude support\n\nBody about the generated parser.\nGenerated by protoc 3.\n\nReviewed-by: Ann <ann@users.noreply.github.com>\nCo-authored-by: Ann <1+ann@users.noreply.github.com>'
	printf '%s\n\n🤖 Generated with [Claude Code](https://claude.test)\n\nCo-Authored-By: Claude <noreply@anthropic.test>\nco-authored-by: renovate[bot] <bot@x>\nAssisted-by: codex\n  Co-authored-by: X <noreply@x>\n' "$text" >msg
	chown 1234:1234 msg
	coi run -- git commit -q --allow-empty -F msg
	expect_equal "$(message)" "$text"
	# In an editor as well, and what is only a trailer is not emptied.
	coi run -- sh -c 'GIT_EDITOR="sh -c \"cat msg >\\\$1\" x" git commit -q --allow-empty'
	expect_equal "$(message)" "$text"
	coi run -- git commit -q --allow-empty -m 'Assisted-by: x'
	expect_equal "$(message)" "Assisted-by: x"
	settings 'name = "set"' 'email = "set@host.invalid"' 'strip_attribution_patterns = ["^drop me", "(this|that) too$"]'
	coi run -- git commit -q --allow-empty -m $'title\n\nDROP ME please\nkeep\nand that too\nAssisted-by: x'
	expect_equal "$(message)" $'title\n\nkeep\nAssisted-by: x'
	settings 'name = "set"' 'email = "set@host.invalid"' 'strip_attribution = false'
	coi run -- git commit -q --allow-empty -F msg
	expect_equal "$(message | tail -n 2 | head -n 1)" "  Co-authored-by: X <noreply@x>"
	settings 'strip_attribution_patterns = ["(open"]'
	run --separate-stderr coi run -- true
	expect_status 1
	expect_stderr "git.strip_attribution_patterns: '(open'"
}

@test "hooks of the repository run as ever, wherever they are, and can refuse" {
	settings 'name = "set"' 'email = "set@host.invalid"' 'protected_branches = ["release"]'
	local hook
	hooks_in() { # DIRECTORY
		mkdir -p "$1"
		for hook in pre-commit prepare-commit-msg commit-msg post-commit post-checkout pre-push reference-transaction; do
			printf '#!/bin/sh\necho "%s $# $(basename "$PWD")" >>"$PWD/ran"\n[ %s != pre-push ] || cat >>"$PWD/ran"\n' \
				"$hook" "$hook" >"$1/$hook"
			chmod 755 "$1/$hook"
		done
		printf 'echo "Co-authored-by: Claude <c@x>" >>"$1"\ngrep -q refuse "$1" && exit 7\nexit 0\n' >>"$1/commit-msg"
		chown -R 1234:1234 "$1"
	}
	git init -q --bare "$T/other"
	chown -R 1234:1234 "$T/other"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/other"\n' "$T/other" >>"$HOME/.coi/config.toml"
	hooks_in .git/hooks
	run --separate-stderr coi run -- sh -c 'git commit -q --allow-empty -m two; git switch -q -c b; git push -q /other b; sort -u ran'
	expect_status 0
	for hook in 'commit-msg 1' 'post-checkout 3' 'post-commit 0' 'pre-commit 0' 'pre-push 2' 'prepare-commit-msg 2' 'reference-transaction 1'; do
		expect_text "$hook workspace"
	done
	expect_text "refs/heads/b "
	expect_equal "$(message)" two
	run --separate-stderr coi run -- git commit -q --allow-empty -m refuse
	[ "$status" != 0 ]
	expect_equal "$(message)" two
	# A directory of the repository's own, as its tools set it up.
	rm -f ran .git/hooks/*
	hooks_in .githooks
	git -c safe.directory='*' config core.hooksPath .githooks
	run --separate-stderr coi run -- sh -c 'git commit -q --allow-empty -m three; sort -u ran'
	expect_text "pre-commit 0 workspace"
	expect_text "commit-msg 1 workspace"
	expect_equal "$(message)" three
	run --separate-stderr coi run -- git commit -q --allow-empty -m refuse
	[ "$status" != 0 ]
	# Without any, and without the variables (a service, sudo).
	rm -rf .githooks ran
	git -c safe.directory='*' config --unset core.hooksPath
	coi run -- sh -c "env -i PATH=\$PATH HOME=\$HOME git commit -q --allow-empty -m 'four

Assisted-by: x'"
	expect_equal "$(message)" four
}

@test "protected_branches: neither committed to nor pushed" {
	settings 'name = "set"' 'email = "set@host.invalid"' 'protected_branches = ["main", "release"]'
	git init -q --bare "$T/other"
	chown -R 1234:1234 "$T/other"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/other"\n' "$T/other" >>"$HOME/.coi/config.toml"
	run --separate-stderr coi run -- git commit -q --allow-empty -m two
	[ "$status" != 0 ]
	expect_stderr "branch 'main' is protected (git.protected_branches)"
	expect_equal "$(message)" one
	run --separate-stderr coi run -- sh -c 'git switch -q -c fix && git commit -q --allow-empty -m two && git push -q /other fix && ! git push -q /other fix:release && ! git push -q /other fix:main'
	expect_status 0
	expect_stderr "branch 'release' is protected"
	expect_equal "$(as_owner -C "$T/other" branch --format='%(refname:short)')" fix
	settings 'name = "set"' 'email = "set@host.invalid"'
	coi run -- sh -c 'git switch -q main && git commit -q --allow-empty -m three'
	expect_equal "$(message)" three
}

@test "git trusts what is mounted, for root too, and nothing else" {
	make_repo "$T/other"
	chown -R 4321:4321 "$T/other"
	printf '[[mounts.default]]\nhost = "%s"\ncontainer = "/other"\n' "$T/other" >>"$HOME/.coi/config.toml"
	coi shell --debug --background >"$T/begin.log" 2>&1
	local name
	name=$(container_name 1)
	coi container exec "$name" -- git -C /workspace log --format=%s
	coi container exec "$name" -- git -C /other log --format=%s
	coi container exec "$name" --user 1000 -- git -C /other log --format=%s
	coi container exec "$name" -- sh -c 'mkdir /tmp/x && git -C /tmp/x init -q && chown -R 1000:1000 /tmp/x'
	run --separate-stderr coi container exec "$name" -- git -C /tmp/x status
	[ "$status" != 0 ]
	expect_stderr "dubious ownership"
}

@test "what the image has in /etc/gitconfig stays, and an image made of the container has nothing of a person" {
	settings 'name = "set"' 'email = "set@host.invalid"'
	coi shell --debug --background --persistent >"$T/begin.log" 2>&1
	local name
	name=$(container_name 1)
	coi container exec "$name" -- sh -c 'git config --system alias.st status && git config --system user.name root'
	coi container stop "$name"
	coi container start "$name"
	expect_equal "$(coi container exec "$name" -- sh -c 'git config alias.st; git config user.name; grep -c include /etc/gitconfig')" \
		$'status\nroot\n1'
	coi container stop "$name"
	coi image publish "$name" made >/dev/null
	coi container delete --force "$name"
	mkdir "$T/out"
	coi image export made "$T/out/made" >/dev/null 2>&1 || coi image export made "$T/out/made.tar" >/dev/null
	not grep -rqa 'set@host.invalid' "$T/out"
	rm -rf "$T/out"
	coi image delete made >/dev/null
}

@test "the agent is told whose commits they are" {
	settings 'name = "set"' 'email = "set@host.invalid"' 'readonly = true' 'protected_branches = ["main"]'
	coi shell --debug --background >"$T/begin.log" 2>&1
	local name context
	name=$(container_name 1)
	context=$(coi container exec "$name" -- cat /home/code/SANDBOX_CONTEXT.md)
	[[ "$context" == *'Commits are by `set <set@host.invalid>`, which cannot be changed here.'* ]]
	[[ "$context" == *'are taken out of commit messages'* ]]
	[[ "$context" == *'- `main`'* ]]
	expect_equal "$(coi container exec "$name" -- cat /home/code/SANDBOX_CONTEXT.json | jq -r '.git_identity, .git_identity_fixed')" \
		$'set <set@host.invalid>\ntrue'
}
