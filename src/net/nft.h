/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One nftables transaction, built in memory. Pure: nothing is sent from here.
 *
 * nft_table() chooses the table that the following calls are about; a rule is
 * what stands between nft_rule_begin() and nft_rule_end(). All additions may
 * be repeated (never NLM_F_EXCL). With `text` set each message is also written
 * there as one line, for tests and for debugging.
 */
#ifndef COI_NET_NFT_H
#define COI_NET_NFT_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NFT_BATCH_MAX (64u << 20)

struct nft_batch {
	struct buf bytes;
	struct buf *text; /* borrowed, NULL: none */
	uint32_t first;   /* sequence number of the first message */
	uint32_t seq;     /* of the next message */
	size_t last_at;   /* offset of the last message */
	uint16_t family;  /* NFPROTO_… */
	const char *table; /* borrowed */
	struct nftnl_rule *rule;
	char *scratch; /* the message that is being built */
};

/* The first message gets the sequence number @seq. */
void nft_batch_init(struct nft_batch *b, uint32_t seq, struct buf *text);
void nft_batch_done(struct nft_batch *b);
#define auto_nft_batch __attribute__((cleanup(nft_batch_done)))
/* The messages that mark the ends of a transaction; the last one asks for an answer. */
void nft_batch_begin(struct nft_batch *b);
void nft_batch_end(struct nft_batch *b);
/* All of @more, whose numbers must follow ours. */
void nft_batch_append(struct nft_batch *b, const struct nft_batch *more);

/* @comment NULL: none; it is kept in the table's user data as nft(8) writes comments. */
void nft_table(struct nft_batch *b, uint16_t family, const char *table);
void nft_table_add(struct nft_batch *b, uint32_t flags, const char *comment);
void nft_table_delete(struct nft_batch *b);

/* A base chain is where packets come in: @type "filter" or "nat"; its policy is accept. */
struct nft_hook {
	const char *type;
	uint32_t hook; /* NF_INET_… (the bridge family has the same numbers) */
	int32_t priority;
};
void nft_chain_add(struct nft_batch *b, const char *chain, const struct nft_hook *hook);
void nft_chain_flush(struct nft_batch *b, const char *chain);
void nft_chain_delete(struct nft_batch *b, const char *chain);

/* Types as nft(8) numbers them (src/datatype.c there), so that its listing reads well. */
enum nft_type {
	NFT_TYPE_VERDICT = 1,
	NFT_TYPE_IPADDR = 7,
	NFT_TYPE_ETHERADDR = 9,
	NFT_TYPE_INET_SERVICE = 13,
	NFT_TYPE_MARK = 19,
	NFT_TYPE_IFNAME = 41,
};
#define NFT_TYPE_JOIN(a, b) ((a) << 6 | (b))

struct nft_set_spec {
	const char *name;
	uint32_t flags; /* NFT_SET_… */
	uint32_t key_type;
	uint32_t key_len;
	uint32_t data_type; /* maps */
	uint32_t data_len;
	uint64_t timeout_ms; /* of elements that say nothing else; 0: none */
	uint32_t size;       /* at most so many elements; 0: any number */
};
/* A set, or a map when it has NFT_SET_MAP. */
void nft_set_add(struct nft_batch *b, const struct nft_set_spec *spec);
void nft_set_delete(struct nft_batch *b, const char *set);

struct nft_elem {
	const void *key;
	size_t key_len;
	uint32_t flags;      /* NFT_SET_ELEM_… */
	const void *data;    /* maps of values */
	size_t data_len;
	int verdict;         /* maps of verdicts: NFT_JUMP or NFT_GOTO … */
	const char *chain;   /* … to here */
	uint64_t timeout_ms; /* sets with NFT_SET_TIMEOUT: gone after so long; 0: never */
};
/* Elements of a set or map of the present table; an existing one is left as it is. */
void nft_elem_add(struct nft_batch *b, const char *set, const struct nft_elem *elems, size_t count);
void nft_elem_delete(struct nft_batch *b, const char *set, const struct nft_elem *elems,
		     size_t count);

/* All elements. */
void nft_set_flush(struct nft_batch *b, const char *set);

