#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: default-image
# docs/examples/devcontainer, as its README says: what devcontainer.json asks for is there.

setup_file() {
	load ../lib/common
	default_setup
	# The ports of the example are those of one directory.
	cp -R "$COI_TEST_SRC/docs/examples/devcontainer/." "$T/ws/"
	chown -R 1234:1234 "$T/ws"
	mkdir -p "$HOME/.cache/shop"
	echo cached >"$HOME/.cache/shop/index"
	export SHOP_TOKEN=token-of-the-person
}

teardown_file() {
	load ../lib/common
	coi kill --all --force >/dev/null 2>&1 || true
	coi image delete shop >/dev/null 2>&1 || true
	default_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	D=.devcontainer/devcontainer.json
}

@test "the project's wishes wait, the image says how it is made" {
	run -1 --separate-stderr coi run -- true
	expect_stderr "variable 'SHOP_TOKEN' of the host: ignored until it is approved"
	expect_stderr "port 3000 of the container"
	expect_stderr "mount '$HOME/.cache/shop'"
	expect_stderr "image 'shop' does not exist"
	expect_stderr "coi build"
	coi trust --yes
	run -0 coi trust
}

@test "the recipe makes the image of the Dockerfile" {
	coi build ./.coi/image >"$T/build.log" 2>&1 || { tail -n 20 "$T/build.log"; return 1; }
	# The default image has those packages: no mirror was asked, there is none.
	not grep -E 'http|Err:' "$T/build.log"
	coi image exists shop
	# Each package that the Dockerfile names.
	sed -n 's/.*apt-get install -y //p' .devcontainer/Dockerfile | tr ' ' '\n' | sort >"$T/wanted"
	[ -s "$T/wanted" ]
	grep -v '^#' .coi/image/packages.list | sort | diff "$T/wanted" -
	run -0 --separate-stderr coi run -- sh -c 'command -v jq; command -v python3; cat /etc/shop.conf'
	expect_equal "$output" $'/usr/bin/jq\n/usr/bin/python3\npager = false'
}

@test "post-create, variables, mount and user are there" {
	coi run -- "$(jq -r .postCreateCommand "$D")"
	expect_equal "$(stat -c %u shop.db)" 1234
	run -0 --separate-stderr coi run -- sh -c 'id -un; echo "$DATABASE_URL"; echo "$SHOP_TOKEN"
		cat /home/code/.cache/shop/index'
	expect_equal "$output" "$(jq -r '.remoteUser, .containerEnv.DATABASE_URL' "$D"; echo "$SHOP_TOKEN"; echo cached)"
}

@test "the forwarded port is reached on this machine" {
	local port
	port=$(jq '.forwardPorts[0]' "$D")
	coi shell --debug --background >/dev/null
	NAME=$(container_name)
	coi container exec "$NAME" --user 1000 -- sh -c "setsid python3 -m http.server $port >/dev/null 2>&1 &"
	answers() {
		[ "$(python3 -c "import urllib.request as u
print(u.urlopen('http://127.0.0.1:$port/setup').read().decode())")" = "$(cat setup)" ]
	}
	within 20 answers
	coi kill --force "$NAME"
}
