/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A netlink socket that asks and waits for the answer.
 *
 * The kernel answers in the sender's own context, so nothing here waits on
 * anybody else. Numbers are returned (0 or -errno); who asked says in words
 * what could not be done, and may add nl_ext(), the kernel's own text.
 */
#ifndef COI_NET_NL_H
#define COI_NET_NL_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NL_BUF 32768

struct nl_sock {
	struct mnl_socket *mnl;
	uint32_t seq;
	char ext[160]; /* the kernel's text for the last error, or "" */
};

/* @protocol: NETLINK_ROUTE or NETLINK_NETFILTER. */
int nl_open(int protocol, struct nl_sock **ret, struct err *err);
void nl_close(struct nl_sock *s);
int nl_fd(const struct nl_sock *s);

/* Send @nlh with NLM_F_ACK and wait for the verdict. */
int nl_request(struct nl_sock *s, struct nlmsghdr *nlh);
/* Send @nlh and give the one message that comes back to @fn (MNL_CB_OK or MNL_CB_ERROR). */
int nl_get(struct nl_sock *s, struct nlmsghdr *nlh, mnl_cb_t fn, void *data);
/*
 * A dump: @fn for each message. When the kernel says that the list changed
 * meanwhile, @restart is called (it forgets what @fn collected) and the dump
 * is asked for again, a few times: then -EAGAIN.
 */
int nl_dump(struct nl_sock *s, struct nlmsghdr *nlh, mnl_cb_t fn, void (*restart)(void *data),
	    void *data);
/*
 * Send messages that the kernel takes as one transaction; @first and @last are
 * the sequence numbers of its first and its last message, of which the last
 * one asks for an acknowledgement. *@ret_seq: the message that failed.
 */
int nl_batch(struct nl_sock *s, const void *bytes, size_t len, uint32_t first, uint32_t last,
	     uint32_t *ret_seq);

#endif
