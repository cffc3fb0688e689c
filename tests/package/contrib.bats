#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# What is in contrib is run by root, on machines with other people on them: what it writes
# to, what it takes a release from, and what the packages of others do when they come.

setup_file() {
	load ../lib/common
	T=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	export T
}

teardown_file() {
	rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
	CONTRIB=$COI_TEST_SRC/contrib
	cd "$T"
}

@test "a release is what git has, or nothing: never what lies about in the directory" {
	mkdir -p src/contrib out
	cp "$CONTRIB/release" src/contrib
	echo 'AC_INIT([coi], [1.0.0])' >src/configure.ac
	printf '#!/bin/sh\necho built >&2\nexit 1\n' >src/configure
	chmod 0755 src/configure
	git -C src init -q
	run --separate-stderr src/contrib/release archive out
	expect_status 1
	expect_stderr "git knows no commit 'HEAD'"
	git -C src add .
	git -C src -c user.name=x -c user.email=x@x.example commit -q -m x
	COI_RELEASE_COMMIT=v7.0.0 run --separate-stderr src/contrib/release archive out
	expect_status 1
	expect_stderr "git knows no commit 'v7.0.0'"
	COI_RELEASE_COMMIT=--all run --separate-stderr src/contrib/release archive out
	expect_status 1
	expect_stderr "git knows no commit '--all'"
	[[ $stderr != *built* ]]
	# One that git does not trust for us (another owner) is no tarball either.
	chown 1234:1234 src/.git src
	run --separate-stderr src/contrib/release archive out
	expect_status 1
	expect_stderr "git knows no commit 'HEAD'"
	chown 0:0 src/.git src
	run --separate-stderr src/contrib/release archive out
	expect_stderr built
	expect_equal "$(ls out)" ""
}

@test "names, addresses and times that no list of releases may have" {
	local key=$COI_TEST_SRC/tests/lib/release-key.pem
	rm -rf out
	mkdir out
	index() { "$CONTRIB/release" index out "$key"; }
	refused() { # TEXT
		run --separate-stderr index
		expect_status 1
		expect_stderr "$1"
		[ ! -e out/releases.json.sig ]
	}
	refused "no archive"
	echo x >out/coi-1.0.0-linux-amd64.tar.xz
	for odd in '1.0.0"' 1.0 01.0.0 v1.0.0; do
		echo x >"out/coi-$odd-linux-amd64.tar.xz"
		refused "is of no version"
		rm "out/coi-$odd-linux-amd64.tar.xz"
	done
	echo x >'out/coi-1.0.0-linux-x": 1.tar.xz'
	refused "is for no machine"
	rm out/*:*
	COI_RELEASE_URL='https://releases.example/$(id)' refused "letters, digits"
	COI_RELEASE_URL='http://releases.example/' refused "no https address"
	COI_RELEASE_URL=https://releases.example/coi SOURCE_DATE_EPOCH=1000 run -0 index
	grep -qx 'release_url=https://releases.example/coi' out/install.sh
	# The time is when it is said, and does not go back.
	[ "$(jq .made out/releases.json)" -gt 1600000000 ]
	sed -i 's/"made": [0-9]*/"made": 4102444800/' out/releases.json
	run --separate-stderr index
	expect_status 1
	expect_stderr "set its clock"
}

@test "the log of a step that failed has a name that nobody could put a link at" {
	mkdir -p tmp
	echo mine >victim
	for n in 1 2; do
		ln -sf "$T/victim" "tmp/coi-step-$n.log"
	done
	TMPDIR=$T/tmp run sh -c '. "$1/lib.sh"; begin one; run sh -c "echo why; exit 3"' - "$CONTRIB"
	expect_status 1
	expect_text "FAILED in step 1 (one): 'sh' ended with status 3"
	expect_equal "$(cat victim)" mine
	grep -qx why "$(sed -n 's/^All of it: //p' <<<"$output")"
}

@test "the sample of quickstart is given to the person, and nothing behind a link of theirs" {
	mkdir -p home victims
	ln -sfn "$T/victims" home/coi-sample
	sed -n '/^run_sample()/,/^}/p' "$CONTRIB/quickstart" >function
	[ -s function ]
	sample() {
		HOME=$T/home run env -u SUDO_UID sh -c '
			fail() { echo "$1"; exit 1; }
			sample_owner() { echo 1234:1234; }
			run() { echo made >made-by-coi; chown 1234:1234 made-by-coi; }
			coi=coi
			. ./function
			run_sample'
	}
	sample
	expect_status 1
	expect_text "is a link"
	expect_equal "$(stat -c %u victims)" 0
	rm home/coi-sample
	sample
	expect_status 0
	expect_equal "$(stat -c %u home/coi-sample)" 1234
}

