/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private mount namespace for a while: what is mounted meanwhile is seen by
 * the caller (and by the children that it forks) alone, and is gone when the
 * process ends, however it ends. The process must have one thread.
 */
#ifndef COI_BASE_MOUNTNS_H
#define COI_BASE_MOUNTNS_H

struct mountns {
	int home; /* the namespace to go back to; -1: not entered */
	int root; /* and the root and working directory there */
	int cwd;
};
#define MOUNTNS_INIT { -1, -1, -1 }

/*
 * Enter a copy of the mount namespace that hears of the host's mounts and tells
 * it of none. 0 or -errno (-EPERM without CAP_SYS_ADMIN); nothing has changed then.
 */
int mountns_enter(struct mountns *ns);
/* Go back; fine when it was not entered. 0 or -errno: then the process stays where it is. */
int mountns_leave(struct mountns *ns);

#endif
