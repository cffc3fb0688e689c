/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of the attacks in this folder: frames made by hand on one side,
 * counters behind (or before) the filters on the other. Every frame carries
 * the text "coi-probe-NN", NN being the attack's number, and is counted by it.
 *
 *   probe attack IFACE key=value…   send all attacks of the table, once each
 *   probe names                     "NN where name" for each of them
 *   probe sink-packet               count what arrives at the links here
 *   probe sink-host                 count what is delivered to this host
 *   probe connect ADDRESS PORT [udp] "open", "refused", "silent" or "unreachable"
 *   probe serve PORT                TCP and UDP on all addresses: answers its peer's address
 *
 * The sinks print "ready", count until end of file on standard input, and then
 * print "NN count".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"

#define MAGIC "coi-probe-"
#define FRAME_MAX 1514
#define PORT 7777

struct frame {
	uint8_t data[FRAME_MAX];
	size_t len;
};

/* Who is who, from the command line. */
static struct {
	uint8_t my_mac[6], gw_mac[6], other_mac[6];
	uint32_t my_ip, gw_ip, other_ip, uplink_ip, public_ip, private_ip, metadata_ip;
} who;

static void put(struct frame *f, const void *data, size_t len) {
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void put16(struct frame *f, unsigned v) {
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(f, b, sizeof(b));
}

static void put32(struct frame *f, uint32_t v) {
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

static void ether(struct frame *f, const uint8_t *dst, const uint8_t *src, unsigned type) {
	put(f, dst, 6);
	put(f, src, 6);
	put16(f, type);
}

static uint16_t checksum(const uint8_t *p, size_t len) {
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* IPv4 with @options (a multiple of four) and the payload of @len that follows. */
static void ipv4(struct frame *f, uint32_t src, uint32_t dst, uint8_t proto, unsigned fragment,
		 const void *options, size_t options_len, size_t len) {
	size_t at = f->len, header = 20 + options_len;
	uint16_t sum;

	put16(f, 0x4000 | (unsigned)(header / 4) << 8);
	put16(f, (unsigned)(header + len));
	put16(f, 0x1234);
	put16(f, fragment);
	put16(f, 64u << 8 | proto);
	put16(f, 0);
	put32(f, src);
	put32(f, dst);
	put(f, options, options_len);
	sum = checksum(f->data + at, header);
	f->data[at + 10] = (uint8_t)(sum >> 8);
	f->data[at + 11] = (uint8_t)sum;
}

static void magic(struct frame *f, unsigned id) {
	char text[16] = { 0 };

	snprintf(text, sizeof(text), MAGIC "%02u", id);
	put(f, text, sizeof(text));
}

/* UDP without a checksum. */
static void udp(struct frame *f, unsigned sport, unsigned dport, unsigned id) {
	put16(f, sport);
	put16(f, dport);
	put16(f, 8 + 16);
	put16(f, 0);
	magic(f, id);
}

static void udp_frame(struct frame *f, const uint8_t *dmac, const uint8_t *smac, uint32_t src,
		      uint32_t dst, unsigned id) {
	ether(f, dmac, smac, ETH_P_IP);
	ipv4(f, src, dst, IPPROTO_UDP, 0, NULL, 0, 24);
	udp(f, 5555, PORT, id);
}

/* Any protocol that is not looked into. */
static void proto_frame(struct frame *f, uint32_t dst, uint8_t proto, unsigned id) {
	ether(f, who.gw_mac, who.my_mac, ETH_P_IP);
	ipv4(f, who.my_ip, dst, proto, 0, NULL, 0, 8 + 16);
	put32(f, 0);
	put32(f, 0);
	magic(f, id);
}

static void arp(struct frame *f, const uint8_t *dmac, unsigned op, const uint8_t *smac,
		uint32_t sip, uint32_t tip, unsigned id) {
	static const uint8_t none[6];

	ether(f, dmac, who.my_mac, ETH_P_ARP);
	put16(f, 1);
	put16(f, ETH_P_IP);
	put16(f, 0x0604);
	put16(f, op);
	put(f, smac, 6);
	put32(f, sip);
	put(f, none, 6);
	put32(f, tip);
	magic(f, id);
}

static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t strange_mac[6] = { 2, 0xbb, 1, 2, 3, 4 };

#define ATTACK(name) static void name(struct frame *f, unsigned id)

ATTACK(forged_mac) { udp_frame(f, who.gw_mac, strange_mac, who.my_ip, who.public_ip, id); }
ATTACK(forged_ip) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip + 77, who.public_ip, id); }
ATTACK(others_ip) { udp_frame(f, who.gw_mac, who.my_mac, who.other_ip, who.public_ip, id); }
ATTACK(others_mac_ip) { udp_frame(f, who.gw_mac, who.other_mac, who.other_ip, who.public_ip, id); }
ATTACK(to_private) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip, who.private_ip, id); }
ATTACK(to_metadata) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip, who.metadata_ip, id); }
ATTACK(to_gateway) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip, who.gw_ip, id); }
ATTACK(to_uplink) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip, who.uplink_ip, id); }
ATTACK(to_other_l2) { udp_frame(f, who.other_mac, who.my_mac, who.my_ip, who.other_ip, id); }
ATTACK(to_other_l3) { udp_frame(f, who.gw_mac, who.my_mac, who.my_ip, who.other_ip, id); }
ATTACK(broadcast_l2) { udp_frame(f, everybody, who.my_mac, who.my_ip, who.other_ip, id); }
ATTACK(broadcast_l3) { udp_frame(f, everybody, who.my_mac, who.my_ip, who.gw_ip | 0xffff, id); }