/* A rule at the end of @chain: the expressions between the two calls. */
void nft_rule_begin(struct nft_batch *b, const char *chain);
void nft_rule_end(struct nft_batch *b);
/* As above, with a verdict before it. */
void nft_rule_verdict(struct nft_batch *b, int verdict, const char *chain);
/* As the first one, at the head of the chain. */
void nft_rule_end_first(struct nft_batch *b);
/* A comment for the rule that is being built, where nft(8) keeps it. */
void nft_rule_comment(struct nft_batch *b, const char *text);
void nft_rule_delete(struct nft_batch *b, const char *chain, uint64_t handle);

/* Expressions. Registers: 1 … 4 are the long ones, NFT_REG32_00 … the short ones. */
void nft_meta(struct nft_batch *b, uint32_t key, uint32_t dreg);
void nft_meta_set(struct nft_batch *b, uint32_t key, uint32_t sreg);
void nft_payload(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t dreg);
void nft_cmp(struct nft_batch *b, uint32_t op, uint32_t sreg, const void *data, size_t len);
void nft_immediate(struct nft_batch *b, uint32_t dreg, const void *data, size_t len);
void nft_lookup(struct nft_batch *b, const char *set, uint32_t sreg);
/* Goes on when it is not in the set. */
void nft_lookup_not(struct nft_batch *b, const char *set, uint32_t sreg);
/* The value for register @sreg into @dreg; @dreg NFT_REG_VERDICT: carry out the verdict. */
void nft_map(struct nft_batch *b, const char *set, uint32_t sreg, uint32_t dreg);
/* NF_ACCEPT, NF_DROP, NFT_RETURN; NFT_JUMP, NFT_GOTO with a chain. */
void nft_verdict(struct nft_batch *b, int verdict, const char *chain);
void nft_limit(struct nft_batch *b, uint64_t per_second, uint32_t burst);
/* The rule goes on only with more than that of one value of @sreg, which is kept in @set. */
void nft_limit_over_each(struct nft_batch *b, const char *set, uint32_t sreg, uint64_t per_second,
			 uint32_t burst);
/* A copy of the packet's first @snap bytes to the NFLOG group. */
void nft_log(struct nft_batch *b, uint16_t group, uint32_t snap);
void nft_counter(struct nft_batch *b);
void nft_masquerade(struct nft_batch *b);
/* To this host, at the port (network byte order) in register @sreg. */
void nft_redirect(struct nft_batch *b, uint32_t sreg);
void nft_reject(struct nft_batch *b, uint32_t type, uint8_t code);

/* What is said often. */
void nft_iif(struct nft_batch *b, const char *link);
void nft_oif(struct nft_batch *b, const char *link);
void nft_iif_not(struct nft_batch *b, const char *link);
void nft_oif_not(struct nft_batch *b, const char *link);
void nft_iif_prefix(struct nft_batch *b, const char *prefix);
void nft_oif_prefix(struct nft_batch *b, const char *prefix);
void nft_ipv4(struct nft_batch *b);
void nft_not_ipv4(struct nft_batch *b);
void nft_l4proto(struct nft_batch *b, uint8_t proto);
void nft_not_l4proto(struct nft_batch *b, uint8_t proto);
void nft_mark_ours(struct nft_batch *b, bool ours);
/* Sets the mark of what is judged, or goes on with what has it, or has it not. */
void nft_mark_judged(struct nft_batch *b);
void nft_judged(struct nft_batch *b);
void nft_not_judged(struct nft_batch *b);
void nft_ct_state(struct nft_batch *b, uint32_t bits);
void nft_ct_reply(struct nft_batch *b);
/* Destination port, host byte order. */
void nft_dport(struct nft_batch *b, uint16_t port);
void nft_dport_range(struct nft_batch *b, uint16_t low, uint16_t high);
/* Source or destination address in a set. */
void nft_saddr_in(struct nft_batch *b, const char *set);
void nft_daddr_in(struct nft_batch *b, const char *set);
void nft_daddr_not_in(struct nft_batch *b, const char *set);
/* Source or destination address, behind nft_ipv4(). */
void nft_saddr(struct nft_batch *b, uint32_t dreg);
void nft_daddr(struct nft_batch *b, uint32_t dreg);
void nft_daddr_is(struct nft_batch *b, uint32_t address);
/* Source address in a network (host byte order). */
void nft_saddr_within(struct nft_batch *b, uint32_t address, unsigned bits);

#endif
