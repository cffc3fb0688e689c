#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# The Debian package: made, looked at by lintian, installed in a fresh root that has
# nothing of ours, at work there, removed and purged. What starts a container does so in
# the stage, in which the root has been made the root.

setup_file() {
	load ../lib/common
	T=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	export T
	chmod 0755 "$T"
	"$COI_TEST_SRC/tests/lib/package-root" "$T"
	DEB=$(find "$T/out" -name 'coi_*.deb')
	export DEB
	[ -n "${COI_TEST_IMAGE-}" ] || {
		export COI_TEST_IMAGE=$T/image.tar
		"$COI_TEST_SRC/tests/lib/mkimage" "$COI_TEST_IMAGE"
	}
	cp "$DEB" "$T/root/coi.deb"
	cp "$COI_TEST_IMAGE" "$T/root/image.tar"
	echo nameserver 203.0.113.53 >"$T/root/etc/resolv.conf"
	mkdir "$T/root/home/person" "$T/root/root/.coi"
	echo mine >"$T/root/root/.coi/mine"
	chown 1234:1234 "$T/root/home/person"
	(cd "$T/root" && find etc var/lib usr -type f -o -type l | sort) >"$T/before"
}

teardown_file() {
	rm -rf --one-file-system "$T"
}

setup() {
	load ../lib/common
}

# SCRIPT: run it by sh, in the fresh root, in the stage.
in_root() {
	"$COI_TEST_SRC/tests/lib/netns-stage" unshare --mount --propagation private sh -c '
		mount --bind "$1" "$1" && cd "$1" &&
		mount --rbind /proc proc && mount --rbind /sys sys && mount --rbind /dev dev &&
		pivot_root . mnt && umount -l /mnt &&
		exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin COI_ROOT=/srv/coi \
			DEBIAN_FRONTEND=noninteractive sh -eu -c "$2"' - "$T/root" "$1"
}

@test "lintian finds nothing in the package" {
	run lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$T"/out/*.changes
	expect_status 0
	expect_equal "$(grep -c '^[EW]:' <<<"$output")" 0
}

@test "it installs in a fresh root, gives root its ids, and runs a command there" {
	run --separate-stderr in_root '
		dpkg -i /coi.deb >&2
		cat /etc/subuid
		coi version | head -n 1
		printf "[container]\ninit = \"coi-init\"\n" >/root/.coi/config.toml
		coi image import /image.tar --alias coi-default >&2
		cd /home/person
		coi run -- sh -c "id -u; echo made >file"
		stat -c "%u:%g %n" file
		coi shutdown --all >/dev/null 2>&1 || true'
	expect_status 0
	[[ "${lines[0]}" =~ ^root:[0-9]+:65536000$ ]]
	[[ "${lines[1]}" == *0.9.0* ]]
	expect_equal "${lines[2]} ${lines[3]}" "1000 1234:1234 file"
	expect_stderr "coi build"
	[ -s "$T/root/usr/share/bash-completion/completions/coi" ]
	[ -s "$T/root/usr/share/zsh/vendor-completions/_coi" ]
	[ -s "$T/root/usr/share/fish/vendor_completions.d/coi.fish" ]
	[ -e "$T/root/usr/share/man/man5/coi-config.5.gz" ]
}

@test "it is not removed under a running container, and an upgrade leaves it alone" {
	run --separate-stderr in_root '
		cd /home/person
		mkfifo /tmp/hold
		coi run -- sh -c "echo up; read -r line; echo \"still \$line\"" </tmp/hold >/tmp/out &
		exec 3>/tmp/hold
		until grep -q up /tmp/out; do sleep 0.05; done
		! dpkg -r coi >&2 || exit 1
		command -v coi
		dpkg -i /coi.deb >&2
		echo here >&3
		wait $!
		cat /tmp/out
		coi container launch coi-default web >&2
		! dpkg -r coi >&2 || exit 1
		coi shutdown --force web >&2
		wc -l </etc/subuid'
	expect_status 0
	expect_stderr "containers are running; end them first, with: coi shutdown --all"
	expect_equal "$(tail -n 4 <<<"$output" | xargs)" "/usr/bin/coi up still here 1"
}

@test "purge leaves nothing but the person's own files" {
	run --separate-stderr in_root 'dpkg -P coi >&2; cat /etc/subuid /etc/subgid; ls /var/lib/coi /usr/share/coi || true'
	expect_status 0
	expect_equal "$output" ""
	expect_equal "$(cat "$T/root/root/.coi/mine" "$T/root/home/person/file" | xargs)" "mine made"
	(cd "$T/root" && find etc var/lib usr -type f -o -type l | sort) >"$T/after"
	expect_equal "$(diff "$T/before" "$T/after")" ""
}