ATTACK(multicast) {
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };

	udp_frame(f, group, who.my_mac, who.my_ip, 0xe0000001, id);
}

/* Such frames take another way through a bridge, round its first hook. */
ATTACK(lldp_group) {
	static const uint8_t group[6] = { 1, 0x80, 0xc2, 0, 0, 0x0e };

	udp_frame(f, group, who.my_mac, who.my_ip, who.uplink_ip, id);
}

ATTACK(pause_group) {
	static const uint8_t group[6] = { 1, 0x80, 0xc2, 0, 0, 3 };

	udp_frame(f, group, who.my_mac, who.my_ip, who.gw_ip, id);
}

ATTACK(stp_group) {
	static const uint8_t group[6] = { 1, 0x80, 0xc2, 0, 0, 0 };

	udp_frame(f, group, who.my_mac, who.my_ip, who.gw_ip, id);
}

static void vlan_frame(struct frame *f, unsigned outer, uint32_t dst, unsigned id) {
	ether(f, dst == who.other_ip ? who.other_mac : who.gw_mac, who.my_mac, outer);
	put16(f, outer == ETH_P_8021Q ? 0 : 1);
	if (outer == ETH_P_8021AD) {
		put16(f, ETH_P_8021Q);
		put16(f, 0);
	}
	put16(f, ETH_P_IP);
	ipv4(f, who.my_ip, dst, IPPROTO_UDP, 0, NULL, 0, 24);
	udp(f, 5555, PORT, id);
}

/* Priority tags (VLAN 0) are taken off before anybody looks. */
ATTACK(vlan_to_host) { vlan_frame(f, ETH_P_8021Q, who.gw_ip, id); }
ATTACK(vlan_to_other) { vlan_frame(f, ETH_P_8021Q, who.other_ip, id); }
ATTACK(qinq_to_other) { vlan_frame(f, ETH_P_8021AD, who.other_ip, id); }
ATTACK(strange_type) {
	ether(f, who.other_mac, who.my_mac, 0x88b5);
	magic(f, id);
}

ATTACK(arp_other_about_gateway) {
	arp(f, who.other_mac, 2, who.my_mac, who.gw_ip, who.other_ip, id);
}
ATTACK(arp_everybody_about_gateway) {
	arp(f, everybody, 1, who.my_mac, who.gw_ip, who.gw_ip, id);
}

