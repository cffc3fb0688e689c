dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl COI_ADD_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE when the compiler takes it.
AC_DEFUN([COI_ADD_FLAG], [
	AS_VAR_PUSHDEF([cache], [coi_cv_flag_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cache], [
		coi_save="$CFLAGS"
		CFLAGS="$CFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AS_VAR_SET([cache], [yes])],
			[AS_VAR_SET([cache], [no])])
		CFLAGS="$coi_save"
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

AC_DEFUN([COI_COMPILER_FLAGS], [
	COI_CFLAGS=-std=gnu17
	COI_LDFLAGS=
	m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
		-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Wformat=2
		-Wimplicit-fallthrough -Wno-missing-field-initializers -Wno-unused-parameter
		-fno-strict-aliasing -fno-common],
		[COI_ADD_FLAG([COI_CFLAGS], flag)])
	AS_IF([test "$enable_werror" = yes], [COI_CFLAGS="$COI_CFLAGS -Werror"])
	AS_IF([test "$enable_sanitize" != no], [
		COI_CFLAGS="$COI_CFLAGS -fsanitize=$enable_sanitize -fno-omit-frame-pointer"
		COI_LDFLAGS="$COI_LDFLAGS -fsanitize=$enable_sanitize"
	], [
		m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection
			-ftrivial-auto-var-init=zero -fcf-protection],
			[COI_ADD_FLAG([COI_CFLAGS], flag)])
		AS_CASE([" $CFLAGS "], [*-O0*|*FORTIFY*], [],
			[COI_CFLAGS="$COI_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
		COI_ADD_FLAG([COI_LDFLAGS], [-Wl,-z,relro,-z,now])
		COI_ADD_FLAG([COI_LDFLAGS], [-Wl,--as-needed])
	])
	AC_SUBST([COI_CFLAGS])
	AC_SUBST([COI_LDFLAGS])
])
