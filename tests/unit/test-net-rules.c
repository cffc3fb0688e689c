/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules as text against a file beside this one (COI_UPDATE_GOLDEN=1 writes
 * it anew), and as the kernel gives them back, in a network namespace of this
 * test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "net/hosts.h"
#include "net/internal.h"
#include "net/names.h"
#include "net/nl.h"
#include "net/rules.h"

#define TEXT_MAX (1 << 20)

static struct net_base base_of(const char *tag) {
	struct net_base b = { 0 };
	const struct net_cidr range = { .address = 0x0a4d0000, .bits = 16 };

	net_names_fill(&b, tag);
	net_range_set(&b, &range);
	return b;
}

static struct net_port port_of(const struct net_base *b, uint32_t index, enum net_mode mode) {
	struct net_port p;

	net_port_fill(b, "demo", index, &p);
	p.policy = net_policy_default();
	p.policy.mode = mode;
	p.dns_port = 61002;
	return p;
}

/* Every kind of entry, two lists of ports, and a name and a network without any. */
static const char *const allowed_list[] = {
	"203.0.113.0/24", "203.0.113.128/25", "10.1.2.3", "198.51.100.7:443,8000-8100", "example.org",
	"*.example.org:443", "example.net:443", NULL,
};

static void allowlist_of(const struct net_base *b, struct net_allowed *a, struct net_port *p) {
	struct err err = { 0 };

	assert_int_equal(net_allowed_parse(a, (char *const *)allowed_list, &err), 0);
	*p = port_of(b, 5, NET_ALLOWLIST);
	p->policy.allowed = a;
	p->log_group = 77;
	p->set_count = (uint8_t)a->ports_count;
	p->chains = (1u << NET_CHAIN_COUNT) - 1;
}

#define TOGGLES 8 /* block_private, block_metadata, allow_local_network */

static void toggle(struct net_policy *p, unsigned set) {
	p->block_private = set & 1;
	p->block_metadata = set & 2;
	p->allow_local_network = set & 4;
}

/* What a port is and has, for every mode and every setting that counts. */
static void policies_text(const struct net_base *b, struct buf *out) {
	auto_net_allowed struct net_allowed some = { 0 };
	struct net_port p;

	allowlist_of(b, &some, &p);
	for (unsigned i = 0; i < (unsigned)NET_MODE_COUNT * TOGGLES; i++) {
		struct nft_batch batch;

		p.policy.mode = (enum net_mode)(i / TOGGLES);
		toggle(&p.policy, i % TOGGLES);
		buf_addf(out, "# policy %s%s%s%s\n", net_mode_to_string(p.policy.mode),
			 p.policy.block_private ? ", block_private" : "",
			 p.policy.block_metadata ? ", block_metadata" : "",
			 p.policy.allow_local_network ? ", allow_local_network" : "");
		nft_batch_init(&batch, 1, out);
		net_rules_port_put(&batch, b, &p, 0);
		nft_batch_done(&batch);
	}
}

/* Policies with lists of their own: ports that are kept to, and fixed names. */
static const struct {
	enum net_mode mode;
	const char *ports; /* NULL: not capped; "": to what is not known here */
	bool local, has_hosts;
} further[] = {
	{ NET_RESTRICTED, "443,8000-8100", false, false },
	{ NET_RESTRICTED, "443,8000-8100", true, true },
	{ NET_RESTRICTED, NULL, false, true },
	{ NET_RESTRICTED, "", false, true },
	{ NET_ALLOWLIST, "443,8000-8100", false, false },
	{ NET_ALLOWLIST, "443,8000-8100", true, true },
	{ NET_ALLOWLIST, "", false, false },
	{ NET_OPEN, "443,8000-8100", false, false },
	{ NET_OPEN, "443,8000-8100", true, true },
	{ NET_OPEN, "1-80,65535", false, false },
	{ NET_OPEN, "", false, false },
};

static void hosts_of(struct net_hosts *h) {
	char *const names[] = { (char *)"db.lan", NULL };
	char *const ports[] = { (char *)"5432", (char *)"8000-8001", NULL };
	struct err err = { 0 };

	assert_int_equal(net_hosts_add(h, "10.9.8.7", names, ports, &err), 1);
}

