/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One row for each attempt: how its frames are made, and with what. Where it
 * would be seen, and in which modes it may be, stands in attacks.tsv.
 */
#include "attacks.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define PORT 7777

/* Roles in the place of addresses; everything from 256 on is an address. */
enum { NOBODY, ME, GATEWAY, UPLINK, OTHER, STRANGER, BROADCAST, ROLES };
#define IP(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define PUBLIC IP(203, 0, 113, 77) /* nobody listens, and no name leads there */
#define LISTED IP(198, 51, 100, 10)
#define PRIVATE IP(10, 9, 8, 7)
#define METADATA IP(169, 254, 169, 254)
#define ZERO_ADDRESS 255

enum { MAC_GATEWAY, MAC_ME, MAC_OTHER, MAC_STRANGE, MAC_AS_GATEWAY, MAC_GROUPS };
static const uint8_t strange_mac[6] = { 2, 0xbb, 1, 2, 3, 4 };
static const uint8_t groups[][6] = {
	{ 255, 255, 255, 255, 255, 255 },
	{ 1, 0, 0x5e, 0, 0, 1 },
	{ 1, 0x80, 0xc2, 0, 0, 0 },
	{ 1, 0x80, 0xc2, 0, 0, 2 },
	{ 1, 0x80, 0xc2, 0, 0, 3 },
	{ 1, 0x80, 0xc2, 0, 0, 0x0e },
	{ 1, 0x80, 0xc2, 0, 0, 0x21 },
	{ 1, 0, 0x0c, 0xcc, 0xcc, 0xcc },
	{ 0x33, 0x33, 0, 0, 0, 1 },
};
enum { EVERYBODY = MAC_GROUPS, HOSTS_GROUP, STP_GROUP, SLOW_GROUP, BRIDGE_GROUP, LLDP_GROUP,
       GVRP_GROUP, CDP_GROUP, NODES6_GROUP };

struct attack {
	const char *name;
	void (*build)(struct frame *f, const struct attack *a, unsigned id);
	uint32_t to, from;
	unsigned port; /* UDP and TCP; ethernet and ICMP type; protocol; ARP operation */
	uint8_t mac, from_mac;
	uint8_t flags; /* TCP flags, ICMP code, time to live, kind of option … */
};

static const struct attack_who *who;

static uint32_t address(uint32_t a, uint32_t otherwise) {
	const uint32_t roles[ROLES] = { otherwise,     who->my_ip,	   who->gw_ip,
					who->uplink_ip, who->other_ip, who->my_ip + 77,
					who->gw_ip | 0xffff };

	if (a == ZERO_ADDRESS)
		return 0;
	return a < ROLES ? roles[a] : a;
}

static const uint8_t *mac(unsigned m) {
	const uint8_t *known[MAC_GROUPS] = { who->gw_mac, who->my_mac, who->other_mac,
					     strange_mac, who->gw_mac };

	return m < MAC_GROUPS ? known[m] : groups[m - MAC_GROUPS];
}

static void ether(struct frame *f, const struct attack *a, unsigned type) {
	put_ether(f, mac(a->mac), mac(a->from_mac ? a->from_mac : MAC_ME), type);
}

static void ip_head(struct frame *f, const struct attack *a, struct ipv4 h) {
	ether(f, a, ETH_P_IP);
	h.src = address(a->from, who->my_ip);
	h.dst = address(a->to, who->gw_ip);
	put_ipv4(f, &h);
}

static void udp(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_UDP, .ttl = a->flags, .len = UDP_LEN });
	put_udp(f, 20000 + id, a->port ? a->port : PORT, id);
}

static void udp_to_0(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_UDP, .len = UDP_LEN });
	put_udp(f, 20000 + id, 0, id);
}

/* The offer of a server, or the wish of a client. */
static void dhcp(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_UDP, .len = UDP_LEN });
	put_udp(f, a->port == 68 ? 67 : 68, a->port, id);
}

static void tcp(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_TCP, .len = TCP_LEN });
	put_tcp(f, address(a->from, who->my_ip), address(a->to, who->gw_ip), a->port, a->flags, id);
}

static void icmp(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_ICMP, .len = ICMP_LEN });
	put_icmp(f, (uint8_t)a->port, a->flags, 0, id);
}

