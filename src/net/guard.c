/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The owned table, and who holds it.
 *
 * network-guard.ini in the run directory names the holder (pid and start time);
 * it is written under the network lock by whoever has just taken the table.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/record.h"
#include "net/internal.h"
#include "net/nl.h"
#include "net/rules.h"

#define FILE_NAME "network-guard.ini"
#define FORMAT 1
#define RETRY_SECONDS 5

/* Newer than the kernel headers that we build with. */
#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif
#define TABLE_F_PERSIST 0x4

static int try_take(struct net_base *b, struct nl_sock *s, uint32_t flags, bool anew) {
	auto_nft_batch struct nft_batch batch;
	uint32_t failed;

	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	if (anew) {
		nft_table(&batch, NFPROTO_INET, b->guard_table);
		nft_table_add(&batch, 0, NULL);
		nft_table_delete(&batch);
	}
	net_rules_guard(&batch, b, flags);
	nft_batch_end(&batch);
	return nl_batch(s, batch.bytes.data, batch.bytes.len, batch.first, batch.seq - 1, &failed);
}

/*
 * From the best to the least that kernels have; then once more for a table of
 * our name that nobody owns and that cannot be taken over as it is.
 */
static int take_table(struct net_base *b, struct nl_sock *s) {
	static const struct {
		uint32_t flags;
		bool anew;
	} ways[] = {
		{ NFT_TABLE_F_OWNER | TABLE_F_PERSIST, false },
		{ NFT_TABLE_F_OWNER, false },
		{ NFT_TABLE_F_OWNER | TABLE_F_PERSIST, true },
		{ NFT_TABLE_F_OWNER, true },
	};
	int r = -EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		r = try_take(b, s, ways[i].flags, ways[i].anew);
		if (r != -EOPNOTSUPP && r != -EINVAL)
			break;
	}
	return r;
}

static int owner_write(const struct net_base *b, struct err *err) {
	auto_record struct record *rec = record_new(FORMAT);
	struct proc_id me;
	int r = proc_id_get(getpid(), &me);

	if (r < 0)
		return err_sys(err, r, "cannot read our own start time");
	record_set(rec, "", "boot", boot_id());
	record_setf(rec, "", "pid", "%d", (int)me.pid);
	record_setf(rec, "", "start", "%" PRIu64, me.start);
	return record_store_quick(rec, b->layout->run_fd, FILE_NAME, 0600, err);
}

static int owner_pidfd(const struct net_base *b) {
	auto_record struct record *rec = NULL;
	struct proc_id id;
	const char *boot;

	if (record_load(b->layout->run_fd, FILE_NAME, FORMAT, &rec, NULL) < 0)
		return -ENOENT;
	boot = record_get(rec, "", "boot");
	id.pid = (pid_t)record_get_int(rec, "", "pid", 0);
	id.start = (uint64_t)record_get_int(rec, "", "start", 0);
	if (!boot || strcmp(boot, boot_id()) != 0 || id.pid <= 0)
		return -ESRCH;
	return proc_id_open(&id);
}

/* For a holder that nobody knows (a child that a dead one left behind, say). */
static int retry_timer(void) {
	const struct itimerspec when = { .it_value.tv_sec = RETRY_SECONDS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &when, NULL) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int parse_flags(const struct nlmsghdr *nlh, void *data) {
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS && mnl_attr_get_payload_len(a) == 4)
			*(uint32_t *)data = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

/*
 * Whether a socket holds the table now. Trying to take it would tell as well,
 * but a transaction that is refused costs a grace period of the kernel.
 */
static bool is_held(struct net_base *b) {
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, 0);
	uint32_t flags = 0;

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, b->guard_table);
	return nl_get(b->nft, nlh, parse_flags, &flags) == 0 && (flags & NFT_TABLE_F_OWNER);
}

static int stand_by(struct net_base *b, int *ret_fd, struct err *err) {
	int fd = owner_pidfd(b);

	if (fd < 0)
		fd = retry_timer();
	if (fd < 0)
		return err_sys(err, fd, "cannot wait for the holder of '%s'", b->guard_table);
	*ret_fd = fd;
	return NET_GUARD_STANDBY;
}

int net_guard_take(struct net_base *b, int *ret_fd, struct err *err) {
	autoclose int lock = net_lock(b, err);
	autoclose int fd = -1;
	struct nl_sock *s;
	int r;

	if (lock < 0)
		return lock;
	if (is_held(b))
		return stand_by(b, ret_fd, err);
	r = nl_open(NETLINK_NETFILTER, &s, err);
	if (r < 0)
		return r;
	r = take_table(b, s);
	/* The table belongs to the socket, which lives on in the copy. */
	if (r == 0)
		fd = fcntl(nl_fd(s), F_DUPFD_CLOEXEC, 3);
	if (r == 0 && fd < 0)
		r = -errno;
	nl_close(s);
	if (r == -EPERM)
		return stand_by(b, ret_fd, err);
	if (r == -EOPNOTSUPP || r == -EINVAL) {
		log_debug("the kernel has no owned tables");
		*ret_fd = -1;
		return NET_GUARD_MISSING;
	}
	if (r < 0)
		return err_sys(err, r, "cannot take table '%s'", b->guard_table);
	r = owner_write(b, err);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return NET_GUARD_HELD;
}
