/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/nft.h"

#define MESSAGE_MAX 65536
#define TEXT_LINE 8192

void nft_batch_init(struct nft_batch *b, uint32_t seq, struct buf *text) {
	memset(b, 0, sizeof(*b));
	buf_init(&b->bytes, NFT_BATCH_MAX);
	b->scratch = xcalloc(1, MESSAGE_MAX);
	b->first = b->seq = seq;
	b->text = text;
}

void nft_batch_done(struct nft_batch *b) {
	if (b->rule)
		nftnl_rule_free(b->rule);
	buf_done(&b->bytes);
	free(b->scratch);
	b->scratch = NULL;
}

/*
 * Attributes are padded with what lies in the buffer: it is zero, so that the
 * same rules are the same bytes, and is made so again here.
 */
static void add_message(struct nft_batch *b, struct nlmsghdr *nlh) {
	size_t len = NLMSG_ALIGN(nlh->nlmsg_len);

	b->last_at = b->bytes.len;
	buf_add(&b->bytes, nlh, len);
	memset(nlh, 0, len);
}

void nft_batch_begin(struct nft_batch *b) {
	char buf[128] __attribute__((aligned(8))) = { 0 };

	add_message(b, nftnl_batch_begin(buf, b->seq++));
}

void nft_batch_end(struct nft_batch *b) {
	char buf[128] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *last = (void *)(b->bytes.data + b->last_at);
	const struct nlmsghdr *end = nftnl_batch_end(buf, b->seq);

	/* Errors are told for every message, success only where it is asked for. */
	last->nlmsg_flags |= NLM_F_ACK;
	/* Without this one the kernel undoes everything, and reports no failure. */
	buf_add(&b->bytes, end, NLMSG_ALIGN(end->nlmsg_len));
}

void nft_batch_append(struct nft_batch *b, const struct nft_batch *more) {
	assert(more->first == b->seq);
	b->last_at = b->bytes.len + more->last_at;
	buf_add(&b->bytes, more->bytes.data, more->bytes.len);
	b->seq = more->seq;
}

void nft_table(struct nft_batch *b, uint16_t family, const char *table) {
	b->family = family;
	b->table = table;
}

static const char *family_name(const struct nft_batch *b) {
	return b->family == NFPROTO_BRIDGE ? "bridge" : b->family == NFPROTO_INET ? "inet" : "ip";
}

static void say(struct nft_batch *b, const char *verb, const char *what, const char *name) {
	if (b->text)
		buf_addf(b->text, "%s %s %s %s%s%s\n", verb, what, family_name(b), b->table,
			 name ? " " : "", name ? name : "");
}

static struct nlmsghdr *header(struct nft_batch *b, char *buf, uint16_t type, uint16_t flags) {
	return nftnl_nlmsg_build_hdr(buf, type, b->family, flags, b->seq++);
}

static void table_message(struct nft_batch *b, uint16_t type, uint32_t table_flags,
			  const char *comment) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh =
		header(b, buf, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
	struct nftnl_table *t = nftnl_table_alloc();

	assert(t);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table);
	if (table_flags)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, table_flags);
	if (comment) {
		struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(128);

		assert(u);
		nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT, comment);
		nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u),
				     nftnl_udata_buf_len(u));
		nftnl_udata_buf_free(u);
	}
	nftnl_table_nlmsg_build_payload(nlh, t);
	nftnl_table_free(t);
	add_message(b, nlh);
}

void nft_table_add(struct nft_batch *b, uint32_t flags, const char *comment) {
	say(b, "add", "table", comment);
	table_message(b, NFT_MSG_NEWTABLE, flags, comment);
}

void nft_table_delete(struct nft_batch *b) {
	say(b, "delete", "table", NULL);
	table_message(b, NFT_MSG_DELTABLE, 0, NULL);
}

static void chain_message(struct nft_batch *b, uint16_t type, const char *chain,
			  const struct nft_hook *hook) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh =
		header(b, buf, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0);
	struct nftnl_chain *c = nftnl_chain_alloc();

	assert(c);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, b->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain);
	if (hook) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook->hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, hook->priority);
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, hook->type);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
	add_message(b, nlh);
}

