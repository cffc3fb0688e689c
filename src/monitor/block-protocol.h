/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the supervisor and coi-block: descriptors and messages (base/msg.h). */
#ifndef COI_MONITOR_BLOCK_PROTOCOL_H
#define COI_MONITOR_BLOCK_PROTOCOL_H

#define BLOCK_FD_CONTROL 3 /* its end is only that of a supervisor */
#define BLOCK_FD_ROOT 4    /* an empty directory, its root from then on */
#define BLOCK_FD_GROUP 5   /* what the kernel asks */
#define BLOCK_FD_LISTEN 6  /* where another supervisor takes over */

/*
 * From the supervisor: "lxc_name", "uid" (its user and group from then on), "tools"; with the
 * container's init, where that is there already.
 */
#define BLOCK_MSG_START "start"
/* The container's init, a pidfd: its end is ours. */
#define BLOCK_MSG_BEGUN "begun"

/* From coi-block: it answers. To who takes over with the group, as a descriptor. */
#define BLOCK_MSG_READY "ready"
/* "path", "comm", "pid", "uid", "dev", "ino", "is_run". */
#define BLOCK_MSG_REFUSED "refused"
/* "count": refusals that had no room. */
#define BLOCK_MSG_MORE "more"
/* "why": who answers has died, or did not answer, and another one does. */
#define BLOCK_MSG_AGAIN "again"

/* One user id per container, in a range that nobody else has. */
#define BLOCK_UID_FIRST 0x7ffc0000

#define BLOCK_PULSE_MS 1000 /* a question that waits for two of them is refused */
#define BLOCK_REPORTS_EACH_SECOND 50

#endif
