#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi: outside
# The packages of others (contrib/rpm, alpine, openwrt) say what this source says: version,
# libraries, files. None of their own tools but rpmspec is here.

setup_file() {
	load ../lib/common
	T=$(mktemp -d /var/tmp/coi-test.XXXXXX)
	export T
	make -s -C "$COI_TEST_BUILD" install prefix=/usr libexecdir=/usr/libexec DESTDIR="$T/root" >"$T/log" 2>&1 ||
		{ tail "$T/log"; return 1; }
}

teardown_file() {
	rm -rf "$T"
}

setup() {
	load ../lib/common
	cd "$COI_TEST_SRC"
	version=$(sed -n 's/^AC_INIT(\[coi\], \[\([^]]*\)\].*/\1/p' configure.ac)
}

# What configure.ac wants: the module of pkg-config, and Debian's package.
modules() {
	sed -n 's/^COI_NEED(\[[A-Z0-9]*\], \[\([^] ]*\).*\], \[\([^]]*\)\])$/\1 \2/p' configure.ac
	echo libbpf libbpf-dev
}

@test "each has the version of configure.ac" {
	[ -n "$version" ]
	grep -qx "Version: *$version" contrib/rpm/coi.spec
	grep -qx "pkgver=$version" contrib/alpine/APKBUILD
	grep -qx "PKG_VERSION:=$version" contrib/openwrt/Makefile
	grep -q "^coi ($version)" contrib/debian/changelog
}

@test "each wants the libraries that configure wants" {
	[ "$(modules | wc -l)" -gt 12 ]
	local module package word bad=
	while read -r module package; do
		grep -qF "pkgconfig($module)" contrib/rpm/coi.spec || bad="$bad rpm:$module"
		grep -qw -- "$package" contrib/debian/control || bad="$bad debian:$package"
		grep -q "^$package	" contrib/packages-build || bad="$bad packages-build:$package"
		grep -q "^| $package\|, $package\|^| .*$package" README.md || bad="$bad readme:$package"
		case $package in
		libcurl4-openssl-dev) word=curl ;;
		nettle-dev | lxc-dev) word=${package%-dev} ;;
		*) word=${package%-dev} word=${word#lib} word=${word%2} ;;
		esac
		grep -q "^	[a-z]*$word[a-z0-9]*-dev$" contrib/alpine/APKBUILD || bad="$bad alpine:$word"
		case $package in libbpf-dev | libtomlplusplus-dev) continue ;; esac
		grep -q "+[a-z]*$word" contrib/openwrt/Makefile || bad="$bad openwrt:$word"
	done < <(modules)
	expect_equal "$bad" ""
}

@test "the spec file is one, and its list has every file that is installed" {
	run -0 rpmspec -q --qf '%{name} %{version}\n' contrib/rpm/coi.spec
	expect_equal "${lines[0]}" "coi $version"
	rpmspec -P contrib/rpm/coi.spec | sed -n '/^%files/,/^%changelog/p' | grep ^/ >"$T/patterns"
	[ -s "$T/patterns" ]
	local path pattern hit bad=
	while read -r path; do
		hit=
		while read -r pattern; do
			case $pattern in
			*/) [[ $path == "$pattern"* ]] && hit=1 ;;
			# shellcheck disable=SC2053 # it is a pattern
			*) [[ $path == $pattern ]] && hit=1 ;;
			esac
		done <"$T/patterns"
		[ -n "$hit" ] || bad="$bad $path"
	done < <(cd "$T/root" && find . \( -type f -o -type l \) ! -path './usr/share/doc/*' | sed 's/^\.//')
	while read -r pattern; do
		compgen -G "$T/root$pattern" >/dev/null || bad="$bad nothing:$pattern"
	done <"$T/patterns"
	expect_equal "$bad" ""
}

@test "their scripts are scripts" {
	sh -n contrib/alpine/APKBUILD
	sh -n contrib/alpine/coi.post-install
	sh -n contrib/alpine/coi.pre-deinstall
	for part in postinst prerm; do
		sed -n "/^define Package\/coi\/$part$/,/^endef/p" contrib/openwrt/Makefile | sed '1d; $d; s/\$\$/$/g' >"$T/script"
		[ -s "$T/script" ]
		sh -n "$T/script"
	done
	for part in post preun; do
		rpmspec -P contrib/rpm/coi.spec | sed -n "/^%$part$/,/^%[a-z]/p" | sed '/^%/d' >"$T/script"
		[ -s "$T/script" ]
		sh -n "$T/script"
	done
}
