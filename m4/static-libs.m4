dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl COI_STATIC_LIBS(PREFIX MODULE…): with --enable-static-libs, put the module of pkg-config into
dnl the programs where it has an archive; what that needs itself stays shared. Where there is no
dnl archive, or it does not link, the module stays shared as well: liblxc (Debian has none),
dnl libcurl and the C library always do. coi_static has the names of those that are put in.
AC_DEFUN([COI_STATIC_LIB], [
	AC_MSG_CHECKING([for an archive of $2])
	coi_own=$($PKG_CONFIG --libs "$2" | tr ' ' '\n' | grep '^-l')
	coi_rest=
	for coi_word in $($PKG_CONFIG --static --libs "$2"); do
		AS_CASE([" $(echo $coi_own) "], [*" $coi_word "*], [],
			[AS_VAR_APPEND([coi_rest], [" $coi_word"])])
	done
	dnl All of it, or what its parts want is not seen.
	coi_save=$LIBS
	LIBS="-Wl,-Bstatic,--whole-archive $(echo $coi_own) -Wl,--no-whole-archive,-Bdynamic $coi_rest $LIBS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [
		$1_LIBS="-Wl,-Bstatic $(echo $coi_own) -Wl,-Bdynamic $coi_rest"
		AS_VAR_APPEND([coi_static], [" $2"])
		AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
	LIBS=$coi_save
])

AC_DEFUN([COI_STATIC_LIBS], [
	AC_ARG_ENABLE([static-libs],
		[AS_HELP_STRING([--enable-static-libs],
			[put libraries into the programs where there are archives of them])],
		[], [enable_static_libs=no])
	coi_static=
	AS_IF([test "$enable_static_libs" = yes], [
		m4_map_args_w([$1], [COI_STATIC_PAIR(], [)])
	])
])
dnl "PREFIX:MODULE"
m4_define([COI_STATIC_PAIR], [COI_STATIC_LIB(m4_bpatsubst([$1], [:.*]), m4_bpatsubst([$1], [.*:]))])