static void big_echo(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_ICMP, .len = ICMP_LEN + 1400 });
	put_icmp(f, ICMP_ECHO, 0, 1400, id);
}

/* Any protocol that is not looked into. */
static void proto(struct frame *f, const struct attack *a, unsigned id) {
	ip_head(f, a, (struct ipv4){ .proto = (uint8_t)a->port, .len = 8 + MAGIC_LEN });
	put_zero(f, 8);
	put_magic(f, id);
}

static void option(struct frame *f, const struct attack *a, unsigned id) {
	/* A strict one can only name somebody on a link of the host's. */
	uint32_t next = htonl(a->flags == 0x89 ? IP(192, 168, 50, 1) : PRIVATE);
	uint8_t o[8] = { a->flags, 7, a->flags == 68 ? 5 : 4 };

	if (a->flags == 0x83 || a->flags == 0x89)
		memcpy(o + 3, &next, 4);
	if (a->flags == 68)
		o[1] = 8;
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_UDP, .options = o, .options_len = sizeof(o),
				     .len = UDP_LEN });
	put_udp(f, 20000 + id, PORT, id);
}

/* --- fragments of one datagram of 48 bytes behind its header */

static void piece(struct frame *f, const struct attack *a, unsigned id, unsigned at, size_t len,
		  bool more) {
	struct frame whole = { .len = 0 };

	put16(&whole, 20000 + id);
	put16(&whole, PORT);
	put16(&whole, 48);
	put16(&whole, 0);
	put_zero(&whole, 16);
	put_magic(&whole, id);
	put_zero(&whole, 8);
	ip_head(f, a, (struct ipv4){ .proto = IPPROTO_UDP, .len = len, .id = (uint16_t)(0x4000 + id),
				     .fragment = (uint16_t)((more ? 0x2000u : 0u) | at / 8) });
	put(f, whole.data + at, len);
}

static void later_fragment(struct frame *f, const struct attack *a, unsigned id) {
	piece(f, a, id, 24, 24, false);
}

static void two_fragments(struct frame *f, const struct attack *a, unsigned id) {
	piece(f, a, id, 0, 24, true);
	piece(f + 1, a, id, 24, 24, false);
}

static void tiny_fragment(struct frame *f, const struct attack *a, unsigned id) {
	piece(f, a, id, 0, 8, true);
	piece(f + 1, a, id, 8, 40, false);
}

static void overlapping(struct frame *f, const struct attack *a, unsigned id) {
	piece(f, a, id, 0, 40, true);
	piece(f + 1, a, id, 8, 40, false);
}

/* --- below and beside IPv4 */

static void arp(struct frame *f, const struct attack *a, unsigned id) {
	static const uint8_t none[6];

	put_ether(f, mac(a->mac), who->my_mac, ETH_P_ARP);
	put16(f, 1);
	put16(f, ETH_P_IP);
	put16(f, 0x0604);
	put16(f, a->port);
	put(f, mac(a->from_mac ? a->from_mac : MAC_ME), 6);
	put32(f, address(a->from, who->my_ip));
	put(f, none, 6);
	put32(f, address(a->to, who->gw_ip));
	put_magic(f, id);
}

static void frame(struct frame *f, const struct attack *a, unsigned id) {
	ether(f, a, a->port);
	put_magic(f, id);
}

/* A length in the place of the type, and what 802.2 puts behind it. */
static void llc(struct frame *f, const struct attack *a, unsigned id) {
	ether(f, a, 3 + MAGIC_LEN);
	put(f, (const uint8_t[]){ (uint8_t)a->port, (uint8_t)a->port, 3 }, 3);
	put_magic(f, id);
}

/* IPv4 in the clothes of 802.2 with SNAP: no ethernet type to go by. */
static void snap_ip(struct frame *f, const struct attack *a, unsigned id) {
	const struct ipv4 h = { .src = who->my_ip, .dst = address(a->to, who->gw_ip),
				.proto = IPPROTO_UDP, .len = UDP_LEN };

	ether(f, a, 8 + 20 + UDP_LEN);
	put(f, (const uint8_t[]){ 0xaa, 0xaa, 3, 0, 0, 0 }, 6);
	put16(f, ETH_P_IP);
	put_ipv4(f, &h);
	put_udp(f, 20000 + id, PORT, id);
}

