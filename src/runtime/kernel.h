/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the runtime needs from the kernel, asked by trying, not by version. */
#ifndef COI_RUNTIME_KERNEL_H
#define COI_RUNTIME_KERNEL_H

#include "base/err.h"

/*
 * Everything without which no container starts: user namespaces, overlay,
 * id-mapped mounts on the file system of @dir (absolute; where layers lie),
 * a cgroup hierarchy. The first one that is missing is named, with what it is
 * for and the kernel that has it.
 */
int kernel_check(const char *dir, struct err *err);

#endif
