/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h> /* libnftnl/expr.h wants FILE */
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "net/net.h"
#include "net/nft.h"

/* What the kernel would add by itself is said too: so what was put is what comes back. */

static struct nftnl_expr *expr(struct nft_batch *b, const char *name) {
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	assert(b->rule && e);
	nftnl_rule_add_expr(b->rule, e);
	return e;
}

void nft_meta(struct nft_batch *b, uint32_t key, uint32_t dreg) {
	struct nftnl_expr *e = expr(b, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, dreg);
}

void nft_meta_set(struct nft_batch *b, uint32_t key, uint32_t sreg) {
	struct nftnl_expr *e = expr(b, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, sreg);
}

void nft_payload(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t dreg) {
	struct nftnl_expr *e = expr(b, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, dreg);
}

void nft_cmp(struct nft_batch *b, uint32_t op, uint32_t sreg, const void *data, size_t len) {
	struct nftnl_expr *e = expr(b, "cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, (uint32_t)len);
}

static void nft_and(struct nft_batch *b, uint32_t reg, const void *mask, size_t len) {
	static const uint8_t zero[16];
	struct nftnl_expr *e = expr(b, "bitwise");

	assert(len <= sizeof(zero));
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, (uint32_t)len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, (uint32_t)len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, (uint32_t)len);
}

/* Set those bits. */
static void nft_or(struct nft_batch *b, uint32_t reg, uint32_t bits) {
	const uint32_t mask = ~bits;
	struct nftnl_expr *e = expr(b, "bitwise");

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &bits, sizeof(bits));
}

void nft_immediate(struct nft_batch *b, uint32_t dreg, const void *data, size_t len) {
	struct nftnl_expr *e = expr(b, "immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, dreg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, data, (uint32_t)len);
}

static void lookup(struct nft_batch *b, const char *set, uint32_t sreg, uint32_t flags) {
	struct nftnl_expr *e = expr(b, "lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, sreg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, flags);
}

void nft_lookup(struct nft_batch *b, const char *set, uint32_t sreg) {
	lookup(b, set, sreg, 0);
}

void nft_lookup_not(struct nft_batch *b, const char *set, uint32_t sreg) {
	lookup(b, set, sreg, NFT_LOOKUP_F_INV);
}

void nft_map(struct nft_batch *b, const char *set, uint32_t sreg, uint32_t dreg) {
	struct nftnl_expr *e = expr(b, "lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, dreg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0);
}

void nft_verdict(struct nft_batch *b, int verdict, const char *chain) {
	struct nftnl_expr *e = expr(b, "immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

static void nft_ct(struct nft_batch *b, uint32_t key, uint32_t dreg) {
	struct nftnl_expr *e = expr(b, "ct");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, dreg);
}

static void limit_fill(struct nftnl_expr *e, uint64_t per_second, uint32_t burst, uint32_t flags) {
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, per_second);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, burst);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, flags);
}

void nft_limit(struct nft_batch *b, uint64_t per_second, uint32_t burst) {
	limit_fill(expr(b, "limit"), per_second, burst, 0);
}

void nft_limit_over_each(struct nft_batch *b, const char *set, uint32_t sreg, uint64_t per_second,
			 uint32_t burst) {
	struct nftnl_expr *e = expr(b, "dynset"), *limit = nftnl_expr_alloc("limit");

	assert(limit);
	limit_fill(limit, per_second, burst, NFT_LIMIT_F_INV);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, 0); /* the set's */
	/* Owned by the other one from here on. */
	nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
}

void nft_log(struct nft_batch *b, uint16_t group, uint32_t snap) {
	struct nftnl_expr *e = expr(b, "log");

	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, group);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_QTHRESHOLD, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, snap);
}

void nft_counter(struct nft_batch *b) {
	(void)expr(b, "counter");
}

void nft_masquerade(struct nft_batch *b) {
	(void)expr(b, "masq");
}

void nft_redirect(struct nft_batch *b, uint32_t sreg) {
	struct nftnl_expr *e = expr(b, "redir");

	nftnl_expr_set_u32(e, NFTNL_EXPR_REDIR_REG_PROTO_MIN, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_REDIR_REG_PROTO_MAX, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
}

void nft_reject(struct nft_batch *b, uint32_t type, uint8_t code) {
	struct nftnl_expr *e = expr(b, "reject");

	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, code);
}

/* Names are compared with all 16 bytes of the register, prefixes with as many as they have. */
static void link_is(struct nft_batch *b, uint32_t key, uint32_t op, const char *name,
		    bool is_prefix) {
	char full[NET_LINK_SIZE] = { 0 };
	size_t len = strlen(name);

	assert(len < sizeof(full));
	memcpy(full, name, len);
	nft_meta(b, key, NFT_REG_1);
	nft_cmp(b, op, NFT_REG_1, full, is_prefix ? len : sizeof(full));
}

void nft_iif(struct nft_batch *b, const char *link) {
	link_is(b, NFT_META_IIFNAME, NFT_CMP_EQ, link, false);
}

void nft_oif(struct nft_batch *b, const char *link) {
	link_is(b, NFT_META_OIFNAME, NFT_CMP_EQ, link, false);
}

