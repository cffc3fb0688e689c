/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed, versioned messages between our processes over SOCK_SEQPACKET.
 *
 * One packet is one JSON object {"v":1,"type":"…","body":{…}}, at most
 * MSG_MAX bytes, with at most MSG_FDS_MAX descriptors (SCM_RIGHTS). A packet
 * that is cut off, no JSON, of another version or too large is -EBADMSG.
 */
#ifndef COI_BASE_MSG_H
#define COI_BASE_MSG_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/fd.h"

#define MSG_VERSION 1
#define MSG_MAX (128 * 1024)
#define MSG_FDS_MAX FD_SEND_MAX

struct msg {
	char type[32];
	json_t *body; /* object, never NULL */
	int fds[MSG_FDS_MAX];
	size_t fd_count;
};

/* Steals a reference to @body (may be NULL). Descriptors stay the caller's. Never SIGPIPE. */
int msg_send(int sock, const char *type, json_t *body, const int *fds, size_t fd_count);
/* Blocks. 1: a message; 0: the other side is gone; -EBADMSG; -errno. Initialises *@m. */
int msg_recv(int sock, struct msg *m);
/* As above, at most @timeout_ms: -ETIMEDOUT. */
int msg_recv_timeout(int sock, struct msg *m, int timeout_ms);
/* Closes what descriptors were not taken (steal_fd(&m.fds[i])) and frees the body. */
void msg_done(struct msg *m);

/* What a helper says, by its own table of types. */
struct msg_kind {
	const char *type;
	int kind; /* not 0 */
};
struct msg_report {
	int kind;     /* 0: none of the table, or no message at all */
	json_t *body; /* owned; NULL with 0 */
};
/*
 * The next one of a socket that does not block: 1, 0: none now, -EPIPE or -errno: it is gone.
 * Descriptors that come with it are closed.
 */
int msg_report_read(int sock, const struct msg_kind *kinds, size_t count, struct msg_report *ret);
void msg_report_done(struct msg_report *r);

/* An error record as a message of type "error", and back. */
int msg_send_err(int sock, const struct err *e);
void msg_to_err(const struct msg *m, struct err *err);

#endif
