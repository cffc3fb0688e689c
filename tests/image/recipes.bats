#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Recipes without a network: a registry of our own on lo, in a network namespace of its own.

load lib.bash

setup() {
	image_setup
	R=$DIR/recipe
	WEB=$DIR/web
	mkdir -p "$R" "$WEB" "$DIR/out" "$DIR/bin" "$DIR/home"
	echo 'echo built' >"$R/build.sh"
	echo tree >"$R/list"
	make_package node-x 1.0.0
	make_package @scope/agent 2.0.0
	make_package tool-y 3.0.0
	write_recipe
	# A PATH without npm and without the builders.
	for p in sh bash ip cat sed grep unshare; do
		ln -sf "$(command -v $p)" "$DIR/bin/$p"
	done
	# Itself, should python3 be a wrapper that looks for it in PATH.
	ln -sf "$(python3 -c 'import sys; print(sys.executable)')" "$DIR/bin/python3"
}
teardown() { image_teardown; }

make_package() { # NAME VERSION: served as a registry serves it
	local work=$DIR/package base=${1##*/}
	mkdir -p "$work/package/bin" "$WEB/$1/-"
	printf '#!/bin/sh\necho %s %s\n' "$1" "$2" >"$work/package/bin/run"
	chmod +x "$work/package/bin/run"
	tar -C "$work" -czf "$WEB/$1/-/$base-$2.tgz" package
}

hash_of() { # NAME VERSION
	printf 'sha512-%s' "$(openssl dgst -sha512 -binary "$WEB/$1/-/${1##*/}-$2.tgz" | base64 -w0)"
}

write_recipe() {
	cat >"$R/image.ini" <<-END
		[image]
		name = test-recipe
		script = build.sh
		agents = agent
		[base]
		packages = list
		[npm]
		registry = http://127.0.0.1:8000/
		items = runtime agent other tool far
		[npm:runtime]
		kind = runtime
		version = 1.0.0
		package = node-x
		integrity = $(hash_of node-x 1.0.0)
		bin = run=bin/run
		[npm:agent]
		kind = agent
		version = 2.0.0
		package = @scope/agent
		integrity = $(hash_of @scope/agent 2.0.0)
		bin = agent=bin/run
		[npm:other]
		kind = agent
		version = 1.0.0
		package = not-there
		integrity = $(hash_of node-x 1.0.0)
		[npm:tool]
		kind = tool
		version = 3.0.0
		package = tool-y
		integrity = $(hash_of tool-y 3.0.0)
		bin = tool=bin/run
		[npm:far]
		kind = tool
		version = 1.0.0
		package.another-machine = x
		integrity = $(hash_of node-x 1.0.0)
	END
}

# Run the tool where only lo is, with the registry on it (not with NO_SERVER=1).
offline() {
	rm -rf "$DIR/out" "$DIR/ready" && mkdir "$DIR/out"
	: >"$DIR/ready"
	env -u http_proxy -u https_proxy -u npm_config_registry -u NPM_CONFIG_REGISTRY \
		PATH="$DIR/bin" HOME="$DIR/home" COI_ROOT="$COI_ROOT" COI_LIBEXEC="$COI_LIBEXEC" \
		NO_SERVER="${NO_SERVER:-}" WEB="$WEB" \
		unshare --net -- bash -c '
			ip link set lo up
			if [ -z "$NO_SERVER" ]; then
				python3 -c "
import functools, http.server, os, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer((\"127.0.0.1\", 8000),
    functools.partial(Quiet, directory=os.environ[\"WEB\"]))
print(\"ready\", flush=True)
server.serve_forever()" >"$WEB/../ready" 2>/dev/null &
				server=$!
				trap "kill $server 2>/dev/null" EXIT
				until grep -q ready "$WEB/../ready"; do read -rt 0.02 <> <(:) || :; done
			fi
			"$@"' -- "$@"
}

prepare() { offline "$TOOL" recipe-prepare "$R" "$DIR/out" "$@"; }

nothing_left() {
	[ -z "$(find "$COI_ROOT" -name '.tmp-*')" ]
}

@test "what a recipe names is fetched without npm, checked, and handed over" {
	run prepare
	[ "$status" = 0 ]
	grep -qx 'env COI_AGENTS=agent' <<<"$output"
	grep -qx 'env COI_BUILD=/run/coi/build' <<<"$output"
	grep -q '^left out: far: there is none for this machine$' <<<"$output"
	[ "$(cut -f1,2,3,5 "$DIR/out/npm/manifest")" = "runtime	runtime	1.0.0	run=bin/run
agent	agent	2.0.0	agent=bin/run
tool	tool	3.0.0	tool=bin/run" ]
	while IFS=$'\t' read -r _ _ _ file _; do
		tar -tzf "$DIR/out/npm/$file" | grep -q package/bin/run
		[ "$(stat -c %a "$DIR/out/npm/$file")" = 644 ]
	done <"$DIR/out/npm/manifest"
	cmp "$DIR/out/build.sh" "$R/build.sh"
	nothing_left
	# Once more from the cache, without a registry.
	NO_SERVER=1 run prepare
	[ "$status" = 0 ]
	[ "$(wc -l <"$DIR/out/npm/manifest")" = 3 ]
}

@test "an archive that is not what is pinned: refused; in the cache: fetched again" {
	make_package tool-y 3.0.0
	echo more >>"$WEB/node-x/-/node-x-1.0.0.tgz"
	run prepare
	[ "$status" = 1 ]
	grep -q 'is not what the recipe pins' <<<"$output"
	nothing_left
	rm -rf "$COI_ROOT"
	make_package node-x 1.0.0
	make_package @scope/agent 2.0.0
	make_package tool-y 3.0.0
	write_recipe
	run prepare
	[ "$status" = 0 ]
	for f in "$COI_ROOT"/cache/npm/*.tgz; do echo damaged >"$f"; done
	run prepare
	[ "$status" = 0 ]
	NO_SERVER=1 run prepare
	[ "$status" = 0 ]
}

@test "a missing agent fails, a missing tool is left out in one line" {
	run prepare agent other
	[ "$status" = 1 ]
	grep -q 'fetching other (not-there@1.0.0).*the server answered 404' <<<"$output"
	run prepare unheard-of
	[ "$status" = 1 ]
	grep -q "knows no agent 'unheard-of'; it knows agent, other" <<<"$output"
	rm -rf "$WEB/tool-y"
	run prepare
	[ "$status" = 0 ]
	[ "$(grep -c '^left out: tool' <<<"$output")" = 1 ]
	not grep -q '^tool' "$DIR/out/npm/manifest"
	nothing_left
}

@test "no registry known, none that answers" {
	NO_SERVER=1 run prepare
	[ "$status" = 1 ]
	grep -q 'fetching runtime' <<<"$output"
	sed -i '/^registry =/d' "$R/image.ini"
	run prepare
	[ "$status" = 1 ]
	grep -q 'no npm registry is known' <<<"$output"
	grep -q 'name the registry in section' <<<"$output"
	# The person's .npmrc counts, that of the working directory does not.
	echo 'registry=http://127.0.0.1:8000' >"$DIR/home/.npmrc"
	echo 'registry=http://127.0.0.1:9' >"$DIR/.npmrc"
	cd "$DIR"
	run prepare
	[ "$status" = 0 ]
	nothing_left
}

@test "a recipe that makes no sense is named" {
	for bad in 's/^kind = runtime/kind = motor/' 's/^script = .*/script = absent.sh/' \
		's/^packages = .*/packages = absent/' 's/^name = .*/name = a b/' \
		"s/^name = .*/name = $(printf 'a%.0s' {1..85})/" \
		's/^agents = .*/agents = nobody/' '0,/^integrity = .*/s//integrity = md5-x/'; do
		write_recipe
		sed -i "$bad" "$R/image.ini"
		run "$TOOL" recipe-hash "$R"
		[ "$status" = 1 ]
		grep -Eq "recipe '?$R|knows no agent" <<<"$output"
	done
	write_recipe
	printf 'tree; rm -rf /\n' >"$R/list"
	run "$TOOL" recipe-hash "$R"
	[ "$status" = 1 ]
	grep -q 'no name of a package' <<<"$output"
	run "$TOOL" recipe-hash "$DIR/absent"
	[ "$status" = 1 ]
	# What would be cut off is said; in two lines it is read.
	write_recipe
	sed -i "s/^agents = /&$(printf 'claude %.0s' {1..40})/" "$R/image.ini"
	run "$TOOL" recipe-hash "$R"
	[ "$status" = 1 ]
	grep -Eq "line [0-9]+ of '$R/image.ini' is longer than 198 bytes" <<<"$output"
}

@test "the hash follows what the recipe says, its files and the agents" {
	one=$("$TOOL" recipe-hash "$R")
	[ "$("$TOOL" recipe-hash "$R")" = "$one" ]
	[ "$("$TOOL" recipe-hash "$R" agent)" = "$one" ]
	[ "$("$TOOL" recipe-hash "$R" other)" != "$one" ]
	echo '# more' >>"$R/build.sh"
	two=$("$TOOL" recipe-hash "$R")
	[ "$two" != "$one" ]
	sed -i 's/^version = 3.0.0/version = 3.0.1/' "$R/image.ini"
	[ "$("$TOOL" recipe-hash "$R")" != "$two" ]
}

@test "a base by a builder: imported, notes told; a builder that fails leaves nothing" {
	cat >>"$R/image.ini" <<-'END'
	END
	sed -i 's/^packages = list/packages = list\nsuite = sid\nmirror = http:\/\/mirror.invalid\/debian/' "$R/image.ini"
	# Stands in for mmdebstrap: what it is told, and a root of one file.
	cat >"$DIR/bin/mmdebstrap" <<-'END'
		#!/bin/bash
		printf '%s\n' "$@" >"$DIR/told"
		env >"$DIR/env"
		[ ! -e "$DIR/fail" ] || { echo 'E: cannot reach the mirror' >&2; exit 25; }
		echo 'coi-left-out something' >&2
		while [ $# -gt 3 ]; do shift; done
		cp "$3" "$DIR/sources"
		mkdir -p "$TMPDIR/r/etc"
		echo 'ID=debian' >"$TMPDIR/r/etc/os-release"
		tar -C "$TMPDIR/r" -cf "$2" .
	END
	chmod +x "$DIR/bin/mmdebstrap"
	for p in mkdir tar env cp chmod; do ln -sf "$(command -v $p)" "$DIR/bin/$p"; done
	export DIR
	run offline "$TOOL" recipe-base "$R"
	[ "$status" = 0 ]
	grep -q "^note: left out, since 'sid' has no such package: something" <<<"$output"
	grep -q '^alias test-recipe-base$' <<<"$output"
	grep -q '^os debian$' <<<"$output"
	[ "$(cat "$DIR/sources")" = 'deb http://mirror.invalid/debian sid main' ]
	grep -qx -- '--include=tree' "$DIR/told"
	nothing_left
	# The next base takes the name over, and the one before goes.
	before=$("$TOOL" list | sed -n 's/^fingerprint //p')
	sed -i 's/ID=debian/ID=other/' "$DIR/bin/mmdebstrap"
	run offline "$TOOL" recipe-base "$R"
	[ "$status" = 0 ]
	[ "$("$TOOL" list | grep -c ^fingerprint)" = 1 ]
	[ "$("$TOOL" list | sed -n 's/^fingerprint //p')" != "$before" ]
	kept=$(store)
	touch "$DIR/fail"
	run offline "$TOOL" recipe-base "$R"
	[ "$status" = 1 ]
	grep -q 'E: cannot reach the mirror' <<<"$output"
	[ "$(store)" = "$kept" ]
	rm "$DIR/bin/mmdebstrap"
	run offline "$TOOL" recipe-base "$R"
	[ "$status" = 1 ]
	grep -q 'apt-get install mmdebstrap' <<<"$output"
	nothing_left
}