static void tagged(struct frame *f, const struct attack *a, unsigned id) {
	const struct ipv4 h = { .src = who->my_ip, .dst = address(a->to, who->gw_ip),
				.proto = IPPROTO_UDP, .len = UDP_LEN };

	ether(f, a, a->port);
	put16(f, a->flags);
	if (a->port == ETH_P_8021AD) {
		put16(f, ETH_P_8021Q);
		put16(f, 0);
	}
	put16(f, ETH_P_IP);
	put_ipv4(f, &h);
	put_udp(f, 20000 + id, PORT, id);
}

/* --- IPv6 */

static const uint8_t nodes6[16] = { 0xff, 2, [15] = 1 };
static const uint8_t mapped6[16] = { [10] = 0xff, 0xff, 169, 254, 169, 254 };
static const uint8_t nat64[16] = { 0, 0x64, 0xff, 0x9b, [12] = 169, 254, 169, 254 };

static void udp6_to(struct frame *f, const struct attack *a, const uint8_t dst[16], unsigned id) {
	ether(f, a, ETH_P_IPV6);
	put_ipv6(f, dst, IPPROTO_UDP, 64, UDP_LEN);
	put_udp(f, 20000 + id, a->port ? a->port : PORT, id);
}

static void udp6(struct frame *f, const struct attack *a, unsigned id) {
	udp6_to(f, a, nodes6, id);
}

static void udp6_mapped(struct frame *f, const struct attack *a, unsigned id) {
	udp6_to(f, a, mapped6, id);
}

static void udp6_nat64(struct frame *f, const struct attack *a, unsigned id) {
	udp6_to(f, a, nat64, id);
}

/* The address that the bridge would give itself. */
static void udp6_link_local(struct frame *f, const struct attack *a, unsigned id) {
	const uint8_t *m = who->gw_mac;
	const uint8_t dst[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe,
				  m[3], m[4], m[5] };

	udp6_to(f, a, dst, id);
}

/* An extension header of one unit before it: hop by hop, routing, fragment, destination. */
static void extended6(struct frame *f, const struct attack *a, unsigned id) {
	ether(f, a, ETH_P_IPV6);
	put_ipv6(f, nodes6, (uint8_t)a->port, 64, 8 + UDP_LEN);
	put(f, (const uint8_t[]){ IPPROTO_UDP, 0 }, 2);
	if (a->port == IPPROTO_FRAGMENT || a->port == IPPROTO_ROUTING)
		put_zero(f, 6);
	else
		put(f, (const uint8_t[]){ 1, 4, 0, 0, 0, 0 }, 6);
	put_udp(f, 20000 + id, PORT, id);
}

static void icmp6(struct frame *f, const struct attack *a, unsigned id) {
	ether(f, a, ETH_P_IPV6);
	put_icmp6(f, nodes6, (uint8_t)a->port, id);
}