static void further_policy(size_t i, const struct net_hosts *h, struct net_policy *p) {
	struct err err = { 0 };

	p->mode = further[i].mode;
	p->block_private = p->block_metadata = true;
	p->allow_local_network = further[i].local;
	p->hosts = further[i].has_hosts ? h : NULL;
	p->is_capped = further[i].ports != NULL;
	p->ports = (struct net_ports){ 0 };
	if (further[i].ports && *further[i].ports)
		assert_int_equal(net_ports_parse(further[i].ports, "it", &p->ports, &err), 0);
}

static void further_text(const struct net_base *b, struct buf *out) {
	auto_net_allowed struct net_allowed some = { 0 };
	auto_net_hosts struct net_hosts hosts = { 0 };
	struct net_port p;

	allowlist_of(b, &some, &p);
	hosts_of(&hosts);
	for (size_t i = 0; i < ARRAY_SIZE(further); i++) {
		struct nft_batch batch;

		further_policy(i, &hosts, &p.policy);
		buf_addf(out, "# policy %s%s%s%s%s\n", net_mode_to_string(p.policy.mode),
			 p.policy.is_capped ? ", ports " : "",
			 p.policy.is_capped ? further[i].ports : "",
			 further[i].local ? ", allow_local_network" : "",
			 further[i].has_hosts ? ", hosts" : "");
		nft_batch_init(&batch, 1, out);
		net_rules_port_put(&batch, b, &p, 0);
		nft_batch_done(&batch);
	}
}

/* All that we ever say to the kernel, once each. */
static void all_text(const struct net_base *b, struct buf *out) {
	const struct net_port restricted = port_of(b, 2, NET_RESTRICTED);
	struct net_port open = port_of(b, 3, NET_OPEN);
	auto_net_allowed struct net_allowed some = { 0 };
	struct net_allowed none = { 0 };
	struct net_port listed, closed = port_of(b, 6, NET_ALLOWLIST);
	struct nft_batch batch;

	allowlist_of(b, &some, &listed);
	closed.policy.allowed = &none;
	closed.policy.allow_local_network = true;
	open.dns_port = 0;
	nft_batch_init(&batch, 1, out);
	buf_adds(out, "# base\n");
	net_rules_base_replace(&batch, b);
	buf_adds(out, "# port, restricted\n");
	net_rules_port_put(&batch, b, &restricted, 0);
	buf_adds(out, "# port, open, without a resolver\n");
	net_rules_port_put(&batch, b, &open, 0);
	buf_adds(out, "# port, allowlist\n");
	net_rules_port_put(&batch, b, &listed, 0);
	net_rules_learn(&batch, b, &listed, 0xc6336409, 5, 60000);
	buf_adds(out, "# port, nothing but the local network allowed\n");
	net_rules_port_put(&batch, b, &closed, 0);
	policies_text(b, out);
	further_text(b, out);
	buf_adds(out, "# port, allowlist, removed\n");
	net_rules_port_remove(&batch, NFPROTO_INET, b, &listed, 61002);
	buf_adds(out, "# port removed\n");
	net_rules_port_remove(&batch, NFPROTO_INET, b, &restricted, 61002);
	net_rules_port_remove(&batch, NFPROTO_BRIDGE, b, &restricted, 61002);
	buf_adds(out, "# guard\n");
	net_rules_guard(&batch, b, 0x6);
	nft_batch_done(&batch);
	assert_false(out->overflow);
}

static void golden(void **state) {
	const char *src = getenv("COI_TEST_SRC");
	autofree char *dir = path_join(src ? src : COI_SOURCE_DIR, "tests/net");
	autoclose int fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	autobuf struct buf have = { 0 };
	autobuf struct buf want = { 0 };
	struct net_base b = base_of("");

	buf_init(&have, TEXT_MAX);
	all_text(&b, &have);
	if (getenv("COI_UPDATE_GOLDEN"))
		assert_int_equal(file_write_quick_at(fd, "rules.golden", have.data, have.len, 0644),
				 0);
	assert_true(file_read_at(fd, "rules.golden", TEXT_MAX, &want) >= 0);
	assert_string_equal(have.data, want.data);
}

