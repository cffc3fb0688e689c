#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# The packages that can be made here. The Debian package: looked at by lintian, installed in
# a fresh root that has nothing of ours, at work there, removed and purged. Then that of rpm,
# in the same root: its libraries are the same, whatever the packages of them are called.
# What starts a container does so in the stage, in which the root has been made the root.

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

# SCRIPT: run it by sh, in the fresh root, in the stage. `outside COMMAND` is for programs that
# the root lacks: the machine's own, which see the root at $ROOT.
in_root() {
	"$COI_TEST_SRC/tests/lib/netns-stage" unshare --mount --propagation private sh -c '
		mount --bind "$1" "$1" && cd "$1" &&
		mount --rbind /proc proc && mount --rbind /sys sys && mount --rbind /dev dev &&
		pivot_root . mnt && mount --rbind / "/mnt$1" && mount --make-private /mnt &&
		exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin COI_ROOT=/srv/coi ROOT="$1" \
			DEBIAN_FRONTEND=noninteractive sh -eu -c "outside() { chroot /mnt \"\$@\"; }; $2"' - "$T/root" "$1"
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
	[ -s "$T/root/usr/share/coi/selinux/coi.cil" ]
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

@test "rpmbuild makes a package out of the spec file, with all that is installed" {
	local top=$T/rpm
	mkdir -p "$top"
	make -s -C "$COI_TEST_BUILD" dist distdir=coi-rpm >/dev/null
	mkdir "$T/coi-0.9.0"
	tar -C "$T/coi-0.9.0" --strip-components=1 -xf "$COI_TEST_BUILD/coi-rpm.tar.xz"
	rm "$COI_TEST_BUILD/coi-rpm.tar.xz"
	tar -C "$T" -caf "$top/coi-0.9.0.tar.xz" coi-0.9.0
	# The names of what it needs are those of other distributions, and its tests ran already.
	run rpmbuild -bb --nodeps --nocheck --define "_topdir $top" --define "_sourcedir $top" \
		--define "optflags -O0" --define "debug_package %{nil}" \
		--define "_sharedstatedir /var/lib" "$COI_TEST_SRC/contrib/rpm/coi.spec"
	expect_status 0
	RPM=$(find "$top/RPMS" -name 'coi-*.rpm')
	rpm -qpl "$RPM" >"$T/files"
	grep -qx /usr/share/doc/coi/examples/devcontainer/README.md "$T/files" ||
		grep -qx /usr/share/doc/coi-0.9.0/examples/devcontainer/README.md "$T/files"
	grep -qx /usr/lib/systemd/system/coi-restore.service "$T/files"
	grep -q '^/usr/share/man/man5/coi-config\.5' "$T/files"
	cp "$RPM" "$T/coi.rpm"
}

@test "that of rpm installs there too, is not removed under a container, and goes" {
	cp "$T/coi.rpm" "$T/root/coi.rpm"
	run --separate-stderr in_root '
		outside rpm --root "$ROOT" --nodeps -i "$ROOT/coi.rpm" >&2
		cat /etc/subuid
		stat -c %a /var/lib/coi
		coi version | head -n 1
		printf "[container]\ninit = \"coi-init\"\n" >/root/.coi/config.toml
		coi image import /image.tar --alias coi-default >&2
		cd /home/person
		coi run -- id -u
		coi container launch coi-default web >&2
		! outside rpm --root "$ROOT" -e coi >&2 || exit 1
		command -v coi
		coi shutdown --force web >&2
		outside rpm --root "$ROOT" -e coi >&2
		[ ! -e /usr/bin/coi ]'
	expect_status 0
	expect_stderr "containers are running"
	[[ "${lines[0]}" =~ ^root:[0-9]+:65536000$ ]]
	expect_equal "${lines[1]}" 711
	[[ "${lines[2]}" == *0.9.0* ]]
	expect_equal "${lines[3]} ${lines[4]}" "1000 /usr/bin/coi"
	# Ids and what people made stay with rpm; of ours nothing does.
	(cd "$T/root" && find etc var/lib usr \( -type f -o -type l \) ! -path 'var/lib/rpm/*' \
		! -path 'usr/lib/sysimage/*' | sort) >"$T/after"
	expect_equal "$(diff "$T/before" "$T/after" | grep '^>' | grep -v -e subuid -e subgid -e /var/lib/coi/.root-ids -e ' var/lib/coi/.root-ids')" ""
}