static const struct attack attacks[] = {
	/* another sender than the one that it is */
	{ "forged-mac", udp, PUBLIC, .from_mac = MAC_STRANGE },
	{ "forged-mac-gateway", udp, PUBLIC, .from_mac = MAC_AS_GATEWAY },
	{ "forged-ip", udp, PUBLIC, STRANGER },
	{ "second-address", udp, PUBLIC, IP(192, 168, 50, 77) },
	{ "others-ip", udp, PUBLIC, OTHER },
	{ "gateways-ip", udp, PUBLIC, GATEWAY },
	{ "uplinks-ip", udp, PUBLIC, UPLINK },
	{ "loopback-source", udp, GATEWAY, IP(127, 0, 0, 1) },
	{ "dhcp-discover", dhcp, IP(255, 255, 255, 255), ZERO_ADDRESS, 67, .mac = EVERYBODY },

	/* ARP */
	{ "arp-other-about-gateway", arp, OTHER, GATEWAY, 2, .mac = MAC_OTHER },
	{ "arp-all-about-gateway", arp, GATEWAY, GATEWAY, 1, .mac = EVERYBODY },
	{ "arp-all-about-uplink", arp, UPLINK, UPLINK, 2, .mac = EVERYBODY },
	{ "arp-who-has-other", arp, OTHER, NOBODY, 1, .mac = EVERYBODY },
	{ "arp-host-about-other", arp, GATEWAY, OTHER, 2 },
	{ "arp-host-about-router", arp, GATEWAY, IP(192, 0, 2, 1), 2 },
	{ "arp-host-about-world", arp, GATEWAY, PUBLIC, 2 },
	{ "arp-host-second-address", arp, GATEWAY, STRANGER, 1 },
	{ "arp-host-others-mac", arp, GATEWAY, NOBODY, 2, .from_mac = MAC_OTHER },
	{ "arp-gateway", arp, GATEWAY, NOBODY, 1, .mac = EVERYBODY },
	{ "rarp", frame, .port = ETH_P_RARP, .mac = EVERYBODY },

	/* other containers */
	{ "other-bridged", udp, OTHER, .mac = MAC_OTHER },
	{ "other-routed", udp, OTHER },
	{ "other-routed-tcp", tcp, OTHER, .port = 9000, .flags = 2 },
	{ "other-routed-echo", icmp, OTHER, .port = ICMP_ECHO },
	{ "other-broadcast", udp, OTHER, .mac = EVERYBODY },
	{ "all-directed-broadcast", udp, BROADCAST, .mac = EVERYBODY },
	{ "all-limited-broadcast", udp, IP(255, 255, 255, 255), .mac = EVERYBODY },
	{ "all-multicast", udp, IP(224, 0, 0, 1), .mac = HOSTS_GROUP },
	{ "all-mdns", udp, IP(224, 0, 0, 251), .port = 5353, .mac = HOSTS_GROUP },
	{ "all-ssdp", udp, IP(239, 255, 255, 250), .port = 1900, .mac = HOSTS_GROUP },
	{ "all-igmp", proto, IP(224, 0, 0, 1), .port = IPPROTO_IGMP, .mac = HOSTS_GROUP },
	{ "dhcp-offer", dhcp, IP(255, 255, 255, 255), .port = 68, .mac = EVERYBODY },
	{ "tag0-other", tagged, OTHER, .port = ETH_P_8021Q, .mac = MAC_OTHER },
	{ "tag1-other", tagged, OTHER, .port = ETH_P_8021Q, .mac = MAC_OTHER, .flags = 1 },
	{ "qinq-other", tagged, OTHER, .port = ETH_P_8021AD, .mac = MAC_OTHER, .flags = 1 },
	{ "snap-ip-other", snap_ip, OTHER, .mac = MAC_OTHER },
	{ "mpls-other", frame, .port = ETH_P_MPLS_UC, .mac = MAC_OTHER },
	{ "pppoe-other", frame, .port = ETH_P_PPP_DISC, .mac = MAC_OTHER },
	{ "pause-other", frame, .port = ETH_P_PAUSE, .mac = MAC_OTHER },
	{ "wake-all", frame, .port = 0x0842, .mac = EVERYBODY },
	{ "unknown-type-other", frame, .port = 0x88b5, .mac = MAC_OTHER },
	{ "stp-all", llc, .port = 0x42, .mac = STP_GROUP },
	{ "gvrp-all", llc, .port = 0x42, .mac = GVRP_GROUP },
	{ "cdp-all", llc, .port = 0xaa, .mac = CDP_GROUP },

	/* the host, below IPv4 */
	{ "lldp-host", frame, .port = ETH_P_LLDP, .mac = LLDP_GROUP },
	{ "lacp-host", frame, .port = ETH_P_SLOW, .mac = SLOW_GROUP },
	{ "eapol-host", frame, .port = ETH_P_PAE, .mac = BRIDGE_GROUP },
	{ "lldp-group-host", udp, UPLINK, .mac = LLDP_GROUP },
	{ "bridge-group-host", udp, GATEWAY, .mac = BRIDGE_GROUP },
	{ "stp-group-host", udp, GATEWAY, .mac = STP_GROUP },
	{ "tag0-host", tagged, GATEWAY, .port = ETH_P_8021Q },

	/* the host */
	{ "host-gateway", udp, GATEWAY },
	{ "host-uplink", udp, UPLINK },
	{ "host-lan-address", udp, IP(192, 168, 50, 2) },
	{ "host-loopback", udp, IP(127, 0, 0, 1) },
	{ "host-broadcast", udp, BROADCAST, .port = 137 },
	{ "host-lan-broadcast", udp, IP(192, 168, 50, 255), .port = 137 },
	{ "host-mdns-port", udp, GATEWAY, .port = 5353 },
	{ "host-port-0", udp_to_0, GATEWAY },
	{ "host-tcp", tcp, GATEWAY, .port = 22, .flags = 0x02 },
	{ "host-tcp-uplink", tcp, UPLINK, .port = 22, .flags = 0x02 },
	{ "host-tcp-port-0", tcp, GATEWAY, .flags = 0x02 },
	{ "host-tcp-xmas", tcp, GATEWAY, .port = 22, .flags = 0x29 },
	{ "host-tcp-null", tcp, GATEWAY, .port = 22 },
	{ "host-tcp-fin", tcp, GATEWAY, .port = 22, .flags = 0x01 },
	{ "host-tcp-ack", tcp, GATEWAY, .port = 22, .flags = 0x10 },
	{ "host-tcp-syn-ack", tcp, GATEWAY, .port = 22, .flags = 0x12 },
	{ "host-tcp-rst", tcp, GATEWAY, .port = 22, .flags = 0x04 },
	{ "host-echo", icmp, GATEWAY, .port = ICMP_ECHO },
	{ "host-echo-uplink", icmp, UPLINK, .port = ICMP_ECHO },
	{ "host-big-echo-uplink", big_echo, UPLINK },
	{ "host-echo-reply", icmp, GATEWAY, .port = ICMP_ECHOREPLY },
	{ "host-timestamp", icmp, GATEWAY, .port = ICMP_TIMESTAMP },
	{ "host-mask", icmp, GATEWAY, .port = ICMP_ADDRESS },
	{ "host-redirect", icmp, GATEWAY, .port = ICMP_REDIRECT, .flags = 1 },
	{ "host-unreachable", icmp, GATEWAY, .port = ICMP_DEST_UNREACH, .flags = 1 },
	{ "host-too-big", icmp, GATEWAY, .port = ICMP_DEST_UNREACH, .flags = 4 },
	{ "host-time-exceeded", icmp, GATEWAY, .port = ICMP_TIME_EXCEEDED },
	{ "host-quench", icmp, GATEWAY, .port = ICMP_SOURCE_QUENCH },
	{ "host-router-advert", icmp, GATEWAY, .port = 9 },
	{ "host-fragments", two_fragments, GATEWAY },
	{ "host-igmp", proto, GATEWAY, .port = IPPROTO_IGMP },
	{ "host-gre", proto, GATEWAY, .port = IPPROTO_GRE },
	{ "host-sctp", proto, UPLINK, .port = IPPROTO_SCTP },
	{ "host-esp", proto, GATEWAY, .port = IPPROTO_ESP },
	{ "host-ah", proto, GATEWAY, .port = IPPROTO_AH },
	{ "host-ipip", proto, GATEWAY, .port = IPPROTO_IPIP },
	{ "host-6in4", proto, GATEWAY, .port = IPPROTO_IPV6 },
	{ "host-udplite", proto, GATEWAY, .port = IPPROTO_UDPLITE },
	{ "host-dccp", proto, GATEWAY, .port = IPPROTO_DCCP },
	{ "host-ospf", proto, GATEWAY, .port = 89 },
	{ "host-vrrp", proto, GATEWAY, .port = 112 },
	{ "host-pim", proto, GATEWAY, .port = IPPROTO_PIM },
	{ "host-l2tp", proto, GATEWAY, .port = 115 },
	{ "host-etherip", proto, GATEWAY, .port = 97 },
	{ "host-rsvp", proto, GATEWAY, .port = IPPROTO_RSVP },

	/* public addresses */
	{ "public-udp", udp, PUBLIC },
	{ "public-tcp", tcp, PUBLIC, .port = 443, .flags = 0x02 },
	{ "public-ack", tcp, PUBLIC, .port = 443, .flags = 0x10 },
	{ "public-xmas", tcp, PUBLIC, .port = 443, .flags = 0x29 },
	{ "public-null", tcp, PUBLIC, .port = 443 },
	{ "public-dns-udp", udp, IP(203, 0, 113, 53), .port = 53 },
	{ "public-dns-tcp", tcp, IP(203, 0, 113, 53), .port = 53, .flags = 0x02 },
	{ "public-dns-tls", tcp, IP(203, 0, 113, 53), .port = 853, .flags = 0x02 },
	{ "public-dns-https", tcp, IP(203, 0, 113, 53), .port = 443, .flags = 0x02 },
	{ "public-quic", udp, PUBLIC, .port = 443 },
	{ "public-ntp", udp, PUBLIC, .port = 123 },
	{ "public-echo", icmp, PUBLIC, .port = ICMP_ECHO },
	{ "public-big-echo", big_echo, PUBLIC },
	{ "public-timestamp", icmp, PUBLIC, .port = ICMP_TIMESTAMP },
	{ "public-echo-reply", icmp, PUBLIC, .port = ICMP_ECHOREPLY },
	{ "public-unreachable", icmp, PUBLIC, .port = ICMP_DEST_UNREACH, .flags = 1 },
	{ "public-redirect", icmp, PUBLIC, .port = ICMP_REDIRECT, .flags = 1 },
	{ "public-gre", proto, PUBLIC, .port = IPPROTO_GRE },
	{ "public-fragments", two_fragments, PUBLIC },
	{ "uplink-router", udp, IP(192, 0, 2, 1) },
	{ "listed-udp", udp, LISTED },
	{ "listed-tcp", tcp, LISTED, .port = 443, .flags = 0x02 },
	{ "listed-echo", icmp, LISTED, .port = ICMP_ECHO },
	{ "listed-timestamp", icmp, LISTED, .port = ICMP_TIMESTAMP },
	{ "listed-redirect", icmp, LISTED, .port = ICMP_REDIRECT, .flags = 1 },
	{ "listed-gre", proto, LISTED, .port = IPPROTO_GRE },
	{ "listed-esp", proto, LISTED, .port = IPPROTO_ESP },
	{ "listed-ah", proto, LISTED, .port = IPPROTO_AH },
	{ "listed-ipip", proto, LISTED, .port = IPPROTO_IPIP },
	{ "listed-6in4", proto, LISTED, .port = IPPROTO_IPV6 },
	{ "listed-sctp", proto, LISTED, .port = IPPROTO_SCTP },
	{ "listed-udplite", proto, LISTED, .port = IPPROTO_UDPLITE },
	{ "listed-dccp", proto, LISTED, .port = IPPROTO_DCCP },

	/* private addresses */
	{ "private-10", udp, PRIVATE },
	{ "private-172", udp, IP(172, 16, 5, 5) },
	{ "private-192", udp, IP(192, 168, 50, 1) },
	{ "private-shared", udp, IP(100, 64, 0, 9) },
	{ "private-benchmark", udp, IP(198, 18, 0, 1) },
	{ "private-zero-net", udp, IP(0, 1, 2, 3) },
	{ "private-reserved", udp, IP(240, 0, 0, 1) },
	{ "private-protocols", udp, IP(192, 0, 0, 8) },
	{ "private-tcp", tcp, PRIVATE, .port = 80, .flags = 0x02 },
	{ "private-ack", tcp, PRIVATE, .port = 80, .flags = 0x10 },
	{ "private-echo", icmp, PRIVATE, .port = ICMP_ECHO },
	{ "private-echo-reply", icmp, PRIVATE, .port = ICMP_ECHOREPLY },
	{ "private-unreachable", icmp, PRIVATE, .port = ICMP_DEST_UNREACH, .flags = 1 },
	{ "private-dns", udp, PRIVATE, .port = 53 },
	{ "private-ttl-2", udp, PRIVATE, .flags = 2 },
	{ "private-gre", proto, PRIVATE, .port = IPPROTO_GRE },
	{ "private-esp", proto, PRIVATE, .port = IPPROTO_ESP },
	{ "private-ipip", proto, PRIVATE, .port = IPPROTO_IPIP },
	{ "private-6in4", proto, PRIVATE, .port = IPPROTO_IPV6 },
	{ "private-sctp", proto, PRIVATE, .port = IPPROTO_SCTP },
	{ "private-udplite", proto, PRIVATE, .port = IPPROTO_UDPLITE },
	{ "private-dccp", proto, PRIVATE, .port = IPPROTO_DCCP },
	{ "private-later-fragment", later_fragment, PRIVATE },
	{ "private-fragments", two_fragments, IP(10, 9, 8, 8) },
	{ "private-tiny-fragment", tiny_fragment, IP(10, 9, 8, 9) },
	{ "private-overlap", overlapping, IP(10, 9, 8, 10) },
	{ "private-loose-route", option, UPLINK, .flags = 0x83 },
	{ "private-strict-route", option, UPLINK, .flags = 0x89 },
	{ "private-record-route", option, PRIVATE, .flags = 0x07 },
	{ "private-timestamps", option, PRIVATE, .flags = 68 },

	/* metadata */
	{ "metadata-udp", udp, METADATA },
	{ "metadata-tcp", tcp, METADATA, .port = 80, .flags = 0x02 },
	{ "metadata-echo", icmp, METADATA, .port = ICMP_ECHO },
	{ "metadata-task", tcp, IP(169, 254, 170, 2), .port = 80, .flags = 0x02 },
	{ "metadata-pod", tcp, IP(169, 254, 170, 23), .port = 80, .flags = 0x02 },
	{ "metadata-dns", udp, IP(169, 254, 169, 253), .port = 53 },
	{ "metadata-time", udp, IP(169, 254, 169, 123), .port = 123 },
	{ "metadata-100", tcp, IP(100, 100, 100, 200), .port = 80, .flags = 0x02 },
	{ "metadata-192", tcp, IP(192, 0, 0, 192), .port = 80, .flags = 0x02 },
	{ "metadata-168", tcp, IP(168, 63, 129, 16), .port = 80, .flags = 0x02 },
	{ "link-local", udp, IP(169, 254, 1, 1) },

	/* IPv6 */
	{ "v6-other", udp6, .mac = MAC_OTHER },
	{ "v6-all", udp6, .mac = NODES6_GROUP },
	{ "v6-dhcp-all", udp6, .port = 547, .mac = NODES6_GROUP },
	{ "v6-mapped-other", udp6_mapped, .mac = MAC_OTHER },
	{ "v6-nat64-other", udp6_nat64, .mac = MAC_OTHER },
	{ "v6-routing-other", extended6, .port = IPPROTO_ROUTING, .mac = MAC_OTHER },
	{ "v6-ra-other", icmp6, .port = 134, .mac = MAC_OTHER },
	{ "v6-na-other", icmp6, .port = 136, .mac = MAC_OTHER },
	{ "v6-redirect-other", icmp6, .port = 137, .mac = MAC_OTHER },
	{ "v6-host", udp6, .mac = NODES6_GROUP },
	{ "v6-link-local-host", udp6_link_local },
	{ "v6-hop-by-hop-host", extended6, .port = IPPROTO_HOPOPTS, .mac = NODES6_GROUP },
	{ "v6-options-host", extended6, .port = IPPROTO_DSTOPTS, .mac = NODES6_GROUP },
	{ "v6-fragment-host", extended6, .port = IPPROTO_FRAGMENT, .mac = NODES6_GROUP },
	{ "v6-echo-host", icmp6, .port = 128, .mac = NODES6_GROUP },
	{ "v6-mld-host", icmp6, .port = 130, .mac = NODES6_GROUP },
	{ "v6-rs-host", icmp6, .port = 133, .mac = NODES6_GROUP },
	{ "v6-ra-host", icmp6, .port = 134, .mac = NODES6_GROUP },
	{ "v6-ns-host", icmp6, .port = 135, .mac = NODES6_GROUP },
	{ "v6-redirect-host", icmp6, .port = 137, .mac = NODES6_GROUP },

	/* in another's name; last, since a bridge that learns sends to us what is meant for it */
	{ "others-both", udp, PUBLIC, OTHER, .from_mac = MAC_OTHER },
	{ "others-connection", tcp, PUBLIC, OTHER, 9000, .from_mac = MAC_OTHER, .flags = 0x18 },
	{ "others-answer", udp, GATEWAY, OTHER, .from_mac = MAC_OTHER },
};

size_t attack_count(void) {
	return ARRAY_SIZE(attacks);
}

const char *attack_name(size_t id) {
	return attacks[id].name;
}

void attack_build(size_t id, const struct attack_who *w, struct frame frames[FRAMES_MAX]) {
	who = w;
	for (size_t i = 0; i < FRAMES_MAX; i++)
		frames[i].len = 0;
	attacks[id].build(frames, &attacks[id], (unsigned)id);
	/* What is shorter is filled up, as a card would. */
	for (size_t i = 0; i < FRAMES_MAX; i++)
		if (frames[i].len && frames[i].len < 60)
			put_zero(&frames[i], 60 - frames[i].len);
}
