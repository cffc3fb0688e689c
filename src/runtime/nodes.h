/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device nodes that root in a container makes: null, zero, full, random, urandom and
 * tty, which everybody may open anyway. The kernel makes none for a user namespace, so
 * the calls (mknod, mknodat of exactly these numbers, which the filter compares; no
 * other call is held up) are answered by a process of ours for each container,
 * coi-nodes, through seccomp notification.
 *
 * liblxc's own way (lxc.seccomp.notify.proxy) has its monitor wait for the answer:
 * who is slow to answer stops every command that enters. So the filter is put on by
 * us, on what becomes the container and on whoever enters, and its listener handed to
 * coi-nodes; nobody else keeps one. When coi-nodes is gone, the kernel closes it, and
 * these calls fail with ENOSYS.
 *
 * Whiteouts (0:0) and user.overlay.* attributes need nobody's help (Linux 5.8, 5.11);
 * trusted.overlay.* would not be read by an overlay that is mounted inside, and could
 * be by ours.
 */
#ifndef COI_RUNTIME_NODES_H
#define COI_RUNTIME_NODES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Descriptors of coi-nodes: where listeners are handed in, and the root of the container. */
#define NODES_FD_LISTEN 3
#define NODES_FD_ROOT 4

/* What is made, as device numbers of mknod(2); ends with 0. */
extern const uint32_t nodes_devices[];

/*
 * Start coi-nodes for a container that is about to be started: its process, or -errno.
 * It ends by itself when nothing of the container runs. @root_fd is its root file
 * system, and the only one that nodes are made on.
 */
int nodes_start(const char *lxcpath, const char *lxc_name, int root_fd, pid_t *ret,
		struct err *err);
/* A connection to it, or -errno: there is none. */
int nodes_connect(const char *lxcpath, const char *lxc_name);
/*
 * Put the filter on the calling process and all that it starts, and hand its listener
 * to @fd, which stays open. 0 or -errno; wants CAP_SYS_ADMIN in its user namespace.
 */
int nodes_filter(int fd);
/* Remove what connections were made through. */
void nodes_forget(const char *lxcpath, const char *lxc_name);

#endif
