/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are compile errors here, each with the reason and what to use.
 *
 * Comes in by -include behind build-config.h, so the headers that declare the
 * functions are read first. C++ is left alone: libstdc++ names some of them.
 */
#ifndef COI_BASE_BANNED_H
#define COI_BASE_BANNED_H
#ifndef __cplusplus

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An unknown identifier: the compiler prints it, and with it the way out. */
#define BANNED(func, instead) func##_is_banned__##instead

/* They write past the end of what they are given. */
#undef strcpy
#define strcpy(...) BANNED(strcpy, use_xstrdup_or_buf_adds)
#undef stpcpy
#define stpcpy(...) BANNED(stpcpy, use_buf_adds)
#undef strcat
#define strcat(...) BANNED(strcat, use_buf_adds)
#undef sprintf
#define sprintf(...) BANNED(sprintf, use_snprintf_or_buf_addf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf, use_vsnprintf_or_buf_vaddf)
#undef gets
#define gets(...) BANNED(gets, use_fd_read_all)

/* They may leave no NUL behind, or count what is there and not what is left. */
#undef strncpy
#define strncpy(...) BANNED(strncpy, use_snprintf_or_xstrndup)
#undef strncat
#define strncat(...) BANNED(strncat, use_buf_add)

/* They start a shell: quoting, PATH and IFS are then part of our interface. */
#undef system
#define system(...) BANNED(system, use_proc_run)
#undef popen
#define popen(...) BANNED(popen, use_proc_spawn)

/* Between the name that they make and its use somebody else can take it. */
#undef mktemp
#define mktemp(...) BANNED(mktemp, use_mkostemp_or_O_TMPFILE)
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam, use_mkostemp_or_O_TMPFILE)
#undef tempnam
#define tempnam(...) BANNED(tempnam, use_mkostemp_or_O_TMPFILE)
/* Their descriptor is inherited by what we start. */
#undef mkstemp
#define mkstemp(...) BANNED(mkstemp, use_mkostemp_with_O_CLOEXEC)
#undef tmpfile
#define tmpfile(...) BANNED(tmpfile, use_memfd_create_or_O_TMPFILE)

/* They cannot tell a number from none, nor say that it is too large. */
#undef atoi
#define atoi(...) BANNED(atoi, use_strtol)
#undef atol
#define atol(...) BANNED(atol, use_strtol)
#undef atoll
#define atoll(...) BANNED(atoll, use_strtoll)

/* They hand out one static buffer, which a later call overwrites. */
#undef strtok
#define strtok(...) BANNED(strtok, use_strv_split)
#undef ctime
#define ctime(...) BANNED(ctime, use_clock_rfc3339)
#undef asctime
#define asctime(...) BANNED(asctime, use_clock_rfc3339)
#undef gmtime
#define gmtime(...) BANNED(gmtime, use_gmtime_r)
#undef localtime
#define localtime(...) BANNED(localtime, use_localtime_r)

/* Nothing waits by sleeping: pidfd, inotify, eventfd and netlink say when. */
#undef sleep
#define sleep(...) BANNED(sleep, wait_for_the_event_itself)
#undef usleep
#define usleep(...) BANNED(usleep, wait_for_the_event_itself)

/* The stack has no maximum that could be checked. */
#undef alloca
#define alloca(...) BANNED(alloca, use_xmalloc_and_autofree)

#endif
#endif