static void ipv6_frame(struct frame *f, const uint8_t *dmac, const uint8_t dst[16], unsigned id) {
	static const uint8_t src[16] = { 0xfe, 0x80, [15] = 0x42 };

	ether(f, dmac, who.my_mac, ETH_P_IPV6);
	put32(f, 0x60000000);
	put16(f, 24);
	put16(f, IPPROTO_UDP << 8 | 64);
	put(f, src, 16);
	put(f, dst, 16);
	/* IPv6 wants a checksum; what counts packets does not. */
	udp(f, 5555, PORT, id);
}

ATTACK(ipv6_to_other) {
	static const uint8_t all[16] = { 0xff, 2, [15] = 1 };

	ipv6_frame(f, who.other_mac, all, id);
}
ATTACK(ipv6_to_host) {
	static const uint8_t all[16] = { 0xff, 2, [15] = 1 };
	static const uint8_t group[6] = { 0x33, 0x33, 0, 0, 0, 1 };

	ipv6_frame(f, group, all, id);
}

ATTACK(gre_to_host) { proto_frame(f, who.gw_ip, IPPROTO_GRE, id); }
ATTACK(sctp_to_host) { proto_frame(f, who.uplink_ip, 132, id); }
ATTACK(ipip_to_host) { proto_frame(f, who.gw_ip, IPPROTO_IPIP, id); }
ATTACK(esp_to_private) { proto_frame(f, who.private_ip, IPPROTO_ESP, id); }
ATTACK(udplite_to_private) { proto_frame(f, who.private_ip, 136, id); }

ATTACK(icmp_error_to_host) {
	ether(f, who.gw_mac, who.my_mac, ETH_P_IP);
	ipv4(f, who.my_ip, who.gw_ip, IPPROTO_ICMP, 0, NULL, 0, 8 + 16);
	put16(f, 3 << 8 | 1);
	put16(f, 0);
	put32(f, 0);
	magic(f, id);
}

/* A first piece that is too short to hold the ports. */
ATTACK(fragment_to_private) {
	ether(f, who.gw_mac, who.my_mac, ETH_P_IP);
	ipv4(f, who.my_ip, who.private_ip, IPPROTO_UDP, 0, NULL, 0, 24);
	udp(f, 5555, PORT, id);
	f->data[14 + 6] = 0x00;
	f->data[14 + 7] = 0x01; /* offset 8: no ports in this piece */
	f->data[14 + 10] = f->data[14 + 11] = 0;
	{
		uint16_t sum = checksum(f->data + 14, 20);

		f->data[14 + 10] = (uint8_t)(sum >> 8);
		f->data[14 + 11] = (uint8_t)sum;
	}
}

/* By way of the host to a private address, as a loose source route. */
ATTACK(source_route) {
	uint8_t option[8] = { 0x83, 7, 4 };
	uint32_t last = htonl(who.private_ip);

	memcpy(option + 3, &last, 4);
	ether(f, who.gw_mac, who.my_mac, ETH_P_IP);
	ipv4(f, who.my_ip, who.uplink_ip, IPPROTO_UDP, 0, option, 8, 24);
	udp(f, 5555, PORT, id);
}

/* Where an attack would be seen if it succeeded. */
static const struct attack {
	const char *name;
	const char *where;
	void (*build)(struct frame *f, unsigned id);
} attacks[] = {
	{ "forged hardware address", "internet", forged_mac },
	{ "forged address", "internet", forged_ip },
	{ "address of another container", "internet", others_ip },
	{ "both addresses of another container", "internet", others_mac_ip },
	{ "private address", "internet", to_private },
	{ "metadata service", "internet", to_metadata },
	{ "host by its gateway address", "host", to_gateway },
	{ "host by its uplink address", "host", to_uplink },
	{ "another container, bridged", "other", to_other_l2 },
	{ "another container, routed", "other", to_other_l3 },
	{ "another container, by broadcast", "other", broadcast_l2 },
	{ "everybody, by broadcast", "other", broadcast_l3 },
	{ "everybody, by multicast", "other", multicast },
	{ "host by the LLDP group address", "host", lldp_group },
	{ "host by the nearest-bridge group address", "host", pause_group },
	{ "host by the spanning tree's group address", "host", stp_group },
	{ "priority tag, to the host", "host", vlan_to_host },
	{ "priority tag, to another container", "other", vlan_to_other },
	{ "two tags, to another container", "other", qinq_to_other },
	{ "unknown ethernet type", "other", strange_type },
	{ "ARP answer for the gateway", "other", arp_other_about_gateway },
	{ "ARP to everybody for the gateway", "other", arp_everybody_about_gateway },
	{ "IPv6 to another container", "other", ipv6_to_other },
	{ "IPv6 to the host", "host", ipv6_to_host },
	{ "GRE to the host", "host", gre_to_host },
	{ "SCTP to the host", "host", sctp_to_host },
	{ "IPIP to the host", "host", ipip_to_host },
	{ "ESP to a private address", "internet", esp_to_private },
	{ "UDP-Lite to a private address", "internet", udplite_to_private },
	{ "unasked ICMP error to the host", "host", icmp_error_to_host },
	{ "later fragment to a private address", "internet", fragment_to_private },
	{ "source route to a private address", "internet", source_route },
};