/* The same input is the same bytes, or an intact base would be replaced each time. */
static void digests(void **state) {
	struct net_base a = base_of(""), b = base_of(""), c = base_of("a1b2c3");
	char one[NET_COMMENT_SIZE], two[NET_COMMENT_SIZE], three[NET_COMMENT_SIZE];

	net_rules_comment(&a, one);
	net_rules_comment(&b, two);
	net_rules_comment(&c, three);
	assert_string_equal(one, two);
	assert_string_not_equal(one, three);
	b.gateway++;
	net_rules_comment(&b, two);
	assert_string_not_equal(one, two);
}

static void chains_are_counted_right(void **state) {
	struct net_base b = base_of("");
	autobuf struct buf text;
	struct nft_batch batch;

	buf_init(&text, TEXT_MAX);
	nft_batch_init(&batch, 1, &text);
	net_rules_base(&batch, &b);
	nft_batch_done(&batch);
	for (size_t i = 0; i < net_base_chains_count; i++) {
		const struct net_base_chain *c = &net_base_chains[i];
		autofree char *line =
			xasprintf("add rule %s coi %s\n",
				  c->family == NFPROTO_BRIDGE ? "bridge" : "inet", c->name);
		unsigned n = 0;

		for (const char *p = text.data; (p = strstr(p, line)); p++)
			n++;
		if (n != c->rules)
			fail_msg("chain %s: %u rules, %u said", c->name, n, c->rules);
	}
}

static void a_tag_is_in_every_name(void **state) {
	struct net_base b = base_of("a1b2c3");
	autobuf struct buf text;

	buf_init(&text, TEXT_MAX);
	all_text(&b, &text);
	/* The comment of the tables begins so too. */
	for (const char *p = text.data; (p = strstr(p, " coi")); p++)
		assert_true(!strncmp(p, " coi-", 5) || !strncmp(p, " coi schema ", 12));
}

/* --- the kernel */

static int own_namespace(void) {
	if (geteuid() == 0)
		return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;
}

static int append_rule(const struct nlmsghdr *nlh, void *data) {
	struct nftnl_rule *r = nftnl_rule_alloc();
	char text[8192];

	assert_int_equal(nftnl_rule_nlmsg_parse(nlh, r), 0);
	buf_addf(data, "add rule %s %s %s\n",
		 nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY) == NFPROTO_BRIDGE ? "bridge" : "inet",
		 nftnl_rule_get_str(r, NFTNL_RULE_TABLE), nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
	(void)nftnl_rule_snprintf(text, sizeof(text), r, NFTNL_OUTPUT_DEFAULT, 0);
	buf_adds(data, strchr(text, '\n') + 1);
	buf_addc(data, '\n');
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void restart_text(void *data) {
	buf_reset(data);
}

/* "add rule" lines with what is indented below them, sorted, so that order of chains is no matter. */
static char *sorted_rules(const char *text) {
	autostrv char **lines = strv_split(text, "\n");
	char **rules = NULL;
	char *all;

	for (size_t i = 0; lines && lines[i]; i++) {
		if (!strncmp(lines[i], "add rule ", 9)) {
			autofree char *rule = xstrdup(lines[i]);

			while (lines[i + 1] && !strncmp(lines[i + 1], "  [", 3)) {
				char *longer = xasprintf("%s\n%s", rule, lines[++i]);

				free(rule);
				rule = longer;
			}
			strv_add(&rules, rule);
		}
	}
	strv_sort(rules);
	all = strv_join(rules, "\n");
	strv_free(rules);
	return all;
}

static void kernel_gives_back_what_was_put(void **state) {
	struct net_base b = base_of("");
	const struct net_port p = port_of(&b, 2, NET_RESTRICTED);
	auto_net_allowed struct net_allowed a = { 0 };
	struct net_port listed;
	char buf[512] __attribute__((aligned(8)));
	autobuf struct buf put, got;
	autofree char *want = NULL, *have = NULL;
	struct nft_batch batch;
	struct err err = { 0 };
	int r = own_namespace();

	if (r < 0) {
		print_message("no network namespace of one's own: %s\n", strerror(-r));
		skip();
	}
	buf_init(&put, TEXT_MAX);
	buf_init(&got, TEXT_MAX);
	assert_int_equal(net_sockets(&b, &err), 0);
	nft_batch_init(&batch, 1, &put);
	nft_batch_begin(&batch);
	net_rules_base_replace(&batch, &b);
	net_rules_port_put(&batch, &b, &p, 0);
	allowlist_of(&b, &a, &listed);
	net_rules_port_put(&batch, &b, &listed, 0);
	net_rules_learn(&batch, &b, &listed, 0xc6336409, 5, 60000);
	assert_int_equal(net_send(&b, &batch, "put all", &err), 0);
	nft_batch_done(&batch);
	assert_int_equal(net_port_rules_intact(&b, &listed, &err), 1);
	assert_int_equal(net_tables_intact(&b, &err), 1);
	assert_int_equal(net_port_rules_intact(&b, &p, &err), 1);
	assert_int_equal(nl_dump(b.nft, nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, NFPROTO_UNSPEC,
							      0, 0),
				 append_rule, restart_text, &got), 0);
	want = sorted_rules(put.data);
	have = sorted_rules(got.data);
	assert_string_equal(have, want);
	assert_true(strlen(have) > 1000);
	nl_close(b.nft);
	nl_close(b.route);
}

