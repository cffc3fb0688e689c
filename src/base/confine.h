/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps by which a helper process gives up what it does not need, before it
 * reads what is not trusted. Functions return 0 or -errno; whoever gets a failure
 * has to end. Programs that use this file link SECCOMP_LIBS.
 */
#ifndef COI_BASE_CONFINE_H
#define COI_BASE_CONFINE_H

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/types.h>

/* The directory @root_fd is all there is; it is the working directory too. Wants CAP_SYS_CHROOT. */
int confine_root(int root_fd);
/* No new rights by exec, no ptrace by others of the same user, no core dump. */
int confine_privileges(void);
/* At most so much of resource @what (getrlimit(2)), or what the limit was before. */
int confine_limit(int what, uint64_t most);
/*
 * At most so many descriptors and bytes of memory (0: as it is), or what the limit was
 * before; no files, no further processes.
 */
int confine_limits(uint64_t descriptors, uint64_t memory);
/* That user and group, and no others. */
int confine_user(uid_t uid, gid_t gid);
/* Only the @count capabilities of @keep that it has (NULL: none at all). */
int confine_capabilities(const cap_value_t *keep, size_t count);
/*
 * Without the @count capabilities of @drop, for this process and, as far as it may change
 * its bounding set, for every program that it or a child of it starts. A new user
 * namespace has all of its own again. One that this kernel does not know is left out.
 */
int confine_without(const cap_value_t *drop, size_t count);
/*
 * Allows the @count system calls of @calls in @ctx, by every name that a C library on this
 * machine has for them (fstat64 and statx beside fstat, where numbers have 32 bits): a list
 * has the name that machines of 64 bits have. What this machine lacks is left out.
 */
int confine_allow(scmp_filter_ctx ctx, const int *calls, size_t count);
#define CONFINE_NAMES_MAX 4
/* The numbers of @call and of its other names, for confine_allow(): how many there are. */
size_t confine_names(int call, int ret[CONFINE_NAMES_MAX]);
/*
 * Only these system calls (confine_allow()), as a filter to which more can be added before
 * confine_load(); the rest fails with EPERM. Memory never holds code.
 */
int confine_calls(const int *calls, size_t count, scmp_filter_ctx *ret);
/* And openat(2), but to read what is there. */
int confine_allow_reading(scmp_filter_ctx ctx);
/*
 * Put into force, unless @r says that it could not be made, and released in either case. 0 or
 * -errno, which is @r where that is one. @ctx may be NULL.
 */
int confine_load(scmp_filter_ctx ctx, int r);
/* That filter as it is, put into force. */
int confine_calls_load(const int *calls, size_t count);

#endif
