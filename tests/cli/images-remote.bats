#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Images that a web server holds: hash first, https only, transfers that break off.

setup_file() {
	load ../lib/common
	coi_setup
	mkdir "$T/tls"
	chmod 0755 "$T" "$T/tls" # coi-fetch reads the CA as nobody
	python3 "$BATS_TEST_DIRNAME/../lib/tls-server.py" "$T/tls" \
		"${COI_TEST_IMAGE:-$T/image.tar}" 3>&- &
	echo $! >"$T/tls.pid"
	python3 "$BATS_TEST_DIRNAME/../lib/proxy.py" "$T/tls" 3>&- &
	echo $! >"$T/proxy.pid"
	within 30 test -e "$T/tls/port"
	within 30 test -e "$T/tls/proxy.port"
}

teardown_file() {
	load ../lib/common
	kill "$(cat "$T/tls.pid")" "$(cat "$T/proxy.pid")"
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	export SSL_CERT_FILE=$T/tls/ca.pem
	unset https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SSL_CERT_DIR CURL_CA_BUNDLE
	PROXY=127.0.0.1:$(cat "$T/tls/proxy.port")
	URL=https://127.0.0.1:$(cat "$T/tls/port")
	HASH=$(sha256sum <"${COI_TEST_IMAGE:-$T/image.tar}" | cut -d' ' -f1)
	: >"$T/tls/log"
	: >"$T/tls/proxy.log"
	rm -f "$T/tls/proxy.user"
}

store() { # what the store holds
	(cd "$COI_ROOT" && find images layers -mindepth 1 -maxdepth 2 | sort)
}

comes_by() { # PATH
	run --separate-stderr coi image import "$URL/$1" --sha256 "$HASH" --alias remote
	expect_status 0
	expect_text "${HASH,,}"
	coi image exists remote
}

refused() { # STATUS TEXT ARGUMENT...
	local before want=$1 text=$2
	shift 2
	before=$(store)
	run --separate-stderr coi image import "$@" --alias refused
	expect_status "$want"
	expect_stderr "$text"
	expect_equal "$(store)" "$before"
	! coi image exists refused
}

@test "an archive of an https server, also behind a redirection" {
	comes_by ok
	coi run --image remote -- true
	comes_by moved
	# Digits of a hash may be upper case.
	HASH=${HASH^^}
	run --separate-stderr coi image import "$URL/ok" --sha256 "$HASH" --alias remote
	expect_status 0
}

@test "a transfer that breaks off goes on where it was" {
	comes_by cut
	expect_equal "$(grep -c '^/cut bytes=[1-9]' "$T/tls/log")" 2
	expect_equal "$(grep -c . "$T/tls/log")" 3
}

@test "a server that cannot go on is asked for all of it once more" {
	comes_by deaf
	expect_equal "$(tail -n 1 "$T/tls/log")" "/deaf "
}

@test "another hash, a missing file, plain http, an unknown CA: refused, nothing is left" {
	local other=${HASH//[0-9]/0}
	refused 1 "has the SHA-256 $HASH, not $other" "$URL/ok" --sha256 "$other"
	refused 1 "the server answered 404" "$URL/none" --sha256 "$HASH"
	refused 1 "not https" "$URL/plain" --sha256 "$HASH"
	refused 1 "redirect" "$URL/loop" --sha256 "$HASH"
	unset SSL_CERT_FILE
	refused 1 "certificate" "$URL/ok" --sha256 "$HASH"
}

tunnels() { # how many, by way of the proxy
	grep -c "^${URL#https://} " "$T/tls/proxy.log" || true
}

@test "a proxy of the environment is used, and only where it is meant" {
	https_proxy=http://$PROXY comes_by ok
	expect_equal "$(tunnels)" 1
	# A transfer that breaks off goes on by way of it too.
	HTTPS_PROXY=http://$PROXY comes_by cut
	expect_equal "$(tunnels)" 4
	all_proxy=http://$PROXY comes_by ok
	expect_equal "$(tunnels)" 5
	https_proxy=http://$PROXY no_proxy=127.0.0.1 comes_by ok
	http_proxy=http://$PROXY comes_by ok
	expect_equal "$(tunnels)" 5
}

@test "a proxy that wants a password gets it; one that refuses or is not there is said" {
	echo me:secret >"$T/tls/proxy.user"
	https_proxy=http://me:secret@$PROXY comes_by ok
	expect_equal "$(cat "$T/tls/proxy.log")" "${URL#https://} me"
	export https_proxy=http://me:wrong@$PROXY
	refused 1 "407" "$URL/ok" --sha256 "$HASH"
	[[ "$output$stderr" != *wrong* ]]
	export https_proxy=http://127.0.0.1:9
	refused 1 "port 9" "$URL/ok" --sha256 "$HASH"
	[ ! -s "$T/tls/log" ] || expect_equal "$(grep -c . "$T/tls/log")" 1
}

@test "authorities: a file, a directory of them, and the variable of curl" {
	unset SSL_CERT_FILE
	refused 1 "certificate" "$URL/ok" --sha256 "$HASH"
	CURL_CA_BUNDLE=$T/tls/ca.pem comes_by ok
	mkdir "$T/tls/authorities"
	cp "$T/tls/ca.pem" "$T/tls/authorities/ca.pem"
	openssl rehash "$T/tls/authorities"
	SSL_CERT_DIR=$T/tls/authorities comes_by ok
	SSL_CERT_FILE=$T/none refused 1 "$T/none" "$URL/ok" --sha256 "$HASH"
}

@test "the progress knows how much it will be" {
	script -qefc "stty cols 100; '$COI' image import '$URL/slow' --sha256 '$HASH' --alias remote" \
		/dev/null >"$T/screen" </dev/null
	grep -q 'Fetching \[.*%' "$T/screen"
}

@test "what is no address to fetch is a mistake of use" {
	refused 2 "wants '--sha256'" "$URL/ok"
	refused 2 "is no https address" "http://127.0.0.1/x" --sha256 "$HASH"
	refused 2 "is no SHA-256" "$URL/ok" --sha256 abc
	refused 2 "names no server" "https:///x" --sha256 "$HASH"
	refused 2 "a user or a password" "https://me:secret@127.0.0.1/x" --sha256 "$HASH"
	refused 2 "goes with an https address" "${COI_TEST_IMAGE:-$T/image.tar}" --sha256 "$HASH"
	refused 2 "from files" "$URL/ok" "$URL/ok" --sha256 "$HASH"
	[ ! -s "$T/tls/log" ]
}

@test "a signal ends a transfer that has no end, and nothing is left" {
	local before pid
	before=$(store)
	"$COI" image import "$URL/endless" --sha256 "$HASH" --alias endless 2>"$T/err" &
	pid=$!
	within 30 grep -q endless "$T/tls/log"
	kill -INT "$pid" 2>/dev/null || true
	kill -TERM "$pid" 2>/dev/null || true
	status=0
	wait "$pid" || status=$?
	[ "$status" != 0 ]
	expect_equal "$(store)" "$before"
}
