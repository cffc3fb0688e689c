/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SELinux: containers get a label where the policy in force knows the types of ours
 * (contrib/selinux/coi.cil). Two categories of its own part each from the others; they come
 * from its range of ids, of which no two that run have a part in common.
 */
#ifndef COI_RUNTIME_SELINUX_H
#define COI_RUNTIME_SELINUX_H

#include <sys/types.h>

#include "base/err.h"
#include "runtime/ids.h"

#define SELINUX_LABEL_SIZE 96

enum selinux {
	SELINUX_OFF,     /* not in this kernel, or switched off */
	SELINUX_NO_TYPE, /* the policy does not know containers of ours: they go without a label */
	SELINUX_ON,
};

/* Of its processes. The lower level has no categories: what they make in a workspace has none. */
void selinux_process_label(const struct id_range *ids, char ret[SELINUX_LABEL_SIZE]);
/* Of its root file system. */
void selinux_file_label(const struct id_range *ids, char ret[SELINUX_LABEL_SIZE]);

/* As the kernel answers. @file: of selinuxfs, where it is asked; NULL: the usual one. */
int selinux_look(const char *file, enum selinux *ret, struct err *err);

/* The label of a process, newly allocated; NULL: none, or it is gone. */
char *selinux_label_of(pid_t pid);

/*
 * Sockets that this thread makes until selinux_sockets_end() are as if the container had made
 * them, so that its processes may talk to whoever listens. Where it has no label they are as
 * any other.
 */
int selinux_sockets_begin(const struct id_range *ids);
void selinux_sockets_end(void);

#endif
