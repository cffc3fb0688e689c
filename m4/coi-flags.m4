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

dnl COI_ADD_CXX_FLAG(VARIABLE, FLAG): the same for the C++ compiler.
AC_DEFUN([COI_ADD_CXX_FLAG], [
	AS_VAR_PUSHDEF([cache], [coi_cv_cxxflag_$2])
	AC_LANG_PUSH([C++])
	AC_CACHE_CHECK([whether $CXX takes $2], [cache], [
		coi_save="$CXXFLAGS"
		CXXFLAGS="$CXXFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AS_VAR_SET([cache], [yes])],
			[AS_VAR_SET([cache], [no])])
		CXXFLAGS="$coi_save"
	])
	AC_LANG_POP([C++])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

dnl COI_FORTIFY: set coi_fortify to the highest level that compiler and libc carry out.
dnl A libc that knows no level 3 says so in a warning, hence a real header and -Werror.
AC_DEFUN([COI_FORTIFY], [
	AC_CACHE_CHECK([for the level of _FORTIFY_SOURCE], [coi_cv_fortify], [
		coi_cv_fortify=2
		coi_save="$CFLAGS"
		CFLAGS="$CFLAGS -O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>
			#include <stdlib.h>]], [[
			char *p = malloc(8);
			if (p)
				memset(p, 0, __builtin_dynamic_object_size(p, 0));
			free(p);]])], [coi_cv_fortify=3])
		CFLAGS="$coi_save"
	])
	coi_fortify=$coi_cv_fortify
])

AC_DEFUN([COI_COMPILER_FLAGS], [
	COI_CFLAGS=-std=gnu17
	COI_CXXFLAGS=
	COI_LDFLAGS=
	m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
		-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Wformat=2
		-Wimplicit-fallthrough -Wlogical-op -Wduplicated-cond -Wno-missing-field-initializers
		-Wno-unused-parameter -fno-strict-aliasing -fno-common],
		[COI_ADD_FLAG([COI_CFLAGS], flag)])
	dnl It takes `r = f(&x); if (r < 0) return r;` for a use of x wherever f ends in
	dnl `return err_set(…)`, since it cannot know that this is negative. Locals start as
	dnl zero (-ftrivial-auto-var-init) and the sanitizers look at the rest.
	COI_ADD_FLAG([COI_CFLAGS], [-Wno-maybe-uninitialized])
	m4_foreach_w([flag], [-Wall -Wextra], [COI_ADD_CXX_FLAG([COI_CXXFLAGS], flag)])
	AS_IF([test "$enable_werror" = yes], [
		COI_CFLAGS="$COI_CFLAGS -Werror"
		COI_CXXFLAGS="$COI_CXXFLAGS -Werror"
	])
	AS_IF([test "$enable_sanitize" != no], [
		coi_hardening="none, sanitizers instead"
		coi_sanitize="-fsanitize=$enable_sanitize -fno-omit-frame-pointer"
		COI_CFLAGS="$COI_CFLAGS $coi_sanitize -fno-sanitize-recover=undefined"
		COI_CXXFLAGS="$COI_CXXFLAGS $coi_sanitize"
		COI_LDFLAGS="$COI_LDFLAGS -fsanitize=$enable_sanitize"
	], [
		coi_hard=
		m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection
			-ftrivial-auto-var-init=zero -fcf-protection],
			[COI_ADD_FLAG([coi_hard], flag)])
		dnl Fortified functions are inline ones: without optimisation there are none.
		AS_CASE([" $CFLAGS $CPPFLAGS "],
			[*-O0*|*FORTIFY*], [],
			[*\ -O*], [COI_FORTIFY
				coi_hard="$coi_hard -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$coi_fortify"])
		COI_CFLAGS="$COI_CFLAGS $coi_hard"
		COI_ADD_FLAG([COI_LDFLAGS], [-Wl,-z,relro,-z,now])
		COI_ADD_FLAG([COI_LDFLAGS], [-Wl,-z,noexecstack])
		COI_ADD_FLAG([COI_LDFLAGS], [-Wl,--as-needed])
		coi_hardening="pie$coi_hard$COI_LDFLAGS"
	])
	AS_IF([test "$enable_coverage" = yes], [
		COI_CFLAGS="$COI_CFLAGS --coverage -fprofile-update=atomic"
		COI_CXXFLAGS="$COI_CXXFLAGS --coverage"
		COI_LDFLAGS="$COI_LDFLAGS --coverage"
	])
	AC_SUBST([COI_CFLAGS])
	AC_SUBST([COI_CXXFLAGS])
	AC_SUBST([COI_LDFLAGS])
])

dnl COI_STATIC_LIBC: coi-init runs where no library of the host is, so it is linked
dnl statically; COI_STATIC_CFLAGS and COI_STATIC_LDFLAGS carry what that takes.
AC_DEFUN([COI_STATIC_LIBC], [
	AC_CACHE_CHECK([how to link statically], [coi_cv_static], [
		coi_cv_static=no
		coi_save_c="$CFLAGS"
		coi_save_l="$LDFLAGS"
		for coi_try in -static-pie -static; do
			AS_CASE([$coi_try], [-static-pie], [coi_pie=-fPIE], [coi_pie=-fno-pie])
			CFLAGS="$coi_save_c $coi_pie"
			LDFLAGS="$coi_save_l $coi_try"
			AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("x");]])],
				[coi_cv_static=$coi_try; break])
		done
		CFLAGS="$coi_save_c"
		LDFLAGS="$coi_save_l"
	])
	AS_CASE([$coi_cv_static],
		[no], [AC_MSG_ERROR([coi-init is linked statically, and there is no static C library; dnl
on Debian: apt-get install libc6-dev, elsewhere the package is often called glibc-static])],
		[-static-pie], [COI_STATIC_CFLAGS=-fPIE],
		[COI_STATIC_CFLAGS=-fno-pie])
	COI_STATIC_LDFLAGS=$coi_cv_static
	AC_SUBST([COI_STATIC_CFLAGS])
	AC_SUBST([COI_STATIC_LDFLAGS])
])
