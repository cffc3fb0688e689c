/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses of fixed names: open ahead of what the mode says, where it says no. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "net/hosts.h"
#include "net/rules.h"

static void begin(struct nft_batch *b, const char *chain, uint32_t address) {
	nft_rule_begin(b, chain);
	nft_daddr_is(b, address);
}

static void end(struct nft_batch *b) {
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
}

/* Ports are those of TCP and UDP; a ping goes where any of them is open. */
static void one(struct nft_batch *b, const char *chain, uint32_t address,
		const struct net_ports *p) {
	static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP };

	begin(b, chain, address);
	if (p->count)
		nft_l4proto(b, IPPROTO_ICMP);
	end(b);
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(with_ports); k++) {
			begin(b, chain, address);
			nft_l4proto(b, with_ports[k]);
			nft_dport_range(b, p->ranges[i].low, p->ranges[i].high);
			end(b);
		}
}

void net_rules_hosts(struct nft_batch *b, const char *chain, const struct net_port *port) {
	const struct net_hosts *h = port->policy.hosts;

	for (size_t i = 0; h && i < h->open.count; i++)
		one(b, chain, h->open.entries[i].cidr.address,
		    &h->open.ports[h->open.entries[i].ports]);
}

unsigned net_rules_hosts_count(const struct net_port *port) {
	const struct net_hosts *h = port->policy.mode == NET_OPEN ? NULL : port->policy.hosts;
	unsigned n = 0;

	for (size_t i = 0; h && i < h->open.count; i++)
		n += 1 + 2 * (unsigned)h->open.ports[h->open.entries[i].ports].count;
	return n;
}
