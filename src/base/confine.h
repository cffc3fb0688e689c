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
 * Only these system calls, as a filter to which more can be added before
 * seccomp_load(); the rest fails with EPERM. Memory never holds code. Calls that
 * this machine does not have are left out. seccomp_release() it.
 */
int confine_calls(const int *calls, size_t count, scmp_filter_ctx *ret);

#endif
