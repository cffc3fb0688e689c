/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define DUMP_TRIES 8
#define RECEIVE_BUFFER (1 << 20)

int nl_open(int protocol, struct nl_sock **ret, struct err *err) {
	struct nl_sock *s = xcalloc(1, sizeof(*s));
	int one = 1, size = RECEIVE_BUFFER;

	s->mnl = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (!s->mnl || mnl_socket_bind(s->mnl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = -errno;

		nl_close(s);
		return err_sys(err, r, "cannot open a netlink socket");
	}
	/* All three are a comfort: without them answers are longer, shorter or not checked. */
	(void)mnl_socket_setsockopt(s->mnl, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)mnl_socket_setsockopt(s->mnl, NETLINK_CAP_ACK, &one, sizeof(one));
	if (protocol == NETLINK_ROUTE)
		(void)mnl_socket_setsockopt(s->mnl, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	(void)setsockopt(nl_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	*ret = s;
	return 0;
}

void nl_close(struct nl_sock *s) {
	if (!s)
		return;
	if (s->mnl)
		(void)mnl_socket_close(s->mnl);
	free(s);
}

int nl_fd(const struct nl_sock *s) {
	return mnl_socket_get_fd(s->mnl);
}

/* Errors end in errno; with NETLINK_EXT_ACK a text follows the header that failed. */
static int read_error(struct nl_sock *s, const struct nlmsghdr *nlh) {
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	size_t skip = sizeof(*e);

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*e)))
		return -EBADMSG;
	if (!e->error)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += mnl_nlmsg_get_payload_len(&e->msg);
		mnl_attr_for_each(attr, nlh, skip) {
			if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG)
				continue;
			snprintf(s->ext, sizeof(s->ext), "%.*s",
				 (int)mnl_attr_get_payload_len(attr),
				 (const char *)mnl_attr_get_payload(attr));
		}
	}
	return e->error < 0 ? e->error : -e->error;
}

static int start(struct nl_sock *s, struct nlmsghdr *nlh, uint16_t flags) {
	s->ext[0] = '\0';
	nlh->nlmsg_flags |= NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++s->seq;
	if (mnl_socket_sendto(s->mnl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return 0;
}

/*
 * All answers to the request of s->seq. Ends at an acknowledgement, an error or
 * the end of a dump, and after the first message when @single.
 */
static int collect(struct nl_sock *s, mnl_cb_t fn, void *data, bool single) {
	autofree char *buf = xmalloc(NL_BUF);
	bool interrupted = false;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s->mnl, buf, NL_BUF);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (void *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			if (h->nlmsg_seq != s->seq)
				continue;
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (h->nlmsg_type == NLMSG_ERROR)
				return read_error(s, h);
			if (h->nlmsg_type == NLMSG_DONE)
				return interrupted ? -EINTR : 0;
			if (fn && fn(h, data) < MNL_CB_STOP)
				return errno ? -errno : -EBADMSG;
			if (single)
				return 0;
		}
	}
}

int nl_request(struct nl_sock *s, struct nlmsghdr *nlh) {
	int r = start(s, nlh, NLM_F_ACK);

	return r < 0 ? r : collect(s, NULL, NULL, false);
}

int nl_get(struct nl_sock *s, struct nlmsghdr *nlh, mnl_cb_t fn, void *data) {
	int r = start(s, nlh, 0);

	errno = 0;
	return r < 0 ? r : collect(s, fn, data, true);
}

int nl_dump(struct nl_sock *s, struct nlmsghdr *nlh, mnl_cb_t fn, void (*restart)(void *data),
	    void *data) {
	for (int i = 0; i < DUMP_TRIES; i++) {
		int r;

		restart(data);
		r = start(s, nlh, NLM_F_DUMP);
		errno = 0;
		if (r == 0)
			r = collect(s, fn, data, false);
		if (r != -EINTR)
			return r;
	}
	return -EAGAIN;
}

/* What the kernel has to say is queued when sendto() returns. */
static int batch_answer(struct nl_sock *s, uint32_t first, uint32_t last, uint32_t *ret_seq) {
	autofree char *buf = xmalloc(NL_BUF);
	int result = -EPROTO;
	bool failed = false;

	for (;;) {
		ssize_t n = recv(nl_fd(s), buf, NL_BUF, MSG_DONTWAIT);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? result : -errno;
		for (struct nlmsghdr *h = (void *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			int r;

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq < first ||
			    h->nlmsg_seq > last || failed)
				continue;
			r = read_error(s, h);
			failed = r < 0;
			if (failed || h->nlmsg_seq == last) {
				result = r;
				*ret_seq = h->nlmsg_seq;
			}
		}
	}
}

int nl_batch(struct nl_sock *s, const void *bytes, size_t len, uint32_t first, uint32_t last,
	     uint32_t *ret_seq) {
	int size = 0;
	socklen_t size_len = sizeof(size);

	s->ext[0] = '\0';
	*ret_seq = first;
	if (getsockopt(nl_fd(s), SOL_SOCKET, SO_SNDBUF, &size, &size_len) == 0 &&
	    (size_t)size < len + 4096) {
		size = (int)len + 4096;
		(void)setsockopt(nl_fd(s), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	}
	if (mnl_socket_sendto(s->mnl, bytes, len) < 0)
		return -errno;
	s->seq = last + 1;
	return batch_answer(s, first, last, ret_seq);
}