static void parse_mac(const char *text, uint8_t out[6]) {
	unsigned b[6] = { 0 };

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		exit(2);
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
}

static uint32_t parse_ip(const char *text) {
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		exit(2);
	return ntohl(a.s_addr);
}

static void parse_who(const char *arg) {
	const char *value = strchr(arg, '=');
	const struct {
		const char *key;
		uint8_t *mac;
		uint32_t *ip;
	} keys[] = {
		{ "my_mac", who.my_mac, NULL },	  { "gw_mac", who.gw_mac, NULL },
		{ "other_mac", who.other_mac, NULL }, { "my_ip", NULL, &who.my_ip },
		{ "gw_ip", NULL, &who.gw_ip },	  { "other_ip", NULL, &who.other_ip },
		{ "uplink_ip", NULL, &who.uplink_ip }, { "public_ip", NULL, &who.public_ip },
		{ "private_ip", NULL, &who.private_ip }, { "metadata_ip", NULL, &who.metadata_ip },
	};

	for (size_t i = 0; value && i < ARRAY_SIZE(keys); i++) {
		if (strncmp(arg, keys[i].key, (size_t)(value - arg)) != 0 ||
		    strlen(keys[i].key) != (size_t)(value - arg))
			continue;
		if (keys[i].mac)
			parse_mac(value + 1, keys[i].mac);
		else
			*keys[i].ip = parse_ip(value + 1);
		return;
	}
	exit(2);
}