void nft_iif_not(struct nft_batch *b, const char *link) {
	link_is(b, NFT_META_IIFNAME, NFT_CMP_NEQ, link, false);
}

void nft_oif_not(struct nft_batch *b, const char *link) {
	link_is(b, NFT_META_OIFNAME, NFT_CMP_NEQ, link, false);
}

void nft_iif_prefix(struct nft_batch *b, const char *prefix) {
	link_is(b, NFT_META_IIFNAME, NFT_CMP_EQ, prefix, true);
}

void nft_oif_prefix(struct nft_batch *b, const char *prefix) {
	link_is(b, NFT_META_OIFNAME, NFT_CMP_EQ, prefix, true);
}

static void nfproto(struct nft_batch *b, uint32_t op, uint8_t family) {
	nft_meta(b, NFT_META_NFPROTO, NFT_REG_1);
	nft_cmp(b, op, NFT_REG_1, &family, sizeof(family));
}

void nft_ipv4(struct nft_batch *b) {
	nfproto(b, NFT_CMP_EQ, NFPROTO_IPV4);
}

void nft_not_ipv4(struct nft_batch *b) {
	nfproto(b, NFT_CMP_NEQ, NFPROTO_IPV4);
}

void nft_l4proto(struct nft_batch *b, uint8_t proto) {
	nft_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &proto, sizeof(proto));
}

void nft_not_l4proto(struct nft_batch *b, uint8_t proto) {
	nft_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, &proto, sizeof(proto));
}

void nft_mark_ours(struct nft_batch *b, bool ours) {
	const uint32_t mask = NET_MARK_MASK, mark = NET_MARK;

	nft_meta(b, NFT_META_MARK, NFT_REG_1);
	nft_and(b, NFT_REG_1, &mask, sizeof(mask));
	nft_cmp(b, ours ? NFT_CMP_EQ : NFT_CMP_NEQ, NFT_REG_1, &mark, sizeof(mark));
}

void nft_mark_judged(struct nft_batch *b) {
	nft_meta(b, NFT_META_MARK, NFT_REG_1);
	nft_or(b, NFT_REG_1, NET_MARK_JUDGED);
	nft_meta_set(b, NFT_META_MARK, NFT_REG_1);
}

static void judged(struct nft_batch *b, uint32_t expected) {
	const uint32_t bit = NET_MARK_JUDGED;

	nft_meta(b, NFT_META_MARK, NFT_REG_1);
	nft_and(b, NFT_REG_1, &bit, sizeof(bit));
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &expected, sizeof(expected));
}

void nft_judged(struct nft_batch *b) {
	judged(b, NET_MARK_JUDGED);
}

void nft_not_judged(struct nft_batch *b) {
	judged(b, 0);
}

void nft_ct_state(struct nft_batch *b, uint32_t bits) {
	const uint32_t zero = 0;

	nft_ct(b, NFT_CT_STATE, NFT_REG_1);
	nft_and(b, NFT_REG_1, &bits, sizeof(bits));
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, &zero, sizeof(zero));
}

void nft_ct_reply(struct nft_batch *b) {
	const uint8_t reply = 1; /* IP_CT_DIR_REPLY */

	nft_ct(b, NFT_CT_DIRECTION, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &reply, sizeof(reply));
}

void nft_dport(struct nft_batch *b, uint16_t port) {
	const uint16_t be = htons(port);

	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &be, sizeof(be));
}

void nft_dport_range(struct nft_batch *b, uint16_t low, uint16_t high) {
	const uint16_t from = htons(low), to = htons(high);

	if (low == high) {
		nft_dport(b, low);
		return;
	}
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1);
	nft_cmp(b, NFT_CMP_GTE, NFT_REG_1, &from, sizeof(from));
	nft_cmp(b, NFT_CMP_LTE, NFT_REG_1, &to, sizeof(to));
}

void nft_saddr(struct nft_batch *b, uint32_t dreg) {
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, dreg);
}

void nft_daddr(struct nft_batch *b, uint32_t dreg) {
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, dreg);
}

void nft_saddr_in(struct nft_batch *b, const char *set) {
	nft_ipv4(b);
	nft_saddr(b, NFT_REG_1);
	nft_lookup(b, set, NFT_REG_1);
}

void nft_daddr_in(struct nft_batch *b, const char *set) {
	nft_ipv4(b);
	nft_daddr(b, NFT_REG_1);
	nft_lookup(b, set, NFT_REG_1);
}

void nft_daddr_not_in(struct nft_batch *b, const char *set) {
	nft_ipv4(b);
	nft_daddr(b, NFT_REG_1);
	nft_lookup_not(b, set, NFT_REG_1);
}

void nft_daddr_is(struct nft_batch *b, uint32_t address) {
	const uint32_t be = htonl(address);

	nft_ipv4(b);
	nft_daddr(b, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &be, sizeof(be));
}

void nft_saddr_within(struct nft_batch *b, uint32_t address, unsigned bits) {
	const uint32_t be = htonl(address), mask = bits ? htonl(~UINT32_C(0) << (32 - bits)) : 0;

	nft_ipv4(b);
	nft_saddr(b, NFT_REG_1);
	nft_and(b, NFT_REG_1, &mask, sizeof(mask));
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &be, sizeof(be));
}
