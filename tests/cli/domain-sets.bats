#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# [network.domain_sets]: sets of names of one's own. What a project's file may do with them
# is the business of the unit test of trust, too.

setup_file() {
	load ../lib/common
	coi_setup
	settings '"@mine"' 'mine = ["public.test:80", "@more"]\nmore = ["other.test"]\nempty = []\nlan = ["10.9.8.7"]'
	coi container launch coi-default s1
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
}

teardown() {
	rm -rf "$T/ws/.coi"
	settings '"@mine"' 'mine = ["public.test:80", "@more"]\nmore = ["other.test"]\nempty = []\nlan = ["10.9.8.7"]'
}

settings() { # LIST SETS [MODE]
	sed -i '/^\[network\]/,$d' "$HOME/.coi/config.toml"
	printf '[network]\nmode = "%s"\nallowed_domains = [%s]\n[network.domain_sets]\n%b\n' \
		"${3-allowlist}" "$1" "$2" >>"$HOME/.coi/config.toml"
}

project() { # LINES
	mkdir -p "$T/ws/.coi"
	printf '%b\n' "$1" >"$T/ws/.coi/config.toml"
	chown -R 1234:1234 "$T/ws/.coi"
}

get() { # CONTAINER HOST [PORT]
	timeout 20 "$COI" container exec "$1" -- fetch "${@:2}"
}

refused() {
	run get "$@"
	[ "$status" != 0 ] || { echo "$2 answered"; return 1; }
}

@test "a set stands for its members, with their ports and with sets in it" {
	get s1 public.test | grep -q hello
	get s1 other.test | grep -q hello
	refused s1 public.test 8080
	refused s1 both.test
	coi network show s1 --json | jq -e '.allowed == ["public.test:80", "other.test"]'
}

@test "it is allowed and denied while the container runs" {
	run --separate-stderr coi network allow s1 @lan
	expect_status 0
	get s1 10.9.8.7 | grep -q hello
	coi network deny s1 @lan
	refused s1 10.9.8.7
	run --separate-stderr coi network allow s1 @nobody
	expect_status 1
	expect_one_error
	expect_stderr "there is no set of names '@nobody'"
	expect_stderr '@registries, @providers, @mine, @more, @empty, @lan'
}

@test "an empty set allows nothing, and that is said" {
	settings '"@empty", "public.test"' 'empty = []'
	run --separate-stderr coi run -- fetch public.test
	expect_status 0
	expect_stderr "the set '@empty' is empty and allows nothing"
}

@test "what makes no sense is one clear line that names the key, and nothing is started" {
	local sets
	for sets in 'mine = ["a.*.test"]' 'mine = ["10.0.0.1/8"]' 'mine = ["x.test:70000"]' \
		'mine = "public.test"' 'mine = [80]' 'Mine = ["a.test"]' 'registries = ["a.test"]' \
		'mine = ["@nobody"]' 'mine = ["@mine"]' 'mine = ["@b"]\nb = ["@mine"]'; do
		settings '"@mine"' "$sets"
		run --separate-stderr coi run -- true
		expect_status 1
		expect_one_error
		[[ $stderr == *network.domain_sets* || $stderr == *network.allowed_domains* ]]
	done
}

@test "more than fits is refused, also when each of its sets fits" {
	settings '"@a", "@b"' "a = [$(seq -f '"a%g.test"' -s, 1000)]\nb = [$(seq -f '"b%g.test"' -s, 1000)]"
	run --separate-stderr coi run -- true
	expect_status 1
	expect_one_error
	expect_stderr 'network.allowed_domains: more than 1024'
}

@test "config show writes them as they are read" {
	run --separate-stderr coi config show
	expect_status 0
	expect_text '["public.test:80", "@more"]'
}

@test "a project names a set only where its members are open anyway, and defines none" {
	# Everything public is open, so a list of public names is a tightening; a private one is not.
	settings '"x.test"' 'pub = ["public.example"]\nlan = ["public.example", "10.9.8.7"]' restricted
	project '[network]\nmode = "allowlist"\nallowed_domains = ["@lan"]'
	run --separate-stderr coi run -- fetch 10.9.8.7
	[ "$status" != 0 ]
	expect_stderr "'@lan' in 'network.allowed_domains' is ignored"
	project '[network]\nmode = "allowlist"\nallowed_domains = ["@pub"]'
	run --separate-stderr coi run -- true
	expect_status 0
	[[ $stderr != *ignored* ]]
	project '[network.domain_sets]\nmine = ["10.9.8.7"]'
	run --separate-stderr coi run -- true
	expect_status 0
	expect_stderr 'network.domain_sets'
}
