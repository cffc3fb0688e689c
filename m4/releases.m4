dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl COI_RELEASES: whose releases `coi update core` takes, and from where. The key is a PEM
dnl file, as `openssl pkey -pubout` writes it: RFC 8410, 12 bytes before the key's 32.
AC_DEFUN([COI_RELEASES], [
	AC_ARG_WITH([release-key], [AS_HELP_STRING([--with-release-key=FILE],
		[Ed25519 public key (PEM) of the releases that updates may come from])],
		[], [with_release_key=no])
	AC_ARG_WITH([release-url], [AS_HELP_STRING([--with-release-url=URL],
		[https address of the directory with releases.json])],
		[], [with_release_url=no])
	coi_release_key=
	AS_CASE([$with_release_key], [no], [], [yes],
		[AC_MSG_ERROR([--with-release-key wants a file])], [
		coi_release_key=$(sed '/^-----/d' "$with_release_key" | base64 -d 2>/dev/null |
			od -An -v -tx1 | tr -d ' \n' |
			sed -n 's/^302a300506032b6570032100\(@<:@0-9a-f@:>@\{64\}\)$/\1/p')
		AS_IF([test -z "$coi_release_key"],
			[AC_MSG_ERROR(['$with_release_key' is no Ed25519 public key in PEM])])])
	AS_CASE([$with_release_url], [no|''], [with_release_url=], [https://*], [],
		[AC_MSG_ERROR([--with-release-url wants an https address])])
	AC_DEFINE_UNQUOTED([COI_RELEASE_KEY], ["$coi_release_key"],
		[Ed25519 public key of releases, in hexadecimal])
	AC_DEFINE_UNQUOTED([COI_RELEASE_URL], ["$with_release_url"], [where releases lie])
])