void nft_chain_add(struct nft_batch *b, const char *chain, const struct nft_hook *hook) {
	say(b, "add", "chain", chain);
	if (b->text && hook)
		buf_addf(b->text, "    %s hook %u priority %d\n", hook->type, hook->hook,
			 hook->priority);
	chain_message(b, NFT_MSG_NEWCHAIN, chain, hook);
}

void nft_chain_delete(struct nft_batch *b, const char *chain) {
	say(b, "delete", "chain", chain);
	chain_message(b, NFT_MSG_DELCHAIN, chain, NULL);
}

void nft_chain_flush(struct nft_batch *b, const char *chain) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh = header(b, buf, NFT_MSG_DELRULE, 0);
	struct nftnl_rule *r = nftnl_rule_alloc();

	assert(r);
	say(b, "flush", "chain", chain);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	add_message(b, nlh);
}

/* nft(8) keeps the byte order of a set's keys and data in its user data, for its listing. */
static void set_byte_order(struct nftnl_set *s, const struct nft_set_spec *spec) {
	enum { HOST_ENDIAN = 1, BIG_ENDIAN_ = 2 };
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(64);

	assert(u);
	nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER,
			    spec->key_type == NFT_TYPE_IPADDR ? BIG_ENDIAN_ : HOST_ENDIAN);
	if (spec->data_len)
		nftnl_udata_put_u32(u, NFTNL_UDATA_SET_DATABYTEORDER, BIG_ENDIAN_);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
}

static struct nftnl_set *set_alloc(const struct nft_batch *b, const char *name) {
	struct nftnl_set *s = nftnl_set_alloc();

	assert(s);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, b->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, b->family);
	return s;
}

void nft_set_add(struct nft_batch *b, const struct nft_set_spec *spec) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh = header(b, buf, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *s = set_alloc(b, spec->name);

	say(b, "add", spec->data_len || spec->data_type ? "map" : "set", spec->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, b->seq);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, spec->flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, spec->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, spec->key_len);
	if (spec->flags & NFT_SET_MAP) {
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, spec->data_type);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, spec->data_len);
	}
	if (spec->timeout_ms)
		nftnl_set_set_u64(s, NFTNL_SET_TIMEOUT, spec->timeout_ms);
	if (spec->size)
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, spec->size);
	set_byte_order(s, spec);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	add_message(b, nlh);
}

void nft_set_delete(struct nft_batch *b, const char *set) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh = header(b, buf, NFT_MSG_DELSET, 0);
	struct nftnl_set *s = set_alloc(b, set);

	say(b, "delete", "set", set);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	add_message(b, nlh);
}

static void say_elem(struct nft_batch *b, const struct nft_elem *e) {
	const uint8_t *key = e->key;

	if (!b->text)
		return;
	buf_adds(b->text, "    ");
	for (size_t i = 0; i < e->key_len; i++)
		buf_addf(b->text, "%02x", key[i]);
	if (e->flags & NFT_SET_ELEM_INTERVAL_END)
		buf_adds(b->text, " end");
	if (e->timeout_ms)
		buf_addf(b->text, " timeout %llums", (unsigned long long)e->timeout_ms);
	for (size_t i = 0; i < e->data_len; i++)
		buf_addf(b->text, "%s%02x", i ? "" : " : ", ((const uint8_t *)e->data)[i]);
	if (e->chain)
		buf_addf(b->text, " : %s %s", e->verdict == NFT_JUMP ? "jump" : "goto", e->chain);
	buf_addc(b->text, '\n');
}