# SCRIPT: run it where no coi has ever been, with the root-ids of this source; what root has then.
when_installed() {
	rm -rf etc.up etc.work
	mkdir -p etc.up etc.work share/coi
	cp "$CONTRIB/root-ids" share/coi
	unshare --mount --propagation private sh -eu -c '
		mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc.up,workdir=$1/etc.work" /etc
		mount -t overlay overlay -o "lowerdir=$1/share:/usr/share" /usr/share
		mount -t tmpfs tmpfs /var/lib
		rm -f /etc/subuid /etc/subgid
		sh "$1/script" configure "" >&2
		cat /etc/subuid /etc/subgid
		stat -c "%a %n" /var/lib/coi
		cat /var/lib/coi/.root-ids' - "$T"
}

@test "what each package does when it comes gives root its ids, and notes them" {
	local one
	sed '/#DEBHELPER#/d' "$CONTRIB/debian/coi.postinst" >debian
	rpmspec -P --define "_sharedstatedir /var/lib" "$CONTRIB/rpm/coi.spec" | sed -n '/^%post$/,/^%preun/p' | sed '/^%/d' >rpm
	cp "$CONTRIB/alpine/coi.post-install" alpine
	sed -n '/^define Package\/coi\/postinst/,/^endef/p' "$CONTRIB/openwrt/Makefile" |
		sed '1d; $d; s/\$\$/$/g' >openwrt
	for one in debian rpm alpine openwrt; do
		cp "$one" script
		run --separate-stderr when_installed
		[ "$status" = 0 ] || { echo "$one: $stderr"; return 1; }
		[[ "${lines[0]}" =~ ^root:[0-9]+:65536000$ ]]
		expect_equal "${lines[1]}" "${lines[0]}"
		expect_equal "${lines[2]}" "711 /var/lib/coi"
		expect_equal "${lines[3]} ${lines[4]}" "/etc/subuid ${lines[0]} /etc/subgid ${lines[0]}"
	done
}

# SCRIPT STATES ARGUMENT...: run it, the containers being in those states ("no": coi does not run).
when_removed() {
	local script=$1 states=$2 state
	shift 2
	mkdir -p fake
	{
		echo '#!/bin/sh'
		[ "$states" != no ] || echo 'exit 1'
		echo '[ "$*" = "container list --format json" ] || exit 2'
		echo 'cat <<-END'
		echo '['
		for state in $states; do
			printf '  {\n    "name": "a \\"status\\": x",\n    "status": "%s"\n  },\n' "$state"
		done
		printf ']\nEND\n'
	} >fake/coi
	chmod 755 fake/coi
	run --separate-stderr env PATH="$T/fake:$PATH" sh -e "$script" "$@"
}

@test "no package goes while containers run, whatever they are called; an upgrade does not ask" {
	local one states
	sed '/#DEBHELPER#/d' "$CONTRIB/debian/coi.prerm" >debian
	rpmspec -P "$CONTRIB/rpm/coi.spec" | sed -n '/^%preun$/,/^%postun/p' | sed '/^%/d' >rpm
	cp "$CONTRIB/alpine/coi.pre-deinstall" alpine
	sed -n '/^define Package\/coi\/prerm/,/^endef/p' "$CONTRIB/openwrt/Makefile" |
		sed '1d; $d; s/\$\$/$/g' >openwrt
	goes() { # SCRIPT STATES
		case $1 in
		debian) when_removed "$1" "$2" remove ;;
		rpm) when_removed "$1" "$2" 0 ;;
		*) when_removed "$1" "$2" ;;
		esac
	}
	for one in debian rpm alpine openwrt; do
		for states in Running Frozen "Stopped Running" "Running Stopped" Starting; do
			goes "$one" "$states"
			[ "$status" = 1 ] && [[ $stderr == *"containers are running"* ]] || { echo "$one: $states: $status"; return 1; }
		done
		for states in "" Stopped "Stopped Stopped" no; do
			goes "$one" "$states"
			[ "$status" = 0 ] || { echo "$one: '$states': $status $stderr"; return 1; }
		done
	done
	when_removed debian Running upgrade 1.0.0
	expect_status 0
	when_removed rpm Running 1
	expect_status 0
	PKG_UPGRADE=1 when_removed openwrt Running
	expect_status 0
	IPKG_INSTROOT=/somewhere when_removed openwrt Running
	expect_status 0
}
