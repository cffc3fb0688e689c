/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at other people's filters; foreign.c changes them. */
#ifndef COI_NET_FOREIGN_H
#define COI_NET_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

#define FOREIGN_NAME_SIZE 256 /* NFT_NAME_MAXLEN */

struct foreign_chain {
	uint16_t family; /* NFPROTO_IPV4 or NFPROTO_INET */
	uint32_t hook;   /* NF_INET_FORWARD or NF_INET_LOCAL_IN */
	char table[FOREIGN_NAME_SIZE];
	char chain[FOREIGN_NAME_SIZE];
	int32_t priority;
	bool drops;    /* by its policy */
	bool is_owned; /* its table can be changed by the process that made it, and nobody else */
};

struct foreign_chains {
	struct foreign_chain *list;
	size_t count;
};
void foreign_chains_done(struct foreign_chains *all);
#define auto_foreign_chains __attribute__((cleanup(foreign_chains_done)))

/*
 * The filters of what is forwarded and of what comes to the host in tables that are no
 * root's of ours, at most 64 in at most 64 tables. 0 or -errno.
 */
int foreign_chains_find(struct net_base *b, struct foreign_chains *ret);
/* Is there a filter at the forward hook that is not in a table of this root? @all: those. */
int foreign_forwards(struct net_base *b, const struct foreign_chains *all, bool *ret,
		     struct err *err);

/* 1: another root of ours has its tables here; 0, or -errno. */
int foreign_roots(struct net_base *b);

/*
 * 1: what no rule of it speaks of is dropped or rejected there, by the chain's policy, by a
 * rule without a condition, or by one in a chain that such a rule leads to. 0, or -errno.
 */
int foreign_chain_closes(struct net_base *b, const struct foreign_chain *f);

/*
 * Into @ret the table that drops what ports send and that only its owner can change, ""
 * when there is none. 0 or -errno.
 */
int foreign_refuses(struct net_base *b, const struct foreign_chains *all, char *ret, size_t size);

#endif