static void elem_message(struct nft_batch *b, uint16_t type, const char *set,
			 const struct nft_elem *elems, size_t count) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh =
		header(b, buf, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	struct nftnl_set *s = set_alloc(b, set);

	for (size_t i = 0; i < count; i++) {
		const struct nft_elem *e = &elems[i];
		struct nftnl_set_elem *ne = nftnl_set_elem_alloc();

		assert(ne);
		nftnl_set_elem_set(ne, NFTNL_SET_ELEM_KEY, e->key, (uint32_t)e->key_len);
		if (e->flags)
			nftnl_set_elem_set_u32(ne, NFTNL_SET_ELEM_FLAGS, e->flags);
		if (e->timeout_ms)
			nftnl_set_elem_set_u64(ne, NFTNL_SET_ELEM_TIMEOUT, e->timeout_ms);
		if (e->data_len)
			nftnl_set_elem_set(ne, NFTNL_SET_ELEM_DATA, e->data,
					   (uint32_t)e->data_len);
		if (e->chain) {
			nftnl_set_elem_set_u32(ne, NFTNL_SET_ELEM_VERDICT, (uint32_t)e->verdict);
			nftnl_set_elem_set_str(ne, NFTNL_SET_ELEM_CHAIN, e->chain);
		}
		nftnl_set_elem_add(s, ne);
		say_elem(b, e);
	}
	nftnl_set_elems_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	add_message(b, nlh);
}

void nft_elem_add(struct nft_batch *b, const char *set, const struct nft_elem *elems,
		  size_t count) {
	say(b, "add", "element", set);
	elem_message(b, NFT_MSG_NEWSETELEM, set, elems, count);
}

void nft_elem_delete(struct nft_batch *b, const char *set, const struct nft_elem *elems,
		     size_t count) {
	say(b, "delete", "element", set);
	elem_message(b, NFT_MSG_DELSETELEM, set, elems, count);
}

void nft_set_flush(struct nft_batch *b, const char *set) {
	say(b, "flush", "set", set);
	elem_message(b, NFT_MSG_DELSETELEM, set, NULL, 0);
}

void nft_rule_begin(struct nft_batch *b, const char *chain) {
	assert(!b->rule);
	b->rule = nftnl_rule_alloc();
	assert(b->rule);
	nftnl_rule_set_str(b->rule, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(b->rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(b->rule, NFTNL_RULE_FAMILY, b->family);
}

static void rule_end(struct nft_batch *b, uint16_t flags) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh = header(b, buf, NFT_MSG_NEWRULE, NLM_F_CREATE | flags);

	say(b, "add", "rule", nftnl_rule_get_str(b->rule, NFTNL_RULE_CHAIN));
	if (b->text) {
		char line[TEXT_LINE];

		nftnl_rule_snprintf(line, sizeof(line), b->rule, NFTNL_OUTPUT_DEFAULT, 0);
		/* The first line repeats family, table and chain. */
		buf_adds(b->text, strchr(line, '\n') ? strchr(line, '\n') + 1 : line);
		if (b->text->len && b->text->data[b->text->len - 1] != '\n')
			buf_addc(b->text, '\n');
	}
	nftnl_rule_nlmsg_build_payload(nlh, b->rule);
	nftnl_rule_free(b->rule);
	b->rule = NULL;
	add_message(b, nlh);
}

void nft_rule_end(struct nft_batch *b) {
	rule_end(b, NLM_F_APPEND);
}

void nft_rule_verdict(struct nft_batch *b, int verdict, const char *chain) {
	nft_verdict(b, verdict, chain);
	rule_end(b, NLM_F_APPEND);
}

void nft_rule_end_first(struct nft_batch *b) {
	rule_end(b, 0);
}

void nft_rule_comment(struct nft_batch *b, const char *text) {
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(128);

	assert(u);
	nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, text);
	nftnl_rule_set_data(b->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u),
			    nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
}

void nft_rule_delete(struct nft_batch *b, const char *chain, uint64_t handle) {
	char *buf = b->scratch;
	struct nlmsghdr *nlh = header(b, buf, NFT_MSG_DELRULE, 0);
	struct nftnl_rule *r = nftnl_rule_alloc();

	assert(r);
	say(b, "delete", "rule of chain", chain);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u64(r, NFTNL_RULE_HANDLE, handle);
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	add_message(b, nlh);
}