static int cmd_attack(char **argv) {
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	to.sll_ifindex = (int)if_nametoindex(argv[0]);
	for (argv++; *argv; argv++)
		parse_who(*argv);
	for (unsigned i = 0; i < ARRAY_SIZE(attacks); i++) {
		struct frame f = { .len = 0 };

		attacks[i].build(&f, i);
		if (f.len < 60)
			f.len = 60;
		if (sendto(fd, f.data, f.len, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			perror(attacks[i].name);
			return 1;
		}
	}
	return 0;
}

static int cmd_names(char **argv) {
	for (unsigned i = 0; i < ARRAY_SIZE(attacks); i++)
		printf("%02u %s %s\n", i, attacks[i].where, attacks[i].name);
	return 0;
}

static unsigned counts[100];

static void count(const uint8_t *data, size_t len) {
	const uint8_t *p = memmem(data, len, MAGIC, strlen(MAGIC));

	if (p && (size_t)(data + len - p) >= strlen(MAGIC) + 2)
		counts[(p[strlen(MAGIC)] - '0') * 10 + (p[strlen(MAGIC) + 1] - '0')]++;
}

/* Count at all of @fds until end of file. */
static int sink(const int *fds, size_t n) {
	struct pollfd p[64] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	uint8_t buf[2048];

	for (size_t i = 0; i < n; i++)
		p[i + 1] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		bool end;

		if (poll(p, n + 1, -1) < 0)
			return 1;
		end = p[0].revents != 0;
		for (size_t i = 1; i <= n; i++) {
			ssize_t len;

			while ((len = recv(p[i].fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
				count(buf, (size_t)len);
		}
		if (end)
			break;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(attacks); i++)
		printf("%02u %u\n", i, counts[i]);
	return 0;
}

/* What comes in, not what is sent. */
static int cmd_sink_packet(char **argv) {
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0) {
		perror("sink");
		return 1;
	}
	return sink(&fd, 1);
}

/* Raw sockets get a packet behind the last hook of the way in. */
static int cmd_sink_host(char **argv) {
	static const int protos[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_GRE,
				      IPPROTO_IPIP, IPPROTO_ESP, 132, 136 };
	int fds[ARRAY_SIZE(protos) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		fds[n++] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protos[i]);
	fds[n] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fds[n] >= 0)
		n++;
	return sink(fds, n);
}

static const char *outcome(int error) {
	switch (error) {
	case 0:
		return "open";
	case ECONNREFUSED:
	case ECONNRESET:
		return "refused";
	case EINPROGRESS:
	case EAGAIN:
	case ETIMEDOUT:
		return "silent";
	default:
		return "unreachable";
	}
}

static int cmd_connect(char **argv) {
	bool datagram = argv[2] && !strcmp(argv[2], "udp");
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct timeval wait = { .tv_sec = 1 };
	int fd = socket(AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	char buf[64] = "";
	ssize_t n;

	inet_pton(AF_INET, argv[0], &to.sin_addr);
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		printf("%s\n", outcome(errno));
		return 0;
	}
	if (datagram && send(fd, "?", 1, 0) < 0) {
		printf("%s\n", outcome(errno));
		return 0;
	}
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	printf("%s%s%s\n", outcome(n < 0 ? errno : 0), n > 0 ? " " : "", n > 0 ? buf : "");
	return 0;
}

/* The answer leaves from the address that was asked. */
static void echo_datagram(int fd) {
	union {
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control;
	struct sockaddr_in from;
	char text[INET_ADDRSTRLEN];
	struct iovec iov = { .iov_base = text, .iov_len = 1 };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };

	if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
		return;
	((struct in_pktinfo *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m)))->ipi_ifindex = 0;
	inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
	iov.iov_len = strlen(text);
	(void)sendmsg(fd, &m, 0);
}

/* One flow of datagrams, used once for each byte on standard input: is it still open? */
static int cmd_hold(char **argv) {
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct timeval wait = { .tv_sec = 1 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char c, buf[64];

	inet_pton(AF_INET, argv[0], &to.sin_addr);
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || send(fd, "?", 1, 0) < 0 ||
	    recv(fd, buf, sizeof(buf), 0) <= 0) {
		perror("hold");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (int n = 1; read(STDIN_FILENO, &c, 1) > 0; n++) {
		if (send(fd, "?", 1, 0) < 0 || recv(fd, buf, sizeof(buf), 0) <= 0)
			printf("gone %d\n", n);
		else
			printf("still %d\n", n);
		fflush(stdout);
	}
	return 0;
}

static int cmd_serve(char **argv) {
	struct sockaddr_in at = { .sin_family = AF_INET };
	int one = 1;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p[3] = { { .fd = tcp, .events = POLLIN },
			       { .fd = datagram, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	at.sin_port = htons((uint16_t)strtoul(argv[0], NULL, 10));
	(void)setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(datagram, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (bind(tcp, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(tcp, 8) < 0 ||
	    bind(datagram, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("serve");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (poll(p, 3, -1) > 0 && !p[2].revents) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		char text[INET_ADDRSTRLEN];

		if (p[0].revents) {
			int fd = accept(tcp, (struct sockaddr *)&from, &len);

			inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
			(void)!write(fd, text, strlen(text));
			close(fd);
		} else {
			echo_datagram(datagram);
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*fn)(char **argv);
} commands[] = {
	{ "attack", 2, cmd_attack },	       { "names", 0, cmd_names },
	{ "sink-packet", 0, cmd_sink_packet }, { "sink-host", 0, cmd_sink_host },
	{ "connect", 2, cmd_connect },	       { "serve", 1, cmd_serve },
	{ "hold", 2, cmd_hold },
};

int main(int argc, char **argv) {
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].args)
			return commands[i].fn(argv + 2);
	fprintf(stderr, "probe: unknown command\n");
	return 2;
}
