/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call, answered by a process of its own. */
#ifndef COI_RUNTIME_NODES_ANSWER_H
#define COI_RUNTIME_NODES_ANSWER_H

#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/types.h>

struct nodes_place {
	int proc_fd;        /* /proc of the host */
	uint64_t userns;    /* our own: the container's is a child of it */
	dev_t device;       /* of the container's root file system */
};

/*
 * Do what @req of @listener asks for, as its caller, and answer it; or let the kernel
 * answer, which refuses. The process has the caller's root directory and ids then.
 */
void nodes_answer(const struct nodes_place *p, int listener, const struct seccomp_notif *req);

#endif