/* What the kernel has of the port @p, beside the base, is what was put. */
static void port_round_trip(struct net_base *b, const struct net_port *p) {
	char buf[512] __attribute__((aligned(8)));
	autobuf struct buf put, got;
	autofree char *want = NULL, *have = NULL;
	struct nft_batch batch;
	struct err err = { 0 };

	buf_init(&put, TEXT_MAX);
	buf_init(&got, TEXT_MAX);
	nft_batch_init(&batch, 1, &put);
	nft_batch_begin(&batch);
	net_rules_base_replace(&batch, b);
	net_rules_port_put(&batch, b, p, 0);
	assert_int_equal(net_send(b, &batch, "put all", &err), 0);
	nft_batch_done(&batch);
	assert_int_equal(net_port_rules_intact(b, p, &err), 1);
	assert_int_equal(nl_dump(b->nft, nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE,
							       NFPROTO_UNSPEC, 0, 0),
				 append_rule, restart_text, &got), 0);
	want = sorted_rules(put.data);
	have = sorted_rules(got.data);
	assert_string_equal(have, want);
}

static void kernel_gives_back_every_policy(void **state) {
	struct net_base b = base_of("");
	auto_net_allowed struct net_allowed a = { 0 };
	auto_net_hosts struct net_hosts hosts = { 0 };
	struct net_port p;
	struct err err = { 0 };

	if (own_namespace() < 0)
		skip();
	assert_int_equal(net_sockets(&b, &err), 0);
	allowlist_of(&b, &a, &p);
	for (int mode = 0; mode < NET_MODE_COUNT; mode++)
		for (unsigned set = 0; set < TOGGLES; set++) {
			p.policy.mode = (enum net_mode)mode;
			toggle(&p.policy, set);
			port_round_trip(&b, &p);
		}
	hosts_of(&hosts);
	for (size_t i = 0; i < ARRAY_SIZE(further); i++) {
		further_policy(i, &hosts, &p.policy);
		port_round_trip(&b, &p);
	}
	nl_close(b.nft);
	nl_close(b.route);
}

/* A transaction with a fault in its middle leaves nothing, and the fault is told. */
static void a_failed_transaction_leaves_nothing(void **state) {
	struct net_base b = base_of("bad000");
	struct nft_batch batch;
	struct err err = { 0 };
	struct net_port p = port_of(&b, 2, NET_OPEN);

	if (own_namespace() < 0)
		skip();
	assert_int_equal(net_sockets(&b, &err), 0);
	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	net_rules_base_replace(&batch, &b);
	nft_rule_begin(&batch, "deny");
	nft_verdict(&batch, NFT_GOTO, "nowhere");
	nft_rule_end(&batch);
	net_rules_port_put(&batch, &b, &p, 0);
	assert_int_equal(net_send(&b, &batch, "put all", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "cannot put all"));
	nft_batch_done(&batch);
	assert_int_equal(net_tables_intact(&b, &err), 0);
	assert_int_equal(net_port_rules_intact(&b, &p, &err), 0);
	nl_close(b.nft);
	nl_close(b.route);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(digests),
		cmocka_unit_test(chains_are_counted_right),
		cmocka_unit_test(a_tag_is_in_every_name),
		cmocka_unit_test(kernel_gives_back_what_was_put),
		cmocka_unit_test(kernel_gives_back_every_policy),
		cmocka_unit_test(a_failed_transaction_leaves_nothing),
	};

	return cmocka_run_group_tests_name("net-rules", tests, NULL, NULL);
}
